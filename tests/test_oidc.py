"""Log-in at an OpenID Connect provider, a real one in another process: whom it lets in, and what it tells the others."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import config
from app.config import Provider
from tests.conftest import Office
from tests.test_admin import number, words, written
from tests.test_factor import set_up

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
SUBJECT = "subjek-7"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The provider; it takes any client and any secret."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    environ = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    for _ in range(100):
        try:
            requests.get(f"{url}/.well-known/openid-configuration", timeout=1)
            break
        except requests.RequestException:
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait()


def opened(office: Office, issuer: str) -> FlaskClient:
    """A browser of an office that knows the provider."""
    office.settings = replace(office.settings, oidc=Provider(issuer, "alur", "rahasia", "Masuk Kaltim"))
    return office.client()


def claims(issuer: str, **told: object) -> None:
    """What the provider knows of the person."""
    answer = requests.put(f"{issuer}/users/{SUBJECT}", json=told, timeout=5)
    assert answer.status_code == 204


def at_the_provider(address: str, **form: str) -> str:
    """Logs in at the provider's page; the path to which it sends the browser back."""
    answer = requests.post(address, data={"sub": SUBJECT, **form}, allow_redirects=False, timeout=5)
    there = urlsplit(answer.headers["Location"])
    return f"{there.path}?{there.query}"


def log_in(client: FlaskClient, onward: str = "", **form: str) -> TestResponse:
    """All the way through the provider; our answer to its."""
    address = client.get(f"/masuk/oidc?next={onward}").location
    return client.get(at_the_provider(address, **form))


def link(office: Office, name: str, subject: str | None = SUBJECT, **rest: object) -> None:
    with office.work() as ctx:
        person = office.person(ctx, name)
        person.oidc_subject = subject
        for key, value in rest.items():
            setattr(person, key, value)


def test_the_button_is_there_where_a_provider_is(office: Office, issuer: str) -> None:
    plain = office.client()
    assert "Masuk lewat" not in words(plain.get("/masuk"))
    assert plain.get("/masuk/oidc").status_code == 404
    assert plain.get("/masuk/oidc/kembali").status_code == 404
    office._app = None
    assert "Masuk lewat Masuk Kaltim" in words(opened(office, issuer).get("/masuk"))


def test_it_asks_with_state_nonce_and_challenge(office: Office, issuer: str) -> None:
    asked = parse_qs(urlsplit(opened(office, issuer).get("/masuk/oidc").location).query)
    assert {name: len(asked[name][0]) > 15 for name in ("state", "nonce", "code_challenge")} == dict.fromkeys(
        ("state", "nonce", "code_challenge"), True
    )
    assert (asked["code_challenge_method"], asked["scope"]) == (["S256"], ["openid email profile"])
    assert asked["redirect_uri"] == ["http://localhost/masuk/oidc/kembali"]


