"""What happens by itself: timers and limits that fall due, dates that a calendar moved, papers left over, their
PDF, messages.

Any number of these may run, on any machine.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, sessionmaker

from app import (
    archive,
    calendars,
    cases,
    daily,
    database,
    digest,
    documents,
    messages,
    outages,
    papers,
    post,
    reminders,
    retention,
)
from app.config import Settings
from app.context import Context
from app.models import EPOCH, Case

PAUSE = 2.0  # seconds between two looks when nothing is due
BATCH, FEW = 50, 5  # of what is done at once, and of what takes a second each
Sessions = sessionmaker[Session]
log = logging.getLogger("alur.worker")


def run(
    settings: Settings,
    reading: Sessions,
    writing: Sessions,
    stop: threading.Event | None = None,
) -> None:
    """Works until it is told to stop (SIGTERM, SIGINT or `stop`)."""
    stop = stop or _stopped_by_signals()
    slow = [
        threading.Thread(target=_keep_on, args=(settings, reading, writing, stop, jobs), daemon=True)
        for jobs in (MAIL, ARCHIVE)
    ]
    for thread in slow:
        thread.start()  # beside the rest: a mail server or an office suite that takes its time keeps no timer waiting
    _keep_on(settings, reading, writing, stop, [(partial(_due_cases, begun=settings.now()), fire_case), *HOUSE[1:]])
    for thread in slow:
        thread.join(post.DEADLINE)  # what is half sent is finished, or it would be sent again


def _keep_on(
    settings: Settings, reading: Sessions, writing: Sessions, stop: threading.Event, jobs: Sequence[Job]
) -> None:
    while not stop.is_set():
        try:
            done = once(settings, reading, writing, stop.is_set, jobs)
        except Exception:  # the database went away: it may come back
            log.exception("looking for what is due")
            done = 0
        if not done:
            stop.wait(PAUSE)


def once(
    settings: Settings,
    reading: Sessions,
    writing: Sessions,
    stopped: Callable[[], bool] = lambda: False,
    jobs: Sequence[Job] | None = None,
) -> int:
    """Does what is due now; how much that was. Each case, paper and message is a transaction of its own."""
    done = 0
    for look, work in jobs or (*HOUSE, *MAIL, *ARCHIVE):
        for item in look(settings, reading):
            if stopped():
                return done
            try:
                done += work(settings, reading, writing, item)
            except cases.Refusal as refusal:
                log.error("%s %s: %s", work.__name__, item, refusal.message)
            except Exception:  # one broken case must not keep the others waiting
                log.exception("%s %s", work.__name__, item)
    return done


def _due_cases(settings: Settings, reading: Sessions, begun: datetime | None = None) -> Iterator[int]:
    """Every case with something due, by the batch, oldest first: one that stays due, being broken, is met once.

    What fell due since an outage began waits for the paper, and for a while what did before this worker had `begun`:
    after a power cut somebody must first be able to say that there was one.
    """
    now, last = settings.now(), (EPOCH, 0)
    with reading() as session:
        held = outages.held_from(Context(session, now, settings))
    until = [Case.next_due <= now, *([Case.next_due < held] if held else [])]
    if begun is not None and now < begun + timedelta(minutes=settings.patience):
        until.append(Case.next_due >= begun)
    while True:
        with reading() as session:
            due = (
                select(Case.next_due, Case.id)
                .where(*until, Case.next_due >= last[0])
                .where(or_(Case.next_due > last[0], Case.id > last[1]))
                .order_by(Case.next_due, Case.id)
                .limit(BATCH)
            )
            found = session.execute(due).all()
        for moment, case_id in found:
            last = (moment or EPOCH, case_id)
            yield case_id
        if len(found) < BATCH:
            return


def _stale_cases(settings: Settings, reading: Sessions) -> Iterator[int]:
    """Every open case whose dates were reckoned by an older calendar, by the batch; one that is broken is met once."""
    last = (-2, 0)
    while True:
        with reading() as session:
            found = calendars.stale(Context(session, settings.now(), settings), last, BATCH)
        for last in found:
            yield last[1]
        if len(found) < BATCH:
            return


def _due_papers(settings: Settings, reading: Sessions) -> list[int]:
    with reading() as session:
        return papers.waiting(Context(session, settings.now(), settings), BATCH)


def fire_case(settings: Settings, _reading: Sessions, writing: Sessions, case_id: int) -> int:
    """Fires what is due in one case, or puts away what has ended; none where somebody else has it under way."""
    with writing.begin() as session:
        ctx = Context(session, settings.now(), settings)
        case = cases.locked(ctx, case_id, skip=True)
        if case is None or case.next_due is None or case.next_due > ctx.now:
            return 0
        if case.status != "open":
            return cases.put_away(ctx, case)
        return 0 if outages.holds(ctx, case) else cases.fire_due(ctx, case)


def reckon_case(settings: Settings, _reading: Sessions, writing: Sessions, case_id: int) -> int:
    """Reckons one case's dates anew, after what was due; none where somebody else has it under way."""
    with writing.begin() as session:
        ctx = Context(session, settings.now(), settings)
        case = cases.locked(ctx, case_id, skip=True)
        return cases.fire_due(ctx, case) + cases.reckon(ctx, case) if case and not outages.holds(ctx, case) else 0


