"""The work permit's own content: its table, its decisions, its sixteen requirements, and what its papers say."""

from __future__ import annotations

import io
import re
from datetime import datetime

from docx import Document
from sqlalchemy import select

from app import audit, cases, documents, engine, forms, journal, papers, revisions
from app.models import Case, RegisterEntry
from app.models import Document as Paper
from tests import play
from tests.conftest import Office
from tests.sops import BUNDLES, needs
from tests.test_documents import OFFICE, words

pytestmark = needs("perpanjangan-imta")
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BUNDLE = BUNDLES["perpanjangan-imta"]
FORMS = BUNDLE.forms
READING = engine.read(BUNDLE.diagram, BUNDLE.called)

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
    "6": [("Benar", "7", False), ("Perlu perbaikan", "4", True), ("Perlu tanda terima baru", "5", True)],
    "7": [("Direkomendasikan", "8", False), ("Tidak direkomendasikan", "6", True)],
    "9": [("Benar, diparaf", "10", False), ("Perbaiki draf", "8", True)],
    "10": [("Benar, diparaf", "11", False), ("Syarat belum terpenuhi", "6", True), ("Perbaiki draf", "8", True)],
    "11": [("Ditandatangani", "12", False), ("Kembalikan ke Kasi", "9", True), ("Belum benar", "10", True)],
}  # fmt: skip


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


# -- its letters ---------------------------------------------------------------------------------------------------------


def test_there_are_letters() -> None:
    names = set(BUNDLE.templates)
    assert names == {
        "bukti-serah-terima.docx", "daftar-periksa.docx", "draf-izin.docx", "formulir-permohonan.docx",
        "hak-kewajiban.docx", "izin.docx", "kuesioner-kepuasan.docx", "lembar-kendali.docx", "rekomendasi-teknis.docx",
        "sampul-map.docx", "surat-kuasa-penandatanganan.docx", "surat-kuasa-pengurusan.docx", "surat-pembetulan.docx",
        "surat-pencabutan.docx", "surat-pengembalian.docx", "surat-penolakan.docx", "tanda-terima.docx",
    }  # fmt: skip
    assert [name for name in names if "kantor.nama" not in words(BUNDLE.templates[name])] == []


def test_the_permit_says_what_was_decided() -> None:
    isian = {
        "pemberi_kerja": {"nama": "PT Contoh & Rekan"}, "tka": {"nama": "Kenji Watanabe", "jenis_kelamin": "L"},
        "perpanjangan_ke": 2, "nomor_izin": "503/0042/IMTA/DPMPTSP/2026", "nomor_berkas": "0007/BERKAS",
        "imta_lama": {"nomor": "IMTA-LAMA", "tanggal": "2025-12-24"}, "rptka": {"nomor": "RPTKA-1"},
        "izin": {"berlaku_dari": "2026-12-24", "berlaku_sampai": "2027-12-23", "tanggal": "2026-11-25"},
        "lokasi_kerja": [{"kabupaten_kota": "Kota A"}, {"kabupaten_kota": "Kabupaten B"}],
    }  # fmt: skip
    petugas = {"Kepala": {"nama": "Puguh", "nip": "1970", "jabatan": "Kepala Dinas"}}
    context = {"isian": isian, "petugas": petugas, "permohonan": {"nomor": "00042/IMTA/2026"}, **OFFICE}
    said = words(documents.fill(BUNDLE.templates["izin.docx"], context))
    for phrase in (
        "PERPANJANGAN KE-II", "NOMOR: 503/0042/IMTA/DPMPTSP/2026", "nomor 00042/IMTA/2026", "berkas nomor 0007/BERKAS",
        "IMTA nomor IMTA-LAMA tanggal 24 Desember 2025", "nomor RPTKA-1", "UU A;", "UU B.", "PT Contoh & Rekan",
        "Laki-laki", "Kota A", "Kabupaten B", "selama 1 (satu) tahun",
        "24 Desember 2026 (dua puluh empat Desember dua ribu dua puluh enam) sampai dengan tanggal "
        "23 Desember 2027 (dua puluh tiga Desember dua ribu dua puluh tujuh)",
        "akan diadakan perbaikan sebagaimana mestinya", "pada tanggal 25 November 2026", "Puguh", "NIP 1970",
    ):  # fmt: skip
        assert phrase in said


