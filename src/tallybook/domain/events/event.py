"""A usage event as it is kept, and what is answered for each one sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


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
    """An event in the log: when it arrived and at which position."""

    received_at: datetime
    position: int


class Verdict(StrEnum):
    """What became of one event sent."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The verdict on the event at `index` of a batch; `field`, `reason` and `mend` if not taken."""

    index: int
    id: str
    verdict: Verdict
    field: str = ""
    reason: str = ""
    mend: str = ""
