"""A posted HTML form as answers: names are pointers, files and row buttons included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from app.forms.fields import MOST_ROWS, Field
from app.forms.form import Form
from app.forms.text import parse_date, parse_number

ADD, REMOVE, DISCARD = "_tambah", "_hapus", "_buang"


class Posted(Protocol):
    """What we need of werkzeug's MultiDict."""

    def getlist(self, key: str, /) -> list[Any]: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, key: object, /) -> bool: ...


def from_html(form: Form, values: Posted, uploaded: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """The answers in a posted form.

    `uploaded` gives the ids of files that came with this post, by pointer. A text that is no number or date stays as
    typed, for `check` to refuse and the page to show again. Rows are renumbered; `_tambah` and `_hapus` (pointers) add
    and remove a row, `_buang` (upload ids) takes files away.
    """
    return _level(form.components, values, uploaded or {}, "", "")


def is_edit(values: Posted) -> bool:
    """Did a button change the form (a row added or removed) instead of sending it? Then draw it again."""
    return ADD in values or REMOVE in values


def posted_files(form: Form, files: Posted) -> list[tuple[Field, str, Any]]:
    """Each file that came for an upload field: the field, the concrete pointer, the file. Empty inputs are left out."""
    found = []
    for pointer in files:
        field = form.field_at(pointer)
        if field is not None and field.type == "upload" and not field.readonly:
            sent = [file for file in files.getlist(pointer) if getattr(file, "filename", None)]
            found += [(field, pointer, file) for file in (sent if field.multiple else sent[:1])]
    return found


def _level(
    components: tuple[Field, ...], values: Posted, uploaded: Mapping[str, Sequence[str]], shape: str, base: str
) -> dict[str, Any]:
    """The answers of one scope: `shape` is its pointer with `*`, `base` the concrete one."""
    out: dict[str, Any] = {}
    for item in components:
        if item.type == "group":
            _merge(out, _level(item.children, values, uploaded, shape, base))
            continue
        pointer = base + item.pointer[len(shape) :]
        if item.type == "dynamiclist":
            value: Any = _rows(item, values, uploaded, pointer)
        elif item.is_input and not item.readonly:
            value = _value(item, values, uploaded, pointer)
        else:
            continue
        *parents, key = item.pointer[len(shape) :].split("/")[1:]
        target = out
        for part in parents:
            target = target.setdefault(part, {})
        target[key] = value
    return out


def _merge(out: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            _merge(out[key], value)
        else:
            out[key] = value


def _rows(item: Field, values: Posted, uploaded: Mapping[str, Sequence[str]], pointer: str) -> list[dict[str, Any]]:
    pattern = re.compile(re.escape(pointer) + r"/(\d{1,4})(?=/|$)", re.ASCII)
    numbers = {int(match[1]) for name in [*values, *uploaded] if (match := pattern.match(name))}
    gone = set(values.getlist(REMOVE))
    rows = [
        _level(item.children, values, uploaded, item.pointer + "/*", f"{pointer}/{number}")
        for number in sorted(numbers)[:MOST_ROWS]
        if f"{pointer}/{number}" not in gone
    ]
    if pointer in values.getlist(ADD):
        rows.append({})
    return rows


def _value(item: Field, values: Posted, uploaded: Mapping[str, Sequence[str]], pointer: str) -> Any:
    texts = [text for text in values.getlist(pointer) if isinstance(text, str)]
    if item.type == "checkbox":
        return bool(texts)
    if item.type == "upload":
        gone = set(values.getlist(DISCARD))
        kept = [text for text in dict.fromkeys(texts) if text and text not in gone]
        fresh = list(uploaded.get(pointer, ()))
        if item.multiple:
            return kept + fresh
        return (fresh or kept or [""])[-1]
    if item.options:
        known = {str(option.value): option.value for option in item.options}
        chosen = [known.get(text, text) for text in texts if text]
        return chosen if item.multiple else (chosen or [""])[0]
    text = texts[0] if texts else ""
    if item.type == "number":
        return parse_number(text) if text.strip() else ""
    return parse_date(text) if item.type == "date" else text
