"""What each drawn element means when it runs: one small rule for each kind of element, each saying what it read how."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from app.engine import dmn, expressions, feel, pitfalls, tables
from app.engine.drawing import ADDED, SUBS, TASKS, Drawing, Edge, Findings, MessageFlow, Node, text_of
from app.engine.properties import VOCABULARY, local

STEP = "userTask"
THROW = "intermediateThrowEvent"
CATCH = "intermediateCatchEvent"


@dataclass(frozen=True)
class Trigger:
    """An event definition as run: `kind` is its BPMN element, `text` the name, time or condition."""

    kind: str
    text: str = ""
    time: str = ""  # timeDate, timeDuration or timeCycle


@dataclass(frozen=True)
class Loop:
    """A loop marker as run: `count` for instances, else `again` and `maximum`."""

    count: str = ""
    sequential: bool = False
    until: str = ""
    again: str = ""
    maximum: str = ""
    before: bool = False


@dataclass
class Sense:
    """A node as run: the BPMN element that it becomes, and what that needs. `reads` are its expressions' data keys."""

    tag: str
    triggers: tuple[Trigger, ...] = ()
    interrupts: bool = True  # of an event at a boundary, or that starts an event sub-process
    script: str = ""
    loop: Loop | None = None
    called: str = ""
    conditions: dict[str, str] = field(default_factory=dict)  # flow -> condition
    default: str = ""
    chooses: bool = False  # an exclusive gateway whose branch a person chooses
    sends: tuple[str, ...] = ()  # messages that go out once it is done
    decision: tables.Decision | None = None  # of a business rule task that a table answers
    result: dmn.Call | None = None  # and where its answer goes
    reads: list[str] = field(default_factory=list)


