"""What is told to whom: who hears it, that it is sent once, and what becomes of it when a server does not play along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from app import (
    bundles,
    cases,
    checks,
    config,
    digest,
    documents,
    drawn,
    messages,
    people,
    post,
    revisions,
    uploads,
    worker,
)
from app.bundles import Bundle
from app.config import ConfigError, Smtp
from app.models import Case, Deputy, Message, Person, Proxy, Schedule
from tests import play
from tests.conftest import PASSWORD, ROOT, Office
from tests.drawn import draw, given
from tests.postbox import Gateway, Postbox, gateway, serving, settle
from tests.test_documents import NAUGHTY

SOP = "p"
RECEIVED = "Perihal: {{ permohonan.nomor }} diterima\n\nYth. {{ permohonan.pemohon }},\n{{ tautan }}\n"
BACK = "Perihal: Lengkapi\n\n{{ kembalian.alasan }}\n  {% for k in kembalian.kesalahan %}\n- {{ k }}{% if k %};{% endif %}\n{% endfor %}\n"
PLAIN = "Perihal: Kabar\n\nAda kabar.\n"
ENDLESS = "Perihal: x\n\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
TEXTS = {"diterima.txt": RECEIVED, "lengkapi.txt": BACK, "kabar.txt": PLAIN}


def lane(key: str, name: str, nodes: str, **properties: str) -> str:
    refs = "".join(f"<flowNodeRef>{node}</flowNodeRef>" for node in nodes.split())
    return f'<lane id="{key}" name="{name}">{given(**properties)}{refs}</lane>'


def bundle(
    received: str = "diterima.txt", back: str = "lengkapi.txt", end: str = "", timer: str = "", **texts: str
) -> Bundle:
    """Ajukan, Periksa (H; back to Ajukan), Sahkan with a timer beside it that tells after a day, and an end."""
    text = (
        'start s\nuser ajukan "Ajukan"\n'
        f'user periksa "Periksa" <{given(pesan=received, jam="mulai")}>\nxor g "Lengkap?"\nuser sah "Sahkan"\n'
        f'boundary t attachedToRef=sah cancelActivity=false ~timer=P1D <{given(pesan=timer)}>\nend ingat\n'
        f'end e <{given(pesan=end)}>\n'
        's > ajukan\najukan > periksa\nperiksa > g\ng > sah "Ya"\n'
        f'g > ajukan "Tidak" {{{given(pesan=back)}}}\nsah > e\nt > ingat'
    )  # fmt: skip
    lanes = (
        lane("l1", "Pemohon", "s ajukan", pemohon="ya")
        + lane("l2", "Loket", "periksa g", loket="ya", atasan="Kepala")
        + lane("l3", "Kepala", "sah t ingat e")
    )
    process = given(jangka_waktu="7 kerja") + f'<laneSet id="ls">{lanes}</laneSet>'
    files = {name: content.encode() for name, content in {**TEXTS, **texts}.items()}
    return Bundle(SOP, draw(text, process), {}, {}, {}, files)


@pytest.fixture
def small(office: Office) -> Office:
    """An office that runs the small SOP as well: `loket` and `kepala` hold its lanes, everybody has an address."""
    return install(office, bundle())


@pytest.fixture
def office(shelf: Any, tmp_path: Any) -> Iterator[Office]:
    from tests import sops
    from tests.conftest import connected, hired

    with connected(shelf, hired(shelf, sops.LARGEST)) as made:
        running = Office(made, tmp_path / "files", SOP)
        yield running
        running.close()


def install(office: Office, what: Bundle) -> Office:
    with office.work() as ctx:
        revisions.install(ctx, what, "uji", "uji")
        for name, lane_name in (("loket", "Loket"), ("kepala", "Kepala")):
            known = ctx.session.scalar(select(Person).where(Person.name == name))
            people.grant(ctx, known or people.new_person(ctx, name, PASSWORD, full_name=name.title()), lane_name)
    reach(office)
    return office


def reach(office: Office) -> None:
    """Everybody gets an address, `pemohon` one that is verified."""
    with office.work() as ctx:
        for person in ctx.session.scalars(select(Person)):
            person.email = f"{person.name}@contoh.id"
            if person.name == "pemohon":
                person.email_verified_at = ctx.now


def applied(office: Office, name: str = "pemohon", **rest: Any) -> int:
    """A case of the small SOP that the counter has before it."""
    with office.work() as ctx:
        case = cases.open_case(ctx, office.actor(ctx, name), SOP, **rest)
        ctx.session.flush()
        task = cases.open_tasks(ctx, case)[0]
        cases.complete(ctx, office.actor(ctx, name), task.id, {})
        return case.id


def done(office: Office, case_id: int, by: str, choice: str | None = None, note: str = "", **rest: Any) -> int:
    """Completes the case's first open task; the event's number."""
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        return cases.complete(ctx, office.actor(ctx, by), task.id, {}, choice, note, **rest).seq


def rows(office: Office) -> list[Message]:
    with office.look() as ctx:
        return [message for c in ctx.session.scalars(select(Case.id)) for message in messages.of_case(ctx, c)]


def heard(office: Office) -> list[tuple[str, str, str]]:
    return [(m.channel, m.address, m.template) for m in rows(office)]


def send(office: Office, **later: float) -> int:
    """What the worker does about messages, after the time in which all can be taken back."""
    office.later(**(later or {"minutes": 3}))
    return worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.MAIL[1:])


@contextmanager
def mailed(office: Office, **behaviour: Any) -> Iterator[Postbox]:
    """The office with a mail server of its own."""
    box = Postbox(**behaviour)
    with serving(box) as smtp:
        settle(office, smtp=smtp, mail_from="layanan@contoh.go.id")
        yield box


# -- who hears it ----------------------------------------------------------------------------------------------------------


def test_whom_a_drawing_tells(office: Office) -> None:
    """The applicant at a verified address; of a lane whoever holds it now, a deputy in place of the absent."""
    told = "diterima.txt\nkabar.txt | Kepala\nkabar.txt | atasan\nkabar.txt | Loket\nkabar.txt | Pemohon"
    install(office, bundle(received=told, end="kabar.txt"))
    with office.work() as ctx:
        away = people.new_person(ctx, "cuti", PASSWORD, email="cuti@contoh.id")
        for_them = people.new_person(ctx, "plh", PASSWORD, email="plh@contoh.id")
        gone = people.new_person(ctx, "keluar", PASSWORD, email="keluar@contoh.id", active=False)
        for person in (away, gone):
            people.grant(ctx, person, "Loket")
        day = timedelta(days=1)
        ctx.session.add(
            Deputy(person_id=away.id, deputy_id=for_them.id, kind="plh", since=ctx.now - day, until=ctx.now + day,
                   reference="S-1", by_id=away.id, created_at=ctx.now)
        )  # fmt: skip
    case_id = applied(office)
    assert heard(office) == []
    seq = done(office, case_id, "loket", "g_sah")
    assert heard(office) == [
        ("surel", "pemohon@contoh.id", "diterima.txt"),
        ("surel", "kepala@contoh.id", "kabar.txt"),
        ("surel", "loket@contoh.id", "kabar.txt"),
        ("surel", "plh@contoh.id", "kabar.txt"),
        ("surel", "pemohon@contoh.id", "kabar.txt"),
    ]
    assert {(m.seq, m.case_id, m.next_try) for m in rows(office)} == {(seq, case_id, office.now + messages.GRACE)}
    done(office, case_id, "kepala")
    assert heard(office)[5:] == [("surel", "pemohon@contoh.id", "kabar.txt")]


@pytest.mark.parametrize(
    ("name", "rest", "change", "expected", "silent"),
    [
        ("pemohon", {}, {}, ["pemohon@contoh.id"], False),
        ("pemohon2", {}, {}, [], True),
        ("pemohon", {}, {"active": False}, [], False),
        ("pemohon", {}, {"email": None}, [], True),
        ("loket", {"on_behalf_of": "Bu Tini"}, {}, [], False),
        ("loket", {"on_behalf_of": "pemohon"}, {}, ["pemohon@contoh.id"], False),
    ],
    ids=["verified", "unverified", "left", "no address", "walk-in", "filed at the counter"],
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_applicant_is_told_at_a_verified_address_alone(
    small: Office, name: str, rest: dict[str, Any], change: dict[str, Any], expected: list[str], silent: bool
) -> None:
    case_id = applied(small, name, **rest)
    with small.work() as ctx:
        ctx.session.execute(update(Person).where(Person.name == "pemohon").values(**change or {"active": True}))
    done(small, case_id, "loket", "g_sah")
    assert [m.address for m in rows(small)] == expected
    with small.look() as ctx:
        assert messages.unheard(ctx, ctx.session.get_one(Case, case_id)) == silent


@pytest.mark.parametrize(
    ("sop", "days", "expected"),
    [
        ("", 3, ["pemohon@contoh.id", "pemohon2@contoh.id"]),
        (SOP, 3, ["pemohon@contoh.id", "pemohon2@contoh.id"]),
        ("lain", 3, ["pemohon@contoh.id"]),
        ("", -1, ["pemohon@contoh.id"]),
    ],
    ids=["any SOP", "this SOP", "another SOP", "over"],
)
def test_who_holds_a_power_of_attorney_is_told_as_well(small: Office, sop: str, days: int, expected: list[str]) -> None:
    case_id = applied(small)
    with small.work() as ctx:
        giver, proxy = small.person(ctx, "pemohon"), small.person(ctx, "pemohon2")
        proxy.email, proxy.email_verified_at = "pemohon2@contoh.id", ctx.now
        letter = uploads.save(ctx, giver, "kuasa.pdf", b"%PDF-1.4\n%%EOF\n")
        since, until = ctx.now - timedelta(days=5), ctx.now + timedelta(days=days)
        ctx.session.add(
            Proxy(principal_id=giver.id, proxy_id=proxy.id, sop=sop, since=since, until=until, upload_id=letter.id,
                  created_at=since)
        )  # fmt: skip
    done(small, case_id, "loket", "g_sah")
    assert [m.address for m in rows(small)] == expected


def test_a_return_says_what_is_missing(small: Office) -> None:
    case_id = applied(small)
    faults = [{"pointer": "/ktp", "message": "KTP buram"}, {"pointer": "/npwp", "message": "NPWP kosong"}]
    done(small, case_id, "loket", "g_ajukan", "Dua hal.", faults=faults)
    with mailed(small) as box:
        assert send(small) == 2  # that the file was received is told too: the step was completed
    texts = {m["Subject"]: m.get_content().replace("\r", "") for m in box.to("pemohon@contoh.id")}
    assert texts["Lengkapi"] == "Dua hal.\n- KTP buram;\n- NPWP kosong;\n"


def test_a_completion_that_tells_nothing_asks_the_database_nothing(small: Office) -> None:
    case_id = applied(small)
    done(small, case_id, "loket", "g_sah")
    said: list[str] = []
    writer = small.db.writing.kw["bind"]
    event.listen(writer, "before_cursor_execute", lambda *a: said.append(a[2]))
    done(small, case_id, "kepala")
    assert [s for s in said if "message" in s or "membership" in s.replace("membership.person_id", "")] == [
        s for s in said if "FROM lane JOIN membership" in s
    ]
    assert len(said) > 3


def test_a_timer_tells_when_it_rings_once(office: Office) -> None:
    install(office, bundle(received="", timer="kabar.txt | Kepala"))
    case_id = applied(office)
    done(office, case_id, "loket", "g_sah")
    for _ in range(4):
        office.later(hours=12)
        worker.once(office.settings, office.db.reading, office.db.writing)
    assert heard(office) == [("surel", "kepala@contoh.id", "kabar.txt")]


def test_an_event_in_the_flow_tells_when_it_happens_not_when_it_is_waited_for() -> None:
    text = f'start s\nuser a "A"\ncatch t ~timer=P1D <{given(pesan="kabar.txt | A")}>\nend e\ns > a\na > t\nt > e'
    read = checks.check(Bundle("p", draw(text, lane_set("A", "s a t e")), {}, {}, {}, {"kabar.txt": PLAIN.encode()}))
    definition = read[0]
    assert definition is not None
    assert list(definition.tells) == ["t_e"]
    assert drawn.texts_of(definition, "a", "", (), ("a", "a_t", "t")) == []
    assert drawn.texts_of(definition, "", "", ("e",), ("t", "t_e", "e")) == [drawn.Text("kabar.txt", "A")]


def lane_set(name: str, nodes: str) -> str:
    return f'<laneSet id="ls">{lane("l1", name, nodes)}</laneSet>'


# -- what the check says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (bundle(end="kabar.txt"), []),
        (bundle(received="tiada.txt", end="kabar.txt"), [("periksa", "error", "pesan-tidak-ada")]),
        (bundle(received="kabar.txt | Kasi", end="kabar.txt"), [("periksa", "error", "pesan-kepada")]),
        (bundle(end="kabar.txt\nkabar.txt | atasan"), [("e", "error", "pesan-kepada")]),
        (bundle(end="kabar.docx"), [("e", "error", "nilai-properti"), ("e", "error", "pesan-tidak-ada")]),
        (bundle(end="kabar.txt", x="Hal: x"), [("x", "error", "tanpa-perihal")]),
        (bundle(end="kabar.txt", x="Perihal: {{ pemohon }}"), [("x", "error", "nama-tidak-dikenal")]),
        (bundle(end="kabar.txt", x="Perihal: x\n{{ isian.tiada }}"), [("x", "warning", "nama-tidak-dikenal")]),
        (bundle(end="kabar.txt", x="Perihal: x\n{% if a %}"), [("x", "error", "tag-rusak")]),
        (bundle(end="kabar.txt", x="Perihal: x\n{% include 'a' %}"), [("x", "error", "tag-rusak")]),
        (replace(bundle(end="kabar.txt"), texts={**bundle().texts, "x": b"\xff\xfe"}), [("x", "error", "bukan-teks")]),
    ],
)  # fmt: skip
def test_what_the_check_says(what: Bundle, expected: list[tuple[str, str, str]]) -> None:
    quiet = ("tanpa-pesan", "keputusan", "dinyatakan-orang")
    assert [(f.element, f.level, f.rule) for f in checks.check(what)[1] if f.rule not in quiet] == expected


def test_an_applicant_who_hears_nothing() -> None:
    def silent(what: Bundle) -> list[str]:
        return [f.message for f in checks.check(what)[1] if f.rule == "tanpa-pesan"]

    words = "Pemohon tidak dikirimi pesan ketika permohonannya dikembalikan atau berakhir lewat {}."
    words += " Bila perlu, tulislah properti pesan di sana."
    assert silent(bundle(back="kabar.txt | Kepala")) == [words.format("“Tidak”, “ingat”, “e”")]
    assert silent(bundle(timer="kabar.txt")) == [words.format("“e”")]
    assert silent(bundle(timer="kabar.txt", end="kabar.txt")) == []


def test_a_superior_is_another_lane() -> None:
    text = 'start s\nuser a "A"\nend e\ns > a\na > e'
    for above, expected in (("Tiada", ["atasan-tidak-ada"]), ("A", ["atasan-tidak-ada"])):
        process = f'<laneSet id="ls">{lane("l1", "A", "s a e", atasan=above)}</laneSet>'
        found = checks.check(Bundle("p", draw(text, process), {}, {}, {}))[1]
        assert [f.rule for f in found if f.level != "info"] == expected
    told = f'start s\nuser a "A" <{given(pesan="kabar.txt")}>\nend e\ns > a\na > e'
    found = checks.check(Bundle("p", draw(told, lane_set("A", "s a e")), {}, {}, {}, {"kabar.txt": b"Perihal: x"}))[1]
    assert [f.rule for f in found if f.level == "error"] == ["pesan-kepada"]


def test_texts_are_part_of_a_revision(small: Office) -> None:
    with small.work() as ctx:
        before = revisions.in_force(ctx.session, SOP)
        changed = revisions.install(
            ctx, replace(bundle(), texts={**bundle().texts, "diterima.txt": PLAIN.encode()}), "u", "u"
        )
        assert before is not None
        assert (before.number, changed.number) == (1, 2)
        assert revisions.template(ctx.session, before.id, "diterima.txt", "texts") == RECEIVED.encode()
        assert revisions.template(ctx.session, changed.id, "diterima.txt", "texts") == PLAIN.encode()


def test_only_what_lies_in_its_folder_is_a_text(tmp_path: Any) -> None:
    for name, content in {"bpmn/x.bpmn": bundle().diagram, "docx_templates/x/pesan/a.txt": b"Perihal: a",
                          "docx_templates/x/catatan.txt": b"bukan pesan"}.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert [dict(b.texts) for b in bundles.read([tmp_path / "bpmn/x.bpmn"])] == [{"a.txt": b"Perihal: a"}]


# -- it is sent ------------------------------------------------------------------------------------------------------------


def test_a_message_is_sent_once_and_kept_with_its_case(small: Office) -> None:
    case_id = applied(small)
    done(small, case_id, "loket", "g_sah")
    with mailed(small) as box:
        assert send(small, minutes=1) == 0  # it can still be taken back
        assert send(small) == 1
        assert send(small, days=30) == 0
    [message] = box.taken
    [kept] = rows(small)
    number = _number(small, case_id)
    assert (message["From"], message["To"], message["Subject"]) == (
        "layanan@contoh.go.id", "Andi Pratama <pemohon@contoh.id>", f"{number} diterima",
    )  # fmt: skip
    assert (message["Message-ID"], message["Auto-Submitted"]) == (kept.message_id, "auto-generated")
    assert kept.message_id.endswith("@contoh.go.id>") or kept.message_id.endswith("@localhost>")
    said = f"Yth. Andi Pratama,\nhttp://127.0.0.1:8000/permohonan/{case_id}\n"
    assert message.get_content().replace("\r", "") == kept.text == said
    assert (messages.state(kept), kept.attempts, kept.error, kept.unsure) == ("terkirim", 1, "", False)
    with small.look() as ctx:
        assert ctx.session.scalars(select(Message.inputs)).all() == [None]


def _number(office: Office, case_id: int) -> str:
    with office.look() as ctx:
        return ctx.session.get_one(Case, case_id).number


HOUR = 60
TROUBLES = [
    # what the server does, the state after it, the words, minutes until the next try
    ({"rcpt": ["550 5.1.1 Tidak ada orang itu"]}, "gagal", "Server surel menjawab 550: 5.1.1 Tidak ada orang itu", None),
    ({"rcpt": ["450 4.2.0 Nanti"]}, "menunggu", "Server surel menjawab 450: 4.2.0 Nanti", 1),
    ({"data": ["451 4.3.0 Penuh"]}, "menunggu", "Server surel menjawab 451: 4.3.0 Penuh", 1),
    ({"data": ["554 5.7.1 Ditolak"]}, "gagal", "Server surel menjawab 554: 5.7.1 Ditolak", None),
    ({"data": ["DROP"]}, "tidak-pasti",
     "Server surel memutus sambungan sebelum menjawab apakah pesan ini diterimanya.", 1),
    ({"data": ["SLEEP"]}, "tidak-pasti",
     "Server surel memutus sambungan sebelum menjawab apakah pesan ini diterimanya.", 1),
]  # fmt: skip


@pytest.mark.parametrize(("behaviour", "state", "words", "wait"), TROUBLES, ids=[str(t[0]) for t in TROUBLES])
def test_a_server_that_does_not_play_along(
    small: Office, monkeypatch: pytest.MonkeyPatch, behaviour: dict[str, list[str]], state: str, words: str, wait: int
) -> None:
    """It is tried again until it is taken, under the same Message-ID; what is refused for good is not."""
    monkeypatch.setattr(post, "TIMEOUT", 0.4)
    done(small, applied(small), "loket", "g_sah")
    with mailed(small, **{name: list(answers) for name, answers in behaviour.items()}) as box:
        assert send(small) == 0
        [kept] = rows(small)
        assert (messages.state(kept), kept.error, kept.attempts) == (state, words, 1)
        assert kept.next_try == (None if wait is None else small.now + timedelta(minutes=wait))
        assert send(small, seconds=30) == 0
        assert send(small, minutes=2) == (0 if wait is None else 1)
        [kept] = rows(small)
    dropped = behaviour.get("data") == ["DROP"]
    assert box.ids == ({} if wait is None else {kept.message_id: 2 if dropped else 1})
    assert (messages.state(kept), kept.unsure) == ("gagal" if wait is None else "terkirim", state == "tidak-pasti")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_server_that_is_down_and_comes_back(small: Office) -> None:
    done(small, applied(small), "loket", "g_sah")
    with serving(Postbox()) as smtp:
        pass
    settle(small, smtp=smtp)
    for _ in range(3):
        assert send(small, hours=7) == 0
    [kept] = rows(small)
    assert (messages.state(kept), kept.attempts, kept.unsure) == ("menunggu", 3, False)
    assert kept.error == "Server surel tidak dapat dihubungi: Connection refused."
    with mailed(small) as box:
        assert send(small, hours=7) == 1
    assert list(box.ids.values()) == [1]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_server_that_answers_a_byte_at_a_time(small: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each just within its time: the whole of it is ended all the same."""
    import socket

    monkeypatch.setattr(post, "DEADLINE", 0.5)
    monkeypatch.setattr(post, "TIMEOUT", 5)
    done(small, applied(small), "loket", "g_sah")
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        settle(small, smtp=Smtp("127.0.0.1", listening.getsockname()[1], tls=False))
        assert send(small) == 0
        stop.set()
        thread.join()
    [kept] = rows(small)
    assert (messages.state(kept), kept.unsure) == ("menunggu", False)


