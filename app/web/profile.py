"""Akun saya: one's own name and addresses, an address made sure, a forgotten password, proxies, tokens."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from app import access, cases, files, links, people, uploads
from app.accounts import EMAIL, PHONE
from app.context import Context
from app.models import Person, Token, Upload
from app.web import account, base, errors, mailed
from app.web.portal import services

blueprint = Blueprint("profile", __name__)
PAPERS = ("application/pdf", "image/jpeg", "image/png")


# -- one's own page ---------------------------------------------------------------------------------------------------


@blueprint.get("/akun")
@base.signed_in
def akun() -> ResponseReturnValue:
    person = base.person()
    return _page({"nama": person.full_name, "telepon": person.phone or "", "surel": person.email or ""}, {})


def _page(typed: dict[str, str], faults: dict[str, str]) -> ResponseReturnValue:
    person = base.person()
    mine = select(Token).where(Token.person_id == person.id, Token.revoked_at.is_(None)).order_by(Token.id.desc())
    page = render_template(
        "profile/akun.html",
        person=person,
        typed=typed,
        faults=faults,
        waiting=_unsure(person),
        tokens=base.session().scalars(mine).all(),
    )
    return page, 422 if faults else 200


def _unsure(person: Person) -> str | None:
    """The address that a link was mailed to and that is not the person's own yet."""
    address = links.waiting(base.context(), person, links.VERIFY)
    return address if address and address != person.email else None


@blueprint.post("/akun")
@base.signed_in
def simpan() -> ResponseReturnValue:
    person = base.session().get_one(Person, base.person().id)
    name, phone = " ".join(base.typed("nama").split()), base.typed("telepon", 40).strip()
    faults: dict[str, str] = {}
    if person.applicant and not name:
        faults["nama"] = _("Tulis nama lengkap Anda.")
    elif len(name) > 200 or not name.isprintable():
        faults["nama"] = _("Nama terlalu panjang atau memuat tanda yang tidak dapat dicetak.")
    if phone and not PHONE.fullmatch(phone):
        faults["telepon"] = _("Tulis nomor telepon dengan angka, misalnya 0812 3456 7890.")
    if faults:
        return _page({"nama": name, "telepon": phone, "surel": person.email or ""}, faults)
    changed = []
    if person.applicant and person.full_name != name:  # an officer's name stands on papers: others change it
        person.full_name = name
        changed.append("nama")
    if (person.phone or "") != phone:
        person.phone = phone or None
        changed.append("telepon")
    if changed:
        access.changed(base.context(), person, person, "ubah-akun", ", ".join(changed))
        flash(_("Perubahan sudah disimpan."))
    return redirect(url_for("profile.akun"), 303)


@blueprint.post("/akun/surel")
@base.signed_in
@base.looks_first
def surel() -> ResponseReturnValue:
    """Asks for another address; it is theirs once the link that goes there was used."""
    person = base.person()
    email = base.typed("surel").strip().lower()
    faults: dict[str, str] = {}
    if not EMAIL.fullmatch(email) or len(email) > 80:
        faults["surel"] = _("Tulis alamat surel yang lengkap, misalnya nama@contoh.id.")
    elif email == person.email and person.email_verified_at:
        faults["surel"] = _("Ini alamat Anda yang sekarang, dan sudah dipastikan.")
    if not people.password_fits(person, base.typed("sandi", account.LONGEST)):
        faults["sandi"] = _("Kata sandi tidak cocok.")
    if not faults and links.too_many(base.context(), person, links.VERIFY):
        faults["surel"] = _("Sudah terlalu sering dikirim. Tunggu satu jam, lalu coba lagi.")
    if faults:
        return _page({"nama": person.full_name, "telepon": person.phone or "", "surel": email}, faults)
    base.now_write()
    mailed.send(base.context(), base.person(), links.VERIFY, email)
    flash(_("Kami sudah mengirim tautan ke %(alamat)s. Alamat itu dipakai begitu Anda memastikannya.", alamat=email))
    return redirect(url_for("profile.akun"), 303)


@blueprint.post("/akun/token/<int:token_id>/cabut")
@base.signed_in
def cabut(token_id: int) -> ResponseReturnValue:
    """From now on this token opens nothing."""
    person, now = base.person(), base.now()
    mine = update(Token).where(Token.id == token_id, Token.person_id == person.id, Token.revoked_at.is_(None))
    if base.session().execute(mine.values(revoked_at=now)).rowcount != 1:  # type: ignore[attr-defined]
        raise cases.NotFound()
    access.changed(base.context(), person, person, "ubah-akun", "token dicabut")
    flash(_("Token sudah dicabut."))
    return redirect(url_for("profile.akun"), 303)


