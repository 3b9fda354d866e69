"""Pengaduan: what an applicant asks about a case, and its answer within a bound."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import cases, revisions
from app.models import Complaint
from app.web import base, seen, shown
from app.web.cases import again

blueprint = Blueprint("complaints", __name__)
LONGEST = cases.complaints.LONGEST + 1000  # what is longer than may be is told so, and kept as far as this
PAGE = 100


@blueprint.post("/permohonan/<int:case_id>/tanya")
@base.signed_in
def tanya(case_id: int) -> ResponseReturnValue:
    """Asks or complains about a case."""
    typed = {"jenis": base.typed("jenis", 20), "isi": base.typed("isi", LONGEST)}
    try:
        asked = cases.complaints.ask(base.context(), base.actor(), case_id, typed["jenis"], typed["isi"])
    except cases.Invalid as invalid:
        return again(case_id, None, typed, {fault.pointer.strip("/"): fault.message for fault in invalid.faults}), 422
    except (cases.TooLarge, cases.complaints.TooMany) as refusal:
        return again(case_id, None, typed, {"isi": refusal.message}), 422
    flash(_("Sudah kami terima. Jawabannya paling lambat %(kapan)s.", kapan=shown.waktu(asked.due_at)))
    return redirect(url_for("cases.permohonan", case_id=case_id, _anchor="pengaduan"), 303)


@blueprint.get("/pengaduan")
@base.staff
def daftar() -> ResponseReturnValue:
    return _list()


def _list(complaint_id: int = 0, text: str = "", fault: str = "") -> str:
    ctx = base.context()
    rows = cases.complaints.told(ctx, cases.complaints.waiting(ctx, base.actor(), PAGE))
    seen.shown("pengaduan", [case for _asked, case in rows])
    return render_template(
        "complaints/daftar.html",
        rows=rows,
        wrong=complaint_id,
        text=text,
        fault=fault,
        numbers={sop: told for sop, told in cases.complaints.numbers(ctx).items() if sop in base.actor().sops},
        titles={r.sop: r.title for r in revisions.all_in_force(ctx.session)},
    )


@blueprint.post("/pengaduan/<int:complaint_id>/jawab")
@base.staff
def jawab(complaint_id: int) -> ResponseReturnValue:
    """Answers, and tells whoever asked."""
    text = base.typed("isi", LONGEST)
    try:
        done = cases.complaints.answer(base.context(), base.actor(), complaint_id, text)
    except (cases.Invalid, cases.TooLarge) as refusal:
        faults = getattr(refusal, "faults", ())
        return _list(complaint_id, text, faults[0].message if faults else refusal.message), 422
    number = base.session().get_one(Complaint, complaint_id).case_id
    flash(_("Jawaban sudah dikirim kepada yang bertanya."))
    return redirect(url_for("cases.permohonan", case_id=number, _anchor=f"p{done.answered_seq}"), 303)
