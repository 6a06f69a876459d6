"""What the conditions of a bill go by: whose they are, for which time, and what came before.

Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec

from tallybook.domain.catalog.coupon import CouponOffer, KeptCoupon, Redemption
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.spending import Per
from tallybook.domain.invoicing.discounts_back import PrintedLine
from tallybook.domain.invoicing.invoice import Invoice, InvoiceHeader, LineKind, Occasion
from tallybook.domain.invoicing.used_until import used_until
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import from_units, minor_digits
from tallybook.domain.kernel.shares import NOTHING, WHOLE, Share
from tallybook.domain.rating.allowances import Carried
from tallybook.domain.rating.rated_line import Step
from tallybook.domain.subscriptions.calendar import (
    Cycle,
    last_boundary,
    period_containing,
    periods_between,
)
from tallybook.domain.subscriptions.course import Course
from tallybook.domain.subscriptions.cycle import End, Open, Renew
from tallybook.domain.subscriptions.proration import share_of_period
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.domain.subscriptions.timeline import FOREVER, Segment

_TICK = timedelta(microseconds=1)
_NOTHING = Decimal(0)

KEPT = "allowance_kept"
"""The step that says what is carried into the next period: the next bill goes by it."""


class EarlierLine(msgspec.Struct, frozen=True, gc=False):
    """A line of an earlier invoice of the subscription, as far as conditions count it.

    It belongs to the time that `counts_from` lies in. `amount` is the printed one, in major units.
    `carried` is what an allowance left. `of_another` says that it is of another subscription of the
    customer's. `until` is what it came to by the times that plans were left.
    """

    price_key: str
    kind: LineKind
    counts_from: datetime
    amount: Decimal
    carried: tuple[Carried, ...] = ()
    of_another: bool = False
    service_starts: datetime | None = None
    until: Mapping[datetime, Decimal] = {}

    def counted_until(self, at: datetime) -> Decimal:
        """What of it counts for a plan that was left at `at`: nothing of what is for later.

        What is given back counts always: it was charged before.
        """
        is_price = self.kind is LineKind.PRICE and self.service_starts is not None
        if not is_price or self.amount < 0:
            return self.amount
        assert self.service_starts is not None, "looked at above"
        return _NOTHING if self.service_starts >= at else self.until.get(at, self.amount)


class EarlierWanted(msgspec.Struct, frozen=True):
    """Whose earlier lines, of service from when on; only of bills before `before`, if it is given.

    `before` is a bill's place: the start of its period, and its place among bills of that start.
    `keeps_units` asks for the last line of each allowance, however old; `of_customer` for those of
    the customer's other subscriptions too; `drawn_up` is when the bill was, and its period's end;
    `turn` its place among all of the customer's; `is_changed` that it may have left plans with a
    promise. `usage_of` are prices whose usage may be given
    back.
    """

    subscription_id: str
    since: datetime
    before: tuple[datetime, int] | None = None
    keeps_units: bool = False
    of_customer: bool = False
    drawn_up: tuple[datetime, datetime] | None = None
    turn: int | None = None
    usage_of: tuple[str, ...] = ()
    is_changed: bool = False


class CouponUse(msgspec.Struct, frozen=True):
    """What one invoice took of a redemption: the `number`th with a line of it, drawn up at `at`.

    Below zero where it took back more than it took off; `takes` says that it took something off.
    """

    number: int
    amount_minor: int
    at: datetime
    takes: bool = True


class HeldCoupon(msgspec.Struct, frozen=True):
    """A coupon that acts on a bill, and what it took off before: in major units, so many times.

    `number` is that of the use which this bill makes of it: uses are in that order.
    """

    redemption_id: str
    offer: CouponOffer
    used: Decimal
    used_periods: int
    number: int = 1


class LeftVersion(msgspec.Struct, frozen=True):
    """A plan version that a subscription was to until `at`, when it went to another."""

    plan_version_id: str
    cycle: Cycle
    at: datetime
    next_version_id: str


class Footing(msgspec.Struct, frozen=True, kw_only=True):
    """All that the conditions of one bill go by.

    `plan` is the version whose conditions hold: the one in force when the period `ended`, which is
    None where the subscription begins. `charged` is when it was charged for, without trials and
    pauses. `is_last` says that no period follows. With `is_supposed` the period is only thought of:
    a whole one, the first of its kind, with nothing billed before it; with `is_whole_period` it
    stands for a whole one of those that went before. Years are those of the
    calendar `years`; `plans` are all that lines of the bill may be of, by version id. `printed` are
    the bills before, where coupons may have taken something off what this one gives back;
    `next_uses` numbers a coupon's line on this bill, by its redemption. `left` are the versions
    that it was to before; of one that is settled, nothing counts from `counts_until` on.
    """

    plan: PlanTerms
    plan_version_id: str = ""
    plans: Mapping[str, PlanTerms] = {}
    cycle: Cycle
    years: Cycle | None = None
    starts_at: datetime
    ended: Span | None
    service_period: Span
    is_last: bool = False
    charged: tuple[Span, ...] = ()
    earlier: Sequence[EarlierLine] = ()
    coupons: tuple[HeldCoupon, ...] = ()
    left: tuple[LeftVersion, ...] = ()
    counts_until: datetime | None = None
    printed: Sequence[Sequence[PrintedLine]] = ()
    next_uses: Mapping[str, int] = {}
    is_supposed: bool = False
    is_whole_period: bool = False


def looks_back(plans: Iterable[PlanTerms]) -> tuple[str, ...]:
    """Keys of the prices that may give back what earlier bills charged for usage."""
    keys = (price.key for plan in plans for price in plan.prices if price.need.lookback_days)
    return tuple(dict.fromkeys(keys))


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Which version's conditions hold at a boundary, by which calendar, and whose years.

    `left` are the versions that it was to before.
    """

    plan_version_id: str
    cycle: Cycle
    years: Cycle
    charged: tuple[Span, ...]
    left: tuple[LeftVersion, ...] = ()


