"""The edges of every aggregation, as docs/semantics/metering.md tells them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_rows import ORGANIZATION, EventRows, event
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.meter import AnyAggregation, Meter, Usage, UsageQuery
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.usage import ColumnarUsage

MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
DAY = Span(MIDNIGHT, MIDNIGHT + timedelta(days=1))
MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))

_types = itertools.count(1)

Sent = Sequence[tuple[Any, ...]]
"""Events: hours from midnight, then the properties' values in the order of `NAMES`."""

NAMES = ("n", "s", "op")


@pytest.fixture(scope="module")
def rows(engines_home: Path) -> Iterator[EventRows]:
    columnar = Columnar(f"chdb://{engines_home / 'events'}", database="metering_edges")
    yield EventRows(columnar)
    with columnar.client() as client:
        client.command("DROP DATABASE metering_edges SYNC")
    columnar.close()


def measured(
    rows: EventRows, aggregation: dict[str, Any], sent: Sent, span: Span = DAY, **query: Any
) -> list[Usage]:
    type_ = f"edge{next(_types)}"
    rows.keep(
        event(
            MIDNIGHT + timedelta(hours=hours),
            {name: value for name, value in zip(NAMES, values, strict=False) if value is not None},
            type_=type_,
        )
        for hours, *values in sent
    )
    meter = Meter(
        id="m",
        key="m",
        name="M",
        event_type=type_,
        aggregation=msgspec.convert(aggregation, AnyAggregation),
        created_at=MIDNIGHT,
    )
    asked = UsageQuery(span=span, as_of=rows.position, **query)
    return ColumnarUsage(rows.columnar).measure(ORGANIZATION, checked_meter(meter), asked)


SUM = {"type": "sum", "value": "n"}
LATEST = {"type": "latest", "value": "n"}
UNIQUE = {"type": "unique_count", "value": "n"}
LEVEL = {"type": "time_weighted", "value": "n"}
CHANGES = LEVEL | {"changes": True, "per": "span"}
HELD = {"type": "unique_count", "value": "s", "operation": "op"}
SESSIONS = {"type": "duration", "session": "s", "operation": "op", "per": "hour"}
REGISTER = {"type": "counter", "value": "n"}
ROLLOVER = REGISTER | {"decrease": "rollover", "digits": 4}
HALF = {"type": "percentile", "value": "n", "percent": 50, "minutes": 360}


