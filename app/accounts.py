"""What an administrator does to somebody's account: every change is kept with who made it, never what is secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError

from app import absences, access, cases, factor, people
from app.absences import Wrong
from app.context import Context
from app.models import Lane, Membership, Person, Token

EMAIL = re.compile(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+\.[^@\s<>\"',;.]{2,}")
PHONE = re.compile(r"\+?[0-9][0-9 .()-]{4,30}", re.ASCII)
TEXTS = {"name": "nama pengguna", "full_name": "nama lengkap", "email": "surel", "phone": "telepon", "nip": "NIP",
         "title": "jabatan"}  # fmt: skip
DUTIES = {"owner": "pemilik SOP", "auditor": "pemeriksa", "admin": "pengelola", "applicant": "pemohon"}
LONGEST = {"name": 80, "full_name": 200, "email": 254, "phone": 32, "nip": 40, "title": 200}


def create(ctx: Context, by: Person | None, texts: Mapping[str, str], duties: Mapping[str, bool]) -> tuple[Person, str]:
    """A new person and their first password, which is told once and changed when they first log in. Raises Wrong."""
    texts = _clean(texts)
    if faults := _faults(ctx, None, texts):
        raise Wrong(faults)
    password = first_password()
    given: dict[str, object] = {name: texts[name] or None for name in TEXTS if name not in ("name", "full_name")}
    given |= {"full_name": texts["full_name"], "must_change": True, **duties}
    try:
        with ctx.session.begin_nested():
            person = people.new_person(ctx, texts["name"], password, **given)
    except IntegrityError:  # somebody else just took it
        raise Wrong({"name": "Nama pengguna atau surel ini baru saja dipakai orang lain."}) from None
    if person.email:
        person.email_verified_at = ctx.now
    named = [DUTIES[duty] for duty, has in duties.items() if has]
    access.changed(ctx, by, person, "akun-baru", ", ".join(["akun dibuat", *named]))
    return person, password


def change(ctx: Context, by: Person, person: Person, texts: Mapping[str, str], duties: Mapping[str, bool]) -> list[str]:
    """Changes what is known of a person; gives what was changed, in words. Raises Wrong.

    An address that an administrator enters counts as verified: the office vouches for it.
    """
    texts = _clean(texts)
    faults = _faults(ctx, person, texts)
    if person.admin and not duties["admin"] and _last_admin(ctx, person):
        faults["admin"] = "Ini pengelola terakhir yang aktif. Jadikan orang lain pengelola dahulu."
    if faults:
        raise Wrong(faults)
    done = [words for name, words in TEXTS.items() if (getattr(person, name) or "") != texts[name]]
    for duty, words in DUTIES.items():
        if getattr(person, duty) != duties[duty]:
            done.append(f"{words} {'ditambah' if duties[duty] else 'dicabut'}")
    if (person.email or "") != texts["email"]:
        person.email_verified_at = ctx.now if texts["email"] else None
    for name in TEXTS:
        setattr(person, name, texts[name] or (None if name not in ("name", "full_name") else ""))
    for duty in DUTIES:
        setattr(person, duty, duties[duty])
    if done:
        access.changed(ctx, by, person, "ubah-akun", ", ".join(done))
    return done


def _clean(texts: Mapping[str, str]) -> dict[str, str]:
    clean = {name: " ".join(texts.get(name, "").split()) for name in TEXTS}
    return {**clean, "email": clean["email"].lower()}


def _faults(ctx: Context, person: Person | None, texts: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, words in TEXTS.items():
        if len(texts[name]) > LONGEST[name]:
            found[name] = f"Paling panjang {LONGEST[name]} huruf."
        elif not texts[name].isprintable():
            found[name] = f"Isian {words} memuat tanda yang tidak dapat dicetak."
    if not texts["name"]:
        found["name"] = "Tulis nama yang dipakai untuk masuk."
    if not texts["full_name"]:
        found["full_name"] = "Tulis nama lengkapnya, seperti pada surat."
    if texts["email"] and not EMAIL.fullmatch(texts["email"]):
        found["email"] = "Tulis alamat surel yang lengkap, misalnya nama@contoh.id."
    if texts["phone"] and not PHONE.fullmatch(texts["phone"]):
        found["phone"] = "Tulis nomor telepon dengan angka, misalnya 0812 3456 7890."
    for name, words in (("name", "Nama pengguna"), ("email", "Surel")):
        if name not in found and _taken(ctx, person, texts[name]):
            found[name] = f"{words} ini sudah dipakai orang lain."
    return found


def _taken(ctx: Context, person: Person | None, value: str) -> bool:
    """Whether somebody else logs in by this: people do by name or by e-mail."""
    lower = value.lower()
    same = select(Person.id).where(or_(func.lower(Person.name) == lower, func.lower(Person.email) == lower))
    others = same.where(Person.id != (person.id if person else 0)).limit(1)
    return bool(value) and ctx.session.scalar(others) is not None


def _last_admin(ctx: Context, person: Person) -> bool:
    admins = select(Person.id).where(Person.admin, Person.active).order_by(Person.id)
    return list(ctx.session.scalars(admins.with_for_update(key_share=True))) == [person.id]  # they may be at work


def first_password() -> str:
    """A password that is read out or copied once."""
    return "-".join(factor.group() for _ in range(3)).lower()


def reset(ctx: Context, by: Person | None, person: Person) -> str:
    """A new first password, told once: the old one and every log-in with it end; it is changed at the next log-in."""
    password = first_password()
    person.password, person.must_change = people.HASHER.hash(password), True
    person.failures, person.locked_until = 0, None
    access.changed(ctx, by, person, "ubah-akun", "kata sandi disetel ulang")
    return password


def unlock(ctx: Context, by: Person, person: Person) -> None:
    """Lets somebody try again who typed a wrong password too often."""
    person.failures, person.locked_until = 0, None
    access.changed(ctx, by, person, "ubah-akun", "kunci masuk dibuka")


def factor_off(ctx: Context, by: Person, person: Person, reason: str) -> None:
    """Switches off the second factor of somebody who lost their phone; every other log-in of theirs ends."""
    if not reason.strip():
        raise Wrong({"alasan": "Tulis mengapa faktor kedua dimatikan."})
    factor.switch_off(person)
    access.changed(ctx, by, person, "ubah-akun", f"faktor kedua dimatikan: {' '.join(reason.split())}")


def unlink(ctx: Context, by: Person, person: Person) -> None:
    """Ends the link with an account at the log-in provider."""
    person.oidc_subject = None
    access.changed(ctx, by, person, "ubah-akun", "tautan ke penyedia masuk diputus")


def revoke_tokens(ctx: Context, by: Person, person: Person) -> int:
    """Ends every API token; how many."""
    live = update(Token).where(Token.person_id == person.id, Token.revoked_at.is_(None)).values(revoked_at=ctx.now)
    count: int = len(ctx.session.scalars(live.returning(Token.id)).all())
    access.changed(ctx, by, person, "ubah-akun", f"{count} token API dicabut")
    return count


def deactivate(ctx: Context, by: Person, person: Person) -> int:
    """Somebody may no longer log in; what they had claimed goes back to its lane's inbox, how many. Raises Wrong."""
    if person.id == by.id:
        raise Wrong({"aktif": "Anda tidak dapat menonaktifkan akun Anda sendiri."})
    if person.admin and _last_admin(ctx, person):
        raise Wrong({"aktif": "Ini pengelola terakhir yang aktif. Jadikan orang lain pengelola dahulu."})
    person.active = False
    released = cases.let_go(ctx, by, person)
    access.changed(ctx, by, person, "ubah-akun", f"dinonaktifkan; {released} langkah dilepas")
    return released


