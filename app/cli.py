"""What an operator types: `alur`. Each command calls the same verbs as the pages and commits once."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.config import Settings
    from app.context import Context
    from app.engine.definition import Definition, Finding
    from app.models import Person

LEVELS = {"error": "galat", "warning": "peringatan", "info": "keterangan"}
FILE = click.Path(exists=True, path_type=Path)


def main() -> None:
    """The console script: what an operator got wrong is one line on standard error, exit 1 (2: the command itself)."""
    try:
        code = alur.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        code = _complain(error.format_message(), error.exit_code)
    except click.Abort:
        code = 130
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        words = _words(error)
        if words is None:
            raise
        code = _complain(words, 1)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(words: str, code: int) -> int:
    click.echo(f"alur: {' '.join(words.split())}", err=True)
    return code


def _words(error: Exception) -> str | None:
    """What to tell the operator; None where it is our fault, and a traceback is due."""
    from sqlalchemy import exc

    from app import backup, config, migrations, revisions, serve

    ours = (backup.BackupError, config.ConfigError, migrations.DatabaseNewer, revisions.BundleError, serve.PortTaken)
    if isinstance(error, ours):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if isinstance(error, (exc.ArgumentError, exc.NoSuchModuleError)):
        return f"ALUR_DATABASE_URL: {error}"
    if isinstance(error, exc.OperationalError) or (type(error) is exc.DatabaseError):
        return f"Basis data: {error.orig}"
    return None


@contextmanager
def _opened() -> Iterator[tuple[Settings, Engine]]:
    """The settings and a database at its newest migration."""
    from app import config, database, migrations

    settings = config.settings()
    engine = database.connect(settings.database_url)
    try:
        migrations.upgrade(engine)
        yield settings, engine
    finally:
        engine.dispose()


@contextmanager
def _writing() -> Iterator[Context]:
    """One transaction, committed at its end."""
    from app import database
    from app.context import Context

    with _opened() as (settings, engine), database.sessions(engine)[1].begin() as session:
        yield Context(session, settings.now(), settings)


@contextmanager
def _reading() -> Iterator[Context]:
    """A session that sees one moment, however long it reads."""
    from sqlalchemy.orm import Session

    from app import backup
    from app.context import Context

    with _opened() as (settings, engine), backup.snapshot(engine) as connection, Session(connection) as session:
        yield Context(session, settings.now(), settings)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def alur() -> None:
    """Alur: SOP yang berjalan."""


# Serving


@alur.command()
@click.option("--no-worker", is_flag=True, help="Tanpa pekerja di sampingnya.")
def serve(no_worker: bool) -> None:
    """Melayani halaman dan API, dengan pekerja di sampingnya."""
    from app import config
    from app import serve as server

    serving = config.serving()
    with _opened() as (settings, _):
        pass
    server.serve(settings, serving, not no_worker)


@alur.command()
@click.option("--beside", type=int, hidden=True, help="Berhenti bila proses ini berakhir.")
def worker(beside: int | None) -> None:
    """Mengerjakan yang berjalan sendiri: tenggat, dokumen."""
    from app import database
    from app import serve as server
    from app import worker as working

    stop = server.stopped(beside)
    with _opened() as (settings, engine):
        working.run(settings, *database.sessions(engine), stop)


@alur.command()
def demo() -> None:
    """Mengisi basis data yang masih kosong dengan contoh."""
    from app import config, database
    from app import demo as example

    def say(words: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\rcontoh permohonan {words}", nl=False, err=True)

    with _opened() as (settings, engine):
        example.build(settings, database.sessions(engine)[1], config.PROJECT, say)


# SOPs


@alur.group()
def sop() -> None:
    """SOP: memeriksa, mencoba, memberlakukan."""


@sop.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Satu baris JSON untuk tiap berkas.")
def check(paths: Sequence[Path], as_json: bool) -> None:
    """Memeriksa diagram, atau SOP dengan formulir dan templatnya."""
    bad = False
    for name, definition, findings in _checked(paths):
        runnable = definition is not None and not any(finding.level == "error" for finding in findings)
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
    """Each path's SOP with what there is to say of it; a diagram alone may call the others that were given."""
    from app import engine, revisions
    from app.engine.definition import Finding

    alone: dict[str, bytes] = {}
    for path in paths:
        try:
            if path.is_dir() or path.suffix == ".zip" or _lies_in_a_bundle(path):
                found = revisions.bundles([path])
                for bundle in found:
                    name = str(path) if len(found) == 1 else f"{path}/{bundle.name}.bpmn"
                    yield name, *revisions.check(bundle)
            else:
                alone[str(path)] = path.read_bytes()
        except (OSError, revisions.BundleError) as error:
            yield str(path), None, [Finding("", "error", "berkas-tidak-terbaca", str(error))]
    holders = _holders(alone) if len(alone) > 1 else {}
    for name, content in alone.items():
        reading = engine.read(content, _called(content, holders, alone))
        yield name, reading.definition, reading.findings


