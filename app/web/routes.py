"""Every blueprint there is."""

from __future__ import annotations

from app.web import (
    absences,
    account,
    admin,
    api,
    applications,
    cases,
    factor,
    inbox,
    oidc,
    portal,
    replay,
    sops,
    tasks,
)

ROOMS = (
    portal, account, factor, oidc, applications, inbox, tasks, cases, replay, sops, admin, absences, api,
)  # fmt: skip
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
