"""Kalender kantor: a year at a glance, days closed and opened by an administrator, and cases reckoned anew."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import calendars, worktime
from app.models import ClosedDay
from app.web import base, shown

blueprint = Blueprint("calendar", __name__)
STATES: Mapping[str, bool | None] = {"tutup": True, "buka": False, "nasional": None}
FIELDS = {"day": "hari", "reason": "alasan", "reference": "acuan"}


@dataclass(frozen=True)
class Day:
    """One day of a year as the page shows it: `state` is kerja, pekan, nasional, tutup or buka."""

    day: date
    state: str
    why: str


@dataclass(frozen=True)
class Month:
    """A month in weeks from Monday on, None where a week reaches out of it; `named` are its days with a reason."""

    name: str
    weeks: tuple[tuple[Day | None, ...], ...]
    named: tuple[Day, ...]
    working: int


@blueprint.get("/pengelola/kalender")
@base.admin
def kalender() -> ResponseReturnValue:
    """The page; `?tahun=2027` is another year, `?hari=2026-08-18` a day to edit."""
    day = _date(request.args.get("hari", ""))
    typed = {"hari": day.isoformat() if day else "", "keadaan": "tutup", "alasan": "", "acuan": ""}
    own = base.session().get(ClosedDay, day) if day else None
    if own is not None:
        typed |= {"keadaan": "tutup" if own.closed else "buka", "alasan": own.reason, "acuan": own.reference}
    return _page(_year(day), typed)


@blueprint.post("/pengelola/kalender")
@base.admin
def ubah() -> ResponseReturnValue:
    """Closes a day, opens it, or gives it back to the national calendar."""
    typed = {name: base.typed(name, 400) for name in ("hari", "keadaan", "alasan", "acuan")}
    day, state = _date(typed["hari"]), typed["keadaan"]
    faults: dict[str, str] = {}
    if day is None:
        faults["hari"] = _("Tulis tanggal yang ada, misalnya 18-08-2025.")
    if state not in STATES:
        faults["tutup"] = _("Pilih salah satu.")
    made = None
    if day is not None and not faults:
        try:
            with base.session().begin_nested():
                made = calendars.change(
                    base.context(), day, STATES[state], typed["alasan"], typed["acuan"], base.person()
                )
        except calendars.Refused as refused:
            faults[FIELDS[refused.field]] = refused.message
    if faults or day is None:
        return _page(_year(day), typed, faults), 422
    said = shown.tanggal_hari(day)
    flash(
        _("%(hari)s tersimpan. Batas waktu permohonan yang berjalan sedang dihitung ulang.", hari=said)
        if made
        else _("%(hari)s memang sudah begitu; tidak ada yang berubah.", hari=said)
    )
    return redirect(url_for("calendar.kalender", tahun=day.year), 303)


def _page(year: int, typed: Mapping[str, str], faults: Mapping[str, str] | None = None) -> str:
    ctx = base.context()
    this = ctx.local().year
    done, left = calendars.progress(ctx)
    return render_template(
        "calendar/calendar.html",
        year=year,
        this=this,
        first=this - calendars.BEHIND,
        last=this + calendars.AHEAD,
        months=months(year, calendars.current(ctx)),
        own=calendars.own_days(ctx, year),
        changes=calendars.changes(ctx),
        done=done,
        left=left,
        today=ctx.local().date(),
        typed=typed,
        faults=faults or {},
    )


def months(year: int, calendar: worktime.Calendar) -> list[Month]:
    """A year's months, each day with why the office is shut or open."""
    found = []
    for number in range(1, 13):
        first = date(year, number, 1)
        days = [_day(first + timedelta(days=n), calendar) for n in range(monthrange(year, number)[1])]
        cells: list[Day | None] = [*[None] * first.weekday(), *days]
        cells += [None] * (-len(cells) % 7)
        weeks = tuple(tuple(cells[start : start + 7]) for start in range(0, len(cells), 7))
        named = tuple(day for day in days if day.state in ("nasional", "tutup", "buka"))
        working = sum(day.state in ("kerja", "buka") for day in days)
        found.append(Month(shown.month(first), weeks, named, working))
    return found


def _day(day: date, calendar: worktime.Calendar) -> Day:
    if day in calendar.own:
        closed, why = calendar.own[day]
        return Day(day, "tutup" if closed else "buka", why)
    why = calendar.shut(day) or ""
    return Day(day, "kerja" if not why else "pekan" if why == worktime.WEEKEND else "nasional", why)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _year(day: date | None) -> int:
    """The year that is asked for, within those that can be edited; else that of `day`, else this one."""
    this = base.context().local().year
    asked = request.args.get("tahun", "")
    year = int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 4 else day.year if day else this
    return min(max(year, this - calendars.BEHIND), this + calendars.AHEAD)
