"""Commitments and coupons: the rules of docs/semantics/pricing.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallybook.domain.catalog.coupon import Coupon, Frequency
from tallybook.domain.catalog.price import Package, PerUnit
from tallybook.domain.catalog.spending import Promise
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.shares import Share
from tallybook.domain.rating.commitments import (
    Promised,
    add_uses,
    prorated_commitment,
    rate_committed,
    true_up,
)
from tallybook.domain.rating.coupons import Discountable, Stacking, apply_coupons

TEN = Decimal(10)


@pytest.mark.parametrize(
    ("commitment", "quantity", "parts", "why"),
    [
        (None, "3", ("6", "0", "0"), "no promise: plain use"),
        (Promised(TEN), "3", ("6", "0", "4"), "what is missing is owed"),
        (Promised(TEN), "5", ("10", "0", "0"), "just kept"),
        (Promised(TEN), "6", ("10", "2", "0"), "beyond, at its price"),
        (Promised(TEN, overage_factor=Decimal("1.5")), "6", ("10", "3", "0"), "and dearer"),
        (Promised(TEN, has_true_up=False), "3", ("6", "0", "0"), "a mark, not a minimum"),
        (Promised(TEN, Promise.QUANTITY), "6", ("12", "0", "8"), "units at their price"),
    ],
)
def test_a_window(
    commitment: Promised | None, quantity: str, parts: tuple[str, ...], why: str
) -> None:
    use = rate_committed(PerUnit(Decimal(2)), Decimal(quantity), commitment)
    assert (use.utilized, use.overage, use.true_up) == tuple(map(Decimal, parts)), why
    assert use.total == sum(map(Decimal, parts))


def test_a_promised_quantity_is_worth_what_it_would_cost() -> None:
    rule = Package(Decimal(10), Decimal(5))
    use = rate_committed(rule, Decimal(1), Promised(Decimal(25), Promise.QUANTITY))
    assert (use.utilized, use.true_up) == (5, 10)


def test_one_windows_surplus_fills_no_other() -> None:
    uses = [rate_committed(PerUnit(Decimal(2)), Decimal(n), Promised(TEN)) for n in (1, 9)]
    both = add_uses(uses)
    assert (both.utilized, both.overage, both.true_up) == (12, 8, 8)


def test_true_up() -> None:
    assert prorated_commitment(Decimal(20000), Share(30, 31), scale=0) == 19355
    assert true_up(Decimal(10000), [Decimal(7000)]) == 3000
    assert true_up(Decimal(10000), [Decimal(17000)]) == 0, "a surplus is not paid back"
    prorated = true_up(Decimal(10000), [Decimal(5000)], share=Share(25, 28), scale=0)
    assert prorated == 3929, "prorated and rounded first: 8,929"


def charge(name: str, amount: str, plan: str = "", meter: str = "") -> Discountable:
    return Discountable(name, Decimal(amount), plan, meter)


def coupon(**fields: Any) -> Coupon:
    for name in ("amount", "rate_pct", "used"):
        if name in fields:
            fields[name] = Decimal(fields[name])
    return Coupon(**fields)


FIFTY_OFF = coupon(amount="50")
HALF_OFF = coupon(rate_pct="50")
ON_METER = coupon(amount="30", only_meters=("m1",))
ON_PLAN = coupon(amount="60", only_plans=("p1",))


@pytest.mark.parametrize(
    ("coupons", "stacking", "discount", "why"),
    [
        ([FIFTY_OFF, HALF_OFF], Stacking.AS_LISTED, "75", "half of the 50 that are left"),
        ([FIFTY_OFF, HALF_OFF], Stacking.PERCENTAGE_FIRST, "100", "half, then 50 of 50"),
        ([ON_PLAN, ON_METER], Stacking.AS_LISTED, "76", "the plan's first: 16 left on the meter"),
        ([ON_PLAN, ON_METER], Stacking.NARROW_FIRST, "90", "the meter's first"),
        ([coupon(amount="500")], Stacking.AS_LISTED, "100", "never below zero"),
        ([coupon(amount="5", currency="USD")], Stacking.AS_LISTED, "0", "another currency"),
        ([coupon(amount="5", only_plans=("p2",))], Stacking.AS_LISTED, "0", "nothing in scope"),
    ],
)
def test_stacking(coupons: list[Coupon], stacking: Stacking, discount: str, why: str) -> None:
    charges = [charge("a", "60", "p1"), charge("b", "40", "p1", "m1")]
    done = apply_coupons(charges, coupons, scale=0, currency="EUR", stacking=stacking)
    assert done.discount == Decimal(discount), why


@pytest.mark.parametrize(
    ("before", "remaining", "used", "has_ended", "why"),
    [
        (coupon(amount="50"), None, "50", True, "once, and used up"),
        (coupon(amount="500"), None, "100", False, "once, and not used up"),
        (coupon(amount="500", used="450"), None, "500", True, "the rest of it"),
        (coupon(rate_pct="10"), None, "10", True, "once, a percentage"),
        (coupon(amount="5", frequency=Frequency.FOREVER), None, "0", False, "for ever"),
        (
            coupon(amount="5", frequency=Frequency.RECURRING, remaining_periods=2),
            1,
            "0",
            False,
            "one period more",
        ),
        (
            coupon(amount="5", frequency=Frequency.RECURRING, remaining_periods=1),
            0,
            "0",
            True,
            "the last",
        ),
    ],
)
def test_a_coupons_life(
    before: Coupon, remaining: int | None, used: str, has_ended: bool, why: str
) -> None:
    (applied,) = apply_coupons([charge("a", "100")], [before], scale=0).applied
    after = applied.coupon
    assert (after.remaining_periods, after.used) == (remaining, Decimal(used)), why
    assert applied.has_ended is has_ended, why


def test_a_coupon_that_took_nothing_is_as_it_was() -> None:
    before = coupon(amount="5", frequency=Frequency.RECURRING, remaining_periods=1)
    (applied,) = apply_coupons([charge("a", "0")], [before], scale=0).applied
    assert (applied.coupon, applied.has_ended, applied.discount) == (before, False, 0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "amount_or_percentage"),
        ({"amount": "1", "rate_pct": "1"}, "amount_or_percentage"),
        ({"amount": "-1"}, "negative_amount"),
        ({"rate_pct": "101"}, "discount_above_100"),
        ({"amount": "1", "frequency": Frequency.RECURRING}, "no_periods"),
    ],
)
def test_coupons_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        coupon(**fields).check()
    assert refused.value.code == code
