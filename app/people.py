"""Who holds which lane when, and what that lets them see and do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, exists, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from app.context import Context
from app.models import Case, Deputy, Lane, Membership, Person, Proxy, Task, Token

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's argon2id minimum
NOBODY = HASHER.hash(secrets.token_urlsafe(16))  # an unknown name costs as long as a known one
KINDS = ("plt", "plh", "cuti")  # how somebody is deputised: the post is vacant, its holder is away, or on leave
_NOW: Any = bindparam("now")
_PERSON: Any = bindparam("person")
_RUNS = (Deputy.since <= _NOW, Deputy.until > _NOW)
_DATED = (Membership.since <= _NOW, or_(Membership.until.is_(None), Membership.until > _NOW))
_LANE = (Lane.id, Lane.name, Lane.sop, Lane.counter)
# A person's own lanes, and whether anybody is a deputy for or of them now, as a row more: what a deputy holds is asked
# for only then, since PostgreSQL takes longer to plan one query of all of it than to answer both.
_HELD = union_all(
    select(literal(1).label("lane"), *_LANE)
    .join(Membership, Membership.lane == Lane.name)
    .where(Membership.person_id == _PERSON, *_DATED),
    select(literal(0), Deputy.id, literal(""), literal(""), Deputy.person_id == _PERSON).where(
        or_(Deputy.person_id == _PERSON, Deputy.deputy_id == _PERSON), *_RUNS
    ),
)
_AWAY = (
    select(Person.full_name, Deputy.until)
    .join(Person, Person.id == Deputy.deputy_id)
    .where(Deputy.person_id == _PERSON, *_RUNS)
)
_FOR_OTHERS = (
    select(*_LANE, Person.id.label("other"), Person.full_name, Person.title, Deputy.kind, Deputy.until)
    .join(Membership, Membership.lane == Lane.name)
    .join(Deputy, Deputy.person_id == Membership.person_id)
    .join(Person, Person.id == Deputy.person_id)
    .where(Deputy.deputy_id == _PERSON, *_RUNS, *_DATED)
    .order_by(Lane.id, Person.id)
)
_MANDATES = (
    select(Proxy.id, Proxy.principal_id, Person.full_name, Person.name, Proxy.proxy_id, Proxy.sop, Proxy.until)
    .join(Person, Person.id == Proxy.principal_id)
    .where(
        or_(Proxy.principal_id == _PERSON, Proxy.proxy_id == _PERSON),
        Proxy.since <= _NOW,
        Proxy.until > _NOW,
        Person.active,
    )
    .order_by(Proxy.id)
)


@dataclass(frozen=True)
class Behalf:
    """Somebody who is absent, as their deputy acts for them: `kind` is plt, plh or cuti."""

    id: int
    name: str
    title: str
    kind: str
    until: datetime


@dataclass(frozen=True)
class Away:
    """By whom a person is deputised now, and until when: meanwhile their own lanes are not theirs."""

    by: str
    until: datetime


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
    """A person with the lanes that they hold at this moment: `lanes` by Lane.id, `counter` the SOPs they file for.

    `deputy_in` says of each lane that they hold only as somebody's deputy whose, `deputy_at` of each such counter.
    """

    person: Person
    lanes: frozenset[int]
    names: tuple[str, ...]
    sops: frozenset[str]
    counter: frozenset[str]
    deputy_in: Mapping[int, Behalf] = field(default_factory=dict, compare=False)
    deputy_at: Mapping[str, Behalf] = field(default_factory=dict, compare=False)
    away: Away | None = None
    mandates: tuple[Mandate, ...] = ()  # those that the person gave, and those that they hold

    @property
    def staff(self) -> bool:
        return bool(self.lanes) or self.away is not None

    @property
    def absent(self) -> dict[int, Behalf]:
        """Those whom they act for now, by person."""
        return {behalf.id: behalf for behalf in self.deputy_in.values()}

    def behalf(self, lane_id: int) -> Behalf | None:
        """On whose behalf they act in a lane; None where it is their own."""
        return self.deputy_in.get(lane_id)

    @property
    def principals(self) -> tuple[Mandate, ...]:
        """The mandates by which the person acts for somebody else."""
        return tuple(mandate for mandate in self.mandates if mandate.proxy == self.person.id)


def actor(session: Session, person: Person, now: datetime) -> Actor:
    """`person` with the lanes held now, their own first and then those of whom they are the deputy of.

    A parent lane grants nothing; a lane's name grants it in every SOP.
    """
    asked = {"person": person.id, "now": now}
    rows = session.connection().execute(_HELD, asked).all()
    own = sorted((row for row in rows if row.lane), key=lambda row: row.id)
    others: Sequence[Any] = ()
    if len(own) < len(rows):
        away = session.connection().execute(_AWAY, asked).first()
        if away is not None:  # whoever is absent acts for nobody, themselves neither
            return Actor(person, frozenset(), (), frozenset(), frozenset(), away=Away(away.full_name, away.until))
        others = session.connection().execute(_FOR_OTHERS, asked).all()
    mine, files = {row.id for row in own}, {row.sop for row in own if row.counter}
    deputy_in: dict[int, Behalf] = {}
    deputy_at: dict[str, Behalf] = {}
    for row in others:
        behalf = Behalf(row.other, row.full_name, row.title or "", row.kind, row.until)
        if row.id not in mine:
            deputy_in.setdefault(row.id, behalf)
        if row.counter and row.sop not in files:
            deputy_at.setdefault(row.sop, behalf)
    held = [*own, *others]
    return Actor(
        person,
        frozenset(row.id for row in held),
        tuple(dict.fromkeys(row.name for row in held)),
        frozenset(row.sop for row in held),
        frozenset(row.sop for row in held if row.counter),
        deputy_in,
        deputy_at,
        mandates=_mandates(session, person, now) if person.applicant else (),
    )


def on_behalf(actor: Actor, task: Task) -> dict[str, Any]:
    """What the event of something done to a task bears: of a deputy `{"an": ...}`, of a proxy `{"kuasa": ...}`.

    Every verb that writes an event with a lane puts this into its body.
    """
    case = task.case
    if not task.lane.applicant:
        return acted(actor.behalf(task.lane_id))
    if case.applicant_id == actor.person.id:
        return {}
    by_deputy = acted(actor.behalf(task.lane_id) if task.lane_id in actor.lanes else actor.deputy_at.get(case.sop))
    return acting(actor, case.applicant_id, case.sop) or by_deputy


def acted(whose: Behalf | None) -> dict[str, Any]:
    """On whose behalf, as an event's body bears it for good: `title` is what papers said of them then."""
    if whose is None:
        return {}
    title = {"title": whose.title} if whose.title else {}
    return {"an": {"id": whose.id, "name": whose.name, "kind": whose.kind, **title}}


