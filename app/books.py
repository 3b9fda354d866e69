"""The books that registers are: what stands in them, year by year, and for whom they lie open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select

from app import forms, journal, registers, revisions
from app.context import Context
from app.models import Case, Person, Register, RegisterEntry, Reserved, Void
from app.people import Actor
from app.registers import GONE, Column
from app.revisions import Loaded

REACH = 20_000  # numbers among which one page looks for a name: however long a book is, a page takes no longer
AT_ONCE = 500  # entries that are read together


@dataclass
class Book:
    """A register as it is drawn: the SOPs that give its numbers, and further columns from their answers."""

    name: str
    titles: dict[str, str] = field(default_factory=dict)  # by SOP, as its latest revision calls it
    columns: tuple[Column, ...] = ()
    lanes: set[int] = field(default_factory=set)  # that give its numbers, by Lane.id

    @property
    def sops(self) -> Collection[str]:
        return self.titles.keys()


@dataclass(frozen=True)
class Totals:
    """How a book's year stands: numbers given, of them struck out, of them set aside and not used yet."""

    given: int
    void: int
    reserved: int


@dataclass(frozen=True)
class Struck:
    """That a number stands for nothing: since when, by whom, why; nothing of that to whom the case is not shown."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One number of a book. `case` is None where no case bears it, or it is of an SOP that is not the reader's."""

    number: int
    text: str
    at: datetime
    case: Case | None
    by: str
    more: tuple[Cell, ...]
    void: Struck | None
    reserved: bool  # for an outage, whether used by now or not
    elsewhere: bool  # of an SOP that is not the reader's

    @property
    def applicant(self) -> str:
        if self.case is None:
            return ""
        return GONE if self.case.destroyed_at else self.case.applicant_name

    @property
    def subject(self) -> str:
        return self.case.subject if self.case and not self.case.destroyed_at else ""


@dataclass(frozen=True)
class Cell:
    """What was answered, as it is read, and as a spreadsheet counts with it."""

    text: str
    value: str | float | date | None = None


@dataclass(frozen=True)
class Page:
    """Some rows, and the number below which a page goes on, where it does; `reached` where a search goes on there."""

    rows: tuple[Row, ...]
    next: int | None
    reached: bool = False


def sees(actor: Actor) -> Collection[str] | None:
    """The SOPs whose books lie open to somebody; None is all of them."""
    person = actor.person
    return None if person.auditor or person.owner or person.admin else actor.sops


def drawn(ctx: Context, sops: Collection[str] | None) -> dict[str, Book]:
    """Every book of these SOPs (None: of all) by name, in drawn order; one that only an old revision drew comes last.

    Its further columns are those of the latest revision that draws some.
    """
    books: dict[str, Book] = {}
    for loaded in revisions.every(ctx.session):
        if sops is not None and loaded.sop not in sops:
            continue
        columns = registers.columns(loaded.definition.properties.get("buku", ""))
        for step in loaded.definition.steps.values():
            for line in registers.numberings(step.properties.get("register", "")):
                book = books.setdefault(line.register, Book(line.register))
                book.titles.setdefault(loaded.sop, loaded.definition.title)
                book.columns = book.columns or columns.get(line.register, ())
                if (lane := loaded.lanes.get(step.lane)) is not None:
                    book.lanes.add(lane)
    return books


def years(ctx: Context, name: str) -> list[int]:
    """The years in which a register gave numbers, the latest first."""
    return list(ctx.session.scalars(select(Register.year).where(Register.name == name).order_by(Register.year.desc())))


def totals(ctx: Context, names: Collection[str]) -> dict[tuple[str, int], Totals]:
    """How the books of these names stand, by name and year: no entry is counted for it."""
    given = ctx.session.execute(select(Register.name, Register.year, Register.last).where(Register.name.in_(names)))
    void = select(Void.register, Void.year, func.count()).where(Void.register.in_(names))
    aside = (
        select(Reserved.register, Reserved.year, func.count())
        .join(RegisterEntry, registers.same_number(Reserved))
        .outerjoin(Void, registers.same_number(Void))
        .where(Reserved.register.in_(names), RegisterEntry.case_id.is_(None), Void.number.is_(None))
        .group_by(Reserved.register, Reserved.year)
    )
    struck = {(name, year): n for name, year, n in ctx.session.execute(void.group_by(Void.register, Void.year))}
    unused = {(name, year): n for name, year, n in ctx.session.execute(aside)}
    return {
        (name, year): Totals(last, struck.get((name, year), 0), unused.get((name, year), 0))
        for name, year, last in given
    }


