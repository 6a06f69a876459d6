"""All that a bill says: its prices, rated in order, then the conditions that act on the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from tallybook.domain.catalog.given_back import Billed, given_back_in
from tallybook.domain.invoicing.charges import Charge, RatedCharge
from tallybook.domain.invoicing.conditions import ConditionLine, condition_lines
from tallybook.domain.invoicing.coupon_lines import PricedLine
from tallybook.domain.invoicing.discounts_back import billed_before
from tallybook.domain.invoicing.footing import Footing
from tallybook.domain.invoicing.shared_units import SharedUnits
from tallybook.domain.invoicing.used_until import used_until
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import from_units, round_decimal, to_units
from tallybook.domain.subscriptions.reckoning import Side

Rate = Callable[[int, Decimal | None], RatedCharge]
"""Rates the charge at that place, by what is left of an allowance that its price shares."""


def rate_bill(
    charges: Sequence[Charge], rate: Rate, footing: Footing, *, digits: int
) -> tuple[list[RatedCharge], tuple[ConditionLine, ...]]:
    """The rated charges of a bill that conditions act on, and the lines of these conditions."""
    shares = is_charged(footing) and bool(footing.plan.shared_allowances)
    units = SharedUnits(footing) if shares else None
    rated = []
    for place, charge in enumerate(charges):
        one = rate(place, None if units is None else units.left_for(charge.price.key))
        if units is not None:
            units.take(one)
        rated.append(one)
    lines = () if units is None else tuple(units.lines())
    return rated, lines + condition_lines(
        priced_lines(rated, footing, digits=digits), footing, digits=digits
    )


def billed_by(charge: Charge, footing: Footing | None) -> tuple[Billed, ...] | None:
    """What earlier bills charged by a price that may give it back; None for any other."""
    price = charge.price
    if footing is None or footing.is_supposed or not price.need.lookback_days:
        return None
    return billed_before(footing.printed, price.key)


def is_charged(footing: Footing) -> bool:
    """Whether any of the period that ended is charged for: no trial, no pause, all of it."""
    if footing.is_supposed:
        return True
    ended = footing.ended
    return ended is not None and any(
        span.starts < ended.ends and ended.starts < span.ends for span in footing.charged
    )


def priced_lines(
    rated: Iterable[RatedCharge], footing: Footing, *, digits: int
) -> list[PricedLine]:
    """Rated charges as they will be printed."""
    return [
        PricedLine(
            price_key=each.charge.price.key,
            name=each.charge.price.name,
            service_starts=each.charge.service_period.starts,
            amount=from_units(to_units(each.rated.amount, digits), digits),
            meter=each.charge.price.meter or "",
            plan_key=_plan_key(each.charge, footing),
            is_of_next=_is_of_next(each.charge, footing),
            gives_back=each.charge.service_period if each.charge.side is Side.CREDIT else None,
            less=_less(each, digits),
            is_refundable=not each.charge.price.meter,
            until=used_until(each.rated.working) if each.charge.left_at else {},
        )
        for each in rated
    ]


def _less(each: RatedCharge, digits: int) -> dict[Span, Decimal]:
    """What a line gives back of what earlier bills charged for usage, as it will be printed."""
    if not each.charge.price.need.lookback_days:
        return {}
    given = given_back_in(each.rated.working)
    return {span: round_decimal(amount, digits) for span, amount in given.items()}


def _plan_key(charge: Charge, footing: Footing) -> str:
    """The plan that a charge is of; "" for the one whose conditions hold."""
    plan = footing.plans.get(charge.plan_version_id)
    return "" if plan is None else plan.plan_key


def _is_of_next(charge: Charge, footing: Footing) -> bool:
    """Whether it is for what comes after the period, under another version than ended there."""
    ended, version = footing.ended, charge.plan_version_id
    return (
        ended is not None
        and bool(version)
        and version != footing.plan_version_id
        and charge.service_period.starts >= ended.ends
        and charge.side is Side.CHARGE
    )
