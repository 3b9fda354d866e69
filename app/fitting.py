"""Do an SOP's files fit each other: is what a condition or a letter reads filled in by then?"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app import documents, registers, terms, worktime
from app.engine.definition import Definition, Finding
from app.engine.ways import Question, Ways, sets
from app.forms import Field, Form
from app.forms.fields import walk

KEYS = ("ringkasan", "cari", "satu_terbuka", "pemegang")  # properties of the process that name data keys
DAYS = ("date", "datetime")  # fields that say a day
WHAT = {"syarat": "Syarat", "ulangan": "Ulangan", "waktu": "Waktu", "kejadian": "Syarat", "skrip": "Skrip"}


@dataclass(frozen=True)
class Source:
    """Where a data key comes from: a field of the form of a step, or a number or script (`field` is None)."""

    step: str
    key: str
    field: Field | None = None

    @property
    def required(self) -> bool:
        """Whoever has done the step has given it. What a tick says is never missing."""
        return self.field is None or self.field.required or self.field.type == "checkbox"

    @property
    def many(self) -> bool:
        """A list, which is empty where nothing was given."""
        return self.field is not None and (self.field.multiple or self.field.type == "dynamiclist")


class Fitting:
    """What an SOP's diagram and forms say of its data keys."""

    def __init__(self, definition: Definition, forms: Mapping[str, Form]) -> None:
        self.definition = definition
        self.ways = Ways(definition)
        self.sources = list(_sources(definition, forms, sets(self.ways)))
        self.personal = {key for form in forms.values() for key in _personal(form.components)}

    def of(self, key: str) -> list[Source]:
        """The sources of a key, or of what lies below it."""
        return [source for source in self.sources if source.key == key or source.key.startswith(f"{key}.")]

    def unknown(self, key: str) -> str:
        """What to do about a key that nothing fills."""
        known = sorted({source.key for source in self.sources})
        near = difflib.get_close_matches(key, known, 1, 0.6)
        return f"Maksud Anda {near[0]}?" if near else "Periksalah ejaannya, atau buatlah isiannya di formulir."

    def name(self, element: str) -> str:
        step = self.definition.steps.get(element)
        name = step.name if step else self.definition.names.get(element, "")
        return f"“{name or element}”"

    def steps(self, sources: Iterable[Source]) -> str:
        return ", ".join(dict.fromkeys(self.name(source.step) for source in sources))

    def what(self, question: Question) -> str:
        """How a message names an expression of the drawing."""
        flow = self.definition.flows.get(question.element)
        branch = f" cabang “{flow.name}”" if flow is not None and flow.name else ""
        return f"{WHAT[question.what]}{branch} pada {self.name(question.at)}"

    # What is read must have been filled in

    def facts(self) -> Iterator[Finding]:
        """Keys that a condition, loop, timer or script reads before they have surely been filled in."""
        if not self.ways.whole:
            return
        questions = list(self.ways.questions())
        read = {name for question in questions for name in question.expression.names if not name.startswith("_")}
        sources = {key: self.of(key) for key in read}
        done: dict[str, frozenset[str]] = {}
        for key, found in sources.items():
            for source in found:
                brought = {key, f"{key}!"} if source.required else {key}
                done[source.step] = done.get(source.step, frozenset()) | brought
        sure = self.ways.sure(done)
        for question in questions:
            there = sure[question.point]
            if there is None:
                continue
            missing_is_meant = _missing_is_meant(question)
            for key in question.expression.names:
                if key.startswith("_"):
                    continue
                fault = self._fault(question, key, sources[key], there, key in missing_is_meant)
                if fault is not None:
                    yield fault

    def _fault(
        self, question: Question, key: str, sources: list[Source], there: frozenset[str], missing_is_meant: bool
    ) -> Finding | None:
        reads = f"{self.what(question)} membaca {key}, tetapi"
        if not sources:
            message = f"{reads} kunci itu tidak diisi formulir mana pun. {self.unknown(key)}"
            return Finding(question.element, "warning", "kunci-tak-dikenal", message)
        if question.what == "kejadian":  # waits until it is filled in
            return None
        if key not in there and not any(self.ways.may_come_before(s.step, question.point) for s in sources):
            message = f"{reads} kunci itu baru diisi sesudahnya, pada langkah {self.steps(sources)}."
            return Finding(question.element, "warning", "kunci-belum-terisi", message)
        if missing_is_meant or f"{key}!" in there:
            return None
        if key not in there:
            message = f"{reads} ada jalan ke sana yang tidak melalui langkah yang mengisinya ({self.steps(sources)})."
            message += f" Bila memang boleh belum terisi, tulis juga {key} != null."
            return Finding(question.element, "warning", "kunci-belum-terisi", message)
        if all(source.many for source in sources):
            return None
        message = f"{reads} isian itu tidak wajib di formulir langkah {self.steps(sources)}. Wajibkanlah,"
        message += f" atau bila memang boleh kosong, tulis juga {key} != null."
        return Finding(question.element, "warning", "kunci-tidak-wajib", message)

    # What is compared must be possible

    def options(self) -> Iterator[Finding]:
        """Conditions that compare a fact with what no option of its form gives."""
        for question in self.ways.questions():
            for key, op, values in _compared(question):
                sources = self.of(key)
                if not sources or any(s.key != key or s.field is None for s in sources):
                    continue
                fields = [source.field for source in sources if source.field is not None]
                many = any(field.multiple for field in fields)
                given = [value for field in fields for value in _possible(field)]
                if not all(field.options or field.type == "checkbox" for field in fields):
                    continue
                for value in values:
                    if value is None or (not many and value in given):
                        continue
                    shown = ", ".join(f"“{option}”" if isinstance(option, str) else str(option) for option in given)
                    what = f"{self.what(question)} membandingkan {key} dengan {_shown(value)}"
                    if many:
                        message = f"{what}, tetapi isian itu berupa daftar. Tulis {_shown(value, True)} in {key}."
                    else:
                        message = f"{what}, yang tidak ada di antara pilihannya ({shown}), maka {_outcome(op)}."
                    yield Finding(question.element, "warning", "syarat-mustahil", message)

    # What is personal must be destroyed one day

    def kept(self) -> Iterator[Finding]:
        """Personal data that the drawing reads: what it reads stands in the journal for good."""
        for question in self.ways.questions():
            for key in question.expression.names:
                if any(_holds(key, personal) or _holds(personal, key) for personal in self.personal):
                    message = f"{self.what(question)} membaca {key}, data pribadi: nilainya tetap ada pada riwayat"
                    message += " sesudah retensinya habis. Bacalah sebuah pilihan atau angka sebagai gantinya."
                    yield Finding(question.element, "warning", "data-pribadi-dibaca", message)

    # What a letter prints must have been filled in

    def letters(self, issued: Iterable[tuple[str, str, str]], templates: Mapping[str, bytes]) -> Iterator[Finding]:
        """Answers that nobody can give before the letter that prints them is issued, wherever it is issued."""
        if not self.ways.whole:
            return
        places: dict[str, list[tuple[str, str]]] = {}
        for element, at, template in issued:
            places.setdefault(template, []).append((element, at))
        for template, where in places.items():
            for key in documents.answers(templates[template]) if template in templates else ():
                sources = self.of(key)
                if sources and not any(self._by_then(source, at) for source in sources for _, at in where):
                    then = "pesan itu dikirim" if template.endswith(".txt") else "surat itu terbit"
                    message = f"{template} mencetak isian.{key}, yang baru diisi sesudah {then}, pada langkah"
                    message += f" {self.steps(sources)}; tempatnya tercetak kosong. Terbitkanlah sesudah langkah itu,"
                    message += f" atau tulis isian.{key}|kosong bila memang diisi tangan."
                    yield Finding(where[0][0], "warning", "isian-belum-ada", message)

    def _by_then(self, source: Source, at: str) -> bool:
        return source.step == at or self.ways.may_precede(source.step, at)

    # Properties of the process that the office reads

    def hours(self) -> Iterator[Finding]:
        """Service hours that are shown as written, and not counted by."""
        lines = [line.strip() for line in self.definition.properties.get("jam_layanan", "").splitlines()]
        unread = [line for line in lines if line and not _readable(line)]
        if len(unread) < len(lines):
            unread = [line for line in unread if re.search(r"\d[.:]\d\d", line)]  # “Sabtu dan Minggu tutup” is no hour
        for line in unread:
            message = f"Properti jam_layanan “{line}” tidak terbaca, maka batas waktu tidak dihitung menurutnya."
            message += " Tulis seperti: Senin–Kamis 08.00–16.00, satu per baris."
            yield Finding(self.definition.key, "warning", "jam-layanan", message)

    def keys(self) -> Iterator[Finding]:
        for name in KEYS:
            for key in self.definition.properties.get(name, "").replace("\n", ",").split(","):
                key = key.strip()
                if key and not self.of(key):
                    message = f"Properti {name} menyebut {key}, tetapi kunci itu tidak diisi formulir mana pun."
                    yield Finding(self.definition.key, "warning", "kunci-tak-dikenal", f"{message} {self.unknown(key)}")
        for register, columns in registers.columns(self.definition.properties.get("buku", "")).items():
            yield from (fault for column in columns for fault in self._column(register, column.key))

    def _column(self, register: str, key: str) -> Iterator[Finding]:
        """What is wrong with a column of a register's book: nothing fills it, or what does is no single value."""
        exact = [source for source in self.of(key) if source.key == key]
        message = f"Properti buku, kolom {key} pada “{register}”:"
        if not exact and not self.of(key):
            message = f"{message} kunci itu tidak diisi formulir mana pun. {self.unknown(key)}"
            yield Finding(self.definition.key, "warning", "kunci-tak-dikenal", message)
        elif not exact or all(s.field is not None and s.field.type in ("dynamiclist", "upload") for s in exact):
            message = f"{message} kunci itu bukan satu nilai, maka kolomnya kosong. Sebutlah isian di dalamnya."
            yield Finding(self.definition.key, "warning", "kolom-buku", message)

    def terms(self) -> Iterator[Finding]:
        """Numbers and days of papers that nothing fills in, days that are none, and copies of what is not there."""
        place = self.definition.key
        for term in terms.terms(self.definition).values():
            for key in filter(None, (term.number, term.first, term.last)):
                message = f"Properti keabsahan menyebut {key}, tetapi"
                if not self.of(key):
                    message += f" kunci itu tidak diisi formulir mana pun. {self.unknown(key)}"
                    yield Finding(place, "warning", "kunci-tak-dikenal", message)
                elif key != term.number and not any(s.field and s.field.type in DAYS for s in self.of(key)):
                    message += " isian itu bukan tanggal, maka berlakunya surat itu tidak diketahui."
                    yield Finding(place, "warning", "bukan-tanggal", message)
        extension = terms.extension(self.definition)
        for copy in extension.copies if extension else ():
            new = [copy.key] if extension and extension.sop == self.definition.key else []
            for key in dict.fromkeys((*new, *copy.value.names)):
                if not self.of(key):
                    message = f"Properti salin menyebut {key}, tetapi kunci itu tidak diisi formulir mana pun."
                    yield Finding(place, "warning", "kunci-tak-dikenal", f"{message} {self.unknown(key)}")


