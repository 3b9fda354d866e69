"""Commands over what is recorded: cases and their proof, people, the calendar."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.base import local, reading, writing

if TYPE_CHECKING:
    from app.context import Context
    from app.models import Person


@click.group()
def case() -> None:
    """Permohonan."""


@case.command()
@click.argument("number")
def show(number: str) -> None:
    """Satu permohonan dengan riwayatnya."""
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    from app import access, cases, journal, revisions
    from app.models import Case

    with writing() as ctx:  # kept before it is shown
        known = ctx.session.scalar(select(Case.id).where(Case.number == number))
        if known is not None:
            access.seen(ctx, None, "perintah", cases=[known], detail="alur case show")
    with reading() as ctx:
        found = ctx.session.scalar(select(Case).where(Case.number == number).options(joinedload(Case.revision)))
        if found is None:
            raise click.ClickException(f"{number}: nomor ini tidak dikenal.")
        definition = revisions.load(ctx.session, found.revision.id).definition
        due = f", jatuh tempo {local(ctx, found.due_at)}" if found.due_at else ""
        click.echo(f"{found.number}  {found.applicant_name}  {found.status}{due}")
        click.echo(f"{definition.title}, revisi {found.revision.number}")
        for task in cases.open_tasks(ctx, found):
            who = f", {task.assignee.full_name}" if task.assignee else ""
            click.echo(f"  > {task.name} ({task.lane.name}{who}), putaran {task.round}")
        for entry in journal.entries(ctx, found.id):
            step = definition.names.get(entry.step, entry.step)
            choice = definition.flows[entry.choice].name if entry.choice in definition.flows else entry.choice
            said = [entry.kind, step, choice, entry.note, f"({entry.lane}: {entry.by})" if entry.actor else ""]
            click.echo(f"{entry.seq:4} {local(ctx, entry.at)}  {'  '.join(words for words in said if words)}")


@click.command()
@click.argument("numbers", metavar="[NUMBER...]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Satu baris JSON untuk tiap permohonan.")
def verify(numbers: Sequence[str], as_json: bool) -> None:
    """Membuktikan permohonan: riwayatnya diputar ulang dan dibandingkan."""
    from app import audit

    proofs = bad = 0
    with reading() as ctx:
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


@click.command()
@click.argument("kind", type=click.Choice(["xes", "ocel", "csv"]))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def export(kind: str, output: Path) -> None:
    """Menulis riwayat semua permohonan untuk penambangan proses."""
    from app import access
    from app import export as exporting

    with writing() as ctx:
        access.seen(ctx, None, "ekspor", detail=f"alur export {kind}")
    with reading() as ctx, click.open_file(str(output), "wb", atomic=str(output) != "-") as out:
        count = exporting.write(ctx, kind, out)
    click.echo(f"{output}: {count} peristiwa", err=True)


@click.group()
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

    from app import access, accounts, people
    from app.models import Lane, Person

    name = " ".join(name.split())
    if not name.isprintable() or not 0 < len(name) <= 80:
        raise click.BadParameter("paling sedikit satu huruf, paling banyak 80, pada satu baris.", param_hint="NAME")
    password = ""
    with writing() as ctx:
        person = ctx.session.scalar(select(Person).where(Person.name == name))
        if person is None:
            password = secrets.token_urlsafe(12)
            person = people.new_person(ctx, name, password, must_change=temporary)
        else:
            click.echo(f"{name} sudah ada; yang belum ada ditambahkan.", err=True)
        for flag in [flag for flag, wanted in flags.items() if wanted]:
            setattr(person, flag, True)
        given = [accounts.DUTIES[flag] for flag, wanted in flags.items() if wanted] + [f"“{lane}”" for lane in lanes]
        words = ", ".join(["akun dibuat" if password else "dilengkapi", *given])
        access.changed(ctx, None, person, "akun-baru" if password else "ubah-akun", words)
        known = set(ctx.session.scalars(select(Lane.name)))
        for lane in lanes:
            people.grant(ctx, person, lane)
            if lane not in known:
                click.echo(f"Pelaksana “{lane}” belum ada pada SOP yang berlaku.", err=True)
    if password:  # told once, and only when it is true
        click.echo(password)


@user.command("list")
def list_users() -> None:
    """Semua orang: nama pengguna, nama lengkap, lajur dan tugasnya, keadaannya."""
    from sqlalchemy import select

    from app import accounts, people
    from app.models import Person

    with reading() as ctx:
        for person in ctx.session.scalars(select(Person).order_by(Person.name)):
            held = people.actor(ctx.session, person, ctx.now).names
            duties = [words for duty, words in accounts.DUTIES.items() if getattr(person, duty)]
            locked = person.locked_until is not None and person.locked_until > ctx.now
            state = "" if person.active and not locked else "terkunci" if person.active else "nonaktif"
            said = [person.name, person.full_name, ", ".join([*held, *duties]), state]
            click.echo("  ".join(words for words in said if words))


@user.command()
@click.argument("name")
def reset(name: str) -> None:
    """Menyetel ulang kata sandi seseorang dan mencetak yang baru; harus diganti saat masuk."""
    from app import accounts

    with writing() as ctx:
        password = accounts.reset(ctx, None, _person(ctx, name))
    click.echo(password)


@click.command()
@click.argument("name")
def token(name: str) -> None:
    """Mencetak token API untuk seseorang; berlaku sampai dicabut."""
    from app import people

    with writing() as ctx:
        secret = people.new_token(ctx, _person(ctx, name))
    click.echo(secret)


def _person(ctx: Context, name: str) -> Person:
    from sqlalchemy import select

    from app.models import Person

    found = ctx.session.scalar(select(Person).where(Person.name == name))
    if found is None:
        raise click.ClickException(f"{name}: orang ini tidak dikenal.")
    return found


@click.group()
def calendar() -> None:
    """Hari kerja."""


@calendar.command()
@click.argument("date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--days", type=click.IntRange(0, 36_500), required=True)
@click.option("--unit", type=click.Choice(["kerja", "kalender"]), default="kerja", show_default=True)
def due(date: datetime, days: int, unit: str) -> None:
    """Hari ke-N sesudah DATE, lalu aturan yang menggesernya."""
    from app import calendars, worktime

    with reading() as ctx:
        known = calendars.current(ctx)
    try:
        day, rules = worktime.due_date(date.date(), days, unit, known)
    except worktime.NoWorkingDay as error:
        raise click.ClickException(str(error)) from None
    except OverflowError:
        raise click.ClickException("Tanggalnya melewati tahun 9999.") from None
    for words in (day.isoformat(), *rules):
        click.echo(words)


DAY = click.argument("date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
REASON = click.option("--reason", required=True, help="Mengapa: tampil pada permohonan yang tanggalnya bergeser.")
REFERENCE = click.option("--reference", required=True, help="Dasar hukumnya: nomor keputusan atau surat edaran.")


@calendar.command(name="close")
@DAY
@REASON
@REFERENCE
def close_day(date: datetime, reason: str, reference: str) -> None:
    """Menutup kantor pada DATE; worker menghitung ulang permohonan yang berjalan."""
    _change(date, True, reason, reference)


@calendar.command(name="open")
@DAY
@REASON
@REFERENCE
def open_day(date: datetime, reason: str, reference: str) -> None:
    """Membuka kantor pada DATE walau libur."""
    _change(date, False, reason, reference)


@calendar.command(name="reset")
@DAY
@REASON
@REFERENCE
def reset_day(date: datetime, reason: str, reference: str) -> None:
    """Mengembalikan DATE kepada kalender nasional."""
    _change(date, None, reason, reference)


def _change(day: datetime, closed: bool | None, reason: str, reference: str) -> None:
    from app import calendars

    with writing() as ctx:
        try:
            made = calendars.change(ctx, day.date(), closed, reason, reference)
        except calendars.Refused as refused:
            raise click.ClickException(refused.message) from None
        done, left = calendars.progress(ctx)
    if made is None:
        click.echo(f"{day:%Y-%m-%d} memang sudah begitu.", err=True)
    elif left:
        click.echo(f"{left} dari {done + left} permohonan akan dihitung ulang.", err=True)


@calendar.command(name="list")
@click.option("--year", type=click.IntRange(1, 9999), help="Tahunnya; tahun ini bila tidak disebut.")
def list_days(year: int | None) -> None:
    """Hari libur pada hari kerja, dan hari yang ditutup atau dibuka kantor ini."""
    from datetime import date, timedelta

    from app import calendars, worktime

    with reading() as ctx:
        calendar, whole = calendars.current(ctx), year or ctx.local().year
    day = date(whole, 1, 1)
    for n in range((date(whole, 12, 31) - day).days + 1):
        one = day + timedelta(days=n)
        why, opened = calendar.shut(one), calendar.opened(one)
        if opened is not None:
            click.echo(f"{one}: buka, {opened}")
        elif why is not None and why != worktime.WEEKEND:
            click.echo(f"{one}: {'tutup' if one in calendar.own else 'libur'}, {why}")
