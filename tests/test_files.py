"""The store of files, and what an upload really is."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from pypdf import PdfWriter

from app import demo, files

PDF = b"%PDF-1.4\n%%EOF"
PNG = demo._png()
JPEG = b"\xff\xd8\xff\xe0" + bytes(16) + b"\xff\xda" + bytes(9) + b"\xff\xd9"
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def package(*names: str, size: int = 1) -> bytes:
    """A ZIP with these parts, each of so many zero bytes."""
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, bytes(size))
    return whole.getvalue()


def locked(content: bytes) -> bytes:
    """The same ZIP with its parts marked as encrypted."""
    start = content.index(b"PK\x01\x02") + 8
    return content[:start] + b"\x01" + content[start + 1 :]


def torn(content: bytes) -> bytes:
    """The same ZIP with a byte of its first part changed."""
    at = content.index(b"[Content_Types].xml") + 20
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def pdf(user: str = "", owner: str = "", algorithm: str = "AES-256") -> bytes:
    """A PDF that opens with a password, or with none and forbids printing; with neither, a plain one."""
    whole, out = PdfWriter(), BytesIO()
    whole.add_blank_page(200, 200)
    if user or owner:
        whole.encrypt(user, owner or None, algorithm=algorithm)
    whole.write(out)
    return out.getvalue()


def old_container(name: str) -> bytes:
    """A file of the kind in which Word keeps a .docx that asks for a password, and formerly everything."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + name.encode("utf-16-le") + bytes(400)


DOCX = package("[Content_Types].xml", "word/document.xml")


def test_a_file_is_kept_once_and_read_back(tmp_path):
    assert files.put(tmp_path, b"hello") == HELLO
    assert files.put(tmp_path, b"hello") == HELLO
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / HELLO[:2] / HELLO[2:]]
    assert files.read(tmp_path, HELLO) == b"hello"
    assert files.whole(tmp_path, HELLO)


def test_a_changed_byte_is_seen_and_mended_by_putting_again(tmp_path):
    files.put(tmp_path, b"hello")
    files.path(tmp_path, HELLO).write_bytes(b"hellO")
    assert not files.whole(tmp_path, HELLO)
    files.put(tmp_path, b"hello")
    assert files.whole(tmp_path, HELLO)


def named(value: object) -> str | None:
    """Bytes made with the clock in them would name each process's tests otherwise."""
    return "bytes" if isinstance(value, bytes) else None


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", HELLO.upper(), HELLO + "0", HELLO[:-1] + "\n"])
def test_what_is_no_digest_is_no_path(tmp_path, digest):
    with pytest.raises(ValueError, match="SHA-256"):
        files.path(tmp_path, digest)
    assert not files.whole(tmp_path, digest)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("paspor.pdf", PDF, "application/pdf"),
        ("paspor", PDF, "application/pdf"),
        ("Surat No.12", PDF, "application/pdf"),
        ("FOTO.JPG", JPEG, "image/jpeg"),
        ("foto.jpeg", JPEG, "image/jpeg"),
        ("foto.png", PNG, "image/png"),
        ("surat.docx", DOCX, files.DOCX),
        ("daftar.xlsx", package("[Content_Types].xml", "xl/workbook.xml"), files.XLSX),
        ("catatan.txt", "Catatan é\n".encode(), "text/plain"),
        ("nib.pdf", pdf(), "application/pdf"),
        ("nib.pdf", pdf(owner="rahasia"), "application/pdf"),  # it opens, and only forbids printing
        ("nib.pdf", pdf(owner="rahasia", algorithm="RC4-128"), "application/pdf"),
    ],
    ids=named,
)
def test_what_a_file_is(name, content, kind):
    assert files.sniff(name, content) == kind


