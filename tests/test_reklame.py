"""The billboard permit: an SOP with a fee in between, a condition, a refusal and a lapse; in files alone."""

from __future__ import annotations

import io
import zipfile

import pytest
from lxml import etree

from app import audit, cases, checks, files, messages, worker
from app.models import Case
from tests import play
from tests.conftest import Office
from tests.sops import BUNDLES, needs

SOP = "izin-reklame"
pytestmark = needs(SOP)
one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)

STEPS = """
1 Pemohon: Ajukan permohonan
2 Loket Pelayanan: Periksa kelengkapan berkas; Lengkap > 3; Ganti dengan permohonan baru > permohonan_baru; Belum lengkap < 1
3 Loket Pelayanan: Daftarkan, beri tanda terima
4 Verifikator: Verifikasi data dan zona; Dapat diproses > 6; Usulkan penolakan > 15; Perlu perbaikan < 1
5 Dinas PUPR: Telaah konstruksi dan titik; Direkomendasikan > 6; Tidak direkomendasikan < 4
6 Tim Pemeriksa: Periksa lapangan, susun berita acara; Layak > 7; Belum layak < 4
7 Penetapan Pajak: Tetapkan pajak, terbitkan SKPD
8 Pemohon: Bayar pajak, unggah bukti
9 Bendahara: Periksa pembayaran; Lunas > 10; Belum sesuai < 8
10 Verifikator: Susun draf izin
11 Kabid: Periksa dan paraf draf izin; Sesuai, diparaf > 12; Perbaiki draf < 10
12 Kepala: Tanda tangani izin; Ditandatangani > 13; Kembalikan ke Kabid < 11
13 TU: Beri nomor, siapkan penyerahan
14 Pemohon: Terima izin, isi survei
15 Verifikator: Susun surat penolakan
16 Kepala: Tanda tangani penolakan; Ditandatangani > 17; Pertimbangkan kembali < 4
17 TU: Beri nomor, sampaikan penolakan
"""  # number, lane, step; each decision with > where it leads or < where it returns to


def walked(office: Office, seed: int, *labels: str) -> tuple[str, str, dict[str, str]]:
    """A case played with these decisions: its status, its steps by number, and the text of its papers by template."""
    case_id, wanted = play.apply(office), list(labels)
    numbers: list[str] = []
    steps = office.definitions()[SOP].steps
    while True:
        with office.look() as ctx:
            open_now = play.waiting(ctx, case_id)
            if not open_now:
                break
            numbers.append(steps[open_now[0].step].properties["nomor"])
            drawn = [way.label for way in cases.choices(ctx, open_now[0])]
        play.step(office, case_id, wanted.pop(0) if wanted and wanted[0] in drawn else "", seed=seed)
    assert wanted == []
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert audit.frames(ctx, case).whole
        papers = cases.documents(ctx, office.actor(ctx, "pemohon"), case)
        texts = {paper.template: words(files.read(office.settings.files, paper.sha256 or "")) for paper in papers}
        return case.status, " ".join(numbers), texts


def words(docx: bytes) -> str:
    tree = etree.fromstring(zipfile.ZipFile(io.BytesIO(docx)).read("word/document.xml"))
    return " ".join(" ".join(e.text or "" for e in tree.iter("{*}t")).split())


def test_the_table_of_the_sop() -> None:
    definition, findings = checks.check(BUNDLES[SOP])
    assert definition
    assert [f for f in findings if f.level != "info"] == []
    assert set(definition.facts) == {"reklame.luas", "lokasi.tanah", "nomor_berkas"}
    number = {step.id: step.properties["nomor"] for step in definition.steps.values()}
    drawn = []
    for step in sorted(definition.steps.values(), key=lambda step: int(number[step.id])):
        ways = [f"{c.label} {'<' if c.returns else '>'} {number.get(c.target, c.target)}" for c in step.choices]
        drawn.append("; ".join([f"{number[step.id]} {step.lane}: {step.name}", *ways]))
    assert drawn == STEPS.strip().splitlines()


