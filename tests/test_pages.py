"""The pages where the work is done, through Flask's own client: inbox, step, case, replay, SOPs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from app import cases, demo, forms, people
from app.models import Case, Task, Upload
from tests import play
from tests.conftest import Office

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)

PDF = demo._pdf("Uji")
REASON = "Nama pada paspor <b>berbeda</b> & tanggalnya lewat"


def words(answer: TestResponse) -> str:
    """What a reader sees of a page."""
    whole = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", answer.text)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", whole)))


def flat(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Answers as the inputs of a page."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{pointer}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{pointer}/{number}" if isinstance(inner, Mapping) else pointer)
    elif value is True:
        yield pointer, "1"
    elif value is not False and value is not None:
        yield pointer, str(value)


def filled(office: Office, task_id: int, person: str, **rest: Any) -> dict[str, Any]:
    """The step page's inputs filled with the form's samples."""
    with office.work() as ctx:
        task = ctx.session.get_one(Task, task_id)
        form = cases.form_of(ctx, task)
        who = office.person(ctx, person)
        today = ctx.now.astimezone(ctx.settings.zone).date()
        answers = forms.sample(form, 1, lambda f: demo.sample_upload(ctx, who, f), today) if form else {}
        data: dict[str, Any] = {"versi": str(task.version)}
    for name, value in flat(answers):
        data.setdefault(name, []).append(value)
    return {**data, **rest}


def first(office: Office, case_id: int) -> tuple[int, str, list[tuple[str, str, bool]]]:
    """The case's first open task, who does it, and its choices."""
    with office.look() as ctx:
        task = play.waiting(ctx, case_id)[0]
        ways = [(way.id, way.label, way.returns) for way in cases.choices(ctx, task)]
        return task.id, play.performer(office, ctx, task).name, ways


def at_first_decision(office: Office, returning: bool = False) -> int:
    """A case at its first step with choices (of which one goes back, if asked)."""
    case_id = play.apply(office)
    while True:
        ways = first(office, case_id)[2]
        if ways and (not returning or any(way[2] for way in ways)):
            return case_id
        play.step(office, case_id)


def test_an_empty_inbox_says_so(office: Office) -> None:
    officer = next(iter(office.officers.values()))
    assert "Tidak ada tugas yang menunggu." in words(office.client(officer).get("/tugas"))
    assert "Anda belum memegang bagian apa pun." in words(office.client("luar").get("/tugas"))


def test_an_inbox_shows_takes_and_gives_back(office: Office) -> None:
    case_id = at_first_decision(office)
    task_id, name, _ways = first(office, case_id)
    officer = office.client(name)
    with office.look() as ctx:
        number, step = ctx.session.get_one(Case, case_id).number, ctx.session.get_one(Task, task_id).name
    page = words(officer.get("/tugas"))
    assert number in page
    assert step in page
    assert "Belum diambil" in page
    assert officer.post("/tugas/berikutnya").location == f"/tugas/{task_id}"
    assert "Anda yang mengerjakan" in words(officer.get(f"/tugas/{task_id}"))
    assert "Tidak ada lagi tugas" in words(officer.post("/tugas/berikutnya", follow_redirects=True))
    assert number in words(officer.get("/tugas?milik_saya=1"))
    assert "Tidak ada tugas yang cocok" in words(officer.get("/tugas?belum_diambil=1"))
    assert officer.post(f"/tugas/{task_id}/lepas").location == "/tugas"
    assert number in words(officer.get("/tugas?belum_diambil=1"))
    assert number in words(officer.get(f"/tugas?cari={number}"))
    assert "Tidak ada tugas yang cocok" in words(officer.get("/tugas?cari=tidak-ada-yang-begini"))


def test_nobody_sees_what_is_not_theirs(office: Office) -> None:
    case_id = play.apply(office)
    task_id, _name, _ways = first(office, case_id)
    officers = sorted(office.officers.values())
    seen = {"pemohon": 200, officers[0]: 200, "auditor": 200, "pemohon2": 404, "luar": 404, "pemilik": 404}
    places = (
        f"/permohonan/{case_id}", f"/tugas/{task_id}", f"/permohonan/{case_id}/putar",
        f"/permohonan/{case_id}/lembar-kendali", f"/permohonan/{case_id}/diagram.bpmn",
    )  # fmt: skip
    for name, status in seen.items():
        client = office.client(name)
        assert {place: client.get(place).status_code for place in places} == dict.fromkeys(places, status)
    for place in places:
        assert office.client().get(place).status_code == 302
    for name, status in {"pemohon2": 404, "luar": 404, officers[0]: 403, "auditor": 403}.items():
        assert office.client(name).post(f"/tugas/{task_id}", data={}).status_code in (status, 403), name


