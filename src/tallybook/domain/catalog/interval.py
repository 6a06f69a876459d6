"""How long periods are."""

from __future__ import annotations

from enum import StrEnum


class Interval(StrEnum):
    """How long a billing period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"
