"""Usage computed plainly: the rules of the aggregations, event after event, without an engine.

Nothing here is fast. Every rule is written as it is said in docs/semantics/metering.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tallybook.domain.events.event import UsageEvent
from tallybook.domain.kernel.calendar import local_day
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.average import Average
from tallybook.domain.metering.aggregations.count import Count
from tallybook.domain.metering.aggregations.counter import Counter, Decrease
from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.domain.metering.aggregations.latest import Latest
from tallybook.domain.metering.aggregations.max import Max
from tallybook.domain.metering.aggregations.min import Min
from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.domain.metering.aggregations.sum import Sum
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import Held, UniqueCount
from tallybook.domain.metering.counting import Counted, judge
from tallybook.domain.metering.meter import Meter

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Row:
    """A counted event: when, at which position, and what was read of it."""

    at: datetime
    position: int
    values: Mapping[str, Any]

    @property
    def value(self) -> Any:
        return self.values["value"]


@dataclass(frozen=True)
class Answer:
    """A quantity, exact, and the positions of the events behind it."""

    quantity: Fraction
    positions: frozenset[int]


Group = tuple[str, tuple[str, ...]]
"""A customer, and values of dimensions."""


def usage(
    meter: Meter,
    events: Iterable[tuple[int, UsageEvent]],
    spans: Sequence[Span],
    group_by: Sequence[str] = (),
    alias: Callable[[Group], Group] = lambda group: group,
) -> dict[tuple[str, tuple[str, ...], Span], Answer]:
    """The usage of every customer and combination of dimensions, in each of `spans`.

    Those of one `alias` are one.
    """
    groups: dict[Group, list[Row]] = defaultdict(list)
    for position, event in events:
        verdict = judge(meter, event)
        if isinstance(verdict, Counted):
            dimensions = tuple(event.properties.get(name, "") for name in group_by)
            row = Row(event.occurred_at, position, verdict.values)
            groups[alias((event.customer, dimensions))].append(row)
    measure = _MEASURES[type(meter.aggregation)]
    answers = {}
    for (customer, dimensions), rows in groups.items():
        rows.sort(key=lambda row: (row.at, row.position))
        for span in spans:
            answer = measure(meter.aggregation, rows, span)
            if answer is not None and answer.positions:
                answers[customer, dimensions, span] = answer
    return answers


def _in(rows: Sequence[Row], span: Span) -> list[Row]:
    return [row for row in rows if row.at in span]


def _folded(fold: Callable[[Sequence[Row]], Any]) -> Callable[..., Answer | None]:
    def measure(_: Any, rows: Sequence[Row], span: Span) -> Answer | None:
        inside = _in(rows, span)
        if not inside:
            return None
        return Answer(Fraction(fold(inside)), _positions(inside))

    return measure


def _positions(rows: Iterable[Row]) -> frozenset[int]:
    return frozenset(row.position for row in rows)


def _total(rows: Iterable[Row]) -> Fraction:
    return sum((Fraction(row.value) for row in rows), Fraction(0))


def _sum(aggregation: Sum, rows: Sequence[Row], span: Span) -> Answer | None:
    if not aggregation.carries:
        return _folded(_total)(aggregation, rows, span)
    before = [row for row in rows if row.at < span.ends]
    carried = _total(row for row in rows if row.at < span.starts)
    if not carried and not _in(rows, span):
        return None
    return Answer(_total(before), _positions(before))


def _by(rows: Sequence[Row], name: str) -> Iterable[list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.values.get(name)].append(row)
    return found.values()


@dataclass(frozen=True)
class Stretch:
    """A level held from one instant to another, and the event that set it."""

    level: Fraction
    starts: datetime
    ends: datetime
    row: Row


def _stretches(series: Sequence[Row], level: Callable[[Row], Any], span: Span) -> Iterable[Stretch]:
    """What a series of events, in order, held within a span."""
    for number, row in enumerate(series):
        if row.at >= span.ends:
            return
        until = min([later.at for later in series[number + 1 : number + 2]] + [span.ends])
        held = Fraction(level(row))
        if row.at >= span.starts or (until > span.starts and held):
            yield Stretch(held, max(row.at, span.starts), until, row)


def _span_microseconds(starts: datetime, ends: datetime) -> int:
    return (ends - starts) // MICROSECOND


def _time_weighted(aggregation: TimeWeighted, rows: Sequence[Row], span: Span) -> Answer | None:
    if aggregation.changes:
        return _changed(aggregation, rows, span)
    held = [
        stretch
        for series in _by(rows, "series")
        for stretch in _stretches(series, lambda row: row.value, span)
    ]
    return _integrated(held, _length(aggregation, span))


def _length(aggregation: TimeWeighted | Duration, span: Span) -> int:
    units = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
    if aggregation.per == "span":
        return _span_microseconds(span.starts, span.ends)
    return units[aggregation.per] * 10**6


def _integrated(held: Sequence[Stretch], length: int) -> Answer:
    area = sum(each.level * _span_microseconds(each.starts, each.ends) for each in held)
    return Answer(Fraction(area) / length, _positions(each.row for each in held))


def _changed(aggregation: TimeWeighted, rows: Sequence[Row], span: Span) -> Answer | None:
    before = [row for row in rows if row.at < span.ends]
    carried = _total(row for row in rows if row.at < span.starts)
    if not carried and not _in(rows, span):
        return None
    if aggregation.whole_days:
        return Answer(_level_days(aggregation, before, span), _positions(before))
    area = carried * _span_microseconds(span.starts, span.ends)
    area += sum(
        Fraction(row.value) * _span_microseconds(row.at, span.ends) for row in _in(rows, span)
    )
    return Answer(Fraction(area) / _length(aggregation, span), _positions(before))


def _level_days(aggregation: TimeWeighted, before: Sequence[Row], span: Span) -> Fraction:
    zone = ZoneInfo(aggregation.timezone)
    day = local_day(span.starts, zone)
    total = Fraction(0)
    while day <= local_day(span.ends - MICROSECOND, zone):
        total += _total(row for row in before if local_day(row.at, zone) <= day)
        day += timedelta(days=1)
    return total


def _duration(aggregation: Duration, rows: Sequence[Row], span: Span) -> Answer | None:
    held = [
        stretch
        for session in _by(rows, "session")
        for stretch in _stretches(session, lambda row: row.values["operation"] == "start", span)
    ]
    return _integrated(held, _length(aggregation, span))


def _unique_count(aggregation: UniqueCount, rows: Sequence[Row], span: Span) -> Answer | None:
    if not aggregation.operation:
        return _folded(lambda inside: len({row.value for row in inside}))(None, rows, span)
    held = [
        stretch
        for text in _by(rows, "value")
        for stretch in _stretches(text, lambda row: row.values["operation"] == "add", span)
    ]
    positions = _positions(each.row for each in held)
    held = [each for each in held if each.level]
    if aggregation.held is Held.AT_END:
        count = sum(each.ends == span.ends for each in held)
    elif aggregation.held is Held.AT_ANY_TIME:
        count = len({each.row.value for each in held})
    else:
        zone = ZoneInfo(aggregation.timezone)
        count = len({day for each in held for day in _days(each, zone)})
    return Answer(Fraction(count), positions)


def _days(stretch: Stretch, zone: ZoneInfo) -> Iterable[tuple[Any, Any]]:
    day = local_day(stretch.starts, zone)
    last = local_day(max(stretch.starts, stretch.ends - MICROSECOND), zone)
    while day <= last:
        yield stretch.row.value, day
        day += timedelta(days=1)


def _counter(aggregation: Counter, rows: Sequence[Row], span: Span) -> Answer | None:
    used = Fraction(0)
    positions: set[int] = set()
    for register in _by(rows, "series"):
        before: list[Row] = []
        for at in sorted({row.at for row in register}):
            taken = [row for row in register if row.at == at]
            if span.starts < at <= span.ends:
                positions |= _positions(taken)
                if before:
                    used += _difference(aggregation, before[-1].value, taken[-1].value)
                    positions |= _positions(before[-1:])
            before = taken
    return Answer(used, frozenset(positions))


def _difference(aggregation: Counter, before: Decimal, now: Decimal) -> Fraction:
    change: Fraction = Fraction(now) - Fraction(before)
    if change >= 0 or aggregation.decrease is Decrease.NEGATIVE:
        return change
    if aggregation.decrease is Decrease.RESET:
        return Fraction(now)
    assert aggregation.digits is not None
    return change + Fraction(10**aggregation.digits)


def _percentile(aggregation: Percentile, rows: Sequence[Row], span: Span) -> Answer | None:
    inside = _in(rows, span)
    if not inside:
        return None
    length = aggregation.minutes * 60 * 10**6
    epoch = datetime.fromisoformat("1970-01-01T00:00:00Z")
    first = _span_microseconds(epoch, span.starts) // length
    last = (_span_microseconds(epoch, span.ends) - 1) // length
    sums = dict.fromkeys(range(first, last + 1), Fraction(0))
    for row in inside:
        sums[_span_microseconds(epoch, row.at) // length] += Fraction(row.value)
    rank = math.ceil(Fraction(aggregation.percent) / 100 * len(sums))
    return Answer(sorted(sums.values())[rank - 1], _positions(inside))


_MEASURES: Mapping[type, Callable[[Any, Sequence[Row], Span], Answer | None]] = {
    Count: _folded(len),
    Sum: _sum,
    Min: _folded(lambda rows: min(row.value for row in rows)),
    Max: _folded(lambda rows: max(row.value for row in rows)),
    Average: _folded(lambda rows: _total(rows) / len(rows)),
    Latest: _folded(lambda rows: rows[-1].value),
    UniqueCount: _unique_count,
    TimeWeighted: _time_weighted,
    Counter: _counter,
    Percentile: _percentile,
    Duration: _duration,
}
