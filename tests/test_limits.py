"""The clock of a case: it stands while the applicant mends, each limit passes once, a changed calendar moves dates."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import audit, bundles, calendars, cases, clock, demo, engine, journal, people, revisions, worker
from app.models import Case, ClosedDay, Task, instant
from tests import play, sops
from tests.conftest import PASSWORD, Office, login
from tests.drawn import draw, given, lanes

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
KEY = "uji"
FLOWS = """
start s
user isi "Isi"
user terima "Terima" <{terima}>
user periksa "Periksa" <{periksa}>
xor g "Lengkap?"
user bayar "Bayar" <{bayar}>
user serah "Serahkan" <{serah}>
end e
s > isi
isi > terima
terima > periksa
periksa > g
g > serah "Terima"
g > bayar "Minta bayar"
g > isi "Kembalikan"
bayar > serah
serah > e
"""
BRANCHES = """
start s
user terima "Terima" <{terima}>
and bagi
user a "Unggah" <{a}>
user b "Bayar" <{b}>
and gabung
user serah "Serahkan" <{serah}>
end e
s > terima
terima > bagi
bagi > a
bagi > b
a > gabung
b > gabung
gabung > serah
serah > e
"""
STEPS = {"terima": {"jam": "mulai", "batas": "H"}, "periksa": {"batas": "H+2"}, "bayar": {"jam": "jeda"}, "serah": {}}


def at(words: str) -> datetime:
    """A moment of November 2026 on the office's clock, as `25 10.00`; other months as `12-01 10.00`."""
    day, hour = words.split()
    return datetime.fromisoformat(f"2026-{day if '-' in day else f'11-{day}'}T{hour.replace('.', ':')}+08:00")


def draw_sop(
    office: Office, tmp_path: Path, length: str = "5 kerja", flows: str = FLOWS, **steps: dict[str, str]
) -> None:
    """Puts the small SOP in force and hires its one officer; the office closes at 16.00."""
    drawn = flows.format(**{name: given(**marks) for name, marks in {**STEPS, **steps}.items()})
    process = given(jangka_waktu=length, jam_layanan="Senin–Jumat 08.00–16.00")
    theirs = "isi bayar" if flows == FLOWS else "s a b"
    path = tmp_path / f"{KEY}.bpmn"
    rooms = lanes(("Pemohon", theirs), ("Loket", "terima periksa serah"))
    path.write_bytes(draw(drawn, process + rooms, id=KEY))
    office.at(min(office.now, at("10-26 09.00")) if flows == FLOWS else office.now)
    with office.work() as ctx:
        revisions.install(ctx, bundles.read([path])[0], "uji", "uji")
        if login("Loket") not in {p.name for p in ctx.session.scalars(select(people.Person))}:
            people.new_person(ctx, login("Loket"), PASSWORD, full_name="Petugas Loket")
        people.grant(ctx, office.person(ctx, login("Loket")), "Loket")


def go(office: Office, case_id: int, moment: str, label: str = "", step: str = "") -> None:
    """Somebody completes a step at a moment."""
    office.at(at(moment))
    with office.work() as ctx:
        open_now = play.waiting(ctx, case_id)
        task = next(task for task in open_now if step in ("", task.step))
        choice = next((way for way in cases.choices(ctx, task) if way.label == label), None)
        name = "pemohon" if task.lane.applicant else login("Loket")
        cases.complete(ctx, office.actor(ctx, name), task.id, {}, choice.id if choice else None, "alasan")


def begun(office: Office, moment: str = "23 10.00") -> int:
    """A case whose receipt was issued at this moment, a Monday unless told."""
    office.at(at(moment))
    case_id = play.apply(office, sop=KEY)
    go(office, case_id, moment)
    go(office, case_id, moment)
    return case_id


def tick(office: Office, moment: str = "") -> int:
    if moment:
        office.at(at(moment))
    return worker.once(office.settings, office.db.reading, office.db.writing)


