"""How a message leaves the house: over SMTP, to a webhook, into a folder. What is raised says what became of it."""

from __future__ import annotations

import http.client
import json
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from app.config import Settings, Smtp

MAIL, PHONE = "surel", "gawai"  # channels
TIMEOUT = 15.0  # seconds that a server may be silent
DEADLINE = 60.0  # seconds for one message, however slowly its server goes on
ADDRESS = re.compile(r"[^@\s<>\"',;\x00-\x1f\x7f]+@[^@\s<>\"',;\x00-\x1f\x7f]+")
JOINERS = "\u200c\u200d"  # without them some names are spelled wrong
MAIL_POLICY = policy.SMTP.clone(cte_type="7bit", max_line_length=78)


class Trouble(Exception):
    """A message that was not surely sent; the words say why, in Indonesian."""


class Refused(Trouble):
    """It will never be taken."""


class Failed(Trouble):
    """It was not taken; it may be later."""


class Unsure(Trouble):
    """The other side left open whether it took it."""


@dataclass(frozen=True)
class Letter:
    """One message to one person, as it is to be sent. Each try bears the same `id`."""

    channel: str
    to: str
    name: str
    subject: str
    text: str
    id: str
    at: datetime


class Channel(Protocol):
    """A way out."""

    def send(self, letter: Letter) -> None:
        """Returns once the other side has taken it. Raises Refused, Failed, Unsure."""
        ...


def channels(settings: Settings) -> Mapping[str, Channel]:
    """The ways out that an installation has, by name."""
    mail: Channel = (
        Mailer(settings.smtp, settings.mail_from) if settings.smtp else Sink(settings.sink, settings.mail_from)
    )
    return {MAIL: mail, **({PHONE: Webhook(settings.webhook)} if settings.webhook else {})}


def written(letter: Letter, sender: str) -> bytes:
    """A letter as RFC 5322 has it. Raises Refused for what is no address."""
    if not ADDRESS.fullmatch(letter.to) or not letter.to.isascii():
        raise Refused("Alamat surelnya tidak dapat dipakai.")
    message = EmailMessage(policy=MAIL_POLICY)
    try:
        message["From"] = Address(addr_spec=sender)
        message["To"] = Address(display_name=_line(letter.name), addr_spec=letter.to)
        message["Subject"] = _line(letter.subject)
        message["Date"] = format_datetime(letter.at)
        message["Message-ID"] = letter.id
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text, subtype="plain", charset="utf-8")
        message["Content-Language"] = "id"
        return message.as_bytes()
    except (MessageError, ValueError, LookupError):
        raise Refused("Surel ini tidak dapat ditulis untuk alamatnya.") from None


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in text).split())


@dataclass(frozen=True)
class Sink:
    """Where no mail server is set: a file for each message, which a second try writes over."""

    folder: Path
    sender: str

    def send(self, letter: Letter) -> None:
        content = written(letter, self.sender)
        path = self.folder / f"{re.sub(r'[^0-9A-Za-z]', '', letter.id.partition('@')[0])}.eml"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise Failed(f"Map {self.folder} tidak dapat ditulisi: {error.strerror}.") from error


@dataclass(frozen=True)
class Mailer:
    """A mail server. What is wrong with how we are set up to use it is no fault of the message: it waits."""

    server: Smtp
    sender: str

    def send(self, letter: Letter) -> None:
        content = written(letter, self.sender)
        kind = smtplib.SMTP_SSL if self.server.tls else smtplib.SMTP
        smtp = kind(local_hostname=self.sender.rpartition("@")[2], timeout=TIMEOUT)
        smtp._host = self.server.host  # type: ignore[attr-defined]  # whose certificate is looked at
        with _within(DEADLINE, smtp):
            try:
                self._greet(smtp)
                self._hand_over(smtp, letter.to)
                ended = re.sub(rb"(?m)^\.", b"..", content)
                smtp.send(ended + b".\r\n")
            except (OSError, smtplib.SMTPException) as error:
                raise Failed(_words(error)) from error
            try:
                code, said = smtp.getreply()
            except (OSError, smtplib.SMTPException) as error:
                raise Unsure("Server surel memutus sambungan sebelum menjawab apakah pesan ini diterimanya.") from error
            if code >= 500:
                raise Refused(_answer(code, said))
            if code >= 400:
                raise Failed(_answer(code, said))
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()

    def _greet(self, smtp: smtplib.SMTP) -> None:
        code, said = smtp.connect(self.server.host, self.server.port)
        if code != 220:
            raise Failed(_answer(code, said))
        smtp.ehlo_or_helo_if_needed()
        secure = self.server.tls
        if not secure and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
            secure = True
        if self.server.user:
            if not secure:
                raise Failed("Server surel tidak menawarkan STARTTLS, maka kata sandinya tidak dikirim.")
            smtp.login(self.server.user, self.server.password)

    def _hand_over(self, smtp: smtplib.SMTP, to: str) -> None:
        code, said = smtp.mail(self.sender)
        if code != 250:
            raise Failed(_answer(code, said))
        code, said = smtp.rcpt(to)
        if code not in (250, 251):
            raise (Refused if code >= 500 else Failed)(_answer(code, said))
        code, said = smtp.docmd("DATA")
        if code != 354:
            raise (Refused if code >= 500 else Failed)(_answer(code, said))


@contextmanager
def _within(seconds: float, smtp: smtplib.SMTP) -> Iterator[None]:
    """Ends a conversation that goes on for ever, each answer just in time."""

    def cut() -> None:
        with suppress(OSError):
            if smtp.sock is not None:
                smtp.sock.shutdown(socket.SHUT_RDWR)

    clock = threading.Timer(seconds, cut)
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()
        smtp.close()


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLError):
        return f"Sambungan aman dengan server surel tidak terjadi: {error.reason or error}."
    if isinstance(error, TimeoutError):
        return "Server surel tidak menjawab pada waktunya."
    if isinstance(error, smtplib.SMTPServerDisconnected | ConnectionResetError | BrokenPipeError):
        return "Server surel memutus sambungan sebelum pesan ini diserahkan."
    if isinstance(error, OSError):
        return f"Server surel tidak dapat dihubungi: {error.strerror or error}."
    return f"Server surel tidak dapat dipakai: {error}."


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"Server surel menjawab {code}: {_line(text)[:200]}"


@dataclass(frozen=True)
class Webhook:
    """A gateway to telephones: it gets JSON, and the same Idempotency-Key at each try."""

    url: str

    def send(self, letter: Letter) -> None:
        address = urlsplit(self.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=TIMEOUT)
        body = json.dumps({"to": letter.to, "text": f"{letter.subject}\n\n{letter.text}", "id": letter.id})
        key = letter.id.strip("<>")
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            try:
                connection.connect()
                connection.request("POST", path, body, {"Content-Type": "application/json", "Idempotency-Key": key})
            except OSError as error:
                raise Failed("Gerbang pesan tidak dapat dihubungi.") from error
            try:
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException) as error:
                raise Unsure("Gerbang pesan memutus sambungan sebelum menjawab.") from error
        finally:
            connection.close()
        if status in (408, 425, 429) or status >= 500 or status < 200:
            raise Failed(f"Gerbang pesan menjawab {status}.")
        if status >= 300:
            raise Refused(f"Gerbang pesan menjawab {status}.")
