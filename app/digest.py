"""The daily digest: at the opening of a working day each officer hears what waits for them, once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.exc import IntegrityError

from app import calendars, inbox, messages, people, worktime
from app.context import Context
from app.models import Deputy, Membership, Person, Schedule

NAME = "ringkasan"
MOST = 5  # urgent tasks that it names
AHEAD = 400  # days in which a working day is looked for


def due(ctx: Context) -> bool:
    """Whether it is time, or nobody has said yet when it is: one look-up."""
    at = ctx.session.scalar(select(Schedule.next_at).where(Schedule.name == NAME))
    return at is None or at <= ctx.now


def readers(ctx: Context) -> list[int]:
    """Who gets one today: officers with an address who want it; nobody before the first opening, or on a closed day."""
    at = ctx.session.scalar(select(Schedule.next_at).where(Schedule.name == NAME))
    today = ctx.local().date()
    if at is None or at > ctx.now or calendars.current(ctx).shut(today) is not None:
        return []
    serve = union(
        select(Membership.person_id).where(Membership.since <= ctx.now),
        select(Deputy.deputy_id).where(Deputy.since <= ctx.now, Deputy.until > ctx.now),
    )
    wanted = select(Person.id).where(Person.id.in_(serve), Person.active, Person.digest, Person.email.is_not(None))
    return list(ctx.session.scalars(wanted.order_by(Person.id)))


def of(ctx: Context, person_id: int) -> Mapping[str, Any] | None:
    """What a person is told today; None where nothing waits for them."""
    actor = people.actor(ctx.session, ctx.session.get_one(Person, person_id), ctx.now)
    if not actor.staff:
        return None
    counts = inbox.counts(ctx, actor)
    urgent = inbox.tasks(ctx, actor, inbox.Filters(), None, MOST).items
    if not urgent:
        return None
    total = min(inbox.CAP + 1, sum(step.count for step in counts.steps))
    return {
        "tanggal": ctx.local().isoformat(timespec="minutes"),
        "jumlah": inbox.figure(total),
        "terlambat": inbox.figure(counts.overdue) if counts.overdue else "",
        "diambil": inbox.figure(counts.mine) if counts.mine else "",
        "langkah": [{"nama": step.name, "lajur": step.lane, "jumlah": step.shown} for step in counts.steps],
        "mendesak": [
            {
                "nomor": task.case.number,
                "langkah": task.name,
                "pemohon": task.case.applicant_name,
                "batas": ctx.local(task.due_at).isoformat(timespec="minutes") if task.due_at else None,
                "terlambat": task.due_at is not None and task.due_at < ctx.now,
                "tautan": f"{ctx.settings.url}/tugas/{task.id}",
            }
            for task in urgent
        ],
    }


def tell(ctx: Context, person_id: int, said: Mapping[str, Any]) -> None:
    """Writes a person's digest of today; a second one is none."""
    person = ctx.session.get_one(Person, person_id)
    messages.notify(ctx, person, "ringkasan", said, key=f"ringkasan:{ctx.local().date()}:{person_id}")


def move_on(ctx: Context) -> None:
    """Everybody has theirs: the next one comes at the next opening. Whoever else finds it due moves it no further."""
    schedule = ctx.session.get(Schedule, NAME, with_for_update=True, populate_existing=True)
    if schedule is None:
        with suppress(IntegrityError), ctx.session.begin_nested():  # two that start together find it missing
            ctx.session.add(Schedule(name=NAME, next_at=opening(ctx)))
    elif schedule.next_at <= ctx.now:
        schedule.next_at = opening(ctx)


def opening(ctx: Context) -> datetime:
    """When the office opens next; where its calendar opens no day at all, some day that is looked at again."""
    calendar, today = calendars.current(ctx), ctx.local().date()
    for ahead in range(AHEAD):
        day = today + timedelta(days=ahead)
        at = worktime.opening(day, ctx.settings.zone)
        if at > ctx.now and calendar.shut(day) is None:
            return at
    return ctx.now + timedelta(days=1)
