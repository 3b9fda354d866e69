"""Gangguan: the office by paper. Prepared for and printed, declared, entered step by step, closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import cases, drawn, files, forms, outages, papers, registers, revisions, uploads
from app.forms import Fault
from app.models import Case, Outage, Person, Task, Upload
from app.outages import Application, Written, Wrong
from app.revisions import Loaded
from app.web import base, errors, seen, shown
from app.web import cases as case_pages
from app.web import tasks as task_pages
from app.web.tasks import Posted

blueprint = Blueprint("outages", __name__)
FOUND = 10  # cases that a search shows
SHEETS = 10  # control sheets that are printed unless told
LONGEST = outages.WORDS + 1  # one more, so that what is too long is refused and not cut off
SCANS = ("application/pdf", "image/png", "image/jpeg")


@blueprint.get("/gangguan")
@base.emergency
def semua() -> ResponseReturnValue:
    """The outage that is prepared for or going on, and those that are over."""
    ctx = base.context()
    return render_template(
        "outages/list.html",
        outage=outages.current(ctx),
        closed=outages.closed(ctx),
        sops=_preparable(),
    )


# -- beforehand -------------------------------------------------------------------------------------------------------


def _preparable() -> list[Loaded]:
    """The SOPs for which this person may prepare."""
    ctx = base.context()
    if not base.person().admin:
        return outages.sops(ctx, base.actor())
    return [revisions.load(ctx.session, revision.id) for revision in revisions.all_in_force(ctx.session)]


def _sop(sop: str) -> Loaded:
    """One of them. Raises cases.NotFound."""
    found = next((loaded for loaded in _preparable() if loaded.sop == sop), None)
    if found is None:
        raise cases.NotFound()
    return found


@blueprint.get("/gangguan/siapkan/<sop>")
@base.emergency
def siapkan(sop: str) -> ResponseReturnValue:
    """How many sheets to print, and how many numbers to set aside."""
    return _prepare(_sop(sop), {"lembar": str(SHEETS)})


@blueprint.post("/gangguan/siapkan/<sop>")
@base.emergency
def siapkan_kirim(sop: str) -> ResponseReturnValue:
    """Sets the numbers aside; then the bundle can be printed."""
    loaded = _sop(sop)
    books = outages.books(loaded)
    typed = {"lembar": base.typed("lembar", 5)} | {f"buku-{n}": base.typed(f"buku-{n}", 5) for n in range(len(books))}
    faults = {name: _("Tulis bilangan, misalnya 20.") for name, text in typed.items() if not _counts(text)}
    if not faults and not 1 <= int(typed["lembar"] or 0) <= outages.MOST:
        faults["lembar"] = _("Tulis bilangan dari 1 sampai %(n)s.", n=outages.MOST)
    outage = None
    if not faults:
        counts = {book.register: int(typed[f"buku-{n}"] or 0) for n, book in enumerate(books)}
        try:
            with base.session().begin_nested():
                outage = outages.prepare(base.context(), base.actor(), loaded, counts)
        except Wrong as wrong:
            places = {book.register: f"buku-{n}" for n, book in enumerate(books)}
            faults = {places.get(name, name): words for name, words in wrong.faults.items()}
    if outage is None:
        return _prepare(loaded, typed, faults), 422
    flash(_("Nomor sudah disisihkan. Cetaklah sekarang, selagi ada listrik, lalu simpan di loket."))
    return redirect(
        url_for("outages.cetak", outage_id=outage.id, sop=sop, lembar=int(typed["lembar"])), 303
    )  # fmt: skip


def _counts(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) < 5)


def _prepare(loaded: Loaded, typed: Mapping[str, str], faults: Mapping[str, str] | None = None) -> str:
    ctx, books = base.context(), outages.books(loaded)
    examples = {book.register: registers.text(book.pattern, 1, ctx.local()) for book in books}
    return render_template(
        "outages/prepare.html", loaded=loaded, books=books, typed=typed, faults=faults or {},
        outage=outages.current(ctx), most=outages.MOST, examples=examples,
    )  # fmt: skip


@blueprint.get("/gangguan/<int:outage_id>/cetak/<sop>")
@base.emergency
def cetak(outage_id: int, sop: str) -> ResponseReturnValue:
    """All that a counter needs without power, in one print: numbers, control sheets, questions."""
    ctx, loaded, outage = base.context(), _sop(sop), _outage(outage_id)
    asked = request.args.get("lembar", "")
    sheets = int(asked) if asked and _counts(asked) and 1 <= int(asked) <= outages.MOST else SHEETS
    books = {book.register for book in outages.books(loaded)}
    definition = loaded.definition
    asking = [(step, form) for step in definition.steps.values() if (form := loaded.form_of(step))]
    return render_template(
        "outages/print.html",
        outage=outage,
        loaded=loaded,
        definition=definition,
        sheets=sheets,
        numbers=[number for number in outages.numbers(ctx, outage) if number.register in books and number.free],
        titles={book.register: book.title for book in outages.books(loaded)},
        steps=list(definition.steps.values()),
        recorders=drawn.recorders(definition),
        numbered={
            step.id: [line.register for line in registers.numberings(step.properties.get("register", ""))]
            for step in definition.steps.values()
        },
        asking=[(step, form.draw({}, {}, {}, None)) for step, form in asking],
        blanks=drawn.papers(definition.properties.get("unduhan", "")),
        sheet=bool(definition.properties.get("lembar_kendali")),
    )


@blueprint.get("/gangguan/lembar-kendali/<sop>.docx")
@base.emergency
def lembar_kosong(sop: str) -> ResponseReturnValue:
    """The SOP's own control sheet with every step, to be filled by hand."""
    loaded = _sop(sop)
    content = papers.blank_sheet(base.context(), loaded)
    if content is None:
        raise cases.NotFound()
    answer: Response = case_pages._download(content, _("Lembar kendali kosong %(sop)s", sop=sop))
    return answer


