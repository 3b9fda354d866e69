"""An office played day by day: its people, two workers as processes of their own, a real mail server, and its books.

Each hour of service somebody applies, mends, does what waits in their lane, sends back, withdraws, asks, takes
back. Officers fall ill and are deputised, a holiday is declared late, the mail server is down for half a day. Whatever
happens is drawn from a seed. `books` says what does not agree at the end, by reckonings that share no code with the
program's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, or_, select

from app import absences, audit, calendars, cases, clock, demo, drawn, journal, messages, people, revisions, worktime
from app.context import Context
from app.models import CalendarChange, Case, Deputy, Document, Membership, Message, Person, Schedule, Task
from tests import sops
from tests.conftest import PASSWORD, ROOT, Office, login
from tests.postbox import Postbox, serving

HOUR = timedelta(hours=1)
OPEN, SHUT = clock_time(8), clock_time(16)
APPLICANTS = ("pemohon", "pemohon2", "pemohon3", "pemohon4")
PATIENCE = 60.0  # seconds of a real clock in which the workers must come to rest


@dataclass
class Played:
    """One office under way. `at` is what time it is there."""

    office: Office
    seed: int
    folder: Path
    box: Postbox = field(default_factory=Postbox)
    abandoned: set[int] = field(default_factory=set)
    told: list[str] = field(default_factory=list)  # what happened, for whoever reads a failure

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.clock = self.folder / "jam"
        self.set(self.office.now)

    # -- time

    def set(self, moment: datetime) -> None:
        self.office.at(moment)
        fresh = self.clock.with_suffix(".baru")
        fresh.write_text(moment.isoformat())
        os.replace(fresh, self.clock)

    def local(self) -> datetime:
        return self.office.now.astimezone(self.office.settings.zone)

    def rest(self) -> None:
        """Waits until the workers have done all that is due."""
        until = time.monotonic() + PATIENCE
        while (left := self.left()) and time.monotonic() < until:
            time.sleep(0.03)
        assert not left, f"seed {self.seed}: the workers never came to rest at {self.local()}: {left}"

    def left(self) -> dict[str, int]:
        with self.office.look() as ctx:
            now = ctx.now
            version = select(func.coalesce(func.max(CalendarChange.id), 0)).scalar_subquery()
            reckoned = (Case.status == "open", Case.clock_at.is_not(None))
            queries = {
                "cases": select(func.count()).where(Case.next_due <= now),
                "messages": select(func.count()).where(Message.next_try <= now),
                "papers": select(func.count()).where(Document.filled_at.is_(None)),
                "calendar": select(func.count()).where(*reckoned, Case.calendar < version),
                "digests": select(func.count()).where(Schedule.next_at <= now),
            }
            found = {name: ctx.session.scalar(query) or 0 for name, query in queries.items()}
            return {name: count for name, count in found.items() if count}

    # -- people

    def hire(self) -> None:
        """Installs every SOP beside the one that runs, and fills their lanes; everybody can be written to."""
        with self.office.work() as ctx:
            for key in sops.KEYS:
                if revisions.in_force(ctx.session, key) is None:
                    revisions.install(ctx, sops.BUNDLES[key], "uji", "uji")
            known = {person.name for person in ctx.session.scalars(select(Person))}
            lanes = {lane.name for key in sops.KEYS for lane in self.definition(key).lanes} - self.outside()
            for lane in sorted(lanes):
                if login(lane) not in known:
                    people.new_person(ctx, login(lane), PASSWORD, full_name=f"Petugas {lane}", title=lane)
                    known.add(login(lane))
                people.grant(ctx, self.office.person(ctx, login(lane)), lane)
            for name in APPLICANTS:
                if name not in known:
                    people.new_person(ctx, name, PASSWORD, full_name=name.title(), applicant=True)
            for person in ctx.session.scalars(select(Person)):
                person.email = f"{person.name}@contoh.id"
                person.email_verified_at = ctx.now if person.applicant and person.name != APPLICANTS[-1] else None

    def definition(self, key: str) -> Any:
        return sops.definition(key)

    def outside(self) -> set[str]:
        return {name for key in sops.KEYS if (name := self.definition(key).applicant_lane)}

    # -- a day

    def day(self, day: date, arrivals: float) -> None:
        """From opening to closing; on a closed day only the night passes."""
        with self.office.look() as ctx:
            shut = calendars.current(ctx).shut(day) is not None
        self.set(datetime.combine(day, OPEN, self.office.settings.zone))
        self.rest()
        while not shut and self.local().time() < SHUT:
            self.hour(arrivals)
            self.set(self.office.now + HOUR)
            self.rest()
        self.set(datetime.combine(day, clock_time(23, 30), self.office.settings.zone))
        self.rest()

    def hour(self, arrivals: float) -> None:
        """Whoever comes, whatever waits in each lane, and one thing beside."""
        if self.random.random() < arrivals:
            self.try_to(self.apply)
        with self.office.look() as ctx:
            tasks = list(ctx.session.scalars(select(Task.id).where(Task.closed_at.is_(None)).order_by(Task.rank)))
        for task_id in tasks:
            self.set(self.office.now + timedelta(seconds=self.random.randint(1, 20)))
            self.try_to(self.work, task_id)
        self.try_to(self.something_else)

    def try_to(self, what: Any, *args: Any) -> None:
        """What an office refuses is no failure of the play."""
        try:
            with self.office.work() as ctx:
                what(ctx, *args)
        except cases.Refusal as refusal:
            self.told.append(f"{self.local():%d %H.%M} {what.__name__} {args}: {refusal.message}")

    def apply(self, ctx: Context) -> None:
        key = self.random.choice(sops.KEYS)
        definition = self.definition(key)
        if definition.applicant_lane is not None:
            opener = self.office.person(ctx, self.random.choice(APPLICANTS))
        else:
            start = next(start.lane for start in definition.starts if start.default)
            opener = self.there(ctx, start)[0]
        cases.open_case(ctx, people.actor(ctx.session, opener, ctx.now), key)

    def there(self, ctx: Context, lane: str) -> list[Person]:
        """Whoever holds a lane now."""
        return people.holders(ctx, [lane])

    def work(self, ctx: Context, task_id: int) -> None:
        task = ctx.session.get_one(Task, task_id)
        if task.closed_at is not None or task.case_id in self.abandoned:
            return
        if task.lane.applicant:
            if self.random.random() < 0.02:
                self.abandoned.add(task.case_id)
            chance = 0.15 if task.round > 1 else 0.5
            persons = [ctx.session.get_one(Person, task.case.applicant_id)]
        else:
            chance, persons = 0.4, self.there(ctx, task.lane.name)
        if self.random.random() > chance or not persons:
            return
        ways = cases.choices(ctx, task)
        back = [way for way in ways if way.returns and task.round < 3]
        onward = [way for way in ways if not way.returns]
        way = self.random.choice(back if back and self.random.random() < 0.25 else onward or ways) if ways else None
        person = self.random.choice(persons)
        demo.complete(ctx, person, task, seed=self.random.randrange(1000), choice=way)
        if self.random.random() < 0.04:
            cases.take_back(ctx, people.actor(ctx.session, person, ctx.now), task.case_id)

    def something_else(self, ctx: Context) -> None:
        """What happens beside the steps."""
        running = list(ctx.session.scalars(select(Case).where(Case.status == "open").order_by(Case.id)))
        if not running:
            return
        case = self.random.choice(running)
        applicant = ctx.session.get(Person, case.applicant_id) if case.applicant_id else None
        match self.random.randrange(12):
            case 0 if applicant is not None:
                actor = people.actor(ctx.session, applicant, ctx.now)
                cases.end(ctx, actor, case.id, "withdraw", "Tidak jadi.")
            case 1 | 2 if applicant is not None:
                actor = people.actor(ctx.session, applicant, ctx.now)
                cases.complaints.ask(ctx, actor, case.id, "pertanyaan", "Kapan selesai?")
            case 3:
                for lane in self.definition(case.sop).lanes:
                    for person in self.there(ctx, lane.name):
                        actor = people.actor(ctx.session, person, ctx.now)
                        for complaint, _case in cases.complaints.waiting(ctx, actor)[:1]:
                            cases.complaints.answer(ctx, actor, complaint.id, "Sedang diperiksa.")
                            return
            case 4:
                lane = self.random.choice([lane.name for lane in self.definition(case.sop).lanes])
                for person in self.there(ctx, lane)[:1]:
                    cases.note(ctx, people.actor(ctx.session, person, ctx.now), case.id, "Sudah ditelepon.")

    # -- what befalls an office

    def falls_ill(self, name: str, deputy: str, days: int) -> None:
        with self.office.work() as ctx:
            today = self.local().date()
            person, other = self.office.person(ctx, name), self.office.person(ctx, deputy)
            entered = absences.Entered(person, other, "plh", today, today + timedelta(days=days), "SPT 12/2026")
            absences.enter(ctx, self.office.person(ctx, "pemilik"), entered, understood=True)

    def declares(self, day: date, closed: bool) -> None:
        with self.office.work() as ctx:
            by = self.office.person(ctx, "pemilik")
            calendars.change(ctx, day, closed, "Keputusan mendadak", "SE Gubernur 5/2026", by)

    def pair(self) -> tuple[str, str]:
        """An officer and a colleague of another lane of the same SOP, whoever is there."""
        with self.office.look() as ctx:
            away = {row.person_id for row in ctx.session.scalars(select(Deputy).where(Deputy.until > ctx.now))}
            busy = {row.deputy_id for row in ctx.session.scalars(select(Deputy).where(Deputy.until > ctx.now))}
            lanes = [lane.name for lane in self.definition(sops.LARGEST).lanes]
            free = [p for lane in lanes for p in self.there(ctx, lane) if p.id not in away | busy]
            names = list(dict.fromkeys(p.name for p in free))
        first, second = self.random.sample(names, 2)
        return first, second


@contextmanager
def at_work(played: Played, port: int, number: int = 2) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes by the played clock, mailing to `port`."""
    settings = played.office.settings
    env = {
        **os.environ, "PYTHONPATH": str(ROOT), "ALUR_DATABASE_URL": settings.database_url,
        "ALUR_FILES": str(settings.files), "ALUR_SECRET_KEY": "rahasia-uji", "ALUR_SMTP": f"smtp://127.0.0.1:{port}",
        "ALUR_MAIL_FROM": "kantor@contoh.id", "ALUR_INSTANCE": str(played.folder),
    }  # fmt: skip
    log = (played.folder / "pekerja.log").open("ab")
    command = [sys.executable, "-m", "tests.at_work", str(played.clock)]
    workers = [subprocess.Popen(command, env=env, cwd=ROOT, stderr=log) for _ in range(number)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(20)
        log.close()


def play(office: Office, folder: Path, seed: int, days: int, arrivals: float) -> Played:
    """So many days from Monday on, and a week in which nobody applies and what can be done is done."""
    played = Played(office, seed, folder)
    first = played.local().date()
    played.set(datetime.combine(first, clock_time(1), office.settings.zone))
    played.hire()
    with serving(played.box) as server, at_work(played, server.port):
        for number in range(days):
            today = first + timedelta(days=number)
            if number % 7 == 1:
                played.falls_ill(*played.pair(), days=2)
            if number % 7 == 2:
                played.declares(today + timedelta(days=5), closed=True)  # a working day of next week
            if number % 7 == 3:
                played.declares(today + timedelta(days=2), closed=False)  # a Saturday
            outage = number % 7 == 3
            played.box.rcpt = ["451 Penuh"] * 200 if outage else []
            if number % 7 == 4:
                played.box.data = ["DROP", "250 OK", "DROP"]
            played.day(today, arrivals)
        played.box.rcpt = []
        for number in range(days, days + 7):
            played.day(first + timedelta(days=number), 0.0)
        played.set(office.now + messages.GRACE)
        played.rest()
    return played


# -- its books


def books(played: Played) -> list[str]:
    """All that does not agree."""
    with played.office.look() as ctx:
        wrong = [f"{proof.number}: {text}" for proof in audit.verify(ctx) for text in proof.all_findings]
        ctx.session.expunge_all()
        found = list(ctx.session.scalars(select(Case).order_by(Case.id)))
        for case in found:
            wrong += [f"{case.number}: {text}" for text in _due(ctx, case)]
            wrong += [f"{case.number}: {text}" for text in _waits(ctx, case)]
        return wrong + list(_mail(ctx, played)) + list(_expected(ctx, found))


def _mail(ctx: Context, played: Played) -> Iterator[str]:
    """Every message once: what was sent is what was taken, and a second copy bears the same Message-ID and says so."""
    rows = list(ctx.session.scalars(select(Message)))
    taken = played.box.ids
    for row in rows:
        copies = taken.pop(row.message_id, 0)
        state = messages.state(row)
        if state not in ("terkirim", "ditarik"):
            yield f"message {row.id} to {row.address} is {state}: {row.error}"
        elif state == "ditarik" and copies:
            yield f"message {row.id} was withdrawn and taken"
        elif state == "terkirim" and (copies < 1 or (copies > 1 and not row.unsure)):
            yield f"message {row.id} was taken {copies} times"
    yield from (f"nobody wrote {message_id}" for message_id in taken)
    keys = Counter(row.key for row in rows if row.key)
    yield from (f"{key} was told {times} times" for key, times in keys.items() if times > 1)


def _expected(ctx: Context, found: list[Case]) -> Iterator[str]:
    """Every message of a diagram, by the events that it is drawn at and whoever held the lane then."""
    for case in found:
        definition = revisions.load(ctx.session, case.revision_id).definition
        wanted: Counter[Any] = Counter()
        for entry in journal.entries(ctx, case.id):
            if entry.kind not in ("start", "complete", "timer"):
                continue
            path = journal.nodes(definition, entry.body.get("path", ()))
            told = drawn.texts_of(definition, entry.step, entry.choice, entry.body.get("ends", ()), path)
            for text in told:
                for address in _addresses(ctx, case, text.lane, entry.recorded_at):
                    wanted[entry.seq, text.template, address] += 1
        rows = ctx.session.scalars(select(Message).where(Message.case_id == case.id, Message.seq.is_not(None)))
        written = Counter((row.seq, row.template, row.address) for row in rows)
        if written != wanted:
            yield f"{case.number}: missing {wanted - written}, too many {written - wanted}"


def _addresses(ctx: Context, case: Case, lane: str | None, at: datetime) -> list[str]:
    if lane is None:
        person = ctx.session.get(Person, case.applicant_id) if case.applicant_id else None
        return [person.email or ""] if person and person.email_verified_at else []
    dated = (Membership.since <= at, or_(Membership.until.is_(None), Membership.until > at))
    held = set(ctx.session.scalars(select(Membership.person_id).where(Membership.lane == lane, *dated)))
    running = list(ctx.session.scalars(select(Deputy).where(Deputy.since <= at, Deputy.until > at)))
    away = {row.person_id for row in running}
    there = (held | {row.deputy_id for row in running if row.person_id in held}) - away
    return [ctx.session.get_one(Person, number).email or "" for number in there]


def _waits(ctx: Context, case: Case) -> Iterator[str]:
    """Every case ended, or waits on a named person, or for a time that is known."""
    if case.status != "open":
        return
    tasks = cases.open_tasks(ctx, case)
    for task in tasks:
        theirs = task.lane.applicant and case.applicant_id is not None
        if not theirs and not people.holders(ctx, [task.lane.name]):
            yield f"nobody holds {task.lane.name}"
    if not tasks and case.next_due is None:
        yield "waits for nothing"


@dataclass
class Count:
    """A case's own reckoning: H, the days that were given back, whether the clock stands."""

    began: date | None = None
    since: date | None = None
    days: int = 0


def _due(ctx: Context, case: Case) -> Iterator[str]:
    """When a case and its steps are due, counted day by day; that its limit passed is an event; and why, in words."""
    definition = revisions.load(ctx.session, case.revision_id).definition
    entries = journal.entries(ctx, case.id)
    until = case.ended_at or ctx.now
    closed = _closed(ctx, until)
    told = _reckoned(ctx, definition, entries, closed)
    if told.began is None:
        if case.due_at is not None:
            yield "is due before it began"
        return
    match = clock.length(definition)
    due = _nth(told.began, match[0] + told.days, closed) if match else None
    stored = ctx.local(case.due_at).date() if case.due_at else None
    if stored != due:
        yield f"is due on {stored}, counted {due}"
    if case.status == "open" and due and case.due_at and clock.explained(ctx, case, definition, entries)[-1:] == []:
        yield "does not say why it is due"
    for task in cases.open_tasks(ctx, case) if case.status == "open" else []:
        limit = clock.LIMIT.match(definition.steps[task.step].properties.get("batas", ""))
        step_due = _nth(told.began, int(limit[1] or 0) + told.days, closed) if limit else None
        if (ctx.local(task.due_at).date() if task.due_at else None) != step_due:
            yield f"{task.name} is due on {task.due_at}, counted {step_due}"
    breaches = [entry.at for entry in entries if entry.kind == "breach" and "token" not in entry.body]
    late = case.due_at is not None and case.due_at < until and told.since is None
    if late and case.due_at not in breaches:
        yield f"was late from {case.due_at} on, and that is no event"
    if len(set(breaches)) != len(breaches):
        yield "was late twice at the same moment"


def _reckoned(ctx: Context, definition: Any, entries: list[journal.Entry], closed: set[date]) -> Count:
    found, steps = Count(), dict[str, tuple[str, int]]()
    gone = {entry.body["of"] for entry in entries if entry.kind in ("take_back", "reopen")}
    for entry in entries:
        for token in entry.body.get("closed", [entry.body["token"]] if entry.kind == "complete" else []):
            steps.pop(token, None)
        steps |= {token: (step, round_) for token, step, round_ in entry.body.get("opened", [])}
        if entry.kind == "complete" and entry.seq not in gone:
            begins = definition.steps[entry.step].properties.get("jam") == "mulai"
            found.began = found.began or (ctx.local(entry.at).date() if begins else None)
        if found.began is None or entry.kind in ("note", "question", "answer", "document", "breach", "calendar"):
            continue
        today = ctx.local(entry.at).date()
        stands = bool(steps) and all(_pauses(definition, *one) for one in steps.values())
        if stands and found.since is None:
            found.since = today
        elif not stands and found.since is not None and not entry.body.get("ended"):  # what ended paused stays so
            found.days += sum(1 for day in _days(found.since, today) if day not in closed)
            found.since = None
    return found


def _pauses(definition: Any, step: str, round_: int) -> bool:
    drawn = definition.steps[step]
    word = drawn.properties.get("jam")
    return word == "jeda" or (round_ > 1 and drawn.lane == definition.applicant_lane and word != "jalan")


def _days(after: date, until: date) -> Iterator[date]:
    while after < until:
        after += timedelta(days=1)
        yield after


def _nth(after: date, n: int, closed: set[date]) -> date:
    if n == 0:
        return after
    for day in _days(after, after + timedelta(days=400)):
        n -= day not in closed
        if n == 0:
            return day
    raise AssertionError(f"{n} days after {after} there is none")


def _closed(ctx: Context, until: datetime) -> set[date]:
    """Every day of these two years on which the office is shut, by what was known then."""
    year = ctx.local().year
    days = list(_days(date(year - 1, 12, 31), date(year + 1, 12, 31)))
    shut = {day for day in days if day.weekday() > 4 or day in worktime.national(day.year)}
    for change in ctx.session.scalars(
        select(CalendarChange).where(CalendarChange.at <= until).order_by(CalendarChange.id)
    ):
        shut = shut | {change.day} if change.closed else shut - {change.day}
    return shut
