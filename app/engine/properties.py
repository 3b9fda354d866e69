"""Every property that an SOP's owner writes in the diagram, in one table, and how it is found in the XML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lxml import etree

Place = Literal["proses", "lajur", "langkah", "panah", "mulai", "kejadian", "akhir", "lain"]


@dataclass(frozen=True)
class Property:
    """A property: where it may stand, what it means, and, where its lines have a shape, that shape and an example."""

    name: str
    places: tuple[Place, ...]
    meaning: str
    shape: str = ""
    example: str = ""


YES = "ya|tidak"
ENDINGS = "selesai|ditolak|ditarik|gugur"
PAPER = r".+\.docx(\s*\|.*)?"
MESSAGE = r".+\.txt(\s*\|.*)?"
LIMIT = r"H(\s*\+\s*\d+)?"
ANSWERED = r"\d{1,3}\s*(hari\s*)?(kerja|kalender)?\s*(\|.*)?"
LENGTH = r"\d{1,3}\s*(hari\s*)?(kerja|kalender)?"
BOOK = r"[^|]+(\|[^|=]*\w[^|=]*=[^|]*\w[^|]*)+"
KEPT = r"[1-9]\d{0,2}\s*(tahun|bulan|hari)\s*\|[^|]+\|[^|]+"
WHO = r"[^|]+(\|\s*.+\.docx(\s*\|.*)?)?"
CLOCK = "mulai|jeda|jalan"
KEY = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
TERM = r".+\.docx(\s*\|[^|]*){1,3}"
ENDING = r"\d{1,3}\s*hari\s*\|\s*.+\.txt"
COPY = r"[\w.]+(\s*=.+)?"
LISTED = (YES, ENDINGS, CLOCK)  # values that are one of a few words
VOCABULARY = (
    Property("nomor", ("proses", "langkah"), "nomor SOP; nomor langkah di tabel SOP"),
    Property("revisi", ("proses",), "nomor revisi SOP"),
    Property("tanggal_efektif", ("proses",), "tanggal SOP mulai berlaku", r"\d{4}-\d\d-\d\d", "2026-01-31"),
    Property("dasar_hukum", ("proses",), "dasar hukum, satu per baris"),
    Property("terkait", ("proses",), "dokumen terkait, satu per baris"),
    Property("persyaratan", ("proses",), "persyaratan, satu per baris"),
    Property("biaya", ("proses",), "biaya layanan"),
    Property("produk", ("proses",), "produk layanan"),
    Property("masa_berlaku", ("proses",), "masa berlaku produk"),
    Property("jam_layanan", ("proses",), "jam layanan"),
    Property("jangka_waktu", ("proses",), "batas waktu permohonan dari H", LENGTH, "7 kerja"),
    Property("diam_positif", ("proses",), "lewat batas tanpa keputusan berarti dikabulkan (UU 30/2014)", YES, "ya"),
    Property("nomor_permohonan", ("proses",), "pola nomor permohonan", r".*\{urut(:\d+)?\}.*", "{urut:5}/IMTA/{tahun}"),
    Property("ringkasan", ("proses",), "kunci data yang ditampilkan sebagai pokok permohonan"),
    Property("cari", ("proses",), "kunci data lain yang ditemukan oleh pencarian"),
    Property("satu_terbuka", ("proses",), "kunci data; petugas diberi tahu bila permohonan terbuka lain berisi sama"),
    Property("buku", ("proses",), "kolom lain buku register dari isian", BOOK, "Agenda | pemohon.nama = Nama"),
    Property("kantor_nama", ("proses",), "kop surat: nama kantor"),
    Property("kantor_alamat", ("proses",), "kop surat: alamat"),
    Property("kantor_kota", ("proses",), "kop surat: kota"),
    Property("kantor_induk", ("proses",), "kop surat: instansi induk"),
    Property("unduhan", ("proses",), "formulir kosong di halaman layanan", PAPER, "surat-kuasa.docx | Nama"),
    Property("lembar_kendali", ("proses",), "templat lembar pengendali proses", PAPER, "lembar.docx | Nama"),
    Property("penarikan", ("proses",), "siapa yang boleh menarik permohonan, dan suratnya", WHO, "pemohon"),
    Property("penolakan", ("proses",), "siapa yang boleh menolak permohonan, dan suratnya", WHO, "Arsip | tolak.docx"),
    Property("pengguguran", ("proses",), "siapa yang boleh menggugurkan permohonan, dan suratnya", WHO, "Arsip"),
    Property("pembukaan_kembali", ("proses",), "siapa yang boleh membuka kembali permohonan", WHO, "Direktur"),
    Property("pembetulan", ("proses",), "siapa yang boleh membetulkan isian, juga setelah terbit", WHO, "Arsip, Loket"),
    Property("pencabutan", ("proses",), "siapa yang boleh mencabut yang sudah terbit", WHO, "Direktur | cabut.docx"),
    Property("pencatatan_darurat", ("proses",), "lajur yang mencatat dari kertas sesudah gangguan", ".+", "Loket, TU"),
    Property("pengaduan", ("proses",), "batas menjawab pertanyaan pemohon, dan lajurnya", ANSWERED, "5 kerja | Loket"),
    Property(
        "keabsahan", ("proses",), "templat yang dapat diperiksa siapa pun: kunci nomornya, hari pertama, hari terakhir",
        TERM, "izin.docx | nomor_izin | izin.mulai | izin.sampai",
    ),
    Property("pemegang", ("proses",), "kunci data pemegang, seperti tercetak pada surat yang dapat diperiksa"),
    Property(
        "pengingat_berakhir", ("proses",), "berapa hari sebelum berakhir pemegang diingatkan, dan teksnya", ENDING,
        "30 hari | akan-berakhir.txt",
    ),
    Property("perpanjangan", ("proses",), "SOP yang memperpanjang: ya (SOP ini juga) atau id-nya", r"[\w-]+", "ya"),
    Property("salin", ("proses",), "isian lama yang mengisi perpanjangannya", COPY, "izin_lama.nomor = nomor_izin"),
    Property("retensi", ("proses",), "masa simpan; lajur yang mengusulkan dan yang memutuskan pemusnahan",
             KEPT, "5 tahun | Arsip | Direktur"),
    Property("instansi", ("lajur",), "instansi pelaksananya, bila bukan kantor ini"),
    Property("pemohon", ("lajur",), "lajur pemohon", YES, "ya"),
    Property("loket", ("lajur",), "boleh mengajukan atas nama pemohon yang datang", YES, "ya"),
    Property("atasan", ("lajur",), "lajur yang diberi tahu bila batas waktu terlampaui", ".+", "Kepala Bagian"),
    Property("formulir", ("langkah",), "formulir langkah: nama berkas tanpa .form"),
    Property("waktu", ("langkah",), "standar menit", r"\d+(\s*-\s*\d+)?", "10-30"),
    Property("batas", ("langkah",), "batas waktu langkah dalam hari kerja setelah H", LIMIT, "H+2"),
    Property("jam", ("langkah",), "jam layanan: mulai di sini (H), berhenti (jeda), atau tetap jalan", CLOCK, "mulai"),
    Property("register", ("langkah",), "nomor yang diberikan: kunci = register : pola"),
    Property("dokumen", ("langkah", "panah", "akhir"), "dokumen yang terbit", PAPER, "izin.docx | Izin | rangkap 3"),
    Property("pesan", ("langkah", "panah", "kejadian", "akhir"), "pesan yang dikirim", MESSAGE, "surat.txt | pemohon"),
    Property("survei", ("langkah",), "kunci kelompok isian yang memuat sembilan unsur survei kepuasan", KEY, "survei"),
    Property("empat_mata", ("langkah",), "langkah yang pelaksananya tidak boleh mengerjakan langkah ini"),
    Property("kelengkapan", ("langkah",), "kolom kelengkapan SOP"),
    Property("keluaran", ("langkah",), "kolom keluaran SOP"),
    Property("keterangan", ("langkah",), "kolom keterangan SOP"),
    Property("kembali", ("panah",), "cabang ini pengembalian atau bukan", YES, "ya"),
    Property("utama", ("mulai",), "jalan masuk yang biasa", YES, "ya"),
    Property("status", ("akhir",), "status permohonan di akhir ini", ENDINGS, "ditolak"),
    Property("permohonan_baru", ("akhir",), "permohonan baru dibuka untuk pemohon", YES, "ya"),
)  # fmt: skip

ONCE = frozenset(
    {"nomor", "revisi", "tanggal_efektif", "jangka_waktu", "nomor_permohonan", "satu_terbuka", "kantor_nama",
     "kantor_kota", "pemohon", "loket", "atasan", "formulir", "waktu", "batas", "jam", "survei", "kembali", "utama",
     "status", "permohonan_baru", "penarikan", "penolakan", "pengguguran", "pembukaan_kembali", "pembetulan",
     "pencabutan", "diam_positif", "pengaduan", "instansi", "perpanjangan", "retensi"}
)  # fmt: skip  # of these one value is meant, of all others every line counts
FOR_LANES = frozenset(known.name for known in VOCABULARY if "lajur" in known.places)
WORDS = frozenset(known.name for known in VOCABULARY if known.shape in LISTED)
FOREIGN = {"formJsonSchemaFilename", "formUiSchemaFilename"}  # other tools' names that we read or may ignore
PLACE_NAMES: Mapping[Place, str] = {
    "proses": "proses", "lajur": "lajur", "langkah": "langkah", "panah": "panah", "mulai": "kejadian awal",
    "kejadian": "kejadian perantara", "akhir": "kejadian akhir", "lain": "elemen ini",
}  # fmt: skip


class Given(dict[str, str]):
    """Properties by name. `contrary` are those that mean one value and were given several, with all of them."""

    contrary: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Given:
        return given if isinstance(given, Given) else cls(given)

    def over(self, outer: Given) -> Given:
        """These and, where they say nothing, what `outer` says."""
        whole = Given({**outer, **self})
        theirs = {name: values for name, values in outer.contrary.items() if name not in self}
        whole.contrary = {**theirs, **self.contrary}
        return whole


def properties(element: etree._Element) -> Given:
    """The properties in an element's extensions, of whatever tool; of one written several times every line, or the
    first where one value is meant.
    """
    lines: dict[str, list[str]] = {}
    for extensions in element:
        if local(extensions) != "extensionElements":
            continue
        for group in extensions:
            if local(group) != "properties":
                continue
            for item in group:
                name = (item.get("name") or item.get("key") or "").strip()
                value = (item.get("value") or item.text or "").strip()
                if local(item) == "property" and name:
                    lines.setdefault(name, []).append(value.lower() if name in WORDS else value)
    if not lines:
        return Given()
    once = {name: [value for value in values if value] or values for name, values in lines.items() if name in ONCE}
    found = Given({name: once[name][0] if name in once else "\n".join(values) for name, values in lines.items()})
    contrary = {name: tuple(dict.fromkeys(values)) for name, values in once.items()}
    found.contrary = {name: values for name, values in contrary.items() if len(values) > 1}
    return found


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def form_of(element: etree._Element, given: Mapping[str, str]) -> str:
    """The id of a step's form: our property, else as Camunda 8, Camunda 7 or SpiffWorkflow name it; "" where none."""
    names = [given.get("formulir", "")]
    for extensions in element:
        if local(extensions) == "extensionElements":
            forms = [item for item in extensions if local(item) == "formDefinition"]
            names += [form.get("formId") or form.get("formKey") or "" for form in forms]
    names += [value for key, value in element.attrib.items() if etree.QName(key).localname in ("formKey", "formRef")]
    names.append(given.get("formJsonSchemaFilename", ""))
    for name in names:
        short = re.split(r"[:/\\]", name.strip())[-1]
        short = re.sub(r"(-schema)?\.(form|json)$", "", short)
        if short:
            return short
    return ""