def fill_paper(settings: Settings, reading: Sessions, writing: Sessions, paper: int) -> int:
    """Fills one paper without holding up who writes meanwhile; 0 where it was filled already or failed."""
    try:
        with reading() as session:
            filled = papers.made(Context(session, settings.now(), settings), paper)
    except Exception:
        with writing.begin() as session:  # it counts as tried, so that it does not stand before others for ever
            papers.keep(Context(session, settings.now(), settings), paper, papers.Filled(b"", papers.BROKEN))
        raise
    if filled is None:
        return 0
    with writing.begin() as session:
        return int(papers.keep(Context(session, settings.now(), settings), paper, filled))


def _due_destructions(settings: Settings, reading: Sessions) -> list[int]:
    with reading() as session:
        return retention.pending(Context(session, settings.now(), settings), BATCH)


def destroy_case(settings: Settings, _reading: Sessions, writing: Sessions, case_id: int) -> int:
    """Destroys one case whose retention is over, and at once its files."""
    try:
        with writing.begin() as session:
            done = retention.destroy(Context(session, settings.now(), settings), case_id)
    except Exception:
        with writing.begin() as session:  # it is left as it is, so that it does not stand before others for ever
            retention.destroy(Context(session, settings.now(), settings), case_id, broken=True)
        raise
    if done:
        remove_files(settings, _reading, writing, case_id)
    return done


def _left_files(settings: Settings, reading: Sessions) -> list[int]:
    with reading() as session:
        return retention.unremoved(Context(session, settings.now(), settings), BATCH)


def remove_files(settings: Settings, _reading: Sessions, writing: Sessions, case_id: int) -> int:
    """Takes the files of a destroyed case from the store."""
    with writing.begin() as session:
        return retention.remove_files(Context(session, settings.now(), settings), case_id)


def _done_lists(settings: Settings, reading: Sessions) -> list[int]:
    with reading() as session:
        return retention.finished(Context(session, settings.now(), settings))


def finish_list(settings: Settings, reading: Sessions, writing: Sessions, number: int) -> int:
    """Writes the certificate of a list that is done, and has the database give up the bytes of before."""
    with reading() as session:
        content = retention.certificate(Context(session, settings.now(), settings), number)
    with writing.begin() as session:
        done = retention.finish(Context(session, settings.now(), settings), number, content)
    if done:
        with reading() as session:
            database.settle(session, retention.TOUCHED)
    return int(done)


def _due_digests(settings: Settings, reading: Sessions) -> Iterator[int]:
    """Whoever is to get a digest, and at the end 0: all have theirs."""
    with reading() as session:
        ctx = Context(session, settings.now(), settings)
        found = [*digest.readers(ctx), 0] if daily.due(ctx, digest.NAME) else []
    yield from found


