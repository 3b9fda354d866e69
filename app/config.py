"""Every setting and its environment variable. A bad value stops the program with one line that says which."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PROJECT = Path(__file__).resolve().parent.parent


class ConfigError(Exception):
    """A setting that cannot be used; the message names its variable."""


@dataclass(frozen=True)
class Smtp:
    """A mail server: `tls` from the first byte on, else STARTTLS where it is offered."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Provider:
    """Where people may log in beside here: an OpenID Connect provider, and what its button is called."""

    issuer: str
    client_id: str
    secret: str
    name: str


@dataclass(frozen=True)
class Pkcs12:
    """A certificate with its key, to sign papers: the file as it was read, and what opens it."""

    content: bytes = field(repr=False)
    passphrase: str = field(repr=False)
    subject: str
    since: datetime
    until: datetime
    certificates: tuple[bytes, ...] = field(repr=False)  # PEM: its own, and those above it in the file


@dataclass(frozen=True)
class Settings:
    """What an installation decides. `now` is a fixed clock where ALUR_NOW gives one."""

    database_url: str
    files: Path
    secret_key: str
    fixed_now: datetime | None
    zone: ZoneInfo
    upload_limit: int  # bytes, one file
    demo: bool  # the login page lists the demo accounts
    secure_cookies: bool
    trusted_proxies: int
    url: str  # where people reach this office: links in messages begin with it
    smtp: Smtp | None  # None: mail is put into the folder `sink`
    mail_from: str
    webhook: str | None  # of a gateway to telephones
    sink: Path
    oidc: Provider | None = None
    soffice: Path | None = None  # the office suite that makes PDF/A; None: papers are .docx only
    signing: Pkcs12 | None = None  # signs the PDF of final papers; None: they are not signed
    trusted: tuple[bytes, ...] = ()  # PEM: whose signatures are believed beside the office's own
    patience: int = 0  # minutes that a worker, once started, leaves alone what fell due before

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return self.fixed_now or datetime.now(UTC)


@dataclass(frozen=True)
class Serving:
    """Where `alur serve` listens, and with how many processes and threads."""

    host: str
    port: int
    workers: int
    threads: int


