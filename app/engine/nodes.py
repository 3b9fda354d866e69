"""The nodes of a diagram as SpiffWorkflow specs: steps, gateways, scripts, sub-processes, loops.

Each has the same few hooks of Spiff's: `_update_hook` when a token comes (False: it waits), `_on_ready` when it may go
on, `_run_hook` when the node acts, `_on_complete` when the token leaves. Specs are shared by threads and hold no state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs import defaults as spiff
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask

from app.engine.expressions import Expression, put
from app.engine.expressions import Script as Assignments
from app.engine.tables import Ambiguous, Decision
from app.engine.tokens import STARTED, WAITING, BadValue, Case, Endless, NoBranch, Scope, Token

if TYPE_CHECKING:
    from app.engine.events import Catch, Watcher

MAX_INSTANCES = 500
MAX_DEPTH = 50  # sub-processes in sub-processes


@dataclass(frozen=True)
class Way:
    """A sequence flow as run: where it leads, and when it is taken (always, where `condition` is None)."""

    id: str
    target: Node
    condition: Expression | None = None
    default: bool = False


class Process(BpmnProcessSpec):  # type: ignore[misc]
    """What is inside a process or sub-process: where tokens begin, and its event sub-processes."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.task_specs: dict[str, Node] = {}  # without Spiff's own start, join and end, whose names a drawing may use
        self.entries: list[Node] = []
        self.watchers: list[Watcher] = []
        self.doors: dict[str, tuple[Sub, Node]] = {}  # message -> the pool that it begins, and where


class Node(BpmnSpecMixin):  # type: ignore[misc]
    """What every spec of ours does: nothing is predicted, a token that is done moves on and is gone."""

    ways: tuple[Way, ...] = ()
    incoming: tuple[str, ...] = ()
    boundary: tuple[Catch, ...] = ()  # events attached to this activity
    outer: Repeated | None = None  # where this is the body of a loop
    sends: tuple[str, ...] = ()  # messages that go out when a token leaves
    waits = False  # something outside can move a waiting token on
    listens = False  # something inside the case can: a condition, a message
    watches = False  # is no token of the flow, but the start of an event sub-process

    @property
    def label(self) -> str:
        return f"“{self.bpmn_name or self.bpmn_id}”"

    def _predict(self, my_task: Token, *args: Any, **kwargs: Any) -> None:
        pass

    def _update(self, my_task: Token) -> None:
        if self._update_hook(my_task):
            my_task._ready()

    def _update_hook(self, my_task: Token) -> bool:
        self.arm(my_task)
        return True

    def _on_ready(self, my_task: Token) -> None:
        my_task.workflow.top_workflow.agenda.append(my_task)

    def _run_hook(self, my_task: Token) -> bool:
        return True

    def _on_cancel(self, my_task: Token) -> None:
        pass

    def _on_complete(self, my_task: Token) -> None:
        for child in my_task.children:
            child.cancel()
        self.settle_race(my_task)
        parent = my_task.parent
        my_task.workflow._remove_task(my_task.id)
        if self.outer is not None:
            self.outer.instance_done(parent)
        else:
            self.leave(my_task)

    def arm(self, token: Token) -> None:
        for event in self.boundary:
            event._update(Token(token.workflow, event, token))

    def may_go(self, token: Token) -> bool:
        """At rest: has what this token waited for become impossible, so that it goes on?"""
        return False

    def settle_race(self, token: Token) -> None:
        """Of what follows an event-based gateway, the first that happens ends the others."""
        race = token.internal_data.get("race")
        if race is not None:
            for other in list(token.workflow.tasks.values()):
                if other is not token and other.internal_data.get("race") == race:
                    other.cancel()

    def leave(self, token: Token) -> None:
        case: Case = token.workflow.top_workflow
        for name in self.sends:
            case.send(name)
        for way in self.chosen(case):
            case.move(token.workflow, way)

    def chosen(self, case: Case) -> list[Way]:
        """The ways that are taken: all without a condition, each whose condition is true, else the default."""
        taken = [
            way
            for way in self.ways
            if not way.default and (way.condition is None or way.condition.evaluate(case.names))
        ]
        if not taken:
            taken = [way for way in self.ways if way.default]
        if not taken and self.ways:
            raise NoBranch(self.bpmn_id, f"Tidak ada cabang yang cocok setelah {self.label}.")
        return taken


