"""Publish a plan: check its terms, and keep them as a version if they say something new."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial

import msgspec

from tallybook.domain.catalog.difference import Difference, compare_versions
from tallybook.domain.catalog.feature import check_granted
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion, publish
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.rating.measurable import check_measurable
from tallybook.services.ports import Records, Wiring


class Publication(msgspec.Struct, frozen=True):
    """The version in force, whether it is new, and what it changes of the one before."""

    version: PlanVersion
    before: PlanVersion | None
    is_new: bool
    differences: tuple[Difference, ...]


def publish_plan(
    wiring: Wiring, organization_id: str, terms: PlanTerms, *, dry_run: bool = False
) -> Publication:
    """Keep `terms` as the plan's next version, unless its latest says the same.

    A version, once published, never changes. With `dry_run` everything is checked and compared and
    nothing is kept. Publishing the same plan twice at one moment makes one version.
    """
    terms.check()
    with wiring.books.begin(organization_id) as records:
        return publish_terms(records, terms, now=wiring.now_of(organization_id), keeps=not dry_run)


def publish_terms(
    records: Records, terms: PlanTerms, *, now: datetime, keeps: bool = True
) -> Publication:
    """Publish within a transaction: everything is checked, the plan is held locked."""
    terms.check()
    for check in checks_of_references(records, terms):
        check()
    records.plans.lock(terms.plan_key)
    latest = records.plans.latest(terms.plan_key)
    version = publish(terms, latest, organization_id=records.organization_id, now=now)
    is_new = version is not latest
    if is_new and keeps:
        records.plans.add(version)
    return Publication(version, latest, is_new, compare_versions(latest, version))


def problems_of(records: Records, terms: PlanTerms) -> tuple[Refusal, ...]:
    """Everything that keeps terms from being published, in the order in which it is checked."""
    found = list(terms.problems())
    for check in checks_of_references(records, terms):
        try:
            check()
        except Refusal as refusal:
            found.append(refusal)
    return tuple(found)


def checks_of_references(records: Records, terms: PlanTerms) -> list[Callable[[], object]]:
    """The checks that need to know what there is: meters, features, products."""
    meters = records.meters.by_keys(terms.meters)
    dimensions = {key: meter.dimensions for key, meter in meters.items()}
    checks: list[Callable[[], object]] = [partial(terms.check_meters, dimensions)]
    if meters.keys() >= set(terms.meters):
        checks.append(partial(check_measurable, terms, meters))
    if terms.grants:
        features = records.features.by_keys(grant.feature for grant in terms.grants)
        kinds = {key: feature.kind for key, feature in features.items()}
        checks.append(partial(check_granted, terms.grants, kinds))
    named = {price.product for price in terms.prices if price.product}
    if named:
        checks.append(partial(_check_products, terms, records.products.by_keys(named).keys()))
    return checks


def _check_products(terms: PlanTerms, known: Collection[str]) -> None:
    for index, price in enumerate(terms.prices):
        if price.product and price.product not in known:
            raise Invalid(
                "unknown_product",
                f"There is no product {price.product!r}.",
                field=f"prices/{index}/product",
                mend="Make the product first, or correct its key.",
            )
