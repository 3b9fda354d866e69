"""What stands around a step or a case for officers: notes, colleagues, who else is looking, what was asked wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from flask_babel import gettext as _
from markupsafe import Markup, escape

from app import cases, journal
from app.cases import presence
from app.cases.desk import FARTHEST, NAMED
from app.models import Case, Person, Task
from app.web import base, shown


@dataclass(frozen=True)
class Asked:
    """A small form beside the page that was sent and refused: which, what it held, and the words at its fields."""

    form: str  # serahkan, tunda, catatan
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Around:
    """What officers see around a case; `None` is shown to nobody else."""

    notes: Sequence[journal.Entry]
    named: bool  # an unread note names the reader
    readers: Sequence[Person]  # whom a note may name
    writes: bool
    also: str  # who else has it open, in words
    asked: Asked
    colleagues: Sequence[Person] = ()
    handed: cases.Handed | None = None
    may_hand_over: bool = False
    first: date | None = None  # the days to which a step may be put off
    last: date | None = None


def of_case(case: Case, entries: Sequence[journal.Entry], asked: Asked | None = None) -> Around | None:
    """What stands around a case; None for its applicant."""
    ctx, actor = base.context(), base.actor()
    if not cases.sees_all(actor, case):
        return None
    return Around(
        notes=[entry for entry in entries if entry.kind == "note"],
        named=cases.names_me(ctx, actor, case.id),
        readers=[person for person in cases.readers_of(ctx, case) if person.id != actor.person.id],
        writes=case.sop in actor.sops and case.destroyed_at is None,
        also=also(presence.others(ctx, actor, case.id)),
        asked=asked or Asked(""),
    )


def of_task(task: Task, entries: Sequence[journal.Entry], asked: Asked | None = None) -> Around | None:
    """What stands around a step; None for the applicant."""
    ctx, actor = base.context(), base.actor()
    found = of_case(task.case, entries, asked)
    if found is None:
        return None
    hands = cases.may_hand_over(ctx, actor, task)
    today = shown.local(ctx.now).date()
    more = {
        "colleagues": cases.colleagues(ctx, task) if hands else (),
        "handed": cases.handed(entries, task),
        "may_hand_over": hands,
        "first": today + timedelta(days=1),
        "last": today + FARTHEST,
    }
    return Around(**{**vars(found), **more})


def also(names: Sequence[str]) -> str:
    """Who else has a case open now, in words; "" where nobody has."""
    if not names:
        return ""
    told = ", ".join(names[:3]) + (_(" dan %(n)s lagi", n=len(names) - 3) if len(names) > 3 else "")
    return _("%(names)s juga sedang membuka berkas ini.", names=told)


def written(text: str) -> Markup:
    """A note as it is shown: who is named in it stands out."""
    parts, end = [], 0
    for found in NAMED.finditer(text):
        parts += [escape(text[end : found.start()]), Markup("<b>{}</b>").format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
