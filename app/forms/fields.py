"""What a form is made of, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from app.engine.expressions import Expression

MEDIA_TYPES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "txt": "text/plain",
}
MOST_ROWS = 100
CHOICES = frozenset({"select", "radio", "checklist", "taglist"})
INPUTS = CHOICES | {"textfield", "textarea", "number", "date", "time", "datetime", "checkbox", "upload"}
RELATIVE = re.compile(r"today|[+-]\d{1,5}d", re.ASCII)


@dataclass(frozen=True)
class Option:
    value: Any  # text, number or truth, as the form has it
    label: str


@dataclass(frozen=True, eq=False)
class Field:
    """One component: an input, a group of others, or a text. `pointer` has `*` where a row's number stands."""

    type: str
    id: str = ""
    key: str = ""
    pointer: str = ""
    label: str = ""
    help: str = ""
    required: bool = False
    readonly: bool = False
    multiple: bool = False
    default: Any = None
    options: tuple[Option, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    earliest: str = ""  # ISO date, "today", "+180d", "-30d"
    latest: str = ""
    pattern: str = ""
    validation: str = ""  # "email" or "phone"
    decimals: int | None = None
    accept: tuple[str, ...] = ()  # media types
    prefix: str = ""
    suffix: str = ""
    html: str = ""  # safe HTML of a text
    row: str = ""  # inputs of one layout row are drawn beside each other
    columns: int | None = None  # of 12
    hide: Expression | None = None
    hide_text: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Field, ...] = ()

    @property
    def is_input(self) -> bool:
        return self.type in INPUTS

    @property
    def short(self) -> str:
        """What it is called where its label is too long."""
        return self.properties.get("sebutan") or self.label

    @property
    def table(self) -> bool:
        """A group whose child groups are rows of one table."""
        return self.type == "group" and self.properties.get("tabel", "").lower() == "ya"

    @property
    def personal(self) -> bool:
        """What is in it, or in a group, is somebody's own and will be destroyed; the group says it for all in it."""
        return self.properties.get("pribadi", "").lower() == "ya"

    @property
    def file(self) -> str:
        """The pointer of the upload in the case's data that is shown beside this row; "" where there is none."""
        return pointer_of(self.properties.get("berkas", ""))


def walk(components: tuple[Field, ...]) -> Iterator[Field]:
    """Every component below, in drawn order."""
    for item in components:
        yield item
        yield from walk(item.children)


def pointer_of(path: str) -> str:
    """`tka.nama` or `/tka/nama` as a pointer; "" stays empty."""
    path = path.strip()
    return path if not path or path.startswith("/") else "/" + path.replace(".", "/")


def day(text: str, today: date) -> date:
    """The date that `2026-11-23`, `today`, `+180d` or `-30d` means on `today`. Raises ValueError."""
    if not RELATIVE.fullmatch(text):
        return date.fromisoformat(text)
    try:
        return today if text == "today" else today + timedelta(days=int(text[:-1]))
    except OverflowError:
        raise ValueError(text) from None
