"""What holds for every SOP that lies beside the program: its files are clean and fit each other, its picture reads well,
and a case of it runs to its end and is proven."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import time
from collections import Counter
from datetime import date
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import docx
import pytest
from lxml import etree
from sqlalchemy import select

from app import (
    audit,
    bundles,
    cases,
    checks,
    documents,
    drawn,
    ends,
    engine,
    files,
    forms,
    journal,
    messages,
    papers,
    registers,
    revisions,
    terms,
    worker,
)
from app.models import Case, Document, Person
from tests import play
from tests.conftest import Office
from tests.sops import BUNDLES, KEYS, ROOT, definition
from tests.test_documents import NAUGHTY, OFFICE, words

CROSSINGS = {
    "izin-reklame": 1,
    "perpanjangan-imta": 2,
}  # of arrows, in drawings that have none without a long way round
each = pytest.mark.parametrize("sop", KEYS)
each_form = pytest.mark.parametrize(("sop", "name"), [(key, name) for key in KEYS for name in BUNDLES[key].forms])
each_text = pytest.mark.parametrize(("sop", "name"), [(key, name) for key in KEYS for name in BUNDLES[key].texts])
each_letter = pytest.mark.parametrize(("sop", "name"), [(key, name) for key in KEYS for name in BUNDLES[key].templates])
one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
TODAY = date(2026, 11, 23)


# -- its files -----------------------------------------------------------------------------------------------------------


@each
def test_its_files_lie_where_they_are_looked_for(sop: str) -> None:
    assert definition(sop).key == sop
    for folder, suffix, kept in (
        ("forms", "form", BUNDLES[sop].forms),
        ("docx_templates", "docx", BUNDLES[sop].templates),
    ):
        assert len(list((ROOT / folder / sop).glob(f"*.{suffix}"))) == len(kept) > 0
    assert len(list((ROOT / "docx_templates" / sop / bundles.TEXTS).iterdir())) == len(BUNDLES[sop].texts) > 0


@each
def test_there_is_nothing_to_say_of_its_files(sop: str) -> None:
    assert [f for f in checks.check(BUNDLES[sop])[1] if f.level != "info"] == []


@each
def test_it_reads_quickly(sop: str) -> None:
    took = []
    for _ in range(20):
        began = time.perf_counter()
        engine.read(BUNDLES[sop].diagram, BUNDLES[sop].called)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02


@each_form
def test_a_form_is_clean_and_its_samples_pass(sop: str, name: str) -> None:
    content = BUNDLES[sop].forms[name]
    assert forms.check_file(f"{name}.form", content) == []
    form = forms.load(content)
    assert [f.pointer for f in form.fields if f.type != "upload" and not f.properties.get("contoh")] == []

    def file(kind: str) -> forms.UploadInfo:
        return forms.UploadInfo("contoh.pdf", kind, 1)

    faults = {}
    for seed in range(72):
        answers = forms.sample(form, seed, lambda field: next(iter(field.accept), "application/pdf"), TODAY)
        if found := forms.check(form, answers, {}, file, TODAY)[1]:
            faults[seed] = found
    assert faults == {}


@each
def test_a_key_means_one_thing_in_every_form(sop: str) -> None:
    meanings = {(f.pointer, f.label, f.type) for form in BUNDLES[sop].forms.values() for f in forms.load(form).fields}
    assert [key for key, times in Counter(pointer for pointer, *_ in meanings).items() if times > 1] == []


# -- its letters ---------------------------------------------------------------------------------------------------------


def written(sop: str) -> list[str]:
    """The pointers of all that its forms and registers write."""
    found = [field.pointer for form in BUNDLES[sop].forms.values() for field in forms.load(form).fields]
    for step in definition(sop).steps.values():
        numberings = registers.numberings(step.properties.get("register", ""))
        found += ["/" + numbering.key.replace(".", "/") for numbering in numberings]
    return found


def lanes(sop: str) -> list[str]:
    return [lane.name for lane in definition(sop).lanes]


def isian(sop: str) -> dict[str, Any]:
    """The data of a case with nothing in it yet."""
    data: dict[str, Any] = {}
    for pointer in written(sop):
        place: Any = data
        for part, following in pairwise([*pointer.split("/")[1:], ""]):
            if part == "*":
                continue
            inside: Any = [{}] if following == "*" else {} if following else None
            found = place.setdefault(part, inside)
            place = found[0] if isinstance(found, list) else found
    return data


def filled(shape: Any, text: str) -> Any:
    """Data of a known shape, with `text` in every leaf."""
    if isinstance(shape, dict):
        return {key: filled(inner, text) for key, inner in shape.items()}
    return [filled(inner, text) for inner in shape] if isinstance(shape, list) else text


@each_letter
def test_a_letter_reads_only_what_the_forms_and_registers_write(sop: str, name: str) -> None:
    content = BUNDLES[sop].templates[name]
    assert documents.check_file(name, content, documents.known(written(sop), lanes(sop))) == []
    assert documents.check_file(name, content, {"isian": isian(sop)}) == []


@each_letter
def test_a_letter_holds_what_people_type(sop: str, name: str) -> None:
    template = BUNDLES[sop].templates[name]
    known = documents.known(written(sop), lanes(sop))
    people = {lane: {"nama": "Sari", "nip": "1985"} for lane in known["petugas"]}
    empty = documents.fill(template, {"isian": {}, **OFFICE})
    assert ("DINAS CONTOH" in words(empty).upper()) == ("kantor.nama" in words(template))
    assert "None" not in words(empty)
    for text in NAUGHTY:
        row = {**dict.fromkeys(documents.ROW, text), "putaran": 2}
        paper = documents.fill(
            template,
            {"isian": filled(known["isian"], text), "lembar": [{**row, "kembali": True}, {**row, "kembali": False}],
             "permohonan": filled(documents.CONTEXT["permohonan"], text), "petugas": people, **OFFICE},
        )  # fmt: skip
        assert text.replace("\t", "") in words(paper)
        docx.Document(io.BytesIO(paper))


@each
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_its_letters_print(sop: str, tmp_path: Path) -> None:
    from pypdf import PdfReader

    letters, typed = BUNDLES[sop].templates, filled(documents.known(written(sop), lanes(sop))["isian"], "Isian")
    for name, content in letters.items():
        (tmp_path / name).write_bytes(documents.fill(content, {"isian": typed, **OFFICE}))
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "pdf"]
    paths = [str(tmp_path / name) for name in letters]
    subprocess.run([*command, "--outdir", str(tmp_path), *paths], check=True, capture_output=True, timeout=180)
    for name in letters:
        pages = [page.extract_text() for page in PdfReader((tmp_path / name).with_suffix(".pdf")).pages]
        assert [n for n, page in enumerate(pages, 1) if f"Halaman {n} dari {len(pages)}" not in page] == []


# -- its messages --------------------------------------------------------------------------------------------------------


@each_text
def test_a_text_reads_only_what_the_forms_and_registers_write(sop: str, name: str) -> None:
    expected = {**documents.TOLD, **documents.known(written(sop), lanes(sop)), "isian": isian(sop)}
    if name in {reminder.text for reminder in terms.reminders(definition(sop))}:
        expected |= documents.ENDING
    assert documents.check_text(name, BUNDLES[sop].texts[name], expected) == []


@each_text
def test_a_text_holds_what_people_type(sop: str, name: str) -> None:
    template = BUNDLES[sop].texts[name]
    for text in ["", *NAUGHTY]:
        told = {"isian": filled(isian(sop), text), "permohonan": filled(documents.CONTEXT["permohonan"], text),
                "kembalian": {"alasan": text, "kesalahan": [text]}, "tautan": "http://contoh/1", **OFFICE}  # fmt: skip
        subject, body = documents.text(template, told)
        assert len(subject.splitlines()) == 1
        assert "http://contoh/1" in body
        assert re.search(r"\bNone\b|Undefined|\n\n\n", body) is None
        assert text.strip() in body or "kembalian" not in template.decode()


@each
def test_every_text_is_told_somewhere(sop: str) -> None:
    read = definition(sop)
    told = [text for place in read.tells.values() for text in drawn.texts(read, place)]
    reminding = {reminder.text for reminder in terms.reminders(read)}
    assert {text.template for text in told} | reminding == BUNDLES[sop].texts.keys()
    assert {text.lane is None for text in told} == {read.applicant_lane is not None}
    assert not [f for f in checks.check(BUNDLES[sop])[1] if f.rule == "tanpa-pesan"]


@each
@one_kind
def test_what_is_told_on_the_way_to_its_end(office: Office, sop: str) -> None:
    """Each message is sent, whole, and the one who is to hear it does."""
    with office.work() as ctx:
        for person in ctx.session.scalars(select(Person)):
            person.email, person.email_verified_at = f"{person.name}@contoh.id", ctx.now
    case_id = play.apply(office)
    play.through(office, case_id)
    office.later(minutes=5)
    worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.MAIL)
    with office.look() as ctx:
        told = messages.of_case(ctx, case_id)
        assert {messages.state(message) for message in told} == {"terkirim"}
        assert len(told) > 3
        for message in told:
            assert re.search(r"\{\{|\}\}|\{%|%\}|\bNone\b|Undefined|nomor +\W|: *\n\n\n", message.text) is None, (
                message.text
            )
            assert message.subject
        to = {message.address for message in told}
        assert to == {"pemohon@contoh.id"} if definition(sop).applicant_lane else "pemohon@contoh.id" not in to


# -- its cases -----------------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("seed", range(20))
def test_it_walks(sop: str, seed: int) -> None:
    assert engine.walk(definition(sop), seed, 1_000).completed


@each
@one_kind
@pytest.mark.parametrize("returning", [False, True], ids=["straight on", "with every return"])
def test_a_case_to_its_end(office: Office, sop: str, returning: bool) -> None:
    """Everybody in turn, with every paper filled and readable; what happened is proven."""
    case_id = play.apply(office)
    if returning:
        assert play.through(office, case_id) > 0
    else:
        play.finish(office, case_id)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.sop, case.status, papers.waiting(ctx)) == (sop, "ended", [])
        issued = list(ctx.session.scalars(select(Document).where(Document.case_id == case_id)))
        for paper in issued:
            assert (paper.name, paper.error) == (paper.name, None)
            text = words(files.read(office.settings.files, paper.sha256 or ""))
            assert len(text) > 200
            assert re.search(r"\{\{|\}\}|\{%|%\}|\bNone\b|Undefined", text) is None, paper.name
        assert {document.template for document in issued} <= set(BUNDLES[sop].templates)
        assert len(issued) > 1
        assert [proof.all_findings for proof in audit.verify(ctx)] == [[]]


REASON = "Keterangan pada berkas ternyata tidak sesuai dengan kenyataan."
HOLLOW = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b|Undefined")


@each
def test_an_end_that_nobody_drew_has_its_letter(office: Office, sop: str) -> None:
    """For every verb with a letter, from every status and by every lane that may: it says why, of what and who signs."""
    read = office.definition
    rules = [rule for kind in ends.VERBS if (rule := ends.rule(read, kind)) and rule.letters]
    assert {rule.verb.kind for rule in rules} >= {"correct", "revoke"}
    for status in ("open", "ended"):
        case_id = 0
        for rule in sorted(rules, key=lambda rule: rule.verb.kind):  # what corrects, before what ends
            for lane in rule.lanes if status in rule.verb.status else ():
                with office.look() as ctx:
                    if not case_id or ctx.session.get_one(Case, case_id).status != status:
                        case_id = _played(office, status)
                said, signed = _done_to(office, case_id, rule.verb.kind, lane)
                text = _letter(office, case_id)
                assert [word for word in (*said, *signed) if word not in text] == [], (status, rule.verb.kind, lane)
                assert HOLLOW.search(text) is None
                # Nothing is left to be written by hand but the letter's own number.
                assert len(re.findall("…+", text)) == 1, (status, rule.verb.kind, text)
    with office.look() as ctx:
        assert [found for proof in audit.verify(ctx) for found in proof.all_findings] == []


def _played(office: Office, status: str) -> int:
    """A case with its first step done, or all of them."""
    case_id = play.apply(office)
    play.step(office, case_id)
    if status == "ended":
        play.finish(office, case_id)
    return case_id


def _done_to(office: Office, case_id: int, kind: str, lane: str) -> tuple[list[str], list[str]]:
    """Does it as an officer of this lane: what the letter has to say, and who signs it. A correction gives the case
    another name."""
    office.later(minutes=7)
    with office.work() as ctx:
        case, actor = ctx.session.get_one(Case, case_id), office.actor(ctx, office.officers[lane])
        said = [case.number, REASON]
        step, data = "", cases.data_of(ctx, case)
        if kind == "correct":
            loaded = revisions.load(ctx.session, case.revision_id)
            key = loaded.definition.properties["ringkasan"].split(",")[0]
            step = next(
                entry.step
                for entry in journal.entries(ctx, case_id)
                if (form := loaded.form_at(entry.step))
                and "/" + key.replace(".", "/") in [f.pointer for f in form.fields]
            )
            said.append(f"Yang Sebenarnya {case.seq}")
            data = forms.merge(data, forms.nested({key: said[-1]}))
        cases.act(ctx, actor, case_id, kind, REASON, step, data)
        return said, [actor.person.full_name, actor.person.nip or "NIP"]


def _letter(office: Office, case_id: int) -> str:
    """The words of the paper that was issued last."""
    with office.work() as ctx:
        for paper in papers.waiting(ctx):
            papers.fill(ctx, paper)
    with office.look() as ctx:
        query = select(Document).where(Document.case_id == case_id).order_by(Document.seq.desc(), Document.id.desc())
        return words(files.read(office.settings.files, ctx.session.scalars(query).first().sha256))


# -- the picture: what a person would see at once and a machine has to measure --------------------------------------------------

Box = tuple[float, float, float, float]  # left, top, right, bottom
Line = tuple[tuple[float, float], tuple[float, float]]


def _box(bounds: etree._Element) -> Box:
    x, y, width, height = (float(bounds.get(name, "0")) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def _overlap(one: Box, two: Box) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _stroke(line: Line) -> Box:
    (x1, y1), (x2, y2) = line
    return min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1


def _cross(one: Line, two: Line) -> bool:
    """Do two lines cross square, well away from their ends?"""
    if (one[0][0] == one[1][0]) == (two[0][0] == two[1][0]):
        return False
    (ax, ay, bx, by), (left, top, right, bottom) = _stroke(one), _stroke(two)
    across = left + 9 < ax and bx < right - 9 and ay + 9 < top and bottom < by - 9
    return across or (ax + 9 < left and right < bx - 9 and top + 9 < ay and by < bottom - 9)


def _picture(sop: str) -> tuple[dict[str, Box], dict[str, Box], dict[str, list[Line]], dict[str, tuple[str, str]]]:
    """Node shapes, labels, the lines of each arrow, and between which nodes it runs."""
    tree = etree.fromstring(BUNDLES[sop].diagram)
    lanes = {e.get("id", "") for e in tree.iter("{*}lane", "{*}participant")}
    ends = {e.get("id", ""): (e.get("sourceRef", ""), e.get("targetRef", "")) for e in tree.iter("{*}sequenceFlow")}
    nodes: dict[str, Box] = {}
    labels: dict[str, Box] = {}
    arrows: dict[str, list[Line]] = {}
    for shape in tree.iter("{*}BPMNShape", "{*}BPMNEdge"):
        element = shape.get("bpmnElement", "")
        for label in shape.findall("{*}BPMNLabel/{*}Bounds"):
            labels[element] = _box(label)
        bounds = shape.find("{*}Bounds")
        if bounds is None:
            points = [(float(p.get("x", "0")), float(p.get("y", "0"))) for p in shape.findall("{*}waypoint")]
            arrows[element] = list(pairwise(points))
        elif element not in lanes:
            nodes[element] = _box(bounds)
    return nodes, labels, arrows, ends


@each
def test_arrows_run_square_and_hardly_cross(sop: str) -> None:
    nodes, labels, arrows, ends = _picture(sop)
    assert [name for name, lines in arrows.items() for (a, b) in lines if a[0] != b[0] and a[1] != b[1]] == []
    assert [
        (name, node)
        for name, lines in arrows.items()
        for node, box in nodes.items()
        if node not in ends[name] and any(_overlap(_stroke(line), box) for line in lines)
    ] == []
    met = [
        ((one, two), _cross(a, b))
        for one, two in combinations(arrows, 2)
        for a in arrows[one]
        for b in arrows[two]
        if _overlap(_stroke(a), _stroke(b))
    ]
    assert [pair for pair, square in met if not square] == []
    assert len(met) <= CROSSINGS.get(sop, 0), met
    assert [
        (name, label)
        for name, lines in arrows.items()
        for label, box in labels.items()
        if any(_overlap(_stroke(line), box) for line in lines)
    ] == []


@each
def test_labels_and_nodes_lie_clear_of_each_other(sop: str) -> None:
    nodes, labels, _, _ = _picture(sop)
    for event in etree.fromstring(BUNDLES[sop].diagram).iter("{*}boundaryEvent"):
        del nodes[event.get("id", "")]  # it stands on the edge of its step
    boxes = [("bentuk " + name, box) for name, box in nodes.items()]
    boxes += [("label " + name, box) for name, box in labels.items()]
    assert [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if _overlap(one, two)] == []


@each
def test_it_is_no_wider_than_a_screen_can_show(sop: str) -> None:
    nodes, labels, _, _ = _picture(sop)
    boxes = [*nodes.values(), *labels.values()]
    assert max(box[2] for box in boxes) - min(box[0] for box in boxes) < 1500
