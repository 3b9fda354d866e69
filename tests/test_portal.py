"""The public pages, accounts and one's own applications, and what every page stands on."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import bundles, create_app, people, revisions
from app.models import Case, Person
from app.web import base, shown
from app.web.account import local_path
from tests import sops
from tests.conftest import MONDAY, PASSWORD, Database, Office
from tests.drawn import draw, lanes

both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Pages ask little of a database: one kind is enough, but where `both` says otherwise."""
    return str(request.param)


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> Iterator[Office]:
    """An office without any SOP: `andi` applies, `baru` has a first password, `pemilik` owns."""
    made = Office(db, tmp_path / "files")
    with made.work() as ctx:
        people.new_person(ctx, "andi", PASSWORD, full_name="Andi Pratama", email="andi@contoh.id", applicant=True)
        people.new_person(ctx, "baru", PASSWORD, full_name="Orang Baru", must_change=True)
        people.new_person(ctx, "pemilik", PASSWORD, full_name="Kartika Dewanti", owner=True)
    yield made
    made.close()


def enter(client: FlaskClient, name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/masuk", data={"nama": name, "sandi": password, **more})


# -- guards -----------------------------------------------------------------------------------------------------------


def test_every_route_has_a_guard(desk: Office) -> None:
    assert [r.rule for r in desk.app.url_map.iter_rules() if base.guard_of(desk.app, r.endpoint) is None] == []


def test_a_route_without_a_guard_lets_nobody_in(desk: Office) -> None:
    app = create_app(desk.settings)
    app.add_url_rule("/lupa", view_func=lambda: "rahasia")
    answer = app.test_client().get("/lupa")
    assert (answer.status_code, "rahasia" in answer.text) == (403, False)
    app.extensions["alur"].engine.dispose()


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        (None, {"/": 200, "/lacak": 200, "/masuk": 200, "/daftar": 200, "/permohonan": 302, "/sandi": 302}),
        ("andi", {"/": 200, "/masuk": 302, "/permohonan": 200, "/sandi": 200, "/layanan/tidak-ada": 404}),
        ("baru", {"/": 200, "/permohonan": 302, "/tugas": 302, "/sandi": 200}),
    ],
)
def test_who_may_open_what(desk: Office, name: str | None, statuses: dict[str, int]) -> None:
    client = desk.client(name)
    assert {path: client.get(path).status_code for path in statuses} == statuses


# -- logging in -------------------------------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_name_read_the_same(desk: Office) -> None:
    pages = [enter(desk.client(), name, "salah") for name in ("andi", "dina")]
    assert [page.status_code for page in pages] == [422, 422]
    read = [re.sub(r'name="csrf_token" value="[^"]*"|value="(andi|dina)"', "", page.text) for page in pages]
    assert read[0] == read[1]


@both
def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour(desk: Office) -> None:
    client = desk.client()
    assert [enter(client, "andi", "salah").status_code for _ in range(5)] == [422] * 5
    assert enter(client, "andi").status_code == 422
    desk.later(minutes=16)
    assert enter(client, "andi").status_code == 303


def test_one_logs_in_by_name_or_e_mail_and_lands_at_work(desk: Office) -> None:
    where = {who: enter(desk.client(), who).location for who in ("andi", "ANDI@contoh.id", "pemilik")}
    assert where == {"andi": "/permohonan", "ANDI@contoh.id": "/permohonan", "pemilik": "/"}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("/tugas/3", "/tugas/3"),
        ("/tugas?q=a%20b#c", "/tugas?q=a%20b#c"),
        ("//jahat.example", None),
        ("/\\jahat.example", None),
        ("/\t/jahat.example", None),
        ("https://jahat.example/", None),
        ("javascript:alert(1)", None),
        ("tugas", None),
        ("", None),
        (None, None),
    ],
)
def test_next_stays_here(given: str | None, taken: str | None) -> None:
    assert local_path(given) == taken


def test_logging_in_goes_on_where_one_wanted_to(desk: Office) -> None:
    asked = desk.client().get("/permohonan?sebelum=3")
    assert asked.location == "/masuk?next=/permohonan?sebelum%3D3"
    assert enter(desk.client(), "andi", next="/permohonan?sebelum=3").location == "/permohonan?sebelum=3"
    assert enter(desk.client(), "andi", next="//jahat.example").location == "/permohonan"


