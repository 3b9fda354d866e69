"""The applicant's side: addresses made sure, passwords made anew, proxies, questions, corrections, tracking."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app import access, audit, cases, forms, inbox, journal, people, uploads
from app.models import Access, Case, Complaint, Link, Message, Proxy, Token
from tests import play
from tests.conftest import PASSWORD, Office

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
LETTER = b"%PDF-1.4\n%%EOF\n"
NEW = "sandi-yang-baru-sekali"


def words(answer: TestResponse) -> str:
    """What a reader sees of a page."""
    whole = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", answer.text)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", whole)))


def with_email(office: Office, name: str, email: str, verified: bool = True) -> None:
    with office.work() as ctx:
        person = office.person(ctx, name)
        person.email, person.email_verified_at = email, ctx.now if verified else None


def mailed(office: Office, template: str) -> list[tuple[str, str]]:
    """The letters of this text: to which address, with which link's path."""
    with office.look() as ctx:
        query = (
            select(Message.address, Message.inputs).where(Message.template == f"{template}.txt").order_by(Message.id)
        )
        url = ctx.settings.url
        return [
            (address, str(told.get("tautan", "")).removeprefix(url)) for address, told in ctx.session.execute(query)
        ]


# -- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_is_made_sure_by_a_button_and_once(office: Office) -> None:
    client = office.client()
    typed = {"nama": "Dewi Anggraini", "surel": "dewi@contoh.id", "sandi": PASSWORD, "sandi_lagi": PASSWORD}
    assert "belum dipastikan" in words(client.post("/daftar", data=typed, follow_redirects=True))
    [(address, path)] = mailed(office, "pastikan-surel")
    assert address == "dewi@contoh.id"
    with office.look() as ctx:
        [link] = ctx.session.scalars(select(Link))
        assert link.sha256 not in path
        assert path.rpartition("/")[2] not in link.sha256
    stranger = office.client()  # a program that looks through mail only reads
    assert [stranger.get(path).status_code, stranger.get(path).status_code] == [200, 200]
    assert "belum dipastikan" in words(client.get("/permohonan"))
    assert [stranger.post(path).status_code, stranger.post(path).status_code, stranger.get(path).status_code] == [
        303, 410, 410,
    ]  # fmt: skip
    assert "belum dipastikan" not in words(client.get("/permohonan"))


def test_a_link_ends_after_three_days_and_a_newer_one_ends_it(office: Office) -> None:
    with_email(office, "pemohon", "andi@contoh.id", verified=False)
    client = office.client("pemohon")
    client.post("/akun/surel/kirim-lagi")
    client.post("/akun/surel/kirim-lagi")
    old, new = (path for _to, path in mailed(office, "pastikan-surel"))
    assert [office.client().post(path).status_code for path in (old, "/pastikan-surel/tidak-ada")] == [410, 410]
    office.later(days=3, minutes=1)
    assert office.client().post(new).status_code == 410
    statuses = [client.post("/akun/surel/kirim-lagi").status_code for _ in range(4)]
    assert (statuses, len(mailed(office, "pastikan-surel"))) == ([303, 303, 303, 429], 5)


def test_another_address_is_ones_own_once_it_is_sure(office: Office) -> None:
    with_email(office, "pemohon", "andi@contoh.id")
    with_email(office, "pemohon2", "lina@contoh.id")
    client = office.client("pemohon")
    assert client.post("/akun/surel", data={"surel": "baru@contoh.id", "sandi": "salah"}).status_code == 422
    assert client.post("/akun/surel", data={"surel": "bukan surel", "sandi": PASSWORD}).status_code == 422
    for address in ("lina@contoh.id", "baru@contoh.id"):
        assert client.post("/akun/surel", data={"surel": address, "sandi": PASSWORD}).status_code == 303
    taken, free = (path for _to, path in mailed(office, "pastikan-surel"))
    assert office.client().post(taken).status_code == 410
    with office.look() as ctx:
        assert office.person(ctx, "pemohon").email == "andi@contoh.id"
    assert client.post(free).status_code == 303
    with office.look() as ctx:
        person = office.person(ctx, "pemohon")
        assert (person.email, person.email_verified_at, person.name) == ("baru@contoh.id", ctx.now, "pemohon")
        changes = ctx.session.scalars(select(Access).where(Access.what == "ubah-akun")).all()
        assert [(c.person_id, c.subject_id, c.detail) for c in changes] == [(person.id, person.id, "surel dipastikan")]


