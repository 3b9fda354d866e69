"""A BPMN file as values: nodes, flows and lanes as drawn, every reference resolved or reported. No meaning yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from app.engine.definition import Finding, Level
from app.engine.properties import local, properties

MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ADDED = "_alur_"  # ids that the reader makes up begin so, and never show
MAX_BYTES = 16 * 1024 * 1024
MAX_MARKS = 1_500_000  # of XML, counted before it is parsed: each costs far more memory than its bytes
MAX_NODES = 50_000
MAX_FLOWS = 3 * MAX_NODES

TASKS = frozenset(
    {"task", "userTask", "manualTask", "sendTask", "receiveTask", "serviceTask", "scriptTask", "businessRuleTask"}
)
SUBS = frozenset({"subProcess", "transaction", "adHocSubProcess"})
GATEWAYS = frozenset({"exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"})
EVENTS = frozenset({"startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"})
NODES = TASKS | SUBS | GATEWAYS | EVENTS | {"callActivity"}
NAMED = frozenset({"message", "signal", "error", "escalation"})
GLOBAL_TASKS = frozenset(
    {"globalTask", "globalUserTask", "globalManualTask", "globalScriptTask", "globalBusinessRuleTask"}
)
BETWEEN = {
    "choreography": "koreografi", "globalChoreographyTask": "koreografi",
    "conversation": "percakapan", "subConversation": "percakapan", "callConversation": "percakapan",
}  # fmt: skip
OTHERS = {  # part of a root's namespace, or its name: what that file is
    "schema.omg.org/spec/BPMN": "BPMN 2.0 rancangan, dari sebelum baku",
    "wfmc.org": "XPDL, yang memuat BPMN 1",
    "/DMN/": "tabel keputusan DMN", "/CMMN/": "diagram CMMN",
    "mxfile": "gambar draw.io", "mxGraphModel": "gambar draw.io", "graphml": "gambar yEd", "html": "halaman web",
    "svg": "gambar SVG, bukan diagramnya",
}  # fmt: skip
WORDS = {
    "startEvent": "kejadian awal", "endEvent": "kejadian akhir", "boundaryEvent": "kejadian tepi",
    "subProcess": "subproses", "transaction": "subproses", "adHocSubProcess": "subproses",
    "callActivity": "proses yang dipanggil", "process": "proses",
}  # fmt: skip


class Unreadable(Exception):
    """Bytes that are no diagram; `rule` and the Indonesian message say why."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class Findings:
    """What the check has to say, gathered by whoever notices."""

    def __init__(self) -> None:
        self.all: dict[Finding, None] = {}

    def say(self, element: str, level: Level, rule: str, message: str) -> None:
        self.all[Finding(element, level, rule, message)] = None


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def holds(self, point: tuple[float, float]) -> bool:
        return self.x <= point[0] <= self.x + self.width and self.y <= point[1] <= self.y + self.height


@dataclass(eq=False, slots=True)
class Edge:
    """A sequence flow. `source` and `target` are ids of nodes that exist."""

    id: str
    name: str
    source: str
    target: str
    condition: str
    properties: dict[str, str]


@dataclass(eq=False, slots=True)
class Node:
    """A flow node. `scope` is the process or sub-process it stands in, `lane` the id of its leaf lane or ""."""

    id: str
    kind: str
    name: str
    scope: str
    element: etree._Element
    documentation: str
    properties: dict[str, str]
    lane: str = ""
    box: Box | None = None
    default: str = ""
    attached: str = ""
    outgoing: list[Edge] = field(default_factory=list)
    incoming: list[Edge] = field(default_factory=list)
    boundary: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """How a message names this node."""
        word = WORDS.get(self.kind) or ("gerbang" if self.kind in GATEWAYS else "")
        word = word or ("langkah" if self.kind in TASKS else "kejadian")
        return f"{word} “{self.name}”" if self.name else f"{word} tanpa nama ({self.id})"


@dataclass(frozen=True)
class MessageFlow:
    """A dashed arrow between two nodes of different pools; one that ends at a pool's border says nothing to us."""

    id: str
    name: str
    source: str
    target: str


@dataclass(eq=False, slots=True)
class DrawnLane:
    id: str
    name: str
    parents: tuple[str, ...]
    properties: dict[str, str]
    leaf: bool
    process: str
    box: Box | None = None


@dataclass(eq=False, slots=True)
class Process:
    id: str
    name: str
    pool: str  # the participant's name
    executable: bool
    properties: dict[str, str]  # its own and, where an editor put them there, its pool's
    element: etree._Element


def parse(content: bytes) -> etree._Element:
    """The root of a BPMN file. Raises Unreadable."""
    root = parse_xml(content)
    if root.tag != f"{{{MODEL}}}definitions":
        raise Unreadable("bukan-bpmn", f"Berkas ini {_other(root)}. Simpanlah diagramnya sebagai BPMN 2.0.")
    return root


