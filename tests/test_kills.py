"""Officers at work are killed at any moment, and what is in the database is always a whole number of their deeds."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import func, select

from app import audit, worker
from app.models import Case, Document, Register, RegisterEntry
from tests import play
from tests.conftest import ROOT, Office

OFFICERS = 3


def rounds(office: Office, count: int, seed: int) -> None:
    """Kills the officers `count` times."""
    random = Random(seed)
    for number in range(count):
        running = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.officer",
                    office.db.url,
                    str(office.settings.files),
                    f"{seed}.{number}.{n}",
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            for n in range(OFFICERS)
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
        time.sleep(random.uniform(0.3, 1.5))
        for process in running:
            assert process.poll() is None, "an officer ended by themselves"
            process.kill()
        for process in running:
            process.communicate()


def prove(office: Office) -> None:
    """Every case is whole, every number belongs to a case and none is missing, every paper gets filled, every case ends."""
    office.at(datetime.now(UTC))
    while worker.once(office.settings, office.db.reading, office.db.writing):
        pass
    with office.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(Document).where(Document.filled_at.is_(None))) == 0
        for register in ctx.session.scalars(select(Register)):
            given = select(RegisterEntry.number).where(RegisterEntry.register == register.name)
            numbers = list(ctx.session.scalars(given.where(RegisterEntry.year == register.year)))
            assert sorted(numbers) == list(range(1, register.last + 1)), register.name
        found = list(ctx.session.scalars(select(Case.id).where(Case.status == "open")))
        assert len(found) >= 1
    play.finish(office, found[0])
    with office.look() as ctx:
        assert [proof.all_findings for proof in audit.verify(ctx) if not proof.whole] == []


def test_killed_at_work(office: Office) -> None:
    rounds(office, 2, seed=1)
    prove(office)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_work_again_and_again(seed: int, office: Office) -> None:
    rounds(office, 25, seed=100 + seed)
    prove(office)
