"""Every view of an applicant's data by somebody else is kept, before it is given; what cannot be kept is not shown."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from app import cli, people
from app.models import Access, Case, Document, Task, Upload
from tests import play
from tests.conftest import PASSWORD, Office
from tests.test_applicants import words

one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
NOTHING_PERSONAL = {"cases.diagram", "cases.dokumen_siap"}  # the drawing, and what papers there are: of nobody


def kept(office: Office) -> list[tuple[str, str, int | None, str]]:
    """What the record holds: who (login name), what, of which case, detail."""
    from app.models import Person

    with office.look() as ctx:
        query = select(Person.name, Access.what, Access.case_id, Access.detail)
        rows = ctx.session.execute(query.outerjoin(Person, Person.id == Access.person_id).order_by(Access.id))
        return [(name or "", what, case, detail) for name, what, case, detail in rows]


def bearer(office: Office, name: str) -> dict[str, Any]:
    with office.work() as ctx:
        return {"headers": {"Authorization": f"Bearer {people.new_token(ctx, office.person(ctx, name))}"}}


def some_case(office: Office) -> int:
    """A case with uploads and a paper, open at an officer's step."""
    case_id = play.apply(office)
    while True:
        with office.look() as ctx:
            papers = ctx.session.scalar(
                select(Document.id).where(Document.case_id == case_id, Document.filled_at.is_not(None))
            )
            lane = play.waiting(ctx, case_id)[0].lane
        if papers and not lane.applicant:
            return case_id
        play.step(office, case_id)


def test_no_page_that_shows_a_case_forgets_to_say_who_saw_it(office: Office) -> None:
    """All routes with a case, task, paper or upload in their address, opened by an officer: each leaves a row."""
    case_id = some_case(office)
    with office.look() as ctx:
        values = {
            "case_id": case_id,
            "task_id": play.waiting(ctx, case_id)[0].id,
            "document_id": ctx.session.scalars(select(Document.id).where(Document.filled_at.is_not(None))).first(),
            "upload_id": ctx.session.scalars(select(Upload.id).where(Upload.case_id == case_id)).first(),
        }
    officer = office.client(office.elsewhere)
    call = bearer(office, office.elsewhere)
    seen, silent = set(), set()
    for rule in office.app.url_map.iter_rules():
        if not rule.arguments & values.keys() or "GET" not in (rule.methods or ()):
            continue
        if rule.arguments - values.keys():  # it names something beside: a test of its own
            continue
        built = rule.build({name: values[name] for name in rule.arguments})
        assert built is not None
        before = len(kept(office))
        answer = officer.get(built[1], **(call if built[1].startswith("/api/") else {}))
        if answer.status_code >= 300:  # it was refused, or leads elsewhere
            continue
        rows = kept(office)[before:]
        (seen if rows else silent).add(rule.endpoint)
        assert all((who, case) == (office.elsewhere, case_id) for who, _what, case, _detail in rows), rule
    assert silent == NOTHING_PERSONAL
    assert seen >= {
        "cases.permohonan", "tasks.langkah", "replay.putar", "cases.lembar_kendali", "cases.berkas", "cases.dokumen",
        "api.one_case", "api.case_journal", "api.case_documents", "api.document_bytes", "api.one_task",
    }  # fmt: skip


