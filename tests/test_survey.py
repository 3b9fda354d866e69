"""The satisfaction survey: asked at a step, on a telephone and on paper, once a case, and made an index by the rules."""

from __future__ import annotations

import io
import json
import random
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from app import audit, bundles, cases, checks, documents, forms, journal, papers, people, revisions, satisfaction
from app.models import Access, Case, Survey, Task
from app.satisfaction import Answer, Period, Tally
from tests import sops
from tests.conftest import MONDAY, PASSWORD, Office
from tests.drawn import draw, given, lanes
from tests.test_documents import words as paper_words
from tests.test_pages import words

# The regulation's own reckoning


@pytest.mark.parametrize(
    ("means", "index", "grade"),
    [
        ((3.2, 3.4, 3.1, 3.9, 3.3, 3.5, 3.6, 3.4, 3.0), "84.44", "B"),  # by 0.11 it would be 83.60
        ((4,) * 9, "100.00", "A"),
        ((1,) * 9, "25.00", "D"),
        ((2.6,) * 9, "65.00", "C"),
        ((3, 3, 3, 3, 3, 3, 3, 3, 3.5), "76.39", "C"),
        ((3.5324,) * 9, "88.31", "A"),
        ((3.5322,) * 9, "88.31", "A"),  # 88.305: halves go up
        ((3.5321,) * 9, "88.30", "B"),
    ],
)
def test_index(means: tuple[float, ...], index: str, grade: str) -> None:
    tally = Tally(10_000, tuple(round(10_000 * mean) for mean in means))
    assert (tally.index, satisfaction.grade(tally.index)) == (Decimal(index), grade)


def test_no_index_falls_between_two_grades() -> None:
    grades = [satisfaction.grade(Decimal(n).scaleb(-2)) for n in range(2500, 10001)]
    assert "".join(sorted(set(grades))) == "ABCD"
    assert grades == sorted(grades, reverse=True)
    ends = {"D": (2500, 6499), "C": (6500, 7660), "B": (7661, 8830), "A": (8831, 10000)}
    assert {letter: (grades.index(letter) + 2500, 10000 - grades[::-1].index(letter)) for letter in "ABCD"} == ends
    assert (satisfaction.grade(None), satisfaction.performance("A")) == ("", "Sangat baik")


def test_nobody_answered() -> None:
    assert (Tally().index, Tally().means, Tally().values, Tally().weakest) == (None, [None] * 9, [None] * 9, [])


def test_the_lowest_are_named() -> None:
    assert Tally(10, (32, 34, 31, 39, 33, 35, 36, 34, 30)).weakest == [8, 2, 0]
    assert Tally(2, (6,) * 9).weakest == []


def test_how_many_should_answer() -> None:
    """Krejcie and Morgan's table."""
    table = {0: 0, 1: 1, 10: 10, 50: 44, 100: 80, 200: 132, 500: 217, 1000: 278, 5000: 357, 10000: 370, 75000: 382}
    assert {n: satisfaction.recommended(n) for n in table} == table


@pytest.mark.parametrize(
    ("code", "first", "last", "before", "name"),
    [
        ("2026-S1", "2026-01-01", "2026-06-30", "2025-S2", "Semester I Tahun 2026"),
        ("2026-S2", "2026-07-01", "2026-12-31", "2026-S1", "Semester II Tahun 2026"),
        ("2024-T1", "2024-01-01", "2024-03-31", "2023-T4", "Triwulan I Tahun 2024"),
        ("2026-T4", "2026-10-01", "2026-12-31", "2026-T3", "Triwulan IV Tahun 2026"),
        ("2026", "2026-01-01", "2026-12-31", "2025", "Tahun 2026"),
    ],
)
def test_periods(code: str, first: str, last: str, before: str, name: str) -> None:
    period = Period.read(code)
    assert period is not None
    told = (period.code, period.first.isoformat(), period.last.isoformat(), period.before.code, period.name)
    assert told == (code, first, last, before, name)
    assert {Period.of(period.kind, day) for day in (period.first, period.last)} == {period}


def test_what_is_no_period() -> None:
    assert [Period.read(text) for text in ("", "2026-S3", "2026-T5", "2026-S0", "26", "1999", "2026-s1", "٢026")] == [
        None
    ] * 8
    days = Period(date(2026, 3, 1), date(2026, 3, 10))
    assert (days.code, days.before) == ("", Period(date(2026, 2, 19), date(2026, 2, 28)))
    assert days.name == "1 Maret 2026 s.d. 10 Maret 2026"


