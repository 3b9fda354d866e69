"""What somebody answered against the form: cleaned answers, and all faults at once."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from app.engine.expressions import Expression
from app.forms import messages
from app.forms.fields import Field
from app.forms.schema import Entry, plan
from app.forms.values import merge, without

if TYPE_CHECKING:
    from app.forms.form import Form

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"


@dataclass(frozen=True)
class Fault:
    """What is wrong with one answer, in Indonesian; the pointer is into the answers as they were given."""

    pointer: str
    message: str


@dataclass(frozen=True)
class UploadInfo:
    name: str
    media_type: str
    size: int = 0


Uploads = Callable[[str], UploadInfo | None]


def check(
    form: Form, answers: Mapping[str, Any], data: Mapping[str, Any], uploads: Uploads, today: date
) -> tuple[dict[str, Any], list[Fault]]:
    """The cleaned answers and every fault.

    `data` is what the case already knows (conditions read it), `uploads` tells about an upload that this person may
    use, `today` resolves relative dates. Unknown, read-only and hidden fields are dropped; an empty text is no answer.
    """
    if not isinstance(answers, Mapping):
        return {}, [Fault("", messages.NOT_AN_OBJECT)]
    checker = _Checker(uploads)
    entries = plan(form, today)
    names = _names(form, answers, data) if form.conditional else {}
    return checker.scope(entries, answers, names, ""), checker.faults


def hidden(hides: tuple[Expression, ...], names: Mapping[str, Any]) -> bool:
    """Does a condition hide it?"""
    return any(expression.evaluate(names) for expression in hides)


def _names(form: Form, answers: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What conditions read: the case's data with the answers of this form in place of what they replace."""
    return merge(without(data, form.asked), _normal(answers))


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _normal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    return (trimmed(value) or None) if isinstance(value, str) else value


def normal_text(text: str) -> str:
    """A text beside a form, such as a note: trimmed, composed, without what no page and no paper can show."""
    return trimmed(_UNREADABLE.sub("", text))


def trimmed(text: str, *, lines: bool = True) -> str:
    """Trimmed, composed (NFC), with \\n as the only line end; in one line where `lines` is false."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip()
    if not lines and ("\n" in text or "\t" in text):
        text = re.sub(r"[\n\t]+", " ", text)
    return text if text.isascii() or text.strip(_INVISIBLE) else ""


class _Checker:
    def __init__(self, uploads: Uploads) -> None:
        self.uploads = uploads
        self.faults: list[Fault] = []
        self.misplaced: set[str] = set()

    def fault(self, pointer: str, message: str) -> None:
        self.faults.append(Fault(pointer, message))

    def scope(
        self, entries: tuple[Entry, ...], given: Mapping[str, Any], names: Mapping[str, Any], base: str
    ) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for entry in entries:
            field = entry.field
            if entry.hides and hidden(entry.hides, names):
                names = without(names, ["/" + "/".join(entry.path)])  # what is hidden is not there for those below
                continue
            if field.readonly:
                continue
            pointer = base + "/" + "/".join(entry.path)
            raw = self.dig(given, entry.path, base)
            if field.type == "dynamiclist":
                value: Any = self.rows(entry, raw, names, pointer)
            else:
                value = self.value(field, entry, raw, pointer)
            if value is not None:
                target = out
                for part in entry.path[:-1]:
                    target = target.setdefault(part, {})
                target[entry.path[-1]] = value
        return out

    def dig(self, given: Any, path: tuple[str, ...], base: str) -> Any:
        for part in path:
            if not isinstance(given, Mapping):
                if given is not None and base not in self.misplaced:
                    self.misplaced.add(base)
                    self.fault(base, messages.NOT_AN_OBJECT)
                return None
            given = given.get(part)
            base += "/" + part
        return given

    def value(self, field: Field, entry: Entry, raw: Any, pointer: str) -> Any:
        """The cleaned value; None where there is none or it is at fault."""
        if isinstance(raw, str):
            raw = trimmed(raw, lines=field.type == "textarea") or None
            if raw is not None and _UNREADABLE.search(raw):
                self.fault(pointer, messages.unreadable(field))
                return None
        elif isinstance(raw, float):
            if not math.isfinite(raw):
                raw = "?"
            elif field.decimals and field.type == "number":
                raw = round(raw, field.decimals)
            if isinstance(raw, float) and field.decimals == 0 and raw == int(raw):
                raw = int(raw)
        elif isinstance(raw, list):
            raw = [item for item in raw if item is not None and item != ""] or None
        if raw is None:
            if field.required:
                self.fault(pointer, messages.required(field))
            return None
        validator = entry.validator
        if validator is not None and not validator.is_valid(raw):
            error = next(iter(validator.iter_errors(raw)))
            self.fault(pointer, messages.invalid(field, error, raw))
            return None
        if field.type == "upload" and not self.files(field, raw, pointer):
            return None
        return raw

    def files(self, field: Field, raw: Any, pointer: str) -> bool:
        for name in raw if isinstance(raw, list) else [raw]:
            info = self.uploads(name)
            if info is None:
                self.fault(pointer, messages.lost_upload(field))
                return False
            if info.media_type not in field.accept:
                self.fault(pointer, messages.wrong_upload(field, info.name))
                return False
        return True

    def rows(self, entry: Entry, raw: Any, names: Mapping[str, Any], pointer: str) -> list[Any] | None:
        field = entry.field
        if raw is None or raw == "":
            raw = []
        if not isinstance(raw, list) or not all(isinstance(row, Mapping) for row in raw):
            self.fault(pointer, messages.NOT_A_LIST)
            return None
        least, most = field.min_length or 0, field.max_length or 0
        if len(raw) > most:
            self.fault(pointer, messages.too_many_rows(field, most))
            return None
        filled = [number for number, row in enumerate(raw) if not _blank(row)]
        blank = [number for number in range(len(raw)) if number not in filled]
        chosen = sorted(filled + blank[: max(0, least - len(filled))])
        if len(chosen) < least:
            self.fault(pointer, messages.too_few_rows(field, least))
        result = []
        for number in chosen:
            row = raw[number]
            result.append(self.scope(entry.rows, row, {**names, **_normal(row)}, f"{pointer}/{number}"))
        return result or None


def _blank(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_blank(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_blank(inner) for inner in value)
    return value is None or value is False or (isinstance(value, str) and not trimmed(value))