@pytest.mark.parametrize(
    ("aggregation", "sent", "quantity", "why"),
    [
        ({"type": "count"}, [(0, 1), (24, 1)], "1", "the start belongs to the span, the end not"),
        ({"type": "count"}, [(1,), (2, "x")], "2", "nothing is read of them"),
        (SUM, [(1, "many"), (2, "NaN"), (3,)], None, "none counts: no row"),
        (SUM, [(1, "many"), (2, "-1.5"), (3, "1e1")], "8.5", "what is no number is not counted"),
        (SUM, [(1, "99999999999999999999999999")] * 3, "299999999999999999999999997",
         "no number of events overflows"),
        (SUM | {"carries": True}, [(-99, 5), (1, -2)], "3", "bought before, given back now"),
        (SUM | {"carries": True}, [(-99, 5)], "5", "there though nothing happened"),
        (SUM | {"carries": True}, [(-99, 5), (-98, -5)], None, "given back before"),
        ({"type": "min", "value": "n"}, [(1, 3), (2, -4)], "-4", "the smallest, not the nearest 0"),
        ({"type": "max", "value": "n"}, [(1, -3), (2, -4)], "-3", "the largest, below 0 too"),
        ({"type": "average", "value": "n"}, [(1, 1), (2, 1), (3, 0)], "0.666666666667", "rounded"),
        (LATEST, [(2, 5), (1, 9)], "5", "by when it occurred, not when it came"),
        (LATEST, [(1, 5), (1, 9)], "9", "at one instant the last to arrive"),
        (LATEST, [(1, -5)], "-5", "not clamped"),
        (LATEST | {"value": "max(n, 0)"}, [(1, -5)], "0", "clamped because it says so"),
        (UNIQUE, [(1, "1"), (2, "1.0"), (3, "1")], "2", "texts as they were sent"),
        (LEVEL, [(0, 10), (12, 20)], "360", "10 × 12 + 20 × 12"),
        (LEVEL, [(-72, 10)], "240", "carried in"),
        (LEVEL | {"per": "span"}, [(-72, 10)], "10", "the mean level"),
        (LEVEL, [(12, 10), (12, 30)], "360", "the later in the log holds"),
        (LEVEL, [(-72, 10), (-1, 0)], None, "nothing in force, nothing happened"),
        (LEVEL, [(-72, 10), (0, 0)], "0", "ended as the span begins"),
        (LEVEL, [(6, -2)], "-36", "a level may be below 0"),
        (LEVEL | {"series": "s"}, [(0, 10, "a"), (12, 5, "b")], "300", "two disks"),
        (LEVEL, [(0, 10, "a"), (12, 5, "b")], "180", "one replaces the other"),
        (CHANGES, [(0, 3), (12, -1)], "2.5", "3 × ½ + 2 × ½"),
        (CHANGES, [(-72, 1000)], "1000", "carried in"),
        (SESSIONS, [(-1, None, "x", "start"), (1, None, "x", "stop")], "1", "open at the start"),
        (SESSIONS, [(23, None, "x", "start")], "1", "open at the end"),
        (SESSIONS, [(5, None, "x", "stop")], "0", "nothing was open"),
        (SESSIONS, [(1, None, "x", "start"), (2, None, "x", "start"), (4, None, "x", "stop")], "3",
         "it is open already"),
        (SESSIONS, [(1, None, "x", "start"), (2, None, "y", "stop"), (4, None, "x", "stop")], "3",
         "another session's stop"),
        (SESSIONS, [(1, None, "x", "pause")], None, "neither start nor stop"),
        (HELD, [(1, None, "x", "add"), (2, None, "y", "add"), (3, None, "x", "remove")], "1", ""),
        (HELD, [(1, None, "x", "add"), (2, None, "x", "add"), (3, None, "x", "remove")], "0",
         "a text is held or not"),
        (HELD, [(-72, None, "x", "add")], "1", "carried in"),
        (HELD | {"held": "at_any_time"}, [(10, None, "x", "add"), (11, None, "x", "remove")], "1",
         ""),
        (HELD | {"held": "days"}, [(10, None, "x", "add"), (11, None, "x", "remove")], "1",
         "a day touched"),
        (REGISTER, [(0, 100), (24, 130)], "30", "from edge to edge"),
        (REGISTER, [(-1500, 100), (5, 130)], "30", "the reading before, whenever"),
        (REGISTER, [(5, 130)], "0", "nothing is known of before"),
        (REGISTER, [(-5, 130)], None, "no reading in the span"),
        (REGISTER, [(-5, 130), (0, 140)], None, "it closed the day before"),
        (REGISTER, [(-1, 100), (1, 130), (2, 20)], "50", "it began at zero again"),
        (ROLLOVER, [(-1, 9990), (1, 15)], "25", "past 9999"),
        (ROLLOVER, [(-1, 9990), (1, 9999.5)], "9.5", "digits are those before the point"),
        (ROLLOVER, [(-1, 100), (1, 10000)], None, "five digits: no reading of it, so no row"),
        (ROLLOVER, [(-1, 100), (1, 123456), (2, 130)], "30", "the next one counts from the last"),
        (ROLLOVER, [(-2, 100), (-1, 10000), (1, 130)], "30", "an opening it cannot show is none"),
        (ROLLOVER, [(1, 50000), (2, 130), (3, 140)], "10", "it opens with what it can show"),
        (ROLLOVER, [(-1, 100), (1, 150), (1, 15000)], "50", "and it replaces no other"),
        (ROLLOVER, [(-1, 9990), (1, -5), (2, 15)], "25", "less than zero neither"),
        (ROLLOVER | {"series": "s"}, [(-1, 5, "a"), (1, 99999, "b"), (2, 9, "a")], "4", "of any"),
        (REGISTER, [(-1, 100), (1, -5), (2, 130)], "30", "what began at zero is never below it"),
        (REGISTER, [(-1, 100), (1, "-0")], "0", "zero it shows, by any sign"),
        (REGISTER, [(-2, -5), (-1, 100), (1, 130)], "30", "not as an opening either"),
        (REGISTER, [(-1, 100), (1, 150), (1, -5)], "50", "nor in the place of another"),
        (REGISTER | {"decrease": "negative"}, [(-1, 100), (1, 130), (2, 120)], "20", "an estimate"),
        (REGISTER | {"decrease": "negative"}, [(-1, 100), (1, -5)], "-105", "fed back: below zero"),
        (REGISTER, [(-1, 100), (1, 150), (1, 130)], "30", "the later in the log replaces it"),
        (REGISTER | {"series": "s"}, [(-1, 5, "a"), (-1, 7, "b"), (1, 6, "a"), (2, 9, "b")], "3",
         "two registers"),
        (HALF, [(1, 5), (7, 8), (13, 3), (19, 1)], "3", "the 2nd of 4"),
        (HALF, [(1, 5), (7, 8), (8, 1)], "0", "two of four windows are empty"),
        (HALF | {"percent": 100}, [(1, 5), (7, 8), (8, 1)], "9", "the largest sum"),
        (HALF, [(1, -5), (7, -8), (13, -1)], "-5", "zeros come after what is below them"),
    ],
)  # fmt: skip
def test_the_edges(
    rows: EventRows, aggregation: dict[str, Any], sent: Sent, quantity: str | None, why: str
) -> None:
    usage = measured(rows, aggregation, sent)
    assert [row.quantity for row in usage] == ([] if quantity is None else [Decimal(quantity)]), why


