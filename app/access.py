"""Who looked at personal data, and who changed it: rows that nobody changes or deletes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, or_, select

from app.context import Context
from app.models import Access, Case, Lane, Membership, Person

DETAIL = 300
ANONYMOUS = 300  # how many of the latest tries by nobody in particular are looked at
WINDOW, TRIES = timedelta(minutes=15), 20


@dataclass(frozen=True)
class Viewed:
    """One row in words: when, who (empty for an operator's command or the public), what, of which case or person."""

    id: int
    at: datetime
    who: str
    what: str
    case_id: int | None
    number: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Viewer:
    """Somebody who opened an applicant's case, with the lanes of its SOP that they held then."""

    name: str
    lanes: tuple[str, ...]
    times: int
    last: datetime


def seen(
    ctx: Context,
    person: Person | None,
    what: str,
    *,
    cases: Sequence[int] = (),
    subject_id: int | None = None,
    detail: str = "",
) -> None:
    """Keeps that `person` saw or changed personal data: a row for each case, else one of a person or of a list."""
    row = {"at": ctx.now, "person_id": person.id if person else None, "what": what, "detail": detail[:DETAIL]}
    rows = [{**row, "case_id": case, "subject_id": subject_id} for case in cases or (None,)]
    ctx.session.connection().execute(insert(Access.__table__), rows)  # type: ignore[arg-type]


def changed(ctx: Context, by: Person | None, subject: Person, what: str, detail: str) -> None:
    """Keeps that somebody's account was changed, by whom (None: the operator) and what of it, never what it became."""
    seen(ctx, by, what, subject_id=subject.id, detail=detail)


def tried(ctx: Context, what: str, whence: str, about: str = "") -> None:
    """Keeps that nobody in particular tried something: a tracking code, a forgotten password."""
    seen(ctx, None, what, detail=f"{whence} {about}")


def too_often(ctx: Context, what: str, whence: str, about: str = "") -> bool:
    """Was this tried too often of late, from there or about that? The same for what exists and what does not."""
    latest = (
        select(Access.detail)
        .where(Access.person_id.is_(None), Access.what == what, Access.at > ctx.now - WINDOW)
        .order_by(Access.id.desc())
        .limit(ANONYMOUS)
    )
    tries = [detail.partition(" ") for detail in ctx.session.scalars(latest)]
    from_there = sum(place == whence for place, _space, _what in tries)
    about_that = sum(bool(about) and named == about for _place, _space, named in tries)
    return max(from_there, about_that) >= TRIES


def rows(
    ctx: Context,
    *,
    who: str = "",
    number: str = "",
    day: tuple[datetime, datetime] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Viewed]:
    """The latest rows first: of people whose name holds `who`, of the case `number`, between two moments."""
    by, about = Person.__table__.alias("by"), Person.__table__.alias("about")
    query = (
        select(
            Access.id, Access.at, by.c.full_name.label("who"), Access.what, Access.case_id,
            Case.number, about.c.full_name.label("subject"), Access.detail,
        )
        .outerjoin(by, by.c.id == Access.person_id)
        .outerjoin(about, about.c.id == Access.subject_id)
        .outerjoin(Case, Case.id == Access.case_id)
        .order_by(Access.id.desc())
        .limit(limit)
    )  # fmt: skip
    if who:
        named = or_(func.lower(Person.full_name).contains(who.lower(), autoescape=True), Person.name == who)
        query = query.where(Access.person_id.in_(select(Person.id).where(named)))
    if number:
        query = query.where(Access.case_id.in_(select(Case.id).where(Case.number == number)))
    if day:
        query = query.where(Access.at >= day[0], Access.at < day[1])
    if before:
        query = query.where(Access.id < before)
    return [Viewed(*(value if value is not None else _blank(name) for name, value in row._mapping.items()))
            for row in ctx.session.execute(query)]  # fmt: skip


def _blank(name: str) -> Any:
    return None if name == "case_id" else ""


def viewers(ctx: Context, case: Case) -> list[Viewer]:
    """Who opened a case, the latest first, each with the lanes of its SOP that they held when they did."""
    query = (
        select(Access.person_id, Person.full_name, func.count(), func.max(Access.at))
        .join(Person, Person.id == Access.person_id)
        .where(Access.case_id == case.id)
        .group_by(Access.person_id, Person.full_name)
        .order_by(func.max(Access.at).desc())
    )
    found = ctx.session.execute(query).all()
    held = _lanes(ctx, case.sop, [who for who, *_rest in found if who])
    return [Viewer(name, _at(held.get(who or 0, ()), last), times, last) for who, name, times, last in found]


def _at(held: Iterable[tuple[str, datetime, datetime | None]], moment: datetime) -> tuple[str, ...]:
    return tuple(lane for lane, since, until in held if since <= moment and (until is None or moment < until))


def _lanes(ctx: Context, sop: str, persons: Sequence[int]) -> dict[int, list[tuple[str, datetime, datetime | None]]]:
    held = (
        select(Membership.person_id, Membership.lane, Membership.since, Membership.until)
        .join(Lane, (Lane.name == Membership.lane) & (Lane.sop == sop))
        .where(Membership.person_id.in_(persons))
        .order_by(Lane.id)
    )
    found: dict[int, list[tuple[str, datetime, datetime | None]]] = {}
    for person, lane, since, until in ctx.session.execute(held):
        found.setdefault(person, []).append((lane, since, until))
    return found
