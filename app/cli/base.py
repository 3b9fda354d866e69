"""What commands share: a database at its newest migration, and sessions over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.config import Settings
    from app.context import Context

FILE = click.Path(exists=True, path_type=Path)


@contextmanager
def opened() -> Iterator[tuple[Settings, Engine]]:
    """The settings and a database at its newest migration."""
    from app import config, database, migrations

    settings = config.settings()
    engine = database.connect(settings.database_url)
    try:
        migrations.upgrade(engine)
        yield settings, engine
    finally:
        engine.dispose()


@contextmanager
def writing() -> Iterator[Context]:
    """One transaction, committed at its end."""
    from app import database
    from app.context import Context

    with opened() as (settings, engine), database.sessions(engine)[1].begin() as session:
        yield Context(session, settings.now(), settings)


@contextmanager
def reading() -> Iterator[Context]:
    """A session that sees one moment, however long it reads."""
    from sqlalchemy.orm import Session

    from app import backup
    from app.context import Context

    with opened() as (settings, engine), backup.snapshot(engine) as connection, Session(connection) as session:
        yield Context(session, settings.now(), settings)


def local(ctx: Context, at: datetime) -> str:
    """A time as the office reads it."""
    return at.astimezone(ctx.settings.zone).strftime("%Y-%m-%d %H.%M")
