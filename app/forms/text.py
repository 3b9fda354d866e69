"""Values as an Indonesian types them: 1.234,56 and 31-12-2026."""

from __future__ import annotations

import re

from app.forms.fields import MEDIA_TYPES

_THOUSANDS = re.compile(r"-?\d{1,3}(\.\d{3})+(,\d+)?", re.ASCII)
_DECIMAL = re.compile(r"-?\d+([.,]\d+)?", re.ASCII)


def parse_number(text: str) -> int | float | str:
    """ "1.234,56" -> 1234.56; a text that is no number comes back as it is."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    if len(plain) > 30:
        return text
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif _DECIMAL.fullmatch(plain):
        plain = plain.replace(",", ".")
    else:
        return text
    return float(plain) if "." in plain else int(plain)


def parse_date(text: str) -> str:
    """ISO where the text is 31-12-2026, 31/12/2026 or 31.12.2026; else as it is."""
    match = re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})", text.strip(), re.ASCII)
    return f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}" if match else text


def file_kinds(accept: tuple[str, ...]) -> str:
    """The accepted files as a reader says them."""
    names = {media: name for name, media in reversed(list(MEDIA_TYPES.items()))}
    kinds = [names.get(media, media).upper() for media in accept]
    return " atau ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1] if kinds else ""]))
