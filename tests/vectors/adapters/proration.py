"""Shares of periods, and what they make of amounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tallybook.domain.catalog.price import PerUnit
from tallybook.domain.kernel.calendar import days_between
from tallybook.domain.kernel.instants import Span, parse_instant, zone
from tallybook.domain.kernel.money import Rounding, round_decimal
from tallybook.domain.kernel.shares import Share
from tallybook.domain.rating.proration import Legs, capped_credit, change_legs, days_covered
from tallybook.domain.rating.rate import rate_price
from tallybook.domain.subscriptions.proration import Counting, share_of

_BY = {"day": Counting.BY_DAY, "second": Counting.BY_SECOND}
_UTC = zone("UTC")


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    """What proration answers to a case of `given.kind`."""
    return _KINDS[given["kind"]](given)


def _change(given: Mapping[str, Any]) -> dict[str, Any]:
    return _legs(change_legs(_price(given["old"]), _price(given["new"]), _remaining(given)), given)


def _amounts_at_fraction(given: Mapping[str, Any]) -> dict[str, Any]:
    numerator, denominator = Decimal(given["remaining_fraction"]).as_integer_ratio()
    share = Share(numerator, denominator)
    legs = change_legs(Decimal(given["old_price"]), Decimal(given["new_price"]), share)
    return _legs(legs, given)


def _legs(exact: Legs, given: Mapping[str, Any]) -> dict[str, Any]:
    printed = Legs(
        round_decimal(exact.credit, given["scale"]), round_decimal(exact.charge, given["scale"])
    )
    return {"credit": printed.credit, "charge": printed.charge, "net": printed.net}


def _amount(given: Mapping[str, Any]) -> dict[str, Any]:
    share = Share(int(given["billable_days"]), int(given["period_days"]))
    exact = share.of(Decimal(given["amount"]))
    return {"amount": round_decimal(exact, given["scale"]), "precise_6dp": exact}


def _remaining_amount(given: Mapping[str, Any]) -> dict[str, Any]:
    exact = _remaining(given).of(Decimal(given["amount"]))
    return {"amount": round_decimal(exact, given["scale"])}


def _factor(given: Mapping[str, Any]) -> dict[str, Any]:
    share = share_of(_span(given["part"]), _span(given["full"]), _UTC)
    return {"numerator": share.numerator, "denominator": share.denominator}


def _cap_credit(given: Mapping[str, Any]) -> dict[str, Any]:
    credit = capped_credit(
        Decimal(given["potential_credit"]),
        charged=Decimal(given["original_amount"]),
        credited=Decimal(given["previously_credited"]),
    )
    return {"credit": credit}


def _day_count(given: Mapping[str, Any]) -> dict[str, Any]:
    starts, ends = parse_instant(given["from"]), parse_instant(given["to"])
    return {"days": days_between(starts, ends, zone(given["tz"]))}


def _credit_to_days(given: Mapping[str, Any]) -> dict[str, Any]:
    days = days_covered(
        Decimal(given["remaining_credit"]),
        Decimal(given["new_daily_price"]),
        Rounding(given["rounding"]),
    )
    return {"days": days}


def _price(terms: Mapping[str, str]) -> Decimal:
    return rate_price(PerUnit(Decimal(terms["price"])), Decimal(terms["quantity"])).amount


def _remaining(given: Mapping[str, Any]) -> Share:
    period = _span(given["period"])
    rest = Span(_instant(given["at"]), period.ends)
    return share_of(rest, period, _UTC, _BY[given["granularity"]])


def _span(given: Mapping[str, str]) -> Span:
    return Span(_instant(given["start"]), _instant(given["end"]))


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


_KINDS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "change": _change,
    "amounts_at_fraction": _amounts_at_fraction,
    "amount": _amount,
    "remaining_amount": _remaining_amount,
    "factor": _factor,
    "cap_credit": _cap_credit,
    "day_count": _day_count,
    "credit_to_days": _credit_to_days,
}
