"""Can it be proven: a case is re-executed from its journal, and every difference is a finding."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, undefer

from app import bundles, clock, drawn, ends, engine, files, journal, papers, people, revisions, standing
from app.context import Context
from app.models import Case, Document, EventValues, Lane, Outage, Revision, Upload
from app.replay import Replay

BY_LANE = (
    "complete",
    "claim",
    "release",
    "assign",
    "postpone",
    "note",
    "answer",
    "take_back",
    "void",
    *ends.VERBS,
)  # what only whoever stands in a lane may do


@dataclass(frozen=True)
class Frame:
    """One event with where the case stood after it, and what the proof has to say against it."""

    entry: journal.Entry
    here: tuple[tuple[str, int], ...]  # open steps: drawn id, round
    done: tuple[str, ...]
    path: tuple[str, ...]
    returns: bool
    changes: tuple[journal.Change, ...]
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
class _Shown(Replay):
    """A case in a fresh engine, with what its frames show and what its row must be."""

    open: dict[str, tuple[str, int]] = field(default_factory=dict)
    opened: dict[str, datetime] = field(default_factory=dict)  # when each pass was opened
    done: list[str] = field(default_factory=list)
    digest: str = ""
    ended_at: datetime | None = None
    next_due: datetime | None = None
    ended: bool = False
    erased: bool = False
    destroyed: bool = False  # by the retention schedule: what is missing has to be

    def __post_init__(self) -> None:
        self.time = standing.Time(self.definition)


def frames(ctx: Context, case: Case, books: standing.Books | None = None) -> Proof:
    """Replays a case: each event's chain, typed values, actor and effect, and at last what the database holds now."""
    proof = Proof(case.number)
    revision = ctx.session.scalars(
        select(Revision).where(Revision.id == case.revision_id).options(undefer(Revision.definition))
    ).one()
    try:
        loaded = revisions.load(ctx.session, revision.id)
        replay = _Shown.of(loaded)
    except (ValueError, TypeError, KeyError) as error:
        proof.findings.append(f"Revisi SOP yang tersimpan tidak terbaca: {error}")
        return proof
    proof.findings += _revision_findings(ctx, revision)
    rows = journal.stored(ctx, case.id)
    seals = journal.seals(rows)
    replay.destroyed = seals is not None
    values = _values(ctx, case.id, proof)
    sent = _uploads(ctx, values)
    previous = b""
    for expected, row in enumerate(rows, 1):
        findings = _row_findings(row, expected, previous, case, values.get(row["seq"]), sent, seals or {})
        previous = row["digest"] if isinstance(row["digest"], bytes) else b""
        before = replay.data
        opened = dict(replay.opened)
        try:
            entry = journal.parsed(row, values.get(row["seq"]))
            findings += _missing_breach(replay, entry)
            findings += _effect(ctx, loaded, revision, replay, entry, sent)
            replay.time.read(entry)
            findings += _actor_findings(ctx, case, loaded, entry)
            findings += _assignee_findings(ctx, loaded, entry)
            findings += _paper_findings(ctx, loaded, opened, entry)
            frame = Frame(
                entry,
                tuple(replay.open.values()),
                tuple(dict.fromkeys(replay.done)),
                tuple(journal.nodes(replay.definition, entry.body.get("path", ()))),
                journal.is_return(replay.definition, entry),
                tuple(journal.differences(before, replay.data)),
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
    if bundles.digest_of(contents) != revision.digest:
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
    seals: Mapping[str, str],
) -> list[str]:
    found = []
    if row["seq"] != expected:
        found.append(f"Urutan terputus: seharusnya peristiwa ke-{expected}.")
    if not journal.fits(previous, case.id, row, seals):
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
    replay: _Shown,
    entry: journal.Entry,
    sent: Mapping[str, str],
) -> list[str]:
    """Re-executes one event and compares; findings in words."""
    body, definition = entry.body, replay.definition
    before = replay.mark(entry)
    found = _typed_findings(ctx, loaded, replay, entry, sent)
    if entry.kind in ("document", "archive") and replay.destroyed:
        return []
    if entry.kind == "archive":
        return _document_findings(ctx, entry)
    if entry.kind == "document":
        return [*_document_findings(ctx, entry), *_checkable_findings(ctx, loaded, replay, entry)]
    if entry.kind == "breach":
        return [*found, *_breach_findings(replay, entry)]
    if not replay.moves(entry):
        return found
    if entry.kind == "start" and body.get("revision") != revisions.seal(revision):
        found.append("Permohonan ini dimulai dengan SOP lain daripada yang tersimpan sebagai revisinya.")
    try:
        outcome = replay.moved(ctx, entry)
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
    replay.opened |= {o.token: entry.at for o in outcome.opened if o.token not in replay.opened}
    replay.took(entry, outcome, before)
    replay.digest, replay.ended = journal.short(outcome.digest), outcome.ended
    replay.ended_at, replay.next_due = entry.at, outcome.next_due
    return found


