"""Links that work once, as mailed. Only the SHA-256 of a link's secret is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import func, select, update

from app.context import Context
from app.models import Link, Person

VERIFY, RESET = "surel", "sandi"
LASTS = {VERIFY: timedelta(days=3), RESET: timedelta(hours=1)}
AN_HOUR, MOST = timedelta(hours=1), 3  # mails of one purpose to one person


def make(ctx: Context, person: Person, purpose: str, address: str) -> str:
    """A link's secret; what was mailed before for the same purpose works no longer."""
    end(ctx, person, purpose)
    secret = secrets.token_urlsafe(32)
    ctx.session.add(
        Link(
            person_id=person.id, purpose=purpose, sha256=_digest(secret), address=address,
            expires_at=ctx.now + LASTS[purpose],
        )
    )  # fmt: skip
    ctx.session.flush()
    return secret


def too_many(ctx: Context, person: Person, purpose: str) -> bool:
    """Were so many mailed within the hour that another would be a nuisance?"""
    recent = select(func.count()).where(
        Link.person_id == person.id, Link.purpose == purpose, Link.expires_at > ctx.now + LASTS[purpose] - AN_HOUR
    )
    return (ctx.session.scalar(recent) or 0) >= MOST


def find(ctx: Context, purpose: str, secret: str, *, lock: bool = False) -> tuple[Link, Person] | None:
    """The link with this secret, and whose it is, if it works still; with `lock` nobody else uses it meanwhile."""
    query = (
        select(Link, Person)
        .join(Person, Person.id == Link.person_id)
        .where(
            Link.sha256 == _digest(secret), Link.purpose == purpose, Link.used_at.is_(None),
            Link.expires_at > ctx.now, Person.active,
        )
    )  # fmt: skip
    row = ctx.session.execute(query.with_for_update() if lock else query).first()
    return (row[0], row[1]) if row else None


def waiting(ctx: Context, person: Person, purpose: str) -> str | None:
    """The address of the link that was mailed last and works still."""
    return ctx.session.scalar(
        select(Link.address)
        .where(Link.person_id == person.id, Link.purpose == purpose, Link.used_at.is_(None), Link.expires_at > ctx.now)
        .order_by(Link.id.desc())
        .limit(1)
    )


def end(ctx: Context, person: Person, purpose: str) -> None:
    """From here on none of a person's links of this purpose works."""
    open_ones = update(Link).where(Link.person_id == person.id, Link.purpose == purpose, Link.used_at.is_(None))
    ctx.session.execute(open_ones.values(used_at=ctx.now))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
