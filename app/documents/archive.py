"""A .docx as a container: what may be in it, and how its bytes become the same for the same content."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

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
FIELD = re.compile(
    rb"""fldCharType\s*=\s*["']begin|<(?:\w+:)?instrText\b[^>]*>(.*?)</(?:\w+:)?instrText>|\binstr\s*=\s*("[^"]*"|'[^']*')""",
    re.DOTALL,
)
FETCHING = re.compile(r"\b(?:INCLUDEPICTURE|INCLUDETEXT|DDEAUTO|DDE|LINK|IMPORT)\b")
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
        if b"<!DOCTYPE" in part or part[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise BadArchive("xml-tidak-aman", f"Bagian {name} memuat deklarasi yang tidak diizinkan.")
        if name.endswith(".rels"):
            _relations(part)
        if any(map(_fetches, _fields(part))):
            raise BadArchive("tautan-luar", OUTSIDE)


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
    """The codes of a part's fields, whole although their letters may stand in several runs."""
    code = b""
    for found in FIELD.finditer(part):
        if found[1] is not None:
            code += found[1]
            continue
        yield unescape(code.decode("utf-8", "replace"))
        code = b""
        if found[2] is not None:
            yield unescape(found[2][1:-1].decode("utf-8", "replace"))
    yield unescape(code.decode("utf-8", "replace"))


def _fetches(code: str) -> bool:
    """Whether a field takes something from elsewhere; Word reads its first word in any case."""
    return bool(FETCHING.match(" ".join(code.split()[:1]).upper()) or FETCHING.search(code))


def sealed(content: bytes) -> bytes:
    """The same archive with nothing of the moment in it: fixed dates, one order, one compression."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            new.writestr(entry, old.read(name))
    return written.getvalue()
