"""Can it be proven: a case is re-executed from its journal, and every difference is a finding."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload, undefer

from app import engine, files, forms, journal, revisions
from app.context import Context
from app.engine.definition import Definition
from app.models import Case, Document, Event, EventValues, Lane, Membership, RegisterEntry, Revision, Task, Upload


@dataclass(frozen=True)
class Change:
    """One value that an event changed, by JSON pointer."""

    pointer: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Frame:
    """One event with where the case stood after it, and what the proof has to say against it."""

    entry: journal.Entry
    here: tuple[tuple[str, int], ...]  # open steps: drawn id, round
    done: tuple[str, ...]
    path: tuple[str, ...]
    returns: bool
    changes: tuple[Change, ...]
    findings: tuple[str, ...]


@dataclass
class Proof:
    """What replaying a case gave: its frames, and findings about the case as a whole."""

    number: str
    frames: list[Frame] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def all_findings(self) -> list[str]:
        return [f"{frame.entry.seq}: {text}" for frame in self.frames for text in frame.findings] + self.findings

    @property
    def whole(self) -> bool:
        return not self.all_findings


@dataclass
class _Replay:
    """A case in a fresh engine, as far as its events have been read."""

    definition: Definition
    state: bytes = b""
    open: dict[str, tuple[str, int]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    ended: bool = False
    erased: bool = False
    documents: dict[int, str] = field(default_factory=dict)


def frames(ctx: Context, case: Case) -> Proof:
    """Replays a case: each event's chain, typed values, actor and effect, and at last what the database holds now."""
    proof = Proof(case.number)
    revision = ctx.session.scalars(
        select(Revision).where(Revision.id == case.revision_id).options(undefer(Revision.definition))
    ).one()
    try:
        loaded = revisions.load(ctx.session, revision.id)
        replay = _Replay(loaded.definition, facts=engine.facts(loaded.definition, {}))
    except (ValueError, TypeError, KeyError) as error:
        proof.findings.append(f"Revisi SOP yang tersimpan tidak terbaca: {error}")
        return proof
    proof.findings += _revision_findings(ctx, revision)
    rows = journal.stored(ctx, case.id)
    values = _values(ctx, case.id, proof)
    sent = _uploads(ctx, values)
    previous = b""
    for expected, row in enumerate(rows, 1):
        findings = _row_findings(row, expected, previous, case, values.get(row["seq"]), sent)
        previous = row["digest"] if isinstance(row["digest"], bytes) else b""
        try:
            entry = journal.parsed(row, values.get(row["seq"]))
        except (ValueError, TypeError, KeyError):
            proof.findings.append(f"{row['seq']}: peristiwa ini tidak terbaca; pemutaran berhenti di sini.")
            proof.findings += [f"{row['seq']}: {text}" for text in findings]
            return proof
        before = replay.data
        findings += _effect(ctx, case, loaded, revision, replay, entry, sent)
        findings += _actor_findings(ctx, case, entry)
        proof.frames.append(
            Frame(
                entry,
                tuple(replay.open.values()),
                tuple(dict.fromkeys(replay.done)),
                tuple(journal.nodes(replay.definition, entry.body.get("path", ()))),
                journal.is_return(replay.definition, entry),
                tuple(changes(before, replay.data)),
                tuple(findings),
            )
        )
    proof.findings += _end_findings(ctx, case, replay, rows, previous)
    return proof


def verify(ctx: Context, numbers: Sequence[str] = ()) -> Iterator[Proof]:
    """Proves the cases of these numbers, or all, one after the other; a number that is not there is a finding."""
    for number in numbers:
        case = ctx.session.scalar(_cases().where(Case.number == number))
        yield frames(ctx, case) if case else Proof(number, findings=["Nomor ini tidak dikenal."])
    if not numbers:
        last = 0
        while case := ctx.session.scalar(_cases().where(Case.id > last).order_by(Case.id).limit(1)):
            last = case.id
            yield frames(ctx, case)
            ctx.session.expunge_all()
        strays = ctx.session.scalar(select(func.count()).select_from(Event).outerjoin(Case).where(Case.id.is_(None)))
        if strays:
            yield Proof("", findings=[f"{strays} peristiwa tidak bertuan: permohonannya tidak ada."])


def _cases() -> Any:
    return select(Case).options(joinedload(Case.revision), undefer(Case.data), undefer(Case.state))


def _revision_findings(ctx: Context, revision: Revision) -> list[str]:
    contents = revisions.file_contents(ctx.session, revision.id)
    if revisions.digest_of(contents) != revision.digest:
        return ["Berkas SOP yang tersimpan bukan lagi berkas yang diberlakukan."]
    return []


