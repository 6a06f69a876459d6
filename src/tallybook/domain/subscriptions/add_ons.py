"""Add-ons: fees of a plan that are owed only by whoever takes some of them.

A fee that is not named among the quantities is owed once; so of an add-on zero is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.subscriptions.changes import SetQuantity
from tallybook.domain.subscriptions.timeline import Terms

_NONE = Decimal(0)


def with_add_ons(quantities: Mapping[str, Decimal], version: PlanVersion) -> dict[str, Decimal]:
    """Quantities of fees with zero for each add-on of the plan that they do not name."""
    return {**{price.key: _NONE for price in version.prices if price.is_optional}, **quantities}


def new_add_ons(terms: Terms, since: PlanVersion, to: PlanVersion) -> Iterator[SetQuantity]:
    """None of each add-on that a subscription meets when it goes from one version to another.

    What it has a quantity of, or was charged for before, it keeps.
    """
    fees = {price.key for price in since.prices if price.meter is None and not price.is_optional}
    for price in to.prices:
        if price.is_optional and price.key not in terms.quantities and price.key not in fees:
            yield SetQuantity(price.key, _NONE)
