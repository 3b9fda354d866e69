"""Alur: the SOP that runs. `create_app` is all the wiring, on one screen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Response

    from app.config import Settings

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


def create_app(settings: Settings | None = None) -> Flask:
    """The web application. `settings` default to the environment's; raises config.ConfigError."""
    # Imported here, so that the worker, the commands and the papers' child process begin without the web.
    from flask import Flask
    from flask_babel import Babel
    from flask_bootstrap import Bootstrap5
    from flask_login import LoginManager
    from flask_wtf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app import config, database
    from app.web import base, errors, routes, seen, shown, squeeze

    settings = settings or config.settings()
    engine = database.connect(settings.database_url)
    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="alur",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        MAX_CONTENT_LENGTH=20 * settings.upload_limit + 1024 * 1024,  # a form with all its uploads
        MAX_FORM_PARTS=5000,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # whoever comes back after an hour can still send what they typed
        BOOTSTRAP_SERVE_LOCAL=True,
        BABEL_DEFAULT_LOCALE="id",
        BABEL_TRANSLATION_DIRECTORIES="web/translations",
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(hours=1),
    )
    app.extensions["alur"] = base.Alur(settings, engine, *database.sessions(engine))
    app.url_map.strict_slashes = False
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    Bootstrap5(app)
    Babel(app, locale_selector=shown.locale)
    csrf = CSRFProtect(app)
    LoginManager(app).user_loader(base.User.load)
    base.install(app)
    errors.install(app)
    shown.install(app)
    squeeze.install(app)
    for blueprint in routes.BLUEPRINTS:
        app.register_blueprint(blueprint)
        if blueprint.name in ("api", "checking"):  # a bearer token is no cookie; who checks a paper changes nothing
            csrf.exempt(blueprint)
    app.after_request(_headers)
    seen.install(app)
    return app


def _headers(answer: Response) -> Response:
    told = answer.headers
    told.setdefault("Content-Security-Policy", CSP)
    told.setdefault("X-Content-Type-Options", "nosniff")
    told.setdefault("Referrer-Policy", "same-origin")
    told.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    told.setdefault("X-Frame-Options", "SAMEORIGIN")
    if answer.mimetype == "text/html":
        told.setdefault("Cache-Control", "no-store")
    return answer
