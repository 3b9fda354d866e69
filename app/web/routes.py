"""Every blueprint there is."""

from __future__ import annotations

from app.web import (
    absences,
    accesses,
    account,
    admin,
    api,
    applications,
    calendar,
    cases,
    checking,
    complaints,
    desk,
    ending,
    ends,
    factor,
    inbox,
    oidc,
    outbox,
    portal,
    profile,
    replay,
    reports,
    sops,
    tasks,
)

ROOMS = (
    portal, checking, account, profile, factor, oidc, applications, inbox, desk, tasks, cases, complaints, ends, ending,
    replay, reports, sops, admin, absences, calendar, outbox, accesses, api,
)  # fmt: skip
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
