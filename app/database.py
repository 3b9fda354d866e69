"""The connection: SQLite or PostgreSQL by URL, and the one way to open a session."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, sessionmaker

WRITE = {"alur_write": True}
# A plan that was made while a table was small reads all of it for as long as a connection keeps it: who reads has each
# question planned anew. Who writes looks up rows by their keys, ever the same way, and keeps plans that read no table
# whole; that saves a fifth of a completion.
PLANS = "-c plan_cache_mode=force_custom_plan"
KEPT_PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",  # what is deleted or overwritten is not left in the file
    "foreign_keys=ON",
    "busy_timeout=30000",
    "cache_size=-32000",
)


def connect(url: str) -> Engine:
    """An engine for `url`. SQLite: WAL, synced at each commit, foreign keys held, and writers that queue up.

    pysqlite would begin a transaction late, and two that read first and write later fail against each other; so
    BEGIN is ours, and IMMEDIATE where the session was opened to write.
    """
    if not url.startswith("sqlite"):
        return _postgresql(url, PLANS)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
    queue = engine.url.database + "-queue" if engine.url.database not in (None, "", ":memory:") else os.devnull

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if not connection.get_execution_options().get("alur_write"):
            connection.exec_driver_sql("BEGIN")
            return
        # SQLite's own wait sleeps between tries, and whoever is unlucky sleeps on: a file's lock is handed on at once.
        place = connection.info["queue"] = connection.info.get("queue") or open(queue, "a")  # noqa: SIM115
        fcntl.flock(place, fcntl.LOCK_EX)
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def leave(_connection: Any, record: Any) -> None:
        if "queue" in record.info:
            fcntl.flock(record.info["queue"], fcntl.LOCK_UN)

    @event.listens_for(engine, "close")
    def close(_connection: Any, record: Any) -> None:
        if "queue" in record.info:
            record.info.pop("queue").close()

    return engine


def _postgresql(url: str | URL, plans: str) -> Engine:
    return create_engine(url, pool_size=5, max_overflow=15, connect_args={"options": plans})


@contextmanager
def together(session: Session) -> Iterator[None]:
    """Statements that give nothing back are sent without waiting for each other; what they raise comes at the end.

    PostgreSQL answers five of them as fast as two that wait (psycopg's pipeline); SQLite has nobody to wait for.
    """
    driver = session.connection().connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        with driver.pipeline():
            yield
    else:
        yield


def sessions(engine: Engine) -> tuple[sessionmaker[Session], sessionmaker[Session]]:
    """Two makers: sessions that only read, and sessions that write.

    On PostgreSQL each statement sees what is committed by then, in a transaction or not: who only reads begins none.
    Who writes has connections of their own there, which end with the engine's.
    """
    reading: Engine = engine
    writing: Engine = engine.execution_options(**WRITE)
    if engine.dialect.name == "postgresql":
        reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        writing = _postgresql(engine.url, KEPT_PLANS)
        event.listen(engine, "engine_disposed", lambda _engine: writing.dispose())
    return sessionmaker(reading, expire_on_commit=False), sessionmaker(writing, expire_on_commit=False)


def settle(session: Session, tables: Iterable[str]) -> None:
    """After much was deleted: has the database give up the bytes of before, as far as it can while people work.

    PostgreSQL keeps a deleted row until its table is vacuumed. SQLite overwrites what is deleted (`secure_delete`); its
    log holds the pages of before until it is written back and cut off, which waits for nobody.
    """
    engine = session.get_bind().engine
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables:
                connection.exec_driver_sql(f'VACUUM "{table}"')
        return
    raw = engine.raw_connection()  # outside of any transaction
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    finally:
        raw.close()


def alone(session: Session, what: str) -> None:
    """Until this transaction ends nobody else does `what`; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))


def insert(session: Session, table: type[Any]) -> postgresql.Insert | sqlite.Insert:
    """An insert into a table that can say what becomes of a row that is there already."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
