"""Questions and complaints about a case: asked by its applicant, answered within a bound by whom the SOP names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, literal, select
from sqlalchemy.sql.elements import ColumnElement

from app import calendars, clock, forms, journal, messages, people, revisions
from app.cases.readers import case_for, locked
from app.cases.refusals import AlreadyDone, Destroyed, Invalid, NotFound, NotYours, Refusal, TooLarge
from app.context import Context
from app.engine.definition import Definition
from app.models import Case, Complaint, Instant, Person
from app.people import Actor

KINDS = ("pertanyaan", "pengaduan")
LONGEST = 4000
MOST = 10  # that may wait for an answer in one case
BOUND = (5, "kerja")  # where the SOP does not say


class TooMany(Refusal):
    message = "Masih banyak pertanyaan Anda yang menunggu jawaban. Tunggulah jawabannya, atau datang ke loket."


@dataclass(frozen=True)
class Asked:
    """A question with its answer, where there is one."""

    row: Complaint
    by: str
    text: str
    answered_by: str
    lane: str
    answer: str

    def late(self, now: datetime) -> bool:
        return (self.row.answered_at or now) > self.row.due_at


@dataclass(frozen=True)
class Numbers:
    """How an SOP's complaints and questions went; `late` were answered too late, or are open past their bound."""

    asked: int
    answered: int
    in_time: int
    late: int
    open: int


def bound(definition: Definition) -> tuple[int, str]:
    """Within how many days of which kind an answer is due: the first part of `pengaduan`."""
    match = clock.LENGTH.match(definition.properties.get("pengaduan", "").partition("|")[0])
    return (int(match[1]), (match[2] or "kerja").lower()) if match else BOUND


def answering(definition: Definition) -> set[str]:
    """The lanes that answer: the one that `pengaduan` names, else the counter's, else all but the applicant's."""
    named = definition.properties.get("pengaduan", "").partition("|")[2].strip()
    lanes = {lane.name for lane in definition.lanes} - {definition.applicant_lane}
    if named in lanes:
        return {named}
    marked = {lane.name for lane in definition.lanes if lane.properties.get("loket") == "ya"}
    return marked or lanes


def may_ask(actor: Actor, about: Case) -> bool:
    """The applicant, their proxy, who filed it, and the counter for whoever came there."""
    own = actor.person.id in (about.applicant_id, about.filed_by_id)
    walked_in = about.filed_by_id != about.applicant_id and about.sop in actor.counter
    return own or walked_in or people.mandate(actor, about.applicant_id, about.sop) is not None


def may_answer(actor: Actor, loaded: revisions.Loaded) -> bool:
    """Whether the actor holds a lane that answers."""
    return any(loaded.lanes.get(name) in actor.lanes for name in answering(loaded.definition))


def ask(ctx: Context, actor: Actor, case_id: int, kind: str, text: str) -> Complaint:
    """Asks or complains, also of a case that has ended. What was due in it is not fired: a question must not fail
    because its case is stuck.

    Raises NotFound, Destroyed, NotYours, Invalid (`/jenis`, `/isi`), TooLarge, TooMany.
    """
    case_for(ctx, actor, case_id)
    about = locked(ctx, case_id)
    if about is None:
        raise NotFound()
    if about.destroyed_at is not None:
        raise Destroyed()
    if not may_ask(actor, about):
        raise NotYours("Hanya pemohon atau kuasanya yang dapat bertanya di sini.")
    if kind not in KINDS:
        raise Invalid([forms.Fault("/jenis", "Pilih pertanyaan atau pengaduan.")])
    note = _text(text)
    waiting = select(func.count()).where(Complaint.case_id == about.id, Complaint.answered_at.is_(None))
    if (ctx.session.scalar(waiting) or 0) >= MOST:
        raise TooMany()
    loaded = revisions.load(ctx.session, about.revision_id)
    due = _due(ctx, loaded.definition)
    body = {"kind": kind, "due": due.isoformat(), **people.acting(actor, about.applicant_id, about.sop)}
    seq = journal.append(
        ctx, about, "question", body, actor=actor.person, lane=loaded.definition.applicant_lane or "",
        typed=journal.Typed({}, note),
    )  # fmt: skip
    row = Complaint(case_id=about.id, seq=seq, kind=kind, by_id=actor.person.id, at=ctx.now, due_at=due)
    ctx.session.add(row)
    ctx.session.flush()
    return row


