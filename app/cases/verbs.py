"""What a person can do to a case. Each verb finds, checks and acts, and never commits."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import contains_eager

from app import engine, forms, journal, people, registers, revisions, uploads, wording
from app.cases import limits, surveys
from app.cases.readers import may_take, no_way_in, task_query, ways_in
from app.cases.record import described, numbered, numbers_given, record
from app.cases.refusals import (
    AlreadyDone,
    CannotGoOn,
    CaseEnded,
    ChoiceNeeded,
    Invalid,
    NoSuchSop,
    NotFound,
    NotYours,
    ReasonNeeded,
    Stale,
    TooLarge,
    WrongTime,
)
from app.context import Context, Paper
from app.engine.definition import Choice, Step
from app.models import Case, Person, Revision, Task, Upload, canonical
from app.people import Actor

_LOCKED_TASK = (
    task_query()
    .options(contains_eager(Task.case).undefer(Case.state))
    .where(Task.id == bindparam("task_id"))
    .with_for_update(of=[Case, Task])  # the case first; a row that is not locked would be as it was before the wait
    .execution_options(populate_existing=True)
)
_SENT = select(Upload.__table__).where(Upload.id.in_(bindparam("ids", expanding=True)))
_BIND = (
    update(Upload.__table__)  # type: ignore[arg-type]
    .where(Upload.id.in_(bindparam("ids", expanding=True)), Upload.case_id.is_(None))
    .values(case_id=bindparam("case"))
)
AT_ONCE = 100  # timers of one case that fall due at the same moment
NOTE_LIMIT = 4000
DRAFT_LIMIT = 256 * 1024


@dataclass(frozen=True)
class Completion:
    """What completing a step did: the case, its event, every step that opened (in any lane), whether papers are due."""

    case: Case
    seq: int
    opened: tuple[engine.OpenStep, ...]
    papers: bool


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

    `on_behalf_of` is somebody's login name, or the name of a walk-in applicant; the counter may give it, and a proxy
    who names their principal: that is the principal's case, as if they had filed it. `previous` is the case that it
    follows.
    Raises NoSuchSop, NotYours, Invalid (an unknown start, data that is no JSON), TooLarge, CannotGoOn.
    """
    revision = revisions.in_force(ctx.session, sop)
    if revision is None:
        raise NoSuchSop()
    loaded = revisions.load(ctx.session, revision.id)
    applicant, name = _applicant(ctx, actor, loaded, start, on_behalf_of, previous)
    _check_draft(data or {})
    whose = _filed_as(actor, loaded, applicant, start, on_behalf_of)
    return _begin(ctx, actor, revision, applicant, name, data or {}, start, previous, whose)


def _begin(
    ctx: Context,
    actor: Actor,
    revision: Revision,
    applicant: Person | None,
    name: str,
    data: Mapping[str, Any],
    start: str | None = None,
    previous: Case | None = None,
    whose: people.Behalf | None = None,
) -> Case:
    """A new case, filed by `actor` for a person or for a walk-in of this name. Raises Invalid, CannotGoOn."""
    loaded = revisions.load(ctx.session, revision.id)
    definition = loaded.definition
    facts = engine.facts(definition, {})
    try:
        outcome = engine.start(definition, start, facts, ctx.local())
    except engine.UnknownStart:
        raise Invalid([forms.Fault("/start", "Jalan masuk ini tidak ada pada SOP yang berlaku.")]) from None
    except engine.RoutingError as error:
        raise CannotGoOn() from error
    kuasa = people.acting(actor, applicant.id, loaded.sop) if applicant and loaded.sop not in actor.counter else {}
    case = Case(
        number=f"?{secrets.token_hex(8)}",
        code=_tracking_code(),
        sop=loaded.sop,
        revision_id=revision.id,
        applicant_id=applicant.id if applicant else None,
        applicant_name=name,
        filed_by_id=applicant.id if applicant and kuasa else actor.person.id,
        previous_id=previous.id if previous else None,
        opened_at=ctx.now,
        data={},
    )
    ctx.session.add(case)
    ctx.session.flush()
    book, pattern, yearly = registers.book(definition.properties.get("nomor_permohonan", ""))
    case.number = numbered(ctx, "", book, pattern, case.id, yearly)
    case.revision = revision
    body = {"start": start, "revision": loaded.seal, "number": case.number, "applicant": case.applicant_id, **kuasa}
    body |= people.acted(whose)
    changes = described(case, loaded, data)
    ctx.session.flush()
    record(ctx, case, loaded, outcome, "start", body, {}, actor=actor, changes=changes, draft=data)
    return case


