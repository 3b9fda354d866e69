"""A week of an office, played against a real mail server and real workers, and its books agree; in `make soak` a month."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.models import Case, Event, Message
from tests import played
from tests.conftest import Office


def agrees(office: Office, folder: Path, seed: int, days: int, arrivals: float) -> None:
    week = played.play(office, folder, seed, days, arrivals)
    log = (folder / "pekerja.log").read_text()
    with office.look() as ctx:
        kinds = dict(ctx.session.execute(select(Event.kind, func.count()).group_by(Event.kind)).all())
        status = dict(ctx.session.execute(select(Case.status, func.count()).group_by(Case.status)).all())
        unsure = ctx.session.scalar(select(func.count()).where(Message.unsure)) or 0
    said = f"seed {seed}: {kinds} {status} {len(week.box.taken)} messages, {unsure} unsure"
    print(said)
    wrong = played.books(week)
    assert not wrong, "\n".join([said, *wrong, log])
    assert log == "", said
    # The play is none where nothing happened.
    assert {"start", "complete", "document", "breach", "calendar"} <= kinds.keys(), said
    assert unsure > 0, said


@pytest.mark.parametrize("seed", [1])
def test_the_books_of_a_week_agree(office: Office, tmp_path: Path, seed: int) -> None:
    agrees(office, tmp_path, seed, days=7, arrivals=0.6)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 4))
def test_the_books_of_a_month_agree(office: Office, tmp_path: Path, seed: int) -> None:
    agrees(office, tmp_path, seed, days=28, arrivals=0.5)
