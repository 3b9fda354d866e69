"""Whatever was meddled with is found, whatever was not is whole, and looking never fails."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select, text

from app import audit, cases, cli, database, demo
from app.models import Base, Case, Document, EventValues, Upload
from tests import conftest, play, sops
from tests.conftest import Database, Office, Shelf

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
ENDED, OPEN, WALK_IN = 1, 2, 3  # cases, in the order in which they are opened


@pytest.fixture(scope="session")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uploads and papers of the office that was at work."""
    return tmp_path_factory.mktemp("shelved")


@pytest.fixture
def worked(shelf: Shelf, shelved: Path, tmp_path: Path) -> Iterator[Office]:
    """An office with one case that ended, one in the middle, claimed, and one begun at the counter."""
    files = shelved / shelf.kind

    def work(url: str) -> None:
        engine = database.connect(url)
        office = Office(Database(shelf.kind, url, engine, *database.sessions(engine)), files)
        for _ in range(2):
            play.apply(office)
        assert play.through(office, ENDED) > 0
        for _ in range(3):
            with office.work() as ctx:  # whoever takes a step and lets go of it issues no paper
                task = play.waiting(ctx, OPEN)[0]
                actor = office.actor(ctx, play.performer(office, ctx, task).name)
                cases.claim(ctx, actor, task.id)
                cases.release(ctx, actor, task.id)
            play.step(office, OPEN)
        play.apply(office, office.counter, on_behalf_of="Warga Samarinda")
        with office.work() as ctx:
            for case_id in (OPEN, WALK_IN):
                task = play.waiting(ctx, case_id)[0]
                name = play.performer(office, ctx, task).name if case_id == OPEN else office.counter
                cases.claim(ctx, office.actor(ctx, name), task.id)
        engine.dispose()

    with conftest.connected(shelf, shelf.template("worked", work, after=conftest.hired(shelf, sops.LARGEST))) as made:
        shutil.copytree(files, tmp_path / "files")
        office = Office(made, tmp_path / "files")
        office.later(days=2)
        yield office
        office.close()


@contextmanager
def tools(office: Office) -> Iterator[Callable[[str], None]]:
    """The database's own tools, for which no foreign key holds."""
    connection = office.db.engine.raw_connection()
    cursor = connection.cursor()
    off, on = ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
    if office.db.kind == "postgresql":
        off, on = ("SET session_replication_role = replica", "RESET session_replication_role")
    cursor.execute(off)
    yield lambda statement: cursor.execute(statement) and None
    connection.commit()
    cursor.execute(on)
    connection.commit()
    connection.close()


def found(office: Office, *numbers: str) -> list[str]:
    with office.look() as ctx:
        return [f"{proof.number}: {words}" for proof in audit.verify(ctx, numbers) for words in proof.all_findings]


def test_what_nobody_touched_is_whole(worked: Office) -> None:
    assert found(worked) == []


def meddle(office: Office, statements: str) -> None:
    """Does what the tables say, to the SOP that there is."""
    definition = sops.definition(sops.LARGEST)  # as drawn: nothing is looked at before it is meddled with
    label = next(choice.label for step in definition.steps.values() for choice in step.choices if choice.returns)
    lanes = [lane.name for lane in definition.lanes if lane.name != definition.applicant_lane]
    words = {"A CHOICE": label, "THE APPLICANT": str(definition.applicant_lane), "A LANE": lanes[-1]}
    for word, said in words.items():
        statements = statements.replace(word, said)
    with tools(office) as do:
        for statement in statements.split(";"):
            do(statement)