def claim(ctx: Context, actor: Actor, task_id: int) -> Task:
    """Takes an open task, also one that somebody who is no longer there had taken; one's own again changes nothing.

    Raises as `open_task`, Taken.
    """
    task = open_task(ctx, actor, task_id)
    if task.assignee_id != actor.person.id:
        body = {"token": task.token, **_had(task), **people.on_behalf(actor, task)}
        task.assignee_id, task.assignee = actor.person.id, actor.person
        journal.append(ctx, task.case, "claim", body, actor=actor.person, lane=task.lane.name, step=task.step)
    return task


def _had(task: Task) -> dict[str, Any]:
    """Who has claimed a task, as an event says it that takes it from them."""
    return {"from": {"id": task.assignee_id, "name": task.assignee.full_name}} if task.assignee else {}


def release(ctx: Context, actor: Actor, task_id: int) -> Task:
    """Puts a task that one had taken back into the lane's inbox; its draft stays."""
    task = open_task(ctx, actor, task_id)
    if task.assignee_id is not None:
        body = {"token": task.token, **people.on_behalf(actor, task)}
        task.assignee_id = task.assignee = task.postponed_until = None
        task.version += 1
        journal.append(ctx, task.case, "release", body, actor=actor.person, lane=task.lane.name, step=task.step)
    return task


def let_go(ctx: Context, by: Person, person: Person) -> int:
    """Puts everything that somebody has claimed back into its lane's inbox, as an administrator does; how many."""
    claimed = select(Task.id).where(Task.assignee_id == person.id, Task.closed_at.is_(None)).order_by(Task.case_id)
    released = 0
    for task_id in ctx.session.scalars(claimed).all():
        task = ctx.session.scalar(_LOCKED_TASK, {"task_id": task_id})
        if task is None or task.closed_at is not None or task.assignee_id != person.id:
            continue  # done while we waited for its case
        body = {"token": task.token, **_had(task)}
        task.assignee_id = task.assignee = task.postponed_until = None
        task.version += 1
        journal.append(ctx, task.case, "release", body, actor=by, step=task.step)
        released += 1
    return released


