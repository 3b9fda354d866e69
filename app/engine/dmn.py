"""From DMN files as somebody drew them to decision tables, with everything there is to say about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from lxml import etree

from app.engine import feel
from app.engine.definition import Level
from app.engine.drawing import Findings, Unreadable, parse_xml, text_of
from app.engine.expressions import Expression, compile
from app.engine.properties import local
from app.engine.tables import AGGREGATIONS, LISTS, SINGLE, Decision, Output, Row

SUFFIX = ".dmn"
NAMESPACE = re.compile(r"https?://www\.omg\.org/spec/DMN/[\w/.]+")
MAX_ROWS = 2_000  # of one table
MAX_CELLS = 20_000  # of all tables of one reading
MAX_DECISIONS = 500  # of one file
MAX_CHAIN = 30  # decisions that require decisions
MAX_FAULTS = 20  # told of one table

Fault = tuple[Level, str, str]


@dataclass(frozen=True)
class Call:
    """What a business rule task says: which decision, and where its value goes ("": each output under its name)."""

    decision: str
    result: str = ""
    shape: str = ""


def call_of(element: etree._Element) -> Call:
    """The decision that a task names, as Camunda 7 and 8 and SpiffWorkflow write it; "" where none."""
    given = {etree.QName(key).localname: value.strip() for key, value in element.attrib.items()}
    decision, result = given.get("decisionRef", ""), given.get("resultVariable", "")
    for extensions in element:
        if local(extensions) == "extensionElements":
            for item in extensions:
                if local(item) == "calledDecision":
                    decision = decision or (item.get("decisionId") or "").strip()
                    result = result or (item.get("resultVariable") or "").strip()
                elif local(item) == "calledDecisionId":
                    decision = decision or "".join(str(part) for part in item.itertext()).strip()
    return Call(decision, result, given.get("mapDecisionResult", ""))


# Reading


def parse(content: bytes) -> etree._Element:
    """The root of a DMN file, of whatever version. Raises Unreadable."""
    root = parse_xml(content)
    name = etree.QName(root)
    if name.localname != "definitions" or not NAMESPACE.fullmatch(name.namespace or ""):
        raise Unreadable("bukan-dmn", "Berkas ini XML, tetapi bukan tabel keputusan DMN.")
    if sum(local(child) == "decision" for child in root) > MAX_DECISIONS:
        raise Unreadable("terlalu-besar", f"Berkas ini memuat lebih dari {MAX_DECISIONS} tabel keputusan.")
    return root


class _NotOurs(Exception):
    """A decision that cannot be run, although its file is whole; the message says why."""


class Tables:
    """The decisions of some files, each read when it is first asked for."""

    def __init__(self, files: Mapping[str, bytes], findings: Findings) -> None:
        self.files = files
        self.findings = findings
        self.cells = 0
        self.decisions: dict[str, Decision | None] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.depths: dict[str, int] = {}
        self._elements: dict[str, list[tuple[str, etree._Element]]] | None = None

    def elements(self) -> dict[str, list[tuple[str, etree._Element]]]:
        """Every decision's file and element, by id."""
        if self._elements is None:
            self._elements = {}
            for name, content in self.files.items():
                try:
                    root = parse(content)
                except Unreadable as wrong:
                    self.findings.say(name, "error", wrong.rule, f"{name}: {wrong}")
                    continue
                for element in root.iterchildren(f"{{{etree.QName(root).namespace}}}decision"):
                    key = (element.get("id") or "").strip()
                    self._elements.setdefault(key, []).append((name, element))
        return self._elements

    def find(self, key: str) -> tuple[Decision | None, list[Fault]]:
        """The decision `key`, None where it is missing or cannot be run, with what there is to say of it."""
        if key not in self.elements():
            return None, []
        decision = self._find(key, ())
        told = sorted(dict.fromkeys(self.faults[key]), key=lambda fault: fault[0] != "error")
        return decision, told[:MAX_FAULTS]

    def _find(self, key: str, chain: tuple[str, ...]) -> Decision | None:
        if key not in self.decisions:
            faults = self.faults[key] = []
            try:
                self.decisions[key] = self._read(key, chain, faults)
            except _NotOurs as wrong:
                self.decisions[key] = None
                faults.append(("warning", "tabel", f"{wrong} Tanpa tabel ini langkahnya dikerjakan petugas."))
        return self.decisions[key]

    def _read(self, key: str, chain: tuple[str, ...], faults: list[Fault]) -> Decision | None:
        (file, element), *others = self.elements()[key]
        title = _short(element.get("name") or key)
        label = f"tabel keputusan “{title}”"
        if others:
            places = " dan ".join(dict.fromkeys((file, *(name for name, _ in others))))
            faults.append(("error", "tabel", f"{label} ada lebih dari satu kali ({places}). Sisakan satu saja."))
        requires = [self._required(other, label, (*chain, key), faults) for other in _required_ids(element)]
        self.depths[key] = 1 + max((self.depths[other.key] for other in requires), default=0)
        if self.depths[key] > MAX_CHAIN:
            raise _NotOurs(f"{label} memerlukan terlalu banyak keputusan lain, satu di belakang yang lain.")
        names = _names(element)
        if _text(element, "literalExpression"):
            made = _One(label, faults).read(element, names)
        else:
            table = _child(element, "decisionTable")
            if table is None:
                raise _NotOurs(f"{label} tidak berisi tabel atau satu ungkapan.")
            made = _Sheet(self, label, faults).read(table, names)
        if any(level == "error" for level, _, _ in faults):
            return None
        policy, aggregation, outputs, rows = made
        return Decision(key, title, policy, aggregation, outputs, rows, names, tuple(requires))

    def _required(self, key: str, label: str, chain: tuple[str, ...], faults: list[Fault]) -> Decision:
        if key in chain or len(chain) > MAX_CHAIN:
            raise _NotOurs(f"{label} memerlukan keputusan “{key}” yang memerlukannya kembali.")
        if key not in self.elements():
            raise _NotOurs(f"{label} memerlukan keputusan “{key}” yang tidak ada di berkas SOP.")
        decision = self._find(key, chain)
        faults += self.faults[key][:MAX_FAULTS]
        if decision is None:
            raise _NotOurs(f"{label} memerlukan keputusan “{key}” yang tidak dapat dijalankan.")
        return decision


