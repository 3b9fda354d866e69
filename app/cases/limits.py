"""Limits that pass, each an event of its own, and due dates that a change of the calendar moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import calendars, clock, engine, journal, messages, revisions
from app.cases.record import move_due_dates
from app.context import Context
from app.models import Case, Task, instant


def passed(ctx: Context, case: Case, loaded: revisions.Loaded, moment: datetime) -> int:
    """Records the limits of a case, and of its open steps, that have passed by `moment`, each at its own time."""
    if case.clock_at is None:
        return 0
    entries, waiting = _waiting(ctx, case, loaded)
    gone: list[tuple[datetime, Task | None]] = []
    if case.due_at is not None and case.due_at <= moment and case.breached_at is None and case.paused_at is None:
        gone.append((case.due_at, None))
    gone += [(task.due_at, task) for task in waiting if task.due_at and task.due_at <= moment]
    breached_at = case.due_at if gone and gone[0][1] is None else case.breached_at
    left = [task for task in waiting if task.due_at and task.due_at > moment]
    following = _next(case, loaded, case.due_at, breached_at, left)
    for at, task in sorted(gone, key=lambda one: one[0]):
        changes: dict[str, Any] = {"next_due": following}
        if task is None:
            changes["breached_at"] = at
            seq = journal.append(ctx, case, "breach", {"due": instant(at)}, at=at, changes=changes)
            messages.escalate(ctx, case, seq)
        else:
            body = {"token": task.token}
            lane = task.lane.name
            seq = journal.append(ctx, case, "breach", body, lane=lane, step=task.step, at=at, changes=changes)
            messages.escalate(ctx, case, seq, [task.step])
    return len(gone)


def next_due(ctx: Context, case: Case, loaded: revisions.Loaded) -> datetime | None:
    """When the next thing happens by itself in a case, from its tasks and its journal."""
    _entries, waiting = _waiting(ctx, case, loaded)
    return _next(case, loaded, case.due_at, case.breached_at, waiting)


def reckon(ctx: Context, case: Case) -> bool:
    """Reckons an open case's due dates by the newest calendar; whether any moved, which is an event."""
    version = calendars.version(ctx)
    if case.clock_at is None or case.status != "open" or case.calendar >= version:
        return False
    loaded = revisions.load(ctx.session, case.revision_id)
    definition, calendar = loaded.definition, calendars.current(ctx)
    entries = journal.entries(ctx, case.id, typed=False)
    stood = clock.pauses(definition, entries)
    pause_days = clock.granted(ctx, stood, "kerja", calendar)
    length = clock.length(definition)
    given = clock.granted(ctx, stood, length[1], calendar) if length else 0
    due = clock.case_due(ctx, definition, case.clock_at, calendar, given)
    steps = {task.step for task in _tasks(ctx, case)}
    dues = {
        step: clock.step_due(ctx, definition, definition.steps[step], case.clock_at, calendar, pause_days)
        for step in steps
    }
    moved = move_due_dates(ctx, case, dues)
    changes: dict[str, Any] = {"calendar": version, "due_at": due, "pause_days": pause_days}
    if due is not None and ctx.now < due != case.due_at:
        changes["breached_at"] = None  # it is recorded, and may happen again
    told = next((e.body["due"] for e in reversed(entries) if e.kind in clock.TELLS and "due" in e.body), None)
    same = due == case.due_at and pause_days == case.pause_days and not moved
    body = {"due": instant(due) if due else None, "was": instant(case.due_at) if case.due_at else None}
    breached_at = changes.get("breached_at", case.breached_at)
    waiting = clock.pending(definition, entries, _tasks(ctx, case))
    changes["next_due"] = _next(case, loaded, due, breached_at, waiting)
    if same and told == body["due"]:
        for name, value in changes.items():
            setattr(case, name, value)
        return False
    journal.append(
        ctx, case, "calendar", {**body, "version": version, "pause_days": pause_days}, changes=changes
    )  # fmt: skip
    return True


def _tasks(ctx: Context, case: Case) -> Sequence[Task]:
    query = select(Task).where(Task.case_id == case.id, Task.closed_at.is_(None)).options(joinedload(Task.lane))
    return ctx.session.scalars(query.order_by(Task.id)).all()


def _waiting(ctx: Context, case: Case, loaded: revisions.Loaded) -> tuple[list[journal.Entry], list[Task]]:
    entries = journal.entries(ctx, case.id, typed=False)
    return entries, clock.pending(loaded.definition, entries, _tasks(ctx, case))


def _next(
    case: Case,
    loaded: revisions.Loaded,
    due_at: datetime | None,
    breached_at: datetime | None,
    waiting: Sequence[Task],
) -> datetime | None:
    _open, timer = engine.pending(loaded.definition, case.state)
    return clock.next_due(
        timer, due_at if case.paused_at is None else None, breached_at, (task.due_at for task in waiting if task.due_at)
    )
