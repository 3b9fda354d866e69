"""Every blueprint there is."""

from __future__ import annotations

from app.web import account, api, applications, cases, inbox, portal, profile, replay, sops, tasks

BLUEPRINTS = tuple(
    room.blueprint for room in (portal, account, profile, applications, inbox, tasks, cases, replay, sops, api)
)
