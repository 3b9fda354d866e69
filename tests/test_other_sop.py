"""Another SOP is other files and not one line of the program: each with everything renamed, and quite different ones."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import select

from app import audit, bundles, cases, forms, journal, papers, people, registers, revisions, worker
from app.engine.definition import Definition
from app.models import Case, Document
from tests import play, sops
from tests.conftest import PASSWORD, Install, Office, alur, login
from tests.drawn import draw, given, lanes
from tests.test_documents import letter
from tests.test_pools import BOTH, pools

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
REFERENCES = (
    "id", "sourceRef", "targetRef", "processRef", "bpmnElement", "default", "attachedToRef", "calledElement",
)  # fmt: skip
NAMES = {
    "pesan", "atasan", "pengaduan", "penarikan", "penolakan", "pengguguran", "pembukaan_kembali", "pembetulan",
    "pencabutan", "retensi", "pencatatan_darurat", "keabsahan", "pengingat_berakhir",
}  # fmt: skip  # properties that name lanes, letters and messages
NEW = "Kembalikan ke awal"
each = pytest.mark.parametrize("sop", sops.KEYS)
one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


# Each SOP under other names


def renamed(sop: str, to: Path) -> Path:
    """An SOP with every id, lane, form, template and message called otherwise, one step and one branch more."""
    old = sops.BUNDLES[sop]
    tree = etree.fromstring(old.diagram)
    ids = {e.get("id", ""): f"n{number}" for number, e in enumerate(tree.iter("{*}*"), 1) if e.get("id")}
    lanes = {e.get("name", ""): f"Meja {n} <& '{n}'>" for n, e in enumerate(tree.iter(f"{BPMN}lane"), 1)}
    asked = {name: f"lembar{n}" for n, name in enumerate(sorted(old.forms), 1)}
    templates = {name: f"surat-{n}.docx" for n, name in enumerate(sorted(old.templates), 1)}
    texts = {name: f"kabar-{n}.txt" for n, name in enumerate(sorted(old.texts), 1)}
    others = {**lanes, **templates, **texts}
    add_step_and_branch(tree, sops.definition(sop))
    for element in tree.iter("{*}*"):
        for name in REFERENCES:
            if (value := element.get(name)) in ids:
                element.set(name, ids[value or ""])
        if element.tag == f"{BPMN}lane":
            element.set("name", lanes[element.get("name", "")])
        if element.text and element.text.strip() in ids:
            element.text = ids[element.text.strip()]
        if (value := element.get("value")) is not None:
            match element.get("name"):
                case "formulir":
                    element.set("value", asked[value])
                case "empat_mata":
                    element.set("value", " ".join(ids[step] for step in value.replace(",", " ").split()))
                case "dokumen" | "unduhan" | "lembar_kendali":
                    template, bar, rest = value.partition("|")
                    element.set("value", f"{templates[template.strip()]} {bar}{rest}")
                case name if name in NAMES:
                    element.set("value", called(value, others))
    key = ids[sop]
    for folder in ("bpmn", f"forms/{key}", f"docx_templates/{key}/{bundles.TEXTS}"):
        (to / folder).mkdir(parents=True)
    (to / "bpmn" / f"{key}.bpmn").write_bytes(etree.tostring(tree))
    for name, content in old.forms.items():
        form = {**json.loads(content), "id": f"id_{asked[name]}"}
        (to / "forms" / key / f"{asked[name]}.form").write_text(json.dumps(form))
    for name, content in old.templates.items():
        (to / "docx_templates" / key / templates[name]).write_bytes(with_lanes(content, lanes))
    for name, content in old.texts.items():
        (to / "docx_templates" / key / bundles.TEXTS / texts[name]).write_bytes(content)
    return to


def called(value: str, others: dict[str, str]) -> str:
    """The parts of a property between bars, or a list of them between commas, under their other names."""
    parts = [part.strip() for part in value.split("|")]
    lists = {part: [others.get(one.strip(), one.strip()) for one in part.split(",")] for part in parts}
    return " | ".join(others.get(part) or ", ".join(lists[part]) for part in parts)


def add_step_and_branch(tree: etree._Element, definition: Definition) -> None:
    """A step after the first one, in its lane; at the first decision from which one returns a way straight to the first step."""
    process = tree.find(f"{BPMN}process")
    assert process is not None
    first = sops.first_step(definition)
    out = next(flow for flow in definition.flows.values() if flow.source == first)
    gateways = [way.id for s in definition.steps.values() if any(c.returns for c in s.choices) for way in s.choices[:1]]
    gateway = definition.flows[gateways[0]].source
    flow = tree.find(f".//{BPMN}sequenceFlow[@id='{out.id}']")
    assert flow is not None
    process.append(etree.fromstring(f'<userTask xmlns="{BPMN[1:-1]}" id="arsipkan" name="Pindai untuk arsip"/>'))
    flow.set("targetRef", "arsipkan")
    for key, name, source, target in (("alur_arsip", "", "arsipkan", out.target), ("ke_awal", NEW, gateway, first)):
        etree.SubElement(process, f"{BPMN}sequenceFlow", id=key, sourceRef=source, targetRef=target, name=name)
    reference = next(e for e in tree.iter(f"{BPMN}flowNodeRef") if (e.text or "").strip() == first)
    etree.SubElement(reference.getparent(), f"{BPMN}flowNodeRef").text = "arsipkan"


def with_lanes(docx: bytes, lanes: dict[str, str]) -> bytes:
    """A letter whose `petugas["..."]` name the lanes anew."""
    made = io.BytesIO()

    def name(match: re.Match[str]) -> str:
        return 'petugas["' + lanes[match[2]].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") + '"]'

    with zipfile.ZipFile(io.BytesIO(docx)) as old, zipfile.ZipFile(made, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename.endswith(".xml"):
                content = re.sub(r"petugas\[(['\"])(.+?)\1\]", name, content.decode()).encode()
            new.writestr(item, content)
    return made.getvalue()


@each
def test_everything_renamed_a_step_and_a_branch_more(
    install: Install, sop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = install(renamed(sop, tmp_path / "lain"))
    case_id = play.apply(office)
    returns = play.through(office, case_id)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        entries = journal.entries(ctx, case_id)
        new = next(c.id for step in loaded.definition.steps.values() for c in step.choices if c.label == NEW)
        assert [entry.choice for entry in entries].count(new) == 1
        given = [registers.numberings(step.properties.get("register", "")) for step in loaded.definition.steps.values()]
        assert any(forms.at(cases.data_of(ctx, case), line.key) for lines in given for line in lines)
        assert (case.status, case.subject != "", returns > 1) == ("ended", True, True)
        sheet = papers.sheet(ctx, loaded, entries)
        assert [row["langkah"] for row in sheet][1] == "Pindai untuk arsip"
        assert {row["pelaksana"].split()[0] for row in sheet} == {"Meja"}
        issued = ctx.session.execute(select(Document.sha256, Document.error).where(Document.case_id == case_id)).all()
        assert (len(issued) > 3, all(row.sha256 for row in issued)) == (True, True)
    alur(monkeypatch, "verify")


@each
@one_kind
def test_the_new_branch_is_one_button_more(install: Install, sop: str, tmp_path: Path) -> None:
    office = install(renamed(sop, tmp_path / "lain"))
    case_id = play.apply(office)
    while True:
        with office.look() as ctx:
            task = play.waiting(ctx, case_id)[0]
            officer, ways = play.performer(office, ctx, task).name, cases.choices(ctx, task)
        if any(way.label == NEW for way in ways):
            break
        play.step(office, case_id)
    page = office.client(officer).get(f"/tugas/{task.id}").text
    buttons = re.findall(r'name="choice"\s+value="([^"]+)"', page)
    assert sorted(set(buttons)) == sorted(way.id for way in ways)
    back = next(way for way in ways if way.label == NEW)
    assert (back.returns, len(ways) > 2) == (True, True)
    answered = office.client(officer).post(f"/tugas/{task.id}", data={"choice": back.id})
    assert (answered.status_code, "alasan" in answered.text) == (422, True)


@each
@one_kind
def test_through_the_api(install: Install, sop: str, tmp_path: Path) -> None:
    office = install(renamed(sop, tmp_path / "lain"))
    with office.work() as ctx:
        names = ["pemohon", *office.officers.values()]
        tokens = {name: people.new_token(ctx, office.person(ctx, name)) for name in names}
    by_lane = {str(office.definition.applicant_lane): "pemohon", **office.officers}
    client = office.app.test_client()

    def ask(name: str, method: str, path: str, **rest: object) -> dict[str, object]:
        answer = client.open(
            f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {tokens[name]}"}, **rest
        )
        assert answer.status_code < 300, (path, answer.text)
        found: dict[str, object] = answer.get_json()
        return found

    case = ask(office.opener, "POST", "/cases", json={"sop": office.sop})
    taken: set[str] = set()
    steps = 0
    while case["tasks"]:
        task = case["tasks"][0]  # type: ignore[index]
        name = by_lane[task["lane"]]
        returns = next((c["id"] for c in task["choices"] if c["returns"] and c["id"] not in taken), None)
        choice = returns or next((c["id"] for c in task["choices"]), None)
        taken.add(str(choice))
        with office.work() as ctx:
            answers = play.answers(office, ctx, int(task["id"]))
        sent = {"data": answers, "choice": choice, "note": "Mohon diperbaiki." if returns else ""}
        office.later(minutes=5)
        case = ask(name, "POST", f"/tasks/{task['id']}/complete", json=sent)["case"]  # type: ignore[assignment]
        steps += 1
    assert (case["status"], steps > len(office.definition.steps)) == ("ended", True)
    assert ask(office.opener, "GET", f"/cases/{case['id']}/documents")["items"]
    with office.look() as ctx:
        assert [proof.all_findings for proof in audit.verify(ctx)] == [[]]


# SOPs of another kind

PARALLEL = """
start mulai @0
user a @0 "Usulkan"
and bagi @0
user b @100 "Hitung biaya"
user c @200 "Periksa lokasi"
and gabung @0
user d @0 "Putuskan"
end akhir @0
mulai > a
a > bagi
bagi > b
bagi > c
b > gabung
c > gabung
gabung > d
d > akhir
"""
TIMER = """
start mulai
user a "Lengkapi berkas"
boundary lewat attachedToRef=a <<timerEventDefinition><timeDuration>PT48H</timeDuration></timerEventDefinition>>
user b "Periksa"
end akhir
end gugur <{gugur}>
mulai > a
a > b
b > akhir
lewat > gugur
"""
STARTS = """
start surat @0 "Surat masuk"
start lisan @100 "Laporan lisan"
user a @0 "Baca surat"
user b @100 "Catat laporan"
user c @0 "Tindak lanjuti"
end akhir @0
surat > a
lisan > b
a > c
b > c
c > akhir
"""
REFUSED = """
start mulai @0
and bagi @0
user a @0 "Nilai berkas"
user b @100 "Nilai lokasi"
end tolak @0 <{tolak}>
end selesai @100
mulai > bagi
bagi > a
bagi > b
a > tolak
b > selesai
"""


def drawn(folder: Path, name: str, text: str, process: str = "", **ends: str) -> Path:
    endings = {key: given(status=status) for key, status in ends.items()}
    path = folder / f"{name}.bpmn"
    path.write_bytes(draw(text.format(**endings) if ends else text, process, id=name))
    return path


def open_as(office: Office, name: str, sop: str, **rest: object) -> int:
    with office.work() as ctx:
        return cases.open_case(ctx, office.actor(ctx, name), sop, **rest).id  # type: ignore[arg-type]


def told(office: Office, case_id: int) -> tuple[str, list[str]]:
    """A case's status and its open steps; it is whole, too."""
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert audit.frames(ctx, case).all_findings == []
        return case.status, [task.name for task in cases.open_tasks(ctx, case)]


