"""What is stored. Every time is an `Instant`, every JSON value canonical text: a digest is over bytes as stored."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def canonical(value: Any) -> str:
    """`value` as canonical JSON: sorted keys, no spaces, text as it is."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NEVER = 10**16  # later than any instant: what is not due ranks behind what is, oldest first


def instant(value: datetime) -> int:
    """An aware time as we store it: whole microseconds since 1970 began in UTC."""
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    return (value - EPOCH) // MICROSECOND


def moment(stored: int) -> datetime:
    """The time, in UTC, that `instant` stored. Raises OverflowError, TypeError for what is none."""
    return EPOCH + timedelta(microseconds=stored)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as a whole number: the same on every database, which a digest needs, and small."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else instant(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Json(TypeDecorator[Any]):
    """A JSON value, stored as canonical text (`jsonb` would lose the order and the bytes)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Packed(TypeDecorator[Any]):
    """A JSON value that is large and seldom read, stored as compressed canonical text."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.compress(canonical(value).encode(), 6)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(zlib.decompress(value))


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Instant, date: Date}


def where(condition: str) -> dict[str, Any]:
    """The options of an index over some rows only."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Person(Base):
    """Somebody who can log in. `name` is what they type; `full_name` is what papers and pages say."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    full_name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    nip: Mapped[str | None] = mapped_column(String(40))
    title: Mapped[str | None] = mapped_column(String(200))
    password: Mapped[str] = mapped_column(String(200))  # argon2
    must_change: Mapped[bool] = mapped_column(default=False)
    owner: Mapped[bool] = mapped_column(default=False)
    auditor: Mapped[bool] = mapped_column(default=False)
    admin: Mapped[bool] = mapped_column(default=False)
    applicant: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    phone: Mapped[str | None] = mapped_column(String(32))
    email_verified_at: Mapped[datetime | None]
    digest: Mapped[bool] = mapped_column(default=True)  # wants the daily digest
    totp: Mapped[str | None] = mapped_column(String(64))  # the second factor's secret, RFC 6238
    totp_step: Mapped[int] = mapped_column(default=0)  # the last step that was used: a code works once
    recovery: Mapped[Any] = mapped_column(Json, nullable=True)  # SHA-256 of the recovery codes that are left
    oidc_subject: Mapped[str | None] = mapped_column(String(255), unique=True)


class Membership(Base):
    """A person holds every lane of this name, from-until: the journal can tell who held a lane on a day."""

    __tablename__ = "membership"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    lane: Mapped[str] = mapped_column(String(200))
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class Deputy(Base):
    """While a person is absent their lanes pass to a deputy, from-until: Plt., Plh. or for a leave (`cuti`)."""

    __tablename__ = "deputy"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    deputy_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))  # plt, plh, cuti
    since: Mapped[datetime]
    until: Mapped[datetime]
    reference: Mapped[str] = mapped_column(String(300))  # the letter that says so
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]


class Proxy(Base):
    """Who acts for an applicant by a power of attorney, from-until; `sop` is empty for every SOP."""

    __tablename__ = "proxy"
    id: Mapped[int] = mapped_column(primary_key=True)
    principal_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    proxy_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    sop: Mapped[str] = mapped_column(String(200), default="")
    since: Mapped[datetime]
    until: Mapped[datetime]
    upload_id: Mapped[str] = mapped_column(ForeignKey("upload.id"))  # the letter, signed
    created_at: Mapped[datetime]


class Link(Base):
    """A link that works once, as mailed: to verify an address (`surel`) or to set a new password (`sandi`)."""

    __tablename__ = "link"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(10))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(254))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Access(Base):
    """Somebody saw or changed personal data: of a case, or of a person (`subject_id`). Never changed, never deleted."""

    __tablename__ = "access"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    what: Mapped[str] = mapped_column(String(40))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"))
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    detail: Mapped[str] = mapped_column(String(300), default="")
    __table_args__ = (
        Index("ix_access_case", "case_id", "id", **where("case_id IS NOT NULL")),
        Index("ix_access_subject", "subject_id", "id", **where("subject_id IS NOT NULL")),
        Index("ix_access_person", "person_id", "id"),
        Index("ix_access_sought", "at", **where("what = 'cari'")),  # the words that somebody looked for
    )


