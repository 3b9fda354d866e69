"""A `.form` file (form-js JSON) as values: what to draw, what to ask, and what is wrong with the file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from app.engine import pitfalls
from app.engine.definition import Finding
from app.engine.expressions import Expression
from app.engine.expressions import compile as compile_expression
from app.forms import markup
from app.forms.fields import CHOICES, INPUTS, MEDIA_TYPES, MOST_ROWS, Field, Option, day, walk
from app.forms.form import Form

DEFAULT_ACCEPT = ("application/pdf", "image/png", "image/jpeg")
IGNORED = frozenset({"button", "image"})
LONGEST = {"textfield": 500, "textarea": 10_000}
DEEPEST, MOST = 12, 2_000
_SEGMENT = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class FormError(Exception):
    """A form that cannot be used; `findings` say why, for the owner."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(finding.message for finding in findings if finding.level == "error"))
        self.findings = findings


@lru_cache(maxsize=512)
def load(text: bytes) -> Form:
    """The form in these bytes; the same object for the same bytes. Raises FormError."""
    form, findings = _read("", text)
    if form is None:
        raise FormError(tuple(findings))
    return form


def check_file(name: str, content: bytes) -> list[Finding]:
    """All that is wrong or remarkable in a form file; never raises."""
    form, findings = _read(name, content)
    return findings + list(_pitfalls(name, form)) if form else findings


def _pitfalls(name: str, form: Form) -> Iterator[Finding]:
    """Conditions that do not say what was meant. Only the check refuses them: forms in force must go on being read."""
    for item in walk(form.components):
        if item.hide is None:
            continue
        who = f'Bagian "{item.label or item.key or item.id or item.type}": syarat {item.hide_text!r}'
        if refused := pitfalls.refused(item.hide_text, item.hide):
            yield Finding(name, "error", "form-ungkapan", f"{who} tidak dapat dipakai. {refused}")
        for level, rule, message in pitfalls.doubtful(item.hide_text, item.hide, condition=True):
            yield Finding(name, level, rule, f"{who}: {message}")


def _read(name: str, content: bytes) -> tuple[Form | None, list[Finding]]:
    reader = _Reader(name)
    try:
        raw = json.loads(content.decode("utf-8-sig"))
        json.dumps(raw, ensure_ascii=False, allow_nan=False).encode()  # half a character and NaN are nothing to show
    except (ValueError, RecursionError):
        reader.error("form-json", "Berkas formulir ini bukan JSON yang dapat dibaca.")
        return None, reader.findings
    if not isinstance(raw, dict) or not isinstance(raw.get("components"), list):
        reader.error("form-json", 'Berkas ini bukan formulir: daftar "components" tidak ada.')
        return None, reader.findings
    components = reader.components(raw["components"], "", 0)
    identity = _text(raw, "id") or name.rsplit("/", 1)[-1].removesuffix(".form")
    properties = _strings(raw.get("properties"))
    title = properties.get("judul") or _text(raw, "title") or _text(raw, "name") or identity
    form = Form(identity, title, components, hashlib.sha256(content).hexdigest())
    reader.pointers(form)
    broken = any(finding.level == "error" for finding in reader.findings)
    return (None if broken else form), reader.findings


