"""What every verb is handed: the session it works in, the time it is, and the installation's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings


@dataclass(frozen=True)
class Paper:
    """What happened on paper while the office was without its system, and who enters it afterwards.

    `numbers` are those written by hand, by the key of the case's data that gets them ("" is the application's own);
    `scans` the ids of the uploads that show the paper, with their SHA-256.
    """

    outage: int
    entered_at: datetime
    entered_by: int
    name: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    scans: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """What an event says of it for good, as `kertas`."""
        scans = {"scans": sorted(self.scans)} if self.scans else {}
        return {"outage": self.outage, "entered_by": {"id": self.entered_by, "name": self.name}, **scans}


@dataclass(frozen=True)
class Context:
    """One piece of work: a session (never committed by a verb), its moment, the settings.

    Of what is entered from paper `now` is when it happened, so that every verb reckons by that time.
    """

    session: Session
    now: datetime
    settings: Settings
    read: dict[str, Any] = field(default_factory=dict, compare=False)  # what stays the same while the work goes on
    paper: Paper | None = None

    def local(self, at: datetime | None = None) -> datetime:
        """A moment, else now, on the office's own clock: what a diagram's dates without a zone are read by."""
        return (at or self.now).astimezone(self.settings.zone)

    @property
    def recorded_at(self) -> datetime:
        """When this is written down, whenever it happened."""
        return self.paper.entered_at if self.paper else self.now
