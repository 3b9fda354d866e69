"""What nobody would do, done to a case: each is refused with words or taken, and the case is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from app import audit, bundles, cases, demo, forms, papers, people, revisions, uploads, worker
from app.models import Case, Document, Membership, Person, RevisionFile, Task
from tests import play, sops
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def install(office: Office, tmp_path: Path, name: str, text: str, process: str = "") -> None:
    path = tmp_path / f"{name}.bpmn"
    path.write_bytes(draw(text, process, id=name))
    with office.work() as ctx:
        for bundle in bundles.read([path]):
            revisions.install(ctx, bundle, "uji", "uji")


def whole(office: Office) -> None:
    with office.look() as ctx:
        assert [words for proof in audit.verify(ctx) for words in proof.all_findings] == []


NAUGHTY = ["a\0b", "‮abc", "<script>", "'; DROP TABLE case; --", "Ａ" * 200, "e\u0301", "😀" * 50, "{{ 7*7 }}", "%s%n"]


@pytest.mark.parametrize("name", NAUGHTY)
def test_a_walk_in_of_any_name(office: Office, name: str) -> None:
    case_id = play.apply(office, "LOKET", on_behalf_of=name)
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.applicant_id, 0 < len(case.applicant_name) <= 200, "\0" in case.applicant_name) == (
            None,
            True,
            False,
        )
    whole(office)


@pytest.mark.parametrize("name", ["", " \t", "\0", "\u200b", "\ud800"])
def test_a_walk_in_of_no_name(office: Office, name: str) -> None:
    with pytest.raises(cases.NotYours):
        play.apply(office, "LOKET", on_behalf_of=name)


@pytest.mark.parametrize(
    "value",
    [*NAUGHTY, "\ud800", float("nan"), float("inf"), 10**40, [[[]]], {"nomor": {"a": "\0"}}, None, True, "x" * 5000],
)
def test_a_draft_of_anything(office: Office, value: Any) -> None:
    """Under the keys that lists show and search finds."""
    data = {"paspor": {"nomor": value}, "tka": {"nama": value}, "pemberi_kerja": value, "lain": value}
    try:
        case_id = play.apply(office, data=data)
    except (cases.Invalid, cases.TooLarge):
        return
    play.step(office, case_id)
    with office.look() as ctx:
        assert cases.visible_cases(office.actor(ctx, "pemohon"), "abc") is not None
    whole(office)


@one_kind
def test_an_sop_that_asks_for_no_single_case_keeps_no_key(office: Office, tmp_path: Path) -> None:
    rooms = lanes(("Pemohon", "m a"), ("Kasi", "z"))
    install(office, tmp_path, "biasa", 'start m\nuser a "Kerjakan"\nend z\nm > a\na > z', rooms)
    first = play.apply(office, sop="biasa", data={"paspor": "B 123"})
    with office.look() as ctx:
        case = ctx.session.get_one(Case, first)
        assert (case.unique_key, cases.duplicates(ctx, case)) == (None, [])


@one_kind
def test_a_draft_of_256_kilobytes(office: Office) -> None:
    assert play.apply(office, data={"lain": "x" * 250_000})
    with pytest.raises(cases.TooLarge):
        play.apply(office, data={"lain": "x" * 262_144})


FIRST = sops.first_step(sops.definition(sops.LARGEST))


@one_kind
def test_somebody_elses_upload(office: Office) -> None:
    """It may stand in a draft, where nobody is shown it, and is refused when the step is sent."""
    with office.work() as ctx:
        stolen = uploads.save(ctx, office.person(ctx, "pemohon2"), "paspor.pdf", b"%PDF-1.4\n%%EOF").id
    form = forms.load(sops.BUNDLES[office.sop].forms[office.definition.steps[FIRST].properties["formulir"]])
    pointer = next(
        f.pointer for f in form.fields if f.type == "upload" and "application/pdf" in (f.accept or ("application/pdf",))
    )
    stolen_one = forms.nested({pointer[1:].replace("/", "."): stolen})
    case_id = play.apply(office, data=stolen_one)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        answers = play.answers(office, ctx, task.id)
    answers = forms.merge(answers, stolen_one)
    client = office.client("pemohon")
    assert client.get(f"/berkas/{stolen}").status_code == 404
    with pytest.raises(cases.Invalid) as refused, office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "pemohon"), task.id, answers)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@pytest.mark.parametrize("walk_in", [False, True])
def test_a_new_application_for_who_may_not_apply_any_more(office: Office, walk_in: bool) -> None:
    """The officer's decision stands, and the new case is there, for the counter to go on with."""
    case_id = play.apply(office, "LOKET", on_behalf_of="Warga") if walk_in else play.apply(office)
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        demo.complete(ctx, office.person(ctx, "LOKET" if walk_in else "pemohon"), task, seed=1)
    office.later(minutes=1)
    with office.work() as ctx:
        ctx.session.execute(update(Person).where(Person.name == "pemohon").values(applicant=False))
        if walk_in:  # another officer decides: who filed it works elsewhere now
            people.grant(ctx, people.new_person(ctx, "cs2", PASSWORD), play.waiting(ctx, case_id)[0].lane.name)
            filer = office.person(ctx, "LOKET")
            ctx.session.execute(update(Membership).where(Membership.person_id == filer.id).values(until=ctx.now))
    with office.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        way = play.anew(ctx, task)
        person = office.person(ctx, "cs2" if walk_in else "LOKET")
        demo.complete(ctx, person, task, seed=1, choice=way)
    with office.look() as ctx:
        old, new = ctx.session.scalars(select(Case).order_by(Case.id))
        assert (old.status, new.previous_id, new.applicant_name) == ("ended", old.id, old.applicant_name)
    whole(office)


