"""Who is absent is deputised: whose lanes a deputy holds, what events and papers say of it, and that four eyes stay four."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import docx
import pytest
from sqlalchemy import select, text

from app import audit, bundles, cases, demo, files, journal, papers, people, revisions
from app.models import Case, Deputy, Document, Event, Membership, Task
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
SHEET = 'start m\nuser a "Paraf" <{0}>\nuser b "Setujui" <{1}>\nend z\nm > a\na > b\nb > z'


@pytest.fixture
def pair(office: Office) -> Office:
    """An office with two lanes that keep four eyes on each other: `sari` signs, `budi` approves, `wakil` helps out."""
    drawn = draw(
        SHEET.format(given(nomor="1"), given(empat_mata="a")),
        lanes(("Pemaraf", "m a"), ("Penyetuju", "b z")),
        id="paraf",
    )
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"paraf.bpmn": drawn})[0], "uji", "uji")
        for name, lane in (("sari", "Pemaraf"), ("budi", "Penyetuju"), ("wakil", ""), ("lain", "Pemaraf")):
            person = people.new_person(ctx, name, PASSWORD, full_name=name.title(), title=f"Jabatan {name}")
            if lane:
                people.grant(ctx, person, lane)
    office.later(minutes=1)
    return office


def deputise(office: Office, person: str, deputy: str, kind: str = "plh", days: float = 3, after: float = 0) -> None:
    with office.work() as ctx:
        ctx.session.add(
            Deputy(
                person_id=office.person(ctx, person).id, deputy_id=office.person(ctx, deputy).id, kind=kind,
                since=ctx.now + timedelta(days=after), until=ctx.now + timedelta(days=after + days), reference="SP 1",
                by_id=office.person(ctx, "pemilik").id, created_at=ctx.now,
            )
        )  # fmt: skip


def do(office: Office, name: str, case_id: int) -> None:
    """Completes the first open task of a case as somebody."""
    office.later(minutes=5)
    with office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, name), play.waiting(ctx, case_id)[0].id, {})


def events(office: Office, case_id: int) -> list[tuple[str, str, Any]]:
    with office.look() as ctx:
        rows = ctx.session.scalars(select(Event).where(Event.case_id == case_id).order_by(Event.seq))
        return [(e.kind, e.actor, e.body.get("an")) for e in rows]


def findings(office: Office, case_id: int) -> list[str]:
    with office.look() as ctx:
        return audit.frames(ctx, ctx.session.get_one(Case, case_id)).all_findings


def held(office: Office, name: str) -> tuple[tuple[str, ...], dict[str, str], str]:
    """A person's lanes now, whose each is that is not their own, and who deputises them."""
    with office.look() as ctx:
        actor = office.actor(ctx, name)
        whose = {whose.name: whose.kind for whose in actor.absent.values()}
        return actor.names, whose, actor.away.by if actor.away else ""


SARI = {"id": 0, "name": "Sari", "kind": "plh", "title": "Jabatan sari"}


def test_lanes_pass_to_the_deputy_and_back(pair: Office) -> None:
    assert (held(pair, "sari"), held(pair, "wakil")) == ((("Pemaraf",), {}, ""), ((), {}, ""))
    deputise(pair, "sari", "wakil", days=2, after=1)
    assert (held(pair, "sari"), held(pair, "wakil")) == ((("Pemaraf",), {}, ""), ((), {}, ""))
    pair.later(days=1)
    assert (held(pair, "sari"), held(pair, "wakil")) == (((), {}, "Wakil"), (("Pemaraf",), {"Sari": "plh"}, ""))
    pair.later(days=2)
    assert (held(pair, "sari"), held(pair, "wakil")) == ((("Pemaraf",), {}, ""), ((), {}, ""))


def test_ones_own_lane_wins_over_a_deputys(pair: Office) -> None:
    deputise(pair, "sari", "lain")
    assert held(pair, "lain") == (("Pemaraf",), {}, "")
    case_id = play.apply(pair, "lain", "paraf")
    do(pair, "lain", case_id)
    assert events(pair, case_id) == [("start", "Lain", None), ("complete", "Lain", None)]


