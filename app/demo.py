"""Demo data: the SOPs that lie beside the program, a person for each lane, and cases on every stretch of the way.

Everything is read off the definitions and forms (their `contoh` values), so that any SOP has a demo.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app import absences, bundles, cases, forms, papers, people, revisions, uploads, worktime
from app.config import Settings
from app.context import Context
from app.engine.definition import Choice
from app.models import Case, Person, Revision, Task

PASSWORD = "alur-demo"  # noqa: S105 - told to everybody, on demo installations only
OFFICERS = (
    "Sari Wulandari", "Budi Santoso", "Rina Marlina", "Agus Setiawan", "Dewi Lestari", "Hendra Gunawan", "Maya Puspita",
    "Joko Prasetyo", "Ratna Sari Dewi", "Irwan Hakim", "Nurul Hidayah", "Bambang Susilo", "Fitri Handayani",
    "Yusuf Maulana", "Endang Suryani", "Taufik Rahman", "Wahyu Nugroho", "Lestari Handoko", "Arif Budiman",
    "Sri Rahayu",
)  # fmt: skip
APPLICANTS = ("Andi Pratama", "Lina Kusuma", "Rahmat Hidayat")
REASON = "Ada yang belum sesuai dengan lampirannya. Mohon diperiksa dan diperbaiki."
CASES = 24


@dataclass(frozen=True)
class Staff:
    """Who does what in a demo: lane name -> login name."""

    by_lane: dict[str, Person]
    applicants: list[Person]


def build(settings: Settings, writing: sessionmaker[Session], folder: Path, say: Callable[[str], None]) -> None:
    """Installs every SOP under `folder`, with people and cases, into a database that has no people yet."""
    with writing.begin() as session:
        if session.scalar(select(func.count()).select_from(Person)):
            return
        ctx = Context(session, settings.now() - timedelta(days=21), settings)
        installed = [
            revisions.install(ctx, bundle, "alur demo", "data contoh")
            for bundle in bundles.read([folder / "bpmn", folder / "forms", folder / "docx_templates"])
        ]
        staff = hire(ctx, installed)
        ids = [revision.id for revision in installed]
    for revision_id in ids:
        for number in range(CASES):
            with writing.begin() as session:
                play(session, settings, session.get_one(Revision, revision_id), staff, seed=number, of=CASES)
            say(f"{number + 1}/{CASES}")


def hire(ctx: Context, installed: list[Revision]) -> Staff:
    """One person for each lane of these SOPs, three applicants, an owner and an auditor, all with the demo password."""
    by_lane: dict[str, Person] = {}
    definitions = [revisions.load(ctx.session, revision.id).definition for revision in installed]
    names = iter(OFFICERS * 4)
    for definition in definitions:
        for lane in definition.lanes:
            if lane.name == definition.applicant_lane or lane.name in by_lane:
                continue
            person = people.new_person(
                ctx, _login(lane.name), PASSWORD, full_name=next(names), title=lane.name, email=_address(lane.name),
                email_verified_at=ctx.now,
                nip=f"19{75 + len(by_lane)}0612 200{len(by_lane) % 10}01 {1 + len(by_lane) % 2} 00{len(by_lane) % 10}",
            )  # fmt: skip
            people.grant(ctx, person, lane.name)
            by_lane[lane.name] = person
    applicants = [
        people.new_person(
            ctx,
            f"pemohon{n}",
            PASSWORD,
            full_name=name,
            applicant=True,
            email=_address(f"pemohon{n}"),
            email_verified_at=ctx.now,
        )  # fmt: skip
        for n, name in enumerate(APPLICANTS, 1)
    ]
    admin = people.new_person(
        ctx, "pemilik", PASSWORD, full_name="Kartika Dewanti", owner=True, admin=True, email=_address("pemilik"),
        email_verified_at=ctx.now,
    )  # fmt: skip
    people.new_person(
        ctx, "auditor", PASSWORD, full_name="Surya Wibowo", auditor=True, email=_address("auditor"),
        email_verified_at=ctx.now,
    )  # fmt: skip
    _leave(ctx, admin, [*by_lane.values()])
    return Staff(by_lane, applicants)


def _leave(ctx: Context, admin: Person, officers: list[Person]) -> None:
    """An absence that is to come: the second of two officers stands in for the first, a week from today."""
    first = ctx.settings.now().astimezone(ctx.settings.zone).date() + timedelta(days=7)
    letter = f"SP 800/12/{first.year} tanggal {first - timedelta(days=9):%d-%m-%Y}"
    if len(officers) > 1:
        entered = absences.Entered(officers[0], officers[1], "plh", first, first + timedelta(days=4), letter)
        absences.enter(ctx, admin, entered, understood=True)


def _address(name: str) -> str:
    return f"{_login(name)}@contoh.id"


def play(session: Session, settings: Settings, revision: Revision, staff: Staff, *, seed: int, of: int) -> Case:
    """One case, played from its start to somewhere: the last of `of` seeds reach the end."""
    random = Random(seed)  # noqa: S311 - a demo that is the same every time
    clock = at_work(settings.now() - timedelta(days=2 + (seed * 7) % 14), settings, random)
    definition = revisions.load(session, revision.id).definition
    ctx = Context(session, clock, settings)
    applicant = staff.applicants[seed % len(staff.applicants)]
    begins = next(start.lane for start in definition.starts if start.default)
    opener = applicant if definition.applicant_lane is not None else staff.by_lane[begins]
    actor = people.actor(session, opener, clock)
    case = cases.open_case(ctx, actor, revision.sop)
    steps = len(definition.steps)
    for done in range(round((seed + 1) / of * steps * 1.3)):
        open_now = cases.open_tasks(ctx, case)
        if not open_now:
            break
        task = random.choice(open_now)
        clock = at_work(clock + timedelta(minutes=random.randint(6, 170)), settings, random)
        if clock > settings.now():
            break
        ctx = Context(session, clock, settings)
        person = applicant if task.lane.applicant else staff.by_lane[task.lane.name]
        returns = [way for way in cases.choices(ctx, task) if way.returns]
        back = returns[-1] if returns and done > 1 and random.random() < 0.15 else None
        complete(ctx, person, task, seed=seed, choice=back)
        for document in papers.waiting(ctx):
            papers.fill(ctx, document)
    return case


def at_work(moment: datetime, settings: Settings, random: Random) -> datetime:
    """`moment`, or the next morning on which somebody is at their desk."""
    local, calendar = moment.astimezone(settings.zone), worktime.Calendar({})
    while calendar.shut(local.date()) or not time(8) <= local.time() < time(16):
        following = local.date() + timedelta(days=local.time() >= time(8))
        local = datetime.combine(following, time(8, random.randint(0, 50)), settings.zone)
        if calendar.shut(following):
            local = datetime.combine(following, time(17), settings.zone)
    return local.astimezone(UTC)


def complete(
    ctx: Context, person: Person, task: Task, *, seed: int, choice: Choice | None = None, reason: str = REASON
) -> cases.Completion:
    """Completes a task as its lane would, with the form's sample values: by `choice`, else by the first way forward."""
    given = answers(ctx, person, task, seed=seed)
    taken = choice or next(iter(cases.choices(ctx, task)), None)
    note = reason if taken and taken.returns else ""
    actor = people.actor(ctx.session, person, ctx.now)
    return cases.complete(ctx, actor, task.id, given, taken.id if taken else None, note)


