"""The states that a case can come to, explored with the engine itself, so that check and run cannot disagree.

What people, facts, clocks and the world outside would decide is decided in every way; states that differ only in names,
rounds and dates are one. Breadth first, so that the way to a fault is a shortest one; up to a bound.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from app.engine import specs, state
from app.engine.definition import Definition
from app.engine.events import Catch, Pass, Trigger
from app.engine.expressions import Expression, compile
from app.engine.nodes import Inclusive, Node, Parallel, Process, Repeated, Step, Sub
from app.engine.run import EPOCH
from app.engine.tape import Tape
from app.engine.tokens import MAX_TOKENS, READY, SYNTHETIC, WAITING, Case, Endless, RoutingError, Scope, Stuck, Token

STATES = 1_500
WORK = 40_000  # tokens that are put somewhere: about a third of a second
BROAD = 2 / 3  # of both; the rest is sought in depth, where a bound would else hide what lies far from the start
DISTANCE = 100_000  # flows of joins by nodes of their scope, to be known beforehand
DECISIONS = 64  # ways in which facts may decide one verb
PILE = 3  # tokens at one place: what follows is more of the same
OUTSIDE = Trigger("message", SYNTHETIC + "outside")

Key = tuple[Any, ...]


class Verb(NamedTuple):
    """What may happen in a state: a start, the completion of a step, an event (`happened` says how it is told)."""

    element: str
    token: str = ""
    choice: str | None = None
    happened: str = ""


@dataclass(eq=False)
class State:
    """A state that was reached: by what verb from which, passing what, and what may happen there."""

    key: Key
    content: bytes
    before: State | None
    verb: Verb
    path: Sequence[str]
    verbs: Sequence[Verb]
    deaf: Sequence[str] = ()  # events that wait for what only the diagram itself sends
    sources: list[State] = field(default_factory=list)
    open: bool = False  # not all that follows is known
    ends: bool = False  # the case may end with the next verb
    stalled: bool = False  # something here waits for ever
    stuck: bool = False  # nothing at all can happen any more

    def way(self) -> list[State]:
        """The states on the way here, the first one first."""
        found = [self]
        while found[-1].before is not None:
            found.append(found[-1].before)
        return found[::-1]


class Space:
    """The states of a definition, as far as they were explored, and the first state with each fault."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.tape = Tape()
        self.process = specs.build(definition.model, definition.key)
        self.nodes = list(specs.named(self.process))
        self.decided: dict[str, Node] = {}  # a flow that facts decide about -> the node that it leaves
        self.outside: dict[Node, str] = {}  # events that may happen at any time, and how that is told
        self.ending = {
            node.bpmn_id
            for node in self.nodes
            if isinstance(node, Pass) and any(trigger.kind == "terminate" for trigger in node.throws)
        }
        thrown = {
            (trigger.kind, trigger.name) for node in self.nodes if isinstance(node, Pass) for trigger in node.throws
        } | {("message", name) for node in self.nodes for name in node.sends}
        for node in self.nodes:
            self.leave_open(node, thrown)
        inner = [node.inside for node in self.nodes if isinstance(node, Sub)]
        self.scopes = {id(process): _Layout(process) for process in (self.process, *inner)}
        self.states: dict[Key, State] = {}
        self.queue: deque[State] = deque()
        self.rounds = {node.bpmn_id: 1 for node in self.nodes if isinstance(node, Repeated)}
        self.work = 0
        self.ends = False  # a case may end as soon as it begins
        self.limited = False  # a bound was met
        self.complete = True  # nothing at all was left out
        self.stalls: dict[str, tuple[State, tuple[str, ...]]] = {}  # join -> where, and which flows it lacks
        self.piles: dict[str, State] = {}
        self.cut: dict[str, tuple[State, dict[str, None]]] = {}  # terminating end -> where, and what it closes

    def leave_open(self, node: Node, thrown: Container[tuple[str, str]]) -> None:
        """Whatever facts, clocks or others decide about `node` is asked of the tape, or happens at any time."""
        ways = tuple(
            way if way.condition is None else replace(way, condition=self.asked(way.condition)) for way in node.ways
        )
        if any(new is not old and new.condition != old.condition for new, old in zip(ways, node.ways, strict=True)):
            self.decided.update((way.id, node) for way in ways)
        node.ways = ways
        if isinstance(node, Repeated):
            if node.count is not None:
                node.count = self.counted(node.count)
            node.until = node.until and self.asked(node.until)
            node.again = node.again and self.asked(node.again)
            node.maximum = node.maximum and min(node.maximum, 2)
        elif isinstance(node, Catch):
            for number, trigger in enumerate(node.triggers):
                if trigger.kind in ("date", "duration", "cycle"):
                    self.outside[node] = "waktunya tiba"
                elif isinstance(trigger.value, Expression):
                    if trigger.value.names:
                        self.outside[node] = "syaratnya terpenuhi"
                elif trigger.kind in ("message", "signal") and (trigger.kind, trigger.name) not in thrown:
                    self.outside.setdefault(node, "datang")
                    continue
                else:
                    continue
                if node in self.outside:
                    node.triggers = (*node.triggers[:number], OUTSIDE, *node.triggers[number + 1 :])
            node.timer = None

    def asked(self, expression: Expression) -> Expression:
        """A condition that facts decide; the reader's own, and constants, stay."""
        if all(name.startswith("_") for name in expression.names):
            return expression
        text = expression.text
        return replace(expression, run=lambda names: self.tape.ask(text, (True, False), names))

    def counted(self, expression: Expression) -> Expression:
        if not expression.names:
            count = expression.evaluate({})
            return compile("2") if isinstance(count, int) and count > 2 else expression
        text = expression.text
        return replace(expression, run=lambda names: self.tape.ask(text, (1, 2), names))

    # Exploring

    def explore(self) -> None:
        for verb in [Verb(start.id) for start in self.definition.starts] or [Verb("")]:
            self.follow(None, verb)
        while self.queue:
            known = self.queue.popleft() if self.spent() < BROAD else self.queue.pop()
            for verb in known.verbs:
                if self.spent() >= 1:
                    self.limited = True
                    self.leave(known)
                    break
                self.follow(known, verb)

    def spent(self) -> float:
        """How much of what may be spent; 1 is all."""
        return max(len(self.states) / STATES, self.work / WORK)

    def follow(self, before: State | None, verb: Verb) -> None:
        """Let `verb` happen, with facts deciding in every way."""
        tapes: list[tuple[Any, ...]] = [()]
        tried = 0
        while tapes:
            if tried >= DECISIONS:
                self.limited = True
                self.leave(before)
                break
            tried += 1
            self.tape.begin(tapes.pop())
            try:
                case, stuck = self.run(before, verb)
            except Endless:
                self.work += MAX_TOKENS
                self.leave(before)
            except RoutingError:
                pass  # refused: people would give other answers
            else:
                self.reach(before, verb, case, stuck)
            tapes += reversed(self.tape.others)

    def run(self, before: State | None, verb: Verb) -> tuple[Case, bool]:
        if before is None:
            case = Case(self.process, {"_start": verb.element}, EPOCH)
            case.begin(case, case.spec.entries)
        else:
            case = state.loads(before.content, self.process, {"_choice": verb.choice}, EPOCH)
            case.rounds = dict(self.rounds)
            token = next(token for token in case.tokens() if token.id == verb.token)
            if verb.happened:
                self.happen(case, token)
            else:
                token.run()
        try:
            case.settle()
        except Stuck:
            return case, True
        return case, False

    def happen(self, case: Case, token: Token) -> None:
        """A signal is heard by all who wait for it; a clock strikes once."""
        names = {trigger.name for trigger in token.task_spec.triggers if trigger.kind == "signal"}
        token.task_spec.happen(token)
        if OUTSIDE in token.task_spec.triggers and token.state == WAITING:
            token.cancel()
        for other in list(case.tokens()) if names else ():
            here = other.state == WAITING and other.id in other.workflow.tasks and self.may_happen(other)
            if here and any(trigger.kind == "signal" and trigger.name in names for trigger in other.task_spec.triggers):
                other.task_spec.happen(other)

    def may_happen(self, token: Token) -> bool:
        return token.task_spec in self.outside and "seen" not in token.internal_data

    def leave(self, before: State | None) -> None:
        self.complete = False
        if before is not None:
            before.open = True

    def reach(self, before: State | None, verb: Verb, case: Case, stuck: bool) -> None:
        """A verb led to what `case` now is."""
        self.work += 3 + case.last_id - case.first_id + sum(len(scope.tasks) for scope in case.scopes())
        if not case.task_tree.children:
            if before is None:
                self.ends = True
            else:
                before.ends = True
                self.closed(before, verb, case)
            return
        places = Counter(self.places(case))
        if any(count > 1 and self.scopes[scope].aside(node) for (_, scope, node, _), count in places.items()):
            self.leave(before)  # whoever was called aside once is not called again before that is done
            return
        key = (*_key(case, case), *sorted(case.mail), case.finished)
        known = self.states.get(key)
        if known is None:
            case.rounds = {}  # they say how often, which makes no difference and would grow
            known = State(key, state.dumps(case), before, verb, case.path, list(self.verbs(case)))
            known.deaf = [
                token.task_spec.bpmn_id
                for token in case.tokens()
                if token.state == WAITING
                and isinstance(token.task_spec, Catch)
                and not token.task_spec.attached
                and token.task_spec not in self.outside
            ]
            self.states[key] = known
            self.judge(known, case, stuck)
            if max(places.values()) < PILE:
                self.queue.append(known)
            else:
                known.open, self.complete = True, False
        if before is not None:
            known.sources.append(before)
            self.closed(before, verb, case)

    def places(self, case: Case) -> Iterator[tuple[str, int, str, str]]:
        """Where the tokens of the flow are: scope, what that is the inside of, node, and at joins the flow."""
        for scope in case.scopes():
            for token in scope.task_tree.children:
                node = token.task_spec
                if not node.watches:
                    key = scope.host.id if isinstance(scope, Scope) else ""
                    yield key, id(scope.spec), node.bpmn_id, token.flow if token.state == WAITING else ""

    def verbs(self, case: Case) -> Iterator[Verb]:
        alike = set()
        for token in case.tokens():
            node = token.task_spec
            if token.state == READY:
                if node.outer is not None and isinstance(node, Step):
                    if token._parent in alike:
                        continue
                    alike.add(token._parent)
                step = self.definition.steps.get(node.bpmn_id)
                for choice in [branch.id for branch in step.choices] if step and step.choices else [None]:
                    yield Verb(node.bpmn_id, token.id, choice)
            elif token.state == WAITING and self.may_happen(token):
                yield Verb(node.bpmn_id, token.id, None, self.outside[node])

    # Judging

    def judge(self, known: State, case: Case, stuck: bool) -> None:
        for scope in case.scopes():
            layout = self.scopes[id(scope.spec)]
            tokens = [token for token in scope.task_tree.children if not layout.beside(token.task_spec)]
            dead = dict(layout.dead(tokens))
            idle = all(t.state == WAITING and not t.task_spec.waits and not t.task_spec.listens for t in tokens)
            if not dead and tokens and idle:
                dead[tokens[0].task_spec.bpmn_id] = layout.lacking(tokens[0].task_spec, tokens)
            for join, flows in dead.items():
                known.stalled = True
                self.stalls.setdefault(join, (known, flows))
            count = Counter(
                token.task_spec.bpmn_id for token in tokens if isinstance(token.task_spec, Step | Sub | Repeated)
            )
            for key, number in count.items():
                if number > 1:
                    self.piles.setdefault(key, known)
        if stuck and not known.stalled:  # pools that wait for each other
            known.stalled = True
            waiting = next(token.task_spec.bpmn_id for token in case.tokens() if token.state == WAITING)
            self.stalls.setdefault(waiting, (known, ()))
        known.stuck = stuck

    def closed(self, before: State, verb: Verb, case: Case) -> None:
        """Steps that were open and which a terminating end has closed."""
        ends = [key for key in case.path if key in self.ending]
        if ends:
            opened = {other.token: other.element for other in before.verbs if not other.happened}
            lost = {opened[key]: None for key in case.closed if key in opened and key != verb.token}
            if lost:
                first = State((), b"", before, verb, case.path, ())
                self.cut.setdefault(ends[-1], (first, {}))[1].update(lost)

    def lost(self) -> list[State]:
        """The states from which no end is reached any more, as far as that is known."""
        ending = leading_to(known for known in self.states.values() if known.ends or known.open)
        return [known for known in self.states.values() if known not in ending]