class _Reader:
    """Reads components and gathers findings; goes on after each so that the owner sees all at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self.count = 0

    def error(self, rule: str, message: str) -> None:
        self.findings.append(Finding(self.name, "error", rule, message))

    def warn(self, rule: str, message: str) -> None:
        self.findings.append(Finding(self.name, "warning", rule, message))

    def components(self, raw: Any, base: str, depth: int) -> tuple[Field, ...]:
        if not isinstance(raw, list):
            return ()
        if depth > DEEPEST:
            self.error("form-dalam", "Kelompok isian bersarang terlalu dalam.")
            return ()
        found = []
        for item in raw:
            self.count += 1
            if self.count > MOST:
                self.error("form-besar", f"Formulir ini terlalu besar (lebih dari {MOST} bagian).")
                break
            if isinstance(item, dict):
                component = self.component(item, base, depth)
                if component is not None:
                    found.append(component)
            else:
                self.error("form-json", "Ada bagian formulir yang tidak dapat dibaca.")
        return tuple(found)

    def component(self, raw: dict[str, Any], base: str, depth: int) -> Field | None:
        kind = _text(raw, "type")
        label = _text(raw, "label")
        if kind in IGNORED:
            return None
        if kind == "datetime":
            kind = _text(raw, "subtype") or "date"
            label = label or _text(raw, "dateLabel") or _text(raw, "timeLabel")
        who = f'"{label or _text(raw, "key") or _text(raw, "id") or kind}"'
        kind = "upload" if kind == "filepicker" else kind
        properties = _strings(raw.get("properties"))
        hide_text, hide = self.condition(raw, who)
        layout = raw.get("layout") if isinstance(raw.get("layout"), dict) else {}
        columns = layout.get("columns") if isinstance(layout, dict) else None
        common: dict[str, Any] = {
            "id": _text(raw, "id"),
            "label": label,
            "help": _text(raw, "description"),
            "hide": hide,
            "hide_text": hide_text,
            "properties": properties,
            "row": _text(layout, "row"),
            "columns": max(1, min(12, round(columns * 12 / 16))) if type(columns) is int else None,
        }
        if kind in ("text", "html"):
            source = _text(raw, "text" if kind == "text" else "content")
            html, dropped = markup.from_markdown(source) if kind == "text" else markup.from_html(source)
            if dropped:
                self.warn("form-teks", f"Teks {who}: bagian yang tidak aman dibuang: {', '.join(dropped)}.")
            return Field("text", html=html, **common)
        if kind in ("separator", "spacer"):
            return Field(kind, **common)
        if kind == "group":
            path = self.path(raw.get("path"), base, who, needed=False)
            key = path.rsplit("/", 1)[-1] if path != base else ""
            children = self.components(raw.get("components"), path, depth + 1)
            return Field("group", key=key, pointer=path if key else "", children=children, **common)
        if kind == "dynamiclist":
            path = self.path(raw.get("path"), base, who, needed=True)
            return Field(
                "dynamiclist",
                key=path.rsplit("/", 1)[-1],
                pointer=path,
                children=self.components(raw.get("components"), path + "/*", depth + 1),
                min_length=self.whole(properties.get("minimal"), who, "minimal"),
                max_length=self.whole(properties.get("maksimal"), who, "maksimal") or MOST_ROWS,
                required=bool(self.whole(properties.get("minimal"), who, "minimal")),
                **common,
            )
        if kind not in INPUTS:
            self.error("form-jenis", f"Bagian {who}: jenis {kind or 'kosong'!r} tidak dapat dipakai di sini.")
            return None
        if not label:
            self.warn("form-label", f"Isian {who} tidak mempunyai label.")
            common["label"] = _text(raw, "key")
        return self.input(kind, raw, base, who, common)

    def input(self, kind: str, raw: dict[str, Any], base: str, who: str, common: dict[str, Any]) -> Field:
        pointer = self.path(raw.get("key"), base, who, needed=True)
        rules = raw.get("validate")
        rules = rules if isinstance(rules, dict) else {}
        properties = common["properties"]
        for name in ("readonly", "disabled"):
            if not isinstance(raw.get(name), bool | None):
                self.error("form-ungkapan", f"Isian {who}: {name} hanya boleh ya atau tidak, bukan ungkapan.")
        for name in ("valuesKey", "valuesExpression"):
            if raw.get(name):
                self.error("form-pilihan", f'Isian {who}: pilihan harus ditulis di "values", bukan {name}.')
        options = self.options(raw.get("values"), who) if kind in CHOICES else ()
        pattern = _text(rules, "pattern")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            self.error("form-pola", f"Isian {who}: pola {pattern!r} tidak dapat dibaca.")
            pattern = ""
        adorners = raw.get("appearance")
        return Field(
            kind,
            key=pointer.rsplit("/", 1)[-1],
            pointer=pointer,
            required=rules.get("required") is True,
            readonly=raw.get("readonly") is True or raw.get("disabled") is True,
            multiple=kind in ("checklist", "taglist") or (kind == "upload" and raw.get("multiple") is True),
            default=raw.get("defaultValue"),
            options=options,
            minimum=self.number(rules.get("min"), who, "min"),
            maximum=self.number(rules.get("max"), who, "max"),
            min_length=self.whole(rules.get("minLength"), who, "minLength"),
            max_length=self.whole(rules.get("maxLength"), who, "maxLength") or LONGEST.get(kind),
            earliest=self.limit(raw, rules, properties, "minDate", who),
            latest=self.limit(raw, rules, properties, "maxDate", who),
            pattern=pattern,
            validation=_text(rules, "validationType") if rules.get("validationType") in ("email", "phone") else "",
            decimals=self.whole(raw.get("decimalDigits"), who, "decimalDigits"),
            accept=self.accept(raw.get("accept"), who) if kind == "upload" else (),
            prefix=_text(adorners, "prefixAdorner"),
            suffix=_text(adorners, "suffixAdorner"),
            **common,
        )

    def condition(self, raw: dict[str, Any], who: str) -> tuple[str, Expression | None]:
        conditional = raw.get("conditional")
        text = _text(conditional, "hide")
        if not text:
            return "", None
        try:
            return text, compile_expression(text)
        except SyntaxError as problem:
            self.error("form-ungkapan", f"Bagian {who}: syarat {text!r} tidak dapat dipakai. {problem.msg}")
            return text, None

    def path(self, raw: Any, base: str, who: str, *, needed: bool) -> str:
        if raw in (None, "") and not needed:
            return base
        parts = raw.split(".") if isinstance(raw, str) else []
        if not parts or not all(_SEGMENT.fullmatch(part) for part in parts):
            self.error(
                "form-kunci",
                f"Bagian {who}: kunci {raw!r} tidak dapat dipakai; pakai huruf, angka dan garis bawah."
                if raw
                else f"Bagian {who} tidak mempunyai kunci.",
            )
            return f"{base}/_{self.count}"
        return base + "/" + "/".join(parts)

    def options(self, raw: Any, who: str) -> tuple[Option, ...]:
        found = []
        for item in raw if isinstance(raw, list) else ():
            value = item.get("value") if isinstance(item, dict) else item
            if isinstance(value, str | int | float | bool) and value != "":
                found.append(Option(value, _text(item, "label") or str(value)))
        if not found:
            self.error("form-pilihan", f"Isian {who} tidak mempunyai pilihan.")
        if len({str(option.value) for option in found}) < len(found):
            self.error("form-pilihan", f"Isian {who}: ada dua pilihan dengan nilai yang sama.")
        return tuple(found)

    def accept(self, raw: Any, who: str) -> tuple[str, ...]:
        found: list[str] = []
        for part in raw.split(",") if isinstance(raw, str) else ():
            name = part.strip().lower()
            if name.startswith("."):
                types = [MEDIA_TYPES[name[1:]]] if name[1:] in MEDIA_TYPES else []
            elif name.endswith("/*"):
                types = [kind for kind in dict.fromkeys(MEDIA_TYPES.values()) if kind.startswith(name[:-1])]
            else:
                types = [name] if name in MEDIA_TYPES.values() else []
            if not types and name:
                self.error("form-berkas", f"Isian {who}: jenis berkas {name!r} tidak dapat diterima.")
            found += types
        return tuple(dict.fromkeys(found)) or DEFAULT_ACCEPT

    def limit(
        self, raw: Mapping[str, Any], rules: Mapping[str, Any], own: Mapping[str, str], name: str, who: str
    ) -> str:
        text = _text(raw, name) or _text(rules, name) or own.get(name, "")
        if not text and name == "minDate" and raw.get("disallowPassedDates") is True:
            return "today"
        try:
            if text:
                day(text, date(2026, 1, 1))
        except ValueError:
            self.error("form-tanggal", f"Isian {who}: batas tanggal {text!r} tidak dapat dibaca.")
            return ""
        return text

    def number(self, raw: Any, who: str, name: str) -> float | None:
        if raw in (None, ""):
            return None
        try:
            value = float(raw) if isinstance(raw, str) else raw
            if type(value) in (int, float) and abs(value) < 1e15:
                return int(value) if value == int(value) else float(value)
        except ValueError:
            pass
        self.error("form-batas", f"Isian {who}: {name} {raw!r} bukan angka.")
        return None

    def whole(self, raw: Any, who: str, name: str) -> int | None:
        value = self.number(raw, who, name)
        if value is None or (isinstance(value, int) and value >= 0):
            return value
        self.error("form-batas", f"Isian {who}: {name} {raw!r} bukan bilangan bulat.")
        return None

    def pointers(self, form: Form) -> None:
        """No two inputs may answer at one place, nor one inside another."""
        taken: dict[str, Field] = {}
        for item in walk(form.components):
            if not item.is_input and item.type != "dynamiclist":
                continue
            if item.pointer in taken:
                self.error("form-kunci-ganda", f"Kunci {item.pointer} dipakai dua kali.")
            taken[item.pointer] = item
        for pointer in taken:
            above = pointer
            while above := above.rpartition("/")[0]:
                if above in taken and taken[above].is_input:
                    self.error("form-kunci-ganda", f"Kunci {above} dipakai sebagai isian dan sebagai kelompok.")


def _text(raw: Any, name: str) -> str:
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def _strings(raw: Any) -> dict[str, str]:
    items = raw.items() if isinstance(raw, dict) else ()
    return {str(key): str(value).strip() for key, value in items if isinstance(value, str | int | float)}
