"""Answers for demos, trials and tests, from what a form's owner wrote as `contoh`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from app.forms.checking import hidden
from app.forms.fields import Field, day
from app.forms.form import Form
from app.forms.schema import Entry, plan
from app.forms.text import parse_number
from app.forms.values import merge


def sample(
    form: Form,
    seed: int,
    upload: Callable[[Field], str],
    today: date,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Complete answers; the same for the same seed, which picks the same alternative in every `contoh`, so that a
    name and its passport belong together. `upload` makes a file for a field and gives its id.

    Fields without `contoh` get a plain value that passes, where one can be told from their checks; optional ones
    without it stay empty. `data` is what the case knows, for conditions.
    """
    return _scope(plan(form, today), seed, upload, today, dict(data or {}), form.conditional)


def _scope(
    entries: tuple[Entry, ...],
    seed: int,
    upload: Callable[[Field], str],
    today: date,
    names: dict[str, Any],
    conditions: bool,
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for entry in entries:
        field = entry.field
        if field.readonly or (conditions and hidden(entry.hides, merge(names, out))):
            continue
        value: Any
        if field.type == "dynamiclist":
            count = max(1, field.min_length or 0)
            value = [
                _scope(entry.rows, seed + row, upload, today, merge(names, out), conditions) for row in range(count)
            ]
        elif field.type == "upload":
            if not field.required and not field.properties.get("contoh"):
                continue
            value = [upload(field)] if field.multiple else upload(field)
        else:
            value = _value(field, seed, today)
        if value is None:
            continue
        target = out
        for part in entry.path[:-1]:
            target = target.setdefault(part, {})
        target[entry.path[-1]] = value
    return out


def _value(field: Field, seed: int, today: date) -> Any:
    written = field.properties.get("contoh", "")
    if written:
        parts = written.split("|")
        return _read(field, parts[seed % len(parts)].strip(), today)
    if not field.required:
        return None
    if field.type == "checkbox":
        return True
    if field.options:
        value = field.options[seed % len(field.options)].value
        return [value] if field.multiple else value
    if field.type == "number":
        return field.minimum if field.minimum is not None else min(1, field.maximum if field.maximum is not None else 1)
    if field.type in ("date", "datetime"):
        chosen = today
        if field.earliest:
            chosen = max(chosen, day(field.earliest, today))
        if field.latest:
            chosen = min(chosen, day(field.latest, today))
        return chosen.isoformat() + ("T09:00" if field.type == "datetime" else "")
    if field.type == "time":
        return "09:00"
    if field.validation:
        return "contoh@contoh.id" if field.validation == "email" else "0812 3456 7890"
    text = f"Contoh {field.label.lower()}"
    return text.ljust(field.min_length or 0, ".")[: field.max_length]


def _read(field: Field, text: str, today: date) -> Any:
    if field.type == "checkbox":
        return text.lower() in ("ya", "true", "1")
    if field.type == "number":
        return parse_number(text)
    if field.type in ("date", "datetime") and re.match(r"today|[+-]\d", text):
        moment, _, clock = text.partition("T")
        return day(moment, today).isoformat() + (f"T{clock or '09:00'}" if field.type == "datetime" else "")
    if field.options:
        known = {str(option.value): option.value for option in field.options}
        if field.multiple:
            return [known.get(part.strip(), part.strip()) for part in text.split(",")]
        return known.get(text, text)
    return text
