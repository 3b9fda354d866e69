"""How long each SOP's cases are kept, and which of them are over.

The schedule is that of the SOP's latest revision, whatever revision a case ran under: a retention schedule is law in
force for all that an archive holds, also for what came in before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from app import ends, revisions, wording
from app.context import Context
from app.models import Case, Complaint, Destruction, DestructionCase, Document, Hold, Revision


@dataclass(frozen=True)
class Schedule:
    """What an SOP says of its cases once they have ended: how long they are kept, which lanes propose and decide."""

    sop: str
    title: str
    revision: int  # Revision.id of the one that says it
    length: int
    unit: str  # tahun, bulan, hari
    proposing: str
    deciding: str

    @property
    def text(self) -> str:
        """`5 tahun`."""
        return f"{self.length} {self.unit}"

    def back(self, day: date) -> date:
        """The last day on which something may have ended that is due on `day`."""
        if self.unit == "hari":
            return day - timedelta(days=self.length)
        return wording.months_on(day, -self.length * (12 if self.unit == "tahun" else 1))


def schedules(ctx: Context) -> list[Schedule]:
    """The schedule of every SOP whose latest revision has one, by title; also of an SOP that was retired."""
    latest = select(func.max(Revision.number)).where(Revision.sop == (same := aliased(Revision)).sop).scalar_subquery()
    query = select(same).where(same.number == latest).order_by(same.title, same.sop)
    return [found for revision in ctx.session.scalars(query) if (found := _read(ctx, revision))]


def of_sop(ctx: Context, sop: str) -> Schedule | None:
    """The schedule of an SOP, None where it has none: its cases are kept for ever."""
    query = select(Revision).where(Revision.sop == sop).order_by(Revision.number.desc()).limit(1)
    revision = ctx.session.scalar(query)
    return _read(ctx, revision) if revision else None


def _read(ctx: Context, revision: Revision) -> Schedule | None:
    definition = revisions.load(ctx.session, revision.id).definition
    kept = ends.retention(definition)
    if kept is None:
        return None
    return Schedule(revision.sop, definition.title, revision.id, kept.length, kept.unit, kept.proposing, kept.deciding)


def due(ctx: Context, schedule: Schedule, limit: int) -> Sequence[Case]:
    """The cases that may be destroyed now, those first that ended first."""
    query = select(Case).where(*_over(ctx, schedule, ctx.local().date()), *_free()).order_by(Case.ended_at, Case.id)
    return ctx.session.scalars(query.limit(limit)).all()


def count(ctx: Context, schedule: Schedule, day: date | None = None) -> int:
    """How many cases may be destroyed now, or on a day to come if nothing more happens to them."""
    over = _over(ctx, schedule, day or ctx.local().date())
    return ctx.session.scalar(select(func.count()).select_from(Case).where(*over, *_free())) or 0


def half_year(ctx: Context) -> date:
    """The day half a year from today."""
    return wording.months_on(ctx.local().date(), 6)


def _over(ctx: Context, schedule: Schedule, day: date) -> tuple[ColumnElement[bool], ...]:
    """Retention has run out by `day`: counted from the end of the case, or of what it gave where that ended later."""
    last = schedule.back(day)
    before = datetime.combine(last + timedelta(days=1), time(), ctx.settings.zone)
    in_force = exists().where(Document.case_id == Case.id, Document.valid_until > last)
    return (
        Case.sop == schedule.sop,
        Case.ended_at.is_not(None),
        Case.destroyed_at.is_(None),
        Case.ended_at < before,
        ~in_force,
    )


def _free() -> tuple[ColumnElement[bool], ...]:
    """Nothing keeps a case that is over, and no list has it already."""
    return (
        *(~found for found, _words in _keeping(Case.id)),
        ~exists().where(
            DestructionCase.case_id == Case.id,
            DestructionCase.destruction_id == Destruction.id,
            DestructionCase.done_at.is_(None),
            DestructionCase.skipped == "",
            Destruction.approved.is_not(False),
        ),
    )


def _keeping(case_id: Any) -> tuple[tuple[ColumnElement[bool], str], ...]:
    """What keeps a case whose retention is over, in words."""
    later = aliased(Case)
    return (
        (
            exists().where(later.previous_id == case_id, later.status == "open"),
            "Permohonan lanjutannya masih berjalan.",
        ),
        (
            exists().where(Complaint.case_id == case_id, Complaint.answered_at.is_(None)),
            "Ada pertanyaan atau pengaduan yang belum dijawab.",
        ),
        (exists().where(and_(Hold.case_id == case_id, Hold.lifted_at.is_(None))), "Ditahan."),
    )


def waits(ctx: Context, case: Case) -> str:
    """Why a case is not to be destroyed now, as it stands; "" where it is."""
    if case.ended_at is None:
        return "Permohonan ini dibuka kembali."
    if case.destroyed_at is not None:
        return "Permohonan ini sudah dimusnahkan."
    schedule = of_sop(ctx, case.sop)
    if schedule is None:
        return "SOP yang berlaku tidak lagi menetapkan retensi."
    over = select(Case.id).where(Case.id == case.id, *_over(ctx, schedule, ctx.local().date()))
    if ctx.session.scalar(over) is None:
        return "Retensinya belum habis menurut SOP yang berlaku."
    for found, words in _keeping(case.id):
        if ctx.session.scalar(select(found)):
            return words
    return ""
