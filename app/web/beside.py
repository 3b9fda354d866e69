"""What stands beside a case: who acts for its applicant, what was asked and answered, corrections, who opened it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from app import access, cases, journal, revisions
from app.models import Case
from app.web import base, said


class Beside:
    """Each part is asked for at most once, and only where it is shown. `typed` and `faults` are of a question that
    could not be taken.
    """

    def __init__(self, case: Case, typed: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None):
        self.case, self.typed, self.faults = case, typed or {}, faults or {}
        self.loaded = revisions.load(base.session(), case.revision_id)

    @cached_property
    def mandates(self) -> list[cases.proxies.Mandate]:
        return cases.proxies.of_case(base.context(), self.case) if self.case.applicant_id else []

    @cached_property
    def corrections(self) -> list[said.Corrected]:
        entries = journal.entries(base.context(), self.case.id)
        return said.corrections(self.loaded, entries, self.case.id)

    @cached_property
    def questions(self) -> list[cases.complaints.Asked]:
        return cases.complaints.of_case(base.context(), self.case)

    @cached_property
    def asks(self) -> bool:
        outside = self.loaded.definition.applicant_lane is not None
        return outside and self.case.destroyed_at is None and cases.complaints.may_ask(base.actor(), self.case)

    @cached_property
    def answers(self) -> bool:
        return cases.complaints.may_answer(base.actor(), self.loaded)

    @cached_property
    def bound(self) -> tuple[int, str]:
        return cases.complaints.bound(self.loaded.definition)

    @cached_property
    def viewers(self) -> list[access.Viewer]:
        """For the applicant and their proxy: whose data it is may know who opened it."""
        own = base.person().id == self.case.applicant_id or cases.proxies.acts_for(base.actor(), self.case)
        return access.viewers(base.context(), self.case) if own else []
