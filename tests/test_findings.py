"""What the check says that an SOP's owner would otherwise never hear: each a small drawing and its exact findings."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from app import bundles, checks, drawn, engine, forms
from app.engine.definition import Definition
from tests.drawn import draw, given
from tests.test_check import PLAIN, said
from tests.test_documents import letter

# Properties written twice, and those of lanes


def twice(name: str, *values: str) -> str:
    written = "".join(f'<spiffworkflow:property name="{name}" value="{value}"/>' for value in values)
    return f"<extensionElements><spiffworkflow:properties>{written}</spiffworkflow:properties></extensionElements>"


def laned(outer: str, *inner: str, other: str = "") -> bytes:
    """PLAIN in the first of two lanes that stand in a third, beside a fourth; each with its properties."""
    lanes = "".join(
        f'<lane id="i{number}" name="Dalam {number}">{given_}{"<flowNodeRef>s</flowNodeRef>" if number == 1 else ""}</lane>'
        for number, given_ in enumerate(inner, 1)
    )
    lane_set = (
        f'<laneSet id="ls"><lane id="o" name="Luar">{outer}<childLaneSet id="c">{lanes}</childLaneSet></lane>'
        f'<lane id="x" name="Lain">{other}<flowNodeRef>a</flowNodeRef><flowNodeRef>e</flowNodeRef></lane></laneSet>'
    )
    return draw(PLAIN, lane_set)


def defined(drawing: bytes) -> Definition:
    definition = engine.read(drawing).definition
    assert definition is not None
    return definition


TWICE = {
    "the same twice is once": (twice("batas", "H+1", "H+1"), "H+1", []),
    "twice and empty": (twice("batas", "", "H+1"), "H+1", []),
    "different": (twice("batas", "H+1", "H+2"), "H+1", [("a", "warning", "properti-ganda")]),
    "every line counts": (twice("keluaran", "Surat", "Berkas"), None, []),
}


@pytest.mark.parametrize(("inner", "read", "expected"), TWICE.values(), ids=TWICE)
def test_a_property_twice(inner: str, read: str | None, expected: list[tuple[str, str, str]]) -> None:
    text = PLAIN.replace('"Isi"', f'"Isi" <{inner}>').replace("start s", f"user h <{given(jam='mulai')}>\nstart s")
    drawing = draw(text.replace("user h", 'user h "Mulai"').replace("s > a", "s > h\nh > a"))
    assert said(drawing) == expected
    assert defined(drawing).steps["a"].properties.get("batas") == read
    if read is None:
        assert defined(drawing).steps["a"].properties["keluaran"] == "Surat\nBerkas"


def test_a_property_twice_is_told_with_both_values() -> None:
    (finding,) = [f for f in engine.read(laned(twice("pemohon", "ya", "TIDAK"), "")).findings if f.level == "warning"]
    assert (finding.element, finding.message) == (
        "o",
        "Lajur “Luar”: properti pemohon ditulis lebih dari satu kali (“ya”, “tidak”); yang dibaca “ya”. "
        "Hapuslah yang tidak dimaksud.",
    )


YES, NO = given(pemohon="ya"), given(pemohon="tidak")
APPLICANTS = {
    "where cases begin": (laned("", "", ""), "Dalam 1", []),
    "twice yes": (laned("", "", twice("pemohon", "ya", "Ya")), "Dalam 2", []),
    "an outer lane's word counts inside": (laned(YES, ""), "Dalam 1", []),
    "an inner lane's word counts more": (laned(YES, NO, ""), "Dalam 2", []),
    "several are too many": (laned(YES, "", ""), "Dalam 1", [("i2", "warning", "pemohon-ganda")]),
    "the office's own": (laned("", NO, ""), None, []),
    "the office's own, said outside": (laned(NO, "", ""), None, []),
    "no of a lane where nothing begins says nothing": (laned("", "", "", other=NO), "Dalam 1", []),
}  # fmt: skip


@pytest.mark.parametrize(("drawing", "applicant", "expected"), APPLICANTS.values(), ids=APPLICANTS)
def test_whose_lane_is_the_applicants(drawing: bytes, applicant: str | None, expected: object) -> None:
    assert defined(drawing).applicant_lane == applicant
    assert said(drawing, "warning") == expected


def test_a_counter_said_of_an_outer_lane() -> None:
    lanes = defined(laned(given(loket="ya"), "", given(loket="tidak"))).lanes
    assert {lane.name: lane.properties.get("loket") for lane in lanes} == {
        "Dalam 1": "ya", "Dalam 2": "tidak", "Lain": None,
    }  # fmt: skip


# What a condition reads must have been filled in


def form(**fields: dict[str, Any]) -> bytes:
    """A form of fields by key; a field is a text that must be given, unless it says otherwise."""
    components = [
        {"type": "textfield", "label": key, "validate": {"required": True}, **field, "key": key}
        for key, field in fields.items()
    ]
    return json.dumps({"components": components}).encode()


def bundled(text: str, process: str = "", **forms: bytes) -> list[tuple[str, str]]:
    """The warnings and errors of an SOP of a drawing and forms, as (element, rule); a step uses the form of its id."""
    for name in forms:
        asks = given(formulir=name)
        text = text.replace(f'user {name} "{name}" <', f'user {name} "{name}" <{asks}')
        text = text.replace(f'user {name} "{name}"\n', f'user {name} "{name}" <{asks}>\n')
    bundle = bundles.Bundle("p", draw(text, process), {}, forms, {})
    return [(f.element, f.rule) for f in checks.check(bundle)[1] if f.level != "info"]


OPTIONAL: dict[str, Any] = {"validate": {}}
OWN: dict[str, Any] = {"properties": {"pribadi": "ya"}}
WITHIN: dict[str, Any] = {
    "type": "group", "path": "tka", **OWN,
    "components": [{"type": "textfield", "label": "L", "key": "lain", "validate": {"required": True}}],
}  # fmt: skip
ROUTED = """
start s
user a "a"
xor g default=g_f
end e
end f
s > a
a > g
g > e if CONDITION
g > f
"""
# a is passed on one of two ways to g
SOMETIMES = """
start s
user h "h"
xor k "Perlu?"
user a "a"
xor m
xor g default=g_f
end e
end f
s > h
h > k
k > a "Ya"
k > m "Tidak"
a > m
m > g
g > e if CONDITION
g > f
"""
BESIDE = """
start s
and y
user a "a"
user b "b"
and j
xor g default=g_f
end e
end f
s > y
y > a
y > b
a > j
b > j
j > g
g > e if CONDITION
g > f
"""
# g asks whether to do a; after it, b asks whether to go on or back to g
AROUND = """
start s
user h "h"
xor g default=g_a
user a "a"
user b "b"
xor w "Cukup?"
end e
s > h
h > g
g > b if CONDITION
g > a
a > b
b > w
w > e "Ya"
w > g "Tidak"
"""
INSIDE = """
start s
sub k "K"
  start ks
  user a "a"
  end ke
  ks > a
  a > ke