class Rules:
    """Applies the rules to a drawing's nodes. `called` are the processes that a call activity can find, by raw id,
    `outside` the messages and signals that the machine hears from outside the diagram.
    """

    def __init__(
        self,
        drawing: Drawing,
        findings: Findings,
        called: Mapping[str, str],
        decisions: dmn.Tables,
        outside: Iterable[str],
    ) -> None:
        self.drawing = drawing
        self.findings = findings
        self.called = called
        self.tables = decisions
        self.thrown = {*outside, *(name for node in drawing.nodes.values() for name in self.throws(node))}
        known = {word.name for word in VOCABULARY}
        drawn = (drawing.nodes, drawing.edges, drawing.lanes, drawing.processes)
        self.ours = any(not known.isdisjoint(each.properties) for kind in drawn for each in kind.values())

    def sense(self, node: Node) -> Sense:
        """What `node` means. Says what was read how; refuses, with an error, what would run otherwise than drawn."""
        rule = RULES.get(node.kind)
        sense = rule(self, node) if rule else Sense(STEP)
        if node.kind == "sendTask":
            sense.sends += tuple(self.throws(node))
        sense.sends += tuple(handed(flow) for flow in self.drawing.messages_from(node.id))
        if node.kind in TASKS | SUBS or node.kind == "callActivity":
            sense.loop = self.loop(node, sense)
        if node.kind != "parallelGateway":
            self.dropped(node)
        if node.kind == "exclusiveGateway":
            self.exclusive(node, sense)
        elif node.kind != "parallelGateway" and node.kind != "eventBasedGateway":
            self.flows(node, sense)
        return sense

    # What the rules have in common

    def say(self, node: Node, level: str, rule: str, message: str) -> None:
        self.findings.say(node.id, level, rule, message[0].upper() + message[1:])  # type: ignore[arg-type]

    def expression(
        self, node: Node, text: str, what: str, sense: Sense, element: str = "", *, condition: bool = False
    ) -> str:
        """A condition or the like in our language; "" with an error finding at `element` where it is none."""
        fault = ""
        try:
            read = expressions.compile(text)
        except SyntaxError as wrong:
            fault = f"tidak terbaca. {wrong.msg}"
        else:
            if any(name.startswith("_") for name in read.names):
                fault = "memakai nama yang diawali garis bawah."
            elif refused := pitfalls.refused(text, read):
                fault = f"tidak terbaca. {refused}"
        if fault:
            self.findings.say(element or node.id, "error", "ungkapan", f"{what} pada {node.label} {fault}")
            return ""
        for level, rule, message in pitfalls.doubtful(text, read, condition=condition):
            self.findings.say(element or node.id, level, rule, f"{what} pada {node.label}: {message}")
        sense.reads += read.names
        return read.text

    def throws(self, node: Node) -> list[str]:
        """The names of the messages and signals that a node sends by itself."""
        if node.kind == "sendTask":
            named = [node.element]
        elif node.kind in ("endEvent", THROW):
            named = [child for child in node.element if local(child) in HEARD]
        else:
            return []
        raw = [(element.get("messageRef") or element.get("signalRef") or "").strip() for element in named]
        return [self.drawing.named[key][1] for key in raw if key in self.drawing.named]

    def triggers(self, node: Node, sense: Sense) -> tuple[Trigger, ...] | None:
        """The event definitions of an event; None where it has some but none that the machine could notice."""
        found = [Trigger("messageEventDefinition", handed(flow)) for flow in self.drawing.messages_to(node.id)]
        some = bool(found)
        for element in node.element:
            kind = local(element)
            if not kind.endswith("EventDefinition"):
                continue
            some = True
            if kind == "timerEventDefinition":
                found += self.timer(node, element, sense)
            elif kind == "conditionalEventDefinition":
                text = text_of(element, "condition")
                if text:
                    found.append(Trigger(kind, self.expression(node, text, "Syarat", sense, condition=True) or "False"))
            elif kind in NAMES:
                name = self.name_of(node, element, NAMES[kind])
                if name or kind in ("errorEventDefinition", "escalationEventDefinition"):
                    found.append(Trigger(kind, name))
            elif kind == "terminateEventDefinition":
                found.append(Trigger(kind))
            elif kind in REFUSED:
                self.say(node, "error", "tidak-dapat-dijalankan", f"{node.label}: {REFUSED[kind]}")
        if len(found) > 1 and node.element.get("parallelMultiple") == "true":
            message = f"{node.label} menunggu beberapa hal sampai semuanya terjadi; itu tidak dapat dijalankan."
            message += " Gambarlah satu kejadian untuk masing-masing, di antara dua gerbang paralel."
            self.say(node, "error", "tidak-dapat-dijalankan", message)
        return tuple(found) if found or not some else None

    def interrupts(self, node: Node, triggers: tuple[Trigger, ...]) -> bool:
        """As drawn; but an error always interrupts (BPMN 13.5.3)."""
        drawn = node.element.get("cancelActivity" if node.kind == "boundaryEvent" else "isInterrupting") != "false"
        if drawn or not any(trigger.kind == "errorEventDefinition" for trigger in triggers):
            return drawn
        message = f"{node.label} menangkap galat, maka selalu menghentikan yang sedang berjalan."
        self.say(node, "warning", "galat-menghentikan", message)
        return True

    def heard(self, triggers: Iterable[Trigger]) -> bool:
        """Can the machine notice one of these? Not a message or signal that nothing in the diagram sends."""
        return any(
            trigger.kind not in HEARD or trigger.text in self.thrown or trigger.text.startswith(ADDED)
            for trigger in triggers
        )

    def unheard(self, node: Node) -> str:
        """Why the machine cannot notice an event."""
        raw = [(child.get("messageRef") or child.get("signalRef") or "").strip() for child in node.element]
        names = [self.drawing.named[key] for key in raw if key in self.drawing.named]
        if names:
            kind, name = names[0]
            return f"menunggu {REFERRED[kind]} “{name}” yang tidak dikirim siapa pun di diagram ini"
        return "tidak menyebut apa yang ditunggu"

    def name_of(self, node: Node, element: etree._Element, kind: str) -> str:
        """The name that a message, signal, error or escalation definition refers to."""
        raw = (element.get(f"{kind}Ref") or "").strip()
        if not raw:
            return ""
        known = self.drawing.named.get(raw)
        if known is None:
            message = f"{node.label} merujuk {REFERRED[kind]} “{raw}” yang tidak ada; dibaca seolah-olah tidak disebut."
            self.say(node, "warning", "rujukan-putus", message)
            return ""
        return known[1]

    def timer(self, node: Node, element: etree._Element, sense: Sense) -> list[Trigger]:
        texts = [(local(child), "".join(str(t) for t in child.itertext()).strip()) for child in element]
        times = [(kind, text) for kind, text in texts if kind.startswith("time") and text]
        by_name = not times
        if by_name:  # its name is all that says when
            named = NAMED.fullmatch(node.name)
            times = [("timeDuration", named[1])] if named and iso_time(named[1]) else []
        if not times:
            return []
        kind, text = times[0]
        literal = iso_time(text)
        if literal is None:
            try:
                constant = expressions.compile(text)
            except SyntaxError:
                constant = None
            if constant is not None and constant.names:
                return [Trigger("timerEventDefinition", self.expression(node, text, "Waktu", sense), kind)]
            value = constant.evaluate({}) if constant else None
            literal = iso_time(value) if isinstance(value, str) else None
        if literal is None:
            message = f"waktu “{text}” pada {node.label} tidak terbaca."
            self.say(node, "error", "waktu", f"{message} Tulis misalnya P3D, PT30M atau 2026-12-31T16:00.")
            return [Trigger("timerEventDefinition", "P1D", "timeDuration")]
        if by_name or literal[1] != text.strip().strip("\"'"):
            self.say(node, "info", "waktu", f"waktu “{text}” pada {node.label} dibaca sebagai {literal[1]}.")
        return [Trigger("timerEventDefinition", literal[1], literal[0])]

    # Activities

    def receive(self, node: Node) -> Sense:
        """What another pool hands over is there once it has done so; anything else a person receives."""
        sense = Sense(CATCH)
        sense.triggers = self.triggers(node, sense) or ()
        return sense if sense.triggers else self.person(node)

    def person(self, node: Node) -> Sense:
        """Whatever kind of task it is: without an implementation of ours a person does it."""
        if node.kind not in ("task", "userTask", "manualTask"):
            word = KINDS[node.kind]
            self.say(node, "info", "dikerjakan-orang", f"{node.label} ({word}) dibaca sebagai langkah petugas.")
        return Sense(STEP)

    def script(self, node: Node) -> Sense:
        text = text_of(node.element, "script")
        if not text:
            return self.person(node)
        try:
            script = expressions.compile_script(text)
        except SyntaxError as wrong:
            message = f"skrip pada {node.label} tidak terbaca, maka dibaca sebagai langkah petugas. {wrong.msg}"
            self.say(node, "warning", "skrip", message)
            return Sense(STEP)
        if any(name.startswith("_") for name in (*script.names, *script.targets)):
            self.say(node, "error", "skrip", f"skrip pada {node.label} memakai nama yang diawali garis bawah.")
            return Sense(STEP)
        for line, (_, read) in zip(_lines(text), script.assignments, strict=False):
            if refused := pitfalls.refused(line, read):
                self.say(node, "error", "skrip", f"skrip pada {node.label} tidak terbaca. {refused}")
            for level, rule, message in pitfalls.doubtful(line, read, condition=False):
                self.say(node, level, rule, f"skrip pada {node.label}: {message}")
        return Sense("scriptTask", script=script.text, reads=list(script.names))

    def table(self, node: Node) -> Sense:
        """A business rule task that names a decision at hand: the machine answers it."""
        call = dmn.call_of(node.element)
        if not call.decision:
            return self.person(node)
        decision, faults = self.tables.find(call.decision)
        if decision is None and not faults:
            message = f"{node.label} menyebut tabel keputusan “{call.decision}” yang tidak ada di berkas SOP (.dmn),"
            self.say(node, "warning", "tabel-tidak-ada", f"{message} maka dibaca sebagai langkah petugas.")
        for level, rule, message in faults:
            self.say(node, level, rule, message)
        if decision is None:
            return Sense(STEP)
        for name in [call.result] if call.result else [output.name for output in decision.outputs]:
            if not feel.is_name(name) or any(part.startswith("_") for part in name.split(".")):
                message = f"hasil “{name}” dari {node.label} tidak dapat menjadi kunci isian. Tulis satu kata"
                self.say(node, "error", "tabel", f"{message} sebagai result variable, atau sebagai nama kolom hasil.")
                return Sense(STEP)
        message = f"{node.label} dikerjakan sendiri oleh sistem menurut tabel keputusan “{decision.title}”"
        self.say(node, "info", "tabel", f"{message} ({decision.policy}, {len(decision.rows)} baris).")
        return Sense("businessRuleTask", decision=decision, result=call, reads=list(decision.reads()))

    def sub(self, node: Node) -> Sense:
        if not self.drawing.inside(node.id):
            message = f"{node.label} tidak berisi apa-apa, maka dibaca sebagai langkah petugas."
            self.say(node, "info", "subproses-kosong", message)
            return Sense(STEP)
        if node.element.get("triggeredByEvent") == "true":
            self.handler(node)
        if node.kind == "adHocSubProcess":
            if node.element.get("ordering") == "Sequential":
                message = f"{node.label} bebas urutan tetapi satu per satu. Gambarlah urutannya dengan panah."
                self.say(node, "error", "tidak-dapat-dijalankan", message)
            message = f"semua langkah di {node.label} dibuka bersamaan, masing-masing satu kali."
            self.say(node, "info", "bebas-urutan", message)
        return Sense("subProcess")

    def handler(self, node: Node) -> None:
        """An event sub-process has one start, and no flow leads to or from it (BPMN 10.3.5)."""
        if node.incoming or node.outgoing:
            message = f"{node.label} dimulai oleh kejadian, maka tidak dituju dan tidak ditinggalkan panah."
            self.say(node, "error", "subproses-kejadian", f"{message} Hapuslah panahnya.")
        starts = [inner for inner in self.drawing.inside(node.id) if inner.kind == "startEvent"]
        if len(starts) != 1:
            message = f"{node.label} dimulai oleh kejadian, maka harus memuat tepat satu kejadian awal."
            self.say(node, "error", "subproses-kejadian", message)

    def call(self, node: Node) -> Sense:
        raw = (node.element.get("calledElement") or "").strip()
        for child in node.element.iter():
            if local(child) == "calledElement":
                raw = raw or (child.get("processId") or "").strip()
        if raw in self.called:
            return Sense("callActivity", called=self.called[raw])
        if raw in self.drawing.global_tasks:
            message = f"{node.label} memanggil tugas “{self.drawing.global_tasks[raw]}”, maka dibaca sebagai langkah"
            self.say(node, "info", "dikerjakan-orang", f"{message} petugas.")
            return Sense(STEP)
        said = f"memanggil “{raw}” yang tidak ada di berkas SOP" if raw else "tidak menyebut proses yang dipanggil"
        level = "warning" if raw else "info"
        self.say(node, level, "panggilan", f"{node.label} {said}, maka dibaca sebagai langkah petugas.")
        return Sense(STEP)

    def loop(self, node: Node, sense: Sense) -> Loop | None:
        for element in node.element:
            kind = local(element)
            if kind == "multiInstanceLoopCharacteristics":
                count = text_of(element, "loopCardinality") or text_of(element, "loopDataInputRef")
                if not count:
                    attributes = (item for part in element.iter() for item in part.attrib.items())
                    count = next((value.strip() for key, value in attributes if _collection(key)), "")
                if not count:
                    message = f"{node.label} bertanda berulang tanpa jumlah; dijalankan satu kali."
                    self.say(node, "warning", "ulangan", f"{message} Isilah jumlah atau daftarnya.")
                    return None
                until = text_of(element, "completionCondition")
                return Loop(
                    count=self.expression(node, count, "Jumlah ulangan", sense),
                    sequential=element.get("isSequential") == "true",
                    until=self.expression(node, until, "Syarat selesai", sense) if until else "",
                )
            if kind == "standardLoopCharacteristics":
                again = text_of(element, "loopCondition")
                maximum = (element.get("loopMaximum") or "").strip()
                if maximum and not re.fullmatch(r"[1-9]\d{0,3}", maximum):
                    message = f"batas ulangan “{maximum}” pada {node.label} bukan bilangan 1-9999."
                    self.say(node, "error", "ulangan", message)
                    maximum = ""
                if not again and not maximum:
                    message = f"{node.label} bertanda berulang tanpa syarat; dijalankan satu kali."
                    self.say(node, "warning", "ulangan", f"{message} Isilah syaratnya atau gambarlah panah kembali.")
                    return None
                again = self.expression(node, again, "Syarat ulangan", sense) if again else ""
                return Loop(again=again, maximum=maximum, before=element.get("testBefore") == "true")
        return None

    # Events

    def start(self, node: Node) -> Sense:
        sense = Sense("startEvent")
        parent = self.drawing.nodes.get(node.scope)
        if parent is not None and parent.element.get("triggeredByEvent") == "true":
            sense.triggers = self.attached(node, sense, f"{parent.label} tidak akan pernah mulai.")
            sense.interrupts = self.interrupts(node, sense.triggers)
            return sense
        for element in node.element:
            if local(element) in NAMES:  # a person begins the case; what the start names must be there all the same
                self.name_of(node, element, NAMES[local(element)])
            if local(element) == "timerEventDefinition":
                time = "".join(str(text) for text in element.itertext()).strip()
                message = f"jam{f' “{time}”' if time else ''} pada {node.label} tidak memulai permohonan:"
                message += " permohonan selalu dimulai orang."
                self.say(node, "warning" if time else "info", "jam-awal", message)
        return sense

    def end(self, node: Node) -> Sense:
        sense = Sense("endEvent")
        sense.triggers = self.triggers(node, sense) or ()
        return sense

    def throw(self, node: Node) -> Sense:
        sense = Sense(THROW)
        sense.triggers = self.triggers(node, sense) or ()
        return sense

    def catch(self, node: Node) -> Sense:
        """An event that the machine cannot notice is a person's confirmation."""
        sense = Sense(CATCH)
        found = self.triggers(node, sense)
        if any(local(child) == "linkEventDefinition" for child in node.element):
            return Sense(THROW)
        if found == ():
            self.say(node, "info", "kejadian-kosong", f"{node.label} tidak menunggu apa pun; dilewati begitu saja.")
            return Sense(THROW)
        if found is None or not self.heard(found):
            message = f"{node.label} {self.unheard(node)}, maka petugas yang menyatakan"
            self.say(node, "info", "dinyatakan-orang", f"{message} bahwa itu sudah terjadi.")
            return Sense(STEP)
        sense.triggers = found
        return sense

    def boundary(self, node: Node) -> Sense:
        sense = Sense("boundaryEvent")
        sense.triggers = self.attached(node, sense, "tidak akan pernah terjadi.")
        sense.interrupts = self.interrupts(node, sense.triggers)
        return sense

    def attached(self, node: Node, sense: Sense, never: str) -> tuple[Trigger, ...]:
        """What an event on a border or before an event sub-process waits for; a warning where that is nothing."""
        found = self.triggers(node, sense)
        if not found or not self.heard(found):
            message = f"{node.label} {self.unheard(node)}, maka {never}"
            self.say(node, "warning", "tanpa-pemicu", f"{message} Isilah waktu atau syaratnya.")
        return found or (Trigger("conditionalEventDefinition", "False"),)

    # Gateways

    def gateway(self, node: Node) -> Sense:
        if node.kind == "complexGateway":
            self.say(node, "warning", "gerbang-rumit", f"{node.label} bertanda rumit; dibaca sebagai gerbang inklusif.")
            return Sense("inclusiveGateway")
        if node.kind == "parallelGateway" and any(edge.condition for edge in node.outgoing):
            message = f"syarat pada cabang {node.label} diabaikan: gerbang paralel menjalankan semua cabang."
            self.say(node, "warning", "syarat-diabaikan", message)
        if node.kind == "eventBasedGateway" and node.element.get("eventGatewayType") == "Parallel":
            self.say(node, "info", "semua-kejadian", f"{node.label} menunggu semua kejadian di belakangnya.")
            return Sense(THROW)
        return Sense(node.kind)

    def dropped(self, node: Node) -> None:
        """Conditions that nobody reads: of the default flow, and of the only one."""
        for edge in node.outgoing:
            if not edge.condition or (len(node.outgoing) > 1 and edge.id != node.default):
                continue
            name = f"cabang “{edge.name}”" if edge.name else "panah"
            message = f"syarat “{edge.condition}” pada {name} dari {node.label} diabaikan:"
            if len(node.outgoing) == 1:
                message += " hanya ada satu jalan. Hapuslah syaratnya, atau gambarlah cabang lainnya."
            elif node.kind == "exclusiveGateway" and not any(e.condition for e in node.outgoing if e is not edge):
                message += " itu cabang bawaan. Karena tidak ada syarat lain, petugas yang memilih; bila isian yang"
                message += " menentukan, jadikan cabang lainnya bawaan."
            else:
                message += " itu cabang bawaan, yang ditempuh bila syarat lain tidak terpenuhi. Hapuslah syaratnya."
            self.findings.say(edge.id, "warning", "syarat-diabaikan", message[0].upper() + message[1:])

    def exclusive(self, node: Node, sense: Sense) -> None:
        """Without conditions a person chooses; with conditions facts do, and the one branch without is the default."""
        if len(node.outgoing) < 2:
            if len(node.incoming) < 2 and node.name:
                message = f"{node.label} hanya mempunyai satu cabang."
                self.say(
                    node, "warning", "satu-cabang", f"{message} Gambarlah cabang lainnya atau hapuslah gerbang itu."
                )
            return
        others = [edge for edge in node.outgoing if edge.id != node.default]
        if not any(edge.condition for edge in others) or self.in_other_words(node, others):
            sense.chooses = True
            return
        sense.default = node.default
        bare = [edge for edge in others if not edge.condition]
        if bare and not node.default:
            sense.default = bare.pop(0).id
        for edge in bare:
            name = f"“{edge.name}”" if edge.name else edge.id
            message = f"Cabang {name} pada {node.label} tidak bersyarat, sedangkan cabang lain bersyarat."
            self.findings.say(edge.id, "error", "cabang-tanpa-syarat", f"{message} Isilah syaratnya.")
        if not sense.default:
            message = f"{node.label} tidak mempunyai cabang bawaan: bila tidak ada syarat yang terpenuhi,"
            self.say(
                node, "warning", "tanpa-bawaan", f"{message} permohonan berhenti. Tandai satu cabang sebagai bawaan."
            )
        self.conditions(node, sense)

    def in_other_words(self, node: Node, edges: list[Edge]) -> bool:
        """Conditions that another machine would read do not matter to a person, who chooses by the branches' names.

        Where a property of ours stands anywhere, the diagram is written for us, and such a condition is a slip.
        """
        if self.ours:
            return False
        foreign = [edge for edge in edges if edge.condition and not _is_ours(edge.condition)]
        if not foreign or not all(edge.name or self.drawing.nodes[edge.target].name for edge in node.outgoing):
            return False
        for edge in foreign:
            branch = f"cabang “{edge.name}”" if edge.name else "cabang"
            text = " ".join(edge.condition.split())
            message = f"Syarat {branch} pada {node.label} tidak terbaca (“{text[:80]}{'…' if text[80:] else ''}”),"
            message += (
                " maka petugas yang memilih cabang. Bila data yang memilih, tulislah syaratnya dengan bahasa kami."
            )
            self.findings.say(edge.id, "warning", "syarat-asing", message)
        return True

    def flows(self, node: Node, sense: Sense) -> None:
        """Conditions on flows that leave an inclusive gateway, a task or an event."""
        sense.default = node.default if len(node.outgoing) > 1 else ""
        self.conditions(node, sense)
        if len(node.outgoing) < 2:
            return
        if node.kind in ("inclusiveGateway", "complexGateway"):
            if not sense.conditions:
                message = f"cabang-cabang {node.label} tidak bersyarat, maka semuanya dijalankan."
                self.say(node, "warning", "semua-cabang", message)
        elif not sense.conditions:
            level = "warning" if all(edge.name for edge in node.outgoing) else "info"
            message = f"beberapa panah keluar dari {node.label}, maka semuanya dijalankan bersamaan."
            self.say(node, level, "cabang-bersamaan", f"{message} Bila maksudnya memilih, gambarlah gerbang eksklusif.")

    def conditions(self, node: Node, sense: Sense) -> None:
        for edge in node.outgoing:
            if edge.condition and edge.id != sense.default and len(node.outgoing) > 1:
                name = f"Syarat cabang “{edge.name}”" if edge.name else "Syarat"
                read = self.expression(node, edge.condition, name, sense, edge.id, condition=True)
                sense.conditions[edge.id] = read or "False"


