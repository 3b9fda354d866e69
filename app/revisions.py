"""Which SOP is in force: a bundle of files is gathered, checked, recorded under one digest and put in force."""

from __future__ import annotations

import difflib
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from app import database, documents, ends, engine, fitting, forms, journal, registers, satisfaction, terms
from app.context import Context
from app.engine import expressions
from app.engine.definition import Definition, Finding, Step, Telling
from app.forms import Form
from app.models import Lane, Revision, RevisionFile

KINDS = {".bpmn": "diagram", ".dmn": "called", ".form": "forms", ".docx": "templates", ".txt": "texts"}
TEXTS = "pesan"  # the folder of what is mailed: any other .txt is somebody's note
BESIDE = ("forms", "docx_templates", "dmn")  # folders beside a diagram's, in which one of its name is its own
COPIES = re.compile(r"rangkap\s+(\d{1,2})$", re.IGNORECASE)
T = TypeVar("T")
BUNDLE_BYTES = 32 * 1024 * 1024


class BundleError(Exception):
    """Paths or an archive that hold no bundle; the message says what is missing, in Indonesian."""


class NotRunnable(Exception):
    """A bundle that may not come into force; `findings` say why."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f.message for f in self.findings if f.level == "error"))


@dataclass(frozen=True)
class Bundle:
    """An SOP as files: the diagram, diagrams and decision tables it may use, forms by id, templates and the texts of
    messages by name.
    """

    name: str
    diagram: bytes
    called: Mapping[str, bytes]
    forms: Mapping[str, bytes]
    templates: Mapping[str, bytes]
    texts: Mapping[str, bytes] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Every file by the path under which a revision keeps it."""
        return {
            f"{self.name}.bpmn": self.diagram,
            **{f"called/{name}": content for name, content in self.called.items()},
            **{f"forms/{name}.form": content for name, content in self.forms.items()},
            **{f"templates/{name}": content for name, content in self.templates.items()},
            **{f"texts/{name}": content for name, content in self.texts.items()},
        }

    def digest(self) -> str:
        """What a revision of these files is known by."""
        return digest_of(self.files())


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over every file's path and content."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        whole.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()


@dataclass(frozen=True)
class Loaded:
    """A revision ready to work with: what cases of it run under."""

    id: int
    sop: str
    number: int
    definition: Definition
    forms: Mapping[str, Form]
    lanes: Mapping[str, int]  # leaf lane's name -> Lane.id
    seal: str

    def form_of(self, step: Step) -> Form | None:
        """The form of a step, None where it asks nothing."""
        return self.forms.get(step.properties.get("formulir", ""))

    def form_at(self, step_id: str) -> Form | None:
        """The form of a step by its id as drawn; None also where there is no such step."""
        step = self.definition.steps.get(step_id)
        return self.form_of(step) if step else None

    def property_of(self, step_id: str, name: str) -> str:
        """A property of a step by its id as drawn; "" also where there is no such step."""
        step = self.definition.steps.get(step_id)
        return step.properties.get(name, "") if step else ""


def bundles(paths: Iterable[Path]) -> list[Bundle]:
    """The bundles among files, folders and .zip archives.

    `bpmn/x.bpmn` alone brings `forms/x/`, `docx_templates/x/` and `dmn/x/` beside its folder.
    Raises BundleError, OSError.
    """
    found: dict[str, bytes] = {}
    for path in paths:
        found.update(_gather(path))
    return gathered(found)