xor g default=g_f
end e
end f
s > k
k > g
g > e if CONDITION
g > f
"""
NUMBERED = f'user a "a" <{given(register="luas = Buku : {urut}/{tahun}")}>'
SCRIPTED = ROUTED.replace('user a "a"', "script a <<script>luas = 5</script>>")
DAY = "<timerEventDefinition><timeDate>tanggal</timeDate></timerEventDefinition>"
CLOCK = f'start s\nuser a "a"\ncatch c <{DAY}>\nend e\ns > a\na > c\nc > e'
EDGE = f'start s\nuser a "a"\nuser b "b"\nboundary c attachedToRef=a <{DAY}>\nend e\ns > a\na > b\nb > e\nc > e'
MANY = (
    'start s\nuser a "a"\nuser b "b" <<multiInstanceLoopCharacteristics><loopCardinality>banyak</loopCardinality>'
    "</multiInstanceLoopCharacteristics>>\nend e\ns > a\na > b\nb > e"
)
UNTIL = (
    'start s\nuser a "a" <<standardLoopCharacteristics><loopCondition>luas &gt; 5</loopCondition>'
    "</standardLoopCharacteristics>>\nend e\ns > a\na > e"
)
READ = {
    "required": (ROUTED, "luas > 5", {"a": form(luas={})}, []),
    "a group's field": (ROUTED, 'usaha.jenis = "x"', {"a": form(**{"usaha.jenis": {}})}, []),
    "a number that a register gives": (ROUTED.replace('user a "a"', NUMBERED), 'luas = "1"', {}, []),
    "set by a script": (SCRIPTED, "luas > 5", {}, []),
    "in no form": (ROUTED, "luass > 5", {"a": form(luas={})}, [("g_e", "kunci-tak-dikenal")]),
    "in no form, though nothing is meant": (ROUTED, "luas != null", {}, [("g_e", "kunci-tak-dikenal")]),
    "optional": (ROUTED, "luas > 5", {"a": form(luas=OPTIONAL)}, [("g_e", "kunci-tidak-wajib")]),
    "optional, and nothing is meant": (ROUTED, "luas = null or luas > 5", {"a": form(luas=OPTIONAL)}, []),
    "a tick": (ROUTED, "lunas = false", {"a": form(lunas={"type": "checkbox", **OPTIONAL})}, []),
    "whether there is one": (ROUTED, "not luas", {"a": form(luas=OPTIONAL)}, []),
    "an optional list": (
        ROUTED, '"x" in daftar',
        {"a": form(daftar={"type": "checklist", "values": [{"value": "x", "label": "X"}], **OPTIONAL})}, [],
    ),
    "only shown": (ROUTED, "luas > 5", {"a": form(luas={"readonly": True})}, [("g_e", "kunci-tak-dikenal")]),
    "on one of two ways": (SOMETIMES, "luas > 5", {"a": form(luas={})}, [("g_e", "kunci-belum-terisi")]),
    "on both ways": (SOMETIMES, "luas > 5", {"a": form(luas={}), "h": form(luas={})}, []),
    "on one of two ways, and nothing is meant": (SOMETIMES, "luas != null and luas > 5", {"a": form(luas={})}, []),
    "on a branch that is joined": (BESIDE, "luas > 5", {"a": form(luas={})}, []),
    "in the round before": (AROUND, "luas > 5", {"a": form(luas={})}, [("g_b", "kunci-belum-terisi")]),
    "in the round before, and nothing is meant": (AROUND, "luas != null", {"a": form(luas={})}, []),
    "only afterwards": (
        ROUTED.replace("g > e", 'user b "b"\nb > e\ng > b'), "luas != null", {"b": form(luas={})},
        [("g_b", "kunci-belum-terisi")],
    ),
    "inside a sub-process": (INSIDE, "luas > 5", {"a": form(luas={})}, []),
    "a clock": (CLOCK, "", {"a": form(tanggal={"type": "datetime", "subtype": "date", "dateLabel": "T"})}, []),
    "a clock without its day": (CLOCK, "", {"a": form(x={})}, [("c", "kunci-tak-dikenal")]),
    "a clock on what fills it": (EDGE, "", {"a": form(tanggal={})}, [("c", "kunci-belum-terisi")]),
    "how often": (MANY, "", {"a": form(banyak={"type": "number"})}, []),
    "how often, of the step itself": (MANY, "", {"b": form(banyak={})}, [("b", "kunci-belum-terisi")]),
    "once more": (UNTIL, "", {"a": form(luas={})}, []),
    "once more, of nothing": (UNTIL, "", {}, [("a", "kunci-tak-dikenal")]),
    "what is personal": (ROUTED, 'luas = "x"', {"a": form(luas=OWN)}, [("g_e", "data-pribadi-dibaca")]),
    "what lies in something personal": (
        ROUTED, 'tka.lain = "x"', {"a": form(x=WITHIN)}, [("g_e", "data-pribadi-dibaca")],
    ),
    "what something personal lies in": (ROUTED, "not tka", {"a": form(**{"tka.paspor": OWN})},
                                        [("g_e", "data-pribadi-dibaca")]),
    "what is not personal": (ROUTED, "tkab > 5", {"a": form(tkab={}, tka=OWN)}, []),
    "a script that takes something personal": (
        SCRIPTED.replace("luas = 5", "luas = lebar").replace("s > a", 'user u "u"\ns > u\nu > a'), "luas > 5",
        {"u": form(lebar=OWN)}, [("a", "data-pribadi-dibaca")],
    ),
    "a script that reads": (
        SCRIPTED.replace("luas = 5", "luas = lebar * 5"), "luas > 5", {}, [("a", "kunci-tak-dikenal")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "condition", "forms", "expected"), READ.values(), ids=READ)
def test_what_is_read_is_filled_in(
    text: str, condition: str, forms: dict[str, bytes], expected: list[tuple[str, str]]
) -> None:
    assert bundled(text.replace("CONDITION", condition), **forms) == expected


def test_a_form_that_nobody_can_read_says_nothing_of_what_is_missing() -> None:
    assert [rule for _, rule in bundled(ROUTED.replace("CONDITION", "luas > 5"), a=b"{")] == ["form-json"]


def test_what_is_read_is_told_by_name() -> None:
    messages = []
    for field, condition in (({"luas": {}}, "luass > 5"), ({"luas": OPTIONAL}, "luas > 5")):
        text = (
            ROUTED.replace("CONDITION", condition)
            .replace("xor g", "xor g")
            .replace("default=g_f", 'default=g_f "Besar?"')
        )
        text = text.replace("g > e if", 'g > e "Ya" if').replace('user a "a"', f'user a "Ukur" <{given(formulir="a")}>')
        bundle = bundles.Bundle("p", draw(text), {}, {"a": form(**field)}, {})
        messages += [f.message for f in checks.check(bundle)[1] if f.level != "info"]
    assert messages == [
        "Syarat cabang “Ya” pada “Besar?” membaca luass, tetapi kunci itu tidak diisi formulir mana pun. "
        "Maksud Anda luas?",
        "Syarat cabang “Ya” pada “Besar?” membaca luas, tetapi isian itu tidak wajib di formulir langkah “Ukur”. "
        "Wajibkanlah, atau bila memang boleh kosong, tulis juga luas != null.",
    ]


KEYS = {
    "filled in": ({"ringkasan": "luas, usaha", "cari": "usaha.nama", "satu_terbuka": "usaha.nama"}, []),
    "misspelt": ({"cari": "luas, usaha.nma"}, [("p", "kunci-tak-dikenal")]),
    "of nothing": ({"satu_terbuka": "nib"}, [("p", "kunci-tak-dikenal")]),
}


@pytest.mark.parametrize(("properties", "expected"), KEYS.values(), ids=KEYS)
def test_keys_that_the_process_names(properties: dict[str, str], expected: object) -> None:
    text = ROUTED.replace("CONDITION", "luas > 5")
    assert bundled(text, given(**properties), a=form(luas={}, **{"usaha.nama": {}})) == expected


SOPS = sorted((Path(__file__).parent.parent / "bpmn").glob("*.bpmn"))


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_our_own_sops_give_no_warning(path: Path) -> None:
    (bundle,) = bundles.read([path])
    assert [f for f in checks.check(bundle)[1] if f.level != "info"] == []


# What a letter prints must have been filled in

LETTER = given(dokumen="surat.docx | Surat")
ISSUED = f'start s\nuser a "a" <{LETTER}>\nuser b "b"\nend e\ns > a\na > b\nb > e'
BESIDE_IT = f"""
start s
and y
user a "a" <{LETTER}>
user b "b"
and j
end e
s > y
y > a
y > b
a > j
b > j
j > e
"""
LATER = [("a", "isian-belum-ada")]
PRINTED = {
    "by the step itself": (ISSUED, "{{ isian.luas }}", "a", []),
    "by a later step": (ISSUED, "{{ isian.luas }}", "b", LATER),
    "by a later step that comes back": (
        ISSUED.replace("b > e", 'xor g "Jadi?"\nb > g\ng > e "Ya"\ng > a "Tidak"'), "{{ isian.luas }}", "b", [],
    ),
    "by a step beside it": (BESIDE_IT, "{{ isian.luas }}", "b", []),
    "by a step after it and what went on beside it": (
        BESIDE_IT.replace("j > e", 'user c "c"\nj > c\nc > e'), "{{ isian.luas }}", "c", LATER,
    ),
    "left for a pen": (ISSUED, "{{ isian.luas|angka|kosong }}", "b", []),
    "asked for first": (ISSUED, "{% if isian.luas %}{{ isian.luas }}{% endif %}", "b", []),
    "or something else": (ISSUED, "{{ isian.luas or permohonan.nomor }}", "b", []),
    "issued once more when it is there": (ISSUED.replace("end e", f"end e <{LETTER}>"), "{{ isian.luas }}", "b", []),
    "issued on a branch": (
        ISSUED.replace(LETTER, given(nomor="1")).replace("a > b", f'xor g "?"\na > g\ng > b "Ya" {{{LETTER}}}\ng > e "Tidak"'),
        "{{ isian.luas }}", "b", [("g_b", "isian-belum-ada")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "paragraph", "asking", "expected"), PRINTED.values(), ids=PRINTED)
def test_what_is_printed_is_filled_in(text: str, paragraph: str, asking: str, expected: object) -> None:
    asks = given(formulir="f").removeprefix("<extensionElements>").removesuffix("</extensionElements>")
    plain = f'user {asking} "{asking}"'
    if f"{plain} <" in text:
        text = text.replace(f"{plain} <<extensionElements>", f"{plain} <<extensionElements>{asks}")
    else:
        text = text.replace(plain, f"{plain} <<extensionElements>{asks}</extensionElements>>")
    bundle = bundles.Bundle("p", draw(text), {}, {"f": form(luas={})}, {"surat.docx": letter(paragraph)})
    findings = checks.check(bundle)[1]
    assert [(f.element, f.rule) for f in findings if f.level != "info"] == expected


# Expressions that say something else

EXPRESSIONS = {
    "a decimal point": ("luas > 1.5", []),
    "a decimal comma": ("luas > 1,5", [("g_e", "error", "ungkapan")]),
    "a decimal comma on the left": ("1,5 < luas", [("g_e", "error", "ungkapan")]),
    "a list": ('luas in ["1,5", "a"]', []),
    "a list in round brackets": ("luas in (1, 5)", []),
    "arguments": ("max(luas, 2) > 5", []),
    "thousands": ("luas > 1.000", [("g_e", "warning", "titik-ribuan")]),
    "thousands in a text": ('luas = "1.000"', []),
    "less than one": ("luas > 0.125", []),
    "a list by size": ("[1, 2] < luas", [("g_e", "warning", "syarat-tetap")]),
    "a constant": ("true", [("g_e", "warning", "syarat-tetap")]),
    "a text compared with itself": ('"a" = "b"', [("g_e", "warning", "syarat-tetap")]),
}


@pytest.mark.parametrize(("condition", "expected"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_expressions(condition: str, expected: object) -> None:
    assert said(draw(ROUTED.replace("CONDITION", condition))) == expected


def test_a_decimal_comma_is_told_how_to_be_written() -> None:
    (error,) = [f for f in engine.read(draw(ROUTED.replace("CONDITION", "luas > 1,5"))).findings if f.level == "error"]
    assert error.message.endswith("“1,5” terbaca sebagai dua nilai. Tulis 1.5.")
    script = SCRIPTED.replace("luas = 5", "luas = 1,5").replace("CONDITION", "luas > 5")
    assert said(draw(script), "error") == [("a", "error", "skrip")]


HIDDEN = {
    "plain": ("=luas > 5", []),
    "a decimal comma": ("=luas > 1,5", [("error", "form-ungkapan")]),
    "thousands": ("=luas > 1.000", [("warning", "titik-ribuan")]),
    "a constant": ("=false", [("warning", "syarat-tetap")]),
}


@pytest.mark.parametrize(("hide", "expected"), HIDDEN.values(), ids=HIDDEN)
def test_conditions_of_forms(hide: str, expected: object) -> None:
    content = form(luas={"conditional": {"hide": hide}})
    assert [(f.level, f.rule) for f in forms.check_file("a.form", content)] == expected
    assert forms.load(content).fields  # what is in force goes on being read


KIND = {"type": "select", "values": [{"value": "usaha", "label": "Usaha"}, {"value": "rumah", "label": "Rumah"}]}
IMPOSSIBLE = [("g_e", "syarat-mustahil")]
OPTIONS: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "one of them": ('jenis = "usaha"', KIND, []),
    "another": ('jenis = "Usaha"', KIND, IMPOSSIBLE),
    "not another": ('jenis != "toko"', KIND, IMPOSSIBLE),
    "some of them": ('jenis in ["usaha", "toko"]', KIND, IMPOSSIBLE),
    "the other way round": ('"toko" = jenis', KIND, IMPOSSIBLE),
    "nothing": ("jenis != null", KIND, []),
    "a text that may be anything": ('jenis = "toko"', {}, []),
    "a tick": ("jenis = true", {"type": "checkbox"}, []),
    "a tick that is no word": ('jenis = "ya"', {"type": "checkbox"}, IMPOSSIBLE),
    "one of several": ('"usaha" in jenis', {**KIND, "type": "checklist"}, []),
    "a list that is no word": ('jenis = "usaha"', {**KIND, "type": "checklist"}, IMPOSSIBLE),
}


@pytest.mark.parametrize(("condition", "field", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_options(condition: str, field: dict[str, Any], expected: object) -> None:
    assert bundled(ROUTED.replace("CONDITION", condition), a=form(jenis=field)) == expected


# Walks


def wide(branches: int) -> bytes:
    """A parallel split of many branches, each of which may lead back to before the split."""
    lines = ["start s", "xor m", "and y", "or j", "end e", "s > m", "m > y", "j > e"]
    for n in range(branches):
        lines += [f'user a{n} "A"', f'xor h{n} "Ulang?"', f"y > a{n}", f"a{n} > h{n}"]
        lines += [f'h{n} > m "Ya"', f'h{n} > j "Tidak"']
    return draw("\n".join(lines))


def test_a_walk_whose_branches_multiply_ends_soon() -> None:
    began = time.perf_counter()
    walked = engine.walk(defined(wide(12)), 1, 1_000)
    assert time.perf_counter() - began < 8
    assert not walked.completed
    assert walked.error is not None
    assert walked.error.startswith("Langkah yang terbuka terus bertambah (sekarang ")
    assert engine.walk(defined(wide(12)), 1, 1_000) == walked


def test_walks_take_what_happens_by_itself_while_a_step_is_open() -> None:
    clock = "<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>"
    note = '<messageEventDefinition messageRef="n"/>'
    text = f"""