def parse_xml(content: bytes) -> etree._Element:
    """The root of an XML file. No entity is resolved, no file or network read. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("kosong", "Berkas diagram ini kosong.")
    if len(content) > MAX_BYTES:
        raise Unreadable("terlalu-besar", f"Berkas diagram ini lebih besar dari {MAX_BYTES // 1024 // 1024} MB.")
    if content.count(b"<") > MAX_MARKS:
        raise Unreadable("terlalu-besar", f"Berkas diagram ini memuat lebih dari {MAX_MARKS} tanda XML.")
    if b"<!DOCTYPE" in content.replace(b"\0", b""):
        raise Unreadable("doctype", "Berkas ini memuat DOCTYPE; diagram BPMN tidak memerlukannya. Hapuslah baris itu.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content.lstrip(b" \t\r\n"), parser)  # a line above the first is a frequent slip
    except (etree.XMLSyntaxError, ValueError, LookupError, AssertionError) as error:
        line = getattr(error, "lineno", None)
        place = f" (baris {line})" if line else ""
        message = f"Berkas ini bukan XML yang utuh{place}."
        prefix = re.match(r"Namespace prefix (\S{1,40}) .*is not defined", str(error))
        if prefix:
            message = (
                f"Awalan “{prefix[1]}:” dipakai{place}, tetapi tidak ada xmlns:{prefix[1]} yang memperkenalkannya."
            )
        raise Unreadable("bukan-xml", f"{message} Simpan ulang dari editor diagram.") from None
    if root.getroottree().docinfo.doctype:
        raise Unreadable("doctype", "Berkas ini memuat DOCTYPE; diagram BPMN tidak memerlukannya. Hapuslah baris itu.")
    return root


def _other(root: etree._Element) -> str:
    """What a file is that is no diagram of BPMN 2.0, as far as its root tells."""
    namespace = etree.QName(root).namespace or ""
    if namespace == MODEL:
        return f"hanya potongan BPMN ({local(root)}), bukan diagram seutuhnya"
    for part, what in OTHERS.items():
        if part in namespace or local(root) == part:
            return what
    if local(root) == "definitions" and not namespace:
        return f"tidak menyebut xmlns BPMN 2.0 ({MODEL})"
    return "XML, tetapi bukan diagram BPMN 2.0"


def text_of(element: etree._Element, name: str) -> str:
    """The text of the first child `name`, stripped; "" where there is none."""
    for child in element:
        if local(child) == name:
            return "".join(str(part) for part in child.itertext()).strip()
    return ""


class Drawing:
    """One or several files read together: the main diagram and those it calls. Ids are unique over all of them."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.nodes: dict[str, Node] = {}
        self.edges: dict[str, Edge] = {}
        self.messages: list[MessageFlow] = []
        self.lanes: dict[str, DrawnLane] = {}
        self.processes: dict[str, Process] = {}
        self.named: dict[str, tuple[str, str]] = {}  # message, signal, error, escalation: id -> kind, name
        self.global_tasks: dict[str, str] = {}  # what a call activity may call instead of a process: raw id -> name
        self.taken: set[str] = set()

    def inside(self, scope: str) -> list[Node]:
        """The nodes that stand directly in a process or sub-process, in file order."""
        return self._by_scope.get(scope, [])

    def messages_to(self, node: str) -> list[MessageFlow]:
        """The message flows that lead to a node."""
        return self._to.get(node, [])

    def messages_from(self, node: str) -> list[MessageFlow]:
        """The message flows that lead away from a node."""
        return self._from.get(node, [])

    def add(self, root: etree._Element) -> list[Process]:
        """Reads a file's root; gives its processes. Raises Unreadable where it is too large."""
        return _File(self, root).read()

    def index(self) -> None:
        """To be called when every file is read: who stands where, what leads where, in drawn order."""
        self._by_scope: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            self._by_scope.setdefault(node.scope, []).append(node)
            node.outgoing.clear()
            node.incoming.clear()
        self._to: dict[str, list[MessageFlow]] = {}
        self._from: dict[str, list[MessageFlow]] = {}
        for flow in self.messages:
            self._to.setdefault(flow.target, []).append(flow)
            self._from.setdefault(flow.source, []).append(flow)
        for edge in self.edges.values():
            self.nodes[edge.source].outgoing.append(edge)
            self.nodes[edge.target].incoming.append(edge)
        for node in self.nodes.values():
            if len(node.outgoing) > 1:
                node.outgoing.sort(key=self._drawn)

    def _drawn(self, edge: Edge) -> tuple[bool, float, float]:
        """Drawn order: the default flow first, then top to bottom, then left to right; else as in the file."""
        box = self.nodes[edge.target].box
        x, y = box.middle if box else (0.0, 0.0)
        return (self.nodes[edge.source].default != edge.id, y, x)