Rule = Callable[[Rules, Node], Sense]
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(TASKS, Rules.person),
    "receiveTask": Rules.receive,
    "scriptTask": Rules.script,
    "businessRuleTask": Rules.table,
    **dict.fromkeys(SUBS, Rules.sub),
    "callActivity": Rules.call,
    "startEvent": Rules.start,
    "endEvent": Rules.end,
    "intermediateThrowEvent": Rules.throw,
    "intermediateCatchEvent": Rules.catch,
    "boundaryEvent": Rules.boundary,
    **dict.fromkeys(
        ("exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"),
        Rules.gateway,
    ),
}
KINDS = {
    "sendTask": "kirim", "receiveTask": "terima", "serviceTask": "layanan", "scriptTask": "skrip",
    "businessRuleTask": "aturan",
}  # fmt: skip
NAMES = {
    "messageEventDefinition": "message",
    "signalEventDefinition": "signal",
    "errorEventDefinition": "error",
    "escalationEventDefinition": "escalation",
}
HEARING = frozenset({"startEvent", CATCH, "boundaryEvent", "receiveTask"})  # what a message flow may wake
HEARD = frozenset({"messageEventDefinition", "signalEventDefinition"})
REFERRED = {"message": "pesan", "signal": "sinyal", "error": "galat", "escalation": "eskalasi"}
REFUSED = {
    "compensateEventDefinition": "kompensasi tidak dapat dijalankan. Gambarlah langkah pembatalannya dengan panah.",
    "cancelEventDefinition": "pembatalan transaksi tidak dapat dijalankan. Pakailah kejadian galat (error).",
}
UNITS = {
    "detik": "PT{}S", "second": "PT{}S", "menit": "PT{}M", "minute": "PT{}M", "jam": "PT{}H", "hour": "PT{}H",
    "hari": "P{}D", "day": "P{}D", "minggu": "P{}W", "week": "P{}W", "bulan": "P{}M", "month": "P{}M",
    "tahun": "P{}Y", "year": "P{}Y",
}  # fmt: skip
DURATION = re.compile(
    r"P(?=[\dT])(?=.*[1-9])(\d{1,4}W|(\d{1,3}Y)?(\d{1,4}M)?(\d{1,5}D)?(T(?=\d)(\d{1,6}H)?(\d{1,8}M)?(\d{1,9}(\.\d+)?S)?)?)"
)
FEEL = re.compile(r"""=?\s*(?:(?:duration|date|date and time)\s*\(\s*(["'])([^"']+)\1\s*\)|@"([^"]+)")""")
NAMED = re.compile(  # a clock's name that says when and nothing else
    r"(?:(?:after|wait|for|setelah|tunggu|menunggu|selama) )*(\d+ ?[a-z]+|P[\dTHMDSWY]+)"
    r"(?: (?:later|passed|elapsed|kemudian|lewat|berlalu))?",
    re.IGNORECASE,
)
SPOKEN = re.compile(r"(\d{1,4})\s*([a-z]+?)s?", re.IGNORECASE)


