"""The first SOP's own files: what they say of the SOP, and that they read well."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from app import documents, engine, forms, registers, revisions

ROOT = Path(__file__).parent.parent
DIAGRAM = ROOT / "bpmn" / "perpanjangan-imta.bpmn"
FORMS = {path.stem: path.read_bytes() for path in sorted((ROOT / "forms" / "perpanjangan-imta").glob("*.form"))}
TODAY = date(2026, 11, 23)
READING = engine.read(DIAGRAM.read_bytes())

STEPS = [  # number, step, lane, minutes, due, form
    ("1", "Minta informasi layanan", "Pemohon", "", "", "informasi"),
    ("2", "Jelaskan syarat dan tahapan", "Petugas Informasi", "", "", "penjelasan"),
    ("3", "Isi formulir dan lengkapi berkas", "Pemohon", "", "", "permohonan"),
    ("4", "Periksa berkas permohonan", "Customer Service", "10-30", "H", "ceklis"),
    ("5", "Daftarkan, beri tanda terima", "Loket Pendaftaran", "10-15", "H", "pendaftaran"),
    ("6", "Verifikasi persyaratan", "Verifikator", "10-30", "H", "verifikasi"),
    ("7", "Telaah dan beri rekomendasi", "Tim Teknis", "10-30", "H+1", "rekomendasi"),
    ("8", "Input data dan cetak draf izin", "Verifikator", "5", "H+2", "input-data"),
    ("9", "Periksa dan paraf draf izin", "Kasi", "10-30", "H+2", "paraf-kasi"),
    ("10", "Setujui cetak dan paraf izin", "Kabid", "10-30", "H+2", "paraf-kabid"),
    ("11", "Tanda tangani surat izin", "Kepala", "5-10", "H+2", "penandatanganan"),
    ("12", "Beri nomor dan cap tanggal", "TU", "5-10", "H+2", "penomoran"),
    ("13", "Beri tahu dan serahkan izin", "TU", "5-10", "H+2", "penyerahan"),
    ("14", "Terima izin dan isi survei", "Pemohon", "", "H+3", "penerimaan"),
]

DECISIONS = {  # of a step, in drawn order: branch, where it leads, is it a return
    "4": [("Lengkap dan benar", "5", False), ("Permohonan baru", "permohonan_baru", False),
          ("Belum lengkap/benar", "3", True)],
    "6": [("Benar", "7", False), ("Perlu perbaikan", "4", True)],
    "7": [("Direkomendasikan", "8", False), ("Tidak direkomendasikan", "6", True)],
    "9": [("Benar, diparaf", "10", False), ("Perbaiki draf", "8", True)],
    "10": [("Benar, diparaf", "11", False), ("Syarat belum terpenuhi", "6", True), ("Perbaiki draf", "8", True)],
    "11": [("Ditandatangani", "12", False), ("Kembalikan ke Kasi", "9", True), ("Belum benar", "10", True)],
}  # fmt: skip


def test_diagram_reads_without_a_word_of_reproach() -> None:
    assert [f for f in READING.findings if f.level != "info"] == []


def test_steps_are_those_of_the_sop() -> None:
    assert READING.definition is not None
    assert [
        (
            step.properties["nomor"], step.name, step.lane, step.properties.get("waktu", ""),
            step.properties.get("batas", ""), step.properties["formulir"],
        )
        for step in sorted(READING.definition.steps.values(), key=lambda step: int(step.properties["nomor"]))
    ] == STEPS  # fmt: skip


def test_decisions_and_returns_are_those_of_the_sop() -> None:
    assert READING.definition is not None
    steps = READING.definition.steps

    def name(element: str) -> str:
        return steps[element].properties["nomor"] if element in steps else element

    drawn = {
        step.properties["nomor"]: [(choice.label, name(choice.target), choice.returns) for choice in step.choices]
        for step in steps.values()
        if step.choices
    }
    assert drawn == DECISIONS


def test_the_rest_of_what_the_engine_needs() -> None:
    definition = READING.definition
    assert definition is not None
    assert (
        definition.key,
        definition.applicant_lane,
        definition.facts,
        [(start.name, start.default) for start in definition.starts],
        {end.id: end.properties.get("permohonan_baru", "") for end in definition.ends.values()},
        [lane.name for lane in definition.lanes if lane.properties.get("loket") == "ya"],
        {
            step.id: step.properties["empat_mata"]
            for step in definition.steps.values()
            if "empat_mata" in step.properties
        },
        [step.properties["nomor"] for step in definition.steps.values() if step.properties.get("jam") == "mulai"],
    ) == (
        "perpanjangan-imta",
        "Pemohon",
        ("nomor_berkas",),
        [("Meminta informasi", False), ("Mengajukan permohonan", True)],
        {"permohonan_baru": "ya", "izin_diterima": ""},
        ["Petugas Informasi", "Customer Service", "Loket Pendaftaran"],
        {"paraf_kabid": "paraf_kasi"},
        ["5"],
    )


def test_each_step_cites_its_clause() -> None:
    assert READING.definition is not None
    assert [
        step.id
        for step in READING.definition.steps.values()
        if f"SOP-LP2N-TKT-02, Lampiran, langkah {step.properties['nomor']}. " not in step.documentation
    ] == []


def test_the_sixteen_requirements_are_uploaded_and_checked_one_by_one() -> None:
    assert READING.definition is not None
    listed = READING.definition.properties["persyaratan"].splitlines()
    application, checklist = forms.load(FORMS["permohonan"]), forms.load(FORMS["ceklis"])
    uploads = [field.pointer for field in application.fields if field.type == "upload" and re.match(r"\d", field.label)]
    rows = [row for item in checklist.components if item.table for row in item.children]
    assert (len(listed), len(uploads)) == (16, 16)
    assert [row.file for row in rows] == uploads
    assert {tuple(cell.key for cell in row.children) for row in rows} == {
        ("ada", "benar", "nomor", "tanggal", "berlaku_sampai", "keterangan")
    }


@pytest.mark.parametrize("name", FORMS)
def test_form_is_clean_and_its_samples_pass(name: str) -> None:
    assert forms.check_file(f"{name}.form", FORMS[name]) == []
    form = forms.load(FORMS[name])
    assert [f.pointer for f in form.fields if f.type != "upload" and not f.properties.get("contoh")] == []
    files = forms.UploadInfo("contoh.pdf", "application/pdf", 1)
    faults = {
        seed: found
        for seed in range(72)
        if (
            found := forms.check(form, forms.sample(form, seed, lambda field: "1", TODAY), {}, lambda _: files, TODAY)[
                1
            ]
        )
    }
    assert faults == {}


def test_the_files_fit_each_other() -> None:
    (bundle,) = revisions.bundles([DIAGRAM])
    assert [f for f in revisions.check(bundle)[1] if f.level != "info"] == []


def test_papers_read_only_what_the_forms_and_registers_write() -> None:
    assert READING.definition is not None
    (bundle,) = revisions.bundles([DIAGRAM])
    written = [f.pointer.split("/")[1:] for text in FORMS.values() for f in forms.load(text).fields]
    written += [
        numbering.key.split(".")
        for step in READING.definition.steps.values()
        for numbering in registers.numberings(step.properties.get("register", ""))
    ]
    data: dict[str, Any] = {}
    for path in written:
        place: Any = data
        for part, following in pairwise([*path, ""]):
            if part == "*":
                continue
            inside: Any = [{}] if following == "*" else {} if following else None
            found = place.setdefault(part, inside)
            place = found[0] if isinstance(found, list) else found
    assert {
        name: found
        for name, content in bundle.templates.items()
        if (found := documents.check_file(name, content, {"isian": data}))
    } == {}


def test_a_key_means_one_thing_in_every_form() -> None:
    meanings = {(f.pointer, f.label, f.type) for text in FORMS.values() for f in forms.load(text).fields}
    assert [key for key, times in Counter(pointer for pointer, *_ in meanings).items() if times > 1] == []


# The picture: what a person would see at once and a machine has to measure.

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


def _picture() -> tuple[dict[str, Box], dict[str, Box], dict[str, list[Line]], dict[str, tuple[str, str]]]:
    """Node shapes, labels, the lines of each arrow, and between which nodes it runs."""
    tree = etree.fromstring(DIAGRAM.read_bytes())
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


def test_arrows_run_square_and_cross_nothing() -> None:
    nodes, labels, arrows, ends = _picture()
    assert [name for name, lines in arrows.items() for (a, b) in lines if a[0] != b[0] and a[1] != b[1]] == []
    assert [
        (name, node)
        for name, lines in arrows.items()
        for node, box in nodes.items()
        if node not in ends[name] and any(_overlap(_stroke(line), box) for line in lines)
    ] == []
    assert [
        (one, two)
        for one, two in combinations(arrows, 2)
        if any(_overlap(_stroke(a), _stroke(b)) for a in arrows[one] for b in arrows[two])
    ] == []
    assert [
        (name, label)
        for name, lines in arrows.items()
        for label, box in labels.items()
        if any(_overlap(_stroke(line), box) for line in lines)
    ] == []


def test_labels_and_nodes_lie_clear_of_each_other() -> None:
    nodes, labels, _, _ = _picture()
    boxes = [("bentuk " + name, box) for name, box in nodes.items()]
    boxes += [("label " + name, box) for name, box in labels.items()]
    assert [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if _overlap(one, two)] == []


def test_it_is_no_wider_than_a_screen_can_show() -> None:
    nodes, labels, _, _ = _picture()
    boxes = [*nodes.values(), *labels.values()]
    assert max(box[2] for box in boxes) - min(box[0] for box in boxes) < 1500
