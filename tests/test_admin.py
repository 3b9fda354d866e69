"""What administrators do on their pages: accounts, lanes from-until, absences; and what stays written of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from app import accounts, audit, bundles, cases, drawn, people, revisions
from app.models import Access, Case, Deputy, Membership, Person, Task
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes
from tests.test_concurrency import together

TODAY, TOMORROW, LATER, YESTERDAY = "2026-11-23", "2026-11-24", "2026-11-27", "2026-11-22"


def words(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def faults(answer: TestResponse) -> dict[str, str]:
    """The fault list of a page: field and message."""
    listed = re.search(r'(?s)class="faults".*?</ul>', answer.text)
    return dict(re.findall(r'<a href="#([^"]+)">([^<]+)</a>', unescape(listed[0]))) if listed else {}


def number(office: Office, name: str) -> int:
    with office.look() as ctx:
        return int(office.person(ctx, name).id)


def written(office: Office) -> list[tuple[str, str]]:
    """What was changed, in the order in which it was."""
    with office.look() as ctx:
        return [
            (a.what, a.detail)
            for a in ctx.session.scalars(select(Access).order_by(Access.id))
            if a.subject_id and a.what != "akun"
        ]  # who looked is told elsewhere


def known(office: Office, name: str, **other: str) -> dict[str, str]:
    """The form of a person's page as it is shown, with something typed into it."""
    with office.look() as ctx:
        p = office.person(ctx, name)
        shown = {
            "nama": p.full_name,
            "pengguna": p.name,
            "surel": p.email,
            "telepon": p.phone,
            "nip": p.nip,
            "jabatan": p.title,
        }
        ticked = {"pengelola": p.admin, "pemilik": p.owner, "pemeriksa": p.auditor, "pemohon": p.applicant}
    form = {k: v or "" for k, v in shown.items()} | {k: "1" for k, v in ticked.items() if v} | other
    return {k: v for k, v in form.items() if v or k not in ticked}


def test_only_administrators_come_in(office: Office) -> None:
    luar = number(office, "luar")
    for name, status in {"pemilik": 200, "auditor": 403, "pemohon": 403, office.counter: 403}.items():
        client = office.client(name)
        for path in ("/pengelola", "/pengelola/orang", f"/pengelola/orang/{luar}", "/pengelola/ketidakhadiran"):
            assert client.get(path).status_code == status, (name, path)
        if status == 403:
            for action in ("", "/sandi", "/nonaktif", "/lajur", "/buka", "/faktor", "/token"):
                assert client.post(f"/pengelola/orang/{luar}{action}", data={}).status_code == 403
    assert office.client("pemilik").get("/pengelola/orang/99999").status_code == 404
    assert written(office) == []


def test_people_are_found(office: Office) -> None:
    admin, counter = office.client("pemilik"), office.counter
    with office.work() as ctx:
        office.person(ctx, "luar").active = False
        office.person(ctx, "auditor").locked_until = ctx.now + timedelta(minutes=5)
        lane = next(lane for lane, name in office.officers.items() if name == counter)
    for query, name, other in (
        ("cari=orang+LUAR", "Orang Luar", "Surya"),
        ("keadaan=nonaktif", "Orang Luar", "Surya"),
        ("keadaan=terkunci", "Surya Wibowo", "Orang Luar"),
        (f"lajur={lane}", f"Petugas {lane}", "Surya"),
        ("cari=%25", "Tidak ada orang yang cocok", "Surya"),
        ("hal=2", "Tidak ada orang yang cocok", "Surya"),
    ):
        page = words(admin.get(f"/pengelola/orang?{query}"))
        assert name in page, query
        assert other not in page, query


def test_a_new_person_logs_in_with_the_password_that_was_shown_once(office: Office) -> None:
    admin = office.client("pemilik")
    page = admin.post(
        "/pengelola/orang/baru",
        data={"nama": "Sari Wulandari", "pengguna": "sari", "surel": "Sari@Contoh.id", "pemeriksa": "1"},
    )
    assert page.status_code == 200
    password = re.search(r'codebox lead-line">([^<]+)<', page.text)
    assert password is not None
    client = office.client()
    assert client.post("/masuk", data={"nama": "sari", "sandi": password[1]}).location == "/"
    assert client.get("/tugas").location == "/sandi"  # it has to be changed first
    assert written(office) == [("akun-baru", "akun dibuat, pemeriksa")]
    with office.look() as ctx:
        person = office.person(ctx, "sari")
        assert (person.email, person.email_verified_at, person.auditor) == ("sari@contoh.id", ctx.now, True)
    assert password[1] not in str(written(office))


