"""Aggregations: cases sent as events into the real event store and measured by meters."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.domain.kernel.instants import Span, parse_instant, zone
from tallybook.domain.metering.aggregations.aggregation import TimeUnit
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import Held
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.filling import filled
from tallybook.domain.metering.meter import (
    AnyAggregation,
    Conversion,
    Count,
    FinalRounding,
    Latest,
    Max,
    Meter,
    Sum,
    UniqueCount,
    Usage,
    UsageQuery,
)
from tallybook.domain.metering.windows import checked_window, cut
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.columnar.usage import ColumnarUsage
from vectors.run import NotSupported

Given = Mapping[str, Any]

ORGANIZATION = "org_vectors"
RECEIVED = datetime(2030, 1, 1, tzinfo=UTC)
CUSTOMER = "customer"
TICK = timedelta(microseconds=1)
ROUNDING = {"half_up": "half_up", "ceil": "ceiling", "floor": "floor"}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """The customer of a case over one of its buckets."""

    customer: str
    span: Span


class Store:
    """One event store for every case; each case has events of a type of its own."""

    def __init__(self) -> None:
        url = os.environ.get("TALLYBOOK_VECTORS_EVENTS_URL", "")
        if not url:
            self._home = tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True)
            url = f"chdb://{self._home.name}/events"
        columnar = Columnar(url, database="vectors")
        with columnar.client() as client:
            for table in TABLES:
                client.command(table)
        self.usage = ColumnarUsage(columnar)
        log = ColumnarEventLog(columnar)
        self.log = log
        atexit.register(columnar.close)
        atexit.register(log.close)

    def send(self, events: list[dict[str, Any]]) -> int:
        """Take events into the log; an as-of that includes them."""
        reading = read_events("\n".join(map(json.dumps, events)).encode(), Form.NDJSON)
        assert not reading.rejected, reading.rejected
        taken = self.log.append(
            ORGANIZATION, reading.events, reading.texts, received_at=RECEIVED
        ).result()
        return taken.position


@lru_cache
def store() -> Store:
    return Store()


def answer(given: Given) -> dict[str, Any]:
    span = _span(given["window"])
    type_ = f"case{next(_numbers)}"
    as_of = store().send(list(_events(given, type_, span)))
    meter = checked_meter(
        Meter(
            id="meter",
            key="meter",
            name="Meter",
            event_type=type_,
            aggregation=_aggregation(given),
            dimensions=tuple(_path(name) for name in given.get("group_by", ())),
            conversion=_conversion(given.get("prorate", {})),
            rounding=_rounding(given.get("rounding")),
            created_at=span.starts,
        )
    )
    if "bucket" in given:
        return {"buckets": [_bucket(row) for row in _buckets(given, meter, span, as_of)]}
    query = UsageQuery(span=span, as_of=as_of, group_by=meter.dimensions)
    usage = store().usage.measure(ORGANIZATION, meter, query)
    if "group_by" in given:
        return {"groups": [_group(given, row) for row in usage]}
    return {"value": usage[0].quantity if usage else Decimal(0)}


def _buckets(given: Given, meter: Meter, span: Span, as_of: int) -> list[Usage]:
    bucket = given["bucket"]
    if "boundaries" in bucket:
        bounds = [parse_instant(text) for text in bucket["boundaries"]]
        spans = [Span(*pair) for pair in pairwise(bounds)]
        asked = [Asked(CUSTOMER, each) for each in spans]
        usage = store().usage.measure_spans(ORGANIZATION, meter, asked, as_of=as_of)
    else:
        timezone = bucket.get("tz", "UTC")
        query = UsageQuery(span=span, as_of=as_of, window=bucket["size"], timezone=timezone)
        usage = store().usage.measure(ORGANIZATION, meter, query)
        bounds = list(cut(span, checked_window(bucket["size"]), zone(timezone)))
        spans = [Span(*pair) for pair in pairwise(bounds)]
    if bucket.get("omit_empty"):
        return usage
    return filled(usage, spans, customers=[CUSTOMER], as_of=as_of)


def _bucket(row: Usage) -> dict[str, Any]:
    return {"start": row.span.starts, "end": row.span.ends, "value": row.quantity}


def _group(given: Given, row: Usage) -> dict[str, Any]:
    names = {_path(name): name for name in given["group_by"]}
    return {
        "key": {names[path]: value or None for path, value in row.dimensions.items()},
        "value": row.quantity,
    }


def _events(given: Given, type_: str, span: Span) -> Iterator[dict[str, Any]]:
    """The case's events as the API takes them; a level there before them is an event of its own.

    Without `recurring`, what was before the window is not part of the case.
    """
    looks_back = given.get("recurring") or "bucket" in given
    default = {"op": "add"} if _has_operations(given) else {}
    if "initial" in given:
        before = (span.starts - TICK).isoformat()
        yield _event(type_, before, {"value": given["initial"]}, "initial")
    for number, event in enumerate(given["events"]):
        at = parse_instant(event["at"])
        if looks_back or at >= span.starts:
            fields = {name: event[name] for name in ("value", "key", "op") if name in event}
            own = {"props": event.get("props", {})} | default | fields
            yield _event(type_, event["at"], own, _identity(given, event, number))


def _identity(given: Given, event: Given, number: int) -> str:
    """What the case says makes an event unique; where it says nothing, each is one of its own."""
    named = given.get("dedupe_on")
    return json.dumps([event.get(name) for name in named]) if named else f"e{number}"


def _has_operations(given: Given) -> bool:
    """Whether keys are added and removed; a key that is carried in was added before."""
    held = given["type"] == "unique_count" and ("recurring" in given or _prorates(given))
    return bool(held or any("op" in event for event in given["events"]))


def _event(type_: str, at: str, properties: dict[str, Any], identity: str) -> dict[str, Any]:
    return {
        "type": type_,
        "customer": CUSTOMER,
        "id": f"{type_}/{identity}",
        "time": at,
        "properties": properties,
    }


def _path(name: str) -> str:
    return f"props[{json.dumps(name)}]"


def _aggregation(given: Given) -> AnyAggregation:
    kind, prorate = given["type"], _prorates(given)
    clamps = given.get("policy", {}).get("clamp_negative_to_zero")
    value = "max(value, 0)" if clamps else "value"
    operation = "op" if _has_operations(given) else ""
    found: Mapping[tuple[str, str | None], AnyAggregation] = {
        ("count", None): Count(),
        ("sum", None): Sum(value=value, carries=bool(given.get("recurring"))),
        ("sum", "from_event_day_to_window_end"): TimeWeighted(
            value=value, changes=True, per=TimeUnit.DAY, whole_days=True
        ),
        ("max", None): Max(value=value),
        ("latest", None): Latest(value=value),
        ("weighted_sum", None): TimeWeighted(value=value, changes=True, per=TimeUnit.SPAN),
        ("unique_count", None): UniqueCount(value="key", operation=operation),
        ("unique_count", "active_whole_days"): UniqueCount(
            value="key", operation="op", held=Held.DAYS
        ),
    }
    aggregation = found.get((kind, prorate))
    if aggregation is None:
        raise NotSupported(f"{kind} prorated {prorate}")
    return aggregation


def _prorates(given: Given) -> str | None:
    """How an aggregation itself prorates: a number of days fixed beforehand only scales it."""
    mode: str | None = given.get("prorate", {}).get("mode")
    return None if mode == "fixed_days" else mode


def _conversion(prorate: Mapping[str, Any]) -> Conversion | None:
    if not prorate:
        return None
    multiply_by = Decimal(prorate.get("active_days", 1))
    return Conversion(multiply_by=multiply_by, divide_by=Decimal(prorate["days"]))


def _rounding(rounding: Mapping[str, Any] | None) -> FinalRounding | None:
    if rounding is None:
        return None
    return FinalRounding(scale=int(rounding["scale"]), mode=ROUNDING[rounding["mode"]])  # type: ignore[arg-type]


def _span(window: Mapping[str, str]) -> Span:
    return Span(parse_instant(window["start"]), parse_instant(window["end"]))
