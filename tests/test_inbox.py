"""Whose task it is, in which order, and how many, on both databases."""

from __future__ import annotations

import pytest

from app import cases, inbox
from app.engine.definition import Step
from app.inbox import Filters
from tests import play
from tests.conftest import Office


def found(office: Office, name: str, filters: Filters = Filters()) -> list[int]:  # noqa: B008 - frozen
    """The cases of somebody's tasks, in order."""
    with office.look() as ctx:
        return [task.case_id for task in inbox.tasks(ctx, office.actor(ctx, name), filters, None, 9).items]


def waiting_for(office: Office, case_id: int) -> str:
    with office.look() as ctx:
        return str(play.performer(office, ctx, play.waiting(ctx, case_id)[0]).name)


def test_page_by_page(office: Office) -> None:
    numbers = []
    for _ in range(5):
        case_id = play.apply(office)
        play.step(office, case_id)
        numbers.append(case_id)
    with office.look() as ctx:
        actor = office.actor(ctx, waiting_for(office, numbers[0]))
        seen: list[int] = []
        cursor: str | None = None
        while True:
            page = inbox.tasks(ctx, actor, Filters(), cursor, 2)
            seen += [task.case_id for task in page.items]
            cursor = page.next
            if cursor is None:
                break
        counts = inbox.counts(ctx, actor)
        assert inbox.counts(ctx, office.actor(ctx, "pemohon")).own == 0
        assert inbox.tasks(ctx, actor, Filters(), "bukan penunjuk", 2).items[0].case_id == numbers[0]
    assert seen == numbers
    assert [(c.count, c.shown) for c in counts.steps] == [(5, "5")]
    assert found(office, "pemohon2") == []


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (99, "99"), (100, "99+")])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_count_stops(count: int, shown: str, kind: str) -> None:
    assert inbox.figure(count) == shown


def test_filters(office: Office) -> None:
    first, second = play.apply(office), play.apply(office)
    for case_id in (first, second):
        play.step(office, case_id, seed=case_id)
    name = waiting_for(office, first)
    with office.work() as ctx:
        task = cases.claim(ctx, office.actor(ctx, name), play.waiting(ctx, second)[0].id)
        number, step, lane = task.case.number, task.step, task.lane.name
    assert {
        "all": found(office, name),
        "mine": found(office, name, Filters(mine=True)),
        "unclaimed": found(office, name, Filters(unclaimed=True)),
        "overdue": found(office, name, Filters(overdue=True)),
        "number": found(office, name, Filters(q=number)),
        "applicant": found(office, name, Filters(q="ANDI pratama")),
        "naughty": found(office, name, Filters(q="%_\\ '\";--")),
        "step": found(office, name, Filters(step=step)),
        "other step": found(office, name, Filters(step="tidak-ada")),
        "lane": found(office, name, Filters(sop=office.sop, lane=lane)),
        "other sop": found(office, name, Filters(sop="tidak-ada", lane=lane)),
    } == {
        "all": [first, second], "mine": [second], "unclaimed": [first], "overdue": [], "number": [second],
        "applicant": [first, second], "naughty": [], "step": [first, second], "other step": [], "lane": [first, second],
        "other sop": [],
    }  # fmt: skip


def test_what_is_due_comes_first_and_is_late_in_time(office: Office) -> None:
    undated = play.apply(office)
    play.step(office, undated)
    dated = play.apply(office)
    received = [s.id for s in steps(office) if s.properties.get("jam") == "mulai"]
    while True:
        with office.look() as ctx:
            task = play.waiting(ctx, dated)[0]
        if task.step in received:
            break
        play.step(office, dated)
    play.step(office, dated)
    with office.look() as ctx:
        task = play.waiting(ctx, dated)[0]
        name, due = play.performer(office, ctx, task).name, task.due_at
    assert due is not None
    assert found(office, name, Filters(overdue=True)) == []
    office.at(due)
    office.later(minutes=1)
    assert found(office, name, Filters(overdue=True)) == [dated]
    with office.look() as ctx:
        assert inbox.counts(ctx, office.actor(ctx, name)).overdue == 1


def steps(office: Office) -> list[Step]:
    return list(office.definitions()[office.sop].steps.values())


def test_a_walk_in_belongs_to_the_counter(office: Office) -> None:
    with office.look() as ctx:
        counter = next(n for n in office.officers.values() if office.actor(ctx, n).counter)
        other = next(n for n in office.officers.values() if not office.actor(ctx, n).counter)
    walk_in = play.apply(office, counter, on_behalf_of="Ibu Tanpa Akun")
    filed = play.apply(office, counter, on_behalf_of="pemohon")
    own = play.apply(office, "pemohon2")
    people = (counter, other, "pemohon", "pemohon2", "luar")
    assert {name: found(office, name) for name in people} == {
        counter: [walk_in, filed], other: [], "pemohon": [filed], "pemohon2": [own], "luar": [],
    }  # fmt: skip
    with office.look() as ctx:
        assert inbox.counts(ctx, office.actor(ctx, "pemohon")).own == 1
