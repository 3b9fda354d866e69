"""The work permit's whole SOP as its people live it: an applicant and seven officers in a real browser, on a real server.

The walk below is told by the numbers and labels of the SOP's table; everything else is read off the pages.
"""

from __future__ import annotations

import io
import os
import re
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
from playwright.sync_api import expect
from sqlalchemy import select

from app import audit, cases, forms, people, wording
from app.models import Case
from tests import play
from tests.browser import fill_in, flat, log_in
from tests.conftest import ROOT, Office
from tests.sops import needs

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs("perpanjangan-imta")
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
FORWARD = re.compile("^(Kirim|Selesai)$")
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
RETURNS = {"4": 2, "6": 1, "7": 1, "9": 1, "10": 2, "11": 1}  # how many fields each marks
APPLICANT = {"nama": "Siti Rahmawati", "surel": "siti@mahakam.example", "sandi": "kuda laut biru"}
HOLDS_BOTH = {"Loket Pendaftaran": "customer-service"}  # the seventh officer
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
    with office.work() as ctx:
        for lane, name in HOLDS_BOTH.items():
            people.grant(ctx, office.person(ctx, name), lane)
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


def open_step(page: Page, url: str, number: str) -> None:
    """From the list of what waits to the step; an officer takes it first."""
    page.goto(url)
    page.locator('.places a[href="/tugas"], .places a[href="/permohonan"]').first.click()
    page.wait_for_url(re.compile("/(tugas|permohonan)$"))
    take = page.get_by_role("button", name=f"Ambil {number}")
    if take.count():
        take.click()
    else:
        page.get_by_role("link", name=number).first.click()
        page.get_by_role("link", name="Kerjakan langkah ini").click()
    page.wait_for_url("**/tugas/*")


@dataclass(frozen=True)
class Waiting:
    """What a case waits for: a form with answers, and whose it is ("" for the applicant)."""

    case_id: int
    number: str
    officer: str
    person: str
    form: forms.Form | None
    answers: dict[str, Any]


def waiting(office: Office) -> Waiting:
    """What the only case waits for."""
    with office.look() as ctx:
        case = ctx.session.scalars(select(Case)).one()
        task = play.waiting(ctx, case.id)[0]
        form, lane = cases.form_of(ctx, task), task.lane.name
        officer = "" if task.lane.applicant else HOLDS_BOTH.get(lane, office.officers.get(lane, ""))
        today = office.now.astimezone(office.settings.zone).date()
        answers = dict(flat(forms.sample(form, 1, lambda f: f.label, today, cases.data_of(ctx, case)))) if form else {}
        person = office.person(ctx, officer).full_name if officer else APPLICANT["nama"]
        return Waiting(case.id, case.number, officer, person, form, answers)


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
    marked = [(row.text_content() or "").strip() for row in fold.locator("label:has(:checked)").all()]
    button.click()
    return marked


def document(page: Page, link: str) -> Any:
    """A .docx, downloaded by its link."""
    with page.expect_download() as download:
        page.get_by_role("link", name=link).last.click()
    return docx.Document(io.BytesIO(Path(download.value.path()).read_bytes()))


def words_of(paper: Any) -> str:
    """Its paragraphs as they are read, a line each, with those in tables."""
    lines = ("".join(t.text or "" for t in p.iter(f"{W}t")) for p in paper.element.iter(f"{W}p"))
    return "\n".join(line for line in lines if line)


def sheet_of(paper: Any) -> list[tuple[str, ...]]:
    """The control sheet's rows: number, step, officer, result, note."""
    rows = [[cell.text for cell in row.cells] for row in paper.tables[1].rows[1:]]
    return [(r[0], r[1], r[3].partition("\n")[0], r[7], r[8]) for r in rows]


