"""The web server with what happens by itself beside it: when one ends, however it ends, so does the other."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from app import config

GRACE = 10  # seconds to finish what was begun
HAND_ON = 0.0005  # seconds a thread computes before another may: whoever holds the writers' lock must not wait for long


class PortTaken(Exception):
    """Somebody else listens there; the message says where, in Indonesian."""


def serve(settings: config.Settings, serving: config.Serving, with_worker: bool) -> None:
    """Serves until SIGTERM or SIGINT. The database is at its newest migration already. Raises PortTaken."""
    _probe(serving)
    Server(settings, serving, with_worker).run()


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by us alone: no files, arguments or variables of its own."""

    def __init__(self, settings: config.Settings, serving: config.Serving, with_worker: bool) -> None:
        self.settings, self.serving, self.with_worker = settings, serving, with_worker
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self.serving.host}]" if ":" in self.serving.host else self.serving.host
        where = f"{host}:{self.serving.port}"
        chosen = {
            "bind": where,
            "worker_class": "gthread",
            "workers": self.serving.workers,
            "threads": self.serving.threads,
            "control_socket_disable": True,
            "graceful_timeout": GRACE,
            "timeout": 60,
            "keepalive": 5,
            "loglevel": "warning",
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108 - heartbeats, no data
            "when_ready": lambda _server: print(f"Alur: http://{where}", flush=True),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from app import create_app

        sys.setswitchinterval(HAND_ON)
        return create_app(self.settings)

    def run(self) -> None:
        (Master if self.with_worker else Arbiter)(self).run()


class Master(Arbiter):  # type: ignore[misc]
    """The master process, which also keeps one `alur worker` running."""

    beside: subprocess.Popen[bytes] | None = None

    def manage_workers(self) -> None:
        """Called at the start and every second from then on."""
        super().manage_workers()
        if self.beside is None or self.beside.poll() is not None:
            project = os.pathsep.join([str(config.PROJECT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
            self.beside = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "app.cli", "worker", "--beside", str(os.getpid())],
                env={**os.environ, "PYTHONPATH": project},
            )

    def halt(self, *args: Any, **kwargs: Any) -> None:
        if self.beside is not None and self.beside.poll() is None:
            self.beside.terminate()
            try:
                self.beside.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.beside.kill()
        super().halt(*args, **kwargs)


def stopped(parent: int | None = None) -> threading.Event:
    """An event that SIGTERM and SIGINT set, and the end of the process `parent` where one is given."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def watch() -> None:
        while os.getppid() == parent and not stop.wait(0.5):
            pass
        stop.set()

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()
    return stop


def _probe(serving: config.Serving) -> None:
    """gunicorn would try five times and say so each time."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(serving.host, serving.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise PortTaken(f"Tidak dapat melayani di {serving.host}:{serving.port}: {error.strerror}.") from None
