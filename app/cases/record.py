"""One event and its whole effect, in one transaction: the only way in which a case moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm.attributes import set_committed_value

from app import clock, database, drawn, engine, forms, journal, messages, papers, people, registers, revisions, standing
from app.cases.refusals import WrongNumber
from app.context import Context
from app.engine.definition import Choice, Definition, Step
from app.models import NEVER, Case, Task, instant
from app.people import Actor

# Every completion writes these two: as statements they cost a third of what the session's unit of work takes for them.
_OPENED = insert(Task.__table__).inline()  # type: ignore[arg-type]  # nobody asks for the ids
_CLOSING = ("closed_at", "closed_by_id", "assignee_id", "draft", "postponed_until")
_DONE = (
    update(Task.__table__)  # type: ignore[arg-type]
    .where(Task.id == bindparam("task"))
    .values({name: bindparam(name) for name in _CLOSING})
)


def record(
    ctx: Context,
    case: Case,
    loaded: revisions.Loaded,
    outcome: engine.Outcome,
    kind: str,
    body: dict[str, Any],
    data: Mapping[str, Any],
    *,
    actor: Actor | None = None,
    task: Task | None = None,
    lane: str = "",
    step: str = "",
    choice: Choice | None = None,
    typed: journal.Typed | None = None,
    uploads: Mapping[str, str] | None = None,
    at: datetime | None = None,
    changes: Mapping[str, Any] | None = None,
    draft: Mapping[str, Any] | None = None,
    unbegun: bool = False,
) -> tuple[int, bool]:
    """One event and its whole effect: tasks closed and opened, state kept, papers due, messages written, case ended.
    Gives the event's number, and whether papers are due.

    `data` is what was filled in by now, `changes` what else becomes of the case's own row, `draft` the draft of every
    task that opens. `lane` and `step` say where it happened, where there is no `task` to say so;
    `unbegun` that what started the clock is taken back.
    """
    definition = loaded.definition
    whole = {
        **body,
        **(people.on_behalf(actor, task) if actor and task else {}),
        "path": journal.passed(definition, outcome.path),
        "opened": [[o.token, o.step, o.round] for o in outcome.opened],
        "closed": list(outcome.closed) if list(outcome.closed) != ([task.token] if task else []) else None,
        "ends": list(outcome.ends),
        "ended": outcome.ended,
        "set": dict(outcome.facts),
        "state": journal.short(outcome.digest),
    }
    body = {name: value for name, value in whole.items() if value}
    step, lane = (task.step, task.lane.name) if task else (step, lane)
    returned_seq = case.seq + 1 if choice and choice.returns else None
    undoing = kind in journal.UNDOING
    starts = kind == "complete" and case.clock_at is None and clock.begins(definition, step)
    if unbegun:
        time = clock.unbegun(outcome)
    else:
        time = clock.after(ctx, case, definition, outcome, at or ctx.now, starts=starts)
    body |= {name: value for name, value in time.told.items() if value is not None}
    moved = {**(changes or {}), **time.changes, **_after(ctx, case, definition, outcome, kind, data, at or ctx.now)}
    moved = {name: value for name, value in moved.items() if getattr(case, name) != value}
    rows = [] if undoing else _opened(case, loaded, outcome, returned_seq, at or ctx.now, time.dues, draft)
    with database.together(ctx.session):
        seq = journal.append(
            ctx, case, kind, body, actor=actor.person if actor else None, lane=lane, step=step,
            choice=choice.id if choice else "", typed=typed, uploads=uploads, at=at, changes=moved,
        )  # fmt: skip
        if task is not None and actor is not None:
            _close(ctx, task, actor)
        for row in rows:
            ctx.session.connection().execute(_OPENED, row)
    _interrupt(ctx, case, [token for token in outcome.closed if task is None or token != task.token])
    if undoing:
        _open_again(ctx, case, loaded, outcome, draft)
    if time.moved or undoing:
        move_due_dates(ctx, case, time.dues)
    place = (step, choice.id if choice else "", outcome.ends, outcome.path)
    told = drawn.texts_of(definition, *place) if kind in journal.DRAWN else []
    wanted = drawn.papers_at(definition, kind, *place)
    inputs = papers.frozen(ctx, case) if told or wanted else {}
    messages.tell(ctx, case, seq, told, inputs, on_paper=ctx.now if ctx.paper and actor else None)
    return seq, papers.due(ctx, case, seq, wanted, inputs)


def _after(
    ctx: Context,
    case: Case,
    definition: Definition,
    outcome: engine.Outcome,
    kind: str,
    data: Mapping[str, Any],
    at: datetime,
) -> dict[str, Any]:
    """What becomes of the case's row; an ended case needs no data and state: its journal has them."""
    digest = journal.short(outcome.digest)
    if outcome.ended:
        status = journal.STOPS.get(kind) or journal.status(definition, [*journal.reached(ctx, case.id), *outcome.ends])
        over = {"status": status, "ended_at": at, "paused_at": None, "data": None, "state": b"", "state_digest": digest}
        return {**over, "next_due": at + standing.KEPT}
    data = forms.merge(data, outcome.facts) if outcome.facts else data
    here = {"status": "open", "ended_at": None}
    return {**here, "data": data, "state": outcome.state, "state_digest": digest}


