"""Differences between plan versions as sentences: docs/semantics/plans.md."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.difference import compare_versions
from tallybook.domain.catalog.difference_wording import sentence
from tallybook.domain.catalog.plan import PlanTerms

FEE: dict[str, Any] = {"key": "base", "name": "Fee", "rule": {"model": "flat", "amount": "20"}}
TIERS = [{"up_to": "10", "unit_amount": "0.10"}, {"unit_amount": "0.05"}]
CALLS: dict[str, Any] = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "graduated", "tiers": TIERS},
}


def plan(*prices: dict[str, Any], **fields: Any) -> PlanTerms:
    whole = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": prices, **fields}
    return msgspec.convert(whole, PlanTerms)


def cheaper(amount: str) -> dict[str, Any]:
    tiers = [{"up_to": "10", "unit_amount": amount}, {"unit_amount": "0.05"}]
    return CALLS | {"rule": {"model": "graduated", "tiers": tiers}}


@pytest.mark.parametrize(
    ("after", "told", "why"),
    [
        (plan(FEE, CALLS), [], "the same is nothing to tell"),
        (
            plan(FEE, cheaper("0.08")),
            ["Price “Calls”: rule tier 1 unit amount goes from 0.1 to 0.08 (−20 %)."],
            "by the price's name; tiers count from 1",
        ),
        (
            plan(FEE, cheaper("0.13333")),
            ["Price “Calls”: rule tier 1 unit amount goes from 0.1 to 0.13333 (+33.3 %)."],
            "to a tenth of a percent",
        ),
        (
            plan(FEE, cheaper("0")),
            ["Price “Calls”: rule tier 1 unit amount goes from 0.1 to 0 (−100 %)."],
            "free is all of it less",
        ),
        (plan(FEE), ["Price “Calls” is charged no more."], ""),
        (plan(FEE, CALLS, CALLS | {"key": "x", "name": "X"}), ["Price “X” is new."], ""),
        (
            plan(FEE, CALLS | {"rule": {"model": "per_unit", "unit_amount": "1"}}),
            ["Price “Calls”: rule is another one."],
            "another model has other parts; they are not compared",
        ),
        (
            plan(FEE, CALLS | {"allowance": "5"}),
            ["Price “Calls”: allowance is new, 5."],
            "",
        ),
        (
            plan(FEE, CALLS, name="Pro+"),
            ["The plan: name goes from Pro to Pro+."],
            "texts have no percentage",
        ),
        (
            plan(FEE, CALLS, interval="year"),
            ["The plan: interval goes from month to year."],
            "",
        ),
        (plan(CALLS, FEE), ["The plan: prices are in another order."], ""),
        (
            plan(FEE, CALLS, grants=[{"feature": "sso"}]),
            ["Feature “sso” is granted."],
            "",
        ),
    ],
)
def test_sentences(after: PlanTerms, told: list[str], why: str) -> None:
    before = plan(FEE, CALLS)
    found = [sentence(each, before, after) for each in compare_versions(before, after)]
    assert found == told, why


def test_grants_that_change() -> None:
    before = plan(FEE, grants=[{"feature": "seats", "limit": 3}, {"feature": "sso"}])
    after = plan(FEE, grants=[{"feature": "seats", "limit": 5}])
    assert [sentence(each, before, after) for each in compare_versions(before, after)] == [
        "Feature “seats”: limit goes from 3 to 5 (+66.7 %).",
        "Feature “sso” is granted no more.",
    ]


def test_a_plan_that_is_new() -> None:
    [new] = compare_versions(None, plan(FEE))
    assert sentence(new, None, plan(FEE)) == "Plan Pro is new."


def test_from_nothing_there_is_no_percentage() -> None:
    free = plan(FEE | {"rule": {"model": "flat", "amount": "0"}})
    [changed] = compare_versions(free, plan(FEE))
    assert sentence(changed, free, plan(FEE)) == "Price “Fee”: rule amount goes from 0 to 20."
