"""Coupons on a bill: what each takes off which line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.coupon import Coupon, Frequency
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
    period, under another version. `gives_back` is the time of a fee that is given back; `less` what
    a line of usage gives back of earlier times, above zero: its amount is what is left of it.
    `is_refundable` says that later bills may give it back. `until` is what it came to by the times
    that plans were left.
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
    less: Mapping[Span, Decimal] = {}
    is_refundable: bool = False
    until: Mapping[datetime, Decimal] = {}


def coupon_lines(
    lines: Sequence[PricedLine], footing: Footing, *, digits: int
) -> Iterator[tuple[str, str, RatedLine]]:
    """For each coupon that takes something off: its redemption, its name, the line's working."""
    held = _acting(footing)
    back = _given_back(lines, footing, digits)
    if not held and not any(each.discounts for each in back):
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
    for given in back:
        for each in given.discounts:
            step = _taken_back(footing, lines[given.place].name, given.amount, each)
            steps.setdefault((each.redemption_id, each.name), []).append(step)
    for applied in discounted.applied:
        coupon = held[applied.place]
        for name, amount in applied.taken.items():
            if amount:
                step = _step(coupon, lines[int(name)].name, int(name), amount, remaining[name])
                steps.setdefault((coupon.redemption_id, coupon.offer.name), []).append(step)
            remaining[name] -= amount
        acting, key = coupons[applied.place], plan.plan_key
        for place in _netted(lines, left, coupon, acting, taken=applied.taken, plan_key=key):
            step = _step(coupon, lines[place].name, place, ZERO, ZERO)
            steps.setdefault((coupon.redemption_id, coupon.offer.name), []).append(step)
    for (redemption_id, name), taken in steps.items():
        yield redemption_id, name, line(ONE, *taken)


def _netted(
    lines: Sequence[PricedLine],
    left: Sequence[Decimal],
    held: HeldCoupon,
    coupon: Coupon,
    *,
    taken: Mapping[str, Decimal],
    plan_key: str,
) -> Iterator[int]:
    """The fees that a percentage would have come off, had the bill not given as much back.

    A later bill that gives them back goes by it. Where a coupon that is not for ever takes nothing
    off the bill, the bill is none of those it is for.
    """
    is_used = held.offer.frequency is Frequency.FOREVER or any(taken.values())
    if held.offer.rate_pct is None or not is_used:
        return
    for place, each in enumerate(lines):
        is_netted = each.is_refundable and each.amount > 0 and not left[place]
        if is_netted and coupon.fits(each.plan_key or plan_key, each.meter, each.price_key):
            yield place


class _Back(msgspec.Struct, frozen=True):
    """What a line gives back of one time, and what becomes of the discounts on it."""

    place: int
    amount: Decimal
    discounts: tuple[Discount, ...]
    undiscounted: Decimal


def _given_back(lines: Sequence[PricedLine], footing: Footing, digits: int) -> list[_Back]:
    """All that the bill gives back, line by line."""
    places: list[int] = []
    given: list[PrintedLine] = []
    for place, each in enumerate(lines):
        if each.gives_back is not None:
            places.append(place)
            given.append(PrintedLine(each.price_key, each.gives_back, each.amount))
        for span, amount in each.less.items():
            places.append(place)
            given.append(PrintedLine(each.price_key, span, -amount))
    found = given_back(footing.printed, given, digits)
    none = GivenBack((), ZERO)
    return [
        _Back(place, -line.amount, back.discounts, back.undiscounted)
        for at, (place, line) in enumerate(zip(places, given, strict=True))
        for back in [found.get(at, msgspec.structs.replace(none, undiscounted=-line.amount))]
    ]


def _acting(footing: Footing) -> Sequence[HeldCoupon]:
    """The coupons that act; an exclusive one, the first of them, acts alone."""
    exclusive = [each for each in footing.coupons if each.offer.is_exclusive]
    return exclusive[:1] or footing.coupons


def _taken_back(footing: Footing, name: str, given: Decimal, discount: Discount) -> Step:
    number = footing.next_uses.get(discount.redemption_id, 1)
    terms = {"of": given, "use": Decimal(number)}
    amount = discount.amount
    return Step(TAKEN_BACK, ONE, amount, amount, terms, {"part": name})


def _step(held: HeldCoupon, part: str, place: int, taken: Decimal, base: Decimal) -> Step:
    """What one coupon takes off one line; `use` numbers the bills that it has a line on."""
    terms = {"of": base, "use": Decimal(held.number), "line": Decimal(place + 1)}
    code = "coupon_amount"
    if held.offer.rate_pct is not None:
        code = "coupon_percent"
        terms["percent"] = held.offer.rate_pct
    return Step(code, ONE, -taken, -taken, terms, {"part": part})


def _less_given_back(
    lines: Sequence[PricedLine], back: Sequence[_Back], digits: int
) -> list[Decimal]:
    """What is left of each line once what the bill gives back is taken off: no line below zero.

    What is given back of prices comes off the lines of those prices first, then off all others.
    What was charged with a discount is given back with it, and lessens nothing here.
    """
    left = [max(each.amount + sum(each.less.values(), ZERO), ZERO) for each in lines]
    reckoned = {each.place for each in back}
    given = [(each.place, each.undiscounted) for each in back]
    given += [
        (place, -each.amount)
        for place, each in enumerate(lines)
        if each.amount < 0 and place not in reckoned
    ]
    for place, amount in sorted(given):
        each = lines[place]
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
