"""What a diagram says, as values: the definition that the reader makes and a revision stores.

A definition is the drawn SOP (steps, lanes, choices, properties, wherever they stand) together with the
bare model that SpiffWorkflow executes. Both are kept with the revision and never read anew by newer rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One thing the check has to say: `element` is the drawn id (or file), `message` is for its owner, Indonesian."""

    element: str
    level: Level
    rule: str
    message: str


@dataclass(frozen=True)
class Lane:
    """A leaf lane. `parents` are the names of the lanes around it, outermost first."""

    id: str
    name: str
    parents: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A branch that the officer of a step may take; `id` is the sequence flow's id as drawn."""

    id: str
    label: str
    returns: bool
    target: str  # the step (or end event) it leads to
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """What a person does. `choices` stand in drawn order, forward before returns; empty where the flow just goes on."""

    id: str
    name: str
    lane: str  # the leaf lane's name; "" where it stands in none
    documentation: str = ""
    choices: tuple[Choice, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    id: str
    name: str
    default: bool
    lane: str = ""


@dataclass(frozen=True)
class End:
    id: str
    name: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """A sequence flow as drawn; the replay marks it and the path names it."""

    id: str
    name: str
    source: str
    target: str


@dataclass(frozen=True)
class Telling:
    """What is told when an element is passed, a step when it is completed: its `pesan`, and the lane it stands in."""

    text: str
    lane: str


@dataclass(frozen=True)
class Definition:
    """A drawn process and the model as run. `facts` are the dotted data keys that the model's expressions read."""

    key: str
    title: str
    documentation: str
    properties: Mapping[str, str]
    lanes: tuple[Lane, ...]
    applicant_lane: str | None
    starts: tuple[Start, ...]
    steps: Mapping[str, Step]
    ends: Mapping[str, End]
    flows: Mapping[str, Flow]
    facts: tuple[str, ...]
    names: Mapping[str, str]  # drawn id -> drawn name, every flow node
    model: str  # bare BPMN that Spiff parses, XML
    issues: Mapping[str, str] = field(default_factory=dict)  # flow that is no choice -> its `dokumen`
    tells: Mapping[str, Telling] = field(default_factory=dict)  # step, flow, event or end -> its `pesan`

    def dumps(self) -> str:
        """This definition as canonical JSON, for the revision."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=False, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Definition:
        """The definition that `dumps` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **raw,
                "lanes": tuple(Lane(**{**lane, "parents": tuple(lane["parents"])}) for lane in raw["lanes"]),
                "starts": tuple(Start(**start) for start in raw["starts"]),
                "steps": {
                    key: Step(**{**step, "choices": tuple(Choice(**choice) for choice in step["choices"])})
                    for key, step in raw["steps"].items()
                },
                "ends": {key: End(**end) for key, end in raw["ends"].items()},
                "flows": {key: Flow(**flow) for key, flow in raw["flows"].items()},
                "facts": tuple(raw["facts"]),
                "tells": {key: Telling(**telling) for key, telling in raw.get("tells", {}).items()},
            }
        )


@dataclass(frozen=True)
class Reading:
    """What reading a file gave: a definition where it can run, and all findings in any case."""

    definition: Definition | None
    findings: tuple[Finding, ...]

    @property
    def runnable(self) -> bool:
        return self.definition is not None and not any(finding.level == "error" for finding in self.findings)
