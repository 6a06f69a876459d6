"""Plans: named sets of prices whose versions never change once published."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.price import Price


class Interval(StrEnum):
    """How long a billing period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


class PlanVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable set of prices in one currency, billed every `interval_count` intervals."""

    id: str
    plan_key: str
    version: int
    name: str
    currency: str
    interval: Interval = Interval.MONTH
    interval_count: int = 1
    prices: tuple[Price, ...]
    created_at: datetime
