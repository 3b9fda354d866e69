"""The engine's verbs on small drawings: what each returns and refuses, and that equal inputs give equal bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from app import engine
from app.engine import timers
from app.engine.tokens import BadValue, Endless, NoBranch, Stuck

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 23, 10, 30, tzinfo=timezone(timedelta(hours=8)))
BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"


def defined(text: str) -> str:
    return f'<definitions xmlns="{BPMN}" id="D" targetNamespace="t">{text}</definitions>'


def drawn(body: str, called: dict[str, str] | None = None, key: str = "P") -> engine.Definition:
    """The definition of these elements. `a -> b` is a flow `a_b`; `? x` gives it a condition, `: x` a name."""
    elements, line_break = [], "\n"
    for line in body.strip().splitlines():
        source, arrow, rest = line.strip().partition(" -> ")
        if not arrow:
            elements.append(line)
            continue
        target, _, condition = rest.partition(" ? ")
        target, _, name = target.partition(" : ")
        inner = f"<conditionExpression>{condition}</conditionExpression>" if condition else ""
        flow = f'id="{source}_{target}" name="{name}" sourceRef="{source}" targetRef="{target}"'
        elements.append(f"<sequenceFlow {flow}>{inner}</sequenceFlow>")
    process = f'<process id="{key}" isExecutable="true">{line_break.join(elements)}</process>'
    names = "".join(f'<signal id="s_{name}" name="{name}"/><message id="m_{name}" name="{name}"/>' for name in "ab")
    content = defined(names + process).encode()
    reading = engine.read(content, {name: defined(text).encode() for name, text in (called or {}).items()}, "ab")
    assert reading.definition, reading.findings
    wrong = [finding for finding in reading.findings if finding.level == "error" and finding.rule != "tanpa-akhir"]
    assert wrong == []  # how a case stalls is told here too
    return reading.definition


RETURN = """
    <startEvent id="S"/><userTask id="A"/><userTask id="B"/><exclusiveGateway id="X"/><endEvent id="E"/>
    S -> A
    A -> B
    B -> X
    X -> E : Benar
    X -> A : Perbaiki
"""


class Walked:
    """A case that keeps its state, so that a test reads as what happened."""

    def __init__(self, definition: engine.Definition, facts: dict | None = None, start: str | None = None) -> None:
        self.definition, self.now = definition, NOW
        self.last = engine.start(definition, start, engine.facts(definition, facts or {}), NOW)
        self.open = {step.token: step for step in self.last.opened}

    def took(self, outcome: engine.Outcome | None) -> engine.Outcome | None:
        if outcome is not None:
            self.last = outcome
            self.open = {key: step for key, step in self.open.items() if key not in outcome.closed}
            self.open |= {step.token: step for step in outcome.opened}
        return outcome

    def steps(self) -> list[str]:
        return [step.step for step in self.open.values()]

    def token(self, step: str) -> str:
        return next(token for token, opened in self.open.items() if opened.step == step)

    def complete(self, step: str, facts: dict | None = None, choice: str | None = None) -> engine.Outcome:
        facts = engine.facts(self.definition, facts or {})
        outcome = engine.complete(self.definition, self.last.state, self.token(step), facts, choice, self.now)
        assert self.took(outcome)
        return outcome

    def fire(self, now: datetime, facts: dict | None = None) -> engine.Outcome | None:
        facts = engine.facts(self.definition, facts or {})
        return self.took(engine.fire(self.definition, self.last.state, facts, now))

    def send(self, name: str, facts: dict | None = None) -> engine.Outcome:
        facts = engine.facts(self.definition, facts or {})
        outcome = engine.send(self.definition, self.last.state, name, facts, self.now)
        assert self.took(outcome)
        return outcome


def test_a_return_opens_the_step_again() -> None:
    case = Walked(drawn(RETURN))
    seen = [case.last]
    for step, choice in (("A", None), ("B", "X_A"), ("A", None), ("B", "X_E")):
        seen.append(case.complete(step, choice=choice))
    assert [([(o.step, o.round) for o in out.opened], out.path, out.ended, out.ends) for out in seen] == [
        ([("A", 1)], ("S", "S_A", "A"), False, ()),
        ([("B", 1)], ("A", "A_B", "B"), False, ()),
        ([("A", 2)], ("B", "B_X", "X", "X_A", "A"), False, ()),
        ([("B", 2)], ("A", "A_B", "B"), False, ()),
        ([], ("B", "B_X", "X", "X_E", "E"), True, ("E",)),
    ]
    assert [out.closed for out in seen[1:]] == [(opened.opened[0].token,) for opened in seen[:-1]]
    assert all((out.at, out.next_due, dict(out.facts)) == (NOW, None, {}) for out in seen)


def test_refusals() -> None:
    definition = drawn(RETURN)
    case = Walked(definition)
    first = case.token("A")
    case.complete("A")
    state, second = case.last.state, case.token("B")
    refused = [
        (first, None, engine.NotOpen),
        ("", None, engine.NotOpen),
        ("nonsense", None, engine.NotOpen),
        ("0", None, engine.NotOpen),
        (second, None, engine.UnknownChoice),
        (second, "A_B", engine.UnknownChoice),
        (second, "Benar", engine.UnknownChoice),
    ]
    for token, choice, refusal in refused:
        with pytest.raises(refusal) as caught:
            engine.complete(definition, state, token, {}, choice, NOW)
        assert caught.value.message
    with pytest.raises(engine.UnknownChoice):  # a step without choices
        engine.complete(definition, engine.start(definition, None, {}, NOW).state, first, {}, "X_A", NOW)
    with pytest.raises(engine.UnknownStart):
        engine.start(definition, "A", {}, NOW)


ROUTED = """
    <startEvent id="S"/><userTask id="A"/><exclusiveGateway id="X"/><userTask id="B"/><userTask id="C"/>
    S -> A
    A -> X
    X -> B ? pemberi.jumlah &gt; 10
    X -> C ? pemberi.jumlah &lt;= 10