# -- declared ---------------------------------------------------------------------------------------------------------


@blueprint.get("/gangguan/nyatakan")
@base.emergency
def nyatakan() -> ResponseReturnValue:
    """Since when, until when and why; of one that is declared already as it stands."""
    outage = outages.current(base.context())
    typed = {"alasan": "", "acuan": ""}
    if outage is not None:
        typed = {"alasan": outage.reason, "acuan": outage.reference}
        for name, moment in (("sejak", outage.since), ("sampai", outage.until)):
            if moment is not None:
                local = shown.local(moment)
                typed |= {name: f"{local:%Y-%m-%d}", f"jam-{name}": f"{local:%H:%M}"}
    return _declare(typed)


@blueprint.post("/gangguan/nyatakan")
@base.emergency
def nyatakan_kirim() -> ResponseReturnValue:
    """Declares it, or puts right what was declared."""
    typed = {name: base.typed(name, 10) for name in ("sejak", "jam-sejak", "sampai", "jam-sampai")}
    typed |= {name: base.typed(name, LONGEST) for name in ("alasan", "acuan")}
    since, until = _moment(typed["sejak"], typed["jam-sejak"]), _moment(typed["sampai"], typed["jam-sampai"])
    faults = {}
    if until is None and (typed["sampai"] or typed["jam-sampai"]):
        faults["sampai"] = _("Tulis tanggal dan jam berakhirnya, atau kosongkan keduanya bila belum berakhir.")
    outage = None
    try:
        with base.session().begin_nested() as attempt:
            outage = outages.declare(
                base.context(), base.actor(), since, until, typed["alasan"], typed["acuan"]
            )  # fmt: skip
            if faults:
                attempt.rollback()
                outage = None
    except Wrong as wrong:
        faults = {**wrong.faults, **faults}
    if outage is None:
        return _declare(typed, faults), 422
    flash(_("Gangguan dinyatakan. Yang dikerjakan di kertas selama itu kini dapat dicatat di sini."))
    return redirect(url_for("outages.gangguan", outage_id=outage.id), 303)


def _declare(typed: Mapping[str, str], faults: Mapping[str, str] | None = None) -> str:
    return render_template(
        "outages/declare.html", typed=typed, faults=faults or {}, outage=outages.current(base.context())
    )


def _moment(day: str, hour: str) -> datetime | None:
    """A day and an hour of the office, None where either is none."""
    try:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(hour.replace(".", ":")), _zone())
    except ValueError:
        return None


def _zone() -> ZoneInfo:
    return base.alur().settings.zone


# -- what there is ----------------------------------------------------------------------------------------------------


def _outage(outage_id: int) -> Outage:
    found = base.session().get(Outage, outage_id)
    if found is None:
        raise cases.NotFound()
    return found


