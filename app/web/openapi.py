"""What the API takes and gives: the JSON Schemas that validate its requests and from which OpenAPI is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator

from app import ends, forms

Schema = dict[str, Any]


def _object(required: str = "", /, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, **({"required": required.split()} if required else {})}


def _list(name: str) -> Schema:
    return _object("items next", items={"type": "array", "items": ref(name)}, next=CURSOR)


def ref(name: str) -> Schema:
    """A reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "description": "opaque"}
SHORT: Schema = {"type": "string", "maxLength": 500}
WHEN: Schema = {"type": "string", "format": "date-time"}
MAYBE_WHEN: Schema = {"type": ["string", "null"], "format": "date-time"}
CURSOR: Schema = {"type": ["string", "null"], "description": "pass as `cursor` for the next page; null at the end"}
ANYTHING: Schema = {"type": "object"}
MAYBE_ANYTHING: Schema = {"type": ["object", "null"]}
TRUTH: Schema = {"type": "boolean", "description": "1, true or ya"}
STATUS: Schema = {"enum": ["open", "ended", "withdrawn", "refused", "lapsed", "revoked"]}
QUERIES: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    "mine": TRUTH,
    "unclaimed": TRUTH,
    "overdue": TRUTH,
    "returned": TRUTH,
    "status": STATUS,
}

