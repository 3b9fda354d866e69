"""Administrators' pages and the second factor in a browser, with the keyboard alone, on a screen and on a phone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pyotp
import pytest
from flask import session

from app.config import Provider
from app.web import base
from tests.browser import AXE, axe, log_in
from tests.conftest import PASSWORD, Office
from tests.test_admin import number

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.parametrize("kind", ["sqlite"], indirect=True),
    pytest.mark.skipif(not AXE.exists(), reason="npm's packages are not installed"),
    pytest.mark.parametrize("width", [1280, 390]),
]


def looked_at(window: Page, name: str) -> None:
    """Nothing is wrong with a page, and nothing scrolls sideways."""
    if folder := os.environ.get("LOOK"):
        window.screenshot(path=f"{folder}/orang-{window.viewport_size['width']}-{name}.png", full_page=True)  # type: ignore[index]
    assert axe(window) == []
    assert not window.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def keys(window: Page, *pressed: str) -> None:
    for one in pressed:
        window.keyboard.press(one) if len(one) == 1 or one[0].isupper() else window.keyboard.type(one)


def test_a_second_factor_with_the_keyboard_alone(
    width: int, office: Office, live: str, page: Callable[..., Page]
) -> None:
    window = page(width)
    log_in(window, live, "luar")
    window.goto(f"{live}/akun/faktor-kedua")
    looked_at(window, "faktor")
    secret = window.locator(".codebox").inner_text().replace(" ", "")
    window.focus("#kode")
    window.keyboard.type("000000")
    window.keyboard.press("Enter")
    window.locator(".faults").wait_for()
    looked_at(window, "faktor-salah")
    window.focus("#kode")
    window.keyboard.type(pyotp.TOTP(secret).at(office.now))
    window.keyboard.press("Enter")
    window.locator("text=Sudah saya simpan").wait_for()
    looked_at(window, "pemulihan")
    window.goto(f"{live}/akun/faktor-kedua")
    looked_at(window, "faktor-terpasang")
    window.click("header button")  # out
    office.later(minutes=2)
    window.goto(f"{live}/masuk")
    window.fill("#nama", "luar")
    window.fill("#sandi", PASSWORD)
    window.keyboard.press("Enter")
    window.wait_for_url("**/masuk/kode*")
    looked_at(window, "kode")
    window.focus("#kode")
    window.keyboard.type(pyotp.TOTP(secret).at(office.now))
    window.keyboard.press("Enter")
    window.wait_for_url(lambda url: "/masuk" not in url)


def test_an_absence_is_entered_and_a_password_reset(
    width: int, office: Office, live: str, page: Callable[..., Page]
) -> None:
    window = page(width)
    names = list(office.officers.values())
    log_in(window, live, "pemilik")
    window.goto(f"{live}/pengelola")
    window.click("text=Ketidakhadiran")
    looked_at(window, "absen")
    window.select_option("#orang", str(number(office, names[0])))
    window.select_option("#wakil", str(number(office, names[1])))
    window.check("#jenis-plt")
    window.fill("#sampai", "2026-11-27")
    window.fill("#surat", "SP 800/12/2026")
    window.keyboard.press("Enter")
    window.wait_for_load_state()
    if window.locator("#tetap").count():
        looked_at(window, "absen-periksa")
        window.check("#tetap")
        window.click("text=Catat ketidakhadiran >> nth=-1")
    window.locator("text=Sedang berlangsung").wait_for()
    looked_at(window, "absen-tercatat")
    window.goto(f"{live}/pengelola/orang/{number(office, names[0])}")
    looked_at(window, "seorang")
    window.click("text=Setel ulang kata sandi")
    window.locator(".lead-line").wait_for()
    looked_at(window, "sandi")
    for name, shown in ((names[1], "deputi"), (names[0], "diwakili")):
        office.later(minutes=1)
        other = page(width)
        if name == names[0]:
            other.goto(f"{live}/masuk")
            other.fill("#nama", name)
            other.fill("#sandi", window.locator(".lead-line").inner_text())
            other.keyboard.press("Enter")
            other.wait_for_url("**/sandi")
            looked_at(other, "sandi-pertama")
        else:
            log_in(other, live, name)
            other.goto(f"{live}/tugas")
            looked_at(other, shown)
            other.goto(f"{live}/akun/ketidakhadiran")
            looked_at(other, f"{shown}-sendiri")


def test_an_account_is_linked_after_it_was_shown(
    width: int, office: Office, live: str, page: Callable[..., Page]
) -> None:
    office.app.extensions["alur"] = replace(
        office.app.extensions["alur"],
        settings=replace(office.settings, oidc=Provider("http://localhost:9", "alur", "rahasia", "Masuk Kaltim")),
    )
    with office.work() as ctx:
        person = office.person(ctx, "luar")
        person.email, person.email_verified_at = "luar@contoh.id", ctx.now

    def found() -> str:  # as if the provider had just said who comes
        with office.look() as ctx:
            session["oidc_akun"] = ["subjek", base.User(office.person(ctx, "luar")).get_id(), ctx.now.timestamp()]
        return "ok"

    found.alur_guard = "public"  # type: ignore[attr-defined]
    office.app._got_first_request = False
    office.app.add_url_rule("/uji-temukan", view_func=found)
    window = page(width)
    window.goto(f"{live}/masuk")
    looked_at(window, "masuk-penyedia")
    window.click("text=Masuk lewat Masuk Kaltim")
    window.locator("text=sedang tidak dapat dihubungi").wait_for()
    looked_at(window, "penyedia-mati")
    window.goto(f"{live}/uji-temukan")
    window.goto(f"{live}/masuk/oidc/hubungkan")
    looked_at(window, "hubungkan")
    window.click("text=Hubungkan dan masuk")
    window.wait_for_url(lambda url: re.search("/masuk", url) is None)
