"""Files that somebody else made, read in a page of ours: in a frame without an origin, which reaches nothing.

What a browser shows by itself (PDF, pictures, text) it is given as it is. A Word file is set as pages by a script in a
sandbox; of a workbook its values are shown as tables. The macro `viewer` of viewer.html puts either into a page.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Response, current_app, make_response, render_template, request, send_file
from flask_babel import gettext as _

from app import workbook
from app.files import DOCX, XLSX

INLINE = frozenset({"application/pdf", "image/png", "image/jpeg", "text/plain"})
LARGEST = 4 * 1024 * 1024  # a file that is set as pages in a browser
UNPACKED = 16 * 1024 * 1024  # of a Word file or a workbook
TAGS = 200_000  # of a workbook: what reading it costs goes by them, and a small file may unpack to millions
SHEETS, ROWS, COLUMNS = 10, 300, 40
# A stranger's file runs nothing. (A sandbox as well would keep Chromium's PDF reader shut.)
FILE_CSP = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"
FRAME_CSP = (
    "sandbox allow-scripts; default-src 'none'; script-src {script}; style-src 'self' 'unsafe-inline'; img-src data:; "
    "form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)


@dataclass(frozen=True)
class Sheet:
    """A sheet's values in words, as many as are shown; `more` where there are others."""

    name: str
    rows: list[list[str]]
    more: bool


class _Unreadable(Exception):
    """Why a file is not shown here."""


def address(url: str, media_type: str) -> str:
    """Where a file that lies at `url` is shown."""
    if media_type in INLINE:
        return url
    path, asked, query = url.partition("?")
    return f"{path}/lihat{asked}{query}"


def file(content: bytes, media_type: str, name: str, etag: str) -> Response:
    """A file's bytes: shown by the browser where that is safe and nobody asked to save it (`?unduh`)."""
    here = media_type in INLINE and "unduh" not in request.args
    answer = send_file(
        io.BytesIO(content),
        mimetype=media_type,
        as_attachment=not here,
        download_name=name,
        etag=etag,
    )
    shut = not here or media_type == "text/plain"
    answer.headers["Content-Security-Policy"] = f"{FILE_CSP}; sandbox" if shut else FILE_CSP
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def page(content: bytes, media_type: str, name: str) -> Response:
    """The frame in which a Word file or a workbook is read."""
    told: dict[str, Any] = {"trouble": "", "sheets": None, "content": ""}
    try:
        if media_type == DOCX:
            told["content"] = _word(content)
        elif media_type == XLSX:
            told["sheets"] = list(_sheets(content))
        else:
            raise _Unreadable(_("Jenis berkas ini tidak dapat ditampilkan di sini."))
    except _Unreadable as unreadable:
        told["trouble"] = str(unreadable)
    answer = make_response(render_template("viewer/file.html", name=name, **told))
    answer.headers["Content-Security-Policy"] = FRAME_CSP.format(script="'self'" if told["content"] else "'none'")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _word(content: bytes) -> str:
    if len(content) > LARGEST or _unpacked(content) > UNPACKED:
        raise _Unreadable(_("Berkas ini terlalu besar untuk ditampilkan di sini."))
    if not Path(current_app.static_folder or "", "dist", "docx.js").exists():
        raise _Unreadable(_("Dokumen Word belum dapat ditampilkan di sini."))
    return base64.b64encode(content).decode()


def _unpacked(content: bytes) -> int:
    """How many bytes the parts of an archive are, as it says itself; 0 where it is none, which its reader finds out."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return 0


def _sheets(content: bytes) -> Iterator[Sheet]:
    """The sheets of a workbook. A part that declares a document type is no workbook of any office program."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if _unpacked(content) > UNPACKED:
                raise _Unreadable(_("Berkas ini terlalu besar untuk ditampilkan di sini."))
            parts = [archive.read(part) for part in archive.infolist()]
        if any(b"<!DOCTYPE" in part for part in parts):
            raise _Unreadable(_("Berkas ini tidak dapat ditampilkan di sini."))
        if sum(part.count(b"<") for part in parts) > TAGS:
            raise _Unreadable(_("Berkas ini terlalu besar untuk ditampilkan di sini."))
        for name, found in workbook.read(content, SHEETS, ROWS + 1, COLUMNS + 1):
            rows = _cut([[_words(value) for value in row] for row in found])
            wide = any(len(row) > COLUMNS for row in rows)
            yield Sheet(name, [row[:COLUMNS] for row in rows[:ROWS]], wide or len(rows) > ROWS)
    except _Unreadable:
        raise
    except Exception as error:  # whatever a broken workbook does to its reader
        raise _Unreadable(_("Berkas ini rusak dan tidak dapat ditampilkan di sini.")) from error


def _cut(rows: list[list[str]]) -> list[list[str]]:
    """Without the empty rows at the end and the empty columns at the right."""
    while rows and not any(rows[-1]):
        rows.pop()
    width = max((n for row in rows for n, words in enumerate(row, 1) if words), default=0)
    return [row[:width] for row in rows]


def _words(value: object) -> str:
    if value is None:
        return ""
    return (_("Ya") if value else _("Tidak")) if isinstance(value, bool) else str(value)[:2000]
