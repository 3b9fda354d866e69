"""Several pools in one drawing run as one case: message flows hand over, pools outside are people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app import engine
from tests import drawn

NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
CLIENT = """
start cs
user minta "Minta izin"
catch kabar "Kabar" <<messageEventDefinition/>>
user baca "Baca izin"
end ce
cs > minta
minta > kabar
kabar > baca
baca > ce
"""
OFFICE = """
start os <<messageEventDefinition/>>
user periksa "Periksa"
user kirim "Kirim izin"
end oe
os > periksa
periksa > kirim
kirim > oe
"""


def pools(*processes: tuple[str, str, str], flows: tuple[str, ...]) -> bytes:
    """A diagram of (id, pool, nodes) and message flows `source > target`; the bank is a pool with nothing in it."""
    parts = "".join(f'<participant id="P_{key}" name="{name}" processRef="{key}"/>' for key, name, _ in processes)
    ends = [flow.split(" > ") for flow in flows]
    sent = "".join(f'<messageFlow id="m_{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in ends)
    rooms = "".join(f'<process id="{key}">{drawn.nodes(text)[0]}</process>' for key, _, text in processes)
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><collaboration id="c">'
        f'{parts}<participant id="bank" name="Bank"/>{sent}</collaboration>{rooms}</definitions>'
    ).encode()


def read(*processes: tuple[str, str, str], flows: tuple[str, ...]) -> engine.Definition:
    reading = engine.read(pools(*processes, flows=flows))
    assert reading.runnable, reading.findings
    assert reading.definition
    return engine.Definition.loads(reading.definition.dumps())


def played(definition: engine.Definition, *steps: str, start: str | None = None) -> list[tuple[list[str], list[str]]]:
    """What is open after the start and after each of these steps, and which ends were reached; ended: nothing open."""
    last = engine.start(definition, start, {}, NOW)
    now: dict[str, str] = {step.token: step.step for step in last.opened}
    seen = [(sorted(now.values()), list(last.ends))]
    for step in steps:
        token = next(token for token, name in now.items() if name == step)
        last = engine.complete(definition, last.state, token, {}, None, NOW)
        now = {key: name for key, name in now.items() if key not in last.closed}
        now |= {opened.token: opened.step for opened in last.opened}
        seen.append((sorted(now.values()), list(last.ends)))
    assert last.ended == (not now)
    return seen


BOTH = (("klien", "Pemohon", CLIENT), ("kantor", "Kantor", OFFICE))


def test_a_message_flow_begins_the_other_pool_and_wakes_who_waits() -> None:
    definition = read(*BOTH, flows=("minta > os", "kirim > kabar"))
    assert [lane.name for lane in definition.lanes] == ["Pemohon", "Kantor"]
    assert {key: step.lane for key, step in definition.steps.items()} == {
        "minta": "Pemohon", "baca": "Pemohon", "periksa": "Kantor", "kirim": "Kantor",
    }  # fmt: skip
    assert [(start.id, start.lane) for start in definition.starts] == [("cs", "Pemohon")]
    assert definition.applicant_lane == "Pemohon"
    assert played(definition, "minta", "periksa", "kirim", "baca") == [
        (["minta"], []),
        (["periksa"], []),
        (["kirim"], []),
        (["baca"], ["oe"]),
        ([], ["ce"]),
    ]


def test_who_hands_over_first_is_waited_for_by_nobody() -> None:
    """A message lies there until somebody waits for it."""
    early = OFFICE.replace("os > periksa", "os > kirim").replace("kirim > oe", "periksa > oe")
    early = early.replace("periksa > kirim", "kirim > periksa")
    slow = CLIENT.replace("minta > kabar", "minta > isi\nisi > kabar") + 'user isi "Isi"\n'
    definition = read(("klien", "Pemohon", slow), ("kantor", "Kantor", early), flows=("minta > os", "kirim > kabar"))
    assert played(definition, "minta", "kirim", "isi", "periksa", "baca") == [
        (["minta"], []),
        (["isi", "kirim"], []),
        (["isi", "periksa"], []),
        (["baca", "periksa"], []),
        (["baca"], ["oe"]),
        ([], ["ce"]),
    ]


def test_what_no_pool_will_ever_send_is_not_waited_for_once_another_has_ended() -> None:
    office = OFFICE.replace("periksa > kirim", 'periksa > g\ng > kirim "Ya"\ng > tolak "Tidak"')
    office += "xor g\nend tolak\n"
    definition = read(("klien", "Pemohon", CLIENT), ("kantor", "Kantor", office), flows=("minta > os", "kirim > kabar"))
    first = engine.start(definition, None, {}, NOW)
    second = engine.complete(definition, first.state, first.opened[0].token, {}, None, NOW)
    third = engine.complete(definition, second.state, second.opened[0].token, {}, "g_tolak", NOW)
    assert (third.ended, third.ends, third.opened) == (True, ("tolak",), ())


def test_of_two_events_the_message_that_comes_ends_the_other() -> None:
    client = """
