"""From a bare model (BPMN XML as our reader writes it) to the specs that run, once for each model.

Spiff's own parser is not used: it recurses along the flow, sorts branches by height, forgets which flow led where and
drops conditions on flows that leave a task. What is built here is shared by all threads and never changed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

from app.engine import events, nodes, tables
from app.engine.expressions import compile, compile_script
from app.engine.timers import LITERAL

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
STEPS = {"userTask", "manualTask", "task", "sendTask", "receiveTask", "serviceTask", "businessRuleTask"}
TIMERS = {"timeDate": "date", "timeDuration": "duration", "timeCycle": "cycle"}
EVENTS = {
    "signalEventDefinition": ("signal", "signalRef"),
    "messageEventDefinition": ("message", "messageRef"),
    "errorEventDefinition": ("error", "errorRef"),
    "escalationEventDefinition": ("escalation", "escalationRef"),
}
NODES: dict[str, type[nodes.Node]] = {
    "startEvent": events.Pass,
    "endEvent": events.Pass,
    "intermediateThrowEvent": events.Pass,
    "intermediateCatchEvent": events.Catch,
    "boundaryEvent": events.Catch,
    "exclusiveGateway": nodes.Exclusive,
    "parallelGateway": nodes.Parallel,
    "inclusiveGateway": nodes.Inclusive,
    "complexGateway": nodes.Inclusive,
    "eventBasedGateway": nodes.Race,
    "scriptTask": nodes.Script,
    "subProcess": nodes.Sub,
    "transaction": nodes.Sub,
    "adHocSubProcess": nodes.Sub,
    "callActivity": nodes.Sub,
    **dict.fromkeys(STEPS, nodes.Step),
}


@lru_cache(maxsize=64)
def specs(model: str, key: str = "") -> nodes.Process:
    """The specs of the process `key` (else the first) in `model`. Raises lxml's and our own SyntaxErrors."""
    return build(model, key)


