"""Work among colleagues: hand over, put off, several at once, notes, who is looking, and the figures that live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from app import cases, inbox
from app.cases import presence
from app.models import Case, Task
from app.web import around, base, shown
from app.web import cases as case_pages
from app.web import inbox as inbox_pages
from app.web import tasks as task_pages
from app.web.around import Asked

blueprint = Blueprint("desk", __name__)
blueprint.app_template_filter("catatan")(around.written)
LONGEST = cases.NOTE_LIMIT + 1  # one more, so that what is too long is refused and not cut off
PAPERS = 5  # filled at once; the worker fills what more becomes due
TOLD = 6  # refusals that are told one by one
Faults = dict[str, str]


# -- a step -----------------------------------------------------------------------------------------------------------


@blueprint.post("/tugas/<int:task_id>/serahkan")
@base.staff
def serahkan(task_id: int) -> ResponseReturnValue:
    """Hands a step over to a colleague, with words for them."""
    sent = {"kepada": base.typed("kepada", 80), "pesan": base.typed("pesan", LONGEST)}
    ctx, actor = base.context(), base.actor()
    done, faults = _tried(lambda: cases.assign(ctx, actor, task_id, sent["kepada"], sent["pesan"]), "kepada", "pesan")
    if done is None:
        return task_pages.again(task_id, Asked("serahkan", sent, faults)), 422
    flash(_("%(number)s diserahkan kepada %(name)s.", number=done.case.number, name=_name(done)))
    return redirect(url_for("inbox.kotak"), 303)


@blueprint.post("/tugas/<int:task_id>/tunda")
@base.staff
def tunda(task_id: int) -> ResponseReturnValue:
    """Puts a step off until a day, or (`batal`) takes it up again."""
    sent = {"sampai": base.typed("sampai", 10), "alasan_tunda": base.typed("alasan_tunda", LONGEST)}
    ctx, actor = base.context(), base.actor()
    until = None if "batal" in request.form else _day(sent["sampai"])
    if until is None and "batal" not in request.form:
        asked = Asked("tunda", sent, {"sampai": _("Pilih tanggalnya.")})
        return task_pages.again(task_id, asked), 422
    done, faults = _tried(
        lambda: cases.postpone(ctx, actor, task_id, until, sent["alasan_tunda"]), "sampai", "alasan_tunda"
    )
    if done is None:
        return task_pages.again(task_id, Asked("tunda", sent, faults)), 422
    if until is None:
        flash(_("%(number)s kembali di kotak tugas Anda.", number=done.case.number))
        return redirect(url_for("tasks.langkah", task_id=task_id), 303)
    day = shown.tanggal_hari(until)
    flash(_("%(number)s ditunda sampai %(day)s. Sampai saat itu ada di “Ditunda”.", number=done.case.number, day=day))
    return redirect(url_for("inbox.kotak"), 303)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _tried(verb: Callable[[], Task], chosen: str, words: str) -> tuple[Task | None, Faults]:
    """What a verb gave, else what is wrong with which field; what else it refuses has a page of its own."""
    try:
        with base.session().begin_nested():
            return verb(), {}
    except cases.Invalid as invalid:
        return None, {chosen: invalid.faults[0].message}
    except (cases.ReasonNeeded, cases.TooLarge) as refusal:
        return None, {words: refusal.message}


def _name(task: Task) -> str:
    return task.assignee.full_name if task.assignee else ""


# -- several at once --------------------------------------------------------------------------------------------------


@blueprint.post("/tugas/beberapa")
@base.staff
def beberapa() -> ResponseReturnValue:
    """Takes, hands over or completes every task that was marked; what is refused is told, the rest is done."""
    ids = [int(text) for text in dict.fromkeys(request.form.getlist("tugas")) if text.isdecimal() and len(text) < 10]
    back = redirect(inbox_pages.link(inbox_pages.read(request.form)), 303)
    action, _colon, choice = request.form.get("tindakan", "").partition(":")
    if not ids:
        flash(_("Tandai dahulu tugas yang dimaksud, lalu tekan tombolnya."), "error")
        return back
    marked = _marked(ids[: inbox_pages.ROWS])
    ctx, actor = base.context(), base.actor()
    done: list[cases.Completion] = []
    if action == "ambil":
        verb: Callable[[int], object] = partial(cases.claim, ctx, actor)
        words = _("diambil")
    elif action == "serahkan":
        to, note = base.typed("kepada", 80), base.typed("pesan", LONGEST)
        if not to:
            flash(_("Pilih dahulu rekan yang menerima."), "error")
            return back
        verb = partial(cases.assign, ctx, actor, to_name=to, note=note)
        words = _("diserahkan")
    elif action == "selesai":
        if len({(task.case.sop, task.step) for task in marked}) > 1:
            flash(_("Tandai tugas dari satu langkah saja: keputusannya berlaku untuk semuanya."), "error")
            return back
        verb = partial(_complete, choice, done)
        words = _("selesai")
    else:
        return back
    flash(_told(marked, _each(marked, verb), words, len(ids) - len(marked)))
    for completion in done[:PAPERS]:
        base.fill_papers(completion)
    return back


def _marked(ids: Sequence[int]) -> list[Task]:
    """The tasks that may be seen, case by case, their cases locked: two who mark the same wait for each other."""
    found = []
    for task_id in ids:
        try:
            found.append(cases.task_for(base.context(), base.actor(), task_id))
        except cases.NotFound:
            continue
    found.sort(key=lambda task: (task.case_id, task.id))
    cases_now = select(Case.id).where(Case.id.in_({task.case_id for task in found})).order_by(Case.id)
    base.session().execute(cases_now.with_for_update())
    return found


def _each(tasks: Sequence[Task], verb: Callable[[int], object]) -> dict[str, list[str]]:
    """Does each by itself; the numbers of those that were refused, by what was said."""
    refused: dict[str, list[str]] = {}
    for task in tasks:
        number = task.case.number
        try:
            with base.session().begin_nested():
                verb(task.id)
        except cases.Invalid as invalid:
            refused.setdefault(invalid.faults[0].message, []).append(number)
        except cases.Refusal as refusal:
            refused.setdefault(refusal.message, []).append(number)
    return refused


def _complete(choice: str, done: list[cases.Completion], task_id: int) -> None:
    """Completes a task that asks nothing, as if its page were opened and sent. Never a return."""
    ctx, actor = base.context(), base.actor()
    task = cases.task_for(ctx, actor, task_id)
    ways = cases.choices(ctx, task)
    if ways and choice not in {way.id for way in ways if not way.returns}:
        raise cases.ChoiceNeeded(_("Keputusan ini tidak ada pada langkahnya."))
    form = cases.form_of(ctx, task)
    if not cases.asks_nothing(ctx, task):
        raise cases.Refusal(_("Langkah ini meminta isian; kerjakan satu per satu."))
    answers = cases.values(ctx, task, form) if form else {}
    done.append(cases.complete(ctx, actor, task.id, answers, choice or None))


def _told(marked: Sequence[Task], refused: dict[str, list[str]], words: str, unknown: int) -> str:
    """`3 diambil. 1 tidak: Langkah ini sedang dikerjakan Budi. (0004/IMTA/2026)`"""
    failed = sum(map(len, refused.values()))
    parts = [_("%(n)s tugas %(words)s.", n=len(marked) - failed, words=words)]
    for message, numbers in list(refused.items())[:TOLD]:
        some = ", ".join(numbers[:TOLD]) + (", …" if len(numbers) > TOLD else "")
        parts.append(_("%(n)s tidak: %(message)s (%(numbers)s)", n=len(numbers), message=message, numbers=some))
    if unknown:
        parts.append(_("%(n)s tidak: bukan untuk Anda, atau sudah tidak ada.", n=unknown))
    return " ".join(parts)


# -- notes ------------------------------------------------------------------------------------------------------------


@blueprint.post("/permohonan/<int:case_id>/catatan")
@base.staff
def catatan(case_id: int) -> ResponseReturnValue:
    """Writes a note; `sebut` are the colleagues picked, `tugas` the step page to go back to."""
    text = base.typed("catatan", LONGEST)
    picked = [name for name in request.form.getlist("sebut")[:20] if name and f"@{name}" not in text]
    whole = " ".join([*(f"@{name}" for name in picked), text]) if text.strip() else text
    task_id = request.form.get("tugas", type=int)
    try:
        with base.session().begin_nested():
            noted = cases.note(base.context(), base.actor(), case_id, whole)
    except (cases.Invalid, cases.TooLarge) as refusal:
        message = refusal.faults[0].message if isinstance(refusal, cases.Invalid) else refusal.message
        asked = Asked("catatan", {"catatan": text}, {"catatan": message})
        return (task_pages.again(task_id, asked) if task_id else case_pages.again(case_id, asked)), 422
    told = ", ".join(person.full_name for person in noted.told)
    flash(_("Catatan tersimpan. Diberi tahu: %(names)s.", names=told) if told else _("Catatan tersimpan."))
    if noted.untold:
        names = ", ".join(f"@{name}" for name in noted.untold[:TOLD])
        flash(_("Tidak diberi tahu: %(names)s, sebab bukan petugas berkas ini.", names=names), "error")
    if task_id:
        return redirect(url_for("tasks.langkah", task_id=task_id, _anchor="catatan"), 303)
    return redirect(url_for("cases.permohonan", case_id=case_id, _anchor="catatan"), 303)


@blueprint.get("/tugas/menyebut-saya")
@base.signed_in
def menyebut() -> ResponseReturnValue:
    """The notes that name this person and that they have not read."""
    return render_template("desk/menyebut.html", namings=cases.namings(base.context(), base.actor()))


@blueprint.post("/permohonan/<int:case_id>/dibaca")
@base.signed_in
def dibaca(case_id: int) -> ResponseReturnValue:
    """The notes of a case that name this person are read; a script says so by itself."""
    base.quiet()
    ctx, actor = base.context(), base.actor()
    cases.case_for(ctx, actor, case_id)
    cases.mark_read(ctx, actor, case_id)
    if request.headers.get("X-Requested-With") == "fetch":
        return jsonify({"menyebut": cases.unread(ctx, actor, inbox.CAP + 1)})
    return redirect(url_for("cases.permohonan", case_id=case_id, _anchor="catatan"), 303)


# -- what lives without a reload --------------------------------------------------------------------------------------


@blueprint.post("/permohonan/<int:case_id>/hadir")
@base.signed_in
@base.looks_first
def hadir(case_id: int) -> ResponseReturnValue:
    """This person has the case open now; who else has, in words."""
    base.quiet()
    case = cases.case_for(base.context(), base.actor(), case_id)
    if not cases.sees_all(base.actor(), case):
        raise cases.NotFound()
    if not presence.told_lately(base.context(), base.actor(), case_id):
        base.now_write()
        presence.here(base.context(), base.actor(), case_id)
    return jsonify({"juga": around.also(presence.others(base.context(), base.actor(), case_id))})


@blueprint.get("/tugas/angka")
@base.staff
def angka() -> ResponseReturnValue:
    """The figures of the header and, for the inbox (`sejak`), those beside its list and how many tasks are new."""
    base.quiet()
    ctx, actor = base.context(), base.actor()
    figures = {
        "/tugas": inbox.figure(inbox.waiting(ctx, actor)),
        "/tugas/menyebut-saya": inbox.figure(cases.unread(ctx, actor, inbox.CAP + 1)),
    }
    since = request.args.get("sejak", "")
    if not (since.isdecimal() and len(since) < 10):
        return jsonify({"angka": figures})
    counts = inbox.counts(ctx, actor)
    for name in ("mine", "overdue", "returned", "postponed"):
        figures[name] = inbox.figure(getattr(counts, name))
    figures |= {f"{c.sop}|{c.lane}|{c.step}": c.shown for c in counts.steps}
    fresh = inbox.fresh(ctx, actor, int(since))
    words = _("%(n)s tugas baru.", n=inbox.figure(fresh)) if fresh else ""
    return jsonify({"angka": figures, "baru": words})