def test_an_address_that_somebody_took_meanwhile_is_not_given_twice(office: Office) -> None:
    client = office.client("pemohon")
    client.post("/akun/surel", data={"surel": "sama@contoh.id", "sandi": PASSWORD})
    with_email(office, "pemohon2", "sama@contoh.id")
    [(_to, path)] = mailed(office, "pastikan-surel")
    assert office.client().post(path).status_code == 410


# -- a forgotten password ---------------------------------------------------------------------------------------------


def forgot(office: Office, address: str) -> TestResponse:
    answer = office.client().post("/sandi/lupa", data={"surel": address})
    text = words(answer)
    answer.close()  # the answer has gone: now it is looked up
    assert text
    return answer


def test_a_known_and_an_unknown_address_are_told_the_same(office: Office) -> None:
    with_email(office, "pemohon", "andi@contoh.id")
    pages = [forgot(office, address) for address in ("andi@contoh.id", "siapa@contoh.id")]
    read = [re.sub(r'name="csrf_token" value="[^"]*"|(andi|siapa)@contoh.id', "", page.text) for page in pages]
    assert ([page.status_code for page in pages], read[0] == read[1]) == ([200, 200], True)
    assert [to for to, _path in mailed(office, "sandi-baru")] == ["andi@contoh.id"]
    assert office.client().post("/sandi/lupa", data={"surel": "bukan surel"}).status_code == 422


def test_a_password_made_anew_ends_other_log_ins_and_lock_outs(office: Office) -> None:
    with_email(office, "pemohon", "andi@contoh.id", verified=False)
    elsewhere = office.client("pemohon")
    with office.work() as ctx:
        office.person(ctx, "pemohon").locked_until = ctx.now + timedelta(hours=9)
    forgot(office, "andi@contoh.id")
    [(_to, path)] = mailed(office, "sandi-baru")
    client = office.client()
    assert client.get(path).status_code == 200
    assert client.post(path, data={"sandi": "pendek", "sandi_lagi": "pendek"}).status_code == 422
    done = client.post(path, data={"sandi": NEW, "sandi_lagi": NEW})
    assert (done.status_code, done.location) == (303, "/masuk?nama=andi@contoh.id")
    assert [client.get("/permohonan").status_code, elsewhere.get("/permohonan").status_code] == [302, 302]
    assert client.post(path, data={"sandi": PASSWORD, "sandi_lagi": PASSWORD}).status_code == 410
    assert client.post("/masuk", data={"nama": "andi@contoh.id", "sandi": NEW}).status_code == 303
    with office.look() as ctx:
        person = office.person(ctx, "pemohon")
        assert (person.locked_until, person.email_verified_at is not None) == (None, True)


def test_a_link_to_a_password_lasts_an_hour_and_is_for_its_person_alone(office: Office) -> None:
    with_email(office, "pemohon", "andi@contoh.id")
    with_email(office, "pemohon2", "lina@contoh.id", verified=False)
    forgot(office, "andi@contoh.id")
    office.client("pemohon2").post("/akun/surel/kirim-lagi")
    [(_to, path)] = mailed(office, "sandi-baru")
    [(_other, verify)] = mailed(office, "pastikan-surel")
    typed = {"sandi": NEW, "sandi_lagi": NEW}
    crossed = verify.replace("/pastikan-surel/", "/sandi/baru/")  # one kind of link is not the other
    assert office.client().post(crossed, data=typed).status_code == 410
    office.later(minutes=61)
    assert office.client().post(path, data=typed).status_code == 410
    assert office.client().post("/masuk", data={"nama": "pemohon2", "sandi": PASSWORD}).status_code == 303


def test_nobodys_mailbox_is_flooded_and_nobody_tries_for_ever(office: Office) -> None:
    with_email(office, "pemohon", "andi@contoh.id")
    statuses = [forgot(office, "andi@contoh.id").status_code for _ in range(21)]
    assert (statuses, len(mailed(office, "sandi-baru"))) == ([200] * 20 + [429], 3)


# -- one's own page ---------------------------------------------------------------------------------------------------


