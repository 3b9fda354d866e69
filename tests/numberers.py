"""Officers who do nothing but give numbers, until they are killed: `python -m tests.numberers URL FILES SEED OFFICERS KILLS`.

Each is a process of its own that opens cases of the SOP `nomor` and completes whatever step is open in it. One after
the other is killed at some moment and followed by another; at last all of them at once, as when the power fails.
Prints `ready`, and how many were killed.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from sqlalchemy import func
from sqlalchemy import select as choose

from app import cases, database, people
from app.models import Case, Person, Task
from tests.conftest import Database, Office

SOP = "nomor"
AT_MOST = 6  # open cases: several officers are at the same one now and then


def main(url: str, files: str, seed: str, officers: str, kills: str) -> None:
    random = Random(seed)
    done, tell = os.pipe()  # a byte for each deed
    running = [hire(url, files, f"{seed}.{n}", n, tell) for n in range(int(officers))]
    print("ready", flush=True)
    killed = 0
    while killed < int(kills):
        for _ in range(random.randint(1, 8)):
            assert select.select([done], [], [], 60)[0], "nobody does anything"
            os.read(done, 1)
        time.sleep(random.uniform(0, 0.02))
        number = random.randrange(len(running))
        kill(running[number])
        killed += 1
        running[number] = hire(url, files, f"{seed}.{killed}.{number}", number, tell)
    for process in running:
        os.kill(process, signal.SIGKILL)
    for process in running:
        os.waitpid(process, 0)
    print(killed + len(running), flush=True)


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status), "an officer ended by themselves"


def hire(url: str, files: str, seed: str, number: int, tell: int) -> int:
    """Starts an officer; the process. Everything is imported by now and nothing connected: a fork shares nothing."""
    process = os.fork()
    if process:
        return process
    try:
        work(url, files, Random(seed), f"penomor{number}", tell)
    except BaseException as error:  # what is written here fails the test
        print(f"{number}: {error!r}", file=sys.stderr, flush=True)
    os._exit(1)


def work(url: str, files: str, random: Random, name: str, tell: int) -> None:
    engine = database.connect(url)
    office = Office(Database(engine.dialect.name, url, engine, *database.sessions(engine)), Path(files), SOP)
    while True:
        office.at(datetime.now(UTC))
        try:
            with office.work() as ctx:
                person = ctx.session.scalars(choose(Person).where(Person.name == name)).one()
                actor = people.actor(ctx.session, person, ctx.now)
                opened = choose(func.count()).select_from(Case).where(Case.status == "open")
                if (ctx.session.scalar(opened) or 0) < AT_MOST:
                    cases.open_case(ctx, actor, SOP)
                else:
                    open_now = choose(Task.id).where(Task.closed_at.is_(None)).order_by(Task.id)
                    cases.complete(ctx, actor, random.choice(ctx.session.scalars(open_now).all()), {})
            os.write(tell, b".")
        except (cases.Refusal, IndexError):  # somebody else was faster
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
