"""Coupons on a bill: what each takes off which line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.working import ONE, ZERO, RatedLine, Step, line
from tallybook.domain.invoicing.discounts_back import (
    TAKEN_BACK,
    Discount,
    GivenBack,
    PrintedLine,
    given_back,
)
from tallybook.domain.invoicing.footing import Footing, HeldCoupon
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import allocate_units, from_units, to_units
from tallybook.domain.rating.coupons import Discountable, apply_coupons


class PricedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line as it is printed, before coupons; `amount` in major units, below zero given back.

    `of_prices` are those that a condition is about. `plan_key` is the plan that the price is of; ""
    for the one whose conditions hold. `is_of_next` says that it is charged for what comes after the
    period, under another version. `gives_back` is the time of a fee that is given back.
    """

    price_key: str
    name: str
    service_starts: datetime
    amount: Decimal
    meter: str = ""
    of_prices: tuple[str, ...] = ()
    plan_key: str = ""
    is_of_next: bool = False
    gives_back: Span | None = None


def coupon_lines(
    lines: Sequence[PricedLine], footing: Footing, *, digits: int
) -> Iterator[tuple[str, str, RatedLine]]:
    """For each coupon that takes something off: its redemption, its name, the line's working."""
    held = _acting(footing)
    back = _given_back(lines, footing, digits)
    if not held and not back:
        return
    left = _less_given_back(lines, back, digits)
    plan = footing.plan
    charges = [
        Discountable(
            str(place), left[place], each.plan_key or plan.plan_key, each.meter, each.price_key
        )
        for place, each in enumerate(lines)
        if left[place] > 0
    ]
    coupons = [each.offer.coupon(used=each.used, used_periods=each.used_periods) for each in held]
    discounted = apply_coupons(
        charges, coupons, scale=digits, currency=plan.currency, stacking=plan.coupon_order
    )
    remaining = {charge.id: charge.amount for charge in charges}
    steps: dict[tuple[str, str], list[Step]] = {}
    for place, given in back.items():
        for each in given.discounts:
            step = _taken_back(footing, lines[place], each)
            steps.setdefault((each.redemption_id, each.name), []).append(step)
    for applied in discounted.applied:
        coupon = held[applied.place]
        for name, amount in applied.taken.items():
            if amount:
                step = _step(coupon, lines[int(name)].name, int(name), amount, remaining[name])
                steps.setdefault((coupon.redemption_id, coupon.offer.name), []).append(step)
            remaining[name] -= amount
    for (redemption_id, name), taken in steps.items():
        yield redemption_id, name, line(ONE, *taken)


def _given_back(
    lines: Sequence[PricedLine], footing: Footing, digits: int
) -> Mapping[int, GivenBack]:
    """What becomes of the discounts on fees that the bill gives back, by the lines' places."""
    places = [place for place, each in enumerate(lines) if each.gives_back is not None]
    given = [
        PrintedLine(each.price_key, each.gives_back, each.amount)
        for each in lines
        if each.gives_back is not None
    ]
    found = given_back(footing.printed, given, digits)
    return {places[at]: back for at, back in found.items()}


def _acting(footing: Footing) -> Sequence[HeldCoupon]:
    """The coupons that act; an exclusive one, the first of them, acts alone."""
    exclusive = [each for each in footing.coupons if each.offer.is_exclusive]
    return exclusive[:1] or footing.coupons


def _taken_back(footing: Footing, given: PricedLine, discount: Discount) -> Step:
    number = footing.next_uses.get(discount.redemption_id, 1)
    terms = {"of": -given.amount, "use": Decimal(number)}
    amount = discount.amount
    return Step(TAKEN_BACK, ONE, amount, amount, terms, {"part": given.name})


def _step(held: HeldCoupon, part: str, place: int, taken: Decimal, base: Decimal) -> Step:
    """What one coupon takes off one line; `use` numbers the bills that it has a line on."""
    terms = {"of": base, "use": Decimal(held.number), "line": Decimal(place + 1)}
    code = "coupon_amount"
    if held.offer.rate_pct is not None:
        code = "coupon_percent"
        terms["percent"] = held.offer.rate_pct
    return Step(code, ONE, -taken, -taken, terms, {"part": part})


def _less_given_back(
    lines: Sequence[PricedLine], back: Mapping[int, GivenBack], digits: int
) -> list[Decimal]:
    """What is left of each line once what the bill gives back is taken off: no line below zero.

    What is given back of prices comes off the lines of those prices first, then off all others.
    What was charged with a discount is given back with it, and lessens nothing here.
    """
    left = [max(each.amount, ZERO) for each in lines]
    for place, each in enumerate(lines):
        if each.amount < 0:
            amount = back[place].undiscounted if place in back else -each.amount
            keys = {each.price_key, *each.of_prices}
            own = [at for at, other in enumerate(lines) if other.price_key in keys]
            rest = _take(left, own, amount, digits)
            _take(left, range(len(lines)), rest, digits)
    return left


def _take(left: list[Decimal], places: Sequence[int], amount: Decimal, digits: int) -> Decimal:
    """Take `amount` off these places in proportion; answers what they had not."""
    weights = [left[place] for place in places]
    taken = min(amount, sum(weights, ZERO))
    if taken:
        parts = allocate_units(to_units(taken, digits), weights)
        for place, part in zip(places, parts, strict=True):
            left[place] -= from_units(part, digits)
    return amount - taken
