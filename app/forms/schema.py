"""A form as JSON Schema 2020-12, and the validators made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from app.engine.expressions import Expression
from app.forms.fields import Field, day

if TYPE_CHECKING:
    from app.forms.form import Form

TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
DATETIME = r"^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$"
PHONE = r"^\+?[0-9][0-9 ()./-]{5,19}$"
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 10 and bool(date.fromisoformat(value)))


@FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or _EMAIL.fullmatch(value) is not None


@FORMATS.checks("upload")
def _is_upload(value: object) -> bool:
    return not isinstance(value, str) or 0 < len(value) <= 64


def _format_minimum(_: Validator, limit: str, value: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(value, str) and value[:10] < limit:
        yield ValidationError(f"{value!r} is before {limit}")


def _format_maximum(_: Validator, limit: str, value: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(value, str) and value[:10] > limit:
        yield ValidationError(f"{value!r} is after {limit}")


FormValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"formatMinimum": _format_minimum, "formatMaximum": _format_maximum},
)


def leaf_schema(field: Field, today: date | None) -> dict[str, Any]:
    """The checks of one input; with `today`, relative dates become dates."""
    rules: dict[str, Any] = {"type": "string"}
    kind = field.type
    if kind in ("textfield", "textarea"):
        shortest = max(field.min_length or 0, 1 if field.required else 0)
        if shortest:
            rules["minLength"] = shortest
        rules["maxLength"] = field.max_length
        if field.validation == "email":
            rules["format"] = "email"
        if pattern := field.pattern or (PHONE if field.validation == "phone" else ""):
            rules["pattern"] = pattern
    elif kind == "number":
        rules["type"] = "integer" if field.decimals == 0 else "number"
        if field.minimum is not None:
            rules["minimum"] = field.minimum
        if field.maximum is not None:
            rules["maximum"] = field.maximum
    elif kind in ("date", "datetime"):
        rules |= {"format": "date"} if kind == "date" else {"pattern": DATETIME}
        for name, text in (("formatMinimum", field.earliest), ("formatMaximum", field.latest)):
            if text:
                rules[name] = text if today is None else day(text, today).isoformat()
    elif kind == "time":
        rules["pattern"] = TIME
    elif kind == "checkbox":
        rules = {"const": True} if field.required else {"type": "boolean"}
    elif kind == "upload":
        rules |= {"format": "upload", "accept": list(field.accept)}
    else:
        rules = {"enum": [option.value for option in field.options]}
        if all(isinstance(option.value, str) for option in field.options):
            rules = {"type": "string", **rules}
    if field.multiple:
        rules = {"type": "array", "items": rules, "uniqueItems": True, "maxItems": 50}
        if field.required:
            rules["minItems"] = 1
    return rules


def form_schema(form: Form, today: date | None) -> dict[str, Any]:
    """The whole form as one schema. A field that a condition may hide counts as required where it is required when
    shown: what is sent for a hidden one is ignored, so that whatever this schema accepts is accepted."""
    root: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": form.title,
        "type": "object",
        "properties": {},
    }
    _fill(root, form.components, "", today)
    return root


@lru_cache(maxsize=256)
def published(form: Form, today: date) -> dict[str, Any]:
    """The schema to hand out on this day: relative dates are dates. Do not change it."""
    return form_schema(form, today)


def _fill(root: dict[str, Any], components: tuple[Field, ...], base: str, today: date | None) -> bool:
    """Adds the components to the object schema `root`, which stands at `base`; true where one must be filled."""
    any_needed = False
    for item in components:
        if item.type == "group":
            needed = _fill(root, item.children, base, today)
            if item.pointer and item.label and (target := _object(root, item.pointer[len(base) :], needed=needed)):
                target.setdefault("title", item.label)
        elif item.type == "dynamiclist":
            row: dict[str, Any] = {"type": "object", "properties": {}}
            _fill(row, item.children, item.pointer + "/*", today)
            rules = {"type": "array", "items": row, "maxItems": item.max_length}
            if item.min_length:
                rules["minItems"] = item.min_length
            needed = bool(item.min_length)
            _put(root, item, item.pointer[len(base) :], rules, needed=needed)
        elif item.is_input:
            needed = item.required and not item.readonly
            _put(root, item, item.pointer[len(base) :], leaf_schema(item, today), needed=needed)
        else:
            continue
        any_needed = any_needed or needed
    return any_needed


def _put(root: dict[str, Any], item: Field, pointer: str, rules: dict[str, Any], *, needed: bool) -> None:
    parent, _, key = pointer.rpartition("/")
    target = _object(root, parent, needed=needed)
    about = {"title": item.label, "description": item.help, "x-hidden-when": item.hide_text}
    target["properties"][key] = {
        **{name: text for name, text in about.items() if text},
        **rules,
        **({"default": item.default} if item.default not in (None, "") else {}),
        **({"readOnly": True} if item.readonly else {}),
    }
    if needed:
        target.setdefault("required", []).append(key)


def _object(root: dict[str, Any], pointer: str, *, needed: bool) -> dict[str, Any]:
    for part in pointer.split("/")[1:]:
        inner = root["properties"].setdefault(part, {"type": "object", "properties": {}})
        if needed and part not in root.setdefault("required", []):
            root["required"].append(part)
        root = inner
    return root


@dataclass(frozen=True, eq=False)
class Entry:
    """One input of a scope (the form, or a row of a list), ready to check: where it is and what hides it."""

    field: Field
    path: tuple[str, ...]
    hides: tuple[Expression, ...]
    validator: Validator | None
    rows: tuple[Entry, ...] = ()


@lru_cache(maxsize=512)
def plan(form: Form, today: date) -> tuple[Entry, ...]:
    """The form's inputs with their validators, compiled once a day."""
    return tuple(_entries(form.components, "", (), today))


def _entries(components: tuple[Field, ...], base: str, hides: tuple[Expression, ...], today: date) -> Iterator[Entry]:
    for item in components:
        hidden_by = (*hides, item.hide) if item.hide else hides
        path = tuple(item.pointer[len(base) :].split("/")[1:])
        if item.type == "group":
            yield from _entries(item.children, base, hidden_by, today)
        elif item.type == "dynamiclist":
            yield Entry(item, path, hidden_by, None, tuple(_entries(item.children, item.pointer + "/*", (), today)))
        elif item.is_input:
            validator = FormValidator(leaf_schema(item, today), format_checker=FORMATS)
            yield Entry(item, path, hidden_by, validator)
