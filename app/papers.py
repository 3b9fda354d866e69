"""Which papers a case gets: inputs frozen in the transaction that makes them due, filled after it, never before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from app import documents, files, journal, revisions
from app.context import Context
from app.models import Case, Document, Person

ATTEMPTS = 5


def due(ctx: Context, case: Case, loaded: revisions.Loaded, seq: int, wanted: Sequence[revisions.Paper]) -> list[int]:
    """Records papers as due at event `seq`, with everything that they will say; their ids."""
    context = inputs(ctx, case, loaded, case.data)
    rows = [
        Document(
            case_id=case.id,
            seq=seq,
            template=paper.template,
            name=paper.name,
            kind=paper.template.removesuffix(".docx"),
            copies=paper.copies,
            internal=paper.internal,
            inputs={**context, "dokumen": {"nama": paper.name, "rangkap": paper.copies}},
            created_at=ctx.now,
        )
        for paper in wanted
    ]
    ctx.session.add_all(rows)
    ctx.session.flush()
    return [row.id for row in rows]


def waiting(ctx: Context, limit: int = 20) -> list[int]:
    """Papers that are due and not filled, those first that were tried least."""
    query = select(Document.id).where(Document.filled_at.is_(None), Document.attempts < ATTEMPTS)
    return list(ctx.session.scalars(query.order_by(Document.attempts, Document.id).limit(limit)))


def fill(ctx: Context, document_id: int) -> bool:
    """Fills one paper and writes its digest as an event of its own; False where it was filled already or failed.

    Two that fill the same paper make the same bytes, and the case's lock lets one of them record it.
    """
    document = ctx.session.scalar(select(Document).where(Document.id == document_id).options(undefer(Document.inputs)))
    if document is None or document.filled_at is not None:
        return False
    case = ctx.session.scalars(
        select(Case).where(Case.id == document.case_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    ctx.session.refresh(document)
    if document.filled_at is not None:
        return False
    template = revisions.template(ctx.session, case.revision_id, document.template)
    try:
        content = documents.fill(template, document.inputs)
    except documents.DocumentError as error:
        document.attempts += 1
        document.error = str(error)
        return False
    document.sha256 = files.put(ctx.settings.files, content)
    document.filled_at, document.inputs, document.error = ctx.now, None, None
    journal.append(
        ctx, case, "document", {"document": document.id, "template": document.template, "name": document.name,
                                "sha256": document.sha256, "due": document.seq},
    )  # fmt: skip
    return True


def again(ctx: Context, document_id: int) -> None:
    """Lets a paper that failed too often be tried anew."""
    ctx.session.execute(
        update(Document).where(Document.id == document_id, Document.filled_at.is_(None)).values(attempts=0)
    )


def control_sheet(ctx: Context, case: Case, loaded: revisions.Loaded, data: Mapping[str, Any]) -> bytes | None:
    """The control sheet as it stands now, from the template that the process names; None where it names none."""
    wanted = revisions.papers(loaded.definition.properties.get("lembar_kendali", ""))
    if not wanted:
        return None
    template = revisions.template(ctx.session, case.revision_id, wanted[0].template)
    return documents.fill(template, {**inputs(ctx, case, loaded, data), "dokumen": {"nama": wanted[0].name, "rangkap": 1}})


def blank(ctx: Context, loaded: revisions.Loaded, paper: revisions.Paper) -> bytes:
    """A form to be filled by hand: the template without anybody's data."""
    template = revisions.template(ctx.session, loaded.id, paper.template)
    empty: dict[str, Any] = {"permohonan": {}, "isian": {}, "lembar": [], "petugas": {}, "kembalian": {}}
    return documents.fill(
        template,
        {**empty, **_sop(loaded), "sekarang": None, "dokumen": {"nama": paper.name, "rangkap": paper.copies}},
    )


