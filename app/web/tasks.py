"""Langkah: one pass of one step, from its form to what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup, escape
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import SessionTransaction

from app import cases, clock, files, forms, journal, people, revisions, uploads
from app.engine.definition import Step
from app.forms import Fault
from app.models import Case, Person, Task, Upload
from app.web import around, attached, base, errors, registers, said, shown, timeline

blueprint = Blueprint("tasks", __name__)


@dataclass(frozen=True)
class Posted:
    """What came with a page: answers, the files among them that were refused, and what goes beside the form."""

    answers: dict[str, Any]
    refused: tuple[Fault, ...]
    choice: str | None
    note: str
    marked: tuple[str, ...]
    version: int | None


@blueprint.get("/tugas/<int:task_id>")
@base.signed_in
def langkah(task_id: int) -> ResponseReturnValue:
    """The step page, or what became of a step that is closed."""
    ctx, actor = base.context(), base.actor()
    task = cases.task_for(ctx, actor, task_id)
    if task.closed_at is not None:
        return _closed(task)
    if not (people.may_do(actor, task) or _officer(task.case) or actor.person.auditor):
        return redirect(url_for("cases.permohonan", case_id=task.case_id))  # what officers work with is theirs
    return _page(task, cases.values(ctx, task, cases.form_of(ctx, task)))


@blueprint.post("/tugas/<int:task_id>")
@base.signed_in
@base.looks_first
def kirim(task_id: int) -> ResponseReturnValue:
    """Completes the step. Files are kept before anything else is looked at, so that nothing has to be sent twice."""
    loaded, step = _step_at(task_id)
    form = loaded.form_of(step)
    files_too = bool(form and forms.posted_files(form, request.files))
    posted = None if files_too else posted_by(form)
    base.now_write()
    ctx, actor = base.context(), base.actor()
    if posted is None:
        cases.task_for(ctx, actor, task_id)
        posted = posted_by(form)
    if forms.is_edit(request.form):
        return _unsent(task_id, posted, ())
    attempt = ctx.session.begin_nested() if files_too else None
    try:
        done = cases.complete(
            ctx, actor, task_id, posted.answers, posted.choice, posted.note, _faults(loaded.forms, posted.marked),
            posted.version,
        )  # fmt: skip
    except cases.Invalid as invalid:
        _undo(attempt)
        refused = {fault.pointer for fault in posted.refused}
        faults = [*posted.refused, *(fault for fault in invalid.faults if fault.pointer not in refused)]
        return _unsent(task_id, posted, faults, str(invalid.message)), 422
    except (cases.ChoiceNeeded, cases.ReasonNeeded, cases.TooLarge) as refusal:
        _undo(attempt)
        asking = isinstance(refusal, cases.ReasonNeeded)
        return _unsent(task_id, posted, posted.refused, refusal.message, asking), 422
    except cases.Refusal as refusal:
        _undo(attempt)
        return _too_late(task_id, posted, refusal)
    if posted.refused:
        _undo(attempt)
        return _unsent(task_id, posted, posted.refused), 422
    if attempt:
        attempt.commit()
    base.fill_papers(done)
    session["_flashes"] = session.get("_flashes", [])[-2:]  # whoever never looks: the cookie must not grow
    flash(_happened(loaded, step, posted.choice, done))
    if step.lane == loaded.definition.applicant_lane and not _officer(done.case):
        return redirect(url_for("cases.permohonan", case_id=done.case.id), 303)
    return redirect(url_for("inbox.kotak"), 303)


@blueprint.post("/tugas/<int:task_id>/draf")
@base.signed_in
def draf(task_id: int) -> ResponseReturnValue:
    """Keeps what was typed so far; a script that saves by itself gets JSON."""
    ctx, actor = base.context(), base.actor()
    task = cases.task_for(ctx, actor, task_id)
    posted = posted_by(cases.form_of(ctx, task))
    quiet = request.headers.get("X-Requested-With") == "fetch"
    try:
        with ctx.session.begin_nested():
            cases.save_draft(ctx, actor, task_id, posted.answers)
    except cases.Refusal as refusal:
        if quiet:
            return jsonify({"message": refusal.message}), errors.status_of(refusal)
        return _too_late(task_id, posted, refusal)
    if quiet:
        return jsonify({"saved": shown.jam(ctx.now)})
    if posted.refused:
        return _unsent(task_id, posted, posted.refused), 422
    flash(_("Draf tersimpan pukul %(jam)s. Belum dikirim.", jam=shown.jam(ctx.now)))
    return redirect(url_for("tasks.langkah", task_id=task_id), 303)


@blueprint.post("/tugas/<int:task_id>/ambil")
@base.signed_in
def ambil(task_id: int) -> ResponseReturnValue:
    """Takes a task, and opens it."""
    cases.claim(base.context(), base.actor(), task_id)
    return redirect(url_for("tasks.langkah", task_id=task_id), 303)


@blueprint.post("/tugas/<int:task_id>/lepas")
@base.signed_in
def lepas(task_id: int) -> ResponseReturnValue:
    """Puts a task back for colleagues."""
    task = cases.release(base.context(), base.actor(), task_id)
    flash(_("%(number)s dilepas. Rekan Anda kini dapat mengambilnya.", number=task.case.number))
    return redirect(url_for("inbox.kotak"), 303)


# -- what was sent ----------------------------------------------------------------------------------------------------


def _step_at(task_id: int) -> tuple[revisions.Loaded, Step]:
    """The step of a task, and the SOP that its case runs under. Raises cases.NotFound."""
    query = select(Task.step, Case.revision_id).join(Case, Case.id == Task.case_id).where(Task.id == task_id)
    row = base.session().execute(query).first()
    if row is None:
        raise cases.NotFound()
    loaded = revisions.load(base.session(), row.revision_id)
    return loaded, loaded.definition.steps[row.step]


def posted_by(form: forms.Form | None) -> Posted:
    """Reads the page that was sent, keeping its files; a refused file is a fault of its field."""
    kept: dict[str, list[str]] = {}
    refused = []
    for field, pointer, file in forms.posted_files(form, request.files) if form else ():
        try:
            upload = uploads.save(base.context(), base.person(), file.filename, file.stream.read(), field.accept)
        except files.UploadRefused as refusal:
            refused.append(Fault(pointer, f"{field.label}: {refusal}" if field.label else str(refusal)))
        else:
            kept.setdefault(pointer, []).append(upload.id)
    version = request.form.get("versi", "")
    return Posted(
        forms.from_html(form, request.form, kept) if form else {},
        tuple(refused),
        request.form.get("choice") or None,
        request.form.get("alasan", ""),
        tuple(request.form.getlist("_salah")),
        int(version) if version.isdecimal() and len(version) < 10 else None,
    )


def _undo(attempt: SessionTransaction | None) -> None:
    """What a verb did before it refused (it may have fired what was due) did not happen; files that came stay."""
    if attempt:
        attempt.rollback()
    else:
        base.session().rollback()
    base.session().expire_all()


def _faults(known: Mapping[str, forms.Form], marked: Sequence[str]) -> list[dict[str, str]]:
    """The fields that were marked as wrong, by the names that the forms give them; others are nobody's."""
    found = []
    for pointer in dict.fromkeys(marked):
        form = next((form for form in known.values() if form.field_at(pointer)), None)
        if form is not None:
            found.append({"pointer": pointer, "message": _named(form, pointer)})
    return found


