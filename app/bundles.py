"""An SOP as files: gathered from folders, archives and uploads, and known by one digest."""

from __future__ import annotations

import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from app import engine

KINDS = {".bpmn": "diagram", ".dmn": "called", ".form": "forms", ".docx": "templates", ".txt": "texts"}
TEXTS = "pesan"  # the folder of what is mailed: any other .txt is somebody's note
BESIDE = ("forms", "docx_templates", "dmn")  # folders beside a diagram's, in which one of its name is its own
T = TypeVar("T")
BUNDLE_BYTES = 32 * 1024 * 1024


class BundleError(Exception):
    """Paths or an archive that hold no bundle; the message says what is missing, in Indonesian."""


@dataclass(frozen=True)
class Bundle:
    """An SOP as files: the diagram, diagrams and decision tables it may use, forms by id, templates and the texts of
    messages by name.
    """

    name: str
    diagram: bytes
    called: Mapping[str, bytes]
    forms: Mapping[str, bytes]
    templates: Mapping[str, bytes]
    texts: Mapping[str, bytes] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Every file by the path under which a revision keeps it."""
        return {
            f"{self.name}.bpmn": self.diagram,
            **{f"called/{name}": content for name, content in self.called.items()},
            **{f"forms/{name}.form": content for name, content in self.forms.items()},
            **{f"templates/{name}": content for name, content in self.templates.items()},
            **{f"texts/{name}": content for name, content in self.texts.items()},
        }

    def digest(self) -> str:
        """What a revision of these files is known by."""
        return digest_of(self.files())


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over every file's path and content."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        whole.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()


def read(paths: Iterable[Path]) -> list[Bundle]:
    """The bundles among files, folders and .zip archives.

    `bpmn/x.bpmn` alone brings `forms/x/`, `docx_templates/x/` and `dmn/x/` beside its folder.
    Raises BundleError, OSError.
    """
    found: dict[str, bytes] = {}
    for path in paths:
        found.update(_gather(path))
    return gathered(found)


def gathered(files: Mapping[str, bytes]) -> list[Bundle]:
    """The bundles among files by path: one for each diagram that no other one calls. Raises BundleError."""
    files = _unzipped(files)
    diagrams = {path: content for path, content in files.items() if path.endswith(".bpmn")}
    if not diagrams:
        raise BundleError("Tidak ada diagram (.bpmn) di antara berkas yang diberikan.")
    called = {path for path, content in diagrams.items() if _is_called(content, path, diagrams)}
    mains = _unlike((PurePosixPath(path).stem, path) for path in diagrams if path not in called or len(diagrams) == 1)
    if not mains:
        raise BundleError("Diagram-diagram ini saling memanggil; tidak satu pun dapat menjadi SOP-nya.")
    return [
        Bundle(
            stem,
            diagrams[path],
            _unlike(
                (PurePosixPath(p).name, c)
                for p, c in [*((p, diagrams[p]) for p in sorted(called)), *_own(files, ".dmn", stem, mains)]
            ),
            _unlike((PurePosixPath(p).stem, c) for p, c in _own(files, ".form", stem, mains)),
            _unlike((PurePosixPath(p).name, c) for p, c in _own(files, ".docx", stem, mains)),
            _unlike((PurePosixPath(p).name, c) for p, c in _own(files, ".txt", stem, mains)),
        )
        for stem, path in sorted(mains.items())
    ]


def _unlike(named: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Files by their name. Raises BundleError where two that differ have the same one: which is meant, nobody knows."""
    found: dict[str, T] = {}
    for name, content in named:
        if found.setdefault(name, content) != content:
            raise BundleError(f"{name}: ada dua berkas yang berbeda dengan nama ini.")
    return found


def _is_part(path: PurePath) -> bool:
    return path.suffix in KINDS and (path.suffix != ".txt" or path.parent.name == TEXTS)


def _gather(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {str(p): p.read_bytes() for p in sorted(path.rglob("*")) if _is_part(p) and p.is_file()}
    beside: dict[str, bytes] = {}
    if path.suffix == ".bpmn":
        for folder in BESIDE:
            place = path.resolve().parent.parent / folder / path.stem
            if place.is_dir():
                beside = {**beside, **_gather(place)}
    return {str(path): path.read_bytes(), **beside}


def _unzipped(files: Mapping[str, bytes]) -> dict[str, bytes]:
    plain = []
    for path, content in files.items():
        if not path.endswith(".zip"):
            plain.append((path, content))
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inside = [i for i in archive.infolist() if _is_part(PurePosixPath(i.filename))]
                if sum(i.file_size for i in inside) > BUNDLE_BYTES:
                    raise BundleError(f"{path}: isinya lebih besar daripada yang wajar untuk satu SOP.")
                plain += [(i.filename, archive.read(i)) for i in inside]
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError, zlib.error, lzma.LZMAError):
            raise BundleError(f"{path}: arsip .zip ini rusak atau terkunci.") from None
    return _unlike(plain)


def _is_called(content: bytes, path: str, diagrams: Mapping[str, bytes]) -> bool:
    keys = engine.process_ids(content)
    return any(keys & engine.called_ids(other) for name, other in diagrams.items() if name != path)


def _own(files: Mapping[str, bytes], suffix: str, stem: str, mains: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """What belongs to one diagram: those in a folder of its name, else all that are in nobody else's."""
    mine = [(p, c) for p, c in files.items() if p.endswith(suffix) and stem in PurePosixPath(p).parts]
    others = set(mains) - {stem}
    shared = [(p, c) for p, c in files.items() if p.endswith(suffix) and not others & set(PurePosixPath(p).parts)]
    return mine or shared