def held_at(
    subscription: Subscription, course: Course | None, boundary: Open | Renew | End | Span
) -> Held:
    """What holds at a boundary; `course` is that of a subscription that is not plain.

    A span is the period that was ended, for who does not know how it went on.
    """
    if course is None:
        always = (Span(subscription.starts_at, FOREVER),)
        cycle = subscription.cycle
        return Held(
            plan_version_id=subscription.plan_version_id, cycle=cycle, years=cycle, charged=always
        )
    if isinstance(boundary, Open):
        at = boundary.period.starts
    else:
        ended = boundary if isinstance(boundary, Span) else subscription.period
        at = max(ended.ends - _TICK, ended.starts)
    terms = course.terms_at(at) or course.basis.terms
    charged = [part for part in course.line if part.terms.is_charged]
    return Held(
        plan_version_id=terms.plan_version_id,
        cycle=terms.cycle,
        years=charged[0].terms.cycle if charged else terms.cycle,
        charged=_joined(part.span for part in charged),
        left=tuple(_left(charged, upto=at)),
    )


def _left(charged: Sequence[Segment], *, upto: datetime) -> Iterator[LeftVersion]:
    """The versions that were left by then for another, in order."""
    begun = [part for part in charged if part.span.starts <= upto]
    for part, following in pairwise(begun):
        version, next_version = part.terms.plan_version_id, following.terms.plan_version_id
        if version != next_version:
            yield LeftVersion(version, part.terms.cycle, following.span.starts, next_version)


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that touch made one."""
    joined: list[Span] = []
    for span in spans:
        touches = bool(joined) and joined[-1].ends == span.starts
        joined.append(Span(joined.pop().starts, span.ends) if touches else span)
    return tuple(joined)


class Counted(msgspec.Struct, frozen=True):
    """The time over which a condition counts at a boundary.

    `number` counts such times from the first that is charged for, from 0. `is_over` says that it
    ends with this bill. `share` is the part of a full one that is charged for.
    """

    span: Span
    number: int
    is_over: bool
    share: Share


def counted_over(footing: Footing, per: Per, *, prorates: bool) -> Counted | None:
    """The time that `footing.ended` belongs to; None where none of it is charged for.

    What does not prorate is for all of its time as soon as any of that is charged for.
    """
    ended = footing.ended
    assert ended is not None, "conditions on spending are for a period that ended"
    if footing.is_supposed:
        return Counted(Span(ended.starts, FOREVER), 0, per is Per.PERIOD, WHOLE)
    until = footing.counts_until or FOREVER
    if per is Per.TOTAL:
        return Counted(Span(footing.starts_at, until), 0, footing.is_last, WHOLE)
    if per is Per.PERIOD:
        cycle, span, is_over = footing.cycle, ended, True
        share = WHOLE if footing.is_whole_period else _share(cycle, footing.charged, ended)
    else:
        cycle = yearly(footing.years or footing.cycle)
        whole = period_containing(cycle, ended.starts)
        starts = max(whole.starts, min(footing.starts_at, ended.starts))
        span = Span(starts, min(whole.ends, until))
        is_over = footing.is_last or ended.ends >= whole.ends
        upto = min(ended.ends, whole.ends) if footing.is_last else whole.ends
        share = _share(cycle, footing.charged, Span(span.starts, upto))
    if not share.numerator:
        return None
    number = last_boundary(cycle, ended.starts) - last_boundary(cycle, footing.charged[0].starts)
    return Counted(span, max(number, 0), is_over, share if prorates else WHOLE)


def footing_left(footing: Footing, left: LeftVersion) -> Footing:
    """What the conditions of a version that was left are settled by: as if it had ended then."""
    ended = footing.ended
    assert ended is not None, "conditions on spending are for a period that ended"
    starts = ended.starts if ended.starts < left.at else left.at - _TICK
    return msgspec.structs.replace(
        footing,
        plan=footing.plans[left.plan_version_id],
        plan_version_id=left.plan_version_id,
        cycle=left.cycle,
        ended=Span(starts, left.at),
        is_last=True,
        counts_until=left.at,
    )


def yearly(cycle: Cycle) -> Cycle:
    """The years of a calendar, whatever its periods are."""
    return msgspec.structs.replace(cycle, interval=Interval.YEAR, count=1)


def counts_from(starts: datetime, amount: Decimal, period: Span) -> datetime:
    """The instant whose time a line belongs to that the bill for `period` prints.

    What is given back belongs to the period of the bill that does so, as what begins in that period
    does; what begins after it, as the fee for the next, or began before it, where it begins.
    """
    if amount < 0 or starts < period.ends:
        return min(starts, period.starts)
    return starts


def _share(cycle: Cycle, charged: Iterable[Span], within: Span) -> Share:
    """The share of the full time around `within` that is charged for.

    More than one where an end is undone, and the period reaches back over the gap that it left.
    """
    found = NOTHING
    for span in charged:
        starts, ends = max(span.starts, within.starts), min(span.ends, within.ends)
        if starts >= ends:
            continue
        for part in periods_between(cycle, Span(starts, ends)):
            share = share_of_period(cycle, part)
            found = _added(found, share) if found.numerator else share
    return found


def _added(one: Share, other: Share) -> Share:
    """Two shares of the same whole; days and seconds need not be alike."""
    if one.denominator == other.denominator:
        return Share(one.numerator + other.numerator, one.denominator)
    parts = one.numerator * other.denominator + other.numerator * one.denominator
    return Share(parts, one.denominator * other.denominator)


def place_of(invoice: InvoiceHeader) -> tuple[datetime, int]:
    """A bill's place among those of its subscription."""
    if invoice.occasion is Occasion.OPENING:
        return invoice.period.starts, 0
    changes = invoice.reckoning.changes if invoice.reckoning is not None else 0
    return invoice.period.starts, changes if invoice.occasion is Occasion.CHANGE else 1 + changes


