from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import worktime
from app.worktime import Calendar, due_date

WITA = ZoneInfo("Asia/Makassar")
LEBARAN_2017 = (
    "2017-06-23: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2017-06-26: libur, Hari kedua dari Hari Raya Idul Fitri",
    "2017-06-27: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2017-06-28: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2017-06-29: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2017-06-30: libur, Cuti Bersama Hari Raya Idul Fitri",
)
NYEPI_LEBARAN_2025 = (
    "2025-03-28: libur, Cuti Bersama Hari Suci Nyepi",
    "2025-03-31: libur, Hari Raya Idul Fitri",
    "2025-04-01: libur, Hari kedua dari Hari Raya Idul Fitri",
    "2025-04-02: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2025-04-03: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2025-04-04: libur, Cuti Bersama Hari Raya Idul Fitri",
    "2025-04-07: libur, Cuti Bersama Hari Raya Idul Fitri",
)


@pytest.mark.parametrize(
    ("start", "n", "unit", "due", "rules"),
    [
        ("2017-06-22", 1, "kerja", "2017-07-03", (*LEBARAN_2017, "Sabtu dan Minggu: 4 hari")),
        ("2017-06-22", 3, "kerja", "2017-07-05", (*LEBARAN_2017, "Sabtu dan Minggu: 4 hari")),
        ("2017-06-22", 7, "kerja", "2017-07-11", (*LEBARAN_2017, "Sabtu dan Minggu: 6 hari")),
        ("2017-06-22", 7, "kalender", "2017-06-29", ("2017-06-29: kantor tutup, Cuti Bersama Hari Raya Idul Fitri",)),
        ("2025-03-27", 1, "kerja", "2025-04-08", (*NYEPI_LEBARAN_2025, "Sabtu dan Minggu: 4 hari")),
        ("2025-03-27", 7, "kerja", "2025-04-16", (*NYEPI_LEBARAN_2025, "Sabtu dan Minggu: 6 hari")),
        (
            "2025-08-15", 1, "kerja", "2025-08-19",
            ("2025-08-18: libur, Cuti Bersama Hari Kemerdekaan Republik Indonesia", "Sabtu dan Minggu: 2 hari"),
        ),
        ("2026-11-23", 3, "kerja", "2026-11-26", ()),
        ("2026-11-21", 0, "kerja", "2026-11-21", ()),
        ("2026-11-20", 1, "kalender", "2026-11-21", ("2026-11-21: kantor tutup, Sabtu dan Minggu",)),
    ],
)  # fmt: skip
def test_due(start: str, n: int, unit: str, due: str, rules: tuple[str, ...]) -> None:
    assert due_date(date.fromisoformat(start), n, unit, Calendar()) == (date.fromisoformat(due), rules)


@pytest.mark.parametrize(
    ("own", "due", "rules"),
    [
        ({"2026-11-24": (True, "Banjir")}, "2026-11-25", ("2026-11-24: libur, Banjir",)),
        ({"2026-11-24": (False, "Tetap buka")}, "2026-11-24", ()),
        ({"2026-11-28": (True, "Pemeliharaan")}, "2026-11-24", ()),
    ],
)
def test_the_office_closes_a_day(own: dict[str, tuple[bool, str]], due: str, rules: tuple[str, ...]) -> None:
    calendar = Calendar({date.fromisoformat(day): says for day, says in own.items()})
    assert due_date(date(2026, 11, 23), 1, "kerja", calendar) == (date.fromisoformat(due), rules)


def test_the_office_opens_a_day() -> None:
    calendar = Calendar({date(2025, 8, 16): (False, "Hari kerja pengganti")})
    assert due_date(date(2025, 8, 15), 1, "kerja", calendar) == (
        date(2025, 8, 16), ("2025-08-16: hari kerja, Hari kerja pengganti",),
    )  # fmt: skip