# -- an address made sure ---------------------------------------------------------------------------------------------


@blueprint.post("/akun/surel/kirim-lagi")
@base.signed_in
def kirim_lagi() -> ResponseReturnValue:
    ctx, person = base.context(), base.session().get_one(Person, base.person().id, with_for_update=True)
    address = _unsure(person) or (person.email if person.email_verified_at is None else None)
    if address is None:
        flash(_("Alamat surel Anda sudah dipastikan."))
    elif links.too_many(ctx, person, links.VERIFY):
        return errors.error_page(429, _("Tautan sudah terlalu sering dikirim. Periksa juga kotak spam Anda."))
    else:
        mailed.send(ctx, person, links.VERIFY, address)
        flash(_("Kami sudah mengirim tautan ke %(alamat)s.", alamat=address))
    return redirect(url_for("profile.akun"), 303)


@blueprint.get("/pastikan-surel/<secret>")
@base.public
def pastikan(secret: str) -> ResponseReturnValue:
    """Asks once more: programs that look through mail follow links, and people press buttons."""
    found = links.find(base.context(), links.VERIFY, secret)
    return _sure(found[0].address if found else None)


@blueprint.post("/pastikan-surel/<secret>")
@base.public
def pastikan_kirim(secret: str) -> ResponseReturnValue:
    ctx = base.context()
    found = links.find(ctx, links.VERIFY, secret, lock=True)
    if found is None:
        return _sure(None)
    link, person = found
    if link.address != person.email:
        same = or_(Person.email == link.address, Person.name == link.address)
        if base.session().scalar(select(Person.id).where(same, Person.id != person.id)) is not None:
            return _sure(None)
        if person.name == person.email:  # who signed up by an address logs in by the new one
            person.name = link.address
        person.email = link.address
    person.email_verified_at = ctx.now
    try:
        base.session().flush()
    except IntegrityError:  # somebody else just took the address
        base.session().rollback()
        return _sure(None)
    links.end(ctx, person, links.VERIFY)
    access.changed(ctx, person, person, "ubah-akun", "surel dipastikan")
    flash(_("Alamat %(alamat)s sudah dipastikan. Kabar tentang permohonan Anda dikirim ke sana.", alamat=link.address))
    return redirect(url_for("profile.akun") if base.me() else url_for("account.masuk"), 303)


def _sure(address: str | None) -> ResponseReturnValue:
    return render_template("profile/pastikan.html", address=address), 200 if address else 410


# -- a forgotten password ---------------------------------------------------------------------------------------------


@blueprint.get("/sandi/lupa")
@base.public
def lupa() -> ResponseReturnValue:
    return render_template("profile/lupa.html", typed="", sent=False, faults={})


@blueprint.post("/sandi/lupa")
@base.public
def lupa_kirim() -> ResponseReturnValue:
    """The same answer for everybody; what is to be mailed is looked up when it has gone, so its time tells nothing."""
    base.only_reads()
    email, whence = base.typed("surel").strip().lower(), request.remote_addr or ""
    if not EMAIL.fullmatch(email):
        wrong = {"surel": _("Tulis alamat surel yang lengkap, misalnya nama@contoh.id.")}
        return render_template("profile/lupa.html", typed=email, sent=False, faults=wrong), 422
    if access.too_often(base.context(), "minta-sandi", whence):
        return errors.error_page(429)
    page = Response(render_template("profile/lupa.html", typed=email, sent=True, faults={}), mimetype="text/html")
    return base.once_answered(page, lambda ctx: _mail_reset(ctx, email, whence))


def _mail_reset(ctx: Context, email: str, whence: str) -> None:
    access.tried(ctx, "minta-sandi", whence)
    person = ctx.session.scalar(select(Person).where(Person.email == email, Person.active).with_for_update())
    if person is not None and not links.too_many(ctx, person, links.RESET):
        mailed.send(ctx, person, links.RESET, email)


@blueprint.get("/sandi/baru/<secret>")
@base.public
def sandi_baru(secret: str) -> ResponseReturnValue:
    return _new_password(secret, {})


