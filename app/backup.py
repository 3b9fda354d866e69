"""Everything in one file, taken while the office works: each table as lines of JSON, and every upload and paper.

The same file is read back into SQLite or PostgreSQL. Tables are told by the database itself and not by the models, so
that a backup of an older program is read by a newer one: restored as it was, then migrated.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.types import Date, LargeBinary

from app import database, files, migrations

FORMAT = 1
ABOUT, ROWS, BLOBS = "alur.json", "database.jsonl", "files/"
BATCH = 500
_BLOB = re.compile(r"files/([0-9a-f]{2})/([0-9a-f]{62})")


class BackupError(Exception):
    """A file that is no backup of ours, or a place that it may not be restored to; the message is in Indonesian."""


def write(engine: Engine, root: Path, target: Path) -> tuple[int, int]:
    """Backs up the database and the files under `root`; how many rows and files. `target` is whole or not there.

    Rows come from one snapshot, and a file is there before the row that names it, so the rows are read first.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
                with snapshot(engine) as connection:
                    about = {"format": FORMAT, "version": migrations.version(connection)}
                    archive.writestr(ABOUT, json.dumps(about))
                    with archive.open(ROWS, "w", force_zip64=True) as out:
                        rows = _dump(connection, out)
                blobs = sum(_keep(archive, path) for path in sorted(root.glob("??/*")))
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return rows, blobs


def restore(engine: Engine, root: Path, source: Path, *, force: bool = False) -> tuple[int, int]:
    """Reads a backup into an empty database, or with `force` in the place of what is there; how many rows and files.

    Nothing has changed in the database where it raises BackupError.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            about = json.loads(archive.read(ABOUT))
            if about.get("format") != FORMAT or about.get("version") not in migrations.versions():
                raise BackupError(f"{source}: cadangan ini dibuat oleh Alur yang lain versinya. Perbarui program ini.")
            bad = archive.testzip()
            if bad:
                raise BackupError(f"{source}: cadangan ini rusak ({bad}).")
            _refuse_unless_empty(engine, force)
            blobs = sum(
                _put_back(archive, info, root) for info in archive.infolist() if info.filename.startswith(BLOBS)
            )
            with archive.open(ROWS) as lines:
                rows = _load(engine, about["version"], lines)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError) as error:
        raise BackupError(f"{source}: bukan cadangan Alur, atau rusak ({error}).") from None
    return rows, blobs


def snapshot(engine: Engine) -> Connection:
    """A connection whose reads all see one moment; on SQLite every transaction does."""
    if engine.dialect.name == "sqlite":
        return engine.connect()
    return engine.connect().execution_options(isolation_level="REPEATABLE READ")


def _tables(connection: Connection) -> list[Table]:
    """The tables as they are, those that others refer to first."""
    seen = MetaData()
    seen.reflect(connection)
    return [table for table in seen.sorted_tables if table.name != "alembic_version"]


def _dump(connection: Connection, out: IO[bytes]) -> int:
    count = 0
    for table in _tables(connection):
        names = [column.name for column in table.columns]
        rows = connection.execution_options(yield_per=BATCH).execute(select(table).order_by(*table.primary_key))
        out.write(json.dumps({"table": table.name, "columns": names}).encode() + b"\n")
        for row in rows:
            out.write(json.dumps([_as_json(value) for value in row], ensure_ascii=False).encode() + b"\n")
            count += 1
    return count


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _keep(archive: zipfile.ZipFile, path: Path) -> bool:
    if path.name.startswith("."):  # still being written
        return False
    try:
        archive.write(path, f"{BLOBS}{path.parent.name}/{path.name}")
    except FileNotFoundError:  # nobody's any more, and swept meanwhile
        return False
    return True


def _put_back(archive: zipfile.ZipFile, info: zipfile.ZipInfo, root: Path) -> bool:
    match = _BLOB.fullmatch(info.filename)
    if match is None or files.put(root, archive.read(info)) != match[1] + match[2]:
        raise BackupError(f"{info.filename}: isi berkas ini bukan yang dicadangkan.")
    return True


def _refuse_unless_empty(engine: Engine, force: bool) -> None:
    with engine.connect() as connection:
        known = migrations.version(connection) is not None
        if not known and inspect(connection).get_table_names():
            raise BackupError("Basis data ini berisi tabel yang bukan milik Alur.")
        if known and not force and any(connection.execute(select(t).limit(1)).first() for t in _tables(connection)):
            raise BackupError("Basis data ini sudah berisi. Pakai yang kosong, atau --force untuk menggantikan isinya.")


def _load(engine: Engine, version: str, lines: Iterable[bytes]) -> int:
    """Makes the tables anew as they were, fills them and migrates them, all of it or nothing."""
    with engine.execution_options(**database.WRITE).begin() as connection:
        old = MetaData()
        old.reflect(connection)
        old.drop_all(connection)
        migrations.apply(connection, version)
        tables = {table.name: table for table in _tables(connection)}
        count = 0
        for name, columns, rows in _parsed(lines):
            readers = [_reader(tables[name].columns[column].type) for column in columns]
            values = [[read(value) for read, value in zip(readers, row, strict=True)] for row in rows]
            connection.execute(insert(tables[name]), [dict(zip(columns, row, strict=True)) for row in values])
            count += len(rows)
        if connection.dialect.name == "postgresql":
            for table in tables.values():
                _go_on_counting(connection, table)
        migrations.apply(connection)
    return count


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """Rows by the batch, with their table and columns."""
    name = ""
    columns: list[str] = []
    batch: list[list[Any]] = []
    for line in lines:
        found = json.loads(line)
        if isinstance(found, dict) or len(batch) == BATCH:
            if batch:
                yield name, columns, batch
            batch = []
        if isinstance(found, dict):
            name, columns = found["table"], found["columns"]
        else:
            batch.append(found)
    if batch:
        yield name, columns, batch


def _reader(kind: Any) -> Any:
    if isinstance(kind, LargeBinary):
        return lambda value: None if value is None else base64.b64decode(value)
    if isinstance(kind, Date):
        return lambda value: None if value is None else date.fromisoformat(value)
    return lambda value: value


def _go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL's sequences know nothing of rows that came with their number."""
    for column in table.primary_key:
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(quote_ident(:table), :column)"),
            {"table": table.name, "column": column.name},
        )
        last = sequence and connection.scalar(select(func.max(column)))
        if last:
            connection.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})
