"""Ends that no SOP draws, and what may follow an end: who may, and with which letter, as the process's properties say.

House rule: what the diagram draws wins. Where it draws a refusal, nobody refuses by a verb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.engine.definition import Definition

APPLICANT = "pemohon"  # the word for the applicant's lane, whatever it is called
NOBODY = "tidak"
KEPT = re.compile(r"\s*([1-9]\d{0,2})\s*(tahun|bulan|hari)\s*\|([^|]+)\|([^|]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Verb:
    """Something that can be done to a whole case: its kind of event, its property, and from which statuses."""

    kind: str
    property: str
    status: tuple[str, ...]
    drawn: str = ""  # the `status` of a drawn end that makes the verb unnecessary
    usual: str = NOBODY  # who may where the process says nothing


VERBS = {
    verb.kind: verb
    for verb in (
        Verb("withdraw", "penarikan", ("open",), "ditarik", APPLICANT),
        Verb("refuse", "penolakan", ("open",), "ditolak"),
        Verb("lapse", "pengguguran", ("open",), "gugur"),
        Verb("reopen", "pembukaan_kembali", ("ended", "refused", "withdrawn", "lapsed")),
        Verb("correct", "pembetulan", ("open", "ended")),
        Verb("revoke", "pencabutan", ("ended",)),
    )
}


@dataclass(frozen=True)
class Rule:
    """What a process says of a verb: the lanes that may, by name, and the letter that comes of it."""

    verb: Verb
    lanes: tuple[str, ...]
    letters: str  # as in a `dokumen` property


def rule(definition: Definition, kind: str) -> Rule | None:
    """The rule of a verb, None where nobody may: the process forbids it, or draws that end itself."""
    verb = VERBS[kind]
    if verb.drawn and any(end.properties.get("status") == verb.drawn for end in definition.ends.values()):
        return None
    who, _, letters = (definition.properties.get(verb.property) or verb.usual).partition("|")
    names = [name.strip() for name in who.split(",") if name.strip()]
    if names == [NOBODY]:
        return None
    lanes = [definition.applicant_lane if name.lower() == APPLICANT else name for name in names]
    if not any(lanes):
        return None  # an SOP to which nobody applies
    return Rule(verb, tuple(lane for lane in lanes if lane), letters.strip())


def unknown(definition: Definition) -> Iterator[tuple[str, str]]:
    """The names of lanes, by property, that the diagram does not draw."""
    drawn = {lane.name for lane in definition.lanes}
    for verb in VERBS.values():
        found = rule(definition, verb.kind)
        for lane in found.lanes if found else ():
            if lane not in drawn:
                yield verb.property, lane
    kept = retention(definition)
    for lane in dict.fromkeys((kept.proposing, kept.deciding) if kept else ()):
        if lane not in drawn:
            yield "retensi", lane


@dataclass(frozen=True)
class Retention:
    """How long a case is kept once it has ended, and the lanes that propose and decide its destruction."""

    length: int
    unit: str  # tahun, bulan, hari
    proposing: str
    deciding: str


def retention(definition: Definition) -> Retention | None:
    """What a process says of its cases' retention; None where it says nothing: they are kept for ever."""
    match = KEPT.fullmatch(definition.properties.get("retensi", ""))
    return Retention(int(match[1]), match[2].lower(), match[3].strip(), match[4].strip()) if match else None
