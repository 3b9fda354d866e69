"""Arsip PDF, for administrators: is there an office suite, who signs, and which papers did not become a PDF."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import archive, signing
from app.web import base

blueprint = Blueprint("archived", __name__)
SOON = timedelta(days=30)  # before a certificate ends
MOST = 100


@blueprint.get("/pengelola/arsip")
@base.admin
def semua() -> ResponseReturnValue:
    """How papers are archived here, and those that failed, the latest first."""
    ctx = base.context()
    mine = ctx.settings.signing
    return render_template(
        "archived/list.html",
        suite=ctx.settings.soffice,
        mine=mine,
        mine_name=signing.common_name(mine.subject) if mine else "",
        ends=mine is not None and mine.until < ctx.now + SOON,
        waiting=archive.count(ctx),
        rows=archive.failing(ctx, MOST),
        tries=archive.TRIES,
    )


@blueprint.post("/pengelola/arsip/<int:document_id>/ulang")
@base.admin
def ulang(document_id: int) -> ResponseReturnValue:
    """Makes a paper's PDF anew, at the worker's next look."""
    if archive.again(base.context(), document_id):
        flash(_("PDF dokumen itu dicoba lagi sekarang."))
    else:
        flash(_("PDF dokumen itu sudah ada; tidak ada yang berubah."), "error")
    return redirect(url_for("archived.semua"), 303)
