"""A random walk through a definition to its end, through the same verbs as a real case."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from app.engine import run
from app.engine.definition import Definition
from app.engine.events import Catch
from app.engine.expressions import Expression, put, telling
from app.engine.nodes import Repeated, Table
from app.engine.specs import named, specs

TRIES = 40  # sets of random facts to try before a gateway counts as a dead end
MOST_OPEN = 100  # steps at once, instances of a loop marker counted as one: more come of branches that nothing joins
MOST_STATE = 60_000  # bytes, of some thousand tokens that wait
MOST_SECONDS = 10.0  # only where a verb of a case that is still small takes so long
ASIDE = 0.1  # how often something happens by itself though somebody could do a step
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
    """Completes random open steps with random choices and facts; clocks and messages come when nothing else can, and
    now and then before.
    """
    walker = _Walker(definition, seed)
    try:
        walker.begin()
        idle = 0
        began = time.monotonic()
        while not walker.last.ended:
            if len(walker.done) >= max_steps:
                return Walk(False, tuple(walker.done), f"Belum sampai akhir setelah {max_steps} langkah.")
            if idle > max_steps:
                error = "Tidak ada langkah yang terbuka dan tidak ada lagi yang dapat terjadi."
                return Walk(False, tuple(walker.done), error)
            passes = {(step.step, step.round) for step in walker.open.values()}
            if len(passes) > MOST_OPEN or len(walker.last.state) > MOST_STATE:
                return Walk(False, tuple(walker.done), TOO_MANY.format(len(walker.open)))
            if time.monotonic() - began > MOST_SECONDS:
                return Walk(False, tuple(walker.done), TOO_LONG.format(len(walker.done)))
            if walker.open and not (walker.chance.random() < ASIDE / walker.rounds() and walker.something_waits()):
                walker.complete()
                idle = 0
            elif walker.open:
                walker.wait()
            else:
                walker.wait()
                idle += 1
    except run.EngineError as error:
        return Walk(False, tuple(walker.done), error.message)
    return Walk(True, tuple(walker.done), None)


TOO_MANY = (
    "Langkah yang terbuka terus bertambah (sekarang {}): cabang yang dibagi kembali ke sebelum pembaginya, atau tidak "
    "digabung. Gabungkan cabang-cabang itu sebelum kembali."
)
TOO_LONG = "Belum sampai akhir setelah {} langkah, dan setiap langkah makin lama dihitung. Periksalah putarannya."


class _Walker:
    last: run.Outcome

    def __init__(self, definition: Definition, seed: int) -> None:
        self.definition = definition
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.values = _values(definition)
        self.now = BEGIN
        self.open: dict[str, run.OpenStep] = {}
        self.done: list[WalkStep] = []

    def begin(self) -> None:
        start = self.chance.choice([known.id for known in self.definition.starts] or [None])
        self.attempt(lambda facts: run.start(self.definition, start, facts, self.now))

    def complete(self) -> None:
        opened = self.chance.choice(list(self.open.values()))
        step = self.definition.steps.get(opened.step)
        choices = step.choices if step else ()
        # Returns become rarer with every round, or a long SOP would hardly ever end.
        weights = [1 / opened.round if choice.returns else 1.0 for choice in choices]
        choice = None

        def verb(facts: dict[str, Any]) -> run.Outcome:
            nonlocal choice
            choice = self.chance.choices(choices, weights)[0].id if choices else None
            return run.complete(self.definition, self.last.state, opened.token, facts, choice, self.now)

        self.attempt(verb)
        self.done.append(WalkStep(opened.step, step.lane if step else "", choice))

    def wait(self) -> None:
        """Nobody can do anything: the next clock strikes, or a message comes."""
        state, due = self.last.state, self.last.next_due
        if due is not None:
            self.now = max(self.now, due)
            self.attempt(lambda facts: run.fire(self.definition, state, facts, self.now))
        else:
            name = self.chance.choice(run.waiting(self.definition, state) or ("",))
            self.attempt(lambda facts: run.send(self.definition, state, name, facts, self.now))

    def something_waits(self) -> bool:
        """Could a clock strike or a message come now?"""
        return self.last.next_due is not None or bool(run.waiting(self.definition, self.last.state))

    def rounds(self) -> int:
        """How often the step that was opened most was; what comes by itself becomes rarer, as returns do."""
        return max((step.round for step in self.open.values()), default=1)

    def attempt(self, verb: Callable[[dict[str, Any]], run.Outcome | None]) -> None:
        """What is refused is not saved: people would give other answers, so the walk does too."""
        tries = TRIES
        while True:
            try:
                outcome = verb(self.facts())
                break
            except run.RoutingError as error:
                tries -= 10 if isinstance(error, run.Endless) else 1
                if tries <= 0:
                    raise
        if outcome is not None:
            self.last = outcome
            self.open = {token: step for token, step in self.open.items() if token not in outcome.closed}
            self.open.update({step.token: step for step in outcome.opened})

    def facts(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name in self.definition.facts:
            made = put(made, name.split("."), self.chance.choice(self.values.get(name, [None, True, False])))
        return made


def _values(definition: Definition) -> dict[str, list[Any]]:
    """For each fact the values that make a difference: what it is compared with, nothing, yes, no."""
    values: dict[str, list[Any]] = {}
    for expression, typical in _expressions(definition):
        for name in expression.names:
            values.setdefault(name, []).extend([*telling(expression), *typical])
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
        if isinstance(node, Table):
            for decision in node.decision.all():
                for row in decision.rows:
                    yield from ((test, _between(test)) for test in row.tests)
        if isinstance(node, Catch):
            for trigger in node.triggers:
                if isinstance(trigger.value, Expression):
                    yield trigger.value, TIMES.get(trigger.kind, [])


def _between(test: Expression) -> list[Any]:
    """What lies inside a cell's bounds, or beyond them: the middle of two numbers, the days beside a date."""
    constants = [node.value for node in ast.walk(ast.parse(test.text)) if isinstance(node, ast.Constant)]
    numbers = sorted(value for value in constants if isinstance(value, int | float) and not isinstance(value, bool))
    found: list[Any] = [(low + high) / 2 for low, high in pairwise(numbers)]
    for text in constants:
        if isinstance(text, str):
            with suppress(ValueError, OverflowError):
                found += [(date.fromisoformat(text[:10]) + timedelta(days)).isoformat() for days in (-1, 1)]
    return found
