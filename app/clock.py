"""The clock of a case: when it and its steps are due, when it stands still, and which rules moved its dates.

H is the day of the receipt. While every open step waits for the applicant to mend what was sent back, the clock stands,
and each working day of that is given back. A case that was over stood still until it was reopened.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from app import calendars, journal, wording, worktime
from app.context import Context
from app.engine import Outcome
from app.engine.definition import Definition, Step
from app.models import Case, instant, moment

LIMIT = re.compile(r"^\s*H\s*\+?\s*(\d{1,3})?\s*$", re.IGNORECASE)
LENGTH = re.compile(r"^\s*(\d{1,3})\s*(?:hari\s*)?(kerja|kalender)?\s*$", re.IGNORECASE)
BEGINS, PAUSES, RUNS = "mulai", "jeda", "jalan"  # what a step's `jam` says
TELLS = frozenset({*journal.MOVES, "calendar"})  # events that may tell of a new due date, as `due` and `pause_days`


class Pass(Protocol):
    """The part of an open step, or of a task, that a clock needs."""

    @property
    def step(self) -> str: ...
    @property
    def round(self) -> int: ...


class Open(Protocol):
    """The part of an open task that its limit needs."""

    @property
    def token(self) -> str: ...
    @property
    def opened_at(self) -> datetime: ...
    @property
    def due_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Pause:
    """A stretch during which the clock stood; `until` is None while it does. Without steps the case was over."""

    since: datetime
    until: datetime | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Reckoned:
    """What one event makes of a case's time: columns of its row, what the event says of it, and due dates by step.

    `moved` where the due dates of steps that were open before have changed as well.
    """

    changes: dict[str, Any]
    told: dict[str, Any]
    dues: Mapping[str, datetime | None]
    moved: bool = False


# -- what is drawn ----------------------------------------------------------------------------------------------------


def begins(definition: Definition, step: str) -> bool:
    """Whether completing a step starts the clock."""
    return step in definition.steps and definition.steps[step].properties.get("jam") == BEGINS


def pauses_at(definition: Definition, open_now: Pass) -> bool:
    """Whether a pass of a step lets the clock stand: it was sent back to the applicant, or the SOP says so."""
    step = definition.steps[open_now.step]
    word = step.properties.get("jam")
    sent_back = open_now.round > 1 and step.lane == definition.applicant_lane
    return word == PAUSES or (sent_back and word != RUNS)


def stands(definition: Definition, open_now: Collection[Pass]) -> bool:
    """Whether the clock stands while these steps are open: it does where each of them lets it."""
    return bool(open_now) and all(pauses_at(definition, one) for one in open_now)


def length(definition: Definition) -> tuple[int, str] | None:
    """The legal limit of a case (`jangka_waktu`, as `7 kerja`): how many days, and of which kind."""
    match = LENGTH.match(definition.properties.get("jangka_waktu", ""))
    return (int(match[1]), (match[2] or "kerja").lower()) if match else None


def hours(definition: Definition) -> worktime.Hours:
    """The SOP's service hours (`jam_layanan`), the usual ones where it tells none that can be read."""
    try:
        return worktime.read_hours(definition.properties.get("jam_layanan", ""))
    except ValueError:
        return worktime.HOURS


# -- when something is due --------------------------------------------------------------------------------------------


def case_due(
    ctx: Context, definition: Definition, received: datetime, calendar: worktime.Calendar, paused: int = 0
) -> datetime | None:
    """When a case is due whose receipt was issued at `received`, with `paused` days given back.

    None where its SOP tells no limit, or the calendar leaves no working day.
    """
    told = length(definition)
    return closing_after(ctx, definition, received, told[0] + paused, told[1], calendar) if told else None


def step_due(
    ctx: Context,
    definition: Definition,
    step: Step,
    received: datetime | None,
    calendar: worktime.Calendar,
    paused: int = 0,
) -> datetime | None:
    """When a step is due (`batas`, as `H+2`): closing time of that working day; None before the clock starts."""
    match = LIMIT.match(step.properties.get("batas", ""))
    if not match or received is None:
        return None
    return closing_after(ctx, definition, received, int(match[1] or 0) + paused, "kerja", calendar)


def closing_after(
    ctx: Context, definition: Definition, received: datetime, days: int, unit: str, calendar: worktime.Calendar
) -> datetime | None:
    """Closing time of the day that lies so many days after a moment; None where the calendar leaves no such day."""
    try:
        day, _rules = worktime.due_date(ctx.local(received).date(), days, unit, calendar)
    except (worktime.NoWorkingDay, OverflowError):
        return None
    return worktime.closing(day, ctx.settings.zone, hours(definition))


