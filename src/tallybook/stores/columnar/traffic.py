"""What is seen in the log by who asks about the quality of events: types, properties, lateness.

Days and spans here are of arrival, whose column is nearly the same throughout a block: reading it
costs little beside the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tallybook.domain.events.event import SentEvent, StoredEvent
from tallybook.domain.events.quality import PropertySeen, SourceSeen, TypeDay, TypeSeen
from tallybook.domain.kernel.instants import Span
from tallybook.stores.columnar.block import identity_of
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.parameters import Parameters, from_microseconds, month_of
from tallybook.stores.columnar.stored import STORED, stored_event

_LATENESS = "(toUnixTimestamp64Micro(received_at) - toUnixTimestamp64Micro(occurred_at))"

_KINDS = {
    "boolean": "value IN ('true', 'false')",
    "integer": "match(value, '^-?(0|[1-9][0-9]*)$')",
    "number": "match(value, '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$')",
    "object": "startsWith(value, '{') AND isValidJSON(value)",
    "list": "startsWith(value, '[') AND isValidJSON(value)",
}
"""How a value reads, the first that is so; else it is text."""

_MAX_PROPERTIES = 20_000
_MAX_NAMES = 1000


class ColumnarTraffic:
    """The `Traffic` port. What was acknowledged before it is asked is seen."""

    def __init__(self, columnar: Columnar, log: ColumnarEventLog) -> None:
        self._columnar = columnar
        self._log = log

    def types(self, organization_id: str, span: Span, *, limit: int) -> list[TypeSeen]:
        """The types that arrived in the span, those with the most events first."""
        bind = Parameters()
        rows = self._rows(
            "SELECT type, count() AS events, uniq(source), "
            "toUnixTimestamp64Micro(min(received_at)), toUnixTimestamp64Micro(max(received_at)), "
            "max(position) "
            f"FROM events WHERE {_arrived(bind, organization_id, span)} "
            f"GROUP BY type ORDER BY events DESC, type LIMIT {bind.whole(limit)}",
            bind,
        )
        return [
            TypeSeen(
                type=type_,
                events=events,
                sources=sources,
                first_seen=from_microseconds(first),
                last_seen=from_microseconds(last),
                last_position=last_position,
            )
            for type_, events, sources, first, last, last_position in rows
        ]

    def examples(
        self, organization_id: str, types: Sequence[TypeSeen]
    ) -> Mapping[str, Mapping[str, str]]:
        """The properties of the last event of each of these types."""
        bind = Parameters()
        rows: Any = self._rows(
            "SELECT type, properties FROM events "
            f"WHERE organization_id = {bind.text(organization_id)} "
            f"AND type IN (SELECT arrayJoin({bind.texts([each.type for each in types])})) "
            "AND position IN "
            f"(SELECT arrayJoin({bind.positions([each.last_position for each in types])}))",
            bind,
        )
        return dict(rows)

    def property_names(self, organization_id: str, span: Span) -> Mapping[str, set[str]]:
        """By type, names of properties of the events that arrived in the span, at most 1,000."""
        bind = Parameters()
        rows = self._rows(
            f"SELECT type, groupUniqArrayArray({_MAX_NAMES})(mapKeys(properties)) "
            f"FROM events WHERE {_arrived(bind, organization_id, span)} GROUP BY type",
            bind,
        )
        return {type_: set(names) for type_, names in rows}

    def properties(
        self, organization_id: str, types: Sequence[str], span: Span
    ) -> list[PropertySeen]:
        """The properties of the events of these types that arrived in the span."""
        bind = Parameters()
        counts = ", ".join(f"countIf(kind = '{kind}')" for kind in (*_KINDS, "text"))
        chosen = ", ".join(f"{condition}, '{kind}'" for kind, condition in _KINDS.items())
        rows = self._rows(
            f"SELECT type, pair.1 AS name, count(), {counts} FROM ("
            f"SELECT type, pair, pair.2 AS value, multiIf({chosen}, 'text') AS kind FROM ("
            "SELECT type, arrayJoin(arrayZip(mapKeys(properties), mapValues(properties))) AS pair "
            f"FROM events WHERE {_arrived(bind, organization_id, span)} "
            f"AND type IN (SELECT arrayJoin({bind.texts(list(types))})))) "
            f"GROUP BY type, name ORDER BY type, name LIMIT {bind.whole(_MAX_PROPERTIES)}",
            bind,
        )
        return [
            PropertySeen(
                type=type_,
                name=name,
                events=events,
                kinds={
                    kind: count
                    for kind, count in zip((*_KINDS, "text"), counted, strict=True)
                    if count
                },
            )
            for type_, name, events, *counted in rows
        ]

    def days(self, organization_id: str, types: Sequence[str], span: Span) -> list[TypeDay]:
        """What arrived of each of these types on each day of the span."""
        bind = Parameters()
        rows = self._rows(
            "SELECT type, toDate(received_at, 'UTC') AS day, count(), uniq(customer), "
            f"quantilesDeterministic(0.5, 0.95, 0.99)({_LATENESS}, identity), max({_LATENESS}), "
            "toUnixTimestamp64Micro(max(received_at)) "
            f"FROM events WHERE {_arrived(bind, organization_id, span)} "
            f"AND type IN (SELECT arrayJoin({bind.texts(list(types))})) "
            "GROUP BY type, day ORDER BY type, day",
            bind,
        )
        found: list[TypeDay] = []
        for type_, day, events, customers, percentiles, longest, last in rows:
            p50, p95, p99 = (_seconds(int(each)) for each in percentiles)
            found.append(
                TypeDay(
                    type=type_,
                    day=day,
                    events=events,
                    customers=customers,
                    lateness_p50=p50,
                    lateness_p95=p95,
                    lateness_p99=p99,
                    lateness_max=_seconds(longest),
                    last_seen=from_microseconds(last),
                )
            )
        return found

    def sources(
        self, organization_id: str, only: str, span: Span, *, limit: int
    ) -> list[SourceSeen]:
        """The sources that sent in the span, by type, those silent for longest first.

        Of one type, or of all if `only` is "".
        """
        bind = Parameters()
        of_type = f"AND type = {bind.text(only)} " if only else ""
        rows = self._rows(
            "SELECT type, source, count(), uniqExact(toDate(received_at, 'UTC')), "
            "toUnixTimestamp64Micro(min(received_at)), "
            "toUnixTimestamp64Micro(max(received_at)) AS last "
            f"FROM events WHERE {_arrived(bind, organization_id, span)} {of_type}"
            f"GROUP BY type, source ORDER BY last, type, source LIMIT {bind.whole(limit)}",
            bind,
        )
        return [
            SourceSeen(
                type=type_,
                source=source,
                events=events,
                days=days,
                first_seen=from_microseconds(first),
                last_seen=from_microseconds(last),
            )
            for type_, source, events, days, first, last in rows
        ]

    def stored(
        self, organization_id: str, events: Sequence[SentEvent]
    ) -> Mapping[int, StoredEvent]:
        """By number, those of `events` that the log has by identity, type, customer and time.

        Asked by the key of the table, so that what is not there is found missing at once.
        """
        bind = Parameters()
        types = sorted({event.type for event in events})
        customers = sorted({event.customer for event in events})
        months = sorted({month_of(event.occurred_at) for event in events})
        identities = [identity_of(organization_id, each.source, each.id) for each in events]
        rows = self._rows(
            f"SELECT {STORED} FROM events WHERE organization_id = {bind.text(organization_id)} "
            f"AND type IN (SELECT arrayJoin({bind.texts(types)})) "
            f"AND toYYYYMM(occurred_at) IN (SELECT arrayJoin({bind.wholes(months)})) "
            f"AND customer IN (SELECT arrayJoin({bind.texts(customers)})) "
            f"AND identity IN (SELECT arrayJoin({bind.positions(identities)}))",
            bind,
        )
        kept = {(each.source, each.id): each for each in map(stored_event, rows)}
        return {
            number: kept[event.source, event.id]
            for number, event in enumerate(events)
            if (event.source, event.id) in kept
        }

    def _rows(self, statement: str, bind: Parameters) -> Sequence[Sequence[Any]]:
        self._log.position()  # waits for what is acknowledged and not in the table yet
        with self._columnar.client() as client:
            rows: Sequence[Sequence[Any]] = client.query(
                statement, parameters=bind.values
            ).result_rows
            return rows


def _arrived(bind: Parameters, organization_id: str, span: Span) -> str:
    return (
        f"organization_id = {bind.text(organization_id)} "
        f"AND received_at >= {bind.instant(span.starts)} "
        f"AND received_at < {bind.instant(span.ends)}"
    )


def _seconds(microseconds: int) -> str:
    """Seconds with three places, cut."""
    sign = "-" if microseconds < 0 else ""
    whole, rest = divmod(abs(microseconds) // 1000, 1000)
    return f"{sign}{whole}.{rest:03}"