@blueprint.get("/gangguan/<int:outage_id>")
@base.emergency
def gangguan(outage_id: int) -> ResponseReturnValue:
    """An outage: what it is, what was entered and by whom, what is left, and where to go on."""
    ctx, outage = base.context(), _outage(outage_id)
    rows = outages.entered(ctx, outage)
    asked = request.args.get("nomor", "").strip()[:100]
    found = _sought(asked) if asked and outage.closed_at is None and outage.since else []
    halfway = outages.halfway(ctx, outage, rows) if outage.closed_at is None else []
    return render_template(
        "outages/outage.html",
        outage=outage,
        rows=rows,
        steps={(row.case_id, row.seq): _step_name(row) for row in rows},
        numbers=outages.numbers(ctx, outage),
        titles={book.register: book.title for one in _preparable() for book in outages.books(one)},
        waiting=outages.waiting(ctx, outage),
        halfway=[task for task in halfway if _mine(task.case)],
        asked=asked,
        found=[(case, cases.open_tasks(ctx, case)) for case in found],
        sops=outages.sops(ctx, base.actor()),
        preparable=_preparable(),
        by=base.session().get_one(Person, outage.by_id),
        closed_by=base.session().get(Person, outage.closed_by_id) if outage.closed_by_id else None,
    )


def _step_name(row: outages.Entered) -> str:
    case = base.session().get_one(Case, row.case_id)
    definition = revisions.load(base.session(), case.revision_id).definition
    return definition.names.get(row.step) or row.step


def _mine(case: Case) -> bool:
    """May this person enter what happened to a case on paper?"""
    return outages.may_record(base.actor(), revisions.load(base.session(), case.revision_id))


def _sought(asked: str) -> list[Case]:
    """The open cases that were meant, of those for which this person may enter something."""
    rows = base.session().scalars(cases.visible_cases(base.actor(), asked, "open").limit(FOUND * 3))
    found = [case for case in rows if _mine(case)][:FOUND]
    seen.shown("gangguan", found, asked)
    return found


# -- entered ----------------------------------------------------------------------------------------------------------


@blueprint.get("/gangguan/<int:outage_id>/langkah/<int:task_id>")
@base.emergency
def langkah(outage_id: int, task_id: int) -> ResponseReturnValue:
    """One step as the paper tells it."""
    outage, task = _open(outage_id), cases.task_for(base.context(), base.actor(), task_id)
    if task.closed_at is not None:
        return redirect(url_for("outages.gangguan", outage_id=outage_id, nomor=task.case.number))
    day = shown.local(outage.since or base.now()).date().isoformat()
    form = cases.form_of(base.context(), task)
    return _step(outage, task, cases.values(base.context(), task, form), {"tanggal": day})


@blueprint.post("/gangguan/<int:outage_id>/langkah/<int:task_id>")
@base.emergency
def langkah_kirim(outage_id: int, task_id: int) -> ResponseReturnValue:
    """Enters it. Files are kept whatever becomes of the rest, so that nothing has to be sent twice."""
    ctx, actor = base.context(), base.actor()
    outage, task = _open(outage_id), cases.task_for(ctx, actor, task_id)
    if not _mine(task.case):
        raise cases.NotYours(_("Anda tidak berwenang mencatat dari kertas untuk SOP ini."))
    form = cases.form_of(ctx, task)
    posted = task_pages.posted_by(form)
    typed = {name: base.typed(name, 200) for name in ("tanggal", "jam", "petugas")}
    numbers = {line.key: base.typed(f"nomor.{line.key}", 200) for line in _numberings(task)}
    typed |= {f"nomor.{key}": text for key, text in numbers.items()}
    scans, faults = _scans()
    if forms.is_edit(request.form):
        return _again(outage, task_id, posted, typed, scans)
    at = _moment(typed["tanggal"], typed["jam"])
    officer = _id(typed["petugas"])
    if at is None:
        faults["jam"] = _("Tulis tanggal dan jam yang tertera di kertas.")
    if officer is None:
        faults["petugas"] = _("Pilih siapa yang mengerjakannya.")
    number, name, inner = task.case.number, task.name, list(posted.refused)
    done: cases.Completion | None = None
    message = ""
    attempt = ctx.session.begin_nested()
    try:
        if at is not None and officer is not None and not faults and not posted.refused:
            written = Written(
                at, officer, posted.answers, posted.choice, posted.note, (), numbers, scans, posted.version
            )  # fmt: skip
            done = outages.complete(ctx, actor, outage_id, task_id, written)
    except Wrong as wrong:
        faults |= wrong.faults
    except cases.Invalid as invalid:
        inner += [fault for fault in invalid.faults if fault.pointer not in {one.pointer for one in inner}]
    except cases.ChoiceNeeded as refusal:
        faults["keputusan"] = refusal.message
    except cases.ReasonNeeded as refusal:
        faults["alasan"] = refusal.message
    except cases.Refusal as refusal:
        message = refusal.message
        if errors.status_of(refusal) in (403, 404):
            raise
    if done is None:
        attempt.rollback()
        ctx.session.expire_all()
        status = 409 if message else 422
        return _again(_open(outage_id), task_id, posted, typed, scans, faults, inner, message), status
    attempt.commit()
    base.fill_papers(done)
    flash(_("%(number)s: “%(step)s” tercatat dari kertas.", number=number, step=name))
    following = cases.open_tasks(ctx, done.case)
    if len(following) == 1 and len(done.opened) == 1:
        return redirect(url_for("outages.langkah", outage_id=outage_id, task_id=following[0].id), 303)
    return redirect(url_for("outages.gangguan", outage_id=outage_id, nomor=number, _anchor="catat"), 303)


