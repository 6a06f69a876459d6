"""Report on the quality of events: what arrives, how late, and what is not as it was said to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from tallybook.domain.events.event_type import EventSettings, EventType, Status, declared_properties
from tallybook.domain.events.quality import (
    Counted,
    Happening,
    SourceSeen,
    TypeDay,
    TypeSeen,
)
from tallybook.domain.events.quarantined import HeldCount, HeldQuery
from tallybook.domain.kernel.instants import Span
from tallybook.services.adopt_event_type import MAX_TYPES
from tallybook.services.ports import Wiring

MAX_SOURCES = 1000


class DayReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type on a day of arrival, in UTC."""

    day: date
    events: int = 0
    customers: int = 0
    violations: int = 0
    duplicates: int = 0
    conflicts: int = 0
    lateness_p50: str = ""
    lateness_p95: str = ""
    lateness_p99: str = ""
    lateness_max: str = ""
    last_seen: datetime | None = None


class TypeReport(msgspec.Struct, frozen=True, kw_only=True):
    """A type over the span of the report.

    `is_known`: the tracking plan has it. `is_used`: some of it arrived. `is_named_well`: it is
    spelt by the naming rule. Unknown properties are sent and not declared, unused ones declared and
    not sent. `quarantine` counts the events of the type held in the span by their state now.
    """

    type: str
    status: Status | None
    is_known: bool
    is_used: bool
    is_named_well: bool
    events: int
    last_seen: datetime | None
    unknown_properties: list[str]
    unused_properties: list[str]
    quarantine: dict[str, int]
    days: list[DayReport]


class QualityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived in `[from, to)`. `rejected` events could not be read, so their type is none's.

    `silent_sources` have sent before and nothing for longer than `silent_days`.
    """

    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    types: list[TypeReport]
    rejected: int
    silent_days: int
    silent_sources: list[SourceSeen]


def report_quality(
    wiring: Wiring,
    organization_id: str,
    *,
    days: int,
    silent_days: int,
    only: str = "",
) -> QualityReport:
    """Report on the last `days` days of arrival, today included.

    Volume, lateness, properties and quarantine are exact, from the log and the records. Duplicates,
    conflicts, violations that were only warned of and rejections leave no event behind: they are
    counted as they happen, and a server that is killed forgets the last seconds of them.
    """
    now = wiring.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    span = Span(midnight - timedelta(days=days - 1), now + timedelta(seconds=1))
    with wiring.books.begin(organization_id) as records:
        known = {each.key: each for each in records.event_types.page() if only in ("", each.key)}
        settings = records.event_types.settings()
        wanted = HeldQuery(state=None, type=only or None, starts=span.starts, ends=span.ends)
        held = records.quarantine.counts(wanted)
    seen = {
        each.type: each
        for each in wiring.traffic.types(organization_id, span, limit=MAX_TYPES)
        if only in ("", each.type)
    }
    found = _Found(
        settings,
        known,
        seen,
        wiring.traffic.property_names(organization_id, span),
        wiring.traffic.days(organization_id, list(seen), span),
        wiring.event_counts.between(organization_id, span.starts.date(), now.date()),
        held,
    )
    quiet_since = now - timedelta(days=silent_days)
    before = Span(now - timedelta(days=max(days, 2 * silent_days)), span.ends)
    sources = wiring.traffic.sources(organization_id, only, before, limit=MAX_SOURCES)
    return QualityReport(
        starts=span.starts,
        ends=span.ends,
        types=[found.report(type_) for type_ in found.types() if only in ("", type_)],
        rejected=sum(each.count for each in found.counted if each.kind is Happening.REJECTED),
        silent_days=silent_days,
        silent_sources=[each for each in sources if each.last_seen < quiet_since],
    )


class _Found(msgspec.Struct, frozen=True):
    """What was found out, from which each type's report is put together."""

    settings: EventSettings
    known: Mapping[str, EventType]
    seen: Mapping[str, TypeSeen]
    properties: Mapping[str, set[str]]
    days: Sequence[TypeDay]
    counted: Sequence[Counted]
    held: Sequence[HeldCount]

    def types(self) -> list[str]:
        """Every type that anything is known of, those with the most events first."""
        every = {*self.known, *self.seen, *(each.type for each in self.held)}
        every |= {each.type for each in self.counted if each.type}
        return sorted(every, key=lambda type_: (-self._events(type_), type_))

    def report(self, type_: str) -> TypeReport:
        """What is to be said of one type."""
        known, seen = self.known.get(type_), self.seen.get(type_)
        sent = self.properties.get(type_, set())
        declared = declared_properties(known.schema) if known else []
        held: dict[str, int] = {}
        for each in self.held:
            if each.type == type_:
                held[each.state.value] = held.get(each.state.value, 0) + each.events
        return TypeReport(
            type=type_,
            status=known.status if known else None,
            is_known=known is not None,
            is_used=seen is not None,
            is_named_well=self.settings.type_naming.fits(type_),
            events=self._events(type_),
            last_seen=seen.last_seen if seen else None,
            unknown_properties=sorted(sent.difference(declared)) if declared else [],
            unused_properties=[name for name in declared if name not in sent] if seen else [],
            quarantine=held,
            days=list(self._days(type_)),
        )

    def _events(self, type_: str) -> int:
        return self.seen[type_].events if type_ in self.seen else 0

    def _days(self, type_: str) -> Iterable[DayReport]:
        arrived = {each.day: each for each in self.days if each.type == type_}
        counts: dict[date, dict[Happening, int]] = {}
        for each in self.counted:
            if each.type == type_:
                of_day = counts.setdefault(each.day, {})
                of_day[each.kind] = of_day.get(each.kind, 0) + each.count
        for day in sorted({*arrived, *counts}):
            yield _day(day, arrived.get(day), counts.get(day, {}))


def _day(day: date, arrived: TypeDay | None, counts: Mapping[Happening, int]) -> DayReport:
    report = DayReport(
        day=day,
        violations=counts.get(Happening.VIOLATION, 0),
        duplicates=counts.get(Happening.DUPLICATE, 0),
        conflicts=counts.get(Happening.CONFLICT, 0),
    )
    if arrived is None:
        return report
    return msgspec.structs.replace(
        report,
        events=arrived.events,
        customers=arrived.customers,
        lateness_p50=arrived.lateness_p50,
        lateness_p95=arrived.lateness_p95,
        lateness_p99=arrived.lateness_p99,
        lateness_max=arrived.lateness_max,
        last_seen=arrived.last_seen,
    )
