"""Laporan: how the year went."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import retention, revisions, statistics
from app.web import base, shown

blueprint = Blueprint("reports", __name__)


@blueprint.get("/laporan")
@base.signed_in
def laporan() -> ResponseReturnValue:
    """One table for each SOP of the reader's; an auditor, an owner or an administrator reads all."""
    ctx, actor = base.context(), base.actor()
    person = actor.person
    everything = person.auditor or person.owner or person.admin
    if not (everything or actor.staff):
        abort(403)
    years = statistics.years(ctx)
    asked = request.args.get("tahun", "")
    year = int(asked) if asked.isdecimal() and int(asked[:4]) in years else years[0]
    found = statistics.year(ctx, year, None if everything else actor.sops)
    titles = {revision.sop: revision.title for revision in revisions.all_in_force(ctx.session)}
    keeps = bool(retention.may_oversee(ctx, actor))
    return render_template(
        "reports/laporan.html", year=year, years=years, found=found, titles=titles, events=_events(), keeps=keeps
    )


def _events() -> dict[str, str]:
    return {
        "breach": _("Batas waktu terlampaui"),
        "take_back": _("Langkah diambil kembali"),
        "withdraw": _("Permohonan ditarik"),
        "refuse": _("Permohonan ditolak di luar gambar SOP"),
        "lapse": _("Permohonan dinyatakan gugur"),
        "reopen": _("Permohonan dibuka kembali"),
        "correct": _("Isian dibetulkan"),
        "revoke": _("Izin dicabut"),
        "paper": _("Peristiwa dicatat dari kertas sesudah gangguan"),
    }


blueprint.app_template_filter("persen")(lambda part, whole: f"{round(100 * part / whole)} %" if whole else "")
STATUSES = ("open", "ended", "refused", "withdrawn", "lapsed", "revoked")
blueprint.app_template_global("statuses")(lambda: [(value, shown.status(value)) for value in STATUSES])
