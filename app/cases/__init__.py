"""What a person can do to a case, and what there is to see of it."""

from __future__ import annotations

from app.cases import complaints, proxies, surveys
from app.cases.desk import (
    Handed,
    assign,
    colleagues,
    handed,
    handed_over,
    mark_read,
    may_hand_over,
    names_me,
    namings,
    note,
    postpone,
    readers_of,
    unread,
)
from app.cases.ends import act, apply_again, correct, end, may_take_back, offered, reopen, take_back
from app.cases.extension import extend, extendable, may_extend
from app.cases.limits import reckon
from app.cases.numbers import to_void, void_number
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
    keys_for_applicant,
    locked,
    may_take,
    no_way_in,
    open_tasks,
    own,
    returned,
    sees_all,
    step_of,
    taken_by,
    task_for,
    tracked,
    values,
    visible_cases,
    ways_in,
)
from app.cases.record import put_away, unnumbered
from app.cases.refusals import (
    AlreadyDone,
    CannotGoOn,
    CaseEnded,
    ChoiceNeeded,
    Destroyed,
    FourEyes,
    Invalid,
    NoSuchSop,
    NotFound,
    NotNow,
    NotYours,
    ReasonNeeded,
    Refusal,
    Stale,
    Taken,
    TooLarge,
    WrongNumber,
    WrongTime,
)
from app.cases.verbs import (
    NOTE_LIMIT,
    Completion,
    claim,
    complete,
    fire_due,
    let_go,
    open_case,
    release,
    save_draft,
)

__all__ = [
    "AlreadyDone", "CannotGoOn", "CaseEnded", "ChoiceNeeded", "Completion", "Destroyed", "FourEyes", "Handed",
    "Invalid", "NOTE_LIMIT", "NoSuchSop", "NotFound", "NotNow", "NotYours", "ReasonNeeded", "Refusal", "Returned",
    "Stale", "Taken", "TooLarge", "WrongNumber", "WrongTime", "act", "apply_again", "asks_nothing", "assign",
    "case_for", "choices", "claim", "colleagues", "complaints", "complete", "correct", "data_of", "document",
    "documents", "duplicates", "end", "extend", "extendable", "fire_due", "for_applicant", "form_of", "handed",
    "handed_over", "journal_for", "keys_for_applicant", "let_go", "locked", "mark_read", "may_extend", "may_hand_over",
    "may_take", "may_take_back", "names_me", "namings", "no_way_in", "note", "offered", "open_case", "open_tasks",
    "own", "postpone", "proxies", "put_away", "readers_of", "reckon", "release", "reopen", "returned", "save_draft",
    "sees_all", "step_of", "surveys", "take_back", "taken_by", "task_for", "to_void", "tracked", "unnumbered", "unread",
    "values", "visible_cases", "void_number", "ways_in",
]  # fmt: skip
