"""Agree with one subscription on something else than its plan says."""

from __future__ import annotations

from tallybook.domain.catalog.overrides import (
    NegotiatedVersion,
    Overrides,
    check_overrides,
    kept_overrides,
    said_otherwise,
)
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.rating.measurable import check_measurable
from tallybook.services.ports import Records


def negotiated(
    records: Records, version: PlanVersion, overrides: Overrides | None, *, field: str
) -> PlanVersion:
    """The version with a contract's overrides, kept as a version of its own; without any, itself.

    The same overrides over the same version are kept once. `field` is where the request has them.
    """
    base = base_of(records, version)
    if overrides is None or overrides.is_empty:
        return base
    kept = kept_overrides(base, overrides, records.organization_id)
    try:
        agreed = check_overrides(base, kept)
        check_measurable(agreed, records.meters.by_keys(agreed.meters))
    except Refusal as refusal:
        raise refusal.at(field) from None
    records.plans.add_overrides(kept)
    return agreed


def carried_over(
    records: Records,
    version: PlanVersion,
    to: PlanVersion,
    overrides: Overrides | None,
    *,
    field: str,
) -> PlanVersion:
    """The version that a change goes to: with the overrides it asks for.

    To another version of the same plan what was negotiated goes along, unless it says otherwise;
    to another plan it does not.
    """
    if overrides is None and to.plan_key == version.plan_key:
        overrides = said_otherwise(version)
    return negotiated(records, to, overrides, field=field)


def base_of(records: Records, version: PlanVersion) -> PlanVersion:
    """The version without what a contract says otherwise."""
    if isinstance(version, NegotiatedVersion):
        return records.plans.by_ids([version.base_id])[version.base_id]
    return version
