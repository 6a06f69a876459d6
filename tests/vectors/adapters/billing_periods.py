"""Billing periods: where a period begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.calendar import days_between
from tallybook.domain.kernel.instants import Span, parse_instant, zone
from tallybook.domain.subscriptions.calendar import (
    Alignment,
    BoundaryTime,
    Cycle,
    elapsed,
    last_completed,
    next_boundary,
    period_containing,
)


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the calendar answers to `given.op`."""
    if given["op"] == "is_within":
        span = Span(parse_instant(given["start"]), parse_instant(given["end"]))
        return {"within": parse_instant(given["at"]) in span}
    return _OPERATIONS[given["op"]](_cycle(given), given)


def _cycle(given: Mapping[str, Any]) -> Cycle:
    return Cycle(
        interval=Interval(given["interval"]["unit"]),
        count=given["interval"]["count"],
        alignment=Alignment(given["alignment"]),
        anchor=parse_instant(given.get("anchor") or given.get("at") or given["after"]),
        timezone=given["tz"],
        boundary_time=BoundaryTime(given["boundary_time"]),
    )


def _containing(cycle: Cycle, given: Mapping[str, Any]) -> dict[str, Any]:
    at = parse_instant(given["at"])
    return _shown(cycle, period_containing(cycle, at, starts_at=_instant(given, "series_start")))


def _last_completed(cycle: Cycle, given: Mapping[str, Any]) -> dict[str, Any]:
    return _shown(cycle, last_completed(cycle, parse_instant(given["at"])))


def _next_boundary(cycle: Cycle, given: Mapping[str, Any]) -> dict[str, Any]:
    ends_at = _instant(given, "series_end")
    after = parse_instant(given["after"])
    return {"boundary": _text(next_boundary(cycle, after, nth=given["nth"], ends_at=ends_at))}


def _elapsed_cycles(cycle: Cycle, given: Mapping[str, Any]) -> dict[str, Any]:
    span = Span(parse_instant(given["series_start"]), parse_instant(given["at"]))
    return {"count": elapsed(cycle, span)}


def _shown(cycle: Cycle, period: Span) -> dict[str, Any]:
    return {
        "start": _text(period.starts),
        "end": _text(period.ends),
        "days": days_between(period.starts, period.ends, zone(cycle.timezone)),
    }


def _instant(given: Mapping[str, Any], field: str) -> datetime | None:
    return parse_instant(given[field]) if given.get(field) else None


def _text(instant: datetime) -> str:
    return instant.isoformat()


_OPERATIONS = {
    "containing": _containing,
    "last_completed": _last_completed,
    "next_boundary": _next_boundary,
    "elapsed_cycles": _elapsed_cycles,
}