FAULTS: list[tuple[dict[str, str], dict[str, str]]] = [
    (
        {"nama": "", "pengguna": " "},
        {"nama": "Tulis nama lengkapnya, seperti pada surat.", "pengguna": "Tulis nama yang dipakai untuk masuk."},
    ),
    ({"pengguna": "AUDITOR"}, {"pengguna": "Nama pengguna ini sudah dipakai orang lain."}),
    ({"surel": "bukan surel"}, {"surel": "Tulis alamat surel yang lengkap, misalnya nama@contoh.id."}),
    ({"surel": "ada@contoh.id"}, {"surel": "Surel ini sudah dipakai orang lain."}),
    ({"pengguna": "ada@contoh.id"}, {"pengguna": "Nama pengguna ini sudah dipakai orang lain."}),
    ({"telepon": "nol delapan"}, {"telepon": "Tulis nomor telepon dengan angka, misalnya 0812 3456 7890."}),
    ({"nip": "9" * 41}, {"nip": "Paling panjang 40 huruf."}),
    ({"nama": "A\u202eB"}, {"nama": "Isian nama lengkap memuat tanda yang tidak dapat dicetak."}),
]


@pytest.mark.parametrize(("typed", "told"), FAULTS)
def test_what_is_typed_wrongly_is_told_beside_its_field(
    office: Office, typed: dict[str, str], told: dict[str, str]
) -> None:
    with office.work() as ctx:
        office.person(ctx, "pemohon").email = "ada@contoh.id"
    luar, admin = number(office, "luar"), office.client("pemilik")
    for path, form in (
        (f"/pengelola/orang/{luar}", known(office, "luar", **typed)),
        ("/pengelola/orang/baru", {"nama": "Orang Baru", "pengguna": "baru", **typed}),
    ):
        answer = admin.post(path, data=form)
        assert (answer.status_code, faults(answer)) == (422, told)
        kept = [value for value in typed.values() if value.strip() and value.isprintable()]
        assert all(value in unescape(answer.text) for value in kept)
    assert written(office) == []


def test_what_was_changed_is_written_and_never_to_what(office: Office) -> None:
    luar, admin = number(office, "luar"), office.client("pemilik")
    form = known(office, "luar", surel="luar@contoh.id", nip="19800101", pemeriksa="1")
    assert admin.post(f"/pengelola/orang/{luar}", data=form).status_code == 303
    assert admin.post(f"/pengelola/orang/{luar}", data=form).status_code == 303  # nothing changes any more
    assert written(office) == [("ubah-akun", "surel, NIP, pemeriksa ditambah")]
    with office.look() as ctx:
        access = ctx.session.scalars(select(Access).where(Access.subject_id == luar, Access.what != "akun")).one()
        assert access.person_id == number(office, "pemilik")


def test_the_last_administrator_stays_one(office: Office) -> None:
    pemilik, admin = number(office, "pemilik"), office.client("pemilik")
    answer = admin.post(f"/pengelola/orang/{pemilik}", data=known(office, "pemilik", pengelola=""))
    assert (answer.status_code, list(faults(answer))) == (422, ["pengelola"])
    assert faults(admin.post(f"/pengelola/orang/{pemilik}/nonaktif")) == {
        "aktif": "Anda tidak dapat menonaktifkan akun Anda sendiri."
    }
    with office.work() as ctx:  # a second one who cannot log in is none
        office.person(ctx, "luar").admin, office.person(ctx, "luar").active = True, False
    assert admin.post(f"/pengelola/orang/{pemilik}", data=known(office, "pemilik", pengelola="")).status_code == 422
    with office.work() as ctx:
        office.person(ctx, "luar").active = True
    assert admin.post(f"/pengelola/orang/{pemilik}", data=known(office, "pemilik", pengelola="")).status_code == 303
    assert admin.get("/pengelola").status_code == 403


