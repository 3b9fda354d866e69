"""Random walks through a diagram with everything inside loops, judged after every event by another reading of BPMN."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import engine
from tests.simulator import Simulator

DRAWN = (Path(__file__).parent / "diagrams" / "torture.bpmn").read_bytes()
BEGIN = datetime(2026, 11, 23, 1, tzinfo=UTC)
EVENTS = 90
SIGNALS = (*("batal", "tanya", "datang", "tambahan", "keluhan") * 4, "tidak ada", "tarik")


@pytest.fixture(scope="module")
def definition() -> engine.Definition:
    reading = engine.read(DRAWN)
    assert reading.runnable, reading.findings
    return reading.definition


def judged_walk(definition: engine.Definition, seed: int) -> list[tuple]:
    """Walk once; every state is saved and loaded again by the verbs. Returns each verb, its arguments and outcome."""
    chance = random.Random(seed)
    judge = Simulator(DRAWN)
    data: dict = {}
    log: list[tuple] = []
    now = BEGIN
    open_steps: dict[str, engine.OpenStep] = {}

    def given() -> dict:
        data.update(
            x=chance.choice([0, 1, None]),
            y=chance.choice([0, 1, None]),
            n=chance.choice([0, 1, 2, 3, None]),
            daftar=chance.choice([None, [], ["a"], ["a", "b", "c"]]),
            henti=chance.choice([True, False, None]),
        )
        return engine.facts(definition, data)

    def check(outcome: engine.Outcome, event: tuple) -> engine.Outcome:
        log.append((*event, outcome))
        data.update(outcome.facts)
        for token in outcome.closed:
            del open_steps[token]
        open_steps.update({step.token: step for step in outcome.opened})
        assert len(outcome.state) < 8_000
        where = f"seed {seed}, event {len(log)}: {event}\nengine {outcome}\njudge {judge.view(definition.facts)}"
        assert Counter((s.step, s.round) for s in open_steps.values()) == Counter(
            (here.node, here.round) for here in judge.steps()
        ), where
        assert (outcome.ended, outcome.next_due) == (judge.ended, judge.next_due()), where
        assert Counter(e for e in outcome.path if e in judge.diagram.flows) == judge.passed, where
        assert outcome.digest == judge.digest(definition.facts), where
        return outcome

    facts = given()
    judge.begin(facts, now)
    outcome = check(engine.start(definition, None, facts, now), ("start", facts, now))
    while not outcome.ended and len(log) < EVENTS:
        now += timedelta(seconds=chance.randint(1, 600))
        facts = given()
        if outcome.next_due and chance.random() < (0.15 if open_steps else 0.6):
            now = max(now, outcome.next_due)
            judge.fire(facts)
            outcome = check(engine.fire(definition, outcome.state, facts, now), ("fire", facts, now))
        elif chance.random() < 0.2 or not open_steps:
            name = chance.choice(SIGNALS)
            judge.send(name, facts, now)
            outcome = check(engine.send(definition, outcome.state, name, facts, now), ("send", name, facts, now))
        else:
            step = chance.choice(list(open_steps.values()))
            choices = definition.steps[step.step].choices
            choice = chance.choice(choices).id if choices else None
            judge.complete(step.step, step.round, facts, choice, now)
            outcome = engine.complete(definition, outcome.state, step.token, facts, choice, now)
            check(outcome, ("complete", step.token, facts, choice, now))
    return log


def test_walks(definition) -> None:
    passed: set[str] = set()
    for seed in range(200):
        for *_, outcome in judged_walk(definition, seed):
            passed.update(outcome.path)
    drawn = Simulator(DRAWN).diagram
    assert passed == {*drawn.nodes, *drawn.flows}, "a branch that no walk takes proves nothing"


@pytest.mark.soak
def test_many_walks(definition) -> None:
    for seed in range(1_000, 11_000):
        judged_walk(definition, seed)


def test_replay_gives_the_same_to_the_byte(definition) -> None:
    for seed in range(300, 320):
        state = b""
        for verb, *arguments, outcome in judged_walk(definition, seed):
            before = (None,) if verb == "start" else (state,)
            again = getattr(engine, verb)(definition, *before, *arguments)
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