def page(
    ctx: Context,
    book: Book,
    year: int,
    sops: Collection[str] | None,
    *,
    before: int | None = None,
    q: str = "",
    limit: int = 50,
) -> Page:
    """The numbers of a year below `before`, the latest first.

    `q` is part of a number, or else words of an applicant or subject: these are sought among REACH numbers at a time.
    """
    query = _entries(book.name, year).order_by(RegisterEntry.number.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(RegisterEntry.number < before)
    words = q.lower().split()[:5]
    if not words:
        return _page(ctx, book, sops, query, limit)
    numbers = registers.digits(q)
    if numbers and before is None:
        named = func.lower(RegisterEntry.text).contains(q.lower().strip(), autoescape=True)
        found = _page(ctx, book, sops, query.where(RegisterEntry.number.in_(numbers), named), limit)
        if found.rows:
            return found
    highest = before or (ctx.session.scalar(_last(book.name, year)) or 0) + 1
    floor = max(highest - REACH, 1)
    for word in words:
        query = query.where(Case.search.contains(word, autoescape=True))
    query = query.where(RegisterEntry.number >= floor)
    if sops is not None:
        query = query.where(Case.sop.in_(sops))
    found = _page(ctx, book, sops, query, limit)
    return found if found.next or floor == 1 else Page(found.rows, floor, reached=True)


def run(ctx: Context, book: Book, year: int, sops: Collection[str] | None, first: int, count: int) -> Iterator[Row]:
    """At most `count` numbers of a year from `first` on, in order."""
    until = first + count
    while first < until:
        query = _entries(book.name, year).where(RegisterEntry.number >= first, RegisterEntry.number < until)
        found = _rows(ctx, book, sops, query.order_by(RegisterEntry.number).limit(AT_ONCE))
        yield from found
        if len(found) < AT_ONCE:
            return
        first = found[-1].number + 1


def _last(name: str, year: int) -> Select[int]:
    return select(Register.last).where(Register.name == name, Register.year == year)


def _entries(name: str, year: int) -> Any:
    return (
        select(RegisterEntry, Case, Void, Person.full_name, Reserved.number)
        .outerjoin(Case, Case.id == RegisterEntry.case_id)
        .outerjoin(Void, registers.same_number(Void))
        .outerjoin(Person, Person.id == Void.by_id)
        .outerjoin(Reserved, registers.same_number(Reserved))
        .where(RegisterEntry.register == name, RegisterEntry.year == year)
    )


def _page(ctx: Context, book: Book, sops: Collection[str] | None, query: Any, limit: int) -> Page:
    found = _rows(ctx, book, sops, query)
    return Page(tuple(found[:limit]), found[limit - 1].number if len(found) > limit else None)


def _rows(ctx: Context, book: Book, sops: Collection[str] | None, query: Any) -> list[Row]:
    found = ctx.session.execute(query).all()
    shown = {
        entry.case_id: case for entry, case, *_rest in found if case is not None and (sops is None or case.sop in sops)
    }
    given = journal.completed_at(ctx, shown, [entry.given_at for entry, *_rest in found])
    more = _answers(ctx, book.columns, list(shown.values()))
    blank = tuple(Cell("") for _ in book.columns)
    rows = []
    for entry, case, void, by, reserved in found:
        mine = shown.get(entry.case_id)
        elsewhere = case is not None and mine is None
        told = [e for e in given.get(entry.case_id, ()) if entry.text in e.body.get("numbers", {}).values()]
        rows.append(
            Row(
                entry.number,
                entry.text,
                entry.given_at,
                mine,
                told[0].by if told else "",
                more.get(entry.case_id, blank) if mine else blank,
                Struck(void.at, by, "" if elsewhere else void.reason) if void else None,
                reserved is not None,
                elsewhere,
            )
        )
    return rows


def _answers(ctx: Context, columns: Sequence[Column], cases: Sequence[Case]) -> dict[int, tuple[Cell, ...]]:
    """What the further columns show of each case, read off the events of those steps alone that fill them."""
    if not columns:
        return {}
    cells: dict[int, tuple[Cell, ...]] = {}
    by_revision: dict[int, list[Case]] = {}
    for case in cases:
        by_revision.setdefault(case.revision_id, []).append(case)
    for revision_id, theirs in by_revision.items():
        loaded = revisions.load(ctx.session, revision_id)
        fields = {column.key: _field(loaded, column.key) for column in columns}
        events = journal.of_steps(ctx, [case.id for case in theirs], _filling(loaded, columns))
        for case in theirs:
            entries = events.get(case.id, [])
            data = journal.data(loaded.form_at, entries)
            gone = case.destroyed_at is not None or any(entry.erased for entry in entries)
            cells[case.id] = tuple(_cell(fields[column.key], forms.at(data, column.key), gone) for column in columns)
    return cells


def _filling(loaded: Loaded, columns: Sequence[Column]) -> list[str]:
    """The steps whose form, or register, fills one of these columns."""
    keys = {column.key for column in columns}
    found = []
    for step in loaded.definition.steps.values():
        form = loaded.form_of(step)
        given = {line.key for line in registers.numberings(step.properties.get("register", ""))}
        if keys & given or (form and any(form.field_at(forms.pointer_of(key)) for key in keys)):
            found.append(step.id)
    return found


def _field(loaded: Loaded, key: str) -> forms.Field | None:
    found = (form.field_at(forms.pointer_of(key)) for form in loaded.forms.values())
    return next((field for field in found if field is not None), None)


def _cell(field: forms.Field | None, value: Any, gone: bool) -> Cell:
    if value is None or value == "":
        return Cell(GONE, GONE) if gone else Cell("")
    text = forms.text(field, value) if field else str(value)
    if field and field.type == "date" and isinstance(value, str):
        try:
            return Cell(text, date.fromisoformat(value))
        except ValueError:
            return Cell(text, text)
    number = isinstance(value, int | float) and not isinstance(value, bool) and not (field and field.options)
    return Cell(text, value if number else text)


def by_sop(books: Mapping[str, Book]) -> dict[str, list[Book]]:
    """Books under the title of the SOP that draws them; one that several share stands under each."""
    titles: dict[str, list[Book]] = {}
    for book in books.values():
        for title in book.titles.values():
            titles.setdefault(title, []).append(book)
    return titles
