"""Who is away when, and by whom they are deputised: entered, checked, ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased

from app import access, people, revisions, wording
from app.context import Context
from app.models import Deputy, Membership, Person

REFERENCE = 300
LONGEST = timedelta(days=5 * 366)


class Wrong(Exception):
    """What was entered cannot be kept; `faults` says why, by field, `warnings` what should be understood first."""

    def __init__(self, faults: dict[str, str], warnings: Sequence[str] = ()) -> None:
        self.faults, self.warnings = faults, warnings
        super().__init__()


@dataclass(frozen=True)
class Entered:
    """An absence as it was typed: who, by whom, how, from the first to the last day, and the letter that says so."""

    person: Person | None
    deputy: Person | None
    kind: str
    first: date | None
    last: date | None
    reference: str


@dataclass(frozen=True)
class Absence:
    """An absence with its people; `when` is kini, nanti or lalu."""

    row: Deputy
    person: Person
    deputy: Person
    when: str


def day_begins(ctx: Context, day: date) -> datetime:
    """When a day begins in the office."""
    return datetime.combine(day, time(), ctx.settings.zone)


def from_day(ctx: Context, day: date) -> datetime:
    """From when something counts that is said to count from a day: today it is from now, nothing is turned back."""
    return max(day_begins(ctx, day), ctx.now)


def enter(ctx: Context, by: Person, entered: Entered, *, understood: bool = False) -> Deputy:
    """Keeps an absence: from its first day, today from now on, the lanes pass to the deputy.

    Raises Wrong, also for warnings until they are `understood`.
    """
    person, deputy, first, last = entered.person, entered.deputy, entered.first, entered.last
    if person is not None:  # two administrators who enter the same at once wait for each other
        ctx.session.refresh(person, with_for_update=True)
    faults = dict(_faults(ctx, entered))
    if faults or person is None or deputy is None or first is None or last is None:
        raise Wrong(faults)
    doubts = [] if understood else _warnings(ctx, person, deputy, first, last)
    if doubts:
        raise Wrong({}, doubts)
    row = Deputy(
        person_id=person.id,
        deputy_id=deputy.id,
        kind=entered.kind,
        since=from_day(ctx, first),
        until=day_begins(ctx, last + timedelta(days=1)),
        reference=entered.reference,
        by_id=by.id,
        created_at=ctx.now,
    )
    ctx.session.add(row)
    days = wording.tanggal(first) if first == last else f"{wording.tanggal(first)} sampai {wording.tanggal(last)}"
    said = f"{deputy.full_name}, {entered.kind}, {days}"
    access.changed(ctx, by, person, "ketidakhadiran", f"diwakili {said}; {entered.reference}")
    return row


def end(ctx: Context, by: Person, row: Deputy) -> None:
    """The absent person is back: from now on their lanes are theirs. One that has not begun never was."""
    person = ctx.session.get_one(Person, row.person_id)
    if row.since > ctx.now:
        access.changed(ctx, by, person, "ketidakhadiran", f"dibatalkan; {row.reference}")
        ctx.session.delete(row)
    elif row.until > ctx.now:
        access.changed(ctx, by, person, "ketidakhadiran", f"diakhiri lebih awal; {row.reference}")
        row.until = ctx.now


def _faults(ctx: Context, entered: Entered) -> Iterator[tuple[str, str]]:
    person, deputy, first, last = entered.person, entered.deputy, entered.first, entered.last
    if entered.kind not in people.KINDS:
        yield "jenis", "Pilih salah satu: Plt., Plh., atau cuti."
    if person is None:
        yield "orang", "Pilih siapa yang tidak hadir."
    if deputy is None:
        yield "wakil", "Pilih siapa yang mewakilinya."
    elif person is not None and deputy.id == person.id:
        yield "wakil", "Seseorang tidak dapat mewakili dirinya sendiri."
    elif not deputy.active:
        yield "wakil", f"Akun {deputy.full_name} tidak aktif; pilih wakil yang dapat masuk."
    elif deputy.applicant:
        yield "wakil", f"{deputy.full_name} adalah pemohon; wakil haruslah petugas."
    if not entered.reference.strip():
        yield "surat", "Tulis nomor dan tanggal suratnya."
    elif len(entered.reference) > REFERENCE:
        yield "surat", f"Paling panjang {REFERENCE} huruf."
    if first is None:
        yield "sejak", "Tulis hari pertamanya."
    elif first < ctx.local().date():
        yield "sejak", "Ketidakhadiran tidak dapat dicatat mundur: yang sudah dikerjakan tetap atas nama pelakunya."
    if last is None:
        yield "sampai", "Tulis hari terakhirnya."
    elif first is not None and last < first:
        yield "sampai", "Hari terakhir lebih awal daripada hari pertama."
    elif first is not None and last - first > LONGEST:
        yield "sampai", "Paling lama lima tahun; sesudah itu catat lagi dengan surat yang baru."
    elif person is not None and first is not None and first >= ctx.local().date():
        yield from _clashes(ctx, person, from_day(ctx, first), day_begins(ctx, last + timedelta(days=1)))


def _clashes(ctx: Context, person: Person, since: datetime, until: datetime) -> Iterator[tuple[str, str]]:
    if not _lanes(ctx, person, since, until):
        yield "orang", f"{person.full_name} tidak memegang lajur apa pun selama itu; tidak ada yang perlu diwakilkan."
    other = ctx.session.scalar(_during(since, until).where(Deputy.person_id == person.id).limit(1))
    if other is not None:
        by = ctx.session.get_one(Person, other.deputy_id)
        days = f"{_day(ctx, other.since)} sampai {_day(ctx, other.until - timedelta(microseconds=1))}"
        yield "sejak", f"{person.full_name} sudah diwakili {by.full_name} dari {days}."


def _day(ctx: Context, at: datetime) -> str:
    return wording.tanggal(ctx.local(at).date())


def _warnings(ctx: Context, person: Person, deputy: Person, first: date, last: date) -> list[str]:
    """What may get stuck by an absence that can be kept: four eyes that would be two, and who then has nobody."""
    since, until = from_day(ctx, first), day_begins(ctx, last + timedelta(days=1))
    found = list(_two_eyes(ctx, person, deputy, since, until))
    for row in ctx.session.scalars(_during(since, until).where(Deputy.person_id == deputy.id)):
        found.append(
            f"{deputy.full_name} sendiri tidak hadir dari {_day(ctx, row.since)}: selama itu {person.full_name} "
            "tidak punya wakil, karena yang diwakilkan tidak dapat diwakilkan lagi."
        )
    for row in ctx.session.scalars(_during(since, until).where(Deputy.deputy_id == person.id)):
        whose = ctx.session.get_one(Person, row.person_id).full_name
        found.append(
            f"{person.full_name} sedang mewakili {whose}; wewenang itu tidak pindah ke {deputy.full_name}, "
            f"sehingga {whose} tidak punya wakil."
        )
    return found


def _two_eyes(ctx: Context, person: Person, deputy: Person, since: datetime, until: datetime) -> Iterator[str]:
    absent = _lanes(ctx, person, since, until)
    own = _lanes(ctx, deputy, since, until)
    for row in ctx.session.scalars(_during(since, until).where(Deputy.deputy_id == deputy.id)):
        own |= _lanes(ctx, ctx.session.get_one(Person, row.person_id), since, until)
    for revision in revisions.all_in_force(ctx.session):
        definition = revisions.load(ctx.session, revision.id).definition
        for step in definition.steps.values():
            for key in step.properties.get("empat_mata", "").replace(",", " ").split():
                other = definition.steps.get(key)
                both = (step.lane, other.lane) if other else ("", "")
                if other and any(one in absent and two in own for one, two in (both, both[::-1])):
                    yield (
                        f"{revision.title}: “{other.name}” ({other.lane}) dan “{step.name}” ({step.lane}) tidak boleh "
                        f"dikerjakan orang yang sama. Berkas yang langkah pertamanya dikerjakan {deputy.full_name} "
                        "akan tertahan bila tidak ada petugas lain."
                    )


def _lanes(ctx: Context, person: Person, since: datetime, until: datetime) -> set[str]:
    """The lanes that somebody holds at some time of a stretch."""
    query = select(Membership.lane).where(
        Membership.person_id == person.id,
        Membership.since < until,
        or_(Membership.until.is_(None), Membership.until > since),
    )
    return set(ctx.session.scalars(query))


def _during(since: datetime, until: datetime) -> Select[Deputy]:
    return select(Deputy).where(Deputy.since < until, Deputy.until > since).order_by(Deputy.since)


def listed(ctx: Context, person: Person | None = None, past: int = 20) -> list[Absence]:
    """Absences now, then those to come, then the last few that are over; of one person those on either side."""
    deputy = aliased(Person)
    query = (
        select(Deputy, Person, deputy)
        .join(Person, Person.id == Deputy.person_id)
        .join(deputy, deputy.id == Deputy.deputy_id)
    )
    if person is not None:
        query = query.where(or_(Deputy.person_id == person.id, Deputy.deputy_id == person.id))
    ahead = ctx.session.execute(query.where(Deputy.until > ctx.now).order_by(Deputy.since, Deputy.id))
    ended = query.where(Deputy.until <= ctx.now).order_by(Deputy.until.desc(), Deputy.id).limit(past)
    over = ctx.session.execute(ended)
    found = [Absence(row, who, by, _when(ctx, row)) for row, who, by in [*ahead, *over]]
    return sorted(found, key=lambda absence: ("kini", "nanti", "lalu").index(absence.when))


def _when(ctx: Context, row: Deputy) -> str:
    if row.since > ctx.now:
        return "nanti"
    return "kini" if row.until > ctx.now else "lalu"
