"""The API: JSON under /api/v1. Each call is validated, carried out by the verb that the pages use, and presented."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import Blueprint, Response, abort, jsonify, request, send_file, url_for
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, undefer

from app import bundles, cases, checks, clock, files, forms, inbox, journal, people, revisions, uploads
from app.forms import Fault
from app.models import Case, Document, Retry, Revision, Task, canonical
from app.web import base, openapi, seen
from app.web.errors import error_page, problem

PAGE, MOST = 50, 200
REMEMBERED = timedelta(days=7)  # the answers to retries: they hold what people typed
CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)
LARGEST_BODY = 2 * 1024 * 1024  # of JSON; files have a limit of their own
View = TypeVar("View", bound=Callable[..., Any])
blueprint = Blueprint("api", __name__)


def call(
    method: str, path: str, *, takes: str = "", gives: str, status: int = 200, query: Sequence[str] = ()
) -> Callable[[View], View]:
    """Declare a call of the API: its route, its guard and its place in OpenAPI are this one line.

    A view that changes something says `base.now_write()` once all of its request has come: who sends slowly, or sends
    much that must be looked at, holds up nobody.
    """

    def declare(view: View) -> View:
        openapi.CALLS.append(
            openapi.Call(method, path, (view.__doc__ or "").strip(), takes, gives, status, tuple(query))
        )
        rule = "/api/v1" + path.replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, view.__name__, base.looks_first(base.token(view)), methods=[method])
        return view

    return declare


# SOPs


@call("GET", "/sops", gives="Sops")
def sops() -> Response:
    """The SOPs in force."""
    found = [_sop(revision) for revision in revisions.all_in_force(base.session())]
    return jsonify(items=found, next=None)


@call("GET", "/sops/{key}", gives="Sop")
def sop(key: str) -> Response:
    """One SOP in force."""
    revision = revisions.in_force(base.session(), key)
    if revision is None:
        raise cases.NoSuchSop()
    return jsonify(_sop(revision))


@call("POST", "/sops/{key}/revisions", takes="files", gives="Revision", status=201)
def new_revision(key: str) -> tuple[Response, int]:
    """Put a bundle (diagram, forms, templates, tables, or a .zip of them) in force, by its owner."""
    if not base.person().owner:
        raise cases.NotYours("Hanya pemilik SOP yang dapat memberlakukan revisi.")
    sent = {f.filename or "": f.read() for part in request.files for f in request.files.getlist(part)}
    try:
        bundle, *others = bundles.gathered(sent)
    except bundles.BundleError as error:
        raise cases.Invalid([Fault("/file", str(error))]) from None
    if others:
        raise cases.Invalid([Fault("/file", "Kirim satu SOP saja: ada beberapa diagram yang berdiri sendiri.")])
    definition, findings = checks.check(bundle)
    shown = [asdict(finding) for finding in findings]
    if definition is None or any(finding.level == "error" for finding in findings):
        return _unfit(findings), 422
    if definition.key != key:
        raise cases.Invalid([Fault("/file", f"Diagram ini bernama {definition.key}, bukan {key}.")])
    base.now_write()
    revision = revisions.install(base.context(), bundle, base.person().full_name, "pemilik SOP")
    return jsonify(key=key, revision=revision.number, digest=revision.digest, findings=shown), 201


def _unfit(findings: Sequence[Any]) -> Response:
    errors = [{"pointer": f"/{f.element}", "message": f.message} for f in findings if f.level == "error"]
    answer = problem(422, "SOP ini belum dapat diberlakukan.", errors=errors)
    answer.set_data(jsonify({**answer.get_json(), "findings": [asdict(f) for f in findings]}).get_data())
    return answer


# Files


@call("POST", "/files", takes="file", gives="File", status=201)
def new_file() -> tuple[Response, int]:
    """Send a file; its id is the value of an upload field."""
    sent = request.files.get("file")
    if sent is None:
        raise cases.Invalid([Fault("/file", "Pilih berkas yang akan diunggah.")])
    content = sent.read()
    base.now_write()
    try:
        upload = uploads.save(base.context(), base.person(), sent.filename or "", content)
    except files.UploadRefused as refused:
        raise cases.Invalid([Fault("/file", str(refused))]) from None
    return jsonify(id=upload.id, name=upload.name, sha256=upload.sha256), 201


# Cases


@call("POST", "/cases", takes="NewCase", gives="Case", status=201)
def new_case() -> tuple[Response, int]:
    """Open a case; `data` becomes the draft of its first task."""
    body = _body("NewCase")
    case = cases.open_case(
        base.context(),
        base.actor(),
        body["sop"],
        data=body.get("data"),
        start=body.get("start"),
        on_behalf_of=body.get("on_behalf_of"),
    )
    return jsonify(_case(case)), 201


@call("GET", "/cases", gives="Cases", query=("q", "status", "cursor", "limit"))
def list_cases() -> Response:
    """The cases that the caller may see, newest first."""
    actor, limit = base.actor(), _limit()
    before = int(_cursor(CURSOR) or 0) or None
    query = cases.visible_cases(actor, request.args.get("q", ""), request.args.get("status", ""), before)
    found = list(base.session().scalars(query.options(undefer(Case.data)).limit(limit + 1)))
    after = str(found[limit - 1].id) if len(found) > limit else None
    seen.shown("daftar", found[:limit])
    return jsonify(items=[_case(case) for case in found[:limit]], next=after)


@call("GET", "/cases/{case_id}", gives="Case")
def one_case(case_id: str) -> Response:
    """One case with its open tasks, and the rules that made its due date."""
    case = _find_case(case_id)
    return jsonify({**_case(case), "due_rules": _due_rules(case)})


@call("POST", "/cases/{case_id}/act", takes="Act", gives="Case")
def act(case_id: str) -> Response:
    """Withdraw, refuse, lapse, reopen, revoke or correct a case; a correction names its step and gives its data."""
    body, number = _body("Act"), _number(case_id)
    base.now_write()
    done = cases.act(
        base.context(), base.actor(), number, body["act"], body["reason"], body.get("step", ""), body.get("data") or {}
    )
    base.fill_papers_of(done.id, done.seq)
    return jsonify(_case(done))


@call("POST", "/cases/{case_id}/take-back", gives="Case")
def take_back(case_id: str) -> Response:
    """Take back what the caller has just completed, while nobody has acted on it."""
    number = _number(case_id)
    base.now_write()
    cases.take_back(base.context(), base.actor(), number)
    return jsonify(_case(_find_case(case_id)))


@call("GET", "/cases/{case_id}/journal", gives="Journal")
def case_journal(case_id: str) -> Response:
    """Every event of a case, in order."""
    case = _find_case(case_id)
    entries = cases.journal_for(base.context(), base.actor(), case)
    return jsonify(events=[_event(entry) for entry in entries])


@call("GET", "/cases/{case_id}/documents", gives="Documents")
def case_documents(case_id: str) -> Response:
    """The papers of a case; `sha256` is null while one is being filled."""
    found = cases.documents(base.context(), base.actor(), _find_case(case_id))
    return jsonify(items=[_document(document) for document in found])


@call("GET", "/documents/{document_id}", gives="binary")
def document_bytes(document_id: str) -> Response:
    """A paper's bytes."""
    document = cases.document(base.context(), base.actor(), _number(document_id))
    if document.sha256 is None:
        raise cases.Stale("Dokumen ini sedang disiapkan. Coba lagi sebentar lagi.")
    content = io.BytesIO(files.read(base.alur().settings.files, document.sha256))
    media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return send_file(content, media_type, as_attachment=True, download_name=f"{document.kind}.docx")


