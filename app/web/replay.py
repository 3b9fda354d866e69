"""Putar ulang: a case event by event, proven as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import audit, cases, revisions
from app.revisions import Loaded
from app.web import base, said
from app.web.cases import Line, Stage, lines, stages

blueprint = Blueprint("replay", __name__)


@dataclass(frozen=True)
class Moment:
    """One event, and where the case stood after it."""

    line: Line
    changes: tuple[said.Change, ...]
    findings: tuple[str, ...]
    here: tuple[str, ...]
    done: tuple[str, ...]
    path: tuple[str, ...]  # everything passed so far
    now: str  # the open steps, in words


@blueprint.get("/permohonan/<int:case_id>/putar")
@base.signed_in
def putar(case_id: int) -> ResponseReturnValue:
    """The replay page; `?seq=7` is one moment of it."""
    ctx, actor = base.context(), base.actor()
    case = cases.case_for(ctx, actor, case_id)
    loaded = revisions.load(ctx.session, case.revision_id)
    proof = audit.frames(ctx, case)
    allowed = {e.seq: e for e in cases.journal_for(ctx, actor, case)}
    keys = None if cases.sees_all(actor, case) else cases.keys_for_applicant(loaded)
    told = _told(loaded, proof, allowed, keys, said.uploads(case_id))
    asked = request.args.get("seq", "")
    wanted = int(asked) if asked.isdecimal() and len(asked) < 10 else len(told)
    current = next((m for m in told if m.line.entry.seq == wanted), told[-1] if told else None)
    return render_template(
        "replay/replay.html",
        case=case,
        definition=loaded.definition,
        proof=proof,
        moments=told,
        current=current,
        stages=_stages(loaded, current),
        script=_script(told),
    )


def _told(
    loaded: Loaded, proof: audit.Proof, allowed: dict[int, Any], keys: list[str] | None, uploads: dict[str, str]
) -> list[Moment]:
    """The proof's frames in words; what the reader may not know of an event is left out of it.

    `keys` are those of the data that they may read, None for all: what is taken back or opened again was others' too.
    """
    names = loaded.definition.names
    passed: dict[str, None] = {}
    found = []
    frames = [frame for frame in proof.frames if frame.entry.seq in allowed]
    entries = [allowed[frame.entry.seq] for frame in frames]
    for frame, line in zip(frames, lines(loaded, entries), strict=True):
        passed.update(dict.fromkeys(frame.path))
        shown = frame.entry.typed is None or line.entry.typed is not None
        here = [f"{names.get(step, step)}" + (_(" (putaran %(n)s)", n=n) if n > 1 else "") for step, n in frame.here]
        found.append(
            Moment(
                line,
                tuple(said.change(loaded, c, uploads) for c in frame.changes if shown and _lies_under(c.pointer, keys)),
                frame.findings,
                tuple(step for step, _round in frame.here),
                frame.done,
                tuple(passed),
                ", ".join(here),
            )
        )
    return found


def _lies_under(pointer: str, keys: list[str] | None) -> bool:
    key = pointer[1:].replace("/", ".")
    return keys is None or any(key == known or key.startswith(f"{known}.") for known in keys)


def _stages(loaded: Loaded, current: Moment | None) -> list[Stage]:
    if current is None:
        return stages(loaded.definition, (), ())
    return stages(loaded.definition, current.here, current.done)


def _script(told: list[Moment]) -> list[dict[str, Any]]:
    """What the page's script needs: of each moment, where the case stood, and what was newly done and passed."""
    found = []
    done = passed = 0
    for moment in told:
        found.append(
            {
                "seq": moment.line.entry.seq,
                "here": moment.here,
                "done": moment.done[done:],
                "path": moment.path[passed:],
                "now": moment.now,
            }
        )
        done, passed = len(moment.done), len(moment.path)
    return found
