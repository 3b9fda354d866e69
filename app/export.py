"""Event logs for process mining: XES (IEEE 1849), OCEL 2.0 (JSON) and CSV. Only what the journal holds in clear."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from lxml import etree
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import journal, revisions
from app.context import Context
from app.engine.definition import Definition
from app.models import Case

FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEAD = ("case", "sop", "revision", "activity", "timestamp", "lifecycle", "resource", "role", "choice", "kind", "seq")

LIFECYCLE = {  # IEEE 1849, 7: what happened to the work on a step, and to the whole case
    "claim": "assign", "release": "withdraw", "assign": "reassign", "postpone": "suspend", "take_back": "ate_abort",
    "withdraw": "pi_abort", "refuse": "pi_abort", "lapse": "pi_abort",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One event as every format tells it; `activity` is the step as drawn, or the kind of event where it has none."""

    case: str
    sop: str
    revision: int
    activity: str
    timestamp: str
    lifecycle: str
    resource: str
    role: str
    choice: str
    kind: str
    seq: int


def write(ctx: Context, kind: str, out: IO[bytes]) -> int:
    """Writes the log of all cases in `kind` (`xes`, `ocel`, `csv`); how many events that were."""
    return FORMATS[kind](_rows(ctx), out)


def _rows(ctx: Context) -> Iterator[Row]:
    last = 0
    query = select(Case).options(joinedload(Case.revision)).order_by(Case.id).limit(1)
    while case := ctx.session.scalar(query.where(Case.id > last)):
        last = case.id
        definition = revisions.load(ctx.session, case.revision_id).definition
        for entry in journal.entries(ctx, case.id):
            yield _row(case, definition, entry)
        ctx.session.expunge_all()


def _row(case: Case, definition: Definition, entry: journal.Entry) -> Row:
    step = definition.steps.get(entry.step)
    choice = next((c.label for c in step.choices if c.id == entry.choice), "") if step else ""
    activity = step.name if step and (entry.kind in LIFECYCLE or entry.kind == "complete") else entry.kind
    lifecycle = LIFECYCLE.get(entry.kind, "complete")
    return Row(
        case.number, case.sop, case.revision.number, activity, entry.at.isoformat(), lifecycle,
        entry.actor, entry.lane, choice, entry.kind, entry.seq,
    )  # fmt: skip


def _csv(rows: Iterator[Row], out: IO[bytes]) -> int:
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(HEAD)
    count = 0
    for row in rows:
        count += 1
        writer.writerow([_plain(getattr(row, name)) for name in HEAD])
    text.detach()
    return count


def _plain(value: object) -> object:
    """A spreadsheet must not take a name for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _xes(rows: Iterator[Row], out: IO[bytes]) -> int:
    count, trace, number = 0, None, None
    with (
        etree.xmlfile(out, encoding="utf-8") as xml,
        xml.element(
            "log", {"xes.version": "1849-2016", "xes.features": ""}, nsmap={None: "http://www.xes-standard.org/"}
        ),
    ):
        for name, prefix in (
            ("Concept", "concept"),
            ("Time", "time"),
            ("Lifecycle", "lifecycle"),
            ("Organizational", "org"),
        ):
            uri = f"http://www.xes-standard.org/{prefix}.xesext"
            xml.write(etree.Element("extension", {"name": name, "prefix": prefix, "uri": uri}))
        for row in rows:
            count += 1
            if row.case != number:
                if trace is not None:
                    xml.write(trace)
                trace, number = _trace(row), row.case
            _event(trace, row)
        if trace is not None:
            xml.write(trace)
    return count


def _trace(row: Row) -> etree._Element:
    trace = etree.Element("trace")
    _attribute(trace, "string", "concept:name", row.case)
    _attribute(trace, "string", "sop", row.sop)
    _attribute(trace, "int", "revision", str(row.revision))
    return trace


def _event(trace: etree._Element | None, row: Row) -> None:
    if trace is None:
        return
    event = etree.SubElement(trace, "event")
    for kind, key, value in (
        ("string", "concept:name", row.activity),
        ("date", "time:timestamp", row.timestamp),
        ("string", "lifecycle:transition", row.lifecycle),
        ("string", "org:resource", row.resource),
        ("string", "org:role", row.role),
        ("string", "choice", row.choice),
        ("string", "kind", row.kind),
        ("int", "seq", str(row.seq)),
    ):
        if value:
            _attribute(event, kind, key, value)


def _attribute(parent: etree._Element, kind: str, key: str, value: str) -> None:
    etree.SubElement(parent, kind, {"key": key, "value": value})


def _ocel(rows: Iterator[Row], out: IO[bytes]) -> int:
    """Objects are cases and people; events are written as they come, the rest after them."""
    count, objects, kinds = 0, {}, set()
    out.write(b'{"events":[')
    for count, row in enumerate(rows, 1):
        kinds.add(row.activity)
        links = [{"objectId": f"case:{row.case}", "qualifier": "case"}]
        objects[f"case:{row.case}"] = {"id": f"case:{row.case}", "type": "case", "attributes": [], "relationships": []}
        if row.resource:
            links.append({"objectId": f"person:{row.resource}", "qualifier": "performer"})
            objects[f"person:{row.resource}"] = {
                "id": f"person:{row.resource}", "type": "person", "attributes": [], "relationships": [],
            }  # fmt: skip
        attributes = [{"name": n, "value": getattr(row, n)} for n in ("role", "choice", "kind")]
        event = {"id": f"{row.case}#{row.seq}", "type": row.activity, "time": row.timestamp, "attributes": attributes,
                 "relationships": links}  # fmt: skip
        out.write((b"," if count > 1 else b"") + json.dumps(event, ensure_ascii=False).encode())
    texts = [{"name": name, "type": "string"} for name in ("role", "choice", "kind")]
    rest = {
        "objects": list(objects.values()),
        "eventTypes": [{"name": name, "attributes": texts} for name in sorted(kinds)],
        "objectTypes": [{"name": name, "attributes": []} for name in ("case", "person")],
    }
    out.write(b"]," + json.dumps(rest, ensure_ascii=False).encode()[1:] + b"\n")
    return count


FORMATS: dict[str, Callable[[Iterator[Row], IO[bytes]], int]] = {"xes": _xes, "ocel": _ocel, "csv": _csv}
