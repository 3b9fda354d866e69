"""The end of a retention: what is personal goes, by two people's word, and the case is proven all the same."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from app import (
    audit,
    backup,
    bundles,
    cases,
    checks,
    database,
    demo,
    files,
    forms,
    inbox,
    journal,
    people,
    registers,
    retention,
    revisions,
    uploads,
    wording,
    worker,
)
from app.context import Context
from app.models import (
    Base,
    Case,
    Deputy,
    Destruction,
    DestructionCase,
    Document,
    Event,
    EventValues,
    Hold,
    Person,
    Proxy,
    RegisterEntry,
    Task,
    Upload,
)
from app.people import new_token
from tests import play, sops
from tests.conftest import PASSWORD, ROOT, Database, Office

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


def without_term(office: Office) -> None:
    """What was given holds for no time of its own, so that its case's end alone counts."""
    with office.work() as ctx:
        ctx.session.execute(update(Document).values(valid_until=None))


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
    returned = struck = False
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
        struck = struck or strikes_out(office, case_id, planted)
        while worker.once(office.settings, office.db.reading, office.db.writing):  # mail goes out as well
            pass
    assert returned
    assert struck
    if outside:
        with office.work() as ctx:
            asked = cases.complaints.ask(
                ctx, office.actor(ctx, "pemohon2"), case_id, "pertanyaan", planted.mark("tanya")
            )
            loaded = revisions.load(ctx.session, ctx.session.get_one(Case, case_id).revision_id)
            lane = sorted(cases.complaints.answering(loaded.definition))[0]
            answerer = office.actor(ctx, office.officers[lane])
            cases.complaints.answer(ctx, answerer, asked.id, planted.mark("jawab"))
    with office.work() as ctx:
        number = ctx.session.get_one(Case, case_id).number
        by = office.actor(ctx, proposer(office))
        retention.lift(ctx, by, retention.hold(ctx, by, office.sop, number, planted.mark("tahan")).id)
    with office.work() as ctx:
        late = office.person(ctx, office.opener)
        uploads.save(ctx, late, f"{planted.mark('takterkirim')}.pdf", demo._pdf(planted.mark("takterkirim")))
        search = ctx.session.scalars(select(Case.search).where(Case.id == case_id)).one()
        words = [mark for mark in planted.marks if mark in search]
        inbox.save_view(ctx.session, office.person(ctx, officer), planted.mark("saringan"), f"cari={words[0].upper()}")
        if outside:  # a paper that bears no number
            day, said = ctx.local().date().isoformat(), planted.mark("saran")
            cases.surveys.enter(ctx, office.actor(ctx, office.counter), office.sop, day, "343423413", "", said)
    client = office.client("auditor")
    for word in words:
        assert client.get(f"/permohonan/semua?cari={word}").status_code == 200
    client.get(f"/permohonan/{case_id}")
    return case_id


def strikes_out(office: Office, case_id: int, planted: Planted) -> bool:
    """A number that the case bears, with a mark as the reason; False where it bears none, or has come to its end."""
    with office.work() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        for entry in ctx.session.scalars(select(RegisterEntry).where(RegisterEntry.case_id == case_id)):
            for lane in revisions.numbering_lanes(loaded, entry.register) if case.status == "open" else ():
                by = office.actor(ctx, office.officers[lane])
                cases.void_number(ctx, by, *registers.key(entry), planted.mark("batal"))
                return True
    return False


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


@pytest.mark.parametrize(
    ("kind", "sop"), [*(("sqlite", key) for key in sops.KEYS), ("postgresql", sops.LARGEST)], indirect=["kind"]
)
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


# -- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "unit", "day", "last"),
    [
        (5, "tahun", date(2031, 11, 24), date(2026, 11, 24)),
        (5, "tahun", date(2029, 2, 28), date(2024, 2, 28)),  # what ended on the 29th is kept a day longer
        (1, "tahun", date(2028, 2, 29), date(2027, 2, 28)),
        (6, "bulan", date(2026, 8, 31), date(2026, 2, 28)),
        (1, "bulan", date(2026, 1, 31), date(2025, 12, 31)),
        (90, "hari", date(2027, 1, 1), date(2026, 10, 3)),
    ],
)
def test_the_last_day_on_which_something_may_have_ended(length: int, unit: str, day: date, last: date) -> None:
    assert retention.Schedule("x", "X", 1, length, unit, "A", "B").back(day) == last


