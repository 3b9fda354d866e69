"""The office by paper: prepared, declared, entered with its real times and officers, closed; and the proof holds."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import docx
import pytest
from markupsafe import escape
from sqlalchemy import select, update

from app import (
    audit,
    bundles,
    cases,
    demo,
    drawn,
    files,
    forms,
    journal,
    messages,
    outages,
    people,
    registers,
    revisions,
    wording,
    worker,
)
from app.cases import Completion
from app.models import Case, Deputy, Document, Membership, Message, Outage, RegisterEntry, Task, Void
from app.outages import Application, Written, Wrong
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes, short

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
        revisions.install(ctx, bundles.gathered(files)[0], "uji", "uji")
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


def apply_on_paper(
    office: Office, moment: str, number: str, applicant: str = "Ibu Rukmini", name: str = "loket"
) -> int:
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


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_paper_tells_no_seconds_and_nothing_is_done_before_it_was_open(padam: Office) -> None:
    case_id = started(padam, "25 11.45")
    padam.hands[0] += timedelta(seconds=42)
    with padam.work() as ctx:
        ctx.session.execute(update(Task).where(Task.step == "periksa").values(opened_at=at("25 11.45")))
    padam.at(at("25 15.00"))
    declare(padam)
    assert refused(padam, case_id, "25 11.44", "budi", "Benar") == (
        "Langkah ini baru terbuka pada 25 November 2026 pukul 11.45; di kertas tidak mungkin lebih awal."
    )
    on_paper(padam, case_id, "25 11.50", "budi", "Benar")
    assert "Budi, atau orang" in refused_as_both(padam, case_id)
    assert refused(padam, case_id, "25 11.49", "kepala").startswith("Langkah ini baru terbuka pada 25 November")
    on_paper(padam, case_id, "25 11.50", "kepala")  # the same minute
    assert proof(padam) == []


def refused_as_both(office: Office, case_id: int) -> str:
    """Budi holds the deciding lane as well, for a moment: still he may not decide on what he checked."""
    with office.work() as ctx:
        row = Membership(
            person_id=office.person(ctx, "budi").id, lane="Kepala", since=at("25 11.00"), until=at("25 12.00")
        )
        ctx.session.add(row)
    return refused(office, case_id, "25 11.55", "budi")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_seconds_of_the_screen_are_within_the_minute_of_the_paper(padam: Office) -> None:
    padam.at(at("25 11.45") + timedelta(seconds=42))
    case_id = play.apply(padam, "pemohon", KEY)
    for name in ("pemohon", "loket"):
        with padam.work() as ctx:
            cases.complete(ctx, padam.actor(ctx, name), play.waiting(ctx, case_id)[0].id, {})
    padam.at(at("25 15.00"))
    declare(padam)
    on_paper(padam, case_id, "25 11.45", "budi", "Benar")
    assert proof(padam) == []


NUMBERS = [
    ("001/IZIN/XI/2026", ""),
    (" 003/IZIN/XI/2026 ", ""),
    ("004/IZIN/XI/2026", ""),  # not set aside, but just the next: the block ended at 003
    ("", ""),
    ("002/IZIN/XI/2026", "Nomor 002/IZIN/XI/2026 sudah dipakai."),
    (
        "009/IZIN/XI/2026",
        "Nomor 009/IZIN/XI/2026 tidak disisihkan dari “Izin” dan bukan nomor berikutnya (004/IZIN/XI/2026). "
        "Periksa tulisannya di kertas.",
    ),
    (
        "1",
        "Nomor 1 tidak disisihkan dari “Izin” dan bukan nomor berikutnya (004/IZIN/XI/2026). "
        "Periksa tulisannya di kertas.",
    ),
]


def test_numbers_as_they_were_written(padam: Office) -> None:
    padam.at(at("25 08.00"))
    prepare(padam, izin=3)
    ids = [started(padam, f"25 10.{minute:02}") for minute in range(len(NUMBERS) + 1)]
    padam.at(at("25 15.00"))
    declare(padam)
    for case_id in ids:
        on_paper(padam, case_id, "25 12.00", "budi", "Benar")
        on_paper(padam, case_id, "25 12.10", "kepala")
    on_paper(padam, ids[0], "25 12.20", "loket", numbers={"izin": "002/IZIN/XI/2026"})
    said = {}
    for case_id, (number, words) in reversed(list(zip(ids[1:], NUMBERS, strict=True))):  # who is refused comes first
        if words:
            said[number] = refused(padam, case_id, "25 12.30", "loket", numbers={"izin": number})
        elif number:
            on_paper(padam, case_id, "25 12.30", "loket", numbers={"izin": number})
    assert said == {number: words for number, words in NUMBERS if words}
    on_paper(padam, ids[4], "25 12.40", "loket")  # nothing was written: the next number, now
    with padam.look() as ctx:
        book = select(RegisterEntry.text, RegisterEntry.case_id).where(RegisterEntry.register == "Izin")
        rows = {row.text: row.case_id for row in ctx.session.execute(book.order_by(RegisterEntry.number))}
    assert rows == {
        "001/IZIN/XI/2026": ids[1], "002/IZIN/XI/2026": ids[0], "003/IZIN/XI/2026": ids[2],
        "004/IZIN/XI/2026": ids[3], "005/IZIN/XI/2026": ids[4],
    }  # fmt: skip
    close(padam)
    assert proof(padam) == []


def test_nothing_is_entered_twice(padam: Office) -> None:
    case_id = started(padam)
    padam.at(at("25 15.00"))
    declare(padam)
    with padam.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    said: list[str] = []
    start = threading.Barrier(2)

    def enter(name: str, minute: int) -> None:
        start.wait()
        try:
            with padam.work() as ctx:
                outage = outages.current(ctx)
                assert outage is not None
                written = Written(at(f"25 12.{minute}"), padam.person(ctx, name).id, {}, "g_putus")
                outages.complete(ctx, padam.actor(ctx, "loket"), outage.id, task_id, written)
            said.append("")
        except cases.AlreadyDone as refusal:
            said.append(refusal.message)

    both = [threading.Thread(target=enter, args=one) for one in (("budi", 10), ("citra", 20))]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(said)[0] == ""
    assert sorted(said)[1].startswith("Langkah ini sudah dikerjakan oleh ")
    assert [line[0] for line in story(padam, case_id)].count("complete") == 3
    first = apply_on_paper(padam, "25 12.30", "")
    with pytest.raises(Wrong) as twin:
        apply_on_paper(padam, "25 12.30", "")
    number = case(padam, first).number
    assert twin.value.faults == {
        "pemohon": f"Permohonan ini sudah dicatat: {number}. Bila memang lain, tulis waktunya yang lain."
    }
    assert proof(padam) == []


def test_two_with_the_same_sheet_enter_it_once(padam: Office) -> None:
    padam.at(at("25 15.00"))
    declare(padam)
    start = threading.Barrier(2)
    said: list[str] = []

    def enter() -> None:
        for minute in range(10):
            start.wait()
            try:
                apply_on_paper(padam, f"25 12.{minute:02}", "")
            except Wrong as refusal:
                said.append(refusal.faults["pemohon"][:30])

    both = [threading.Thread(target=enter) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    with padam.look() as ctx:
        assert len(ctx.session.scalars(select(Case.id)).all()) == 10
    assert said == ["Permohonan ini sudah dicatat: "] * 10


def test_of_a_number_that_was_struck_out_the_paper_bears_another(padam: Office) -> None:
    prepare(padam, agenda=2)
    case_id = started(padam)
    with padam.work() as ctx:
        cases.void_number(ctx, padam.actor(ctx, "loket"), "Agenda", 2026, 3, "Tertukar.")
    on_screen(padam, case_id, "25 10.00", "budi", "Perbaiki")
    padam.at(at("25 15.00"))
    outage_id = declare(padam)
    with padam.look() as ctx:
        task_id, loket = play.waiting(ctx, case_id)[0].id, padam.person(ctx, "loket").id
    client = padam.client("loket")
    path = f"/gangguan/{outage_id}/langkah/{task_id}"
    assert 'name="nomor.berkas"' in client.get(path).text
    paper = {"tanggal": "2026-11-25", "jam": "12.00", "petugas": loket, "nomor.berkas": "002/B/2026"}
    answer = client.post(path, data=paper)
    assert answer.status_code == 303, answer.text
    with padam.look() as ctx:
        assert ctx.session.get_one(Case, case_id).data["berkas"] == "002/B/2026"
    close(padam)
    assert proof(padam) == []


def case(office: Office, case_id: int) -> Case:
    with office.look() as ctx:
        return ctx.session.get_one(Case, case_id)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_who_may(padam: Office) -> None:
    case_id = started(padam)
    padam.at(at("25 15.00"))
    with pytest.raises(cases.NotYours):
        declare(padam, by="budi")
    declare(padam, by="pemilik")  # an administrator
    assert refused(padam, case_id, "25 12.00", "budi", "Benar", by="citra") == (
        "Yang mencatat dari kertas untuk SOP ini: Loket."
    )
    with pytest.raises(cases.NotFound):
        on_paper(padam, case_id, "25 12.00", "budi", "Benar", by="pemilik")  # who works in no lane sees no case
    with pytest.raises(cases.NotYours):
        close(padam, by="budi")
    close(padam, by="pemilik")
    with padam.look() as ctx:
        assert outages.current(ctx) is None
        closed = outages.closed(ctx)[0]
        task = play.waiting(ctx, case_id)[0]
    with padam.work() as ctx:
        actor, written = padam.actor(ctx, "loket"), Written(at("25 12.00"), padam.person(ctx, "budi").id)
        with pytest.raises(cases.NotNow) as said:
            outages.complete(ctx, actor, closed.id, task.id, written)
    assert said.value.message == "Gangguan ini sudah ditutup; tidak ada lagi yang dicatat dari kertas."


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ({"since": None}, {"sejak": "Tulis tanggal dan jam mulainya."}),
        ({"since": at("01 10.00") - timedelta(days=9)}, {"sejak": "Gangguan paling lama 31 hari yang lalu yang masih dapat dinyatakan."}),
        ({"until": at(SINCE)}, {"sampai": "Akhir gangguan haruslah sesudah mulainya."}),
        ({"until": at("25 12.00")}, {"sampai": "Sudah ada yang dicatat dari kertas pada 25 November 2026 pukul 12.10."}),
        ({"reason": " ", "reference": "x" * 301}, {"alasan": "Tulis apa yang terjadi.", "acuan": "Paling panjang 300 huruf."}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_is_declared_is_looked_at(padam: Office, said: dict[str, Any], faults: dict[str, str]) -> None:
    case_id = started(padam)
    padam.at(at("25 15.00"))
    first = declare(padam)
    on_paper(padam, case_id, "25 12.10", "budi", "Benar")
    with pytest.raises(Wrong) as wrong:
        declare(padam, **said)
    assert wrong.value.faults == faults
    assert declare(padam, until=None, reference="") == first  # still going on
    with pytest.raises(cases.NotNow):
        close(padam)
    declare(padam, reference="")
    with pytest.raises(cases.NotNow, match="berita acara"):
        close(padam)


def test_what_is_told_says_when_it_was_done(padam: Office) -> None:
    case_id = started(padam)
    padam.at(at("25 15.00"))
    declare(padam)
    on_paper(padam, case_id, "25 12.10", "budi", "Benar")
    with padam.look() as ctx:
        message = ctx.session.scalars(select(Message).where(Message.case_id == case_id)).one()
        assert message.created_at == at("25 15.00")
        assert message.next_try == at("25 15.00") + messages.GRACE
        text = messages.composed(ctx, message.id).text
    assert text.split("\n\n", 1)[1].strip() == (
        "Catatan: langkah ini dikerjakan di atas kertas pada Rabu, 25 November 2026 pukul 12.10, ketika sistem kami "
        "terganggu, dan baru dicatat pada Rabu, 25 November 2026 pukul 15.00. Yang berlaku adalah waktu di kertas."
    )


TAMPERED = [
    (update(Outage).values(since=None), "Peristiwa ini dicatat dari kertas, tetapi gangguannya tidak pernah dinyatakan."),
    (update(Outage).values(since=at("25 12.15")), "Waktu di kertas tidak jatuh pada gangguan yang dinyatakan."),
    (update(Outage).values(until=at("25 12.05")), "Waktu di kertas tidak jatuh pada gangguan yang dinyatakan."),
    (update(Outage).values(closed_at=at("25 14.59")), "Peristiwa ini dicatat dari kertas sesudah gangguannya ditutup."),
    (
        update(Membership).where(Membership.lane == "Loket").values(until=at("25 14.00")),
        "Loket tidak berwenang mencatat dari kertas pada saat itu.",
    ),
    (
        update(Membership).where(Membership.lane == "Pemeriksa").values(since=at("25 12.30")),
        "Budi tidak memegang lajur Pemeriksa pada saat itu.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), TAMPERED)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_proof_looks_at_what_came_from_paper(padam: Office, change: Any, words: str) -> None:
    case_id = started(padam)
    padam.at(at("25 15.00"))
    declare(padam)
    on_paper(padam, case_id, "25 12.10", "budi", "Benar")
    assert proof(padam) == []
    with padam.work() as ctx:
        ctx.session.execute(change)
    assert proof(padam) == [f"4: {words}"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_nothing_else_is_dated_back(padam: Office) -> None:
    case_id = started(padam)
    with padam.work() as ctx:
        row = cases.locked(ctx, case_id)
        assert row is not None
        journal.append(ctx, row, "note", {}, actor=padam.person(ctx, "budi"), lane="Pemeriksa", at=at("24 09.30"))
    assert proof(padam) == ["4: Waktu peristiwa ini bukan waktu pencatatannya, padahal bukan dari kertas."]


TIMED = """
start s
user periksa "Periksa"
boundary tenggat on=periksa ~timer=PT2H
end e
end gugur <{gugur}>
s > periksa > e
tenggat > gugur
"""


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("25 12.29", [("complete", "25 12.29")]),  # a minute before it was due: it never was
        ("25 12.31", []),  # it had fallen due by then
    ],
)
def test_due_things_come_first_by_the_papers_time(padam: Office, moment: str, told: list[tuple[str, str]]) -> None:
    drawn = draw(
        short(TIMED.format(gugur=given(status="gugur"))), lanes(("Loket", "s periksa tenggat e gugur")), id="waktu"
    )
    with padam.work() as ctx:
        revisions.install(ctx, bundles.gathered({"waktu.bpmn": drawn})[0], "uji", "uji")
    padam.at(at("25 10.30"))
    case_id = play.apply(padam, "loket", "waktu")
    padam.at(at("26 09.00"))
    declare(padam)
    assert tick(padam) == 0
    if told:
        on_paper(padam, case_id, moment, "loket")
    else:
        with pytest.raises(cases.AlreadyDone):
            on_paper(padam, case_id, moment, "loket")
        close(padam)
        assert tick(padam) == 1
        told = [("timer", "25 12.30")]
    assert [(line[0], line[3]) for line in story(padam, case_id)][1:] == told
    assert proof(padam) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_worker_that_has_just_started_lets_somebody_declare(padam: Office) -> None:
    """What fell due while none ran waits for as long as the settings say; what falls due now does not."""
    settings = replace(padam.settings, patience=30)
    first = started(padam, "24 10.00")
    padam.at(at("26 09.00"))
    assert list(worker._due_cases(settings, padam.db.reading, begun=at("26 08.45"))) == []
    assert list(worker._due_cases(settings, padam.db.reading, begun=at("26 08.30"))) == [first]
    assert list(worker._due_cases(settings, padam.db.reading, begun=at("25 15.59"))) == [first]
    assert list(worker._due_cases(settings, padam.db.reading)) == [first]


def test_all_of_it_on_the_pages(office: Office) -> None:
    """The counter prepares, prints, declares, enters an old and a new application with its paper, and closes."""
    case_id = play.apply(office)
    while (task := first_task(office, case_id)).step != clock_step(office):
        play.step(office, case_id)
    lane = drawn.recorders(office.definition)[0]
    counter = office.client(office.officers[lane])
    others = [who for name, who in office.officers.items() if name not in drawn.recorders(office.definition)]
    assert office.client(others[0]).get("/gangguan").status_code == 403
    assert office.client("pemohon").get("/gangguan").status_code == 403
    refused = counter.post(f"/gangguan/siapkan/{office.sop}", data={"lembar": "0", "buku-0": "x"})
    assert refused.status_code == 422
    assert "Tulis bilangan, misalnya 20." in refused.text
    prepared = counter.post(f"/gangguan/siapkan/{office.sop}", data={"lembar": "2", "buku-0": "3", "buku-1": "3"})
    bundle = counter.get(prepared.location).text
    assert bundle.count("Lembar pengendali proses</h2>") == 2
    steps = office.definition.steps.values()
    assert all(escape(step.name) in bundle for step in steps)
    with office.look() as ctx:
        outage = outages.current(ctx)
        assert outage is not None
        numbers = outages.numbers(ctx, outage)
    assert [number.text in bundle for number in numbers] == [True] * 6
    sheet = counter.get(f"/gangguan/lembar-kendali/{office.sop}.docx")
    assert sheet.mimetype.endswith("wordprocessingml.document")
    text = "\n".join(
        cell.text for t in docx.Document(io.BytesIO(sheet.data)).tables for r in t.rows for cell in r.cells
    )
    assert all(step.name in text for step in steps)

    done = office.now + timedelta(minutes=20)
    office.later(hours=2)
    local = done.astimezone(office.settings.zone)
    said = {"sejak": f"{local:%Y-%m-%d}", "jam-sejak": "00:01", "alasan": "Listrik padam", "acuan": "BA 1"}
    assert counter.post("/gangguan/nyatakan", data={**said, "sampai": "2026-11-23"}).status_code == 422
    here = counter.post("/gangguan/nyatakan", data=said).location
    assert "Catat langkah ini" in counter.get(f"{here}?nomor={case(office, case_id).number}").text
    where = f"{here}/langkah/{task.id}"
    assert "Menurut kertas" in counter.get(where).text
    empty = counter.post(where, data={"tanggal": f"{local:%Y-%m-%d}", "jam": "", "petugas": "", "choice": "x"})
    assert empty.status_code == 422
    assert "Tulis tanggal dan jam yang tertera di kertas." in empty.text
    agenda = next(number.text for number in numbers if "permohonan" not in number.register)
    key = registers.numberings(office.definition.steps[task.step].properties["register"])[0].key
    with office.work() as ctx:
        officer = office.person(ctx, office.officers[office.definition.steps[task.step].lane]).id
        form = cases.form_of(ctx, ctx.session.get_one(Task, task.id))
        answers = play.answers(office, ctx, task.id)
    sent = {
        **posted(form, answers), "tanggal": f"{local:%Y-%m-%d}", "jam": f"{local:%H:%M}", "petugas": str(officer),
        f"nomor.{key}": agenda, "pindaian": (io.BytesIO(demo._pdf("kertas")), "kertas.pdf"),
    }  # fmt: skip
    kept = counter.post(where, data={**sent, f"nomor.{key}": "salah"}, content_type="multipart/form-data")
    assert kept.status_code == 422
    assert "Nomor salah tidak disisihkan" in kept.text
    scan = re.findall(r'name="pindaian_ada" value="([^"]+)"', kept.text)
    entered = counter.post(where, data={**sent, "pindaian": (io.BytesIO(b""), ""), "pindaian_ada": scan})
    assert entered.status_code == 303, entered.text
    again = counter.post(where, data={**sent, "pindaian": (io.BytesIO(b""), ""), "pindaian_ada": scan})
    assert again.status_code == 409
    assert "sudah dikerjakan" in again.text
    with office.look() as ctx:
        row = ctx.session.get_one(Case, case_id)
        entry = journal.entries(ctx, case_id, kind="complete")[-1]
        assert (ctx.local(entry.at).strftime("%H.%M"), entry.recorded_at, entry.body["numbers"][key]) == (
            f"{local:%H.%M}", office.now, agenda,
        )  # fmt: skip
        assert entry.body["kertas"]["scans"] == scan
        assert row.clock_at == entry.at
        paper = ctx.session.scalars(select(Document).where(Document.seq == entry.seq)).first()
        assert paper is not None
        assert paper.sha256 is not None  # filled once the entry was committed
        whole = docx.Document(io.BytesIO(files.read(office.settings.files, paper.sha256)))
    words = "\n".join(
        [p.text for p in whole.paragraphs] + [c.text for t in whole.tables for r in t.rows for c in r.cells]
    )
    assert agenda in words  # the receipt bears the number that was written by hand, and its day
    assert wording.tanggal(local) in words
    marked = f"oleh Petugas {lane} pada"
    assert marked in counter.get(f"/permohonan/{case_id}").text
    assert marked in counter.get(f"/permohonan/{case_id}/putar").text
    assert f"dicatat dari kertas oleh Petugas {lane}" in counter.get(f"/permohonan/{case_id}/lembar-kendali").text
    assert counter.get(f"/berkas/{scan[0]}").status_code == 200

    new = {"tanggal": f"{local:%Y-%m-%d}", "jam": f"{local:%H:%M}", "pemohon": "Ibu Rukmini"}
    with office.look() as ctx:
        new["petugas"] = str(office.person(ctx, office.counter).id)
    new["nomor"] = next(number.text for number in numbers if "permohonan" in number.register)
    opened = counter.post(f"{here}/permohonan/{office.sop}", data=new)
    assert opened.status_code == 303, opened.text
    twice = counter.post(f"{here}/permohonan/{office.sop}", data=new)
    assert twice.status_code == 422
    assert "sudah dicatat" in twice.text
    counter.post("/gangguan/nyatakan", data={**said, "sampai": f"{local:%Y-%m-%d}", "jam-sampai": f"{local:%H:%M}"})
    closing = counter.get(f"{here}/tutup").text
    assert "4 nomor tidak terpakai" in closing
    assert counter.post(f"{here}/tutup").status_code == 422
    assert counter.post(f"{here}/tutup", data={"yakin": "1"}).status_code == 303
    page = counter.get(here).text
    assert "Tidak terpakai selama gangguan: Listrik padam" in page
    assert "Catat langkah ini" not in page
    assert "Peristiwa dicatat dari kertas" in counter.get("/laporan").text
    assert proof(office) == []


def first_task(office: Office, case_id: int) -> Task:
    with office.look() as ctx:
        return play.waiting(ctx, case_id)[0]


def clock_step(office: Office) -> str:
    """The step that gives the receipt its number."""
    return next(s.id for s in office.definition.steps.values() if s.properties.get("jam") == "mulai")


def posted(form: Any, answers: dict[str, Any]) -> dict[str, Any]:
    """Answers as a page sends them."""
    flat: dict[str, Any] = {}
    for field in form.fields if form else ():
        value = forms.at(answers, field.pointer)
        if value is not None and "*" not in field.pointer and not field.readonly:
            flat[field.pointer] = (
                "1" if value is True else str(value).replace(".", ",") if isinstance(value, float) else value
            )
    return flat