class Token(Base):
    """A bearer token for the API: only its SHA-256 is kept."""

    __tablename__ = "token"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Lane(Base):
    """A leaf lane of one SOP: the same name in two SOPs is two lanes."""

    __tablename__ = "lane"
    __table_args__ = (UniqueConstraint("sop", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sop: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200))
    applicant: Mapped[bool] = mapped_column(default=False)
    counter: Mapped[bool] = mapped_column(default=False)  # may file for a walk-in applicant


class Revision(Base):
    """An SOP as it was installed: the definition (drawn and as run) and every file, under one digest."""

    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("sop", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sop: Mapped[str] = mapped_column(String(200))
    number: Mapped[int]  # ours, counted from 1; the SOP's own revision is a property
    title: Mapped[str] = mapped_column(String(400))
    digest: Mapped[str] = mapped_column(String(64))
    definition: Mapped[str] = mapped_column(Text, deferred=True)
    findings: Mapped[Any] = mapped_column(Json, deferred=True)
    installed_at: Mapped[datetime]
    installed_by: Mapped[str] = mapped_column(String(200))
    authority: Mapped[str] = mapped_column(String(200))
    in_force_from: Mapped[datetime]
    in_force_until: Mapped[datetime | None]


class RevisionFile(Base):
    __tablename__ = "revision_file"
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True)
    path: Mapped[str] = mapped_column(String(300), primary_key=True)  # "x.bpmn", "forms/a.form", "templates/b.docx"
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


KEPT = "ended_at IS NOT NULL AND destroyed_at IS NULL"  # whose retention runs
RECKONED = "clock_at IS NOT NULL AND ended_at IS NULL"  # cases whose due dates a change of the calendar may move


class Case(Base):
    """A permohonan. `data` is the one store of what was filled in, `state` Spiff's; the journal can rebuild both."""

    __tablename__ = "case"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(80), unique=True)
    code: Mapped[str] = mapped_column(String(16))  # tracking needs number and code
    sop: Mapped[str] = mapped_column(String(200))
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    applicant_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    applicant_name: Mapped[str] = mapped_column(String(200))
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"))
    status: Mapped[str] = mapped_column(String(10), default="open")
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]  # its retention is over: what was personal is gone, the proof stays
    clock_at: Mapped[datetime | None]  # H: when the receipt was issued
    due_at: Mapped[datetime | None]
    next_due: Mapped[
        datetime | None
    ]  # when the next thing happens by itself: a timer, a limit, at last its rows are put away
    paused_at: Mapped[datetime | None]  # since when the clock stands still
    pause_days: Mapped[int] = mapped_column(default=0)  # working days that it stood still before
    calendar: Mapped[int] = mapped_column(default=0)  # the last CalendarChange that its due dates know of
    breached_at: Mapped[datetime | None]  # when its legal limit passed
    subject: Mapped[str] = mapped_column(String(400), default="")
    search: Mapped[str] = mapped_column(Text, default="")
    unique_key: Mapped[str | None] = mapped_column(String(200))
    seq: Mapped[int] = mapped_column(default=0)
    head: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    state_digest: Mapped[str] = mapped_column(String(64), default="")
    data: Mapped[Any] = mapped_column(Json, nullable=True, deferred=True)  # null once ended: the journal has it
    state: Mapped[bytes] = mapped_column(LargeBinary, default=b"", deferred=True)
    revision: Mapped[Revision] = relationship()
    __table_args__ = (
        Index("ix_case_next_due", "next_due", **where("next_due IS NOT NULL")),
        Index("ix_case_unique_key", "sop", "unique_key", **where("unique_key IS NOT NULL")),
        Index("ix_case_previous_id", "previous_id", **where("previous_id IS NOT NULL")),
        Index("ix_case_calendar", "calendar", "id", **where(RECKONED)),
        Index("ix_case_ended", "sop", "ended_at", **where(KEPT)),
    )