def gathered(files: Mapping[str, bytes]) -> list[Bundle]:
    """The bundles among files by path: one for each diagram that no other one calls. Raises BundleError."""
    files = _unzipped(files)
    diagrams = {path: content for path, content in files.items() if path.endswith(".bpmn")}
    if not diagrams:
        raise BundleError("Tidak ada diagram (.bpmn) di antara berkas yang diberikan.")
    called = {path for path, content in diagrams.items() if _is_called(content, path, diagrams)}
    mains = _unlike((PurePosixPath(path).stem, path) for path in diagrams if path not in called or len(diagrams) == 1)
    if not mains:
        raise BundleError("Diagram-diagram ini saling memanggil; tidak satu pun dapat menjadi SOP-nya.")
    return [
        Bundle(
            stem,
            diagrams[path],
            _unlike(
                (PurePosixPath(p).name, c)
                for p, c in [*((p, diagrams[p]) for p in sorted(called)), *_own(files, ".dmn", stem, mains)]
            ),
            _unlike((PurePosixPath(p).stem, c) for p, c in _own(files, ".form", stem, mains)),
            _unlike((PurePosixPath(p).name, c) for p, c in _own(files, ".docx", stem, mains)),
            _unlike((PurePosixPath(p).name, c) for p, c in _own(files, ".txt", stem, mains)),
        )
        for stem, path in sorted(mains.items())
    ]


