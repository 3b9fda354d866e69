"""`make pictures`: the pictures of the README, taken of the demo in a real browser, and the guide's small diagrams."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright
from sqlalchemy import func, select
from werkzeug.serving import make_server

from app import config, create_app, database, demo, migrations
from app.models import Case, Lane, Membership, Person, Task
from tests.browser import QUIET
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "pictures"
EXAMPLES = ROOT / "docs" / "contoh" / "bpmn"
BPMN_JS = ROOT / "node_modules" / "bpmn-js" / "dist"


def main() -> None:
    executable = shutil.which("chromium") or shutil.which("google-chrome") or ""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(QUIET), env=dict(os.environ))
        draw(browser)
        of_the_demo(browser)
        browser.close()


def draw(browser: Browser) -> None:
    """Each example of the guide as bpmn-js draws it: no background, and no more room than it takes."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    for path in sorted(EXAMPLES.glob("*.bpmn")):
        page.set_content('<div id="c" style="width: 1280px; height: 720px"></div>')
        page.add_style_tag(path=BPMN_JS / "assets" / "diagram-js.css")
        page.add_style_tag(content=".bjs-powered-by { transform: scale(.5); transform-origin: bottom right }")
        page.add_script_tag(path=BPMN_JS / "bpmn-viewer.production.min.js")
        page.evaluate(
            """async (xml) => {
                const viewer = new BpmnJS({ container: "#c" });
                await viewer.importXML(xml);
                const canvas = viewer.get("canvas"), { inner } = canvas.viewbox(), edge = 8;
                const room = document.getElementById("c").style;
                room.width = `${inner.width + 2 * edge}px`;
                room.height = `${inner.height + 2 * edge + 24}px`;
                canvas.resized();
                canvas.viewbox({ x: inner.x - edge, y: inner.y - edge,
                                 width: inner.width + 2 * edge, height: inner.height + 2 * edge + 24 });
            }""",
            path.read_text(),
        )
        save(page.locator("#c").screenshot(), f"contoh-{path.stem}.png")
    page.close()


def of_the_demo(browser: Browser) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = config.settings({"ALUR_INSTANCE": folder, "ALUR_SECRET_KEY": "gambar"})
        engine = database.connect(settings.database_url)
        migrations.upgrade(engine)
        reading, writing = database.sessions(engine)
        demo.build(settings, writing, ROOT, lambda _: None)
        with reading() as session:
            busiest = (
                select(Lane.name, Lane.sop).join(Task, Task.lane_id == Lane.id).where(~Lane.applicant, Task.closed_at.is_(None))
                .group_by(Lane.name, Lane.sop).order_by(func.count().desc(), Lane.name).limit(1)
            )  # fmt: skip
            lane, sop = session.execute(busiest).one()
            holders = select(Membership.person_id).where(Membership.lane == lane)
            name = session.scalars(select(Person.name).where(Person.id.in_(holders))).first() or ""
            cases = select(Case.id).where(Case.status == "open", Case.sop == sop)
            longest = session.scalars(cases.order_by(Case.seq.desc())).first()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        take(browser, f"http://127.0.0.1:{server.server_port}", name, longest or 1)
        server.shutdown()
        engine.dispose()


def take(browser: Browser, site: str, name: str, case_id: int) -> None:
    """Takes the pictures: the work of the officer `name`, the case, and the public page."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, device_scale_factor=1.15, locale="id-ID")
    page.goto(site)
    page.locator('main a[href^="/layanan/"]').first.click()
    page.locator(".facts").wait_for()
    save(page.screenshot(), "layanan.png")
    page.goto(f"{site}/masuk")
    page.fill('input[name="nama"]', name)
    page.fill('input[name="sandi"]', demo.PASSWORD)
    page.press('input[name="sandi"]', "Enter")
    page.wait_for_url(lambda url: "/masuk" not in url)
    page.goto(f"{site}/tugas")
    save(page.screenshot(), "kotak-tugas.png")
    page.locator(".task-link").first.click()
    page.locator(".step-foot").wait_for()
    save(page.screenshot(), "langkah.png")
    page.goto(f"{site}/permohonan/{case_id}")
    save(drawn(page).screenshot(), "diagram.png")
    page.goto(f"{site}/permohonan/{case_id}/putar")
    drawn(page)
    save(page.screenshot(), "putar-ulang.png")
    phone = browser.new_page(viewport={"width": 390, "height": 844}, locale="id-ID", has_touch=True)
    phone.context.add_cookies([{"name": c["name"], "value": c["value"], "url": site} for c in page.context.cookies()])
    phone.goto(f"{site}/tugas")
    save(phone.screenshot(), "kotak-tugas-hp.png")


def drawn(page: Page) -> Locator:
    """The diagram, once it is there."""
    page.locator(".diagram-room").first.scroll_into_view_if_needed()
    page.locator(".diagram-drawn").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    return page.locator(".djs-container").first


def save(picture: bytes, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(picture)
    print(Path("docs/pictures") / name)


if __name__ == "__main__":
    main()