def test_guessed_addresses_are_not_found(office: Office) -> None:
    client = office.client("auditor")
    for place in ("/tugas/999", "/permohonan/999", "/permohonan/999/putar", "/dokumen/999", "/berkas/tidak-ada"):
        assert client.get(place).status_code == 404, place
    assert client.get("/sop").status_code == 403


def test_a_step_is_sent_and_the_next_one_is_named(office: Office) -> None:
    case_id = play.apply(office)
    task_id, name, _ways = first(office, case_id)
    answer = office.client(name).post(f"/tugas/{task_id}", data=filled(office, task_id, name), follow_redirects=True)
    assert answer.status_code == 200
    assert answer.request.path == f"/permohonan/{case_id}"
    next_id = first(office, case_id)[0]
    with office.look() as ctx:
        assert f"Sekarang di: {ctx.session.get_one(Task, next_id).name}" in words(answer)


def test_everything_typed_is_kept_when_something_is_wrong(office: Office) -> None:
    case_id = play.apply(office)
    task_id, name, _ways = first(office, case_id)
    with office.look() as ctx:
        form = cases.form_of(ctx, ctx.session.get_one(Task, task_id))
        assert form is not None
        field = next(f for f in form.fields if f.type == "textfield" and f.required and not f.pattern)
        files = [f for f in form.fields if f.type == "upload"][:2]
    naughty = 'Ω "<script>alert(1)</script>'
    data: dict[str, Any] = {field.pointer: naughty}
    data[files[0].pointer] = (io.BytesIO(PDF), "paspor.pdf")
    data[files[1].pointer] = (io.BytesIO(b"MZ\x90\x00" + bytes(99)), "jahat.pdf")
    client = office.client(name)
    answer = client.post(f"/tugas/{task_id}", data=data, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert naughty in unescape(answer.text)
    assert 'id="kesalahan"' in answer.text
    links = re.findall(r'<li><a href="#([^"]+)">', answer.text)
    assert links
    assert all(f'id="{link}"' in answer.text for link in links)
    assert "paspor.pdf" in answer.text
    assert "jahat.pdf" not in answer.text
    again = client.get(f"/tugas/{task_id}")
    assert naughty in unescape(again.text)
    assert "paspor.pdf" in again.text


def test_a_return_asks_for_its_reason_and_is_told(office: Office) -> None:
    case_id = at_first_decision(office, returning=True)
    task_id, name, ways = first(office, case_id)
    back = next(way for way in ways if way[2])
    officer = office.client(name)
    page = officer.get(f"/tugas/{task_id}").text
    buttons = re.findall(r'<button form="langkah" name="choice" value="([^"]+)"[^>]*>([^<]*)<', page)
    assert [(key, unescape(label)) for key, label in buttons] == [(way[0], way[1]) for way in ways]
    data = filled(office, task_id, name, choice=back[0])
    bare = officer.post(f"/tugas/{task_id}", data=data)
    assert bare.status_code == 422
    assert 'href="#alasan"' in bare.text
    marked = re.findall(r'name="_salah" value="([^"]+)"', page)[:2]
    sent = officer.post(f"/tugas/{task_id}", data={**data, "alasan": REASON, "_salah": marked})
    assert (sent.status_code, sent.location) == (303, "/tugas")
    next_id, receiver, _ways = first(office, case_id)
    told = office.client(receiver).get(f"/tugas/{next_id}")
    assert REASON in words(told)
    assert "Dikembalikan untuk diperbaiki" in words(told)
    with office.look() as ctx:
        by = office.person(ctx, name).full_name
        assert ctx.session.get_one(Task, next_id).round == 2
        form = cases.form_of(ctx, ctx.session.get_one(Task, next_id))
    assert by in words(told)
    for pointer in marked:
        if form and form.field_at(pointer):
            assert f'href="#{form.anchor(pointer)}"' in told.text
    assert "Dikembalikan" in words(office.client(receiver).get("/tugas"))


def test_the_slower_of_two_loses_nothing(office: Office) -> None:
    case_id = at_first_decision(office)
    task_id, name, ways = first(office, case_id)
    with office.work() as ctx:
        lane = ctx.session.get_one(Task, task_id).lane.name
        people.grant(ctx, office.person(ctx, "luar"), lane)
    data = filled(office, task_id, name, choice=ways[0][0])
    late = filled(office, task_id, "luar", choice=ways[0][0], alasan="kata-kata yang tidak boleh hilang")
    assert office.client(name).post(f"/tugas/{task_id}", data=data).status_code == 303
    answer = office.client("luar").post(f"/tugas/{task_id}", data=late)
    with office.look() as ctx:
        by = office.person(ctx, name).full_name
    assert answer.status_code == 409
    assert f"sudah dikerjakan oleh {by}" in words(answer)
    assert "kata-kata yang tidak boleh hilang" in words(answer)
    assert "tersimpan sebagai catatan" in words(answer)
    assert "Isian yang tidak sempat terkirim" in words(office.client("luar").get(f"/tugas/{task_id}"))
    twice = office.client(name).post(f"/tugas/{task_id}", data=data)
    assert twice.status_code == 409
    assert "Kiriman Anda yang pertama sudah diterima" in words(twice)
    other = office.client("luar").post(f"/tugas/{task_id}/ambil")
    assert other.status_code == 409


def test_a_stale_page_keeps_what_was_typed_as_a_draft(office: Office) -> None:
    case_id = play.apply(office)
    task_id, name, _ways = first(office, case_id)
    data = filled(office, task_id, name)
    client = office.client(name)
    client.post(f"/tugas/{task_id}/ambil")
    client.post(f"/tugas/{task_id}/lepas")
    answer = client.post(f"/tugas/{task_id}", data=data)
    assert answer.status_code == 409
    assert "tersimpan sebagai draf" in words(answer)
    with office.look() as ctx:
        assert cases.task_for(ctx, office.actor(ctx, name), task_id).draft


def test_a_draft_is_kept_with_and_without_a_script(office: Office) -> None:
    case_id = play.apply(office)
    task_id, name, _ways = first(office, case_id)
    client = office.client(name)
    data = filled(office, task_id, name)
    assert "Draf tersimpan pukul" in words(client.post(f"/tugas/{task_id}/draf", data=data, follow_redirects=True))
    quiet = client.post(f"/tugas/{task_id}/draf", data=data, headers={"X-Requested-With": "fetch"})
    assert (quiet.status_code, list(quiet.json or {})) == (200, ["saved"])
    stranger = office.client("pemohon2").post(f"/tugas/{task_id}/draf", data=data)
    assert stranger.status_code == 404


def test_uploads_are_for_who_sent_them_and_who_sees_the_case(office: Office) -> None:
    client = office.client("pemohon")
    sent = client.post("/berkas", data={"file": (io.BytesIO(PDF), "paspor.pdf")}).json
    assert sent is not None
    answer = client.get(sent["url"])
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "application/pdf", PDF)
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert client.get(sent["url"] + "?unduh").headers["Content-Disposition"].startswith("attachment")
    assert office.client("pemohon2").get(sent["url"]).status_code == 404
    assert office.client(next(iter(office.officers.values()))).get(sent["url"]).status_code == 404
    refused = client.post("/berkas", data={"file": (io.BytesIO(b""), "kosong.pdf")})
    assert refused.status_code == 422
    assert "kosong" in (refused.json or {})["message"]
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.look() as ctx:
        theirs = ctx.session.scalars(select(Upload.id).where(Upload.case_id == case_id)).first()
    assert office.client(next(iter(office.officers.values()))).get(f"/berkas/{theirs}").status_code == 200
    assert office.client("luar").get(f"/berkas/{theirs}").status_code == 404


