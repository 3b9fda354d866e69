"""What is told to whom: the outbox. A message is written with what it tells of, and sent by the worker, once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from app.context import Context
from app.models import Case, Message, Person

MAIL, PHONE = "surel", "gawai"


def notify(
    ctx: Context,
    person: Person,
    template: str,
    inputs: Mapping[str, Any],
    *,
    case: Case | None = None,
    key: str | None = None,
    address: str | None = None,
) -> None:
    """Tells a person what the office's own text `template` (of `app/texts/`) says of `inputs`, JSON values.

    It goes to `address`, else to the person's own once that is verified; staff's need not be. With a `key` it is told
    once, however often this is called. Nobody to reach: nothing happens.
    """
    address = address or reached_at(person)
    if address:
        row = _row(ctx, MAIL, address, f"{template.removesuffix('.txt')}.txt", inputs, ctx.now)
        _write(ctx, [{**row, "person_id": person.id, "case_id": case.id if case else None, "key": key}])


def reached_at(person: Person) -> str | None:
    """Where mail reaches a person: an applicant's address once it is verified, staff's as it was entered."""
    return person.email if person.email_verified_at is not None or not person.applicant else None


def _row(
    ctx: Context, channel: str, address: str, template: str, inputs: Mapping[str, Any], next_try: datetime
) -> dict[str, Any]:
    return {
        "channel": channel,
        "address": address,
        "template": template,
        "inputs": inputs,
        "message_id": f"<{secrets.token_hex(16)}@alur>",
        "created_at": ctx.now,
        "next_try": next_try,
        "attempts": 0,
        "unsure": False,
        "subject": "",
        "text": "",
        "error": "",
    }


def _write(ctx: Context, rows: list[dict[str, Any]]) -> None:
    """Writes messages, but none whose key is there already."""
    dialect = postgresql if ctx.session.get_bind().dialect.name == "postgresql" else sqlite
    for row in rows:
        ctx.session.connection().execute(dialect.insert(Message).values(row).on_conflict_do_nothing())
