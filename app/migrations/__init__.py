"""How a database comes to what app/models.py says: Alembic's migrations, applied by whichever process is first."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from app import database

FOLDER = Path(__file__).parent
LOCK = 0x616C7572  # "alur", PostgreSQL's advisory lock


class DatabaseNewer(Exception):
    """The database was made by a newer program than this one; the message says so in Indonesian."""


@cache
def versions() -> tuple[str, ...]:
    """Every migration's name, oldest first: the files are numbered, and one follows the other."""
    return tuple(sorted(path.stem.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def version(connection: Connection) -> str | None:
    """The migration that a database stands at, None for an empty one."""
    try:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found
    except (OperationalError, ProgrammingError):
        connection.rollback()
        return None


def upgrade(engine: Engine, to: str | None = None) -> None:
    """Brings a database to migration `to`, or the newest. Of several processes at once one works and the rest wait.

    Raises DatabaseNewer.
    """
    with engine.connect() as connection:
        if version(connection) == (to or versions()[-1]):
            return
    with engine.connect().execution_options(**database.WRITE) as connection:
        raw: Any = connection.connection.dbapi_connection
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:  # a batch rebuilds tables, which foreign keys forbid; a pragma inside a transaction does nothing
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if not sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
                apply(connection, to)
        finally:
            if sqlite:
                raw.execute("PRAGMA foreign_keys=ON")


def draft(message: str, folder: Path) -> str:
    """Writes the migration from the newest one to app/models.py, by way of a database in `folder`; its path."""
    from alembic import command

    engine = database.connect(f"sqlite:///{folder / 'draft.sqlite3'}")
    with engine.connect() as connection:
        if versions():
            apply(connection)
        number = f"{len(versions()) + 1:04}"
        script: Any = command.revision(_config(connection), message, autogenerate=True, rev_id=number)
    engine.dispose()
    return str(script.path)


def apply(connection: Connection, to: str | None = None) -> None:
    """Brings a database to migration `to` or the newest, in the connection's own transaction. Raises DatabaseNewer."""
    from alembic import command  # 0.2 s to import: only a database that is behind pays

    current = None
    tables = connection.dialect.get_table_names(connection)
    if "alembic_version" in tables:
        current = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if current is not None and current not in versions():
        raise DatabaseNewer("Basis data ini dibuat oleh Alur yang lebih baru. Perbarui program ini lebih dahulu.")
    if current != (to or versions()[-1]):
        command.upgrade(_config(connection), to or "head")


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    return config
