"""What the guide for owners tells is so: its tables, commands and examples, and the element templates beside it."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import click
import pytest
from sqlalchemy import select

from app import bundles, checks, cli, documents, engine, files, forms, people, revisions, wording
from app.documents import CONTEXT, OFFICER
from app.engine import expressions
from app.engine.definition import Definition
from app.engine.properties import ENDINGS, LISTED, PLACE_NAMES, VOCABULARY, YES, Property
from app.engine.rules import UNITS, iso_time
from app.models import Case, Document
from tests import guide, play
from tests.conftest import PASSWORD, ROOT, Office
from tests.drawn import draw, given
from tests.test_documents import letter, read, words
from tests.test_repo import sources

GUIDE = guide.GUIDE.read_text()
EXAMPLES = sorted((ROOT / "docs" / "contoh" / "bpmn").glob("*.bpmn"))
SMALLEST = ROOT / "docs" / "contoh" / "bpmn" / "keterangan-usaha.bpmn"
LEVELS = {"error": "galat", "warning": "peringatan", "info": "keterangan"}


def rows(*head: str) -> list[list[str]]:
    """The rows of every table whose first column, or first columns, are called so."""
    begin = re.escape(f"| {' | '.join(head)} |")
    tables = re.findall(rf"^{begin}.*\n\|[-|]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert tables, head
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in "".join(tables).splitlines()]


def code(cell: str) -> list[str]:
    """What a cell writes as code."""
    return [text.replace(r"\|", "|") for text in re.findall(r"`([^`]+)`", cell)]


# What is told


def test_every_property_is_in_the_table() -> None:
    """`make guide` writes the table anew."""
    assert [(code(name)[0], places, meaning) for name, places, meaning, _ in rows("properti", "tempat")] == [
        (known.name, ", ".join(PLACE_NAMES[place] for place in known.places), known.meaning) for known in VOCABULARY
    ]
    assert guide.TABLE.search(GUIDE)[0] == guide.table()


def test_no_property_is_made_up() -> None:
    """Those of the smaller tables are known as well: the diagram's, and those that a form's fields have."""
    known = {known.name for known in VOCABULARY}
    heads = re.findall(r"^\| (properti\b[^|]*) \| ([^|]+) \|", GUIDE, re.MULTILINE)
    told = {name: {text for cell, *_ in rows(*name) for text in code(cell)} for name in heads}
    of_forms = told.pop(("properti", "pada"))
    assert set().union(*told.values()) - {*YES.split("|"), *ENDINGS.split("|")} == known
    strings = {n.value for path, tree in sources() if path.parent.name == "forms" for n in ast.walk(tree)
               if isinstance(n, ast.Constant)}  # fmt: skip
    assert of_forms <= strings
    assert len(heads) > 4


def rules() -> dict[str, set[str]]:
    """Every rule that the check names, with the levels that can be told from where it does."""
    found: dict[str, set[str]] = {}
    for path, tree in sources():
        if re.search(r"app/(engine|forms|documents)/|app/(checks|fitting)\.py|app/cli/sops\.py", str(path)):
            for rule, levels in filter(None, map(_named, ast.walk(tree))):
                found.setdefault(rule, set()).update(LEVELS[level] for level in levels)
    return found


def _named(node: ast.AST) -> tuple[str, list[str]] | None:
    """The rule of a finding, of a tuple of level, rule and message, or of an error that becomes one; its levels."""
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("error", "warn", "Unreadable", "BadArchive") and node.args and _texts(node.args[0]):
            return _texts(node.args[0])[0], ["warning" if called == "warn" else "error"]
        if called not in ("say", "Finding") or len(node.args) < 4:
            return None
        level, rule = node.args[1:3]
    elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and not isinstance(node.elts[2], ast.Constant):
        level, rule, _ = node.elts
        if not set(_texts(level)) & LEVELS.keys() and getattr(level, "id", "") != "level":
            return None
    else:
        return None
    return (_texts(rule)[0], _texts(level)) if _texts(rule) else None


def _texts(node: ast.AST) -> list[str]:
    """The text that a node is, or either of those that it may be."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def test_every_rule_of_the_check_is_explained() -> None:
    told = {code(rule)[0]: set(levels.split(", ")) for rule, levels, _ in rows("aturan")}
    known = rules()
    assert (sorted(known.keys() - told.keys()), sorted(told.keys() - known.keys())) == ([], [])
    assert {rule: levels for rule, levels in known.items() if not levels <= told[rule]} == {}
    assert len(known) > 70


