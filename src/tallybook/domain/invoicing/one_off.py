"""One-off fees: owed once for each that is taken, whole, and never given back but by an undoing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.price import Price, Timing
from tallybook.domain.invoicing.charges import Charge
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.add_ons import quantity_owed
from tallybook.domain.subscriptions.course import Course
from tallybook.domain.subscriptions.reckoning import Side
from tallybook.domain.subscriptions.timeline import period_at


class Taken(msgspec.Struct, frozen=True):
    """So many of a one-off fee, from an instant to the end of the period it lies in."""

    price: Price
    quantity: Decimal
    span: Span


def taken_once(course: Course, prices: Mapping[str, Price], until: datetime) -> list[Taken]:
    """What of one fee was taken before `until`, `prices` being it in each plan version.

    Having more than ever before is taking the difference. Having less, and as many again, is not;
    nor is another plan version with the same fee. A trial or a pause takes nothing: what begins in
    it is owed when it ends.
    """
    taken: list[Taken] = []
    most = Decimal(0)
    for segment in course.line:
        price = prices.get(segment.terms.plan_version_id)
        starts = segment.span.starts
        if starts >= until or not segment.terms.is_charged:
            continue
        if price is None or price.meter is not None or price.timing is not Timing.ONCE:
            continue
        quantity = quantity_owed(segment.terms, price)
        if quantity > most:
            period = period_at(course.line, starts)
            assert period is not None, "a segment lies in a period"
            with exactly():
                taken.append(Taken(price, quantity - most, Span(starts, period.ends)))
            most = quantity
    return taken


def charges_once(
    known: Course, course: Course, prices: Mapping[str, Price], *, then: datetime, until: datetime
) -> Iterator[Charge]:
    """What is to be charged of one fee, or given back, now that `course` is known.

    `known` is what the last bill knew of, which went up to `then`; this one goes up to `until`.
    """
    before = taken_once(known, prices, then)
    after = taken_once(course, prices, until)
    for side, these, those in ((Side.CREDIT, before, after), (Side.CHARGE, after, before)):
        # The end of its period may have moved since; what was taken is the same.
        told = [(taken.price, taken.quantity, taken.span.starts) for taken in those]
        for taken in these:
            if (taken.price, taken.quantity, taken.span.starts) not in told:
                yield Charge(
                    price=taken.price,
                    service_period=taken.span,
                    quantity=taken.quantity,
                    side=side,
                    plan_version_id=version_of(course, prices, taken.price, taken.span.starts),
                )


def version_of(course: Course, prices: Mapping[str, Price], price: Price, at: datetime) -> str:
    """The plan version that a price is of, `prices` being it in each version that has it.

    Where several have the very same, the one in force at that instant; where none of them is, as of
    what is given back, the last.
    """
    terms = course.terms_at(at)
    if terms is not None and prices.get(terms.plan_version_id) == price:
        return terms.plan_version_id
    return [name for name, other in prices.items() if other == price][-1]
