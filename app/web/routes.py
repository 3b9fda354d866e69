"""Every blueprint there is."""

from __future__ import annotations

from app.web import account, api, applications, cases, ends, inbox, outbox, portal, replay, reports, sops, tasks

ROOMS = (portal, account, applications, inbox, tasks, cases, ends, replay, reports, sops, outbox, api)
BLUEPRINTS = tuple(room.blueprint for room in ROOMS)
