"""Completions through HTTP, as a browser sends them: session cookie, CSRF token, form fields; papers apart."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import cases, create_app, demo, forms
from app.models import Lane, Person, Task
from tests.bench.office import Office

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
PER_CLIENT = 60


def app_of(place: Office) -> Flask:
    """The application, in this process."""
    return create_app(place.settings)


def sign_in(client: FlaskClient, person: Person) -> None:
    """Logs a test client in through the page."""
    page = client.get("/masuk").get_data(as_text=True)
    token = TOKEN.search(page)
    fields = {"csrf_token": token[1] if token else "", "nama": person.name, "sandi": demo.PASSWORD}
    answer = client.post("/masuk", data=fields)
    if answer.status_code not in (302, 303):
        raise SystemExit(f"/masuk: {answer.status}")


def busiest(place: Office) -> Person:
    """Who has most in their inbox."""
    with place.reading() as session:
        rows = session.execute(
            select(Lane.name, func.count()).join(Task, Task.lane_id == Lane.id).where(~Lane.applicant, Task.closed_at.is_(None))
            .group_by(Lane.name).order_by(func.count().desc())
        ).all()  # fmt: skip
        return place.staff.by_lane[rows[0][0]]


def completions(
    place: Office, clients: int, workers: int, spread: Callable[[list[float]], dict[str, float]]
) -> dict[str, Any]:
    """`clients` officers at once over connections that stay open, each completing the next task of one step."""
    ids, person, body = _prepared(place, clients * PER_CLIENT)
    port = _free_port()
    server = _serve(place, port, workers)
    try:
        officers = [_Officer(port, person, body, ids[0]) for _ in range(clients)]
        left = iter(ids)  # next() of a list's iterator is atomic
        threads = [threading.Thread(target=officer.work, args=(left,)) for officer in officers]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
    finally:
        server.terminate()
        server.wait(20)
    wrong = [answer for officer in officers for answer in officer.wrong]
    if wrong:
        raise SystemExit(f"{len(wrong)} answers were no redirect: {wrong[:3]}")
    times = [t for officer in officers for t in officer.times]
    return {**spread(times), "per_s": round(len(times) / seconds, 1)}


def _prepared(place: Office, count: int) -> tuple[list[int], Person, dict[str, str]]:
    """Cases brought to the first officer's step that issues no paper and asks for no upload; its tasks and its fields."""
    ids: list[int] = []
    fields: dict[str, str] = {}
    person = place.staff.applicants[0]
    while len(ids) < count:
        with place.writing.begin() as session:
            case = place.open_case(session)
            for _ in range(20):
                ctx = place.ctx(session)
                task = cases.open_tasks(ctx, case)[0]
                form, step = cases.form_of(ctx, task), cases.step_of(ctx, task)
                plain = form is None or not any(field.type == "upload" for field in form.fields)
                late = step.properties.get("batas", "H+0") != "H+0"
                if not task.lane.applicant and not step.properties.get("dokumen") and plain and late:
                    person = place.person_for(task)
                    answers = forms.sample(form, 1, lambda _f: "", ctx.now.date()) if form else {}
                    fields = _as_fields(answers)
                    ways = cases.choices(ctx, task)
                    fields |= {"choice": ways[0].id} if ways else {}
                    ids.append(task.id)
                    break
                demo.complete(ctx, place.person_for(task), task, seed=1)
    return ids, person, fields


def _as_fields(answers: Any, base: str = "") -> dict[str, str]:
    fields: dict[str, str] = {}
    for key, value in answers.items():
        pointer = f"{base}/{key}"
        if isinstance(value, dict):
            fields.update(_as_fields(value, pointer))
        elif isinstance(value, bool):
            fields.update({pointer: "true"} if value else {})
        elif isinstance(value, list):
            fields.update({pointer: str(value[0])} if value and not isinstance(value[0], dict) else {})
        else:
            fields[pointer] = str(value)
    return fields


class _Officer:
    """One browser: logs in, then completes task after task. It shares the server's cores, so it does no more than it must."""

    def __init__(self, port: int, person: Person, fields: dict[str, str], task_id: int) -> None:
        self.port = port
        self.times: list[float] = []
        self.wrong: list[str] = []
        self.cookie = ""
        self.connect()
        token = self._token("/masuk")
        self._send("POST", "/masuk", urlencode({"csrf_token": token, "nama": person.name, "sandi": demo.PASSWORD}))
        self.body = urlencode({**fields, "csrf_token": self._token(f"/tugas/{task_id}")})
        self.socket.close()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    def work(self, left: Iterator[int]) -> None:
        self.connect()
        for task_id in left:
            began = time.perf_counter()
            status, _ = self._send("POST", f"/tugas/{task_id}", self.body)
            self.times.append(time.perf_counter() - began)
            if status not in ("302", "303"):
                self.wrong.append(status)

    def _token(self, path: str) -> str:
        found = TOKEN.search(self._send("GET", path)[1])
        return found[1] if found else ""

    def _send(self, method: str, path: str, body: str = "") -> tuple[str, str]:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self.cookie}\r\n"
        form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.socket.sendall(f"{head}{form}\r\n{body}".encode())
        status = self.answers.readline().split()[1].decode()
        length = 0
        while (line := self.answers.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "set-cookie":
                self.cookie = value.split(";", 1)[0].strip()
            elif name.lower() == "content-length":
                length = int(value)
        return status, self.answers.read(length).decode()


def _serve(place: Office, port: int, workers: int) -> subprocess.Popen[bytes]:
    env = {
        **os.environ,
        "PORT": str(port),
        "ALUR_WORKERS": str(workers),
        "ALUR_DATABASE_URL": place.engine.url.render_as_string(hide_password=False),
        "ALUR_FILES": str(place.settings.files),
        "ALUR_SECRET_KEY": "bench",
    }
    command = [str(Path(sys.executable).with_name("alur")), "serve", "--no-worker"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not come up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
