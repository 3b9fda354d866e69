"""Ends that no SOP draws, what may follow an end, and a completed step taken back: each an event that the proof bears out.

The SOP: an applicant fills in, the counter registers (H), somebody checks and may send it back, the head signs. A timer
of ten days lapses what its applicant leaves alone.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import audit, bundles, cases, engine, journal, papers, people, revisions, statistics, worker
from app.models import Case, Membership, Task
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes
from tests.test_api import Api
from tests.test_run import drawn

FORM = {"type": "default", "id": "isi", "components": [
    {"type": "textfield", "key": "nama", "label": "Nama", "id": "F1", "validate": {"required": True}},
    {"type": "textfield", "key": "catatan", "label": "Catatan", "id": "F2"},
]}  # fmt: skip
REVIEW = {"type": "default", "id": "telaah", "components": [
    {"type": "textfield", "key": "telaah", "label": "Telaah", "id": "F3"},
]}  # fmt: skip
DRAWING = """
start m
user isi "Isi" <{isi}>
user daftar "Daftar" <{daftar}>
user periksa "Periksa" <{periksa}>
xor x
user tanda "Tanda tangani" <{tanda}>
end z
boundary t attachedToRef=isi ~timer=P10D
end g <{gugur}>
m > isi
isi > daftar
daftar > periksa
periksa > x
x > tanda "Benar"
x > isi "Perbaiki"
tanda > z
t > g
"""
RULES = {
    "penolakan": "Direktur", "pengguguran": "Meja Depan", "pembukaan_kembali": "Direktur", "pembetulan": "Meja Depan",
    "pencabutan": "Direktur",
}  # fmt: skip
PEOPLE = {"depan": "Meja Depan", "pemeriksa2": "Meja Periksa", "direktur": "Direktur"}
STEPS = {"isi": "pemohon", "daftar": "depan", "periksa": "pemeriksa2", "tanda": "direktur"}


def installed(office: Office, **rules: str) -> None:
    text = DRAWING.format(
        isi=given(formulir="isi"), daftar=given(jam="mulai", register="arsip.nomor = arsip : {urut:3}"),
        tanda=given(formulir="telaah", register="izin.nomor = izin : IZ-{urut:3}"), periksa=given(batas="H+1", jam="mulai"), gugur=given(status="gugur"),
    )  # fmt: skip
    held = lanes(("Pemohon", "m isi g"), ("Meja Depan", "daftar"), ("Meja Periksa", "periksa"), ("Direktur", "tanda z"))
    held = held.replace('name="Pemohon">', f'name="Pemohon">{given(pemohon="ya")}')
    held = held.replace('name="Meja Depan">', f'name="Meja Depan">{given(loket="ya")}')
    files = {
        "izin.bpmn": draw(
            text, given(jangka_waktu="7 kerja", ringkasan="nama", **{**RULES, **rules}) + held, id="izin"
        ),
        "isi.form": json.dumps(FORM).encode(),
        "telaah.form": json.dumps(REVIEW).encode(),
    }
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered(files)[0], "uji", "uji")
        for name, lane in PEOPLE.items():
            people.grant(ctx, people.new_person(ctx, name, PASSWORD, full_name=lane), lane)


def applied(office: Office, *done: str) -> int:
    """A case with these steps done."""
    case_id = play_apply(office)
    for step in done:
        did(office, case_id, step)
    return case_id


def play_apply(office: Office) -> int:
    with office.work() as ctx:
        return cases.open_case(ctx, office.actor(ctx, "pemohon"), "izin").id


def did(office: Office, case_id: int, step: str, choice: str | None = None, name: str = "Andi") -> int:
    """Completes a step as who holds it; its task's id."""
    office.later(minutes=10)
    with office.work() as ctx:
        task = next(task for task in open_now(ctx, case_id) if task.step == step)
        answers = {"nama": name} if step == "isi" else {}
        way = {"periksa": choice or "x_tanda"}.get(step)
        note = "Kurang." if way == "x_isi" else ""
        cases.complete(ctx, office.actor(ctx, STEPS[step]), task.id, answers, way, note)
        return task.id


