from __future__ import annotations

import io
import multiprocessing
import re
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from lxml import etree

from app import documents
from app.documents import archive as documents_archive

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NAUGHTY = [
    "<script>alert('x')</script> & \"kutip\" ]]> <!-- -->",
    "{{ 7 * 7 }} {% for x in y %} {# ulasan #} {_{ 1 }_}",
    "محمد بن عبد الله",
    "Zoë 😀👩‍👩‍👧 漢字 Nguyễn",
    "  dua  spasi\tdan tab ",
    "A" * 300,
]
OFFICE = {
    "kantor": {
        "nama": "Dinas Contoh",
        "alamat": "Jalan Contoh 1",
        "kota": "Contoh",
        "induk": "Pemerintah Provinsi Contoh",
    },
    "sop": {
        "nomor": "SOP-1",
        "judul": "Izin Contoh",
        "revisi": "03",
        "jangka_waktu": "7 kerja",
        "dasar_hukum": ["UU A", "UU B"],
    },
}


def letter(*paragraphs: str, rows: list[list[str]] | None = None, footer: str = "") -> bytes:
    """A template with these paragraphs, and a table."""
    document = Document()
    for text in paragraphs:
        document.add_paragraph(text)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    document.sections[0].footer.paragraphs[0].text = footer
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def read(paper: bytes) -> tuple[list[str], list[list[str]]]:
    """The paragraphs of a paper that say something, and the rows of its first table."""
    document = Document(io.BytesIO(paper))
    rows = [[cell.text for cell in row.cells] for row in document.tables[0].rows] if document.tables else []
    return [p.text for p in document.paragraphs if p.text], rows


def words(paper: bytes) -> str:
    """Every word of a paper in order, tables and footer too."""
    with zipfile.ZipFile(io.BytesIO(paper)) as archive:
        parts = [name for name in archive.namelist() if re.fullmatch(r"word/(document|header\d+|footer\d+)\.xml", name)]
        return "\n".join("".join(etree.fromstring(archive.read(part)).itertext()) for part in parts)


def packed(template: bytes, **parts: bytes) -> bytes:
    """A template with parts put in or replaced; `__` in a name stands for `/`, `_dot_` for a point."""
    written, names = io.BytesIO(), {n.replace("__", "/").replace("_dot_", "."): p for n, p in parts.items()}
    with zipfile.ZipFile(io.BytesIO(template)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in names:
                new.writestr(name, old.read(name))
        for name, part in names.items():
            new.writestr(name, part)
    return written.getvalue()


# -- filling -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("Nama: {{ isian.tka.nama }}", {"isian": {"tka": {"nama": "Kenji"}}}, ["Nama: Kenji"]),
        ("Nama: {{ isian.tka.nama }}.", {"isian": {}}, ["Nama: ."]),
        ("Nama: {{ isian.tka.nama }}.", {}, ["Nama: ."]),
        ("Nama: {{ isian.nama }}.", {"isian": {"nama": None}}, ["Nama: ."]),
        ("Nama: {{ isian.nama|kosong('…') }}", {"isian": {"nama": " "}}, ["Nama: …"]),
        ("{{ isian.a }} {{ isian.b }}", {"isian": {"a": True, "b": False}}, ["ya tidak"]),
        ("{{ isian.tanggal|tanggal }}", {"isian": {"tanggal": "2026-11-23"}}, ["23 November 2026"]),
        ("{{ isian.tanggal|tanggal }}", {"isian": {"tanggal": "<besok>"}}, ["<besok>"]),
        ("{{ isian.n|terbilang }}", {"isian": {"n": 12}}, ["dua belas"]),
        ("{{ petugas[“Kepala”].nama }}", {"petugas": {"Kepala": {"nama": "Sari"}}}, ["Sari"]),
        ("{{ isian.items }}", {"isian": {"items": "satu"}}, ["satu"]),
        ("{{ lipsum.__globals__ }}{{ ''.__class__.__mro__ }}", {}, []),
        ("{{ isian.kode|pilih(L='Laki-laki') }}", {"isian": {"kode": "L"}}, ["Laki-laki"]),
        ("{% if isian.a.b.c %}ada{% else %}tidak ada{% endif %}", {"isian": {}}, ["tidak ada"]),
        ("a{{ isian.x }}b", {"isian": {"x": "1\n2\r\n3\r4\u20285"}}, ["a1\n2\n3\n4\n5b"]),
        ("a{{ isian.x }}b", {"isian": {"x": "\x00\x07\x1b\u202e\ud800\uffff."}}, ["a\ufffd.b"]),
        *(("a{{ isian.x }}b", {"isian": {"x": text}}, [f"a{text}b"]) for text in NAUGHTY),
    ],
)  # fmt: skip
def test_fill(text: str, context: dict[str, Any], expected: list[str]) -> None:
    assert read(documents.fill(letter(text), context))[0] == expected


