"""Every page for everybody, full, empty and with faults, on a screen and on a phone: axe-core finds nothing, nothing
scrolls sideways, nothing is heavy.

Pages are found by walking the application's routes as each of its people, and the steps of a case from its first to its
last. A browser is shown those on which something stands beside something that no page before had there.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest
from sqlalchemy import select
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app import archive, books, cases, drawn, messages, outages, registers, retention, revisions, satisfaction, uploads
from app.models import (
    Case,
    Complaint,
    Deputy,
    Destruction,
    DestructionCase,
    Document,
    Hold,
    Link,
    Membership,
    Message,
    Outage,
    Person,
    Proxy,
    Survey,
    Task,
    Upload,
)
from app.people import grant, new_person, new_token
from app.web.ends import PATHS
from tests import play, sops
from tests.browser import AXE, axe
from tests.conftest import PASSWORD, Office

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
SCREENS = ((1280, 720), (390, 844))  # an old office PC, a cheap phone
HEAVIEST = 150 * 1024  # bytes that travel, without the diagram
NAUGHTY = "Ω “<b>&amp;’ " + "panjangsekali" * 6
QUERIES = {  # what else a page may be asked for
    "/tugas": (
        "cari=tidak-ada-yang-begini",
        "milik_saya=1",
        "belum_diambil=1",
        "lewat_waktu=1",
        "dikembalikan=1",
        "ditunda=1",
        f"cari={NAUGHTY}",
    ),
    "/permohonan/semua": ("cari=tidak-ada-yang-begini", "status=ended", "sebelum=1"),
    "/permohonan": ("sebelum=1",),
    "/pengelola/pesan": ("keadaan=gagal", "keadaan=ditarik", "sebelum=1"),
    "/pengelola/orang": ("cari=tidak-ada-yang-begini", "keadaan=terkunci", "hal=2"),
    "/laporan/survei": ("periode=2021", "dari=x&sampai=2026-01-01", "dari=2026-11-01&sampai=2026-12-31"),
    "/berakhir": ("hari=500", "hari=500&belum=1&sop=tidak-ada", "sudah=1", "sudah=1&hari=3000"),
    "/pengelola/kalender": ("tahun=2027", "hari=2026-12-14"),
}
POSTS: dict[str, tuple[dict[str, Any], ...]] = {  # faults of pages beside the steps; a file is its bytes
    "account.masuk_kirim": ({"nama": NAUGHTY, "sandi": "salah"},),
    "account.daftar_kirim": ({}, {"nama": NAUGHTY, "surel": NAUGHTY, "sandi": "delapan huruf", "sandi_lagi": "x"}),
    "account.ganti_sandi_kirim": ({}, {"sandi_lama": "salah", "sandi": "pendek"}),
    "applications.ajukan_kirim": ({}, {"pemohon": "\u202e" + NAUGHTY, "jalan": "tidak-ada"}),
    "inbox.simpan_saringan": ({"cari": NAUGHTY}, {"nama": NAUGHTY, "belum_diambil": "1"}, {"nama": "Mudah", "cari": "x"}),
    "checking.periksa_kirim": ({}, {"kode": NAUGHTY}),
    "checking.bandingkan": ({}, {"sidik": "bukan"}, {"sidik": "ab" * 32}),
    "portal.lacak_kirim": ({}, {"nomor": NAUGHTY, "kode": "salah"}),
    "ends.tindakan_kirim": ({}, {"alasan": NAUGHTY * 99}),
    **dict.fromkeys(("ends.ambil_kembali_kirim", "ends.ajukan_lagi", "registers.batal_kirim"), ()),
    **dict.fromkeys(("ends.ambil_kembali_kirim", "ends.ajukan_lagi", "ending.perpanjangan_kirim"), ()),
    "calendar.ubah": (
        {}, {"hari": "besok", "keadaan": NAUGHTY, "alasan": NAUGHTY, "acuan": ""},
        {"hari": "2026-12-14", "keadaan": "tutup", "alasan": NAUGHTY, "acuan": "Surat"},
    ),
    "sops.pasang": (
        {}, {"berkas": (b"x", "gambar.png")}, {"berkas": (b"<definitions", "salah.bpmn")},
        {"berkas": (sops.BUNDLES[sops.LARGEST].diagram, "diagram.bpmn")},  # without its forms there is much to say about it,
    ),
}  # fmt: skip
POSTS |= {
    "profile.simpan": ({}, {"nama": NAUGHTY * 4, "telepon": NAUGHTY}),
    "profile.surel": ({}, {"surel": NAUGHTY}),
    "profile.kirim_lagi": ({},),
    "profile.cabut": ({},),
    "profile.pastikan_kirim": ({},),
    "profile.lupa_kirim": ({}, {"surel": "siapa@contoh.id"}),
    "profile.sandi_baru_kirim": ({}, {"sandi": "pendek"}),
    "profile.kuasa_kirim": (
        {},
        {"surel": "siapa@contoh.id", "sampai": "2027-01-31", "surat": (b"%PDF-1.4\n%%EOF\n", "kuasa.pdf")},
        {"surel": NAUGHTY, "sop": "tidak-ada", "mulai": "x", "sampai": "x", "surat": (b"MZ", "kuasa.exe")},
    ),
    "profile.kuasa_akhiri": (),
    "archived.ulang": ({},),
    "retention.usul": ({}, {"sop": sops.LARGEST}),
    "retention.putuskan": ({}, {"keputusan": "tolak"}, {"keputusan": "tolak", "catatan": NAUGHTY * 20}),
    "retention.tahan": ({"sop": sops.LARGEST, "nomor": NAUGHTY}, {"sop": sops.LARGEST, "daftar": "1"}),
    **dict.fromkeys(("retention.henti", "retention.cabut"), ()),
    "complaints.tanya": ({}, {"jenis": "pengaduan", "isi": NAUGHTY * 60}, {"jenis": "pengaduan", "isi": NAUGHTY}),
    "complaints.jawab": ({}, {"isi": NAUGHTY * 60}),
    "factor.kode_kirim": ({},),
    "factor.pasang": ({"kode": "salah"},),
    "factor.pemulihan": ({},),
    "factor.matikan": ({},),
    "oidc.hubungkan_kirim": ({},),
    "survey.survei_kirim": ({}, {"/saran": NAUGHTY * 20}),
    "survey.kertas_kirim": (
        {},
        {"layanan": NAUGHTY, "tanggal": NAUGHTY, "jawaban": NAUGHTY, "nomor": NAUGHTY, "saran": NAUGHTY * 20},
    ),
    "survey.kertas_hapus": (),
    "admin.baru_kirim": ({}, {"nama": NAUGHTY, "pengguna": "luar", "surel": NAUGHTY}),
    "admin.ubah": ({}, {"nama": NAUGHTY, "pengguna": "auditor", "surel": NAUGHTY, "pengelola": "1"}),
    "admin.lajur": ({}, {"lajur": "tidak ada", "lajur_sejak": "2020-01-01"}),
    "admin.akhiri_lajur": ({},),
    "admin.faktor": ({},),
    "absences.catat": (
        {},
        {"orang": "1", "wakil": "1", "sejak": "2020-01-01", "sampai": "2019-01-01", "surat": NAUGHTY},
    ),
    "absences.akhiri": ({},),
    "outages.siapkan_kirim": ({"lembar": NAUGHTY, "buku-0": "-1"},),
    "outages.nyatakan_kirim": ({}, {"sejak": "2020-01-01", "jam-sejak": "10:00", "sampai": "x", "acuan": NAUGHTY * 9}),
    "outages.langkah_kirim": (
        {},
        {"tanggal": "2026-11-23", "jam": "10:00", "petugas": "999", "pindaian": (b"MZ", "x.pdf")},
    ),
    "outages.permohonan_kirim": ({}, {"tanggal": "2026-11-23", "jam": "01:00", "petugas": "1", "pemohon": NAUGHTY}),
    "outages.tutup_kirim": ({},),
    **dict.fromkeys(("admin.sandi", "admin.buka", "admin.token", "admin.tautan", "admin.nonaktif", "admin.aktif"), ()),
}
NO_PAGES = ("api.", "static", "bootstrap.", "account.keluar", "inbox.berikutnya", "inbox.hapus_saringan",
            "cases.unggah", "tasks.", "desk.serahkan", "desk.tunda", "desk.beberapa", "desk.catatan", "desk.dibaca",
            "desk.hadir")  # fmt: skip  # the desk's own states: test_desk_browser.py
NO_PAGES += ("outbox.ulang", "outbox.tarik", "outbox.percobaan", "outbox.pilihan_kirim")


TOLD = {"subject": f"Permohonan {NAUGHTY}", "text": f"Yth. {NAUGHTY},\n\nbaris", "attempts": 2}
MESSAGES: tuple[dict[str, Any], ...] = (
    {},
    {**TOLD, "error": f"Server surel menjawab 451: {NAUGHTY}"},
    {**TOLD, "unsure": True, "error": "Server surel memutus sambungan."},
    {**TOLD, "next_try": None, "error": "Server surel menjawab 550."},
    {"next_try": None, "error": messages.WITHDRAWN},
)


@dataclass
class Seen:
    """A page as somebody got it."""

    who: str
    path: str
    note: str
    html: str
    shapes: frozenset[Any]

    def __str__(self) -> str:
        return f"{self.path} {self.note} [{self.who or 'umum'}]"


@dataclass
class Pages:
    """Asks for pages, and keeps those that have something new to show."""

    office: Office
    kept: list[Seen] = field(default_factory=list)
    shapes: Counter[Any] = field(default_factory=Counter)  # and on how many of those that are kept
    pages: set[str] = field(default_factory=set)  # endpoints that answered with a page
    files: set[str] = field(default_factory=set)  # and those that gave something else
    clients: dict[str, FlaskClient] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    weights: dict[str, int] = field(default_factory=dict)

    def client(self, who: str) -> FlaskClient:
        if who not in self.clients:
            self.clients[who] = self.office.client(who or None)
        return self.clients[who]

    def get(self, who: str, path: str, note: str = "") -> None:
        self.keep(who, path, note, self.client(who).get(path))

    def post(self, who: str, path: str, note: str, data: dict[str, Any]) -> None:
        sent = {k: (io.BytesIO(v[0]), v[1]) if isinstance(v, tuple) else v for k, v in data.items()}
        answer = self.client(who).post(path, data=sent, content_type="multipart/form-data")
        self.keep(who, path, note, answer)
        if answer.status_code == 303:
            self.get(who, answer.location, f"sesudah {note}")

    def keep(self, who: str, path: str, note: str, answer: TestResponse) -> None:
        endpoint = self.endpoint(path, answer.request.method)
        if answer.status_code == 200:
            (self.pages if answer.mimetype == "text/html" else self.files).add(endpoint)
        if answer.mimetype != "text/html" or answer.location:
            return
        html = answer.text
        tree = lxml.html.fromstring(html)
        shapes = self.looks(path, answer, tree)
        page = Seen(who, path, f"{answer.status_code} {note}".strip(), html, shapes)
        ids = Counter(tree.xpath("//@id"))
        self.wrong += [f"{page}: id {name} twice" for name, times in ids.items() if times > 1]
        if shapes <= self.shapes.keys():
            return
        self.shapes.update(shapes)
        self.kept.append(page)
        weight = len(html.encode()) + sum(map(self.weight, tree.xpath("//link/@href | //script/@src")))
        if weight > HEAVIEST:
            self.wrong.append(f"{page}: {weight // 1024} KB")

    def looks(self, path: str, answer: TestResponse, tree: Any) -> frozenset[Any]:
        """What stands beside what: in the middle of the page by where that is, else wherever."""
        known = answer.status_code in (200, 409, 422)
        where = self.endpoint(path, answer.request.method) if known else str(answer.status_code)
        shapes = set[Any]()
        for part, place in (("//main", where), ("//header", ""), ("//footer", "")):
            marks = [(e.tag, e.get("class"), e.get("role"), e.get("type")) for e in tree.xpath(f"{part}//*")]
            shapes |= {(place, *pair) for pair in pairwise(marks)}
        return frozenset(shapes)

    def thinned(self) -> list[Seen]:
        """Those that show something which no other one does: a later page often shows all of an earlier one, and more."""
        left = self.shapes.copy()
        shown = []
        for page in self.kept:
            if all(left[shape] > 1 for shape in page.shapes):
                left.subtract(page.shapes)
            else:
                shown.append(page)
        return shown

    def weight(self, path: str) -> int:
        if path not in self.weights:
            sent = self.client("").get(path, headers={"Accept-Encoding": "gzip"})
            self.weights[path] = 0 if "/diagram." in path else len(sent.data)
        return self.weights[path]

    def endpoint(self, path: str, method: str) -> str:
        try:
            return str(self.office.app.url_map.bind("").match(path.partition("?")[0], method=method)[0])
        except HTTPException:
            return ""


def everything(office: Office) -> Pages:
    """Every page there is, as each of its people meets it."""
    pages = Pages(office)
    office.app.config["WTF_CSRF_ENABLED"] = False
    people = people_of(office)
    walk_routes(pages, people)  # nobody has done anything yet
    object.__setattr__(office.settings, "soffice", Path("/bin/true"))  # papers wait for their PDF, and say so
    administered(office)
    with office.work() as ctx:
        for person in ctx.session.scalars(select(Person)):
            person.email, person.email_verified_at = f"{person.name}@contoh.id", ctx.now
    represented(office)
    powerless(office)
    walk_steps(pages, play.apply(office))
    with office.work() as ctx:  # messages in every state
        found = list(ctx.session.scalars(select(Message).order_by(Message.id.desc()).limit(5)))
        for message, changes in zip(found, MESSAGES, strict=False):
            for name, value in changes.items():
                setattr(message, name, value)
    new = play.apply(office)
    while play_forward(office, new, last=True):
        pass
    with office.work() as ctx:  # a PDF that failed, one that was given up, and one that is signed
        for number, paper in enumerate(ctx.session.scalars(select(Document).limit(3))):
            paper.pdf_attempts, paper.pdf_error = (1, archive.TRIES, 1)[number], (NAUGHTY, NAUGHTY, None)[number]
            paper.signed_by, paper.pdf_sha256 = ("", "", f"CN={NAUGHTY}")[number], (None, None, paper.sha256)[number]
    play.step(office, play.apply(office))  # a second one for the same passport
    if office.definition.applicant_lane is not None:
        play.apply(office, office.counter, on_behalf_of=NAUGHTY[:60])
    office.later(days=4)
    walk_books(pages)
    surveyed(office)
    retired(office)
    walk_routes(pages, people)
    walk_books(pages)
    return pages


def own(office: Office) -> Pages:
    """The pages that this SOP's own drawing and forms make: its service, its steps, its cases."""
    pages = Pages(office)
    office.app.config["WTF_CSRF_ENABLED"] = False
    walk_steps(pages, play.apply(office))
    new = play.apply(office)
    while play_forward(office, new, last=True):
        pass
    play.step(office, play.apply(office))
    walk_routes(pages, people_of(office), {"sop", "case_id", "document_id", "upload_id"})
    return pages


