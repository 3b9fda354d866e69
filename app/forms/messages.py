"""What a fault says: what to do, in Indonesian, with the field's own name."""

from __future__ import annotations

from typing import Any

from jsonschema import ValidationError

from app.forms.fields import Field
from app.forms.text import file_kinds
from app.wording import angka, tanggal

POLITE = frozenset({"Anda", "Saya", "Saudara"})
NOT_AN_OBJECT = "Kirim bagian ini sebagai objek berisi isian."
NOT_A_LIST = "Kirim bagian ini sebagai daftar baris."


def name(field: Field) -> str:
    """The label as it stands inside a sentence: "Nomor paspor" -> "nomor paspor", "NIB" stays."""
    label = field.label.rstrip(" :?.*") or field.key
    first, _, _rest = label.partition(" ")
    return label if first != first.capitalize() or first in POLITE else label[:1].lower() + label[1:]


def _sentence(field: Field) -> bool:
    """Is the label a question or a sentence, which "pilih" cannot stand before?"""
    first = field.label.partition(" ")[0]
    return field.label.endswith("?") or first in POLITE or field.label[:1].isdigit()


def required(field: Field) -> str:
    if field.type == "upload":
        return f"Unggah {name(field)}."
    if field.type == "checkbox":
        return f'Centang "{field.label}" untuk melanjutkan.'
    if field.type in ("select", "radio"):
        return f'Pilih jawaban untuk "{field.label}".' if _sentence(field) else f"Pilih {name(field)}."
    if field.type in ("checklist", "taglist"):
        return f"Pilih sekurang-kurangnya satu {name(field)}."
    return f"Isi {name(field)}."


def unreadable(field: Field) -> str:
    return f"Isian {name(field)} memuat karakter yang tidak terbaca. Ketik ulang isian ini."


def lost_upload(field: Field) -> str:
    return f"Unggah lagi {name(field)}; berkas yang lama tidak ditemukan."


def wrong_upload(field: Field, file_name: str) -> str:
    return f"Ganti {file_name}: {name(field)} harus berupa {file_kinds(field.accept)}."


def too_few_rows(field: Field, least: int) -> str:
    return f"Isi {name(field)} sekurang-kurangnya {least} baris."


def too_many_rows(field: Field, most: int) -> str:
    return f"Isi {name(field)} paling banyak {most} baris."


def invalid(field: Field, error: ValidationError, value: Any) -> str:
    """What to do about the first check that failed."""
    rule, limit, this = str(error.validator), error.validator_value, name(field)
    if rule == "const" or rule == "minItems":
        return required(field)
    if rule == "enum" or field.options:
        return f"Pilih {this} dari daftar."
    if field.type == "upload":
        return lost_upload(field)
    if rule == "minLength":
        return f"Isi {this} sekurang-kurangnya {limit} karakter."
    if rule == "maxLength":
        return f"Persingkat {this}: paling panjang {angka(limit)} karakter, sekarang {angka(len(value))}."
    if rule == "formatMinimum":
        return f"Isi {this} dengan {tanggal(limit)} atau sesudahnya."
    if rule == "formatMaximum":
        return f"Isi {this} dengan {tanggal(limit)} atau sebelumnya."
    if field.type == "number":
        return _number(field, rule)
    return field.properties.get("pesan") or _form(field)


def _number(field: Field, rule: str) -> str:
    if rule == "type":
        what = "bilangan bulat, misalnya 12" if field.decimals == 0 else "angka, misalnya 1.250,50"
        return f"Isi {name(field)} dengan {what}."
    if field.minimum is not None and field.maximum is not None:
        return f"Isi {name(field)} dengan angka {angka(field.minimum)} sampai {angka(field.maximum)}."
    if rule == "minimum":
        return f"Isi {name(field)} dengan angka paling kecil {angka(field.minimum)}."
    return f"Isi {name(field)} dengan angka paling besar {angka(field.maximum)}."


def _form(field: Field) -> str:
    if field.validation == "email":
        return f"Tulis {name(field)} dengan lengkap, misalnya nama@contoh.id."
    if field.validation == "phone":
        return f"Tulis {name(field)} dengan angka, misalnya 0812 3456 7890."
    if field.type == "date":
        return f"Isi {name(field)} sebagai tanggal, misalnya 31-12-2026."
    if field.type == "time":
        return f"Isi {name(field)} sebagai jam, misalnya 09:30."
    if field.type == "datetime":
        return f"Isi {name(field)} sebagai tanggal dan jam, misalnya 2026-12-31T09:30."
    if field.type == "checkbox":
        return f'Jawab "{field.label}" dengan ya atau tidak.'
    return f"Periksa penulisan {name(field)}." + (f" {field.help}" if field.help else "")
