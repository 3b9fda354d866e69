"""SOP yang berlaku, for its owner: what is in force, what the check said of it, and putting a new one in force."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from app import bundles, cases, drawn, revisions, trial
from app.engine.definition import Definition, Finding
from app.files import DOCX
from app.models import Case, Revision, RevisionFile
from app.web import base, portal, viewer

blueprint = Blueprint("sops", __name__)
ORDER = {"error": 0, "warning": 1, "info": 2}


@blueprint.get("/sop")
@base.owner
def semua() -> ResponseReturnValue:
    """Every SOP in force."""
    return _list()


def _list(message: str = "", findings: Iterable[Finding] = (), name: str = "") -> str:
    session = base.session()
    open_cases = session.execute(
        select(Case.revision_id, func.count()).where(Case.status == "open").group_by(Case.revision_id)
    ).all()
    return render_template(
        "sops/list.html",
        revisions=revisions.all_in_force(session),
        open_cases={row[0]: row[1] for row in open_cases},
        message=message,
        findings=sorted(findings, key=lambda f: ORDER[f.level]),
        name=name,
    )


@blueprint.post("/sop")
@base.owner
def pasang() -> ResponseReturnValue:
    """Puts a bundle in force: all of what was sent, or none of it."""
    sent = [file for file in request.files.getlist("berkas") if file.filename]
    if not sent:
        return _list(_("Pilih dahulu berkas SOP yang akan diberlakukan.")), 422
    contents = {str(file.filename): file.stream.read() for file in sent}
    try:
        found = bundles.gathered(contents)
    except bundles.BundleError as error:
        return _list(str(error)), 422
    by = base.person()
    installed = []
    for bundle in found:
        try:
            installed.append(revisions.install(base.context(), bundle, by.full_name, _("pemilik SOP")))
        except revisions.NotRunnable as error:
            told = _("SOP “%(name)s” belum dapat diberlakukan. Tidak ada yang berubah.", name=bundle.name)
            return _list(told, error.findings, bundle.name), 422
    flash(_("Berlaku mulai sekarang: %(names)s. Permohonan yang sedang berjalan tetap memakai SOP lamanya.",
            names=", ".join(r.title for r in installed)))  # fmt: skip
    first = installed[0]
    return redirect(url_for("sops.revisi", sop=first.sop, number=first.number), 303)


@blueprint.get("/sop/<sop>/<int:number>")
@base.owner
def revisi(sop: str, number: int) -> ResponseReturnValue:
    """One revision: what was found, its files, its drawing."""
    revision = _revision(sop, number)
    loaded = revisions.load(base.session(), revision.id)
    files = base.session().execute(
        select(RevisionFile.path, func.length(RevisionFile.content))
        .where(RevisionFile.revision_id == revision.id)
        .order_by(RevisionFile.path)
    )
    files_ = files.all()
    others = base.session().scalars(select(Revision).where(Revision.sop == sop).order_by(Revision.number.desc()))
    findings: list[Mapping[str, str]] = sorted(revision.findings, key=lambda f: ORDER.get(f["level"], 9))
    return render_template(
        "sops/revision.html",
        revision=revision,
        definition=loaded.definition,
        findings=findings,
        files=files_,
        others=others.all(),
        lanes=_lanes(loaded),
        letters=_letters(
            loaded.definition, [PurePosixPath(path).name for path, _size in files_ if "templates/" in path]
        ),
    )


def _lanes(loaded: revisions.Loaded) -> dict[str, list[str]]:
    """The steps of each lane, in drawn order."""
    found: dict[str, list[str]] = {lane.name: [] for lane in loaded.definition.lanes}
    for step in loaded.definition.steps.values():
        found.setdefault(step.lane, []).append(step.name)
    return found


@dataclass(frozen=True)
class Issued:
    """A paper of a template: how the diagram calls it, and where it says so."""

    paper: drawn.Paper
    where: str


def _letters(definition: Definition, templates: Iterable[str]) -> dict[str, list[Issued]]:
    """Every template of an SOP with the papers that are made of it; none of one that the diagram does not name."""
    found: dict[str, list[Issued]] = {name: [] for name in templates}
    for element, name, text in drawn.places_of_papers(definition):
        if element in definition.steps:
            where = _("langkah “%(name)s”", name=name)
        elif element in definition.ends:
            where = _("akhir “%(name)s”", name=name or element)
        else:
            where = _("seluruh SOP") if element == definition.key else _("panah “%(name)s”", name=name)
        for paper in drawn.papers(text):
            if paper.template in found:
                found[paper.template].append(Issued(paper, where))
    return found


_trials: dict[tuple[str, str], trial.Trial] = {}  # by revision's digest and template: a page shows what it links to


def _trial(revision: Revision, template: str) -> trial.Trial:
    key = (revision.digest, template)
    if key not in _trials:
        if len(_trials) > 30:
            _trials.clear()
        _trials[key] = trial.of_revision(base.alur().settings, base.session(), revision, template)
    return _trials[key]


@blueprint.get("/sop/<sop>/<int:number>/surat/<template>")
@base.owner
def surat(sop: str, number: int, template: str) -> ResponseReturnValue:
    """One template: where it is issued, what was found in it, and what comes of it on a made-up case."""
    revision = _revision(sop, number)
    if f"templates/{template}" not in revisions.file_contents(base.session(), revision.id, "templates/"):
        raise cases.NotFound()
    definition = revisions.load(base.session(), revision.id).definition
    return render_template(
        "sops/letter.html",
        revision=revision,
        definition=definition,
        template=template,
        findings=[f for f in revision.findings if f["element"] == template],
        issued=_letters(definition, [template])[template],
        trial=_trial(revision, template),
    )


@blueprint.get("/sop/<sop>/<int:number>/surat/<template>/lihat")
@base.owner
def templat_lihat(sop: str, number: int, template: str) -> ResponseReturnValue:
    """The template itself read in the page, as it was drawn."""
    content = revisions.file_contents(base.session(), _revision(sop, number).id).get(f"templates/{template}")
    if content is None:
        raise cases.NotFound()
    return viewer.page(content, DOCX, template)


@blueprint.get("/sop/<sop>/<int:number>/contoh/<template>")
@base.owner
def contoh(sop: str, number: int, template: str) -> ResponseReturnValue:
    """A paper filled on a made-up case: that called `nama`, else the first; blank with `kosong`, where it is a form."""
    called, content = _tried(sop, number, template)
    return send_file(io.BytesIO(content), DOCX, as_attachment=True, download_name=f"{called}.docx")


@blueprint.get("/sop/<sop>/<int:number>/contoh/<template>/lihat")
@base.owner
def contoh_lihat(sop: str, number: int, template: str) -> ResponseReturnValue:
    """The same paper read in the page."""
    called, content = _tried(sop, number, template)
    return viewer.page(content, DOCX, called)


def _tried(sop: str, number: int, template: str) -> tuple[str, bytes]:
    """The name and the bytes of the paper that is asked for. Raises cases.NotFound, cases.NotNow."""
    found = _trial(_revision(sop, number), template).papers
    name, blank = request.args.get("nama"), "kosong" in request.args
    tried = next((one for one in found if name in (None, one.paper.name)), None)
    content = (tried.blank if blank else tried.filled) if tried else None
    if tried is None or content is None:
        raise cases.NotNow(tried.error) if tried and tried.error else cases.NotFound()
    called = _("%(name)s (kosong)", name=tried.paper.name) if blank else _("%(name)s (contoh)", name=tried.paper.name)
    return called, content


@blueprint.get("/sop/<sop>/<int:number>/diagram.bpmn")
@base.owner
def diagram(sop: str, number: int) -> ResponseReturnValue:
    """The drawing of a revision."""
    return portal.diagram_of(_revision(sop, number))


@blueprint.get("/sop/<sop>/<int:number>/berkas/<path:path>")
@base.owner
def berkas(sop: str, number: int, path: str) -> ResponseReturnValue:
    """One file of a revision, as it was installed."""
    content = revisions.file_contents(base.session(), _revision(sop, number).id).get(path)
    if content is None:
        raise cases.NotFound()
    return send_file(
        io.BytesIO(content), mimetype="application/octet-stream", as_attachment=True,
        download_name=PurePosixPath(path).name,
    )  # fmt: skip


def _revision(sop: str, number: int) -> Revision:
    found = base.session().scalar(
        select(Revision)
        .where(Revision.sop == sop, Revision.number == number)
        .options(undefer(Revision.findings), undefer(Revision.definition))
    )
    if found is None:
        raise cases.NotFound()
    return found
