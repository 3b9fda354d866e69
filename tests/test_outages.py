"""The office by paper: prepared, declared, entered with its real times and officers, closed; and the proof holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import audit, cases, demo, journal, outages, papers, people, revisions, uploads, worker
from app.cases import Completion
from app.models import Case, Deputy, Event, Membership, Message, Outage, RegisterEntry, Task, Void
from app.outages import Application, Wrong, Written
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes

KEY = "padam"
DRAWN = """
start s
user isi "Isi permohonan"
user terima "Terima berkas" <{terima}>
user periksa "Periksa" <{periksa}>
xor g "Benar?"
user putus "Setujui" <{putus}>
user nomori "Beri nomor" <{nomori}>
end e
s > isi
isi > terima
terima > periksa
periksa > g
g > putus "Benar"
g > terima "Perbaiki"
putus > nomori
nomori > e
"""
STEPS = {
    "terima": {"jam": "mulai", "batas": "H", "register": "berkas = Agenda : {urut:3}/B/{tahun}"},
    "periksa": {"batas": "H+1", "pesan": "selesai.txt | pemohon"},
    "putus": {"empat_mata": "periksa"},
    "nomori": {"register": "izin = Izin : {urut:3}/IZIN/{bulan_romawi}/{tahun}"},
}
LANES = lanes(("Pemohon", "s isi"), ("Loket", "terima nomori"), ("Pemeriksa", "periksa"), ("Kepala", "putus e"))
WHO = {"loket": "Loket", "budi": "Pemeriksa", "citra": "Pemeriksa", "kepala": "Kepala"}
SINCE, UNTIL = "25 11.40", "25 14.05"


def at(words: str) -> datetime:
    """A moment of November 2026 on the office's clock, as `25 10.00`."""
    day, hour = words.split()
    return datetime.fromisoformat(f"2026-11-{day}T{hour.replace('.', ':')}+08:00")


@pytest.fixture
def padam(office: Office) -> Office:
    """An office that closes at 16.00, with a small SOP: `loket` receives and numbers, `budi` and `citra` check,
    `kepala` decides, `wakil` deputises.
    """
    drawn = DRAWN.format(**{name: given(**marks) for name, marks in STEPS.items()})
    process = given(
        jangka_waktu="1 kerja", jam_layanan="Senin–Jumat 08.00–16.00", nomor_permohonan="{urut:3}/P/{tahun}",
        pencatatan_darurat="Loket",
    )  # fmt: skip
    files = {
        f"{KEY}.bpmn": draw(drawn, process + LANES, id=KEY),
        "pesan/selesai.txt": b"Perihal: Sudah diperiksa\n\nSudah diperiksa, {{ permohonan.nomor }}.\n",
    }
    office.at(at("24 09.00"))
    with office.work() as ctx:
        revisions.install(ctx, revisions.gathered(files)[0], "uji", "uji")
        for name in (*WHO, "wakil"):
            if name != "kepala":
                people.new_person(ctx, name, PASSWORD, full_name=name.title())
        for name, lane in WHO.items():
            people.grant(ctx, office.person(ctx, name), lane)
        office.person(ctx, "pemohon").email, office.person(ctx, "pemohon").email_verified_at = "a@contoh.id", ctx.now
    office.later(minutes=1)
    return office


def declare(office: Office, by: str = "loket", **said: Any) -> int:
    whole = {"since": at(SINCE), "until": at(UNTIL), "reason": "Listrik padam", "reference": "BA 7/2026", **said}
    with office.work() as ctx:
        return outages.declare(ctx, office.actor(ctx, by), **whole).id


def prepare(office: Office, **counts: int) -> int:
    with office.work() as ctx:
        loaded = next(one for one in outages.sops(ctx, office.actor(ctx, "loket")) if one.sop == KEY)
        known = {book.register.split(" ")[0].lower(): book.register for book in outages.books(loaded)}
        named = {known[name]: count for name, count in counts.items()}
        return outages.prepare(ctx, office.actor(ctx, "loket"), loaded, named).id


def on_screen(office: Office, case_id: int, moment: str, name: str, label: str = "") -> Completion:
    """Somebody completes the first open step at a moment, on the screen."""
    office.at(at(moment))
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        choice = next((way.id for way in cases.choices(ctx, task) if way.label == label), None)
        return cases.complete(ctx, office.actor(ctx, name), task.id, {}, choice, "alasan" if label else "")


