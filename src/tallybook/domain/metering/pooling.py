"""Pooling: the usage of several customers, counted as one's. Rules: docs/semantics/families.md."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.metering.aggregations.counter import Counter
from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.meter import Count, Evidence, Meter, Sum, Usage

_ADDING_UP = (Count, Sum, Counter, Duration, TimeWeighted)


def adds_up(meter: Meter) -> bool:
    """Whether the usage of several customers, or of several values, is the sum of theirs."""
    return isinstance(meter.aggregation, _ADDING_UP)


def check_pooled(meter: Meter) -> None:
    """Refuse to pool what is no sum of its parts: a largest, a latest, a number of uniques."""
    if not adds_up(meter):
        raise Conflicting(
            "cannot_be_pooled",
            f"Meter {meter.key!r} does not add up over several customers.",
            mend="Count the usage of these customers with themselves, or charge for another meter.",
        )


def pooled(usage: Iterable[Usage], customer: str) -> list[Usage]:
    """The usage of several customers as that of `customer`: what has the same dimensions and span
    is one sum, with the evidence of all of it."""
    sums: dict[object, Usage] = {}
    with exactly():
        for row in usage:
            place = (tuple(sorted(row.dimensions.items())), row.span)
            before = sums.get(place)
            if before is None:
                sums[place] = msgspec.structs.replace(row, customer=customer)
                continue
            one, other = before.evidence, row.evidence
            sums[place] = msgspec.structs.replace(
                before,
                quantity=before.quantity + row.quantity,
                evidence=Evidence(
                    one.event_count + other.event_count,
                    one.as_of,
                    (one.checksum + other.checksum) % 2**64,
                ),
            )
    return list(sums.values())
