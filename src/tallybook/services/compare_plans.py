"""Plans side by side, as somebody who chooses between them would see them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.plan_table import TableRow, side_by_side
from tallybook.services.define_products import family_of
from tallybook.services.find_plans import version_of
from tallybook.services.ports import Records, Wiring


class PlanTable(msgspec.Struct, frozen=True):
    """The versions compared, one a column, and the rows."""

    versions: tuple[PlanVersion, ...]
    rows: tuple[TableRow, ...]


def compare_family(
    wiring: Wiring, organization_id: str, family_key: str, *, currency: str = ""
) -> PlanTable:
    """The plans of a family, the least first, each by the version that is sold.

    In `currency` where a plan is sold in it, else in the plan's own.
    """
    with wiring.books.begin(organization_id) as records:
        return _table(records, family_of(records, family_key).plans, currency)


def compare_keys(
    wiring: Wiring, organization_id: str, plan_keys: Sequence[str], *, currency: str = ""
) -> PlanTable:
    """These plans, in this order."""
    with wiring.books.begin(organization_id) as records:
        return _table(records, plan_keys, currency)


def _table(records: Records, plan_keys: Sequence[str], currency: str) -> PlanTable:
    found = [records.plans.latest_sold(key) or version_of(records, key, None) for key in plan_keys]
    versions = tuple(version.priced_in(currency or version.currency) for version in found)
    granted = {grant.feature for version in versions for grant in version.grants}
    return PlanTable(versions, side_by_side(versions, records.features.by_keys(granted)))