def test_the_control_sheet_has_a_row_for_each_pass() -> None:
    lembar = [
        {"no": 1, "nomor": "4", "langkah": "Periksa", "pelaksana": "CS", "petugas": "Rina", "putaran": 1,
         "masuk": "2026-11-23T08:10+08:00", "keluar": "2026-11-23T08:31+08:00", "menit": 21, "standar": "10-30", "hasil": "Belum lengkap",
         "alasan": "Paspor buram", "kembali": True},
        {"no": 2, "langkah": "Isi", "pelaksana": "Pemohon", "masuk": "2026-11-23T08:31+08:00", "putaran": 2,
         "hasil": "Sedang berjalan", "kembali": False},
    ]  # fmt: skip
    paper = documents.fill(BUNDLE.templates["lembar-kendali.docx"], {"lembar": lembar})
    table = max(Document(io.BytesIO(paper)).tables, key=lambda table: len(table.columns))
    assert [[cell.text for cell in row.cells] for row in table.rows[1:]] == [
        ["1", "4. Periksa", "CS", "Rina", "23-11-2026\n08.10", "23-11-2026\n08.31", "21\n(10-30)",
         "DIKEMBALIKAN\nBelum lengkap", "Alasan: Paspor buram", ""],
        ["2", "Isi (putaran 2)", "Pemohon", "", "23-11-2026\n08.31", "\n", "–", "Sedang berjalan", "", ""],
    ]  # fmt: skip


def _checked(**wrong: dict[str, object]) -> dict[str, object]:
    """A checklist on which all is there and right but these."""
    checklist = forms.load(FORMS["ceklis"])
    keys = [field.pointer.split("/")[2] for field in checklist.fields if field.pointer.endswith("/ada")]
    assert len(keys) == 16
    return {key: wrong.get(key, {"ada": True, "benar": True}) for key in keys}


def test_the_return_letter_lists_what_is_missing() -> None:
    """By the number that the requirement has in the SOP's list, whatever else is in order."""
    assert READING.definition is not None
    listed = READING.definition.properties["persyaratan"].splitlines()
    ceklis = _checked(paspor={"ada": True, "benar": False, "keterangan": "Buram & <gelap>"}, foto={"ada": False})
    kembalian = {
        "pada": "2026-11-24",
        "alasan": "Dua berkas\nbelum sesuai.",
        "kesalahan": ["Nomor paspor: salah ketik"],
    }
    context = {
        "isian": {"ceklis": ceklis}, "kembalian": kembalian, "permohonan": {"pemohon": "Andi"},
        "petugas": {"Customer Service": {"nama": "Budi", "jabatan": "Petugas Loket", "nip": "1"}},
        "kantor": OFFICE["kantor"], "sop": {**OFFICE["sop"], "persyaratan": listed},
    }  # fmt: skip
    paper = documents.fill(BUNDLE.templates["surat-pengembalian.docx"], context)
    [table] = [table for table in Document(io.BytesIO(paper)).tables if len(table.columns) == 4]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["No.", "Persyaratan", "Yang kurang", "Keterangan petugas"],
        ["12.", "Fotokopi paspor", "Belum benar", "Buram & <gelap>"],
        ["15.", "Foto 3x4 sebanyak 2 lembar", "Belum ada", ""],
    ]
    said = words(paper)
    for phrase in ("1.Alasan pengembalian", "2.Isian formulir", "Nomor paspor: salah ketik", "3.Persyaratan yang belum",
                   "Dua berkas", "belum sesuai.", "a.n. Kepala Dinas Contoh", "Petugas Loket,"):  # fmt: skip
        assert phrase in said
    whole = documents.fill(BUNDLE.templates["surat-pengembalian.docx"], {**context, "isian": {"ceklis": _checked()}})
    assert "Persyaratan yang belum" not in words(whole)


def test_the_survey_on_paper_asks_what_the_form_asks() -> None:
    form = forms.load(FORMS["penerimaan"])
    scales = [[option.label for option in field.options] for field in form.fields if len(field.options) == 4]
    [table] = [
        t for t in Document(io.BytesIO(BUNDLE.templates["kuesioner-kepuasan.docx"])).tables if len(t.columns) == 6
    ]
    assert [[cell.text.split("\n") for cell in row.cells[2:]] for row in table.rows[1:]] == [
        [[str(number), label] for number, label in enumerate(labels, 1)] for labels in scales
    ]
    assert len(scales) == 9