def people_of(office: Office) -> list[str]:
    with office.look() as ctx:
        return ["", *ctx.session.scalars(select(Person.name).order_by(Person.id))]


def walk_books(pages: Pages) -> None:
    """Each register's book, with a number that is struck out, one that nobody uses yet, and what nobody finds."""
    office = pages.office
    office.at(office.now + timedelta(days=365))
    play.step(office, play.apply(office))
    for name, lane, pattern in numberings(office):
        officer = office.officers[lane]
        with office.work() as ctx:
            by = office.person(ctx, "pemilik").id
            outage = Outage(reason=NAUGHTY, by_id=by, created_at=ctx.now)
            ctx.session.add(outage)
            ctx.session.flush()
            registers.reserve(ctx, name, pattern, 2, outage.id)
        book = f"nama={name}"
        years = books_years(office, name)
        number = f"{book}&tahun={years[0]}&nomor=1"
        pages.get(officer, f"/register/batal?{number}")
        for reason in ("", NAUGHTY * 9, NAUGHTY):
            named = {"nama": name, "tahun": years[0], "nomor": 1, "alasan": reason}
            pages.post(officer, "/register/batal", "batal", named)
        queries = (book, f"{book}&tahun={years[-1]}", f"{book}&cari=tidak-ada", f"{book}&sebelum=1")
        for who in (officer, "pemilik", "auditor"):
            for query in queries:
                pages.get(who, f"/register/buku?{query}")
            pages.get(who, f"/register/cetak?{book}")
            pages.get(who, f"/register/cetak?{book}&dari=99")
        pages.get(officer, f"/register/buku.xlsx?{book}")


