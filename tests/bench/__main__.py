"""`make bench`: one JSON object a line, as docs and contract name them. Figures are of this machine: trust the ratios."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text

from app import audit, calendars, cases, demo, documents, drawn, forms, journal, papers, people, revisions, worker
from app.documents import pdf
from app.models import NEVER, Case, Document, Event, EventValues, Lane, RegisterEntry, Task, instant
from tests import sops
from tests.bench import http
from tests.bench.office import Office, office
from tests.drawn import draw

WARM = 5


def main() -> None:
    wanted = sys.argv[1:]
    for kind in ("sqlite", "postgresql"):
        for name, measure in MEASURES.items():
            if wanted and name not in wanted:
                continue
            with office(kind) as place:
                for figures in measure(place):
                    print(json.dumps({"bench": name, "db": kind, **figures}), flush=True)


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    return {
        "median_ms": round(statistics.median(ordered) * 1000, 3),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 3),
    }


def one_step(place: Office, task_id: int, choice: int = 0) -> float:
    """Completes a task with its form's sample; the seconds of the transaction, from its begin to its commit."""
    with place.writing.begin() as session:
        ctx = place.ctx(session)
        task = session.get_one(Task, task_id)
        form, person = cases.form_of(ctx, task), place.person_for(task)
        today = ctx.now.date()
        answers = forms.sample(form, task.case_id, lambda f: demo.sample_upload(ctx, person, f), today) if form else {}
        ways = cases.choices(ctx, task)
        picked = ways[choice].id if ways else None
        note = "alasan" if ways and ways[choice].returns else ""
    began = time.perf_counter()
    with place.writing.begin() as session:
        ctx = place.ctx(session)
        actor = people.actor(session, person, ctx.now)
        cases.complete(ctx, actor, task_id, answers, picked, note)
    return time.perf_counter() - began


def waiting(place: Office, case_id: int) -> list[int]:
    with place.reading() as session:
        query = select(Task.id).where(Task.case_id == case_id, Task.closed_at.is_(None)).order_by(Task.id)
        return list(session.scalars(query))


def new_case(place: Office) -> int:
    with place.writing.begin() as session:
        return place.open_case(session).id


def finish(place: Office) -> tuple[int, list[float]]:
    """One case from its start to its end; its id and each completion's seconds."""
    case_id, times = new_case(place), []
    while tasks := waiting(place, case_id):
        times.append(one_step(place, tasks[0]))
    return case_id, times


def complete(place: Office) -> Iterator[dict[str, Any]]:
    for _ in range(WARM):
        finish(place)
    times: list[float] = []
    plain: list[float] = []
    for _ in range(30):
        case_id, took = finish(place)
        with place.reading() as session:
            done = select(Event.seq).where(Event.case_id == case_id, Event.kind == "complete").order_by(Event.seq)
            issuing = set(session.scalars(select(Document.seq).where(Document.case_id == case_id)))
            plain += [seconds for seconds, seq in zip(took, session.scalars(done), strict=True) if seq not in issuing]
        times += took
    yield {**spread(times), "without_papers_ms": spread(plain)["median_ms"]}


def complete_loop(place: Office, rounds: int = 2000) -> Iterator[dict[str, Any]]:
    finish(place)
    case_id, times = new_case(place), []
    while len(times) < rounds:
        task_id = waiting(place, case_id)[0]
        with place.reading() as session:
            ways = cases.choices(place.ctx(session), session.get_one(Task, task_id))
        back = [n for n, way in enumerate(ways) if way.returns]
        times.append(one_step(place, task_id, back[0] if back else 0))
    with place.reading() as session:
        state = session.scalars(select(Case.state).where(Case.id == case_id)).one()
    yield {
        "completions": rounds,
        "first100_ms": round(statistics.median(times[:100]) * 1000, 3),
        "last100_ms": round(statistics.median(times[-100:]) * 1000, 3),
        "state_bytes": len(state),
    }


def http_complete(place: Office) -> Iterator[dict[str, Any]]:
    for clients, workers in ((1, 1), (8, 2)):
        yield {"clients": clients, "workers": workers, **http.completions(place, clients, workers, spread)}


def inbox_page(place: Office) -> Iterator[dict[str, Any]]:
    app = http.app_of(place)
    finish(place)
    have = 0
    for wanted in (1_000, 100_000):
        fill_inbox(place, wanted - have)
        have = wanted
        client = app.test_client()
        person = http.busiest(place)
        http.sign_in(client, person)
        times = []
        for _ in range(60):
            began = time.perf_counter()
            answer = client.get("/tugas")
            times.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise SystemExit(f"/tugas: {answer.status}")
        yield {"open_tasks": wanted, **spread(times[10:])}