@call("GET", "/documents/{document_id}/pdf", gives="binary")
def document_pdf(document_id: str) -> Response:
    """A paper as it was archived, PDF/A, where an office suite made it; 404 until then."""
    document = cases.document(base.context(), base.actor(), _number(document_id))
    if document.pdf_sha256 is None:
        raise cases.NotFound()
    content = io.BytesIO(files.read(base.alur().settings.files, document.pdf_sha256))
    return send_file(content, "application/pdf", as_attachment=True, download_name=f"{document.kind}.pdf")


# Tasks


@call(
    "GET", "/tasks", gives="Tasks", query=("lane", "mine", "unclaimed", "overdue", "returned", "q", "cursor", "limit")
)
def list_tasks() -> Response:
    """The caller's open tasks, most urgent first."""
    args = request.args
    filters = inbox.Filters(
        lane=args.get("lane", ""), mine=_flag("mine"), unclaimed=_flag("unclaimed"), overdue=_flag("overdue"),
        returned=_flag("returned"), q=args.get("q", ""),
    )  # fmt: skip
    page = inbox.tasks(base.context(), base.actor(), filters, _cursor(inbox.CURSOR), _limit())
    found = _with_cases([task.id for task in page.items])
    seen.shown("daftar", {task.case_id: task.case for task in found.values()}.values())
    return jsonify(items=[_task(found[task.id]) for task in page.items], next=page.next)


