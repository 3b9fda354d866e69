"""How a case is destroyed: one transaction for its rows, the next for its files; at the end of a list its certificate.

Killed anywhere, whoever comes next goes on: what is still to be done stands in `DestructionCase`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Text, delete, or_, select, text, type_coerce, update

from app import audit, cases, documents, files, inbox, journal, messages, papers, registers, revisions
from app.context import Context
from app.models import (
    Access,
    Case,
    Destruction,
    DestructionCase,
    Document,
    EventValues,
    Hold,
    Mention,
    Message,
    Person,
    Presence,
    Proxy,
    Retry,
    Survey,
    Task,
    Upload,
    canonical,
    instant,
)
from app.retention.lists import found, members, people_of
from app.retention.schedule import of_sop, waits

TEMPLATE = Path(__file__).parent / "berita-acara-pemusnahan.docx"
TOUCHED = (
    "case", "event", "event_values", "upload", "document", "task", "message", "access", "retry", "mention", "presence",
    "survey", "saved_view", "destruction_case", "void", "hold",
)  # fmt: skip  # tables in which something was deleted
UNPROVEN = "Permohonan ini tidak terbukti oleh putar ulangnya. Periksa dahulu; buktinya jangan dimusnahkan."
BROKEN = "Permohonan ini tidak dapat dimusnahkan; catatan sistem memuat sebabnya."
STALE = timedelta(days=7)  # what is remembered for retries, and mail that was given up, of no case in particular
NEVER_MADE = 99  # attempts: nobody makes a PDF of what is gone
_ID = re.compile(r"[\w-]{16}", re.ASCII)
_PENDING = (DestructionCase.done_at.is_(None), DestructionCase.skipped == "")
_AT_WORK = (Destruction.approved.is_(True), Destruction.stopped_at.is_(None), Destruction.done_at.is_(None))


def pending(ctx: Context, limit: int) -> list[int]:
    """Cases on approved lists that are to be destroyed, unless somebody stopped the list."""
    query = (
        select(DestructionCase.case_id)
        .join(Destruction, Destruction.id == DestructionCase.destruction_id)
        .where(*_AT_WORK, *_PENDING)
        .order_by(DestructionCase.destruction_id, DestructionCase.case_id)
    )
    return list(ctx.session.scalars(query.limit(limit)))


def destroy(ctx: Context, case_id: int, broken: bool = False) -> int:
    """Destroys one case of an approved list, or says on the list why it is left as it is; 1 where either was done.

    It is looked at once more under its lock: what was reopened, held or asked about since is kept, and so is a case
    that cannot be proven - what is missing from it must not be excused by its destruction - or that is `broken`.
    """
    case = cases.locked(ctx, case_id, skip=True)
    if case is None:
        return 0
    query = (
        select(DestructionCase, Destruction)
        .join(Destruction, Destruction.id == DestructionCase.destruction_id)
        .where(DestructionCase.case_id == case_id, *_AT_WORK, *_PENDING)
        .execution_options(populate_existing=True)
    )
    row = ctx.session.execute(query).first()
    if row is None:
        return 0
    member, listed = row
    why = BROKEN if broken else waits(ctx, case)
    if not why and not audit.frames(ctx, case).whole:
        why = UNPROVEN
    if why:
        member.skipped = why
        return 1
    member.files = sorted(_files(ctx, case)) or None
    _empty(ctx, case, _told(ctx, listed))
    member.done_at = ctx.now
    return 1


def _told(ctx: Context, row: Destruction) -> dict[str, Any]:
    """What the event of a destruction says for good."""

    def who(number: int | None, whose: int | None) -> dict[str, Any]:
        person = ctx.session.get_one(Person, number)
        absent = ctx.session.get(Person, whose) if whose else None
        return {"id": person.id, "name": person.full_name, **({"an": absent.full_name} if absent else {})}

    return {
        "list": row.id,
        "schedule": row.schedule,
        "reference": row.reference,
        "proposed": who(row.proposed_by_id, row.proposed_for_id),
        "decided": who(row.decided_by_id, row.decided_for_id),
        "decided_at": instant(row.decided_at) if row.decided_at else None,
    }


def _files(ctx: Context, case: Case) -> set[str]:
    """The bytes that are a case's, by SHA-256. An upload that a case which followed it uses goes on to that case."""
    for later in ctx.session.scalars(select(Case.id).where(Case.previous_id == case.id, Case.destroyed_at.is_(None))):
        typed = ctx.session.scalars(select(EventValues.typed).where(EventValues.case_id == later))
        used = {upload for values in typed for upload in values[3]}
        ctx.session.execute(
            update(Upload).where(Upload.case_id == case.id, Upload.id.in_(used)).values(case_id=later)
        )  # fmt: skip
    mine = set(ctx.session.scalars(select(Upload.sha256).where(Upload.case_id == case.id)))
    papers_of = select(Document.sha256, Document.pdf_sha256).where(Document.case_id == case.id)
    return mine | {digest for row in ctx.session.execute(papers_of) for digest in row if digest}


