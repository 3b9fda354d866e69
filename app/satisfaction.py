"""How content those are who were served: nine elements asked, kept and made an index (IKM), by PermenPANRB 14/2017.

An SOP asks them in a form of its own (`survei` on a step); on a telephone and on paper the office's form does,
`texts/survei.form`: questions, answers and the elements' names stand there and nowhere else.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import case, delete, func, select

from app import database, documents, forms, wording
from app.context import Context
from app.models import Case, Lane, Survey

ELEMENTS = tuple(f"u{number}" for number in range(1, 10))
LOWEST, HIGHEST = 1, 4
STEP, PHONE, PAPER = SOURCES = ("langkah", "gawai", "kertas")
# The lowest index of each grade (annex of the regulation, table of II.D), on the rounded value: no gap between two.
GRADES = (
    ("A", Decimal("88.31"), "Sangat baik"),
    ("B", Decimal("76.61"), "Baik"),
    ("C", Decimal("65.00"), "Kurang baik"),
    ("D", Decimal("25.00"), "Tidak baik"),
)
REMARK = 1000
REMARKS = 100  # of the latest that a report lists
WEAKEST = 3
PUBLISHED = 5  # answers from which an index is shown to everybody: of fewer one could tell whose they are
TEXTS = Path(__file__).parent / "texts"
FORM, REPORT = TEXTS / "survei.form", TEXTS / "laporan-skm.docx"
CODE = re.compile(r"(\d{1,10})-([a-z2-7]{12})")
PERIOD = re.compile(r"(20\d\d)(?:-([ST])([1-4]))?", re.ASCII)
MONTHS = {"semester": 6, "triwulan": 3, "tahun": 12}


# -- what is asked


@dataclass(frozen=True)
class Answer:
    """What somebody said: nine values from 1 to 4, and words."""

    values: tuple[int, ...]
    remark: str = ""


@dataclass(frozen=True)
class Questions:
    """Where a form asks: the fields of the elements, in drawn order, and the one for words."""

    elements: tuple[forms.Field, ...]
    remark: forms.Field | None

    def answer(self, answers: Mapping[str, Any]) -> Answer | None:
        """What was answered; None where it is not all nine, and so does not count."""
        given = [str(forms.at(answers, field.pointer)) for field in self.elements]
        values = tuple(int(text) for text in given if text in _VALUES)
        said = forms.at(answers, self.remark.pointer) if self.remark else None
        return Answer(values, str(said or "")[:REMARK]) if len(values) == len(ELEMENTS) == len(given) else None


_VALUES = {str(value) for value in range(LOWEST, HIGHEST + 1)}


def questions(form: forms.Form, group: str = "") -> Questions:
    """The questions of a form below the key `group` (`survei`, `akhir.survei`): its choices and its text."""
    below = "/" + "".join(f"{part}/" for part in group.strip().split(".") if part)
    inside = [field for field in form.fields if field.pointer.startswith(below) and not field.readonly]
    words = [field for field in inside if field.type in ("textarea", "textfield")]
    asked = tuple(field for field in inside if field.options and not field.multiple)
    return Questions(asked, words[0] if words else None)


def faults(form: forms.Form, group: str) -> Iterator[tuple[Literal["error", "warning"], str]]:
    """What is wrong with the questions that a step's `survei` names, as level and message."""
    asked = questions(form, group).elements
    if len(asked) != len(ELEMENTS):
        yield "error", f"memuat {len(asked)} pertanyaan pilihan di bawah kunci {group}; unsurnya sembilan, berurutan"
        return
    for number, field in enumerate(asked, 1):
        values = sorted(str(option.value) for option in field.options)
        if values != sorted(_VALUES):
            yield "error", f"pilihan pertanyaan ke-{number} bernilai {', '.join(values)}; seharusnya 1, 2, 3, 4"
        elif not field.required:
            yield "warning", f"pertanyaan ke-{number} tidak wajib; survei yang tidak lengkap tidak dihitung"


