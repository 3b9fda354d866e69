"""Work among colleagues: a step handed over or put off until a day, and notes that officers write to each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, func, literal, select, update
from sqlalchemy.orm import joinedload

from app import clock, drawn, forms, journal, messages, people, revisions, worktime
from app.cases.readers import four_eyes, locked
from app.cases.refusals import Destroyed, Invalid, NotFound, NotYours, ReasonNeeded, TooLarge
from app.cases.verbs import NOTE_LIMIT, fire_due, locked_task, open_task
from app.context import Context
from app.models import Case, Event, EventValues, Lane, Mention, Person, Task
from app.people import Actor

FARTHEST = timedelta(days=366)
NAMED = re.compile(r"(?<![\w@.])@([\w][\w.\-]{0,79})")
MOST_NAMED = 20


@dataclass(frozen=True)
class Handed:
    """How a step came to whoever has it now: by whom, when, with which words."""

    by: str
    at: datetime
    note: str


@dataclass(frozen=True)
class Noted:
    """A note that was written: its event, who is told of it, and who was named in it but cannot be."""

    seq: int
    told: tuple[Person, ...]
    untold: tuple[str, ...]


@dataclass(frozen=True)
class Naming:
    """A note in which somebody is named, as they have not read it yet."""

    case: Case
    seq: int
    by: str
    at: datetime
    note: str


# -- a step -----------------------------------------------------------------------------------------------------------


def assign(ctx: Context, actor: Actor, task_id: int, to_name: str, note: str = "") -> Task:
    """Hands an open task over to a colleague who holds its lane now, whoever had it before; its draft goes with it.

    For whoever holds the lane, or the lane above it. Raises NotFound, NotYours, AlreadyDone, TooLarge, Invalid (nobody
    of that name may do it), ReasonNeeded (somebody else is at work on it, and must hear why).
    """
    task = locked_task(ctx, actor, task_id, partial(may_hand_over, ctx))
    note = _words(note)
    to = ctx.session.scalar(select(Person).where(Person.name == to_name.strip(), Person.active))
    colleague = people.actor(ctx.session, to, ctx.now) if to else None
    if to is None or colleague is None or not (_officer(colleague, task.case) and people.may_do(colleague, task)):
        raise Invalid([forms.Fault("/to", f"Tidak ada rekan bernama “{to_name}” di {task.lane.name} saat ini.")])
    if four_eyes(ctx, colleague, task):
        words = f"{to.full_name} sudah mengerjakan langkah sebelumnya; langkah ini harus diperiksa orang lain."
        raise Invalid([forms.Fault("/to", words)])
    if task.assignee_id == to.id:
        return task
    if task.assignee_id not in (None, actor.person.id) and not note:
        raise ReasonNeeded(f"Tulis alasannya: langkah ini sedang dikerjakan {_holder(task)}.")
    task.assignee_id, task.assignee, task.postponed_until = to.id, to, None
    task.version += 1
    if people.may_do(actor, task):
        lane, an = task.lane.name, people.on_behalf(actor, task)
    else:
        lane, number = _above(ctx, task)
        an = people.acted(actor.behalf(number))
    journal.append(
        ctx, task.case, "assign", {"token": task.token, "to": to.id, "name": to.full_name, **an}, actor=actor.person,
        lane=lane, step=task.step, typed=_typed(note),
    )  # fmt: skip
    return task


def may_hand_over(ctx: Context, actor: Actor, task: Task) -> bool:
    """Whether the actor may give a task to a colleague: as a holder of its lane, or of the lane above it."""
    if task.applicant_id is not None or not _officer(actor, task.case):
        return False
    return people.may_do(actor, task) or _above(ctx, task)[1] in actor.lanes


def _above(ctx: Context, task: Task) -> tuple[str, int]:
    """The lane above a task's lane, as its revision draws it, with its number; "" and 0 where it draws none."""
    loaded = revisions.load(ctx.session, task.case.revision_id)
    name = drawn.superior(loaded.definition, task.lane.name)
    return name, loaded.lanes.get(name, 0)


