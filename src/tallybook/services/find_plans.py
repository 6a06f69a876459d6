"""Look plans up: the latest versions, all versions of one, and what differs between two."""

from __future__ import annotations

from tallybook.domain.catalog.difference import Difference, compare_versions
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Missing
from tallybook.services.ports import Records, Wiring


def list_plans(
    wiring: Wiring, organization_id: str, *, after: str = "", limit: int = 100
) -> list[PlanVersion]:
    """The latest version of each plan, in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.plans.page(after=after, limit=limit)


def find_plan(
    wiring: Wiring, organization_id: str, plan_key: str, *, number: int | None = None
) -> PlanVersion:
    """A version of a plan by its number; the latest without one."""
    with wiring.books.begin(organization_id) as records:
        return version_of(records, plan_key, number)


def list_versions(wiring: Wiring, organization_id: str, plan_key: str) -> list[PlanVersion]:
    """Every version of a plan, the first one first."""
    with wiring.books.begin(organization_id) as records:
        versions = records.plans.versions(plan_key)
    if not versions:
        raise _unknown(plan_key)
    return versions


def compare_plan(
    wiring: Wiring, organization_id: str, plan_key: str, *, before: int, after: int
) -> tuple[Difference, ...]:
    """What version `after` of a plan says otherwise than version `before`."""
    with wiring.books.begin(organization_id) as records:
        return compare_versions(
            version_of(records, plan_key, before), version_of(records, plan_key, after)
        )


def version_of(records: Records, plan_key: str, number: int | None) -> PlanVersion:
    """A version of a plan by its number, the latest without one; or a refusal."""
    if number is None:
        found = records.plans.latest(plan_key)
    else:
        found = records.plans.version(plan_key, number)
    if found is None:
        raise _unknown(plan_key, number)
    return found


def _unknown(plan_key: str, number: int | None = None) -> Missing:
    which = "" if number is None else f"version {number} of "
    return Missing(
        "unknown_plan",
        f"There is no {which}plan {plan_key!r}.",
        field="plan" if number is None else "version",
        mend="Publish it first, or name one that GET /v1/plans lists.",
    )