def test_a_deputy_of_a_deputy_inherits_nothing_and_who_is_absent_acts_for_nobody(pair: Office) -> None:
    deputise(pair, "sari", "wakil")
    deputise(pair, "wakil", "budi")
    assert held(pair, "wakil")[0] == ()
    assert held(pair, "budi") == (("Penyetuju",), {}, "")


def test_a_lane_that_ended_does_not_pass_on(pair: Office) -> None:
    deputise(pair, "sari", "wakil")
    with pair.work() as ctx:
        member = select(Membership).where(Membership.person_id == pair.person(ctx, "sari").id)
        ctx.session.scalars(member).one().until = ctx.now
    assert held(pair, "wakil") == ((), {}, "")


def test_every_event_says_on_whose_behalf_and_the_proof_holds(pair: Office) -> None:
    deputise(pair, "sari", "wakil")
    with pair.look() as ctx:
        an = {**SARI, "id": pair.person(ctx, "sari").id}
    case_id = play.apply(pair, "wakil", "paraf")
    with pair.work() as ctx:
        task = play.waiting(ctx, case_id)[0]
        cases.claim(ctx, pair.actor(ctx, "wakil"), task.id)
        cases.release(ctx, pair.actor(ctx, "wakil"), task.id)
    do(pair, "wakil", case_id)
    do(pair, "budi", case_id)
    told = [("start", "Wakil", an), ("claim", "Wakil", an), ("release", "Wakil", an), ("complete", "Wakil", an)]
    assert events(pair, case_id) == [*told, ("complete", "Budi", None)]
    assert findings(pair, case_id) == []
    pair.later(days=9)  # long over, and still proven
    assert findings(pair, case_id) == []


def test_what_an_absent_person_does_is_refused(pair: Office) -> None:
    case_id = play.apply(pair, "sari", "paraf")
    pair.later(minutes=1)
    deputise(pair, "sari", "wakil")
    with pair.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    with pytest.raises(cases.NotYours), pair.work() as ctx:
        cases.complete(ctx, pair.actor(ctx, "sari"), task_id, {})


UNTRUE = [
    ("UPDATE deputy SET until = since", "Wakil tidak mewakili Sari di lajur Pemaraf pada saat itu."),
    ("UPDATE deputy SET kind = 'plt'", "Wakil tidak mewakili Sari di lajur Pemaraf pada saat itu."),
    (
        "UPDATE membership SET until = since WHERE lane = 'Pemaraf'",
        "Wakil tidak mewakili Sari di lajur Pemaraf pada saat itu.",
    ),
]


@pytest.mark.parametrize(("meddled", "finding"), UNTRUE)
def test_a_deputyship_that_was_not_is_found(pair: Office, meddled: str, finding: str) -> None:
    deputise(pair, "sari", "wakil")
    case_id = play.apply(pair, "wakil", "paraf")
    do(pair, "wakil", case_id)
    assert findings(pair, case_id) == []
    with pair.work() as ctx:
        ctx.session.execute(text(meddled))
    assert findings(pair, case_id) == [f"2: {finding}"]


