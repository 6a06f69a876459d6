"""What the conditions of a bill go by: whose they are, for which time, and what came before.

Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.coupon import CouponOffer, KeptCoupon, Redemption
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.spending import Per
from tallybook.domain.invoicing.invoice import LineKind
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.shares import NOTHING, WHOLE, Share
from tallybook.domain.rating.allowances import Carried
from tallybook.domain.subscriptions.calendar import Cycle, last_boundary, period_containing
from tallybook.domain.subscriptions.course import Course
from tallybook.domain.subscriptions.cycle import End, Open, Renew
from tallybook.domain.subscriptions.proration import share_of_period
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.domain.subscriptions.timeline import FOREVER

_TICK = timedelta(microseconds=1)


class EarlierLine(msgspec.Struct, frozen=True, gc=False):
    """A line of an earlier invoice of the subscription, as far as conditions count it.

    `amount` is the printed one, in major units. `carried` is what an allowance left.
    """

    price_key: str
    kind: LineKind
    service_starts: datetime
    amount: Decimal
    carried: tuple[Carried, ...] = ()


class CouponUse(msgspec.Struct, frozen=True):
    """What one invoice took of a redemption: the `number`th to do so."""

    invoice_id: str
    number: int
    amount_minor: int


class HeldCoupon(msgspec.Struct, frozen=True):
    """A coupon that acts on a bill, and what it took off before: in major units, so many times."""

    redemption_id: str
    offer: CouponOffer
    used: Decimal
    used_periods: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that the conditions of one bill go by.

    `plan` is the version whose conditions hold: the one in force when the period `ended`, which is
    None where the subscription begins. `charged` is when it was charged for, without trials and
    pauses. `is_last` says that no period follows.
    """

    plan: PlanVersion
    cycle: Cycle
    starts_at: datetime
    ended: Span | None
    service_period: Span
    is_last: bool = False
    charged: tuple[Span, ...] = ()
    earlier: Sequence[EarlierLine] = ()
    coupons: tuple[HeldCoupon, ...] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Which version's conditions hold at a boundary, and by which calendar."""

    plan_version_id: str
    cycle: Cycle
    charged: tuple[Span, ...]


def held_at(
    subscription: Subscription, course: Course | None, boundary: Open | Renew | End | Span
) -> Held:
    """What holds at a boundary; `course` is that of a subscription that is not plain.

    A span is the period that was ended, for who does not know how it went on.
    """
    if course is None:
        always = (Span(subscription.starts_at, FOREVER),)
        return Held(
            plan_version_id=subscription.plan_version_id, cycle=subscription.cycle, charged=always
        )
    if isinstance(boundary, Open):
        at = boundary.period.starts
    else:
        ended = boundary if isinstance(boundary, Span) else subscription.period
        at = max(ended.ends - _TICK, ended.starts)
    terms = course.terms_at(at) or course.basis.terms
    charged = tuple(part.span for part in course.line if part.terms.is_charged)
    return Held(plan_version_id=terms.plan_version_id, cycle=terms.cycle, charged=_joined(charged))


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that touch made one."""
    joined: list[Span] = []
    for span in spans:
        touches = bool(joined) and joined[-1].ends == span.starts
        joined.append(Span(joined.pop().starts, span.ends) if touches else span)
    return tuple(joined)


class Counted(msgspec.Struct, frozen=True):
    """The time over which a condition counts at a boundary.

    `number` counts such times from the subscription's start, from 0. `is_over` says that it ends
    with this bill. `share` is the part of a full one that is charged for.
    """

    span: Span
    number: int
    is_over: bool
    share: Share


def counted_over(standing: Standing, per: Per, *, prorates: bool) -> Counted:
    """The time that `standing.ended` belongs to."""
    ended = standing.ended
    assert ended is not None, "conditions on spending are for a period that ended"
    if per is Per.TOTAL:
        return Counted(Span(standing.starts_at, FOREVER), 0, standing.is_last, WHOLE)
    cycle = standing.cycle
    if per is Per.YEAR:
        cycle = msgspec.structs.replace(cycle, interval=Interval.YEAR, count=1)
    whole = period_containing(cycle, ended.starts)
    number = last_boundary(cycle, ended.starts) - last_boundary(cycle, standing.starts_at)
    is_over = standing.is_last or ended.ends >= whole.ends or per is Per.PERIOD
    upto = ended.ends if standing.is_last or per is Per.PERIOD else whole.ends
    span = Span(max(whole.starts, min(standing.starts_at, ended.starts)), whole.ends)
    if not prorates:
        return Counted(span, number, is_over, WHOLE)
    return Counted(span, number, is_over, _share(cycle, standing.charged, Span(span.starts, upto)))


def _share(cycle: Cycle, charged: Iterable[Span], within: Span) -> Share:
    """The share of the full time around `within` that is charged for."""
    found = NOTHING
    for span in charged:
        starts, ends = max(span.starts, within.starts), min(span.ends, within.ends)
        if starts >= ends:
            continue
        share = share_of_period(cycle, Span(starts, ends))
        if share.is_whole:
            return share
        found = _added(found, share) if found.numerator else share
    return found


def _added(one: Share, other: Share) -> Share:
    """Two shares of the same whole; days and seconds need not be alike."""
    if one.denominator == other.denominator:
        return Share(one.numerator + other.numerator, one.denominator)
    parts = one.numerator * other.denominator + other.numerator * one.denominator
    return Share(parts, one.denominator * other.denominator)


def held_coupons(
    redemptions: Iterable[Redemption],
    coupons: dict[str, KeptCoupon],
    uses: dict[str, list[CouponUse]],
    *,
    digits: int,
) -> tuple[HeldCoupon, ...]:
    """The coupons of these redemptions that have something left, in order of redeeming."""
    held = []
    for redemption in redemptions:
        offer = coupons[redemption.coupon_id].offer
        taken = uses.get(redemption.id, [])
        used = Decimal(sum(use.amount_minor for use in taken)).scaleb(-digits)
        if not offer.is_spent(used=used, used_periods=len(taken)):
            held.append(HeldCoupon(redemption.id, offer, used, len(taken)))
    return tuple(held)