def open_now(ctx: Any, case_id: int) -> list[Task]:
    return cases.open_tasks(ctx, ctx.session.get_one(Case, case_id))


def stands(office: Office, case_id: int) -> tuple[str, list[tuple[str, int]], Any]:
    """Status, open steps with their round, what was filled in; and nothing to be said against it."""
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert audit.frames(ctx, case).all_findings == []
        opened = [(task.step, task.round) for task in open_now(ctx, case_id)]
        return case.status, opened, cases.data_of(ctx, case)


def worked(office: Office) -> int:
    """Has a worker look once for what is due."""
    return worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.HOUSE)


def proven(office: Office) -> list[str]:
    """What `alur verify` finds."""
    with office.look() as ctx:
        return [said for proof in audit.verify(ctx) for said in proof.all_findings]


def happened(office: Office, case_id: int) -> list[tuple[str, str, str, str]]:
    with office.look() as ctx:
        return [(e.kind, e.actor, e.lane, e.note) for e in journal.entries(ctx, case_id)]


DONE = ("isi", "daftar", "periksa", "tanda")
# who does what after which steps, and the status then (None: not offered, so refused)
ENDS = [
    ("withdraw", "pemohon", (), "withdrawn"),
    ("withdraw", "pemohon", ("isi", "daftar"), "withdrawn"),
    ("withdraw", "depan", ("isi",), None),  # an applicant who filed themselves withdraws themselves
    ("withdraw", "direktur", ("isi",), None),
    ("withdraw", "pemohon", DONE, None),
    ("refuse", "direktur", ("isi",), "refused"),
    ("refuse", "depan", ("isi",), None),
    ("refuse", "pemohon", ("isi",), None),
    ("refuse", "direktur", DONE, None),
    ("lapse", "depan", ("isi",), None),  # the diagram draws a lapse: that one wins
    ("reopen", "direktur", ("isi",), None),
    ("revoke", "direktur", DONE, "revoked"),
    ("revoke", "depan", DONE, None),
    ("revoke", "direktur", ("isi",), None),
    ("reopen", "direktur", DONE, "open"),
    ("reopen", "pemohon", DONE, None),
]  # fmt: skip


@pytest.mark.parametrize(("kind_of", "who", "done", "status"), ENDS)
def test_who_may_end_what_and_when(
    office: Office, kind_of: str, who: str, done: tuple[str, ...], status: str | None
) -> None:
    installed(office)
    case_id = applied(office, *done)
    office.later(minutes=5)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        offered = [rule.verb.kind for rule in cases.offered(ctx, office.actor(ctx, who), case)]
    assert (kind_of in offered) == (status is not None)
    before = stands(office, case_id)
    if status is None:
        with pytest.raises((cases.NotYours, cases.CaseEnded, cases.NotNow)), office.work() as ctx:
            cases.act(ctx, office.actor(ctx, who), case_id, kind_of, "Alasan.")
        assert stands(office, case_id) == before
        return
    for reason in ("", " \n"):
        with pytest.raises(cases.ReasonNeeded), office.work() as ctx:
            cases.act(ctx, office.actor(ctx, who), case_id, kind_of, reason)
    with office.work() as ctx:
        cases.act(ctx, office.actor(ctx, who), case_id, kind_of, "Alasan.")
    opened = [("tanda", 1)] if kind_of == "reopen" else []
    assert stands(office, case_id) == (status, opened, before[2])
    names = {"pemohon": ("Andi Pratama", "Pemohon"), "direktur": ("Direktur", "Direktur")}
    assert happened(office, case_id)[-1] == (kind_of, *names[who], "Alasan.")
    with office.look() as ctx:
        loaded = revisions.load(ctx.session, ctx.session.get_one(Case, case_id).revision_id)
        rows = papers.sheet(ctx, loaded, journal.entries(ctx, case_id))
        row = next(row for row in rows if row["petugas"] == names[who][0] and row["alasan"] == "Alasan.")
        assert (row["pelaksana"], row["keluar"]) == (names[who][1], office.now)


