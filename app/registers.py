"""Numbers without gaps: each register counts on its own each year; a number is given with what it numbers, or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from app.context import Context
from app.models import Person, Register, RegisterEntry, Reserved, Void

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
PLACE = re.compile(r"\{(\w+)(?::(\d))?\}")
PLACES = ("urut", "tahun", "bulan", "bulan_romawi")
DIGITS = re.compile(r"\d{1,40}", re.ASCII)
LONG = 10  # digits that no number of a register has
REASON = 300
GONE = "(sudah dimusnahkan)"
ASSIGNMENT = re.compile(r"^\s*([\w.]+)\s*=\s*([^:]+?)\s*:\s*(.+?)\s*$")


class NotUsable(Exception):
    """A number that cannot be used or struck out: in no book, not reserved, used or void; `message` says which."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Numbering:
    """One line of a step's `register` property: the data key that gets the number, the register and its pattern."""

    key: str
    register: str
    pattern: str


def numberings(text: str) -> list[Numbering]:
    """The lines of a `register` property. Raises ValueError with the line that cannot be read."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = []
    for line in lines:
        match = ASSIGNMENT.match(line)
        if not match or unknown_places(match[3]):
            raise ValueError(line.strip())
        found.append(Numbering(match[1], match[2].strip(), match[3]))
    return found


@dataclass(frozen=True)
class Column:
    """A further column of a register's book: the data key whose value it shows, and its title."""

    key: str
    title: str


def columns(text: str) -> dict[str, tuple[Column, ...]]:
    """The lines `Register | key = Title | key = Title` of a `buku` property, by register; what is unreadable is left
    out, since the property's shape is checked before.
    """
    found: dict[str, tuple[Column, ...]] = {}
    for line in text.splitlines():
        register, *given = [part.strip() for part in line.split("|")]
        pairs = [part.partition("=") for part in given]
        found[register] = tuple(Column(key.strip(), title.strip()) for key, _, title in pairs if title.strip())
    return found


def unknown_places(pattern: str) -> list[str]:
    """The placeholders of a pattern that we do not know; a pattern without `{urut}` lacks it."""
    names = [match[1] for match in PLACE.finditer(pattern)]
    return [name for name in names if name not in PLACES] + ([] if "urut" in names else ["urut"])


def comes_again(pattern: str) -> bool:
    """Does a pattern without its year write the same numbers next year?"""
    return "tahun" not in [match[1] for match in PLACE.finditer(pattern)]


def misread_places(pattern: str) -> list[str]:
    """What of a pattern its owner did not mean as we read it: a width of any but `{urut}`, a brace too many."""
    widths = [match[0] for match in PLACE.finditer(pattern) if match[2] and match[1] != "urut"]
    rest = PLACE.sub("", pattern)
    return widths + [brace for brace in "{}" if brace in rest]


def text(pattern: str, number: int, day: datetime) -> str:
    """`{urut}` `{urut:4}` `{tahun}` `{bulan}` `{bulan_romawi}` filled in; `day` is local time."""
    values = {
        "urut": str(number),
        "tahun": str(day.year),
        "bulan": f"{day.month:02}",
        "bulan_romawi": ROMAN[day.month - 1],
    }
    return PLACE.sub(lambda match: values[match[1]].zfill(int(match[2] or 0)), pattern)


def give(ctx: Context, register: str, pattern: str, case_id: int | None, *, yearly: bool = True) -> str:
    """The next number of `register` in this year, entered in its book; it is gone again if the transaction is."""
    local = ctx.local()
    year = local.year if yearly else 0
    number = _next(ctx, register, year)
    given = text(pattern, number, local)
    ctx.session.add(
        RegisterEntry(register=register, year=year, number=number, text=given, case_id=case_id, given_at=ctx.now)
    )
    return given


def reserve(ctx: Context, register: str, pattern: str, count: int, outage_id: int, *, yearly: bool = True) -> list[str]:
    """Sets aside the next `count` numbers of `register`, to be written by hand during an outage; as they are written.

    They count as given: whoever is numbered meanwhile gets those that follow.
    """
    if count < 1:
        raise ValueError("nothing to reserve")
    local = ctx.local()
    year = local.year if yearly else 0
    first = _next(ctx, register, year, count)
    keys = [{"register": register, "year": year, "number": number} for number in range(first, first + count)]
    texts = [text(pattern, number, local) for number in range(first, first + count)]
    rest = {"case_id": None, "given_at": ctx.now}
    entries = [{**number, "text": written, **rest} for number, written in zip(keys, texts, strict=True)]
    ctx.session.execute(insert(RegisterEntry), entries)
    ctx.session.execute(insert(Reserved), [{**number, "outage_id": outage_id} for number in keys])
    return texts


def use(ctx: Context, register: str, text: str, case_id: int, at: datetime | None = None) -> str:
    """A reserved number, as somebody wrote it by hand, becomes a case's; its book dates it `at`, else now.

    Raises NotUsable where it is not reserved, used already or void.
    """
    entry = find(ctx, register, text)
    if entry is None or ctx.session.get(Reserved, key(entry)) is None:
        raise NotUsable(f"Nomor {text} tidak disisihkan dari “{register}”.")
    _lock(ctx, entry)
    if entry.case_id is not None:
        raise NotUsable(f"Nomor {text} sudah dipakai.")
    entry.case_id, entry.given_at = case_id, at or ctx.now
    ctx.session.flush()
    return entry.text


