"""Hold what corrections put into the log to the organization's event types."""

from __future__ import annotations

from collections.abc import Iterable

from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.quality import Happening
from tallybook.domain.events.rules import NO_RULES, Rules, Violation
from tallybook.domain.kernel.errors import Invalid
from tallybook.services.ports import Wiring


def rules_for(wiring: Wiring, organization_id: str) -> Rules:
    """The organization's rules; those of its types hold for corrections, its limits of time not."""
    return wiring.event_rules.of(organization_id) or NO_RULES


def refuse_violation(violation: Violation | None) -> None:
    """`Invalid` for what a strict type would keep out of the log."""
    if violation is not None and violation.is_refused:
        reason = violation.reason
        raise Invalid("breaks_schema", reason.reason, field=reason.field, mend=reason.mend)


def count_violations(wiring: Wiring, organization_id: str, events: Iterable[SentEvent]) -> None:
    """Count, for the report on quality, events that were put in although they break a schema."""
    happened = [(event.type, event.source, Happening.VIOLATION) for event in events]
    if happened:
        wiring.event_counts.add(organization_id, wiring.now().date(), happened)
