"""A form: what it asks, and all that can be done with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from app.forms.drawing import Part, anchor, draw
from app.forms.fields import Field, walk
from app.forms.schema import form_schema
from app.forms.showing import Row, label, place, rows


@dataclass(frozen=True, eq=False)
class Form:
    """A form. `components` is the tree to draw, `fields` every input of it in drawn order."""

    id: str
    title: str
    components: tuple[Field, ...]
    digest: str

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return tuple(item for item in walk(self.components) if item.is_input)

    @cached_property
    def by_pointer(self) -> Mapping[str, Field]:
        return {item.pointer: item for item in walk(self.components) if item.pointer}

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 with every check; relative dates still as written (see `schema.published`)."""
        return form_schema(self, None)

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """The pointers of everything in it that has a value."""
        return tuple(
            item.pointer
            for item in walk(self.components)
            if (item.is_input or item.type == "dynamiclist") and "*" not in item.pointer
        )

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The pointers that an answer to this form replaces: what is left empty there is empty."""
        return tuple(pointer for pointer in self.shown if not self.by_pointer[pointer].readonly)

    @cached_property
    def conditional(self) -> bool:
        """Does a condition hide any part of it?"""
        return any(item.hide for item in walk(self.components))

    def field_at(self, pointer: str) -> Field | None:
        """The field that answers at a concrete pointer, such as /lokasi/0/kota; the list for one of its rows."""
        shape = re.sub(r"/\d+(?=/|$)", "/*", pointer)
        return self.by_pointer.get(shape) or self.by_pointer.get(shape.removesuffix("/*"))

    def draw(
        self,
        values: Mapping[str, Any],
        faults: Mapping[str, str] | None = None,
        marks: Mapping[str, str] | None = None,
        today: date | None = None,
    ) -> tuple[Part, ...]:
        """The parts to draw; see `drawing.draw`."""
        return draw(self, values, faults or {}, marks or {}, today)

    def rows(self, data: Mapping[str, Any]) -> list[Row]:
        """The lines to read; see `showing.rows`."""
        return rows(self, data)

    def label(self, pointer: str) -> str:
        """The label at a pointer, "Kota (2)" in a list; the pointer itself where there is none."""
        return label(self, pointer)

    def anchor(self, pointer: str) -> str:
        """The id of the input at a pointer, to link to."""
        return anchor(pointer)

    def place(self, pointer: str) -> str:
        """The name of the group around a pointer, "Lokasi kerja 2" in a list; "" where there is none."""
        return place(self, pointer)
