"""Allowances that are shared, used up and carried over."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.rating.allowances import Carried, close_allowance, share_allowance


def carried(*units: tuple[int, int]) -> tuple[Carried, ...]:
    return tuple(Carried(Decimal(number), periods) for number, periods in units)


@pytest.mark.parametrize(
    ("quantities", "covered", "why"),
    [
        ([4, 4], [4, 4], "room for both"),
        ([8, 8], [8, 2], "the first takes what it needs"),
        ([20, 8], [10, 0], "nothing is left for the second"),
        ([0, 8], [0, 8], "who uses nothing takes nothing"),
    ],
)
def test_shared_in_order(quantities: list[int], covered: list[int], why: str) -> None:
    found = share_allowance(Decimal(10), [Decimal(quantity) for quantity in quantities])
    assert found == covered, why


@pytest.mark.parametrize(
    ("used", "into", "keeps", "at_most", "covered", "lost", "over", "why"),
    [
        (4, (), 0, None, 4, 6, (), "without carrying over the rest is lost"),
        (4, (), 1, None, 4, 0, ((6, 1),), "good for one more period"),
        (12, (), 1, None, 10, 0, (), "nothing is left"),
        (4, ((3, 1),), 1, None, 4, 0, ((9, 1),), "what is lost soonest is used first"),
        (2, ((3, 1),), 1, None, 2, 1, ((10, 1),), "one unit's time is over"),
        (0, ((3, 2),), 1, None, 0, 0, ((3, 1), (10, 1)), "one that has a period left is kept"),
        (15, ((3, 1), (4, 2)), 1, None, 15, 0, ((2, 1),), "soonest, then later, then this one's"),
        (0, ((3, 2),), 1, 8, 0, 5, ((3, 1), (5, 1)), "the newest are cut"),
    ],
)
def test_carried_over(
    used: int,
    into: tuple[tuple[int, int], ...],
    keeps: int,
    at_most: int | None,
    covered: int,
    lost: int,
    over: tuple[tuple[int, int], ...],
    why: str,
) -> None:
    closed = close_allowance(
        Decimal(10),
        Decimal(used),
        carried=carried(*into),
        keeps_periods=keeps,
        at_most=None if at_most is None else Decimal(at_most),
    )
    assert (closed.covered, closed.lost, closed.carried) == (covered, lost, carried(*over)), why


units = st.decimals(0, 1000, places=3)


@given(
    units,
    units,
    st.lists(st.builds(Carried, units, st.integers(1, 4)), max_size=4),
    st.integers(0, 3),
    st.one_of(st.none(), units),
)
def test_no_unit_appears_or_disappears(
    granted: Decimal, used: Decimal, into: list[Carried], keeps: int, at_most: Decimal | None
) -> None:
    """What was granted and carried in is covered, lost or carried over."""
    closed = close_allowance(granted, used, carried=into, keeps_periods=keeps, at_most=at_most)
    came = granted + sum(each.units for each in into)
    went = closed.covered + closed.lost + sum(each.units for each in closed.carried)
    assert came == went
    assert closed.covered == min(used, came)
