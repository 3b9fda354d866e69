"""One permohonan: where it is, what happened, its papers and uploads, and its control sheet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, jsonify, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.utils import secure_filename

from app import archive, cases, documents, drawn, files, journal, papers, people, permits, revisions, signing, uploads
from app.engine.definition import Definition
from app.files import DOCX
from app.journal import Entry
from app.models import Case, Document, Upload, moment
from app.revisions import Loaded
from app.web import around, attached, base, portal, registers, seen, shown, timeline, viewer
from app.web.beside import Beside

blueprint = Blueprint("cases", __name__)


@dataclass(frozen=True)
class Line:
    """One event of the journal as people read it."""

    entry: Entry
    what: str
    choice: str
    returns: bool
    round: int


@dataclass(frozen=True)
class Stage:
    """A step of the SOP and how far this case has come with it: `state` is here, done or nothing."""

    id: str
    number: str
    name: str
    lane: str
    state: str
    rounds: int


def lines(loaded: Loaded, entries: Sequence[Entry]) -> list[Line]:
    """The journal's events in words."""
    definition = loaded.definition
    rounds = {token: round_ for e in entries for token, _step, round_ in e.body.get("opened", ())}
    found = []
    for entry in entries:
        choice = _choice(definition, entry)
        round_ = rounds.get(str(entry.body.get("token")), 0)
        returns = journal.is_return(definition, entry)
        found.append(Line(entry, _what(definition, entry), choice, returns, round_))
    return found


def _choice(definition: Definition, entry: Entry) -> str:
    step = definition.steps.get(entry.step)
    return next((c.label for c in step.choices if c.id == entry.choice), entry.choice) if step else entry.choice


def _what(definition: Definition, entry: Entry) -> str:
    name = definition.names.get(entry.step) or entry.step
    body = entry.body
    if entry.kind == "start":
        return _("Membuka permohonan")
    if entry.kind in ("claim", "release") and "from" in body:
        if entry.kind == "claim":
            return _("Mengambil alih langkah “%(name)s” dari %(who)s", name=name, who=body["from"]["name"])
        return _("Melepas langkah “%(name)s” dari %(who)s", name=name, who=body["from"]["name"])
    if entry.kind == "claim":
        return _("Mengambil langkah “%(name)s”", name=name)
    if entry.kind == "release":
        return _("Melepas langkah “%(name)s”", name=name)
    if entry.kind == "assign":
        return _("Menyerahkan langkah “%(name)s” kepada %(to)s", name=name, to=body.get("name", ""))
    if entry.kind == "postpone":
        until = body.get("until")
        day = shown.tanggal_hari(datetime.fromisoformat(until)) if until else ""
        if not day:
            return _("Mengerjakan lagi langkah “%(name)s” yang ditunda", name=name)
        return _("Menunda langkah “%(name)s” sampai %(day)s", name=name, day=day)
    if entry.kind == "note":
        return _("Menulis catatan")
    if entry.kind == "complete":
        return _("Menyelesaikan langkah “%(name)s”", name=name)
    if entry.kind == "timer":
        passed = [definition.names.get(element, "") for element in journal.nodes(definition, body.get("path", ()))]
        return _("Tenggat tiba: %(name)s", name=next((n for n in passed if n), "") or _("tanpa nama"))
    if entry.kind == "document":
        return _("Dokumen terbit: %(name)s", name=body.get("name", ""))
    if entry.kind == "archive" and body.get("signed_by"):
        return _("PDF ditandatangani secara elektronik dan diarsipkan: %(name)s", name=body.get("name", ""))
    if entry.kind == "archive":
        return _("PDF diarsipkan: %(name)s", name=body.get("name", ""))
    if entry.kind == "breach" and "token" in body:
        return _("Batas waktu langkah “%(name)s” terlampaui", name=name)
    if entry.kind == "breach":
        return _("Batas waktu permohonan terlampaui")
    if entry.kind == "calendar":
        before, now = (shown.tanggal(moment(body[at])) if body.get(at) else "" for at in ("was", "due"))
        if not now or before == now:
            return _("Kalender kantor berubah; batas waktu langkah yang terbuka dihitung ulang")
        return _("Kalender kantor berubah: jatuh tempo dari %(dari)s menjadi %(ke)s", dari=before or "-", ke=now)
    if entry.kind == "question":
        return _("Mengadu") if body.get("kind") == "pengaduan" else _("Bertanya")
    if entry.kind == "answer":
        return _("Menjawab, lewat batas waktu") if body.get("late") else _("Menjawab")
    if entry.kind == "void":
        number, register = body.get("text", ""), body.get("register", "")
        return _("Membatalkan nomor %(number)s pada %(register)s", number=number, register=register)
    if entry.kind == "link":
        return _("Permohonan baru dibuka: %(name)s", name=body.get("number", ""))
    if entry.kind == "take_back":
        return _("Mengambil kembali langkah “%(name)s”", name=name)
    if entry.kind == "correct":
        return _("Membetulkan isian langkah “%(name)s”", name=name)
    if entry.kind == "destroy":
        who = {name: body.get(name, {}).get("name", "") for name in ("proposed", "decided")}
        return _(
            "Dimusnahkan sesuai jadwal retensi (%(dasar)s): diusulkan oleh %(usul)s, diputuskan oleh %(putus)s, "
            "daftar %(n)s",
            dasar=body.get("reference", ""), usul=who["proposed"], putus=who["decided"], n=body.get("list", ""),
        )  # fmt: skip
    verbs = {
        "withdraw": _("Menarik permohonan"),
        "refuse": _("Menolak permohonan"),
        "lapse": _("Menyatakan permohonan gugur"),
        "reopen": _("Membuka kembali permohonan"),
        "revoke": _("Mencabut yang sudah terbit"),
    }
    if entry.kind in verbs:
        return verbs[entry.kind]
    return entry.kind


