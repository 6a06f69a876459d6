"""Discounts on what is given back: docs/semantics/conditions.md."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from contracts import day
from tallybook.domain.invoicing.discounts_back import Discount, GivenBack, PrintedLine, given_back
from tallybook.domain.kernel.instants import Span

JANUARY = Span(day(1), day(2))
FEBRUARY = Span(day(2), day(3))


def printed(amount: str, *discounts: str, span: Span = JANUARY) -> PrintedLine:
    taken = tuple(Discount(f"red_{at}", "Off", Decimal(off)) for at, off in enumerate(discounts))
    return PrintedLine("fee", span, Decimal(amount), taken)


def back(found: dict[int, GivenBack]) -> dict[int, tuple[list[str], str]]:
    return {
        place: ([str(each.amount) for each in one.discounts], str(one.undiscounted))
        for place, one in found.items()
    }


def test_of_what_was_charged_last_for_the_same_time() -> None:
    bills = [
        [printed("31", "31"), printed("28", span=FEBRUARY)],
        [printed("-12"), printed("24", "6", "3")],
    ]
    assert back(given_back(bills, [printed("-24"), printed("5")], 2)) == {
        0: (["6.00", "3.00"], "0"),
    }, "what the upgrade charged, not what came before it"
    assert back(given_back(bills, [printed("-30")], 2)) == {
        0: (["6.00", "3.00", "6.00"], "0"),
    }, "then 6 of the first 31, of which 12 were given back"
    assert back(given_back(bills, [printed("-10", span=FEBRUARY)], 2)) == {0: ([], "10")}
    assert back(given_back(bills, [printed("-1", span=Span(day(3), day(4)))], 2)) == {0: ([], "1")}


def test_a_percentage_is_of_what_was_left_of_the_line() -> None:
    """Of 24 charged 12 were given back on the same bill: half off was 6, and is 12 of the 24."""
    half = Discount("red", "Off", Decimal(6), Decimal(12))
    bills = [[PrintedLine("fee", JANUARY, Decimal(24), (half,))]]
    assert back(given_back(bills, [printed("-24")], 2)) == {0: (["12.00"], "0")}


@given(
    st.integers(1, 10_000),
    st.integers(0, 10_000),
    st.lists(st.integers(1, 2_000), min_size=1, max_size=8),
)
def test_parts_given_back_come_to_the_whole_discount(
    charged: int, discount: int, parts: list[int]
) -> None:
    """However a fee is given back in parts, its discount is taken back once and not more."""
    cents = Decimal("0.01")
    off = min(discount, charged) * cents
    bills = [[printed(str(charged * cents), *([str(off)] if off else []))]]
    taken, left = Decimal(0), charged
    for part in parts:
        line = printed(str(-min(part, left) * cents))
        left -= min(part, left)
        found = given_back(bills, [line], 2).get(0)
        if found is not None:
            amounts = [each.amount for each in found.discounts]
            assert all(amount > 0 for amount in amounts)
            taken += sum(amounts, Decimal(0))
        bills.append([line])
    assert taken <= off
    if not left:
        assert taken == off