@one_kind
def test_ones_own_name_and_telephone(office: Office) -> None:
    client = office.client("pemohon")
    assert client.post("/akun", data={"nama": "", "telepon": "bukan nomor"}).status_code == 422
    assert client.post("/akun", data={"nama": "Andi P.", "telepon": "0812 3456 7890"}).status_code == 303
    officer = office.client(office.elsewhere)
    officer.post("/akun", data={"nama": "Orang Lain", "telepon": ""})
    with office.look() as ctx:
        assert (office.person(ctx, "pemohon").full_name, office.person(ctx, "pemohon").phone) == (
            "Andi P.", "0812 3456 7890",
        )  # fmt: skip
        assert office.person(ctx, "LAIN").full_name != "Orang Lain"


@one_kind
def test_a_token_is_revoked_by_its_owner_alone(office: Office) -> None:
    with office.work() as ctx:
        secret = people.new_token(ctx, office.person(ctx, "pemohon"))
    with office.look() as ctx:
        token = ctx.session.scalars(select(Token.id)).one()
    call = {"headers": {"Authorization": f"Bearer {secret}"}}
    assert office.client("pemohon2").post(f"/akun/token/{token}/cabut").status_code == 404
    assert office.client().get("/api/v1/cases", **call).status_code == 200
    assert office.client("pemohon").post(f"/akun/token/{token}/cabut").status_code == 303
    assert office.client().get("/api/v1/cases", **call).status_code == 401


# -- proxies ----------------------------------------------------------------------------------------------------------


def authorize(office: Office, sop: str = "", days: int = 30, giver: str = "pemohon", to: str = "pemohon2") -> int:
    with office.work() as ctx:
        office.person(ctx, to).email = f"{to}@contoh.id"
        ctx.session.flush()
        letter = uploads.save(ctx, office.person(ctx, giver), "kuasa.pdf", LETTER)
        row = cases.proxies.authorize(
            ctx, office.actor(ctx, giver), f"{to}@contoh.id", sop, ctx.now, ctx.now + timedelta(days=days), letter.id
        )
        return row.id


def send_first(office: Office, case_id: int, name: str) -> cases.Completion:
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        form, who = cases.form_of(ctx, task), office.person(ctx, name)
        today = ctx.now.astimezone(ctx.settings.zone).date()
        answers = forms.sample(form, 1, lambda f: play.demo.sample_upload(ctx, who, f), today) if form else {}
        ways = cases.choices(ctx, task)
        return cases.complete(ctx, office.actor(ctx, name), task.id, answers, ways[0].id if ways else None)


def test_a_proxy_does_what_the_principal_may_and_it_is_proven(office: Office) -> None:
    authorize(office)
    page = office.client("pemohon2").get(f"/layanan/{office.sop}/ajukan")
    with office.look() as ctx:
        principal = office.person(ctx, "pemohon").id
    assert "Sebagai kuasa dari Andi Pratama" in words(page)
    client = office.client("pemohon2")
    began = [client.post(f"/layanan/{office.sop}/ajukan", data={"untuk": str(principal)}).location for _ in range(2)]
    assert began[0] == began[1]
    assert began[0].startswith("/tugas/")
    with office.look() as ctx:
        [case] = ctx.session.scalars(select(Case))
        assert (case.applicant_id, case.filed_by_id, case.applicant_name) == (principal, principal, "Andi Pratama")
        tasks = inbox.tasks(ctx, office.actor(ctx, "pemohon2"), inbox.Filters(), None, 9).items
        assert [task.case_id for task in tasks] == [case.id]
        task_id = tasks[0].id
    with office.work() as ctx:
        cases.claim(ctx, office.actor(ctx, "pemohon2"), task_id)
        cases.release(ctx, office.actor(ctx, "pemohon2"), task_id)
    send_first(office, case.id, "pemohon2")
    assert "sebagai kuasa dari Andi Pratama" in words(client.get("/permohonan"))
    with office.look() as ctx:
        proxy = office.person(ctx, "pemohon2")
        told = [(e.kind, e.actor_id, e.body.get("kuasa")) for e in journal.entries(ctx, case.id)]
        for_whom = {"id": principal, "name": "Andi Pratama"}
        assert told == [(kind, proxy.id, for_whom) for kind in ("start", "claim", "release", "complete")]
        assert audit.frames(ctx, ctx.session.get_one(Case, case.id)).all_findings == []
    officer = office.client(office.elsewhere)
    case_page = officer.get(f"/permohonan/{case.id}")
    assert "Lina Kusuma kuasa dari Andi Pratama" in words(case_page)
    [letter] = set(re.findall(r'href="(/berkas/[^"?]+)"[^>]*>Baca surat kuasa', case_page.text))
    assert {name: office.client(name).get(letter).status_code for name in ("pemohon", "pemohon2", "luar")} == {
        "pemohon": 200, "pemohon2": 200, "luar": 404,
    }  # fmt: skip
    assert officer.get(letter).status_code == 200


