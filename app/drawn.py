"""What a drawing says of papers, messages and lanes, read off its properties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from app import ends, journal
from app.engine.definition import Definition, Telling

COPIES = re.compile(r"rangkap\s+(\d{1,2})$", re.IGNORECASE)
MARKS = ("internal", "periksa")  # words of a line that are no name
APPLICANT, SUPERIOR = "pemohon", "atasan"  # whom a message goes to, unless a lane is so called


@dataclass(frozen=True)
class Paper:
    """One line of a `dokumen` property."""

    template: str
    name: str
    copies: int
    internal: bool  # not shown to the applicant
    checked: bool = False  # anybody who holds it can check it: it bears a code


def papers(text: str) -> list[Paper]:
    """The lines `template.docx | Name | rangkap 3 | internal | periksa`; without a name the template's, one copy."""
    found = []
    for line in text.splitlines():
        template, *rest = [part.strip() for part in line.split("|")]
        copies = [int(match[1]) for part in rest if (match := COPIES.match(part))]
        names = [part for part in rest if part and part.lower() not in MARKS and not COPIES.match(part)]
        if template:
            name = names[0] if names else PurePosixPath(template).stem
            internal, checked = (mark in map(str.lower, rest) for mark in MARKS)
            found.append(Paper(template, name, copies[0] if copies else 1, internal, checked))
    return found


def papers_of(
    definition: Definition, step: str, choice: str, ends: Iterable[str], path: Iterable[str] = ()
) -> list[Paper]:
    """What is issued when this step is completed with this choice, on what is passed then, and at the ends reached."""
    found = [definition.steps[step]] if step in definition.steps else []
    texts = [place.properties.get("dokumen", "") for place in found]
    texts += [c.properties.get("dokumen", "") for place in found for c in place.choices if c.id == choice]
    texts += [definition.issues[element] for element in dict.fromkeys(path) if element in definition.issues]
    texts += [definition.ends[end].properties.get("dokumen", "") for end in ends if end in definition.ends]
    return [paper for text in texts for paper in papers(text)]


def papers_at(
    definition: Definition, kind: str, step: str, choice: str, ended: Iterable[str], path: Iterable[str] = ()
) -> list[Paper]:
    """The letters that an event of this kind makes due: those of what is drawn, or of a verb of the whole case."""
    if kind in journal.DRAWN:
        return papers_of(definition, step, choice, ended, path)
    rule = ends.rule(definition, kind) if kind in ends.VERBS else None
    return papers(rule.letters) if rule else []


def places_of_papers(definition: Definition) -> list[tuple[str, str, str]]:
    """Everywhere that a diagram names papers: the element, its name, and the lines that it says of them."""
    places = [
        (definition.key, definition.title, definition.properties.get(name, ""))
        for name in ("unduhan", "lembar_kendali")
    ]
    rules = [rule for kind in ends.VERBS if (rule := ends.rule(definition, kind))]
    places += [(definition.key, definition.title, rule.letters) for rule in rules]
    for step in definition.steps.values():
        places.append((step.id, step.name, step.properties.get("dokumen", "")))
        places += [(c.id, c.label, c.properties.get("dokumen", "")) for c in step.choices]
    for flow, text in definition.issues.items():
        places.append((flow, definition.flows[flow].name or flow, text))
    return places + [(end.id, end.name, end.properties.get("dokumen", "")) for end in definition.ends.values()]


def issued(definition: Definition) -> Iterator[tuple[str, str, str]]:
    """Where each letter stands in the drawing, which step or end issues it, and its template."""
    for step in definition.steps.values():
        for element, properties in ((step.id, step.properties), *((c.id, c.properties) for c in step.choices)):
            for paper in papers(properties.get("dokumen", "")):
                yield element, step.id, paper.template
    for flow, text in definition.issues.items():
        for paper in papers(text):
            yield flow, definition.flows[flow].source, paper.template
    for end in definition.ends.values():
        for paper in papers(end.properties.get("dokumen", "")):
            yield end.id, end.id, paper.template


@dataclass(frozen=True)
class Text:
    """One line of a `pesan` property: the text, and the lane whose holders are told; None is the case's applicant."""

    template: str
    lane: str | None


def texts_of(
    definition: Definition, step: str, choice: str, ended: Iterable[str], path: Iterable[str] = ()
) -> list[Text]:
    """What is told when this step is completed with this choice, on what is passed then, and at the ends reached."""
    if not definition.tells:
        return []
    passed = [element for element in path if element not in definition.steps]
    places = [
        definition.tells[key] for key in dict.fromkeys((step, choice, *passed, *ended)) if key in definition.tells
    ]
    return list(dict.fromkeys(text for place in places for text in texts(definition, place)))


def texts(definition: Definition, place: Telling) -> Iterator[Text]:
    """The lines `text.txt | whom` of a place. What names no lane of this SOP stays as it is written."""
    for line in place.text.splitlines():
        template, _, whom = (part.strip() for part in line.partition("|"))
        names = {lane.name for lane in definition.lanes} - {definition.applicant_lane}
        if whom not in names:
            if whom.lower() == SUPERIOR:
                whom = superior(definition, place.lane) or SUPERIOR
            elif whom.lower() == APPLICANT or whom in ("", definition.applicant_lane):
                whom = APPLICANT
        if template:
            yield Text(template, None if whom == APPLICANT and whom not in names else whom)


def told(definition: Definition) -> Iterator[tuple[str, str, str]]:
    """Where each message stands in the drawing, which step, event or end sends it, and its text."""
    for element, place in definition.tells.items():
        at = definition.flows[element].source if element in definition.flows else element
        for text in texts(definition, place):
            yield element, at, text.template


def superior(definition: Definition, lane: str) -> str:
    """The lane above a lane (`atasan`), "" where it names none."""
    found = next((known for known in definition.lanes if known.name == lane), None)
    return found.properties.get("atasan", "").strip() if found else ""


def counters(definition: Definition) -> set[str]:
    """The lanes that may file for somebody else, where anybody applies: those marked, else all but the applicant's."""
    if definition.applicant_lane is None:
        return set()
    marked = {lane.name for lane in definition.lanes if lane.properties.get("loket") == "ya"}
    return marked or {lane.name for lane in definition.lanes} - {definition.applicant_lane}


def recorders(definition: Definition) -> tuple[str, ...]:
    """The lanes that may enter what happened on paper during an outage: those that the process names
    (`pencatatan_darurat`), else the counter's, else those in which cases begin; where only applicants begin them, all.
    """
    drawn = tuple(lane.name for lane in definition.lanes if lane.name != definition.applicant_lane)
    named = recorders_named(definition)
    counter = {lane.name for lane in definition.lanes if lane.properties.get("loket") == "ya"}
    starts = {start.lane for start in definition.starts}
    told = [tuple(name for name in drawn if name in which) for which in (named, counter, starts)]
    return next(filter(None, told), drawn)


def recorders_named(definition: Definition) -> set[str]:
    """What `pencatatan_darurat` names: a lane on each line, or several with commas; a lane's own name may have some."""
    lanes = {lane.name for lane in definition.lanes}
    lines = [line.strip() for line in definition.properties.get("pencatatan_darurat", "").splitlines()]
    found = [name.strip() for line in lines for name in ([line] if line in lanes else line.split(","))]
    return {name for name in found if name}
