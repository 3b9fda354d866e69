"""Numbers without gaps: each register counts on its own each year; a number is given with what it numbers, or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.context import Context
from app.models import Register, RegisterEntry

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
PLACE = re.compile(r"\{(\w+)(?::(\d))?\}")
PLACES = ("urut", "tahun", "bulan", "bulan_romawi")
ASSIGNMENT = re.compile(r"^\s*([\w.]+)\s*=\s*([^:]+?)\s*:\s*(.+?)\s*$")


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
        found.append(Numbering(*match.groups()))
    return found


def unknown_places(pattern: str) -> list[str]:
    """The placeholders of a pattern that we do not know; a pattern without `{urut}` lacks it."""
    names = [match[1] for match in PLACE.finditer(pattern)]
    return [name for name in names if name not in PLACES] + ([] if "urut" in names else ["urut"])


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
    local = ctx.now.astimezone(ctx.settings.zone)
    year = local.year if yearly else 0
    number = _next(ctx, register, year)
    given = text(pattern, number, local)
    ctx.session.add(
        RegisterEntry(register=register, year=year, number=number, text=given, case_id=case_id, given_at=ctx.now)
    )
    return given


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


def _next(ctx: Context, register: str, year: int) -> int:
    query = select(Register).where(Register.name == register, Register.year == year).with_for_update()
    query = query.execution_options(populate_existing=True)  # what this session read before its last commit is old
    row = ctx.session.scalar(query)
    if row is None:
        _open(ctx, register, year)
        row = ctx.session.scalars(query).one()
    row.last += 1
    return row.last


def _open(ctx: Context, register: str, year: int) -> None:
    """The year's first number: of two officers at once, one opens the book and both then wait for its row."""
    dialect = ctx.session.get_bind().dialect.name
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    ctx.session.execute(insert(Register).values(name=register, year=year, last=0).on_conflict_do_nothing())
