"""What an SOP says of the papers that it issues: how anybody checks them, when they end, and how they are extended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app import forms
from app.engine import expressions
from app.engine.definition import Definition
from app.engine.expressions import Expression, ExpressionError

SAME = "ya"  # extended by the SOP that issued it
COPY = re.compile(r"([\w.]+)\s*(?:=(?!=)\s*(.+))?")
REMINDER = re.compile(r"(\d{1,3})\s*hari\s*\|\s*(.+\.txt)", re.IGNORECASE)


@dataclass(frozen=True)
class Term:
    """A line of `keabsahan`: the data keys of a paper's number, first and last day, "" where it has none."""

    template: str
    number: str = ""
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Reminder:
    """A line of `pengingat_berakhir`: how many days before a paper's last day its holder is told, by which text."""

    days: int
    text: str


@dataclass(frozen=True)
class Copy:
    """A line of `salin`: a key of the new application, and what it is of the data of the old one."""

    key: str
    value: Expression


@dataclass(frozen=True)
class Extension:
    """By which SOP, and with what of the old application, what was issued is extended."""

    sop: str
    copies: tuple[Copy, ...]

    def filled(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the new application begins with, of the old one's data; what is not there is left out."""
        values = {copy.key: copy.value.evaluate(data) for copy in self.copies}
        whole: dict[str, Any] = {}
        for key, value in values.items():
            if value not in (None, "", [], {}):
                whole = forms.merge(whole, forms.nested({key: value}))
        return whole


def terms(definition: Definition) -> dict[str, Term]:
    """What `keabsahan` says, by template."""
    found = {}
    for line in _lines(definition, "keabsahan"):
        template, *keys = [part.strip() for part in line.split("|")]
        found[template] = Term(template, *keys[:3])
    return found


def holder(definition: Definition) -> list[str]:
    """The data keys of `pemegang`: to whom the papers are issued, as they print it."""
    return definition.properties.get("pemegang", "").replace(",", " ").split()


def reminders(definition: Definition) -> list[Reminder]:
    """What `pengingat_berakhir` says, the nearest to the end first."""
    found = [match for line in _lines(definition, "pengingat_berakhir") if (match := REMINDER.fullmatch(line))]
    return sorted((Reminder(int(match[1]), match[2].strip()) for match in found), key=lambda one: one.days)


def extension(definition: Definition) -> Extension | None:
    """How what this SOP issued is extended; None where its process does not say."""
    by = definition.properties.get("perpanjangan", "").strip()
    if not by:
        return None
    copies: list[Copy] = []
    for line in _lines(definition, "salin"):
        with suppress(ExpressionError):
            copies += copy(line)
    return Extension(definition.key if by.lower() == SAME else by, tuple(copies))


def copy(line: str) -> Iterator[Copy]:
    """A line of `salin`. Raises ExpressionError."""
    match = COPY.fullmatch(line.strip())
    if match is None:
        raise ExpressionError("tulis: kunci_baru = kunci_lama")
    yield Copy(match[1], expressions.compile(match[2] or match[1]))


def _lines(definition: Definition, name: str) -> list[str]:
    return [line.strip() for line in definition.properties.get(name, "").splitlines() if line.strip()]
