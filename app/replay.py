"""A case re-executed from its events in a fresh engine: what the proof compares, and what a verb goes back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from app import engine, forms, journal
from app.context import Context
from app.engine.definition import Definition
from app.revisions import Loaded


@dataclass(frozen=True)
class Mark:
    """Where a case stood before event `seq`: what taking that event back goes back to."""

    seq: int
    state: bytes
    facts: Mapping[str, Any]
    status: str
    ends: tuple[str, ...]


@dataclass
class Replay:
    """A case as far as its events have been read. `data` is whole only where nothing that was typed is erased."""

    definition: Definition
    facts: dict[str, Any]
    state: bytes = b""
    data: dict[str, Any] = field(default_factory=dict)
    status: str = "open"
    ends: tuple[str, ...] = ()
    marks: list[Mark] = field(default_factory=list)
    entries: list[journal.Entry] = field(default_factory=list)

    @classmethod
    def of(cls, loaded: Loaded) -> Self:
        """A case that has not begun."""
        return cls(loaded.definition, engine.facts(loaded.definition, {}))

    def typed(self, loaded: Loaded, entry: journal.Entry) -> None:
        """Takes over the facts of an event and what was typed at it: what the engine then goes by."""
        self.entries.append(entry)
        if entry.kind in journal.UNDOING:
            self.facts, self.data = dict(self.undone(entry).facts), journal.data(loaded.form_at, self.entries)
        else:
            answered = replace(entry, body={**entry.body, "set": {}})  # as before the diagram set anything
            self.data = journal.data_after(loaded.form_at(entry.step), self.data, answered)
        self.facts = {**self.facts, **entry.body.get("facts", {})}
        if entry.kind == "revoke":
            self.status = "revoked"

    def moves(self, entry: journal.Entry) -> bool:
        """Does the engine act at this event? At a correction only while the case is open."""
        return entry.kind in journal.MOVES and (entry.kind != "correct" or self.status == "open")

    def moved(self, ctx: Context, entry: journal.Entry) -> engine.Outcome | None:
        """What the engine does at this event; None where nothing was due. Raises whatever the engine objects to."""
        body, local, anew = entry.body, ctx.local(entry.at), entry.kind == "reopen"
        definition, state, facts = self.definition, self.state, self.facts
        match entry.kind:
            case "start":
                return engine.start(definition, body.get("start"), facts, local)
            case "complete":
                return engine.complete(definition, state, body["token"], facts, entry.choice or None, local)
            case "timer":
                return engine.fire(definition, state, facts, local)
            case "take_back" | "reopen":
                return engine.rewind(definition, self.undone(entry).state, state, facts, local, anew)
            case "correct":
                return engine.resume(definition, state, facts, local)
            case _:
                return engine.stop(definition, state, facts, local)

    def undone(self, entry: journal.Entry) -> Mark:
        """The mark of the event that this one takes back: the last that still holds. Raises ValueError for another."""
        if not self.marks or self.marks[-1].seq != entry.body.get("of"):
            raise ValueError("bukan peristiwa terakhir yang diambil kembali")
        return self.marks[-1]

    def took(self, entry: journal.Entry, outcome: engine.Outcome, before: Mark) -> None:
        """Goes on from what the engine did; `before` is where the case stood (see `mark`)."""
        self.data = forms.merge(self.data, outcome.facts)
        self.facts = engine.facts(self.definition, forms.merge(self.facts, outcome.facts))
        self.state = outcome.state
        if entry.kind in journal.UNDOING:
            undone = self.marks.pop()
            self.status, self.ends = undone.status, undone.ends
            return
        self.marks.append(before)
        self.ends += outcome.ends
        if outcome.ended:
            self.status = journal.STOPS.get(entry.kind) or journal.status(self.definition, self.ends)

    def mark(self, entry: journal.Entry) -> Mark:
        """Where the case stands before an event."""
        return Mark(entry.seq, self.state, self.facts, self.status, self.ends)


def replayed(ctx: Context, loaded: Loaded, entries: Sequence[journal.Entry]) -> Replay:
    """A case as its events made it. Raises what the engine objects to, ValueError where they do not fit."""
    replay = Replay.of(loaded)
    for entry in entries:
        before = replay.mark(entry)
        replay.typed(loaded, entry)
        if replay.moves(entry):
            outcome = replay.moved(ctx, entry)
            if outcome is None:
                raise ValueError("tidak ada tenggat yang jatuh pada saat ini")
            replay.took(entry, outcome, before)
    return replay
