"""Make coupons, look them up, and retire them."""

from __future__ import annotations

import msgspec

from tallybook.domain.catalog.coupon import CouponOffer, KeptCoupon
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing
from tallybook.domain.kernel.identifiers import derived_id
from tallybook.services.ports import Records, Wiring


class CountedCoupon(msgspec.Struct, frozen=True):
    """A coupon, and how often it was redeemed."""

    coupon: KeptCoupon
    redemptions: int


def make_coupon(wiring: Wiring, organization_id: str, offer: CouponOffer) -> CountedCoupon:
    """Keep a coupon; the same again is answered, another one of that code is a conflict."""
    offer = offer.checked()
    with wiring.books.begin(organization_id) as records:
        kept = records.coupons.by_key(offer.key)
        if kept is None:
            _check_plans(records, offer)
            coupon = KeptCoupon(
                id=derived_id("cpn", organization_id, offer.key),
                offer=offer,
                created_at=wiring.now_of(organization_id),
            )
            records.coupons.add(coupon)
            return CountedCoupon(coupon, 0)
        if kept.offer != offer:
            raise Conflicting(
                "coupon_differs",
                f"There is another coupon {offer.key!r} already.",
                field="key",
                mend="Choose another code; what a coupon says is never changed.",
            )
        return _counted(records, kept)


def find_coupon(wiring: Wiring, organization_id: str, code: str) -> CountedCoupon:
    """The coupon of that code."""
    with wiring.books.begin(organization_id) as records:
        return _counted(records, coupon_of(records, code))


def list_coupons(
    wiring: Wiring, organization_id: str, *, after: str = "", limit: int = 100
) -> list[CountedCoupon]:
    """Coupons in order of their codes, those after code `after`."""
    with wiring.books.begin(organization_id) as records:
        page = records.coupons.page(after=after, limit=limit)
        return [_counted(records, coupon) for coupon in page]


def retire_coupon(wiring: Wiring, organization_id: str, code: str) -> CountedCoupon:
    """Nobody can redeem it any more; who has it keeps it. Doing so again changes nothing."""
    with wiring.books.begin(organization_id) as records:
        coupon = coupon_of(records, code, locked=True)
        if coupon.retired_at is None:
            records.coupons.retire(coupon.id, wiring.now_of(organization_id))
        return _counted(records, coupon_of(records, code))


def _check_plans(records: Records, offer: CouponOffer) -> None:
    """Refuse a coupon for plans or prices that there are not: it would never act."""
    prices: set[str] = set()
    currencies: set[str] = set()
    for place, key in enumerate(offer.only_plans):
        version = records.plans.latest(key)
        if version is None:
            raise Missing(
                "unknown_plan",
                f"There is no plan {key[:60]!r}.",
                field=f"only_plans/{place}",
                mend="Publish it first, or correct its key.",
            )
        prices.update(price.key for price in version.prices)
        currencies.update(version.all_currencies)
    for place, key in enumerate(offer.only_prices):
        if offer.only_plans and key not in prices:
            raise Missing(
                "unknown_price",
                f"None of these plans has a price {key[:60]!r}.",
                field=f"only_prices/{place}",
                mend=f"Name one of {', '.join(sorted(prices))}.",
            )
        if not offer.only_plans and not records.plans.sells(key):
            raise Missing(
                "unknown_price",
                f"No plan has a price {key[:60]!r}.",
                field=f"only_prices/{place}",
                mend="Publish a plan that has it first, or correct its key.",
            )
    if currencies and offer.currency and not currencies & set(offer.currencies):
        raise Invalid(
            "coupon_in_other_currency",
            f"These plans are sold in {', '.join(sorted(currencies))}, and the coupon takes "
            f"nothing off in any of them.",
            field="currency",
            mend="Send an amount in one of these, and those for the others as in_currency.",
        )


def coupon_of(records: Records, code: str, *, locked: bool = False) -> KeptCoupon:
    """The coupon of that code, or a refusal."""
    found = records.coupons.by_key(code, locked=locked)
    if found is None:
        raise Missing(
            "no_such_coupon",
            f"There is no coupon {code[:140]!r}.",
            field="code",
            mend="Make it by POST /v1/coupons, or send the code of one that GET lists.",
        )
    return found


def _counted(records: Records, coupon: KeptCoupon) -> CountedCoupon:
    return CountedCoupon(coupon, records.coupons.count(coupon.id))
