"""Retensi: what is due to be destroyed, who proposed and who decided it, how far it has come, and its certificate."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import cases, files, retention, revisions
from app.models import Case, Destruction, Person
from app.retention import Progress, Schedule
from app.web import base

blueprint = Blueprint("retention", __name__)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHOWN = 50  # of what is due, the first


@dataclass(frozen=True)
class Kept:
    """An SOP's schedule with what is due by it, and what the reader may do."""

    schedule: Schedule
    due: list[Case]
    count: int
    soon: int
    proposes: bool
    decides: bool


def _mine() -> list[Schedule]:
    """The schedules that the reader has to do with; 403 for whoever has none to do with."""
    found = retention.may_oversee(base.context(), base.actor())
    if not found and not base.actor().person.auditor:
        abort(403)
    return found


@blueprint.get("/retensi")
@base.signed_in
def daftar() -> ResponseReturnValue:
    """What is due now and soon, the lists, and what is held."""
    return _page()


def _page(typed: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None) -> str:
    ctx, actor = base.context(), base.actor()
    mine = _mine()
    sops = [schedule.sop for schedule in mine]
    kept = []
    for schedule in mine:
        count = retention.count(ctx, schedule)
        soon = retention.count(ctx, schedule, retention.half_year(ctx)) - count
        due = list(retention.due(ctx, schedule, SHOWN)) if count else []
        proposes = retention.may_propose(ctx, actor, schedule)
        kept.append(Kept(schedule, due, count, soon, proposes, retention.may_decide(ctx, actor, schedule)))
    lists = retention.listed(ctx, None if actor.person.auditor else sops)
    titles = {schedule.sop: schedule.title for schedule in mine}
    return render_template(
        "retention/daftar.html",
        kept=kept,
        titles=titles,
        named={row.sop: titles.get(row.sop) or revisions.title(ctx.session, row.sop) for row, *_rest in lists},
        lists=lists,
        holds=retention.holds(ctx, sops),
        acts=any(one.proposes or one.decides for one in kept),
        until=retention.half_year(ctx),
        typed=typed or {},
        faults=faults or {},
    )


def _faults(invalid: cases.Invalid) -> dict[str, str]:
    return {fault.pointer.strip("/"): fault.message for fault in invalid.faults}


@blueprint.post("/retensi/usul")
@base.signed_in
def usul() -> ResponseReturnValue:
    """Puts all that is due of an SOP on a list."""
    typed = {"sop": base.typed("sop", 200), "dasar": base.typed("dasar", 400)}
    try:
        row = retention.propose(base.context(), base.actor(), typed["sop"], typed["dasar"])
    except cases.Invalid as invalid:
        return _page(typed, {f"dasar-{typed['sop']}": words for words in _faults(invalid).values()}), 422
    flash(_("Usulan pemusnahan dibuat. Orang lain harus memutuskannya sebelum ada yang dimusnahkan."))
    return redirect(url_for("retention.satu", destruction_id=row.id), 303)


@blueprint.get("/retensi/<int:destruction_id>")
@base.signed_in
def satu(destruction_id: int) -> ResponseReturnValue:
    """One list."""
    return _list(_visible(destruction_id))


def _visible(number: int) -> Destruction:
    """A list that the reader has to do with: an auditor with each, whatever its SOP says by now. Raises NotFound."""
    row, mine = retention.found(base.context(), number), _mine()
    if not base.person().auditor and row.sop not in {schedule.sop for schedule in mine}:
        raise cases.NotFound()
    return row


def _list(
    row: Destruction, typed: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None
) -> str:  # fmt: skip
    ctx, actor = base.context(), base.actor()
    schedule = next((known for known in _mine() if known.sop == row.sop), None)
    proposes = schedule is not None and retention.may_propose(ctx, actor, schedule)
    decides = schedule is not None and retention.may_decide(ctx, actor, schedule)
    proposed, decided = retention.people_of(ctx, row)
    return render_template(
        "retention/satu.html",
        row=row,
        schedule=schedule,
        title=revisions.title(ctx.session, row.sop),
        members=retention.members(ctx, row),
        progress=retention.progress(ctx, row),
        state=state(row, retention.progress(ctx, row)),
        proposed=proposed,
        decided=decided,
        absent={who.id: who.full_name for who in _absent(row)},
        decides=decides and row.approved is None,
        own=actor.person.id in (row.proposed_by_id, row.proposed_for_id),
        acts=proposes or decides,
        typed=typed or {},
        faults=faults or {},
    )


