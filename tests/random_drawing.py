"""Drawings nobody would draw: nodes connected at random, splits and joins that do not match, loops into anything."""

from __future__ import annotations

import random

KINDS = (
    ["step"] * 4 + ["choice"] * 2 + ["and"] * 3 + ["or"] * 3 + ["facts"] * 2 + ["sub"] * 2
    + ["clock", "race", "many", "series", "again", "split", "post", "call", "raise", "link"]
)  # fmt: skip
PLAIN = ["step"] * 4 + ["choice"] * 2 + ["and"] * 3 + ["or"] * 3 + ["facts"] * 2 + ["sub", "clock"]
WAYS = {"choice": (2, 3), "and": (1, 3), "or": (1, 3), "facts": (2, 2), "split": (2, 3)}
CONDITIONS = ["x == 1", "y == 1", "x == 0", "x == 1 and y == 1"]
TAGS = {"and": "parallelGateway", "or": "inclusiveGateway", "facts": "exclusiveGateway", "split": "userTask"}
CODES = ("salah", "naik")
ENDS = ["none"] * 7 + ["terminate", "error", "escalation", "signal"]


def random_drawing(seed: int, *, plain: bool = False) -> bytes:
    """A BPMN file with up to some 30 random nodes, all of which can be reached; `plain` ones hold only steps, gateways,
    sub-processes and clocks, so that all that can happen in them can be tried.
    """
    return _Drawing(seed, plain).whole()


