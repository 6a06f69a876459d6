"""The event store measures what the rules say: every aggregation against a plain model of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plain_usage
from event_rows import ORGANIZATION, EventRows, event
from tallybook.domain.events.event import UsageEvent
from tallybook.domain.kernel.decimals import SCALE, widely
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.metering.aggregations.aggregation import TimeUnit
from tallybook.domain.metering.aggregations.average import Average
from tallybook.domain.metering.aggregations.counter import Counter, Decrease
from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.domain.metering.aggregations.min import Min
from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import Held
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.meter import (
    AnyAggregation,
    Count,
    Latest,
    Max,
    Meter,
    Sum,
    Together,
    UniqueCount,
    Usage,
    UsageQuery,
)
from tallybook.domain.metering.windows import Window, cut
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.tallies import Batch, Tallies
from tallybook.stores.columnar.usage import ColumnarUsage

MARCH = datetime(2026, 3, 27, tzinfo=UTC)
"""Clocks in Europe go forward on the 29th."""

AGGREGATIONS: Sequence[AnyAggregation] = (
    Count(),
    Sum(value="n"),
    Sum(value="n", carries=True),
    Min(value="n"),
    Max(value="n"),
    Average(value="n"),
    Latest(value="n"),
    UniqueCount(value="s"),
    UniqueCount(value="s", operation="op"),
    UniqueCount(value="s", operation="op", held=Held.AT_ANY_TIME),
    UniqueCount(value="s", operation="op", held=Held.DAYS, timezone="Europe/Stockholm"),
    TimeWeighted(value="n"),
    TimeWeighted(value="n", series="s"),
    TimeWeighted(value="n", changes=True, per=TimeUnit.SPAN),
    TimeWeighted(
        value="n", changes=True, per=TimeUnit.DAY, whole_days=True, timezone="Europe/Stockholm"
    ),
    Counter(value="n"),
    Counter(value="n", series="s", decrease=Decrease.NEGATIVE),
    Counter(value="n", series="s", decrease=Decrease.ROLLOVER, digits=2),
    Counter(value="n", decrease=Decrease.ROLLOVER, digits=20),
    Percentile(value="n", percent=Decimal("62.5"), minutes=720),
    Percentile(value="n", percent=Decimal(99), minutes=360),
    Duration(session="s", operation='op == "add" ? "start" : "stop"'),
)

times = st.one_of(
    st.integers(0, 96).map(lambda hours: MARCH + timedelta(hours=hours)),
    st.integers(0, 4 * 86400).map(lambda seconds: MARCH + timedelta(seconds=seconds)),
    st.sampled_from(
        [MARCH + timedelta(hours=h, microseconds=m) for h in (24, 48) for m in (-1, 1)]
    ),
)
NUMBERS = (
    *("0", "-0", "1", "5", "12.5", "99", "-3", "1e1", "0.000000000001", "many"),
    *("99.999999999999", "100", "1234", "0.0000000000004", "99999999999999999999999999.9"),
)
"""Numbers on both sides of what a register of two digits can show, long ones, and none."""

properties = st.fixed_dictionaries(
    {},
    optional={
        "n": st.sampled_from(NUMBERS),
        "s": st.sampled_from(["x", "y"]),
        "op": st.sampled_from(["add", "remove", "add", "remove", "keep"]),
        "d": st.sampled_from(["eu", "us"]),
    },
)
events = st.lists(
    st.builds(event, times, properties, customer=st.sampled_from(["c1", "c1", "c2"])), max_size=24
)


@dataclass
class Case:
    """What is asked of the store in one example."""

    aggregation: AnyAggregation
    events: list[UsageEvent]
    starts: datetime
    ends: datetime
    window: Window | None
    timezone: str
    group_by: tuple[str, ...]
    filter: str


cases = st.builds(
    Case,
    aggregation=st.sampled_from(AGGREGATIONS),
    events=events,
    starts=st.sampled_from([MARCH, MARCH + timedelta(hours=24), MARCH + timedelta(hours=13)]),
    ends=st.sampled_from([MARCH + timedelta(hours=48), MARCH + timedelta(hours=95)]),
    window=st.sampled_from([None, None, *Window]),
    timezone=st.sampled_from(["UTC", "Europe/Stockholm", "Australia/Lord_Howe"]),
    group_by=st.sampled_from([(), (), ("d",)]),
    filter=st.sampled_from(["", "", "d == 'eu'"]),
)


class Store:
    """One event store for all examples: each has a type of events of its own."""

    def __init__(self, columnar: Columnar) -> None:
        self.rows = EventRows(columnar)
        self.usage = ColumnarUsage(columnar)
        self._numbers = itertools.count(1)

    def keep(self, sent: Sequence[UsageEvent]) -> tuple[str, list[tuple[int, UsageEvent]]]:
        type_ = f"t{next(self._numbers)}"
        typed = [event(e.occurred_at, e.properties, customer=e.customer, type_=type_) for e in sent]
        return type_, list(zip(self.rows.keep(typed), typed, strict=True))


@pytest.fixture(scope="module")
def store(engines_home: Path) -> Iterator[Store]:
    columnar = Columnar(f"chdb://{engines_home / 'events'}", database="usage_model")
    yield Store(columnar)
    with columnar.client() as client:
        client.command("DROP DATABASE usage_model SYNC")
    columnar.close()


def meter_of(case: Case, type_: str) -> Meter:
    return checked_meter(
        Meter(
            id=f"mtr_{type_}",
            key="m",
            name="M",
            event_type=type_,
            aggregation=case.aggregation,
            filter=case.filter,
            dimensions=("d",),
            created_at=MARCH,
        )
    )


def rounded(quantity: Fraction) -> Decimal:
    """Half away from zero at the scale of quantities."""
    units = abs(quantity) * 10**SCALE
    whole = units.numerator // units.denominator
    whole += (units - whole) * 2 >= 1
    with widely():
        return Decimal(whole if quantity >= 0 else -whole).scaleb(-SCALE)


Told = Mapping[tuple[str, tuple[str, ...], Span], tuple[Decimal, int]]


def told(usage: Sequence[Usage], group_by: Sequence[str]) -> Told:
    found = {
        (row.customer, tuple(row.dimensions[name] for name in group_by), row.span): (
            row.quantity,
            row.evidence.event_count,
        )
        for row in usage
    }
    assert len(found) == len(usage), "no row twice"
    return found


def expected(
    meter: Meter,
    kept: Sequence[tuple[int, UsageEvent]],
    spans: Sequence[Span],
    group_by: Sequence[str],
) -> Told:
    answers = plain_usage.usage(meter, kept, spans, group_by)
    return {
        key: (rounded(answer.quantity), len(answer.positions)) for key, answer in answers.items()
    }


MANY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(cases)
@MANY
def test_a_span_and_its_windows(store: Store, case: Case) -> None:
    """Any events, any aggregation: quantity and number of events as the plain model has them."""
    type_, kept = store.keep(case.events)
    meter = meter_of(case, type_)
    span = Span(case.starts, case.ends)
    spans = [span]
    if case.window is not None:
        spans = [Span(*pair) for pair in pairwise(cut(span, case.window, zone(case.timezone)))]
    query = UsageQuery(
        span=span,
        as_of=store.rows.position,
        window=case.window,
        timezone=case.timezone,
        group_by=case.group_by,
    )
    usage = store.usage.measure(ORGANIZATION, meter, query)
    assert told(usage, case.group_by) == expected(meter, kept, spans, case.group_by)
    order = [(u.customer, *(u.dimensions[d] for d in case.group_by), u.span) for u in usage]
    assert order == sorted(order), "by customer, dimensions, window"
    listed = store.usage.customers(ORGANIZATION, meter, query, after="", limit=9)
    assert {row.customer for row in usage} <= set(listed), "who is answered can be paged to"
    assert listed == sorted(set(listed))


@given(cases, st.sampled_from([each for each in AGGREGATIONS if isinstance(each, Counter)]))
@MANY
def test_registers_that_count_up_never_take_back(
    store: Store, case: Case, aggregation: Counter
) -> None:
    """Whatever is read: only where an estimate is corrected is something given back."""
    case.aggregation = aggregation
    type_, _ = store.keep(case.events)
    query = UsageQuery(span=Span(case.starts, case.ends), as_of=store.rows.position, window="day")
    usage = store.usage.measure(ORGANIZATION, meter_of(case, type_), query)
    if aggregation.decrease is not Decrease.NEGATIVE:
        assert all(row.quantity >= 0 for row in usage)


@dataclass(frozen=True)
class Asked:
    customer: str
    span: Span


@given(
    cases,
    st.lists(
        st.builds(
            lambda customer, starts, hours: Asked(
                customer, Span(starts, starts + timedelta(hours=hours))
            ),
            st.sampled_from(["c1", "c2", "c3"]),
            st.sampled_from([MARCH + timedelta(hours=h) for h in (0, 24, 30)]),
            st.sampled_from([0, 20, 48]),
        ),
        max_size=5,
    ),
)
@MANY
def test_customers_with_spans_of_their_own(
    store: Store, case: Case, asked: Sequence[Asked]
) -> None:
    """Measured together by one query, each customer's span is as if measured alone."""
    type_, kept = store.keep(case.events)
    meter = meter_of(case, type_)
    usage = store.usage.measure_spans(
        ORGANIZATION, meter, asked, as_of=store.rows.position, group_by=case.group_by
    )
    pairs = {(each.customer, each.span) for each in asked if each.span.length}
    every = expected(meter, kept, sorted({span for _, span in pairs}), case.group_by)
    wanted = {key: value for key, value in every.items() if (key[0], key[2]) in pairs}
    assert told(usage, case.group_by) == wanted


