"""Decision tables: what their cells mean, which rows hold, and how a case runs by them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

from app import bundles, checks, engine
from app.engine import dmn as files
from app.engine import feel
from app.engine.definition import Definition
from app.engine.expressions import compile
from app.engine.tokens import BadValue
from tests import play
from tests.conftest import Install, alur
from tests.drawn import draw, lanes
from tests.test_other_sop import one_kind, told
from tests.test_reader import run

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
VERSIONS = (
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "https://www.omg.org/spec/DMN/20211108/MODEL/",
    "https://www.omg.org/spec/DMN/20230324/MODEL/",
)


def text(tag: str, words: str, **attributes: str) -> str:
    more = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{more}><text>{escape(words)}</text></{tag}>"


def table(
    sheet: str,
    policy: str = "",
    key: str = "tarif",
    name: str = "Tarif",
    needs: str = "",
    types: str = "",
    inside: Iterable[tuple[int, str]] = (),
) -> str:
    """A decision of lines of cells between bars: the head `luas | jenis || biaya`, then a line for each rule.

    `inside` is XML for an output column, by its number.
    """
    head, *rules = [line.split("||") for line in sheet.strip().splitlines()]
    asked = [cell.strip() for cell in head[0].split("|") if cell.strip()]
    given_ = [cell.strip() for cell in head[1].split("|")]
    kinds = types.split() or [""] * (len(asked) + len(given_))
    inner = dict(inside)
    columns = "".join(
        f"<input label={quoteattr(cell.capitalize())}>{text('inputExpression', cell, typeRef=kind)}</input>"
        for cell, kind in zip(asked, kinds, strict=False)
    )
    columns += "".join(
        f"<output name={quoteattr(cell)} typeRef={quoteattr(kind)}>{inner.get(number, '')}</output>"
        for number, (cell, kind) in enumerate(zip(given_, kinds[len(asked) :], strict=True))
    )
    rows = "".join(
        "<rule>"
        + "".join(text("inputEntry", cell.strip()) for cell in (rule[0].split("|") if asked else ()))
        + "".join(text("outputEntry", cell.strip()) for cell in rule[1].split("|"))
        + "</rule>"
        for rule in rules
    )
    required = "".join(
        f'<informationRequirement><requiredDecision href="#{other}"/></informationRequirement>'
        for other in needs.split()
    )
    body = f"<decisionTable{f' {policy}' if policy else ''}>{columns}{rows}</decisionTable>"
    return f'<decision id="{key}" name={quoteattr(name)}>{required}{body}</decision>'


def dmn(*decisions: str, version: str = VERSIONS[2]) -> bytes:
    return f'<definitions xmlns="{version}" id="d" name="d" namespace="n">{"".join(decisions)}</definitions>'.encode()


def task(attributes: str = 'camunda:decisionRef="tarif"', inner: str = "", after: str = "") -> bytes:
    """A start, a business rule, a step and an end."""
    drawing = draw(
        f'start s\nrule r "Hitung" <{inner}>\nuser a "Terima"\nend e\ns > r\nr > a\na > e{after}',
        lanes(("Loket", "s r a e")),
    )
    return drawing.replace(b'<businessRuleTask id="r"', f'<businessRuleTask id="r" {attributes}'.encode())


def of(content: bytes, attributes: str = 'camunda:decisionRef="tarif"', inner: str = "") -> Definition:
    reading = engine.read(task(attributes, inner), {"tarif.dmn": content})
    assert reading.runnable, reading.findings
    assert reading.definition
    stored = Definition.loads(reading.definition.dumps())
    assert stored == reading.definition
    return stored


def answers(definition: Definition, facts: dict[str, Any]) -> dict[str, Any]:
    """What the rule sets, by the verb itself and from the stored model."""
    return dict(engine.start(definition, None, engine.facts(definition, facts), NOW).facts)


# Cells

CELLS: list[tuple[str, list[Any], list[Any]]] = [  # a cell, what fits, what does not
    ("", [1, None, "a"], []),
    ("-", [1, None, "a"], []),
    ("5", [5, 5.0], [4, "5", None]),
    ("-5", [-5], [5, None]),
    ("1.5", [1.5], [1]),
    ('"usaha"', ["usaha"], ["Usaha", None]),
    ("true", [True], [False, None]),
    ("false", [False], [True, None]),
    ("null", [None], [0, "", False]),
    ("1, 2,3", [1, 2, 3], [4, None]),
    ('"a","b, c"', ["a", "b, c"], ["b", "c", None]),
    ('"a", null', ["a", None], ["b"]),
    ("-1, 1", [-1, 1], [0]),
    ("< 5", [4.9], [5, None, "4"]),
    ("<=5", [5], [5.1]),
    ("> 5", [6], [5]),
    (">= 5", [5], [4]),
    ("= 5", [5], [4]),
    ("!= 5", [4, None], [5]),
    ("< batas", [9], [10]),
    ("[1..5]", [1, 5, 3.3], [0.9, 5.1, None]),
    ("]1..5[", [1.1], [1, 5]),
    ("(1..5)", [1.1], [1, 5]),
    ("[1..5)", [1], [5]),
    ("(1..5]", [5], [1]),
    ("[1..5[", [1], [5]),
    ("]1..5]", [5], [1]),
    ("[-1.5..-.5]", [-1], [0]),
    ('["a".."f"]', ["c"], ["g", 1]),
    ("[1..batas]", [10], [11]),
    ("[1..2],]5..6[", [1, 5.5], [3, 5]),
    ("< 1, > 9, 5", [0, 10, 5], [1, 9]),
    ("not(5)", [4, None], [5]),
    ('not("a","b")', ["c"], ["a", "b"]),
    ("not([1..5])", [6], [1]),
    ("not([1..5))", [5], [1]),
    ("not(< 5, 7)", [5, 6], [4, 7]),
    ("not(not(5))", [5], [4]),
    ("not(-)", [], [1, None]),
    ("not(1), 1", [1, 2], []),
    ('date("2026-01-31")', ["2026-01-31"], ["2026-02-01", None]),
    ('< date("2026-01-31")', ["2026-01-30"], ["2026-01-31", None]),
    ('[date("2026-01-01")..date("2026-01-31")]', ["2026-01-31"], ["2026-02-01"]),
    ('>= @"2026-01-31"', ["2026-01-31"], ["2026-01-30"]),
    ('date and time("2026-01-31T10:00:00")', ["2026-01-31T10:00:00"], ["2026-01-31"]),
    ("[date(mulai)..date(akhir)]", ["2026-02-01"], ["2026-04-01"]),
    ("batas", [10], [9, None]),
    ("batas * 2", [20], [10]),
    ("[1, 2]", [1, 2], [3]),
    ("? > 5 and ? < batas", [6], [5, 10]),
    ("len(?) > 2", ["abc"], ["ab", None]),
    ('? in ["a", "b"]', ["a"], ["c"]),
    ("lain > 5", [1, None], []),
    ("lain > 6", [], [1, None]),
    ('not(? = "x")', ["y"], ["x"]),
    ("${5}", [5], [4]),
    ('"tanya?"', ["tanya?"], ["tanya"]),
    ('"a..b"', ["a..b"], ["a"]),
    ("'a', 'b'", ["a"], ["c"]),
]


@pytest.mark.parametrize(("cell", "fits", "not_"), CELLS, ids=[cell for cell, _, _ in CELLS])
def test_what_a_cell_means(cell: str, fits: list[Any], not_: list[Any]) -> None:
    others = {"batas": 10, "lain": 6, "mulai": "2026-01-01", "akhir": "2026-03-01"}
    for subject in ("nilai", "isian.nilai", "isi[0]"):
        test = feel.test(cell, compile(subject))
        for value, expected in [(value, True) for value in fits] + [(value, False) for value in not_]:
            names = {**others, "nilai": value, "isian": {"nilai": value}, "isi": [value]}
            assert (test is None or test.evaluate(names)) is expected, (subject, value)
        if test is not None:
            assert compile(test.text).text == test.text


UNREADABLE = (
    "<< 5", "1..5", "[1..]", "[1..2..3]", "luas tanah", "{a: 1}", "5) or (True", "< 5) or (True", "_x", "a._b", "x.__class__", "? ?",
    "every x in y satisfies x", "lambda: 1", 'date("31/1/2026")', '@"kemarin"', '"a" or "b"', "1 > 0", '"a', 'x"', "1,,2", "1,", '"a\tb"',
    '"a\\"', "9" * 400, "10e300", "a" * 2_001, "not(" * 6 + "1" + ")" * 6, "(" * 300 + "1" + ")" * 300, "1," * 400 + "1", "open('x')", "f'{x}'", "2 ** 9",
)  # fmt: skip


@pytest.mark.parametrize("cell", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_cell(cell: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        feel.test(cell, compile("luas"))
    assert caught.value.msg


@pytest.mark.parametrize("text", ['"a\tb"', '"a\u00a0b"', "_x", "a b"])
def test_what_is_no_result(text: str) -> None:
    with pytest.raises(SyntaxError):
        feel.value(text)


# Hit policies

OVERLAP = """
n    || x   | y
> 1  || "a" | 1
> 2  || "b" | 2
> 3  || "a" | 1
"""
RANKED = ((0, text("outputValues", '"b","a"')), (1, text("outputValues", "1,2")))
ONE = """
n    || x
> 1  || 1
> 2  || 2 + n
> 3  || 1
"""
WORDS = '\nn || x\n> 1 || "2026-01-02"\n> 2 || "2026-01-01"'
MIXED = '\nn || x\n> 1 || 1\n> 2 || "a"'
DEFAULT = ((0, text("defaultOutputEntry", '"biasa"')),)

POLICIES: list[tuple[str, str, Any, int | None, Any]] = [  # policy, sheet, more of outputs, n, what is set
    ("", OVERLAP, (), 2, {"x": "a", "y": 1}),
    ('hitPolicy="UNIQUE"', OVERLAP, (), 1, {"x": None, "y": None}),
    ('hitPolicy="UNIQUE"', OVERLAP, (), None, {"x": None, "y": None}),
    ('hitPolicy="UNIQUE"', OVERLAP, (), 3, BadValue),
    ('hitPolicy="UNIQUE"', OVERLAP.replace("> 2", "> 9"), (), 4, {"x": "a", "y": 1}),
    ('hitPolicy="ANY"', OVERLAP.replace("> 2", "> 9"), (), 4, {"x": "a", "y": 1}),
    ('hitPolicy="ANY"', OVERLAP, (), 3, BadValue),
    ('hitPolicy="FIRST"', OVERLAP, (), 4, {"x": "a", "y": 1}),
    ('hitPolicy="FIRST"', OVERLAP, (), 1, {"x": None, "y": None}),
    ('hitPolicy="PRIORITY"', OVERLAP, RANKED, 4, {"x": "b", "y": 2}),
    ('hitPolicy="PRIORITY"', OVERLAP, RANKED, 2, {"x": "a", "y": 1}),
    ('hitPolicy="OUTPUT ORDER"', OVERLAP, RANKED, 4, {"x": ["b", "a", "a"], "y": [2, 1, 1]}),
    ('hitPolicy="RULE ORDER"', OVERLAP, (), 4, {"x": ["a", "b", "a"], "y": [1, 2, 1]}),
    ('hitPolicy="COLLECT"', OVERLAP, (), 3, {"x": ["a", "b"], "y": [1, 2]}),
    ('hitPolicy="COLLECT" aggregation="LIST"', ONE, (), 3, {"x": [1, 5]}),
    ('hitPolicy="COLLECT"', ONE, (), 1, {"x": None}),
    ('hitPolicy="COLLECT" aggregation="SUM"', ONE, (), 4, {"x": 8}),
    ('hitPolicy="COLLECT" aggregation="MIN"', ONE, (), 4, {"x": 1}),
    ('hitPolicy="COLLECT" aggregation="MAX"', ONE, (), 4, {"x": 6}),
    ('hitPolicy="COLLECT" aggregation="COUNT"', ONE, (), 4, {"x": 3}),
    ('hitPolicy="COLLECT" aggregation="COUNT"', ONE, (), 1, {"x": 0}),
    ('hitPolicy="COLLECT" aggregation="SUM"', ONE, (), 1, {"x": None}),
    ('hitPolicy="COLLECT" aggregation="MIN"', WORDS, (), 3, {"x": "2026-01-01"}),
    ('hitPolicy="COLLECT" aggregation="SUM"', MIXED, (), 3, {"x": None}),
    ('hitPolicy="FIRST"', MIXED, DEFAULT, 1, {"x": "biasa"}),
    ('hitPolicy="FIRST"', MIXED, DEFAULT, 2, {"x": 1}),
    ('hitPolicy="COLLECT"', MIXED, DEFAULT, 1, {"x": ["biasa"]}),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "sheet", "inside", "n", "expected"), POLICIES)
def test_hit_policies(policy: str, sheet: str, inside: Any, n: int | None, expected: Any) -> None:
    definition = of(dmn(table(sheet, policy, inside=inside)))
    assert definition.facts == ("n",)
    if expected is BadValue:
        with pytest.raises(BadValue) as caught:
            answers(definition, {"n": n})
        assert (caught.value.element, caught.value.message) == (
            "r", "“Hitung”: Tabel keputusan “Tarif”: baris 1 dan 2 cocok bersamaan dengan hasil yang berbeda.",
        )  # fmt: skip
        return
    assert answers(definition, {"n": n}) == expected


# How a task names it and where the answer goes

SPIFF = "<extensionElements><spiffworkflow:calledDecisionId>tarif</spiffworkflow:calledDecisionId></extensionElements>"
ZEEBE = '<extensionElements><zeebe:calledDecision decisionId="tarif" resultVariable="hasil"/></extensionElements>'
REF = 'camunda:decisionRef="tarif"'
RESULT = f'{REF} camunda:resultVariable="hasil"'
TWO = '\nn || x | tka.y\n> 1 || "a" | 1\n> 2 || "b" | 2'
A, B = {"x": "a", "tka": {"y": 1}}, {"x": "b", "tka": {"y": 2}}

CALLS: list[tuple[str, str, str, str, Any]] = [  # attributes, extensions, sheet, policy, what is set where n is 3
    (REF, "", "n || x\n> 1 || 1", "", {"x": 1}),
    ("", SPIFF, "n || x\n> 1 || 1", "", {"x": 1}),
    ("", ZEEBE, "n || x\n> 1 || 1", "", {"hasil": 1}),
    (RESULT, "", "n || x\n> 1 || 1", "", {"hasil": 1}),
    (RESULT.replace("hasil", "tka.biaya"), "", "n || x\n> 1 || 1", "", {"tka": {"biaya": 1}}),
    (REF, "", TWO, "FIRST", A),
    (RESULT, "", TWO, "FIRST", {"hasil": A}),
    (RESULT, "", TWO, "COLLECT", {"hasil": [A, B]}),
    (RESULT, "", TWO.replace("> ", "> 9"), "FIRST", {"hasil": None}),
    (RESULT, "", TWO.replace("> ", "> 9"), "COLLECT", {"hasil": None}),
    (RESULT, "", "n || x\n> 1 || 1\n> 2 || 2", "COLLECT", {"hasil": [1, 2]}),
    (f'{RESULT} camunda:mapDecisionResult="singleEntry"', "", "n || x\n> 1 || 1", "", {"hasil": 1}),
    (f'{RESULT} camunda:mapDecisionResult="singleResult"', "", "n || x\n> 1 || 1", "", {"hasil": {"x": 1}}),
    (f'{RESULT} camunda:mapDecisionResult="singleResult"', "", TWO, "FIRST", {"hasil": A}),
    (f'{RESULT} camunda:mapDecisionResult="collectEntries"', "", "n || x\n> 1 || 1", "", {"hasil": [1]}),
    (f'{RESULT} camunda:mapDecisionResult="collectEntries"', "", "n || x\n> 9 || 1", "", {"hasil": []}),
    (f'{RESULT} camunda:mapDecisionResult="resultList"', "", TWO, "COLLECT", {"hasil": [A, B]}),
    (f'{RESULT} camunda:mapDecisionResult="resultList"', "", "n || x\n> 1 || 1", "", {"hasil": [{"x": 1}]}),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "inner", "sheet", "policy", "expected"), CALLS)
def test_where_an_answer_goes(attributes: str, inner: str, sheet: str, policy: str, expected: Any) -> None:
    content = dmn(table(sheet, f'hitPolicy="{policy}"' if policy else ""))
    assert answers(of(content, attributes, inner), {"n": 3}) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version(version: str) -> None:
    assert answers(of(dmn(table("n || x\n> 1 || 1"), version=version)), {"n": 2}) == {"x": 1}


def test_what_is_read_of_the_data() -> None:
    sheet = 'tka.usia * 2 | jenis | tak_ditanya || x | y\n> batas.usia | "a" | - || x0 | y0.z\n'
    assert of(dmn(table(sheet))).facts == ("tka.usia", "batas.usia", "jenis", "x0", "y0.z")


def test_no_inputs_an_expression_and_what_it_says_of_dates() -> None:
    assert answers(of(dmn(table("||x\n||date(tanggal)"))), {"tanggal": "2026-01-01"}) == {"x": "2026-01-01"}
    one = '<decision id="tarif" name="Tarif"><variable name="biaya"/><literalExpression><text>luas * 5000</text></literalExpression></decision>'
    assert answers(of(dmn(one)), {"luas": 2}) == {"biaya": 10_000}
    assert answers(of(dmn(one), RESULT), {"luas": 2}) == {"hasil": 10_000}
    assert answers(of(dmn(one)), {"luas": "dua"}) == {"biaya": None}


REQUIRED = (
    table('luas || kelas\n< 100 || "kecil"\n>= 100 || "besar"', key="kelas-usaha", name="Kelas usaha"),
    table('kelas | jenis || dasar | pajak\n"kecil" | - || 1000 | 1\n"besar" | "hotel" || 9000 | 2', key="pokok", needs="kelas-usaha", name="pokok"),
    table('kelas | pokok.pajak | dasar || biaya\n- | - | - || dasar * pajak', needs="kelas-usaha pokok"),
)  # fmt: skip


def test_a_decision_that_requires_others() -> None:
    definition = of(dmn(*REQUIRED))
    assert definition.facts == ("luas", "jenis")
    assert [answers(definition, {"luas": luas, "jenis": "hotel"}) for luas in (1, 100)] == [
        {"biaya": 1000},
        {"biaya": 18_000},
    ]
    assert definition.model.count("<decision ") == 3


def test_what_is_required_is_seen_only_by_who_requires_it() -> None:
    """`kelas` is a fact to the one, and what the other makes to the third."""
    a = table("|| kelas\n|| 1", key="a")
    b = table("|| dua\n|| kelas", key="b")
    definition = of(dmn(a, b, table("|| x | y\n|| kelas | dua", needs="a b")))
    assert (definition.facts, answers(definition, {"kelas": 5})) == (("kelas",), {"x": 1, "y": 5})


def test_tables_stand_in_the_model_once() -> None:
    drawing = task(after='\nrule r2 "Lagi"\nend f\na > r2\nr2 > f').replace(
        b'<businessRuleTask id="r2"', b'<businessRuleTask id="r2" camunda:decisionRef="tarif"'
    )
    reading = engine.read(drawing, {"x.dmn": dmn(*REQUIRED)})
    assert reading.definition
    assert reading.definition.model.count("<decision ") == 3


# What cannot be run


def findings(content: bytes | None, attributes: str = REF, **more: bytes) -> list[tuple[str, str, str, str]]:
    """What there is to say beyond the ordinary; nothing is a traceback, and what is left of it walks."""
    files = {
        **({} if content is None else {"tarif.dmn": content}),
        **{f"{key}.dmn": text for key, text in more.items()},
    }
    reading = engine.read(task(attributes), files)
    assert reading.definition
    assert engine.walk(reading.definition, 1, 20).completed
    assert (reading.definition.steps.keys() == {"r", "a"}) is ("decisionRef" not in reading.definition.model)
    return [(f.element, f.level, f.rule, f.message) for f in reading.findings if f.rule not in ("keputusan",)]


SAYS = "Tabel keputusan “Tarif”: "
ROW = f"{SAYS}baris 1, kolom “N”: "
UNREAD = "Ungkapan “{0}” tidak dapat dibaca."
FAULTS: dict[str, tuple[bytes, list[tuple[str, str, str, str]]]] = {
    "a cell": (
        dmn(table("n | m || x\n- | 1 || 1\n1 | luas tanah || 1")),
        [("r", "error", "tabel", f"{SAYS}baris 2, kolom “M”: “luas tanah” tidak terbaca. {UNREAD.format('luas tanah')}")],
    ),
    "a result": (
        dmn(table("n || x\n1 || 1 +")),
        [("r", "error", "tabel", f"{SAYS}baris 1, kolom “x”: “1 +” tidak terbaca. {UNREAD.format('1 +')}")],
    ),
    "an input": (
        dmn(table("n m || x\n1 || 1")),
        [("r", "error", "tabel", f"{SAYS}kolom “N m”: “n m” tidak terbaca. {UNREAD.format('n m')}"),
         ("r", "error", "tabel", f"{SAYS}baris 1, kolom “N m”: kolom ini belum menyebut kunci isian (expression).")],
    ),
    "an input that says nothing": (
        dmn(table("n || x\n1 || 1").replace("<text>n</text>", "<text/>")),
        [("r", "error", "tabel", f"{ROW}kolom ini belum menyebut kunci isian (expression).")],
    ),
    "a name of the engine's": (
        dmn(table("n || x\n_choice || 1")),
        [("r", "error", "tabel", f"{ROW}“_choice” tidak terbaca. Nama yang diawali garis bawah tidak dapat dipakai.")],
    ),
    "a result of the engine's": (
        dmn(table("n || _choice\n1 || 1")),
        [("r", "error", "tabel", f"{SAYS}kolom hasil 1: nama “_choice” diawali garis bawah.")],
    ),
    "a result that is no name": (
        dmn(table("n || Biaya izin\n1 || 1")),
        [("r", "error", "tabel", "Hasil “Biaya izin” dari langkah “Hitung” tidak dapat menjadi kunci isian. Tulis satu kata sebagai "
          "result variable, atau sebagai nama kolom hasil.")],
    ),
    "two results of one name": (
        dmn(table("n || x | x\n1 || 1 | 2")),
        [("r", "error", "tabel", f"{SAYS}setiap kolom hasil harus mempunyai nama (name) sendiri.")],
    ),
    "no results": (
        dmn('<decision id="tarif" name="Tarif"><decisionTable/></decision>'),
        [("r", "error", "tabel", f"{SAYS}tidak mempunyai kolom hasil.")],
    ),
    "a row too short": (
        dmn(table("n || x\n1 || 1").replace(text("inputEntry", "1"), "")),
        [("r", "error", "tabel", f"{SAYS}baris 1 tidak mempunyai satu sel untuk setiap kolom.")],
    ),
    "a policy": (
        dmn(table("n || x\n1 || 1", 'hitPolicy="BEST"')),
        [("r", "error", "tabel", f"{SAYS}hit policy “BEST” tidak dikenal.")],
    ),
    "an aggregation": (
        dmn(table("n || x\n1 || 1", 'hitPolicy="COLLECT" aggregation="AVG"')),
        [("r", "error", "tabel", f"{SAYS}aggregation “AVG” tidak dikenal.")],
    ),
    "a sum of two": (
        dmn(table("n || x | y\n1 || 1 | 1", 'hitPolicy="COLLECT" aggregation="SUM"')),
        [("r", "error", "tabel", f"{SAYS}COLLECT dengan SUM hanya dapat mempunyai satu kolom hasil.")],
    ),
    "no order": (
        dmn(table("n || x\n1 || 1", 'hitPolicy="PRIORITY"')),
        [("r", "error", "tabel", f"{SAYS}kolom hasil 1: PRIORITY memerlukan urutan nilai (output values).")],
    ),
    "a word without quotes": (
        dmn(table('jenis || x\nusaha || 1\n"rumah" || ini', types="string string")),
        [("r", "warning", "tabel", f"{SAYS}baris 1, kolom “Jenis”: usaha dibaca sebagai kunci isian. Bila maksudnya teks, tulis “usaha” dengan "
          "tanda kutip lurus."),
         ("r", "warning", "tabel", f"{SAYS}baris 2, kolom “x”: ini dibaca sebagai kunci isian. Bila maksudnya teks, tulis “ini” dengan "
          "tanda kutip lurus."),
         ("r", "info", "tabel", "Langkah “Hitung” dikerjakan sendiri oleh sistem menurut tabel keputusan “Tarif” (UNIQUE, 2 baris).")],
    ),
    "neither table nor expression": (
        dmn('<decision id="tarif" name="Tarif"><context/></decision>'),
        [("r", "warning", "tabel", "Tabel keputusan “Tarif” tidak berisi tabel atau satu ungkapan. Tanpa tabel ini langkahnya dikerjakan petugas.")],
    ),
    "required and missing": (
        dmn(table("n || x\n1 || 1", needs="lain")),
        [("r", "warning", "tabel", "Tabel keputusan “Tarif” memerlukan keputusan “lain” yang tidak ada di berkas SOP. Tanpa tabel ini langkahnya dikerjakan petugas.")],
    ),
    "in a circle": (
        dmn(table("n || x\n1 || 1", needs="lain"), table("n || y\n1 || 1", needs="tarif", key="lain", name="Lain")),
        [("r", "warning", "tabel", "Tabel keputusan “Lain” memerlukan keputusan “tarif” yang memerlukannya kembali. Tanpa tabel ini langkahnya dikerjakan petugas."),
         ("r", "warning", "tabel", "Tabel keputusan “Tarif” memerlukan keputusan “lain” yang tidak dapat dijalankan. Tanpa tabel ini langkahnya dikerjakan petugas.")],
    ),
    "required and unreadable": (
        dmn(table("n || x\n1 || 1", needs="lain"), table("n || y\n1 1 || 1", key="lain", name="Lain")),
        [("r", "error", "tabel", f"Tabel keputusan “Lain”: baris 1, kolom “N”: “1 1” tidak terbaca. {UNREAD.format('1 1')}"),
         ("r", "warning", "tabel", "Tabel keputusan “Tarif” memerlukan keputusan “lain” yang tidak dapat dijalankan. Tanpa tabel ini langkahnya dikerjakan petugas.")],
    ),
    "two of one name": (
        dmn(table("n || x\n1 || 1"), table("n || x\n1 || 2")),
        [("r", "error", "tabel", "Tabel keputusan “Tarif” ada lebih dari satu kali (tarif.dmn). Sisakan satu saja.")],
    ),
    "too many rows": (
        dmn(table("n || x" + "\n1 || 1" * (files.MAX_ROWS + 1))),
        [("r", "error", "terlalu-besar", "Tabel keputusan “Tarif” terlalu besar: paling banyak 2000 baris, dan 20000 sel di semua tabel.")],
    ),
    "too many cells": (
        dmn(table(" | ".join(f"n{i}" for i in range(20)) + " || x" + ("\n" + "- | " * 19 + "- || 1") * 1_000)),
        [("r", "error", "terlalu-besar", "Tabel keputusan “Tarif” terlalu besar: paling banyak 2000 baris, dan 20000 sel di semua tabel.")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_run_is_said(name: str) -> None:
    content, expected = FAULTS[name]
    assert findings(content) == expected


def test_a_decision_that_is_not_at_hand_is_a_persons_step() -> None:
    missing = "Langkah “Hitung” menyebut tabel keputusan “tarif” yang tidak ada di berkas SOP (.dmn), maka dibaca sebagai langkah petugas."
    for given in (None, dmn(), dmn(table("n || x\n1 || 1", key="lain"))):
        assert findings(given) == [("r", "warning", "tabel-tidak-ada", missing)]
    assert findings(dmn(table("n || x\n1 || 1")), "") == [
        ("r", "info", "dikerjakan-orang", "Langkah “Hitung” (aturan) dibaca sebagai langkah petugas.")
    ]


JUNK = {
    "nothing": (b"", "kosong"),
    "noise": (b"\xff\x00\x01" * 50, "bukan-xml"),
    "half": (dmn(table("n || x\n1 || 1"))[:-40], "bukan-xml"),
    "a diagram": (task(), "bukan-dmn"),
    "other xml": (b"<svg/>", "bukan-dmn"),
    "a bomb": (b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + dmn(table("n || x\n1 || 1")).replace(b"Tarif", b"&b;"), "doctype"),
    "a file": (b'<!DOCTYPE d [<!ENTITY a SYSTEM "/etc/passwd">]>' + dmn(table("n || x\n1 || 1")).replace(b"Tarif", b"&a;"), "doctype"),
    "deep": (b"<a>" * 5_000, "bukan-xml"),
    "a crowd": (dmn('<decision id="a"/>' * (files.MAX_DECISIONS + 1)), "terlalu-besar"),
}  # fmt: skip


@pytest.mark.parametrize("name", JUNK)
def test_any_bytes_give_findings(name: str) -> None:
    content, rule = JUNK[name]
    assert [finding[:3] for finding in findings(content)] == [
        ("tarif.dmn", "error", rule),
        ("r", "warning", "tabel-tidak-ada"),
    ]
    assert [(f.element, f.level, f.rule) for f in engine.read_tables("a.dmn", content)] == [("a.dmn", "error", rule)]


def test_broken_files_at_every_byte() -> None:
    """Cut anywhere, or with a byte gone, it is read or refused."""
    content = dmn(*REQUIRED)
    for place in range(0, len(content), 7):
        engine.read(task(), {"x.dmn": content[:place]})
        engine.read(task(), {"x.dmn": content[:place] + content[place + 1 :]})


def test_long_chains() -> None:
    """However they are asked for, and in whatever order: a finding, and no recursion without end."""
    many = [
        table(f"|| x{i}\n|| {i}", key=f"k{i}", name=f"k{i}", needs=f"k{i + 1}" if i < 400 else "") for i in range(401)
    ]
    for key in ("k0", "k380", "k200"):
        reading = engine.read(task(f'camunda:decisionRef="{key}"'), {"x.dmn": dmn(*many)})
        assert reading.runnable
        assert ("decisionRef" in reading.definition.model) is (key == "k380")  # type: ignore[union-attr]
    told = engine.read_tables("x.dmn", dmn(*reversed(many)))  # each is read before who requires it
    assert 400 - files.MAX_CHAIN <= len({f.element for f in told}) <= len(told) < 2_000


def test_a_file_alone() -> None:
    assert engine.read_tables("x.dmn", dmn(*REQUIRED)) == ()
    assert [(f.element, f.level) for f in engine.read_tables("x.dmn", FAULTS["a cell"][0])] == [("tarif", "error")]


# A case by a table

FEE = """
luas       | jenis            || biaya        | kelas
< 100      | not("hotel")     || 0            | "kecil"
[100..500] | not("hotel")     || luas * 10    | "besar"
> 500      | not("hotel")     || luas * 20    | "besar"
-          | "hotel"          || 100000       | "besar"
"""
ROUTED = """
start s
user a "Isi"
rule r "Hitung biaya" <{inner}>
xor g default=g_e
user b "Bayar"
user c "Terima"
end e
s > a
a > r
r > c
c > g
g > b if biaya > 0
g > e
b > e
"""


def test_a_case_goes_where_its_table_says() -> None:
    reading = engine.read(draw(ROUTED.format(inner=SPIFF)), {"x.dmn": dmn(table(FEE))})
    assert reading.runnable
    assert reading.definition
    definition = Definition.loads(reading.definition.dumps())
    assert definition.facts == ("luas", "jenis", "biaya")
    for luas, jenis, biaya, after in (
        (50, "toko", 0, []), (100, "toko", 1000, ["b"]), (501, "toko", 10_020, ["b"]), (1, "hotel", 100_000, ["b"]),
    ):  # fmt: skip
        facts = {"luas": luas, "jenis": jenis, "biaya": None}
        begun = engine.start(definition, None, facts, NOW)
        done = engine.complete(definition, begun.state, begun.opened[0].token, facts, None, NOW)
        assert (done.facts["biaya"], [step.step for step in done.opened]) == (biaya, ["c"])
        assert done.path[:4] == ("a", "a_r", "r", "r_c")
        again = engine.complete(definition, begun.state, begun.opened[0].token, facts, None, NOW)
        assert (again.state, again.digest) == (done.state, done.digest)
        last = engine.complete(definition, done.state, done.opened[0].token, {**facts, **done.facts}, None, NOW)
        assert ([step.step for step in last.opened], last.ended) == (after, not after)


def test_a_loop_marker_and_a_sub_process() -> None:
    marker = "<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>"
    drawing = draw(
        f'start s\nsub k "K"\n  start ks\n  rule r "Hitung" <{SPIFF}{marker}>\n  end ke\n  ks > r\n  r > ke\nend e\ns > k\nk > e'
    )
    reading = engine.read(drawing, {"x.dmn": dmn(table("n || n\n- || n + 1"))})
    assert reading.definition
    outcome = engine.start(reading.definition, None, {"n": 1}, NOW)
    assert (outcome.ended, dict(outcome.facts)) == (True, {"n": 3})


def test_after_a_table_a_gateway_without_conditions_is_somebodys_decision() -> None:
    reading = engine.read(
        draw(
            f'start s\nrule r "Hitung" <{SPIFF}>\nxor g "Setuju?"\nend e\nend f\ns > r\nr > g\ng > e "Ya"\ng > f "Tidak"'
        ),
        {"x.dmn": dmn(table("n || x\n1 || 1"))},
    )
    assert reading.definition
    assert list(reading.definition.steps) == ["g"]
    assert run(reading.definition, "g_f", n=1)[-1] == "f"


def test_walks_pass_through_every_row() -> None:
    sheet = """
