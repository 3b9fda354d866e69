"""A form with values as parts to draw: the template only puts them into HTML."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

from app.engine.expressions import Expression
from app.forms.checking import hidden
from app.forms.fields import MEDIA_TYPES, Field, day
from app.forms.showing import text
from app.forms.values import at
from app.wording import angka

if TYPE_CHECKING:
    from app.forms.form import Form

INPUT_TYPES = {"date": "date", "time": "time", "datetime": "datetime-local"}


@dataclass(frozen=True, eq=False)
class Part:
    """One thing to draw. `kind` is the field's type, or "table", "row" (parts beside each other)."""

    kind: str
    field: Field
    pointer: str = ""  # concrete: the name of the input
    text: str = ""  # what a text input holds
    shown: str = ""  # the value to read, where it may not be changed
    chosen: tuple[str, ...] = ()  # values that are ticked
    uploads: tuple[str, ...] = ()  # ids of files that are there
    fault: str = ""
    mark: str | None = None  # what somebody said when they marked it as wrong
    hide: str = ""  # the condition, for the script
    hidden: bool = False
    parts: tuple[Part, ...] = ()
    columns: tuple[Field, ...] = ()  # of a table
    earliest: str = ""
    latest: str = ""
    file: str = ""  # id of the upload beside a table's row
    title: str = ""  # of a row

    @property
    def id(self) -> str:
        return anchor(self.pointer)

    @property
    def optional(self) -> bool:
        return not self.field.required and not self.field.readonly and self.kind not in ("checkbox", "dynamiclist")

    @property
    def input_type(self) -> str:
        return INPUT_TYPES.get(self.kind) or {"email": "email", "phone": "tel"}.get(self.field.validation, "text")

    @property
    def input_mode(self) -> str:
        if self.kind == "number":
            return "numeric" if self.field.decimals == 0 else "decimal"
        return "numeric" if self.field.pattern.startswith(("^[0-9]", r"^\d")) else ""

    @property
    def autocomplete(self) -> str:
        return self.field.properties.get("autocomplete", "")

    @property
    def width(self) -> str:
        """How wide an input is, by what goes into it."""
        longest = self.field.max_length or 500
        if self.kind in ("date", "time", "datetime", "number"):
            return "ask-short"
        return "ask-short" if longest <= 16 else "ask-middle" if longest <= 40 else ""

    @property
    def inline(self) -> bool:
        """Few short options stand beside each other."""
        options = self.field.options
        return len(options) <= 4 and sum(len(option.label) for option in options) <= 45

    @property
    def extensions(self) -> str:
        return ",".join(f".{name}" for name, kind in MEDIA_TYPES.items() if kind in self.field.accept)

    def cell(self, key: str) -> Part | None:
        """The part of a table's row that stands in this column."""
        return next((part for part in self.parts if part.field.key == key), None)


def anchor(pointer: str) -> str:
    """The id of the input at a pointer, to link to."""
    return "f" + pointer.replace("/", "-")


def draw(
    form: Form,
    values: Mapping[str, Any],
    faults: Mapping[str, str],
    marks: Mapping[str, str],
    today: date | None,
) -> tuple[Part, ...]:
    """The form's parts. `values`: the case's data under the answers, of whatever shape they came; `marks`: what a
    returner said, by pointer; `today` sets the limits of relative dates."""
    values = values if isinstance(values, Mapping) else {}
    return _Drawing(form, values, faults, marks, today).parts(form.components, "", "", values)


