"""What is wrong with a template, before anybody's paper is. Runs in the child process only."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from docx.opc.constants import RELATIONSHIP_TYPE
from jinja2 import TemplateSyntaxError, UndefinedError, nodes
from lxml import etree

from app.documents.archive import BadArchive, opened
from app.documents.letter import ENVIRONMENT, Broken, Letter, W, compiled, fill, lined, reason, told, words

USUAL = frozenset(
    ("arial", "arial black", "arial narrow", "times new roman", "calibri", "calibri light", "cambria", "cambria math",
     "courier new", "tahoma", "verdana", "georgia", "trebuchet ms", "segoe ui", "symbol", "wingdings",
     "liberation sans", "liberation serif", "liberation mono", "dejavu sans", "dejavu serif")
)  # fmt: skip  # fonts that an office's machines have, or something of the same widths
ITEMS = {"p": "paragraf", "tr": "baris tabel", "tc": "sel tabel", "r": "potongan teks"}
FONT = re.compile(r'<w:rFonts\b[^>]*?\bw:(?:ascii|hAnsi)="([^"]+)"')
Found = tuple[str, str, str]  # level, rule, message


def check(template: bytes, known: Mapping[str, Any]) -> list[Found]:
    """Each broken tag by its paragraph, names that nobody knows, what a trial without data says."""
    try:
        with opened(template):
            pass
    except BadArchive as error:
        return [("error", error.rule, str(error))]
    letter = Letter(io.BytesIO(template))
    letter.init_docx()
    sources = list(_sources(letter))
    found = [item for source in sources for item in _broken_tags(source)]
    for source in [] if found else sources:
        found += _names(letter.patch_xml(source), known)
    found += _fonts(letter)
    if any(level == "error" for level, _, _ in found):
        return found
    try:
        fill(template, {name: [] if isinstance(value, list) else {} for name, value in known.items()})
    except Broken as error:
        lacks_data = isinstance(error.__cause__, UndefinedError)
        return [*found, ("warning" if lacks_data else "error", "percobaan-gagal", f"Percobaan tanpa isian. {error}")]
    return found


def answers(template: bytes) -> list[str]:
    """The answers that a template prints, as dotted keys: not those of which it expects that they may be missing."""
    with opened(template):
        pass
    letter = Letter(io.BytesIO(template))
    letter.init_docx()
    return printed([ENVIRONMENT.parse(lined(letter.patch_xml(source))) for source in _sources(letter)])


def printed(trees: Iterable[nodes.Template]) -> list[str]:
    """The answers that parsed templates print, as `answers` gives them."""
    found: dict[str, None] = {}
    for tree in trees:
        expected = {".".join(path) for node in _expected_missing(tree) if (path := _path(node))}
        found.update((name, None) for name, _ in _reads(tree, {"isian": {}}) if name not in expected)
    return [name.removeprefix("isian.") for name in found if name.startswith("isian.")]


def _expected_missing(tree: nodes.Template) -> Iterator[nodes.Node]:
    """What a template asks whether it is there, or has something else for."""
    for node in tree.find_all((nodes.If, nodes.CondExpr, nodes.Or, nodes.And, nodes.Not, nodes.Filter, nodes.Test)):
        if isinstance(node, nodes.If | nodes.CondExpr):
            yield node.test
        elif isinstance(node, nodes.Or | nodes.And):
            yield from (node.left, node.right)
        elif isinstance(node, nodes.Not | nodes.Test):
            yield node.node
        elif isinstance(node, nodes.Filter) and node.name in ("kosong", "default", "d"):
            yield from _filtered(node.node)


def _filtered(node: nodes.Node | None) -> Iterator[nodes.Node]:
    while isinstance(node, nodes.Filter):
        node = node.node
    if node is not None:
        yield node


def _sources(letter: Letter) -> Iterator[str]:
    yield letter.get_xml()
    for uri in (letter.HEADER_URI, letter.FOOTER_URI):
        for _, part in letter.get_headers_footers(uri):
            yield letter.get_part_xml(part)
    for _, source in letter.notes():
        yield source


def _fonts(letter: Letter) -> Iterator[Found]:
    """Fonts that whoever reads the paper may not have: it would look another way there, and break elsewhere."""
    sources = list(_sources(letter))
    with suppress(KeyError):  # a document need not have styles
        styles = letter.docx.part.part_related_by(RELATIONSHIP_TYPE.STYLES).element
        usual = [*styles.iter(f"{W}docDefaults"), *(s for s in styles.iter(f"{W}style") if s.get(f"{W}default"))]
        sources += [etree.tostring(element, encoding="unicode") for element in usual]
    used = {name for source in sources for name in FONT.findall(source)}
    for name in sorted(name for name in used if name.lower() not in USUAL):
        message = (
            f"Huruf “{name}” belum tentu ada di komputer pembacanya; di sana surat ini tercetak dengan huruf lain."
        )
        yield "info", "huruf-asing", f"{message} Pakailah huruf yang lazim, misalnya Arial."


def _broken_tags(source: str) -> list[Found]:
    found: list[Found] = []
    for paragraph in etree.fromstring(source).iter(f"{W}p"):
        text = "".join(t.text or "" for t in paragraph.iter(f"{W}t"))
        wrong = _broken_tag(text)
        if wrong:
            found.append(("error", "tag-rusak", f"Pada “{words(text)}”: {wrong}."))
    return found


def _broken_tag(text: str) -> str:
    """What is wrong with the tags of one paragraph, or ""."""
    opened_with = ""
    for mark in re.findall(r"\{[{%#]|[}%#]\}", text):
        if mark[0] == "{":
            if opened_with:
                return f"“{opened_with}” belum ditutup sebelum “{mark}”"
            opened_with = mark
        elif not opened_with:
            return f"“{mark}” tanpa pembuka"
        elif mark[0] != {"{": "}"}.get(opened_with[1], opened_with[1]):
            return f"“{opened_with}” ditutup dengan “{mark}”"
        else:
            opened_with = ""
    if opened_with:
        return f"“{opened_with}” tidak ditutup"
    raw = re.search(r"\{\{(p|tr|tc|r) ", text)
    if raw:
        return f"“{raw[0].strip()} … }}}}” menyisipkan {ITEMS[raw[1]]} mentah dan tidak diizinkan"
    for tag in re.findall(r"\{\{.*?\}\}", text):
        try:
            ENVIRONMENT.from_string(re.sub("[“”]", '"', re.sub("[‘’]", "'", tag)))
        except TemplateSyntaxError as error:
            return reason(error)
    return ""


def _names(source: str, known: Mapping[str, Any]) -> list[Found]:
    """Names that no context has; a syntax error that only the whole shows."""
    lines = lined(source)
    try:
        tree = ENVIRONMENT.parse(lines)
        compiled(lines)
    except TemplateSyntaxError as error:
        return [("error", "tag-rusak", told(error, lines, error.lineno))]
    return unknown(tree, known)


def unknown(tree: nodes.Template, known: Mapping[str, Any]) -> list[Found]:
    """Names that a template reads and no context has."""
    found: dict[str, Found] = {}
    for name, free in _reads(tree, known):
        level = "warning" if free else "error"
        message = f"Nama “{name}” tidak dikenal, sehingga selalu tercetak kosong."
        found.setdefault(name, (level, "nama-tidak-dikenal", message))
    return list(found.values())


GLOBALS = ("loop", "range", "namespace", "cycler", "joiner", "dict", "caller", "varargs", "kwargs")
MISSING = object()
OPEN = None  # a leaf of what is known: whatever stands below it is not looked at


def _reads(tree: nodes.Template, known: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Dotted names that lead nowhere, and whether they are an answer (whose form may yet be drawn)."""
    scope: dict[str, Any] = {**dict.fromkeys(GLOBALS, OPEN), **known}
    _declare(tree, scope)
    inner = {id(getattr(node, "node", None)) for node in tree.find_all((nodes.Getattr, nodes.Getitem))}
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        path = None if id(node) in inner else _path(node)
        if path is None or (isinstance(node, nodes.Name) and node.ctx != "load"):
            continue
        if _lookup(path, scope) is MISSING:
            yield ".".join(path), path[0] in ("isian", "petugas")


