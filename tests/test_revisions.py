"""Which SOP is in force: what a bundle is made of, what is refused and with which words, who runs under what."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import func, select

from app import audit, bundles, cases, people, revisions
from app.bundles import Bundle, BundleError
from app.models import Case, Lane, Revision, RevisionFile
from tests import play, sops
from tests.conftest import Office
from tests.drawn import draw, given, lanes
from tests.test_other_sop import NEW, add_step_and_branch

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
FIRST = sops.BUNDLES[sops.LARGEST]


def body(docx: bytes) -> bytes:
    """What a letter's text is made of."""
    with zipfile.ZipFile(io.BytesIO(docx)) as archive:
        return archive.read("word/document.xml")


CALLER = "start m\ncall c calledElement=bagian\nend z\nm > c\nc > z"
PLAIN = 'start m\nuser a "Kerjakan"\nend z\nm > a\na > z'


def second() -> Bundle:
    """The first SOP with one step and one branch more."""
    tree = etree.fromstring(FIRST.diagram)
    add_step_and_branch(tree, sops.definition(sops.LARGEST))
    return replace(FIRST, diagram=etree.tostring(tree))


def install(office: Office, bundle: Bundle) -> int:
    with office.work() as ctx:
        return revisions.install(ctx, bundle, "uji", "uji").number


def counts(office: Office) -> list[int | None]:
    with office.look() as ctx:
        return [ctx.session.scalar(select(func.count()).select_from(table)) for table in (Revision, RevisionFile, Lane)]


def steps_of(office: Office, case_id: int) -> tuple[int, str, bool]:
    """A case's revision, its status and whether it came by the step that only the second revision has; it is whole."""
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        proof = audit.frames(ctx, case)
        assert proof.all_findings == []
        return case.revision.number, case.status, any(frame.entry.step == "arsipkan" for frame in proof.frames)


def test_each_case_ends_under_the_revision_that_it_began_with(office: Office) -> None:
    old = play.apply(office)
    for _ in range(3):
        play.step(office, old)
    office.later(days=1)
    assert install(office, second()) == 2
    new = play.apply(office)
    play.finish(office, new, NEW)
    assert play.through(office, old) > 0
    assert (steps_of(office, old), steps_of(office, new)) == ((1, "ended", False), (2, "ended", True))


@one_kind
def test_the_same_bundle_again_changes_nothing(office: Office) -> None:
    before = counts(office)
    assert (install(office, FIRST), counts(office)) == (1, before)
    assert (install(office, second()), install(office, second()), install(office, FIRST)) == (2, 2, 3)


@one_kind
def test_another_lane_of_the_applicant_leaves_old_cases_proven(office: Office) -> None:
    """What a later revision says of lanes is not held against who worked under an earlier one."""
    case_id = play.apply(office)
    for _ in range(4):
        play.step(office, case_id)
    tree = etree.fromstring(FIRST.diagram)
    last = office.definition.lanes[-1]
    assert last.name != office.definition.applicant_lane
    for schedule in tree.xpath("//*[local-name() = 'property'][@name = 'retensi']"):  # no applicant may keep one
        schedule.getparent().remove(schedule)
    for lane in tree.iter("{*}lane"):
        for extensions in lane.findall("{*}extensionElements"):
            lane.remove(extensions)
        if lane.get("id") == last.id:
            lane.insert(0, etree.fromstring(AS_APPLICANT))
    install(office, replace(FIRST, diagram=etree.tostring(tree)))
    with office.look() as ctx:
        assert [p.all_findings for p in audit.verify(ctx)] == [[]]


AS_APPLICANT = given(pemohon="ya").replace(
    "<extensionElements>",
    '<extensionElements xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core">',
)


BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
LETTER = next(name for name, content in FIRST.templates.items() if b"kantor.nama" in body(content))
CHECKED = next(step for step in sops.definition(sops.LARGEST).steps.values() if "formulir" in step.properties)
ISSUING = next(step for step in sops.definition(sops.LARGEST).steps.values() if "dokumen" in step.properties)
A_FORM, A_LETTER = CHECKED.properties["formulir"], ISSUING.properties["dokumen"].partition("|")[0].strip()


def form(name: str, old: str, new: str) -> Bundle:
    assert old.encode() in FIRST.forms[name]
    return replace(FIRST, forms={**FIRST.forms, name: FIRST.forms[name].replace(old.encode(), new.encode(), 1)})


