"""Retire a version of a plan, or sell it again."""

from __future__ import annotations

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.services.find_plans import version_of
from tallybook.services.ports import Wiring


def retire_version(
    wiring: Wiring, organization_id: str, plan_key: str, number: int, *, is_retired: bool = True
) -> PlanVersion:
    """From now on it takes no new subscribers, or takes them again; those it has stay.

    Retiring what is retired changes nothing.
    """
    with wiring.books.begin(organization_id) as records:
        records.plans.lock(plan_key)
        version = version_of(records, plan_key, number)
        if (version.retired_at is not None) is is_retired:
            return version
        at = wiring.now_of(organization_id) if is_retired else None
        records.plans.retire(version.id, at)
        return msgspec.structs.replace(version, retired_at=at)
