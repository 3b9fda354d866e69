"""What happened, and is it whole: the only writer of `Event`.

Events of a case are chained: each digest covers the one before it and every column of its row. What a person typed
stands beside the chain, under an HMAC whose key is erased with it, so that personal data can be destroyed while the
proof that the process ran stays whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    String,
    Text,
    Update,
    bindparam,
    cast,
    delete,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm.attributes import set_committed_value

from app import forms, wording
from app.context import Context
from app.engine.definition import Definition
from app.forms import Form
from app.models import Case, Event, EventValues, Person, canonical, instant, moment

STOPS = {"withdraw": "withdrawn", "refuse": "refused", "lapse": "lapsed"}  # a person ends the case: what it then is
UNDOING = ("take_back", "reopen")  # `of` in the body is the event that no longer holds
DRAWN = ("start", "complete", "timer")  # by which the diagram goes on
MOVES = (*DRAWN, "correct", *STOPS, *UNDOING)  # what the engine re-executes
WORK = ("claim", "release", "assign", "postpone", "note", "question", "answer", "revoke", "link", "void")
KINDS = (*MOVES, *WORK, "document", "breach", "calendar", "archive", "destroy")
ENDS = {"selesai": "ended", "ditolak": "refused", "ditarik": "withdrawn", "gugur": "lapsed"}
NAMING = frozenset({"kuasa", "from"})  # in a body: somebody by id and name, who may be an applicant
COLUMNS = ("at", "recorded_at", "actor_id", "actor", "lane", "kind", "step", "choice", "body", "answers_digest")


@dataclass(frozen=True)
class Typed:
    """What a person typed at an event; `files` are the ids of the uploads among the answers."""

    answers: Mapping[str, Any]
    note: str = ""
    faults: Sequence[Mapping[str, str]] = ()  # pointer, message
    files: Sequence[str] = ()

    def packed(self) -> list[Any]:
        """As it is stored."""
        return [self.answers, self.note, list(self.faults), list(self.files)]

    def digest(self, key: bytes, sha256: Mapping[str, str]) -> bytes:
        """Half an HMAC-SHA256 (RFC 2104, 5) over all that was typed and the uploads' digests, which are given by id."""
        whole = [*self.packed(), [sha256.get(upload) for upload in self.files]]
        return hmac.digest(key, canonical(whole).encode("utf-8", "surrogatepass"), "sha256")[:16]


@dataclass(frozen=True)
class Entry:
    """One event as its readers see it; `typed` is None where nothing was typed, `erased` where it was destroyed."""

    seq: int
    at: datetime
    recorded_at: datetime
    actor_id: int | None
    actor: str
    lane: str
    kind: str
    step: str
    choice: str
    body: Mapping[str, Any]
    digest: bytes
    typed: Typed | None
    erased: bool

    @property
    def closed(self) -> Sequence[str]:
        """The tokens that this event closed: the completed one, unless the body names them."""
        alone = [self.body["token"]] if self.kind == "complete" else []
        closed: Sequence[str] = self.body.get("closed", alone)
        return closed

    @property
    def by(self) -> str:
        """Who did it, and for whom: `Budi (Plh., a.n. Sari)`, `Nadia (kuasa dari Andi)`."""
        if (kuasa := self.body.get("kuasa")) and "name" in kuasa:
            return f"{self.actor} (kuasa dari {kuasa['name']})"
        return (
            f"{self.actor} ({wording.as_deputy(an['kind'], an['name'])})" if (an := self.body.get("an")) else self.actor
        )

    @property
    def from_paper(self) -> str:
        """Who entered it afterwards, where it was done on paper; else ""."""
        return str(self.body["kertas"]["entered_by"]["name"]) if "kertas" in self.body else ""

    @property
    def note(self) -> str:
        return self.typed.note if self.typed else ""

    @property
    def faults(self) -> Sequence[Mapping[str, str]]:
        return self.typed.faults if self.typed else ()


@dataclass(frozen=True)
class Pass:
    """One pass of one step, a row of the control sheet; `left` is None while it is open."""

    token: str
    step: str
    round: int
    entered: datetime
    left: Entry | None
    returned_by: Entry | None  # the return that opened this pass


