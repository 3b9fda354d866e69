"""The flow of one process or sub-process as a graph: what is reached, what dominates what, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Next = Mapping[str, Sequence[str]]


class Flowgraph:
    """Nodes reachable from `roots` by `after` (successors in drawn order). All of it is linear or n log n."""

    def __init__(self, roots: Sequence[str], after: Next) -> None:
        self._first, self._last, found_by = _depth_first(roots, after)
        self._inside = _dominators(roots, after, found_by)

    def reached(self, node: str) -> bool:
        return node in self._first

    def dominates(self, node: str, other: str) -> bool:
        """Does every way from a root to `other` pass `node`? Unreached nodes dominate nothing."""
        if node not in self._inside or other not in self._inside:
            return False
        low, high = self._inside[node]
        return low <= self._inside[other][0] <= high

    def leads_back(self, node: str, other: str) -> bool:
        """Would a flow from `other` to `node` close a loop, as a depth-first search in drawn order sees it?"""
        if node not in self._first or other not in self._first:
            return False
        return self._first[node] <= self._first[other] and self._last[node] >= self._last[other]


def forward_order(roots: Sequence[str], after: Next) -> list[str]:
    """The nodes so that, loops apart, each comes after what leads to it, and branches stand in drawn order."""
    reverse = {node: list(reversed(following)) for node, following in after.items()}
    first, last, _ = _depth_first(list(reversed(roots)), reverse)
    return sorted(first, key=lambda node: -last[node])


def find(start: str, after: Next, wanted: Callable[[str], bool], limit: int = 500) -> str | None:
    """The first node from `start` on, depth first, that is wanted; wanted ones are not passed. None after `limit`."""
    seen = {start}
    rest = [start]
    while rest and limit:
        node = rest.pop()
        limit -= 1
        if wanted(node):
            return node
        for following in reversed(after.get(node, ())):
            if following not in seen:
                seen.add(following)
                rest.append(following)
    return None


def _depth_first(roots: Sequence[str], after: Next) -> tuple[dict[str, int], dict[str, int], dict[str, str]]:
    """When each node was entered (in that order) and left, and by which node it was found ("" for roots)."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    found_by: dict[str, str] = {}
    clock = 0
    for root in roots:
        if root in first:
            continue
        first[root] = clock = clock + 1
        found_by[root] = ""
        rest = [(root, iter(after.get(root, ())))]
        while rest:
            node, following = rest[-1]
            for other in following:
                if other not in first:
                    first[other] = clock = clock + 1
                    found_by[other] = node
                    rest.append((other, iter(after.get(other, ()))))
                    break
            else:
                rest.pop()
                last[node] = clock = clock + 1
    return first, last, found_by


def _dominators(roots: Sequence[str], after: Next, found_by: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Lengauer and Tarjan's dominator tree under one root above all roots, as nested intervals."""
    names = ["", *found_by]
    number = {node: index for index, node in enumerate(names)}
    count = len(names)
    parent = [0, *(number[finder] for finder in found_by.values())]
    before: list[list[int]] = [[] for _ in names]
    for root in roots:
        before[number[root]].append(0)
    for name in found_by:
        for following in after.get(name, ()):
            before[number[following]].append(number[name])
    semi = list(range(count))
    label = list(range(count))
    ancestor = [-1] * count
    dominator = [0] * count
    bucket: list[list[int]] = [[] for _ in names]

    def best(node: int) -> int:
        """Of the nodes above `node` in the forest so far, the one with the least semidominator; paths are shortened."""
        start = node
        path = []
        while ancestor[node] > 0 and ancestor[ancestor[node]] >= 0:
            path.append(node)
            node = ancestor[node]
        for lower in reversed(path):
            upper = ancestor[lower]
            if semi[label[upper]] < semi[label[lower]]:
                label[lower] = label[upper]
            ancestor[lower] = ancestor[upper]
        return label[start]

    for node in range(count - 1, 0, -1):
        for other in before[node]:
            semi[node] = min(semi[node], semi[best(other)])
        bucket[semi[node]].append(node)
        ancestor[node] = parent[node]
        for other in bucket[parent[node]]:
            low = best(other)
            dominator[other] = low if semi[low] < semi[other] else parent[node]
        bucket[parent[node]].clear()
    below: dict[str, list[str]] = {}
    for node in range(1, count):
        if dominator[node] != semi[node]:
            dominator[node] = dominator[dominator[node]]
        below.setdefault(names[dominator[node]], []).append(names[node])
    opened, closed, _ = _depth_first([""], below)
    return {name: (opened[name], closed[name]) for name in found_by}
