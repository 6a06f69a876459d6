"""Schedule what is different later: phases and ramps, given at a start or at any time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.course import Course, terms_around
from tallybook.domain.subscriptions.phases import (
    PhaseOrder,
    check_ahead,
    schedule,
    without_phases_ahead,
)
from tallybook.domain.subscriptions.timeline import FOREVER, Terms
from tallybook.services.change_subscription import keep_course, load_course, plans_of
from tallybook.services.find_customers import now_for
from tallybook.services.find_plans import sold
from tallybook.services.negotiate import carried_over, negotiated
from tallybook.services.ports import Records, Wiring
from tallybook.services.take_turns import agree_on_limits


class ShownPhase(msgspec.Struct, frozen=True):
    """A stretch of time under the same terms, and the plan version in them; `ends` None is open."""

    span: Span
    terms: Terms
    version: PlanVersion

    @property
    def is_open(self) -> bool:
        """Whether it lasts on."""
        return self.span.ends == FOREVER


def list_phases(wiring: Wiring, organization_id: str, key: str) -> list[ShownPhase]:
    """What a subscription is to, from its start to its end, by all that is decided."""
    with wiring.books.begin(organization_id) as records:
        return _shown(records, load_course(records, key))


def schedule_phases(
    wiring: Wiring, organization_id: str, key: str, phases: Sequence[PhaseOrder]
) -> list[ShownPhase]:
    """Put these phases in the place of all that was decided ahead about plan and quantities.

    Each is a change like any other; no phase is what leaves all as it is now.
    """
    with wiring.books.begin(organization_id) as records:
        plans_named = [phase.plan for phase in phases]
        agree_on_limits(records, plans_named, [phase.overrides for phase in phases])
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        check_ahead(course, phases, now=now)
        cleared = without_phases_ahead(course, now=now)
        plans = plans_of(records, cleared)
        to = phase_plans(records, phases, plans[terms_around(cleared, now).plan_version_id])
        changed = schedule(
            cleared,
            phases,
            now=now,
            plans={**plans, **{each.id: each for each in to if each is not None}},
            to=to,
        )
        keep_course(records, course, changed, now)
        return _shown(records, changed)


def phase_plans(
    records: Records, phases: Sequence[PhaseOrder], since: PlanVersion
) -> tuple[PlanVersion | None, ...]:
    """The plan version that each phase goes to, from `since` on; None where it stays."""
    found: list[PlanVersion | None] = []
    for place, phase in enumerate(phases):
        field, overrides = f"phases/{place}/overrides", phase.overrides
        named = f"phases/{place}/plan"
        to = sold(records, phase.plan, phase.version, currency=since.currency, field=named)
        if to is not None:
            to = carried_over(records, since, to, overrides, field=field)
        elif overrides is not None:
            to = negotiated(records, since, overrides, field=field)
        since = to or since
        found.append(to)
    return tuple(found)


def _shown(records: Records, course: Course) -> list[ShownPhase]:
    versions = records.plans.by_ids({part.terms.plan_version_id for part in course.line})
    return [
        ShownPhase(part.span, part.terms, versions[part.terms.plan_version_id])
        for part in course.line
    ]
