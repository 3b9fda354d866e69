"""The process in which templates run: a template is code, so it gets no files, no sockets, little memory and time.

`serve` answers requests on standard input one after the other: `fill` and `check`. Nothing here is imported by the
server itself. Values print empty where they are absent (`{{ isian.tka.nama }}`), as dots through `kosong`, `ya` and
`tidak` for booleans; a name that no paper can know is a finding of `check`, not a failure of somebody's paper.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import importlib
import io
import json
import pkgutil
import re
import resource
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import jinja2
from docxtpl import DocxTemplate
from jinja2 import ChainableUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree

from app import wording
from app.documents_archive import BadArchive, opened, sealed

FRAME = struct.Struct(">II")
MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 8
ITEMS = {"p": "paragraf", "tr": "baris tabel", "tc": "sel tabel", "r": "potongan teks"}
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# Characters that XML forbids, and those that would turn the text after a value around.
UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
NEWLINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
SURROGATES = re.compile("[\ud800-\udfff]")
RAW_MARKUP = ("safe", "urlize", "tojson", "xmlattr")  # filters whose output would not be escaped
FOREIGN = (nodes.ScopedEvalContextModifier, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class Broken(Exception):
    """A template or paper that cannot be; the message is for the owner, in Indonesian."""


class Environment(ImmutableSandboxedEnvironment):
    """Where templates run: values are escaped, keys come before methods, nothing is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__(autoescape=True, undefined=ChainableUndefined, finalize=_printed)
        self.filters.update(wording.FILTERS)
        for name in RAW_MARKUP:
            del self.filters[name]

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`isian.items` is the answer called items."""
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        foreign = next(tree.find_all(FOREIGN), None)
        if foreign is not None:
            raise TemplateSyntaxError("perintah ini tidak diizinkan dalam templat", foreign.lineno)
        return tree


def _printed(value: Any) -> Any:
    if value is None:
        return ""
    return ("ya" if value else "tidak") if isinstance(value, bool) else value


ENVIRONMENT = Environment()


@functools.lru_cache(maxsize=64)
def _compiled(source: str) -> Template:
    return ENVIRONMENT.from_string(source)


@functools.lru_cache(maxsize=64)
def _patched(source: str) -> str:
    return str(DocxTemplate.patch_xml(None, source))


class Letter(DocxTemplate):  # type: ignore[misc]
    """A template, with what docxtpl reads of it kept, and broken XML refused instead of cut off."""

    def patch_xml(self, src_xml: str) -> str:
        return _patched(src_xml)

    def render_xml_part(self, src_xml: str, part: Any, context: Mapping[str, Any], jinja_env: Any = None) -> str:
        # A line for each paragraph: the line number of an error leads to its text.
        source = re.sub(r"<w:p([ >])", r"\n<w:p\1", src_xml)
        try:
            rendered = _compiled(source).render(context)
        except TemplateSyntaxError as error:
            raise Broken(_told(error, source, error.lineno)) from error
        except (MemoryError, RecursionError):
            raise
        except Exception as error:
            raise Broken(_told(error, source, _line(error))) from error
        return str(self.resolve_listing(re.sub(r"\n<w:p([ >])", r"<w:p\1", rendered)))

    def fix_tables(self, xml: str) -> Any:
        try:
            tree = etree.fromstring(xml)
        except etree.XMLSyntaxError:
            raise Broken(
                "Susunan dokumen pecah setelah diisi: {% … %} yang membungkus paragraf atau baris tabel harus ditulis "
                "{%p … %} atau {%tr … %} dalam paragraf atau baris tersendiri."
            ) from None
        for table in list(tree.iter(f"{W}tbl")):
            if table.find(f"{W}tr") is None:
                table.getparent().remove(table)
            else:
                _columns(table)
        for cell in tree.iter(f"{W}tc"):  # Word does not open a cell without a last paragraph
            if len(cell) == 0 or cell[-1].tag != f"{W}p":
                etree.SubElement(cell, f"{W}p")
        return tree


def _columns(table: Any) -> None:
    """As many columns as the longest row has cells, where `{%tc for … %}` made more or fewer; of its own rows only."""
    grid = table.find(f"{W}tblGrid")
    spans = f"{W}tcPr/{W}gridSpan"
    cells = max(
        sum(int(c.find(spans).get(f"{W}val")) if c.find(spans) is not None else 1 for c in row.iterfind(f"{W}tc"))
        for row in table.iterfind(f"{W}tr")
    )
    if grid is None or len(grid) == cells:
        return
    width = sum(int(column.get(f"{W}w", "0")) for column in grid)
    for column in list(grid):
        grid.remove(column)
    for _ in range(cells):
        etree.SubElement(grid, f"{W}gridCol", {f"{W}w": str(width // cells)})


def fill(template: bytes, context: Mapping[str, Any]) -> bytes:
    """The paper. Raises BadArchive, Broken."""
    with opened(template):
        pass
    letter = Letter(io.BytesIO(template))
    letter.render(_clean(context), ENVIRONMENT, autoescape=True)
    written = io.BytesIO()
    letter.save(written)
    return sealed(written.getvalue())


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", UNPRINTABLE.sub("", NEWLINES.sub("\n", value)))
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


# -- what is wrong, in the owner's words -------------------------------------------------------------------------------

MESSAGES = (
    (r"No filter named '(.+?)'", "penyaring “{}” tidak dikenal"),
    (r"No test named '(.+?)'", "pemeriksaan “is {}” tidak dikenal"),
    (r"Encountered unknown tag '(.+?)'", "perintah “{}” tidak dikenal atau tidak pada tempatnya"),
    (r"Unexpected end of template.*innermost block that needs to be closed is '(.+?)'", "“{}” tidak ditutup"),
    (r"unexpected char '(.+?)'", "tanda “{}” tidak dikenal"),
    (r"'(.+?)' is undefined", "“{}” tidak ada isinya"),
    (r"has no attribute '(.+?)'", "“{}” tidak ada isinya"),
    (r"(?i)range too big", "perulangan terlalu panjang"),
)


def _reason(error: Exception) -> str:
    text = str(getattr(error, "message", None) or error)
    for pattern, message in MESSAGES:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return message.format(*found.groups())
    if isinstance(error, SecurityError):
        return "perintah ini tidak diizinkan dalam templat"
    if isinstance(error, TemplateSyntaxError):
        return text if text.startswith("perintah ini") else "penulisannya salah"
    return "tidak dapat dihitung"


def _told(error: Exception, source: str, line: int | None) -> str:
    lines = source.splitlines()
    text = _words(lines[line - 1]) if line and line <= len(lines) else ""
    return f"Pada “{text}”: {_reason(error)}." if text else f"{_reason(error).capitalize()}."


def _words(xml: str) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", xml)).strip()
    return text if len(text) <= 160 else f"{text[:159]}…"


def _line(error: BaseException) -> int | None:
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


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
    if found and any(level == "error" for level, _, _ in found):
        return found
    try:
        fill(template, {name: [] if isinstance(value, list) else {} for name, value in known.items()})
    except Broken as error:
        lacks_data = isinstance(error.__cause__, UndefinedError)
        return [*found, ("warning" if lacks_data else "error", "percobaan-gagal", f"Percobaan tanpa isian. {error}")]
    return found


def _sources(letter: Letter) -> Iterator[str]:
    yield letter.get_xml()
    for uri in (letter.HEADER_URI, letter.FOOTER_URI):
        for _, part in letter.get_headers_footers(uri):
            yield letter.get_part_xml(part)


def _broken_tags(source: str) -> list[Found]:
    found: list[Found] = []
    for paragraph in etree.fromstring(source).iter(f"{W}p"):
        text = "".join(t.text or "" for t in paragraph.iter(f"{W}t"))
        wrong = _broken_tag(text)
        if wrong:
            found.append(("error", "tag-rusak", f"Pada “{_words(text)}”: {wrong}."))
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
            return _reason(error)
    return ""


def _names(source: str, known: Mapping[str, Any]) -> list[Found]:
    """Names that no context has; a syntax error that only the whole shows."""
    lines = re.sub(r"<w:p([ >])", r"\n<w:p\1", source)
    try:
        tree = ENVIRONMENT.parse(lines)
        _compiled(lines)
    except TemplateSyntaxError as error:
        return [("error", "tag-rusak", _told(error, lines, error.lineno))]
    found: dict[str, Found] = {}
    for name, free in _reads(tree, dict(known)):
        level = "warning" if free else "error"
        message = f"Nama “{name}” tidak dikenal, sehingga selalu tercetak kosong."
        found.setdefault(name, (level, "nama-tidak-dikenal", message))
    return list(found.values())


OPEN = None  # a leaf of what is known: whatever stands below it is not looked at


def _reads(tree: nodes.Template, known: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Dotted names that lead nowhere, and whether they are an answer (whose form may yet be drawn)."""
    scope: dict[str, Any] = {
        **dict.fromkeys(("loop", "range", "namespace", "cycler", "joiner", "dict", "caller"), OPEN)
    }
    scope.update(known)
    _declare(tree, scope)
    inner = {id(node.node) for node in tree.find_all((nodes.Getattr, nodes.Getitem))}
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        path = None if id(node) in inner else _path(node)
        if path is None or (isinstance(node, nodes.Name) and node.ctx != "load"):
            continue
        if _lookup(path, scope) is MISSING:
            yield ".".join(path), path[0] in ("isian", "petugas")


