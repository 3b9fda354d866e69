"""Can it be proven: a case is re-executed from its journal, and every difference is a finding."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload, undefer

from app import clock, engine, files, forms, journal, revisions, standing
from app.context import Context
from app.engine.definition import Definition
from app.models import Case, EventValues, Lane, Membership, Revision, Upload


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
        found = [f"{frame.entry.seq}: {text}" for frame in self.frames for text in frame.findings] + self.findings
        return [text.encode("utf-8", "replace").decode() for text in found]  # whatever bytes somebody left in a name

    @property
    def whole(self) -> bool:
        return not self.all_findings


@dataclass
class _Replay:
    """A case in a fresh engine, as far as its events have been read."""

    definition: Definition
    time: standing.Time
    state: bytes = b""
    open: dict[str, tuple[str, int]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    ends: list[str] = field(default_factory=list)
    ended_at: datetime | None = None
    next_due: datetime | None = None
    ended: bool = False
    erased: bool = False
    entries: list[journal.Entry] = field(default_factory=list)


def frames(ctx: Context, case: Case, books: standing.Books | None = None) -> Proof:
    """Replays a case: each event's chain, typed values, actor and effect, and at last what the database holds now."""
    proof = Proof(case.number)
    revision = ctx.session.scalars(
        select(Revision).where(Revision.id == case.revision_id).options(undefer(Revision.definition))
    ).one()
    try:
        loaded = revisions.load(ctx.session, revision.id)
        replay = _Replay(loaded.definition, standing.Time(loaded.definition), facts=engine.facts(loaded.definition, {}))
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
        before = replay.data
        try:
            entry = journal.parsed(row, values.get(row["seq"]))
            findings += _missing_breach(replay, entry)
            findings += _effect(ctx, loaded, revision, replay, entry, sent)
            replay.entries.append(entry)
            replay.time.read(entry)
            findings += _actor_findings(ctx, case, loaded, entry)
            frame = Frame(
                entry,
                tuple(replay.open.values()),
                tuple(dict.fromkeys(replay.done)),
                tuple(journal.nodes(replay.definition, entry.body.get("path", ()))),
                journal.is_return(replay.definition, entry),
                tuple(changes(before, replay.data)),
                tuple(findings),
            )
        except Exception:  # whatever stands there instead of an event
            proof.findings.append(f"{row['seq']}: peristiwa ini tidak terbaca; pemutaran berhenti di sini.")
            proof.findings += [f"{row['seq']}: {text}" for text in findings]
            return proof
        proof.frames.append(frame)
    entries = [frame.entry for frame in proof.frames]
    proof.findings += _end_findings(ctx, case, loaded, replay, rows, previous)
    proof.findings += standing.findings(ctx, case, loaded, entries, Counter() if books is None else books)
    return proof


def verify(ctx: Context, numbers: Sequence[str] = ()) -> Iterator[Proof]:
    """Proves the cases of these numbers, or all, one after the other; a number that is not there is a finding."""
    books: standing.Books = Counter()
    for number in numbers:
        found = ctx.session.scalar(select(Case.id).where(Case.number == number))
        yield _proven(ctx, found, books) if found else Proof(number, findings=["Nomor ini tidak dikenal."])
    if not numbers:
        last = -(2**63) if ctx.session.get_bind().dialect.name == "sqlite" else 0
        while (case_id := ctx.session.scalar(select(func.min(Case.id)).where(Case.id > last))) is not None:
            last = case_id
            yield _proven(ctx, case_id, books)
            ctx.session.expunge_all()
        strays = Proof("", findings=_told(lambda: list(standing.strays(ctx, books))))
        if not strays.whole:
            yield strays


def _proven(ctx: Context, case_id: int, books: standing.Books) -> Proof:
    """The proof of a case, also of one whose row nobody can read any more."""
    try:
        return frames(ctx, ctx.session.scalars(_cases().where(Case.id == case_id)).one(), books)
    except Exception as error:
        return Proof(f"#{case_id}", findings=[f"Permohonan ini tidak terbaca ({type(error).__name__})."])


def _told(findings: Callable[[], list[str]]) -> list[str]:
    try:
        return findings()
    except Exception as error:
        return [f"Register atau pemilik baris tidak terbaca ({type(error).__name__})."]


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
    loaded: revisions.Loaded,
    revision: Revision,
    replay: _Replay,
    entry: journal.Entry,
    sent: Mapping[str, str],
) -> list[str]:
    """Re-executes one event and compares; findings in words."""
    body, definition = entry.body, replay.definition
    if entry.kind == "document":
        return _document_findings(ctx, entry)
    if entry.kind == "breach":
        return _breach_findings(replay, entry)
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
    replay.data = journal.data_after(None, replay.data, entry)
    replay.facts = engine.facts(definition, forms.merge(replay.facts, outcome.facts))
    replay.state, replay.digest, replay.ended = outcome.state, journal.short(outcome.digest), outcome.ended
    replay.ends += outcome.ends
    replay.ended_at, replay.next_due = entry.at, outcome.next_due
    return found