@given(cases, st.integers(1, 4))
@MANY
def test_the_events_behind_a_figure(store: Store, case: Case, limit: int) -> None:
    """Paged through, they are as many as the evidence says, with its checksum, each once."""
    type_, kept = store.keep(case.events)
    meter = meter_of(case, type_)
    span = Span(case.starts, case.ends)
    match = {"d": "eu"} if case.group_by else {}
    query = UsageQuery(span=span, as_of=store.rows.position, customers=("c1",), match=match)
    usage = store.usage.measure(ORGANIZATION, meter, query)
    seen: list[Any] = []
    after = ""
    while True:
        page, after = store.usage.events_behind(
            ORGANIZATION, meter, query, after=after, limit=limit
        )
        seen += page
        if not after:
            break
    positions = [each.position for each in seen]
    assert len(set(positions)) == len(positions)
    assert positions == [
        e.position for e in sorted(seen, key=lambda e: (e.occurred_at, e.position))
    ]
    matching = [(p, e) for p, e in kept if all(e.properties.get(k) == v for k, v in match.items())]
    answers = plain_usage.usage(meter, matching, [span])
    answer = answers.get(("c1", (), span))
    if answer is None:
        assert usage == []
        return
    assert set(positions) == answer.positions
    evidence = usage[0].evidence
    assert evidence.event_count == len(positions)
    assert evidence.checksum == store.rows.content(positions)


