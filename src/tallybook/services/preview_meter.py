"""Show what a meter would make of the stored events, before it is kept."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tallybook.domain.events.event import StoredEvent
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.counting import Counted, NotCounted, judge
from tallybook.domain.metering.definition import check_sense
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.services.define_meter import MeterDefinition, drafted_meter
from tallybook.services.ports import Wiring


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, and whether the meter counts it."""

    event: StoredEvent
    verdict: Counted | NotCounted


@dataclass(frozen=True, slots=True)
class Preview:
    """What a meter would answer: how many events count and do not, some of each, and usage."""

    meter: Meter
    as_of: int
    counted: int
    not_counted: int
    samples: list[Judged]
    usage: list[Usage]


def preview_meter(
    wiring: Wiring,
    organization_id: str,
    definition: MeterDefinition,
    *,
    span: Span,
    customer: str | None,
    limit: int,
) -> Preview:
    """Measure by a definition that is not kept, for one customer or the first `limit` found.

    The samples are the last events to arrive, counted and not counted, at most `limit` of each.
    """
    meter = drafted_meter(wiring, definition)
    check_sense(meter)
    query = UsageQuery(
        span=span,
        as_of=wiring.event_log.position(),
        customers=None if customer is None else (customer,),
    )
    found = wiring.usage.inspect(organization_id, meter, query, limit=limit)
    if customer is None:
        first = wiring.usage.customers(organization_id, meter, query, after="", limit=limit)
        query = msgspec.structs.replace(query, customers=tuple(first))
    return Preview(
        meter=meter,
        as_of=query.as_of,
        counted=found.counted,
        not_counted=found.not_counted,
        samples=[Judged(e, judge(meter, e)) for e in found.counted_events + found.other_events],
        usage=wiring.usage.measure(organization_id, meter, query),
    )
