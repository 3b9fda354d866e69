"""Every blueprint there is."""

from __future__ import annotations

from app.web import (
    absences,
    accesses,
    account,
    admin,
    api,
    applications,
    archived,
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
    outages,
    outbox,
    portal,
    profile,
    registers,
    replay,
    reports,
    retention,
    sops,
    survey,
    tasks,
)

ROOMS = (
    portal, account, profile, factor, oidc, applications, inbox, desk, tasks, cases, complaints, ends, replay,
    checking, ending, reports, survey, registers, retention, sops, admin, absences, calendar, outages, outbox,
    archived, accesses, api,
)  # fmt: skip
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