def counts(office: Office) -> tuple[int, int]:
    """What is due now, and within half a year."""
    known = schedule(office)
    with office.look() as ctx:
        return retention.count(ctx, known), retention.count(ctx, known, retention.half_year(ctx))


def test_due_by_the_end_and_by_what_was_given(office: Office) -> None:
    """To the day; a permit that is in force longer than its case is kept from its own end on."""
    ended(office)
    without_term(office)
    play.apply(office)  # which stays open
    with office.look() as ctx:
        day = ctx.local(ctx.session.scalars(select(Case.ended_at).where(Case.ended_at.is_not(None))).one()).date()
        years = retention.of_sop(ctx, office.sop)
        assert years is not None
        assert years.unit == "tahun"
    morning = office.now.replace(hour=1)
    over = day.replace(year=day.year + years.length)
    told = []
    for shift in (-190, -180, -1, 0):
        office.at(morning + (over - day) + timedelta(days=shift))
        told.append(counts(office))
    assert told == [(0, 0), (0, 1), (0, 1), (1, 1)]
    with office.work() as ctx:
        paper = ctx.session.scalars(select(Document).order_by(Document.id.desc()).limit(1)).one()
        paper.valid_until = day + timedelta(days=365)
    assert counts(office) == (0, 0)
    office.later(days=366)
    assert counts(office) == (1, 1)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_schedule_is_that_of_the_revision_in_force(office: Office) -> None:
    """A case that began under another one is kept as long as the law now says; a schedule withdrawn destroys nothing."""
    bundle = sops.BUNDLES[office.sop]
    line = re.search(rb'name="retensi" value="([^"]*)"', bundle.diagram)
    assert line is not None
    ended(office)
    without_term(office)
    office.later(days=40)
    assert counts(office) == (0, 0)

    def now_says(words: bytes) -> None:
        drawn = (
            bundle.diagram.replace(line[1], words) if words else bundle.diagram.replace(line[0], b'name="x" value=""')
        )
        with office.work() as ctx:
            revisions.install(ctx, bundles.Bundle(**{**vars(bundle), "diagram": drawn}), "uji", "uji")

    now_says(b"30 hari |" + line[1].partition(b"|")[2])
    assert counts(office) == (1, 1)
    number = approved(office)
    now_says(b"")
    at_work(office)
    assert list(outcome(office, number).values()) == ["SOP yang berlaku tidak lagi menetapkan retensi."]
    auditor = office.client("auditor")  # what was destroyed, and by whom, is shown for ever
    assert f"/retensi/{number}" in auditor.get("/retensi").text
    assert office.definition.title in auditor.get(f"/retensi/{number}").text
    assert auditor.get(f"/retensi/{number}/berita-acara.docx").status_code == 200
    assert office.client(office.officers[next(iter(office.officers))]).get(f"/retensi/{number}").status_code == 403


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ("5 tahun | {0} | {1}", ""),
        ("5 tahun | {0} | {0}", ""),  # two people of one lane
        ("lima tahun | {0} | {1}", "tidak terbaca"),
        ("0 tahun | {0} | {1}", "tidak terbaca"),
        ("5 tahun | {0}", "tidak terbaca"),
        ("5 tahun | {0} | Tidak Ada", "lajur “Tidak Ada”, tetapi lajur itu tidak digambar"),
        ("5 tahun | {applicant} | {1}", "lajur pemohon"),
    ],
)
def test_what_is_said_of_a_schedule(said: str, finding: str) -> None:
    bundle = sops.BUNDLES[sops.LARGEST]
    definition = sops.definition(sops.LARGEST)
    lanes = [lane.name for lane in definition.lanes if lane.name != definition.applicant_lane]
    line = re.search(rb'name="retensi" value="([^"]*)"', bundle.diagram)
    assert line is not None
    words = said.format(*lanes, applicant=definition.applicant_lane).encode()
    drawn = bundles.Bundle(**{**vars(bundle), "diagram": bundle.diagram.replace(line[1], words)})
    told = [f.message for f in checks.check(drawn)[1] if f.level == "error"]
    assert (len(told), finding in "".join(told)) == (1 if finding else 0, True)