def stages(definition: Definition, here: Iterable[str], done: Iterable[str]) -> list[Stage]:
    """Every step in drawn order, marked with where a case stands."""
    here, finished = list(here), list(done)
    return [
        Stage(
            step.id,
            step.properties.get("nomor", "").strip() or str(count),
            step.name,
            step.lane,
            "here" if step.id in here else "done" if step.id in finished else "",
            finished.count(step.id) + here.count(step.id),
        )
        for count, step in enumerate(definition.steps.values(), 1)
    ]


def staff_of(case: Case) -> bool:
    """Whether who asks sees the case as an official, and not as its applicant."""
    actor = base.actor()
    return case.sop in actor.sops or actor.person.auditor


@blueprint.get("/permohonan/<int:case_id>")
@base.signed_in
def permohonan(case_id: int) -> ResponseReturnValue:
    """The case page."""
    return again(case_id)


def again(
    case_id: int,
    asked: around.Asked | None = None,
    question: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> str:
    """The case page, with a small form on it that was refused, or a question that could not be taken."""
    ctx, actor = base.context(), base.actor()
    case = cases.case_for(ctx, actor, case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    entries = cases.journal_for(ctx, actor, case)
    tasks = cases.open_tasks(ctx, case)
    passes = journal.passes(loaded.definition, entries)
    here = [task.step for task in tasks]
    done = [p.step for p in passes if p.left is not None]
    return render_template(
        "cases/case.html",
        case=case,
        definition=loaded.definition,
        tasks=[(task, cases.may_take(ctx, actor, task) is None) for task in tasks],
        # That a paper is a PDF too, the list of papers says; notes have a place of their own.
        lines=lines(
            loaded, [journal.without_typed(e) if e.kind == "note" else e for e in entries if e.kind != "archive"]
        ),
        stages=stages(loaded.definition, here, done),
        around=around.of_case(case, entries, asked),
        here=here,
        done=sorted(set(done) - set(here)),
        path=_path(loaded.definition, entries),
        time=timeline.told(case, loaded, entries),
        documents=cases.documents(ctx, actor, case),
        issued=permits.issued(ctx, case, loaded, entries) if case.status != "open" else [],
        numbers=registers.numbers_of(case, loaded, entries),
        filled_forms=filled_forms(case, loaded.definition),
        attached=attached.uploads(attached.answered(loaded, entries), case),
        still_void=registers.still_void(loaded, entries),
        duplicates=cases.duplicates(ctx, case) if staff_of(case) else [],
        previous=ctx.session.get(Case, case.previous_id) if case.previous_id else None,
        following=ctx.session.scalar(select(Case).where(Case.previous_id == case.id)),
        owner=actor.person.id in (case.applicant_id, case.filed_by_id),
        take_back=cases.may_take_back(ctx, actor, case, entries),
        staff=staff_of(case),
        beside=Beside(case, question, faults),
    )


def _path(definition: Definition, entries: Sequence[Entry]) -> list[str]:
    return sorted({node for entry in entries for node in journal.nodes(definition, entry.body.get("path", ()))})


@blueprint.get("/permohonan/<int:case_id>/diagram.bpmn")
@base.signed_in
@seen.nothing_personal
def diagram(case_id: int) -> ResponseReturnValue:
    """The drawing that this case runs under."""
    return portal.diagram_of(cases.case_for(base.context(), base.actor(), case_id).revision)


@blueprint.get("/permohonan/<int:case_id>/lembar-kendali")
@base.signed_in
def lembar_kendali(case_id: int) -> ResponseReturnValue:
    """The control sheet as a page: the same rows as the paper."""
    ctx, actor = base.context(), base.actor()
    case = cases.case_for(ctx, actor, case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    rows = papers.sheet(ctx, loaded, cases.journal_for(ctx, actor, case))
    on_paper = drawn.papers(loaded.definition.properties.get("lembar_kendali", ""))
    return render_template(
        "cases/sheet.html",
        case=case,
        definition=loaded.definition,
        rows=rows,
        paper=on_paper[0] if on_paper and staff_of(case) else None,
    )


@blueprint.get("/permohonan/<int:case_id>/lembar-kendali.docx")
@base.signed_in
def lembar_kendali_docx(case_id: int) -> ResponseReturnValue:
    """The control sheet as a paper; it names who wrote what, so it is for officials."""
    ctx = base.context()
    case = cases.case_for(ctx, base.actor(), case_id)
    if not staff_of(case):
        raise cases.NotFound()
    content = papers.control_sheet(ctx, case, revisions.load(ctx.session, case.revision_id))
    if content is None:
        raise cases.NotFound()
    return _download(content, _("Lembar kendali %(number)s", number=case.number))


def filled_forms(case: Case, definition: Definition) -> list[drawn.Paper]:
    """The forms of the service that who asks may print filled with this case; an applicant none that is internal."""
    places = [text for _element, _name, text in drawn.places_of_papers(definition)]
    internal = {paper.template for text in places for paper in drawn.papers(text) if paper.internal}
    offered = drawn.papers(definition.properties.get("unduhan", ""))
    return [paper for paper in offered if staff_of(case) or paper.template not in internal]


@blueprint.get("/permohonan/<int:case_id>/formulir/<template>")
@base.signed_in
def formulir(case_id: int, template: str) -> ResponseReturnValue:
    """A form of the service filled with what the case says now: to sign on paper, or for the archive."""
    ctx = base.context()
    case = cases.case_for(ctx, base.actor(), case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    paper = next((one for one in filled_forms(case, loaded.definition) if one.template == template), None)
    if paper is None:
        raise cases.NotFound()
    known = None if staff_of(case) else cases.for_applicant(ctx, case, cases.data_of(ctx, case))
    try:
        content = papers.as_it_stands(ctx, case, loaded, paper, known)
    except documents.DocumentError as error:
        raise cases.NotNow(str(error)) from error
    return _download(content, f"{paper.name} {case.number}")


@blueprint.get("/permohonan/<int:case_id>/dokumen")
@base.signed_in
@seen.nothing_personal
def dokumen_siap(case_id: int) -> ResponseReturnValue:
    """The list of a case's papers, for a page that waits for one of them."""
    base.quiet()
    ctx, actor = base.context(), base.actor()
    case = cases.case_for(ctx, actor, case_id)
    return render_template("cases/papers.html", documents=cases.documents(ctx, actor, case))


@blueprint.get("/dokumen/<int:document_id>")
@base.signed_in
def dokumen(document_id: int) -> ResponseReturnValue:
    """A paper of a case that one may see; while it is still being made, a page that says so."""
    document, case = _paper(document_id)
    if document.sha256 is None:
        return render_template("cases/paper_waits.html", case=case, document=document), 202
    content = files.read(base.alur().settings.files, document.sha256)
    return _download(content, f"{document.name} {case.number}")


@blueprint.get("/dokumen/<int:document_id>/lihat")
@base.signed_in
def dokumen_lihat(document_id: int) -> ResponseReturnValue:
    """A paper read in the page, as its pages."""
    document, case = _paper(document_id)
    if document.sha256 is None:
        raise cases.NotFound()
    return viewer.page(files.read(base.alur().settings.files, document.sha256), DOCX, f"{document.name} {case.number}")


@blueprint.get("/dokumen/<int:document_id>.pdf")
@base.signed_in
def dokumen_pdf(document_id: int) -> ResponseReturnValue:
    """A paper as it was archived, PDF/A."""
    document, case = _paper(document_id)
    if document.pdf_sha256 is None:
        raise cases.NotFound()
    content = files.read(base.alur().settings.files, document.pdf_sha256)
    name = secure_filename(f"{document.name} {case.number}") or "dokumen"
    return viewer.file(content, "application/pdf", f"{name}.pdf", document.pdf_sha256)


def _paper(document_id: int) -> tuple[Document, Case]:
    document = cases.document(base.context(), base.actor(), document_id)
    return document, base.session().get_one(Case, document.case_id)


def _download(content: bytes, name: str) -> Response:
    file_name = f"{secure_filename(name) or 'dokumen'}.docx"
    answer = send_file(io.BytesIO(content), mimetype=DOCX, as_attachment=True, download_name=file_name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.get("/berkas/<upload_id>")
@base.signed_in
def berkas(upload_id: str) -> ResponseReturnValue:
    """An upload, for whoever sent it or may see its case: in the page where a browser can show it safely."""
    upload = _upload(upload_id)
    content = files.read(base.alur().settings.files, upload.sha256)
    return viewer.file(content, upload.media_type, upload.name, upload.sha256)


@blueprint.get("/berkas/<upload_id>/lihat")
@base.signed_in
def berkas_lihat(upload_id: str) -> ResponseReturnValue:
    """An upload that browsers do not show by themselves, read in the page."""
    upload = _upload(upload_id)
    return viewer.page(files.read(base.alur().settings.files, upload.sha256), upload.media_type, upload.name)


def _upload(upload_id: str) -> Upload:
    """An upload that one sent oneself, or whose case one may see. Raises cases.NotFound."""
    ctx, actor = base.context(), base.actor()
    upload = ctx.session.get(Upload, upload_id)
    if upload is None:
        raise cases.NotFound()
    if upload.person_id != actor.person.id:
        case = ctx.session.get(Case, upload.case_id) if upload.case_id else None
        allowed = people.may_see(actor, case) if case else cases.proxies.may_read_letter(ctx, actor, upload)
        if not allowed:
            raise cases.NotFound()
    return upload


@blueprint.post("/berkas")
@base.signed_in
def unggah() -> ResponseReturnValue:
    """Takes one file (field `file`) ahead of its form; answers with JSON, errors with their message."""
    sent = request.files.get("file")
    try:
        if sent is None:
            raise files.UploadRefused(_("Tidak ada berkas yang dikirim."))
        accept = tuple(a for a in request.form.get("accept", "").split(",") if a)
        upload = uploads.save(base.context(), base.person(), sent.filename or "", sent.stream.read(), accept)
    except files.UploadRefused as refused:
        return jsonify({"message": str(refused)}), 422
    address = url_for("cases.berkas", upload_id=upload.id)
    told = {"id": upload.id, "name": upload.name, "size": upload.size, "url": address, "media_type": upload.media_type}
    return jsonify(told), 201


def progress_of(documents: Sequence[Document]) -> dict[int, archive.Waiting]:
    """Of these papers, those whose PDF is still to come, by id."""
    return archive.progress(base.context(), documents)


blueprint.app_template_global("pdf_progress")(progress_of)
blueprint.app_template_global("signer_name")(signing.common_name)
blueprint.app_template_global("viewer_address")(viewer.address)
blueprint.app_template_global("at_now")(base.now)
blueprint.app_template_global("at_local")(shown.local)
