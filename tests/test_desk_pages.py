"""The pages of the desk: several at once, saved views, what is refused beside its field, what is nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import bundles, cases, people, revisions
from app.models import Case, Event, Mention, Presence, SavedView, Task
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes
from tests.test_pages import words

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
NAUGHTY = "<script>alert(1)</script>\"'&"
FLOW = (
    'start m\nuser a "Paraf" <{}>\nuser b "Teliti"\nxor g\nend z\nm > a\na > g\n'
    'g > b "Benar, diparaf"\ng > a "Perbaiki"\nb > z'
).format(given(nomor="1"))
LANES = lanes(("Staf", "m a g"), ("Kepala Ruang", "b z")).replace('"Staf">', '"Staf">' + given(pemohon="tidak"))


@dataclass(frozen=True)
class Desk:
    """Colleagues with three cases at a step that asks nothing, and somebody of another lane with a task of theirs."""

    office: Office
    tasks: list[int]
    other: int

    def send(self, who: str, path: str, **data: object) -> str:
        """What the page says that comes of a POST."""
        return words(self.office.client(who).post(path, data=data, follow_redirects=True))

    def holders(self) -> list[str | None]:
        with self.office.look() as ctx:
            found = [ctx.session.get_one(Task, task) for task in self.tasks]
            return [task.assignee.name if task.assignee else None for task in found]

    def open(self) -> list[bool]:
        with self.office.look() as ctx:
            return [ctx.session.get_one(Task, task).closed_at is None for task in self.tasks]


@pytest.fixture
def desk(office: Office) -> Iterator[Desk]:
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"ruang.bpmn": draw(FLOW, LANES, id="ruang")})[0], "uji", "uji")
        for name, lane in (("sari", "Staf"), ("budi", "Staf"), ("joko", "Kepala Ruang")):
            people.grant(ctx, people.new_person(ctx, name, PASSWORD, full_name=name.title()), lane)
    mine = [play.apply(office, "sari", "ruang") for _ in range(3)]
    elsewhere = play.apply(office)
    play.step(office, elsewhere)
    with office.look() as ctx:
        first = [play.waiting(ctx, case_id)[0].id for case_id in mine]
        yield Desk(office, first, play.waiting(ctx, elsewhere)[0].id)


def test_several_at_once(desk: Desk) -> None:
    with desk.office.work() as ctx:
        cases.claim(ctx, desk.office.actor(ctx, "budi"), desk.tasks[0])
    said = desk.send("sari", "/tugas/beberapa", tugas=desk.tasks, tindakan="ambil")
    assert "2 tugas diambil. 1 tidak: Langkah ini sedang dikerjakan Budi." in said
    assert desk.holders() == ["budi", "sari", "sari"]
    said = desk.send("sari", "/tugas/beberapa", tugas=desk.tasks, tindakan="serahkan", kepada="budi", pesan="")
    assert "3 tugas diserahkan." in said
    said = desk.send("sari", "/tugas/beberapa", tugas=desk.tasks, tindakan="serahkan", kepada="sari")
    assert "0 tugas diserahkan. 3 tidak: Tulis alasannya: langkah ini sedang dikerjakan Budi." in said
    said = desk.send("budi", "/tugas/beberapa", tugas=desk.tasks[:2], tindakan="selesai:g_b")
    assert "2 tugas selesai." in said
    assert desk.open() == [False, False, True]
    with desk.office.look() as ctx:
        done = ctx.session.scalars(select(Event.choice).where(Event.kind == "complete", Event.step == "a")).all()
        assert done == ["g_b", "g_b"]


NEVER = [  # who marks what, and sends what -> what is said, and nothing is done
    ("sari", "tasks", "selesai:g_a", "0 tugas selesai. 3 tidak: Keputusan ini tidak ada pada langkahnya."),
    ("sari", "tasks", "selesai:", "0 tugas selesai. 3 tidak: Keputusan ini tidak ada pada langkahnya."),
    ("sari", "tasks", "serahkan", "Pilih dahulu rekan yang menerima."),
    ("sari", "none", "ambil", "Tandai dahulu tugas"),
    ("sari", "tasks", "lainnya", ""),
    ("joko", "tasks", "ambil", "0 tugas diambil. 3 tidak: Langkah ini bukan bagian Anda."),
    ("joko", "tasks", "selesai:g_b", "0 tugas selesai. 3 tidak: Langkah ini bukan bagian Anda."),
    ("LAIN", "tasks", "ambil", "0 tugas diambil. 3 tidak: bukan untuk Anda, atau sudah tidak ada."),
    ("sari", "other", "ambil", "0 tugas diambil. 1 tidak: bukan untuk Anda, atau sudah tidak ada."),
    ("sari", "junk", "ambil", "0 tugas diambil. 1 tidak: bukan untuk Anda, atau sudah tidak ada."),
]


@pytest.mark.parametrize(("who", "which", "action", "said"), NEVER)
def test_several_at_once_are_each_as_one(desk: Desk, who: str, which: str, action: str, said: str) -> None:
    marked = {"tasks": desk.tasks, "none": [], "other": [desk.other], "junk": ["999999", "x", "-1", "9" * 30]}[which]
    name = desk.office.elsewhere if who == "LAIN" else who
    assert said in desk.send(name, "/tugas/beberapa", tugas=marked, tindakan=action)
    assert (desk.holders(), desk.open()) == ([None] * 3, [True] * 3)


def test_what_must_be_filled_in_is_done_one_by_one(office: Office) -> None:
    """A step whose form asks for something, and steps of two kinds, are not completed in a heap."""
    while True:
        case_id = play.apply(office)
        with office.look() as ctx:
            task = play.waiting(ctx, case_id)[0]
            asks = not cases.asks_nothing(ctx, task)
        if asks:
            break
    second = play.apply(office)
    play.step(office, second)
    with office.look() as ctx:
        other = play.waiting(ctx, second)[0]
        who = play.performer(office, ctx, other).name
    client = office.client(who)
    page = client.post("/tugas/beberapa", data={"tugas": [task.id, other.id], "tindakan": "selesai"})
    assert page.status_code == 303
    with office.look() as ctx:
        assert [ctx.session.get_one(Task, t).closed_at for t in (task.id, other.id)] == [None, None]


def test_what_is_offered_for_several(desk: Desk) -> None:
    page = desk.office.client("sari").get("/tugas").text
    assert [value for value in ("ambil", "serahkan", "selesai:g_b", "selesai:g_a") if f'value="{value}"' in page] == [
        "ambil", "serahkan", "selesai:g_b",
    ]  # fmt: skip
    assert page.count('name="tugas"') == 3
    assert 'value="budi"' in page
    assert 'value="sari"' not in page


def test_saved_views(desk: Desk) -> None:
    office, client = desk.office, desk.office.client("sari")

    def save(name: str) -> TestResponse:
        return client.post("/tugas/saringan", data={"nama": name, "belum_diambil": "1", "cari": "ruang & <b>"})

    assert save(NAUGHTY[:60]).status_code == 303
    again = save(NAUGHTY[:60])
    assert again.status_code == 422
    assert "Anda sudah menyimpan saringan bernama" in again.text
    assert save("").status_code == 422
    page = client.get("/tugas?belum_diambil=1&cari=ruang+%26+<b>").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    link = re.search(r'href="(/tugas\?[^"]+)" aria-current="true"><span>&lt;script', page)
    assert link is not None
    with office.look() as ctx:
        view = ctx.session.scalars(select(SavedView)).one()
    office.client("budi").post(f"/tugas/saringan/{view.id}/hapus")
    with office.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(SavedView)) == 1
    client.post(f"/tugas/saringan/{view.id}/hapus")
    with office.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(SavedView)) == 0


SMALL_FORMS = [  # address, what was sent -> the words beside the field; what was typed is still there
    ("serahkan", {"kepada": "joko", "pesan": NAUGHTY}, "Tidak ada rekan bernama “joko” di Staf saat ini."),
    ("serahkan", {"kepada": "budi", "pesan": "x" * 4001}, "Isian terlalu panjang."),
    ("tunda", {"sampai": "besok", "alasan_tunda": NAUGHTY}, "Pilih tanggalnya."),
    ("tunda", {"sampai": "2020-01-01", "alasan_tunda": NAUGHTY}, "Pilih hari sesudah hari ini"),
]


@pytest.mark.parametrize(("where", "sent", "said"), SMALL_FORMS)
def test_what_is_refused_stands_beside_its_field(desk: Desk, where: str, sent: dict[str, str], said: str) -> None:
    answer = desk.office.client("sari").post(f"/tugas/{desk.tasks[0]}/{where}", data=sent)
    assert answer.status_code == 422
    assert said in words(answer)
    assert "<script>alert" not in answer.text
    kept = [value for value in sent.values() if len(value) < 100 and value not in ("joko", "budi", "besok")]
    assert [value for value in kept if value not in words(answer) and f'value="{value}"' not in answer.text] == []


def test_hand_over_and_put_off(desk: Desk) -> None:
    office, task = desk.office, desk.tasks[0]
    assert "diserahkan kepada Budi." in desk.send("sari", f"/tugas/{task}/serahkan", kepada="budi", pesan=NAUGHTY)
    page = office.client("budi").get(f"/tugas/{task}")
    assert "Diserahkan oleh Sari" in words(page)
    assert NAUGHTY in words(page)
    assert "<script>alert" not in page.text + office.client("budi").get("/tugas").text
    assert "Diserahkan oleh Sari" in words(office.client("budi").get("/tugas"))
    assert "ditunda sampai Kamis, 26 November 2026" in desk.send("budi", f"/tugas/{task}/tunda", sampai="2026-11-26")
    assert f'/tugas/{task}"' not in office.client("budi").get("/tugas").text
    assert f'/tugas/{task}"' in office.client("budi").get("/tugas?ditunda=1").text
    assert "ditunda sampai 26 November 2026" in words(office.client("sari").get("/tugas"))
    assert "Anda menunda langkah ini" in words(office.client("budi").get(f"/tugas/{task}"))
    assert "kembali di kotak tugas Anda" in desk.send("budi", f"/tugas/{task}/tunda", batal="1")


def test_notes(desk: Desk) -> None:
    office, task = desk.office, desk.tasks[0]
    with office.look() as ctx:
        case_id = ctx.session.get_one(Task, task).case_id
    sent = {"catatan": f"{NAUGHTY} @budi {NAUGHTY}", "sebut": ["budi", "luar"], "tugas": str(task)}
    answer = office.client("sari").post(f"/permohonan/{case_id}/catatan", data=sent, follow_redirects=True)
    assert "Diberi tahu: Budi." in words(answer)
    assert "Tidak diberi tahu: @luar" in words(answer)
    assert f"@luar {sent['catatan']}" in words(answer)
    assert "<b>@budi</b>" in answer.text
    assert "<script>alert" not in answer.text
    empty = office.client("sari").post(f"/permohonan/{case_id}/catatan", data={"catatan": "  "})
    assert (empty.status_code, "Tulis dahulu catatannya." in words(empty)) == (422, True)
    budi = office.client("budi")
    assert "Disebut 1" in words(budi.get("/tugas"))
    listed = budi.get("/tugas/menyebut-saya")
    assert NAUGHTY in words(listed)
    assert "<script>alert" not in listed.text
    assert "Menyebut Anda" in words(budi.get(f"/permohonan/{case_id}"))
    with office.look() as ctx:  # looking alone writes nothing
        assert ctx.session.scalars(select(Mention.read_at)).all() == [None]
    quiet = budi.post(f"/permohonan/{case_id}/dibaca", headers={"X-Requested-With": "fetch"})
    assert (quiet.json, quiet.headers.get("Set-Cookie")) == ({"menyebut": 0}, None)
    assert "Menyebut Anda" not in words(budi.get(f"/permohonan/{case_id}"))
    for who, status in (("luar", 403), ("pemohon", 403), (office.elsewhere, 404)):
        assert office.client(who).post(f"/permohonan/{case_id}/catatan", data=sent).status_code == status


def test_who_is_looking(desk: Desk) -> None:
    office = desk.office
    with office.look() as ctx:
        case_id = ctx.session.get_one(Task, desk.tasks[0]).case_id
    budi, sari = office.client("budi"), office.client("sari")
    assert [c.post(f"/permohonan/{case_id}/hadir").json for c in (budi, budi, sari)] == [
        {"juga": ""}, {"juga": ""}, {"juga": "Budi juga sedang membuka berkas ini."},
    ]  # fmt: skip
    assert "Sari juga sedang membuka berkas ini." in words(budi.get(f"/permohonan/{case_id}"))
    assert "Sari juga sedang membuka berkas ini." in words(budi.get(f"/tugas/{desk.tasks[0]}"))
    assert [office.client(who).post(f"/permohonan/{case_id}/hadir").status_code for who in ("luar", "pemohon")] == [
        404,
        404,
    ]
    own = play.apply(office, office.opener)
    assert office.client(office.opener).post(f"/permohonan/{own}/hadir").status_code == 404  # an applicant is not told
    with office.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(Presence)) == 2
        assert ctx.session.scalar(select(func.count()).select_from(Case)) == 5


def test_figures_without_a_reload(desk: Desk) -> None:
    office, sari = desk.office, desk.office.client("sari")
    since = re.search(r'data-since="(\d+)"', sari.get("/tugas").text)
    assert since is not None
    address = f"/tugas/angka?sejak={since[1]}"
    plain = sari.get("/tugas/angka")
    assert (plain.json, plain.headers.get("Set-Cookie")) == (
        {"angka": {"/tugas": "3", "/tugas/menyebut-saya": "0"}},
        None,
    )
    quiet = {"mine": "0", "overdue": "0", "returned": "0", "postponed": "0", "/tugas/menyebut-saya": "0"}
    assert sari.get(address).json == {"angka": {**quiet, "/tugas": "3", "ruang|Staf|a": "3"}, "baru": ""}
    play.apply(office, "budi", "ruang")
    assert sari.get(address).json == {"angka": {**quiet, "/tugas": "4", "ruang|Staf|a": "4"}, "baru": "1 tugas baru."}
    assert office.client("luar").get("/tugas/angka").status_code == 403
