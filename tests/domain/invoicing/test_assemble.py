"""Invoices as they are put together: ids, lines, totals, numbers, verification."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import AT, customer, day, fee, meter, plan, price, subscription, usage
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.invoicing.assemble import assemble_invoice, invoice_id
from tallybook.domain.invoicing.charges import charges_due, rate_fee, rate_metered
from tallybook.domain.invoicing.invoice import Invoice, LineItem, Occasion
from tallybook.domain.invoicing.numbering import invoice_number, is_invoice_number
from tallybook.domain.invoicing.verification import charge_of, verify
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.cycle import End, Open, Renew, next_period

CALLS = price("calls", "per_unit", meter="calls", unit_amount="0.0033")
TIERED = price(
    "tiered",
    "graduated",
    meter="calls",
    tiers=[{"up_to": "10", "unit_amount": "0.125"}, {"unit_amount": "0.0625"}],
)
PLAN = plan(fee("base", "10.005", "in_advance"), fee("support", "30"), CALLS, TIERED)


def invoice(
    quantity: str = "12", *, decision: Open | Renew | End | None = None, of: PlanVersion = PLAN
) -> Invoice:
    begun = subscription()
    decided = decision or Renew(next_period(begun))
    rated = [
        rate_fee(charge)
        if charge.price.meter is None
        else rate_metered(charge, meter(), customer(), [usage(quantity, charge.service_period)], 7)
        for charge in charges_due(of, begun, decided)
    ]
    made = assemble_invoice(
        organization_id="org_1",
        subscription=begun,
        customer=customer(),
        plan=of,
        decision=decided,
        charges=rated,
        as_of=7,
        created_at=AT,
    )
    assert made is not None
    return made


def test_lines_are_in_the_plans_order_and_rounded_once() -> None:
    lines = invoice().lines
    assert [(line.number, line.price_key, line.amount_minor) for line in lines] == [
        (1, "base", 1001),
        (2, "support", 3000),
        (3, "calls", 4),
        (4, "tiered", 138),
    ]
    assert lines[3].exact_amount == Decimal("1.375")
    assert [line.service_period.starts for line in lines] == [day(2), day(1), day(1), day(1)]


def test_the_opening_has_its_own_invoice() -> None:
    period = Span(day(1), day(2))
    opening = invoice(decision=Open(period))
    assert opening.occasion is Occasion.OPENING
    assert [line.price_key for line in opening.lines] == ["base"]
    assert opening.period == period
    assert opening.id != invoice().id


def test_a_boundary_at_which_nothing_is_charged_has_no_invoice() -> None:
    in_arrears = plan(fee("support", "30"), CALLS)
    begun = subscription()
    assert charges_due(in_arrears, begun, Open(begun.period)) == ()
    nothing = assemble_invoice(
        organization_id="org_1",
        subscription=begun,
        customer=customer(),
        plan=in_arrears,
        decision=Open(begun.period),
        charges=[],
        as_of=7,
        created_at=AT,
    )
    assert nothing is None


def test_the_start_of_a_period_names_its_invoice_and_nothing_else_does() -> None:
    whole, cut = Span(day(1), day(2)), Span(day(1), day(1, 9))
    kept = invoice_id("org_1", "sub_1", Occasion.PERIOD, whole)
    assert invoice_id("org_1", "sub_1", Occasion.PERIOD, cut) == kept
    others = {
        invoice_id("org_2", "sub_1", Occasion.PERIOD, whole),
        invoice_id("org_1", "sub_2", Occasion.PERIOD, whole),
        invoice_id("org_1", "sub_1", Occasion.OPENING, whole),
        invoice_id("org_1", "sub_1", Occasion.PERIOD, Span(day(2), day(3))),
    }
    assert len(others | {kept}) == 5


@given(
    st.decimals(0, 10**15, places=12),
    st.lists(st.decimals(0, 10**6, places=12), min_size=1, max_size=6),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_total_is_the_sum_of_the_lines(
    quantity: Decimal, unit_amounts: list[Decimal], currency: str
) -> None:
    prices = [
        price(f"p{place}", "per_unit", meter="calls", unit_amount=str(amount))
        for place, amount in enumerate(unit_amounts)
    ]
    made = invoice(str(quantity), of=plan(*prices, currency=currency))
    assert made.total_minor == sum(line.amount_minor for line in made.lines)
    digits = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    for line in made.lines:
        with exactly():
            assert sum(step.amount for step in line.working) == line.exact_amount
            assert abs(line.exact_amount.scaleb(digits) - line.amount_minor) <= Decimal("0.5")


@given(st.decimals(0, 10**12, places=6))
def test_assembling_again_gives_the_identical_bytes(quantity: Decimal) -> None:
    assert msgspec.json.encode(invoice(str(quantity))) == msgspec.json.encode(
        invoice(str(quantity))
    )


@pytest.mark.parametrize(
    ("text", "is_number", "why"),
    [
        (invoice_number(2026, 1), True, "the first of a year"),
        (invoice_number(2026, 1_234_567), True, "more than six digits"),
        ("inv_0123", False, "an id"),
        ("INV-26-000001", False, "no year"),
    ],
)
def test_numbers_are_told_from_ids(text: str, is_number: bool, why: str) -> None:
    assert is_invoice_number(text) is is_number, why


def again(kept: Invoice, quantity: str = "12") -> dict[int, LineItem]:
    return {line.number: line for line in invoice(quantity).lines}


def test_an_untouched_invoice_is_equal() -> None:
    verification = verify(invoice(), PLAN, again(invoice()))
    assert verification.is_equal
    assert (verification.lines_checked, verification.events_counted) == (4, 2)


def changed_line(kept: Invoice, number: int, **fields: object) -> Invoice:
    lines = tuple(
        msgspec.structs.replace(line, **fields) if line.number == number else line
        for line in kept.lines
    )
    return msgspec.structs.replace(kept, lines=lines)


TAMPERED: list[tuple[Callable[[Invoice], Invoice], set[tuple[int | None, str]], str]] = [
    (
        lambda kept: changed_line(kept, 4, amount_minor=139),
        {(4, "amount_minor"), (None, "total_minor")},
        "an amount no longer makes up the total",
    ),
    (
        lambda kept: msgspec.structs.replace(kept, total_minor=kept.total_minor + 1),
        {(None, "total_minor")},
        "nor does another total",
    ),
    (
        lambda kept: changed_line(kept, 3, exact_amount=Decimal("0.04")),
        {(3, "exact_amount")},
        "what is below the printed cent is compared too",
    ),
    (
        lambda kept: changed_line(kept, 4, working=kept.lines[3].working[:1]),
        {(4, "working/1")},
        "a step that is gone is named",
    ),
    (
        lambda kept: msgspec.structs.replace(kept, lines=kept.lines[:3], total_minor=4005),
        {(None, "line for tiered")},
        "a price that is owed has a line",
    ),
    (
        lambda kept: changed_line(kept, 3, price_key="gone"),
        {(3, "price"), (None, "line for calls")},
        "a line is for a price of the plan version",
    ),
]


@pytest.mark.parametrize(("tamper", "named", "why"), TAMPERED)
def test_what_differs_is_named(
    tamper: Callable[[Invoice], Invoice], named: set[tuple[int | None, str]], why: str
) -> None:
    kept = tamper(invoice())
    begun = subscription()
    recomputed = {
        number: line
        for number, line in again(kept).items()
        if all(
            charge_of(printed, PLAN, begun) is not None
            for printed in kept.lines
            if printed.number == number
        )
    }
    differences = verify(kept, PLAN, recomputed).differences
    assert {(difference.line, difference.what) for difference in differences} == named, why


def test_other_usage_differs_in_all_that_follows_from_it() -> None:
    differences = verify(invoice("12"), PLAN, again(invoice(), "13")).differences
    tiered = {difference.what for difference in differences if difference.line == 4}
    assert tiered == {"quantity", "checksum", "exact_amount", "amount_minor", "working/1"}
