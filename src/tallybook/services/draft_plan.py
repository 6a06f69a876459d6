"""Work on a plan before it is sold: save a draft, see what is wrong with it, publish it."""

from __future__ import annotations

import msgspec

from tallybook.domain.catalog.difference import Difference, compare_versions
from tallybook.domain.catalog.draft import DraftWarning, PlanDraft, check_current
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion, terms_of
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.services.find_plans import version_of
from tallybook.services.ports import Records, Wiring
from tallybook.services.publish_plan import Publication, problems_of, publish_terms


class FullDraft(msgspec.Struct, frozen=True):
    """A draft, what would be refused of it, and what it says otherwise than the latest version."""

    draft: PlanDraft
    latest: PlanVersion | None
    warnings: tuple[DraftWarning, ...]
    differences: tuple[Difference, ...]


def save_draft(wiring: Wiring, organization_id: str, plan_key: str, terms: PlanTerms) -> FullDraft:
    """Keep terms as the plan's draft, in place of the one it had, however unfinished they are.

    Saving it again makes it one of the version that is the latest now.
    """
    checked_key(plan_key)
    if terms.plan_key != plan_key:
        raise Invalid(
            "another_plan",
            f"The draft is of plan {terms.plan_key!r}, and not of {plan_key!r}.",
            field="key",
            mend="Send the key that is in the path.",
        )
    with wiring.books.begin(organization_id) as records:
        return _saved(wiring, records, terms)


def find_draft(wiring: Wiring, organization_id: str, plan_key: str) -> FullDraft:
    """The draft of a plan."""
    with wiring.books.begin(organization_id) as records:
        return _in_full(records, _draft_of(records, plan_key))


def list_drafts(
    wiring: Wiring, organization_id: str, *, after: str = "", limit: int = 100
) -> list[PlanDraft]:
    """Drafts in order of plan key, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.plans.drafts(after=after, limit=limit)


def discard_draft(wiring: Wiring, organization_id: str, plan_key: str) -> None:
    """Forget a plan's draft. What is published stays as it is."""
    with wiring.books.begin(organization_id) as records:
        _draft_of(records, plan_key)
        records.plans.discard_draft(plan_key)


def publish_draft(wiring: Wiring, organization_id: str, plan_key: str) -> Publication:
    """Make the draft the plan's next version; it is no draft any more.

    Everything is checked that was a warning before. `Conflicting` if another version was published
    since the draft was saved: nobody's change is published over.
    """
    with wiring.books.begin(organization_id) as records:
        records.plans.lock(plan_key)
        draft = _draft_of(records, plan_key)
        check_current(draft, records.plans.latest(plan_key))
        published = publish_terms(records, draft.terms, now=wiring.now_of(organization_id))
        records.plans.discard_draft(plan_key)
        return published


def copy_plan(
    wiring: Wiring,
    organization_id: str,
    plan_key: str,
    *,
    to: str,
    name: str = "",
    number: int | None = None,
) -> FullDraft:
    """A draft of a new plan that says what a version of this one says; the latest without one."""
    checked_key(to)
    with wiring.books.begin(organization_id) as records:
        version = version_of(records, plan_key, number)
        records.plans.lock(to)
        if records.plans.latest(to) is not None or records.plans.draft(to) is not None:
            raise Conflicting(
                "plan_exists",
                f"There is a plan {to!r} already, or a draft of it.",
                field="key",
                mend="Choose another key for the copy.",
            )
        terms = msgspec.structs.replace(
            terms_of(version), plan_key=to, name=name.strip() or version.name
        )
        return _saved(wiring, records, terms)


def _saved(wiring: Wiring, records: Records, terms: PlanTerms) -> FullDraft:
    records.plans.lock(terms.plan_key)
    latest = records.plans.latest(terms.plan_key)
    draft = PlanDraft(
        terms=terms,
        based_on=None if latest is None else latest.version,
        saved_at=wiring.now_of(records.organization_id),
    )
    records.plans.save_draft(draft)
    return _in_full(records, draft)


def _in_full(records: Records, draft: PlanDraft) -> FullDraft:
    latest = records.plans.latest(draft.terms.plan_key)
    warnings = [
        DraftWarning(problem.code, problem.message, problem.field, problem.mend)
        for problem in problems_of(records, draft.terms)
    ]
    return FullDraft(draft, latest, tuple(warnings), compare_versions(latest, draft.terms))


def _draft_of(records: Records, plan_key: str) -> PlanDraft:
    draft = records.plans.draft(plan_key)
    if draft is None:
        raise Missing(
            "no_draft",
            f"Plan {plan_key[:140]!r} has no draft.",
            mend="Save one by PUT /v1/plans/{key}/draft, or copy a plan.",
        )
    return draft
