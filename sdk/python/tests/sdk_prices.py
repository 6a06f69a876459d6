"""What a usage costs by a published price list, computed apart from the library under test.

The list is that of genai-prices: providers, models that match by clauses, prices per million tokens
with tiers by the size of the whole input, and prices that hold from a date or within hours.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

LISTED_AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
"""When the recorded prices were worked out: after June 2025, before September 2026."""

MILLION = Decimal(1_000_000)
FALLS_BACK = {
    "cache_audio_read": ("cache_read", "input_audio", "input"),
    "cache_read": ("input",),
    "cache_write": ("input",),
    "input_audio": ("input",),
    "output_audio": ("output",),
    "output_image": ("output",),
}
"""A kind without a price of its own is charged as the next that has one."""


class PriceList:
    """Published prices, looked up as their publisher does."""

    def __init__(self, folder: Path) -> None:
        with gzip.open(folder / "data.json.gz", "rt", encoding="utf-8") as file:
            listed = json.load(file, parse_float=Decimal)
        self._providers = {provider["id"]: provider for provider in listed}

    def cost(
        self, provider: str, model: str, tokens: Mapping[str, int]
    ) -> tuple[Decimal, Decimal] | None:
        """Input and output in USD; None if the list has no such model."""
        prices = self._prices(provider, model)
        if prices is None:
            return None
        size = tokens["input_total"]
        sides = (
            ("input", "input_audio", "cache_read", "cache_audio_read", "cache_write"),
            ("output", "output_audio", "output_image"),
        )
        entered, left = (
            sum((tokens.get(kind, 0) * _rate(prices, kind, size) for kind in side), Decimal(0))
            for side in sides
        )
        return entered / MILLION, left / MILLION

    def _prices(self, provider: str, model: str) -> Mapping[str, Any] | None:
        listed = self._providers.get(provider)
        for candidate in listed["models"] if listed else ():
            if _matches(candidate["match"], model):
                return _in_force(candidate["prices"])
        for other in (listed or {}).get("fallback_model_providers") or ():
            found = self._prices(other, model)
            if found is not None:
                return found
        return None


def _rate(prices: Mapping[str, Any], kind: str, size: int) -> Decimal:
    for name in (kind, *FALLS_BACK.get(kind, ())):
        price = prices.get(f"{name}_mtok")
        if price is None:
            continue
        if isinstance(price, Mapping):
            reached = [tier["price"] for tier in price["tiers"] if size > tier["start"]]
            price = reached[-1] if reached else price["base"]
        return Decimal(price)
    return Decimal(0)


def _in_force(prices: Any) -> Mapping[str, Any]:
    if isinstance(prices, Mapping):
        return prices
    for conditional in reversed(prices):
        if _holds(conditional.get("constraint") or {}):
            found: Mapping[str, Any] = conditional["prices"]
            return found
    raise AssertionError("one price always holds")


def _holds(constraint: Mapping[str, str]) -> bool:
    if "start_date" in constraint:
        return constraint["start_date"] <= LISTED_AT.date().isoformat()
    if "start_time" in constraint:
        return constraint["start_time"] <= f"{LISTED_AT:%H:%M:%S}Z" < constraint["end_time"]
    return True


def _matches(clause: Mapping[str, Any], model: str) -> bool:
    name = model.lower()
    for kind, value in clause.items():
        match kind:
            case "or":
                fits = any(_matches(each, model) for each in value)
            case "and":
                fits = all(_matches(each, model) for each in value)
            case "equals":
                fits = name == value.lower()
            case "starts_with":
                fits = name.startswith(value.lower())
            case "ends_with":
                fits = name.endswith(value.lower())
            case "contains":
                fits = value.lower() in name
            case _:
                fits = re.search(value, name) is not None
        if not fits:
            return False
    return True
