"""Files by what is in them: a store addressed by SHA-256, and what an upload really is."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import filetype

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = {  # media type -> extensions, and what a reader calls it
    "application/pdf": (("pdf",), "PDF"),
    "image/jpeg": (("jpg", "jpeg", "jpe", "jfif"), "JPG"),
    "image/png": (("png",), "PNG"),
    DOCX: (("docx",), "DOCX"),
    XLSX: (("xlsx",), "XLSX"),
    "text/plain": (("txt", "csv"), "TXT"),
}
MARKERS = {"word/document.xml": DOCX, "xl/workbook.xml": XLSX}
UNPACKED_LIMIT, PARTS_LIMIT = 200 * 1024 * 1024, 5_000
NAME_LIMIT = 120
ASIDE = "sementara"  # beside the store: what is on its way into it
_DIGEST = re.compile(r"[0-9a-f]{64}")
_EXECUTABLE = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PNG = b"\x89PNG\r\n\x1a\n"
TORN = "Berkas ini rusak dan tidak dapat dibuka"
LOCKED = "Berkas ini dikunci dengan kata sandi"
_MARKUP = re.compile(rb"\s*<", re.ASCII)


class UploadRefused(Exception):
    """A file that is not taken; the text says why and what to do, in Indonesian."""


def put(root: Path, content: bytes) -> str:
    """Keeps the bytes and gives their SHA-256; when it returns, they survive a power cut.

    A row that names them is written first, in the same transaction: what takes files away waits for such rows, and
    finds these bytes named, or is done before they are put here again.
    """
    digest = sha256(content)
    target = path(root, digest)
    if whole(root, digest):
        return digest
    _write(target, content)
    return digest


def set_aside(root: Path, name: str, content: bytes) -> None:
    """Keeps bytes under a name until a row names them; when it returns, they survive a power cut."""
    _write(root / ASIDE / name, content)


def aside(root: Path) -> dict[str, Path]:
    """What was set aside, by name."""
    return {path.name: path for path in (root / ASIDE).glob("[!.]*")}


def drop_aside(root: Path, name: str) -> None:
    """Lets go of what was set aside under a name, if it is there."""
    (root / ASIDE / name).unlink(missing_ok=True)


def _write(target: Path, content: bytes) -> None:
    made = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(target.parent)
    if made:
        _sync(target.parent.parent)


def sha256(content: bytes) -> str:
    """The SHA-256 under which these bytes are kept."""
    return hashlib.sha256(content).hexdigest()


def path(root: Path, digest: str) -> Path:
    """Where the bytes with this SHA-256 lie, or would. Raises ValueError for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"not a SHA-256: {digest!r}")
    return root / digest[:2] / digest[2:]


def read(root: Path, digest: str) -> bytes:
    """The bytes with this SHA-256. Raises FileNotFoundError."""
    return path(root, digest).read_bytes()


def whole(root: Path, digest: str) -> bool:
    """Are the bytes there, and still the same?"""
    try:
        with path(root, digest).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except (OSError, ValueError):
        return False


def size(root: Path, digest: str) -> int | None:
    """How many bytes are there; None where there are none."""
    try:
        return path(root, digest).stat().st_size
    except (OSError, ValueError):
        return None


def remove(root: Path, digest: str) -> bool:
    """Takes the bytes with this SHA-256 away, for good once it returns; False where they were not there."""
    target = path(root, digest)
    try:
        target.unlink()
    except FileNotFoundError:
        return False
    _sync(target.parent)
    return True


def sniff(name: str, content: bytes, accept: Sequence[str] = (), limit: int | None = None) -> str:
    """The media type that the bytes really are. `accept`: media types that are taken (none: all we know).

    Raises UploadRefused for a file that is empty, larger than `limit` bytes, of another kind than is taken, of another
    kind than its name says, or harmful.
    """
    if not content:
        raise UploadRefused("Berkas ini kosong. Periksa berkasnya lalu pilih lagi.")
    if limit is not None and len(content) > limit:
        raise UploadRefused(
            f"Berkas ini {_megabytes(len(content))}; paling besar {_megabytes(limit)}. Perkecil lalu unggah lagi."
        )
    taken = [kind for kind in accept if kind in KINDS] or list(KINDS)
    wanted = _listed([KINDS[kind][1] for kind in taken])
    found = _kind(content)
    if found not in taken:
        what = f"Berkas ini {KINDS[found][1]}" if found in KINDS else found or "Jenis berkas ini tidak dikenal"
        raise UploadRefused(f"{what}. Unggah berkas {wanted}.")
    suffix = _parted(safe_name(name))[1].lower()
    if suffix and suffix not in KINDS[found][0]:
        raise UploadRefused(
            f"Nama berkas berakhiran .{suffix}, tetapi isinya {KINDS[found][1]}. Simpan ulang sebagai {wanted}."
        )
    return found