@pytest.mark.parametrize(("n", "unit"), [(-1, "kerja"), (1, "minggu"), (1, "")])
def test_not_a_number_of_days(n: int, unit: str) -> None:
    with pytest.raises(ValueError, match="not a number of days"):
        due_date(date(2026, 1, 1), n, unit, Calendar())


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        ("2026-11-23", "2026-11-23T19:00:00+08:00"),  # Monday
        ("2026-11-26", "2026-11-26T19:00:00+08:00"),  # Thursday
        ("2026-11-27", "2026-11-27T11:00:00+08:00"),  # Friday
        ("2026-11-28", "2026-11-28T19:00:00+08:00"),  # Saturday has no hours of its own
    ],
)
def test_closing(day: str, closes: str) -> None:
    assert worktime.closing(date.fromisoformat(day), WITA).isoformat() == closes


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-11-23T10:00", "2026-11-23T10:30", 30),
        ("2026-11-23T18:30", "2026-11-24T08:30", 60),
        ("2026-11-27T10:00", "2026-11-30T09:00", 120),  # over a weekend
        ("2026-11-23T06:00", "2026-11-23T23:00", 660),
        ("2025-08-17T08:00", "2025-08-18T19:00", 0),  # Sunday, cuti bersama
        ("2026-11-23T10:30", "2026-11-23T10:00", 0),
        ("2026-11-24T10:30", "2026-11-23T10:00", 0),
    ],
)
def test_minutes(start: str, end: str, minutes: float) -> None:
    a, b = (datetime.fromisoformat(text).replace(tzinfo=WITA) for text in (start, end))
    assert worktime.minutes(a, b, WITA, Calendar()) == minutes


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Senin–Kamis 08.00–19.00 WITA, Jumat 08.00–11.00 WITA", worktime.HOURS),
        ("senin - jumat pukul 7:30-16:00", dict.fromkeys(range(5), ((time(7, 30), time(16)),))),
        ("Sabtu 08.00-12.00", {5: ((time(8), time(12)),)}),
    ],
)
def test_hours(text: str, hours: worktime.Hours) -> None:
    assert worktime.read_hours(text) == hours


@pytest.mark.parametrize(
    "text",
    ["", "setiap hari", "Senin 19.00-08.00", "Senin 08.00-25.00", "Kamis-Senin 08.00-09.00", "Besok 08.00-09.00"],
)
def test_no_hours(text: str) -> None:
    with pytest.raises(ValueError):
        worktime.read_hours(text)