def test_it_is_given_up_after_three_days(small: Office) -> None:
    done(small, applied(small), "loket", "g_sah")
    began, waits = small.now, []
    with mailed(small, rcpt=["450 Nanti"] * 50) as box:
        send(small)
        while (kept := rows(small)[0]).next_try is not None:
            waits.append(round((kept.next_try - small.now) / timedelta(minutes=1)))
            small.at(kept.next_try)
            send(small, seconds=0)
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[6 * HOUR] * 10]
        assert timedelta(days=2.5) < small.now - began < timedelta(days=3.5)
        assert (messages.state(kept), kept.attempts) == ("gagal", messages.TRIES)
        box.rcpt.clear()
        with small.work() as ctx:
            assert messages.again(ctx, kept.id)
        assert send(small) == 1


def test_two_workers_at_once(small: Office) -> None:
    for _ in range(6):
        done(small, applied(small), "loket", "g_sah")
    small.later(minutes=3)
    with mailed(small) as box:
        threads = [
            threading.Thread(
                target=worker.once,
                args=(small.settings, small.db.reading, small.db.writing),
                kwargs={"jobs": worker.MAIL},
            )  # fmt: skip
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(box.ids.values()) == [1] * 6
    assert {(messages.state(m), m.attempts) for m in rows(small)} == {("terkirim", 1)}


KILLED = """
import os, signal, sys
from datetime import datetime
from app import config, database, messages, post, worker
when = sys.argv[1]
die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
if when == "before":
    post.Mailer.send = die
else:
    messages.settle = die
settings = config.settings()
worker.once(settings, *database.sessions(database.connect(settings.database_url)), jobs=worker.MAIL)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_in_the_middle(small: Office, when: str) -> None:
    """Another one takes over once the lease is out; what it cannot know it says, and the Message-ID tells the two."""
    done(small, applied(small), "loket", "g_sah")
    small.later(minutes=3)
    with mailed(small) as box:
        assert small.settings.smtp is not None
        env = {
            **os.environ, "ALUR_DATABASE_URL": small.db.url, "ALUR_FILES": str(small.settings.files),
            "ALUR_SECRET_KEY": "x", "ALUR_NOW": small.now.isoformat(), "ALUR_INSTANCE": str(small.settings.sink),
            "ALUR_SMTP": f"smtp://127.0.0.1:{small.settings.smtp.port}", "ALUR_MAIL_FROM": "layanan@contoh.go.id",
        }  # fmt: skip
        ended = subprocess.run([sys.executable, "-c", KILLED, when], cwd=ROOT, env=env, check=False)
        assert ended.returncode == -signal.SIGKILL
        [kept] = rows(small)
        assert (kept.error, kept.attempts, kept.next_try) == (messages.SENDING, 1, small.now + messages.LEASE)
        assert send(small, minutes=5) == 0
        assert send(small, minutes=6) == 1
    [kept] = rows(small)
    assert (messages.state(kept), kept.unsure, kept.attempts) == ("terkirim", True, 2)
    assert box.ids == {kept.message_id: 1 if when == "before" else 2}


def test_a_template_that_never_ends_holds_up_nobody_for_long(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    install(office, bundle(received="diterima.txt | Kepala\nkabar.txt"))
    case_id = applied(office)
    done(office, case_id, "loket", "g_sah")
    with office.work() as ctx:  # the check would not have let it in
        ctx.session.execute(
            text("UPDATE revision_file SET content = :c WHERE path = 'texts/diterima.txt'"), {"c": ENDLESS.encode()}
        )
    monkeypatch.setattr(documents, "TIMEOUT", 0.7)
    with mailed(office) as box:
        assert send(office) == 1
    assert [(m.template, messages.state(m)) for m in rows(office)] == [
        ("diterima.txt", "gagal"), ("kabar.txt", "terkirim"),
    ]  # fmt: skip
    assert rows(office)[0].error == "Templat ini terlalu lama diisi; pengisian dihentikan."
    assert [m["Subject"] for m in box.taken] == ["Kabar"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_people_are_called_breaks_no_message(small: Office) -> None:
    names = [
        *NAUGHTY,
        "Andi\r\nBcc: semua@contoh.id",
        "Andi\nSubject: lain",
        ".\r\n.\r\n",
        "\x00\x1b[2J",
        "Zoë <a@b>, c",
    ]
    with mailed(small) as box:
        for name in names:
            with small.work() as ctx:
                ctx.session.execute(
                    update(Person).where(Person.name == "pemohon").values(full_name=name[:200].replace("\x00", ""))
                )
            done(small, applied(small), "loket", "g_sah")
            assert send(small) == 1
    assert len(box.taken) == len(names)
    for message in box.taken:
        assert [message.get_all(h) for h in ("Bcc", "Cc")] == [None, None]
        assert (len(message.get_all("Subject")), message["X-Envelope-To"]) == (1, "pemohon@contoh.id")
        assert message["Subject"].endswith(" diterima")
        assert "/permohonan/" in message.get_content()


@pytest.mark.parametrize(
    "address",
    ["a b@contoh.id", "a@contoh.id\r\nRCPT TO:<b@contoh.id>", "<a@b.id>", "kosong", "ö@contoh.id", "a,b@c.id"],
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_is_no_address_is_refused(small: Office, address: str) -> None:
    with small.work() as ctx:
        messages.notify(ctx, small.person(ctx, "loket"), "percobaan", {"saat": "2026-11-23"}, address=address)
    with mailed(small) as box:
        assert send(small) == 0
    with small.look() as ctx:
        assert ctx.session.scalars(select(Message.error)).all() == ["Alamat surelnya tidak dapat dipakai."]
    assert box.taken == []


def test_starttls_and_a_password(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password goes over a connection whose certificate was looked at, and over no other."""
    import ssl

    pem = tmp_path / "x.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(pem), "-out", str(pem) + ".crt",
            "-days", "2", "-subj", "/CN=uji", "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pem) + ".crt", pem)
    asked: list[tuple[bytes, bytes]] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        asked.append((data.login, data.password))
        return AuthResult(success=data.password == b"rahasia", handled=False)

    letter = post.Letter("surel", "a@contoh.id", "Andi", "Halo", "Isi", "<1@x>", datetime.now(UTC))
    box = Postbox()
    with serving(box, tls_context=context, require_starttls=True, authenticator=check, auth_required=True) as smtp:
        with_password = replace(smtp, user="alur", password="rahasia")
        with pytest.raises(post.Failed, match="Sambungan aman"):  # a stranger's certificate
            post.Mailer(with_password, "a@x.id").send(letter)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem) + ".crt")
        post.Mailer(with_password, "a@x.id").send(letter)
        with pytest.raises(post.Failed, match="535"):
            post.Mailer(replace(with_password, password="salah"), "a@x.id").send(letter)
    assert (box.secure, set(asked)) == ([True], {(b"alur", b"rahasia"), (b"alur", b"salah")})
    with serving(Postbox()) as smtp, pytest.raises(post.Failed, match="tidak menawarkan STARTTLS"):
        post.Mailer(replace(smtp, user="alur", password="rahasia"), "a@x.id").send(letter)


