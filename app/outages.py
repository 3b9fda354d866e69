"""An outage: the office goes on by paper, and afterwards what happened there is entered by the verbs themselves.

There is one at a time: prepared (numbers set aside, sheets printed), declared (since when, why), closed (all is
entered, numbers that nobody wrote are struck out). Until it is closed nothing that fell due since it began happens by
itself: the paper may show that a limit was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select, text
from sqlalchemy.orm import joinedload

from app import cases, database, drawn, people, registers, revisions, wording
from app.context import Context, Paper
from app.models import (
    ON_PAPER,
    Case,
    Deputy,
    Event,
    Membership,
    Outage,
    Person,
    RegisterEntry,
    Reserved,
    Task,
    Upload,
    Void,
)
from app.people import Actor
from app.revisions import Loaded

MOST = 500  # numbers of one register, or sheets, at once
WORDS = 300
BACK = timedelta(days=31)  # how long ago an outage may have been that is declared only now
AHEAD = timedelta(days=31)
MINUTE = timedelta(minutes=1)  # what a paper tells a time by


class Wrong(Exception):
    """What was entered cannot be kept; `faults` says why, by field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__(str(self.faults))


@dataclass(frozen=True)
class Book:
    """A register from which an SOP numbers: the key of the case's data that gets the number, "" the application's."""

    key: str
    register: str
    pattern: str
    yearly: bool
    title: str


@dataclass(frozen=True)
class Number:
    """A number that was set aside, and what has become of it: the case that bears it, or why it is void."""

    register: str
    text: str
    case_id: int | None
    case: str
    void: str

    @property
    def free(self) -> bool:
        return self.case_id is None and not self.void


@dataclass(frozen=True)
class Entered:
    """One event that was entered from paper."""

    case_id: int
    number: str
    seq: int
    at: datetime
    recorded_at: datetime
    kind: str
    step: str
    actor: str
    lane: str
    by: str
    scans: Sequence[str]


@dataclass(frozen=True)
class Written:
    """A step as the paper tells it: when, by whom, what was answered and decided, the numbers by key, and scans of it.

    `version` is that of the task whose page was filled in.
    """

    at: datetime
    officer: int
    answers: Mapping[str, Any] = field(default_factory=dict)
    choice: str | None = None
    note: str = ""
    faults: Sequence[Mapping[str, str]] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    scans: Sequence[str] = ()
    version: int | None = None


@dataclass(frozen=True)
class Application:
    """An application as it was taken in on paper: when, by whom, whose, and the number written on it."""

    at: datetime
    officer: int
    start: str | None
    applicant: str
    number: str


# -- who may ----------------------------------------------------------------------------------------------------------


def may_record(actor: Actor, loaded: Loaded) -> bool:
    """Whether somebody may prepare for an SOP and enter what happened to its cases on paper."""
    return any(loaded.lanes.get(lane) in actor.lanes for lane in drawn.recorders(loaded.definition))


def sops(ctx: Context, actor: Actor) -> list[Loaded]:
    """The SOPs in force for which the actor may enter what happened on paper, by title."""
    loaded = [revisions.load(ctx.session, revision.id) for revision in revisions.all_in_force(ctx.session)]
    return [one for one in loaded if may_record(actor, one)]


def may_declare(ctx: Context, actor: Actor) -> bool:
    """An outage is the whole office's: an administrator declares and closes it, or whoever may enter what happened."""
    return actor.person.admin or bool(sops(ctx, actor))


# -- which there are --------------------------------------------------------------------------------------------------


def current(ctx: Context) -> Outage | None:
    """The outage that is not closed: prepared for, going on, or being entered."""
    return ctx.session.scalar(select(Outage).where(Outage.closed_at.is_(None)).order_by(Outage.id).limit(1))


def closed(ctx: Context, limit: int = 50) -> Sequence[Outage]:
    """Those that are over, the latest first."""
    query = select(Outage).where(Outage.closed_at.is_not(None)).order_by(Outage.id.desc()).limit(limit)
    return ctx.session.scalars(query).all()


