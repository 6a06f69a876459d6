"""What a meter may be, what it counts, and the last step to its quantity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from event_rows import event
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import Rounding
from tallybook.domain.metering.aggregations.counter import Counter, Decrease
from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import UniqueCount
from tallybook.domain.metering.counting import Counted, NotCounted, judge
from tallybook.domain.metering.definition import check_sense, checked_meter
from tallybook.domain.metering.filling import filled
from tallybook.domain.metering.meter import (
    AnyAggregation,
    Conversion,
    Evidence,
    FinalRounding,
    Meter,
    Sum,
    Usage,
)
from tallybook.domain.metering.settle import settle

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = Span(MARCH, MARCH + timedelta(days=1))


def meter(aggregation: AnyAggregation, **rest: Any) -> Meter:
    fields: dict[str, Any] = {"key": "m", "name": "M", "event_type": "call"}
    fields |= {"id": "m", "created_at": MARCH} | rest
    return Meter(aggregation=aggregation, **fields)


@pytest.mark.parametrize(
    ("kind", "fields", "field", "why"),
    [
        ("time_weighted", {"value": "n", "series": "s", "changes": True}, "series", "they add up"),
        ("time_weighted", {"value": "n", "per": "week"}, "per", "no such unit"),
        ("time_weighted", {"value": "n", "whole_days": True}, "whole_days", "of changes only"),
        ("time_weighted", {"value": "n", "timezone": "Mars"}, "timezone", "no such zone"),
        ("duration", {"session": "s", "operation": "op", "per": "span"}, "per", "no unit of time"),
        ("duration", {"session": "s"}, "operation", "start or stop"),
        ("counter", {"value": "n", "decrease": "rollover"}, "digits", "over what"),
        ("counter", {"value": "n", "digits": 4}, "digits", "what for"),
        ("counter", {"value": "n", "decrease": "rollover", "digits": 0}, "digits", "none"),
        ("percentile", {"value": "n", "percent": "0"}, "percent", "not the smallest, but none"),
        ("percentile", {"value": "n", "percent": "100.5"}, "percent", "more than all"),
        ("percentile", {"value": "n", "percent": "0.0000001"}, "percent", "finer than is kept"),
        ("percentile", {"value": "n", "percent": "NaN"}, "percent", "no number"),
        ("percentile", {"value": "n", "minutes": 0}, "minutes", "no time"),
        ("unique_count", {"value": "s", "held": "days"}, "held", "nothing is held"),
        ("unique_count", {"value": "s", "operation": "1 +"}, "operation", "no expression"),
        ("sum", {"value": "n", "series": "s"}, "series", "unknown to a sum"),
    ],
)
def test_aggregations_that_mean_nothing(
    kind: str, fields: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises((Invalid, msgspec.ValidationError)) as refused:
        checked_meter(meter(msgspec.convert({"type": kind} | fields, AnyAggregation)))
    if isinstance(refused.value, Invalid):
        assert refused.value.field == f"aggregation/{field}", why
        assert refused.value.mend
    else:
        assert field in str(refused.value), why


@pytest.mark.parametrize(
    ("properties", "verdict", "why"),
    [
        ({"s": "x", "op": "start"}, Counted({"session": "x", "operation": "start"}), ""),
        (
            {"s": "x", "op": "pause"},
            NotCounted(
                "other_text", "aggregation/operation", "operation is 'pause', not start or stop"
            ),
            "neither",
        ),
        (
            {"op": "start"},
            NotCounted("missing", "aggregation/session", "there is no property s"),
            "of which session",
        ),
        (
            {"s": "x", "op": "start", "test": "true"},
            NotCounted("filtered_out", "filter", "the filter is not true for it"),
            "a test",
        ),
        (
            {"s": "x", "op": "start", "test": "maybe"},
            NotCounted("not_true_or_false", "filter", "test is 'maybe', not a truth"),
            "cannot be told",
        ),
    ],
)
def test_why_an_event_counts_or_not(
    properties: dict[str, str], verdict: Counted | NotCounted, why: str
) -> None:
    sessions = meter(Duration(session="s", operation="op"), filter="!has(test) || !test")
    assert judge(checked_meter(sessions), event(MARCH, properties)) == verdict, why


@pytest.mark.parametrize(
    ("aggregation", "filter_", "field", "says", "why"),
    [
        (Sum(value="n / 0"), "", "aggregation/value", "column 5", "named by field and column"),
        (Sum(value="n"), "n % 0 == 1", "filter", "column 5", "in the filter, too"),
        (Duration(session="s", operation="'begin'"), "", "aggregation/operation",
         "'begin', not start or stop", "a word that is none of those"),
        (UniqueCount(value="s", operation="'add'"), "", "", "", "one of those: always added"),
        (Counter(value="-5"), "", "aggregation/value", "cannot be below 0", "no such reading"),
        (Sum(value="5"), "1 == 2", "", "", "it counts nothing, as it says"),
    ],
)  # fmt: skip
def test_definitions_by_which_no_event_would_count(
    aggregation: AnyAggregation, filter_: str, field: str, says: str, why: str
) -> None:
    wanted = checked_meter(meter(aggregation, filter=filter_))
    if not field:
        check_sense(wanted)
        return
    with pytest.raises(Invalid) as refused:
        check_sense(wanted)
    assert refused.value.field == field, why
    assert says in refused.value.message, why


@pytest.mark.parametrize(
    ("decrease", "digits", "reading", "reason", "why"),
    [
        ("rollover", 4, "9999.999", "", "digits are those before the point"),
        ("rollover", 4, "0", "", "where it begins again"),
        ("rollover", 4, "10000", "value is 10000, and must be below 10000", "a fifth digit"),
        ("rollover", 20, "1e20", f"value is {10**20}, and must be below {10**20}", "a 21st"),
        ("rollover", 4, "-1", "value is -1, and cannot be below 0", "no register shows that"),
        ("reset", None, "-0.5", "value is -0.5, and cannot be below 0", "it began at zero"),
        ("reset", None, "1e20", "", "it may have any number of digits"),
        ("negative", None, "-1", "", "a register that runs both ways"),
    ],
)
def test_what_a_register_can_show(
    decrease: str, digits: int | None, reading: str, reason: str, why: str
) -> None:
    register = Counter(value="n", decrease=Decrease(decrease), digits=digits)
    verdict = judge(checked_meter(meter(register)), event(MARCH, {"n": reading}))
    if not reason:
        assert isinstance(verdict, Counted), why
        return
    assert verdict == NotCounted("out_of_range", "aggregation/value", reason), why


def test_an_event_of_another_type_does_not_count() -> None:
    other = judge(meter(Sum(value="n")), event(MARCH, {"n": 1}, type_="sms"))
    assert isinstance(other, NotCounted)
    assert other.code == "other_type"


@pytest.mark.parametrize(
    ("aggregation", "parts", "rest", "quantity", "why"),
    [
        (Sum(value="n"), "1.50", {}, "1.50", "as it is"),
        (
            Sum(value="n"),
            str(5 * 2**30),
            {"conversion": Conversion(divide_by=Decimal(2**30))},
            "5",
            "bytes to GiB",
        ),
        (
            Sum(value="n"),
            "10",
            {"conversion": Conversion(multiply_by=Decimal(2), divide_by=Decimal(3))},
            "6.666666666667",
            "in one step, rounded once",
        ),
        (Sum(value="n"), "149.5", {"rounding": FinalRounding(scale=-2)}, "100", "to hundreds"),
        (
            Sum(value="n"),
            "0.001",
            {"rounding": FinalRounding(scale=2, mode=Rounding.CEILING)},
            "0.01",
            "up",
        ),
        (
            Sum(value="n"),
            "1499",
            {
                "conversion": Conversion(divide_by=Decimal(1000)),
                "rounding": FinalRounding(scale=0),
            },
            "1",
            "converted before it is rounded",
        ),
        (TimeWeighted(value="n"), str(10 * 3600 * 10**6), {}, "10", "level-hours"),
        (TimeWeighted(value="n"), "1", {}, "0.000000000278", "a quotient is rounded"),
        (
            msgspec.convert({"type": "time_weighted", "value": "n", "per": "span"}, AnyAggregation),
            str(5 * 86400 * 10**6),
            {},
            "5",
            "the mean of the day",
        ),
    ],
)
def test_the_last_step(
    aggregation: AnyAggregation, parts: str, rest: dict[str, Any], quantity: str, why: str
) -> None:
    settled = settle(checked_meter(meter(aggregation, **rest)))
    assert settled((Decimal(parts),), DAY) == Decimal(quantity), why


def test_windows_without_usage_are_filled() -> None:
    spans = [
        Span(MARCH + timedelta(hours=hour), MARCH + timedelta(hours=hour + 1)) for hour in range(3)
    ]

    def row(customer: str, region: str, span: Span) -> Usage:
        return Usage(
            customer=customer,
            span=span,
            dimensions={"region": region},
            quantity=Decimal(1),
            evidence=Evidence(1, 9, 5),
        )

    usage = [row("a", "eu", spans[1]), row("a", "us", spans[0]), row("c", "eu", spans[2])]
    rows = filled(usage, spans, as_of=9)
    assert [(r.customer, r.dimensions["region"], int(r.quantity)) for r in rows] == [
        ("a", "eu", 0), ("a", "eu", 1), ("a", "eu", 0),
        ("a", "us", 1), ("a", "us", 0), ("a", "us", 0),
        ("c", "eu", 0), ("c", "eu", 0), ("c", "eu", 1),
    ]  # fmt: skip
    assert rows[0].evidence == Evidence(0, 9, 0)
    named = filled(usage, spans, customers=("b", "c"), as_of=9)
    assert [r.customer for r in named] == ["a"] * 6 + ["b"] * 3 + ["c"] * 3


def test_aggregations_are_read_back_as_they_were_written() -> None:
    for aggregation in (
        Counter(value="n", decrease=Decrease.ROLLOVER, digits=5),
        Percentile(value="n", percent=Decimal("99.9")),
        UniqueCount(value="s", operation="op"),
    ):
        written = msgspec.json.encode(aggregation)
        assert msgspec.json.decode(written, type=AnyAggregation) == aggregation
