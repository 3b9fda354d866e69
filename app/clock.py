"""When a case and its steps are due, by the office's calendar as it stands."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import select

from app import worktime
from app.context import Context
from app.engine.definition import Definition, Step
from app.models import ClosedDay

_CLOSED = select(ClosedDay.day, ClosedDay.closed, ClosedDay.reason)
LIMIT = re.compile(r"^\s*H\s*\+?\s*(\d{1,3})?\s*$", re.IGNORECASE)
LENGTH = re.compile(r"^\s*(\d{1,3})\s*(?:hari\s*)?(kerja|kalender)?\s*$", re.IGNORECASE)


def calendar(ctx: Context) -> worktime.Calendar:
    """The national calendar with the days that the office itself closed or opened."""
    rows = ctx.session.connection().execute(_CLOSED)
    return worktime.Calendar({row.day: (row.closed, row.reason) for row in rows})


def case_due(ctx: Context, definition: Definition, received: datetime) -> datetime | None:
    """The legal limit (`jangka_waktu`, as `7 kerja`) of a case whose receipt was issued at `received`."""
    match = LENGTH.match(definition.properties.get("jangka_waktu", ""))
    return _closing(ctx, definition, received, int(match[1]), (match[2] or "kerja").lower()) if match else None


def step_due(ctx: Context, definition: Definition, step: Step, received: datetime | None) -> datetime | None:
    """When a step is due (`batas`, as `H+2`): closing time of that working day; None before the clock starts."""
    match = LIMIT.match(step.properties.get("batas", ""))
    return _closing(ctx, definition, received, int(match[1] or 0), "kerja") if match and received else None


def hours(definition: Definition) -> worktime.Hours:
    """The SOP's service hours (`jam_layanan`), the usual ones where it tells none that can be read."""
    try:
        return worktime.read_hours(definition.properties.get("jam_layanan", ""))
    except ValueError:
        return worktime.HOURS


def _closing(ctx: Context, definition: Definition, received: datetime, days: int, unit: str) -> datetime:
    day, _ = worktime.due_date(received.astimezone(ctx.settings.zone).date(), days, unit, calendar(ctx))
    return worktime.closing(day, ctx.settings.zone, hours(definition))