@blueprint.post("/sandi/baru/<secret>")
@base.public
def sandi_baru_kirim(secret: str) -> ResponseReturnValue:
    """Sets it and ends every other log-in. One logs in with it then: this is no way past a second factor."""
    password = base.typed("sandi")
    faults = account.new_password_faults(password, base.typed("sandi_lagi"))
    hashed = "" if faults else people.HASHER.hash(password)  # slow, before the writers' lock is taken
    if faults:
        return _new_password(secret, faults)
    ctx = base.context()
    found = links.find(ctx, links.RESET, secret, lock=True)
    if found is None or found[0].address != found[1].email:
        return _new_password("", {})
    link, person = found
    person.password, person.must_change = hashed, False
    person.failures, person.locked_until = 0, None
    person.email_verified_at = person.email_verified_at or ctx.now  # who reads that mailbox has it
    links.end(ctx, person, links.RESET)
    access.changed(ctx, person, person, "ubah-akun", "kata sandi dibuat baru lewat surel")
    base.sign_out()
    flash(_("Kata sandi sudah diganti, dan sesi lain dengan akun ini sudah diakhiri. Silakan masuk."))
    return redirect(url_for("account.masuk", nama=link.address), 303)


def _new_password(secret: str, faults: dict[str, str]) -> ResponseReturnValue:
    known = bool(secret) and links.find(base.context(), links.RESET, secret) is not None
    page = render_template("profile/sandi_baru.html", secret=secret, known=known, faults=faults if known else {})
    return page, 422 if known and faults else 200 if known else 410


# -- proxies ----------------------------------------------------------------------------------------------------------


@blueprint.get("/akun/kuasa")
@base.applicant
def kuasa() -> ResponseReturnValue:
    return _proxies({}, {})


def _proxies(typed: dict[str, Any], faults: dict[str, str]) -> ResponseReturnValue:
    ctx, person = base.context(), base.person()
    given = cases.proxies.mandates(ctx, person)
    page = render_template(
        "profile/kuasa.html",
        given=[m for m in given if m.principal.id == person.id],
        held=[m for m in given if m.proxy.id == person.id],
        services=[service for service in services() if service.outside],
        titles={service.sop: service.definition.title for service in services()},
        typed=typed,
        faults=faults,
        today=ctx.local().date(),
        kept=_kept(typed.get("berkas", "")),
    )
    return page, 422 if faults else 200


def _kept(upload_id: str) -> Upload | None:
    """A letter that came with a page whose other answers were wrong: it is not sent twice."""
    upload = base.session().get(Upload, upload_id) if upload_id else None
    return upload if upload and upload.person_id == base.person().id and upload.case_id is None else None


@blueprint.post("/akun/kuasa")
@base.applicant
def kuasa_kirim() -> ResponseReturnValue:
    typed = {name: base.typed(name, 254).strip() for name in ("surel", "sop", "mulai", "sampai", "berkas")}
    ctx, faults = base.context(), dict[str, str]()
    first, last = _day(typed["mulai"]), _day(typed["sampai"])
    if typed["mulai"] and first is None:
        faults["mulai"] = _("Tulis tanggal yang ada.")
    if last is None:
        faults["sampai"] = _("Tulis sampai tanggal berapa kuasa ini berlaku.")
    if typed["sop"] and typed["sop"] not in {service.sop for service in services()}:
        faults["sop"] = _("Pilih salah satu layanan di bawah.")
    sent = request.files.get("surat")
    if sent is not None and sent.filename:
        try:
            typed["berkas"] = uploads.save(ctx, base.person(), sent.filename, sent.stream.read(), PAPERS).id
        except files.UploadRefused as refused:
            faults["surat"] = str(refused)
    elif _kept(typed["berkas"]) is None:
        faults["surat"] = _("Unggah surat kuasa yang sudah ditandatangani.")
    if not faults and last is not None:
        try:
            row = cases.proxies.authorize(
                ctx, base.actor(), typed["surel"], typed["sop"], _start(first) if first else ctx.now,
                _start(last + timedelta(days=1)), typed["berkas"],
            )  # fmt: skip
        except cases.Invalid as invalid:
            faults = {fault.pointer.strip("/"): fault.message for fault in invalid.faults}
        except cases.TooLarge as refusal:
            faults = {"surel": refusal.message}
        else:
            name = base.session().get_one(Person, row.proxy_id).full_name
            flash(_("%(nama)s sekarang kuasa Anda.", nama=name))
            return redirect(url_for("profile.kuasa"), 303)
    base.keep()  # the letter
    return _proxies(typed, faults)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), base.alur().settings.zone)


@blueprint.post("/akun/kuasa/<int:proxy_id>/akhiri")
@base.applicant
def kuasa_akhiri(proxy_id: int) -> ResponseReturnValue:
    cases.proxies.end(base.context(), base.actor(), proxy_id)
    flash(_("Kuasa sudah diakhiri. Sejak sekarang tidak ada yang dapat dilakukan dengannya."))
    return redirect(url_for("profile.kuasa"), 303)