def _empty(ctx: Context, case: Case, told: Mapping[str, Any]) -> None:
    """Takes everything personal out of a case's rows, and records that as its last event."""
    session, about = ctx.session, case.id
    _forget_searches(ctx, case)
    inbox.forget(ctx, case)
    seals = journal.erase(ctx, case)
    registers.forget(ctx, about)
    for table in (Upload, Mention, Presence):
        session.execute(delete(table).where(table.case_id == about))
    session.execute(update(Task).where(Task.case_id == about).values(draft=None, draft_at=None))
    session.execute(
        update(Document)
        .where(Document.case_id == about)
        .values(inputs=None, error=None, attempts=papers.ATTEMPTS, pdf_error=None, pdf_attempts=NEVER_MADE)
    )
    blank = {"person_id": None, "address": "", "subject": "", "text": "", "inputs": None, "next_try": None}
    session.execute(update(Message).where(Message.case_id == about).values(**blank, error=""))
    session.execute(
        update(Message).where(Message.case_id == about, Message.sent_at.is_(None)).values(error=messages.WITHDRAWN)
    )
    session.execute(update(Access).where(Access.case_id == about, Access.detail != "").values(detail=""))
    session.execute(update(Survey).where(Survey.case_id == about).values(case_id=None, remark=""))
    session.execute(update(Hold).where(Hold.case_id == about).values(reason=""))
    answer = type_coerce(Retry.response, Text)
    named = answer.contains(f'"number":{canonical(case.number)}', autoescape=True)
    session.execute(delete(Retry).where(or_(named, Retry.created_at < ctx.now - STALE)))
    changes = {
        "destroyed_at": ctx.now, "applicant_name": "", "subject": "", "search": case.number.lower(), "unique_key": None,
        "data": None, "state": b"",
    }  # fmt: skip
    journal.append(ctx, case, "destroy", {**told, **({"sealed": seals} if seals else {})}, changes=changes)


def _forget_searches(ctx: Context, case: Case) -> None:
    """The words by which somebody looked for this case, in the record of who looked at what: that they looked stays."""
    query = select(Access.id, Access.detail).where(
        text("what = 'cari'"), Access.at >= case.opened_at, Access.detail != ""
    )  # fmt: skip
    found = [
        row.id
        for row in ctx.session.execute(query.execution_options(yield_per=1000))
        if all(word in case.search for word in row.detail.lower().split())
    ]
    for start in range(0, len(found), 500):
        ctx.session.execute(update(Access).where(Access.id.in_(found[start : start + 500])).values(detail=""))


# -- files ------------------------------------------------------------------------------------------------------------


def unremoved(ctx: Context, limit: int) -> list[int]:
    """Cases whose files are still to be taken from the store."""
    query = select(DestructionCase.case_id).where(DestructionCase.files.is_not(None)).order_by(DestructionCase.case_id)
    return list(ctx.session.scalars(query.distinct().limit(limit)))


def remove_files(ctx: Context, case_id: int) -> int:
    """Takes a destroyed case's files from the store, but for those whose bytes somebody else's row names; how many.

    Nobody can come to name them meanwhile: rows are written before their files (see `files.put`), and for PostgreSQL,
    where several write at once, such rows wait here.
    """
    query = select(DestructionCase).where(DestructionCase.case_id == case_id, DestructionCase.files.is_not(None))
    rows = ctx.session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True)).all()
    wanted = {digest for row in rows for digest in row.files}
    if not wanted:
        return 0
    if ctx.session.get_bind().dialect.name == "postgresql":
        ctx.session.execute(text("LOCK TABLE upload, document IN SHARE MODE"))
    gone = sum(files.remove(ctx.settings.files, digest) for digest in sorted(wanted - _named(ctx, wanted)))
    for row in rows:
        row.files = None
    return max(gone, 1)


def _named(ctx: Context, digests: Collection[str]) -> set[str]:
    """Of these bytes, those that a living row names: an upload, a paper of a case that is there, a certificate."""
    living = select(Case.id).where(Case.destroyed_at.is_(None))
    return {
        digest
        for query in (
            select(Upload.sha256).where(Upload.sha256.in_(digests)),
            select(Document.sha256).where(Document.sha256.in_(digests), Document.case_id.in_(living)),
            select(Document.pdf_sha256).where(Document.pdf_sha256.in_(digests), Document.case_id.in_(living)),
            select(Destruction.certificate).where(Destruction.certificate.in_(digests)),
        )
        for digest in ctx.session.scalars(query)
        if digest
    }


# -- the end of a list ------------------------------------------------------------------------------------------------


def finished(ctx: Context) -> list[int]:
    """Approved lists of which nothing is left to do but their certificate."""
    busy = select(DestructionCase.destruction_id).where(
        or_(DestructionCase.files.is_not(None), (DestructionCase.done_at.is_(None)) & (DestructionCase.skipped == ""))
    )
    query = select(Destruction.id).where(
        Destruction.approved.is_(True), Destruction.done_at.is_(None), Destruction.id.not_in(busy)
    )  # fmt: skip
    return list(ctx.session.scalars(query.order_by(Destruction.id)))