def fill_inbox(place: Office, count: int) -> None:
    """Open tasks that no case moved through: rows as `cases` writes them, spread over the officers' lanes."""
    with place.writing.begin() as session:
        lanes = list(session.scalars(select(Lane).where(~Lane.applicant).order_by(Lane.id)))
        steps = list(revisions.load(session, place.revision.id).definition.steps.values())
        first = session.scalar(select(func.max(Case.id))) or 0
        now = place.settings.now()
        person = place.staff.applicants[0]
        rows, tasks = [], []
        for n in range(first + 1, first + count + 1):
            opened = now - timedelta(minutes=n % 5000)
            due = opened + timedelta(days=2) if n % 3 else None
            rows.append(
                {"id": n, "number": f"bench-{n}", "code": "X", "sop": place.revision.sop, "revision_id": place.revision.id,
                 "applicant_id": person.id, "applicant_name": person.full_name, "filed_by_id": person.id, "status": "open",
                 "opened_at": opened, "subject": f"PT Contoh {n} · Pekerja {n}", "search": f"bench-{n} pt contoh {n}",
                 "seq": 0, "head": b"", "state_digest": "", "data": {}, "state": b""}
            )  # fmt: skip
            lane = lanes[n % len(lanes)]
            step = next((s for s in steps if s.lane == lane.name), steps[0])
            tasks.append(
                {"case_id": n, "token": "1", "step": step.id, "name": step.name, "lane_id": lane.id, "round": 1,
                 "version": 1, "opened_at": opened, "due_at": due, "rank": instant(due) if due else NEVER + instant(opened)}
            )  # fmt: skip
        for table, values in ((Case, rows), (Task, tasks)):
            for start in range(0, len(values), 5000):
                session.execute(insert(table), values[start : start + 5000])
    with place.engine.begin() as connection:
        connection.execute(text("ANALYZE"))


def paper(place: Office) -> Iterator[dict[str, Any]]:
    """A due paper made whole: the journal read, its context laid out, the template filled."""
    case_id, _ = finish(place)
    with place.reading() as session:
        query = select(Document.template, Document.id).where(Document.case_id == case_id).order_by(Document.id)
        for name, document in {row.template: row.id for row in session.execute(query)}.items():
            times = []
            for _ in range(25):
                began = time.perf_counter()
                filled = papers.made(place.ctx(session), document)
                times.append(time.perf_counter() - began)
                if filled is None or filled.error:
                    raise SystemExit(f"{name}: {filled}")
            yield {"template": name, **spread(times[3:])}
    yield from _rows(place, case_id)


def _rows(place: Office, case_id: int) -> Iterator[dict[str, Any]]:
    """The control sheet of a case, filled with as many rows: those that it has, again and again."""
    with place.reading() as session:
        ctx, case = place.ctx(session), session.get_one(Case, case_id)
        loaded = revisions.load(session, case.revision_id)
        [sheet] = drawn.papers(loaded.definition.properties["lembar_kendali"])
        template = revisions.template(session, case.revision_id, sheet.template)
        seen = papers.context(ctx, loaded, journal.entries(ctx, case_id), papers.frozen(ctx, case))
    for rows, count in ((200, 25), (5_000, 4)):
        lembar = [{**seen["lembar"][n % len(seen["lembar"])], "no": n + 1} for n in range(rows)]
        context = {**seen, "lembar": lembar, "dokumen": {"nama": sheet.name, "rangkap": 1}}
        times = []
        for _ in range(count):
            began = time.perf_counter()
            documents.fill(template, context)
            times.append(time.perf_counter() - began)
        yield {"template": sheet.template, "rows": rows, **spread(times[1:])}


def archived(place: Office) -> Iterator[dict[str, Any]]:
    """A paper made PDF/A, where an office suite is installed: one after the other, and two at once."""
    program = next(filter(None, map(shutil.which, ("soffice", "libreoffice"))), None)
    if program is None:
        return
    case_id, _ = finish(place)
    with place.reading() as session:
        rows = session.execute(select(Document.template, Document.id).where(Document.case_id == case_id)).all()
        letters = [papers.made(place.ctx(session), row.id) for row in rows]
    contents = [letter.content for letter in letters if letter is not None]

    def timed(content: bytes) -> float:
        began = time.perf_counter()
        pdf.archived(Path(program), content)
        return time.perf_counter() - began

    for at_once in (1, 2):
        with ThreadPoolExecutor(at_once) as several:
            yield {"at_once": at_once, **spread(list(several.map(timed, (contents * 12)[:12])))}


def verify(place: Office) -> Iterator[dict[str, Any]]:
    count = 60
    for _ in range(count):
        finish(place)
    with place.reading() as session:
        began = time.perf_counter()
        proofs = list(audit.verify(place.ctx(session)))
        seconds = time.perf_counter() - began
    wrong = [finding for proof in proofs for finding in proof.all_findings if "okumen" not in finding]
    if wrong:
        raise SystemExit(f"verify: {wrong[:3]}")
    yield {"cases": count, "per_s": round(count / seconds, 1)}