def _absent(row: Destruction) -> list[Person]:
    ids = {row.proposed_for_id, row.decided_for_id} - {None}
    return [base.session().get_one(Person, number) for number in ids]


def state(row: Destruction, progress: Progress) -> tuple[str, str]:
    """Where a list stands, in words, and the kind of its badge."""
    if row.approved is None:
        return _("Menunggu keputusan"), "here"
    if not row.approved:
        return _("Ditolak"), "plain"
    if row.done_at is not None:
        return _("Selesai"), "good"
    if row.stopped_at is not None:
        return _("Dihentikan sementara"), "here"
    return (_("Sedang dikerjakan"), "here") if progress.left else (_("Menyusun berita acara"), "here")


blueprint.app_template_global("destruction_state")(state)


@blueprint.post("/retensi/<int:destruction_id>/putuskan")
@base.signed_in
def putuskan(destruction_id: int) -> ResponseReturnValue:
    """Approves or rejects a list."""
    row, note = _visible(destruction_id), base.typed("catatan", 1100)
    approve = request.form.get("keputusan") == "setuju"
    if not approve and request.form.get("keputusan") != "tolak":
        return _list(row, {"catatan": note}, {"keputusan": _("Pilih setuju atau tolak.")}), 422
    try:
        retention.decide(base.context(), base.actor(), destruction_id, approve, note)
    except (cases.ReasonNeeded, cases.TooLarge) as refusal:
        return _list(row, {"catatan": note}, {"catatan": refusal.message}), 422
    if approve:
        flash(_("Disetujui. Pemusnahan berjalan di belakang layar; kemajuannya tampak di halaman ini."))
    else:
        flash(_("Ditolak. Tidak ada yang dimusnahkan."))
    return redirect(url_for("retention.satu", destruction_id=destruction_id), 303)


@blueprint.post("/retensi/<int:destruction_id>/henti")
@base.signed_in
def henti(destruction_id: int) -> ResponseReturnValue:
    """Stops the destruction, or lets it go on."""
    _visible(destruction_id)
    stopped = request.form.get("henti") == "1"
    retention.stop(base.context(), base.actor(), destruction_id, stopped)
    flash(_("Dihentikan sementara. Yang sudah dimusnahkan tidak dapat dikembalikan.") if stopped else _("Dilanjutkan."))
    return redirect(url_for("retention.satu", destruction_id=destruction_id), 303)


@blueprint.get("/retensi/<int:destruction_id>/berita-acara.docx")
@base.signed_in
def berita_acara(destruction_id: int) -> ResponseReturnValue:
    """The certificate of a list that is done."""
    row = _visible(destruction_id)
    if row.certificate is None:
        raise cases.NotFound()
    content = io.BytesIO(files.read(base.alur().settings.files, row.certificate))
    return send_file(content, DOCX, as_attachment=True, download_name=f"berita-acara-pemusnahan-{row.id}.docx")


@blueprint.post("/retensi/tahan")
@base.signed_in
def tahan() -> ResponseReturnValue:
    """Keeps a case beyond its retention."""
    typed = {"sop": base.typed("sop", 200), "nomor": base.typed("nomor", 80), "alasan": base.typed("alasan", 400)}
    back = request.form.get("daftar", "")
    number = int(back) if back.isdecimal() and len(back) < 10 else None
    try:
        retention.hold(base.context(), base.actor(), typed["sop"], typed["nomor"], typed["alasan"])
    except cases.Invalid as invalid:
        faults = _faults(invalid)
        return (_list(_visible(number), typed, faults) if number else _page(typed, faults)), 422
    flash(_("Permohonan %(number)s ditahan sampai penahanannya dicabut.", number=typed["nomor"].strip()))
    if number:
        return redirect(url_for("retention.satu", destruction_id=number), 303)
    return redirect(url_for("retention.daftar", _anchor="ditahan"), 303)


@blueprint.post("/retensi/tahan/<int:hold_id>/cabut")
@base.signed_in
def cabut(hold_id: int) -> ResponseReturnValue:
    """Lets a case go that was held."""
    retention.lift(base.context(), base.actor(), hold_id)
    flash(_("Penahanan dicabut. Permohonan itu dapat diusulkan lagi bila retensinya habis."))
    return redirect(url_for("retention.daftar", _anchor="ditahan"), 303)
