"""The API as an integration meets it: over HTTP with bearer tokens, every answer held against the OpenAPI document."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import audit, bundles, calendars, clock, demo, forms, people, registers, revisions
from app.forms.schema import FORMATS as CHECKS
from app.forms.schema import FormValidator
from app.models import Case, Document, Event, Retry, Task
from app.web import openapi
from tests import sops
from tests.conftest import MONDAY, Office
from tests.drawn import draw, lanes

PDF = demo._pdf("Uji")
PNG = demo._png()
SOP = sops.LARGEST
DRAWN = sops.definition(SOP)
FIRST = DRAWN.steps[sops.first_step(DRAWN)].name
A_FORM = next(step.properties["formulir"] for step in DRAWN.steps.values() if "formulir" in step.properties)
A_LETTER = next(
    s.properties["dokumen"].split("|")[0].strip() for s in DRAWN.steps.values() if "dokumen" in s.properties
)
REASON = "Paspor <b>tidak</b> terbaca 💥"
sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def rfc3339(value: object) -> bool:
    """With its offset, as RFC 3339 wants it."""
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    return not isinstance(value, str) or bool(re.fullmatch(pattern, value) and datetime.fromisoformat(value))


def named(name: str) -> dict[str, Any]:
    """Answers of the first step with a name that lists show."""
    first = forms.load(sops.BUNDLES[SOP].forms[DRAWN.steps[sops.first_step(DRAWN)].properties["formulir"]])
    keys = [key.strip() for key in DRAWN.properties["ringkasan"].replace("\n", ",").split(",")]
    typed = {field.pointer[1:].replace("/", ".") for field in first.fields if field.type == "textfield"}
    return forms.nested({next(key for key in keys if key in typed): name})


@cache
def schema_of(method: str, path: str, status: int) -> Any:
    """The schema that the OpenAPI document promises for an answer; None for bytes."""
    document = openapi.document("/api/v1")
    for template, operations in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
            responses = operations[method.lower()]["responses"]
            content = responses.get(str(status), responses["default"])["content"]
            [(media_type, entry)] = content.items()
            return media_type, {**entry["schema"], "components": document["components"]}
    return "application/problem+json", {**openapi.ref("Problem"), "components": document["components"]}


class Api:
    """Somebody with a bearer token."""

    def __init__(self, office: Office, name: str) -> None:
        self.office, self.name = office, name
        with office.work() as ctx:
            self.token = people.new_token(ctx, office.person(ctx, name))

    def ask(self, method: str, path: str, body: Any = None, key: str = "", **rest: Any) -> TestResponse:
        """One call. Its answer is what the OpenAPI document says."""
        headers = {"Authorization": f"Bearer {self.token}", **({"Idempotency-Key": key} if key else {})}
        if body is not None:
            rest["json"] = body
        answer = self.office.app.test_client().open("/api/v1" + path, method=method, headers=headers, **rest)
        answer.request.environ["wsgi.input"].close()  # a large one is a file
        fits(answer, method, path)
        return answer

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, body: Any = None, status: int = 200, **rest: Any) -> Any:
        answer = self.ask("POST", path, body, **rest)
        assert answer.status_code == status, answer.text
        return answer.json

    def upload(self, name: str = "berkas.pdf", content: bytes = PDF, status: int = 201) -> Any:
        return self.post("/files", data={"file": (io.BytesIO(content), name)}, status=status)

    def apply(self, **rest: Any) -> Any:
        return self.post("/cases", {"sop": self.office.sop, **rest}, status=201)

    def answers(self, task: Any) -> dict[str, Any]:
        """Sample answers for a task, its uploads sent."""
        with self.office.look() as ctx:
            case = ctx.session.get_one(Case, int(task["case"]))
            form = revisions.load(ctx.session, case.revision_id).form_at(task["step"])
        if form is None:
            return {}
        return forms.sample(
            form, 1, lambda field: self.sent(field.accept), date.fromisoformat(str(self.office.now)[:10])
        )

    def sent(self, accept: tuple[str, ...]) -> str:
        pdf = not accept or "application/pdf" in accept
        return str(self.upload("berkas.pdf", PDF)["id"] if pdf else self.upload("foto.png", PNG)["id"])


def fits(answer: TestResponse, method: str, path: str) -> None:
    """The answer is the one that the document promises: its media type, and its JSON by the schema."""
    media_type, schema = schema_of(method, path.partition("?")[0], answer.status_code)
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json", answer.text
        assert answer.json["status"] == answer.status_code < 500, answer.text
    elif media_type == "application/octet-stream":
        return
    assert answer.mimetype == media_type
    faults = [e.message for e in Draft202012Validator(schema, format_checker=FORMATS).iter_errors(answer.json)]
    assert faults == []


class Desk:
    """Everybody of an office, each with a token."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.known: dict[str, Api] = {}

    def __call__(self, name: str) -> Api:
        if name not in self.known:
            self.known[name] = Api(self.office, name)
        return self.known[name]

    def of(self, task: Any) -> Api:
        """Who does a task: its lane's officer, else the applicant."""
        return self(self.office.officers.get(task["lane"], "pemohon"))

    def step(self, task: Any, label: str = "", **rest: Any) -> Any:
        """Completes a task with sample answers and the choice of this label (else the first)."""
        self.office.later(minutes=7)
        api = self.of(task)
        choice = next((c for c in task["choices"] if label in ("", c["label"])), None)
        body = {"data": api.answers(task), "choice": choice and choice["id"], **rest}
        if choice and choice["returns"]:
            body["note"] = REASON
        return api.post(f"/tasks/{task['id']}/complete", body)

    def anew(self, task: Any) -> str:
        """The choice of a task that ends its case with a new application."""
        flows, ends = self.office.definition.flows, self.office.definition.ends
        begins = {key for key, end in ends.items() if end.properties.get("permohonan_baru") == "ya"}
        return str(next(c["label"] for c in task["choices"] if flows[c["id"]].target in begins))

    def due(self) -> str:
        """When a case is due that was received on the first day."""
        with self.office.look() as ctx:
            at = clock.case_due(ctx, self.office.definition, MONDAY, calendars.current(ctx))
            return at.astimezone(self.office.settings.zone).isoformat() if at else ""

    def until(self, case: Any, returning: bool = False) -> Any:
        """Goes on to the first task with choices (of which one goes back, if asked); that task."""
        [task] = case["tasks"]
        while not any(choice["returns"] or not returning for choice in task["choices"]):
            [task] = self.step(task)["opened"]
        return task


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


# -- a whole case ------------------------------------------------------------------------------------------------------