@one_kind
@pytest.mark.parametrize(("seed", "way"), [(0, "4 5 6"), (5, "4 5 6"), (2, "4 6"), (3, "4 6")])
def test_large_or_on_public_land_needs_the_recommendation(office: Office, seed: int, way: str) -> None:
    assert walked(office, seed)[:2] == ("ended", f"1 2 3 {way} 7 8 9 10 11 12 13 14")


@one_kind
def test_returns_and_a_payment_returned_on_the_way_to_the_permit(office: Office) -> None:
    status, steps, papers = walked(office, 0, "Perlu perbaikan", "Belum sesuai", "Kembalikan ke Kabid")
    assert (status, steps) == ("ended", "1 2 3 4 1 2 4 5 6 7 8 9 8 9 10 11 12 11 12 13 14")
    assert "perlu diperbaiki" in papers["surat-perbaikan.docx"]
    for paper in ("skpd.docx", "izin.docx"):
        assert "sembilan juta enam ratus ribu rupiah" in papers[paper]
    assert "NOMOR: 503/0001/RKL/DPMPTSP/2026" in papers["izin.docx"]
    assert "selama 1 (satu) tahun" in papers["izin.docx"]


@one_kind
def test_refused_with_its_letter(office: Office) -> None:
    labels = ("Belum layak", "Usulkan penolakan", "Pertimbangkan kembali", "Usulkan penolakan")
    status, steps, papers = walked(office, 2, *labels)
    assert (status, steps) == ("refused", "1 2 3 4 6 4 15 16 4 15 16 17")
    assert "503/001/TOLAK-RKL/DPMPTSP/2026" in papers["surat-penolakan.docx"]
    assert "DITOLAK dengan alasan: 1. Titik reklame" in papers["surat-penolakan.docx"]


@one_kind
def test_unpaid_lapses(office: Office) -> None:
    case_id = play.apply(office)
    for _ in range(6):
        play.step(office, case_id, seed=2)
    for days, status in ((29, "open"), (2, "lapsed")):
        office.later(days=days)
        with office.work() as ctx:
            case = ctx.session.get_one(Case, case_id)
            cases.fire_due(ctx, case)
            assert case.status == status


def test_unpaid_is_reminded_once_before_it_lapses(office: Office) -> None:
    """Fourteen days after the tax was set, whatever the worker missed, and no more when it has been paid."""
    with office.work() as ctx:
        applicant = office.person(ctx, "pemohon")
        applicant.email, applicant.email_verified_at = "pemohon@contoh.id", ctx.now
    paid, unpaid = play.apply(office), play.apply(office)
    for case_id, steps in ((paid, 7), (unpaid, 6)):
        for _ in range(steps):
            play.step(office, case_id, seed=2)
    told = []
    for hours in (13 * 24, 23, 2, 2, 5 * 24, 12 * 24):
        office.later(hours=hours)
        worker.once(office.settings, office.db.reading, office.db.writing)
        with office.look() as ctx:
            told.append([m.template for m in messages.of_case(ctx, unpaid)].count("ingatkan-bayar.txt"))
    assert told == [0, 0, 1, 1, 1, 1]
    office.later(minutes=5)
    worker.once(office.settings, office.db.reading, office.db.writing)
    with office.look() as ctx:
        kept = messages.of_case(ctx, unpaid)
        assert [m.template for m in kept][-2:] == ["ingatkan-bayar.txt", "gugur.txt"]
        assert "Rp" in kept[-2].text
        assert {m.template for m in messages.of_case(ctx, paid)} & {"ingatkan-bayar.txt", "gugur.txt"} == set()
        assert [audit.frames(ctx, ctx.session.get_one(Case, c)).whole for c in (paid, unpaid)] == [True, True]