def held(session: Session, person_id: int | None, names: Collection[str], at: datetime) -> dict[int, str]:
    """As whom a person held one of these lanes at a moment: themselves, with no kind, and each whose deputy they were.

    A deputyship begins where it was entered: what its absent person did at that very instant was still theirs.
    """
    absent = aliased(Deputy)
    there = ~exists().where(absent.person_id == _PERSON, absent.since < _NOW, absent.until > _NOW)
    dated = (Membership.lane.in_(names), *_DATED, there)
    query = union_all(
        select(Membership.person_id, literal("").label("kind")).where(Membership.person_id == _PERSON, *dated),
        select(Membership.person_id, Deputy.kind)
        .join(Deputy, Deputy.person_id == Membership.person_id)
        .where(Deputy.deputy_id == _PERSON, *_RUNS, *dated),
    )
    rows = session.connection().execute(query, {"person": person_id, "now": at})
    return {row.person_id: row.kind for row in rows}


def holders(ctx: Context, lanes: Collection[str]) -> list[Person]:
    """Everybody who holds one of these lanes now, by name: a deputy in place of whoever is absent.

    A deputy who is absent as well holds nothing: a deputy has no deputy.
    """
    held = select(Membership.person_id).where(Membership.lane.in_(lanes), *_DATED)
    away = select(Deputy.person_id).where(*_RUNS)
    acting = select(Deputy.deputy_id).where(*_RUNS, Deputy.person_id.in_(held))
    there = or_(Person.id.in_(held), Person.id.in_(acting)) & Person.id.not_in(away)
    query = select(Person).where(Person.active, there).order_by(Person.full_name, Person.id)
    return list(ctx.session.scalars(query, {"now": ctx.now}))


def can_still(session: Session, person: Person, task: Task, now: datetime) -> bool:
    """Whether somebody who has claimed a task may work on it yet: not absent, not gone, the lane still theirs."""
    return person.active and may_do(actor(session, person, now), task)


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
