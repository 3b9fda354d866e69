"""For administrators: where they begin, people, their accounts and lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Select, func, or_, select

from app import absences, accounts, cases, factor
from app.absences import Wrong
from app.models import Membership, Person, Task, Token
from app.web import base, shown

blueprint = Blueprint("admin", __name__)
ROWS = 50
FIELDS = {
    "full_name": "nama",
    "name": "pengguna",
    "email": "surel",
    "phone": "telepon",
    "nip": "nip",
    "title": "jabatan",
}
DUTIES = {"admin": "pengelola", "owner": "pemilik", "auditor": "pemeriksa", "applicant": "pemohon"}
STATES = ("aktif", "terkunci", "nonaktif")


@dataclass(frozen=True)
class Row:
    """Somebody in the list, with the lanes that they hold now."""

    person: Person
    lanes: tuple[str, ...]
    away: bool


@blueprint.get("/pengelola")
@base.admin
def hub() -> ResponseReturnValue:
    """Where an administrator begins."""
    places = (
        (
            "/pengelola/orang",
            _("Orang dan lajur"),
            _("Akun, tugas, lajur dari–sampai, kata sandi, kunci, faktor kedua."),
        ),
        (
            "/pengelola/ketidakhadiran",
            _("Ketidakhadiran"),
            _("Siapa tidak hadir, siapa mewakilinya: Plt., Plh., cuti."),
        ),
        ("/pengelola/kalender", _("Kalender"), _("Hari yang ditutup atau dibuka, dengan alasan dan dasar hukumnya.")),
        ("/gangguan", _("Gangguan"), _("Lembar dan nomor bila listrik padam; mencatat dari kertas sesudahnya.")),
        ("/pengelola/pesan", _("Pesan keluar"), _("Yang dikirim kepada pemohon dan petugas, dan yang belum sampai.")),
        ("/pengelola/arsip", _("Arsip PDF"), _("PDF dan tanda tangan elektronik dokumen, dan yang belum berhasil.")),
        ("/pengelola/jejak", _("Jejak akses"), _("Siapa melihat dan mengubah data pribadi.")),
    )
    return render_template("admin/hub.html", places=[place for place in places if shown._serves(place[0])])


# -- people -----------------------------------------------------------------------------------------------------------


@blueprint.get("/pengelola/orang")
@base.admin
def orang() -> ResponseReturnValue:
    """Everybody, by name; some of them, by what is asked."""
    args = request.args
    q, lane, state = args.get("cari", "").strip()[:100], args.get("lajur", ""), args.get("keadaan", "")
    at = args.get("hal", "")
    number = max(1, int(at)) if at.isdecimal() and len(at) < 6 else 1
    query = _found(q, lane, state).offset((number - 1) * ROWS).limit(ROWS + 1)
    people = list(base.session().scalars(query))
    return render_template(
        "admin/people.html",
        rows=_rows(people[:ROWS]),
        q=q,
        lane=lane,
        state=state,
        lanes=accounts.known_lanes(base.context()),
        states=STATES,
        narrowed=bool(q or lane or state),
        number=number,
        more=len(people) > ROWS,
    )


def _found(q: str, lane: str, state: str) -> Select[Person]:
    query = select(Person).order_by(func.lower(Person.full_name), Person.id)
    for word in q.lower().split()[:5]:
        columns = (Person.name, Person.full_name, Person.email, Person.nip)
        query = query.where(or_(*(func.lower(column).contains(word, autoescape=True) for column in columns)))
    if lane:
        query = query.where(
            Person.id.in_(_held().where(Membership.lane == lane).with_only_columns(Membership.person_id))
        )
    if state == "terkunci":
        query = query.where(Person.locked_until > base.now())
    elif state in STATES:
        query = query.where(Person.active == (state == "aktif"))
    return query


def _held() -> Select[Membership]:
    now = base.now()
    ongoing = or_(Membership.until.is_(None), Membership.until > now)
    return select(Membership).where(Membership.since <= now, ongoing).order_by(Membership.lane)


def _rows(people: list[Person]) -> list[Row]:
    lanes: dict[int, list[str]] = {}
    for held in base.session().scalars(_held().where(Membership.person_id.in_([person.id for person in people]))):
        lanes.setdefault(held.person_id, []).append(held.lane)
    away = {absence.person.id for absence in absences.listed(base.context(), past=0) if absence.when == "kini"}
    return [Row(person, tuple(dict.fromkeys(lanes.get(person.id, ()))), person.id in away) for person in people]


@blueprint.get("/pengelola/orang/baru")
@base.admin
def baru() -> ResponseReturnValue:
    return _new({}, {})


@blueprint.post("/pengelola/orang/baru")
@base.admin
def baru_kirim() -> ResponseReturnValue:
    texts, duties = _typed()
    try:
        person, password = accounts.create(base.context(), base.person(), texts, duties)
    except Wrong as wrong:
        return _new({**texts, **duties}, _named(wrong.faults))
    return render_template("admin/password.html", person=person, password=password, new=True)


def _new(typed: Mapping[str, Any], faults: Mapping[str, str]) -> ResponseReturnValue:
    page = render_template(
        "admin/new.html", typed=typed, faults=faults, fields=FIELDS, duties=DUTIES, limits=accounts.LONGEST
    )
    return page, 422 if faults else 200


def _typed() -> tuple[dict[str, str], dict[str, bool]]:
    """What was typed about a person, and the duties that were ticked, by the names of their columns."""
    texts = {name: base.typed(field) for name, field in FIELDS.items()}
    return texts, {name: bool(request.form.get(field)) for name, field in DUTIES.items()}


def _named(faults: Mapping[str, str]) -> dict[str, str]:
    """Faults by the names of the inputs, in their order on the page."""
    names = {**FIELDS, **DUTIES}
    known = {field: faults[name] for name, field in names.items() if name in faults}
    return {**known, **{name: text for name, text in faults.items() if name not in names}}


@blueprint.get("/pengelola/orang/<int:person_id>")
@base.admin
def seorang(person_id: int) -> ResponseReturnValue:
    """One person: what is known of them, what they hold, and what can be done to their account."""
    return _page(_person(person_id))


def _person(person_id: int) -> Person:
    """Somebody, their row locked where this request writes, after those of all administrators with lower numbers: two
    who change each other wait in one order. What they themselves do meanwhile need not wait for it.
    """
    if request.method == "POST":
        rows = select(Person.id).where((Person.id == person_id) | (Person.admin & Person.active)).order_by(Person.id)
        base.session().execute(rows.with_for_update(key_share=True))
    person = base.session().get(Person, person_id, populate_existing=True)
    if person is None:
        raise cases.NotFound()
    return person


def _page(
    person: Person, faults: Mapping[str, str] | None = None, typed: Mapping[str, Any] | None = None
) -> ResponseReturnValue:
    ctx = base.context()
    held = select(Membership).where(Membership.person_id == person.id)
    open_tokens = select(func.count()).where(Token.person_id == person.id, Token.revoked_at.is_(None))
    claimed = select(func.count()).where(Task.assignee_id == person.id, Task.closed_at.is_(None))
    known = {name: getattr(person, name) or "" for name in FIELDS} | {name: getattr(person, name) for name in DUTIES}
    page = render_template(
        "admin/person.html",
        person=person,
        typed={**known, **(typed or {})},
        faults=faults or {},
        fields=FIELDS,
        duties=DUTIES,
        limits=accounts.LONGEST,
        memberships=list(ctx.session.scalars(held.order_by(Membership.until.is_not(None), Membership.since.desc()))),
        lanes=accounts.known_lanes(ctx),
        absences=absences.listed(ctx, person),
        tokens=ctx.session.scalar(open_tokens) or 0,
        claimed=ctx.session.scalar(claimed) or 0,
        recovery=factor.left(person.recovery),
        today=ctx.local().date(),
        locked=person.locked_until is not None and person.locked_until > ctx.now,
    )
    return page, 422 if faults else 200


def _back(person: Person, words: str) -> ResponseReturnValue:
    flash(words)
    return redirect(url_for("admin.seorang", person_id=person.id), 303)


@blueprint.post("/pengelola/orang/<int:person_id>")
@base.admin
def ubah(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    texts, duties = _typed()
    try:
        done = accounts.change(base.context(), base.person(), person, texts, duties)
    except Wrong as wrong:
        return _page(person, _named(wrong.faults), {**texts, **duties})
    return _back(person, _("Tersimpan: %(what)s.", what=", ".join(done)) if done else _("Tidak ada yang berubah."))


@blueprint.post("/pengelola/orang/<int:person_id>/lajur")
@base.admin
def lajur(person_id: int) -> ResponseReturnValue:
    """Gives a lane."""
    person, lane = _person(person_id), base.typed("lajur")
    first, last = day("lajur_sejak"), day("lajur_sampai")
    typed = {"lajur": lane, "lajur_sejak": base.typed("lajur_sejak"), "lajur_sampai": base.typed("lajur_sampai")}
    try:
        if typed["lajur_sampai"] and last is None:
            raise Wrong({"sampai": _("Tulis tanggal yang benar, atau kosongkan.")})
        accounts.give_lane(base.context(), base.person(), person, lane, first, last)
    except Wrong as wrong:
        ids = {"lajur": "lajur", "sejak": "lajur_sejak", "sampai": "lajur_sampai"}
        return _page(person, {ids[name]: text for name, text in wrong.faults.items()}, typed)
    return _back(person, _("Lajur “%(lane)s” diberikan kepada %(name)s.", lane=lane, name=person.full_name))


@blueprint.post("/pengelola/orang/<int:person_id>/lajur/<int:membership_id>")
@base.admin
def akhiri_lajur(person_id: int, membership_id: int) -> ResponseReturnValue:
    """Ends a lane from a day."""
    person, row = _person(person_id), base.session().get(Membership, membership_id)
    over = row is None or row.person_id != person.id or (row.until is not None and row.until <= base.now())
    if row is None or over:
        raise cases.NotFound()
    lane, field = row.lane, f"akhir_{row.id}"
    try:
        accounts.end_lane(base.context(), base.person(), person, row, day(field))
    except Wrong as wrong:
        return _page(person, {field: wrong.faults["mulai"]}, {field: base.typed(field)})
    return _back(person, _("Lajur “%(lane)s” diakhiri.", lane=lane))


@blueprint.post("/pengelola/orang/<int:person_id>/sandi")
@base.admin
def sandi(person_id: int) -> ResponseReturnValue:
    """A new first password, shown on this page and nowhere again."""
    person = _person(person_id)
    password = accounts.reset(base.context(), base.person(), person)
    if person.id == base.person().id:
        base.sign_in(person)
    return render_template("admin/password.html", person=person, password=password, new=False)


@blueprint.post("/pengelola/orang/<int:person_id>/buka")
@base.admin
def buka(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    accounts.unlock(base.context(), base.person(), person)
    return _back(person, _("Kunci dibuka; %(name)s dapat mencoba masuk lagi.", name=person.full_name))


@blueprint.post("/pengelola/orang/<int:person_id>/faktor")
@base.admin
def faktor(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    try:
        accounts.factor_off(base.context(), base.person(), person, base.typed("alasan", 200))
    except Wrong as wrong:
        return _page(person, wrong.faults)
    return _back(person, _("Faktor kedua dimatikan; sesi %(name)s di tempat lain berakhir.", name=person.full_name))


@blueprint.post("/pengelola/orang/<int:person_id>/token")
@base.admin
def token(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    count = accounts.revoke_tokens(base.context(), base.person(), person)
    return _back(person, _("%(n)s token API dicabut.", n=count))


@blueprint.post("/pengelola/orang/<int:person_id>/tautan")
@base.admin
def tautan(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    accounts.unlink(base.context(), base.person(), person)
    return _back(person, _("Tautan ke penyedia masuk diputus."))


@blueprint.post("/pengelola/orang/<int:person_id>/nonaktif")
@base.admin
def nonaktif(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    try:
        released = accounts.deactivate(base.context(), base.person(), person)
    except Wrong as wrong:
        return _page(person, wrong.faults)
    return _back(
        person, _("%(name)s tidak dapat masuk lagi. Langkah yang dilepas: %(n)s.", name=person.full_name, n=released)
    )


@blueprint.post("/pengelola/orang/<int:person_id>/aktif")
@base.admin
def aktif(person_id: int) -> ResponseReturnValue:
    person = _person(person_id)
    accounts.activate(base.context(), base.person(), person)
    return _back(person, _("%(name)s dapat masuk lagi.", name=person.full_name))


def day(field: str) -> date | None:
    """A day that was typed; None for what is none, or lies beyond all planning."""
    try:
        typed = date.fromisoformat(base.typed(field).strip())
    except ValueError:
        return None
    return typed if typed.year < 3000 else None
