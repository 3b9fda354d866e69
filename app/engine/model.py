"""The bare model: the drawn process as the engine runs it, without extensions and without anything left to guess.

Ids stay as drawn. What the reader adds begins with `_alur_` and shows nowhere: one start before several, the gateway
behind a choice that became a step of its own, and around several pools that run together one process that holds each
as a sub-process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from app.engine import tables
from app.engine.choices import Decision
from app.engine.drawing import ADDED, MODEL, Drawing, Edge, Node
from app.engine.rules import STEP, THROW, Loop, Sense, Trigger

REFERENCES = {
    "messageEventDefinition": "message",
    "signalEventDefinition": "signal",
    "errorEventDefinition": "error",
    "escalationEventDefinition": "escalation",
}


def tag(name: str) -> str:
    return f"{{{MODEL}}}{name}"


@dataclass(frozen=True)
class Pools:
    """The processes that run together in one case: the `first` holds its ways in, those in `at_once` begin with it,
    and each message in `doors` begins the others at its start event.
    """

    all: Sequence[str]
    first: str
    at_once: Collection[str]
    doors: Mapping[str, str]


class Model:
    """Writes the model of one reading. `entries` are the nodes where a scope begins that has no start event."""

    def __init__(
        self,
        drawing: Drawing,
        senses: Mapping[str, Sense],
        decisions: Iterable[Decision],
        entries: Mapping[str, Sequence[str]],
        links: Mapping[str, str],
        pools: Pools,
    ) -> None:
        self.drawing = drawing
        self.senses = senses
        self.decisions = {decision.gateway.id: decision for decision in decisions}
        self.entries = entries
        self.links = links
        self.pools = pools
        self.root = etree.Element(tag("definitions"), nsmap={None: MODEL})
        self.references: dict[tuple[str, str], str] = {}
        self.tables: dict[str, str] = {}  # a decision's id as drawn -> in the model

    def write(self, key: str, called: Sequence[str], starts: Sequence[str], default: str) -> str:
        """The model as text. `key` is its process, `called` are those that calls lead to, `starts` the start events by
        which a case may begin, `default` the usual one.
        """
        main = self._add(self.root, "process", key, isExecutable="true")
        if self.pools.all == [key]:
            self._scope(main, key, starts, default)
        else:
            self._pools(main, starts, default)
        for process in called:
            self._scope(self._add(self.root, "process", process, isExecutable="true"), process, (), "")
        for (kind, name), reference in self.references.items():
            element = self._add(self.root, kind, reference, name=name)
            if kind in ("error", "escalation"):
                element.set(f"{kind}Code", name)
        self._messages()
        return etree.tostring(self.root, encoding="unicode")

    def _pools(self, main: etree._Element, starts: Sequence[str], default: str) -> None:
        """Each pool as a sub-process: those in `at_once` begin with the case, the others when they are sent for."""
        self._add(main, "startEvent", f"{ADDED}case")
        for pool in self.pools.all:
            inside = f"{ADDED}pool_{pool}"
            element = self._add(main, "subProcess", inside)
            self._scope(element, pool, starts if pool == self.pools.first else (), default)
            if pool in self.pools.at_once:
                self._way(main, f"{ADDED}begin_{pool}", f"{ADDED}case", inside)

    def _messages(self) -> None:
        """What is sent, and which start event a message flow leads to."""
        collaboration = self._add(self.root, "collaboration")
        for node in self.drawing.nodes.values():
            for name in self.senses[node.id].sends:
                self._add(
                    collaboration, "messageFlow", name=name, sourceRef=node.id, targetRef=self.pools.doors.get(name, "")
                )
        if not len(collaboration):
            self.root.remove(collaboration)

    def _scope(self, element: etree._Element, scope: str, starts: Sequence[str], default: str) -> None:
        nodes = self.drawing.inside(scope)
        several = len(starts) > 1
        for node in nodes:
            self._node(element, node, (several and node.id in starts) or node.id in self.pools.doors.values())
        for node in nodes:
            for edge in node.outgoing:
                self._flow(element, edge)
        for source, target in self.links.items():
            if self.drawing.nodes[source].scope == scope:
                self._way(element, f"{ADDED}link_{source}", source, target)
        if several:
            self._add(element, "startEvent", f"{ADDED}start")
            self._add(element, "exclusiveGateway", f"{ADDED}starts", default=f"{ADDED}start_{default}")
            self._way(element, f"{ADDED}begin", f"{ADDED}start", f"{ADDED}starts")
            for start in starts:
                condition = "" if start == default else f'_start == "{start}"'
                self._way(element, f"{ADDED}start_{start}", f"{ADDED}starts", start, condition)
        elif scope in self.entries:
            self._add(element, "startEvent", f"{ADDED}start_{scope}")
            for entry in self.entries[scope]:
                self._way(element, f"{ADDED}start_{entry}", f"{ADDED}start_{scope}", entry)

    def _node(self, parent: etree._Element, node: Node, passed: bool) -> None:
        sense = self.senses[node.id]
        decision = self.decisions.get(node.id)
        if decision is not None and decision.own:
            self._add(parent, STEP, node.id, name=node.name)
            self._add(parent, "exclusiveGateway", f"{ADDED}gw_{node.id}")
            self._way(parent, f"{ADDED}to_{node.id}", node.id, f"{ADDED}gw_{node.id}")
            return
        element = self._add(parent, THROW if passed else sense.tag, node.id, name=node.name)
        if sense.default:
            element.set("default", sense.default)
        if sense.called:
            element.set("calledElement", sense.called)
        if sense.script:
            self._add(element, "script").text = sense.script
        if sense.decision and sense.result:
            element.set("decisionRef", self._table(sense.decision))
            if sense.result.result:
                element.set("resultVariable", sense.result.result)
            if sense.result.shape:
                element.set("mapDecisionResult", sense.result.shape)
        if node.kind == "boundaryEvent":
            element.set("attachedToRef", node.attached)
            element.set("cancelActivity", "true" if sense.interrupts else "false")
        if node.kind == "startEvent" and node.element.get("isInterrupting"):
            element.set("isInterrupting", "true" if sense.interrupts else "false")
        for trigger in sense.triggers:
            self._trigger(element, trigger)
        if sense.loop:
            self._loop(element, sense.loop)
        if sense.tag == "subProcess":
            if node.element.get("triggeredByEvent") == "true":
                element.set("triggeredByEvent", "true")
            self._scope(element, node.id, (), "")

    def _flow(self, parent: etree._Element, edge: Edge) -> None:
        source, target = edge.source, edge.target
        condition = self.senses[edge.source].conditions.get(edge.id, "")
        decision = self.decisions.get(edge.source)
        if decision is not None:
            condition = f'_choice == "{edge.id}"'
            if decision.own:
                source = f"{ADDED}gw_{source}"
        onward = self.decisions.get(edge.target)
        if onward is not None and onward.own and edge.id in onward.direct:
            target = f"{ADDED}gw_{target}"
        self._way(parent, edge.id, source, target, condition)

    def _way(self, parent: etree._Element, key: str, source: str, target: str, condition: str = "") -> None:
        flow = self._add(parent, "sequenceFlow", key, sourceRef=source, targetRef=target)
        if condition:
            self._add(flow, "conditionExpression").text = condition

    def _trigger(self, parent: etree._Element, trigger: Trigger) -> None:
        element = self._add(parent, trigger.kind)
        if trigger.kind == "timerEventDefinition":
            self._add(element, trigger.time).text = trigger.text
        elif trigger.kind == "conditionalEventDefinition":
            self._add(element, "condition").text = trigger.text
        elif trigger.kind in REFERENCES and trigger.text:
            kind = REFERENCES[trigger.kind]
            key = self.references.setdefault((kind, trigger.text), f"{ADDED}{kind}_{len(self.references)}")
            element.set(f"{kind}Ref", key)

    def _table(self, wanted: tables.Decision) -> str:
        """A decision and those that it requires stand in the model once, whoever asks them."""
        for decision in wanted.all():
            if decision.key not in self.tables:
                self.tables[decision.key] = f"{ADDED}decision_{len(self.tables)}"
                tables.write(self.root, decision, self.tables)
        return self.tables[wanted.key]

    def _loop(self, parent: etree._Element, loop: Loop) -> None:
        if loop.count:
            element = self._add(parent, "multiInstanceLoopCharacteristics")
            element.set("isSequential", str(loop.sequential).lower())
            self._add(element, "loopCardinality").text = loop.count
            if loop.until:
                self._add(element, "completionCondition").text = loop.until
            return
        element = self._add(parent, "standardLoopCharacteristics", testBefore=str(loop.before).lower())
        if loop.maximum:
            element.set("loopMaximum", loop.maximum)
        if loop.again:
            self._add(element, "loopCondition").text = loop.again

    def _add(self, parent: etree._Element, kind: str, key: str = "", /, **attributes: str) -> etree._Element:
        element = etree.SubElement(parent, tag(kind))
        if key:
            element.set("id", key)
        for attribute, value in attributes.items():
            if value:
                element.set(attribute, value)
        return element
