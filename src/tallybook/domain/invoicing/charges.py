"""What is owed at a boundary of a subscription: which prices, for which time, which share.

Rules: docs/semantics/invoicing.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.given_back import Billed, capped
from tallybook.domain.catalog.in_force import InForce, Prorates, all_of
from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price, Timing
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.catalog.working import ONE, ZERO, RatedLine, Step, line, single
from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.invoice import BilledTo, UsageProof
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.shares import WHOLE, Share
from tallybook.domain.metering.meter import Evidence, Meter, Usage
from tallybook.domain.rating.in_force_wording import in_force_step
from tallybook.domain.rating.rate import rate_price, rate_usage
from tallybook.domain.rating.share_wording import share_code
from tallybook.domain.subscriptions.calendar import Cycle
from tallybook.domain.subscriptions.cycle import End, Open, Renew
from tallybook.domain.subscriptions.proration import (
    CountedIn,
    Counting,
    counted_in,
    in_force_within,
    share_of_period,
)
from tallybook.domain.subscriptions.reckoning import Side
from tallybook.domain.subscriptions.subscription import Subscription


class Charge(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A price that is owed for `service_period`, and the share of a full period that this is.

    Of a fee also how many, and whether it is charged or given back. Of usage whose price shrinks
    with its time, `in_force` is for how much of its period it is; `left_at` is when plans with a
    promise were left for others that have the very same price. `plan_version_id` is the version
    that the price is of; "" where it is only thought of.
    """

    price: Price
    service_period: Span
    share: Share = WHOLE
    counted_in: CountedIn = CountedIn.DAYS
    quantity: Decimal = ONE
    side: Side = Side.CHARGE
    plan_version_id: str = ""
    in_force: InForce | None = None
    left_at: tuple[datetime, ...] = ()


