"""A .docx as a container: what may be in it, and how its bytes become the same for the same content."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree

LIMIT = 8 * 1024 * 1024  # a template as it is sent
UNPACKED = 48 * 1024 * 1024
RATIO = 200
ENTRIES = 500
EPOCH = (1980, 1, 1, 0, 0, 0)
DOCUMENT = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
# Of a part's name, of its declared type, and of the relationship by which it is reached.
ACTIVE = re.compile(
    r"vbaProject|vbaData|activeX|/embeddings/|oleObject|/aFChunk|/subDocument|/control\b", re.IGNORECASE
)
FETCHING = re.compile(r"\b(?:INCLUDEPICTURE|INCLUDETEXT|INCLUDE|DDEAUTO|DDE|LINK|IMPORT|DATABASE|RD)\b")
ENCODING = re.compile(rb"""<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"']*)""")
LINK = re.compile(r"https?://|mailto:|tel:", re.IGNORECASE)  # what a plain link may lead to


MACRO = "Templat ini memuat makro atau objek yang disematkan. Hapus dulu, lalu simpan sebagai .docx."
OUTSIDE = (
    "Templat ini mengambil isi dari luar berkasnya (gambar, objek, atau templat lain yang ditautkan). "
    "Sematkan isinya ke dalam dokumen."
)


class BadArchive(Exception):
    """A file that is not taken as a template; `rule` names why, the message says it in Indonesian."""

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)


@contextmanager
def opened(content: bytes) -> Iterator[zipfile.ZipFile]:
    """The archive of a .docx that is safe to read. Raises BadArchive."""
    if len(content) > LIMIT:
        raise BadArchive("terlalu-besar", f"Templat lebih besar dari {LIMIT // 1024 // 1024} MB.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise BadArchive("bukan-docx", "Berkas ini bukan dokumen Word (.docx) atau rusak.") from None
    with archive:
        _sizes(archive.infolist())
        try:
            _contents(archive)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, NotImplementedError, EOFError, ValueError):
            raise BadArchive("bukan-docx", "Berkas ini bukan dokumen Word (.docx), rusak, atau terkunci.") from None
        yield archive


def _sizes(entries: list[zipfile.ZipInfo]) -> None:
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > ENTRIES or unpacked > UNPACKED or unpacked > RATIO * max(packed, 1024):
        raise BadArchive("bom-zip", "Isi berkas ini jauh lebih besar daripada ukurannya, sehingga tidak dibuka.")
    if len({entry.filename for entry in entries}) != len(entries):
        raise BadArchive("bukan-docx", "Berkas ini memuat dua bagian dengan nama yang sama.")


def _contents(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    if "[Content_Types].xml" not in names or "word/document.xml" not in names:
        raise BadArchive("bukan-docx", "Berkas ini bukan dokumen Word (.docx).")
    types = archive.read("[Content_Types].xml")
    if b"macroEnabled" in types or ACTIVE.search(types.decode("utf-8", "replace")) or any(map(ACTIVE.search, names)):
        raise BadArchive("makro", MACRO)
    if DOCUMENT not in types:
        raise BadArchive("bukan-docx", "Berkas ini bukan dokumen Word (.docx) biasa; simpan ulang sebagai .docx.")
    for name in names:
        part = archive.read(name)
        if not name.endswith((".xml", ".rels")) and part.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<":
            continue  # a picture or the like
        if b"<!DOCTYPE" in part or not _utf8(part):
            raise BadArchive("xml-tidak-aman", f"Bagian {name} memuat deklarasi yang tidak diizinkan.")
        if name.endswith(".rels"):
            _relations(part)
        if any(map(_fetches, _fields(part))):
            raise BadArchive("tautan-luar", OUTSIDE)


def _utf8(part: bytes) -> bool:
    """Whether a part is read as it lies there: in another encoding it would be something else than we looked at."""
    declared = ENCODING.match(part.removeprefix(b"\xef\xbb\xbf"))
    if b"\0" in part or (declared and declared[1].lower() not in (b"utf-8", b"us-ascii", b"ascii")):
        return False
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _relations(part: bytes) -> None:
    """What other parts and places a part leads to. Raises BadArchive, ValueError (no XML)."""
    try:
        tree = etree.fromstring(part)
    except etree.XMLSyntaxError:
        raise ValueError from None
    for relation in tree.iter("{*}Relationship"):
        kind, target = relation.get("Type", ""), relation.get("Target", "")
        if ACTIVE.search(kind):
            raise BadArchive("makro", MACRO)
        plain = kind.lower().endswith("/hyperlink") and LINK.match(target.strip())
        if relation.get("TargetMode", "").lower() == "external" and not plain:
            raise BadArchive("tautan-luar", OUTSIDE)


def _fields(part: bytes) -> Iterator[str]:
    """The codes of a part's fields, whole although their letters may stand in several runs, as Word reads them: without
    comments, and what was written in another way than letter by letter. Raises ValueError (no XML).
    """
    if b"nstr" not in part:  # neither instrText, delInstrText nor instr
        return
    try:
        tree = etree.fromstring(part, etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True))
    except etree.XMLSyntaxError:
        raise ValueError from None
    code = ""
    for element in tree.iter("{*}*"):
        local = etree.QName(element).localname
        if local == "fldChar" and "begin" in element.attrib.values():
            yield code
            code = ""
        elif local in ("instrText", "delInstrText"):
            code += "".join(element.itertext())
        yield from (str(value) for key, value in element.attrib.items() if etree.QName(key).localname == "instr")
    yield code


def _fetches(code: str) -> bool:
    """Whether a field takes something from elsewhere; Word reads its first word in any case."""
    return _begins(code) or FETCHING.search(code) is not None


def _begins(code: str) -> bool:
    return FETCHING.match(" ".join(code.split()[:1]).upper()) is not None


def sealed(content: bytes) -> bytes:
    """The same archive with nothing of the moment in it: fixed dates, one order, one compression.

    Raises BadArchive where what was filled in made a field that takes something from elsewhere.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            part = old.read(name)
            if name.endswith(".xml") and any(map(_begins, _fields(part))):
                raise BadArchive("tautan-luar", OUTSIDE)
            new.writestr(entry, part)
    return written.getvalue()
