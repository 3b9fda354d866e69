"""Commands of whoever owns an SOP: check it, walk it, see its papers, put it in force."""

from __future__ import annotations

import getpass
import json
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.base import FILE, local, reading, writing

if TYPE_CHECKING:
    from app.engine.definition import Definition, Finding

LEVELS = {"error": "galat", "warning": "peringatan", "info": "keterangan"}


@click.group()
def sop() -> None:
    """SOP: memeriksa, mencoba, memberlakukan."""


@sop.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Satu baris JSON untuk tiap berkas.")
def check(paths: Sequence[Path], as_json: bool) -> None:
    """Memeriksa diagram, atau SOP dengan formulir, templat, dan tabelnya."""
    bad = False
    for name, definition, findings in _checked(paths):
        read = definition is not None or name.endswith(".dmn")
        runnable = read and not any(finding.level == "error" for finding in findings)
        bad = bad or not runnable
        if as_json:
            line = {"file": name, "runnable": runnable, "findings": [asdict(finding) for finding in findings]}
            click.echo(json.dumps(line, ensure_ascii=False))
            continue
        click.echo(f"{name}: {'dapat dijalankan' if runnable else 'belum dapat dijalankan'}")
        for words in _as_lines(findings):
            click.echo(words)
    if bad:
        sys.exit(1)


def _as_lines(findings: Sequence[Finding]) -> Iterator[str]:
    for f in findings:
        yield f"  {LEVELS[f.level]}: {f.element or '-'}: {f.message} [{f.rule}]"


def _checked(paths: Sequence[Path]) -> Iterator[tuple[str, Definition | None, Sequence[Finding]]]:
    """Each path's SOP with what there is to say of it; it may use the other diagrams and tables that were given."""
    from app import bundles, checks, engine
    from app.engine.definition import Finding

    given: dict[str, bytes] = {}
    for path in paths if len(paths) > 1 else ():
        with suppress(OSError):
            if path.suffix != ".zip" and path.is_file():
                given[str(path)] = path.read_bytes()
    tables = {name: content for name, content in given.items() if name.endswith(".dmn")}
    diagrams = {name: content for name, content in given.items() if name not in tables}
    holders = _holders(diagrams)
    for path in paths:
        try:
            if path.is_dir() or path.suffix == ".zip" or _lies_in_a_bundle(path):
                found = bundles.read([path])
                for bundle in found:
                    name = str(path) if len(found) == 1 else f"{path}/{bundle.name}.bpmn"
                    others = {**_called(bundle.diagram, holders, diagrams), **tables}
                    called = {Path(other).name: content for other, content in others.items()}
                    yield name, *checks.check(replace(bundle, called={**called, **bundle.called}))
            elif path.suffix == ".dmn":
                yield str(path), None, engine.read_tables(str(path), path.read_bytes())
            else:
                content = path.read_bytes()
                reading = engine.read(content, {**_called(content, holders, diagrams), **tables})
                yield str(path), reading.definition, reading.findings
        except (OSError, bundles.BundleError) as error:
            yield str(path), None, [Finding("", "error", "berkas-tidak-terbaca", str(error))]


def _lies_in_a_bundle(path: Path) -> bool:
    from app.bundles import BESIDE

    folders = [path.resolve().parent.parent / name / path.stem for name in BESIDE]
    return path.suffix == ".bpmn" and any(folder.is_dir() for folder in folders)


def _holders(files: Mapping[str, bytes]) -> dict[str, str]:
    """Which file holds which process; the first of several."""
    from app import engine

    return {process: name for name, content in reversed(list(files.items())) for process in engine.process_ids(content)}


