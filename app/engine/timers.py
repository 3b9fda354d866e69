"""When a timer is due: from ISO 8601 dates, durations and repetitions to an instant in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition as Spiff

Kind = Literal["date", "duration", "cycle"]
LITERAL = re.compile(
    r"\s*(P[0-9T][0-9A-Z.,]*|R\d*/.*|\d{4}-\d\d(-\d\d|W).*)\s*", re.DOTALL
)  # an ISO text that nobody quoted
REPEAT = re.compile(r"R(\d*)/(.+)", re.DOTALL)


@dataclass(frozen=True)
class Due:
    """The next instant, and for a repetition its period and how many more follow this one (-1: for ever)."""

    at: datetime
    every: str = ""
    left: int = 0


def due(kind: Kind, value: Any, now: datetime) -> Due | None:
    """The instant that `value` means for a timer started `now`; None where there is no value yet. Raises ValueError."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(value)
    text = value.strip()
    if kind == "date":
        return Due(_date(text, now))
    if kind == "duration":
        return Due(_later(now, text))
    repeat = REPEAT.fullmatch(text)
    if not repeat:
        return Due(_later(now, text))  # a plain duration: once
    count = int(repeat[1]) if repeat[1] else 0
    left = count - 1 if repeat[1] else -1
    if count == 0 and repeat[1]:
        raise ValueError(value)
    first, _, second = repeat[2].partition("/")
    if not second:
        return Due(_later(now, first), first, left)
    if first.startswith("P"):
        raise ValueError(value)  # a period with an end says nothing about its beginning
    return Due(_date(first, now), second, left)


def again(last: Due) -> Due | None:
    """The instant after `last` of a repetition, or None when it was the last one."""
    if not last.left:
        return None
    return Due(_later(last.at, last.every), last.every, last.left - 1 if last.left > 0 else -1)


def _date(text: str, now: datetime) -> datetime:
    value = datetime.fromisoformat(text)
    # A date without a zone is the office's: the zone of the clock we were handed.
    return (value if value.tzinfo else value.replace(tzinfo=now.tzinfo)).astimezone(UTC)


def _later(start: datetime, duration: str) -> datetime:
    try:
        delta: timedelta = Spiff.get_timedelta_from_start(Spiff.parse_iso_duration(duration), start)
    except Exception as error:  # Spiff raises a bare Exception
        raise ValueError(duration) from error
    if not duration.upper().startswith("P") or delta <= timedelta():
        raise ValueError(duration)
    return (start + delta).astimezone(UTC)