# What is asked


def test_the_offices_form() -> None:
    form = satisfaction.form()
    assert forms.check_file("survei.form", satisfaction.FORM.read_bytes()) == []
    assert list(satisfaction.faults(form, "")) == []
    assert satisfaction.names() == [
        "Persyaratan", "Sistem, mekanisme, dan prosedur", "Waktu penyelesaian", "Biaya/tarif",
        "Produk spesifikasi jenis pelayanan", "Kompetensi pelaksana", "Perilaku pelaksana",
        "Penanganan pengaduan, saran, dan masukan", "Sarana dan prasarana",
    ]  # fmt: skip


def test_the_reports_template() -> None:
    assert documents.check_file("laporan.docx", satisfaction.REPORT.read_bytes(), satisfaction.TOLD) == []


# An SOP of our own: its applicant applies, the counter gives, and the applicant receives and answers

ELEMENTS = [{**c, "validate": {"required": True}} for c in json.loads(satisfaction.FORM.read_text())["components"][:9]]
REMARK = {"type": "textarea", "key": "saran", "id": "saran", "label": "Saran"}
OF_GROUP: dict[str, Any] = {"type": "group", "id": "g", "path": "survei", "label": "Survei"}
DRAWING = 'start m\nuser isi "Isi"\nuser serah "Serahkan"\nuser terima "Terima" <{}>\nend z\nm > isi\nisi > serah\nserah > terima\nterima > z'
BOTH = (3, 4, 3, 4, 2, 3, 4, 1, 3)
STEPS = {"isi": "pemohon", "serah": "depan", "terima": "pemohon"}


def bundle(asked: list[dict[str, Any]], **properties: str) -> bundles.Bundle:
    form = {"type": "default", "id": "terima", "components": [{**OF_GROUP, "components": asked}]}
    held = lanes(("Pemohon", "m isi terima z"), ("Meja Depan", "serah"))
    held = held.replace('name="Pemohon">', f'name="Pemohon">{given(pemohon="ya")}')
    held = held.replace('name="Meja Depan">', f'name="Meja Depan">{given(loket="ya")}')
    rules = given(pembetulan="Meja Depan", pembukaan_kembali="Meja Depan", penarikan="pemohon")
    text = DRAWING.format(given(**{"formulir": "terima", "survei": "survei", **properties}))
    files = {"kartu.bpmn": draw(text, rules + held, id="kartu"), "terima.form": json.dumps(form).encode()}
    return bundles.gathered(files)[0]


def changed(number: int, **changes: Any) -> list[dict[str, Any]]:
    return [{**c, **(changes if n == number else {})} for n, c in enumerate(ELEMENTS)]


ONE_TO_THREE = [{"label": str(n), "value": str(n)} for n in (1, 2, 3)]
FINDINGS: dict[str, tuple[list[dict[str, Any]], dict[str, str], list[tuple[str, str]]]] = {
    "nine": ([*ELEMENTS, REMARK], {}, []),
    "eight": (ELEMENTS[:8], {}, [("error", "Survei pada langkah “Terima”: terima.form memuat 8 pertanyaan pilihan di bawah kunci survei; unsurnya sembilan, berurutan.")]),
    "elsewhere": (ELEMENTS, {"survei": "kuesioner"}, [("error", "Survei pada langkah “Terima”: terima.form memuat 0 pertanyaan pilihan di bawah kunci kuesioner; unsurnya sembilan, berurutan.")]),
    "1 to 3": (changed(4, values=ONE_TO_THREE), {}, [("error", "Survei pada langkah “Terima”: terima.form pilihan pertanyaan ke-5 bernilai 1, 2, 3; seharusnya 1, 2, 3, 4.")]),
    "optional": (changed(0, validate={}), {}, [("warning", "Survei pada langkah “Terima”: terima.form pertanyaan ke-1 tidak wajib; survei yang tidak lengkap tidak dihitung.")]),
    "no form": (ELEMENTS, {"formulir": ""}, [("error", "Langkah “Terima” menyebut survei survei, tetapi tidak mempunyai formulir.")]),
}  # fmt: skip