@pytest.mark.parametrize("days", [3, 40])
def test_what_was_reopened_goes_on_to_its_end_again_with_the_number_it_has(office: Office, days: int) -> None:
    installed(office)
    case_id = applied(office, *DONE)
    number = stands(office, case_id)[2]["izin"]["nomor"]
    office.later(days=days)
    worked(office)
    with office.work() as ctx:
        cases.reopen(ctx, office.actor(ctx, "direktur"), case_id, "Belum distempel.")
    assert stands(office, case_id)[0] == "open"
    did(office, case_id, "tanda")
    status, opened, data = stands(office, case_id)
    assert (status, opened, data["izin"]["nomor"]) == ("ended", [], number)
    assert proven(office) == []


def test_an_ended_case_leaves_the_inboxes_after_a_month_and_is_whole(office: Office) -> None:
    installed(office)
    case_id = applied(office, *DONE)
    with office.look() as ctx:
        last = ctx.session.scalars(select(Task.id).where(Task.case_id == case_id)).all()[-1]
    counts = []
    for days in (29, 2, 1):
        office.later(days=days)
        worked(office)
        with office.work() as ctx:
            rows = ctx.session.scalar(select(func.count()).select_from(Task).where(Task.case_id == case_id))
            with pytest.raises(cases.Refusal) as refused:
                cases.complete(ctx, office.actor(ctx, "direktur"), last, {})
        counts.append((rows, type(refused.value).__name__, proven(office)))
    with office.work() as ctx, pytest.raises(cases.NotNow):
        cases.take_back(ctx, office.actor(ctx, "direktur"), case_id)
    assert counts == [(len(DONE), "AlreadyDone", []), (0, "NotFound", []), (0, "NotFound", [])]


def test_a_withdrawn_case_is_reopened_where_it_stood_with_its_timer_begun_anew(office: Office) -> None:
    installed(office)
    case_id = applied(office)
    office.later(days=9)
    with office.work() as ctx:
        cases.end(ctx, office.actor(ctx, "pemohon"), case_id, "withdraw", "Pindah.")
    office.later(days=20)
    with office.work() as ctx:
        cases.reopen(ctx, office.actor(ctx, "direktur"), case_id, "Diminta kembali.")
    with office.look() as ctx:
        assert ctx.session.get_one(Case, case_id).next_due == office.now + timedelta(days=10)
    assert stands(office, case_id)[:2] == ("open", [("isi", 1)])
    office.later(days=11)
    with office.work() as ctx:
        assert cases.fire_due(ctx, cases.locked(ctx, case_id)) == 1
    assert stands(office, case_id)[0] == "lapsed"
    with office.work() as ctx:  # what lapsed by itself can be opened again as well
        cases.reopen(ctx, office.actor(ctx, "direktur"), case_id, "Ada bukti baru.")
    assert stands(office, case_id)[:2] == ("open", [("isi", 1)])


def test_what_one_has_just_done_is_taken_back_and_done_otherwise(office: Office) -> None:
    installed(office)
    case_id = applied(office)
    task_id = did(office, case_id, "isi", name="Andy")
    office.later(minutes=1)
    with office.work() as ctx:
        assert cases.take_back(ctx, office.actor(ctx, "pemohon"), case_id) == task_id
    assert stands(office, case_id) == ("open", [("isi", 1)], {})
    with office.look() as ctx:
        task = open_now(ctx, case_id)[0]
        assert (task.draft, task.version, task.closed_by_id) == ({"nama": "Andy"}, 2, None)
    did(office, case_id, "isi", name="Andi")
    assert stands(office, case_id) == ("open", [("daftar", 1)], {"nama": "Andi"})
    with office.look() as ctx:
        loaded = revisions.load(ctx.session, ctx.session.get_one(Case, case_id).revision_id)
        told = [(r["langkah"], r["hasil"]) for r in papers.sheet(ctx, loaded, journal.entries(ctx, case_id))]
    assert told == [
        ("Isi", "Selesai (diambil kembali)"), ("Daftar", "Diambil kembali"), ("Isi", "Selesai"),
        ("Daftar", "Sedang berjalan"),
    ]  # fmt: skip


