"""What an SOP cannot mean over time: cases that stall, steps that pile up, ways from which no end is reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from app.engine.definition import Definition
from app.engine.drawing import Drawing, Findings
from app.engine.nodes import Node
from app.engine.rules import HEARING
from app.engine.space import Key, Space, State, leading_to
from app.engine.tokens import SYNTHETIC

WORDS = 14  # of a way that is told
HARMLESS = {"nilai-properti", "empat-mata"}  # errors that leave the flow as drawn


def check(definition: Definition, drawing: Drawing, findings: Findings) -> None:
    """Says what can go wrong with a case; nothing where errors make the flow another than the one drawn."""
    if any(known.level == "error" and known.rule not in HARMLESS for known in findings.all):
        return
    space = Space(definition)
    space.explore()
    _Teller(space, drawing, findings).tell()


class _Teller:
    """Says in the owner's words what a space shows."""

    def __init__(self, space: Space, drawing: Drawing, findings: Findings) -> None:
        self.space = space
        self.drawing = drawing
        self.findings = findings

    def tell(self) -> None:
        space = self.space
        for join, (known, flows) in space.stalls.items():
            self.stall(join, known, flows)
        self.piles()
        for end, (known, steps) in space.cut.items():
            names = ", ".join(self.name(step) for step in steps)
            message = f"{self.label(end)} menutup langkah yang masih terbuka: {names}. {self.way(known)} Bila langkah"
            self.say(end, "info", "menutup-langkah", f"{message} itu harus selesai dahulu, gabungkan jalannya.")
        self.endings()
        if space.limited:
            number = f"{len(space.states):,}".replace(",", ".")
            message = f"Permohonan dapat berada dalam lebih banyak keadaan daripada yang diperiksa, yaitu {number};"
            message += " yang lebih jauh belum dilihat. Cobalah juga dengan alur sop walk."
            self.findings.say(space.definition.key, "info", "pemeriksaan-terbatas", message)

    def stall(self, join: str, known: State, flows: Sequence[str]) -> None:
        come = " dan ".join(dict.fromkeys(self.branch(flow) for flow in flows)) or "yang ditunggu"
        message = f"permohonan dapat macet di {self.label(join)}: {come} tidak akan datang. {self.way(known)} Bila"
        message += " cabang-cabangnya tidak selalu dijalankan semua, gabungkan dengan gerbang eksklusif atau inklusif."
        if self.drawing.nodes[join].kind in HEARING:
            message = f"permohonan dapat macet di {self.label(join)}: pesannya tidak akan datang. {self.way(known)}"
            message += " Gambarlah panah pesan dari setiap jalan yang dapat ditempuh pool pengirimnya."
        self.say(join, "warning", "macet", message)

    def piles(self) -> None:
        told: set[str] = set()
        for step, known in self.space.piles.items():
            if step in told:
                continue
            told |= self.onward(step)  # what follows a step that is open twice is open twice as well
            grows = any(_less(other.key, known.key) for other in known.way()[:-1])
            if grows:
                message = f"{self.label(step)} dapat terbuka berkali-kali, makin banyak di setiap putaran."
                message += f" {self.way(known)} Gabungkan cabang yang bersamaan sebelum alur kembali."
            else:
                message = f"{self.label(step)} dapat terbuka dua kali sekaligus, karena cabang yang bersamaan tidak"
                message += f" digabungkan. {self.way(known)} Gabungkan dengan gerbang paralel sebelum langkah itu."
            self.say(step, "warning", "langkah-bertumpuk", message)

    def endings(self) -> None:
        space = self.space
        lost = space.lost()
        stalled = [known for known in space.states.values() if known.stalled]
        waiting = next((known for known in lost if known.deaf and not known.verbs and not known.stalled), None)
        if waiting is not None:
            event = waiting.deaf[0]
            message = f"permohonan dapat macet di {self.label(event)}: yang ditunggu hanya dikirim oleh diagram ini"
            message += f" sendiri, dan dapat sudah lewat. {self.way(waiting)} Bukalah penunggunya dahulu."
            self.say(event, "warning", "macet", message)
        elif len(lost) == len(space.states) > 0 and not space.ends:
            message = "tidak ada akhir yang dapat dicapai: setiap permohonan macet atau berputar tanpa henti."
            message += f" {self.way((stalled or lost)[0])} Gambarlah jalan menuju akhir."
            self.say(space.definition.key, "error", "tanpa-akhir", message)
        elif not any(said.rule == "tanpa-akhir" for said in self.findings.all):
            stalling = leading_to(stalled)
            known = next((known for known in lost if known not in stalling), None)
            if known is not None:
                at = next((verb.element for verb in known.verbs), space.definition.key)
                message = f"dari {self.label(at)} akhir tidak dapat dicapai lagi. {self.way(known)} Gambarlah jalannya."
                self.say(at, "warning", "tanpa-akhir", message)

    # Words

    def say(self, element: str, level: Any, rule: str, message: str) -> None:
        self.findings.say(element, level, rule, message[0].upper() + message[1:])

    def label(self, key: str) -> str:
        key = _drawn(key)
        return self.drawing.nodes[key].label if key in self.drawing.nodes else f"“{key}”"

    def name(self, key: str) -> str:
        """A node in a row of them: its name, or what it is called without one."""
        key = _drawn(key)
        node = self.drawing.nodes.get(key)
        name = self.space.definition.steps[key].name if key in self.space.definition.steps else node and node.name
        if not name and node is not None and node.attached:
            return f"kejadian tepi {self.name(node.attached)}"
        return f"“{name}”" if name else self.label(key)

    def branch(self, flow: str) -> str:
        """The branch that ends in `flow`: its name, or where it comes from, gateways without a name aside."""
        for _ in range(10):
            edge = self.drawing.edges.get(flow)
            if edge is None:
                break
            if edge.name:
                return f"cabang “{edge.name}”"
            source = self.drawing.nodes[edge.source]
            if source.name or len(source.incoming) != 1 or not source.kind.endswith("Gateway"):
                return f"cabang dari {source.label}"
            flow = source.incoming[0].id
        return "cabang lain"

    def onward(self, step: str) -> set[str]:
        seen = {step}
        rest = [step]
        while rest:
            node = self.drawing.nodes.get(rest.pop())
            for edge in node.outgoing if node else ():
                if edge.target not in seen:
                    seen.add(edge.target)
                    rest.append(edge.target)
        return seen

    def way(self, known: State) -> str:
        words = [word for each in known.way() for word in self.words(each)]
        if len(words) > WORDS:
            words = [*words[: WORDS // 2], "…", *words[-(WORDS // 2) :]]
        return f"Jalan: {' → '.join(words)}." if words else "Jalan: sejak permohonan dimulai."

    def words(self, known: State) -> Iterator[str]:
        verb, definition = known.verb, self.space.definition
        if known.before is None:
            if len(definition.starts) > 1:
                yield self.name(verb.element)
        elif verb.happened:
            yield f"{self.name(verb.element)} ({verb.happened})"
        else:
            chosen = [c.label for c in definition.steps[verb.element].choices if c.id == verb.choice]
            yield f"{self.name(verb.element)} ({chosen[0]})" if chosen else self.name(verb.element)
        taken: dict[Node, list[str]] = {}
        for flow in known.path:
            if flow in self.space.decided:
                edge = self.drawing.edges[flow]
                branch = edge.name or self.drawing.nodes[edge.target].name
                taken.setdefault(self.space.decided[flow], []).extend([branch] if branch else [])
        for node, branches in taken.items():
            if branches and node.bpmn_name:
                yield f"“{node.bpmn_name}” ({', '.join(branches)})"
            elif branches:
                yield f"cabang {' dan '.join(f'“{branch}”' for branch in branches)}"


def _less(small: Key, large: Key) -> bool:
    """Does `large` hold all the tokens of `small`, and more?"""
    return len(small) < len(large) and Counter(small) <= Counter(large)


def _drawn(key: str) -> str:
    return key.removeprefix(f"{SYNTHETIC}gw_")