def test_without_a_server_mail_is_put_into_a_folder(small: Office) -> None:
    done(small, applied(small), "loket", "g_sah")
    assert send(small) == 1
    [path] = small.settings.sink.glob("*.eml")
    assert b"To: Andi Pratama <pemohon@contoh.id>\r\n" in path.read_bytes()


def test_a_gateway_to_telephones(small: Office) -> None:
    """Whoever has a number is told on both ways, with one key for all tries."""
    with small.work() as ctx:
        ctx.session.execute(update(Person).where(Person.name == "pemohon").values(phone="+62812"))
    box = Gateway(answers=[500, 0, 302])
    with gateway(box) as url, mailed(small):
        settle(small, webhook=url)
        done(small, applied(small), "loket", "g_sah")
        states = []
        for _ in range(4):
            send(small, minutes=5)
            [mail, phone] = rows(small)
            states.append((messages.state(phone), phone.error))
    assert messages.state(mail) == "terkirim"
    assert states[:3] == [
        ("menunggu", "Gerbang pesan menjawab 500."),
        ("tidak-pasti", "Gerbang pesan memutus sambungan sebelum menjawab."),
        ("gagal", "Gerbang pesan menjawab 302."),
    ]
    body, key = box.taken[0]
    assert (body["to"], body["id"], key) == ("+62812", phone.message_id, phone.message_id.strip("<>"))
    assert body["text"].startswith(f"{phone.subject}\n\nYth. Andi Pratama,")
    assert {k for _, k in box.taken} == {key}
    assert len(box.taken) == 3


