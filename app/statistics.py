"""How the year went: what became of the applications of each SOP, and what happened to them on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from app.cases import complaints
from app.context import Context
from app.models import COUNTED, ON_PAPER, Case, Event


@dataclass(frozen=True)
class Year:
    """One SOP's year. `status` counts the applications that came in it, by what has become of them since; `events`
    what happened in it: breaches, what was done to whole cases, and (`paper`) what was entered after an outage.
    """

    sop: str
    status: Counter[str]
    events: Counter[str]
    asked: complaints.Numbers

    @property
    def received(self) -> int:
        return self.status.total()


def years(ctx: Context) -> list[int]:
    """The years in which applications came, the latest first."""
    first = ctx.session.scalar(select(func.min(Case.opened_at)))
    last = ctx.local().year
    return list(range(last, (ctx.local(first).year if first else last) - 1, -1))


def year(ctx: Context, year: int, sops: Collection[str] | None) -> list[Year]:
    """The year of each of these SOPs (None: of all) to which something happened, by the office's own calendar."""
    since, until = (datetime(number, 1, 1, tzinfo=ctx.settings.zone) for number in (year, year + 1))
    status: dict[str, Counter[str]] = {}
    events: dict[str, Counter[str]] = {}
    received = (
        select(Case.sop, Case.status, func.count())
        .where(Case.opened_at >= since, Case.opened_at < until)
        .group_by(Case.sop, Case.status)
    )
    for sop, what, count in ctx.session.execute(received):
        status.setdefault(sop, Counter())[what] = count
    happened = (
        select(Case.sop, Event.kind, func.count())
        .join(Case, Case.id == Event.case_id)
        .where(text(COUNTED), Event.at >= since, Event.at < until)
        .group_by(Case.sop, Event.kind)
    )
    for sop, what, count in ctx.session.execute(happened):
        events.setdefault(sop, Counter())[what] = count
    by_hand = (
        select(Case.sop, func.count())
        .select_from(Event)
        .join(Case, Case.id == Event.case_id)
        .where(text(ON_PAPER), Event.at >= since, Event.at < until)
        .group_by(Case.sop)
    )
    for sop, count in ctx.session.execute(by_hand):
        events.setdefault(sop, Counter())["paper"] = count
    asked = complaints.numbers(ctx, since, until)
    known = sorted({*status, *events, *asked})
    return [
        Year(
            sop,
            status.get(sop, Counter()),
            events.get(sop, Counter()),
            asked.get(sop, complaints.Numbers(0, 0, 0, 0, 0)),
        )
        for sop in known
        if sops is None or sop in sops
    ]