def held_from(ctx: Context) -> datetime | None:
    """From when nothing falls due by itself for the time being; None where no outage is declared."""
    query = select(func.min(Outage.since)).where(Outage.closed_at.is_(None), Outage.since.is_not(None))
    return ctx.session.scalar(query)


def holds(ctx: Context, case: Case) -> bool:
    """Whether what is due in a case waits until the paper has been entered."""
    since = held_from(ctx) if case.next_due is not None and case.next_due <= ctx.now else None
    return since is not None and case.next_due is not None and case.next_due >= since


# -- beforehand -------------------------------------------------------------------------------------------------------


def books(loaded: Loaded) -> list[Book]:
    """The registers from which an SOP numbers: its applications', then those of its steps as drawn."""
    register, pattern, yearly = registers.book(loaded.definition.properties.get("nomor_permohonan", ""))
    found = [Book("", register, pattern, yearly, "Nomor permohonan")]
    for step in loaded.definition.steps.values():
        for line in registers.numberings(step.properties.get("register", "")):
            if line.register not in {book.register for book in found}:
                found.append(Book(line.key, line.register, line.pattern, True, line.register))
    return found


def prepare(ctx: Context, by: Actor, loaded: Loaded, counts: Mapping[str, int]) -> Outage:
    """Sets numbers aside, as many of each register (by name) as are told, to be written by hand; for which outage.

    Raises cases.NotYours, Wrong.
    """
    if not (by.person.admin or may_record(by, loaded)):
        raise cases.NotYours("Anda tidak berwenang menyiapkan gangguan untuk SOP ini.")
    known = books(loaded)
    faults = {
        name: f"Tulis bilangan dari 0 sampai {MOST}."
        for name, count in counts.items()
        if not 0 <= count <= MOST or name not in {book.register for book in known}
    }
    if faults:
        raise Wrong(faults)
    outage = _the_one(ctx, by.person)
    for book in sorted(known, key=lambda book: book.register):  # whoever numbers from several locks them in one order
        if count := counts.get(book.register, 0):
            registers.reserve(ctx, book.register, book.pattern, count, outage.id, yearly=book.yearly)
    return outage


def _the_one(ctx: Context, by: Person) -> Outage:
    """The outage that is not closed, locked, or a new one: two who prepare at once prepare for the same."""
    database.alone(ctx.session, "outage")
    outage = current(ctx)
    if outage is None:
        outage = Outage(reason="", by_id=by.id, created_at=ctx.now)
        ctx.session.add(outage)
        ctx.session.flush()
    return outage


# -- declared and closed ----------------------------------------------------------------------------------------------


def declare(
    ctx: Context, by: Actor, since: datetime | None, until: datetime | None, reason: str, reference: str
) -> Outage:
    """Says since when the office works on paper, until when (None: it still does), and why; again, to put it right.

    Raises cases.NotYours, Wrong.
    """
    _declaring(ctx, by)
    reason, reference = " ".join(reason.split()), " ".join(reference.split())
    outage = _the_one(ctx, by.person)
    faults = dict(_faults(ctx, outage, since, until, reason, reference))
    if faults:
        raise Wrong(faults)
    outage.since, outage.until, outage.reason, outage.reference = since, until, reason, reference
    ctx.session.flush()
    return outage


def _declaring(ctx: Context, by: Actor) -> None:
    if not may_declare(ctx, by):
        raise cases.NotYours("Gangguan dinyatakan dan ditutup pengelola, atau petugas yang boleh mencatat dari kertas.")


def _faults(
    ctx: Context, outage: Outage, since: datetime | None, until: datetime | None, reason: str, reference: str
) -> Iterator[tuple[str, str]]:
    if since is None:
        yield "sejak", "Tulis tanggal dan jam mulainya."
    elif since < ctx.now - BACK:
        yield "sejak", f"Gangguan paling lama {BACK.days} hari yang lalu yang masih dapat dinyatakan."
    elif since > ctx.now + AHEAD:
        yield "sejak", f"Gangguan yang direncanakan dinyatakan paling cepat {AHEAD.days} hari sebelumnya."
    if since is not None and until is not None and until <= since:
        yield "sampai", "Akhir gangguan haruslah sesudah mulainya."
    elif until is not None and until > ctx.now + AHEAD:
        yield "sampai", "Akhir gangguan terlalu jauh."
    elif since is not None:
        for row in entered(ctx, outage):
            if row.at < since or (until is not None and row.at > until):
                when = moment(ctx, row.at)
                yield "sejak" if row.at < since else "sampai", f"Sudah ada yang dicatat dari kertas pada {when}."
                break
    for name, value, empty in (("alasan", reason, "Tulis apa yang terjadi."), ("acuan", reference, "")):
        if not value and empty:
            yield name, empty
        elif len(value) > WORDS:
            yield name, f"Paling panjang {WORDS} huruf."


