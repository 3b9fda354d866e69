"""The PDF/A of every paper: made by the worker with the real office suite, once, also when somebody is killed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import docx
import pytest
from lxml import etree
from pypdf import PdfReader
from sqlalchemy import select, update

from app import archive, audit, cases, files, worker
from app.config import ConfigError
from app.config import settings as configured
from app.documents import pdf
from app.models import Case, Document, Event
from tests import play
from tests.conftest import ROOT, Office

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def issued(office: Office, most: int = 1) -> int:
    """A case that has issued so many papers, or more."""
    case_id = play.apply(office)
    while len(rows(office, case_id)) < most:
        play.step(office, case_id)
    return case_id


def rows(office: Office, case_id: int = 0) -> list[Document]:
    with office.look() as ctx:
        query = select(Document).order_by(Document.id)
        return list(ctx.session.scalars(query.where(Document.case_id == case_id) if case_id else query))


def work(office: Office) -> int:
    return worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.ARCHIVE)


def events(office: Office) -> list[dict[str, object]]:
    with office.look() as ctx:
        return list(ctx.session.scalars(select(Event.body).where(Event.kind == "archive").order_by(Event.seq)))


def program(folder: Path, script: str) -> Path:
    """An office suite that does something else."""
    made = folder / "soffice"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o700)
    return made


def told(folder: Path, suite: Path) -> Path:
    """The office suite, which tells what it was asked in `folder`, and would not end by itself for long."""
    return program(folder, f'echo "$@" >> {folder / "asked"}; {suite} "$@" & sleep 40')


def running(folder: Path) -> list[str]:
    """The processes of the conversions that were begun through `program` or `told` in this folder."""
    asked = (folder / "asked").read_text().split() if (folder / "asked").exists() else []
    marks = [str(folder / "soffice"), *(word for word in asked if word.startswith("-env:"))]
    listed = subprocess.run(["ps", "-wweo", "stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line[0] != "Z" and any(mark in line for mark in marks)]


def conformance(reader: PdfReader) -> tuple[str, ...]:
    """The part of ISO 19005 and the level that a PDF says it keeps to."""
    told = etree.fromstring(reader.xmp_metadata.stream.get_data())  # type: ignore[union-attr]
    return tuple(
        "".join(told.xpath(f"//*[local-name() = '{name}']/text() | //@*[local-name() = '{name}']"))
        for name in ("part", "conformance")
    )


def fonts(reader: PdfReader) -> dict[str, bool]:
    """Every font of a PDF, and whether it is inside."""
    found = {}
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].get_object().values():  # type: ignore[index]
            plain = font.get_object()
            told = plain.get("/FontDescriptor") or plain["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            found[plain["/BaseFont"]] = any(f"/FontFile{n}" in told.get_object() for n in ("", "2", "3"))
    return found


def test_a_paper_becomes_pdf_a(office: Office, suite: Path) -> None:
    case_id = issued(office)
    assert work(office) == len(rows(office))
    [paper, *_] = rows(office)
    assert paper.pdf_sha256 is not None
    reader = PdfReader(io.BytesIO(files.read(office.settings.files, paper.pdf_sha256)))
    assert conformance(reader) == ("2", "B")
    assert fonts(reader)
    assert all(fonts(reader).values())
    assert not reader.is_encrypted
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert case.number in "".join(page.extract_text() for page in reader.pages)
        assert audit.frames(ctx, case).all_findings == []
    assert events(office)[0] == {"document": paper.id, "name": paper.name, "sha256": paper.pdf_sha256}
    assert (paper.pdf_attempts, paper.pdf_error, paper.pdf_next, paper.signed_by) == (1, None, None, "")
    assert work(office) == 0


def test_what_was_made_can_be_taken_back_as_before(office: Office, suite: Path) -> None:
    """That a PDF was archived is nothing that anybody did."""
    case_id = issued(office)
    with office.look() as ctx:
        last = ctx.session.scalars(
            select(Event.actor_id).where(Event.case_id == case_id, Event.kind == "complete").order_by(Event.seq.desc())
        ).first()
    assert work(office)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        [mine] = [n for n in {*office.officers.values(), "pemohon"} if office.person(ctx, n).id == last]
        actor = office.actor(ctx, mine)
        assert cases.may_take_back(ctx, actor, case, cases.journal_for(ctx, actor, case))


def test_several_workers_make_each_once(office: Office, suite: Path) -> None:
    issued(office, 2)
    threads = [threading.Thread(target=work, args=(office,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows(office)
    assert [(paper.pdf_attempts, bool(paper.pdf_sha256)) for paper in found] == [(1, True)] * len(found)
    assert sorted(event["document"] for event in events(office)) == [paper.id for paper in found]  # type: ignore[type-var]


WORKER = """
from app import config, database, worker
settings = config.settings()
worker.once(settings, *database.sessions(database.connect(settings.database_url)), jobs=worker.ARCHIVE)
"""


def test_killed_in_the_middle(office: Office, suite: Path, tmp_path: Path) -> None:
    """The office suite goes with its worker; nothing is half done, and another takes over once the lease is out."""
    issued(office)
    [paper, *_] = rows(office)
    env = {
        **os.environ, "ALUR_DATABASE_URL": office.db.url, "ALUR_FILES": str(office.settings.files),
        "ALUR_SECRET_KEY": "x", "ALUR_NOW": office.now.isoformat(), "ALUR_SOFFICE": str(told(tmp_path, suite)),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=env)
    wait(lambda: any("soffice.bin" in line for line in running(tmp_path)))
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait(lambda: running(tmp_path) == [])
    [folder] = [word for word in (tmp_path / "asked").read_text().split() if word.endswith("a.docx")]
    wait(lambda: not Path(folder).parent.exists())
    assert events(office) == []
    [paper, *_] = rows(office)
    assert (paper.pdf_attempts, paper.pdf_sha256, paper.pdf_next) == (1, None, office.now + archive.LEASE)
    office.later(minutes=4)
    before = {row.id for row in rows(office) if row.pdf_attempts == 0}
    assert work(office) == len(before)
    office.later(minutes=2)
    assert work(office) == 1
    assert len(events(office)) == len(rows(office))


def wait(until: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_fails_is_tried_again_later_and_later_and_given_up(office: Office, tmp_path: Path) -> None:
    issued(office)
    object.__setattr__(office.settings, "soffice", program(tmp_path, "exit 1"))
    with office.work() as ctx:
        ctx.session.execute(update(Document).where(Document.id > 1).values(pdf_attempts=archive.TRIES))
    waits = []
    for _ in range(archive.TRIES):
        assert work(office) == 0
        [paper, *_] = rows(office)
        assert paper.pdf_next is not None
        waits.append(round((paper.pdf_next - office.now) / timedelta(minutes=1)))
        assert work(office) == 0
        office.at(paper.pdf_next)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    assert paper.pdf_error == "Aplikasi perkantoran tidak dapat menjadikan dokumen ini PDF."
    with office.look() as ctx:
        assert archive.waiting(ctx) == []
        assert archive.progress(ctx, [paper]) == {paper.id: archive.Waiting(0, paper.pdf_error, True)}
    with office.work() as ctx:
        assert archive.again(ctx, paper.id)
        assert archive.waiting(ctx) == [paper.id]
        assert paper.sha256 is not None
        assert files.whole(office.settings.files, paper.sha256)


@one_kind
def test_a_paper_that_ended_its_maker_each_time_is_shown_as_given_up(office: Office, suite: Path) -> None:
    issued(office)
    for _ in range(archive.TRIES):
        with office.work() as ctx:
            [first, *_] = archive.waiting(ctx)
            assert archive.claim(ctx, first)  # and whoever claimed it was killed
            ctx.session.execute(update(Document).where(Document.id != first).values(pdf_attempts=archive.TRIES))
        office.at(office.now + archive.LEASE)
    with office.look() as ctx:
        assert archive.waiting(ctx) == []
        assert first in [paper.id for paper, _number in archive.failing(ctx, 100)]
    page = office.client("pemilik").get("/pengelola/arsip")
    assert "Pembuatannya terhenti setiap kali" in page.text


@one_kind
def test_a_paper_says_how_many_are_before_it(office: Office, suite: Path) -> None:
    case_id = issued(office, 2)
    issued(office)
    mine, newer = rows(office, case_id), len(rows(office)) - len(rows(office, case_id))
    with office.look() as ctx:
        told = archive.progress(ctx, mine)
        assert archive.waiting(ctx) == [paper.id for paper in reversed(rows(office))]
    assert told == {paper.id: archive.Waiting(newer + n, "", False) for n, paper in enumerate(reversed(mine))}
    assert work(office) == len(rows(office))
    with office.look() as ctx:
        assert archive.progress(ctx, rows(office)) == {}


@one_kind
def test_without_an_office_suite_there_is_nothing_to_do(office: Office) -> None:
    issued(office)
    with office.look() as ctx:
        assert archive.waiting(ctx) == []
        assert archive.progress(ctx, rows(office)) == {}
    assert work(office) == 0
    assert (rows(office)[0].pdf_attempts, events(office)) == (0, [])


def test_what_was_destroyed_is_not_made(office: Office, suite: Path) -> None:
    issued(office)
    paper = rows(office)[0]
    files.set_aside(office.settings.files, f"{paper.id}-{paper.sha256}", b"%PDF-1.7")
    with office.work() as ctx:
        ctx.session.execute(update(Case).values(destroyed_at=ctx.now))
    assert work(office) == 0
    assert events(office) == []
    assert files.aside(office.settings.files) == {}


@one_kind
def test_timers_and_papers_wait_for_no_office_suite(office: Office, tmp_path: Path, monkeypatch) -> None:
    """A suite that hangs keeps one thread busy, and no other."""
    object.__setattr__(office.settings, "soffice", program(tmp_path, "sleep 3"))
    monkeypatch.setattr(worker, "PAUSE", 0.05)
    monkeypatch.setattr("app.post.DEADLINE", 0.1)
    case_id = issued(office)
    stop, others = threading.Event(), set(threading.enumerate())
    args = (office.settings, office.db.reading, office.db.writing, stop)
    threading.Thread(target=worker.run, args=args).start()
    try:
        wait(lambda: bool(running(tmp_path)))
        with office.work() as ctx:
            ctx.session.execute(
                update(Document).where(Document.case_id == case_id).values(filled_at=None, sha256=None, inputs={})
            )  # a paper that cannot be filled is tried at once
        wait(lambda: rows(office)[0].attempts > 0)
        assert running(tmp_path)
    finally:
        stop.set()
        for thread in set(threading.enumerate()) - others:
            thread.join()  # the one that waits for the suite too: it would come back to a database that is closed
        wait(lambda: running(tmp_path) == [])


@one_kind
@pytest.mark.parametrize(
    ("harm", "finding"),
    [
        ("file", "Berkas dokumen “{name}” hilang atau berubah."),
        ("row", "PDF arsip permohonan bukan yang dicatat riwayat."),
        ("signer", "PDF arsip permohonan bukan yang dicatat riwayat."),
    ],
)
def test_a_changed_pdf_is_found(harm: str, finding: str, office: Office, suite: Path) -> None:
    case_id = issued(office)
    assert work(office)
    [paper, *_] = rows(office, case_id)
    assert paper.pdf_sha256 is not None
    if harm == "file":
        path = files.path(office.settings.files, paper.pdf_sha256)
        path.write_bytes(path.read_bytes() + b" ")
    else:
        column = {"pdf_sha256": paper.sha256} if harm == "row" else {"signed_by": "CN=Siapa"}
        with office.work() as ctx:
            ctx.session.execute(update(Document).where(Document.id == paper.id).values(**column))
    with office.look() as ctx:
        found = audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings
    assert [text.partition(": ")[2] or text for text in found] == [finding.format(name=paper.name)]


def linked(port: int) -> bytes:
    """A letter with a picture that lies elsewhere."""
    letter = docx.Document()
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
    where = letter.part.relate_to(f"http://127.0.0.1:{port}/a.png", kind, is_external=True)
    office, draw = "http://schemas.openxmlformats.org", "http://schemas.openxmlformats.org/drawingml/2006"
    letter.element.body.insert(0, etree.fromstring(f"""
        <w:p xmlns:w="{office}/wordprocessingml/2006/main" xmlns:wp="{draw}/wordprocessingDrawing"
          xmlns:a="{draw}/main" xmlns:pic="{draw}/picture" xmlns:r="{office}/officeDocument/2006/relationships">
        <w:r><w:drawing><wp:inline><wp:extent cx="990000" cy="990000"/><wp:docPr id="1" name="a"/><a:graphic>
        <a:graphicData uri="{draw}/picture"><pic:pic>
        <pic:nvPicPr><pic:cNvPr id="0" name="a"/><pic:cNvPicPr/></pic:nvPicPr>
        <pic:blipFill><a:blip r:link="{where}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>
        <pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="990000" cy="990000"/></a:xfrm><a:prstGeom prst="rect"/>
        </pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"""))  # fmt: skip
    whole = io.BytesIO()
    letter.save(whole)
    return whole.getvalue()


@one_kind
def test_it_fetches_nothing(office: Office, suite: Path) -> None:
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_PROPFIND = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert pdf.archived(suite, linked(server.server_port)).startswith(b"%PDF-")
    server.shutdown()
    server.server_close()
    assert asked == []


@one_kind
@pytest.mark.parametrize(
    ("script", "seconds", "message"),
    [
        ("exit 0", 5, "Aplikasi perkantoran tidak dapat menjadikan dokumen ini PDF."),
        ("kill -9 $$", 5, "Aplikasi perkantoran tidak dapat menjadikan dokumen ini PDF."),
        ("sleep 60 & sleep 60", 0.3, "Pembuatan PDF terlalu lama dan dihentikan."),
        ('for a in "$@"; do last=$a; done; echo "bukan" > "${last%.docx}.pdf"', 5,
         "Aplikasi perkantoran tidak dapat menjadikan dokumen ini PDF."),
    ],
)  # fmt: skip
def test_a_suite_that_does_not(script: str, seconds: float, message: str, office: Office, tmp_path: Path) -> None:
    with pytest.raises(pdf.ConversionError) as refused:
        pdf.archived(program(tmp_path, script), b"x", seconds)
    assert str(refused.value) == message
    assert running(tmp_path) == []


def test_the_setting(tmp_path: Path) -> None:
    base = {"ALUR_DATABASE_URL": "sqlite://", "ALUR_FILES": str(tmp_path), "ALUR_SECRET_KEY": "x"}
    mine = program(tmp_path, "exit 0")
    assert configured({**base, "ALUR_SOFFICE": str(mine)}).soffice == mine
    assert configured({**base, "ALUR_SOFFICE": "0"}).soffice is None
    with pytest.raises(ConfigError, match="ALUR_SOFFICE: bukan program"):
        configured({**base, "ALUR_SOFFICE": str(tmp_path / "tidak-ada")})
