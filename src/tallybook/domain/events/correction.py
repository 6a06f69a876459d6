"""A correction: events taken out of the count and events added to it, as one fact.

A correction is never changed or deleted. It is in force until one that reverts it is; whether it
is, as of a position in the log, follows from the corrections up to there. An event counts unless a
correction in force voids it, or the correction that added it is not in force. Rules:
docs/semantics/corrections.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from tallybook.domain.events.event import EventQuery, SentEvent, StoredEvent
from tallybook.domain.events.limits import MAX_LENGTHS
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.instants import Span

MOST_VOIDED = 200_000
"""Events that one correction takes out at most, so that it is written as one block."""

MOST_ADDED = 200_000
"""Events that one correction adds at most."""

MOST_ADDED_BYTES = 128 * 1024 * 1024
"""Of the texts of these events."""

MOST_AMENDED = 1_000
"""Events amended by one request."""

MAX_REASON = 1_000


class CorrectionKind(StrEnum):
    """What a correction does."""

    VOID = "void"
    AMENDMENT = "amendment"
    BACKFILL = "backfill"
    REVERT = "revert"


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What was corrected, by whom and why.

    `voided` events are taken out, `added` ones are put in; a revert does neither by itself, but
    puts the correction `reverts` out of force. `position` is its place in the log, the first as-of
    that shows it. `types` are those of the events it touches. `wanted` is how they were asked for.
    """

    id: str
    kind: CorrectionKind
    position: int
    made_at: datetime
    made_by: str
    reason: str
    voided: int = 0
    added: int = 0
    types: tuple[str, ...] = ()
    wanted: EventQuery | None = None
    reverts: str = ""

    @property
    def first(self) -> int:
        """Its first position: the events it adds come first, then a mark for each one voided."""
        return self.position - self.voided - self.added

    @property
    def added_positions(self) -> tuple[int, int]:
        """The first and last positions of the events it added; the last is lower if none."""
        return self.first, self.first + self.added - 1


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """A correction that is being prepared: whose events of which type and time are replaced."""

    id: str
    type: str
    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    customer: str | None = None
    opened_at: datetime
    opened_by: str

    @property
    def wanted(self) -> EventQuery:
        """The events that it replaces."""
        return EventQuery(
            type=self.type, customer=self.customer, starts=self.starts, ends=self.ends
        )

    @property
    def span(self) -> Span:
        """The time that it is about."""
        return Span(self.starts, self.ends)


_RFC_3339 = msgspec.Meta(extra_json_schema={"format": "date-time"})


class Amendment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event should have been: each field given takes the place of the event's own.

    `properties` replace all of them, each a JSON value with the very digits of its numbers. `time`
    is RFC 3339, read as that of an event sent: an instant made of it before would have lost digits.
    `new_id` is the replacement's id; else it is derived.
    """

    id: str
    source: str = "api"
    new_id: str | None = None
    type: str | None = None
    customer: str | None = None
    time: Annotated[str, _RFC_3339] | None = None
    actor: str | None = None
    properties: dict[str, msgspec.Raw] | None = None


def out_of_force(corrections: Iterable[Correction]) -> frozenset[str]:
    """The ids of those that are not in force, given all reverts up to a position.

    The last to come decides: what reverts is itself in force unless a later one reverts it.
    """
    out: set[str] = set()
    for correction in sorted(corrections, key=lambda each: each.position, reverse=True):
        if correction.reverts and correction.id not in out:
            out.add(correction.reverts)
    return frozenset(out)


def identity_within(event_id: str, correction_id: str) -> str:
    """The id of an event that a correction adds in the place of one: `<id>@<correction>`.

    So what a correction adds never meets the identity of what it replaces, nor that of anything
    another correction adds; `Invalid` if it grows too long.
    """
    derived = f"{event_id}@{correction_id}"
    if len(derived) > MAX_LENGTHS["id"]:
        raise Invalid(
            "too_long",
            f"The id is kept with the correction's behind it and then has {len(derived)} "
            f"characters; it may have {MAX_LENGTHS['id']}.",
            field="id",
            mend="Send a shorter id.",
        )
    return derived


def amended(event: StoredEvent, amendment: Amendment, correction_id: str) -> dict[str, Any]:
    """The replacement, as a sender would write it."""
    new_id = amendment.new_id or identity_within(event.id, correction_id)
    occurred_at = event.occurred_at.isoformat()
    return {
        "type": amendment.type if amendment.type is not None else event.type,
        "customer": amendment.customer if amendment.customer is not None else event.customer,
        "id": new_id,
        "source": event.source,
        "time": amendment.time if amendment.time is not None else occurred_at,
        "actor": amendment.actor if amendment.actor is not None else event.actor,
        "properties": event.properties if amendment.properties is None else amendment.properties,
    }


def within(event: SentEvent, correction_id: str) -> SentEvent:
    """A replacing event with the id that it is kept by."""
    return msgspec.structs.replace(event, id=identity_within(event.id, correction_id))


def check_belongs(event: SentEvent, backfill: Backfill) -> None:
    """`Invalid` unless the event is of the backfill's type, customer and time."""
    if event.type != backfill.type:
        wrong, reason = "type", f"The backfill is of {backfill.type!r}."
    elif backfill.customer is not None and event.customer != backfill.customer:
        wrong, reason = "customer", f"The backfill is of the customer {backfill.customer!r}."
    elif event.occurred_at not in backfill.span:
        starts, ends = (
            at.isoformat().replace("+00:00", "Z") for at in (backfill.starts, backfill.ends)
        )
        wrong, reason = "time", f"The backfill is from {starts} until {ends}."
    else:
        return
    raise Invalid(
        "not_of_the_backfill",
        reason,
        field=wrong,
        mend="Leave it out, or open a backfill that is about it.",
    )


def checked_reason(text: str) -> str:
    """The reason, which nobody is spared."""
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON:
        raise Invalid(
            "no_reason" if not reason else "too_long",
            "A correction says why it is made." if not reason else "The reason is very long.",
            field="reason",
            mend=f"Send a sentence of up to {MAX_REASON:,} characters.",
        )
    return reason


def checked_query(wanted: EventQuery) -> EventQuery:
    """`Invalid` for a query that narrows nothing: nobody voids everything at once."""
    if wanted == EventQuery():
        raise Invalid(
            "nothing_named",
            "It is not said which events are meant.",
            field="events",
            mend="Send a type, a customer, a source and id, or a span of time.",
        )
    return wanted


def stage_changed() -> Conflicting:
    """Of a commit with the token of an earlier preview."""
    return Conflicting(
        "stage_changed",
        "Other events are staged than when the preview was made.",
        field="token",
        mend="Ask for the preview again, and send the token of that answer.",
    )


def already_reverted(correction_id: str, reverted_by: str) -> Conflicting:
    """Of a correction that was reverted and put back: the revert that put it back is reverted."""
    return Conflicting(
        "already_reverted",
        f"{correction_id} has been reverted by {reverted_by}, and that by another one.",
        field="correction_id",
        mend="To take it back once more, revert the correction that put it back.",
    )
