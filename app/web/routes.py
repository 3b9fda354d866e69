"""Every blueprint there is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from flask import Blueprint

ROOMS = ("portal", "account", "applications", "inbox", "tasks", "cases", "replay", "api")
BLUEPRINTS: tuple[Blueprint, ...] = tuple(
    import_module(f"app.web.{room}").blueprint for room in ROOMS if find_spec(f"app.web.{room}")
)
