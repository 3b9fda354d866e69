"""What every verb is handed: the session it works in, the time it is, and the installation's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.config import Settings


@dataclass(frozen=True)
class Context:
    """One piece of work: a session (never committed by a verb), its moment, the settings."""

    session: Session
    now: datetime
    settings: Settings

    def local(self, at: datetime | None = None) -> datetime:
        """A moment, else now, on the office's own clock: what a diagram's dates without a zone are read by."""
        return (at or self.now).astimezone(self.settings.zone)
