"""Periksa izin: anybody who holds a paper learns whether this office issued it, and whether it holds.

The code on the paper opens the page, and nothing else does: a code that is none, one of no paper and one of a paper
that is not finished are answered alike. Nothing of what is sent to be compared is kept.
"""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import RequestEntityTooLarge

from app import access, papers, permits, signing
from app.models import Document
from app.permits import Permit
from app.web import base, errors, shown

blueprint = Blueprint("checking", __name__)
WHAT = "periksa"  # as the record of tries calls it
LONGEST = 100  # of a code as it is typed
LARGEST = 20 * 1024 * 1024  # bytes of a file that is compared
READING = threading.BoundedSemaphore(1)  # a stranger's PDF may keep its reader busy; the other threads answer meanwhile
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Word:
    """How a paper stands, in one large word, what that means, and how it looks: good, here, bad."""

    word: str
    means: str
    looks: str


WORDS = {
    permits.IN_FORCE: Word(_l("BERLAKU"), _l("Surat ini diterbitkan kantor ini dan masih berlaku."), "good"),
    permits.GENUINE: Word(_l("SAH"), _l("Surat ini diterbitkan kantor ini."), "good"),
    permits.NOT_YET: Word(
        _l("BELUM BERLAKU"), _l("Surat ini diterbitkan kantor ini, tetapi hari pertamanya belum tiba."), "here"
    ),
    permits.EXPIRED: Word(
        _l("BERAKHIR"), _l("Surat ini diterbitkan kantor ini, tetapi masa berlakunya sudah lewat."), "bad"
    ),
    permits.REVOKED: Word(_l("DICABUT"), _l("Surat ini pernah diterbitkan kantor ini, lalu dicabut."), "bad"),
    permits.VOID: Word(_l("DIBATALKAN"), _l("Surat ini pernah dibuat kantor ini, lalu dibatalkan."), "bad"),
    permits.REPLACED: Word(
        _l("DIGANTI"), _l("Surat ini tidak dipakai lagi: kantor ini menerbitkan penggantinya."), "here"
    ),
    permits.CORRECTED: Word(
        _l("DIBETULKAN"), _l("Isi surat ini dibetulkan dengan surat lain. Mintalah surat pembetulannya."), "here"
    ),
}
UNKNOWN = Word(
    _l("TIDAK DIKENAL"),
    _l("Tidak ada surat kantor ini dengan kode itu. Periksa ketikannya; bila sudah benar, jangan percayai suratnya."),
    "bad",
)


@blueprint.after_request
def _unlisted(answer: Response) -> Response:
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@blueprint.before_request
def _bounded() -> None:
    request.max_content_length = LARGEST + 64 * 1024


@blueprint.get("/periksa")
@base.public
def periksa() -> ResponseReturnValue:
    return render_template("checking/ask.html", code="", faults={})


@blueprint.post("/periksa")
@base.public
def periksa_kirim() -> ResponseReturnValue:
    """A code as it was typed: to its page."""
    base.only_reads()
    typed = base.typed("kode", LONGEST)
    code = plain(typed)
    if not code:
        faults = {"kode": _("Tulis kode yang tercetak di bawah gambar QR pada surat.")}
        return render_template("checking/ask.html", code=typed, faults=faults), 422
    return redirect(url_for("checking.surat", code=code), 303)


@blueprint.get("/periksa/<path:code>")
@base.public
def surat(code: str) -> ResponseReturnValue:
    """What the paper with this code is, and how it stands today."""
    return _answer(code)


@blueprint.post("/periksa/<path:code>")
@base.public
def bandingkan(code: str) -> ResponseReturnValue:
    """The same page, and whether the file that was sent is what was issued."""
    base.only_reads()
    return _answer(code, compare=True)


def plain(typed: str) -> str:
    """A code without the signs that group it, in capitals; of anything else what is left of it."""
    return re.sub(r"[^0-9A-Z]", "", typed.upper())[:LONGEST]


def word_of(standing: permits.Standing) -> Word:
    """How a paper stands, as every page says it."""
    return WORDS[standing.word]


blueprint.app_template_filter("berlakunya")(word_of)


