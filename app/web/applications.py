"""Permohonan saya: what an applicant has to do, what became of the rest, and how to begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import cases, people, permits, revisions, terms
from app.models import Case, Document, Event, Person, Task
from app.web import base, timeline
from app.web.portal import Service, institution, service, services

blueprint = Blueprint("applications", __name__)
PAGE = 50
STATUSES = ("open", "ended", "refused", "withdrawn", "lapsed", "revoked")


@dataclass
class Own:
    """A case as its applicant sees it."""

    case: Case
    mine: list[tuple[Task, cases.Returned | None]] = field(default_factory=list)  # what waits for this person
    others: list[Task] = field(default_factory=list)  # what waits for somebody else
    papers: list[Document] = field(default_factory=list)
    ending: permits.Ending | None = None  # what it gave, where that can be extended

    @property
    def proxy(self) -> bool:
        """Is it this person's only as a proxy?"""
        return cases.proxies.acts_for(base.actor(), self.case)

    def institution(self, task: Task) -> str:
        return institution(self.case, task)

    @property
    def tasks(self) -> list[Task]:
        return [task for task, _back in self.mine] + self.others


@blueprint.get("/permohonan")
@base.signed_in
def daftar() -> ResponseReturnValue:
    before = _before()
    found = _own_cases(before)
    shown, more = found[:PAGE], len(found) > PAGE
    rows = _told(shown)
    return render_template(
        "applications/daftar.html",
        needed=[row for row in rows if row.mine],
        standing=timeline.standing,
        running=[row for row in rows if not row.mine and row.case.status == "open"],
        over=[row for row in rows if row.case.status != "open"],
        services=[s for s in services() if _may_begin(s)] if not before else [],
        next=shown[-1].id if more else None,
    )


@blueprint.get("/permohonan/semua")
@base.signed_in
def semua() -> ResponseReturnValue:
    q, status = (request.args.get(name, "").strip()[:100] for name in ("cari", "status"))
    older = _before()
    query = cases.visible_cases(base.actor(), q, status if status in STATUSES else "", older)
    found = list(base.session().scalars(query.limit(PAGE + 1)))
    rows, more = _told(found[:PAGE]), len(found) > PAGE
    return render_template(
        "applications/semua.html",
        rows=rows,
        q=q,
        status=status,
        statuses=STATUSES,
        narrowed=bool(q or status or older),
        next=rows[-1].case.id if more else None,
    )


def _may_begin(found: Service) -> bool:
    return bool(found.ways_in(base.actor())) or _for_others(found)


def _for_others(found: Service) -> bool:
    """Does this person file for whoever comes to the counter?"""
    return found.outside and found.sop in base.actor().counter and not base.person().applicant


def _before() -> int | None:
    """Older than which case a list goes on; None for its beginning."""
    given = request.args.get("sebelum", "")[:20]
    return min(int(given), base.LARGEST_ID - 1) if given.isdecimal() else None


def _own_cases(before: int | None) -> list[Case]:
    query = (
        select(Case)
        .where(cases.own(base.actor()))
        .options(joinedload(Case.revision))
        .order_by(Case.id.desc())
        .limit(PAGE + 1)
    )
    return list(base.session().scalars(query.where(Case.id < before) if before else query))


def _told(found: Sequence[Case]) -> list[Own]:
    rows = {case.id: Own(case) for case in found}
    waiting = (
        select(Task)
        .where(Task.case_id.in_(rows), Task.closed_at.is_(None))
        .options(joinedload(Task.lane), joinedload(Task.assignee), joinedload(Task.case))
        .order_by(Task.id)
    )
    for task in base.session().scalars(waiting):
        row = rows[task.case_id]
        if people.may_do(base.actor(), task) and task.lane.applicant:
            row.mine.append((task, cases.returned(base.context(), task)))
        else:
            row.others.append(task)
    issued = select(Document).where(Document.case_id.in_(rows), Document.filled_at.is_not(None)).order_by(Document.id)
    for paper in base.session().scalars(issued):
        if not paper.internal or rows[paper.case_id].case.sop in base.actor().sops:
            rows[paper.case_id].papers.append(paper)
    for case_id, ending in _endings(found).items():
        rows[case_id].ending = ending
    return list(rows.values())


