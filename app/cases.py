"""What a person can do to a case. Each verb finds, checks and acts in one transaction, and never commits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import contains_eager, joinedload, undefer

from app import clock, engine, forms, journal, papers, people, registers, revisions
from app.context import Context
from app.engine.definition import Choice, Step
from app.models import Case, Document, Lane, Person, Revision, Task, Upload, canonical, instant
from app.people import Actor

ENDS = {"selesai": "ended", "ditolak": "refused", "ditarik": "withdrawn", "gugur": "lapsed"}
NOTE_LIMIT = 4000
DRAFT_LIMIT = 256 * 1024


class Refusal(Exception):
    """Something a person may not do, or not now: `message` says so in their language."""

    message = "Permintaan ini tidak dapat dilakukan."

    def __init__(self, message: str = "", **facts: Any) -> None:
        self.message = message or self.message
        self.facts = facts
        super().__init__(self.message)


class NotFound(Refusal):
    message = "Yang Anda cari tidak ada, atau bukan untuk Anda."


class NotYours(Refusal):
    message = "Langkah ini bukan bagian Anda."


class FourEyes(NotYours):
    message = "Langkah ini harus diperiksa orang lain: Anda sudah mengerjakan langkah sebelumnya."


class AlreadyDone(Refusal):
    """`by` and `at` say who completed it and when."""

    message = "Langkah ini sudah dikerjakan."


class CaseEnded(AlreadyDone):
    message = "Permohonan ini sudah berakhir."


class Taken(Refusal):
    message = "Langkah ini sedang dikerjakan orang lain."


class Stale(Refusal):
    message = "Halaman ini sudah tidak mutakhir. Muat ulang, lalu coba lagi."


class Invalid(Refusal):
    """Fields are at fault; `faults` says which."""

    message = "Ada isian yang perlu diperbaiki."

    def __init__(self, faults: Sequence[forms.Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__()


class ChoiceNeeded(Refusal):
    message = "Pilih salah satu keputusan."


class ReasonNeeded(Refusal):
    message = "Tulis alasan pengembalian."


class TooLarge(Refusal):
    message = "Isian terlalu panjang."


class NoSuchSop(NotFound):
    message = "Layanan ini tidak ada atau sudah tidak berlaku."


class CannotGoOn(Refusal):
    """The diagram leads nowhere from here; nothing was saved."""

    message = "SOP tidak dapat melanjutkan permohonan ini dari langkah ini. Isian Anda belum dikirim; hubungi pemilik SOP."


@dataclass(frozen=True)
class Completion:
    """What completing a step did: the case, every task that opened (in any lane), the papers that became due."""

    case: Case
    opened: list[Task]
    documents: list[int]


@dataclass(frozen=True)
class Returned:
    """The return that opened a task: who, when, at which step, why, and what was marked."""

    by: str
    lane: str
    at: datetime
    step: str
    reason: str
    faults: Sequence[Mapping[str, str]]


# Verbs


def open_case(
    ctx: Context,
    actor: Actor,
    sop: str,
    *,
    data: Mapping[str, Any] | None = None,
    start: str | None = None,
    on_behalf_of: str | None = None,
    previous: Case | None = None,
) -> Case:
    """Opens a case under the revision in force; `data` becomes the draft of its first tasks.

    `on_behalf_of` is somebody's login name, or the name of a walk-in applicant; only the counter may give it.
    Raises NoSuchSop, NotYours, Invalid (an unknown start), TooLarge.
    """
    revision = revisions.in_force(ctx.session, sop)
    if revision is None:
        raise NoSuchSop()
    loaded = revisions.load(ctx.session, revision)
    applicant, name = _applicant(ctx, actor, sop, on_behalf_of)
    _check_draft(data or {})
    definition = loaded.definition
    facts = engine.facts(definition, {})
    try:
        outcome = engine.start(definition, start, facts, ctx.now)
    except engine.UnknownStart:
        raise Invalid([forms.Fault("/start", "Jalan masuk ini tidak ada pada SOP yang berlaku.")]) from None
    except engine.RoutingError as error:
        raise CannotGoOn() from error
    case = Case(
        number=f"?{secrets.token_hex(8)}",
        code=_tracking_code(),
        sop=sop,
        revision_id=revision.id,
        applicant_id=applicant.id if applicant else None,
        applicant_name=name,
        filed_by_id=actor.person.id,
        previous_id=previous.id if previous else None,
        opened_at=ctx.now,
        data={},
    )
    ctx.session.add(case)
    ctx.session.flush()
    pattern = definition.properties.get("nomor_permohonan") or "{tahun}/{urut:6}"
    case.number = registers.give(ctx, f"permohonan {sop}", pattern, case.id)
    case.revision = revision
    body = {"start": start or "", "facts": facts, "revision": loaded.seal, "number": case.number}
    opened, _ = _record(ctx, case, loaded, outcome, "start", body, actor=actor)
    for task in opened:
        task.draft = dict(data) if data else None
        task.draft_at = ctx.now if data else None
    _describe(case, loaded, data or {})
    ctx.session.flush()
    return case


def claim(ctx: Context, actor: Actor, task_id: int) -> Task:
    """Takes an open task; taking one's own again changes nothing. Raises as `_open_task`, Taken."""
    task = _open_task(ctx, actor, task_id)
    if task.assignee_id != actor.person.id:
        task.assignee_id, task.assignee = actor.person.id, actor.person
        journal.append(ctx, task.case, "claim", {"token": task.token}, actor=actor.person, lane=task.lane.name, step=task.step)
    return task


