"""An SOP that nobody applies for: whoever holds the lane of its start begins it, for the office; nobody else is asked to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app import audit, bundles, cases, config, database, demo, drawn, migrations, people, revisions
from app.context import Context
from app.models import Case, Person
from tests.conftest import PASSWORD, Database, Office
from tests.drawn import draw, given, lanes

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
STEPS = """
start rapat @0 "Usulan rutin"
start laporan @100 "Laporan masyarakat"
user usul @0 "Usulkan"
user catat @100 "Catat laporan"
user putus @200 "Putuskan"
end akhir @200
rapat > usul
laporan > catat
usul > putus
catat > putus
putus > akhir
"""
OUTER = 'start m\nuser a "Ajukan"\nuser b "Periksa"\nend z\nm > a\na > b\nb > z'
TITLE, OFFERED = "Penertiban Berkala", "Izin Keramaian"
BEGIN = "Mulai proses baru"


def sop(mark: bool = True) -> bytes:
    """Three lanes; that of the usual start says that nobody applies."""
    rooms = lanes(("Seksi", "rapat usul"), ("Piket", "laporan catat"), ("Kepala", "putus akhir"))
    rooms = rooms.replace('name="Seksi">', f'name="Seksi">{given(pemohon="tidak")}') if mark else rooms
    return draw(STEPS, given(kantor_nama="Balai Contoh", kantor_kota="Contoh") + rooms, id="tertib", name=TITLE)


def install(ctx: Context, **files: bytes) -> None:
    for bundle in bundles.gathered({f"{name}.bpmn": content for name, content in files.items()}):
        revisions.install(ctx, bundle, "uji", "uji")


@pytest.fixture
def balai(db: Database, tmp_path: Path) -> Iterator[Office]:
    """Such an SOP beside one that people apply for. `ganda` applies for things too, and works in the section."""
    office = Office(db, tmp_path / "files", "tertib")
    with office.work() as ctx:
        process = given(kantor_nama="Dinas Contoh") + lanes(("Pemohon", "m a"), ("Loket", "b z"))
        install(ctx, tertib=sop(), ramai=draw(OUTER, process, id="ramai", name=OFFERED))
        for name, held in (
            ("seksi", "Seksi"),
            ("piket", "Piket"),
            ("kepala", "Kepala"),
            ("loket", "Loket"),
            ("ganda", "Seksi"),
        ):
            person = people.new_person(ctx, name, PASSWORD, full_name=f"Petugas {held}", applicant=name == "ganda")
            people.grant(ctx, person, held)
        people.new_person(ctx, "pemohon", PASSWORD, full_name="Andi Pratama", applicant=True)
        people.new_person(ctx, "luar", PASSWORD, full_name="Orang Luar")
    yield office
    office.close()


def test_no_lane_is_the_applicants_and_nobody_files_for_others(balai: Office) -> None:
    definition = balai.definition
    assert (definition.applicant_lane, drawn.counters(definition)) == (None, set())


def test_without_the_mark_the_lane_of_the_start_is_the_applicants(balai: Office) -> None:
    with balai.work() as ctx:
        install(ctx, tertib=sop(mark=False))
    assert balai.definition.applicant_lane == "Seksi"


BEGUN: list[tuple[str, str | None, str | None, str]] = [  # who, at which start, for whom; the step that opens
    ("seksi", None, None, "Usulkan"),
    ("seksi", "rapat", None, "Usulkan"),
    ("piket", "laporan", None, "Catat laporan"),
    ("ganda", None, None, "Usulkan"),
    ("seksi", "laporan", None, ""),
    ("piket", None, None, ""),
    ("kepala", None, None, ""),
    ("pemohon", None, None, ""),
    ("pemohon", "laporan", None, ""),
    ("luar", None, None, ""),
    ("loket", None, None, ""),
    ("seksi", None, "pemohon", ""),
    ("loket", None, "Warga", ""),
]


@pytest.mark.parametrize(("who", "start", "behalf", "step"), BEGUN)
def test_who_begins_it(balai: Office, who: str, start: str | None, behalf: str | None, step: str) -> None:
    with balai.work() as ctx:
        token = people.new_token(ctx, balai.person(ctx, who))
    asked = {"sop": "tertib", **({"start": start} if start else {}), **({"on_behalf_of": behalf} if behalf else {})}
    answer = balai.app.test_client().post("/api/v1/cases", json=asked, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == (201 if step else 403)
    with balai.look() as ctx:
        found = list(ctx.session.scalars(select(Case)))
        assert [task.name for case in found for task in cases.open_tasks(ctx, case)] == ([step] if step else [])
        assert [(case.applicant_id, case.applicant_name) for case in found] == [(None, "Balai Contoh")] * len(found)
        assert [proof.all_findings for proof in audit.verify(ctx)] == [[]] * len(found)


PAGES: list[tuple[str, bool, bool, int]] = [  # who, sees it on the first page, is offered to begin, GET of its form
    ("", False, False, 302),
    ("pemohon", False, False, 403),
    ("luar", False, False, 403),
    ("loket", False, False, 403),
    ("kepala", True, False, 403),
    ("seksi", True, True, 200),
    ("piket", True, True, 200),
    ("ganda", True, True, 200),
]


@pytest.mark.parametrize(("who", "listed", "offered", "form"), PAGES)
def test_what_pages_offer(balai: Office, who: str, listed: bool, offered: bool, form: int) -> None:
    client = balai.client(who or None)
    first, page = client.get("/").text, client.get("/layanan/tertib").text
    assert (TITLE in first, OFFERED in first) == (listed, True)
    assert (BEGIN in page, "Ajukan permohonan" in page) == (offered, False)
    assert client.get("/layanan/tertib/ajukan").status_code == form
    assert "Ajukan untuk pemohon" not in client.get("/layanan/tertib/ajukan").text
    if who:
        assert (f"Mulai: {TITLE}" in client.get("/tugas").text) == offered
    services = client.get("/permohonan").text.partition("Permohonan baru")[2] if who else ""
    assert (TITLE in services) == offered


def test_begun_from_its_page_once(balai: Office) -> None:
    """Each holder at the start that is theirs; a double click begins one."""
    for who, way in (("seksi", ""), ("piket", "laporan")):
        client = balai.client(who)
        page = client.get("/layanan/tertib").text
        assert ('name="jalan" value="laporan"' in page) == bool(way)
        sent = [client.post("/layanan/tertib/ajukan", data={"jalan": way}) for _ in range(2)]
        assert [(answer.status_code, answer.location) for answer in sent] == [(303, sent[0].location)] * 2
        assert sent[0].location.startswith("/tugas/")
        assert "emohon Balai" not in client.get(sent[0].location).text
    assert balai.client("pemohon").post("/layanan/tertib/ajukan").status_code == 403
    with balai.look() as ctx:
        assert [case.filed_by_id for case in ctx.session.scalars(select(Case).order_by(Case.id))] == [
            balai.person(ctx, name).id for name in ("seksi", "piket")
        ]


OFFICES = [
    ("", "/", "Dinas Contoh"),
    ("", "/layanan/tertib", "Balai Contoh"),
    ("", "/layanan/ramai", "Dinas Contoh"),
    ("seksi", "/tugas", "Balai Contoh"),
    ("loket", "/tugas", "Dinas Contoh"),
    ("seksi", "/layanan/ramai", "Dinas Contoh"),
    ("seksi", "/permohonan/1", "Balai Contoh"),
    ("seksi", "/tugas/1", "Balai Contoh"),
    ("seksi", "/permohonan/1/putar", "Balai Contoh"),
]


@pytest.mark.parametrize(("who", "path", "name"), OFFICES)
def test_a_page_bears_the_office_whose_sop_it_is_about(balai: Office, who: str, path: str, name: str) -> None:
    with balai.work() as ctx:
        cases.open_case(ctx, balai.actor(ctx, "seksi"), "tertib")
    page = balai.client(who or None).get(path).text
    assert [other for other in ("Balai Contoh", "Dinas Contoh") if f"<span>{other}" in page] == [name]
    assert f"· {name}</title>" in page


def test_a_demo_of_it(kind: str, tmp_path: Path) -> None:
    for folder in ("bpmn", "forms", "docx_templates"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bpmn" / "tertib.bpmn").write_bytes(sop())
    settings = config.settings({"ALUR_INSTANCE": str(tmp_path / "instance"), "ALUR_SECRET_KEY": "uji"})
    engine = database.connect(settings.database_url)
    migrations.upgrade(engine)
    reading, writing = database.sessions(engine)
    demo.build(settings, writing, tmp_path, lambda _: None)
    with reading() as session:
        seksi = session.scalars(select(Person.id).where(Person.title == "Seksi")).one()
        assert {(case.applicant_id, case.filed_by_id) for case in session.scalars(select(Case))} == {(None, seksi)}
        proofs = list(audit.verify(Context(session, settings.now(), settings)))
    assert [len(proofs), *(finding for proof in proofs for finding in proof.all_findings)] == [demo.CASES]
    engine.dispose()
