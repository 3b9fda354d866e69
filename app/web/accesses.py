"""Jejak akses: who looked at whose data, and who changed accounts."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.web import base

blueprint = Blueprint("accesses", __name__)
ROWS = 50


def what(word: str) -> str:
    """What was done, in words."""
    words = {
        "permohonan": _("Membuka permohonan"),
        "langkah": _("Membuka langkah"),
        "putar-ulang": _("Memutar ulang"),
        "lembar-kendali": _("Membuka lembar kendali"),
        "dokumen": _("Membuka dokumen"),
        "unggahan": _("Membuka unggahan"),
        "riwayat": _("Membaca riwayat"),
        "daftar": _("Mengambil daftar"),
        "pengaduan": _("Membaca pengaduan"),
        "register": _("Membaca buku register"),
        "cari": _("Mencari"),
        "gangguan": _("Mencari permohonan yang dicatat dari kertas"),
        "survei": _("Alamat survei keliru"),
        "survei-dihapus": _("Menghapus jawaban survei"),
        "ekspor": _("Mengekspor"),
        "perintah": _("Membuka lewat perintah operator"),
        "akun": _("Membuka akun"),
        "akun-baru": _("Membuat akun"),
        "ubah-akun": _("Mengubah akun"),
        "ubah-lajur": _("Mengubah lajur"),
        "ketidakhadiran": _("Mengubah ketidakhadiran"),
        "beri-kuasa": _("Memberi kuasa"),
        "akhiri-kuasa": _("Mengakhiri kuasa"),
        "lacak": _("Kode lacak keliru"),
        "periksa": _("Kode surat keliru"),
        "berakhir": _("Membaca daftar yang akan berakhir"),
        "minta-sandi": _("Meminta kata sandi baru"),
    }
    return words.get(word, word)


blueprint.app_template_filter("akses")(what)


@blueprint.get("/pengelola/jejak")
@base.overseer
def jejak() -> ResponseReturnValue:
    """The record itself, the latest first."""
    who, number, day = (request.args.get(name, "").strip()[:100] for name in ("siapa", "nomor", "hari"))
    before = request.args.get("sebelum", "")[:20]
    found = access.rows(
        base.context(),
        who=who,
        number=number,
        day=_day(day),
        before=min(int(before), base.LARGEST_ID - 1) if before.isdecimal() else None,
        limit=ROWS + 1,
    )
    return render_template(
        "accesses/jejak.html",
        rows=found[:ROWS],
        who=who,
        number=number,
        day=day if _day(day) else "",
        narrowed=bool(who or number or day or before),
        next=found[ROWS - 1].id if len(found) > ROWS else None,
    )


def _day(text: str) -> tuple[datetime, datetime] | None:
    try:
        day = datetime.combine(date.fromisoformat(text), time(), base.alur().settings.zone)
        return day, day + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
