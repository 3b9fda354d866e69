"""Register: the books of numbers, to read, to print and as .xlsx; and numbers struck out."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import pgettext
from werkzeug.utils import secure_filename

from app import books, cases, journal, registers, revisions, wording, workbook
from app.books import Book, Row
from app.files import XLSX
from app.models import Case, RegisterEntry
from app.revisions import Loaded
from app.web import base, seen, shown

blueprint = Blueprint("registers", __name__)
PAGE, PRINTED, SAVED = 50, 1000, 10_000
IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Open:
    """A book that who asks may read, open at a year; `mine` where they may strike its numbers out."""

    book: Book
    year: int
    years: list[int]
    totals: books.Totals
    mine: bool


@dataclass(frozen=True)
class Number:
    """A number that a case was given, as its page lists it."""

    text: str
    register: str
    year: int
    entry: journal.Entry
    void: journal.Entry | None
    number: int | None  # by which it may be struck out by who looks


@blueprint.get("/register")
@base.signed_in
def daftar() -> ResponseReturnValue:
    """The books of the reader's SOPs, with how each stands this year."""
    ctx = base.context()
    drawn = books.drawn(ctx, _sops())
    return render_template(
        "registers/daftar.html",
        groups=books.by_sop(drawn),
        totals=books.totals(ctx, drawn),
        nothing=books.Totals(0, 0, 0),
        year=ctx.local().year,
    )


@blueprint.get("/register/buku")
@base.signed_in
def buku() -> ResponseReturnValue:
    """One book's year, a page at a time, the latest numbers first."""
    ctx, opened, q = base.context(), _opened(), request.args.get("cari", "").strip()[:100]
    before = _number("sebelum")
    page = books.page(ctx, opened.book, opened.year, _sops(), before=before, q=q, limit=PAGE)
    _keep(opened, page.rows)
    return render_template(
        "registers/buku.html", opened=opened, page=page, q=q, before=before, printed=PRINTED, saved=SAVED
    )


@blueprint.get("/register/cetak")
@base.signed_in
def cetak() -> ResponseReturnValue:
    """A book's year from some number on, in order, to be printed."""
    opened, first = _opened(), _number("dari") or 1
    rows = list(books.run(base.context(), opened.book, opened.year, _sops(), first, PRINTED))
    _keep(opened, rows)
    return render_template(
        "registers/cetak.html", opened=opened, rows=rows, first=first, next=first + PRINTED, printed=PRINTED
    )


