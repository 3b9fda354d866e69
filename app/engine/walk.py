"""A random walk through a definition to its end, through the same verbs as a real case."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.engine import run
from app.engine.definition import Choice, Definition
from app.engine.events import Catch
from app.engine.expressions import Expression, put
from app.engine.nodes import Repeated
from app.engine.specs import named, specs

TRIES = 40  # sets of random facts to try before a gateway counts as a dead end
BEGIN = datetime(2026, 1, 5, 1, tzinfo=UTC)  # walks need some clock; the same one, so that seeds repeat
TIMES = {"date": ["2026-02-02", "2026-03-03T09:00:00+08:00"], "duration": ["PT1H", "P2D"], "cycle": ["R2/P1D", "PT5M"]}


@dataclass(frozen=True)
class WalkStep:
    element: str
    lane: str
    choice: str | None


@dataclass(frozen=True)
class Walk:
    """What a walk did; `error` says, in Indonesian, why it did not come to an end."""

    completed: bool
    steps: tuple[WalkStep, ...]
    error: str | None


def walk(definition: Definition, seed: int, max_steps: int) -> Walk:
    """Completes random open steps with random choices and facts; clocks and messages come when nothing else can."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    values = _values(definition)
    done: list[WalkStep] = []

    def facts() -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name in definition.facts:
            made = put(made, name.split("."), chance.choice(values.get(name, [None, True, False])))
        return made

    def attempt(verb: Any) -> run.Outcome:
        tries = TRIES if definition.facts else 1
        while True:
            try:
                outcome: run.Outcome = verb()
                return outcome
            except run.RoutingError as error:
                tries -= 10 if isinstance(error, run.Endless) else 1
                if tries <= 0:
                    raise

    try:
        begin = chance.choice([known.id for known in definition.starts] or [None])
        outcome = attempt(lambda: run.start(definition, begin, facts(), BEGIN))
        now = BEGIN
        open_steps = {step.token: step for step in outcome.opened}
        idle = 0
        while not outcome.ended:
            if len(done) >= max_steps:
                return Walk(False, tuple(done), f"Belum sampai akhir setelah {max_steps} langkah.")
            if open_steps:
                step = chance.choice(list(open_steps.values()))
                drawn = definition.steps.get(step.step)
                choice = _choose(chance, drawn.choices if drawn else (), step.round)
                state = outcome.state
                outcome = attempt(lambda: run.complete(definition, state, step.token, facts(), choice, now))  # noqa: B023
                done.append(WalkStep(step.step, drawn.lane if drawn else "", choice))
                idle = 0
            else:
                state, due, idle = outcome.state, outcome.next_due, idle + 1
                names = run.waiting(definition, state)
                if idle > max_steps:
                    return Walk(False, tuple(done), "Tidak ada langkah yang terbuka dan tidak ada yang dapat terjadi.")
                if due is not None:
                    now = max(now, due)
                    outcome = attempt(lambda: run.fire(definition, state, facts(), now))  # noqa: B023
                else:
                    name = chance.choice(names) if names else ""
                    outcome = attempt(lambda: run.send(definition, state, name, facts(), now))  # noqa: B023
            for token in outcome.closed:
                open_steps.pop(token, None)
            open_steps.update({step.token: step for step in outcome.opened})
    except run.EngineError as error:
        return Walk(False, tuple(done), error.message)
    return Walk(True, tuple(done), None)


def _choose(chance: random.Random, choices: tuple[Choice, ...], rounds: int) -> str | None:
    """A branch at random; returns become rarer with every round, or a long SOP would hardly ever end."""
    weights = [1 / rounds if choice.returns else 1.0 for choice in choices]
    return chance.choices(choices, weights)[0].id if choices else None


def _values(definition: Definition) -> dict[str, list[Any]]:
    """For each fact the values that make a difference: what it is compared with, nothing, yes, no."""
    values: dict[str, list[Any]] = {}
    for expression, typical in _expressions(definition):
        constants = [node.value for node in ast.walk(ast.parse(expression.text)) if isinstance(node, ast.Constant)]
        numbers = [value for value in constants if isinstance(value, int | float) and not isinstance(value, bool)]
        around = [value + step for value in numbers for step in (-1, 1)]
        for name in expression.names:
            values.setdefault(name, [None, True, False]).extend([*constants, *around, *typical])
    return values


def _expressions(definition: Definition) -> Iterator[tuple[Expression, list[Any]]]:
    for node in named(specs(definition.model, definition.key)):
        for way in node.ways:
            if way.condition is not None:
                yield way.condition, []
        if isinstance(node, Repeated):
            for expression in (node.until, node.again):
                if expression is not None:
                    yield expression, []
            if node.count is not None:
                yield node.count, [1, 2, ["a", "b"]]
        if isinstance(node, Catch):
            for trigger in node.triggers:
                if isinstance(trigger.value, Expression):
                    yield trigger.value, TIMES.get(trigger.kind, [])
