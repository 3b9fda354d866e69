"""Small diagrams from a few words, for the reader's tests."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

KINDS = {
    "start": "startEvent",
    "end": "endEvent",
    "catch": "intermediateCatchEvent",
    "throw": "intermediateThrowEvent",
    "boundary": "boundaryEvent",
    "xor": "exclusiveGateway",
    "and": "parallelGateway",
    "or": "inclusiveGateway",
    "event": "eventBasedGateway",
    "complex": "complexGateway",
    "user": "userTask",
    "manual": "manualTask",
    "service": "serviceTask",
    "send": "sendTask",
    "receive": "receiveTask",
    "script": "scriptTask",
    "rule": "businessRuleTask",
    "sub": "subProcess",
    "adhoc": "adHocSubProcess",
    "call": "callActivity",
}
NODE = re.compile(r"(\w+) (\S+)((?: \w+=\S+)*)(?: @(\d+))?(?: \"([^\"]*)\")?(?: <(.*)>)?")
FLOW = re.compile(r"(\S+) > (\S+)(?: \"([^\"]*)\")?(?: if (.+?))?(?: \{(.*)\})?")


def nodes(text: str) -> tuple[str, str]:
    """Elements and shapes of lines `kind id attr=value @y "name" <inner XML>`; indented ones stand inside."""
    elements, shapes, opened = [], [], []
    for line in text.splitlines():
        if not line.strip():
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        while len(opened) > depth:
            elements.append(f"</{opened.pop()}>")
        match = NODE.fullmatch(line.strip())
        if match is None:
            elements.append(flow(line.strip()))
            continue
        kind, key, attributes, y, name, inner = match.groups()
        tag = KINDS.get(kind, kind)
        given = "".join(f' {a}="{v}"' for a, v in (pair.split("=", 1) for pair in attributes.split()))
        named = f" name={quoteattr(name)}" if name else ""
        elements.append(f'<{tag} id="{key}"{named}{given}>{inner or ""}')
        opened.append(tag)
        if y:
            bounds = f'<dc:Bounds x="0" y="{y}" width="100" height="80"/>'
            shapes.append(f'<di:BPMNShape id="{key}_di" bpmnElement="{key}">{bounds}</di:BPMNShape>')
    elements += [f"</{tag}>" for tag in reversed(opened)]
    return "".join(elements), "".join(shapes)


def flow(line: str) -> str:
    """A sequence flow of `source > target "name" if condition {inner XML}`; its id is `source_target`."""
    match = FLOW.fullmatch(line)
    assert match, line
    source, target, name, condition, inner = match.groups()
    named = f" name={quoteattr(name)}" if name else ""
    body = f"<conditionExpression>{escape(condition)}</conditionExpression>" if condition else ""
    key = f"{source}_{target}"
    return (
        f'<sequenceFlow id="{key}"{named} sourceRef="{source}" targetRef="{target}">{inner or ""}{body}</sequenceFlow>'
    )


def draw(text: str, process: str = "", head: str = "", **attributes: str) -> bytes:
    """A whole diagram. `process` is XML at the beginning of the process (lanes, properties), `head` before it."""
    elements, shapes = nodes(text)
    given = "".join(f' {name}="{value}"' for name, value in {"id": "p", "name": "Izin", **attributes}.items())
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
        ' xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"'
        ' xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core"'
        ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">'
        f"{head}<process{given}>{process}{elements}</process>"
        f'<di:BPMNDiagram id="d"><di:BPMNPlane id="pl" bpmnElement="p">{shapes}</di:BPMNPlane></di:BPMNDiagram>'
        "</definitions>"
    ).encode()


def given(**values: str) -> str:
    """Properties as SpiffWorkflow's editor writes them."""
    inner = "".join(
        f"<spiffworkflow:property name={quoteattr(name)} value={quoteattr(value, {chr(10): '&#10;'})}/>"
        for name, value in values.items()
    )
    return f"<extensionElements><spiffworkflow:properties>{inner}</spiffworkflow:properties></extensionElements>"


def lanes(*names: tuple[str, str]) -> str:
    """A lane set of (name, ids of nodes) pairs; lane ids are `l1`, `l2`, ..."""
    inner = "".join(
        f'<lane id="l{number}" name={quoteattr(name)}>'
        + "".join(f"<flowNodeRef>\n  {key}\n</flowNodeRef>" for key in keys.split())
        + "</lane>"
        for number, (name, keys) in enumerate(names, 1)
    )
    return f'<laneSet id="ls">{inner}</laneSet>'
