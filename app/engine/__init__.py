"""What a diagram means. Pure: values in, values out; knows no Flask, no database, no clock of its own."""

from __future__ import annotations

from contextlib import suppress

from app.engine.definition import (
    Choice,
    Definition,
    End,
    Finding,
    Flow,
    Lane,
    Reading,
    Start,
    Step,
)

with suppress(ImportError):  # until both rooms stand
    from app.engine.reader import called_ids, process_ids, read
with suppress(ImportError):
    from app.engine.run import (
        NotOpen,
        OpenStep,
        Outcome,
        RoutingError,
        UnknownChoice,
        UnknownStart,
        complete,
        facts,
        fire,
        send,
        start,
    )
    from app.engine.walk import Walk, walk

__all__ = [
    "Choice",
    "Definition",
    "End",
    "Finding",
    "Flow",
    "Lane",
    "NotOpen",
    "OpenStep",
    "Outcome",
    "Reading",
    "RoutingError",
    "Start",
    "Step",
    "UnknownChoice",
    "UnknownStart",
    "Walk",
    "called_ids",
    "complete",
    "facts",
    "fire",
    "process_ids",
    "read",
    "send",
    "start",
    "walk",
]
