"""When a case may be destroyed, who says so, and how it is done: what is personal goes, the proof stays.

`schedule` tells what is due, `lists` what two people do about it, `work` what the worker then does.
"""

from __future__ import annotations

from app.retention.lists import (
    Progress,
    decide,
    found,
    hold,
    holds,
    lift,
    listed,
    may_decide,
    may_oversee,
    may_propose,
    members,
    people_of,
    progress,
    propose,
    stop,
)
from app.retention.schedule import Schedule, count, due, half_year, of_sop, schedules, waits
from app.retention.work import TOUCHED, certificate, destroy, finish, finished, pending, remove_files, unremoved

__all__ = [
    "Progress", "Schedule", "TOUCHED", "certificate", "count", "decide", "destroy", "due", "finish", "finished",
    "found", "half_year", "hold", "holds", "lift", "listed", "may_decide", "may_oversee", "may_propose", "members",
    "of_sop", "pending", "people_of", "progress", "propose", "remove_files", "schedules", "stop", "unremoved", "waits",
]  # fmt: skip
