"""What was issued: the code on a paper, how it stands on any day, what ends, who is reminded, and how it is extended."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import segno
from sqlalchemy import delete, event, select, update

from app import (
    access,
    audit,
    cases,
    checks,
    documents,
    drawn,
    files,
    journal,
    papers,
    people,
    permits,
    reminders,
    revisions,
    signing,
    terms,
    uploads,
    worker,
)
from app.bundles import Bundle
from app.engine.definition import Finding
from app.models import Case, Document, EventValues, Message, Proxy, RegisterEntry, Void
from tests import play, test_signing
from tests.conftest import MONDAY, PASSWORD, Office
from tests.drawn import draw, given
from tests.test_documents import letter, words

SOP = "p"
QR = ("{{ isian.nama }} {{ isian.nomor }}", "{{ dokumen.tautan|qr(20) }}", "{{ dokumen.kode }}")
REMIND = "Perihal: {{ surat.nomor }} berakhir\n\n{{ surat.sisa_hari }} hari, {{ surat.berlaku_sampai|tanggal }}: {{ surat.perpanjangan }}\n"
TODAY = MONDAY.date()
SAYS = {
    "keabsahan": "surat.docx | nomor | mulai | sampai\nbetul.docx | nomor | mulai | sampai",
    "pemegang": "nama",
    "pengingat_berakhir": "30 hari | ingat.txt\n7 hari | ingat.txt",
    "perpanjangan": "ya",
    "salin": "nama\nlama.nomor = nomor\nlama.sampai = sampai\nke = ke + 1",
    "ringkasan": "nama",
    "satu_terbuka": "nama",
    "pencabutan": "Kepala | cabut.docx | Pencabutan | periksa",
    "pembetulan": "Kepala | betul.docx | Pembetulan | periksa",
    "pembukaan_kembali": "Kepala",
    "penarikan": "pemohon",
}


def form(*fields: str) -> bytes:
    """Text fields by key; a key with `:` is of that type."""
    made: list[dict[str, Any]] = []
    for name in fields:
        key, _, kind = name.partition(":")
        more = {"subtype": "date", "dateLabel": key} if kind == "datetime" else {}
        made.append({"type": kind or "textfield", "key": key, "label": key.title(), **more})
    return json.dumps({"type": "default", "components": made}).encode()


def bundle(**says: str) -> Bundle:
    """Ajukan, Cetak (a copy to sign by hand), Nomori (the number and the paper), Terima, and an end."""
    text = (
        f'start s\nuser ajukan "Ajukan" <{given(formulir="ajukan")}>\n'
        f'user cetak "Cetak" <{given(formulir="cetak", dokumen="surat.docx | Untuk diteken | internal | periksa")}>\n'
        f'user nomori "Nomori" <{given(register="nomor = Izin : {urut}/I/{tahun}", dokumen="surat.docx | Izin | periksa")}>\n'
        'user terima "Terima"\nend e\ns > ajukan\najukan > cetak\ncetak > nomori\nnomori > terima\nterima > e'
    )  # fmt: skip
    lanes = "".join(
        f'<lane id="{key}" name="{name}">{given(**marks)}{"".join(f"<flowNodeRef>{n}</flowNodeRef>" for n in nodes)}</lane>'
        for key, name, marks, nodes in (
            ("l1", "Pemohon", {"pemohon": "ya"}, ("s", "ajukan", "terima", "e")),
            ("l2", "Loket", {"loket": "ya"}, ("cetak",)),
            ("l3", "Kepala", {}, ("nomori",)),
        )
    )
    process = given(**{**SAYS, **says}) + f'<laneSet id="ls">{lanes}</laneSet>'
    forms = {"ajukan": form("nama", "lama.nomor", "lama.sampai:datetime", "ke:number", "baru"),
             "cetak": form("mulai:datetime", "sampai:datetime")}  # fmt: skip
    letters = dict.fromkeys(("surat.docx", "betul.docx", "cabut.docx"), letter(*QR))
    return Bundle(SOP, draw(text, process), {}, forms, letters, {"ingat.txt": REMIND.encode()})


@pytest.fixture
def office(db: Any, tmp_path: Any) -> Any:
    running = Office(db, tmp_path / "files", SOP)
    with running.work() as ctx:
        revisions.install(ctx, bundle(), "uji", "uji")
        for name in ("Loket", "Kepala"):
            people.grant(ctx, people.new_person(ctx, name.lower(), PASSWORD, full_name=name), name)
        for name in ("pemohon", "pemohon2"):
            people.new_person(ctx, name, PASSWORD, full_name=name.title(), applicant=True,
                              email=f"{name}@contoh.id", email_verified_at=ctx.now)  # fmt: skip
        people.new_person(ctx, "auditor", PASSWORD, full_name="Auditor", auditor=True)
    yield running
    running.close()


def did(office: Office, case_id: int, by: str, answers: dict[str, Any] | None = None) -> None:
    """Completes the case's first open task, and fills its papers."""
    with office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, by), play.waiting(ctx, case_id)[0].id, answers or {})
    filled(office)