n           | tanggal                  | jenis       || jalan
< 1         | -                        | "a"         || 1
[1..2)      | > date("2026-01-31")     | "a"         || 2
(2..2.5)    | < date("2026-01-31")     | not("a")    || 3
(2.5..3)    | -                        | null        || 4
"""
    ways = "".join(f"\nend e{i}\ng > e{i} if jalan = {i}" for i in range(1, 5))
    drawing = draw(
        f'start s\nrule r "Pilih" <{SPIFF}>\nuser a\nxor g default=g_e\nend e\ns > r\nr > a\na > g\ng > e{ways}'
    )
    reading = engine.read(drawing, {"x.dmn": dmn(table(sheet))})
    assert reading.definition
    walker = engine.walk.__globals__["_Walker"](reading.definition, 0)
    seen = set()
    for _ in range(2_000):
        outcome = engine.start(reading.definition, None, walker.facts(), NOW)
        seen.add(outcome.facts["jalan"])
    assert seen == {None, 1, 2, 3, 4}


# As a bundle


def laid(folder: Path, kind: str = "rule", inner: str = SPIFF) -> Path:
    """`bpmn/izin.bpmn`, with steps without forms, and `dmn/izin/tarif.dmn`."""
    (folder / "bpmn").mkdir(parents=True)
    (folder / "dmn" / "izin").mkdir(parents=True)
    rooms = lanes(("Pemohon", "s a"), ("Loket", "r g b c e"))
    (folder / "bpmn" / "izin.bpmn").write_bytes(
        draw(ROUTED.format(inner=inner).replace("rule r", f"{kind} r"), rooms, id="izin")
    )
    (folder / "dmn" / "izin" / "tarif.dmn").write_bytes(
        dmn(table("luas || biaya\nnull || 7\n- || 9", 'hitPolicy="FIRST"'))
    )
    return folder / "bpmn" / "izin.bpmn"


def test_a_bundle_brings_its_tables(tmp_path: Path) -> None:
    path = laid(tmp_path)
    alone, whole = (bundles.read([place]) for place in (path, tmp_path))
    assert alone == whole
    (bundle,) = whole
    assert list(bundle.files()) == ["izin.bpmn", "called/tarif.dmn"]
    definition, found = checks.check(bundle)
    assert definition
    assert [f for f in found if f.level != "info"] == []
    (tmp_path / "dmn" / "izin" / "tarif.dmn").write_bytes(dmn(table("luas || biaya\n- || 8")))
    assert bundles.read([path])[0].digest() != bundle.digest()


def test_tables_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Among what is given, and for a bundle inside it; a file of tables has a line of its own."""
    path = laid(tmp_path)
    sheet = tmp_path / "dmn" / "izin" / "tarif.dmn"
    alur(monkeypatch, "sop", "check", path)
    assert "tabel-tidak-ada" not in capsys.readouterr().out
    alur(monkeypatch, "sop", "walk", path, "--seed", 1)
    capsys.readouterr()
    elsewhere = tmp_path / "izin.bpmn"
    elsewhere.write_bytes(path.read_bytes())
    alur(monkeypatch, "sop", "check", elsewhere)
    assert "tabel-tidak-ada" in capsys.readouterr().out
    alur(monkeypatch, "sop", "check", elsewhere, sheet)
    out = capsys.readouterr().out
    assert (out.splitlines()[-1], "tabel-tidak-ada" in out) == (f"{sheet}: dapat dijalankan", False)
    sheet.write_bytes(FAULTS["a cell"][0])
    with pytest.raises(AssertionError):
        alur(monkeypatch, "sop", "check", sheet)
    assert "belum dapat dijalankan" in capsys.readouterr().out


@one_kind
@pytest.mark.parametrize(("node", "inner"), [("rule", SPIFF), ("script", "<script>biaya = 7</script>")])
def test_a_case_by_a_table_to_its_end_and_proven(
    install: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    node: str,
    inner: str,
) -> None:
    """What a table or a script sets is no answer, and is proven like one."""
    office = install(laid(tmp_path / "sop", node, inner))
    case_id = play.apply(office, sop="izin")
    assert told(office, case_id) == ("open", ["Isi"])
    play.step(office, case_id)
    assert told(office, case_id) == ("open", ["Terima"])
    play.step(office, case_id)
    assert told(office, case_id) == ("open", ["Bayar"])
    play.finish(office, case_id)
    assert told(office, case_id) == ("ended", [])
    alur(monkeypatch, "verify")