def test_commands() -> None:
    found = re.findall(r"\balur ((?:[a-z]+ ?)+)", " ".join(re.findall(r"`[^`]+`|^    .+$", GUIDE, re.MULTILINE)))
    for line in found:
        command: click.Command = cli.alur
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands, line
            command = command.commands[word]
    assert len(found) > 8


def test_links() -> None:
    """What the guide links to is there, and what is there for it is linked to."""
    links = set(re.findall(r"\]\(([^)#]+)\)", GUIDE))
    files_of_it = {
        str(path.relative_to(ROOT / "docs"))
        for pattern in ("contoh/*/**/*.*", "camunda/*", "pictures/contoh-*")
        for path in (ROOT / "docs").glob(pattern)
    }
    assert {link for link in links if not link.startswith("https:")} == files_of_it
    heads = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", GUIDE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) <= heads
    assert [path.name for path in (ROOT / "docs/pictures").glob("contoh-*") if path.stat().st_size > 40_000] == []


def test_conditions() -> None:
    """Each is read, and says of these data what its row says."""
    data = {
        "luas": 120, "jenis": "usaha", "lunas": True, "nama": "toko baru", "usaha": {"nama": "A"}, "lampiran": ["ktp"],
        "tanggal": "2026-03-01", "total": 5,
    }  # fmt: skip
    told = {code(cell)[0]: expressions.compile(code(cell)[0]).evaluate(data) for cell, _ in rows("tulis", "artinya")}
    others = {"jenis != \"usaha\"": False, "not lunas": False, "100 <= luas <= 200": True, "luas * 5000 + 1000": 601_000,
              "total if lunas else 0": 5}  # fmt: skip
    assert told == {**dict.fromkeys(told, True), **others}
    functions = re.search(r"Fungsi yang ada: (.+?)\. ", GUIDE.replace("\n", " "))
    assert functions is not None
    assert code(functions[1]) == list(expressions.FUNCTIONS)
    assert expressions.compile("luas > 1,5").evaluate({"luas": 1}) == [False, 5]  # a list, and so always true


def test_times() -> None:
    told = {text: iso_time(text) for cell, _ in rows("tulis waktunya") for text in code(cell)}
    assert told == {
        "P14D": ("timeDuration", "P14D"), "14 hari": ("timeDuration", "P14D"), "PT30M": ("timeDuration", "PT30M"),
        "30 menit": ("timeDuration", "PT30M"), "2026-12-31T16:00": ("timeDate", "2026-12-31T16:00"),
        "R3/P7D": ("timeCycle", "R3/P7D"), "tanggal_kunjungan": None,
    }  # fmt: skip
    assert {unit for _, cell in rows("tulis waktunya") for unit in code(cell)} <= UNITS.keys()


def test_form_fields() -> None:
    """Every type of the table can be used; those of the code stand in it."""
    kinds = [kind for _, cell, _ in rows("di Camunda Modeler") for kind in code(cell)]
    for kind in kinds:
        inner = {"components": [], "path": "a"} if kind in ("group", "dynamiclist") else {"values": [{"value": "a"}]}
        form = {"components": [{"type": kind, "key": "a", "label": "A", **inner}]}
        assert forms.check_file("a.form", json.dumps(form).encode()) == [], kind
    here = {"upload": "filepicker", "date": "datetime", "time": "datetime"}
    assert {here.get(kind, kind) for kind in forms.fields.INPUTS} <= set(kinds)


