"""One conversion by the office suite, watched over: run as a program of its own, it imports nothing of ours.

    python -I office.py SOFFICE SECONDS  <.docx  >.pdf

The paper comes on standard input as its length and its bytes. Whoever asked keeps the pipe open: once it is closed, by
whatever end they came to, the suite is killed with all its children. Each conversion has a folder and a profile of its
own, which are gone afterwards; it has no network, where the machine lets us take it away.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import struct
import subprocess  # noqa: S404 - the office suite that the operator installed
import sys
import tempfile
import threading
from pathlib import Path

LENGTH = struct.Struct(">I")
CPU_SECONDS, LARGEST = 60, 256 * 1024 * 1024
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
# PDF/A-2b (ISO 19005-2): every font is inside, nothing is encrypted, nothing lies elsewhere. Tagged, to be read aloud.
FILTER = (
    'pdf:writer_pdf_Export:{"SelectPdfVersion":{"type":"long","value":"2"},'
    '"UseTaggedPDF":{"type":"boolean","value":"true"}}'
)
# No macros, no links followed, and whatever would go out goes to a port where nobody listens.
PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
%s
</oor:items>
"""
ITEM = '<item oor:path="/org.openoffice.%s"><prop oor:name="%s" oor:op="fuse"><value>%s</value></prop></item>'
CONFIGURED = (
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Writer/Content/Update", "Link", "2"),
    ("Inet/Settings", "ooInetProxyType", "2"),
    ("Inet/Settings", "ooInetHTTPProxyName", "127.0.0.1"),
    ("Inet/Settings", "ooInetHTTPProxyPort", "9"),
    ("Inet/Settings", "ooInetHTTPSProxyName", "127.0.0.1"),
    ("Inet/Settings", "ooInetHTTPSProxyPort", "9"),
)


def main(program: str, seconds: str) -> int:
    """Converts what comes in; 0 where a PDF went out."""
    source = sys.stdin.buffer
    (length,) = LENGTH.unpack(source.read(LENGTH.size))
    content = source.read(length)
    if len(content) < length:
        return 1
    folder = Path(tempfile.mkdtemp(prefix="alur-pdf-"))
    try:
        (folder / "a.docx").write_bytes(content)
        _profile(folder / "profil")
        _alone()
        process = subprocess.Popen(  # noqa: S603 - the program of the settings, on a file that we wrote
            [program, f"-env:UserInstallation={(folder / 'profil').as_uri()}", "--headless", "--norestore",
             "--nolockcheck", "--nologo", "--convert-to", FILTER, "--outdir", str(folder), str(folder / "a.docx")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            start_new_session=True,  # so that all of them can be killed by one number
        )  # fmt: skip
        threading.Thread(target=_when_alone, args=(process.pid,), daemon=True).start()
        try:
            process.wait(float(seconds))
        except subprocess.TimeoutExpired:
            return 2
        finally:
            _kill(process.pid)
        made = folder / "a.pdf"
        if not made.is_file():
            return 1
        sys.stdout.buffer.write(made.read_bytes())
        sys.stdout.buffer.flush()
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _when_alone(group: int) -> None:
    os.read(0, 1)  # nothing more is sent: this is the end of the pipe
    _kill(group)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _profile(folder: Path) -> None:
    (folder / "user").mkdir(parents=True)
    items = "\n".join(ITEM % item for item in CONFIGURED)
    (folder / "user" / "registrymodifications.xcu").write_text(PROFILE % items)


def _alone() -> None:
    """Limits, after everybody else, and no network: an own one has nothing but a loopback that is down. Where that is
    refused, the profile's proxies still lead nowhere.
    """
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # those at the terminal are for whoever asked, and their end is ours
    sys.exit(main(*sys.argv[1:]))
