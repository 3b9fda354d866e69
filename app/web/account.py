"""Who somebody is: sign up, log in, log out, change a password."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as flask_session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import links, people
from app.accounts import EMAIL
from app.demo import PASSWORD as DEMO_PASSWORD
from app.models import Membership, Person
from app.web import base, mailed

blueprint = Blueprint("account", __name__)
SHORTEST, LONGEST = 8, 200
TRIES, LOCKED = 5, timedelta(minutes=15)
HALF, HALFWAY = "setengah_masuk", 10 * 60  # seconds in which the code of a second factor has to follow


def local_path(given: str | None) -> str | None:
    """`given` where it is a path of this site; None where it would lead elsewhere."""
    return given if given and re.fullmatch(r"/(?!/)[^\\\x00-\x20]*", given) else None


def home(person: Person) -> str:
    """Where somebody begins their work."""
    if people.actor(base.session(), person, base.now()).staff:
        return "/tugas"
    return "/permohonan" if person.applicant else "/"


@blueprint.get("/masuk")
@base.public
def masuk() -> ResponseReturnValue:
    asking = base.me()
    if asking is not None:
        return redirect(local_path(request.args.get("next")) or home(asking))
    return _login_page(request.args.get("nama", "")[:254])


@blueprint.post("/masuk")
@base.public
def masuk_kirim() -> ResponseReturnValue:
    name, password = base.typed("nama").strip(), base.typed("sandi", LONGEST)
    with base.alur().reading() as quick:  # the slow part, before the writers' lock is taken
        found = _called(quick, name)
        fits = people.password_fits(found, password)
    if found is None:
        return _login_page(name, wrong=True)
    person = base.session().get_one(Person, found.id, with_for_update=True)
    locked = person.locked_until is not None and person.locked_until > base.now()
    if not fits or locked or person.password != found.password:
        if not locked:
            count_failure(person)
        base.keep()
        return _login_page(name, wrong=True)
    if not person.totp:  # else only once the second factor fits as well
        person.failures, person.locked_until = 0, None
    return entered(person, request.form.get("next"))


def entered(person: Person, onward: str | None) -> ResponseReturnValue:
    """Somebody has shown who they are: logged in, or on to their second factor where they have one."""
    onward = local_path(onward) or ""
    if person.totp:
        flask_session[HALF] = [base.User(person).get_id(), base.now().timestamp()]
        return redirect(url_for("factor.kode", next=onward or None), 303)
    base.sign_in(person)
    return redirect(onward or home(person), 303)


def halfway() -> Person | None:
    """Who has given their password a few minutes ago, and not yet the code of their second factor."""
    cookie, at = flask_session.get(HALF, ("", 0))
    user = base.User.load(cookie) if cookie and 0 <= base.now().timestamp() - at <= HALFWAY else None
    return user.person if user is not None and user.person.totp else None


def login_address() -> str:
    """The log-in page, and where it leads on to."""
    return url_for("account.masuk", next=local_path(request.values.get("next")) or None)


def _called(session: Session, name: str) -> Person | None:
    same = or_(Person.name == name, Person.email == name.lower())
    return session.scalar(select(Person).where(same, Person.active).order_by(Person.id).limit(1)) if name else None


def count_failure(person: Person) -> None:
    """Counts a wrong password or code; the fifth closes the log-in for a while."""
    person.failures += 1
    if person.failures >= TRIES:
        person.failures, person.locked_until = 0, base.now() + LOCKED


def _login_page(name: str = "", wrong: bool = False) -> ResponseReturnValue:
    return login_page(name, wrong), 422 if wrong else 200


def login_page(name: str = "", wrong: bool = False, told: tuple[str, str] = ("", "")) -> str:
    """The log-in page; `told` is what happened elsewhere on the way in, and what to do now."""
    onward = local_path(request.values.get("next")) or ""
    demo = _demo_accounts() if base.alur().settings.demo else []
    return render_template(
        "portal/masuk.html", name=name, wrong=wrong, next=onward, demo=demo, demo_password=DEMO_PASSWORD, told=told,
        provider=base.alur().settings.oidc,
    )  # fmt: skip


def _demo_accounts() -> list[dict[str, Any]]:
    """Everybody who can log in, with what they do; on a demo installation only."""
    held = select(Membership.person_id, Membership.lane).where(Membership.until.is_(None)).order_by(Membership.id)
    lanes: dict[int, list[str]] = {}
    for row in base.session().execute(held):
        lanes.setdefault(row.person_id, []).append(row.lane)
    persons = base.session().scalars(select(Person).where(Person.active).order_by(Person.id).limit(30))
    return [{"person": person, "roles": [*lanes.get(person.id, []), *_duties(person)]} for person in persons]


def _duties(person: Person) -> list[str]:
    held = {
        _("pemohon"): person.applicant,
        _("pemilik SOP"): person.owner,
        _("pemeriksa"): person.auditor,
        _("pengelola"): person.admin,
    }
    return [name for name, has in held.items() if has]


@blueprint.post("/keluar")
@base.signed_in
def keluar() -> ResponseReturnValue:
    base.sign_out()
    flash(_("Anda sudah keluar."))
    return redirect("/", 303)


@blueprint.get("/daftar")
@base.public
def daftar() -> ResponseReturnValue:
    return _signup_page({}, {})


def _signup_page(typed: dict[str, str], faults: dict[str, str]) -> ResponseReturnValue:
    onward = local_path(request.values.get("next")) or ""
    page = render_template("portal/daftar.html", typed=typed, faults=faults, next=onward)
    return page, 422 if faults else 200


@blueprint.post("/daftar")
@base.public
def daftar_kirim() -> ResponseReturnValue:
    name, email = " ".join(base.typed("nama").split()), base.typed("surel").strip().lower()
    password, again = base.typed("sandi"), base.typed("sandi_lagi")
    faults: dict[str, str] = {}
    if not name:
        faults["nama"] = _("Tulis nama lengkap Anda.")
    elif len(name) > 200 or not name.isprintable():
        faults["nama"] = _("Nama terlalu panjang atau memuat tanda yang tidak dapat dicetak.")
    if not EMAIL.fullmatch(email):
        faults["surel"] = _("Tulis alamat surel yang lengkap, misalnya nama@contoh.id.")
    elif len(email) > 80:
        faults["surel"] = _("Alamat surel paling panjang 80 huruf.")
    faults |= new_password_faults(password, again)
    hashed = "" if faults else people.HASHER.hash(password)  # slow, before the writers' lock is taken
    if not faults and _taken(email):
        faults["surel"] = _("Surel ini sudah terdaftar. Silakan masuk, atau pakai surel lain.")
    if faults:
        return _signup_page({"nama": name, "surel": email}, faults)
    person = Person(
        name=email, email=email, full_name=name, password=hashed, applicant=True, created_at=base.now()
    )  # fmt: skip
    base.session().add(person)
    try:
        base.session().flush()
    except IntegrityError:  # somebody else just took the address
        base.session().rollback()
        return _signup_page({"nama": name, "surel": email}, {"surel": _("Surel ini sudah terdaftar.")})
    mailed.send(base.context(), person, links.VERIFY, email)
    base.sign_in(person)
    flash(_("Akun Anda sudah jadi. Anda sudah masuk dan dapat mengajukan permohonan."))
    return redirect(local_path(request.form.get("next")) or "/permohonan", 303)


def _taken(email: str) -> bool:
    same = or_(Person.email == email, func.lower(Person.name) == email)
    return base.session().scalar(select(Person.id).where(same)) is not None


def new_password_faults(password: str, again: str) -> dict[str, str]:
    """What is wrong with a new password, by field."""
    if len(password) < SHORTEST:
        return {"sandi": _("Kata sandi paling pendek %(n)s huruf atau angka.", n=SHORTEST)}
    if len(password) > LONGEST:
        return {"sandi": _("Kata sandi paling panjang %(n)s huruf.", n=LONGEST)}
    if password != again:
        return {"sandi_lagi": _("Kata sandi yang kedua tidak sama dengan yang pertama.")}
    return {}


@blueprint.get("/sandi")
@base.signed_in
def ganti_sandi() -> ResponseReturnValue:
    return render_template("portal/sandi.html", faults={})


@blueprint.post("/sandi")
@base.signed_in
def ganti_sandi_kirim() -> ResponseReturnValue:
    person, old = base.person(), base.typed("sandi_lama", LONGEST)
    password, again = base.typed("sandi"), base.typed("sandi_lagi")
    faults = {} if people.password_fits(person, old) else {"sandi_lama": _("Kata sandi yang sekarang tidak cocok.")}
    faults |= new_password_faults(password, again)
    if not faults and password == old:
        faults["sandi"] = _("Pilih kata sandi yang berbeda dari yang sekarang.")
    if faults:
        return render_template("portal/sandi.html", faults=faults), 422
    person.password, person.must_change = people.HASHER.hash(password), False
    base.sign_in(person)
    flash(_("Kata sandi sudah diganti. Sesi lain dengan akun ini sudah diakhiri."))
    return redirect(home(person), 303)