"""


def test_facts_route_and_a_dead_end_changes_nothing() -> None:
    definition = drawn(ROUTED)
    assert definition.facts == ("pemberi.jumlah",)
    case = Walked(definition)
    before = case.last.state
    with pytest.raises(NoBranch) as caught:
        case.complete("A", {"pemberi": {"jumlah": None}})
    assert (caught.value.element, case.last.state) == ("X", before)
    assert issubclass(NoBranch, engine.RoutingError)
    assert case.complete("A", {"pemberi": {"jumlah": 11, "nama": "never seen"}}).opened[0].step == "B"


def test_facts_are_what_the_diagram_reads() -> None:
    definition = drawn(ROUTED.replace("&lt;= 10", "&lt;= batas"))
    assert [
        engine.facts(definition, data)
        for data in ({}, {"pemberi": {"jumlah": 3, "nama": "PT"}, "batas": [1]}, {"pemberi": "x"})
    ] == [
        {"pemberi": {"jumlah": None}, "batas": None},
        {"pemberi": {"jumlah": 3}, "batas": [1]},
        {"pemberi": {"jumlah": None}, "batas": None},
    ]


def test_a_script_sets_facts() -> None:
    definition = drawn("""
        <startEvent id="S"/><scriptTask id="H"><script>tka.usia = umur + 1
        tka.dewasa = tka.usia &gt;= 18</script></scriptTask>
        <exclusiveGateway id="X" default="X_B"/><userTask id="A"/><userTask id="B"/>
        S -> H
        H -> X
        X -> A ? tka.dewasa
        X -> B
    """)
    given = {"umur": 17, "tka": {"nama": "Li"}}
    case = Walked(definition, given)
    assert (case.last.facts, case.steps(), given["tka"]) == (
        {"tka": {"usia": 18, "dewasa": True}},
        ["A"],
        {"nama": "Li"},
    )
    assert Walked(definition, {"umur": 3}).steps() == ["B"]


@pytest.mark.parametrize(
    ("kind", "value", "due"),
    [
        ("date", "2026-12-01", ("2026-11-30T16:00:00Z", "", 0)),  # a day of the office's, not of Greenwich
        ("date", "2026-12-01T09:00:00+07:00", ("2026-12-01T02:00:00Z", "", 0)),
        ("duration", "PT1H30M", ("2026-11-23T04:00:00Z", "", 0)),
        ("duration", "P1M", ("2026-12-23T02:30:00Z", "", 0)),
        ("cycle", "R3/PT1H", ("2026-11-23T03:30:00Z", "PT1H", 2)),
        ("cycle", "R/P1D", ("2026-11-24T02:30:00Z", "P1D", -1)),
        ("cycle", "R2/2026-12-01/P1W", ("2026-11-30T16:00:00Z", "P1W", 1)),
        ("cycle", "PT5M", ("2026-11-23T02:35:00Z", "", 0)),
        ("date", None, None),
        ("duration", "", None),
    ],
)
def test_when_a_timer_is_due(kind, value, due) -> None:
    found = timers.due(kind, value, NOW)
    assert (found and (found.at.isoformat().replace("+00:00", "Z"), found.every, found.left)) == due


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("date", "besok"),
        ("duration", "3 hari"),
        ("duration", "-P1D"),
        ("cycle", "R0/PT1H"),
        ("cycle", "R3/"),
        ("date", 5),
        ("duration", "P0D"),
    ],
)
def test_what_is_no_time(kind, value) -> None:
    with pytest.raises(ValueError):
        timers.due(kind, value, NOW)


TIMED = """
    <startEvent id="S"/><userTask id="A"/><userTask id="Ingat"/><userTask id="Lewat"/>
    <boundaryEvent id="R" attachedToRef="A" cancelActivity="false"><timerEventDefinition><timeCycle>R2/PT1H</timeCycle></timerEventDefinition></boundaryEvent>
    <boundaryEvent id="L" attachedToRef="A"><timerEventDefinition><timeDate>{date}</timeDate></timerEventDefinition></boundaryEvent>
    S -> A
    R -> Ingat
    L -> Lewat