def test_nothing_in_the_cookie_survives_a_log_in(desk: Office) -> None:
    client = desk.client()
    with client.session_transaction() as planted:
        planted["csrf_token"] = planted["tertanam"] = "milik penyerang"
    enter(client, "andi")
    with client.session_transaction() as after:
        assert (after.get("tertanam"), after.get("csrf_token")) == (None, None)


def test_logging_out(desk: Office) -> None:
    client = desk.client("andi")
    assert client.post("/keluar").status_code == 303
    assert client.get("/permohonan").status_code == 302


def test_a_person_who_left_is_out_at_once(desk: Office) -> None:
    client = desk.client("andi")
    with desk.work() as ctx:
        desk.person(ctx, "andi").active = False
    assert client.get("/permohonan").status_code == 302
    assert enter(client, "andi").status_code == 422


# -- passwords and signing up -----------------------------------------------------------------------------------------


def test_a_first_password_is_changed_before_anything_else(desk: Office) -> None:
    client = desk.client("baru")
    assert client.get("/tugas").location == "/sandi"
    same = {"sandi_lama": PASSWORD, "sandi": PASSWORD, "sandi_lagi": PASSWORD}
    assert client.post("/sandi", data=same).status_code == 422
    new = {"sandi_lama": PASSWORD, "sandi": "sandi yang baru", "sandi_lagi": "sandi yang baru"}
    assert client.post("/sandi", data=new).status_code == 303
    assert client.get("/sandi").status_code == 200
    assert enter(desk.client(), "baru", "sandi yang baru").status_code == 303


def test_a_changed_password_ends_every_other_log_in(desk: Office) -> None:
    here, there = desk.client("andi"), desk.client("andi")
    here.post("/sandi", data={"sandi_lama": PASSWORD, "sandi": "sandi yang baru", "sandi_lagi": "sandi yang baru"})
    assert [c.get("/permohonan").status_code for c in (here, there)] == [200, 302]


GOOD = {"nama": "Siti  Aminah", "surel": "Siti@Contoh.id", "sandi": "kuda laut biru", "sandi_lagi": "kuda laut biru"}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"nama": " "}, ["nama"]),
        ({"nama": "a" * 201}, ["nama"]),
        ({"surel": "siti"}, ["surel"]),
        ({"surel": "andi@contoh.id"}, ["surel"]),
        ({"surel": "a" * 80 + "@contoh.id"}, ["surel"]),
        ({"sandi": "pendek"}, ["sandi"]),
        ({"sandi_lagi": "lain"}, ["sandi_lagi"]),
        ({"nama": "", "surel": "", "sandi": ""}, ["nama", "surel", "sandi"]),
    ],
)
def test_signing_up_says_what_is_wrong_and_keeps_what_was_typed(
    desk: Office, change: dict[str, str], faults: list[str]
) -> None:
    answer = desk.client().post("/daftar", data={**GOOD, **change})
    assert answer.status_code == 422
    assert re.findall(r'<a href="#(\w+)">', answer.text) == faults
    assert GOOD["sandi"] not in answer.text
    with desk.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(Person)) == 3


def test_signing_up(desk: Office) -> None:
    client = desk.client()
    answer = client.post("/daftar", data={**GOOD, "next": "/lacak"})
    assert (answer.status_code, answer.location) == (303, "/lacak")
    assert enter(desk.client(), "siti@contoh.id", GOOD["sandi"]).status_code == 303
    page = client.get("/permohonan").text
    assert "Siti Aminah" in page
    assert "Anda belum punya permohonan." in page
    with desk.look() as ctx:
        siti = desk.person(ctx, "siti@contoh.id")
        assert (siti.full_name, siti.email) == ("Siti Aminah", "siti@contoh.id")
        assert (siti.applicant, siti.owner, siti.must_change) == (True, False, False)


def test_naughty_names_are_shown_as_they_were_typed(desk: Office) -> None:
    client = desk.client()
    client.post("/daftar", data={**GOOD, "nama": "<script>alert('x')</script> O'Brien & 田中"})
    page = client.get("/permohonan").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; O&#39;Brien &amp; 田中" in page


def test_only_a_demo_tells_its_accounts(desk: Office, db: Database) -> None:
    assert "Akun contoh" not in desk.client().get("/masuk").text
    app = create_app(type(desk.settings)(**{**vars(desk.settings), "demo": True}))
    assert "Andi Pratama" in app.test_client().get("/masuk").text
    app.extensions["alur"].engine.dispose()


