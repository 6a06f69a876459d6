"""Look plans up: the latest versions, all versions of one, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tallybook.domain.catalog.difference import Difference, compare_versions
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Conflicting, Missing, Refusal
from tallybook.services.ports import Records, Wiring


class Comparison(msgspec.Struct, frozen=True):
    """Two versions of a plan, and what the later one says otherwise."""

    before: PlanVersion
    after: PlanVersion
    differences: tuple[Difference, ...]


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
        return list_of(records, plan_key)


def compare_plan(
    wiring: Wiring, organization_id: str, plan_key: str, *, before: int, after: int
) -> Comparison:
    """What version `after` of a plan says otherwise than version `before`."""
    with wiring.books.begin(organization_id) as records:
        older = version_of(records, plan_key, before)
        newer = version_of(records, plan_key, after)
        return Comparison(older, newer, compare_versions(older, newer))


def list_of(records: Records, plan_key: str) -> list[PlanVersion]:
    """Every version of a plan, the first one first; or a refusal."""
    versions = records.plans.versions(plan_key)
    if not versions:
        raise _unknown(plan_key)
    return versions


def version_of(records: Records, plan_key: str, number: int | None) -> PlanVersion:
    """A version of a plan by its number, the latest without one; or a refusal."""
    if number is None:
        found = records.plans.latest(plan_key)
    else:
        found = records.plans.version(plan_key, number)
    if found is None:
        raise _unknown(plan_key, number)
    return found


def version_to_sell(
    records: Records, plan_key: str, number: int | None, *, currency: str | None = None
) -> PlanVersion:
    """The version that somebody new subscribes to, with the amounts of their currency.

    Without a currency it has those of all. Without a number it is the latest that is not retired;
    `Conflicting` for one that is.
    """
    found = records.plans.latest_sold(plan_key) if number is None else None
    if found is None:
        found = version_of(records, plan_key, number)
    if found.retired_at is not None:
        raise Conflicting(
            "version_retired",
            f"Version {found.version} of plan {plan_key!r} is retired: it takes no new "
            "subscribers.",
            field="plan" if number is None else "version",
            mend="Name a version that is sold, or another plan.",
        )
    return found if currency is None else found.priced_in(currency)


def sold(
    records: Records, plan_key: str | None, number: int | None, *, currency: str, field: str
) -> PlanVersion | None:
    """As `version_to_sell`, of a plan that `field` of a request may name; None if it does not.

    The number is in the field beside it, which is called `version`.
    """
    if plan_key is None:
        return None
    place, slash, _ = field.rpartition("/")
    with pointing(plan=field, version=f"{place}{slash}version"):
        return version_to_sell(records, plan_key, number, currency=currency)


@contextmanager
def pointing(*, plan: str, version: str) -> Iterator[None]:
    """What is refused of a plan or of its version points to the fields that named them."""
    try:
        yield
    except Refusal as refusal:
        field = version if refusal.field == "version" else plan
        raise type(refusal)(refusal.code, refusal.message, field=field, mend=refusal.mend) from None


def _unknown(plan_key: str, number: int | None = None) -> Missing:
    which = "" if number is None else f"version {number} of "
    return Missing(
        "unknown_plan",
        f"There is no {which}plan {plan_key!r}.",
        field="plan" if number is None else "version",
        mend="Publish it first, or name one that GET /v1/plans lists.",
    )