@call("GET", "/tasks/{task_id}", gives="Task")
def one_task(task_id: str) -> Response:
    """One task: its form, its decisions, what it holds so far."""
    return jsonify(_task(cases.task_for(base.context(), base.actor(), _number(task_id))))


@call("PUT", "/tasks/{task_id}/draft", takes="Draft", gives="Task")
def draft(task_id: str) -> Response:
    """Keep what was filled in so far, unchecked."""
    body = _body("Draft")
    return jsonify(_task(cases.save_draft(base.context(), base.actor(), _number(task_id), body["data"])))


@call("POST", "/tasks/{task_id}/claim", gives="Task")
def claim(task_id: str) -> Response:
    """Take a task."""
    base.now_write()
    return jsonify(_task(cases.claim(base.context(), base.actor(), _number(task_id))))


@call("POST", "/tasks/{task_id}/release", gives="Task")
def release(task_id: str) -> Response:
    """Put a task back."""
    base.now_write()
    return jsonify(_task(cases.release(base.context(), base.actor(), _number(task_id))))


@call("POST", "/tasks/{task_id}/assign", takes="Assignment", gives="Task")
def assign(task_id: str) -> Response:
    """Hand a task over to a colleague, by login name; with the reason where somebody else is at work on it."""
    body = _body("Assignment")
    note = body.get("note") or ""
    return jsonify(_task(cases.assign(base.context(), base.actor(), _number(task_id), body["to"], note)))


@call("POST", "/tasks/{task_id}/complete", takes="NewCompletion", gives="Completion")
def complete(task_id: str) -> Response:
    """Complete a task. With an Idempotency-Key a retry hears the same answer."""
    body = _body("NewCompletion")
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 200:
        raise cases.Invalid([Fault("", "Idempotency-Key paling panjang 200 huruf.")])
    asked = hashlib.sha256(f"{task_id}\n{canonical(body)}".encode()).hexdigest()
    if key and (heard := _heard(key, asked)):
        return jsonify(heard)
    try:
        done = cases.complete(
            base.context(),
            base.actor(),
            _number(task_id),
            body.get("data") or {},
            body.get("choice"),
            body.get("note") or "",
            body.get("faults") or (),
            body.get("version"),
        )
    except cases.AlreadyDone:
        if key and (heard := _heard(key, asked)):  # the first try was committed while this one waited for the lock
            return jsonify(heard)
        raise
    fresh = {step.token for step in done.opened}
    opened = [task for task in cases.open_tasks(base.context(), done.case) if task.token in fresh] if fresh else []
    answer = {"case": _case(done.case), "opened": [_task(task) for task in opened]}
    if key:
        _keep_answer(key, asked, answer)
    base.fill_papers(done)
    return jsonify(answer)


def _heard(key: str, asked: str) -> Any:
    """The answer that this key had before. Raises Invalid where it was used for something else."""
    found = base.session().get(Retry, (base.person().id, key))
    if found is not None and found.request != asked:
        raise KeyUsed()
    return found.response if found else None


def _keep_answer(key: str, asked: str, answer: Any) -> None:
    session, person = base.session(), base.person()
    session.execute(delete(Retry).where(Retry.person_id == person.id, Retry.created_at < base.now() - REMEMBERED))
    session.add(Retry(person_id=person.id, key=key, request=asked, response=answer, created_at=base.now()))
    try:
        session.flush()
    except IntegrityError:  # the same key, at this very moment, for something else
        raise KeyUsed() from None


class KeyUsed(cases.Refusal):
    message = "Idempotency-Key ini sudah dipakai untuk permintaan lain."


# What is given


def _sop(revision: Revision) -> dict[str, Any]:
    definition = revisions.load(base.session(), revision.id).definition
    return {
        "key": revision.sop,
        "title": revision.title,
        "revision": revision.number,
        "lanes": [lane.name for lane in definition.lanes],
        "applicant_lane": definition.applicant_lane,
        "starts": [{"id": s.id, "name": s.name, "default": s.default} for s in definition.starts],
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "id": str(case.id),
        "number": case.number,
        "sop": case.sop,
        "revision": case.revision.number,
        "status": case.status,
        "ended_at": _time(case.ended_at),
        "data": _shown(case, cases.data_of(base.context(), case)),
        "tasks": [_task(task) for task in cases.open_tasks(base.context(), case)] if case.status == "open" else [],
        "due_at": _time(case.due_at),
        "destroyed_at": _time(case.destroyed_at),
    }


