"""What a person can do to a case, and what the journal, the control sheet and the proof then say."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app import audit, bundles, cases, people, revisions
from app.models import Case, Event, Upload
from tests import play
from tests.conftest import PASSWORD, Office
from tests.drawn import draw, given, lanes


def proof_of(office: Office, case_id: int) -> audit.Proof:
    with office.look() as ctx:
        return audit.frames(ctx, ctx.session.get_one(Case, case_id))


def test_a_case_in_the_middle_is_whole_too(office: Office) -> None:
    case_id = play.apply(office)
    assert proof_of(office, case_id).all_findings == []
    for _ in range(4):
        play.step(office, case_id)
        assert proof_of(office, case_id).all_findings == []


def test_a_new_application_ends_this_case_and_begins_another(office: Office) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.look() as ctx:
        label = play.anew(ctx, play.waiting(ctx, case_id)[0]).label
    play.finish(office, case_id, label)
    with office.look() as ctx:
        old, new = ctx.session.scalars(select(Case).order_by(Case.id))
        assert (old.status, new.status, new.previous_id) == ("ended", "open", old.id)
        task = play.waiting(ctx, new.id)[0]
        assert cases.values(ctx, task, cases.form_of(ctx, task)) == cases.data_of(ctx, old)
    assert proof_of(office, case_id).all_findings == []


def test_files_go_on_from_application_to_application(office: Office) -> None:
    """Each has its own, also the third in a row, and shows them to whoever works on it."""
    case_id, before = play.apply(office), []
    play.step(office, case_id)
    for _ in range(3):
        with office.work() as ctx:
            task = play.waiting(ctx, case_id)[0]
            mine = ctx.session.scalars(select(Upload).where(Upload.case_id == case_id)).all()
            held = sorted((one.name, one.sha256, one.person_id) for one in mine)
            officer = play.performer(office, ctx, task).name
            cases.end(ctx, office.actor(ctx, "pemohon"), case_id, "withdraw", "Diperbaiki dahulu.")
        assert held
        assert before in ([], held)
        page = office.client(officer).get(f"/permohonan/{case_id}").text
        assert all(f"/berkas/{one.id}" in page for one in mine)
        office.later(days=1)
        with office.work() as ctx:
            new = cases.apply_again(ctx, office.actor(ctx, "pemohon"), case_id).id
        with office.look() as ctx:
            task_id, draft = (task := play.waiting(ctx, new)[0]).id, task.draft
        form = office.client("pemohon").get(f"/tugas/{task_id}").text
        assert all(one.name in form for one in mine)  # what is taken on is named before it is sent
        office.later(minutes=5)
        with office.work() as ctx:
            cases.complete(ctx, office.actor(ctx, "pemohon"), task_id, draft)
        case_id, before = new, held
        assert proof_of(office, new).all_findings == []


REFUSALS = [
    ("luar", {}, cases.NotFound),
    ("auditor", {}, cases.NotYours),
    ("LAIN", {}, cases.NotYours),
    ("pemohon2", {}, cases.NotFound),
    ("LOKET", {}, cases.ChoiceNeeded),
    ("LOKET", {"choice": "guessed"}, cases.ChoiceNeeded),
    ("LOKET", {"choice": "return"}, cases.ReasonNeeded),
    ("LOKET", {"choice": "return", "note": " \t"}, cases.ReasonNeeded),
    ("LOKET", {"choice": "return", "note": "x" * 4001}, cases.TooLarge),
    ("LOKET", {"choice": "return", "note": "x", "version": 7}, cases.Stale),
]


@pytest.mark.parametrize(("who", "how", "refusal"), REFUSALS)
def test_refusals_change_nothing(
    office: Office, who: str, how: dict[str, object], refusal: type[cases.Refusal]
) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.look() as ctx:
        task = play.waiting(ctx, case_id)[0]
        returns = next(c.id for c in cases.choices(ctx, task) if c.returns)
        before = (task.case.seq, task.case.head)
    how = {**how, **({"choice": returns} if how.get("choice") == "return" else {})}
    with pytest.raises(refusal), office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, who), task.id, {}, **how)  # type: ignore[arg-type]
    with office.look() as ctx:
        case = ctx.session.get_one(Case, case_id)
        assert (case.seq, case.head) == before


def test_who_comes_second_hears_who_was_first(office: Office) -> None:
    case_id = play.apply(office)
    with office.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    play.step(office, case_id)
    with pytest.raises(cases.AlreadyDone) as refused, office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "pemohon"), task_id, {})
    assert refused.value.message == "Langkah ini sudah dikerjakan oleh Andi Pratama pada 10.12."


def test_a_task_that_somebody_took_is_theirs_until_they_let_go(office: Office) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.work() as ctx:
        other = office.person(ctx, "luar")
        from app import people

        people.grant(ctx, other, play.waiting(ctx, case_id)[0].lane.name)
    with office.work() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
        cases.claim(ctx, office.actor(ctx, "LOKET"), task_id)
    with pytest.raises(cases.Taken), office.work() as ctx:
        cases.claim(ctx, office.actor(ctx, "luar"), task_id)
    with office.work() as ctx:
        cases.release(ctx, office.actor(ctx, "LOKET"), task_id)
    with office.work() as ctx:
        assert cases.claim(ctx, office.actor(ctx, "luar"), task_id).version == 2
    assert proof_of(office, case_id).all_findings == []


def test_nobody_checks_their_own_work(office: Office) -> None:
    text = 'start m\nuser a "Paraf" <{0}>\nuser b "Setujui" <{1}>\nend z\nm > a\na > b\nb > z'
    drawn = draw(
        text.format(given(nomor="1"), given(empat_mata="a")), lanes(("Kasi", "m a"), ("Kabid", "b z")), id="paraf"
    )
    with office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"paraf.bpmn": drawn})[0], "uji", "uji")
        for name, held in (("satu", ("Kasi", "Kabid")), ("dua", ("Kabid",))):
            person = people.new_person(ctx, name, PASSWORD)
            for lane in held:
                people.grant(ctx, person, lane)
    case_id = play.apply(office, "satu", "paraf")
    with office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "satu"), play.waiting(ctx, case_id)[0].id, {})
    with office.look() as ctx:
        task_id = play.waiting(ctx, case_id)[0].id
    with pytest.raises(cases.FourEyes), office.work() as ctx:
        cases.complete(ctx, office.actor(ctx, "satu"), task_id, {})
    with office.work() as ctx:
        assert cases.complete(ctx, office.actor(ctx, "dua"), task_id, {}).case.status == "ended"


def columns() -> list[str]:
    return [column.key for column in Event.__table__.columns]


@pytest.mark.parametrize("column", columns())
def test_one_changed_byte_in_an_events_row_is_found(office: Office, column: str) -> None:
    """Each column of each event of a case, one byte changed in the database, put back afterwards."""
    case_id = play.at_return(office)
    with office.look() as ctx:
        back = next(way.label for way in cases.choices(ctx, play.waiting(ctx, case_id)[0]) if way.returns)
    for label in (back, "", ""):
        play.step(office, case_id, label)
    if column in ("case_id", "actor_id"):
        play.apply(office)
    with office.look() as ctx:
        seqs = ctx.session.scalars(select(Event.seq).where(Event.case_id == case_id)).all()
    missed = []
    for seq in seqs:
        before = meddle(office, f"SELECT {column} FROM event WHERE case_id = ? AND seq = ?", case_id, seq)
        after = changed(before)
        if after is None:
            continue
        meddle(office, f"UPDATE event SET {column} = ? WHERE case_id = ? AND seq = ?", after, case_id, seq)
        if proof_of(office, case_id).whole:
            missed.append((seq, before, after))
        here = {"case_id": case_id, "seq": seq, column: after}
        where = (here["case_id"], here["seq"])
        meddle(office, f"UPDATE event SET {column} = ? WHERE case_id = ? AND seq = ?", before, *where)
    assert missed == []
    assert proof_of(office, case_id).whole


def meddle(office: Office, statement: str, *values: object) -> object:
    """As somebody with the database's own tools would: no foreign key holds them back."""
    connection = office.db.engine.raw_connection()
    cursor = connection.cursor()
    try:
        if office.db.kind == "sqlite":
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute(statement, values)
        else:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement.replace("?", "%s"), values)
        found = cursor.fetchone() if cursor.description else None
        connection.commit()
        return found[0] if found else None
    finally:
        cursor.execute("PRAGMA foreign_keys = ON" if office.db.kind == "sqlite" else "RESET session_replication_role")
        connection.commit()
        connection.close()


def changed(value: object) -> object:
    """The value with one byte changed; None where there is none to change."""
    if isinstance(value, int):
        return value + 100
    if isinstance(value, (bytes, memoryview)):
        raw = bytes(value)
        return bytes([raw[0] ^ 1]) + raw[1:] if raw else None
    if isinstance(value, str) and value:
        return value[:-1] + ("x" if value[-1] != "x" else "y")
    return None
