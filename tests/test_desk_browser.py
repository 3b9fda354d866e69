"""The desk in a real browser: keys, figures that live, a form that saves itself, who else is looking."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from app import cases
from app.models import Task
from tests import play
from tests.browser import AXE, axe, log_in, sample_file
from tests.conftest import Office
from tests.sops import needs
from tests.test_desk_pages import Desk, desk

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["desk"]  # a fixture
pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
WAIT = 15_000


def hurry(page: Page) -> None:
    """What pages do every half minute they do every second, so that a test need not wait."""
    page.add_init_script("const slow = setTimeout; window.setTimeout = (job, ms) => slow(job, Math.min(ms, 1000));")


def test_keys(desk: Desk, live: str, page: Callable[..., Page]) -> None:
    window = page()
    log_in(window, live, "sari")
    number = window.locator(".task-link").all_inner_texts()
    keys = window.keyboard.press
    keys("j")
    keys("j")
    expect(window.locator(".task-link").nth(1)).to_be_focused()
    keys("k")
    expect(window.locator(".task-link").nth(0)).to_be_focused()
    keys("x")
    expect(window.locator("#ditandai")).to_have_text("1")
    keys("/")
    window.keyboard.type("jxnc?")  # in a field these are letters
    expect(window.locator("#cari")).to_have_value("jxnc?")
    expect(window.locator("#tombol-pintas")).to_be_hidden()
    keys("Escape")
    expect(window.locator("#cari")).not_to_be_focused()
    keys("?")
    expect(window.locator("#tombol-pintas")).to_be_visible()
    if AXE.exists():
        assert axe(window) == []
    window.locator("#tombol-satu-huruf").uncheck()  # WCAG 2.1.4
    keys("Escape")
    keys("j")
    keys("/")
    expect(window.locator("#cari")).not_to_be_focused()
    window.reload()
    keys("/")
    expect(window.locator("#cari")).not_to_be_focused()
    window.locator("[data-keys]").click()
    window.locator("#tombol-satu-huruf").check()
    window.get_by_role("button", name="Tutup").click()
    keys("j")
    keys("c")
    window.wait_for_url(re.compile(r"/tugas/\d+$"))
    expect(window.locator(".case-head")).to_contain_text(number[0])
    keys("1")
    expect(window.get_by_role("button", name="Benar, diparaf")).to_be_focused()
    keys("2")
    expect(window.get_by_role("button", name="Perbaiki")).to_be_focused()
    assert desk.open() == [True] * 3  # nothing was sent
    keys("s")
    expect(window.locator("#tersimpan")).to_contain_text("Draf tersimpan pukul")
    keys("g")
    keys("i")
    window.wait_for_url(re.compile("/tugas$"))


def test_figures_live_and_stop_where_nobody_looks(desk: Desk, live: str, page: Callable[..., Page]) -> None:
    window = page()
    hurry(window)
    log_in(window, live, "sari")
    expect(window.locator('.places [data-figure="/tugas"]')).to_contain_text("3")
    cookie = window.context.cookies()[0]["value"]
    play.apply(desk.office, "budi", "ruang")
    fresh = window.locator("#baru")
    expect(fresh).to_contain_text("1 tugas baru. Muat ulang daftar", timeout=WAIT)
    expect(window.locator('.places [data-figure="/tugas"]')).to_contain_text("4")
    expect(window.locator('.count-list [data-figure="ruang|Staf|a"]')).to_have_text("4")
    if AXE.exists():
        assert axe(window) == []
    assert window.context.cookies()[0]["value"] == cookie
    with desk.office.work() as ctx:
        case_id = ctx.session.get_one(Task, desk.tasks[0]).case_id
        cases.note(ctx, desk.office.actor(ctx, "budi"), case_id, "@sari tolong")
    expect(window.locator(".places a", has_text="Disebut")).to_be_visible(timeout=WAIT)
    window.locator(".places a", has_text="Disebut").click()
    window.locator(".rows-title a").click()
    expect(window.locator(".places a", has_text="Disebut")).to_be_hidden(timeout=WAIT)
    fresh.wait_for(state="detached")
    asked: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
    window.wait_for_timeout(3500)
    assert len([url for url in asked if "/angka" in url or "/hadir" in url]) <= 2  # those already on their way


def test_who_else_is_looking(desk: Desk, live: str, page: Callable[..., Page]) -> None:
    sari, budi = page(), page()
    for window, name in ((sari, "sari"), (budi, "budi")):
        hurry(window)
        log_in(window, live, name)
    sari.goto(f"{live}/tugas/{desk.tasks[0]}")
    expect(sari.locator("#hadir")).to_be_hidden()
    with desk.office.look() as ctx:
        case_id = ctx.session.get_one(Task, desk.tasks[0]).case_id
    budi.goto(f"{live}/permohonan/{case_id}")
    expect(budi.locator("#hadir")).to_have_text("Sari juga sedang membuka berkas ini.", timeout=WAIT)
    expect(sari.locator("#hadir")).to_have_text("Budi juga sedang membuka berkas ini.", timeout=WAIT)
    if AXE.exists():
        assert axe(sari) + axe(budi) == []
    budi.close()
    desk.office.later(minutes=2)
    expect(sari.locator("#hadir")).to_be_hidden(timeout=WAIT)


@needs("perpanjangan-imta")
def test_a_form_saves_itself(office: Office, live: str, page: Callable[..., Page]) -> None:
    """Every kind of field, rows and uploads included, and a return an hour later finds it all."""
    case_id = play.apply(office)
    with office.look() as ctx:
        task = play.waiting(ctx, case_id)[0]
        form = cases.form_of(ctx, task)
    assert form is not None
    window = page()
    log_in(window, live, "pemohon")
    window.goto(f"{live}/tugas/{task.id}")
    typed: dict[str, object] = {}
    values = {
        "text": "Nama uji",
        "textarea": "Dua\nbaris",
        "number": "12",
        "date": "2026-11-30",
        "datetime": "2026-11-30",
    }
    for field in form.fields:
        place = window.locator(f'#langkah [name="{field.pointer}"]:not([type=hidden])')
        if field.readonly or "*" in field.pointer or not place.count() or not place.first.is_visible():
            continue
        if field.type in typed.values():
            continue
        if field.type == "upload":
            place.set_input_files(sample_file(field))
            place.locator("xpath=ancestor::div[contains(@class, 'upload')][1]").locator("li a").wait_for()
        elif field.type == "select":
            place.select_option(index=1)
        elif field.type in ("radio", "checklist", "taglist", "checkbox"):
            place.first.check()
        elif field.type in values:
            place.fill(values[field.type])
        else:
            continue
        typed[field.pointer] = field.type
    row = window.locator(".list-add").first
    if row.count():
        row.click()
        place = window.locator("[data-list] [data-row] input:not([type=hidden])").last
        place.fill("99")
        typed[place.get_attribute("name") or ""] = "row"
    assert len(set(typed.values())) >= 5
    expect(window.locator("#tersimpan")).to_contain_text("Draf tersimpan pukul", timeout=WAIT)
    window.wait_for_timeout(4000)  # whatever came last
    shown = read(window, list(typed))
    office.later(hours=1)
    window.goto(f"{live}/permohonan")
    window.goto(f"{live}/tugas/{task.id}")
    assert read(window, list(typed)) == shown
    assert all(shown.values())


def read(window: Page, pointers: list[str]) -> dict[str, object]:
    """What stands in the fields of these names: the values that would be sent."""
    sent: dict[str, list[str]] = window.evaluate(
        "() => { const all = {}; for (const [name, value] of new FormData(document.getElementById('langkah')))"
        " if (typeof value === 'string') (all[name] ??= []).push(value); return all; }"
    )
    return {pointer: [value for value in sent.get(pointer, []) if value] for pointer in pointers}


def test_a_small_form_saves_the_large_one_first(office: Office, live: str, page: Callable[..., Page]) -> None:
    """A note written in the middle of a step loses nothing of the step."""
    case_id = play.apply(office)
    while True:
        with office.look() as ctx:
            task = play.waiting(ctx, case_id)[0]
            form = cases.form_of(ctx, task)
            texts = (
                [f.pointer for f in form.fields if f.type in ("text", "textarea") and "*" not in f.pointer]
                if form
                else []
            )
            officer = play.performer(office, ctx, task).name
        if texts and officer != "pemohon":
            break
        play.step(office, case_id)
    window = page()
    log_in(window, live, officer)
    window.goto(f"{live}/tugas/{task.id}")
    field = window.locator(f'#langkah [name="{texts[0]}"]').first
    field.fill("Baru diketik")
    window.locator(".notes summary", has_text="Tulis catatan").click()
    window.locator("#isi-catatan").fill("Catatan di tengah jalan")
    window.get_by_role("button", name="Simpan catatan").click()
    window.get_by_text("Catatan tersimpan.").wait_for()
    expect(window.locator(f'#langkah [name="{texts[0]}"]').first).to_have_value("Baru diketik")


@pytest.mark.skipif(not AXE.exists(), reason="npm's packages are not installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wrong_with_the_desk(width: int, desk: Desk, live: str, page: Callable[..., Page]) -> None:
    """The states that no walk over the routes meets: marked, handed over, put off, opened, noted, named."""
    office = desk.office
    with office.work() as ctx:
        case_id = ctx.session.get_one(Task, desk.tasks[0]).case_id
        sari, budi = office.actor(ctx, "sari"), office.actor(ctx, "budi")
        cases.assign(ctx, budi, desk.tasks[0], "sari", "Tolong selesaikan sebelum rapat pukul dua")
        cases.postpone(ctx, sari, desk.tasks[1], date(2026, 11, 27))
        cases.note(ctx, budi, case_id, "@sari paspornya buram " + "panjangsekali" * 9)
    window = page(width)
    log_in(window, live, "sari")
    wrong: list[str] = []

    def look(name: str) -> None:
        wrong.extend(f"{name}: {line}" for line in axe(window))
        if window.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(f"{name}: scrolls sideways")

    for address in ("/tugas?milik_saya=1", "/tugas?ditunda=1", "/tugas/menyebut-saya", f"/tugas/{desk.tasks[1]}"):
        window.goto(live + address)
        look(address)
    window.goto(f"{live}/tugas")
    window.locator("[name=tugas]").first.check()
    window.locator(".several summary").click()
    look("several")
    window.goto(f"{live}/tugas/{desk.tasks[0]}")
    for drop in window.locator(".case-head .drop summary").all():
        drop.click()
        look("drop")
        window.keyboard.press("Escape")
    window.goto(f"{live}/permohonan/{case_id}")
    window.locator(".notes summary", has_text="Tulis catatan").click()
    look("notes")
    assert wrong == []
