"""From a file as somebody drew it to a definition and a bare model, with everything there is to say about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lxml import etree

from app.engine import check, dmn, rules, soundness
from app.engine.choices import Chooser, Decision
from app.engine.definition import Choice, Definition, End, Finding, Flow, Lane, Reading, Start, Step, Telling
from app.engine.drawing import Drawing, DrawnLane, Findings, Node, Process, Unreadable, parse, process_of, text_of
from app.engine.graph import Flowgraph, find, forward_order
from app.engine.model import Model, Pools
from app.engine.properties import FOR_LANES, Given, form_of, local
from app.engine.rules import CATCH, HEARING, STEP, THROW, Rules, handed


def read(diagram: bytes, called: Mapping[str, bytes] | None = None, outside: Iterable[str] = ()) -> Reading:
    """Reads a diagram; `called` are files by name in which call activities may find their process, and business rules
    (`.dmn`) their table; `outside` the names of messages and signals that will be sent from outside (`send`): those
    that nobody sends, a person declares.

    Takes any bytes and never raises: what cannot be read is an error among the findings.
    """
    findings = Findings()
    definition = None
    try:
        definition = _Reader(findings).read(diagram, called or {}, outside)
    except Unreadable as wrong:
        findings.say("", "error", wrong.rule, str(wrong))
    return Reading(definition, tuple(findings.all))


def read_tables(name: str, content: bytes) -> tuple[Finding, ...]:
    """What there is to say of a file of decision tables alone."""
    findings = Findings()
    dmn.faults_of(name, content, findings)
    return tuple(findings.all)


def process_ids(diagram: bytes) -> frozenset[str]:
    """The ids of the processes in a file; none where it cannot be read."""
    return _ids(diagram, "process", "id")


def called_ids(diagram: bytes) -> frozenset[str]:
    """The ids of the processes that a file's call activities name."""
    return _ids(diagram, "callActivity", "calledElement") | _ids(diagram, "calledElement", "processId")