def check(place: Office) -> Iterator[dict[str, Any]]:
    """The largest SOP's diagram, and lines of steps with choices that lead back: how the time grows with elements."""
    from app import engine

    for drawing, count in ((sops.BUNDLES[sops.LARGEST].diagram, 40), (_line(250), 10), (_line(2_500), 3)):
        elements = len(re.findall(rb"<(?:bpmn:)?[a-z]\w*(?:Event|Task|Gateway|Flow|ane)\b", drawing))
        times = []
        for _ in range(count):
            began = time.perf_counter()
            engine.read(drawing, {})
            times.append(time.perf_counter() - began)
        yield {"elements": elements, **spread(times[count // 8 :])}


def _line(length: int) -> bytes:
    """A diagram of `length` pairs of a step and a decision that goes on or back."""
    pairs = [f'user u{n} "Langkah {n}"\nxor x{n}\nu{n} > x{n}\nx{n} > u{n} "Kembali"' for n in range(length)]
    ways = [f'x{n} > u{n + 1} "Lanjut {n}"' for n in range(length - 1)]
    return draw("\n".join(["start s", "end e", *pairs, "s > u0", *ways, f'x{length - 1} > e "Selesai"']))


OPEN = 1_000_000
SPREAD = """
INSERT INTO "case" (number, code, sop, revision_id, applicant_id, applicant_name, filed_by_id, status, opened_at,
  clock_at, due_at, next_due, pause_days, calendar, subject, search, seq, head, state_digest, data, state)
SELECT 'tik-' || n, 'X', c.sop, c.revision_id, c.applicant_id, c.applicant_name, c.filed_by_id, 'open', c.opened_at,
  c.opened_at, {soon} + CAST(n AS BIGINT) * 1000000, {soon} + CAST(n AS BIGINT) * 1000000, 0, {version}, '', 'tik', 1, c.head, '', NULL, c.head
FROM ({numbers}) AS numbers CROSS JOIN "case" AS c WHERE c.id = {case}
"""
NUMBERS = {
    "postgresql": f"SELECT n FROM generate_series(1, {OPEN}) AS n",
    "sqlite": f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {OPEN}) SELECT n FROM s",
}


def tick(place: Office) -> Iterator[dict[str, Any]]:
    """The worker's look for nothing due, over open cases that each wait for a time; all that it asks for each tick."""
    case_id, _ = finish(place)
    kind = place.engine.dialect.name
    with place.writing.begin() as session:
        ctx = place.ctx(session)
        for n in (1, 2):  # the calendar has been edited, and every date is reckoned by it
            calendars.change(ctx, ctx.local().date() + timedelta(days=7 * n), True, "Tutup", "SE 1")
        soon = instant(ctx.now + timedelta(hours=1))
        numbers = NUMBERS[kind]
        session.execute(text(SPREAD.format(soon=soon, version=calendars.version(ctx), numbers=numbers, case=case_id)))
    with place.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE"))
    while worker.once(place.settings, place.reading, place.writing):
        pass
    times = []
    for _ in range(200):
        began = time.perf_counter()
        done = worker.once(place.settings, place.reading, place.writing)
        times.append(time.perf_counter() - began)
        if done:
            raise SystemExit(f"tick: {done} were due")
    yield {"open_cases": OPEN, **spread(times[20:])}


def case_bytes(place: Office, count: int = 100) -> Iterator[dict[str, Any]]:
    """What the database grows by for each finished case, uploads' rows and papers apart: once its rows are out of
    the inboxes, and as it ends.
    """
    _put_away(place, [finish(place)[0]])
    before = _size(place)
    finished = [finish(place)[0] for _ in range(count)]
    at_first = _size(place) - before
    _put_away(place, finished)
    yield {"bytes": round((_size(place) - before) / count), "bytes_at_its_end": round(at_first / count)}


def _put_away(place: Office, finished: Sequence[int]) -> None:
    with place.writing.begin() as session:
        ctx = place.ctx(session)
        for case_id in finished:
            cases.put_away(ctx, session.get_one(Case, case_id))


def _size(place: Office) -> int:
    """Bytes of the tables that a case fills, indexes and all, once everything dead is swept out."""
    tables = [t.__tablename__ for t in (Case, Task, Event, EventValues, RegisterEntry)]
    connection = place.engine.raw_connection()
    try:
        cursor = connection.cursor()
        if place.engine.dialect.name == "sqlite":
            cursor.execute("VACUUM")
            listed = ", ".join(f"'{table}'" for table in tables)
            cursor.execute(
                "SELECT sum(pgsize) FROM dbstat JOIN sqlite_master USING (name) WHERE tbl_name IN (" + listed + ")"
            )
            return int(cursor.fetchone()[0])
        connection.driver_connection.autocommit = True
        cursor.execute("VACUUM FULL")
        cursor.execute("SELECT " + " + ".join(f"pg_total_relation_size('\"{table}\"')" for table in tables))
        size = int(cursor.fetchone()[0])
        connection.driver_connection.autocommit = False
        return size
    finally:
        connection.close()


MEASURES: dict[str, Callable[[Office], Iterator[dict[str, Any]]]] = {
    "complete": complete,
    "complete_loop": complete_loop,
    "http_complete": http_complete,
    "inbox": inbox_page,
    "paper": paper,
    "archived": archived,
    "verify": verify,
    "check": check,
    "tick": tick,
    "case_bytes": case_bytes,
}

if __name__ == "__main__":
    main()