def build(model: str, key: str = "") -> nodes.Process:
    """The same, made anew: whoever asks may change them."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return _Builder(etree.fromstring(model.encode(), parser)).process(key)


def named(process: nodes.Process) -> Iterator[nodes.Node]:
    """Every node of this process and of what it calls."""
    seen = {id(process)}
    rest = [process]
    while rest:
        for node in rest.pop().task_specs.values():
            yield node
            if isinstance(node, nodes.Sub) and id(node.inside) not in seen:
                seen.add(id(node.inside))
                rest.append(node.inside)


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


class _Builder:
    def __init__(self, root: etree._Element) -> None:
        self.elements = {element.get("id", ""): element for element in root.iter(BPMN + "*")}
        self.processes = list(root.iter(BPMN + "process"))
        self.messages = list(root.iter(BPMN + "messageFlow"))
        self.built: dict[str, nodes.Process] = {}
        self.homes: dict[str, nodes.Process] = {}  # node -> what it stands in
        self.decisions: dict[str, tables.Decision] = {}
        for element in root.iterchildren(BPMN + "decision"):  # those that are required stand before who requires them
            requires = [self.decisions[key] for key in element.get("requires", "").split()]
            self.decisions[element.get("id", "")] = tables.load(element, requires)

    def process(self, key: str) -> nodes.Process:
        ids = [element.get("id", "") for element in self.processes]
        process = self.inside(self.processes[ids.index(key) if key in ids else 0])
        for flow in self.messages:
            source = self.homes.get(flow.get("sourceRef", ""))
            if source is not None:
                sender = source.task_specs[flow.get("sourceRef", "")]
                sender.sends += (flow.get("name", ""),)
            pool = self.homes.get(flow.get("targetRef", ""))
            if pool is not None:
                room = process.task_specs[pool.name]
                process.doors[flow.get("name", "")] = (room, pool.task_specs[flow.get("targetRef", "")])
        return process

    def inside(self, element: etree._Element) -> nodes.Process:
        """The process, or the inside of a sub-process; a process that calls itself meets itself here."""
        key = element.get("id", "")
        if key in self.built:
            return self.built[key]
        process = self.built[key] = nodes.Process(key)
        found: dict[str, nodes.Node] = {}
        for child in element:
            kind = _name(child)
            if kind in NODES:
                found[child.get("id", "")] = self.node(process, child, kind)
                self.homes[child.get("id", "")] = process
        incoming: dict[str, list[str]] = {}
        ways: dict[str, list[nodes.Way]] = {}
        for flow in element.iterchildren(BPMN + "sequenceFlow"):
            source, target = found.get(flow.get("sourceRef", "")), found.get(flow.get("targetRef", ""))
            if source is not None and target is not None:
                way = self.way(flow, target)
                ways.setdefault(source.bpmn_id, []).append(way)
                incoming.setdefault(target.bpmn_id, []).append(way.id)
        for key, node in found.items():
            node.ways = tuple(ways.get(key, ()))
            node.incoming = tuple(incoming.get(key, ()))
        self.attach(element, found)
        self.enter(process, element, found)
        for node in found.values():
            if isinstance(node, nodes.Inclusive) and len(node.incoming) > 1:
                node.reach = reach(node, found)
        return process

    def node(self, process: nodes.Process, element: etree._Element, kind: str) -> nodes.Node:
        key, name = element.get("id", ""), element.get("name")
        repeated = self.repeated(process, element)
        names = {"bpmn_name": name}
        cls = nodes.Table if element.get("decisionRef") in self.decisions else NODES[kind]
        node: nodes.Node
        label = f"{key} [child]" if repeated else key
        if issubclass(cls, events.Catch):
            node = cls(process, label, None, element.get("cancelActivity", "true") != "false", **names)
            node.triggers = tuple(self.triggers(element))
            node.timer = next((trigger for trigger in node.triggers if trigger.kind in TIMERS.values()), None)
            node.waits = not node.triggers or any(not trigger.inner for trigger in node.triggers)
            node.attached = kind == "boundaryEvent"
        elif issubclass(cls, events.Pass):
            node = cls(process, label, None, **names)
            node.end = kind == "endEvent"
            node.throws = () if kind == "startEvent" else tuple(self.triggers(element))
        elif issubclass(cls, nodes.Script):
            script = element.findtext(BPMN + "script") or ""
            node = cls(process, label, script, **names)
            node.assignments = compile_script(script)
        elif issubclass(cls, nodes.Table):
            node = cls(process, label, "", **names)
            node.decision = self.decisions[element.get("decisionRef", "")]
            node.result = element.get("resultVariable", "")
            node.shape = element.get("mapDecisionResult", "")
        elif issubclass(cls, nodes.Sub):
            node = cls(process, label, key, **names)
            called = element.get("calledElement") if kind == "callActivity" else key
            node.inside = self.inside(self.elements.get(called or "", element))
        else:
            node = cls(process, label, **names)
            node.manual = isinstance(node, nodes.Step)
        node.bpmn_id = key
        if repeated is None:
            return node
        node.outer, repeated.body = repeated, node
        return repeated

    def repeated(self, process: nodes.Process, element: etree._Element) -> nodes.Repeated | None:
        loop = element.find(BPMN + "multiInstanceLoopCharacteristics")
        plain = element.find(BPMN + "standardLoopCharacteristics")
        marker = loop if loop is not None else plain
        if marker is None:
            return None
        node = nodes.Repeated(process, element.get("id"), bpmn_name=element.get("name"))

        def text(tag: str) -> str:
            return (marker.findtext(BPMN + tag) or "").strip()

        if loop is not None:
            count = text("loopCardinality") or text("loopDataInputRef")
            node.count = compile(count or "1")
            node.sequential = loop.get("isSequential") == "true"
            node.until = compile(text("completionCondition")) if text("completionCondition") else None
        else:
            node.again = compile(text("loopCondition")) if text("loopCondition") else None
            node.maximum = int(marker.get("loopMaximum") or (0 if node.again else 1)) or None
            node.test_before = marker.get("testBefore") == "true"
        return node

    def triggers(self, element: etree._Element) -> Iterator[events.Trigger]:
        for child in element:
            kind = _name(child)
            if kind == "timerEventDefinition":
                for time in child:
                    if _name(time) in TIMERS:
                        text = (time.text or "").strip()
                        literal = text.strip("'\"")
                        value = literal if LITERAL.fullmatch(literal) else compile(text)
                        yield events.Trigger(TIMERS[_name(time)], value=value)  # type: ignore[arg-type]
            elif kind in EVENTS:
                what, reference = EVENTS[kind]
                referred = self.elements.get(child.get(reference, ""))
                name = child.get(reference, "") if referred is None else referred.get("name") or referred.get("id", "")
                if what in ("signal", "message"):
                    name = name or element.get("name") or element.get("id", "")
                yield events.Trigger(what, name)  # type: ignore[arg-type]
            elif kind == "conditionalEventDefinition":
                yield events.Trigger("conditional", value=compile(child.findtext(BPMN + "condition") or "False"))
            elif kind == "terminateEventDefinition":
                yield events.Trigger("terminate")

    def way(self, flow: etree._Element, target: nodes.Node) -> nodes.Way:
        key = flow.get("id", "")
        condition = (flow.findtext(BPMN + "conditionExpression") or "").strip()
        source = self.elements[flow.get("sourceRef", "")]
        return nodes.Way(key, target, compile(condition) if condition else None, source.get("default") == key)

    def attach(self, element: etree._Element, found: dict[str, nodes.Node]) -> None:
        for event in element.iterchildren(BPMN + "boundaryEvent"):
            host = found.get(event.get("attachedToRef", ""))
            if host is not None:
                host.boundary += (found[event.get("id", "")],)

    def enter(self, process: nodes.Process, element: etree._Element, found: dict[str, nodes.Node]) -> None:
        """Tokens begin at the plain start events, else at any, else where no flow leads."""
        starts = list(element.iterchildren(BPMN + "startEvent"))
        plain = [child for child in starts if not any(self.triggers(child))]
        process.entries = [found[child.get("id", "")] for child in plain or starts]
        if not starts:
            aside = {"boundaryEvent"}
            process.entries = [
                found[child.get("id", "")]
                for child in element
                if _name(child) in NODES
                and _name(child) not in aside
                and not found[child.get("id", "")].incoming
                and child.get("triggeredByEvent") != "true"
            ]
        for child in element.iterchildren(BPMN + "subProcess"):
            if child.get("triggeredByEvent") == "true":
                self.watch(process, child, found[child.get("id", "")])

    def watch(self, process: nodes.Process, element: etree._Element, body: nodes.Node) -> None:
        for start in element.iterchildren(BPMN + "startEvent"):
            name = f"{element.get('id')} [{start.get('id')}]"
            watcher = events.Watcher(process, name, None, start.get("isInterrupting", "true") != "false")
            watcher.bpmn_id, watcher.bpmn_name = start.get("id", ""), start.get("name")
            watcher.triggers = tuple(self.triggers(start))
            watcher.timer = next((trigger for trigger in watcher.triggers if trigger.kind in TIMERS.values()), None)
            watcher.waits = any(not trigger.inner for trigger in watcher.triggers)
            watcher.attached = True
            watcher.body = body
            process.watchers.append(watcher)


def reach(join: nodes.Node, found: dict[str, nodes.Node]) -> dict[str, frozenset[str]]:
    """For each node, by which of the join's incoming flows a token there could still come, not passing the join."""
    sources: dict[str, set[str]] = {}
    before: dict[str, set[str]] = {}
    for key, node in found.items():
        for start in (node, *node.boundary):
            for way in start.ways:
                if way.target is join:
                    if start is not join:
                        sources.setdefault(way.id, set()).add(key)
                elif key != join.bpmn_id:
                    before.setdefault(way.target.bpmn_id, set()).add(key)
    reached: dict[str, set[str]] = {key: set() for key in found}
    for flow, first in sources.items():
        rest = list(first)
        while rest:
            key = rest.pop()
            if flow not in reached[key] and key != join.bpmn_id:
                reached[key].add(flow)
                rest.extend(before.get(key, ()))
    return {key: frozenset(flows) for key, flows in reached.items()}