MISSING = object()


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


# -- the process -------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answers until standard input ends. A frame each way: two lengths, JSON, bytes."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing but answers goes down the pipe
    _warm()
    _limit()
    while (frame := _read(source)) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_SECONDS, resource.RLIM_INFINITY))
        answer, content = _answer(*frame)
        head = json.dumps(answer).encode()
        sink.write(FRAME.pack(len(head), len(content)) + head + content)
        sink.flush()


def _answer(ask: dict[str, Any], template: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        if ask["do"] == "check":
            return {"found": check(template, ask["known"])}, b""
        return {}, fill(template, ask["context"])
    except (Broken, BadArchive) as error:
        return {"error": str(error)}, b""
    except (MemoryError, RecursionError):
        return {"error": "Templat ini memakai terlalu banyak memori."}, b""
    except Exception as error:
        return {"error": f"Templat ini tidak dapat diisi ({type(error).__name__})."}, b""


def _read(source: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    head = source.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    ask, template = FRAME.unpack(head)
    return json.loads(source.read(ask)), source.read(template)


def _warm() -> None:
    """Everything that is imported late is imported now: afterwards no file can be opened."""
    from docx import Document

    for codec in ("ascii", "cp437", "latin-1", "unicode_escape", "utf-8-sig", "utf-16"):
        codecs.lookup(codec)
    for module in pkgutil.iter_modules(jinja2.__path__, "jinja2."):
        importlib.import_module(module.name)
    document, blank = Document(), io.BytesIO()
    document.add_paragraph('{{ isian["nama"]|kosong }}')
    document.sections[0].footer.paragraphs[0].text = "{{ isian.nama|tanggal }}"
    document.save(blank)
    check(blank.getvalue(), {"isian": {"nama": None}})
    check(b"", {})
    for broken in ("{% if", "{{ nama.a + 1 }}"):
        with contextlib.suppress(Exception):
            ENVIRONMENT.from_string(broken).render()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(what, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # the three pipes that are open, and no more