def _close(ctx: Context, task: Task, actor: Actor) -> None:
    by = actor.person.id
    done = {"closed_at": ctx.recorded_at, "closed_by_id": by, "assignee_id": by, "draft": None, "postponed_until": None}
    ctx.session.connection().execute(_DONE, {"task": task.id, **done})
    for name, value in done.items():
        set_committed_value(task, name, value)


def _interrupt(ctx: Context, case: Case, tokens: Sequence[str]) -> None:
    """Closes tasks that what happened has ended: nobody completed them."""
    if tokens:
        ctx.session.execute(
            update(Task)
            .where(Task.case_id == case.id, Task.token.in_(tokens), Task.closed_at.is_(None))
            .values(closed_at=ctx.recorded_at, draft=None, postponed_until=None)
        )


def _open_again(
    ctx: Context, case: Case, loaded: revisions.Loaded, outcome: engine.Outcome, draft: Mapping[str, Any] | None
) -> None:
    """Tasks of before are open again, as nobody's work yet; a page of theirs that is still open somewhere is stale."""
    kept = {"draft": dict(draft), "draft_at": ctx.now} if draft else {}
    opened = (
        update(Task)
        .where(Task.case_id == case.id, Task.token.in_([again.token for again in outcome.opened]))
        .values(closed_at=None, closed_by_id=None, version=Task.version + 1, **kept)
    )
    result: Any = ctx.session.execute(opened)
    if not result.rowcount:  # put away since
        ctx.session.execute(insert(Task), standing.rows(case, loaded, journal.entries(ctx, case.id)))
        ctx.session.execute(opened)


def put_away(ctx: Context, case: Case) -> int:
    """Takes what an ended case still has in inboxes out of them: its journal knows it. For a locked case."""
    case.next_due = None
    result: Any = ctx.session.execute(delete(Task).where(Task.case_id == case.id))
    return int(result.rowcount)


def move_due_dates(ctx: Context, case: Case, dues: Mapping[str, datetime | None]) -> int:
    """Gives a case's open tasks the due dates of their steps; how many had another."""
    moved = 0
    for task in ctx.session.scalars(select(Task).where(Task.case_id == case.id, Task.closed_at.is_(None))):
        due = dues.get(task.step)
        if task.due_at != due:
            task.due_at, moved = due, moved + 1
            task.rank = instant(due) if due else NEVER + instant(task.opened_at)
    return moved


def _opened(
    case: Case,
    loaded: revisions.Loaded,
    outcome: engine.Outcome,
    returned_seq: int | None,
    at: datetime,
    dues: Mapping[str, datetime | None],
    draft: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """The rows of the tasks that open."""
    rows = []
    for pass_ in outcome.opened:
        step = loaded.definition.steps[pass_.step]
        due = dues.get(pass_.step)
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
            "draft": dict(draft) if draft else None,
            "draft_at": at if draft else None,
        }
        rows.append(row)
    return rows


def numbers_given(ctx: Context, case: Case, step: Step) -> dict[str, str]:
    """The numbers that this step gives, by key."""
    lines = sorted(unnumbered(ctx, case, step), key=lambda line: line.register)
    return {line.key: numbered(ctx, line.key, line.register, line.pattern, case.id) for line in lines}


def unnumbered(ctx: Context, case: Case, step: Step) -> list[registers.Numbering]:
    """Those of a step's numbers that an open case does not have yet, or has no more since they were struck out."""
    return [
        line
        for line in registers.numberings(step.properties.get("register", ""))
        if (had := forms.at(case.data, line.key)) is None or registers.is_void(ctx, line.register, str(had), case.id)
    ]


def numbered(ctx: Context, key: str, register: str, pattern: str, case_id: int, yearly: bool = True) -> str:
    """The next number of a register; of what is entered from paper the one that was written there, if one was.

    That one was set aside for it, or else is just the next. Raises WrongNumber.
    """
    written = " ".join(ctx.paper.numbers.get(key, "").split()) if ctx.paper else ""
    if not written:
        return registers.give(ctx, register, pattern, case_id, yearly=yearly)
    try:
        return registers.use(ctx, register, written, case_id)
    except registers.NotUsable as refused:
        if registers.find(ctx, register, written) is not None:
            raise WrongNumber(refused.message, key=key) from None
    attempt = ctx.session.begin_nested()
    following = registers.give(ctx, register, pattern, case_id, yearly=yearly)
    if following == written:
        attempt.commit()
        return following
    attempt.rollback()
    raise WrongNumber(
        f"Nomor {written} tidak disisihkan dari “{register}” dan bukan nomor berikutnya ({following}). Periksa "
        "tulisannya di kertas.",
        key=key,
    )


def described(case: Case, loaded: revisions.Loaded, data: Mapping[str, Any]) -> dict[str, Any]:
    """What lists show and search finds, from the keys that the process names: columns of the case."""
    properties = loaded.definition.properties
    shown = _texts(data, properties.get("ringkasan", ""))
    found = [case.number, case.applicant_name, *shown, *_texts(data, properties.get("cari", ""))]
    return {
        "subject": " · ".join(shown)[:400] or case.subject,
        "search": " ".join(found).lower(),
        "unique_key": unique_key(loaded, data),
    }


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
