"""What restating billed usage needs of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.restatement import (
    LateEventSettings,
    LatePolicy,
    Listed,
    Restatement,
    Touched,
    UsageLine,
)
from tallybook.domain.metering.meter import Meter, UsageQuery


@dataclass(frozen=True, slots=True)
class Watch:
    """From which position on events have not been looked at, and until which time they matter.

    `since` None: nothing was ever invoiced. `seen` are the ids of the notes that it was made from.
    """

    policy: LatePolicy
    since: int | None
    until: datetime | None
    seen: tuple[int, ...]


class RestatementRecords(Protocol):
    """Restatements of the transaction's organization, and how far events were looked at.

    Whoever keeps or recalculates drafts notes their as-of in the same transaction, so that nothing
    that comes after it is ever passed by.
    """

    def watch(self) -> Watch:
        """How far it is, locked: one looks at a time."""

    def watched(self, watch: Watch, *, through: int) -> None:
        """All up to `through` was looked at."""

    def note(self, *, as_of: int, until: datetime) -> None:
        """Look again at events after `as_of` that occurred by `until`."""

    def lines_of(self, customers: Sequence[str], *, since: datetime) -> list[UsageLine]:
        """Lines of usage of these customers, or of those that count it as their own.

        Those of service that ended at `since` or later, on invoices that are not void.
        """

    def add_many(self, restatements: Sequence[Restatement]) -> None: ...
    def by_id(self, restatement_id: str) -> Listed | None: ...
    def page(
        self,
        *,
        after: str,
        limit: int,
        customer: str | None = None,
        meter: str | None = None,
        invoice_id: str | None = None,
    ) -> list[Listed]:
        """The last made first, those made before the one of id `after`."""

    def settings(self) -> LateEventSettings: ...
    def set_settings(self, settings: LateEventSettings) -> None: ...


class LateEvents(Protocol):
    """What came to the log of events since an as-of."""

    def moved(self, *, after: int, through: int) -> frozenset[str]:
        """The organizations whose events or corrections came in `(after, through]`."""

    def touched(
        self, organization_id: str, *, after: int, through: int, until: datetime
    ) -> list[Touched]:
        """Whose events of what types came, or were corrected, in `(after, through]`.

        Of those that occurred by `until`.
        """

    def between(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        *,
        before: int,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[tuple[StoredEvent, bool]], str]:
        """The events counted either as of `before` or as of the query, not both.

        With each, whether it is counted as of the query; by time and position; and where to go on.
        """