def test_the_whole_sop(site: Site) -> None:
    office, rounds = site.office, Counter[str]()
    applicant = site.window()
    sign_up(applicant, site.url)
    begin(applicant, site.url)
    names = {step.properties["nomor"]: step.name for step in office.definitions()[office.sop].steps.values()}
    told: tuple[str, ...] = ()
    marked: list[str] = []
    rows: list[tuple[str, ...]] = []
    for step, decision in WALK:
        rounds[step] += 1
        now = waiting(office)
        page = site.as_(now.officer) if now.officer else applicant
        if rows:
            open_step(page, site.url, now.number)
        again = f" (putaran {rounds[step]})" if rounds[step] > 1 else ""
        assert page.locator("h1").inner_text().split() == f"{step}. {names[step]} {again.strip(' ()').title()}".split()
        returned = page.locator("section.returned")
        assert returned.count() == bool(told)
        if told:
            text = returned.inner_text()
            assert [said for said in (*told, again.strip(" ()")) if said not in text] == []
            assert [row.inner_text() for row in returned.locator("li").all()] == marked
        if now.form:
            mended = list(now.answers.items())[: 3 if again else None]  # the rest stands as it was sent
            fill_in(page, now.form, dict(mended))
        site.later()
        told, reason = (), ""
        if decision and page.locator(f'button[data-returns]:text-is("{decision}")').count():
            reason = f"Langkah {step}: nama pada paspor <b>berbeda</b> & belum sesuai"
            marked = send_back(page, decision, reason, RETURNS[step])
            told = (now.person, names[step], *site.now(), reason)
        else:
            page.locator(".step-foot").get_by_role("button", name=decision or FORWARD, exact=bool(decision)).click()
        page.locator('.notice[role="status"]', has_text=now.number).wait_for()
        note = f"Alasan: {reason}" if reason else ""
        result = f"DIKEMBALIKAN\n{decision}" if reason else decision or "Selesai"
        rows.append((str(len(rows) + 1), f"{step}. {names[step]}{again}", now.person, result, note))
    assert {row[1].partition(".")[0] for row in rows if row[4]} == set(RETURNS)
    assert len(site.windows) == 7

    applicant.get_by_text("Selesai, ").first.wait_for()
    permit = words_of(document(applicant, "Izin perpanjangan IMTA"))
    assert [said for said in WORDS if said not in permit] == []
    applicant.get_by_role("link", name="Lembar kendali").click()
    expect(applicant.locator(".control-rows tbody tr")).to_have_count(len(rows), timeout=30_000)
    expect(applicant.locator(".control-rows .control-return")).to_have_count(len(RETURNS), timeout=30_000)
    officer = site.as_("tu")
    officer.goto(applicant.url)
    assert sheet_of(document(officer, "Unduh Lembar pengendali proses")) == rows
    with office.look() as ctx:
        assert [proof.whole for proof in audit.verify(ctx)] == [True]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_without_a_script(site: Site) -> None:
    """Applying, taking, a return with its reason, mending: plain pages do it all."""
    applicant = site.window(java_script_enabled=False)
    sign_up(applicant, site.url)
    begin(applicant, site.url)
    applicant.locator(".step-foot .btn-primary").click()
    applicant.locator("#kesalahan").wait_for()
    now = waiting(site.office)
    assert now.form is not None
    fill_in(applicant, now.form, now.answers, scripted=False)
    applicant.locator(".step-foot .btn-primary").click()
    applicant.get_by_role("status").wait_for()
    now = waiting(site.office)
    officer = site.window(java_script_enabled=False)
    log_in(officer, site.url, now.officer)
    open_step(officer, site.url, now.number)
    assert now.form is not None
    fill_in(officer, now.form, now.answers, scripted=False)
    officer.get_by_role("button", name="Belum lengkap/benar").click()
    officer.locator("#kesalahan", has_text="alasan pengembalian").wait_for()
    officer.locator("#alasan").fill("Paspor tidak terbaca")
    officer.get_by_role("button", name="Belum lengkap/benar").click()
    officer.get_by_role("status").wait_for()
    open_step(applicant, site.url, now.number)
    assert "Paspor tidak terbaca" in applicant.locator("section.returned").inner_text()
    assert applicant.locator(".upload-files a").count() >= 16
    applicant.locator(".step-foot .btn-primary").click()
    applicant.get_by_role("status").wait_for()
    open_step(officer, site.url, now.number)
    assert "Putaran 2" in officer.locator("h1").inner_text()