def test_what_is_due_is_an_index_look_up(small: Office) -> None:
    with small.look() as ctx:
        if small.db.kind == "postgresql":
            ctx.session.execute(text("SET enable_seqscan = off"))
            ctx.session.execute(text("SET enable_bitmapscan = off"))
        asked = "SELECT id FROM message WHERE next_try <= 5 ORDER BY next_try, id LIMIT 50"
        explain = "EXPLAIN QUERY PLAN " if small.db.kind == "sqlite" else "EXPLAIN "
        plan = " ".join(str(row) for row in ctx.session.execute(text(explain + asked)))
        ctx.session.rollback()
    assert "ix_message_due" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


# -- it is taken back, tried again, withdrawn ------------------------------------------------------------------------------


def test_what_is_taken_back_is_not_told(small: Office) -> None:
    case_id = applied(small)
    seq = done(small, case_id, "loket", "g_sah")
    with small.work() as ctx:
        assert messages.withdraw(ctx, case_id, [seq]) is False
    with mailed(small) as box:
        assert send(small) == 0
    assert (box.taken, [messages.state(m) for m in rows(small)]) == ([], ["ditarik"])


def test_what_went_out_cannot_be_taken_back(small: Office) -> None:
    case_id = applied(small)
    seq = done(small, case_id, "loket", "g_sah")
    with mailed(small):
        assert send(small) == 1
    with small.work() as ctx:
        assert messages.withdraw(ctx, case_id, [seq, seq + 1]) is True
        assert messages.withdraw(ctx, case_id, []) is False
    assert [messages.state(m) for m in rows(small)] == ["terkirim"]