@blueprint.get("/register/buku.xlsx")
@base.signed_in
def lembar() -> ResponseReturnValue:
    """The same as a spreadsheet."""
    opened, first = _opened(), _number("dari") or 1
    title = f"{opened.book.name} {opened.year}"
    read: list[Row] = []
    whole = io.BytesIO()
    workbook.write(whole, workbook.Sheet(title, _columns(opened.book), _values(opened, first, read)))
    whole.seek(0)
    _keep(opened, read)
    name = f"{secure_filename(title) or 'register'}.xlsx"
    answer = send_file(whole, mimetype=XLSX, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.get("/register/batal")
@base.staff
def batal() -> ResponseReturnValue:
    """Asks why a number is struck out, and says what that does."""
    return _ask(*_named())


@blueprint.post("/register/batal")
@base.staff
def batal_kirim() -> ResponseReturnValue:
    """Strikes a number out."""
    ctx, (entry, case) = base.context(), _named()
    reason = base.typed("alasan", 2 * registers.REASON)
    try:
        cases.void_number(ctx, base.actor(), *registers.key(entry), reason)
    except (cases.ReasonNeeded, cases.TooLarge) as refused:
        return _ask(entry, case, reason, refused.message), 422
    flash(_("Nomor %(number)s sudah dibatalkan.", number=entry.text))
    if case is not None:
        return redirect(url_for("cases.permohonan", case_id=case.id), 303)
    return redirect(url_for("registers.buku", nama=entry.register, tahun=entry.year), 303)


def numbers_of(case: Case, loaded: Loaded, entries: Sequence[journal.Entry]) -> list[Number]:
    """The numbers that a case was given, in order, each with how it was struck out where it was."""
    ctx = base.context()
    void = {(e.body["register"], e.body["text"]): e for e in entries if e.kind == "void"}
    found = []
    for entry in entries:
        for line in registers.numberings(loaded.property_of(entry.step, "register")):
            text = entry.body.get("numbers", {}).get(line.key)
            if text is None:
                continue
            struck = void.get((line.register, text))
            over = case.status == "ended" or case.destroyed_at is not None
            able = struck is None and not over and _may(loaded, line.register)
            row = registers.find(ctx, line.register, text, case.id) if able else None
            year, number = (row.year, row.number) if row else (0, None)
            found.append(Number(text, line.register, year, entry, struck, number))
    return found


def still_void(loaded: Loaded, entries: Sequence[journal.Entry]) -> list[tuple[str, str]]:
    """The numbers that a case still bears although they were struck out, each with the step that gives the next one."""
    last: dict[str, tuple[str, str]] = {}  # by data key: the number, and who gave it
    for entry in entries:
        last |= {key: (text, entry.step) for key, text in entry.body.get("numbers", {}).items()}
    void = {e.body["text"] for e in entries if e.kind == "void"}
    names = loaded.definition.names
    return [(text, names.get(step) or step) for text, step in last.values() if text in void]


# -- how it is done ---------------------------------------------------------------------------------------------------


def _sops() -> Collection[str] | None:
    """The SOPs whose books who asks may read; None is all. 403 for whoever has to do with none."""
    sops = books.sees(base.actor())
    if sops is not None and not sops:
        abort(403)
    return sops


def _opened() -> Open:
    """The book that the address names, at its year. 404 for one that is not there, or not for who asks."""
    ctx, name = base.context(), request.args.get("nama", "")
    book = books.drawn(ctx, _sops()).get(name) or abort(404)
    years = books.years(ctx, name) or [ctx.local().year]
    year = _number("tahun") or years[0]
    if year not in years:
        abort(404)
    totals = books.totals(ctx, [name]).get((name, year), books.Totals(0, 0, 0))
    return Open(book, year, years, totals, bool(book.lanes & base.actor().lanes))


def _number(name: str) -> int | None:
    given = request.args.get(name, "")[:20]
    return min(int(given), base.LARGEST_ID - 1) if given.isascii() and given.isdigit() else None


def _keep(opened: Open, rows: Sequence[Row]) -> None:
    """Keeps that who asks has read these rows."""
    seen.shown("register", [row.case for row in rows if row.case], f"{opened.book.name} {opened.year}")


def _may(loaded: Loaded, register: str) -> bool:
    lanes = {loaded.lanes.get(name) for name in revisions.numbering_lanes(loaded, register)}
    return bool(lanes & base.actor().lanes)


def _named() -> tuple[RegisterEntry, Case | None]:
    """The number that a form or an address names, which who asks may strike out. Raises NotFound, NotYours."""
    ctx, given = base.context(), request.values
    year, number = (int(given.get(n, "")) if given.get(n, "").isascii() and given.get(n, "").isdigit() else 0
                    for n in ("tahun", "nomor"))  # fmt: skip
    if max(year, number) >= base.LARGEST_ID:
        raise cases.NotFound()
    return cases.to_void(ctx, base.actor(), given.get("nama", ""), year, number)


def _ask(entry: RegisterEntry, case: Case | None, reason: str = "", fault: str = "") -> str:
    steps: list[str] = []
    if case is not None:
        seen.shown("register", [case], entry.text)
        loaded = revisions.load(base.session(), case.revision_id)
        steps = [step.name for step in revisions.numbering_steps(loaded, entry.register)]
    return render_template(
        "registers/batal.html",
        entry=entry,
        case=case,
        steps=steps,
        reason=reason,
        fault=fault,
        longest=registers.REASON,
    )


def _columns(book: Book) -> list[workbook.Column]:
    return [
        workbook.Column(_("No. urut"), 9),
        workbook.Column(_("Nomor"), 32),
        workbook.Column(_("Tanggal"), 17),
        workbook.Column(_("Permohonan"), 22),
        workbook.Column(_("Nama pemohon"), 30),
        workbook.Column(_("Perihal"), 44),
        *(workbook.Column(column.title, 24) for column in book.columns),
        workbook.Column(_("Petugas"), 28),
        workbook.Column(pgettext("of a number", "Keterangan"), 44),
    ]


def _values(opened: Open, first: int, read: list[Row]) -> Iterator[tuple[list[workbook.Value], bool]]:
    """The rows of the spreadsheet; those that were read are kept in `read`."""
    for row in books.run(base.context(), opened.book, opened.year, _sops(), first, SAVED):
        read.append(row)
        told: list[workbook.Value] = [row.number, row.text, shown.local(row.at), row.case.number if row.case else ""]
        more = [cell.value for cell in row.more]
        yield [*told, row.applicant, row.subject, *more, row.by, remark(row)], row.void is not None


@blueprint.app_template_filter("angka")
def counted(number: int) -> str:
    """A whole number as the reader writes it: `1.234`."""
    return wording.angka(number) if shown.locale() == "id" else f"{number:,}"


@blueprint.app_template_filter("keterangan_nomor")
def remark(row: Row) -> str:
    """What a book says of a number beside its case."""
    if row.void:
        day = shown.tanggal(row.void.at)
        if not row.void.reason:
            return _("Dibatalkan %(day)s oleh %(by)s", day=day, by=row.void.by)
        return _("Dibatalkan %(day)s oleh %(by)s: %(reason)s", day=day, by=row.void.by, reason=row.void.reason)
    if row.elsewhere:
        return _("Permohonan SOP lain")
    if row.reserved:
        return (
            _("Disisihkan untuk keadaan padam, belum dipakai") if row.case is None else _("Ditulis tangan saat padam")
        )
    return ""