def test_a_whole_case_through_the_api_alone(desk: Desk) -> None:
    """With every return on the way, each once."""
    applicant, definition = desk("pemohon"), desk.office.definition
    case = applicant.apply()
    [task] = case["tasks"]
    taken, seen = set(), []
    assert case["due_at"] is None
    while True:
        back = next((c for c in task["choices"] if c["returns"] and c["id"] not in taken), None)
        api, mine = desk.of(task), desk.of(task).get(f"/tasks/{task['id']}")
        assert wrongs(mine["form"], api.answers(task)) == []
        done = desk.step(task, back["label"] if back else "")
        taken |= {back["id"]} if back else set()
        seen.append(task["step"])
        assert done["case"]["tasks"] == done["opened"]
        if not done["opened"]:
            break
        [task] = done["opened"]
    walked = {choice.id for step in set(seen) for choice in definition.steps[step].choices if choice.returns}
    assert taken == walked != set()
    case = applicant.get(f"/cases/{case['id']}")
    assert (case["status"], case["tasks"]) == ("ended", [])
    assert case["ended_at"] == desk.office.now.astimezone(desk.office.settings.zone).isoformat()
    given = [
        forms.at(case["data"], line.key)
        for step in set(seen)
        for line in registers.numberings(definition.steps[step].properties.get("register", ""))
    ]
    assert given
    assert all("1" in str(number) for number in given)
    assert case["due_at"] == desk.due()
    events = applicant.get(f"/cases/{case['id']}/journal")["events"]
    assert [e["step"] for e in events if e["kind"] == "complete"] == seen
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    papers = desk("auditor").get(f"/cases/{case['id']}/documents")["items"]
    assert all(paper["sha256"] for paper in papers)
    for paper in papers:
        answer = desk("auditor").ask("GET", f"/documents/{paper['id']}")
        assert (answer.status_code, answer.data[:2]) == (200, b"PK")
    with desk.office.look() as ctx:
        assert audit.frames(ctx, ctx.session.get_one(Case, int(case["id"]))).all_findings == []


def test_another_way_in(desk: Desk) -> None:
    process = lanes(("Pemohon", "surat a z"), ("Piket", "lisan b"))
    text = 'start surat @0\nstart lisan @100\nuser a @0 "Baca"\nuser b @100 "Catat"\nend z @0\nsurat > a\nlisan > b\na > z\nb > z'
    with desk.office.work() as ctx:
        revisions.install(ctx, bundles.gathered({"lapor.bpmn": draw(text, process, id="lapor")})[0], "uji", "uji")
    [usual] = desk("pemohon").apply(sop="lapor")["tasks"]
    [other] = desk("pemohon").apply(sop="lapor", start="lisan")["tasks"]
    assert [(task["step"], task["lane"]) for task in (usual, other)] == [("a", "Pemohon"), ("b", "Piket")]


# -- what is given -----------------------------------------------------------------------------------------------------


def test_sops(desk: Desk) -> None:
    definition = desk.office.definition
    [sop] = desk("luar").get("/sops")["items"]
    assert sop == {
        "key": desk.office.sop,
        "title": definition.title,
        "revision": 1,
        "lanes": [lane.name for lane in definition.lanes],
        "applicant_lane": definition.applicant_lane,
        "starts": [{"id": start.id, "name": start.name, "default": start.default} for start in definition.starts],
    }
    assert [start["default"] for start in sop["starts"]].count(True) == 1
    assert desk("luar").get(f"/sops/{sop['key']}") == sop


