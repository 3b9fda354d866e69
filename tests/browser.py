"""A real browser against a real server, for tests that look at pages as people do.

`live` is the URL of an `office` that is being served; `chromium` a browser; `page(width)` opens a fresh window of it, and
`axe(page)` says what axe-core finds there.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

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
    server = make_server("127.0.0.1", 0, office.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
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
        made.set_default_timeout(15_000)
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


def axe(page: Page) -> list[str]:
    """What axe-core finds on a page, a line for each rule and element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())  # in the page's own world, where its content policy does not reach
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
