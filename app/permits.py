"""What was issued: whether it holds, until when, and which papers end soon."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, literal, or_, select
from sqlalchemy.orm import aliased, joinedload

from app import forms, journal, registers, revisions, terms
from app.context import Context
from app.models import Case, Document, Message, Void
from app.revisions import Loaded

IN_FORCE, NOT_YET, EXPIRED = "berlaku", "belum-berlaku", "berakhir"
GENUINE = "sah"  # a paper that has no term
REVOKED, VOID, REPLACED, CORRECTED = "dicabut", "dibatalkan", "diganti", "dibetulkan"
STANDS = ("open", "ended")  # of a case: what it gave holds
GOES_ON = (IN_FORCE, NOT_YET, EXPIRED)  # can be extended
STOPPED = ("refused", "withdrawn", "lapsed")


@dataclass(frozen=True)
class Standing:
    """How a paper stands today: one of the words above, since when, why (`case`, `number`, `issue`), and by what."""

    word: str
    since: date | None = None
    why: str = ""
    by: Document | None = None
    corrected: date | None = None  # what it says was put right then, by the letter `by` where there is one


@dataclass(frozen=True)
class Permit:
    """A paper that anybody who holds it can check, as it was issued."""

    document: Document
    case: Case
    loaded: Loaded
    standing: Standing
    holder: Sequence[tuple[str, str]]  # label and text, as the paper prints them


def find(ctx: Context, code: str) -> Permit | None:
    """The paper with this code; None where there is none, it is not finished, or it is for the office alone: whoever
    asks learns nothing of which.
    """
    query = select(Document).where(Document.code == code, Document.filled_at.is_not(None), ~Document.internal)
    document = ctx.session.scalar(query)
    return permit(ctx, document) if document else None


def permit(ctx: Context, document: Document) -> Permit:
    """How a checked paper stands, and to whom it was issued; nobody, once what was personal is destroyed."""
    case = ctx.session.scalars(select(Case).where(Case.id == document.case_id).options(joinedload(Case.revision))).one()
    loaded = revisions.load(ctx.session, case.revision_id)
    entries = journal.entries(ctx, case.id)
    named = () if case.destroyed_at else _holder(loaded, [entry for entry in entries if entry.seq <= document.seq])
    return Permit(document, case, loaded, _standing(ctx, document, case, loaded, entries), tuple(named))


def issued(
    ctx: Context, case: Case, loaded: Loaded, entries: Sequence[journal.Entry]
) -> list[tuple[Document, Standing]]:
    """What a case has given out that anybody can check, as it stands today; not what something newer replaced."""
    query = select(Document).where(Document.case_id == case.id, Document.code.is_not(None), ~Document.internal)
    found = ctx.session.scalars(query.where(Document.filled_at.is_not(None)).order_by(Document.id)).all()
    standings = [(document, _standing(ctx, document, case, loaded, entries)) for document in found]
    return [(document, standing) for document, standing in standings if standing.word != REPLACED]


def _holder(loaded: Loaded, entries: Sequence[journal.Entry]) -> Iterator[tuple[str, str]]:
    data = journal.data(loaded.form_at, entries)
    fields = {field.pointer[1:].replace("/", "."): field for form in loaded.forms.values() for field in form.fields}
    for key in terms.holder(loaded.definition):
        value = forms.at(data, key)
        if isinstance(value, str | int | float) and str(value).strip():
            field = fields.get(key)
            yield (field.label if field else key), (forms.text(field, value) if field else str(value))


# -- whether it holds -------------------------------------------------------------------------------------------------


def _standing(
    ctx: Context, document: Document, case: Case, loaded: Loaded, entries: Sequence[journal.Entry]
) -> Standing:
    ended = _ended(case, entries)
    if ended is not None and document.seq < ended.seq:
        word = REVOKED if case.status == "revoked" else VOID
        return Standing(word, ctx.local(ended.at).date(), "case")
    undoing = next((e for e in entries if e.kind in journal.UNDOING and e.body.get("of") == document.seq), None)
    if undoing is not None:
        return Standing(VOID, ctx.local(undoing.at).date(), "issue")
    if void := _void(ctx, document, loaded, entries):
        return Standing(VOID, ctx.local(void.at).date(), "number")
    newer = _newer(ctx, document, journal.undone(entries))
    if newer is not None:
        word = REPLACED if newer.template == document.template else CORRECTED
        return Standing(word, ctx.local(newer.created_at).date(), "", newer)
    right = next((e for e in reversed(entries) if e.kind == "correct" and e.seq > document.seq), None)
    corrected = ctx.local(right.at).date() if right else None
    return Standing(in_term(document, ctx.local().date()), corrected=corrected)


def in_term(document: Document, today: date) -> str:
    """What the days of a paper say of it on a day."""
    if document.valid_from is None and document.valid_until is None:
        return GENUINE
    if document.valid_from is not None and today < document.valid_from:
        return NOT_YET
    return EXPIRED if document.valid_until is not None and today > document.valid_until else IN_FORCE


def _ended(case: Case, entries: Sequence[journal.Entry]) -> journal.Entry | None:
    """The event by which what a case had given was taken away: a revocation, or an end that gives nothing."""
    if case.status == "revoked":
        return next((entry for entry in reversed(entries) if entry.kind == "revoke"), None)
    if case.status not in STOPPED:
        return None
    return next((entry for entry in reversed(entries) if entry.body.get("ended")), None)


def _newer(ctx: Context, document: Document, gone: Collection[int]) -> Document | None:
    """The paper that took this one's place: of the same template, or of the same number."""
    query = select(Document).where(Document.case_id == document.case_id, *_later(document, Document))
    found = ctx.session.scalars(query.order_by(Document.id.desc()))
    return next((newer for newer in found if newer.seq not in gone), None)