def form() -> forms.Form:
    """The office's own form, as its file says now."""
    return forms.load(FORM.read_bytes())


def names() -> list[str]:
    """What the nine elements are called."""
    return [field.short for field in questions(form()).elements]


# -- who may answer on a telephone


def code(ctx: Context, case_id: int) -> str:
    """What stands in the address of a case's survey: not to be guessed, and nothing can be traced with it."""
    return f"{case_id}-{_mac(ctx, case_id)}"


def link(ctx: Context, case_id: int) -> str:
    """Where a case's survey is answered, from outside."""
    return f"{ctx.settings.url}/survei/{code(ctx, case_id)}"


def coded(ctx: Context, text: str) -> Case | None:
    """The case whose survey has this code, read off a paper perhaps; None where none has."""
    match = CODE.fullmatch(text.strip().lower())
    if match is None or not hmac.compare_digest(_mac(ctx, int(match[1])), match[2]):
        return None
    return ctx.session.get(Case, int(match[1]))


def _mac(ctx: Context, case_id: int) -> str:
    """60 bits of HMAC-SHA256, in letters and digits that are told apart on paper."""
    whole = hmac.digest(ctx.settings.secret_key.encode(), f"survei:{case_id}".encode(), "sha256")
    return base64.b32encode(whole)[:12].decode().lower()


# -- kept


def keep(
    ctx: Context,
    answer: Answer,
    *,
    sop: str,
    source: str,
    case_id: int | None = None,
    entered_by: int | None = None,
    at: datetime | None = None,
    again: bool = False,
) -> bool:
    """Keeps an answer, of a case at most one: with `again` it replaces the one that is there, else False says so."""
    row = {
        "sop": sop,
        "case_id": case_id,
        "at": at or ctx.now,
        "source": source,
        "entered_by_id": entered_by,
        **dict(zip(ELEMENTS, answer.values, strict=True)),
        "remark": answer.remark,
    }
    insert = database.insert(ctx.session, Survey).values(row)
    insert = (
        insert.on_conflict_do_update(index_elements=["case_id"], set_=row)
        if again
        else insert.on_conflict_do_nothing(index_elements=["case_id"])
    )
    return ctx.session.connection().execute(insert.returning(Survey.id)).first() is not None


def of_case(ctx: Context, case_id: int) -> Survey | None:
    """The answer of a case."""
    return ctx.session.scalar(select(Survey).where(Survey.case_id == case_id))


def kept(row: Survey) -> Answer:
    """What a row holds."""
    return Answer(tuple(getattr(row, name) for name in ELEMENTS), row.remark)


def take_back(ctx: Context, case_id: int) -> None:
    """The step at which a case's survey was answered is open again: it is not answered."""
    ctx.session.execute(delete(Survey).where(Survey.case_id == case_id, Survey.source == STEP))


# -- when


