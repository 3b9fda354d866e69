"""Which papers a case gets: inputs frozen in the transaction that makes them due, filled after it, never before."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import undefer

from app import (
    calendars,
    clock,
    documents,
    drawn,
    ends,
    files,
    forms,
    journal,
    revisions,
    satisfaction,
    terms,
    wording,
    worktime,
)
from app.context import Context
from app.engine.definition import Definition
from app.models import Case, Document, Event, Person

ATTEMPTS = 5
BROKEN = "Dokumen ini tidak dapat disiapkan."
_PEOPLE = (
    select(Person.id, Person.nip, Person.title)
    .where(Person.id.in_(select(Event.actor_id).where(Event.case_id == bindparam("case_id"))))
    .order_by(Person.id)
)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # that are told apart when read aloud: five bits each
CODE, GROUP = 28, 4  # 140 bits, which nobody guesses, in groups that somebody can type
_DUE = insert(Document.__table__).inline()  # type: ignore[arg-type]


@dataclass(frozen=True)
class Filled:
    """A paper's bytes, or why there are none."""

    content: bytes
    error: str = ""


def due(ctx: Context, case: Case, seq: int, wanted: Sequence[drawn.Paper], inputs: Mapping[str, Any]) -> bool:
    """Records papers as due at event `seq`; whether there are any.

    What they will say is the journal up to that event, which nobody can change, and beside it the little that can:
    `inputs`, as `frozen` gives them.
    """
    if not wanted:
        return False
    proofs = _proofs(ctx, case, seq, wanted)
    rows = [
        {
            "case_id": case.id,
            "seq": seq,
            "template": paper.template,
            "name": paper.name,
            "kind": paper.template.removesuffix(".docx"),
            "copies": paper.copies,
            "internal": paper.internal,
            "inputs": {**inputs, "dokumen": _printed(ctx, proof["code"])} if proof["code"] else inputs,
            "attempts": 0,
            "created_at": ctx.recorded_at,
            **proof,
        }
        for paper, proof in zip(wanted, proofs, strict=True)
    ]
    ctx.session.connection().execute(_DUE, rows)
    return True


def _proofs(ctx: Context, case: Case, seq: int, wanted: Sequence[drawn.Paper]) -> list[dict[str, Any]]:
    """What anybody can check of each of these papers, as columns: its code, and number and days as the paper says them.

    What was printed to be signed by hand, before it had its number, hands its code on: the paper is the same.
    """
    nothing: dict[str, Any] = {"code": None, "number": "", "valid_from": None, "valid_until": None}
    if not any(paper.checked for paper in wanted):
        return [nothing for _ in wanted]
    loaded = revisions.load(ctx.session, case.revision_id)
    entries = journal.entries(ctx, case.id)
    data, gone = journal.data(loaded.form_at, entries), journal.undone(entries)
    found: list[dict[str, Any]] = []
    for paper in wanted:
        if not paper.checked:
            found.append(nothing)
            continue
        code = (None if paper.internal else _handed_on(ctx, case, paper.template, gone)) or new_code()
        found.append({"code": code, **said(loaded, paper.template, data)})
    return found