"""  # noqa: E501


def test_timers_fire_one_by_one_at_their_own_time() -> None:
    case = Walked(drawn(TIMED.format(date="2026-11-23T13:00:00+08:00")))
    assert case.fire(NOW + timedelta(minutes=59)) is None
    late = NOW + timedelta(days=1)
    seen = [case.fire(late) for _ in range(4)]
    assert [out and (out.at - NOW, out.path, len(out.opened), out.closed) for out in seen] == [
        (timedelta(hours=1), ("R", "R_Ingat", "Ingat"), 1, ()),
        (timedelta(hours=2), ("R", "R_Ingat", "Ingat"), 1, ()),
        (timedelta(hours=2.5), ("L", "L_Lewat", "Lewat"), 1, ("2",)),
        None,
    ]
    assert ([step.round for step in case.open.values()], case.steps()) == ([1, 2, 1], ["Ingat", "Ingat", "Lewat"])


def test_completing_a_step_stops_its_timers() -> None:
    case = Walked(drawn(TIMED.format(date="2026-11-24")))
    assert case.last.next_due == NOW + timedelta(hours=1)
    done = case.complete("A")
    assert (done.ended, done.next_due) == (True, None)


def test_equal_timers_fire_oldest_first() -> None:
    timer = '<timerEventDefinition><timeDate>"2026-12-01"</timeDate></timerEventDefinition>'
    case = Walked(
        drawn(f"""
        <startEvent id="S"/><parallelGateway id="P1"/>
        <subProcess id="U"><startEvent id="US"/><intermediateCatchEvent id="T1">{timer}</intermediateCatchEvent>
        <sequenceFlow id="u1" sourceRef="US" targetRef="T1"/></subProcess>
        <userTask id="A"/><intermediateCatchEvent id="T2">{timer}</intermediateCatchEvent>
        S -> P1
        P1 -> U
        P1 -> A
        A -> T2
    """)
    )
    case.complete("A")
    late = NOW + timedelta(days=30)
    assert [case.fire(late).path for _ in range(2)] == [("T1",), ("T2",)]
    assert case.last.ended


def test_a_timer_waits_for_its_fact() -> None:
    case = Walked(drawn(TIMED.format(date="tenggat") + "<userTask id='B'/>\nS -> B"))
    assert case.last.next_due == NOW + timedelta(hours=1)
    done = case.complete("B", {"tenggat": "2026-11-23T10:45:00+08:00"})
    assert done.next_due == NOW + timedelta(minutes=15)
    with pytest.raises(BadValue):
        Walked(drawn(TIMED.format(date="tenggat")), {"tenggat": "besok lusa"})


@pytest.mark.parametrize(
    ("marker", "facts", "opened"),
    [
        ("<loopCardinality>3</loopCardinality>", {}, 3),
        ("<loopCardinality>n</loopCardinality>", {"n": 2}, 2),
        ("<loopCardinality>n</loopCardinality>", {"n": 0}, 0),
        ("<loopCardinality>n</loopCardinality>", {}, 0),
        ("<loopCardinality>n</loopCardinality>", {"n": "dua"}, BadValue),
        ("<loopCardinality>n</loopCardinality>", {"n": -1}, BadValue),
        ("<loopCardinality>n</loopCardinality>", {"n": 10**6}, BadValue),
        ("<loopCardinality>n</loopCardinality>", {"n": True}, BadValue),
        ("<loopDataInputRef>lokasi</loopDataInputRef>", {"lokasi": ["a", "b"]}, 2),
        ("<loopDataInputRef>lokasi</loopDataInputRef>", {"lokasi": []}, 0),
        ("<loopDataInputRef>lokasi</loopDataInputRef>", {"lokasi": "abc"}, BadValue),
    ],
)
def test_how_many_instances(marker, facts, opened) -> None:
    definition = drawn(f"""
        <startEvent id="S"/><userTask id="B"/>
        <userTask id="A"><multiInstanceLoopCharacteristics>{marker}</multiInstanceLoopCharacteristics></userTask>
        S -> A
        A -> B
    """)
    if not isinstance(opened, int):
        with pytest.raises(opened):
            Walked(definition, facts)
        return
    case = Walked(definition, facts)
    assert (case.steps(), {step.round for step in case.open.values()}) == (["A"] * opened or ["B"], {1})
    for _ in range(opened):
        case.complete("A", facts)
    assert case.steps() == ["B"]


def test_after_an_event_based_gateway_the_first_ends_the_others() -> None:
    definition = drawn("""
        <startEvent id="S"/><eventBasedGateway id="G"/><receiveTask id="A"/><userTask id="D"/><userTask id="E"/>
        <intermediateCatchEvent id="T"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>
        </intermediateCatchEvent>
        <intermediateCatchEvent id="M"><messageEventDefinition messageRef="m_a"/></intermediateCatchEvent>
        S -> G
        G -> A
        G -> T
        G -> M
        A -> D
        T -> E
        M -> E
    """)
    by_hand, by_clock, by_post = Walked(definition), Walked(definition), Walked(definition)
    done = by_hand.complete("A")
    assert (by_hand.steps(), done.next_due, done.path) == (["D"], None, ("A", "A_D", "D"))
    fired = by_clock.fire(NOW + timedelta(days=2))
    assert fired is not None
    assert (by_clock.steps(), fired.closed, fired.path) == (["E"], ("3",), ("T", "T_E", "E"))
    assert (by_post.send("b").path, by_post.send("a").path, by_post.steps()) == ((), ("M", "M_E", "E"), ["E"])


def test_a_signal_reaches_all_a_message_one() -> None:
    def waits(kind: str) -> Walked:
        event = f'<{kind}EventDefinition {kind}Ref="{kind[0]}_a"/>'
        return Walked(
            drawn(f"""
            <startEvent id="S"/><parallelGateway id="P1"/><userTask id="C"/><userTask id="D"/>
            <intermediateCatchEvent id="A">{event}</intermediateCatchEvent>
            <intermediateCatchEvent id="B">{event}</intermediateCatchEvent>
            S -> P1
            P1 -> A
            P1 -> B
            A -> C
            B -> D
        """)
        )

    by_signal, by_message = waits("signal"), waits("message")
    assert [step.step for step in by_signal.send("a").opened] == ["C", "D"]
    assert [[step.step for step in by_message.send("a").opened] for _ in range(3)] == [["C"], ["D"], []]


def test_a_join_keeps_what_came_too_often() -> None:
    definition = drawn("""
        <startEvent id="S"/><parallelGateway id="P1"/><userTask id="A"/><userTask id="B"/><userTask id="C"/>
        <exclusiveGateway id="M"/><parallelGateway id="P2"/><userTask id="D"/>
        S -> P1
        P1 -> A
        P1 -> B
        P1 -> C
        A -> M
        B -> M
        M -> P2
        C -> P2
        P2 -> D
    """)
    case = Walked(definition)
    assert [case.complete(step).opened for step in "AB"] == [(), ()]
    assert [step.step for step in case.complete("C").opened] == ["D"]
    with pytest.raises(Stuck):  # the second token from M waits for a C that will not come
        case.complete("D")


def test_a_drawing_that_never_rests() -> None:
    with pytest.raises(Endless):
        Walked(
            drawn("""
            <startEvent id="S"/><exclusiveGateway id="M"/><exclusiveGateway id="X" default="X_M"/><userTask id="A"/>
            S -> M
            M -> X
            X -> M
            X -> A ? selesai
        """)
        )


CALLS = """
    <startEvent id="S"/>
    <callActivity id="K" calledElement="Q"/><callActivity id="L" calledElement="Q"/><userTask id="B"/>
    S -> K
    K -> L
    L -> B
