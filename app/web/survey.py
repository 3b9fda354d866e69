"""Survei kepuasan: answered by whoever holds its address, entered from paper, and made an index."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import pgettext

from app import access, cases, documents, forms, revisions, satisfaction, wording, workbook
from app.files import XLSX
from app.satisfaction import Period, Summary, Tally
from app.web import base, errors, shown
from app.web.portal import DOCX

blueprint = Blueprint("survey", __name__)
MOST_YEARS = 10
TYPED = ("layanan", "tanggal", "nomor", "jawaban", "saran")  # what a paper is entered with


# -- on a telephone


@blueprint.get("/survei/<survey_code>")
@base.public
def survei(survey_code: str) -> ResponseReturnValue:
    return _answer_page(survey_code, {}, {})


@blueprint.post("/survei/<survey_code>")
@base.public
def survei_kirim(survey_code: str) -> ResponseReturnValue:
    answers = forms.from_html(satisfaction.form(), request.form)
    try:
        cases.surveys.answer(base.context(), survey_code, answers)
    except cases.Invalid as invalid:
        return _answer_page(survey_code, answers, _shortly(invalid.faults))
    except (cases.AlreadyDone, cases.NotNow):
        pass  # the page says which
    except cases.NotFound:
        return _nowhere()
    return redirect(url_for("survey.survei", survey_code=survey_code), 303)


def _answer_page(code: str, values: dict[str, Any], faults: dict[str, str]) -> ResponseReturnValue:
    try:
        asked = cases.surveys.asked(base.context(), code)
    except cases.NotFound:
        return _nowhere()
    page = render_template(
        "survey/answer.html",
        asked=asked,
        revision=asked.case.revision,
        form=satisfaction.form(),
        values=values,
        faults=faults,
    )
    return page, 422 if faults else 200


def _shortly(faults: Sequence[forms.Fault]) -> dict[str, str]:
    """Faults by pointer: of a question by its number, since the question itself is long and stands right above."""
    pointers = [field.pointer for field in satisfaction.questions(satisfaction.form()).elements]
    return {
        fault.pointer: _("Pertanyaan %(n)s belum dijawab.", n=pointers.index(fault.pointer) + 1)
        if fault.pointer in pointers
        else fault.message
        for fault in faults
    }


def _nowhere() -> ResponseReturnValue:
    """No survey has this address: the same words, however it was guessed, and not too often."""
    whence = request.remote_addr or ""
    if access.too_often(base.context(), "survei", whence):
        return errors.error_page(429, _("Alamat survei sudah terlalu sering keliru. Tunggu seperempat jam."))
    base.session().rollback()  # else this request would wait for itself
    base.kept_at_once(lambda ctx: access.tried(ctx, "survei", whence))
    return errors.error_page(404, _("Alamat survei ini tidak dikenal. Periksa kembali tulisan pada kertas Anda."))


# -- the report


@dataclass(frozen=True)
class Asked:
    """What a reader wants to see: a period, of these SOPs (None: of all); `sop` where they chose one."""

    period: Period
    sops: frozenset[str] | None
    sop: str
    titles: dict[str, str]
    faults: dict[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The same as an address says it."""
        period = self.period
        free = {"dari": period.first.isoformat(), "sampai": period.last.isoformat()}
        return {**({"periode": period.code} if period.code else free), **({"layanan": self.sop} if self.sop else {})}


def _asked() -> Asked:
    """What the address asks for, of what the reader may see; what cannot be read is this half-year. 403, 404."""
    actor, ctx = base.actor(), base.context()
    person = actor.person
    everything = person.auditor or person.owner or person.admin
    if not (everything or actor.staff):
        abort(403)
    titles = {revision.sop: revision.title for revision in revisions.all_in_force(ctx.session)}
    allowed = None if everything else frozenset(actor.sops)
    sop = request.args.get("layanan", "")
    if sop and (sop not in titles or (allowed is not None and sop not in allowed)):
        abort(404)
    period, faults = _period(ctx.local().date())
    return Asked(period, frozenset({sop}) if sop else allowed, sop, titles, faults)


def _period(today: date) -> tuple[Period, dict[str, str]]:
    running = Period.of("semester", today)
    first, last = request.args.get("dari", ""), request.args.get("sampai", "")
    if not (first or last):
        return Period.read(request.args.get("periode", "")) or running, {}
    days: list[date] = []
    faults: dict[str, str] = {}
    for name, typed in (("dari", first), ("sampai", last)):
        try:
            days.append(date.fromisoformat(typed))
            if not 2000 <= days[-1].year < 2100:
                raise ValueError(typed)
        except ValueError:
            faults[name] = _("Tulis tanggalnya.")
    if not faults and days[0] > days[1]:
        faults["sampai"] = _("Tanggal ini mendahului tanggal mulainya.")
    return (running, faults) if faults else (Period(days[0], days[1]), {})