def test_what_is_being_sent_is_left_alone(small: Office) -> None:
    case_id = applied(small)
    seq = done(small, case_id, "loket", "g_sah")
    small.later(minutes=3)
    [message] = rows(small)
    with small.work() as ctx:
        assert messages.claim(ctx, message.id)
        assert not messages.claim(ctx, message.id)
    with small.work() as ctx:
        assert messages.withdraw(ctx, case_id, [seq]) is True
        assert (messages.cancel(ctx, message.id), messages.again(ctx, message.id)) == (False, False)
    assert rows(small)[0].error == messages.SENDING


# -- the office's own texts ------------------------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    **dict.fromkeys(("nama", "dasar", "tautan", "nomor", "layanan", "pemohon", "langkah", "lajur", "petugas", "batas",
                     "seluruhnya", "oleh", "alamat", "jawaban", "saat", "tanggal", "jumlah", "terlambat", "diambil", "tindakan", "alasan")),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(messages.TEXTS.glob("*.txt")), ids=lambda path: path.stem)
def test_an_office_text_is_clean(path: Any) -> None:
    assert [
        f for f in documents.check_text(path.name, path.read_bytes(), known_of(path.stem)) if f.level == "error"
    ] == []


def known_of(name: str) -> dict[str, Any]:
    lists = {"langkah": [dict.fromkeys(("nama", "lajur", "jumlah"))],
             "mendesak": [dict.fromkeys(("nomor", "langkah", "pemohon", "batas", "terlambat", "tautan"))]}  # fmt: skip
    return {**WHOLE, **(lists if name == digest.NAME else {})}


