"""What services need of the world to govern events: types, quarantine, and what is seen of both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import date
from typing import Protocol, TypeVar

from tallybook.domain.events.event import SentEvent, StoredEvent
from tallybook.domain.events.event_type import EventSettings, EventType
from tallybook.domain.events.quality import (
    Counted,
    Happening,
    PropertySeen,
    SourceSeen,
    TypeDay,
    TypeSeen,
)
from tallybook.domain.events.quarantined import Act, Held, HeldCount, HeldQuery
from tallybook.domain.events.rules import Rules
from tallybook.domain.kernel.instants import Span

T = TypeVar("T")


class EventTypeRecords(Protocol):
    """Event types of the transaction's organization; by key, always the latest version."""

    def settings(self) -> EventSettings: ...
    def set_settings(self, settings: EventSettings) -> None: ...
    def add(self, event_type: EventType) -> None:
        """Keep a new version; `Conflicting` if its key has that one."""

    def by_key(self, key: str) -> EventType | None: ...
    def versions(self, key: str) -> list[EventType]:
        """Every version of the type of that key, the first one first."""

    def page(self, *, after: str = "", limit: int | None = None) -> list[EventType]:
        """Event types in key order, those after key `after`; all without a limit."""


class QuarantineRecords(Protocol):
    """Events of the transaction's organization that are held, or were."""

    def room(self, most: int) -> int:
        """How many more may wait, if `most` may in all; others off until the transaction ends."""

    def add(self, events: Sequence[Held]) -> set[tuple[str, str]]:
        """Keep those whose source and id are not held yet; which ones these are."""

    def by_identities(
        self, identities: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], Held]: ...
    def page(self, wanted: HeldQuery, *, before: int | None, limit: int) -> list[Held]:
        """The last held first, those of a number before `before`."""

    def waiting(self, wanted: HeldQuery, *, after: int, limit: int, locked: bool) -> list[Held]:
        """Those that wait, the first held first, after number `after`.

        `locked` keeps them from being settled by others until the transaction ends.
        """

    def replace_many(self, events: Sequence[Held]) -> None:
        """Write what became of events that wait."""

    def counts(self, wanted: HeldQuery) -> list[HeldCount]:
        """How many are held, by type, cause and state."""

    def add_act(self, act: Act) -> None:
        """Record what was done; by the same id again, its events are added to those before."""

    def acts(self, ids: Iterable[str]) -> Mapping[str, Act]: ...


class EventRules(Protocol):
    """The rules of every organization, in memory."""

    def of(self, organization_id: str) -> Rules | None:
        """The rules of an organization; None if it has none. Asks nobody."""

    def renew(self, organization_id: str) -> None:
        """Read one organization's rules anew: what was just changed counts from now on."""

    def renew_all(self) -> None:
        """Read anew what other servers changed."""


class EventCounts(Protocol):
    """Counts of what happens to events on their way in and leaves no event behind."""

    def add(
        self, organization_id: str, day: date, happened: Iterable[tuple[str, str, Happening]]
    ) -> None:
        """Count what happened on `day`: each by type, source and kind. In memory, at once."""

    def flush(self) -> None:
        """Write what was counted. What was not written when a process is killed is lost."""

    def between(self, organization_id: str, first: date, last: date) -> list[Counted]:
        """What was counted from day `first` to `last`, both included."""


class Traffic(Protocol):
    """What is seen in the log of events by who asks about its quality, not its quantity."""

    def types(self, organization_id: str, span: Span, *, limit: int) -> list[TypeSeen]:
        """The types that arrived in the span, those with the most events first."""

    def examples(
        self, organization_id: str, types: Sequence[TypeSeen]
    ) -> Mapping[str, Mapping[str, str]]:
        """The properties of the last event of each of these types."""

    def property_names(self, organization_id: str, span: Span) -> Mapping[str, set[str]]:
        """By type, names of properties of the events that arrived in the span, at most 1,000."""

    def properties(
        self, organization_id: str, types: Sequence[str], span: Span
    ) -> list[PropertySeen]:
        """The properties of the events of these types that arrived in the span."""

    def days(self, organization_id: str, types: Sequence[str], span: Span) -> list[TypeDay]:
        """What arrived of each of these types on each day of the span."""

    def sources(
        self, organization_id: str, only: str, span: Span, *, limit: int
    ) -> list[SourceSeen]:
        """The sources that sent in the span, by type, those silent for longest first.

        Of one type, or of all if `only` is "".
        """

    def stored(
        self, organization_id: str, events: Sequence[SentEvent]
    ) -> Mapping[int, StoredEvent]:
        """By number, those of `events` that the log has by identity, type, customer and time."""


class Workers(Protocol):
    """Threads for work that waits for an engine, so that the one who takes events need not."""

    def start(self, size: int, work: Callable[[], T]) -> Future[T]:
        """Do `work` soon. `Unavailable` when work of too great a `size` in all is waiting."""

    def close(self) -> None:
        """Take no more, and finish what is waiting."""