def test_after_its_end_nothing_is_possible_any_more(office: Office) -> None:
    proxy = authorize(office)
    case_id = play.apply(office)
    client = office.client("pemohon2")
    assert client.get(f"/permohonan/{case_id}").status_code == 200
    office.later(days=31)
    assert client.get(f"/permohonan/{case_id}").status_code == 404
    assert office.client("pemohon2").post(f"/akun/kuasa/{proxy}/akhiri").status_code == 303  # over already
    with office.work() as ctx:
        actor = office.actor(ctx, "pemohon2")
        task = play.waiting(ctx, case_id)[0]
        with pytest.raises(cases.NotFound):
            cases.complete(ctx, actor, task.id, {})
        with pytest.raises(cases.NotYours):
            cases.open_case(ctx, actor, office.sop, on_behalf_of="pemohon")
        with pytest.raises(cases.NotFound):
            cases.complaints.ask(ctx, actor, case_id, "pertanyaan", "Bagaimana?")
        assert inbox.tasks(ctx, actor, inbox.Filters(), None, 9).items == ()


def test_who_gave_it_ends_it_at_once_and_what_was_done_stays_proven(office: Office) -> None:
    proxy = authorize(office)
    case_id = play.apply(office)
    send_first(office, case_id, "pemohon2")
    office.later(minutes=5)
    assert office.client(office.elsewhere).post(f"/akun/kuasa/{proxy}/akhiri").status_code == 403
    assert office.client("pemohon").post(f"/akun/kuasa/{proxy}/akhiri").status_code == 303
    assert office.client("pemohon2").get(f"/permohonan/{case_id}").status_code == 404
    with office.work() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert audit.frames(ctx, case).all_findings == []
        ctx.session.execute(update(Proxy).values(until=ctx.now - timedelta(days=1)))  # as if it had ended before
        [found] = audit.frames(ctx, case).all_findings
        assert "tidak memegang kuasa pemohon" in found


def test_a_proxy_of_a_proxy_does_not_exist_and_one_sop_is_not_all(office: Office) -> None:
    authorize(office, sop="layanan-lain")
    with office.work() as ctx:
        people.new_person(ctx, "pemohon3", PASSWORD, full_name="Rahmat", applicant=True)
    authorize(office, giver="pemohon2", to="pemohon3")
    case_id = play.apply(office)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        seen = [people.may_see(office.actor(ctx, name), case) for name in ("pemohon", "pemohon2", "pemohon3")]
        assert seen == [True, False, False]
        found = list(ctx.session.scalars(cases.visible_cases(office.actor(ctx, "pemohon2"))))
        assert found == []


@pytest.mark.parametrize(
    ("email", "days", "whose", "pointer"),
    [
        ("tidak-ada@contoh.id", 30, "pemohon", "/surel"),
        ("pemohon@contoh.id", 30, "pemohon", "/surel"),
        ("petugas@contoh.id", 30, "pemohon", "/surel"),
        ("lina@contoh.id", 0, "pemohon", "/sampai"),
        ("lina@contoh.id", 800, "pemohon", "/sampai"),
        ("lina@contoh.id", 30, "pemohon2", "/surat"),
    ],
)
def test_whom_one_cannot_authorize(office: Office, email: str, days: int, whose: str, pointer: str) -> None:
    with office.work() as ctx:
        for name, address in (("pemohon", "pemohon"), ("pemohon2", "lina"), ("LAIN", "petugas")):
            office.person(ctx, name).email = f"{address}@contoh.id"
        office.person(ctx, "LAIN").applicant = True
        letter = uploads.save(ctx, office.person(ctx, whose), "kuasa.pdf", LETTER).id
        until = ctx.now + timedelta(days=days)
        with pytest.raises(cases.Invalid) as refused:
            cases.proxies.authorize(ctx, office.actor(ctx, "pemohon"), email, "", ctx.now, until, letter)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@one_kind
