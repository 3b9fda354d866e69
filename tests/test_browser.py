"""The whole SOP as its people live it: an applicant and seven officers in a real browser, on a real server.

The walk below is told by the numbers and labels of the SOP's table; everything else is read off the pages.
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docx
import pytest

from app import cases, forms, people, wording
from app.models import Case
from tests import play
from tests.browser import fill_in, log_in
from tests.conftest import ROOT, Office

if TYPE_CHECKING:
    from playwright.sync_api import Download, Page

WALK: tuple[tuple[str, str], ...] = (  # number in the SOP's table, decision
    ("3", ""), ("4", "Belum lengkap/benar"),
    ("3", ""), ("4", "Lengkap dan benar"), ("5", ""), ("6", "Perlu perbaikan"),
    ("4", "Lengkap dan benar"), ("6", "Benar"), ("7", "Tidak direkomendasikan"),
    ("6", "Benar"), ("7", "Direkomendasikan"), ("8", ""), ("9", "Perbaiki draf"),
    ("8", ""), ("9", "Benar, diparaf"), ("10", "Syarat belum terpenuhi"),
    ("6", "Benar"), ("7", "Direkomendasikan"), ("8", ""), ("9", "Benar, diparaf"), ("10", "Benar, diparaf"),
    ("11", "Belum benar"),
    ("10", "Benar, diparaf"), ("11", "Ditandatangani"), ("12", ""), ("13", ""), ("14", ""),
)  # fmt: skip
RETURNS = {"4": 2, "6": 1, "7": 1, "9": 1, "10": 2, "11": 1}  # how many fields each marks
APPLICANT = {"nama": "Siti Rahmawati", "surel": "siti@mahakam.example", "sandi": "kuda laut biru"}
WORDS = {  # what the samples of the forms and the walk put on the permit
    "NOMOR: 503/0001/IMTA/DPMPTSP/2026",
    "PERPANJANGAN KE-II",
    "PT Mahakam Sawit Lestari",
    "Rajesh Kumar Sharma",
    "Plantation Technical Advisor",
    "Z3918274",
    "Kebun inti Muara Kaman",
    "Lestari Wulandari",
    "nomor 0001/BERKAS-IMTA/XI/2026 tanggal 23 November 2026",
    "berlaku selama 1 (satu) tahun",
    "8 Januari 2027 (delapan Januari dua ribu dua puluh tujuh)",
    "7 Januari 2028 (tujuh Januari dua ribu dua puluh delapan)",
    "Petugas Kepala",
}


@dataclass
class Site:
    """A served office: one window for each of its people, who all see the same case."""

    office: Office
    url: str
    window: Callable[..., Page]
    tick: bool = True  # whether the test's clock is the server's
    windows: dict[str, Page] = field(default_factory=dict)

    def as_(self, name: str) -> Page:
        """The window of an officer, logged in."""
        if name not in self.windows:
            self.windows[name] = self.window()
            log_in(self.windows[name], self.url, name)
        return self.windows[name]

    def later(self) -> None:
        if self.tick:
            self.office.later(minutes=12)

    def now(self) -> tuple[str, str]:
        """The day and the minute, as pages write them."""
        zone = self.office.settings.zone
        return wording.tanggal_hari(self.office.now, zone), wording.jam(self.office.now.astimezone(zone))


@pytest.fixture
def site(kind: str, request: pytest.FixtureRequest, office: Office, page: Callable[..., Page]) -> Iterator[Site]:
    """SQLite is served by threads of this process on the test's clock; PostgreSQL by `alur serve` as in earnest."""
    with office.work() as ctx:  # one person may hold two lanes
        people.grant(ctx, office.person(ctx, "customer-service"), "Loket Pendaftaran")
    if kind == "sqlite":
        yield Site(office, request.getfixturevalue("live"), page)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ, "ALUR_DATABASE_URL": office.db.url, "ALUR_FILES": str(office.settings.files), "PORT": str(port),
        "ALUR_SECRET_KEY": "rahasia-uji", "ALUR_NOW": office.now.isoformat(), "ALUR_WORKERS": "2",
    }  # fmt: skip
    serving = subprocess.Popen([sys.executable, "-m", "app.cli", "serve"], cwd=ROOT, env=env, stdout=subprocess.PIPE)
    try:
        assert serving.stdout is not None
        assert b"http://" in serving.stdout.readline()
        yield Site(office, f"http://127.0.0.1:{port}", page, tick=False)
    finally:
        serving.terminate()
        serving.communicate(timeout=30)


