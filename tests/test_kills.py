"""Officers at work are killed at any moment, and what is in the database is always a whole number of their deeds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from random import Random

import docx
import pytest
from sqlalchemy import func, select

from app import audit, bundles, files, journal, people, revisions, worker
from app.models import Case, Document, Register, RegisterEntry
from tests import numberers, play
from tests.conftest import PASSWORD, ROOT, Office
from tests.drawn import draw, given, lanes

OFFICERS = 3


def rounds(office: Office, count: int, seed: int) -> None:
    """Kills the officers `count` times."""
    random = Random(seed)
    for number in range(count):
        running = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.officer",
                    office.db.url,
                    str(office.settings.files),
                    f"{seed}.{number}.{n}",
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            for n in range(OFFICERS)
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
        time.sleep(random.uniform(0.3, 1.5))
        for process in running:
            assert process.poll() is None, "an officer ended by themselves"
            process.kill()
        for process in running:
            process.communicate()


def prove(office: Office) -> None:
    """Every case is whole, every number belongs to a case and none is missing, every paper gets filled, every case ends."""
    office.at(datetime.now(UTC))
    while worker.once(office.settings, office.db.reading, office.db.writing):
        pass
    with office.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(Document).where(Document.filled_at.is_(None))) == 0
        for register in ctx.session.scalars(select(Register)):
            given = select(RegisterEntry.number).where(RegisterEntry.register == register.name)
            numbers = list(ctx.session.scalars(given.where(RegisterEntry.year == register.year)))
            assert sorted(numbers) == list(range(1, register.last + 1)), register.name
        found = list(ctx.session.scalars(select(Case.id).where(Case.status == "open")))
        assert len(found) >= 1
    play.finish(office, found[0])
    with office.look() as ctx:
        assert [proof.all_findings for proof in audit.verify(ctx) if not proof.whole] == []


def test_killed_at_work(office: Office) -> None:
    rounds(office, 2, seed=1)
    prove(office)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_work_again_and_again(seed: int, office: Office) -> None:
    rounds(office, 25, seed=100 + seed)
    prove(office)


# -- numbers ----------------------------------------------------------------------------------------------------------

NUMBERERS = 20
NUMBERED = """
start m
user daftar "Daftarkan" <{daftar}>
user nomori "Beri nomor dan terbitkan" <{nomori}>
end z
m > daftar
daftar > nomori
nomori > z
"""


def numbering(office: Office) -> None:
    """An SOP that numbers at both of its steps and issues its paper at the last, and twenty officers who hold it."""
    paper = docx.Document()
    paper.add_paragraph("Izin {{ isian.nomor_izin }} ({{ isian.nomor_agenda }})")
    content = io.BytesIO()
    paper.save(content)
    drawing = NUMBERED.format(
        daftar=given(register="nomor_agenda = Agenda : {urut:4}/{bulan_romawi}/{tahun}"),
        nomori=given(register="nomor_izin = Izin : 503/{urut:4}/UJI/{tahun}", dokumen="izin.docx | Izin | rangkap 2"),
    )
    bundle = {
        "nomor.bpmn": draw(drawing, lanes(("Penomor", "m daftar nomori z")), id=numberers.SOP),
        "izin.docx": content.getvalue(),
    }
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered(bundle)[0], "uji", "uji")
        for number in range(NUMBERERS):
            people.grant(ctx, people.new_person(ctx, f"penomor{number}", PASSWORD), "Penomor")


def numbered(office: Office, seed: int, kills: int) -> None:
    """Twenty at once, killed so many times one by one, and then all."""
    print("seed", seed)
    numbering(office)
    command = [sys.executable, "-m", "tests.numberers", office.db.url, str(office.settings.files)]
    command += [str(seed), str(NUMBERERS), str(kills)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (told.stderr, told.stdout) == ("", f"ready\n{kills + NUMBERERS}\n")
    prove_numbers(office)


def prove_numbers(office: Office) -> None:
    """No gap, no twin, nothing half issued: each number has its case, its event and its paper, and each of those it."""
    office.at(datetime.now(UTC))
    with office.look() as ctx:
        given = select(RegisterEntry).where(RegisterEntry.register.in_(("Agenda", "Izin")))
        entries = ctx.session.scalars(given.order_by(RegisterEntry.register, RegisterEntry.number)).all()
        last = {row.name: row.last for row in ctx.session.scalars(select(Register))}
        events = {
            (number, e.at): (key, entry.case_id, e.seq)
            for entry in entries
            for e in journal.entries(ctx, entry.case_id or 0, kind="complete")
            for key, number in e.body["numbers"].items()
        }
        issued = ctx.session.execute(select(Document.case_id, Document.seq)).all()
        ended = ctx.session.scalar(select(func.count()).select_from(Case).where(Case.status == "ended"))
    for book, key in (("Agenda", "nomor_agenda"), ("Izin", "nomor_izin")):
        mine = [entry for entry in entries if entry.register == book]
        assert [entry.number for entry in mine] == list(range(1, last[book] + 1))
        assert len({entry.text for entry in mine}) == len({entry.case_id for entry in mine}) == last[book]
        assert all(events[entry.text, entry.given_at][:2] == (key, entry.case_id) for entry in mine)
    assert sorted(tuple(row) for row in issued) == sorted(
        (case_id, seq) for key, case_id, seq in events.values() if key == "nomor_izin"
    )
    assert (len(events), len(issued)) == (last["Agenda"] + last["Izin"], ended)
    while worker.once(office.settings, office.db.reading, office.db.writing):
        pass
    with office.look() as ctx:
        papers = ctx.session.execute(select(Document.sha256, Document.filled_at)).all()
        assert all(row.filled_at and files.whole(office.settings.files, row.sha256) for row in papers)
        assert [proof.all_findings for proof in audit.verify(ctx) if not proof.whole] == []
    print(f"{os.getpid()}: {last['Izin']} permits, {last['Agenda']} receipts")


def test_numberers_are_killed(office: Office) -> None:
    numbered(office, seed=int(os.environ.get("ALUR_SEED", "7")), kills=15)


@pytest.mark.soak
def test_twenty_numberers_are_killed_two_hundred_times(office: Office) -> None:
    numbered(office, seed=Random().randrange(10**6), kills=200)
