"""The events of a diagram: what is thrown, what is waited for, on which boundary, and who hears it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from SpiffWorkflow.bpmn.specs import defaults as spiff

from app.engine import timers
from app.engine.expressions import Expression
from app.engine.nodes import Node, Sub
from app.engine.tokens import CANCELLED, SYNTHETIC, WAITING, BadValue, Case, Scope, Token


@dataclass(frozen=True)
class Trigger:
    """What a catching event waits for, or a throwing one sends. A timer's text is an Expression or an ISO literal."""

    kind: Literal["date", "duration", "cycle", "signal", "message", "conditional", "error", "escalation", "terminate"]
    name: str = ""
    value: Expression | str | None = None

    @property
    def inner(self) -> bool:
        """Is it a message flow between pools, which nothing outside the case sends?"""
        return self.name.startswith(SYNTHETIC)


class Pass(Node, spiff.IntermediateThrowEvent):  # type: ignore[misc]
    """A node that a token only passes: a start, an end, a throwing event."""

    throws: tuple[Trigger, ...] = ()
    end = False

    def _run_hook(self, my_task: Token) -> bool:
        case: Case = my_task.workflow.top_workflow
        if self.end and not self.bpmn_id.startswith(SYNTHETIC):
            case.ends.append(self.bpmn_id)
        for trigger in self.throws:
            if trigger.kind == "terminate":
                for other in list(my_task.workflow.task_tree.children):
                    if other is not my_task:
                        other.cancel()
            elif trigger.kind in ("error", "escalation"):
                throw_outwards(my_task.workflow, trigger)
            else:
                case.deliver(trigger.name, (trigger.kind,))
        # What an enclosing sub-process caught may have cancelled this token meanwhile: then it does not go on.
        return None if my_task.state == CANCELLED else True  # type: ignore[return-value]


class Catch(Node, spiff.BoundaryEvent):  # type: ignore[misc]
    """A catching event, in the flow or on the boundary of an activity."""

    triggers: tuple[Trigger, ...] = ()
    timer: Trigger | None = None  # the one of the triggers that is a clock
    attached = False
    waits = True
    listens = True

    def _update_hook(self, my_task: Token) -> bool:
        if not self.triggers:
            return True
        my_task._set_state(WAITING)
        self.arm(my_task)
        self.wind(my_task)
        return False

    def look(self, token: Token) -> bool:
        """Start a timer whose value has become known; happen, where a condition has become true or a message lies."""
        self.wind(token)
        mail = token.workflow.top_workflow.mail
        for trigger in self.triggers:
            if trigger.inner and trigger.name in mail:
                mail.remove(trigger.name)
                self.happen(token)
                return True
        conditions = [trigger.value for trigger in self.triggers if trigger.kind == "conditional"]
        if not conditions:
            return False
        true = any(condition.evaluate(token.workflow.top_workflow.names) for condition in conditions)  # type: ignore[union-attr]
        if true and not token.internal_data.get("seen"):
            self.happen(token)
            return True
        if not true:
            token.internal_data.pop("seen", None)
        return False

    def wind(self, token: Token) -> None:
        if "due" in token.internal_data or self.timer is None:
            return
        case: Case = token.workflow.top_workflow
        value = self.timer.value
        if isinstance(value, Expression):
            value = value.evaluate(case.names)
        try:
            due = timers.due(self.timer.kind, value, case.now)  # type: ignore[arg-type]
        except (ValueError, OverflowError) as error:
            raise BadValue(self.bpmn_id, f"Waktu pada {self.label} tidak dapat dibaca: {value}") from error
        if due is not None:
            token.internal_data["due"] = stamp(due.at)
            if due.left:
                token.internal_data["every"], token.internal_data["left"] = due.every, due.left

    def restart(self, token: Token) -> None:
        """A timer that counts from its beginning begins now; one that waits for a date goes on waiting."""
        if self.timer is not None and self.timer.kind != "date" and token.internal_data.pop("due", None):
            for name in ("every", "left"):
                token.internal_data.pop(name, None)
            self.wind(token)

    def happen(self, token: Token) -> None:
        """The event has happened: move its token on, and end the activity that it interrupts."""
        case: Case = token.workflow.top_workflow
        case.passed(self.bpmn_id)
        if not self.attached:
            token._ready()
            return
        if self.cancel_activity:
            host = token.parent
            host.task_spec.settle_race(host)
            host.cancel()
        else:
            self.rearm(token)
        self.leave(token)

    def rearm(self, token: Token) -> None:
        """An event that does not interrupt may happen again, but a timer only as often as it says."""
        data = token.internal_data
        if "due" not in data:
            data["seen"] = True  # a condition must become false before it can become true again
            return
        following = timers.again(timers.Due(unstamp(data["due"]), data.get("every", ""), data.get("left", 0)))
        if following is None:
            token.cancel()
        else:
            data["due"], data["left"] = stamp(following.at), following.left


class Watcher(Catch):
    """The start of an event sub-process: waits as long as its scope runs."""

    body: Sub
    watches = True

    def watch(self, scope: Case | Scope) -> None:
        self._update(Token(scope, self, scope.task_tree))

    def happen(self, token: Token) -> None:
        case: Case = token.workflow.top_workflow
        scope = token.workflow
        if self.cancel_activity:
            for other in list(scope.task_tree.children):
                other.cancel()
        else:
            self.rearm(token)
        case.enter(scope, self.body)


def throw_outwards(scope: Case | Scope, trigger: Trigger) -> None:
    """Find who catches an error or escalation: the nearest scope outwards; nobody, then nothing happens."""
    while True:
        watchers = [token for token in scope.task_tree.children if isinstance(token.task_spec, Watcher)]
        host = scope.host if isinstance(scope, Scope) else None
        for token in watchers + (
            host.children + (host.parent.children if host.task_spec.outer else []) if host else []
        ):
            if token.state == WAITING and isinstance(token.task_spec, Catch):
                for caught in token.task_spec.triggers:
                    if caught.kind == trigger.kind and caught.name in ("", trigger.name):
                        token.task_spec.happen(token)
                        return
        if host is None:
            return
        scope = host.workflow


def stamp(value: datetime) -> str:
    """An instant as text whose order is the order of time."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def unstamp(text: str) -> datetime:
    return datetime.fromisoformat(text)
