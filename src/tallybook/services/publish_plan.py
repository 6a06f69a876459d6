"""Publish a plan: check its terms, and keep them as a version if they say something new."""

from __future__ import annotations

import msgspec

from tallybook.domain.catalog.difference import Difference, compare_versions
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion, publish
from tallybook.domain.rating.measurable import check_measurable
from tallybook.services.ports import Wiring


class Publication(msgspec.Struct, frozen=True):
    """The version in force, whether it is new, and what it changes of the one before."""

    version: PlanVersion
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
        meters = records.meters.by_keys(terms.meters)
        terms.check_meters({key: meter.dimensions for key, meter in meters.items()})
        check_measurable(terms.prices, meters)
        records.plans.lock(terms.plan_key)
        latest = records.plans.latest(terms.plan_key)
        version = publish(
            terms, latest, organization_id=organization_id, now=wiring.now_of(organization_id)
        )
        is_new = version is not latest
        if is_new and not dry_run:
            records.plans.add(version)
        return Publication(version, is_new, compare_versions(latest, version))
