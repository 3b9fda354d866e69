"""Errors as pages and problems: one table of what verbs refuse, one of courteous words for each HTTP status."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app import cases

log = logging.getLogger("alur.web")


@dataclass(frozen=True)
class Words:
    """An error as a page says it: what happened, what is safe, what to do now."""

    title: str
    happened: str
    safe: str
    now: str


WORDS: dict[int, Words] = {
    400: Words(
        _l("Permintaan tidak dapat dibaca"),
        _l("Yang dikirim peramban Anda tidak lengkap atau halamannya sudah terlalu lama terbuka."),
        _l("Tidak ada yang berubah; isian yang sudah tersimpan sebagai draf tetap ada."),
        _l("Buka lagi halamannya, lalu kirim sekali lagi."),
    ),
    401: Words(
        _l("Anda belum masuk"),
        _l("Halaman ini hanya untuk yang sudah masuk, atau sesi Anda telah berakhir."),
        _l("Tidak ada yang berubah; isian yang sudah tersimpan sebagai draf tetap ada."),
        _l("Masuk dahulu, lalu ulangi."),
    ),
    403: Words(
        _l("Bukan wewenang Anda"),
        _l("Halaman atau tindakan ini bukan untuk akun yang sedang Anda pakai."),
        _l("Tidak ada yang berubah."),
        _l("Bila menurut Anda ini keliru, hubungi pengelola atau masuk dengan akun lain."),
    ),
    404: Words(
        _l("Halaman tidak ditemukan"),
        _l("Alamat ini tidak ada, atau Anda tidak berhak melihat isinya."),
        _l("Tidak ada yang berubah."),
        _l("Periksa kembali alamatnya, atau mulai dari beranda."),
    ),
    405: Words(
        _l("Tindakan tidak tersedia di alamat ini"),
        _l("Alamat ini dibuka dengan cara yang tidak dikenalnya."),
        _l("Tidak ada yang berubah."),
        _l("Mulai lagi dari beranda atau dari halaman sebelumnya."),
    ),
    409: Words(
        _l("Keadaan sudah berubah"),
        _l("Berkas ini baru saja diubah dari tempat lain."),
        _l("Perubahan itu tetap tersimpan; tindakan Anda tidak dijalankan."),
        _l("Muat ulang halaman, lihat keadaan terakhir, lalu ulangi bila masih perlu."),
    ),
    410: Words(
        _l("Sudah dimusnahkan"),
        _l("Isi berkas ini sudah dimusnahkan sesuai jadwal retensi."),
        _l("Riwayatnya tetap ada, dan tetap dapat diputar ulang sebagai bukti."),
        _l("Lihat riwayatnya di halaman permohonan; izinnya sendiri ada pada pemegangnya."),
    ),
    413: Words(
        _l("Kiriman terlalu besar"),
        _l("Jumlah ukuran unggahan melebihi batas yang dapat diterima."),
        _l("Tidak ada yang berubah; draf yang sudah tersimpan tetap ada."),
        _l("Perkecil atau pindai ulang berkas Anda, atau unggah sedikit demi sedikit dengan Simpan draf."),
    ),
    422: Words(
        _l("Isian belum dapat diterima"),
        _l("Ada isian yang belum benar atau belum lengkap."),
        _l("Tidak ada yang berubah pada berkas Anda."),
        _l("Kembali ke halaman sebelumnya, perbaiki, lalu kirim lagi."),
    ),
    429: Words(
        _l("Terlalu banyak percobaan"),
        _l("Permintaan yang sama datang terlalu sering."),
        _l("Tidak ada yang berubah."),
        _l("Tunggu beberapa menit, lalu coba lagi."),
    ),
    500: Words(
        _l("Terjadi gangguan pada sistem"),
        _l("Ada yang tidak berjalan semestinya di pihak kami, dan sudah kami catat."),
        _l("Yang sudah tersimpan tetap aman; tindakan yang terakhir tidak dijalankan."),
        _l("Coba sekali lagi sebentar lagi. Bila berulang, sebutkan nomor di bawah ini kepada petugas."),
    ),
}
# What the verbs refuse, by HTTP status: the first that fits. Each carries an Indonesian `message`; some carry `faults`.
STATUS: dict[type[Exception], int] = {
    cases.NotFound: 404,
    cases.NotYours: 403,
    cases.AlreadyDone: 409,
    cases.Taken: 409,
    cases.Stale: 409,
    cases.NotNow: 409,
    cases.CannotGoOn: 409,
    cases.Destroyed: 410,
    cases.Refusal: 422,  # Invalid, ChoiceNeeded, ReasonNeeded, TooLarge
}


def status_of(refusal: Exception) -> int:
    """The HTTP status of what a verb refused."""
    return next(code for kind, code in STATUS.items() if isinstance(refusal, kind))


def wants_json() -> bool:
    """Does a program ask?"""
    return request.path.startswith("/api/")


def problem(status: int, title: str, detail: str = "", errors: list[dict[str, str]] | None = None) -> Response:
    """An RFC 9457 problem."""
    body: dict[str, Any] = {"type": "about:blank", "title": str(title), "status": status}
    if detail:
        body["detail"] = str(detail)
    if errors:
        body["errors"] = errors
    answer = jsonify(body)
    answer.status_code, answer.mimetype = status, "application/problem+json"
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def error_page(status: int, message: str = "", code: str = "", errors: list[dict[str, str]] | None = None) -> Response:
    """The page (or problem) of `status`; `message` replaces what the table says happened."""
    if "session" in g and "keep" not in g:
        g.session.rollback()  # half a piece of work must not be flushed by what the header asks
    words = WORDS.get(status) or WORDS[500 if status >= 500 else 400]
    if wants_json():
        return problem(status, words.title, message or words.happened, errors)
    came = urlsplit(request.referrer or "")
    onward = came.path if came.netloc == request.host else None
    try:
        text = render_template(
            "errors/error.html", words=words, message=message, status=status, code=code, onward=onward
        )  # fmt: skip
    except Exception:  # the database may be what is broken, and the header reads it
        log.exception("error page")
        text = render_template("errors/bare.html", words=words, message=message, status=status, code=code)
    return Response(text, status)


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    if isinstance(error, CSRFError):
        return error_page(400, _("Halaman ini sudah terlalu lama terbuka, atau dibuka sebelum Anda masuk."))
    answer = error_page(error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _refused(error: Exception) -> ResponseReturnValue:
    status = status_of(error)
    faults = [{"pointer": fault.pointer, "message": fault.message} for fault in getattr(error, "faults", ())]
    return error_page(status, getattr(error, "message", str(error)), errors=faults)


def _crashed(error: Exception) -> ResponseReturnValue:
    code = secrets.token_hex(4)
    log.exception("%s %s %s", code, request.method, request.path, exc_info=error)
    return error_page(500, code=code)


def install(app: Flask) -> None:
    """Have `app` say its errors in words."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(cases.Refusal, _refused)
    app.register_error_handler(Exception, _crashed)
