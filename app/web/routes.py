"""Every blueprint there is."""

from __future__ import annotations

from app.web import (
    accesses,
    account,
    api,
    applications,
    cases,
    complaints,
    inbox,
    portal,
    profile,
    replay,
    sops,
    tasks,
)

ROOMS = (portal, account, profile, applications, inbox, tasks, cases, complaints, replay, sops, accesses, api)
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