def check(
    definition: Definition,
    forms: Mapping[str, Form],
    issued: Iterable[tuple[str, str, str]],
    templates: Mapping[str, bytes],
) -> list[Finding]:
    """What does not fit between a diagram that can run, its forms and its letters, each once.

    `issued` says of each letter where it stands in the drawing, which step or end issues it, and its template.
    """
    fitting = Fitting(definition, forms)
    return list(
        dict.fromkeys(
            [
                *fitting.facts(),
                *fitting.options(),
                *fitting.kept(),
                *fitting.keys(),
                *fitting.hours(),
                *fitting.terms(),
                *fitting.letters(issued, templates),
            ]
        )
    )


def _sources(
    definition: Definition, forms: Mapping[str, Form], by_itself: Mapping[str, tuple[str, ...]]
) -> Iterator[Source]:
    for step in definition.steps.values():
        form = forms.get(step.properties.get("formulir", ""))
        for field in walk(form.components) if form else ():
            if (field.is_input or field.type == "dynamiclist") and not field.readonly:
                yield Source(step.id, field.pointer.partition("/*")[0].strip("/").replace("/", "."), _whole(field))
        with suppress(ValueError):
            for line in registers.numberings(step.properties.get("register", "")):
                yield Source(step.id, line.key)
    for node, targets in by_itself.items():
        for target in targets:
            yield Source(node, target)