def local(element: etree._Element) -> str:
    """An element's name without its namespace; "" for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def faults(place: Place, given: Mapping[str, str]) -> Iterator[tuple[Literal["error", "warning", "info"], str, str]]:
    """What is wrong with the properties at a place, as level, rule and message."""
    here = {known.name: known for known in VOCABULARY if place in known.places}
    for name, values in Given.of(given).contrary.items():
        all_of_them = ", ".join(f"“{value}”" for value in values)
        message = f"Properti {name} ditulis lebih dari satu kali ({all_of_them}); yang dibaca “{values[0]}”."
        yield "warning", "properti-ganda", f"{message} Hapuslah yang tidak dimaksud."
    for name, value in given.items():
        if name in here:
            known = here[name]
            for line in value.splitlines() or [""]:
                if known.shape and line.strip() and not re.fullmatch(known.shape, line.strip(), re.IGNORECASE):
                    yield (
                        "error",
                        "nilai-properti",
                        f"Properti {name} “{line.strip()}” tidak terbaca. Tulis seperti: {known.example}.",
                    )
            if name == "tanggal_efektif" and re.fullmatch(known.shape, value.strip()) and not _is_day(value.strip()):
                message = f"Properti {name} “{value.strip()}” bukan tanggal yang ada."
                yield "warning", "nilai-properti", f"{message} Tulis tahun-bulan-hari, seperti: {known.example}."
            continue
        if name in FOREIGN:
            continue
        elsewhere = [known for known in VOCABULARY if known.name == name]
        if elsewhere:
            places = " atau ".join(PLACE_NAMES[other] for other in elsewhere[0].places)
            yield (
                "warning",
                "properti-salah-tempat",
                f"Properti {name} tidak dibaca pada {PLACE_NAMES[place]}; tempatnya pada {places}.",
            )
            continue
        near = difflib.get_close_matches(name.lower().replace("-", "_").replace(" ", "_"), here, 1, 0.7)
        if near:
            yield "warning", "properti-tak-dikenal", f"Properti {name} tidak dikenal. Maksud Anda {near[0]}?"
        else:
            yield "info", "properti-tak-dikenal", f"Properti {name} tidak dikenal dan diabaikan."
