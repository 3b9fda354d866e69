"""The daily digest: at the opening of a working day each officer hears what waits for them, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, union

from app import daily, inbox, messages, people
from app.context import Context
from app.models import Deputy, Membership, Person

NAME = "ringkasan"
MOST = 5  # urgent tasks that it names


def readers(ctx: Context) -> list[int]:
    """Who gets one today: officers with an address who want it; nobody before the first opening, or on a closed day."""
    if not daily.now(ctx, NAME):
        return []
    serve = union(
        select(Membership.person_id).where(Membership.since <= ctx.now),
        select(Deputy.deputy_id).where(Deputy.since <= ctx.now, Deputy.until > ctx.now),
    )
    wanted = select(Person.id).where(Person.id.in_(serve), Person.active, Person.digest, Person.email.is_not(None))
    return list(ctx.session.scalars(wanted.order_by(Person.id)))


def of(ctx: Context, person_id: int) -> Mapping[str, Any] | None:
    """What a person is told today; None where nothing waits for them."""
    actor = people.actor(ctx.session, ctx.session.get_one(Person, person_id), ctx.now)
    if not actor.staff:
        return None
    counts = inbox.counts(ctx, actor)
    urgent = inbox.tasks(ctx, actor, inbox.Filters(), None, MOST).items
    if not urgent:
        return None
    total = min(inbox.CAP + 1, sum(step.count for step in counts.steps))
    return {
        "tanggal": ctx.local().isoformat(timespec="minutes"),
        "jumlah": inbox.figure(total),
        "terlambat": inbox.figure(counts.overdue) if counts.overdue else "",
        "diambil": inbox.figure(counts.mine) if counts.mine else "",
        "langkah": [{"nama": step.name, "lajur": step.lane, "jumlah": step.shown} for step in counts.steps],
        "mendesak": [
            {
                "nomor": task.case.number,
                "langkah": task.name,
                "pemohon": task.case.applicant_name,
                "batas": ctx.local(task.due_at).isoformat(timespec="minutes") if task.due_at else None,
                "terlambat": task.due_at is not None and task.due_at < ctx.now,
                "tautan": f"{ctx.settings.url}/tugas/{task.id}",
            }
            for task in urgent
        ],
    }


def tell(ctx: Context, person_id: int, said: Mapping[str, Any]) -> None:
    """Writes a person's digest of today; a second one is none."""
    person = ctx.session.get_one(Person, person_id)
    messages.notify(ctx, person, "ringkasan", said, key=f"ringkasan:{ctx.local().date()}:{person_id}")
