"""Whether a coupon can be redeemed, and what redeeming it makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from tallybook.domain.catalog.coupon import KeptCoupon, Redemption
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.plurals import so_many


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who redeems the coupon of a code: a customer, for all of its subscriptions or for one."""

    code: str
    customer: str
    subscription: str | None = None


class Counts(msgspec.Struct, frozen=True):
    """How often a coupon was redeemed: in all, and by the one who asks."""

    in_all: int
    by_customer: int


def refuse_unredeemable(coupon: KeptCoupon, counts: Counts, *, now: datetime) -> None:
    """Refuse a coupon that is not redeemable at `now`, or not any more."""
    offer = coupon.offer
    if coupon.retired_at is not None:
        raise _not_redeemable("coupon_retired", "has been retired", "Use another code.")
    if offer.redeem_from is not None and now < offer.redeem_from:
        when = offer.redeem_from.isoformat()
        raise _not_redeemable("coupon_not_yet", f"can be redeemed from {when} on", "Wait for it.")
    if offer.redeem_until is not None and now >= offer.redeem_until:
        when = offer.redeem_until.isoformat()
        raise _not_redeemable("coupon_expired", f"could be redeemed until {when}", "Use another.")
    if offer.max_redemptions is not None and counts.in_all >= offer.max_redemptions:
        times = f"has been redeemed {so_many(counts.in_all, 'time|times')}, which is all"
        raise _not_redeemable("coupon_used_up", times, "Use another code.")
    if counts.by_customer >= offer.max_per_customer:
        times = so_many(counts.by_customer, "time|times")
        why = f"was redeemed by this customer {times}, which is all"
        raise _not_redeemable("coupon_had", why, "Use another code.")


def refuse_clash(
    coupon: KeptCoupon, others: Iterable[KeptCoupon], *, currency: str, plans: Sequence[str]
) -> None:
    """Refuse a coupon that could never act, or that would stand beside an exclusive one.

    `others` act on the same invoices already; `plans` are those of the subscription, if one is
    meant.
    """
    offer = coupon.offer
    if offer.currency and currency not in offer.currencies:
        named = ", ".join(offer.currencies)
        raise Invalid(
            "coupon_in_other_currency",
            f"The coupon is in {named}, and the customer is billed in {currency}.",
            field="code",
            mend=f"Use a coupon in {currency}, or one of a percentage.",
        )
    if offer.only_plans and plans and not set(offer.only_plans) & set(plans):
        raise Invalid(
            "coupon_of_other_plan",
            f"The coupon is for {', '.join(offer.only_plans)}.",
            field="code",
            mend="Redeem it for a subscription to one of these plans.",
        )
    for other in others:
        if offer.is_exclusive or other.offer.is_exclusive:
            alone = offer if offer.is_exclusive else other.offer
            raise Conflicting(
                "coupon_exclusive",
                f"{alone.key!r} stands with no other coupon, and {other.offer.key!r} acts already.",
                field="code",
                mend="Take the other coupon away first.",
            )


def is_in_force(redemption: Redemption, *, now: datetime) -> bool:
    """Whether it was not taken away."""
    return redemption.ended_at is None or now < redemption.ended_at


def acts_together(redemption: Redemption, subscription_id: str | None) -> bool:
    """Whether a redemption acts on invoices that one for this subscription (None: all) acts on."""
    return redemption.subscription_id is None or subscription_id in {
        None,
        redemption.subscription_id,
    }


def _not_redeemable(code: str, why: str, mend: str) -> Conflicting:
    return Conflicting(code, f"The coupon {why}.", field="code", mend=mend)
