"""What there is to see of cases: found by right, and read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import contains_eager, joinedload, undefer
from sqlalchemy.sql.elements import ColumnElement

from app import ends, forms, journal, people, registers, revisions
from app.cases.record import unique_key
from app.cases.refusals import Destroyed, FourEyes, NotFound, NotYours, Refusal, Taken
from app.context import Context
from app.engine.definition import Choice, Definition, Start, Step
from app.models import Case, Document, Event, Person, Task
from app.people import Actor


@dataclass(frozen=True)
class Returned:
    """The return that opened a task: who, when, at which step, why, and what was marked."""

    by: str
    lane: str
    at: datetime
    step: str
    reason: str
    faults: Sequence[Mapping[str, str]]


def case_for(ctx: Context, actor: Actor, case_id: int) -> Case:
    """A case that the actor may see. Raises NotFound, also where it exists for others only."""
    case = ctx.session.scalar(select(Case).where(Case.id == case_id).options(joinedload(Case.revision)))
    if case is None or not people.may_see(actor, case):
        raise NotFound()
    return case


def task_for(ctx: Context, actor: Actor, task_id: int) -> Task:
    """A task, open or closed, whose case the actor may see. Raises NotFound."""
    task = ctx.session.scalar(task_query().where(Task.id == task_id))
    if task is None or not (people.may_see(actor, task.case) or people.may_do(actor, task)):
        raise NotFound()
    return task


def locked(ctx: Context, case_id: int, *, skip: bool = False) -> Case | None:
    """A case with its row locked until the transaction ends; with `skip`, None where somebody else has it."""
    query = (
        select(Case)
        .where(Case.id == case_id)
        .options(joinedload(Case.revision), undefer(Case.data), undefer(Case.state))
    )
    return ctx.session.scalar(
        query.with_for_update(of=Case, skip_locked=skip).execution_options(populate_existing=True)
    )


def open_tasks(ctx: Context, case: Case) -> list[Task]:
    """A case's open tasks, in the order in which they opened."""
    return list(
        ctx.session.scalars(task_query().where(Task.case_id == case.id, Task.closed_at.is_(None)).order_by(Task.id))
    )


def step_of(ctx: Context, task: Task) -> Step:
    """The step that a task is a pass of, as its case's revision drew it."""
    return revisions.load(ctx.session, task.case.revision_id).definition.steps[task.step]


def form_of(ctx: Context, task: Task) -> forms.Form | None:
    """The form of a task, None where its step asks nothing."""
    loaded = revisions.load(ctx.session, task.case.revision_id)
    return loaded.form_of(loaded.definition.steps[task.step])


def asks_nothing(ctx: Context, task: Task) -> bool:
    """Whether a task can be completed without filling in anything: it has no form, or one that takes no answers."""
    form = form_of(ctx, task)
    today = ctx.now.astimezone(ctx.settings.zone).date()
    return form is None or not forms.check(form, {}, data_of(ctx, task.case), lambda _id: None, today=today)[1]


def choices(ctx: Context, task: Task) -> tuple[Choice, ...]:
    """The decisions of a task's step, in drawn order."""
    return step_of(ctx, task).choices


def data_of(ctx: Context, case: Case) -> dict[str, Any]:
    """What was filled in, as it stands: of a case that ended, as its journal tells it."""
    if case.data is not None:
        kept: dict[str, Any] = case.data
        return kept
    loaded = revisions.load(ctx.session, case.revision_id)
    return journal.data(loaded.form_at, journal.entries(ctx, case.id))


def ways_in(actor: Actor, loaded: revisions.Loaded) -> tuple[Start, ...]:
    """The starts at which the actor may open a case of their own.

    An applicant at each, where the SOP has an applicant's lane; everybody else where they hold the start's lane.
    """
    definition = loaded.definition
    if actor.person.applicant and definition.applicant_lane is not None:
        return definition.starts
    return tuple(way for way in definition.starts if loaded.lanes.get(way.lane) in actor.lanes)


