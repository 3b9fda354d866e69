"""Which tasks a person has, most urgent first. A page costs the same whether a hundred or a hundred thousand are open:
each lane is read off one index in its own order, as far as the page needs, and the few rows are merged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs

from sqlalchemy import Select, delete, func, literal, or_, select, tuple_, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.sql.elements import ColumnElement

from app.context import Context
from app.models import Case, Lane, Person, SavedView, Task, instant
from app.people import Mandate

VIEWS = 20  # saved by one person
SEARCHED = "cari"  # what the query of a list's address calls the words that are looked for
CAP = 99  # counts stop here: nobody reads on, and counting a whole lane is what makes a page slow
CURSOR = re.compile(r"([0-9]{1,18})~([0-9]{1,18})", re.ASCII)


class Holder(Protocol):
    """The part of a people.Actor that an inbox needs."""

    @property
    def person(self) -> Person: ...
    @property
    def lanes(self) -> Collection[int]: ...
    @property
    def counter(self) -> Collection[str]: ...
    @property
    def principals(self) -> Sequence[Mandate]: ...


@dataclass(frozen=True)
class Filters:
    """What to show: nothing said is everything. `q` finds number, applicant and whatever the SOP lets be found."""

    sop: str = ""
    lane: str = ""
    step: str = ""
    mine: bool = False
    unclaimed: bool = False
    overdue: bool = False
    returned: bool = False
    postponed: bool = False  # what the person has put off, which else leaves their list until its day
    q: str = ""


@dataclass(frozen=True)
class Page:
    """One page of tasks, and the cursor of the next one where there is one."""

    items: tuple[Task, ...]
    next: str | None


@dataclass(frozen=True)
class StepCount:
    """How many tasks wait at one step; `shown` is the figure as a page writes it, "99+" from there on."""

    sop: str
    lane: str
    step: str
    name: str
    count: int

    @property
    def shown(self) -> str:
        return figure(self.count)


@dataclass(frozen=True)
class Counts:
    """The figures beside an inbox; each stops at CAP + 1."""

    steps: tuple[StepCount, ...]
    own: int  # of cases that the person applied for: the applicant's lane
    mine: int
    overdue: int
    returned: int
    postponed: int


def figure(count: int) -> str:
    """A capped count in words."""
    return f"{CAP}+" if count > CAP else str(count)


def lanes(session: Session, actor: Holder) -> list[Lane]:
    """The lanes whose tasks the person shares with colleagues: their own, and at the counter the applicant's.

    Of an applicant's lane only those tasks are shared that no applicant filed: see `people.may_do`.
    """
    held = or_(
        Lane.id.in_(list(actor.lanes)),
        Lane.sop.in_(list(actor.counter)) & Lane.applicant,
    )
    return list(session.scalars(select(Lane).where(held).order_by(Lane.sop, Lane.id)))


def tasks(ctx: Context, actor: Holder, filters: Filters, cursor: str | None, limit: int) -> Page:
    """One page of the person's open tasks, in order of urgency. An unreadable cursor is the first page."""
    after = CURSOR.fullmatch(cursor or "")
    parts = []
    for part in _parts(ctx, actor, filters, lanes(ctx.session, actor)):
        if after:
            part = part.where(tuple_(Task.rank, Task.id) > (int(after[1]), int(after[2])))
        # SQLite takes no ORDER BY inside a UNION but in a subselect.
        part = part.order_by(Task.rank, Task.id).limit(limit + 1)
        parts.append(select(part.subquery()))
    if not parts:
        return Page((), None)
    merged = union(*parts).subquery()
    query = (
        select(Task)
        .join(merged, merged.c.id == Task.id)
        .options(joinedload(Task.case), joinedload(Task.lane), joinedload(Task.assignee))
        .order_by(Task.rank, Task.id)
        .limit(limit + 1)
    )
    found = list(ctx.session.scalars(query))
    page = found[:limit]
    return Page(tuple(page), f"{page[-1].rank}~{page[-1].id}" if len(found) > limit else None)


