"""The books that registers are: what stands in them, for whom, found, printed and as a spreadsheet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import openpyxl
import pytest
from sqlalchemy import delete, select

from app import books, registers, workbook
from app.models import Access, Case, EventValues, Person
from tests import play
from tests.conftest import Office
from tests.test_registers import PATTERN, did, installed, outage, voids

FORMULA = '=HYPERLINK("http://x.id","x")'
BOOK = "Izin | lahir = Lahir | jumlah = Jumlah | jenis = Jenis | izin.nomor = Nomornya"
AT = "/register/buku?nama=Izin"


@pytest.fixture
def kept(office: Office) -> Office:
    """Three cases with numbers, of which the second is struck out, and two numbers set aside."""
    installed(office, buku=BOOK)
    answers = [{"nama": FORMULA, "lahir": "1990-02-01", "jumlah": 1234.5, "jenis": "b"}, {"nama": "<b>Ani</b>"}, {}]
    for typed in answers:
        did(office, play.apply(office, sop="izin"), "isi", "nomori", **typed)
    voids(office, 2, "Salah & tertukar")
    with office.work() as ctx:
        registers.reserve(ctx, "Izin", PATTERN, 2, outage(office, ctx))
    return office


def rows(office: Office, sops: tuple[str, ...] | None = None, **asked: Any) -> list[int]:
    with office.look() as ctx:
        return [row.number for row in books.page(ctx, books.drawn(ctx, None)["Izin"], 2026, sops, **asked).rows]


def test_what_stands_in_a_book(kept: Office) -> None:
    with kept.look() as ctx:
        book = books.drawn(ctx, ["izin"])["Izin"]
        found = books.page(ctx, book, 2026, ["izin"]).rows
        told = [
            (r.number, r.text[4:8], r.applicant, r.subject, r.by, [cell.text for cell in r.more], r.void and r.void.reason,
             r.reserved) for r in found
        ]  # fmt: skip
        assert books.totals(ctx, ["Izin"]) == {("Izin", 2026): books.Totals(5, 1, 2)}
    who = ("Andi Pratama", "Bu penomor")
    assert told == [
        (5, "0005", "", "", "", [""] * 4, None, True),
        (4, "0004", "", "", "", [""] * 4, None, True),
        (3, "0003", who[0], "Budi", who[1], ["", "", "", "503/0003/UJI/XI/2026"], None, False),
        (2, "0002", who[0], "<b>Ani</b>", who[1], ["", "", "", "503/0002/UJI/XI/2026"], "Salah & tertukar", False),
        (1, "0001", who[0], FORMULA, who[1],
         ["1 Februari 1990", "1.234,5", "Baru", "503/0001/UJI/XI/2026"], None, False),
    ]  # fmt: skip


FOUND = {
    "3": [3],
    "0003": [3],
    "503/0002": [2],
    "503/0001/UJI/XI/2026": [1],
    "uji/xi": [3, 2, 1],  # no number in it: words that find a case
    "2026": [3, 2, 1],  # a number, and none of theirs
    "budi": [3],
    "ANDI pratama": [3, 2, 1],
    "andi ani": [2],
    "tidak ada": [],
    "%": [],
    "99999999999999999999": [],
}


@pytest.mark.parametrize(("q", "expected"), FOUND.items())
def test_what_is_found(q: str, expected: list[int], kept: Office) -> None:
    assert rows(kept, ("izin",), q=q) == expected


def test_a_book_is_read_page_by_page(kept: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with kept.look() as ctx:
        book = books.drawn(ctx, None)["Izin"]
        pages = [books.page(ctx, book, 2026, None, before=before, limit=2) for before in (None, 4, 2)]
        assert [([r.number for r in page.rows], page.next) for page in pages] == [([5, 4], 4), ([3, 2], 2), ([1], None)]
        assert [r.number for r in books.run(ctx, book, 2026, None, 2, 3)] == [2, 3, 4]
        monkeypatch.setattr(books, "AT_ONCE", 2)
        assert [r.number for r in books.run(ctx, book, 2026, None, 1, 1000)] == [1, 2, 3, 4, 5]
        monkeypatch.setattr(books, "REACH", 2)
        found = [books.page(ctx, book, 2026, None, q="andi", before=before) for before in (None, 4, 2)]
        assert [([r.number for r in page.rows], page.next, page.reached) for page in found] == [
            ([], 4, True), ([3, 2], 2, True), ([1], None, False),
        ]  # fmt: skip


def test_a_book_that_two_sops_share(kept: Office) -> None:
    """Its numbers run through both; whoever serves one of them is not told of whom the other's are."""
    from tests.test_registers import shared

    shared(kept)
    did(kept, play.apply(kept, sop="izin"), "isi", "nomori")
    with kept.look() as ctx:
        book = books.drawn(ctx, ["lain"])["Izin"]
        told = [(r.number, r.applicant, r.by, r.elsewhere) for r in books.page(ctx, book, 2026, ["lain"]).rows]
        assert (book.titles, book.columns) == ({"lain": "Lain"}, ())
        assert told[:4] == [(6, "", "", True), (5, "", "", False), (4, "", "", False), (3, "", "", True)]
        assert books.page(ctx, book, 2026, ["lain"], q="andi").rows == ()
        assert [r.void.reason for r in books.page(ctx, book, 2026, ["lain"]).rows if r.void] == [""]
        assert [r.void.reason for r in books.page(ctx, book, 2026, None).rows if r.void] == ["Salah & tertukar"]