class Step(Node, spiff.UserTask):  # type: ignore[misc]
    """A person's step: READY until somebody completes it."""

    def _on_ready(self, my_task: Token) -> None:
        rounds = my_task.workflow.top_workflow.rounds
        if self.outer is None:
            rounds[self.bpmn_id] = rounds.get(self.bpmn_id, 0) + 1
        my_task.internal_data["round"] = rounds[self.bpmn_id]

    def _run_hook(self, my_task: Token) -> bool:
        my_task.workflow.top_workflow.passed(self.bpmn_id)
        return True

    def _on_complete(self, my_task: Token) -> None:
        my_task.workflow.top_workflow.closed.append(my_task.id)
        super()._on_complete(my_task)

    def _on_cancel(self, my_task: Token) -> None:
        if "round" in my_task.internal_data:
            my_task.workflow.top_workflow.closed.append(my_task.id)


class Script(Node, spiff.ScriptTask):  # type: ignore[misc]
    """Sets facts."""

    assignments: Assignments

    def _run_hook(self, my_task: Token) -> bool:
        case: Case = my_task.workflow.top_workflow
        for target, value in self.assignments.execute(case.names).items():
            case.names = put(case.names, target.split("."), value)
            case.changes = put(case.changes, target.split("."), value)
        return True


class Table(Node, spiff.ScriptTask):  # type: ignore[misc]
    """Asks a decision table, and sets facts as it says."""

    decision: Decision
    result = ""  # where the whole answer goes; "": each output under its own name
    shape = ""

    def _run_hook(self, my_task: Token) -> bool:
        case: Case = my_task.workflow.top_workflow
        try:
            answer = self.decision.decide(case.names)
        except Ambiguous as error:
            raise BadValue(self.bpmn_id, f"{self.label}: {error}") from None
        values = {self.result: answer.whole(self.shape)} if self.result else answer.columns()
        for target, value in values.items():
            case.names = put(case.names, target.split("."), value)
            case.changes = put(case.changes, target.split("."), value)
        return True


class Exclusive(Node, spiff.ExclusiveGateway):  # type: ignore[misc]
    def chosen(self, case: Case) -> list[Way]:
        for way in self.ways:
            if way.condition is not None and not way.default and way.condition.evaluate(case.names):
                return [way]
        for way in self.ways:
            if way.default or way.condition is None:
                return [way]
        return super().chosen(case)[:1]


class Parallel(Node, spiff.ParallelGateway):  # type: ignore[misc]
    """Takes one token from each incoming flow; what came too often stays for the next time."""

    def _update_hook(self, my_task: Token) -> bool:
        my_task._set_state(WAITING)
        first: dict[str, Token] = {}
        for token in my_task.workflow.tasks.values():
            if token.task_spec is self and token.state == WAITING:
                first.setdefault(token.flow, token)
        if len(first) < len(self.incoming):
            return False
        consume(first, my_task)
        return True

    def chosen(self, case: Case) -> list[Way]:
        return list(self.ways)


class Inclusive(Node, spiff.InclusiveGateway):  # type: ignore[misc]
    """Waits while a token elsewhere may come by a flow that has none, unless it may as well come by one that has."""

    reach: Mapping[str, frozenset[str]] = {}  # node -> incoming flows of this gateway that can be reached from it

    def _update_hook(self, my_task: Token) -> bool:
        if len(self.incoming) < 2:
            return True
        my_task._set_state(WAITING)
        return False

    def may_go(self, token: Token) -> bool:
        first: dict[str, Token] = {}
        others = []
        for other in token.workflow.tasks.values():
            if other.task_spec is self:
                first.setdefault(other.flow, other)
            elif other is not token.workflow.task_tree:
                others.append(self.reach.get(other.task_spec.bpmn_id, frozenset()))
        if any(reach and not reach & first.keys() for reach in others):
            return False
        consume(first, token)
        token._ready()
        return True


