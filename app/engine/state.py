"""A case's tokens as bytes, apart from its specs: JSON, parents before what hangs on them.

`n` is the last id given, `r` how often each step was opened, `s` the scopes, each the id of the token that it belongs
to and its tokens: [id, node, state, parent, flow, more]. What is 0 is not there. Of several pools, `m` is what they
have sent and nobody has taken, `f` whether one has ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.engine.nodes import Process, Sub
from app.engine.tokens import ROOT, Case, Scope, Token


def dumps(case: Case) -> bytes:
    """The state of `case`; equal cases give equal bytes."""
    scopes = [
        [
            0 if scope is case else scope.host.id,
            [
                [
                    token.id,
                    token.task_spec.name,
                    token._state,
                    0 if token._parent == ROOT else token._parent,
                    token.flow or 0,
                    token.internal_data or 0,
                ]
                for token in scope.tasks.values()
                if token is not scope.task_tree
            ],
        ]
        for scope in case.scopes()
    ]
    raw = {"n": case.last_id, "r": case.rounds, "s": scopes}
    raw |= {"m": case.mail} if case.mail else {}
    raw |= {"f": 1} if case.finished else {}
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()


def loads(state: bytes, process: Process, names: Mapping[str, Any], now: datetime) -> Case:
    """The case that `dumps` wrote, about to act at `now` on the values `names`."""
    raw = json.loads(state)
    case = Case(process, names, now, raw["n"])
    case.rounds = raw["r"]
    case.mail, case.finished = raw.get("m", []), "f" in raw
    tokens: dict[str, Token] = {}
    for host, rows in raw["s"]:
        scope: Case | Scope = case
        if host:
            sub: Sub = tokens[host].task_spec
            scope = case.subprocesses[host] = Scope(sub.inside, tokens[host])
        specs = scope.spec.task_specs
        for key, name, value, parent, flow, data in rows:
            token = Token(scope, specs[name], scope.tasks[parent or ROOT], value, key)
            token.flow = flow or ""
            if data:
                token.internal_data = data
            tokens[key] = token
    return case