def _typed_findings(
    ctx: Context, loaded: revisions.Loaded, replay: _Shown, entry: journal.Entry, sent: Mapping[str, str]
) -> list[str]:
    """Takes over what was typed, checks its uploads and that the facts follow from it."""
    found = []
    replay.erased = replay.erased or entry.erased
    if entry.erased and not replay.destroyed:
        found.append("Isian peristiwa ini hilang, padahal permohonan ini tidak dimusnahkan.")
    replay.typed(loaded, entry)
    for upload_id in entry.typed.files if entry.typed else ():
        if not files.whole(ctx.settings.files, sent.get(upload_id, "")):
            found.append(f"Unggahan {upload_id} hilang atau berubah.")
    if replay.moves(entry) and not replay.erased and engine.facts(replay.definition, replay.data) != replay.facts:
        found.append("Fakta yang dipakai mesin tidak sesuai dengan isian.")
    return found


def _document_findings(ctx: Context, entry: journal.Entry) -> list[str]:
    whole = files.whole(ctx.settings.files, str(entry.body.get("sha256")))
    return [] if whole else [f"Berkas dokumen “{entry.body.get('name')}” hilang atau berubah."]


def _checkable_findings(ctx: Context, loaded: revisions.Loaded, replay: _Shown, entry: journal.Entry) -> list[str]:
    """Whether what the public page says of a paper, its number and days, is what was filled in when it became due."""
    key = entry.body.get("document")
    document = ctx.session.get(Document, key) if isinstance(key, int) else None
    if document is None or document.code is None or replay.erased:
        return []
    until_then = [known for known in replay.entries if known.seq <= document.seq]
    expected = papers.said(loaded, document.template, journal.data(loaded.form_at, until_then))
    if document.seq in journal.undone(journal.entries(ctx, document.case_id, typed=False)):
        expected |= {"valid_from": None, "valid_until": None}
    if all(getattr(document, name) == value for name, value in expected.items()):
        return []
    return [f"Nomor atau masa berlaku “{document.name}” pada halaman Periksa izin bukan yang diisikan."]


def _actor_findings(ctx: Context, case: Case, loaded: revisions.Loaded, entry: journal.Entry) -> list[str]:
    """Whether whoever did something held the lane at that moment; the applicant's lane is held by the applicant.

    A later revision may have made another lane the applicant's or the counter's: what either says is held against
    nobody.
    """
    if (proxy := entry.body.get("kuasa")) is not None:
        mine = proxy.get("id") == case.applicant_id and people.stood_for(ctx, case, entry.actor_id, entry.at)
        return [] if mine else [f"{entry.actor} tidak memegang kuasa pemohon pada saat itu."]
    if entry.kind not in BY_LANE:
        return []
    if entry.kind == "release" and not entry.lane and "from" in entry.body:
        return []  # an administrator let go of it for somebody who has left
    if entry.kind in ends.VERBS:
        rule = ends.rule(loaded.definition, entry.kind)
        if rule is None or entry.lane not in rule.lanes:
            return ["SOP ini tidak memberi lajur itu wewenang untuk tindakan ini."]
    if entry.kind == "void" and entry.lane not in revisions.numbering_lanes(loaded, entry.body.get("register", "")):
        return ["Lajur itu tidak memberi nomor pada register yang nomornya dibatalkan."]
    if entry.lane not in loaded.lanes:
        return ["Lajur peristiwa ini tidak dikenal."]
    names, applicants = _standing_in(ctx, loaded, entry.lane)
    if applicants and entry.actor_id == case.applicant_id:
        return []
    held = people.held(ctx.session, entry.actor_id, names, entry.at)
    an = entry.body.get("an")
    if an is not None and held.get(an["id"]) != an["kind"]:
        return [f"{entry.actor} tidak mewakili {an['name']} di lajur {entry.lane} pada saat itu."]
    if an is None and entry.actor_id not in held:
        return [f"{entry.actor} tidak memegang lajur {entry.lane} pada saat itu."]
    return []


def _standing_in(ctx: Context, loaded: revisions.Loaded, lane: str) -> tuple[set[str], bool]:
    """The lanes whose holders may act in a lane, and whether it is the applicant's, in which the counter may too."""
    lanes = ctx.session.execute(select(Lane.name, Lane.applicant, Lane.counter).where(Lane.sop == loaded.sop)).all()
    applicants = {known.name for known in lanes if known.applicant} | {loaded.definition.applicant_lane}
    if lane not in applicants:
        return {lane}, False
    return {lane} | {known.name for known in lanes if known.counter} | drawn.counters(loaded.definition), True


