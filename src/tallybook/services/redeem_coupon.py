"""Redeem a coupon for a customer, take it away, and say what it took off so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tallybook.domain.catalog.coupon import KeptCoupon, Redemption
from tallybook.domain.catalog.redeeming import (
    Counts,
    Order,
    acts_together,
    is_in_force,
    refuse_clash,
    refuse_unredeemable,
)
from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.footing import HeldCoupon, held_coupons
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing, Refusal
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.find_customers import customer_of, no_such_customer, time_of
from tallybook.services.find_subscriptions import in_full, subscription_of
from tallybook.services.offer_coupons import coupon_of
from tallybook.services.ports import Records, Wiring


class FullRedemption(msgspec.Struct, frozen=True):
    """A redemption, its coupon, whose it is, and what it took off: None once nothing is left."""

    redemption: Redemption
    coupon: KeptCoupon
    customer: Customer
    subscription: Subscription | None
    held: HeldCoupon | None


def redeem_coupon(wiring: Wiring, organization_id: str, order: Order) -> FullRedemption:
    """Give a customer a coupon by its code, for all of its subscriptions or for one.

    Whoever has it already, and has something left of it, is answered what it has: asking again
    redeems nothing twice. One at a time redeems a coupon, so that its limits hold.
    """
    with wiring.books.begin(organization_id) as records:
        coupon = coupon_of(records, order.code, locked=True)
        customer = records.customers.by_key(order.customer, locked=True)
        if customer is None:
            raise no_such_customer(order.customer, field="customer")
        subscription = _subscription(records, order, customer)
        now = time_of(wiring, records, customer)
        plans = []
        if subscription is not None:
            plans = [in_full(records, subscription, now=now).version.plan_key]
        return _redeemed(wiring, records, coupon, customer, subscription, plans=plans, now=now)


def locked_coupons(records: Records, codes: Sequence[str]) -> list[KeptCoupon]:
    """The coupons that a start names, in its order, held as redeeming holds them.

    Locked in order of their codes and before the customer, so that nobody waits for each other.
    """
    found: dict[str, KeptCoupon] = {}
    for code in sorted(codes):
        try:
            found[code] = coupon_of(records, code, locked=True)
        except Missing as refusal:
            raise _at_start(refusal, codes.index(code)) from None
    return [found[code] for code in codes]


def redeem_at_start(
    wiring: Wiring,
    records: Records,
    coupons: Sequence[KeptCoupon],
    customer: Customer,
    subscription: Subscription,
    *,
    plans: Sequence[str],
    now: datetime,
) -> None:
    """Redeem `locked_coupons` for a subscription that begins, in the same transaction.

    One that is refused refuses the start. `plans` are all that the subscription is to.
    """
    for place, coupon in enumerate(coupons):
        try:
            _redeemed(wiring, records, coupon, customer, subscription, plans=plans, now=now)
        except Refusal as refusal:
            raise _at_start(refusal, place) from None


def refuse_other_coupons(
    records: Records, coupons: Sequence[KeptCoupon], subscription: Subscription
) -> None:
    """Refuse to have started with a coupon that was not redeemed for the subscription kept.

    Whoever retries meets what was redeemed, also once it is spent or was taken away.
    """
    if not coupons:
        return
    redeemed = records.coupons.of_customers([subscription.customer_id])
    had = {each.coupon_id for each in redeemed if each.subscription_id == subscription.id}
    for place, coupon in enumerate(coupons):
        if coupon.id not in had:
            raise Conflicting(
                "subscription_differs",
                f"There is a subscription {subscription.key!r} already, without the coupon "
                f"{coupon.offer.key!r}.",
                field=f"coupons/{place}",
                mend="Choose another key, or redeem it by POST /v1/coupon-redemptions.",
            )


def _at_start(refusal: Refusal, place: int) -> Refusal:
    return type(refusal)(refusal.code, refusal.message, field=f"coupons/{place}", mend=refusal.mend)


def _redeemed(
    wiring: Wiring,
    records: Records,
    coupon: KeptCoupon,
    customer: Customer,
    subscription: Subscription | None,
    *,
    plans: Sequence[str],
    now: datetime,
) -> FullRedemption:
    """The redemption that this makes, or the one there is that has something left.

    Coupon and customer are held. `plans` are those of the subscription, where one is meant.
    """
    subscription_id = None if subscription is None else subscription.id
    acting = _acting(records, customer, subscription_id, now)
    for full in acting:
        redeemed = full.redemption
        if redeemed.coupon_id == coupon.id and redeemed.subscription_id == subscription_id:
            return full
    counts = Counts(records.coupons.count(coupon.id), records.coupons.count(coupon.id, customer.id))
    refuse_unredeemable(coupon, counts, now=now)
    others = [full.coupon for full in acting]
    refuse_clash(coupon, others, currency=customer.currency, plans=plans)
    redemption = Redemption(
        id=wiring.new_id("red"),
        coupon_id=coupon.id,
        customer_id=customer.id,
        subscription_id=subscription_id,
        redeemed_at=now,
    )
    records.coupons.redeem(redemption)
    return _in_full(records, customer, [redemption])[0]


def end_redemption(wiring: Wiring, organization_id: str, redemption_id: str) -> FullRedemption:
    """Take a coupon away: it acts on no invoice that is drawn up from now on."""
    with wiring.books.begin(organization_id) as records:
        redemption = records.coupons.redemption(redemption_id)
        if redemption is None:
            raise Missing(
                "no_such_redemption",
                f"There is no redemption {redemption_id[:60]!r}.",
                mend="Send the id of one that GET /v1/coupon-redemptions lists.",
            )
        customer = records.customers.by_ids([redemption.customer_id])[redemption.customer_id]
        if redemption.ended_at is None:
            records.coupons.end(redemption.id, time_of(wiring, records, customer))
            redemption = records.coupons.redemption(redemption_id) or redemption
        return _in_full(records, customer, [redemption])[0]


def list_redemptions(wiring: Wiring, organization_id: str, customer: str) -> list[FullRedemption]:
    """All that a customer redeemed, in order of redeeming."""
    with wiring.books.begin(organization_id) as records:
        who = customer_of(records, customer, field="customer")
        return _in_full(records, who, records.coupons.of_customers([who.id]))


def _subscription(records: Records, order: Order, customer: Customer) -> Subscription | None:
    if order.subscription is None:
        return None
    try:
        found = subscription_of(records, order.subscription)
    except Missing as refusal:
        raise refusal.at("subscription") from None
    if found.customer_id != customer.id:
        raise Invalid(
            "subscription_of_another",
            f"Subscription {found.key!r} is not this customer's.",
            field="subscription",
            mend="Name one of the customer's own, or leave it out for all of them.",
        )
    return found


def _acting(
    records: Records, customer: Customer, subscription_id: str | None, now: datetime
) -> list[FullRedemption]:
    """The customer's redemptions that act on the same invoices and have something left."""
    redeemed = [
        each
        for each in records.coupons.of_customers([customer.id])
        if is_in_force(each, now=now) and acts_together(each, subscription_id)
    ]
    return [full for full in _in_full(records, customer, redeemed) if full.held is not None]


def _in_full(
    records: Records, customer: Customer, redeemed: Sequence[Redemption]
) -> list[FullRedemption]:
    coupons = records.coupons.by_ids({each.coupon_id for each in redeemed})
    uses = records.coupons.uses([each.id for each in redeemed])
    held = {
        each.redemption_id: each
        for each in held_coupons(redeemed, coupons, uses, currency=customer.currency)
    }
    named = [each.subscription_id for each in redeemed if each.subscription_id is not None]
    subscriptions = records.subscriptions.by_ids(named) if named else {}
    return [
        FullRedemption(
            each,
            coupons[each.coupon_id],
            customer,
            subscriptions.get(each.subscription_id or ""),
            held.get(each.id),
        )
        for each in redeemed
    ]
