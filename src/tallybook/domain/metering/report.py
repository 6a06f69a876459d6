"""Usage as it is reported: the largest shares and the rest as one, beside the period before.

Rules: docs/semantics/usage.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from tallybook.domain.kernel.calendar import MIDNIGHT, add_months, local_day, local_instant
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Evidence, Together, Usage


class Ranked(StrEnum):
    """What is ranked: customers, or a customer's combinations of dimension values."""

    CUSTOMERS = "customers"
    DIMENSIONS = "dimensions"


class Before(msgspec.Struct, frozen=True):
    """What it was in the same window of the period before."""

    span: Span
    quantity: Decimal


class Combined(StrEnum):
    """How what several used was made one: their quantities summed, or their events measured."""

    SUMMED = "summed"
    TOGETHER = "together"


class Reported(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of a report. One with `rest_of` is of so many customers or combinations of values.

    Its customer, or its dimension values, are then "". `combined` says how a row that is of several
    came to be. `before` is None where nothing is compared, or the period before had no such window.
    """

    usage: Usage
    rest_of: int = 0
    combined: Combined | None = None
    before: Before | None = None


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How usage is reported: all customers as one, only the `top` so many, ranked how."""

    is_total: bool = False
    top: int | None = None
    ranked: Ranked = Ranked.CUSTOMERS

    @property
    def is_whole(self) -> bool:
        """Whether it is of all customers at once."""
        return self.is_total or self.top is not None


AS_MEASURED = Shape()
"""Every row for itself, in order of name."""


class _Group(NamedTuple):
    """Whose usage of which values; or the rest of all customers, or of a customer's values."""

    customer: str
    values: tuple[str, ...]
    is_rest: bool = False


_Counted = tuple[Decimal, Evidence]
_Counts = Mapping[_Group, Mapping[int, _Counted]]
"""What each group used in each window, by the window's number."""


class Compared(NamedTuple):
    """Usage, and that of the period before; `windows_before` are none where nothing is compared."""

    usage: Sequence[Usage]
    windows: Sequence[Span]
    earlier: Sequence[Usage] = ()
    windows_before: Sequence[Span] = ()


def report(
    usage: Sequence[Usage],
    windows: Sequence[Span],
    shape: Shape,
    *,
    as_of: int,
    earlier: Sequence[Usage] = (),
    windows_before: Sequence[Span] = (),
) -> list[Reported]:
    """`usage` in that shape, each row beside the same window of the period before, if compared.

    Without a `top` in order of name. With it the largest come first, by what they used in all
    windows, of equals the first by name; the rest of all customers comes last of all, the rest of
    a customer's values last of that customer's. What only the period before had has nothing used.

    What several used is the sum of their quantities: of a meter that `adds_up`.
    """
    if shape == AS_MEASURED and not windows_before:
        return [Reported(usage=row) for row in usage]
    compared = Compared(usage, windows, earlier, windows_before)
    now, then = _counts(usage, windows), _counts(earlier, windows_before)
    if shape.is_total:
        now, then = (_moved(each, lambda group: _Group("", group.values)) for each in (now, then))
    placing = _placing(sorted({*now, *then}), _totals(now, shape.ranked), shape)
    if shape.top is not None:
        now, then = (_moved(each, placing.into.__getitem__) for each in (now, then))
    return _rows(compared, now, then, placing, as_of=as_of, how=Combined.SUMMED)


@dataclass(frozen=True, slots=True)
class Placing:
    """What each group is shown as, itself or a rest, in the order in which they are shown."""

    shape: Shape
    into: Mapping[_Group, _Group]

    @property
    def rest(self) -> Together | None:
        """What the rests are of: all events but of those shown as themselves; None for no rest."""
        if not any(shown.is_rest for shown in self.into.values()):
            return None
        heads = [shown for shown in self.into.values() if not shown.is_rest]
        if self.shape.ranked is Ranked.CUSTOMERS:
            left_out = tuple((customer,) for customer in sorted({each.customer for each in heads}))
            return Together(customers=True, left_out=left_out)
        of_all = self.shape.is_total
        told_by = (each.values if of_all else (each.customer, *each.values) for each in heads)
        return Together(customers=of_all, values=True, left_out=tuple(told_by))

    def sizes(self) -> dict[_Group, int]:
        """How many customers, or combinations of values, each rest is of."""
        members: dict[_Group, set[object]] = defaultdict(set)
        everyone: set[object] = set()
        by_customer = self.shape.ranked is Ranked.CUSTOMERS
        for group, shown in self.into.items():
            if shown.is_rest:
                member = group.customer if by_customer else group.values
                members[shown].add(member)
                everyone.add(member)
        if by_customer:
            return dict.fromkeys(members, len(everyone))
        return {shown: len(each) for shown, each in members.items()}


def place(compared: Compared, ranking: Sequence[Usage], shape: Shape) -> Placing:
    """Which of the groups used are shown, by their `ranking`: usage of each in all windows as one.

    Where customers are ranked that is not split by dimensions.
    """
    groups = {*_counts(compared.usage, compared.windows)}
    groups |= {*_counts(compared.earlier, compared.windows_before)}
    totals = {_Group(row.customer, tuple(row.dimensions.values())): row.quantity for row in ranking}
    return _placing(sorted(groups), totals, shape)


def report_together(
    compared: Compared, rest: Compared, placing: Placing, *, as_of: int
) -> list[Reported]:
    """As `report`, of a meter that does not add up: what several used was measured together."""
    now, then = (
        {group: counts for group, counts in each.items() if not placing.into[group].is_rest}
        for each in (
            _counts(compared.usage, compared.windows),
            _counts(compared.earlier, compared.windows_before),
        )
    )
    for of_rest, of_all in (
        (_counts(rest.usage, rest.windows), now),
        (_counts(rest.earlier, rest.windows_before), then),
    ):
        of_all |= {group._replace(is_rest=True): counts for group, counts in of_rest.items()}
    return _rows(compared, now, then, placing, as_of=as_of, how=Combined.TOGETHER)


def _rows(
    compared: Compared, now: _Counts, then: _Counts, placing: Placing, *, as_of: int, how: Combined
) -> list[Reported]:
    groups, sizes = dict.fromkeys(placing.into.values()), placing.sizes()
    names = next((tuple(row.dimensions) for row in (*compared.usage, *compared.earlier)), ())
    nothing = (Decimal(0), Evidence(0, as_of, 0))
    rows = []
    for group in groups:
        there, was = now.get(group, {}), then.get(group, {})
        for number, window in enumerate(compared.windows):
            is_compared = number < len(compared.windows_before)
            if number not in there and not (is_compared and number in was):
                continue
            quantity, evidence = there.get(number, nothing)
            row = Usage(
                customer=group.customer,
                span=window,
                dimensions=dict(zip(names, group.values, strict=True)),
                quantity=quantity,
                evidence=evidence,
            )
            before = None
            if is_compared:
                before = Before(compared.windows_before[number], was.get(number, nothing)[0])
            combined = how if group.is_rest or placing.shape.is_total else None
            rest_of = sizes.get(group, 0)
            rows.append(Reported(usage=row, rest_of=rest_of, combined=combined, before=before))
    return rows


def _counts(usage: Iterable[Usage], windows: Sequence[Span]) -> _Counts:
    numbers = {window: number for number, window in enumerate(windows)}
    counts: dict[_Group, dict[int, _Counted]] = {}
    for row in usage:
        group = _Group(row.customer, tuple(row.dimensions.values()))
        counts.setdefault(group, {})[numbers[row.span]] = (row.quantity, row.evidence)
    return counts


def _moved(counts: _Counts, into: Callable[[_Group], _Group]) -> _Counts:
    """Groups as others; several that become one are summed."""
    sums: dict[_Group, dict[int, _Counted]] = {}
    with exactly():
        for group, windows in counts.items():
            there = sums.setdefault(into(group), {})
            for number, counted in windows.items():
                known = there.get(number)
                there[number] = counted if known is None else _joined(known, counted)
    return sums


def _joined(one: _Counted, other: _Counted) -> _Counted:
    (quantity, kept), (more, further) = one, other
    checksum = (kept.checksum + further.checksum) % 2**64
    count = kept.event_count + further.event_count
    return quantity + more, Evidence(count, kept.as_of, checksum)


def _totals(counts: _Counts, ranked: Ranked) -> dict[_Group, Decimal]:
    """What each that is ranked used in all windows."""
    totals: dict[_Group, Decimal] = defaultdict(Decimal)
    with exactly():
        for group, windows in counts.items():
            used = sum((quantity for quantity, _ in windows.values()), Decimal(0))
            totals[_competitor(group, ranked)] += used
    return totals


def _competitor(group: _Group, ranked: Ranked) -> _Group:
    return _Group(group.customer, ()) if ranked is Ranked.CUSTOMERS else group


def _placing(groups: Sequence[_Group], totals: Mapping[_Group, Decimal], shape: Shape) -> Placing:
    """`groups` as they are shown; the `totals` of those ranked, 0 for one that is not there."""
    if shape.top is None:
        return Placing(shape, {group: group for group in groups})
    top, by_customer = shape.top, shape.ranked is Ranked.CUSTOMERS
    ranked = {_competitor(group, shape.ranked) for group in groups}
    by_pool: dict[str, list[_Group]] = defaultdict(list)
    for each in sorted(ranked, key=lambda each: (-totals.get(each, Decimal(0)), each)):
        by_pool["" if by_customer else each.customer].append(each)
    place_of = {each: number for pool in by_pool.values() for number, each in enumerate(pool)}

    def shown(group: _Group) -> _Group:
        if place_of[_competitor(group, shape.ranked)] < top:
            return group
        if by_customer:
            return _Group("", group.values, is_rest=True)
        return _Group(group.customer, ("",) * len(group.values), is_rest=True)

    def order(group: _Group) -> tuple[object, ...]:
        number = min(place_of[_competitor(group, shape.ranked)], top)
        if by_customer:
            return number, group.values, group.customer
        return group.customer, number, group.values

    return Placing(shape, {group: shown(group) for group in sorted(groups, key=order)})


def span_before(period: str, span: Span, zone: ZoneInfo) -> Span:
    """The period before: of a named one that of the same kind, else the same length of time."""
    try:
        return Span(_start_before(period, span, zone), span.starts)
    except (OverflowError, ValueError):
        raise Invalid(
            "no_period_before",
            "There is no such time before that one.",
            field="compare",
            mend="Ask about a time of our days.",
        ) from None


def _start_before(period: str, span: Span, zone: ZoneInfo) -> datetime:
    if not period:
        return span.starts - span.length
    first = local_day(span.starts, zone)
    if "W" in period:
        day = first - timedelta(days=7)
    else:  # a year is named by 4 signs, a month by 7, a day by 10
        months = {4: 12, 7: 1}.get(len(period), 0)
        day = add_months(first, -months) if months else first - timedelta(days=1)
    return local_instant(day, MIDNIGHT, zone)
