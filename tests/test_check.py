"""What the check says of a diagram, and that any bytes at all give findings, soon and within bounds."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest

from app import engine
from app.engine.properties import VOCABULARY
from tests.drawn import draw, given, lanes

PLAIN = 'start s\nuser a "Isi"\nend e\ns > a\na > e'


def said(drawing: bytes, level: str = "") -> list[tuple[str, str, str]]:
    """Findings as (element, level, rule), without the infos that every such diagram gives."""
    findings = engine.read(drawing).findings
    assert all(finding.message[0].isupper() or finding.message[0] in "“" for finding in findings), findings
    return [
        (finding.element, finding.level, finding.rule)
        for finding in findings
        if finding.rule != "tanpa-lajur" and finding.level in (level or "error warning info")
    ]


SAID = {
    "nothing": (PLAIN, []),
    "a flow to nowhere": (PLAIN + "\na > x", [("a_x", "error", "panah-putus")]),
    "a flow from nowhere": (PLAIN + "\nx > e", [("x_e", "error", "panah-putus")]),
    "a flow through a sub-process's wall": (
        PLAIN.replace("a > e", "sub k\n  user i \"I\"\n  start t\n  t > i\na > k\nk > e\na > i"),
        [("a_i", "error", "panah-tembus")],
    ),
    "an event attached to nothing": (
        PLAIN + "\nboundary b <<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>>",
        [("b", "error", "tepi-lepas")],
    ),
    "an event attached that waits for nothing": (
        PLAIN + "\nboundary b attachedToRef=a\nend f\nb > f",
        [("b", "warning", "tanpa-pemicu")],
    ),
    "a default that leads from elsewhere": (
        PLAIN.replace("a > e", "xor g default=s_a\na > g\ng > e if x\nend f\ng > f if y"),
        [("g", "warning", "bawaan-putus"), ("g", "warning", "tanpa-bawaan")],
    ),
    "a step that nobody can reach": (PLAIN + "\nuser b\nb > e", [
        ("b", "warning", "langkah-tanpa-nama"), ("b", "warning", "tak-terjangkau"),
    ]),
    "no end in reach": ('start s\nuser a "A"\nxor m\ns > m\nm > a\na > m', [("p", "error", "tanpa-akhir")]),
    "no end in reach from a branch": (
        PLAIN + '\nxor g "Jadi?"\nuser b "B"\nxor m\nuser c "C"\nc > g\ng > e "Ya"\ng > m "Tidak"\nm > b\nb > m\na > c',
        [
            ("a", "info", "cabang-bersamaan"),
            ("g", "info", "keputusan"),
            ("b", "warning", "tanpa-akhir"),
        ],
    ),
    "a loop without a step": (
        PLAIN.replace("a > e", "xor g\na > g\nxor h default=h_e\ng > h\nh > g if x\nh > e"),
        [("g", "warning", "putaran-tanpa-langkah")],
    ),
    "a choice with one branch": (
        PLAIN.replace("a > e", 'xor g "Ya?"\na > g\ng > e'), [("g", "warning", "satu-cabang")],
    ),
    "a bad condition": (
        PLAIN.replace("a > e", "xor g default=g_f\na > g\ng > e if __import__('os').system('x')\nend f\ng > f"),
        [("g_e", "error", "ungkapan")],
    ),
    "a condition of another machine": (
        PLAIN.replace("a > e", 'xor g default=g_f\na > g\ng > e "Ya" if ${x.getValue("y") == 1}\nend f "Batal"\ng > f'),
        [("g_e", "warning", "syarat-asing"), ("g_f", "info", "cabang-tanpa-nama"), ("g", "info", "keputusan")],
    ),
    "a condition of another machine in a diagram that is written for us": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(nomor="1")}>').replace(
            "a > e", 'xor g default=g_f\na > g\ng > e "Ya" if ${x.getValue("y") == 1}\nend f "Batal"\ng > f'),
        [("g_e", "error", "ungkapan")],
    ),
    "a condition of another machine on a branch that cannot be chosen by name": (
        PLAIN.replace("a > e", 'xor g default=g_f\na > g\ng > e if ${x.getValue("y") == 1}\nend f "Batal"\ng > f'),
        [("g_e", "error", "ungkapan")],
    ),
    "a name that is ours": (
        PLAIN.replace("a > e", "xor g default=g_f\na > g\ng > e if _choice == 'x'\nend f\ng > f"),
        [("g_e", "error", "ungkapan")],
    ),
    "a branch without a condition beside others": (
        PLAIN.replace("a > e", "xor g default=g_f\na > g\ng > e if x\nend f\ng > f\nend h\ng > h"),
        [("g_h", "error", "cabang-tanpa-syarat")],
    ),
    "a bad time": (
        PLAIN.replace("a > e", 'catch c <<timerEventDefinition><timeDuration>besok</timeDuration>'
        '</timerEventDefinition>>\na > c\nc > e').replace("besok", "tiga hari kerja"),
        [("c", "error", "waktu")],
    ),
    "a cron time": (
        PLAIN.replace("a > e", 'catch c <<timerEventDefinition><timeCycle>0 0 9 * * *</timeCycle>'
        '</timerEventDefinition>>\na > c\nc > e'),
        [("c", "error", "waktu")],
    ),
    "a message that is nowhere": (
        PLAIN.replace("a > e", 'catch c "Surat" <<messageEventDefinition messageRef="m9"/>>\na > c\nc > e'),
        [("c", "warning", "rujukan-putus"), ("c", "info", "dinyatakan-orang")],
    ),
    "compensation": (
        PLAIN.replace("a > e", "throw c <<compensateEventDefinition/>>\na > c\nc > e"),
        [("c", "error", "tidak-dapat-dijalankan")],
    ),
    "an event that waits for everything": (
        PLAIN.replace("a > e", 'catch c parallelMultiple=true <<timerEventDefinition><timeDuration>P1D</timeDuration>'
        '</timerEventDefinition><conditionalEventDefinition><condition>x</condition></conditionalEventDefinition>>'
        '\na > c\nc > e'),
        [("c", "error", "tidak-dapat-dijalankan")],
    ),
    "a cancelled transaction": (
        PLAIN.replace("end e", "end e <<cancelEventDefinition/>>"),
        [("e", "error", "tidak-dapat-dijalankan")],
    ),
    "one after the other in any order": (
        PLAIN.replace("a > e", 'adhoc k ordering=Sequential "K"\n  user b "B"\na > k\nk > e'),
        [("k", "error", "tidak-dapat-dijalankan"), ("k", "info", "bebas-urutan"), ("k", "info", "tanpa-awal")][:2],
    ),
    "a link to nowhere": (
        PLAIN.replace("a > e", 'throw c <<linkEventDefinition name="L"/>>\na > c\nxor m\na > m\nm > e'),
        [("a", "info", "cabang-bersamaan"), ("c", "error", "tautan-putus")],
    ),
    "a loop marker without a number": (
        PLAIN.replace('"Isi"', '"Isi" <<multiInstanceLoopCharacteristics/>>'),
        [("a", "warning", "ulangan")],
    ),
    "an id used twice": (
        PLAIN + '\nuser a "Dua"\n', [("a", "warning", "id-ganda"), ("a_2", "warning", "tak-terjangkau")],
    ),
    "a property misspelt": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(formulr="x")}>'), [("a", "warning", "properti-tak-dikenal")],
    ),
    "a property of another place": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(status="ditolak")}>'), [("a", "warning", "properti-salah-tempat")],
    ),
    "a property of somebody else": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(zzz="1")}>'), [("a", "info", "properti-tak-dikenal")],
    ),
    "a value that says nothing": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(batas="besok")}>'), [("a", "error", "nilai-properti")],
    ),
    "four eyes of nobody": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(empat_mata="b")}>'), [("a", "error", "empat-mata")],
    ),
    "two usual starts": (
        PLAIN + f"\nstart t <{given(utama='ya')}>\nt > a\nstart u <{given(utama='ya')}>\nu > a",
        [("u", "warning", "utama-ganda")],
    ),
    "an inclusive gateway without conditions": (
        PLAIN.replace("a > e", 'or g\na > g\ng > e\nend f\ng > f'), [("g", "warning", "semua-cabang")],
    ),
    "conditions behind a parallel gateway": (
        PLAIN.replace("a > e", 'and g\na > g\ng > e if x\nend f\ng > f'), [("g", "warning", "syarat-diabaikan")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SAID.values(), ids=SAID)
def test_said(text: str, expected: object) -> None:
    assert said(draw(text)) == expected


def test_messages_name_the_element_and_what_to_do() -> None:
    reading = engine.read(draw(PLAIN.replace('"Isi"', f'"Isi" <{given(batas="besok", formulr="x")}>') + "\na > x"))
    assert [finding.message for finding in reading.findings if finding.level != "info"] == [
        "Panah a_x (dari langkah “Isi”) tidak tersambung di kedua ujungnya. Sambungkan atau hapuslah panah itu.",
        "Langkah “Isi”: properti batas “besok” tidak terbaca. Tulis seperti: H+2.",
        "Langkah “Isi”: properti formulr tidak dikenal. Maksud Anda formulir?",
    ]
    assert not reading.runnable


def test_a_lane_twice_and_a_lane_without_a_name() -> None:
    text = PLAIN + "\nuser b\na > b"
    assert said(draw(text, lanes(("Satu", "s a e"), ("Satu", "b"))), "info") == [
        ("a", "info", "cabang-bersamaan"), ("l2", "info", "lajur-kembar"),
    ]  # fmt: skip
    assert said(draw(PLAIN, lanes(("", "s a e"))), "warning") == [("l1", "warning", "lajur-tanpa-nama")]


def test_another_pool_is_said_not_to_run() -> None:
    drawing = draw(PLAIN).replace(
        b"</process>", b'</process><process id="q" name="Lain"><task id="z" name="Z"/></process>'
    )
    reading = engine.read(drawing)
    assert [(f.element, f.rule) for f in reading.findings if f.level == "warning"] == [("q", "pool-lain")]
    assert reading.definition
    assert list(reading.definition.steps) == ["a"]


def test_the_vocabulary_names_each_property_once_and_says_what_it_means() -> None:
    assert len({known.name for known in VOCABULARY}) == len(VOCABULARY)
    for known in VOCABULARY:
        assert known.places
        assert known.meaning
        assert bool(known.shape) == bool(known.example)


HEAD = b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL">'
BOMB = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10))
HOSTILE = {
    "empty": (b"", "kosong"),
    "blank": (b" \n\t ", "kosong"),
    "text": (b"bukan diagram", "bukan-xml"),
    "binary": (bytes(range(256)) * 50, "bukan-xml"),
    "zeros": (b"\0" * 1000, "bukan-xml"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "bukan-xml"),
    "truncated": (draw(PLAIN)[:-40], "bukan-xml"),
    "html": (b"<html><body/></html>", "bukan-bpmn"),
    "nothing in it": (HEAD + b"</definitions>", "tanpa-proses"),
    "an empty process": (HEAD + b'<process id="p"/></definitions>', "tanpa-proses"),
    "deep": (HEAD + b"<process>" + b"<subProcess>" * 200_000, "bukan-xml"),
    "deep and closed": (HEAD + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</definitions>", "bukan-xml"),
    "entity bomb": (b'<!DOCTYPE d [<!ENTITY e0 "ha">' + BOMB + b"]>" + HEAD + b"&e9;</definitions>", "doctype"),
    "external entity": (b'<!DOCTYPE d [<!ENTITY x SYSTEM "/etc/passwd">]>' + HEAD + b"&x;</definitions>", "doctype"),
    "external document type": (b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">' + HEAD + b"</definitions>", "doctype"),
    "a document type in UTF-16": (f"<!DOCTYPE d>{HEAD.decode()}</definitions>".encode("utf-16"), "doctype"),
    "unknown entity": (HEAD + b"&x;</definitions>", "bukan-xml"),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?>' + HEAD + b"</definitions>", "bukan-xml"),
    "wrong encoding": (b'<?xml version="1.0" encoding="UTF-16"?>' + HEAD + b"</definitions>", None),
    "too large": (HEAD + b"<!--" + b"x" * 17_000_000 + b"--></definitions>", "terlalu-besar"),
    "fifty megabytes of steps": (HEAD + b"<process>" + b'<task id="a"/>' * 3_600_000 + b"</process></definitions>",
                                 "terlalu-besar"),
    "small things without number": (HEAD + b"<process>" + b"<a/>" * 3_900_000 + b"</process></definitions>",
                                    "terlalu-besar"),
    "flows without number": (HEAD + b"<process>" + b"<sequenceFlow/>" * 200_000 + b"</process></definitions>",
                             "terlalu-besar"),
    "many attributes": (HEAD + b"<process " + b" ".join(b'a%d=""' % n for n in range(999)) + b"/></definitions>", None),
}  # fmt: skip


@pytest.mark.parametrize(("content", "rule"), HOSTILE.values(), ids=HOSTILE)
def test_hostile(content: bytes, rule: str | None) -> None:
    tracemalloc.start()
    began = time.process_time()
    reading = engine.read(content)
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.definition is None
    assert [finding.level for finding in reading.findings] == ["error"]
    assert rule is None or reading.findings[0].rule == rule
    assert took < 20  # it is refused long before it is read; how fast is for the bench to say
    assert peak < 100_000_000


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEAD + b'<choreography id="c"/></definitions>', "koreografi"),
        (HEAD + b'<collaboration><conversation id="c"/></collaboration></definitions>', "percakapan"),
        (b'<Package xmlns="http://www.wfmc.org/2008/XPDL2.1"/>', "XPDL"),
        (b'<definitions xmlns="http://schema.omg.org/spec/BPMN/2.0"/>', "rancangan"),
        (b'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"/>', "DMN"),
        (b"<mxfile><diagram/></mxfile>", "draw.io"),
        (HEAD.replace(b"definitions", b"process") + b"</process>", "potongan BPMN (process)"),
        (b"<definitions><process/></definitions>", "xmlns"),
        (HEAD + b'<process id="p" js:x="1"/></definitions>', "Awalan \u201cjs:\u201d"),
    ],
)
def test_a_file_that_is_something_else_is_called_by_its_name(content: bytes, told: str) -> None:
    (finding,) = engine.read(content).findings
    assert told in finding.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_any_encoding_that_xml_allows(encoding: str) -> None:
    text = draw(PLAIN.replace("Isi", "Isi é")).decode()
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    reading = engine.read((head + text).encode(encoding))
    assert reading.definition
    assert reading.definition.steps["a"].name == "Isi é"


def test_a_blank_line_above_the_first() -> None:
    assert engine.read(b'\n <?xml version="1.0"?>' + draw(PLAIN)).runnable


def chain(count: int) -> bytes:
    """A long line of steps, each with a choice to go on or back to the first."""
    lines = ["start s", "user n0", "s > n0", "end e"]
    for n in range(count // 2):
        lines += [f"xor g{n}", f"user n{n + 1}", f"n{n} > g{n}", f'g{n} > n{n + 1} "Ya"', f'g{n} > n0 "Tidak"']
    lines.append(f"n{count // 2} > e")
    return draw("\n".join(lines))


def test_ten_thousand_elements() -> None:
    began = time.perf_counter()
    reading = engine.read(chain(10_000))
    assert time.perf_counter() - began < 15
    assert reading.runnable
    assert reading.definition
    assert len(reading.definition.steps) == 5_001


def test_about_linear() -> None:
    def took(count: int) -> float:
        content = chain(count)
        times = []
        for _ in range(5):
            began = time.process_time()
            engine.read(content)
            times.append(time.process_time() - began)
        return min(times)

    assert took(4_000) < 20 * took(500)


@pytest.mark.parametrize("seed", range(150))
def test_damaged_diagrams_give_findings(seed: int) -> None:
    luck = random.Random(seed)
    text = (
        PLAIN.replace("a > e", 'xor g default=g_e "Jadi?"\na > g\ng > e "Ya"\ng > a "Tidak"')
        + '\nsub k "K"\n  start t\n  user b "B"\n  t > b\nthrow l <<linkEventDefinition name="L"/>>\na > k\nk > l\n'
        + "boundary c attachedToRef=a <<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>>"
    )
    content = bytearray(draw(text, lanes(("Satu", "s a"), ("Dua", "g e k"))))
    for _ in range(luck.randint(1, 6)):
        place = luck.randrange(len(content))
        match luck.randrange(4):
            case 0:
                content[place] = luck.randrange(256)
            case 1:
                del content[place : place + luck.randint(1, 60)]
            case 2:
                content[place:place] = content[luck.randrange(len(content)) :][: luck.randint(1, 200)]
            case _:
                names = [
                    b'"a"',
                    b'"g"',
                    b'"k"',
                    b'"p"',
                    b"userTask",
                    b"startEvent",
                    b"sourceRef",
                    b"targetRef",
                    b"lane",
                ]
                content = content.replace(luck.choice(names), luck.choice([*names, b'"_alur_x"', b'"Start"']))
    reading = engine.read(bytes(content))
    assert reading.definition is not None or any(finding.level == "error" for finding in reading.findings)
    if reading.runnable and reading.definition:
        engine.walk(reading.definition, seed, 50)