def test_parallel_lanes_that_join_without_one_property(install: Install, tmp_path: Path) -> None:
    rooms = lanes(("Bagian Umum", "mulai a d akhir"), ("Keuangan", "b"), ("Teknik", "c"))
    office = install(drawn(tmp_path, "rapat", PARALLEL, rooms))
    assert office.definitions()["rapat"].applicant_lane == "Bagian Umum"
    case_id = play.apply(office, sop="rapat")
    play.step(office, case_id)
    assert told(office, case_id) == ("open", ["Hitung biaya", "Periksa lokasi"])
    play.step(office, case_id)
    assert told(office, case_id) == ("open", ["Periksa lokasi"])
    play.finish(office, case_id)
    assert told(office, case_id) == ("ended", [])


def test_whoever_holds_the_lane_of_a_start_may_begin_there(install: Install, tmp_path: Path) -> None:
    rooms = lanes(("Sekretariat", "surat a"), ("Piket", "lisan b"), ("Kepala", "c akhir"))
    office = install(drawn(tmp_path, "laporan", STARTS, rooms))
    with office.work() as ctx:
        for name, lane in (("juru-tulis", "Sekretariat"), ("jaga", "Piket"), ("bos", "Kepala")):
            people.grant(ctx, people.new_person(ctx, name, PASSWORD), lane)
    assert told(office, open_as(office, "juru-tulis", "laporan")) == ("open", ["Baca surat"])
    case_id = open_as(office, "jaga", "laporan", start="lisan")
    assert told(office, case_id) == ("open", ["Catat laporan"])
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        assert cases.complete(ctx, office.actor(ctx, "jaga"), task.id, {}).opened[0].step == "c"
    for name, start in (("jaga", None), ("bos", "lisan"), ("luar", None)):
        with pytest.raises(cases.NotYours):
            open_as(office, name, "laporan", start=start)
    page = office.client("jaga").post("/layanan/laporan/ajukan", data={"jalan": "lisan", "pemohon": "Warga"})
    assert (page.status_code, page.headers["Location"].rpartition("/")[0]) == (303, "/tugas")


