"""Rules over the whole repository: where things may stand, what may know of what, and what is promised in words."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from lxml import etree

from app import cli
from app.engine.properties import VOCABULARY

ROOT = Path(__file__).parent.parent
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"

# Imports run one way: a module takes those of the lines above its own, and nothing of its own line or below.
LAYERS = (
    {"config", "models", "wording", "worktime", "files", "engine"},
    {"bundles", "forms", "documents", "database", "context", "ends", "post", "workbook", "signing"},
    {"access", "journal", "links", "people", "registers", "calendars", "uploads", "migrations", "factor", "terms"},
    {"drawn", "fitting", "clock", "satisfaction", "daily"},
    {"checks", "backup"},
    {"revisions"},
    {"papers", "replay", "absences", "standing", "permits"},
    {"messages", "archive"},
    {"cases", "inbox"},
    {"audit", "export", "digest", "accounts", "statistics", "books", "reminders", "outages"},
    {"retention"},
    {"worker", "demo"},
    {"trial"},
    {"web"},
    {"app"},  # create_app
    {"serve"},
    {"cli"},
)
PURE = {"engine", "forms", "documents", "worktime", "wording"}
IMPURE = {"flask", "sqlalchemy", "click", "gunicorn", "alembic"}
ONLY = {
    "SpiffWorkflow": "engine",
    "docxtpl": "documents",
    "flask": "web",
    "alembic": "migrations",
    "gunicorn": "serve",
    "openpyxl": "workbook",
    "pyhanko": "signing",
}
OURS = (
    "permohonan",
    "berkas",
    "persyaratan",
    "lembar-kendali",
    "lembar-kendali.docx",
)  # words of the house, which an SOP may use as well


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that a clone brings, and those about to be added."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return tuple(path for name in out.split("\0") if name and (path := ROOT / name).is_file())


@cache
def sources() -> tuple[tuple[Path, ast.Module], ...]:
    """The program's Python files, parsed."""
    files = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "app")]
    return tuple((path, ast.parse(path.read_text())) for path in files if path.parent.name != "versions")


def room(path: Path) -> str:
    """The module that a file is part of."""
    name = path.relative_to(ROOT / "app").parts[0].removesuffix(".py")
    return "app" if name == "__init__" else name


