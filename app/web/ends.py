"""Tindakan atas seluruh permohonan: withdraw, refuse, lapse, reopen, correct, revoke, take back, apply again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import cases, drawn, ends, forms, journal, revisions
from app.engine.definition import Step
from app.forms import Fault
from app.models import Case
from app.web import base, shown, tasks

blueprint = Blueprint("ends", __name__)


@dataclass(frozen=True)
class Words:
    """How a verb is asked for: its name, what it does, and its button, which says what cannot be taken back."""

    name: str
    effect: str
    button: str
    done: str


WORDS = {
    "withdraw": Words(
        _l("Tarik permohonan"),
        _l("Permohonan berhenti dan tidak diproses lagi. Riwayat dan dokumennya tetap dapat dibaca."),
        _l("Tarik permohonan ini"),
        _l("Permohonan sudah ditarik."),
    ),
    "refuse": Words(
        _l("Tolak permohonan"),
        _l("Permohonan berakhir sebagai ditolak. Alasannya dibaca pemohon persis seperti Anda tulis."),
        _l("Tolak permohonan ini"),
        _l("Permohonan sudah ditolak."),
    ),
    "lapse": Words(
        _l("Nyatakan gugur"),
        _l("Permohonan berakhir sebagai gugur, misalnya karena lama tidak dilanjutkan pemohon."),
        _l("Nyatakan permohonan ini gugur"),
        _l("Permohonan sudah dinyatakan gugur."),
    ),
    "reopen": Words(
        _l("Buka kembali"),
        _l("Permohonan dilanjutkan dari langkah sebelum berakhir. Jam layanan tidak menghitung waktu selama tertutup."),
        _l("Buka kembali permohonan ini"),
        _l("Permohonan dibuka kembali."),
    ),
    "correct": Words(
        _l("Betulkan isian"),
        _l("Isian yang dibetulkan tercatat atas nama Anda; yang semula tertulis tetap ada di riwayat."),
        _l("Simpan pembetulan"),
        _l("Pembetulan sudah dicatat."),
    ),
    "revoke": Words(
        _l("Cabut izin"),
        _l("Yang sudah terbit dinyatakan tidak berlaku lagi. Tindakan ini tidak dapat dibatalkan."),
        _l("Cabut"),
        _l("Yang sudah terbit kini dicabut."),
    ),
}
PATHS = {verb.property.replace("_", "-"): kind for kind, verb in ends.VERBS.items()}
ADDRESSES = {kind: path for path, kind in PATHS.items()}


def actions(case: Case) -> list[tuple[str, str]]:
    """What who asks may do to a case as it stands: its address and name."""
    found = []
    for rule in cases.offered(base.context(), base.actor(), case):
        where = url_for("ends.tindakan", case_id=case.id, verb=ADDRESSES[rule.verb.kind])
        found.append((where, WORDS[rule.verb.kind].name))
    return found


blueprint.app_template_global("case_actions")(actions)


@blueprint.get("/permohonan/<int:case_id>/tindakan/<verb>")
@base.signed_in
def tindakan(case_id: int, verb: str) -> ResponseReturnValue:
    """Asks for the reason, and says what will happen."""
    case, rule = _rule(case_id, verb)
    return _page(case, rule, request.args.get("langkah", ""))


@blueprint.post("/permohonan/<int:case_id>/tindakan/<verb>")
@base.signed_in
def tindakan_kirim(case_id: int, verb: str) -> ResponseReturnValue:
    """Does it."""
    case, rule = _rule(case_id, verb)
    kind, ctx = rule.verb.kind, base.context()
    step_id, reason = request.form.get("langkah", ""), base.typed("alasan", 5000)
    form = revisions.load(ctx.session, case.revision_id).form_at(step_id) if kind == "correct" else None
    posted = tasks.posted_by(form) if form else None
    if posted and (posted.refused or forms.is_edit(request.form)):
        return _page(case, rule, step_id, reason, posted.answers, posted.refused), 422 if posted.refused else 200
    try:
        with ctx.session.begin_nested():
            cases.act(ctx, base.actor(), case_id, kind, reason, step_id, posted.answers if posted else {})
    except cases.Invalid as invalid:
        base.keep()  # the files that came stay
        ctx.session.expire_all()
        return _page(case, rule, step_id, reason, posted.answers if posted else {}, invalid.faults), 422
    except (cases.ReasonNeeded, cases.TooLarge) as refusal:
        base.keep()
        ctx.session.expire_all()
        answers = posted.answers if posted else None
        return _page(case, rule, step_id, reason, answers, [Fault("alasan", refusal.message)]), 422
    base.fill_papers_of(case.id, case.seq)
    flash(_("%(number)s: %(done)s", number=case.number, done=WORDS[kind].done))
    return redirect(url_for("cases.permohonan", case_id=case_id), 303)


@blueprint.get("/permohonan/<int:case_id>/ambil-kembali")
@base.signed_in
def ambil_kembali(case_id: int) -> ResponseReturnValue:
    """Says what taking back undoes."""
    ctx, actor = base.context(), base.actor()
    case = cases.case_for(ctx, actor, case_id)
    last = cases.may_take_back(ctx, actor, case, journal.entries(ctx, case.id))
    loaded = revisions.load(ctx.session, case.revision_id)
    step = loaded.definition.steps.get(last.step) if last else None
    page = render_template("ends/take_back.html", case=case, last=last, step=step)
    return page if last else (page, 409)


@blueprint.post("/permohonan/<int:case_id>/ambil-kembali")
@base.signed_in
def ambil_kembali_kirim(case_id: int) -> ResponseReturnValue:
    """Takes back what who asks has just completed."""
    task_id = cases.take_back(base.context(), base.actor(), case_id)
    flash(_("Langkah ini terbuka kembali untuk Anda. Isian Anda tadi ada di bawah sebagai draf."))
    return redirect(url_for("tasks.langkah", task_id=task_id), 303)


@blueprint.post("/permohonan/<int:case_id>/ajukan-lagi")
@base.signed_in
def ajukan_lagi(case_id: int) -> ResponseReturnValue:
    """A new application that follows an ended one, with what was filled in then."""
    case = cases.apply_again(base.context(), base.actor(), case_id)
    open_now = cases.open_tasks(base.context(), case)
    flash(_("Permohonan baru %(number)s dibuat dengan isian yang lama. Periksa, lalu kirim.", number=case.number))
    if open_now:
        return redirect(url_for("tasks.langkah", task_id=open_now[0].id), 303)
    return redirect(url_for("cases.permohonan", case_id=case.id), 303)


def _rule(case_id: int, verb: str) -> tuple[Case, ends.Rule]:
    """The case and what its SOP says of this verb; 404 where who asks may not, or not now."""
    ctx, actor = base.context(), base.actor()
    case = cases.case_for(ctx, actor, case_id)
    found = [rule for rule in cases.offered(ctx, actor, case) if rule.verb.kind == PATHS.get(verb)]
    return (case, found[0]) if found else abort(404)


def _page(
    case: Case,
    rule: ends.Rule,
    step_id: str = "",
    reason: str = "",
    answers: dict[str, Any] | None = None,
    faults: Sequence[Fault] = (),
) -> str:
    ctx = base.context()
    loaded = revisions.load(ctx.session, case.revision_id)
    kind = rule.verb.kind
    steps = _answered(case, loaded) if kind == "correct" else []
    step = next((step for step in steps if step.id == step_id), None)
    form = loaded.form_of(step) if step else None
    data = cases.data_of(ctx, case)
    values = forms.apply(form, data, answers) if form and answers is not None else data
    return render_template(
        "ends/act.html",
        case=case,
        words=WORDS[kind],
        kind=kind,
        address=url_for("ends.tindakan", case_id=case.id, verb=ADDRESSES[kind]),
        letters=drawn.papers(rule.letters),
        steps=steps,
        step=step,
        form=form,
        values=values,
        files=tasks.files_of(case, values),
        today=shown.local(ctx.now).date(),
        reason=reason,
        faults={fault.pointer: fault.message for fault in faults},
    )


def _answered(case: Case, loaded: revisions.Loaded) -> list[Step]:
    """The steps whose answers can be corrected, in the order of the SOP."""
    entries = journal.entries(base.context(), case.id)
    gone = journal.undone(entries)
    done = {e.step for e in entries if e.kind == "complete" and e.seq not in gone}
    return [step for step in loaded.definition.steps.values() if step.id in done and loaded.form_of(step)]