def test_two_pools_are_one_case(install: Install, tmp_path: Path) -> None:
    path = tmp_path / "dua-pool.bpmn"
    path.write_bytes(pools(*BOTH, flows=("minta > os", "kirim > kabar")))
    office = install(path)
    case_id = play.apply(office, sop="klien")
    seen = [told(office, case_id)]
    for _ in range(4):
        play.step(office, case_id)
        seen.append(told(office, case_id))
    open_steps = (["Minta izin"], ["Periksa"], ["Kirim izin"], ["Baca izin"])
    assert seen == [*(("open", steps) for steps in open_steps), ("ended", [])]
    with office.look() as ctx:
        assert [finding for proof in audit.verify(ctx) for finding in proof.all_findings] == []


def test_no_lane_at_all(install: Install, tmp_path: Path) -> None:
    """Everything is done by the lane that bears the process's name."""
    office = install(drawn(tmp_path, "sendiri", PARALLEL))
    assert [lane.name for lane in office.definitions()["sendiri"].lanes] == ["Izin"]
    case_id = open_as(office, login("Izin"), "sendiri")
    play.finish(office, case_id)
    assert told(office, case_id) == ("ended", [])


def test_two_sops_that_name_no_number_of_their_own(install: Install, tmp_path: Path) -> None:
    office = install(drawn(tmp_path, "satu", PARALLEL), drawn(tmp_path, "dua", PARALLEL))
    ids = [open_as(office, login("Izin"), sop) for sop in ("satu", "dua", "satu")]
    with office.look() as ctx:
        numbers = [ctx.session.get_one(Case, case_id).number for case_id in ids]
    assert numbers == ["2026/000001", "2026/000002", "2026/000003"]