def counts(ctx: Context, actor: Holder) -> Counts:
    """The figures beside the inbox."""
    held = lanes(ctx.session, actor)
    away = _put_off(ctx, actor)
    steps = []
    for lane in held:
        for step, name in _steps(ctx.session, lane.id):
            there = _count(ctx.session, _shared(lane.id).where(Task.step == step), away[lane.id, step])
            steps.append(StepCount(lane.sop, lane.name, step, name, there))

    def like(filters: Filters) -> int:
        return _sum(ctx.session, _parts(ctx, actor, filters, held))

    return Counts(
        tuple(steps),
        own=_sum(ctx.session, _own(ctx.session, actor)),
        mine=like(Filters(mine=True)),
        overdue=like(Filters(overdue=True)),
        returned=like(Filters(returned=True)),
        postponed=like(Filters(postponed=True)),
    )


def waiting(ctx: Context, actor: Holder) -> int:
    """How many tasks wait in the person's lanes, counted no further than CAP + 1."""
    held = [lane.id for lane in lanes(ctx.session, actor)]
    return _count(
        ctx.session, _open().where(Task.lane_id.in_(held), Task.applicant_id.is_(None)), _put_off(ctx, actor).total()
    )


def newest(session: Session) -> int:
    """The number of the task that opened last: what is newer opened since."""
    return session.scalar(select(func.max(Task.id))) or 0


def fresh(ctx: Context, actor: Holder, since: int) -> int:
    """How many tasks have opened in the person's lanes since the one of this number, no further than CAP + 1."""
    held = [lane.id for lane in lanes(ctx.session, actor)]
    # "+ 0" keeps a planner off the lane's index: what is new is little, what lies in a lane may be much.
    return _count(
        ctx.session, _open().where(Task.id > since, (Task.lane_id + 0).in_(held), Task.applicant_id.is_(None))
    )


def _put_off(ctx: Context, actor: Holder) -> Counter[tuple[int, str]]:
    """How many tasks the person has put off, by lane and step."""
    mine = select(Task.lane_id, Task.step).where(
        Task.closed_at.is_(None), Task.assignee_id == actor.person.id, Task.postponed_until > ctx.now
    )
    return Counter((row.lane_id, row.step) for row in ctx.session.execute(mine))


def _parts(ctx: Context, actor: Holder, filters: Filters, held: Sequence[Lane]) -> list[Select[int, int]]:
    """Queries that together find what the person may do, each over one index in order."""
    asked = [lane for lane in held if filters.lane in ("", lane.name) and filters.sop in ("", lane.sop)]
    if filters.mine or filters.postponed:
        # "+ 0" keeps a planner off the lane's index: nobody has claimed as much as lies in a lane.
        claimed = _open().where(Task.assignee_id == actor.person.id, Task.applicant_id.is_(None))
        parts = [claimed.where((Task.lane_id + 0).in_([lane.id for lane in asked]))] if asked else []
    else:
        parts = [_shared(lane.id) for lane in asked]
    for own in _own(ctx.session, actor):
        if filters.lane:
            own = own.where(Task.lane_id.in_(select(Lane.id).where(Lane.name == filters.lane)))
        if filters.sop:
            own = own.where(Task.lane_id.in_(select(Lane.id).where(Lane.sop == filters.sop)))
        parts.append(own)
    return [_filtered(ctx, actor, filters, part) for part in parts]


def _open() -> Select[int, int]:
    return select(Task.id, Task.rank).where(Task.closed_at.is_(None))


def _shared(lane_id: int) -> Select[int, int]:
    return _open().where(Task.lane_id == lane_id, Task.applicant_id.is_(None))


def _own(session: Session, actor: Holder) -> list[Select[int, int]]:
    """Tasks of the person's own applications, and of those for whom they act by a power of attorney."""
    if not actor.person.applicant:
        return []
    parts = _applied(session, actor.person.id, "")
    for mandate in actor.principals:
        parts += _applied(session, mandate.principal, mandate.sop)
    return parts


def _applied(session: Session, person: int, sop: str) -> list[Select[int, int]]:
    """Tasks of an applicant's cases, of one SOP or all: those they filed, and those that the counter filed for them."""
    filed_for = session.scalars(
        select(Case.id).where(Case.applicant_id == person, Case.filed_by_id != person, Case.status == "open")
    ).all()
    parts = [_open().where(Task.applicant_id == person)]
    theirs = select(Lane.id).where(Lane.applicant)
    if filed_for:
        parts.append(_open().where(Task.case_id.in_(filed_for), Task.lane_id.in_(theirs)))
    return [part.where(Task.lane_id.in_(theirs.where(Lane.sop == sop))) for part in parts] if sop else parts


