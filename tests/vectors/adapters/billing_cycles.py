"""Periods billed in advance, and the share of a full one that each is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.proration import begun_periods, share_of_period


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    """The share of each period that has begun at `given.target`."""
    cycle = Cycle(
        interval=Interval(given["interval"]),
        alignment=Alignment.ANNIVERSARY,
        anchor=_midnight(given["first_cycle_date"]),
        timezone="UTC",
    )
    periods = begun_periods(
        cycle,
        _midnight(given["start"]),
        until=_midnight(given["target"]),
        ends_at=_midnight(given["end"]) if given["end"] else None,
    )
    return {"cycles": [str(share_of_period(cycle, period)) for period in periods]}


def _midnight(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