@dataclass(frozen=True)
class _Drawing:
    form: Form
    values: Mapping[str, Any]
    faults: Mapping[str, str]
    marks: Mapping[str, str]
    today: date | None

    def parts(self, components: tuple[Field, ...], shape: str, base: str, names: Mapping[str, Any]) -> tuple[Part, ...]:
        drawn = [self.part(item, shape, base, names) for item in components]
        return tuple(_beside(drawn))

    def part(self, item: Field, shape: str, base: str, names: Mapping[str, Any]) -> Part:
        pointer = base + item.pointer[len(shape) :] if item.pointer else ""
        about: dict[str, Any] = {
            "pointer": pointer,
            "fault": self.faults.get(pointer, "") if pointer else "",
            "mark": self.marks.get(pointer) if pointer else None,
        }
        if item.hide is not None:
            about["hidden"] = hidden((item.hide,), names)
            about["hide"] = condition(item.hide, lambda name: self.resolve(name, shape, base, names))
        if item.table:
            return self.table(item, shape, base, names, about)
        if item.type == "group":
            return Part("group", item, parts=self.parts(item.children, shape, base, names), **about)
        value = at(self.values, pointer)
        if item.type == "dynamiclist":
            return Part("dynamiclist", item, parts=self.rows(item, value, pointer, names), **about)
        if not item.is_input:
            return Part(item.type, item, **about)
        if value is None and not item.readonly:
            value = item.default
        return self.input(item, value, about)

    def input(self, item: Field, value: Any, about: dict[str, Any]) -> Part:
        if item.readonly:
            about["shown"] = text(item, value)
        if item.type == "upload":
            ids = value if isinstance(value, list) else [value]
            about["uploads"] = tuple(name for name in ids if isinstance(name, str) and name)
        elif item.type == "checkbox":
            about["chosen"] = ("1",) if value is True else ()
        elif item.options:
            about["chosen"] = tuple(
                str(one) for one in (value if isinstance(value, list) else [value]) if one is not None
            )
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            about["text"] = angka(value) if number else value if isinstance(value, str) else ""
        if self.today is not None and item.type == "date":
            for name, limit in (("earliest", item.earliest), ("latest", item.latest)):
                about[name] = day(limit, self.today).isoformat() if limit else ""
        return Part(item.type, item, **about)

    def table(self, item: Field, shape: str, base: str, names: Mapping[str, Any], about: dict[str, Any]) -> Part:
        """Child groups become rows; whatever else the group holds is drawn below as usual."""
        rows = []
        for child in item.children:
            if child.type != "group":
                continue
            file = at(self.values, child.file)
            drawn = self.part(child, shape, base, names)
            cells = tuple(cell for part in drawn.parts for cell in (part.parts if part.kind == "row" else (part,)))
            rows.append(
                Part(
                    "group", child, pointer=drawn.pointer, fault=drawn.fault, mark=drawn.mark, hide=drawn.hide,
                    hidden=drawn.hidden, parts=cells, file=file if isinstance(file, str) else "",
                )
            )  # fmt: skip
        columns = {cell.field.key: cell.field for row in rows for cell in row.parts if cell.field.key}
        rest = self.parts(tuple(child for child in item.children if child.type != "group"), shape, base, names)
        return Part("table", item, parts=(*rows, *rest), columns=tuple(columns.values()), **about)

    def rows(self, item: Field, value: Any, pointer: str, names: Mapping[str, Any]) -> tuple[Part, ...]:
        given = [row if isinstance(row, Mapping) else {} for row in value] if isinstance(value, list) else []
        if not given and not item.readonly:
            given = [{}]
        return tuple(
            Part(
                "group",
                item,
                pointer=f"{pointer}/{number}",
                title=f"{item.label} {number + 1}",
                parts=self.parts(item.children, item.pointer + "/*", f"{pointer}/{number}", {**names, **row}),
                fault=self.faults.get(f"{pointer}/{number}", ""),
            )
            for number, row in enumerate(given)
        )

    def resolve(self, name: str, shape: str, base: str, names: Mapping[str, Any]) -> list[Any] | None:
        """Where the script finds a name: an input of this page, or what it is."""
        path = "/" + name.replace(".", "/")
        for here, there in ((shape, base), ("", "")):
            found = self.form.by_pointer.get(here + path)
            if found is not None:
                if not found.is_input or found.type == "upload":
                    return None
                if not found.readonly:
                    return ["get", there + path]
        value = at(names, path)
        return ["is", value] if value is None or isinstance(value, str | int | float | bool) else None


def _beside(drawn: list[Part]) -> Iterator[Part]:
    """Neighbours of one layout row in one part."""
    for _, group in groupby(drawn, key=lambda part: part.field.row or part):
        parts = tuple(group)
        yield Part("row", Field("row"), parts=parts) if len(parts) > 1 else parts[0]


def condition(expression: Expression, resolve: Callable[[str], list[Any] | None]) -> str:
    """The condition as JSON that the page's script can work out; "" where it is beyond it and a new page decides."""
    try:
        return json.dumps(_tree(ast.parse(expression.text, mode="eval").body, resolve), ensure_ascii=False)
    except (_TooHardError, RecursionError):
        return ""


class _TooHardError(Exception):
    """An expression that only the server works out."""


_OPERATORS = {
    ast.Eq: "==", ast.Is: "==", ast.NotEq: "!=", ast.IsNot: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.In: "in",
}  # fmt: skip


def _tree(node: ast.expr, resolve: Callable[[str], list[Any] | None]) -> list[Any]:
    if isinstance(node, ast.Constant):
        return ["is", node.value]
    if isinstance(node, ast.Name | ast.Attribute):
        found = resolve(ast.unparse(node))
        if found is not None:
            return found
    elif isinstance(node, ast.List | ast.Tuple):
        return ["list", *(_tree(item, resolve) for item in node.elts)]
    elif isinstance(node, ast.BoolOp):
        return ["or" if isinstance(node.op, ast.Or) else "and", *(_tree(item, resolve) for item in node.values)]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ["not", _tree(node.operand, resolve)]
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = _tree(node.left, resolve), _tree(node.comparators[0], resolve)
        if isinstance(node.ops[0], ast.NotIn):
            return ["not", ["in", left, right]]
        return [_OPERATORS[type(node.ops[0])], left, right]
    raise _TooHardError
