"""Who decides at an exclusive gateway without conditions, and which of its branches are returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.engine.definition import Choice
from app.engine.drawing import Drawing, Edge, Findings, Node
from app.engine.graph import Flowgraph, Next, find
from app.engine.rules import STEP, Sense

MAX_MERGES = 50


@dataclass(frozen=True)
class Decision:
    """A choice gateway: the steps whose officer chooses, the flows by which they come, and whether others come too."""

    gateway: Node
    hosts: tuple[str, ...]
    direct: frozenset[str]
    own: bool  # it is a step of its own for whoever comes by another way
    choices: tuple[Choice, ...]


class Chooser:
    """Reads the choices of one scope: a branch leads to what `stops`, or to the `first_step` inside that."""

    def __init__(
        self,
        drawing: Drawing,
        senses: Mapping[str, Sense],
        findings: Findings,
        graph: Flowgraph,
        after: Next,
        stops: Callable[[str], bool],
        first_step: Callable[[str], str],
    ) -> None:
        self.drawing = drawing
        self.senses = senses
        self.findings = findings
        self.graph = graph
        self.after = after
        self.stops = stops
        self.first_step = first_step

    def decide(self, gateway: Node) -> Decision:
        """What a gateway whose branch a person chooses means."""
        hosts: dict[str, None] = {}
        direct = []
        for edge in gateway.incoming:
            found = self._hosts(edge, 0)
            if found:
                hosts.update(dict.fromkeys(found))
                direct.append(edge.id)
        own = len(direct) < len(gateway.incoming) or not hosts
        choices = self._choices(gateway)
        self._tell(gateway, tuple(hosts), own, choices)
        return Decision(gateway, tuple(hosts), frozenset(direct), own, choices)

    def _hosts(self, edge: Edge, depth: int) -> list[str] | None:
        """The steps that an edge comes from, straight or through gateways that only merge; None where also others."""
        source = self.drawing.nodes[edge.source]
        sense = self.senses[source.id]
        if len(source.outgoing) != 1 or depth > MAX_MERGES:
            return None
        if sense.tag == STEP:
            return None if sense.loop else [source.id]
        if source.kind != "exclusiveGateway" or not source.incoming:
            return None
        hosts = []
        for incoming in source.incoming:
            found = self._hosts(incoming, depth + 1)
            if found is None:
                return None
            hosts += found
        return hosts

    def _choices(self, gateway: Node) -> tuple[Choice, ...]:
        labels: set[str] = set()
        found = []
        for number, edge in enumerate(gateway.outgoing, 1):
            anchor = find(edge.target, self.after, self.stops) or edge.target
            target = self.first_step(anchor)
            name = self.drawing.nodes[target].name
            label = edge.name or name or f"Cabang {number}"
            if label in labels:
                label = f"{label} ({name or number})"
            if label in labels:
                label = f"{label} ({number})"
            labels.add(label)
            if not edge.name:
                message = f"Cabang tanpa nama pada {gateway.label} diberi nama menurut tujuannya: “{label}”."
                self.findings.say(edge.id, "info", "cabang-tanpa-nama", message)
            found.append(Choice(edge.id, label, self._returns(gateway, edge, anchor), target, edge.properties))
        return tuple(sorted(found, key=lambda choice: choice.returns))

    def _returns(self, gateway: Node, edge: Edge, anchor: str) -> bool:
        """A return leads to a step that every way to the gateway has passed; a property of the flow overrides."""
        given = edge.properties.get("kembali")
        if given in ("ya", "tidak"):
            return given == "ya"
        if self.graph.dominates(anchor, gateway.id):
            return True
        if not self.graph.leads_back(anchor, gateway.id):
            return False
        name = f"“{edge.name}”" if edge.name else edge.id
        message = (
            f"Cabang {name} pada {gateway.label} menuju putaran yang mempunyai beberapa pintu masuk; menurut urutan "
            f"gambar dibaca sebagai pengembalian. Bila bukan, beri panah itu properti kembali = tidak."
        )
        self.findings.say(edge.id, "info", "putaran-banyak-pintu", message)
        return True

    def _back(self, choice: Choice) -> str:
        return f" (kembali ke {self.drawing.nodes[choice.target].label})" if choice.returns else ""

    def _tell(self, gateway: Node, hosts: tuple[str, ...], own: bool, choices: tuple[Choice, ...]) -> None:
        branches = ", ".join(f"“{choice.label}”{self._back(choice)}" for choice in choices)
        at = " dan ".join(self.drawing.nodes[host].label for host in hosts)
        where = " dan ".join(part for part in (at, "langkah tersendiri" if own else "") if part)
        message = f"{gateway.label} dibaca sebagai keputusan petugas pada {where}: {branches}."
        self.findings.say(gateway.id, "info", "keputusan", message[0].upper() + message[1:])
