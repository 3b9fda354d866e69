"""Working days and hours: when something is due, which rules moved it, and how much working time has passed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

DAYS = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
WEEKEND = "Sabtu dan Minggu"
Hours = Mapping[int, tuple[time, time]]  # weekday (Monday is 0) -> opening, closing
HOURS: Hours = {**dict.fromkeys(range(4), (time(8), time(19))), 4: (time(8), time(11))}

_DAY = f"({'|'.join(DAYS)})"
_CLOCK = r"(\d\d?)[.:](\d\d)"
_SPAN = re.compile(rf"{_DAY}(?:\s*[-–]\s*{_DAY})?\D*?{_CLOCK}\s*[-–]\s*{_CLOCK}", re.IGNORECASE)


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


def due_date(start: date, n: int, unit: str, calendar: Calendar) -> tuple[date, tuple[str, ...]]:
    """The n-th day after `start`, counted in `kerja` or `kalender` days, and the rules that moved it.

    A calendar day is not moved where the office is shut then; the rules say so. Raises ValueError for another unit or
    a negative n, OverflowError past the year 9999.
    """
    if n < 0 or unit not in ("kerja", "kalender"):
        raise ValueError(f"not a number of days: {n} {unit}")
    if unit == "kalender":
        day = start + timedelta(days=n)
        why = calendar.shut(day)
        return day, (f"{day}: kantor tutup, {why}",) if why else ()
    day, weekends, rules = start, 0, []
    while n:
        day += timedelta(days=1)
        why, opened = calendar.shut(day), calendar.opened(day)
        if why is None:
            n -= 1
        if opened is not None:
            rules.append(f"{day}: hari kerja, {opened}")
        elif why == WEEKEND:
            weekends += 1
        elif why is not None:
            rules.append(f"{day}: libur, {why}")
    return day, (*rules, *([f"{WEEKEND}: {weekends} hari"] if weekends else []))


def opening(day: date, zone: ZoneInfo, hours: Hours = HOURS) -> datetime:
    """The beginning of service hours on a day; a day without hours of its own has Monday's."""
    return datetime.combine(day, _of(day, hours)[0], zone)


def closing(day: date, zone: ZoneInfo, hours: Hours = HOURS) -> datetime:
    """The end of service hours on a day; a day without hours of its own has Monday's."""
    return datetime.combine(day, _of(day, hours)[1], zone)


def minutes(start: datetime, end: datetime, zone: ZoneInfo, calendar: Calendar, hours: Hours = HOURS) -> float:
    """The minutes between two instants during which the office was open; 0 where `end` is not after `start`."""
    total, day, last = timedelta(), start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        if calendar.shut(day) is None:
            opens, closes = (datetime.combine(day, at, zone) for at in _of(day, hours))
            total += max(timedelta(), min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return total / timedelta(minutes=1)


def read_hours(text: str) -> Hours:
    """Service hours as people write them, `Senin–Kamis 08.00–19.00, Jumat 08.00–11.00`. Raises ValueError."""
    found: dict[int, tuple[time, time]] = {}
    for first, last, *clock in _SPAN.findall(text):
        a, b = (DAYS.index(name.lower()) for name in (first, last or first))
        opens, minute, closes, second = map(int, clock)
        span = time(opens, minute), time(closes, second)
        if a > b or span[0] >= span[1]:
            raise ValueError(text)
        found |= dict.fromkeys(range(a, b + 1), span)
    if not found:
        raise ValueError(text)
    return found


def _of(day: date, hours: Hours) -> tuple[time, time]:
    return hours.get(day.weekday()) or hours.get(0) or HOURS[0]
