"""What a person can do to a case, and what there is to see of it."""

from __future__ import annotations

from app.cases.desk import (
    Handed,
    Naming,
    Noted,
    assign,
    colleagues,
    handed,
    handed_over,
    holders,
    mark_read,
    may_hand_over,
    names_me,
    namings,
    note,
    postpone,
    readers_of,
    unread,
)
from app.cases.readers import (
    Returned,
    asks_nothing,
    case_for,
    choices,
    data_of,
    document,
    documents,
    duplicates,
    for_applicant,
    form_of,
    journal_for,
    locked,
    may_take,
    no_way_in,
    open_tasks,
    returned,
    sees_all,
    step_of,
    task_for,
    tracked,
    values,
    visible_cases,
    ways_in,
)
from app.cases.refusals import (
    AlreadyDone,
    CannotGoOn,
    CaseEnded,
    ChoiceNeeded,
    FourEyes,
    Invalid,
    NoSuchSop,
    NotFound,
    NotYours,
    ReasonNeeded,
    Refusal,
    Stale,
    Taken,
    TooLarge,
)
from app.cases.verbs import NOTE_LIMIT, Completion, claim, complete, fire_due, open_case, release, save_draft

__all__ = [
    "NOTE_LIMIT", "AlreadyDone", "CannotGoOn", "CaseEnded", "ChoiceNeeded", "Completion", "FourEyes", "Handed",
    "Invalid", "Naming", "NoSuchSop", "NotFound", "NotYours", "Noted", "ReasonNeeded", "Refusal", "Returned", "Stale",
    "Taken", "TooLarge", "asks_nothing", "assign", "case_for", "choices", "claim", "colleagues", "complete",
    "data_of", "document", "documents", "duplicates", "fire_due", "for_applicant", "form_of", "handed", "handed_over",
    "holders", "journal_for", "locked", "mark_read", "may_hand_over", "may_take", "names_me", "namings", "no_way_in",
    "note", "open_case", "open_tasks", "postpone", "readers_of", "release", "returned", "save_draft", "sees_all",
    "step_of", "task_for", "tracked", "unread", "values", "visible_cases", "ways_in",
]  # fmt: skip