def test_the_page_keeps_a_letter_when_something_else_is_wrong(office: Office) -> None:
    with_email(office, "pemohon2", "lina@contoh.id")
    client = office.client("pemohon")
    sent = {"surel": "lina@contoh.id", "sampai": "kapan saja", "surat": (io.BytesIO(LETTER), "kuasa.pdf")}
    page = client.post("/akun/kuasa", data=sent, content_type="multipart/form-data")
    assert (page.status_code, "Sudah diterima: kuasa.pdf" in words(page)) == (422, True)
    kept = re.search(r'name="berkas" value="([^"]+)"', page.text)
    assert kept is not None
    again = {"surel": "lina@contoh.id", "sampai": "2027-01-31", "berkas": kept[1]}
    assert client.post("/akun/kuasa", data=again).status_code == 303
    with office.look() as ctx:
        [row] = ctx.session.scalars(select(Proxy))
        assert (row.upload_id, row.sop) == (kept[1], "")
        assert ctx.local(row.until).isoformat() == "2027-02-01T00:00:00+08:00"
    assert client.get("/akun/kuasa").status_code == 200
    assert office.client(office.elsewhere).get("/akun/kuasa").status_code == 403


# -- questions and complaints -----------------------------------------------------------------------------------------


def answerer(office: Office) -> str:
    return office.officers[sorted(cases.complaints.answering(office.definition))[0]]


def test_a_question_is_answered_once_told_and_counted(office: Office) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    client = office.client("pemohon")
    assert client.post(f"/permohonan/{case_id}/tanya", data={"jenis": "pengaduan", "isi": "  "}).status_code == 422
    assert client.post(f"/permohonan/{case_id}/tanya", data={"jenis": "lain", "isi": "Halo"}).status_code == 422
    too_long = client.post(f"/permohonan/{case_id}/tanya", data={"jenis": "pengaduan", "isi": "a" * 4500})
    assert (too_long.status_code, "a" * 4500 in too_long.text) == (422, True)
    asked = client.post(f"/permohonan/{case_id}/tanya", data={"jenis": "pengaduan", "isi": "Kapan <b>selesai</b>?"})
    assert asked.status_code == 303
    with_email(office, "pemohon", "andi@contoh.id")
    officer = office.client(answerer(office))
    page = officer.get("/pengaduan")
    assert "Kapan <b>selesai</b>?" in words(page)
    assert "Pengaduan 1" in words(page)
    with office.look() as ctx:
        [row] = ctx.session.scalars(select(Complaint))
        assert ctx.local(row.due_at).date() - ctx.local().date() == timedelta(days=7)  # five working days
    office.later(hours=2)
    assert officer.post(f"/pengaduan/{row.id}/jawab", data={"isi": ""}).status_code == 422
    assert officer.post(f"/pengaduan/{row.id}/jawab", data={"isi": "Besok."}).status_code == 303
    assert officer.post(f"/pengaduan/{row.id}/jawab", data={"isi": "Lusa."}).status_code == 409
    assert [to for to, _path in mailed(office, "pengaduan-dijawab")] == ["andi@contoh.id"]
    seen = words(client.get(f"/permohonan/{case_id}"))
    assert "Besok." in seen
    assert "Lusa." not in seen
    with office.look() as ctx:
        assert cases.complaints.numbers(ctx) == {office.sop: cases.complaints.Numbers(1, 1, 1, 0, 0)}
        kinds = [e.kind for e in journal.entries(ctx, case_id)][-2:]
        assert kinds == ["question", "answer"]
        case = ctx.session.get_one(Case, case_id)
        assert audit.frames(ctx, case).all_findings == []
    with office.work() as ctx:
        ctx.session.execute(update(Complaint).values(answered_at=None, answered_seq=None))
        [found] = audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings
        assert "Pertanyaan atau pengaduan" in found


