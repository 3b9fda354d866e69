"""What an SOP's papers look like before anybody gets one: each filled on made-up cases, beside what was found in it.

The cases are played through the same verbs as real ones, with the forms' `contoh`, in a database in memory that is
gone afterwards; the office's own numbers, journal and files are not touched.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import bundles, cases, checks, database, demo, documents, drawn, ends, engine, forms, papers, people, revisions
from app.config import Settings
from app.context import Context
from app.engine.definition import Choice, Definition, Finding
from app.models import Base, Case, Document, Person, Revision, Task

STEPS = 150  # of one case: every return once, and on to the end
MORE = 6  # further cases, by other decisions, where a paper was not issued yet
REASON = "Contoh alasan: isian dan lampirannya berbeda, dan lampiran ke-5 tidak terbaca."
VERB_REASON = "Contoh alasan: data yang disampaikan ternyata tidak sesuai dengan keadaan yang sebenarnya."


@dataclass(frozen=True)
class Tried:
    """A paper of an SOP, `filled` on a made-up case and `blank`; `error` says why it could not be."""

    paper: drawn.Paper
    filled: bytes | None
    error: str = ""
    blank: bytes | None = None
    form: bool = False  # given out blank on the page of the service
    reached: bool = True  # False: no made-up case came to where it is issued, so it tells of one that did not


@dataclass(frozen=True)
class Trial:
    """Every paper of an SOP in drawn order; `stopped` says, in Indonesian, where a made-up case could not go on."""

    papers: tuple[Tried, ...]
    stopped: str = ""


def of_bundle(settings: Settings, bundle: bundles.Bundle) -> tuple[Trial, tuple[Finding, ...]]:
    """The trial of files that need not be in force, with the findings of their check."""
    definition, findings = checks.check(bundle)
    broken = {f.element for f in findings if f.level == "error"}
    if definition is None or broken - bundle.templates.keys() - bundle.texts.keys():
        return Trial((), "SOP ini belum dapat dijalankan, maka suratnya belum dapat dicoba."), findings
    return of(settings, bundle, definition), findings


def of_revision(settings: Settings, session: Session, revision: Revision, only: str = "") -> Trial:
    """The trial of a revision as it is kept, of the template `only` where one is named."""
    bundle = revisions.bundle_of(session, revision)
    return of(settings, bundle, revisions.load(session, revision.id).definition, only)


def of(settings: Settings, bundle: bundles.Bundle, definition: Definition, only: str = "") -> Trial:
    """The papers of an SOP, or those of one of its templates."""
    with _office(settings, bundle, definition) as office:
        stopped = office.play()
        issued = office.issued(only, {})
        for seed in range(1, MORE + 1):
            if all((paper.template, paper.name) in issued for paper in _drawn(definition, only)):
                break
            office.play(seed)
            issued |= office.issued(only, issued)
        for kind in ends.VERBS:
            rule = ends.rule(definition, kind)
            letters = drawn.papers(rule.letters) if rule else []
            if any(only in ("", paper.template) for paper in letters):
                office.end(kind)
                issued |= office.issued(only, issued)
        return Trial(tuple(office.tried(paper, issued) for paper in _papers(definition, only)), stopped)


def _papers(definition: Definition, only: str) -> list[drawn.Paper]:
    """Every paper that the diagram names, each once."""
    found: dict[tuple[str, str], drawn.Paper] = {}
    for _, _, text in drawn.places_of_papers(definition):
        for paper in drawn.papers(text):
            if only in ("", paper.template):
                found.setdefault((paper.template, paper.name), paper)
    return list(found.values())


def _drawn(definition: Definition, only: str) -> list[drawn.Paper]:
    """Those that a case gets on its way."""
    texts = [text for element, _, text in drawn.places_of_papers(definition) if element != definition.key]
    return [paper for text in texts for paper in drawn.papers(text) if only in ("", paper.template)]


@contextmanager
def _office(settings: Settings, bundle: bundles.Bundle, definition: Definition) -> Iterator[_Office]:
    """An office in memory that runs one SOP, with somebody for each lane."""
    there = database.connect("sqlite://")
    with tempfile.TemporaryDirectory(prefix="alur-") as folder, Session(there, expire_on_commit=False) as session:
        Base.metadata.create_all(session.connection())
        kept = replace(settings, database_url="sqlite://", files=Path(folder))
        ctx = Context(session, settings.now(), kept)
        revision = revisions.record(ctx, bundle, definition, (), "percobaan", "percobaan")
        yield _Office(ctx, revision, definition)
    there.dispose()


class _Office:
    """Made-up people and their cases. Nothing is ever committed."""

    def __init__(self, ctx: Context, revision: Revision, definition: Definition) -> None:
        self.session, self.settings, self.clock = ctx.session, ctx.settings, ctx.now
        self.revision, self.definition = revision, definition
        self.longest: Case | None = None
        self.taken = Counter[str]()  # how often each decision was
        self.staff: dict[str, Person] = {}
        self.applicant = self._hire("pemohon", demo.APPLICANTS[0], applicant=True)
        for number, lane in enumerate(lane for lane in definition.lanes if lane.name != definition.applicant_lane):
            nip = f"19{75 + number % 20}0612 200{number % 10}01 {1 + number % 2} 00{number % 10}"
            name = demo.OFFICERS[number % len(demo.OFFICERS)]
            if lane.name not in self.staff:
                self.staff[lane.name] = self._hire(f"petugas{number}", name, title=lane.name, nip=nip)
                people.grant(ctx, self.staff[lane.name], lane.name)
        self.session.flush()

    def _hire(self, login: str, name: str, **rest: object) -> Person:
        person = Person(name=login, full_name=name, password="-", created_at=self.clock, **rest)  # noqa: S106 - no log-in
        self.session.add(person)
        self.session.flush()
        return person

    def _ctx(self) -> Context:
        return Context(self.session, self.clock, self.settings)

    def _performer(self, task: Task) -> Person:
        return self.applicant if task.lane.applicant else self.staff[task.lane.name]

    def play(self, seed: int = 0, steps: int = STEPS) -> str:
        """One case: with seed 0 every return once and on to the end, else where few went; why it stopped, or ""."""
        chance, back = Random(seed), set[str]()  # noqa: S311 - the same every time
        definition = self.definition
        begins = next((start.lane for start in definition.starts if start.default), "")
        opener = self.applicant if definition.applicant_lane is not None else self.staff.get(begins)
        if opener is None:
            return "Tidak ada yang dapat memulai permohonan contoh."
        where = ""
        try:
            case = cases.open_case(self._ctx(), people.actor(self.session, opener, self.clock), definition.key)
            self.longest = self.longest or case
            for _ in range(steps):
                tasks = cases.open_tasks(self._ctx(), case)
                self._later(chance, case, wait=not tasks)
                if not tasks and not (case.status == "open" and cases.fire_due(self._ctx(), case)):
                    break
                if tasks:
                    task = tasks[0]
                    where = cases.step_of(self._ctx(), task).name
                    choice = self._decision(task, None if seed else back)
                    demo.complete(self._ctx(), self._performer(task), task, seed=seed, choice=choice, reason=REASON)
        except (cases.Refusal, engine.RoutingError) as error:
            faults = ", ".join(fault.message for fault in getattr(error, "faults", ())[:3])
            return f"Permohonan contoh berhenti di langkah “{where}”: {faults or getattr(error, 'message', error)}"
        return ""

    def _decision(self, task: Task, returned: set[str] | None) -> Choice | None:
        """A return that was not taken in this case, else the first way forward; without `returned`, the way that was
        taken least in all cases.
        """
        ways = cases.choices(self._ctx(), task)
        if returned is None:
            choice = min(ways, key=lambda way: self.taken[way.id], default=None)
        else:
            choice = next((way for way in ways if way.returns and way.id not in returned), next(iter(ways), None))
            returned.update({choice.id} if choice else ())
        if choice is not None:
            self.taken[choice.id] += 1
        return choice

    def _later(self, chance: Random, case: Case, wait: bool) -> None:
        """A while later in office hours; where nobody can do anything, when the next thing happens by itself."""
        moved = self.clock + timedelta(minutes=chance.randint(6, 40))
        if wait and case.next_due is not None:
            moved = max(moved, case.next_due)
        self.clock = demo.at_work(moved, self.settings, chance)

    def end(self, kind: str) -> None:
        """A case that is ended, corrected or revoked by whoever may; nothing where that cannot be."""
        rule = ends.rule(self.definition, kind)
        still_open = rule is not None and "open" in rule.verb.status and kind != "correct"
        self.play(steps=max(1, len(self.definition.steps) // 3) if still_open else STEPS)
        case = self.session.scalars(select(Case).order_by(Case.id.desc()).limit(1)).first()
        if case is None:
            return
        lane = rule.lanes[0] if rule else ""
        person = self.applicant if lane == self.definition.applicant_lane else self.staff.get(lane, self.applicant)
        actor = people.actor(self.session, person, self.clock)
        step, answers = self._correction(case, person) if kind == "correct" else ("", {})
        try:
            cases.act(self._ctx(), actor, case.id, kind, VERB_REASON, step, answers)
        except (cases.Refusal, engine.RoutingError):
            return

    def _correction(self, case: Case, person: Person) -> tuple[str, Mapping[str, object]]:
        """The first step that asked something, and other answers to it."""
        ctx, loaded = self._ctx(), revisions.load(self.session, self.revision.id)
        done = self.session.scalars(select(Task).where(Task.case_id == case.id).order_by(Task.id))
        task = next((task for task in done if task.closed_at and loaded.form_at(task.step)), None)
        if task is None or (form := cases.form_of(ctx, task)) is None:
            return "", {}
        return task.step, forms.sample(
            form, 3, lambda field: demo.sample_upload(ctx, person, field), ctx.local().date()
        )

    def issued(self, only: str, known: Mapping[tuple[str, str], papers.Filled]) -> dict[tuple[str, str], papers.Filled]:
        """What was due by now and is not known yet, filled as the worker would; of a paper issued again the last."""
        query = select(Document.id, Document.template, Document.name).order_by(Document.id)
        last = {(row.template, row.name): row.id for row in self.session.execute(query)}
        wanted = {key: id_ for key, id_ in last.items() if key not in known and only in ("", key[0])}
        found = {key: papers.made(self._ctx(), id_) for key, id_ in wanted.items()}
        return {key: filled for key, filled in found.items() if filled is not None}

    def tried(self, paper: drawn.Paper, issued: Mapping[tuple[str, str], papers.Filled]) -> Tried:
        """One paper: as it was issued, else as the first case would have it at its end."""
        ctx, key = self._ctx(), (paper.template, paper.name)
        loaded = revisions.load(self.session, self.revision.id)
        form, filled, error = key in self._named("unduhan"), issued.get(key), ""
        try:
            blank = papers.blank(ctx, loaded, paper)
            if filled is None and self.longest is not None:
                filled = papers.Filled(papers.as_it_stands(ctx, self.longest, loaded, paper))
        except documents.DocumentError as failed:
            return Tried(paper, None, str(failed), form=form)
        if filled is None or filled.error:
            error = filled.error if filled else "Tidak ada permohonan contoh."
        content = filled.content if filled and not error else None
        return Tried(paper, content, error, blank, form, key in issued or form or key in self._named("lembar_kendali"))

    def _named(self, name: str) -> set[tuple[str, str]]:
        """The papers that a property of the process names: those are filled without having been issued."""
        return {(p.template, p.name) for p in drawn.papers(self.definition.properties.get(name, ""))}
