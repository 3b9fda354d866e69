"""The office's own calendar: days that it closes or opens beside the national one, each edit with its reason."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select, text

from app import worktime
from app.context import Context
from app.models import RECKONED, CalendarChange, Case, ClosedDay, Person

_CLOSED = select(ClosedDay.day, ClosedDay.closed, ClosedDay.reason, ClosedDay.reference)
BEHIND, AHEAD = 1, 10  # years from now in which a day may be edited
LONGEST = 300


class Refused(Exception):
    """An edit that cannot be made: `field` is at fault (`day`, `reason`, `reference`), the message says why."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(message)


def current(ctx: Context) -> worktime.Calendar:
    """The national calendar with the days that the office itself closed or opened, and by which decree."""
    if "calendar" not in ctx.read:
        rows = ctx.session.connection().execute(_CLOSED)
        own = {row.day: (row.closed, _why(row.reason, row.reference)) for row in rows}
        ctx.read["calendar"] = worktime.Calendar(own)
    calendar: worktime.Calendar = ctx.read["calendar"]
    return calendar


def _why(reason: str, reference: str) -> str:
    return f"{reason} ({reference})" if reference else reason


def version(ctx: Context) -> int:
    """The number of the last edit. Read it before `current`: dates are then reckoned by no newer version than told."""
    return ctx.session.scalar(select(func.coalesce(func.max(CalendarChange.id), 0))) or 0


def own_days(ctx: Context, year: int) -> list[ClosedDay]:
    """The days of a year that the office itself closed or opened."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    return list(
        ctx.session.scalars(select(ClosedDay).where(ClosedDay.day.between(first, last)).order_by(ClosedDay.day))
    )


def change(
    ctx: Context, day: date, closed: bool | None, reason: str, reference: str, by: Person | None = None
) -> CalendarChange | None:
    """Closes or opens a day, or (`closed` None) gives it back to the national calendar; None where it is so already.

    `by` is None for the operator at the command line. The edit's number is the calendar's version from now on. Raises
    Refused: without reason or reference, for a day far away, and where it would leave a year without working days.
    """
    reason, reference = " ".join(reason.split()), " ".join(reference.split())
    for field, given, words in (
        ("reason", reason, "Tulis alasannya, misalnya cuti bersama atau banjir."),
        ("reference", reference, "Tulis dasar hukumnya: nomor keputusan atau surat edaran."),
    ):
        if not given:
            raise Refused(field, words)
        if len(given) > LONGEST:
            raise Refused(field, f"Paling panjang {LONGEST} huruf.")
    today = ctx.local().date()
    if not today.year - BEHIND <= day.year <= today.year + AHEAD:
        raise Refused("day", f"Tulis hari antara tahun {today.year - BEHIND} dan {today.year + AHEAD}.")
    # Who edits waits for whoever edits at this moment: a later version knows of all edits before it.
    ctx.session.scalar(
        select(CalendarChange.id).order_by(CalendarChange.id.desc()).limit(1).with_for_update()
    )  # fmt: skip
    found = ctx.session.get(ClosedDay, day, populate_existing=True)
    if (found and (found.closed, found.reason, found.reference)) == (closed, reason, reference):
        return None
    if found is None and closed is None:
        raise Refused("day", "Hari ini memang mengikuti kalender nasional; tidak ada yang perlu dihapus.")
    if closed is None:
        ctx.session.delete(found)
    else:
        ctx.session.merge(ClosedDay(day=day, closed=closed, reason=reason, reference=reference))
    ctx.session.flush()
    ctx.read.pop("calendar", None)
    if not worktime.works(day.year, current(ctx)):
        raise Refused("day", f"Tahun {day.year} tidak akan punya hari kerja sama sekali. Hari ini tidak dapat ditutup.")
    made = CalendarChange(
        day=day, closed=closed, reason=reason, reference=reference, by_id=by.id if by else None, at=ctx.now
    )
    ctx.session.add(made)
    ctx.session.flush()
    return made


def changes(ctx: Context, limit: int = 20) -> list[tuple[CalendarChange, Person | None]]:
    """The last edits, the newest first, with who made them."""
    query = select(CalendarChange, Person).outerjoin(Person, Person.id == CalendarChange.by_id)
    rows = ctx.session.execute(query.order_by(CalendarChange.id.desc()).limit(limit)).all()
    return [(row[0], row[1]) for row in rows]


def stale(ctx: Context, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """Open cases whose due dates were reckoned by an older version, as (version, case id), beyond `after`."""
    newest = select(func.coalesce(func.max(CalendarChange.id), 0)).scalar_subquery()
    query = (
        select(Case.calendar, Case.id)
        .where(text(RECKONED), Case.calendar < newest, Case.calendar >= after[0])
        .where((Case.calendar > after[0]) | (Case.id > after[1]))
        .order_by(Case.calendar, Case.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in ctx.session.execute(query)]


def progress(ctx: Context) -> tuple[int, int]:
    """How many open cases are reckoned by the newest version, and how many open cases have due dates."""
    newest = version(ctx)
    whole = select(func.count()).select_from(Case).where(text(RECKONED))
    left = ctx.session.scalar(whole.where(Case.calendar < newest)) or 0
    return (ctx.session.scalar(whole) or 0) - left, left