def filled(office: Office) -> None:
    with office.work() as ctx:
        for paper in papers.waiting(ctx):
            assert papers.fill(ctx, paper)


def issued(
    office: Office, first: int = 0, last: int = 364, *, nama: str = "Warung", by: str = "pemohon",
    whom: str | None = None, upto: str = "terima",
) -> int:  # fmt: skip
    """A case whose permit holds from so many days on to so many days on."""
    with office.work() as ctx:
        case_id = cases.open_case(ctx, office.actor(ctx, by), SOP, on_behalf_of=whom).id
    days = {
        name: (office.now.date() + timedelta(days=n)).isoformat() for name, n in (("mulai", first), ("sampai", last))
    }
    steps = {
        "ajukan": (by, {"nama": nama, "ke": 1, "baru": "x"}),
        "cetak": ("loket", days),
        "nomori": ("kepala", None),
        "terima": (by, None),
    }
    for name, (who, answers) in steps.items():
        did(office, case_id, who, answers)
        if name == upto:
            break
    return case_id


def act(office: Office, case_id: int, verb: str, by: str = "kepala", **more: Any) -> None:
    with office.work() as ctx:
        cases.act(ctx, office.actor(ctx, by), case_id, verb, "Alasan.", **more)
    filled(office)


def rows(office: Office, case_id: int) -> list[Document]:
    with office.look() as ctx:
        return list(ctx.session.scalars(select(Document).where(Document.case_id == case_id).order_by(Document.id)))


def stands(office: Office, case_id: int) -> dict[str, str]:
    """How each paper of a case stands that anybody can check, by name."""
    with office.look() as ctx:
        found = {row.name: permits.find(ctx, row.code) for row in rows(office, case_id) if row.code}
    return {name: permit.standing.word for name, permit in found.items() if permit}


# -- the code on a paper ----------------------------------------------------------------------------------------------


def test_a_paper_bears_its_code_as_a_picture_and_says_what_it_is(office: Office) -> None:
    case_id = issued(office)
    copy, paper = rows(office, case_id)
    assert (copy.name, copy.internal, copy.code) == ("Untuk diteken", True, None)
    assert (paper.name, paper.number, paper.valid_from, paper.valid_until) == (
        "Izin", "1/I/2026", TODAY, TODAY + timedelta(days=364),
    )  # fmt: skip
    assert paper.code is not None
    assert len(paper.code) * 5 >= 128
    address = f"{office.settings.url}/periksa/{paper.code}"
    for row in (copy, paper):  # what is signed by hand leads to the paper that it becomes
        content = files.read(office.settings.files, row.sha256 or "")
        assert papers.grouped(paper.code) in words(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            pictures = [archive.read(name) for name in archive.namelist() if name.startswith("word/media/")]
        assert pictures == [png(address)]
    assert papers.grouped("ABCDEFGHJKLM") == "ABCD-EFGH-JKLM"


def png(address: str) -> bytes:
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="png", scale=8, border=2)
    return drawn.getvalue()


def test_equal_inputs_give_equal_pictures_and_nothing_gives_none() -> None:
    template = letter(*QR, footer="{{ dokumen.tautan|qr }}")
    inputs = {"isian": {"nama": "a"}, "dokumen": {"tautan": "https://a.id/periksa/ABC", "kode": "A<B"}}
    first = documents.fill(template, inputs)
    documents._child.close()
    assert documents.fill(template, inputs) == first
    assert documents.check_file("a.docx", template) == []
    with zipfile.ZipFile(io.BytesIO(documents.fill(template, {"dokumen": {}}))) as archive:
        assert not [name for name in archive.namelist() if "media" in name]


