"""The second factor of a log-in: set up by oneself, asked for on a second page, each code once, guesses counted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape

import pyotp
import pytest
from flask.testing import FlaskClient

from app import config, factor
from app.models import Person
from tests.conftest import PASSWORD, Office
from tests.test_admin import number, words, written

ONE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def code(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)


def set_up(office: Office, client: FlaskClient) -> tuple[str, list[str]]:
    """Sets it up on its page, as people do; the secret and the recovery codes."""
    page = client.get("/akun/faktor-kedua").text
    assert "data:image/svg+xml" in page
    written_out = re.search(r'codebox text-break">([^<]+)<', page)
    assert written_out is not None
    secret = written_out[1].replace(" ", "")
    answer = client.post("/akun/faktor-kedua", data={"kode": code(secret, office.now)})
    codes = re.findall(r"<li>([A-Z0-9-]{14})</li>", answer.text)
    assert (answer.status_code, len(set(codes))) == (200, 10)
    return secret, codes


def password(client: FlaskClient, onward: str = "") -> str:
    """Gives the password; where that leads."""
    return client.post("/masuk", data={"nama": "luar", "sandi": PASSWORD, "next": onward}).location or ""


def answers(client: FlaskClient, typed: str) -> int:
    return client.post("/masuk/kode", data={"kode": typed}).status_code


def test_a_log_in_asks_for_a_code_that_works_once(office: Office) -> None:
    mine, other, client = office.client("luar"), office.client("luar"), office.client()
    secret, _codes = set_up(office, mine)
    assert mine.get("/sandi").status_code == 200  # whoever set it up stays
    assert "/masuk" in other.get("/sandi").location  # every other log-in ends
    assert password(client, "/sandi") == "/masuk/kode?next=/sandi"
    assert "/masuk" in client.get("/sandi").location  # not in yet
    assert answers(client, code(secret, office.now)) == 422  # it was used to set it up
    office.later(seconds=60)
    fresh = code(secret, office.now)
    assert (
        client.post("/masuk/kode", data={"kode": f" {fresh[:3]} {fresh[3:]} ", "next": "/sandi"}).location == "/sandi"
    )
    assert client.get("/sandi").status_code == 200
    second = office.client()
    password(second)
    assert answers(second, fresh) == 422
    office.later(seconds=30)
    assert answers(second, code(secret, office.now)) == 303


def test_a_phone_that_is_half_a_minute_off_is_understood_and_no_more(office: Office) -> None:
    secret, _codes = set_up(office, office.client("luar"))
    office.later(minutes=10)
    for off, status in ((-60, 422), (60, 422), (-30, 303), (30, 303)):
        client = office.client()
        password(client)
        assert answers(client, code(secret, office.now + timedelta(seconds=off))) == status, off


def test_five_guesses_close_the_log_in_also_for_the_right_code(office: Office) -> None:
    secret, _codes = set_up(office, office.client("luar"))
    office.later(minutes=5)
    client = office.client()
    for _ in range(3):
        password(client)  # a right password does not forgive wrong codes
        assert answers(client, "000000") == 422
    password(client)
    assert answers(client, "000000") == 422
    assert answers(client, "") == 422
    locked = client.post("/masuk/kode", data={"kode": code(secret, office.now)})
    assert (locked.status_code, "Tunggu 15 menit" in words(locked)) == (422, True)
    assert password(client) == ""  # the password does not help either
    office.later(minutes=16)
    password(client)
    assert answers(client, code(secret, office.now)) == 303


def test_a_recovery_code_works_once(office: Office) -> None:
    _secret, codes = set_up(office, office.client("luar"))
    client = office.client()
    password(client)
    assert answers(client, codes[3].lower().replace("-", " ")) == 303
    assert "Tersisa 9 kode" in words(client.get("/akun/faktor-kedua"))
    again = office.client()
    password(again)
    assert answers(again, codes[3]) == 422
    assert answers(again, codes[4]) == 303


def test_new_recovery_codes_replace_the_old(office: Office) -> None:
    mine = office.client("luar")
    secret, old = set_up(office, mine)
    office.later(minutes=1)
    assert mine.post("/akun/faktor-kedua/pemulihan", data={"kode_baru": "123"}).status_code == 422
    new = mine.post("/akun/faktor-kedua/pemulihan", data={"kode_baru": code(secret, office.now)})
    codes = re.findall(r"<li>([A-Z0-9-]{14})</li>", new.text)
    client = office.client()
    password(client)
    assert answers(client, old[0]) == 422
    assert answers(client, codes[0]) == 303


def test_it_is_switched_off_with_a_code(office: Office) -> None:
    mine = office.client("luar")
    secret, codes = set_up(office, mine)
    assert mine.post("/akun/faktor-kedua/matikan", data={"kode_mati": "tebak"}).status_code == 422
    assert mine.post("/akun/faktor-kedua/matikan", data={"kode_mati": codes[0]}).status_code == 303
    assert password(office.client()) == "/"
    assert mine.get("/akun/faktor-kedua").status_code == 200
    assert secret.replace(" ", "") not in mine.get("/akun/faktor-kedua").text.replace(" ", "")  # another one next time


def test_an_administrator_switches_it_off_with_a_reason(office: Office) -> None:
    mine, admin = office.client("luar"), office.client("pemilik")
    set_up(office, mine)
    path = f"/pengelola/orang/{number(office, 'luar')}"
    assert "Kode pemulihan tersisa: 10" in words(admin.get(path))
    assert admin.post(f"{path}/faktor", data={"alasan": " "}).status_code == 422
    assert admin.post(f"{path}/faktor", data={"alasan": "Ponsel hilang"}).status_code == 303
    assert "/masuk" in mine.get("/sandi").location
    assert password(office.client()) == "/"
    switched = ["faktor kedua dipasang", "faktor kedua dimatikan: Ponsel hilang"]
    assert written(office) == [("ubah-akun", detail) for detail in switched]


def test_nothing_counts_before_a_code_fits(office: Office) -> None:
    mine = office.client("luar")
    shown = unescape(mine.get("/akun/faktor-kedua").text)
    assert mine.post("/akun/faktor-kedua", data={"kode": "000000"}).status_code == 422
    assert re.findall(r"secret=(\w+)", shown)[0] in mine.get("/akun/faktor-kedua").text  # the same picture again
    assert password(office.client()) == "/"


def test_who_waits_too_long_or_comes_from_nowhere_begins_again(office: Office) -> None:
    secret, _codes = set_up(office, office.client("luar"))
    client = office.client()
    assert client.get("/masuk/kode").location == "/masuk"
    assert client.post("/masuk/kode", data={"kode": "1"}).location == "/masuk"
    password(client)
    assert client.get("/masuk/kode").status_code == 200
    office.later(minutes=11)
    assert client.post("/masuk/kode", data={"kode": code(secret, office.now)}).location == "/masuk"


@ONE
def test_the_secret_is_sealed_with_the_installations_key(office: Office) -> None:
    secret, _codes = set_up(office, office.client("luar"))
    with office.look() as ctx:
        person = office.person(ctx, "luar")
        assert len(person.totp) == 64
        assert secret not in person.totp
        assert factor.opened(ctx.settings, person, person.totp) == secret
        other = config.settings({"ALUR_SECRET_KEY": "lain", "ALUR_DATABASE_URL": "sqlite://", "ALUR_FILES": "x"})
        assert factor.opened(other, person, person.totp) is None
        assert factor.opened(ctx.settings, office.person(ctx, "auditor"), person.totp) is None
        for broken in ("", "x", "€", person.totp[:-4]):
            assert factor.opened(ctx.settings, person, broken) is None
        assert not factor.use(ctx, Person(id=1), "000000")
