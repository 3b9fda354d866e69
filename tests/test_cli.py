"""What an operator types and what comes back: standard output is for programs, standard error for people."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app import cli, people
from app.models import Lane, Membership, Person, Revision
from tests import play
from tests.conftest import ROOT, Database, Office

Run = Callable[..., tuple[int, str, str]]
HOLIDAYS = """\
2017-07-03
2017-06-23: libur, Cuti Bersama Hari Raya Idul Fitri
2017-06-26: libur, Hari kedua dari Hari Raya Idul Fitri
2017-06-27: libur, Cuti Bersama Hari Raya Idul Fitri
2017-06-28: libur, Cuti Bersama Hari Raya Idul Fitri
2017-06-29: libur, Cuti Bersama Hari Raya Idul Fitri
2017-06-30: libur, Cuti Bersama Hari Raya Idul Fitri
Sabtu dan Minggu: 4 hari
"""
one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Types a command: exit code, standard output, standard error. It works from any folder."""
    monkeypatch.chdir(tmp_path)

    def typed(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["alur", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return typed


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Points the commands at a database and a folder of files."""

    def point(url: str, files: Path) -> None:
        monkeypatch.setenv("ALUR_DATABASE_URL", url)
        monkeypatch.setenv("ALUR_FILES", str(files))
        monkeypatch.setenv("ALUR_SECRET_KEY", "rahasia-uji")

    return point


@pytest.fixture
def empty(db: Database, run: Run, at: Callable[[str, Path], None], tmp_path: Path) -> Run:
    at(db.url, tmp_path / "files")
    return run


@pytest.fixture
def busy(office: Office, run: Run, at: Callable[[str, Path], None], monkeypatch: pytest.MonkeyPatch) -> Run:
    at(office.db.url, office.settings.files)
    monkeypatch.setenv("ALUR_NOW", office.now.isoformat())
    return run


@one_kind
@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["2017-06-22", "--days", 1], HOLIDAYS),
        (["2017-06-22", "--days", 1, "--unit", "kerja"], HOLIDAYS),
        (
            ["2017-06-22", "--days", 7, "--unit", "kalender"],
            "2017-06-29\n2017-06-29: kantor tutup, Cuti Bersama Hari Raya Idul Fitri\n",
        ),
        (["2026-11-23", "--days", 3], "2026-11-26\n"),
        (["2026-11-23", "--days", 0], "2026-11-23\n"),
    ],
)
def test_calendar(words: list[object], out: str, empty: Run) -> None:
    assert empty("calendar", "due", *words) == (0, out, "")


@one_kind
@pytest.mark.parametrize(
    ("words", "env", "code", "said"),
    [
        ("calendar due besok --days 1", {}, 2, "'besok'"),
        ("calendar due 2026-02-30 --days 1", {}, 2, "2026-02-30"),
        ("calendar due 2026-01-01", {}, 2, "--days"),
        ("calendar due 2026-01-01 --days -1", {}, 2, "-1"),
        ("calendar due 9999-12-01 --days 36500", {}, 1, "9999"),
        ("calendar due 2026-01-01 --days 1 --unit minggu", {}, 2, "minggu"),
        ("nothing", {}, 2, "nothing"),
        ("sop check /no/where.bpmn", {}, 2, "/no/where.bpmn"),
        ("sop check", {}, 2, "FILE"),
        ("sop install /no/where.bpmn", {}, 2, "/no/where.bpmn"),
        (f"sop install {ROOT / 'pyproject.toml'}", {}, 1, "diagram"),
        ("case show 0", {}, 1, "0: nomor ini tidak dikenal"),
        ("token nobody", {}, 1, "nobody: orang ini tidak dikenal"),
        ("user reset nobody", {}, 1, "nobody: orang ini tidak dikenal"),
        ("sop list", {"ALUR_OIDC_ISSUER": "http://masuk.contoh.id"}, 1, "ALUR_OIDC_ISSUER"),
        ("export pdf -o x", {}, 2, "pdf"),
        ("export csv -o /no/where", {}, 1, "/no/"),
        ("backup /no/where", {}, 1, "/no/"),
        ("restore /no/where", {}, 2, "/no/where"),
        (f"restore {ROOT / 'pyproject.toml'}", {}, 1, "bukan cadangan"),
        ("sop list", {"ALUR_NOW": "kemarin"}, 1, "ALUR_NOW"),
        ("sop list", {"ALUR_DATABASE_URL": "no url"}, 1, "ALUR_DATABASE_URL"),
        ("sop list", {"ALUR_DATABASE_URL": "oracle9://x"}, 1, "ALUR_DATABASE_URL"),
        ("sop list", {"ALUR_DATABASE_URL": "sqlite:////no/where"}, 1, "Basis data"),
        ("sop list", {"ALUR_DATABASE_URL": f"sqlite:///{ROOT / 'pyproject.toml'}"}, 1, "Basis data"),
        ("sop list", {"ALUR_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, 1, "Basis data"),
        ("serve", {"PORT": "web"}, 1, "PORT"),
        ("serve", {"PORT": "0"}, 1, "PORT"),
        ("serve", {"ALUR_HOST": "192.0.2.1"}, 1, "192.0.2.1"),
    ],
)
def test_what_an_operator_gets_wrong(
    words: str, env: dict[str, str], code: int, said: str, empty: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line on standard error, nothing else, and no password in it."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    got, out, err = empty(*words.split())
    assert (got, out, err.count("\n"), said in err, "secret" in err) == (code, "", 1, True, False), err


def test_a_person(empty: Run, db: Database) -> None:
    code, password, err = empty("user", "add", "sari", "--lane", "TU", "--owner")
    assert (code, bool(re.fullmatch(r"\S{12,}\n", password))) == (0, True)
    assert "TU" in err  # no SOP has that lane yet
    code, out, err = empty("user", "add", "sari", "--lane", "TU", "--lane", "Kepala", "--auditor")
    assert (code, out, "sudah ada" in err) == (0, "", True)
    with db.reading() as session:
        person = session.scalars(select(Person)).one()
        assert people.password_fits(person, password.strip())
        flags = (person.owner, person.auditor, person.admin, person.applicant, person.must_change)
        assert flags == (True, True, False, False, False)
        assert list(session.scalars(select(Membership.lane).order_by(Membership.id))) == ["TU", "Kepala"]


@one_kind
def test_everybody_is_listed_and_a_password_is_reset(empty: Run, db: Database) -> None:
    _code, first, _err = empty("user", "add", "sari", "--lane", "TU", "--owner")
    empty("user", "add", "budi", "--applicant")
    code, second, err = empty("user", "reset", "sari")
    assert (code, err) == (0, "")
    with db.writing.begin() as session:
        sari, budi = session.scalars(select(Person).order_by(Person.name.desc()))
        assert people.password_fits(sari, second.strip())
        assert not people.password_fits(sari, first.strip())
        assert sari.must_change
        budi.active = False
        session.add(Lane(sop="x", name="TU"))
    told = "budi  budi  pemohon  nonaktif\nsari  sari  TU, pemilik SOP\n"
    assert empty("user", "list") == (0, told, "")


def test_a_person_whose_first_password_is_only_that(empty: Run, db: Database) -> None:
    empty("user", "add", "sari", "--temporary")
    with db.reading() as session:
        assert session.scalars(select(Person.must_change)).one()


@one_kind
@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\0b", "a\x1bb"])
def test_no_name(name: str, empty: Run) -> None:
    code, out, err = empty("user", "add", name)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_token(empty: Run, db: Database) -> None:
    empty("user", "add", "sari")
    code, out, err = empty("token", "sari")
    assert (code, bool(re.fullmatch(r"\S{30,}\n", out)), err) == (0, True, "")
    with db.reading() as session:
        person = people.by_token(session, out.strip())
        assert person is not None
        assert person.name == "sari"


JUNK = {
    "empty": b"",
    "text": b"halo",
    "zeros": b"\0" * 1000,
    "bad utf-8": b'<?xml version="1.0" encoding="UTF-8"?><a>\xff</a>',
    "half": b"<bpmn:definitions",
    "other xml": b"<svg/>",
    "no process": b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>',
    "doctype": b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
    "deep": b"<a>" * 5000,
}


@pytest.mark.parametrize("name", JUNK)
def test_any_bytes_give_findings(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.bpmn"
    path.write_bytes(JUNK[name])
    code, out, err = run("sop", "check", path, "--json")
    line = json.loads(out)
    assert (code, err, list(line), line["file"], line["runnable"]) == (
        1, "", ["file", "runnable", "findings"], str(path), False,
    )  # fmt: skip
    assert {tuple(finding) for finding in line["findings"]} == {("element", "level", "rule", "message")}


def caller(key: str, calls: str = "") -> bytes:
    """A process of one step, or of one that calls another process."""
    node = (
        f'<callActivity id="{key}n" name="N" calledElement="{calls}"/>'
        if calls
        else f'<userTask id="{key}n" name="N"/>'
    )
    return f"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">
      <process id="{key}" isExecutable="true"><startEvent id="{key}s"/>{node}<endEvent id="{key}e"/>
      <sequenceFlow id="{key}f" sourceRef="{key}s" targetRef="{key}n"/>
      <sequenceFlow id="{key}g" sourceRef="{key}n" targetRef="{key}e"/></process>
    </definitions>""".encode()


def test_called_diagrams_are_looked_for(run: Run, tmp_path: Path) -> None:
    for name, calls in (("a", "b"), ("b", "c"), ("c", "")):
        (tmp_path / f"{name}.bpmn").write_bytes(caller(name, calls))

    def warned(*paths: Path) -> list[list[str]]:
        lines = run("sop", "check", *paths, "--json")[1].splitlines()
        return [[f["element"] for f in json.loads(line)["findings"] if f["level"] != "info"] for line in lines]

    a, b, c = (tmp_path / f"{name}.bpmn" for name in "abc")
    assert warned(a, b, c) == warned(c, b, a) == [[], [], []]
    assert warned(a, b) == [["bn"], ["bn"]]
    assert warned(tmp_path) == [[]]


def test_what_a_bundle_calls_is_looked_for_among_the_arguments(run: Run, tmp_path: Path) -> None:
    a, b, c = (tmp_path / "bpmn" / f"{name}.bpmn" for name in "abc")
    a.parent.mkdir()
    (tmp_path / "forms" / "a").mkdir(parents=True)
    for path, calls in ((a, "b"), (b, "c"), (c, "")):
        path.write_bytes(caller(path.stem, calls))

    def read(*words: object) -> list[str]:
        lines = map(json.loads, run("sop", *words, "--json")[1].splitlines())
        return [step["element"] for line in lines for step in line.get("steps", line.get("findings"))
                if step.get("level") != "info"]  # fmt: skip

    assert (read("check", a), read("check", c, a, b), read("check", a, b)) == (["an"], [], ["bn", "bn"])
    assert (read("walk", a), read("walk", a, b, c), read("walk", b, a, c)) == (["an"], ["cn"], ["cn"])


def test_the_sops_of_the_repository(run: Run) -> None:
    files = sorted((ROOT / "bpmn").glob("*.bpmn"))
    code, out, err = run("sop", "check", *files, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(line["file"], line["runnable"]) for line in found] == [(str(path), True) for path in files]
    assert [f for line in found for f in line["findings"] if f["level"] == "error"] == []
    assert (code, err) == (0, "")
    code, out, _ = run("sop", "check", *files)
    assert (code, out.count("dapat dijalankan")) == (0, len(files))


def test_a_walk(run: Run) -> None:
    path = next((ROOT / "bpmn").glob("*.bpmn"))
    code, out, err = run("sop", "walk", path, "--seed", 7, "--json")
    line = json.loads(out)
    assert (code, err, line["file"], line["completed"], line["error"]) == (0, "", str(path), True, None)
    assert {tuple(step) for step in line["steps"]} == {("element", "lane", "choice")}
    assert run("sop", "walk", path, "--seed", 7, "--json") == (0, out, "")
    code, out, _ = run("sop", "walk", path, "--seed", 7, "--max-steps", 1, "--json")
    assert (code, json.loads(out)["completed"]) == (1, False)


def test_a_walk_that_cannot_begin(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.bpmn").write_bytes(b"x")
    code, out, err = run("sop", "walk", tmp_path / "x.bpmn", "--json")
    line = json.loads(out)
    assert (code, err, line["completed"], line["steps"], bool(line["error"])) == (1, "", False, [], True)


def test_install(empty: Run, db: Database) -> None:
    bundle = [ROOT / "bpmn", ROOT / "forms", ROOT / "docx_templates"]
    code, out, err = empty("sop", "install", *bundle)
    assert (code, out.count("revisi 1: berlaku sekarang"), err) == (0, len(list((ROOT / "bpmn").glob("*.bpmn"))), "")
    assert empty("sop", "install", *bundle)[1] == out.replace("berlaku sekarang", "sudah berlaku")
    with db.reading() as session:
        assert {r.authority for r in session.scalars(select(Revision))} == {"wewenang operator (alur sop install)"}
    code, out, err = empty("sop", "list")
    assert (code, out.count("revisi 1"), err) == (0, len(list((ROOT / "bpmn").glob("*.bpmn"))), "")


@one_kind
def test_install_what_cannot_run(empty: Run, tmp_path: Path) -> None:
    (tmp_path / "x.bpmn").write_bytes(b"<a/>")
    code, out, err = empty("sop", "install", tmp_path / "x.bpmn")
    assert (code, out, "tidak ada yang berubah" in err, "galat" in err) == (1, "", True, True)
    assert empty("sop", "list") == (0, "", "")


def test_a_case_shown_proven_and_exported(busy: Run, office: Office, tmp_path: Path) -> None:
    case_id = play.apply(office)
    play.step(office, case_id)
    with office.look() as ctx:
        from app.models import Case

        number = ctx.session.get_one(Case, case_id).number
    code, out, err = busy("case", "show", number)
    assert (code, out.startswith(f"{number}  Andi Pratama  open"), "   1 2026-11-23" in out, err) == (0, True, True, "")

    assert busy("verify") == (0, "1 permohonan diperiksa, 0 dengan temuan\n", "")
    code, out, err = busy("verify", number, "--json")
    assert (code, json.loads(out), err) == (0, {"number": number, "whole": True, "findings": []}, "")
    assert busy("verify", "0")[0] == 1

    for kind, opens in (("xes", "<log"), ("ocel", "{"), ("csv", "case,")):
        code, out, err = busy("export", kind, "-o", tmp_path / kind)
        assert (code, out, (tmp_path / kind).read_text().startswith(opens)) == (0, "", True)
    with (tmp_path / "csv").open() as file:
        assert {row["case"] for row in csv.DictReader(file)} == {number}

    with office.db.writing.begin() as session:
        session.execute(text("UPDATE event SET actor = 'Orang Lain' WHERE seq = 2"))
    code, out, _ = busy("verify", "--json")
    assert (code, json.loads(out)["whole"]) == (1, False)
    code, out, _ = busy("verify")
    assert (code, f"{number}: ada temuan\n" in out, "1 dengan temuan" in out) == (1, True, True)


def test_backup_and_restore(
    busy: Run, office: Office, at: Callable[[str, Path], None], tmp_path: Path, blank_url: str
) -> None:
    play.step(office, play.apply(office))
    code, out, err = busy("backup", tmp_path / "b.zip")
    assert (code, out, (tmp_path / "b.zip").stat().st_mode & 0o077) == (0, "", 0)
    at(blank_url, tmp_path / "files2")
    assert busy("restore", tmp_path / "b.zip")[:2] == (0, "")
    assert busy("verify") == (0, "1 permohonan diperiksa, 0 dengan temuan\n", "")
    code, out, err = busy("restore", tmp_path / "b.zip")
    assert (code, out, "sudah berisi" in err, err.count("\n")) == (1, "", True, 1)


# The server: real processes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`alur serve` as an operator starts it."""

    def __init__(self, url: str, files: Path, *words: str) -> None:
        self.port = free_port()
        env = {
            **os.environ, "ALUR_DATABASE_URL": url, "ALUR_FILES": str(files), "PORT": str(self.port),
            "ALUR_WORKERS": "1", "ALUR_SECRET_KEY": "x", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.process = subprocess.Popen([sys.executable, "-m", "app.cli", "serve", *words], env=env, cwd=files.parent)
        self.until(self.answers)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def children(self) -> list[int]:
        """The processes below the server, and those that it left behind."""
        found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in found.splitlines()[1:]]
        mine = f"--beside {self.process.pid}"
        return [int(pid) for pid, ppid, args in rows if int(ppid) == self.process.pid or mine in args]

    def worker(self) -> int | None:
        """The process of `alur worker` beside it."""
        for pid in self.children():
            try:
                if "worker" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                    return pid
            except OSError:
                continue
        return None

    @staticmethod
    def until(true: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.until(lambda: not self.children())


@pytest.fixture
def serve(db: Database, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(*words: str) -> Served:
        running.append(Served(db.url, tmp_path / "files", *words))
        return running[-1]

    yield start
    for served in running:
        served.end()


@one_kind
def test_the_server_and_its_worker_stop_together(serve: Callable[..., Served]) -> None:
    served = serve()
    served.until(served.worker)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(20) == 0
    served.until(lambda: not served.children())


@one_kind
def test_a_killed_server_leaves_nobody_behind(serve: Callable[..., Served]) -> None:
    served = serve()
    served.until(served.worker)
    served.process.kill()
    served.process.wait()
    served.until(lambda: not served.children() and not served.answers())


@one_kind
def test_a_killed_worker_comes_back(serve: Callable[..., Served]) -> None:
    served = serve()
    served.until(served.worker)
    first = served.worker()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    served.until(lambda: served.worker() not in (None, first))
    assert served.answers()


@one_kind
def test_no_worker(serve: Callable[..., Served]) -> None:
    served = serve("--no-worker")
    time.sleep(1.5)
    assert served.worker() is None


@one_kind
def test_a_taken_port(serve: Callable[..., Served], empty: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(serve("--no-worker").port))
    code, out, err = empty("serve")
    assert (code, out, err.count("\n")) == (1, "", 1)