def test_taking_back_the_start_of_the_clock_stops_it_and_keeps_the_number(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi")
    did(office, case_id, "daftar")
    number = stands(office, case_id)[2]["arsip"]["nomor"]
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "depan"), case_id)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.clock_at, case.due_at) == (None, None)
    assert stands(office, case_id)[2]["arsip"]["nomor"] == number
    did(office, case_id, "daftar")
    assert stands(office, case_id)[2]["arsip"]["nomor"] == number
    with office.look() as ctx:
        assert ctx.session.get_one(Case, case_id).clock_at == office.now


def claimed(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        cases.claim(ctx, office.actor(ctx, "depan"), open_now(ctx, case_id)[0].id)


NOT_BACK = [
    ("somebody took the next step", "pemohon", ("isi",), claimed),
    ("another did the next step", "pemohon", ("isi", "daftar"), lambda office, case_id: None),
    ("nothing was done yet", "pemohon", (), lambda office, case_id: None),
    ("another's work", "depan", ("isi",), lambda office, case_id: None),
]


@pytest.mark.parametrize(("why", "who", "done", "then"), NOT_BACK)
def test_what_others_have_acted_on_is_not_taken_back(
    office: Office, why: str, who: str, done: tuple[str, ...], then: Any
) -> None:
    installed(office)
    case_id = applied(office, *done)
    then(office, case_id)
    before = happened(office, case_id)
    with pytest.raises(cases.NotNow), office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, who), case_id)
    assert happened(office, case_id) == before


def test_a_step_is_taken_back_once(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi")
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "pemohon"), case_id)
    with pytest.raises(cases.NotNow), office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "pemohon"), case_id)
    with pytest.raises(cases.NotFound), office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "luar"), case_id)


