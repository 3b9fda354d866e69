from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app import wording

NOON = "2026-11-23T10:30+08:00"
LATE = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)
WITA = ZoneInfo("Asia/Makassar")
# What an applicant may have typed where a template expects a date or a number.
WITHOUT_TEXT = ("kosong", "masa", "pejabat", "tanda_tangan")  # what these give for nothing is told below
ODD = [(None, ""), ("", ""), ("besok", "besok"), ("<b>&", "<b>&"), ("2026-02-30", "2026-02-30"), (True, "True")]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("tanggal", "2026-11-23", "23 November 2026"),
        ("tanggal", NOON, "23 November 2026"),
        ("tanggal", date(2017, 6, 7), "7 Juni 2017"),
        ("tanggal", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2 Januari 2026"),
        ("tanggal_hari", "2026-11-23", "Senin, 23 November 2026"),
        ("tanggal_hari", "2017-06-23", "Jumat, 23 Juni 2017"),
        ("tanggal_hari", "2025-08-17T00:00+08:00", "Minggu, 17 Agustus 2025"),
        ("tanggal_pendek", "2026-01-02", "02-01-2026"),
        ("tanggal_terbilang", "2026-11-23", "dua puluh tiga November dua ribu dua puluh enam"),
        ("tanggal_terbilang", "1999-12-11", "sebelas Desember seribu sembilan ratus sembilan puluh sembilan"),
        ("tanggal_resmi", NOON, "Senin tanggal dua puluh tiga bulan November tahun dua ribu dua puluh enam"),
        ("tanggal_resmi", "besok", "besok"),
        ("hari", "2017-06-23", "Jumat"),
        ("hari", None, ""),
        ("jam", NOON, "10.30"),
        ("jam", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "03.04"),
        ("jam", "2026-11-23", ""),
        ("terbilang", 0, "nol"),
        ("terbilang", 1, "satu"),
        ("terbilang", 10, "sepuluh"),
        ("terbilang", 11, "sebelas"),
        ("terbilang", 12, "dua belas"),
        ("terbilang", 20, "dua puluh"),
        ("terbilang", 99, "sembilan puluh sembilan"),
        ("terbilang", 100, "seratus"),
        ("terbilang", 101, "seratus satu"),
        ("terbilang", 111, "seratus sebelas"),
        ("terbilang", 200, "dua ratus"),
        ("terbilang", 999, "sembilan ratus sembilan puluh sembilan"),
        ("terbilang", 1000, "seribu"),
        ("terbilang", 1100, "seribu seratus"),
        ("terbilang", 2000, "dua ribu"),
        ("terbilang", 11000, "sebelas ribu"),
        ("terbilang", 100000, "seratus ribu"),
        ("terbilang", 1_000_000, "satu juta"),
        ("terbilang", 1_001_000, "satu juta seribu"),
        ("terbilang", 1_000_001, "satu juta satu"),
        ("terbilang", 1_234_567_890,
         "satu miliar dua ratus tiga puluh empat juta lima ratus enam puluh tujuh ribu delapan ratus sembilan puluh"),
        ("terbilang", 10**12, "satu triliun"),
        ("terbilang", 10**15 - 1,
         "sembilan ratus sembilan puluh sembilan triliun sembilan ratus sembilan puluh sembilan miliar "
         "sembilan ratus sembilan puluh sembilan juta sembilan ratus sembilan puluh sembilan ribu "
         "sembilan ratus sembilan puluh sembilan"),
        ("terbilang", 10**15, "satu kuadriliun"),
        ("terbilang", 10**18, "1000000000000000000"),
        ("terbilang", -5, "minus lima"),
        ("terbilang", "12", "dua belas"),
        ("terbilang", 2.5, "dua koma lima"),
        ("terbilang", Decimal("1.05"), "satu koma nol lima"),
        ("terbilang", 3.0, "tiga"),
        ("terbilang", float("nan"), "nan"),
        ("terbilang", "1e400", "1e400"),
        ("angka", 1234567, "1.234.567"),
        ("angka", 1234.56, "1.234,56"),
        ("angka", -1200.0, "-1.200"),
        ("angka", 0, "0"),
        ("rupiah", 1500000, "Rp1.500.000,00"),
        ("rupiah", 1234.5, "Rp1.234,50"),
        ("rupiah", -1000, "-Rp1.000,00"),
        ("romawi", 1, "I"),
        ("romawi", 4, "IV"),
        ("romawi", 5, "V"),
        ("romawi", "12", "XII"),
        ("romawi", 2026, "MMXXVI"),
        ("romawi", 3999, "MMMCMXCIX"),
        ("romawi", 4000, "4000"),
        ("romawi", 0, "0"),
        ("romawi", 1.5, "1.5"),
        ("kosong", None, wording.DOTS),
        ("kosong", "  ", wording.DOTS),
        ("kosong", "ada", "ada"),
        ("kosong", 0, 0),
        ("pilih", "P", "P"),
        *((name, value, text) for name in wording.FILTERS if name not in WITHOUT_TEXT for value, text in ODD),
    ],
)  # fmt: skip
def test_wording(name: str, value: object, expected: object) -> None:
    assert wording.FILTERS[name](value) == expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-12-24", "2027-12-23", "1 (satu) tahun"),
        ("2027-03-01", "2028-02-29", "1 (satu) tahun"),
        ("2026-12-24", "2027-06-23", "6 (enam) bulan"),
        ("2026-12-24", "2028-01-02", "1 (satu) tahun 10 (sepuluh) hari"),
        ("2027-01-31", "2027-02-28", "1 (satu) bulan 1 (satu) hari"),
        ("2026-12-24", "2026-12-24", "1 (satu) hari"),
        ("2026-12-24", "2026-12-23", ""),
        ("2026-12-24", "9999-12-31", ""),
        ("2026-12-24", None, ""),
        ("kemarin", "2027-12-23", ""),
    ],
)
def test_masa(since: object, until: object, expected: str) -> None:
    assert wording.masa(since, until) == expected