def test_a_question_unanswered_is_late_and_first(office: Office) -> None:
    case_id = play.apply(office)
    with office.work() as ctx:
        for text in ("Satu?", "Dua?"):
            cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pertanyaan", text)
    office.later(days=9)
    with office.work() as ctx:
        actor = office.actor(ctx, answerer(office))
        rows = cases.complaints.told(ctx, cases.complaints.waiting(ctx, actor))
        assert [(asked.text, asked.late(ctx.now)) for asked, _case in rows] == [("Satu?", True), ("Dua?", True)]
        cases.complaints.answer(ctx, actor, rows[0][0].row.id, "Maaf.")
        assert cases.complaints.numbers(ctx) == {office.sop: cases.complaints.Numbers(2, 1, 0, 2, 1)}
        assert journal.entries(ctx, case_id)[-1].body["late"] is True
    assert "Terlambat" in words(office.client(answerer(office)).get("/pengaduan"))


def test_who_may_ask_and_who_may_answer(office: Office) -> None:
    case_id = play.apply(office)
    others = {name: office.client(name) for name in ("pemohon2", "luar", office.elsewhere, "auditor")}
    sent = {"jenis": "pertanyaan", "isi": "Apa kabar berkas orang lain?"}
    statuses = {n: c.post(f"/permohonan/{case_id}/tanya", data=sent).status_code for n, c in others.items()}
    assert statuses == {"pemohon2": 404, "luar": 404, office.elsewhere: 403, "auditor": 403}
    with office.work() as ctx:
        row = cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pertanyaan", "Bagaimana?")
        wrong = next(name for lane, name in office.officers.items()
                     if lane not in cases.complaints.answering(office.definition))  # fmt: skip
        with pytest.raises(cases.NotYours):
            cases.complaints.answer(ctx, office.actor(ctx, wrong), row.id, "Saya bukan loket.")
        with pytest.raises(cases.NotFound):
            cases.complaints.answer(ctx, office.actor(ctx, "pemohon2"), row.id, "Saya bukan siapa-siapa.")
        for number in range(9):
            cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pertanyaan", f"Dan {number}?")
        with pytest.raises(cases.complaints.TooMany):
            cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pertanyaan", "Lagi?")
        with pytest.raises(cases.TooLarge):
            cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pertanyaan", "a" * 4001)


def test_one_asks_about_a_case_that_has_ended_and_a_proxy_asks_too(office: Office) -> None:
    authorize(office, days=300)
    case_id = play.apply(office)
    play.finish(office, case_id)
    with office.work() as ctx:
        row = cases.complaints.ask(ctx, office.actor(ctx, "pemohon2"), case_id, "pengaduan", "Namanya keliru.")
        cases.complaints.answer(ctx, office.actor(ctx, answerer(office)), row.id, "Kami perbaiki.")
        entry = journal.entries(ctx, case_id)[-2]
        assert (entry.kind, entry.body["kuasa"]["name"]) == ("question", "Andi Pratama")
        assert audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings == []


@one_kind
def test_no_note_of_officials_comes_into_it(office: Office) -> None:
    case_id = play.at_return(office)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        case = ctx.session.get_one(Case, case_id)
        lane = task.lane.name
        journal.append(ctx, cases.locked(ctx, case.id) or case, "note", {}, actor=office.person(ctx, office.officers[lane]),
                       lane=lane, typed=journal.Typed({}, "Antara kita saja."))  # fmt: skip
        cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pertanyaan", "Bagaimana?")
    assert "Antara kita saja." not in office.client("pemohon").get(f"/permohonan/{case_id}").text


@pytest.mark.parametrize(
    ("drawn", "bound", "lanes"),
    [
        ("", (5, "kerja"), {"Loket", "Arsip"}),
        ("3", (3, "kerja"), {"Loket", "Arsip"}),
        ("10 kalender | Arsip", (10, "kalender"), {"Arsip"}),
        ("| Tidak Ada", (5, "kerja"), {"Loket", "Arsip"}),
    ],
)
def test_what_the_property_says(drawn: str, bound: tuple[int, str], lanes: set[str]) -> None:
    from types import SimpleNamespace

    named = [SimpleNamespace(name=name, properties={}) for name in ("Pemohon", "Loket", "Arsip")]
    definition: Any = SimpleNamespace(properties={"pengaduan": drawn}, lanes=named, applicant_lane="Pemohon")
    assert (cases.complaints.bound(definition), cases.complaints.answering(definition)) == (bound, lanes)


# -- corrections ------------------------------------------------------------------------------------------------------