def answer(ctx: Context, actor: Actor, complaint_id: int, text: str) -> Complaint:
    """Answers, and tells whoever asked. Raises NotFound, NotYours, AlreadyDone, Invalid (`/isi`), TooLarge."""
    found = ctx.session.get(Complaint, complaint_id)
    if found is None:
        raise NotFound()
    case_for(ctx, actor, found.case_id)
    about = locked(ctx, found.case_id)
    ctx.session.refresh(found)
    if about is None:
        raise NotFound()
    loaded = revisions.load(ctx.session, about.revision_id)
    if not may_answer(actor, loaded):
        raise NotYours("Pertanyaan ini dijawab pelaksana lain.")
    if found.by_id == actor.person.id:
        raise NotYours("Pertanyaan ini harus dijawab orang lain: Anda yang mengajukannya.")
    if found.answered_at is not None:
        by = next((e.actor for e in journal.entries(ctx, about.id) if e.seq == found.answered_seq), "")
        raise AlreadyDone(f"Pertanyaan ini sudah dijawab oleh {by}.", by=by, at=found.answered_at)
    note = _text(text)
    lane = next(
        name for name in loaded.lanes if name in answering(loaded.definition) and loaded.lanes[name] in actor.lanes
    )
    found.answered_seq = journal.append(
        ctx, about, "answer", {"of": found.seq, "late": ctx.now > found.due_at,
                               **people.acted(actor.behalf(loaded.lanes[lane]))}, actor=actor.person, lane=lane,
        typed=journal.Typed({}, note),
    )  # fmt: skip
    found.answered_at = ctx.now
    inputs = {"nomor": about.number, "layanan": loaded.definition.title, "jawaban": note, "petugas": lane}
    for told in {ctx.session.get_one(Person, found.by_id), *messages.outside(ctx, about)}:
        messages.notify(ctx, told, "pengaduan-dijawab", inputs, case=about, key=f"jawab:{found.id}:{told.id}")
    return found


def of_case(ctx: Context, about: Case) -> list[Asked]:
    """A case's questions with their answers, the latest first. Nothing that officials note among themselves."""
    rows = ctx.session.scalars(
        select(Complaint).where(Complaint.case_id == about.id).order_by(Complaint.id.desc())
    ).all()
    entries = {e.seq: e for e in journal.entries(ctx, about.id) if e.kind in ("question", "answer")} if rows else {}
    return [_asked(row, entries) for row in rows]


def waiting(ctx: Context, actor: Actor, limit: int = 100) -> list[tuple[Complaint, Case]]:
    """What the actor may answer and nobody has, what is due first on top."""
    if not actor.sops:
        return []
    mine = [revision for revision in _revisions(ctx, actor) if may_answer(actor, revisions.load(ctx.session, revision))]
    query = (
        select(Complaint, Case)
        .join(Case, Case.id == Complaint.case_id)
        .where(Complaint.answered_at.is_(None), Case.revision_id.in_(mine))
        .order_by(Complaint.due_at, Complaint.id)
        .limit(limit)
    )
    return [(row, about) for row, about in ctx.session.execute(query)] if mine else []


def told(ctx: Context, rows: Collection[tuple[Complaint, Case]]) -> list[tuple[Asked, Case]]:
    """Open questions with what was written."""
    found = []
    for row, about in rows:
        entries = {e.seq: e for e in journal.entries(ctx, about.id) if e.seq == row.seq}
        found.append((_asked(row, entries), about))
    return found


def numbers(ctx: Context, since: datetime | None = None, until: datetime | None = None) -> Mapping[str, Numbers]:
    """By SOP, what was asked between two moments and how it was answered."""
    answered = Complaint.answered_at.is_not(None)
    late = func.coalesce(Complaint.answered_at, literal(ctx.now, Instant())) > Complaint.due_at
    counts = (func.count(), _sum(answered), _sum(answered & ~late), _sum(late), _sum(~answered))
    query = select(Case.sop, *counts).join(Case, Case.id == Complaint.case_id).group_by(Case.sop).order_by(Case.sop)
    if since:
        query = query.where(Complaint.at >= since)
    if until:
        query = query.where(Complaint.at < until)
    return {sop: Numbers(*rest) for sop, *rest in ctx.session.execute(query)}


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _revisions(ctx: Context, actor: Actor) -> Sequence[int]:
    """The revisions under which cases with open questions run."""
    # Not a join: SQLite reads all cases for one, to find the few that were asked about.
    asked = select(Complaint.case_id).where(Complaint.answered_at.is_(None))
    mine = select(Case.revision_id).where(Case.id.in_(asked), Case.sop.in_(actor.sops))
    return ctx.session.scalars(mine.distinct()).all()


def _asked(row: Complaint, entries: Mapping[int, journal.Entry]) -> Asked:
    question, reply = entries.get(row.seq), entries.get(row.answered_seq or 0)
    return Asked(
        row,
        question.actor if question else "",
        question.note if question else "",
        reply.actor if reply else "",
        reply.lane if reply else "",
        reply.note if reply else "",
    )


def _text(text: str) -> str:
    note = forms.normal_text(text)
    if not note.strip():
        raise Invalid([forms.Fault("/isi", "Tulis apa yang hendak Anda sampaikan.")])
    if len(note) > LONGEST:
        raise TooLarge(f"Tulis paling panjang {LONGEST} huruf.")
    return note


def _due(ctx: Context, definition: Definition) -> datetime:
    days, unit = bound(definition)
    due = clock.closing_after(ctx, definition, ctx.now, days, unit, calendars.current(ctx))
    return due or ctx.now + timedelta(days=days)