def test_whole_days_of_changes(rows: EventRows) -> None:
    """Units added on the 11th of a month of 31 days are there for 21 days, whatever the hour."""
    kind = CHANGES | {"per": "day", "whole_days": True}
    [added] = measured(rows, kind, [(24 + 17, 10)], MARCH)
    assert added.quantity == 210
    [taken] = measured(rows, kind, [(24 + 17, 10), (24 + 18, -10)], MARCH)
    assert taken.quantity == 0


def test_windows_of_a_level_add_up_to_the_span(rows: EventRows) -> None:
    sent = [(-99, 7), (5, 3), (40, 11), (70, 0)]
    [whole] = measured(rows, LEVEL, sent, MARCH)
    parts = measured(rows, LEVEL, sent, MARCH, window="day", timezone="Europe/Stockholm")
    assert sum(row.quantity for row in parts) == whole.quantity
    assert len(parts) == 8, "from the 5th, when it was set, to the 12th, when it went to 0"


@pytest.mark.parametrize(
    "kind", [HELD | {"held": "days"}, CHANGES | {"per": "day", "whole_days": True}]
)
def test_more_days_than_can_be_counted_are_refused_for_the_span(
    rows: EventRows, kind: dict[str, Any]
) -> None:
    """Nobody asked for windows: the meter counts by days, and the span has too many."""
    long = Span(MARCH.starts - timedelta(days=365 * 50), MARCH.ends + timedelta(days=365 * 100))
    with pytest.raises(Invalid) as refused:
        measured(rows, kind, [(0, 1, "x", "add")], long)
    assert (refused.value.code, refused.value.field) == ("too_many_days", "to")
    with pytest.raises(Invalid) as refused:
        measured(rows, kind, [(0, 1, "x", "add")], long, window="day")
    assert (refused.value.code, refused.value.field) == ("too_many_windows", "window")


def test_months_of_a_register_add_up(rows: EventRows) -> None:
    readings = [(24 * day, 100 + 10 * day) for day in range(-20, 60, 5)]
    span = Span(MARCH.starts, datetime(2026, 5, 1, tzinfo=UTC))
    [whole] = measured(rows, REGISTER, readings, span)
    parts = measured(rows, REGISTER, readings, span, window="month")
    assert sum(row.quantity for row in parts) == whole.quantity
    assert len(parts) == 2


def test_another_order_of_arrival_makes_no_difference(rows: EventRows) -> None:
    sent = [(hour, (hour * 7) % 11, "xy"[hour % 2], ("add", "remove")[hour % 3 == 2])
            for hour in range(24)]  # fmt: skip
    for aggregation in (SUM, LEVEL, LEVEL | {"series": "s"}, HELD, REGISTER, HALF, CHANGES, LATEST):
        forth = measured(rows, aggregation, sent)
        back = measured(rows, aggregation, sent[::-1])
        assert [row.quantity for row in forth] == [row.quantity for row in back], aggregation
