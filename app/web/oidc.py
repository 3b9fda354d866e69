"""Log in at an OpenID Connect provider, for people who have an account here: one is never made of it."""

from __future__ import annotations

import logging
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from joserfc.errors import JoseError
from sqlalchemy import select

from app import access, cases
from app.config import Provider
from app.models import Person
from app.web import account, base

blueprint = Blueprint("oidc", __name__)
log = logging.getLogger("alur.web")
PATIENCE = 5  # seconds for each answer of the provider
SIGNED = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
FAILED = (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError, TypeError, RuntimeError)
FOUND, ONWARD = "oidc_akun", "oidc_next"


def _provider() -> Provider:
    provider = base.alur().settings.oidc
    if provider is None:
        raise cases.NotFound()
    return provider


def _client(provider: Provider) -> Any:
    """Authlib's client of the provider; what it told of itself is kept for this process."""
    known = current_app.extensions.get("alur.oidc")
    if known is None:
        app: Any = current_app
        known = OAuth(app._get_current_object()).register(
            "oidc",
            client_id=provider.client_id,
            client_secret=provider.secret,
            server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "default_timeout": PATIENCE,
            },
        )
        current_app.extensions["alur.oidc"] = known
    told = known.load_server_metadata()
    if told.get("issuer") != provider.issuer:
        raise ValueError("the provider calls itself another")
    told["id_token_signing_alg_values_supported"] = SIGNED  # none without a signature, none by a shared secret
    return known


@blueprint.get("/masuk/oidc")
@base.public
def masuk() -> ResponseReturnValue:
    """On to the provider, with a state, a nonce and a PKCE challenge of this browser's own."""
    provider = _provider()
    session[ONWARD] = account.local_path(request.args.get("next")) or ""
    try:
        answer: ResponseReturnValue = _client(provider).authorize_redirect(url_for("oidc.kembali", _external=True))
    except FAILED as error:
        return _failed(provider, error)
    return answer


@blueprint.get("/masuk/oidc/kembali")
@base.public
def kembali() -> ResponseReturnValue:
    """Back from the provider: its token is checked, and whose it is found."""
    provider = _provider()
    try:
        token = _client(provider).authorize_access_token(
            claims_options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
            }
        )
        claims: dict[str, Any] = dict(token["userinfo"])
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ValueError("sub")
    except FAILED as error:
        return _failed(provider, error)
    person = base.session().scalar(select(Person).where(Person.oidc_subject == subject))
    if person is not None:
        if not person.active:
            return _told(_("Akun Anda di sini tidak aktif."), _("Hubungi pengelola bila menurut Anda ini keliru."), 403)
        return account.entered(person, session.get(ONWARD, ""))
    return _unlinked(provider, claims, subject)


def _unlinked(provider: Provider, claims: dict[str, Any], subject: str) -> ResponseReturnValue:
    """Whoever is not linked yet: to the account with the same address, where both sides have verified it."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        return _told(
            _("%(name)s belum memastikan alamat surel Anda.", name=provider.name),
            _("Pastikan alamat surel Anda di sana, atau masuk di sini dengan kata sandi."), 403,
        )  # fmt: skip
    person = base.session().scalar(
        select(Person).where(
            Person.email == email.lower(),
            Person.email_verified_at.is_not(None),
            Person.oidc_subject.is_(None),
            Person.active,
        )
    )
    if person is None:
        return _told(
            _("Tidak ada akun di sini yang terhubung dengan akun %(name)s Anda.", name=provider.name),
            _("Akun tidak dibuat dengan sendirinya. Petugas: minta pengelola menulis alamat surel yang sama pada akun "
              "Anda. Pemohon: masuk atau daftar dengan kata sandi, lalu pastikan alamat surel Anda."), 403,
        )  # fmt: skip
    session[FOUND] = [subject, base.User(person).get_id(), base.now().timestamp()]
    return redirect(url_for("oidc.hubungkan"))


def _found() -> tuple[str, Person] | None:
    """The subject and the account that were found to be the same person's, a few minutes ago."""
    subject, cookie, at = session.get(FOUND, ["", "", 0])
    user = base.User.load(cookie) if cookie and 0 <= base.now().timestamp() - at <= account.HALFWAY else None
    return (subject, user.person) if user is not None else None


@blueprint.get("/masuk/oidc/hubungkan")
@base.public
def hubungkan() -> ResponseReturnValue:
    """Shows which account will be linked, before it is."""
    found = _found()
    if found is None:
        return redirect(account.login_address())
    return render_template("portal/hubungkan.html", person=found[1], provider=_provider())


@blueprint.post("/masuk/oidc/hubungkan")
@base.public
def hubungkan_kirim() -> ResponseReturnValue:
    """Links the account and logs in."""
    found = _found()
    if found is None:
        return redirect(account.login_address(), 303)
    person = base.session().get_one(Person, found[1].id, with_for_update=True)
    if person.oidc_subject is None:
        person.oidc_subject = found[0]
        words = f"dihubungkan dengan akun {_provider().name}"
        access.changed(base.context(), person, person, "ubah-akun", words)
    session.pop(FOUND)
    if person.oidc_subject != found[0]:
        return redirect(account.login_address(), 303)
    return account.entered(person, session.get(ONWARD, ""))


def _failed(provider: Provider, error: Exception) -> ResponseReturnValue:
    """What went wrong between the provider and us, in words; the log has the rest."""
    log.warning("oidc: %s: %s", type(error).__name__, error)
    if isinstance(error, AuthlibBaseError) and error.error == "access_denied":
        return _told(_("Anda membatalkan masuk di %(name)s.", name=provider.name), "", 403)
    if isinstance(error, requests.RequestException):
        return _told(
            _("%(name)s sedang tidak dapat dihubungi.", name=provider.name),
            _("Coba lagi beberapa menit lagi, atau masuk dengan kata sandi."), 503,
        )  # fmt: skip
    return _told(
        _("Masuk lewat %(name)s tidak berhasil.", name=provider.name),
        _("Jawabannya tidak cocok dengan permintaan peramban ini, atau sudah terlalu lama. Mulai sekali lagi."), 400,
    )  # fmt: skip


def _told(title: str, now: str, status: int) -> ResponseReturnValue:
    return account.login_page(told=(title, now)), status
