"""Kotak tugas: what waits for this person, most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app import cases, inbox, people, revisions
from app.engine.definition import Choice
from app.inbox import Counts, Filters, StepCount
from app.models import Lane, Person, Task
from app.web import base, shown
from app.web.portal import services

blueprint = Blueprint("inbox", __name__)
ROWS = 50
TRIES = 20  # how many tasks "Ambil berikutnya" tries when colleagues take them at the same moment


@dataclass(frozen=True)
class Due:
    """A due time in words; `kind` is the mark's colour, never the only thing that says so."""

    kind: str
    word: str
    detail: str


def due(value: datetime | None) -> Due | None:
    """Late, today or safe, in words; None where nothing is due."""
    if value is None:
        return None
    if value < base.now():
        return Due("bad", _("Terlambat"), _("sejak %(when)s", when=shown.near(value)))
    if shown.local(value).date() == shown.local(base.now()).date():
        return Due("here", _("Hari ini"), _("sampai pukul %(jam)s", jam=shown.jam(value)))
    if value - base.now() <= timedelta(days=7):
        return Due("good", _("Aman"), shown.near(value))
    return Due("good", _("Aman"), shown.tanggal(value))


blueprint.app_template_filter("due")(due)


@blueprint.get("/tugas")
@base.signed_in
def kotak() -> ResponseReturnValue:
    """The inbox."""
    return _page(read(request.args), request.args.get("setelah"))


def _page(filters: Filters, cursor: str | None = None, view: str = "", fault: str = "") -> str:
    ctx = base.context()
    newest = inbox.newest(ctx.session)  # before the list: what opens meanwhile is told of as new
    page = inbox.tasks(ctx, base.actor(), filters, cursor, ROWS)
    counts = inbox.counts(ctx, base.actor())
    lanes = inbox.lanes(ctx.session, base.actor())
    inner = [service for service in services() if not service.outside]
    return render_template(
        "inbox/inbox.html",
        page=page,
        filters=filters,
        counts=counts,
        lanes=_lanes(lanes, counts),
        counter={(lane.sop, lane.name) for lane in lanes if lane.applicant},
        inner={service.sop for service in inner},
        begins=[service for service in inner if service.ways_in(base.actor())],
        titles={r.sop: r.title for r in revisions.all_in_force(base.session())},
        marks=_marks(page.items),
        link=link,
        newest=newest,
        views=inbox.views(ctx.session, base.person()),
        view=view,
        fault=fault,
        query=query_of(filters),
        handed=cases.handed_over(ctx, [task for task in page.items if task.assignee_id == base.person().id]),
        several=_several(page.items),
    )


@dataclass(frozen=True)
class Several:
    """What can be done with several tasks of the list at once."""

    colleagues: Sequence[Person]
    step: str  # the step that all of them wait at, where it asks nothing
    choices: Sequence[Choice]  # its decisions that lead on


def _several(items: Sequence[Task]) -> Several | None:
    """What is offered for several at once: completing only at one step that asks nothing, and never a return."""
    ctx, actor = base.context(), base.actor()
    office = [task for task in items if task.applicant_id is None]
    if len(office) < 2:
        return None
    lanes = {task.lane.name for task in office}
    if any(task.lane.applicant for task in office):
        lanes |= set(actor.names)
    colleagues = [person for person in people.holders(ctx, lanes) if person.id != actor.person.id]
    same = len({(task.case.sop, task.step) for task in items}) == 1
    first = cases.task_for(ctx, actor, office[0].id) if same else None
    if first is None or not cases.asks_nothing(ctx, first):
        return Several(colleagues, "", ())
    ways = cases.choices(ctx, first)
    forward = [way for way in ways if not way.returns]
    return Several(colleagues, first.name if forward or not ways else "", forward)


@blueprint.post("/tugas/saringan")
@base.signed_in
def simpan_saringan() -> ResponseReturnValue:
    """Saves the filters of the list under a name."""
    filters, name = read(request.form), " ".join(base.typed("nama").split())
    try:
        inbox.save_view(base.session(), base.person(), name, query_of(filters))
    except inbox.ViewRefused as refused:
        return _page(filters, view=name, fault=str(refused)), 422
    flash(_("Saringan “%(name)s” tersimpan.", name=name))
    return redirect(link(filters), 303)


