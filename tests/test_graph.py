"""Dominators, judged by taking each node away and looking what is still reached."""

from __future__ import annotations

import random
import time

import pytest

from app.engine.graph import Flowgraph, find, forward_order


def reached(roots: list[str], after: dict[str, list[str]], without: str) -> set[str]:
    seen: set[str] = set()
    rest = [root for root in roots if root != without]
    while rest:
        node = rest.pop()
        if node not in seen:
            seen.add(node)
            rest += [other for other in after.get(node, []) if other != without]
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_dominators(seed: int) -> None:
    luck = random.Random(seed)
    nodes = [str(n) for n in range(luck.randint(1, 25))]
    after = {node: luck.sample(nodes, luck.randint(0, min(3, len(nodes)))) for node in nodes}
    roots = luck.sample(nodes, luck.randint(1, min(2, len(nodes))))
    graph = Flowgraph(roots, after)
    whole = reached(roots, after, "")
    for node in nodes:
        assert graph.reached(node) == (node in whole)
        left = reached(roots, after, node)
        for other in nodes:
            expected = node in whole and other in whole and other not in left
            assert graph.dominates(node, other) == expected, (seed, node, other)


def test_forward_order_keeps_drawn_order_and_goes_round_no_loop() -> None:
    after = {"a": ["g"], "g": ["b", "c"], "b": ["j"], "c": ["a", "j"], "j": ["z"]}
    assert forward_order(["a"], after) == ["a", "g", "b", "c", "j", "z"]


def test_leads_back_in_drawn_order() -> None:
    graph = Flowgraph(["s"], {"s": ["a", "b"], "a": ["b"], "b": ["a", "e"]})  # a loop with two entries
    assert graph.leads_back("a", "b")
    assert not graph.leads_back("b", "a")
    assert not graph.dominates("a", "b")


def test_find_goes_depth_first_and_does_not_go_round_for_ever() -> None:
    after = {"g": ["h", "x"], "h": ["g", "h"], "x": ["y"]}
    assert find("g", after, lambda node: node in "xy") == "x"
    assert find("g", after, lambda node: node == "nowhere") is None


def test_large_graphs_stay_cheap() -> None:
    count = 10_000
    after = {str(n): [str(n + 1), str(n // 2), "0"] for n in range(count)}
    began = time.perf_counter()
    graph = Flowgraph(["0"], after)
    assert graph.dominates("5000", "9000")
    assert time.perf_counter() - began < 2
