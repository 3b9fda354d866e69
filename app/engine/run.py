"""The verbs: what happens to a case, from its state and facts to its next state. Pure: the clock is an argument.

Each verb returns an Outcome or raises an EngineError; nothing is changed by one that raises.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.engine import state as states
from app.engine.definition import Definition
from app.engine.events import Catch, stamp, unstamp
from app.engine.specs import specs
from app.engine.tokens import (
    READY,
    WAITING,
    BadValue,
    Case,
    Endless,
    EngineError,
    NoBranch,
    RoutingError,
    Stuck,
    Token,
)

__all__ = [
    "BadValue", "Endless", "EngineError", "NoBranch", "NotOpen", "OpenStep", "Outcome", "RoutingError", "Stuck",
    "UnknownChoice", "UnknownStart", "complete", "facts", "fire", "pending", "resume", "rewind", "send", "start",
    "stop", "waiting",
]  # fmt: skip


class NotOpen(EngineError):
    """The step is not open: it was completed or interrupted, or never was."""


class UnknownChoice(EngineError):
    """The step has choices and this is none of them, or it has none and one was made."""


class UnknownStart(EngineError):
    """The diagram has no such start."""


@dataclass(frozen=True)
class OpenStep:
    """A step that waits for a person. `round` counts how often it was opened; instances of a loop marker share it."""

    token: str
    step: str
    round: int


@dataclass(frozen=True)
class Outcome:
    """What a verb did. `facts` is what script tasks set, nested, to be merged into the data; `at` is when.

    `opened` are the steps that it opened, `open` all that are open after it.
    """

    state: bytes
    opened: tuple[OpenStep, ...]
    open: tuple[OpenStep, ...]
    closed: tuple[str, ...]
    path: tuple[str, ...]
    ended: bool
    ends: tuple[str, ...]
    facts: Mapping[str, Any]
    next_due: datetime | None
    digest: str
    at: datetime


def facts(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    """Of `data`, what the diagram reads: nested as there, None where there is nothing."""
    whole = set(definition.facts)
    result: dict[str, Any] = {}
    for fact in definition.facts:
        keys = fact.split(".")
        if any(".".join(keys[:size]) in whole for size in range(1, len(keys))):
            continue  # `a.b` comes along with `a`
        value: Any = data
        inner = result
        for key in keys[:-1]:
            value = value.get(key) if isinstance(value, Mapping) else None
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = value.get(keys[-1]) if isinstance(value, Mapping) else None
    return result


def start(definition: Definition, start: str | None, facts: Mapping[str, Any], now: datetime) -> Outcome:
    """A new case, from the start event `start` or the default one. Raises UnknownStart, RoutingError."""
    known = [known.id for known in definition.starts if start in (known.id, None)]
    default = [known.id for known in definition.starts if known.default]
    if start is not None and not known:
        raise UnknownStart(start, "Jalan masuk ini tidak ada di diagram.")
    names = {**facts, "_start": start or next(iter([*default, *known]), None)}
    case = Case(specs(definition.model, definition.key), names, now)
    case.begin(case, case.spec.entries)
    return _settle(definition, case)


def complete(
    definition: Definition, state: bytes, token: str, facts: Mapping[str, Any], choice: str | None, now: datetime
) -> Outcome:
    """The step of `token` is done, with the choice made there. Raises NotOpen, UnknownChoice, RoutingError."""
    case = _load(definition, state, {**facts, "_choice": choice}, now)
    for open_token in case.tokens():
        if open_token.id == token and open_token.state == READY:
            break
    else:
        raise NotOpen("", "Langkah ini sudah tidak terbuka.")
    node = open_token.task_spec
    step = definition.steps.get(node.bpmn_id)
    offered: list[str | None] = [branch.id for branch in step.choices] if step is not None else []
    if choice not in (offered or [None]):
        raise UnknownChoice(node.bpmn_id, f"Keputusan ini tidak ada pada langkah {node.label}.")
    open_token.run()
    return _settle(definition, case)


def fire(definition: Definition, state: bytes, facts: Mapping[str, Any], now: datetime) -> Outcome | None:
    """Let the earliest timer that is due by `now` happen, at its own time; None where none is. Raises RoutingError."""
    case = _load(definition, state, facts, now)
    clocks = [token for token in case.tokens() if "due" in token.internal_data]
    token = min(clocks, key=lambda clock: (_due(clock), int(clock.id)), default=None)  # of equal ones the oldest
    if token is None or _due(token) > stamp(now):
        return None
    case.now = unstamp(_due(token)).astimezone(now.tzinfo)
    token.task_spec.happen(token)
    return _settle(definition, case)


def send(definition: Definition, state: bytes, name: str, facts: Mapping[str, Any], now: datetime) -> Outcome:
    """A signal or message from outside; where nobody waits for it, nothing happens. Raises RoutingError."""
    case = _load(definition, state, facts, now)
    case.deliver(name)
    return _settle(definition, case)


def resume(definition: Definition, state: bytes, facts: Mapping[str, Any], now: datetime) -> Outcome:
    """Facts have become others while nobody did a step: what waited for that happens. Raises RoutingError."""
    return _settle(definition, _load(definition, state, facts, now))


def stop(definition: Definition, state: bytes, facts: Mapping[str, Any], now: datetime) -> Outcome:
    """The case ends where it stands, as no diagram draws it: every token is taken away."""
    case = _load(definition, state, facts, now)
    for token in list(case.task_tree.children):
        token.cancel()
    case.mail.clear()
    return _settle(definition, case)


def rewind(
    definition: Definition, before: bytes, after: bytes, facts: Mapping[str, Any], now: datetime, anew: bool = False
) -> Outcome:
    """Back from `after` to where the case stood `before`: the steps of then are open again, under their old names.

    No name is given twice, so the ids that came after stay used up. With `anew` every timer that counts from when it
    began begins now: what was due while the case lay closed has not happened.
    """
    case, gone = (_load(definition, state, facts, now) for state in (before, after))
    open_now = {token.id: token for token in case.tokens() if token.state == READY}
    closed = [token.id for token in gone.tokens() if token.state == READY and token.id not in open_now]
    was = {token.id for token in gone.tokens()}
    case.first_id = case.last_id = gone.last_id
    for token in case.tokens():
        if anew and isinstance(token.task_spec, Catch):
            token.task_spec.restart(token)
    outcome = _settle(definition, case)
    opened = tuple(_open(token) for key, token in open_now.items() if key not in was)
    return replace(outcome, opened=opened, closed=tuple(closed))


def pending(definition: Definition, state: bytes) -> tuple[tuple[OpenStep, ...], datetime | None]:
    """What a case waits for: every open step, and when its next timer is due."""
    tokens = list(_load(definition, state, {}, EPOCH).tokens())
    due = min((_due(token) for token in tokens if token.state == WAITING and "due" in token.internal_data), default="")
    return tuple(_open(token) for token in tokens if token.state == READY), unstamp(due) if due else None


def waiting(definition: Definition, state: bytes) -> tuple[str, ...]:
    """The names of the signals and messages that the case waits for."""
    return tuple(
        trigger.name
        for token in _load(definition, state, {}, EPOCH).tokens()
        if isinstance(token.task_spec, Catch)
        for trigger in token.task_spec.triggers
        if trigger.kind in ("signal", "message") and not trigger.inner
    )


EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")  # for questions that no clock answers


def _load(definition: Definition, state: bytes, names: Mapping[str, Any], now: datetime) -> Case:
    return states.loads(state, specs(definition.model, definition.key), names, now)


def _due(token: Token) -> str:
    due: str = token.internal_data["due"]
    return due


def _open(token: Token) -> OpenStep:
    return OpenStep(token.id, token.task_spec.bpmn_id, token.internal_data["round"])


def _settle(definition: Definition, case: Case) -> Outcome:
    case.settle()
    steps, waits, due = [], [], ""
    for token in case.tokens():
        if token.state == READY:
            steps.append(_open(token))
        elif token.state == WAITING:
            at = token.internal_data.get("due", "")
            waits.append([token.task_spec.bpmn_id, at])
            if at and (not due or at < due):
                due = at
    view = {
        "facts": facts(definition, case.names),
        "steps": sorted([step.step, step.round] for step in steps),
        "waits": sorted(waits),
    }
    view |= {"mail": sorted(case.mail)} if case.mail else {}
    canonical = json.dumps(view, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Outcome(
        state=states.dumps(case),
        opened=tuple(step for step in steps if case.is_new(step.token)),
        open=tuple(steps),
        closed=tuple(token for token in case.closed if not case.is_new(token)),
        path=tuple(case.path),
        ended=not case.task_tree.children,
        ends=tuple(case.ends),
        facts=case.changes,
        next_due=unstamp(due) if due else None,
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
        at=case.now,
    )