def no_way_in(definition: Definition) -> NotYours:
    """What somebody is told who may not open a case of this SOP."""
    if definition.applicant_lane is not None:
        return NotYours("Hanya pemohon, atau petugas loket untuk pemohon, yang dapat mengajukan permohonan ini.")
    lanes = " atau ".join(dict.fromkeys(way.lane for way in definition.starts))
    return NotYours(f"SOP ini tidak menerima permohonan dari luar; yang memulainya {lanes}.")


def sees_all(actor: Actor, case: Case) -> bool:
    """Whether a case is shown as to an official; else as to its applicant."""
    return case.sop in actor.sops or actor.person.auditor


def for_applicant(ctx: Context, case: Case, data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a case's data, what the applicant's own forms show, and the numbers given."""
    keys = keys_for_applicant(revisions.load(ctx.session, case.revision_id))
    return forms.nested({key: value for key in keys if (value := forms.at(data, key)) is not None})


def keys_for_applicant(loaded: revisions.Loaded) -> list[str]:
    """The keys of a case's data that its applicant may read, and all that lies under them."""
    keys: list[str] = []
    for step in loaded.definition.steps.values():
        keys += [line.key for line in registers.numberings(step.properties.get("register", ""))]
        form = loaded.form_of(step)
        if form and step.lane == loaded.definition.applicant_lane:
            keys += [pointer[1:].replace("/", ".") for pointer in form.shown]
    return keys


def values(ctx: Context, task: Task, form: forms.Form | None) -> dict[str, Any]:
    """What a task's form shows at first: the case's data, under the draft where there is one."""
    data = data_of(ctx, task.case)
    return forms.apply(form, data, task.draft) if form and task.draft else dict(data)


def returned(ctx: Context, task: Task) -> Returned | None:
    """The return that opened this task, if one did."""
    if task.returned_seq is None:
        return None
    entry = next(e for e in journal.entries(ctx, task.case_id) if e.seq == task.returned_seq)
    definition = revisions.load(ctx.session, task.case.revision_id).definition
    return Returned(entry.by, entry.lane, entry.at, definition.steps[entry.step].name, entry.note, entry.faults)


def duplicates(ctx: Context, case: Case, data: Mapping[str, Any] | None = None) -> list[Case]:
    """Other open cases of the same SOP with the same value of its `satu_terbuka` key, in `data` or as stored."""
    key = unique_key(revisions.load(ctx.session, case.revision_id), data) if data is not None else case.unique_key
    if not key:
        return []
    same = select(Case).where(
        Case.sop == case.sop, Case.unique_key == key, Case.status == "open", Case.id != case.id
    )  # fmt: skip
    return list(ctx.session.scalars(same.order_by(Case.id)))


def may_take(ctx: Context, actor: Actor, task: Task) -> Refusal | None:
    """Why the actor may not work on an open task, or None where they may."""
    if not people.may_do(actor, task):
        return NotYours()
    if holder := taken_by(ctx, actor, task):
        return Taken(f"Langkah ini sedang dikerjakan {holder.full_name}.")
    return four_eyes(ctx, actor, task)


def taken_by(ctx: Context, actor: Actor, task: Task) -> Person | None:
    """Who else is at work on an open task: whoever claimed it, while they are there and it is still theirs to do."""
    if task.assignee_id in (None, actor.person.id):
        return None
    # Not `task.assignee`: who waited for the row has the claim of meanwhile, but still nobody beside it.
    holder = ctx.session.get_one(Person, task.assignee_id)
    return holder if people.can_still(ctx.session, holder, task, ctx.now) else None


def journal_for(ctx: Context, actor: Actor, case: Case) -> list[journal.Entry]:
    """A case's events as the actor may read them: an applicant is not shown what officers note among themselves."""
    everything = journal.entries(ctx, case.id)
    if sees_all(actor, case):
        return everything
    definition = revisions.load(ctx.session, case.revision_id).definition
    own = {s.id for s in definition.steps.values() if s.lane == definition.applicant_lane}
    return [e if _for_applicant(e, own) else journal.without_typed(e) for e in everything if e.kind != "note"]


def documents(ctx: Context, actor: Actor, case: Case) -> list[Document]:
    """A case's papers, in the order in which they became due; those for the office only are not the applicant's."""
    query = select(Document).where(Document.case_id == case.id).order_by(Document.id)
    if not sees_all(actor, case):
        query = query.where(~Document.internal)
    return list(ctx.session.scalars(query))


def document(ctx: Context, actor: Actor, document_id: int) -> Document:
    """One paper that the actor may read. Raises NotFound, Destroyed."""
    found = ctx.session.get(Document, document_id)
    if found is None:
        raise NotFound()
    case = case_for(ctx, actor, found.case_id)
    if found not in documents(ctx, actor, case):
        raise NotFound()
    if case.destroyed_at is not None:
        raise Destroyed()
    return found


def _for_applicant(entry: journal.Entry, own: set[str]) -> bool:
    """What the applicant typed or asked, what was returned to them, what they were answered, why a number of theirs was
    struck out and why their case was ended, opened again, corrected or revoked; not what officers said when they
    passed it on.
    """
    if entry.kind in ("assign", "postpone"):
        return False
    told = entry.step in own or entry.kind in ("question", "answer", "void", *ends.VERBS)
    return told or any(step in own for _, step, _ in entry.body.get("opened", ()))


def tracked(ctx: Context, number: str, code: str) -> Case | None:
    """The case of this number, if the code is its own; takes no note of which of the two was wrong."""
    case = ctx.session.scalar(select(Case).where(Case.number == number.strip()).options(joinedload(Case.revision)))
    fits = secrets.compare_digest((case.code if case else "").encode(), code.strip().upper().encode())
    return case if case and fits else None


def visible_cases(actor: Actor, q: str = "", status: str = "", before: int | None = None) -> Select[Case]:
    """The cases that the actor may see, newest first, with their revision: all words of `q`, older than `before`."""
    query = select(Case).options(joinedload(Case.revision)).order_by(Case.id.desc())
    if not actor.person.auditor:
        query = query.where(or_(own(actor), Case.sop.in_(actor.sops)))
    if status:
        query = query.where(Case.status == status)
    for word in q.lower().split()[:5]:
        query = query.where(Case.search.contains(word, autoescape=True))
    return query.where(Case.id < min(before, 2**31 - 1)) if before else query


def own(actor: Actor) -> ColumnElement[bool]:
    """The cases that are the actor's as an applicant: applied for, filed, or a principal's."""
    by_proxy = [
        (Case.applicant_id == m.principal) & (Case.sop == m.sop) if m.sop else Case.applicant_id == m.principal
        for m in actor.principals
    ]
    return or_(Case.applicant_id == actor.person.id, Case.filed_by_id == actor.person.id, *by_proxy)


def task_query() -> Select[Task]:
    return (
        select(Task)
        .join(Task.case)
        .join(Task.lane)
        .outerjoin(Task.assignee)
        .options(
            contains_eager(Task.case),
            contains_eager(Task.case).undefer(Case.data),
            contains_eager(Task.lane),
            contains_eager(Task.assignee).load_only(Person.full_name),
            undefer(Task.draft),
        )
    )


def four_eyes(ctx: Context, actor: Actor, task: Task) -> FourEyes | None:
    """Nobody checks their own work: the last performer of a step named in `empat_mata` may not do this one.

    What a deputy does is theirs and that of the person whom they act for: neither checks it, neither's deputy does.
    """
    others = step_of(ctx, task).properties.get("empat_mata", "").replace(",", " ").split()
    if not others:
        return None
    mine = {actor.person.id, *_whose(people.on_behalf(actor, task))}
    for other in others:
        last = ctx.session.execute(
            select(Event.actor_id, Event.body)
            .where(Event.case_id == task.case_id, Event.step == other, Event.kind == "complete")
            .order_by(Event.seq.desc())
            .limit(1)
        ).first()
        if last is None:
            continue
        theirs = {last.actor_id, *_whose(last.body)}
        if actor.person.id == last.actor_id:
            return FourEyes()
        if mine & theirs:
            return FourEyes(
                "Langkah ini harus diperiksa orang lain: langkah sebelumnya dikerjakan oleh, atau atas nama, orang "
                "yang Anda wakili atau yang mewakili Anda."
            )
    return None


def _whose(body: Mapping[str, Any]) -> list[int]:
    """The person on whose behalf an event was done, if it was."""
    return [body["an"]["id"]] if "an" in body else []