def _declare(tree: nodes.Template, scope: dict[str, Any]) -> None:
    """What the template itself names; a variable of a loop stands for an item of what it runs over."""
    for node in tree.find_all((nodes.For, nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.With)):
        value: Any = OPEN
        targets: list[nodes.Node] = [node]
        if isinstance(node, nodes.For):
            over = _lookup(_path(node.iter) or [], scope)
            value, targets = (over[0] if isinstance(over, list) and over else OPEN), [node.target]
        elif isinstance(node, nodes.Assign):
            value, targets = _lookup(_path(node.node) or [], scope), [node.target]
        elif isinstance(node, nodes.AssignBlock):
            targets = [node.target]
        elif isinstance(node, nodes.Macro):
            scope[node.name], targets = OPEN, list(node.args)
        elif isinstance(node, nodes.With):
            targets = list(node.targets)
        for target in targets:
            if isinstance(target, nodes.Name):
                scope[target.name] = OPEN if value is MISSING else value
            else:
                scope.update(dict.fromkeys((name.name for name in target.find_all(nodes.Name)), OPEN))


def _path(node: nodes.Node) -> list[str] | None:
    if isinstance(node, nodes.Name):
        return [node.name]
    if isinstance(node, nodes.Getattr):
        left, last = _path(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        left, last = _path(node.node), node.arg.value
    else:
        return None
    return [*left, last] if left else None


def _lookup(path: list[str], scope: Mapping[str, Any]) -> Any:
    here: Any = scope if path else OPEN
    for name in path:
        if here is OPEN:
            return OPEN
        if not isinstance(here, Mapping) or (name not in here and not hasattr(here, name)):
            return MISSING
        here = here.get(name, OPEN)
    return here
