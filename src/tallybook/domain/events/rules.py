"""The rules an organization has for its events, ready to be applied to a request's.

An event is judged when it arrives, and again when it is replayed, always as of its first arrival:
what is old enough to be taken does not age while it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.event_type import EventSettings, Strictness
from tallybook.domain.events.limits import EARLIEST, LATEST


class Cause(StrEnum):
    """Why an event is not taken as it is."""

    SCHEMA = "schema"
    TOO_OLD = "too_old"
    TOO_FAR_AHEAD = "too_far_ahead"
    CONFLICT = "conflict"
    """Replayed, it met an event of its identity with another content."""


class Reason(msgspec.Struct, frozen=True):
    """Why an event waits: the cause, the field in an event's own names, in words, and the mend."""

    cause: Cause
    field: str
    reason: str
    mend: str


class SchemaCheck(msgspec.Struct, frozen=True):
    """A type's schema, compiled. `breaks` names the first rule that properties break, or None."""

    strictness: Strictness
    keeps: Callable[[Mapping[str, Any]], bool]
    breaks: Callable[[Mapping[str, Any]], Reason | None]


class Violation(msgspec.Struct, frozen=True):
    """How an event breaks its type's schema; `is_refused` where that keeps it out of the log."""

    reason: Reason
    is_refused: bool


class Judgement(msgspec.Struct, frozen=True):
    """Of a request's events, by number: those to be held, and those that are only warned of.

    Why, `Rules.reason_for` says of each: that takes longer than to tell that.
    """

    held: frozenset[int]
    warned: list[int]


_BLAMELESS = Judgement(frozenset(), [])


@dataclass(frozen=True, slots=True)
class Rules:
    """What one organization demands. `checks` are by type, of types that are strict at all."""

    checks: Mapping[str, SchemaCheck]
    max_age: timedelta | None = None
    max_ahead: timedelta | None = None

    @property
    def are_none(self) -> bool:
        """Whether nothing is demanded."""
        return not self.checks and self.max_age is None and self.max_ahead is None

    def judge(self, events: Sequence[SentEvent], *, arrived_at: datetime) -> Judgement:
        """Judge events that arrive together. Costs a look at each, more only for those at fault."""
        held: set[int] = set()
        warned: list[int] = []
        if self.max_age is not None or self.max_ahead is not None:
            held.update(self._mistimed(events, arrived_at))
        for number in self._suspects(events):
            if self.checks[events[number].type].strictness is Strictness.QUARANTINE:
                held.add(number)
            elif number not in held:
                warned.append(number)
        return Judgement(frozenset(held), warned) if held or warned else _BLAMELESS

    def reason_for(self, event: SentEvent, *, arrived_at: datetime) -> Reason | None:
        """Why one event is held, or None: for its time first, then for its schema."""
        at = event.occurred_at
        earliest, latest = self._limits(arrived_at)
        if earliest is not None and at < earliest:
            return too_old(at, arrived_at, earliest)
        if latest is not None and at > latest:
            return too_far_ahead(at, arrived_at, latest)
        check = self.checks.get(event.type)
        if check is None or check.strictness is not Strictness.QUARANTINE:
            return None
        return check.breaks(event.properties)

    def violation_of(self, event: SentEvent) -> Violation | None:
        """How an event breaks its type's schema as it is written, whatever its time."""
        check = self.checks.get(event.type)
        if check is None or check.keeps(event.properties):
            return None
        return _violation(check, check.breaks(event.properties))

    def violation_as_kept(self, event: SentEvent) -> Violation | None:
        """As `violation_of`, of properties as the log keeps them: all as text.

        A text that reads as a number, a truth value, an object or a list is that, or the text:
        whichever keeps the schema.
        """
        check = self.checks.get(event.type)
        return None if check is None else _violation(check, _breaks_as_kept(check, event))

    def _suspects(self, events: Sequence[SentEvent]) -> Iterable[int]:
        checks = self.checks
        if not checks:
            return ()
        types = {event.type for event in events}
        if len(types) == 1:  # as most requests are
            check = checks.get(types.pop())
            if check is None:
                return ()
            keeps = check.keeps
            return [n for n, event in enumerate(events) if not keeps(event.properties)]
        return [
            n
            for n, event in enumerate(events)
            if (check := checks.get(event.type)) is not None and not check.keeps(event.properties)
        ]

    def _mistimed(self, events: Sequence[SentEvent], arrived_at: datetime) -> list[int]:
        earliest, latest = self._limits(arrived_at)
        first, last = earliest or EARLIEST, latest or LATEST
        return [
            number for number, event in enumerate(events) if not first <= event.occurred_at <= last
        ]

    def _limits(self, arrived_at: datetime) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest time that is taken; a limit is at most a hundred years."""
        return (
            None if self.max_age is None else arrived_at - self.max_age,
            None if self.max_ahead is None else arrived_at + self.max_ahead,
        )


NO_RULES = Rules({})


def rules_of(settings: EventSettings, checks: Mapping[str, SchemaCheck]) -> Rules:
    """The rules that settings and compiled types come to."""
    return Rules(checks, settings.max_age, settings.max_ahead)


def _violation(check: SchemaCheck, reason: Reason | None) -> Violation | None:
    if reason is None:
        return None
    return Violation(reason, check.strictness is Strictness.QUARANTINE)


def _breaks_as_kept(check: SchemaCheck, event: SentEvent) -> Reason | None:
    """The first rule that properties break however their texts are read."""
    read = {name: _read(value) for name, value in event.properties.items()}
    while (reason := check.breaks(read)) is not None:
        where = f"{reason.field.removeprefix('properties/')}/"
        faulty = [name for name in read if where.startswith(f"{name}/")]
        misread = [name for name in faulty if read[name] is not event.properties[name]]
        if not misread:
            return reason
        read |= {name: event.properties[name] for name in misread}
    return None


_value = msgspec.json.Decoder(Any, float_hook=msgspec.Raw)


def _read(value: Any) -> Any:
    """What a text is in JSON, unless that is a text or null; any other value is itself."""
    if not isinstance(value, str):
        return value
    try:
        read: Any = _value.decode(value)
    except (msgspec.MsgspecError, ValueError):  # or a number longer than Python reads
        return value
    return value if read is None or isinstance(read, str) else read


def too_old(at: datetime, arrived_at: datetime, earliest: datetime) -> Reason:
    """Why an event that happened before `earliest` waits."""
    return Reason(
        Cause.TOO_OLD,
        "time",
        f"{_said(at)} was before {_said(earliest)}, the earliest taken when it arrived "
        f"at {_said(arrived_at)}.",
        "If it is right, replay it from quarantine regardless; if not, shift its time.",
    )


def too_far_ahead(at: datetime, arrived_at: datetime, latest: datetime) -> Reason:
    """Why an event that happened after `latest` waits."""
    return Reason(
        Cause.TOO_FAR_AHEAD,
        "time",
        f"{_said(at)} was after {_said(latest)}, the latest taken when it arrived "
        f"at {_said(arrived_at)}.",
        "Set the sender's clock, and shift the time of this one in quarantine.",
    )


def _said(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