def said(loaded: revisions.Loaded, template: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The number and the days that a paper of this template says, by what was filled in, as columns."""
    term = terms.terms(loaded.definition).get(template, terms.Term(template))
    return {
        "number": str(forms.at(data, term.number) or "")[:200] if term.number else "",
        "valid_from": _day(forms.at(data, term.first)) if term.first else None,
        "valid_until": _day(forms.at(data, term.last)) if term.last else None,
    }


def _handed_on(ctx: Context, case: Case, template: str, gone: Collection[int]) -> str | None:
    """The code of the last copy of a paper that was for the office, or whose issue was taken back; it loses it."""
    copies = select(Document).where(
        Document.case_id == case.id, Document.template == template, Document.code.is_not(None)
    )
    for copy in ctx.session.scalars(copies.order_by(Document.id.desc())):
        if copy.internal or copy.seq in gone:
            code, copy.code = copy.code, None
            ctx.session.flush()
            return code
    return None


def new_code() -> str:
    """A code that nobody can guess."""
    return "".join(secrets.choice(LETTERS) for _ in range(CODE))


def grouped(code: str) -> str:
    """A code as it is printed: `ABCD-EFGH-…`."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def address(ctx: Context, code: str) -> str:
    """Where a paper with this code is checked, from outside."""
    return f"{ctx.settings.url}/periksa/{code}"


def _printed(ctx: Context, code: str) -> dict[str, str]:
    """What a paper prints so that it can be checked."""
    return {"tautan": address(ctx, code), "kode": grouped(code)}


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def taken_back(ctx: Context, case: Case, seq: int) -> None:
    """The papers of an event that was taken back hold on no day; they stay, and whoever holds one hears so."""
    ctx.session.execute(
        update(Document)
        .where(Document.case_id == case.id, Document.seq == seq, Document.code.is_not(None))
        .values(valid_from=None, valid_until=None)
    )


def of_event(ctx: Context, case_id: int, seq: int) -> list[int]:
    """The papers that became due at an event."""
    query = select(Document.id).where(Document.case_id == case_id, Document.seq == seq).order_by(Document.id)
    return list(ctx.session.scalars(query))


def waiting(ctx: Context, limit: int = 20) -> list[int]:
    """Papers that are due and not filled, those first that were tried least."""
    query = select(Document.id).where(Document.filled_at.is_(None), Document.attempts < ATTEMPTS)
    return list(ctx.session.scalars(query.order_by(Document.attempts, Document.id).limit(limit)))


def fill(ctx: Context, document_id: int) -> bool:
    """Makes one paper and keeps it, in one transaction; False where it was filled already or failed."""
    filled = made(ctx, document_id)
    return filled is not None and keep(ctx, document_id, filled)


def made(ctx: Context, document_id: int) -> Filled | None:
    """A due paper filled, recorded nowhere yet; None where it was filled already."""
    document = ctx.session.scalar(select(Document).where(Document.id == document_id).options(undefer(Document.inputs)))
    if document is None or document.filled_at is not None:
        return None
    case = ctx.session.get_one(Case, document.case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    entries = [entry for entry in journal.entries(ctx, case.id) if entry.seq <= document.seq]
    paper = {"nama": document.name, "rangkap": document.copies, **document.inputs.get("dokumen", {})}
    try:
        template = revisions.template(ctx.session, case.revision_id, document.template)
        return Filled(documents.fill(template, {**context(ctx, loaded, entries, document.inputs), "dokumen": paper}))
    except documents.DocumentError as error:
        return Filled(b"", str(error))


def keep(ctx: Context, document_id: int, filled: Filled) -> bool:
    """Keeps a filled paper and writes its digest as an event of its own; False where that was done, or it failed.

    Two that fill the same paper make the same bytes, and the case's lock lets one of them record it.
    """
    case, document = locked(ctx, document_id)
    if document.filled_at is not None or case.destroyed_at is not None:
        return False
    if filled.error:
        document.attempts += 1
        document.error = filled.error
        return False
    document.sha256 = files.sha256(filled.content)
    put(ctx, filled.content)
    document.filled_at, document.inputs, document.error = ctx.now, None, None
    journal.append(
        ctx, case, "document", {"document": document.id, "template": document.template, "name": document.name,
                                "sha256": document.sha256, "due": document.seq},
    )  # fmt: skip
    return True


def locked(ctx: Context, document_id: int) -> tuple[Case, Document]:
    """A paper as it is by now, and its case, whose row is locked until the transaction ends."""
    case = ctx.session.scalars(
        select(Case)
        .where(Case.id == select(Document.case_id).where(Document.id == document_id).scalar_subquery())
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return case, ctx.session.get_one(Document, document_id, populate_existing=True)


def put(ctx: Context, content: bytes) -> None:
    """Keeps a paper's bytes, once its row names them: whoever takes files away waits for that (see `files.put`)."""
    ctx.session.flush()
    files.put(ctx.settings.files, content)


def control_sheet(ctx: Context, case: Case, loaded: revisions.Loaded) -> bytes | None:
    """The control sheet as it stands now, from the template that the process names; None where it names none."""
    wanted = drawn.papers(loaded.definition.properties.get("lembar_kendali", ""))
    return as_it_stands(ctx, case, loaded, wanted[0]) if wanted else None


def as_it_stands(
    ctx: Context, case: Case, loaded: revisions.Loaded, paper: drawn.Paper, isian: Mapping[str, Any] | None = None
) -> bytes:
    """A paper filled with what the case says at this moment, recorded nowhere. `isian` is put in place of all answers,
    where whoever asks may not see all of them. Raises documents.DocumentError.
    """
    template = revisions.template(ctx.session, case.revision_id, paper.template)
    seen = context(ctx, loaded, journal.entries(ctx, case.id), frozen(ctx, case))
    if isian is not None:
        seen = {**seen, "isian": dict(isian), "lembar": []}
    return documents.fill(template, {**seen, "dokumen": {"nama": paper.name, "rangkap": paper.copies}})


def blank(ctx: Context, loaded: revisions.Loaded, paper: drawn.Paper, rows: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """A form to be filled by hand: the template without anybody's data, `rows` those of a control sheet."""
    template = revisions.template(ctx.session, loaded.id, paper.template)
    empty: dict[str, Any] = {
        "permohonan": {},
        "isian": {},
        "lembar": list(rows),
        "petugas": {},
        "kembalian": {},
        "keputusan": {},
    }
    return documents.fill(
        template,
        {**empty, **_sop(loaded), "sekarang": None, "dokumen": {"nama": paper.name, "rangkap": paper.copies}},
    )


def blank_sheet(ctx: Context, loaded: revisions.Loaded) -> bytes | None:
    """The control sheet with every step and nothing written; None where the process names no template."""
    wanted = drawn.papers(loaded.definition.properties.get("lembar_kendali", ""))
    return blank(ctx, loaded, wanted[0], blank_rows(loaded)) if wanted else None


def blank_rows(loaded: revisions.Loaded) -> list[dict[str, Any]]:
    """A row of the control sheet for each step as drawn, to be filled by hand."""
    empty = dict.fromkeys(("petugas", "nip", "hasil", "alasan", "catatan", "terlambat"), "")
    return [
        {
            **empty,
            "no": number,
            "nomor": step.properties.get("nomor", ""),
            "langkah": step.name,
            "pelaksana": step.lane,
            "standar": step.properties.get("waktu", ""),
            "masuk": None,
            "keluar": None,
            "menit": None,
            "putaran": 1,
            "kembali": False,
        }
        for number, step in enumerate(loaded.definition.steps.values(), 1)
    ]


def frozen(ctx: Context, case: Case) -> dict[str, Any]:
    """What a paper says beside the journal: it may be another tomorrow, and is kept as it is now."""
    rows = ctx.session.connection().execute(_PEOPLE, {"case_id": case.id})
    return {
        "permohonan": {
            "nomor": case.number,
            "nomor_lacak": case.code,
            "pemohon": case.applicant_name,
            "diajukan": _local(ctx, case.opened_at),
            "tanggal_terima": _local(ctx, case.clock_at),
            "jatuh_tempo": _local(ctx, case.due_at),
            "status": case.status,
            "tautan_survei": satisfaction.link(ctx, case.id),
        },
        "orang": {str(row.id): [row.nip or "", row.title or ""] for row in rows},
        "kalender": _own_days(ctx, case),
        "sekarang": _local(ctx, ctx.now),
    }


def _own_days(ctx: Context, case: Case) -> dict[str, tuple[bool, str]]:
    """The days of this case's time on which the office's own calendar is not the national one: minutes are by it."""
    first, last = ctx.local(case.opened_at).date(), ctx.local().date()
    return {day.isoformat(): told for day, told in calendars.current(ctx).own.items() if first <= day <= last}


def context(
    ctx: Context, loaded: revisions.Loaded, entries: Sequence[journal.Entry], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """What a template sees: JSON values only, times as RFC 3339 in the office's zone."""
    people = {int(key): value for key, value in inputs["orang"].items()}
    own = {date.fromisoformat(day): (closed, why) for day, (closed, why) in inputs.get("kalender", {}).items()}
    rows = _rows(ctx, loaded, entries, {person: nip for person, (nip, _) in people.items()}, worktime.Calendar(own))
    gone = journal.undone(entries)
    returns = [e for e in entries if journal.is_return(loaded.definition, e) and e.seq not in gone]
    return {
        "permohonan": {**inputs["permohonan"], "revisi": loaded.number},
        "isian": journal.data(loaded.form_at, entries),
        "lembar": [{**r, "masuk": _local(ctx, r["masuk"]), "keluar": _local(ctx, r["keluar"])} for r in rows],
        "petugas": _officers(ctx, entries, people),
        "kembalian": _last_return(ctx, returns[-1] if returns else None),
        "keputusan": _decision(ctx, entries),
        "sekarang": inputs["sekarang"],
        **_sop(loaded),
    }


def _local(ctx: Context, at: datetime | None) -> str | None:
    return at.astimezone(ctx.settings.zone).isoformat(timespec="minutes") if at else None


def sheet(ctx: Context, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> list[dict[str, Any]]:
    """The rows of the control sheet, one for each pass of a step; the page and the paper show these same rows."""
    ids = {e.actor_id for e in entries if e.actor_id}
    rows = ctx.session.execute(select(Person.id, Person.nip).where(Person.id.in_(ids)))
    return _rows(ctx, loaded, entries, {row.id: row.nip or "" for row in rows}, calendars.current(ctx))


def _rows(
    ctx: Context,
    loaded: revisions.Loaded,
    entries: Sequence[journal.Entry],
    nip: Mapping[int, str],
    calendar: worktime.Calendar,
) -> list[dict[str, Any]]:
    """One row for each pass of a step and for each verb on the whole case, in the order in which they began."""
    definition = loaded.definition
    hours = clock.hours(definition)
    gone = journal.undone(entries)
    late = {entry.body.get("token") for entry in entries if entry.kind == "breach"}
    rows = []
    for done in journal.passes(definition, entries):
        minutes = _minutes(ctx, done.entered, done.left.at, calendar, hours) if done.left else None
        rows.append({**_pass(ctx, definition, done, gone, nip), "menit": minutes})
        rows[-1]["terlambat"] = "lewat batas waktu" if done.token in late else ""
    rows += [_verb(entry, nip) for entry in entries if entry.kind in ends.VERBS]
    return [{"no": number, **row} for number, row in enumerate(sorted(rows, key=lambda row: row["masuk"]), 1)]


def _pass(
    ctx: Context, definition: Definition, done: journal.Pass, gone: Collection[int], nip: Mapping[int, str]
) -> dict[str, Any]:
    step, left = definition.steps[done.step], done.left
    mine = left is not None and left.kind == "complete" and left.body.get("token") == done.token
    taken = next((c for c in step.choices if mine and left and c.id == left.choice), None)
    returns = bool(taken and taken.returns)
    return {
        "nomor": step.properties.get("nomor", ""),
        "langkah": step.name,
        "pelaksana": step.lane,
        "petugas": left.by if left and mine else "",
        "nip": nip.get(left.actor_id or 0, "") if left and mine else "",
        "masuk": done.entered,
        "keluar": left.at if left else None,
        "standar": step.properties.get("waktu", ""),
        "hasil": _result(ctx, taken, left, mine, gone),
        "alasan": left.note if left and mine and returns else "",
        "catatan": left.note if left and mine and not returns else "",
        "putaran": done.round,
        "kembali": returns,
    }


def _verb(entry: journal.Entry, nip: Mapping[int, str]) -> dict[str, Any]:
    """What was done to the whole case, outside of any step."""
    return {
        "nomor": "",
        "langkah": wording.VERBS[entry.kind],
        "pelaksana": entry.lane,
        "petugas": entry.by,
        "nip": nip.get(entry.actor_id or 0, ""),
        "masuk": entry.at,
        "keluar": entry.at,
        "menit": None,
        "standar": "",
        "terlambat": "",
        "hasil": wording.DONE[entry.kind],
        "alasan": entry.note,
        "catatan": "",
        "putaran": 1,
        "kembali": False,
    }


def _minutes(
    ctx: Context, entered: datetime, left: datetime, calendar: worktime.Calendar, hours: worktime.Hours
) -> int:
    """Whole minutes between two instants, as the sheet states them: those during which the office was open."""
    return round(worktime.minutes(entered, left, ctx.settings.zone, calendar, hours))


def _result(ctx: Context, taken: Any, left: journal.Entry | None, mine: bool, gone: Collection[int]) -> str:
    if left is None:
        return "Sedang berjalan"
    if not mine:
        return wording.DONE.get(left.kind, "Dilewati")
    said = str(taken.label) if taken else "Selesai"
    if left.from_paper:
        said = f"{said} ({wording.from_paper(left.from_paper, ctx.local(left.recorded_at))})"
    return f"{said} (diambil kembali)" if left.seq in gone else said


def _officers(ctx: Context, entries: Sequence[journal.Entry], people: Mapping[int, Sequence[str]]) -> dict[str, Any]:
    """The last performer of each lane."""
    gone = journal.undone(entries)
    last = {e.lane: e for e in entries if e.actor_id and e.seq not in gone and e.kind in ("complete", *ends.VERBS)}
    found = {}
    for lane, entry in last.items():
        nip, own = people.get(entry.actor_id or 0, ("", ""))
        an = entry.body.get("an")
        title = wording.deputy_title(an["kind"], an.get("title") or lane) if an else own or lane
        found[lane] = {
            "nama": entry.actor, "nip": nip, "jabatan": title, "jabatan_sendiri": own, "pada": _local(ctx, entry.at)
        }  # fmt: skip
    return found


def _last_return(ctx: Context, entry: journal.Entry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    faults = [f["message"] or f["pointer"] for f in entry.faults]
    return {"oleh": entry.by, "pada": _local(ctx, entry.at), "alasan": entry.note, "kesalahan": faults}


def _decision(ctx: Context, entries: Sequence[journal.Entry]) -> dict[str, Any]:
    """The last verb on the whole case: that it was withdrawn, refused, lapsed, reopened, corrected or revoked."""
    entry = next((e for e in reversed(entries) if e.kind in ends.VERBS), None)
    if entry is None:
        return {}
    who = {"jenis": wording.VERBS[entry.kind], "oleh": entry.by, "lajur": entry.lane}
    return {**who, "pada": _local(ctx, entry.at), "alasan": entry.note}


def _sop(loaded: revisions.Loaded) -> dict[str, Any]:
    properties = loaded.definition.properties

    def lines(name: str) -> list[str]:
        return [line.strip() for line in properties.get(name, "").splitlines() if line.strip()]

    def text(name: str) -> str:
        return properties.get(name, "").strip()

    plain = ("nomor", "revisi", "tanggal_efektif", "biaya", "produk", "masa_berlaku", "jangka_waktu", "jam_layanan")
    return {
        "sop": {
            "judul": loaded.definition.title,
            **{name: text(name) for name in plain},
            **{name: lines(name) for name in ("dasar_hukum", "terkait", "persyaratan")},
        },
        "kantor": {name: text(f"kantor_{name}") for name in ("nama", "alamat", "kota", "induk")},
    }
