"""Numbers of registers: set aside for an outage, used later, struck out; what stands in their books."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app import audit, bundles, cases, journal, people, registers, revisions
from app.context import Context
from app.models import Case, Deputy, Outage, Person, Register, RegisterEntry, Reserved, Void
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes

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
    began = office.now
    office.later(days=10)
    with office.work() as ctx:
        assert registers.use(ctx, "Izin", " 503/0003/UJI/XI/2026 ", case_id, began + timedelta(hours=1))
        registers.void(ctx, "Izin", 2026, 4, office.person(ctx, "pemilik"), "Tidak\n terpakai. ")
    refused = {}
    for written in (
        "503/0003/UJI/XI/2026",
        "503/0004/UJI/XI/2026",
        "503/0005/UJI/XI/2026",
        "503/0099/UJI/XI/2026",
        "",
        "x" * 9,
    ):
        with office.work() as ctx, pytest.raises(registers.NotUsable) as said:
            registers.use(ctx, "Izin", written, case_id)
        refused[written[4:8]] = said.value.message.replace(written or "?", "N")
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
        assert [(r.number, r.case_id, r.given_at - began) for r in rows if r.case_id] == [
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


DRAWING = """
start m
user isi "Isi" <{isi}>
user nomori "Beri nomor" <{nomori}>
user tanda "Tanda tangani"
xor x
end z
m > isi
isi > nomori
nomori > tanda
tanda > x
x > z "Sah"
x > nomori "Salah nomor"
"""
FORM = {"type": "default", "id": "isi", "components": [
    {"type": "textfield", "key": "nama", "label": "Nama", "id": "F1"},
    {"type": "datetime", "subtype": "date", "key": "lahir", "label": "Lahir", "id": "F2", "dateLabel": "Lahir"},
    {"type": "number", "key": "jumlah", "label": "Jumlah", "id": "F3"},
    {"type": "select", "key": "jenis", "label": "Jenis", "id": "F4",
     "values": [{"label": "Baru", "value": "b"}, {"label": "Lama", "value": "l"}]},
]}  # fmt: skip
PEOPLE = {"penomor": "Tata Usaha", "direktur": "Direktur"}


def installed(office: Office, register: str = f"izin.nomor = Izin : {PATTERN}", **rest: str) -> None:
    """An SOP whose second step gives a number, and whose third may send it back there."""
    drawing = DRAWING.format(isi=given(formulir="isi"), nomori=given(register=register))
    held = lanes(("Pemohon", "m isi"), ("Tata Usaha", "nomori"), ("Direktur", "tanda x z"))
    held = held.replace('name="Pemohon">', f'name="Pemohon">{given(pemohon="ya")}')
    properties = given(ringkasan="nama", cari="izin.nomor", pencabutan="Direktur", penarikan="Direktur", **rest)
    files = {"izin.bpmn": draw(drawing, properties + held, id="izin"), "isi.form": json.dumps(FORM).encode()}
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered(files)[0], "uji", "uji")
        for name, lane in PEOPLE.items():
            if not ctx.session.scalar(select(Person).where(Person.name == name)):
                people.grant(ctx, people.new_person(ctx, name, PASSWORD, full_name=f"Bu {name}"), lane)


STEPS = {"isi": "pemohon", "nomori": "penomor", "tanda": "direktur"}


def did(office: Office, case_id: int, *steps: str, back: bool = False, **answers: Any) -> None:
    for step in steps:
        office.later(minutes=10)
        with office.work() as ctx:
            task = next(task for task in play.waiting(ctx, case_id) if task.step == step)
            way = ("x_nomori" if back else "x_z") if step == "tanda" else None
            typed = {"nama": "Budi", **answers} if step == "isi" else {}
            cases.complete(ctx, office.actor(ctx, STEPS[step]), task.id, typed, way, "Salah." if back else "")


def voids(office: Office, number: int, reason: str = "Salah urut", name: str = "penomor") -> RegisterEntry:
    office.later(minutes=1)
    with office.work() as ctx:
        return cases.void_number(ctx, office.actor(ctx, name), "Izin", 2026, number, reason)


def bears(office: Office, case_id: int) -> str:
    """The number that a case bears; everything in the database is as the journals say."""
    with office.look() as ctx:
        assert [proof.all_findings for proof in audit.verify(ctx) if not proof.whole] == []
        case = ctx.session.get_one(Case, case_id)
        number = str(cases.data_of(ctx, case)["izin"]["nomor"])
        assert case.status != "open" or number.lower() in case.search
        return number.split("/")[1]


def take_back(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "penomor"), case_id)


def test_a_number_stays_however_often_its_step_is_done_again(office: Office) -> None:
    installed(office)
    case_id = play.apply(office, sop="izin")
    did(office, case_id, "isi", "nomori")
    take_back(office, case_id)
    did(office, case_id, "nomori")
    did(office, case_id, "tanda", back=True)
    did(office, case_id, "nomori", "tanda")
    assert bears(office, case_id) == "0001"


def test_a_number_that_was_struck_out_is_followed_by_the_next(office: Office) -> None:
    """Struck out before or after its step was taken back or returned to; meanwhile another case was numbered."""
    installed(office)
    case_id, other = play.apply(office, sop="izin"), play.apply(office, sop="izin")
    did(office, case_id, "isi", "nomori")
    voids(office, 1)
    assert bears(office, case_id) == "0001"
    take_back(office, case_id)
    assert bears(office, case_id) == "0001"
    did(office, other, "isi", "nomori")
    did(office, case_id, "nomori")
    assert (bears(office, case_id), bears(office, other)) == ("0003", "0002")
    did(office, case_id, "tanda", back=True)
    voids(office, 3, " Tertukar\ndengan berkas lain ")
    did(office, case_id, "nomori", "tanda")
    assert bears(office, case_id) == "0004"
    with office.look() as ctx:
        struck = [(v.number, v.reason) for v in ctx.session.scalars(select(Void).order_by(Void.number))]
        told = [(e.actor, e.lane, e.note, dict(e.body)) for e in journal.entries(ctx, case_id, kind="void")]
    assert struck == [(1, "Salah urut"), (3, "Tertukar dengan berkas lain")]
    body = {"register": "Izin", "year": 2026}
    assert told == [
        ("Bu penomor", "Tata Usaha", "Salah urut", {**body, "number": 1, "text": "503/0001/UJI/XI/2026"}),
        (
            "Bu penomor",
            "Tata Usaha",
            "Tertukar dengan berkas lain",
            {**body, "number": 3, "text": "503/0003/UJI/XI/2026"},
        ),
    ]


WHO: list[tuple[str, int, str, type[cases.Refusal] | None]] = [
    ("penomor", 1, "Salah", None),
    ("penomor", 1, " \n ", cases.ReasonNeeded),
    ("penomor", 1, "x" * 301, cases.TooLarge),
    ("penomor", 2, "Salah", cases.NotNow),  # struck out already
    ("penomor", 3, "Salah", cases.NotNow),  # its case has ended
    ("penomor", 4, "Salah", None),  # reserved
    ("penomor", 9, "Salah", cases.NotFound),
    ("direktur", 1, "Salah", cases.NotYours),  # of the same SOP, in another lane
    ("direktur", 4, "Salah", cases.NotYours),
    ("pemohon", 1, "Salah", cases.NotYours),
    ("auditor", 1, "Salah", cases.NotYours),
    ("pemohon2", 1, "Salah", cases.NotFound),
    ("pemilik", 1, "Salah", cases.NotFound),
    ("LOKET", 1, "Salah", cases.NotFound),  # of another SOP
]


@pytest.mark.parametrize(("name", "number", "reason", "refused"), WHO)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_who_strikes_out_what(
    name: str, number: int, reason: str, refused: type[cases.Refusal] | None, office: Office
) -> None:
    installed(office)
    ids = [play.apply(office, sop="izin") for _ in range(3)]
    for case_id in ids:
        did(office, case_id, "isi", "nomori")
    did(office, ids[2], "tanda")
    voids(office, 2)
    with office.work() as ctx:
        registers.reserve(ctx, "Izin", PATTERN, 2, outage(office, ctx))
    try:
        voids(office, number, reason, name)
        done = None
    except cases.Refusal as said:
        done = type(said)
    assert done == refused
    with office.look() as ctx:
        struck = list(ctx.session.scalars(select(Void.number).order_by(Void.number)))
        assert struck == sorted({2, number} if refused is None else {2})
        assert [proof.all_findings for proof in audit.verify(ctx) if not proof.whole] == []


def test_a_deputy_strikes_out_for_whom_they_stand_in(office: Office) -> None:
    installed(office)
    case_id = play.apply(office, sop="izin")
    did(office, case_id, "isi", "nomori")
    with office.work() as ctx:
        luar, tu = office.person(ctx, "luar"), office.person(ctx, "penomor")
        by = office.person(ctx, "pemilik").id
        ctx.session.add(
            Deputy(person_id=tu.id, deputy_id=luar.id, kind="plh", since=ctx.now, until=ctx.now + timedelta(days=1),
                   reference="ST-1", by_id=by, created_at=ctx.now)
        )  # fmt: skip
    with pytest.raises(cases.Refusal):
        voids(office, 1, name="penomor")  # who is away
    voids(office, 1, name="luar")
    with office.look() as ctx:
        [event] = journal.entries(ctx, case_id, kind="void")
        assert (event.by, audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings) == (
            "Orang Luar (Plh., a.n. Bu penomor)", []
        )  # fmt: skip


def test_what_was_revoked_may_be_struck_out(office: Office) -> None:
    installed(office)
    case_id = play.apply(office, sop="izin")
    did(office, case_id, "isi", "nomori", "tanda")
    with office.work() as ctx:
        cases.act(ctx, office.actor(ctx, "direktur"), case_id, "revoke", "Keliru terbit")
    voids(office, 1)
    assert bears(office, case_id) == "0001"


def test_a_reserved_number_is_a_cases_own_once_used(office: Office) -> None:
    """What somebody wrote on paper is entered: the proof finds it where the event says."""
    installed(office)
    with office.work() as ctx:
        registers.reserve(ctx, "Izin", PATTERN, 3, outage(office, ctx))
    assert verified(office) == []
    case_id = play.apply(office, sop="izin")
    did(office, case_id, "isi", "nomori")
    assert bears(office, case_id) == "0004"
    voids(office, 2)
    assert verified(office) == []


MEDDLED = [
    "DELETE FROM void",
    "UPDATE void SET number = 2",
    "INSERT INTO void SELECT register, year, number, at, by_id, reason FROM (SELECT 'Izin' register, 2026 AS year, 2 AS number, at, by_id, reason FROM void) v",
    "DELETE FROM reserved WHERE number = 3",
    "UPDATE register_entry SET case_id = NULL WHERE number = 2 AND register = 'Izin'",
    "UPDATE register SET last = 5 WHERE name = 'Izin'",
]


@pytest.mark.parametrize("meddled", MEDDLED)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_whatever_is_meddled_with_is_found(meddled: str, office: Office) -> None:
    installed(office)
    for case_id in [play.apply(office, sop="izin") for _ in range(2)]:
        did(office, case_id, "isi", "nomori")
    voids(office, 1)
    with office.work() as ctx:
        registers.reserve(ctx, "Izin", PATTERN, 2, outage(office, ctx))
    assert verified(office) == []
    with office.work() as ctx:
        ctx.session.execute(text("PRAGMA defer_foreign_keys = ON"))
        ctx.session.execute(text(meddled))
    assert verified(office) != []


def verified(office: Office) -> list[list[str]]:
    with office.look() as ctx:
        return [proof.all_findings for proof in audit.verify(ctx) if not proof.whole]


def shared(office: Office) -> None:
    """Another SOP whose step gives numbers of the same register."""
    drawing = f'start m\nuser a "A" <{given(register=f"nomor = Izin : {PATTERN}")}>\nend z\nm > a\na > z'
    bundle = {"lain.bpmn": draw(drawing, lanes(("Lajur lain", "m a z")), id="lain", name="Lain")}
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered(bundle)[0], "uji", "uji")


@pytest.mark.parametrize(
    "pattern", ["{tahun}{urut:4}", "{urut}{tahun}", "{bulan}{urut:3}{tahun}", "A{urut:9}-{bulan_romawi}{tahun}"]
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_number_among_other_digits(pattern: str, office: Office) -> None:
    installed(office, f"izin.nomor = Izin : {pattern}")
    ids = [play.apply(office, sop="izin") for _ in range(3)]
    for case_id in ids:
        did(office, case_id, "isi", "nomori")
    voids(office, 3)
    did(office, ids[2], "tanda", back=True)
    did(office, ids[2], "nomori")
    day = office.now.astimezone(office.settings.zone)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, ids[2])
        assert cases.data_of(ctx, case)["izin"]["nomor"] == registers.text(pattern, 4, day)
    with office.work() as ctx:
        [text] = registers.reserve(ctx, "Izin", pattern, 1, outage(office, ctx))
        assert registers.use(ctx, "Izin", text, ids[0]) == registers.text(pattern, 5, day)
