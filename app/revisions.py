"""Which SOP is in force: a bundle of files that was checked is recorded under one digest and put in force."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from app import checks, database, drawn, forms, registers
from app.bundles import Bundle
from app.context import Context
from app.engine.definition import Definition, Finding, Step
from app.forms import Form
from app.models import Lane, Revision, RevisionFile


class NotRunnable(Exception):
    """A bundle that may not come into force; `findings` say why."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f.message for f in self.findings if f.level == "error"))


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


def install(ctx: Context, bundle: Bundle, by: str, authority: str) -> Revision:
    """Records a bundle as the next revision of its SOP and puts it in force now; running cases stay on theirs.

    A bundle that equals the one in force changes nothing and gives that one. Raises NotRunnable.
    """
    definition, findings = checks.check(bundle)
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
    counter = drawn.counters(definition)
    for lane in definition.lanes:
        row = known.get(lane.name) or Lane(sop=definition.key, name=lane.name)
        row.applicant = lane.name == definition.applicant_lane
        row.counter = lane.name in counter
        ctx.session.add(row)


def seal(revision: Revision) -> str:
    """What a case's first event says of the SOP it began under: SHA-256 over all files and what was read of them."""
    return hashlib.sha256(f"{revision.digest}\n{revision.definition}".encode()).hexdigest()


def in_force(session: Session, sop: str) -> Revision | None:
    """The revision under which a new case of this SOP begins."""
    return session.scalar(select(Revision).where(Revision.sop == sop, Revision.in_force_until.is_(None)))


def title(session: Session, sop: str) -> str:
    """What an SOP is called by its latest revision; its key, where there is none."""
    latest = select(Revision.title).where(Revision.sop == sop).order_by(Revision.id.desc()).limit(1)
    return session.scalar(latest) or sop


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