def diagram(tag: str, attribute: str, value: str, name: str = "") -> tuple[Bundle, str]:
    """The SOP with one attribute (or text) of the first such element changed; of what element the words must speak.

    `value` stands for the whole of it, or for its counter where it says `{...}`.
    """
    tree = etree.fromstring(FIRST.diagram)
    element = next(e for e in tree.iter(f"{{*}}{tag}") if not name or e.get("name") == name)
    old = (element.get(attribute) if attribute else element.text) or ""
    new = re.sub(r"\{urut[^}]*\}", value, old) if value.startswith("{") else value
    assert old != new
    if attribute:
        element.set(attribute, new)
    else:
        element.text = new
    while element.tag not in (f"{BPMN}sequenceFlow", f"{BPMN}userTask", f"{BPMN}process"):
        element = element.getparent()  # type: ignore[assignment]
    return replace(FIRST, diagram=etree.tostring(tree)), element.get("id", "")


def letter(pattern: str, new: str) -> Bundle:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(FIRST.templates[LETTER])) as source, zipfile.ZipFile(made, "w") as target:
        for item in source.infolist():
            content = source.read(item)
            if item.filename == "word/document.xml":
                content, times = re.subn(pattern.encode(), new.encode(), content, count=1)
                assert times == 1
            target.writestr(item, content)
    return replace(FIRST, templates={**FIRST.templates, LETTER: made.getvalue()})


