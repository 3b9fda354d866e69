"""Values in words: what an event changed, as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app import forms, journal
from app.models import Upload
from app.revisions import Loaded
from app.web import base


@dataclass(frozen=True)
class Said:
    """A value in words; `upload` is the id of the file that it names, where it names one."""

    text: str
    upload: str = ""


@dataclass(frozen=True)
class Change:
    """One value that an event changed, as people read it."""

    label: str
    before: tuple[Said, ...]
    after: tuple[Said, ...]


@dataclass(frozen=True)
class Corrected:
    """What an applicant typed and an official changed, as people read it."""

    change: Change
    entry: journal.Entry


def corrections(loaded: Loaded, entries: Sequence[journal.Entry], case_id: int) -> list[Corrected]:
    """The values of a case that were the applicant's and are an official's; `entries` with all that was typed."""
    found = journal.corrections(loaded.definition, loaded.form_at, entries)
    files = uploads(case_id) if found else {}
    return [Corrected(change(loaded, journal.Change(c.pointer, c.before, c.after), files), c.entry) for c in found]


def change(loaded: Loaded, found: journal.Change, files: dict[str, str]) -> Change:
    """A change with its question and its values in words; `files` are the names of the case's uploads, by id."""
    form = next((form for form in loaded.forms.values() if form.field_at(found.pointer)), None)
    field = form.field_at(found.pointer) if form else None
    named = form.label(found.pointer) if form else found.pointer.strip("/").replace("/", " › ").replace("_", " ")
    return Change(named, _said(field, found.before, files), _said(field, found.after, files))


def _said(field: forms.Field | None, value: Any, files: dict[str, str]) -> tuple[Said, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str) and value in files:
        return (Said(files[value], value),)
    if isinstance(value, list):
        return tuple(said for item in value for said in _said(field, item, files))
    if isinstance(value, dict):
        return tuple(said for item in value.values() for said in _said(None, item, files))
    if field is not None and field.is_input and field.type != "upload":
        return (Said(forms.text(field, value)),)
    return (Said((_("Ya") if value else _("Tidak")) if isinstance(value, bool) else str(value)),)


def uploads(case_id: int) -> dict[str, str]:
    """What a case's uploads are called, by id."""
    rows = base.session().execute(select(Upload.id, Upload.name).where(Upload.case_id == case_id))
    return {row.id: row.name for row in rows}
