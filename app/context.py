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