def save_draft(ctx: Context, actor: Actor, task_id: int, answers: Mapping[str, Any]) -> Task:
    """Keeps what was typed so far, unchecked. Raises TooLarge and as `open_task`."""
    _check_draft(answers)
    task = open_task(ctx, actor, task_id)
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
    CannotGoOn; of what is entered from paper WrongTime, WrongNumber.
    """
    task = open_task(ctx, actor, task_id)
    if version is not None and version != task.version:
        raise Stale()
    if ctx.paper is not None and ctx.now < task.opened_at:
        opened = _clock(ctx, task.opened_at)
        raise WrongTime(f"Langkah ini baru terbuka pada {opened}; di kertas tidak mungkin lebih awal.")
    case, loaded = task.case, revisions.load(ctx.session, task.case.revision_id)
    step = loaded.definition.steps[task.step]
    taken = _taken(step, choice)
    note, faults = _remarks(note, faults, taken)
    form = loaded.form_of(step)
    clean, sent = checked(ctx, actor, case, form, answers, case.data)
    if ctx.paper is not None:
        sent |= _scanned(ctx, ctx.paper, case)
    numbers = numbers_given(ctx, case, step)
    data = forms.merge(forms.apply(form, case.data, clean) if form else case.data, forms.nested(numbers))
    facts = engine.facts(loaded.definition, data)
    try:
        outcome = engine.complete(
            loaded.definition, case.state, task.token, facts, taken.id if taken else None, ctx.local()
        )
    except engine.RoutingError as error:
        raise CannotGoOn() from error
    before = engine.facts(loaded.definition, case.data)
    changes = described(case, loaded, data) if form or numbers else {}
    body = {"token": task.token, "facts": journal.changed(before, facts), "numbers": numbers}
    typed = journal.Typed(clean, note, faults, sorted(sent)) if clean or note or faults or sent else None
    seq, due = record(
        ctx, case, loaded, outcome, "complete", body, data,
        actor=actor, task=task, choice=taken, typed=typed, uploads=sent, changes=changes,
    )  # fmt: skip
    if form is not None and (group := step.properties.get("survei")):
        surveys.of_step(ctx, actor, case, form, group, clean)
    _follow_up(ctx, case, loaded, outcome, data)
    return Completion(case, seq, outcome.opened, due)


def fire_due(ctx: Context, case: Case) -> int:
    """Fires what has become due in a case whose row is locked, in due order, each as its own event; how many.

    Raises CannotGoOn where the diagram leads nowhere, or round and round at one moment.
    """
    fired, moments = 0, Counter[datetime]()
    while case.status == "open" and case.next_due is not None and case.next_due <= ctx.now:
        moment = case.next_due
        moments[moment] += 1
        if moments[moment] > AT_ONCE:
            raise CannotGoOn()
        loaded = revisions.load(ctx.session, case.revision_id)
        if moments[moment] == 1 and (passed := limits.passed(ctx, case, loaded, moment)):
            fired += passed
            continue
        facts = engine.facts(loaded.definition, case.data)
        try:
            outcome = engine.fire(loaded.definition, case.state, facts, ctx.local(moment))
        except engine.RoutingError as error:
            raise CannotGoOn() from error
        if outcome is None:  # nothing happens then after all
            case.next_due = limits.next_due(ctx, case, loaded)
            continue
        data = case.data
        record(ctx, case, loaded, outcome, "timer", {}, data, at=outcome.at)
        _follow_up(ctx, case, loaded, outcome, data)
        fired += 1
    return fired


def open_task(ctx: Context, actor: Actor, task_id: int) -> Task:
    """An open task that the actor may work on, its case locked and what was due in it fired.

    Raises as `locked_task`, FourEyes, Taken.
    """
    task = locked_task(ctx, actor, task_id, people.may_do)
    if refusal := may_take(ctx, actor, task):
        raise refusal
    return task


def locked_task(ctx: Context, actor: Actor, task_id: int, may: Callable[[Actor, Task], bool]) -> Task:
    """An open task with which the actor `may` do something, its case locked and what was due in it fired.

    Raises NotFound, NotYours, AlreadyDone (CaseEnded).
    """
    task = ctx.session.scalar(_LOCKED_TASK, {"task_id": task_id})
    if task is None or not (people.may_see(actor, task.case) or people.may_do(actor, task)):
        raise NotFound()
    if not may(actor, task):
        raise NotYours()
    if fire_due(ctx, task.case):
        ctx.session.flush()
        ctx.session.refresh(task)
    if task.closed_at is not None:
        raise _already_done(ctx, task)
    return task


def _already_done(ctx: Context, task: Task) -> AlreadyDone:
    by = ctx.session.get(Person, task.closed_by_id) if task.closed_by_id else None
    if by is None:
        kind = AlreadyDone if task.case.status == "open" else CaseEnded
        return kind(at=task.closed_at, by="")
    local = task.closed_at.astimezone(ctx.settings.zone) if task.closed_at else ctx.now
    return AlreadyDone(
        f"Langkah ini sudah dikerjakan oleh {by.full_name} pada {local:%H.%M}.", by=by.full_name, at=task.closed_at
    )


def _applicant(
    ctx: Context,
    actor: Actor,
    loaded: revisions.Loaded,
    start: str | None,
    on_behalf_of: str | None,
    previous: Case | None = None,
) -> tuple[Person | None, str]:
    """Whose case it will be: an applicant's, a walk-in's by name, or the office's own. Raises NotYours.

    Who came to the counter for the `previous` one does so again: whoever has an account of that name is somebody else.
    """
    definition = loaded.definition
    outside = definition.applicant_lane is not None
    if on_behalf_of is not None and (name := " ".join(forms.normal_text(on_behalf_of).split())):
        principal = next((m.principal for m in actor.principals if m.login == name and m.sop in ("", loaded.sop)), None)
        if outside and principal is not None:
            whose = ctx.session.get_one(Person, principal)
            return whose, whose.full_name
        if not outside or loaded.sop not in actor.counter:
            raise NotYours("Hanya petugas loket atau kuasa pemohon yang dapat mengajukan untuk orang lain.")
        if previous is not None and previous.applicant_id is None and name == previous.applicant_name:
            return None, name
        person = ctx.session.scalar(select(Person).where(Person.name == name, Person.active, Person.applicant))
        return person, person.full_name if person else name[:200]
    if outside and actor.person.applicant:
        return actor.person, actor.person.full_name
    way = next((w for w in ways_in(actor, loaded) if (w.id == start if start else w.default)), None)
    if way is None:
        raise no_way_in(definition)
    return None, actor.person.full_name if outside else (definition.properties.get("kantor_nama") or way.lane)[:200]


def _filed_as(
    actor: Actor, loaded: revisions.Loaded, applicant: Person | None, start: str | None, on_behalf_of: str | None
) -> people.Behalf | None:
    """Whose deputy files a case: at the counter for a walk-in, else in the lane of the start; None for oneself."""
    if applicant is not None and applicant.id == actor.person.id:
        return None
    if on_behalf_of is not None and loaded.sop in actor.counter:
        return actor.deputy_at.get(loaded.sop)
    way = next((w for w in ways_in(actor, loaded) if (w.id == start if start else w.default)), None)
    return actor.behalf(loaded.lanes[way.lane]) if way else None


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


def _remarks(note: str, faults: Sequence[Mapping[str, str]], taken: Choice | None) -> tuple[str, list[dict[str, str]]]:
    """The note and the marked fields as they will be kept. Raises ReasonNeeded, TooLarge."""
    note = forms.normal_text(note or "")
    if taken and taken.returns and not note:
        raise ReasonNeeded()
    kept = [{name: forms.normal_text(str(f.get(name) or "")) for name in ("pointer", "message")} for f in faults]
    if len(note) > NOTE_LIMIT or len(canonical(kept)) > DRAFT_LIMIT:
        raise TooLarge()
    return note, kept


def checked(
    ctx: Context, actor: Actor, case: Case, form: forms.Form | None, answers: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The answers as the form takes them over `data`, and the uploads among them, now the case's, by id with SHA-256.

    An upload of the case before becomes one of this case's own, under an id of its own: whoever works on this case
    finds it here, what follows takes it on, and the end of the other's retention does not touch it.
    Raises Invalid.
    """
    if form is None:
        return {}, {}
    sent = _sent(ctx, answers)
    used: dict[str, str] = {}

    def find(upload_id: str) -> forms.UploadInfo | None:
        upload = sent.get(upload_id)
        if upload is None or not _usable(ctx, upload, case, actor):
            return None
        used[upload.id] = upload.sha256
        return forms.UploadInfo(upload.name, upload.media_type, upload.size)

    today = ctx.now.astimezone(ctx.settings.zone).date()
    clean, faults = forms.check(form, answers, data, find, today=today)
    if faults:
        raise Invalid(faults)
    if used:
        ctx.session.connection().execute(_BIND, {"ids": list(used), "case": case.id})
    taken_on = {one: uploads.taken_on(ctx, one, case.id) for one in used if sent[one].case_id not in (None, case.id)}
    if taken_on:
        clean = _renamed(clean, taken_on)
        used = {taken_on.get(one, one): digest for one, digest in used.items()}
    return clean, used


