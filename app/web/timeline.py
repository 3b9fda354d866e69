"""A case's time in words: spent, paused and left as one line, and whether the clock stands."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from app import clock
from app.clock import Spent
from app.journal import Entry
from app.models import Case
from app.revisions import Loaded
from app.web import base, shown


@dataclass(frozen=True)
class Line:
    """What a page says of a case's time; `standing` is "" while the clock runs, `rules` explain the due date."""

    text: str
    standing: str
    late: bool
    silence: str
    rules: tuple[str, ...]


def told(case: Case, loaded: Loaded, entries: list[Entry]) -> Line:
    """The line of a case, from its journal."""
    ctx, definition = base.context(), loaded.definition
    spent = clock.spent(ctx, case, definition, entries)
    late = case.breached_at is not None or bool(spent and spent.late)
    return Line(
        text(spent, running=case.status == "open") if spent else "",
        standing(case),
        late,
        _silence(definition.properties.get("diam_positif", ""), case),
        tuple(clock.explained(ctx, case, definition, entries)),
    )


def text(spent: Spent, running: bool = True) -> str:
    """`Terpakai 2 hari kerja · jeda 3 hari kerja · sisa 5 hari kerja`; of what is over, nothing of what was left."""
    parts = [_("Terpakai %(lama)s", lama=_stretch(spent.used, spent.used_minutes, spent.unit))]
    if spent.paused:
        parts.append(_("jeda %(lama)s", lama=_days(spent.paused, spent.unit)))
    if spent.late and not spent.left and spent.left_minutes < 1:
        parts.append(_("batas waktu sudah lewat"))
    elif spent.left is not None and (running or spent.late):
        left = _stretch(spent.left, spent.left_minutes, spent.unit)
        parts.append(_("lewat %(lama)s", lama=left) if spent.late else _("sisa %(lama)s", lama=left))
    return " · ".join(parts)


def standing(case: Case) -> str:
    """That the clock stands, since when and why; "" while it runs."""
    if case.paused_at is None:
        return ""
    return _("Jam berhenti sejak %(sejak)s karena menunggu pemohon.", sejak=shown.waktu(case.paused_at))


def _stretch(days: int, minutes: float, unit: str) -> str:
    return _days(days, unit) if days else shown.minutes(int(minutes))


def _days(days: int, unit: str) -> str:
    return _("%(n)s hari kalender", n=days) if unit == "kalender" else _("%(n)s hari kerja", n=days)


def _silence(property_: str, case: Case) -> str:
    if property_ != "ya" or case.breached_at is None:
        return ""
    return _(
        "Batas waktu terlampaui tanpa keputusan: menurut UU 30/2014 Pasal 53"
        " permohonan ini dianggap dikabulkan secara hukum."
    )
