from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from app import calendars, clock
from app.models import ClosedDay
from tests.conftest import Office

RECEIVED = datetime.fromisoformat("2017-06-22T10:00+08:00")
HOURS = "Senin–Kamis 08.00–19.00 WITA\nJumat 08.00–11.00 WITA"


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("properties", "case_due", "step_due"),
    [
        ({"jangka_waktu": "7 kerja", "jam_layanan": HOURS}, "2017-07-11T19:00:00+08:00", "2017-07-04T19:00:00+08:00"),
        (
            {"jangka_waktu": "7 kalender", "jam_layanan": HOURS},
            "2017-06-29T19:00:00+08:00",
            "2017-07-04T19:00:00+08:00",
        ),
        ({"jangka_waktu": "5"}, "2017-07-07T11:00:00+08:00", "2017-07-04T19:00:00+08:00"),  # a Friday, the usual hours
        ({"jam_layanan": "Selasa 07.30-15.00"}, None, "2017-07-04T15:00:00+08:00"),
        ({"jangka_waktu": "seminggu", "jam_layanan": "pagi"}, None, "2017-07-04T19:00:00+08:00"),
    ],
)
def test_due(properties: dict[str, str], case_due: str | None, step_due: str, office: Office) -> None:
    definition = replace(next(iter(office.definitions().values())), properties=properties)
    step = replace(next(iter(definition.steps.values())), properties={"batas": "H+2"})
    with office.look() as ctx:
        calendar = calendars.current(ctx)
        due = clock.case_due(ctx, definition, RECEIVED, calendar)
        assert due == (case_due and datetime.fromisoformat(case_due))
        assert clock.step_due(ctx, definition, step, RECEIVED, calendar) == datetime.fromisoformat(step_due)
        assert clock.step_due(ctx, definition, step, None, calendar) is None
        assert clock.step_due(ctx, definition, replace(step, properties={}), RECEIVED, calendar) is None


def test_the_office_closes_a_day(office: Office) -> None:
    definition = replace(next(iter(office.definitions().values())), properties={"jangka_waktu": "7 kerja"})
    with office.work() as ctx:
        ctx.session.add(ClosedDay(day=date(2017, 7, 3), closed=True, reason="Banjir"))
        ctx.session.flush()
        due = clock.case_due(ctx, definition, RECEIVED, calendars.current(ctx))
    assert due == datetime.fromisoformat("2017-07-12T19:00+08:00")
