"""Lists of what is to be destroyed: proposed by one person, decided by another; and what is held out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case as when
from sqlalchemy import delete, func, insert, select

from app import cases, forms
from app.context import Context
from app.forms import Fault
from app.models import Case, Destruction, DestructionCase, Hold, Lane, Person, Revision
from app.people import Actor, Behalf
from app.retention.schedule import Schedule, due, of_sop, schedules

MOST = 2000  # cases on one list: what two people can answer for, and a certificate can name
LONGEST, NOTE = 300, 1000


@dataclass(frozen=True)
class Progress:
    """How far a list has come: of its cases so many destroyed, left as they are, and still to be done."""

    done: int
    skipped: int
    left: int

    @property
    def total(self) -> int:
        return self.done + self.skipped + self.left


def _stands(ctx: Context, actor: Actor, schedule: Schedule, lane: str) -> tuple[bool, Behalf | None]:
    """Whether the actor holds a lane of the schedule's SOP now, and on whose behalf."""
    row = ctx.session.scalar(select(Lane.id).where(Lane.sop == schedule.sop, Lane.name == lane))
    return (row in actor.lanes, actor.behalf(row) if row else None)


def may_propose(ctx: Context, actor: Actor, schedule: Schedule) -> bool:
    """Whether the actor holds the lane that proposes."""
    return _stands(ctx, actor, schedule, schedule.proposing)[0]


def may_decide(ctx: Context, actor: Actor, schedule: Schedule) -> bool:
    """Whether the actor holds the lane that decides."""
    return _stands(ctx, actor, schedule, schedule.deciding)[0]


def may_oversee(ctx: Context, actor: Actor) -> list[Schedule]:
    """The schedules that the actor has to do with: an auditor with all, others with those in which they hold a lane."""
    return [
        known
        for known in schedules(ctx)
        if actor.person.auditor or may_propose(ctx, actor, known) or may_decide(ctx, actor, known)
    ]


def propose(ctx: Context, actor: Actor, sop: str, reference: str) -> Destruction:
    """Puts all that is due of an SOP on a list, with what law says so.

    Raises NotFound, NotYours, Invalid (`/dasar`), NotNow (nothing is due).
    """
    schedule = _schedule(ctx, sop)
    mine, whose = _stands(ctx, actor, schedule, schedule.proposing)
    if not mine:
        raise cases.NotYours(f"Pemusnahan diusulkan oleh {schedule.proposing}.")
    reference = _words(reference)
    if not reference or len(reference) > LONGEST:
        words = f"Tulis jadwal retensi atau keputusan yang menjadi dasarnya, paling panjang {LONGEST} huruf."
        raise cases.Invalid([Fault("/dasar", words)])
    ctx.session.get_one(Revision, schedule.revision, with_for_update=True, populate_existing=True)  # one list at a time
    found = [case.id for case in due(ctx, schedule, MOST)]
    if not found:
        raise cases.NotNow("Belum ada permohonan yang retensinya habis.")
    row = Destruction(
        sop=sop, schedule=schedule.text, reference=reference, proposed_by_id=actor.person.id,
        proposed_for_id=whose.id if whose else None, proposed_at=ctx.now, note="",
    )  # fmt: skip
    ctx.session.add(row)
    ctx.session.flush()
    ctx.session.execute(
        insert(DestructionCase), [{"destruction_id": row.id, "case_id": number, "skipped": ""} for number in found]
    )
    return row


def decide(ctx: Context, actor: Actor, number: int, approve: bool, note: str = "") -> Destruction:
    """Approves or rejects a list, as somebody else than whoever proposed it.

    What a deputy does is theirs and that of the person for whom they act: neither decides what either proposed.
    Raises NotFound, NotYours, FourEyes, AlreadyDone, ReasonNeeded (to reject), TooLarge, NotNow (nothing is on it).
    """
    row = _locked(ctx, number)
    schedule = _schedule(ctx, row.sop)
    mine, whose = _stands(ctx, actor, schedule, schedule.deciding)
    if not mine:
        raise cases.NotYours(f"Pemusnahan diputuskan oleh {schedule.deciding}.")
    if row.approved is not None:
        raise cases.AlreadyDone("Daftar ini sudah diputuskan.")
    proposers = {row.proposed_by_id, row.proposed_for_id} - {None}
    if proposers & {actor.person.id, whose.id if whose else None}:
        raise cases.FourEyes(
            "Daftar ini harus diputuskan orang lain: Anda, atau orang yang Anda wakili atau yang mewakili Anda, "
            "yang mengusulkannya."
        )
    note = _words(note)
    if len(note) > NOTE:
        raise cases.TooLarge(f"Tulis paling panjang {NOTE} huruf.")
    if not approve and not note:
        raise cases.ReasonNeeded("Tulis alasan penolakannya.")
    if approve and not progress(ctx, row).left:
        raise cases.NotNow("Daftar ini kosong: semua permohonannya ditahan. Tolaklah daftar ini.")
    row.decided_by_id, row.decided_for_id, row.decided_at = actor.person.id, whose.id if whose else None, ctx.now
    row.approved, row.note = approve, note
    if not approve:
        row.done_at = ctx.now
    return row


def stop(ctx: Context, actor: Actor, number: int, stopped: bool) -> Destruction:
    """Has the worker leave an approved list, or go on with it.

    Raises NotFound, NotYours, NotNow (nobody works on it).
    """
    row = _locked(ctx, number)
    schedule = _schedule(ctx, row.sop)
    if not (may_propose(ctx, actor, schedule) or may_decide(ctx, actor, schedule)):
        raise cases.NotYours("Daftar ini bukan bagian Anda.")
    if not row.approved or row.done_at is not None:
        raise cases.NotNow("Daftar ini tidak sedang dikerjakan.")
    row.stopped_at = ctx.now if stopped else None
    return row


