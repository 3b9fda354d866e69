"""The same paper for the archive: .docx in, PDF/A-2b out, by the office suite where one is installed."""

from __future__ import annotations

import contextlib
import subprocess  # noqa: S404 - only ourselves, see `archived`
import sys
from pathlib import Path

from app.documents.office import LENGTH

TIMEOUT = 60.0  # seconds for one paper
GRACE = 10.0  # in which what watches over it ends by itself


class ConversionError(Exception):
    """A paper that did not become a PDF; the message says why, in Indonesian."""


def archived(program: Path, content: bytes, timeout: float = TIMEOUT) -> bytes:
    """The PDF/A that the office suite `program` makes of a .docx. Raises ConversionError.

    Several may be made at once. Who is killed while one is being made takes the suite with them.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter on our own module
        [sys.executable, "-I", str(Path(__file__).with_name("office.py")), str(program), str(timeout)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    with process:
        try:
            if process.stdin is None or process.stdout is None:  # never: both are pipes
                raise ConversionError("Aplikasi perkantoran tidak dapat dijalankan.")
            process.stdin.write(LENGTH.pack(len(content)) + content)
            process.stdin.flush()
            made = process.stdout.read()
            code = process.wait(GRACE)
        except (OSError, subprocess.TimeoutExpired):
            raise ConversionError("Aplikasi perkantoran berhenti di tengah pembuatan PDF.") from None
        finally:
            _end(process)
    if code == 2:
        raise ConversionError("Pembuatan PDF terlalu lama dan dihentikan.")
    if code != 0 or not made.startswith(b"%PDF-"):
        raise ConversionError("Aplikasi perkantoran tidak dapat menjadikan dokumen ini PDF.")
    return made


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closes the pipe, by which it ends with all that it began; where it does not, it is killed."""
    with contextlib.suppress(OSError):
        if process.stdin:
            process.stdin.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
