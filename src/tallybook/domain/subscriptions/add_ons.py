"""Add-ons: fees of a plan that are owed only by whoever takes some of them.

A fee that is not named among the quantities is owed once, and an add-on not at all. Where a
subscription meets an add-on, zero is said of it, so that adding to it begins from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.domain.subscriptions.changes import AddQuantity, Meeting, SetQuantity
from tallybook.domain.subscriptions.timeline import Terms

_NONE, _ONCE = Decimal(0), Decimal(1)


def quantity_owed(terms: Terms, price: Price) -> Decimal:
    """How often a fee is owed under these terms."""
    if price.is_optional:
        return terms.quantities.get(price.key, _NONE)
    return terms.quantity_of(price.key)


def with_add_ons(quantities: Mapping[str, Decimal], version: PlanVersion) -> dict[str, Decimal]:
    """Quantities of fees with zero for each add-on of the plan that they do not name."""
    return {**{price.key: _NONE for price in version.prices if price.is_optional}, **quantities}


def fees_met(since: PlanVersion, to: PlanVersion) -> dict[str, Meeting]:
    """What becomes of fees when a subscription goes from one version to another.

    There is none of the add-ons that it meets. What it has a quantity of, or was charged for
    before, it keeps. An add-on that nobody took, and that is no add-on any more, is owed once, as
    any fee. All by what is said when that comes: who takes some in the meantime has them.
    """
    return {price.key: meeting for price, meeting in _meetings(since, to) if meeting is not None}


def fees_met_for_free(since: PlanVersion, free: PlanVersion) -> dict[str, Meeting]:
    """What becomes of fees where a trial ends in a free plan: there is none of its add-ons.

    Also of those that were tried: nobody has agreed to pay for them.
    """
    return {
        price.key: Meeting.NONE if price.is_optional else meeting
        for price, meeting in _meetings(since, free)
        if meeting is not None
    }


def _meetings(since: PlanVersion, to: PlanVersion) -> Iterator[tuple[Price, Meeting | None]]:
    was_optional = {price.key: price.is_optional for price in since.prices if price.meter is None}
    for price in to.prices:
        if price.meter is not None:
            continue
        before = was_optional.get(price.key)
        if price.is_optional:
            yield price, Meeting.KEPT if before is False else Meeting.UNTAKEN
        else:
            yield price, Meeting.OWED if before else None


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