def release(ctx: Context, actor: Actor, task_id: int) -> Task:
    """Puts a task that one had taken back into the lane's inbox; its draft stays."""
    task = _open_task(ctx, actor, task_id)
    if task.assignee_id is not None:
        task.assignee_id = task.assignee = None
        task.version += 1
        journal.append(ctx, task.case, "release", {"token": task.token}, actor=actor.person, lane=task.lane.name, step=task.step)
    return task


def save_draft(ctx: Context, actor: Actor, task_id: int, answers: Mapping[str, Any]) -> Task:
    """Keeps what was typed so far, unchecked. Raises TooLarge and as `_open_task`."""
    _check_draft(answers)
    task = _open_task(ctx, actor, task_id)
    task.draft, task.draft_at = dict(answers), ctx.now
    return task


def complete(
    ctx: Context,
    actor: Actor,
    task_id: int,
    answers: Mapping[str, Any],
    choice: str | None = None,
    note: str = "",
    faults: Sequence[Mapping[str, str]] = (),
    version: int | None = None,
) -> Completion:
    """Completes a task: its form is checked, the diagram goes on, and all of it is one event.

    Raises NotFound, NotYours, FourEyes, AlreadyDone, Taken, Stale, Invalid, ChoiceNeeded, ReasonNeeded, TooLarge,
    CannotGoOn.
    """
    task = _open_task(ctx, actor, task_id)
    if version is not None and version != task.version:
        raise Stale()
    case, loaded = task.case, revisions.load(ctx.session, task.case.revision)
    step = loaded.definition.steps[task.step]
    taken = _taken(step, choice)
    note, faults = _remarks(note, faults, taken)
    form = loaded.form_of(step)
    clean, uploads = _checked(ctx, actor, case, form, answers)
    numbers = _numbers(ctx, case, step)
    data = forms.merge(forms.apply(form, case.data, clean) if form else case.data, registers.as_data(numbers))
    facts = engine.facts(loaded.definition, data)
    try:
        outcome = engine.complete(loaded.definition, case.state, task.token, facts, taken.id if taken else None, ctx.now)
    except engine.RoutingError as error:
        raise CannotGoOn() from error
    case.data = data
    if clean:
        _describe(case, loaded, data)
    if step.properties.get("jam") == "mulai" and case.clock_at is None:
        case.clock_at = ctx.now
        case.due_at = clock.case_due(ctx, loaded.definition, ctx.now)
    body = {"token": task.token, "facts": facts, **({"numbers": numbers} if numbers else {})}
    typed = journal.Typed(clean, note, faults, {u.id: u.sha256 for u in uploads}) if clean or note or faults else None
    return Completion(
        case,
        *_record(ctx, case, loaded, outcome, "complete", body, actor=actor, task=task, choice=taken, typed=typed),
    )