@blueprint.post("/tugas/saringan/<int:view_id>/hapus")
@base.signed_in
def hapus_saringan(view_id: int) -> ResponseReturnValue:
    """Forgets filters that this person saved."""
    inbox.drop_view(base.session(), base.person(), view_id)
    flash(_("Saringan itu dihapus. Tugasnya tidak berubah."))
    return redirect(url_for("inbox.kotak"), 303)


@blueprint.post("/tugas/berikutnya")
@base.signed_in
def berikutnya() -> ResponseReturnValue:
    """Claims the most urgent task that nobody has and that this person may do, under the filters of the list."""
    filters = replace(read(request.form), mine=False, postponed=False, unclaimed=True)
    ctx, actor = base.context(), base.actor()
    for task in inbox.tasks(ctx, actor, filters, None, TRIES).items:
        try:
            with ctx.session.begin_nested():
                cases.claim(ctx, actor, task.id)
        except cases.Refusal:
            continue
        return redirect(url_for("tasks.langkah", task_id=task.id))
    flash(_("Tidak ada lagi tugas yang belum diambil di sini."))
    return redirect(link(read(request.form)))


def read(values: MultiDict[str, str]) -> Filters:
    """The filters that an address or a form names."""
    sop, lane, step = (values.get("di", "").split("|") + ["", "", ""])[:3]
    return Filters(
        sop=sop,
        lane=lane,
        step=step,
        mine=bool(values.get("milik_saya")),
        unclaimed=bool(values.get("belum_diambil")),
        overdue=bool(values.get("lewat_waktu")),
        returned=bool(values.get("dikembalikan")),
        postponed=bool(values.get("ditunda")),
        q=values.get(inbox.SEARCHED, "").replace("\0", "").strip()[:100],
    )


def place(filters: Filters) -> str:
    """The value of the list's place filter: SOP, lane and step."""
    return "|".join((filters.sop, filters.lane, filters.step)).rstrip("|")


def _names(filters: Filters) -> dict[str, str]:
    """Filters as an address and a form name them."""
    named = {
        "di": place(filters),
        "milik_saya": "1" if filters.mine else "",
        "belum_diambil": "1" if filters.unclaimed else "",
        "lewat_waktu": "1" if filters.overdue else "",
        "dikembalikan": "1" if filters.returned else "",
        "ditunda": "1" if filters.postponed else "",
        inbox.SEARCHED: filters.q,
    }
    return {name: value for name, value in named.items() if value}


def query_of(filters: Filters) -> str:
    """Filters as the query of an address; "" where nothing is filtered."""
    return urlencode(_names(filters))


def link(filters: Filters, cursor: str | None = None) -> str:
    """The address of the list under these filters."""
    return url_for("inbox.kotak", setelah=cursor, **_names(filters))  # type: ignore[arg-type]


blueprint.app_template_filter("saringan")(_names)


def _lanes(lanes: Sequence[Lane], counts: Counts) -> dict[tuple[str, str], list[StepCount]]:
    """The counts by lane, steps in drawn order."""
    order = {
        (revision.sop, step): number
        for revision in revisions.all_in_force(base.session())
        for number, step in enumerate(revisions.load(base.session(), revision.id).definition.steps)
    }
    found: dict[tuple[str, str], list[StepCount]] = {(lane.sop, lane.name): [] for lane in lanes}
    for count in sorted(counts.steps, key=lambda c: order.get((c.sop, c.step), 9999)):
        found.setdefault((count.sop, count.lane), []).append(count)
    return found


def _marks(tasks: tuple[Task, ...]) -> dict[int, str]:
    """The step's number in the SOP's table, where it has one, for each task."""
    found = {}
    for task in tasks:
        step = revisions.load(base.session(), task.case.revision_id).definition.steps.get(task.step)
        found[task.id] = step.properties.get("nomor", "") if step else ""
    return found