def test_rows() -> None:
    rows = [
        ["No.", "Langkah"],
        ["{%tr for b in lembar %}", ""],
        ["{{ b.no }}", "{{ b.langkah }}"],
        ["{%tr endfor %}", ""],
    ]
    template = letter("Isi:", "{%p for b in lembar %}", "- {{ b.langkah }}", "{%p endfor %}", rows=rows)
    sheet = [{"no": 1, "langkah": "a & b"}, {"no": 2}]
    assert read(documents.fill(template, {"lembar": sheet})) == (
        ["Isi:", "- a & b", "- "],
        [["No.", "Langkah"], ["1", "a & b"], ["2", ""]],
    )
    assert read(documents.fill(template, {"lembar": []})) == (["Isi:"], [["No.", "Langkah"]])


def test_a_table_or_cell_that_lost_all_it_had_is_still_a_document() -> None:
    gone = [["{%tr for b in lembar %}"], ["{{ b.no }}"], ["{%tr endfor %}"]]
    assert read(documents.fill(letter("Isi:", rows=gone), {})) == (["Isi:"], [])
    document = Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "{%p if isian.x %}"
    cell.add_paragraph("{%p endif %}")
    written = io.BytesIO()
    document.save(written)
    paper = Document(io.BytesIO(documents.fill(written.getvalue(), {})))
    assert [child.tag.rpartition("}")[2] for child in paper.tables[0].cell(0, 0)._tc] == ["tcPr", "p"]


def test_equal_inputs_give_equal_bytes() -> None:
    template, context = letter("{{ isian.nama }}", footer="{{ dokumen.nama }}"), {"isian": {"nama": "Kenji"}}
    first = documents.fill(template, context)
    documents._child.close()
    assert documents.fill(template, context) == first
    assert documents.fill(template, {"isian": {"nama": "Li"}}) != first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_what_a_file_says_of_itself_is_filled_too() -> None:
    document = Document()
    document.core_properties.title = "Izin {{ isian.nama }}"
    written = io.BytesIO()
    document.save(written)
    for name, title in (("A & <b>", "Izin A & <b>"), ("x" * 300, f"Izin {'x' * 250}")):
        paper = documents.fill(written.getvalue(), {"isian": {"nama": name}})
        assert Document(io.BytesIO(paper)).core_properties.title == title
    document.core_properties.title = "{{ isian.nama"
    document.save(written := io.BytesIO())
    found = documents.check_file("a.docx", written.getvalue())
    assert [(f.rule, f.message) for f in found] == [
        ("percobaan-gagal", "a.docx: Percobaan tanpa isian. Pada “{{ isian.nama”: penulisannya salah.")
    ]


def footnoted(text: str) -> bytes:
    document, written = Document(), io.BytesIO()
    xml = f'<w:footnotes xmlns:w="{W}"><w:footnote w:id="2"><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:footnote></w:footnotes>'
    name, package = PackURI("/word/footnotes.xml"), document.part.package
    document.part.relate_to(Part(name, CONTENT_TYPE.WML_FOOTNOTES, xml.encode(), package), RELATIONSHIP_TYPE.FOOTNOTES)
    document.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ isian.nama }}", []),
        (
            "{{ isiann.nama }}",
            [("nama-tidak-dikenal", "Nama “isiann.nama” tidak dikenal, sehingga selalu tercetak kosong.")],
        ),
        ("{{ isian.nama", [("tag-rusak", "Pada “{{ isian.nama”: “{{” tidak ditutup.")]),
    ],
)
def test_a_footnote_is_checked_as_the_rest(text: str, expected: list[tuple[str, str]]) -> None:
    found = documents.check_file("a.docx", footnoted(text))
    assert [(f.rule, f.message.removeprefix("a.docx: ")) for f in found] == expected


def test_what_was_answered_is_no_template_in_a_footnote_either() -> None:
    document = Document(io.BytesIO(footnoted("{{ isian.nama }}")))
    document.add_section()
    document.save(written := io.BytesIO())
    paper = documents.fill(written.getvalue(), {"isian": {"nama": "{{ 7 * 7 }} <"}})
    with zipfile.ZipFile(io.BytesIO(paper)) as archive:
        assert "".join(etree.fromstring(archive.read("word/footnotes.xml")).itertext()).strip() == "{{ 7 * 7 }} <"


