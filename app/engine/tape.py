"""What facts may decide: the answers to conditions, tried one after the other in every way they can be together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from app.engine.expressions import Expression, compile, put, telling

VALUES = 300  # sets of facts tried to see whether conditions can be true together


class Tape:
    """The decisions of facts in one verb: those that were given, then the first of each that is possible."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, ...], set[tuple[bool, ...]]] = {}
        self.begin(())

    def begin(self, given: tuple[Any, ...]) -> None:
        self.given = given
        self.taken: list[Any] = []
        self.others: list[tuple[Any, ...]] = []  # the beginnings of the tapes that remain to be tried
        self.names: Mapping[str, Any] = {}
        self.known: dict[tuple[str, int], Any] = {}

    def ask(self, text: str, options: tuple[Any, ...], names: Mapping[str, Any]) -> Any:
        """The same question has the same answer, until a script changes the facts."""
        if names is not self.names:
            self.names, self.known = names, {}
        question = (text, options[0])
        if question not in self.known:
            if options[0] is True:
                options = tuple(option for option in options if self.possible(text, option)) or options
            number = len(self.taken)
            if number < len(self.given):
                answer = self.given[number]
            else:
                answer = options[0]
                self.others += [(*self.taken, other) for other in options[1:]]
            self.taken.append(answer)
            self.known[question] = answer
        return self.known[question]

    def possible(self, text: str, answer: bool) -> bool:
        """May a condition be so, after the others were as they were? Yes, where trying values does not tell."""
        rows = {**{key[0]: value for key, value in self.known.items() if key[1] is True}, text: answer}
        if len(rows) < 2:
            return True
        texts = tuple(rows)
        if texts not in self.tables:
            self.tables[texts] = _table([compile(known) for known in texts])
        table = self.tables[texts]
        wanted = tuple(rows.values())
        alone = all(any(row[place] is value for row in table) for place, value in enumerate(wanted))
        return wanted in table or not alone


def _table(expressions: Sequence[Expression]) -> set[tuple[bool, ...]]:
    """What these are together, for the facts that make a difference; nothing where there are too many."""
    values: dict[str, dict[Any, None]] = {}
    for expression in expressions:
        for name in expression.names:
            values.setdefault(name, {}).update(dict.fromkeys(telling(expression)))
    count = 1
    for each in values.values():
        count *= len(each)
    if count > VALUES:
        return set()
    table = set()
    for chosen in product(*values.values()):
        facts: dict[str, Any] = {}
        for name, value in zip(values, chosen, strict=True):
            facts = put(facts, name.split("."), value)
        table.add(tuple(bool(expression.evaluate(facts)) for expression in expressions))
    return table