def without(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    return {key: content for key, content in files.items() if key != name}


BROKEN: list[tuple[str, Callable[[], Bundle | tuple[Bundle, str]], str]] = [  # what, of what the words must speak
    ("no diagram", lambda: replace(FIRST, diagram=b"halo"), ""),
    ("cut off", lambda: replace(FIRST, diagram=FIRST.diagram[:-900]), ""),
    ("a condition", lambda: diagram("conditionExpression", "", "import os"), ""),
    ("a flow to nowhere", lambda: diagram("sequenceFlow", "targetRef", "hilang"), ""),
    ("a due date", lambda: diagram("property", "value", "lusa", "batas"), ""),
    ("a register", lambda: diagram("property", "value", "{nomor}", "register"), ""),
    ("a number", lambda: diagram("property", "value", "{bulanan}", "nomor_permohonan"), ""),
    ("a form that is not there", lambda: replace(FIRST, forms=without(FIRST.forms, A_FORM)), CHECKED.id),
    ("a letter that is not there", lambda: replace(FIRST, templates=without(FIRST.templates, A_LETTER)), ISSUING.id),
    ("a form that is none", lambda: replace(FIRST, forms={**FIRST.forms, A_FORM: b"{"}), f"{A_FORM}.form"),
    ("a field of no known kind", lambda: form(A_FORM, '"textfield"', '"teleport"'), f"{A_FORM}.form"),
    ("a letter that is none", lambda: replace(FIRST, templates={**FIRST.templates, LETTER: b"PK"}), LETTER),
    ("a name in a letter", lambda: letter(r"kantor\.nama", "kantor.nma"), LETTER),
    ("a tag in a letter", lambda: letter(r"(\{\{ isian\.[a-z_.]+)", r"\1 |"), LETTER),
]  # fmt: skip


@one_kind
@pytest.mark.parametrize(("what", "made", "element"), BROKEN, ids=[what for what, *_ in BROKEN])
def test_what_is_broken_is_refused_by_name(
    office: Office, what: str, made: Callable[[], Bundle | tuple[Bundle, str]], element: str
) -> None:
    before, broken = counts(office), made()
    if isinstance(broken, tuple):
        broken, element = broken
    with pytest.raises(revisions.NotRunnable) as refused:
        install(office, broken)
    errors = [f for f in refused.value.findings if f.level == "error"]
    assert any(f.element == element for f in errors) or not element, errors
    assert all(f.message and str(refused.value) for f in errors)
    assert counts(office) == before
    with office.look() as ctx:
        assert [(r.number, r.in_force_until) for r in revisions.all_in_force(ctx.session)] == [(1, None)]
    assert play.apply(office)


# What a bundle is made of


def zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def a_zip(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return {"sop.zip": zipped(files)}


X, Y, PART, LOOP = (draw(PLAIN, id="x"), draw(PLAIN, id="y"), draw(PLAIN, id="bagian"), draw(CALLER, id="bagian"))
MAIN = draw(CALLER, id="utama")
GATHERED: list[tuple[Mapping[str, bytes], list[tuple[str, list[str], list[str], list[str]]]]] = [
    ({"x.bpmn": X}, [("x", [], [], [])]),
    ({"x.bpmn": X, "a.form": b"1", "b.docx": b"2"}, [("x", [], ["a"], ["b.docx"])]),
    ({"bpmn/x.bpmn": X, "bpmn/y.bpmn": Y, "forms/x/a.form": b"1", "forms/y/a.form": b"2", "docx_templates/y/b.docx": b"3"},
     [("x", [], ["a"], []), ("y", [], ["a"], ["b.docx"])]),
    ({"x.bpmn": X, "y.bpmn": Y, "forms/a.form": b"1"}, [("x", [], ["a"], []), ("y", [], ["a"], [])]),
    ({"m.bpmn": MAIN, "p.bpmn": PART}, [("m", ["p.bpmn"], [], [])]),
    ({"p.bpmn": LOOP}, [("p", [], [], [])]),
    (a_zip({"sop/x.bpmn": X, "sop/forms/a.form": b"1", "sop/catatan.txt": b"-"}), [("x", [], ["a"], [])]),
    (a_zip({"../../x.bpmn": X, "/etc/a.form": b"1", "..\\..\\b.docx": b"2"}), [("x", [], ["a"], ["..\\..\\b.docx"])]),
    ({"x.bpmn": X, "forms/a.form": b"1", "lain/a.form": b"1"}, [("x", [], ["a"], [])]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), GATHERED)
def test_what_a_bundle_is_made_of(
    files: Mapping[str, bytes], expected: list[tuple[str, list[str], list[str], list[str]]]
) -> None:
    found = bundles.gathered(files)
    assert [(b.name, list(b.called), list(b.forms), list(b.templates)) for b in found] == expected


NO_BUNDLE: list[tuple[str, Mapping[str, bytes], str]] = [
    ("nothing", {}, "Tidak ada diagram"),
    ("no diagram", {"a.form": b"1"}, "Tidak ada diagram"),
    ("an empty zip", a_zip({}), "Tidak ada diagram"),
    ("no zip", {"sop.zip": b"PK\x03\x04"}, "sop.zip"),
    ("a cut zip", {"sop.zip": zipped({"x.bpmn": X})[:-30]}, "sop.zip"),
    ("a bomb", a_zip({"x.bpmn": X, "a.form": bytes(33 * 1024 * 1024)}), "lebih besar"),
    ("a zip in a zip", a_zip({"sop.zip": zipped({"x.bpmn": X})}), "Tidak ada diagram"),
    ("round and round", {"a.bpmn": draw(CALLER, id="lagi").replace(b'"bagian"', b'"lain"'),
                         "b.bpmn": draw(CALLER, id="lain").replace(b'"bagian"', b'"lagi"')}, "saling memanggil"),
    ("two diagrams of one name", {"1/x.bpmn": X, "2/x.bpmn": Y}, "x: ada dua"),
    ("two forms of one name", {"x.bpmn": X, "1/a.form": b"1", "2/a.form": b"2"}, "a: ada dua"),
    ("two zips that differ", {"1.zip": zipped({"x.bpmn": X}), "2.zip": zipped({"x.bpmn": Y})}, "x.bpmn: ada dua"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "files", "words"), NO_BUNDLE, ids=[what for what, *_ in NO_BUNDLE])
def test_what_is_no_bundle(what: str, files: Mapping[str, bytes], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        bundles.gathered(files)


def test_a_diagram_brings_what_lies_beside_its_folder(tmp_path: Path) -> None:
    for name, content in {
        "bpmn/x.bpmn": X, "bpmn/y.bpmn": Y, "forms/x/a.form": b"1", "forms/y/b.form": b"2", "docx_templates/x/c.docx": b"3",
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    alone = bundles.read([tmp_path / "bpmn" / "x.bpmn"])
    folders = bundles.read([tmp_path / "bpmn", tmp_path / "forms", tmp_path / "docx_templates"])
    assert [(b.name, list(b.forms), list(b.templates)) for b in alone] == [("x", ["a"], ["c.docx"])]
    assert [b.digest() for b in folders][:1] == [b.digest() for b in alone]
    assert [b.name for b in bundles.read([tmp_path])] == ["x", "y"]


@one_kind
def test_a_called_diagram_runs_with_its_caller(office: Office) -> None:
    rooms = lanes(("Pemohon", "m"), ("Kasi", "c z"))
    install(office, bundles.gathered({"utama.bpmn": draw(CALLER, rooms, id="utama"), "p.bpmn": PART})[0])
    with office.work() as ctx:
        people.grant(ctx, office.person(ctx, "luar"), "Kasi")
    case_id = play.apply(office, sop="utama")
    with office.look() as ctx:
        task = play.waiting(ctx, case_id)[0]
        assert (task.name, task.lane.name) == ("Kerjakan", "Kasi")
    with office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "luar"), task.id, {})
    assert steps_of(office, case_id) == (1, "ended", False)