start s
user a "A"
boundary b attachedToRef=a <{clock}>
boundary c attachedToRef=a <{note}>
user d "D"
user f "F"
end e
s > a
a > e
b > d
c > f
d > e
f > e
"""
    thrown = f'throw t <{note}>\nuser h "H"\ns > h\nh > t\nt > e\n'  # a message that nothing throws nobody waits for
    definition = defined(draw(text + thrown, head='<message id="n" name="Tambahan"/>'))
    walks = [engine.walk(definition, seed, 100) for seed in range(80)]
    assert all(walked.completed for walked in walks)
    assert {step.element for walked in walks for step in walked.steps} == {"a", "d", "f", "h"}
    assert walks[:20] == [engine.walk(definition, seed, 100) for seed in range(20)]


# What is drawn and not read

CHOICE = (
    'start s\nuser a "A"\nxor g default=g_e "Besar?"\nend e\nend f\ns > a\na > g\ng > e "Ya" if luas > 5\ng > f "Tidak"'
)
NOT_READ = {
    "a default without a condition": (ROUTED.replace("CONDITION", "luas > 5"), "warning", []),
    "a default with a condition": (
        ROUTED.replace("CONDITION", "luas > 5").replace("g > f", "g > f if luas <= 5"), "warning",
        [("g_f", "warning", "syarat-diabaikan")],
    ),
    "the only condition": (CHOICE, "warning", [("g_e", "warning", "syarat-diabaikan")]),
    "the only way": (PLAIN.replace("a > e", "a > e if luas > 5"), "", [("a_e", "warning", "syarat-diabaikan")]),
    "a clock that begins nothing": (
        PLAIN.replace("start s", "start s <<timerEventDefinition><timeCycle>R/P1D</timeCycle></timerEventDefinition>>"),
        "", [("s", "warning", "jam-awal")],
    ),
    "a clock that says nothing": (
        PLAIN.replace("start s", "start s <<timerEventDefinition/>>"), "", [("s", "info", "jam-awal")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "level", "expected"), NOT_READ.values(), ids=NOT_READ)
def test_what_is_drawn_and_not_read(text: str, level: str, expected: object) -> None:
    assert said(draw(text), level) == expected


def test_the_only_condition_is_said_to_leave_the_choice_to_a_person() -> None:
    (message,) = [f.message for f in engine.read(draw(CHOICE)).findings if f.level == "warning"]
    assert message == (
        "Syarat “luas > 5” pada cabang “Ya” dari gerbang “Besar?” diabaikan: itu cabang bawaan. Karena tidak ada "
        "syarat lain, petugas yang memilih; bila isian yang menentukan, jadikan cabang lainnya bawaan."
    )


# Values that cannot be

STARTED = PLAIN.replace('"Isi"', f'"Isi" <{given(jam="mulai", batas="H+1")}>')
PROPERTIES = {
    "a length": (STARTED, {"jangka_waktu": "7 kerja"}, []),
    "a length as people say it": (STARTED, {"jangka_waktu": "7 hari kerja"}, []),
    "a length that is none": (STARTED, {"jangka_waktu": "7 minggu"}, [("p", "error", "nilai-properti")]),
    "a day": (PLAIN, {"tanggal_efektif": "2026-02-28"}, []),
    "no day": (PLAIN, {"tanggal_efektif": "2026-13-45"}, [("p", "warning", "nilai-properti")]),
    "a length from no day": (PLAIN, {"jangka_waktu": "7 kerja"}, [("p", "warning", "tanpa-jam")]),
    "a limit from no day": (
        PLAIN.replace('"Isi"', f'"Isi" <{given(batas="H+1")}>'), {}, [("a", "warning", "tanpa-jam")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "properties", "expected"), PROPERTIES.values(), ids=PROPERTIES)
def test_values_of_properties(text: str, properties: dict[str, str], expected: object) -> None:
    assert said(draw(text, given(**properties))) == expected


HOURS = {
    "read": ("Senin–Kamis 08.00–16.00 WITA\nJumat 08.00–11.00", []),
    "with a word beside": ("Senin–Kamis 08.00–16.00\nSabtu dan Minggu tutup", []),
    "a line of no day": ("Senin–Kamis 08.00–16.00\nJum'at 08.00–11.00", [("p", "jam-layanan")]),
    "nothing": ("setiap hari kerja", [("p", "jam-layanan")]),
}


@pytest.mark.parametrize(("hours", "expected"), HOURS.values(), ids=HOURS)
def test_service_hours(hours: str, expected: object) -> None:
    assert bundled(PLAIN, given(jam_layanan=hours)) == expected


def eyes(step: str, other: str) -> bytes:
    text = 'start s\nuser a "A"\nand y\nuser b "B"\nuser c "C"\nand j\nuser d "D"\nend e\ns > a\na > y\ny > b\ny > c\n'
    text += "b > j\nc > j\nj > d\nd > e"
    return draw(text.replace(f'"{step.upper()}"', f'"{step.upper()}" <{given(empat_mata=other)}>'))


EYES = {
    "an earlier step": (eyes("d", "a, b"), []),
    "a step beside it": (eyes("b", "c"), []),
    "itself": (eyes("b", "b"), [("b", "warning", "empat-mata")]),
    "a later step": (eyes("b", "d"), [("b", "warning", "empat-mata")]),
}


@pytest.mark.parametrize(("drawing", "expected"), EYES.values(), ids=EYES)
def test_four_eyes(drawing: bytes, expected: object) -> None:
    assert said(drawing) == expected


# Properties of flows


def test_a_letter_on_a_flow_that_facts_choose_is_issued_where_it_is_passed() -> None:
    text = ROUTED.replace("g > f", f"g > f {{{LETTER}}}").replace("CONDITION", "luas > 5")
    definition = defined(draw(text))
    assert definition.issues == {"g_f": "surat.docx | Surat"}
    assert engine.Definition.loads(definition.dumps()) == definition
    for path, issued in ((["a_g", "g_f", "g_f"], ["Surat"]), (["a_g", "g_e"], [])):
        assert [paper.name for paper in drawn.papers_of(definition, "a", "", ["f"], path)] == issued
    assert [rule for _, rule in bundled(text, a=form(luas={}))] == ["templat-tidak-ada"]


def test_a_letter_on_a_choice_is_issued_once() -> None:
    text = CHOICE.replace(" if luas > 5", f" {{{LETTER}}}")
    definition = defined(draw(text))
    assert definition.issues == {}
    assert [paper.name for paper in drawn.papers_of(definition, "a", "g_e", ["e"], ["a_g", "g_e"])] == ["Surat"]


def test_a_return_that_is_no_choice() -> None:
    text = PLAIN.replace("a > e", f"a > e {{{given(kembali='ya')}}}")
    assert said(draw(text)) == [("a_e", "warning", "properti-salah-tempat")]


def test_a_return_is_told_with_where_it_leads() -> None:
    text = 'start s\nuser a "Isi"\nuser b "Periksa"\nxor g "Ok?"\nend e\ns > a\na > b\nb > g\ng > e "Ya"\ng > a "Tidak"'
    (message,) = [f.message for f in engine.read(draw(text)).findings if f.rule == "keputusan"]
    assert message.endswith("langkah “Periksa”: “Ya”, “Tidak” (kembali ke langkah “Isi”).")


# Registers and their books

FILES = form(luas={}, **{"usaha.nama": {}, "surat": {"type": "filepicker", "accept": ".pdf"}})
ROWS = json.dumps({"components": [
    {"type": "dynamiclist", "path": "barang", "label": "Barang", "components": [
        {"type": "textfield", "key": "nama", "label": "Nama"}]}]}).encode()  # fmt: skip
BOOKS = {
    "columns": ("Izin | luas = Luas | usaha.nama = Nama | nomor = Nomor", []),
    "two books, one of them unknown": (
        "Izin | luas = Luas\nIzinn | luas = Luas",
        [("p", "register-tidak-ada", "Properti buku menyebut register “Izinn”, tetapi tidak ada langkah yang memberi "
          "nomornya. Maksud Anda “Izin”?")],
    ),
    "a key that nothing fills": (
        "Izin | luasan = Luas",
        [("p", "kunci-tak-dikenal", "Properti buku, kolom luasan pada “Izin”: kunci itu tidak diisi formulir mana pun. "
          "Maksud Anda luas?")],
    ),
    "a group": ("Izin | usaha = Usaha", [("p", "kolom-buku", "Properti buku, kolom usaha pada “Izin”: kunci itu bukan satu "
                "nilai, maka kolomnya kosong. Sebutlah isian di dalamnya.")]),
    "an upload": ("Izin | surat = Surat", [("p", "kolom-buku", None)]),
    "a list": ("Izin | barang = Barang", [("p", "kolom-buku", None)]),
    "no title": ("Izin | luas", [("p", "nilai-properti", "Proses “Izin”: properti buku “Izin | luas” tidak terbaca. Tulis seperti: Agenda | "
                 "pemohon.nama = Nama.")]),
    "no column": ("Izin", [("p", "nilai-properti", None)]),
}  # fmt: skip


@pytest.mark.parametrize(("books", "expected"), BOOKS.values(), ids=BOOKS)
def test_the_columns_of_books(books: str, expected: list[tuple[str, str, str | None]]) -> None:
    numbered = given(formulir="a", register="nomor = Izin : {urut}/{tahun}")
    drawing = draw(
        f'start s\nuser a "a" <{numbered}>\nuser b "b" <{given(formulir="b")}>\nend e\ns > a\na > b\nb > e',
        given(buku=books),
    )
    found = checks.check(bundles.Bundle("p", drawing, {}, {"a": FILES, "b": ROWS}, {}))[1]
    told = [(f.element, f.rule, f.message) for f in found if f.level != "info"]
    assert [(e, r, m if want[2] else None) for (e, r, m), want in zip(told, expected, strict=True)] == expected


PATTERNS = {
    "Izin : 503/{urut:4}/IMTA/DPMPTSP/{tahun}": [],
    "Izin : {urut}/{bulan}/{bulan_romawi}/{tahun}": [],
    "Izin : {urut}": ["nomor-berulang"],
    "Izin : {urut:4}/{bulan_romawi}": ["nomor-berulang"],
    "Izin : 503/{tahun}": ["register-tidak-terbaca"],
    "Izin : {nomor}/{tahun}": ["register-tidak-terbaca"],
    "Izin : {urut:10}/{tahun}": ["register-tidak-terbaca"],
    "Izin : {Urut}/{tahun}": ["register-tidak-terbaca"],
    "Izin : {urut}/{tahun:2}": ["register-tidak-terbaca"],
    "Izin : {urut}/{{tahun}": ["register-tidak-terbaca"],
    "Izin {urut}/{tahun}": ["register-tidak-terbaca"],
    ": {urut}/{tahun}": ["register-tidak-terbaca"],
    f"{'x' * 201} : {{urut}}/{{tahun}}": ["nama-terlalu-panjang"],
    f"Izin : {'x' * 140}{{urut}}/{{tahun}}": ["nama-terlalu-panjang"],
}


@pytest.mark.parametrize(("line", "expected"), PATTERNS.items())
def test_patterns_of_registers(line: str, expected: list[str]) -> None:
    drawing = f'start s\nuser a "a" <{given(register=f"nomor = {line}")}>\nend e\ns > a\na > e'
    assert [rule for _, rule in bundled(drawing)] == expected
