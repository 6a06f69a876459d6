"""Send, resend, void, amend, backfill, revert in any order: usage is what a plain model says."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import plain_usage
from event_sending import append, sent
from plain_corrections import Fact, Ledger
from tallybook.domain.events.correction import Amendment, Correction
from tallybook.domain.events.event import EventQuery, UsageEvent, Verdict
from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.aggregation import TimeUnit
from tallybook.domain.metering.aggregations.average import Average
from tallybook.domain.metering.aggregations.counter import Counter, Decrease
from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.domain.metering.aggregations.min import Min
from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import Held
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.meter import (
    AnyAggregation,
    Count,
    Latest,
    Max,
    Meter,
    Sum,
    UniqueCount,
    UsageQuery,
)
from tallybook.services.amend_events import AmendVerdict, amend_events
from tallybook.services.backfill_events import (
    commit_backfill,
    open_backfill,
    preview_backfill,
    stage_events,
)
from tallybook.services.find_corrections import revert_correction
from tallybook.services.ports import Wiring
from tallybook.services.void_events import preview_void, void_events
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.standing import CorrectionIndex
from tallybook.stores.columnar.tallies import Tallies
from tallybook.stores.columnar.usage import ColumnarUsage

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = Span(MARCH, MARCH + timedelta(days=10))
AGGREGATIONS: tuple[AnyAggregation, ...] = (
    Count(),
    Sum(value="n"),
    Min(value="n"),
    Max(value="n"),
    Average(value="n"),
    Latest(value="n"),
    UniqueCount(value="n"),
    TimeWeighted(value="n", changes=True, per=TimeUnit.SPAN),
    Counter(value="n"),
    Percentile(value="n", percent=Decimal(50), minutes=1440),
    Sum(value="n", carries=True),
    UniqueCount(value="s", operation="op"),
    UniqueCount(value="s", operation="op", held=Held.DAYS),
    TimeWeighted(value="n", series="s"),
    TimeWeighted(value="n", changes=True, per=TimeUnit.DAY, whole_days=True),
    Counter(value="n", series="d", decrease=Decrease.NEGATIVE),
    Counter(value="n", decrease=Decrease.ROLLOVER, digits=2),
    Duration(session="s", operation='op == "add" ? "start" : "stop"'),
)
FAR = 2**62
_organizations = itertools.count(1)

customers = st.sampled_from(["c1", "c2", "c3"])
types = st.sampled_from(["call", "call", "call", "seat"])
hours = st.integers(0, 10 * 24 - 1)
numbers = st.integers(-5, 50) | st.sampled_from(
    [
        *(None, "", "many", "-0.000000000001", "1e-3", "99.999999999999", "100"),
        "99999999999999999999999999.999999999999",
    ]
)
"""Numbers, also far too long ones; and what is none: null, nothing, a word."""

properties = st.fixed_dictionaries(
    {"n": numbers},
    optional={
        "s": st.sampled_from("xy") | st.integers(0, 10**6).map(str),
        "op": st.sampled_from(["add", "remove"]),
        "d": st.sampled_from(["eu", "us", None]),
    },
)
drafts = st.fixed_dictionaries(
    {"customer": customers, "type": types, "hour": hours, "properties": properties}
)
DAYS = [
    Span(SPAN.starts + timedelta(days=n), SPAN.starts + timedelta(days=n + 1)) for n in range(10)
]
ASKED = ((None, (), [SPAN]), ("day", ("d",), DAYS))
"""A question as a whole, and one cut and split: window, dimensions, and the spans answered."""


def at(hour: int) -> str:
    return (MARCH + timedelta(hours=hour)).isoformat()


class Corrections(RuleBasedStateMachine):
    """One organization for each example, in one event store for all."""

    def __init__(self, wiring: Wiring, columnar: Columnar) -> None:
        super().__init__()
        self.wiring = wiring
        self.columnar = columnar
        self.organization_id = f"org_law{next(_organizations)}"
        self.ledger = Ledger()
        self.originals: list[dict[str, Any]] = []
        self.remembered: list[int] = []
        self.ids = itertools.count(1)
        self.meters = [
            checked_meter(
                Meter(
                    id=f"mtr_{number}",
                    key=f"m{number}",
                    name="M",
                    event_type="call",
                    aggregation=aggregation,
                    dimensions=("d",),
                    created_at=MARCH,
                )
            )
            for number, aggregation in enumerate(AGGREGATIONS)
        ]

    def position(self) -> int:
        return self.wiring.event_log.position()

    def written(self, draft: dict[str, Any]) -> dict[str, Any]:
        return sent(
            f"e{next(self.ids)}",
            type=draft["type"],
            customer=draft["customer"],
            time=at(draft["hour"]),
            properties=draft["properties"],
        )

    def kept(self, event: dict[str, Any]) -> UsageEvent:
        return UsageEvent(
            type=event["type"],
            customer=event["customer"],
            id=event["id"],
            occurred_at=datetime.fromisoformat(event["time"]),
            properties=kept_properties(event["properties"]),
        )

    def record(self, correction: Correction, voided: set[int], added: list[UsageEvent]) -> None:
        """Note a correction, with the positions that it has to have."""
        first = correction.position - len(voided) - len(added)
        positions = range(first, first + len(added))
        assert (correction.voided, correction.added) == (len(voided), len(added))
        assert self.position() == correction.position, "an answer is an as-of that shows it"
        self.ledger.events.update(zip(positions, added, strict=True))
        fact = Fact(
            correction.id,
            correction.position,
            frozenset(voided),
            frozenset(positions),
            correction.reverts,
        )
        self.ledger.facts.append(fact)

    @initialize(batch=st.lists(drafts, min_size=3, max_size=8))
    def begin(self, batch: list[dict[str, Any]]) -> None:
        self.send(batch)

    @rule(batch=st.lists(drafts, min_size=1, max_size=5))
    def send_new(self, batch: list[dict[str, Any]]) -> None:
        self.send(batch)

    def send(self, batch: list[dict[str, Any]]) -> None:
        before = self.position()
        events = [self.written(draft) for draft in batch]
        appended = append(self.wiring.event_log, events, self.organization_id)
        assert not appended.exceptions
        self.originals += events
        for position, event in enumerate(events, before + 1):
            self.ledger.events[position] = self.kept(event)

    @rule(pick=st.integers(0, 10**6), differs=st.booleans())
    def send_again(self, pick: int, differs: bool) -> None:
        """Void or not, an identity stays known."""
        event = self.originals[pick % len(self.originals)]
        changed = event | {"properties": {"n": 777}} if differs else event
        appended = append(self.wiring.event_log, [changed], self.organization_id)
        expected = Verdict.CONFLICT if differs else Verdict.DUPLICATE
        assert appended.exceptions[0].verdict is expected

    @rule(customer=st.none() | customers, first=hours, length=st.integers(1, 120))
    def void(self, customer: str | None, first: int, length: int) -> None:
        span = Span(MARCH + timedelta(hours=first), MARCH + timedelta(hours=first + length))
        wanted = EventQuery(type="call", customer=customer, starts=span.starts, ends=span.ends)
        shown = preview_void(self.wiring, self.organization_id, wanted)
        chosen = {
            position
            for position, event in self.ledger.live(FAR).items()
            if event.type == "call"
            and event.occurred_at in span
            and customer in (None, event.customer)
        }
        assert shown.voided.count == len(chosen)
        if not chosen:
            return
        voided = void_events(
            self.wiring, self.organization_id, wanted, token=shown.token, reason="r", by="key_1"
        )
        self.record(voided, chosen, [])

    @rule(picks=st.lists(st.integers(0, 10**6), min_size=1, max_size=3), draft=drafts)
    def amend(self, picks: list[int], draft: dict[str, Any]) -> None:
        by_position = sorted(self.ledger.events)
        chosen = [by_position[pick % len(by_position)] for pick in picks]
        amendments = [
            Amendment(
                id=self.ledger.events[position].id,
                customer=draft["customer"],
                properties={
                    name: msgspec.Raw(json.dumps(value).encode())
                    for name, value in draft["properties"].items()
                },
            )
            for position in chosen
        ]
        live = self.ledger.live(FAR)
        amended = amend_events(
            self.wiring, self.organization_id, amendments, reason="r", by="key_1"
        )
        voided: dict[int, UsageEvent] = {}
        for position, answer in zip(chosen, amended.answers, strict=True):
            is_possible = position in live and position not in voided
            assert (answer.verdict is AmendVerdict.AMENDED) == is_possible, answer
            if is_possible:
                voided[position] = msgspec.structs.replace(
                    live[position],
                    id=answer.new_id,
                    customer=draft["customer"],
                    properties=kept_properties(draft["properties"]),
                )
        assert (amended.correction is not None) == bool(voided)
        if amended.correction is not None:
            self.record(amended.correction, set(voided), list(voided.values()))

    @rule(
        customer=st.none() | customers,
        first=hours,
        length=st.integers(1, 240),
        batch=st.lists(drafts, max_size=5),
    )
    def backfill(
        self, customer: str | None, first: int, length: int, batch: list[dict[str, Any]]
    ) -> None:
        opened = open_backfill(
            self.wiring,
            self.organization_id,
            type_="call",
            starts=MARCH + timedelta(hours=first),
            ends=MARCH + timedelta(hours=first + length),
            customer=customer,
            by="key_1",
        )
        events = [
            self.written(draft) | {"id": original["id"]}
            for draft, original in zip(batch, self.originals, strict=False)
        ]
        belonging = [
            event
            for event in map(self.kept, events)
            if event.type == "call"
            and event.occurred_at in opened.span
            and customer in (None, event.customer)
        ]
        body = json.dumps(events).encode()
        for verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE):  # staged twice is staged once
            receipt = stage_events(
                self.wiring, self.organization_id, opened.id, body, "application/json"
            )
            assert receipt.counts[verdict] == len(belonging)
        shown = preview_backfill(self.wiring, self.organization_id, opened.id)
        chosen = {
            position
            for position, event in self.ledger.live(FAR).items()
            if event.type == "call"
            and event.occurred_at in opened.span
            and customer in (None, event.customer)
        }
        assert (shown.voided.count, shown.added) == (len(chosen), len(belonging))
        if not chosen and not belonging:
            return
        made = commit_backfill(
            self.wiring, self.organization_id, opened.id, token=shown.token, reason="r", by="k"
        )
        named = [msgspec.structs.replace(e, id=f"{e.id}@{opened.id}") for e in belonging]
        self.record(made, chosen, named)

    @precondition(lambda self: self.ledger.facts)
    @rule(pick=st.integers(0, 10**6))
    def revert(self, pick: int) -> None:
        fact = self.ledger.facts[pick % len(self.ledger.facts)]
        known = {other.reverts for other in self.ledger.facts}
        stands = self.ledger.leaving(fact) <= self.ledger.live(FAR).keys()
        before = self.position()
        if fact.id in known and self.ledger.is_in_force(fact, FAR):
            self.refused(fact, "already_reverted")
            return
        if fact.id not in known and not stands:
            self.refused(fact, "corrected_since")
            return
        made = revert_correction(self.wiring, self.organization_id, fact.id, reason="r", by="key_1")
        if fact.id in known:
            assert self.position() == before, "reverted before: the same fact"
            return
        self.record(made, set(), [])

    def refused(self, fact: Fact, code: str) -> None:
        before = self.position()
        with pytest.raises(Conflicting) as refusal:
            revert_correction(self.wiring, self.organization_id, fact.id, reason="r", by="key_1")
        assert refusal.value.code == code
        assert self.position() == before

    @rule()
    def remember(self) -> None:
        self.remembered.append(self.position())

    @rule()
    def tally(self) -> None:
        usage = self.usage(CorrectionIndex(self.columnar))
        for meter in self.meters:
            usage.tally(self.organization_id, meter, through=self.position())

    def usage(self, index: CorrectionIndex) -> ColumnarUsage:
        return ColumnarUsage(self.columnar, Tallies(self.columnar, least=1, worth=100), index)

    def teardown(self) -> None:
        """Now and at every as-of remembered: by events, by tallies, by an index made anew."""
        tallied = self.usage(CorrectionIndex(self.columnar))
        for as_of in {self.position(), *self.remembered[-2:]}:
            live = [
                (position, event)
                for position, event in sorted(self.ledger.live(as_of).items())
                if event.type == "call"
            ]
            for meter, (window, group_by, spans) in itertools.product(self.meters, ASKED):
                expected = {
                    key: (rounded(answer.quantity), len(answer.positions))
                    for key, answer in plain_usage.usage(meter, live, spans, group_by).items()
                }
                query = UsageQuery(span=SPAN, as_of=as_of, window=window, group_by=group_by)
                for store in (self.wiring.usage, tallied):
                    found = {
                        (row.customer, tuple(row.dimensions.values()), row.span): (
                            row.quantity,
                            row.evidence.event_count,
                        )
                        for row in store.measure(self.organization_id, meter, query)
                    }
                    assert found == expected, (meter.aggregation, as_of, window)
            self.compare_events(as_of, {position for position, _ in live})

    def compare_events(self, as_of: int, positions: set[int]) -> None:
        query = UsageQuery(span=SPAN, as_of=as_of)
        behind, _ = self.wiring.usage.events_behind(
            self.organization_id, self.meters[0], query, limit=1000
        )
        assert {event.position for event in behind} == positions
        annotated = self.wiring.corrections.annotated(self.organization_id, behind)
        live = self.ledger.live(FAR)
        assert all((not each.voided_by) == (each.position in live) for each in annotated)


def rounded(quantity: Fraction) -> Decimal:
    """Half away from zero at twelve places."""
    units = abs(quantity) * 10**12
    whole = units.numerator // units.denominator
    whole += (units - whole) * 2 >= 1
    with widely():
        return Decimal(whole if quantity >= 0 else -whole).scaleb(-12)


def kept_properties(sent_: dict[str, Any]) -> dict[str, str]:
    """What is kept of properties that are numbers, texts or null."""
    return {name: str(value) for name, value in sent_.items() if value is not None}


@pytest.mark.slow
def test_any_history_of_corrections_is_what_the_plain_model_says(
    wiring: Wiring, columnar: Columnar
) -> None:
    class Here(Corrections):
        def __init__(self) -> None:
            super().__init__(wiring, columnar)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
