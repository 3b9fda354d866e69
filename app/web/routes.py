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
    complaints,
    desk,
    ends,
    factor,
    inbox,
    oidc,
    outages,
    outbox,
    portal,
    profile,
    replay,
    reports,
    sops,
    tasks,
)

ROOMS = (
    portal, account, profile, factor, oidc, applications, inbox, desk, tasks, cases, complaints, ends, replay,
    reports, sops, admin, absences, calendar, outages, outbox, accesses, api,
)  # fmt: skip
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
