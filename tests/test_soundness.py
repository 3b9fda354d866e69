"""What can go wrong with a case is found before there is one: the whole list for tiny drawings, judged by brute force."""

from __future__ import annotations

import copy
import time
from collections import deque
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from app import engine
from app.engine.space import STATES, WORK, Space
from tests import simulator
from tests.drawn import draw
from tests.random_drawing import random_drawing
from tests.simulator import Simulator
from tests.test_pools import BOTH, pools

ROOT = Path(__file__).parent.parent
RULES = {"macet", "langkah-bertumpuk", "tanpa-akhir", "menutup-langkah", "pemeriksaan-terbatas"}
TIMER = "<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>"
HEAD = '<message id="m1" name="Balasan"/><signal id="sg" name="Beres"/>'
STOP = "<terminateEventDefinition/>"
PAIR = 'start s\nuser a "A"\nuser b "B"\nuser c "C"\nend e\ns > a\n'  # A, then B and C in some way
SPLIT = PAIR + "and x\na > x\nx > b\nx > c\n"
CHOICE = 'xor g "Baik?"\nb > g\ng > j "Ya"\n'
HINT = "Bila cabang-cabangnya tidak selalu dijalankan semua, gabungkan dengan gerbang eksklusif atau inklusif."
MERGE = "Gabungkan dengan gerbang paralel sebelum langkah itu."
TWICE = "dapat terbuka dua kali sekaligus, karena cabang yang bersamaan tidak digabungkan."
MORE = "dapat terbuka berkali-kali, makin banyak di setiap putaran."
BACK = "Gabungkan cabang yang bersamaan sebelum alur kembali."
AT_J = "Permohonan dapat macet di gerbang tanpa nama (j): cabang"
NO_END = "Tidak ada akhir yang dapat dicapai: setiap permohonan macet atau berputar tanpa henti. Jalan:"


def stall(branch: str, way: str) -> tuple[str, str, str, str]:
    return ("j", "warning", "macet", f"{AT_J} {branch} tidak akan datang. Jalan: {way}. {HINT}")


def no_end(way: str) -> tuple[str, str, str, str]:
    return ("p", "error", "tanpa-akhir", f"{NO_END} {way}. Gambarlah jalan menuju akhir.")


def piled(key: str, said: str) -> tuple[str, str, str, str]:
    return (key, "warning", "langkah-bertumpuk", f"Langkah “{key.upper()}” {said}")


