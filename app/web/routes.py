"""Every blueprint there is."""

from __future__ import annotations

from app.web import account, api, applications, calendar, cases, inbox, portal, replay, sops, tasks

BLUEPRINTS = tuple(
    room.blueprint for room in (portal, account, applications, inbox, tasks, cases, replay, sops, calendar, api)
)