def test_names_and_filters_of_letters() -> None:
    told: dict[str, list[str]] = {}
    for cell, inner in rows("nama"):
        name = re.split(r"\W", code(cell)[0])[0]
        told[name] = [] if name in ("isian", "petugas") else code(inner)
    expected = {}
    for name, value in CONTEXT.items():
        value = value[0] if isinstance(value, list) else value
        expected[name] = sorted(value) if isinstance(value, dict) else []
    assert {name: sorted(names) for name, names in told.items()} == expected
    [officer] = [code(inner) for cell, inner in rows("nama") if "petugas" in cell]
    assert tuple(officer) == OFFICER
    filters = [re.split(r"\W", code(cell)[0])[0] for cell, *_ in rows("tulis", "dari")]
    assert list(dict.fromkeys(filters)) == list(wording.FILTERS)


HEAD = {
    "nama": "Sari Wulandari",
    "nip": "19800101 200501 1 001",
    "jabatan": "Kepala Dinas",
    "jabatan_sendiri": "Kepala Dinas",
}
SECRETARY = {"nama": "Budi", "nip": "1981", "jabatan": "Sekretaris", "jabatan_sendiri": "Sekretaris"}
SIGNING = [  # who signs in the table of signatures, row by row
    HEAD,
    *({**SECRETARY, "jabatan": wording.deputy_title(kind, "Kepala Dinas")} for kind in ("plt", "plh", "cuti")),
    SECRETARY,
    {**SECRETARY, "jabatan": "Kepala Subbagian Umum", "jabatan_sendiri": "Kepala Subbagian Umum"},
]


def printed(filter_: str, value: object) -> list[str]:
    """The lines that a letter prints of a value by a filter."""
    paper = documents.fill(letter(f"{{{{ isian.x | {filter_} }}}}"), {"isian": {"x": value}})
    return read(paper)[0][0].split("\n")


@pytest.mark.parametrize(("cell", "given_", "told"), rows("tulis", "dari"))
def test_what_filters_print(cell: str, given_: str, told: str) -> None:
    """Each prints what its row says; of a whole signature and of dots the row tells in words."""
    if code(cell)[0] == "qr":
        return  # a picture: the tests of what anybody may check look at it
    value = HEAD if "petugas" in given_ else given_
    lines = printed(code(cell)[0], value)
    if code(cell) == ["tanda_tangan"]:
        assert lines == ["Kepala Dinas,", "", "", "", "Sari Wulandari", "NIP 19800101 200501 1 001"]
    elif code(cell) == ["kosong"]:
        assert (lines, printed("kosong", "isi")) == ([wording.DOTS], ["isi"])
    else:
        assert lines == [told]


def test_who_stands_above_a_signature() -> None:
    told = rows("keadaan", "tulis")
    said = [printed(code(cell)[0], officer) for (_, cell, _), officer in zip(told, SIGNING, strict=True)]
    assert said == [lines.split("<br>") for _, _, lines in told]


# What is shown


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(path: Path) -> None:
    definition, findings = checks.check(bundles.read([path])[0])
    assert definition is not None
    assert [finding for finding in findings if finding.level != "info"] == []
    assert definition.key == path.stem
    assert all(engine.walk(definition, seed, 100).completed for seed in range(10))


def test_what_the_pictures_show() -> None:
    read = {path.stem: engine.read(path.read_bytes()).definition for path in EXAMPLES}
    assert read.keys() == {"bersamaan", "keputusan", "keterangan-usaha", "waktu"}
    choices = {
        step.name: [(c.label, c.returns) for c in step.choices]
        for step in _definition(read, "keputusan").steps.values()
    }
    assert choices["Periksa berkas"] == [("Lengkap", False), ("Belum lengkap", True)]
    assert [lane.parents for lane in _definition(read, "bersamaan").lanes] == [(), ("Bidang",), ("Bidang",)]


