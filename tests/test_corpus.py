"""What `make corpus` takes from an archive, and what it makes of a diagram."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from tests import corpus
from tests.drawn import draw

GOOD = draw('start s\nuser a "Isi"\nend e\ns > a\na > e')


def test_an_archives_names_are_never_paths(tmp_path: Path) -> None:
    archive = tmp_path / "p.tgz"
    files = {
        "../../out.bpmn": GOOD,
        "/abs.bpmn20.xml": GOOD,
        "drawn.xml": GOOD,
        "pom.xml": b"<project/>",
        "a.txt": GOOD,
    }
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link.bpmn")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert [name for name, _ in corpus.drawings(archive)] == ["../../out.bpmn", "/abs.bpmn20.xml", "drawn.xml"]
    assert [path.name for path in tmp_path.iterdir()] == ["p.tgz"]


def test_a_diagram_is_checked_and_walked() -> None:
    good = corpus.judge("p 1", "good.bpmn", GOOD, 2)
    assert (good.runnable, good.walks, good.trouble) == (True, [True, True], "")
    bad = corpus.judge("p 1", "bad.bpmn", b"<a/>", 2)
    assert (bad.runnable, bad.errors, bad.walks, bad.trouble) == (False, ["bukan-bpmn"], [], "")
