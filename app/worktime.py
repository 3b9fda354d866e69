"""Working days and hours: when something is due, which rules moved it, and how much working time has passed.

A day is the office's own; what lies between two instants is always counted in UTC, so that an hour which a zone leaves
out or has twice is counted as it passed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

DAYS = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
WEEKEND = "Sabtu dan Minggu"
Span = tuple[time, time]  # opening, closing
Hours = Mapping[int, tuple[Span, ...]]  # weekday (Monday is 0) -> its spans, several where the office shuts for lunch
HOURS: Hours = {**dict.fromkeys(range(4), ((time(8), time(19)),)), 4: ((time(8), time(11)),)}
LONGEST = 3660  # days without a working day, after which none is looked for any more

_DAY = f"({'|'.join(DAYS)})"
_CLOCK = r"(\d\d?)[.:](\d\d)"
_PART = re.compile(
    rf"{_DAY}(?:\s*(?:[-–]|sampai|s/d|s\.d\.)\s*{_DAY})?|{_CLOCK}\s*(?:[-–]|sampai|s/d|s\.d\.)\s*{_CLOCK}|(tutup|libur)",
    re.IGNORECASE,
)


class NoWorkingDay(ValueError):
    """A calendar that leaves no working day for years to come."""

    def __init__(self) -> None:
        super().__init__("Kalender tidak menyisakan hari kerja, sehingga batas waktu tidak dapat dihitung.")


@cache
def national(year: int) -> Mapping[date, str]:
    """The national holidays and *cuti bersama* of a year, by Indonesian name; the coming year's are an estimate."""
    from holidays.countries.indonesia import Indonesia  # 0.1 s to import: only whoever asks for a date pays

    return dict(Indonesia(years=[year], categories=("public", "government"), language="id"))


@dataclass(frozen=True)
class Calendar:
    """When the office is shut: weekends, national holidays, and what `own` says of a day, which wins: (closed, why)."""

    own: Mapping[date, tuple[bool, str]] = field(default_factory=dict)

    def shut(self, day: date) -> str | None:
        """Why the office is shut on a day, None where it is open."""
        if day in self.own:
            closed, why = self.own[day]
            return why if closed else None
        return WEEKEND if day.weekday() > 4 else national(day.year).get(day)

    def opened(self, day: date) -> str | None:
        """Why the office is open on a day on which it would have been shut, None for any other day."""
        closed, why = self.own.get(day, (True, ""))
        return None if closed or Calendar().shut(day) is None else why


@dataclass(frozen=True)
class Count:
    """What was met while working days were counted: the day that was come to, and what moved it."""

    day: date
    shut: tuple[tuple[date, str], ...]  # weekdays on which the office is shut, and why
    opened: tuple[tuple[date, str], ...]  # days on which it works although it would be shut, and why
    weekends: int

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules in words, in order of their days."""
        told = [(day, f"{day}: libur, {why}") for day, why in self.shut]
        told += [(day, f"{day}: hari kerja, {why}") for day, why in self.opened]
        weekends = [f"{WEEKEND}: {self.weekends} hari"] if self.weekends else []
        return (*(words for _day, words in sorted(told)), *weekends)


def count(start: date, n: int, calendar: Calendar) -> Count:
    """The n-th working day after `start`. Raises NoWorkingDay, OverflowError past the year 9999."""
    day, weekends, shut, opened, idle = start, 0, [], [], 0
    while n:
        day += timedelta(days=1)
        idle += 1
        why, working = calendar.shut(day), calendar.opened(day)
        if why is None:
            n, idle = n - 1, 0
        if working is not None:
            opened.append((day, working))
        elif why == WEEKEND:
            weekends += 1
        elif why is not None:
            shut.append((day, why))
        if idle > LONGEST:
            raise NoWorkingDay
    return Count(day, tuple(shut), tuple(opened), weekends)


def due_date(start: date, n: int, unit: str, calendar: Calendar) -> tuple[date, tuple[str, ...]]:
    """The n-th day after `start`, counted in `kerja` or `kalender` days, and the rules that moved it.

    A calendar day is not moved where the office is shut then; the rules say so. Raises ValueError for another unit or
    a negative n, NoWorkingDay, OverflowError past the year 9999.
    """
    if n < 0 or unit not in ("kerja", "kalender"):
        raise ValueError(f"not a number of days: {n} {unit}")
    if unit == "kalender":
        day = start + timedelta(days=n)
        why = calendar.shut(day)
        return day, (f"{day}: kantor tutup, {why}",) if why else ()
    found = count(start, n, calendar)
    return found.day, found.rules


def working_days(start: date, end: date, calendar: Calendar) -> int:
    """The working days after `start` up to and with `end`; 0 where `end` is not after it."""
    return sum(calendar.shut(start + timedelta(days=n)) is None for n in range(1, (end - start).days + 1))


def works(year: int, calendar: Calendar) -> bool:
    """Whether a year has a working day at all."""
    day = date(year, 1, 1)
    while day.year == year:
        if calendar.shut(day) is None:
            return True
        if day == date.max:
            break
        day += timedelta(days=1)
    return False


def opening(day: date, zone: ZoneInfo, hours: Hours = HOURS) -> datetime:
    """The beginning of service hours on a day; a day without hours of its own has Monday's."""
    return datetime.combine(day, _of(day, hours)[0][0], zone)


def closing(day: date, zone: ZoneInfo, hours: Hours = HOURS) -> datetime:
    """The end of service hours on a day; a day without hours of its own has Monday's."""
    return datetime.combine(day, _of(day, hours)[-1][1], zone)


def minutes(start: datetime, end: datetime, zone: ZoneInfo, calendar: Calendar, hours: Hours = HOURS) -> float:
    """The minutes between two instants during which the office was open; 0 where `end` is not after `start`."""
    total, day, last = timedelta(), start.astimezone(zone).date(), end.astimezone(zone).date()
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    while day <= last:
        for opens, closes in _of(day, hours) if calendar.shut(day) is None else ():
            # Of an hour that a zone has twice, the office opens in the first and closes in the second.
            begin = datetime.combine(day, opens, zone).astimezone(UTC)
            until = datetime.combine(day, closes.replace(fold=1), zone).astimezone(UTC)
            total += max(timedelta(), min(end, until) - max(start, begin))
        day += timedelta(days=1)
    return total / timedelta(minutes=1)


def read_hours(text: str) -> Hours:
    """Service hours as people write them, `Senin–Kamis 08.00–12.00, 13.00–16.00; Jumat 08.00–11.00`.

    Days that are told again have what was told last. Raises ValueError.
    """
    found: dict[int, tuple[Span, ...]] = {}
    days: list[int] = []
    fresh = True  # the next span begins what is told of these days
    for first, last, *clock, shut in _PART.findall(text):
        if first:
            a, b = (DAYS.index(name.lower()) for name in (first, last or first))
            if a > b:
                raise ValueError(text)
            days = [*(days if fresh else ()), *range(a, b + 1)]
            fresh = True
        elif shut:
            days = []
        else:
            opens, minute, closes, second = map(int, clock)
            span = time(opens, minute), time(closes, second)
            for day in days:
                before = () if fresh else found[day]
                if span[0] >= span[1] or (before and before[-1][1] > span[0]):
                    raise ValueError(text)
                found[day] = (*before, span)
            fresh = not days
    if not found:
        raise ValueError(text)
    return found


def _of(day: date, hours: Hours) -> tuple[Span, ...]:
    return hours.get(day.weekday()) or hours.get(0) or HOURS[0]