@dataclass(frozen=True)
class Change:
    """One value that an event changed, by JSON pointer."""

    pointer: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Correction:
    """A value that an applicant typed and an official changed: what it was, what it is, and by whose event."""

    pointer: str
    before: Any
    after: Any
    entry: Entry


_RAW = {"at": BigInteger, "recorded_at": BigInteger, "body": Text}
_EVENT = insert(Event.__table__).values(  # type: ignore[arg-type]
    {c.key: bindparam(c.key, type_=_RAW.get(c.key, c.type)) for c in Event.__table__.columns}
)
_VALUES = insert(EventValues.__table__)  # type: ignore[arg-type]


def passed(definition: Definition, path: Sequence[str]) -> list[str]:
    """Of what the engine passed, what an event keeps: the sequence flows, and nodes that none of them touches."""
    flows = [definition.flows[element] for element in path if element in definition.flows]
    touched = {node for flow in flows for node in (flow.source, flow.target)}
    return [element for element in path if element not in touched]


def nodes(definition: Definition, kept: Sequence[str]) -> list[str]:
    """The path as drawn, nodes between their flows, from what an event kept of it."""
    whole: list[str] = []
    for element in kept:
        flow = definition.flows.get(element)
        for part in (flow.source, flow.id, flow.target) if flow else (element,):
            if not whole or whole[-1] != part:
                whole.append(part)
    return whole


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that differ: an event keeps no more, and a replay goes on from those before it."""
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


def short(digest: str) -> str:
    """The part of a state's digest that an event keeps: 96 bits, since the chain covers it anyway."""
    return digest[:24]


def chain(previous: bytes, case_id: int, seq: int, row: Mapping[str, Any]) -> bytes:
    """The digest of an event: SHA-256 over the digest before it and every column, as stored."""
    values = [value.hex() if isinstance(value := row[name], bytes) else value for name in COLUMNS]
    return hashlib.sha256(
        canonical([previous.hex(), case_id, seq, *values]).encode("utf-8", "surrogateescape")
    ).digest()


def append(
    ctx: Context,
    case: Case,
    kind: str,
    body: Mapping[str, Any],
    *,
    actor: Person | None = None,
    lane: str = "",
    step: str = "",
    choice: str = "",
    typed: Typed | None = None,
    uploads: Mapping[str, str] | None = None,
    at: datetime | None = None,
    changes: Mapping[str, Any] | None = None,
) -> int:
    """Adds one event to a case whose row is locked, and returns its number.

    `at` is when it happened, else now; `uploads` gives the SHA-256 of the uploads among what was typed, by id;
    `changes` are the columns of the case that this event changes. What somebody did on paper says so (`kertas`).
    """
    if kind not in KINDS:
        raise ValueError(f"not a kind of event: {kind}")
    if actor is not None and (actor.id == case.applicant_id or NAMING.intersection(body)):
        body = {**body, "salt": secrets.token_hex(16)}  # so that no digest tells a name once that is destroyed
    if ctx.paper is not None and actor is not None:
        body = {**body, "kertas": ctx.paper.told()}
    key = secrets.token_bytes(16) if typed else b""
    row = {
        "at": instant(at or ctx.now),
        "recorded_at": instant(ctx.recorded_at),
        "actor_id": actor.id if actor else None,
        "actor": actor.full_name if actor else "",
        "lane": lane,
        "kind": kind,
        "step": step,
        "choice": choice,
        "body": canonical(body),
        "answers_digest": typed.digest(key, uploads or {}) if typed else b"",
    }
    seq = case.seq + 1
    digest = chain(case.head, case.id, seq, row)
    connection = ctx.session.connection()
    connection.execute(_EVENT, {**row, "case_id": case.id, "seq": seq, "digest": digest})
    if typed:
        connection.execute(_VALUES, {"case_id": case.id, "seq": seq, "key": key, "typed": typed.packed()})
    changes = {**(changes or {}), "seq": seq, "head": digest}
    connection.execute(_moved(tuple(changes)), {**changes, "case": case.id})
    for name, value in changes.items():
        set_committed_value(case, name, value)
    return seq


