"""Dates, amounts and numbers as an Indonesian office writes them; pages and papers share these words.

Every function here takes what it is given: a value that is no date or number comes back as its own text, and an absent
one as "", so that one odd value never costs a whole paper. What comes out is text, to be escaped by whoever shows it.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

MONTHS = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni",
    "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip
DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
UNITS = (
    "nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas",
)  # fmt: skip
SCALES = ((10**15, "kuadriliun"), (10**12, "triliun"), (10**9, "miliar"), (10**6, "juta"), (10**3, "ribu"))
ROMANS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
DOTS = "…" * 12
ON_BEHALF = "a.n."


def tanggal(value: object, zone: tzinfo | None = None) -> str:
    """`23 November 2026`. `value`: date, datetime or ISO text; `zone` moves an aware time onto its clock first."""
    day = _date(value, zone)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if day else _text(value)


def tanggal_hari(value: object, zone: tzinfo | None = None) -> str:
    """`Senin, 23 November 2026`."""
    day = _date(value, zone)
    return f"{DAYS[day.weekday()]}, {tanggal(day)}" if day else _text(value)


def tanggal_pendek(value: object, zone: tzinfo | None = None) -> str:
    """`23-11-2026`, for narrow columns."""
    day = _date(value, zone)
    return f"{day:%d-%m-%Y}" if day else _text(value)


def tanggal_terbilang(value: object, zone: tzinfo | None = None) -> str:
    """`dua puluh tiga November dua ribu dua puluh enam`."""
    day = _date(value, zone)
    return f"{terbilang(day.day)} {MONTHS[day.month - 1]} {terbilang(day.year)}" if day else _text(value)


def hari(value: object, zone: tzinfo | None = None) -> str:
    """`Senin`."""
    day = _date(value, zone)
    return DAYS[day.weekday()] if day else _text(value)


def tanggal_resmi(value: object, zone: tzinfo | None = None) -> str:
    """How minutes begin: `Senin tanggal dua puluh tiga bulan November tahun dua ribu dua puluh enam`."""
    day = _date(value, zone)
    if day is None:
        return _text(value)
    words = f"{DAYS[day.weekday()]} tanggal {terbilang(day.day)} bulan {MONTHS[day.month - 1]}"
    return f"{words} tahun {terbilang(day.year)}"


def jam(value: object, zone: tzinfo | None = None) -> str:
    """`10.30`. A value that is a day alone has no hour: ""."""
    if isinstance(value, time):
        return f"{value:%H.%M}"
    moment = _moment(value)
    if moment is None:
        return "" if _date(value, zone) else _text(value)
    return f"{_on(moment, zone):%H.%M}"


def terbilang(value: object, unit: str = "") -> str:
    """A number in words, up to a quadrillion: 1500000 -> `satu juta lima ratus ribu`; `unit` (`rupiah`) follows it."""
    number = _number(value)
    if number is None or abs(number) >= 10**18:
        return _text(value)
    whole, _, fraction = f"{abs(number):f}".partition(".")
    words = [_words(int(whole))]
    if fraction.strip("0"):
        words += ["koma", *(UNITS[int(digit)] for digit in fraction.rstrip("0"))]
    if number < 0:
        words.insert(0, "minus")
    return " ".join(word for word in (*words, unit) if word)


def angka(value: object) -> str:
    """`1.234,5`: points between thousands, a comma before the rest."""
    number = _number(value)
    if number is None:
        return _text(value)
    whole, _, fraction = f"{number:,f}".partition(".")
    return whole.replace(",", ".") + (f",{fraction}" if fraction.strip("0") else "")


def rupiah(value: object) -> str:
    """`Rp1.500.000,00`."""
    number = _number(value)
    if number is None:
        return _text(value)
    sign, amount = ("-" if number < 0 else ""), f"{abs(number):,.2f}"
    return f"{sign}Rp" + amount.translate(str.maketrans(",.", ".,"))


def romawi(value: object) -> str:
    """`III`, from 1 to 3999."""
    number = _number(value)
    if number is None or number != int(number) or not 0 < number < 4000:
        return _text(value)
    rest, letters = int(number), ""
    for size, letter in ROMANS:
        letters += letter * (rest // size)
        rest %= size
    return letters


def masa(since: object, until: object) -> str:
    """How long it is from one day to another, both counted: `1 (satu) tahun`, `11 (sebelas) bulan 3 (tiga) hari`."""
    first, last = _date(since, None), _date(until, None)
    if first is None or last is None or last < first or last == date.max:
        return ""
    end = last + timedelta(days=1)
    months = (end.year - first.year) * 12 + end.month - first.month
    months -= months_on(first, months) > end
    years, months, days = months // 12, months % 12, (end - months_on(first, months)).days
    parts = ((years, "tahun"), (months, "bulan"), (days, "hari"))
    return " ".join(f"{count} ({terbilang(count)}) {unit}" for count, unit in parts if count)


def pilih(value: object, **words: str) -> str:
    """What a coded answer is called: `pilih(L="Laki-laki", P="Perempuan")`; an unknown one stays as it is."""
    return words.get(_text(value), _text(value))


def kosong(value: object, dots: str = DOTS) -> object:
    """`value`, or dots to write on where it is absent or blank."""
    return dots if not _text(value).strip() else value


def pejabat(officer: object, an: str = "", ub: str = "") -> str:
    """What stands above a signature, by lines: `Kepala Dinas,`; of a deputy `Plh. Kepala Dinas,`; of somebody who signs
    for one on leave `a.n. Kepala Dinas` and their own title. `officer` is one of a paper's `petugas`.

    `an` is the title for whom the letter itself is signed, `ub` that of the one between: `a.n. Kepala Dinas`,
    `Sekretaris`, `u.b.`, and last the officer's own.
    """
    told = officer if isinstance(officer, Mapping) else {"jabatan": _text(officer)}
    own, title = _text(told.get("jabatan_sendiri")), _text(told.get("jabatan")).strip() or DOTS
    lines = [f"a.n. {an}"] if an else []
    lines += [ub, "u.b."] if ub else []
    lines += [title, own] if title.startswith(ON_BEHALF) and own and not title.endswith(own) else [title]
    return "\n".join(lines) + ","


def tanda_tangan(officer: object, an: str = "", ub: str = "") -> str:
    """A whole signature: what stands above it as of `pejabat`, room to sign in, name, NIP."""
    told = officer if isinstance(officer, Mapping) else {}
    name, nip = kosong(told.get("nama")), kosong(told.get("nip"))
    return f"{pejabat(officer, an, ub)}\n\n\n\n{name}\nNIP {nip}"


def nama_nip(officer: object) -> str:
    """`Sari Wulandari, NIP 19800101 200501 1 001`; the name alone of whoever has no NIP."""
    told = officer if isinstance(officer, Mapping) else {"nama": officer}
    name, nip = _text(told.get("nama")), _text(told.get("nip"))
    return f"{name}, NIP {nip}" if name and nip else name


def qr(value: object, width: object = 22) -> object:
    """An address to be scanned: a letter draws it as a QR picture so many millimetres wide; elsewhere it is text."""
    return _text(value)


FILTERS: dict[str, Callable[..., object]] = {
    f.__name__: f
    for f in (
        tanggal, tanggal_hari, tanggal_pendek, tanggal_terbilang, tanggal_resmi, hari, jam, masa, terbilang, angka,
        rupiah, romawi, pilih, kosong, pejabat, tanda_tangan, nama_nip, qr,
    )
}  # fmt: skip


def _words(number: int) -> str:
    if number < 12:
        return UNITS[number]
    if number < 20:
        return f"{UNITS[number - 10]} belas"
    if number < 100:
        return _joined(f"{UNITS[number // 10]} puluh", number % 10)
    if number < 200:
        return _joined("seratus", number - 100)
    if number < 1000:
        return _joined(f"{UNITS[number // 100]} ratus", number % 100)
    if number < 2000:
        return _joined("seribu", number - 1000)
    size, name = next(scale for scale in SCALES if scale[0] <= number)
    return _joined(f"{_words(number // size)} {name}", number % size)


def months_on(day: date, months: int) -> date:
    """The same day some months on, or the last one that its month has."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _joined(head: str, rest: int) -> str:
    return f"{head} {_words(rest)}" if rest else head


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _day(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _on(moment: datetime, zone: tzinfo | None) -> datetime:
    if zone is None:
        return moment
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)


