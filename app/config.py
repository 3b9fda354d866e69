"""Every setting and its environment variable. A bad value stops the program with one line that says which."""

from __future__ import annotations

import os
import re
import secrets
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
    ALUR_OIDC_CLIENT_ID, ALUR_OIDC_SECRET and ALUR_OIDC_NAME for a provider of log-ins. Raises ConfigError.
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


def _flag(name: str, text: str | None) -> bool:
    if text in (None, "", "0"):
        return False
    if text == "1":
        return True
    raise ConfigError(f"{name}: hanya 0 atau 1, bukan {text!r}")