def test_a_number_without_its_year_is_not_given_twice(install: Install, tmp_path: Path) -> None:
    office = install(drawn(tmp_path, "satu", PARALLEL, given(nomor_permohonan="SK-{urut:3}")))
    numbers = []
    for _ in range(2):
        case_id = open_as(office, login("Izin"), "satu")
        with office.look() as ctx:
            numbers.append(ctx.session.get_one(Case, case_id).number)
        office.later(days=366)
    assert numbers == ["SK-001", "SK-002"]


def test_a_step_that_nobody_does_lapses_by_itself(install: Install, tmp_path: Path) -> None:
    rooms = lanes(("Pemohon", "mulai a"), ("Loket", "b akhir gugur"))
    office = install(drawn(tmp_path, "cepat", TIMER, rooms, gugur="gugur"))
    lapsing, going_on = (play.apply(office, sop="cepat") for _ in range(2))
    play.step(office, going_on)
    office.later(hours=47)
    assert worker.once(office.settings, office.db.reading, office.db.writing) == 0
    office.later(hours=2)
    assert worker.once(office.settings, office.db.reading, office.db.writing) == 1
    assert (told(office, lapsing), told(office, going_on)) == (("lapsed", []), ("open", ["Periksa"]))
    with office.look() as ctx:
        case = ctx.session.get_one(Case, lapsing)
        entry = journal.entries(ctx, lapsing)[-1]
        assert (entry.kind, entry.at, entry.recorded_at) == ("timer", case.opened_at + timedelta(hours=48), office.now)


