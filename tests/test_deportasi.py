"""The deportation SOP: its table, two sections that draft at the same time, and what its papers say in the end."""

from __future__ import annotations

import io
import re
import zipfile
from functools import partial

import pytest
from sqlalchemy import select

from app import audit, cases, demo, files, forms, papers
from app.models import Case, Document
from tests import play
from tests.conftest import Office
from tests.sops import needs

SOP = "deportasi-deteni"
pytestmark = [needs(SOP), pytest.mark.parametrize("kind", ["sqlite"], indirect=True)]
REGISTRY, HEALTH, GUARDS = (
    "Seksi Registrasi, Administrasi, dan Pelaporan", "Seksi Perawatan dan Kesehatan", "Seksi Keamanan dan Ketertiban",
)  # fmt: skip
OFFICE, HEAD = "Subbagian Tata Usaha", "Kepala Rudenim"
STEPS = [  # number, lane, step, where its decisions lead (a return is marked)
    ("1", REGISTRY, "Usulkan pendeportasian", []),
    ("2", HEALTH, "Periksa kesehatan deteni", []),
    ("3", HEAD, "Pimpin rapat pendeportasian",
     [("Disetujui", "4"), ("Tidak disetujui", "tidak_dideportasi"), ("Lengkapi usulan", "1 kembali")]),
    ("4", REGISTRY, "Susun konsep keputusan", []),
    ("5", GUARDS, "Susun konsep perintah", []),
    ("6", HEAD, "Periksa dan tanda tangani",
     [("Ditandatangani", "7"), ("Perbaiki konsep", "4 kembali"), ("Perbaiki usulan", "1 kembali")]),
    ("7", OFFICE, "Beri nomor dan cap", []),
    ("8", REGISTRY, "Serahkan deteni ke pengawal", []),
    ("9", GUARDS, "Kawal deteni sampai TPI", []),
    ("10", GUARDS, "Susun laporan pelaksanaan", []),
    ("11", HEAD, "Periksa laporan pelaksanaan", [("Diterima", "12"), ("Perbaiki laporan", "10 kembali")]),
    ("12", OFFICE, "Arsipkan berkas", []),
]  # fmt: skip


def test_steps_are_those_of_the_sop(office: Office) -> None:
    definition = office.definition
    number = {step.id: step.properties["nomor"] for step in definition.steps.values()}
    drawn = [
        (number[step.id], step.lane, step.name,
         [(c.label, number.get(c.target, c.target) + " kembali" * c.returns) for c in step.choices])
        for step in definition.steps.values()
    ]  # fmt: skip
    assert sorted(drawn, key=lambda row: int(row[0])) == STEPS
    assert (definition.facts, [s.lane for s in definition.starts]) == (("pengawalan.hasil",), [REGISTRY])


def done(office: Office, case_id: int, number: str, label: str = "", **typed: object) -> list[str]:
    """Completes the step of this number as its lane does; the numbers of the steps then open."""
    office.later(minutes=20)
    steps = office.definition.steps
    with office.work() as ctx:
        task = next(t for t in play.waiting(ctx, case_id) if steps[t.step].properties["nomor"] == number)
        choice = next((way.id for way in cases.choices(ctx, task) if way.label == label), None)
        actor = office.actor(ctx, office.officers[task.lane.name])
        form, today = cases.form_of(ctx, task), ctx.now.date()
        sent = partial(demo.sample_upload, ctx, actor.person)
        answers = forms.merge(forms.sample(form, 1, sent, today), typed) if form else {}
        cases.complete(ctx, actor, task.id, answers, choice, demo.REASON)
    with office.work() as ctx:
        assert all(papers.fill(ctx, document) for document in papers.waiting(ctx))
    with office.look() as ctx:
        return sorted((steps[t.step].properties["nomor"] for t in play.waiting(ctx, case_id)), key=int)


@pytest.mark.parametrize("first", ["4", "5"])
def test_two_drafts_one_signature_and_what_the_papers_say(office: Office, first: str) -> None:
    second = {"4": "5", "5": "4"}[first]
    case_id = play.apply(office)
    assert [done(office, case_id, n) for n in ("1", "2")] == [["2"], ["3"]]
    assert done(office, case_id, "3", "Disetujui") == ["4", "5"]
    assert done(office, case_id, first) == [second]
    assert done(office, case_id, second) == ["6"]
    assert done(office, case_id, "6", "Perbaiki konsep") == ["4", "5"]
    assert done(office, case_id, second) == [first]
    assert done(office, case_id, first) == ["6"]
    assert done(office, case_id, "6", "Ditandatangani") == ["7"]
    assert [done(office, case_id, n) for n in ("7", "8")] == [["8"], ["9"]]
    assert done(office, case_id, "9", pengawalan={"hasil": "batal", "sebab": "Penerbangan batal."}) == ["8"]
    assert done(office, case_id, "8", jadwal_pengganti={"tanggal": "2026-12-01", "nomor_perjalanan": "QR955"}) == ["9"]
    assert [done(office, case_id, n) for n in ("9", "10")] == [["10"], ["11"]]
    assert done(office, case_id, "11", "Diterima") == ["12"]
    assert done(office, case_id, "12") == []
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.status, audit.frames(ctx, case).all_findings) == ("ended", [])
        query = select(Document).where(Document.case_id == case_id).order_by(Document.id)
        texts = {d.name: _words(files.read(office.settings.files, d.sha256 or "")) for d in ctx.session.scalars(query)}
    assert "KONSEP – BELUM BERLAKU" in texts["Konsep keputusan deportasi"]
    final = texts["Keputusan deportasi"]
    assert ("NOMOR: 001/KEP-DEP/RDI-BPN/XI/2026" in final, "KONSEP" in final) == (True, False)
    assert "Tran Van Minh alias Minh Tran" in final
    assert "nomor 001/KEP-DEP/RDI-BPN/XI/2026 tanggal 23 November 2026" in texts["Surat perintah pengawalan"]
    assert "nomor QR955" in texts["Berita acara pengeluaran deteni"]
    assert "6. Periksa dan tanda tangani (putaran 2)" in texts["Lembar pengendali proses"]


def _words(docx: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(docx)) as archive:
        parts = [n for n in archive.namelist() if re.match(r"word/(document|header\d*)\.xml", n)]
        return " ".join(re.sub(r"<[^>]+>", "", archive.read(n).decode()) for n in parts)