def write_digest(settings: Settings, reading: Sessions, writing: Sessions, person: int) -> int:
    """Writes one person's digest, once a day, without holding up who writes meanwhile."""
    with reading() as session:
        said = digest.of(Context(session, settings.now(), settings), person) if person else None
    if person and said is None:
        return 0
    with writing.begin() as session:
        ctx = Context(session, settings.now(), settings)
        if said is None:
            daily.move_on(ctx, digest.NAME)
        else:
            digest.tell(ctx, person, said)
    return int(said is not None)


def _due_reminders(settings: Settings, reading: Sessions) -> Iterator[int]:
    """Papers that end soon, and at the end 0: every holder was told."""
    with reading() as session:
        ctx = Context(session, settings.now(), settings)
        found = [*reminders.due(ctx), 0] if daily.due(ctx, reminders.NAME) else []
    yield from found


def write_reminder(settings: Settings, _reading: Sessions, writing: Sessions, document: int) -> int:
    """Writes the reminder of one paper, once for each bound."""
    with writing.begin() as session:
        ctx = Context(session, settings.now(), settings)
        if document:
            return int(reminders.tell(ctx, document))
        daily.move_on(ctx, reminders.NAME)
        return 0


def _due_messages(settings: Settings, reading: Sessions) -> list[int]:
    with reading() as session:
        return messages.due(Context(session, settings.now(), settings), BATCH)


def send_message(settings: Settings, reading: Sessions, writing: Sessions, message: int) -> int:
    """Sends one message, outside of any transaction; 0 where somebody else has it, or it did not go out."""
    with writing.begin() as session:
        if not messages.claim(Context(session, settings.now(), settings), message):
            return 0
    letter: post.Letter | None = None
    trouble: post.Trouble | None = None
    try:
        with reading() as session:
            letter = messages.composed(Context(session, settings.now(), settings), message)
        channel = post.channels(settings).get(letter.channel)
        if channel is None:
            raise post.Failed("Gerbang pesan tidak lagi diatur di sini.")
        channel.send(letter)
    except documents.DocumentError as error:
        trouble = post.Refused(str(error))
    except post.Trouble as error:
        trouble = error
    except Exception:
        log.exception("send_message %s", message)
        trouble = post.Failed("Pesan ini tidak dapat disiapkan; catatan sistem memuat sebabnya.")
    with writing.begin() as session:
        return int(messages.settle(Context(session, settings.now(), settings), message, letter, trouble))


def _due_archive(settings: Settings, reading: Sessions) -> list[int]:
    with reading() as session:
        ctx = Context(session, settings.now(), settings)
        archive.tidy(ctx)
        return archive.waiting(ctx, FEW)


def archive_paper(settings: Settings, reading: Sessions, writing: Sessions, paper: int) -> int:
    """Makes one paper's PDF, outside of any transaction; 0 where somebody else has it, or it failed."""
    with writing.begin() as session:
        if not archive.claim(Context(session, settings.now(), settings), paper):
            return 0
    try:
        with reading() as session:
            wanted = archive.wanted(Context(session, settings.now(), settings), paper)
        made = archive.made(settings, wanted)
    except Exception:
        log.exception("archive_paper %s", paper)
        made = archive.Made(b"", error=archive.BROKEN)
    with writing.begin() as session:
        return int(archive.keep(Context(session, settings.now(), settings), paper, made))


# What there is to do, and how it is done: each look asks one index, so that what it does not find costs nothing.
Look = Callable[[Settings, Sessions], Iterable[int]]
Work = Callable[[Settings, Sessions, Sessions, int], int]
Job = tuple[Look, Work]
HOUSE: Sequence[Job] = (
    (_due_cases, fire_case),
    (_stale_cases, reckon_case),
    (_due_papers, fill_paper),
    (_due_destructions, destroy_case),
    (_left_files, remove_files),
    (_done_lists, finish_list),
)
ARCHIVE: Sequence[Job] = ((_due_archive, archive_paper),)
MAIL: Sequence[Job] = (
    (_due_digests, write_digest),
    (_due_reminders, write_reminder),
    (_due_messages, send_message),
)


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
