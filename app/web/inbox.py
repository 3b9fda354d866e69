"""Kotak tugas: what waits for this person, most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app import cases, inbox, revisions
from app.inbox import Counts, Filters, StepCount
from app.models import Lane, Task
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
    filters = _filters(request.args)
    page = inbox.tasks(base.context(), base.actor(), filters, request.args.get("setelah"), ROWS)
    counts = inbox.counts(base.context(), base.actor())
    lanes = inbox.lanes(base.session(), base.actor())
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
        link=_link,
    )


@blueprint.post("/tugas/berikutnya")
@base.signed_in
def berikutnya() -> ResponseReturnValue:
    """Claims the most urgent task that nobody has and that this person may do, under the filters of the list."""
    filters = replace(_filters(request.form), mine=False, unclaimed=True)
    ctx, actor = base.context(), base.actor()
    for task in inbox.tasks(ctx, actor, filters, None, TRIES).items:
        try:
            with ctx.session.begin_nested():
                cases.claim(ctx, actor, task.id)
        except cases.Refusal:
            continue
        return redirect(url_for("tasks.langkah", task_id=task.id))
    flash(_("Tidak ada lagi tugas yang belum diambil di sini."))
    return redirect(_link(_filters(request.form)))


def _filters(values: MultiDict[str, str]) -> Filters:
    sop, lane, step = (values.get("di", "").split("|") + ["", "", ""])[:3]
    return Filters(
        sop=sop,
        lane=lane,
        step=step,
        mine=bool(values.get("milik_saya")),
        unclaimed=bool(values.get("belum_diambil")),
        overdue=bool(values.get("lewat_waktu")),
        q=values.get("cari", "").replace("\0", "").strip()[:100],
    )


def place(filters: Filters) -> str:
    """The value of the list's place filter: SOP, lane and step."""
    return "|".join((filters.sop, filters.lane, filters.step)).rstrip("|")


def _link(filters: Filters, cursor: str | None = None) -> str:
    return url_for(
        "inbox.kotak",
        di=place(filters) or None,
        milik_saya=filters.mine or None,
        belum_diambil=filters.unclaimed or None,
        lewat_waktu=filters.overdue or None,
        cari=filters.q or None,
        setelah=cursor,
    )


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
