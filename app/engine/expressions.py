"""The one expression language: of gateways, form conditions, timers, loops and script tasks.

What is not in the tables below does not exist: no methods, no attributes but keys of plain dicts, no `**`, no
f-strings, no comprehensions. A text is read once into closures and cached; evaluating never raises: what cannot be
computed is None, and None compared by order is False.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_TEXT = 2_000
MAX_DEPTH = 30
MAX_NODES = 300
MAX_LITERAL = 10**15
MAX_NUMBER = 10**30
MAX_STRING = 10_000

Closure = Callable[[Mapping[str, Any]], Any]


class ExpressionError(SyntaxError):
    """A text that is no expression of ours; `msg` says why, in Indonesian."""


@dataclass(frozen=True)
class Expression:
    """A compiled expression: `text` is its canonical form, `names` the dotted data keys that it reads."""

    text: str
    names: tuple[str, ...]
    run: Closure

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """The value for these (nested) data; unknown names are None. Never raises."""
        try:
            return self.run(names)
        except RecursionError:  # comparing data nested beyond reason
            return None


def telling(expression: Expression) -> list[Any]:
    """The values of its keys that may make a difference to it: its constants and their neighbours, nothing, yes, no."""
    constants = [node.value for node in ast.walk(ast.parse(expression.text)) if isinstance(node, ast.Constant)]
    numbers = [value for value in constants if isinstance(value, int | float) and not isinstance(value, bool)]
    return [None, True, False, *constants, *(value + step for value in numbers for step in (-1, 1))]


@dataclass(frozen=True)
class Script:
    """Assignments, one a line. `names` are read before they are set; `targets` are the dotted keys that are set."""

    text: str
    assignments: tuple[tuple[str, Expression], ...]
    names: tuple[str, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(target for target, _ in self.assignments))

    def execute(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """What the lines set, by dotted key; a line sees what earlier lines set. Never raises."""
        seen: Mapping[str, Any] = names
        values: dict[str, Any] = {}
        for target, expression in self.assignments:
            values[target] = expression.evaluate(seen)
            seen = put(seen, target.split("."), values[target])
        return values


def put(data: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """A copy of `data` with `value` at `path`; what is not on the path is shared."""
    inner = data.get(path[0])
    rest = path[1:]
    return {**data, path[0]: put(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}


@lru_cache(maxsize=4096)
def compile(text: str) -> Expression:
    """Reads `x`, `=x` or `${x}`, with `=`, `&&`, `||`, `!`, `null`, `true`, `false` as other tools write them.

    Raises ExpressionError (a SyntaxError) with an Indonesian message.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"Ungkapan ini lebih panjang dari {MAX_TEXT} huruf.")
    try:
        tree = ast.parse(_pythonic(text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"Ungkapan “{_short(text)}” tidak dapat dibaca.") from None
    builder = _Builder(text)
    run = builder.build(tree, 0)
    return Expression(ast.unparse(tree), tuple(dict.fromkeys(builder.names)), run)


@lru_cache(maxsize=1024)
def compile_script(text: str) -> Script:
    """Reads the assignments of a script task, `key = expression` one a line. Raises ExpressionError."""
    assignments: list[tuple[str, Expression]] = []
    names: list[str] = []
    for line in text[: MAX_TEXT * 10].replace(";", "\n").splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line.strip())
        if not match:
            raise ExpressionError(f"Baris “{_short(line)}” bukan pengisian. Tulis: kunci = ungkapan.")
        expression = compile(match[2])
        done = {target for target, _ in assignments}
        names += [name for name in expression.names if name not in done]
        assignments.append((match[1], expression))
    canonical = "\n".join(f"{target} = {expression.text}" for target, expression in assignments)
    return Script(canonical, tuple(assignments), tuple(dict.fromkeys(names)))


