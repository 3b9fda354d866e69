"""What paper comes out: a template and its frozen inputs give the same bytes every time.

A template is code. It runs in one warm child process for each server process, without files, sockets or much memory,
and is killed when it takes too long; what it breaks is one paper, never the server.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import struct
import subprocess  # noqa: S404 - only ourselves, see _spawn
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from app.engine.definition import Finding, Level

TIMEOUT = 10.0  # seconds for one paper
FRAME = struct.Struct(">II")
LEVELS: Mapping[str, Level] = {"error": "error", "warning": "warning", "info": "info"}
# Both packages are entered without their __init__: the child needs its modules, not the whole server.
BOOT = """
import sys, types
for name, folder in (("app", sys.argv[1]), ("app.documents", sys.argv[1] + "/documents")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from app.documents.child import serve
serve()
"""

ROW = (
    "no", "nomor", "langkah", "pelaksana", "petugas", "nip", "masuk", "keluar", "menit", "standar", "hasil", "alasan",
    "catatan", "putaran", "kembali", "terlambat",
)  # fmt: skip
OFFICER = ("nama", "nip", "jabatan", "jabatan_sendiri", "pada")  # of `petugas["Lane"]`
# Every name that a template may read. What stands below None is not looked at: `isian` is the SOP's own.
CONTEXT: Mapping[str, Any] = {
    "permohonan": dict.fromkeys(
        ("nomor", "nomor_lacak", "pemohon", "diajukan", "tanggal_terima", "jatuh_tempo", "status", "revisi",
         "tautan_survei")
    ),
    "isian": None,
    "lembar": [dict.fromkeys(ROW)],
    "sop": {
        **dict.fromkeys(
            ("nomor", "judul", "revisi", "tanggal_efektif", "biaya", "produk", "masa_berlaku", "jangka_waktu",
             "jam_layanan")
        ),
        **{name: [None] for name in ("dasar_hukum", "persyaratan", "terkait")},
    },
    "kantor": dict.fromkeys(("nama", "alamat", "kota", "induk")),
    "petugas": None,
    "kembalian": {**dict.fromkeys(("oleh", "pada", "alasan")), "kesalahan": [None]},
    "keputusan": dict.fromkeys(("jenis", "oleh", "lajur", "pada", "alasan")),
    "sekarang": None,
    "dokumen": dict.fromkeys(("nama", "rangkap", "tautan", "kode")),
}  # fmt: skip
# A message tells besides where the case can be seen.
TOLD: Mapping[str, Any] = {**{name: CONTEXT[name] for name in CONTEXT if name != "dokumen"}, "tautan": None}
# And one that reminds a holder, of what ends.
ENDING: Mapping[str, Any] = {
    "surat": dict.fromkeys(("nama", "nomor", "berlaku_dari", "berlaku_sampai", "sisa_hari", "perpanjangan"))
}


class DocumentError(Exception):
    """A paper that could not be made; the message says why, in Indonesian."""


def fill(template: bytes, context: Mapping[str, Any]) -> bytes:
    """The .docx that `template` gives for `context` (JSON values): equal inputs, equal bytes. Raises DocumentError."""
    answer, content = _child.ask({"do": "fill", "context": context}, template)
    if "error" in answer:
        raise DocumentError(str(answer["error"]))
    return content


def text(template: bytes, context: Mapping[str, Any]) -> tuple[str, str]:
    """Subject (one line) and body of a message, of a .txt template as letters are of a .docx. Raises DocumentError."""
    answer, _ = _child.ask({"do": "text", "context": context}, template)
    if "error" in answer:
        raise DocumentError(str(answer["error"]))
    subject, body = answer["text"]
    return str(subject), str(body)


def known(answers: Iterable[str], lanes: Iterable[str]) -> dict[str, Any]:
    """What `check_file` may expect of one SOP: its answers by pointer (`/tka/nama`, `/lokasi/*/alamat`), its lanes."""
    isian: dict[str, Any] = {}
    for pointer in answers:
        here: Any = isian
        *path, last = pointer.strip("/").replace("/*", "*").split("/")
        for name in path:
            inner = here.setdefault(name.rstrip("*"), [{}] if name.endswith("*") else {})
            here = inner[0] if isinstance(inner, list) else inner
        here.setdefault(last.rstrip("*"), None)
    return {"isian": isian, "petugas": {lane: dict.fromkeys(OFFICER) for lane in lanes}}


def check_file(name: str, content: bytes, expected: Mapping[str, Any] | None = None) -> list[Finding]:
    """What is wrong with a template: no .docx, unsafe, broken tags by their paragraph, unknown names, a failed trial.

    `expected` (see `known`) narrows what a template may read, over CONTEXT. Never raises.
    """
    if not name.lower().endswith(".docx"):
        return [Finding(name, "error", "bukan-docx", f"{name}: hanya berkas .docx yang dapat menjadi templat.")]
    return _checked(name, "check", content, {**CONTEXT, **(expected or {})})


def check_text(name: str, content: bytes, expected: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with the text of a message; `expected` is all that it may read. Never raises."""
    return _checked(name, "check_text", content, expected)


def _checked(name: str, what: str, content: bytes, expected: Mapping[str, Any]) -> list[Finding]:
    try:
        answer, _ = _child.ask({"do": what, "known": expected}, content)
    except DocumentError as error:
        answer = {"error": str(error)}
    if "error" in answer:
        return [Finding(name, "error", "percobaan-gagal", f"{name}: {answer['error']}")]
    return [Finding(name, LEVELS[level], rule, f"{name}: {message}") for level, rule, message in answer["found"]]


def answers(content: bytes) -> list[str]:
    """The answers that a template prints whether they are there or not, as dotted keys; none where it is broken."""
    try:
        answer, _ = _child.ask({"do": "answers"}, content)
    except DocumentError:
        return []
    return [str(name) for name in answer.get("answers", ())]


class _Child:
    """The process that runs templates: started when first needed, one request at a time, replaced when it dies."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, Any], template: bytes) -> tuple[dict[str, Any], bytes]:
        """What the child answers. Raises DocumentError where it dies or is too slow."""
        head = json.dumps(request).encode()
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self._end()
                self.process = _spawn()
            process = self.process
            late = threading.Event()
            clock = threading.Timer(TIMEOUT, self._stop, (process, late))
            clock.daemon = True
            clock.start()
            try:
                _pipe(process.stdin).write(FRAME.pack(len(head), len(template)) + head + template)
                _pipe(process.stdin).flush()
                return _answer(_pipe(process.stdout))
            except (OSError, EOFError, ValueError):
                self._end()
                raise DocumentError(
                    "Templat ini terlalu lama diisi; pengisian dihentikan."
                    if late.is_set()
                    else "Templat ini menghentikan proses pengisiannya."
                ) from None
            finally:
                clock.cancel()

    @staticmethod
    def _stop(process: subprocess.Popen[bytes], late: threading.Event) -> None:
        late.set()
        process.kill()

    def _end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):  # what was not sent yet cannot be
                    _pipe(pipe).close()
            self.process = None

    def close(self) -> None:
        """Ends the child, as the server does at its own end."""
        with self.lock:
            self._end()

    def forget(self) -> None:
        """After a fork: the child is our parent's, and the lock may be held by a thread that is not here."""
        if self.process:
            self.process.returncode = 0
        self.__init__()  # type: ignore[misc]


def _spawn() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter on our own module, nothing of the outside
        [sys.executable, "-I", "-c", BOOT, str(Path(__file__).parent.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,  # Ctrl-C at the terminal is for the server
    )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _answer(source: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    head, content = FRAME.unpack(_exactly(source, FRAME.size))
    return json.loads(_exactly(source, head)), _exactly(source, content)


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


_child = _Child()
atexit.register(_child.close)
os.register_at_fork(after_in_child=_child.forget)
