"""What every page stands on: one session, one place that commits, a guard on every route."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask import session as flask_session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app import cases, outages, papers, people, worker
from app.config import Settings
from app.context import Context
from app.models import Person

log = logging.getLogger("alur.web")
View = TypeVar("View", bound=Callable[..., Any])
LARGEST_ID = 2**31  # what the databases number rows with
READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Alur:
    """What an application carries: its settings and its two makers of sessions."""

    settings: Settings
    engine: Engine
    reading: sessionmaker[Session]
    writing: sessionmaker[Session]


def alur() -> Alur:
    """The running application's settings and sessions."""
    found: Alur = current_app.extensions["alur"]
    return found


# -- session, moment, person ------------------------------------------------------------------------------------------


def session() -> Session:
    """This request's session: it reads for GET, and holds the writer's lock from its first use otherwise."""
    if "session" not in g:
        g.session = (alur().reading if only_reading() else alur().writing)()
    found: Session = g.session
    return found


def now() -> datetime:
    """The moment of this request: one, however long it takes."""
    if "now" not in g:
        g.now = alur().settings.now()
    moment: datetime = g.now
    return moment


def context() -> Context:
    """What a verb is handed."""
    return Context(session(), now(), alur().settings)


def me() -> Person | None:
    """Who asks: by bearer token or by log-in; None for the public."""
    if "person" not in g:
        g.person = current_user.person if current_user.is_authenticated else None
    person: Person | None = g.person
    return person


def sign_in(person: Person) -> None:
    """Begin a log-in afresh: nothing that stood in the cookie before survives it."""
    flask_session.clear()
    flask_session.permanent = True
    login_user(User(person))
    g.person = person


def sign_out() -> None:
    """End this log-in."""
    logout_user()
    flask_session.clear()
    g.person = None


def person() -> Person:
    """Who asks, on a route that is guarded. 401 for the public."""
    return me() or abort(401)


def actor() -> people.Actor:
    """Who asks, with their lanes at this moment. 401 for the public."""
    if "actor" not in g:
        g.actor = people.actor(session(), person(), now())
    found: people.Actor = g.actor
    return found


def only_reads() -> None:
    """This request changes nothing although it is a POST: it need not hold up who writes. Say so first of all."""
    g.reads = True


def only_reading() -> bool:
    """Does this request's session change nothing?"""
    return request.method in READS or "reads" in g


def now_write() -> None:
    """From here on a request that `looks_first` writes, in a session of its own that holds the writer's lock."""
    asking = person()
    g.pop("session").close()
    for name in ("reads", "actor"):
        g.pop(name, None)
    g.person = session().merge(asking, load=False)


def keep() -> None:
    """Commit although the answer will be an error: a counted wrong password, what somebody typed."""
    g.keep = True


def quiet() -> None:
    """A page asks by itself: its answer leaves the cookie alone, which neither lasts longer nor loses a message."""
    g.quiet = True


class Cookies(SecureCookieSessionInterface):
    """Flask's cookie, left alone by answers that are `quiet`."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        return "quiet" not in g and super().should_set_cookie(app, session)


def kept_at_once(job: Callable[[Context], object]) -> None:
    """Do `job` in a short transaction of its own: what must be kept whatever becomes of this request."""
    with alur().writing() as quick:
        job(Context(quick, now(), alur().settings))
        quick.commit()


def once_answered(answer: Response, job: Callable[[Context], object]) -> Response:
    """Do `job` in a transaction of its own once the answer has gone, so that the answer tells nothing by its time."""
    mine, moment = alur(), now()

    def work() -> None:
        try:
            with mine.writing() as later:
                job(Context(later, moment, mine.settings))
                later.commit()
        except Exception:
            log.exception("once answered")

    answer.call_on_close(work)
    return answer


def after_commit(job: Callable[[], object]) -> None:
    """Run `job` once this request's work is committed. What it raises is logged, never shown."""
    g.setdefault("jobs", []).append(job)


def fill_papers(done: cases.Completion) -> None:
    """Once this request is committed, fill the papers that became due; what fails or is left, the worker finishes."""
    if done.papers:
        fill_papers_of(done.case.id, done.seq)


def fill_papers_of(case_id: int, seq: int) -> None:
    """The same for the papers of one event."""
    mine = alur()
    for document in papers.of_event(context(), case_id, seq):
        after_commit(partial(worker.fill_paper, mine.settings, mine.reading, mine.writing, document))