# -- errors, headers, commit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/tidak/ada", 404, "Halaman tidak ditemukan"),
        ("GET", "/layanan/tidak-ada", 404, "Layanan ini tidak ada atau sudah tidak berlaku."),
        ("GET", "/bahasa/xx", 404, "Halaman tidak ditemukan"),
        ("POST", "/", 405, "Tindakan tidak tersedia di alamat ini"),
        ("POST", "/permohonan", 405, "Tindakan tidak tersedia di alamat ini"),
        ("POST", "/sandi", 401, "Anda belum masuk"),
        ("GET", "/permohonan?sebelum=x", 302, "/masuk"),
    ],
)
def test_an_error_says_what_happened(desk: Office, method: str, path: str, status: int, words: str) -> None:
    answer = desk.client().open(path, method=method)
    assert (answer.status_code, words in answer.text) == (status, True)


def test_an_ended_session_leads_back_to_the_page_it_was_on(desk: Office) -> None:
    came = {"Referer": "http://localhost/sandi"}
    assert 'href="/masuk?next=/sandi"' in desk.client().post("/sandi", headers=came).text
    assert 'href="/masuk"' in desk.client().post("/sandi", headers={"Referer": "http://jahat.example/x"}).text


def test_a_program_gets_a_problem(desk: Office) -> None:
    answer = desk.client().get("/api/v1/tidak-ada")
    assert (answer.status_code, answer.mimetype, answer.json["status"]) == (404, "application/problem+json", 404)


def test_a_form_without_its_token_is_refused(desk: Office) -> None:
    app = create_app(desk.settings)
    answer = app.test_client().post("/masuk", data={"nama": "andi", "sandi": PASSWORD})
    assert (answer.status_code, "sudah terlalu lama terbuka" in answer.text) == (400, True)
    app.extensions["alur"].engine.dispose()


def test_too_much_is_refused_in_words(desk: Office) -> None:
    desk.app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = desk.client().post("/daftar", data={**GOOD, "nama": "a" * 2000})
    assert (answer.status_code, "Kiriman terlalu besar" in answer.text) == (413, True)


def test_a_crash_shows_a_number_and_no_more(desk: Office) -> None:
    app = create_app(desk.settings)

    @base.public
    def crash() -> str:
        raise RuntimeError("isi perut")

    app.add_url_rule("/jatuh", view_func=crash)
    answer = app.test_client().get("/jatuh")
    assert (answer.status_code, "isi perut" in answer.text) == (500, False)
    assert re.search(r"Nomor gangguan: <b>[0-9a-f]{8}</b>", answer.text)
    app.extensions["alur"].engine.dispose()


def test_without_its_database_the_error_page_still_stands(desk: Office, db: Database) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE person RENAME TO person_gone")
        connection.exec_driver_sql("ALTER TABLE revision RENAME TO revision_gone")
    client = desk.app.test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json) == (503, {"status": "database"})
    page = client.get("/")
    assert (page.status_code, "Terjadi gangguan pada sistem" in page.text) == (500, True)


def test_healthz(desk: Office) -> None:
    answer = desk.client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


ODD = ("0", "99999999999", "9" * 30, "-1", "a%00b", "%F0%9F%92%A5", "%ED%A0%80'", "a" * 3000)
QUERIES = ("cari", "sebelum", "setelah", "di", "nomor", "nama", "next", "kembali", "q", "cursor", "limit", "lane")


