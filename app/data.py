"""A case's one store of data: nested groups of JSON values, addressed by dotted keys. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def value_at(data: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    value: Any = data
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as the groups they stand for."""
    whole: dict[str, Any] = {}
    for key, value in values.items():
        *parents, leaf = key.split(".")
        place = whole
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return whole


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`old` with what `new` says, group by group; a list is replaced whole."""
    both = dict(old)
    for key, value in new.items():
        mine = both.get(key)
        both[key] = merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return both


def without(data: Mapping[str, Any], pointers: Iterable[str]) -> dict[str, Any]:
    """`data` less what stands at these JSON pointers."""
    kept = dict(data)
    for pointer in pointers:
        *parents, leaf = pointer.strip("/").split("/")
        place: Any = kept
        for parent in parents:
            if not isinstance(place.get(parent), Mapping):
                break
            place[parent] = place = dict(place[parent])
        else:
            place.pop(leaf, None)
    return kept


def applied(
    data: Mapping[str, Any], asked: Iterable[str], answers: Mapping[str, Any], numbers: Mapping[str, str]
) -> dict[str, Any]:
    """`data` after a step: a field that its form `asked` and that was left empty is empty, not what it was before."""
    return merged(merged(without(data, asked), answers), nested(numbers))