def test_a_correction_is_the_officers_and_the_journal_keeps_both(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi", "daftar")
    office.later(minutes=1)
    with office.work() as ctx:
        cases.correct(ctx, office.actor(ctx, "depan"), case_id, "isi", {"nama": "Andi P."}, "Salah ketik.")
    assert stands(office, case_id)[1:] == ([("periksa", 1)], {"nama": "Andi P.", "arsip": {"nomor": "001"}})
    for step in ("periksa", "tanda"):
        did(office, case_id, step)
    with office.work() as ctx:  # also after it was issued
        cases.correct(ctx, office.actor(ctx, "depan"), case_id, "isi", {"nama": "Andi Pratama"}, "Nama lengkap.")
    status, _, data = stands(office, case_id)
    assert (status, data["nama"]) == ("ended", "Andi Pratama")
    corrected = [row for row in happened(office, case_id) if row[0] == "correct"]
    assert corrected == [
        ("correct", "Meja Depan", "Meja Depan", "Salah ketik."),
        ("correct", "Meja Depan", "Meja Depan", "Nama lengkap."),
    ]
    for answers, refusal in (({"nama": "Andi Pratama"}, cases.Invalid), ({}, cases.Invalid)):
        with pytest.raises(refusal), office.work() as ctx:
            cases.correct(ctx, office.actor(ctx, "depan"), case_id, "isi", answers, "Lagi.")
    for who, step, refusal in (("direktur", "isi", cases.NotYours), ("depan", "daftar", cases.NotFound)):
        with pytest.raises(refusal), office.work() as ctx:
            cases.correct(ctx, office.actor(ctx, who), case_id, step, {"nama": "x"}, "Lagi.")
    with office.work() as ctx:
        cases.reopen(ctx, office.actor(ctx, "direktur"), case_id, "Belum distempel.")
    assert stands(office, case_id)[2]["nama"] == "Andi Pratama"


def test_what_ended_is_applied_for_again_as_it_was_filled_in(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi")
    with pytest.raises(cases.NotNow), office.work() as ctx:
        cases.apply_again(ctx, office.actor(ctx, "pemohon"), case_id)
    with office.work() as ctx:
        cases.end(ctx, office.actor(ctx, "direktur"), case_id, "refuse", "Tidak lengkap.")
    with pytest.raises(cases.NotNow), office.work() as ctx:
        cases.apply_again(ctx, office.actor(ctx, "direktur"), case_id)
    with office.work() as ctx:
        new = cases.apply_again(ctx, office.actor(ctx, "pemohon"), case_id).id
    with office.look() as ctx:
        case = ctx.session.get_one(Case, new)
        assert (case.previous_id, open_now(ctx, new)[0].draft) == (case_id, {"nama": "Andi"})
        assert journal.entries(ctx, case_id)[-1].body["number"] == case.number
    with pytest.raises(cases.NotNow), office.work() as ctx:  # it lives on in the other
        cases.reopen(ctx, office.actor(ctx, "direktur"), case_id, "Dibuka.")


@pytest.mark.parametrize("who", ["pemohon", "depan", "tidak"])
def test_the_process_says_who_may_withdraw(office: Office, who: str) -> None:
    installed(office, penarikan={"depan": "Meja Depan"}.get(who, who))
    case_id = applied(office, "isi")
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        may = {
            name for name in ("pemohon", "depan", "direktur")
            for rule in cases.offered(ctx, office.actor(ctx, name), case) if rule.verb.kind == "withdraw"
        }  # fmt: skip
    assert may == ({who} - {"tidak"})


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_rule_that_names_no_lane_of_the_drawing_is_found(office: Office) -> None:
    with pytest.raises(revisions.NotRunnable) as refused:
        installed(office, penolakan="Drktur | surat.docx")
    told = {(f.rule, f.message) for f in refused.value.findings if f.level == "error"}
    assert told == {
        ("lajur-tidak-ada", "Properti penolakan menyebut lajur “Drktur”, tetapi lajur itu tidak digambar."),
        ("templat-tidak-ada", "“Izin” menerbitkan surat.docx, tetapi templat itu tidak ada di berkas SOP."),
    }


# The engine alone


PARALLEL = """
    <startEvent id="S"/><parallelGateway id="F"/><userTask id="A"/><userTask id="B"/><parallelGateway id="J"/>
    <userTask id="C"/><endEvent id="E"/>
    S -> F
    F -> A
    F -> B
    A -> J
    B -> J
    J -> C
    C -> E
"""


def test_rewinding_opens_the_same_passes_and_gives_no_name_twice() -> None:
    from tests.test_run import NOW

    definition = drawn(PARALLEL)
    facts = engine.facts(definition, {})
    first = engine.start(definition, None, facts, NOW)
    a, b = (step.token for step in first.opened)
    half = engine.complete(definition, first.state, a, facts, None, NOW)
    whole = engine.complete(definition, half.state, b, facts, None, NOW)
    back = engine.rewind(definition, half.state, whole.state, facts, NOW)
    assert ([s.token for s in back.opened], list(back.closed)) == ([b], [whole.opened[0].token])
    assert back.digest == half.digest
    again = engine.complete(definition, back.state, b, facts, None, NOW)
    assert again.opened[0].token not in (a, b, whole.opened[0].token)
    assert again.digest == whole.digest
    stopped = engine.stop(definition, back.state, facts, NOW)
    assert (stopped.ended, list(stopped.closed), stopped.next_due) == (True, [b], None)
    reopened = engine.rewind(definition, back.state, stopped.state, facts, NOW, True)
    assert ([s.token for s in reopened.opened], reopened.digest) == ([b], back.digest)


def test_a_closed_cases_row_holds_nothing_but_its_end(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi")
    with office.work() as ctx:
        cases.end(ctx, office.actor(ctx, "pemohon"), case_id, "withdraw", "Pindah.")
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.ended_at, case.data, case.state) == (office.now, None, b"")
        assert case.next_due == office.now + timedelta(days=30)  # its rows are put away then
        closed = ctx.session.execute(select(Task.closed_at, Task.closed_by_id).where(Task.case_id == case_id)).all()
        assert [by for _, by in closed if by] == [office.person(ctx, "pemohon").id]
        assert all(at is not None for at, _ in closed)


# Through the pages, the API and the report


def test_the_pages_ask_for_a_reason_and_keep_it(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi", "daftar")
    head, out = office.client("direktur"), office.client("luar")
    page = f"/permohonan/{case_id}/tindakan/penolakan"
    assert page in head.get(f"/permohonan/{case_id}").text
    assert (head.get(page).status_code, out.get(page).status_code) == (200, 404)
    for path in ("penarikan", "pencabutan", "pembukaan-kembali", "pengguguran", "tidak-ada"):
        address = f"/permohonan/{case_id}/tindakan/{path}"
        assert [head.get(address).status_code, head.post(address, data={"alasan": "x"}).status_code] == [404, 404], path
    empty = head.post(page, data={"alasan": " "})
    assert (empty.status_code, "Tulis alasannya." in empty.text) == (422, True)
    long = head.post(page, data={"alasan": "<b>" + "x" * 4500})
    assert (long.status_code, "&lt;b&gt;xxx" in long.text) == (422, True)
    done = head.post(page, data={"alasan": "Tidak memenuhi syarat."})
    assert (done.status_code, done.location) == (303, f"/permohonan/{case_id}")
    shown = head.get(done.location).text
    for words in ("Ditolak", "Menolak permohonan", "Tidak memenuhi syarat."):
        assert words in shown
    assert head.post(page, data={"alasan": "Lagi."}).status_code == 404
    again = office.client("pemohon").post(f"/permohonan/{case_id}/ajukan-lagi")
    assert again.status_code == 303
    assert stands(office, case_id)[0] == "refused"


def test_the_page_of_a_correction_shows_the_form_and_keeps_what_is_wrong(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi", "daftar")
    desk, page = office.client("depan"), f"/permohonan/{case_id}/tindakan/pembetulan"
    assert f"{page}?langkah=isi" in desk.get(page).text
    assert 'value="Andi"' in desk.get(f"{page}?langkah=isi").text
    wrong = desk.post(page, data={"langkah": "isi", "/nama": "", "/catatan": "ini tetap", "alasan": "Salah."})
    assert (wrong.status_code, "ini tetap" in wrong.text, "Salah." in wrong.text) == (422, True, True)
    done = desk.post(page, data={"langkah": "isi", "/nama": "Andika", "alasan": "Salah ketik."})
    assert done.status_code == 303, done.text
    assert stands(office, case_id)[2]["nama"] == "Andika"


def test_the_page_offers_to_take_back_what_one_has_just_done(office: Office) -> None:
    installed(office)
    case_id = applied(office, "isi")
    task_id = did(office, case_id, "daftar")
    desk, page = office.client("depan"), f"/permohonan/{case_id}/ambil-kembali"
    assert page in desk.get(f"/permohonan/{case_id}").text
    assert "Daftar" in desk.get(page).text
    assert office.client("direktur").get(page).status_code == 409
    back = desk.post(page)
    assert (back.status_code, back.location) == (303, f"/tugas/{task_id}")
    assert desk.post(page).status_code == 409
    assert stands(office, case_id)[1] == [("daftar", 1)]


def test_the_api_acts_on_whole_cases(office: Office) -> None:
    installed(office)
    case_id = applied(office)
    did(office, case_id, "isi")
    applicant, head = Api(office, "pemohon"), Api(office, "direktur")
    where = f"/cases/{case_id}"
    assert [t["step"] for t in applicant.ask("POST", f"{where}/take-back").get_json()["tasks"]] == ["isi"]
    calls = [
        (applicant, {"act": "withdraw", "reason": ""}, 422), (applicant, {"act": "x", "reason": "y"}, 422),
        (head, {"act": "withdraw", "reason": "y"}, 403), (applicant, {"act": "withdraw", "reason": "Pindah."}, 200),
        (applicant, {"act": "withdraw", "reason": "Lagi."}, 409), (head, {"act": "reopen", "reason": "Kembali."}, 200),
        (head, {"act": "correct", "reason": "y", "step": "isi", "data": {"nama": "x"}}, 403),
    ]  # fmt: skip
    assert [who.ask("POST", f"{where}/act", body).status_code for who, body, _ in calls] == [s for _, _, s in calls]
    assert stands(office, case_id)[:2] == ("open", [("isi", 1)])


def test_the_report_counts_what_became_of_cases(office: Office) -> None:
    installed(office)
    applied(office, *DONE)
    for kind, who in (("withdraw", "pemohon"), ("refuse", "direktur")):
        case_id = applied(office, "isi")
        with office.work() as ctx:
            cases.end(ctx, office.actor(ctx, who), case_id, kind, "Alasan.")
    with office.work() as ctx:
        cases.reopen(ctx, office.actor(ctx, "direktur"), case_id, "Dibuka.")
    with office.look() as ctx:
        [row] = statistics.year(ctx, 2026, ["izin"])
        assert statistics.year(ctx, 2025, None) == []
    assert dict(row.status) == {"ended": 1, "withdrawn": 1, "open": 1}
    assert {k: n for k, n in row.events.items() if k != "breach"} == {"withdraw": 1, "refuse": 1, "reopen": 1}
    assert (row.received, row.asked.asked) == (3, 0)
    page = office.client("direktur").get("/laporan")
    assert (page.status_code, "Permohonan dibuka kembali" in page.text) == (200, True)
    assert [office.client(who).get("/laporan").status_code for who in ("luar", "pemohon", "auditor")] == [403, 403, 200]


def test_whoever_left_the_lane_takes_nothing_back(office: Office) -> None:
    """They still see the case, by a lane elsewhere in the SOP; a lane is not theirs for ever because they were last."""
    installed(office)
    case_id = applied(office, "isi", "daftar")
    office.later(minutes=1)
    with office.work() as ctx:
        gone = office.person(ctx, "depan")
        ctx.session.scalars(select(Membership).where(Membership.person_id == gone.id)).one().until = ctx.now
        people.grant(ctx, gone, "Direktur")
    office.later(minutes=1)
    with pytest.raises(cases.NotYours), office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "depan"), case_id)
    assert stands(office, case_id)[1] == [("periksa", 1)]
    assert (
        office.client("depan").get(f"/permohonan/{case_id}/ambil-kembali").status_code == 409
    )  # nor are they offered it


def test_a_step_taken_back_after_its_limit_was_not_late_when_it_passed(office: Office) -> None:
    """Done in time, taken back days later: that limit passed while nobody was at work on it, and passes no more."""
    installed(office)
    case_id = applied(office, "isi", "daftar", "periksa")
    office.later(days=5)
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "pemeriksa2"), case_id)
    assert stands(office, case_id)[1] == [("periksa", 1)]


