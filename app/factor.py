"""The second factor of a log-in: a code that an app shows (RFC 6238), or one of ten recovery codes, each used once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence

import pyotp
import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.config import Settings
from app.context import Context
from app.models import Person

STEP = 30  # seconds that a code is shown
DRIFT = 1  # steps that a phone's clock may be fast or slow
CODES = 10
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # told apart when read aloud
NONCE = 12


def new_secret() -> str:
    """A new secret, 160 random bits in base 32 as apps take it."""
    return pyotp.random_base32()


def sealed(settings: Settings, person: Person, secret: str) -> str:
    """A secret as it is stored: whoever has the database and not ALUR_SECRET_KEY cannot make codes of it."""
    nonce = secrets.token_bytes(NONCE)
    box = _cipher(settings).encrypt(nonce, base64.b32decode(secret), str(person.id).encode())
    return base64.b64encode(nonce + box).decode()


def opened(settings: Settings, person: Person, stored: str) -> str | None:
    """The secret that `sealed` stored; None where it was for somebody else, or the key is another one now."""
    try:
        box = base64.b64decode(stored)
        plain = _cipher(settings).decrypt(box[:NONCE], box[NONCE:], str(person.id).encode())
    except (InvalidTag, ValueError):
        return None
    return base64.b32encode(plain).decode()


def _cipher(settings: Settings) -> AESGCM:
    return AESGCM(hmac.digest(settings.secret_key.encode(), b"alur: second factor", "sha256"))


def address(person: Person, secret: str, office: str) -> str:
    """The address that an app reads a secret from."""
    return pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name=office)


def picture(address: str) -> str:
    """An address as a QR picture, for the `src` of an image."""
    return str(segno.make(address, error="m").svg_data_uri(scale=5, border=4))


def step_of(ctx: Context, secret: str, code: str, after: int = 0) -> int | None:
    """The step, later than `after`, of which a code is; None where it is of none that counts now."""
    digits = re.sub(r"\s", "", code)
    here = int(ctx.now.timestamp()) // STEP
    for step in range(here - DRIFT, here + DRIFT + 1):
        if step > after and hmac.compare_digest(pyotp.TOTP(secret).at(step * STEP).encode(), digits.encode()):
            return step
    return None


def use(ctx: Context, person: Person, code: str) -> bool:
    """Whether a code is the person's now, of their app or a recovery code; either is used up by it."""
    secret = opened(ctx.settings, person, person.totp) if person.totp else None
    if secret and (step := step_of(ctx, secret, code, person.totp_step)) is not None:
        person.totp_step = step
        return True
    digest = _digest(code)
    if person.recovery and digest in person.recovery:
        person.recovery = [left for left in person.recovery if left != digest]
        return True
    return False


def switch_on(ctx: Context, person: Person, secret: str, step: int) -> list[str]:
    """From now on a log-in asks for the second factor; gives the recovery codes, which nobody can read again."""
    person.totp, person.totp_step = sealed(ctx.settings, person, secret), step
    return new_codes(person)


def switch_off(person: Person) -> None:
    """A log-in no longer asks for more than the password."""
    person.totp, person.totp_step, person.recovery = None, 0, None


def new_codes(person: Person) -> list[str]:
    """Ten new recovery codes in place of whatever was left; only their digests are kept."""
    codes = ["-".join(group() for _ in range(3)) for _ in range(CODES)]
    person.recovery = [_digest(code) for code in codes]
    return codes


def left(recovery: Sequence[str] | None) -> int:
    """How many recovery codes are left."""
    return len(recovery or ())


def group() -> str:
    """Four letters and digits of a code that is read or typed once."""
    return "".join(secrets.choice(LETTERS) for _ in range(4))


def _digest(code: str) -> str:
    return hashlib.sha256(re.sub(r"[\s-]", "", code).upper().encode("utf-8", "replace")).hexdigest()