def postpone(ctx: Context, actor: Actor, task_id: int, until: date | None, reason: str = "") -> Task:
    """Puts an open task off until a day's opening, and takes it; None takes it up again.

    Raises as `open_task`, TooLarge, Invalid (no day to come), ReasonNeeded (that day is after the task is due).
    """
    task = open_task(ctx, actor, task_id)
    if not _officer(actor, task.case):
        raise NotYours()
    reason = _words(reason)
    opening = _opening(ctx, task, until) if until is not None else None
    if opening == task.postponed_until:
        return task
    due = task.due_at or task.case.due_at
    if opening is not None and due is not None and opening > due and not reason:
        raise ReasonNeeded("Hari itu sesudah jatuh tempo. Tulis alasan penundaannya.")
    if task.assignee_id != actor.person.id:
        task.assignee_id, task.assignee = actor.person.id, actor.person
        _told_of(ctx, actor, task, "claim")
    task.postponed_until = opening
    _told_of(ctx, actor, task, "postpone", {"until": ctx.local(opening).isoformat() if opening else None}, reason)
    return task


def _opening(ctx: Context, task: Task, day: date) -> datetime:
    """When the office opens on a day to come. Raises Invalid."""
    today = ctx.local().date()
    if not today < day <= today + FARTHEST:
        raise Invalid([forms.Fault("/until", "Pilih hari sesudah hari ini, paling lama setahun lagi.")])
    hours = clock.hours(revisions.load(ctx.session, task.case.revision_id).definition)
    return worktime.opening(day, ctx.settings.zone, hours)


def handed(entries: Sequence[journal.Entry], task: Task) -> Handed | None:
    """The handing over by which whoever has a task came to it, among its case's events."""
    taken = [e for e in entries if e.kind in ("claim", "assign") and e.body.get("token") == task.token]
    last = taken[-1] if taken and task.assignee_id is not None else None
    if last is None or last.kind != "assign" or last.body.get("to") != task.assignee_id:
        return None
    return Handed(last.by, last.at, last.note)


def handed_over(ctx: Context, tasks: Collection[Task]) -> dict[int, Handed]:
    """The same for several tasks, by their id, without reading their whole cases."""
    if not tasks:
        return {}
    events = journal.of_kinds(ctx, {task.case_id for task in tasks}, ("claim", "assign"))
    found = {task.id: handed(events.get(task.case_id, ()), task) for task in tasks}
    return {task_id: told for task_id, told in found.items() if told is not None}


def colleagues(ctx: Context, task: Task) -> list[Person]:
    """Who could be given a task: everybody who holds its lane now, but for whoever has it."""
    names = {task.lane.name}
    if task.lane.applicant:
        counters = select(Lane.name).where(Lane.sop == task.case.sop, Lane.counter)
        names |= set(ctx.session.scalars(counters))
    return [person for person in people.holders(ctx, names) if person.id != task.assignee_id]


# -- notes ------------------------------------------------------------------------------------------------------------


def note(ctx: Context, actor: Actor, case_id: int, text: str) -> Noted:
    """Writes a note on a case, for officers only; whoever is named in it as `@login` is told, if they may read it.

    Raises NotFound, NotYours (an applicant, an auditor), Destroyed, Invalid (nothing is written), TooLarge.
    """
    case = locked(ctx, case_id)
    if case is None or not people.may_see(actor, case):
        raise NotFound()
    if not _officer(actor, case):
        raise NotYours("Catatan di berkas ditulis oleh petugasnya.")
    if case.destroyed_at is not None:
        raise Destroyed()
    text = _words(text)
    if not text:
        raise Invalid([forms.Fault("/text", "Tulis dahulu catatannya.")])
    fire_due(ctx, case)
    told, untold = _named(ctx, actor, case, text)
    mine = select(Lane).where(Lane.id.in_(actor.lanes), Lane.sop == case.sop).order_by(Lane.id).limit(1)
    lane = ctx.session.scalars(mine).one()
    body = {"mentions": [person.id for person in told]} if told else {}
    body |= people.acted(actor.behalf(lane.id))
    seq = journal.append(ctx, case, "note", body, actor=actor.person, lane=lane.name, typed=_typed(text))
    for person in told:
        ctx.session.add(Mention(case_id=case.id, seq=seq, person_id=person.id))
        facts = {"nomor": case.number, "oleh": actor.person.full_name, "alamat": f"/permohonan/{case.id}#c{seq}"}
        messages.notify(ctx, person, "disebut", facts, case=case)
    return Noted(seq, tuple(told), tuple(untold))


