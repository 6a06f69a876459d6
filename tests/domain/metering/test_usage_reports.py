"""The largest and the rest, and the period before. Rules: docs/semantics/usage.md."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, parse_instant
from tallybook.domain.metering.meter import Evidence, Together, Usage
from tallybook.domain.metering.report import (
    Combined,
    Compared,
    Ranked,
    Reported,
    Shape,
    place,
    report,
    report_together,
    span_before,
)
from tallybook.domain.metering.windows import named_period

WINDOWS = [named_period(f"2026-0{month}", ZoneInfo("UTC")) for month in (1, 2, 3)]
DAY = parse_instant("2026-01-01T00:00:00Z")


def used(customer: str, quantity: str, value: str = "", window: int = 0) -> Usage:
    return Usage(
        customer=customer,
        span=WINDOWS[window],
        dimensions={"model": value},
        quantity=Decimal(quantity),
        evidence=Evidence(1, 7, hash((customer, value, window)) % 2**64),
    )


def short(rows: list[Reported]) -> list[tuple[str, str, str, int]]:
    return [
        (
            each.usage.customer,
            each.usage.dimensions["model"],
            str(each.usage.quantity),
            each.rest_of,
        )
        for each in rows
    ]


ANN, BOB, CID = used("ann", "5", "s"), used("bob", "9", "s"), used("cid", "5", "t")
BY_CUSTOMER = Shape(top=1)
BY_VALUE = Shape(top=1, ranked=Ranked.DIMENSIONS)


@pytest.mark.parametrize(
    ("usage", "shape", "expected", "why"),
    [
        ([ANN], BY_CUSTOMER, [("ann", "s", "5", 0)], "there is no rest"),
        ([], BY_CUSTOMER, [], "nothing"),
        (
            [ANN, BOB, CID],
            BY_CUSTOMER,
            [("bob", "s", "9", 0), ("", "s", "5", 2), ("", "t", "5", 2)],
            "the rest is split as its members are; it is of two customers",
        ),
        (
            [ANN, BOB, CID],
            Shape(top=2),
            [("bob", "s", "9", 0), ("ann", "s", "5", 0), ("", "t", "5", 1)],
            "of equals the first by name",
        ),
        (
            [used("ann", "3", "s"), used("ann", "4", "t"), used("ann", "1", "u"), BOB],
            BY_VALUE,
            [("ann", "t", "4", 0), ("ann", "", "4", 2), ("bob", "s", "9", 0)],
            "each customer has its own largest and its own rest",
        ),
        (
            [ANN, BOB, CID],
            Shape(is_total=True),
            [("", "s", "14", 0), ("", "t", "5", 0)],
            "all customers as one",
        ),
        (
            [ANN, BOB, CID],
            Shape(is_total=True, top=1, ranked=Ranked.DIMENSIONS),
            [("", "s", "14", 0), ("", "", "5", 1)],
            "the largest values of all customers together",
        ),
        (
            [used("ann", "-3"), used("bob", "1")],
            BY_CUSTOMER,
            [("bob", "", "1", 0), ("", "", "-3", 1)],
            "what was given back is less than nothing",
        ),
        (
            [used("ann", "5"), used("bob", "4"), used("bob", "4", window=1)],
            BY_CUSTOMER,
            [("bob", "", "4", 0), ("bob", "", "4", 0), ("", "", "5", 1)],
            "what counts is what was used in all windows",
        ),
    ],
)
def test_the_largest_and_the_rest(
    usage: list[Usage], shape: Shape, expected: list[tuple[str, str, str, int]], why: str
) -> None:
    assert short(report(usage, WINDOWS, shape, as_of=7)) == expected, why


rows = st.lists(
    st.builds(
        used,
        st.sampled_from("abcdef"),
        st.decimals(-1000, 1000, places=3).map(str),
        st.sampled_from(["", "s", "t"]),
        st.integers(0, 2),
    ),
    max_size=30,
    unique_by=lambda row: (row.customer, row.dimensions["model"], row.span),
)


@given(rows, st.integers(1, 7), st.sampled_from(Ranked), st.booleans())
def test_the_largest_and_the_rest_add_up_to_all(
    usage: list[Usage], top: int, ranked: Ranked, is_total: bool
) -> None:
    shown = report(usage, WINDOWS, Shape(is_total=is_total, top=top, ranked=ranked), as_of=7)
    for window in WINDOWS:
        of_all = [row for row in usage if row.span == window]
        told = [each.usage for each in shown if each.usage.span == window]
        assert sum(row.quantity for row in told) == sum(row.quantity for row in of_all)
        for count in ("event_count", "checksum"):
            sums = [sum(getattr(row.evidence, count) for row in part) for part in (told, of_all)]
            assert (sums[0] - sums[1]) % 2**64 == 0
    heads = {
        each.usage.customer
        if ranked is Ranked.CUSTOMERS
        else (each.usage.customer, *each.usage.dimensions.values())
        for each in shown
        if not each.rest_of
    }
    pools = {""} if ranked is Ranked.CUSTOMERS else {each.usage.customer for each in shown}
    assert len(heads) <= top * max(1, len(pools))


def test_rows_stand_beside_the_period_before() -> None:
    january = [used("ann", "5"), used("gone", "2")]
    february = [used("ann", "6", window=1), used("new", "1", window=1)]
    shown = report(
        february,
        WINDOWS[1:2],
        Shape(),
        as_of=7,
        earlier=january,
        windows_before=WINDOWS[:1],
    )
    assert [
        (each.usage.customer, str(each.usage.quantity), str(each.before and each.before.quantity))
        for each in shown
    ] == [("ann", "6", "5"), ("gone", "0", "2"), ("new", "1", "0")], "what ceased is told too"
    assert shown[0].before is not None
    assert shown[0].before.span == WINDOWS[0]


def test_a_window_that_the_period_before_had_not_is_compared_with_nothing() -> None:
    usage = [used("ann", "1", window=window) for window in (1, 2)]
    shown = report(usage, WINDOWS[1:], Shape(), as_of=7, windows_before=WINDOWS[:1])
    assert [each.before is None for each in shown] == [False, True]


@pytest.mark.parametrize(
    ("period", "zone", "expected", "why"),
    [
        ("2026-03", "UTC", "2026-02-01T00:00:00Z", "28 days, not 31"),
        ("2026-01", "UTC", "2025-12-01T00:00:00Z", "over the year"),
        ("2024", "UTC", "2023-01-01T00:00:00Z", "365 days, not 366"),
        ("2026-W01", "UTC", "2025-12-22T00:00:00Z", "the week before"),
        ("2026-03-30", "Europe/Stockholm", "2026-03-28T23:00:00Z", "a day of 23 hours"),
        ("2026-04", "Europe/Stockholm", "2026-02-28T23:00:00Z", "by local midnights"),
    ],
)
def test_the_period_before(period: str, zone: str, expected: str, why: str) -> None:
    clock = ZoneInfo(zone)
    span = named_period(period, clock)
    before = span_before(period, span, clock)
    assert before == Span(parse_instant(expected), span.starts), why


def test_a_span_without_a_name_has_its_own_length_before() -> None:
    ten = Span(DAY, parse_instant("2026-01-11T00:00:00Z"))
    before = span_before("", ten, ZoneInfo("UTC"))
    assert (before.length, before.ends) == (ten.length, ten.starts)
    first = Span(parse_instant("0001-01-01T00:00:00Z"), DAY)
    with pytest.raises(Invalid, match="no such time"):
        span_before("", first, ZoneInfo("UTC"))


REST = used("", "7", "s")


@pytest.mark.parametrize(
    ("usage", "ranking", "shape", "rest", "left_out", "expected", "why"),
    [
        ([ANN], [used("ann", "5")], BY_CUSTOMER, [], None, [("ann", "s", "5", 0)], "no rest"),
        (
            [ANN, BOB, CID],
            [used("ann", "5"), used("bob", "9"), used("cid", "5")],
            BY_CUSTOMER,
            [REST, used("", "6", "t")],
            Together(customers=True, left_out=(("bob",),)),
            [("bob", "s", "9", 0), ("", "s", "7", 2), ("", "t", "6", 2)],
            "what was measured of the rest, not a sum",
        ),
        (
            [ANN, BOB, CID],
            [used("ann", "99"), used("bob", "9"), used("cid", "5")],
            Shape(top=1),
            [REST],
            Together(customers=True, left_out=(("ann",),)),
            [("ann", "s", "5", 0), ("", "s", "7", 2)],
            "ranked by what they come to as a whole",
        ),
        (
            [used("ann", "3", "s"), used("ann", "4", "t"), BOB],
            [used("ann", "3", "s"), used("ann", "4", "t"), BOB],
            BY_VALUE,
            [used("ann", "2", "")],
            Together(values=True, left_out=(("ann", "t"), ("bob", "s"))),
            [("ann", "t", "4", 0), ("ann", "", "2", 1), ("bob", "s", "9", 0)],
            "each customer's own rest",
        ),
        (
            [used("", "3", "s"), used("", "4", "t")],
            [used("", "3", "s"), used("", "4", "t")],
            Shape(is_total=True, top=1, ranked=Ranked.DIMENSIONS),
            [used("", "2", "")],
            Together(customers=True, values=True, left_out=(("t",),)),
            [("", "t", "4", 0), ("", "", "2", 1)],
            "the values of all customers",
        ),
        ([used("", "3", "s")], [], Shape(is_total=True), [], None, [("", "s", "3", 0)], "a total"),
    ],
)
def test_what_does_not_add_up_is_measured_together(
    usage: list[Usage],
    ranking: list[Usage],
    shape: Shape,
    rest: list[Usage],
    left_out: Together | None,
    expected: list[tuple[str, str, str, int]],
    why: str,
) -> None:
    if shape.ranked is Ranked.CUSTOMERS:
        ranking = [msgspec.structs.replace(row, dimensions={}) for row in ranking]
    compared = Compared(usage, WINDOWS)
    placing = place(compared, ranking, shape)
    assert placing.rest == left_out, why
    shown = report_together(compared, Compared(rest, WINDOWS), placing, as_of=7)
    assert short(shown) == expected, why
    together = [each.combined is Combined.TOGETHER for each in shown]
    assert together == [shape.is_total or each.rest_of > 0 for each in shown]


def test_the_rest_is_compared_with_the_rest() -> None:
    """Who used something only before is of the rest, and what the rest was is beside it."""
    usage = [used("ann", "5", window=1), used("bob", "4", window=1)]
    earlier = [used("ann", "1"), used("cid", "8")]
    compared = Compared(usage, WINDOWS[1:2], earlier, WINDOWS[:1])
    ranking = [msgspec.structs.replace(row, dimensions={}) for row in usage]
    placing = place(compared, ranking, BY_CUSTOMER)
    rest = Compared([used("", "4", window=1)], WINDOWS[1:2], [used("", "8")], WINDOWS[:1])
    shown = report_together(compared, rest, placing, as_of=7)
    assert [
        (each.usage.customer, each.usage.quantity, each.before and each.before.quantity)
        for each in shown
    ] == [("ann", 5, 1), ("", 4, 8)]
    assert shown[1].rest_of == 2
