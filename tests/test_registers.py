"""Numbers of registers: set aside for an outage, used later, struck out; what stands in their books."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app import registers
from app.context import Context
from app.models import Outage, Register, RegisterEntry, Reserved, Void
from tests import play
from tests.conftest import Office

PATTERN = "503/{urut:4}/UJI/{bulan_romawi}/{tahun}"


def outage(office: Office, ctx: Context) -> int:
    row = Outage(reason="Listrik padam", by_id=office.person(ctx, "pemilik").id, created_at=ctx.now)
    ctx.session.add(row)
    ctx.session.flush()
    return row.id


def test_numbers_are_set_aside_and_used_later(office: Office) -> None:
    case_id = play.apply(office)
    with office.work() as ctx:
        assert registers.give(ctx, "Izin", PATTERN, None) == "503/0001/UJI/XI/2026"
        ctx.session.flush()
        texts = registers.reserve(ctx, "Izin", PATTERN, 3, outage(office, ctx))
        assert texts == [f"503/000{n}/UJI/XI/2026" for n in (2, 3, 4)]
        assert registers.give(ctx, "Izin", PATTERN, None) == "503/0005/UJI/XI/2026"
    written = office.now
    office.later(days=10)
    with office.work() as ctx:
        assert registers.use(ctx, "Izin", " 503/0003/UJI/XI/2026 ", case_id, written + timedelta(hours=1))
        registers.void(ctx, "Izin", 2026, 4, office.person(ctx, "pemilik"), "Tidak\n terpakai. ")
    refused = {}
    for text in (
        "503/0003/UJI/XI/2026",
        "503/0004/UJI/XI/2026",
        "503/0005/UJI/XI/2026",
        "503/0099/UJI/XI/2026",
        "",
        "x" * 9,
    ):
        with office.work() as ctx, pytest.raises(registers.NotUsable) as said:
            registers.use(ctx, "Izin", text, case_id)
        refused[text[4:8]] = said.value.message.replace(text or "?", "N")
    assert refused == {
        "0003": "Nomor N sudah dipakai.",
        "0004": "Nomor N sudah dibatalkan.",
        "0005": "Nomor N tidak disisihkan dari “Izin”.",
        "0099": "Nomor N tidak disisihkan dari “Izin”.",
        "": "Nomor  tidak disisihkan dari “Izin”.",
        "xxxx": "Nomor N tidak disisihkan dari “Izin”.",
    }
    with office.look() as ctx:
        assert ctx.session.get_one(Register, ("Izin", 2026)).last == 5
        rows = ctx.session.scalars(select(RegisterEntry).where(RegisterEntry.register == "Izin")).all()
        assert [(r.number, r.case_id, r.given_at - written) for r in rows if r.case_id] == [
            (3, case_id, timedelta(hours=1))
        ]
        assert len(ctx.session.scalars(select(Reserved)).all()) == 3
        assert [(v.number, v.reason, v.at) for v in ctx.session.scalars(select(Void))] == [
            (4, "Tidak terpakai.", office.now)
        ]


@pytest.mark.parametrize(
    ("number", "reason", "said"),
    [
        (1, " \n", "Tulis alasan pembatalan, paling panjang 300 huruf."),
        (1, "x" * 301, "Tulis alasan pembatalan, paling panjang 300 huruf."),
        (9, "Salah", "Nomor ini tidak ada di “Izin”."),
        (2, "Salah", "Nomor 2/2026 sudah dibatalkan."),
    ],
)
def test_what_cannot_be_struck_out(number: int, reason: str, said: str, office: Office) -> None:
    with office.work() as ctx:
        for _ in range(2):
            registers.give(ctx, "Izin", "{urut}/{tahun}", None)
            ctx.session.flush()
        registers.void(ctx, "Izin", 2026, 2, office.person(ctx, "pemilik"), "Keliru")
    with office.work() as ctx, pytest.raises(registers.NotUsable) as refused:
        registers.void(ctx, "Izin", 2026, number, office.person(ctx, "pemilik"), reason)
    assert refused.value.message == said
