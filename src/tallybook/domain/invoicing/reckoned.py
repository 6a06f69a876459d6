"""What is owed at a boundary of a subscription that was changed: fees reckoned, usage by spans.

Fees are the difference between what is owed by all that is known and what was billed; usage is
charged by each price for the time that it was in force. Rules: docs/semantics/proration.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price, Timing
from tallybook.domain.invoicing.charges import Charge, usage_charge
from tallybook.domain.invoicing.invoice import Reckoning
from tallybook.domain.invoicing.one_off import charges_once, version_of
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.add_ons import quantity_owed
from tallybook.domain.subscriptions.calendar import Cycle, next_boundary
from tallybook.domain.subscriptions.changes import Change, ToPlan
from tallybook.domain.subscriptions.course import Course, course_of, known_by
from tallybook.domain.subscriptions.cycle import End, Open, Renew
from tallybook.domain.subscriptions.proration import counted_in
from tallybook.domain.subscriptions.reckoning import Part, Reckoned, reckon
from tallybook.domain.subscriptions.subscription import Billed, Subscription
from tallybook.domain.subscriptions.timeline import (
    FOREVER,
    Terms,
    billed_timeline,
    cut,
    terms_at,
)

_TICK = timedelta(microseconds=1)

Plans = Mapping[str, PlanVersion]
"""Every plan version that a subscription is, was or will be to, by id."""


class OwedFee(msgspec.Struct, frozen=True):
    """A fee, and how many of it. A period of equal ones costs the same."""

    price: Price
    quantity: Decimal


def plan_versions_of(subscription: Subscription, changes: Iterable[Change]) -> list[str]:
    """The ids of every plan version named, also by a change that was undone: it may be billed."""
    named = [change.what.plan_version_id for change in changes if isinstance(change.what, ToPlan)]
    return list(dict.fromkeys([subscription.plan_version_id, *named]))


def reckoning_of(course: Course, decision: Open | Renew | End) -> Reckoning:
    """What the bill at a boundary goes by."""
    return Reckoning(
        before=course.billed,
        changes=course.subscription.change_count,
        begun=None if isinstance(decision, End) else decision.period,
    )


def charges_reckoned(
    course: Course, plans: Plans, reckoning: Reckoning, ended: Span | None
) -> tuple[Charge, ...]:
    """What is owed at a boundary, given back or charged, price by price in the order of the plans.

    `ended` is the period that is closed there; None when the subscription begins.
    """
    return tuple(_charges(course, plans, reckoning, ended))


def billed_after(course: Course, reckoning: Reckoning, ended: Span | None) -> Billed:
    """Up to when fees are billed once the bill of a boundary is drawn up."""
    before, begun = reckoning.before, reckoning.begun
    arrears_until = before.arrears_until
    if ended is not None:
        arrears_until = max(arrears_until, ended.ends)
        if begun is None:
            arrears_until = max(arrears_until, _counted_until(course, ended.ends))
    return Billed(
        advance_until=before.advance_until if begun is None else begun.ends,
        arrears_until=arrears_until,
        changes=reckoning.changes,
    )


def _charges(
    course: Course, plans: Plans, reckoning: Reckoning, ended: Span | None
) -> Iterator[Charge]:
    billed = billed_after(course, reckoning, ended)
    versions = [plans[name] for name in plan_versions_of(course.subscription, course.changes)]
    keys = dict.fromkeys(price.key for version in versions for price in version.prices)
    promising = {version.id for version in versions if version.commitments or version.spend_limits}
    before = reckoning.before
    known = course_of(known_by(course.subscription, before.changes), course.changes)
    for key in keys:
        prices = {
            version.id: price
            for version in versions
            for price in version.prices
            if price.key == key
        }
        timings = {price.timing for price in prices.values() if price.meter is None}
        if Timing.IN_ARREARS in timings:
            then = Reckoned(before.arrears_until, before.changes)
            yield from _fees(course, prices, Timing.IN_ARREARS, then, billed.arrears_until)
        if Timing.ONCE in timings:
            until = before.advance_until if reckoning.begun is None else billed.advance_until
            yield from charges_once(known, course, prices, then=before.advance_until, until=until)
        if Timing.IN_ADVANCE in timings:
            then = Reckoned(_ahead(known, prices, before.advance_until), before.changes)
            until = _ahead(course, prices, billed.advance_until)
            if reckoning.begun is None:
                until = then.until
            yield from _fees(course, prices, Timing.IN_ADVANCE, then, until)
        if ended is not None:
            yield from _usage(course, prices, ended, promising)


def _fees(
    course: Course, prices: Mapping[str, Price], timing: Timing, then: Reckoned, until: datetime
) -> Iterator[Charge]:
    def owed(terms: Terms) -> OwedFee | None:
        price = prices.get(terms.plan_version_id)
        if price is None or price.meter is not None or price.timing is not timing:
            return None
        quantity = quantity_owed(terms, price)
        return OwedFee(price, quantity) if quantity else None

    clock = _clock_of(prices)
    parts = reckon(course.basis, course.changes, then, until=until, fee=owed, clock=clock)
    for part in parts:
        version = version_of(course, prices, part.fee.price, part.span.starts)
        yield _charge(part, version)


def _clock_of(prices: Mapping[str, Price]) -> Callable[[Terms], Cycle]:
    """The periods that a fee is owed by: its own, counted from the same anchor, or the plan's."""

    def clock(terms: Terms) -> Cycle:
        price = prices.get(terms.plan_version_id)
        if price is None or price.interval is None:
            return terms.cycle
        return msgspec.structs.replace(
            terms.cycle, interval=price.interval, count=price.interval_count
        )

    return clock