def close(ctx: Context, by: Actor, outage_id: int) -> Outage:
    """All that was on paper is entered: numbers that nobody wrote are struck out, what fell due happens from now on.

    One that never came about is closed just so. Raises cases.NotYours, NotFound, NotNow.
    """
    _declaring(ctx, by)
    outage = locked(ctx, outage_id)
    if outage.since is not None and (outage.until is None or outage.until > ctx.now):
        raise cases.NotNow("Gangguan ini belum berakhir. Tulislah dahulu sampai kapan berlangsung.")
    if outage.since is not None and not outage.reference:
        raise cases.NotNow("Tulislah dahulu nomor berita acara atau surat yang mendasari gangguan ini.")
    said = f"Tidak terpakai selama gangguan: {outage.reason}" if outage.since else "Persiapan gangguan dibatalkan."
    unused = _reserved(outage).where(RegisterEntry.case_id.is_(None), Void.number.is_(None))
    for row in ctx.session.execute(unused).all():
        registers.void(ctx, row.register, row.year, row.number, by.person, said[: registers.REASON])
    outage.closed_at, outage.closed_by_id = ctx.now, by.person.id
    ctx.session.flush()
    return outage


def locked(ctx: Context, outage_id: int) -> Outage:
    """An outage that is not closed, its row locked. Raises cases.NotFound, NotNow."""
    query = select(Outage).where(Outage.id == outage_id).with_for_update().execution_options(populate_existing=True)
    outage = ctx.session.scalar(query)
    if outage is None:
        raise cases.NotFound()
    if outage.closed_at is not None:
        raise cases.NotNow("Gangguan ini sudah ditutup; tidak ada lagi yang dicatat dari kertas.")
    return outage


# -- entered ----------------------------------------------------------------------------------------------------------


def complete(ctx: Context, by: Actor, outage_id: int, task_id: int, written: Written) -> cases.Completion:
    """Enters a step that was completed on paper: the same walk as on the screen, at the paper's time.

    Raises Wrong and as cases.complete.
    """
    task = cases.task_for(ctx, by, task_id)
    loaded = revisions.load(ctx.session, task.case.revision_id)
    at = written.at
    if timedelta() < task.opened_at - at < MINUTE:  # a paper tells no seconds
        at = task.opened_at
    then = _then(ctx, by, loaded, outage_id, at, written.numbers, written.scans)
    officer = _officer(then, written.officer)
    actor = people.actor(ctx.session, officer, at)
    try:
        return cases.complete(
            then, actor, task_id, written.answers, written.choice, written.note, written.faults, written.version
        )
    except cases.WrongTime as refusal:
        raise Wrong({"jam": refusal.message}) from refusal
    except cases.WrongNumber as refusal:
        raise Wrong({f"nomor.{refusal.facts['key']}": refusal.message}) from refusal
    except cases.FourEyes as refusal:
        raise Wrong({"petugas": _four_eyes(officer)}) from refusal
    except (cases.NotYours, cases.NotFound) as refusal:
        raise Wrong({"petugas": _not_theirs(then, actor, task.lane.name)}) from refusal