def test_tables_break_well() -> None:
    """No row of a table splits, and one that may be long (it loops, or has many rows) repeats its head."""
    wrong, long = [], 0
    for name, content in BUNDLE.templates.items():
        for table in Document(io.BytesIO(content)).element.body.iter(f"{W}tbl"):
            rows = table.findall(f"{W}tr")
            first = ["".join(t.text or "" for t in cell.iter(f"{W}t")) for cell in rows[0].findall(f"{W}tc")]
            text = "".join(t.text or "" for t in table.iter(f"{W}t"))
            if ":" in first or len(first) < 3 or not ("{%tr for" in text or len(rows) > 9):
                continue  # clauses, and what stands beside a colon
            long += 1
            whole = [row.find(f"{W}trPr/{W}cantSplit") is not None for row in rows]
            if not all(whole) or rows[0].find(f"{W}trPr/{W}tblHeader") is None:
                wrong.append(f"{name}: {text[:60]}")
    assert (wrong, long > 6) == ([], True)


# -- a case of it -------------------------------------------------------------------------------------------------------

RETURNS = (
    "Belum lengkap/benar", "Perlu perbaikan", "Tidak direkomendasikan", "Perbaiki draf", "Benar, diparaf", "Perbaiki draf",
    "Syarat belum terpenuhi", "Belum benar", "Kembalikan ke Kasi",
)  # fmt: skip
SHEET = [
    ("3", "Selesai", 1, False),
    ("4", "Belum lengkap/benar", 1, True),
    ("3", "Selesai", 2, False),
    ("4", "Lengkap dan benar", 2, False),
    ("5", "Selesai", 1, False),
    ("6", "Perlu perbaikan", 1, True),
    ("4", "Lengkap dan benar", 3, False),
    ("6", "Benar", 2, False),
    ("7", "Tidak direkomendasikan", 1, True),
    ("6", "Benar", 3, False),
    ("7", "Direkomendasikan", 2, False),
    ("8", "Selesai", 1, False),
    ("9", "Perbaiki draf", 1, True),
    ("8", "Selesai", 2, False),
    ("9", "Benar, diparaf", 2, False),
    ("10", "Perbaiki draf", 1, True),
    ("8", "Selesai", 3, False),
    ("9", "Benar, diparaf", 3, False),
    ("10", "Syarat belum terpenuhi", 2, True),
    ("6", "Benar", 4, False),
    ("7", "Direkomendasikan", 3, False),
    ("8", "Selesai", 4, False),
    ("9", "Benar, diparaf", 4, False),
    ("10", "Benar, diparaf", 3, False),
    ("11", "Belum benar", 1, True),
    ("10", "Benar, diparaf", 4, False),
    ("11", "Kembalikan ke Kasi", 2, True),
    ("9", "Benar, diparaf", 5, False),
    ("10", "Benar, diparaf", 5, False),
    ("11", "Ditandatangani", 3, False),
    ("12", "Selesai", 1, False),
    ("13", "Selesai", 1, False),
    ("14", "Selesai", 1, False),
]


def test_the_sop_with_a_return_from_every_decision(office: Office) -> None:
    case_id = play.apply(office)
    play.finish(office, case_id, *RETURNS)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        rows = papers.sheet(ctx, loaded, journal.entries(ctx, case_id))
        names = ctx.session.scalars(select(Paper.name).where(Paper.case_id == case_id, Paper.filled_at.is_not(None)))
        assert [(r["nomor"], r["hasil"], r["putaran"], r["kembali"]) for r in rows] == SHEET
        assert (case.status, cases.data_of(ctx, case)["nomor_izin"], case.state) == (
            "ended",
            "503/0001/IMTA/DPMPTSP/2026",
            b"",
        )
        assert case.due_at == datetime.fromisoformat("2026-12-02T19:00:00+08:00")
        assert sorted(set(names)) == [
            "Bukti tanda terima berkas", "Bukti tanda terima surat izin", "Checklist persyaratan",
            "Draf izin perpanjangan IMTA", "Formulir permohonan izin perpanjangan IMTA",
            "Hak dan kewajiban pemegang izin", "Izin perpanjangan IMTA", "Kuesioner survei kepuasan",
            "Lembar pengendali proses", "Rekomendasi teknis", "Sampul map penyerahan",
            "Surat izin untuk ditandatangani", "Surat pengembalian berkas",
        ]  # fmt: skip
        proof = audit.frames(ctx, case)
    assert proof.all_findings == []
    assert len(proof.frames) == case.seq


