"""Pesan keluar, for administrators: what was told to whom and what became of it; and what a person wants to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from app import messages
from app.context import Context
from app.models import Case, Message, Person
from app.web import base

blueprint = Blueprint("outbox", __name__)
PAGE = 50


@dataclass(frozen=True)
class Row:
    """A message with whom it is for and the number of its case."""

    message: Message
    name: str
    number: str


@blueprint.get("/pengelola/pesan")
@base.admin
def semua() -> ResponseReturnValue:
    """The outbox, the latest first."""
    state = request.args.get("keadaan", "")
    state = state if state in messages.STATES else ""
    before = request.args.get("sebelum", "")
    older = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    ctx = base.context()
    found = messages.in_state(ctx, state, older, PAGE + 1)
    return render_template(
        "outbox/list.html",
        rows=_rows(ctx, found[:PAGE]),
        state=state,
        states=messages.STATES,
        next=found[PAGE - 1].id if len(found) > PAGE else None,
        narrowed=bool(state or older),
        settings=ctx.settings,
        me=base.person(),
    )


def _rows(ctx: Context, found: list[Message]) -> list[Row]:
    people = dict(_named(ctx, Person.id, Person.full_name, {m.person_id for m in found}))
    cases = dict(_named(ctx, Case.id, Case.number, {m.case_id for m in found}))
    return [Row(m, people.get(m.person_id or 0, ""), cases.get(m.case_id or 0, "")) for m in found]


def _named(ctx: Context, key: object, name: object, ids: set[int | None]) -> list[tuple[int, str]]:
    rows = ctx.session.execute(select(key, name).where(key.in_(ids - {None})))  # type: ignore[call-overload, attr-defined]
    return [(row[0], row[1]) for row in rows]


@blueprint.post("/pengelola/pesan/<int:message_id>/ulang")
@base.admin
def ulang(message_id: int) -> ResponseReturnValue:
    """Tries a message anew, at once."""
    return _done(messages.again, message_id, _("Pesan itu dicoba lagi sekarang."))


@blueprint.post("/pengelola/pesan/<int:message_id>/tarik")
@base.admin
def tarik(message_id: int) -> ResponseReturnValue:
    """Keeps a message from being sent."""
    return _done(messages.cancel, message_id, _("Pesan itu ditarik dan tidak akan dikirim."))


def _done(verb: Callable[[Context, int], bool], message_id: int, words: str) -> ResponseReturnValue:
    if verb(base.context(), message_id):
        flash(words)
    else:
        flash(_("Pesan itu sudah atau sedang dikirim, atau sudah ditarik; tidak ada yang berubah."), "error")
    state = request.form.get("keadaan", "")
    return redirect(url_for("outbox.semua", keadaan=state if state in messages.STATES else None), 303)


@blueprint.post("/pengelola/pesan/percobaan")
@base.admin
def percobaan() -> ResponseReturnValue:
    """A message to oneself, to see whether mail arrives."""
    ctx, me = base.context(), base.person()
    if me.email:
        said = {"saat": ctx.local().isoformat(timespec="minutes")}
        messages.notify(ctx, me, "percobaan", said, address=me.email)
        flash(_("Pesan percobaan kepada %(address)s sudah masuk antrean. Lihat keadaannya di bawah.", address=me.email))
    else:
        flash(_("Akun Anda belum mempunyai alamat surel. Isilah dahulu di Orang dan lajur."), "error")
    return redirect(url_for("outbox.semua"), 303)


@blueprint.get("/akun/pesan")
@base.signed_in
def pilihan() -> ResponseReturnValue:
    """What a person is told, and where."""
    return render_template("outbox/account.html", me=base.person(), staff=base.actor().staff)


@blueprint.post("/akun/pesan")
@base.signed_in
def pilihan_kirim() -> ResponseReturnValue:
    """Switches the daily digest on or off."""
    person = base.session().get_one(Person, base.person().id)
    person.digest = request.form.get("ringkasan") == "ya"
    flash(_("Ringkasan harian akan dikirim.") if person.digest else _("Ringkasan harian tidak lagi dikirim."))
    return redirect(url_for("outbox.pilihan"), 303)


@blueprint.app_template_global("messages_of")
def messages_of(case: Case, staff: bool) -> list[Message]:
    """A case's messages as who asks may read them: officials all, anybody else their own."""
    return messages.of_case(base.context(), case.id, None if staff else base.person().id)


@blueprint.app_template_global("unheard")
def unheard(case: Case) -> bool:
    """Whether the case's applicant is told nothing, their address not being verified."""
    return messages.unheard(base.context(), case)


blueprint.app_template_filter("message_state")(messages.state)


@blueprint.app_template_filter("state_word")
def state_word(state: str) -> str:
    """A message's state in a word or two."""
    words = {
        "menunggu": _("Menunggu"),
        "tidak-pasti": _("Tidak pasti"),
        "gagal": _("Gagal"),
        "terkirim": _("Terkirim"),
        "ditarik": _("Ditarik"),
    }
    return words.get(state, state)