def _lies_in_a_bundle(path: Path) -> bool:
    folders = [path.resolve().parent.parent / name / path.stem for name in ("forms", "docx_templates")]
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
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--seed", type=int, help="Bilangan awal undian; jalan yang sama untuk bilangan yang sama.")
@click.option("--max-steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def walk(path: Path, seed: int | None, max_steps: int, as_json: bool) -> None:
    """Menjalankan satu SOP secara acak sampai akhir, di memori."""
    from app import engine

    seed = secrets.randbelow(2**31) if seed is None else seed
    name, definition, findings = next(_checked([path]))
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
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FILE)
def install(paths: Sequence[Path]) -> None:
    """Memberlakukan SOP sebagai revisi baru; permohonan yang berjalan tetap pada revisinya."""
    from app import revisions

    bundles = revisions.bundles(paths)
    with _writing() as ctx:
        for bundle in bundles:
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

    with _reading() as ctx:
        for revision in revisions.all_in_force(ctx.session):
            since = _local(ctx, revision.in_force_from)
            click.echo(f"{revision.sop}\trevisi {revision.number}\tsejak {since}\t{revision.title}")


# Cases


@alur.group()
def case() -> None:
    """Permohonan."""


@case.command()
@click.argument("number")
def show(number: str) -> None:
    """Satu permohonan dengan riwayatnya."""
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    from app import cases, journal, revisions
    from app.models import Case

    with _reading() as ctx:
        found = ctx.session.scalar(select(Case).where(Case.number == number).options(joinedload(Case.revision)))
        if found is None:
            raise click.ClickException(f"{number}: nomor ini tidak dikenal.")
        definition = revisions.load(ctx.session, found.revision).definition
        due = f", jatuh tempo {_local(ctx, found.due_at)}" if found.due_at else ""
        click.echo(f"{found.number}  {found.applicant_name}  {found.status}{due}")
        click.echo(f"{definition.title}, revisi {found.revision.number}")
        for task in cases.open_tasks(ctx, found):
            who = f", {task.assignee.full_name}" if task.assignee else ""
            click.echo(f"  > {task.name} ({task.lane.name}{who}), putaran {task.round}")
        for entry in journal.entries(ctx, found.id):
            step = definition.names.get(entry.step, entry.step)
            choice = definition.flows[entry.choice].name if entry.choice in definition.flows else entry.choice
            said = [entry.kind, step, choice, entry.note, f"({entry.lane}: {entry.actor})" if entry.actor else ""]
            click.echo(f"{entry.seq:4} {_local(ctx, entry.at)}  {'  '.join(words for words in said if words)}")


@alur.command()
@click.argument("numbers", metavar="[NUMBER...]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Satu baris JSON untuk tiap permohonan.")
def verify(numbers: Sequence[str], as_json: bool) -> None:
    """Membuktikan permohonan: riwayatnya diputar ulang dan dibandingkan."""
    from app import audit

    proofs = bad = 0
    with _reading() as ctx:
        for proof in audit.verify(ctx, numbers):
            proofs += 1
            bad += not proof.whole
            if as_json:
                click.echo(audit.as_json(proof))
            elif not proof.whole:
                click.echo("\n".join([f"{proof.number}: ada temuan", *(f"  {words}" for words in proof.all_findings)]))
    if not as_json:
        click.echo(f"{proofs} permohonan diperiksa, {bad} dengan temuan")
    if bad:
        sys.exit(1)


@alur.command()
@click.argument("kind", type=click.Choice(["xes", "ocel", "csv"]))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def export(kind: str, output: Path) -> None:
    """Menulis riwayat semua permohonan untuk penambangan proses."""
    from app import export as exporting

    with _reading() as ctx, click.open_file(str(output), "wb", atomic=str(output) != "-") as out:
        count = exporting.write(ctx, kind, out)
    click.echo(f"{output}: {count} peristiwa", err=True)