def inputs(ctx: Context, case: Case, loaded: revisions.Loaded, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a template sees of a case and its data: JSON values only, times as RFC 3339 in the office's zone."""
    zone = ctx.settings.zone

    def local(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat(timespec="minutes") if at else None

    entries = journal.entries(ctx, case.id)
    rows = sheet(ctx, loaded, entries)
    people = {e.actor_id for e in entries if e.actor_id}
    persons = {p.id: p for p in ctx.session.scalars(select(Person).where(Person.id.in_(people)))}
    last = next((e for e in reversed(entries) if journal.is_return(loaded.definition, e)), None)
    return {
        "permohonan": {
            "nomor": case.number,
            "nomor_lacak": case.code,
            "pemohon": case.applicant_name,
            "diajukan": local(case.opened_at),
            "tanggal_terima": local(case.clock_at),
            "jatuh_tempo": local(case.due_at),
            "status": case.status,
            "revisi": loaded.number,
        },
        "isian": data,
        "lembar": [{**row, "masuk": local(row["masuk"]), "keluar": local(row["keluar"])} for row in rows],
        "petugas": _officers(entries, persons, local),
        "kembalian": _last_return(last, local),
        "sekarang": local(ctx.now),
        **_sop(loaded),
    }


def sheet(ctx: Context, loaded: revisions.Loaded, entries: Sequence[journal.Entry]) -> list[dict[str, Any]]:
    """The rows of the control sheet, one for each pass of a step; the page and the paper show these same rows."""
    ids = {e.actor_id for e in entries if e.actor_id}
    nip = {p.id: p.nip for p in ctx.session.scalars(select(Person).where(Person.id.in_(ids)))}
    definition = loaded.definition
    rows = []
    for number, done in enumerate(journal.passes(definition, entries), 1):
        step, left = definition.steps[done.step], done.left
        mine = left is not None and left.kind == "complete" and left.body.get("token") == done.token
        taken = next((c for c in step.choices if mine and left and c.id == left.choice), None)
        returns = bool(taken and taken.returns)
        rows.append(
            {
                "no": number,
                "nomor": step.properties.get("nomor", ""),
                "langkah": step.name,
                "pelaksana": step.lane,
                "petugas": left.actor if left and mine else "",
                "nip": (nip.get(left.actor_id or 0) or "") if left and mine else "",
                "masuk": done.entered,
                "keluar": left.at if left else None,
                "menit": _minutes(done.entered, left.at) if left else None,
                "standar": step.properties.get("waktu", ""),
                "hasil": _result(taken, left is not None, mine),
                "alasan": left.note if left and mine and returns else "",
                "catatan": left.note if left and mine and not returns else "",
                "putaran": done.round,
                "kembali": returns,
            }
        )
    return rows


def _minutes(entered: datetime, left: datetime) -> int:
    """Whole minutes between two instants, as the sheet states them: by the clock on the wall."""
    return max(0, round((left - entered).total_seconds() / 60))


def _result(taken: Any, closed: bool, mine: bool) -> str:
    if taken:
        return str(taken.label)
    if not closed:
        return "Sedang berjalan"
    return "Selesai" if mine else "Dilewati"


def _officers(entries: Sequence[journal.Entry], persons: Mapping[int, Person], local: Any) -> dict[str, Any]:
    """The last performer of each lane."""
    last = {e.lane: e for e in entries if e.kind == "complete" and e.actor_id}
    found = {}
    for lane, entry in last.items():
        person = persons.get(entry.actor_id or 0)
        found[lane] = {
            "nama": entry.actor,
            "nip": (person.nip if person else None) or "",
            "jabatan": (person.title if person else None) or lane,
            "pada": local(entry.at),
        }
    return found


def _last_return(entry: journal.Entry | None, local: Any) -> dict[str, Any]:
    if entry is None:
        return {}
    faults = [f["message"] or f["pointer"] for f in entry.faults]
    return {"oleh": entry.actor, "pada": local(entry.at), "alasan": entry.note, "kesalahan": faults}


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
