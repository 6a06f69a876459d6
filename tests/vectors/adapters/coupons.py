"""Coupons in their orders."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tallybook.domain.catalog.coupon import Coupon, Frequency
from tallybook.domain.rating.coupons import Discountable, Stacking, apply_coupons
from vectors.run import NotSupported

ORDERS = {
    "as_listed": Stacking.AS_LISTED,
    "percentage_before_fixed": Stacking.PERCENTAGE_FIRST,
    "metric_limited_then_plan_limited_then_unlimited": Stacking.NARROW_FIRST,
}
MINOR = 0


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    policy = given.get("policy", {})
    order = policy.get("order", "as_listed")
    if order not in ORDERS:
        raise NotSupported(f"coupon order {order}")
    fees = [
        Discountable(fee["id"], Decimal(fee["amount"]), fee.get("plan", ""), fee.get("metric", ""))
        for fee in given["fees"]
    ]
    discounted = apply_coupons(
        fees,
        [_coupon(coupon) for coupon in given["coupons"]],
        scale=policy.get("keep_per_fee_precision", MINOR if given["unit"] == "minor" else 2),
        currency=given.get("currency", ""),
        stacking=ORDERS[order],
    )
    last = discounted.applied[-1] if discounted.applied else None
    return {
        "discount": discounted.discount,
        "per_fee": discounted.taken,
        "per_fee_5dp": discounted.taken,
        "after": discounted.after,
        "subtotal_after": sum(discounted.after.values(), Decimal(0)),
        "applied_count": sum(1 for each in discounted.applied if each.taken),
        "remaining_periods": last.coupon.remaining_periods if last else None,
        "terminated": last.has_ended if last else None,
    }


def _coupon(coupon: Mapping[str, Any]) -> Coupon:
    is_fixed = coupon["type"] == "fixed"
    return Coupon(
        amount=Decimal(coupon["amount"]) if is_fixed else None,
        rate_pct=None if is_fixed else Decimal(coupon["rate_percent"]),
        currency=coupon.get("currency") or "",
        frequency=Frequency(coupon.get("frequency") or "once"),
        used=Decimal(coupon.get("already_used") or 0),
        remaining_periods=coupon.get("remaining_periods"),
        only_plans=tuple(coupon.get("only_plans", ())),
        only_meters=tuple(coupon.get("only_metrics", ())),
    )