def answers(ctx: Context, person: Person, task: Task, *, seed: int) -> dict[str, Any]:
    """The sample values of a task's form. What others filled in before is left as it is, until the case comes back."""
    form = cases.form_of(ctx, task)
    today = ctx.now.astimezone(ctx.settings.zone).date()
    given = forms.sample(form, seed, lambda field: sample_upload(ctx, person, field), today) if form else {}
    if form and task.round == 1:
        data = cases.data_of(ctx, task.case)
        there = {pointer[1:].replace("/", "."): forms.at(data, pointer) for pointer in form.asked}
        given = forms.merge(given, forms.nested({key: value for key, value in there.items() if value is not None}))
    return given


def sample_upload(ctx: Context, person: Person, field: forms.Field) -> str:
    """An upload of a one-page PDF that bears the field's label, or of a small picture where only those are accepted."""
    pdf = "application/pdf" in field.accept or not field.accept
    content = _pdf(field.label) if pdf else _png()
    name = f"{_login(field.label) or 'berkas'}.{'pdf' if pdf else 'png'}"
    return uploads.save(ctx, person, name, content).id


def _login(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]


def _pdf(label: str) -> bytes:
    """A one-page PDF with one line of text."""
    shown = label.encode("latin-1", "replace").replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
    text = b"BT /F1 18 Tf 60 760 Td (" + shown + b") Tj 0 -28 Td /F1 11 Tf (Contoh berkas, bukan dokumen asli.) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    whole, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(whole))
        whole += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(whole),
    )
    return whole + end


def _png() -> bytes:
    """A plain 30 by 40 picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = (30).to_bytes(4, "big") + (40).to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    rows = b"".join(b"\0" + bytes((150, 170, 190)) * 30 for _ in range(40))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
