"""Commands that keep the office running: the server, the worker, demo data, backups."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from app.cli.base import opened


@click.command()
@click.option("--no-worker", is_flag=True, help="Tanpa pekerja di sampingnya.")
def serve(no_worker: bool) -> None:
    """Melayani halaman dan API, dengan pekerja di sampingnya."""
    from app import config
    from app import serve as server

    serving = config.serving()
    with opened() as (settings, _):
        pass
    server.serve(settings, serving, not no_worker)


@click.command()
@click.option("--beside", type=int, hidden=True, help="Berhenti bila proses ini berakhir.")
def worker(beside: int | None) -> None:
    """Mengerjakan yang berjalan sendiri: tenggat, dokumen."""
    from app import database
    from app import serve as server
    from app import worker as working

    stop = server.stopped(beside)
    with opened() as (settings, engine):
        working.run(settings, *database.sessions(engine), stop)


@click.command()
def demo() -> None:
    """Mengisi basis data yang masih kosong dengan contoh."""
    from app import config, database
    from app import demo as example

    def say(words: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\rcontoh permohonan {words}", nl=False, err=True)

    with opened() as (settings, engine):
        example.build(settings, database.sessions(engine)[1], config.PROJECT, say)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Mencadangkan semuanya ke satu berkas, sambil berjalan."""
    from app import backup as backups

    with opened() as (settings, engine):
        rows, blobs = backups.write(engine, settings.files, file)
    click.echo(f"{file}: {rows} baris, {blobs} berkas", err=True)


@click.command()
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
