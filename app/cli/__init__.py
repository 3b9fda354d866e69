"""What an operator types: `alur`. Each command calls the same verbs as the pages and commits once."""

from __future__ import annotations

import os
import sys

import click

from app.cli import records, serving, sops


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

    from app import backup, bundles, config, migrations, serve

    ours = (backup.BackupError, config.ConfigError, migrations.DatabaseNewer, bundles.BundleError, serve.PortTaken)
    if isinstance(error, ours):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if isinstance(error, (exc.ArgumentError, exc.NoSuchModuleError)):
        return f"ALUR_DATABASE_URL: {error}"
    if isinstance(error, exc.OperationalError) or (type(error) is exc.DatabaseError):
        return f"Basis data: {error.orig}"
    if isinstance(error, UnicodeDecodeError):  # SQLite's driver, where the file's own schema is not text any more
        return "Basis data: berkasnya rusak."
    return None


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def alur() -> None:
    """Alur: SOP yang berjalan."""


for command in (
    serving.serve, serving.worker, serving.demo, sops.sop, records.case, records.verify, records.export, records.user,
    records.token, records.calendar, serving.backup, serving.restore,
):  # fmt: skip
    alur.add_command(command)