def _due_rules(case: Case) -> list[str]:
    ctx, definition = base.context(), revisions.load(base.session(), case.revision_id).definition
    return clock.explained(ctx, case, definition, journal.entries(ctx, case.id, typed=False))


def _task(task: Task) -> dict[str, Any]:
    ctx = base.context()
    form, back = cases.form_of(ctx, task), cases.returned(ctx, task)
    theirs = people.may_do(base.actor(), task) or cases.sees_all(base.actor(), task.case)
    today = base.now().astimezone(ctx.settings.zone).date()
    return {
        "id": str(task.id),
        "case": str(task.case_id),
        "number": task.case.number,
        "step": task.step,
        "name": task.name,
        "lane": task.lane.name,
        "assignee": task.assignee.full_name if task.assignee else None,
        "version": task.version,
        "opened_at": _time(task.opened_at),
        "due_at": _time(task.due_at),
        "form": forms.published(form, today) if form else {"type": "object", "properties": {}},
        "faults": list(back.faults) if back and theirs else [],
        "choices": [{"id": c.id, "label": c.label, "returns": c.returns} for c in cases.choices(ctx, task)],
        "data": _shown(task.case, cases.values(ctx, task, form) if theirs else cases.data_of(ctx, task.case)),
    }


def _shown(case: Case, data: dict[str, Any]) -> dict[str, Any]:
    ctx, actor = base.context(), base.actor()
    return data if cases.sees_all(actor, case) else cases.for_applicant(ctx, case, data)


def _event(entry: journal.Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": _time(entry.at),
        "recorded_at": _time(entry.recorded_at),
        "actor": entry.actor,
        "lane": entry.lane,
        "kind": entry.kind,
        "step": entry.step,
        "choice": entry.choice,
        "note": entry.note,
        "digest": entry.digest.hex(),
        "from_paper": entry.from_paper,
    }


def _document(document: Document) -> dict[str, Any]:
    return {"id": str(document.id), "name": document.name, "kind": document.kind, "sha256": document.sha256}


# What is asked


def _body(schema: str) -> dict[str, Any]:
    """The request's body, fit for the schema; from here on the request writes.

    Answers 400, 413 or 415 by itself; raises Invalid with every fault.
    """
    request.max_content_length = LARGEST_BODY
    sent = request.get_data()
    if sent and request.content_type and not request.is_json:
        abort(error_page(415, "Kirim isinya sebagai JSON, dengan Content-Type: application/json."))
    try:
        body = json.loads(sent.decode(), parse_constant=_finite, parse_float=_finite, parse_int=_whole) if sent else {}
    except (ValueError, RecursionError):  # no JSON, no UTF-8, no finite number, no end of brackets
        abort(error_page(400, "Isinya bukan JSON yang dapat dibaca."))
    if wrong := openapi.faults(schema, body):
        raise cases.Invalid(wrong)
    base.now_write()
    found: dict[str, Any] = body
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _find_case(case_id: str) -> Case:
    return cases.case_for(base.context(), base.actor(), _number(case_id))


def _with_cases(ids: list[int]) -> dict[int, Task]:
    """Tasks with their cases' data, in one query."""
    query = select(Task).where(Task.id.in_(ids)).options(
        joinedload(Task.case).undefer(Case.data),
        joinedload(Task.case).joinedload(Case.revision),
        joinedload(Task.lane),
        joinedload(Task.assignee),
        undefer(Task.draft),
    )  # fmt: skip
    found = base.session().scalars(query.execution_options(populate_existing=True))
    return {task.id: task for task in found}


def _number(text: str) -> int:
    """An id of ours. Raises NotFound for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise cases.NotFound()
    return int(text)


def _cursor(shape: re.Pattern[str]) -> str:
    cursor = request.args.get("cursor", "")
    if cursor and not shape.fullmatch(cursor):
        raise cases.Invalid([Fault("/cursor", "Penanda halaman ini tidak dikenal.")])
    return cursor


def _limit() -> int:
    text = request.args.get("limit", "")
    return max(1, min(int(text), MOST)) if text.isascii() and text.isdigit() and len(text) < 6 else PAGE


def _flag(name: str) -> bool:
    return request.args.get(name, "").lower() in ("1", "true", "yes", "ya")


def _time(at: datetime | None) -> str | None:
    return at.astimezone(base.alur().settings.zone).isoformat() if at else None


@blueprint.after_request
def _private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.get("/api/openapi.json")
@base.public
def openapi_document() -> Response:
    """OpenAPI 3.1 of all this."""
    return jsonify(openapi.document(url_for("api.sops").removesuffix("/sops")))
