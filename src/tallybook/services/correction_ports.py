"""What services need of the event store to correct what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tallybook.domain.events.correction import Backfill, Correction
from tallybook.domain.events.event import EventQuery, SentEvent, StoredEvent, Verdict
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery


@dataclass(frozen=True, slots=True)
class EventSet:
    """Events that were shown: those wanted that counted as of a position, and what they are.

    `customers` are the first hundred by their number of events, `months` those of UTC.
    """

    as_of: int
    count: int
    checksum: int
    first_at: datetime | None
    last_at: datetime | None
    types: tuple[str, ...]
    customer_count: int
    customers: dict[str, int]
    months: dict[str, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """What tells a set of events from another: as of when, how many, their checksum."""

    as_of: int
    count: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Staged:
    """Events that wait to be added by a backfill: how many, and their checksum."""

    count: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """An event to be added, with its canonical text, in the place of the one at a position."""

    position: int
    event: SentEvent
    text: bytes


class CorrectionStore(Protocol):
    """Corrections, which are facts of the log, and the stage of backfills.

    Each `record_…` is one atomic fact, or nothing: `Conflicting` where an event to be voided does
    not count any more, or one to be added is there already. A correction whose id is recorded is
    answered as it was recorded.
    """

    def find_set(self, organization_id: str, wanted: EventQuery, *, as_of: int) -> EventSet:
        """The events wanted that count as of a position."""

    def measure_without(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        wanted: EventQuery,
        *,
        backfill_id: str = "",
    ) -> list[Usage]:
        """Usage as it would be without the events wanted, and with what a backfill has staged."""

    def record_void(
        self, organization_id: str, drafted: Correction, wanted: EventQuery, shown: Shown
    ) -> Correction:
        """Void the events wanted that counted as of what was shown, and no other ones."""

    def record_amendment(
        self, organization_id: str, drafted: Correction, replacements: Sequence[Replacement]
    ) -> Correction:
        """Void events and add others in their places."""

    def record_backfill(
        self,
        organization_id: str,
        drafted: Correction,
        backfill: Backfill,
        shown: Shown,
        staged: Staged,
    ) -> Correction:
        """Void the events shown that a backfill replaces, and add those staged then."""

    def record_revert(self, organization_id: str, drafted: Correction) -> Correction:
        """Put the correction that is reverted out of force."""

    def by_id(self, organization_id: str, correction_id: str) -> Correction | None: ...
    def reverted_by(self, organization_id: str, correction_id: str) -> str:
        """The correction that reverts this one, whether in force or not; "" if none does."""

    def out_of_force(self, organization_id: str) -> frozenset[str]:
        """The ids of the corrections that are not in force now."""

    def page(self, organization_id: str, *, before: int, limit: int) -> list[Correction]:
        """The last corrections first, those at positions before `before`."""

    def events_of(
        self, organization_id: str, correction: Correction, *, after: int, limit: int
    ) -> list[StoredEvent]:
        """The events that it voids and adds, by position, those after position `after`."""

    def found(
        self, organization_id: str, identities: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], StoredEvent]:
        """Events by source and id."""

    def annotated(self, organization_id: str, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """The events, each with what corrections have made of it by now."""

    def open_backfill(self, organization_id: str, backfill: Backfill) -> None: ...
    def backfill(self, organization_id: str, backfill_id: str) -> Backfill | None: ...
    def backfills(self, organization_id: str) -> list[Backfill]:
        """Those that are open."""

    def stage(
        self,
        organization_id: str,
        backfill: Backfill,
        events: Sequence[SentEvent],
        received_at: datetime,
    ) -> Mapping[int, Verdict]:
        """Stage events; by number the verdict on those that were not: duplicate or conflict."""

    def staged(self, organization_id: str, backfill_id: str) -> Staged: ...
    def staged_events(self, organization_id: str, backfill_id: str) -> Iterator[SentEvent]:
        """The events that are staged, as they are kept, in the order in which they came."""

    def drop_backfill(self, organization_id: str, backfill_id: str) -> None:
        """Forget a backfill and what is staged for it."""