def fire_due(ctx: Context, case: Case) -> int:
    """Fires what has become due in a case whose row is locked, in due order, each as its own event; how many."""
    fired = 0
    while case.status == "open" and case.next_due is not None and case.next_due <= ctx.now:
        loaded = revisions.load(ctx.session, case.revision)
        facts = engine.facts(loaded.definition, case.data)
        outcome = engine.fire(loaded.definition, case.state, facts, ctx.now)
        if outcome is None:
            case.next_due = None
            break
        _record(ctx, case, loaded, outcome, "timer", {"facts": facts}, at=outcome.at)
        fired += 1
    return fired


# Readers


def case_for(ctx: Context, actor: Actor, case_id: int) -> Case:
    """A case that the actor may see. Raises NotFound, also where it exists for others only."""
    case = ctx.session.scalar(select(Case).where(Case.id == case_id).options(joinedload(Case.revision)))
    if case is None or not people.may_see(actor, case):
        raise NotFound()
    return case


def task_for(ctx: Context, actor: Actor, task_id: int) -> Task:
    """A task, open or closed, whose case the actor may see. Raises NotFound."""
    task = ctx.session.scalar(_tasks().where(Task.id == task_id))
    if task is None or not (people.may_see(actor, task.case) or people.may_do(actor, task)):
        raise NotFound()
    return task


def locked(ctx: Context, case_id: int, *, skip: bool = False) -> Case | None:
    """A case with its row locked until the transaction ends; with `skip`, None where somebody else has it."""
    query = select(Case).where(Case.id == case_id).options(joinedload(Case.revision), undefer(Case.data), undefer(Case.state))
    return ctx.session.scalar(
        query.with_for_update(of=Case, skip_locked=skip).execution_options(populate_existing=True)
    )


def open_tasks(ctx: Context, case: Case) -> list[Task]:
    """A case's open tasks, in the order in which they opened."""
    return list(ctx.session.scalars(_tasks().where(Task.case_id == case.id, Task.closed_at.is_(None)).order_by(Task.id)))


def step_of(ctx: Context, task: Task) -> Step:
    """The step that a task is a pass of, as its case's revision drew it."""
    return revisions.load(ctx.session, task.case.revision).definition.steps[task.step]


def form_of(ctx: Context, task: Task) -> forms.Form | None:
    """The form of a task, None where its step asks nothing."""
    loaded = revisions.load(ctx.session, task.case.revision)
    return loaded.form_of(loaded.definition.steps[task.step])


def choices(ctx: Context, task: Task) -> tuple[Choice, ...]:
    """The decisions of a task's step, in drawn order."""
    return step_of(ctx, task).choices


def values(task: Task, form: forms.Form | None) -> dict[str, Any]:
    """What a task's form shows at first: the case's data, under the draft where there is one."""
    return forms.apply(form, task.case.data, task.draft) if form and task.draft else dict(task.case.data)


def returned(ctx: Context, task: Task) -> Returned | None:
    """The return that opened this task, if one did."""
    if task.returned_seq is None:
        return None
    entry = next(e for e in journal.entries(ctx, task.case_id) if e.seq == task.returned_seq)
    definition = revisions.load(ctx.session, task.case.revision).definition
    return Returned(entry.actor, entry.lane, entry.at, definition.steps[entry.step].name, entry.note, entry.faults)


def duplicates(ctx: Context, case: Case, data: Mapping[str, Any] | None = None) -> list[Case]:
    """Other open cases of the same SOP with the same value of its `satu_terbuka` key, in `data` or as stored."""
    key = _unique_key(revisions.load(ctx.session, case.revision), data) if data is not None else case.unique_key
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
    if task.assignee_id not in (None, actor.person.id):
        return Taken(f"Langkah ini sedang dikerjakan {task.assignee.full_name}." if task.assignee else "")
    return _four_eyes(ctx, actor, task)


def journal_for(ctx: Context, actor: Actor, case: Case) -> list[journal.Entry]:
    """A case's events as the actor may read them: an applicant is not shown what officers note among themselves."""
    everything = journal.entries(ctx, case.id)
    if case.sop in actor.sops or actor.person.auditor:
        return everything
    definition = revisions.load(ctx.session, case.revision).definition
    own = {s.id for s in definition.steps.values() if s.lane == definition.applicant_lane}
    return [e if _for_applicant(e, own) else journal.without_typed(e) for e in everything]