_ASSIGNMENT = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)\s*=(?!=)\s*(.+)")
_TOKEN = re.compile(r"""("[^"]*"|'[^']*')|(==|!=|<=|>=|&&|\|\||[$\#]\{|[=!}]|\s+)|(\b(?:null|true|false)\b)""")
_SPELLING = {
    "=": "==", "&&": " and ", "||": " or ", "!": " not ", "${": "(", "#{": "(", "}": ")",
    "null": "None", "true": "True", "false": "False",
}  # fmt: skip


def _pythonic(text: str) -> str:
    text = text.strip()
    if text.startswith("=") and not text.startswith("=="):
        text = text[1:].strip()
    if "\\" in text:
        raise ValueError("an escape")

    def spelled(match: re.Match[str]) -> str:
        token = match[0]
        return token if match[1] else " " if token.isspace() else _SPELLING.get(token, token)

    return _TOKEN.sub(spelled, text).strip()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and -MAX_NUMBER < value < MAX_NUMBER


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if not (_number(left) and _number(right)):
            return None
        try:
            result = function(left, right)
        except (ArithmeticError, ValueError):
            return None
        return result if _number(result) else None

    return apply


_plus = _arithmetic(operator.add)


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right if len(left) + len(right) <= MAX_STRING else None
    return _plus(left, right)


def _ordered(function: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        alike = isinstance(left, str) and isinstance(right, str)
        both = isinstance(left, int | float) and isinstance(right, int | float)
        return function(left, right) if alike or both else False

    return apply


def _within(item: Any, container: Any) -> bool:
    if isinstance(container, str):
        return isinstance(item, str) and item in container
    if isinstance(container, list | tuple):
        return item in container
    return isinstance(container, Mapping) and isinstance(item, str) and item in container


def _minus(value: Any) -> Any:
    return -value if _number(value) else None


def _size(value: Any) -> int | None:
    return len(value) if isinstance(value, str | list | tuple | Mapping) else None


def _extreme(function: Callable[[Any], Any]) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        items = values[0] if len(values) == 1 and isinstance(values[0], list | tuple) else values
        alike = all(_number(item) for item in items) or all(isinstance(item, str) for item in items)
        return function(items) if items and alike else None

    return apply


def _sum(values: Any) -> Any:
    if not isinstance(values, list | tuple) or not all(_number(value) for value in values):
        return None
    return sum(values)


def _abs(value: Any) -> Any:
    return abs(value) if _number(value) else None


def _round(value: Any, digits: Any = 0) -> Any:
    if not _number(value) or not isinstance(digits, int) or not 0 <= digits <= 12:
        return None
    return round(value, digits) if digits else round(value)


FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {  # name -> what it does, fewest and most arguments
    "len": (_size, 1, 1),
    "min": (_extreme(min), 1, 20),
    "max": (_extreme(max), 1, 20),
    "sum": (_sum, 1, 1),
    "abs": (_abs, 1, 1),
    "round": (_round, 1, 2),
}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add,
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _within,
    ast.NotIn: lambda item, container: not _within(item, container),
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: _minus,
    ast.UAdd: lambda value: value if _number(value) else None,
}