def _ahead(course: Course, prices: Mapping[str, Price], until: datetime) -> datetime:
    """Up to when a fee in advance is owed once the period that ends at `until` has begun.

    By a clock of its own that is the end of its own period, most often long ahead; also of one that
    is over, and that nothing is given back of.
    """
    if all(price.interval is None for price in prices.values()):
        return until
    clock, basis = _clock_of(prices), course.basis
    line = billed_timeline(basis.starts_at, basis.terms, course.changes, clock)
    terms = terms_at(line, until - _TICK)
    if terms is None or terms.plan_version_id not in prices or not terms.is_charged:
        return until
    return next_boundary(clock(terms), until - _TICK)


def _charge(part: Part[OwedFee], plan_version_id: str) -> Charge:
    return Charge(
        price=part.fee.price,
        service_period=part.span,
        share=part.share,
        counted_in=counted_in(part.cycle, part.span, part.share),
        quantity=part.fee.quantity,
        side=part.side,
        plan_version_id=plan_version_id,
    )


class _Used(msgspec.Struct):
    """A price that is in force for a span of the period, through changes that leave it as it is."""

    price: Price
    span: Span
    cycle: Cycle
    version: str
    left_at: tuple[datetime, ...] = ()

    def goes_on(self, price: Price, span: Span, version: str, *, settles: bool) -> bool:
        """Whether the price is the same after it; if so it lasts on.

        `settles` says that the version that it was of may have a promise to be settled then.
        """
        if self.price != price or self.span.ends != span.starts:
            return False
        if settles and version != self.version:
            self.left_at = (*self.left_at, span.starts)
        self.span, self.version = Span(self.span.starts, span.ends), version
        return True


def _usage(
    course: Course, prices: Mapping[str, Price], ended: Span, promising: Set[str]
) -> Iterator[Charge]:
    """Usage of the period by the price in force; of a trial and of a pause there is none.

    `promising` are the versions with conditions that are settled when they are left.
    """
    used: list[_Used] = []
    for segment in cut(course.line, ended):
        version = segment.terms.plan_version_id
        price, span = prices.get(version), segment.span
        if price is None or price.meter is None or not segment.terms.is_charged:
            continue
        if not used or not used[-1].goes_on(
            price, span, version, settles=used[-1].version in promising
        ):
            used.append(_Used(price, span, segment.terms.cycle, version))
    for each in used:
        version = version_of(course, prices, each.price, each.span.starts)
        charge = usage_charge(each.price, each.span, each.cycle, version, course.basis.counting)
        yield msgspec.structs.replace(charge, left_at=each.left_at) if each.left_at else charge


def _counted_until(course: Course, ends: datetime) -> datetime:
    """Up to when fees count that nothing is given back of, although it ended."""
    line = billed_timeline(course.basis.starts_at, course.basis.terms, course.changes)
    begun = [part.span.ends for part in line if part.span.starts < ends]
    return max((at for at in begun if at != FOREVER), default=ends)