def serving(environ: Mapping[str, str] | None = None) -> Serving:
    """How this machine serves: ALUR_HOST, PORT, ALUR_WORKERS, ALUR_THREADS. Raises ConfigError."""
    env = os.environ if environ is None else environ
    port = _number("PORT", env.get("PORT") or "8000")
    if not 0 < port < 65536:
        raise ConfigError(f"PORT: bukan nomor porta: {port}")
    return Serving(
        host=env.get("ALUR_HOST") or "127.0.0.1",
        port=port,
        workers=_number("ALUR_WORKERS", env.get("ALUR_WORKERS") or str(min(os.cpu_count() or 1, 4))) or 1,
        threads=_number("ALUR_THREADS", env.get("ALUR_THREADS") or "4") or 1,
    )


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    ALUR_DATABASE_URL, ALUR_FILES, ALUR_SECRET_KEY, ALUR_NOW (RFC 3339), ALUR_INSTANCE (folder of what is not given),
    ALUR_ZONE (IANA name), ALUR_UPLOAD_MB, ALUR_DEMO=1, ALUR_HTTPS=1 (cookies over TLS only), ALUR_PROXIES (how many
    proxies in front are believed), ALUR_PATIENCE (minutes that a worker, once started, leaves alone what fell due
    before, so that an outage can be declared), ALUR_URL, ALUR_SMTP and ALUR_MAIL_FROM, ALUR_WEBHOOK; ALUR_OIDC_ISSUER,
    ALUR_OIDC_CLIENT_ID, ALUR_OIDC_SECRET and ALUR_OIDC_NAME for a provider of log-ins; ALUR_SOFFICE, the program of
    the office suite; ALUR_SIGN_PKCS12 with ALUR_SIGN_PASSPHRASE or ALUR_SIGN_PASSPHRASE_FILE, and ALUR_SIGN_TRUST, for
    electronic signatures. Raises ConfigError.
    """
    env = os.environ if environ is None else environ
    instance = Path(env.get("ALUR_INSTANCE") or PROJECT / "instance").resolve()
    return Settings(
        database_url=_database_url(env.get("ALUR_DATABASE_URL"), instance),
        files=Path(env.get("ALUR_FILES") or instance / "files").resolve(),
        secret_key=env.get("ALUR_SECRET_KEY") or _kept_secret(instance),
        fixed_now=_instant("ALUR_NOW", env.get("ALUR_NOW")),
        zone=_zone("ALUR_ZONE", env.get("ALUR_ZONE") or "Asia/Makassar"),
        upload_limit=_number("ALUR_UPLOAD_MB", env.get("ALUR_UPLOAD_MB") or "10") * 1024 * 1024,
        demo=_flag("ALUR_DEMO", env.get("ALUR_DEMO")),
        secure_cookies=_flag("ALUR_HTTPS", env.get("ALUR_HTTPS")),
        trusted_proxies=_number("ALUR_PROXIES", env.get("ALUR_PROXIES") or "0"),
        patience=_number("ALUR_PATIENCE", env.get("ALUR_PATIENCE") or "0"),
        url=_address("ALUR_URL", env.get("ALUR_URL") or f"http://127.0.0.1:{env.get('PORT') or '8000'}").rstrip("/"),
        smtp=_smtp("ALUR_SMTP", env.get("ALUR_SMTP")),
        mail_from=_sender("ALUR_MAIL_FROM", env.get("ALUR_MAIL_FROM"), bool(env.get("ALUR_SMTP"))),
        webhook=_address("ALUR_WEBHOOK", hook) if (hook := env.get("ALUR_WEBHOOK")) else None,
        sink=instance / "surat",
        oidc=_provider(
            env.get("ALUR_OIDC_ISSUER"),
            env.get("ALUR_OIDC_CLIENT_ID"),
            env.get("ALUR_OIDC_SECRET"),
            env.get("ALUR_OIDC_NAME"),
        ),
        soffice=_program("ALUR_SOFFICE", env.get("ALUR_SOFFICE"), "soffice", "libreoffice"),
        signing=_pkcs12(
            env.get("ALUR_SIGN_PKCS12"), env.get("ALUR_SIGN_PASSPHRASE"), env.get("ALUR_SIGN_PASSPHRASE_FILE")
        ),
        trusted=_certificates("ALUR_SIGN_TRUST", env.get("ALUR_SIGN_TRUST")),
    )


def _database_url(given: str | None, instance: Path) -> str:
    if not given:
        instance.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{instance / 'alur.sqlite3'}"
    for bare in ("postgresql://", "postgres://"):
        if given.startswith(bare):
            return "postgresql+psycopg://" + given.removeprefix(bare)
    return given


def _kept_secret(instance: Path) -> str:
    """A secret made once and kept beside the database; several processes that start at once agree on the first."""
    path = instance / "secret_key"
    if not path.exists():
        instance.mkdir(parents=True, exist_ok=True)
        fresh = instance / f".secret_key.{os.getpid()}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def _provider(issuer: str | None, client_id: str | None, secret: str | None, name: str | None) -> Provider | None:
    """The provider of log-ins, None where there is none; a secret travels over TLS, but on this machine itself."""
    if not issuer:
        if client_id or secret:
            raise ConfigError("ALUR_OIDC_ISSUER: belum disebut, padahal ALUR_OIDC_CLIENT_ID atau _SECRET ada.")
        return None
    there = urlsplit(issuer)
    here = there.scheme == "http" and there.hostname in ("localhost", "127.0.0.1", "::1")
    if not (there.scheme == "https" and there.hostname) and not here:
        raise ConfigError(f"ALUR_OIDC_ISSUER: bukan alamat https: {issuer!r}")
    if not client_id:
        raise ConfigError("ALUR_OIDC_CLIENT_ID: belum disebut.")
    if not secret:
        raise ConfigError("ALUR_OIDC_SECRET: belum disebut.")
    return Provider(issuer.rstrip("/"), client_id, secret, name or there.hostname or issuer)


def _instant(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name}: bukan waktu RFC 3339: {text!r}") from None
    if value.tzinfo is None:
        raise ConfigError(f"{name}: tanpa zona waktu: {text!r}")
    return value.astimezone(UTC)


def _zone(name: str, text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"{name}: zona waktu tidak dikenal: {text!r}") from None


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"{name}: bukan bilangan bulat: {text!r}")
    return int(text)


def _url(name: str, text: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(text.strip())
        whole = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError(f"{name}: bukan alamat {' atau '.join(f'{s}://' for s in schemes)}: {text!r}")
    return parts


def _address(name: str, text: str) -> str:
    return _url(name, text, ("http", "https")).geturl()


def _smtp(name: str, text: str | None) -> Smtp | None:
    if not text:
        return None
    parts = _url(name, text, ("smtp", "smtps"))
    tls = parts.scheme == "smtps"
    port = parts.port or (465 if tls else 25)
    return Smtp(parts.hostname or "", port, tls, unquote(parts.username or ""), unquote(parts.password or ""))


def _sender(name: str, text: str | None, needed: bool) -> str:
    if needed and not text:
        raise ConfigError(f"{name}: tulis alamat pengirim surel, misalnya layanan@contoh.go.id")
    sender = (text or "alur@localhost").strip()
    if not re.fullmatch(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+", sender) or not sender.isascii():
        raise ConfigError(f"{name}: bukan alamat surel: {text!r}")
    return sender


def _program(name: str, text: str | None, *usual: str) -> Path | None:
    """A program by its path; where none is given, the first of the usual names that is installed; 0 is none."""
    if text == "0":
        return None
    found = shutil.which(text) if text else next(filter(None, map(shutil.which, usual)), None)
    if text and not found:
        raise ConfigError(f"{name}: bukan program yang dapat dijalankan: {text!r}")
    return Path(found).resolve() if found else None


def _pkcs12(path: str | None, passphrase: str | None, passphrase_file: str | None) -> Pkcs12 | None:
    """The certificate that signs, None where there is none; what opens it is given at the start, and kept nowhere."""
    if not path:
        return None
    if importlib.util.find_spec("pyhanko") is None:
        raise ConfigError("ALUR_SIGN_PKCS12: pasang dahulu paket untuk menandatangani: pip install 'alur[signing]'")
    content = _content("ALUR_SIGN_PKCS12", path)
    if passphrase is None and not passphrase_file:
        raise ConfigError("ALUR_SIGN_PASSPHRASE: belum disebut; atau ALUR_SIGN_PASSPHRASE_FILE.")
    if passphrase is None:
        passphrase = (
            _content("ALUR_SIGN_PASSPHRASE_FILE", passphrase_file or "").decode("utf-8", "replace").strip("\r\n")
        )
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    try:
        found = pkcs12.load_pkcs12(content, passphrase.encode())
    except (ValueError, TypeError):
        raise ConfigError("ALUR_SIGN_PKCS12: bukan berkas PKCS#12, atau kata sandinya salah.") from None
    if found.cert is None or found.key is None:
        raise ConfigError("ALUR_SIGN_PKCS12: tidak memuat sertifikat beserta kuncinya.")
    own = found.cert.certificate
    every = (own, *(one.certificate for one in found.additional_certs))
    return Pkcs12(
        content,
        passphrase,
        own.subject.rfc4514_string(),
        own.not_valid_before_utc,
        own.not_valid_after_utc,
        tuple(one.public_bytes(Encoding.PEM) for one in every),
    )


def _certificates(name: str, path: str | None) -> tuple[bytes, ...]:
    if not path:
        return ()
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return tuple(one.public_bytes(Encoding.PEM) for one in load_pem_x509_certificates(_content(name, path)))
    except ValueError:
        raise ConfigError(f"{name}: bukan berkas sertifikat PEM: {path!r}") from None


def _content(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: berkas ini tidak terbaca: {path!r} ({error.strerror})") from None


def _flag(name: str, text: str | None) -> bool:
    if text in (None, "", "0"):
        return False
    if text == "1":
        return True
    raise ConfigError(f"{name}: hanya 0 atau 1, bukan {text!r}")
