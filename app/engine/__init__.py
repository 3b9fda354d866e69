"""What a diagram means. Pure: values in, values out; knows no Flask, no database, no clock of its own."""

from __future__ import annotations

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
from app.engine.reader import called_ids, process_ids, read, read_tables
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
    pending,
    resume,
    rewind,
    send,
    start,
    stop,
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
    "pending",
    "process_ids",
    "read",
    "read_tables",
    "resume",
    "rewind",
    "send",
    "start",
    "stop",
    "walk",
]