def _endings(found: Sequence[Case]) -> Mapping[int, permits.Ending]:
    """What these cases gave that ends and can be extended, by case."""
    in_force = {revision.sop for revision in revisions.all_in_force(base.session())}
    rules = {case.id: terms.extension(revisions.load(base.session(), case.revision_id).definition) for case in found}
    over = [case.id for case in found if case.status == "ended" and (rule := rules[case.id]) and rule.sop in in_force]
    return permits.of_cases(base.context(), over) if over else {}


@blueprint.get("/layanan/<sop>/ajukan")
@base.signed_in
def ajukan(sop: str) -> ResponseReturnValue:
    found = service(sop)
    if not _may_begin(found):
        raise cases.no_way_in(found.definition)
    return _ask(found)


@blueprint.post("/layanan/<sop>/ajukan")
@base.signed_in
def ajukan_kirim(sop: str) -> ResponseReturnValue:
    found = service(sop)
    name = " ".join(base.typed("pemohon").split())
    faults = {}
    if _for_others(found) and not name:
        faults["pemohon"] = _("Tulis nama pemohon yang datang ke loket.")
    elif len(name) > 200 or not name.isprintable():
        faults["pemohon"] = _("Nama terlalu panjang atau memuat tanda yang tidak dapat dicetak.")
    whom = request.form.get("untuk", "")
    principal = next((m for m in _principals(sop) if str(m.principal) == whom), None)
    if whom and principal is None:
        faults["untuk"] = _("Anda bukan, atau bukan lagi, kuasa dari orang itu untuk layanan ini.")
    start = request.form.get("jalan") or None
    if start is not None and start not in {way.id for way in found.definition.starts}:
        faults["jalan"] = _("Jalan masuk ini tidak ada pada SOP yang berlaku. Pilih salah satu di bawah.")
    if faults:
        return _ask(found, name, faults), 422
    name = principal.login if principal else name
    case = _untouched(found, start, name) or cases.open_case(
        base.context(), base.actor(), sop, start=start, on_behalf_of=name or None
    )
    first = next((task for task in cases.open_tasks(base.context(), case) if people.may_do(base.actor(), task)), None)
    return redirect(f"/tugas/{first.id}" if first else f"/permohonan/{case.id}", 303)


def _untouched(found: Service, start: str | None, name: str) -> Case | None:
    """The application that this person began the same way and nobody touched since: a double click makes one."""
    me = base.session().get_one(Person, base.person().id, with_for_update=True)  # the second click waits for the first
    own = me.id if me.applicant and found.outside else None
    same = (
        select(Case, Event)
        .join(Event, (Event.case_id == Case.id) & (Event.seq == 1))
        .join(Task, Task.case_id == Case.id)
        .where(
            Case.filed_by_id.in_([me.id, *(m.principal for m in _principals(found.sop))]),
            Event.actor_id == me.id,
            Case.sop == found.sop,
            Case.status == "open",
            Case.seq == 1,
            Task.draft_at.is_(None),
        )
        .where(Case.previous_id.is_(None))
        .order_by(Case.id.desc())
        .limit(20)
    )
    for case, event in base.session().execute(same):
        whose = case.applicant_name == name or _login_name(case) == name if name else case.applicant_id == own
        if whose and event.body.get("start") == start:
            return case
    return None


def _login_name(case: Case) -> str | None:
    person = base.session().get(Person, case.applicant_id) if case.applicant_id else None
    return person.name if person else None


def _ask(found: Service, name: str = "", faults: dict[str, str] | None = None) -> str:
    counter = _for_others(found)
    ways = found.definition.starts if counter else found.ways_in(base.actor())
    return render_template(
        "applications/ajukan.html", service=found, counter=counter, ways=ways, name=name, faults=faults or {},
        principals=_principals(found.sop),
    )  # fmt: skip


def _principals(sop: str) -> list[people.Mandate]:
    """For whom else this person may apply, by a power of attorney."""
    return [mandate for mandate in base.actor().principals if mandate.sop in ("", sop)]
