"""Look into the log of events."""

from __future__ import annotations

from tallybook.domain.events.event import EventQuery, StoredEvent
from tallybook.domain.kernel.errors import Invalid
from tallybook.services.ports import Wiring


def list_events(
    wiring: Wiring, organization_id: str, wanted: EventQuery, *, after: str, limit: int
) -> tuple[list[StoredEvent], str | None]:
    """Events, the last to arrive first, and the cursor to go on after, or None at the end.

    Void ones are among them, and each says what corrections have made of it by now.

    Pages do not move while new events arrive: those have higher positions.
    """
    before = _position(after) if after else wiring.event_log.position() + 1
    found = wiring.event_log.find(organization_id, wanted, before=before, limit=limit + 1)
    next_ = str(found[limit - 1].position) if len(found) > limit else None
    return wiring.corrections.annotated(organization_id, found[:limit]), next_


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 20):
        raise Invalid(
            "bad_cursor",
            "This is no cursor.",
            field="after",
            mend="Send `next` of the page before, as it was answered.",
        )
    return int(cursor)
