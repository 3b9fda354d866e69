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
from app.models import Case, Lane, Membership, Person, Task, Token

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


@dataclass(frozen=True)
class Actor:
    """A person with the lanes that they hold at this moment: `lanes` by Lane.id, `counter` the SOPs they file for."""

    person: Person
    lanes: frozenset[int]
    names: tuple[str, ...]
    sops: frozenset[str]
    counter: frozenset[str]

    @property
    def staff(self) -> bool:
        return bool(self.lanes)


def actor(session: Session, person: Person, now: datetime) -> Actor:
    """`person` with the lanes held now. A parent lane grants nothing; a lane's name grants it in every SOP."""
    held = session.connection().execute(_HELD, {"person": person.id, "now": now}).all()
    return Actor(
        person,
        frozenset(row.id for row in held),
        tuple(dict.fromkeys(row.name for row in held)),
        frozenset(row.sop for row in held),
        frozenset(row.sop for row in held if row.counter),
    )


def may_do(actor: Actor, task: Task) -> bool:
    """Whether a task lies in one of the actor's lanes.

    The applicant's lane belongs to the case's applicant; of a case that its applicant did not file themselves (at the
    counter, or inside the office) also to the counter and to whoever holds that lane.
    """
    case = task.case
    if not task.lane.applicant:
        return task.lane_id in actor.lanes
    if case.applicant_id == actor.person.id:
        return True
    return case.filed_by_id != case.applicant_id and (case.sop in actor.counter or task.lane_id in actor.lanes)


def may_see(actor: Actor, case: Case) -> bool:
    """Whether the actor may read a case: its applicant, who filed it, whoever holds a lane of its SOP, an auditor."""
    return actor.person.id in (case.applicant_id, case.filed_by_id) or case.sop in actor.sops or actor.person.auditor


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
