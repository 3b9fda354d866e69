"""Driving a case in tests as its people would, by the numbers of the SOP's table and the labels of its decisions."""

from __future__ import annotations

from typing import Any

from app import cases, demo, forms, papers, revisions
from app.context import Context
from app.engine.definition import Choice
from app.models import Case, Person, Task
from tests.conftest import Office


def apply(office: Office, name: str = "", sop: str = "", **rest: Any) -> int:
    """Opens a case as `name`, else as whoever usually does; its id."""
    name = name or ("pemohon" if sop else office.opener)
    with office.work() as ctx:
        return cases.open_case(ctx, office.actor(ctx, name), sop or office.sop, **rest).id


def waiting(ctx: Context, case_id: int) -> list[Task]:
    return cases.open_tasks(ctx, ctx.session.get_one(Case, case_id))


def performer(office: Office, ctx: Context, task: Task) -> Person:
    """Who does a task: its lane's officer, or the applicant."""
    name = "pemohon" if task.lane.applicant else office.officers[task.lane.name]
    return office.person(ctx, name)


def step(office: Office, case_id: int, label: str = "", *, seed: int = 1, minutes: int = 12) -> cases.Completion:
    """Completes the case's first open task with sample answers and the decision of this label, and fills its papers."""
    office.later(minutes=minutes)
    with office.work() as ctx:
        task = waiting(ctx, case_id)[0]
        ways = cases.choices(ctx, task)
        person = performer(office, ctx, task)
        if label:
            index = next(n for n, way in enumerate(ways) if way.label == label)
            done = demo.complete(ctx, person, task, seed=seed, choice=ways[index])
        else:
            done = demo.complete(ctx, person, task, seed=seed)
    with office.work() as ctx:
        for document in papers.waiting(ctx):
            papers.fill(ctx, document)
    return done


def finish(office: Office, case_id: int, *labels: str) -> None:
    """Goes on to the end; `labels` are the decisions wanted first, each taken where it is drawn next."""
    wanted = list(labels)
    while True:
        with office.look() as ctx:
            open_now = waiting(ctx, case_id)
            if not open_now:
                break
            drawn = [way.label for way in cases.choices(ctx, open_now[0])]
        step(office, case_id, wanted.pop(0) if wanted and wanted[0] in drawn else "")
    assert not wanted, f"never drawn: {wanted}"


def through(office: Office, case_id: int) -> int:
    """Goes on to the end and takes every return once on the way; how many there were."""
    taken: set[str] = set()
    while True:
        with office.look() as ctx:
            open_now = waiting(ctx, case_id)
            if not open_now:
                return len(taken)
            ways = cases.choices(ctx, open_now[0])
        back = next((way for way in ways if way.returns and way.id not in taken), None)
        taken |= {back.id} if back else set()
        step(office, case_id, back.label if back else "")


def anew(ctx: Context, task: Task) -> Choice:
    """The choice of a task that ends its case with a new application."""
    ends = revisions.load(ctx.session, task.case.revision_id).definition.ends
    anew = {key for key, end in ends.items() if end.properties.get("permohonan_baru") == "ya"}
    return next(way for way in cases.choices(ctx, task) if way.target in anew)


def at_return(office: Office) -> int:
    """A case at the first step from which one can send it back."""
    case_id = apply(office)
    while True:
        with office.look() as ctx:
            if any(way.returns for way in cases.choices(ctx, waiting(ctx, case_id)[0])):
                return case_id
        step(office, case_id)


def answers(office: Office, ctx: Context, task_id: int) -> dict[str, Any]:
    """Sample answers for a task, with uploads by whoever will do it."""
    task = ctx.session.get_one(Task, task_id)
    form, person = cases.form_of(ctx, task), performer(office, ctx, task)
    today = ctx.now.astimezone(ctx.settings.zone).date()
    return forms.sample(form, 1, lambda field: demo.sample_upload(ctx, person, field), today) if form else {}