def next_due(
    timer: datetime | None, due_at: datetime | None, breached_at: datetime | None, limits: Iterable[datetime]
) -> datetime | None:
    """When the next thing happens by itself: a timer, the case's limit unless it has passed, a step's."""
    own = due_at if breached_at is None else None
    return min((at for at in (timer, own, *limits) if at is not None), default=None)


# -- the clock that stands still --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pass:
    step: str
    round: int


class Standing:
    """When the clock of a case stood, as its events are read one after the other.

    `past` are the pauses that are over, `now` the one that goes on: an end is one, until the case is reopened.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.past: list[Pause] = []
        self.now: Pause | None = None
        self.over = False
        self.began: datetime | None = None
        self.began_by = 0  # the event, which may be taken back
        self._open: dict[str, _Pass] = {}

    def read(self, entry: journal.Entry) -> None:
        """Takes the next event."""
        for token in entry.closed:
            self._open.pop(token, None)
        for token, step, round_ in entry.body.get("opened", ()):
            self._open[token] = _Pass(step, round_)
        if entry.kind not in journal.MOVES:
            return
        self.over = bool(entry.body.get("ended"))
        if self.began is None and entry.kind == "complete" and begins(self.definition, entry.step):
            self.began, self.began_by = entry.at, entry.seq
        elif entry.kind in journal.UNDOING and entry.body.get("of") == self.began_by:
            self.began, self.now, self.past = None, None, []
        still = self.began is not None and (self.over or stands(self.definition, self._open.values()))
        if still and self.now is None:
            steps = () if self.over else tuple(dict.fromkeys(one.step for one in self._open.values()))
            self.now = Pause(entry.at, None, steps)
        elif self.now is not None and not still:
            self.past.append(Pause(self.now.since, entry.at, self.now.steps))
            self.now = None

    @property
    def paused_at(self) -> datetime | None:
        """Since when the clock of an open case stands."""
        return self.now.since if self.now and not self.over else None


def stood(definition: Definition, entries: Iterable[journal.Entry]) -> Standing:
    """When the clock stood, by all events of a case."""
    standing = Standing(definition)
    for entry in entries:
        standing.read(entry)
    return standing


def pauses(definition: Definition, entries: Iterable[journal.Entry]) -> list[Pause]:
    """Every pause of a case, from its journal; the last of an open case may still go on."""
    found = stood(definition, entries)
    return found.past if found.now is None or found.over else [*found.past, found.now]


def granted(
    ctx: Context, found: Iterable[Pause], unit: str, calendar: worktime.Calendar, until: datetime | None = None
) -> int:
    """The days that pauses give back; one that goes on is counted up to `until`, or not at all."""
    whole = 0
    for pause in found:
        end = pause.until or until
        if end is not None:
            whole += _days(ctx, pause.since, end, unit, calendar)
    return whole


def _days(ctx: Context, since: datetime, until: datetime, unit: str, calendar: worktime.Calendar) -> int:
    first, last = ctx.local(since).date(), ctx.local(until).date()
    return worktime.working_days(first, last, calendar) if unit == "kerja" else max(0, (last - first).days)


# -- limits of steps --------------------------------------------------------------------------------------------------


def pending(definition: Definition, entries: Sequence[journal.Entry], tasks: Iterable[Open]) -> list[Any]:
    """Of a case's open tasks those whose limit may still pass as an event, the earliest first.

    It passes once, and not for a step that was opened, or taken back, too late for it, nor while the clock stands.
    """
    found = stood(definition, entries)
    if found.began is None or found.now is not None:
        return []
    since = max([found.began, *(pause.until for pause in found.past if pause.until)])
    passed = {(e.body.get("token"), e.at) for e in entries if e.kind == "breach"}
    again = {token: e.at for e in entries if e.kind in journal.UNDOING for token, *_ in e.body.get("opened", ())}
    waiting = [
        task
        for task in tasks
        if task.due_at
        and task.due_at > max(again.get(task.token, task.opened_at), since)
        and (task.token, task.due_at) not in passed
    ]
    return sorted(waiting, key=lambda task: (task.due_at or since, task.token))


# -- one event --------------------------------------------------------------------------------------------------------


def after(
    ctx: Context, case: Case, definition: Definition, outcome: Outcome, at: datetime, *, starts: bool
) -> Reckoned:
    """What an event at `at` makes of a case's time; `starts` where it starts the clock.

    The usual event costs one look at the calendar: what was pending before stands in `case.next_due`.
    """
    clock_at = case.clock_at or (at if starts else None)
    if clock_at is None or (outcome.ended and not starts):
        return Reckoned({"next_due": outcome.next_due, "paused_at": None}, {}, {})
    still = stands(definition, outcome.open) and not outcome.ended
    resumed = (case.ended_at is not None or case.paused_at is not None) and not still
    asked = {one.step for one in (outcome.opened if still and not starts else outcome.open)}
    asked = {step for step in asked if "batas" in definition.steps[step].properties}
    version = calendars.version(ctx) if starts else case.calendar
    calendar = calendars.current(ctx) if asked or starts or resumed else worktime.Calendar()
    paused_at = (case.paused_at or at) if still else None
    if still and case.ended_at is not None:
        going = stood(definition, journal.entries(ctx, case.id, typed=False)).now
        paused_at = going.since if going else at
    pause_days, due_at = case.pause_days, case.due_at
    if starts:
        due_at = case_due(ctx, definition, at, calendar)
    elif resumed:
        pause_days, due_at = _resumed(ctx, case, definition, clock_at, at, calendar)
    breached_at = None if due_at is not None and at < due_at != case.due_at else case.breached_at
    dues = {step: step_due(ctx, definition, definition.steps[step], clock_at, calendar, pause_days) for step in asked}
    limits: list[datetime] = []
    if not still:
        limits = _limits(ctx, case, outcome, dues, at, starts, resumed)
    timer = outcome.next_due
    changes = {
        "clock_at": clock_at,
        "due_at": due_at,
        "paused_at": paused_at,
        "pause_days": pause_days,
        "calendar": version,
        "breached_at": breached_at,
        "next_due": timer if still else next_due(timer, due_at, breached_at, limits),
    }
    told = {"due": instant(due_at) if due_at and due_at != case.due_at else None}
    told |= {"pause_days": pause_days if pause_days != case.pause_days else None}
    return Reckoned(changes, told, dues, starts or resumed)


def unbegun(outcome: Outcome) -> Reckoned:
    """What it makes of a case's time that the step which started its clock was taken back: nothing is due any more."""
    never = dict.fromkeys(("clock_at", "due_at", "paused_at", "breached_at"))
    return Reckoned({**never, "pause_days": 0, "next_due": outcome.next_due}, {}, {}, moved=True)