def iso_time(text: str) -> tuple[str, str] | None:
    """A literal time as (BPMN element, ISO text): a duration, a date, a repetition, or `3 hari`; None for others."""
    feel = FEEL.fullmatch(text.strip())
    text = (feel[2] or feel[3] if feel else text).strip().strip("\"'").strip()
    spoken = SPOKEN.fullmatch(text)
    if spoken and int(spoken[1]) and spoken[2].lower() in UNITS:
        return "timeDuration", UNITS[spoken[2].lower()].format(int(spoken[1]))
    if DURATION.fullmatch(text):
        return "timeDuration", text
    repeat = re.fullmatch(r"R(\d{0,4})/(?:([^/]+)/)?([^/]+)", text)
    if repeat and DURATION.fullmatch(repeat[3]) and repeat[1] != "0" and (repeat[2] is None or _is_date(repeat[2])):
        return "timeCycle", text
    return ("timeDate", text) if _is_date(text) else None


def _lines(script: str) -> list[str]:
    """The lines of a script that assign something."""
    lines = [line.strip() for line in script.replace(";", "\n").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _is_ours(text: str) -> bool:
    try:
        expressions.compile(text)
    except SyntaxError:
        return False
    return True


def _is_date(text: str) -> bool:
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _collection(key: str) -> bool:
    return etree.QName(key).localname in ("collection", "inputCollection")


def handed(flow: MessageFlow) -> str:
    """The name under which a message flow between pools is sent and waited for."""
    return f"{ADDED}{flow.id}"


def link_name(node: Node) -> str | None:
    """The name of a link event; None for other events."""
    for child in node.element:
        if local(child) == "linkEventDefinition":
            return (child.get("name") or node.name).strip()
    return None


def reads(senses: Iterable[Sense]) -> tuple[str, ...]:
    """The data keys that the model's expressions read, each once, in order."""
    return tuple(dict.fromkeys(name for sense in senses for name in sense.reads))