def numberings(office: Office) -> list[tuple[str, str, str]]:
    """The registers of its SOP: name, the lane that gives its numbers, pattern."""
    return [
        (line.register, step.lane, line.pattern)
        for step in office.definition.steps.values()
        for line in registers.numberings(step.properties.get("register", ""))
    ]


def books_years(office: Office, name: str) -> list[int]:
    with office.look() as ctx:
        return books.years(ctx, name)


def retired(office: Office) -> None:
    """Cases of long ago: due, held, and on lists in every state."""
    with office.look() as ctx:
        schedule = retention.of_sop(ctx, office.sop)
    assert schedule is not None
    lists: list[dict[str, Any]] = [{}, {"approved": False}, {"approved": True}, {"approved": True, "stopped_at": 1},
                                   {"approved": True, "done_at": 1}]  # fmt: skip
    with office.work() as ctx:
        by, other = (office.person(ctx, office.officers[lane]) for lane in (schedule.proposing, schedule.deciding))
        over = ctx.session.scalars(select(Case).where(Case.ended_at.is_not(None)).order_by(Case.id)).all()
        for case in over:
            assert case.ended_at is not None
            case.ended_at -= timedelta(days=5000)
        over[-1].destroyed_at = ctx.now
        ctx.session.add(Hold(case_id=over[0].id, reason=NAUGHTY, by_id=by.id, at=ctx.now))
        for state in lists:
            told: dict[str, Any] = {name: ctx.now if value == 1 and name != "approved" else value
                                    for name, value in state.items()}  # fmt: skip
            decided = {"decided_by_id": other.id, "decided_at": ctx.now} if state else {}
            row = Destruction(
                sop=office.sop, schedule="5 tahun", reference=NAUGHTY, proposed_by_id=by.id, proposed_at=ctx.now,
                note=NAUGHTY if state else "", **told, **decided,
            )  # fmt: skip
            ctx.session.add(row)
            ctx.session.flush()
            for case in over[:2]:
                skipped = NAUGHTY if state and case is over[0] else ""
                ctx.session.add(DestructionCase(destruction_id=row.id, case_id=case.id, skipped=skipped))


