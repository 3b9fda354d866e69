"""Several at once, for real: threads and processes on both databases. One of them wins, and the others hear it."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app import audit, bundles, cases, journal, papers, people, registers, revisions, worker
from app.models import Case, Document, Event, Register, RegisterEntry, Task
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, lanes
from tests.test_registers import PATTERN, did, installed, outage

TIMER = """
start mulai
user a "Lengkapi berkas"
boundary lewat attachedToRef=a cancelActivity=false <<timerEventDefinition><timeCycle>R3/PT1H</timeCycle></timerEventDefinition>>
user b "Ingatkan"
end akhir
end cukup
mulai > a
a > akhir
lewat > b
b > cukup
"""


def together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs the jobs at the same moment, each in its thread; what each gave, or its refusal's class."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        gate.wait(30)
        try:
            return job()
        except cases.Refusal as refusal:
            return type(refusal)

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs, timeout=120))


def whole(office: Office) -> bool:
    with office.look() as ctx:
        found = [words for proof in audit.verify(ctx) for words in proof.all_findings]
    assert found == []
    return True


def test_eight_officers_complete_one_task(office: Office) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        names = [f"cs{n}" for n in range(8)]
        for name in names:
            people.grant(ctx, people.new_person(ctx, name, PASSWORD), task.lane.name)
        choice = next(c.id for c in cases.choices(ctx, task) if c.returns)

    def complete(name: str) -> Callable[[], str]:
        def job() -> str:
            with office.work() as ctx:
                cases.complete(ctx, office.actor(ctx, name), task.id, {}, choice, "Kurang lengkap.", version=1)
            return name

        return job

    answers = together([complete(name) for name in names])
    winners = [answer for answer in answers if answer in names]
    assert (len(winners), set(answers) - set(winners)) == (1, {cases.AlreadyDone})
    with office.look() as ctx:
        assert len(play.waiting(ctx, case_id)) == 1
    assert whole(office)


def test_one_takes_it_and_the_others_hear_who(office: Office) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        for n in range(6):
            people.grant(ctx, people.new_person(ctx, f"cs{n}", PASSWORD), task.lane.name)
        task_id = task.id

    def take(name: str) -> Callable[[], str]:
        def job() -> str:
            with office.work() as ctx:
                cases.claim(ctx, office.actor(ctx, name), task_id)
            return "taken"

        return job

    assert Counter(together([take(f"cs{n}") for n in range(6)])) == {"taken": 1, cases.Taken: 5}
    assert whole(office)


def test_registers_have_no_gap_and_no_twin(office: Office) -> None:
    """Twenty at once, every fourth of whom thinks better of it."""
    texts: list[str] = []

    def give(number: int) -> Callable[[], None]:
        def job() -> None:
            try:
                with office.work() as ctx:
                    text = registers.give(ctx, "Izin", "{urut:4}/{tahun}", None)
                    ctx.session.flush()
                    if number % 4 == 0:
                        raise ZeroDivisionError
                texts.append(text)
            except ZeroDivisionError:
                pass

        return job

    together([give(number) for number in range(20)])
    assert sorted(texts) == [f"{number:04}/2026" for number in range(1, 16)]
    with office.look() as ctx:
        assert ctx.session.scalar(select(Register.last).where(Register.name == "Izin")) == 15
        assert ctx.session.scalar(select(func.count()).where(RegisterEntry.register == "Izin")) == 15


def test_a_number_is_struck_out_once(office: Office) -> None:
    """Five officers at the same number of a case, five at one that was set aside while somebody enters whose it is."""
    installed(office)
    case_id, other = (play.apply(office, sop="izin") for _ in range(2))
    did(office, case_id, "isi", "nomori")
    with office.work() as ctx:
        [aside] = registers.reserve(ctx, "Izin", PATTERN, 1, outage(office, ctx))

    def strike(number: int) -> Callable[[], str]:
        def job() -> str:
            with office.work() as ctx:
                cases.void_number(ctx, office.actor(ctx, "penomor"), "Izin", 2026, number, "Salah")
            return "struck"

        return job

    def use() -> str:
        with office.work() as ctx:
            try:
                return registers.use(ctx, "Izin", aside, other)
            except registers.NotUsable:
                return "void"

    assert Counter(together([strike(1)] * 5)) == {"struck": 1, cases.NotNow: 4}
    assert whole(office)
    used, *answers = together([use, *[strike(2)] * 5])
    struck = answers.count("struck")
    with office.look() as ctx:
        told = len(journal.entries(ctx, other, kind="void"))
    # Struck out first; used and then struck out, which its case knows; or used while all five looked at it.
    assert (used == "void", struck, told) in [(True, 1, 0), (False, 1, 1), (False, 0, 0)]


def test_applications_opened_at_once_have_numbers_of_their_own(office: Office) -> None:
    def apply() -> int:
        return play.apply(office)

    ids = together([apply] * 12)
    with office.look() as ctx:
        numbers = ctx.session.scalars(select(Case.number).where(Case.id.in_(ids)))
        before, width, after = re.split(r"\{urut:?(\d*)\}", office.definition.properties["nomor_permohonan"])
        wanted = [f"{before}{n:0{width or 1}}{after}".replace("{tahun}", "2026") for n in range(1, 13)]
        assert sorted(numbers) == wanted
    assert whole(office)


MADE = (Event.kind == "document", Document.filled_at.is_not(None))


def test_a_paper_is_filled_once(office: Office) -> None:
    case_id = play.apply(office)
    for _ in range(2):
        play.step(office, case_id)
    office.later(minutes=5)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        from app import demo

        demo.complete(ctx, play.performer(office, ctx, task), task, seed=1)
    with office.look() as ctx:
        paper = papers.waiting(ctx)[0]
        before = [ctx.session.scalar(select(func.count()).where(column)) or 0 for column in MADE]

    def fill() -> bool:
        with office.work() as ctx:
            return papers.fill(ctx, paper)

    def beside() -> bool:
        return bool(worker.fill_paper(office.settings, office.db.reading, office.db.writing, paper))

    assert Counter(together([fill, beside, fill, beside])) == {True: 1, False: 3}
    with office.look() as ctx:
        after = [ctx.session.scalar(select(func.count()).where(column)) for column in MADE]
        assert after == [count + 1 for count in before]
    assert whole(office)


def test_two_workers_fire_a_timer_once(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "ingat.bpmn"
    path.write_bytes(draw(TIMER, lanes(("Pemohon", "mulai a"), ("Kasi", "b akhir cukup lewat")), id="ingat"))
    with office.work() as ctx:
        for bundle in bundles.read([path]):
            revisions.install(ctx, bundle, "uji", "uji")
    ids = [play.apply(office, sop="ingat") for _ in range(5)]
    office.later(hours=2, minutes=30)

    def work() -> int:
        return worker.once(office.settings, office.db.reading, office.db.writing)

    fired = together([work] * 4)
    assert (sum(fired), work()) == (10, 0)
    with office.look() as ctx:
        times = ctx.session.execute(
            select(Event.case_id, Event.at).where(Event.kind == "timer").order_by(Event.case_id, Event.seq)
        ).all()
        began = office.now - timedelta(hours=2, minutes=30)
        assert [tuple(row) for row in times] == [(i, began + timedelta(hours=n)) for i in ids for n in (1, 2)]
        assert ctx.session.scalar(select(func.count()).where(Task.step == "b")) == 10
    assert whole(office)


def test_an_officer_and_the_worker_meet_at_a_timer(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "ingat.bpmn"
    path.write_bytes(draw(TIMER, lanes(("Pemohon", "mulai a"), ("Kasi", "b akhir cukup lewat")), id="ingat"))
    with office.work() as ctx:
        for bundle in bundles.read([path]):
            revisions.install(ctx, bundle, "uji", "uji")
    case_id = play.apply(office, sop="ingat")
    with office.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    office.later(hours=1, minutes=30)

    def complete() -> str:
        with office.work() as ctx:
            cases.complete(ctx, office.actor(ctx, "pemohon"), task_id, {})
        return "done"

    def work() -> int:
        return worker.once(office.settings, office.db.reading, office.db.writing)

    assert together([complete, work, work])[0] == "done"
    with office.look() as ctx:
        kinds = ctx.session.scalars(select(Event.kind).where(Event.case_id == case_id).order_by(Event.seq))
        assert list(kinds) == ["start", "timer", "complete"]
    assert whole(office)


def test_one_sop_is_installed_twice_at_once(office: Office, tmp_path: Path) -> None:
    """Two owners with two versions: one after the other, and one revision is in force."""

    def install(title: str) -> Callable[[], int]:
        path = tmp_path / title / "rapat.bpmn"
        path.parent.mkdir()
        path.write_bytes(draw('start m\nuser a "Rapat"\nend z\nm > a\na > z', id="rapat", name=title))

        def job() -> int:
            with office.work() as ctx:
                return revisions.install(ctx, bundles.read([path])[0], "uji", "uji").number

        return job

    assert sorted(together([install(f"Rapat {n}") for n in range(4)])) == [1, 2, 3, 4]
    with office.look() as ctx:
        in_force = [r.number for r in revisions.all_in_force(ctx.session) if r.sop == "rapat"]
    assert in_force == [4]
