"""A real browser against a real server, for tests that look at pages as people do.

`live` is the URL of an `office` that is being served; `chromium` a browser; `page(width)` opens a fresh window of it.
`log_in` and `fill_in` do what people do there, and `axe(page)` says what axe-core finds.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from app import demo, forms
from tests.conftest import PASSWORD, ROOT, Office

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
AXE = ROOT / "node_modules/axe-core/axe.min.js"


@pytest.fixture
def live(office: Office) -> Iterator[str]:
    """Serves the office on a port of its own; its clock is still the test's."""
    office.app.config["WTF_CSRF_ENABLED"] = True
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, office.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a screen; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=list(QUIET), env={**os.environ, "LANG": "C.UTF-8"}
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a window `width` wide with nobody logged in; what goes wrong in its scripts fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def window(width: int = 1280, **options: Any) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 720 if width > 600 else 844}, locale="id-ID",
            timezone_id="Asia/Makassar", has_touch=width <= 600, **options,
        )  # fmt: skip
        opened.append(context)
        made = context.new_page()
        made.set_default_timeout(30_000)
        made.on("pageerror", lambda error: wrong.append(f"{made.url}: {error}"))
        return made

    yield window
    for context in opened:
        context.close()
    assert wrong == []


def log_in(page: Page, live: str, name: str) -> None:
    """Logs somebody in through the page."""
    page.goto(f"{live}/masuk")
    page.fill('input[name="nama"]', name)
    page.fill('input[name="sandi"]', PASSWORD)
    page.press('input[name="sandi"]', "Enter")
    page.wait_for_url(lambda url: "/masuk" not in url)


def fill_in(page: Page, form: forms.Form, answers: Mapping[str, Any], scripted: bool = True) -> None:
    """Types answers, by pointer, into a form, and chooses a file for each upload."""
    for pointer, value in answers.items():
        question = page.locator(f'[name="{pointer}"]:not([type="hidden"])')
        field = form.field_at(pointer)
        assert field is not None, pointer
        if field.type == "upload":
            question.set_input_files(sample_file(field))
            if scripted:  # it is sent at once
                question.locator("xpath=ancestor::div[contains(@class, 'upload')][1]").locator("li a").wait_for()
        elif field.type in ("radio", "checklist", "taglist"):
            for one in value if isinstance(value, list) else [value]:
                page.locator(f'[name="{pointer}"][value="{one}"]').check()
        elif field.type == "checkbox":
            question.set_checked(value)
        elif field.type == "select":
            question.select_option(str(value))
        else:
            question.fill(
                "" if value is None else str(value).replace(".", ",") if field.type == "number" else str(value)
            )


def flat(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Answers by pointer; a list of plain values is one answer."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{pointer}/{key}")
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{pointer}/{number}")
    else:
        yield pointer, value


def sample_file(field: forms.Field) -> Any:
    """A file that a field takes."""
    if "application/pdf" in field.accept or not field.accept:
        return {"name": "berkas.pdf", "mimeType": "application/pdf", "buffer": demo._pdf(field.label)}
    return {"name": "berkas.png", "mimeType": "image/png", "buffer": demo._png()}


def axe(page: Page) -> list[str]:
    """What axe-core finds on a page, a line for each rule and element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())  # in the page's own world, where its content policy does not reach
    # Frames hold what people uploaded; waiting for an answer from them takes longer than all the rest.
    asked = "{resultTypes: ['violations'], iframes: false}"
    found = page.evaluate(f"async () => (await axe.run(document, {asked})).violations")
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