@blueprint.get("/laporan/survei")
@base.signed_in
def laporan() -> ResponseReturnValue:
    """The index of a period, what it is made of, and what people wrote."""
    ctx, asked = base.context(), _asked()
    found = satisfaction.summary(ctx, asked.period, asked.sops)
    population = satisfaction.served(ctx, asked.period, asked.sops)
    return render_template(
        "survey/report.html",
        asked=asked,
        found=found,
        elements=rows(found),
        served=population,
        recommended=satisfaction.recommended(population),
        remarks=satisfaction.remarks(ctx, asked.period, asked.sops),
        periods=_periods(satisfaction.years(ctx)[:MOST_YEARS]),
        services=_services(),
        may_enter=bool(cases.surveys.on_paper(ctx, base.actor())),
        typed={name: request.args.get(name, "")[:10] for name in ("dari", "sampai")},
    )


@dataclass(frozen=True)
class Row:
    """One element of a period: its number and name, its mean, its own index, and what its mean was before."""

    number: int
    name: str
    mean: Decimal | None
    value: Decimal | None
    before: Decimal | None


def rows(found: Summary) -> list[Row]:
    """The nine elements."""
    measured = zip(satisfaction.names(), found.whole.means, found.whole.values, found.earlier.means, strict=True)
    return [Row(number, *row) for number, row in enumerate(measured, 1)]


def _services() -> list[tuple[str, str]]:
    """The services that the reader may choose among: those for which somebody applies."""
    session, actor = base.session(), base.actor()
    everything = actor.person.auditor or actor.person.owner or actor.person.admin
    return [
        (revision.sop, revision.title)
        for revision in revisions.all_in_force(session)
        if (everything or revision.sop in actor.sops)
        and revisions.load(session, revision.id).definition.applicant_lane is not None
    ]


def _periods(years: Sequence[int]) -> list[tuple[str, list[Period]]]:
    """What can be chosen, by kind, the latest first."""
    today = base.context().local().date()
    kinds = {"semester": _("Semester"), "triwulan": _("Triwulan"), "tahun": _("Tahun")}
    found = []
    for kind, words in kinds.items():
        every = 12 // satisfaction.MONTHS[kind]
        starts = [date(year, number * satisfaction.MONTHS[kind] + 1, 1) for year in years for number in range(every)]
        found.append((words, [Period.of(kind, day) for day in sorted(starts, reverse=True) if day <= today]))
    return found


@blueprint.get("/laporan/survei.docx")
@base.signed_in
def laporan_docx() -> ResponseReturnValue:
    """The report as a document."""
    ctx, asked = base.context(), _asked()
    found = satisfaction.summary(ctx, asked.period, asked.sops)
    sops = [asked.sop] if asked.sop else list(asked.sops or found.now)
    try:
        content = satisfaction.report(ctx, found, asked.titles, shown.office(ctx.session, sops), asked.sops)
    except documents.DocumentError as error:
        return errors.error_page(500, _("Templat laporan tidak dapat diisi: %(sebab)s", sebab=str(error)))
    return send_file(io.BytesIO(content), DOCX, as_attachment=True, download_name=f"{_file_name(asked)}.docx")


@blueprint.get("/laporan/survei.xlsx")
@base.signed_in
def laporan_xlsx() -> ResponseReturnValue:
    """The report's tables, and every answer in it, without names."""
    ctx, asked = base.context(), _asked()
    found = satisfaction.summary(ctx, asked.period, asked.sops)
    whole, grade = found.whole, satisfaction.grade(found.whole.index)
    service = pgettext("one", "Layanan")
    index: list[Sequence[workbook.Value]] = [
        [_("IKM"), whole.index, grade, grade_words(grade)],
        [pgettext("how many", "Jawaban"), whole.count],
        [],
        [_("No."), _("Unsur"), _("Nilai rata-rata"), _("Nilai (25–100)"), _("Mutu"), period_name(asked.period.before)],
        *([row.number, row.name, row.mean, row.value, satisfaction.grade(row.value), row.before]
          for row in rows(found)),
        [],
        [service, "", pgettext("how many", "Jawaban"), _("IKM"), _("Mutu")],
        *([asked.titles.get(sop, sop), "", tally.count, tally.index, satisfaction.grade(tally.index)]
          for sop, tally in found.now.items()),
    ]  # fmt: skip
    sources = _sources()
    each = satisfaction.answers(ctx, asked.period, asked.sops)
    answers: Iterator[list[workbook.Value]] = (
        [number, ctx.local(at).date(), asked.titles.get(sop, sop), sources.get(source, source), *values]
        for number, (at, sop, source, values) in enumerate(each, 1)
    )
    said = satisfaction.remarks(ctx, asked.period, asked.sops)
    remarks: Iterator[list[workbook.Value]] = (
        [ctx.local(at).date(), asked.titles.get(sop, sop), remark] for at, sop, remark in said
    )
    elements = {f"U{number}": 8 for number in range(1, len(satisfaction.names()) + 1)}
    out = io.BytesIO()
    workbook.write(
        out,
        _sheet(_("IKM"), {_("Indeks kepuasan masyarakat"): 26, period_name(asked.period): 44, "": 16}, index),
        _sheet(
            pgettext("how many", "Jawaban"),
            {_("No."): 8, _("Tanggal"): 12, service: 40, _("Cara"): 12, **elements},
            answers,
        ),
        _sheet(_("Saran"), {_("Tanggal"): 12, service: 40, _("Saran dan masukan"): 100}, remarks),
    )  # fmt: skip
    out.seek(0)
    return send_file(out, XLSX, as_attachment=True, download_name=f"{_file_name(asked)}.xlsx")