def _unlike(named: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Files by their name. Raises BundleError where two that differ have the same one: which is meant, nobody knows."""
    found: dict[str, T] = {}
    for name, content in named:
        if found.setdefault(name, content) != content:
            raise BundleError(f"{name}: ada dua berkas yang berbeda dengan nama ini.")
    return found


def _is_part(path: PurePath) -> bool:
    return path.suffix in KINDS and (path.suffix != ".txt" or path.parent.name == TEXTS)


def _gather(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {str(p): p.read_bytes() for p in sorted(path.rglob("*")) if _is_part(p) and p.is_file()}
    beside: dict[str, bytes] = {}
    if path.suffix == ".bpmn":
        for folder in BESIDE:
            place = path.resolve().parent.parent / folder / path.stem
            if place.is_dir():
                beside = {**beside, **_gather(place)}
    return {str(path): path.read_bytes(), **beside}


def _unzipped(files: Mapping[str, bytes]) -> dict[str, bytes]:
    plain = []
    for path, content in files.items():
        if not path.endswith(".zip"):
            plain.append((path, content))
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inside = [i for i in archive.infolist() if _is_part(PurePosixPath(i.filename))]
                if sum(i.file_size for i in inside) > BUNDLE_BYTES:
                    raise BundleError(f"{path}: isinya lebih besar daripada yang wajar untuk satu SOP.")
                plain += [(i.filename, archive.read(i)) for i in inside]
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError, zlib.error, lzma.LZMAError):
            raise BundleError(f"{path}: arsip .zip ini rusak atau terkunci.") from None
    return _unlike(plain)


def _is_called(content: bytes, path: str, diagrams: Mapping[str, bytes]) -> bool:
    keys = engine.process_ids(content)
    return any(keys & engine.called_ids(other) for name, other in diagrams.items() if name != path)


def _own(files: Mapping[str, bytes], suffix: str, stem: str, mains: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """What belongs to one diagram: those in a folder of its name, else all that are in nobody else's."""
    mine = [(p, c) for p, c in files.items() if p.endswith(suffix) and stem in PurePosixPath(p).parts]
    others = set(mains) - {stem}
    shared = [(p, c) for p, c in files.items() if p.endswith(suffix) and not others & set(PurePosixPath(p).parts)]
    return mine or shared


def check(bundle: Bundle) -> tuple[Definition | None, tuple[Finding, ...]]:
    """All there is to say of a bundle: the diagram, each form, each template, and what they ask of each other."""
    reading = engine.read(bundle.diagram, bundle.called)
    findings = list(reading.findings)
    for name, content in bundle.forms.items():
        findings += forms.check_file(f"{name}.form", content)
    known = _known(reading.definition, bundle) if reading.definition else None
    for name, content in bundle.templates.items():
        findings += documents.check_file(name, content, known)
    for name, content in bundle.texts.items():
        ending = documents.ENDING if name in _reminding(reading.definition) else {}
        findings += documents.check_text(name, content, {**documents.TOLD, **ending, **(known or {})})
    if reading.definition:
        findings += _missing(reading.definition, bundle)
        findings += _too_long(reading.definition, bundle)
        findings += _telling(reading.definition, bundle)
        findings += _checkable(reading.definition, bundle)
        loaded = _forms(reading.definition, bundle) if reading.runnable else None
        if loaded is not None:
            findings += _surveyed(reading.definition, loaded)
            issued = [*_issued(reading.definition), *_told(reading.definition)]
            texts = {**bundle.templates, **bundle.texts}
            findings += fitting.check(reading.definition, loaded, issued, texts)
    return reading.definition, tuple(findings)


def _forms(definition: Definition, bundle: Bundle) -> dict[str, Form] | None:
    """The forms by id; None where one is missing or cannot be read, since then nobody knows what it asks."""
    asked = {step.properties.get("formulir", "") for step in definition.steps.values()}
    if not asked - {""} <= bundle.forms.keys():
        return None
    try:
        return {name: forms.load(content) for name, content in bundle.forms.items()}
    except forms.FormError:
        return None


def _surveyed(definition: Definition, forms_by_id: Mapping[str, Form]) -> Iterator[Finding]:
    """Steps whose satisfaction survey could not be counted."""
    for step in definition.steps.values():
        group = step.properties.get("survei", "")
        if not group:
            continue
        form_id = step.properties.get("formulir", "")
        form = forms_by_id.get(form_id)
        if form is None:
            message = f"Langkah “{step.name}” menyebut survei {group}, tetapi tidak mempunyai formulir."
            yield Finding(step.id, "error", "survei", message)
            continue
        for level, fault in satisfaction.faults(form, group):
            yield Finding(step.id, level, "survei", f"Survei pada langkah “{step.name}”: {form_id}.form {fault}.")


def _known(definition: Definition, bundle: Bundle) -> Mapping[str, Any]:
    """The names that this SOP's templates may use: its fields, its numbers, its lanes."""
    pointers = []
    for content in bundle.forms.values():
        with suppress(forms.FormError):
            pointers += [field.pointer for field in forms.load(content).fields]
    for step in definition.steps.values():
        with suppress(ValueError):
            pointers += [line.key for line in registers.numberings(step.properties.get("register", ""))]
    return documents.known(pointers, [lane.name for lane in definition.lanes])


def _missing(definition: Definition, bundle: Bundle) -> list[Finding]:
    found = []
    for step in definition.steps.values():
        form = step.properties.get("formulir")
        if form and form not in bundle.forms:
            found.append(
                Finding(step.id, "error", "formulir-tidak-ada",
                        f"Langkah “{step.name}” memakai formulir “{form}”, tetapi {form}.form tidak ada di berkas SOP.")
            )  # fmt: skip
        try:
            nameless = [line for line in registers.numberings(step.properties.get("register", "")) if not line.register]
            if nameless:
                raise ValueError(nameless[0].pattern)
        except ValueError as wrong:
            found.append(
                Finding(step.id, "error", "register-tidak-terbaca",
                        f"Langkah “{step.name}”: baris register “{wrong}” tidak terbaca. "
                        "Tulis: kunci = nama register : pola. Pola memuat {urut} atau {urut:4}, dan bila perlu "
                        "{tahun}, {bulan}, {bulan_romawi}.")
            )  # fmt: skip
    found += _books(definition)
    pattern = definition.properties.get("nomor_permohonan", "")
    if pattern and (registers.unknown_places(pattern) or len(pattern) > 60):
        found.append(
            Finding(definition.key, "error", "nomor-tidak-terbaca",
                    f"Pola nomor permohonan “{pattern}” tidak terbaca. Tulis seperti: {{urut:5}}/IMTA/{{tahun}}, "
                    "paling panjang 60 huruf.")
        )  # fmt: skip
    for name, lane in ends.unknown(definition):
        message = f"Properti {name} menyebut lajur “{lane}”, tetapi lajur itu tidak digambar."
        found.append(Finding(definition.key, "error", "lajur-tidak-ada", message))
    kept = ends.retention(definition)
    if kept is not None and definition.applicant_lane in (kept.proposing, kept.deciding):
        message = "Properti retensi menyebut lajur pemohon; pemusnahan diusulkan dan diputuskan oleh petugas."
        found.append(Finding(definition.key, "error", "retensi-oleh-pemohon", message))
    answering = definition.properties.get("pengaduan", "").partition("|")[2].strip()
    if answering and answering not in {lane.name for lane in definition.lanes}:
        message = f"Properti pengaduan menyebut lajur “{answering}”, tetapi lajur itu tidak digambar."
        found.append(Finding(definition.key, "error", "lajur-tidak-ada", message))
    for lane in sorted(recorders_named(definition) - {lane.name for lane in definition.lanes}):
        message = f"Properti pencatatan_darurat menyebut lajur “{lane}”, tetapi lajur itu tidak digambar."
        found.append(Finding(definition.key, "error", "lajur-tidak-ada", message))
    for element, name, text in places_of_papers(definition):
        for paper in papers(text):
            if paper.template not in bundle.templates:
                found.append(
                    Finding(element, "error", "templat-tidak-ada",
                            f"“{name}” menerbitkan {paper.template}, tetapi templat itu tidak ada di berkas SOP.")
                )  # fmt: skip
    return found


def _books(definition: Definition) -> Iterator[Finding]:
    """Registers whose numbers come again each year, and books of registers that no step fills."""
    known = set()
    for step in definition.steps.values():
        with suppress(ValueError):
            for line in registers.numberings(step.properties.get("register", "")):
                known.add(line.register)
                for wrong in registers.misread_places(line.pattern):
                    message = f"Pola “{line.pattern}” pada “{line.register}”: {wrong} ikut tercetak atau tidak terbaca "
                    message += "seperti yang dimaksud. Hanya {urut} yang diberi lebar, seperti {urut:4}."
                    yield Finding(step.id, "warning", "register-tidak-terbaca", message)
                if registers.comes_again(line.pattern):
                    message = (
                        f"Pola “{line.pattern}” pada “{line.register}” tidak memuat {{tahun}}, padahal nomor urut "
                    )
                    message += "mulai dari 1 lagi setiap tahun: nomor yang sama akan terbit lagi tahun depan."
                    yield Finding(step.id, "warning", "nomor-berulang", message)
    for name in registers.columns(definition.properties.get("buku", "")):
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1, 0.6)
            advice = f"Maksud Anda “{near[0]}”?" if near else "Periksalah ejaannya."
            message = (
                f"Properti buku menyebut register “{name}”, tetapi tidak ada langkah yang memberi nomornya. {advice}"
            )
            yield Finding(definition.key, "warning", "register-tidak-ada", message)