def erase(ctx: Context, case: Case) -> dict[str, str]:
    """Destroys what was typed in a case, and whatever names its applicant or their proxy in its events.

    Every digest stays as it was, so that the chain goes on; of each event that lost a name this gives, by its number,
    the digest of what is left of it, which the event of the destruction bears from now on (see `fits`).
    """
    ctx.session.execute(delete(EventValues).where(EventValues.case_id == case.id))
    rows = stored(ctx, case.id)
    bodies = [json.loads(row["body"]) for row in rows]
    proxies = {row["actor_id"] for row, body in zip(rows, bodies, strict=True) if "kuasa" in body}
    seals: dict[str, str] = {}
    previous = b""
    for row, body in zip(rows, bodies, strict=True):
        left = _nameless(row, body, case.applicant_id, proxies)
        if left != (row["actor"], body):
            actor, kept = left
            ctx.session.execute(
                update(Event).where(Event.case_id == case.id, Event.seq == row["seq"]).values(actor=actor, body=kept)
            )
            rest = {**row, "actor": actor, "body": canonical(kept)}
            seals[str(row["seq"])] = chain(previous, case.id, row["seq"], rest).hex()
        previous = row["digest"]
    return seals


def _nameless(
    row: Mapping[str, Any], body: Mapping[str, Any], applicant: int | None, proxies: Collection[int | None]
) -> tuple[str, dict[str, Any]]:
    """The actor and body of an event without the name of an applicant or proxy, or what was salted with it."""
    outside = {applicant, *proxies} - {None}
    actor = row["actor"]
    if row["actor_id"] in outside:
        actor = wording.PROXY if "kuasa" in body else wording.APPLICANT
    left = {name: value for name, value in body.items() if name != "salt"}
    if "kuasa" in body:
        left["kuasa"] = {"id": body["kuasa"]["id"]}
    if "from" in body and body["from"]["id"] in outside:
        left["from"] = {"id": body["from"]["id"], "name": wording.APPLICANT}
    return actor, left


def fits(previous: bytes, case_id: int, row: Mapping[str, Any], seals: Mapping[str, str]) -> bool:
    """Whether a stored row is what its digest says, or, once it lost a name, what its seal says."""
    digest = chain(previous, case_id, row["seq"], row)
    seal = seals.get(str(row["seq"]))
    return digest.hex() == seal if seal is not None else digest == row["digest"]


def seals(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, str] | None:
    """What the event of a destruction bears of the events before it; None where the case was not destroyed."""
    for row in rows:
        if row["kind"] == "destroy":
            try:
                found = json.loads(row["body"]).get("sealed", {})
                return found if isinstance(found, dict) else {}
            except (ValueError, AttributeError):  # whatever somebody left there
                return {}
    return None


@cache
def _moved(columns: tuple[str, ...]) -> Update:
    """A case's row as a statement: a fifth of what the session's unit of work takes for it."""
    table: Any = Case.__table__
    return update(table).where(table.c.id == bindparam("case")).values({name: bindparam(name) for name in columns})


def entries(ctx: Context, case_id: int, *, typed: bool = True, kind: str = "") -> list[Entry]:
    """Every event of a case, or those of a kind, in order, with what was typed where that still exists.

    Without `typed` what was typed is not looked for, and counts as erased.
    """
    query = select(Event).where(Event.case_id == case_id).order_by(Event.seq)
    if kind:
        query = query.where(Event.kind == kind)
    if not typed:
        return [_entry(event, None) for event in ctx.session.scalars(query)]
    beside = (EventValues.case_id == Event.case_id) & (EventValues.seq == Event.seq)
    rows = ctx.session.execute(query.add_columns(EventValues).outerjoin(EventValues, beside))
    return [_entry(event, values) for event, values in rows]


def of_kinds(ctx: Context, case_ids: Collection[int], kinds: Sequence[str]) -> dict[int, list[Entry]]:
    """The events of these kinds of several cases, by case, in order."""
    rows = ctx.session.execute(
        select(Event, EventValues)
        .outerjoin(EventValues, (EventValues.case_id == Event.case_id) & (EventValues.seq == Event.seq))
        .where(Event.case_id.in_(case_ids), Event.kind.in_(kinds))
        .order_by(Event.case_id, Event.seq)
    )
    found: dict[int, list[Entry]] = {}
    for event, values in rows:
        found.setdefault(event.case_id, []).append(_entry(event, values))
    return found


