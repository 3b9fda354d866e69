"""Faktor kedua: the second page of a log-in, and where everybody sets up what it asks for."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access, factor
from app.models import Person
from app.web import account, base, shown

blueprint = Blueprint("factor", __name__)
NEW = "faktor_baru"  # the secret that is being set up, sealed


@blueprint.get("/masuk/kode")
@base.public
def kode() -> ResponseReturnValue:
    """Asks for the code, of whoever has just given their password."""
    return redirect(account.login_address()) if account.halfway() is None else _code_page()


def _code_page(fault: str = "") -> ResponseReturnValue:
    onward = account.local_path(request.values.get("next")) or ""
    page = render_template("portal/kode.html", faults={"kode": fault} if fault else {}, next=onward)
    return page, 422 if fault else 200


@blueprint.post("/masuk/kode")
@base.public
def kode_kirim() -> ResponseReturnValue:
    half = account.halfway()
    if half is None:
        flash(_("Terlalu lama menunggu. Masuk sekali lagi dengan kata sandi Anda."))
        return redirect(account.login_address(), 303)
    person = base.session().get_one(Person, half.id, with_for_update=True)
    if fault := _refused(person, base.typed("kode", 40)):
        return _code_page(fault)
    person.failures, person.locked_until = 0, None
    base.sign_in(person)
    return redirect(account.local_path(request.form.get("next")) or account.home(person), 303)


def _refused(person: Person, code: str) -> str:
    """Why a code does not count; wrong ones are counted as wrong passwords are. Nothing where it does."""
    if person.locked_until is not None and person.locked_until > base.now():
        return _("Terlalu banyak kode yang keliru. Tunggu 15 menit, lalu coba lagi.")
    if factor.use(base.context(), person, code):
        return ""
    account.count_failure(person)
    base.keep()
    return _("Kode ini tidak cocok, sudah dipakai, atau sudah lewat. Tunggu kode berikutnya, lalu coba lagi.")


@blueprint.get("/akun/faktor-kedua")
@base.signed_in
def atur() -> ResponseReturnValue:
    """Set up, or what there is to do about one that is."""
    return _page()


def _page(faults: dict[str, str] | None = None) -> ResponseReturnValue:
    person, status = base.person(), 422 if faults else 200
    if person.totp:
        left = factor.left(person.recovery)
        return render_template("portal/faktor.html", on=True, left=left, faults=faults or {}), status
    secret = _new_secret(person)
    address = factor.address(person, secret, shown.Header().office["nama"])
    page = render_template(
        "portal/faktor.html", on=False, faults=faults or {}, address=address, picture=factor.picture(address),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    )  # fmt: skip
    return page, status


def _new_secret(person: Person) -> str:
    """The secret that this log-in is setting up: the same each time the page is looked at."""
    settings = base.alur().settings
    secret = factor.opened(settings, person, session.get(NEW, ""))
    if secret is None:
        secret = factor.new_secret()
        session[NEW] = factor.sealed(settings, person, secret)
    return secret


@blueprint.post("/akun/faktor-kedua")
@base.signed_in
def pasang() -> ResponseReturnValue:
    """Switches it on, once a code shows that the app has the secret. The recovery codes are shown here only."""
    person = base.session().get_one(Person, base.person().id, with_for_update=True)
    if person.totp:
        return redirect("/akun/faktor-kedua", 303)
    secret = _new_secret(person)
    step = factor.step_of(base.context(), secret, base.typed("kode", 40))
    if step is None:
        return _page({"kode": _("Kode ini tidak cocok. Periksa jam ponsel Anda, lalu tulis kode yang sedang tampil.")})
    codes = factor.switch_on(base.context(), person, secret, step)
    access.changed(base.context(), person, person, "ubah-akun", "faktor kedua dipasang")
    base.sign_in(person)  # every other log-in ends
    return render_template("portal/pemulihan.html", codes=codes, new=True)


@blueprint.post("/akun/faktor-kedua/pemulihan")
@base.signed_in
def pemulihan() -> ResponseReturnValue:
    """Ten new recovery codes in place of the old."""
    person = base.session().get_one(Person, base.person().id, with_for_update=True)
    if not person.totp:
        return redirect("/akun/faktor-kedua", 303)
    if fault := _refused(person, base.typed("kode_baru", 40)):
        return _page({"kode_baru": fault})
    access.changed(base.context(), person, person, "ubah-akun", "kode pemulihan diganti")
    return render_template("portal/pemulihan.html", codes=factor.new_codes(person), new=False)


@blueprint.post("/akun/faktor-kedua/matikan")
@base.signed_in
def matikan() -> ResponseReturnValue:
    person = base.session().get_one(Person, base.person().id, with_for_update=True)
    if person.totp:
        if fault := _refused(person, base.typed("kode_mati", 40)):
            return _page({"kode_mati": fault})
        factor.switch_off(person)
        access.changed(base.context(), person, person, "ubah-akun", "faktor kedua dimatikan sendiri")
        base.sign_in(person)
        flash(_("Faktor kedua dimatikan. Mulai sekarang Anda masuk dengan kata sandi saja."))
    return redirect("/akun/faktor-kedua", 303)
