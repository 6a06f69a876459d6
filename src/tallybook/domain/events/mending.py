"""Mend events by a mapping: steps, one after another, the same for each event.

A step that has nothing to do in an event leaves it as it is; one that cannot do what it says
refuses the event, which then stays as it was before the first step. The identity of an event, its
`source` and `id`, no step changes: what is mended is the same event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import msgspec

from tallybook.domain.events.event import SentEvent, kept_text
from tallybook.domain.events.explaining import checked_properties, checked_size, read_carefully
from tallybook.domain.events.forms import Form
from tallybook.domain.events.limits import EARLIEST, LATEST
from tallybook.domain.kernel.errors import Invalid, Refusal

MAX_STEPS = 50

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}

Properties = dict[str, Any]


class Rename(msgspec.Struct, frozen=True, tag_field="do", tag="rename", forbid_unknown_fields=True):
    """Give the value of `property` the name `to`. One that has both is refused."""

    property: str
    to: str

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        if self.property not in event.properties:
            return event
        if self.to in event.properties:
            raise _cannot(self.to, f"There is a property {self.to[:40]!r} already.")
        return _with(
            event,
            {self.to if n == self.property else n: v for n, v in event.properties.items()},
        )


class Default(
    msgspec.Struct, frozen=True, tag_field="do", tag="default", forbid_unknown_fields=True
):
    """Give `property` this value where the event has none.

    A number with a point is sent as text and then cast: so it keeps its digits.
    """

    property: str
    value: str | int | bool

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        if self.property in event.properties:
            return event
        return _with(event, event.properties | {self.property: self.value})


class Cast(msgspec.Struct, frozen=True, tag_field="do", tag="cast", forbid_unknown_fields=True):
    """Write the value of `property` as another kind, digit for digit.

    To `integer`, `1.00` is 1 and `1.5` is refused. To `boolean`: true, false, 1, 0, yes, no.
    """

    property: str
    to: Literal["text", "number", "integer", "boolean"]

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        if self.property not in event.properties:
            return event
        value = event.properties[self.property]
        return _with(event, event.properties | {self.property: self._cast(value)})

    def _cast(self, value: Any) -> Any:
        text = kept_text(value).strip()
        match self.to:
            case "text":
                return kept_text(value)
            case "number" if _NUMBER.fullmatch(text):
                return msgspec.Raw(text.encode())
            case "integer" if _INTEGER.fullmatch(text):
                return msgspec.Raw(text.encode())
            case "integer" if whole := _WHOLE.fullmatch(text):
                return msgspec.Raw(whole[1].encode())
            case "boolean" if text.lower() in _TRUTHS:
                return _TRUTHS[text.lower()]
        raise _cannot(self.property, f"{text[:40]!r} cannot be read as {self.to}.")


class Drop(msgspec.Struct, frozen=True, tag_field="do", tag="drop", forbid_unknown_fields=True):
    """Leave `property` out."""

    property: str

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        if self.property not in event.properties:
            return event
        return _with(event, {n: v for n, v in event.properties.items() if n != self.property})


class ShiftTime(
    msgspec.Struct, frozen=True, tag_field="do", tag="shift_time", forbid_unknown_fields=True
):
    """Let it have happened so many seconds later; earlier, below zero."""

    seconds: int

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        try:
            at = event.occurred_at + timedelta(seconds=self.seconds)
        except OverflowError:
            at = LATEST
        if not EARLIEST <= at < LATEST:
            raise Invalid(
                "absurd_time",
                f"Shifted by {self.seconds} seconds, it is not between the years "
                f"{EARLIEST:%Y} and {LATEST:%Y}.",
                field="time",
                mend="Shift it by less.",
            )
        return msgspec.structs.replace(event, occurred_at=at)


class SetType(
    msgspec.Struct, frozen=True, tag_field="do", tag="set_type", forbid_unknown_fields=True
):
    """Make it an event of another type."""

    to: str

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        return msgspec.structs.replace(event, type=self.to)


class SetCustomer(
    msgspec.Struct, frozen=True, tag_field="do", tag="set_customer", forbid_unknown_fields=True
):
    """Make it an event of another customer."""

    to: str

    def applied(self, event: SentEvent) -> SentEvent:
        """The event after this step."""
        return msgspec.structs.replace(event, customer=self.to)


Step = Rename | Default | Cast | Drop | ShiftTime | SetType | SetCustomer


def mended(event: SentEvent, steps: Sequence[Step]) -> SentEvent:
    """The event after all steps; a `Refusal` if one cannot be done, or it is no event any more."""
    for step in steps:
        event = step.applied(event)
    read = read_carefully(_as_sent(event), Form.JSON)
    if isinstance(read, SentEvent):
        checked_size(read, read.canonical())
        return read
    refusal: Refusal = read[0]
    raise refusal


def checked_steps(steps: Sequence[Step]) -> None:
    """Pass if the mapping has steps, and not too many."""
    if not 1 <= len(steps) <= MAX_STEPS:
        raise Invalid(
            "no_steps",
            f"The mapping has {len(steps)} steps.",
            field="steps",
            mend=f'Send 1 to {MAX_STEPS}, such as {{"do": "rename", "property": "a", "to": "b"}}.',
        )


def _as_sent(event: SentEvent) -> bytes:
    return msgspec.json.encode(
        {
            "type": event.type,
            "customer": event.customer,
            "id": event.id,
            "source": event.source,
            "actor": event.actor,
            "time": event.occurred_at,
            "properties": event.properties,
        }
    )


def _with(event: SentEvent, properties: Properties) -> SentEvent:
    return msgspec.structs.replace(event, properties=checked_properties(properties))


def _cannot(name: str, reason: str) -> Invalid:
    return Invalid(
        "cannot_be_mended",
        reason,
        field=f"properties/{name}",
        mend="Mend those by another mapping, or discard them.",
    )
