"""What lies in a case so far: the answers of its steps, and the uploads among them under their questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app import cases, forms, journal, revisions
from app.engine.definition import Step
from app.models import Case, Upload
from app.web import base


@dataclass(frozen=True)
class Answered:
    """What an earlier step was answered with, and by whom."""

    step: Step
    entry: journal.Entry
    form: forms.Form | None


@dataclass(frozen=True)
class Attached:
    """An upload in the case's data, under its question."""

    label: str
    upload: Upload


def answered(loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> list[Answered]:
    """The latest answers of each step that has some, in the order of the SOP; `entries` are those one may read."""
    last = {e.step: e for e in entries if e.kind == "complete" and e.typed and e.typed.answers}
    steps = loaded.definition.steps
    return [Answered(steps[s], last[s], loaded.form_of(steps[s])) for s in steps if s in last]


def uploads(found: Sequence[Answered], case: Case) -> list[Attached]:
    """The uploads among what these steps answered, as they stand now."""
    known = {u.id: u for u in base.session().scalars(select(Upload).where(Upload.case_id == case.id))}
    if not known:
        return []
    there: dict[str, Attached] = {}
    data = cases.data_of(base.context(), case)
    for item in found:
        for field in item.form.fields if item.form else ():
            if field.type != "upload" or field.readonly or "*" in field.pointer:
                continue
            value = forms.at(data, field.pointer)
            for upload_id in value if isinstance(value, list) else [value]:
                if isinstance(upload_id, str) and upload_id in known:
                    there.setdefault(upload_id, Attached(field.label, known[upload_id]))
    return list(there.values())