def on_paper(
    office: Office, case_id: int, moment: str, name: str, label: str = "", by: str = "loket", **rest: Any
) -> Completion:
    """`by` enters the first open step as `name` did it on paper at a moment."""
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        choice = next((way.id for way in cases.choices(ctx, task) if way.label == label), None)
        written = Written(
            at(moment), office.person(ctx, name).id, {}, choice, "kurang jelas" if label == "Perbaiki" else "", **rest
        )
        outage = outages.current(ctx)
        assert outage is not None
        return outages.complete(ctx, office.actor(ctx, by), outage.id, task.id, written)


def apply_on_paper(office: Office, moment: str, number: str, applicant: str = "Ibu Rukmini", name: str = "loket") -> int:
    with office.work() as ctx:
        outage, actor = outages.current(ctx), office.actor(ctx, "loket")
        assert outage is not None
        loaded = next(one for one in outages.sops(ctx, actor) if one.sop == KEY)
        written = Application(at(moment), office.person(ctx, name).id, None, applicant, number)
        return outages.open_case(ctx, actor, outage.id, loaded, written).id


def close(office: Office, by: str = "loket") -> None:
    with office.work() as ctx:
        outage = outages.current(ctx)
        assert outage is not None
        outages.close(ctx, office.actor(ctx, by), outage.id)


def tick(office: Office, moment: str = "") -> int:
    if moment:
        office.at(at(moment))
    return worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.HOUSE[:2])


def proof(office: Office) -> list[str]:
    """What `alur verify` has to say of everything."""
    with office.look() as ctx:
        return [found for one in audit.verify(ctx) for found in one.all_findings]


def story(office: Office, case_id: int) -> list[tuple[str, str, str, str, str]]:
    """A case's events: kind, step, who, when it happened, and who entered it from paper."""
    with office.look() as ctx:
        return [
            (e.kind, e.step, e.by, f"{ctx.local(e.at):%d %H.%M}", e.from_paper) for e in journal.entries(ctx, case_id)
        ]


def started(office: Office, moment: str = "24 10.00") -> int:
    """A case whose receipt was issued on the screen: it waits to be checked, until 16.00 of the next day."""
    office.at(at(moment))
    case_id = play.apply(office, "pemohon", KEY)
    on_screen(office, case_id, moment, "pemohon")
    on_screen(office, case_id, moment, "loket")
    return case_id


def test_a_day_without_power(padam: Office) -> None:
    """Two cases go on by paper and a new one comes in: the journal, the clock, the books and the proof are right."""
    first, second = started(padam), started(padam, "24 10.05")
    padam.at(at("25 08.00"))
    prepare(padam, permohonan=3, agenda=3, izin=4)
    with padam.work() as ctx:  # Budi is on leave from noon on
        ctx.session.add(
            Deputy(
                person_id=padam.person(ctx, "budi").id, deputy_id=padam.person(ctx, "wakil").id, kind="cuti",
                since=at("25 12.00"), until=at("27 00.00"), reference="SC 1", by_id=padam.person(ctx, "pemilik").id,
                created_at=ctx.now,
            )
        )  # fmt: skip
    padam.at(at("26 09.00"))  # the power came back after the limit of both
    declare(padam)
    assert tick(padam) == 0  # what fell due since waits for the paper
    on_paper(padam, first, "25 11.45", "budi", "Perbaiki")
    on_paper(padam, first, "25 11.50", "loket")
    on_paper(padam, first, "25 12.30", "wakil", "Benar")
    on_paper(padam, first, "25 13.00", "kepala")
    on_paper(padam, first, "25 13.30", "loket", numbers={"izin": "002/IZIN/XI/2026"})  # not the first of the block
    new = apply_on_paper(padam, "25 11.55", "004/P/2026")
    on_paper(padam, new, "25 11.55", "loket")
    on_paper(padam, new, "25 12.05", "loket", numbers={"berkas": "003/B/2026"})
    on_paper(padam, second, "25 13.40", "citra", "Benar")
    close(padam)
    assert tick(padam) == 1  # the second case's limit passed; the first was over in time, the new one began
    assert story(padam, first)[3:] == [
        ("complete", "periksa", "Budi", "25 11.45", "Loket"),
        ("complete", "terima", "Loket", "25 11.50", "Loket"),
        ("complete", "periksa", "Wakil (a.n. Budi)", "25 12.30", "Loket"),
        ("complete", "putus", "Petugas Kepala", "25 13.00", "Loket"),
        ("complete", "nomori", "Loket", "25 13.30", "Loket"),
    ]
    assert story(padam, second)[3:] == [
        ("complete", "periksa", "Citra", "25 13.40", "Loket"),
        ("breach", "", "", "25 16.00", ""),
    ]
    assert story(padam, new) == [
        ("start", "", "Loket", "25 11.55", "Loket"),
        ("complete", "isi", "Loket", "25 11.55", "Loket"),
        ("complete", "terima", "Loket", "25 12.05", "Loket"),
    ]
    with padam.look() as ctx:
        one, two, three = (ctx.session.get_one(Case, case_id) for case_id in (first, second, new))
        assert (one.status, one.ended_at, one.breached_at) == ("ended", at("25 13.30"), None)
        assert (two.breached_at, two.clock_at) == (at("25 16.00"), at("24 10.05"))
        assert (three.number, three.applicant_name, three.opened_at, three.clock_at, three.due_at) == (
            "004/P/2026", "Ibu Rukmini", at("25 11.55"), at("25 12.05"), at("26 16.00")
        )  # fmt: skip
        book = ctx.session.execute(
            select(RegisterEntry.text, RegisterEntry.case_id, RegisterEntry.given_at, Void.reason)
            .outerjoin(Void, (Void.register == RegisterEntry.register) & (Void.number == RegisterEntry.number))
            .where(RegisterEntry.register == "Izin")
            .order_by(RegisterEntry.number)
        ).all()
        why = "Tidak terpakai selama gangguan: Listrik padam"
        prepared = at("25 08.00")
        assert [tuple(row) for row in book] == [
            ("001/IZIN/XI/2026", None, prepared, why),
            ("002/IZIN/XI/2026", first, at("25 13.30"), None),
            ("003/IZIN/XI/2026", None, prepared, why),
            ("004/IZIN/XI/2026", None, prepared, why),
        ]
    assert proof(padam) == []