SOUND = {
    "a line": PAIR + "a > b\nb > c\nc > e",
    "split and joined": SPLIT + "and j\nb > j\nc > j\nj > e",
    "split and each to its end": SPLIT + "end f\nb > e\nc > f",
    "split and both to one end": SPLIT + "b > e\nc > e",
    "a choice and merged": PAIR + 'xor g "Baik?"\na > g\ng > b "Ya"\ng > c "Tidak"\nxor m\nb > m\nc > m\nm > e',
    "a return": PAIR + 'xor g "Baik?"\na > b\nb > g\ng > c "Ya"\ng > a "Tidak"\nc > e',
    "a return inside a branch": SPLIT + CHOICE + 'g > b "Tidak"\nand j\nc > j\nj > e',
    "inclusive": PAIR + "or x default=x_c\na > x\nx > b if y\nx > c\nor j\nb > j\nc > j\nj > e",
    "inclusive where facts exclude each other": (
        PAIR + 'or x default=x_e\na > x\nx > b if y > 3\nx > c if y <= 3\nx > e\nuser d "D"\nb > d\nc > d\nd > e'
    ),
    "event-based gateway": (
        PAIR + f'event g\ncatch t <{TIMER}>\ncatch m <<messageEventDefinition messageRef="m1"/>>\na > g\ng > t\ng > m\n'
        "t > b\nm > c\nb > e\nc > e"
    ),
    "a timer that interrupts": PAIR + f"boundary t attachedToRef=a <{TIMER}>\na > b\nt > c\nb > e\nc > e",
    "a reminder in a loop": (
        PAIR + f'boundary t attachedToRef=a cancelActivity=false <{TIMER}>\nxor g "Baik?"\na > b\nb > g\ng > e "Ya"\n'
        'g > a "Tidak"\nt > c\nend f\nc > f'
    ),
    "many at once": (
        PAIR.replace('"A"', '"A" <<multiInstanceLoopCharacteristics><loopCardinality>n</loopCardinality>'
        "</multiInstanceLoopCharacteristics>>") + "a > b\nb > c\nc > e"
    ),
    "a sub-process that a timer ends": (
        f'start s\nsub k "K"\n  start ks\n  user b "B"\n  ks > b\nboundary t attachedToRef=k <{TIMER}>\nend e\nend f\n'
        "s > k\nk > e\nt > f"
    ),
    "a signal that comes late enough": (
        PAIR + 'and x\na > x\nx > w\nx > b\ncatch w <<signalEventDefinition signalRef="sg"/>>\nw > c\n'
        'throw t <<signalEventDefinition signalRef="sg"/>>\nb > t\nand j\nt > j\nc > j\nj > e'
    ),
}  # fmt: skip
UNSOUND = {
    "a split that is merged": (
        SPLIT + 'xor m\nuser d "D"\nuser f "F"\nb > m\nc > m\nm > d\nd > f\nf > e',
        [piled("d", f"{TWICE} Jalan: “A” → “B” → “C”. {MERGE}")],
    ),
    "several flows from a step": (
        PAIR + 'user d "D"\na > b\na > c\nb > d\nc > d\nd > e',
        [piled("d", f"{TWICE} Jalan: “A” → “B” → “C”. {MERGE}")],
    ),
    "a choice that is joined": (
        PAIR + 'xor g "Baik?"\na > g\ng > b "Ya"\ng > c "Tidak"\nand j\nb > j\nc > j\nj > e',
        [stall("dari langkah “C”", "“A” (Ya) → “B”"), no_end("“A” (Ya) → “B”")],
    ),
    "facts that are joined": (
        PAIR + 'xor g default=g_c "Usaha?"\na > g\ng > b "Ya" if usaha\ng > c "Bukan"\nand j\nb > j\nc > j\nj > e',
        [stall("dari langkah “C”", "“A” → “Usaha?” (Ya) → “B”"), no_end("“A” → “Usaha?” (Ya) → “B”")],
    ),
    "inclusive, then joined": (
        PAIR + "or x default=x_c\na > x\nx > b if y\nx > c\nand j\nb > j\nc > j\nj > e",
        [stall("dari langkah “C”", "“A” → cabang “B” → “B”"), no_end("“A” → cabang “B” → “B”")],
    ),
    "a return into the middle of parallel work": (
        SPLIT + CHOICE + 'g > a "Tidak"\nand j\nc > j\nj > e',
        [
            stall("“Ya”", "“A” → “B” (Tidak) → “C” → “A” → “B” (Ya) → “C”"),
            piled("c", f"{MORE} Jalan: “A” → “B” (Tidak) → “A”. {BACK}"),
        ],
    ),
    "a refusal that leaves the other branch": (
        SPLIT + CHOICE + 'end f\ng > f "Tidak"\nand j\nc > j\nj > e',
        [stall("“Ya”", "“A” → “B” (Tidak) → “C”")],
    ),
    "a refusal that closes the other branch": (
        SPLIT + CHOICE + f'end f "Ditolak" <{STOP}>\ng > f "Tidak"\nand j\nc > j\nj > e',
        [("f", "info", "menutup-langkah", "Kejadian akhir “Ditolak” menutup langkah yang masih terbuka: “C”."
          " Jalan: “A” → “B” (Tidak). Bila langkah itu harus selesai dahulu, gabungkan jalannya.")],
    ),
    "a join that waits while others go on": (
        SPLIT + 'xor g "Lagi?"\nuser z "Z"\nand j\nb > j\nz > j\nc > g\ng > c "Ya"\ng > e "Tidak"\nend f\nj > f',
        [stall("dari langkah “Z”", "“A” → “B”"), no_end("“A” → “B”")],
    ),
    "a branch whose flow to the join is gone": (
        SPLIT + 'user z "Z"\nand j\nb > j\nc > j\nz > j\nj > e',
        [stall("dari langkah “Z”", "“A” → “B”"), no_end("“A” → “B”")],
    ),
    "a join in a loop with what follows it": (
        'start s\nuser a "A"\nuser b "B"\nand j\nend e\ns > a\na > j\nj > e\nj > b\nb > j',
        [stall("dari langkah “B”", "“A”"), no_end("“A”")],
    ),
    "no end behind a loop": (
        'start s\nuser a "A"\nxor m\nxor g "Lagi?"\ns > m\nm > a\na > g\ng > m "Ya"\ng > b "Tidak"\nuser b "B"\nb > m',
        [("p", "error", "tanpa-akhir", "Tidak ada akhir yang dapat dicapai di proses “Izin”: permohonan akan berputar"
          " tanpa henti. Gambarlah kejadian akhir dan jalannya.")],
    ),
    "a loop that grows": (
        'start s\nuser a "A"\nand x\nuser b "B"\nuser c "C"\nxor g "Lagi?"\nend e\nend f\ns > a\na > x\nx > b\nx > c\n'
        'c > g\ng > a "Ya"\ng > f "Tidak"\nb > e',
        [piled("b", f"{MORE} Jalan: “A” → “C” (Ya) → “A”. {BACK}")],
    ),
    "a stall in a sub-process": (
        'start s\nuser a "A"\nsub k "K"\n  start ks\n  user b "B"\n  xor g "G?"\n  user c "C"\n  user d "D"\n  and j\n'
        '  ks > b\n  b > g\n  g > c "Satu"\n  g > d "Dua"\n  c > j\n  d > j\nend e\ns > a\na > k\nk > e',
        [stall("dari langkah “D”", "“A” → “B” (Satu) → “C”"), no_end("“A” → “B” (Satu) → “C”")],
    ),
    "a sub-process that only its timer ends": (
        f'start s\nsub k "K"\n  start ks\n  user b "B"\n  user z "Z"\n  and j\n  ks > b\n  b > j\n  z > j\n'
        f'boundary t attachedToRef=k <{TIMER}>\nend e\nend f\ns > k\nk > e\nt > f',
        [stall("dari langkah “Z”", "“B”")],
    ),
    "a timer into the main line that does not interrupt": (
        f'start s\nuser a "A"\nuser b "B"\nboundary t attachedToRef=a cancelActivity=false "Lewat" <{TIMER}>\nend e\n'
        "xor m\ns > a\na > m\nt > m\nm > b\nb > e",
        [piled("b", f"{TWICE} Jalan: “Lewat” (waktunya tiba) → “A”. {MERGE}")],
    ),
    "a signal that may be over": (
        SPLIT + 'throw t <<signalEventDefinition signalRef="sg"/>>\ncatch w "Tunggu" <<signalEventDefinition '
        'signalRef="sg"/>>\nand j\nb > t\nt > j\nc > w\nw > j\nj > e',
        [("w", "warning", "macet", "Permohonan dapat macet di kejadian “Tunggu”: yang ditunggu hanya dikirim oleh diagram"
          " ini sendiri, dan dapat sudah lewat. Jalan: “A” → “B” → “C”. Bukalah penunggunya dahulu.")],
    ),
    "several ways in": (
        SPLIT + 'start t "Lewat surat"\nt > c\nand j\nb > j\nc > j\nj > e',
        [stall("dari langkah “B”", "“Lewat surat” → “C”")],
    ),
}  # fmt: skip