def test_a_case_and_its_task_field_by_field(desk: Desk) -> None:
    case = desk("pemohon").apply(data=named("Lee"))
    [task] = case.pop("tasks")
    with desk.office.look() as ctx:
        number = ctx.session.get_one(Case, 1).number
    assert case == {
        "id": "1", "number": number, "sop": desk.office.sop, "revision": 1, "status": "open", "ended_at": None, "destroyed_at": None,
        "data": {}, "due_at": None,
    }  # fmt: skip
    form = task.pop("form")
    Draft202012Validator.check_schema(form)
    assert form["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    step = desk.office.definition.steps[task["step"]]
    assert task == {
        "id": "1", "case": "1", "number": number, "step": step.id, "name": step.name,
        "lane": desk.office.definition.applicant_lane, "assignee": None, "version": 1,
        "opened_at": "2026-11-23T10:00:00+08:00", "due_at": None, "faults": [], "choices": [],
        "data": named("Lee"),
    }  # fmt: skip
    assert desk("pemohon").get("/tasks/1") == {**task, "form": form}


def test_draft_claim_release(desk: Desk) -> None:
    desk("pemohon").apply()
    drafted = desk("pemohon").ask("PUT", "/tasks/1/draft", {"data": named("Kim")})
    assert drafted.json["data"] == named("Kim")
    claimed = desk("pemohon").post("/tasks/1/claim")
    assert (claimed["assignee"], claimed["version"], claimed["data"]) == ("Andi Pratama", 1, drafted.json["data"])
    released = desk("pemohon").post("/tasks/1/release")
    assert (released["assignee"], released["version"]) == (None, 2)
    kinds = [event["kind"] for event in desk("pemohon").get("/cases/1/journal")["events"]]
    assert kinds == ["start", "claim", "release"]


def test_assign_and_the_filters_of_what_waits(desk: Desk) -> None:
    task = desk.until(desk("pemohon").apply(), returning=True)
    officer = desk.office.officers[task["lane"]]
    with desk.office.work() as ctx:
        people.grant(ctx, desk.office.person(ctx, "luar"), task["lane"])

    def lists() -> dict[str, int]:
        asked = ("unclaimed=1", "unclaimed=0", "returned=ya")
        return {query: len(desk(officer).get(f"/tasks?{query}")["items"]) for query in asked}

    assert lists() == {"unclaimed=1": 1, "unclaimed=0": 1, "returned=ya": 0}
    given = desk(officer).post(f"/tasks/{task['id']}/assign", {"to": "luar", "note": "Tolong"})
    assert (given["assignee"], given["version"]) == ("Orang Luar", 2)
    assert lists() == {"unclaimed=1": 0, "unclaimed=0": 1, "returned=ya": 0}
    events = desk(officer).get(f"/cases/{task['case']}/journal")["events"]
    assert [events[-1][name] for name in ("kind", "note")] == ["assign", "Tolong"]
    assert desk("pemohon").get(f"/cases/{task['case']}/journal")["events"][-1]["note"] == ""


def test_a_return_says_why_and_what(desk: Desk) -> None:
    task = desk.until(desk("pemohon").apply(), returning=True)
    back = next(c for c in task["choices"] if c["returns"])
    faults = [{"pointer": "/tka/nama", "message": "Berbeda dari paspor"}]
    [again] = desk.step(task, back["label"], faults=faults)["opened"]
    assert desk("pemohon").get(f"/tasks/{again['id']}")["faults"] == faults
    events = desk("pemohon").get(f"/cases/{task['case']}/journal")["events"]
    event = [event for event in events if event["kind"] != "document"][-1]  # what was issued comes after it
    assert {k: event[k] for k in ("kind", "step", "choice", "note", "lane", "actor")} == {
        "kind": "complete", "step": task["step"], "choice": back["id"], "note": REASON, "lane": task["lane"],
        "actor": f"Petugas {task['lane']}",
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", event["digest"])


# -- whose it is -------------------------------------------------------------------------------------------------------


def counter(desk: Desk) -> Api:
    with desk.office.look() as ctx:
        return desk(next(n for n in desk.office.officers.values() if desk.office.actor(ctx, n).counter))


@pytest.mark.parametrize(
    ("behalf", "sees"), [("pemohon2", True), ("Bapak Karto", False), ("luar", False), ("  Ibu Sri  ", False)]
)
def test_on_behalf_of(desk: Desk, behalf: str, sees: bool) -> None:
    officer = counter(desk)
    case = officer.apply(on_behalf_of=behalf)
    assert desk("pemohon2").ask("GET", f"/cases/{case['id']}").status_code == (200 if sees else 404)
    [task] = case["tasks"]
    assert [t["id"] for t in officer.get("/tasks")["items"]] == [task["id"]]
    body = {"data": officer.answers(task)}
    assert len(officer.post(f"/tasks/{task['id']}/complete", body)["opened"]) == 1
    with desk.office.look() as ctx:
        found = ctx.session.get_one(Case, int(case["id"]))
        assert found.applicant_name == ("Lina Kusuma" if sees else behalf.strip())


def test_what_officers_work_with_is_theirs(desk: Desk) -> None:
    applicant = desk("pemohon")
    case = applicant.apply()
    path = f"/cases/{case['id']}"
    [task] = desk.step(case["tasks"][0])["opened"]
    officer = desk.of(task)
    answers = officer.answers(task)
    officer.ask("PUT", f"/tasks/{task['id']}/draft", {"data": answers})
    assert officer.get(f"/tasks/{task['id']}")["data"].keys() >= answers.keys()
    theirs = applicant.get(f"/tasks/{task['id']}")
    assert theirs["data"].keys() & answers.keys() == set()
    assert applicant.get(path)["tasks"] == [theirs]
    [task] = desk.step(task, note="Hanya untuk rekan")["opened"]
    heard = set[str]()  # steps of the applicant, and those that led there
    while len(officer.get(path + "/documents")["items"]) - len(applicant.get(path + "/documents")["items"]) < 1:
        before, [task] = task, desk.step(task, note="Hanya untuk rekan")["opened"]
        heard |= {before["step"]} if DRAWN.applicant_lane in (before["lane"], task["lane"]) else set()
    assert officer.get(path)["data"].keys() >= answers.keys()
    assert applicant.get(path)["data"].keys() & answers.keys() == set()
    assert {e["note"] for e in applicant.get(path + "/journal")["events"] if e["step"] not in heard} == {""}
    assert {e["note"] for e in officer.get(path + "/journal")["events"]} == {"", "Hanya untuk rekan"}
    shown, every = (who.get(path + "/documents")["items"] for who in (applicant, officer))
    assert {d["id"] for d in shown} < {d["id"] for d in every}
    hidden = {d["id"] for d in every} - {d["id"] for d in shown}
    assert {applicant.ask("GET", f"/documents/{one}").status_code for one in hidden} == {404}
    for place in (path, path + "/journal", path + "/documents", f"/tasks/{task['id']}", f"/documents/{every[0]['id']}"):
        assert {desk(n).ask("GET", place).status_code for n in ("pemohon2", "luar")} == {404}, place
    assert desk("pemohon2").get("/cases")["items"] == []


def test_a_token_counts_while_its_holder_may_log_in(desk: Desk) -> None:
    api = desk("pemohon")
    api.get("/cases")
    with desk.office.work() as ctx:
        desk.office.person(ctx, "pemohon").active = False
    for method, path in (("GET", "/cases"), ("POST", "/cases")):
        answer = api.ask(method, path)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


# -- refusals ----------------------------------------------------------------------------------------------------------

MANY = [{"pointer": "/x", "message": "y"}] * 501
OFFICER = "LOKET"
REFUSED: list[tuple[str, str, str, Any, int, list[str]]] = [
    # task 1 is done; 2 waits for OFFICER, with choices; `back` stands for the id of one that returns
    ("pemohon", "POST", "/tasks/2/complete", {"data": {}}, 403, []),
    ("LAIN", "POST", "/tasks/2/complete", {"data": {}}, 403, []),
    ("auditor", "POST", "/tasks/2/complete", {"data": {}}, 403, []),
    ("auditor", "POST", "/tasks/2/claim", None, 403, []),
    ("LAIN", "POST", "/tasks/2/release", None, 403, []),
    ("LAIN", "PUT", "/tasks/2/draft", {"data": {}}, 403, []),
    ("LAIN", "POST", "/tasks/2/assign", {"to": "luar"}, 403, []),
    ("pemohon2", "POST", "/tasks/2/assign", {"to": "luar"}, 404, []),
    (OFFICER, "POST", "/tasks/2/assign", {"to": "luar"}, 422, ["/to"]),
    (OFFICER, "POST", "/tasks/2/assign", {"note": 1}, 422, ["/to", "/note"]),
    ("luar", "POST", "/tasks/2/complete", {"data": {}}, 404, []),
    ("pemohon2", "POST", "/tasks/2/claim", None, 404, []),
    ("pemohon2", "GET", "/tasks/1", None, 404, []),
    ("pemohon", "POST", "/tasks/1/complete", {"data": {}}, 409, []),
    ("pemohon", "POST", "/tasks/1/claim", None, 409, []),
    ("pemohon", "PUT", "/tasks/1/draft", {"data": {}}, 409, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": {}, "choice": "back", "note": "x", "version": 7}, 409, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": {}}, 422, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": {}, "choice": "tidak-ada"}, 422, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": {}, "choice": "back"}, 422, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": {}, "choice": "back", "note": " \n"}, 422, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": {}, "choice": "back", "note": "x" * 4001}, 422, []),
    (OFFICER, "POST", "/tasks/2/complete", {"data": []}, 422, ["/data"]),
    (OFFICER, "POST", "/tasks/2/complete", {"choice": 1, "version": "1"}, 422, ["/choice", "/version"]),
    (OFFICER, "POST", "/tasks/2/complete", {"faults": MANY}, 422, ["/faults"]),
    (OFFICER, "POST", "/tasks/2/complete", {"faults": [{}]}, 422, ["/faults/0/pointer", "/faults/0/message"]),
    (OFFICER, "PUT", "/tasks/2/draft", {}, 422, ["/data"]),
    (OFFICER, "PUT", "/tasks/2/draft", {"data": {"x": "y" * 300_000}}, 422, []),
    ("pemohon", "POST", "/cases", {}, 422, ["/sop"]),
    ("pemohon", "POST", "/cases", {"sop": "SOP", "data": "x", "start": 1}, 422, ["/data", "/start"]),
    ("pemohon", "POST", "/cases", {"sop": "SOP", "start": "tidak-ada"}, 422, ["/start"]),
    ("pemohon", "POST", "/cases", {"sop": "SOP", "data": {"x": "y" * 300_000}}, 422, []),
    ("pemohon", "POST", "/cases", {"sop": "SOP", "on_behalf_of": "x" * 201}, 422, ["/on_behalf_of"]),
    ("pemohon", "POST", "/cases", {"sop": "tidak-ada"}, 404, []),
    ("pemohon", "POST", "/cases", {"sop": "SOP", "on_behalf_of": "pemohon2"}, 403, []),
    ("LAIN", "POST", "/cases", {"sop": "SOP"}, 403, []),
    ("luar", "POST", "/cases", {"sop": "SOP"}, 403, []),
    ("pemohon", "GET", "/sops/tidak-ada", None, 404, []),
    *(("pemohon", "GET", f"/{what}?cursor={odd}", None, 422, ["/cursor"])
      for what in ("cases", "tasks") for odd in ("9" * 5000, "x", "1~", "-1", "1;2", "١")),
    *(("auditor", "GET", f"/{what}/{odd}", None, 404, [])
      for what in ("cases", "tasks", "documents")
      for odd in ("99", "0", "-1", "9" * 18, "9" * 30, "x", "%F0%9F%92%A5", "1%00")),
    *(("pemilik", "POST", f"/tasks/{odd}/complete", {"data": {}}, 404, []) for odd in ("99", "9" * 30, "x")),
    ("pemohon", "GET", "/tidak-ada", None, 404, []),
    ("pemohon", "DELETE", "/cases", None, 405, []),
    ("pemohon", "PATCH", "/tasks/1", None, 405, []),
    ("pemohon", "POST", "/files", None, 422, ["/file"]),
    ("pemohon", "POST", "/sops/SOP/revisions", None, 403, []),
    ("pemilik", "POST", "/sops/SOP/revisions", None, 422, ["/file"]),
]  # fmt: skip


