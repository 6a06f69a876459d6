"""Published prices of language models as matrix prices: LiteLLM's list, Pydantic's `genai-prices`.

Both become a price by the dimensions `model` and `kind` (`input`, `output`, `cache_read`, …), a
token being the unit. A model's variants that depend on the size of a request are kinds of their
own: `input_above_200k`. Unit amounts with more than 12 decimals are rounded to 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tallybook.domain.catalog.models.bands import Band, When
from tallybook.domain.catalog.models.cells import Cell
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.price_list import DatedRule, PriceList
from tallybook.domain.catalog.models.time_of_use import TimeOfUse
from tallybook.domain.kernel.decimals import SCALE
from tallybook.domain.kernel.money import round_decimal

DIMENSIONS = ("model", "kind")

_LITELLM = re.compile(
    r"(?:(?P<side>input|output)_cost_per_token"
    r"|(?P<cache>cache_read|cache_creation)_input_token_cost)(?P<variant>_\w+)?"
)
_CACHE = {"cache_read": "cache_read", "cache_creation": "cache_write"}


def litellm_matrix(models: Mapping[str, Any]) -> Matrix:
    """LiteLLM's list of models as one matrix: a cell for each model and each of its token prices.

    Prices that are not of tokens (images, seconds, queries) are left out, and entries that are no
    models. Numbers are read as decimals.
    """
    cells = []
    for model, fields in models.items():
        if model == "sample_spec" or not isinstance(fields, Mapping):
            continue
        for field, number in fields.items():
            found = _LITELLM.fullmatch(field)
            if found is None or not isinstance(number, int | Decimal):
                continue
            kind = (found["side"] or _CACHE[found["cache"]]) + _variant(found["variant"])
            cells.append(Cell((model, kind), _settled(Decimal(number))))
    return Matrix(DIMENSIONS, tuple(cells))


def _variant(text: str | None) -> str:
    return "" if text is None else text.replace("_tokens", "")


GenaiRule = Matrix | PriceList | dict[str, TimeOfUse]


def genai_rule(entry: Mapping[str, Any]) -> GenaiRule:
    """The rule of one model of `genai-prices`: by kind of token, by day, or by time of day.

    Prices that depend on the day become a price list. Those that depend on the time of day become a
    time-of-use price for each kind of token, by its name: bands charge one quantity.
    """
    prices = entry["prices"]
    model = str(entry["id"])
    if isinstance(prices, Mapping):
        return Matrix(DIMENSIONS, tuple(_cells(model, prices)))
    constraints = [each.get("constraint") or {} for each in prices]
    if any("start_time" in constraint for constraint in constraints):
        return _by_time(prices)
    entries = [
        DatedRule(
            Matrix(DIMENSIONS, tuple(_cells(model, each["prices"]))),
            _day(constraint.get("start_date")),
        )
        for each, constraint in zip(prices, constraints, strict=True)
    ]
    return PriceList(tuple(entries))


def _cells(model: str, prices: Mapping[str, Any]) -> Iterator[Cell]:
    for name, price in prices.items():
        kind = name.removesuffix("_mtok")
        if kind == name:
            continue
        base = price if not isinstance(price, Mapping) else price["base"]
        yield Cell((model, kind), _per_token(base))
        for tier in price["tiers"] if isinstance(price, Mapping) else ():
            thousands = int(tier["start"]) // 1000
            yield Cell((model, f"{kind}_above_{thousands}k"), _per_token(tier["price"]))


def _by_time(prices: Sequence[Mapping[str, Any]]) -> dict[str, TimeOfUse]:
    """A later price outranks an earlier one at the times that it names."""
    kinds = dict.fromkeys(name for each in prices for name in each["prices"])
    return {
        kind.removesuffix("_mtok"): TimeOfUse(tuple(_time_bands(prices, kind)), timezone="UTC")
        for kind in kinds
    }


def _time_bands(prices: Sequence[Mapping[str, Any]], kind: str) -> Iterator[Band]:
    for each in reversed(prices):
        if kind not in each["prices"]:
            continue
        rule = PerUnit(_per_token(each["prices"][kind]))
        hours = each.get("constraint")
        if hours is None:
            yield Band("other times", rule)
        else:
            starts, ends = hours["start_time"][:5], hours["end_time"][:5]
            yield Band(f"{starts}–{ends} UTC", rule, (When(from_time=starts, until_time=ends),))


def _per_token(of_a_million: Any) -> Decimal:
    assert isinstance(of_a_million, int | Decimal), "prices are parsed with decimals"
    return _settled(Decimal(of_a_million).scaleb(-6))


def _settled(unit_amount: Decimal) -> Decimal:
    """As many decimals as a unit amount may have: lists carry traces of binary floats beyond."""
    _, _, exponent = unit_amount.as_tuple()
    assert isinstance(exponent, int), "a price is a number"
    return unit_amount if -exponent <= SCALE else round_decimal(unit_amount, SCALE)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