# -- a template is code ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ isian.update({'a': 1}) }}",
        "{{ isian.x|safe }}",
        "{{ isian.x|tojson }}",
        "{{ isian.x|random }}",
        "{{ lipsum() }}",
        "{% autoescape false %}{{ isian.x }}{% endautoescape %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(999999999)|list }}",
        "{{ 'a' * 9999999999 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% for a in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
        "{{ open('/etc/passwd').read() }}",
        "{{ isian.__class__.__base__.__subclasses__() }}",
        "{{ isian|attr('__class__')|attr('__mro__')|first|attr('x')() }}",
        "{{ '%99999999d'|format(1) }}",
        "{{ ('a' * 9999)|replace('a', 'a' * 99999)|length }}",
        "{{ isian.x + 1 }}",
        "{{ isian.x.y.z() }}",
        "{{ isian.x",
        "{% if isian.x %}",
        "{{ isian.x|tanggall }}",
    ],
)
def test_a_template_that_breaks_costs_its_own_paper_only(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "TIMEOUT", 2.0)
    with pytest.raises(documents.DocumentError) as caught:
        documents.fill(letter(text), {"isian": {"x": "<b>"}})
    assert re.match("Pada “|Templat ini|Susunan|[A-Z]", str(caught.value))
    assert not re.search("Traceback|Error|undefined|expected|<w:", str(caught.value))
    assert read(documents.fill(letter("{{ isian.x }}"), {"isian": {"x": "utuh"}}))[0] == ["utuh"]


def test_a_template_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "TIMEOUT", 0.5)
    loop = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    with pytest.raises(documents.DocumentError, match="terlalu lama"):
        documents.fill(letter(loop), {})
    monkeypatch.undo()
    assert read(documents.fill(letter("{{ isian.x }}"), {"isian": {"x": "utuh"}}))[0] == ["utuh"]


def test_the_child_has_nothing_to_reach_out_with() -> None:
    documents.fill(letter("x"), {})
    assert documents._child.process
    proc = Path(f"/proc/{documents._child.process.pid}")
    limits = {line[:26].strip(): line[26:].split()[0] for line in (proc / "limits").read_text().splitlines()[1:]}
    assert [limits[name] for name in ("Max open files", "Max file size", "Max address space")] == ["3", "0", str(2**29)]
    assert sorted(fd.name for fd in (proc / "fd").iterdir()) == ["0", "1", "2"]
    assert (proc / "environ").read_bytes() == b"LC_ALL=C.UTF-8\0"


def test_a_child_that_was_killed_is_replaced() -> None:
    documents.fill(letter("x"), {})
    assert documents._child.process
    documents._child.process.kill()
    documents._child.process.wait()
    assert read(documents.fill(letter("y"), {}))[0] == ["y"]


def test_threads_and_forks_each_get_their_own_answer() -> None:
    template, found = letter("{{ isian.n }}"), {}

    def work(n: int) -> None:
        found[n] = read(documents.fill(template, {"isian": {"n": n}}))[0]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [str(n)] for n in range(12)}
    with documents._child.lock, multiprocessing.get_context("fork").Pool(2) as pool:
        asked = [(template, {"isian": {"n": n}}) for n in range(6)]
        papers = pool.starmap_async(documents.fill, asked).get(timeout=30)
    assert [read(paper)[0] for paper in papers] == [[str(n)] for n in range(6)]
    work(12)
    assert found[12] == ["12"]


# -- checking ----------------------------------------------------------------------------------------------------------

KNOWN = documents.known(["/tka/nama", "/lokasi/*/alamat"], ["Kepala"])
UNKNOWN = "Nama “{}” tidak dikenal, sehingga selalu tercetak kosong."


