"""What is told to whom: the outbox. A message is written with what it tells of, and sent by the worker, once.

One row for each person and channel. Whoever sends it claims it first, in a transaction of its own: a lease, after which
another may try. One that was claimed and never settled may have been sent; it is tried again under the same Message-ID,
and is marked as unsure.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import undefer

from app import database, documents, drawn, journal, papers, people, post, revisions, wording
from app.context import Context
from app.models import Case, Lane, Message, Person, Proxy, Task
from app.post import MAIL, PHONE

TEXTS = Path(__file__).parent / "texts"
GRACE = timedelta(minutes=2)  # in which what was completed can be taken back before anybody is told of it
LEASE = timedelta(minutes=10)  # longer than any sending takes
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=6)  # between two tries
TRIES = 20  # about three days
SENDING = "Sedang dikirim."
WITHDRAWN = "Ditarik sebelum dikirim."


# -- written


def tell(
    ctx: Context,
    case: Case,
    seq: int,
    wanted: Sequence[drawn.Text],
    inputs: Mapping[str, Any],
    *,
    on_paper: datetime | None = None,
    ending: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """Writes what the SOP tells of event `seq` to whom it can reach, with `inputs` as `papers.frozen` gives them.

    `on_paper` is when it was done, of what was entered only afterwards. Of a reminder `ending` is the paper that ends,
    as its text reads it; with a `key` each of them is told once.
    """
    reached = [
        (text.template, person.id, channel, address)
        for text in wanted
        for person in (outside(ctx, case) if text.lane is None else people.holders(ctx, [text.lane]))
        for channel, address in ways(ctx, person)
    ]
    if not reached:
        return
    inputs = {**inputs, "tautan": link(ctx, case)}
    if on_paper is not None:
        inputs["kertas"] = [ctx.local(at).isoformat(timespec="minutes") for at in (on_paper, ctx.recorded_at)]
    if ending is not None:
        inputs["surat"] = ending
    rows = []
    for template, person_id, channel, address in reached:
        row = _row(ctx, channel, address, template, inputs, ctx.recorded_at + GRACE)
        own = f"{key}:{person_id}" if key and person_id != reached[0][1] else key  # of the others, as a proxy
        rows.append({**row, "person_id": person_id, "case_id": case.id, "seq": seq, "key": _unique(own, channel)})
    _write(ctx, rows)


def notify(
    ctx: Context,
    person: Person,
    template: str,
    inputs: Mapping[str, Any],
    *,
    case: Case | None = None,
    key: str | None = None,
    address: str | None = None,
) -> None:
    """Tells a person what the office's own text `template` (of `app/texts/`) says of `inputs`, JSON values.

    It goes to `address`, else to the person's own once that is verified; staff's need not be. With a `key` it is told
    once, however often this is called. Nobody to reach: nothing happens. Beside `inputs` the text may read `nama`,
    `dasar` (where the office is reached, without the last slash) and, of a case, `tautan`.
    """
    told = {"nama": person.full_name, "dasar": ctx.settings.url, **inputs}
    if case is not None:
        told.setdefault("tautan", link(ctx, case))
    rows = []
    for channel, reached in [(MAIL, address)] if address else ways(ctx, person):
        row = _row(ctx, channel, reached, f"{template.removesuffix('.txt')}.txt", told, ctx.recorded_at)
        about = {"person_id": person.id, "case_id": case.id if case else None}
        rows.append({**row, **about, "key": _unique(key, channel)})
    _write(ctx, rows)


def escalate(ctx: Context, case: Case, seq: int, steps: Iterable[str] = ()) -> None:
    """Tells the lanes above those of `steps`, or of every open step, that event `seq` found a limit passed.

    To be called in the transaction of that event; calling it again tells nothing more.
    """
    definition = revisions.load(ctx.session, case.revision_id).definition
    steps = list(steps)
    late = select(Task).join(Task.lane).where(Task.case_id == case.id, Task.closed_at.is_(None), ~Lane.applicant)
    for task in ctx.session.scalars(late.order_by(Task.id)).unique():
        above = drawn.superior(definition, task.lane.name)
        if not above or (steps and task.step not in steps):
            continue
        due = task.due_at if steps else case.due_at
        inputs = {
            "nomor": case.number,
            "layanan": definition.title,
            "pemohon": case.applicant_name,
            "langkah": task.name,
            "lajur": task.lane.name,
            "petugas": task.assignee.full_name if task.assignee else "",
            "batas": ctx.local(due).isoformat(timespec="minutes") if due else None,
            "seluruhnya": not steps,
        }
        for person in people.holders(ctx, [above]):
            notify(
                ctx, person, "batas-terlampaui", inputs, case=case, key=f"batas:{case.id}:{seq}:{task.id}:{person.id}"
            )


def link(ctx: Context, case: Case) -> str:
    """Where a case can be seen, from outside."""
    return f"{ctx.settings.url}/permohonan/{case.id}"


def ways(ctx: Context, person: Person) -> list[tuple[str, str]]:
    """On which channels, and at which address, a person can be told something."""
    found = [(MAIL, mail)] if (mail := reached_at(person)) else []
    return [*found, (PHONE, person.phone)] if ctx.settings.webhook and person.phone else found


def reached_at(person: Person) -> str | None:
    """Where mail reaches a person: an applicant's address once it is verified, staff's as it was entered."""
    return person.email if person.email_verified_at is not None or not person.applicant else None


def outside(ctx: Context, case: Case) -> list[Person]:
    """Whom an applicant's messages reach: the applicant, and whoever holds their power of attorney now."""
    if case.applicant_id is None:
        return []
    proxies = select(Proxy.proxy_id).where(
        Proxy.principal_id == case.applicant_id,
        Proxy.sop.in_(("", case.sop)),
        Proxy.since <= ctx.now,
        Proxy.until > ctx.now,
    )
    there = or_(Person.id == case.applicant_id, Person.id.in_(proxies))
    query = select(Person).where(Person.active, there).order_by(Person.id != case.applicant_id, Person.id)
    return list(ctx.session.scalars(query))


