"""Coupons: offered, redeemed by their codes, taken away."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.plainly import plainly
from tallybook.api.security import requires
from tallybook.domain.catalog.coupon import CouponOffer
from tallybook.domain.catalog.redeeming import Order
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.decimals import plain
from tallybook.services.offer_coupons import (
    CountedCoupon,
    find_coupon,
    list_coupons,
    make_coupon,
    retire_coupon,
)
from tallybook.services.redeem_coupon import (
    FullRedemption,
    end_redemption,
    list_redemptions,
    redeem_coupon,
)

Code = Annotated[str, PathParameter(description="The coupon's code.")]
RedemptionId = Annotated[str, PathParameter(description="The redemption's id, red_….")]


class CouponAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon, how often it was redeemed, and since when it cannot be redeemed any more."""

    id: str
    offer: CouponOffer
    redemptions: int
    created_at: datetime
    retired_at: datetime | None


class RedemptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that a customer has. `subscription` is null where it acts on all of them.

    `used_periods` counts the invoices that it took something off, `used` is what it took off in
    all; both are null once nothing is left of it. `ended_at` is when it was taken away.
    """

    id: str
    code: str
    name: str
    customer: str
    subscription: str | None
    redeemed_at: datetime
    ended_at: datetime | None
    is_spent: bool
    used: str | None
    used_periods: int | None


@post("/v1/coupons", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_coupon(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[CouponOffer]
) -> CouponAnswer:
    """Make a coupon: an amount or a percentage off, once, for some periods or for ever.

    Repeating it answers the same coupon; another one of that code is a conflict.
    """
    return _shown(make_coupon(wiring, organization_id, data))


@get("/v1/coupons", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_coupons(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[CouponAnswer]:
    """Coupons in order of their codes."""
    found = list_coupons(wiring, organization_id, after=after, limit=limit + 1)
    answers = [_answer(each) for each in found]
    return plainly(page_of(answers, limit, lambda each: each.offer.key))


@get("/v1/coupons/{code:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_coupon(wiring: Wired, organization_id: OrganizationId, code: Code) -> CouponAnswer:
    """One coupon."""
    return _shown(find_coupon(wiring, organization_id, code))


@delete(
    "/v1/coupons/{code:str}", guards=[requires(Scope.WRITE)], status_code=200, sync_to_thread=True
)
def delete_coupon(wiring: Wired, organization_id: OrganizationId, code: Code) -> CouponAnswer:
    """Retire a coupon: nobody can redeem it any more, and who has it keeps it."""
    return _shown(retire_coupon(wiring, organization_id, code))


@post("/v1/coupon-redemptions", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_redemption(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[Order]
) -> RedemptionAnswer:
    """Redeem a coupon by its code, for a customer or for one of its subscriptions.

    It acts on every invoice that is drawn up from now on, until it is spent or taken away. Who has
    it already is answered what it has.
    """
    return _redeemed(redeem_coupon(wiring, organization_id, data))


@get("/v1/coupon-redemptions", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_redemptions(
    wiring: Wired,
    organization_id: OrganizationId,
    customer: Annotated[str, QueryParameter(description="The customer's key.")],
) -> Page[RedemptionAnswer]:
    """The coupons that a customer redeemed, in order of redeeming."""
    found = list_redemptions(wiring, organization_id, customer)
    return Page([_redeemed(full) for full in found])


@delete(
    "/v1/coupon-redemptions/{redemption_id:str}",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_redemption(
    wiring: Wired, organization_id: OrganizationId, redemption_id: RedemptionId
) -> RedemptionAnswer:
    """Take a coupon away. What it took off stays; invoices drawn up from now on are without it."""
    return _redeemed(end_redemption(wiring, organization_id, redemption_id))


def _shown(counted: CountedCoupon) -> CouponAnswer:
    return plainly(_answer(counted))


def _answer(counted: CountedCoupon) -> CouponAnswer:
    coupon = counted.coupon
    return CouponAnswer(
        id=coupon.id,
        offer=coupon.offer,
        redemptions=counted.redemptions,
        created_at=coupon.created_at,
        retired_at=coupon.retired_at,
    )


def _redeemed(full: FullRedemption) -> RedemptionAnswer:
    redemption, held = full.redemption, full.held
    return RedemptionAnswer(
        id=redemption.id,
        code=full.coupon.offer.key,
        name=full.coupon.offer.name,
        customer=full.customer.key,
        subscription=None if full.subscription is None else full.subscription.key,
        redeemed_at=redemption.redeemed_at,
        ended_at=redemption.ended_at,
        is_spent=held is None,
        used=None if held is None else plain(held.used),
        used_periods=None if held is None else held.used_periods,
    )


router = Router(
    path="/",
    route_handlers=[
        post_coupon,
        read_coupons,
        read_coupon,
        delete_coupon,
        post_redemption,
        read_redemptions,
        delete_redemption,
    ],
    tags=["Coupons"],
)