OWN = "closed_at IS NULL AND applicant_id IS NOT NULL"
CLAIMED = "closed_at IS NULL AND assignee_id IS NOT NULL"
SHARED = "closed_at IS NULL AND applicant_id IS NULL"  # open to a whole lane: a lane's inbox reads one index in order
RETURNED = f"{SHARED} AND returned_seq IS NOT NULL"


class Task(Base):
    """A row in an inbox: one pass of one step, open until it is closed."""

    __tablename__ = "task"
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), index=True)
    token: Mapped[str] = mapped_column(String(40))  # the engine's name for this pass
    step: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(400))
    lane_id: Mapped[int] = mapped_column(ForeignKey("lane.id"))
    round: Mapped[int] = mapped_column(default=1)
    # Theirs alone, of a case that they filed themselves:
    applicant_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    version: Mapped[int] = mapped_column(default=1)
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    rank: Mapped[int] = mapped_column(BigInteger)  # due_at, or NEVER + opened_at: most urgent first in any lane
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    returned_seq: Mapped[int | None]  # the event that returned it, where one did
    postponed_until: Mapped[datetime | None]  # put off by whoever has claimed it
    draft: Mapped[Any] = mapped_column(Json, nullable=True, deferred=True)
    draft_at: Mapped[datetime | None]
    case: Mapped[Case] = relationship()
    lane: Mapped[Lane] = relationship()
    assignee: Mapped[Person | None] = relationship(foreign_keys=[assignee_id])
    __table_args__ = (
        Index("ix_task_open", "lane_id", "rank", "id", **where(SHARED)),
        Index("ix_task_step", "lane_id", "step", "rank", "id", **where(SHARED)),
        Index("ix_task_returned", "lane_id", "rank", "id", **where(RETURNED)),
        Index("ix_task_applicant", "applicant_id", "rank", **where(OWN)),
        Index("ix_task_mine", "assignee_id", "rank", postgresql_where=text(CLAIMED), sqlite_where=text(CLAIMED)),
    )


ON_PAPER = "actor_id IS NOT NULL AND at < recorded_at"  # entered after an outage: nothing else is dated back
COUNTED = "kind IN ('breach', 'take_back', 'withdraw', 'refuse', 'lapse', 'reopen', 'correct', 'revoke')"


