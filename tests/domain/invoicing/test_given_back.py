"""What usage gives back of earlier bills: docs/semantics/pricing.md."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import day
from tallybook.domain.catalog.given_back import Billed, capped, given_back_in, of_earlier
from tallybook.domain.catalog.working import Step, line
from tallybook.domain.invoicing.discounts_back import PrintedLine, billed_before, printed_usage
from tallybook.domain.kernel.instants import Span

JANUARY = Span(day(1), day(2))
FEBRUARY = Span(day(2), day(3))
TEN = Decimal(10)


def disputed(times: int, span: Span = JANUARY) -> Step:
    return Step("disputed", Decimal(-times), TEN, TEN * -times, {}, of_earlier(span))


def discount(percent: int, on: Decimal) -> Step:
    share = Decimal(-percent) / 100
    return Step("discount", on, share, on * share, {"percent": Decimal(percent)})


@pytest.mark.parametrize(
    ("steps", "billed", "given_", "amount", "why"),
    [
        ([disputed(2)], {JANUARY: 30}, {JANUARY: 20}, -20, "at its price"),
        ([disputed(2)], {JANUARY: 15}, {JANUARY: 15}, -15, "no more than was billed"),
        ([disputed(2)], {}, {JANUARY: 0}, 0, "nothing was billed"),
        ([disputed(2), discount(20, Decimal(-20))], {JANUARY: 16}, {JANUARY: 16}, -16, "less 20 %"),
        (
            [disputed(1), disputed(3, FEBRUARY)],
            {JANUARY: 30, FEBRUARY: 20},
            {JANUARY: 10, FEBRUARY: 20},
            -30,
            "each of its own bill",
        ),
    ],
)
def test_what_is_given_back(
    steps: list[Step], billed: dict[Span, int], given_: dict[Span, int], amount: int, why: str
) -> None:
    left = [Billed(span, Decimal(most)) for span, most in billed.items()]
    rated = capped(line(Decimal(0), *steps), left)
    assert rated.amount == amount, why
    assert given_back_in(rated.working) == given_, why
    assert sum(step.amount for step in rated.working) == rated.amount


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_no_more_is_given_back_in_all_than_was_billed(
    charged: int, later: list[tuple[int, int]]
) -> None:
    """However many are disputed in however many bills, beside new ones."""
    bills = [[PrintedLine("solved", JANUARY, Decimal(charged))]]
    given_in_all = Decimal(0)
    for month, (confirmed, times) in enumerate(later, start=2):
        span = Span(day(month), day(month + 1))
        new = Step("outcomes", Decimal(confirmed), TEN, TEN * confirmed)
        rated = capped(line(TEN, new, disputed(times)), billed_before(bills, "solved"))
        given_in_all += given_back_in(rated.working).get(JANUARY, Decimal(0))
        printed = PrintedLine("solved", span, rated.amount)
        bills.append([each for _, each in printed_usage(1, printed, rated.working, 2)])
    assert 0 <= given_in_all <= charged
    left = {each.span: each.left for each in billed_before(bills, "solved")}
    assert left.get(JANUARY, 0) == charged - given_in_all