def test_a_receipt_whose_number_was_struck_out_is_issued_anew(office: Office) -> None:
    """Step 5 is done again: the next number, a receipt that bears it, and H as it was."""
    case_id = play.apply(office)
    for _ in range(3):
        play.step(office, case_id)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        began, register = case.clock_at, "Agenda tanda terima IMTA"
        entry = ctx.session.scalars(select(RegisterEntry).where(RegisterEntry.register == register)).one()
    with office.work() as ctx:
        registrar = office.actor(ctx, office.officers["Loket Pendaftaran"])
        cases.void_number(ctx, registrar, register, entry.year, entry.number, "Tertukar dengan berkas lain.")
    office.later(days=1)
    play.step(office, case_id, "Perlu tanda terima baru")
    play.step(office, case_id)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert case.data["nomor_berkas"] == entry.text.replace("0001/", "0002/")
        assert (case.clock_at, play.waiting(ctx, case_id)[0].step) == (began, "verifikasi_persyaratan")
        receipts = ctx.session.scalars(
            select(Paper.seq).where(Paper.case_id == case_id, Paper.name == "Bukti tanda terima berkas")
        )
        assert len(set(receipts)) == 2
    play.finish(office, case_id)
    with office.look() as ctx:
        assert audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings == []


def test_forms_of_the_service_are_printed_filled(office: Office) -> None:
    """The applicant's own ones; what is internal, and what others filled in, only for officials."""
    case_id = play.apply(office)
    for _ in range(3):
        play.step(office, case_id)
    applicant, officer, stranger = (office.client(name) for name in ("pemohon", office.counter, "pemohon2"))
    page = f"/permohonan/{case_id}"
    own = ["formulir-permohonan.docx", "surat-kuasa-penandatanganan.docx", "surat-kuasa-pengurusan.docx"]
    offered = [re.findall(r"/formulir/([\w.-]+)", client.get(page).text) for client in (applicant, officer)]
    assert (sorted(offered[0]), sorted(offered[1])) == (own, sorted([*own, "daftar-periksa.docx", "draf-izin.docx"]))
    for template in own:
        said = words(applicant.get(f"{page}/formulir/{template}").data)
        assert "PT Mahakam Sawit Lestari" in said
    assert "Jelas dan terbaca" in words(officer.get(f"{page}/formulir/daftar-periksa.docx").data)
    refused = [(applicant, "daftar-periksa.docx"), (officer, "izin.docx"), (stranger, own[0]), (officer, "tiada.docx")]
    assert [client.get(f"{page}/formulir/{template}").status_code for client, template in refused] == [404] * 4


def test_an_extension_begins_with_the_old_permit_and_leaves_out_what_must_be_new(office: Office) -> None:
    old = play.apply(office)
    play.finish(office, old)
    with office.work() as ctx:
        before = cases.data_of(ctx, ctx.session.get_one(Case, old))
        new = cases.extend(ctx, office.actor(ctx, "pemohon"), old)
        [task] = cases.open_tasks(ctx, new)
        draft = dict(task.draft or {})
    lasts = before["izin"]
    assert draft.pop("imta_lama") == {
        "nomor": before["nomor_izin"], "tanggal": lasts["tanggal"], "berlaku_sampai": lasts["berlaku_sampai"],
    }  # fmt: skip
    assert draft.pop("perpanjangan_ke") == before["perpanjangan_ke"] + 1
    kept = ("pemohon", "pemberi_kerja", "tka", "paspor", "kitas", "lokasi_kerja", "rptka", "pendamping")
    assert draft == {key: before[key] for key in kept}  # not the levy, the uploads, nor what officers filled in