def _row(
    ctx: Context, channel: str, address: str, template: str, inputs: Mapping[str, Any], next_try: datetime
) -> dict[str, Any]:
    return {
        "channel": channel,
        "address": address,
        "template": template,
        "inputs": inputs,
        "message_id": f"<{secrets.token_hex(16)}@{ctx.settings.mail_from.rpartition('@')[2][:80]}>",
        "created_at": ctx.recorded_at,
        "next_try": next_try,
        "attempts": 0,
        "unsure": False,
        "subject": "",
        "text": "",
        "error": "",
    }


def _unique(key: str | None, channel: str) -> str | None:
    """A key of one channel's own: what is mailed and what is sent to a telephone are two messages."""
    return f"{key}:{channel}" if key and channel != MAIL else key


def _write(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes messages, but none whose key is there already."""
    for row in rows:
        ctx.session.connection().execute(database.insert(ctx.session, Message).values(row).on_conflict_do_nothing())


# -- sent


def due(ctx: Context, limit: int) -> list[int]:
    """Messages that may be tried now, those first that have waited longest."""
    query = select(Message.id).where(Message.next_try <= ctx.now).order_by(Message.next_try, Message.id)
    return list(ctx.session.scalars(query.limit(limit)))


def claim(ctx: Context, message_id: int) -> bool:
    """Takes a message to be sent, for as long as a lease; False where somebody else has it, or it is over."""
    message = ctx.session.scalar(
        select(Message)
        .where(Message.id == message_id, Message.next_try <= ctx.now)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if message is None:
        return False
    message.unsure = message.unsure or message.error == SENDING
    message.attempts += 1
    message.next_try, message.error = ctx.now + LEASE, SENDING
    return True


def composed(ctx: Context, message_id: int) -> post.Letter:
    """A message as it is to be sent: the same at each try. Raises documents.DocumentError."""
    message = ctx.session.scalars(
        select(Message).where(Message.id == message_id).options(undefer(Message.inputs), undefer(Message.text))
    ).one()
    subject, text = message.subject, message.text
    if message.inputs is not None:
        subject, text = documents.text(*_source(ctx, message))
        text += _late(message.inputs.get("kertas"))
    person = ctx.session.get(Person, message.person_id) if message.person_id else None
    name = person.full_name if person else ""
    at = ctx.local(message.created_at)
    return post.Letter(message.channel, message.address, name, subject, text, message.message_id, at)


def _late(paper: Sequence[str] | None) -> str:
    """What a message adds that tells of something done on paper: when that was, and that it was entered only then."""
    if not paper:
        return ""
    (day, hour), (since, at) = ((wording.tanggal_hari(moment), wording.jam(moment)) for moment in paper)
    return (
        f"\n\nCatatan: langkah ini dikerjakan di atas kertas pada {day} pukul {hour}, ketika sistem kami terganggu, "
        f"dan baru dicatat pada {since} pukul {at}. Yang berlaku adalah waktu di kertas.\n"
    )


def _source(ctx: Context, message: Message) -> tuple[bytes, Mapping[str, Any]]:
    """The text that a message is made of, and what it may say."""
    if message.seq is None or message.case_id is None:
        return (TEXTS / message.template).read_bytes(), message.inputs
    case = ctx.session.get_one(Case, message.case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    entries = [entry for entry in journal.entries(ctx, case.id) if entry.seq <= message.seq]
    template = revisions.template(ctx.session, case.revision_id, message.template, "texts")
    beside = {name: message.inputs[name] for name in ("tautan", "surat") if name in message.inputs}
    return template, {**papers.context(ctx, loaded, entries, message.inputs), **beside}


def settle(ctx: Context, message_id: int, letter: post.Letter | None, trouble: post.Trouble | None) -> bool:
    """Records what became of a try: `letter` as it was composed, `trouble` where it was not surely sent.

    What belongs to no case, and may hold a link that opens an account, is not kept once it has been sent.
    """
    message = ctx.session.scalars(
        select(Message).where(Message.id == message_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if not message.address:  # its case was destroyed meanwhile
        return False
    if message.sent_at is not None:  # a try that took longer than its lease: another one was quicker
        return False
    if letter is not None:
        message.subject, message.text, message.inputs = letter.subject, letter.text, None
    if trouble is None:
        message.sent_at, message.next_try, message.error = ctx.now, None, ""
        if message.case_id is None:
            message.text = ""
        return True
    message.unsure = message.unsure or isinstance(trouble, post.Unsure)
    if isinstance(trouble, post.Refused) or message.attempts >= TRIES:
        message.next_try = None
    else:
        message.next_try = ctx.now + min(LONGEST, FIRST * 2 ** min(message.attempts - 1, 20))
    message.error = str(trouble)[:300]
    return False


# -- looked after


def withdraw(ctx: Context, case_id: int, seqs: Sequence[int]) -> bool:
    """Sends nothing more of what tells of these events; whether some of it has gone out, or may have."""
    of_them = (Message.case_id == case_id, Message.seq.in_(seqs))
    free = (*of_them, Message.next_try.is_not(None), Message.error != SENDING)
    ctx.session.execute(update(Message).where(*free).values(next_try=None, error=WITHDRAWN, inputs=None))
    out = or_(Message.sent_at.is_not(None), Message.unsure, Message.error == SENDING)
    return ctx.session.scalar(select(Message.id).where(*of_them, out).limit(1)) is not None


def again(ctx: Context, message_id: int) -> bool:
    """An administrator has a message tried anew, at once; False where it was sent or is being sent."""
    message = _open(ctx, message_id)
    if message is None or message.error == WITHDRAWN:
        return False
    message.attempts, message.next_try, message.error = 0, ctx.now, ""
    return True


def cancel(ctx: Context, message_id: int) -> bool:
    """An administrator keeps a message from being sent; False where it was sent, is being sent or was over."""
    message = _open(ctx, message_id)
    if message is None or message.next_try is None:
        return False
    message.next_try, message.error, message.inputs = None, WITHDRAWN, None
    if message.case_id is None:
        message.text = ""
    return True


def _open(ctx: Context, message_id: int) -> Message | None:
    query = select(Message).where(Message.id == message_id, Message.sent_at.is_(None), Message.error != SENDING)
    return ctx.session.scalar(query.with_for_update().execution_options(populate_existing=True))


def of_case(ctx: Context, case_id: int, person_id: int | None = None) -> list[Message]:
    """A case's messages with their texts, in order; of one person only where that is given."""
    query = select(Message).where(Message.case_id == case_id).options(undefer(Message.text)).order_by(Message.id)
    return list(ctx.session.scalars(query if person_id is None else query.where(Message.person_id == person_id)))


def unheard(ctx: Context, case: Case) -> bool:
    """Whether its SOP tells the applicant things that reach nobody: no address of theirs is verified."""
    there = outside(ctx, case)
    if not there or any(ways(ctx, person) for person in there):
        return False
    definition = revisions.load(ctx.session, case.revision_id).definition
    return any(text.lane is None for place in definition.tells.values() for text in drawn.texts(definition, place))


STATES = ("menunggu", "tidak-pasti", "gagal", "terkirim", "ditarik")


def state(message: Message) -> str:
    """Where a message stands, one of STATES. `tidak-pasti` waits as well, after a try that may have reached its end."""
    if message.sent_at is not None:
        return "terkirim"
    if message.next_try is not None:
        return "tidak-pasti" if message.unsure else "menunggu"
    return "ditarik" if message.error == WITHDRAWN else "gagal"


def in_state(ctx: Context, wanted: str, before: int | None, limit: int) -> list[Message]:
    """The messages in a state (all where it is none), the latest first, older than `before`."""
    waits = Message.next_try.is_not(None)
    conditions = {
        "menunggu": (waits, ~Message.unsure),
        "tidak-pasti": (waits, Message.unsure),
        "gagal": (Message.next_try.is_(None), Message.sent_at.is_(None), Message.error != WITHDRAWN),
        "terkirim": (Message.sent_at.is_not(None),),
        "ditarik": (Message.next_try.is_(None), Message.error == WITHDRAWN),
    }
    query = select(Message).where(*conditions.get(wanted, ())).order_by(Message.id.desc()).limit(limit)
    return list(ctx.session.scalars(query.where(Message.id < before) if before else query))