def sign_up(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Daftar", exact=True).click()
    page.get_by_label("Nama lengkap").fill(APPLICANT["nama"])
    page.get_by_label("Surel").fill(APPLICANT["surel"])
    page.get_by_label("Kata sandi", exact=True).fill(APPLICANT["sandi"])
    page.get_by_label("Kata sandi sekali lagi").fill(APPLICANT["sandi"])
    page.get_by_role("button", name="Buat akun").click()
    page.get_by_text("Akun Anda sudah jadi.").wait_for()


def begin(page: Page, url: str) -> None:
    """From the public page of the SOP to the empty form."""
    page.goto(url)
    page.locator('a[href^="/layanan/"]').first.click()
    page.get_by_role("link", name="Ajukan permohonan").first.click()
    page.get_by_role("button", name="Mulai permohonan").click()
    page.wait_for_url("**/tugas/*")


def open_step(page: Page, site: Site, number: str) -> None:
    """From the list of what waits to the one case."""
    page.goto(site.url)
    page.locator('.places a[href="/tugas"], .places a[href="/permohonan"]').first.click()
    page.get_by_role("link", name=number).first.click()
    take = page.get_by_role("link", name="Kerjakan langkah ini")
    if take.count():
        take.click()
    take = page.get_by_role("button", name="Ambil", exact=True)
    if take.count():
        take.click()
        page.get_by_role("button", name="Lepas").wait_for()


def answers_for(site: Site, case_id: int) -> tuple[forms.Form | None, dict[str, Any], str]:
    """The form that the case waits with, sample answers for it, and who fills it in (a lane)."""
    with site.office.look() as ctx:
        task = play.waiting(ctx, case_id)[0]
        form = cases.form_of(ctx, task)
        today = site.office.now.astimezone(site.office.settings.zone).date()
        data = cases.data_of(ctx, task.case)
        lane = "" if task.lane.applicant else task.lane.name
        return form, forms.sample(form, 1, lambda f: f.label, today, data) if form else {}, lane


def send_back(page: Page, label: str, reason: str, marks: int) -> list[str]:
    """Presses a return, which asks for its reason first; what was marked."""
    button = page.get_by_role("button", name=label, exact=True)
    button.click()
    page.locator("#alasan").wait_for(state="visible")
    page.locator("#alasan").fill(reason)
    fold = page.locator("details.marks").first
    fold.locator("summary").click()
    for box in fold.locator('input[name="_salah"]').all()[:marks]:
        box.check()
    marked = [(row.text_content() or "").strip() for row in fold.locator(".form-check:has(:checked) label").all()]
    button.click()
    return marked


def told_of_return(page: Page, said: tuple[str, ...], marked: list[str]) -> None:
    """The page says who, when, why and which round, and what was marked."""
    told = page.locator("section.returned")
    text = told.inner_text()
    assert [words for words in said if words not in text] == []
    assert [row.inner_text() for row in told.locator("li").all()] == marked


def text_of(download: Download) -> Any:
    return docx.Document(io.BytesIO(Path(download.path()).read_bytes()))


def every_word(document: Any) -> str:
    """Paragraphs and cells in the order in which they are read, tables within tables as well."""
    return "\n".join("".join(t.text or "" for t in p.iter() if t.tag.endswith("}t")) for p in document.element.iter() if p.tag.endswith("}p"))


def test_the_whole_sop(site: Site) -> None:
    office, rounds, number, case_id = site.office, Counter[str](), "", 0
    applicant = site.window()
    sign_up(applicant, site.url)
    begin(applicant, site.url)
    told: tuple[tuple[str, ...], list[str]] | None = None
    rows = []
    for step, decision in WALK:
        rounds[step] += 1
        if not case_id:
            with office.look() as ctx:
                case = ctx.session.query(Case).one()
                case_id, number = case.id, case.number
            name, page = "", applicant
            form, answers, lane = answers_for(site, case_id)
        else:
            form, answers, lane = answers_for(site, case_id)
            name = "customer-service" if lane == "Loket Pendaftaran" else office.officers.get(lane, "")
            page = site.as_(name) if name else applicant
            open_step(page, site, number)
        page.locator("h1", has_text=f"{step}.").wait_for()
        assert (page.locator("h1 .mark").inner_text() if rounds[step] > 1 else "Putaran 1") == f"Putaran {rounds[step]}"
        if told:
            told_of_return(page, (*told[0], f"putaran {rounds[step]}"), told[1])
            told = None
        if form:
            fill_in(page, form, answers)
        site.later()
        who = office_name(site, name)
        returning = step in RETURNS and rounds[step] == 1 + (step == "6" and decision == "Perlu perbaikan") * 0
        reason = ""
        if decision and page.locator(f'button[data-returns]:text-is("{decision}")').count():
            reason = f"Langkah {step}: nama pada paspor <b>berbeda</b> & belum sesuai"
            marked = send_back(page, decision, reason, RETURNS[step])
            assert len(marked) == RETURNS[step]
            told = (who, *site.now(), reason, "dari langkah"), marked
        elif decision:
            page.get_by_role("button", name=decision, exact=True).click()
        else:
            page.locator('.step-foot button.btn-primary').click()
        page.locator('.notice[role="status"]', has_text=number).wait_for()
        rows.append((step, who, decision, reason))
        del returning
    assert {step for step, _who, _decision, reason in rows if reason} == set(RETURNS)
    assert len(site.windows) == 7
