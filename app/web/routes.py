"""Every blueprint there is."""

from __future__ import annotations

from app.web import account, api, applications, cases, desk, inbox, portal, replay, sops, tasks

BLUEPRINTS = tuple(
    room.blueprint for room in (portal, account, applications, inbox, desk, tasks, cases, replay, sops, api)
)