def completed_at(ctx: Context, case_ids: Collection[int], moments: Collection[datetime]) -> dict[int, list[Entry]]:
    """The completions of several cases at these moments, by case, without what was typed at them."""
    query = select(Event).where(Event.case_id.in_(case_ids), Event.kind == "complete", Event.at.in_(moments))
    found: dict[int, list[Entry]] = {}
    for event in ctx.session.scalars(query.order_by(Event.case_id, Event.seq)):
        found.setdefault(event.case_id, []).append(_entry(event, None))
    return found


def of_steps(ctx: Context, case_ids: Collection[int], steps: Collection[str]) -> dict[int, list[Entry]]:
    """Of several cases, by case, what was answered at these steps, and what was taken back: as `data` needs it."""
    answered = Event.kind.in_(("complete", "correct")) & Event.step.in_(steps)
    rows = ctx.session.execute(
        select(Event, EventValues)
        .outerjoin(EventValues, (EventValues.case_id == Event.case_id) & (EventValues.seq == Event.seq))
        .where(Event.case_id.in_(case_ids), answered | Event.kind.in_(UNDOING))
        .order_by(Event.case_id, Event.seq)
    )
    found: dict[int, list[Entry]] = {}
    for event, values in rows:
        found.setdefault(event.case_id, []).append(_entry(event, values))
    return found


def _entry(event: Event, values: EventValues | None) -> Entry:
    typed = Typed(*values.typed) if values else None
    return Entry(
        event.seq, event.at, event.recorded_at, event.actor_id, event.actor, event.lane, event.kind, event.step,
        event.choice, event.body, event.digest, typed, bool(event.answers_digest) and typed is None,
    )  # fmt: skip


def data_after(form: Form | None, data: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """A case's data after an event at a step with this form: what was answered, the numbers given, what scripts set."""
    if entry.kind in ("complete", "correct") and form is not None:
        data = forms.apply(form, data, entry.typed.answers if entry.typed else {})
    data = forms.merge(data, forms.nested(entry.body.get("numbers", {})))
    return forms.merge(data, entry.body.get("set", {}))


def data(
    form_at: Callable[[str], Form | None], journal: Sequence[Entry], without: Collection[int] = ()
) -> dict[str, Any]:
    """A case's data as its events made it; `form_at` gives the form of a step, `without` what is being taken back.

    Of an event that was taken back the numbers stay: they stand in their registers, and no other may have them.
    """
    whole: dict[str, Any] = {}
    gone = undone(journal).union(without)
    for entry in journal:
        if entry.seq in gone:
            entry = replace(entry, typed=None, body={"numbers": entry.body.get("numbers", {})})
        whole = data_after(form_at(entry.step), whole, entry)
    return whole


def undone(journal: Sequence[Entry]) -> set[int]:
    """The events that were taken back: they happened, and hold no longer."""
    return {entry.body["of"] for entry in journal if entry.kind in UNDOING}


def differences(before: Mapping[str, Any], after: Mapping[str, Any], parent: str = "") -> Iterator[Change]:
    """Every leaf value that differs between two states of a case's data, by JSON pointer."""
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) or isinstance(new, dict):
            yield from differences(
                old if isinstance(old, dict) else {}, new if isinstance(new, dict) else {}, f"{parent}/{key}"
            )
        elif old != new:
            yield Change(f"{parent}/{key}", old, new)


def corrections(
    definition: Definition, form_at: Callable[[str], Form | None], journal: Sequence[Entry]
) -> list[Correction]:
    """Which of the values that stand now were the applicant's and are an official's, in the order of the changes.

    What is filled in at the applicant's lane is theirs, whoever held the pen; once they fill it in anew it is again.
    """
    gone = undone(journal)
    typed: dict[str, Any] = {}  # what the applicant typed, by pointer
    found: dict[str, Correction] = {}
    whole: dict[str, Any] = {}
    for entry in journal:
        form, answers = form_at(entry.step), entry.kind in ("complete", "correct") and entry.seq not in gone
        if form is None or not answers or entry.typed is None:
            continue
        step, before = definition.steps.get(entry.step), whole
        whole = forms.apply(form, whole, entry.typed.answers)
        theirs = entry.kind == "complete" and step is not None and step.lane == definition.applicant_lane
        for change in differences({}, forms.apply(form, {}, entry.typed.answers)) if theirs else ():
            typed[change.pointer] = change.after
            found.pop(change.pointer, None)
        for change in differences(before, whole):
            if theirs and change.after is None:
                typed.pop(change.pointer, None)
            if theirs or change.pointer not in typed:
                continue
            found.pop(change.pointer, None)
            if typed[change.pointer] != change.after:
                found[change.pointer] = Correction(change.pointer, typed[change.pointer], change.after, entry)
    return list(found.values())