class _File:
    """One file on its way into a drawing: raw ids become unique ones, and references follow."""

    def __init__(self, drawing: Drawing, root: etree._Element) -> None:
        self.drawing = drawing
        self.findings = drawing.findings
        self.root = root
        self.ids: dict[str, str] = {}
        self.counter = 0

    def read(self) -> list[Process]:
        pools: dict[str, etree._Element] = {}
        for participant in self.root.iterdescendants(f"{{{MODEL}}}participant"):
            pools.setdefault((participant.get("processRef") or "").strip(), participant)
        for child in self.root:
            if local(child) in NAMED:
                raw = (child.get("id") or "").strip()
                name = (child.get("name") or child.get("errorCode") or child.get("escalationCode") or raw).strip()
                self.drawing.named[self.id(child, local(child))] = (local(child), name)
            elif local(child) in GLOBAL_TASKS:
                raw = (child.get("id") or "").strip()
                self.drawing.global_tasks.setdefault(raw, (child.get("name") or raw).strip())
        found = []
        flows: list[etree._Element] = []
        lane_sets: list[tuple[str, etree._Element]] = []
        for element in self.root:
            if local(element) != "process":
                continue
            raw = (element.get("id") or "").strip()
            name = (element.get("name") or "").strip()
            pool = pools.get(raw)
            process = Process(
                self.id(element, "process"),
                name,
                "" if pool is None else (pool.get("name") or "").strip(),
                element.get("isExecutable") == "true",
                properties(element) if pool is None else properties(element).over(properties(pool)),
                element,
            )
            self.drawing.processes[process.id] = process
            found.append(process)
            self.contents(process.id, element, flows, lane_sets)
        for flow in flows:
            self.flow(flow)
        for element in self.root.iterdescendants(f"{{{MODEL}}}messageFlow"):
            self.message(element)
        self.attach()
        boxes = self.boxes()
        for process_id, lane_set in lane_sets:
            self.lanes(process_id, lane_set, (), boxes)
        for key, box in boxes.items():
            if key in self.drawing.nodes:
                self.drawing.nodes[key].box = box
        kinds = {local(child) for child in self.root.iterdescendants() if local(child) in BETWEEN}
        if not self.drawing.nodes and kinds:
            what = " dan ".join(sorted({BETWEEN[kind] for kind in kinds}))
            message = f"Diagram ini hanya memuat {what}: siapa berhubungan dengan siapa, bukan langkah siapa pun."
            raise Unreadable("tanpa-proses", f"{message} Gambarlah prosesnya.")
        return found

    def id(self, element: etree._Element, kind: str) -> str:
        """A unique id for an element, its own wherever that is possible."""
        raw = (element.get("id") or "").strip()
        key = raw
        if not raw or len(raw) > 200 or re.search(r"[\s\"'\\<>&]", raw) or raw.startswith(ADDED):
            self.counter += 1
            key = f"{kind}_{self.counter}"
        elif raw in self.drawing.taken:
            message = f"Id “{raw}” digunakan lebih dari satu kali; yang kedua dibaca sebagai elemen tersendiri."
            self.findings.say(raw, "warning", "id-ganda", f"{message} Beri id lain agar rujukan tidak tertukar.")
        number = 2
        base = key
        while key in self.drawing.taken:
            key, number = f"{base}_{number}", number + 1
        self.drawing.taken.add(key)
        if raw:
            self.ids.setdefault(raw, key)
        return key

    def ref(self, element: etree._Element, attribute: str) -> str:
        raw = (element.get(attribute) or "").strip()
        return self.ids.get(raw, "")

    def contents(
        self,
        scope: str,
        container: etree._Element,
        flows: list[etree._Element],
        lane_sets: list[tuple[str, etree._Element]],
    ) -> None:
        rest = [(scope, container)]
        while rest:
            scope, container = rest.pop()
            for child in container:
                kind = local(child)
                if kind == "sequenceFlow":
                    if len(flows) >= MAX_FLOWS:
                        raise Unreadable("terlalu-besar", f"Diagram ini memuat lebih dari {MAX_FLOWS} panah.")
                    flows.append(child)
                elif kind == "laneSet":
                    lane_sets.append((scope, child))
                elif kind in NODES:
                    if len(self.drawing.nodes) >= MAX_NODES:
                        raise Unreadable("terlalu-besar", f"Diagram ini memuat lebih dari {MAX_NODES} elemen.")
                    key = self.id(child, kind)
                    self.drawing.nodes[key] = Node(
                        key,
                        kind,
                        " ".join((child.get("name") or "").split()),
                        scope,
                        child,
                        text_of(child, "documentation"),
                        properties(child),
                    )
                    if kind in SUBS:
                        rest.append((key, child))

    def flow(self, element: etree._Element) -> None:
        key = self.id(element, "flow")
        name = " ".join((element.get("name") or "").split())
        source, target = self.ref(element, "sourceRef"), self.ref(element, "targetRef")
        nodes = self.drawing.nodes
        ends = [nodes[end] for end in (source, target) if end in nodes]
        called = f"Panah “{name}”" if name else f"Panah {key}"
        if len(ends) < 2:
            other = f" ({'dari' if source in nodes else 'menuju'} {ends[0].label})" if ends else ""
            message = f"{called}{other} tidak tersambung di kedua ujungnya. Sambungkan atau hapuslah panah itu."
            self.findings.say(key, "error", "panah-putus", message)
            return
        if ends[0].scope != ends[1].scope:
            message = f"{called} menembus batas pool atau subproses, dari {ends[0].label} ke {ends[1].label}."
            self.findings.say(key, "error", "panah-tembus", f"{message} Gambarlah di dalam satu batas.")
            return
        if ends[1].kind == "boundaryEvent":
            message = f"{called} menuju {ends[1].label}; kejadian tepi hanya dapat ditinggalkan, tidak dituju."
            self.findings.say(key, "error", "panah-ke-tepi", message)
            return
        condition = text_of(element, "conditionExpression")
        self.drawing.edges[key] = Edge(key, name, source, target, condition, properties(element))

    def message(self, element: etree._Element) -> None:
        source, target = self.ref(element, "sourceRef"), self.ref(element, "targetRef")
        if source in self.drawing.nodes and target in self.drawing.nodes:
            name = " ".join((element.get("name") or "").split())
            self.drawing.messages.append(MessageFlow(self.id(element, "message"), name, source, target))

    def attach(self) -> None:
        for node in list(self.drawing.nodes.values()):
            if node.element.getroottree().getroot() is not self.root:
                continue
            if node.element.get("default"):
                edge = self.drawing.edges.get(self.ref(node.element, "default"))
                if edge is not None and edge.source == node.id:
                    node.default = edge.id
                else:
                    message = f"Cabang bawaan pada {node.label} menunjuk panah yang tidak keluar dari sana; diabaikan."
                    self.findings.say(node.id, "warning", "bawaan-putus", message)
            if node.kind == "boundaryEvent":
                host = self.drawing.nodes.get(self.ref(node.element, "attachedToRef"))
                if host is None or host.kind not in TASKS | SUBS | {"callActivity"}:
                    message = f"{node.label} tidak menempel pada langkah mana pun. Tempelkan pada langkahnya."
                    self.findings.say(node.id, "error", "tepi-lepas", message[0].upper() + message[1:])
                else:
                    node.attached, node.scope = host.id, host.scope
                    host.boundary.append(node.id)

    def boxes(self) -> dict[str, Box]:
        found: dict[str, Box] = {}
        for shape in self.root.iter("{http://www.omg.org/spec/BPMN/20100524/DI}BPMNShape"):
            key = self.ref(shape, "bpmnElement") or (shape.get("bpmnElement") or "").strip()
            for child in shape:
                if local(child) == "Bounds":
                    try:
                        numbers = [float(child.get(name) or 0) for name in ("x", "y", "width", "height")]
                    except ValueError:
                        continue
                    found.setdefault(key, Box(*numbers))
        return found

    def lanes(self, process: str, lane_set: etree._Element, parents: tuple[str, ...], boxes: dict[str, Box]) -> None:
        for element in lane_set:
            if local(element) != "lane":
                continue
            raw = (element.get("id") or "").strip()
            key = self.id(element, "lane")
            name = " ".join((element.get("name") or "").split())
            inner = [child for child in element if local(child) == "childLaneSet" and len(child)]
            lane = DrawnLane(
                key, name, parents, properties(element), not inner, process, boxes.get(key) or boxes.get(raw)
            )  # fmt: skip
            self.drawing.lanes[key] = lane
            for child in element:
                if local(child) == "flowNodeRef":
                    node = self.drawing.nodes.get(self.ids.get((child.text or "").strip(), ""))
                    if node is not None and lane.leaf:
                        node.lane = key
            for child in inner:
                self.lanes(process, child, (*parents, name), boxes)


def process_of(drawing: Drawing, node: Node) -> str:
    """The process that a node stands in, however deep."""
    outer = list(ancestors(drawing, node))
    return (outer[-1] if outer else node).scope


def ancestors(drawing: Drawing, node: Node) -> Iterator[Node]:
    """The sub-processes around a node, innermost first."""
    while node.scope in drawing.nodes:
        node = drawing.nodes[node.scope]
        yield node
