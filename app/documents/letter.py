"""A template and its context become a paper. Runs in the child process only; the one importer of docxtpl.

Values print empty where they are absent (`{{ isian.tka.nama }}`), as dots through `kosong`, `ya` and `tidak` for
booleans; a name that no paper can know is a finding of the check, not a failure of somebody's paper.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import segno
from docx.opc.constants import CONTENT_TYPE
from docx.shared import Mm
from docxtpl import DocxTemplate
from jinja2 import ChainableUndefined, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree
from markupsafe import Markup

from app import wording
from app.documents.archive import opened, sealed

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# Characters that XML forbids, and those that would turn the text after a value around.
UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
NEWLINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
PARAGRAPH = re.compile(r"<w:p(?: [^>]*)?>.*?</w:p>", re.DOTALL)
BREAKS = re.compile("[\n\t\a\f]")
SURROGATES = re.compile("[\ud800-\udfff]")
PART = "part of the letter"  # no template can spell this name
NARROWEST, WIDEST = 10, 60  # of a QR picture, in millimetres
RAW_MARKUP = ("safe", "urlize", "tojson", "xmlattr")  # filters whose output would not be escaped
FOREIGN = (nodes.ScopedEvalContextModifier, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


TORN = (
    "Susunan dokumen pecah setelah diisi: {% … %} yang membungkus paragraf atau baris tabel harus ditulis "
    "{%p … %} atau {%tr … %} dalam paragraf atau baris tersendiri."
)
NOTES = (CONTENT_TYPE.WML_FOOTNOTES, CONTENT_TYPE.WML_ENDNOTES)
PROPERTIES, PROPERTY = ("author", "comments", "identifier", "language", "subject", "title"), 255


class Broken(Exception):
    """A template or paper that cannot be; the message is for the owner, in Indonesian."""


class Environment(ImmutableSandboxedEnvironment):
    """Where templates run: values are escaped, keys come before methods, nothing is loaded from elsewhere."""

    def __init__(self, autoescape: bool = True) -> None:
        super().__init__(autoescape=autoescape, undefined=ChainableUndefined, finalize=_printed)
        self.filters.update(wording.FILTERS)
        for name in RAW_MARKUP:
            del self.filters[name]
        del self.filters["random"], self.globals["lipsum"]  # by which equal inputs would not give equal bytes

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


@pass_context
def _qr(context: Context, value: object, width: object = 22) -> object:
    """An address as a QR picture so many millimetres wide, in the run in which it stands; "" where there is none. What
    is too long for one stays text.
    """
    part, address = context.get(PART), str(cleaned(str(value or ""))).strip()
    if part is None or not address:
        return wording.qr(address)
    side = Mm(min(max(width, NARROWEST), WIDEST) if isinstance(width, int) else 22)
    try:
        code, picture = segno.make(address, error="m", micro=False), io.BytesIO()
    except segno.DataOverflowError:
        return wording.qr(address)
    code.save(picture, kind="png", scale=8, border=2)
    picture.seek(0)
    inline = part.new_pic_inline(picture, side, side)
    for side_of in ("distT", "distB", "distL", "distR"):  # what is not said is not nothing in every reader
        inline.set(side_of, "0")
    inline.docPr.set("name", "Kode QR")
    inline.docPr.set("descr", f"Kode QR: {address}")
    return Markup(  # noqa: S704 - of our own making, its one value an attribute that lxml wrote
        '</w:t></w:r><w:r><w:drawing>{}</w:drawing></w:r><w:r><w:t xml:space="preserve">'
    ).format(Markup(inline.xml))  # noqa: S704


ENVIRONMENT = Environment()
PLAIN = Environment(autoescape=False)
ENVIRONMENT.filters["qr"] = _qr
_TAG = re.compile(r"\{[{%].*?[%}]\}")


@functools.lru_cache(maxsize=64)
def compiled(source: str) -> Template:
    return ENVIRONMENT.from_string(source)


@functools.lru_cache(maxsize=64)
def _patched(source: str) -> str:
    """As docxtpl reads it, and `&` in a tag as typed: a lane may be called “Kasi & Kabid”."""
    patched = str(DocxTemplate.patch_xml(None, source))
    return _TAG.sub(lambda tag: tag[0].replace("&amp;", "&"), patched)


class Letter(DocxTemplate):  # type: ignore[misc]
    """A template, with what docxtpl reads of it kept, and broken XML refused instead of cut off."""

    def patch_xml(self, src_xml: str) -> str:
        return _patched(src_xml)

    def render_xml_part(self, src_xml: str, part: Any, context: Mapping[str, Any], jinja_env: Any = None) -> str:
        rendered = _filled(compiled, lined(src_xml), {**context, PART: part})
        return str(self.resolve_listing(re.sub(r"\n<w:p([ >])", r"<w:p\1", rendered)))

    def notes(self) -> Iterator[tuple[Any, str]]:
        """Footnotes and endnotes, which docxtpl has no reader for: each part with its XML."""
        for part in self.docx.part.package.parts:
            if part.content_type in NOTES:
                yield part, etree.tostring(etree.fromstring(part.blob), encoding="unicode")

    def render_footnotes(self, context: Mapping[str, Any], jinja_env: Any = None) -> None:
        """Once: docxtpl does it for each section, and what was answered would be read as a template the second time."""
        for part, source in list(self.notes()):
            xml = self.render_xml_part(self.patch_xml(source), part, context)
            try:
                etree.fromstring(xml)
            except etree.XMLSyntaxError:
                raise Broken(TORN) from None
            part._blob = xml.encode()

    def render_properties(self, context: Mapping[str, Any], jinja_env: Any = None) -> None:
        """What the file says of itself: plain text, and no longer than Word allows."""
        properties = self.docx.core_properties
        for name in PROPERTIES:
            if "{" in (source := getattr(properties, name)):
                setattr(properties, name, plain(source, context)[:PROPERTY])

    def resolve_listing(self, xml: str) -> str:
        """As docxtpl does it, of the paragraphs that have a line or tab to resolve: of most there is nothing to do."""
        resolved = super().resolve_listing
        return PARAGRAPH.sub(lambda p: str(resolved(p[0])) if BREAKS.search(p[0]) else p[0], xml)

    def fix_tables(self, xml: str) -> Any:
        try:
            tree = etree.fromstring(xml)
        except etree.XMLSyntaxError:
            raise Broken(TORN) from None
        empty = []
        for table in tree.iter(f"{W}tbl"):
            if table.find(f"{W}tr") is None:
                empty.append(table)
            else:
                _columns(table)
        for table in empty:
            parent = table.getparent()
            if parent is not None:
                parent.remove(table)
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
    letter.render(cleaned(context), ENVIRONMENT)
    written = io.BytesIO()
    letter.save(written)
    return sealed(written.getvalue())


def plain(source: str, context: Mapping[str, Any]) -> str:
    """A text that is no XML, filled. Raises Broken."""
    return _filled(PLAIN.from_string, source, context)


def _filled(read: Callable[[str], Template], source: str, context: Mapping[str, Any]) -> str:
    """A template read and filled; what breaks it is told with its place. Raises Broken."""
    try:
        return read(source).render(context)
    except TemplateSyntaxError as error:
        raise Broken(told(error, source, error.lineno)) from error
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise Broken(told(error, source, line_of(error))) from error


def cleaned(value: Any) -> Any:
    """JSON values without what no paper can print."""
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", UNPRINTABLE.sub("", NEWLINES.sub("\n", value)))
    if isinstance(value, Mapping):
        return {key: cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


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


def reason(error: Exception) -> str:
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


def lined(xml: str) -> str:
    """A line for each paragraph: the line number of an error leads to its text."""
    return re.sub(r"<w:p([ >])", r"\n<w:p\1", xml)


def told(error: Exception, source: str, line: int | None) -> str:
    lines = source.splitlines()
    text = words(lines[line - 1]) if line and line <= len(lines) else ""
    return f"Pada “{text}”: {reason(error)}." if text else f"{reason(error).capitalize()}."


def words(xml: str) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", xml)).strip()
    return text if len(text) <= 160 else f"{text[:159]}…"


def line_of(error: BaseException) -> int | None:
    """The line of a template at which it failed."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
