"""`alur worker` by a clock that a test moves: `python -m tests.at_work CLOCK`, the clock being a file that holds a time.

All else comes from the environment, as for the command.
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from pathlib import Path

from app import config, database, worker
from app.config import Settings


class ByFile(Settings):
    """Settings whose time stands in a file."""

    clock: Path

    def now(self) -> datetime:
        return datetime.fromisoformat(self.clock.read_text())


def main(clock: str) -> None:
    logging.basicConfig(level=logging.ERROR)
    settings = ByFile(**vars(config.settings()))
    object.__setattr__(settings, "clock", Path(clock))
    reading, writing = database.sessions(database.connect(settings.database_url))
    worker.PAUSE = 0.05
    worker.run(settings, reading, writing)


if __name__ == "__main__":
    main(*sys.argv[1:])
