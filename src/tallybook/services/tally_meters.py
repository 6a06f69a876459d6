"""Keep what meters count of the events that came since, so that large questions read little."""

from __future__ import annotations

from collections.abc import Iterator

from tallybook.domain.metering.meter import Meter
from tallybook.services.ports import Wiring

_AT_ONCE = 100


def tally_meters(wiring: Wiring, organization_id: str) -> Iterator[Meter]:
    """Tally every meter up to the log's present position; the meter of each batch as it is made.

    No figure depends on it: usage that is not tallied is counted from the events.
    """
    through = wiring.event_log.position()
    for meter in _meters(wiring, organization_id):
        while wiring.usage.tally(organization_id, meter, through=through):
            yield meter


def _meters(wiring: Wiring, organization_id: str) -> Iterator[Meter]:
    after = ""
    while True:
        with wiring.books.begin(organization_id) as records:
            page = records.meters.page(after=after, limit=_AT_ONCE)
        yield from page
        if len(page) < _AT_ONCE:
            return
        after = page[-1].key