def entry(seq: int, kind: str, step: str, answers: dict[str, Any], actor: str = "Sari", **body: Any) -> journal.Entry:
    from tests.conftest import MONDAY

    typed = journal.Typed(answers)
    return journal.Entry(seq, MONDAY, MONDAY, 1, actor, "Loket", kind, step, "", body, b"", typed, False)


@one_kind
def test_what_an_official_changed_of_an_applicants_values(office: Office) -> None:
    """By who typed last and who before, over forms that ask for the same key."""
    definition = office.definition
    theirs = next(s for s in definition.steps.values() if s.lane == definition.applicant_lane)
    ours = next(s for s in definition.steps.values() if s.lane != definition.applicant_lane)
    form = forms.load(
        b'{"type": "default", "id": "f", "components": ['
        b'{"type": "textfield", "key": "nama", "label": "Nama", "id": "a"},'
        b'{"type": "textfield", "key": "kota", "label": "Kota", "id": "b"}]}'
    )

    def found(*entries: journal.Entry) -> list[tuple[str, Any, Any, int]]:
        told = journal.corrections(definition, lambda step: form, entries)
        return [(c.pointer, c.before, c.after, c.entry.seq) for c in told]

    first = entry(1, "complete", theirs.id, {"nama": "Budi", "kota": "Samarinda"}, token="t1")
    same = entry(2, "complete", ours.id, {"nama": "Budi", "kota": "Samarinda"}, token="t2")
    other = entry(3, "complete", ours.id, {"nama": "Budi S.", "kota": "Samarinda"}, token="t3")
    emptied = entry(4, "complete", ours.id, {"nama": "Budi S."}, token="t4")
    back = entry(5, "complete", theirs.id, {"nama": "Budi Santoso", "kota": "Samarinda"}, token="t5")
    correct = entry(6, "correct", theirs.id, {"nama": "B. Santoso", "kota": "Samarinda"})
    undone = entry(7, "take_back", ours.id, {}, of=3)
    assert found(first, same) == []
    assert found(first, same, other) == [("/nama", "Budi", "Budi S.", 3)]
    assert found(first, other, emptied) == [("/nama", "Budi", "Budi S.", 3), ("/kota", "Samarinda", None, 4)]
    assert found(first, other, same) == []
    assert found(first, other, emptied, back) == []
    assert found(first, other, back, correct) == [("/nama", "Budi Santoso", "B. Santoso", 6)]
    assert found(first, other, undone) == []
    assert found(entry(1, "complete", ours.id, {"nama": "X"}, token="t"), other) == []  # never the applicant's


# -- all their cases, and tracking ------------------------------------------------------------------------------------


@one_kind
def test_tracking_says_which_institution_and_nothing_of_anybody(office: Office) -> None:
    case_id = play.apply(office)
    wanted = next((lane for lane in office.definition.lanes if lane.properties.get("instansi")), None)
    assert wanted is not None
    while True:
        with office.look() as ctx:
            case, task = ctx.session.get_one(Case, case_id), play.waiting(ctx, case_id)[0]
        if task.lane.name == wanted.name:
            break
        play.step(office, case_id)
    page = office.client().post("/lacak", data={"nomor": case.number, "kode": case.code})
    assert wanted.properties["instansi"] in words(page)
    personal = [case.applicant_name, *case.subject.split(" · ")]
    assert [word for word in personal if word in page.text] == []
    assert wanted.properties["instansi"] in words(office.client("pemohon").get("/permohonan"))


def test_a_tracking_code_cannot_be_guessed(office: Office) -> None:
    case_id = play.apply(office)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
    client = office.client()

    def guess(number: str, code: str) -> int:
        return client.post("/lacak", data={"nomor": number, "kode": code}).status_code

    assert [guess(case.number, f"SALAH{n:03}") for n in range(access.TRIES)] == [422] * access.TRIES
    assert guess(case.number, case.code) == 429
    with office.work() as ctx:  # from many places: each number has its own bound, whether it is there or not
        ctx.session.execute(update(Access).values(detail=func.replace(Access.detail, "127.0.0.1", "10.0.0.9")))
    assert [guess(case.number, case.code), guess("tidak-ada", "SALAH000")] == [429, 422]
    office.later(minutes=16)
    assert guess(case.number, case.code) == 200