def _open(outage_id: int) -> Outage:
    """An outage of which things can be entered. Raises cases.NotFound, NotNow."""
    outage = _outage(outage_id)
    if outage.since is None:
        raise cases.NotFound()
    if outage.closed_at is not None:
        raise cases.NotNow(_("Gangguan ini sudah ditutup; tidak ada lagi yang dicatat dari kertas."))
    return outage


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _numberings(task: Task) -> list[registers.Numbering]:
    """The numbers that were written at a step; of one that is closed there is nothing to ask."""
    if task.case.data is None:
        return []
    return cases.unnumbered(base.context(), task.case, cases.step_of(base.context(), task))


def _scans() -> tuple[list[str], dict[str, str]]:
    """The pictures of the paper: those that were sent before and those that come now, which are kept."""
    faults: dict[str, str] = {}
    mine = [
        upload.id
        for text in request.form.getlist("pindaian_ada")[:20]
        if (upload := base.session().get(Upload, text[:22])) and upload.person_id == base.person().id
    ]
    for file in request.files.getlist("pindaian")[:20]:
        if not file.filename:
            continue
        try:
            mine.append(uploads.save(base.context(), base.person(), file.filename, file.stream.read(), SCANS).id)
        except files.UploadRefused as refusal:
            faults["pindaian"] = str(refusal)
    return mine, faults


def _again(
    outage: Outage,
    task_id: int,
    posted: Posted,
    typed: Mapping[str, str],
    scans: Sequence[str],
    faults: Mapping[str, str] | None = None,
    inner: Sequence[Fault] = (),
    message: str = "",
) -> str:
    """The page again with everything that was typed; the files that came with it stay."""
    ctx = base.context()
    base.keep()
    task = cases.task_for(ctx, base.actor(), task_id)
    form, data = cases.form_of(ctx, task), cases.data_of(ctx, task.case)
    values = forms.apply(form, data, posted.answers) if form else data
    return _step(outage, task, values, typed, posted, scans, faults, inner, message)


def _step(
    outage: Outage,
    task: Task,
    values: Mapping[str, Any],
    typed: Mapping[str, str],
    posted: Posted | None = None,
    scans: Sequence[str] = (),
    faults: Mapping[str, str] | None = None,
    inner: Sequence[Fault] = (),
    message: str = "",
) -> str:
    ctx = base.context()
    case = task.case
    if not _mine(case):
        raise cases.NotYours(_("Anda tidak berwenang mencatat dari kertas untuk SOP ini."))
    loaded = revisions.load(ctx.session, case.revision_id)
    applicant = ctx.session.get(Person, case.applicant_id) if task.lane.applicant and case.applicant_id else None
    lanes = [task.lane.name] if not task.lane.applicant else sorted(drawn.counters(loaded.definition))
    if task.applicant_id is not None:
        lanes = []
    free: dict[str, list[str]] = {}
    for number in outages.numbers(ctx, outage):
        if number.free:
            free.setdefault(number.register, []).append(number.text)
    return render_template(
        "outages/step.html",
        outage=outage,
        task=task,
        case=case,
        step=cases.step_of(ctx, task),
        form=cases.form_of(ctx, task),
        values=values,
        typed=typed,
        posted=posted,
        scans=[upload for one in scans if (upload := ctx.session.get(Upload, one))],
        faults=faults or {},
        inner={fault.pointer: fault.message for fault in inner},
        message=message,
        choices=cases.choices(ctx, task),
        officers=outages.candidates(ctx, outage, lanes, applicant),
        numberings=_numberings(task),
        free=free,
        files=task_pages.files_of(case, values),
        today=shown.local(outage.since or ctx.now).date(),
        closed=task.closed_at is not None,
    )


@blueprint.get("/gangguan/<int:outage_id>/permohonan/<sop>")
@base.emergency
def permohonan(outage_id: int, sop: str) -> ResponseReturnValue:
    """An application that came in on paper."""
    outage = _open(outage_id)
    return _apply(outage, _recordable(sop), {"tanggal": shown.local(outage.since or base.now()).date().isoformat()})


