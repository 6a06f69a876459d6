"""Drafts drawn up again with late events, whatever acts on them: docs/semantics/restatements.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played, printed
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
FEE: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "100"}}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def plan(story: Story, key: str, *prices: Answer, **conditions: object) -> None:
    body = {"key": key, "name": key, "currency": "EUR", "prices": list(prices), **conditions}
    story.post("/v1/plans", body)


def redrawn(story: Story) -> list[list[tuple[str, str, str]]]:
    """The bills after late events were looked for; each is verified."""
    run = story.post("/v1/restatement-runs")
    assert (run["restated"], run["stuck"]) == (0, [])
    assert run["recalculated"] > 0
    bills = story.proved("acme")
    for invoice in bills:
        assert sum(line["amount_minor"] for line in invoice["lines"]) == invoice["total_minor"]
    return [printed(invoice) for invoice in bills]


def test_a_commitment_is_drawn_down_anew(story: Story) -> None:
    """What came late in January is missing less at the end of the year."""
    promise = {"key": "promise", "name": "Promise", "per": "year", "amounts": ["100"]}
    plan(story, "pro", CALLS, commitments=[promise])
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 2, year=2027))
    assert printed(story.invoices("acme")[11])[-1] == ("promise", "1", "100.00")
    story.call("acme", day(1, 5), day(1, 6))
    january, *_, december = redrawn(story)
    assert january == [("calls", "2", "20.00")]
    assert december == [("calls", "0", "0.00"), ("promise", "1", "80.00")]


def test_a_coupon_takes_its_part_of_what_came_late(story: Story) -> None:
    plan(story, "pro", FEE, CALLS)
    story.subscribe("acme", "pro", day(1))
    coupon = {"key": "TWICE", "name": "Twice", "rate_pct": "10", "frequency": "recurring"}
    story.post("/v1/coupons", coupon | {"periods": 2})
    story.post("/v1/coupon-redemptions", {"code": "TWICE", "customer": "acme"})
    story.pass_time(day(4, 2))
    story.call("acme", day(1, 5), day(2, 5), day(3, 5))
    amounts = [[amount for _, _, amount in bill] for bill in redrawn(story)]
    assert amounts == [
        ["100.00", "10.00", "-11.00"],
        ["100.00", "10.00", "-11.00"],
        ["100.00", "10.00"],
    ]


def test_units_that_are_kept_are_kept_anew(story: Story) -> None:
    """Ten a month, what is left good for one more: January uses eight late, so February has two."""
    shared = {
        "key": "units",
        "name": "Units",
        "units": "10",
        "prices": ["calls"],
        "keeps_periods": 1,
    }
    plan(story, "pro", CALLS, shared_allowances=[shared])
    story.subscribe("acme", "pro", day(1))
    story.call("acme", *(day(2, at) for at in range(1, 16)))
    story.pass_time(day(3, 2))
    assert printed(story.invoices("acme")[1])[0] == ("calls", "15", "0.00")
    story.call("acme", *(day(1, at) for at in range(1, 9)))
    january, february = redrawn(story)
    assert january[0] == ("calls", "8", "0.00")
    assert february[0] == ("calls", "15", "30.00"), "fifteen of ten and the two that are left"


def test_usage_before_and_after_a_change_has_its_own_prices(story: Story) -> None:
    plan(story, "basic", CALLS)
    dear = CALLS | {"rule": {"model": "per_unit", "unit_amount": "20"}}
    plan(story, "pro", dear)
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 16))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "plan", "plan": "pro"}})
    story.pass_time(day(2, 2))
    story.call("acme", day(1, 5), day(1, 20))
    [*_, january] = redrawn(story)
    assert sorted(amount for _, _, amount in january) == ["10.00", "20.00"]


def coupon(story: Story, **said: object) -> None:
    """A coupon that is used once, redeemed by acme."""
    story.post("/v1/coupons", {"key": "ONE", "name": "One", **said})
    story.post("/v1/coupon-redemptions", {"code": "ONE", "customer": "acme"})


def also(story: Story, key: str, plan: str, starts: str, alignment: str = "calendar") -> None:
    """Another subscription of acme's."""
    body = {"key": key, "customer": "acme", "plan": plan, "alignment": alignment}
    story.post("/v1/subscriptions", {**body, "starts_at": starts})


def amounts(bills: list[list[tuple[str, str, str]]]) -> list[list[str]]:
    return [[amount for _, _, amount in bill] for bill in bills]


@pytest.mark.parametrize(
    ("said", "bills", "why"),
    [
        ({"rate_pct": "50"}, [["10.00", "-5.00"], ["10.00"]], "the earlier bill has the only use"),
        (
            {"amount": "10", "currency": "EUR"},
            [["10.00", "-10.00"], ["10.00"]],
            "it is all used up by the earlier bill",
        ),
        (
            {"amount": "15", "currency": "EUR"},
            [["10.00", "-10.00"], ["10.00", "-5.00"]],
            "what the earlier bill leaves is the later one's",
        ),
    ],
)
def test_a_coupon_is_used_once_also_by_a_bill_that_had_nothing_to_discount(
    story: Story, said: Answer, bills: list[list[str]], why: str
) -> None:
    """Nothing in January, ten in February: the coupon acts there; then January has a call too."""
    plan(story, "pro", CALLS)
    story.subscribe("acme", "pro", day(1))
    coupon(story, **said)
    story.call("acme", day(2, 5))
    story.pass_time(day(3, 2))
    assert len(story.invoices("acme")[0]["lines"]) == 1
    story.call("acme", day(1, 5))
    assert amounts(redrawn(story)) == bills, why


def test_a_coupon_that_another_subscription_used_since_is_used_up(story: Story) -> None:
    plan(story, "pro", CALLS)
    plan(story, "fee", FEE)
    story.subscribe("acme", "pro", day(1))
    coupon(story, amount="10", currency="EUR")
    story.pass_time(day(2, 2))
    also(story, "other", "fee", "2026-02-01T00:00:00Z")
    story.pass_time(day(3, 2))
    story.call("acme", day(1, 5))
    assert sorted(amounts(redrawn(story))) == [["0.00"], ["10.00"], ["100.00", "-10.00"]]


def test_a_bill_whose_rest_of_a_coupon_another_used_stays_as_it_is(story: Story) -> None:
    """150 off: January takes 110, what is left goes off another's bill; a call comes late."""
    plan(story, "pro", FEE, CALLS)
    plan(story, "fee", FEE)
    story.subscribe("acme", "pro", day(1))
    also(story, "other", "fee", "2026-01-15T00:00:00Z", "anniversary")
    coupon(story, amount="150", currency="EUR")
    story.call("acme", day(1, 5))
    story.pass_time(day(2, 20))
    january, other = story.invoices("acme")
    assert amounts([printed(january), printed(other)]) == [
        ["100.00", "10.00", "-110.00"],
        ["100.00", "-40.00"],
    ]
    story.call("acme", day(1, 6))
    refused = story.refused(f"/v1/invoices/{january['id']}/recalculate", {})
    assert (refused["status"], refused["code"]) == (409, "coupon_used_later")
