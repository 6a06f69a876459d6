"""Successive runs over one period: translated and rated again by the project's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tallybook.domain.catalog.usage_need import Portion
from tallybook.domain.rating.rerate import MinimumFalls, rerate
from vectors.adapters.pricing import price_of


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    runs = [_portions(quantities) for quantities in given["cumulative"]]
    final_only = given.get("policy", {}).get("minimum_on_final_only")
    falls = MinimumFalls.FINAL_RUN if final_only else MinimumFalls.EVERY_RUN
    return {"deltas": rerate(price_of(given), runs, scale=given.get("scale", 2), minimum=falls)}


def _portions(quantities: str | list[str]) -> list[Portion]:
    if isinstance(quantities, str):
        return [Portion(Decimal(quantities))]
    return [
        Portion(Decimal(quantity), {"part": str(place)})
        for place, quantity in enumerate(quantities)
    ]