def without_typed(entry: Entry) -> Entry:
    """An event as it is shown to somebody who may know that it happened, and not what was written."""
    return replace(entry, typed=None)


def passes(definition: Definition, journal: Sequence[Entry]) -> list[Pass]:
    """The control sheet's rows: each time that a step was opened, in order, and the event that closed it."""
    rows: list[Pass] = []
    last: dict[str, int] = {}
    for entry in journal:
        for token in entry.closed:
            if token in last:
                rows[last[token]] = replace(rows[last[token]], left=entry)
        returned = entry if is_return(definition, entry) else None
        for token, step, round_ in entry.body.get("opened", ()):
            again = rows[last[token]].returned_by if token in last else returned  # open once more
            last[token] = len(rows)
            rows.append(Pass(token, step, round_, entry.at, None, again))
    return rows


def reached(ctx: Context, case_id: int) -> list[str]:
    """Every end that a case has come to, in order: of parallel branches one may end long before the others."""
    body = type_coerce(Event.body, Text)
    query = (
        select(Event.seq, Event.body)
        .where(Event.case_id == case_id, or_(body.contains('"ends":'), Event.kind.in_(UNDOING)))
        .order_by(Event.seq)
    )
    found: dict[int, list[str]] = {}
    for seq, told in ctx.session.execute(query):
        found[seq] = told.get("ends", [])
        found.pop(told.get("of"), None)
    return [end for ends in found.values() for end in ends]


def status(definition: Definition, ends: Sequence[str]) -> str:
    """What has become of a case that came to these ends: the first that is not the usual one says so."""
    drawn = [definition.ends[end].properties.get("status", "") for end in ends if end in definition.ends]
    return next((ENDS[word] for word in drawn if ENDS.get(word, "ended") != "ended"), "ended")


def is_return(definition: Definition, entry: Entry) -> bool:
    """Whether an event took a branch that leads back, as its revision drew it."""
    step = definition.steps.get(entry.step)
    return bool(step and entry.choice and any(c.returns for c in step.choices if c.id == entry.choice))


def stored(ctx: Context, case_id: int) -> list[dict[str, Any]]:
    """The rows of a case's events just as the database holds them, for the proof: nothing is parsed on the way.

    A text column of SQLite may hold any bytes once somebody meddled with the file; they are read as bytes, and what
    is not UTF-8 becomes lone surrogates, which no digest of ours was made over.
    """
    columns: list[Any] = [type_coerce(c, _RAW[c.key]) if c.key in _RAW else c for c in Event.__table__.columns]
    if ctx.session.get_bind().dialect.name == "sqlite":
        columns = [cast(c, LargeBinary) if isinstance(c.type, String) else c for c in columns]
    names = Event.__table__.columns.keys()
    rows = ctx.session.execute(select(*columns).where(Event.case_id == case_id).order_by(Event.seq))
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for row in found:
        for name, value in row.items():
            if isinstance(value, bytes) and name not in ("digest", "answers_digest"):
                row[name] = value.decode("utf-8", "surrogateescape")
    return found


def parsed(row: Mapping[str, Any], values: EventValues | None) -> Entry:
    """A stored row as an event. Raises ValueError where it is none any more."""
    body = json.loads(row["body"])
    if not isinstance(body, dict):
        raise ValueError("body")
    at, recorded = moment(row["at"]), moment(row["recorded_at"])
    typed = Typed(*values.typed) if values else None
    return Entry(
        row["seq"], at, recorded, row["actor_id"], row["actor"], row["lane"], row["kind"], row["step"],
        row["choice"], body, row["digest"], typed, bool(row["answers_digest"]) and typed is None,
    )  # fmt: skip