def activate(ctx: Context, by: Person, person: Person) -> None:
    """Somebody may log in again, with the lanes that are still theirs."""
    person.active = True
    access.changed(ctx, by, person, "ubah-akun", "diaktifkan kembali")


def known_lanes(ctx: Context) -> list[str]:
    """The names of all lanes that officers hold, in any SOP."""
    return list(ctx.session.scalars(select(Lane.name).where(~Lane.applicant).distinct().order_by(Lane.name)))


def give_lane(ctx: Context, by: Person, person: Person, lane: str, first: date | None, last: date | None) -> Membership:
    """Gives a lane from a day, today from now on, until the end of a day or until it is ended. Raises Wrong."""
    faults: dict[str, str] = {}
    today = ctx.local().date()
    if lane not in known_lanes(ctx):
        faults["lajur"] = "Pilih salah satu lajur."
    if first is None:
        faults["sejak"] = "Tulis mulai kapan."
    elif first < today:
        faults["sejak"] = "Lajur tidak dapat diberikan mundur: riwayat menyebut siapa memegangnya pada tiap hari."
    elif last is not None and last < first:
        faults["sampai"] = "Hari terakhir lebih awal daripada hari pertama."
    if faults or first is None:
        raise Wrong(faults)
    since = absences.from_day(ctx, first)
    until = absences.day_begins(ctx, last + timedelta(days=1)) if last else None
    same = select(Membership).where(
        Membership.person_id == person.id,
        Membership.lane == lane,
        or_(Membership.until.is_(None), Membership.until > since),
    )
    if until is not None:
        same = same.where(Membership.since < until)
    if ctx.session.scalar(same.limit(1)) is not None:
        raise Wrong({"lajur": "Lajur ini sudah dipegangnya selama itu."})
    row = Membership(person_id=person.id, lane=lane, since=since, until=until, granted_by_id=by.id)
    ctx.session.add(row)
    access.changed(ctx, by, person, "ubah-lajur", f"“{lane}” diberikan mulai {first:%d-%m-%Y}")
    return row


def end_lane(ctx: Context, by: Person, person: Person, row: Membership, day: date | None) -> None:
    """Ends a lane from a day: that day it is no longer theirs; today means now. Raises Wrong."""
    today = ctx.local().date()
    if day is None:
        raise Wrong({"mulai": "Tulis mulai hari apa lajur itu tidak dipegangnya lagi."})
    if day < today:
        raise Wrong({"mulai": "Lajur tidak dapat diakhiri mundur: yang sudah dikerjakan tetap sah."})
    at = absences.from_day(ctx, day)
    access.changed(ctx, by, person, "ubah-lajur", f"“{row.lane}” berakhir mulai {day:%d-%m-%Y}")
    if at <= row.since:
        ctx.session.delete(row)  # it never began
    else:
        row.until = at
