"""What of a line of usage was used by the time that a plan with a promise was left.

A price that both plans have goes on through the change, in one line with one set of tiers; of the
promise of the plan that is left only what was used by then counts. Rules:
docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.working import ZERO, RatedLine, Step
from tallybook.domain.invoicing.charges import RatedCharge
from tallybook.domain.kernel.instants import zone
from tallybook.domain.kernel.money import round_decimal

USED_UNTIL = "used_until"
"""The step that says so; it costs nothing."""


def used_until_step(at: datetime, rated: RatedLine, *, digits: int, timezone: str) -> Step:
    """What usage up to `at` costs by itself, as it would have been printed then."""
    labels = {"instant": at.isoformat(), "at": f"{at.astimezone(zone(timezone)):%Y-%m-%d %H:%M}"}
    terms = {"charged": round_decimal(rated.amount, digits)}
    return Step(USED_UNTIL, rated.quantity, ZERO, ZERO, terms, labels)


def with_used_until(
    charged: RatedCharge,
    parts: Sequence[tuple[datetime, RatedCharge]],
    *,
    digits: int,
    timezone: str,
) -> RatedCharge:
    """A line that says what it came to by each time that a plan was left; without any, itself."""
    if not parts:
        return charged
    steps = (
        used_until_step(at, part.rated, digits=digits, timezone=timezone) for at, part in parts
    )
    rated = charged.rated
    told = RatedLine(rated.quantity, rated.amount, (*rated.working, *steps))
    return msgspec.structs.replace(charged, rated=told)


def used_until(working: Iterable[Step]) -> dict[datetime, Decimal]:
    """What a line says that it came to by each time that a plan was left."""
    return {
        datetime.fromisoformat(step.labels["instant"]): step.terms["charged"]
        for step in working
        if step.code == USED_UNTIL
    }