def _uploads(ctx: Context, values: Mapping[int, EventValues]) -> dict[str, str]:
    """The SHA-256 of every upload that was sent with an event, by id."""
    ids = [upload for row in values.values() for upload in row.typed[3]]
    rows = ctx.session.execute(select(Upload.id, Upload.sha256).where(Upload.id.in_(ids)))
    return {row.id: row.sha256 for row in rows}


def _values(ctx: Context, case_id: int, proof: Proof) -> dict[int, EventValues]:
    """What was typed, by event; a row that cannot be read counts as gone, and says so."""
    found = {}
    for seq in ctx.session.scalars(select(EventValues.seq).where(EventValues.case_id == case_id)):
        try:
            found[seq] = ctx.session.get_one(EventValues, (case_id, seq))
            journal.Typed(*found[seq].typed)
        except Exception as error:  # whatever somebody left there
            found.pop(seq, None)
            proof.findings.append(f"{seq}: isian peristiwa ini rusak ({type(error).__name__}).")
    return found


def _row_findings(
    row: Mapping[str, Any],
    expected: int,
    previous: bytes,
    case: Case,
    values: EventValues | None,
    sha256: Mapping[str, str],
) -> list[str]:
    found = []
    if row["seq"] != expected:
        found.append(f"Urutan terputus: seharusnya peristiwa ke-{expected}.")
    if journal.chain(previous, case.id, row["seq"], row) != row["digest"]:
        found.append("Rantai sidik tidak cocok: baris ini, atau yang sebelumnya, telah berubah.")
    if values is not None:
        typed = journal.Typed(*values.typed)
        if typed.digest(values.key, sha256) != row["answers_digest"]:
            found.append("Isian atau unggahan yang tersimpan bukan lagi yang dikirim.")
    return found


def _effect(
    ctx: Context,
    case: Case,
    loaded: revisions.Loaded,
    revision: Revision,
    replay: _Replay,
    entry: journal.Entry,
    sent: Mapping[str, str],
) -> list[str]:
    """Re-executes one event and compares; findings in words."""
    body, definition = entry.body, replay.definition
    if entry.kind == "document":
        return _document_findings(ctx, case, replay, entry)
    if entry.kind not in ("start", "complete", "timer"):
        return []
    replay.facts = {**replay.facts, **body.get("facts", {})}
    found = _typed_findings(ctx, loaded, replay, entry, sent)
    outcome: engine.Outcome | None
    try:
        if entry.kind == "start":
            if body.get("revision") != revisions.seal(revision):
                found.append("Permohonan ini dimulai dengan SOP lain daripada yang tersimpan sebagai revisinya.")
            outcome = engine.start(definition, body.get("start"), replay.facts, ctx.local(entry.at))
        elif entry.kind == "complete":
            outcome = engine.complete(
                definition, replay.state, body["token"], replay.facts, entry.choice or None, ctx.local(entry.at)
            )
        else:
            outcome = engine.fire(definition, replay.state, replay.facts, ctx.local(entry.at))
    except Exception as error:  # whatever the engine objects to is what the proof has to report
        return [*found, f"Mesin menolak peristiwa ini: {error}"]
    if outcome is None:
        return [*found, "Tidak ada tenggat yang jatuh pada saat ini."]
    for name, mine, theirs in (
        ("jalan yang dilalui", journal.passed(definition, outcome.path), body.get("path", [])),
        ("langkah yang dibuka", [[o.token, o.step, o.round] for o in outcome.opened], body.get("opened", [])),
        ("langkah yang ditutup", list(outcome.closed), list(entry.closed)),
        ("akhir yang dicapai", list(outcome.ends), body.get("ends", [])),
        ("nilai yang diatur diagram", dict(outcome.facts), body.get("set", {})),
        ("sidik keadaan", journal.short(outcome.digest), body.get("state")),
    ):
        if mine != theirs:
            found.append(f"Diputar ulang, {name} berbeda.")
    for token in outcome.closed:
        if token in replay.open:
            replay.done.append(replay.open.pop(token)[0])
    replay.open.update({o.token: (o.step, o.round) for o in outcome.opened})
    if entry.kind != "complete":
        replay.data = journal.data_after(None, replay.data, entry)
    replay.facts = engine.facts(definition, forms.merge(replay.facts, outcome.facts))
    replay.state, replay.digest, replay.ended = outcome.state, journal.short(outcome.digest), outcome.ended
    return found