def _answer(code: str, compare: bool = False) -> ResponseReturnValue:
    ctx, whence = base.context(), request.remote_addr or ""
    if access.too_often(ctx, WHAT, whence):
        return errors.error_page(429, _("Kode surat sudah terlalu sering keliru. Tunggu seperempat jam."))
    found = permits.find(ctx, plain(code))
    if found is None:
        base.kept_at_once(lambda kept: access.tried(kept, WHAT, whence))
        typed = papers.grouped(plain(code))[:LONGEST]
        return make_response(render_template("checking/ask.html", code=typed, faults={}, unknown=UNKNOWN), 404)
    digest = "".join(base.typed("sidik", 100).split()) if compare and _fits() else ""
    compared = _compared(found.document, digest) if compare else Compared()
    page = render_template(
        "checking/paper.html",
        permit=found,
        revision=found.case.revision,
        word=word_of(found.standing),
        reason=_reason(found),
        compared=compared,
        faults={"berkas": compared.fault} if compared.fault else {},
        digest=digest if compared.fault else "",
        office=shown.office(base.session(), (found.case.sop,)),
    )
    return make_response(page, 422 if compared.fault else 200)


def _fits() -> bool:
    """Is what was sent no larger than what we issue could be?"""
    try:
        return request.files is not None
    except RequestEntityTooLarge:
        return False


@dataclass(frozen=True)
class Compared:
    """Whether a file, or its SHA-256, is what was issued, as .docx or as its PDF; who signed it, or why that is
    `unread`; or what is wrong.
    """

    same: bool | None = None
    signatures: tuple[signing.Signature, ...] = ()
    unread: str = ""
    fault: str = ""


def _compared(document: Document, digest: str) -> Compared:
    if not _fits():
        return Compared(fault=_("Berkas ini terlalu besar; surat kami tidak sebesar itu."))
    sent, content = request.files.get("berkas"), b""
    if sent is not None and sent.filename:
        content = sent.stream.read()
        digest = hashlib.sha256(content).hexdigest()
    elif not digest:
        return Compared(fault=_("Pilih berkasnya, atau tulis sidik SHA-256-nya."))
    if not DIGEST.fullmatch(digest.lower()):
        return Compared(fault=_("Sidik SHA-256 terdiri atas 64 angka dan huruf a sampai f."))
    return Compared(digest.lower() in (document.sha256, document.pdf_sha256), *_signatures(content))


def _signatures(content: bytes) -> tuple[tuple[signing.Signature, ...], str]:
    """Who signed a PDF electronically, and why that could not be read; nobody where that is not installed."""
    if not content.startswith(b"%PDF-") or b"/ByteRange" not in content or not signing.available():
        return (), ""
    if not READING.acquire(blocking=False):
        return (), _("Tanda tangannya belum diperiksa: berkas lain sedang diperiksa. Coba lagi sebentar lagi.")
    try:
        return tuple(signing.verify(content, base.alur().settings)), ""
    except signing.SigningError as error:
        return (), str(error)
    finally:
        READING.release()


def _reason(found: Permit) -> str:
    """Why a paper holds no longer, and since when, in words."""
    standing = found.standing
    day = shown.tanggal(standing.since)
    if standing.word == permits.REVOKED:
        return _("Dicabut pada %(day)s.", day=day)
    if standing.word == permits.VOID:
        reasons = {
            "case": _("Permohonannya berakhir tanpa izin pada %(day)s.", day=day),
            "issue": _("Penerbitannya diambil kembali pada %(day)s.", day=day),
            "number": _("Nomornya dibatalkan dalam buku register pada %(day)s.", day=day),
        }
        return reasons[standing.why]
    if standing.by is not None and standing.word == permits.CORRECTED:
        return _("Dibetulkan dengan “%(name)s” tanggal %(day)s.", name=standing.by.name, day=day)
    if standing.by is not None:
        return _("Diganti dengan “%(name)s” tanggal %(day)s.", name=standing.by.name, day=day)
    if standing.corrected is not None:
        return _("Ada isiannya yang dibetulkan pada %(day)s.", day=shown.tanggal(standing.corrected))
    return ""