def documents(ctx: Context, actor: Actor, case: Case) -> list[Document]:
    """A case's papers, in the order in which they became due; those for the office only are not the applicant's."""
    query = select(Document).where(Document.case_id == case.id).order_by(Document.id)
    if not (case.sop in actor.sops or actor.person.auditor):
        query = query.where(~Document.internal)
    return list(ctx.session.scalars(query))


def document(ctx: Context, actor: Actor, document_id: int) -> Document:
    """One paper that the actor may read. Raises NotFound."""
    found = ctx.session.get(Document, document_id)
    if found is None or found not in documents(ctx, actor, case_for(ctx, actor, found.case_id)):
        raise NotFound()
    return found


def _for_applicant(entry: journal.Entry, own: set[str]) -> bool:
    """What the applicant typed, and what was returned to them."""
    return entry.step in own or any(step in own for _, step, _ in entry.body.get("opened", ()))


# Find and check


def _tasks() -> Select[tuple[Task]]:
    return (
        select(Task)
        .join(Task.case)
        .join(Case.revision)
        .join(Task.lane)
        .outerjoin(Task.assignee)
        .options(
            contains_eager(Task.case).contains_eager(Case.revision),
            contains_eager(Task.case).undefer(Case.data),
            contains_eager(Task.lane),
            contains_eager(Task.assignee),
            undefer(Task.draft),
        )
    )


def _open_task(ctx: Context, actor: Actor, task_id: int) -> Task:
    """An open task that the actor may work on, its case locked and what was due in it fired.

    Raises NotFound, NotYours, FourEyes, AlreadyDone (CaseEnded), Taken.
    """
    task = ctx.session.scalar(
        _tasks()
        .options(contains_eager(Task.case).undefer(Case.state))
        .where(Task.id == task_id)
        .with_for_update(of=Case)
        .execution_options(populate_existing=True)
    )
    if task is None or not (people.may_see(actor, task.case) or people.may_do(actor, task)):
        raise NotFound()
    if not people.may_do(actor, task):
        raise NotYours()
    if fire_due(ctx, task.case):
        ctx.session.flush()
        ctx.session.refresh(task)
    if task.closed_at is not None:
        raise _already_done(ctx, task)
    if refusal := may_take(ctx, actor, task):
        raise refusal
    return task


def _already_done(ctx: Context, task: Task) -> AlreadyDone:
    by = ctx.session.get(Person, task.closed_by_id) if task.closed_by_id else None
    if by is None:
        kind, who = (AlreadyDone, "") if task.case.status == "open" else (CaseEnded, "")
        return kind(at=task.closed_at, by=who)
    local = task.closed_at.astimezone(ctx.settings.zone) if task.closed_at else ctx.now
    return AlreadyDone(
        f"Langkah ini sudah dikerjakan oleh {by.full_name} pada {local:%H.%M}.", by=by.full_name, at=task.closed_at
    )


def _four_eyes(ctx: Context, actor: Actor, task: Task) -> FourEyes | None:
    """Nobody checks their own work: the last performer of a step named in `empat_mata` may not do this one."""
    others = step_of(ctx, task).properties.get("empat_mata", "").replace(",", " ").split()
    for other in others:
        last = ctx.session.scalar(
            select(Task.closed_by_id)
            .where(Task.case_id == task.case_id, Task.step == other, Task.closed_by_id.is_not(None))
            .order_by(Task.closed_at.desc())
            .limit(1)
        )
        if last == actor.person.id:
            return FourEyes()
    return None


def _applicant(ctx: Context, actor: Actor, sop: str, on_behalf_of: str | None) -> tuple[Person | None, str]:
    """Whose case it will be: a person, or a walk-in's name. Raises NotYours."""
    if on_behalf_of is not None and (name := on_behalf_of.strip()):
        if sop not in actor.counter:
            raise NotYours("Hanya petugas loket yang dapat mengajukan untuk orang lain.")
        person = ctx.session.scalar(select(Person).where(Person.name == name, Person.active, Person.applicant))
        return person, person.full_name if person else name[:200]
    if actor.person.applicant:
        return actor.person, actor.person.full_name
    own = ctx.session.scalar(select(Lane).where(Lane.sop == sop, Lane.applicant, Lane.id.in_(actor.lanes)))
    if own is None:
        raise NotYours("Hanya pemohon, atau petugas loket untuk pemohon, yang dapat mengajukan permohonan ini.")
    return None, actor.person.full_name