def _later(this: Any, other: Any) -> tuple[ColumnElement[bool], ...]:
    same = or_(other.template == this.template, and_(other.number == this.number, other.number != ""))
    return other.id > this.id, other.code.is_not(None), ~other.internal, same


def _void(ctx: Context, document: Document, loaded: Loaded, entries: Sequence[journal.Entry]) -> Void | None:
    """The note that strikes out a paper's number in its book."""
    term = terms.terms(loaded.definition).get(document.template)
    if term is None or not document.number:
        return None
    given = next((e for e in reversed(entries) if e.body.get("numbers", {}).get(term.number) == document.number), None)
    step = loaded.definition.steps.get(given.step) if given else None
    if given is None or step is None:
        return None
    for line in registers.numberings(step.properties.get("register", "")):
        if line.key == term.number:
            return registers.void_of(ctx, line.register, document.number, document.case_id)
    return None


# -- what ends --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """A paper that ends, with its case, the application by which it is being extended, and when its holder was told."""

    document: Document
    case: Case
    extension: Case | None
    told_at: Any
    reachable: bool  # the holder has an account here

    def days(self, today: date) -> int:
        """How many days are left; below zero it has ended."""
        return (self.document.valid_until - today).days if self.document.valid_until else 0


_FOLLOWER = aliased(Case)
_NEWER = aliased(Document)


def _follows() -> Any:
    """The latest application that extends a case: the one that names it, or a later one for the same thing."""
    named = select(func.max(_FOLLOWER.id)).where(_FOLLOWER.previous_id == Case.id, _FOLLOWER.status.in_(STANDS))
    same = select(func.max(_FOLLOWER.id)).where(
        _FOLLOWER.sop == Case.sop,
        _FOLLOWER.unique_key == Case.unique_key,
        _FOLLOWER.id > Case.id,
        _FOLLOWER.status.in_(STANDS),
    )
    return func.coalesce(named.correlate(Case).scalar_subquery(), same.correlate(Case).scalar_subquery())


def _in_place() -> tuple[ColumnElement[bool], ...]:
    """Of papers that end: those that stand, finished, in no newer one's place, whose holder is known yet."""
    replaced = exists().where(
        _NEWER.case_id == Document.case_id, *_later(Document, _NEWER), _NEWER.valid_until.is_not(None)
    )
    return (
        Document.code.is_not(None),
        ~Document.internal,
        Document.filled_at.is_not(None),
        Case.status.in_(STANDS),
        Case.destroyed_at.is_(None),
        ~replaced,
    )


def _told(document: Any) -> ColumnElement[str]:
    """What the keys of a paper's reminders begin with."""
    return literal("berakhir:") + cast(document.id, String) + literal(":")