def _resumed(
    ctx: Context, case: Case, definition: Definition, clock_at: datetime, at: datetime, calendar: worktime.Calendar
) -> tuple[int, datetime | None]:
    """The working days that were given back by now, and when the case is due with them."""
    told = length(definition)
    by_calendar = told is not None and told[1] == "kalender"
    if case.ended_at is None and case.paused_at is not None and not by_calendar:
        days = case.pause_days + _days(ctx, case.paused_at, at, "kerja", calendar)
        return days, case_due(ctx, definition, clock_at, calendar, days)
    found = stood(definition, journal.entries(ctx, case.id, typed=False))
    whole = [*found.past, *([found.now] if found.now else [])]
    unit = "kalender" if by_calendar else "kerja"
    due = case_due(ctx, definition, clock_at, calendar, granted(ctx, whole, unit, calendar, at))
    return granted(ctx, whole, "kerja", calendar, at), due


def _limits(
    ctx: Context,
    case: Case,
    outcome: Outcome,
    dues: Mapping[str, datetime | None],
    at: datetime,
    starts: bool,
    resumed: bool,
) -> list[datetime]:
    """The limits of open steps that may still pass, none of them before the next thing that was pending before."""
    fresh = {one.token for one in outcome.opened}
    found = [(one.token, due) for one in outcome.open if (due := dues.get(one.step)) is not None and due > at]
    if resumed:
        passed = {(e.body.get("token"), e.at) for e in journal.entries(ctx, case.id, typed=False, kind="breach")}
        return [due for token, due in found if (token, due) not in passed]
    before = case.next_due
    return [due for token, due in found if starts or token in fresh or (before is not None and due >= before)]


# -- where the time went ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spent:
    """A case's time in days of its own unit: used, paused, and left (past its limit where `late`).

    Minutes within service hours say the same where it was no whole day. `left` is None where there is no limit.
    """

    unit: str
    used: int
    used_minutes: float
    paused: int
    left: int | None
    left_minutes: float
    late: bool


def spent(ctx: Context, case: Case, definition: Definition, entries: Sequence[journal.Entry]) -> Spent | None:
    """Where the time of a case went until now, or until it ended; None before the clock starts."""
    if case.clock_at is None:
        return None
    told = length(definition)
    unit = told[1] if told else "kerja"
    calendar, zone, open_hours = calendars.current(ctx), ctx.settings.zone, hours(definition)
    now = case.ended_at or ctx.now
    paused = granted(ctx, pauses(definition, entries), unit, calendar, now)
    used = max(0, _days(ctx, case.clock_at, now, unit, calendar) - paused)
    used_minutes = 0.0 if used else worktime.minutes(case.clock_at, now, zone, calendar, open_hours)
    if case.due_at is None:
        return Spent(unit, used, used_minutes, paused, None, 0.0, late=False)
    seen = case.paused_at or now  # while the clock stands, nothing of what is left goes by
    first, last = min(seen, case.due_at), max(seen, case.due_at)
    left = _days(ctx, first, last, unit, calendar)
    left_minutes = 0.0 if left else worktime.minutes(first, last, zone, calendar, open_hours)
    return Spent(unit, used, used_minutes, paused, left, left_minutes, late=seen > case.due_at)