def _ids(diagram: bytes, name: str, attribute: str) -> frozenset[str]:
    try:
        root = parse(diagram)
    except Unreadable:
        return frozenset()
    found = (element.get(attribute, "").strip() for element in root.iter() if local(element) == name)
    return frozenset(key for key in found if key)


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.drawing = Drawing(findings)
        self.entries: dict[str, list[str]] = {}  # of scopes without a start event
        self.after: dict[str, list[str]] = {}  # successors of every node, in drawn order
        self.graphs: dict[str, Flowgraph] = {}
        self.roots: dict[str, list[str]] = {}
        self.links: dict[str, str] = {}

    def read(self, diagram: bytes, called: Mapping[str, bytes], outside: Iterable[str]) -> Definition:
        drawing = self.drawing
        root = parse(diagram)
        own = drawing.add(root)
        main, pools = self.main(own)
        sheets = {name: content for name, content in called.items() if name.endswith(dmn.SUFFIX)}
        known = self.called(pools, own, {name: called[name] for name in called if name not in sheets})
        together = [pool.id for pool in pools]
        apart = list(dict.fromkeys(key for key in known.values() if key not in together))
        processes = [*together, *apart]
        self.keep(processes)
        drawing.index()
        ruling = Rules(drawing, self.findings, known, dmn.Tables(sheets, self.findings), outside)
        self.senses = {node.id: ruling.sense(node) for node in drawing.nodes.values()}
        for node in drawing.nodes.values():
            self.after[node.id] = [edge.target for edge in node.outgoing] + node.boundary
        self.link()
        scopes = [*processes, *(node.id for node in drawing.nodes.values() if self.senses[node.id].tag == "subProcess")]
        for scope in scopes:
            self.graph(scope)
        handing = self.handing(main, together)
        lanes = self.lanes(main, pools)
        decisions = [decision for scope in scopes for decision in self.decisions(scope)]
        definition = self.definition(main, handing, lanes, decisions)
        self.say_more(main, lanes, definition, scopes)
        model = Model(drawing, self.senses, decisions, self.entries, self.links, handing)
        starts = [start.id for start in definition.starts] if handing.first not in self.entries else []
        default = next((start.id for start in definition.starts if start.default), "")
        definition = replace(definition, model=model.write(main.id, apart, starts, default))
        soundness.check(definition, drawing, self.findings)
        if not any(finding.level == "error" for finding in self.findings.all):
            check.four_eyes(definition, self.findings)
        return definition

    # Which process

    def main(self, processes: list[Process]) -> tuple[Process, list[Process]]:
        """The process that the SOP is known by, and all that run together in one case, joined by message flows.

        The first is, of those with anything in them, marked executable if any is, the largest.
        """
        sizes = {process.id: 0 for process in processes}
        for node in self.drawing.nodes.values():
            if node.scope in sizes:
                sizes[node.scope] += 1
        drawn = [process for process in processes if sizes[process.id]]
        if not drawn:
            raise Unreadable("tanpa-proses", "Diagram ini tidak memuat satu langkah pun.")
        marked = [process for process in drawn if process.executable]
        main = max(marked or drawn, key=lambda process: sizes[process.id])
        joined = self.joined(main.id)
        together = [process for process in drawn if process.id in joined]
        calls = [key for process in together for key in _calls(process.element)]
        for other in drawn:
            if other not in together and other.element.get("id") not in calls:
                message = f"Pool “{other.pool or other.name or other.id}” tidak dijalankan;"
                message += f" yang dijalankan ialah “{main.pool or main.name or main.id}”."
                message += " Hubungkan keduanya dengan panah pesan, atau simpanlah sebagai SOP tersendiri."
                self.findings.say(other.id, "warning", "pool-lain", message)
        return main, together

    def joined(self, main: str) -> set[str]:
        """The processes that message flows between nodes join with `main`; other message flows are forgotten."""
        drawing = self.drawing
        ends = {}
        for flow in drawing.messages:
            source, target = (process_of(drawing, drawing.nodes[key]) for key in (flow.source, flow.target))
            if source != target and drawing.nodes[flow.target].kind in HEARING:
                ends[flow] = (source, target)
        joined, before = {main}, 0
        while len(joined) > before:
            before = len(joined)
            joined |= {key for pair in ends.values() if joined & set(pair) for key in pair}
        drawing.messages = [flow for flow, pair in ends.items() if pair[0] in joined]
        return joined

    def handing(self, main: Process, together: list[str]) -> Pools:
        """How the pools that run together begin: with the case, or when a message flow reaches their start event."""
        drawing = self.drawing
        doors = {}
        for flow in drawing.messages:
            source, target = drawing.nodes[flow.source], drawing.nodes[flow.target]
            if self.senses[target.id].tag == "startEvent" and target.scope in together:
                doors[handed(flow)] = target.id
            message = f"{target.label} menunggu sampai {source.label} selesai (panah pesan)."
            self.findings.say(target.id, "info", "serah-terima", message[0].upper() + message[1:])
        free = {key: [root for root in self.roots[key] if root not in doors.values()] for key in together}
        first = next((key for key in [main.id, *together] if self.starting(free[key])), main.id)
        if not self.starting(free[first]):  # all wait for each other: the case begins where the SOP does
            doors = {name: key for name, key in doors.items() if drawing.nodes[key].scope != first}
            free[first] = self.roots[first]
        begun = {drawing.nodes[key].scope for key in doors.values()}
        at_once = [key for key in together if key == first or (self.starting(free[key]) and key not in begun)]
        return Pools(together, first, at_once, doors)

    def starting(self, roots: list[str]) -> list[str]:
        return [key for key in roots if self.drawing.nodes[key].element.get("triggeredByEvent") != "true"]

    def called(self, pools: list[Process], own: list[Process], files: Mapping[str, bytes]) -> dict[str, str]:
        """The processes that calls lead to, from the same file or from `files`: raw id -> id."""
        at_hand = {_raw(process.element): process for process in own}
        roots: dict[str, etree._Element] | None = None
        known: dict[str, str] = {}
        rest = list(pools)
        while rest:
            for raw in _calls(rest.pop().element):
                if raw in known:
                    continue
                if raw not in at_hand:
                    roots = self.parsed(files) if roots is None else roots
                    for name, root in list(roots.items()):
                        if any(local(element) == "process" and _raw(element) == raw for element in root):
                            del roots[name]
                            for process in self.drawing.add(root):
                                at_hand.setdefault(_raw(process.element), process)
                            break
                if raw in at_hand:
                    known[raw] = at_hand[raw].id
                    rest.append(at_hand[raw])
        return known

    def parsed(self, files: Mapping[str, bytes]) -> dict[str, etree._Element]:
        roots = {}
        for name, content in files.items():
            try:
                roots[name] = parse(content)
            except Unreadable as wrong:
                self.findings.say(name, "error", wrong.rule, f"{name}: {wrong}")
        return roots

    def keep(self, processes: list[str]) -> None:
        """Forgets what stands in processes that do not run."""
        drawing = self.drawing
        kept = set(processes)
        for node in list(drawing.nodes.values()):  # a sub-process comes before what is in it
            if process_of(drawing, node) not in kept:
                node.scope = ""
        drawing.nodes = {
            key: node for key, node in drawing.nodes.items() if node.scope in kept or node.scope in drawing.nodes
        }
        drawing.edges = {key: edge for key, edge in drawing.edges.items() if edge.source in drawing.nodes}
        drawing.lanes = {
            key: lane for key, lane in drawing.lanes.items() if lane.process in kept or lane.process in drawing.nodes
        }

    # The flow

    def link(self) -> None:
        """A throwing link event goes on at the catching one of its name."""
        events = [node for node in self.drawing.nodes.values() if node.kind in (rules.THROW, rules.CATCH)]
        names = {node.id: rules.link_name(node) for node in events}
        targets: dict[tuple[str, str], str] = {}
        for key, name in names.items():
            node = self.drawing.nodes[key]
            if name is not None and node.kind == rules.CATCH and targets.setdefault((node.scope, name), key) != key:
                message = f"Ada dua kejadian tautan penerima bernama “{name}”; lompatan ke sana tidak tentu tujuannya."
                self.findings.say(key, "error", "tautan-ganda", message)
        for key, name in names.items():
            node = self.drawing.nodes[key]
            if name is None or node.kind != rules.THROW:
                continue
            target = targets.get((node.scope, name))
            if target:
                self.links[key] = target
                self.after[key].append(target)
            else:
                message = f"{node.label} melompat ke “{name}”, tetapi tidak ada kejadian tautan penerima bernama itu."
                self.findings.say(key, "error", "tautan-putus", message[0].upper() + message[1:])

    def graph(self, scope: str) -> None:
        nodes = self.drawing.inside(scope)
        aside = [node.id for node in nodes if node.element.get("triggeredByEvent") == "true"]
        roots = [node.id for node in nodes if node.kind == "startEvent"]
        if not roots:
            led_to = {other for node in nodes for other in self.after[node.id]}
            roots = [node.id for node in nodes if node.id not in led_to and node.id not in aside and not node.attached]
            roots = [key for key in roots if self.drawing.nodes[key].kind != "boundaryEvent"]
            if not roots:
                roots = [nodes[0].id]
            self.entries[scope] = roots
            if scope in self.drawing.processes:
                first = " dan ".join(self.drawing.nodes[key].label for key in roots[:5])
                message = f"Tidak ada kejadian awal; permohonan dimulai di {first}."
                self.findings.say(scope, "info", "tanpa-awal", message)
        self.roots[scope] = roots + aside
        self.graphs[scope] = Flowgraph(self.roots[scope], self.after)

    def first_step(self, node: str) -> str:
        """The first step inside a sub-process or call activity, as deep as it lies; any other node is itself."""
        for _ in range(20):
            sense = self.senses[node]
            scope = node if sense.tag == "subProcess" else sense.called
            if scope not in self.roots or not self.roots[scope]:
                return node
            inner = find(self.roots[scope][0], self.after, self.is_stop)
            if inner is None or self.senses[inner].tag == "endEvent":
                return node
            node = inner
        return node

    def is_stop(self, node: str) -> bool:
        sense = self.senses[node]
        return sense.chooses or sense.tag in (STEP, "endEvent", "subProcess", "callActivity")

    def decisions(self, scope: str) -> list[Decision]:
        graph = self.graphs[scope]
        chooser = Chooser(
            self.drawing, self.senses, self.findings, graph, self.after, self.is_stop, self.first_step
        )  # fmt: skip
        return [chooser.decide(node) for node in self.drawing.inside(scope) if self.senses[node.id].chooses]

    # Lanes

    def lanes(self, main: Process, pools: list[Process]) -> dict[str, DrawnLane]:
        """The leaf lanes by id, each name once; every node is put into its lane. A pool without lanes is one."""
        drawing = self.drawing
        inherit(list(drawing.lanes.values()))
        leaves = [lane for lane in drawing.lanes.values() if lane.leaf]
        own = {lane.process for lane in leaves}
        for process in pools:
            if process.id in own or (leaves and len(pools) == 1):
                continue
            pool = process.pool or process.name or process.id
            leaves.append(DrawnLane(process.id, pool, (), process.properties, True, process.id))
            for node in drawing.inside(process.id):
                node.lane = process.id
            if len(pools) == 1:
                message = f"Tidak ada lajur; semua langkah dikerjakan oleh lajur “{pool}”."
            else:
                message = f"Pool “{pool}” tidak berlajur; semua langkahnya dikerjakan oleh lajur “{pool}”."
            self.findings.say(process.id, "info", "tanpa-lajur", message)
        for lane in leaves:
            if not lane.name:
                pool = main.pool or main.name or main.id
                lane.name = pool if len(leaves) == 1 else lane.id
                self.findings.say(lane.id, "warning", "lajur-tanpa-nama", f"Lajur tanpa nama disebut “{lane.name}”.")
        boxed = [lane for lane in leaves if lane.box][:200]
        where = {lane.id: lane for lane in leaves}
        for node in drawing.nodes.values():
            if node.lane in where:
                continue
            inside = [lane for lane in boxed if node.box and lane.box and lane.box.holds(node.box.middle)]
            node.lane = min(inside, key=lambda lane: lane.box.height if lane.box else 0.0).id if inside else ""
        calls = {self.senses[node.id].called: node for node in drawing.nodes.values() if self.senses[node.id].called}
        for node in drawing.nodes.values():  # a sub-process comes before what is in it
            around = drawing.nodes.get(node.attached) or drawing.nodes.get(node.scope) or calls.get(node.scope)
            if not node.lane and around:
                node.lane = around.lane
        for node in drawing.nodes.values():
            if not node.lane:
                node.lane = self.nearest_lane(node, leaves)
        names: dict[str, DrawnLane] = {}
        for lane in leaves:
            if lane.name in names:
                message = f"Ada dua lajur bernama “{lane.name}”; keduanya dibaca sebagai satu lajur."
                self.findings.say(lane.id, "info", "lajur-kembar", message)
            names.setdefault(lane.name, lane)
        for node in drawing.nodes.values():
            node.lane = names[where[node.lane].name].id
        return {lane.id: lane for lane in names.values()}

    def nearest_lane(self, node: Node, leaves: list[DrawnLane]) -> str:
        nodes = self.drawing.nodes
        rest, seen = [node.id], {node.id}
        lane = ""
        while rest and not lane and len(seen) < 50:
            key = rest.pop(0)
            for other in [edge.source for edge in nodes[key].incoming] + self.after[key]:
                if other not in seen:
                    seen.add(other)
                    rest.append(other)
                    lane = lane or nodes[other].lane
        lane = lane or leaves[0].id
        if len(leaves) > 1 and self.senses[node.id].tag == STEP:
            name = next(leaf.name for leaf in leaves if leaf.id == lane)
            message = f"{node.label} tidak berada di lajur mana pun; dibaca sebagai langkah lajur “{name}”."
            message += " Geserlah ke dalam lajurnya."
            self.findings.say(node.id, "warning", "di-luar-lajur", message[0].upper() + message[1:])
        return lane

    # The definition

    def definition(
        self, main: Process, handing: Pools, lanes: dict[str, DrawnLane], decisions: Iterable[Decision]
    ) -> Definition:
        drawing = self.drawing
        nodes = drawing.nodes
        choices: dict[str, tuple[Choice, ...]] = {}
        for decision in decisions:
            for key in (*decision.hosts, *((decision.gateway.id,) if decision.own else ())):
                choices[key] = decision.choices
        steps = {}
        for key in self.in_order([handing.first, *(key for key in handing.all if key != handing.first)]):
            node = nodes[key]
            if self.senses[key].tag == STEP or key in choices:
                steps[key] = self.step(node, lanes, choices.get(key, ()))
        chosen = {choice.id for branches in choices.values() for choice in branches}
        starts = self.starts(handing, lanes)
        applicant = [lane.name for lane in lanes.values() if lane.properties.get("pemohon") == "ya"]
        if len(applicant) > 1:
            message = f"Beberapa lajur ditandai pemohon: {', '.join(f'“{name}”' for name in applicant)}; yang dibaca "
            message += f"“{applicant[0]}”. Tandai satu saja."
            second = next(lane.id for lane in lanes.values() if lane.name == applicant[1])
            self.findings.say(second, "warning", "pemohon-ganda", message)
        if not applicant and len(lanes) > 1:
            usual = {start.lane for start in starts if start.default}
            applicant = [lane.name for lane in lanes.values() if lane.name in usual and not _inside(lane)]
        return Definition(
            key=main.id,
            title=main.name or main.pool or main.id,
            documentation=text_of(main.element, "documentation"),
            properties=main.properties,
            lanes=tuple(Lane(lane.id, lane.name, lane.parents, lane.properties) for lane in lanes.values()),
            applicant_lane=applicant[0] if applicant else None,
            starts=starts,
            steps=steps,
            ends={n.id: End(n.id, n.name, n.properties) for n in nodes.values() if n.kind == "endEvent"},
            flows={e.id: Flow(e.id, e.name, e.source, e.target) for e in drawing.edges.values()},
            facts=rules.reads(self.senses.values()),
            names={node.id: node.name for node in nodes.values()},
            model="",
            issues={
                edge.id: edge.properties["dokumen"]
                for edge in drawing.edges.values()
                if edge.properties.get("dokumen") and edge.id not in chosen
            },
            tells=self.tells(steps, lanes),
        )

    def tells(self, steps: Mapping[str, Step], lanes: Mapping[str, DrawnLane]) -> dict[str, Telling]:
        """What is told where. An event in the flow that waits is passed when it begins to: the flow after it tells."""
        found: dict[str, Telling] = {}
        for node in self.drawing.nodes.values():
            waits = node.kind == CATCH and node.id not in steps
            where = [edge.id for edge in node.outgoing[:1]] if waits else [node.id]
            if node.id not in steps and node.kind not in (CATCH, THROW, "boundaryEvent", "endEvent"):
                where = []
            for key, given in [
                *((key, node.properties) for key in where),
                *((e.id, e.properties) for e in node.outgoing),
            ]:
                text = "\n".join(filter(None, (found[key].text if key in found else "", given.get("pesan", ""))))
                if text:
                    found[key] = Telling(text, lanes[node.lane].name)
        return found

    def step(self, node: Node, lanes: dict[str, DrawnLane], choices: tuple[Choice, ...]) -> Step:
        name = node.name
        if not name:
            name = f"Keputusan {node.id}" if node.kind == "exclusiveGateway" else node.id
            self.findings.say(node.id, "warning", "langkah-tanpa-nama", f"Langkah {node.id} belum bernama.")
        given = dict(node.properties)
        form = form_of(node.element, given)
        if form:
            given["formulir"] = form
        return Step(node.id, name, lanes[node.lane].name, node.documentation, choices, given)

    def starts(self, handing: Pools, lanes: dict[str, DrawnLane]) -> tuple[Start, ...]:
        found = [self.drawing.nodes[key] for key in self.roots[handing.first] if self.senses[key].tag == "startEvent"]
        found = [node for node in found if node.id not in handing.doors.values()]
        found = found or [self.drawing.nodes[key] for key in self.entries[handing.first][:1]]
        usual = [node for node in found if node.properties.get("utama") == "ya"] or found
        if len(usual) > 1 and usual is not found:
            message = f"Lebih dari satu kejadian awal ditandai utama; yang dipakai {usual[0].label}."
            self.findings.say(usual[1].id, "warning", "utama-ganda", message)
        starts = []
        for node in found:
            starts.append(Start(node.id, node.name, node is usual[0], lanes[node.lane].name))
        return tuple(starts)

    def in_order(self, pools: list[str]) -> list[str]:
        """Every node so that a step comes after those that lead to it; what is inside a sub-process in its place."""
        order: dict[str, None] = {}
        scopes = list(pools)
        rest = [key for pool in reversed(pools) for key in reversed(forward_order(self.roots[pool], self.after))]
        while rest:
            key = rest.pop()
            if key in order:
                continue
            order[key] = None
            scope = key if self.senses[key].tag == "subProcess" else self.senses[key].called
            if scope in self.roots and scope not in scopes:
                scopes.append(scope)
                rest += reversed(forward_order(self.roots[scope], self.after))
        return [*order, *(key for key in self.drawing.nodes if key not in order)]

    def say_more(self, main: Process, lanes: dict[str, DrawnLane], definition: Definition, scopes: list[str]) -> None:
        drawing, findings = self.drawing, self.findings
        nodes = list(drawing.nodes.values())
        check.reachability(drawing, nodes, self.graphs, findings)
        for scope in scopes:
            label = drawing.nodes[scope].label if scope in drawing.nodes else f"proses “{definition.title}”"
            check.endings(drawing, scope, self.graphs[scope], self.after, findings, label)
            check.rest_somewhere(drawing, scope, self.after, self.senses, findings)
        check.uncaught(drawing, self.senses, findings)
        check.vocabulary(main, definition.properties, drawing.lanes.values(), nodes, definition, findings)
        check.clock(definition, findings)


def inherit(lanes: list[DrawnLane]) -> None:
    """What an outer lane says counts for the lanes inside it, but what they say themselves counts more.

    `lanes` stand as drawn, each outer one right before those inside it.
    """
    around: list[DrawnLane] = []
    for lane in lanes:
        del around[len(lane.parents) :]
        outer = around[-1] if around and around[-1].process == lane.process else None
        if outer is not None and outer.properties:
            theirs = Given((n, v) for n, v in outer.properties.items() if n in FOR_LANES)
            lane.properties = Given.of(lane.properties).over(theirs)
        around.append(lane)


def _inside(lane: DrawnLane) -> bool:
    """Is this lane said to be the office's own, though cases begin there?"""
    return lane.properties.get("pemohon") == "tidak"


def _raw(element: etree._Element) -> str:
    return (element.get("id") or "").strip()


def _calls(element: etree._Element) -> list[str]:
    """The raw ids of the processes that call activities in `element` name."""
    found = []
    for inner in element.iter():
        if local(inner) in ("callActivity", "calledElement"):
            found.append((inner.get("calledElement") or inner.get("processId") or "").strip())
    return [raw for raw in found if raw]