def _called(content: bytes, holders: Mapping[str, str], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that hold what a diagram calls, and what those call."""
    from app import engine

    found: dict[str, bytes] = {}
    ahead = [content] if holders else []
    while ahead:
        for process in engine.called_ids(ahead.pop()):
            name = holders.get(process)
            if name is not None and name not in found and files[name] != content:
                found[name] = files[name]
                ahead.append(files[name])
    return found


@sop.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=FILE)
@click.option("--seed", type=int, help="Bilangan awal undian; jalan yang sama untuk bilangan yang sama.")
@click.option("--max-steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def walk(paths: Sequence[Path], seed: int | None, max_steps: int, as_json: bool) -> None:
    """Menjalankan satu SOP secara acak sampai akhir, di memori; berkas lainnya ialah yang boleh dipanggilnya."""
    from app import engine

    seed = secrets.randbelow(2**31) if seed is None else seed
    name, definition, findings = next(_checked(paths))
    line: dict[str, Any] = {"file": name, "completed": False, "steps": [], "error": None, "seed": seed}
    errors = [finding for finding in findings if finding.level == "error"]
    if definition is None or errors:
        line["error"] = "; ".join(finding.message for finding in errors) or "Diagram ini tidak dapat dijalankan."
    else:
        walked = engine.walk(definition, seed, max_steps)
        steps = [{"element": step.element, "lane": step.lane, "choice": step.choice} for step in walked.steps]
        line |= {"completed": walked.completed, "steps": steps, "error": walked.error}
    if as_json:
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        for number, step in enumerate(line["steps"], 1):
            click.echo(
                f"{number:4} {step['lane']}: {step['element']}{' -> ' + step['choice'] if step['choice'] else ''}"
            )
        click.echo(f"{name}: {'selesai' if line['completed'] else line['error']} (--seed {seed})")
    if not line["completed"]:
        sys.exit(1)


@sop.command()
@click.argument("what", metavar="PATH|KEY")
@click.option(
    "-o", "folder", type=click.Path(file_okay=False, path_type=Path), help="Map hasilnya; biasanya contoh-KEY."
)
def trial(what: str, folder: Path | None) -> None:
    """Mengisi setiap surat SOP dengan permohonan contoh, supaya dapat dilihat sebelum berlaku.

    PATH ialah diagram atau arsip SOP yang belum diberlakukan, KEY kunci SOP yang sudah berlaku.
    """
    from app import bundles, config, revisions
    from app import trial as trials
    from app.engine.definition import Finding

    settings, found = config.settings(), []
    if Path(what).exists():
        found = [(bundle.name, *trials.of_bundle(settings, bundle)) for bundle in bundles.read([Path(what)])]
    else:
        with reading() as ctx:
            revision = revisions.in_force(ctx.session, what)
            if revision is None:
                raise click.ClickException(f"{what}: tidak ada berkas atau SOP yang berlaku dengan nama ini.")
            kept = tuple(Finding(**finding) for finding in revision.findings)
            found = [(what, trials.of_revision(settings, ctx.session, revision), kept)]
    bad = False
    for name, tried, findings in found:
        for words in _as_lines([f for f in findings if f.level != "info"]):
            click.echo(words)
        if tried.stopped:
            click.echo(f"  {tried.stopped}")
        place = (folder or Path(f"contoh-{name}")) / (name if len(found) > 1 else "")
        bad = bad or any(one.error for one in tried.papers) or any(f.level == "error" for f in findings)
        for number, one in enumerate(tried.papers, 1):
            for content, blank in ((one.filled, ""), (one.blank if one.form else None, " (kosong)")):
                if content is not None:
                    place.mkdir(parents=True, exist_ok=True)
                    path = place / f"{number:02} {_file_name(one.paper.name)}{blank}.docx"
                    path.write_bytes(content)
                    away = "" if one.reached else " (permohonan contoh tidak sampai di tempat terbitnya)"
                    click.echo(f"{path}{away}")
            if one.error:
                click.echo(f"  galat: {one.paper.template}: {one.paper.name}: {one.error}")
    if bad:
        sys.exit(1)


def _file_name(name: str) -> str:
    """A paper's name as a file may be called on any system."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "-", name).strip(" .")[:120] or "surat"


@sop.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FILE)
def install(paths: Sequence[Path]) -> None:
    """Memberlakukan SOP sebagai revisi baru; permohonan yang berjalan tetap pada revisinya."""
    from app import bundles, revisions

    found = bundles.read(paths)
    with writing() as ctx:
        for bundle in found:
            try:
                revision = revisions.install(ctx, bundle, getpass.getuser(), "wewenang operator (alur sop install)")
            except revisions.NotRunnable as refused:
                for words in _as_lines(refused.findings):
                    click.echo(words, err=True)
                raise click.ClickException(f"{bundle.name}: belum dapat dijalankan; tidak ada yang berubah.") from None
            new = revision.in_force_from == ctx.now
            click.echo(f"{revision.sop} revisi {revision.number}: {'berlaku sekarang' if new else 'sudah berlaku'}")


@sop.command("list")
def list_() -> None:
    """SOP yang berlaku."""
    from app import revisions

    with reading() as ctx:
        for revision in revisions.all_in_force(ctx.session):
            since = local(ctx, revision.in_force_from)
            click.echo(f"{revision.sop}\trevisi {revision.number}\tsejak {since}\t{revision.title}")