def test_a_new_password_ends_whatever_was_open_with_the_old(office: Office) -> None:
    luar, admin, theirs = number(office, "luar"), office.client("pemilik"), office.client("luar")
    with office.work() as ctx:
        office.person(ctx, "luar").locked_until = ctx.now + timedelta(minutes=15)
    password = re.search(r'codebox lead-line">([^<]+)<', admin.post(f"/pengelola/orang/{luar}/sandi").text)
    assert password is not None
    assert "/masuk" in theirs.get("/tugas").location
    assert office.client().post("/masuk", data={"nama": "luar", "sandi": PASSWORD}).status_code == 422
    assert theirs.post("/masuk", data={"nama": "luar", "sandi": password[1]}).status_code == 303
    assert written(office) == [("ubah-akun", "kata sandi disetel ulang")]


def test_an_administrator_unlocks(office: Office) -> None:
    client, admin = office.client(), office.client("pemilik")
    for _ in range(5):
        client.post("/masuk", data={"nama": "luar", "sandi": "salah"})
    assert client.post("/masuk", data={"nama": "luar", "sandi": PASSWORD}).status_code == 422
    assert "Terkunci sampai" in words(admin.get(f"/pengelola/orang/{number(office, 'luar')}"))
    admin.post(f"/pengelola/orang/{number(office, 'luar')}/buka")
    assert client.post("/masuk", data={"nama": "luar", "sandi": PASSWORD}).status_code == 303


def test_tokens_are_revoked(office: Office) -> None:
    with office.work() as ctx:
        secret = people.new_token(ctx, office.person(ctx, "luar"))
    headers = {"Authorization": f"Bearer {secret}"}
    assert office.client().get("/api/v1/sops", headers=headers).status_code == 200
    office.client("pemilik").post(f"/pengelola/orang/{number(office, 'luar')}/token")
    assert office.client().get("/api/v1/sops", headers=headers).status_code == 401
    assert written(office) == [("ubah-akun", "1 token API dicabut")]


def test_who_may_no_longer_log_in_lets_go_of_their_work(office: Office) -> None:
    case_id = play.at_return(office)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        name = play.performer(office, ctx, task).name
        cases.claim(ctx, office.actor(ctx, name), task.id)
    theirs, admin = office.client(name), office.client("pemilik")
    path = f"/pengelola/orang/{number(office, name)}"
    assert "Sedang memegang 1 langkah" in words(admin.get(path))
    assert admin.post(f"{path}/nonaktif").status_code == 303
    assert "/masuk" in theirs.get("/tugas").location
    with office.look() as ctx:
        assert ctx.session.get_one(Task, task.id).assignee_id is None
        assert audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings == []
    assert written(office) == [("ubah-akun", "dinonaktifkan; 1 langkah dilepas")]
    page = words(admin.get(path))
    assert "Akun tidak aktif" in page
    assert admin.post(f"{path}/aktif").status_code == 303
    assert office.client(name).get("/tugas").status_code == 200


# -- lanes ------------------------------------------------------------------------------------------------------------


def local(office: Office, at: datetime | None) -> str:
    return at.astimezone(office.settings.zone).strftime("%m-%d %H.%M") if at else ""


def lane_rows(office: Office, name: str) -> list[tuple[str, str]]:
    with office.look() as ctx:
        rows = select(Membership).where(Membership.person_id == office.person(ctx, name).id).order_by(Membership.since)
        return [(local(office, row.since), local(office, row.until)) for row in ctx.session.scalars(rows)]


def test_a_lane_is_given_and_ended_from_a_day(office: Office) -> None:
    lane, luar, admin = next(iter(office.officers)), number(office, "luar"), office.client("pemilik")
    path = f"/pengelola/orang/{luar}/lajur"
    assert admin.post(path, data={"lajur": lane, "lajur_sejak": TODAY, "lajur_sampai": TOMORROW}).status_code == 303
    assert admin.post(path, data={"lajur": lane, "lajur_sejak": LATER}).status_code == 303
    assert lane_rows(office, "luar") == [("11-23 10.00", "11-25 00.00"), ("11-27 00.00", "")]
    with office.look() as ctx:
        ids = list(
            ctx.session.scalars(select(Membership.id).where(Membership.person_id == luar).order_by(Membership.since))
        )
    answer = admin.post(f"{path}/{ids[0]}", data={f"akhir_{ids[0]}": YESTERDAY})
    assert (answer.status_code, list(faults(answer))) == (422, [f"akhir_{ids[0]}"])
    assert admin.post(f"{path}/{ids[0]}", data={f"akhir_{ids[0]}": TOMORROW}).status_code == 303
    assert admin.post(f"{path}/{ids[1]}", data={f"akhir_{ids[1]}": TODAY}).status_code == 303  # it never began
    assert lane_rows(office, "luar") == [("11-23 10.00", "11-24 00.00")]
    office.later(minutes=5)
    assert admin.post(f"{path}/{ids[0]}", data={f"akhir_{ids[0]}": TODAY}).status_code == 303
    assert lane_rows(office, "luar") == [("11-23 10.00", "11-23 10.05")]
    assert admin.post(f"{path}/{ids[0]}", data={f"akhir_{ids[0]}": TODAY}).status_code == 404  # over
    assert "11-23" not in words(admin.get(f"/pengelola/orang/{luar}"))
    assert "Sudah berakhir" in words(admin.get(f"/pengelola/orang/{luar}"))
    assert [what for what, _ in written(office)] == ["ubah-lajur"] * 5