def test_a_key_is_told_once(small: Office) -> None:
    for _ in range(2):
        with small.work() as ctx:
            for name in ("loket", "kepala"):
                person = small.person(ctx, name)
                messages.notify(ctx, person, "percobaan.txt", {"saat": "2026-11-23T08:00"}, key=f"uji:{name}")
            messages.notify(ctx, small.person(ctx, "pemohon2"), "percobaan", {})  # not verified: nowhere to send it
    with mailed(small) as box:
        assert send(small, seconds=1) == 2
    assert [m["To"] for m in box.taken] == ["Loket <loket@contoh.id>", "Petugas Kepala <kepala@contoh.id>"]
    with small.look() as ctx:  # what belongs to no case is not kept: it may have held a link
        kept = ctx.session.execute(select(Message.text, Message.inputs, Message.subject)).all()
    assert {tuple(row) for row in kept} == {("", None, "Pesan percobaan dari Alur")}


def test_a_passed_limit_is_told_to_the_lane_above(small: Office) -> None:
    case_id = applied(small)
    for _ in range(2):
        with small.work() as ctx:
            messages.escalate(ctx, ctx.session.get_one(Case, case_id), 7, ["periksa"])
            messages.escalate(ctx, ctx.session.get_one(Case, case_id), 7, ["sah"])
    with small.work() as ctx:
        messages.escalate(ctx, ctx.session.get_one(Case, case_id), 8)
    with mailed(small) as box:
        assert send(small) == 2
    number = _number(small, case_id)
    assert [(m["To"], m["Subject"]) for m in box.taken] == [
        ("Petugas Kepala <kepala@contoh.id>", f"Batas waktu terlampaui: {number}, Periksa")
    ] * 2
    one, all_of_it = (m.get_content() for m in box.taken)
    assert "Langkah “Periksa”" in one
    assert "Jangka waktu permohonan" in all_of_it
    assert "Belum ada petugas" in one