def minutes(ctx: Context, definition: Definition, start: datetime, end: datetime) -> float:
    """The minutes between two instants during which the office was open for this SOP."""
    return worktime.minutes(start, end, ctx.settings.zone, calendars.current(ctx), hours(definition))


# -- in words ---------------------------------------------------------------------------------------------------------


def explained(ctx: Context, case: Case, definition: Definition, entries: Sequence[journal.Entry]) -> list[str]:
    """Which rules made a case's due date, a line each: H, its length, days off, pauses, changes of the calendar."""
    told = length(definition)
    if case.clock_at is None or told is None:
        return []
    n, unit = told
    received = ctx.local(case.clock_at).date()
    calendar = calendars.current(ctx)
    lines = [
        f"H: {wording.tanggal_hari(received)}, hari tanda terima terbit",
        f"Jangka waktu: {n} hari {unit} sesudah H",
    ]
    found = pauses(definition, entries)
    for pause in found:
        lines.append(_told_pause(ctx, definition, pause, unit, calendar))
    paused = granted(ctx, found, unit, calendar)
    try:
        if unit == "kerja":
            counted = worktime.count(received, n + paused, calendar)
            lines += [f"Libur: {_span(days)}, {why}" for days, why in _grouped(counted.shut)]
            lines += [f"Hari kerja: {_span(days)}, {why}" for days, why in _grouped(counted.opened)]
            lines += [f"{worktime.WEEKEND} tidak dihitung: {counted.weekends} hari"] if counted.weekends else []
            day = counted.day
        else:
            day, _rules = worktime.due_date(received, n + paused, unit, calendar)
            why = calendar.shut(day)
            lines += [f"Kantor tutup pada hari itu: {why}; hari kalender tidak bergeser"] if why else []
    except (worktime.NoWorkingDay, OverflowError) as error:
        return [*lines, str(error) if isinstance(error, worktime.NoWorkingDay) else "Batasnya melewati tahun 9999."]
    for entry in entries:
        was, now = entry.body.get("was"), entry.body.get("due")
        if entry.kind == "calendar" and was and now and was != now:
            before, since = (wording.tanggal(ctx.local(moment(at)).date()) for at in (was, now))
            on = wording.tanggal(ctx.local(entry.at).date())
            lines.append(f"Kalender kantor berubah pada {on}: jatuh tempo bergeser dari {before} ke {since}")
    reckoned = case.due_at is not None and ctx.local(case.due_at).date() == day
    if reckoned:
        lines.append(f"Maka jatuh tempo {wording.tanggal_hari(day)}")
    elif case.due_at is not None:
        lines.append(
            f"Jatuh tempo yang tercatat {wording.tanggal_hari(ctx.local(case.due_at).date())};"
            " kalender kantor baru saja berubah atau permohonan ini sudah berakhir, jadi tidak dihitung ulang"
        )
    return lines


def _told_pause(ctx: Context, definition: Definition, pause: Pause, unit: str, calendar: worktime.Calendar) -> str:
    names = ", ".join(f"“{definition.names.get(step) or step}”" for step in pause.steps)
    why = f"menunggu pemohon: {names}" if names else "permohonan sudah berakhir, lalu dibuka lagi"
    if pause.until is None:
        return f"Jam berhenti sejak {wording.tanggal(ctx.local(pause.since).date())}, {why}"
    days = _days(ctx, pause.since, pause.until, unit, calendar)
    span = _span([ctx.local(pause.since).date(), ctx.local(pause.until).date()])
    return f"Jeda {days} hari {unit}: {span}, {why}"


def _grouped(days: Sequence[tuple[date, str]]) -> list[tuple[list[date], str]]:
    """Days that follow one another for the same reason, together."""
    found: list[tuple[list[date], str]] = []
    for day, why in days:
        if found and found[-1][1] == why and (day - found[-1][0][-1]).days == 1:
            found[-1][0].append(day)
        else:
            found.append(([day], why))
    return found


def _span(days: Sequence[date]) -> str:
    first, last = days[0], days[-1]
    if first == last:
        return wording.tanggal(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{wording.tanggal(last)}"
    return f"{wording.tanggal(first)} – {wording.tanggal(last)}"
