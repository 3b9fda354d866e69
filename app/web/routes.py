"""Every blueprint there is."""

from __future__ import annotations

from app.web import (
    absences,
    account,
    admin,
    api,
    applications,
    calendar,
    cases,
    desk,
    ends,
    factor,
    inbox,
    oidc,
    outbox,
    portal,
    replay,
    reports,
    sops,
    tasks,
)

ROOMS = (
    portal, account, factor, oidc, applications, inbox, desk, tasks, cases, ends, replay, reports, sops, admin,
    absences, calendar, outbox, api,
)  # fmt: skip
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