@pytest.mark.parametrize("text", ["{{ ''|qr }}", "{{ none|qr }}", "{{ 5|qr('lebar') }}", "{{ '<&\"'|qr(9999) }}"])
def test_odd_pictures(text: str) -> None:
    assert documents.fill(letter(text), {})


def test_what_became_due_before_there_were_codes_is_still_filled(office: Office) -> None:
    case_id = issued(office, upto="cetak")
    with office.work() as ctx:
        row = ctx.session.scalars(select(Document).where(Document.case_id == case_id)).one()
        row.code = row.filled_at = row.sha256 = None
        row.inputs = papers.frozen(ctx, ctx.session.get_one(Case, case_id))
        ctx.session.flush()
        assert papers.fill(ctx, row.id)


def test_issuing_a_plain_paper_asks_the_database_no_more(office: Office) -> None:
    """Only a paper that anybody can check reads the journal."""
    case_id = issued(office, upto="ajukan")
    statements: list[str] = []
    with office.work() as ctx:
        case = ctx.session.get_one(Case, case_id)
        event.listen(office.db.writing.kw["bind"], "before_cursor_execute", lambda *a: statements.append(a[2]))
        papers.due(ctx, case, case.seq, [drawn.Paper("surat.docx", "Biasa", 1, internal=False)], {})
    assert not [said for said in statements if "event_values" in said]


# -- how it stands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "word"),
    [(-1, "belum-berlaku"), (0, "berlaku"), (10, "berlaku"), (11, "berakhir")],
)
def test_days(office: Office, days: int, word: str) -> None:
    case_id = issued(office, first=5, last=15)
    office.later(days=5 + days)
    assert stands(office, case_id) == {"Izin": word}


def correction(office: Office, case_id: int) -> None:
    last = (office.now.date() + timedelta(days=99)).isoformat()
    act(office, case_id, "correct", step_id="cetak", answers={"mulai": TODAY.isoformat(), "sampai": last})


def void(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        row = ctx.session.scalars(select(RegisterEntry).where(RegisterEntry.register == "Izin")).one()
        by = office.person(ctx, "kepala").id
        ctx.session.add(
            Void(register=row.register, year=row.year, number=row.number, at=ctx.now, by_id=by, reason="Salah")
        )


def taken_back(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "kepala"), case_id)


def again(office: Office, case_id: int) -> None:
    taken_back(office, case_id)
    did(office, case_id, "kepala")


def withdrawn(office: Office, case_id: int) -> None:
    act(office, case_id, "withdraw", "pemohon")


@pytest.mark.parametrize(
    ("upto", "then", "expected"),
    [
        ("cetak", lambda *_: None, {}),  # printed to be signed: nobody is told of it yet
        ("nomori", lambda *_: None, {"Izin": "berlaku"}),
        ("terima", lambda o, c: act(o, c, "revoke"), {"Izin": "dicabut", "Pencabutan": "sah"}),
        ("terima", lambda o, c: act(o, c, "reopen"), {"Izin": "berlaku"}),
        ("terima", correction, {"Izin": "dibetulkan", "Pembetulan": "berlaku"}),
        ("terima", void, {"Izin": "dibatalkan"}),
        ("nomori", taken_back, {"Izin": "dibatalkan"}),
        ("nomori", again, {"Izin": "berlaku"}),
        ("nomori", withdrawn, {"Izin": "dibatalkan"}),
    ],
)  # fmt: skip
def test_what_becomes_of_a_paper(
    office: Office, upto: str, then: Callable[[Office, int], None], expected: dict[str, str]
) -> None:
    case_id = issued(office, upto=upto)
    office.later(minutes=1)
    then(office, case_id)
    assert stands(office, case_id) == expected


GAVE = "Izin nomor 1/I/2026, berlaku 23 November 2026 sampai 13 Desember 2026"


@pytest.mark.parametrize(
    ("upto", "then", "expected"),
    [
        ("nomori", lambda *_: None, []),  # while it runs, its page says where it is
        ("terima", lambda *_: None, [f"Berlaku {GAVE}"]),
        ("terima", lambda o, c: act(o, c, "revoke"), [f"Dicabut {GAVE}", "Sah Pencabutan"]),
        ("terima", lambda o, c: o.later(days=99), [f"Berakhir {GAVE}"]),
    ],
)
def test_what_a_case_gave_stands_on_top_of_its_page(
    office: Office, upto: str, then: Callable[[Office, int], None], expected: list[str]
) -> None:
    case_id = issued(office, upto=upto, last=20)
    then(office, case_id)
    page = lxml.html.fromstring(office.client("pemohon").get(f"/permohonan/{case_id}").text)
    told = [" ".join(line.text_content().split()) for line in page.xpath("//p[@class='gave']")]
    assert told == expected


