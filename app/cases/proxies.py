"""Powers of attorney: an applicant lets somebody else act for them, from a day until another, or no longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from app import access, people
from app.cases.refusals import Invalid, NotFound, NotYours, TooLarge
from app.context import Context
from app.forms import Fault
from app.models import Case, Event, Lane, Membership, Person, Proxy, Upload
from app.people import Actor

LONGEST = timedelta(days=2 * 366)
MOST = 50  # mandates that one applicant may have given and not ended


@dataclass(frozen=True)
class Mandate:
    """A power of attorney with its two people."""

    row: Proxy
    principal: Person
    proxy: Person

    @property
    def last(self) -> datetime:
        """The last moment at which it holds: until is the first at which it does not."""
        return self.row.until - timedelta(microseconds=1)

    def state(self, now: datetime) -> str:
        """`berlaku`, `nanti` before it begins, `berakhir`."""
        return "berakhir" if self.row.until <= now else "nanti" if self.row.since > now else "berlaku"


def authorize(ctx: Context, actor: Actor, email: str, sop: str, since: datetime, until: datetime, upload: str) -> Proxy:
    """Names somebody with an account as the actor's proxy. `upload` is the signed letter.

    Raises NotYours, TooLarge, Invalid with `/surel`, `/sampai`, `/surat` at fault. A proxy acts for who named them and
    for nobody whom those act for in turn.
    """
    if not actor.person.applicant:
        raise NotYours("Hanya pemohon yang dapat menunjuk kuasa.")
    ctx.session.get_one(Person, actor.person.id, with_for_update=True)
    proxy = ctx.session.scalar(
        select(Person).where(Person.email == email.strip().lower(), Person.active, Person.applicant)
    )
    letter = ctx.session.get(Upload, upload)
    faults = []
    if proxy is None:
        faults.append(Fault("/surel", "Tidak ada akun pemohon dengan surel ini. Mintalah penerima kuasa mendaftar."))
    elif proxy.id == actor.person.id:
        faults.append(Fault("/surel", "Tulis surel penerima kuasa, bukan surel Anda sendiri."))
    elif _official(ctx, proxy):
        faults.append(Fault("/surel", "Pegawai kantor ini tidak dapat menjadi kuasa pemohon."))
    if until <= max(since, ctx.now):
        faults.append(Fault("/sampai", "Tanggal berakhirnya harus sesudah hari ini dan sesudah tanggal mulainya."))
    elif until - max(since, ctx.now) > LONGEST:
        faults.append(Fault("/sampai", "Surat kuasa berlaku paling lama dua tahun."))
    if letter is None or letter.person_id != actor.person.id or letter.case_id is not None:
        faults.append(Fault("/surat", "Unggah surat kuasa yang sudah ditandatangani."))
    if faults or proxy is None or letter is None:
        raise Invalid(faults)
    given = [mandate for mandate in mandates(ctx, actor.person) if mandate.row.principal_id == actor.person.id]
    if sum(mandate.row.until > ctx.now for mandate in given) >= MOST:
        raise TooLarge("Terlalu banyak kuasa. Akhiri dahulu yang tidak diperlukan lagi.")
    row = Proxy(
        principal_id=actor.person.id, proxy_id=proxy.id, sop=sop, since=max(since, ctx.now), until=until,
        upload_id=letter.id, created_at=ctx.now,
    )  # fmt: skip
    ctx.session.add(row)
    ctx.session.flush()
    access.seen(ctx, actor.person, "beri-kuasa", subject_id=proxy.id, detail=sop)
    return row


def end(ctx: Context, actor: Actor, proxy_id: int) -> Proxy:
    """Ends a power of attorney at once, by either of its two. Raises NotFound."""
    row = ctx.session.get(Proxy, proxy_id, with_for_update=True)
    if row is None or actor.person.id not in (row.principal_id, row.proxy_id):
        raise NotFound()
    if row.until > ctx.now:
        row.since, row.until = min(row.since, ctx.now), ctx.now
        other = row.proxy_id if actor.person.id == row.principal_id else row.principal_id
        access.seen(ctx, actor.person, "akhiri-kuasa", subject_id=other, detail=row.sop)
    return row


def mandates(ctx: Context, person: Person) -> list[Mandate]:
    """The powers of attorney that a person gave or holds, the latest first."""
    return _found(ctx, or_(Proxy.principal_id == person.id, Proxy.proxy_id == person.id))


def of_case(ctx: Context, case: Case) -> list[Mandate]:
    """The powers of attorney by which somebody acted in a case, or may act in it now."""
    acted = select(Event.actor_id).where(Event.case_id == case.id)
    now = (Proxy.since <= ctx.now) & (Proxy.until > ctx.now)
    return _found(
        ctx,
        (Proxy.principal_id == case.applicant_id) & Proxy.sop.in_(("", case.sop)) & (now | Proxy.proxy_id.in_(acted)),
    )


def acts_for(actor: Actor, case: Case) -> bool:
    """Does the actor hold a power of attorney for a case's applicant now?"""
    return people.mandate(actor, case.applicant_id, case.sop) is not None


def may_read_letter(ctx: Context, actor: Actor, upload: Upload) -> bool:
    """A letter of attorney is for its two people, and for officials of an SOP in which its giver has a case."""
    rows = ctx.session.scalars(select(Proxy).where(Proxy.upload_id == upload.id)).all()
    if any(actor.person.id in (row.principal_id, row.proxy_id) for row in rows):
        return True
    if actor.person.auditor:
        return bool(rows)
    return any(
        ctx.session.scalar(
            select(Case.id).where(
                Case.applicant_id == row.principal_id,
                Case.sop.in_([sop for sop in actor.sops if row.sop in ("", sop)]),
            ).limit(1)
        ) for row in rows
    )  # fmt: skip


def _official(ctx: Context, person: Person) -> bool:
    """Who holds a lane of any SOP, now or by what was granted already."""
    lanes = select(Membership.id).where(
        Membership.person_id == person.id,
        or_(Membership.until.is_(None), Membership.until > ctx.now),
        Membership.lane.in_(select(Lane.name)),
    )
    return ctx.session.scalar(lanes.limit(1)) is not None


def _found(ctx: Context, condition: ColumnElement[bool]) -> list[Mandate]:
    principal, proxy = aliased(Person), aliased(Person)
    query = (
        select(Proxy, principal, proxy)
        .join(principal, principal.id == Proxy.principal_id)
        .join(proxy, proxy.id == Proxy.proxy_id)
        .where(condition)
        .order_by(Proxy.id.desc())
        .limit(200)
    )
    return [Mandate(row, giver, holder) for row, giver, holder in ctx.session.execute(query)]