class Race(Node, spiff.ParallelGateway):  # type: ignore[misc]
    """An event-based gateway: everything behind it opens, and the first that happens ends the others."""

    def leave(self, token: Token) -> None:
        case: Case = token.workflow.top_workflow
        for way in self.ways:
            case.passed(way.id)
            case.enter(token.workflow, way.target, way.id, race=token.id)


class Sub(Node, spiff.SubWorkflowTask):  # type: ignore[misc]
    """A sub-process or call activity; its inside is a Scope."""

    inside: Process

    def _update_hook(self, my_task: Token) -> bool:
        self.begin(my_task, self.inside.entries)
        return False

    def begin(self, token: Token, entries: Sequence[Node]) -> None:
        token._set_state(STARTED)
        self.arm(token)
        case: Case = token.workflow.top_workflow
        if token.workflow.depth > MAX_DEPTH:
            raise Endless(self.bpmn_id, "Proses memanggil dirinya sendiri tanpa henti.")
        scope = case.subprocesses[token.id] = Scope(self.inside, token)
        case.begin(scope, entries)

    def _on_cancel(self, my_task: Token) -> None:
        scope = my_task.workflow.top_workflow.subprocesses.pop(my_task.id, None)
        if scope is not None:
            for token in list(scope.task_tree.children):
                token.cancel()


class Repeated(Node, LoopTask):  # type: ignore[misc]
    """An activity with a loop marker: a token that waits for its instances, one after the other or all at once."""

    body: Node
    count: Expression | None = None  # how many, or a list to count
    sequential = True
    until: Expression | None = None  # multi-instance: stop when true
    again: Expression | None = None  # standard loop: go on while true
    maximum: int | None = None
    test_before = False

    def _update_hook(self, my_task: Token) -> bool:
        case: Case = my_task.workflow.top_workflow
        my_task._set_state(STARTED)
        self.arm(my_task)
        case.rounds[self.bpmn_id] = case.rounds.get(self.bpmn_id, 0) + 1
        total = self.total(case)
        my_task.internal_data.update(total=total, started=0, done=0)
        if total == 0 or (self.test_before and not self.goes_on(case, 0)):
            my_task._ready()
            return False
        for _ in range(1 if self.sequential else total):
            self.instance(my_task)
        return False

    def total(self, case: Case) -> int:
        """How many instances; -1 where only a condition ends the loop."""
        if self.count is None:
            return -1
        value = self.count.evaluate(case.names)
        if isinstance(value, list | tuple | Mapping):
            value = len(value)
        if value is None:
            value = 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INSTANCES:
            raise BadValue(self.bpmn_id, f"Banyaknya pengulangan {self.label} bukan bilangan atau daftar: {value}")
        return value

    def goes_on(self, case: Case, done: int) -> bool:
        if self.maximum is not None and done >= self.maximum:
            return False
        return self.again is None or bool(self.again.evaluate(case.names))

    def instance(self, token: Token) -> None:
        token.internal_data["started"] += 1
        self.body._update(Token(token.workflow, self.body, token))

    def instance_done(self, token: Token) -> None:
        case: Case = token.workflow.top_workflow
        data = token.internal_data
        data["done"] += 1
        if self.count is None:
            more = self.goes_on(case, data["done"])
        else:
            more = data["done"] < data["total"] and not (self.until is not None and self.until.evaluate(case.names))
        if not more:
            token._ready()
        elif self.sequential:
            self.instance(token)


def consume(first: Mapping[str, Token], survivor: Token) -> None:
    """A join takes one token of each flow. Tokens of one flow are alike, so of its own flow the survivor is taken."""
    for flow, token in first.items():
        if flow != survivor.flow:
            token.cancel()