@dataclass(frozen=True)
class Period:
    """Days from-until, both counted. `kind` is a key of MONTHS and `number` which of its year, else `rentang`."""

    first: date
    last: date
    kind: str = "rentang"
    number: int = 0

    @classmethod
    def of(cls, kind: str, day: date) -> Period:
        """The half-year, quarter or year of a day."""
        months = MONTHS[kind]
        number = (day.month - 1) // months
        first = date(day.year, number * months + 1, 1)
        return cls(first, _month_after(first, months) - timedelta(days=1), kind, number + 1)

    @classmethod
    def read(cls, text: str) -> Period | None:
        """`2026`, `2026-S1` (semester), `2026-T3` (triwulan); None for anything else."""
        match = PERIOD.fullmatch(text)
        if match is None:
            return None
        year, letter, number = int(match[1]), match[2], int(match[3] or 1)
        kind = {"S": "semester", "T": "triwulan", None: "tahun"}[letter]
        if number * MONTHS[kind] > 12:
            return None
        return cls.of(kind, date(year, (number - 1) * MONTHS[kind] + 1, 1))

    @property
    def code(self) -> str:
        """As `read` takes it; "" for days chosen freely."""
        letter = {"semester": f"-S{self.number}", "triwulan": f"-T{self.number}", "tahun": ""}.get(self.kind)
        return "" if letter is None else f"{self.first.year}{letter}"

    @property
    def before(self) -> Period:
        """The one just before it, as long."""
        last = self.first - timedelta(days=1)
        if self.kind in MONTHS:
            return Period.of(self.kind, last)
        return Period(last - (self.last - self.first), last)

    @property
    def name(self) -> str:
        """As papers call it: `Semester I Tahun 2026`."""
        if self.kind == "rentang":
            return f"{wording.tanggal(self.first)} s.d. {wording.tanggal(self.last)}"
        which = "" if self.kind == "tahun" else f"{self.kind.capitalize()} {wording.romawi(self.number)} "
        return f"{which}Tahun {self.first.year}"

    def since(self, ctx: Context) -> datetime:
        return datetime.combine(self.first, time(), ctx.settings.zone)

    def until(self, ctx: Context) -> datetime:
        """When it is over: an answer at this instant is no longer in it."""
        return datetime.combine(self.last + timedelta(days=1), time(), ctx.settings.zone)


def _month_after(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, 1)


# -- counted


@dataclass(frozen=True)
class Tally:
    """Answers added up: how many, the sum of each element, how many came in each of SOURCES."""

    count: int = 0
    sums: tuple[int, ...] = (0,) * len(ELEMENTS)
    sources: tuple[int, ...] = (0,) * len(SOURCES)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.count + other.count,
            tuple(map(sum, zip(self.sums, other.sums, strict=True))),
            tuple(map(sum, zip(self.sources, other.sources, strict=True))),
        )

    @property
    def index(self) -> Decimal | None:
        """The IKM: each element's mean times 1/9, summed, times 25, to two places; None where nobody answered."""
        return _hundredths(25 * sum(self.sums), self.count * len(ELEMENTS))

    @property
    def means(self) -> list[Decimal | None]:
        """The mean of each element (NRR), to two places."""
        return [_hundredths(total, self.count) for total in self.sums]

    @property
    def values(self) -> list[Decimal | None]:
        """Each element's own index: its mean times 25."""
        return [_hundredths(25 * total, self.count) for total in self.sums]

    @property
    def weakest(self) -> list[int]:
        """Which elements (0 the first) are to be improved: the lowest, the lowest first; none where all are alike."""
        ranked = sorted(range(len(ELEMENTS)), key=lambda n: (self.sums[n], n))
        return ranked[:WEAKEST] if self.sums[ranked[0]] < self.sums[ranked[-1]] else []


def grade(value: Decimal | None) -> str:
    """A to D, of an index as it was rounded; "" where there is none."""
    return next((letter for letter, least, _ in GRADES if value is not None and value >= least), "")


def performance(letter: str) -> str:
    """What the regulation calls a grade: `Baik`."""
    return next((words for known, _, words in GRADES if known == letter), "")