def safe_name(name: str, media_type: str = "") -> str:
    """A name that is safe to show and to save under: no path, nothing invisible, not too long; readable still.

    A name without an extension gets the one of `media_type`.
    """
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    name = "".join(" " if unicodedata.category(c) in ("Zs", "Zl", "Zp", "Cc") else c for c in name)
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    name = re.sub(r'[<>:"|?*]', "_", " ".join(name.split())).strip(". ")
    stem, suffix = _parted(name)
    suffix = suffix or (KINDS[media_type][0][0] if media_type in KINDS else "")
    stem = stem[:NAME_LIMIT].rstrip(". ") or "berkas"
    return f"{stem}.{suffix}" if suffix else stem


def _parted(name: str) -> tuple[str, str]:
    """Stem and extension; "Surat No.12" has none."""
    stem, dot, suffix = name.rpartition(".")
    real = dot and suffix.isascii() and suffix.isalnum() and not suffix.isdigit() and len(suffix) <= 8
    return (stem, suffix) if real else (name, "")


def _kind(content: bytes) -> str:
    """The media type; for what we do not take, the beginning of a sentence about it."""
    if content.startswith(b"%PDF-"):
        return _pdf(content)
    if content.startswith(PNG):
        return "image/png" if _png_whole(content) else TORN
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg" if -1 < content.find(b"\xff\xda") < content.rfind(b"\xff\xd9") else TORN
    if content.startswith(_OLE):  # Word and Excel put a file that asks for a password into what they wrote of old
        return LOCKED if "EncryptedPackage".encode("utf-16-le") in content else "Berkas ini dokumen Office model lama"
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    if content.startswith(_EXECUTABLE):
        return "Berkas ini sebuah program dan tidak diterima"
    guessed = filetype.guess(content)
    if guessed is not None:
        return f"Berkas ini {guessed.extension.upper()}"
    if _MARKUP.match(content):
        return "Berkas ini halaman web, SVG atau XML, dan tidak diterima"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    return "" if re.search("[\x00-\x08\x0b\x0e-\x1f\x7f]", text) else "text/plain"


def _pdf(content: bytes) -> str:
    """A PDF has an end, and opens without a password; one that only forbids this and that does."""
    if b"%%EOF" not in content[-8192:]:
        return TORN
    if b"/Encrypt" not in content:
        return "application/pdf"
    from pypdf import PdfReader

    try:
        reader = PdfReader(BytesIO(content))
        locked = reader.is_encrypted and not reader.decrypt("")
    except Exception:  # whatever a broken file does to its reader
        return TORN
    return LOCKED if locked else "application/pdf"


def _png_whole(content: bytes) -> bool:
    """Is every part of a picture there, to its end, with its check sum?"""
    at = len(PNG)
    while len(head := content[at : at + 8]) == 8:
        end = at + 12 + int.from_bytes(head[:4], "big")
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            return False
        if head[4:] == b"IEND":
            return end <= len(content)
        at = end
    return False


def _office(content: bytes) -> str:
    """What a ZIP is. None of it is unpacked to a file; a name that would leave its folder is refused all the same."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return _package(archive, len(content))
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        return TORN


def _package(archive: zipfile.ZipFile, size: int) -> str:
    parts = archive.infolist()
    if len(parts) > PARTS_LIMIT or sum(part.file_size for part in parts) > max(
        UNPACKED_LIMIT // 10, min(UNPACKED_LIMIT, 200 * size)
    ):
        return "Berkas ini terlalu besar setelah dibuka dan tidak diterima"
    names = {part.filename for part in parts}
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return "Berkas ini memuat makro dan tidak diterima"
    if any(part.flag_bits & 1 for part in parts):
        return LOCKED
    if any(_leaves(name) for name in names):
        return "Berkas ini menyebut tempat di luar dirinya dan tidak diterima"
    if archive.testzip() is not None:
        return TORN
    if "[Content_Types].xml" in names:
        for marker, kind in MARKERS.items():
            if marker in names:
                return kind
    return "Berkas ini arsip ZIP"


def _leaves(name: str) -> bool:
    """Would a part of this name be unpacked outside of its folder?"""
    name = name.replace("\\", "/")
    return name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name) is not None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _megabytes(size: int) -> str:
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024))} kB"
    return f"{size / 1024 / 1024:.1f}".replace(".", ",").removesuffix(",0") + " MB"


def _listed(words: Sequence[str]) -> str:
    return " atau ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
