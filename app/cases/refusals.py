"""What a person may not do, or not now: small classes, each with its words; one table of the web makes HTTP of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app import forms


class Refusal(Exception):
    """Something a person may not do, or not now: `message` says so in their language."""

    message = "Permintaan ini tidak dapat dilakukan."

    def __init__(self, message: str = "", **facts: Any) -> None:
        self.message = message or self.message
        self.facts = facts
        super().__init__(self.message)


class NotFound(Refusal):
    message = "Yang Anda cari tidak ada, atau bukan untuk Anda."


class NotYours(Refusal):
    message = "Langkah ini bukan bagian Anda."


class FourEyes(NotYours):
    message = "Langkah ini harus diperiksa orang lain: Anda sudah mengerjakan langkah sebelumnya."


class AlreadyDone(Refusal):
    """`by` and `at` say who completed it and when."""

    message = "Langkah ini sudah dikerjakan."


class CaseEnded(AlreadyDone):
    message = "Permohonan ini sudah berakhir."


class Taken(Refusal):
    message = "Langkah ini sedang dikerjakan orang lain."


class Stale(Refusal):
    message = "Halaman ini sudah tidak mutakhir. Muat ulang, lalu coba lagi."


class NotNow(Refusal):
    """It could have been done before, or may be later; the message says why."""


class Destroyed(Refusal):
    """A case whose retention is over: there is nothing left to read or to change."""

    message = "Isi permohonan ini sudah dimusnahkan sesuai jadwal retensi. Riwayatnya tetap ada sebagai bukti."


class Invalid(Refusal):
    """Fields are at fault; `faults` says which."""

    message = "Ada isian yang perlu diperbaiki."

    def __init__(self, faults: Sequence[forms.Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__()


class ChoiceNeeded(Refusal):
    message = "Pilih salah satu keputusan."


class ReasonNeeded(Refusal):
    message = "Tulis alasan pengembalian."


class TooLarge(Refusal):
    message = "Isian terlalu panjang."


class WrongNumber(Refusal):
    """A number that was written by hand is none of its register's to use; `key` says of which line."""


class WrongTime(Refusal):
    """What is entered from paper cannot have happened at that moment; the message says why."""


class NoSuchSop(NotFound):
    message = "Layanan ini tidak ada atau sudah tidak berlaku."


class CannotGoOn(Refusal):
    """The diagram leads nowhere from here; nothing was saved."""

    message = (
        "SOP tidak dapat melanjutkan permohonan ini dari langkah ini. Isian Anda belum dikirim; hubungi pemilik SOP."
    )