def _named(ctx: Context, actor: Actor, case: Case, text: str) -> tuple[list[Person], list[str]]:
    """Who is named in a note and may read it, and the names under which that is nobody."""
    told: list[Person] = []
    untold = []
    for word in list(dict.fromkeys(NAMED.findall(text)))[:MOST_NAMED]:
        person = _called(ctx, word)
        reader = people.actor(ctx.session, person, ctx.now) if person else None
        if person is None or reader is None or not (_officer(reader, case) or person.auditor):
            untold.append(word)
        elif person.id != actor.person.id and person not in told:
            told.append(person)
    return told, untold


def _called(ctx: Context, word: str) -> Person | None:
    """Somebody by login name; a full stop or a dash after it belongs to the sentence."""
    for name in dict.fromkeys((word, word.rstrip(".-"))):
        person = ctx.session.scalar(select(Person).where(Person.name == name, Person.active))
        if person is not None:
            return person
    return None


def readers_of(ctx: Context, case: Case) -> list[Person]:
    """Whom a note on a case may name: everybody who holds a lane of its SOP now."""
    return people.holders(ctx, set(ctx.session.scalars(select(Lane.name).where(Lane.sop == case.sop, ~Lane.applicant))))


def namings(ctx: Context, actor: Actor, limit: int = 50) -> list[Naming]:
    """The notes that name the actor and that they have not read, newest first, of cases that they still may see."""
    rows = ctx.session.execute(
        select(Case, Event, EventValues)
        .join(Mention, Mention.case_id == Case.id)
        .join(Event, (Event.case_id == Mention.case_id) & (Event.seq == Mention.seq))
        .outerjoin(EventValues, (EventValues.case_id == Event.case_id) & (EventValues.seq == Event.seq))
        .where(*_unread(actor))
        .options(joinedload(Case.revision))
        .order_by(Event.at.desc(), Case.id.desc(), Event.seq.desc())
        .limit(limit)
    )
    return [
        Naming(case, event.seq, event.actor, event.at, journal.Typed(*values.typed).note if values else "")
        for case, event, values in rows
    ]


def unread(ctx: Context, actor: Actor, most: int) -> int:
    """How many notes name the actor and are not read, counted no further than `most`."""
    some = select(literal(1)).select_from(Mention).join(Case, Case.id == Mention.case_id).where(*_unread(actor))
    return ctx.session.scalar(select(func.count()).select_from(some.limit(most).subquery())) or 0


def mark_read(ctx: Context, actor: Actor, case_id: int) -> int:
    """The actor has read the notes of a case that name them; how many that were."""
    mine = update(Mention).where(
        Mention.case_id == case_id, Mention.person_id == actor.person.id, Mention.read_at.is_(None)
    )  # fmt: skip
    return len(ctx.session.execute(mine.values(read_at=ctx.now).returning(Mention.seq)).all())


def names_me(ctx: Context, actor: Actor, case_id: int) -> bool:
    """Whether a note of a case names the actor that they have not read."""
    mine = select(Mention.seq).where(
        Mention.case_id == case_id, Mention.person_id == actor.person.id, Mention.read_at.is_(None)
    )  # fmt: skip
    return ctx.session.scalar(mine.limit(1)) is not None


def _unread(actor: Actor) -> list[ColumnElement[bool]]:
    mine = [Mention.person_id == actor.person.id, Mention.read_at.is_(None)]
    return mine if actor.person.auditor else [*mine, Case.sop.in_(actor.sops)]


# -- what both stand on -----------------------------------------------------------------------------------------------


def _officer(actor: Actor, case: Case) -> bool:
    return case.sop in actor.sops


def _holder(task: Task) -> str:
    return task.assignee.full_name if task.assignee else "rekan lain"


def _words(text: str) -> str:
    """What was written, as it will be kept. Raises TooLarge."""
    text = forms.normal_text(text or "")
    if len(text) > NOTE_LIMIT:
        raise TooLarge()
    return text


def _typed(note: str) -> journal.Typed | None:
    return journal.Typed({}, note) if note else None


def _told_of(
    ctx: Context, actor: Actor, task: Task, kind: str, more: Mapping[str, str | None] | None = None, note: str = ""
) -> None:
    journal.append(
        ctx, task.case, kind, {"token": task.token, **(more or {}), **people.on_behalf(actor, task)},
        actor=actor.person, lane=task.lane.name, step=task.step, typed=_typed(note),
    )  # fmt: skip
