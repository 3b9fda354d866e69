"""Somebody who works without a pause until they are killed: `python -m tests.officer URL FILES SEED`.

Each round is a transaction of its own on whatever case is there: open one, claim, release, complete, fill a paper.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from sqlalchemy import select

from app import cases, database, demo, papers
from app.models import Case
from tests import play
from tests.conftest import Database, Office


def main(url: str, files: str, seed: str) -> None:
    engine = database.connect(url)
    office = Office(Database(engine.dialect.name, url, engine, *database.sessions(engine)), Path(files))
    random = Random(seed)
    sop = office.sop
    print("begun", flush=True)
    while True:
        office.at(datetime.now(UTC))
        try:
            work(office, sop, random)
        except (cases.Refusal, LookupError):  # somebody else was faster, or may not be the same person twice
            continue


def work(office: Office, sop: str, random: Random) -> None:
    """One thing that an office does."""
    with office.work() as ctx:
        ids = list(ctx.session.scalars(select(Case.id).where(Case.status == "open")))
        if len(ids) < 4:
            cases.open_case(ctx, office.actor(ctx, "pemohon"), sop)
            return
        case = ctx.session.get_one(Case, random.choice(ids))
        task = random.choice(cases.open_tasks(ctx, case))
        person = play.performer(office, ctx, task)
        actor = office.actor(ctx, person.name)
        match random.randrange(8):
            case 0:
                cases.claim(ctx, actor, task.id)
            case 1:
                cases.release(ctx, actor, task.id)
            case 2:
                for document in papers.waiting(ctx, 1):
                    papers.fill(ctx, document)
            case _:
                ways = cases.choices(ctx, task)
                way = random.choice(ways) if ways else None
                demo.complete(ctx, person, task, seed=random.randrange(1000), choice=way)


if __name__ == "__main__":
    main(*sys.argv[1:])