def _personal(components: Iterable[Field], around: bool = False) -> Iterator[str]:
    """The data keys of what a form's owner marked as personal, alone or with the group around it."""
    for field in components:
        marked = around or field.personal
        if marked and field.pointer:
            yield field.pointer.partition("/*")[0].strip("/").replace("/", ".")
        yield from _personal(field.children, marked)


def _holds(outer: str, inner: str) -> bool:
    """Is a key another one, or of something that lies in it?"""
    return inner == outer or inner.startswith(f"{outer}.")


def _readable(hours: str) -> bool:
    try:
        return bool(worktime.read_hours(hours))
    except ValueError:
        return False


def _whole(field: Field) -> Field:
    """The list that a field of its rows stands for."""
    return Field("dynamiclist") if "/*" in field.pointer else field


def _missing_is_meant(question: Question) -> set[str]:
    """The keys that an expression compares with nothing, or asks no more of than whether there is something."""
    found: set[str] = set()
    tree = ast.parse(question.expression.text, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) and side.value is None for side in sides):
                found.update(map(ast.unparse, sides))
        elif isinstance(node, ast.BoolOp):
            found.update(map(ast.unparse, node.values))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found.add(ast.unparse(node.operand))
        elif isinstance(node, ast.IfExp):
            found.add(ast.unparse(node.test))
    if question.what == "syarat":
        found.add(ast.unparse(tree))
    return found


def _compared(question: Question) -> Iterator[tuple[str, ast.cmpop, list[Any]]]:
    """The keys that an expression compares with constants: equal, unequal, in a list or not."""
    for node in ast.walk(ast.parse(question.expression.text, mode="eval")):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        op, left, right = node.ops[0], node.left, node.comparators[0]
        if isinstance(op, ast.Eq | ast.NotEq) and isinstance(left, ast.Constant):
            left, right = right, left
        if isinstance(op, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant):
            yield ast.unparse(left), op, [right.value]
        elif isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple):
            yield ast.unparse(left), op, [item.value for item in right.elts if isinstance(item, ast.Constant)]


def _possible(field: Field) -> list[Any]:
    return [True, False] if field.type == "checkbox" else [option.value for option in field.options]


def _shown(value: Any, quoted: bool = False) -> str:
    return (f'"{value}"' if quoted else f"“{value}”") if isinstance(value, str) else str(value)


def _outcome(op: ast.cmpop) -> str:
    if isinstance(op, ast.Eq):
        return "tidak pernah terpenuhi"
    return "selalu terpenuhi" if isinstance(op, ast.NotEq) else "tidak pernah cocok"