LANES = [
    ({"lajur": "Tidak Ada", "lajur_sejak": TODAY}, {"lajur": "Pilih salah satu lajur."}),
    ({"lajur": "A LANE", "lajur_sejak": ""}, {"lajur_sejak": "Tulis mulai kapan."}),
    ({"lajur": "A LANE", "lajur_sejak": YESTERDAY}, {"lajur_sejak": "Lajur tidak dapat diberikan mundur: riwayat menyebut siapa memegangnya pada tiap hari."}),
    ({"lajur": "A LANE", "lajur_sejak": LATER, "lajur_sampai": TODAY}, {"lajur_sampai": "Hari terakhir lebih awal daripada hari pertama."}),
    ({"lajur": "A LANE", "lajur_sejak": TODAY, "lajur_sampai": "9999-12-31"}, {"lajur_sampai": "Tulis tanggal yang benar, atau kosongkan."}),
    ({"lajur": "HELD", "lajur_sejak": LATER}, {"lajur": "Lajur ini sudah dipegangnya selama itu."}),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "told"), LANES)
def test_lanes_that_cannot_be_given(office: Office, typed: dict[str, str], told: dict[str, str]) -> None:
    names = {"A LANE": list(office.officers)[1], "HELD": next(iter(office.officers))}
    person = office.officers[names["HELD"]]
    answer = office.client("pemilik").post(
        f"/pengelola/orang/{number(office, person)}/lajur",
        data={**typed, "lajur": names.get(typed["lajur"], typed["lajur"])},
    )
    assert (answer.status_code, faults(answer)) == (422, told)


def test_an_unknown_lane_of_somebody_else_is_not_found(office: Office) -> None:
    first, second = list(office.officers.values())[:2]
    with office.look() as ctx:
        theirs = ctx.session.scalar(select(Membership.id).where(Membership.person_id == office.person(ctx, first).id))
    path = f"/pengelola/orang/{number(office, second)}/lajur/{theirs}"
    assert office.client("pemilik").post(path, data={f"akhir_{theirs}": TODAY}).status_code == 404


# -- absences ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(office: Office) -> Office:
    """Two lanes that keep four eyes on each other, held by `sari` and `budi`; `wakil` holds nothing."""
    text = 'start m\nuser a "Paraf" <{0}>\nuser b "Setujui" <{1}>\nend z\nm > a\na > b\nb > z'
    drawn = draw(
        text.format(given(nomor="1"), given(empat_mata="a")),
        lanes(("Pemaraf", "m a"), ("Penyetuju", "b z")),
        id="paraf",
    )
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"paraf.bpmn": drawn})[0], "uji", "uji")
        for name, lane in (("sari", "Pemaraf"), ("budi", "Penyetuju"), ("wakil", ""), ("pergi", "")):
            person = people.new_person(ctx, name, PASSWORD, full_name=name.title(), active=name != "pergi")
            if lane:
                people.grant(ctx, person, lane)
    return office


def absent(office: Office, **typed: Any) -> dict[str, str]:
    form = {
        "orang": "sari",
        "wakil": "wakil",
        "jenis": "plh",
        "sejak": TODAY,
        "sampai": LATER,
        "surat": "SP 12/2026",
        **typed,
    }
    with office.look() as ctx:
        ids = {p.name: str(p.id) for p in ctx.session.scalars(select(Person))}
    return {name: ids.get(value, value) for name, value in form.items()}


