"""Whose task it is, in which order, and how many, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event

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


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_no_query_of_the_page_reads_all_cases_or_tasks(office: Office) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    asked: dict[str, Any] = {}
    client = office.client(waiting_for(office, case_id))

    def note(*said: Any) -> None:
        asked.setdefault(said[2], said[3])

    event.listen(Engine, "before_cursor_execute", note)  # the server's engine is its own
    try:
        assert client.get("/tugas").status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with office.db.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
        many = "UPDATE sqlite_stat1 SET stat = '100000 1' WHERE idx = 'sqlite_autoindex_case_1'"
        connection.exec_driver_sql(many)  # its planner reads all cases only where it knows of many
        connection.exec_driver_sql("ANALYZE sqlite_schema")
        plans = {
            statement: [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            for statement, values in asked.items()
            if statement.startswith("SELECT")
        }
    assert any("task" in line for plan in plans.values() for line in plan)
    assert {q: plan for q, plan in plans.items() if {"SCAN case", "SCAN task", "SCAN event"} & set(plan)} == {}
