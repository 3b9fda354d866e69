"""The end of a retention: what is personal goes, by two people's word, and the case is proven all the same."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from app import (
    audit,
    cases,
    demo,
    files,
    forms,
    journal,
    retention,
    revisions,
    uploads,
    worker,
)
from app.context import Context
from app.models import (
    Base,
    Case,
    DestructionCase,
    Document,
    Person,
    Proxy,
    Task,
)
from tests import play, sops
from tests.conftest import Database, Office

LAW = "Peraturan Gubernur Nomor 12 Tahun 2025"


def schedule(office: Office) -> retention.Schedule:
    with office.look() as ctx:
        found = retention.of_sop(ctx, office.sop)
    assert found is not None
    return found


def ended(office: Office, **rest: Any) -> int:
    """A case that has come to its end."""
    case_id = play.apply(office, **rest)
    play.finish(office, case_id)
    return case_id


def years_on(office: Office) -> None:
    office.later(days=366 * 12)


def proposer(office: Office) -> str:
    return office.officers[schedule(office).proposing]


def decider(office: Office) -> str:
    return office.officers[schedule(office).deciding]


def proposed(office: Office) -> int:
    with office.work() as ctx:
        return retention.propose(ctx, office.actor(ctx, proposer(office)), office.sop, LAW).id


def approved(office: Office) -> int:
    number = proposed(office)
    with office.work() as ctx:
        retention.decide(ctx, office.actor(ctx, decider(office)), number, True)
    return number


def at_work(office: Office) -> None:
    while worker.once(office.settings, office.db.reading, office.db.writing, jobs=worker.HOUSE):
        pass


def destroyed(office: Office) -> int:
    """Everything that is due, destroyed; the list's number."""
    number = approved(office)
    at_work(office)
    return number


def found(office: Office) -> list[str]:
    with office.look() as ctx:
        return [f"{proof.number}: {words}" for proof in audit.verify(ctx) for words in proof.all_findings]


def outcome(office: Office, number: int) -> dict[int, str]:
    """What became of the cases of a list."""
    with office.look() as ctx:
        rows = ctx.session.scalars(select(DestructionCase).where(DestructionCase.destruction_id == number))
        return {row.case_id: "musnah" if row.done_at else row.skipped for row in rows}


# -- nothing personal is left -----------------------------------------------------------------------------------------


class Planted:
    """Marks that stand nowhere else, so that whatever is left of one is found again."""

    def __init__(self) -> None:
        self.marks: list[str] = []

    def mark(self, what: str) -> str:
        name = re.sub("[^a-z]", "", what.lower())[:12] or "x"
        self.marks.append(f"zq{name}{len(self.marks):04}qz")
        return self.marks[-1]

    def file(self, ctx: Context, person: Person, field: forms.Field) -> str:
        pdf = demo._pdf(self.mark("berkas")) if "application/pdf" in field.accept or not field.accept else demo._png()
        return uploads.save(ctx, person, f"{self.mark('nama')}.{'pdf' if pdf[:4] == b'%PDF' else 'png'}", pdf).id

    def answers(self, ctx: Context, task: Task, person: Person) -> dict[str, Any]:
        """Sample answers with a mark in every text."""
        form = cases.form_of(ctx, task)
        if form is None:
            return {}
        today = ctx.now.astimezone(ctx.settings.zone).date()
        sample = forms.sample(form, 1, lambda field: self.file(ctx, person, field), today)
        facts = revisions.load(ctx.session, task.case.revision_id).definition.facts
        return self._marked(form, sample, "", set(facts))

    def _marked(self, form: forms.Form, value: Any, pointer: str, facts: set[str]) -> Any:
        if isinstance(value, dict):
            return {key: self._marked(form, inner, f"{pointer}/{key}", facts) for key, inner in value.items()}
        field = form.field_at(pointer)
        if isinstance(value, list):
            return [self._marked(form, inner, f"{pointer}/{n}", facts) for n, inner in enumerate(value)]
        typed = field is not None and field.type in ("textfield", "textarea") and not field.readonly
        if not typed or field is None or pointer[1:].replace("/", ".") in facts or not isinstance(value, str):
            return value
        if field.validation == "email":
            return f"{self.mark('surel')}@contoh.id"
        mark = self.mark(field.key)
        fits = (not field.pattern or re.fullmatch(field.pattern, mark)) and len(mark) <= (field.max_length or 99)
        return mark if fits and not field.validation else value