def _definition(read: dict[str, Definition | None], name: str) -> Definition:
    definition = read[name]
    assert definition is not None
    return definition


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_smallest_sop_gives_its_letter(office: Office) -> None:
    with office.work() as ctx:
        revisions.install(ctx, bundles.read([SMALLEST])[0], "uji", "uji")
        people.grant(ctx, people.new_person(ctx, "loket", PASSWORD), "Loket")
    case_id = play.apply(office, sop=SMALLEST.stem)
    play.finish(office, case_id)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        issued = ctx.session.scalars(select(Document).where(Document.case_id == case_id)).one()
        text = words(files.read(office.settings.files, issued.sha256 or ""))
    assert (case.status, case.subject, issued.name) == ("ended", "Warung Bu Ani", "Surat keterangan usaha")
    for said in ("Nomor: 503/001/SKU/2026", "Warung Bu Ani", "31 Januari 2020", "Andi Pratama", "Petugas Kepala"):
        assert said in text
    assert "{" not in text


# Camunda Modeler


@pytest.mark.parametrize("kind", guide.TEMPLATES)
def test_element_templates(kind: str) -> None:
    """`make guide` writes them anew."""
    written = json.loads(guide.TEMPLATES[kind].read_text())
    assert written == guide.templates(kind)
    asked = [(t["id"].rpartition(".")[2], f["binding"]["name"]) for t in written for f in t["properties"]]
    assert sorted(asked) == sorted((place, known.name) for known in VOCABULARY for place in known.places)
    for field in (field for template in written for field in template["properties"]):
        pattern = re.compile(field.get("constraints", {}).get("pattern", {}).get("value", ""))
        assert pattern.search("")
        assert pattern.search(field.get("placeholder", ""))


def filled(namespace: str, value: str | None = None) -> bytes:
    """A diagram with every property wherever it may stand; as its table's example, or all with one value."""

    def at(place: str) -> str:
        return given(**{k.name: _example(k) if value is None else value for k in VOCABULARY if place in k.places})

    text = (
        f'start s <{at("mulai")}>\nuser a "Isi" <{at("langkah")}>\nuser b "Periksa"\nxor g "Lengkap?"\n'
        f'end e <{at("akhir")}>\ns > a\na > b\nb > g\ng > e "Ya" {{{at("panah")}}}\ng > a "Tidak"'
    )
    lane = f'<laneSet id="ls"><lane id="l" name="Loket">{at("lajur")}</lane></laneSet>'
    return draw(text, at("proses") + lane).replace(b"spiffworkflow:prop", f"{namespace}:prop".encode())


def _example(known: Property) -> str:
    return (
        known.shape.split("|")[0]
        if known.shape in LISTED
        else known.example or ("b" if known.name == "empat_mata" else "satu\ndua")
    )


@pytest.mark.parametrize("namespace", guide.TEMPLATES)
def test_properties_of_camunda_modeler_are_read_as_ours(namespace: str) -> None:
    ours, theirs = engine.read(filled("spiffworkflow")), engine.read(filled(namespace))
    assert ours.definition is not None
    assert theirs == ours
    assert ours.runnable
    assert not [finding for finding in ours.findings if "properti" in finding.rule]
    assert ours.definition.properties["dasar_hukum"] == "satu\ndua"
    assert ours.definition.steps["b"].choices[0].properties["kembali"] == "ya"


@pytest.mark.parametrize("namespace", guide.TEMPLATES)
def test_what_a_template_leaves_empty_says_nothing(namespace: str) -> None:
    """Camunda Modeler writes each field of a template, the empty ones of Camunda 7 too."""
    empty, none = engine.read(filled(namespace, "")), engine.read(filled(namespace).replace(b":property ", b":other "))
    assert empty.definition is not None
    assert none.definition is not None
    assert empty.findings == none.findings
    assert _bare(empty.definition) == none.definition


def _bare(definition: Definition) -> Definition:
    def kept(properties: object) -> dict[str, str]:
        assert isinstance(properties, dict)
        return {name: value for name, value in properties.items() if value}

    steps = {
        key: replace(
            step,
            properties=kept(step.properties),
            choices=tuple(replace(c, properties=kept(c.properties)) for c in step.choices),
        )
        for key, step in definition.steps.items()
    }
    return replace(
        definition,
        properties=kept(definition.properties),
        lanes=tuple(replace(lane, properties=kept(lane.properties)) for lane in definition.lanes),
        steps=steps,
        ends={key: replace(end, properties=kept(end.properties)) for key, end in definition.ends.items()},
    )