def test_the_code_of_what_was_signed_leads_to_what_was_issued_in_the_end(office: Office) -> None:
    case_id = issued(office, upto="cetak")
    [copy] = rows(office, case_id)
    with office.look() as ctx:
        assert permits.find(ctx, copy.code or "") is None
    did(office, case_id, "kepala")
    again(office, case_id)
    with office.look() as ctx:
        found = permits.find(ctx, copy.code or "")
        assert found is not None
        assert (found.document.id, found.standing.word) == (rows(office, case_id)[-1].id, "berlaku")


def test_a_second_paper_of_the_same_template_takes_the_place_of_the_first(office: Office) -> None:
    case_id = issued(office)
    with office.work() as ctx:
        case = ctx.session.get_one(Case, case_id)
        paper = drawn.Paper("surat.docx", "Izin baru", 1, internal=False, checked=True)
        papers.due(ctx, case, case.seq, [paper], papers.frozen(ctx, case))
    filled(office)
    assert stands(office, case_id) == {"Izin": "diganti", "Izin baru": "berlaku"}


@pytest.mark.parametrize("erased", [True, False])
def test_after_its_retention_a_paper_still_says_what_it_was_and_not_whose(office: Office, erased: bool) -> None:
    case_id = issued(office)
    code = rows(office, case_id)[-1].code or ""
    with office.look() as ctx:
        found = permits.find(ctx, code)
        assert found is not None
        assert found.holder == (("Nama", "Warung"),)
    with office.work() as ctx:
        if erased:
            ctx.session.execute(delete(EventValues).where(EventValues.case_id == case_id))
        ctx.session.execute(update(Case).where(Case.id == case_id).values(destroyed_at=ctx.now, subject="", search=""))
    page = office.client().get(f"/periksa/{code}")
    assert page.status_code == 200
    assert "Warung" not in page.text
    for said in ("BERLAKU", "1/I/2026", "dimusnahkan"):
        assert said in page.text


def test_the_proof_covers_what_the_page_says(office: Office) -> None:
    """Days that somebody changed in the database are found; those of a paper that was taken back hold no longer."""
    cases_of = [issued(office, nama=name) for name in ("A", "B")]
    case_id = issued(office, nama="C", upto="nomori")
    taken_back(office, case_id)
    for number in (*cases_of, case_id):
        assert findings(office, number) == []
    with office.work() as ctx:
        paper = ctx.session.scalars(select(Document).where(Document.case_id == cases_of[0], ~Document.internal)).one()
        paper.valid_until = None
    assert findings(office, cases_of[0]) == [
        "Nomor atau masa berlaku “Izin” pada halaman Periksa izin bukan yang diisikan."
    ]
    assert findings(office, cases_of[1]) == []


def findings(office: Office, case_id: int) -> list[str]:
    with office.look() as ctx:
        proof = audit.frames(ctx, ctx.session.get_one(Case, case_id))
        return [said.partition(": ")[2] or said for said in proof.all_findings]


# -- the public page --------------------------------------------------------------------------------------------------


def test_the_page_of_a_paper(office: Office) -> None:
    case_id = issued(office, nama="Warung <b>&amp;")
    code = rows(office, case_id)[-1].code or ""
    client = office.client()
    asked = client.post("/periksa", data={"kode": f" {papers.grouped(code).lower()} "})
    assert (asked.status_code, asked.location) == (303, f"/periksa/{code}")
    page = client.get(asked.location)
    assert page.status_code == 200
    for said in ("BERLAKU", "1/I/2026", "Warung &lt;b&gt;&amp;amp;", 'content="noindex, nofollow"'):
        assert said in page.text
    for secret in ("Pemohon", "pemohon@contoh.id", "baru"):
        assert secret not in page.text.partition("<main")[2].partition("</main>")[0]
    assert (page.headers["Referrer-Policy"], page.headers["X-Robots-Tag"].split(",")[0]) == ("no-referrer", "noindex")
    assert page.headers["Cache-Control"] == "no-store"