def _taken(step: Step, choice: str | None) -> Choice | None:
    """The choice among the step's own. Raises ChoiceNeeded where it has some and none of them was given."""
    if not step.choices:
        if choice:
            raise ChoiceNeeded("Langkah ini tidak meminta keputusan.")
        return None
    for known in step.choices:
        if known.id == choice:
            return known
    raise ChoiceNeeded()


def _remarks(
    note: str, faults: Sequence[Mapping[str, str]], taken: Choice | None
) -> tuple[str, list[dict[str, str]]]:
    """The note and the marked fields as they will be kept. Raises ReasonNeeded, TooLarge."""
    note = forms.normal_text(note or "")
    if taken and taken.returns and not note:
        raise ReasonNeeded()
    kept = [{name: forms.normal_text(str(f.get(name) or "")) for name in ("pointer", "message")} for f in faults]
    if len(note) > NOTE_LIMIT or len(canonical(kept)) > DRAFT_LIMIT:
        raise TooLarge()
    return note, kept


def _checked(
    ctx: Context, actor: Actor, case: Case, form: forms.Form | None, answers: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Upload]]:
    """The answers as the form takes them and the uploads among them, bound to the case. Raises Invalid."""
    if form is None:
        return {}, []
    used: dict[str, Upload] = {}

    def find(upload_id: str) -> forms.UploadInfo | None:
        upload = ctx.session.get(Upload, upload_id)
        if upload is None or not (upload.case_id == case.id or (upload.case_id is None and upload.person_id == actor.person.id)):
            return None
        used[upload.id] = upload
        return forms.UploadInfo(upload.name, upload.media_type, upload.size)

    today = ctx.now.astimezone(ctx.settings.zone).date()
    clean, faults = forms.check(form, answers, case.data, find, today=today)
    if faults:
        raise Invalid(faults)
    for upload in used.values():
        upload.case_id = case.id
    return clean, list(used.values())


def _check_draft(answers: Mapping[str, Any]) -> None:
    if len(canonical(answers)) > DRAFT_LIMIT:
        raise TooLarge()


# Act


def _record(
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
    at: datetime | None = None,
) -> tuple[list[Task], list[int]]:
    """One event and its whole effect: tasks closed and opened, state kept, papers due, the case ended."""
    definition = loaded.definition
    body = {
        **body,
        "path": list(outcome.path),
        "opened": [[o.token, o.step, o.round] for o in outcome.opened],
        "closed": list(outcome.closed),
        "state": outcome.digest,
        **({"ends": list(outcome.ends)} if outcome.ends else {}),
    }
    step = task.step if task else ""
    lane = task.lane.name if task else ""
    seq = journal.append(
        ctx, case, kind, body, actor=actor.person if actor else None, lane=lane, step=step,
        choice=choice.id if choice else "", typed=typed, at=at,
    )  # fmt: skip
    if outcome.facts:
        case.data = {**case.data, **outcome.facts}
    _close(ctx, case, outcome.closed, task, actor)
    case.state, case.state_digest, case.next_due = outcome.state, outcome.digest, outcome.next_due
    ended = [definition.ends[end] for end in outcome.ends if end in definition.ends]
    opened = _open(ctx, case, loaded, outcome, seq if choice and choice.returns else None, at or ctx.now)
    if outcome.ended:
        statuses = [ENDS.get(end.properties.get("status", "selesai"), "ended") for end in ended]
        case.status = next((s for s in statuses if s != "ended"), "ended")
        case.ended_at, case.next_due, case.state = at or ctx.now, None, b""
        for end in ended:
            if end.properties.get("permohonan_baru") == "ya":
                _follow_up(ctx, case)
    wanted = [definition.steps[step].properties.get("dokumen", "")] if task else []
    wanted += [choice.properties.get("dokumen", "")] if choice else []
    wanted += [end.properties.get("dokumen", "") for end in ended]
    due = [paper for text in wanted if text for paper in revisions.papers(text)]
    documents = papers.due(ctx, case, loaded, seq, due) if due else []
    return opened, documents