def _filtered(ctx: Context, actor: Holder, filters: Filters, query: Select[int, int]) -> Select[int, int]:
    if filters.step:
        query = query.where(Task.step == filters.step)
    if filters.unclaimed:
        query = query.where(Task.assignee_id.is_(None))
    if filters.overdue:
        query = query.where(late(ctx.now))
    if filters.returned:
        query = query.where(Task.returned_seq.is_not(None))
    if filters.postponed:
        query = query.where(Task.postponed_until > ctx.now)
    elif not (filters.overdue or filters.q):  # what is late, and what is looked for, is shown even so
        back = or_(Task.postponed_until.is_(None), Task.postponed_until <= ctx.now)
        query = query.where(or_(back, Task.assignee_id != actor.person.id))
    for word in filters.q.lower().split()[:5]:
        query = query.where(Task.case_id.in_(select(Case.id).where(Case.search.contains(word, autoescape=True))))
    return query


def late(now: datetime) -> ColumnElement[bool]:
    """Past its due time: a rank is the due time, or later than any time where nothing is due."""
    return Task.rank < instant(now)


def _steps(session: Session, lane_id: int) -> list[tuple[str, str]]:
    """The steps at which something waits in a lane, hopping over the index from one to the next."""
    found: list[tuple[str, str]] = []
    while True:
        query = _shared(lane_id).with_only_columns(Task.step, Task.name).order_by(Task.step).limit(1)
        row = session.execute(query.where(Task.step > found[-1][0]) if found else query).first()
        if row is None:
            return found
        found.append((row[0], row[1]))


def _sum(session: Session, parts: list[Select[int, int]]) -> int:
    return min(CAP + 1, sum(_count(session, part) for part in parts))


def _count(session: Session, query: Select[int, int], less: int = 0) -> int:
    """How many there are `less` some of them, counted no further than CAP + 1."""
    capped = query.with_only_columns(literal(1)).limit(CAP + 1 + less).subquery()
    return max(0, (session.scalar(select(func.count()).select_from(capped)) or 0) - less)


# -- saved views ------------------------------------------------------------------------------------------------------


class ViewRefused(ValueError):
    """A view that cannot be saved; the message says why."""


def views(session: Session, person: Person) -> list[SavedView]:
    """The filters that a person has saved, by name."""
    return list(session.scalars(select(SavedView).where(SavedView.person_id == person.id).order_by(SavedView.name)))


def save_view(session: Session, person: Person, name: str, query: str) -> SavedView:
    """Keeps filters, as the query of their address, under a name of the person's own. Raises ViewRefused."""
    held = views(session, person)
    if not name:
        raise ViewRefused("Tulis nama untuk saringan ini.")
    if len(name) > 60 or not name.isprintable():
        raise ViewRefused("Nama saringan paling panjang 60 huruf, dalam satu baris.")
    if any(view.name.casefold() == name.casefold() for view in held):
        raise ViewRefused(f"Anda sudah menyimpan saringan bernama “{name}”. Pakai nama lain, atau hapus yang lama.")
    if len(held) >= VIEWS:
        raise ViewRefused(f"Paling banyak {VIEWS} saringan. Hapus dahulu yang tidak dipakai lagi.")
    if len(query) > 500:
        raise ViewRefused("Kata yang dicari terlalu panjang untuk disimpan.")
    view = SavedView(person_id=person.id, name=name, query=query)
    try:
        with session.begin_nested():
            session.add(view)
    except IntegrityError:  # a double click
        raise ViewRefused(f"Saringan bernama “{name}” baru saja tersimpan.") from None
    return view


def drop_view(session: Session, person: Person, view_id: int) -> None:
    """Forgets a view of the person's own; any other is nobody's."""
    session.execute(delete(SavedView).where(SavedView.id == view_id, SavedView.person_id == person.id))


def forget(ctx: Context, case: Case) -> None:
    """Drops the filters that anybody saved and that look for this case alone, which is about to be destroyed."""
    for view in ctx.session.scalars(select(SavedView)).all():
        words = " ".join(parse_qs(view.query).get(SEARCHED, [])).lower().split()
        if not words or not all(word in case.search for word in words):
            continue
        others = select(Case.id).where(Case.id != case.id, Case.destroyed_at.is_(None))
        same = others.where(*(Case.search.contains(word, autoescape=True) for word in words))
        if ctx.session.scalar(same.limit(1)) is None:
            ctx.session.delete(view)