class _Builder:
    """Turns a syntax tree into closures, node by node; a node without a method here is refused."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: list[str] = []
        self.nodes = 0

    def build(self, node: ast.expr, depth: int) -> Closure:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise ExpressionError(f"Ungkapan “{_short(self.text)}” terlalu rumit; pecahlah menjadi beberapa cabang.")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self._refused()
        closure: Closure = method(node, depth + 1)
        return closure

    def _refused(self, what: str = "") -> ExpressionError:
        part = f" ({what})" if what else ""
        return ExpressionError(
            f"Ungkapan “{_short(self.text)}” memakai sesuatu yang tidak dikenal{part}. Pakailah perbandingan, and, or, "
            f"not, in, hitungan, kunci data, dan {', '.join(FUNCTIONS)}."
        )

    def _constant(self, node: ast.Constant, depth: int) -> Closure:
        value = node.value
        if value is not None and not isinstance(value, bool | int | float | str):
            raise self._refused()
        if isinstance(value, int | float) and not -MAX_LITERAL <= value <= MAX_LITERAL:
            raise self._refused("bilangan terlalu besar")
        return lambda names: value

    def _list(self, node: ast.List | ast.Tuple, depth: int) -> Closure:
        if isinstance(node, ast.Tuple) and not node.elts:
            raise self._refused()
        items = [self.build(item, depth) for item in node.elts]
        return lambda names: [item(names) for item in items]

    _tuple = _list

    def _name(self, node: ast.Name, depth: int) -> Closure:
        return self._key(node)

    def _attribute(self, node: ast.Attribute, depth: int) -> Closure:
        return self._key(node)

    def _subscript(self, node: ast.Subscript, depth: int) -> Closure:
        return self._key(node)

    def _key(self, node: ast.expr) -> Closure:
        path: list[str | int] = []
        while not isinstance(node, ast.Name):
            self.nodes += 1
            if isinstance(node, ast.Attribute):
                path.insert(0, node.attr)
                node = node.value
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                key = node.slice.value
                if not isinstance(key, str | int) or isinstance(key, bool):
                    raise self._refused()
                path.insert(0, key)
                node = node.value
            else:
                raise self._refused()
        path.insert(0, node.id)
        if len(path) > MAX_DEPTH or any(isinstance(part, str) and part.startswith("__") for part in path):
            raise self._refused()
        first, rest = node.id, tuple(path[1:])
        dotted = []
        for part in path:
            if isinstance(part, int):
                break
            dotted.append(part)
        self.names.append(".".join(dotted))
        if not rest:
            return lambda names: names.get(first)

        def reach(names: Mapping[str, Any]) -> Any:
            value = names.get(first)
            for key in rest:
                if isinstance(key, str):
                    value = value.get(key) if isinstance(value, Mapping) else None
                elif isinstance(value, list | tuple) and -len(value) <= key < len(value):
                    value = value[key]
                else:
                    return None
            return value

        return reach

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Closure:
        function = _UNARY.get(type(node.op))
        if function is None:
            raise self._refused()
        operand = self.build(node.operand, depth)
        return lambda names: function(operand(names))

    def _binop(self, node: ast.BinOp, depth: int) -> Closure:
        function = _BINARY.get(type(node.op))
        if function is None:
            raise self._refused()
        left, right = self.build(node.left, depth), self.build(node.right, depth)
        return lambda names: function(left(names), right(names))

    def _boolop(self, node: ast.BoolOp, depth: int) -> Closure:
        values = [self.build(value, depth) for value in node.values]
        settled = isinstance(node.op, ast.Or)

        def run(names: Mapping[str, Any]) -> Any:
            result: Any = None
            for value in values:
                result = value(names)
                if bool(result) is settled:
                    break
            return result

        return run

    def _compare(self, node: ast.Compare, depth: int) -> Closure:
        first = self.build(node.left, depth)
        rest = [
            (_COMPARE[type(op)], self.build(value, depth)) for op, value in zip(node.ops, node.comparators, strict=True)
        ]
        if len(rest) == 1:
            function, second = rest[0]
            return lambda names: function(first(names), second(names))

        def run(names: Mapping[str, Any]) -> bool:
            left = first(names)
            for compare, value in rest:
                right = value(names)
                if not compare(left, right):
                    return False
                left = right
            return True

        return run

    def _ifexp(self, node: ast.IfExp, depth: int) -> Closure:
        test, body, other = (self.build(part, depth) for part in (node.test, node.body, node.orelse))
        return lambda names: body(names) if test(names) else other(names)

    def _call(self, node: ast.Call, depth: int) -> Closure:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            raise self._refused()
        function, fewest, most = FUNCTIONS[node.func.id]
        if not fewest <= len(node.args) <= most:
            raise self._refused(node.func.id)
        values = [self.build(value, depth) for value in node.args]
        return lambda names: function(*(value(names) for value in values))