def _renamed(value: Any, ids: Mapping[str, str]) -> Any:
    """Answers with other ids of their uploads."""
    if isinstance(value, Mapping):
        return {key: _renamed(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, ids) for inner in value]
    return ids.get(value, value) if isinstance(value, str) else value


def _sent(ctx: Context, answers: Any) -> dict[str, Row[Any]]:
    """The uploads whose ids stand anywhere among the answers, in one query."""
    texts: set[str] = set()
    waiting = [answers]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and len(value) == uploads.ID_LENGTH:
            texts.add(value)
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    rows = ctx.session.connection().execute(_SENT, {"ids": list(texts)}) if texts else ()
    return {row.id: row for row in rows}


def _usable(ctx: Context, upload: Row[Any], case: Case, actor: Actor) -> bool:
    """An upload is used by who sent it, until it belongs to a case; then in that case and the one that follows it.

    What is entered from paper was sent by whoever enters it.
    """
    if upload.case_id is None:
        hands = people.hands(actor, case) | ({ctx.paper.entered_by} if ctx.paper else set())
        return bool(upload.person_id in hands)
    return bool(upload.case_id in (case.id, case.previous_id))


def _scanned(ctx: Context, paper: Paper, case: Case) -> dict[str, str]:
    """The pictures of the paper, now the case's, by id with their SHA-256."""
    if paper.scans:
        ctx.session.connection().execute(_BIND, {"ids": list(paper.scans), "case": case.id})
    return dict(paper.scans)