def test_known() -> None:
    assert documents.known(["/a", "/b/c", "/b/d", "/e/*/f", "/e/*/g", "/h/*"], ["Kasi"]) == {
        "isian": {"a": None, "b": {"c": None, "d": None}, "e": [{"f": None, "g": None}], "h": None},
        "petugas": {"Kasi": dict.fromkeys(documents.OFFICER)},
    }


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (["Nama {{ isian.tka.nama }} {{ petugas['Kepala'].nama }}"], []),
        (["{%p for l in isian.lokasi %}", "{{ loop.index }} {{ l.alamat|kosong }}", "{%p endfor %}"], []),
        (["{% set nama = isian.tka.nama %}{{ nama }}"], []),
        (["{{ sop.dasar_hukum|join(', ') }}{% for d in sop.dasar_hukum %}{{ d }}{% endfor %}"], []),
        (["Nomor {{ permohonan.nomer }}"], [("error", "nama-tidak-dikenal", UNKNOWN.format("permohonan.nomer"))]),
        (["{{ pemohon }}"], [("error", "nama-tidak-dikenal", UNKNOWN.format("pemohon"))]),
        (["{{ isian.tka.nam }}"], [("warning", "nama-tidak-dikenal", UNKNOWN.format("isian.tka.nam"))]),
        (["{{ petugas['Kepala'].pangkat }}"],
         [("warning", "nama-tidak-dikenal", UNKNOWN.format("petugas.Kepala.pangkat"))]),
        (["{{ petugas['Camat'].nama }}"], [("warning", "nama-tidak-dikenal", UNKNOWN.format("petugas.Camat.nama"))]),
        (["{% for l in isian.lokasi %}{{ l.kota }}{% endfor %}"],
         [("error", "nama-tidak-dikenal", UNKNOWN.format("l.kota"))]),
        (["utuh", "Nama {{ isian.tka.nama }"],
         [("error", "tag-rusak", "Pada “Nama {{ isian.tka.nama }”: “{{” tidak ditutup.")]),
        (["Nama {{ isian.tka.nama %}"],
         [("error", "tag-rusak", "Pada “Nama {{ isian.tka.nama %}”: “{{” ditutup dengan “%}”.")]),
        (["Nama isian.tka.nama }}"], [("error", "tag-rusak", "Pada “Nama isian.tka.nama }}”: “}}” tanpa pembuka.")]),
        (["{{ isian.tka.nama {{ x }}"],
         [("error", "tag-rusak", "Pada “{{ isian.tka.nama {{ x }}”: “{{” belum ditutup sebelum “{{”.")]),
        (["{{ isian tka }}"], [("error", "tag-rusak", "Pada “{{ isian tka }}”: penulisannya salah.")]),
        (["{{ isian.tka.nama|besar }}"],
         [("error", "tag-rusak", "Pada “{{ isian.tka.nama|besar }}”: penyaring “besar” tidak dikenal.")]),
        (["{{r isian.tka.nama }}"],
         [("error", "tag-rusak",
           "Pada “{{r isian.tka.nama }}”: “{{r … }}” menyisipkan potongan teks mentah dan tidak diizinkan.")]),
        (["{%p if isian.tka.nama %}", "ada"], [("error", "tag-rusak", "Pada “{% if isian.tka.nama %}”: “if” tidak ditutup.")]),
        (["awal", "{% endfor %}"],
         [("error", "tag-rusak", "Pada “{% endfor %}”: perintah “endfor” tidak dikenal atau tidak pada tempatnya.")]),
        (["{% include 'a' %}"],
         [("error", "tag-rusak", "Pada “{% include 'a' %}”: perintah ini tidak diizinkan dalam templat.")]),
        (["{{ isian.tka.nama + 1 }}"],
         [("warning", "percobaan-gagal",
           "Percobaan tanpa isian. Pada “{{ isian.tka.nama + 1 }}”: “tka” tidak ada isinya.")]),
    ],
)  # fmt: skip
def test_check(paragraphs: list[str], expected: list[tuple[str, str, str]]) -> None:
    found = documents.check_file("a.docx", letter(*paragraphs), KNOWN)
    assert [(f.level, f.rule, f.message) for f in found] == [
        (level, rule, f"a.docx: {text}") for level, rule, text in expected
    ]
    assert {f.element for f in found} <= {"a.docx"}


def _external(kind: str, target: str = "http://a.example/b", mode: str = "External") -> bytes:
    relation = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="x1" Type="{relation}" Target="{target}" TargetMode="{mode}"/></Relationships>'
    ).encode()


def _linked(*relation: str) -> bytes:
    return packed(letter("x"), word___rels__settings_dot_xml_dot_rels=_external(*relation))


def _field(code: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(letter("x"))) as archive:
        runs = "".join(f'<w:instrText xml:space="preserve">{bit}</w:instrText>' for bit in code.split("|"))
        field = f'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r>{runs}</w:r></w:p>'
        return archive.read("word/document.xml").replace(b"</w:p>", field.encode(), 1)


