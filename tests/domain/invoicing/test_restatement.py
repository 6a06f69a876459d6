"""Which lines late events touch, what is restated. Rules: docs/semantics/restatements.md."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.invoicing.invoice import InvoiceStatus, UsageProof
from tallybook.domain.invoicing.restatement import (
    Counted,
    LatePolicy,
    Touched,
    UsageLine,
    counted,
    may_touch,
    restate,
)
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import parse_instant
from tallybook.domain.metering.aggregations.counter import Counter
from tallybook.domain.metering.meter import AnyAggregation, Count, Evidence, Meter, Sum, Usage
from tallybook.domain.metering.windows import named_period

JANUARY = named_period("2026-01", ZoneInfo("UTC"))
NOW = parse_instant("2026-03-01T00:00:00Z")


def meter(aggregation: AnyAggregation) -> Meter:
    return Meter(
        id="m", key="m", name="M", event_type="call", aggregation=aggregation, created_at=NOW
    )


def line(**proof: object) -> UsageLine:
    return UsageLine(
        invoice_id="inv",
        status=InvoiceStatus.OPEN,
        number=2,
        proof=UsageProof(
            meter_id="m",
            customer_key="acme",
            span=JANUARY,
            evidence=Evidence(3, 10, 99),
            **proof,  # type: ignore[arg-type]
        ),
        counted_to=10,
    )


COUNT, BOUGHT, READ = Count(), Sum(value="n", carries=True), Counter(value="n")


@pytest.mark.parametrize(
    ("aggregation", "type_", "first", "last", "expected", "why"),
    [
        (COUNT, "call", "2026-01-05", "2026-01-06", True, "within the period"),
        (COUNT, "call", "2025-12-05", "2026-02-06", True, "around it: one may be within"),
        (COUNT, "call", "2026-02-01", "2026-02-03", False, "the end is of the next period"),
        (COUNT, "call", "2025-12-01", "2025-12-31", False, "before, and it does not look back"),
        (COUNT, "sms", "2026-01-05", "2026-01-06", False, "of another type"),
        (READ, "call", "2025-06-01", "2025-06-01", True, "a reading before opens the period"),
        (READ, "call", "2026-02-01", "2026-02-01", True, "a reading at its end closes it"),
        (READ, "call", "2026-02-02", "2026-02-02", False, "after"),
        (BOUGHT, "call", "2025-06-01", "2025-06-01", True, "what was bought is carried"),
    ],
)
def test_which_lines_may_be_touched(
    aggregation: AnyAggregation, type_: str, first: str, last: str, *, expected: bool, why: str
) -> None:
    touched = Touched(
        "acme", type_, parse_instant(f"{first}T00:00:00Z"), parse_instant(f"{last}T00:00:00Z")
    )
    assert may_touch(line(), meter(aggregation), touched) is expected, why


@pytest.mark.parametrize(
    ("before", "after", "expected", "why"),
    [
        ((3, 99), (3, 99), None, "the very same events"),
        ((3, 99), (4, 120), "1", "one more"),
        ((3, 99), (2, 50), "-1", "one was voided"),
        ((3, 99), (3, 98), "0", "another in the place of one: a price may tell them apart"),
        ((0, 0), (1, 7), "1", "where nothing was used"),
    ],
)
def test_what_is_restated(
    before: tuple[int, int], after: tuple[int, int], expected: str | None, why: str
) -> None:
    then = Counted(Decimal(before[0]), Evidence(before[0], 10, before[1]))
    now = Counted(Decimal(after[0]), Evidence(after[0], 20, after[1]))
    made = restate("org", line(), then, now, policy=LatePolicy.IGNORE, made_at=NOW)
    assert (made and str(made.difference)) == expected, why


def used(customer: str, quantity: str, model: str, count: int) -> Usage:
    return Usage(
        customer=customer,
        span=JANUARY,
        dimensions={"model": model},
        quantity=Decimal(quantity),
        evidence=Evidence(count, 10, count * 7),
    )


def test_a_line_counts_what_its_price_matches_of_all_in_its_pool() -> None:
    rows = [used("acme", "2", "s", 1), used("acme", "5", "t", 2), used("north", "4", "s", 3)]
    of_pool = counted(line(match={"model": "s"}, pool=("acme", "north")), rows, as_of=10)
    assert of_pool == Counted(Decimal(6), Evidence(4, 10, 28))
    alone = counted(line(match={"model": "s"}), rows[:2], as_of=10)
    assert alone == Counted(Decimal(2), Evidence(1, 10, 7))
    assert counted(line(), [], as_of=10) == Counted(Decimal(0), Evidence(0, 10, 0))


quantities = st.decimals(-(10**20), 10**20, places=12)


@given(quantities, quantities)
def test_before_and_the_difference_are_after(before: Decimal, after: Decimal) -> None:
    made = restate(
        "org",
        line(),
        Counted(before, Evidence(1, 10, 1)),
        Counted(after, Evidence(2, 20, 2)),
        policy=LatePolicy.NEXT_INVOICE,
        made_at=NOW,
    )
    assert made is not None
    with exactly():
        assert made.before.quantity + made.difference == made.after.quantity