def _sheet(title: str, widths: Mapping[str, int], lines: Iterable[Sequence[workbook.Value]]) -> workbook.Sheet:
    """A sheet with a column of each of these titles and widths."""
    columns = [workbook.Column(name, width) for name, width in widths.items()]
    return workbook.Sheet(title, columns, ((line, False) for line in lines))


def _file_name(asked: Asked) -> str:
    span = asked.period.code or f"{asked.period.first}-{asked.period.last}"
    return "-".join(part for part in ("ikm", asked.sop, span) if part)


def _sources() -> dict[str, str]:
    """How an answer came, in words."""
    words = (_("di langkah layanan"), _("lewat telepon"), _("dari kertas"))
    return dict(zip(satisfaction.SOURCES, words, strict=True))


# -- from paper


@blueprint.get("/laporan/survei/kertas")
@base.staff
def kertas() -> ResponseReturnValue:
    today = base.context().local().date().isoformat()
    typed = {name: request.args.get(name, "") for name in TYPED}
    return _paper_page({**typed, "tanggal": typed["tanggal"] or today}, {})


@blueprint.post("/laporan/survei/kertas")
@base.staff
def kertas_kirim() -> ResponseReturnValue:
    """Keeps one paper and asks for the next, of the same service and day."""
    typed = {name: base.typed(name, satisfaction.REMARK + 200) for name in TYPED}
    try:
        cases.surveys.enter(
            base.context(), base.actor(), typed["layanan"], typed["tanggal"], typed["jawaban"], typed["nomor"],
            typed["saran"],
        )  # fmt: skip
    except cases.Invalid as invalid:
        return _paper_page(typed, {fault.pointer.strip("/"): fault.message for fault in invalid.faults}), 422
    flash(_("Tersimpan: %(angka)s. Silakan kertas berikutnya.", angka=typed["jawaban"].strip()))
    return redirect(url_for("survey.kertas", layanan=typed["layanan"], tanggal=typed["tanggal"]), 303)


@blueprint.post("/laporan/survei/kertas/<int:survey_id>/hapus")
@base.staff
def kertas_hapus(survey_id: int) -> ResponseReturnValue:
    """Takes out what this person has just entered wrongly."""
    cases.surveys.take_out(base.context(), base.actor(), survey_id)
    flash(_("Jawaban itu dihapus dan tidak dihitung lagi."))
    return redirect(url_for("survey.kertas", layanan=base.typed("layanan"), tanggal=base.typed("tanggal")), 303)


def _paper_page(typed: dict[str, str], faults: dict[str, str]) -> str:
    ctx = base.context()
    services = cases.surveys.on_paper(ctx, base.actor())
    return render_template(
        "survey/paper.html",
        typed=typed,
        faults=faults,
        services=services,
        titles={revision.sop: revision.title for revision in services},
        names=satisfaction.names(),
        entered=[(row, satisfaction.kept(row).values) for row in cases.surveys.entered(ctx, base.actor())],
    )


# -- in words


def period_name(period: Period) -> str:
    """`Semester I 2026`, or its days."""
    names = {"number": wording.romawi(period.number), "year": period.first.year}
    match period.kind:
        case "semester":
            return _("Semester %(number)s %(year)s", **names)
        case "triwulan":
            return _("Triwulan %(number)s %(year)s", **names)
        case "tahun":
            return _("Tahun %(year)s", **names)
    return f"{shown.tanggal(period.first)} – {shown.tanggal(period.last)}"


def grade_words(letter: str) -> str:
    """What a grade means."""
    words = {"A": _("Sangat baik"), "B": _("Baik"), "C": _("Kurang baik"), "D": _("Tidak baik")}
    return words.get(letter, "")


def graded(tally: Tally) -> str:
    """`84,44 – mutu B (Baik)`."""
    letter = satisfaction.grade(tally.index)
    return _("%(ikm)s, mutu %(mutu)s (%(arti)s)", ikm=said(tally.index), mutu=letter, arti=grade_words(letter))


def said(value: Decimal | None) -> str:
    """A number to two places, as the reader writes it."""
    return satisfaction.comma(value) if shown.locale() == "id" else f"{value:.2f}" if value is not None else "–"


def changed(now: Decimal | None, was: Decimal | None) -> str:
    """By how much a value is more or less than before, as the reader writes it."""
    words = satisfaction.change(now, was)
    return words if shown.locale() == "id" else words.replace(",", ".")


for name, filter_ in (
    ("period", period_name), ("graded", graded), ("two_places", said), ("grade", satisfaction.grade),
    ("grade_words", grade_words), ("change", changed),
):  # fmt: skip
    blueprint.add_app_template_filter(filter_, name)
