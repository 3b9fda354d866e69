"""What every verb is handed: the session it works in, the time it is, and the installation's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.config import Settings


@dataclass(frozen=True)
class Context:
    """One piece of work: a session (never committed by a verb), its moment, the settings."""

    session: Session
    now: datetime
    settings: Settings
    read: dict[str, Any] = field(default_factory=dict, compare=False)  # what stays the same while the work goes on

    def local(self, at: datetime | None = None) -> datetime:
        """A moment, else now, on the office's own clock: what a diagram's dates without a zone are read by."""
        return (at or self.now).astimezone(self.settings.zone)