def said(content: bytes) -> list[tuple[str, str, str, str]]:
    found = engine.read(content).findings
    return [(f.element, f.level, f.rule, f.message) for f in found if f.rule in RULES or f.level == "error"]


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_sound(text: str) -> None:
    assert said(draw(text, head=HEAD)) == []


@pytest.mark.parametrize(("text", "expected"), UNSOUND.values(), ids=UNSOUND)
def test_unsound(text: str, expected: list) -> None:
    assert said(draw(text, head=HEAD)) == expected


WAITING_FIRST = (
    ("klien", "Pemohon", 'start cs\ncatch kabar "Kabar" <<messageEventDefinition/>>\nuser a "Lapor"\nend ce\n'
     "cs > kabar\nkabar > a\na > ce"),
    ("kantor", "Kantor", 'start os\nuser b "Buka"\ncatch lapor "Laporan" <<messageEventDefinition/>>\nuser c "Balas"\n'
     "end oe\nos > b\nb > lapor\nlapor > c\nc > oe"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("processes", "flows", "expected"),
    [
        (BOTH, ("minta > os", "kirim > kabar"), []),
        (
            WAITING_FIRST,
            ("a > lapor", "c > kabar"),
            [
                ("kabar", "warning", "macet", "Permohonan dapat macet di kejadian “Kabar”: pesannya tidak akan datang. "
                 "Jalan: “Buka”. Gambarlah panah pesan dari setiap jalan yang dapat ditempuh pool pengirimnya."),
                ("kantor", "error", "tanpa-akhir", f"{NO_END} “Buka”. Gambarlah jalan menuju akhir."),
            ],
        ),
        (WAITING_FIRST, ("a > lapor", "b > kabar"), []),
    ],
    ids=["each in turn", "each waits for the other", "one opens"],
)  # fmt: skip
def test_pools(processes: tuple, flows: tuple, expected: list) -> None:
    assert said(pools(*processes, flows=flows)) == expected


@pytest.mark.parametrize("path", sorted([*(ROOT / "bpmn").glob("*"), *(ROOT / "docs").rglob("*.bpmn")]), ids=str)
def test_our_own_are_sound(path: Path) -> None:
    assert said(path.read_bytes()) == []


def test_nothing_is_said_of_a_drawing_with_errors() -> None:
    choice = UNSOUND["a choice that is joined"][0]
    assert [rule for *_, rule, _ in said(draw(choice + "\na > nowhere"))] == ["panah-putus"]


def wide(branches: int) -> str:
    """Many branches at once, and a join that waits for one more."""
    lines = ["start s", "and x", "s > x", "and j", 'user z "Z"', "z > j", "end e", "j > e"]
    for n in range(branches):
        lines += [f'user a{n} "A{n}"', f'user b{n} "B{n}"', f"x > a{n}", f"a{n} > b{n}", f"b{n} > j"]
    return "\n".join(lines)


def test_the_bound_is_said_and_held() -> None:
    content = draw(wide(12))
    space = Space(engine.read(content).definition)
    space.explore()
    assert space.limited
    assert len(space.states) <= STATES + 30
    assert space.work < WORK * 1.1
    assert [(element, level, rule) for element, level, rule, _ in said(content)] == [
        ("j", "warning", "macet"), ("p", "info", "pemeriksaan-terbatas"),
    ]  # fmt: skip
    assert f"yaitu {len(space.states)}" in said(content)[1][3].replace(".", "")


def test_a_bound_does_not_hide_what_lies_far_away() -> None:
    """Twelve at once, joined well, and far behind them a choice that is joined."""
    text = wide(12).replace('user z "Z"\nz > j\n', "").replace("j > e", 'user f "F"\nj > f\nxor g "Baik?"\nf > g')
    text += '\nuser k "K"\nuser l "L"\ng > k "Ya"\ng > l "Tidak"\nand i "Temu"\nk > i\nl > i\ni > e'
    assert [(element, rule) for element, _, rule, _ in said(draw(text))] == [
        ("i", "macet"), ("p", "pemeriksaan-terbatas"),
    ]  # fmt: skip


def test_time_is_bounded() -> None:
    """However large and wide; what is measured is the exploring alone."""
    for text in (wide(40), wide(400)):
        space = Space(engine.read(draw(text)).definition)
        began = time.process_time()
        space.explore()
        assert time.process_time() - began < 2


# Judged by the other reading of BPMN

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
FACTS = [{"x": x, "y": y, "n": n} for x, y, n in product((0, 1, None), (0, 1), (1, 2))]
MOST = 250  # states: brute force is slow


def marked(sim: Simulator) -> tuple:
    """What a simulated case is, whatever its age."""

    def here(one: simulator.Here) -> tuple:
        hanging = sorted(here(other) for other in one.scope.here if other.host is one or other.loop is one)
        inner = scope(one.inner) if one.inner is not None else ()
        return (one.node, one.race is not None, one.loop is not None, one.todo, one.instances, hanging, inner)

    def scope(one: simulator.Scope) -> tuple:
        return (sorted(one.marks), sorted(here(each) for each in one.here if each.host is None and each.loop is None))

    return repr([scope(one) for one in sim.scopes if one.host is None])


def brute_force(content: bytes) -> bool | None:
    """Can a case of this drawing stall? None where there is too much to see."""
    begin = Simulator(content)
    kept = {id(element): element for element in begin.diagram.process.iter()} | {id(begin.diagram): begin.diagram}
    seen: set = set()
    rest: deque[Simulator] = deque()
    stalls = False

    def act(sim: Simulator, verb: str, *arguments: object) -> None:
        nonlocal stalls
        try:
            getattr(sim, verb)(*arguments)
        except simulator.Endless:
            return
        if verb == "happen":
            sim.rest()
        key = marked(sim)
        if key not in seen and not sim.ended:
            seen.add(key)
            stalls = stalls or sim.stuck
            rest.append(sim)

    for facts in FACTS:
        act(Simulator(content), "begin", facts, NOW)
    while rest:
        if len(seen) > MOST:
            return None
        known = rest.popleft()
        for number, here in enumerate(known.resting()):
            for facts in FACTS:
                if known.is_event(here):
                    sim = copy.deepcopy(known, dict(kept))
                    sim.given(facts, NOW, None)
                    act(sim, "happen", sim.resting()[number])
                elif known.is_step(here):
                    gateway = [sim_target for flow in known.diagram.out[here.node]
                               if (sim_target := known.diagram.target(flow)).startswith("X")]  # fmt: skip
                    for choice in known.diagram.out[gateway[0]] if gateway else [None]:
                        sim = copy.deepcopy(known, dict(kept))
                        sim.given(facts, NOW, choice)
                        sim.leave(sim.resting()[number])
                        act(sim, "rest")
    return stalls


def judged(seed: int) -> tuple[bool, bool] | None:
    """Whether the check finds that a case can stall, and whether it can; None where either cannot see it all."""
    content = random_drawing(seed, plain=True)
    definition = engine.read(content).definition
    assert definition is not None
    space = Space(definition)
    space.explore()
    if not space.complete or len(space.states) > MOST / 2:
        return None
    expected = brute_force(content)
    return None if expected is None else (any(known.stuck for known in space.states.values()), expected)


def agree(seeds: range) -> list[bool]:
    found = []
    for seed in seeds:
        verdict = judged(seed)
        if verdict is not None:
            assert verdict[0] == verdict[1], f"seed {seed}: check {verdict[0]}, brute force {verdict[1]}"
            found.append(verdict[0])
    return found


def test_brute_force_agrees() -> None:
    found = agree(range(40))
    assert found.count(True) >= 5, found
    assert found.count(False) >= 5, found


@pytest.mark.soak
def test_brute_force_agrees_often() -> None:
    found = agree(range(1_000, 2_000))
    assert len(found) > 100