# -- the daily digest ------------------------------------------------------------------------------------------------------


def turn(office: Office) -> int:
    """What the worker does about digests."""
    return worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.MAIL[:1])


def digests(office: Office) -> list[str]:
    with office.look() as ctx:
        query = select(Message.address).where(Message.template == "ringkasan.txt").order_by(Message.id)
        return list(ctx.session.scalars(query))


def at(office: Office, day: int, hour: int, minute: int = 0) -> None:
    """A moment of November 2026 (the 23rd is a Monday), by the office's clock."""
    office.at(datetime(2026, 11, day, hour, minute, tzinfo=office.settings.zone).astimezone(UTC))


def test_the_digest_comes_once_on_each_working_day(small: Office) -> None:
    case_id = applied(small)
    with small.work() as ctx:
        small.person(ctx, "kepala").digest = False
    turn(small)
    assert digests(small) == []
    with small.look() as ctx:
        assert ctx.session.get_one(Schedule, digest.NAME).next_at == _local(small, 24, 8)
    at(small, 24, 7, 59)
    turn(small)
    assert digests(small) == []
    at(small, 24, 9)  # an hour of downtime
    for _ in range(2):
        turn(small)
    assert digests(small) == ["loket@contoh.id"]
    at(small, 25, 8)
    done(small, case_id, "loket", "g_sah")  # nothing waits for the counter any more; who is left wants none
    turn(small)
    assert digests(small) == ["loket@contoh.id"]
    at(small, 28, 12)  # a Saturday: nobody was there to send Friday's
    turn(small)
    with small.look() as ctx:
        assert ctx.session.get_one(Schedule, digest.NAME).next_at == _local(small, 30, 8)


def _local(office: Office, day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=office.settings.zone).astimezone(UTC)


def test_what_a_digest_says(small: Office) -> None:
    first, second = applied(small), applied(small)
    turn(small)
    at(small, 24, 8)
    with mailed(small) as box:
        turn(small)
        send(small, seconds=1)
    [message] = box.to("loket@contoh.id")
    said = message.get_content()
    assert message["Subject"] == "2 langkah menunggu Anda"
    assert [n in said for n in (_number(small, first), _number(small, second), "Periksa (Loket): 2")] == [True] * 3
    assert "http://127.0.0.1:8000/tugas/" in said
    assert "/akun/pesan" in said