start cs
user minta
event g
catch ya <<messageEventDefinition/>>
catch tidak <<messageEventDefinition/>>
user ambil
user keluh
end ce
cs > minta
minta > g
g > ya
g > tidak
ya > ambil
tidak > keluh
ambil > ce
keluh > ce
"""
    office = """
start os <<messageEventDefinition/>>
user periksa
xor k
end setuju "Setuju"
end tolak "Tolak"
os > periksa
periksa > k
k > setuju "Setuju"
k > tolak "Tolak"
"""
    both = (("klien", "Pemohon", client), ("kantor", "Kantor", office))
    definition = read(*both, flows=("minta > os", "setuju > ya", "tolak > tidak"))
    for choice, after in (("k_setuju", "ambil"), ("k_tolak", "keluh")):
        first = engine.start(definition, None, {}, NOW)
        second = engine.complete(definition, first.state, first.opened[0].token, {}, None, NOW)
        third = engine.complete(definition, second.state, second.opened[0].token, {}, choice, NOW)
        assert [step.step for step in third.opened] == [after]


def test_terminate_ends_its_own_pool_only() -> None:
    office = OFFICE.replace("end oe", "end oe <<terminateEventDefinition/>>")
    definition = read(("klien", "Pemohon", CLIENT), ("kantor", "Kantor", office), flows=("minta > os", "kirim > kabar"))
    assert played(definition, "minta", "periksa", "kirim", "baca")[-1] == ([], ["ce"])


def test_a_receive_task_waits_for_a_drawn_pool_and_is_a_step_otherwise() -> None:
    client = CLIENT.replace("catch kabar", "receive kabar").replace(" <<messageEventDefinition/>>", "")
    with_flow = read(("klien", "Pemohon", client), BOTH[1], flows=("minta > os", "kirim > kabar"))
    without = read(("klien", "Pemohon", client), BOTH[1], flows=("minta > os",))
    assert ("kabar" in with_flow.steps, "kabar" in without.steps) == (False, True)
    assert played(with_flow, "minta", "periksa", "kirim", "baca")[-1] == ([], ["ce"])


STORIES = {
    "a pool that no message flow joins does not run": (
        BOTH, (), [("kantor", "warning", "pool-lain"), ("kabar", "info", "dinyatakan-orang")],
    ),
    "from a pool with nothing in it comes what a person declares": (
        BOTH[:1], ("bank > kabar",), [("kabar", "info", "dinyatakan-orang")],
    ),
    "a message to a plain step makes nobody wait": (
        BOTH, ("minta > os", "kirim > baca"), [("kabar", "info", "dinyatakan-orang"), ("os", "info", "serah-terima")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("processes", "flows", "expected"), STORIES.values(), ids=STORIES)
def test_findings(processes: tuple, flows: tuple, expected: list) -> None:
    reading = engine.read(pools(*processes, flows=flows))
    told = [(f.element, f.level, f.rule) for f in reading.findings if f.rule != "tanpa-lajur"]
    assert sorted(told) == sorted(expected)
    assert reading.runnable


def test_a_message_that_nothing_sends_is_declared_by_a_person() -> None:
    text = 'start s\ncatch k "Bayar" <<messageEventDefinition messageRef="m"/>>\nend e\ns > k\nk > e'
    head = '<message id="m" name="Pembayaran"/>'
    for outside, steps in (((), ["k"]), (("Pembayaran",), [])):
        reading = engine.read(drawn.draw(text, head=head), outside=outside)
        assert reading.definition
        assert list(reading.definition.steps) == steps
    by_itself = text.replace("s > k", 'throw t <<messageEventDefinition messageRef="m"/>>\ns > t\nt > k')
    reading = engine.read(drawn.draw(by_itself, head=head))
    assert reading.definition
    assert list(reading.definition.steps) == []


def test_walks_through_several_pools_end() -> None:
    definition = read(*BOTH, flows=("minta > os", "kirim > kabar"))
    assert [engine.walk(definition, seed, 50).error for seed in range(20)] == [None] * 20
