"""A mail server and a gateway that tests may have misbehave: real ones, on a port of this machine."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from app.config import Smtp
from tests.conftest import Office


@dataclass
class Postbox:
    """What a server took, and how it behaves: at each stage the next of `rcpt` and `data`, in the end well.

    An answer is a line of SMTP; `DROP` takes the message and hangs up before it answers, `SLEEP` never answers.
    """

    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    taken: list[EmailMessage] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt.pop(0) if self.rcpt else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else "250 OK"
        if answer == "SLEEP":
            await asyncio.sleep(60)
        if answer in ("DROP", "250 OK"):
            content = envelope.original_content or b""
            message = message_from_bytes(content, policy=policy.default)
            message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
            self.taken.append(message)
            self.secure.append(session.ssl is not None)
        if answer == "DROP" and server.transport is not None:
            server.transport.abort()
        return answer

    @property
    def ids(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(message["Message-ID"] for message in self.taken)

    def to(self, address: str) -> list[EmailMessage]:
        """What was taken for an address."""
        return [message for message in self.taken if message["X-Envelope-To"] == address]


@contextmanager
def serving(box: Postbox, **options: Any) -> Iterator[Smtp]:
    """A mail server over `box`, and how it is reached."""
    loop = asyncio.new_event_loop()
    made = loop.create_server(lambda: SMTP(box, loop=loop, hostname="surat.uji", **options), "127.0.0.1", 0)
    server = loop.run_until_complete(made)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Smtp("127.0.0.1", server.sockets[0].getsockname()[1], tls=False)
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@dataclass
class Gateway:
    """What a webhook was sent, and how it answers: the next of `answers`, in the end 200; 0 hangs up."""

    answers: list[int] = field(default_factory=list)
    taken: list[tuple[dict[str, Any], str]] = field(default_factory=list)


@contextmanager
def gateway(box: Gateway) -> Iterator[str]:
    """A server over `box`, and its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            box.taken.append((body, self.headers["Idempotency-Key"]))
            answer = box.answers.pop(0) if box.answers else 200
            if answer:
                self.send_response(answer)
                self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/kirim?kanal=wa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settle(office: Office, **settings: Any) -> None:
    """Changes an office's settings, before its pages were first asked for."""
    office.settings = replace(office.settings, **settings)
