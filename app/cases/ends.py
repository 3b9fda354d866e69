"""What a person can do to a whole case: end it where no SOP draws an end, open it again, correct it, revoke it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from app import ends, engine, forms, journal, papers, replay, revisions
from app.cases.readers import locked
from app.cases.record import described, record
from app.cases.refusals import (
    CannotGoOn,
    CaseEnded,
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
from app.people import Actor, acting, may_see

# What may have happened since, without anybody having acted on what is taken back.
HARMLESS = ("document", "note", "question", "answer", "calendar", "breach")


def offered(ctx: Context, actor: Actor, case: Case) -> list[ends.Rule]:
    """What the actor may do to a case as it stands, in the order of ends.VERBS."""
    definition = revisions.load(ctx.session, case.revision_id).definition
    rules = [ends.rule(definition, kind) for kind, verb in ends.VERBS.items() if case.status in verb.status]
    return [rule for rule in rules if rule and _lane(ctx, actor, case, rule.lanes) is not None]


def end(ctx: Context, actor: Actor, case_id: int, kind: str, reason: str) -> Case:
    """Ends an open case: `withdraw`, `refuse`, `lapse`.

    Raises NotFound, NotYours, CaseEnded, NotNow, ReasonNeeded, TooLarge.
    """
    case, loaded, _, lane = _asked(ctx, actor, case_id, kind)
    typed = _reason(reason)
    outcome = engine.stop(loaded.definition, case.state, engine.facts(loaded.definition, case.data), ctx.local())
    record(ctx, case, loaded, outcome, kind, {}, case.data, actor=actor, lane=lane, typed=typed)
    return case


def reopen(ctx: Context, actor: Actor, case_id: int, reason: str) -> Case:
    """Opens an ended case where it stood before its end; timers begin anew. Raises as `end`, NotNow."""
    case, loaded, _, lane = _asked(ctx, actor, case_id, "reopen")
    typed = _reason(reason)
    entries = journal.entries(ctx, case.id)
    stood = replay.replayed(ctx, loaded, entries)
    if _followed(ctx, case):
        raise NotNow("Permohonan ini sudah diteruskan dengan permohonan baru.")
    _undo(ctx, case, loaded, stood, entries, "reopen", actor, lane, typed)
    return case


def take_back(ctx: Context, actor: Actor, case_id: int) -> int:
    """Undoes what the actor has just completed, while nobody has acted on it; the task that is open again.

    It stays in the journal; what was typed becomes the task's draft, numbers that were given stay with the case.
    Raises NotFound, NotNow.
    """
    case = _found(ctx, actor, case_id)
    entries = journal.entries(ctx, case.id)
    last = may_take_back(actor, entries)
    if last is None or _followed(ctx, case):
        raise NotNow("Langkah ini tidak dapat diambil kembali: sudah ada yang menindaklanjutinya.")
    loaded = revisions.load(ctx.session, case.revision_id)
    stood = replay.replayed(ctx, loaded, entries)
    return _undo(ctx, case, loaded, stood, entries, "take_back", actor, last.lane, None)


def may_take_back(actor: Actor, entries: list[journal.Entry]) -> journal.Entry | None:
    """The completion that the actor may take back: theirs, the last, and nobody has acted on it."""
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
    case, loaded, rule, lane = _asked(ctx, actor, case_id, "correct")
    form = loaded.form_at(step_id)
    entries = journal.entries(ctx, case.id)
    gone = journal.undone(entries)
    if form is None or not any(e.step == step_id and e.kind == "complete" and e.seq not in gone for e in entries):
        raise NotFound()
    stood = replay.replayed(ctx, loaded, entries)
    typed = _reason(reason)
    clean, sent = checked(ctx, actor, case, form, answers, stood.data)
    data = forms.apply(form, stood.data, clean)
    if data == stood.data:
        raise Invalid([forms.Fault("", "Tidak ada yang berubah. Ubahlah isian yang salah.")])
    facts = engine.facts(loaded.definition, data)
    body = {"facts": journal.changed(stood.facts, facts)}
    typed = journal.Typed(clean, typed.note, (), sorted(sent))
    changes = described(case, loaded, data)
    if case.status != "open":
        _after_end(ctx, case, rule, body, changes, actor, lane, typed, step_id, sent)
        return case
    try:
        outcome = engine.resume(loaded.definition, case.state, facts, ctx.local())
    except engine.RoutingError as error:
        raise CannotGoOn() from error
    record(
        ctx, case, loaded, outcome, "correct", body, data,
        actor=actor, lane=lane, step=step_id, typed=typed, uploads=sent, changes=changes,
    )  # fmt: skip
    return case


def revoke(ctx: Context, actor: Actor, case_id: int, reason: str) -> Case:
    """Takes away what an ended case had given. Raises as `end`."""
    case, _, rule, lane = _asked(ctx, actor, case_id, "revoke")
    _after_end(ctx, case, rule, {}, {"status": "revoked"}, actor, lane, _reason(reason))
    return case


def apply_again(ctx: Context, actor: Actor, case_id: int) -> Case:
    """A new application that follows this ended one, filled in as it was. Raises NotFound, NotNow, as open_case."""
    case = _found(ctx, actor, case_id)
    if case.status == "open" or actor.person.id not in (case.applicant_id, case.filed_by_id):
        raise NotNow("Hanya permohonan Anda sendiri yang sudah berakhir yang dapat diajukan lagi.")
    loaded = revisions.load(ctx.session, case.revision_id)
    data = journal.data(loaded.form_at, journal.entries(ctx, case.id))
    behalf = case.applicant_name if case.applicant_id is None and loaded.definition.applicant_lane else None
    new = open_case(ctx, actor, case.sop, data=data, on_behalf_of=behalf, previous=case)
    journal.append(ctx, case, "link", {"number": new.number}, actor=actor.person)
    return new


# -- how it is done ---------------------------------------------------------------------------------------------------


def _found(ctx: Context, actor: Actor, case_id: int) -> Case:
    """The case, locked, with what was due in it fired. Raises NotFound."""
    case = locked(ctx, case_id)
    if case is None or not may_see(actor, case):
        raise NotFound()
    if case.status == "open" and fire_due(ctx, case):
        ctx.session.flush()
    return case


def _asked(ctx: Context, actor: Actor, case_id: int, kind: str) -> tuple[Case, revisions.Loaded, ends.Rule, str]:
    """The case and the lane in which the actor may do this. Raises NotFound, NotYours, CaseEnded, NotNow."""
    case = _found(ctx, actor, case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    rule = ends.rule(loaded.definition, kind)
    lane = _lane(ctx, actor, case, rule.lanes) if rule else None
    if rule is None or lane is None:
        raise NotYours("SOP ini tidak memberi Anda wewenang untuk tindakan ini.")
    if case.status not in rule.verb.status:
        raise CaseEnded() if case.status != "open" else NotNow("Permohonan ini belum berakhir.")
    return case, loaded, rule, lane


def _lane(ctx: Context, actor: Actor, case: Case, names: tuple[str, ...]) -> str | None:
    """The first of these lanes in which the actor stands for this case."""
    lanes = ctx.session.scalars(select(Lane).where(Lane.sop == case.sop, Lane.name.in_(names))).all()
    for lane in sorted(lanes, key=lambda lane: names.index(lane.name)):
        theirs = lane.applicant and (
            actor.person.id == case.applicant_id
            or (case.filed_by_id != case.applicant_id and case.sop in actor.counter)
        )
        if theirs or lane.id in actor.lanes:
            return str(lane.name)
    return None


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
    stood: replay.Replay,
    entries: list[journal.Entry],
    kind: str,
    actor: Actor,
    lane: str,
    typed: journal.Typed | None,
) -> int:
    """Goes back before the last event that moved the case; the first task that is open again."""
    mark = stood.marks[-1]
    undone = next(entry for entry in entries if entry.seq == mark.seq)
    data = journal.data(loaded.form_at, entries, {mark.seq})
    facts = engine.facts(loaded.definition, data)
    outcome = engine.rewind(loaded.definition, mark.state, stood.state, facts, ctx.local(), kind == "reopen")
    kuasa = acting(actor, case.applicant_id, case.sop)
    body = {"of": mark.seq, "facts": journal.changed(mark.facts, facts), **kuasa}
    answers = undone.typed.answers if undone.typed and kind == "take_back" else None
    changes = described(case, loaded, data)
    if undone.kind == "complete" and case.clock_at == undone.at and loaded.property_of(undone.step, "jam") == "mulai":
        changes |= {"clock_at": None, "due_at": None}
    record(
        ctx, case, loaded, outcome, kind, body, data,
        actor=actor, lane=lane, step=undone.step, typed=typed, changes=changes, draft=answers,
    )  # fmt: skip
    tokens = [again.token for again in outcome.opened]
    return ctx.session.scalars(select(Task.id).where(Task.case_id == case.id, Task.token.in_(tokens))).first() or 0


def _after_end(
    ctx: Context,
    case: Case,
    rule: ends.Rule,
    body: Mapping[str, Any],
    changes: Mapping[str, Any],
    actor: Actor,
    lane: str,
    typed: journal.Typed,
    step: str = "",
    uploads: Mapping[str, str] | None = None,
) -> None:
    """An event of a case that has ended, with its letters."""
    seq = journal.append(
        ctx, case, rule.verb.kind, {name: value for name, value in body.items() if value}, actor=actor.person,
        lane=lane, step=step, typed=typed, uploads=uploads, changes=changes,
    )  # fmt: skip
    papers.due(ctx, case, seq, revisions.papers(rule.letters))
