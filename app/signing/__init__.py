"""Electronic signatures on the PDF of final papers (PAdES): made where a signer is set up, and read wherever one is.

`Signer` is all that the rest knows of it. What is here signs by a certificate of the operator's; a client of the
national signer (BSrE) is another class with these two verbs, given out by `signer`. pyHanko, an optional package
(`alur[signing]`), is imported when it is used. A passphrase lies in the settings of a process and is written nowhere.
"""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess  # noqa: S404 - only ourselves, see `verify`
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from app.config import Pkcs12, Settings
from app.wording import tanggal

TIMEOUT = 20.0  # seconds to read the signatures of one file
FIELD = "TandaTangan"


class SigningError(Exception):
    """A PDF that could not be signed, or whose signatures could not be read; the message says why, in Indonesian."""


@dataclass(frozen=True)
class Signature:
    """One signature of a PDF.

    `subject`: of its certificate (RFC 4514). `at`: when, by the signer's own clock. `intact`: what it covers is as it
    was signed. `whole`: it covers the whole file, so that nothing was added afterwards. `trusted`: its certificate is
    the office's, or issued by one that the settings trust, and is valid.
    """

    subject: str
    at: datetime | None
    intact: bool
    whole: bool
    trusted: bool

    @property
    def name(self) -> str:
        return common_name(self.subject)


class Signer(Protocol):
    """Whoever signs for the office."""

    def sign(self, content: bytes, keep: Callable[[bytes], None]) -> bytes:
        """A PDF with a signature more, which is over all of it. Raises SigningError.

        Where the signed file can be fetched only once, nothing may come between fetching and keeping it: `keep` is
        called with what came back before it is looked at, and when it returns, the bytes survive a power cut. Whoever
        makes a paper whose bytes were kept takes those, and asks for no second signature.
        """
        ...

    def verify(self, content: bytes) -> list[Signature]:
        """The signatures of a PDF, oldest first. Raises SigningError."""
        ...


def signer(settings: Settings) -> Signer | None:
    """The signer that the settings name; None where papers are not signed."""
    return Certificate(settings.signing, settings.trusted) if settings.signing else None


def available() -> bool:
    """Can signatures be read here: is the optional package there?"""
    return importlib.util.find_spec("pyhanko") is not None


def common_name(subject: str) -> str:
    """Who a certificate's subject is, in short: its CN, else all of it."""
    found = re.search(r"(?:^|,)CN=((?:\\.|[^,\\])+)", subject)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else subject


def verify(content: bytes, settings: Settings) -> list[Signature]:
    """The signatures of a PDF that anybody sent, oldest first; none where it bears none.

    Read in a process of its own, nothing fetched, with limits of time and memory. Raises SigningError for what is no
    PDF, is broken or locked, takes too long, or where the optional package is not installed.
    """
    return _verified(content, (*settings.trusted, *(settings.signing.certificates if settings.signing else ())))


def _verified(content: bytes, trusted: Sequence[bytes]) -> list[Signature]:
    if not available():
        raise SigningError("Pemeriksaan tanda tangan elektronik tidak terpasang di sini.")
    head = json.dumps([certificate.decode("ascii") for certificate in trusted]).encode()
    try:
        answer = subprocess.run(  # noqa: S603 - our own interpreter on our own module
            [sys.executable, "-I", str(Path(__file__).with_name("reader.py"))],
            input=head + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        )
        told = json.loads(answer.stdout)
    except subprocess.TimeoutExpired:
        raise SigningError("Tanda tangan berkas ini terlalu lama dibaca.") from None
    except ValueError:
        told = None
    if not isinstance(told, list):
        raise SigningError("Berkas ini bukan PDF, rusak, atau terkunci, sehingga tanda tangannya tidak dapat dibaca.")
    return [Signature(**{**one, "at": datetime.fromisoformat(one["at"]) if one["at"] else None}) for one in told]


@dataclass(frozen=True)
class Certificate:
    """Signs by a certificate and key of the operator's, a PKCS#12 file: PAdES baseline B, nobody is asked."""

    own: Pkcs12
    trusted: Sequence[bytes] = ()

    def sign(self, content: bytes, keep: Callable[[bytes], None]) -> bytes:
        if not available():
            raise SigningError("Paket untuk menandatangani tidak terpasang di sini.")
        self._check_time()
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers

        try:
            mine = signers.SimpleSigner.load_pkcs12_data(self.own.content, (), self.own.passphrase.encode())
            written = IncrementalPdfFileWriter(io.BytesIO(content), strict=False)
            told = signers.PdfSignatureMetadata(
                field_name=f"{FIELD}{len(written.prev.embedded_signatures) + 1}",
                md_algorithm="sha256",
                subfilter=fields.SigSeedSubFilter.PADES,
            )
            out = signers.sign_pdf(written, told, mine, output=io.BytesIO())
        except Exception as error:  # whatever a key or a PDF does to it; the passphrase is in none of its messages
            raise SigningError(f"PDF ini tidak dapat ditandatangani ({type(error).__name__}).") from None
        signed: bytes = out.getvalue()
        keep(signed)
        return signed

    def verify(self, content: bytes) -> list[Signature]:
        return _verified(content, (*self.trusted, *self.own.certificates))

    def _check_time(self) -> None:
        now = datetime.now(UTC)
        if now > self.own.until:
            raise SigningError(
                f"Sertifikat tanda tangan elektronik kantor ini berakhir pada {tanggal(self.own.until)}. "
                "Pengelola sistem perlu memasang yang baru."
            )
        if now < self.own.since:
            raise SigningError(
                f"Sertifikat tanda tangan elektronik kantor ini baru berlaku mulai {tanggal(self.own.since)}."
            )
