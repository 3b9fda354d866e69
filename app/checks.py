"""All there is to say of an SOP's files before they come into force: each alone, and what they ask of each other."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from app import bundles, documents, drawn, ends, engine, fitting, forms, registers, satisfaction, terms
from app.bundles import Bundle
from app.engine import expressions
from app.engine.definition import Definition, Finding
from app.forms import Form


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
            issued = [*drawn.issued(reading.definition), *drawn.told(reading.definition)]
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
    for lane in sorted(drawn.recorders_named(definition) - {lane.name for lane in definition.lanes}):
        message = f"Properti pencatatan_darurat menyebut lajur “{lane}”, tetapi lajur itu tidak digambar."
        found.append(Finding(definition.key, "error", "lajur-tidak-ada", message))
    for element, name, text in drawn.places_of_papers(definition):
        for paper in drawn.papers(text):
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
    for element, _, text in drawn.places_of_papers(definition):
        names += [(element, paper.name, 300) for paper in drawn.papers(text)]
    names += [(PurePosixPath(path).name[:80], path, 300) for path in bundle.files()]
    for element, name, most in names:
        if len(name) > most or "\0" in name:
            shown = name[:60].replace("\0", "")
            message = f"Nama “{shown}…” terlalu panjang (paling panjang {most} huruf) atau tidak terbaca."
            yield Finding(element.replace("\0", "")[:80], "error", "nama-terlalu-panjang", message)


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
        for text in drawn.texts(definition, place):
            if text.lane is None:
                heard.add(element)
            what = f"“{name}” mengirim {text.template}"
            if text.template not in bundle.texts:
                message = f"{what}, tetapi teks itu tidak ada di map {bundles.TEXTS} berkas SOP."
                yield Finding(element, "error", "pesan-tidak-ada", message)
            if text.lane is None and definition.applicant_lane is None:
                message = f"{what} kepada pemohon, tetapi SOP ini tidak mempunyai pemohon. Sebutkan lajurnya."
                yield Finding(element, "error", "pesan-kepada", message)
            elif text.lane == drawn.SUPERIOR and drawn.SUPERIOR not in lanes:
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
    checked = {
        paper.template
        for _, _, text in drawn.places_of_papers(definition)
        for paper in drawn.papers(text)
        if paper.checked
    }
    for template in terms.terms(definition):
        if template not in checked:
            message = f"Properti keabsahan menyebut {template}, tetapi tidak ada baris dokumen yang menerbitkannya"
            message += " dengan kata periksa, maka surat itu tidak berkode dan tidak dapat diperiksa."
            yield Finding(definition.key, "warning", "tanpa-periksa", message)
    for text in sorted(_reminding(definition) - bundle.texts.keys()):
        message = (
            f"Properti pengingat_berakhir memakai {text}, tetapi teks itu tidak ada di map {bundles.TEXTS} berkas SOP."
        )
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
