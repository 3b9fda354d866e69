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
        id=secrets.token_urlsafe(ID_LENGTH * 3 // 4),
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
