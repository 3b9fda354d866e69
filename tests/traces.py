"""Everything that can happen to a drawing, gone through one by one; and a few signs to write down what may.

A trace is words, one for each thing that happened: `a` step a was completed, `a:c` with the branch drawn to c,
`a[x=1]` with that fact, `@t` the clock of event t struck, `~m` message or signal m came, `^s` the case began at s,
`a>e,f` by which ends e and f were reached, `a!Stuck` which was refused. A trace that stops with the case still open
ends in `...`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any

from app import engine
from app.engine.run import waiting
from app.engine.specs import specs

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
Trace = tuple[str, ...]


def merged(one: Trace, other: Trace) -> set[Trace]:
    """All interleavings."""
    if not one or not other:
        return {one + other}
    return {one[:1] + rest for rest in merged(one[1:], other)} | {other[:1] + rest for rest in merged(one, other[1:])}


def written(text: str) -> set[Trace]:
    """The traces that `a (b | c d) / e` stands for: after a, b in any order with c d; or e alone."""
    words = re.findall(r"[()/|]|[^\s()/|]+", text)

    def either() -> set[Trace]:
        found = beside()
        while words and words[0] == "/":
            words.pop(0)
            found |= beside()
        return found

    def beside() -> set[Trace]:
        found = row()
        while words and words[0] == "|":
            words.pop(0)
            found = set().union(*(merged(one, other) for one, other in product(found, row())))
        return found

    def row() -> set[Trace]:
        found: set[Trace] = {()}
        while words and words[0] not in "/|)":
            word = words.pop(0)
            following = {(word,)} if word != "(" else either()
            if word == "(":
                assert words.pop(0) == ")"
            found = {one + other for one, other in product(found, following)}
        return found

    found = either()
    assert not words, words
    return found


@dataclass(frozen=True)
class Moment:
    """A case at rest. `word` says what led here."""

    word: str
    state: bytes
    open: Mapping[str, engine.OpenStep]
    data: Mapping[str, Any]
    now: datetime
    due: datetime | None
    ended: bool
    left: tuple[str, ...]  # messages yet to come


@dataclass
class Explorer:
    """Goes through all that can happen to a case of `definition`: each step, choice, clock and message, in any order.

    `offers` are the facts that may be given at a step, `sent` the messages that may come, each as often as it stands
    there; a trace is cut after `most` words.
    """

    definition: engine.Definition
    facts: Mapping[str, Any] = field(default_factory=dict)
    offers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    sent: tuple[str, ...] = ()
    starts: tuple[str | None, ...] = (None,)
    most: int = 12

    def traces(self) -> set[Trace]:
        found: set[Trace] = set()
        for start in self.starts:
            word = f"^{start}" if start else ""
            first = self.attempt(word, "start", (start,), dict(self.facts), NOW, {}, None, self.sent)
            found |= {tuple(w for w in trace if w) for trace in self.onward(first, self.most)}
        return found

    def halves(self, most: int) -> Iterator[tuple[Trace, Moment | None]]:
        """Every case stopped after `most` words, with what led there; without a moment where it is over by then."""
        rest: list[tuple[Trace, Moment | str]] = [
            (
                (),
                self.attempt(
                    f"^{start}" if start else "", "start", (start,), dict(self.facts), NOW, {}, None, self.sent
                ),
            )
            for start in self.starts
        ]
        while rest:
            before, moment = rest.pop()
            word = moment if isinstance(moment, str) else moment.word
            if isinstance(moment, str) or moment.ended:
                yield (*before, word), None
            elif len(before) == min(most, self.most):
                yield before, moment
            else:
                following = [((*before, word), other) for other in self.moves(moment)]
                rest += following
                if not following:
                    yield (*before, word, "..."), None

    def onward(self, moment: Moment | str, most: int) -> set[Trace]:
        if isinstance(moment, str):
            return {(moment,)}
        if moment.ended:
            return {(moment.word,)}
        following = list(self.moves(moment)) if most else []
        if not following:
            return {(moment.word, "...")}
        return {(moment.word, *trace) for other in following for trace in self.onward(other, most - 1)}

    def moves(self, moment: Moment) -> Iterator[Moment | str]:
        state = moment.state
        if moment.due is not None:
            now = max(moment.now, moment.due)
            yield self.attempt("", "fire", (state,), moment.data, now, moment.open, "@", moment.left)
            if moment.due <= moment.now:
                return  # what is due comes first
        for token, step in moment.open.items():
            known = self.definition.steps.get(step.step)
            for choice in (known.choices if known else ()) or (None,):
                for offer in self.offers.get(step.step, ({},)):
                    said = ",".join(f"{name}={value}" for name, value in offer.items())
                    word = (
                        step.step
                        + (f":{self.definition.flows[choice.id].target}" if choice else "")
                        + (f"[{said}]" if said else "")
                    )
                    picked = choice.id if choice else None
                    data = {**moment.data, **offer}
                    yield self.attempt(
                        word, "complete", (state, token), data, moment.now, moment.open, None, moment.left, picked
                    )
        heard = waiting(self.definition, state)
        for name in dict.fromkeys(moment.left):
            left = list(moment.left)
            left.remove(name)
            if name in heard:
                yield self.attempt(
                    f"~{name}", "send", (state, name), moment.data, moment.now, moment.open, None, tuple(left)
                )

    def attempt(self, word, verb, arguments, data, now, opened, clock, left, *choice) -> Moment | str:
        facts = engine.facts(self.definition, data)
        last = (facts, *choice, now) if verb == "complete" else (facts, now)
        here = told(lambda: getattr(engine, verb)(self.definition, *arguments, *last))
        assert here == told(lambda: getattr(engine, verb)(self.revived(), *map(copied, arguments), *last)), word
        if isinstance(here, str):
            return f"{word}!{here}"
        assert here is not None
        if clock:
            word = clock + next(element for element in here.path)
        data = {**data, **here.facts}
        steps = {token: step for token, step in opened.items() if token not in here.closed}
        steps |= {step.token: step for step in here.opened}
        again = engine.send(
            self.definition, here.state, "nobody waits for this", engine.facts(self.definition, data), now
        )
        assert again.digest == here.digest
        word += f">{','.join(sorted(here.ends))}" if here.ends else ""
        return Moment(word, here.state, steps, data, max(now, here.at), here.next_due, here.ended, left)

    def revived(self) -> engine.Definition:
        """The definition as another process would find it: only from what is stored, with nothing warm."""
        specs.cache_clear()
        return engine.Definition.loads(self.definition.dumps())


def copied(value: Any) -> Any:
    return bytes(bytearray(value)) if isinstance(value, bytes) else value


def told(verb: Callable[[], engine.Outcome | None]) -> engine.Outcome | str | None:
    """What a verb gave; the name of its refusal."""
    try:
        outcome = verb()
    except engine.RoutingError as error:
        return type(error).__name__
    return outcome
