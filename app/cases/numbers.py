"""Striking out a number that was given by mistake: its book and its case both say so, in one transaction."""

from __future__ import annotations

from app import forms, journal, people, registers, revisions
from app.cases.readers import locked
from app.cases.refusals import NotFound, NotNow, NotYours, ReasonNeeded, TooLarge
from app.cases.verbs import fire_due
from app.context import Context
from app.models import Case, RegisterEntry
from app.people import Actor


def void_number(ctx: Context, actor: Actor, register: str, year: int, number: int, reason: str) -> RegisterEntry:
    """Strikes a number out, by whoever holds a lane that gives the numbers of this register.

    It stays in its book and with its case, and nobody gets it again; the case gets the next one once the step that
    numbers it is done again. A reserved number that no case bears is struck out in the same way.
    Raises NotFound, NotYours, NotNow (void already; on what an ended case has issued), ReasonNeeded, TooLarge.
    """
    entry = ctx.session.get(RegisterEntry, (register, year, number))
    case = _case(ctx, actor, entry)
    if entry is None or (case is None and not drawn(ctx, register)):
        raise NotFound()
    lane = lane_of(ctx, actor, entry, case)
    if lane is None:
        raise NotYours("Nomor dibatalkan oleh pemegang lajur yang memberi nomor pada register ini.")
    reason = " ".join(forms.normal_text(reason or "").split())
    if not reason:
        raise ReasonNeeded("Tulis alasan pembatalan.")
    if len(reason) > registers.REASON:
        raise TooLarge(f"Alasan pembatalan paling panjang {registers.REASON} huruf.")
    if case is not None and case.status == "open" and fire_due(ctx, case):
        ctx.session.flush()
    if case is not None and case.status == "ended":
        raise NotNow(
            "Permohonan ini sudah selesai dan nomornya tertulis pada yang sudah terbit. "
            "Cabut dahulu yang sudah terbit, atau buka kembali permohonannya."
        )
    try:
        registers.void(ctx, register, year, number, actor.person, reason)
    except registers.NotUsable as refused:
        raise NotNow(refused.message) from refused
    if entry.case_id != (case.id if case else None):
        raise NotNow("Nomor ini baru saja dipakai. Muat ulang halaman, lalu coba lagi bila masih perlu.")
    if case is not None:
        name, lane_id = lane
        body = {"register": register, "year": year, "number": number, "text": entry.text}
        body |= people.acted(actor.behalf(lane_id))
        typed = journal.Typed({}, reason)
        journal.append(ctx, case, "void", body, actor=actor.person, lane=name, typed=typed)
    return entry


def lane_of(ctx: Context, actor: Actor, entry: RegisterEntry, case: Case | None) -> tuple[str, int] | None:
    """The lane, with its Lane.id, in which the actor may strike a number out; None where they hold none that gives it.

    Of what a case bears it is a lane of the SOP that the case runs under, else of any that gives the register.
    """
    givers = [revisions.load(ctx.session, case.revision_id)] if case else drawn(ctx, entry.register)
    for loaded in givers:
        for name in revisions.numbering_lanes(loaded, entry.register):
            if (lane := loaded.lanes.get(name)) in actor.lanes and lane is not None:
                return name, lane
    return None


def drawn(ctx: Context, register: str) -> list[revisions.Loaded]:
    """The revisions whose steps give the numbers of a register, the latest first."""
    return [loaded for loaded in revisions.every(ctx.session) if revisions.numbering_steps(loaded, register)]


def _case(ctx: Context, actor: Actor, entry: RegisterEntry | None) -> Case | None:
    """The case that bears a number, locked. Raises NotFound where it is not for the actor to see."""
    if entry is None or entry.case_id is None:
        return None
    case = locked(ctx, entry.case_id)
    if case is None or not people.may_see(actor, case):
        raise NotFound()
    return case