def _assignee_findings(ctx: Context, loaded: revisions.Loaded, entry: journal.Entry) -> list[str]:
    """Whether whoever was given a step held its lane at that moment, or stood in for somebody who did."""
    step = loaded.definition.steps.get(entry.step)
    if entry.kind != "assign" or step is None:
        return []
    names, _ = _standing_in(ctx, loaded, step.lane)
    if people.held(ctx.session, entry.body.get("to"), names, entry.at):
        return []
    return [f"{entry.body.get('name')} tidak memegang lajur {step.lane} pada saat itu."]


def _paper_findings(
    ctx: Context, loaded: revisions.Loaded, opened: Mapping[str, datetime], entry: journal.Entry
) -> list[str]:
    """Whether what is dated back was done on paper, in an outage that was declared, after its step had opened, and
    entered while that outage was not closed, by somebody who may.
    """
    told = entry.body.get("kertas")
    if told is None:
        backdated = entry.actor_id is not None and entry.at != entry.recorded_at
        return ["Waktu peristiwa ini bukan waktu pencatatannya, padahal bukan dari kertas."] if backdated else []
    outage, found = ctx.session.get(Outage, told["outage"]), []
    if outage is None or outage.since is None:
        return ["Peristiwa ini dicatat dari kertas, tetapi gangguannya tidak pernah dinyatakan."]
    until = min(outage.until or entry.recorded_at, entry.recorded_at)
    if not outage.since <= entry.at <= until:
        found.append("Waktu di kertas tidak jatuh pada gangguan yang dinyatakan.")
    if outage.closed_at is not None and entry.recorded_at > outage.closed_at:
        found.append("Peristiwa ini dicatat dari kertas sesudah gangguannya ditutup.")
    begun = opened.get(str(entry.body.get("token")))
    if entry.kind == "complete" and (begun is None or entry.at < begun):
        found.append("Menurut kertas langkah ini selesai sebelum terbuka.")
    by = told["entered_by"]
    if not people.held(ctx.session, by["id"], drawn.recorders(loaded.definition), entry.recorded_at):
        found.append(f"{by['name']} tidak berwenang mencatat dari kertas pada saat itu.")
    return found


def _missing_breach(replay: _Shown, entry: journal.Entry) -> list[str]:
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


def _breach_findings(replay: _Shown, entry: journal.Entry) -> list[str]:
    """Whether a limit that is said to have passed was one: of an open step, once; or of the case, as it stood."""
    found = [] if entry.at <= entry.recorded_at else ["Batas waktu ini tercatat sebelum terlampaui."]
    if (token := entry.body.get("token")) is not None:
        if replay.open.get(token, ("",))[0] != entry.step:
            found.append("Langkah yang batas waktunya terlampaui tidak terbuka pada saat itu.")
        if any(e.kind == "breach" and (e.body.get("token"), e.at) == (token, entry.at) for e in replay.entries[:-1]):
            found.append("Batas waktu yang sama tercatat terlampaui dua kali.")
        return found
    time = replay.time
    if (time.due_at, time.breached_at, time.paused_at) != (entry.at, None, None) or replay.ended:
        found.append("Batas waktu permohonan yang dicatat terlampaui bukan yang berlaku pada saat itu.")
    return found


def _next_due(ctx: Context, case: Case, loaded: revisions.Loaded, replay: _Shown) -> datetime | None:
    """When the next thing happens by itself, as the replay says."""
    if replay.ended:
        return None if standing.put_away(case) or replay.ended_at is None else replay.ended_at + standing.KEPT
    time = replay.time
    due_at = time.due_at if time.paused_at is None else None
    limits = standing.limits(ctx, case, loaded, replay.entries)
    return clock.next_due(replay.next_due, due_at, time.breached_at, limits)


def _end_findings(
    ctx: Context,
    case: Case,
    loaded: revisions.Loaded,
    replay: _Shown,
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
    if (case.status, case.ended_at) != (replay.status, replay.ended_at if replay.ended else None):
        found.append("Status permohonan tidak sesuai dengan riwayat.")
    if case.next_due != _next_due(ctx, case, loaded, replay):
        found.append("Tenggat berikutnya tidak sesuai dengan riwayat.")
    if not (replay.ended and case.data is None) and not replay.erased and case.data != replay.data:
        found.append("Data permohonan bukan yang dihasilkan riwayat.")
    return found


def as_json(proof: Proof) -> str:
    """One line for `alur verify --json`."""
    return json.dumps(
        {"number": proof.number, "whole": proof.whole, "findings": proof.all_findings}, ensure_ascii=False
    )