WHO = {
    "penomor": (200, 200), "direktur": (200, 200), "auditor": (200, 200), "pemilik": (200, 200), "LOKET": (200, 404),
    "pemohon": (403, 403), "luar": (403, 403), None: (302, 302),
}  # fmt: skip


def test_for_whom_books_lie_open(kept: Office) -> None:
    def asked(name: str | None, path: str) -> int:
        return kept.client(kept.counter if name == "LOKET" else name).get(path).status_code

    sheets = ("/register/cetak?nama=Izin", "/register/buku.xlsx?nama=Izin")
    assert {name: (asked(name, "/register"), asked(name, AT)) for name in WHO} == WHO
    assert [[asked(name, path) for path in sheets] for name in ("penomor", "LOKET", "pemohon")] == [
        [200, 200], [404, 404], [403, 403],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404), ("?nama=", 404), ("?nama=Lain", 404), ("?nama=Izin&tahun=2025", 404), ("?nama=Izin&tahun=2026", 200),
        ("?nama=Izin&tahun=x", 200), ("?nama=Izin&sebelum=99999999999999999999999", 200), ("?nama=Izin&sebelum=-1", 200),
        ("?nama=Izin&sebelum=1", 200), ("?nama=Izin&sebelum=²", 200), ("?nama=Izin&cari=%00", 404),
        ("?nama=Izin&cari=" + "9" * 400, 200), ("?nama=Izin&dari=99999999999999999999", 200), ("?nama=Izin&dari=x", 200),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_odd_addresses(query: str, status: int, kept: Office) -> None:
    client = kept.client("penomor")
    paths = ("/register/buku", "/register/cetak", "/register/buku.xlsx")
    assert [client.get(path + query).status_code for path in paths] == [status] * 3