DAY = st.dates(date(2015, 1, 1), date(2027, 1, 1))
OWN = st.dictionaries(DAY, st.tuples(st.booleans(), st.just("sebab")), max_size=20)
MOMENT = st.datetimes(datetime(2017, 1, 1), datetime(2017, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(DAY, st.integers(1, 60), st.integers(0, 60), OWN)
def test_working_days_add_up(start: date, a: int, b: int, own: dict[date, tuple[bool, str]]) -> None:
    calendar = Calendar(own)
    middle, _ = due_date(start, a, "kerja", calendar)
    end, _ = due_date(start, a + b, "kerja", calendar)
    open_days = [d for i in range((middle - start).days) if not calendar.shut(d := start + timedelta(i + 1))]
    assert (len(open_days), open_days[-1], due_date(middle, b, "kerja", calendar)[0]) == (a, middle, end)


@given(st.lists(MOMENT, min_size=3, max_size=3))
def test_minutes_add_up(moments: list[datetime]) -> None:
    a, b, c = sorted(moments)
    spent = [worktime.minutes(x, y, WITA, Calendar()) for x, y in ((a, b), (b, c), (a, c))]
    assert spent[0] + spent[1] == pytest.approx(spent[2])


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("start", "end", "hours", "minutes"),
    [
        ("2026-03-08T00:00", "2026-03-08T04:00", {6: ((time(0), time(6)),)}, 180),  # an hour that is not there
        ("2026-11-01T00:00", "2026-11-01T04:00", {6: ((time(0), time(6)),)}, 300),  # and one that is there twice
        ("2026-11-01T00:30", "2026-11-01T12:00", {6: ((time(1), time(1, 30)),)}, 90),
        (
            "2026-03-06T16:30",
            "2026-03-09T08:30",
            {4: ((time(8), time(17)),), 0: ((time(8), time(17)),)},
            600,
        ),  # a Sunday has Monday's hours
    ],
)
def test_minutes_of_a_zone_that_changes_its_clock(start: str, end: str, hours: worktime.Hours, minutes: float) -> None:
    sundays = {date(2026, 3, 8): (False, "jaga"), date(2026, 11, 1): (False, "jaga")}
    a, b = (datetime.fromisoformat(text).replace(tzinfo=NEW_YORK) for text in (start, end))
    assert worktime.minutes(a, b, NEW_YORK, Calendar(sundays), hours) == minutes
    assert worktime.closing(date(2026, 3, 9), NEW_YORK).utcoffset() == timedelta(hours=-4)


LUNCH = ((time(8), time(12)), (time(13), time(16)))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Senin–Kamis 08.00–12.00, 13.00–16.00; Jumat 08.00-11.00", {**dict.fromkeys(range(4), LUNCH), 4: (LUNCH[0][:1] + (time(11),),)}),
        ("Senin s.d. Kamis\n08.00 s.d. 12.00\n13.00 s.d. 16.00", dict.fromkeys(range(4), LUNCH)),
        ("Senin, Rabu 08.00-12.00", dict.fromkeys((0, 2), LUNCH[:1])),
        ("Senin–Jumat 08.00-12.00, Jumat 13.00-16.00", {**dict.fromkeys(range(4), LUNCH[:1]), 4: LUNCH[1:]}),
        ("Minggu tutup, Sabtu 08.00-12.00", {5: LUNCH[:1]}),
    ],
)  # fmt: skip
def test_hours_with_a_pause(text: str, hours: worktime.Hours) -> None:
    assert worktime.read_hours(text) == hours


@pytest.mark.parametrize("text", ["Senin 08.00–12.00, 11.00–16.00", "Senin 08.00–12.00, 16.00–13.00", "08.00–12.00"])
def test_no_hours_with_a_pause(text: str) -> None:
    with pytest.raises(ValueError):
        worktime.read_hours(text)


def test_lunch_is_no_working_time() -> None:
    a, b = (datetime(2026, 11, day, 10, tzinfo=WITA) for day in (23, 24))
    assert worktime.minutes(a, b, WITA, Calendar(), dict.fromkeys(range(5), LUNCH)) == 7 * 60
    assert worktime.closing(a.date(), WITA, dict.fromkeys(range(5), LUNCH)).hour == 16


def test_over_the_end_of_a_year() -> None:
    assert due_date(date(2026, 12, 30), 2, "kerja", Calendar()) == (
        date(2027, 1, 4), ("2027-01-01: libur, Tahun Baru Masehi", "Sabtu dan Minggu: 2 hari"),
    )  # fmt: skip
    assert worktime.working_days(date(2026, 12, 30), date(2027, 1, 4), Calendar()) == 2
    assert worktime.working_days(date(2027, 1, 4), date(2026, 12, 30), Calendar()) == 0


def test_every_day_closed() -> None:
    shut = Calendar({date(2026, 1, 1) + timedelta(days=n): (True, "tutup") for n in range(12 * 366)})
    with pytest.raises(worktime.NoWorkingDay, match="tidak menyisakan hari kerja"):
        due_date(date(2026, 1, 1), 1, "kerja", shut)
    assert due_date(date(2026, 1, 1), 0, "kerja", shut) == (date(2026, 1, 1), ())
    assert not worktime.works(2027, shut)
    assert worktime.works(9999, Calendar())
