"""What a person can do to a whole case: end it where no SOP draws an end, open it again, correct it, revoke it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app import (
    clock,
    drawn,
    ends,
    engine,
    forms,
    journal,
    messages,
    papers,
    people,
    replay,
    revisions,
    satisfaction,
    wording,
)
from app.cases.readers import locked
from app.cases.record import described, record
from app.cases.refusals import (
    CannotGoOn,
    CaseEnded,
    Destroyed,
    Invalid,
    NotFound,
    NotNow,
    NotYours,
    ReasonNeeded,
    TooLarge,
)
from app.cases.verbs import NOTE_LIMIT, checked, fire_due, open_case
from app.context import Context
from app.models import Case, Lane, Task
from app.people import Actor, may_see

# What may have happened since, without anybody having acted on what is taken back.
HARMLESS = ("document", "note", "question", "answer", "calendar", "breach", "void", "archive")


def offered(ctx: Context, actor: Actor, case: Case) -> list[ends.Rule]:
    """What the actor may do to a case as it stands, in the order of ends.VERBS."""
    if case.destroyed_at is not None:
        return []
    definition = revisions.load(ctx.session, case.revision_id).definition
    rules = [ends.rule(definition, kind) for kind, verb in ends.VERBS.items() if case.status in verb.status]
    return [rule for rule in rules if rule and _lane(ctx, actor, case, rule.lanes) is not None]


def act(
    ctx: Context,
    actor: Actor,
    case_id: int,
    kind: str,
    reason: str,
    step_id: str = "",
    answers: Mapping[str, Any] | None = None,
) -> Case:
    """Any of ends.VERBS; `step_id` and `answers` are what a correction corrects. Raises what each of them raises."""
    match kind:
        case "reopen":
            return reopen(ctx, actor, case_id, reason)
        case "revoke":
            return revoke(ctx, actor, case_id, reason)
        case "correct":
            return correct(ctx, actor, case_id, step_id, answers or {}, reason)
    return end(ctx, actor, case_id, kind, reason)


def end(ctx: Context, actor: Actor, case_id: int, kind: str, reason: str) -> Case:
    """Ends an open case: `withdraw`, `refuse`, `lapse`.

    Raises NotFound, NotYours, CaseEnded, NotNow, ReasonNeeded, TooLarge.
    """
    asked, typed = _asked(ctx, actor, case_id, kind), _reason(reason)
    case, loaded = asked.case, asked.loaded
    outcome = engine.stop(loaded.definition, case.state, engine.facts(loaded.definition, case.data), ctx.local())
    record(ctx, case, loaded, outcome, kind, asked.body, case.data, actor=actor, lane=asked.lane, typed=typed)
    _tell(ctx, asked, actor, typed)
    return case


def reopen(ctx: Context, actor: Actor, case_id: int, reason: str) -> Case:
    """Opens an ended case where it stood before its end; timers begin anew. Raises as `end`, NotNow."""
    asked, typed = _asked(ctx, actor, case_id, "reopen"), _reason(reason)
    if _followed(ctx, asked.case):
        raise NotNow("Permohonan ini sudah diteruskan dengan permohonan baru.")
    _undo(ctx, asked.case, asked.loaded, "reopen", actor, asked.lane, asked.body, typed)
    _tell(ctx, asked, actor, typed)
    return asked.case


def take_back(ctx: Context, actor: Actor, case_id: int) -> int:
    """Undoes what the actor has just completed, while nobody has acted on it; the task that is open again.

    It stays in the journal; what was typed becomes the task's draft, numbers that were given stay with the case.
    Raises NotFound, NotNow, NotYours (the lane is theirs no longer).
    """
    case = found(ctx, actor, case_id)
    entries = journal.entries(ctx, case.id)
    last = _last_own(actor, entries)
    if last is None or _followed(ctx, case):
        raise NotNow("Langkah ini tidak dapat diambil kembali: sudah ada yang menindaklanjutinya.")
    task = _task_of(ctx, case, last)
    if task is None:
        raise NotNow("Langkah ini tidak dapat diambil kembali: permohonannya sudah lama berakhir.")
    if not people.may_do(actor, task):
        raise NotYours("Langkah ini tidak dapat diambil kembali: lajurnya kini bukan lagi milik Anda.")
    if messages.withdraw(ctx, case.id, [last.seq]):
        raise NotNow("Langkah ini tidak dapat diambil kembali: yang bersangkutan sudah dikabari.")
    loaded = revisions.load(ctx.session, case.revision_id)
    whose = people.on_behalf(actor, task)
    return _undo(ctx, case, loaded, "take_back", actor, last.lane, whose, None)


def may_take_back(ctx: Context, actor: Actor, case: Case, entries: Sequence[journal.Entry]) -> journal.Entry | None:
    """The completion that the actor may take back: the last, nobody has acted on it, and its lane is theirs yet."""
    last = _last_own(actor, entries)
    task = _task_of(ctx, case, last) if last else None
    return last if task is not None and people.may_do(actor, task) else None


def _task_of(ctx: Context, case: Case, entry: journal.Entry) -> Task | None:
    return ctx.session.scalar(select(Task).where(Task.case_id == case.id, Task.token == entry.body["token"]))


def _last_own(actor: Actor, entries: Sequence[journal.Entry]) -> journal.Entry | None:
    """What the actor has completed, where it is the last that was and nobody has acted on it."""
    gone = journal.undone(entries)
    for entry in reversed(entries):
        if entry.kind in journal.UNDOING or entry.seq in gone:
            return None
        if entry.kind == "complete":
            return entry if entry.actor_id == actor.person.id else None
        if entry.kind not in HARMLESS:
            return None
    return None


def correct(ctx: Context, actor: Actor, case_id: int, step_id: str, answers: Mapping[str, Any], reason: str) -> Case:
    """Puts right what was answered at a step, as the officer's own act; the journal keeps what stood there before.

    Raises as `end`, Invalid (also where nothing differs), CannotGoOn.
    """
    asked, note = _asked(ctx, actor, case_id, "correct"), _reason(reason).note
    case, loaded = asked.case, asked.loaded
    form = loaded.form_at(step_id)
    entries = journal.entries(ctx, case.id)
    gone = journal.undone(entries)
    if form is None or not any(e.step == step_id and e.kind == "complete" and e.seq not in gone for e in entries):
        raise NotFound()
    stood = replay.replayed(ctx, loaded, entries)
    clean, sent = checked(ctx, actor, case, form, answers, stood.data)
    data = forms.apply(form, stood.data, clean)
    if data == stood.data:
        raise Invalid([forms.Fault("", "Tidak ada yang berubah. Ubahlah isian yang salah.")])
    facts = engine.facts(loaded.definition, data)
    body = {**asked.body, "facts": journal.changed(stood.facts, facts)}
    typed, changes = journal.Typed(clean, note, (), sorted(sent)), described(case, loaded, data)
    if case.status != "open":
        _after_end(ctx, asked, body, changes, actor, typed, step_id, sent)
        return case
    try:
        outcome = engine.resume(loaded.definition, case.state, facts, ctx.local())
    except engine.RoutingError as error:
        raise CannotGoOn() from error
    record(
        ctx, case, loaded, outcome, "correct", body, data,
        actor=actor, lane=asked.lane, step=step_id, typed=typed, uploads=sent, changes=changes,
    )  # fmt: skip
    return case


def revoke(ctx: Context, actor: Actor, case_id: int, reason: str) -> Case:
    """Takes away what an ended case had given. Raises as `end`."""
    asked, typed = _asked(ctx, actor, case_id, "revoke"), _reason(reason)
    _after_end(ctx, asked, asked.body, {"status": "revoked"}, actor, typed)
    return asked.case


def apply_again(ctx: Context, actor: Actor, case_id: int) -> Case:
    """A new application that follows this ended one, filled in as it was. Raises NotFound, NotNow, as open_case."""
    case = found(ctx, actor, case_id)
    if case.status == "open" or actor.person.id not in (case.applicant_id, case.filed_by_id):
        raise NotNow("Hanya permohonan Anda sendiri yang sudah berakhir yang dapat diajukan lagi.")
    loaded = revisions.load(ctx.session, case.revision_id)
    data = journal.data(loaded.form_at, journal.entries(ctx, case.id))
    behalf = case.applicant_name if case.applicant_id is None and loaded.definition.applicant_lane else None
    new = open_case(ctx, actor, case.sop, data=data, on_behalf_of=behalf, previous=case)
    journal.append(ctx, case, "link", {"number": new.number}, actor=actor.person)
    return new


# -- how it is done ---------------------------------------------------------------------------------------------------


def found(ctx: Context, actor: Actor, case_id: int) -> Case:
    """The case, locked, with what was due in it fired. Raises NotFound, Destroyed."""
    case = locked(ctx, case_id)
    if case is None or not may_see(actor, case):
        raise NotFound()
    if case.destroyed_at is not None:
        raise Destroyed()
    if case.status == "open" and fire_due(ctx, case):
        ctx.session.flush()
    return case


@dataclass(frozen=True)
class _Asked:
    """A case, what its SOP says of the verb, and as whom the actor may do it: a lane, and what an event adds."""

    case: Case
    loaded: revisions.Loaded
    rule: ends.Rule
    lane: str
    body: dict[str, Any]


def _asked(ctx: Context, actor: Actor, case_id: int, kind: str) -> _Asked:
    """Whether the actor may do this now. Raises NotFound, NotYours, CaseEnded, NotNow."""
    case = found(ctx, actor, case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    rule = ends.rule(loaded.definition, kind)
    stands = _lane(ctx, actor, case, rule.lanes) if rule else None
    if rule is None or stands is None:
        raise NotYours("SOP ini tidak memberi Anda wewenang untuk tindakan ini.")
    if case.status not in rule.verb.status:
        raise CaseEnded() if case.status != "open" else NotNow("Permohonan ini belum berakhir.")
    return _Asked(case, loaded, rule, *stands)


def _lane(ctx: Context, actor: Actor, case: Case, names: tuple[str, ...]) -> tuple[str, dict[str, Any]] | None:
    """The first of these lanes in which the actor stands for this case, and on whose behalf, as an event says it."""
    lanes = ctx.session.scalars(select(Lane).where(Lane.sop == case.sop, Lane.name.in_(names))).all()
    for lane in sorted(lanes, key=lambda lane: names.index(lane.name)):
        if lane.applicant and actor.person.id == case.applicant_id:
            return lane.name, {}
        if lane.applicant and (kuasa := people.acting(actor, case.applicant_id, case.sop)):
            return lane.name, kuasa
        if lane.id in actor.lanes:
            return lane.name, people.acted(actor.behalf(lane.id))
        if lane.applicant and case.filed_by_id != case.applicant_id and case.sop in actor.counter:
            return lane.name, people.acted(actor.deputy_at.get(case.sop))
    return None


def _tell(ctx: Context, asked: _Asked, actor: Actor, typed: journal.Typed) -> None:
    """Tells the applicant, and their proxies, what an official did to their case, and why."""
    case = asked.case
    inputs = {
        "nomor": case.number,
        "layanan": asked.loaded.definition.title,
        "tindakan": wording.VERBS[asked.rule.verb.kind],
        "petugas": actor.person.full_name,
        "alasan": typed.note,
    }
    there = messages.outside(ctx, case)
    if actor.person in there:
        return
    for person in there:
        key = f"tindakan:{case.id}:{case.seq}:{person.id}"
        messages.notify(ctx, person, "tindakan", inputs, case=case, key=key)


def _reason(reason: str) -> journal.Typed:
    note = forms.normal_text(reason or "")
    if not note:
        raise ReasonNeeded("Tulis alasannya.")
    if len(note) > NOTE_LIMIT:
        raise TooLarge()
    return journal.Typed({}, note)


def _followed(ctx: Context, case: Case) -> bool:
    return ctx.session.scalar(select(Case.id).where(Case.previous_id == case.id).limit(1)) is not None


def _undo(
    ctx: Context,
    case: Case,
    loaded: revisions.Loaded,
    kind: str,
    actor: Actor,
    lane: str,
    body: Mapping[str, Any],
    typed: journal.Typed | None,
) -> int:
    """Goes back before the last event that moved the case; the first task that is open again."""
    entries = journal.entries(ctx, case.id)
    stood = replay.replayed(ctx, loaded, entries)
    mark = stood.marks[-1]
    undone = next(entry for entry in entries if entry.seq == mark.seq)
    data = journal.data(loaded.form_at, entries, {mark.seq})
    facts = engine.facts(loaded.definition, data)
    outcome = engine.rewind(loaded.definition, mark.state, stood.state, facts, ctx.local(), kind == "reopen")
    body = {**body, "of": mark.seq, "facts": journal.changed(mark.facts, facts)}
    answers = undone.typed.answers if undone.typed and kind == "take_back" else None
    changes = described(case, loaded, data)
    unbegun = clock.stood(loaded.definition, entries).began_by == undone.seq
    record(
        ctx, case, loaded, outcome, kind, body, data,
        actor=actor, lane=lane, step=undone.step, typed=typed, changes=changes, draft=answers,
        unbegun=unbegun,
    )  # fmt: skip
    if loaded.property_of(undone.step, "survei"):
        satisfaction.take_back(ctx, case.id)
    papers.taken_back(ctx, case, mark.seq)
    tokens = [again.token for again in outcome.opened]
    return ctx.session.scalars(select(Task.id).where(Task.case_id == case.id, Task.token.in_(tokens))).first() or 0


def _after_end(
    ctx: Context,
    asked: _Asked,
    body: Mapping[str, Any],
    changes: Mapping[str, Any],
    actor: Actor,
    typed: journal.Typed,
    step: str = "",
    uploads: Mapping[str, str] | None = None,
) -> None:
    """An event of a case that has ended, with its letters, and the applicant told."""
    seq = journal.append(
        ctx, asked.case, asked.rule.verb.kind, {name: value for name, value in body.items() if value},
        actor=actor.person, lane=asked.lane, step=step, typed=typed, uploads=uploads, changes=changes,
    )  # fmt: skip
    papers.due(ctx, asked.case, seq, drawn.papers(asked.rule.letters), papers.frozen(ctx, asked.case))
    _tell(ctx, asked, actor, typed)
