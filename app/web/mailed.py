"""Links that are mailed: what is opened by whoever reads an address's mail."""

from __future__ import annotations

from app import links, messages
from app.context import Context
from app.models import Person

LETTERS = {links.VERIFY: ("pastikan-surel", "/pastikan-surel/"), links.RESET: ("sandi-baru", "/sandi/baru/")}


def send(ctx: Context, person: Person, purpose: str, address: str) -> None:
    """Mails a link; those before it work no longer. What a request says of its own host is anybody's word, and does
    not come into a letter.
    """
    letter, path = LETTERS[purpose]
    secret = links.make(ctx, person, purpose, address)
    told = {"nama": person.full_name, "tautan": f"{ctx.settings.url}{path}{secret}"}
    messages.notify(ctx, person, letter, told, address=address)