class User(UserMixin):  # type: ignore[misc]
    """A person as the cookie names them; a changed password or second factor ends every other log-in."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def get_id(self) -> str:
        secret = f"{self.person.password}{self.person.totp or ''}"
        return f"{self.person.id}.{hashlib.sha256(secret.encode()).hexdigest()[:16]}"

    @classmethod
    def load(cls, cookie: str) -> User | None:
        number = cookie.partition(".")[0]
        person = session().get(Person, int(number)) if number.isdecimal() else None
        user = cls(person) if person is not None and person.active else None
        return user if user is not None and secrets.compare_digest(user.get_id().encode(), cookie.encode()) else None


# -- guards: every route says who may come in -------------------------------------------------------------------------

GUARDS: dict[str, Callable[[Person], bool]] = {
    "signed_in": lambda person: True,
    "applicant": lambda person: person.applicant,
    "staff": lambda person: actor().staff,
    "owner": lambda person: person.owner,
    "auditor": lambda person: person.auditor,
    "admin": lambda person: person.admin,
    "overseer": lambda person: person.admin or person.auditor,
    "emergency": lambda person: outages.may_declare(context(), actor()),
    "token": lambda person: True,
}
UNMARKED = {"static": "public", "bootstrap.static": "public"}  # Flask's own views cannot carry a mark
BEFORE_CHANGE = {"account.ganti_sandi", "account.ganti_sandi_kirim", "account.keluar"}


def guard(name: str) -> Callable[[View], View]:
    """Mark a view with who may come in: `public` or a name in GUARDS."""
    if name != "public" and name not in GUARDS:
        raise ValueError(f"no such guard: {name}")

    def mark(view: View) -> View:
        view.alur_guard = name  # type: ignore[attr-defined]
        return view

    return mark


public = guard("public")
signed_in = guard("signed_in")
applicant = guard("applicant")
staff = guard("staff")
owner = guard("owner")
auditor = guard("auditor")
admin = guard("admin")
overseer = guard("overseer")
emergency = guard("emergency")
token = guard("token")


def looks_first(view: View) -> View:
    """Mark a view that reads before it asks for the writer's lock with `now_write`; others need not wait."""
    view.alur_looks_first = True  # type: ignore[attr-defined]
    return view


def guard_of(app: Flask, endpoint: str) -> str | None:
    """The guard of an endpoint; None where nobody thought of one, which refuses everybody."""
    return UNMARKED.get(endpoint) or getattr(app.view_functions.get(endpoint), "alur_guard", None)


def typed(name: str, longest: int = 300) -> str:
    """What was typed into a field of a form, without the byte that no database keeps."""
    return request.form.get(name, "").replace("\0", "")[:longest]


def _check_address() -> None:
    """What no database could look up is nowhere."""
    ids = [str(value) for name, value in (request.view_args or {}).items() if name != "code"]  # is no id, and guarded
    huge = any(value.isdecimal() and int(value[:20]) >= LARGEST_ID for value in ids)
    if huge or any("\0" in value for value in [*ids, *request.args.values()]):
        abort(404)


def _check_guard() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None
    name = guard_of(current_app, request.endpoint)
    if name == "public":
        return None
    if hasattr(current_app.view_functions[request.endpoint], "alur_looks_first"):
        only_reads()
    if name is None:
        log.error("no guard on %s", request.endpoint)
        abort(403)
    if name == "token":
        g.person = _bearer()
    asking = me()
    if asking is None:
        if request.method in READS and name != "token":
            return redirect(url_for("account.masuk", next=request.full_path.rstrip("?")))
        abort(401)
    if asking.must_change and name != "token" and request.endpoint not in BEFORE_CHANGE:
        return redirect(url_for("account.ganti_sandi"))
    if not GUARDS[name](asking):
        abort(403)
    return None


def _bearer() -> Person | None:
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        return None
    return people.by_token(session(), given.strip())


# -- the one place that commits ---------------------------------------------------------------------------------------


def _finish(answer: Response) -> Response:
    work: Session | None = g.get("session")
    if work is None:
        return answer
    if only_reading() or (answer.status_code >= 400 and "keep" not in g):
        work.rollback()
        return answer
    work.commit()
    for job in g.pop("jobs", []):
        try:
            job()
        except Exception:
            log.exception("after commit")
    return answer


def _close(_error: BaseException | None) -> None:
    work: Session | None = g.pop("session", None)
    if work is not None:
        work.close()


def install(app: Flask) -> None:
    """Put sessions and guards on `app`."""
    app.session_interface = Cookies()
    app.before_request(_check_address)
    app.before_request(_check_guard)
    app.after_request(_finish)
    app.teardown_request(_close)