class Event(Base):
    """One thing that happened to a case. Written by `journal.append` only; never changed, never deleted."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_counted", "at", "kind", **where(COUNTED)),  # the few that a report counts
        Index("ix_event_paper", "at", **where(ON_PAPER)),
        {"sqlite_with_rowid": False},  # read by case, in order
    )
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    actor: Mapped[str] = mapped_column(String(200))
    lane: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(200), default="")
    choice: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[Any] = mapped_column(Json)  # facts, path, opened, closed, digests: never what a person typed
    answers_digest: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class EventValues(Base):
    """What a person typed at an event, and the key that its digest was made with: erasable, beside the chain."""

    __tablename__ = "event_values"
    case_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary)
    typed: Mapped[Any] = mapped_column(Packed)  # [answers, note, faults, ids of the uploads among the answers]
    __table_args__ = (ForeignKeyConstraint(["case_id", "seq"], ["event.case_id", "event.seq"]),)


class Upload(Base):
    """A file somebody sent. Its bytes lie under ALUR_FILES by their SHA-256."""

    __tablename__ = "upload"
    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"), index=True)
    created_at: Mapped[datetime]


class Document(Base):
    """A paper that is due or filled: `inputs` are frozen in the transaction that made it due, cleared once filled."""

    __tablename__ = "document"
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), index=True)
    seq: Mapped[int]  # the event that made it due
    template: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(100))
    copies: Mapped[int] = mapped_column(default=1)
    internal: Mapped[bool] = mapped_column(default=False)  # not for the applicant
    inputs: Mapped[Any] = mapped_column(Json, nullable=True, deferred=True)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    filled_at: Mapped[datetime | None]
    # Of a paper that anybody may check, as it was issued:
    code: Mapped[str | None] = mapped_column(String(32))  # in its QR, and not to be guessed
    number: Mapped[str] = mapped_column(String(200), default="")
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    # The same paper for the archive, PDF/A, made by the worker where an office suite is installed:
    pdf_sha256: Mapped[str | None] = mapped_column(String(64))
    pdf_attempts: Mapped[int] = mapped_column(default=0)
    pdf_error: Mapped[str | None] = mapped_column(Text)
    pdf_next: Mapped[datetime | None]  # not before: whoever makes it puts this off, and a failure puts it off further
    signed_by: Mapped[str] = mapped_column(String(300), default="")  # the subject of the certificate that signed it
    __table_args__ = (
        Index("ix_document_code", "code", unique=True, **where("code IS NOT NULL")),
        Index("ix_document_due", "id", **where("filled_at IS NULL")),
        Index("ix_document_pdf", "id", **where("filled_at IS NOT NULL AND pdf_sha256 IS NULL")),
        Index("ix_document_until", "valid_until", **where("valid_until IS NOT NULL")),
    )


class Register(Base):
    """A book of numbers: one row for each register and year; locked while a number is given."""

    __tablename__ = "register"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(default=0)


class RegisterEntry(Base):
    __tablename__ = "register_entry"
    __table_args__ = {"sqlite_with_rowid": False}
    register: Mapped[str] = mapped_column(String(200), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(String(200))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"))
    given_at: Mapped[datetime]


def of_entry() -> ForeignKeyConstraint:
    """To an entry of a register."""
    names = ["register", "year", "number"]
    return ForeignKeyConstraint(names, [f"register_entry.{name}" for name in names])


class Void(Base):
    """A number that stands for nothing: it stays in its book, with who struck it out and why."""

    __tablename__ = "void"
    __table_args__ = (of_entry(),)
    register: Mapped[str] = mapped_column(String(200), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(300))


class Reserved(Base):
    """A number set aside for an outage, to be written by hand; its entry has a case once that was entered."""

    __tablename__ = "reserved"
    __table_args__ = (of_entry(),)
    register: Mapped[str] = mapped_column(String(200), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outage_id: Mapped[int] = mapped_column(ForeignKey("outage.id"), index=True)


class Outage(Base):
    """A time in which the office worked on paper; what happened then is entered afterwards, and says so."""

    __tablename__ = "outage"
    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime | None]  # None: prepared for, and not there yet
    until: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(300))
    reference: Mapped[str] = mapped_column(String(300), default="")
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]  # all that was on paper is entered; until then what falls due in it waits
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class Survey(Base):
    """One answer to the nine elements of PermenPANRB 14/2017, 1 to 4 each. Nameless, so that it outlives a case."""

    __tablename__ = "survey"
    __table_args__ = (Index("ix_survey_sop_at", "sop", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sop: Mapped[str] = mapped_column(String(200))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"), unique=True)  # one answer a case
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(10))  # langkah, gawai, kertas
    entered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    u1: Mapped[int]
    u2: Mapped[int]
    u3: Mapped[int]
    u4: Mapped[int]
    u5: Mapped[int]
    u6: Mapped[int]
    u7: Mapped[int]
    u8: Mapped[int]
    u9: Mapped[int]
    remark: Mapped[str] = mapped_column(String(1000), default="")


class Destruction(Base):
    """A list of cases whose retention is over: one person proposes it, another decides, and then it is done.

    `proposed_for_id` and `decided_for_id` are whom they deputised; while `stopped_at` stands the worker leaves it.
    """

    __tablename__ = "destruction"
    id: Mapped[int] = mapped_column(primary_key=True)
    sop: Mapped[str] = mapped_column(String(200))
    schedule: Mapped[str] = mapped_column(String(200))  # how long, as the SOP in force said when it was proposed
    reference: Mapped[str] = mapped_column(String(300))  # the retention schedule or decree
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    proposed_for_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_for_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]
    approved: Mapped[bool | None]
    note: Mapped[str] = mapped_column(String(1000), default="")
    stopped_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    certificate: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of the paper that says it was done
    __table_args__ = (Index("ix_destruction_open", "id", **where("done_at IS NULL")),)


class DestructionCase(Base):
    """One case of a list: destroyed (`done_at`), or left as it is because of something (`skipped`)."""

    __tablename__ = "destruction_case"
    destruction_id: Mapped[int] = mapped_column(ForeignKey("destruction.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), primary_key=True, index=True)
    done_at: Mapped[datetime | None]
    skipped: Mapped[str] = mapped_column(String(300), default="")
    files: Mapped[Any] = mapped_column(Json, nullable=True)  # SHA-256 of what is still to be taken from the store
    __table_args__ = (Index("ix_destruction_case_files", "case_id", **where("files IS NOT NULL")),)


class Hold(Base):
    """A case that is kept although its retention is over, for a reason, until somebody lifts it."""

    __tablename__ = "hold"
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), index=True)
    reason: Mapped[str] = mapped_column(String(300))
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    lifted_at: Mapped[datetime | None]


class ClosedDay(Base):
    """A day that the office's own calendar closes or opens, beside the national one."""

    __tablename__ = "closed_day"
    day: Mapped[date] = mapped_column(primary_key=True)
    closed: Mapped[bool] = mapped_column(default=True)
    reason: Mapped[str] = mapped_column(String(300))
    reference: Mapped[str] = mapped_column(String(300), default="")  # the decree


