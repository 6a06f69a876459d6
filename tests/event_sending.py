"""Events sent to the log of a test, as a request would bring them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tallybook.domain.events.event import EventQuery, StoredEvent, Verdict
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.services.ports import Appended, EventLog

ARRIVED = datetime(2026, 11, 20, 8, tzinfo=UTC)
PLAIN = {"type": "call", "customer": "acme", "time": "2026-03-01T12:00:00Z"}


def sent(id_: str, **changes: Any) -> dict[str, Any]:
    """An event as its sender writes it."""
    return {"id": id_, **PLAIN, **changes}


def append(
    log: EventLog, events: Sequence[dict[str, Any]], organization: str = "org_a"
) -> Appended:
    """Append events that are in order, and wait until they are in the log."""
    reading = read_events(msgspec.json.encode(events), Form.JSON)
    assert not reading.rejected, reading.rejected
    return log.append(organization, reading.events, reading.texts, received_at=ARRIVED).result(60)


def verdicts(log: EventLog, *events: dict[str, Any], organization: str = "org_a") -> list[str]:
    """The verdict on each of `events`, with the field for a conflict."""
    appended = append(log, events, organization)
    answers = []
    for number in range(len(events)):
        not_taken = appended.exceptions.get(number)
        if not_taken is None:
            answers.append(Verdict.ACCEPTED.value)
        else:
            answers.append(f"{not_taken.verdict.value} {not_taken.field}".strip())
    return answers


def everything(log: EventLog, organization: str = "org_a", **wanted: Any) -> list[StoredEvent]:
    """The organization's events by position."""
    found = log.find(organization, EventQuery(**wanted), before=2**63 - 1, limit=100_000)
    return found[::-1]
