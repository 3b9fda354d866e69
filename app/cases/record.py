"""One event and its whole effect, in one transaction: the only way in which a case moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from app import clock, engine, forms, journal, papers, registers, revisions
from app.context import Context
from app.engine.definition import Choice, Step
from app.models import NEVER, Case, Task, instant
from app.people import Actor

# Every completion writes these two: as statements they cost a third of what the session's unit of work takes for them.
_OPENED = insert(Task.__table__).returning(Task.id)  # type: ignore[arg-type]
_DONE = (
    update(Task.__table__)  # type: ignore[arg-type]
    .where(Task.id == bindparam("task"))
    .values({name: bindparam(name) for name in ("closed_at", "closed_by_id", "assignee_id", "draft")})
)


def record(
    ctx: Context,
    case: Case,
    loaded: revisions.Loaded,
    outcome: engine.Outcome,
    kind: str,
    body: dict[str, Any],
    *,
    actor: Actor | None = None,
    task: Task | None = None,
    choice: Choice | None = None,
    typed: journal.Typed | None = None,
    uploads: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> tuple[list[Task], list[int]]:
    """One event and its whole effect: tasks closed and opened, state kept, papers due, the case ended."""
    definition = loaded.definition
    whole = {
        **body,
        "path": journal.passed(definition, outcome.path),
        "opened": [[o.token, o.step, o.round] for o in outcome.opened],
        "closed": list(outcome.closed) if list(outcome.closed) != ([task.token] if task else []) else None,
        "ends": list(outcome.ends),
        "set": dict(outcome.facts),
        "state": journal.short(outcome.digest),
    }
    body = {name: value for name, value in whole.items() if value}
    step = task.step if task else ""
    lane = task.lane.name if task else ""
    seq = journal.append(
        ctx, case, kind, body, actor=actor.person if actor else None, lane=lane, step=step,
        choice=choice.id if choice else "", typed=typed, uploads=uploads, at=at,
    )  # fmt: skip
    if outcome.facts:
        case.data = forms.merge(case.data, outcome.facts)
    _close(ctx, case, outcome.closed, task, actor)
    case.state, case.state_digest = outcome.state, journal.short(outcome.digest)
    case.next_due = outcome.next_due
    opened = _open(ctx, case, loaded, outcome, seq if choice and choice.returns else None, at or ctx.now)
    if outcome.ended:
        case.status = journal.status(definition, journal.reached(ctx, case.id))
        case.ended_at, case.next_due = at or ctx.now, None
    due = revisions.papers_of(definition, step, choice.id if choice else "", outcome.ends)
    documents = papers.due(ctx, case, seq, due) if due else []
    return opened, documents


def _close(ctx: Context, case: Case, tokens: Sequence[str], task: Task | None, actor: Actor | None) -> None:
    if task is not None and actor is not None:
        by = actor.person.id
        done = {"closed_at": ctx.now, "closed_by_id": by, "assignee_id": by, "draft": None}
        ctx.session.connection().execute(_DONE, {"task": task.id, **done})
        for name, value in done.items():
            set_committed_value(task, name, value)
    others = [token for token in tokens if task is None or token != task.token]
    if others:  # interrupted by what happened: nobody completed them
        ctx.session.execute(
            update(Task)
            .where(Task.case_id == case.id, Task.token.in_(others), Task.closed_at.is_(None))
            .values(closed_at=ctx.now, draft=None)
        )


def _open(
    ctx: Context, case: Case, loaded: revisions.Loaded, outcome: engine.Outcome, returned_seq: int | None, at: datetime
) -> list[Task]:
    rows = []
    for pass_ in outcome.opened:
        step = loaded.definition.steps[pass_.step]
        due = clock.step_due(ctx, loaded.definition, step, case.clock_at)
        theirs = step.lane == loaded.definition.applicant_lane and case.filed_by_id == case.applicant_id
        row = {
            "case_id": case.id,
            "token": pass_.token,
            "step": pass_.step,
            "name": step.name,
            "lane_id": loaded.lanes[step.lane],
            "round": pass_.round,
            "version": 1,
            "applicant_id": case.applicant_id if theirs else None,
            "assignee_id": None,
            "opened_at": at,
            "due_at": due,
            "rank": instant(due) if due else NEVER + instant(at),
            "closed_at": None,
            "returned_seq": returned_seq,
        }
        row["id"] = ctx.session.connection().execute(_OPENED, row).scalar_one()
        rows.append(row)
    return [_kept(ctx, case, row) for row in rows]


def _kept(ctx: Context, case: Case, row: dict[str, Any]) -> Task:
    """A row that was just written as the session's own, as if it had been read."""
    task = Task(**row)
    make_transient_to_detached(task)
    ctx.session.add(task)
    set_committed_value(task, "case", case)
    set_committed_value(task, "assignee", None)
    return task


def numbers_given(ctx: Context, case: Case, step: Step) -> dict[str, str]:
    """The numbers that this step gives and the case does not have yet."""
    lines = sorted(registers.numberings(step.properties.get("register", "")), key=lambda line: line.register)
    return {
        line.key: registers.give(ctx, line.register, line.pattern, case.id)
        for line in lines
        if forms.at(case.data, line.key) is None
    }


def describe(case: Case, loaded: revisions.Loaded, data: Mapping[str, Any]) -> None:
    """What lists show and search finds, from the keys that the process names."""
    properties = loaded.definition.properties
    shown = _texts(data, properties.get("ringkasan", ""))
    case.subject = " · ".join(shown)[:400] or case.subject
    found = [case.number, case.applicant_name, *shown, *_texts(data, properties.get("cari", ""))]
    case.search = " ".join(found).lower()
    case.unique_key = unique_key(loaded, data)


def unique_key(loaded: revisions.Loaded, data: Mapping[str, Any]) -> str | None:
    key = loaded.definition.properties.get("satu_terbuka", "").strip()
    value = forms.at(data, key) if key else None
    return "".join(_plain(value).upper().split())[:200] or None


def _texts(data: Mapping[str, Any], keys: str) -> list[str]:
    values = [forms.at(data, key.strip()) for key in keys.replace("\n", ",").split(",") if key.strip()]
    return [text for value in values if (text := _plain(value))]


def _plain(value: Any) -> str:
    """A value as text that every database keeps; a draft may hold anything."""
    return forms.normal_text(str(value)) if isinstance(value, str | int | float) and value is not False else ""
