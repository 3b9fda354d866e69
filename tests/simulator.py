"""An independent reading of BPMN, to judge the engine by: marks on sequence flows, over the diagram as drawn.

Nothing is shared with app/engine. Tokens lie on flows here and a node is enabled by its marking, as the standard's
semantics say it; the engine has tokens at nodes. What an officer's choice is, is read off the drawing here too:
an exclusive gateway whose branches have names and no conditions. Where BPMN leaves the order of what happens at one
moment open, tokens that come to rest go first, then the oldest: so both readings can be compared after every verb.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from lxml import etree

NS = {"b": "http://www.omg.org/spec/BPMN/20100524/MODEL"}
STEPS = {"userTask", "receiveTask"}
UNITS = {"D": "days", "H": "hours", "M": "minutes"}


def seconds(text: str) -> timedelta:
    days, time = re.fullmatch(r"P(?:(\d+)D)?(?:T(.*))?", text).groups()
    parts = {UNITS[unit]: int(count) for count, unit in re.findall(r"(\d+)([HM])", time or "")}
    return timedelta(days=int(days or 0), **parts)


def said(text: str, facts: dict):
    names = {name: facts.get(name) for name in re.findall(r"[a-z_]+", text)}
    return eval(text, {"__builtins__": {}}, names)


class Diagram:
    """The drawing of one process: what lies between which flows."""

    def __init__(self, content: bytes) -> None:
        root = etree.fromstring(content)
        self.names = {e.get("id"): e.get("name") for e in root if e.get("id")}
        self.process = root.find("b:process", NS)
        self.nodes = {
            e.get("id"): e for e in self.process.iterdescendants() if e.get("id") and self.kind(e) != "sequenceFlow"
        }
        self.flows = {e.get("id"): e for e in self.process.iter(f"{{{NS['b']}}}sequenceFlow")}
        self.attached: dict[str, list] = {}
        for element in self.nodes.values():
            self.attached.setdefault(element.get("attachedToRef"), []).append(element)
        self.known: dict[tuple[str, str], set[str]] = {}
        self.out = {key: [f for f, e in self.flows.items() if e.get("sourceRef") == key] for key in self.nodes}
        self.into = {key: [f for f, e in self.flows.items() if e.get("targetRef") == key] for key in self.nodes}

    def kind(self, element) -> str:
        return etree.QName(element).localname

    def boundary(self, key: str):
        return self.attached.get(key, [])

    def target(self, flow: str) -> str:
        return self.flows[flow].get("targetRef")

    def condition(self, flow: str):
        return self.flows[flow].findtext("b:conditionExpression", namespaces=NS)

    def link(self, key: str) -> str | None:
        """The name of a link event."""
        found = self.nodes[key].find("b:linkEventDefinition", NS)
        return None if found is None else found.get("name")

    def linked(self, key: str) -> str:
        """Where the throwing link event `key` goes on."""
        scope, name = self.nodes[key].getparent(), self.link(key)
        return next(
            other
            for other, element in self.nodes.items()
            if self.kind(element) == "intermediateCatchEvent"
            and element.getparent() is scope
            and self.link(other) == name
        )

    def onward(self, node: str) -> list[str]:
        """The flows by which a token at `node` may leave."""
        flows = self.out[node] + [flow for event in self.boundary(node) for flow in self.out[event.get("id")]]
        if self.link(node) and self.kind(self.nodes[node]) == "intermediateThrowEvent":
            flows += self.out[self.linked(node)]
        return flows

    def ahead(self, flow: str, barrier: str) -> set[str]:
        """The flows on paths that begin with `flow` and do not pass `barrier`."""
        if (flow, barrier) in self.known:
            return self.known[flow, barrier]
        seen = self.known[str(flow), barrier] = set()
        rest = [flow]
        while rest:
            flow = rest.pop()
            if flow in seen:
                continue
            seen.add(flow)
            node = self.target(flow)
            if node != barrier:
                rest += self.onward(node)
        return seen


SERIAL = count(1)


class Endless(Exception):
    """The drawing never rests."""


@dataclass(eq=False)
class Here:
    """An activity or event where the process rests."""

    node: str
    scope: Scope
    round: int = 0
    due: datetime | None = None
    period: timedelta | None = None
    left: int = 0  # further occurrences of a repeating clock
    host: Here | None = None  # of a boundary event
    race: object = None
    loop: Here | None = None  # of an instance
    todo: int = 0  # instances yet to start, of a loop
    instances: int = 0
    done: int = 0  # of a standard loop
    idle: int = 0  # since when what has nothing to do (a start, a link, what has happened) waits to be left
    inner: Scope | None = None
    starts: str = ""  # of the start of an event sub-process
    serial: int = field(default_factory=lambda: next(SERIAL))
    seen: bool = False  # a condition that has been true and was not false since


class Mark(str):
    """The id of a flow that bears a token."""

    __slots__ = ("serial",)

    def __init__(self, _: str) -> None:
        self.serial = next(SERIAL)


@dataclass(eq=False)
class Scope:
    container: object
    host: Here | None = None
    marks: list = field(default_factory=list)  # flows that bear a token, oldest first
    here: list = field(default_factory=list)


class Simulator:
    """One case. The verbs mirror the engine's; `view` is what can be seen from outside."""

    def __init__(self, content: bytes) -> None:
        self.diagram = Diagram(content)
        self.scopes: list[Scope] = []
        self.rounds: Counter = Counter()
        self.passed: Counter = Counter()
        self.facts: dict = {}
        self.choice: str | None = None
        self.came = 0
        self.now: datetime | None = None

    # what can be seen

    def steps(self) -> list:
        return [here for here in self.resting() if self.is_step(here)]

    def resting(self) -> list:
        return [here for scope in self.scopes for here in scope.here]

    def is_step(self, here: Here) -> bool:
        return self.diagram.kind(self.diagram.nodes[here.node]) in STEPS and not self.is_loop(here)

    def is_loop(self, here: Here) -> bool:
        return here.loop is None and self.marker(here.node) is not None

    def marker(self, node: str):
        element = self.diagram.nodes[node]
        for name in ("multiInstanceLoopCharacteristics", "standardLoopCharacteristics"):
            if element.find(f"b:{name}", NS) is not None:
                return element.find(f"b:{name}", NS)
        return None

    def view(self, names) -> dict:
        steps = sorted([here.node, here.round] for here in self.steps())
        waits = [[here.node, stamp(here.due)] for here in self.resting() if self.is_event(here)]
        waits += [[self.diagram.target(flow), ""] for scope in self.scopes for flow in scope.marks]
        return {"facts": {name: self.facts.get(name) for name in names}, "steps": steps, "waits": sorted(waits)}

    def digest(self, names) -> str:
        view = json.dumps(self.view(names), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(view.encode()).hexdigest()

    def is_event(self, here: Here) -> bool:
        return "Event" in self.diagram.kind(self.diagram.nodes[here.node])

    def next_due(self):
        return min((here.due for here in self.resting() if here.due), default=None)

    @property
    def stuck(self) -> bool:
        """Tokens wait at joins, and nothing can happen any more."""
        events = [here for here in self.resting() if self.is_event(here)]
        return not self.ended and not self.steps() and not events

    @property
    def ended(self) -> bool:
        return not self.scopes

    # verbs

    def begin(self, facts: dict, now: datetime) -> None:
        self.given(facts, now, None)
        self.open_scope(self.diagram.process, None)
        self.rest()

    def complete(self, which: tuple[str, int, int], facts: dict, choice: str | None, now: datetime) -> None:
        """The step is done: of those open with this id and round, the so many oldest."""
        self.given(facts, now, choice)
        step, round, number = which
        alike = [here for here in self.steps() if (here.node, here.round) == (step, round)]
        self.leave(sorted(alike, key=lambda here: here.serial)[number])
        self.rest()

    def fire(self, facts: dict) -> None:
        self.given(facts, self.next_due(), None)
        self.happen(min((here for here in self.resting() if here.due == self.now), key=lambda here: here.serial))
        self.rest()

    def send(self, name: str, facts: dict, now: datetime) -> None:
        self.given(facts, now, None)
        self.deliver(name, ("signal", "message"))
        self.rest()

    def given(self, facts: dict, now: datetime, choice: str | None) -> None:
        self.facts, self.now, self.choice, self.passed = dict(facts), now, choice, Counter()

    def deliver(self, name: str, kinds: tuple[str, ...]) -> None:
        """A signal to all who wait now, a message to the one who has waited longest."""
        taken = False
        for here in sorted(self.resting(), key=lambda here: here.serial):
            heard = {kind for kind in kinds if self.hears(here, kind, name)}
            if here in here.scope.here and ("signal" in heard or ("message" in heard and not taken)):
                taken = taken or "signal" not in heard
                self.happen(here)

    def waits_for(self, name: str) -> bool:
        return any(self.hears(here, kind, name) for here in self.resting() for kind in ("signal", "message"))

    def hears(self, here: Here, kind: str, name: str) -> bool:
        if not self.is_event(here) or here.idle:
            return False
        definitions = self.diagram.nodes[here.node].findall(f"b:{kind}EventDefinition", NS)
        return any(self.diagram.names[definition.get(f"{kind}Ref")] == name for definition in definitions)

    # how marks move

    def rest(self) -> None:
        moves = 0
        while self.move() or self.join() or self.close() or self.condition():
            moves += 1
            if moves > 1_500 or sum(len(scope.marks) for scope in self.scopes) > 300:
                raise Endless

    def move(self) -> bool:
        """Let a token move whose node is enabled by itself."""
        ready = [(True, here.idle, here.scope, here, []) for here in self.resting() if here.idle]
        for scope in self.scopes:
            first = {flow: flow for flow in reversed(scope.marks)}  # the oldest mark of each flow
            for flow in scope.marks:
                node = self.diagram.target(flow)
                kind = self.diagram.kind(self.diagram.nodes[node])
                if kind == "inclusiveGateway" and len(self.diagram.into[node]) > 1:
                    continue
                needed = [first.get(f) for f in self.diagram.into[node]] if kind == "parallelGateway" else [flow]
                if None not in needed:
                    age = max(mark.serial for mark in needed)
                    ready.append((not self.rests(node), age, scope, node, needed))
        if not ready:
            return False
        _, age, scope, node, needed = min(ready, key=lambda one: one[:2])
        if isinstance(node, Here):
            self.leave(node)
            return True
        for mark in needed:
            scope.marks.remove(mark)
        self.came = age
        self.visit(scope, node)
        self.came = 0
        return True

    def rests(self, node: str) -> bool:
        """Is `node` an activity or an event that is waited for?"""
        kind = self.diagram.kind(self.diagram.nodes[node])
        return (
            kind in STEPS or kind == "subProcess" or (kind == "intermediateCatchEvent" and not self.diagram.link(node))
        )

    def turn(self) -> int:
        """When what needs no waiting is left: as old as the token that came, if it is one that came just now."""
        return self.came or next(SERIAL)

    def join(self) -> bool:
        """An inclusive join fires when what could still come by an empty flow could as well come by a marked one."""
        for scope in self.scopes:
            for node in dict.fromkeys(self.diagram.target(flow) for flow in scope.marks):
                if self.diagram.kind(self.diagram.nodes[node]) != "inclusiveGateway":
                    continue
                marked = [flow for flow in self.diagram.into[node] if flow in scope.marks]
                empty = [flow for flow in self.diagram.into[node] if flow not in scope.marks]
                starts = [flow for flow in scope.marks if flow not in marked]
                ways = [self.diagram.ahead(flow, node) for flow in starts] + [
                    set().union(*(self.diagram.ahead(flow, node) for flow in self.exits(here))) for here in scope.here
                ]
                if not any(way & set(empty) and not way & set(marked) for way in ways):
                    for flow in marked:
                        scope.marks.remove(flow)
                    self.route(scope, node)
                    return True
        return False

    def exits(self, here: Here) -> list:
        if here.loop is not None:
            return []
        return self.diagram.onward(here.node)

    def close(self) -> bool:
        for scope in reversed(self.scopes):
            if not scope.marks and all(here.starts for here in scope.here):
                self.scopes.remove(scope)
                if scope.host is not None:
                    self.leave(scope.host)
                return True
        return False

    def condition(self) -> bool:
        for here in self.resting():
            text = self.diagram.nodes[here.node].findtext("b:conditionalEventDefinition/b:condition", namespaces=NS)
            if text is not None:
                true = bool(said(text, self.facts))
                happens, here.seen = true and not here.seen, true
                if happens:
                    self.happen(here)
                    return True
        return False

    def visit(self, scope: Scope, node: str, race: object = None) -> None:
        """A token comes to `node`."""
        element = self.diagram.nodes[node]
        kind = self.diagram.kind(element)
        if kind in STEPS or kind == "subProcess":
            self.activate(Here(node, scope, race=race))
        elif self.rests(node):
            self.wait(Here(node, scope, race=race))
        elif kind == "scriptTask":
            name, text = element.findtext("b:script", namespaces=NS).split(" = ", 1)
            self.facts[name] = said(text, self.facts)
            self.route(scope, node)
        elif kind == "eventBasedGateway":
            race = object()
            for flow in self.diagram.out[node]:
                self.passed[flow] += 1
                self.visit(scope, self.diagram.target(flow), race)
        elif kind == "endEvent" and element.find("b:terminateEventDefinition", NS) is not None:
            for here in list(scope.here):
                self.drop(here)
            scope.marks.clear()
        elif kind == "intermediateThrowEvent" and self.diagram.link(node):
            scope.here.append(Here(self.diagram.linked(node), scope, idle=next(SERIAL)))
        elif kind in ("endEvent", "intermediateThrowEvent"):
            here = Here(node, scope)
            scope.here.append(here)
            for thrown in ("error", "escalation", "signal"):
                if element.find(f"b:{thrown}EventDefinition", NS) is not None:
                    self.throw(scope, thrown, element)
            if here in scope.here:  # who caught it may have ended the thrower
                scope.here.remove(here)
                self.route(scope, node)
        else:
            self.route(scope, node)

    def throw(self, scope: Scope, kind: str, element) -> None:
        """To the innermost scope that catches it: by an event sub-process in it, or at its edge. Signals to all."""
        code = element.find(f"b:{kind}EventDefinition", NS).get(f"{kind}Ref")
        if kind == "signal":
            self.deliver(self.diagram.names[code], ("signal",))
            return
        while scope is not None:
            around = scope.host
            catchers = [here for here in scope.here if here.starts]
            if around is not None:
                catchers += [here for here in around.scope.here if here.host in (around, around.loop) and here.host]
            for here in catchers:
                caught = self.diagram.nodes[here.node].find(f"b:{kind}EventDefinition", NS)
                if caught is not None and caught.get(f"{kind}Ref") in (None, code):
                    self.happen(here)
                    return
            scope = None if around is None else around.scope

    def route(self, scope: Scope, node: str) -> None:
        """Put tokens on the flows that leave `node`."""
        kind = self.diagram.kind(self.diagram.nodes[node])
        flows = list(self.diagram.out[node])
        default = self.diagram.nodes[node].get("default")
        true = [
            flow for flow in flows if self.diagram.condition(flow) and said(self.diagram.condition(flow), self.facts)
        ]
        if kind == "exclusiveGateway" and len(flows) > 1:
            named = not any(self.diagram.condition(flow) for flow in flows)
            flows = [self.choice] if named else (true or [default])[:1]
        elif kind not in ("exclusiveGateway", "parallelGateway", "eventBasedGateway") and len(flows) > 1:
            bare = [flow for flow in flows if not self.diagram.condition(flow) and flow != default]
            flows = [flow for flow in flows if flow in true or flow in bare] or [default]
        for flow in flows:
            assert flow in self.diagram.out[node], (node, flow)
            self.passed[flow] += 1
            scope.marks.append(Mark(flow))

    # where it rests

    def open_scope(self, container, host: Here | None) -> Scope:
        scope = Scope(container, host)
        self.scopes.append(scope)
        for sub in container.findall("b:subProcess", NS):
            if sub.get("triggeredByEvent") == "true":
                self.wait(Here(sub.find("b:startEvent", NS).get("id"), scope, starts=sub.get("id")))
        scope.here.append(Here(container.find("b:startEvent", NS).get("id"), scope, idle=self.turn()))
        return scope

    def activate(self, here: Here) -> None:
        here.scope.here.append(here)
        if here.loop is None:
            for event in self.diagram.boundary(here.node):
                self.wait(Here(event.get("id"), here.scope, host=here))
        if not self.is_loop(here) and self.is_step(here):
            if here.loop is None:
                self.rounds[here.node] += 1
            here.round = self.rounds[here.node]
        elif not self.is_loop(here):
            here.inner = self.open_scope(self.diagram.nodes[here.node], here)
        else:
            self.rounds[here.node] += 1
            marker = self.marker(here.node)
            if self.diagram.kind(marker) == "standardLoopCharacteristics":
                if marker.get("testBefore") == "true" and not self.goes_on(here):
                    here.idle = self.turn()
                else:
                    self.instance(here)
                return
            cardinality = marker.findtext("b:loopCardinality", namespaces=NS)
            data = marker.findtext("b:loopDataInputRef", namespaces=NS)
            count = said(cardinality, self.facts) or 0 if cardinality else len(said(data, self.facts) or [])
            first = min(1, count) if marker.get("isSequential") == "true" else count
            here.todo = count - first
            if not count:
                here.idle = self.turn()
            for _ in range(first):
                self.instance(here)

    def goes_on(self, loop: Here) -> bool:
        """Does a standard loop go round once more?"""
        marker = self.marker(loop.node)
        most, condition = marker.get("loopMaximum"), marker.findtext("b:loopCondition", namespaces=NS)
        return (most is None or loop.done < int(most)) and (condition is None or bool(said(condition, self.facts)))

    def instance(self, loop: Here) -> None:
        loop.instances += 1
        self.activate(Here(loop.node, loop.scope, loop=loop))

    def wait(self, here: Here) -> None:
        here.scope.here.append(here)
        timer = self.diagram.nodes[here.node].find("b:timerEventDefinition", NS)
        if timer is not None:
            text = timer[0].text
            if text.startswith("R"):
                count, text = text[1:].split("/")
                here.left = int(count) - 1
            here.period = seconds(text)
            here.due = self.now + here.period

    def happen(self, here: Here) -> None:
        """An event comes true."""
        if here.starts:
            error = self.diagram.nodes[here.node].find("b:errorEventDefinition", NS)
            if error is not None or self.diagram.nodes[here.node].get("isInterrupting") != "false":
                for other in list(here.scope.here):
                    self.drop(other)
                here.scope.marks.clear()
            else:
                self.again(here)
            self.activate(Here(here.starts, here.scope))
        elif here.host is None:
            here.idle = next(SERIAL)
        elif self.beside(here.node):
            self.again(here)
            self.route(here.scope, here.node)
        else:
            self.drop(here.host)
            self.route(here.scope, here.node)

    def beside(self, node: str) -> bool:
        """Does a boundary event leave its activity alone? An error never does."""
        element = self.diagram.nodes[node]
        return element.get("cancelActivity") == "false" and element.find("b:errorEventDefinition", NS) is None

    def again(self, here: Here) -> None:
        """An event that does not interrupt may happen again, but a clock only as often as it says."""
        if here.due is not None and here.left:
            here.left, here.due = here.left - 1, here.due + here.period
        elif here.due is not None:
            self.drop(here)

    def leave(self, here: Here) -> None:
        """What rested here goes on."""
        loop = here.loop
        self.drop(here)
        if here.race is not None:
            for other in list(here.scope.here):
                if other.race is here.race:
                    self.drop(other)
        if loop is None:
            self.route(here.scope, here.node)
            return
        loop.instances -= 1
        if self.diagram.kind(self.marker(loop.node)) == "standardLoopCharacteristics":
            loop.done += 1
            if self.goes_on(loop):
                self.instance(loop)
            else:
                self.leave(loop)
            return
        condition = self.marker(loop.node).findtext("b:completionCondition", namespaces=NS)
        if condition and said(condition, self.facts):
            loop.todo = 0
            for other in list(loop.scope.here):
                if other.loop is loop:
                    self.drop(other)
            loop.instances = 0
        if loop.todo and not loop.instances:
            loop.todo -= 1
            self.instance(loop)
        elif not loop.instances:
            self.leave(loop)

    def drop(self, here: Here) -> None:
        """It ends without going on, and all that hangs on it."""
        if here not in here.scope.here:
            return
        here.scope.here.remove(here)
        for other in list(here.scope.here):
            if other.host is here or other.loop is here:
                self.drop(other)
        if here.inner is not None and here.inner in self.scopes:
            for other in list(here.inner.here):
                self.drop(other)
            self.scopes.remove(here.inner)


def stamp(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if value else ""