@given(cases, st.booleans(), st.booleans(), st.sets(st.integers(0, 8), max_size=4))
@MANY
def test_several_counted_as_one(
    store: Store, case: Case, customers: bool, values: bool, out: set[int]
) -> None:
    """All events of several customers, or values, together: as if one had sent them."""
    if not customers:
        values = True
    case.group_by = ("d",)
    type_, kept = store.keep(case.events)
    meter = meter_of(case, type_)
    span = Span(case.starts, case.ends)
    spans = [span]
    if case.window is not None:
        spans = [Span(*pair) for pair in pairwise(cut(span, case.window, zone(case.timezone)))]

    def told_by(customer: str, value: str) -> tuple[str, ...]:
        if not values:
            return (customer,)
        return (value,) if customers else (customer, value)

    groups = sorted({told_by(c, v) for c in ("c1", "c2") for v in ("", "eu", "us")})
    left_out = tuple(group for number, group in enumerate(groups) if number in out)
    together = Together(customers=customers, values=values, left_out=left_out)
    query = UsageQuery(
        span=span,
        as_of=store.rows.position,
        window=case.window,
        timezone=case.timezone,
        group_by=case.group_by,
    )
    usage = store.usage.measure_together(ORGANIZATION, meter, query, together)
    counted = [
        (position, each)
        for position, each in kept
        if told_by(each.customer, each.properties.get("d", "")) not in left_out
    ]
    answers = plain_usage.usage(
        meter,
        counted,
        spans,
        case.group_by,
        alias=lambda group: (
            "" if customers else group[0],
            tuple("" if values else value for value in group[1]),
        ),
    )
    assert told(usage, case.group_by) == {
        key: (rounded(answer.quantity), len(answer.positions)) for key, answer in answers.items()
    }


