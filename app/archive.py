"""Each paper once more for the archive: PDF/A, made by the worker where an office suite is installed.

Whoever makes one claims it first, in a transaction of its own: a lease, after which another may try. Two that make the
same paper make no twin, since the case's lock lets one of them record it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update

from app import files, journal, papers, signing
from app.config import Settings
from app.context import Context
from app.documents import pdf
from app.models import Case, Document

LEASE = timedelta(minutes=5)  # longer than making and signing one takes
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=6)  # between two tries
TRIES = 12  # about a day
BROKEN = "PDF dokumen ini tidak dapat disiapkan; catatan sistem memuat sebabnya."


@dataclass(frozen=True)
class Wanted:
    """A paper to be made: `final` is one that anybody may check, and that is signed where a signer is set up."""

    id: int
    name: str
    sha256: str
    final: bool

    @property
    def aside(self) -> str:
        """What its signed file is called until it is recorded."""
        return f"{self.id}-{self.sha256}"


@dataclass(frozen=True)
class Made:
    """A paper's PDF, and who signed it; or why there is none."""

    content: bytes
    signed_by: str = ""
    error: str = ""


@dataclass(frozen=True)
class Waiting:
    """How far a paper's PDF is: how many are made before it, what went wrong at the last try, and was that the last."""

    ahead: int
    error: str
    over: bool


def _missing() -> ColumnElement[bool]:
    """Filled papers without their PDF that are still tried."""
    return Document.filled_at.is_not(None) & Document.pdf_sha256.is_(None) & (Document.pdf_attempts < TRIES)


def _due(ctx: Context) -> ColumnElement[bool]:
    return _missing() & or_(Document.pdf_next.is_(None), Document.pdf_next <= ctx.now)


def waiting(ctx: Context, limit: int = 20) -> list[int]:
    """Papers whose PDF is to be made now, of those that were tried least the newest first: somebody waits for those,
    and for what was issued before there was an office suite, nobody. None where none is installed.
    """
    if ctx.settings.soffice is None:
        return []
    query = select(Document.id).join(Case, Case.id == Document.case_id).where(_due(ctx), Case.destroyed_at.is_(None))
    return list(ctx.session.scalars(query.order_by(Document.pdf_attempts, Document.id.desc()).limit(limit)))


def claim(ctx: Context, document_id: int) -> bool:
    """Takes a paper to be made, for as long as a lease; False where somebody else has it, or it is there."""
    taken: Any = ctx.session.execute(
        update(Document)
        .where(Document.id == document_id, _due(ctx))
        .values(pdf_attempts=Document.pdf_attempts + 1, pdf_next=ctx.now + LEASE)
    )
    return bool(taken.rowcount)


def wanted(ctx: Context, document_id: int) -> Wanted:
    """What is to be made of a paper: read at once, since making it takes longer than a transaction should."""
    document = ctx.session.get_one(Document, document_id)
    return Wanted(document.id, document.name, document.sha256 or "", document.code is not None)


def made(settings: Settings, paper: Wanted) -> Made:
    """A paper's PDF, signed where it is final and the office signs; recorded nowhere yet."""
    if settings.soffice is None:
        return Made(b"", error=BROKEN)
    signer = signing.signer(settings) if paper.final else None
    try:
        if signer is not None:
            return _signed(settings.files, signer, paper, partial(_converted, settings.soffice, settings, paper))
        return Made(_converted(settings.soffice, settings, paper))
    except (pdf.ConversionError, signing.SigningError) as error:
        return Made(b"", error=str(error))
    except (FileNotFoundError, ValueError):
        return Made(b"", error="Berkas dokumen ini tidak ditemukan, jadi PDF-nya tidak dapat dibuat.")


def _converted(program: Path, settings: Settings, paper: Wanted) -> bytes:
    return pdf.archived(program, files.read(settings.files, paper.sha256))


