"""What differs between two versions of a plan."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.difference import compare_versions
from tallybook.domain.catalog.plan import PlanTerms

FEE = {"key": "base", "name": "Base fee", "rule": {"model": "flat", "amount": "20"}}
TOKENS: dict[str, Any] = {
    "key": "tokens",
    "name": "Tokens",
    "meter": "tokens",
    "rule": {
        "model": "graduated",
        "tiers": [{"up_to": "1000", "unit_amount": "0.10"}, {"unit_amount": "0.05"}],
    },
}


def plan(*prices: dict[str, Any], **fields: Any) -> PlanTerms:
    whole = {"key": "pro", "name": "Pro", "currency": "USD", "prices": prices, **fields}
    return msgspec.convert(whole, PlanTerms)


def changed(price: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return price | fields


LATER_TIERS = [{"up_to": "1000.0", "unit_amount": "0.100"}, {"unit_amount": "0.04"}]
MORE_TIERS = [*TOKENS["rule"]["tiers"][:1], {"up_to": "2000", "unit_amount": "0.05"}, {}]


@pytest.mark.parametrize(
    ("after", "expected", "why"),
    [
        (plan(FEE, TOKENS), [], "the same"),
        (plan(FEE, TOKENS, name="Pro+"), [("changed", "name", "Pro", "Pro+")], "a new name"),
        (
            plan(FEE, changed(TOKENS, rule={"model": "graduated", "tiers": LATER_TIERS})),
            [("changed", "prices/tokens/rule/tiers/1/unit_amount", "0.05", "0.04")],
            "numbers are compared as numbers, so 0.100 is 0.10",
        ),
        (
            plan(FEE, changed(TOKENS, allowance="500")),
            [("added", "prices/tokens/allowance", None, "500")],
            "what was not said before",
        ),
        (
            plan(TOKENS),
            [
                (
                    "removed",
                    "prices/base",
                    '{"name":"Base fee","rule":{"model":"flat","amount":"20"}}',
                    None,
                )
            ],
            "a price gone, as a whole",
        ),
        (
            plan(FEE, changed(TOKENS, rule={"model": "per_unit", "unit_amount": "0.1"})),
            [
                (
                    "changed",
                    "prices/tokens/rule",
                    '{"model":"graduated","tiers":[{"up_to":"1000","unit_amount":"0.10"},'
                    '{"unit_amount":"0.05"}]}',
                    '{"model":"per_unit","unit_amount":"0.1"}',
                )
            ],
            "another model is another rule, not a list of fields",
        ),
        (
            plan(TOKENS, FEE),
            [("moved", "prices", "base, tokens", "tokens, base")],
            "the order is that of the invoice",
        ),
        (
            plan(FEE, changed(TOKENS, rule={"model": "graduated", "tiers": MORE_TIERS})),
            [
                ("added", "prices/tokens/rule/tiers/1/up_to", None, "2000"),
                ("added", "prices/tokens/rule/tiers/2", None, "{}"),
            ],
            "a tier more",
        ),
    ],
)
def test_compare(after: PlanTerms, expected: list[tuple[str, ...]], why: str) -> None:
    found = compare_versions(plan(FEE, TOKENS), after)
    assert [(d.change.value, d.path, d.before, d.after) for d in found] == expected, why


def test_a_new_plan_is_one_difference() -> None:
    (only,) = compare_versions(None, plan(FEE))
    assert (only.change.value, only.path, only.before) == ("added", "", None)
