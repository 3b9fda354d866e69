from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from app import database, migrations
from app.models import Base
from tests.conftest import Database


def test_migrations_give_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_the_comparison_does_not_see(db: Database) -> None:
    """How SQLite keeps each table, and which rows each index holds."""
    fresh = database.connect("sqlite://")
    Base.metadata.create_all(fresh)
    kept = []
    for engine in (fresh, db.engine):
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, ncol, wr, strict FROM pragma_table_list ORDER BY name")).all()
            indexes = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
            )
            kept.append(
                [tuple(row) for row in rows if row.name in Base.metadata.tables] + [tuple(row) for row in indexes]
            )
    fresh.dispose()
    assert kept[0] == kept[1]


def test_every_constraint_has_a_name(db: Database) -> None:
    """Without one a later migration cannot drop it."""
    seen = inspect(db.engine)
    nameless = [
        (table, found)
        for table in Base.metadata.tables
        for found in [*seen.get_unique_constraints(table), *seen.get_foreign_keys(table), seen.get_pk_constraint(table)]
        if not found["name"]
    ]
    assert nameless == []


def test_migrations_follow_one_another() -> None:
    numbers = migrations.versions()
    assert numbers == tuple(f"{n:04}" for n in range(1, len(numbers) + 1))
    before = [None, *numbers[:-1]]
    for number, follows in zip(numbers, before, strict=True):
        source = next((migrations.FOLDER / "versions").glob(f"{number}_*.py")).read_text()
        found = re.findall(r"^(?:down_)?revision = (.+)$", source, re.MULTILINE)
        assert [eval(value) for value in found] == [number, follows]


def test_down_and_up_again(blank_url: str) -> None:
    from alembic import command

    engine = database.connect(blank_url)
    migrations.upgrade(engine)
    with engine.connect().execution_options(**database.WRITE) as connection, connection.begin():
        command.downgrade(migrations._config(connection), "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    migrations.upgrade(engine)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *Base.metadata.tables}
    engine.dispose()


def test_a_newer_database_is_refused(db: Database) -> None:
    with db.engine.connect().execution_options(**database.WRITE) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.DatabaseNewer, match="lebih baru"):
        migrations.upgrade(db.engine)


def test_nothing_to_do_is_quick(db: Database) -> None:
    migrations.upgrade(db.engine)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        migrations.upgrade(db.engine)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05


def test_several_at_once(blank_url: str, tmp_path: Path) -> None:
    program = tmp_path / "up.py"
    program.write_text(
        "import sys\nfrom app import database, migrations\nmigrations.upgrade(database.connect(sys.argv[1]))\n"
    )
    command, env = [sys.executable, program, blank_url], {"PYTHONPATH": str(Path(__file__).parent.parent)}
    running = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE) for _ in range(6)]
    said = [process.communicate(timeout=60)[1].decode() for process in running]
    assert [(process.returncode, words) for process, words in zip(running, said, strict=True)] == [(0, "")] * 6
    engine = database.connect(blank_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
