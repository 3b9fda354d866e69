"""Data of a form to read: labels and values in Indonesian, for the file of a case, for faults and for the replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.forms.checking import hidden
from app.forms.fields import Field
from app.forms.values import at
from app.wording import angka, jam, tanggal

if TYPE_CHECKING:
    from app.forms.form import Form

YES, NO = "Ya", "Tidak"


@dataclass(frozen=True)
class Row:
    """One line to read. `kind` is the field's type, or "row" for a line of a table or list; `uploads` are ids."""

    pointer: str
    label: str
    text: str
    kind: str
    heading: str = ""
    uploads: tuple[str, ...] = ()


def rows(form: Form, data: Mapping[str, Any]) -> list[Row]:
    """What the form asks and what the data say to it, in drawn order; what a condition hides is left out."""
    return list(_rows(form.components, data, data, ""))


def place(form: Form, pointer: str) -> str:
    """Where a pointer is, as a reader says it: "Lokasi kerja 2"; "" where the form has no groups around it."""
    shape = form.field_at(pointer)
    names: list[str] = []

    def search(components: tuple[Field, ...]) -> bool:
        for item in components:
            if item is shape:
                return True
            if item.children:
                names.append(item.label)
                if search(item.children):
                    return True
                names.pop()
        return False

    if shape is None or not search(form.components):
        return ""
    number = next((part for part in reversed(pointer.split("/")) if part.isdigit()), None)
    name = next((name for name in reversed(names) if name), "")
    return f"{name} {int(number) + 1}" if number is not None and "/*/" in shape.pointer else name


def label(form: Form, pointer: str) -> str:
    """The label of the field at a pointer, with its row's number in a list; the pointer itself where there is none."""
    found = form.field_at(pointer)
    if found is None:
        return pointer
    number = next((int(part) + 1 for part in reversed(pointer.split("/")) if part.isdigit()), None)
    return (found.label or pointer) + (f" ({number})" if number else "")


def text(field: Field, value: Any) -> str:
    """A value as a reader sees it; "" for none and for uploads, which are shown as links."""
    if value is None or value == "" or field.type == "upload":
        return ""
    if field.type == "checkbox":
        return YES if value is True else NO
    if field.options:
        labels = {str(option.value): option.label for option in field.options}
        return ", ".join(labels.get(str(one), str(one)) for one in (value if isinstance(value, list) else [value]))
    if field.type == "number":
        return " ".join(part for part in (field.prefix, angka(value), field.suffix) if part)
    if field.type == "date":
        return tanggal(value)
    if field.type == "datetime":
        return f"{tanggal(value)}, {jam(value)}"
    return str(value).replace(":", ".") if field.type == "time" else str(value)


def _rows(components: tuple[Field, ...], data: Any, names: Mapping[str, Any], heading: str) -> Iterator[Row]:
    for item in components:
        if item.hide is not None and hidden((item.hide,), names):
            continue
        if item.table:
            for child in item.children:
                if child.type == "group" and child.pointer:
                    yield _line(child, child.pointer, child.label, data, item.label or heading, "")
                else:
                    yield from _rows((child,), data, names, item.label or heading)
        elif item.type == "group":
            yield from _rows(item.children, data, names, item.label or heading)
        elif item.type == "dynamiclist":
            given = at(data, item.pointer)
            for number, row in enumerate(given if isinstance(given, list) else []):
                yield _line(item, f"{item.pointer}/{number}", str(number + 1), row, item.label, item.pointer + "/*")
        elif item.is_input:
            value = at(data, item.pointer)
            yield Row(item.pointer, item.label, text(item, value), item.type, heading, _uploads(item, value))


def _line(item: Field, pointer: str, name: str, data: Any, heading: str, shape: str) -> Row:
    """A row of a table or list in one line."""
    told: list[str] = []
    uploads: tuple[str, ...] = ()
    for leaf in _leaves(item.children):
        value = at(data, leaf.pointer[len(shape) :])
        uploads += _uploads(leaf, value)
        if said := text(leaf, value):
            told.append(f"{leaf.label}: {said}")
    return Row(pointer, name, " · ".join(told), "row", heading, uploads)


def _leaves(components: tuple[Field, ...]) -> Iterator[Field]:
    for item in components:
        if item.is_input:
            yield item
        else:
            yield from _leaves(item.children)


def _uploads(item: Field, value: Any) -> tuple[str, ...]:
    if item.type != "upload":
        return ()
    return tuple(one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one)