def _too_long(definition: Definition, bundle: Bundle) -> Iterator[Finding]:
    """Names that no inbox could show and no database keeps."""
    names = [(definition.key, definition.key, 100), (definition.key, definition.title, 400)]
    names += [(lane.id, lane.name, 200) for lane in definition.lanes]
    for step in definition.steps.values():
        names += [(step.id, step.id, 200), (step.id, step.name, 400), *((c.id, c.id, 200) for c in step.choices)]
        with suppress(ValueError):
            for line in registers.numberings(step.properties.get("register", "")):
                names += [(step.id, line.register, 200), (step.id, line.pattern, 150)]
    for element, _, text in places_of_papers(definition):
        names += [(element, paper.name, 300) for paper in papers(text)]
    names += [(PurePosixPath(path).name[:80], path, 300) for path in bundle.files()]
    for element, name, most in names:
        if len(name) > most or "\0" in name:
            shown = name[:60].replace("\0", "")
            message = f"Nama “{shown}…” terlalu panjang (paling panjang {most} huruf) atau tidak terbaca."
            yield Finding(element.replace("\0", "")[:80], "error", "nama-terlalu-panjang", message)


@dataclass(frozen=True)
class Paper:
    """One line of a `dokumen` property."""

    template: str
    name: str
    copies: int
    internal: bool  # not shown to the applicant
    checked: bool = False  # anybody who holds it can check it: it bears a code


