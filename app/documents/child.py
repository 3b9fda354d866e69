"""The process in which templates run: a template is code, so it gets no files, no sockets, little memory and time.

`serve` answers requests on standard input one after the other: `fill` and `check` for letters, `text` and `check_text`
for messages. The server itself imports nothing of this.
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import io
import json
import pkgutil
import resource
import struct
import sys
from typing import Any, BinaryIO

import jinja2

from app.documents.archive import BadArchive
from app.documents.check import answers, check
from app.documents.letter import ENVIRONMENT, Broken, fill
from app.documents.text import answers as text_answers
from app.documents.text import check as check_text
from app.documents.text import compose

FRAME = struct.Struct(">II")
MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 8


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
        if ask["do"] == "answers":
            return {"answers": answers(template) if template[:2] == b"PK" else text_answers(template)}, b""
        if ask["do"] == "text":
            return {"text": compose(template, ask["context"])}, b""
        if ask["do"] == "check_text":
            return {"found": check_text(template, ask["known"])}, b""
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

    for codec in ("ascii", "cp437", "latin-1", "shift_jis", "unicode_escape", "utf-8-sig", "utf-16"):
        codecs.lookup(codec)
    for module in pkgutil.iter_modules(jinja2.__path__, "jinja2."):
        importlib.import_module(module.name)
    document, blank = Document(), io.BytesIO()
    document.add_paragraph('{{ isian["nama"]|kosong }} {{ "HTTPS://A/a"|qr }}')
    document.sections[0].footer.paragraphs[0].text = "{{ isian.nama|tanggal }}"
    document.save(blank)
    check(blank.getvalue(), {"isian": {"nama": None}})
    check(b"", {})
    check_text(b"Perihal: {{ isian.nama }}\n{{ a + 1 }}", {"isian": {"nama": None}})
    for broken in ("{% if", "{{ nama.a + 1 }}"):
        with contextlib.suppress(Exception):
            ENVIRONMENT.from_string(broken).render()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(what, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # the three pipes that are open, and no more