class CalendarChange(Base):
    """One edit of the office's calendar. The last number is the version by which due dates are reckoned."""

    __tablename__ = "calendar_change"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    closed: Mapped[bool | None]  # None: back to the national calendar
    reason: Mapped[str] = mapped_column(String(300))
    reference: Mapped[str] = mapped_column(String(300))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))  # None: the operator's command
    at: Mapped[datetime]


class Message(Base):
    """What is told to somebody: written with what it tells of, sent by the worker, once. `inputs` until composed."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"), index=True)
    seq: Mapped[int | None]  # the event that it tells of
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    channel: Mapped[str] = mapped_column(String(10))  # surel, gawai
    address: Mapped[str] = mapped_column(String(254))
    template: Mapped[str] = mapped_column(String(300))
    key: Mapped[str | None] = mapped_column(String(100), unique=True)  # what must not be told twice
    inputs: Mapped[Any] = mapped_column(Json, nullable=True, deferred=True)
    subject: Mapped[str] = mapped_column(String(300), default="")
    text: Mapped[str] = mapped_column(Text, default="", deferred=True)
    message_id: Mapped[str] = mapped_column(String(120))  # RFC 5322: a retry bears the same
    created_at: Mapped[datetime]
    next_try: Mapped[datetime | None]  # None once it is over: sent, given up or withdrawn
    attempts: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[bool] = mapped_column(default=False)  # a server left open whether it took it
    error: Mapped[str] = mapped_column(String(300), default="")
    sent_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_message_due", "next_try", "id", **where("next_try IS NOT NULL")),)


class Schedule(Base):
    """What happens at a time of day, by name: whoever finds it due moves it on, in the transaction that does it."""

    __tablename__ = "schedule"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    next_at: Mapped[datetime]


class SavedView(Base):
    """Filters of an inbox under a name of the person's own."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("person_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(500))


class Presence(Base):
    """Who has a case open now, as their page tells every few seconds."""

    __tablename__ = "presence"
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    seen_at: Mapped[datetime]


class Mention(Base):
    """A colleague who was named in a note, until they have read it."""

    __tablename__ = "mention"
    case_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    read_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(["case_id", "seq"], ["event.case_id", "event.seq"]),
        Index("ix_mention_unread", "person_id", **where("read_at IS NULL")),
    )


class Complaint(Base):
    """A question or complaint about a case (SOP, section Q); what was written stands at its events."""

    __tablename__ = "complaint"
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), index=True)
    seq: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))  # pertanyaan, pengaduan
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    due_at: Mapped[datetime]
    answered_seq: Mapped[int | None]
    answered_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_complaint_open", "due_at", **where("answered_at IS NULL")),)


class Retry(Base):
    """The answer to a completed call with an Idempotency-Key, so that a retry hears the same."""

    __tablename__ = "retry"
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))  # SHA-256 of what was asked
    response: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[datetime]
