"""Along which ways a case can go: what may come before what, and what has surely been done by then.

The flow is unfolded: a sub-process or called process stands in the place of each node that opens it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.engine.definition import Definition
from app.engine.events import Catch, Watcher
from app.engine.expressions import Expression
from app.engine.nodes import Exclusive, Inclusive, Node, Parallel, Process, Race, Repeated, Script, Sub, Table
from app.engine.specs import specs

MAX_POINTS = 40_000  # of a flow that unfolds to more than this, no more is unfolded
MAX_WORK = 20_000_000  # forks times points; beyond this anything may happen beside anything


@dataclass(frozen=True)
class Place:
    """A node where it stands in the unfolded flow: the points at which a token comes to it and leaves it."""

    node: Node
    before: int
    after: int
    sure: bool  # whoever leaves it has done it: not so where a loop may run no times at all


@dataclass(frozen=True)
class Question:
    """An expression that is evaluated at a point. `element` is the drawn flow or node, `at` the node it belongs to."""

    element: str
    at: str
    what: Literal["syarat", "ulangan", "waktu", "kejadian", "skrip"]
    expression: Expression
    point: int


class Ways:
    """The unfolded flow of a definition that can run."""

    def __init__(self, definition: Definition) -> None:
        self.following: list[list[int]] = []
        self.preceding: list[list[int]] = []
        self.places: dict[str, list[Place]] = {}
        self.joins: set[int] = set()  # where one token of every incoming flow is needed
        self.meetings: set[int] = set()  # where tokens that were apart become one
        self.forks: list[tuple[tuple[int, ...], ...]] = []  # branches that go on beside each other, by their points
        self.whole = True
        self._after: dict[int, frozenset[int]] = {}
        self._apart: list[tuple[frozenset[int], ...]] | None = None
        self.root = self._point()
        self._unfold(specs(definition.model, definition.key), self.root, ())

    # Unfolding

    def _point(self) -> int:
        self.following.append([])
        self.preceding.append([])
        self.whole = self.whole and len(self.following) <= MAX_POINTS
        return len(self.following) - 1

    def _lead(self, source: int, target: int) -> None:
        self.following[source].append(target)
        self.preceding[target].append(source)

    def _unfold(self, process: Process, entry: int, around: tuple[int, ...]) -> list[int]:
        """Lays out `process`, begun at the point `entry`; gives the points at which it can be over."""
        mine: dict[int, Place] = {}
        for node in process.task_specs.values():
            if node.outer is None and not isinstance(node, Watcher):
                place = self._place(node)
                mine[id(node)] = place
                self.places.setdefault(node.bpmn_id, []).append(place)
        watched = {id(watcher.body): watcher for watcher in process.watchers}
        over = []
        for place in mine.values():
            node = place.node
            targets = [mine[id(way.target)].before for way in node.ways]
            for target in targets:
                self._lead(place.after, target)
            if not node.ways:
                over.append(place.after)
            if len(targets) > 1 and not isinstance(node, Exclusive | Race):
                self.forks.append(tuple((target,) for target in targets))
            self._inside(place, [mine[id(event)] for event in node.boundary], around)
        for entered in process.entries:
            self._lead(entry, mine[id(entered)].before)
        if len(process.entries) > 1:
            self.forks.append(tuple((mine[id(entered)].before,) for entered in process.entries))
        bodies = {key: mine[key].before for key in watched}
        for key, body in bodies.items():  # at any time, so after anything
            others = [place.after for other, place in mine.items() if other not in watched]
            for point in [entry, *others]:
                self._lead(point, body)
            if not watched[key].cancel_activity:
                self.forks.append(((body,), tuple(others)))
        return over

    def _place(self, node: Node) -> Place:
        none = False
        if isinstance(node, Repeated):
            none = node.test_before
            if node.count is not None:
                count = node.count.evaluate({})
                none = bool(node.count.names) or not isinstance(count, int) or count < 1
        place = Place(node, self._point(), self._point(), not none)
        if isinstance(node, Parallel | Inclusive) and len(node.incoming) > 1:
            self.meetings.add(place.before)
            if isinstance(node, Parallel):
                self.joins.add(place.before)
        return place

    def _inside(self, place: Place, boundary: list[Place], around: tuple[int, ...]) -> None:
        """What lies between coming to a node and leaving it, and what its boundary events lead to."""
        body = place.node.body if isinstance(place.node, Repeated) else place.node
        first = len(self.following)
        if isinstance(body, Sub) and id(body.inside) not in around and self.whole:
            entry = self._point()
            self._lead(place.before, entry)
            for over in self._unfold(body.inside, entry, (*around, id(body.inside))):
                self._lead(over, place.after)
                if body is not place.node:
                    self._lead(over, entry)
            if not place.sure:
                self._lead(place.before, place.after)
        else:
            self._lead(place.before, place.after)
        inner = range(first, len(self.following))
        for event in boundary:
            self._lead(place.before, event.before)
            for point in inner:
                self._lead(point, event.before)
            if isinstance(event.node, Catch) and not event.node.cancel_activity:
                self.forks.append(((event.before,), (place.after, *inner)))

    # What may come before what

    def may_precede(self, first: str, second: str) -> bool:
        """Can the node `first` be done before `second` is, in some case? Also where they go on beside each other."""
        pairs = [(one, two) for one in self.places.get(first, ()) for two in self.places.get(second, ())]
        return any(self._reaches(one.after, two.after) for one, two in pairs) or any(
            self._beside(one.after, two.after) for one, two in pairs
        )

    def may_come_before(self, first: str, point: int) -> bool:
        """Can the node `first` be done before a token comes to `point`?"""
        return any(
            place.after == point or self._reaches(place.after, point) or self._beside(place.after, point)
            for place in self.places.get(first, ())
        )

    def _reaches(self, source: int, target: int) -> bool:
        if source not in self._after:
            self._after[source] = self._from(self.following[source], ())
        return target in self._after[source]

    def _from(self, points: Sequence[int], barred: Iterable[int]) -> frozenset[int]:
        seen = set(barred)
        stop = frozenset(seen)
        rest = [point for point in points if point not in seen]
        seen.update(rest)
        while rest:
            for point in self.following[rest.pop()]:
                if point not in seen:
                    seen.add(point)
                    rest.append(point)
        return frozenset(seen - stop)

    def _beside(self, one: int, two: int) -> bool:
        if len(self.forks) * len(self.following) > MAX_WORK:
            return bool(self.forks)
        if self._apart is None:
            self._apart = [self._branches(fork) for fork in self.forks]
        for branches in self._apart:
            ones = {number for number, points in enumerate(branches) if one in points}
            twos = {number for number, points in enumerate(branches) if two in points}
            if ones and twos and len(ones | twos) > 1:
                return True
        return False

    def _branches(self, fork: tuple[tuple[int, ...], ...]) -> tuple[frozenset[int], ...]:
        """The points of each branch of a fork, up to where tokens of several branches become one."""
        reached = [self._from(branch, ()) for branch in fork]
        joined = [point for point in self.meetings if sum(point in points for points in reached) > 1]
        return tuple(self._from(branch, joined) for branch in fork) if joined else tuple(reached)

    # What has surely been done

    def sure(self, done: Mapping[str, frozenset[str]]) -> list[frozenset[str] | None]:
        """For each point what every way to it has brought, where the node `key` brings `done[key]`; None where no way
        leads. A join brings what each of its branches does.
        """
        brings: dict[int, frozenset[str]] = {}
        for key, brought in done.items():
            for place in self.places.get(key, ()):
                if place.sure:
                    brings[place.after] = brought
        everything = frozenset().union(*done.values())
        reached = self._from([self.root], ())
        known = [everything if point in reached else None for point in range(len(self.following))]
        known[self.root] = frozenset()
        rest = {self.root: None}
        while rest:
            point = next(iter(rest))
            del rest[point]
            for other in self.following[point]:
                arrived = [came for source in self.preceding[other] if (came := known[source]) is not None]
                union = other in self.joins
                whole = frozenset().union(*arrived) if union else frozenset.intersection(*arrived)
                whole |= brings.get(other, frozenset())
                if whole != known[other]:
                    known[other] = whole
                    rest[other] = None
        return known

    # What is asked

    def questions(self) -> Iterator[Question]:
        """Every expression of the drawing that reads data, where it is evaluated."""
        for key, places in self.places.items():
            for place in places:
                for question in _asked(key, place):
                    if any(not name.startswith("_") for name in question.expression.names):
                        yield question


def _asked(key: str, place: Place) -> Iterator[Question]:
    node = place.node
    for way in node.ways:
        if way.condition is not None:
            yield Question(way.id, key, "syarat", way.condition, place.after)
    if isinstance(node, Repeated):
        for expression, point in (
            (node.count, place.before),
            (node.until, place.after),
            (node.again, place.before if node.test_before else place.after),
        ):
            if expression is not None:
                yield Question(key, key, "ulangan", expression, point)
    body = node.body if isinstance(node, Repeated) else node
    if isinstance(body, Catch):
        for trigger in body.triggers:
            if isinstance(trigger.value, Expression):
                what: Literal["waktu", "kejadian"] = "kejadian" if trigger.kind == "conditional" else "waktu"
                yield Question(key, key, what, trigger.value, place.before)
    if isinstance(body, Script):
        for _, expression in body.assignments.assignments:
            yield Question(key, key, "skrip", expression, place.before)


def sets(ways: Ways) -> dict[str, tuple[str, ...]]:
    """The data keys that nodes set by themselves, by drawn node."""
    found: dict[str, tuple[str, ...]] = {}
    for key, places in ways.places.items():
        node = places[0].node
        body = node.body if isinstance(node, Repeated) else node
        if isinstance(body, Script):
            found[key] = body.assignments.targets
        elif isinstance(body, Table):
            names = (body.result,) if body.result else tuple(output.name for output in body.decision.outputs)
            found[key] = names
    return found