def test_an_absence_is_entered_ended_and_seen_by_whom_it_concerns(pair: Office) -> None:
    admin = pair.client("pemilik")
    assert admin.post("/pengelola/ketidakhadiran", data=absent(pair)).status_code == 303
    pair.later(minutes=1)
    assert "Anda sedang diwakili oleh Wakil sampai Jumat, 27 November 2026." in words(pair.client("sari").get("/tugas"))
    assert "Anda mewakili Sari (Plh.) sampai" in words(pair.client("wakil").get("/tugas"))
    for name in ("sari", "wakil"):
        assert "Sari diwakili Wakil Plh. Sedang berlangsung" in words(pair.client(name).get("/akun/ketidakhadiran"))
    assert "Tidak ada yang tercatat" in words(pair.client("budi").get("/akun/ketidakhadiran"))
    with pair.look() as ctx:
        absence = ctx.session.scalars(select(Deputy)).one()
        assert (local(pair, absence.since), local(pair, absence.until)) == ("11-23 10.00", "11-28 00.00")
    assert admin.post(f"/pengelola/ketidakhadiran/{absence.id}/akhiri").status_code == 303
    pair.later(minutes=1)
    assert "Anda sedang diwakili" not in words(pair.client("sari").get("/tugas"))
    assert admin.post(f"/pengelola/ketidakhadiran/{absence.id}/akhiri").status_code == 404
    assert admin.post("/pengelola/ketidakhadiran", data=absent(pair, sejak=TOMORROW)).status_code == 303
    with pair.look() as ctx:
        ahead = ctx.session.scalars(select(Deputy.id).where(Deputy.since > ctx.now)).one()
    assert "dibatalkan" in words(admin.post(f"/pengelola/ketidakhadiran/{ahead}/akhiri", follow_redirects=True))
    assert [detail for _, detail in written(pair)] == [
        "diwakili Wakil, plh, 23 November 2026 sampai 27 November 2026; SP 12/2026",
        "diakhiri lebih awal; SP 12/2026",
        "diwakili Wakil, plh, 24 November 2026 sampai 27 November 2026; SP 12/2026",
        "dibatalkan; SP 12/2026",
    ]


ABSENCES: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"orang": ""}, {"orang": "Pilih siapa yang tidak hadir."}),
    ({"orang": "99999"}, {"orang": "Pilih siapa yang tidak hadir."}),
    ({"wakil": "sari"}, {"wakil": "Seseorang tidak dapat mewakili dirinya sendiri."}),
    ({"wakil": "pergi"}, {"wakil": "Akun Pergi tidak aktif; pilih wakil yang dapat masuk."}),
    ({"wakil": "pemohon"}, {"wakil": "Andi Pratama adalah pemohon; wakil haruslah petugas."}),
    ({"jenis": "tidur"}, {"jenis": "Pilih salah satu: Plt., Plh., atau cuti."}),
    ({"surat": " "}, {"surat": "Tulis nomor dan tanggal suratnya."}),
    ({"sejak": YESTERDAY}, {"sejak": "Ketidakhadiran tidak dapat dicatat mundur: yang sudah dikerjakan tetap atas nama pelakunya."}),
    ({"sejak": "besok"}, {"sejak": "Tulis hari pertamanya."}),
    ({"sejak": LATER, "sampai": TODAY}, {"sampai": "Hari terakhir lebih awal daripada hari pertama."}),
    ({"sampai": "2040-01-01"}, {"sampai": "Paling lama lima tahun; sesudah itu catat lagi dengan surat yang baru."}),
    ({"sampai": "9999-12-31"}, {"sampai": "Tulis hari terakhirnya."}),
    ({"orang": "wakil", "wakil": "budi"}, {"orang": "Wakil tidak memegang lajur apa pun selama itu; tidak ada yang perlu diwakilkan."}),
    ({"orang": "budi", "wakil": "wakil", "sejak": LATER}, {"sejak": "Budi sudah diwakili Petugas X dari 23 November 2026 sampai 27 November 2026."}),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "told"), ABSENCES)
def test_absences_that_cannot_be(pair: Office, typed: dict[str, str], told: dict[str, str]) -> None:
    with pair.work() as ctx:
        someone = people.new_person(ctx, "x", PASSWORD, full_name="Petugas X")
        budi, by = pair.person(ctx, "budi"), pair.person(ctx, "pemilik")
        until = datetime(2026, 11, 28, tzinfo=pair.settings.zone)
        ctx.session.add(
            Deputy(
                person_id=budi.id,
                deputy_id=someone.id,
                kind="cuti",
                since=ctx.now,
                until=until,
                reference="a",
                by_id=by.id,
                created_at=ctx.now,
            )
        )
    answer = pair.client("pemilik").post("/pengelola/ketidakhadiran", data=absent(pair, **typed, tetap="1"))
    assert (answer.status_code, faults(answer)) == (422, told)
    with pair.look() as ctx:
        assert len(ctx.session.scalars(select(Deputy)).all()) == 1


