"""Coupons applied: in which order they act, what each takes off, and from which charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.coupon import Coupon, Frequency, Stacking
from tallybook.domain.catalog.working import ZERO
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.money import allocate_units, from_units, round_decimal, to_units

__all__ = ["AppliedCoupon", "Discountable", "Discounted", "Stacking", "apply_coupons"]


class Discountable(msgspec.Struct, frozen=True):
    """An amount owed that a coupon may reduce, and what it is for."""

    id: str
    amount: Decimal
    plan: str = ""
    meter: str = ""
    price: str = ""


class AppliedCoupon(msgspec.Struct, frozen=True):
    """What one coupon took off each charge, and the coupon as it is afterwards.

    `place` is its place among those given. `has_ended` says that it will not be applied again.
    """

    place: int
    coupon: Coupon
    taken: dict[str, Decimal]
    has_ended: bool

    @property
    def discount(self) -> Decimal:
        """All that it took off."""
        with exactly():
            return sum(self.taken.values(), ZERO)


class Discounted(msgspec.Struct, frozen=True):
    """The coupons in the order in which they acted, and what is left of each charge."""

    applied: tuple[AppliedCoupon, ...]
    after: dict[str, Decimal]

    @property
    def discount(self) -> Decimal:
        """All that was taken off."""
        with exactly():
            return sum((each.discount for each in self.applied), ZERO)

    @property
    def taken(self) -> dict[str, Decimal]:
        """What was taken off each charge by all coupons together."""
        with exactly():
            return {
                name: sum((each.taken.get(name, ZERO) for each in self.applied), ZERO)
                for name in self.after
            }


def apply_coupons(
    charges: Sequence[Discountable],
    coupons: Sequence[Coupon],
    *,
    scale: int,
    currency: str = "",
    stacking: Stacking = Stacking.AS_LISTED,
) -> Discounted:
    """Take coupons off charges, each from what the ones before it left; never below zero.

    A coupon's discount is rounded half up to `scale` decimals and spread over the charges in its
    scope in proportion to what is left of them, the last units to the largest remainders, so that
    the parts add up to the discount.
    """
    left = {charge.id: charge.amount for charge in charges}
    applied = []
    for place, coupon in _in_order(list(enumerate(coupons)), stacking):
        weights = {
            charge.id: left[charge.id]
            for charge in charges
            if coupon.fits(charge.plan, charge.meter, charge.price) and left[charge.id] > 0
        }
        if coupon.currency and currency and coupon.currency != currency:
            weights = {}
        taken = _spread(_discount(coupon, weights, scale), weights, scale)
        with exactly():
            for name, amount in taken.items():
                left[name] -= amount
        applied.append(_after_use(place, coupon, taken))
    return Discounted(tuple(applied), left)


def _in_order(
    coupons: Sequence[tuple[int, Coupon]], stacking: Stacking
) -> Sequence[tuple[int, Coupon]]:
    if stacking is Stacking.PERCENTAGE_FIRST:
        return sorted(coupons, key=lambda each: each[1].rate_pct is None)
    if stacking is Stacking.NARROW_FIRST:
        return sorted(coupons, key=lambda each: _width(each[1]))
    return coupons


def _width(coupon: Coupon) -> int:
    """0 for a coupon limited to meters or prices, 1 to plans, 2 for one that is not limited."""
    if coupon.only_meters or coupon.only_prices:
        return 0
    return 1 if coupon.only_plans else 2


def _discount(coupon: Coupon, weights: Mapping[str, Decimal], scale: int) -> Decimal:
    with exactly():
        base = sum(weights.values(), ZERO)
        if coupon.rate_pct is not None:
            discount = base * coupon.rate_pct.scaleb(-2)
        else:
            assert coupon.amount is not None, "a coupon takes off an amount or a percentage"
            used = coupon.used if coupon.frequency is Frequency.ONCE else ZERO
            discount = max(coupon.amount - used, ZERO)
    return min(round_decimal(discount, scale), base)


def _spread(discount: Decimal, weights: Mapping[str, Decimal], scale: int) -> dict[str, Decimal]:
    """`discount` over the charges in proportion, none beyond what is left of it."""
    if not discount:
        return {}
    parts = allocate_units(to_units(discount, scale), list(weights.values()))
    return {
        name: min(from_units(part, scale), weights[name])
        for name, part in zip(weights, parts, strict=True)
    }


def _after_use(place: int, coupon: Coupon, taken: dict[str, Decimal]) -> AppliedCoupon:
    """The coupon once it was used. One that took nothing off is as it was."""
    if not taken:
        return AppliedCoupon(place, coupon, taken, has_ended=False)
    if coupon.frequency is Frequency.FOREVER:
        return AppliedCoupon(place, coupon, taken, has_ended=False)
    if coupon.frequency is Frequency.RECURRING:
        if coupon.remaining_periods is None:
            return AppliedCoupon(place, coupon, taken, has_ended=False)
        periods = coupon.remaining_periods - 1
        after = msgspec.structs.replace(coupon, remaining_periods=periods)
        return AppliedCoupon(place, after, taken, has_ended=periods == 0)
    with exactly():
        used = coupon.used + sum(taken.values(), ZERO)
    after = msgspec.structs.replace(coupon, used=used)
    return AppliedCoupon(place, after, taken, coupon.amount is None or used >= coupon.amount)