def test_codes_that_lead_nowhere_are_answered_alike(office: Office) -> None:
    case_id = issued(office, upto="cetak")
    unfinished = rows(office, case_id)[-1].code or ""
    draft = issued(office, nama="Lain")
    with office.work() as ctx:
        row = ctx.session.scalars(select(Document).where(Document.case_id == draft, ~Document.internal)).one()
        row.filled_at = None
        unfilled = row.code or ""
    client = office.client()
    codes = (unfinished, unfilled, "A" * 28, "x", "99999999999999", "%20%20", "%27--", "..%3b", "a%2Fb", "A" * 500)
    pages = [client.get(f"/periksa/{code}") for code in codes]
    assert {page.status_code for page in pages} == {404}
    own = r'kembali=[^"]*|(?<=name="kode" type="text" value=")[^"]*'  # its address, and the code that they typed, are the reader's
    assert len({re.sub(own, "", page.text) for page in pages}) == 1
    assert 'name="kode" type="text" value="AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"' in pages[2].text
    assert "TIDAK DIKENAL" in pages[0].text
    assert client.post("/periksa", data={"kode": " - "}).status_code == 422


def test_who_guesses_is_stopped_for_a_while(office: Office) -> None:
    case_id = issued(office)
    code = rows(office, case_id)[-1].code or ""
    client = office.client()
    for _ in range(access.TRIES):
        assert client.get(f"/periksa/{'B' * 28}").status_code == 404
    assert client.get(f"/periksa/{code}").status_code == 429
    assert client.get(f"/periksa/{code}", environ_overrides={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200
    office.later(minutes=16)
    assert client.get(f"/periksa/{code}").status_code == 200


def test_a_file_is_what_was_issued_or_not(office: Office) -> None:
    case_id = issued(office)
    paper = rows(office, case_id)[-1]
    content = files.read(office.settings.files, paper.sha256 or "")
    with office.work() as ctx:
        ctx.session.get_one(Document, paper.id).pdf_sha256 = "ab" * 32
    client, kept = office.client(), set(office.settings.files.rglob("*"))
    sent: list[tuple[dict[str, Any], int, str]] = [
        ({"berkas": (io.BytesIO(content), "a.docx")}, 200, "Sama persis"),
        ({"berkas": (io.BytesIO(content + b" "), "a.docx")}, 200, "Tidak sama"),
        ({"sidik": (paper.sha256 or "").upper()}, 200, "Sama persis"),
        ({"sidik": "ab" * 32}, 200, "Sama persis"),
        ({"sidik": "cd" * 32}, 200, "Tidak sama"),
        ({"sidik": "bukan"}, 422, "64 angka"),
        ({}, 422, "Pilih berkasnya"),
    ]
    for data, status, said in sent:
        page = client.post(f"/periksa/{paper.code}", data=data)
        assert (page.status_code, said in page.text) == (status, True), said
    huge = {"CONTENT_LENGTH": str(21 * 1024 * 1024)}
    page = client.post(f"/periksa/{paper.code}", data={"sidik": "x"}, environ_overrides=huge)
    assert (page.status_code, "terlalu besar" in page.text) == (422, True)
    assert client.post(f"/periksa/{'C' * 28}", data={"sidik": "x"}).status_code == 404
    assert set(office.settings.files.rglob("*")) == kept


# -- what ends --------------------------------------------------------------------------------------------------------


def endings(office: Office, **more: Any) -> list[tuple[str, str | None]]:
    with office.look() as ctx:
        found = permits.ending(ctx, None, ctx.local().date(), ctx.local().date() + timedelta(days=31), **more)
        return [(row.case.subject, row.extension.number if row.extension else None) for row in found]


def test_what_ends_within_a_month(office: Office) -> None:
    a, b, gone = (issued(office, last=n, nama=name) for n, name in ((20, "A"), (10, "B"), (12, "Dicabut")))
    issued(office, last=32, nama="Jauh")
    issued(office, last=5, nama="Belum", upto="cetak")
    act(office, gone, "revoke")
    taken_back(office, issued(office, last=15, nama="Diambil kembali", upto="nomori"))
    assert endings(office) == [("B", None), ("A", None)]
    assert endings(office, limit=1) == [("B", None)]
    after = (TODAY + timedelta(days=10), rows(office, b)[-1].id)
    assert endings(office, after=after) == [("A", None)]
    with office.work() as ctx:
        number = cases.extend(ctx, office.actor(ctx, "pemohon"), a).number
    assert endings(office) == [("B", None), ("A", number)]
    assert endings(office, unextended=True) == [("B", None)]
    with office.work() as ctx:  # nobody is left who could be told
        ctx.session.get_one(Case, b).destroyed_at = ctx.now
    assert endings(office, unextended=True) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_list_is_one_query_by_the_index_of_last_days(office: Office) -> None:
    issued(office, last=20)
    asked: list[tuple[str, Any]] = []
    event.listen(office.db.engine, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
    endings(office)
    [(statement, values)] = [row for row in asked if "valid_until" in row[0]]
    with office.db.engine.connect() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any("document USING INDEX ix_document_until" in line for line in plan), plan
    assert not [line for line in plan if line.startswith("SCAN")], plan


@pytest.mark.parametrize(
    ("who", "status"), [("kepala", 200), ("auditor", 200), ("pemohon", 403), (None, 302)]
)  # fmt: skip
def test_who_sees_the_list(office: Office, who: str | None, status: int) -> None:
    issued(office, last=20)
    issued(office, last=10, nama="Tamu", by="loket", whom="Tamu")
    page = office.client(who).get("/berakhir")
    assert page.status_code == status
    if status == 200:
        assert page.text.index("Tamu") < page.text.index("Warung")
        assert "tidak punya akun" in page.text
        for query in ("sop=p&hari=5", "sudah=1&hari=x", "hari=99999999", "sesudah=besok.x", "belum=1", "sop=tidak"):
            assert office.client(who).get(f"/berakhir?{query}").status_code == 200
        with office.look() as ctx:
            assert [row.what for row in access.rows(ctx)].count("berakhir") >= 2


# -- reminders --------------------------------------------------------------------------------------------------------


def morning(office: Office) -> list[str]:
    """What the worker writes by way of reminders the next morning: the subjects' inputs, as told."""
    office.later(days=1)
    with office.look() as ctx:
        before = set(ctx.session.scalars(select(Message.id)))
    jobs = [job for job in worker.MAIL if job[1] is worker.write_reminder]
    worker.once(office.settings, office.db.reading, office.db.writing, jobs=jobs)
    with office.look() as ctx:
        new = ctx.session.scalars(select(Message).where(Message.id.not_in(before)).order_by(Message.id))
        return [f"{message.inputs['surat']['nomor']} {message.inputs['surat']['sisa_hari']}" for message in new]


def test_holders_are_reminded_once_for_each_bound(office: Office) -> None:
    morning(office)  # the first look says only when the next is
    office.at(MONDAY)
    first = issued(office, last=31)
    told = {day: said for day in range(1, 32) if (said := morning(office))}
    assert told == {2: ["1/I/2026 29"], 24: ["1/I/2026 7"]}  # the first morning was spent already
    with office.look() as ctx:
        message = ctx.session.scalars(select(Message).where(Message.case_id == first)).first()
        assert message is not None
        assert message.address == "pemohon@contoh.id"
        assert endings_told(ctx) == []


def endings_told(ctx: Any) -> list[Any]:
    return [row.told_at for row in permits.ending(ctx, None, TODAY - timedelta(days=1), TODAY - timedelta(days=1))]


def test_what_a_reminder_says(office: Office) -> None:
    from app import messages

    morning(office)
    case_id = issued(office, last=20)
    assert morning(office) == ["1/I/2026 19"]
    with office.look() as ctx:
        row = ctx.session.scalars(select(Message)).one()
        sent = messages.composed(ctx, row.id)
        [ending] = permits.ending(ctx, None, TODAY, TODAY + timedelta(days=40))
    until = (MONDAY + timedelta(days=21)).date()
    assert sent.subject == "1/I/2026 berakhir"
    assert sent.text.startswith(f"19 hari, {until.day} Desember 2026: {office.settings.url}/permohonan/{case_id}/")
    assert ending.told_at == row.created_at


@pytest.mark.parametrize("why", ["revoked", "extended", "replaced", "walk-in", "destroyed", "void"])
def test_who_is_not_reminded(office: Office, why: str) -> None:
    morning(office)
    walk_in = why == "walk-in"
    case_id = issued(office, last=20, by="loket" if walk_in else "pemohon", whom="Tamu" if walk_in else None)
    with office.work() as ctx:
        if why == "extended":
            cases.extend(ctx, office.actor(ctx, "pemohon"), case_id)
        if why == "destroyed":
            ctx.session.get_one(Case, case_id).destroyed_at = ctx.now
    if why == "revoked":
        act(office, case_id, "revoke")
    if why == "void":
        void(office, case_id)
    if why == "replaced":
        correction(office, case_id)
    assert morning(office) == []


def test_who_acts_for_a_holder_is_reminded_too(office: Office) -> None:
    morning(office)
    issued(office, last=20)
    with office.work() as ctx:
        giver, proxy = office.person(ctx, "pemohon"), office.person(ctx, "pemohon2")
        letter = uploads.save(ctx, giver, "kuasa.pdf", b"%PDF-1.4\n%%EOF\n")
        span = {"since": ctx.now, "until": ctx.now + timedelta(days=90), "created_at": ctx.now}
        ctx.session.add(Proxy(principal_id=giver.id, proxy_id=proxy.id, upload_id=letter.id, **span))
    assert morning(office) == ["1/I/2026 19"] * 2
    assert morning(office) == []
    with office.look() as ctx:
        told = ctx.session.scalars(select(Message.address).order_by(Message.id)).all()
    assert told == ["pemohon@contoh.id", "pemohon2@contoh.id"]


def test_two_that_remind_at_once_tell_once(office: Office) -> None:
    case_id = issued(office, last=20)
    paper = rows(office, case_id)[-1].id
    for _ in range(2):
        with office.work() as ctx:
            reminders.tell(ctx, paper)
    with office.look() as ctx:
        assert len(ctx.session.scalars(select(Message)).all()) == 1


# -- extension --------------------------------------------------------------------------------------------------------


def drafted(office: Office, case_id: int) -> Any:
    with office.look() as ctx:
        [task] = cases.open_tasks(ctx, ctx.session.get_one(Case, case_id))
        return task.draft


def test_an_extension_begins_with_what_the_drawing_copies(office: Office) -> None:
    old = issued(office, last=20)
    client = office.client("pemohon")
    assert "Ajukan perpanjangan" in client.get("/permohonan").text
    page = client.get(f"/permohonan/{old}/perpanjangan")
    assert (page.status_code, "1/I/2026" in page.text) == (200, True)
    answer = client.post(f"/permohonan/{old}/perpanjangan")
    assert answer.status_code == 303
    with office.look() as ctx:
        new = ctx.session.scalars(select(Case).where(Case.previous_id == old)).one()
        linked = [entry.body for entry in journal.entries(ctx, old) if entry.kind == "link"]
    until = (TODAY + timedelta(days=20)).isoformat()
    assert drafted(office, new.id) == {"nama": "Warung", "lama": {"nomor": "1/I/2026", "sampai": until}, "ke": 2}
    assert (new.applicant_name, [body["number"] for body in linked]) == ("Pemohon", [new.number])
    assert client.post(f"/permohonan/{old}/perpanjangan").status_code == 409
    assert new.number in client.get("/permohonan").text


@pytest.mark.parametrize(
    ("who", "whose", "status"),
    [("pemohon", "pemohon", 303), ("pemohon2", "pemohon", 404), ("loket", "pemohon", 303), ("loket", "Tamu", 303),
     ("loket", "Surti", 303), ("kepala", "pemohon", 403), ("auditor", "pemohon", 403)],
)  # fmt: skip
def test_who_extends(office: Office, who: str, whose: str, status: int) -> None:
    by, whom = ("pemohon", None) if whose == "pemohon" else ("loket", whose)
    old = issued(office, last=20, by=by, whom=whom)
    with office.work() as ctx:  # who takes the name of somebody at the counter does not get what is theirs
        people.new_person(ctx, "Surti", PASSWORD, full_name="Orang Lain", applicant=True)
    assert office.client(who).post(f"/permohonan/{old}/perpanjangan").status_code == status
    if status == 303:
        with office.look() as ctx:
            new = ctx.session.scalars(select(Case).where(Case.previous_id == old)).one()
            was = ctx.session.get_one(Case, old)
            assert (new.applicant_id, new.applicant_name) == (was.applicant_id, was.applicant_name)


@pytest.mark.parametrize("why", ["open", "revoked", "no permit", "not drawn"])
def test_what_is_not_extended(office: Office, why: str) -> None:
    if why == "not drawn":
        with office.work() as ctx:
            revisions.install(ctx, bundle(perpanjangan=""), "uji", "uji")
    old = issued(office, upto="nomori" if why == "open" else "terima")
    if why == "revoked":
        act(office, old, "revoke")
    if why == "no permit":
        with office.work() as ctx:
            ctx.session.execute(update(Document).values(valid_until=None))
    client = office.client("pemohon")
    assert client.get(f"/permohonan/{old}/perpanjangan").status_code == 404
    assert client.post(f"/permohonan/{old}/perpanjangan").status_code == 409


# -- what the check says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "rule", "level"),
    [
        ({"keabsahan": "lain.docx | nomor"}, "tanpa-periksa", "warning"),
        ({"keabsahan": "surat.docx | nomer | mulai"}, "kunci-tak-dikenal", "warning"),
        ({"keabsahan": "surat.docx | nomor | nama"}, "bukan-tanggal", "warning"),
        ({"keabsahan": "surat.docx"}, "nilai-properti", "error"),
        ({"pemegang": "siapa"}, "kunci-tak-dikenal", "warning"),
        ({"pengingat_berakhir": "30 hari | tidak-ada.txt"}, "pesan-tidak-ada", "error"),
        ({"pengingat_berakhir": "sebulan"}, "nilai-properti", "error"),
        ({"salin": "nama = 1 +"}, "salin", "error"),
        ({"salin": "nama = tidak_ada"}, "kunci-tak-dikenal", "warning"),
        ({"salin": "tidak_ada = nama"}, "kunci-tak-dikenal", "warning"),
    ],
)
def test_findings(says: dict[str, str], rule: str, level: str) -> None:
    before, found = (checks.check(bundle(**more))[1] for more in ({}, says))
    assert [f for f in before if f.level != "info"] == []
    new: list[Finding] = [f for f in found if f.level != "info"]
    assert (rule, level) in {(f.rule, f.level) for f in new}, new


def test_a_line_of_papers() -> None:
    read = drawn.papers("a.docx | Izin | rangkap 2 | Periksa | internal\nb.docx | periksa")
    assert read == [
        drawn.Paper("a.docx", "Izin", 2, internal=True, checked=True),
        drawn.Paper("b.docx", "b", 1, internal=False, checked=True),
    ]


def test_an_extension_leaves_out_what_is_not_there() -> None:
    rule = terms.Extension("p", tuple(c for line in ("a", "b.c = a.x", "d = n + 1", "e = z") for c in terms.copy(line)))
    assert rule.filled({"a": {"x": 1, "y": []}, "n": 2}) == {"a": {"x": 1, "y": []}, "b": {"c": 1}, "d": 3}
    assert rule.filled({}) == {}


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content, "utuh, tetapi sertifikatnya tidak dikenal"),
        (lambda content: content + b"\n% tambahan\n", "diubah sesudah ditandatangani"),
        (lambda content: content.replace(b"/ByteRange", b"/byteRange"), ""),
    ],
    ids=["whole", "added to", "no signature"],
)
def test_who_compares_a_file_reads_who_signed_it(
    office: Office, tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    signer = signing.Certificate(test_signing.opened(test_signing.certificate(tmp_path)))
    content = change(signer.sign(test_signing.simple(), lambda _kept: None))
    document = rows(office, issued(office))[-1]
    page = office.client().post(f"/periksa/{document.code}", data={"berkas": (io.BytesIO(content), "izin.pdf")})
    text = " ".join(page.text.split())
    assert (page.status_code, "Tidak sama dengan yang diterbitkan" in text) == (200, True)
    assert ("oleh Kepala Dinas, S.H." in text, said in text) == (bool(said), True)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_one_signature_is_read_at_a_time_and_a_broken_one_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = rows(office, issued(office))[-1]
    content = b"%PDF-1.7 /ByteRange %%EOF"

    def compare() -> str:
        page = office.client().post(f"/periksa/{document.code}", data={"berkas": (io.BytesIO(content), "izin.pdf")})
        assert (page.status_code, "Tidak sama dengan yang diterbitkan" in page.text) == (200, True)
        return page.text

    assert "tanda tangannya tidak dapat dibaca" in compare()
    meanwhile: list[str] = []

    def slow(*_: object) -> list[signing.Signature]:
        other = threading.Thread(target=lambda: meanwhile.append(compare()))
        other.start()
        other.join(20)
        return []

    monkeypatch.setattr(signing, "verify", slow)
    compare()
    assert "Tanda tangannya belum diperiksa" in meanwhile[0]