@both
def test_no_address_however_odd_brings_anything_down(office: Office) -> None:
    client = office.client("auditor")
    with office.work() as ctx:
        bearer = {"Authorization": f"Bearer {people.new_token(ctx, office.person(ctx, 'auditor'))}"}
    rules = [rule.rule for rule in office.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    addresses = {re.sub("<[^>]+>", odd, rule) for rule in rules if "<" in rule for odd in ODD}
    plain = [rule for rule in sorted(rules) if "<" not in rule and "static" not in rule]
    addresses |= {f"{rule}?{'&'.join(f'{name}={odd}' for name in QUERIES)}" for rule in plain for odd in ODD}
    addresses |= {  # and each by itself, with another oddity on each page: one that is refused hides the others
        f"{rule}?{name}={ODD[(number + order) % len(ODD)]}"
        for number, rule in enumerate(plain)
        for order, name in enumerate(QUERIES)
    }
    fallen = []
    for address in sorted(addresses):
        with client.get(address, headers=bearer if "/api/" in address else {}) as answer:
            if answer.status_code >= 500:
                fallen.append((address[:60], answer.status_code))
    assert fallen == []


@both
def test_no_word_however_odd_brings_a_form_down(desk: Office) -> None:
    fallen, client = [], desk.client("andi")
    for path in ("/masuk", "/daftar", "/lacak", "/sandi", "/layanan/x/ajukan", "/keluar"):
        for word in ("a\0b@contoh.id", "💥" * 300, "' OR 1=1 --", "\u202eabc", "x" * 100_000):
            names = ("nama", "surel", "sandi", "sandi_lagi", "sandi_lama", "nomor", "kode", "next")
            answer = client.post(path, data=dict.fromkeys(names, word))
            if answer.status_code >= 500:
                fallen.append((path, word[:20], answer.status_code))
    assert fallen == []


@both
def test_work_is_committed_where_the_answer_is_good_and_nowhere_else(desk: Office) -> None:
    app = create_app(desk.settings)
    app.config["WTF_CSRF_ENABLED"] = False
    jobs: list[str] = []

    @base.public
    def rename(status: int, kept: int) -> tuple[str, int]:
        base.session().scalars(select(Person).where(Person.name == "andi")).one().full_name = f"Andi {status} {kept}"
        base.after_commit(lambda: jobs.append(f"{status} {kept}"))
        if kept:
            base.keep()
        return "", status

    app.add_url_rule("/ubah/<int:status>/<int:kept>", view_func=rename, methods=["GET", "POST"])
    found: dict[tuple[str, int, int], str] = {}
    asked = [("POST", 200, 0), ("POST", 409, 0), ("POST", 422, 1), ("POST", 500, 0), ("GET", 200, 0)]
    for method, status, kept in asked:
        app.test_client().open(f"/ubah/{status}/{kept}", method=method)
        with desk.look() as ctx:
            found[method, status, kept] = desk.person(ctx, "andi").full_name
    assert found == {
        ("POST", 200, 0): "Andi 200 0",
        ("POST", 409, 0): "Andi 200 0",
        ("POST", 422, 1): "Andi 422 1",
        ("POST", 500, 0): "Andi 422 1",
        ("GET", 200, 0): "Andi 422 1",
    }
    assert jobs == ["200 0", "422 1"]
    app.extensions["alur"].engine.dispose()


def test_headers(desk: Office) -> None:
    headers = desk.client().get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "same-origin")
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("SAMEORIGIN", "no-store")


def test_cookies_are_for_this_site_and_no_script(desk: Office) -> None:
    set_cookie = enter(desk.client(), "andi").headers["Set-Cookie"]
    assert ("HttpOnly" in set_cookie, "SameSite=Lax" in set_cookie) == (True, True)


def test_templates_hold_no_script_and_no_style_of_their_own() -> None:
    inline = re.compile(
        r"""\sstyle=|<style|<script(?![^>]*\s(src=|type="application/json"))|\son(click|change|submit|load|input)=""",
        re.IGNORECASE,
    )
    folder = Path(base.__file__).parent / "templates"
    assert [p.name for p in folder.rglob("*.html") if inline.search(p.read_text())] == []


# -- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(seconds=20), "sekarang"),
        (timedelta(seconds=-20), "baru saja"),
        (timedelta(minutes=12), "12 menit lagi"),
        (timedelta(minutes=-59), "59 menit lalu"),
        (timedelta(hours=2, minutes=30), "2 jam lagi"),
        (timedelta(hours=-3), "3 jam lalu"),
        (timedelta(hours=-11), "kemarin pukul 23.00"),
        (timedelta(days=1), "besok pukul 10.00"),
        (timedelta(days=-1), "kemarin pukul 10.00"),
        (timedelta(days=3), "3 hari lagi"),
        (timedelta(days=-7), "7 hari lalu"),
        (timedelta(days=30), "23 Desember 2026"),
    ],
)
def test_times_are_said_as_in_the_office(desk: Office, gap: timedelta, words: str) -> None:
    with desk.app.test_request_context("/"):
        assert shown.near(MONDAY + gap) == words


def test_a_whole_time(desk: Office) -> None:
    with desk.app.test_request_context("/"):
        assert shown.waktu(MONDAY) == "Senin, 23 November 2026, 10.00 WITA"


# -- services and applications ----------------------------------------------------------------------------------------


def test_an_office_without_services_says_so(desk: Office) -> None:
    assert "Belum ada layanan yang berlaku." in desk.client().get("/").text