MARKS = ("internal", "periksa")  # words of a line that are no name


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


@dataclass(frozen=True)
class Text:
    """One line of a `pesan` property: the text, and the lane whose holders are told; None is the case's applicant."""

    template: str
    lane: str | None


APPLICANT, SUPERIOR = "pemohon", "atasan"  # whom a message goes to, unless a lane is so called


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


def superior(definition: Definition, lane: str) -> str:
    """The lane above a lane (`atasan`), "" where it names none."""
    found = next((known for known in definition.lanes if known.name == lane), None)
    return found.properties.get("atasan", "").strip() if found else ""


def _told(definition: Definition) -> Iterator[tuple[str, str, str]]:
    """Where each message stands in the drawing, which step, event or end sends it, and its text."""
    for element, place in definition.tells.items():
        at = definition.flows[element].source if element in definition.flows else element
        for text in texts(definition, place):
            yield element, at, text.template


def _telling(definition: Definition, bundle: Bundle) -> Iterator[Finding]:
    """Texts that are not there, people who are not, and an applicant who hears nothing of what concerns them."""
    lanes = {lane.name for lane in definition.lanes}
    for lane in definition.lanes:
        above = lane.properties.get("atasan", "").strip()
        if above and above not in lanes - {lane.name}:
            message = (
                f"Lajur “{lane.name}”: atasan “{above}” bukan lajur lain di diagram ini, maka tidak ada yang diberi"
            )
            yield Finding(lane.id, "warning", "atasan-tidak-ada", f"{message} tahu. Tulislah nama lajurnya.")
    heard = set()
    for element, place in definition.tells.items():
        name = definition.names.get(element) or getattr(definition.flows.get(element), "name", "") or element
        for text in texts(definition, place):
            if text.lane is None:
                heard.add(element)
            what = f"“{name}” mengirim {text.template}"
            if text.template not in bundle.texts:
                message = f"{what}, tetapi teks itu tidak ada di map {TEXTS} berkas SOP."
                yield Finding(element, "error", "pesan-tidak-ada", message)
            if text.lane is None and definition.applicant_lane is None:
                message = f"{what} kepada pemohon, tetapi SOP ini tidak mempunyai pemohon. Sebutkan lajurnya."
                yield Finding(element, "error", "pesan-kepada", message)
            elif text.lane == SUPERIOR and SUPERIOR not in lanes:
                message = f"{what} kepada atasan, tetapi lajur “{place.lane}” tidak menyebut atasannya."
                yield Finding(element, "error", "pesan-kepada", f"{message} Tulislah properti atasan pada lajur itu.")
            elif text.lane is not None and text.lane not in lanes:
                message = f"{what} kepada “{text.lane}”, tetapi tidak ada lajur bernama itu."
                yield Finding(element, "error", "pesan-kepada", message)
    yield from _unheard(definition, heard)


def _reminding(definition: Definition | None) -> set[str]:
    """The texts that remind a holder."""
    return {reminder.text for reminder in terms.reminders(definition)} if definition else set()