def _named(form: forms.Form, pointer: str) -> str:
    """A question with the part of the form that it stands in, since "Nama lengkap" may be asked twice."""
    place, label = form.place(pointer), form.label(pointer)
    return f"{place}: {label}" if place and place != label else label


# -- pages ------------------------------------------------------------------------------------------------------------


def _officer(case: Case) -> bool:
    return case.sop in base.actor().sops


def _page(
    task: Task,
    values: Mapping[str, Any],
    faults: Sequence[Fault] = (),
    message: str = "",
    posted: Posted | None = None,
    asking: bool = False,
    asked: around.Asked | None = None,
) -> str:
    ctx, actor = base.context(), base.actor()
    case, loaded = task.case, revisions.load(ctx.session, task.case.revision_id)
    step, form = cases.step_of(ctx, task), cases.form_of(ctx, task)
    entries = cases.journal_for(ctx, actor, case)
    answered = attached.answered(loaded, entries)
    returned = cases.returned(ctx, task)
    return render_template(
        "tasks/step.html",
        task=task,
        case=case,
        step=step,
        form=form,
        values=values,
        faults={fault.pointer: fault.message for fault in faults},
        marks={fault["pointer"]: "" for fault in returned.faults} if returned else {},
        message=message,
        posted=posted,
        asking=asking,
        choices=cases.choices(ctx, task),
        refusal=cases.may_take(ctx, actor, task),
        returned=returned,
        duplicates=[(c, people.may_see(actor, c)) for c in cases.duplicates(ctx, case, values)],
        answered=answered,
        markable=_markable([item for item in answered if item.step.id != step.id]),
        attached=attached.uploads(answered, case),
        files=files_of(case, values),
        today=shown.local(ctx.now).date(),
        documents=cases.documents(ctx, actor, case),
        spent=clock.minutes(ctx, loaded.definition, task.opened_at, ctx.now),
        time=timeline.told(case, loaded, entries),
        definition=loaded.definition,
        around=around.of_task(task, entries, asked),
        still_void=registers.still_void(loaded, entries),
        corrections=said.corrections(loaded, journal.entries(ctx, case.id), case.id),
    )


def again(task_id: int, asked: around.Asked) -> str:
    """The step page again, with a small form beside it that was refused."""
    ctx = base.context()
    task = cases.task_for(ctx, base.actor(), task_id)
    if task.closed_at is not None:
        return _closed(task)
    return _page(task, cases.values(ctx, task, cases.form_of(ctx, task)), asked=asked)


