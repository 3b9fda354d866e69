"""Yang akan berakhir: what was issued and ends soon, and its extension."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import cases, forms, people, permits, revisions, terms
from app.models import Case
from app.permits import Ending
from app.web import base, seen, shown

blueprint = Blueprint("ending", __name__)
ROWS = 50
MONTH, LONGEST = 31, 3660  # days ahead, or back, that are looked at


@blueprint.get("/berakhir")
@base.signed_in
def berakhir() -> ResponseReturnValue:
    """What ends within so many days, or ended so many ago, of the SOPs in which the reader works."""
    ctx, actor = base.context(), base.actor()
    everything = actor.person.auditor or actor.person.owner
    if not (everything or actor.staff):
        abort(403)
    titles = {revision.sop: revision.title for revision in revisions.all_in_force(ctx.session)}
    mine = {sop: title for sop, title in titles.items() if everything or sop in actor.sops}
    asked = {name: request.args.get(name, "")[:200] for name in ("sop", "hari", "sudah", "belum")}
    sop, past, unextended = asked["sop"], asked["sudah"] == "1", asked["belum"] == "1"
    days, today = _days(asked["hari"]), shown.local(ctx.now).date()
    first, last = today, today + timedelta(days=days)
    if past:
        first, last = today - timedelta(days=days), today - timedelta(days=1)
    sops = [sop] if sop in mine else None if everything else sorted(actor.sops)
    found = permits.ending(ctx, sops, first, last, unextended=unextended, after=_after(), limit=ROWS + 1)
    rows, more = found[:ROWS], len(found) > ROWS
    seen.shown("berakhir", [row.case for row in rows])
    after = f"{rows[-1].document.valid_until}.{rows[-1].document.id}" if more else ""
    kept = {name: value for name, value in asked.items() if value}
    return render_template(
        "ending/list.html",
        rows=[(row, row.extension is None and _may_extend(row.case, titles)) for row in rows],
        today=today,
        titles=titles,
        sops=mine,
        sop=sop,
        days=days,
        past=past,
        unextended=unextended,
        narrowed=bool(kept),
        next=f"?{urlencode({**kept, 'sesudah': after})}" if after else "",
    )


def _may_extend(case: Case, in_force: Collection[str]) -> bool:
    """Whether who asks may extend what a case gave, as far as a list says."""
    rule = terms.extension(revisions.load(base.session(), case.revision_id).definition)
    return case.status == "ended" and rule is not None and rule.sop in in_force and cases.may_extend(base.actor(), case)


def _days(text: str) -> int:
    return min(int(text), LONGEST) if text.isascii() and text.isdigit() and len(text) < 6 else MONTH


def _after() -> tuple[date, int] | None:
    """After which paper a list goes on."""
    day, _dot, number = request.args.get("sesudah", "")[:40].partition(".")
    try:
        return date.fromisoformat(day), min(int(number), base.LARGEST_ID - 1)
    except ValueError:
        return None


@blueprint.get("/permohonan/<int:case_id>/perpanjangan")
@base.signed_in
def perpanjangan(case_id: int) -> ResponseReturnValue:
    """Says what is extended, what is copied, and what has to be filled in anew."""
    ctx = base.context()
    case = cases.case_for(ctx, base.actor(), case_id)
    ending = cases.extendable(ctx, base.actor(), case)
    if ending is None:
        raise cases.NotFound()
    return render_template(
        "ending/extend.html", case=case, ending=ending, today=shown.local(ctx.now).date(), copied=_copied(case)
    )


@blueprint.post("/permohonan/<int:case_id>/perpanjangan")
@base.signed_in
def perpanjangan_kirim(case_id: int) -> ResponseReturnValue:
    """Opens the application that extends it."""
    case = cases.extend(base.context(), base.actor(), case_id)
    mine = next((task for task in cases.open_tasks(base.context(), case) if people.may_do(base.actor(), task)), None)
    flash(_("Perpanjangan %(number)s dibuat dengan isian lama. Periksa, lengkapi, lalu kirim.", number=case.number))
    if mine is not None:
        return redirect(url_for("tasks.langkah", task_id=mine.id), 303)
    return redirect(url_for("cases.permohonan", case_id=case.id), 303)


def _copied(case: Case) -> list[tuple[str, str]]:
    """What the new application begins with, as its reader knows it: labels and values."""
    ctx = base.context()
    rule = terms.extension(revisions.load(ctx.session, case.revision_id).definition)
    revision = revisions.in_force(ctx.session, rule.sop) if rule else None
    if rule is None or revision is None:
        return []
    data = rule.filled(cases.data_of(ctx, case))
    found: dict[str, tuple[str, str]] = {}
    for form in revisions.load(ctx.session, revision.id).forms.values():
        for field in form.fields:
            text = forms.text(field, forms.at(data, field.pointer)) if "*" not in field.pointer else ""
            if text:
                found.setdefault(field.pointer, (field.label, text))
    return list(found.values())


def of_case(case: Case) -> Ending | None:
    """What of a case who asks may extend, for the page of that case."""
    return cases.extendable(base.context(), base.actor(), case)


blueprint.app_template_global("extendable")(of_case)