TALLIED = [each for each in AGGREGATIONS if isinstance(each, Count | Sum | Min | Max | Average)]


@given(
    cases, st.sampled_from(TALLIED), st.lists(st.integers(0, 24), max_size=4), st.integers(0, 24)
)
@MANY
def test_tallies_change_no_figure(
    store: Store, case: Case, aggregation: AnyAggregation, breaks: Sequence[int], known: int
) -> None:
    """Whatever stretches of the log are tallied, usage is what the events say, at every as-of."""
    case.aggregation = aggregation
    before = store.rows.position
    type_, kept = store.keep(case.events)
    meter = meter_of(case, type_)
    usage = ColumnarUsage(store.rows.columnar, Tallies(store.rows.columnar, least=1, worth=1))
    for place in sorted(breaks):
        while usage.tally(ORGANIZATION, meter, through=before + min(place, len(kept))):
            pass
    as_of = before + min(known, len(kept))
    span = Span(case.starts, case.ends)
    whole_days = case.window in (None, Window.DAY) and case.timezone == "UTC"
    window = case.window if whole_days else None
    bounds = cut(span, window, zone("UTC")) if window else (span.starts, span.ends)
    query = UsageQuery(span=span, as_of=as_of, window=window, group_by=case.group_by)
    spans = [Span(*pair) for pair in pairwise(bounds)]
    counted = [(position, each) for position, each in kept if position <= as_of]
    found = usage.measure(ORGANIZATION, meter, query)
    assert told(found, case.group_by) == expected(meter, counted, spans, case.group_by)
    asked = [
        Asked("c1", span),
        Asked("c2", Span(MARCH, case.ends)),
        Asked("c1", Span(MARCH, case.ends)),
    ]
    own = usage.measure_spans(ORGANIZATION, meter, asked, as_of=as_of, group_by=case.group_by)
    pairs = {(each.customer, each.span) for each in asked}
    every = expected(meter, counted, sorted({each.span for each in asked}), case.group_by)
    assert told(own, case.group_by) == {k: v for k, v in every.items() if (k[0], k[2]) in pairs}
    sums = {u.evidence.checksum for u in found}
    raw = ColumnarUsage(store.rows.columnar, NoTallies(store.rows.columnar))
    assert sums == {u.evidence.checksum for u in raw.measure(ORGANIZATION, meter, query)}


class NoTallies(Tallies):
    """An event store without tallies."""

    def chain(self, organization_id: str, meter: Meter, *, as_of: int) -> list[Batch]:
        return []