@pytest.mark.parametrize("sop", sops.KEYS)
def test_a_service_shows_what_its_diagram_says(office: Office, sop: str) -> None:
    definition = office.definition
    page = office.client().get(f"/layanan/{sop}").text
    told = definition.properties
    wanted = [definition.title, *(told[name] for name in ("biaya", "produk", "masa_berlaku") if name in told)]
    wanted += told["persyaratan"].splitlines()
    wanted += [step.name for step in definition.steps.values()] + told["dasar_hukum"].splitlines()
    shown_text = re.sub(r"\s+", " ", page)
    assert [text for text in wanted if _escaped(text.strip()) not in shown_text] == []


def _escaped(text: str) -> str:
    from markupsafe import escape

    return re.sub(r"\s+", " ", str(escape(text)))


def test_the_drawing_is_the_file_that_was_installed(office: Office) -> None:
    client, address = office.client(), f"/layanan/{office.sop}/diagram.bpmn"
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    assert b"BPMNDiagram" in answer.data
    assert client.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_everything_that_a_page_links_to_is_there(office: Office) -> None:
    client, lost = office.client("pemohon"), []
    for page in ("/", f"/layanan/{office.sop}", f"/layanan/{office.sop}/ajukan", "/permohonan", "/lacak", "/sandi"):
        text = client.get(page).text
        for address in set(re.findall(r'(?:href|src|data-url)="(/[^"#]*)"', text)):
            with client.get(address.replace("&amp;", "&")) as answer:
                if answer.status_code not in (200, 302):
                    lost.append((page, address))
    assert lost == []


def test_no_page_is_heavy(office: Office) -> None:
    """All that a page without its diagram brings over the wire, as a browser asks for it."""
    clients, sizes = {name: office.client(name) for name in ("pemohon", "auditor")}, {}
    take = {"Accept-Encoding": "gzip"}
    for name, page in [("pemohon", "/"), ("pemohon", f"/layanan/{office.sop}"), ("auditor", "/permohonan/semua")]:
        answer = clients[name].get(page, headers=take)
        sizes[page] = len(answer.data)
        for address in re.findall(r'<(?:link rel="stylesheet" href|script src)="([^"]+)"', answer.text):
            if "/diagram." not in address:
                with clients[name].get(address, headers=take) as part:
                    sizes[page] += len(part.data)
    assert {page: size for page, size in sizes.items() if size > 150_000} == {}


def test_styles_travel_small_and_are_the_same(desk: Office) -> None:
    address, client = "/bootstrap/static/css/bootstrap.min.css", desk.client()
    with client.get(address) as plain, client.get(address, headers={"Accept-Encoding": "gzip"}) as small:
        assert (plain.headers.get("Content-Encoding"), small.headers["Content-Encoding"]) == (None, "gzip")
        assert gzip.decompress(small.data) == plain.data
        tag = small.headers["ETag"]
    with client.get(address, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"}) as again:
        assert (again.status_code, again.data) == (304, b"")
    assert "Content-Encoding" not in client.get("/", headers={"Accept-Encoding": "gzip"}).headers


def test_applying_leads_to_the_first_step_and_stands_on_top(office: Office) -> None:
    client = office.client("pemohon")
    answer = client.post(f"/layanan/{office.sop}/ajukan")
    assert (answer.status_code, bool(re.fullmatch(r"/tugas/\d+", answer.location))) == (303, True)
    page = client.get("/permohonan").text
    with office.look() as ctx:
        [case] = ctx.session.scalars(select(Case))
    assert page.index("Menunggu Anda") < page.index(case.number) < page.index(answer.location)
    assert case.number not in office.client("pemohon2").get("/permohonan").text


def test_every_way_in_is_offered_and_another_is_refused(office: Office) -> None:
    rooms = lanes(("Pemohon", "surat a z"), ("Piket", "lisan b"))
    text = 'start surat @0 "Surat"\nstart lisan @100 "Lisan"\nuser a @0\nuser b @100\nend z @0\nsurat > a\nlisan > b\na > z\nb > z'
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"lapor.bpmn": draw(text, rooms, id="lapor")})[0], "uji", "uji")
    client, starts = office.client("pemohon"), office.definitions()["lapor"].starts
    assert len(starts) == 2
    page = client.get("/layanan/lapor/ajukan").text
    assert [way.id for way in starts if f'value="{way.id}"' not in page] == []
    assert client.post("/layanan/lapor/ajukan", data={"jalan": "lewat jendela"}).status_code == 422
    for way in starts:
        assert client.post("/layanan/lapor/ajukan", data={"jalan": way.id}).status_code == 303