SECRETS = {"surel": "rahasia-surel", "sandi": "rahasia-sandi"}


def represented(office: Office) -> None:
    """An applicant with a proxy, an address to make sure, a token, and a question that waits for its answer."""
    if office.definition.applicant_lane is None:
        return
    with office.work() as ctx:
        giver, proxy = office.person(ctx, "pemohon"), office.person(ctx, "pemohon2")
        proxy.email_verified_at = None
        new_token(ctx, giver)
        letter = uploads.save(ctx, giver, f"{NAUGHTY}.pdf", b"%PDF-1.4\n%%EOF\n")
        for days in (-9, 30):
            span = {"since": ctx.now - timedelta(days=10), "until": ctx.now + timedelta(days=days)}
            people = {"principal_id": giver.id, "proxy_id": proxy.id, "upload_id": letter.id}
            ctx.session.add(Proxy(**span, **people, created_at=ctx.now))
        for purpose, secret in SECRETS.items():
            sha256, until = hashlib.sha256(secret.encode()).hexdigest(), ctx.now + timedelta(days=30)
            ctx.session.add(
                Link(person_id=giver.id, purpose=purpose, sha256=sha256, address=giver.email, expires_at=until)
            )
        case_id = ctx.session.scalars(select(Case.id).where(Case.applicant_id == giver.id).order_by(Case.id)).first()
        assert case_id is not None
        cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pengaduan", NAUGHTY)


