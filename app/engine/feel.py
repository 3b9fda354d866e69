"""What stands in a decision table's cell (S-FEEL, as its editors write it) as an expression of our own language."""

from __future__ import annotations

import ast
import re

from app.engine.expressions import MAX_TEXT, Expression, ExpressionError, compile

MAX_NOT = 5  # not(not(...))
NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_MADE = r"(?<!\w)(?<!\w\.)(?:date and time|date|time|duration)\s*\(\s*"
_END = rf"(?:-?\d+(?:\.\d+)?|-?\.\d+|{_MADE}(?:{_QUOTED}|{NAME})\s*\)|@?(?:{_QUOTED})|{NAME})"
_INTERVAL = re.compile(rf"\s*([\[\](])\s*({_END})\s*\.\.\s*({_END})\s*([\[\])])\s*(?=,|$)")
_SPOKEN = re.compile(rf"({_QUOTED})|{_MADE}({_QUOTED}|{NAME})\s*\)|(@)(?=[\"'])|(\?)")
_COMPARED = re.compile(r"(<=|>=|!=|==|<|>|=)\s*(.+)", re.DOTALL)
_DATED = re.compile(r"(?:date and time|date)\s*\(\s*[\"']([^\"']*)|@[\"']([^\"']*)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(T.*)?|-?P.+|\d\d:\d\d.*")
_CONDITIONS = (ast.Compare, ast.BoolOp)


def value(text: str) -> Expression:
    """What an entry or an input says; dates are text, as they are in answers. Raises ExpressionError."""
    if text.strip() in ("", "-"):
        return compile("None")
    return _read(_plain(text))


def test(text: str, subject: Expression) -> Expression | None:
    """When `subject` fits a cell; None where everything does. Raises ExpressionError."""
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"Isi sel lebih panjang dari {MAX_TEXT} huruf.")
    condition = _any_of(text, _within(subject), 0)
    return _read(condition) if condition else None


def is_name(text: str) -> bool:
    """Is this a key of the data and nothing else?"""
    return bool(re.fullmatch(NAME, text.strip())) and text.strip() not in ("true", "false", "null")


def _read(text: str) -> Expression:
    """Only what can be stored as text and read again; names that begin with `_` are the engine's own."""
    expression = compile(text)
    if "\\" in expression.text:
        raise ExpressionError("Teks memuat tanda yang tidak tercetak (tab atau spasi khusus); ketiklah ulang.")
    if any(part.startswith("_") for name in expression.names for part in name.split(".")):
        raise ExpressionError("Nama yang diawali garis bawah tidak dapat dipakai.")
    return expression


def _within(expression: Expression) -> str:
    return expression.text if is_name(expression.text) else f"({expression.text})"


def _plain(text: str, subject: str = "") -> str:
    """Our spelling: dates as their text, and `?` as what the column asks."""
    for found in _DATED.finditer(text):
        literal = found[1] if found[1] is not None else found[2]
        if not _ISO.fullmatch(literal):
            raise ExpressionError(f"Tanggal “{literal[:40]}” ditulis tahun-bulan-hari, misalnya 2026-01-31.")

    def spelled(found: re.Match[str]) -> str:
        if found[4]:
            return subject or "?"
        return "" if found[3] else found[1] or found[2]

    return _SPOKEN.sub(spelled, text)


def _any_of(text: str, subject: str, depth: int) -> str:
    """A list of tests, any of which may hold; "" where everything fits."""
    if text.strip() in ("", "-"):
        return ""
    literals: list[str] = []
    others: list[str] = []
    for item in items(text):
        interval = _INTERVAL.fullmatch(item)
        if interval:
            others.append(_between(interval, subject))
            continue
        literal, other = _one(item.strip(), subject, depth)
        (literals if literal else others).append(literal or other)
    if len(literals) == 1:
        others.insert(0, f"{subject} == {literals[0]}")
    elif literals:
        others.insert(0, f"{subject} in [{', '.join(literals)}]")
    return others[0] if len(others) == 1 else " or ".join(f"({other})" for other in others)


def items(text: str) -> list[str]:
    """The tests between the commas, of which those in brackets and quotes part nothing."""
    found, start = [], 0
    while True:
        interval = _INTERVAL.match(text, start)
        end = interval.end() if interval else _comma(text, start)
        found.append(text[start:end])
        if end >= len(text):
            return found
        start = end + 1


def _comma(text: str, start: int) -> int:
    depth, quote = 0, ""
    for place in range(start, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth <= 0:
            return place
    return len(text)


def _between(found: re.Match[str], subject: str) -> str:
    above = ">=" if found[1] == "[" else ">"
    below = "<=" if found[4] == "]" else "<"
    low, high = (_within(value(end)) for end in (found[2], found[3]))
    return f"{subject} {above} {low} and {subject} {below} {high}"


def _one(text: str, subject: str, depth: int) -> tuple[str, str]:
    """One test: a literal that must be equal, or else a condition."""
    negated = _negated(text)
    if negated is not None:
        if depth >= MAX_NOT:
            raise ExpressionError("Terlalu banyak not di dalam not.")
        return "", f"not ({_any_of(negated, subject, depth + 1) or 'True'})"
    compared = _COMPARED.fullmatch(text)
    if compared:
        operator = "==" if compared[1] == "=" else compared[1]
        return "", f"{subject} {operator} ({_read(_plain(compared[2], subject)).text})"
    asked = _plain(text, subject)
    read = _read(asked)
    tree = ast.parse(read.text, mode="eval").body
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        tree = tree.operand
    if asked != _plain(text) or isinstance(tree, _CONDITIONS) or _is_not(tree):
        if not read.names:
            raise ExpressionError("Ini selalu sama, apa pun isiannya. Pisahkan beberapa nilai dengan koma.")
        return "", read.text
    if isinstance(tree, ast.Constant):
        return read.text, ""
    if isinstance(tree, ast.List):
        return "", f"{subject} in {read.text}"
    return "", f"{subject} == ({read.text})"


def _is_not(tree: ast.expr) -> bool:
    return isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)


def _negated(text: str) -> str | None:
    """What stands in `not(...)`, where that is all."""
    found = re.fullmatch(r"not\s*\((.*)\)", text, re.DOTALL)
    if not found:
        return None
    depth, quote = 0, ""
    for letter in found[1]:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth < 0 and not re.search(r"[\[\](][^()]*\.\.", found[1]):
                return None
    return found[1]