# -- by whom ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_two_people(office: Office) -> None:
    """Nobody decides what they proposed, nor as anybody's deputy; each lane does its own part; a rejection frees all."""
    ended(office)
    known = schedule(office)
    with pytest.raises(cases.NotNow), office.work() as ctx:
        retention.propose(ctx, office.actor(ctx, proposer(office)), office.sop, LAW)
    years_on(office)
    for name, refusal in ((decider(office), cases.NotYours), ("luar", cases.NotYours), ("auditor", cases.NotYours)):
        with pytest.raises(refusal), office.work() as ctx:
            retention.propose(ctx, office.actor(ctx, name), office.sop, LAW)
    with pytest.raises(cases.Invalid), office.work() as ctx:
        retention.propose(ctx, office.actor(ctx, proposer(office)), office.sop, "  ")
    with office.work() as ctx:
        both = office.person(ctx, proposer(office))
        people.grant(ctx, both, known.deciding)
    number = proposed(office)
    assert counts(office)[0] == 0  # it stands on a list
    for name, refusal in ((proposer(office), cases.FourEyes), ("luar", cases.NotYours)):
        with pytest.raises(refusal), office.work() as ctx:
            retention.decide(ctx, office.actor(ctx, name), number, True)
    with pytest.raises(cases.ReasonNeeded), office.work() as ctx:
        retention.decide(ctx, office.actor(ctx, decider(office)), number, False)
    with office.work() as ctx:
        retention.decide(ctx, office.actor(ctx, decider(office)), number, False, "Masih diperiksa.")
    with pytest.raises(cases.AlreadyDone), office.work() as ctx:
        retention.decide(ctx, office.actor(ctx, decider(office)), number, True)
    at_work(office)
    assert counts(office)[0] == 1
    assert found(office) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("whose", ["proposer", "decider"])
def test_a_deputy_is_whom_they_stand_for(office: Office, whose: str) -> None:
    """Neither a deputy nor the one for whom they act decides what the other has proposed."""
    ended(office)
    years_on(office)
    boss, by = office.person, office.settings.now
    with office.work() as ctx:
        first, second = boss(ctx, proposer(office)), boss(ctx, decider(office))
        deputy = people.new_person(ctx, "wakil", PASSWORD, full_name="Wakil Keduanya")
        people.grant(ctx, deputy, schedule(office).deciding if whose == "proposer" else schedule(office).proposing)
        people.grant(ctx, first, schedule(office).deciding)
        span = {"since": by() - timedelta(days=1), "until": by() + timedelta(days=3), "created_at": by()}
        absent = first if whose == "proposer" else second
        ctx.session.add(
            Deputy(person_id=absent.id, deputy_id=deputy.id, kind="plh", reference="SP", by_id=absent.id, **span)
        )
    with office.work() as ctx:
        name = "wakil" if whose == "proposer" else proposer(office)
        row = retention.propose(ctx, office.actor(ctx, "wakil" if whose == "proposer" else name), office.sop, LAW)
        number, absent_id = row.id, row.proposed_for_id
    if whose == "proposer":  # proposed by the deputy, for the first, who is back
        office.later(days=4)
        assert absent_id is not None
        with pytest.raises(cases.FourEyes), office.work() as ctx:
            retention.decide(ctx, office.actor(ctx, proposer(office)), number, True)
    else:  # decided by the deputy of the second: two people all the same
        with office.work() as ctx:
            retention.decide(ctx, office.actor(ctx, "wakil"), number, True)
        at_work(office)
        assert list(outcome(office, number).values()) == ["musnah"]
        assert found(office) == []


# -- what is kept ----------------------------------------------------------------------------------------------------


