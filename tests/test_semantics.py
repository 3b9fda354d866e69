"""What BPMN 2.0 (OMG formal/2013-12-09) lets happen, drawing by drawing: the exact set of traces, no more, no fewer.

Numbers are clauses of the standard. How a trace is written stands in tests/traces.py, how a drawing in tests/drawn.py.
Every verb is done twice: with what is at hand, and with the definition and the state as another process would read
them; both must give the same to the byte. Where the standard leaves it open: docs/decisions/0013.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from app import engine
from tests.drawn import draw, outside, short
from tests.traces import Explorer, written

LINE = "start s; end e; "
FORK = "start s; end e f; and p; s > p > a; p > b; user a b; "
X = [{"x": False}, {"x": True}]

# name -> (drawing, traces) or (drawing, traces, what the explorer is told)
ROWS: dict[str, tuple[str, str] | tuple[str, str, dict[str, Any]]] = {
    # Sequence flow, implicit splits and merges (13.3.1, 8.4.13)
    "one step after the other": (LINE + "user a b; s > a > b > e", "a b>e"),
    "flows out of a step are a parallel split": (LINE + "end f; user a b c; s > a > b > e; a > c > f", "a (b>e | c>f)"),
    "flows out of an event are a parallel split": (LINE + "throw t; user b c; s > t > b > e; t > c > e", "b>e | c>e"),
    "flows out of a start are a parallel split": (LINE + "user b c; s > b > e; s > c > e", "b>e | c>e"),
    "flows into a step do not wait for each other": (FORK + "user c; a > c; b > c; c > e", "a c>e | b c>e"),
    "flows into an event do not wait for each other": (
        FORK + "throw t; user c; a > t; b > t; t > c > e", "a c>e | b c>e",
    ),
    "flows into an end do not wait for each other": (FORK + "a > e; b > e", "a>e | b>e"),
    "a step that leads nowhere ends its path": (FORK + "a > e", "a>e | b"),
    "conditions on flows out of a step, and a default": (
        LINE + "user a default=a_d; user b c d; s > a; a > b if x>0; a > c if x>1; a > d > e; b > e; c > e",
        "a[x=0] d>e / a[x=1] b>e / a[x=2] (b>e | c>e)",
        {"offers": {"a": [{"x": 0}, {"x": 1}, {"x": 2}]}},
    ),
    "a flow without a condition is taken beside those with one": (
        LINE + "user a b c; s > a > b > e; a > c if x; c > e",
        "a[x=False] b>e / a[x=True] (b>e | c>e)",
        {"offers": {"a": X}},
    ),
    "conditions on flows out of a step, none true": (
        LINE + "user a b c; s > a; a > b if x; a > c if y; b > e; c > e", "a!NoBranch",
    ),
    # Exclusive gateways (13.4.2)
    "exclusive: the first true condition in order": (
        LINE + "user a b c d; xor g default=g_d; s > a > g; g > b if x>0; g > c if x>1; g > d > e; b > e; c > e",
        "a[x=0] d>e / a[x=1] b>e / a[x=2] b>e",
        {"offers": {"a": [{"x": 0}, {"x": 1}, {"x": 2}]}},
    ),
    "exclusive: none true and no default is an exception": (
        LINE + "user a b c; xor g; s > a > g; g > b if x==1; g > c if x==2; b > e; c > e",
        "a[x=1] b>e / a[x=2] c>e / a[x=3]!NoBranch",
        {"offers": {"a": [{"x": 1}, {"x": 2}, {"x": 3}]}},
    ),
    "exclusive: an officer's choice": (LINE + "end f; user a b; xor g; s > a > g; g > b > e; g > f", "a:b b>e / a:f>f"),
    "exclusive: a merge lets each token pass": (FORK + "xor m; user c; a > m; b > m; m > c > e", "a c>e | b c>e"),
    "exclusive: a loop back": (
        LINE + "user a b; xor g; s > a > b > g; g > e; g > a", "a b:e>e / a b:a a b:e>e / a b:a a b:a ...", {"most": 4},
    ),
    # Parallel gateways (13.4.1)
    "parallel: a join waits for every flow": (FORK + "and j; user c; a > j; b > j; j > c > e", "(a | b) c>e"),
    "parallel: a gateway that joins and splits": (
        FORK + "and j; user c d; a > j; b > j; j > c > e; j > d > f", "(a | b) (c>e | d>f)",
    ),
    "parallel: a join takes one token of each flow and keeps the others": (
        LINE + "and p j; xor m; user a b c d; s > p > a > m; p > b > m; p > c > j; m > j > d > e",
        "(a | b | c) d!Stuck / (a | c) d>e b!Stuck / (b | c) d>e a!Stuck",
    ),
    "parallel: conditions behind it mean nothing": (
        LINE + "and p; user a b; s > p; p > a if x; p > b if y; a > e; b > e", "a>e | b>e",
    ),
    "parallel: in a loop the second round waits for its own": (
        LINE + "xor m g; and p j; user a b c; s > m > p > a > j; p > b > j; j > c > g; g > m; g > e",
        "(a | b) c:e>e / (a | b) c:m (a | b) c:e>e / (a | b) c:m (a | b) c:m ...",
        {"most": 6},
    ),
    # Inclusive gateways (13.4.3)
    "inclusive: each true condition, or the default": (
        LINE + "or g default=g_d; or j; user a b c d z; s > a > g; g > b if x>0; g > c if x>1; g > d > j; b > j; c > j; "
        "j > z > e",
        "a[x=0] d z>e / a[x=1] b z>e / a[x=2] (b | c) z>e",
        {"offers": {"a": [{"x": 0}, {"x": 1}, {"x": 2}]}},
    ),
    "inclusive: none true and no default is an exception": (
        LINE + "or g; user a b c; s > a > g; g > b if x; g > c if y; b > e; c > e", "a!NoBranch",
    ),
    "inclusive: a join waits only for what can still come": (
        FORK + "or j; xor h; user c; a > j; b > h; h > j; h > f; j > c > e",
        "(a | b:j) c>e / (a | b:f>f) c>e",
    ),
    # 13.4.3: a token that may come by an empty flow, but as well by a marked one, is not waited for.
    "inclusive: what may as well come by a marked flow is not waited for": (
        FORK + "or j; xor h m; user c; a > m; b > h; h > m; h > j; m > j > c > e",
        "(a c>e | b:m c>e) / a (c>e | b:j c>e) / b:j a c>e",
    ),
    "inclusive: a join that leads back to itself": (
        LINE + "or j; xor g; user a; s > j > a > g; g > j; g > e", "a:e>e / a:j a:e>e / a:j a:j ...", {"most": 2},
    ),
    "inclusive: a split and join in a loop": (
        LINE + "xor m g; or p default=p_a; or j; user a b c; s > m > p > a > j; p > b if x; b > j; p > c if x; c > j; "
        "user d; j > d > g; g > m; g > e",
        "(b | c) (d:e[x=False]>e / d:e[x=True]>e) / (b | c) d:m[x=True] (b | c) ... / "
        "(b | c) d:m[x=False] a (d:e[x=False]>e / d:e[x=True]>e / (d:m[x=False] / d:m[x=True]) ...)",
        {"most": 5, "facts": {"x": True}, "offers": {"d": X}},
    ),
    "complex: read as inclusive": (
        FORK + "complex j; xor h; user c; a > j; b > h; h > j; h > f; j > c > e", "(a | b:j) c>e / (a | b:f>f) c>e",
    ),
    # Event-based gateways (13.4.4)
    "event-based: a message or a clock": (
        LINE + "end f; event g; catch m ~message=m; catch t ~timer=PT1H; user a b; s > g > m > a > e; g > t > b > f",
        "~m a>e / @t b>f", {"sent": ("m",)},
    ),
    "event-based: a signal, a condition and a step": (
        LINE + "and p; user a z; event g; catch n ~signal=n; catch w ~when=x; receive r; user b c d; s > p > a > e; "
        "p > g > n > b > e; g > w > c > e; g > r > d > e",
        "a[x=False]>e | ~n b>e / a[x=False]>e | r d>e / ~n (b>e | a[x=True]>e) / r (d>e | a[x=True]>e) / a[x=True]>e c>e",
        {"sent": ("n",), "offers": {"a": X}},
    ),
    "event-based: it may come round again": (
        LINE + "end f; xor m; event g; catch n ~message=n; catch t ~timer=PT1H; user a; s > m > g > n > a > m; g > t > f",
        "@t>f / ~n a @t>f / ~n a ~n a @t>f", {"sent": ("n", "n")},
    ),
    "event-based: beginning a process, the first": (
        "end e f; event g instantiate=true; catch m ~message=m; catch n ~message=n; user a b; g > m > a > e; "
        "g > n > b > f",
        "~m a>e / ~n b>f", {"sent": ("m", "n")},
    ),
    "event-based: beginning a process, all": (
        "end e f; event g instantiate=true eventGatewayType=Parallel; catch m ~message=m; catch n ~message=n; user a b; "
        "g > m > a > e; g > n > b > f",
        "~m a>e | ~n b>f", {"sent": ("m", "n")},
    ),
    # Starts and ends (13.2, 13.5.1, 13.5.6)
    "several starts: each by itself": (
        "start s ~message=m; start t ~timer=PT1H; start u; end e; user a b c; s > a > e; t > b > e; u > c > e",
        "^s a>e / ^t b>e / ^u c>e", {"starts": ("s", "t", "u")},
    ),
    "a message starts it": (LINE.replace("start s", "start s ~message=m") + "user a; s > a > e", "a>e"),
    "no start and no end": ("user a b c; a > c", "a c | b"),
    "several ends": (FORK + "a > e; b > f", "a>e | b>f"),
    "terminate ends all there is": (
        FORK.replace("end e f", "end e ~terminate; end f") + "user c; a > e; b > c > f", "a>e / b a>e / b c>f a>e / b a>e",
    ),
    # Sub-processes and called processes (13.3.4)
    "a sub-process is done when nothing is left in it": (
        LINE + "user c; s > k > c > e\nsub k\n  start t; and p; end i j; user a b; t > p > a > i; p > b > j",
        "(a>i | b>j) c>e",
    ),
    "a sub-process without a start begins everywhere": (
        LINE + "user c; s > k > c > e\nsub k\n  user a b", "(a | b) c>e",
    ),
    "a sub-process in a sub-process": (
        LINE + "user c; s > k > c > e\nsub k\n  start t; user a b; t > l > b\n  t > a\n  sub l\n    user x; end i; x > i",
        "(a | x>i b) c>e",
    ),
    "a sub-process twice at once": (
        LINE + "and p; user c; s > p; xor m; p > m; throw n; p > n > m; m > k > c > e\nsub k\n  start t; user a; t > a",
        "a c>e | a c>e",
    ),
    "a called process, and one that it calls": (
        LINE + "user c; call k calledElement=q; s > k > c > e", "(a>i2 | b>i) c>e",
        {"called": {
            "q": "start t; and p2; user b; end i; call l calledElement=r; t > p2 > b > i; p2 > l",
            "r": "start t3; user a; end i2; t3 > a > i2",
        }},
    ),
    "a called process, called twice": (
        LINE + "call k l calledElement=q; s > k > l > e", "a a>e", {"called": {"q": "start t; user a; t > a"}},
    ),
    "terminate in a sub-process ends only that": (
        FORK + "user d; a > k > d > e; b > f\nsub k\n  start t; and q; user x y; end i ~terminate; t > q > x > i; q > y",
        "b>f | a x>i d>e / b>f | a y x>i d>e",
    ),
    "terminate in a called process ends only that": (
        LINE + "user d; call k calledElement=q; s > k > d > e", "x>i d>e / y x>i d>e",
        {"called": {"q": "start t; and q1; user x y; end i ~terminate; t > q1 > x > i; q1 > y"}},
    ),
    "any order: each once": (LINE + "user c; s > k > c > e\nadhoc k\n  user a b", "(a | b) c>e"),
    "a transaction without cancel is a sub-process": (
        LINE + "end f; user c d; boundary q on=k ~error=x; s > k > c > e; q > d > f\n"
        "transaction k\n  start t; user a; xor g; end i; end x ~error=x; t > a > g; g > i; g > x",
        "a:i>i c>e / a:x>x d>f",
    ),
    # Loops (13.3.6)
    "loop: as often as it may": (LINE + "user a ~loop ~most=2; user b; s > a > b > e", "a a b>e"),
    "loop: tested after": (
        LINE + "user a ~loop=x ~most=2; user b; s > a > b > e",
        "a[x=False] b>e / a[x=True] a[x=False] b>e / a[x=True] a[x=True] b>e", {"offers": {"a": X}},
    ),
    "loop: tested before, and false": (
        LINE + "user a ~loopBefore=x ~most=2; user b; s > a > b > e", "b>e", {"facts": {"x": False}},
    ),
    "loop: tested before, and true": (
        LINE + "user a ~loopBefore=x ~most=2; user b; s > a > b > e",
        "a[x=False] b>e / a[x=True] a[x=False] b>e / a[x=True] a[x=True] b>e", {"offers": {"a": X}, "facts": {"x": True}},
    ),
    "loop: a sub-process that counts": (
        LINE + "user c; s > k > c > e\nsub k ~loop=n<2\n  start t; user a; script z ~do=n=n+1; t > a > z",
        "a a c>e", {"facts": {"n": 0}},
    ),
    # Several instances (13.3.7)
    "instances: all at once": (LINE + "user a ~many=3; user b; s > a > b > e", "a a a b>e"),
    "instances: of a list": (LINE + "user a ~each=l; user b; s > a > b > e", "a a b>e", {"facts": {"l": ["x", "y"]}}),
    "instances: none": (LINE + "user a ~each=l; user b; s > a > b > e", "b>e", {"facts": {"l": []}}),
    "instances: one by one": (LINE + "user a ~oneByOne=2; user b; s > a > b > e", "a a b>e"),
    "instances: a number that is none": (LINE + "user a ~many=n; s > a > e", "!BadValue", {"facts": {"n": "tiga"}}),
    "instances: until, all at once": (
        LINE + "user a ~many=3 ~until=x; user b; s > a > b > e",
        "a[x=True] b>e / a[x=False] a[x=True] b>e / a[x=False] a[x=False] (a[x=True] / a[x=False]) b>e",
        {"offers": {"a": X}},
    ),
    "instances: until, one by one": (
        LINE + "user a ~oneByOne=2 ~until=x; user b; s > a > b > e",
        "a[x=True] b>e / a[x=False] (a[x=True] / a[x=False]) b>e", {"offers": {"a": X}},
    ),
    "instances: sub-processes at once": (
        LINE + "user c; s > k > c > e\nsub k ~many=2\n  start t; user a b; end i; t > a > b > i",
        "(a b>i | a b>i) c>e",
    ),
    "instances: sub-processes one by one": (
        LINE + "user c; s > k > c > e\nsub k ~oneByOne=2\n  start t; user a b; end i; t > a > b > i",
        "a b>i a b>i c>e",
    ),
    "instances: terminate ends the one that it is in": (
        LINE + "user c; s > k > c > e\nsub k ~many=2\n  start t; and p; user a b; end i ~terminate; t > p > a > i; p > b",
        "((a>i / b a>i) | (a>i / b a>i)) c>e",
    ),
    "instances: an interrupting clock ends them all": (
        LINE + "end f; user a ~oneByOne=2; user b c; boundary t on=a ~timer=PT1H; s > a > b > e; t > c > f",
        "a a b>e / @t c>f / a @t c>f",
    ),
    "instances: a clock beside them": (
        LINE + "end f; user a ~many=2; user b c; boundary t beside=a ~timer=PT1H; s > a > b > e; t > c > f",
        "a a b>e / @t (c>f | a a b>e) / a @t (c>f | a b>e)",
    ),
    # Clocks, messages, signals and conditions that are waited for (13.5.2)
    "a catching clock": (LINE + "user a; catch t ~timer=PT1H; s > t > a > e", "@t a>e"),
    "a catching date": (LINE + "user a; catch t ~date=2027-01-01; s > t > a > e", "@t a>e"),
    "a catching cycle strikes once": (LINE + "user a; catch t ~cycle=R3/PT1H; s > t > a > e", "@t a>e"),
    "two clocks strike in order": (
        LINE + "and p; catch t ~timer=PT2H; catch u ~timer=PT1H; s > p > t > e; p > u > e", "@u>e @t>e",
    ),
    "a catching message that never comes": (LINE + "user a; catch m ~message=m; s > m > a > e", "..."),
    "a catching message": (LINE + "user a; catch m ~message=m; s > m > a > e", "~m a>e", {"sent": ("m",)}),
    "a message goes to one": (
        LINE + "and p; catch m n ~message=m; s > p > m > e; p > n > e", "~m>e ~m>e", {"sent": ("m", "m")},
    ),
    "a signal goes to all who wait": (
        LINE + "end f; and p; user a b; catch m n ~signal=m; s > p > m > a > e; p > n > b > f", "~m (a>e | b>f)",
        {"sent": ("m",)},
    ),
    "a signal thrown goes to all who wait": (
        LINE + "end f; and p; user z a b; throw x ~signal=m; catch m n ~signal=m; s > p > m > a > e; p > n > b > f; "
        "p > z > x", "z (a>e | b>f)",
    ),
    "a signal is not kept for who comes later": (
        FORK + "throw x ~signal=m; catch m ~signal=m; a > x > e; b > m > f", "b a>e,f / a>e b ...",
    ),
    "a condition happens when it has become true": (
        FORK + "catch w ~when=x; user c; a > e; b > w > c > f",
        "a[x=True]>e b c>f / a[x=False]>e b ... / b a[x=True]>e c>f / b a[x=False]>e ...",
        {"offers": {"a": X}},
    ),
    "several events at once: any of them": (
        LINE + "catch m ~message=m ~signal=n; s > m > e", "~m>e / ~n>e", {"sent": ("m", "n")},
    ),
    # Links (10.5.5): a throw goes on where the catch of that name stands
    "links": (
        FORK + "throw x y ~link=L; catch l ~link=L; user c; a > x; b > y; l > c > e", "a c>e | b c>e",
    ),
    "a link back is a loop": (
        LINE + "user a; xor g; throw x ~link=L; catch l ~link=L; s > a > g; g > e; g > x; l > a",
        "a:e>e / a:x a:e>e / a:x a:x ...", {"most": 2},
    ),
    # Boundary events (13.5.3)
    "boundary: a clock that interrupts": (
        LINE + "end f; user a b c; boundary t on=a ~timer=PT1H; s > a > b > e; t > c > f", "a b>e / @t c>f",
    ),
    "boundary: a clock that does not": (
        LINE + "end f; user a b c; boundary t beside=a ~timer=PT1H; s > a > b > e; t > c > f",
        "a b>e / @t (c>f | a b>e)",
    ),
    "boundary: a cycle that does not interrupt": (
        LINE + "end f; user a c; boundary t beside=a ~cycle=R2/PT1H; s > a > e; t > c > f",
        "a>e / @t (c>f | a>e) / @t (c>f | @t (c>f | a>e))",
    ),
    "boundary: reminder first, then too late": (
        LINE + "end f g; user a b c; boundary r beside=a ~timer=PT1H; boundary t on=a ~date=2026-12-01; s > a > e; "
        "r > b > f; t > c > g",
        "a>e / @r (b>f | a>e) / @r (b>f | @t c>g)",
    ),
    "boundary: a message that interrupts": (
        LINE + "end f; user a c; boundary m on=a ~message=m; s > a > e; m > c > f", "a>e / ~m c>f", {"sent": ("m",)},
    ),
    "boundary: a message that does not, twice": (
        LINE + "end f; user a c; boundary m beside=a ~message=m; s > a > e; m > c > f",
        "a>e / ~m (c>f | a>e) / ~m (c>f | ~m (c>f | a>e))", {"sent": ("m", "m")},
    ),
    "boundary: a condition that interrupts": (
        FORK + "end g; user c; boundary w on=a ~when=x; a > e; b > g; w > c > f",
        "a>e | b[x=False]>g / a>e b[x=True]>g / b[x=True]>g c>f", {"offers": {"b": X}},
    ),
    "boundary: a signal goes to boundaries and to who waits": (
        FORK + "end g; user c; boundary n on=a ~signal=n; catch m ~signal=n; a > e; b > m > g; n > c > f",
        "(a>e | b) ~n>g / b ~n>g c>f / ~n c>f b ... / ~n b c>f ...",
        {"sent": ("n",)},
    ),
    "boundary: interrupting a sub-process ends all in it": (
        LINE + "end f; user d z; boundary m on=k ~message=m; s > k > z > e; m > d > f\n"
        "sub k\n  and p; user a b; p > a; p > b",
        "(a | b) z>e / ~m d>f / a ~m d>f / b ~m d>f", {"sent": ("m",)},
    ),
    "boundary: beside a sub-process": (
        LINE + "end f; user d z; boundary m beside=k ~message=m; s > k > z > e; m > d > f\nsub k\n  user a",
        "a z>e / ~m (d>f | a z>e)", {"sent": ("m",)},
    ),
    "boundary: beside a called process": (
        LINE + "end f; user d; call k calledElement=q; boundary m beside=k ~message=m; s > k > e; m > d > f",
        "a>e / ~m (d>f | a>e)", {"sent": ("m",), "called": {"q": "start t; user a; t > a"}},
    ),
    # Errors (10.5.3, 10.5.6): to the innermost scope that catches them
    "error: ends all that is in the sub-process": (
        LINE + "end f; user c d; boundary q on=k ~error=x; s > k > c > e; q > d > f\n"
        "sub k\n  start t; and p; user a b; end x ~error=x; end i; t > p > a > x; p > b > i",
        "a>x d>f / b>i a>x d>f",
    ),
    "error: past who catches another, two scopes out": (
        LINE + "end f g; user c d h; boundary q on=k ~error=x; s > k > c > e; q > d > f\n"
        "sub k\n  start t; user b; end z; boundary y on=l ~error=y; t > l > b; y > z\n"
        "  sub l\n    start u; user a; end x ~error=x; u > a > x",
        "a>x d>f",
    ),
    "error: no code catches any": (
        LINE + "end f; user d; boundary q on=k ~error; s > k > e; q > d > f\n"
        "sub k\n  start t; user a; end x ~error=x; t > a > x",
        "a>x d>f",
    ),
    "error: the innermost of two": (
        LINE + "end f; boundary q on=k ~error=x; s > k > e; q > f\n"
        "sub k\n  start t; user b; end i; boundary y on=l ~error=x; t > l; y > b > i\n"
        "  sub l\n    start u; user a; end x ~error=x; u > a > x",
        "a>x b>e,i",
    ),
    "error: from a called process": (
        LINE + "end f; user d; call k calledElement=q; boundary y on=k ~error=x; s > k > e; y > d > f", "a>x d>f",
        {"called": {"q": "start t; user a; end x ~error=x; t > a > x"}},
    ),
    "error: from one of several instances": (
        LINE + "end f; user d; boundary q on=k ~error=x; s > k > e; q > d > f\n"
        "sub k ~many=2\n  start t; user a; end x ~error=x; t > a > x",
        "a>x d>f",
    ),
    # 13.5.3: an error always interrupts, whatever the drawing says
    "error: drawn as if it did not interrupt": (
        LINE + "end f; user d; boundary q beside=k ~error=x; s > k > e; q > d > f\n"
        "sub k\n  start t; and p; user a b; end x ~error=x; t > p > a > x; p > b",
        "a>x d>f / b a>x d>f",
    ),
    # 10.5.3 leaves open what an error does that nobody catches: decision 13
    "error: uncaught, its path ends": (
        LINE + "user c; s > k > c > e\nsub k\n  start t; and p; user a b; end x ~error=x; t > p > a > x; p > b",
        "(a>x | b) c>e",
    ),
    # Escalations (10.5.6): as errors, but who throws goes on
    "escalation: beside": (
        LINE + "end f; user c d; boundary q beside=k ~escalation=x; s > k > c > e; q > d > f\n"
        "sub k\n  start t; user a b; throw x ~escalation=x; t > a > x > b",
        "a (d>f | b c>e)",
    ),
    "escalation: interrupting": (
        LINE + "end f; user c d; boundary q on=k ~escalation=x; s > k > c > e; q > d > f\n"
        "sub k\n  start t; and p; user a b z; throw x ~escalation=x; t > p > a > x > b; p > z",
        "a d>f / z a d>f",
    ),
    "escalation: at an end, beside": (
        LINE + "end f; user c d; boundary q beside=k ~escalation=x; s > k > c > e; q > d > f\n"
        "sub k\n  start t; user a; end x ~escalation=x; t > a > x",
        "a>x (d>f | c>e)",
    ),
    "escalation: two scopes out": (
        LINE + "end f; user d; boundary q beside=k ~escalation=x; s > k > e; q > d > f\n"
        "sub k\n  start t; user b; t > l > b\n  sub l\n    start u; user a; end x ~escalation=x; u > a > x",
        "a>x (d>f | b>e)",
    ),
    "escalation: uncaught": (
        LINE + "user b; s > k > b > e\nsub k\n  start t; user a; end x ~escalation=x; t > a > x", "a>x b>e",
    ),
    "escalation: from a called process": (
        LINE + "end f; user d; call k calledElement=q; boundary y beside=k ~escalation=x; s > k > e; y > d > f",
        "a (d>f | b>e)",
        {"called": {"q": "start t; user a b; throw x ~escalation=x; t > a > x > b"}},
    ),
    # Event sub-processes (13.5.4)
    "event sub-process: a message that interrupts": (
        LINE + "user a b; s > a > b > e\nhandler h\n  start t ~message=m; user c; end f; t > c > f",
        "a b>e / ~m c>f / a ~m c>f", {"sent": ("m",)},
    ),
    "event sub-process: a message beside, and it is waited for": (
        LINE + "user z; s > k > z > e\nsub k\n  start u; user a; u > a\n  handler h\n"
        "    start t beside ~message=m; user c; end f; t > c > f",
        "a z>e / ~m (a | c>f) z>e", {"sent": ("m",)},
    ),
    "event sub-process: as often as it comes": (
        LINE + "user a; s > a > e\nhandler h\n  start t beside ~message=m; user c; t > c",
        "a>e / ~m (a>e | c) / ~m (c | ~m (c | a>e)) / ~m a>e ~m c c",
        {"sent": ("m", "m")},
    ),
    "event sub-process: a clock that interrupts": (
        LINE + "user a; s > a > e\nhandler h\n  start t ~timer=PT1H; user c; end f; t > c > f", "a>e / @h c>f",
    ),
    "event sub-process: a clock beside": (
        LINE + "user a; s > a > e\nhandler h\n  start t beside ~timer=PT1H; user c; end f; t > c > f",
        "a>e / @h (a>e | c>f)",
    ),
    "event sub-process: a signal that interrupts": (
        LINE + "user a; s > a > e\nhandler h\n  start t ~signal=m; user c; end f; t > c > f", "a>e / ~m c>f",
        {"sent": ("m",)},
    ),
    "event sub-process: a signal beside": (
        LINE + "user a; s > a > e\nhandler h\n  start t beside ~signal=m; user c; end f; t > c > f",
        "a>e / ~m (a>e | c>f)", {"sent": ("m",)},
    ),
    "event sub-process: a condition that interrupts": (
        FORK + "a > e; b > f\nhandler h\n  start t ~when=x; user c; t > c",
        "(a>e | b[x=False]>f) / a>e b[x=True]>f / b[x=True]>f c", {"offers": {"b": X}},
    ),
    # 13.3.4: a scope in which nothing is left is done: what comes true with its last token is too late.
    "event sub-process: an error": (
        LINE + "user z; s > k > z > e\nsub k\n  start u; and p; user a b; end x ~error=x; u > p > a > x; p > b\n"
        "  handler h\n    start t ~error=x; user c; end f; t > c > f",
        "a>x c>f z>e / b a>x c>f z>e",
    ),
    "event sub-process: an error, drawn as if it did not interrupt": (
        LINE + "user z; s > k > z > e\nsub k\n  start u; and p; user a b; end x ~error=x; u > p > a > x; p > b\n"
        "  handler h\n    start t beside ~error=x; user c; end f; t > c > f",
        "a>x c>f z>e / b a>x c>f z>e",
    ),
    "event sub-process: an escalation that interrupts": (
        LINE + "user z; s > k > z > e\nsub k\n  start u; user a b; throw x ~escalation=x; u > a > x > b\n"
        "  handler h\n    start t ~escalation=x; user c; t > c",
        "a c z>e",
    ),
    "event sub-process: an escalation beside": (
        LINE + "user z; s > k > z > e\nsub k\n  start u; user a b; throw x ~escalation=x; u > a > x > b\n"
        "  handler h\n    start t beside ~escalation=x; user c; t > c",
        "a (c | b) z>e",
    ),
    "event sub-process: nearer than the boundary": (
        LINE + "end f; boundary q on=k ~error=x; s > k > e; q > f\nsub k\n  start u; user a; end x ~error=x; u > a > x\n"
        "  handler h\n    start t ~error=x; user c; t > c",
        "a>x c>e",
    ),
    "event sub-process: from inside it an error goes outwards": (
        LINE + "end f; boundary q on=k ~error=x; s > k > e; q > f\nsub k\n  start u; user a; end x ~error=x; u > a > x\n"
        "  handler h\n    start t ~error=x; user c; end y ~error=x; t > c > y",
        "a>x c>f,y",
    ),
    "event sub-process: of a scope that is done it hears nothing": (
        LINE + "user z; s > k > z > e\nsub k\n  start u; user a; u > a\n  handler h\n    start t ~message=m; user c; t > c",
        "a z>e / ~m c z>e", {"sent": ("m",)},
    ),
    "event sub-process: interrupting ends one that runs beside": (
        LINE + "user a; s > a > e\nhandler h\n  start t beside ~message=m; user c; t > c\n"
        "handler i\n  start u ~message=n; user d; u > d",
        "a>e / ~m (a>e | c) / ~n d / ~m ~n d / ~m a>e ~n d / ~m c ~n d",
        {"sent": ("m", "n")},
    ),
}  # fmt: skip


def explorer(name: str) -> Explorer:
    row = ROWS[name]
    told = dict(row[2]) if len(row) == 3 else {}
    called = {key: draw(short(text), id=key) for key, text in told.pop("called", {}).items()}
    drawing = draw(short(row[0]), id="utama")
    reading = engine.read(drawing, called, outside(drawing))
    assert {f.rule for f in reading.findings if f.level == "error"} <= {"tanpa-akhir"}, reading.findings
    assert reading.definition
    return Explorer(reading.definition, **told)


@pytest.mark.parametrize("name", ROWS)
def test_semantics(name: str) -> None:
    found, expected = explorer(name).traces(), written(ROWS[name][1])
    assert {" ".join(trace) for trace in found} == {" ".join(trace) for trace in expected}


REFUSED = {
    "compensation thrown": (LINE + "throw c ~compensate; s > c > e", ("c", "tidak-dapat-dijalankan")),
    "compensation caught": (LINE + "user a; boundary c on=a ~compensate; s > a > e", ("c", "tidak-dapat-dijalankan")),
    "a transaction cancelled": (
        LINE + "s > k > e\ntransaction k\n  start t; user a; end x ~cancel; t > a > x", ("x", "tidak-dapat-dijalankan"),
    ),
    "a cancelled transaction caught": (
        LINE + "boundary c on=k ~cancel; s > k > e\ntransaction k\n  start t; user a; t > a", ("c", "tidak-dapat-dijalankan"),
    ),
    "several events all at once": (
        LINE + "catch c parallelMultiple=true ~message=m ~message=n ~signal=n; s > c > e", ("c", "tidak-dapat-dijalankan"),
    ),
    "an event sub-process with a flow to it": (
        LINE + "user a; s > a > e; a > h\nhandler h\n  start t ~message=m; user c; t > c", ("h", "subproses-kejadian"),
    ),
    "an event sub-process with two starts": (
        LINE + "user a; s > a > e\nhandler h\n  start t ~message=m; start u ~message=n; user c; t > c; u > c",
        ("h", "subproses-kejadian"),
    ),
    "an event sub-process without a start": (
        LINE + "user a; s > a > e\nhandler h\n  user c", ("h", "subproses-kejadian"),
    ),
    "two link targets of one name": (
        LINE + "throw x ~link=L; catch l m ~link=L; s > x; l > e; m > e", ("m", "tautan-ganda"),
    ),
}  # fmt: skip
WARNED = {
    "an error that nobody catches": (
        LINE + "boundary q on=k ~error=y; s > k > e; q > e\nsub k\n  start t; user a; end x ~error=x; t > a > x",
        ("x", "tak-ditangkap"),
    ),
    "an escalation that nobody catches": (LINE + "throw x ~escalation=x; s > x > e", ("x", "tak-ditangkap")),
    "a condition on a step's only flow": (LINE + "user a; s > a; a > e if x", ("a_e", "syarat-diabaikan")),
    "a condition on a gateway's only flow": (
        LINE + "user a; xor g; s > a > g; g > e if x",
        ("g_e", "syarat-diabaikan"),
    ),
    "an error that does not interrupt": (
        ROWS["error: drawn as if it did not interrupt"][0],
        ("q", "galat-menghentikan"),
    ),
    "a start by a message that is nowhere": (
        "start s ~dangling; end e; s > e",
        ("s", "rujukan-putus"),
    ),
}


def findings(text: str) -> tuple[engine.Finding, ...]:
    drawing = draw(short(text), id="utama")
    return engine.read(drawing, outside=outside(drawing)).findings


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text: str, expected: tuple[str, str]) -> None:
    found = findings(text)
    assert {(f.element, f.rule) for f in found if f.level == "error"} == {expected}


@pytest.mark.parametrize(("text", "expected"), WARNED.values(), ids=WARNED)
def test_what_is_warned_of(text: str, expected: tuple[str, str]) -> None:
    found = findings(text)
    assert expected in {(f.element, f.rule) for f in found if f.level == "warning"}
    assert not {f for f in found if f.level == "error"}


def test_what_is_caught_is_not_warned_of() -> None:
    for name, (text, *_) in ROWS.items():
        caught = name.startswith(("error", "escalation", "event sub-process")) and "uncaught" not in name
        warned = {f.rule for f in findings(text)}
        assert not (caught and "tak-ditangkap" in warned), name


ONWARD = """
import pickle, sys
from app.engine import Definition
halves = pickle.load(open(sys.argv[1], "rb"))
whole = {}
for name, (definition, explorer, stopped) in halves.items():
    explorer.definition = Definition.loads(definition)
    whole[name] = set()
    for before, moment in stopped:
        rest = {()} if moment is None else explorer.onward(moment, explorer.most - len(before))
        whole[name] |= {tuple(word for word in before + trace if word) for trace in rest}
