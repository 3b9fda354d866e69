"""A message as text: its first line is `Perihal: ...`, then comes what it says. Runs in the child process only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateSyntaxError

from app.documents.check import Found, printed, unknown
from app.documents.letter import PLAIN, Broken, cleaned, plain, told

LONGEST = 50_000
SUBJECT = 200
NO_TEXT = "Berkas ini bukan teks UTF-8. Simpan ulang sebagai teks biasa (UTF-8)."
NO_SUBJECT = "Baris pertama pesan harus berbunyi “Perihal: …”."
_FIRST = re.compile(r"\s*Perihal:[ \t]*(\S.*)")
_ALONE = re.compile(r"^[ \t]*((?:\{(?:%.*?%|#.*?#)\}[ \t]*)+)\n", re.MULTILINE)  # tags, and nothing else in the line


class NoSubject(Exception):
    """A text whose first line names no subject."""


def parts(template: bytes) -> tuple[str, str]:
    """Subject and body as written. Raises UnicodeDecodeError, NoSubject."""
    text = template.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    first = _FIRST.match(text)
    if first is None:
        raise NoSubject
    return first[1], _ALONE.sub(lambda line: line[1].strip(), text[first.end() :])


def compose(template: bytes, context: Mapping[str, Any]) -> tuple[str, str]:
    """Subject, in one line whatever is printed into it, and body. Raises Broken."""
    try:
        subject, body = parts(template)
    except (UnicodeDecodeError, NoSubject):
        raise Broken("Teks pesan ini tidak terbaca.") from None
    known = cleaned(context)
    printed_subject = " ".join(plain(subject, known).split())
    text = re.sub(r"\n{3,}", "\n\n", plain(body, known)).strip()
    if len(text) > LONGEST:
        raise Broken("Pesan ini terlalu panjang.")
    return printed_subject[:SUBJECT], f"{text}\n"


def check(template: bytes, known: Mapping[str, Any]) -> list[Found]:
    """No text, no subject, broken tags by their line, names that nobody knows, what a trial without data says."""
    try:
        sources = parts(template)
    except UnicodeDecodeError:
        return [("error", "bukan-teks", NO_TEXT)]
    except NoSubject:
        return [("error", "tanpa-perihal", NO_SUBJECT)]
    found: list[Found] = []
    for source in sources:
        try:
            tree = PLAIN.parse(source)
            PLAIN.from_string(source)
        except TemplateSyntaxError as error:
            found.append(("error", "tag-rusak", told(error, source, error.lineno)))
        else:
            found += unknown(tree, known)
    if any(level == "error" for level, _, _ in found):
        return found
    try:
        compose(template, {name: [] if isinstance(value, list) else {} for name, value in known.items()})
    except Broken as error:
        return [*found, ("error", "percobaan-gagal", f"Percobaan tanpa isian. {error}")]
    return found


def answers(template: bytes) -> list[str]:
    """The answers that a text prints, as `check.answers` gives them; none where it is broken."""
    try:
        return printed([PLAIN.parse(source) for source in parts(template)])
    except (UnicodeDecodeError, NoSubject, TemplateSyntaxError):
        return []