@blueprint.post("/gangguan/<int:outage_id>/permohonan/<sop>")
@base.emergency
def permohonan_kirim(outage_id: int, sop: str) -> ResponseReturnValue:
    """Opens it, and goes on to its first step."""
    outage, loaded = _open(outage_id), _recordable(sop)
    typed = {name: base.typed(name, 200) for name in ("tanggal", "jam", "petugas", "pemohon", "nomor", "jalan")}
    at, officer = _moment(typed["tanggal"], typed["jam"]), _id(typed["petugas"])
    faults: dict[str, str] = {}
    if at is None:
        faults["jam"] = _("Tulis tanggal dan jam yang tertera di kertas.")
    if officer is None:
        faults["petugas"] = _("Pilih siapa yang menerimanya.")
    if not typed["pemohon"].isprintable():
        faults["pemohon"] = _("Nama memuat tanda yang tidak dapat dicetak.")
    case: Case | None = None
    if at is not None and officer is not None and not faults:
        written = Application(at, officer, typed["jalan"] or None, typed["pemohon"], typed["nomor"])
        try:
            with base.session().begin_nested():
                case = outages.open_case(base.context(), base.actor(), outage_id, loaded, written)
        except Wrong as wrong:
            base.session().expire_all()
            faults = wrong.faults
    if case is None:
        return _apply(_open(outage_id), loaded, typed, faults), 422
    flash(_("Permohonan %(number)s tercatat. Lanjutkan dengan langkah-langkahnya di kertas.", number=case.number))
    first = next(iter(cases.open_tasks(base.context(), case)), None)
    if first is None:
        return redirect(url_for("outages.gangguan", outage_id=outage.id, nomor=case.number), 303)
    return redirect(url_for("outages.langkah", outage_id=outage_id, task_id=first.id), 303)


def _recordable(sop: str) -> Loaded:
    found = next((loaded for loaded in outages.sops(base.context(), base.actor()) if loaded.sop == sop), None)
    if found is None:
        raise cases.NotFound()
    return found


def _apply(outage: Outage, loaded: Loaded, typed: Mapping[str, str], faults: Mapping[str, str] | None = None) -> str:
    ctx, definition = base.context(), loaded.definition
    outside = definition.applicant_lane is not None
    lanes = drawn.counters(definition) if outside else {start.lane for start in definition.starts}
    book = outages.books(loaded)[0]
    return render_template(
        "outages/apply.html",
        outage=outage,
        loaded=loaded,
        definition=definition,
        outside=outside,
        ways=sorted(definition.starts, key=lambda way: not way.default),
        officers=outages.candidates(ctx, outage, sorted(lanes)),
        free=[n.text for n in outages.numbers(ctx, outage) if n.free and n.register == book.register],
        typed=typed,
        faults=faults or {},
    )


# -- closed -----------------------------------------------------------------------------------------------------------


@blueprint.get("/gangguan/<int:outage_id>/tutup")
@base.emergency
def tutup(outage_id: int) -> ResponseReturnValue:
    """What is left, before it is closed for good."""
    outage = _outage(outage_id)
    if outage.closed_at is not None:
        return redirect(url_for("outages.gangguan", outage_id=outage_id))
    return _close(outage)


@blueprint.post("/gangguan/<int:outage_id>/tutup")
@base.emergency
def tutup_kirim(outage_id: int) -> ResponseReturnValue:
    """Closes it: unused numbers are struck out, and what fell due happens."""
    if not request.form.get("yakin"):
        return _close(_outage(outage_id), _("Centang dahulu bahwa semua lembar sudah diperiksa.")), 422
    try:
        with base.session().begin_nested():
            outages.close(base.context(), base.actor(), outage_id)
    except cases.NotNow as refusal:
        base.session().expire_all()
        outage = _outage(outage_id)
        if outage.closed_at is not None:
            raise
        return _close(outage, refusal.message), 409
    flash(_("Gangguan ditutup. Nomor yang tidak terpakai sudah dibatalkan."))
    return redirect(url_for("outages.gangguan", outage_id=outage_id), 303)


def _close(outage: Outage, fault: str = "") -> str:
    ctx = base.context()
    rows = outages.entered(ctx, outage)
    return render_template(
        "outages/close.html",
        outage=outage,
        fault=fault,
        unused=[number for number in outages.numbers(ctx, outage) if number.free],
        waiting=outages.waiting(ctx, outage),
        halfway=outages.halfway(ctx, outage, rows),
        rows=rows,
    )