def test_a_double_click_begins_one_application(office: Office) -> None:
    client, address = office.client("pemohon"), f"/layanan/{office.sop}/ajukan"
    first, second = client.post(address), client.post(address)
    assert first.location == second.location
    client.post(f"{first.location}/draf")
    assert client.post(address).location != first.location


def test_the_counter_files_for_whoever_walks_in(office: Office) -> None:
    with office.look() as ctx:
        counter = next(n for n in office.officers.values() if office.sop in office.actor(ctx, n).counter)
    client, address = office.client(counter), f"/layanan/{office.sop}/ajukan"
    assert client.post(address, data={"pemohon": " "}).status_code == 422
    assert client.post(address, data={"pemohon": "Ibu Rosmiati"}).status_code == 303
    assert client.post(address, data={"pemohon": "pemohon"}).status_code == 303
    with office.look() as ctx:
        found = [(case.applicant_name, case.applicant_id is None) for case in ctx.session.scalars(select(Case))]
    assert found == [("Ibu Rosmiati", True), ("Andi Pratama", False)]
    assert "Ibu Rosmiati" in client.get("/permohonan").text


def test_everybody_finds_the_cases_that_they_may_see(office: Office) -> None:
    officer = next(iter(office.officers.values()))
    for name in ("pemohon", "pemohon2"):
        office.client(name).post(f"/layanan/{office.sop}/ajukan")
    with office.look() as ctx:
        numbers = list(ctx.session.scalars(select(Case.number).order_by(Case.id)))
    first, second = numbers
    asked = {
        ("pemohon", ""): [first],
        ("pemohon2", ""): [second],
        (officer, ""): [second, first],
        (officer, f"?cari={first}"): [first],
        (officer, "?cari=LINA+kusuma"): [second],
        (officer, "?cari=%25"): [],
        (officer, "?status=ended"): [],
        (officer, "?status=open"): [second, first],
        ("auditor", ""): [second, first],
        ("luar", ""): [],
        ("luar", f"?cari={first}"): [],
    }
    found = {}
    for name, query in asked:
        page = office.client(name).get(f"/permohonan/semua{query}").text
        found[name, query] = re.findall(r'class="case-link"[^>]*>([^<]+)<', page)
    assert found == asked


@pytest.mark.parametrize("name", ["luar", "pemilik"])
def test_who_is_no_applicant_cannot_apply(office: Office, name: str) -> None:
    assert office.client(name).post(f"/layanan/{office.sop}/ajukan").status_code == 403


def test_tracking_tells_where_and_nothing_about_anybody(office: Office) -> None:
    office.client("pemohon").post(f"/layanan/{office.sop}/ajukan")
    with office.look() as ctx:
        [case] = ctx.session.scalars(select(Case))
    client = office.client()
    found = client.post("/lacak", data={"nomor": case.number, "kode": case.code.lower()})
    assert (found.status_code, "menunggu pemohon" in found.text, "Andi" in found.text) == (200, True, False)
    pairs = [(case.number, "AAAAAAAA"), ("1", case.code), ("", "")]
    assert [client.post("/lacak", data={"nomor": n, "kode": k}).status_code for n, k in pairs] == [422] * 3
    assert client.post("/lacak").status_code == 422


def test_the_footer_changes_the_language(desk: Office) -> None:
    client = desk.client()
    assert client.get("/bahasa/en?kembali=/lacak").location == "/lacak"
    page = client.get("/").text
    assert ('<html lang="en">' in page, "Services" in page, "Layanan" in page) == (True, True, False)
    assert client.get("/bahasa/id?kembali=//jahat.example").location == "/"
    assert '<html lang="id">' in client.get("/").text


def test_the_english_catalogue_says_every_value_that_the_indonesian_says() -> None:
    folder = Path(base.__file__).parent / "translations" / "en" / "LC_MESSAGES"
    with (folder / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    assert [(m.id, [str(e) for e in m.check(catalogue)]) for m in catalogue if list(m.check(catalogue))] == []
    assert [m.id for m in catalogue if not m.string] == []
    pages = "web/templates/**.html"
    found = extract_from_dir(
        folder.parents[3],
        [("**.py", "python"), (pages, "jinja2")],
        {pages: {"trimmed": "true"}},
        {**DEFAULT_KEYWORDS, "_l": None},
    )
    said = {
        (message if isinstance(message, str) else message[0], context) for _file, _line, message, _why, context in found
    }
    told = {(m.id if isinstance(m.id, str) else m.id[0], m.context) for m in catalogue if m.id}
    assert (sorted(map(str, said - told)), sorted(map(str, told - said))) == ([], [])
