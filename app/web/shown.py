"""What every template may say: dates in the office's zone and in words, the header, the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from babel.dates import format_date
from flask import Flask, current_app, has_request_context, request
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from app import books, cases, inbox, outages, people, revisions, wording
from app.models import Case, Outage, Person
from app.web import base

LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}
ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}


def locale() -> str:
    """The reader's language: what they chose in the footer, else Indonesian."""
    chosen = request.cookies.get("bahasa", "id") if has_request_context() else "id"
    return chosen if chosen in LANGUAGES else "id"


def local(value: datetime) -> datetime:
    """A time on the office's clock."""
    return value.astimezone(base.alur().settings.zone)


def zone() -> str:
    """What the office's zone is called."""
    key = base.alur().settings.zone.key
    return ZONES.get(key) or local(base.now()).tzname() or key


def _dated(day: date, said: Callable[[date], str], pattern: str) -> str:
    """A day in the reader's language."""
    return said(day) if locale() == "id" else format_date(day, pattern, locale=locale())


def tanggal(value: date | None) -> str:
    """`23 November 2026`."""
    return "" if value is None else _dated(_day(value), wording.tanggal, "d MMMM y")


def tanggal_hari(value: date | None) -> str:
    """`Senin, 23 November 2026`."""
    return "" if value is None else _dated(_day(value), wording.tanggal_hari, "EEEE, d MMMM y")


def month(first: date) -> str:
    """`November`."""
    return _dated(first, lambda day: wording.MONTHS[day.month - 1], "LLLL")


def tanggal_iso(value: str) -> str:
    """An ISO date that an owner wrote, in words; whatever else they wrote stays as it is."""
    try:
        return tanggal(date.fromisoformat(value.strip()))
    except ValueError:
        return value


def jam(value: datetime | None) -> str:
    """`10.30`."""
    return "" if value is None else wording.jam(local(value))


def waktu(value: datetime | None) -> str:
    """`Senin, 23 November 2026, 10.30 WITA`."""
    return "" if value is None else f"{tanggal_hari(value)}, {jam(value)} {zone()}"


def near(value: datetime | None) -> str:
    """A time as somebody in the office would say it now: `2 jam lagi`, `kemarin pukul 10.30`, else its date."""
    if value is None:
        return ""
    gap = value - base.now()
    ahead = gap > timedelta(0)
    minutes = int(abs(gap).total_seconds()) // 60
    days = (local(value).date() - local(base.now()).date()).days
    if minutes < 1:
        return _("sekarang") if ahead else _("baru saja")
    if minutes < 60:
        return _("%(n)s menit lagi", n=minutes) if ahead else _("%(n)s menit lalu", n=minutes)
    if days == 0:
        return _("%(n)s jam lagi", n=minutes // 60) if ahead else _("%(n)s jam lalu", n=minutes // 60)
    if days in (1, -1):
        return _("besok pukul %(jam)s", jam=jam(value)) if ahead else _("kemarin pukul %(jam)s", jam=jam(value))
    if abs(days) <= 7:
        return _("%(n)s hari lagi", n=days) if ahead else _("%(n)s hari lalu", n=-days)
    return tanggal(value)


def when(value: datetime | None) -> Markup:
    """A time said nearly, with the whole of it for whoever points at it or prints it."""
    if value is None:
        return Markup("")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), waktu(value), near(value))


def minutes(value: int | float | None) -> str:
    """`1 hari 2 jam`, `35 menit`: a stretch of working time."""
    if value is None:
        return ""
    whole = round(value)
    hours, rest = divmod(whole, 60)
    if hours == 0:
        return ngettext("%(num)s menit", "%(num)s menit", rest)
    return _("%(h)s jam", h=hours) + (f" {ngettext('%(num)s menit', '%(num)s menit', rest)}" if rest else "")


def ukuran(value: int) -> str:
    """A file's size: `1,2 MB`."""
    if value < 1024 * 1024:
        return f"{max(1, round(value / 1024))} kB"
    return f"{value / 1024 / 1024:.1f} MB".replace(".", ",")


def pokok(case: Case) -> str:
    """What a case is about, or whose it is; that neither is known any more where it was destroyed."""
    return case.subject or case.applicant_name or (_("sudah dimusnahkan") if case.destroyed_at else "")


def status(value: str) -> str:
    """What became of a case, in words."""
    words = {
        "open": _("Sedang diproses"),
        "ended": _("Selesai"),
        "refused": _("Ditolak"),
        "withdrawn": _("Ditarik pemohon"),
        "lapsed": _("Gugur"),
        "revoked": _("Dicabut"),
    }
    return words.get(value, value)


def _day(value: date) -> date:
    return local(value).date() if isinstance(value, datetime) else value