def _date(value: object, zone: tzinfo | None) -> date | None:
    moment = _moment(value)
    if moment is not None:
        return _on(moment, zone).date()
    if isinstance(value, date):
        return value
    return _day(value) if isinstance(value, str) else None


# Who did something, where their name was destroyed.
APPLICANT, PROXY = "Pemohon (nama dimusnahkan)", "Kuasa pemohon (nama dimusnahkan)"
# What can be done to a whole case (ends.VERBS), as papers call it, and what has become of the case then.
VERBS = {
    "withdraw": "Penarikan permohonan",
    "refuse": "Penolakan permohonan",
    "lapse": "Pengguguran permohonan",
    "reopen": "Pembukaan kembali permohonan",
    "correct": "Pembetulan",
    "revoke": "Pencabutan",
}
DONE = {
    "withdraw": "Ditarik pemohon",
    "refuse": "Ditolak",
    "lapse": "Gugur",
    "reopen": "Dibuka kembali",
    "correct": "Dibetulkan",
    "revoke": "Dicabut",
    "take_back": "Diambil kembali",
}


def from_paper(by: str, at: datetime) -> str:
    """How what was entered after an outage is marked: `dicatat dari kertas oleh Sari pada 25-11-2026 14.30`."""
    return f"dicatat dari kertas oleh {by} pada {tanggal_pendek(at)} {jam(at)}"


DEPUTIES = {"plt": "Plt.", "plh": "Plh."}  # of a vacant post; of one whose holder is away. A leave has no title.


def as_deputy(kind: str, name: str) -> str:
    """For whom a deputy acted: `Plh., a.n. Sari Wulandari`; for somebody on leave `a.n. Sari Wulandari`."""
    return f"{DEPUTIES[kind]}, a.n. {name}" if kind in DEPUTIES else f"a.n. {name}"


def deputy_title(kind: str, title: str) -> str:
    """What stands under a deputy's signature: `Plh. Kepala Dinas`; for somebody on leave `a.n. Kepala Dinas`."""
    return f"{DEPUTIES.get(kind, ON_BEHALF)} {title}"