def test_refusals(desk: Desk) -> None:
    office = desk.office
    task = desk.until(desk("pemohon").apply(), returning=True)
    back = next(c["id"] for c in task["choices"] if c["returns"])
    heads = lambda: [(c.seq, c.head) for c in ctx.session.scalars(select(Case))]  # noqa: E731
    with office.look() as ctx:
        before = heads()
    wrong = []
    for who, method, path, body, status, pointers in REFUSED:
        sent = json.loads(json.dumps(body).replace('"SOP"', f'"{office.sop}"').replace('"back"', f'"{back}"'))
        answer = desk(who).ask(method, path.replace("SOP", office.sop), sent)
        found = [error["pointer"] for error in answer.json.get("errors", [])]
        if (answer.status_code, sorted(found)) != (status, sorted(pointers)):
            wrong.append((who, method, path, str(body)[:80], answer.status_code, found))
    assert wrong == []
    with office.look() as ctx:
        assert heads() == before


def test_every_route_wants_a_token(office: Office) -> None:
    client, wrong = office.app.test_client(), []
    for call in openapi.CALLS:
        path = "/api/v1" + re.sub(r"\{\w+\}", "1", call.path)
        for headers in (
            {},
            {"Authorization": "Bearer salah"},
            {"Authorization": "Basic eDp4"},
            {"Authorization": "\xff"},
        ):
            answer = client.open(path, method=call.method, headers=headers)
            if (answer.status_code, answer.mimetype) != (401, "application/problem+json"):
                wrong.append((call.method, path, answer.status_code))
    assert wrong == []


def test_a_session_is_no_token(office: Office) -> None:
    assert office.client("pemohon").get("/api/v1/cases").status_code == 401


def test_who_is_second_and_what_is_over(desk: Desk) -> None:
    task = desk.until(desk("pemohon").apply())
    officer = desk.of(task)
    with desk.office.work() as ctx:
        people.grant(ctx, desk.office.person(ctx, "luar"), task["lane"])
    officer.post(f"/tasks/{task['id']}/claim")
    for path in ("claim", "release", "complete"):
        assert (
            desk("luar").post(f"/tasks/{task['id']}/{path}", {}, status=409)["detail"].startswith("Langkah ini sedang")
        )
    officer.post(f"/tasks/{task['id']}/release")
    stale = {"data": {}, "version": task["version"]}
    assert "Muat ulang" in officer.post(f"/tasks/{task['id']}/complete", stale, status=409)["detail"]
    desk.step(task)
    detail = f"Langkah ini sudah dikerjakan oleh Petugas {task['lane']} pada"
    assert desk("luar").post(f"/tasks/{task['id']}/complete", {}, status=409)["detail"].startswith(detail)


def test_an_ended_case_is_over(desk: Desk) -> None:
    case = desk("pemohon").apply()
    task = desk.until(case)
    desk.step(task, desk.anew(task))
    assert desk("pemohon").get(f"/cases/{case['id']}")["status"] == "ended"
    for path in ("claim", "release", "complete"):
        desk.of(task).post(f"/tasks/{task['id']}/{path}", {}, status=409)
    new, old = desk("pemohon").get("/cases")["items"]
    assert (old["id"], new["status"]) == (case["id"], "open")
    assert new["tasks"][0]["data"] == desk("pemohon").get(f"/cases/{case['id']}")["data"] != {}


# -- naughty JSON ------------------------------------------------------------------------------------------------------