SCHEMAS: dict[str, Schema] = {
    "Fault": _object("pointer message", pointer=SHORT, message=SHORT),
    "Choice": _object("id label returns", id=TEXT, label=TEXT, returns={"type": "boolean"}),
    "Task": _object(
        "id case number step name lane assignee version opened_at due_at form faults choices data",
        id=ID, case=ID, number=TEXT, step=TEXT, name=TEXT, lane=TEXT, assignee={"type": ["string", "null"]},
        version={"type": "integer"}, opened_at=WHEN, due_at=MAYBE_WHEN, form=ANYTHING,
        faults={"type": "array", "items": ref("Fault")}, choices={"type": "array", "items": ref("Choice")},
        data=ANYTHING,
    ),
    "Case": _object(
        "id number sop revision status ended_at data tasks due_at",
        id=ID, number=TEXT, sop=TEXT, revision={"type": "integer"},
        status=STATUS, ended_at=MAYBE_WHEN, data=ANYTHING,
        tasks={"type": "array", "items": ref("Task")}, due_at=MAYBE_WHEN, destroyed_at=MAYBE_WHEN,
        due_rules={"type": "array", "items": TEXT, "description": "which rules made the due date; of one case only"},
    ),
    "Event": _object(
        "seq at recorded_at actor lane kind step choice note digest from_paper",
        seq={"type": "integer"}, at=WHEN, recorded_at=WHEN, actor=TEXT, lane=TEXT, kind=TEXT, step=TEXT, choice=TEXT,
        note=TEXT, digest=TEXT, from_paper=TEXT,
    ),
    "Document": _object("id name kind sha256", id=ID, name=TEXT, kind=TEXT, sha256={"type": ["string", "null"]}),
    "Sop": _object(
        "key title revision lanes applicant_lane starts",
        key=TEXT, title=TEXT, revision={"type": "integer"}, lanes={"type": "array", "items": TEXT},
        applicant_lane={"type": ["string", "null"]},
        starts={"type": "array", "items": _object("id name default", id=TEXT, name=TEXT, default={"type": "boolean"})},
    ),
    "File": _object("id name sha256", id=ID, name=TEXT, sha256=TEXT),
    "Finding": _object(
        "element level rule message", element=TEXT, level={"enum": ["error", "warning", "info"]}, rule=TEXT,
        message=TEXT,
    ),
    "Revision": _object(
        "key revision digest findings",
        key=TEXT, revision={"type": "integer"}, digest=TEXT, findings={"type": "array", "items": ref("Finding")},
    ),
    "Completion": _object("case opened", case=ref("Case"), opened={"type": "array", "items": ref("Task")}),
    "Cases": _list("Case"),
    "Tasks": _list("Task"),
    "Sops": _list("Sop"),
    "Journal": _object("events", events={"type": "array", "items": ref("Event")}),
    "Documents": _object("items", items={"type": "array", "items": ref("Document")}),
    "NewCase": _object(
        "sop", sop=TEXT, data=MAYBE_ANYTHING, start={"type": ["string", "null"]},
        on_behalf_of={"type": ["string", "null"], "maxLength": 200},
    ),
    "Draft": _object("data", data=ANYTHING),
    "Assignment": _object(
        "to", to={"type": "string", "maxLength": 80}, note={"type": ["string", "null"], "maxLength": 4000}
    ),
    "NewCompletion": _object(
        "", data=MAYBE_ANYTHING, choice={"type": ["string", "null"]}, note={"type": ["string", "null"]},
        faults={"type": "array", "items": ref("Fault"), "maxItems": 500}, version={"type": ["integer", "null"]},
    ),
    "Act": _object("act reason", act={"enum": [*ends.VERBS]}, reason=TEXT, step=TEXT, data=ANYTHING),
    "Problem": _object(
        "type title status", type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT,
        errors={"type": "array", "items": ref("Fault")}, findings={"type": "array", "items": ref("Finding")},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call of the API as it is documented: `takes` and `gives` name schemas, "" for none, "binary" for bytes.

    It may take "file" or "files" instead, as multipart.
    """

    method: str
    path: str
    summary: str
    takes: str
    gives: str
    status: int
    query: tuple[str, ...]


CALLS: list[Call] = []


@lru_cache
def validator(name: str) -> Draft202012Validator:
    """The validator of one of SCHEMAS, references and all."""
    return Draft202012Validator({**SCHEMAS[name], "components": {"schemas": SCHEMAS}})


DEEPEST, MOST_FAULTS = 40, 100
UNKEEPABLE = re.compile("[\0\ud800-\udfff]")  # what no database and no paper takes: a zero byte, half a character


def faults(name: str, body: Any) -> list[forms.Fault]:
    """What is wrong with a request's body, by pointer, in Indonesian."""
    found = list(islice(_unkeepable(body), MOST_FAULTS))
    if not found:
        errors = islice(validator(name).iter_errors(body), MOST_FAULTS)
        found = [fault for error in errors for fault in _in_words(error)]
    return list(dict.fromkeys(found))


def _unkeepable(body: Any) -> Iterator[forms.Fault]:
    waiting: list[tuple[str, int, Any]] = [("", 0, body)]
    while waiting:
        pointer, depth, value = waiting.pop()
        if depth > DEEPEST:
            yield forms.Fault("", "Isinya bersarang terlalu dalam.")
        elif isinstance(value, str) and UNKEEPABLE.search(value):
            yield forms.Fault(pointer, "Isian ini memuat tanda yang tidak dapat disimpan.")
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{n}", depth + 1, inner) for n, inner in enumerate(value)]
        elif isinstance(value, dict):
            if any(UNKEEPABLE.search(key) for key in value):
                yield forms.Fault(pointer, "Sebuah nama di sini memuat tanda yang tidak dapat disimpan.")
            waiting += [(f"{pointer}/{_escaped(key)}", depth + 1, inner) for key, inner in value.items()]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _in_words(error: Any) -> Iterator[forms.Fault]:
    pointer = "".join(f"/{_escaped(str(part))}" for part in error.absolute_path)
    if error.validator == "required":
        for missing in error.validator_value:
            if missing not in error.instance:
                yield forms.Fault(f"{pointer}/{missing}", f"“{missing}” harus ada.")
    elif error.validator == "enum":
        yield forms.Fault(pointer, f"Nilainya harus salah satu dari: {', '.join(error.validator_value)}.")
    elif error.validator == "type":
        yield forms.Fault(pointer, "Jenis nilainya keliru.")
    else:
        yield forms.Fault(pointer, "Nilai ini terlalu panjang.")


def document(server: str) -> dict[str, Any]:
    """OpenAPI 3.1 of every call."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Alur", "version": "1"},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    places = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    queried = [{"name": n, "in": "query", "required": False, "schema": QUERIES.get(n, TEXT)} for n in call.query]
    if call.gives == "Completion":
        key = {"type": "string", "maxLength": 200, "description": "a retry with the same key hears the first answer"}
        queried.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key})
    body: Schema = {}
    if call.takes:
        kind, taken = "application/json", ref(call.takes)
        if call.takes in ("file", "files"):
            one: Schema = {"type": "string", "format": "binary"}
            parts = one if call.takes == "file" else {"type": "array", "items": one}
            kind, taken = "multipart/form-data", _object("file", file=parts)
        body = {"requestBody": {"required": True, "content": {kind: {"schema": taken}}}}
    if call.gives == "binary":
        given: Schema = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    else:
        given = {"application/json": {"schema": ref(call.gives)}}
    wrong = {"description": "a problem", "content": {"application/problem+json": {"schema": ref("Problem")}}}
    return {
        "summary": call.summary,
        "operationId": f"{call.method.lower()}{call.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "parameters": [{"name": n, "in": "path", "required": True, "schema": ID} for n in places] + queried,
        **body,
        "responses": {str(call.status): {"description": "as asked", "content": given}, "default": wrong},
    }