def test_a_case_from_its_first_day_to_its_last(office: Office) -> None:
    case_id = at_first_decision(office, returning=True)
    with office.look() as ctx:
        labels = {label: back for _id, label, back in first(office, case_id)[2]}
    play.finish(office, case_id, next(label for label, back in labels.items() if back))
    officer = office.client(next(iter(office.officers.values())))
    for who in (officer, office.client("pemohon"), office.client("auditor")):
        page = words(who.get(f"/permohonan/{case_id}"))
        assert "Selesai, " in page
        assert "Dokumen terbit" in page
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        papers = cases.documents(ctx, office.actor(ctx, officer_name(office)), case)
        shown = cases.documents(ctx, office.actor(ctx, "pemohon"), case)
        last = case.seq
    for paper in papers:
        answer = officer.get(f"/dokumen/{paper.id}")
        assert (answer.status_code, answer.data[:2]) == (200, b"PK")
        allowed = 200 if paper.id in {p.id for p in shown} else 404
        assert office.client("pemohon").get(f"/dokumen/{paper.id}").status_code == allowed
        assert office.client("luar").get(f"/dokumen/{paper.id}").status_code == 404
    sheet = officer.get(f"/permohonan/{case_id}/lembar-kendali")
    assert "Putaran 2" in words(sheet)
    assert officer.get(f"/permohonan/{case_id}/lembar-kendali.docx").data[:2] == b"PK"
    assert office.client("pemohon").get(f"/permohonan/{case_id}/lembar-kendali.docx").status_code == 404
    replay = officer.get(f"/permohonan/{case_id}/putar")
    assert "Terbukti." in words(replay)
    assert re.findall(r'<li id="p(\d+)"', replay.text) == [str(n) for n in range(1, last + 1)]
    moment = officer.get(f"/permohonan/{case_id}/putar?seq=3")
    assert re.findall(r'id="p(\d+)"[^>]*aria-current', moment.text) == ["3"]
    with office.work() as ctx:
        ctx.session.execute(text("UPDATE event SET actor = 'Orang Lain' WHERE seq = 2"))
    broken = officer.get(f"/permohonan/{case_id}/putar")
    assert "Tidak terbukti." in words(broken)
    assert "2: Rantai sidik tidak cocok" in words(broken)