# People


@alur.group()
def user() -> None:
    """Orang yang dapat masuk."""


@user.command()
@click.argument("name")
@click.option("--lane", "lanes", multiple=True, help="Pelaksana yang dipegang; boleh berulang.")
@click.option("--owner", is_flag=True, help="Pemilik SOP.")
@click.option("--auditor", is_flag=True, help="Pemeriksa.")
@click.option("--admin", is_flag=True, help="Pengelola.")
@click.option("--applicant", is_flag=True, help="Pemohon.")
@click.option("--temporary", is_flag=True, help="Kata sandi pertama harus diganti saat masuk.")
def add(name: str, lanes: Sequence[str], temporary: bool, **flags: bool) -> None:
    """Menambah orang dan mencetak kata sandi pertamanya; yang sudah ada dilengkapi."""
    from sqlalchemy import select

    from app import people
    from app.models import Lane, Person

    name = " ".join(name.split())
    if not name.isprintable() or not 0 < len(name) <= 80:
        raise click.BadParameter("paling sedikit satu huruf, paling banyak 80, pada satu baris.", param_hint="NAME")
    password = ""
    with _writing() as ctx:
        person = ctx.session.scalar(select(Person).where(Person.name == name))
        if person is None:
            password = secrets.token_urlsafe(12)
            person = people.new_person(ctx, name, password, must_change=temporary)
        else:
            click.echo(f"{name} sudah ada; yang belum ada ditambahkan.", err=True)
        for flag in [flag for flag, wanted in flags.items() if wanted]:
            setattr(person, flag, True)
        known = set(ctx.session.scalars(select(Lane.name)))
        for lane in lanes:
            people.grant(ctx, person, lane)
            if lane not in known:
                click.echo(f"Pelaksana “{lane}” belum ada pada SOP yang berlaku.", err=True)
    if password:  # told once, and only when it is true
        click.echo(password)


@alur.command()
@click.argument("name")
def token(name: str) -> None:
    """Mencetak token API untuk seseorang; berlaku sampai dicabut."""
    from app import people

    with _writing() as ctx:
        secret = people.new_token(ctx, _person(ctx, name))
    click.echo(secret)


def _person(ctx: Context, name: str) -> Person:
    from sqlalchemy import select

    from app.models import Person

    found = ctx.session.scalar(select(Person).where(Person.name == name))
    if found is None:
        raise click.ClickException(f"{name}: orang ini tidak dikenal.")
    return found


# Calendar, backup


@alur.group()
def calendar() -> None:
    """Hari kerja."""


@calendar.command()
@click.argument("date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--days", type=click.IntRange(0, 36_500), required=True)
@click.option("--unit", type=click.Choice(["kerja", "kalender"]), default="kerja", show_default=True)
def due(date: datetime, days: int, unit: str) -> None:
    """Hari ke-N sesudah DATE, lalu aturan yang menggesernya."""
    from app import clock, worktime

    with _reading() as ctx:
        known = clock.calendar(ctx)
    try:
        day, rules = worktime.due_date(date.date(), days, unit, known)
    except OverflowError:
        raise click.ClickException("Tanggalnya melewati tahun 9999.") from None
    for words in (day.isoformat(), *rules):
        click.echo(words)


@alur.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Mencadangkan semuanya ke satu berkas, sambil berjalan."""
    from app import backup as backups

    with _opened() as (settings, engine):
        rows, blobs = backups.write(engine, settings.files, file)
    click.echo(f"{file}: {rows} baris, {blobs} berkas", err=True)


@alur.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Menggantikan isi basis data yang sudah ada.")
def restore(file: Path, force: bool) -> None:
    """Mengembalikan cadangan ke basis data kosong."""
    from app import backup as backups
    from app import config, database

    settings = config.settings()
    engine = database.connect(settings.database_url)
    try:
        rows, blobs = backups.restore(engine, settings.files, file, force=force)
    finally:
        engine.dispose()
    click.echo(f"{file}: {rows} baris, {blobs} berkas", err=True)


def _local(ctx: Context, at: datetime) -> str:
    return at.astimezone(ctx.settings.zone).strftime("%Y-%m-%d %H.%M")


if __name__ == "__main__":
    main()