class _Layout:
    """What can be said once of a process: how far a token is from a join's flows, and what lies aside."""

    def __init__(self, process: Process) -> None:
        found = self.found = {key: node for key, node in process.task_specs.items() if key == node.bpmn_id}
        self.left = DISTANCE
        self.reached: dict[str, Mapping[str, frozenset[str]]] = {}
        self.bodies = {watcher.body for watcher in process.watchers}
        self.main: set[str] = set()
        self.repeats = any(not event.cancel_activity for node in found.values() for event in node.boundary)
        rest: list[Node] = list(process.entries) if self.repeats else []
        while rest:
            node = rest.pop()
            if node.bpmn_id not in self.main:
                self.main.add(node.bpmn_id)
                rest += [way.target for way in node.ways]
                rest += [event for event in node.boundary if event.cancel_activity]

    def aside(self, node: str) -> bool:
        """Does only an event that does not interrupt lead here?"""
        return self.repeats and node not in self.main

    def beside(self, node: Node) -> bool:
        """Is this no part of the flow, but an event sub-process?"""
        return node.watches or node in self.bodies

    def dead(self, tokens: Sequence[Token]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Joins at which tokens wait for a flow by which nothing can come any more."""
        at = {token.task_spec for token in tokens if token.state == WAITING}
        waiting = {node.bpmn_id: node for node in at if isinstance(node, Parallel)}
        found = True
        while found:
            found = False
            for key, join in sorted(waiting.items()):
                reached = self.to(join)
                live = {token.task_spec.bpmn_id for token in tokens}
                coming = frozenset[str]().union(*(reached.get(other, ()) for other in live))
                gone = tuple(flow for flow in self.lacking(join, tokens) if flow not in coming)
                if gone and reached:
                    found = True
                    del waiting[key]
                    tokens = [token for token in tokens if token.task_spec is not join]
                    yield key, gone

    def to(self, join: Node) -> Mapping[str, frozenset[str]]:
        """For each node the flows of a join that can be reached from it; nothing where that would cost too much."""
        if join.bpmn_id not in self.reached:
            self.left -= len(join.incoming) * len(self.found)
            self.reached[join.bpmn_id] = specs.reach(join, self.found) if self.left > 0 else {}
        return self.reached[join.bpmn_id]

    def lacking(self, join: Node, tokens: Iterable[Token]) -> tuple[str, ...]:
        come = {token.flow for token in tokens if token.task_spec is join}
        return tuple(flow for flow in join.incoming if flow not in come)


def _key(case: Case, scope: Case | Scope) -> Key:
    """What a scope's tokens are, whatever their names and their age."""
    return tuple(sorted(_token_key(case, token) for token in scope.task_tree.children))


def _token_key(case: Case, token: Token) -> Key:
    node, data = token.task_spec, token.internal_data
    flow = token.flow if "race" in data or isinstance(node, Parallel | Inclusive) else ""
    counted = isinstance(node, Repeated) and (node.count is not None or node.maximum is not None)
    counts = (data.get("total", 0), data.get("started", 0), data.get("done", 0)) if counted else ()
    inner = case.subprocesses.get(token.id)
    return (
        node.name,
        token.state,
        flow,
        "seen" in data,
        counts,
        tuple(sorted(_token_key(case, child) for child in token.children)),
        _key(case, inner) if inner is not None else (),
    )


def leading_to(found: Iterable[State]) -> set[State]:
    """These states and all from which they are reached."""
    rest = list(found)
    seen = set(rest)
    while rest:
        for source in rest.pop().sources:
            if source not in seen:
                seen.add(source)
                rest.append(source)
    return seen