def test_a_linked_person_is_in(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    link(office, "luar")
    assert log_in(client, "/sandi").location == "/sandi"
    assert client.get("/sandi").status_code == 200


def test_who_has_a_second_factor_is_asked_for_it_here_too(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    set_up(office, office.client("luar"))
    link(office, "luar")
    assert log_in(client).location == "/masuk/kode"
    assert client.get("/masuk/kode").status_code == 200
    assert "/masuk" in client.get("/sandi").location


def test_an_account_that_is_not_active_stays_out(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    link(office, "luar", active=False)
    answer = log_in(client)
    assert (answer.status_code, "Akun Anda di sini tidak aktif." in words(answer)) == (403, True)


def test_a_verified_address_links_an_account_whose_own_is_verified(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    claims(issuer, email="Luar@Contoh.id", email_verified=True)
    link(office, "luar", None, email="luar@contoh.id", email_verified_at=office.now)
    answer = log_in(client, "/sandi")
    assert answer.location == "/masuk/oidc/hubungkan"
    page = client.get("/masuk/oidc/hubungkan")
    assert "Orang Luar" in words(page)
    with office.look() as ctx:
        assert office.person(ctx, "luar").oidc_subject is None  # looking links nothing
    assert client.post("/masuk/oidc/hubungkan").location == "/sandi"
    assert client.get("/sandi").status_code == 200
    with office.look() as ctx:
        assert office.person(ctx, "luar").oidc_subject == SUBJECT
    assert written(office) == [("ubah-akun", "dihubungkan dengan akun Masuk Kaltim")]
    assert log_in(office.client(), "/sandi").location == "/sandi"
    page = office.client("pemilik")
    assert page.post(f"/pengelola/orang/{number(office, 'luar')}/tautan").status_code == 303
    assert log_in(office.client()).location == "/masuk/oidc/hubungkan"


STRANGERS = [
    ({"email": "luar@contoh.id"}, True, "Masuk Kaltim belum memastikan alamat surel Anda."),
    ({"email": "luar@contoh.id", "email_verified": False}, True, "Masuk Kaltim belum memastikan alamat surel Anda."),
    ({"email": "luar@contoh.id", "email_verified": "true"}, True, "Masuk Kaltim belum memastikan alamat surel Anda."),
    ({"email": 7, "email_verified": True}, True, "Masuk Kaltim belum memastikan alamat surel Anda."),
    ({}, True, "Masuk Kaltim belum memastikan alamat surel Anda."),
    ({"email": "luar@contoh.id", "email_verified": True}, False, "Tidak ada akun di sini yang terhubung"),
    ({"email": "orang@lain.id", "email_verified": True}, True, "Tidak ada akun di sini yang terhubung"),
]


@pytest.mark.parametrize(("told", "verified", "said"), STRANGERS)
def test_nobody_else_is_let_in_and_no_account_is_made(
    office: Office, issuer: str, told: dict[str, object], verified: bool, said: str
) -> None:
    client = opened(office, issuer)
    claims(issuer, **told)
    link(office, "luar", None, email="luar@contoh.id", email_verified_at=office.now if verified else None)
    answer = log_in(client)
    assert (answer.status_code, said in words(answer)) == (403, True)
    assert "/masuk" in client.get("/sandi").location
    assert client.post("/masuk/oidc/hubungkan").location == "/masuk"


def test_somebody_elses_account_is_not_linked_twice(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    claims(issuer, email="luar@contoh.id", email_verified=True)
    link(office, "luar", "subjek-lain", email="luar@contoh.id", email_verified_at=office.now)
    assert log_in(client).status_code == 403


def test_a_refusal_at_the_provider_is_said(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    answer = log_in(client, action="deny")
    assert (answer.status_code, "Anda membatalkan masuk" in words(answer)) == (403, True)


FALSE = {
    "another state": lambda path: re.sub(r"state=[^&]+", "state=lain", path),
    "no state": lambda path: re.sub(r"state=[^&]+", "", path),
    "another code": lambda path: re.sub(r"code=[^&]+", "code=lain", path),
    "no code": lambda path: re.sub(r"code=[^&]+", "", path),
    "nothing": lambda path: "/masuk/oidc/kembali",
}


@pytest.mark.parametrize("what", FALSE)
def test_an_answer_that_is_not_ours_lets_nobody_in(office: Office, issuer: str, what: str) -> None:
    client = opened(office, issuer)
    link(office, "luar")
    back = at_the_provider(client.get("/masuk/oidc").location)
    answer = client.get(FALSE[what](back))
    assert (answer.status_code, "tidak berhasil" in words(answer)) == (400, True)
    assert "/masuk" in client.get("/sandi").location


def test_an_answer_works_in_the_browser_that_asked_and_once(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    link(office, "luar")
    back = at_the_provider(client.get("/masuk/oidc").location)
    assert office.client().get(back).status_code == 400  # somebody else's browser
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 400


def test_a_wrong_nonce_lets_nobody_in(office: Office, issuer: str) -> None:
    """The token was made for another request of ours."""
    client = opened(office, issuer)
    link(office, "luar")
    address = client.get("/masuk/oidc").location
    back = at_the_provider(re.sub(r"nonce=[^&]+", "nonce=dari-permintaan-lain-lagi", address))
    assert client.get(back).status_code == 400
    assert "/masuk" in client.get("/sandi").location


def test_a_token_for_another_client_lets_nobody_in(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    link(office, "luar")
    back = at_the_provider(client.get("/masuk/oidc").location.replace("client_id=alur", "client_id=lain"))
    assert client.get(back).status_code == 400


def test_a_provider_that_is_down_is_said_in_words(office: Office) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = opened(office, f"http://localhost:{port}").get("/masuk/oidc")
    assert (answer.status_code, "Masuk Kaltim sedang tidak dapat dihubungi." in words(answer)) == (503, True)
    assert 'name="sandi"' in unescape(answer.text)  # the password still works


def test_a_provider_that_goes_down_on_the_way_is_said_too(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    back = at_the_provider(client.get("/masuk/oidc").location)
    client.application.extensions["alur.oidc"].server_metadata["token_endpoint"] = "http://localhost:9/token"
    assert client.get(back).status_code == 503


def test_another_issuer_than_the_one_that_was_asked_is_refused(office: Office, issuer: str) -> None:
    client = opened(office, issuer)
    assert client.get("/masuk/oidc").status_code == 302
    client.application.extensions["alur.oidc"].server_metadata["issuer"] = "https://lain.contoh.id"
    assert client.get("/masuk/oidc").status_code == 400


SETTINGS = [
    ({"ALUR_OIDC_ISSUER": "https://masuk.contoh.id/"}, "ALUR_OIDC_CLIENT_ID: belum disebut."),
    ({"ALUR_OIDC_ISSUER": "https://masuk.contoh.id/", "ALUR_OIDC_CLIENT_ID": "a"}, "ALUR_OIDC_SECRET: belum disebut."),
    ({"ALUR_OIDC_CLIENT_ID": "a"}, "ALUR_OIDC_ISSUER: belum disebut, padahal ALUR_OIDC_CLIENT_ID atau _SECRET ada."),
    ({"ALUR_OIDC_ISSUER": "http://masuk.contoh.id", "ALUR_OIDC_CLIENT_ID": "a"}, "ALUR_OIDC_ISSUER: bukan alamat https: 'http://masuk.contoh.id'"),
    ({"ALUR_OIDC_ISSUER": "masuk", "ALUR_OIDC_CLIENT_ID": "a"}, "ALUR_OIDC_ISSUER: bukan alamat https: 'masuk'"),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "said"), SETTINGS)
def test_settings_that_cannot_be(kind: str, environ: dict[str, str], said: str) -> None:
    base = {"ALUR_DATABASE_URL": "sqlite://", "ALUR_SECRET_KEY": "x", "ALUR_FILES": "x"}
    with pytest.raises(config.ConfigError) as wrong:
        config.settings({**base, **environ})
    assert str(wrong.value) == said


def test_a_provider_is_called_by_its_host_unless_it_has_a_name(kind: str) -> None:
    base = {"ALUR_DATABASE_URL": "sqlite://", "ALUR_SECRET_KEY": "x", "ALUR_FILES": "x"}
    told = {"ALUR_OIDC_ISSUER": "https://masuk.contoh.id/", "ALUR_OIDC_CLIENT_ID": "a", "ALUR_OIDC_SECRET": "b"}
    assert config.settings({**base, **told}).oidc == Provider("https://masuk.contoh.id", "a", "b", "masuk.contoh.id")
    assert config.settings(base).oidc is None