def reopened(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        rule = next(
            rule for name in office.officers.values()
            for rule in cases.offered(ctx, office.actor(ctx, name), ctx.session.get_one(Case, case_id))
            if rule.verb.kind == "reopen"
        )  # fmt: skip
        cases.reopen(ctx, office.actor(ctx, office.officers[rule.lanes[0]]), case_id, "Ada putusan.")


def followed(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        cases.apply_again(ctx, office.actor(ctx, "pemohon"), case_id)


def asked(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        cases.complaints.ask(ctx, office.actor(ctx, "pemohon"), case_id, "pengaduan", "Mengapa?")


def held(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        number = ctx.session.get_one(Case, case_id).number
        retention.hold(ctx, office.actor(ctx, decider(office)), office.sop, number, "Sengketa di PTUN.")


def tampered(office: Office, case_id: int) -> None:
    with office.work() as ctx:
        ctx.session.execute(update(Event).where(Event.case_id == case_id, Event.seq == 2).values(lane="Lain"))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (reopened, "Permohonan ini dibuka kembali."),
        (followed, "Permohonan lanjutannya masih berjalan."),
        (asked, "Ada pertanyaan atau pengaduan yang belum dijawab."),
        (held, "Ditahan."),
        (tampered, "Permohonan ini tidak terbukti oleh putar ulangnya. Periksa dahulu; buktinya jangan dimusnahkan."),
    ],
)
def test_what_happens_in_between_keeps_a_case(
    office: Office, happens: Callable[[Office, int], None], words: str
) -> None:
    """It is looked at once more before it is destroyed; what it is said to wait for is not proposed either."""
    one, other = ended(office), ended(office)
    years_on(office)
    number = approved(office)
    happens(office, one)
    at_work(office)
    assert outcome(office, number) == {one: words, other: "musnah"}
    if happens is not tampered:
        assert counts(office)[0] == 0
        assert found(office) == []
    with office.look() as ctx:
        paper = ctx.session.get_one(Destruction, number).certificate
        assert paper is not None
        told = "\n".join(_said(files.read(office.settings.files, paper)))
        for case_id in (one, other):
            assert ctx.session.get_one(Case, case_id).number in told
        assert words in told


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_held_until_somebody_lifts_it(office: Office) -> None:
    """A case leaves the list on which it stands, and comes back onto the next."""
    one, other = ended(office), ended(office)
    years_on(office)
    number = proposed(office)
    held(office, one)
    assert list(outcome(office, number)) == [other]
    with pytest.raises(cases.Invalid), office.work() as ctx:
        retention.hold(ctx, office.actor(ctx, decider(office)), office.sop, "tidak ada", "")
    with office.work() as ctx:
        retention.decide(ctx, office.actor(ctx, decider(office)), number, True)
    at_work(office)
    assert counts(office)[0] == 0
    for name, refusal in (("luar", cases.NotYours), (proposer(office), None), (proposer(office), cases.AlreadyDone)):
        with office.work() as ctx:
            hold_id = ctx.session.scalars(select(Hold.id)).one()
        if refusal:
            with pytest.raises(refusal), office.work() as ctx:
                retention.lift(ctx, office.actor(ctx, name), hold_id)
        else:
            with office.work() as ctx:
                retention.lift(ctx, office.actor(ctx, name), hold_id)
    assert outcome(office, destroyed(office)) == {one: "musnah"}
    assert found(office) == []


def followed(office: Office, case_id: int) -> int:
    """An application that follows this one, sent with the papers of before, at its end."""
    with office.work() as ctx:
        following = cases.apply_again(ctx, office.actor(ctx, "pemohon"), case_id).id
    with office.work() as ctx:
        task = play.waiting(ctx, following)[0]
        values = cases.values(ctx, task, cases.form_of(ctx, task))
        ways = cases.choices(ctx, task)
        cases.complete(ctx, office.actor(ctx, "pemohon"), task.id, values, ways[0].id if ways else None)
    play.finish(office, following)
    return following


def digests(office: Office, case_id: int) -> set[str]:
    """The bytes of a case's uploads."""
    with office.look() as ctx:
        return set(ctx.session.scalars(select(Upload.sha256).where(Upload.case_id == case_id)))


def test_a_saved_filter_that_finds_other_cases_stays(office: Office) -> None:
    first, second = ended(office), ended(office)
    years_on(office)
    held(office, second)
    with office.work() as ctx:
        shared = ctx.session.get_one(Case, second).applicant_name.split()[0]
        own = ctx.session.get_one(Case, first).number
    client = office.client(proposer(office))
    for name, filters in (
        ("sama", {"cari": shared}), ("sendiri", {"di": "x", "cari": own}), ("tanpa kata", {"milik_saya": "1"})
    ):  # fmt: skip
        assert client.post("/tugas/saringan", data={"nama": name, **filters}).status_code == 303
    assert outcome(office, destroyed(office)) == {first: "musnah"}
    with office.look() as ctx:
        assert [view.name for view in inbox.views(ctx.session, office.person(ctx, proposer(office)))] == [
            "sama", "tanpa kata",
        ]  # fmt: skip


@pytest.mark.parametrize("before", [False, True], ids=["own", "as they were kept before"])
def test_bytes_that_somebody_else_names_stay(
    office: Office, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """An upload that a case which followed uses as well, as its own or, long ago, as that of the case before."""
    if before:
        monkeypatch.setattr(uploads, "taken_on", lambda _ctx, upload_id, _case_id: upload_id)
    case_id = ended(office)
    following = followed(office, case_id)
    old = digests(office, case_id)
    assert (old & digests(office, following) == set()) == before
    assert found(office) == []
    years_on(office)
    held(office, following)
    assert outcome(office, destroyed(office)) == {case_id: "musnah"}
    assert found(office) == []
    assert {d for d in old if files.whole(office.settings.files, d)} == old & digests(office, following) != set()
    with office.work() as ctx:
        retention.lift(ctx, office.actor(ctx, decider(office)), ctx.session.scalars(select(Hold.id)).one())
    assert outcome(office, destroyed(office)) == {following: "musnah"}
    assert not any(files.whole(office.settings.files, d) for d in old)
    assert found(office) == []


def test_a_file_of_two_applicants(office: Office) -> None:
    """The same bytes sent with two cases are one file; it goes with the last of them."""
    first, second = ended(office), ended(office)
    with office.work() as ctx:
        mine, theirs = (
            ctx.session.scalars(select(Upload).where(Upload.case_id == case_id).order_by(Upload.created_at)).first()
            for case_id in (first, second)
        )
        assert mine is not None
        assert theirs is not None
        shared = mine.sha256
    assert shared == theirs.sha256  # sample uploads of one field are the same bytes
    years_on(office)
    held(office, second)
    destroyed(office)
    assert files.whole(office.settings.files, shared)
    with office.work() as ctx:
        retention.lift(ctx, office.actor(ctx, decider(office)), ctx.session.scalars(select(Hold.id)).one())
    destroyed(office)
    assert not files.whole(office.settings.files, shared)
    assert found(office) == []


# -- by the worker ---------------------------------------------------------------------------------------------------


def test_it_can_be_stopped_and_goes_on(office: Office) -> None:
    number_of = [ended(office) for _ in range(2)]
    years_on(office)
    number = approved(office)
    with office.work() as ctx:
        retention.destroy(ctx, number_of[0])
    with office.work() as ctx:
        retention.stop(ctx, office.actor(ctx, proposer(office)), number, True)
    at_work(office)
    assert outcome(office, number) == {number_of[0]: "musnah", number_of[1]: ""}
    with office.look() as ctx:
        assert ctx.session.get_one(Destruction, number).done_at is None
        assert retention.progress(ctx, ctx.session.get_one(Destruction, number)) == retention.Progress(1, 0, 1)
    with office.work() as ctx:
        retention.stop(ctx, office.actor(ctx, decider(office)), number, False)
    at_work(office)
    assert set(outcome(office, number).values()) == {"musnah"}
    assert found(office) == []


KILLED = """
import sys
from app import config, database, worker
from tests.at_work import ByFile
from pathlib import Path
settings = ByFile(**vars(config.settings()))
object.__setattr__(settings, "clock", Path(sys.argv[1]))
print("begun", flush=True)
while True:
    worker.once(settings, *database.sessions(database.connect(settings.database_url)), jobs=worker.HOUSE)
"""


def test_no_number_of_a_destroyed_case_is_struck_out(office: Office) -> None:
    """Nothing happens to it any more, and what somebody gives as a reason would stay."""
    case_id, register = play.apply(office), ""
    while not register:
        play.step(office, case_id)
        with office.look() as ctx:
            given = select(RegisterEntry).where(RegisterEntry.case_id == case_id)
            rows = [row for row in ctx.session.scalars(given) if not row.register.startswith("permohonan ")]
            register = rows[0].register if rows else ""
    with office.work() as ctx:
        cases.end(ctx, office.actor(ctx, "pemohon"), case_id, "withdraw", "Tidak jadi.")
        [lane] = revisions.numbering_lanes(revisions.load(ctx.session, 1), register)
    client = office.client(office.officers[lane])
    book = f"/register/buku?nama={register}&tahun={rows[0].year}"
    strike = f"/register/batal?nama={register}&tahun={rows[0].year}&nomor={rows[0].number}"
    assert "Batalkan nomor" in client.get(book).text
    years_on(office)
    assert outcome(office, destroyed(office)) == {case_id: "musnah"}
    assert "Batalkan nomor" not in client.get(book).text
    assert client.get(strike).status_code == 410
    number = (register, rows[0].year, rows[0].number)
    with pytest.raises(cases.Destroyed), office.work() as ctx:
        cases.void_number(ctx, office.actor(ctx, office.officers[lane]), *number, "Terlambat.")
    assert found(office) == []


def test_killed_and_several_at_once(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers, killed again and again: each case is destroyed once, nothing is left behind, one certificate."""
    case_ids = [ended(office) for _ in range(4)]
    years_on(office)
    number = approved(office)
    clock = tmp_path / "clock"
    clock.write_text(office.now.isoformat())
    for name, value in (
        ("DATABASE_URL", office.db.url),
        ("FILES", office.settings.files),
        ("SECRET_KEY", "rahasia-uji"),
    ):
        monkeypatch.setenv(f"ALUR_{name}", str(value))
    for pause in (0.15, 0.4):
        running = [
            subprocess.Popen([sys.executable, "-c", KILLED, str(clock)], cwd=ROOT, stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
        time.sleep(pause)
        for process in running:
            process.kill()
            process.communicate()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: at_work(office), range(2)))
    assert outcome(office, number) == dict.fromkeys(case_ids, "musnah")
    with office.look() as ctx:
        row = ctx.session.get_one(Destruction, number)
        assert row.done_at is not None
        assert row.certificate is not None
        kept = {path.parent.name + path.name for path in office.settings.files.glob("??/*")}
        assert kept == {row.certificate}
        ends = ctx.session.execute(
            select(Event.case_id, func.count()).where(Event.kind == "destroy").group_by(Event.case_id)
        )
        assert dict(map(tuple, ends)) == dict.fromkeys(case_ids, 1)
    assert found(office) == []


# -- the proof ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def gone(office: Office) -> int:
    """A case that was destroyed."""
    case_id = ended(office)
    years_on(office)
    destroyed(office)
    return case_id


WRONG = [
    ("UPDATE event SET actor = 'Orang Lain' WHERE seq = 1", "Rantai sidik tidak cocok"),
    ("UPDATE event SET choice = 'lain' WHERE choice != ''", "Rantai sidik tidak cocok"),
    (
        "UPDATE event SET body = replace(body, 'sealed', 'terbuka') WHERE kind = 'destroy'",
        "Rantai sidik tidak cocok",
    ),
    ("UPDATE destruction SET decided_by_id = proposed_by_id", "bukan oleh dua orang"),
    ("DELETE FROM destruction_case", "bukan oleh dua orang"),
    ('UPDATE "case" SET destroyed_at = NULL', "waktu pemusnahan yang bukan menurut riwayatnya"),
    ("UPDATE \"case\" SET applicant_name = 'Andi'", "sebagian datanya masih ada"),
    ("DELETE FROM event WHERE kind = 'destroy'", "hilang, padahal permohonan ini tidak dimusnahkan"),
]


def test_what_is_wrong_with_a_destruction_is_found(office: Office, gone: int) -> None:
    """Whatever somebody changes afterwards; each change is undone again."""
    assert found(office) == []
    missed = []
    for statement, finding in WRONG:
        with office.db.writing() as session:
            session.execute(text(statement))
            proofs = audit.verify(Context(session, office.now, office.settings))
            told = " ".join(words for proof in proofs for words in proof.all_findings)
            session.rollback()
        missed += [] if finding in told else [(statement, told)]
    assert missed == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_is_missing_without_a_destruction_is_found(office: Office) -> None:
    case_id = ended(office)
    assert found(office) == []
    with office.work() as ctx:
        ctx.session.execute(EventValues.__table__.delete())
        number = ctx.session.get_one(Case, case_id).number
    assert f"{number}: " in found(office)[0]
    assert "hilang, padahal permohonan ini tidak dimusnahkan" in found(office)[0]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_no_digest_tells_the_name_that_was_destroyed(office: Office) -> None:
    """Whoever guesses the applicant's name cannot make sure of it by the digests that stay: salt went with the name."""
    case_id = play.apply(office)
    with office.look() as ctx:
        before = journal.stored(ctx, case_id)[0]
    assert "salt" in before["body"]
    assert before["actor"] == "Andi Pratama"
    play.finish(office, case_id)
    years_on(office)
    destroyed(office)
    with office.look() as ctx:
        row = journal.stored(ctx, case_id)[0]
    assert (row["actor"], "salt" in row["body"], row["digest"]) == (wording.APPLICANT, False, before["digest"])
    guess = {**row, "actor": "Andi Pratama"}
    assert journal.chain(b"", case_id, 1, guess) != before["digest"] == journal.chain(b"", case_id, 1, before)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_backed_up_and_restored(office: Office, gone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup.write(office.db.engine, office.settings.files, tmp_path / "cadangan.zip")
    other = database.connect(f"sqlite:///{tmp_path / 'lain.sqlite3'}")
    backup.restore(other, tmp_path / "lain", tmp_path / "cadangan.zip")
    with database.sessions(other)[0]() as session:
        proofs = list(audit.verify(Context(session, office.now, office.settings)))
        assert [proof.all_findings for proof in proofs] == [[]]
    other.dispose()


# -- the pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_pages_of_a_destroyed_case(office: Office, gone: int) -> None:
    said = "imusnahkan sesuai jadwal retensi pada"
    auditor, applicant = office.client("auditor"), office.client("pemohon")
    with office.work() as ctx:
        case = ctx.session.get_one(Case, gone)
        number, code = case.number, case.code
        paper = ctx.session.scalars(select(Document.id).where(Document.case_id == gone)).first()
        token = new_token(ctx, office.person(ctx, "auditor"))
    for path in (f"/permohonan/{gone}", f"/permohonan/{gone}/putar", f"/permohonan/{gone}/lembar-kendali"):
        for client in (auditor, applicant):
            page = client.get(path)
            assert (page.status_code, said in page.text) == (200, True), path
            assert "Andi Pratama" not in page.text.replace("<b>Andi Pratama</b>", ""), path  # but for who is logged in
    assert "Terbukti." in auditor.get(f"/permohonan/{gone}/putar").text
    assert (answer := auditor.get(f"/dokumen/{paper}")).status_code == 410
    assert "imusnahkan" in answer.text
    assert said in office.client().post("/lacak", data={"nomor": number, "kode": code}).text
    assert f"/permohonan/{gone}" in auditor.get(f"/permohonan/semua?cari={number}").text
    for path, status in (("tanya", 410), ("ajukan-lagi", 410)):
        answer = applicant.post(f"/permohonan/{gone}/{path}", data={"jenis": "pengaduan", "isi": "Mana?"})
        assert answer.status_code == status, path
    head = {"Authorization": f"Bearer {token}"}
    shown = office.client().get(f"/api/v1/cases/{gone}", headers=head).get_json()
    assert (shown["status"], shown["data"].get("tka"), shown["destroyed_at"] is not None) == ("ended", None, True)
    events = office.client().get(f"/api/v1/cases/{gone}/journal", headers=head).get_json()["events"]
    assert (events[0]["actor"], events[-1]["kind"]) == (wording.APPLICANT, "destroy")
    assert office.client().get(f"/api/v1/documents/{paper}", headers=head).status_code == 410
    assert auditor.get("/laporan").status_code == 200


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_pages_of_a_destruction(office: Office) -> None:
    """From what is due to the certificate, by the pages alone; who has nothing to do with it sees nothing of it."""
    case_id = ended(office)
    years_on(office)
    one, two, auditor = (office.client(name) for name in (proposer(office), decider(office), "auditor"))
    assert [office.client(name).get("/retensi").status_code for name in ("pemohon", "luar", "auditor")] == [
        403,
        403,
        200,
    ]
    assert "1</b> permohonan habis masa simpannya" in one.get("/retensi").text
    assert 'href="/retensi"' in one.get("/laporan").text
    assert 'href="/retensi"' not in office.client("pemilik").get("/laporan").text
    wrong = one.post("/retensi/usul", data={"sop": office.sop, "dasar": " "})
    assert (wrong.status_code, "Tulis jadwal retensi" in wrong.text) == (422, True)
    assert two.post("/retensi/usul", data={"sop": office.sop, "dasar": LAW}).status_code == 403
    made = one.post("/retensi/usul", data={"sop": office.sop, "dasar": LAW})
    place = made.location
    assert made.status_code == 303
    assert LAW in one.get(place).text
    assert office.client("pemohon").get(place).status_code == 403
    wrong = two.post(f"{place}/putuskan", data={"keputusan": "tolak"})
    assert (wrong.status_code, "Tulis alasan penolakannya." in wrong.text) == (422, True)
    assert two.post(f"{place}/putuskan", data={"catatan": "hm"}).status_code == 422
    assert one.post(f"{place}/putuskan", data={"keputusan": "setuju"}).status_code == 403
    assert two.post(f"{place}/henti", data={"henti": "1"}).status_code == 409
    assert two.post(f"{place}/putuskan", data={"keputusan": "setuju"}).status_code == 303
    assert "Hentikan sementara" in two.get(place).text
    for word, shows in (("1", "Lanjutkan pemusnahan"), ("0", "Hentikan sementara")):
        assert two.post(f"{place}/henti", data={"henti": word}).status_code == 303
        assert shows in two.get(place).text
    assert auditor.get(f"{place}/berita-acara.docx").status_code == 404
    at_work(office)
    page = auditor.get(place).text
    assert "1 dari 1 permohonan dimusnahkan" in page
    assert "Selesai" in page
    paper = auditor.get(f"{place}/berita-acara.docx")
    told = "".join(_said(paper.data))
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        digest = journal.entries(ctx, case_id)[-1].digest.hex()[:24]
        row = ctx.session.scalars(select(Destruction)).one()
        assert files.sha256(paper.data) == row.certificate
        names = [p.full_name for p in retention.people_of(ctx, row) if p]
    assert [word for word in (case.number, digest, LAW, *names) if word not in told] == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_holding_by_the_pages(office: Office) -> None:
    case_id = ended(office)
    with office.look() as ctx:
        number = ctx.session.get_one(Case, case_id).number
    client = office.client(decider(office))
    wrong = client.post("/retensi/tahan", data={"sop": office.sop, "nomor": "<x>", "alasan": ""})
    assert (wrong.status_code, "&lt;x&gt;" in wrong.text, "Tulis mengapa" in wrong.text) == (422, True, True)
    assert client.post("/retensi/tahan", data={"sop": office.sop, "nomor": number, "alasan": "PTUN"}).status_code == 303
    assert "PTUN" in client.get("/retensi").text
    assert office.client("auditor").post("/retensi/tahan/1/cabut").status_code == 403
    assert client.post("/retensi/tahan/1/cabut").status_code == 303
    assert "PTUN" not in client.get("/retensi").text
