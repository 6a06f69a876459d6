"""Read events one by one for many customers: a few queries a meter, never one a customer.

How many there are is counted first, by one query; then customers are read together, so many that
no more than `MOST_TOGETHER` events are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Usage

MOST_TOGETHER = 100_000
"""Events read by one query, but for a customer that has more by itself."""

MOST_OF_ONE = 2_000_000
"""Events that one customer's period may have, charged one by one: they are rated in memory."""


class CustomerPeriod(msgspec.Struct, frozen=True, gc=False):
    """Whose usage, over which time."""

    customer: str
    span: Span


@dataclass(frozen=True, slots=True)
class EventReader:
    """How the events of a meter are counted and read; `before` is how far back they matter."""

    count: Callable[[Sequence[CustomerPeriod]], Iterable[Usage]]
    read: Callable[[Sequence[CustomerPeriod]], Mapping[tuple[str, Span], list[Usage]]]
    before: timedelta


class EventSheet:
    """The events of many periods, read as they are asked for, in the order of the periods."""

    def __init__(self, reader: EventReader, periods: Sequence[CustomerPeriod]) -> None:
        self._reader = reader
        self._counts = _counted(reader, periods)
        self._batches = list(_batches(periods, self._counts))
        self._place = {
            period: place for place, batch in enumerate(self._batches) for period in batch
        }
        self._read_place = -1
        self._read: Mapping[tuple[str, Span], list[Usage]] = {}

    def of(self, periods: Iterable[CustomerPeriod]) -> Sequence[Usage]:
        """Every event of these periods, in order of time."""
        wanted = list(periods)
        if sum(self._counts.get(period, 0) for period in wanted) > MOST_OF_ONE:
            raise Conflicting(
                "too_many_events",
                f"The period has more than {MOST_OF_ONE:,} events that are charged one by one.",
                mend="Charge for totals, or send what several events cost as one.",
            )
        if len(wanted) == 1:
            return self._of(wanted[0])
        rows = [row for period in wanted for row in self._of(period)]
        return sorted(rows, key=lambda row: (row.span.starts, row.evidence.checksum, row.customer))

    def _of(self, period: CustomerPeriod) -> Sequence[Usage]:
        place = self._place[period]
        if place != self._read_place:
            self._read = self._reader.read(self._batches[place])
            self._read_place = place
        return self._read.get((period.customer, period.span), ())


def _counted(reader: EventReader, periods: Sequence[CustomerPeriod]) -> dict[CustomerPeriod, int]:
    """How many events each period has, with those before it that matter."""
    wider = {
        (period.customer, Span(period.span.starts - reader.before, period.span.ends)): period
        for period in periods
    }
    spans = [CustomerPeriod(customer, span) for customer, span in wider]
    return {wider[row.customer, row.span]: row.evidence.event_count for row in reader.count(spans)}


def _batches(
    periods: Iterable[CustomerPeriod], counts: Mapping[CustomerPeriod, int]
) -> Iterable[list[CustomerPeriod]]:
    batch: list[CustomerPeriod] = []
    held = 0
    for period in periods:
        count = counts.get(period, 0)
        if batch and held + count > MOST_TOGETHER:
            yield batch
            batch, held = [], 0
        batch.append(period)
        held += count
    if batch:
        yield batch