ENDLESS = """
start mulai
and bagi
user a "Kerjakan"
catch kapan <<timerEventDefinition><timeDate>2020-01-01T00:00:00</timeDate></timerEventDefinition>>
xor lagi "Lagi?"
end akhir
end cukup
mulai > bagi
bagi > a
bagi > kapan
kapan > lagi
lagi > kapan if cukup != 1
lagi > cukup if cukup == 1
a > akhir
"""
ONCE = """
start mulai
user a "Kerjakan"
boundary lewat attachedToRef=a cancelActivity=false <<timerEventDefinition><timeDate>2026-11-23T12:00:00</timeDate></timerEventDefinition>>
user b "Ingatkan"
end akhir
end cukup
mulai > a
a > akhir
lewat > b
b > cukup
"""


@one_kind
def test_timers_that_never_end_are_refused_and_hold_up_nobody(office: Office, tmp_path: Path, caplog: Any) -> None:
    install(office, tmp_path, "abadi", ENDLESS, lanes(("Pemohon", "mulai bagi a akhir"), ("Kasi", "kapan lagi cukup")))
    install(office, tmp_path, "sekali", ONCE, lanes(("Pemohon", "mulai a akhir"), ("Kasi", "b cukup lewat")))
    endless = [play.apply(office, sop="abadi") for _ in range(worker.BATCH + 1)]
    office.later(minutes=1)
    good = play.apply(office, sop="sekali")
    office.later(hours=3)
    assert worker.once(office.settings, office.db.reading, office.db.writing) == 1
    with office.look() as ctx:
        assert [task.step for task in play.waiting(ctx, good)] == ["a", "b"]
        task = play.waiting(ctx, endless[0])[0]
    with pytest.raises(cases.CannotGoOn), office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "pemohon"), task.id, {})
    caplog.clear()


@one_kind
@pytest.mark.parametrize(("minutes", "fired"), [(119, 0), (120, 1)])
def test_a_date_without_a_zone_is_the_offices(office: Office, tmp_path: Path, minutes: int, fired: int) -> None:
    """Noon in Samarinda, not in Greenwich."""
    install(office, tmp_path, "sekali", ONCE, lanes(("Pemohon", "mulai a akhir"), ("Kasi", "b cukup lewat")))
    play.apply(office, sop="sekali")
    office.later(minutes=minutes)
    assert worker.once(office.settings, office.db.reading, office.db.writing) == fired
    whole(office)


CLOCK = """
start mulai
and bagi
user a "Terima" <{a}>
user b "Periksa" <{b}>
and gabung
end akhir
mulai > bagi
bagi > a
bagi > b
a > gabung
b > gabung
gabung > akhir
"""


@one_kind
def test_what_is_open_when_the_clock_starts_gets_its_due_date(office: Office, tmp_path: Path) -> None:
    text = CLOCK.format(a=given(jam="mulai"), b=given(batas="H+1"))
    install(office, tmp_path, "jam", text, lanes(("Pemohon", "mulai bagi a gabung akhir"), ("Kasi", "b")))
    case_id = play.apply(office, sop="jam")
    play.step(office, case_id)
    with office.look() as ctx:
        (task,) = ctx.session.scalars(select(Task).where(Task.step == "b"))
        assert task.due_at is not None
        assert task.rank < 10**16
    whole(office)


@one_kind
def test_a_paper_that_cannot_be_made_does_not_stand_before_others_for_ever(office: Office, caplog: Any) -> None:
    case_id = play.apply(office)
    for _ in range(2):
        play.step(office, case_id)
    with office.work() as ctx:
        ctx.session.execute(delete(RevisionFile).where(RevisionFile.path.like("templates/%")))
        task = play.waiting(ctx, case_id)[0]
        demo.complete(ctx, play.performer(office, ctx, task), task, seed=1)
    for _ in range(papers.ATTEMPTS + 1):
        assert worker.once(office.settings, office.db.reading, office.db.writing) == 0
    with office.look() as ctx:
        made = {(p.attempts, p.error) for p in ctx.session.scalars(select(Document).where(Document.sha256.is_(None)))}
        assert (made, papers.waiting(ctx)) == ({(papers.ATTEMPTS, papers.BROKEN)}, [])
    caplog.clear()