def open_case(ctx: Context, by: Actor, outage_id: int, loaded: Loaded, written: Application) -> Case:
    """Opens an application that was taken in on paper; what was filled in comes with its first step.

    Raises Wrong and as cases.open_case.
    """
    database.alone(ctx.session, "outage")  # two with the same sheet: the second finds the first's
    then = _then(ctx, by, loaded, outage_id, written.at, {"": written.number})
    officer = _officer(then, written.officer)
    actor = people.actor(ctx.session, officer, written.at)
    whose = " ".join(written.applicant.split()) if loaded.definition.applicant_lane else ""
    if loaded.definition.applicant_lane and not whose:
        raise Wrong({"pemohon": "Tulis nama pemohonnya seperti di kertas."})
    if (twin := _twin(ctx, loaded, written, whose)) is not None:
        raise Wrong({"pemohon": f"Permohonan ini sudah dicatat: {twin}. Bila memang lain, tulis waktunya yang lain."})
    try:
        return cases.open_case(then, actor, loaded.sop, start=written.start, on_behalf_of=whose or None)
    except cases.WrongNumber as refusal:
        raise Wrong({"nomor": refusal.message}) from refusal
    except cases.NotYours as refusal:
        raise Wrong({"petugas": _not_theirs(then, actor, "", refusal.message)}) from refusal
    except cases.Invalid as refusal:
        raise Wrong({"jalan": refusal.faults[0].message}) from refusal


def _twin(ctx: Context, loaded: Loaded, written: Application, whose: str) -> str | None:
    """The number of an application of the same name and moment: it was entered already."""
    person = select(Person.id).where(Person.name == whose)
    same = select(Case.number).where(
        Case.sop == loaded.sop,
        Case.opened_at == written.at,
        or_(Case.applicant_name == whose, Case.applicant_id.in_(person)),
    )
    return ctx.session.scalar(same.limit(1)) if whose else None


def _then(
    ctx: Context,
    by: Actor,
    loaded: Loaded,
    outage_id: int,
    at: datetime,
    numbers: Mapping[str, str],
    scans: Sequence[str] = (),
) -> Context:
    """The moment on paper, in which the verbs then work. Raises cases.NotYours, NotFound, NotNow, Wrong."""
    if not may_record(by, loaded):
        lanes = ", ".join(drawn.recorders(loaded.definition))
        raise cases.NotYours(f"Yang mencatat dari kertas untuk SOP ini: {lanes}.")
    outage = ctx.session.get(Outage, outage_id, with_for_update={"read": True}, populate_existing=True)
    if outage is None or outage.since is None:
        raise cases.NotFound()
    if outage.closed_at is not None:
        raise cases.NotNow("Gangguan ini sudah ditutup; tidak ada lagi yang dicatat dari kertas.")
    if at >= ctx.now:
        raise Wrong({"jam": "Waktu ini belum lewat. Tulis waktu yang tertera di kertas."})
    if at < outage.since or (outage.until is not None and at > outage.until):
        until = f" sampai {moment(ctx, outage.until)}" if outage.until else ""
        raise Wrong({"jam": f"Waktu ini di luar gangguan: {moment(ctx, outage.since)}{until}."})
    query = select(Upload.id, Upload.sha256).where(
        Upload.id.in_(scans), Upload.person_id == by.person.id, Upload.case_id.is_(None)
    )
    pictures = {row.id: row.sha256 for row in ctx.session.execute(query)}
    paper = Paper(outage.id, ctx.now, by.person.id, by.person.full_name, numbers, pictures)
    return replace(ctx, now=at, paper=paper)


def _officer(ctx: Context, person_id: int) -> Person:
    officer = ctx.session.get(Person, person_id)
    if officer is None:
        raise Wrong({"petugas": "Pilih siapa yang mengerjakannya."})
    return officer


def _four_eyes(officer: Person) -> str:
    return (
        f"{officer.full_name}, atau orang yang diwakilinya, sudah mengerjakan langkah yang diperiksa di sini; langkah "
        "ini harus dikerjakan orang lain. Periksa parafnya di kertas."
    )


def _not_theirs(ctx: Context, actor: Actor, lane: str, otherwise: str = "") -> str:
    name, when = actor.person.full_name, moment(ctx, ctx.now)
    if actor.away is not None:
        return f"{name} tidak hadir pada {when}; wakilnya {actor.away.by}."
    if lane:
        return f"{name} tidak memegang lajur {lane} pada {when}. Pilih petugas yang mengerjakannya."
    return f"{name} tidak dapat menerima permohonan ini pada {when}. {otherwise}".strip()


