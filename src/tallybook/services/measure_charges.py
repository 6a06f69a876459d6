"""Measure the usage of many customers and periods, by one query for each meter and split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Meter, Usage
from tallybook.services.ports import Wiring

_Split = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CustomerPeriod:
    """Whose usage, over which time."""

    customer: str
    span: Span


@dataclass(frozen=True, slots=True)
class Wanted:
    """The usage that a price is about: of a meter, for a customer and period, split by groups."""

    meter: Meter
    groups: tuple[str, ...]
    of: CustomerPeriod


class UsageSheet:
    """The usage measured, to be looked up by whoever wants it."""

    def __init__(self) -> None:
        self._rows: dict[_Split, dict[CustomerPeriod, list[Usage]]] = defaultdict(dict)

    def add(self, split: _Split, usage: Iterable[Usage]) -> None:
        """Keep what one query gave."""
        rows = self._rows[split]
        for row in usage:
            rows.setdefault(CustomerPeriod(row.customer, row.span), []).append(row)

    def of(self, wanted: Wanted) -> Sequence[Usage]:
        """The rows for it; none where nothing was used."""
        return self._rows[wanted.meter.id, wanted.groups].get(wanted.of, ())


def measure_charges(
    wiring: Wiring, organization_id: str, wanted: Iterable[Wanted], *, as_of: int
) -> UsageSheet:
    """Measure everything wanted. Two prices over the same usage of a meter share its query."""
    spans: dict[_Split, dict[CustomerPeriod, None]] = defaultdict(dict)
    meters: dict[str, Meter] = {}
    for one in wanted:
        meters[one.meter.id] = one.meter
        spans[one.meter.id, one.groups][one.of] = None
    sheet = UsageSheet()
    for split, periods in spans.items():
        meter_id, groups = split
        usage = wiring.usage.measure_spans(
            organization_id, meters[meter_id], list(periods), as_of=as_of, group_by=groups
        )
        sheet.add(split, usage)
    return sheet
