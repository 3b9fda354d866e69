"""Who has a case open at this moment: told by their pages every few seconds, no part of the record."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from app import database
from app.context import Context
from app.models import Person, Presence
from app.people import Actor

SEEN = timedelta(seconds=90)  # a page tells every 30 seconds: two may be lost
FRESH = timedelta(seconds=20)  # what was told a moment ago, from another window, need not be written again


def here(ctx: Context, actor: Actor, case_id: int) -> None:
    """The actor has this case open now; what they had open before is forgotten."""
    mine = delete(Presence).where(Presence.person_id == actor.person.id, Presence.seen_at <= ctx.now - SEEN)
    ctx.session.execute(mine)
    row = database.insert(ctx.session, Presence).values(case_id=case_id, person_id=actor.person.id, seen_at=ctx.now)
    told = row.on_conflict_do_update(index_elements=["case_id", "person_id"], set_={"seen_at": ctx.now})
    ctx.session.execute(told)


def told_lately(ctx: Context, actor: Actor, case_id: int) -> bool:
    """Whether the actor's presence was written a moment ago."""
    seen = ctx.session.scalar(
        select(Presence.seen_at).where(Presence.case_id == case_id, Presence.person_id == actor.person.id)
    )
    return seen is not None and seen > ctx.now - FRESH


def others(ctx: Context, actor: Actor, case_id: int) -> list[str]:
    """Who else has a case open now, by name."""
    names = (
        select(Person.full_name)
        .join(Presence, Presence.person_id == Person.id)
        .where(Presence.case_id == case_id, Presence.seen_at > ctx.now - SEEN, Person.id != actor.person.id)
        .order_by(Person.full_name)
    )
    return list(ctx.session.scalars(names))
