"""Papers and uploads read in the page: for whom, by what rules, and in a real browser that a hostile file gets nowhere in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import docx
import openpyxl
import pytest

from app import demo, files, people, uploads
from app.models import Document
from tests import play
from tests.browser import axe, log_in
from tests.conftest import ROOT, Office
from tests.test_archive import issued, rows, work

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
BUILT = (ROOT / "app/web/static/dist/docx.js").exists()
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def sent(office: Office, name: str, content: bytes, by: str = "pemohon") -> str:
    with office.work() as ctx:
        return uploads.save(ctx, office.person(ctx, by), name, content).id


def letter(*lines: str) -> bytes:
    made, whole = docx.Document(), io.BytesIO()
    for line in lines:
        made.add_paragraph(line)
    made.save(whole)
    return whole.getvalue()


def workbook(**sheets: list[list[object]]) -> bytes:
    book, whole = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(whole)
    return whole.getvalue()


def rewritten(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """An archive with one part changed."""
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return whole.getvalue()


WORD, BOOK = letter("Yth. Kepala Dinas"), workbook(Gaji=[["Nama", "Upah"], ["Andi <b>", 1500000], [None, True]])


@pytest.mark.parametrize(
    ("name", "content", "media", "here", "shut"),
    [
        ("a.pdf", demo._pdf("Paspor"), "application/pdf", True, False),
        ("a.png", demo._png(), "image/png", True, False),
        ("a.txt", "Halo <script>é".encode(), "text/plain; charset=utf-8", True, True),
        ("a.docx", WORD, files.DOCX, False, True),
        ("a.xlsx", BOOK, files.XLSX, False, True),
    ],
    ids=["pdf", "png", "txt", "docx", "xlsx"],
)  # fmt: skip
def test_an_upload_runs_nothing(name: str, content: bytes, media: str, here: bool, shut: bool, office: Office) -> None:
    upload = sent(office, name, content)
    answer = office.client("pemohon").get(f"/berkas/{upload}")
    told = answer.headers
    assert (answer.status_code, told["Content-Type"], answer.data) == (200, media, content)
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Content-Disposition"].startswith("inline" if here else "attachment")
    assert ("sandbox" in told["Content-Security-Policy"]) == shut
    assert told["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "script-src" not in told["Content-Security-Policy"]
    saved = office.client("pemohon").get(f"/berkas/{upload}?unduh").headers["Content-Disposition"]
    assert saved.startswith("attachment")
    for address in (f"/berkas/{upload}", f"/berkas/{upload}/lihat"):
        assert office.client("pemohon2").get(address).status_code == 404
        assert office.client().get(address).status_code == 302


BOMB = rewritten(BOOK, "xl/workbook.xml", lambda part: b'<!DOCTYPE a [<!ENTITY b "b">]>' + part)
SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>%b</row></sheetData></worksheet>'
CELLS = rewritten(BOOK, "xl/worksheets/sheet1.xml", lambda _: SHEET % (b"<c><v>1</v></c>" * 900_000))
ODD = {
    "broken": (rewritten(BOOK, "xl/workbook.xml", lambda _: b"<x"), "Berkas ini rusak dan tidak dapat ditampilkan di sini."),
    "entities": (BOMB, "Berkas ini tidak dapat ditampilkan di sini."),
    "many cells in few bytes": (CELLS, "Berkas ini terlalu besar untuk ditampilkan di sini."),
    "empty": (workbook(Kosong=[]), "Lembar ini kosong."),
    "long": (workbook(Panjang=[[n] for n in range(5000)]), "Hanya sebagian yang ditampilkan."),
    "wide": (workbook(Lebar=[list(range(2000))]), "Hanya sebagian yang ditampilkan."),
}  # fmt: skip


@pytest.mark.parametrize("which", ODD)
def test_a_workbook_that_is_odd(which: str, office: Office) -> None:
    content, words = ODD[which]
    answer = office.client("pemohon").get(f"/berkas/{sent(office, 'a.xlsx', content)}/lihat")
    assert answer.status_code == 200
    assert words in answer.text
    assert len(answer.data) < 150 * 1024


def test_a_workbook_is_a_table(office: Office) -> None:
    answer = office.client("pemohon").get(f"/berkas/{sent(office, 'a.xlsx', BOOK)}/lihat")
    assert "<h2>Gaji</h2>" in answer.text
    assert "<td>Andi &lt;b&gt;</td><td>1500000</td>" in answer.text
    assert "<td></td><td>Ya</td>" in answer.text
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.skipif(not BUILT, reason="the scripts of the pages were not built")
def test_a_word_file_that_grows_is_not_shown(office: Office) -> None:
    large = rewritten(WORD, "word/document.xml", lambda part: part + b" " * 17_000_000)
    shown = office.client("pemohon").get(f"/berkas/{sent(office, 'a.docx', large)}/lihat").text
    assert "Berkas ini terlalu besar untuk ditampilkan di sini." in shown
    assert "docx.js" not in shown


@pytest.mark.skipif(not BUILT, reason="the scripts of the pages were not built")
def test_a_word_file_is_shown_in_a_sandbox(office: Office) -> None:
    answer = office.client("pemohon").get(f"/berkas/{sent(office, 'a.docx', WORD)}/lihat")
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert policy[:3] == ["sandbox allow-scripts", "default-src 'none'", "script-src 'self'"]
    assert "img-src data:" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_paper_is_read_by_who_may_see_its_case(office: Office) -> None:
    case_id = issued(office)
    [paper, *_] = rows(office, case_id)
    for who, status in (("pemohon", 200), (office.elsewhere, 200), ("auditor", 200), ("pemohon2", 404), ("luar", 404)):
        assert office.client(who).get(f"/dokumen/{paper.id}/lihat").status_code == status, who
        assert office.client(who).get(f"/dokumen/{paper.id}.pdf").status_code == 404
    with office.work() as ctx:
        ctx.session.get_one(Document, paper.id).internal = True
    assert office.client("pemohon").get(f"/dokumen/{paper.id}/lihat").status_code == 404


def test_without_an_office_suite_only_the_letter_is_offered(office: Office) -> None:
    case_id = issued(office)
    page = office.client("pemohon").get(f"/permohonan/{case_id}").text
    assert ".docx" in page
    assert "PDF sedang" not in page
    assert ".pdf?unduh" not in page


def hostile(port: int) -> bytes:
    """A Word file that points outside, brings a page with a script, and a link that is one."""
    made, whole = docx.Document(), io.BytesIO()
    paragraph = made.add_paragraph("Surat yang berbahaya ")
    for target, words in ((f"http://127.0.0.1:{port}/keluar", "ke luar"), ("javascript:parent.alert(1)", "naskah")):
        where = made.part.relate_to(target, f"{LINKS}/hyperlink", is_external=True)
        link = docx.oxml.parse_xml(
            f'<w:hyperlink xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="{LINKS}" '
            f'r:id="{where}"><w:r><w:t>{words}</w:t></w:r></w:hyperlink>'
        )
        paragraph._p.append(link)
    page = docx.opc.part.Part(
        docx.opc.packuri.PackURI("/word/halaman.html"), "text/html",
        b"<script>parent.postMessage('jalan', '*')</script><img src='http://127.0.0.1:%d/gambar'>" % port,
        made.part.package,
    )  # fmt: skip
    chunk = made.part.relate_to(page, f"{LINKS}/aFChunk")
    made.element.body.insert(0, docx.oxml.parse_xml(
        f'<w:altChunk xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="{LINKS}" r:id="{chunk}"/>'
    ))  # fmt: skip
    made.save(whole)
    return whole.getvalue()


@pytest.mark.skipif(not BUILT, reason="the scripts of the pages were not built")
def test_a_hostile_file_gets_nowhere(office: Office, live: str, page: Callable[..., Page]) -> None:
    upload = sent(office, "surat.docx", hostile(9))
    window = page()
    log_in(window, live, "pemohon")
    asked: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.goto(f"{live}/permohonan")
    window.evaluate(
        """(address) => {
            window.heard = []; addEventListener('message', (event) => heard.push(event.data));
            const frame = document.createElement('iframe');
            frame.id = 'uji'; frame.src = address; frame.setAttribute('sandbox', 'allow-scripts'); frame.title = 'uji';
            document.querySelector('main').append(frame);
        }""",
        f"/berkas/{upload}/lihat",
    )
    inside = window.frame_locator("#uji")
    inside.get_by_text("Surat yang berbahaya").wait_for()
    frame = next(frame for frame in window.frames if "/lihat" in frame.url)
    assert frame.evaluate("origin") == "null"
    assert frame.evaluate("[...document.querySelectorAll('a')].map((a) => [a.textContent, a.hasAttribute('href')])") == [
        ["ke luar", False], ["naskah", False],
    ]  # fmt: skip
    assert frame.evaluate("document.querySelectorAll('iframe, object, embed').length") == 0
    assert (
        frame.evaluate("(() => { try { return parent.document.title } catch (error) { return error.name } })()")
        == "SecurityError"
    )
    assert window.evaluate("heard") == []
    assert [url for url in asked if not url.startswith((live, "data:", "blob:"))] == []


@pytest.mark.skipif(not BUILT, reason="the scripts of the pages were not built")
@pytest.mark.parametrize("width", [1280, 390])
def test_papers_are_read_where_they_stand_and_their_pdf_comes_by_itself(
    width: int, office: Office, suite: Path, live: str, page: Callable[..., Page]
) -> None:
    case_id = issued(office)
    [paper, *_] = rows(office, case_id)
    window = page(width)
    log_in(window, live, office.elsewhere)
    window.goto(f"{live}/permohonan/{case_id}")
    line = window.locator(f"#dokumen-{paper.id}")
    assert line.get_by_text("PDF sedang disiapkan").is_visible()
    line.locator("summary").click()
    inside = line.frame_locator("iframe")
    inside.get_by_text(paper.name, exact=False).first.wait_for()
    inner = next(frame for frame in window.frames if "/lihat" in frame.url)
    assert not inner.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    assert axe(window) == []
    line.locator("summary").click()
    assert work(office) == len(rows(office))
    line.get_by_role("link", name="PDF", exact=False).wait_for()
    assert line.get_by_text("PDF sedang disiapkan").count() == 0
    line.locator("summary").click()
    assert line.locator("iframe").get_attribute("src") == f"/dokumen/{paper.id}.pdf"
    with office.work() as ctx:
        bearer = {"Authorization": f"Bearer {people.new_token(ctx, office.person(ctx, office.elsewhere))}"}
    answer = office.client().get(f"/api/v1/documents/{paper.id}/pdf", headers=bearer)
    assert (answer.status_code, answer.mimetype, answer.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert axe(window) == []
    assert not window.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def test_without_a_script_a_fold_opens_and_says_what_it_needs(
    office: Office, live: str, page: Callable[..., Page]
) -> None:
    case_id = issued(office)
    [paper, *_] = rows(office, case_id)
    window = page(java_script_enabled=False)
    log_in(window, live, office.elsewhere)
    window.goto(f"{live}/permohonan/{case_id}")
    line = window.locator(f"#dokumen-{paper.id}")
    line.locator("summary").press("Enter")
    if BUILT:
        line.frame_locator("iframe").get_by_text("harus mengizinkan JavaScript").wait_for()
    assert line.get_by_role("link", name=".docx", exact=False).get_attribute("href") == f"/dokumen/{paper.id}"


@pytest.mark.parametrize("width", [1280, 390])
def test_an_upload_is_read_beside_its_row(width: int, office: Office, live: str, page: Callable[..., Page]) -> None:
    """A link to a file shows it in the page: beside the form where there is room, else under its row."""
    case_id, html = play.apply(office), ""
    while "ask-file" not in html or "data-media" not in html:
        play.step(office, case_id)
        with office.look() as ctx:
            task = play.waiting(ctx, case_id)[0]
            task_id, who = task.id, play.performer(office, ctx, task).name
        office.app.config["WTF_CSRF_ENABLED"] = False
        html = office.client(who).get(f"/tugas/{task_id}").text
    office.app.config["WTF_CSRF_ENABLED"] = True
    window = page(width)
    log_in(window, live, who)
    window.goto(f"{live}/tugas/{task_id}")
    link = window.locator(".ask-file a[data-media]").first
    address = link.get_attribute("href")
    link.click()
    if width > 1100:
        shown = window.locator(f'.step-file .attached[data-upload="{address}"]')
        assert shown.get_attribute("open") is not None
    else:
        shown = window.locator(".ask-shown .attached-here")
        assert link.get_attribute("aria-expanded") == "true"
    assert shown.locator("iframe, img").first.get_attribute("src") == address
    assert window.url == f"{live}/tugas/{task_id}"
    assert not window.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert axe(window) == []
    if width < 1100:
        link.click()
        assert shown.count() == 0


@pytest.mark.skipif(not BUILT, reason="the scripts of the pages were not built")
def test_nothing_is_wrong_with_the_frames_and_the_archive(office: Office, live: str, page: Callable[..., Page]) -> None:
    case_id = issued(office)
    [paper, *_] = rows(office, case_id)
    with office.work() as ctx:
        ctx.session.get_one(
            Document, paper.id
        ).pdf_error = "Aplikasi perkantoran tidak dapat menjadikan dokumen ini PDF."
    book = sent(office, "a.xlsx", BOOK)
    places = {
        "pemohon": [f"/dokumen/{paper.id}/lihat", f"/berkas/{book}/lihat", "/permohonan"], "pemilik": ["/pengelola/arsip"],
    }  # fmt: skip
    for who, addresses in places.items():
        window = page()
        log_in(window, live, who)
        for address in addresses:
            for width in (1280, 390):
                window.set_viewport_size({"width": width, "height": 720})
                window.goto(live + address)
                window.wait_for_load_state()
                assert axe(window) == [], (address, width)