class _Drawing:
    def __init__(self, seed: int, plain: bool) -> None:
        self.plain = plain
        self.chance = random.Random(seed)
        self.minutes = random.Random(seed).sample(range(10, 6_000), 900)  # no two clocks are due at once
        self.names: list[str] = []
        self.number = 0

    def whole(self) -> bytes:
        process = f'<process id="P" isExecutable="true">{self.scope(self.chance.randint(4, 16), 0)}</process>'
        named = "".join(
            f'<{kind} id="{kind}_{code}" name="{code}"/>' for kind in ("error", "escalation") for code in CODES
        )
        named += '<signal id="signal_semua" name="semua"/>'
        named += "".join(f'<message id="{name}" name="{name}"/>' for name in self.names)
        namespace = "http://www.omg.org/spec/BPMN/20100524/MODEL"
        return f'<definitions xmlns="{namespace}" id="D" targetNamespace="t">{named}{process}</definitions>'.encode()

    def key(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    # What an event waits for or throws

    def timer(self) -> str:
        minutes = f"PT{self.minutes.pop()}M"
        return f"<timerEventDefinition><timeDuration>{minutes}</timeDuration></timerEventDefinition>"

    def cycle(self) -> str:
        minutes = f"R2/PT{self.minutes.pop()}M"
        return f"<timerEventDefinition><timeCycle>{minutes}</timeCycle></timerEventDefinition>"

    def message(self) -> str:
        self.names.append(self.key("pesan"))
        return f'<messageEventDefinition messageRef="{self.names[-1]}"/>'

    def signal(self) -> str:
        return '<signalEventDefinition signalRef="signal_semua"/>'

    def thrown(self, kind: str) -> str:
        if kind == "signal":
            return self.signal()
        return f'<{kind}EventDefinition {kind}Ref="{kind}_{self.chance.choice(CODES)}"/>'

    def awaited(self) -> str:
        return self.timer() if self.plain else self.chance.choice([self.timer, self.message, self.signal])()

    def caught(self) -> tuple[str, bool]:
        """What an event at the edge of a sub-process, or one that starts a handler, waits for; may it run beside?"""
        kind = (
            "timer"
            if self.plain
            else self.chance.choice(["timer", "cycle", "message", "signal", "error", "escalation", "escalation"])
        )
        if kind == "error":
            return self.thrown("error"), False
        return (
            self.thrown("escalation") if kind == "escalation" else getattr(self, kind)()
        ), self.chance.random() < 0.5

    # Scopes

    def scope(self, size: int, depth: int) -> str:
        """The inside of a process or sub-process: `size` nodes, and what is needed to reach and to leave them."""
        chance = self.chance
        start = self.key("S")
        elements = [f'<startEvent id="{start}"/>']
        out: dict[str, list[str]] = {start: []}  # node -> where its flows lead
        enter: list[str] = []  # nodes that a flow may lead to
        loose = [start]  # the sources of flows that lead nowhere yet
        for number in range(size):
            kind = chance.choice(PLAIN if self.plain else KINDS) if number or depth else "step"
            if kind == "sub" and depth > 1:
                kind = "step"
            if not loose:
                break
            key = self.key(kind)
            out[loose.pop(chance.randrange(len(loose)))].append(key)
            enter.append(key)
            made, ends = self.node(kind, key, depth, out)
            elements += made
            for end in ends:
                out.setdefault(end, [])
                loose += [end] * (chance.randint(*WAYS.get(kind, (1, 1))) if end in (key, f"X{key}") else 1)
        for source in loose:
            if chance.random() < 0.4 and enter:
                out[source].append(chance.choice(enter))
            else:
                kind = "none" if self.plain else chance.choice(ENDS)
                inner = "<terminateEventDefinition/>" if kind == "terminate" else ""
                inner = inner or (self.thrown(kind) if kind != "none" else "")
                out[source].append(self.key("E"))
                elements.append(f'<endEvent id="{out[source][-1]}">{inner}</endEvent>')
        if not self.plain and chance.random() < 0.3 * (depth < 2):
            elements.append(self.handler(depth))
        return "".join(self.flows(elements, out))

    def handler(self, depth: int) -> str:
        caught, beside = self.caught()
        start, step, key = self.key("S"), self.key("step"), self.key("handler")
        inside = f'<startEvent id="{start}" isInterrupting="{str(not beside).lower()}">{caught}</startEvent>'
        inside += f'<userTask id="{step}"/><sequenceFlow id="{start}_0" sourceRef="{start}" targetRef="{step}"/>'
        if self.chance.random() < 0.2:
            kind, end = self.chance.choice(["error", "escalation", "terminate"]), self.key("E")
            inner = "<terminateEventDefinition/>" if kind == "terminate" else self.thrown(kind)
            if not (beside and kind == "escalation"):  # or it might call itself for ever
                inside += f'<endEvent id="{end}">{inner}</endEvent>'
                inside += f'<sequenceFlow id="{step}_0" sourceRef="{step}" targetRef="{end}"/>'
        return f'<subProcess id="{key}" triggeredByEvent="true">{inside}</subProcess>'

    def node(self, kind: str, key: str, depth: int, out: dict[str, list[str]]) -> tuple[list[str], list[str]]:
        """The elements of a node, and those of them from which flows lead on."""
        chance = self.chance
        if kind == "choice":
            out[key] = [f"X{key}"]
            return [f'<userTask id="{key}"/><exclusiveGateway id="X{key}"/>'], [f"X{key}"]
        if kind in ("step", "many", "series", "again", "sub"):
            marker = self.marker(
                kind
                if kind != "sub"
                else "sub"
                if self.plain
                else chance.choice(["sub", "sub", "many", "series", "again"])
            )
            if kind == "sub":
                made = [f'<subProcess id="{key}">{self.scope(chance.randint(1, 4), depth + 1)}{marker}</subProcess>']
            else:
                made = [f'<userTask id="{key}">{marker}</userTask>']
            edges = []
            while chance.random() < (0.5 if kind == "sub" else 0.3) and len(edges) < 2:
                caught, beside = self.caught() if kind == "sub" else (self.awaited(), chance.random() < 0.5)
                edges.append(self.key("B"))
                attached = f'attachedToRef="{key}" cancelActivity="{str(not beside).lower()}"'
                made.append(f'<boundaryEvent id="{edges[-1]}" {attached}>{caught}</boundaryEvent>')
            return made, [key, *edges]
        if kind in ("clock", "post"):
            inner = self.timer() if kind == "clock" else chance.choice([self.message, self.signal])()
            return [f'<intermediateCatchEvent id="{key}">{inner}</intermediateCatchEvent>'], [key]
        if kind in ("call", "raise"):
            inner = self.thrown("signal" if kind == "call" else "escalation")
            return [f'<intermediateThrowEvent id="{key}">{inner}</intermediateThrowEvent>'], [key]
        if kind == "link":
            inner = f'<linkEventDefinition name="{key}"/>'
            made = [f'<intermediateThrowEvent id="{key}">{inner}</intermediateThrowEvent>']
            return [*made, f'<intermediateCatchEvent id="L{key}">{inner}</intermediateCatchEvent>'], [f"L{key}"]
        if kind == "race":
            out[key] = ends = [f"{key}a", f"{key}b"]
            made = [f'<eventBasedGateway id="{key}"/>']
            made += [f'<intermediateCatchEvent id="{e}">{self.awaited()}</intermediateCatchEvent>' for e in ends[:1]]
            return [*made, f'<intermediateCatchEvent id="{ends[1]}">{self.timer()}</intermediateCatchEvent>'], list(
                ends
            )
        return [f'<{TAGS[kind]} id="{key}"{{default}}/>'], [key]

    def marker(self, kind: str) -> str:
        if kind == "again":
            condition = self.chance.choice(["", f"<loopCondition>{self.chance.choice(CONDITIONS)}</loopCondition>"])
            before = self.chance.choice(["true", "false"])
            name = "standardLoopCharacteristics"
            return f'<{name} loopMaximum="{self.chance.randint(1, 3)}" testBefore="{before}">{condition}</{name}>'
        if kind not in ("many", "series"):
            return ""
        count = "<loopCardinality>n</loopCardinality>"
        if self.chance.random() < 0.4:
            count = "<loopDataInputRef>daftar</loopDataInputRef>"
        until = "<completionCondition>henti</completionCondition>" if self.chance.random() < 0.4 else ""
        name = "multiInstanceLoopCharacteristics"
        return f'<{name} isSequential="{str(kind == "series").lower()}">{count}{until}</{name}>'

    def flows(self, elements: list[str], out: dict[str, list[str]]) -> list[str]:
        """Elements and flows; where facts decide, the last flow is the default."""
        flows, defaults = [], {}
        for source, targets in out.items():
            for number, target in enumerate(targets):
                name, condition = "", ""
                if source.startswith("X"):
                    name = f' name="Cabang {number}"'
                elif source.startswith(("or", "facts", "split")) and len(targets) > 1:
                    if number + 1 < len(targets):
                        condition = f"<conditionExpression>{self.chance.choice(CONDITIONS)}</conditionExpression>"
                        if source.startswith("split") and self.chance.random() < 0.3:
                            condition = ""
                    else:
                        defaults[source] = f' default="{source}_{number}"'
                ends = f'sourceRef="{source}" targetRef="{target}"'
                flows.append(f'<sequenceFlow id="{source}_{number}" {ends}{name}>{condition}</sequenceFlow>')
        made = []
        for element in elements:
            key = element.split('"', 2)[1]
            made.append(
                element.replace("{default}", defaults.get(key, "")) if element.endswith("{default}/>") else element
            )
        return [*made, *flows]
