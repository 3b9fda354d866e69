"""What an SOP cannot mean: steps that nobody can reach, cases that never end, properties that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from app.engine.definition import Definition, Step
from app.engine.drawing import Drawing, DrawnLane, Findings, Node, Process, ancestors
from app.engine.graph import Flowgraph, Next
from app.engine.properties import LENGTH, LIMIT, Place, faults
from app.engine.rules import CATCH, STEP, THROW, Sense, Trigger
from app.engine.ways import Ways

WAITING = {STEP, CATCH, "boundaryEvent", "subProcess", "callActivity"}


def reachability(drawing: Drawing, nodes: Iterable[Node], graphs: Mapping[str, Flowgraph], findings: Findings) -> None:
    """Steps and other nodes that no way leads to; of a sub-process that is not reached only itself is named."""
    for node in nodes:
        if graphs[node.scope].reached(node.id):
            continue
        if node.kind == "boundaryEvent" and not graphs[node.scope].reached(node.attached):
            continue
        if any(not graphs[outer.scope].reached(outer.id) for outer in ancestors(drawing, node)):
            continue
        message = f"tidak ada jalan menuju {node.label} dari kejadian awal, maka tidak akan pernah dicapai."
        findings.say(node.id, "warning", "tak-terjangkau", f"{_capital(message)} Sambungkan dengan panah.")


def endings(drawing: Drawing, scope: str, graph: Flowgraph, after: Next, findings: Findings, label: str) -> None:
    """Nodes from which no end can be reached: an error where that is so from the start."""
    reached = [node.id for node in drawing.inside(scope) if graph.reached(node.id)]
    before: dict[str, list[str]] = {}
    for node in reached:
        for other in after[node]:
            before.setdefault(other, []).append(node)
    rest = [node for node in reached if not after[node]]
    ending = set(rest)
    while rest:
        for node in before.get(rest.pop(), ()):
            if node not in ending:
                ending.add(node)
                rest.append(node)
    lost = [node for node in reached if node not in ending]
    watched = any(node.element.get("triggeredByEvent") == "true" for node in drawing.inside(scope))
    if lost and len(lost) == len(reached) and not watched:
        message = f"tidak ada akhir yang dapat dicapai di {label}: permohonan akan berputar tanpa henti."
        findings.say(scope, "error", "tanpa-akhir", f"{_capital(message)} Gambarlah kejadian akhir dan jalannya.")
    elif lost:
        message = f"dari {drawing.nodes[lost[0]].label} tidak ada jalan menuju akhir."
        findings.say(lost[0], "warning", "tanpa-akhir", _capital(message))


def rest_somewhere(drawing: Drawing, scope: str, after: Next, senses: Mapping[str, Sense], findings: Findings) -> None:
    """A loop in which nobody does anything and nothing is waited for runs for ever once it is entered."""
    moving = {
        node.id for node in drawing.inside(scope) if senses[node.id].tag not in WAITING and not senses[node.id].chooses
    }
    after = {node: [other for other in after[node] if other in moving] for node in moving}
    for _ in range(2):  # what leads into a loop, then what leads out of it
        count = dict.fromkeys(after, 0)
        for following in after.values():
            for other in following:
                count[other] += 1
        rest = [node for node, number in count.items() if not number]
        while rest:
            for other in after.pop(rest.pop()):
                count[other] -= 1
                if not count[other]:
                    rest.append(other)
        back: dict[str, list[str]] = {node: [] for node in after}
        for source, following in after.items():
            for other in following:
                back[other].append(source)
        after = back
    if after:
        node = drawing.nodes[min(after)]
        message = f"putaran lewat {node.label} tidak memuat satu langkah pun;"
        findings.say(
            node.id, "warning", "putaran-tanpa-langkah", _capital(f"{message} alur tidak akan berhenti di sana.")
        )


THROWN = {"errorEventDefinition": "galat", "escalationEventDefinition": "eskalasi"}


def uncaught(drawing: Drawing, senses: Mapping[str, Sense], findings: Findings) -> None:
    """Errors and escalations that no scope around them catches: BPMN leaves open what those do (10.5.3)."""
    around: dict[str, list[str]] = {}  # scope -> the sub-process or the calls whose inside it is
    caught: dict[str, set[tuple[str, str]]] = {}  # scope or activity -> what is caught there
    for key, node in drawing.nodes.items():
        sense = senses[key]
        if sense.tag in ("subProcess", "callActivity"):
            around.setdefault(sense.called or key, []).append(key)
        outer = drawing.nodes.get(node.scope)
        place = node.attached
        if node.kind == "startEvent" and outer is not None and outer.element.get("triggeredByEvent") == "true":
            place = outer.scope
        if place:
            caught.setdefault(place, set()).update((trigger.kind, trigger.text) for trigger in sense.triggers)

    def is_caught(scope: str, thrown: Trigger, seen: set[str]) -> bool:
        hosts = around.get(scope, [])
        wanted = {(thrown.kind, thrown.text), (thrown.kind, "")}
        if any(wanted & caught.get(place, set()) for place in (scope, *hosts)):
            return True
        seen.add(scope)
        outer = [drawing.nodes[host].scope for host in hosts]
        return any(other not in seen and is_caught(other, thrown, seen) for other in outer)

    for key, node in drawing.nodes.items():
        for trigger in senses[key].triggers if node.kind in (THROW, "endEvent") else ():
            if trigger.kind in THROWN and not is_caught(node.scope, trigger, set()):
                message = f"{THROWN[trigger.kind]} dari {node.label} tidak ditangkap di mana pun"
                if trigger.kind == "errorEventDefinition":
                    message += "; hanya jalan itu sendiri yang berakhir"
                findings.say(key, "warning", "tak-ditangkap", f"{_capital(message)}.")


def vocabulary(
    main: Process,
    own: Mapping[str, str],
    lanes: Iterable[DrawnLane],
    nodes: Iterable[Node],
    definition: Definition,
    findings: Findings,
) -> None:
    """Properties that nobody reads where they stand, or whose value says nothing."""

    def look(element: str, place: Place, label: str, given: Mapping[str, str]) -> None:
        for level, rule, message in faults(place, given):
            findings.say(element, level, rule, f"{_capital(label)}: {message[0].lower()}{message[1:]}")

    chosen = {choice.id for step in definition.steps.values() for choice in step.choices}
    look(main.id, "proses", f"proses “{definition.title}”", own)
    for lane in lanes:
        look(lane.id, "lajur", f"lajur “{lane.name}”", lane.properties)
    for node in nodes:
        place: Place = "lain"
        if node.id in definition.steps:
            place = "langkah"
            _four_eyes(definition, definition.steps[node.id], findings)
        elif node.kind == "startEvent":
            place = "mulai"
        elif node.kind == "endEvent":
            place = "akhir"
        elif node.kind in (CATCH, THROW, "boundaryEvent"):
            place = "kejadian"
        look(node.id, place, node.label, node.properties)
        for edge in node.outgoing:
            look(edge.id, "panah", f"panah “{edge.name}”" if edge.name else "panah", edge.properties)
            if edge.properties.get("kembali") and edge.id not in chosen:
                message = f"{'Panah “' + edge.name + '”' if edge.name else 'Panah'} dari {node.label}: properti kembali"
                message += " hanya dibaca pada cabang keputusan petugas. Hapuslah, atau gambarlah keputusannya."
                findings.say(edge.id, "warning", "properti-salah-tempat", message)


def clock(definition: Definition, findings: Findings) -> None:
    """Limits that are counted from the day on which a step starts the clock, where no step does."""
    if any(step.properties.get("jam") == "mulai" for step in definition.steps.values()):
        return
    what = "tidak ada langkah dengan properti jam = mulai, maka batas ini tidak pernah berjalan. Tandai langkah itu."
    if re.fullmatch(LENGTH, definition.properties.get("jangka_waktu", "").strip(), re.IGNORECASE):
        message = f"Properti jangka_waktu dihitung dari H, tetapi {what}"
        findings.say(definition.key, "warning", "tanpa-jam", message)
    for step in definition.steps.values():
        limit = step.properties.get("batas", "").strip()
        if re.fullmatch(LIMIT, limit, re.IGNORECASE):
            message = f"Langkah “{step.name}”: batas {limit} dihitung dari H, tetapi {what}"
            findings.say(step.id, "warning", "tanpa-jam", message)
            return  # once is enough


def four_eyes(definition: Definition, findings: Findings) -> None:
    """Steps whose performer is compared with that of a step which is the same, or never done before."""
    named = {step.id: _others(step) & definition.steps.keys() for step in definition.steps.values()}
    if not any(named.values()):
        return
    ways = Ways(definition)
    for step in definition.steps.values():
        for other in sorted(named[step.id]):
            message = f"Langkah “{step.name}”: empat_mata menyebut"
            if other == step.id:
                message += " langkah itu sendiri. Sebutkan id langkah sebelumnya."
            elif ways.may_precede(other, step.id):
                continue
            else:
                message += f" “{definition.steps[other].name}”, yang tidak mungkin dikerjakan sebelumnya."
                message += " Sebutkan langkah sebelumnya, atau tulis properti itu pada langkah yang kemudian."
            findings.say(step.id, "warning", "empat-mata", message)


def _others(step: Step) -> set[str]:
    return set(step.properties.get("empat_mata", "").replace(",", " ").split())


def _four_eyes(definition: Definition, step: Step, findings: Findings) -> None:
    for other in sorted(_others(step)):
        if other not in definition.steps:
            message = f"Langkah “{step.name}”: empat_mata menyebut “{other}”, tetapi tidak ada langkah dengan id itu."
            findings.say(step.id, "error", "empat-mata", message)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