def test_what_is_due_comes_before_whoever_is_late(install: Install, tmp_path: Path) -> None:
    rooms = lanes(("Pemohon", "mulai a"), ("Loket", "b akhir gugur"))
    office = install(drawn(tmp_path, "cepat", TIMER, rooms, gugur="gugur"))
    case_id = play.apply(office, sop="cepat")
    office.later(hours=49)
    with office.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    with pytest.raises(cases.CaseEnded), office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "pemohon"), task_id, {})


@pytest.mark.parametrize("first", [0, 1])
def test_a_branch_that_was_refused_is_not_forgotten(install: Install, tmp_path: Path, first: int) -> None:
    office = install(drawn(tmp_path, "nilai", REFUSED, tolak="ditolak"))
    case_id = open_as(office, login("Izin"), "nilai")
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[first]
        cases.complete(ctx, office.actor(ctx, login("Izin")), task.id, {})
    play.finish(office, case_id)
    assert told(office, case_id) == ("refused", [])


def test_a_letter_on_a_flow_that_nobody_chooses(install: Install, tmp_path: Path) -> None:
    """It is issued when the flow is passed, and the proof expects it."""
    (tmp_path / "bpmn").mkdir()
    (tmp_path / "docx_templates" / "surat").mkdir(parents=True)
    (tmp_path / "docx_templates" / "surat" / "s.docx").write_bytes(letter("{{ permohonan.nomor }}"))
    text = f'start s\nuser a "A"\nuser b "B"\nend e\ns > a\na > b {{{given(dokumen="s.docx | Surat")}}}\nb > e'
    office = install(drawn(tmp_path / "bpmn", "surat", text, lanes(("Pemohon", "s a"), ("Loket", "b e"))))
    case_id = play.apply(office, sop="surat")
    play.step(office, case_id)
    with office.look() as ctx:
        issued = [d.name for d in ctx.session.scalars(select(Document).where(Document.case_id == case_id))]
    assert issued == ["Surat"]
    play.finish(office, case_id)
    assert told(office, case_id) == ("ended", [])