def ending(
    ctx: Context,
    sops: Collection[str] | None,
    first: date,
    last: date,
    *,
    unextended: bool = False,
    after: tuple[date, int] | None = None,
    limit: int = 50,
) -> list[Ending]:
    """Papers whose last day lies between two days, the nearest first, in one query over the index of those days.

    `sops` are those that the reader may see, None for all; `unextended` leaves out what is being extended; `after` is
    the last day and id of the page before.
    """
    told = (
        select(func.max(Message.created_at))
        .where(Message.case_id == Case.id, Message.key.startswith(_told(Document)))
        .correlate(Case, Document)
        .scalar_subquery()
    )
    following = aliased(Case)
    query = (
        select(Document, Case, following, told)
        .join(Case, Case.id == Document.case_id)
        .outerjoin(following, following.id == _follows())
        .where(Document.valid_until >= first, Document.valid_until <= last, *_in_place())
        .options(joinedload(Case.revision))
        .order_by(Document.valid_until, Document.id)
        .limit(limit)
    )
    if sops is not None:
        query = query.where(Case.sop.in_(sops))
    if unextended:
        query = query.where(following.id.is_(None))
    if after:
        day, number = after
        query = query.where(or_(Document.valid_until > day, and_(Document.valid_until == day, Document.id > number)))
    rows = ctx.session.execute(query).all()
    return [Ending(document, case, by, at, case.applicant_id is not None) for document, case, by, at in rows]


def of_cases(ctx: Context, case_ids: Collection[int]) -> Mapping[int, Ending]:
    """Of each of these cases the paper that ends last, with what extends it; of those only that have one in force."""
    following = aliased(Case)
    query = (
        select(Document, Case, following)
        .join(Case, Case.id == Document.case_id)
        .outerjoin(following, following.id == _follows())
        .where(Document.case_id.in_(case_ids), Document.valid_until.is_not(None), *_in_place())
        .order_by(Document.valid_until, Document.id)
    )
    rows = ctx.session.execute(query)
    return {case.id: Ending(document, case, by, None, True) for document, case, by in rows}


def extendable(ctx: Context, case: Case) -> Ending | None:
    """What an ended case gave, where its SOP says by what that is extended; None where there is nothing to extend."""
    if case.status != "ended" or case.destroyed_at:
        return None
    rule = terms.extension(revisions.load(ctx.session, case.revision_id).definition)
    if rule is None or revisions.in_force(ctx.session, rule.sop) is None:
        return None
    return of_cases(ctx, [case.id]).get(case.id)


def due(ctx: Context) -> list[int]:
    """Papers of which a reminder is due and not written, by the index of last days: none that is being extended."""
    found: list[int] = []
    for revision, reminder, nearer in _reminders(ctx):
        today = ctx.local().date()
        written = exists().where(Message.key == _told(Document) + literal(str(reminder.days)))
        query = (
            select(Document.id)
            .join(Case, Case.id == Document.case_id)
            .where(
                Document.valid_until <= today + timedelta(days=reminder.days),
                Document.valid_until > today + timedelta(days=nearer),
                Case.revision_id == revision,
                Case.applicant_id.is_not(None),
                ~written,
                _follows().is_(None),
                *_in_place(),
            )
            .order_by(Document.valid_until, Document.id)
        )
        found += ctx.session.scalars(query)
    return found


def _reminders(ctx: Context) -> Iterator[tuple[int, terms.Reminder, int]]:
    """Each revision's reminders, with the bound that comes after: whoever was late for one hears the next."""
    for revision in revisions.all_ids(ctx.session):
        nearer = -1
        for reminder in terms.reminders(revisions.load(ctx.session, revision).definition):
            yield revision, reminder, nearer
            nearer = reminder.days


def reminder(loaded: Loaded, left: int) -> terms.Reminder | None:
    """The reminder that is due so many days before a paper's last day: the nearest bound that has been reached."""
    found = terms.reminders(loaded.definition)
    return next((one for one in found if 0 <= left <= one.days), None)


def key(document_id: int, one: terms.Reminder) -> str:
    """What a reminder is told by, once."""
    return f"berakhir:{document_id}:{one.days}"
