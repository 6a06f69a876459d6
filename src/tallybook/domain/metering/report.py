"""Usage as it is reported: the largest shares and the rest as one, beside the period before.

Rules: docs/semantics/usage.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from tallybook.domain.metering.meter import Evidence, Meter, Usage
from tallybook.domain.metering.pooling import adds_up


class Ranked(StrEnum):
    """What is ranked: customers, or a customer's combinations of dimension values."""

    CUSTOMERS = "customers"
    DIMENSIONS = "dimensions"


class Before(msgspec.Struct, frozen=True):
    """What it was in the same window of the period before."""

    span: Span
    quantity: Decimal


class Reported(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of a report. One with `rest_of` sums so many customers or combinations of values.

    Its customer, or its dimension values, are then "". `before` is None where nothing is compared,
    or the period before had no such window.
    """

    usage: Usage
    rest_of: int = 0
    before: Before | None = None


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How usage is reported: all customers as one, only the `top` so many, ranked how."""

    is_total: bool = False
    top: int | None = None
    ranked: Ranked = Ranked.CUSTOMERS

    def check(self, meter: Meter) -> None:
        """`Invalid` where it needs sums of what is no sum of its parts."""
        if (self.is_total or self.top is not None) and not adds_up(meter):
            raise Invalid(
                "does_not_add_up",
                f"Meter {meter.key!r} is a {meter.aggregation.__struct_config__.tag}: what is used "
                "by several customers, or of several values, is not the sum of theirs.",
                field="total" if self.is_total else "top",
                mend="Ask for the rows themselves.",
            )


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
    """
    if shape == AS_MEASURED and not windows_before:
        return [Reported(usage=row) for row in usage]
    now, then = _counts(usage, windows), _counts(earlier, windows_before)
    if shape.is_total:
        now, then = (_moved(each, lambda group: _Group("", group.values)) for each in (now, then))
    groups = sorted({*now, *then})
    sizes: Mapping[_Group, int] = {}
    if shape.top is not None:
        into = _ranking(now, groups, shape.top, shape.ranked)
        sizes = _sizes(into, shape.ranked)
        now, then = (_moved(each, into.__getitem__) for each in (now, then))
        groups = list(dict.fromkeys(into.values()))
    names = next((tuple(row.dimensions) for row in (*usage, *earlier)), ())
    nothing = (Decimal(0), Evidence(0, as_of, 0))
    rows = []
    for group in groups:
        there, was = now.get(group, {}), then.get(group, {})
        for number, window in enumerate(windows):
            compared = number < len(windows_before)
            if number not in there and not (compared and number in was):
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
            if compared:
                before = Before(windows_before[number], was.get(number, nothing)[0])
            rows.append(Reported(usage=row, rest_of=sizes.get(group, 0), before=before))
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


def _ranking(
    counts: _Counts, groups: Sequence[_Group], top: int, ranked: Ranked
) -> dict[_Group, _Group]:
    """What each group is shown as, itself or a rest, in the order in which they are shown."""
    by_customer = ranked is Ranked.CUSTOMERS

    def competitor(group: _Group) -> _Group:
        return _Group(group.customer, ()) if by_customer else group

    totals: dict[_Group, Decimal] = {competitor(group): Decimal(0) for group in groups}
    with exactly():
        for group, windows in counts.items():
            totals[competitor(group)] += sum(quantity for quantity, _ in windows.values())
    by_pool: dict[str, list[_Group]] = defaultdict(list)
    for each in sorted(totals, key=lambda each: (-totals[each], each)):
        by_pool["" if by_customer else each.customer].append(each)
    place = {each: number for pool in by_pool.values() for number, each in enumerate(pool)}

    def shown(group: _Group) -> _Group:
        if place[competitor(group)] < top:
            return group
        if by_customer:
            return _Group("", group.values, is_rest=True)
        return _Group(group.customer, ("",) * len(group.values), is_rest=True)

    def order(group: _Group) -> tuple[object, ...]:
        number = min(place[competitor(group)], top)
        if by_customer:
            return number, group.values, group.customer
        return group.customer, number, group.values

    return {group: shown(group) for group in sorted(groups, key=order)}


def _sizes(into: Mapping[_Group, _Group], ranked: Ranked) -> dict[_Group, int]:
    """How many customers, or combinations of values, each rest is of."""
    members: dict[_Group, set[object]] = defaultdict(set)
    everyone: set[object] = set()
    for group, shown in into.items():
        if shown.is_rest:
            member = group.customer if ranked is Ranked.CUSTOMERS else group.values
            members[shown].add(member)
            everyone.add(member)
    if ranked is Ranked.CUSTOMERS:
        return dict.fromkeys(members, len(everyone))
    return {shown: len(each) for shown, each in members.items()}


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