def imported(tree: ast.Module) -> Iterator[str]:
    """The dotted names that a file imports; `from app import x` counts as `app.x` where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "app":
            places = [ROOT / "app" / alias.name for alias in node.names]
            yield from (f"app.{p.name}" if p.is_dir() or p.with_suffix(".py").exists() else "app" for p in places)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_room_has_its_place() -> None:
    rooms = {room(path) for path, _ in sources()}
    assert rooms == set().union(*LAYERS)


def test_imports_run_one_way() -> None:
    rank = {name: number for number, names in enumerate(LAYERS) for name in names}
    wrong = set()
    for path, tree in sources():
        mine = room(path)
        for name in imported(tree):
            top, _, rest = name.partition(".")
            theirs = rest.partition(".")[0] or "app"
            if top == "app" and theirs != mine and rank[theirs] >= rank[mine]:
                wrong.add(f"{name_of(path)} imports {name}")
    assert wrong == set()


def test_who_may_import_what() -> None:
    wrong = set()
    for path, tree in sources():
        for name in imported(tree):
            top = name.partition(".")[0]
            if top in ONLY and room(path) not in (ONLY[top], "app"):
                wrong.add(f"{name_of(path)} imports {name}")
            if room(path) in PURE and (top in IMPURE or name in ("app.models", "app.database", "app.config")):
                wrong.add(f"{name_of(path)} imports {name}")
    assert wrong == set()


def test_only_the_journal_writes_events() -> None:
    wrong = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            target = ast.unparse(node.args[0]) if node.args else ""
            makes = called in ("Event", "EventValues")
            changes = called in ("insert", "update", "delete") and re.match(r"Event(Values)?\b", target)
            if (makes or changes) and room(path) != "journal" and "threading" not in ast.unparse(node.func):
                wrong.append(f"{name_of(path)}:{node.lineno}: {ast.unparse(node)[:60]}")
    assert wrong == []


def test_one_place_commits() -> None:
    """Pages commit in one function (a savepoint aside), commands and the worker where they open their transaction."""
    found = {
        (name_of(path), node.func.attr)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in ("commit", "begin")
        and ast.unparse(node.func.value) != "attempt"
        and room(path) != "engine"
    }
    assert found <= {
        ("app/web/base.py", "commit"),
        ("app/cli/base.py", "begin"),
        ("app/worker.py", "begin"),
        ("app/demo.py", "begin"),
        ("app/backup.py", "begin"),
        ("app/migrations/__init__.py", "begin"),
    }


@cache
def drawn() -> frozenset[str]:
    """What the SOPs of this repository call their lanes, steps, ends, forms and papers; ids and names."""
    found = set()
    for path in tracked():
        if (
            path.suffix in (".form", ".docx")
            and "forms" not in path.parts[:-3]
            and not path.is_relative_to(ROOT / "tests")
            and not path.is_relative_to(ROOT / "app")  # the office's own
        ):
            found |= {path.stem, path.name}
        if path.suffix == ".bpmn" and path.parent == ROOT / "bpmn":
            found.add(path.stem)
            for element in etree.parse(str(path)).iter(f"{BPMN}*"):
                kind = element.tag.removeprefix(BPMN)
                found.add(element.get("id"))
                if kind in ("lane", "endEvent", "startEvent", "participant") or kind.lower().endswith("task"):
                    found.add(" ".join((element.get("name") or "").split()))
    vocabulary = {word.name for word in VOCABULARY}
    return frozenset(name for name in found - vocabulary - set(OURS) if name)


def test_python_knows_no_sop() -> None:
    """No id, name, form or paper of an SOP is spelled in the program; one of three words not even inside a text."""
    assert len(drawn()) > 50
    wrong = []
    phrases = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(drawn()) if name.count(" ") > 1))
    for path, tree in sources():
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if text in drawn() or phrases.search(text):
                wrong.append(f"{name_of(path)}:{node.lineno}: {text[:80]}")
    for path in tracked():
        if path.is_relative_to(ROOT / "app/web") and path.suffix in (".html", ".js", ".mjs", ".css"):
            wrong += [f"{name_of(path)}: {found[0]}" for found in phrases.finditer(path.read_text())]
    assert wrong == []


def _strings(tree: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_the_vocabulary_is_what_is_read() -> None:
    """Each property of the table is read somewhere, and none is read that the table does not tell of."""
    known = {word.name for word in VOCABULARY}
    used: set[str] = set()
    read: set[str] = set()
    for path, tree in sources():
        if path.name == "properties.py" or room(path) == "forms":  # a form's components have properties of their own
            continue
        words = _strings(tree)
        used |= words
        if "kantor_{" in path.read_text():  # the letterhead: f"kantor_{name}"
            used |= {name for name in known if name.startswith("kantor_")}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                owner, key = ast.unparse(node.func.value), node.args[0]
                if owner.endswith("properties") and isinstance(key, ast.Constant):
                    read.add(str(key.value))
    templates = "".join(p.read_text() for p in tracked() if p.is_relative_to(ROOT / "app/web/templates"))
    unused = {name for name in known - used if not re.search(rf"\b{name}\b", templates)}
    assert (unused, read - known) == (set(), set())


def test_settings_are_in_the_readme() -> None:
    known = re.findall(r'env\.get\("(\w+)"\)', (ROOT / "app/config.py").read_text())
    readme = (ROOT / "README.md").read_text()
    assert [name for name in known if f"`{name}`" not in readme] == []
    assert len(known) > 10


def test_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert (
        set(re.findall(r"\bmake ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`|^    .+$", readme, re.MULTILINE))))
        <= targets
    )
    for line in re.findall(r"\balur ((?:[a-z]+ ?)+)", " ".join(re.findall(r"`[^`]+`|^    .+$", readme, re.MULTILINE))):
        command: click.Command = cli.alur
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands, line
            command = command.commands[word]


def test_words_of_the_readme() -> None:
    """What its list of places and its glossary name is there."""
    readme = (ROOT / "README.md").read_text()
    places = re.findall(r"(?<![\w/.])((?:app|docs|bpmn|forms|docx_templates|tests)/[\w./-]*)", readme)
    assert [place for place in places if not list(ROOT.glob(place.rstrip("/.") or "."))] == []
    models = set(re.findall(r"^class (\w+)", (ROOT / "app/models.py").read_text(), re.MULTILINE))
    glossary = readme.partition("| SOP | screen | code |")[2].partition("\n\n")[0]
    words = re.findall(r"\| ([A-Z]\w+)[^|]*\|$", glossary, re.MULTILINE)
    assert [word for word in words if word not in models] == []
    assert len(words) >= 4


HERE = (r"/wo" r"rk/", r"/ro" r"ot/", r"/op" r"t/", r"/tmp/br" r"ief", r"\.li" r"brary", r"far" r"m-", r"pypi\." r"org")
HERE += (r"npmjs\." r"org", r"pythonhosted\." r"org", r"deb\." r"debian")


@pytest.mark.parametrize("words", HERE)
def test_nothing_names_a_machine(words: str) -> None:
    text = [path for path in tracked() if path.suffix not in (".docx", ".png", ".pdf", ".jpg", ".ico")]
    found = [name_of(p) for p in text if re.search(words, p.read_text(errors="replace"))]
    assert found == []


def test_nothing_built_is_kept() -> None:
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    built = ("node_modules/", ".venv/", "app/web/static/dist/", "instance/", ".egg-info", "__pycache__", ".mo")
    assert [name for name in out.splitlines() if any(part in name for part in built)] == []
