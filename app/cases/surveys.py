"""The satisfaction survey of a case: answered at the step that asks it, on a telephone by its address, or on paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete, select

from app import access, forms, people, revisions, satisfaction
from app.cases.readers import locked, open_tasks
from app.cases.refusals import AlreadyDone, Invalid, NotFound, NotNow
from app.context import Context
from app.forms import Fault, Form
from app.models import Case, Revision, Survey
from app.people import Actor

OLDEST = timedelta(days=2 * 366)  # a paper whose date is further back was mistyped
BETWEEN = re.compile(r"[\s.,;/-]+")  # what may stand between digits
LATEST = 10  # that whoever enters papers sees, and may take out again


@dataclass(frozen=True)
class Asked:
    """A case's survey as whoever has its address finds it: `open` to be answered, or answered at `at`."""

    case: Case
    open: bool
    at: datetime | None


# -- at a step


def of_step(ctx: Context, actor: Actor, case: Case, form: Form, group: str, answers: Mapping[str, Any]) -> None:
    """Keeps what a step was just answered with; a second pass replaces the first. Corrections change nothing of it:
    what an official puts right is not what the applicant said.
    """
    answer = satisfaction.questions(form, group).answer(answers)
    if answer is not None:
        by = None if actor.person.applicant else actor.person.id
        satisfaction.keep(
            ctx, answer, sop=case.sop, case_id=case.id, source=satisfaction.STEP, entered_by=by, again=True
        )


# -- on a telephone


def asked(ctx: Context, code: str) -> Asked:
    """The survey with this code: open once the case has come to the step that asks it, or ended. Raises NotFound."""
    case = satisfaction.coded(ctx, code)
    if case is None or case.destroyed_at is not None or not _outside(ctx, case.revision_id):
        raise NotFound()
    kept = satisfaction.of_case(ctx, case.id)
    return Asked(case, kept is None and _reached(ctx, case), kept.at if kept else None)


def _outside(ctx: Context, revision_id: int) -> bool:
    """Does somebody from outside apply, who could be content or not?"""
    return revisions.load(ctx.session, revision_id).definition.applicant_lane is not None


def _reached(ctx: Context, case: Case) -> bool:
    if case.status != "open":
        return True
    loaded = revisions.load(ctx.session, case.revision_id)
    return any(loaded.property_of(task.step, "survei") for task in open_tasks(ctx, case))


def answer(ctx: Context, code: str, answers: Mapping[str, Any]) -> None:
    """Answers a survey once. Raises NotFound, AlreadyDone, NotNow, Invalid."""
    found = asked(ctx, code)
    if found.at is not None:
        raise AlreadyDone("Survei ini sudah diisi.")
    if not found.open:
        raise NotNow("Survei ini belum dibuka.")
    form = satisfaction.form()
    clean, faults = forms.check(form, answers, {}, lambda _id: None, today=ctx.local().date())
    given = satisfaction.questions(form).answer(clean)
    if faults or given is None:
        raise Invalid(faults)
    case = locked(ctx, found.case.id)
    if case is None or case.destroyed_at is not None:  # since a moment ago
        raise NotFound()
    if not satisfaction.keep(ctx, given, sop=case.sop, case_id=case.id, source=satisfaction.PHONE):
        raise AlreadyDone("Survei ini sudah diisi.")  # by somebody who was faster


# -- from paper


def on_paper(ctx: Context, actor: Actor) -> list[Revision]:
    """The services of the actor's for which somebody applies, and so may have answered on paper."""
    return [r for r in revisions.all_in_force(ctx.session) if r.sop in actor.sops and _outside(ctx, r.id)]


def enter(ctx: Context, actor: Actor, sop: str, day: str, digits: str, number: str = "", remark: str = "") -> None:
    """Keeps a paper: nine digits, its day (ISO), the number of its case where it bears one. Raises Invalid."""
    faults = []
    if sop not in {revision.sop for revision in on_paper(ctx, actor)}:
        faults.append(Fault("/layanan", "Pilih layanannya."))
    on = _day(day)
    today = ctx.local().date()
    if on is None:
        faults.append(Fault("/tanggal", "Tulis tanggal pada kertasnya."))
    elif not today - OLDEST <= on <= today:
        faults.append(Fault("/tanggal", "Tanggal ini belum tiba, atau sudah terlalu lama. Periksalah tahunnya."))
    values = BETWEEN.sub("", digits)
    if wrong := _wrong(values):
        faults.append(Fault("/jawaban", wrong))
    case, fault = _case(ctx, actor, sop, number)
    faults += [fault] if fault else []
    remark = forms.normal_text(remark)
    if len(remark) > satisfaction.REMARK:
        faults.append(Fault("/saran", f"Saran paling panjang {satisfaction.REMARK} huruf."))
    if faults or on is None:
        raise Invalid(faults)
    kept = satisfaction.keep(
        ctx,
        satisfaction.Answer(tuple(map(int, values)), remark),
        sop=sop,
        case_id=case.id if case else None,
        source=satisfaction.PAPER,
        entered_by=actor.person.id,
        at=datetime.combine(on, time(), ctx.settings.zone),
    )
    if not kept:
        raise Invalid([Fault("/nomor", _ANSWERED)])


_ANSWERED = "Survei permohonan ini sudah tercatat; satu permohonan dihitung satu kali."


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _wrong(values: str) -> str:
    """What is wrong with the digits; "" where nothing is."""
    odd = next(((n, digit) for n, digit in enumerate(values, 1) if digit not in "1234"), None)
    if odd is not None:
        return f"Tanda ke-{odd[0]}, “{odd[1]}”, bukan angka 1 sampai 4."
    if len(values) != len(satisfaction.ELEMENTS):
        return f"Tulis sembilan angka, satu untuk setiap unsur; yang tertulis {len(values)}."
    return ""


def _case(ctx: Context, actor: Actor, sop: str, number: str) -> tuple[Case | None, Fault | None]:
    number = number.strip()
    if not number:
        return None, None
    case = ctx.session.scalar(select(Case).where(Case.number == number, Case.sop == sop))
    if case is None or not people.may_see(actor, case):
        return None, Fault("/nomor", "Tidak ada permohonan layanan ini yang bernomor begitu. Boleh dikosongkan.")
    held = locked(ctx, case.id)
    if held is None or held.destroyed_at is not None:  # what is said of it now would never be destroyed
        return None, Fault("/nomor", "Data permohonan ini sudah dimusnahkan. Boleh dikosongkan.")
    return case, Fault("/nomor", _ANSWERED) if satisfaction.of_case(ctx, case.id) else None


def entered(ctx: Context, actor: Actor) -> list[Survey]:
    """What the actor entered last, the latest first."""
    mine = select(Survey).where(Survey.entered_by_id == actor.person.id, Survey.source == satisfaction.PAPER)
    return list(ctx.session.scalars(mine.order_by(Survey.id.desc()).limit(LATEST)))


def take_out(ctx: Context, actor: Actor, survey_id: int) -> None:
    """Takes out what the actor has just entered wrongly; that it was is kept. Raises NotFound."""
    found = next((row for row in entered(ctx, actor) if row.id == survey_id), None)
    if found is None:
        raise NotFound()
    digits = "".join(map(str, satisfaction.kept(found).values))
    access.seen(ctx, actor.person, "survei-dihapus", detail=f"{found.sop} {ctx.local(found.at):%Y-%m-%d} {digits}")
    ctx.session.execute(delete(Survey).where(Survey.id == found.id))
