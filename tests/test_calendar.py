"""The office's own calendar: edited on its page and by command, with a reason and its decree; and time in words."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import lxml.html
import pytest
from sqlalchemy import select

from app import cases, cli, journal, revisions, worker
from app.models import CalendarChange, Case, ClosedDay
from app.web import timeline
from tests.conftest import Office
from tests.test_limits import at, begun, close, draw_sop, go, row, tick

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
PAGE = "/pengelola/kalender"
GOOD = {"hari": "2026-11-30", "keadaan": "tutup", "alasan": "Pemilihan  umum", "acuan": "Keppres 12/2026"}


def own(office: Office) -> list[tuple[date, bool, str, str]]:
    with office.look() as ctx:
        return [(d.day, d.closed, d.reason, d.reference) for d in ctx.session.scalars(select(ClosedDay))]


def said(html: str) -> str:
    return " ".join(lxml.html.fromstring(html).text_content().split())


def test_a_day_is_closed_changed_and_given_back(office: Office) -> None:
    client = office.client("pemilik")
    answer = client.post(PAGE, data=GOOD, follow_redirects=True)
    assert "Senin, 30 November 2026 tersimpan" in answer.text
    assert own(office) == [(date(2026, 11, 30), True, "Pemilihan umum", "Keppres 12/2026")]
    assert "memang sudah begitu" in client.post(PAGE, data=GOOD, follow_redirects=True).text
    prefilled = lxml.html.fromstring(client.get(f"{PAGE}?hari=2026-11-30").text)
    assert prefilled.xpath("//input[@name='alasan']/@value") == ["Pemilihan umum"]
    client.post(PAGE, data={**GOOD, "keadaan": "buka", "hari": "2026-12-05"})
    client.post(PAGE, data={**GOOD, "keadaan": "nasional"})
    assert [day for day, *_ in own(office)] == [date(2026, 12, 5)]
    page = said(client.get(PAGE).text)
    assert "Sabtu, 5 Desember 2026: buka" in page
    assert "30 November 2026 kembali ke kalender nasional" in page
    with office.look() as ctx:
        edits = [(c.id, c.closed) for c in ctx.session.scalars(select(CalendarChange))]
    assert edits == [(1, True), (2, False), (3, None)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"hari": "2026-02-30"}, "Tulis tanggal yang ada"),
        ({"hari": "1999-02-03"}, "Tulis hari antara tahun 2025 dan 2036"),
        ({"hari": ""}, "Tulis tanggal yang ada"),
        ({"keadaan": "entah"}, "Pilih salah satu"),
        ({"alasan": "  "}, "Tulis alasannya"),
        ({"acuan": ""}, "Tulis dasar hukumnya"),
        ({"alasan": "x" * 301}, "Paling panjang 300 huruf"),
        ({"keadaan": "nasional"}, "memang mengikuti kalender nasional"),
    ],
)
def test_what_cannot_be_saved_is_kept_and_said(office: Office, wrong: dict[str, str], words: str) -> None:
    answer = office.client("pemilik").post(PAGE, data={**GOOD, **wrong})
    assert (answer.status_code, own(office)) == (422, [])
    page = lxml.html.fromstring(answer.text)
    assert words in said(answer.text)
    kept = {name: page.xpath(f"//input[@name='{name}' and @type!='radio']/@value")[0] for name in ("alasan", "acuan")}
    assert kept == {name: {**GOOD, **wrong}[name] for name in kept}


def test_it_is_for_administrators(office: Office) -> None:
    for name in ("pemohon", "auditor", office.elsewhere):
        client = office.client(name)
        assert (client.get(PAGE).status_code, client.post(PAGE, data=GOOD).status_code) == (403, 403)
    assert own(office) == []


@pytest.mark.parametrize(
    ("query", "year"), [("", 2026), ("?tahun=2027", 2027), ("?tahun=1", 2026), ("?tahun=9999", 2036), ("?hari=2025-08-18", 2025)]
)  # fmt: skip
def test_years(office: Office, query: str, year: int) -> None:
    page = said(office.client("pemilik").get(PAGE + query).text)
    assert f"Kalender kantor {year}" in page
    assert ("masih perkiraan" in page) == (year > 2026)


def test_the_page_tells_how_far_reckoning_is(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    for _ in range(3):
        begun(office)
    client = office.client("pemilik")
    assert "0 dari 3 permohonan dihitung ulang" in said(client.post(PAGE, data=GOOD, follow_redirects=True).text)
    left = iter([False, True])
    worker.once(office.settings, office.db.reading, office.db.writing, lambda: next(left, True))
    assert "1 dari 3 permohonan dihitung ulang" in said(client.get(PAGE).text)
    tick(office)
    assert "Semua permohonan yang berjalan (3) sudah dihitung" in said(client.get(PAGE).text)


def test_commands(office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (
        ("DATABASE_URL", office.db.url), ("FILES", str(office.settings.files)), ("SECRET_KEY", "x"),
        ("NOW", office.now.isoformat()),
    ):  # fmt: skip
        monkeypatch.setenv(f"ALUR_{name}", value)

    def alur(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["alur", "calendar", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (int(left.value.code or 0), *capsys.readouterr())

    why = ("--reason", "Banjir", "--reference", "SE 4/2026")
    assert alur("close", "2026-11-24", *why) == (0, "", "")
    assert alur("open", "2026-12-05", *why) == (0, "", "")
    assert alur("open", "2026-12-05", *why) == (0, "", "2026-12-05 memang sudah begitu.\n")
    assert alur("list")[1].splitlines()[-4:] == [
        "2026-11-24: tutup, Banjir (SE 4/2026)",
        "2026-12-05: buka, Banjir (SE 4/2026)",
        "2026-12-24: libur, Cuti Bersama Hari Raya Natal",
        "2026-12-25: libur, Hari Raya Natal",
    ]
    assert alur("due", "2026-11-23", "--days", "1") == (0, "2026-11-25\n2026-11-24: libur, Banjir (SE 4/2026)\n", "")
    assert alur("reset", "2026-11-24", *why) == (0, "", "")
    assert alur("close", "2026-11-24", "--reason", " ", "--reference", "x")[0] == 1
    assert alur("close", "2026-11-24", "--reason", "x")[0] == 2
    assert [day for day, *_ in own(office)] == [date(2026, 12, 5)]


# time in words


def line(office: Office, case_id: int) -> tuple[str, str]:
    with office.look() as ctx, office.app.test_request_context():
        case = cases.case_for(ctx, office.actor(ctx, "auditor"), case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        told = timeline.told(case, loaded, journal.entries(ctx, case_id))
        return told.text, told.standing


@pytest.mark.parametrize(
    ("length", "steps", "now", "text"),
    [
        ("5 kerja", [], "23 10.30", "Terpakai 30 menit · sisa 5 hari kerja"),
        ("5 kerja", [], "25 10.30", "Terpakai 2 hari kerja · sisa 3 hari kerja"),
        ("5 kerja", [], "30 10.30", "Terpakai 5 hari kerja · sisa 5 jam 30 menit"),
        ("5 kerja", [], "30 17.30", "Terpakai 5 hari kerja · batas waktu sudah lewat"),
        ("5 kerja", [], "12-02 10.00", "Terpakai 7 hari kerja · lewat 2 hari kerja"),
        ("5 kalender", [], "25 10.30", "Terpakai 2 hari kalender · sisa 3 hari kalender"),
        ("", [], "25 10.30", "Terpakai 2 hari kerja"),
        ("5 kerja", [("24 09.00", "Kembalikan")], "27 09.00", "Terpakai 1 hari kerja · jeda 3 hari kerja · sisa 4 hari kerja"),
        (
            "5 kerja", [("24 09.00", "Kembalikan"), ("26 09.00", "")], "27 09.00",
            "Terpakai 2 hari kerja · jeda 2 hari kerja · sisa 3 hari kerja",
        ),
        ("5 kerja", [("24 09.00", "Terima"), ("25 09.00", "")], "12-20 09.00", "Terpakai 2 hari kerja"),
    ],
)  # fmt: skip
def test_time_as_one_line(
    office: Office, tmp_path: Path, length: str, steps: list[tuple[str, str]], now: str, text: str
) -> None:
    draw_sop(office, tmp_path, length)
    case_id = begun(office)
    for moment, label in steps:
        go(office, case_id, moment, label)
    office.at(at(now))
    told, standing = line(office, case_id)
    stands = steps[-1:] == [("24 09.00", "Kembalikan")]
    assert (told, standing) == (
        text, "Jam berhenti sejak Selasa, 24 November 2026, 09.00 WITA karena menunggu pemohon." if stands else ""
    )  # fmt: skip


def test_pages_say_it(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    go(office, case_id, "24 09.00", "Kembalikan")
    office.at(at("25 09.00"))
    applicant = office.client("pemohon")
    for path in (f"/permohonan/{case_id}", "/permohonan"):
        assert "Jam berhenti sejak Selasa, 24 November 2026, 09.00 WITA" in said(applicant.get(path).text)
    go(office, case_id, "26 09.00")
    go(office, case_id, "26 09.00")
    close(office, "2026-11-30")
    tick(office)
    tick(office, "12-08 09.00")
    page = said(office.client("auditor").get(f"/permohonan/{case_id}").text)
    for words in (
        "Batas waktu permohonan terlampaui", "Batas waktu langkah “Periksa” terlampaui", "Mengapa jatuh tempo",
        "Jeda 2 hari kerja: 24–26 November 2026, menunggu pemohon: “Isi”",
        "Kalender kantor berubah: jatuh tempo dari 2 Desember 2026 menjadi 3 Desember 2026",
    ):  # fmt: skip
        assert words in page, words
    go(office, case_id, "12-08 10.00", "Terima")
    sheet = said(office.client("auditor").get(f"/permohonan/{case_id}/lembar-kendali").text)
    assert "lewat batas waktu" in sheet
    row(office, case_id)


def test_the_control_sheet_counts_service_hours(office: Office, tmp_path: Path) -> None:
    from app import papers

    draw_sop(office, tmp_path)
    case_id = begun(office, "27 15.30")
    close(office, "2026-11-30")
    go(office, case_id, "12-01 08.30", "Terima")
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        rows = papers.sheet(ctx, loaded, journal.entries(ctx, case_id))
        frozen = papers.frozen(ctx, case)
        told = papers.context(ctx, loaded, journal.entries(ctx, case_id), frozen)
    assert [r["menit"] for r in rows if r["langkah"] == "Periksa"] == [60]
    assert frozen["kalender"] == {"2026-11-30": (True, "Cuti bersama (SKB 3 Menteri)")}
    close(office, "2026-11-30", None)
    with office.look() as ctx:
        again = papers.context(
            ctx, loaded, journal.entries(ctx, case_id), {**frozen, "kalender": {"2026-11-30": [True, "x"]}}
        )
    assert told == again