"""


def called(kind: str) -> dict[str, str]:
    flow = '<sequenceFlow id="q" sourceRef="QS" targetRef="QA"/>'
    return {"Q": f'<process id="Q"><startEvent id="QS"/><{kind} id="QA"/>{flow}</process>'}


def test_a_called_process() -> None:
    case = Walked(drawn(CALLS, called("userTask")))
    step = case.steps()[0]
    done = case.complete(step)
    assert [(opened.step, opened.round) for opened in done.opened] == [(step, 2)]
    assert "K_L" in done.path
    case.complete(step)
    assert case.steps() == ["B"]


def test_a_process_that_calls_itself() -> None:
    with pytest.raises((Endless, AssertionError)):  # the reader may refuse it first
        Walked(drawn(CALLS, called('callActivity calledElement="Q"')))


def test_several_ways_in() -> None:
    definition = drawn("""
        <startEvent id="S1"/><startEvent id="S2"/><userTask id="A"/><userTask id="B"/>
        S1 -> A
        S2 -> B
    """)
    assert [Walked(definition, start=start).last.path for start in (None, "S1", "S2")] == [
        ("S1", "S1_A", "A"),
        ("S1", "S1_A", "A"),
        ("S2", "S2_B", "B"),
    ]


def looped(definition: engine.Definition, rounds: int) -> list[tuple]:
    case = Walked(definition)
    return [(case.complete("A").digest, case.complete("B", choice="X_A").state) for _ in range(rounds)]


def test_flat_over_two_thousand_completions() -> None:
    seen = looped(drawn(RETURN), 1_000)
    assert len({digest for digest, _ in seen}) == 1_000
    assert len(seen[-1][1]) - len(seen[0][1]) < 20  # more digits, nothing else
    rows = json.loads(seen[-1][1])["s"]
    assert [len(tokens) for _, tokens in rows] == [1]


def test_threads_and_processes_agree() -> None:
    definition = drawn(RETURN)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: looped(definition, 50), range(8)))
    assert all(run == runs[0] for run in runs)
    script = "from tests.test_run import *; print(looped(drawn(RETURN), 50)[-1][0])"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Pacific/Kiritimati"}
        told = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=environment, check=True
        )
        assert told.stdout.strip() == runs[0][-1][0]


def test_the_clock_is_ours() -> None:
    case = Walked(drawn(TIMED.format(date="2001-01-01")))
    assert case.last.next_due == datetime(2000, 12, 31, 16, tzinfo=UTC)
    fired = case.fire(NOW)
    assert fired is not None
    assert (fired.at, case.steps()) == (datetime(2000, 12, 31, 16, tzinfo=UTC), ["Lewat"])


def test_walks() -> None:
    definition = drawn(RETURN)
    walks = [engine.walk(definition, seed, 200) for seed in (1, 1, 2)]
    assert walks[0] == walks[1]
    assert all(walk.completed and walk.error is None for walk in walks)
    assert {step.choice for walk in walks for step in walk.steps} >= {None, "X_E"}
    short = engine.walk(definition, 1, 1)
    assert (short.completed, len(short.steps)) == (False, 1)
    assert short.error
    dead = drawn("""
        <startEvent id="S"/><exclusiveGateway id="X"/><userTask id="A"/><userTask id="B"/>
        S -> X
        X -> A ? 1 == 2
        X -> B ? 2 == 3
    """)
    assert (engine.walk(dead, 1, 10).completed, engine.walk(dead, 1, 10).error) == (
        False,
        "Tidak ada cabang yang cocok setelah “X”.",
    )
    for seed in range(20):
        assert engine.walk(drawn(ROUTED), seed, 10).completed, f"seed {seed}"
        assert engine.walk(drawn(TIMED.format(date="tenggat")), seed, 10).completed, f"seed {seed}"