Made = tuple[str, str, tuple[Output, ...], tuple[Row, ...]]


class _One:
    """A decision that is one expression."""

    def __init__(self, label: str, faults: list[Fault]) -> None:
        self.label = label
        self.faults = faults

    def read(self, element: etree._Element, names: tuple[str, ...]) -> Made:
        text = _text(element, "literalExpression")
        result = self.attempt(partial(feel.value, text), text, "")
        name = names[0] if names else ""
        return "FIRST", "", (Output(name),), (Row((), (result or compile("None"),)),)

    def attempt(self, read: Callable[[], Expression | None], text: str, where: str) -> Expression | None:
        try:
            return read()
        except SyntaxError as wrong:
            self.refuse(f"{where}“{_short(text)}” tidak terbaca. {wrong.msg}")
            return None

    def refuse(self, message: str) -> None:
        self.faults.append(("error", "tabel", f"{self.label}: {message}"))


class _Sheet(_One):
    """A decision that is a table."""

    def __init__(self, tables: Tables, label: str, faults: list[Fault]) -> None:
        super().__init__(label, faults)
        self.tables = tables

    def read(self, table: etree._Element, names: tuple[str, ...]) -> Made:
        inputs = [child for child in table if local(child) == "input"]
        columns = [child for child in table if local(child) == "output"]
        rules = [child for child in table if local(child) == "rule"]
        self.tables.cells += len(rules) * (len(inputs) + len(columns))
        if len(rules) > MAX_ROWS or self.tables.cells > MAX_CELLS:
            message = f"{self.label} terlalu besar: paling banyak {MAX_ROWS} baris, dan {MAX_CELLS} sel di semua tabel."
            self.faults.append(("error", "terlalu-besar", message))
            return "FIRST", "", (), ()
        policy, aggregation = self.policy(table, columns)
        subjects = [self.subject(child, number) for number, child in enumerate(inputs, 1)]
        asked = {subject.text for _, subject, _ in subjects if subject}
        outputs = [
            self.output(child, number, names if len(columns) == 1 else (), policy)
            for number, child in enumerate(columns, 1)
        ]
        if not columns:
            self.refuse("tidak mempunyai kolom hasil.")
        known = [output.name for output in outputs]
        if len(set(known)) < len(known) or (len(known) > 1 and "" in known):
            self.refuse("setiap kolom hasil harus mempunyai nama (name) sendiri.")
        rows = []
        for number, rule in enumerate(rules, 1):
            entries = [text_of(child, "text") for child in rule if local(child) == "inputEntry"]
            results = [text_of(child, "text") for child in rule if local(child) == "outputEntry"]
            if (len(entries), len(results)) != (len(inputs), len(columns)):
                self.refuse(f"baris {number} tidak mempunyai satu sel untuk setiap kolom.")
                continue
            tests = [self.cell(text, *column, number, asked) for text, column in zip(entries, subjects, strict=True)]
            made = [
                self.result(text, child, output, number, asked)
                for text, child, output in zip(results, columns, outputs, strict=True)
            ]
            rows.append(Row(tuple(filter(None, tests)), tuple(made)))
            if len(self.faults) > MAX_FAULTS:
                break
        return policy, aggregation, tuple(outputs), tuple(rows)

    def policy(self, table: etree._Element, columns: list[etree._Element]) -> tuple[str, str]:
        policy = (table.get("hitPolicy") or "UNIQUE").strip().upper().replace("_", " ")
        aggregation = (table.get("aggregation") or "").strip().upper()
        if policy not in SINGLE + LISTS:
            self.refuse(f"hit policy “{_short(policy)}” tidak dikenal.")
        if policy != "COLLECT" or aggregation == "LIST":
            aggregation = ""
        if aggregation and aggregation not in AGGREGATIONS:
            self.refuse(f"aggregation “{_short(aggregation)}” tidak dikenal.")
        elif aggregation and len(columns) > 1:
            self.refuse(f"COLLECT dengan {aggregation} hanya dapat mempunyai satu kolom hasil.")
        return policy, aggregation

    def subject(self, element: etree._Element, number: int) -> tuple[str, Expression | None, bool]:
        """What a column asks: its label, its expression, and whether that is text."""
        inner = _child(element, "inputExpression")
        text = _text(element, "inputExpression")
        label = " ".join((element.get("label") or text or str(number)).split())
        wordy = inner is not None and inner.get("typeRef") == "string"
        if not text:
            return label, None, wordy
        return label, self.attempt(partial(feel.value, text), text, f"kolom “{_short(label)}”: "), wordy

    def cell(
        self, text: str, label: str, subject: Expression | None, wordy: bool, number: int, asked: set[str]
    ) -> Expression | None:
        if text.strip() in ("", "-"):
            return None
        where = f"baris {number}, kolom “{_short(label)}”: "
        if subject is None:
            self.refuse(f"{where}kolom ini belum menyebut kunci isian (expression).")
            return None
        if wordy:
            self.warn_of_words(text, where, asked)
        return self.attempt(partial(feel.test, text, subject), text, where)

    def result(self, text: str, column: etree._Element, output: Output, number: int, asked: set[str]) -> Expression:
        where = f"baris {number}, kolom “{_short(output.name)}”: "
        if column.get("typeRef", "") == "string":
            self.warn_of_words(text, where, asked)
        return self.attempt(partial(feel.value, text), text, where) or compile("None")

    def warn_of_words(self, text: str, where: str, asked: set[str]) -> None:
        """A word without quotes in a column of texts is hardly ever meant as a key of the data."""
        if feel.is_name(text) and text.strip() not in asked:
            message = f"{self.label}: {where}{text.strip()} dibaca sebagai kunci isian. Bila maksudnya teks, tulis"
            self.faults.append(("warning", "tabel", f"{message} “{text.strip()}” dengan tanda kutip lurus."))

    def output(self, element: etree._Element, number: int, own: tuple[str, ...], policy: str) -> Output:
        label = " ".join((element.get("label") or "").split())
        name = " ".join((element.get("name") or "").split()) or next(iter(own), "")
        name = name or (label if feel.is_name(label) else "")
        where = f"kolom hasil {number}: "
        if any(part.startswith("_") for part in name.split(".")):
            self.refuse(f"{where}nama “{_short(name)}” diawali garis bawah.")
        values: list[Expression | None] = []
        if policy in ("PRIORITY", "OUTPUT ORDER"):
            text = _text(element, "outputValues")
            if not text:
                self.refuse(f"{where}{policy} memerlukan urutan nilai (output values).")
            values = [self.attempt(partial(feel.value, item), item, where) for item in feel.items(text)]
        text = _text(element, "defaultOutputEntry")
        default = self.attempt(partial(feel.value, text), text, where) if text else None
        return Output(name, tuple(filter(None, values)), default)


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in element if local(child) == name), None)


