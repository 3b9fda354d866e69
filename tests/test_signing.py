"""Electronic signatures on final papers: with real certificates, made here, and a signer that fails or is killed."""

from __future__ import annotations

import io
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pypdf import PdfReader, PdfWriter
from sqlalchemy import select, update

from app import archive, audit, files, signing
from app.config import ConfigError, Pkcs12
from app.config import settings as configured
from app.models import Base, Case, Document, Event
from tests.conftest import ROOT, Office
from tests.test_archive import conformance, issued, rows, work

pytest.importorskip("pyhanko")
one_kind = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
PASSPHRASE = "frasa rahasia kantor"
SUBJECT = "CN=Kepala Dinas\\, S.H.,O=DPMPTSP,C=ID"


def certificate(folder: Path, days: int = 365, name: str = "Kepala Dinas, S.H.", since: int = -400) -> Path:
    """A certificate of its own making with its key, as a PKCS#12 file; it ends in `days`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DPMPTSP"),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ])  # fmt: skip
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        ("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
    )
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.KeyUsage(
            digital_signature=True, content_commitment=True, key_encipherment=False, **usage), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    lock = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    path = folder / f"{secrets.token_hex(4)}.p12"
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"kantor", key, made, None, lock))
    (folder / "kantor.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


def environ(path: Path, **rest: str) -> dict[str, str]:
    base = {"ALUR_DATABASE_URL": "sqlite://", "ALUR_FILES": str(path.parent), "ALUR_SECRET_KEY": "x"}
    return {**base, "ALUR_SIGN_PKCS12": str(path), "ALUR_SIGN_PASSPHRASE": PASSPHRASE, **rest}


def opened(path: Path) -> Pkcs12:
    found = configured(environ(path)).signing
    assert found is not None
    return found


@pytest.fixture
def signing_office(office: Office, suite: Path, tmp_path: Path) -> Office:
    """An office that signs."""
    object.__setattr__(office.settings, "signing", opened(certificate(tmp_path)))
    return office


def final(office: Office) -> int:
    """A case whose last paper anybody may check; the id of that paper."""
    case_id = issued(office, 2)
    with office.work() as ctx:
        paper = ctx.session.scalars(
            select(Document).where(Document.case_id == case_id).order_by(Document.id.desc())
        ).first()
        assert paper is not None
        paper.code = secrets.token_hex(8)
        return paper.id


def paper(office: Office, number: int) -> Document:
    return next(row for row in rows(office) if row.id == number)


def simple() -> bytes:
    """A PDF."""
    whole, out = PdfWriter(), io.BytesIO()
    whole.add_blank_page(300, 300)
    whole.write(out)
    return out.getvalue()


def test_final_papers_are_signed_and_others_are_not(signing_office: Office) -> None:
    office = signing_office
    number = final(office)
    assert work(office) == len(rows(office))
    signed = paper(office, number)
    assert {row.id: row.signed_by for row in rows(office)} == {
        **dict.fromkeys([row.id for row in rows(office)], ""), number: SUBJECT,
    }  # fmt: skip
    assert signed.pdf_sha256 is not None
    content = files.read(office.settings.files, signed.pdf_sha256)
    [found] = signing.verify(content, office.settings)
    assert (found.subject, found.name, found.intact, found.whole, found.trusted) == (
        SUBJECT, "Kepala Dinas, S.H.", True, True, True,
    )  # fmt: skip
    assert found.at is not None
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=5)
    reader = PdfReader(io.BytesIO(content))
    [field] = reader.get_fields().values()  # type: ignore[union-attr]
    assert field["/V"]["/SubFilter"] == "/ETSI.CAdES.detached"
    assert conformance(reader) == ("2", "B")
    with office.look() as ctx:
        bodies = list(ctx.session.scalars(select(Event.body).where(Event.kind == "archive")))
        assert {body["document"]: body.get("signed_by", "") for body in bodies}[number] == SUBJECT
        assert audit.frames(ctx, ctx.session.get_one(Case, signed.case_id)).all_findings == []
    assert files.aside(office.settings.files)
    assert work(office) == 0
    assert files.aside(office.settings.files) == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content, (True, True)),
        (lambda content: content.replace(b"/MediaBox", b"/mediaBox", 1), (False, True)),
        (lambda content: content + b"\n% tambahan\n", (True, False)),
    ],
    ids=["as it is", "changed", "added to"],
)
def test_what_a_signature_says(change: Callable[[bytes], bytes], told: tuple[bool, bool], tmp_path: Path) -> None:
    settings = configured(environ(certificate(tmp_path)))
    signer = signing.signer(settings)
    assert signer is not None
    kept: list[bytes] = []
    content = signer.sign(simple(), kept.append)
    assert kept == [content]
    [found] = signing.verify(change(content), settings)
    assert (found.intact, found.whole) == told
    other = replace(settings, signing=None)
    assert [one.trusted for one in signing.verify(content, other)] == [False]
    trusting = configured(
        {**environ(tmp_path / "x"), "ALUR_SIGN_PKCS12": "", "ALUR_SIGN_TRUST": str(tmp_path / "kantor.pem")}
    )
    assert [one.trusted for one in signing.verify(content, trusting)] == [True]
    twice = signer.sign(content, kept.append) if change(content) == content else None
    assert twice is None or [one.whole for one in signing.verify(twice, settings)] == [False, True]


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"%PDF-1.7\n%%EOF", b"%PDF-1.7\n" + b"[" * 100_000, b"PK\x03\x04"],
    ids=["empty", "x", "no", "deep", "zip"],
)
def test_what_cannot_be_read_is_said(content: bytes, tmp_path: Path) -> None:
    settings = configured(environ(tmp_path / "x", ALUR_SIGN_PKCS12=""))
    with pytest.raises(signing.SigningError, match="bukan PDF, rusak, atau terkunci"):
        signing.verify(content, settings)
    assert signing.verify(simple(), settings) == []


def test_a_slow_one_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(signing, "TIMEOUT", 0.01)
    with pytest.raises(signing.SigningError, match="terlalu lama"):
        signing.verify(simple(), configured(environ(tmp_path / "x", ALUR_SIGN_PKCS12="")))


def test_a_signer_that_fails_is_asked_again_and_the_paper_is_not_lost(signing_office: Office, tmp_path: Path) -> None:
    office = signing_office
    object.__setattr__(office.settings, "signing", opened(certificate(tmp_path, days=-1)))
    number = final(office)
    assert work(office) == len(rows(office)) - 1
    failed = paper(office, number)
    assert failed.pdf_error is not None
    assert failed.pdf_error.startswith("Sertifikat tanda tangan elektronik kantor ini berakhir pada ")
    assert failed.sha256 is not None
    assert files.whole(office.settings.files, failed.sha256)
    page = office.client(office.elsewhere).get(f"/permohonan/{failed.case_id}").text
    assert failed.pdf_error in page
    assert "Akan dicoba lagi." in page
    listed = office.client("pemilik").get("/pengelola/arsip").text
    assert failed.pdf_error in listed
    assert f"/pengelola/arsip/{number}/ulang" in listed
    object.__setattr__(office.settings, "signing", opened(certificate(tmp_path)))
    assert work(office) == 0
    office.client("pemilik").post(f"/pengelola/arsip/{number}/ulang")
    assert work(office) == 1
    assert (paper(office, number).pdf_error, paper(office, number).signed_by) == (None, SUBJECT)


@one_kind
def test_what_comes_back_broken_is_not_kept(signing_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office, number = signing_office, final(signing_office)

    def sign(_self: object, content: bytes, keep: Callable[[bytes], None]) -> bytes:
        keep(b"<html>502 Bad Gateway")
        return b"<html>502 Bad Gateway"

    with monkeypatch.context() as patch:
        patch.setattr(signing.Certificate, "sign", sign)
        assert work(office) == len(rows(office)) - 1
    assert paper(office, number).pdf_error == "Tanda tangan elektronik yang kembali tidak utuh."
    assert files.aside(office.settings.files) == {}
    office.later(minutes=2)
    assert work(office) == 1


KILLED = """
import os, signal
from app import archive, config, database, worker
archive.keep = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
settings = config.settings()
worker.once(settings, *database.sessions(database.connect(settings.database_url)), jobs=worker.ARCHIVE)
"""


def test_what_was_signed_before_a_kill_is_not_signed_again(
    signing_office: Office, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, number = signing_office, final(signing_office)
    with office.work() as ctx:
        ctx.session.execute(update(Document).where(Document.id != number).values(pdf_attempts=archive.TRIES))
    env = {
        **os.environ, **environ(certificate(tmp_path)), "ALUR_DATABASE_URL": office.db.url,
        "ALUR_FILES": str(office.settings.files), "ALUR_NOW": office.now.isoformat(), "ALUR_SOFFICE": str(suite),
    }  # fmt: skip
    ended = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env=env, check=False)
    assert ended.returncode == -signal.SIGKILL
    [came_back] = [path.read_bytes() for path in files.aside(office.settings.files).values()]
    assert paper(office, number).pdf_sha256 is None
    monkeypatch.setattr(signing.Certificate, "sign", None)
    office.later(minutes=6)
    assert work(office) == 1
    digest = paper(office, number).pdf_sha256
    assert digest is not None
    assert files.read(office.settings.files, digest) == came_back


@one_kind
def test_a_passphrase_is_written_nowhere(signing_office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office, _ = signing_office, final(signing_office)
    object.__setattr__(office.settings, "signing", replace(office.settings.signing, content=b"rusak"))  # type: ignore[type-var]
    work(office)
    assert any(row.pdf_error == "PDF ini tidak dapat ditandatangani (ValueError)." for row in rows(office))
    with office.look() as ctx:
        for table in Base.metadata.sorted_tables:
            assert PASSPHRASE not in repr(ctx.session.execute(select(table)).all())
    assert PASSPHRASE not in caplog.text
    assert PASSPHRASE not in repr(office.settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ALUR_SIGN_PASSPHRASE": "salah"}, "ALUR_SIGN_PKCS12: bukan berkas PKCS#12, atau kata sandinya salah."),
        ({"ALUR_SIGN_PKCS12": "/tidak/ada.p12"}, "ALUR_SIGN_PKCS12: berkas ini tidak terbaca"),
        ({"ALUR_SIGN_PKCS12": __file__}, "ALUR_SIGN_PKCS12: bukan berkas PKCS#12"),
        ({"ALUR_SIGN_PASSPHRASE": None}, "ALUR_SIGN_PASSPHRASE: belum disebut"),
        ({"ALUR_SIGN_TRUST": __file__}, "ALUR_SIGN_TRUST: bukan berkas sertifikat PEM"),
    ],
)
def test_a_setting_that_cannot_be_used(given: dict[str, str | None], message: str, tmp_path: Path) -> None:
    env = {name: value for name, value in {**environ(certificate(tmp_path)), **given}.items() if value is not None}
    with pytest.raises(ConfigError) as refused:
        configured(env)
    assert str(refused.value).startswith(message)


def test_a_passphrase_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "frasa"
    secret.write_text(PASSPHRASE + "\n")
    env = environ(certificate(tmp_path), ALUR_SIGN_PASSPHRASE_FILE=str(secret))
    del env["ALUR_SIGN_PASSPHRASE"]
    found = configured(env).signing
    assert found is not None
    assert (found.passphrase, found.subject) == (PASSPHRASE, SUBJECT)


@pytest.mark.parametrize(
    ("subject", "name"),
    [(SUBJECT, "Kepala Dinas, S.H."), ("O=Dinas,CN=A+B", "A+B"), ("O=Dinas", "O=Dinas"), ("", "")],
)
def test_who_a_subject_is(subject: str, name: str) -> None:
    assert signing.common_name(subject) == name