BLANK = wording.DOTS


@pytest.mark.parametrize("nobody", [None, "", {}, {"nama": None, "nip": "", "jabatan": " "}])
def test_a_signature_of_nobody_is_dots_to_write_on(nobody: object) -> None:
    assert wording.pejabat(nobody) == f"{BLANK},"
    assert wording.tanda_tangan(nobody, an="Kepala") == f"a.n. Kepala\n{BLANK},\n\n\n\n{BLANK}\nNIP {BLANK}"
    assert wording.nama_nip(nobody) == ""


@pytest.mark.parametrize(
    ("own", "title", "expected"),
    [
        ("Sekretaris", "Sekretaris", "Sekretaris,"),
        ("Sekretaris", "Plh. Kepala", "Plh. Kepala,"),
        ("Sekretaris", "a.n. Kepala", "a.n. Kepala\nSekretaris,"),
        ("", "a.n. Kepala", "a.n. Kepala,"),
        (None, "a.n. <Kepala> & Co", "a.n. <Kepala> & Co,"),
    ],
)
def test_who_signs_for_somebody_on_leave_says_who_they_are(own: object, title: str, expected: str) -> None:
    assert wording.pejabat({"jabatan": title, "jabatan_sendiri": own}) == expected


def test_options() -> None:
    assert wording.terbilang(1_500_000, "rupiah") == "satu juta lima ratus ribu rupiah"
    assert wording.pilih("P", L="Laki-laki", P="Perempuan") == "Perempuan"
    assert wording.kosong("", "-") == "-"
    assert [wording.FILTERS[name](LATE, WITA) for name in ("tanggal", "tanggal_hari", "jam", "tanggal_terbilang")] == [
        "24 November 2026",
        "Selasa, 24 November 2026",
        "01.05",
        "dua puluh empat November dua ribu dua puluh enam",
    ]