def clock(*parts: int) -> datetime:
    """A time as a spreadsheet has it: what a clock shows, of no zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type]


def read(office: Office) -> list[tuple[str, str, int]]:
    with office.look() as ctx:
        rows = ctx.session.execute(
            select(Person.name, Access.detail, Access.case_id)
            .join(Person, Person.id == Access.person_id)
            .where(Access.what == "register")
            .order_by(Access.id)
        )
        return [(name, detail, case_id) for name, detail, case_id in rows]


@pytest.mark.parametrize("path", [AT, "/register/cetak?nama=Izin", "/register/buku.xlsx?nama=Izin"])
def test_whoever_reads_a_book_is_kept(path: str, kept: Office) -> None:
    with kept.look() as ctx:
        ids = list(ctx.session.scalars(select(Case.id).where(Case.sop == "izin").order_by(Case.id)))
    assert kept.client("auditor").get(path).status_code == 200
    assert sorted(read(kept)) == [("auditor", "Izin 2026", case_id) for case_id in ids]


def test_what_was_destroyed_stands_there_as_such(kept: Office) -> None:
    with kept.work() as ctx:
        case = ctx.session.scalars(select(Case).where(Case.subject == FORMULA)).one()
        ctx.session.execute(delete(EventValues).where(EventValues.case_id == case.id))
        case.destroyed_at, case.applicant_name, case.subject, case.search = ctx.now, "", "", ""
    with kept.look() as ctx:
        row = books.page(ctx, books.drawn(ctx, None)["Izin"], 2026, None).rows[-1]
    assert (row.text[4:8], row.applicant, row.subject, [cell.text for cell in row.more]) == (
        "0001", books.GONE, "", [books.GONE] * 3 + ["503/0001/UJI/XI/2026"],
    )  # fmt: skip
    assert "sudah dimusnahkan" in kept.client("penomor").get(AT).text


def test_as_a_spreadsheet(kept: Office) -> None:
    answer = kept.client("penomor").get("/register/buku.xlsx?nama=Izin")
    assert answer.headers["Cache-Control"] == "private, no-store"
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    assert (sheet.title, sheet.freeze_panes, sheet.print_title_rows, sheet.page_setup.orientation) == (
        "Izin 2026", "A2", "$1:$1", "landscape",
    )  # fmt: skip
    given = kept.now.astimezone(kept.settings.zone).replace(tzinfo=None)
    table = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert table[0] == ["No. urut", "Nomor", "Tanggal", "Permohonan", "Nama pemohon", "Perihal", "Lahir", "Jumlah", "Jenis",
                        "Nomornya", "Petugas", "Keterangan"]  # fmt: skip
    assert table[1][:2] + table[1][4:] == [
        1, "503/0001/UJI/XI/2026", "Andi Pratama", FORMULA, clock(1990, 2, 1), 1234.5, "Baru",
        "503/0001/UJI/XI/2026", "Bu penomor", None,
    ]  # fmt: skip
    assert table[2][11] == "Dibatalkan 23 November 2026 oleh Bu penomor: Salah & tertukar"
    assert table[5][0:3] == [5, "503/0005/UJI/XI/2026", given]
    assert (sheet["F2"].data_type, sheet["F2"].quotePrefix, sheet["G2"].number_format) == ("s", True, "dd-mm-yyyy")
    assert [bool(row[1].font.strike) for row in sheet.iter_rows(min_row=2)] == [False, True, False, False, False]
    part = kept.client("penomor").get("/register/buku.xlsx?nama=Izin&dari=4")
    assert openpyxl.load_workbook(io.BytesIO(part.data)).active.max_row == 3  # type: ignore[union-attr]


def test_whatever_is_written_stays_what_it_is() -> None:
    odd = ["=1+1", "+62", "-5", "@SUM(A1)", "\tx", "a\x00\x0bb", "x" * 40_000, "<&>", "\u202eabc", "😀", ""]
    values: list[workbook.Value] = [*odd, 5, 1.5, date(2026, 1, 2), clock(2026, 1, 2, 3, 4), None]

    def table() -> Iterator[tuple[list[workbook.Value], bool]]:
        yield values, False

    out = io.BytesIO()
    columns = [workbook.Column(str(n)) for n in range(len(values))]
    workbook.write(out, workbook.Sheet("Buku [2026]: a/b & '", columns, table()))
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Buku  2026   a b &"]
    kept = [cell.value for cell in book.worksheets[0][2]]
    assert kept == [
        "=1+1", "+62", "-5", "@SUM(A1)", "\tx", "ab", "x" * workbook.LONGEST, "<&>", "\u202eabc", "😀", None,
        5, 1.5, clock(2026, 1, 2), clock(2026, 1, 2, 3, 4), None,
    ]  # fmt: skip
    assert {cell.data_type for cell in book.worksheets[0][2][:10]} == {"s"}


def words(html: str) -> str:
    return " ".join(unescape(html).split())


def test_pages_say_what_stands_there(kept: Office) -> None:
    client = kept.client("penomor")
    page = client.get(AT)
    assert "<b>Ani</b>" not in page.text
    assert (
        "<b>5</b> nomor diberikan pada tahun 2026, 1 di antaranya dibatalkan, 2 disisihkan dan belum dipakai."
        in words(page.text)
    )
    assert page.text.count("<del>") == 1
    assert page.text.count("Batalkan nomor<") == 4  # not of the one that is void
    assert "Batalkan nomor<" not in kept.client("direktur").get(AT).text
    assert "Belum ditemukan" not in client.get(AT + "&cari=zzz").text
    assert "Tidak ada yang cocok" in client.get(AT + "&cari=zzz").text
    listed = words(client.get("/register").text)
    assert "Izin</a>" in listed
    assert "5 nomor" in listed


def test_an_empty_book(office: Office) -> None:
    installed(office)
    page = office.client("penomor").get(AT)
    assert (page.status_code, "Buku ini belum berisi." in page.text) == (200, True)
    assert "Tidak ada nomor dari sana." in office.client("penomor").get("/register/cetak?nama=Izin").text


def test_years_are_books_of_their_own(kept: Office) -> None:
    kept.at(kept.now + timedelta(days=60))
    did(kept, play.apply(kept, sop="izin"), "isi", "nomori")
    with kept.look() as ctx:
        assert books.years(ctx, "Izin") == [2027, 2026]
    client = kept.client("penomor")
    assert "503/0001/UJI/I/2027" in client.get(AT).text.replace("<wbr>", "")
    assert "503/0001/UJI/XI/2026" in client.get(AT + "&tahun=2026").text.replace("<wbr>", "")


def test_a_number_is_struck_out_on_its_page(kept: Office) -> None:
    client, where = kept.client("penomor"), "/register/batal"
    with kept.look() as ctx:
        case_id = ctx.session.scalars(select(Case.id).where(Case.subject == "Budi")).one()
    assert "Batalkan nomor ini" in client.get(f"/permohonan/{case_id}").text
    asked = client.get(f"{where}?nama=Izin&tahun=2026&nomor=3")
    assert (asked.status_code, "<b>Beri nomor</b>" in asked.text) == (200, True)
    named = {"nama": "Izin", "tahun": "2026", "nomor": "3"}
    refused = client.post(where, data={**named, "alasan": " "})
    assert (refused.status_code, "Tulis alasan pembatalan." in refused.text) == (422, True)
    long = client.post(where, data={**named, "alasan": "panjang " * 60})
    assert (long.status_code, "paling panjang 300 huruf" in long.text, "panjang panjang" in long.text) == (
        422,
        True,
        True,
    )
    done = client.post(where, data={**named, "alasan": "Salah <map>"})
    assert (done.status_code, done.location) == (303, f"/permohonan/{case_id}")
    page = words(client.get(f"/permohonan/{case_id}").text)
    assert "Membatalkan nomor 503/0003/UJI/XI/2026 pada Izin" in page
    assert "<del>503/0003/UJI/XI/2026</del>" in page
    assert "Batalkan nomor ini" not in page
    theirs = words(kept.client("pemohon").get(f"/permohonan/{case_id}").text)
    assert "Salah <map>" in theirs
    statuses = {
        name: kept.client(name).post(where, data={**named, "nomor": number, "alasan": "Salah"}).status_code
        for name, number in {"penomor": "3", "direktur": "1", "pemohon": "1", "auditor": "4"}.items()
    }
    assert statuses == {"penomor": 409, "direktur": 403, "pemohon": 403, "auditor": 403}
    for odd in ("9", "x", "-1", "99999999999999999999", ""):
        assert client.post(where, data={**named, "nomor": odd, "alasan": "Salah"}).status_code == 404
    done = client.post(where, data={**named, "nomor": "4", "alasan": "Tidak terpakai"})
    assert done.location == "/register/buku?nama=Izin&tahun=2026"


def test_who_goes_on_is_told_of_a_number_that_no_longer_stands(kept: Office) -> None:
    with kept.look() as ctx:
        case_id = ctx.session.scalars(select(Case.id).where(Case.subject == "<b>Ani</b>")).one()
        task_id = play.waiting(ctx, case_id)[0].id
    said = "Nomor 503/0002/UJI/XI/2026 sudah dibatalkan, dan permohonan ini belum mendapat gantinya"
    client = kept.client("direktur")
    assert [said in client.get(path).text for path in (f"/tugas/{task_id}", f"/permohonan/{case_id}")] == [True, True]
    did(kept, case_id, "tanda", back=True)
    did(kept, case_id, "nomori")
    assert said not in client.get(f"/permohonan/{case_id}").text
    assert "503/0006/UJI/XI/2026" in client.get(f"/permohonan/{case_id}").text