MEDDLED = [
    # the journal
    "DELETE FROM event WHERE case_id = 1 AND seq = 4",
    "DELETE FROM event WHERE case_id = 1 AND seq = 1",
    "DELETE FROM event WHERE case_id = 2 AND seq = (SELECT max(seq) FROM event WHERE case_id = 2)",
    "DELETE FROM event WHERE case_id = 2",
    "UPDATE event SET seq = 900 WHERE case_id = 1 AND seq = 3; UPDATE event SET seq = 3 WHERE case_id = 1 AND seq = 4; "
    "UPDATE event SET seq = 4 WHERE case_id = 1 AND seq = 900",
    "UPDATE event SET seq = seq + 900 WHERE case_id = 1 AND seq > 10",
    "UPDATE event SET case_id = 3, seq = 9 WHERE case_id = 2 AND seq = 2",
    "INSERT INTO event SELECT case_id, 900, at, recorded_at, actor_id, actor, lane, kind, step, choice, body, answers_digest, digest "
    "FROM event WHERE case_id = 2 AND seq = 2",
    "UPDATE event SET actor = 'Orang Lain' WHERE case_id = 2 AND seq = 2",
    # what was typed
    "UPDATE event_values SET key = (SELECT key FROM event_values WHERE case_id = 2 ORDER BY seq LIMIT 1) WHERE case_id = 1",
    "UPDATE event_values SET typed = (SELECT typed FROM event_values WHERE case_id = 1 ORDER BY seq DESC LIMIT 1) WHERE case_id = 2",
    "INSERT INTO event_values SELECT case_id, 1, key, typed FROM event_values WHERE case_id = 2 LIMIT 1",
    # where the case stands
    "UPDATE \"case\" SET data = '{}' WHERE id = 2",
    'UPDATE "case" SET data = NULL WHERE id = 2',
    'UPDATE "case" SET data = \'{"nomor_izin":"palsu"}\' WHERE id = 1',
    'UPDATE "case" SET state = (SELECT state FROM "case" WHERE id = 3) WHERE id = 2',
    "UPDATE \"case\" SET state_digest = 'x' WHERE id = 2",
    "UPDATE \"case\" SET status = 'ended' WHERE id = 2",
    "UPDATE \"case\" SET status = 'open' WHERE id = 1",
    "UPDATE \"case\" SET status = 'refused' WHERE id = 1",
    "UPDATE \"case\" SET number = '00009/IMTA/2026' WHERE id = 1",
    "UPDATE \"case\" SET sop = 'lain' WHERE id = 1",
    'UPDATE "case" SET seq = seq + 1 WHERE id = 2',
    'UPDATE "case" SET head = (SELECT head FROM "case" WHERE id = 3) WHERE id = 2',
    'UPDATE "case" SET opened_at = opened_at - 1 WHERE id = 1',
    'UPDATE "case" SET ended_at = ended_at - 1 WHERE id = 1',
    'UPDATE "case" SET ended_at = opened_at WHERE id = 2',
    'UPDATE "case" SET clock_at = clock_at + 1 WHERE id = 1',
    'UPDATE "case" SET clock_at = NULL WHERE id = 1',
    'UPDATE "case" SET next_due = opened_at WHERE id = 2',
    'UPDATE "case" SET due_at = due_at + 1 WHERE id = 1',
    'UPDATE "case" SET due_at = NULL WHERE id = 1',
    'UPDATE "case" SET paused_at = opened_at WHERE id = 2',
    'UPDATE "case" SET pause_days = pause_days + 1 WHERE id = 1',
    'UPDATE "case" SET breached_at = opened_at WHERE id = 1',
    'UPDATE "case" SET filed_by_id = 1 WHERE id = 1',
    "UPDATE \"case\" SET applicant_id = (SELECT id FROM person WHERE name = 'pemohon2') WHERE id = 1",
    'UPDATE "case" SET applicant_id = filed_by_id WHERE id = 3',
    'DELETE FROM "case" WHERE id = 2',
    # inboxes
    "DELETE FROM task WHERE case_id = 2 AND closed_at IS NULL",
    "DELETE FROM task WHERE case_id = 1 AND round = 2",
    "UPDATE task SET closed_at = NULL, closed_by_id = NULL WHERE case_id = 1 AND round = 2",
    "UPDATE task SET closed_at = opened_at WHERE case_id = 2 AND closed_at IS NULL",
    "UPDATE task SET closed_at = closed_at + 1 WHERE case_id = 1",
    "UPDATE task SET opened_at = opened_at - 1 WHERE case_id = 1",
    "UPDATE task SET closed_by_id = 1 + closed_by_id WHERE case_id = 1 AND round = 1",
    "UPDATE task SET lane_id = lane_id + 1 WHERE case_id = 2 AND closed_at IS NULL",
    "UPDATE task SET applicant_id = 1 WHERE case_id = 2 AND closed_at IS NULL",
    "UPDATE task SET assignee_id = 1 + assignee_id WHERE case_id = 2 AND closed_at IS NULL",
    "UPDATE task SET assignee_id = NULL WHERE case_id = 3",
    "UPDATE task SET step = 'lain' WHERE case_id = 1 AND round = 2",
    "UPDATE task SET name = 'lain' WHERE case_id = 2",
    "UPDATE task SET round = 7 WHERE case_id = 2",
    "UPDATE task SET token = 'x' WHERE case_id = 2 AND closed_at IS NULL",
    "UPDATE task SET returned_seq = NULL WHERE case_id = 1",
    "UPDATE task SET case_id = 3 WHERE case_id = 2",
    # papers
    "DELETE FROM document WHERE id = 1",
    "UPDATE document SET sha256 = (SELECT sha256 FROM document WHERE id = 2) WHERE id = 1",
    "UPDATE document SET sha256 = NULL, filled_at = NULL WHERE id = 1",
    "UPDATE document SET name = 'Surat lain' WHERE id = 1",
    "UPDATE document SET template = 'lain.docx' WHERE id = 1",
    "UPDATE document SET copies = 9 WHERE id = 1",
    "UPDATE document SET internal = NOT internal WHERE id = 1",
    "UPDATE document SET case_id = 3 WHERE id = 1",
    "UPDATE document SET seq = 1 WHERE id = 1",
    "UPDATE document SET filled_at = filled_at + 1 WHERE id = 1",
    "INSERT INTO document (case_id, seq, template, name, kind, copies, internal, attempts, created_at) "
    "SELECT case_id, seq, template, name, kind, copies, internal, attempts, created_at FROM document WHERE id = 1",
    # uploads
    "DELETE FROM upload WHERE case_id = 1",
    "UPDATE upload SET sha256 = (SELECT min(sha256) FROM upload) WHERE case_id = 1",
    "UPDATE upload SET case_id = 3 WHERE case_id = 2",
    "UPDATE upload SET case_id = NULL WHERE case_id = 2",
    "UPDATE upload SET size = size + 1 WHERE case_id = 2",
    # registers
    "DELETE FROM register_entry WHERE number = 1",
    "DELETE FROM register_entry WHERE number = 3",
    "UPDATE register_entry SET text = 'x' WHERE number = 1",
    "UPDATE register_entry SET case_id = 3 WHERE case_id = 1",
    "UPDATE register_entry SET number = 7 WHERE number = 1",
    "UPDATE register_entry SET year = 2020",
    "UPDATE register_entry SET given_at = given_at + 1 WHERE case_id = 1",
    "INSERT INTO register_entry SELECT register, year, 900, text, case_id, given_at FROM register_entry WHERE number = 1",
    "UPDATE register SET last = last - 1",
    "UPDATE register SET last = last + 1",
    "DELETE FROM register",
    "INSERT INTO void SELECT register, year, number, given_at, 1, 'x' FROM register_entry WHERE number = 1",
    # the SOP
    "DELETE FROM revision_file WHERE path LIKE 'forms/%'",
    "DELETE FROM revision_file WHERE path LIKE '%.bpmn'",
    "UPDATE revision_file SET path = 'forms/x.form' WHERE path = (SELECT min(path) FROM revision_file WHERE path LIKE 'forms/%')",
    "INSERT INTO revision_file SELECT revision_id, 'forms/lain.form', content FROM revision_file WHERE path LIKE '%.bpmn'",
    "UPDATE revision SET digest = 'x'",
    "UPDATE revision SET definition = replace(definition, 'A CHOICE', 'Perbaiki')",
    "UPDATE revision SET definition = replace(definition, 'THE APPLICANT', 'A LANE')",
    "UPDATE revision SET definition = '{}'",
    "UPDATE revision SET definition = ''",
    "UPDATE revision SET sop = 'lain'",
]