def surveyed(office: Office) -> None:
    """What people answered, with words beside it, some of it entered from paper; an ended case is yet to be judged."""
    with office.work() as ctx:
        ended = ctx.session.scalars(select(Case.id).where(Case.status != "open").order_by(Case.id)).first()
        satisfaction.take_back(ctx, ended or 0)
        officer = office.person(ctx, [*office.officers.values()][0])
        for number, source in enumerate((satisfaction.PHONE, satisfaction.PAPER) * 3):
            answer = satisfaction.Answer((1 + number % 4, 3, 2, 4, 3, 3, 4, 2, 3), NAUGHTY if number < 4 else "")
            by = officer.id if source == satisfaction.PAPER else None
            at = ctx.now - timedelta(days=200 * (number == 0))
            satisfaction.keep(ctx, answer, sop=office.sop, source=source, entered_by=by, at=at)


def administered(office: Office) -> None:
    """Somebody whom an administrator has much to do with: locked, with a token and a second factor, deputised."""
    with office.work() as ctx:
        person = new_person(ctx, "diurus", PASSWORD, full_name=NAUGHTY, applicant=False, title="Jabatan")
        person.locked_until = ctx.now + timedelta(days=9)
        person.oidc_subject, person.totp = "x", "x" * 64
        new_token(ctx, person)
        first, second = list(office.officers)[:2]
        grant(ctx, person, first)
        deputy, by = office.person(ctx, office.officers[second]), office.person(ctx, "pemilik")
        for days in (-20, 2, 30):
            span = {"since": ctx.now + timedelta(days=days), "until": ctx.now + timedelta(days=days + 9)}
            absence = {"kind": "plh", "reference": NAUGHTY, "by_id": by.id, "created_at": ctx.now}
            ctx.session.add(Deputy(person_id=person.id, deputy_id=deputy.id, **span, **absence))
            ctx.session.add(Membership(person_id=person.id, lane=second, **span))