pickle.dump(whole, open(sys.argv[2], "wb"))
"""


@pytest.mark.parametrize("most", [1, 2, 3])
def test_stopped_in_the_middle_and_gone_on_with_in_another_process(most: int, tmp_path: Path) -> None:
    halves = {}
    for name in ROWS:
        here = explorer(name)
        halves[name] = (here.definition.dumps(), replace(here, definition=None), list(here.halves(most)))
    assert sum(moment is not None for _, _, stopped in halves.values() for _, moment in stopped) > 100
    (tmp_path / "halves").write_bytes(pickle.dumps(halves))
    subprocess.run(
        [sys.executable, "-c", ONWARD, str(tmp_path / "halves"), str(tmp_path / "whole")],
        check=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": str(most), "TZ": "Pacific/Kiritimati"},
    )
    whole = pickle.loads((tmp_path / "whole").read_bytes())
    assert {name: traces for name, traces in whole.items() if traces != written(ROWS[name][1])} == {}


def mutants(drawing: bytes) -> Iterator[tuple[str, bytes]]:
    """The drawing with one thing wrong in it, and what."""
    root = etree.fromstring(drawing)
    b = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
    kinds = {"exclusiveGateway": "parallelGateway", "parallelGateway": "exclusiveGateway"}
    kinds |= {"inclusiveGateway": "exclusiveGateway", "eventBasedGateway": "parallelGateway"}
    into = Counter(flow.get("targetRef") for flow in root.iter(b + "sequenceFlow"))
    outof = Counter(flow.get("sourceRef") for flow in root.iter(b + "sequenceFlow"))

    for element in root.iter():
        name, key = etree.QName(element).localname, element.get("id", "")
        place = root.getroottree().getelementpath(element)

        def wrong(change: Callable[[etree._Element], object], place: str = place) -> bytes:
            copy = deepcopy(root)
            found = copy.find(place)
            assert found is not None
            change(found)
            return etree.tostring(copy)

        if name == "sequenceFlow" and into[element.get("targetRef")] > 1:
            yield f"{key} into a join deleted", wrong(lambda e: e.getparent().remove(e))
        for reference in (
            "sourceRef",
            "targetRef",
            "attachedToRef",
            "errorRef",
            "messageRef",
            "signalRef",
            "calledElement",
        ):
            if element.get(reference):
                yield f"{key or name} {reference} dangling", wrong(lambda e, r=reference: e.set(r, "tiada"))
        if name == "linkEventDefinition":
            yield "link dangling", wrong(lambda e: e.set("name", "tiada"))
        if name in ("conditionExpression", "condition", "completionCondition", "loopCondition"):
            yield f"{element.text} inverted", wrong(lambda e: setattr(e, "text", f"not ({e.text})"))
        if name in kinds and (into[key] > 1 or outof[key] > 1):
            yield f"{key} of another kind", wrong(lambda e: setattr(e, "tag", b + kinds[etree.QName(e).localname]))
        if name == "boundaryEvent":
            yield f"{key} deleted", wrong(lambda e: e.getparent().remove(e))
            other = "true" if element.get("cancelActivity") == "false" else "false"
            yield f"{key} interrupting or not", wrong(lambda e, o=other: e.set("cancelActivity", o))
        if name == "startEvent" and element.getparent().get("triggeredByEvent"):
            other = "true" if element.get("isInterrupting") == "false" else "false"
            yield f"{key} interrupting or not", wrong(lambda e, o=other: e.set("isInterrupting", o))
        if name == "terminateEventDefinition":
            yield "terminate deleted", wrong(lambda e: e.getparent().remove(e))


# Faults after which nothing else can happen than before, so that nobody could see them.
NEVER_REACHED = {"b_e into a join deleted", "c_e into a join deleted"}
HARMLESS = {
    "conditions on flows out of a step, none true": NEVER_REACHED,
    "exclusive: the first true condition in order": {"c_e into a join deleted"},
    "inclusive: none true and no default is an exception": NEVER_REACHED,
    "parallel: conditions behind it mean nothing": {"x inverted", "y inverted"},
    "event-based: beginning a process, all": {"g of another kind"},
    "inclusive: a join that leads back to itself": {"j of another kind"},  # there is one token only
    "error: drawn as if it did not interrupt": {"q interrupting or not"},
    "event sub-process: an error, drawn as if it did not interrupt": {"t interrupting or not"},
}


def test_faults_are_found() -> None:
    """By the check, or by another set of traces."""
    missed: dict[str, set[str]] = {}
    count = 0
    for name, row in ROWS.items():
        told = dict(row[2]) if len(row) == 3 else {}
        called = {key: draw(short(text), id=key) for key, text in told.pop("called", {}).items()}
        drawing = draw(short(row[0]), id="utama")
        known = {
            finding for finding in engine.read(drawing, called, outside(drawing)).findings if finding.level != "info"
        }
        for fault, broken in mutants(drawing):
            count += 1
            reading = engine.read(broken, called, outside(drawing))
            said = {finding for finding in reading.findings if finding.level != "info"} - known
            if said or not reading.definition:
                continue
            if Explorer(reading.definition, **told).traces() == written(row[1]):
                missed.setdefault(name, set()).add(fault)
    assert count > 800
    assert missed == HARMLESS
