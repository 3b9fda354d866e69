"""Ketidakhadiran: who is away and by whom they are deputised, entered by an administrator, seen by whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select

from app import absences, cases
from app.absences import Entered, Wrong
from app.models import Deputy, Membership, Person
from app.web import base, shown
from app.web.admin import day

blueprint = Blueprint("absences", __name__)
KINDS = {
    "plh": _l("Plh. (pelaksana harian): pejabatnya sedang berhalangan"),
    "plt": _l("Plt. (pelaksana tugas): jabatannya sedang kosong"),
    "cuti": _l("Cuti: wakil menandatangani a.n. pejabatnya"),
}


@blueprint.app_template_filter("perwakilan")
def kind(value: str) -> str:
    """How somebody is deputised, in a word."""
    return {"plh": "Plh.", "plt": "Plt."}.get(value) or _("Cuti")


@blueprint.app_template_filter("mulai")
def begins(value: datetime) -> str:
    """From when something counts: a day where it begins with one, else the moment."""
    return shown.tanggal_hari(value) if _midnight(value) else shown.waktu(value)


@blueprint.app_template_filter("hingga")
def ends(value: datetime) -> str:
    """Until when something counts: its last day where it ends with one, else the moment."""
    return shown.tanggal_hari(value - timedelta(microseconds=1)) if _midnight(value) else shown.waktu(value)


def _midnight(value: datetime) -> bool:
    return shown.local(value).time() == time()


@blueprint.get("/pengelola/ketidakhadiran")
@base.admin
def semua() -> ResponseReturnValue:
    """Every absence, and the form for a new one."""
    return _page({"orang": request.args.get("orang", ""), "jenis": "plh"})


def _page(
    typed: Mapping[str, Any], faults: Mapping[str, str] | None = None, warnings: Sequence[str] = ()
) -> ResponseReturnValue:
    page = render_template(
        "admin/absences.html",
        absences=absences.listed(base.context()),
        typed=typed,
        faults=faults or {},
        warnings=warnings,
        kinds=KINDS,
        holders=_holders(),
        deputies=_deputies(),
        today=base.context().local().date(),
    )
    return page, 422 if faults or warnings else 200


def _holders() -> Sequence[Person]:
    """Whoever holds a lane now or later."""
    ongoing = or_(Membership.until.is_(None), Membership.until > base.now())
    query = select(Person).where(Person.id.in_(select(Membership.person_id).where(ongoing)))
    return base.session().scalars(query.order_by(func.lower(Person.full_name), Person.id)).all()


def _deputies() -> Sequence[Person]:
    query = select(Person).where(Person.active, ~Person.applicant)
    return base.session().scalars(query.order_by(func.lower(Person.full_name), Person.id)).all()


@blueprint.post("/pengelola/ketidakhadiran")
@base.admin
def catat() -> ResponseReturnValue:
    """Keeps an absence; where something may get stuck by it, only after that was read."""
    ctx = base.context()
    names = ("orang", "wakil", "jenis", "sejak", "sampai", "surat")
    typed = {name: base.typed(name, absences.REFERENCE + 1) for name in names}
    entered = Entered(
        _chosen(typed["orang"]), _chosen(typed["wakil"]), typed["jenis"], day("sejak"), day("sampai"),
        " ".join(typed["surat"].split()),
    )  # fmt: skip
    try:
        row = absences.enter(ctx, base.person(), entered, understood=bool(request.form.get("tetap")))
    except Wrong as wrong:
        faults = {name: wrong.faults[name] for name in names if name in wrong.faults}
        return _page(typed, faults, wrong.warnings)
    person, deputy = ctx.session.get_one(Person, row.person_id), ctx.session.get_one(Person, row.deputy_id)
    flash(_("Tercatat: %(who)s diwakili %(by)s.", who=person.full_name, by=deputy.full_name))
    return redirect(url_for("absences.semua"), 303)


def _chosen(value: str) -> Person | None:
    return base.session().get(Person, int(value)) if value.isdecimal() and len(value) < 10 else None


@blueprint.post("/pengelola/ketidakhadiran/<int:absence_id>/akhiri")
@base.admin
def akhiri(absence_id: int) -> ResponseReturnValue:
    """The absent person is back, or never went."""
    row = base.session().get(Deputy, absence_id)
    if row is None or row.until <= base.now():
        raise cases.NotFound()
    ahead = row.since > base.now()
    absences.end(base.context(), base.person(), row)
    flash(_("Ketidakhadiran dibatalkan.") if ahead else _("Ketidakhadiran berakhir sekarang; lajurnya kembali."))
    return redirect(url_for("absences.semua"), 303)


@blueprint.get("/akun/ketidakhadiran")
@base.signed_in
def milikku() -> ResponseReturnValue:
    """A person's own absences, and whom they stand in for."""
    return render_template("admin/my_absences.html", absences=absences.listed(base.context(), base.person()))