def earlier_lines_of(invoice: Invoice, *, of_another: bool = False) -> list[EarlierLine]:
    """The lines of a bill as those after it count them; another subscription's by their service."""
    digits = minor_digits(invoice.currency)
    counted = []
    for line in invoice.lines:
        if line.kind is LineKind.COUPON:
            continue
        amount = from_units(line.amount_minor, digits)
        starts = line.service_period.starts
        if not of_another:
            starts = counts_from(starts, amount, invoice.period)
        kept = kept_by(line.working) if line.kind is LineKind.ALLOWANCE else ()
        until = used_until(line.working) if line.proof is not None else {}
        counted.append(
            EarlierLine(
                line.price_key,
                line.kind,
                starts,
                amount,
                kept,
                of_another,
                service_starts=line.service_period.starts,
                until=until,
            )
        )
    return counted


def kept_by(working: Iterable[Step]) -> tuple[Carried, ...]:
    """What a line of an allowance says is carried into the next period."""
    return tuple(
        Carried(step.quantity, int(step.terms["periods_left"]))
        for step in working
        if step.code == KEPT
    )


def held_coupons(
    redemptions: Iterable[Redemption],
    coupons: Mapping[str, KeptCoupon],
    uses: Mapping[str, Sequence[CouponUse]],
    *,
    currency: str,
) -> tuple[HeldCoupon, ...]:
    """The coupons of these redemptions that have something left, in order of redeeming.

    Each with its amount in the `currency` that is billed in.
    """
    digits = minor_digits(currency)
    held = []
    for redemption in redemptions:
        offer = coupons[redemption.coupon_id].offer.priced_in(currency)
        taken = uses.get(redemption.id, [])
        used = from_units(sum(use.amount_minor for use in taken), digits)
        periods = sum(1 for use in taken if use.takes)
        if not offer.is_spent(used=used, used_periods=periods):
            held.append(HeldCoupon(redemption.id, offer, used, periods, next_use(taken)))
    return tuple(held)


def use_number(working: Iterable[Step]) -> int:
    """Which use of its coupon a line is, by its steps.

    The first, where none says it: who emptied a working by hand is told so by verifying.
    """
    return next((int(step.terms["use"]) for step in working if "use" in step.terms), 1)


def next_use(taken: Iterable[CouponUse]) -> int:
    """The number of a coupon's line on the next bill."""
    return 1 + max((use.number for use in taken), default=0)
