"""Work among colleagues, on both databases: hand over, put off, notes and who is named in them, who is looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from app import audit, bundles, cases, inbox, journal, people, revisions
from app.cases import presence
from app.context import Context
from app.inbox import Filters
from app.models import Case, Deputy, Event, Mention, Message, Person, Presence, Task
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes

# A lane of colleagues under another; the second step is due two days after the first, and four eyes must make it.
FLOW = (
    'start m\nuser a "Periksa" <{}>\nuser b "Teliti" <{}>\nuser c "Sahkan" <{}>\nend z\nm > a\na > b\nb > c\nc > z'
).format(given(jam="mulai"), given(empat_mata="a", batas="H+2"), given(nomor="3"))
LANES = lanes(("Staf", "m a b"), ("Kepala Ruang", "c z")).replace(
    '"Staf">', '"Staf">' + given(pemohon="tidak", atasan="Kepala Ruang")
)
STAFF = (("sari", "Staf"), ("budi", "Staf"), ("rina", "Staf"), ("joko", "Kepala Ruang"))
TUESDAY, FRIDAY = date(2026, 11, 24), date(2026, 11, 27)
OPENING = datetime(2026, 11, 27, 0, 0, tzinfo=UTC)  # 8.00 in the office


@dataclass(frozen=True)
class Room:
    """Colleagues with one case; `task` is the open step, `b`, that `sari` may not do since she did the one before."""

    office: Office
    case_id: int
    task_id: int

    def do(self, who: str, verb: Callable[..., Any], *rest: Any, **named: Any) -> Any:
        with self.office.work() as ctx:
            return verb(ctx, self.office.actor(ctx, who), *rest, **named)

    def told(self) -> list[tuple[str, str, str, str]]:
        """What happened since the step opened: kind, by whom, lane, words."""
        with self.office.look() as ctx:
            entries = journal.entries(ctx, self.case_id)[2:]
            return [(e.kind, e.actor, e.lane, e.note) for e in entries]

    def state(self) -> tuple[str | None, int, datetime | None]:
        with self.office.look() as ctx:
            task = ctx.session.get_one(Task, self.task_id)
            return (task.assignee.name if task.assignee else None), task.version, task.postponed_until

    def proven(self) -> list[str]:
        with self.office.look() as ctx:
            return audit.frames(ctx, ctx.session.get_one(Case, self.case_id)).all_findings


@pytest.fixture
def room(office: Office) -> Room:
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"ruang.bpmn": draw(FLOW, LANES, id="ruang")})[0], "uji", "uji")
        for name, lane in STAFF:
            person = people.new_person(ctx, name, PASSWORD, full_name=name.title(), email=f"{name}@kantor.example")
            people.grant(ctx, person, lane)
    case_id = play.apply(office, "sari", "ruang")
    with office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "sari"), play.waiting(ctx, case_id)[0].id, {})
    with office.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    return Room(office, case_id, task_id)


HANDED = [  # who has it, who hands it over, to whom, words -> what becomes of it
    (None, "budi", "rina", "", ("rina", 2)),
    (None, "sari", "rina", "Tolong ya", ("rina", 2)),  # may not do it, and may pass it on
    ("budi", "budi", "rina", "Saya rapat", ("rina", 2)),
    ("budi", "rina", "rina", "Budi sakit", ("rina", 2)),
    ("budi", "joko", "rina", "Budi sakit", ("rina", 2)),
    ("budi", "budi", "budi", "", ("budi", 1)),
    ("budi", "rina", "rina", "", cases.ReasonNeeded),
    ("budi", "joko", "rina", " \t", cases.ReasonNeeded),
    (None, "budi", "sari", "", cases.Invalid),  # four eyes
    (None, "budi", "joko", "", cases.Invalid),
    (None, "budi", "luar", "", cases.Invalid),
    (None, "budi", "tidak ada", "", cases.Invalid),
    (None, "budi", "", "", cases.Invalid),
    (None, "budi", "rina", "x" * 4001, cases.TooLarge),
    (None, "auditor", "rina", "", cases.NotYours),
    (None, "luar", "rina", "", cases.NotFound),
]


@pytest.mark.parametrize(("holder", "who", "to", "words", "wanted"), HANDED)
def test_hand_over(room: Room, holder: str | None, who: str, to: str, words: str, wanted: Any) -> None:
    if holder:
        room.do(holder, cases.claim, room.task_id)
    before = room.told()
    if not isinstance(wanted, tuple):
        with pytest.raises(wanted):
            room.do(who, cases.assign, room.task_id, to, words)
        assert (room.state()[0], room.told()) == (holder, before)
        return
    room.do(who, cases.assign, room.task_id, to, words)
    assert room.state()[:2] == wanted
    lane = "Kepala Ruang" if who == "joko" else "Staf"
    assert room.told() == before + ([] if to == holder else [("assign", who.title(), lane, words)])
    assert room.proven() == []
    with room.office.look() as ctx:
        task = ctx.session.get_one(Task, room.task_id)
        told = cases.handed(journal.entries(ctx, room.case_id), task)
        assert cases.handed_over(ctx, [task]) == ({task.id: told} if told else {})
        assert told == (None if to == holder else cases.Handed(who.title(), room.office.now, words))


def test_what_came_from_a_colleague_is_theirs_no_more_once_released(room: Room) -> None:
    room.do("budi", cases.assign, room.task_id, "rina", "Tolong")
    room.do("rina", cases.release, room.task_id)
    room.do("rina", cases.claim, room.task_id)
    with room.office.look() as ctx:
        assert cases.handed_over(ctx, [ctx.session.get_one(Task, room.task_id)]) == {}


def test_a_forged_hand_over_is_found(room: Room) -> None:
    room.do("budi", cases.assign, room.task_id, "rina")
    with room.office.work() as ctx:
        ctx.session.get_one(Task, room.task_id).assignee_id = room.office.person(ctx, "joko").id
    assert room.proven() == ["Langkah di kotak tugas bukan yang dihasilkan riwayat."]


def test_an_applicants_own_step_is_nobodys_to_give(office: Office) -> None:
    case_id = play.apply(office)
    with office.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    for who in ("pemohon", "LOKET"):
        with pytest.raises(cases.NotYours), office.work() as ctx:
            cases.assign(ctx, office.actor(ctx, who), task_id, office.counter)


PUT_OFF = [  # who has it, who puts it off, until, words -> what happened, or why not
    (None, "budi", TUESDAY, "", ["claim", "postpone"]),
    ("budi", "budi", TUESDAY, "Menunggu surat", ["postpone"]),
    ("budi", "budi", FRIDAY, "Pemohon minta waktu", ["postpone"]),
    ("budi", "budi", FRIDAY, "", cases.ReasonNeeded),  # due on Wednesday
    ("budi", "budi", date(2026, 11, 23), "x", cases.Invalid),
    ("budi", "budi", date(2028, 1, 1), "x", cases.Invalid),
    ("budi", "budi", None, "", []),
    ("budi", "rina", TUESDAY, "", cases.Taken),
    (None, "sari", TUESDAY, "", cases.FourEyes),
    (None, "joko", TUESDAY, "", cases.NotYours),
    (None, "luar", TUESDAY, "", cases.NotFound),
]


@pytest.mark.parametrize(("holder", "who", "until", "words", "wanted"), PUT_OFF)
def test_put_off(room: Room, holder: str | None, who: str, until: date | None, words: str, wanted: Any) -> None:
    if holder:
        room.do(holder, cases.claim, room.task_id)
    before = len(room.told())
    if not isinstance(wanted, list):
        with pytest.raises(wanted):
            room.do(who, cases.postpone, room.task_id, until, words)
        assert len(room.told()) == before
        return
    room.do(who, cases.postpone, room.task_id, until, words)
    assert [kind for kind, *_ in room.told()[before:]] == wanted
    assert room.told()[-1][3] == words
    assert room.proven() == []


def found(office: Office, who: str, filters: Filters = Filters()) -> list[int]:  # noqa: B008 - frozen
    with office.look() as ctx:
        return [task.id for task in inbox.tasks(ctx, office.actor(ctx, who), filters, None, 9).items]


def test_what_is_put_off_leaves_the_list_until_that_days_opening(room: Room) -> None:
    office, task = room.office, room.task_id
    room.do("budi", cases.postpone, task, FRIDAY, "Menunggu surat dari kementerian")
    assert room.state() == ("budi", 1, OPENING)

    def lists(who: str) -> dict[str, list[int]]:
        asked = {"all": Filters(), "mine": Filters(mine=True), "postponed": Filters(postponed=True)}
        more = {"overdue": Filters(overdue=True), "found": Filters(q="ruang")}
        return {name: found(office, who, filters) for name, filters in (asked | more).items()}

    number = cases_number(office, room.case_id)
    assert lists("budi") == {"all": [], "mine": [], "postponed": [task], "overdue": [], "found": []}
    assert found(office, "budi", Filters(q=number)) == [task]
    assert lists("rina")["all"] == [task]  # colleagues see who put it off
    with office.look() as ctx:
        actor = office.actor(ctx, "budi")
        counts = inbox.counts(ctx, actor)
        assert (counts.mine, counts.postponed, counts.overdue, [c.count for c in counts.steps]) == (0, 1, 0, [0])
        assert (inbox.waiting(ctx, actor), inbox.waiting(ctx, office.actor(ctx, "rina"))) == (0, 1)
    office.at(datetime(2026, 11, 26, 2, 0, tzinfo=UTC))  # past its due time, and still put off
    assert lists("budi") == {"all": [], "mine": [], "postponed": [task], "overdue": [task], "found": []}
    office.at(OPENING)
    assert lists("budi") == {"all": [task], "mine": [task], "postponed": [], "overdue": [task], "found": []}


def cases_number(office: Office, case_id: int) -> str:
    with office.look() as ctx:
        return ctx.session.get_one(Case, case_id).number


@pytest.mark.parametrize("how", ["taken up", "released", "handed over", "completed"])
def test_what_ends_a_postponement(room: Room, how: str) -> None:
    room.do("budi", cases.postpone, room.task_id, TUESDAY)
    verbs: dict[str, Callable[[], Any]] = {
        "taken up": lambda: room.do("budi", cases.postpone, room.task_id, None),
        "released": lambda: room.do("budi", cases.release, room.task_id),
        "handed over": lambda: room.do("budi", cases.assign, room.task_id, "rina"),
        "completed": lambda: room.do("budi", cases.complete, room.task_id, {}),
    }
    verbs[how]()
    assert room.state()[2] is None
    assert room.proven() == []


NAMED = [  # who writes what -> who is told, which names are nobody's
    ("budi", "Tolong @rina cek paspornya", ["rina"], []),
    ("budi", "@rina, @rina. dan @joko-", ["rina", "joko"], []),
    ("budi", "@budi catatan untuk saya sendiri", [], []),
    ("budi", "surel rina@kantor.example atau @@rina", [], []),
    ("budi", "@luar @tidak-ada @pemohon", [], ["luar", "tidak-ada", "pemohon"]),
    ("budi", "@auditor mohon dilihat", ["auditor"], []),
    ("budi", "<script>alert('@rina')</script>", ["rina"], []),
    ("budi", " \n ", cases.Invalid, []),
    ("budi", "x" * 4001, cases.TooLarge, []),
    ("auditor", "catatan auditor", cases.NotYours, []),
    ("luar", "catatan orang luar", cases.NotFound, []),
]


@pytest.mark.parametrize(("who", "text", "told", "untold"), NAMED)
def test_notes(room: Room, who: str, text: str, told: Any, untold: list[str]) -> None:
    before = room.told()
    if not isinstance(told, list):
        with pytest.raises(told):
            room.do(who, cases.note, room.case_id, text)
        assert room.told() == before
        return
    noted = room.do(who, cases.note, room.case_id, text)
    assert (list(noted.untold), room.told()) == (untold, [*before, ("note", who.title(), "Staf", text.strip())])
    with room.office.look() as ctx:
        mentioned = select(Person.name).join(Mention, Mention.person_id == Person.id).order_by(Person.id)
        assert sorted(ctx.session.scalars(mentioned)) == sorted(told)
        mailed = {m.address: (m.template, m.inputs["nomor"]) for m in ctx.session.scalars(select(Message))}
        number = cases_number(room.office, room.case_id)
        reached = [name for name in told if name != "auditor"]  # who has an address
        assert mailed == {f"{name}@kantor.example": ("disebut.txt", number) for name in reached}
        body = ctx.session.scalars(select(Event.body).where(Event.kind == "note")).one()
        assert set(body) == ({"mentions"} if told else set())
    assert room.proven() == []


def test_a_mention_is_unread_until_the_case_is_opened(room: Room) -> None:
    room.do("budi", cases.note, room.case_id, "@rina coba lihat")
    room.do("budi", cases.note, room.case_id, "@rina @joko sudah?")
    other = play.apply(room.office, "sari", "ruang")
    room.do("budi", cases.note, other, "@rina yang ini juga")

    def waiting(who: str) -> list[tuple[int, str]]:
        with room.office.look() as ctx:
            actor = room.office.actor(ctx, who)
            named = cases.namings(ctx, actor)
            assert cases.unread(ctx, actor, 100) == len(named)
            assert {n.case.id for n in named} <= {c for c in (room.case_id, other) if cases.names_me(ctx, actor, c)}
            return [(n.case.id, n.note) for n in named]

    mine = [(other, "@rina yang ini juga"), (room.case_id, "@rina @joko sudah?"), (room.case_id, "@rina coba lihat")]
    assert waiting("rina") == mine
    assert room.do("rina", cases.mark_read, room.case_id) == 2
    assert room.do("rina", cases.mark_read, room.case_id) == 0
    assert (waiting("rina"), waiting("joko")) == (mine[:1], [mine[1]])
    with room.office.look() as ctx:
        assert not cases.names_me(ctx, room.office.actor(ctx, "rina"), room.case_id)
    with room.office.work() as ctx:  # whoever may see the case no more is not told of it either
        for held in ctx.session.scalars(select(people.Membership)):
            if held.person_id == room.office.person(ctx, "rina").id:
                held.until = ctx.now
    assert waiting("rina") == []


def test_an_applicant_never_sees_what_officers_write_to_each_other(office: Office) -> None:
    counter = office.counter
    case_id = play.apply(office, counter, on_behalf_of="pemohon")
    with office.work() as ctx:
        colleague = people.new_person(ctx, "rekan", PASSWORD, full_name="Rekan")
        for lane in office.actor(ctx, counter).names:
            people.grant(ctx, colleague, lane)
    with office.work() as ctx:
        actor, task_id = office.actor(ctx, counter), play.waiting(ctx, case_id)[0].id
        cases.assign(ctx, actor, task_id, "rekan", "rahasia serah")
        cases.postpone(ctx, office.actor(ctx, "rekan"), task_id, TUESDAY, "rahasia tunda")
        cases.note(ctx, actor, case_id, "rahasia catatan @pemohon")
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        seen = cases.journal_for(ctx, office.actor(ctx, "pemohon"), case)
        assert [(e.kind, e.note) for e in seen] == [("start", ""), ("assign", ""), ("postpone", "")]
        assert ctx.session.scalars(select(Mention)).all() == []
    client = office.client("pemohon")
    addresses = [f"/permohonan/{case_id}{rest}" for rest in ("", "/putar", "/lembar-kendali")]
    pages = [client.get(address) for address in [*addresses, f"/tugas/{task_id}", "/permohonan"]]
    assert [page.status_code for page in pages] == [200] * 5
    assert not any("rahasia" in page.text or "Menulis catatan" in page.text for page in pages)
    staff = office.client(counter)
    assert all("rahasia" in staff.get(address).text for address in addresses[:2])


def test_an_absent_colleague_is_given_nothing_and_their_deputy_is(room: Room) -> None:
    office = room.office

    def offered() -> list[str]:
        with office.look() as ctx:
            return [person.name for person in cases.colleagues(ctx, ctx.session.get_one(Task, room.task_id))]

    assert offered() == ["budi", "rina", "sari"]
    with office.work() as ctx:
        rina, luar, by = (office.person(ctx, name) for name in ("rina", "luar", "pemilik"))
        since, until = office.now, OPENING
        ctx.session.add(
            Deputy(person_id=rina.id, deputy_id=luar.id, kind="plh", since=since, until=until, reference="SK-1",
                   by_id=by.id, created_at=since)
        )  # fmt: skip
    office.later(minutes=1)
    assert offered() == ["budi", "luar", "sari"]
    with pytest.raises(cases.Invalid):
        room.do("budi", cases.assign, room.task_id, "rina")
    room.do("budi", cases.assign, room.task_id, "luar")
    assert room.state()[0] == "luar"
    assert room.proven() == []


def test_who_is_looking_now(room: Room) -> None:
    office = room.office

    def others(who: str) -> list[str]:
        with office.look() as ctx:
            return presence.others(ctx, office.actor(ctx, who), room.case_id)

    room.do("budi", presence.here, room.case_id)
    room.do("budi", presence.here, room.case_id)
    room.do("rina", presence.here, room.case_id)
    assert (others("budi"), others("sari")) == (["Rina"], ["Budi", "Rina"])
    office.later(seconds=60)
    room.do("rina", presence.here, room.case_id)
    office.later(seconds=31)
    assert (others("sari"), others("rina")) == (["Rina"], [])
    room.do("budi", presence.here, play.apply(office, "sari", "ruang"))
    with office.look() as ctx:  # what somebody had open before is not kept
        assert len(ctx.session.scalars(select(Presence)).all()) == 2


def test_saved_views(office: Office) -> None:
    def save(ctx: Context, name: str, query: str = "cari=x", who: str = "luar") -> str:
        try:
            return inbox.save_view(ctx.session, office.person(ctx, who), name, query).name
        except inbox.ViewRefused as refused:
            return str(refused).split()[0]

    with office.work() as ctx:
        names = ["Reklame", "reklame", "", "x" * 61, "dua\nbaris", "Panjang"]
        assert [save(ctx, name) for name in names[:5]] == ["Reklame", "Anda", "Tulis", "Nama", "Nama"]
        assert save(ctx, "Panjang", "cari=" + "x" * 500) == "Kata"
        assert save(ctx, "Reklame", who="pemilik") == "Reklame"
        assert [save(ctx, f"ke-{n}") for n in range(20)][18:] == ["ke-18", "Paling"]
    with office.work() as ctx:
        owner, stranger = office.person(ctx, "pemilik"), office.person(ctx, "luar")
        view = inbox.views(ctx.session, owner)[0]
        inbox.drop_view(ctx.session, stranger, view.id)
        assert [v.name for v in inbox.views(ctx.session, owner)] == ["Reklame"]
        inbox.drop_view(ctx.session, owner, view.id)
        assert inbox.views(ctx.session, owner) == []


def test_returned_and_new(office: Office) -> None:
    case_id, other = play.at_return(office), play.apply(office)
    play.step(office, other)
    with office.look() as ctx:
        newest, task = inbox.newest(ctx.session), play.waiting(ctx, case_id)[0]
        label = next(way.label for way in cases.choices(ctx, task) if way.returns)
    play.step(office, case_id, label)
    with office.look() as ctx:
        back = play.waiting(ctx, case_id)[0]
        name, shared = play.performer(office, ctx, back).name, back.applicant_id is None
        actor = office.actor(ctx, name)
        assert [t.id for t in inbox.tasks(ctx, actor, Filters(returned=True), None, 9).items] == [back.id]
        assert inbox.counts(ctx, actor).returned == 1
        assert inbox.fresh(ctx, actor, newest) == (1 if shared else 0)
        assert inbox.fresh(ctx, actor, back.id) == 0
