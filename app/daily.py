"""What is done once a day, at the opening of the office, by the name under which `Schedule` keeps when that is next."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import calendars, worktime
from app.context import Context
from app.models import Schedule

AHEAD = 400  # days in which a working day is looked for


def due(ctx: Context, name: str) -> bool:
    """Whether it is time, or nobody has said yet when it is: one look-up."""
    at = _next(ctx, name)
    return at is None or at <= ctx.now


def now(ctx: Context, name: str) -> bool:
    """Whether it is to be done now: not before the first opening, nor on a closed day."""
    at = _next(ctx, name)
    return at is not None and at <= ctx.now and calendars.current(ctx).shut(ctx.local().date()) is None


def move_on(ctx: Context, name: str) -> None:
    """It is done: the next time is the next opening. Whoever else finds it due moves it no further."""
    schedule = ctx.session.get(Schedule, name, with_for_update=True, populate_existing=True)
    if schedule is None:
        with suppress(IntegrityError), ctx.session.begin_nested():  # two that start together find it missing
            ctx.session.add(Schedule(name=name, next_at=opening(ctx)))
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


def _next(ctx: Context, name: str) -> datetime | None:
    return ctx.session.scalar(select(Schedule.next_at).where(Schedule.name == name))