def _close(ctx: Context, case: Case, tokens: Sequence[str], task: Task | None, actor: Actor | None) -> None:
    if task is not None and actor is not None:
        task.closed_at, task.closed_by_id, task.draft = ctx.now, actor.person.id, None
        task.assignee_id = actor.person.id
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
    opened = []
    for pass_ in outcome.opened:
        step = loaded.definition.steps[pass_.step]
        due = clock.step_due(ctx, step, case.clock_at)
        lane = _lane(ctx, loaded.sop, step.lane)
        task = Task(
            case_id=case.id,
            token=pass_.token,
            step=pass_.step,
            name=step.name,
            lane_id=lane.id,
            round=pass_.round,
            applicant_id=case.applicant_id if lane.applicant and case.filed_by_id == case.applicant_id else None,
            opened_at=at,
            due_at=due,
            rank=instant(due) if due else "9" + instant(at),
            returned_seq=returned_seq,
        )
        task.case, task.lane, task.assignee = case, lane, None
        ctx.session.add(task)
        opened.append(task)
    ctx.session.flush()
    return opened


def _lane(ctx: Context, sop: str, name: str) -> Lane:
    return ctx.session.scalars(select(Lane).where(Lane.sop == sop, Lane.name == name)).one()


def _numbers(ctx: Context, case: Case, step: Step) -> dict[str, str]:
    """The numbers that this step gives and the case does not have yet."""
    lines = registers.numberings(step.properties.get("register", ""))
    return {
        line.key: registers.give(ctx, line.register, line.pattern, case.id)
        for line in lines
        if forms.at(case.data, line.key) is None
    }


def _follow_up(ctx: Context, case: Case) -> None:
    """The new application that an end asks for: same applicant, linked, what was typed is its draft."""
    person = ctx.session.get_one(Person, case.applicant_id or case.filed_by_id)
    actor = people.actor(ctx.session, person, ctx.now)
    if revisions.in_force(ctx.session, case.sop) is None:
        return
    walk_in = case.applicant_name if case.applicant_id is None and case.sop in actor.counter else None
    new = open_case(ctx, actor, case.sop, data=case.data, on_behalf_of=walk_in, previous=case)
    journal.append(ctx, case, "link", {"number": new.number})


def _describe(case: Case, loaded: revisions.Loaded, data: Mapping[str, Any]) -> None:
    """What lists show and search finds, from the keys that the process names."""
    properties = loaded.definition.properties
    shown = _texts(data, properties.get("ringkasan", ""))
    case.subject = " · ".join(shown)[:400] or case.subject
    found = [case.number, case.applicant_name, *shown, *_texts(data, properties.get("cari", ""))]
    case.search = " ".join(found).lower()
    case.unique_key = _unique_key(loaded, data)


def _unique_key(loaded: revisions.Loaded, data: Mapping[str, Any]) -> str | None:
    value = forms.at(data, loaded.definition.properties.get("satu_terbuka", "").strip())
    return "".join(str(value).upper().split())[:200] if value else None


def _texts(data: Mapping[str, Any], keys: str) -> list[str]:
    values = [forms.at(data, key.strip()) for key in keys.replace("\n", ",").split(",") if key.strip()]
    return [str(value) for value in values if value not in (None, "", [])]


def _tracking_code() -> str:
    """Eight letters and digits that are told apart when read aloud."""
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(8))


def tracked(ctx: Context, number: str, code: str) -> Case | None:
    """The case of this number, if the code is its own; takes no note of which of the two was wrong."""
    case = ctx.session.scalar(select(Case).where(Case.number == number.strip()).options(joinedload(Case.revision)))
    fits = secrets.compare_digest((case.code if case else "").encode(), code.strip().upper().encode())
    return case if case and fits else None


def own_cases(ctx: Context, actor: Actor) -> list[Case]:
    """The cases of which the actor is the applicant, or which they filed for a walk-in, newest first."""
    mine = or_(Case.applicant_id == actor.person.id, Case.filed_by_id == actor.person.id)
    return list(ctx.session.scalars(select(Case).where(mine).options(joinedload(Case.revision)).order_by(Case.id.desc())))