@pytest.mark.parametrize("case", FINDINGS)
def test_findings(case: str) -> None:
    asked, properties, expected = FINDINGS[case]
    _, found = checks.check(bundle(asked, **properties))
    assert [(f.level, f.message) for f in found if f.rule == "survei"] == expected


@pytest.mark.parametrize("sop", sops.KEYS)
def test_the_sops_that_have_applicants_ask(sop: str) -> None:
    definition = sops.definition(sop)
    asking = [step for step in definition.steps.values() if step.properties.get("survei")]
    assert bool(asking) == (definition.applicant_lane is not None)


def installed(office: Office) -> None:
    with office.work() as ctx:
        revisions.install(ctx, bundle([*ELEMENTS, REMARK]), "uji", "uji")
        people.grant(ctx, people.new_person(ctx, "depan", PASSWORD, full_name="Petugas Depan"), "Meja Depan")


def answers(values: tuple[int, ...] = BOTH, saran: str = "") -> dict[str, Any]:
    named = {f"u{n}": str(value) for n, value in enumerate(values, 1)}
    return {"survei": {**named, **({"saran": saran} if saran else {})}}


def applied(office: Office, *steps: str) -> int:
    """A case with these steps done."""
    with office.work() as ctx:
        case_id = cases.open_case(ctx, office.actor(ctx, "pemohon"), "kartu").id
    for step in steps:
        did(office, case_id, step)
    return case_id


def did(office: Office, case_id: int, step: str, typed: dict[str, Any] | None = None, who: str = "") -> None:
    office.later(minutes=5)
    with office.work() as ctx:
        task = ctx.session.scalars(select(Task).where(Task.case_id == case_id, Task.closed_at.is_(None))).one()
        assert task.step == step
        typed = typed or (answers() if step == "terima" else {})
        cases.complete(ctx, office.actor(ctx, who or STEPS[step]), task.id, typed)


def kept(office: Office) -> list[tuple[int | None, str, tuple[int, ...], str, int | None]]:
    """Every answer: of which case, from where, what, and who entered it."""
    with office.look() as ctx:
        rows = ctx.session.scalars(select(Survey).order_by(Survey.id)).all()
        return [(r.case_id, r.source, *astuple(satisfaction.kept(r)), r.entered_by_id) for r in rows]


def astuple(answer: Answer) -> tuple[tuple[int, ...], str]:
    return answer.values, answer.remark


def proven(office: Office, case_id: int) -> list[Any]:
    with office.look() as ctx:
        return list(audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings)


def test_a_step_that_asks(office: Office) -> None:
    """Its answer counts at once; taken back it does not, and done again it counts once."""
    installed(office)
    case_id = applied(office, "isi", "serah")
    assert kept(office) == []
    did(office, case_id, "terima", answers(saran=" Ruang tunggu panas. "))
    assert kept(office) == [(case_id, "langkah", BOTH, "Ruang tunggu panas.", None)]
    assert proven(office, case_id) == []
    with office.work() as ctx:
        cases.reopen(ctx, office.actor(ctx, "depan"), case_id, "Keliru.")
    assert (kept(office), proven(office, case_id)) == ([], [])
    with office.work() as ctx:
        assert cases.surveys.asked(ctx, satisfaction.code(ctx, case_id)).open
        cases.surveys.answer(ctx, satisfaction.code(ctx, case_id), answers((1,) * 9)["survei"])
    did(office, case_id, "terima", answers((4,) * 9))
    assert (kept(office), proven(office, case_id)) == ([(case_id, "langkah", (4,) * 9, "", None)], [])
    with office.work() as ctx:
        cases.correct(ctx, office.actor(ctx, "depan"), case_id, "terima", answers((2,) * 9), "Salah ketik.")
    assert kept(office) == [(case_id, "langkah", (4,) * 9, "", None)]  # an official does not change what people say
    with office.work() as ctx:
        ctx.session.scalars(select(Survey)).one().u1 = 1
    assert proven(office, case_id) == ["Jawaban survei yang dihitung bukan yang diisi pada langkahnya."]


def test_a_step_taken_back_by_whom_did_it(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi", "serah", "terima")
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "pemohon"), case_id)
    assert (kept(office), proven(office, case_id)) == ([], [])


