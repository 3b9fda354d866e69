"""How a case moves: SpiffWorkflow's tasks, specs and workflows, narrowed to tokens.

Spiff predicts tasks, keeps every finished one and reads that history to decide joins; it takes ids and the clock from
the machine. Here a task is a token: it exists while it is at a node, leaves the tree when it moves on, and is named by
a counter of the case. So the tree holds only what is open, whatever has passed before, and equal inputs give equal
outputs. What a token does at a node is said in `nodes` and `events`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.script_engine.python_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

if TYPE_CHECKING:
    from app.engine.nodes import Node, Process, Way

SYNTHETIC = "_alur_"  # ids that the reader made up begin so, and never show
MAX_TOKENS = 3_000  # in one verb; more is a drawing that never rests
ROOT = "0"

FUTURE, WAITING, READY, STARTED = TaskState.FUTURE, TaskState.WAITING, TaskState.READY, TaskState.STARTED
COMPLETED, CANCELLED = TaskState.COMPLETED, TaskState.CANCELLED


class EngineError(Exception):
    """The engine refuses: nothing was changed. `element` is the drawn id, `message` is for people, in Indonesian."""

    def __init__(self, element: str, message: str) -> None:
        super().__init__(message)
        self.element = element
        self.message = message


class RoutingError(EngineError):
    """The diagram does not say how the case goes on from here."""


class NoBranch(RoutingError):
    """A gateway has no branch that is true, and no default."""


class BadValue(RoutingError):
    """An expression of the diagram gave a value that cannot be used where it stands."""


class Stuck(RoutingError):
    """The case could never go on: tokens wait at joins that nothing can reach any more."""


class Endless(RoutingError):
    """The case would never rest: a loop without a step in it."""


class Token(Task):  # type: ignore[misc]
    """A Spiff task with an id from the case's own counter, and the sequence flow that it came by."""

    def __init__(
        self, workflow: Case | Scope, spec: Any, parent: Token | None = None, state: int = FUTURE, id: str = ""
    ) -> None:
        self.flow = ""
        if workflow.top_workflow.last_id - workflow.top_workflow.first_id > MAX_TOKENS:
            raise Endless(spec.bpmn_id, "Alur berputar tanpa henti: tidak ada langkah di dalam putarannya.")
        super().__init__(workflow, spec, parent, state, id or workflow.top_workflow.next_id())

    def _set_state(self, value: int) -> None:
        self._state = value

    def cancel(self) -> None:
        """End this token and all that hangs on it, without moving on."""
        if self.id in self.workflow.tasks:
            for child in self.children:
                child.cancel()
            self._set_state(CANCELLED)
            self.task_spec._on_cancel(self)
            self.workflow._remove_task(self.id)


class Scope(BpmnSubWorkflow):  # type: ignore[misc]
    """The inside of a running sub-process or call activity."""

    def __init__(self, spec: Process, host: Token) -> None:
        self.host = host
        super().__init__(spec, host.id, host.workflow.top_workflow, deserializing=True)
        self.task_tree = Token(self, spec.start, state=COMPLETED, id=ROOT)

    def _calculate_depth(self) -> int:
        return int(self.host.workflow.depth) + 1

    def _remove_task(self, task_id: str) -> None:
        _remove(self, task_id)