def powerless(office: Office) -> None:
    """There was an outage, and there is another: prepared for, declared, and an application entered from paper."""
    with office.work() as ctx:
        admin = office.actor(ctx, "pemilik")
        loaded = revisions.load(ctx.session, revisions.all_in_force(ctx.session)[0].id)
        counts = {book.register: 2 for book in outages.books(loaded)}
        since, until = ctx.now - timedelta(hours=3), ctx.now - timedelta(minutes=1)
        first = outages.prepare(ctx, admin, loaded, counts)
        outages.declare(ctx, admin, since, until, "Jaringan putus", NAUGHTY)
        outages.close(ctx, admin, first.id)
        outage = outages.prepare(ctx, admin, loaded, counts)
        outages.declare(ctx, admin, since, until, NAUGHTY, NAUGHTY)
        by = office.actor(ctx, office.officers[drawn.recorders(loaded.definition)[0]])
        filer = office.person(ctx, office.counter if loaded.definition.applicant_lane else office.opener)
        written = outages.Application(ctx.now - timedelta(hours=1), filer.id, None, NAUGHTY[:60], "")
        outages.open_case(ctx, by, outage.id, loaded, written)


def play_forward(office: Office, case_id: int, last: bool = False) -> bool:
    """One step on, by the first or the last way forward; False at the end."""
    with office.look() as ctx:
        tasks = play.waiting(ctx, case_id)
        if not tasks:
            return False
        ways = [way.label for way in cases.choices(ctx, tasks[0]) if not way.returns]
    play.step(office, case_id, ways[-1 if last else 0] if ways else "")
    return True