def test_an_applicant_reads_why_and_nothing_that_officers_filled_in(office: Office) -> None:
    """What an officer typed is undone, by taking it back or by opening again: the replay shows the applicant none of
    it, and every page the reason that ended their case.
    """
    installed(office)
    case_id = applied(office, "isi", "daftar", "periksa")
    office.later(minutes=1)
    with office.work() as ctx:
        case = ctx.session.get_one(Case, case_id)
        task = open_now(ctx, case_id)[0]
        assert task.step == "tanda"
        cases.complete(ctx, office.actor(ctx, "direktur"), task.id, {"telaah": "Perlu diawasi"})
        assert case.status == "ended"
    office.later(minutes=1)
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "direktur"), case_id)
    office.later(minutes=1)
    with office.work() as ctx:
        cases.act(ctx, office.actor(ctx, "direktur"), case_id, "refuse", "Lokasinya di jalur hijau.")
    staff, applicant = office.client("direktur"), office.client("pemohon")
    address = f"/permohonan/{case_id}"
    assert "Perlu diawasi" in staff.get(f"{address}/putar?seq=7").text
    for seq in range(1, 9):
        assert "Perlu diawasi" not in applicant.get(f"{address}/putar?seq={seq}").text
    assert "Lokasinya di jalur hijau." in applicant.get(address).text


def test_the_clock_stops_only_with_the_step_that_started_it(office: Office) -> None:
    """Two steps of one case are done at the same moment, as several at once may be; the second is taken back."""
    installed(office)
    case_id = applied(office, "isi", "daftar")
    with office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "pemeriksa2"), open_now(ctx, case_id)[0].id, {}, "x_tanda")
        began = ctx.session.get_one(Case, case_id).clock_at
        assert began == ctx.now
    office.later(minutes=1)
    with office.work() as ctx:
        cases.take_back(ctx, office.actor(ctx, "pemeriksa2"), case_id)
        assert ctx.session.get_one(Case, case_id).clock_at == began
    assert stands(office, case_id)[1] == [("periksa", 1)]
