"""Striking out a number that was given by mistake: its book and its case both say so, in one transaction."""

from __future__ import annotations

from app import forms, journal, people, registers, revisions
from app.cases.readers import locked
from app.cases.refusals import Destroyed, NotFound, NotNow, NotYours, ReasonNeeded, TooLarge
from app.cases.verbs import fire_due
from app.context import Context
from app.models import Case, RegisterEntry
from app.people import Actor

ISSUED = (
    "Permohonan ini sudah selesai dan nomornya tertulis pada yang sudah terbit. "
    "Cabut dahulu yang sudah terbit, atau buka kembali permohonannya."
)


def void_number(ctx: Context, actor: Actor, register: str, year: int, number: int, reason: str) -> RegisterEntry:
    """Strikes a number out, by whoever holds a lane that gives the numbers of this register.

    It stays in its book and with its case, and nobody gets it again; the case gets the next one once the step that
    numbers it is done again. A reserved number that no case bears is struck out in the same way.
    Raises NotFound, NotYours, Destroyed, NotNow (void already; on what an ended case has issued), ReasonNeeded,
    TooLarge.
    """
    entry, case, (lane, lane_id) = _asked(ctx, actor, register, year, number, lock=True)
    reason = " ".join(forms.normal_text(reason or "").split())
    if not reason:
        raise ReasonNeeded("Tulis alasan pembatalan.")
    if len(reason) > registers.REASON:
        raise TooLarge(f"Alasan pembatalan paling panjang {registers.REASON} huruf.")
    if case is not None and case.status == "open" and fire_due(ctx, case):
        ctx.session.flush()
    if case is not None and case.status == "ended":
        raise NotNow(ISSUED)
    try:
        registers.void(ctx, register, year, number, actor.person, reason)
    except registers.NotUsable as refused:
        raise NotNow(refused.message) from refused
    if entry.case_id != (case.id if case else None):
        raise NotNow("Nomor ini baru saja dipakai. Muat ulang halaman, lalu coba lagi bila masih perlu.")
    if case is not None:
        body = {"register": register, "year": year, "number": number, "text": entry.text}
        body |= people.acted(actor.behalf(lane_id))
        typed = journal.Typed({}, reason)
        journal.append(ctx, case, "void", body, actor=actor.person, lane=lane, typed=typed)
    return entry


def to_void(ctx: Context, actor: Actor, register: str, year: int, number: int) -> tuple[RegisterEntry, Case | None]:
    """A number that the actor may strike out, and the case that bears it. Raises as void_number."""
    entry, case, _lane = _asked(ctx, actor, register, year, number)
    if case is not None and case.status == "ended":
        raise NotNow(ISSUED)
    return entry, case


def _asked(
    ctx: Context, actor: Actor, register: str, year: int, number: int, *, lock: bool = False
) -> tuple[RegisterEntry, Case | None, tuple[str, int]]:
    """The number, its case, and the lane (with its Lane.id) in which the actor may strike it out.

    Of what a case bears it is a lane of the SOP that the case runs under, else of any that gives the register.
    Raises NotFound, NotYours, Destroyed.
    """
    entry = ctx.session.get(RegisterEntry, (register, year, number))
    if entry is None:
        raise NotFound()
    case = None
    if entry.case_id is not None:
        case = locked(ctx, entry.case_id) if lock else ctx.session.get(Case, entry.case_id)
        if case is None or not people.may_see(actor, case):
            raise NotFound()
        if case.destroyed_at is not None:
            raise Destroyed()
    givers = [revisions.load(ctx.session, case.revision_id)] if case else revisions.every(ctx.session)
    lanes = [(name, giver.lanes.get(name)) for giver in givers for name in revisions.numbering_lanes(giver, register)]
    if not lanes:
        raise NotFound()
    for name, lane_id in lanes:
        if lane_id is not None and lane_id in actor.lanes:
            return entry, case, (name, lane_id)
    raise NotYours("Nomor dibatalkan oleh pemegang lajur yang memberi nomor pada register ini.")