NAUGHTY: list[tuple[bytes, str, int]] = [
    (b'{"data": {"tka": {"nama": "\\ud800"}}}', "application/json", 422),
    (b'{"data": {"\\udfff": 1}}', "application/json", 422),
    (b'{"data": {"tka": {"nama": "a\\u0000b"}}}', "application/json", 422),
    (b'{"data": {"x": "\xed\xa0\x80"}}', "application/json", 400),
    (b'{"data": {"x": "\xff"}}', "application/json", 400),
    (b'{"data": ' + b"[" * 5000, "application/json", 400),
    (b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", 400),
    (b'{"data": {"x": ' + b"[" * 300 + b"]" * 300 + b"}}", "application/json", 422),
    (b'{"data": {"x": ' + b'{"a": ' * 300 + b"1" + b"}" * 300 + b"}}", "application/json", 422),
    (b'{"data": {"x": NaN}}', "application/json", 400),
    (b'{"data": {"x": -Infinity}}', "application/json", 400),
    (b'{"data": {"x": 1e999}}', "application/json", 400),
    (b'{"data": {"x": ' + b"9" * 4000 + b"}}", "application/json", 400),
    (b'{"data": {"x": ' + b"9" * 9000 + b"}}", "application/json", 400),
    (b'{"data": {}, "version": 1e3}', "application/json", 409),
    (b"", "application/json", 422),
    (b"{", "application/json", 400),
    (b"null", "application/json", 422),
    (b"[]", "application/json", 422),
    (b'"x"', "application/json", 422),
    (b"\0", "application/json", 400),
    (b"data=x", "application/x-www-form-urlencoded", 415),
    (b"<x/>", "text/xml", 415),
    (b"x", "multipart/form-data", 415),
    (b'{"data": {"x": "' + b"y" * 5_000_000 + b'"}}', "application/json", 413),
    (b'{"data": {"x": "' + b"y" * 1_000_000 + b'"}}', "application/json", 422),
]


@pytest.mark.parametrize("call", ["PUT /tasks/1/draft", "POST /tasks/1/complete", "POST /cases"])
def test_naughty_json(desk: Desk, call: str) -> None:
    method, path = call.split()
    desk("pemohon").apply()
    wrong = []
    for raw, kind, status in NAUGHTY:
        sent = raw
        if path == "/cases":
            sent = raw.replace(b'{"data"', b'{"sop": "%s", "data"' % desk.office.sop.encode(), 1)
        answer = desk("pemohon").ask(method, path, data=sent, content_type=kind)
        same = answer.status_code == status or (b"version" in raw and method == "PUT" and answer.status_code == 200)
        if not same and not (b"version" in raw and path == "/cases" and answer.status_code == 201):
            wrong.append((raw[:40], kind, status, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("name", ["sop", "start", "on_behalf_of"])
def test_naughty_words_beside_the_data(desk: Desk, name: str) -> None:
    officer = counter(desk)
    for word in ("a\0b", "\ud800", "' OR 1=1 --", "💥" * 50, "\u202eabc", "x" * 100_000):
        body = json.dumps({"sop": desk.office.sop, "on_behalf_of": "x", name: word})
        assert officer.ask("POST", "/cases", data=body, content_type="application/json").status_code in (201, 404, 422)


def test_a_body_without_a_content_type_is_json(desk: Desk) -> None:
    body = json.dumps({"sop": desk.office.sop})
    assert desk("pemohon").ask("POST", "/cases", data=body).status_code == 201


def test_too_much_and_a_crash_are_problems_too(desk: Desk) -> None:
    office, api = desk.office, desk("pemohon")
    office.app.config["MAX_CONTENT_LENGTH"] = 1000
    assert api.ask("POST", "/files", data={"file": (io.BytesIO(PDF * 9), "a.pdf")}).status_code == 413
    with office.db.engine.begin() as connection:
        connection.exec_driver_sql('ALTER TABLE "case" RENAME TO case_gone')
    office.app.config["PROPAGATE_EXCEPTIONS"] = False
    headers = {"Authorization": f"Bearer {api.token}"}
    answer = office.app.test_client().get("/api/v1/cases", headers=headers)
    assert (answer.status_code, answer.mimetype, answer.json["status"]) == (500, "application/problem+json", 500)
    assert "case" not in answer.text


# -- files and fields --------------------------------------------------------------------------------------------------

FILES = [
    ("a.pdf", PDF, 201),
    ("../../a\0b\u202e.pdf", PDF, 201),
    ("a.png", PNG, 201),
    ("a.pdf", b"", 422),
    ("a.exe", b"MZ" + b"x" * 100, 422),
    ("a.pdf", PNG, 422),
    ("a.svg", b"<svg onload='x'/>", 422),
    ("a.pdf", PDF + b"x" * 11_000_000, 422),
]


@pytest.mark.parametrize(("name", "content", "status"), FILES)
def test_files(desk: Desk, name: str, content: bytes, status: int) -> None:
    answer = desk("pemohon").upload(name, content, status)
    if status == 201:
        assert re.fullmatch(r"[^/\0\u202e]+", answer["name"])
        assert len(answer["sha256"]) == 64
    else:
        assert [error["pointer"] for error in answer["errors"]] == ["/file"]


def test_a_strangers_upload_is_no_answer(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    pointer, _, _, _ = next(
        f for f in leaves(task["form"], desk("pemohon").answers(task)) if f[1].get("format") == "upload"
    )
    answers = changed(desk("pemohon").answers(task), pointer, desk("pemohon2").upload()["id"])
    answer = desk("pemohon").post(f"/tasks/{task['id']}/complete", {"data": answers}, status=422)
    assert [error["pointer"] for error in answer["errors"]] == [pointer]


def leaves(schema: Any, value: Any, pointer: str = "", needed: bool = True) -> Iterator[tuple[str, Any, Any, bool]]:
    """Every input that was answered: pointer, schema, value, required."""
    if schema.get("type") == "object":
        for name, inner in schema["properties"].items():
            if name in value:
                yield from leaves(inner, value[name], f"{pointer}/{name}", name in schema.get("required", ()))
    elif schema.get("items", {}).get("type") == "object":
        for number, row in enumerate(value):
            yield from leaves(schema["items"], row, f"{pointer}/{number}")
    else:
        yield pointer, schema, value, needed


def wrongs(schema: Any, answers: Any) -> list[str]:
    """What a form's schema says against answers, but for required ones that a condition hides."""
    errors = FormValidator(schema, format_checker=CHECKS).iter_errors(answers)
    return [error.message for error in errors if error.validator != "required"]


GONE = object()


def spoiled(schema: Any, needed: bool) -> Iterator[Any]:
    """Values that the schema forbids, one for each of its checks."""
    if needed:
        yield GONE
    if schema.get("type") == "array":
        yield from ([bad] for bad in spoiled(schema["items"], needed=False))
        return
    yield {"x": 1}
    if "maxLength" in schema:
        yield "1" * (schema["maxLength"] + 1)
    if "enum" in schema:
        yield "tidak ada"
    if "const" in schema:
        yield not schema["const"]
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("type") in ("integer", "number", "boolean"):
        yield "x"
    if "pattern" in schema or "format" in schema:
        yield "?"
    if "formatMinimum" in schema:
        yield str(date.fromisoformat(schema["formatMinimum"]) - timedelta(days=1))
    if "formatMaximum" in schema:
        yield str(date.fromisoformat(schema["formatMaximum"]) + timedelta(days=1))


def changed(answers: Any, pointer: str, value: Any) -> Any:
    whole = json.loads(json.dumps(answers))
    *parents, last = pointer.split("/")[1:]
    place = whole
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    if value is GONE:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return whole


@sqlite
def test_every_check_of_every_form_is_in_its_schema_and_made(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    wrong, tried = [], 0
    while True:
        api = desk.of(task)
        form = api.get(f"/tasks/{task['id']}")["form"]
        Draft202012Validator.check_schema(form)
        good = api.answers(task)
        assert wrongs(form, good) == []
        choice = task["choices"][0]["id"] if task["choices"] else None
        for pointer, schema, _, needed in leaves(form, good):
            if schema.get("readOnly"):
                continue
            for bad in spoiled(schema, needed):
                data = changed(good, pointer, bad)
                tried += 1
                answer = api.ask("POST", f"/tasks/{task['id']}/complete", {"data": data, "choice": choice})
                found = [error["pointer"] for error in answer.json.get("errors", [])]
                if (answer.status_code, found) != (422, [pointer]):
                    wrong.append((task["step"], pointer, str(bad)[:40], answer.status_code, found))
                if answer.status_code == 200:
                    assert wrong == []
        opened = desk.step(task)["opened"]
        if not opened:
            break
        [task] = opened
    assert wrong == []
    assert tried > 200


ODD = (1, True, None, [], {}, "x" * 900, [[1]], [{}], {"x": [1]}, 1e308, "2026-99-99", "<b>")


@sqlite
def test_whatever_a_draft_holds_its_page_opens(desk: Desk) -> None:
    api, browser = desk("pemohon"), desk.office.client("pemohon")
    [task] = api.apply()["tasks"]
    good, wrong = api.answers(task), []
    places = {pointer.rpartition("/")[0] for pointer, *_ in leaves(task["form"], good)} - {""}
    places |= {pointer for pointer, *_ in leaves(task["form"], good)}
    for odd in ODD:
        for drafts in ([changed(good, place, odd) for place in places if "/0" in place], [every(good, odd)], [odd]):
            for draft in drafts:
                if not isinstance(draft, dict):
                    continue
                assert api.ask("PUT", f"/tasks/{task['id']}/draft", {"data": draft}).status_code == 200
                for path in (f"/tugas/{task['id']}", "/permohonan", "/tugas"):
                    if browser.get(path).status_code != 200:
                        wrong.append((path, str(odd)[:30], len(drafts)))
    assert wrong == []


def every(value: Any, odd: Any) -> Any:
    """The answers with this in every place."""
    return {name: every(inner, odd) if isinstance(inner, dict) else odd for name, inner in value.items()}


def test_unknown_fields_and_nothing_at_all(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    empty = desk("pemohon").post(f"/tasks/{task['id']}/complete", {"data": {"x": 1}}, status=422)
    assert len(empty["errors"]) > 20
    assert all(error["pointer"].startswith("/") and error["message"] for error in empty["errors"])
    data = {**desk("pemohon").answers(task), "tidak_dikenal": "x"}
    done = desk("pemohon").post(f"/tasks/{task['id']}/complete", {"data": data})
    assert "tidak_dikenal" not in done["case"]["data"]


# -- once, and once only -----------------------------------------------------------------------------------------------


def test_a_retry_hears_the_same(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    body, path = {"data": desk("pemohon").answers(task)}, f"/tasks/{task['id']}/complete"
    first = desk("pemohon").post(path, body, key="k")
    desk.step(first["opened"][0])
    assert desk("pemohon").post(path, body, key="k") == first
    desk("pemohon").post(path, {**body, "note": "x"}, key="k", status=422)
    desk("pemohon").post(path, body, key="k" * 201, status=422)
    desk("pemohon").post(path, body, key="lain", status=409)
    desk("pemohon").post(path, body, status=409)
    desk("pemohon2").post(path, body, key="k", status=404)


def test_an_answer_is_remembered_for_a_week(desk: Desk) -> None:
    for days in (0, 6, 2):
        desk.office.later(days=days)
        [task] = desk("pemohon").apply()["tasks"]
        desk("pemohon").post(f"/tasks/{task['id']}/complete", {"data": desk("pemohon").answers(task)}, key=f"k{days}")
    with desk.office.look() as ctx:
        assert {retry.key for retry in ctx.session.scalars(select(Retry))} == {"k6", "k2"}


def test_a_refused_call_keeps_no_answer(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    path = f"/tasks/{task['id']}/complete"
    desk("pemohon").post(path, {"data": {}}, key="k", status=422)
    desk("pemohon").post(path, {"data": desk("pemohon").answers(task)}, key="k")


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each call gave, all begun at the same moment."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number: int) -> None:
        gate.wait()
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_same_call_many_times_at_once(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    body = {"data": desk("pemohon").answers(task)}
    path = f"/tasks/{task['id']}/complete"
    answers = at_once([lambda: desk("pemohon").ask("POST", path, body, key="k")] * 6)
    assert [(a.status_code, a.json) for a in answers] == [(200, answers[0].json)] * 6
    with desk.office.look() as ctx:
        done = [event.kind for event in ctx.session.scalars(select(Event).order_by(Event.seq))]
        assert [kind for kind in done if kind != "document"] == ["start", "complete"]


def test_without_a_key_one_wins(desk: Desk) -> None:
    [task] = desk("pemohon").apply()["tasks"]
    body = {"data": desk("pemohon").answers(task)}
    path = f"/tasks/{task['id']}/complete"
    answers = at_once([lambda: desk("pemohon").ask("POST", path, body)] * 6)
    assert sorted(a.status_code for a in answers) == [200] + [409] * 5


def test_one_key_for_two_things_at_once(desk: Desk) -> None:
    api = desk("pemohon")
    tasks = [api.apply()["tasks"][0] for _ in range(4)]
    bodies = [{"data": api.answers(task)} for task in tasks]

    def call(number: int) -> Callable[[], TestResponse]:
        return lambda: api.ask("POST", f"/tasks/{tasks[number]['id']}/complete", bodies[number], key="k")

    answers = at_once([call(n) for n in range(4)])
    assert sorted(a.status_code for a in answers) == [200, 422, 422, 422]
    with desk.office.look() as ctx:
        assert len(ctx.session.scalars(select(Retry)).all()) == 1
        assert len(ctx.session.scalars(select(Task).where(Task.closed_at.is_not(None))).all()) == 1


@sqlite
def test_who_sends_slowly_holds_up_nobody(desk: Desk) -> None:
    """Somebody else writes while the body of a call is still coming; SQLite has one writer."""
    desk("pemohon").apply()

    class Slow(io.BytesIO):
        written = 0

        def readinto(self, buffer: Any) -> int:
            with desk.office.work() as ctx:
                desk.office.person(ctx, "luar").failures += 1
            Slow.written += 1
            return super().readinto(buffer)

    body = json.dumps({"data": {}}).encode()
    parts = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF + b"\r\n--x--\r\n"
    for method, path, sent, kind, status in (
        ("PUT", "/tasks/1/draft", body, "application/json", 200),
        ("POST", "/tasks/1/complete", body, "application/json", 422),
        ("POST", "/files", parts, "multipart/form-data; boundary=x", 201),
        ("POST", f"/sops/{desk.office.sop}/revisions", parts, "multipart/form-data; boundary=x", 403),
    ):
        rest = {"input_stream": Slow(sent), "content_length": len(sent), "content_type": kind}
        assert desk("pemohon").ask(method, path, **rest).status_code == status
    assert Slow.written >= 3


# -- lists -------------------------------------------------------------------------------------------------------------


def paged(api: Api, path: str) -> list[list[str]]:
    """The ids of every page."""
    pages, cursor = [], ""
    while True:
        page = api.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
        pages.append([item["id"] for item in page["items"]])
        if page["next"] is None:
            return pages
        cursor = f"&cursor={page['next']}"


def test_lists(desk: Desk) -> None:
    applicant = desk("pemohon")
    made = [applicant.apply(data=named(name)) for name in ("Kim", "Lee", "Choi Lee", "Park", "Kim Lee")]
    ids = [case["id"] for case in made]
    task = desk.until(made[4])
    desk.step(task, desk.anew(task))
    sixth = str(int(ids[4]) + 1)
    assert paged(applicant, "/cases") == [[sixth, ids[4]], [ids[3], ids[2]], [ids[1], ids[0]]]
    assert paged(applicant, "/cases?status=open") == [[sixth, ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert paged(applicant, "/cases?status=ended") == [[ids[4]]]
    assert paged(applicant, "/cases?q=lee") == [[ids[2], ids[1]]]
    assert paged(applicant, "/cases?q=choi+LEE") == [[ids[2]]]
    assert paged(applicant, f"/cases?q={made[0]['number']}") == [[ids[0]]]
    assert paged(applicant, "/cases?q=%25") == paged(applicant, "/cases?status=tidak-ada") == [[]]
    first = [case["tasks"][0]["id"] for case in made[:4]]
    last = applicant.get(f"/cases/{sixth}")["tasks"][0]["id"]
    assert paged(applicant, "/tasks") == [first[:2], first[2:], [last]]
    assert paged(applicant, "/tasks?q=lee") == [[first[1], first[2]]]
    assert paged(applicant, f"/tasks?lane={DRAWN.applicant_lane}") == paged(applicant, "/tasks")
    assert paged(applicant, f"/tasks?lane={DRAWN.lanes[-1].name}") == paged(applicant, "/tasks?overdue=1") == [[]]
    assert len(applicant.get("/tasks?limit=x")["items"]) == 5
    assert len(applicant.get("/tasks?limit=0")["items"]) == 1


def test_tasks_of_a_lane(desk: Desk) -> None:
    waiting = [desk.until(desk("pemohon").apply()) for _ in range(2)]
    officer, ids = desk.of(waiting[0]), [task["id"] for task in waiting]
    assert paged(officer, "/tasks") == paged(officer, f"/tasks?lane={waiting[0]['lane']}") == [ids]
    assert paged(officer, "/tasks?mine=true") == paged(officer, f"/tasks?lane={DRAWN.lanes[-1].name}") == [[]]
    officer.post(f"/tasks/{ids[1]}/claim")
    assert paged(officer, "/tasks?mine=true") == [[ids[1]]]
    assert paged(desk("luar"), "/tasks") == paged(desk("auditor"), "/tasks") == [[]]
    task = waiting[0]
    while task["due_at"] is None:
        [task] = desk.step(task)["opened"]
    assert desk("pemohon").get(f"/cases/{task['case']}")["due_at"] == desk.due()
    late = desk.of(task)
    assert paged(late, "/tasks?overdue=1") == [[]]
    desk.office.later(days=30)
    assert paged(late, "/tasks?overdue=1") == [[task["id"]]]


# -- revisions ---------------------------------------------------------------------------------------------------------


def bundle() -> dict[str, bytes]:
    """The office's SOP, by the paths of its files."""
    folder = f"docx_templates/{SOP}/"
    where = {"templates": folder, "texts": f"{folder}pesan/"}
    files = sops.BUNDLES[SOP].files()
    return {re.sub(r"^(templates|texts)/", lambda m: where[m[1]], path): files[path] for path in files}


def packed(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


def send(api: Api, files: dict[str, bytes], key: str = "") -> TestResponse:
    parts = [(io.BytesIO(content), name) for name, content in files.items()]
    return api.ask("POST", f"/sops/{key or api.office.sop}/revisions", data={"file": parts})


def changed_bundle() -> dict[str, bytes]:
    files = bundle()
    [diagram] = [name for name in files if name.endswith(".bpmn")]
    return {**files, diagram: files[diagram].replace(FIRST.encode(), b"Yang pertama")}


@pytest.mark.parametrize("zipped", [False, True])
def test_a_new_revision(desk: Desk, zipped: bool) -> None:
    old = desk("pemohon").apply()
    files = changed_bundle()
    answer = send(desk("pemilik"), {"sop.zip": packed(files)} if zipped else files)
    assert (answer.status_code, answer.json["key"], answer.json["revision"]) == (201, desk.office.sop, 2)
    assert desk("pemohon").get(f"/sops/{desk.office.sop}")["revision"] == 2
    new = desk("pemohon").apply()
    assert (new["revision"], new["tasks"][0]["name"]) == (2, "Yang pertama")
    assert desk("pemohon").get(f"/cases/{old['id']}")["revision"] == 1
    assert send(desk("pemilik"), files).json["revision"] == 2


def drawn(old: bytes, new: bytes, name: str = "") -> dict[str, bytes]:
    """The SOP with something else in its diagram, or the diagram under another name."""
    files = bundle()
    diagram = files.pop(diagram_name())
    assert old in diagram
    return {**files, name or diagram_name(): diagram.replace(old, new)}


def diagram_name() -> str:
    return next(name for name in bundle() if name.endswith(".bpmn"))


BROKEN: list[tuple[str, Callable[[], dict[str, bytes]]]] = [
    ("nothing", dict),
    ("no diagram", lambda: {n: c for n, c in bundle().items() if not n.endswith(".bpmn")}),
    ("no XML", lambda: {**bundle(), diagram_name(): b"bukan xml"}),
    ("cut off", lambda: {**bundle(), diagram_name(): bundle()[diagram_name()][:3000]}),
    ("empty", lambda: {**bundle(), diagram_name(): b""}),
    ("an entity", lambda: {**bundle(), diagram_name(): b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}),
    ("a form is missing", lambda: {n: c for n, c in bundle().items() if not n.endswith(f"/{A_FORM}.form")}),
    ("a template is missing", lambda: {n: c for n, c in bundle().items() if not n.endswith(f"/{A_LETTER}")}),
    ("forms no JSON", lambda: {n: b"{" if n.endswith(".form") else c for n, c in bundle().items()}),
    ("half a character", lambda: {n: b'{"components": "\\ud800"}' if n.endswith(f"/{A_FORM}.form") else c for n, c in bundle().items()}),
    ("half a label", lambda: {n: c.replace(b'"label": "', b'"label": "\\ud800') for n, c in bundle().items()}),
    ("endless brackets", lambda: {n: b"[" * 9999 if n.endswith(".form") else c for n, c in bundle().items()}),
    ("templates no zip", lambda: {n: b"PK\x03\x04x" if n.endswith(".docx") else c for n, c in bundle().items()}),
    ("no zip", lambda: {"a.zip": b"bukan zip"}),
    ("an empty zip", lambda: {"a.zip": packed({})}),
    ("a cut zip", lambda: {"a.zip": packed(bundle())[:-50]}),
    ("a meddled zip", lambda: {"a.zip": meddled(packed(bundle()))}),
    ("two SOPs", lambda: {"a.bpmn": bundle()[diagram_name()], "b.bpmn": bundle()[diagram_name()].replace(b'"' + SOP.encode(), b'"x')}),
    ("a long file name", lambda: drawn(b"", b"", "x" * 400 + ".bpmn")),
    ("a zero byte in a file name", lambda: drawn(b"", b"", "a\0b.bpmn")),
    ("a long title", lambda: drawn(DRAWN.title.encode(), b"x" * 401)),
    ("a long lane", lambda: drawn(f'"{DRAWN.lanes[-1].name}"'.encode(), b'"' + b"x" * 201 + b'"')),
    ("a long step", lambda: drawn(FIRST.encode(), b"x" * 401)),
]  # fmt: skip


def meddled(archive: bytes) -> bytes:
    """The first member's packed bytes are no longer what they were."""
    start = 30 + int.from_bytes(archive[26:28], "little") + int.from_bytes(archive[28:30], "little")
    return archive[: start + 5] + bytes(200) + archive[start + 205 :]


@pytest.mark.parametrize(
    ("kind", "files"),
    [pytest.param("postgresql" if "long" in n or "zero" in n else "sqlite", make, id=n) for n, make in BROKEN],
    indirect=["kind"],
)  # SQLite keeps a name of any length
def test_a_broken_revision_is_refused_with_all_findings(desk: Desk, files: Callable[[], dict[str, bytes]]) -> None:
    answer = send(desk("pemilik"), files())
    assert (answer.status_code, bool(answer.json["errors"])) == (422, True)
    assert all(error["pointer"].startswith("/") and error["message"] for error in answer.json["errors"])
    assert desk("pemilik").get(f"/sops/{desk.office.sop}")["revision"] == 1


@sqlite
def test_a_revision_of_something_else_or_by_somebody_else(desk: Desk) -> None:
    assert send(desk("pemilik"), bundle(), key="lain").status_code == 422
    assert {send(desk(n), changed_bundle()).status_code for n in ("pemohon", "auditor", OFFICER)} == {403}
    assert [sop["revision"] for sop in desk("luar").get("/sops")["items"]] == [1]


# -- the document ------------------------------------------------------------------------------------------------------


def test_openapi(office: Office) -> None:
    document = office.app.test_client().get("/api/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert method in ("get", "put", "post", "delete", "patch")
            ids.append(operation["operationId"])
            named = [(p["name"], p["in"], p["required"]) for p in operation["parameters"]]
            assert len(set(named)) == len(named)
            assert {n for n, place, needed in named if place == "path" and needed} == set(
                re.findall(r"\{(\w+)\}", path)
            )
            for parameter in operation["parameters"]:
                Draft202012Validator.check_schema(parameter["schema"])
            contents = [r["content"] for r in operation["responses"].values() if r["description"]]
            contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
            assert all(media["schema"] for content in contents for media in content.values())
            assert operation["summary"]
    assert len(set(ids)) == len(ids)
    for reference in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document)):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    assert document["servers"] == [{"url": "/api/v1"}]


def test_the_contract_is_all_there() -> None:
    """Every door that stays put is there, and each call that was added is named here."""
    assert sorted(f"{call.method} {call.path}" for call in openapi.CALLS) == [
        "GET /cases", "GET /cases/{case_id}", "GET /cases/{case_id}/documents", "GET /cases/{case_id}/journal",
        "GET /documents/{document_id}", "GET /documents/{document_id}/pdf", "GET /sops", "GET /sops/{key}", "GET /tasks", "GET /tasks/{task_id}", "POST /cases",
        "POST /cases/{case_id}/act", "POST /cases/{case_id}/take-back", "POST /files", "POST /sops/{key}/revisions",
        "POST /tasks/{task_id}/assign", "POST /tasks/{task_id}/claim", "POST /tasks/{task_id}/complete",
        "POST /tasks/{task_id}/release", "PUT /tasks/{task_id}/draft",
    ]  # fmt: skip


def test_a_paper_that_is_not_filled_yet(desk: Desk) -> None:
    task = desk.until(desk("pemohon").apply())
    while not (papers := desk("pemohon").get(f"/cases/{task['case']}/documents")["items"]):
        [task] = desk.step(task)["opened"]
    with desk.office.work() as ctx:
        ctx.session.get_one(Document, int(papers[0]["id"])).sha256 = None
    assert desk("pemohon").get(f"/cases/{task['case']}/documents")["items"][0] == {**papers[0], "sha256": None}
    desk("pemohon").get(f"/documents/{papers[0]['id']}", status=409)
