"""Who holds which lane when, and what that lets them see and do."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from app.context import Context
from app.models import Case, Lane, Membership, Person, Proxy, Task, Token

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's argon2id minimum
NOBODY = HASHER.hash(secrets.token_urlsafe(16))  # an unknown name costs as long as a known one


_HELD = (
    select(Lane.id, Lane.name, Lane.sop, Lane.counter)
    .join(Membership, Membership.lane == Lane.name)
    .where(
        Membership.person_id == bindparam("person"),
        Membership.since <= bindparam("now"),
        or_(Membership.until.is_(None), Membership.until > bindparam("now")),
    )
    .order_by(Lane.id)
)

_MANDATES = (
    select(Proxy.id, Proxy.principal_id, Person.full_name, Person.name, Proxy.proxy_id, Proxy.sop, Proxy.until)
    .join(Person, Person.id == Proxy.principal_id)
    .where(
        or_(Proxy.principal_id == bindparam("person"), Proxy.proxy_id == bindparam("person")),
        Proxy.since <= bindparam("now"),
        Proxy.until > bindparam("now"),
        Person.active,
    )
    .order_by(Proxy.id)
)


@dataclass(frozen=True)
class Mandate:
    """A power of attorney that holds now: whose (`name`, `login`), who acts by it, in which SOP; "" is every SOP."""

    id: int
    principal: int
    name: str
    login: str
    proxy: int
    sop: str
    until: datetime


@dataclass(frozen=True)
class Actor:
    """A person with the lanes that they hold at this moment: `lanes` by Lane.id, `counter` the SOPs they file for."""

    person: Person
    lanes: frozenset[int]
    names: tuple[str, ...]
    sops: frozenset[str]
    counter: frozenset[str]
    mandates: tuple[Mandate, ...] = ()  # those that the person gave, and those that they hold

    @property
    def staff(self) -> bool:
        return bool(self.lanes)

    @property
    def principals(self) -> tuple[Mandate, ...]:
        """The mandates by which the person acts for somebody else."""
        return tuple(mandate for mandate in self.mandates if mandate.proxy == self.person.id)


def actor(session: Session, person: Person, now: datetime) -> Actor:
    """`person` with the lanes held now. A parent lane grants nothing; a lane's name grants it in every SOP."""
    held = session.connection().execute(_HELD, {"person": person.id, "now": now}).all()
    return Actor(
        person,
        frozenset(row.id for row in held),
        tuple(dict.fromkeys(row.name for row in held)),
        frozenset(row.sop for row in held),
        frozenset(row.sop for row in held if row.counter),
        _mandates(session, person, now) if person.applicant else (),
    )


def _mandates(session: Session, person: Person, now: datetime) -> tuple[Mandate, ...]:
    rows = session.connection().execute(_MANDATES, {"person": person.id, "now": now})
    return tuple(Mandate(*row) for row in rows)


def mandate(actor: Actor, applicant_id: int | None, sop: str) -> Mandate | None:
    """The power of attorney by which the actor acts for an applicant in an SOP, if they hold one."""
    return next((m for m in actor.principals if m.principal == applicant_id and m.sop in ("", sop)), None)


def acting(actor: Actor, applicant_id: int | None, sop: str) -> dict[str, dict[str, int | str]]:
    """What an event says of a proxy's deed: for whom it was done. Nothing of anybody else's."""
    held = mandate(actor, applicant_id, sop)
    return {"kuasa": {"id": held.principal, "name": held.name}} if held else {}


def stood_for(ctx: Context, case: Case, person_id: int | None, at: datetime) -> bool:
    """Did somebody hold a power of attorney for a case's applicant at that moment?"""
    held = select(Proxy.id).where(
        Proxy.principal_id == case.applicant_id,
        Proxy.proxy_id == person_id,
        Proxy.sop.in_(("", case.sop)),
        Proxy.since <= at,
        Proxy.until > at,
    )
    return ctx.session.scalar(held.limit(1)) is not None


def hands(actor: Actor, case: Case) -> set[int]:
    """Whose uploads the actor may use for a case: one begins a draft, the other sends it."""
    theirs = {m.proxy for m in actor.mandates if m.principal == actor.person.id == case.applicant_id}
    held = mandate(actor, case.applicant_id, case.sop)
    return {actor.person.id, *theirs, *([held.principal] if held else [])}


def may_do(actor: Actor, task: Task) -> bool:
    """Whether a task lies in one of the actor's lanes.

    The applicant's lane belongs to the case's applicant and their proxy; of a case that its applicant did not file
    themselves (at the counter, or inside the office) also to the counter and to whoever holds that lane.
    """
    case = task.case
    if not task.lane.applicant:
        return task.lane_id in actor.lanes
    if case.applicant_id == actor.person.id or mandate(actor, case.applicant_id, case.sop):
        return True
    return case.filed_by_id != case.applicant_id and (case.sop in actor.counter or task.lane_id in actor.lanes)


def may_see(actor: Actor, case: Case) -> bool:
    """Whether the actor may read a case: its applicant, their proxy, who filed it, whoever holds a lane of its SOP, an
    auditor.
    """
    own = actor.person.id in (case.applicant_id, case.filed_by_id)
    official = case.sop in actor.sops or actor.person.auditor
    return own or official or mandate(actor, case.applicant_id, case.sop) is not None


def grant(ctx: Context, person: Person, lane: str) -> bool:
    """Gives a person a lane by name from now on; False where they hold it already."""
    held = ctx.session.scalar(
        select(Membership).where(
            Membership.person_id == person.id,
            Membership.lane == lane,
            or_(Membership.until.is_(None), Membership.until > ctx.now),
        )
    )
    if held:
        return False
    ctx.session.add(Membership(person_id=person.id, lane=lane, since=ctx.now))
    return True


def new_person(ctx: Context, name: str, password: str, **rest: object) -> Person:
    """A new person, hashed password and all; the caller has seen to it that the name is free."""
    person = Person(name=name, password=HASHER.hash(password), created_at=ctx.now, **{"full_name": name, **rest})
    ctx.session.add(person)
    ctx.session.flush()
    return person


def password_fits(person: Person | None, password: str) -> bool:
    """Whether a password is a person's; takes as long for nobody."""
    try:
        HASHER.verify(person.password if person else NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return person is not None


def new_token(ctx: Context, person: Person) -> str:
    """A bearer token; only its digest is kept."""
    secret = secrets.token_urlsafe(32)
    ctx.session.add(Token(person_id=person.id, sha256=_digest(secret), created_at=ctx.now))
    return secret


def by_token(session: Session, secret: str) -> Person | None:
    """Whose token this is, unless it was revoked or the person may no longer log in."""
    return session.scalar(
        select(Person)
        .join(Token, Token.person_id == Person.id)
        .where(Token.sha256 == _digest(secret), Token.revoked_at.is_(None), Person.active)
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