def moment(ctx: Context, at: datetime) -> str:
    """A moment in words: `25 November 2026 pukul 12.10`."""
    local = ctx.local(at)
    return f"{wording.tanggal(local)} pukul {wording.jam(local)}"


# -- what there is to see ---------------------------------------------------------------------------------------------


def candidates(ctx: Context, outage: Outage, lanes: Sequence[str], applicant: Person | None = None) -> list[Person]:
    """Who may have done a step of one of these lanes on paper: whoever held one at some time of the outage, their
    deputies, and the applicant where it was theirs to do.
    """
    since, until = outage.since or ctx.now, outage.until or ctx.now
    held = select(Membership.person_id).where(
        Membership.lane.in_(lanes),
        Membership.since <= until,
        or_(Membership.until.is_(None), Membership.until > since),
    )
    acting = select(Deputy.deputy_id).where(
        Deputy.person_id.in_(held), Deputy.since <= until, Deputy.until > since
    )  # fmt: skip
    query = select(Person).where(or_(Person.id.in_(held), Person.id.in_(acting)))
    found = list(ctx.session.scalars(query.order_by(func.lower(Person.full_name), Person.id)))
    return [applicant, *found] if applicant is not None and applicant not in found else found


def numbers(ctx: Context, outage: Outage) -> list[Number]:
    """Every number that was set aside for an outage, in the order of the books."""
    query = _reserved(outage).add_columns(Case.number).outerjoin(Case, Case.id == RegisterEntry.case_id)
    return [
        Number(register, given, case_id, case or "", void or "")
        for register, _year, _number, given, case_id, void, case in ctx.session.execute(query)
    ]


def _reserved(outage: Outage) -> Select[str, int, int, str, int | None, str]:
    """The numbers that were set aside: register, year, number, as written, whose, and why void."""
    return (
        select(
            Reserved.register, Reserved.year, Reserved.number, RegisterEntry.text, RegisterEntry.case_id, Void.reason
        )
        .join(RegisterEntry, registers.same_number(Reserved))
        .outerjoin(Void, registers.same_number(Void))
        .where(Reserved.outage_id == outage.id)
        .order_by(Reserved.register, Reserved.year, Reserved.number)
    )


def entered(ctx: Context, outage: Outage) -> list[Entered]:
    """What was entered from paper, in the order in which it happened."""
    if outage.since is None:
        return []
    query = (
        select(Event, Case.number)
        .join(Case, Case.id == Event.case_id)
        .where(text(ON_PAPER))
        .where(Event.at >= outage.since, Event.at <= (outage.until or ctx.now))
        .order_by(Event.at, Event.case_id, Event.seq)
    )
    found = []
    for event, number in ctx.session.execute(query):
        told = event.body.get("kertas")
        if told is not None and told["outage"] == outage.id:
            found.append(
                Entered(
                    event.case_id, number, event.seq, event.at, event.recorded_at, event.kind, event.step, event.actor,
                    event.lane, told["entered_by"]["name"], told.get("scans", ()),
                )
            )  # fmt: skip
    return found


def waiting(ctx: Context, outage: Outage, limit: int = 200) -> list[Case]:
    """Cases in which something fell due meanwhile and waits until the outage is closed, the earliest first."""
    if outage.since is None or outage.closed_at is not None:
        return []
    query = select(Case).where(Case.next_due >= outage.since, Case.next_due <= ctx.now)
    return list(ctx.session.scalars(query.order_by(Case.next_due, Case.id).limit(limit)))


def halfway(ctx: Context, outage: Outage, rows: Sequence[Entered]) -> list[Task]:
    """The open steps of cases of which something was entered: there the paper ended, or is not entered yet."""
    query = (
        select(Task)
        .where(Task.case_id.in_({row.case_id for row in rows}), Task.closed_at.is_(None))
        .options(joinedload(Task.case), joinedload(Task.lane))
        .order_by(Task.case_id, Task.id)
    )
    until = outage.until or ctx.now
    return [task for task in ctx.session.scalars(query) if task.opened_at <= until]