def _typed_findings(
    ctx: Context, loaded: revisions.Loaded, replay: _Replay, entry: journal.Entry, sent: Mapping[str, str]
) -> list[str]:
    """Takes over what was typed, checks its uploads and that the facts follow from it."""
    found = []
    replay.erased = replay.erased or entry.erased
    if entry.kind == "complete":
        replay.data = journal.data_after(loaded.form_at(entry.step), replay.data, entry)
        for upload_id in entry.typed.files if entry.typed else ():
            if not files.whole(ctx.settings.files, sent.get(upload_id, "")):
                found.append(f"Unggahan {upload_id} hilang atau berubah.")
        for key, number in entry.body.get("numbers", {}).items():
            if not ctx.session.scalar(select(RegisterEntry.number).where(RegisterEntry.text == number)):
                found.append(f"Nomor {number} ({key}) tidak ada di register.")
    if not replay.erased and engine.facts(replay.definition, replay.data) != replay.facts:
        found.append("Fakta yang dipakai mesin tidak sesuai dengan isian.")
    return found


def _document_findings(ctx: Context, case: Case, replay: _Replay, entry: journal.Entry) -> list[str]:
    digest = str(entry.body.get("sha256"))
    document = ctx.session.get(Document, entry.body.get("document"))
    if document is None or document.case_id != case.id or document.sha256 != digest:
        return ["Dokumen ini bukan lagi yang dicatat."]
    replay.documents[document.id] = digest
    return [] if files.whole(ctx.settings.files, digest) else [f"Berkas dokumen “{document.name}” hilang atau berubah."]


def _actor_findings(ctx: Context, case: Case, entry: journal.Entry) -> list[str]:
    """Whether whoever completed a step held its lane at that moment; the applicant's lane is held by the applicant."""
    if entry.kind != "complete":
        return []
    lane = ctx.session.scalar(select(Lane).where(Lane.sop == case.sop, Lane.name == entry.lane))
    if lane is None:
        return ["Lajur peristiwa ini tidak dikenal."]
    names = [lane.name]
    if lane.applicant:
        if entry.actor_id == case.applicant_id:
            return []
        names += ctx.session.scalars(select(Lane.name).where(Lane.sop == case.sop, Lane.counter))
    held = ctx.session.scalar(
        select(Membership.id).where(
            Membership.person_id == entry.actor_id,
            Membership.lane.in_(names),
            Membership.since <= entry.at,
            or_(Membership.until.is_(None), Membership.until > entry.at),
        )
    )
    return [] if held else [f"{entry.actor} tidak memegang lajur {entry.lane} pada saat itu."]


def _end_findings(
    ctx: Context, case: Case, replay: _Replay, rows: Sequence[Mapping[str, Any]], head: bytes
) -> list[str]:
    found = []
    if case.seq != len(rows) or case.head != head:
        found.append("Peristiwa terakhir hilang atau berubah.")
    tasks = ctx.session.execute(
        select(Task.token, Task.step, Task.round).where(Task.case_id == case.id, Task.closed_at.is_(None))
    ).all()
    if {t.token: (t.step, t.round) for t in tasks} != replay.open:
        found.append("Langkah yang terbuka di kotak tugas bukan yang dihasilkan riwayat.")
    if case.state_digest != replay.digest:
        found.append("Keadaan yang tersimpan bukan yang dihasilkan riwayat.")
    elif not replay.ended and case.state != replay.state:
        found.append("Simpanan mesin berbeda dari yang dihasilkan riwayat.")
    if (case.status == "open") == replay.ended:
        found.append("Status permohonan tidak sesuai dengan riwayat.")
    if not replay.erased and case.data not in (None, replay.data):
        found.append("Data permohonan bukan yang dihasilkan riwayat.")
    filled = ctx.session.execute(
        select(Document.id, Document.sha256).where(Document.case_id == case.id, Document.filled_at.is_not(None))
    )
    if {row.id: row.sha256 for row in filled} != replay.documents:
        found.append("Dokumen permohonan bukan yang dicatat riwayat.")
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any], parent: str = "") -> Iterator[Change]:
    """Every leaf value that differs between two states of a case's data, by JSON pointer."""
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) or isinstance(new, dict):
            yield from changes(
                old if isinstance(old, dict) else {}, new if isinstance(new, dict) else {}, f"{parent}/{key}"
            )
        elif old != new:
            yield Change(f"{parent}/{key}", old, new)


def as_json(proof: Proof) -> str:
    """One line for `alur verify --json`."""
    return json.dumps(
        {"number": proof.number, "whole": proof.whole, "findings": proof.all_findings}, ensure_ascii=False
    )
