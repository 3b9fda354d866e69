"""What stands in the tables beside the journal, held against what the journal made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app import clock, drawn, files, journal, registers, revisions, satisfaction
from app.context import Context
from app.engine.definition import Definition
from app.models import (
    NEVER,
    Case,
    Complaint,
    Destruction,
    DestructionCase,
    Document,
    Event,
    EventValues,
    Mention,
    Register,
    RegisterEntry,
    Reserved,
    Task,
    Upload,
    Void,
    instant,
    moment,
)

KEPT = timedelta(days=30)  # for which a late click on a step of an ended case is told who was faster
Books = Counter[tuple[str, int]]  # register and year -> numbers that events gave


@dataclass(frozen=True)
class _Pass:
    """One row of an inbox as the journal says that it must be."""

    step: str
    name: str
    lane: int | None
    round: int
    applicant: int | None
    opened: datetime
    returned: int | None
    assignee: int | None = None
    closed: datetime | None = None
    closed_by: int | None = None
    postponed: datetime | None = None


def findings(
    ctx: Context, case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry], books: Books
) -> Iterator[str]:
    """Everything about a case that its events do not bear out; the numbers that they gave are counted in `books`."""
    yield from _case(case, loaded, entries)
    rows = _tasks(ctx, case)
    if rows != _passes(case, loaded, entries) and (rows or not put_away(case)):
        yield "Langkah di kotak tugas bukan yang dihasilkan riwayat."
    yield from _complaints(ctx, case, entries)
    yield from _survey(ctx, case, loaded, entries)
    yield from _papers(ctx, case, loaded, entries)
    yield from _uploads(ctx, case, entries)
    yield from _numbers(ctx, case, loaded, entries, books)
    yield from _destruction(ctx, case, entries)


def put_away(case: Case) -> bool:
    """Whether the rows that an ended case had in inboxes are gone: it waits for nothing more."""
    return case.ended_at is not None and case.next_due is None


def rows(case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> list[dict[str, Any]]:
    """The rows of a case in inboxes, open and closed, made anew of its journal; without due dates."""
    return [
        {
            "case_id": case.id,
            "token": token,
            "step": one.step,
            "name": one.name,
            "lane_id": one.lane,
            "round": one.round,
            "applicant_id": one.applicant,
            "assignee_id": one.assignee,
            "opened_at": one.opened,
            "rank": NEVER + instant(one.opened),
            "closed_at": one.closed,
            "closed_by_id": one.closed_by,
            "returned_seq": one.returned,
        }
        for token, one in _passes(case, loaded, entries).items()
    ]


def strays(ctx: Context, books: Books) -> Iterator[str]:
    """What belongs to no case at all, and registers whose numbers are not those that the events gave."""
    for words, table in (
        ("peristiwa", Event), ("isian", EventValues), ("tugas", Task), ("dokumen", Document), ("unggahan", Upload),
        ("pengaduan", Complaint),
    ):  # fmt: skip
        owner = table.case_id
        lost = ctx.session.scalar(
            select(func.count()).select_from(table).where(owner.is_not(None), owner.not_in(select(Case.id)))
        )
        if lost:
            yield f"{lost} {words} tidak bertuan: permohonannya tidak ada."
    number, key = RegisterEntry.number, (RegisterEntry.register, RegisterEntry.year)
    counted = select(*key, func.count(), func.min(number), func.max(number)).group_by(*key)
    entered = {(name, year): rest for name, year, *rest in ctx.session.execute(counted)}
    last = {(r.name, r.year): r.last for r in ctx.session.execute(select(Register.name, Register.year, Register.last))}
    unused = (
        select(*key, func.count())
        .join(Reserved, registers.same_number(Reserved))
        .where(RegisterEntry.case_id.is_(None))
        .group_by(*key)
    )
    books = books + Counter({(name, year): count for name, year, count in ctx.session.execute(unused)})
    for book in {**entered, **last, **books}:
        count, first, highest = entered.get(book, (0, 1, 0))
        if (count, first, highest) != (last.get(book, 0), 1, last.get(book, 0)):
            yield f"Register “{book[0]}” {book[1]}: nomornya tidak lagi berurutan tanpa sela."
        elif count != books[book]:
            yield f"Register “{book[0]}” {book[1]}: {count} nomor tercatat, {books[book]} diberikan oleh riwayat."


def _case(case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> Iterator[str]:
    if not entries:
        return
    begun = entries[0]
    time = Time(loaded.definition)
    for entry in entries:
        time.read(entry)
    for name, stored, told in (
        ("SOP", case.sop, loaded.sop),
        ("nomor", case.number, begun.body.get("number")),
        ("pemohon", case.applicant_id, begun.body.get("applicant")),
        ("pengaju", case.filed_by_id, begun.body.get("kuasa", {}).get("id", begun.actor_id)),
        ("waktu mulai", case.opened_at, begun.at),
        ("H (tanda terima)", case.clock_at, time.clock_at),
        ("jatuh tempo", case.due_at, time.due_at),
        ("jeda yang sudah diberikan", case.pause_days, time.pause_days),
        ("jam yang berhenti", case.paused_at, time.paused_at),
        ("batas yang terlampaui", case.breached_at, time.breached_at),
        ("waktu pemusnahan", case.destroyed_at, next((e.at for e in entries if e.kind == "destroy"), None)),
    ):
        if stored != told:
            yield f"Permohonan ini menyimpan {name} yang bukan menurut riwayatnya."


class Time:
    """A case's time as its events tell it, read one after the other: what its row must say."""

    def __init__(self, definition: Definition) -> None:
        self.standing = clock.Standing(definition)
        self.due_at: datetime | None = None
        self.pause_days = 0
        self.breached_at: datetime | None = None

    def read(self, entry: journal.Entry) -> None:
        """Takes the next event."""
        self.standing.read(entry)
        if self.standing.began is None:
            self.due_at, self.pause_days, self.breached_at = None, 0, None
            return
        if entry.kind == "breach" and "token" not in entry.body:
            self.breached_at = entry.at
        if entry.kind not in clock.TELLS:
            return
        if "due" in entry.body:
            due = moment(entry.body["due"]) if entry.body["due"] is not None else None
            if due is not None and entry.at < due != self.due_at:
                self.breached_at = None
            self.due_at = due
        self.pause_days = entry.body.get("pause_days", self.pause_days)

    @property
    def clock_at(self) -> datetime | None:
        return self.standing.began

    @property
    def paused_at(self) -> datetime | None:
        return self.standing.paused_at