def _encoded(name: str, codec: str) -> bytes:
    text = _field(" INCLUDETEXT c:/a ").decode().partition("?>")[2]
    return f'<?xml version="1.0" encoding="{name}"?>{text}'.encode(codec)


ODD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "kosong": (lambda: b"", "bukan-docx"),
    "teks": (lambda: b"bukan dokumen", "bukan-docx"),
    "terpotong": (lambda: letter("x")[:-200], "bukan-docx"),
    "zip lain": (lambda: packed(letter("x"), **{"[Content_Types]_dot_xml": b"<Types/>"}), "bukan-docx"),
    "bom": (lambda: packed(letter("x"), word__media__a_dot_png=b"\0" * 40_000_000), "bom-zip"),
    "besar": (lambda: b"\0" * 9_000_000, "terlalu-besar"),
    "makro": (lambda: packed(letter("x"), word__vbaProject_dot_bin=b"x"), "makro"),
    "sematan": (lambda: packed(letter("x"), word__embeddings__a_dot_bin=b"x"), "makro"),
    "entitas": (
        lambda: packed(letter("x"), word__footnotes_dot_xml=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        "xml-tidak-aman",
    ),
    "templat jauh": (
        lambda: packed(letter("x"), word___rels__settings_dot_xml_dot_rels=_external("attachedTemplate")),
        "tautan-luar",
    ),
    "gambar jauh": (
        lambda: packed(letter("x"), word__document_dot_xml=_field(" INCLUDEPICTURE http://a/b ")),
        "tautan-luar",
    ),
    "ditulis terpisah": (
        lambda: packed(letter("x"), word__document_dot_xml=_field(" inclu|detext |c:/a ")),
        "tautan-luar",
    ),
    "disamarkan": (lambda: packed(letter("x"), word__document_dot_xml=_field("INCLUDE&#84;EXT c:/a")), "tautan-luar"),
    "ditulis lewat komentar": (
        lambda: packed(letter("x"), word__document_dot_xml=_field("INCLUDE<!-- -->TEXT c:/a")),
        "tautan-luar",
    ),
    "ditulis lewat perintah": (
        lambda: packed(letter("x"), word__document_dot_xml=_field("INCLUDE<?a b?>TEXT c:/a")),
        "tautan-luar",
    ),
    "ditulis lewat CDATA": (
        lambda: packed(letter("x"), word__document_dot_xml=_field("INCLU<![CDATA[DETEXT]]> c:/a")),
        "tautan-luar",
    ),
    "basis data": (lambda: packed(letter("x"), word__document_dot_xml=_field(" database a ")), "tautan-luar"),
    "UTF-16 tanpa tanda": (
        lambda: packed(letter("x"), word__document_dot_xml=_encoded("UTF-16", "utf-16-le")),
        "xml-tidak-aman",
    ),
    "UTF-7": (lambda: packed(letter("x"), word__document_dot_xml=_encoded("UTF-7", "utf-7")), "xml-tidak-aman"),
    "EBCDIC": (lambda: packed(letter("x"), word__document_dot_xml=_encoded("IBM037", "cp037")), "xml-tidak-aman"),
    "medan sederhana": (
        lambda: packed(
            letter("x"), word__document_dot_xml=_field('x</w:instrText><w:fldSimple w:instr="LINK a"/><w:instrText>')
        ),
        "tautan-luar",
    ),
    "bernama tautan": (lambda: _linked("image", "http://a.example/hyperlink"), "tautan-luar"),
    "luar disamarkan": (lambda: _linked("image", "http://a.example/b", "Ex&#116;ernal"), "tautan-luar"),
    "tautan ke berkas": (lambda: _linked("hyperlink", "file://server/a"), "tautan-luar"),
    "tautan berskrip": (lambda: _linked("hyperlink", "javascript:alert(1)"), "tautan-luar"),
    "potongan HTML": (lambda: _linked("aFChunk", "a.html", "Internal"), "makro"),
    "makro bernama lain": (lambda: _linked("vbaProject", "a.bin", "Internal"), "makro"),
    "hubungan rusak": (lambda: packed(letter("x"), word___rels__a_dot_xml_dot_rels=b"<Relationships"), "bukan-docx"),
    "medan di bagian lain": (
        lambda: packed(letter("x"), word__lain_dot_dat=_field(" INCLUDEPICTURE http://a/b ")),
        "tautan-luar",
    ),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_odd_files(kind: str) -> None:
    make, rule = ODD_FILES[kind]
    content = make()
    assert [(f.level, f.rule) for f in documents.check_file("a.docx", content)] == [("error", rule)]
    with pytest.raises(documents.DocumentError):
        documents.fill(content, {})


@pytest.mark.parametrize(
    "code",
    [
        '{{ "INCLUDE" ~ "TEXT" }} "c:/a"',
        "{% if true %}include{% endif %}{{ isian.x }} c:/a",
        '{{ "INCLUDE"|e }}PICTURE c:/a',
    ],
)
def test_a_field_that_filling_makes_is_refused(code: str) -> None:
    template = packed(letter("x"), word__document_dot_xml=_field(code))
    with pytest.raises(documents.DocumentError, match="mengambil isi dari luar"):
        documents.fill(template, {"isian": {"x": "PICTURE"}})


def test_a_field_that_a_tag_writes_is_refused() -> None:
    parts = '("~/w:t!~w:instrText!INCLUDETEXT c:/a~/w:instrText!~w:t!"|e).translate({126: "\\x3c", 33: "\\x3e"})'
    with pytest.raises(documents.DocumentError, match="mengambil isi dari luar"):
        documents.fill(letter("{{ " + parts + " }}"), {})


def test_what_was_answered_makes_no_field_suspect() -> None:
    template = packed(letter("x"), word__document_dot_xml=_field('HYPERLINK "mailto:{{ isian.x }}"'))
    assert documents.fill(template, {"isian": {"x": "LINK IMPORT JAYA"}})


def test_a_plain_link_is_welcome_and_other_names_are_not() -> None:
    for target in ("http://a.example/link/import", "HTTPS://a.example", "mailto:a@contoh.id"):
        assert documents.check_file("A.DOCX", _linked("hyperlink", target)) == []
    field = packed(letter("x"), word__document_dot_xml=_field(' HYPERLINK "http://a.example/link" '))
    assert documents.check_file("a.docx", field) == []
    assert [f.rule for f in documents.check_file("a.docm", letter("x"))] == ["bukan-docx"]


def test_a_font_that_few_have_is_told_of() -> None:
    document = Document()
    document.add_paragraph().add_run("Izin").font.name = "Monotype Corsiva"
    document.add_paragraph().add_run("Izin").font.name = "Arial"
    written = io.BytesIO()
    document.save(written)
    assert [
        (f.level, f.rule, "“Monotype Corsiva”" in f.message) for f in documents.check_file("a.docx", written.getvalue())
    ] == [("info", "huruf-asing", True)]
    assert read(documents.fill(written.getvalue(), {}))[0] == ["Izin", "Izin"]


def test_a_document_of_one_part_is_enough() -> None:
    """No styles, no fonts, no settings: what another program writes, and what is left when those were taken out."""
    schemas, package = "http://schemas.openxmlformats.org", "application/vnd.openxmlformats-package.relationships+xml"
    main, word = documents_archive.DOCUMENT.decode(), f"{schemas}/wordprocessingml/2006/main"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{schemas}/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="{package}"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{schemas}/package/2006/relationships"><Relationship Id="r" '
        f'Type="{schemas}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>Nama {{{{ isian.nama }}}}</w:t>'
        "</w:r></w:p></w:body></w:document>",
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    assert documents.check_file("a.docx", written.getvalue()) == []
    assert read(documents.fill(written.getvalue(), {"isian": {"nama": "Li"}}))[0] == ["Nama Li"]


def test_five_thousand_rows_of_naughty_names() -> None:
    rows = [["No.", "Nama"], ["{%tr for b in lembar %}", ""], ["{{ b.no }}", "{{ b.nama }}"], ["{%tr endfor %}", ""]]
    names = [name for name in NAUGHTY if "\t" not in name]
    sheet = [{"no": n, "nama": names[n % len(names)]} for n in range(5000)]
    written = words(documents.fill(letter("Isi:", rows=rows), {"lembar": sheet}))
    assert written.count(NAUGHTY[2]) == len([row for row in sheet if row["nama"] == NAUGHTY[2]])
    assert written.count("A" * 300) == len([row for row in sheet if row["nama"] == "A" * 300])
    assert NAUGHTY[0] in written


def test_an_xml_part_that_is_none_is_a_finding() -> None:
    broken = packed(letter("x"), word__document_dot_xml=b"<w:document")
    assert [(f.level, f.rule) for f in documents.check_file("a.docx", broken)] == [("error", "percobaan-gagal")]
