"""The way into rating: a price and a quantity in, a rated line out."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.working import RatedLine
from tallybook.domain.kernel.decimals import exactly


def rate_price(price: Price | AnyRule, quantity: Decimal) -> RatedLine:
    """What `quantity` costs under a price, or under a rule alone: exact, with its working."""
    with exactly():
        return _rate(price, quantity)


def rate_prices(pairs: Iterable[tuple[Price | AnyRule, Decimal]]) -> list[RatedLine]:
    """`rate_price` of every pair, in order; much cheaper than one at a time."""
    with exactly():
        return [_rate(price, quantity) for price, quantity in pairs]


def _rate(price: Price | AnyRule, quantity: Decimal) -> RatedLine:
    rule = price.rule if isinstance(price, Price) else price
    return rule.rate(quantity)