def known(office: Office) -> dict[str, list[Any]]:
    """What the variables of a route may be; a route with another one has to be thought of here."""
    with office.look() as ctx:
        revision = revisions.all_in_force(ctx.session)[0]
        blanks = drawn.papers(office.definition.properties.get("unduhan", ""))
        file = next(iter(revisions.file_contents(ctx.session, revision.id)))
        case_ids = list(ctx.session.scalars(select(Case.id).order_by(Case.id)))
        return {
            "sop": [office.sop, "tidak-ada"],
            "case_id": [*case_ids, 999],
            "task_id": [*ctx.session.scalars(select(Task.id).where(Task.closed_at.is_(None))), 999],
            "document_id": [*ctx.session.scalars(select(Document.id).limit(1)), 999],
            "upload_id": [*ctx.session.scalars(select(Upload.id).limit(1)), "tidak-ada"],
            "number": [1, 99],
            "path": [file, "tidak-ada"],
            "template": [*(blank.template for blank in blanks[:1]), "tidak-ada.docx"],
            "verb": [*PATHS, "tidak-ada"],
            "kode": ["id"],
            "code": [
                *ctx.session.scalars(select(Document.code).where(Document.code.is_not(None), ~Document.internal)),
                "X",
            ],
            "person_id": [*ctx.session.scalars(select(Person.id).where(Person.name.in_(["diurus", "luar"]))), 999],
            "membership_id": list(ctx.session.scalars(select(Membership.id).where(Membership.until.is_not(None)))),
            "absence_id": [999],
            "secret": [*SECRETS.values(), "tidak-ada"],
            "proxy_id": [*ctx.session.scalars(select(Proxy.id).limit(1)), 999],
            "token_id": [999],
            "survey_code": [*(satisfaction.code(ctx, case_id) for case_id in case_ids), "tidak-ada"],
            "survey_id": [*ctx.session.scalars(select(Survey.id).limit(1)), 999],
            "destruction_id": [*ctx.session.scalars(select(Destruction.id)), 999],
            "hold_id": [999],
            "outage_id": [*ctx.session.scalars(select(Outage.id)), 999],
            "complaint_id": [*ctx.session.scalars(select(Complaint.id)), 999],
        }


def walk_routes(pages: Pages, people: list[str], about: Collection[str] = ()) -> None:
    """Each route as everybody, or each that is `about` one of these; what has a case or the like in its address as one
    of each kind of person.
    """
    variables = known(pages.office)
    office = pages.office
    kinds = {"", "pemohon", "pemohon2", "luar", "pemilik", "auditor", "diurus", *[*office.officers.values()][::3]}
    for rule in pages.office.app.url_map.iter_rules():
        if rule.endpoint.startswith(NO_PAGES) and rule.endpoint != "tasks.langkah":
            continue
        names = sorted(rule.arguments)
        if about and not rule.arguments & set(about):
            continue
        those = [who for who in people if who in kinds] if names else people
        for chosen, who in product(product(*(variables[name] for name in names)), those):
            built = rule.build(dict(zip(names, chosen, strict=True)))
            assert built is not None
            path = built[1]
            if "GET" not in (rule.methods or ()):
                for data in POSTS[rule.endpoint]:
                    pages.post(who, path, "salah", data)
            elif rule.endpoint not in pages.files:
                for query in ("", *QUERIES.get(path, ())):
                    pages.get(who, f"{path}?{query}" if query else path)


