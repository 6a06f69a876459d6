"""What services need of the world for products, experiments and migrations of subscribers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from tallybook.domain.catalog.experiment import Experiment, Exposure
from tallybook.domain.subscriptions.migration import Member, MemberState, Migration

T = TypeVar("T")


class NamedRecords(Protocol[T]):
    """Things of the transaction's organization that have a key."""

    def put(self, named: T, /) -> None:
        """Keep it under its key, in place of what was there."""

    def by_key(self, key: str, *, locked: bool = False) -> T | None: ...
    def by_keys(self, keys: Iterable[str]) -> Mapping[str, T]: ...
    def page(self, *, after: str = "", limit: int = ...) -> list[T]:
        """In key order, those after key `after`."""


class ExperimentRecords(NamedRecords[Experiment], Protocol):
    """Experiments, and who met which arm."""

    def expose(self, exposure: Exposure) -> Exposure:
        """Record that a customer met an arm; answers the first that was recorded."""

    def exposure(self, experiment: str, customer: str) -> Exposure | None: ...
    def exposures(self, experiment: str, *, after: str, limit: int) -> list[Exposure]:
        """In order of customer key, those after `after`."""

    def counts(self, experiments: Iterable[str]) -> Mapping[tuple[str, str], int]:
        """How many met each arm, by experiment and arm."""

    def on_plan(self, plan_key: str) -> list[Experiment]: ...


class PlanMigrationRecords(NamedRecords[Migration], Protocol):
    """Migrations of subscribers, and what became of each."""

    def candidates(
        self,
        version_ids: Sequence[str],
        *,
        customers: Sequence[str] = (),
        has_negotiated: bool = False,
        started_from: datetime | None = None,
        started_before: datetime | None = None,
        after: str,
        limit: int,
    ) -> list[tuple[str, str]]:
        """Keys and ids of subscriptions that were ever to one of these versions, and have not
        ended, in key order."""

    def unfinished(self) -> list[str]:
        """Keys of those that go on by themselves and have members left, the oldest first."""

    def add_members(self, migration: str, members: Sequence[Member]) -> None: ...
    def next_members(self, migration: str, state: MemberState, limit: int) -> list[Member]:
        """Some in this state, locked; those that another transaction works on left out."""

    def replace_members(self, migration: str, members: Sequence[Member]) -> None: ...
    def members(
        self, migration: str, *, state: MemberState | None, after: str, limit: int
    ) -> list[Member]:
        """In order of subscription key, those after `after`."""

    def counts(self, migration: str) -> Mapping[MemberState, int]: ...