def _text(element: etree._Element, name: str) -> str:
    """What is written in the child `name`; "" also where there is none."""
    child = _child(element, name)
    return "" if child is None else text_of(child, "text")


def _required_ids(element: etree._Element) -> list[str]:
    found = []
    for requirement in element:
        if local(requirement) == "informationRequirement":
            for child in requirement:
                if local(child) == "requiredDecision":
                    found.append((child.get("href") or "").rpartition("#")[2].strip())
    return list(dict.fromkeys(found))


def _names(element: etree._Element) -> tuple[str, ...]:
    """What others call a decision's value: its variable, its name, its id, as far as these can be names."""
    variable = _child(element, "variable")
    given = ("" if variable is None else variable.get("name") or "", element.get("name") or "", element.get("id") or "")
    names = (name.strip() for name in given)
    return tuple(dict.fromkeys(name for name in names if feel.is_name(name) and not name.startswith("_")))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"


def faults_of(name: str, content: bytes, findings: Findings) -> None:
    """Says of a file alone what there is to say of its tables."""
    tables = Tables({name: content}, findings)
    said: set[Fault] = set()  # what a table requires is told of itself
    for key in tables.elements():
        tables.find(key)
    for key, faults in tables.faults.items():
        for fault in faults:
            if fault not in said:
                said.add(fault)
                findings.say(key, fault[0], fault[1], fault[2][0].upper() + fault[2][1:])