def walk_steps(pages: Pages, case_id: int) -> None:
    """Each step fresh, returned, with faults, without its reason, for who does it and who looks on; each return once."""
    office, taken = pages.office, set[tuple[str, str]]()
    while True:
        with office.look() as ctx:
            tasks = play.waiting(ctx, case_id)
            if not tasks:
                break
            task = tasks[0]
            name = play.performer(office, ctx, task).name
            form = cases.form_of(ctx, task)
            required = form is not None and any(f.required for f in form.fields)
            typed = {f.pointer: NAUGHTY for f in form.fields if "*" not in f.pointer} if form else {}
            ways = [(way.id, way.label, way.returns) for way in cases.choices(ctx, task)]
            path, step = f"/tugas/{task.id}", task.step
        for who in (name, "auditor"):
            pages.get(who, path)
        if required:
            pages.post(name, path, "kosong", {"choice": ways[0][0] if ways else ""})
        if required or ways:
            pages.post(name, path, "tanpa keputusan", typed)
        for key, label, returns in ways:
            if returns:
                pages.post(name, path, f"{label} tanpa alasan", {**typed, "choice": key})
        pages.post(name, f"{path}/ambil", "ambil", {})
        label = next((way[1] for way in ways if way[2] and (step, way[0]) not in taken), ways[0][1] if ways else "")
        taken |= {(step, way[0]) for way in ways if way[1] == label}
        play.step(office, case_id, label)
        pages.post(name, path, "terlambat", typed)
        for who in (name, "auditor"):
            pages.get(who, path, "selesai")


WHOLE = [
    pytest.param(sop, everything, id=f"{sop}-whole", marks=() if sop == sops.LARGEST else pytest.mark.soak)
    for sop in sops.KEYS
]
OWN = [pytest.param(sop, own, id=f"{sop}-own") for sop in sops.KEYS if sop != sops.LARGEST]


@pytest.mark.skipif(not AXE.exists(), reason="npm's packages are not installed")
@pytest.mark.parametrize(("sop", "walk"), [*WHOLE, *OWN])
def test_nothing_is_wrong_with_any_page(
    office: Office, sop: str, walk: Callable[[Office], Pages], live: str, page: Callable[..., Page]
) -> None:
    found = walk(office)
    windows: dict[str, Page] = {}
    showing: list[Seen] = []

    def answer(route: Route) -> None:
        if route.request.resource_type == "document" and route.request.url == live + "/lihat":
            route.fulfill(body=showing[-1].html, content_type="text/html; charset=utf-8")
        else:
            route.continue_()

    wrong = found.wrong
    for number, seen in enumerate(found.thinned()):
        if seen.who not in windows:
            window = windows[seen.who] = page()
            cookie = found.client(seen.who).get_cookie("alur")
            if cookie is not None:
                window.context.add_cookies([{"name": "alur", "value": cookie.value, "url": live}])
            window.route("**/lihat", answer)
        window = windows[seen.who]
        showing.append(seen)
        for width, height in SCREENS:
            window.set_viewport_size({"width": width, "height": height})
            if (width, height) == SCREENS[0]:
                window.goto(live + "/lihat")
            drawing = window.locator(".diagram-room:visible")
            if width > 600 and "dist/diagram.js" in seen.html and drawing.count():
                drawing.first.scroll_into_view_if_needed()  # it waits until it is looked at
                window.locator(".diagram-drawn").first.wait_for()
                window.evaluate("scrollTo(0, 0)")
            wrong += [f"{seen} {width}: {line}" for line in axe(window)]
            if window.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wrong.append(f"{seen} {width}: scrolls sideways")
            if folder := os.environ.get("LOOK"):
                window.screenshot(path=f"{folder}/{width}-{number:03}.png", full_page=True)
                (Path(folder) / f"{width}-{number:03}.txt").write_text(str(seen))
    assert "\n".join(wrong) == ""
