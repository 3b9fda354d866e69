"""Expressions that can be read and yet do not say what was meant: `luas > 1,5`, `1.000`, a list compared by size."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from app.engine.definition import Level
from app.engine.expressions import Expression

ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'")
_COMMA = re.compile(r"(?<![\w.])(\d+),(\d+)(?![\w.])")
_THOUSANDS = re.compile(r"(?<![\w.])[1-9]\d{0,2}\.\d{3}(?![\w.])")


def refused(text: str, read: Expression) -> str:
    """Why an expression cannot be meant: a comma outside any list makes two values; "" where it may be meant."""
    tree = ast.parse(read.text, mode="eval").body
    allowed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = zip(node.ops, node.comparators, strict=True)
            allowed |= {id(side) for op, side in sides if isinstance(op, ast.In | ast.NotIn)}
    if all(id(node) in allowed for node in ast.walk(tree) if isinstance(node, ast.Tuple)):
        return ""
    decimal = _COMMA.search(_TEXT.sub("", text))
    if decimal:
        return f"“{decimal[0]}” terbaca sebagai dua nilai. Tulis {decimal[1]}.{decimal[2]}."
    return "Koma di luar daftar memisahkan dua nilai. Tulis daftar dalam kurung siku, pecahan dengan titik."


def doubtful(text: str, read: Expression, *, condition: bool) -> Iterator[tuple[Level, str, str]]:
    """What an expression probably does not mean, as level, rule and message. A condition should read something."""
    for number in _THOUSANDS.finditer(_TEXT.sub("", text)):
        plain = number[0].replace(".", "")
        said = number[0].replace(".", ",")
        message = f"“{number[0]}” terbaca sebagai pecahan {said}."
        yield "warning", "titik-ribuan", f"{message} Bila maksudnya ribuan, tulis {plain}."
    tree = ast.parse(read.text, mode="eval").body
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Compare)
            and any(isinstance(op, ORDERED) for op in node.ops)
            and any(isinstance(side, ast.List | ast.Tuple) for side in (node.left, *node.comparators))
        ):
            message = f"“{ast.unparse(node)}” membandingkan besarnya sebuah daftar, maka tidak pernah terpenuhi."
            yield "warning", "syarat-tetap", f"{message} Tulis len(daftar) untuk banyaknya."
    if condition and not read.names:
        always = "selalu" if read.evaluate({}) else "tidak pernah"
        message = f"“{read.text}” tidak membaca satu isian pun, maka {always} terpenuhi."
        yield "warning", "syarat-tetap", f"{message} Bandingkanlah dengan kunci isian."