def certificate(ctx: Context, number: int) -> bytes:
    """The paper that says what was destroyed, by whose word and when. Raises documents.DocumentError."""
    row = found(ctx, number)
    proposed, decided = people_of(ctx, row)
    schedule = of_sop(ctx, row.sop)
    told = members(ctx, row)
    done = [(case, member) for case, member in told if member.done_at is not None]
    ends = journal.of_kinds(ctx, [case.id for case, _member in done], ("destroy",))
    rows = [
        {
            "no": count,
            "nomor": case.number,
            "berakhir": _local(ctx, case.ended_at),
            "dimusnahkan": _local(ctx, member.done_at),
            "sidik": ends[case.id][-1].digest.hex()[:24],
        }
        for count, (case, member) in enumerate(done, 1)
    ]
    whole = hashlib.sha256("".join(f"{r['nomor']}\t{r['sidik']}\n" for r in rows).encode()).hexdigest()
    loaded = revisions.load(ctx.session, schedule.revision if schedule else told[0][0].revision_id)
    properties = loaded.definition.properties
    context = {
        "kantor": {name: properties.get(f"kantor_{name}", "").strip() for name in ("nama", "alamat", "kota", "induk")},
        "sop": {"judul": loaded.definition.title, "nomor": properties.get("nomor", "").strip()},
        "daftar": {"nomor": row.id, "jadwal": row.schedule, "dasar": row.reference, "banyak": len(rows)},
        "pengusul": _signs(ctx, proposed, row.proposed_for_id, row.proposed_at),
        "pemutus": _signs(ctx, decided or proposed, row.decided_for_id, row.decided_at),
        "baris": rows,
        "ditinggal": [{"nomor": case.number, "alasan": member.skipped} for case, member in told if member.skipped],
        "sidik": whole,
        "sekarang": _local(ctx, ctx.now),
    }
    return documents.fill(TEMPLATE.read_bytes(), context)


def _signs(ctx: Context, person: Person, whose: int | None, at: datetime | None) -> dict[str, Any]:
    absent = ctx.session.get(Person, whose) if whose else None
    return {
        "nama": person.full_name, "nip": person.nip or "", "jabatan": person.title or "", "pada": _local(ctx, at),
        "an": absent.full_name if absent else "",
    }  # fmt: skip


def _local(ctx: Context, at: datetime | None) -> str | None:
    return ctx.local(at).isoformat(timespec="minutes") if at else None


def finish(ctx: Context, number: int, content: bytes) -> bool:
    """Keeps a list's certificate, and with that the list is done; False where somebody else was quicker.

    What belongs to no case and is as old goes with it: uploads that nobody ever sent, mail that was given up, what was
    written beside answers to the survey whose case nobody knows.
    """
    row = ctx.session.get_one(Destruction, number, with_for_update=True, populate_existing=True)
    if row.done_at is not None:
        return False
    row.certificate, row.done_at = files.sha256(content), ctx.now
    ctx.session.flush()
    files.put(ctx.settings.files, content)
    given_up = (Message.case_id.is_(None), Message.next_try.is_(None), Message.created_at < ctx.now - STALE)
    ctx.session.execute(update(Message).where(*given_up).values(text="", inputs=None))
    schedule = of_sop(ctx, row.sop)
    before = _after(ctx, schedule.back(ctx.local().date())) if schedule else None
    if before is None:
        return True
    nobodys = (Survey.sop == row.sop, Survey.at < before, Survey.case_id.is_(None), Survey.remark != "")
    ctx.session.execute(update(Survey).where(*nobodys).values(remark=""))
    if stray := _strays(ctx, before):
        last = ctx.session.scalars(
            select(DestructionCase).where(DestructionCase.destruction_id == number).order_by(DestructionCase.case_id)
        ).first()
        if last is not None:  # from where the worker takes what is still to be removed
            last.files = sorted(set(stray.values()))
            ctx.session.execute(delete(Upload).where(Upload.id.in_(stray)))
    return True


def _after(ctx: Context, day: date) -> datetime:
    """When a day of the office is over."""
    return datetime.combine(day + timedelta(days=1), time(), ctx.settings.zone)


def _strays(ctx: Context, before: datetime) -> dict[str, str]:
    """Uploads from before that moment that became part of no case, by id with their SHA-256: no letter of attorney,
    and in nobody's draft.
    """
    rows = ctx.session.execute(
        select(Upload.id, Upload.sha256).where(
            Upload.case_id.is_(None), Upload.created_at < before, Upload.id.not_in(select(Proxy.upload_id))
        )
    ).all()
    drafted = set(_in_drafts(ctx)) if rows else set()
    return {row.id: row.sha256 for row in rows if row.id not in drafted}


def _in_drafts(ctx: Context) -> Iterator[str]:
    drafts = select(type_coerce(Task.draft, Text)).where(Task.closed_at.is_(None), Task.draft.is_not(None))
    for draft in ctx.session.scalars(drafts):
        yield from _ID.findall(draft)