def row(office: Office, case_id: int) -> Case:
    with office.look() as ctx:
        found = ctx.session.get_one(Case, case_id)
        assert audit.frames(ctx, found).all_findings == []
        return found


def breaches(office: Office, case_id: int) -> list[tuple[str, datetime, datetime]]:
    """Each limit that passed: its step ("" for the case's), when, and when that was recorded."""
    with office.look() as ctx:
        return [(e.step, e.at, e.recorded_at) for e in journal.entries(ctx, case_id, kind="breach")]


# the clock that stands still


@one_kind
@pytest.mark.parametrize(
    ("length", "pauses", "days", "due"),
    [
        ("5 kerja", (), 0, "30 16.00"),
        ("5 kerja", (("24 09.00", "24 15.00"),), 0, "30 16.00"),  # mended the same day
        ("5 kerja", (("24 09.00", "26 09.00"),), 2, "12-02 16.00"),
        ("5 kerja", (("27 15.00", "30 08.30"),), 1, "12-01 16.00"),  # over a weekend
        ("5 kerja", (("27 15.00", "29 20.00"),), 0, "30 16.00"),  # within it
        ("5 kerja", (("24 09.00", "25 09.00"), ("25 10.00", "27 10.00")), 3, "12-03 16.00"),  # twice
        ("5 kalender", (("27 15.00", "30 08.30"),), 1, "12-01 16.00"),  # three calendar days, one of them at work
        ("5 kalender", (("24 09.00", "25 09.00"), ("25 10.00", "28 10.00")), 3, "12-02 16.00"),
        ("", (("24 09.00", "26 09.00"),), 2, None),
    ],
)  # fmt: skip
def test_it_stands_while_the_applicant_mends(
    office: Office, tmp_path: Path, length: str, pauses: Iterable[tuple[str, str]], days: int, due: str | None
) -> None:
    draw_sop(office, tmp_path, length)
    case_id = begun(office)
    for since, until in pauses:
        go(office, case_id, since, "Kembalikan")
        assert row(office, case_id).paused_at == at(since)
        go(office, case_id, until)
        go(office, case_id, until)
    case = row(office, case_id)
    assert (case.paused_at, case.pause_days, case.due_at) == (None, days, at(due) if due else None)
    with office.look() as ctx:
        (task,) = play.waiting(ctx, case_id)
        moved = clock.step_due(
            ctx, office.definitions()[KEY], cases.step_of(ctx, task), case.clock_at, calendars.current(ctx), days
        )
        assert task.due_at == moved


@one_kind
@pytest.mark.parametrize(
    ("marks", "standing"),
    [({"bayar": {"jam": "jeda"}}, True), ({"bayar": {}}, False), ({"bayar": {"jam": "jalan"}}, False)],
)
def test_a_step_may_let_it_stand_the_first_time(
    office: Office, tmp_path: Path, marks: dict[str, Any], standing: bool
) -> None:
    draw_sop(office, tmp_path, **marks)
    case_id = begun(office)
    go(office, case_id, "24 09.00", "Minta bayar")
    assert row(office, case_id).paused_at == (at("24 09.00") if standing else None)
    go(office, case_id, "26 09.00")
    assert row(office, case_id).pause_days == (2 if standing else 0)


@one_kind
def test_it_stands_only_while_every_branch_waits_for_the_applicant(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path, flows=BRANCHES, a={"jam": "jeda"}, b={"jam": "jeda", "batas": "H+1"})
    office.at(at("23 10.00"))
    case_id = play.apply(office, sop=KEY)
    go(office, case_id, "23 10.00")
    assert row(office, case_id).paused_at == at("23 10.00")
    go(office, case_id, "24 10.00", step="a")
    assert row(office, case_id).paused_at == at("23 10.00")
    assert tick(office, "25 10.00") == 0, "no limit passes while the clock stands"
    go(office, case_id, "25 11.00", step="b")
    case = row(office, case_id)
    assert (case.paused_at, case.pause_days, case.due_at) == (None, 2, at("12-02 16.00"))
    draw_sop(office, tmp_path, flows=BRANCHES, a={"jam": "jalan"}, b={"jam": "jeda"})
    other = play.apply(office, sop=KEY)
    go(office, other, "25 12.00")
    assert row(office, other).paused_at is None
    go(office, other, "25 12.00", step="a")
    assert row(office, other).paused_at == at("25 12.00")


