"""A usage event as it is sent and as it is kept, and what is answered for each one sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something a customer's system says happened.

    Its identity is (organization, `source`, `id`). `customer` is the customer's key, known to us or
    not yet. `properties` keep the sender's own text for every number, so nothing is lost to a
    float; a value that is itself an object or a list is kept as its JSON text.
    """

    type: str
    customer: str
    id: str
    occurred_at: datetime
    source: str = "api"
    actor: str = ""
    properties: dict[str, str] = {}


class StoredEvent(UsageEvent, frozen=True, kw_only=True):
    """An event in the log: when it arrived, at which position, and what corrections made of it.

    `voided_by` is the correction that takes it out of the count, `replaced_by` the id of the event
    that an amendment put in its place. `added_by` is the correction that added it, `replaces` the
    id of the event in whose place it is. Each is "" where there is none.
    """

    received_at: datetime
    position: int
    voided_by: str = ""
    replaced_by: str = ""
    added_by: str = ""
    replaces: str = ""


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of the log are wanted: those equal in each field given, in `[starts, ends)`."""

    type: str | None = None
    customer: str | None = None
    source: str | None = None
    id: str | None = None
    actor: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    properties: dict[str, str] = {}


class SentEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as its sender wrote it, found in order. `occurred_at` is in UTC.

    Values of `properties` are text, whole numbers, truth values, lists and objects as JSON has
    them; a number with a point or an exponent is a `msgspec.Raw` of its very digits. None is null.
    """

    type: str
    customer: str
    source: str
    id: str
    actor: str
    occurred_at: datetime
    properties: dict[str, Any]

    def canonical(self) -> bytes:
        """The one JSON text of this event: an array of its fields, with properties in key order.

        Two ways of writing the same number are two texts; `sameness.difference` sees through that.
        """
        return _encode(self)

    def kept(self) -> UsageEvent:
        """The event as the log keeps it: every property as text."""
        return UsageEvent(
            type=self.type,
            customer=self.customer,
            id=self.id,
            occurred_at=self.occurred_at,
            source=self.source,
            actor=self.actor,
            properties={name: kept_text(value) for name, value in self.properties.items()},
        )


def kept_text(value: Any) -> str:
    """The text that is kept of a property's value: a number as it was written, `true`, `false`.

    An object or list becomes compact JSON with sorted keys.
    """
    if isinstance(value, str):
        return value
    return _encode(value).decode()


class Verdict(StrEnum):
    """What became of one event sent."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    """Kept, but not counted: it breaks a rule of the organization, and waits to be mended."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The verdict on the event at `index` of a batch; `field`, `reason` and `mend` if not taken.

    `code` is stable and for programs, where there is more to tell apart than by the verdict.
    """

    index: int
    id: str
    verdict: Verdict
    field: str = ""
    reason: str = ""
    mend: str = ""
    code: str = ""
