from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app import backup, database, files, people
from app.config import settings
from app.context import Context
from app.models import Case, ClosedDay, Event, Person, Revision
from tests.conftest import MONDAY, Database, Shelf


def rows(engine: Engine) -> str:
    """Everything in a database, as text."""
    out = io.BytesIO()
    with backup.snapshot(engine) as connection:
        backup._dump(connection, out)
    return out.getvalue().decode()


def furnish(db: Database, root: Path) -> None:
    """Rows of each awkward kind: bytes, a date, no value, a yes, JSON, odd text, a row that names its like."""
    with db.writing.begin() as session:
        ctx = Context(session, MONDAY, settings({"ALUR_DATABASE_URL": db.url, "ALUR_FILES": str(root)}))
        person = people.new_person(ctx, "naïve 例 'x' \"y\" \\ \u2028", "sandi", owner=True)
        session.add(ClosedDay(day=date(2026, 12, 31), closed=False, reason="Tetap buka"))
        revision = Revision(
            sop="a", number=1, title="A", digest="0" * 64, definition="{}", findings=[{"a": None}], installed_at=MONDAY,
            installed_by="x", authority="y", in_force_from=MONDAY,
        )  # fmt: skip
        session.add(revision)
        session.flush()
        for number in range(3):
            case = Case(
                number=f"{number}", code="x", sop="a", revision_id=revision.id, applicant_name="A", data={"b": [2.5]},
                filed_by_id=person.id, previous_id=number or None, opened_at=MONDAY, head=b"\0\xff", state=b"",
            )  # fmt: skip
            session.add(case)
            session.flush()
        session.add(
            Event(
                case_id=1, seq=1, at=MONDAY, recorded_at=MONDAY, actor="", lane="", kind="start", body={}, digest=b"\1"
            )
        )
    files.put(root, b"satu")
    files.put(root, b"dua" * 100_000)


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Callable[[], Engine]:
    """Makes a database with nothing in it, of either kind."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    folder = tmp_path / "other"
    folder.mkdir()
    return lambda: database.connect(Shelf(request.param, folder, server).copy(None))


def test_there_and_back(db: Database, other: Callable[[], Engine], tmp_path: Path) -> None:
    furnish(db, tmp_path / "files")
    count, blobs = backup.write(db.engine, tmp_path / "files", tmp_path / "b.zip")
    engine = other()
    assert backup.restore(engine, tmp_path / "files2", tmp_path / "b.zip") == (count, blobs) == (7, 2)
    assert rows(engine) == rows(db.engine)
    kept = {p.relative_to(tmp_path / "files2"): p.read_bytes() for p in (tmp_path / "files2").glob("??/*")}
    assert kept == {p.relative_to(tmp_path / "files"): p.read_bytes() for p in (tmp_path / "files").glob("??/*")}
    with database.sessions(engine)[1].begin() as session:  # the next row gets a number of its own
        person = Person(name="baru", full_name="Baru", password="x", created_at=MONDAY)
        session.add(person)
        session.flush()
        assert person.id == 2
    engine.dispose()


def test_only_where_there_is_room(db: Database, tmp_path: Path) -> None:
    furnish(db, tmp_path / "files")
    backup.write(db.engine, tmp_path / "files", tmp_path / "b.zip")
    before = rows(db.engine)
    with db.writing.begin() as session:
        session.add(Person(name="kemudian", full_name="Kemudian", password="x", created_at=MONDAY))
    with pytest.raises(backup.BackupError, match="sudah berisi"):
        backup.restore(db.engine, tmp_path / "files", tmp_path / "b.zip")
    assert "kemudian" in rows(db.engine)
    backup.restore(db.engine, tmp_path / "files", tmp_path / "b.zip", force=True)
    assert rows(db.engine) == before


def test_not_into_somebody_elses_database(blank_url: str, tmp_path: Path) -> None:
    engine = database.connect(blank_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (a INTEGER)"))
    backup_of_nothing = tmp_path / "b.zip"
    with zipfile.ZipFile(backup_of_nothing, "w") as archive:
        archive.writestr(backup.ABOUT, '{"format": 1, "version": "0001"}')
        archive.writestr(backup.ROWS, "")
    with pytest.raises(backup.BackupError, match="bukan milik"):
        backup.restore(engine, tmp_path, backup_of_nothing, force=True)
    engine.dispose()


def _archive(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


ABOUT = b'{"format": 1, "version": "0001"}'
BROKEN = {
    "no zip": b"PK not",
    "empty": b"",
    "another zip": _archive(readme=b"x"),
    "another format": _archive(alur_dot_json=b'{"format": 9, "version": "0001"}'),
    "a later version": _archive(alur_dot_json=b'{"format": 1, "version": "9999"}'),
    "no rows": _archive(alur_dot_json=ABOUT),
    "rows of no table": _archive(alur_dot_json=ABOUT, database_dot_jsonl=b'{"table": "x", "columns": []}\n[1]\n'),
    "no json": _archive(alur_dot_json=ABOUT, database_dot_jsonl=b"{"),
    "a file that lies": _archive(alur_dot_json=ABOUT, files__00__0=b"", database_dot_jsonl=b""),
    "a path that climbs": _archive(alur_dot_json=ABOUT, files__dotdot=b"", database_dot_jsonl=b""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str, db: Database, tmp_path: Path) -> None:
    source = tmp_path / "b.zip"
    source.write_bytes(BROKEN[name])
    before = rows(db.engine)
    with pytest.raises(backup.BackupError):
        backup.restore(db.engine, tmp_path / "files", source)
    assert rows(db.engine) == before


def test_one_bit_off(db: Database, tmp_path: Path) -> None:
    furnish(db, tmp_path / "files")
    backup.write(db.engine, tmp_path / "files", tmp_path / "b.zip")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(backup.BackupError):
        backup.restore(db.engine, tmp_path / "files2", tmp_path / "b.zip", force=True)


def test_a_backup_is_whole_or_not_there(db: Database, tmp_path: Path) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE closed_day"))
        connection.execute(text("CREATE TABLE closed_day (day DATE PRIMARY KEY, closed TEXT, reason TEXT)"))
    (tmp_path / "b.zip").write_bytes(b"the one of yesterday")
    db.engine.dispose()
    with pytest.raises(FileNotFoundError):
        backup.write(db.engine, tmp_path / "files", tmp_path / "nowhere" / "b.zip")
    assert [p.name for p in tmp_path.glob("*.zip")] == ["b.zip"]
    assert (tmp_path / "b.zip").read_bytes() == b"the one of yesterday"