def _signed(root: Path, signer: signing.Signer, paper: Wanted, converted: Callable[[], bytes]) -> Made:
    """A signed PDF. One that came back and was not recorded, since somebody was killed, is not asked for again."""
    there = files.aside(root).get(paper.aside)
    content = there.read_bytes() if there else signer.sign(converted(), partial(files.set_aside, root, paper.aside))
    try:
        found = signer.verify(content)
    except signing.SigningError:
        found = []
    if not found or not (found[-1].intact and found[-1].whole):
        files.drop_aside(root, paper.aside)
        raise signing.SigningError("Tanda tangan elektronik yang kembali tidak utuh.")
    return Made(content, found[-1].subject)


def tidy(ctx: Context) -> None:
    """Lets go of what was set aside for papers that are recorded by now, or are no more."""
    for name in files.aside(ctx.settings.files):
        number = name.partition("-")[0]
        query = select(Document.id).join(Case, Case.id == Document.case_id)
        awaited = query.where(Document.pdf_sha256.is_(None), Case.destroyed_at.is_(None))
        if not number.isdecimal() or ctx.session.scalar(awaited.where(Document.id == int(number))) is None:
            files.drop_aside(ctx.settings.files, name)


def keep(ctx: Context, document_id: int, found: Made) -> bool:
    """Keeps a PDF and writes its digest as an event of its own; False where that was done, or it failed."""
    case, document = papers.locked(ctx, document_id)
    if document.pdf_sha256 is not None or case.destroyed_at is not None:
        return False
    if found.error:
        document.pdf_error = found.error
        document.pdf_next = ctx.now + min(LONGEST, FIRST * 2 ** (max(document.pdf_attempts, 1) - 1))
        return False
    document.pdf_sha256 = files.sha256(found.content)
    papers.put(ctx, found.content)
    document.pdf_error, document.pdf_next, document.signed_by = None, None, found.signed_by
    signed = {"signed_by": found.signed_by} if found.signed_by else {}
    journal.append(
        ctx, case, "archive",
        {"document": document.id, "name": document.name, "sha256": document.pdf_sha256, **signed},
    )  # fmt: skip
    return True


def progress(ctx: Context, documents: Sequence[Document]) -> dict[int, Waiting]:
    """Of these papers, those whose PDF is not there yet and will be, or was given up; by id."""
    if ctx.settings.soffice is None:
        return {}
    open_now = [d for d in documents if d.filled_at is not None and d.pdf_sha256 is None]
    if not open_now:
        return {}
    last = max(document.id for document in open_now)
    before = ctx.session.scalar(select(func.count()).select_from(Document).where(_missing(), Document.id > last)) or 0
    found = {}
    for document in sorted(open_now, key=lambda document: -document.id):
        over = document.pdf_attempts >= TRIES
        found[document.id] = Waiting(before, document.pdf_error or "", over)
        before += not over
    return found


def count(ctx: Context) -> int:
    """How many papers wait for their PDF."""
    return ctx.session.scalar(select(func.count()).select_from(Document).where(_missing())) or 0


def failing(ctx: Context, limit: int) -> list[tuple[Document, str]]:
    """Papers whose last try failed, or that ended whoever made them until they were given up; the latest first, with
    the number of their case.
    """
    failed = Document.pdf_error.is_not(None) | (Document.pdf_attempts >= TRIES)
    query = (
        select(Document, Case.number)
        .join(Case, Case.id == Document.case_id)
        .where(Document.filled_at.is_not(None), Document.pdf_sha256.is_(None), failed)
        .where(Case.destroyed_at.is_(None))
    )
    return [(row[0], row[1]) for row in ctx.session.execute(query.order_by(Document.id.desc()).limit(limit))]


def again(ctx: Context, document_id: int) -> bool:
    """Has a paper's PDF tried anew from now on, also where it was given up; False where it is there."""
    anew: Any = ctx.session.execute(
        update(Document)
        .where(Document.id == document_id, Document.filled_at.is_not(None), Document.pdf_sha256.is_(None))
        .values(pdf_attempts=0, pdf_next=None)
    )
    return bool(anew.rowcount)
