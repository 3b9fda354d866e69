"""Random walks through a diagram with everything inside loops, judged after every event by another reading of BPMN."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import engine
from app.engine.tokens import Endless, Stuck
from tests import simulator
from tests.drawn import outside
from tests.random_drawing import KINDS, random_drawing
from tests.simulator import Simulator

DRAWN = (Path(__file__).parent / "diagrams" / "torture.bpmn").read_bytes()
BEGIN = datetime(2026, 11, 23, 1, tzinfo=UTC)
EVENTS = 90
SIGNALS = (*("batal", "tanya", "datang", "tambahan", "keluhan") * 4, "tidak ada", "tarik")


@pytest.fixture(scope="module")
def definition() -> engine.Definition:
    reading = engine.read(DRAWN, outside=SIGNALS)
    assert reading.runnable, reading.findings
    return reading.definition


class Judged:
    """One case, driven by the engine and by the judge at once; every state is saved and loaded again by the verbs."""

    def __init__(self, definition: engine.Definition, drawn: bytes, seed: int) -> None:
        self.definition, self.seed, self.chance = definition, seed, random.Random(seed)
        self.judge = Simulator(drawn)
        self.data: dict = {}
        self.open: dict[str, engine.OpenStep] = {}
        self.log: list[tuple] = []  # each verb, its arguments and outcome
        self.now = BEGIN
        self.last: engine.Outcome | None = None  # None where the drawing came to a dead end

    def facts(self) -> dict:
        choice = self.chance.choice
        self.data.update(
            x=choice([0, 1, None]),
            y=choice([0, 1, None]),
            n=choice([0, 1, 2, 3, None]),
            daftar=choice([None, [], ["a"], ["a", "b", "c"]]),
            henti=choice([True, False, None]),
        )
        return engine.facts(self.definition, self.data)

    def names(self) -> list[str]:
        """What may come from outside: mostly what is waited for."""
        if self.judge.diagram.process.get("id") == "siksa":
            return list(SIGNALS)
        heard = [name for name in self.judge.diagram.names.values() if name and self.judge.waits_for(name)]
        return [*heard * 5, "semua", "tidak ada"]

    def both(self, verb: str, judge: tuple, arguments: tuple) -> None:
        """Let the judge act, then the engine, and compare everything that can be seen."""
        try:
            getattr(self.judge, verb)(*judge)
            expected = Stuck if self.judge.stuck else None
        except simulator.Endless:
            expected = Endless
        state = (None,) if self.last is None else (self.last.state,)
        view = self.judge.view(self.definition.facts)
        where = f"seed {self.seed}, event {len(self.log)}: {verb} {arguments}\njudge {view}"
        dead_end, outcome = None, None
        try:
            outcome = getattr(engine, verb.replace("begin", "start"))(self.definition, *state, *arguments)
        except (Stuck, Endless) as error:
            dead_end = type(error)
        assert dead_end is expected, where
        self.last = outcome
        if outcome is None:
            return
        self.log.append((verb, *arguments, outcome))
        self.data.update(outcome.facts)
        self.open = {token: step for token, step in self.open.items() if token not in outcome.closed}
        self.open |= {step.token: step for step in outcome.opened}
        seen = {
            "steps": Counter((step.step, step.round) for step in self.open.values()),
            "ended": outcome.ended,
            "next due": outcome.next_due,
            "flows": Counter(element for element in outcome.path if element in self.judge.diagram.flows),
            "digest": outcome.digest,
        }
        judged = {
            "steps": Counter((here.node, here.round) for here in self.judge.steps()),
            "ended": self.judge.ended,
            "next due": self.judge.next_due(),
            "flows": self.judge.passed,
            "digest": self.judge.digest(self.definition.facts),
        }
        assert seen == judged, f"{where}\nengine {outcome}"

    def walk(self, most: int) -> list[tuple]:
        facts = self.facts()
        self.both("begin", (facts, self.now), (facts, self.now))
        while self.last and not self.last.ended and len(self.log) < most and len(self.open) < 30:
            self.now += timedelta(seconds=self.chance.randint(1, 600))
            facts = self.facts()
            if self.last.next_due and self.chance.random() < (0.15 if self.open else 0.6):
                self.now = max(self.now, self.last.next_due)
                self.both("fire", (facts,), (facts, self.now))
            elif self.chance.random() < 0.2 or not self.open:
                name = self.chance.choice(self.names())
                self.both("send", (name, facts, self.now), (name, facts, self.now))
            else:
                step = self.chance.choice(list(self.open.values()))
                choices = self.definition.steps[step.step].choices
                choice = self.chance.choice(choices).id if choices else None
                alike = [other for other in self.open.values() if (other.step, other.round) == (step.step, step.round)]
                which = (step.step, step.round, alike.index(step))
                self.both("complete", (which, facts, choice, self.now), (step.token, facts, choice, self.now))
        return self.log


def judged_walk(definition: engine.Definition, seed: int) -> list[tuple]:
    log = Judged(definition, DRAWN, seed).walk(EVENTS)
    assert max(len(outcome.state) for *_, outcome in log) < 8_000
    return log


def random_walk(seed: int) -> set[str]:
    """Over a random drawing, where even a dead end must be the same for both. What was passed."""
    drawn = random_drawing(seed)
    reading = engine.read(drawn, outside=outside(drawn))
    errors = {finding.rule for finding in reading.findings if finding.level == "error"}
    assert errors <= {"tanpa-akhir"}, seed
    if not errors:
        assert reading.definition
        log = Judged(reading.definition, drawn, seed).walk(40)
        return {element for *_, outcome in log for element in outcome.path}
    return set()


def test_walks(definition) -> None:
    passed: set[str] = set()
    for seed in range(200):
        for *_, outcome in judged_walk(definition, seed):
            passed.update(outcome.path)
    drawn = Simulator(DRAWN).diagram
    assert passed == {*drawn.nodes, *drawn.flows}, "a branch that no walk takes proves nothing"


def test_random_drawings() -> None:
    passed: set[str] = set()
    for seed in range(300):
        passed |= random_walk(seed)
    kinds = {re.sub(r"\d.*", "", element) for element in passed if "_" not in element}
    drawn = {*KINDS, "S", "E", "B", "Xchoice", "Llink", "handler"}
    assert kinds == drawn, "a kind of node that no walk passes proves nothing"


@pytest.mark.soak
def test_many_random_drawings() -> None:
    for seed in range(1_000, 9_000):
        random_walk(seed)


@pytest.mark.soak
def test_many_walks(definition) -> None:
    for seed in range(1_000, 11_000):
        judged_walk(definition, seed)


def test_replay_gives_the_same_to_the_byte(definition) -> None:
    for seed in range(300, 320):
        state = b""
        for verb, *arguments, outcome in judged_walk(definition, seed):
            before = (None,) if verb == "begin" else (state,)
            again = getattr(engine, verb.replace("begin", "start"))(definition, *before, *arguments)
            assert again == outcome, f"seed {seed}"
            state = outcome.state


FAULTS = {
    "a join that forgets one branch": ('targetRef="P2"', 'targetRef="M_C"'),
    "a condition turned round": ("x == 1<", "x != 1<"),
    "a clock that runs slow": ("PT30M", "PT31M"),
    "an event that no longer interrupts": (
        'attachedToRef="B1" cancelActivity="true"',
        'attachedToRef="B1" cancelActivity="false"',
    ),
    "a loop that runs once too often": ('loopMaximum="2"', 'loopMaximum="3"'),
    "a choice that leads elsewhere": ('_choice == "Sub_ulang"', '_choice == "Sub_benar"'),
}


@pytest.mark.parametrize(("right", "wrong"), FAULTS.values(), ids=FAULTS)
def test_the_judge_notices(definition, right: str, wrong: str) -> None:
    assert right in definition.model
    broken = replace(definition, model=definition.model.replace(right, wrong, 1))
    with pytest.raises((AssertionError, engine.RoutingError)):
        [judged_walk(broken, seed) for seed in range(60)]