def test_an_officer_who_answers_for_a_walk_in_is_named(office: Office) -> None:
    installed(office)
    with office.work() as ctx:
        officer = office.person(ctx, "depan").id
        case_id = cases.open_case(ctx, office.actor(ctx, "depan"), "kartu", on_behalf_of="Bu Tuti").id
    for step in STEPS:
        did(office, case_id, step, who="depan")
    assert kept(office) == [(case_id, "langkah", BOTH, "", officer)]


# On a telephone


def address(office: Office, case_id: int) -> str:
    with office.look() as ctx:
        whole = satisfaction.link(ctx, case_id)
        frozen = papers.frozen(ctx, ctx.session.get_one(Case, case_id))["permohonan"]
        assert frozen["tautan_survei"] == whole
        assert frozen["nomor_lacak"].lower() not in whole
        return whole.removeprefix(office.settings.url)


def typed(values: tuple[int, ...] = BOTH, **rest: str) -> dict[str, str]:
    return {**{f"/u{n}": str(value) for n, value in enumerate(values, 1)}, **rest}


def test_on_a_telephone(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi")
    path, phone = address(office, case_id), office.client()
    early = phone.get(path)
    assert (early.status_code, "Survei ini dibuka ketika" in words(early), "/u1" in early.text) == (200, True, False)
    phone.post(path, data=typed())
    assert kept(office) == []
    did(office, case_id, "serah")  # the hand-over is reached
    page = phone.get(path)
    assert page.text.count('type="radio"') == 36
    assert "Andi" not in page.text  # nobody is named
    wrong = phone.post(path, data={**typed(), "/u3": "", "/u5": "5", "/saran": "Bagus <b>"})
    assert (wrong.status_code, "Pertanyaan 3 belum dijawab." in words(wrong)) == (422, True)
    assert ("Pertanyaan 5 belum dijawab." in words(wrong), "Bagus &lt;b&gt;" in wrong.text) == (True, True)
    assert (wrong.text.count(" checked"), kept(office)) == (7, [])
    done = phone.post(path.upper().replace("/SURVEI", "/survei"), data=typed(**{"/saran": "Bagus"}))
    assert done.status_code == 303
    assert "Terima kasih." in words(phone.get(path))
    phone.post(path, data=typed((1,) * 9))  # once: whoever finds the paper changes nothing
    assert kept(office) == [(case_id, "gawai", BOTH, "Bagus", None)]
    assert proven(office, case_id) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_address_cannot_be_guessed(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi", "serah")
    path, phone = address(office, case_id), office.client()
    other = applied(office, "isi", "serah")
    last = "a" if path[-1] != "a" else "b"
    tries = [
        path[:-1] + last,
        path.replace(f"{case_id}-", f"{other}-"),
        f"/survei/{case_id}",
        "/survei/9999999999-" + "a" * 12,
    ]
    for wrong in tries:
        assert [phone.get(wrong).status_code, phone.post(wrong, data=typed()).status_code] == [404, 404], wrong
    for _ in range(12):
        assert phone.get(tries[0]).status_code == 404
    assert [phone.get(tries[0]).status_code, phone.post(tries[0]).status_code] == [429, 429]
    assert phone.get(path).status_code == 200  # whoever has it is let in all the same
    office.at(office.now + timedelta(minutes=20))
    assert phone.get(tries[0]).status_code == 404
    with office.look() as ctx:
        changed_key = replace(ctx, settings=replace(office.settings, secret_key="lain"))  # noqa: S106
        assert satisfaction.coded(changed_key, path.rpartition("/")[2]) is None


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_case_that_ended_early_may_be_judged_and_one_without_an_applicant_may_not(office: Office) -> None:
    installed(office)
    case_id = applied(office)
    with office.work() as ctx:
        cases.end(ctx, office.actor(ctx, "pemohon"), case_id, "withdraw", "Batal.")
    assert office.client().post(address(office, case_id), data=typed()).status_code == 303
    assert [source for _, source, *_ in kept(office)] == ["gawai"]
    with office.work() as ctx:
        destroyed = applied(office)
        ctx.session.get_one(Case, destroyed).destroyed_at = ctx.now
    assert office.client().get(address(office, destroyed)).status_code == 404


# From paper

PAPER = {"layanan": "kartu", "tanggal": "2026-11-20", "jawaban": "343423413", "nomor": "", "saran": ""}
PAPERS: list[tuple[dict[str, str], str, str]] = [  # what is typed, at which field the fault is, its words
    ({"jawaban": ""}, "jawaban", "Tulis sembilan angka, satu untuk setiap unsur; yang tertulis 0."),
    ({"jawaban": "3434234133"}, "jawaban", "yang tertulis 10."),
    ({"jawaban": "343453413"}, "jawaban", "Tanda ke-5, “5”, bukan angka 1 sampai 4."),
    ({"jawaban": "34342341o"}, "jawaban", "Tanda ke-9, “o”, bukan angka 1 sampai 4."),
    ({"jawaban": "٣٤٣٤٢٣٤١٣"}, "jawaban", "Tanda ke-1"),
    ({"tanggal": "kemarin"}, "tanggal", "Tulis tanggal pada kertasnya."),
    ({"tanggal": "2026-11-24"}, "tanggal", "belum tiba"),
    ({"tanggal": "2016-11-20"}, "tanggal", "terlalu lama"),
    ({"layanan": "tidak-ada"}, "layanan", "Pilih layanannya."),
    ({"nomor": "2026/999999"}, "nomor", "Tidak ada permohonan layanan ini"),
    ({"saran": "x" * 1001}, "saran", "Saran paling panjang 1000 huruf."),
]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_papers_that_are_refused(office: Office) -> None:
    installed(office)
    officer = office.client("depan")
    for change, field, said in PAPERS:
        page = officer.post("/laporan/survei/kertas", data={**PAPER, **change})
        assert (page.status_code, f'<a href="#{field}">' in page.text, said in words(page)) == (422, True, True), change
        assert page.text.count('<li><a href="#') == 1, change
        if field not in ("layanan", "saran"):
            assert f'value="{change[field]}"' in page.text, change
    assert kept(office) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_nothing_is_said_any_more_of_what_was_destroyed(office: Office) -> None:
    """What somebody wrote beside it would never be destroyed."""
    installed(office)
    case_id = applied(office, "isi", "serah")
    path = address(office, case_id)
    with office.work() as ctx:
        case = ctx.session.get_one(Case, case_id)
        case.destroyed_at, number = ctx.now, case.number
    page = office.client("depan").post("/laporan/survei/kertas", data={**PAPER, "nomor": number})
    assert (page.status_code, "sudah dimusnahkan" in words(page)) == (422, True)
    assert office.client().post(path, data=typed()).status_code == 404
    assert kept(office) == []


def test_a_stack_of_papers(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi", "serah")
    with office.look() as ctx:
        number, me = ctx.session.get_one(Case, case_id).number, office.person(ctx, "depan").id
    officer, path = office.client("depan"), "/laporan/survei/kertas"
    for change in ({}, {"jawaban": "3 4 3, 4 2 3 4 1 3", "saran": "Baik."}, {"nomor": f" {number} "}):
        done = officer.post(path, data={**PAPER, **change})
        assert done.location == f"{path}?layanan=kartu&tanggal=2026-11-20"
    assert 'value="2026-11-20"' in officer.get(done.location).text
    again = officer.post(path, data={**PAPER, "nomor": number})
    assert (again.status_code, "sudah tercatat" in words(again)) == (422, True)
    rows = [(None, "kertas", BOTH, "", me), (None, "kertas", BOTH, "Baik.", me), (case_id, "kertas", BOTH, "", me)]
    assert kept(office) == rows
    with office.look() as ctx:
        first = ctx.session.scalars(select(Survey).order_by(Survey.id)).all()[0]
        assert first.at == datetime(2026, 11, 19, 16, tzinfo=UTC)  # the day began in the office
    assert office.client(office.counter).post(f"{path}/{first.id}/hapus").status_code == 404
    assert officer.post(f"{path}/{first.id}/hapus").status_code == 303
    assert officer.post(f"{path}/{first.id}/hapus").status_code == 404
    assert kept(office) == rows[1:]
    with office.look() as ctx:
        trace = ctx.session.scalars(select(Access.detail).where(Access.what == "survei-dihapus")).all()
    assert trace == ["kartu 2026-11-20 343423413"]


# Counted and reported


def test_counted_as_the_regulation_says(office: Office) -> None:
    """Against fractions, over random answers."""
    installed(office)
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    period = Period.read("2026-S2")
    assert period is not None
    given_: dict[tuple[bool, str], list[tuple[int, ...]]] = {}
    with office.work() as ctx:
        for _ in range(400):
            sop = chance.choice(["kartu", office.sop, "lama"])
            day = chance.choice([period.before.first, period.before.last, period.first, period.last])
            hour = chance.choice([timedelta(), timedelta(hours=23, minutes=59)])
            values = tuple(chance.randint(1, 4) for _ in range(9))
            at = datetime(day.year, day.month, day.day, tzinfo=office.settings.zone) + hour
            satisfaction.keep(ctx, Answer(values), sop=sop, source=chance.choice(satisfaction.SOURCES), at=at)
            given_.setdefault((day >= period.first, sop), []).append(values)
        for day in (period.before.first - timedelta(days=1), period.last + timedelta(days=1)):
            at = datetime(day.year, day.month, day.day, tzinfo=office.settings.zone)  # the very instant it is over
            satisfaction.keep(ctx, Answer((1,) * 9), sop="kartu", source="kertas", at=at)
        found = satisfaction.summary(ctx, period, None)
        one = satisfaction.summary(ctx, period, {"kartu"})
    counted = {
        (now, sop): tally for now, side in ((True, found.now), (False, found.before)) for sop, tally in side.items()
    }
    assert {key: tally.count for key, tally in counted.items()} == {key: len(rows) for key, rows in given_.items()}
    for key, rows in given_.items():
        means = [Fraction(sum(column), len(rows)) for column in zip(*rows, strict=True)]
        exact = sum(mean * Fraction(1, 9) for mean in means) * 25
        assert counted[key].sums == tuple(map(sum, zip(*rows, strict=True)))
        index = counted[key].index
        assert index is not None
        assert index == Decimal(index).quantize(Decimal("0.01"))
        assert Fraction(-1, 200) <= exact - Fraction(index) < Fraction(1, 200)  # halves up
        assert sum(counted[key].sources) == len(rows)
    assert one.whole == found.now["kartu"]
    assert found.whole.count == sum(tally.count for tally in found.now.values())


def golden(office: Office, sop: str, at: datetime | None = None) -> None:
    """Ten answers whose means are those of the regulation's example."""
    sums = (32, 34, 31, 39, 33, 35, 36, 34, 30)
    with office.work() as ctx:
        for n in range(10):
            values = tuple(total // 10 + (n < total % 10) for total in sums)
            remark = "=1+1" if n == 0 else "Ruang tunggu <panas> & sempit." if n == 1 else ""
            satisfaction.keep(ctx, Answer(values, remark), sop=sop, source="kertas", at=at)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_report(office: Office) -> None:
    installed(office)
    golden(office, "kartu")
    golden(office, office.sop, MONDAY - timedelta(days=200))
    mine = office.client("depan")
    page = words(mine.get("/laporan/survei?layanan=kartu"))
    assert "84,44 mutu B, Baik" in page
    assert "10 jawaban" in page
    assert (
        "Yang paling perlu diperbaiki: Sarana dan prasarana (3,00); Waktu penyelesaian (3,10); Persyaratan (3,20)."
        in page
    )
    assert "Semester I 2026: belum ada jawaban." in page
    assert "Ruang tunggu <panas> & sempit." in page
    assert "1 Persyaratan terendah 3,20 80,00 B Baik – " in page
    everything = words(office.client("auditor").get("/laporan/survei?periode=2026"))
    assert "20 jawaban" in everything
    assert "Menurut layanan" in everything
    before = words(office.client("auditor").get("/laporan/survei"))
    assert "Semester I 2026: 84,44, mutu B (Baik); berubah 0,00." in before
    assert "Belum ada jawaban" in words(mine.get("/laporan/survei?dari=2026-01-01&sampai=2026-01-31"))
    wrong = words(mine.get("/laporan/survei?dari=2026-03-01&sampai=2026-02-01"))
    assert "Tanggal ini mendahului tanggal mulainya." in wrong
    for odd in ("dari=x&sampai=", "periode=2026-S9", "dari=0001-01-01&sampai=9999-12-31"):
        assert mine.get(f"/laporan/survei?{odd}").status_code == 200


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_who_reads_the_report(office: Office) -> None:
    """Officers read their services' answers, nobody else's; the public reads none."""
    installed(office)
    golden(office, "kartu")
    paths = [
        "/laporan/survei?layanan=kartu",
        "/laporan/survei.docx?layanan=kartu",
        "/laporan/survei.xlsx?layanan=kartu",
        "/laporan/survei/kertas",
    ]
    seen = {
        who: [office.client(who).get(path).status_code for path in paths]
        for who in ("depan", "auditor", "pemilik", office.counter, "pemohon", "luar")
    }
    assert seen == {
        "depan": [200, 200, 200, 200], "auditor": [200, 200, 200, 403], "pemilik": [200, 200, 200, 403],
        office.counter: [404, 404, 404, 200], "pemohon": [403] * 4, "luar": [403] * 4,
    }  # fmt: skip
    assert [office.client().get(path).status_code for path in paths] == [302] * 4
    others = words(office.client(office.counter).get("/laporan/survei"))
    assert "Belum ada jawaban pada periode ini." in others


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_report_as_files(office: Office) -> None:
    installed(office)
    golden(office, "kartu")
    client = office.client("depan")
    sent = client.get("/laporan/survei.docx")
    assert "filename=ikm-2026-S2.docx" in sent.headers["Content-Disposition"]
    text = re.sub(r"\s+", " ", paper_words(sent.data))
    for part in (
        "LAPORAN SURVEI KEPUASAN MASYARAKATSEMESTER II TAHUN 2026", "1 Juli 2026 sampai dengan 23 November 2026",
        "10 (sepuluh)", "84,44", "Baik", "Persyaratan3,2080,00B", "Sarana dan prasarana (3,00)",
        "Ruang tunggu <panas> & sempit.", "Jumlah responden memenuhi anjuran itu.",
    ):  # fmt: skip
        assert part in text, part
    assert client.get("/laporan/survei.docx").data == sent.data
    book = openpyxl.load_workbook(io.BytesIO(client.get("/laporan/survei.xlsx").data))
    index, answered, remarks = (list(book[name].values) for name in ("IKM", "Jawaban", "Saran"))
    assert index[1][:4] == ("IKM", 84.44, "B", "Baik")
    assert index[5][:5] == (1, "Persyaratan", 3.2, 80, "B")
    assert (len(answered), answered[1][4:]) == (11, (4, 4, 4, 4, 4, 4, 4, 4, 3))
    assert [(row[2], book["Saran"].cell(n, 3).data_type) for n, row in enumerate(remarks[1:], 2)] == [
        ("Ruang tunggu <panas> & sempit.", "s"), ("=1+1", "s"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_everybody_may_see(office: Office) -> None:
    installed(office)
    with office.work() as ctx:
        for _ in range(4):
            satisfaction.keep(ctx, Answer((4,) * 9), sop="kartu", source="kertas")
    anybody = office.client()
    assert "Indeks kepuasan" not in anybody.get("/").text  # of four one could tell whose they are
    golden(office, "kartu")
    office.later(minutes=11)
    for path in ("/", "/layanan/kartu"):
        assert "88,89, mutu A (Sangat baik) · Semester II 2026 · 14 jawaban" in words(anybody.get(path)), path
    assert "Indeks kepuasan" not in anybody.get(f"/layanan/{office.sop}").text
    golden(office, "kartu", MONDAY - timedelta(days=200))
    office.later(minutes=11)
    assert "84,44, mutu B (Baik) · Semester I 2026 · 10 jawaban" in words(anybody.get("/"))  # that one is over


# Papers


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_papers_frozen_before_there_was_a_survey(office: Office) -> None:
    """The address prints where it was frozen, and nothing stands in its place where it was not."""
    installed(office)
    case_id = applied(office, "isi")
    line = documents_letter("Survei: {{ permohonan.tautan_survei }}|")
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        frozen, entries = papers.frozen(ctx, case), journal.entries(ctx, case.id)
        old = {**frozen, "permohonan": {k: v for k, v in frozen["permohonan"].items() if k != "tautan_survei"}}
        told = [
            paper_words(documents.fill(line, papers.context(ctx, loaded, entries, inputs))) for inputs in (frozen, old)
        ]
    assert [text.strip() for text in told] == [f"Survei: {office.settings.url}{address(office, case_id)}|", "Survei: |"]


def documents_letter(text: str) -> bytes:
    from tests.test_documents import letter

    return letter(text)
