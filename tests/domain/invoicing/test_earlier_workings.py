"""Invoices of earlier versions: verified by what they said then."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from tallybook.domain.catalog.working import ZERO, Step, line
from tallybook.domain.invoicing.earlier_workings import told_before
from tallybook.domain.invoicing.invoice import LineItem
from tallybook.domain.invoicing.verification import compare_line
from tallybook.domain.kernel.instants import Span

JULY = Span(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))
ALLOWANCE = Step("allowance", Decimal(4), ZERO, ZERO, {"allowance": Decimal(10)})
MINIMUM = Step("minimum", Decimal(1), Decimal(5), Decimal(5), {"minimum": Decimal(5)})
NOTHING = line(ZERO).working[0]


def coupon(amount: str = "-5", code: str = "coupon_percent", **more: int) -> Step:
    terms = {"of": Decimal(25), "use": Decimal(1), "percent": Decimal(20)}
    terms |= {name: Decimal(number) for name, number in more.items()}
    return Step(code, Decimal(1), Decimal(amount), Decimal(amount), terms, {"part": "Seats"})


def share(code: str, **more: int) -> Step:
    whole = {"whole": 100, "parts": 1, "of_parts": 4} | more
    terms = {name: Decimal(number) for name, number in whole.items()}
    return Step(code, Decimal(1), Decimal(25), Decimal(25), terms)


def windows(code: str) -> Step:
    return Step(code, Decimal(3), ZERO, ZERO)


def flat(code: str) -> Step:
    return Step(code, Decimal(1), Decimal(5), Decimal(5), {"above": Decimal(10)})


def disputed(count: int, **labels: str) -> Step:
    return Step("disputed", Decimal(-count), Decimal(2), Decimal(-2 * count), {}, labels)


def printed(*working: Step, amount: str = "0") -> LineItem:
    return LineItem(
        number=1,
        price_key="p",
        name="P",
        service_period=JULY,
        quantity=ZERO,
        unit="",
        exact_amount=Decimal(amount),
        amount_minor=int(amount) * 100,
        working=working,
    )


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ((), (NOTHING,), "a line without usage said nothing"),
        ((ALLOWANCE,), (ALLOWANCE, NOTHING), "nor one of which all is free"),
        ((MINIMUM,), (NOTHING, MINIMUM), "nor one with a minimum"),
        ((NOTHING,), (NOTHING,), "tiered prices did"),
        ((coupon(),), (coupon(line=1),), "coupons named no line"),
        ((coupon(line=1),), (coupon(line=1),), "then they did"),
        ((windows("each_window"),), (windows("each_day"),), "windows had no length"),
        ((flat("tier_flat"),), (flat("percent_tier_flat"),), "tiers of money were as any"),
        (
            (disputed(3),),
            (disputed(1), disputed(2, billed_from="2026-06-01")),
            "disputes of what earlier bills charged were one with the others",
        ),
        (
            (share("prorated"),),
            (share("prorated_of_several", units=5, each=20),),
            "seats for a part of a period did not say how many",
        ),
    ],
)
def test_what_an_earlier_version_did_not_say_is_no_difference(
    before: tuple[Step, ...], now: tuple[Step, ...], why: str
) -> None:
    assert list(compare_line(printed(*before), printed(*now))) == [], why


@pytest.mark.parametrize(
    ("on_invoice", "again", "why"),
    [
        ((coupon("-6"),), (coupon(line=1),), "a figure of a step"),
        ((coupon(line=2),), (coupon(line=1),), "what was said must be right"),
        ((), (MINIMUM,), "a step that charges"),
        ((), (ALLOWANCE,), "a step that says what was free"),
        ((ALLOWANCE,), (NOTHING,), "another step"),
        ((disputed(2),), (disputed(1), disputed(2, billed_from="x")), "another count"),
        (
            (coupon(), coupon(line=2)),
            (coupon(line=1), coupon(line=2)),
            "half of it said as one version did, half as another",
        ),
    ],
)
def test_anything_else_is_a_difference(
    on_invoice: tuple[Step, ...], again: tuple[Step, ...], why: str
) -> None:
    assert list(compare_line(printed(*on_invoice), printed(*again))), why


def test_figures_are_compared_whatever_the_working() -> None:
    differences = list(compare_line(printed(amount="5"), printed(NOTHING, amount="6")))
    assert [each.what for each in differences] == ["exact_amount", "amount_minor"]


@pytest.mark.parametrize(
    "working",
    [
        (NOTHING,),
        (coupon(line=1), coupon(line=2)),
        (windows("each_month"), flat("percent_tier_flat")),
        (share("given_back_seconds_of_several", units=5, each=20),),
    ],
)
def test_no_earlier_version_charged_another_amount(working: tuple[Step, ...]) -> None:
    """What takes a change back moves no money: the steps still add up to the same."""
    for before in told_before(working):
        assert sum(step.amount for step in before) == sum(step.amount for step in working)
        assert all(step.amount == step.quantity * step.unit_amount for step in before)
        assert msgspec.json.encode(before)