PICTURES = ("application/pdf", "image/jpeg", "image/png")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"", "Berkas ini kosong. Periksa berkasnya lalu pilih lagi."),
        ("a.pdf", PDF + bytes(3_000_000), "Berkas ini 2,9 MB; paling besar 2 MB. Perkecil lalu unggah lagi."),
        ("a.pdf", b"MZ\x90\x00", "Berkas ini sebuah program dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", b"\x7fELF\x02", "Berkas ini sebuah program dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", b"#!/bin/sh\n", "Berkas ini sebuah program dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.png", b"GIF89a" + bytes(9), "Berkas ini GIF. Unggah berkas PDF, JPG atau PNG."),
        ("a.png", PDF, "Nama berkas berakhiran .png, tetapi isinya PDF. Simpan ulang sebagai PDF, JPG atau PNG."),
        ("a.pdf.exe", PDF, "Nama berkas berakhiran .exe, tetapi isinya PDF. Simpan ulang sebagai PDF, JPG atau PNG."),
        ("a\u202efdp.exe", PDF,
         "Nama berkas berakhiran .exe, tetapi isinya PDF. Simpan ulang sebagai PDF, JPG atau PNG."),
        ("a.docx", DOCX, "Berkas ini DOCX. Unggah berkas PDF, JPG atau PNG."),
        ("a.svg", b"<svg><script>alert(1)</script></svg>",
         "Berkas ini halaman web, SVG atau XML, dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", b"\n <html>",
         "Berkas ini halaman web, SVG atau XML, dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", b"halo", "Berkas ini TXT. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", b"\x00\xff\x00", "Jenis berkas ini tidak dikenal. Unggah berkas PDF, JPG atau PNG."),
        ("a.zip", package("a.txt"), "Berkas ini arsip ZIP. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", DOCX[:40], "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", package("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
         "Berkas ini memuat makro dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", pdf("rahasia"), "Berkas ini dikunci dengan kata sandi. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", pdf("rahasia", algorithm="RC4-40"),
         "Berkas ini dikunci dengan kata sandi. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", pdf()[:-30], "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.pdf", b"%PDF-1.7\n/Encrypt << >>\n%%EOF",
         "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.png", PNG[:-9], "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.png", PNG.replace(b"IDAT", b"IDAU"),
         "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.jpg", JPEG[:-2], "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.jpg", JPEG[:20], "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.png", b"<?xml version='1.0'?><svg onload='alert(1)'/>",
         "Berkas ini halaman web, SVG atau XML, dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", old_container("EncryptedPackage"),
         "Berkas ini dikunci dengan kata sandi. Unggah berkas PDF, JPG atau PNG."),
        ("a.doc", old_container("WordDocument"), "Berkas ini dokumen Office model lama. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", package("[Content_Types].xml", "word/document.xml", "../../etc/cron.d/x"),
         "Berkas ini menyebut tempat di luar dirinya dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", package("[Content_Types].xml", "word/document.xml", "word\\..\\..\\x"),
         "Berkas ini menyebut tempat di luar dirinya dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", package("[Content_Types].xml", "word/document.xml", "/etc/passwd"),
         "Berkas ini menyebut tempat di luar dirinya dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", torn(DOCX), "Berkas ini rusak dan tidak dapat dibuka. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", locked(DOCX), "Berkas ini dikunci dengan kata sandi. Unggah berkas PDF, JPG atau PNG."),
        ("a.docx", package("[Content_Types].xml", "word/document.xml", size=20_000_000),
         "Berkas ini terlalu besar setelah dibuka dan tidak diterima. Unggah berkas PDF, JPG atau PNG."),
    ],
    ids=named,
)  # fmt: skip
def test_what_is_refused(name, content, message):
    with pytest.raises(files.UploadRefused) as refused:
        files.sniff(name, content, PICTURES, limit=2 * 1024 * 1024)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("paspor.pdf", "paspor.pdf"),
        ("Paspor Budi (baru).pdf", "Paspor Budi (baru).pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\Budi\\paspor.pdf", "paspor.pdf"),
        ("pas\x00por\n.pdf", "pas por.pdf"),
        ("paspor\u202efdp.exe", "pasporfdp.exe"),
        ("\ud800a.pdf", "a.pdf"),
        ('a<b>:"c".pdf', "a_b___c_.pdf"),
        ("..", "berkas.pdf"),
        ("", "berkas.pdf"),
        ("é.pdf", "é.pdf"),
        ("护照.pdf", "护照.pdf"),
        ("x" * 300 + ".pdf", "x" * 120 + ".pdf"),
        ("Surat No.12", "Surat No.12.pdf"),
    ],
)
def test_a_safe_name(name, safe):
    assert files.safe_name(name, "application/pdf") == safe
