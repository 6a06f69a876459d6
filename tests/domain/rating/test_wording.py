"""The working in words, in every language that there is."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.working import Step
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.plurals import language_of
from tallybook.domain.rating.figures import Writing
from tallybook.domain.rating.rate import rate_price
from tallybook.domain.rating.wording import CODES, LANGUAGES, explain, explain_working, sentences_of


def amount(number: Decimal) -> str:
    return f"${plain(number)}"


def told(
    rule: dict[str, Any], quantity: str, locale: str = "en", unit: str = "", **fields: Any
) -> list[str]:
    price = msgspec.convert({"key": "p", "name": "P", "rule": rule, **fields}, Price)
    working = rate_price(price, Decimal(quantity)).working
    writing = Writing(language_of(locale), plain, amount)
    return explain_working(working, writing, unit=unit)


TIERS = [{"up_to": "10", "unit_amount": "2", "flat_amount": "1"}, {"unit_amount": "1"}]


@pytest.mark.parametrize(
    ("rule", "quantity", "sentences"),
    [
        ({"model": "flat", "amount": "20"}, "1", ["Flat fee: $20"]),
        ({"model": "per_unit", "unit_amount": "2"}, "1", ["1 call at $2 = $2"]),
        (
            {"model": "graduated", "tiers": TIERS},
            "12",
            [
                "First 10 calls at $2 each = $20",
                "Flat fee for the first tier: $1",
                "Next 2 calls at $1 each = $2",
            ],
        ),
        (
            {"model": "volume", "tiers": TIERS},
            "12",
            ["12 calls, in the tier above 10, all at $1 each = $12"],
        ),
        (
            {"model": "package", "package_size": "100", "package_amount": "5", "free_units": "100"},
            "301",
            ["3 packages of 100 (301 calls, 100 of them free) at $5 each = $15"],
        ),
        (
            {"model": "package", "package_size": "100", "package_amount": "5"},
            "1",
            ["1 package of 100 (1 call) at $5 = $5"],
        ),
        ({"model": "graduated", "tiers": TIERS}, "0", ["No usage to charge for: $0"]),
        (
            {"model": "percentage", "rate_pct": "2.5"},
            "100",
            ["2.5% of $100 = $2.5"],
        ),
    ],
)
def test_in_english(rule: dict[str, Any], quantity: str, sentences: list[str]) -> None:
    assert told(rule, quantity, unit="call") == sentences


def test_units_without_a_name() -> None:
    rule = {"model": "per_unit", "unit_amount": "2"}
    assert told(rule, "1") == ["1 unit at $2 = $2"]
    assert told(rule, "2", "sv_SE") == ["2 enheter à $2 = $4"]
    assert told(rule, "2", "de-AT") == ["2 Einheiten zu je $2 = $4"]
    assert told(rule, "2", "fi") == told(rule, "2", "en")


def test_adjustments_are_told_in_their_order() -> None:
    sentences = told(
        {"model": "per_unit", "unit_amount": "10"},
        "3000",
        unit="tokens",
        conversion={"divide_by": "1000", "unit": "thousand tokens"},
        allowance="1",
        discount_pct="50",
        maximum="4",
    )
    assert sentences == [
        "3000 tokens count as 3 thousand tokens",
        "1 thousand tokens of 1 included: free",
        "2 thousand tokens at $10 each = $20",
        "50% discount on $20: $-10",
        "Never more than $4: $-6",
    ]


def test_a_part_is_named_first() -> None:
    step = Step("cell", Decimal(2), Decimal(3), Decimal(6), {}, {"part": "gpt-4o input"})
    assert explain(step, "en", plain, amount, unit="tokens") == (
        "gpt-4o input: 2 tokens at $3 each = $6"
    )


def test_a_step_of_a_later_version_is_told_by_its_figures() -> None:
    step = Step("unheard_of", Decimal(2), Decimal(3), Decimal(6))
    assert explain(step, "sv", plain, amount) == "2 × $3 = $6"


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("language", LANGUAGES)
def test_words_have_a_form_for_one_and_one_for_all_else(language: str, code: str) -> None:
    for forms in re.findall(r"{\w+:([^}]*\|[^}]*)}", sentences_of(code, language)):
        assert forms.count("|") == 1


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_told_in_every_language_with_the_same_figures(code: str) -> None:
    """A translation that forgot a figure, or has one too many, would tell another bill."""
    kinds = set()
    for language in LANGUAGES:
        template = sentences_of(code, language)
        kinds.add(frozenset(re.findall(r"{(\w+)(?::money)?}", template)) - {"unit", "priced_unit"})
    assert len(kinds) == 1, kinds


def test_models_name_no_code_twice_with_other_words() -> None:
    rule: AnyRule = msgspec.convert({"model": "flat", "amount": 1}, AnyRule)
    assert set(rule.sentences) <= CODES
