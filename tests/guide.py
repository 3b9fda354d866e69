"""`make guide`: what docs/ tells of the properties of a diagram, made of the reader's own table.

That is the table in the guide, and the element templates for Camunda Modeler: one file for each of its two kinds of
diagram, since either kind complains of the other's templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from app.engine.properties import (
    COPY,
    ENDING,
    LISTED,
    MESSAGE,
    PAPER,
    PLACE_NAMES,
    TERM,
    VOCABULARY,
    Place,
    Property,
)
from tests.conftest import ROOT

GUIDE = ROOT / "docs" / "menggambar-sop.md"
TABLE = re.compile(r"(?<=<!-- properti -->\n).*?(?=<!-- /properti -->)", re.DOTALL)
SCHEMA = "https://unpkg.com/@camunda/{}element-templates-json-schema/resources/schema.json"
SCHEMAS = {"camunda": SCHEMA.format(""), "zeebe": SCHEMA.format("zeebe-")}  # by the namespace that is written
TEMPLATES = {kind: ROOT / "docs" / "camunda" / f"alur-{kind}.json" for kind in SCHEMAS}
APPLIES: Mapping[Place, tuple[str, ...]] = {
    "proses": ("bpmn:Process", "bpmn:Participant"),  # where there are pools, the pool is what can be selected
    "lajur": ("bpmn:Lane",),
    "langkah": ("bpmn:Task",),
    "panah": ("bpmn:SequenceFlow",),
    "mulai": ("bpmn:StartEvent",),
    "kejadian": ("bpmn:IntermediateCatchEvent", "bpmn:IntermediateThrowEvent", "bpmn:BoundaryEvent"),
    "akhir": ("bpmn:EndEvent",),
}


def table() -> str:
    """The table of properties, as Markdown."""
    rows = ["| properti | tempat | arti | nilai |", "|---|---|---|---|"]
    for known in VOCABULARY:
        places = ", ".join(PLACE_NAMES[place] for place in known.places)
        rows.append(f"| `{known.name}` | {places} | {known.meaning} | {_value(known)} |")
    return "\n".join(rows) + "\n"


def _value(known: Property) -> str:
    if known.shape in LISTED:
        return " atau ".join(f"`{word}`" for word in known.shape.split("|"))
    example = known.example.replace("|", r"\|")
    return f"misalnya `{example}`" if example else "teks"


def templates(kind: str) -> list[dict[str, Any]]:
    """The element templates that write properties in one namespace, one for each place that has properties."""
    return [
        {
            "$schema": SCHEMAS[kind],
            "name": f"Alur: {PLACE_NAMES[place]}",
            "id": f"alur.{kind}.{place}",
            "description": f"Properti {PLACE_NAMES[place]} yang dibaca Alur.",
            "appliesTo": list(applies),
            "entriesVisible": True,
            "groups": [{"id": "alur", "label": "Alur"}],
            "properties": [_field(kind, known) for known in VOCABULARY if place in known.places],
        }
        for place, applies in APPLIES.items()
    ]


def _field(kind: str, known: Property) -> dict[str, Any]:
    """One field. Of a text of several lines Camunda 7 takes one, and the property once more for each further line."""
    field: dict[str, Any] = {
        "label": known.name,
        "description": known.meaning[:1].upper() + known.meaning[1:],
        "group": "alur",
        "binding": {"type": f"{kind}:property", "name": known.name},
    }
    several = known.shape in ("", PAPER, MESSAGE, TERM, ENDING, COPY)
    if known.shape in LISTED:
        words = known.shape.split("|")
        field["type"] = "Dropdown"
        field["value"] = ""
        field["choices"] = [{"name": word or "(tidak diisi)", "value": word} for word in ("", *words)]
    else:
        field["type"] = "Text" if several and kind == "zeebe" else "String"
        if known.example:
            field["placeholder"] = known.example
        if known.shape and not several:
            pattern = {"value": f"^({known.shape})?$", "message": f"Tulis seperti: {known.example}"}
            field["constraints"] = {"pattern": pattern}
    if kind == "zeebe":
        field["optional"] = True
        if "constraints" in field:
            field["constraints"]["notEmpty"] = False
    return field


def main() -> None:
    for kind, path in TEMPLATES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(templates(kind), ensure_ascii=False, indent=1) + "\n")
    GUIDE.write_text(TABLE.sub(lambda _: table(), GUIDE.read_text()))
    for path in (*TEMPLATES.values(), GUIDE):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