def refused(office: Office, case_id: int, *args: Any, **rest: Any) -> str:
    """What is said against an entry; nothing of it is kept."""
    before = story(office, case_id)
    with pytest.raises((Wrong, cases.Refusal)) as said:
        on_paper(office, case_id, *args, **rest)
    assert story(office, case_id) == before
    return "; ".join(said.value.faults.values()) if isinstance(said.value, Wrong) else said.value.message


@pytest.mark.parametrize(
    ("moment", "who", "label", "words"),
    [
        ("25 11.39", "budi", "Benar", "Waktu ini di luar gangguan: 25 November 2026 pukul 11.40 sampai 25 November 2026 pukul 14.05."),
        ("25 14.06", "budi", "Benar", "Waktu ini di luar gangguan: 25 November 2026 pukul 11.40 sampai 25 November 2026 pukul 14.05."),
        ("25 12.00", "kepala", "Benar", "Petugas Kepala tidak memegang lajur Pemeriksa pada 25 November 2026 pukul 12.00. Pilih petugas yang mengerjakannya."),
        ("25 12.00", "wakil", "Benar", "Wakil tidak memegang lajur Pemeriksa pada 25 November 2026 pukul 12.00. Pilih petugas yang mengerjakannya."),
        ("25 12.00", "citra", "Benar", "Citra tidak hadir pada 25 November 2026 pukul 12.00; wakilnya Wakil."),
        ("25 12.00", "budi", "", "Pilih salah satu keputusan."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_cannot_have_happened_is_refused(padam: Office, moment: str, who: str, label: str, words: str) -> None:
    case_id = started(padam)
    with padam.work() as ctx:
        ctx.session.add(
            Deputy(
                person_id=padam.person(ctx, "citra").id, deputy_id=padam.person(ctx, "wakil").id, kind="plh",
                since=at("25 12.00"), until=at("25 12.01"), reference="SP 1", by_id=padam.person(ctx, "pemilik").id,
                created_at=ctx.now,
            )
        )  # fmt: skip
        ctx.session.execute(
            update(Deputy).values(since=at("25 11.50"), until=at("25 12.30") if who == "citra" else at("25 11.55"))
        )
    padam.at(at("25 15.00"))
    declare(padam)
    assert refused(padam, case_id, moment, who, label) == words
    on_paper(padam, case_id, "25 12.00", "budi", "Benar")
    assert proof(padam) == []