def _unsent(task_id: int, posted: Posted, faults: Sequence[Fault], message: str = "", asking: bool = False) -> str:
    """The step page again, with everything that was typed; it is kept as a draft as well."""
    ctx, actor = base.context(), base.actor()
    try:
        with ctx.session.begin_nested():
            cases.save_draft(ctx, actor, task_id, posted.answers)
    except cases.Refusal:
        pass  # the page still shows it
    base.keep()
    task = cases.task_for(ctx, actor, task_id)
    form, data = cases.form_of(ctx, task), cases.data_of(ctx, task.case)
    values = forms.apply(form, data, posted.answers) if form else data
    return _page(task, values, faults, message, posted, asking)


def _too_late(task_id: int, posted: Posted, refusal: cases.Refusal) -> ResponseReturnValue:
    """Somebody was faster, or the page was old: who and when, and what was typed, which is kept."""
    ctx, actor = base.context(), base.actor()
    task = cases.task_for(ctx, actor, task_id)
    form = cases.form_of(ctx, task)
    mine = actor.person.id
    saved = bool(posted.answers) and people.may_do(actor, task)
    if task.closed_at is None:
        old = isinstance(refusal, cases.Stale | cases.CannotGoOn)
        saved = saved and old and cases.taken_by(ctx, actor, task) is None
    else:
        saved = saved and task.closed_by_id != mine  # a second click sent nothing new
    if saved:
        task.draft, task.draft_at = posted.answers, ctx.now
        base.keep()
    answer = render_template(
        "tasks/late.html", task=task, case=task.case, form=form, refusal=refusal, posted=posted, saved=saved,
        done=isinstance(refusal, cases.AlreadyDone), files=files_of(task.case, posted.answers),
    )  # fmt: skip
    return answer, errors.status_of(refusal)


def _closed(task: Task) -> str:
    by = base.session().get(Person, task.closed_by_id) if task.closed_by_id else None
    left = task.draft if task.draft and people.may_do(base.actor(), task) else None
    form = cases.form_of(base.context(), task)
    return render_template(
        "tasks/closed.html", task=task, case=task.case, by=by, left=left, form=form,
        files=files_of(task.case, left or {}),
    )  # fmt: skip


def _happened(loaded: revisions.Loaded, step: Step, choice: str | None, done: cases.Completion) -> Markup:
    """What happened, where the case went, and the papers that were made."""
    label = next((c.label for c in step.choices if c.id == choice), "")
    address = url_for("cases.permohonan", case_id=done.case.id)
    number = Markup('<a href="{}">{}</a>').format(address, done.case.number)
    text = Markup("{}: <b>{}</b>{}. ").format(number, step.name, Markup(" – {}").format(label) if label else "")
    if done.opened:
        steps = loaded.definition.steps
        places = [Markup("{} ({})").format(steps[o.step].name, steps[o.step].lane) for o in done.opened]
        text += escape(_("Sekarang di: ")) + Markup("; ").join(places) + "."
    elif done.case.status != "open":
        text += escape(_("Permohonan ini berakhir: %(status)s.", status=shown.status(done.case.status).lower()))
    papers = cases.documents(base.context(), base.actor(), done.case) if done.papers else []
    links = [
        Markup('<a href="{}">{}</a>').format(url_for("cases.dokumen", document_id=p.id), p.name)
        for p in papers
        if p.seq == done.seq
    ]
    if links:
        text += escape(_(" Dokumen terbit: ")) + Markup(", ").join(links) + "."
    back = url_for("ends.ambil_kembali", case_id=done.case.id)
    return text + Markup(' <a href="{}">{}</a>').format(back, _("Ambil kembali"))


# -- the file so far --------------------------------------------------------------------------------------------------


def _markable(answered: Sequence[attached.Answered]) -> list[tuple[Step, list[tuple[str, str]]]]:
    """What a return may mark as wrong: the questions that earlier steps answered, by pointer, each once."""
    found = []
    seen: set[str] = set()
    for item in answered:
        fields = []
        for field in item.form.fields if item.form else ():
            if field.label and not field.readonly and "*" not in field.pointer and field.pointer not in seen:
                seen.add(field.pointer)
                fields.append((field.pointer, _named(item.form, field.pointer) if item.form else ""))
        if fields:
            found.append((item.step, fields))
    return found


def files_of(case: Case, values: Mapping[str, Any]) -> dict[str, Upload]:
    """The uploads that a page may name: the case's, and those in `values` that who asks has sent, or that come from the
    case before.
    """
    hands = people.hands(base.actor(), case)
    named = Upload.id.in_(_texts(values))
    mine = and_(Upload.person_id.in_(hands), Upload.case_id.is_(None), named)
    theirs = [and_(Upload.case_id == case.previous_id, named)] if case.previous_id else []
    query = select(Upload).where(or_(Upload.case_id == case.id, mine, *theirs))
    return {u.id: u for u in base.session().scalars(query)}


def _texts(value: Any) -> list[str]:
    """Every text that may be an upload's id."""
    if isinstance(value, str):
        return [value] if len(value) <= 22 and value.isascii() and value.isprintable() else []
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]
