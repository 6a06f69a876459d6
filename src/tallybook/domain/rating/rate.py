"""The way into rating: a price and usage in, a rated line out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from tallybook.domain.catalog.models.rule import PortionRule
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import ANYWHERE, Circumstances, Portion
from tallybook.domain.catalog.working import RatedLine
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.rating.adjust import rate_adjusted


def rate_price(
    price: Price | AnyRule, quantity: Decimal, *, allowance_left: Decimal | None = None
) -> RatedLine:
    """What `quantity` costs under a price, or under a rule alone: exact, with its working.

    `allowance_left` is what other usage of the period left of the price's allowance; None is all.
    A quantity below zero is free, unless the price says that it is a credit.
    """
    with exactly():
        return _rate(price, quantity, allowance_left)


def rate_prices(pairs: Iterable[tuple[Price | AnyRule, Decimal]]) -> list[RatedLine]:
    """`rate_price` of every pair, in order; much cheaper than one at a time."""
    with exactly():
        return [_rate(price, quantity, None) for price, quantity in pairs]


def rate_usage(
    price: Price,
    portions: Sequence[Portion],
    circumstances: Circumstances = ANYWHERE,
    *,
    allowance_left: Decimal | None = None,
) -> RatedLine:
    """What a period's usage costs, split as `price.need` says."""
    with exactly():
        if price.need.is_one_quantity:
            quantity = sum((portion.quantity for portion in portions), Decimal(0))
            return _rate(price, quantity, allowance_left, circumstances)
        left = price.allowance if allowance_left is None else allowance_left
        return rate_adjusted(price, portions, circumstances, allowance=left)


def _rate(
    price: Price | AnyRule,
    quantity: Decimal,
    allowance_left: Decimal | None,
    circumstances: Circumstances = ANYWHERE,
) -> RatedLine:
    if not isinstance(price, Price):
        if quantity >= 0:
            return price.rate(quantity)
        price = Price(key="rule", name="rule", rule=price)
    if quantity >= 0 and not price.is_adjusted and allowance_left is None:
        if isinstance(price.rule, PortionRule):
            return price.rule.rate_portions((Portion(quantity),), circumstances)
        return price.rule.rate(quantity)
    left = price.allowance if allowance_left is None else allowance_left
    return rate_adjusted(price, (Portion(quantity),), circumstances, allowance=left)