def _clock(ctx: Context, at: datetime) -> str:
    local = ctx.local(at)
    return f"{wording.tanggal(local)} pukul {wording.jam(local)}"


def _check_draft(answers: Mapping[str, Any]) -> None:
    """Raises TooLarge, and Invalid where it holds what no JSON does: half a character, no number."""
    try:
        size = len(canonical(answers).encode())
    except ValueError:
        raise Invalid([forms.Fault("", "Isian memuat tanda atau bilangan yang tidak dapat disimpan.")]) from None
    if size > DRAFT_LIMIT:
        raise TooLarge()


def _follow_up(
    ctx: Context, case: Case, loaded: revisions.Loaded, outcome: engine.Outcome, data: Mapping[str, Any]
) -> None:
    """Where an end asks for it, a new application of the same applicant's, filed as this one was, linked; `data` is
    its draft.

    It is the officer's decision that opens it: what its applicant or who filed it may do by now does not matter.
    """
    ends = [loaded.definition.ends[end] for end in outcome.ends if end in loaded.definition.ends]
    revision = revisions.in_force(ctx.session, case.sop) if any(_begins_anew(end) for end in ends) else None
    if revision is None:
        return
    filer = people.actor(ctx.session, ctx.session.get_one(Person, case.filed_by_id), ctx.now)
    applicant = ctx.session.get_one(Person, case.applicant_id) if case.applicant_id else None
    draft = forms.merge(data, outcome.facts)
    new = _begin(ctx, filer, revision, applicant, case.applicant_name, draft, previous=case)
    journal.append(ctx, case, "link", {"number": new.number})


def _begins_anew(end: engine.End) -> bool:
    return end.properties.get("permohonan_baru") == "ya"


def _tracking_code() -> str:
    """Eight letters and digits that are told apart when read aloud."""
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(8))