class RatedCharge(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A charge with its exact amount; of usage, also its unit and where its quantity came from."""

    charge: Charge
    rated: RatedLine
    unit: str = ""
    proof: UsageProof | None = None


def charges_due(
    plan: PlanVersion, subscription: Subscription, decision: Open | Renew | End
) -> tuple[Charge, ...]:
    """What is owed when a subscription is opened, renewed or ended, in the plan's order.

    Usage and fees in arrears are owed for the period that is closed; fees in advance for the one
    that begins, so that none is owed when the subscription ends.
    """
    return tuple(_charges(plan, subscription, decision))


def _charges(
    plan: PlanVersion, subscription: Subscription, decision: Open | Renew | End
) -> Iterator[Charge]:
    ended = None if isinstance(decision, Open) else subscription.period
    begun = None if isinstance(decision, End) else decision.period
    for price in plan.prices:
        if price.meter is not None:
            if ended is not None:
                yield usage_charge(price, ended, subscription.cycle, plan.id)
            continue
        if price.is_optional:
            continue
        if price.timing is Timing.ONCE:
            if isinstance(decision, Open):
                yield Charge(price=price, service_period=decision.period, plan_version_id=plan.id)
            continue
        span = begun if price.timing is Timing.IN_ADVANCE else ended
        if span is not None:
            share = share_of_period(subscription.cycle, span)
            unit = counted_in(subscription.cycle, span, share)
            yield Charge(
                price=price,
                service_period=span,
                share=share,
                counted_in=unit,
                plan_version_id=plan.id,
            )


def usage_charge(
    price: Price,
    span: Span,
    cycle: Cycle,
    plan_version_id: str,
    by: Counting = Counting.BY_DAY,
) -> Charge:
    """The usage of a span, at a price that is in force in it."""
    within = None
    if price.prorates is not Prorates.NONE:
        within = _shrinking(price, in_force_within(cycle, [span], price.prorates, by))
    return Charge(
        price=price, service_period=span, plan_version_id=plan_version_id, in_force=within
    )


def supposed_charge(price: Price, span: Span, timezone: str) -> Charge:
    """A price for a span that stands for a whole period, for who only thinks of it."""
    within = None
    if price.prorates is not Prorates.NONE:
        within = _shrinking(price, all_of(span, timezone, price.prorates))
    return Charge(price=price, service_period=span, in_force=within)


def _shrinking(price: Price, within: InForce) -> InForce | None:
    """None where nothing shrinks: of a whole period only what is in force by days does."""
    return None if within.is_whole and not price.rule.changes_by_day else within


def rate_fee(charge: Charge) -> RatedCharge:
    """A fee for its service period; of a part of one, the share, as it was counted, as working.

    What is given back has an amount below zero.
    """
    is_credit = charge.side is Side.CREDIT
    whole = _whole_fee(charge.price, charge.quantity)
    if charge.share.is_whole and not is_credit:
        return RatedCharge(charge=charge, rated=whole)
    amount = charge.share.of(whole.amount)
    if is_credit:
        amount = amount.copy_negate()
    terms = {"whole": whole.amount}
    is_several = [step.code for step in whole.working] == ["per_unit"] and charge.quantity != ONE
    if is_several:
        terms["units"], terms["each"] = charge.quantity, whole.working[0].unit_amount
    counted_in = None if charge.share.is_whole else charge.counted_in
    code = share_code(counted_in, is_credit=is_credit, is_several=is_several)
    if counted_in is not None:
        terms["parts"] = Decimal(charge.share.numerator)
        terms["of_parts"] = Decimal(charge.share.denominator)
    rated = RatedLine(whole.quantity, amount, (single(code, amount, terms),))
    return RatedCharge(charge=charge, rated=rated)


def _whole_fee(price: Price, quantity: Decimal) -> RatedLine:
    """A fee of a whole period: a flat one so many times, any other by its rule for the quantity."""
    if quantity == ONE or not isinstance(price.rule, Flat):
        return rate_price(price, quantity)
    each = rate_price(price, ONE).amount
    with exactly():
        return line(quantity, Step("per_unit", quantity, each, quantity * each))


def rate_metered(
    charge: Charge,
    meter: Meter,
    customer: Customer | BilledTo,
    usage: Iterable[Usage],
    as_of: int,
    *,
    allowance_left: Decimal | None = None,
    pool: tuple[str, ...] | None = None,
    billed: Sequence[Billed] | None = None,
) -> RatedCharge:
    """The usage of a charge's service period at its price.

    `usage` is the meter's for this customer and period up to `as_of`, split as `groups(price)`
    says; what the price does not match is left out. Where nothing was used the quantity is zero,
    and the line says so. `allowance_left` is what is left of an allowance that the price shares.
    `pool` are those whose usage it is, where that is not the customer's own alone. `billed` is what
    earlier bills charged by the price, of which this one may give back; None where nobody looked.
    """
    price, within = charge.price, charge.in_force
    if within is not None:
        with exactly():
            price = price.prorated(within)
    rows = [row for row in usage if all(row.dimensions[k] == v for k, v in price.match.items())]
    around = Circumstances(
        timezone=customer.timezone,
        period=charge.service_period,
        billed=None if billed is None else tuple(each.span for each in billed),
    )
    portions = [_portion(price, row) for row in rows]
    rated = rate_usage(price, portions, around, allowance_left=allowance_left)
    if billed is not None:
        rated = capped(rated, billed)
    if within is not None and not within.is_whole:
        steps = (in_force_step(within), *rated.working)
        rated = RatedLine(rated.quantity, rated.amount, steps)
    if price.need.lookback_days:
        rated = _within_period(rated, rows, charge.service_period)
    proof = UsageProof(
        meter_id=meter.id,
        customer_key=customer.key,
        span=charge.service_period,
        match=price.match,
        evidence=together((row.evidence for row in rows), as_of=as_of),
        pool=pool,
    )
    return RatedCharge(charge=charge, rated=rated, unit=meter.unit, proof=proof)


def _portion(price: Price, row: Usage) -> Portion:
    has_time = price.need.window is not None or price.need.each_event
    return Portion(row.quantity, row.dimensions, row.span.starts if has_time else None)


def _within_period(rated: RatedLine, rows: Iterable[Usage], period: Span) -> RatedLine:
    """The line with the quantity of its own period: what came before is looked at, not counted."""
    with exactly():
        own = sum((row.quantity for row in rows if row.span.starts in period), ZERO)
    return RatedLine(own, rated.amount, rated.working)


def groups(price: Price) -> tuple[str, ...]:
    """The dimensions that a meter's usage must be grouped by for this price to be rated."""
    return tuple(sorted({*price.match, *price.need.group_by}))


def together(evidence: Iterable[Evidence], *, as_of: int) -> Evidence:
    """The evidence of several groups of different events as one; of none, that of no event."""
    count = checksum = 0
    for part in evidence:
        count += part.event_count
        checksum += part.checksum
    return Evidence(count, as_of, checksum % 2**64)