def worked_through(office: Office, planted: Planted) -> int:
    """A case with a mark wherever somebody can write, driven to its end with one return on the way."""
    outside = office.definition.applicant_lane is not None
    with office.work() as ctx:
        for name in ("pemohon", "pemohon2"):
            person = office.person(ctx, name)
            person.full_name = planted.mark(name)
            person.email, person.email_verified_at = f"{planted.mark('alamat')}@contoh.id", ctx.now
        if outside:
            giver, proxy = office.person(ctx, "pemohon"), office.person(ctx, "pemohon2")
            letter = uploads.save(ctx, giver, "kuasa.pdf", b"%PDF-1.4\n%%EOF\n")
            span = {"since": ctx.now, "until": ctx.now + timedelta(days=90), "created_at": ctx.now}
            ctx.session.add(Proxy(principal_id=giver.id, proxy_id=proxy.id, upload_id=letter.id, **span))
    case_id = play.apply(office, data={"x": planted.mark("awal")})
    officer = next(iter(office.officers.values()))
    returned = False
    for round_ in range(80):
        office.later(minutes=30)
        with office.work() as ctx:
            waiting = play.waiting(ctx, case_id)
            if not waiting:
                break
            task = waiting[0]
            person = play.performer(office, ctx, task)
            if outside and task.lane.applicant and round_:
                cases.claim(ctx, office.actor(ctx, "pemohon2"), task.id)  # by a letter of attorney
            actor = office.actor(ctx, "pemohon2" if task.assignee_id and task.lane.applicant else person.name)
            cases.save_draft(ctx, actor, task.id, {"konsep": planted.mark("konsep")})
            if not task.lane.applicant:
                cases.note(ctx, actor, case_id, f"{planted.mark('catatan')} @{officer}")
            ways = cases.choices(ctx, task)
            back = next((w for w in ways if w.returns), None) if not returned else None
            way = back or next(iter(ways), None)
            returned = returned or back is not None
            answers = planted.answers(ctx, task, actor.person)
            faults = [{"pointer": "/x", "message": planted.mark("tanda")}] if back else []
            note = planted.mark("alasan")
            task_id, choice = task.id, way.id if way else None
        with office.work() as ctx:
            actor = office.actor(ctx, actor.person.name)
            try:
                cases.complete(ctx, actor, task_id, answers, choice, note, faults)
            except cases.Invalid as invalid:
                raise AssertionError([(f.pointer, f.message) for f in invalid.faults]) from None
        at_work(office)
    assert returned
    if outside:
        with office.work() as ctx:
            asked = cases.complaints.ask(ctx, office.actor(ctx, "pemohon2"), case_id, "pertanyaan", planted.mark("tanya"))
            loaded = revisions.load(ctx.session, ctx.session.get_one(Case, case_id).revision_id)
            lane = sorted(cases.complaints.answering(loaded.definition))[0]
            answerer = office.actor(ctx, office.officers[lane])
            cases.complaints.answer(ctx, answerer, asked.id, planted.mark("jawab"))
    with office.work() as ctx:
        late = office.person(ctx, office.opener)
        uploads.save(ctx, late, f"{planted.mark('takterkirim')}.pdf", demo._pdf(planted.mark("takterkirim")))
        lines = ctx.session.scalars(select(Case.search).where(Case.id == case_id)).one().split()
    client = office.client("auditor")
    client.get(f"/permohonan/semua?cari={lines[-1]}")
    client.get(f"/permohonan/{case_id}")
    return case_id


def remains(office: Office) -> str:
    """All that the database holds, but for accounts, decoded where it is packed; and all that lies in the store."""
    parts: list[str] = []
    with office.look() as ctx:
        for table in Base.metadata.sorted_tables:
            if table.name == "person":
                continue
            for row in ctx.session.execute(text(f'SELECT * FROM "{table.name}"')):
                parts += [f"{table.name}: {said}" for value in row for said in _said(value)]
    for path in office.settings.files.rglob("*"):
        if path.is_file():
            parts += [f"{path.name}: {said}" for said in _said(path.read_bytes())]
    return "\n".join(parts)


def _said(value: Any) -> Iterator[str]:
    if not isinstance(value, bytes | memoryview):
        yield str(value)
        return
    raw = bytes(value)
    yield raw.decode("latin-1")
    with suppress(zlib.error):
        yield zlib.decompress(raw).decode()
    if raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield archive.read(name).decode("latin-1")


def on_disk(db: Database) -> bytes:
    """A SQLite database as it lies on the disk, with its log."""
    path = Path(db.url.removeprefix("sqlite:///"))
    return b"".join(p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("sop", sops.KEYS)
def test_nothing_that_anybody_wrote_is_left(office: Office, sop: str) -> None:
    planted = Planted()
    case_id = worked_through(office, planted)
    held = remains(office)
    account = {m for m in planted.marks if m not in held}
    assert len(planted.marks) - len(account) > 40  # what was planted is there before
    with office.look() as ctx:
        number = ctx.session.get_one(Case, case_id).number
        papers = ctx.session.scalars(select(Document.sha256).where(Document.case_id == case_id)).all()
    years_on(office)
    destroyed(office)
    left = remains(office)
    assert [m for m in planted.marks if m in left] == []
    if office.db.kind == "sqlite":
        with office.look() as ctx:
            accounts = " ".join(f"{p.full_name} {p.email}" for p in ctx.session.scalars(select(Person)))
        raw = on_disk(office.db).decode("latin-1")
        assert [m for m in planted.marks if m in raw and m not in accounts] == []
    assert papers
    assert not any(files.size(office.settings.files, digest) for digest in papers if digest)
    assert found(office) == []
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.number, case.applicant_name, case.subject, case.search) == (number, "", "", number.lower())
        assert case.destroyed_at == office.now
        last = journal.entries(ctx, case_id)[-1]
        assert (last.kind, last.body["reference"]) == ("destroy", LAW)
        assert last.body["proposed"]["name"] != last.body["decided"]["name"]