def test_the_applicant_and_who_filed_it_leave_no_row_and_everybody_else_does(office: Office) -> None:
    mine = play.apply(office)
    filed = play.apply(office, office.counter, on_behalf_of="Budi yang datang")
    for name, case_id in product(("pemohon", office.counter, "auditor", "pemohon2"), (mine, filed)):
        office.client(name).get(f"/permohonan/{case_id}")
    assert [(who, case) for who, _what, case, _detail in kept(office)] == [
        (office.counter, mine), ("auditor", mine), ("auditor", filed),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", ["access"])
def test_what_cannot_be_kept_is_not_shown(office: Office, broken: str) -> None:
    case_id = some_case(office)
    with office.look() as ctx:
        case, task = ctx.session.get_one(Case, case_id), play.waiting(ctx, case_id)[0].id
    officer, own, call = office.client(office.elsewhere), office.client("pemohon"), bearer(office, office.elsewhere)
    with office.work() as ctx:
        ctx.session.execute(text(f"DROP TABLE {broken}"))
    for answer in (
        officer.get(f"/permohonan/{case_id}"), officer.get(f"/tugas/{task}"), officer.get("/permohonan/semua?cari=x"),
        officer.get(f"/api/v1/cases/{case_id}", **call), officer.get("/api/v1/cases", **call),
    ):  # fmt: skip
        assert (answer.status_code, case.subject in answer.text, "tidak dapat dicatat" in answer.text) == (
            503,
            False,
            True,
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert office.client("pemohon").get("/").status_code == 200
    assert own.get("/permohonan").status_code == 200


def test_searches_lists_and_faulty_pages_are_kept_too(office: Office) -> None:
    case_id = some_case(office)
    office.later(minutes=5)
    with office.look() as ctx:
        task = play.waiting(ctx, case_id)[0]
        task_id, who = task.id, office.officers[task.lane.name]
    officer = office.client(who)
    officer.get("/permohonan/semua?cari=paspor+a1234")
    officer.get("/tugas?cari=A1234")
    officer.get("/api/v1/cases?q=A1234", **bearer(office, who))
    officer.post(f"/tugas/{task_id}", data={"choice": "tidak-ada"})
    office.client("pemohon").get("/permohonan?cari=x")
    assert kept(office) == [
        (who, "cari", None, "paspor a1234"),
        (who, "cari", None, "A1234"),
        (who, "cari", None, "A1234"),
        (who, "langkah", case_id, ""),
    ]
    officer.get("/api/v1/cases", **bearer(office, who))
    officer.get("/api/v1/tasks", **bearer(office, who))
    assert kept(office)[4:] == [(who, "daftar", case_id, "")] * 2


def test_the_record_is_read_by_who_must_and_the_applicant_reads_their_own(office: Office) -> None:
    first, second = play.apply(office), play.apply(office, "pemohon2", sop=office.sop)
    officer = office.client(office.elsewhere)
    for case_id in (first, first, second):
        office.later(minutes=1)
        officer.get(f"/permohonan/{case_id}")
    office.later(days=1)
    office.client("auditor").get(f"/permohonan/{second}")
    with office.look() as ctx:
        number, other = (ctx.session.get_one(Case, case_id).number for case_id in (first, second))
        name = office.person(ctx, "LAIN").full_name
    for who, status in {"pemilik": 200, "auditor": 200, "luar": 403, "pemohon": 403, office.elsewhere: 403}.items():
        assert office.client(who).get("/pengelola/jejak").status_code == status
    admin = office.client("pemilik")
    for query, expected in {
        "": (2, 2), f"?nomor={number}": (2, 0), f"?siapa={name}": (2, 1), "?siapa=surya": (0, 1),
        "?hari=2026-11-23": (2, 1), "?hari=2026-11-24": (0, 1), "?sebelum=2": (1, 0), "?hari=tidak-ada": (2, 2),
    }.items():  # fmt: skip
        rows = admin.get(f"/pengelola/jejak{query}").text.partition("<tbody>")[2]
        assert (rows.count(f">{number}<"), rows.count(f">{other}<")) == expected, query
    page = words(office.client("pemohon").get(f"/permohonan/{first}"))
    assert f"Siapa yang membuka data Anda (1) {name}" in page
    assert "2 kali" in page
    assert "Siapa yang membuka" not in officer.get(f"/permohonan/{first}").text


@one_kind
def test_what_commands_show_is_kept(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    case_id = play.apply(office)
    with office.look() as ctx:
        number = ctx.session.get_one(Case, case_id).number
    monkeypatch.setenv("ALUR_DATABASE_URL", office.db.url)
    monkeypatch.setenv("ALUR_INSTANCE", str(tmp_path))
    run = CliRunner()
    assert run.invoke(cli.alur, ["case", "show", number]).exit_code == 0
    assert run.invoke(cli.alur, ["case", "show", "tidak-ada"]).exit_code == 1
    assert run.invoke(cli.alur, ["export", "csv", "-o", str(tmp_path / "log.csv")]).exit_code == 0
    assert kept(office) == [
        ("", "perintah", case_id, "alur case show"), ("", "ekspor", None, "alur export csv"),
    ]  # fmt: skip


@one_kind
def test_a_long_word_and_a_person_without_any_lane_do_no_harm(office: Office) -> None:
    with office.work() as ctx:
        people.new_person(ctx, "sepi", PASSWORD, full_name="Orang Sepi")
    office.client("auditor").get(f"/permohonan/semua?cari={'panjang' * 100}")
    [(who, what, _case, detail)] = kept(office)
    assert (who, what, len(detail)) == ("auditor", "cari", 300)
    assert office.client("sepi").get("/permohonan?cari=x").status_code == 200
    assert len(kept(office)) == 1


def test_tasks_are_counted_as_seen_for_each_case_once(office: Office) -> None:
    cases_opened = [play.apply(office) for _ in range(2)]
    for case_id in cases_opened:
        play.step(office, case_id)
    with office.look() as ctx:
        lane = play.waiting(ctx, cases_opened[0])[0].lane.name
        tasks = ctx.session.scalars(select(Task.case_id).where(Task.closed_at.is_(None))).all()
    who = office.officers[lane]
    office.client(who).get("/api/v1/tasks", **bearer(office, who))
    assert sorted(case or 0 for _who, _what, case, _detail in kept(office)) == sorted(tasks)