def hold(ctx: Context, actor: Actor, sop: str, number: str, reason: str) -> Hold:
    """Keeps a case beyond its retention until somebody lifts it; it leaves a list that nobody has decided yet.

    Raises NotFound, NotYours, Invalid (`/nomor`, `/alasan`), Destroyed.
    """
    schedule = _schedule(ctx, sop)
    if not (may_propose(ctx, actor, schedule) or may_decide(ctx, actor, schedule)):
        raise cases.NotYours("Permohonan ini bukan bagian Anda.")
    reason = _words(reason)
    faults = []
    found = ctx.session.scalar(select(Case.id).where(Case.number == number.strip(), Case.sop == sop))
    if found is None:
        faults.append(Fault("/nomor", "Tidak ada permohonan layanan ini dengan nomor itu."))
    if not reason or len(reason) > LONGEST:
        faults.append(Fault("/alasan", f"Tulis mengapa permohonan ini ditahan, paling panjang {LONGEST} huruf."))
    if faults or found is None:
        raise cases.Invalid(faults)
    held = cases.locked(ctx, found)
    if held is None or held.destroyed_at is not None:
        raise cases.Destroyed()
    if ctx.session.scalar(select(Hold.id).where(Hold.case_id == found, Hold.lifted_at.is_(None))):
        raise cases.Invalid([Fault("/nomor", "Permohonan ini sudah ditahan.")])
    row = Hold(case_id=found, reason=reason, by_id=actor.person.id, at=ctx.now)
    ctx.session.add(row)
    undecided = select(Destruction.id).where(Destruction.approved.is_(None))
    ctx.session.execute(
        delete(DestructionCase).where(
            DestructionCase.case_id == found, DestructionCase.destruction_id.in_(undecided)
        )
    )  # fmt: skip
    ctx.session.flush()
    return row


def lift(ctx: Context, actor: Actor, hold_id: int) -> Hold:
    """Lets a case go that was held: it stands on the next list. Raises NotFound, NotYours, AlreadyDone."""
    row = ctx.session.get(Hold, hold_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise cases.NotFound()
    schedule = _schedule(ctx, ctx.session.get_one(Case, row.case_id).sop)
    if not (may_propose(ctx, actor, schedule) or may_decide(ctx, actor, schedule)):
        raise cases.NotYours("Permohonan ini bukan bagian Anda.")
    if row.lifted_at is not None:
        raise cases.AlreadyDone("Penahanan ini sudah dicabut.")
    row.lifted_at, row.lifted_by_id = ctx.now, actor.person.id
    return row


# -- what there is to see ---------------------------------------------------------------------------------------------


def listed(
    ctx: Context, sops: Sequence[str] | None, limit: int = 50
) -> list[tuple[Destruction, Progress, Person, Person | None]]:
    """The lists of these SOPs (None: of all, also of those that have no schedule any more), the latest first: how far
    each has come, who proposed and who decided.
    """
    query = select(Destruction).order_by(Destruction.id.desc()).limit(limit)
    if sops is not None:
        query = query.where(Destruction.sop.in_(sops))
    return [(row, progress(ctx, row), *people_of(ctx, row)) for row in ctx.session.scalars(query).all()]


def people_of(ctx: Context, row: Destruction) -> tuple[Person, Person | None]:
    """Who proposed a list and who decided it."""
    decided = ctx.session.get(Person, row.decided_by_id) if row.decided_by_id else None
    return ctx.session.get_one(Person, row.proposed_by_id), decided


def found(ctx: Context, number: int) -> Destruction:
    """A list. Raises NotFound."""
    row = ctx.session.get(Destruction, number)
    if row is None:
        raise cases.NotFound()
    return row


def members(ctx: Context, row: Destruction) -> list[tuple[Case, DestructionCase]]:
    """The cases of a list with what became of each, those first that ended first."""
    query = (
        select(Case, DestructionCase)
        .join(DestructionCase, DestructionCase.case_id == Case.id)
        .where(DestructionCase.destruction_id == row.id)
        .order_by(Case.ended_at, Case.id)
    )
    return [(about, member) for about, member in ctx.session.execute(query)]


def progress(ctx: Context, row: Destruction) -> Progress:
    """How far a list has come."""
    done, skipped = DestructionCase.done_at.is_not(None), DestructionCase.skipped != ""
    counted = select(
        func.coalesce(func.sum(when((done, 1), else_=0)), 0),
        func.coalesce(func.sum(when((skipped, 1), else_=0)), 0),
        func.coalesce(func.sum(when((~done & ~skipped, 1), else_=0)), 0),
    ).where(DestructionCase.destruction_id == row.id)
    return Progress(*ctx.session.execute(counted).one())


def holds(ctx: Context, sops: Sequence[str]) -> list[tuple[Hold, Case, Person]]:
    """What is held of these SOPs now, with who holds it."""
    query = (
        select(Hold, Case, Person)
        .join(Case, Case.id == Hold.case_id)
        .join(Person, Person.id == Hold.by_id)
        .where(Hold.lifted_at.is_(None), Case.sop.in_(sops))
        .order_by(Hold.id)
    )
    return [(row, about, person) for row, about, person in ctx.session.execute(query)]


def _schedule(ctx: Context, sop: str) -> Schedule:
    schedule = of_sop(ctx, sop)
    if schedule is None:
        raise cases.NotFound("SOP ini tidak menetapkan retensi.")
    return schedule


def _locked(ctx: Context, number: int) -> Destruction:
    row = ctx.session.get(Destruction, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise cases.NotFound()
    return row


def _words(text: str) -> str:
    return " ".join(forms.normal_text(text or "").split())