@one_kind
def test_an_end_is_no_pause(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    go(office, case_id, "24 09.00", "Terima")
    go(office, case_id, "12-24 09.00")
    case = row(office, case_id)
    assert (case.status, case.paused_at, case.breached_at) == ("ended", None, at("30 16.00"))
    with office.look() as ctx:
        assert clock.pauses(office.definitions()[KEY], journal.entries(ctx, case_id)) == []


# limits that pass


def test_each_limit_passes_once_and_in_order_after_downtime(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path, serah={"batas": "H+1"})
    late, early = begun(office), begun(office)
    assert tick(office, "25 15.59") == 0
    office.at(at("12-02 09.00"))
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(tick(office))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(done), tick(office)) == (4, 0)
    for case_id in (late, early):
        assert breaches(office, case_id) == [
            ("periksa", at("25 16.00"), at("12-02 09.00")), ("", at("30 16.00"), at("12-02 09.00")),
        ]  # fmt: skip
        assert row(office, case_id).breached_at == at("30 16.00")
    go(office, late, "12-02 10.00", "Terima")  # a step that opens after its limit gives no event
    assert tick(office, "12-10 09.00") == 0
    row(office, late)


@one_kind
def test_whoever_comes_first_records_what_has_passed(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    go(office, case_id, "12-01 08.00", "Kembalikan")
    with office.look() as ctx:
        told = [(e.kind, e.step) for e in journal.entries(ctx, case_id)][-3:]
    assert told == [("breach", "periksa"), ("breach", ""), ("complete", "periksa")]
    go(office, case_id, "12-04 08.00")  # three days were given back
    case = row(office, case_id)
    assert (case.breached_at, case.due_at) == (None, None) or (case.breached_at, case.due_at) == (
        at("30 16.00"), at("12-03 16.00"),
    )  # fmt: skip
    assert tick(office, "12-10 08.00") == 0


@one_kind
def test_a_limit_and_a_timer_at_the_same_moment(office: Office, tmp_path: Path) -> None:
    flows = FLOWS.replace(
        "end e\n", "end e\nend gugur\nboundary t attachedToRef=periksa ~date=2026-11-25T16:00:00\n"
    ).replace("serah > e", "serah > e\nt > gugur")  # fmt: skip
    draw_sop(office, tmp_path, flows=flows)
    office.at(at("23 10.00"))
    case_id = play.apply(office, sop=KEY)
    with office.work() as ctx:
        ctx.session.get_one(Case, case_id)
    for _ in range(2):
        with office.work() as ctx:
            task = play.waiting(ctx, case_id)[0]
            name = "pemohon" if task.lane.applicant else login("Loket")
            cases.complete(ctx, office.actor(ctx, name), task.id, {})
    assert tick(office, "25 16.00") == 2
    with office.look() as ctx:
        assert [e.kind for e in journal.entries(ctx, case_id)][-2:] == ["breach", "timer"]
    row(office, case_id)


@one_kind
def test_a_limit_that_passed_while_the_clock_stood(office: Office, tmp_path: Path) -> None:
    """Mended on the day on which it was due, after the office had closed: nothing was given back."""
    draw_sop(office, tmp_path)
    case_id = begun(office)
    go(office, case_id, "30 10.00", "Kembalikan")
    assert tick(office, "30 17.00") == 0
    go(office, case_id, "30 18.00")
    assert tick(office) == 1
    assert breaches(office, case_id)[-1] == ("", at("30 16.00"), at("30 18.00"))
    row(office, case_id)


@one_kind
def test_a_clock_that_jumps_back(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    assert tick(office, "12-01 09.00") == 2
    go(office, case_id, "24 09.00", "Kembalikan")
    go(office, case_id, "23 09.00")
    go(office, case_id, "23 09.30")
    assert tick(office, "12-01 09.00") == 1, "the new round of a step has a limit of its own"
    assert [step for step, *_ in breaches(office, case_id)] == ["periksa", "", "periksa"]
    go(office, case_id, "20 09.00", "Terima")
    go(office, case_id, "19 09.00")
    row(office, case_id)


@one_kind
@pytest.mark.parametrize(
    ("body", "step", "moment", "words"),
    [
        ({"due": instant(at("30 16.00"))}, "", "24 16.00", "bukan yang berlaku pada saat itu"),
        ({"token": "999"}, "periksa", "24 16.00", "tidak terbuka pada saat itu"),
        ({"token": "999"}, "periksa", "12-24 16.00", "tercatat sebelum terlampaui"),
    ],
)
def test_a_false_breach_is_found(
    office: Office, tmp_path: Path, body: dict[str, Any], step: str, moment: str, words: str
) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    office.at(at("24 17.00"))
    with office.work() as ctx:
        case = cases.locked(ctx, case_id)
        assert case is not None
        changes = {} if step else {"breached_at": at(moment)}
        journal.append(ctx, case, "breach", body, step=step, at=at(moment), changes=changes)
    with office.look() as ctx:
        assert words in "\n".join(audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings)


@one_kind
def test_a_missing_or_second_breach_is_found(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    silent, twice = begun(office), begun(office)
    office.at(at("12-01 08.00"))
    with office.work() as ctx:
        ctx.session.get_one(Case, silent).next_due = None
    assert tick(office) == 2
    with office.work() as ctx:
        case = cases.locked(ctx, twice)
        assert case is not None
        (first, _) = journal.entries(ctx, twice, kind="breach")
        journal.append(ctx, case, "breach", first.body, step=first.step, lane=first.lane, at=first.at)
    go(office, silent, "12-01 09.00", "Terima")
    with office.look() as ctx:
        told = [audit.frames(ctx, ctx.session.get_one(Case, one)).all_findings for one in (silent, twice)]
    assert "Batas waktu permohonan sudah terlampaui sebelumnya, tetapi tidak tercatat." in told[0][0]
    assert "Batas waktu yang sama tercatat terlampaui dua kali." in told[1][0]


@one_kind
def test_a_case_that_was_over_stood_still_until_it_was_reopened(office: Office, tmp_path: Path) -> None:
    """By the journal alone: it ended while it stood, and was reopened into the applicant's hands."""
    draw_sop(office, tmp_path)
    definition = office.definitions()[KEY]
    told: list[tuple[str, str, str, dict[str, Any]]] = [
        ("start", "20 10.00", "", {"opened": [["1", "isi", 1]]}),
        ("complete", "20 11.00", "isi", {"token": "1", "opened": [["2", "terima", 1]]}),
        ("complete", "23 10.00", "terima", {"token": "2", "opened": [["3", "periksa", 1]]}),
        ("complete", "24 10.00", "periksa", {"token": "3", "opened": [["4", "isi", 2]]}),
        ("lapse", "25 10.00", "", {"closed": ["4"], "ended": True}),
        ("reopen", "27 10.00", "", {"opened": [["5", "isi", 3]]}),
        ("complete", "30 10.00", "isi", {"token": "5", "opened": [["6", "periksa", 2]]}),
        ("refuse", "12-01 10.00", "", {"closed": ["6"], "ended": True}),
        ("reopen", "12-03 10.00", "", {"opened": [["7", "periksa", 3]]}),
        ("withdraw", "12-04 10.00", "", {"closed": ["7"], "ended": True}),
    ]
    entries = [
        journal.Entry(seq, at(moment), at(moment), None, "", "", kind, step, "", body, b"", None, False)
        for seq, (kind, moment, step, body) in enumerate(told, 1)
    ]
    found = clock.pauses(definition, entries)
    assert [(pause.since, pause.until, pause.steps) for pause in found] == [
        (at("24 10.00"), at("30 10.00"), ("isi",)), (at("12-01 10.00"), at("12-03 10.00"), ()),
    ]  # fmt: skip
    with office.look() as ctx:
        days = [clock.granted(ctx, found, unit, calendars.current(ctx)) for unit in ("kerja", "kalender")]
    assert days == [6, 8]


# a changed calendar


def close(office: Office, day: str, closed: bool | None = True, reason: str = "Cuti bersama") -> None:
    with office.work() as ctx:
        calendars.change(ctx, date.fromisoformat(day), closed, reason, "SKB 3 Menteri")


def test_a_day_that_is_closed_late_moves_due_dates(office: Office, tmp_path: Path) -> None:
    """A day off in August that was declared eleven days ahead."""
    draw_sop(office, tmp_path, serah={"batas": "H+4"})
    ended, moved, still = (begun(office) for _ in range(3))
    go(office, still, "23 11.00", "Kembalikan")
    go(office, ended, "23 11.00", "Terima")
    go(office, ended, "23 11.00")
    office.at(at("24 09.00"))
    close(office, "2026-11-25")
    assert tick(office) == 2
    assert tick(office) == 0
    assert row(office, ended).due_at == at("30 16.00")
    assert row(office, still).due_at == at("12-01 16.00")
    case = row(office, moved)
    assert case.due_at == at("12-01 16.00")
    with office.look() as ctx:
        (event,) = journal.entries(ctx, moved, kind="calendar")
        assert (event.at, dict(event.body)) == (
            at("24 09.00"),
            {"due": instant(at("12-01 16.00")), "was": instant(at("30 16.00")), "version": 1, "pause_days": 0},
        )
        (task,) = play.waiting(ctx, moved)
        assert (task.due_at, task.rank) == (at("26 16.00"), instant(at("26 16.00")))
        lines = clock.explained(ctx, case, office.definitions()[KEY], journal.entries(ctx, moved))
    assert lines == [
        "H: Senin, 23 November 2026, hari tanda terima terbit",
        "Jangka waktu: 5 hari kerja sesudah H",
        "Libur: 25 November 2026, Cuti bersama (SKB 3 Menteri)",
        "Sabtu dan Minggu tidak dihitung: 2 hari",
        "Kalender kantor berubah pada 24 November 2026: jatuh tempo bergeser dari 30 November 2026 ke 1 Desember 2026",
        "Maka jatuh tempo Selasa, 1 Desember 2026",
    ]
    assert tick(office, "25 17.00") == 0
    assert tick(office, "26 17.00") == 1
    close(office, "2026-11-25", None)
    assert tick(office) == 2
    assert row(office, moved).due_at == at("30 16.00")


@one_kind
def test_what_nothing_moves_only_learns_the_version(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    close(office, "2026-12-14")
    assert tick(office) == 0
    case = row(office, case_id)
    assert (case.calendar, case.seq) == (1, 3)
    with office.look() as ctx:
        assert calendars.progress(ctx) == (1, 0)


@one_kind
def test_a_breach_stays_and_may_come_again(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    assert tick(office, "12-01 09.00") == 2
    close(office, "2026-11-30")
    close(office, "2026-11-27")
    assert tick(office) == 1
    case = row(office, case_id)
    assert (case.breached_at, case.due_at, case.next_due) == (None, at("12-02 16.00"), at("12-02 16.00"))
    assert tick(office, "12-02 17.00") == 1
    assert [moment for step, moment, _ in breaches(office, case_id) if not step] == [at("30 16.00"), at("12-02 16.00")]
    row(office, case_id)


@one_kind
def test_a_pause_is_counted_anew(office: Office, tmp_path: Path) -> None:
    draw_sop(office, tmp_path)
    case_id = begun(office)
    go(office, case_id, "24 09.00", "Kembalikan")
    go(office, case_id, "26 09.00")
    assert row(office, case_id).pause_days == 2
    close(office, "2026-11-25")
    assert tick(office) == 0 or row(office, case_id).due_at == at("12-02 16.00")
    case = row(office, case_id)
    assert (case.pause_days, case.due_at) == (1, at("12-02 16.00"))


@one_kind
def test_a_calendar_without_working_days(office: Office, tmp_path: Path) -> None:
    """It cannot be made by an edit; whoever writes it into the table stops no case."""
    draw_sop(office, tmp_path)
    with office.work() as ctx:
        day = date(2026, 1, 1)
        while day < date(2040, 1, 1):
            ctx.session.add(ClosedDay(day=day, closed=True, reason="Tutup"))
            day += timedelta(days=1)
    case_id = begun(office)
    case = row(office, case_id)
    assert (case.due_at, case.next_due) == (None, None)
    with office.look() as ctx:
        lines = clock.explained(ctx, case, office.definitions()[KEY], journal.entries(ctx, case_id))
    assert lines[-1] == "Kalender tidak menyisakan hari kerja, sehingga batas waktu tidak dapat dihitung."


@one_kind
def test_the_last_working_day_of_a_year_stays(office: Office) -> None:
    with office.work() as ctx:
        calendar = calendars.current(ctx)
        days = [date(2027, 1, 1) + timedelta(days=n) for n in range(365)]
        working = [day for day in days if calendar.shut(day) is None]
        for day in working[:-1]:
            ctx.session.add(ClosedDay(day=day, closed=True, reason="Tutup"))
    with office.work() as ctx, pytest.raises(calendars.Refused, match="Tahun 2027 tidak akan punya hari kerja"):
        calendars.change(ctx, working[-1], True, "Tutup", "Keputusan")


# whatever is played, the columns are those that the journal gives


@one_kind
@pytest.mark.parametrize("sop", sops.KEYS)
@pytest.mark.parametrize("seed", range(4))
def test_columns_are_what_the_journal_gives(office: Office, seed: int) -> None:
    """Random walks with long waits, days closed and opened meanwhile, a worker that comes when it comes."""
    chance = random.Random(seed)
    case_id = play.apply(office)
    for _ in range(60):
        office.later(minutes=chance.choice([5, 40, 200, 1500, 3000, 5000]))
        if chance.random() < 0.3:
            tick(office)
        if chance.random() < 0.15:
            day = office.now.date() + timedelta(days=chance.randint(-4, 6))
            with office.work() as ctx:
                calendars.change(ctx, day, chance.random() < 0.8, "Sebab", f"Surat {chance.random()}")
            tick(office)
        with office.work() as ctx:
            case = cases.locked(ctx, case_id)
            assert case is not None
            cases.fire_due(ctx, case)
        with office.work() as ctx:
            open_now = play.waiting(ctx, case_id)
            if not open_now:
                break
            task = chance.choice(open_now)
            ways = cases.choices(ctx, task)
            back = [way for way in ways if way.returns]
            choice = chance.choice(back if back and chance.random() < 0.5 else ways) if ways else None
            demo.complete(ctx, play.performer(office, ctx, task), task, seed=seed, choice=choice)
        agree(office, case_id)
    tick(office)
    agree(office, case_id)


def agree(office: Office, case_id: int) -> None:
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        definition, entries, calendar = loaded.definition, journal.entries(ctx, case_id), calendars.current(ctx)
        proof = audit.frames(ctx, case)
        assert proof.all_findings == []
        if case.clock_at is None or case.status != "open":
            return
        stood = clock.pauses(definition, entries)
        days = clock.granted(ctx, stood, "kerja", calendar)
        due = clock.case_due(ctx, definition, case.clock_at, calendar, days)
        assert (case.pause_days, case.due_at) == (days, due)
        assert case.paused_at == next((pause.since for pause in stood if pause.until is None), None)
        open_now, _timer = engine.pending(definition, case.state or b"")
        tasks = ctx.session.scalars(select(Task).where(Task.case_id == case_id, Task.closed_at.is_(None))).all()
        assert {task.token for task in tasks} == {one.token for one in open_now}
        for task in tasks:
            assert task.due_at == clock.step_due(
                ctx, definition, definition.steps[task.step], case.clock_at, calendar, days
            )