@one_kind
@pytest.mark.parametrize("meddled", MEDDLED)
def test_whatever_is_meddled_with_is_found(worked: Office, meddled: str) -> None:
    meddle(worked, meddled)
    assert found(worked) != []


@pytest.mark.parametrize("meddled", MEDDLED[::9])
@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_it_is_found_there_too(worked: Office, meddled: str) -> None:
    meddle(worked, meddled)
    assert found(worked) != []


@one_kind
@pytest.mark.parametrize("stored", [Document, Upload])
@pytest.mark.parametrize("damage", ["gone", "empty", "one bit"])
def test_bytes_on_the_disk(worked: Office, stored: type[Document] | type[Upload], damage: str) -> None:
    with worked.look() as ctx:
        digest = str(ctx.session.scalars(select(stored.sha256).where(stored.case_id == ENDED)).first())
    path = next(worked.settings.files.rglob(f"*{digest[2:]}"))
    content = path.read_bytes()
    os.chmod(path, 0o600)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else content[:-1] + bytes([content[-1] ^ 1]))
    assert found(worked) != []


@one_kind
def test_the_command_says_so(
    worked: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verify(*words: str) -> tuple[int, list[dict[str, object]]]:
        monkeypatch.setenv("ALUR_DATABASE_URL", worked.db.url)
        monkeypatch.setenv("ALUR_FILES", str(worked.settings.files))
        monkeypatch.setenv("ALUR_SECRET_KEY", "rahasia-uji")
        monkeypatch.setattr(sys, "argv", ["alur", "verify", "--json", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(left.value.code or 0), [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    code, lines = verify()
    assert (code, [line["whole"] for line in lines]) == (0, [True, True, True])
    with tools(worked) as do:
        do("UPDATE event SET actor = 'Orang Lain' WHERE case_id = 2 AND seq = 2")
    code, lines = verify()
    assert (code, [line["whole"] for line in lines]) == (1, [True, False, True])
    assert verify(str(lines[0]["number"]))[0] == 0
    assert verify(str(lines[1]["number"])) == (1, [lines[1]])
    assert verify("tidak ada") == (
        1, [{"number": "tidak ada", "whole": False, "findings": ["Nomor ini tidak dikenal."]}],
    )  # fmt: skip


def test_what_people_typed_is_missed(worked: Office) -> None:
    """It may go by a destruction that two people decided (test_retention.py), and in no other way."""
    with worked.work() as ctx:
        ctx.session.execute(EventValues.__table__.delete().where(EventValues.case_id == 1))
    told = found(worked)
    assert told
    assert all("hilang, padahal permohonan ini tidak dimusnahkan" in words for words in told)


def test_half_a_deed_leaves_nothing(worked: Office) -> None:
    before = rows(worked)
    with pytest.raises(ZeroDivisionError):
        half_a_deed(worked)
    assert rows(worked) == before
    assert found(worked) == []


def half_a_deed(office: Office) -> None:
    with office.work() as ctx:
        task = play.waiting(ctx, WALK_IN)[0]
        demo.complete(ctx, office.person(ctx, "LOKET"), task, seed=1)
        cases.open_case(ctx, office.actor(ctx, "pemohon"), office.sop)
        ctx.session.flush()
        raise ZeroDivisionError


def rows(office: Office) -> dict[str, int]:
    with office.look() as ctx:
        names = [table.name for table in Base.metadata.sorted_tables]
        return {name: ctx.session.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in names}


PROVEN = (
    "event",
    "event_values",
    "case",
    "task",
    "document",
    "upload",
    "register",
    "register_entry",
    "revision",
    "revision_file",
)


@one_kind
@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_never_bring_it_down(worked: Office, seed: int) -> None:
    """Cells of every table, each with one byte other than it was, or a value of another kind."""
    seed += int(os.environ.get("ALUR_SEED", "0"))
    random = Random(seed)
    path = worked.db.url.removeprefix("sqlite:///")
    whole = Path(path).read_bytes()
    print("seed", seed)
    for _ in range(12):
        Path(path).write_bytes(whole)
        meddled = scribble(path, random)
        try:
            findings = found(worked)
        except Exception as error:
            raise AssertionError(meddled) from error
        json.dumps(findings, ensure_ascii=False).encode()
        worked.db.engine.dispose()


def scribble(path: str, random: Random) -> str:
    """Changes one value somewhere, as no program of ours would; what was done."""
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA foreign_keys = OFF")
        file.execute("PRAGMA ignore_check_constraints = ON")
        table = random.choice(PROVEN)
        columns = [row[1] for row in file.execute(f'PRAGMA table_info("{table}")')]
        keys = [row[1] for row in file.execute(f'PRAGMA table_info("{table}")') if row[5]]
        column = random.choice(columns)
        row = random.choice(file.execute(f'SELECT {", ".join(keys)} FROM "{table}"').fetchall())
        where = " AND ".join(f"{key} = ?" for key in keys)
        (old,) = file.execute(f'SELECT CAST({column} AS BLOB) FROM "{table}" WHERE {where}', row).fetchone()
        raw = bytearray(old or b"x")
        raw[random.randrange(len(raw) or 1) if raw else 0 :][:1] = b""
        if raw:
            raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        new: object = random.choice([bytes(raw), None, -(2**62), 2**62, 1.5, "", "\x00", "[]", "{}", '{"path": 7}'])
        if isinstance(new, bytes) and random.random() < 0.7:  # as the kind of value that it was
            statement = f'UPDATE OR IGNORE "{table}" SET {column} = CAST(? AS TEXT) WHERE {where}'
        else:
            statement = f'UPDATE OR IGNORE "{table}" SET {column} = ? WHERE {where}'
        try:
            file.execute(statement, (new, *row))
        except sqlite3.IntegrityError:
            return "nothing"
    file.close()
    return f"{table}.{column} of {row}: {new!r}"


@one_kind
def test_any_bytes_of_the_file_never_bring_the_command_down(
    worked: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("ALUR_SEED", "0"))
    random = Random(seed)
    path = Path(worked.db.url.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    monkeypatch.setenv("ALUR_DATABASE_URL", worked.db.url)
    monkeypatch.setenv("ALUR_FILES", str(worked.settings.files))
    monkeypatch.setenv("ALUR_SECRET_KEY", "rahasia-uji")
    monkeypatch.setattr(sys, "argv", ["alur", "verify", "--json"])
    worked.db.engine.dispose()
    print("seed", seed)
    for _ in range(15):
        raw = bytearray(whole)
        for _ in range(random.choice((1, 5, 50))):
            raw[random.randrange(len(raw))] = random.randrange(256)
        path.write_bytes(raw)
        for beside in path.parent.glob(f"{path.name}-*"):
            beside.unlink()
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code in (0, 1, None)
        capsys.readouterr()
    path.write_bytes(whole)


def test_the_cases_are_those_that_the_tables_above_name(worked: Office) -> None:
    with worked.look() as ctx:
        kept = ctx.session.execute(select(Case.id, Case.status).order_by(Case.id)).all()
    assert [tuple(row) for row in kept] == [(ENDED, "ended"), (OPEN, "open"), (WALK_IN, "open")]
