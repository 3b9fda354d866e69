"""Files that somebody sends: looked at, kept by their digest, and whose they are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from app import files
from app.context import Context
from app.models import Person, Upload

ID_LENGTH = 16  # letters, digits, - and _


def save(ctx: Context, person: Person, name: str, content: bytes, accept: Sequence[str] = ()) -> Upload:
    """Keeps a file of `person`'s, not yet part of any case. `accept` are media types, any known kind where empty.

    Raises files.UploadRefused with words for whoever sent it.
    """
    media_type = files.sniff(name, content, accept, limit=ctx.settings.upload_limit)
    upload = Upload(
        id=_new_id(),
        sha256=files.sha256(content),
        name=files.safe_name(name),
        media_type=media_type,
        size=len(content),
        person_id=person.id,
        created_at=ctx.now,
    )
    ctx.session.add(upload)
    ctx.session.flush()
    files.put(ctx.settings.files, content)  # after its row
    return upload


def taken_on(ctx: Context, upload_id: str, case_id: int) -> str:
    """The same file for another case, as sent by the same person; its id there."""
    old = ctx.session.get_one(Upload, upload_id)
    same = {"sha256": old.sha256, "name": old.name, "media_type": old.media_type, "size": old.size}
    new = Upload(id=_new_id(), **same, person_id=old.person_id, case_id=case_id, created_at=ctx.now)
    ctx.session.add(new)
    ctx.session.flush()
    return new.id


def _new_id() -> str:
    return secrets.token_urlsafe(ID_LENGTH * 3 // 4)