def _hundredths(numerator: int, denominator: int) -> Decimal | None:
    """The exact quotient to two places, halves up."""
    if denominator == 0:
        return None
    return Decimal((200 * numerator + denominator) // (2 * denominator)).scaleb(-2)


def recommended(population: int) -> int:
    """How many of so many who were served should answer: Krejcie and Morgan's table, which the annex prints."""
    return round(96025 * population / (250 * (population - 1) + 96025)) if population > 0 else 0


@dataclass(frozen=True)
class Summary:
    """A period: what was answered in it of each SOP, and in the one before."""

    period: Period
    now: Mapping[str, Tally]
    before: Mapping[str, Tally]

    @cached_property
    def whole(self) -> Tally:
        return sum(self.now.values(), Tally())

    @cached_property
    def earlier(self) -> Tally:
        return sum(self.before.values(), Tally())


def summary(ctx: Context, period: Period, sops: Collection[str] | None) -> Summary:
    """What was answered in a period and the one before, of these SOPs (None: of all), in one query."""
    middle = period.since(ctx)
    later = case((Survey.at >= middle, 1), else_=0)
    columns = [
        func.count(),
        *(func.sum(getattr(Survey, name)) for name in ELEMENTS),
        *(func.sum(case((Survey.source == source, 1), else_=0)) for source in SOURCES),
    ]
    query = (
        select(Survey.sop, later, *columns)
        .where(Survey.at >= period.before.since(ctx), Survey.at < period.until(ctx))
        .group_by(Survey.sop, later)
        .order_by(Survey.sop)
    )
    if sops is not None:
        query = query.where(Survey.sop.in_(sops))
    found: tuple[dict[str, Tally], dict[str, Tally]] = ({}, {})
    for sop, here, count, *sums in ctx.session.execute(query):
        numbers = [int(number) for number in sums]
        found[here][sop] = Tally(count, tuple(numbers[: len(ELEMENTS)]), tuple(numbers[len(ELEMENTS) :]))
    return Summary(period, found[1], found[0])


def running(ctx: Context) -> Summary:
    """The half-year that runs, and the one before, of every SOP."""
    return summary(ctx, Period.of("semester", ctx.local().date()), None)


def published(found: Summary, sop: str = "") -> tuple[Period, Tally] | None:
    """Of `running`, of one SOP or of all, what everybody may see: the last half-year, while it has too few answers the
    running one; None while both do.
    """
    whole = ((found.period.before, found.before), (found.period, found.now))
    for period, tallies in whole:
        tally = tallies.get(sop, Tally()) if sop else sum(tallies.values(), Tally())
        if tally.count >= PUBLISHED:
            return period, tally
    return None


def remarks(ctx: Context, period: Period, sops: Collection[str] | None) -> list[tuple[datetime, str, str]]:
    """What was written beside the answers of a period, the latest first: when, of which SOP, what."""
    query = (
        select(Survey.at, Survey.sop, Survey.remark)
        .where(Survey.at >= period.since(ctx), Survey.at < period.until(ctx), Survey.remark != "")
        .order_by(Survey.at.desc(), Survey.id.desc())
        .limit(REMARKS)
    )
    if sops is not None:
        query = query.where(Survey.sop.in_(sops))
    return [(at, sop, remark) for at, sop, remark in ctx.session.execute(query)]


def answers(
    ctx: Context, period: Period, sops: Collection[str] | None
) -> Iterator[tuple[datetime, str, str, list[int]]]:
    """Each answer of a period, as it came: when, of which SOP, by which of SOURCES, its nine values."""
    query = (
        select(Survey.at, Survey.sop, Survey.source, *(getattr(Survey, name) for name in ELEMENTS))
        .where(Survey.at >= period.since(ctx), Survey.at < period.until(ctx))
        .order_by(Survey.at, Survey.id)
    )
    if sops is not None:
        query = query.where(Survey.sop.in_(sops))
    for at, sop, source, *values in ctx.session.execute(query):
        yield at, sop, source, values


def years(ctx: Context) -> list[int]:
    """The years in which anything was answered, the latest first, and this one."""
    first = ctx.session.scalar(select(func.min(Survey.at)))
    last = ctx.local().year
    return list(range(last, min(ctx.local(first).year if first else last, last) - 1, -1))


def served(ctx: Context, period: Period, sops: Collection[str] | None) -> int:
    """How many applications of people from outside came to their end in a period: those who could have answered."""
    query = select(func.count()).where(
        Case.ended_at >= period.since(ctx),
        Case.ended_at < period.until(ctx),
        Case.sop.in_(select(Lane.sop).where(Lane.applicant)),
    )
    if sops is not None:
        query = query.where(Case.sop.in_(sops))
    return ctx.session.scalar(query) or 0


# -- the six-monthly report

# What its template may read.
TOLD: Mapping[str, Any] = {
    "kantor": dict.fromkeys(("nama", "alamat", "kota", "induk")),
    "periode": dict.fromkeys(("nama", "mulai", "sampai", "sebelumnya")),
    "layanan": [dict.fromkeys(("judul", "jumlah", "ikm", "mutu", "kinerja"))],
    "ikm": None,
    "mutu": None,
    "kinerja": None,
    "jumlah": None,
    "sebelumnya": dict.fromkeys(("ikm", "mutu", "kinerja", "jumlah")),
    **dict.fromkeys(
        ("unsur", "terendah"),
        [dict.fromkeys(("no", "nama", "nrr", "nilai", "mutu", "kinerja", "sebelumnya", "ubah", "batang"))],
    ),
    "cara": dict.fromkeys(SOURCES),
    "dilayani": None,
    "dianjurkan": None,
    "saran": [None],
    "sekarang": None,
}


def report(
    ctx: Context, found: Summary, titles: Mapping[str, str], office: Mapping[str, str], sops: Collection[str] | None
) -> bytes:
    """The report of a period as a .docx, by the office's template. Raises documents.DocumentError."""
    return documents.fill(REPORT.read_bytes(), told(ctx, found, titles, office, sops))


def told(
    ctx: Context, found: Summary, titles: Mapping[str, str], office: Mapping[str, str], sops: Collection[str] | None
) -> dict[str, Any]:
    """What the report's template sees: TOLD, numbers as an office writes them."""
    period, whole, earlier = found.period, found.whole, found.earlier
    elements = _elements(whole, earlier)
    population = served(ctx, period, sops)
    return {
        "kantor": {name: office.get(name, "") for name in ("nama", "alamat", "kota", "induk")},
        "periode": {
            "nama": period.name,
            "mulai": period.first.isoformat(),
            "sampai": min(period.last, ctx.local().date()).isoformat(),
            "sebelumnya": period.before.name,
        },
        "layanan": [{"judul": titles.get(sop, sop), **_rated(tally)} for sop, tally in found.now.items()],
        **_rated(whole),
        "sebelumnya": _rated(earlier),
        "unsur": elements,
        "terendah": [elements[number] for number in whole.weakest],
        "cara": dict(zip(SOURCES, whole.sources, strict=True)),
        "dilayani": population,
        "dianjurkan": recommended(population),
        "saran": [remark for _at, _sop, remark in remarks(ctx, period, sops)],
        "sekarang": ctx.local().isoformat(timespec="minutes"),
    }


def _rated(tally: Tally) -> dict[str, Any]:
    letter = grade(tally.index)
    return {"jumlah": tally.count, "ikm": comma(tally.index), "mutu": letter, "kinerja": performance(letter)}


def _elements(whole: Tally, earlier: Tally) -> list[dict[str, Any]]:
    rows = zip(names(), whole.means, whole.values, earlier.means, strict=True)
    return [
        {
            "no": number,
            "nama": name,
            "nrr": comma(mean),
            "nilai": comma(value),
            "mutu": grade(value),
            "kinerja": performance(grade(value)),
            "sebelumnya": comma(was),
            "ubah": change(mean, was),
            "batang": "█" * round((mean or 0) * 4),
        }
        for number, (name, mean, value, was) in enumerate(rows, 1)
    ]


def comma(value: Decimal | None) -> str:
    """`84,40`; a dash where there is nothing."""
    return "–" if value is None else f"{value:.2f}".replace(".", ",")


def change(now: Decimal | None, was: Decimal | None) -> str:
    """By how much more or less than before: `+0,12`, `−0,05`, `0,00`; "" where one of them is not there."""
    if now is None or was is None:
        return ""
    sign = "+" if now > was else "−" if now < was else ""
    return f"{sign}{comma(abs(now - was))}"
