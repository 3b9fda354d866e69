"""Reminders before what was issued ends: its holder hears of it once for each bound that the SOP draws."""

from __future__ import annotations

from app import daily, drawn, messages, papers, permits
from app.context import Context
from app.models import Document

NAME = "pengingat"


def due(ctx: Context) -> list[int]:
    """The papers whose holders are to be told today."""
    return permits.due(ctx) if daily.now(ctx, NAME) else []


def tell(ctx: Context, document_id: int) -> bool:
    """Writes one paper's reminder; False where it no longer stands, or there is nobody to reach."""
    found = permits.permit(ctx, ctx.session.get_one(Document, document_id))
    until, case = found.document.valid_until, found.case
    if until is None or found.standing.word not in (permits.IN_FORCE, permits.NOT_YET) or case.destroyed_at:
        return False
    left = (until - ctx.local().date()).days
    reminder = permits.reminder(found.loaded, left)
    if reminder is None:
        return False
    since = found.document.valid_from
    ending = {
        "nama": found.document.name,
        "nomor": found.document.number,
        "berlaku_dari": since.isoformat() if since else None,
        "berlaku_sampai": until.isoformat(),
        "sisa_hari": left,
        "perpanjangan": f"{messages.link(ctx, case)}/perpanjangan" if permits.extendable(ctx, case) else "",
    }
    wanted = [drawn.Text(reminder.text, None)]
    inputs, key = papers.frozen(ctx, case), permits.key(document_id, reminder)
    messages.tell(ctx, case, case.seq, wanted, inputs, ending=ending, key=key)
    return True