def _typed_findings(
    ctx: Context, loaded: revisions.Loaded, replay: _Replay, entry: journal.Entry, sent: Mapping[str, str]
) -> list[str]:
    """Takes over what was typed, checks its uploads and that the facts follow from it."""
    found = []
    replay.erased = replay.erased or entry.erased
    if entry.kind == "complete":
        answered = replace(entry, body={**entry.body, "set": {}})  # the facts are of before the diagram set anything
        replay.data = journal.data_after(loaded.form_at(entry.step), replay.data, answered)
        for upload_id in entry.typed.files if entry.typed else ():
            if not files.whole(ctx.settings.files, sent.get(upload_id, "")):
                found.append(f"Unggahan {upload_id} hilang atau berubah.")
    if not replay.erased and engine.facts(replay.definition, replay.data) != replay.facts:
        found.append("Fakta yang dipakai mesin tidak sesuai dengan isian.")
    return found


def _document_findings(ctx: Context, entry: journal.Entry) -> list[str]:
    whole = files.whole(ctx.settings.files, str(entry.body.get("sha256")))
    return [] if whole else [f"Berkas dokumen “{entry.body.get('name')}” hilang atau berubah."]


def _actor_findings(ctx: Context, case: Case, loaded: revisions.Loaded, entry: journal.Entry) -> list[str]:
    """Whether whoever did something held the lane at that moment; the applicant's lane is held by the applicant.

    A later revision may have made another lane the applicant's or the counter's: what either says is held against
    nobody.
    """
    if entry.kind not in ("complete", "claim", "release"):
        return []
    if entry.lane not in loaded.lanes:
        return ["Lajur peristiwa ini tidak dikenal."]
    names = {entry.lane}
    lanes = ctx.session.execute(select(Lane.name, Lane.applicant, Lane.counter).where(Lane.sop == loaded.sop)).all()
    applicants = {lane.name for lane in lanes if lane.applicant} | {loaded.definition.applicant_lane}
    if entry.lane in applicants:
        if entry.actor_id == case.applicant_id:
            return []
        names |= {lane.name for lane in lanes if lane.counter} | revisions.counters(loaded.definition)
    held = ctx.session.scalar(
        select(Membership.id).where(
            Membership.person_id == entry.actor_id,
            Membership.lane.in_(names),
            Membership.since <= entry.at,
            or_(Membership.until.is_(None), Membership.until > entry.at),
        )
    )
    return [] if held else [f"{entry.actor} tidak memegang lajur {entry.lane} pada saat itu."]


def _missing_breach(replay: _Replay, entry: journal.Entry) -> list[str]:
    """Whatever somebody did after the case's limit had passed: that it passed was to be recorded before it."""
    if entry.kind not in ("complete", "timer") or replay.ended:
        return []
    time = replay.time
    late = time.due_at is not None and time.due_at < entry.at and time.breached_at is None and time.paused_at is None
    if not late or time.due_at is None:
        return []
    if any(other.at > time.due_at for other in replay.entries if other.kind in clock.TELLS):
        return []  # it was moved to a day that had passed by then
    return ["Batas waktu permohonan sudah terlampaui sebelumnya, tetapi tidak tercatat."]


def _breach_findings(replay: _Replay, entry: journal.Entry) -> list[str]:
    """Whether a limit that is said to have passed was one: of an open step, once; or of the case, as it stood."""
    found = [] if entry.at <= entry.recorded_at else ["Batas waktu ini tercatat sebelum terlampaui."]
    if (token := entry.body.get("token")) is not None:
        if replay.open.get(token, ("",))[0] != entry.step:
            found.append("Langkah yang batas waktunya terlampaui tidak terbuka pada saat itu.")
        if any(e.kind == "breach" and (e.body.get("token"), e.at) == (token, entry.at) for e in replay.entries):
            found.append("Batas waktu yang sama tercatat terlampaui dua kali.")
        return found
    time = replay.time
    if (time.due_at, time.breached_at, time.paused_at) != (entry.at, None, None) or replay.ended:
        found.append("Batas waktu permohonan yang dicatat terlampaui bukan yang berlaku pada saat itu.")
    return found


def _next_due(ctx: Context, case: Case, loaded: revisions.Loaded, replay: _Replay) -> datetime | None:
    """When the next thing happens by itself, as the replay says."""
    if replay.ended:
        return None
    time = replay.time
    due_at = time.due_at if time.paused_at is None else None
    limits = standing.limits(ctx, case, loaded, replay.entries)
    return clock.next_due(replay.next_due, due_at, time.breached_at, limits)


def _end_findings(
    ctx: Context,
    case: Case,
    loaded: revisions.Loaded,
    replay: _Replay,
    rows: Sequence[Mapping[str, Any]],
    head: bytes,
) -> list[str]:
    """The case's own row, against where the replay came to."""
    found = []
    if case.seq != len(rows) or case.head != head:
        found.append("Peristiwa terakhir hilang atau berubah.")
    if case.state_digest != replay.digest:
        found.append("Keadaan yang tersimpan bukan yang dihasilkan riwayat.")
    elif case.state != (b"" if replay.ended else replay.state):
        found.append("Simpanan mesin berbeda dari yang dihasilkan riwayat.")
    status = journal.status(replay.definition, replay.ends) if replay.ended else "open"
    if (case.status, case.ended_at) != (status, replay.ended_at if replay.ended else None):
        found.append("Status permohonan tidak sesuai dengan riwayat.")
    if case.next_due != _next_due(ctx, case, loaded, replay):
        found.append("Tenggat berikutnya tidak sesuai dengan riwayat.")
    if not (replay.ended and case.data is None) and not replay.erased and case.data != replay.data:
        found.append("Data permohonan bukan yang dihasilkan riwayat.")
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