def _checkable(definition: Definition, bundle: Bundle) -> Iterator[Finding]:
    """What the process says of papers that nobody can check, of texts that are not there, of copies that are none."""
    checked = {paper.template for _, _, text in places_of_papers(definition) for paper in papers(text) if paper.checked}
    for template in terms.terms(definition):
        if template not in checked:
            message = f"Properti keabsahan menyebut {template}, tetapi tidak ada baris dokumen yang menerbitkannya"
            message += " dengan kata periksa, maka surat itu tidak berkode dan tidak dapat diperiksa."
            yield Finding(definition.key, "warning", "tanpa-periksa", message)
    for text in sorted(_reminding(definition) - bundle.texts.keys()):
        message = f"Properti pengingat_berakhir memakai {text}, tetapi teks itu tidak ada di map {TEXTS} berkas SOP."
        yield Finding(definition.key, "error", "pesan-tidak-ada", message)
    for line in definition.properties.get("salin", "").splitlines():
        try:
            list(terms.copy(line) if line.strip() else ())
        except expressions.ExpressionError as wrong:
            message = f"Properti salin “{line.strip()}” tidak terbaca: {wrong.msg}."
            yield Finding(definition.key, "error", "salin", message)


def _unheard(definition: Definition, heard: set[str]) -> Iterator[Finding]:
    """Returns to the applicant and ends of which an applicant from outside is told nothing."""
    if definition.applicant_lane is None:
        return
    own = {step.id for step in definition.steps.values() if step.lane == definition.applicant_lane}
    returns = [c for step in definition.steps.values() for c in step.choices if c.returns and c.target in own]
    silent = {c.id: c.label for c in returns if c.id not in heard}
    before = {flow.target for flow in definition.flows.values() if {flow.id, flow.source} & heard}
    silent |= {end.id: end.name or end.id for end in definition.ends.values() if end.id not in heard | before}
    if silent:
        places = ", ".join(f"“{name}”" for name in dict.fromkeys(silent.values()))
        message = f"Pemohon tidak dikirimi pesan ketika permohonannya dikembalikan atau berakhir lewat {places}."
        yield Finding(definition.key, "info", "tanpa-pesan", f"{message} Bila perlu, tulislah properti pesan di sana.")


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


def _issued(definition: Definition) -> Iterator[tuple[str, str, str]]:
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


def install(ctx: Context, bundle: Bundle, by: str, authority: str) -> Revision:
    """Records a bundle as the next revision of its SOP and puts it in force now; running cases stay on theirs.

    A bundle that equals the one in force changes nothing and gives that one. Raises NotRunnable.
    """
    definition, findings = check(bundle)
    if definition is None or any(f.level == "error" for f in findings):
        raise NotRunnable(findings)
    return record(ctx, bundle, definition, findings, by, authority)


def record(
    ctx: Context, bundle: Bundle, definition: Definition, findings: Iterable[Finding], by: str, authority: str
) -> Revision:
    """`install` of what was checked already, whatever was found: a trial runs also what may not come into force."""
    database.alone(ctx.session, definition.key)
    current = in_force(ctx.session, definition.key)
    if current and current.digest == bundle.digest():
        return current
    if current:
        current.in_force_until = ctx.now
    highest = ctx.session.scalar(select(func.max(cast(Revision.number, Integer))).where(Revision.sop == definition.key))
    revision = Revision(
        sop=definition.key,
        number=(highest or 0) + 1,
        title=definition.title,
        digest=bundle.digest(),
        definition=definition.dumps(),
        findings=[asdict(f) for f in findings],
        installed_at=ctx.now,
        installed_by=by,
        authority=authority,
        in_force_from=ctx.now,
    )
    ctx.session.add(revision)
    ctx.session.flush()
    for path, content in bundle.files().items():
        ctx.session.add(RevisionFile(revision_id=revision.id, path=path, content=content))
    _lanes(ctx, definition)
    ctx.session.flush()
    return revision


def _lanes(ctx: Context, definition: Definition) -> None:
    known = {lane.name: lane for lane in ctx.session.scalars(select(Lane).where(Lane.sop == definition.key))}
    counter = counters(definition)
    for lane in definition.lanes:
        row = known.get(lane.name) or Lane(sop=definition.key, name=lane.name)
        row.applicant = lane.name == definition.applicant_lane
        row.counter = lane.name in counter
        ctx.session.add(row)


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


