"""Decision tables (DMN) as they run, and as the model keeps them: a stored revision never reads a file again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from app.engine.expressions import FUNCTIONS, Expression, compile, put
from app.engine.properties import local

SINGLE = ("UNIQUE", "FIRST", "ANY", "PRIORITY")
LISTS = ("COLLECT", "RULE ORDER", "OUTPUT ORDER")
AGGREGATIONS = ("SUM", "MIN", "MAX", "COUNT")


class Ambiguous(Exception):
    """Rows that fit together and say different things, where the table allows one; the message says which."""


@dataclass(frozen=True)
class Output:
    """A column of results. `values` stand in order of priority; `default` is what holds where no row fits."""

    name: str
    values: tuple[Expression, ...] = ()
    default: Expression | None = None


@dataclass(frozen=True)
class Row:
    """A rule: fits where every test is true."""

    tests: tuple[Expression, ...]
    results: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class Decision:
    """A table, or a lone expression as a table of one row. `names` are what those that require it call its value."""

    key: str
    title: str
    policy: str
    aggregation: str
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    names: tuple[str, ...]
    requires: tuple[Decision, ...]

    @property
    def many(self) -> bool:
        """Does it give a list?"""
        return self.policy in LISTS and not self.aggregation

    def expressions(self) -> Iterator[Expression]:
        for row in self.rows:
            yield from row.tests
            yield from row.results
        for output in self.outputs:
            yield from output.values
            if output.default:
                yield output.default

    def all(self) -> Iterator[Decision]:
        """Every decision that it requires, each once, and itself at the end."""
        seen: dict[str, Decision] = {}

        def visit(decision: Decision) -> None:
            if decision.key not in seen:
                for other in decision.requires:
                    visit(other)
                seen[decision.key] = decision

        visit(self)
        yield from seen.values()

    def reads(self) -> tuple[str, ...]:
        """The data keys that it and what it requires read, each once; results of what is required are none."""
        found: dict[str, None] = {}
        for decision in self.all():
            made = {name for other in decision.requires for name in other.known()}
            for expression in decision.expressions():
                for name in expression.names:
                    keys = name.split(".")
                    if not any(".".join(keys[:size]) in made for size in range(1, len(keys) + 1)):
                        found[name] = None
        return tuple(found)

    def known(self) -> tuple[str, ...]:
        """The names by which its results can be read."""
        return tuple(name for name in (*(output.name for output in self.outputs), *self.names) if name)

    def decide(self, names: Mapping[str, Any]) -> Answer:
        """What it says of these data. Raises Ambiguous; what cannot be computed is None."""
        answers: dict[str, Answer] = {}
        for decision in self.all():
            seen = names
            for other in decision.requires:
                for name, value in answers[other.key].named().items():
                    seen = put(seen, name.split("."), value)
            answers[decision.key] = Answer(decision, decision._rows(seen))
        return answers[self.key]

    def _rows(self, names: Mapping[str, Any]) -> list[list[Any]]:
        hits: list[list[Any]] = []
        first = 0
        for number, row in enumerate(self.rows, 1):
            if all(test.evaluate(names) for test in row.tests):
                hits.append([result.evaluate(names) for result in row.results])
                first = first or number
                if self.policy == "FIRST":
                    break
                if self.policy in ("UNIQUE", "ANY") and hits[-1] != hits[0]:
                    message = f"baris {first} dan {number} cocok bersamaan dengan hasil yang berbeda"
                    raise Ambiguous(f"Tabel keputusan “{self.title}”: {message}.")
        if self.aggregation == "COUNT":
            return [[len(hits)]]
        if not hits and any(output.default for output in self.outputs):
            hits = [[output.default.evaluate(names) if output.default else None for output in self.outputs]]
        if self.policy in ("PRIORITY", "OUTPUT ORDER"):
            ranks = [[value.evaluate(names) for value in output.values] for output in self.outputs]
            hits.sort(key=lambda hit: [_rank(value, order) for value, order in zip(hit, ranks, strict=True)])
        if self.aggregation and hits:
            return [[FUNCTIONS[self.aggregation.lower()][0]([hit[0] for hit in hits])]]
        return hits if self.many else hits[:1]


@dataclass(frozen=True)
class Answer:
    """The rows that hold, after the hit policy."""

    decision: Decision
    rows: list[list[Any]]

    def columns(self) -> dict[str, Any]:
        """Each output's value; of a table that gives lists, its list; None where no row fits."""
        made: dict[str, Any] = {}
        for place, output in enumerate(self.decision.outputs):
            column = [row[place] for row in self.rows]
            made[output.name] = (column if self.decision.many else column[0]) if column else None
        return made

    def named(self) -> dict[str, Any]:
        """What a decision that requires this one sees."""
        return {**self.columns(), **dict.fromkeys(self.decision.names, self.whole())}

    def whole(self, shape: str = "") -> Any:
        """All in one: of one output its value, of several an object; `shape` as Camunda 7 calls it."""
        outputs = self.decision.outputs
        objects: list[Any] = []
        for row in self.rows:
            made: dict[str, Any] = {}
            for output, value in zip(outputs, row, strict=True):
                made = put(made, output.name.split("."), value)
            objects.append(made)
        values = [row[0] for row in self.rows]
        if shape == "resultList":
            return objects
        if shape == "collectEntries":
            return values
        plain = objects if len(outputs) > 1 or shape == "singleResult" else values
        if self.decision.many:
            return plain or None
        return plain[0] if plain else None


def _rank(value: Any, order: list[Any]) -> int:
    return order.index(value) if value in order else len(order)


def write(parent: etree._Element, decision: Decision, keys: Mapping[str, str]) -> None:
    """Puts a decision into the model; `keys` are the ids that decisions have there."""
    namespace = etree.QName(parent).namespace

    def add(to: etree._Element, kind: str, text: str = "", **given: str) -> etree._Element:
        element = etree.SubElement(to, f"{{{namespace}}}{kind}", {key: value for key, value in given.items() if value})
        element.text = text or None
        return element

    element = add(
        parent,
        "decision",
        id=keys[decision.key],
        name=decision.title,
        hitPolicy=decision.policy,
        aggregation=decision.aggregation,
        variable=" ".join(decision.names),
        requires=" ".join(keys[other.key] for other in decision.requires),
    )
    for output in decision.outputs:
        column = add(element, "output", name=output.name)
        for value in output.values:
            add(column, "value", value.text)
        if output.default:
            add(column, "default", output.default.text)
    for row in decision.rows:
        rule = add(element, "rule")
        for test in row.tests:
            add(rule, "when", test.text)
        for result in row.results:
            add(rule, "then", result.text)


def load(element: etree._Element, requires: Iterable[Decision]) -> Decision:
    """The decision that `write` wrote."""

    def texts(parent: etree._Element, kind: str) -> tuple[Expression, ...]:
        return tuple(compile(child.text or "None") for child in parent if local(child) == kind)

    outputs, rows = [], []
    for child in element:
        if local(child) == "output":
            default = texts(child, "default")
            outputs.append(Output(child.get("name", ""), texts(child, "value"), default[0] if default else None))
        elif local(child) == "rule":
            rows.append(Row(texts(child, "when"), texts(child, "then")))
    return Decision(
        element.get("id", ""),
        element.get("name", ""),
        element.get("hitPolicy", ""),
        element.get("aggregation", ""),
        tuple(outputs),
        tuple(rows),
        tuple(element.get("variable", "").split()),
        tuple(requires),
    )