class Case(BpmnWorkflow):  # type: ignore[misc]
    """A running case, and what one verb did to it (`path`, `ends`, `closed`, `changes`)."""

    ENGINE = PythonScriptEngine()  # never asked: conditions and scripts are Expressions

    def __init__(self, spec: Process, names: Mapping[str, Any], now: datetime, last_id: int = 0) -> None:
        self.first_id = self.last_id = last_id
        self.names = names
        self.now = now
        self.rounds: dict[str, int] = {}
        self.mail: list[str] = []  # messages from pool to pool that nobody has waited for yet
        self.finished = False  # has one of several pools come to its end?
        self.agenda: deque[Token] = deque()
        self.path: list[str] = []
        self.ends: list[str] = []
        self.closed: list[str] = []
        self.changes: dict[str, Any] = {}
        super().__init__(spec, script_engine=self.ENGINE, deserializing=True)
        self.task_tree = Token(self, spec.start, state=COMPLETED, id=ROOT)

    def next_id(self) -> str:
        self.last_id += 1
        return str(self.last_id)

    def _remove_task(self, task_id: str) -> None:
        _remove(self, task_id)

    def is_new(self, token: str) -> bool:
        """Did this verb make the token?"""
        return int(token) > self.first_id

    def scopes(self) -> list[Case | Scope]:
        return [self, *self.subprocesses.values()]

    def tokens(self) -> Iterator[Token]:
        """Every token, the outermost scope's first, in order of arrival."""
        for scope in self.scopes():
            for token in scope.tasks.values():
                if token is not scope.task_tree:
                    yield token

    def passed(self, element: str) -> None:
        if not element.startswith(SYNTHETIC):
            self.path.append(element)

    def move(self, scope: Case | Scope, way: Way) -> None:
        """Put a token on `way`, so at the node it leads to."""
        self.passed(way.id)
        self.enter(scope, way.target, way.id)

    def enter(self, scope: Case | Scope, node: Node, flow: str = "", race: str = "") -> None:
        self.passed(node.bpmn_id)
        token = Token(scope, node, scope.task_tree)
        token.flow = flow
        if race:
            token.internal_data["race"] = race
        node._update(token)

    def begin(self, scope: Case | Scope, entries: Sequence[Node]) -> None:
        for watcher in scope.spec.watchers:
            watcher.watch(scope)
        for node in entries:
            self.enter(scope, node)

    def deliver(self, name: str, kinds: Sequence[str] = ("signal", "message")) -> bool:
        """A signal reaches everyone who waits for it, a message the one who waits longest; did it reach anyone?"""
        taken = reached = False
        for token in sorted(self.tokens(), key=lambda waiting: int(waiting.id)):
            if token.state != WAITING or token.id not in token.workflow.tasks or not token.task_spec.listens:
                continue
            heard = {known.kind for known in token.task_spec.triggers if known.name == name and known.kind in kinds}
            if "signal" in heard or ("message" in heard and not taken):
                taken = taken or "signal" not in heard
                reached = True
                token.task_spec.happen(token)
        return reached

    def send(self, name: str) -> None:
        """A message that a node sends when it is done. A message flow begins the pool that it leads to, or lies there
        until somebody waits for it.
        """
        if name in self.spec.doors:
            pool, start = self.spec.doors[name]
            pool.begin(Token(self, pool, self.task_tree), [start])
        elif not self.deliver(name) and name.startswith(SYNTHETIC):
            self.mail.append(name)

    def settle(self) -> None:
        """Run what runs by itself until only people, clocks and messages can move the case on."""
        while self.agenda or self._join() or self._close() or self._condition():
            while self.agenda:
                token = self.agenda.popleft()
                if token.state == READY:
                    token.run()
        idle = all(token.state in (STARTED, WAITING) and not token.task_spec.waits for token in self.tokens())
        if only_watched(self) or (idle and self.finished):  # what a pool still waits for, no other will send
            for token in list(self.task_tree.children):
                token.cancel()
            self.mail.clear()
        elif idle:
            node = next(token.task_spec for token in self.tokens() if token.state == WAITING)
            raise Stuck(node.bpmn_id, f"Permohonan macet di {node.label}: yang ditunggu tidak akan pernah datang.")

    def _join(self) -> bool:
        """Let one inclusive join go on for which nothing more can come: at rest, so that order cannot matter."""
        return any(token.state == WAITING and token.task_spec.may_go(token) for token in list(self.tokens()))

    def _close(self) -> bool:
        """Complete one sub-process in which nothing is left."""
        for key, scope in reversed(self.subprocesses.items()):
            if only_watched(scope):
                for token in list(scope.task_tree.children):
                    token.cancel()
                del self.subprocesses[key]
                self.finished = self.finished or scope.host.task_spec.bpmn_id.startswith(SYNTHETIC)
                scope.host.complete()
                return True
        return False

    def _condition(self) -> bool:
        for token in list(self.tokens()):
            if only_watched(token.workflow):
                continue  # a case in which nothing is left is done, as a sub-process is
            if token.state == WAITING and token.task_spec.listens and token.task_spec.look(token):
                return True
        return False


def only_watched(scope: Case | Scope) -> bool:
    """Is nothing left here but event sub-processes that never happened?"""
    return all(token.task_spec.watches for token in scope.task_tree.children)


def _remove(workflow: Case | Scope, task_id: str) -> None:
    token = workflow.tasks.pop(task_id)
    parent = token.parent
    if parent is not None:
        parent._children.remove(task_id)
