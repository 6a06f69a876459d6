"""Add-ons: fees of a plan that are owed only by whoever takes some of them.

A fee that is not named among the quantities is owed once, and an add-on not at all. Where a
subscription meets an add-on, zero is said of it, so that adding to it begins from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.domain.subscriptions.changes import AddQuantity, SetQuantity
from tallybook.domain.subscriptions.timeline import Terms

_NONE = Decimal(0)


def quantity_owed(terms: Terms, price: Price) -> Decimal:
    """How often a fee is owed under these terms."""
    if price.is_optional:
        return terms.quantities.get(price.key, _NONE)
    return terms.quantity_of(price.key)


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


def taken(
    terms: Terms, version: PlanVersion, what: SetQuantity | AddQuantity
) -> SetQuantity | AddQuantity:
    """The same; the first of an add-on that nothing was said of is so many, not one more."""
    is_first = (
        any(price.key == what.price_key and price.is_optional for price in version.prices)
        and what.price_key not in terms.quantities
    )
    if is_first and isinstance(what, AddQuantity):
        return SetQuantity(what.price_key, what.quantity)
    return what
