"""Every view of personal data is kept before it is given: of what an address names, by itself; of lists, where said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app import access
from app.context import Context
from app.models import Case, Document, Person, Task, Upload
from app.web import base, errors

log = logging.getLogger("alur.web")
View = TypeVar("View", bound=Callable[..., Any])
WHAT = {  # what the record says of these views; of any other, what its address names
    "cases.lembar_kendali": "lembar-kendali", "cases.lembar_kendali_docx": "lembar-kendali",
    "replay.putar": "putar-ulang", "api.case_journal": "riwayat", "api.case_documents": "dokumen",
}  # fmt: skip
_CASE = select(Case.id, Case.applicant_id, Case.filed_by_id)
ABOUT: dict[str, tuple[str, Any, Any]] = {  # a variable of an address -> what it names, and how to find its case
    "case_id": ("permohonan", _CASE, Case.id),
    "task_id": ("langkah", _CASE.join(Task, Task.case_id == Case.id), Task.id),
    "document_id": ("dokumen", _CASE.join(Document, Document.case_id == Case.id), Document.id),
    "upload_id": ("unggahan", _CASE.join(Upload, Upload.case_id == Case.id), Upload.id),
}


@dataclass(frozen=True)
class Seen:
    """What an answer shows: of these cases, of a person, or (neither) of a list."""

    what: str
    cases: tuple[int, ...] = ()
    subject: int | None = None
    detail: str = ""


def nothing_personal(view: View) -> View:
    """Mark a view that has a case, task, paper or upload in its address and shows nothing of anybody."""
    view.alur_nothing_personal = True  # type: ignore[attr-defined]
    return view


def shown(what: str, found: Iterable[Case], detail: str = "") -> None:
    """This answer lists these cases with what was filled in."""
    mine = base.person().id
    others = tuple(case.id for case in found if mine not in (case.applicant_id, case.filed_by_id))
    if others:
        g.setdefault("shown", []).append(Seen(what, others, None, detail))


def keep(answer: Response) -> Response:
    """Keeps who sees what, before they see it; what cannot be kept is not shown.

    The applicant of a case, and who filed it, look at their own data.
    """
    person = base.me() if request.endpoint else None
    if person is None or not _shows(answer):
        return answer
    try:
        views = [*g.pop("shown", []), *_named(person.id), *_sought()]
        if views:
            _write(person, views, answer)
    except SQLAlchemyError:
        log.exception("a view that could not be kept")
        g.pop("keep", None)
        return errors.error_page(503, _("Pembukaan data ini tidak dapat dicatat, jadi datanya tidak ditampilkan."))
    return answer


def _shows(answer: Response) -> bool:
    """Does this answer show what is stored? What changed a case stands in its journal."""
    if request.method in base.READS or request.method == "PUT":
        return answer.status_code in (200, 202, 206, 304)
    return answer.status_code in (409, 422) and answer.mimetype == "text/html"


def _named(viewer: int) -> Iterator[Seen]:
    """What the address of this request names, unless it is the viewer's own."""
    endpoint = request.endpoint or ""
    if hasattr(current_app.view_functions.get(endpoint), "alur_nothing_personal"):
        return
    for name, value in (request.view_args or {}).items():
        if name == "person_id" and int(value) != viewer:
            yield Seen("akun", subject=int(value))
        if name not in ABOUT:
            continue
        named, query, key = ABOUT[name]
        what = WHAT.get(endpoint, named)
        row = base.session().execute(query.where(key == (value if name == "upload_id" else int(value)))).first()
        if row is not None and viewer not in (row.applicant_id, row.filed_by_id):
            yield Seen(what, (row.id,), None, str(value) if name in ("document_id", "upload_id") else "")
        elif row is None and name == "upload_id":  # a letter of attorney belongs to no case
            sender = base.session().scalar(select(Upload.person_id).where(Upload.id == value))
            if sender not in (None, viewer):
                yield Seen(what, (), sender, str(value))


def _sought() -> Iterator[Seen]:
    """What an official looked for among all cases."""
    words = (request.args.get("cari") or request.args.get("q") or "").strip()
    if words and (base.actor().staff or base.actor().person.auditor):
        yield Seen("cari", detail=words)


def _write(person: Person, views: list[Seen], answer: Response) -> None:
    def write(ctx: Context) -> None:
        for view in views:
            access.seen(ctx, person, view.what, cases=view.cases, subject_id=view.subject, detail=view.detail)

    if base.only_reading():
        base.kept_at_once(write)
        return
    if answer.status_code >= 400 and "keep" not in g:
        base.session().rollback()
    write(base.context())
    base.keep()


def install(app: Flask) -> None:
    """Keep the views of `app`. The last to be named is the first to see an answer."""
    app.after_request(keep)