WARNINGS: list[tuple[list[tuple[str, str]], tuple[str, str], str]] = [
    ([], ("sari", "budi"), "tidak boleh dikerjakan orang yang sama. Berkas yang langkah pertamanya dikerjakan Budi akan tertahan"),
    ([], ("budi", "sari"), "tidak boleh dikerjakan orang yang sama. Berkas yang langkah pertamanya dikerjakan Sari akan tertahan"),
    ([("sari", "wakil")], ("budi", "wakil"), "Berkas yang langkah pertamanya dikerjakan Wakil akan tertahan"),
    ([("sari", "wakil")], ("wakil", "pemilik"), "Wakil sedang mewakili Sari; wewenang itu tidak pindah ke Kartika Dewanti, sehingga Sari tidak punya wakil."),
    ([("wakil", "pemilik")], ("sari", "wakil"), "Wakil sendiri tidak hadir dari 23 November 2026: selama itu Sari tidak punya wakil"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "now", "told"), WARNINGS)
def test_what_would_get_stuck_is_said_first(
    pair: Office, before: list[tuple[str, str]], now: tuple[str, str], told: str
) -> None:
    with pair.work() as ctx:
        people.grant(ctx, pair.person(ctx, "wakil"), min(drawn.counters(pair.definition)))
    admin = pair.client("pemilik")
    for person, deputy in before:
        assert admin.post("/pengelola/ketidakhadiran", data=absent(pair, orang=person, wakil=deputy)).status_code == 303
    form = absent(pair, orang=now[0], wakil=now[1])
    answer = admin.post("/pengelola/ketidakhadiran", data=form)
    assert answer.status_code == 422
    assert told in words(answer)
    with pair.look() as ctx:
        assert len(ctx.session.scalars(select(Deputy)).all()) == len(before)
    assert admin.post("/pengelola/ketidakhadiran", data={**form, "tetap": "1"}).status_code == 303


def test_the_operator_makes_accounts_as_well(office: Office) -> None:
    duties = dict.fromkeys(accounts.DUTIES, False)
    with office.work() as ctx:
        person, password = accounts.create(ctx, None, {"name": "op", "full_name": "Operator"}, duties)
        assert people.password_fits(person, password)
        assert accounts.reset(ctx, None, person) != password
        assert not people.password_fits(person, password)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_who_deactivates_an_administrator_keeps_no_other_from_their_work(office: Office) -> None:
    """Whose event is written refers to their row; it must not wait for whoever waits for that very case."""
    with office.work() as ctx:
        people.new_person(ctx, "pengelola2", PASSWORD, full_name="Pengelola Dua", admin=True)
        people.new_person(ctx, "pengelola3", PASSWORD, full_name="Pengelola Tiga", admin=True)
    with office.work() as ctx:
        accounts.deactivate(ctx, office.person(ctx, "pemilik"), office.person(ctx, "pengelola2"))
        with office.work() as other:
            other.session.execute(text("SET LOCAL lock_timeout = '200ms'"))
            at_work = select(Person.id).where(Person.name == "pengelola3")
            assert other.session.scalar(at_work.with_for_update(read=True, key_share=True))


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_two_administrators_who_deactivate_each_other_wait_in_one_order(office: Office) -> None:
    with office.work() as ctx:
        people.new_person(ctx, "pemilik2", PASSWORD, full_name="Pengelola Kedua", admin=True)
    both = ("pemilik", "pemilik2")
    for _ in range(4):
        browsers = {name: office.client(name) for name in both}
        pages = {name: f"/pengelola/orang/{number(office, name)}/nonaktif" for name in both}
        posts = [partial(browsers[one].post, pages[other]) for one, other in (both, both[::-1])]
        answers = [getattr(answer, "status_code", answer) for answer in together(posts)]
        assert max(answers) < 500, answers
        with office.work() as ctx:
            admins = [office.person(ctx, name) for name in both]
            assert sum(person.active for person in admins) == 1
            for person in admins:
                person.active = True
