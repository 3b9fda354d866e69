"""A case's one store of data: nested groups of JSON values, addressed by pointers. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.forms.form import Form


def at(data: Any, pointer: str) -> Any:
    """The value at a pointer (or dotted path); None where there is none."""
    for part in pointer.removeprefix("/").replace(".", "/").split("/") if pointer else ():
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isascii() and part.isdigit() and len(part) < 5 and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def apply(form: Form, data: Mapping[str, Any], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The case's data after this form: what it asks is replaced (or gone, where emptied), the rest stays."""
    return merge(without(data, form.asked), cleaned)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted key as the nested objects that the keys stand for."""
    whole: dict[str, Any] = {}
    for key, value in values.items():
        *parents, leaf = key.split(".")
        place = whole
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return whole


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, objects merged into objects, everything else replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def without(data: Mapping[str, Any], pointers: Iterable[str]) -> dict[str, Any]:
    """`data` less what stands at these pointers; shares what it did not change."""
    result = dict(data)
    for pointer in pointers:
        *parents, key = pointer.split("/")[1:]
        place = result
        for part in parents:
            below = place.get(part)
            if not isinstance(below, Mapping):
                break
            place[part] = place = dict(below)
        else:
            place.pop(key, None)
    return result
