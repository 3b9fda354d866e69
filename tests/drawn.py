"""Small diagrams from a few words, for the tests of the reader and of what drawings mean."""

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
    "transaction": "transaction",
    "call": "callActivity",
}
EVENTS = ("message", "signal", "error", "escalation")  # `~error=x` refers to an error of that name; `~error` to none
TIMES = {"timer": "timeDuration", "date": "timeDate", "cycle": "timeCycle"}  # `~timer=PT1H`
PLAIN = {"terminate": "terminate", "compensate": "compensate", "cancel": "cancel"}
SHORT = {
    r" on=": " attachedToRef=",
    r" beside=": " cancelActivity=false attachedToRef=",
    r" beside\b": " isInterrupting=false",
    r"handler (\w+)": r"sub \1 triggeredByEvent=true",
}
NODE = re.compile(r"(\w+) (\S+)((?: \w+=\S+)*)((?: ~\w+(?:=\S+)?)*)(?: @(\d+))?(?: \"([^\"]*)\")?(?: <(.*)>)?")
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
        kind, key, attributes, marks, y, name, inner = match.groups()
        tag = KINDS.get(kind, kind)
        given = "".join(f' {a}="{v}"' for a, v in (pair.split("=", 1) for pair in attributes.split()))
        named = f" name={quoteattr(name)}" if name else ""
        elements.append(f'<{tag} id="{key}"{named}{given}>{marked(marks)}{inner or ""}')
        opened.append(tag)
        if y:
            bounds = f'<dc:Bounds x="0" y="{y}" width="100" height="80"/>'
            shapes.append(f'<di:BPMNShape id="{key}_di" bpmnElement="{key}">{bounds}</di:BPMNShape>')
    elements += [f"</{tag}>" for tag in reversed(opened)]
    return "".join(elements), "".join(shapes)


def marked(marks: str) -> str:
    """Event definitions and loop markers of `~word=value ...`."""
    found = dict.fromkeys(marks.split())
    given = {name: escape(value) for name, _, value in (mark[1:].partition("=") for mark in found)}
    inner = ""
    for name, value in given.items():
        if name in EVENTS:
            reference = f' {name}Ref="{name}_{value}"' if value else ""
            inner += f"<{name}EventDefinition{reference}/>"
        elif name in TIMES:
            inner += f"<timerEventDefinition><{TIMES[name]}>{value}</{TIMES[name]}></timerEventDefinition>"
        elif name == "when":
            inner += f"<conditionalEventDefinition><condition>{value}</condition></conditionalEventDefinition>"
        elif name == "link":
            inner += f'<linkEventDefinition name="{value}"/>'
        elif name in PLAIN:
            inner += f"<{name}EventDefinition/>"
        elif name in ("many", "each", "oneByOne"):
            count = "loopDataInputRef" if name == "each" else "loopCardinality"
            until = f"<completionCondition>{given['until']}</completionCondition>" if "until" in given else ""
            inner += f'<multiInstanceLoopCharacteristics isSequential="{str(name == "oneByOne").lower()}">'
            inner += f"<{count}>{value}</{count}>{until}</multiInstanceLoopCharacteristics>"
        elif name in ("loop", "loopBefore"):
            most = f' loopMaximum="{given["most"]}"' if "most" in given else ""
            again = f"<loopCondition>{value}</loopCondition>" if value else ""
            before = str(name == "loopBefore").lower()
            inner += f'<standardLoopCharacteristics testBefore="{before}"{most}>{again}</standardLoopCharacteristics>'
        elif name == "dangling":
            inner += '<messageEventDefinition messageRef="tiada"/>'
        elif name == "do":
            inner += f"<script>{value}</script>"
        else:
            assert name in ("until", "most"), name
    return inner


def named(text: str) -> str:
    """The messages, signals, errors and escalations that `~` marks refer to."""
    found = dict.fromkeys(re.findall(rf"~({'|'.join(EVENTS)})=(\S+)", text))
    return "".join(f'<{kind} id="{kind}_{name}" name="{name}"/>' for kind, name in found)


def short(text: str) -> str:
    """Lines of `user a b ~mark; a > b > c` as those that `draw` takes, one for each node and flow.

    `boundary t on=a ~timer=PT1H` is an interrupting event, `beside=a` one that is not; `handler h` is an event
    sub-process, its start `beside` where it does not interrupt.
    """
    lines = []
    for old, new in SHORT.items():
        text = re.sub(old, new, text)
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        for part in (part.strip() for part in line.split(";")):
            chain = part.split(" > ")
            if len(chain) > 2:
                lines += [f"{indent}{one} > {two}" for one, two in zip(chain, chain[1:], strict=False)]
            elif part and len(chain) == 1:
                kind, *rest = part.split(" ")
                keys = [word for word in rest if re.fullmatch(r"\w+", word)]
                more = [word for word in rest if word not in keys]
                lines += [" ".join([f"{indent}{kind}", key, *more]) for key in keys]
            elif part:
                lines.append(f"{indent}{part}")
    return "\n".join(lines)


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
        f"{head}{named(text)}<process{given}>{process}{elements}</process>"
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


def outside(drawing: bytes) -> list[str]:
    """The names of all messages and signals of a drawing, for tests that send them from outside."""
    return re.findall(r'<(?:\w+:)?(?:message|signal) [^>]*name="([^"]+)"', drawing.decode())
