"""Drawings nobody would draw: nodes connected at random, splits and joins that do not match, loops into anything."""

from __future__ import annotations

import random

KINDS = ["step"] * 4 + ["choice"] * 2 + ["and"] * 3 + ["or"] * 3 + ["facts"] * 2 + ["clock", "race", "sub", "many"]
WAYS = {"choice": (2, 3), "and": (1, 3), "or": (1, 3), "facts": (2, 2), "race": (2, 2)}
CONDITIONS = ["x == 1", "y == 1", "x == 0", "x == 1 and y == 1"]


def random_drawing(seed: int) -> bytes:
    """A BPMN file with up to 16 random nodes, all of which can be reached."""
    chance = random.Random(seed)
    minutes = random.Random(seed).sample(range(10, 600), 80)
    elements = ['<startEvent id="S"/>']
    out: dict[str, list[str]] = {"S": []}  # node -> where its flows lead
    enter: list[str] = []  # nodes that a flow may lead to
    loose = ["S"]  # the sources of flows that lead nowhere yet

    def timer() -> str:
        return f"<timerEventDefinition><timeDuration>PT{minutes.pop()}M</timeDuration></timerEventDefinition>"

    for number in range(chance.randint(4, 16)):
        kind = chance.choice(KINDS) if number else "step"
        key = f"{kind}{number}"
        if not loose:
            break
        out[loose.pop(chance.randrange(len(loose)))].append(key)
        enter.append(key)
        ends = [key]
        if kind == "choice":
            elements.append(f'<userTask id="{key}"/><exclusiveGateway id="X{number}"/>')
            out[key], ends = [f"X{number}"], [f"X{number}"]
        elif kind in ("step", "many"):
            marker = "<multiInstanceLoopCharacteristics><loopCardinality>n</loopCardinality>"
            marker = f"{marker}</multiInstanceLoopCharacteristics>" if kind == "many" else ""
            elements.append(f'<userTask id="{key}">{marker}</userTask>')
            if chance.random() < 0.3:
                attached = f'attachedToRef="{key}" cancelActivity="{chance.choice(["true", "false"])}"'
                elements.append(f'<boundaryEvent id="B{number}" {attached}>{timer()}</boundaryEvent>')
                ends.append(f"B{number}")
        elif kind == "clock":
            elements.append(f'<intermediateCatchEvent id="{key}">{timer()}</intermediateCatchEvent>')
        elif kind == "sub":
            flow = f'<sequenceFlow id="{key}f" sourceRef="{key}s" targetRef="{key}u"/>'
            inside = f'<startEvent id="{key}s"/><userTask id="{key}u"/>{flow}'
            elements.append(f'<subProcess id="{key}">{inside}</subProcess>')
        elif kind == "race":
            ends = [f"{key}a", f"{key}b"]
            elements.append(f'<eventBasedGateway id="{key}"/>')
            elements += [f'<intermediateCatchEvent id="{end}">{timer()}</intermediateCatchEvent>' for end in ends]
            out[key] = list(ends)
        else:
            tag = {"and": "parallel", "or": "inclusive", "facts": "exclusive"}[kind]
            elements.append(f'<{tag}Gateway id="{key}"{{default}}/>')
        for end in ends:
            out.setdefault(end, [])
            loose += [end] * (chance.randint(*WAYS.get(kind, (1, 1))) if len(ends) == 1 else 1)
    for source in loose:
        if chance.random() < 0.4:
            out[source].append(chance.choice(enter))
        else:
            elements.append(f'<endEvent id="E{len(elements)}"/>')
            out[source].append(f"E{len(elements) - 1}")

    flows = []
    for source, targets in out.items():
        default = ""
        for number, target in enumerate(targets):
            name, condition = "", ""
            if source.startswith("X"):
                name = f' name="Cabang {number}"'
            elif source.startswith(("or", "facts")) and len(targets) > 1:
                if number + 1 < len(targets):
                    condition = f"<conditionExpression>{chance.choice(CONDITIONS)}</conditionExpression>"
                else:
                    default = f' default="{source}_{number}"'
            ends = f'sourceRef="{source}" targetRef="{target}"'
            flows.append(f'<sequenceFlow id="{source}_{number}" {ends}{name}>{condition}</sequenceFlow>')
        elements = [
            element.replace("{default}", default) if f'id="{source}"' in element else element for element in elements
        ]
    process = f'<process id="P" isExecutable="true">{"".join(elements + flows)}</process>'
    namespace = "http://www.omg.org/spec/BPMN/20100524/MODEL"
    return f'<definitions xmlns="{namespace}" id="D" targetNamespace="t">{process}</definitions>'.encode()