def void(ctx: Context, register: str, year: int, number: int, by: Person, reason: str) -> RegisterEntry:
    """Strikes a number out: it stays in its book with the reason, and nobody else gets it. What a case bears is struck
    out by `cases.void_number` alone, which tells the case's journal.

    Raises NotUsable where it is in no book or void already, or the reason is missing or longer than REASON.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > REASON:
        raise NotUsable(f"Tulis alasan pembatalan, paling panjang {REASON} huruf.")
    entry = ctx.session.get(RegisterEntry, (register, year, number))
    if entry is None:
        raise NotUsable(f"Nomor ini tidak ada di “{register}”.")
    _lock(ctx, entry)
    ctx.session.add(Void(register=register, year=year, number=number, at=ctx.now, by_id=by.id, reason=reason))
    ctx.session.flush()
    return entry


def forget(ctx: Context, case_id: int) -> None:
    """Why a case's numbers were struck out is said no more, as what its journal keeps of it: that they were stays."""
    mine = exists().where(same_number(Void), RegisterEntry.case_id == case_id)
    ctx.session.execute(update(Void).where(mine).values(reason=GONE))


def void_of(ctx: Context, register: str, text: str, case_id: int) -> Void | None:
    """The note that strikes out this number, which a case bears; None where it stands."""
    entry = find(ctx, register, text, case_id)
    return ctx.session.get(Void, key(entry)) if entry is not None else None


def is_void(ctx: Context, register: str, text: str, case_id: int) -> bool:
    """Was this number, which a case bears, struck out?"""
    return void_of(ctx, register, text, case_id) is not None


def find(ctx: Context, register: str, text: str, case_id: int | None = None) -> RegisterEntry | None:
    """The latest entry of a number as it is written, or that of a case; None where its register never gave it."""
    query = (
        select(RegisterEntry)
        .join(Register, (Register.name == RegisterEntry.register) & (Register.year == RegisterEntry.year))
        .where(Register.name == register, RegisterEntry.number.in_(_hidden(text)), RegisterEntry.text == text.strip())
        .order_by(RegisterEntry.year.desc(), RegisterEntry.number.desc())
    )
    if case_id is not None:
        query = query.where(RegisterEntry.case_id == case_id)
    return ctx.session.scalars(query.limit(1)).first()


def digits(text: str) -> list[int]:
    """The numbers in a text: where it is one of a register's, one of them is by what its book keeps it."""
    return [int(row) for row in DIGITS.findall(text)[:20] if len(row.lstrip("0")) < LONG]


def _hidden(text: str) -> list[int]:
    """The same where a pattern writes number and year with nothing between: each part of a row of digits may be it."""
    rows = DIGITS.findall(text)[:20]
    parts = (row[first:last] for row in rows for first in range(len(row)) for last in range(first + 1, len(row) + 1))
    return sorted({int(part) for part in parts if len(part.lstrip("0")) < LONG})[:500]


def key(entry: RegisterEntry) -> tuple[str, int, int]:
    """What an entry is known by, and what is kept of it beside: its register, year and number."""
    return entry.register, entry.year, entry.number


def same_number(beside: type[Void | Reserved]) -> ColumnElement[bool]:
    """What joins an entry to what is kept beside it."""
    return (
        (beside.register == RegisterEntry.register)
        & (beside.year == RegisterEntry.year)
        & (beside.number == RegisterEntry.number)
    )


def _lock(ctx: Context, entry: RegisterEntry) -> None:
    """Holds an entry, as it is by now, until the transaction ends. Raises NotUsable where it is void."""
    ctx.session.refresh(entry, with_for_update=True)
    if ctx.session.get(Void, key(entry)) is not None:
        raise NotUsable(f"Nomor {entry.text} sudah dibatalkan.")


def application(ctx: Context, pattern: str, case_id: int) -> str:
    """The next application number. No two applications share one, of whatever SOP and year: SOPs with the same
    pattern count in one book, and a pattern without its year in one that never begins anew.
    """
    register, pattern, yearly = book(pattern)
    return give(ctx, register, pattern, case_id, yearly=yearly)


def book(pattern: str) -> tuple[str, str, bool]:
    """Where application numbers of a pattern are counted: the register, the pattern in full, whether each year anew."""
    pattern = pattern or "{tahun}/{urut:6}"
    plain = PLACE.sub(r"{\1}", pattern)[:180]
    return f"permohonan {plain}", pattern, "{tahun}" in plain


def number_in(pattern: str, given: str) -> int | None:
    """The number that `text` wrote by this pattern; None where it did not."""
    parts = [re.escape(part) for part in PLACE.split(pattern)[::3]]
    places = [r"(\d{1,18})" if match[1] == "urut" else "[0-9A-Z]+" for match in PLACE.finditer(pattern)]
    whole = "".join(part + place for part, place in zip(parts, [*places, ""], strict=True))
    match = re.fullmatch(whole, given, re.ASCII)
    return int(match[1]) if match else None


def _next(ctx: Context, register: str, year: int, count: int = 1) -> int:
    """The first of the next `count` numbers."""
    query = select(Register).where(Register.name == register, Register.year == year).with_for_update()
    query = query.execution_options(populate_existing=True)  # what this session read before its last commit is old
    row = ctx.session.scalar(query)
    if row is None:
        _open(ctx, register, year)
        row = ctx.session.scalars(query).one()
    row.last += count
    return row.last - count + 1


def _open(ctx: Context, register: str, year: int) -> None:
    """The year's first number: of two officers at once, one opens the book and both then wait for its row."""
    dialect = ctx.session.get_bind().dialect.name
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    ctx.session.execute(insert(Register).values(name=register, year=year, last=0).on_conflict_do_nothing())
