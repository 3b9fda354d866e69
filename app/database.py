"""The connection: SQLite or PostgreSQL by URL, and the one way to open a session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

WRITE = {"alur_write": True}


def connect(url: str) -> Engine:
    """An engine for `url`. SQLite: WAL, synced at each commit, foreign keys held, and writers that queue up.

    pysqlite would begin a transaction late, and two that read first and write later fail against each other; so
    BEGIN is ours, and IMMEDIATE where the session was opened to write.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=10, max_overflow=20, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "cache_size=-32000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        write = connection.get_execution_options().get("alur_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def sessions(engine: Engine) -> tuple[sessionmaker[Session], sessionmaker[Session]]:
    """Two makers over one engine: sessions that only read, and sessions that write."""
    return (
        sessionmaker(engine, expire_on_commit=False),
        sessionmaker(engine.execution_options(**WRITE), expire_on_commit=False),
    )