def office(session: Any, sops: Collection[str] = ()) -> dict[str, str]:
    """An office's name, address, city and parent: as one of these SOPs says, else one that the public applies for."""
    in_force = [(r.sop, revisions.load(session, r.id).definition) for r in revisions.all_in_force(session)]
    for _sop, definition in sorted(in_force, key=lambda o: (o[0] not in sops, o[1].applicant_lane is None)):
        told = definition.properties
        if told.get("kantor_nama"):
            return {name.removeprefix("kantor_"): text for name, text in told.items() if name.startswith("kantor_")}
    return {"nama": "Alur"}


class Header:
    """What stands on top of a page; each part is asked for at most once, and only where it is shown."""

    @cached_property
    def office(self) -> dict[str, str]:
        """The reader's own office."""
        return office(base.session(), self.actor.sops if self.actor else ())

    def office_of(self, sop: str) -> dict[str, str]:
        """The office whose SOP a page is about; where it is about none, the reader's own."""
        return office(base.session(), (sop,)) if sop else self.office

    @property
    def now(self) -> datetime:
        return base.now()

    @cached_property
    def me(self) -> Person | None:
        return base.me()

    @cached_property
    def actor(self) -> people.Actor | None:
        return base.actor() if base.me() else None

    @cached_property
    def waiting(self) -> str:
        """How many tasks stand open in the person's lanes, counted no further than an inbox does."""
        if self.actor is None or not self.actor.staff:
            return ""
        count = inbox.waiting(base.context(), self.actor)
        return inbox.figure(count) if count else ""

    @cached_property
    def unread(self) -> str:
        """How many notes name the person that they have not read."""
        if self.actor is None or not (self.actor.staff or self.actor.person.auditor):
            return ""
        count = cases.unread(base.context(), self.actor, inbox.CAP + 1)
        return inbox.figure(count) if count else ""

    lively = ("/tugas", "/tugas/menyebut-saya")  # the places whose figures a script keeps right

    @cached_property
    def complaints(self) -> str:
        """How many questions and complaints wait for this person's answer."""
        if self.actor is None or not self.actor.staff:
            return ""
        context = base.context()
        count = len(cases.complaints.waiting(context, self.actor, inbox.CAP + 1))
        return inbox.figure(count) if count else ""

    @cached_property
    def outage(self) -> Outage | None:
        """The outage that was declared and is not closed, for whoever works here."""
        if self.actor is None or not (self.actor.staff or self.actor.person.admin):
            return None
        found = outages.current(base.context())
        return found if found is not None and found.since is not None else None

    @cached_property
    def may_record(self) -> bool:
        """May this person declare an outage, and enter what happened on paper?"""
        return self.actor is not None and outages.may_declare(base.context(), self.actor)

    @property
    def nav(self) -> list[tuple[str, str, str]]:
        """Address, words and figure of each place this person can go."""
        places = [("/", _("Beranda"), "")]
        if self.actor and self.actor.staff:
            places.append(("/tugas", _("Kotak tugas"), self.waiting))
        if self.actor and (self.actor.staff or self.unread):
            places.append(("/tugas/menyebut-saya", _("Disebut"), self.unread))
        if self.actor and (self.actor.staff or self.actor.person.auditor):
            places.append(("/permohonan/semua", _("Permohonan"), ""))
        if self.actor and books.sees(self.actor) != frozenset():
            places.append(("/register", _("Register"), ""))
        if self.actor and (self.actor.staff or self.actor.person.auditor):
            places.append(("/laporan", _("Laporan"), ""))
        if self.complaints:
            places.append(("/pengaduan", _("Pengaduan"), self.complaints))
        if self.me and self.me.applicant:
            places.append(("/permohonan", _("Permohonan saya"), ""))
        if self.me and self.me.owner and _serves("/sop"):
            places.append(("/sop", _("SOP"), ""))
        if self.outage and self.may_record:
            places.append(("/gangguan", _("Gangguan"), ""))
        if self.me and self.me.admin:
            places.append(("/pengelola", _("Pengelola"), ""))
        return places

    def at(self, address: str) -> bool:
        """Is this page at, or below, `address`, and at no place of its own?"""
        if request.path == address:
            return True
        known = {place for place, _words, _figure in self.nav}
        return address != "/" and request.path.startswith(address + "/") and request.path not in known

    @property
    def built(self) -> bool:
        """Was the diagram's script built? Pages work without."""
        return Path(current_app.static_folder or "", "dist", "diagram.js").exists()


def _serves(address: str) -> bool:
    return any(rule.rule == address for rule in current_app.url_map.iter_rules())


def install(app: Flask) -> None:
    """Put filters and the header on `app`'s templates."""
    for said in (tanggal, tanggal_iso, tanggal_hari, jam, waktu, near, when, minutes, ukuran, pokok, status):
        app.jinja_env.filters[said.__name__] = said
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def _header() -> dict[str, Any]:
        return {"header": Header(), "languages": LANGUAGES, "locale": locale(), "zone": zone, "serves": _serves}