def limits(ctx: Context, case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> list[datetime]:
    """When limits of open steps, as their tasks hold them, may still pass."""
    query = select(Task.token, Task.opened_at, Task.due_at).where(Task.case_id == case.id, Task.closed_at.is_(None))
    rows = ctx.session.execute(query).all()
    return [row.due_at for row in clock.pending(loaded.definition, entries, rows)]


def _tasks(ctx: Context, case: Case) -> dict[str, _Pass]:
    rows = ctx.session.execute(
        select(
            Task.token, Task.step, Task.name, Task.lane_id, Task.round, Task.applicant_id, Task.opened_at,
            Task.returned_seq, Task.assignee_id, Task.closed_at, Task.closed_by_id, Task.postponed_until,
        ).where(Task.case_id == case.id)
    )  # fmt: skip
    return {token: _Pass(*rest) for token, *rest in rows}


def _passes(case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> dict[str, _Pass]:
    definition = loaded.definition
    rows: dict[str, _Pass] = {}
    for entry in entries:
        own = str(entry.body.get("token"))
        if own in rows:
            rows[own] = replace(rows[own], **_handled(entry))
        for token in entry.closed:
            if token in rows:
                mine = entry.kind == "complete" and token == own
                by = entry.actor_id if mine else None
                assignee = by if mine else rows[token].assignee
                rows[token] = replace(
                    rows[token], closed=entry.recorded_at, closed_by=by, assignee=assignee, postponed=None
                )
        returned = entry.seq if journal.is_return(definition, entry) else None
        for token, key, round_ in entry.body.get("opened", ()):
            if token in rows:  # taken back: the same row, open once more
                rows[token] = replace(rows[token], closed=None, closed_by=None)
                continue
            step = definition.steps[key]
            theirs = step.lane == definition.applicant_lane and case.filed_by_id == case.applicant_id
            applicant = case.applicant_id if theirs else None
            rows[token] = _Pass(
                key, step.name, loaded.lanes.get(step.lane), round_, applicant, entry.at, returned
            )  # fmt: skip
    return rows


def _handled(entry: journal.Entry) -> dict[str, Any]:
    """What an event between opening and closing makes of a pass."""
    if entry.kind == "claim":
        return {"assignee": entry.actor_id}
    if entry.kind == "release":
        return {"assignee": None, "postponed": None}
    if entry.kind == "assign":
        return {"assignee": entry.body.get("to"), "postponed": None}
    if entry.kind == "postpone":
        until = entry.body.get("until")
        return {"postponed": datetime.fromisoformat(until) if until else None}
    return {}


def _complaints(ctx: Context, case: Case, entries: Sequence[journal.Entry]) -> Iterator[str]:
    rows = ctx.session.execute(
        select(
            Complaint.seq, Complaint.kind, Complaint.by_id, Complaint.at, Complaint.due_at, Complaint.answered_seq,
            Complaint.answered_at,
        ).where(Complaint.case_id == case.id)
    )  # fmt: skip
    replies = {e.body.get("of"): e for e in entries if e.kind == "answer"}
    told = [
        (e.seq, e.body.get("kind"), e.actor_id, e.at, datetime.fromisoformat(e.body["due"]), reply and reply.seq,
         reply and reply.at)
        for e in entries if e.kind == "question"
        for reply in (replies.get(e.seq),)
    ]  # fmt: skip
    if Counter(map(tuple, rows)) != Counter(told) or replies.keys() - {row[0] for row in told}:
        yield "Pertanyaan atau pengaduan yang tersimpan bukan menurut riwayat."


def _survey(ctx: Context, case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> Iterator[str]:
    """What a step was answered with counts as it was answered; a telephone's and a paper's answer is in no journal."""
    asking = {id: group for id, step in loaded.definition.steps.items() if (group := step.properties.get("survei"))}
    if not asking:
        return
    by_seq = {entry.seq: entry for entry in entries}
    told: satisfaction.Answer | None = None
    for entry in entries:
        if entry.kind == "complete" and entry.step in asking and (form := loaded.form_at(entry.step)):
            if entry.erased:
                return
            questions = satisfaction.questions(form, asking[entry.step])
            told = questions.answer(entry.typed.answers if entry.typed else {}) or told
        elif entry.kind in journal.UNDOING and by_seq[entry.body["of"]].step in asking:
            told = None
    row = satisfaction.of_case(ctx, case.id)
    kept = satisfaction.kept(row) if row is not None and row.source == satisfaction.STEP else None
    if kept != told:
        yield "Jawaban survei yang dihitung bukan yang diisi pada langkahnya."


def _papers(ctx: Context, case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> Iterator[str]:
    due = [
        (e.seq, p)
        for e in entries
        for p in drawn.papers_at(
            loaded.definition, e.kind, e.step, e.choice, e.body.get("ends", ()), e.body.get("path", ())
        )
    ]
    rows = ctx.session.execute(
        select(
            Document.id, Document.seq, Document.template, Document.name, Document.copies, Document.internal,
            Document.sha256, Document.filled_at, Document.pdf_sha256, Document.signed_by,
        ).where(Document.case_id == case.id).order_by(Document.seq, Document.id)
    ).all()  # fmt: skip
    wanted = Counter((seq, p.template, p.name, p.copies, p.internal) for seq, p in due)
    if Counter((r.seq, r.template, r.name, r.copies, r.internal) for r in rows) != wanted:
        yield "Dokumen yang tersimpan bukan yang diterbitkan menurut riwayat."
    told = {
        e.body.get("document"): (e.body.get("sha256"), e.body.get("due"), e.at) for e in entries if e.kind == "document"
    }
    if {r.id: (r.sha256, r.seq, r.filled_at) for r in rows if r.sha256 or r.filled_at} != told:
        yield "Dokumen permohonan bukan yang dicatat riwayat."
    archived = [
        (e.body.get("document"), e.body.get("sha256"), e.body.get("signed_by", ""))
        for e in entries if e.kind == "archive"
    ]  # fmt: skip
    if Counter((r.id, r.pdf_sha256, r.signed_by) for r in rows if r.pdf_sha256 or r.signed_by) != Counter(archived):
        yield "PDF arsip permohonan bukan yang dicatat riwayat."


def _uploads(ctx: Context, case: Case, entries: Sequence[journal.Entry]) -> Iterator[str]:
    """Each upload that was sent lies with the case, and none that nobody sent (unless what was sent is destroyed)."""
    sent = {upload for e in entries if e.typed for upload in e.typed.files}
    rows = ctx.session.execute(
        select(Upload.id, Upload.case_id, Upload.sha256, Upload.size).where(
            (Upload.case_id == case.id) | Upload.id.in_(sent)
        )
    ).all()
    for row in rows:
        if row.case_id not in (case.id, case.previous_id) or row.case_id is None:
            yield f"Unggahan {row.id} bukan lagi milik permohonan ini."
        elif row.id in sent and files.size(ctx.settings.files, row.sha256) != row.size:
            yield f"Unggahan {row.id} tidak sebesar yang dicatat."
        elif row.id not in sent and not any(e.erased for e in entries):
            yield f"Unggahan {row.id} tidak pernah dikirim dengan permohonan ini."


def _destruction(ctx: Context, case: Case, entries: Sequence[journal.Entry]) -> Iterator[str]:
    """Of a case that was destroyed: two people decided it, nothing is left of it, and nothing happened to it since."""
    destroyed = next((e for e in entries if e.kind == "destroy"), None)
    if destroyed is None:
        return
    number = destroyed.body.get("list")
    told = ctx.session.execute(
        select(Destruction.proposed_by_id, Destruction.decided_by_id, Destruction.decided_at, DestructionCase.done_at)
        .join(DestructionCase, DestructionCase.destruction_id == Destruction.id)
        .where(Destruction.id == number, DestructionCase.case_id == case.id, Destruction.approved.is_(True))
    ).first()
    by, decided = (destroyed.body.get(name, {}).get("id") for name in ("proposed", "decided"))
    at = moment(destroyed.body.get("decided_at", 0))
    if by == decided or (tuple(told) if told else ()) != (by, decided, at, destroyed.at):
        yield "Permohonan ini dimusnahkan, tetapi bukan oleh dua orang menurut daftar yang disetujui."
    left = [
        ctx.session.scalar(select(func.count()).select_from(table).where(table.case_id == case.id))
        for table in (EventValues, Upload, Mention)
    ]
    named = [case.applicant_name, case.subject, case.unique_key, case.data]
    if any(left) or any(named) or case.search != case.number.lower():
        yield "Permohonan ini dimusnahkan, tetapi sebagian datanya masih ada."
    if entries[-1] is not destroyed:
        yield "Ada peristiwa sesudah permohonan ini dimusnahkan."


def _numbers(
    ctx: Context, case: Case, loaded: revisions.Loaded, entries: Sequence[journal.Entry], books: Books
) -> Iterator[str]:
    """Each number that an event gave stands in its book, for this case, at that moment, and is struck out where an
    event says so.
    """
    struck = {(e.body.get("register"), e.body.get("year"), e.body.get("number")) for e in entries if e.kind == "void"}
    for entry in entries:
        given = []
        if entry.kind == "start":
            pattern = loaded.definition.properties.get("nomor_permohonan", "")
            given.append((*registers.book(pattern), entry.body.get("number")))
        for line in registers.numberings(loaded.property_of(entry.step, "register")):
            if line.key in entry.body.get("numbers", {}):
                given.append((line.register, line.pattern, True, entry.body["numbers"][line.key]))
        for register, pattern, yearly, text in given:
            local = ctx.local(entry.at)
            year = local.year if yearly else 0
            number = registers.number_in(pattern, str(text))
            row, void = _entered(ctx, register, year, number, str(text), case.id)
            books[register, row.year if row else year] += 1
            if row is None or (row.text, row.case_id, row.given_at) != (text, case.id, entry.at):
                yield f"Nomor {text} tidak ada di register “{register}” seperti diberikan."
            elif void != (registers.key(row) in struck):
                yield f"Nomor {text} dibatalkan di register “{register}”, tidak menurut riwayat, atau sebaliknya."


def _entered(
    ctx: Context, register: str, year: int, number: int | None, text: str, case_id: int
) -> tuple[RegisterEntry | None, bool]:
    """The entry of a number that an event gave, and whether it is struck out. One set aside may be of another
    year, and a pattern may hide its number among other digits.
    """
    query = select(RegisterEntry, Void.number).outerjoin(Void, registers.same_number(Void))
    whole = (RegisterEntry.register == register, RegisterEntry.year == year, RegisterEntry.number == number)
    found = ctx.session.execute(query.where(*whole)).first() if number is not None else None
    if found is not None and found[0].text == text:
        return found[0], found[1] is not None
    other = registers.find(ctx, register, text, case_id)
    return other, other is not None and registers.is_void(ctx, register, text, case_id)
