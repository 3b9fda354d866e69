"""What was issued is extended: a new application that begins with what the SOP copies of the old one."""

from __future__ import annotations

from app import journal, people, permits, revisions, terms
from app.cases.ends import found
from app.cases.refusals import NotNow, NotYours
from app.cases.verbs import open_case
from app.context import Context
from app.models import Case, Person
from app.people import Actor
from app.permits import Ending


def may_extend(actor: Actor, case: Case) -> bool:
    """The applicant, their proxy, who filed it, and the counter for whoever comes there."""
    own = actor.person.id in (case.applicant_id, case.filed_by_id)
    return own or case.sop in actor.counter or people.mandate(actor, case.applicant_id, case.sop) is not None


def extendable(ctx: Context, actor: Actor, case: Case) -> Ending | None:
    """What of a case the actor may extend, and by which application that is under way; None where there is nothing."""
    return permits.extendable(ctx, case) if may_extend(actor, case) else None


def extend(ctx: Context, actor: Actor, case_id: int) -> Case:
    """A new application that extends what an ended case gave, with what its SOP copies of it as a draft.

    Raises NotFound, NotYours, NotNow (nothing to extend, or it is being extended), as open_case.
    """
    case = found(ctx, actor, case_id)
    if not may_extend(actor, case):
        raise NotYours("Hanya pemegang izin, kuasanya, atau petugas loket yang dapat mengajukan perpanjangan.")
    ending = permits.extendable(ctx, case)
    loaded = revisions.load(ctx.session, case.revision_id)
    rule = terms.extension(loaded.definition)
    if ending is None or rule is None:
        raise NotNow("Permohonan ini tidak memberi apa pun yang dapat diperpanjang sekarang.")
    if ending.extension is not None:
        raise NotNow(f"Perpanjangannya sudah diajukan dengan permohonan {ending.extension.number}.")
    old = journal.data(loaded.form_at, journal.entries(ctx, case.id))
    new = open_case(
        ctx, actor, rule.sop, data=rule.filled(old), on_behalf_of=_for(ctx, actor, case), previous=case
    )  # fmt: skip
    journal.append(ctx, case, "link", {"number": new.number}, actor=actor.person)
    return new


def _for(ctx: Context, actor: Actor, case: Case) -> str | None:
    """For whom it is filed, as open_case asks: nobody else, somebody with an account, or a walk-in by name."""
    if actor.person.id == case.applicant_id:
        return None
    holder = ctx.session.get(Person, case.applicant_id) if case.applicant_id else None
    return holder.name if holder is not None and holder.active else case.applicant_name
