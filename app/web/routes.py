"""Every blueprint there is."""

from __future__ import annotations

from app.web import (
    absences,
    accesses,
    account,
    admin,
    api,
    applications,
    cases,
    complaints,
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
    portal, account, factor, oidc, profile, applications, inbox, tasks, cases, ends, complaints, replay, reports, sops,
    admin, absences, accesses, outbox, api,
)  # fmt: skip
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