def officer_name(office: Office) -> str:
    return next(iter(office.officers.values()))


def test_an_applicant_does_not_read_what_officers_note(office: Office) -> None:
    case_id = at_first_decision(office)
    task_id, name, ways = first(office, case_id)
    forward = next(way for way in ways if not way[2])
    note = "catatan antarpetugas"
    data = filled(office, task_id, name, choice=forward[0], alasan=note)
    assert office.client(name).post(f"/tugas/{task_id}", data=data).status_code == 303
    for place in ("", "/putar", "/lembar-kendali"):
        assert note in words(office.client(name).get(f"/permohonan/{case_id}{place}")), place
        assert note not in words(office.client("pemohon").get(f"/permohonan/{case_id}{place}")), place


def test_an_owner_puts_a_revision_in_force(office: Office) -> None:
    owner = office.client("pemilik")
    assert "Revisi ke 1" in words(owner.get("/sop"))
    page = owner.get(f"/sop/{office.sop}/1")
    paths = [unescape(path) for path in re.findall(rf'href="/sop/{office.sop}/1/berkas/([^"]+)"', page.text)]
    contents = {path: owner.get(f"/sop/{office.sop}/1/berkas/{path}").data for path in paths}
    diagram = next(path for path in paths if path.endswith(".bpmn"))

    def send(files: Mapping[str, bytes]) -> TestResponse:
        data = {"berkas": [(io.BytesIO(content), path.rpartition("/")[2]) for path, content in files.items()]}
        return owner.post("/sop", data=data, content_type="multipart/form-data")

    broken = send({"rusak.bpmn": b"<definitions"})
    assert broken.status_code == 422
    assert "belum dapat diberlakukan" in words(broken)
    assert "Kesalahan" in words(broken)
    assert send({}).status_code == 422
    assert send({"a.zip": b"bukan arsip"}).status_code == 422
    changed = {**contents, diagram: contents[diagram] + b"\n<!-- revisi -->\n"}
    sent = send(changed)
    assert (sent.status_code, sent.location) == (303, f"/sop/{office.sop}/2")
    assert "Tidak berlaku lagi" in words(owner.get(f"/sop/{office.sop}/1"))
    assert office.client("auditor").post("/sop").status_code == 403