def test_an_act_on_behalf_that_does_not_say_so_is_found(pair: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    deputise(pair, "sari", "wakil")
    case_id = play.apply(pair, "lain", "paraf")
    monkeypatch.setattr(people, "on_behalf", lambda actor, task: {})
    do(pair, "wakil", case_id)
    assert findings(pair, case_id) == ["2: Wakil tidak memegang lajur Pemaraf pada saat itu."]


# -- four eyes: (absent, deputy), who does the first step, who tries the second; True where that is refused
EYES: list[tuple[list[tuple[str, str]], str, str, bool]] = [
    ([], "sari", "budi", False),
    ([("budi", "sari")], "sari", "sari", True),  # the deputy of who checks has signed
    ([("sari", "budi")], "budi", "budi", True),  # who checks has signed as a deputy
    ([("sari", "wakil"), ("budi", "wakil")], "wakil", "wakil", True),  # a substitute may not be both
    ([("sari", "wakil")], "wakil", "budi", False),
    ([("budi", "wakil")], "sari", "wakil", False),
    ([("sari", "wakil"), ("budi", "lain")], "wakil", "lain", False),
]


@pytest.mark.parametrize(("absences", "signs", "checks", "refused"), EYES)
def test_nobody_checks_their_own_work_however_they_hold_the_lane(
    pair: Office, absences: list[tuple[str, str]], signs: str, checks: str, refused: bool
) -> None:
    for person, deputy in absences:
        deputise(pair, person, deputy)
    case_id = play.apply(pair, "lain", "paraf")
    do(pair, signs, case_id)
    if refused:
        with pytest.raises(cases.FourEyes):
            do(pair, checks, case_id)
    else:
        do(pair, checks, case_id)
        assert findings(pair, case_id) == []


def test_nobodys_deputy_checks_what_was_done_in_their_name(pair: Office) -> None:
    """Somebody who holds both lanes signs; their deputy would check it in the name of the same person."""
    with pair.work() as ctx:
        people.grant(ctx, pair.person(ctx, "sari"), "Penyetuju")
    case_id = play.apply(pair, "sari", "paraf")
    do(pair, "sari", case_id)
    with pytest.raises(cases.FourEyes):
        do(pair, "sari", case_id)
    pair.later(minutes=1)
    deputise(pair, "sari", "wakil")
    with pytest.raises(cases.FourEyes) as refused:
        do(pair, "wakil", case_id)
    assert "atas nama" in refused.value.message
    do(pair, "budi", case_id)
    assert findings(pair, case_id) == []


# -- what somebody had claimed ----------------------------------------------------------------------------------------


def claimed(pair: Office) -> tuple[int, int]:
    case_id = play.apply(pair, "sari", "paraf")
    with pair.work() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
        cases.save_draft(ctx, pair.actor(ctx, "sari"), task_id, {"catatan": "separuh"})
        cases.claim(ctx, pair.actor(ctx, "sari"), task_id)
    pair.later(minutes=1)
    return case_id, task_id


def test_a_deputy_takes_over_what_the_absent_person_had_claimed(pair: Office) -> None:
    case_id, task_id = claimed(pair)
    with pair.look() as ctx:  # as long as they are there it is theirs
        assert isinstance(cases.may_take(ctx, pair.actor(ctx, "lain"), ctx.session.get_one(Task, task_id)), cases.Taken)
    deputise(pair, "sari", "wakil")
    with pair.work() as ctx:
        task = cases.claim(ctx, pair.actor(ctx, "wakil"), task_id)
        assert task.draft == {"catatan": "separuh"}
    with pair.look() as ctx:
        sari = pair.person(ctx, "sari").id
        claim = ctx.session.scalars(select(Event).where(Event.kind == "claim").order_by(Event.seq.desc())).first()
        assert claim is not None
        assert claim.body["from"] == {"id": sari, "name": "Sari"}
    do(pair, "wakil", case_id)
    assert findings(pair, case_id) == []


@pytest.mark.parametrize("how", ["lane ended", "not active", "absent"])
def test_a_colleague_takes_over_from_whoever_is_no_longer_there(pair: Office, how: str) -> None:
    case_id, task_id = claimed(pair)
    with pair.work() as ctx:
        sari = pair.person(ctx, "sari")
        if how == "lane ended":
            ctx.session.scalars(select(Membership).where(Membership.person_id == sari.id)).one().until = ctx.now
        sari.active = how != "not active"
    if how == "absent":
        deputise(pair, "sari", "wakil")
    do(pair, "lain", case_id)
    assert findings(pair, case_id) == []


def test_an_administrator_lets_go_for_somebody_who_left(pair: Office) -> None:
    case_id, task_id = claimed(pair)
    with pair.work() as ctx:
        assert cases.let_go(ctx, pair.person(ctx, "pemilik"), pair.person(ctx, "sari")) == 1
        assert cases.let_go(ctx, pair.person(ctx, "pemilik"), pair.person(ctx, "sari")) == 0
    with pair.look() as ctx:
        task = ctx.session.get_one(Task, task_id)
        assert (task.assignee_id, task.version) == (None, 2)
    assert events(pair, case_id)[-1] == ("release", "Kartika Dewanti", None)
    assert findings(pair, case_id) == []


# -- papers -----------------------------------------------------------------------------------------------------------

SIGNED = [("plh", "Plh. Jabatan sari", "Wakil (Plh., a.n. Sari)"), ("plt", "Plt. Jabatan sari", "Wakil (Plt., a.n. Sari)"),
          ("cuti", "a.n. Jabatan sari", "Wakil (a.n. Sari)")]  # fmt: skip


@pytest.mark.parametrize(("kind_", "title", "officer"), SIGNED)
def test_papers_say_for_whom_a_deputy_signed(pair: Office, kind_: str, title: str, officer: str) -> None:
    deputise(pair, "sari", "wakil", kind_)
    case_id = play.apply(pair, "wakil", "paraf")
    do(pair, "wakil", case_id)
    with pair.work() as ctx:  # a title that changes later changes no paper
        pair.person(ctx, "sari").title = "Pensiunan"
    with pair.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        loaded = revisions.load(ctx.session, case.revision_id)
        context = papers.context(ctx, loaded, journal.entries(ctx, case_id), papers.frozen(ctx, case))
        assert context["petugas"]["Pemaraf"]["nama"] == "Wakil"
        assert context["petugas"]["Pemaraf"]["jabatan"] == title
        assert context["petugas"]["Pemaraf"]["jabatan_sendiri"] == (pair.person(ctx, "wakil").title or "")
        assert [row["petugas"] for row in context["lembar"]] == [officer, ""]


def test_a_permit_signed_by_a_deputy_bears_both(office: Office) -> None:
    """The repository's own SOP and letters: each officer is away, and two deputies take turns."""
    with office.work() as ctx:
        for number, name in enumerate(("wakil1", "wakil2"), 1):
            people.new_person(ctx, name, PASSWORD, full_name=f"Wakil {number}", nip=f"19850101 200901 2 00{number}")
    case_id, last = play.apply(office), ""
    while True:
        office.later(minutes=30)
        with office.look() as ctx:
            tasks = play.waiting(ctx, case_id)
            if not tasks:
                break
            name = play.performer(office, ctx, tasks[0]).name
            applicant = tasks[0].lane.applicant
        if not applicant:
            last = "wakil2" if last == "wakil1" else "wakil1"
            deputise(office, name, last, days=0.01)  # for this step
        with office.work() as ctx:
            demo.complete(ctx, office.person(ctx, name if applicant else last), play.waiting(ctx, case_id)[0], seed=1)
    with office.work() as ctx:
        for document in papers.waiting(ctx):
            papers.fill(ctx, document)
    assert findings(office, case_id) == []
    with office.look() as ctx:
        papers_ = ctx.session.scalars(select(Document).where(Document.case_id == case_id)).all()
        assert {d.error for d in papers_} == {None}
        signed = [text for d in papers_ if d.sha256 for text in _lines(files.read(office.settings.files, d.sha256))]
        entries = journal.entries(ctx, case_id)
    assert any(line.startswith("Plh. ") for line in signed)
    assert any("(Plh., a.n. Petugas" in line for line in signed)
    assert all(
        entry.body.get("an") for entry in entries if entry.kind == "complete" and entry.actor.startswith("Wakil")
    )


def _lines(content: bytes) -> list[str]:
    """Every paragraph of a letter, those in tables too."""
    tree = docx.Document(io.BytesIO(content)).element.body
    return ["".join(t.text or "" for t in p.iter(f"{W}t")) for p in tree.iter(f"{W}p")]
