"""Published prices of language models as matrix prices: LiteLLM's list, Pydantic's `genai-prices`.

Both become a price by the dimensions `model` and `kind` (`input`, `output`, `cache_read`, …), of
models of several providers also by `provider`, a token being the unit. A model's variants that
depend on the size of a request are kinds of their own: `input_above_200k`. Unit amounts with more
than 12 decimals are rounded to 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from tallybook.domain.catalog.models.bands import Band, When
from tallybook.domain.catalog.models.cells import Cell
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.price_list import DatedRule, PriceList
from tallybook.domain.catalog.models.time_of_use import TimeOfUse
from tallybook.domain.kernel.decimals import SCALE
from tallybook.domain.kernel.money import round_decimal

DIMENSIONS = ("model", "kind")
OF_PROVIDERS = ("provider", *DIMENSIONS)

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


class ListedModel(msgspec.Struct, frozen=True):
    """One model of `genai-prices`, and whose it is."""

    provider: str
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its own name; those of several providers may be alike."""
        return str(self.entry["id"])

    @property
    def prices(self) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Its prices in order, each with what it is constrained to, which is nothing for one."""
        prices = self.entry["prices"]
        if isinstance(prices, Mapping):
            return [({}, prices)]
        return [(each.get("constraint") or {}, each["prices"]) for each in prices]

    @property
    def is_by_time(self) -> bool:
        """Whether its prices depend on the time of day."""
        return any("start_time" in constraint for constraint, _ in self.prices)

    def values(self, dimensions: Sequence[str], kind: str) -> tuple[str, ...]:
        """The dimension values of usage of one kind of token."""
        named = {"provider": self.provider, "model": self.name, "kind": kind}
        return tuple(named[dimension] for dimension in dimensions)


def genai_dimensions(models: Sequence[ListedModel]) -> tuple[str, ...]:
    """What usage is told apart by: also by provider, where there are several."""
    return DIMENSIONS if len({model.provider for model in models}) == 1 else OF_PROVIDERS


def genai_tokens(models: Sequence[ListedModel]) -> Matrix | PriceList | None:
    """The prices of all these models as one: a matrix, or a list of them by the days on which any
    price changes. None of those that depend on the time of day, which bands charge apart."""
    dimensions = genai_dimensions(models)
    listed = [model for model in models if not model.is_by_time]
    days = {
        _day(constraint.get("start_date")) for model in listed for constraint, _ in model.prices
    }
    starts = sorted(days - {None}, key=str)
    entries = [(day, tuple(_cells_on(day, listed, dimensions))) for day in (None, *starts)]
    entries = [each for each in entries if each[1]]
    if not entries:
        return None
    if len(entries) == 1 and entries[0][0] is None:
        return Matrix(dimensions, entries[0][1])
    return PriceList(tuple(DatedRule(Matrix(dimensions, cells), day) for day, cells in entries))


def genai_by_time(model: ListedModel) -> dict[str, TimeOfUse]:
    """The prices of a model that depend on the time of day: for each kind of token, by its name.

    Bands charge one quantity, so that each kind is a price of its own.
    """
    return _by_time([{"constraint": given or None, "prices": told} for given, told in model.prices])


def _cells_on(
    day: date | None, models: Iterable[ListedModel], dimensions: Sequence[str]
) -> Iterator[Cell]:
    """The cells that are in force from a day on: of each model those of its last price by then."""
    for model in models:
        told: Mapping[str, Any] = {}
        for constraint, prices in model.prices:
            starts = _day(constraint.get("start_date"))
            if starts is None or (day is not None and starts <= day):
                told = prices
        yield from _cells(model, told, dimensions)


def _cells(
    model: ListedModel, prices: Mapping[str, Any], dimensions: Sequence[str]
) -> Iterator[Cell]:
    for name, price in prices.items():
        kind = name.removesuffix("_mtok")
        if kind == name:
            continue
        base = price if not isinstance(price, Mapping) else price["base"]
        yield Cell(model.values(dimensions, kind), _per_token(base))
        for tier in price["tiers"] if isinstance(price, Mapping) else ():
            above = f"{kind}_above_{int(tier['start']) // 1000}k"
            yield Cell(model.values(dimensions, above), _per_token(tier["price"]))


def not_of_tokens(model: ListedModel) -> list[str]:
    """The prices of a model that are not of tokens, and are left out."""
    return sorted({name for _, told in model.prices for name in told if not name.endswith("_mtok")})


def _by_time(prices: Sequence[Mapping[str, Any]]) -> dict[str, TimeOfUse]:
    """A later price outranks an earlier one at the times that it names."""
    kinds = dict.fromkeys(
        name for each in prices for name in each["prices"] if name.endswith("_mtok")
    )
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