def test_two_workers_write_one_digest(small: Office) -> None:
    applied(small)
    turn(small)
    at(small, 24, 8)
    threads = [threading.Thread(target=turn, args=(small,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests(small) == ["loket@contoh.id"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_calendar_that_opens_no_day_sends_none(small: Office) -> None:
    from datetime import date

    from app.models import ClosedDay

    with small.work() as ctx:
        for ahead in range(500):
            ctx.session.add(ClosedDay(day=date(2026, 11, 20) + timedelta(days=ahead), closed=True, reason="tutup"))
    applied(small)
    turn(small)
    for _ in range(3):
        small.later(days=1, minutes=1)
        turn(small)
    assert digests(small) == []


# -- settings --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, (None, "http://127.0.0.1:8000", "alur@localhost", None)),
        ({"PORT": "9000"}, (None, "http://127.0.0.1:9000", "alur@localhost", None)),
        ({"ALUR_URL": "https://izin.contoh.go.id/"}, (None, "https://izin.contoh.go.id", "alur@localhost", None)),
        ({"ALUR_SMTP": "smtp://surat", "ALUR_MAIL_FROM": "a@b.id"},
         (Smtp("surat", 25, False), "http://127.0.0.1:8000", "a@b.id", None)),
        ({"ALUR_SMTP": "smtps://a%40b:p%2Fq@surat:4650", "ALUR_MAIL_FROM": "a@b.id", "ALUR_WEBHOOK": "http://g/x?k=1"},
         (Smtp("surat", 4650, True, "a@b", "p/q"), "http://127.0.0.1:8000", "a@b.id", "http://g/x?k=1")),
        ({"ALUR_SMTP": "smtp://surat"}, "ALUR_MAIL_FROM"),
        ({"ALUR_SMTP": "surat:25", "ALUR_MAIL_FROM": "a@b.id"}, "ALUR_SMTP"),
        ({"ALUR_SMTP": "smtp://surat:0x", "ALUR_MAIL_FROM": "a@b.id"}, "ALUR_SMTP"),
        ({"ALUR_MAIL_FROM": "Kantor <a@b.id>"}, "ALUR_MAIL_FROM"),
        ({"ALUR_WEBHOOK": "ftp://g"}, "ALUR_WEBHOOK"),
        ({"ALUR_URL": "izin.contoh.go.id"}, "ALUR_URL"),
    ],
)  # fmt: skip
def test_settings(tmp_path: Any, env: dict[str, str], expected: Any) -> None:
    given_env = {"ALUR_INSTANCE": str(tmp_path), "ALUR_SECRET_KEY": "x", **env}
    if isinstance(expected, str):
        with pytest.raises(ConfigError, match=expected):
            config.settings(given_env)
    else:
        found = config.settings(given_env)
        assert (found.smtp, found.url, found.mail_from, found.webhook) == expected
        assert "p/q" not in repr(found)


# -- pages -----------------------------------------------------------------------------------------------------------------


def test_pages(small: Office) -> None:
    """An administrator sees all, tries again and withdraws; an applicant their own; nobody else anything."""
    case_id = applied(small)
    done(small, case_id, "loket", "g_sah")
    with small.work() as ctx:
        messages.escalate(ctx, ctx.session.get_one(Case, case_id), 9)
        messages.notify(
            ctx,
            small.person(ctx, "kepala"),
            "disebut",
            {"nomor": "x", "oleh": "Rahasia Kantor", "alamat": "/"},
            case=ctx.session.get_one(Case, case_id),
        )
    [mine, theirs] = rows(small)
    admin = small.client("pemilik")
    page = admin.get("/pengelola/pesan")
    assert page.status_code == 200
    for words in ("Server surel belum diatur", "pemohon@contoh.id", "Menunggu", "Kirim sekarang"):
        assert words in page.text
    for name in ("pemohon", "loket"):
        assert small.client(name).get("/pengelola/pesan").status_code == 403
        assert small.client(name).post(f"/pengelola/pesan/{mine.id}/tarik").status_code == 403
    assert admin.post(f"/pengelola/pesan/{mine.id}/tarik").status_code == 303
    assert "sudah ditarik" in admin.post(f"/pengelola/pesan/{mine.id}/tarik", follow_redirects=True).text
    assert "Ditarik" in admin.get("/pengelola/pesan?keadaan=ditarik").text
    assert "Tidak ada pesan dalam keadaan ini" in admin.get("/pengelola/pesan?keadaan=gagal").text
    assert admin.post("/pengelola/pesan/percobaan").status_code == 303
    assert send(small) == 2
    assert "Pesan percobaan dari Alur" in admin.get("/pengelola/pesan?keadaan=terkirim").text
    staff, own = (
        small.client("loket").get(f"/permohonan/{case_id}").text,
        small.client("pemohon").get(f"/permohonan/{case_id}").text,
    )
    assert ("Rahasia Kantor menyebut Anda" in staff, "Rahasia Kantor menyebut Anda" in own) == (True, False)
    assert ("Ditarik sebelum dikirim" in staff, "Ditarik sebelum dikirim" in own) == (True, True)
    assert "kepala@contoh.id" not in own
    assert theirs.person_id != mine.person_id


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_case_says_that_its_applicant_hears_nothing(small: Office) -> None:
    case_id = applied(small, "pemohon2")
    assert "Surel pemohon belum dipastikan" in small.client("loket").get(f"/permohonan/{case_id}").text
    assert "Surel pemohon belum dipastikan" not in small.client("pemohon2").get(f"/permohonan/{case_id}").text


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_one_wants_to_be_told(small: Office) -> None:
    officer = small.client("loket")
    assert "checked" in officer.get("/akun/pesan").text
    assert "tidak lagi" in officer.post("/akun/pesan", data={}, follow_redirects=True).text
    assert "checked" not in officer.get("/akun/pesan").text
    officer.post("/akun/pesan", data={"ringkasan": "ya"})
    assert "checked" in officer.get("/akun/pesan").text
    assert "belum dipastikan" in small.client("pemohon2").get("/akun/pesan").text
    assert small.app.test_client().get("/akun/pesan").status_code == 302


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_mail_server_that_takes_its_time_keeps_no_timer_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PAUSE", 0.05)
    monkeypatch.setattr(post, "TIMEOUT", 1.5)
    install(office, bundle(timer="kabar.txt | Kepala"))
    case_id = applied(office)
    done(office, case_id, "loket", "g_sah")
    office.later(minutes=3)
    stop = threading.Event()
    with mailed(office, data=["SLEEP"]):
        running = threading.Thread(
            target=worker.run, args=(office.settings, office.db.reading, office.db.writing, stop)
        )
        running.start()
        try:
            assert _soon(lambda: [m.error for m in rows(office)] == [messages.SENDING])
            office.later(days=1)
            assert _soon(lambda: len(rows(office)) == 2)
            assert rows(office)[0].error == messages.SENDING
        finally:
            stop.set()
            running.join()


def _soon(what: Callable[[], bool]) -> bool:
    """Whether it becomes so within two seconds."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.02)
    return False