def seal(revision: Revision) -> str:
    """What a case's first event says of the SOP it began under: SHA-256 over all files and what was read of them."""
    return hashlib.sha256(f"{revision.digest}\n{revision.definition}".encode()).hexdigest()


def in_force(session: Session, sop: str) -> Revision | None:
    """The revision under which a new case of this SOP begins."""
    return session.scalar(select(Revision).where(Revision.sop == sop, Revision.in_force_until.is_(None)))


def all_in_force(session: Session) -> list[Revision]:
    """Every SOP's revision in force, by title."""
    return list(session.scalars(select(Revision).where(Revision.in_force_until.is_(None)).order_by(Revision.title)))


def all_ids(session: Session) -> list[int]:
    """Every revision that was ever in force: cases run under each of them, or did."""
    return list(session.scalars(select(Revision.id).order_by(Revision.id)))


_kept: WeakKeyDictionary[Any, dict[int, Loaded]] = WeakKeyDictionary()  # by the engine they came from


def every(session: Session) -> list[Loaded]:
    """Every revision that there ever was, the latest first: a register outlives the SOP that filled it."""
    ids = session.scalars(select(Revision.id).order_by(Revision.id.desc())).all()
    return [load(session, revision_id) for revision_id in ids]


def numbering_steps(loaded: Loaded, register: str) -> list[Step]:
    """The steps of a revision that give the numbers of a register, in drawn order."""
    return [
        step
        for step in loaded.definition.steps.values()
        if any(line.register == register for line in registers.numberings(step.properties.get("register", "")))
    ]


def numbering_lanes(loaded: Loaded, register: str) -> list[str]:
    """The lanes of those steps: whoever holds one of them may strike a number of this register out."""
    return list(dict.fromkeys(step.lane for step in numbering_steps(loaded, register)))


def load(session: Session, revision_id: int) -> Loaded:
    """A revision with its definition, forms and lanes read; kept, since nothing stored is ever changed."""
    kept = _kept.setdefault(session.get_bind(), {})
    loaded = kept.get(revision_id)
    if loaded is None:
        revision = session.get_one(Revision, revision_id)
        files = file_contents(session, revision.id, "forms/")
        lanes = session.execute(select(Lane.name, Lane.id).where(Lane.sop == revision.sop))
        if len(kept) >= 64:
            kept.clear()
        loaded = kept[revision_id] = Loaded(
            revision.id,
            revision.sop,
            revision.number,
            Definition.loads(revision.definition),
            {PurePosixPath(path).stem: forms.load(content) for path, content in files.items()},
            {lane.name: lane.id for lane in lanes},
            seal(revision),
        )
    return loaded


def file_contents(session: Session, revision_id: int, prefix: str = "") -> dict[str, bytes]:
    """The files of a revision below `prefix`, by path."""
    rows = session.execute(
        select(RevisionFile.path, RevisionFile.content)
        .where(RevisionFile.revision_id == revision_id, RevisionFile.path.startswith(prefix, autoescape=True))
        .order_by(RevisionFile.path)
    )
    return {row.path: row.content for row in rows}


def bundle_of(session: Session, revision: Revision) -> Bundle:
    """The files of a revision, as they were put in force."""
    files: dict[str, dict[str, bytes]] = {folder: {} for folder in ("", "called", "forms", "templates", "texts")}
    for path, content in file_contents(session, revision.id).items():
        folder, _, name = path.rpartition("/")
        files[folder][name.removesuffix(".form") if folder == "forms" else name] = content
    [(name, diagram)] = files[""].items()
    stem = name.removesuffix(".bpmn")
    return Bundle(stem, diagram, files["called"], files["forms"], files["templates"], files["texts"])


def template(session: Session, revision_id: int, name: str, folder: str = "templates") -> bytes:
    """A letter's template, or of `texts` the text of a message, as this revision keeps it."""
    return session.scalars(
        select(RevisionFile.content).where(
            RevisionFile.revision_id == revision_id, RevisionFile.path == f"{folder}/{name}"
        )
    ).one()
