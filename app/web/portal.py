"""What the public sees: the services, one service, and where a case is."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from flask import Blueprint, Response, redirect, render_template, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from app import access, cases, clock, drawn, papers, people, revisions, satisfaction
from app.engine.definition import Definition, Start, Step
from app.models import Case, Revision, RevisionFile, Task
from app.web import base, errors, shown
from app.web.account import local_path

blueprint = Blueprint("portal", __name__)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
YEAR = 365 * 24 * 3600
FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class Service:
    """An SOP in force as the public asks about it."""

    revision: Revision
    definition: Definition

    @property
    def sop(self) -> str:
        return self.revision.sop

    @property
    def outside(self) -> bool:
        """Does somebody from outside apply for it?"""
        return self.definition.applicant_lane is not None

    def ways_in(self, actor: people.Actor) -> tuple[Start, ...]:
        """The starts at which this person may open a case of their own."""
        return cases.ways_in(actor, revisions.load(base.session(), self.revision.id))

    @property
    def length(self) -> str:
        return length(self.told("jangka_waktu"))

    @property
    def hours(self) -> str:
        return self.told("jam_layanan")

    def told(self, name: str) -> str:
        """A property of the process, "" where its owner did not say."""
        return self.definition.properties.get(name, "").strip()

    def lines(self, name: str) -> list[str]:
        """A property of several entries."""
        return [line.strip() for line in self.told(name).splitlines() if line.strip()]

    @property
    def downloads(self) -> list[drawn.Paper]:
        return drawn.papers(self.told("unduhan"))

    @property
    def stages(self) -> list[Step]:
        return list(self.definition.steps.values())


def length(written: str) -> str:
    """`7 kerja` as people say it: `7 hari kerja`."""
    match = clock.LENGTH.match(written)
    if match is None:
        return written
    by_calendar = (match[2] or "").lower() == "kalender"
    return _("%(n)s hari kalender", n=match[1]) if by_calendar else _("%(n)s hari kerja", n=match[1])


def service(sop: str) -> Service:
    """The SOP in force under this key. Raises cases.NoSuchSop."""
    revision = revisions.in_force(base.session(), sop)
    if revision is None:
        raise cases.NoSuchSop()
    return Service(revision, revisions.load(base.session(), revision.id).definition)


def services() -> list[Service]:
    """Every SOP in force, by title."""
    found = revisions.all_in_force(base.session())
    return [Service(revision, revisions.load(base.session(), revision.id).definition) for revision in found]


def diagram_of(revision: Revision) -> Response:
    """The drawing of a revision, which never changes."""
    content = base.session().scalars(
        select(RevisionFile.content).where(
            RevisionFile.revision_id == revision.id,
            RevisionFile.path.like("%.bpmn"),
            RevisionFile.path.not_like("%/%"),
        )
    ).one()  # fmt: skip
    answer = Response(content, mimetype="application/xml")
    answer.set_etag(revision.digest)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer


_counted: WeakKeyDictionary[Engine, tuple[datetime, satisfaction.Summary]] = WeakKeyDictionary()


def _contentment() -> satisfaction.Summary:
    """The index of satisfaction, counted anew at most once in FRESH: everybody's first page need not wait for it."""
    engine, now = base.alur().engine, base.now()
    at, found = _counted.get(engine, (None, None))
    if at is None or found is None or not timedelta() <= now - at < FRESH:
        found = satisfaction.running(base.context())
        _counted[engine] = now, found
    return found


@blueprint.get("/")
@base.public
def beranda() -> ResponseReturnValue:
    found = services()
    return render_template(
        "portal/beranda.html",
        services=[service for service in found if service.outside],
        inner=[s for s in found if not s.outside and base.me() and s.sop in base.actor().sops],
        published=satisfaction.published(_contentment()),
    )


@blueprint.get("/layanan/<sop>")
@base.public
def layanan(sop: str) -> ResponseReturnValue:
    found = service(sop)
    return render_template(
        "portal/layanan.html", service=found, published=satisfaction.published(_contentment(), found.sop)
    )


@blueprint.get("/layanan/<sop>/diagram.bpmn")
@base.public
def diagram(sop: str) -> ResponseReturnValue:
    return diagram_of(service(sop).revision)


_blanks: dict[tuple[str, str], bytes] = {}


@blueprint.get("/layanan/<sop>/unduhan/<template>")
@base.public
def unduhan(sop: str, template: str) -> ResponseReturnValue:
    found = service(sop)
    paper = next((paper for paper in found.downloads if paper.template == template), None)
    if paper is None:
        raise cases.NotFound()
    key = (found.revision.digest, template)
    if key not in _blanks:
        if len(_blanks) > 100:
            _blanks.clear()
        _blanks[key] = papers.blank(base.context(), revisions.load(base.session(), found.revision.id), paper)
    return send_file(io.BytesIO(_blanks[key]), DOCX, as_attachment=True, download_name=f"{paper.name}.docx")


@blueprint.get("/lacak")
@base.public
def lacak() -> ResponseReturnValue:
    return render_template("portal/lacak.html", number=request.args.get("nomor", ""), found=None, faults={})


@blueprint.post("/lacak")
@base.public
def lacak_kirim() -> ResponseReturnValue:
    base.only_reads()
    number, code = base.typed("nomor", 80).strip(), base.typed("kode", 16).strip()
    whence, about = request.remote_addr or "", number or "-"
    if access.too_often(base.context(), "lacak", whence, about):
        return errors.error_page(429, _("Kode lacak sudah terlalu sering keliru. Tunggu seperempat jam."))
    case = cases.tracked(base.context(), number, code)
    if case is None:
        base.kept_at_once(lambda ctx: access.tried(ctx, "lacak", whence, about))
        wrong = {"nomor": _("Nomor dan kode lacak ini tidak cocok. Keduanya tertulis pada tanda terima Anda.")}
        return render_template("portal/lacak.html", number=number, found=None, faults=wrong), 422
    return render_template("portal/lacak.html", number=number, found=whereabouts(case), faults={})


def institution(case: Case, task: Task) -> str:
    """Which institution has a case now: the one that its lane names, else the office of its SOP."""
    definition = revisions.load(base.session(), case.revision_id).definition
    lane = next((lane for lane in definition.lanes if lane.name == task.lane.name), None)
    named = lane.properties.get("instansi", "") if lane else ""
    return named or definition.properties.get("kantor_nama", "") or shown.office(base.session(), (case.sop,))["nama"]


def whereabouts(case: Case) -> dict[str, Any]:
    """Where a case is, and nothing about anybody."""
    tasks = [(task, institution(case, task)) for task in cases.open_tasks(base.context(), case)]
    return {"case": case, "tasks": tasks, "status": shown.status(case.status)}


@blueprint.get("/bahasa/<kode>")
@base.public
def bahasa(kode: str) -> ResponseReturnValue:
    if kode not in shown.LANGUAGES:
        raise cases.NotFound()
    answer = redirect(local_path(request.args.get("kembali")) or "/")
    secure = base.alur().settings.secure_cookies
    answer.set_cookie("bahasa", kode, max_age=YEAR, samesite="Lax", secure=secure, httponly=True)
    return answer


@blueprint.get("/healthz")
@base.public
def healthz() -> ResponseReturnValue:
    try:
        base.session().execute(text("SELECT 1 FROM person LIMIT 1"))
    except SQLAlchemyError:
        base.log.exception("healthz")
        return {"status": "database"}, 503
    return {"status": "ok"}
