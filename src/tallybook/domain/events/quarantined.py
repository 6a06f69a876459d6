"""Events that wait: what was sent, why it was not taken, and what became of it.

The states add up: every event that was ever held is waiting, replayed or discarded, and stays on
record as the one or the other.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.rules import Cause, Reason
from tallybook.domain.kernel.errors import Invalid


class State(StrEnum):
    """Where an event that was held is now."""

    WAITING = "waiting"
    REPLAYED = "replayed"
    """It is in the log, once."""
    DISCARDED = "discarded"
    """Somebody decided that it never counts."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An event in quarantine.

    `sent` is what its sender wrote, `event` what it is by now: mended or the same. Its identity,
    `source` and `id`, no mending changes. `number` tells the order of arrival in quarantine.
    """

    number: int = 0
    sent: SentEvent
    event: SentEvent
    reason: Reason
    held_at: datetime
    state: State = State.WAITING
    settled_at: datetime | None = None
    act_id: str = ""
    position: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it one: source and id."""
        return self.sent.source, self.sent.id


class ActKind(StrEnum):
    """What is done to events that wait."""

    MEND = "mend"
    REPLAY = "replay"
    DISCARD = "discard"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something done to events in quarantine: by whom, why, and to how many."""

    id: str
    kind: ActKind
    at: datetime
    by: str
    why: str = ""
    steps: list[dict[str, Any]] = []
    is_forced: bool = False
    events: int = 0


class HeldQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which held events are meant: those equal in each field given, held in `[starts, ends)`."""

    state: State | None = State.WAITING
    type: str | None = None
    customer: str | None = None
    source: str | None = None
    id: str | None = None
    cause: Cause | None = None
    field: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None


class HeldCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many events of a type are held for a cause, and in which state they are."""

    type: str
    cause: Cause
    state: State
    events: int
    last_held_at: datetime


def checked_author(by: str, why: str, *, needs_why: bool) -> tuple[str, str]:
    """Who does something and why, both without space around them."""
    texts = {"by": by.strip(), "why": why.strip()}
    for field, text in texts.items():
        is_needed = field == "by" or needs_why
        if (is_needed and not text) or len(text) > 500 or "\0" in text:
            raise Invalid(
                "author_needed",
                f"{field!r} is empty." if not text else f"{field!r} is too long.",
                field=field,
                mend="Say who does this." if field == "by" else "Say why, in up to 500 characters.",
            )
    return texts["by"], texts["why"]


_whole = msgspec.json.Decoder(SentEvent, float_hook=msgspec.Raw)
_pieces = msgspec.json.Decoder(tuple[str, str, str, str, str, datetime, dict[str, msgspec.Raw]])
_value = msgspec.json.Decoder(Any, float_hook=msgspec.Raw)


def read_canonical(text: bytes) -> SentEvent:
    """The event of a canonical text, digit for digit."""
    try:
        return _whole.decode(text)
    except (msgspec.MsgspecError, ValueError):  # a number longer than Python reads
        type_, customer, source, id_, actor, occurred_at, pieces = _pieces.decode(text)
        properties = {name: _read(raw) for name, raw in pieces.items()}
        return SentEvent(type_, customer, source, id_, actor, occurred_at, properties)


def _read(raw: msgspec.Raw) -> Any:
    try:
        return _value.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        return raw.copy()
