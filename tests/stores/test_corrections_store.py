"""A correction is whole or absent whatever fails, and costs nothing where there is none."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from event_sending import ARRIVED, append, sent, verdicts
from tallybook.domain.events.correction import Backfill, Correction, CorrectionKind
from tallybook.domain.events.event import EventQuery, SentEvent
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.domain.kernel.errors import Conflicting, TooLarge, Unavailable
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Count, Meter, UsageQuery
from tallybook.services.correction_ports import Replacement, Shown
from tallybook.stores.columnar import corrections, stage
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.corrections import ColumnarCorrections
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.columnar.standing import CorrectionIndex
from tallybook.stores.columnar.usage import ColumnarUsage

ORGANIZATION = "org_a"
SPAN = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
METER = Meter(
    id="mtr_1", key="c", name="C", event_type="call", aggregation=Count(), created_at=ARRIVED
)
ALL = EventQuery(type="call")
_numbers = itertools.count(1)


class BreakableColumnar(Columnar):
    """The engine, with a fault in the way of one insert."""

    fault: Callable[[Callable[[], None]], None] | None = None

    def insert(
        self, client: Client, into: str, rows: bytes, settings: Mapping[str, str | int]
    ) -> None:
        fault, self.fault = self.fault, None
        if fault is None:
            super().insert(client, into, rows, settings)
        else:
            fault(lambda: super(BreakableColumnar, self).insert(client, into, rows, settings))


def is_lost_before(_: Callable[[], None]) -> None:
    raise DatabaseError("the connection was refused")


def is_lost_after(insert: Callable[[], None]) -> None:
    insert()
    raise DatabaseError("the connection was reset")


@dataclass
class Store:
    """An event store, opened; `opened` opens it again as the next process would."""

    columnar: BreakableColumnar
    log: ColumnarEventLog
    index: CorrectionIndex
    usage: ColumnarUsage
    corrections: ColumnarCorrections

    @staticmethod
    def opened(columnar: BreakableColumnar) -> Store:
        with columnar.client() as client:
            for table in TABLES:
                client.command(table)
        index = CorrectionIndex(columnar)
        log = ColumnarEventLog(columnar, learn=index.learn)
        usage = ColumnarUsage(columnar, corrections=index)
        return Store(columnar, log, index, usage, ColumnarCorrections(columnar, log, index, usage))

    def counted(self, as_of: int | None = None) -> set[str]:
        query = UsageQuery(span=SPAN, as_of=self.log.position() if as_of is None else as_of)
        events, _ = self.usage.events_behind(ORGANIZATION, METER, query, limit=1000)
        return {event.id for event in events}

    def shown(self, wanted: EventQuery = ALL) -> Shown:
        found = self.corrections.find_set(ORGANIZATION, wanted, as_of=self.log.position())
        return Shown(found.as_of, found.count, found.checksum)

    def void(self, drafted: Correction, wanted: EventQuery = ALL) -> Correction:
        shown = self.shown(wanted)
        return self.corrections.record_void(ORGANIZATION, drafted, wanted, shown)


@pytest.fixture
def columnar(engines_home: Path) -> Iterator[BreakableColumnar]:
    name = f"corrections{next(_numbers)}"
    columnar = BreakableColumnar(f"chdb://{engines_home / 'events'}", database=name)
    yield columnar
    with columnar.client() as client:
        client.command(f"DROP DATABASE {name} SYNC")
    columnar.close()


@pytest.fixture
def store(columnar: BreakableColumnar) -> Iterator[Store]:
    store = Store.opened(columnar)
    append(store.log, [sent(f"{number}") for number in range(5)])
    yield store
    store.log.close()


def draft(id_: str = "cor_1", kind: CorrectionKind = CorrectionKind.VOID) -> Correction:
    return Correction(id=id_, kind=kind, position=0, made_at=ARRIVED, made_by="key_1", reason="r")


def events_of(*written: dict[str, object]) -> list[SentEvent]:
    return list(read_events(msgspec.json.encode(written), Form.JSON).events)


BACKFILL = Backfill(
    id="cor_1",
    type="call",
    starts=SPAN.starts,
    ends=SPAN.ends,
    opened_at=ARRIVED,
    opened_by="key_1",
)


@pytest.mark.parametrize("restarts", [False, True], ids=["same process", "next process"])
@pytest.mark.parametrize(("fault", "had_got_in"), [(is_lost_before, False), (is_lost_after, True)])
def test_a_backfill_whose_insert_fails_is_whole_or_absent(
    store: Store,
    fault: Callable[[Callable[[], None]], None],
    had_got_in: bool,
    restarts: bool,
) -> None:
    old = {f"{number}" for number in range(5)}
    new = {f"{number}@cor_1" for number in range(3)}
    shown = store.shown()
    store.corrections.open_backfill(ORGANIZATION, BACKFILL)
    events = events_of(*(sent(f"{number}@cor_1") for number in range(3)))
    assert store.corrections.stage(ORGANIZATION, BACKFILL, events, ARRIVED) == {}
    staged = store.corrections.staged(ORGANIZATION, BACKFILL.id)
    drafted = replace_types(draft(kind=CorrectionKind.BACKFILL))
    store.columnar.fault = fault
    with pytest.raises(Unavailable):
        store.corrections.record_backfill(ORGANIZATION, drafted, BACKFILL, shown, staged)
    if restarts:
        store.log.close()
        store = Store.opened(store.columnar)
        assert store.counted() == (new if had_got_in else old)
    made = store.corrections.record_backfill(ORGANIZATION, drafted, BACKFILL, shown, staged)
    assert (made.voided, made.added) == (5, 3)
    assert store.counted() == new
    assert store.counted(shown.as_of) == old
    assert store.corrections.page(ORGANIZATION, before=2**62, limit=10) == [made], "once"
    assert verdicts(store.log, sent("after")) == ["accepted"]
    assert store.log.position() == made.position + 1, "positions go on after it"
    store.log.close()


def replace_types(correction: Correction) -> Correction:
    return msgspec.structs.replace(correction, types=("call",))


def test_what_is_staged_later_is_not_committed(store: Store) -> None:
    shown = store.shown()
    store.corrections.open_backfill(ORGANIZATION, BACKFILL)
    store.corrections.stage(ORGANIZATION, BACKFILL, events_of(sent("a@cor_1")), ARRIVED)
    staged = store.corrections.staged(ORGANIZATION, BACKFILL.id)
    store.corrections.stage(ORGANIZATION, BACKFILL, events_of(sent("b@cor_1")), ARRIVED)
    drafted = draft(kind=CorrectionKind.BACKFILL)
    with pytest.raises(Conflicting) as refusal:
        store.corrections.record_backfill(ORGANIZATION, drafted, BACKFILL, shown, staged)
    assert refusal.value.code == "stage_changed"
    assert store.counted() == {"0", "1", "2", "3", "4"}


@pytest.mark.parametrize(
    ("most", "value", "why"),
    [("MOST_ADDED", 2, "a third event"), ("MOST_ADDED_BYTES", 150, "two have 116")],
)
def test_a_backfill_is_no_larger_than_a_block_may_be(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: str, value: int, why: str
) -> None:
    monkeypatch.setattr(stage, most, value)
    store.corrections.open_backfill(ORGANIZATION, BACKFILL)
    two = events_of(sent("a@cor_1"), sent("b@cor_1"))
    assert store.corrections.stage(ORGANIZATION, BACKFILL, two, ARRIVED) == {}
    assert len(store.corrections.stage(ORGANIZATION, BACKFILL, two, ARRIVED)) == 2, "no more yet"
    with pytest.raises(TooLarge):
        store.corrections.stage(ORGANIZATION, BACKFILL, events_of(sent("c@cor_1")), ARRIVED)
    assert store.corrections.staged(ORGANIZATION, BACKFILL.id).count == 2, why


def test_a_void_is_no_larger_than_a_block_may_be(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "MOST_VOIDED", 4)
    with pytest.raises(TooLarge, match="these are 5"):
        store.void(draft())


def test_a_correction_is_one_part_of_the_table(store: Store) -> None:
    store.void(draft())
    with store.columnar.client() as client:
        parts = client.query(
            "SELECT rows FROM system.parts WHERE active AND table = 'events' "
            "AND database = currentDatabase() ORDER BY max_block_number"
        ).result_rows
    assert parts[-1] == (6,), "five marks and what it is"


def test_a_replacement_whose_identity_is_known_takes_nothing_with_it(store: Store) -> None:
    before = store.log.position()
    added = events_of(sent("new"), sent("4", customer="other"))
    replacements = [
        Replacement(position, event, event.canonical()) for position, event in enumerate(added, 1)
    ]
    drafted = draft(kind=CorrectionKind.AMENDMENT)
    with pytest.raises(Conflicting) as refusal:
        store.corrections.record_amendment(ORGANIZATION, drafted, replacements)
    assert refusal.value.code == "identity_known"
    assert store.log.position() == before
    assert store.counted() == {"0", "1", "2", "3", "4"}
    assert verdicts(store.log, sent("new")) == ["accepted"]


def test_of_corrections_of_the_same_events_one_is_made(store: Store) -> None:
    shown = store.shown()
    start = threading.Barrier(6)

    def make(number: int) -> bool:
        start.wait()
        try:
            store.corrections.record_void(ORGANIZATION, draft(f"cor_{number}"), ALL, shown)
        except Conflicting as refusal:
            return refusal.code != "events_changed"
        return True

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(make, range(6)))
    assert made.count(True) == 1
    assert store.counted() == set()
    assert len(store.corrections.page(ORGANIZATION, before=2**62, limit=10)) == 1


def test_corrections_among_events_under_way(store: Store) -> None:
    """Events and corrections of many threads: each has its place, and nothing is lost."""

    def send(number: int) -> None:
        for each in range(20):
            append(store.log, [sent(f"s{number}-{each}", customer="busy")])

    def correct(number: int) -> None:
        wanted = EventQuery(source="api", id=f"{number}")
        store.void(draft(f"cor_{number}"), wanted)

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(send, number) for number in range(4)]
        jobs += [pool.submit(correct, number) for number in range(4)]
        for job in jobs:
            job.result()
    assert store.counted() == {"4"} | {f"s{n}-{each}" for n in range(4) for each in range(20)}
    assert store.log.position() == 5 + 80 + 4 * 2


def test_what_no_correction_touches_pays_nothing(store: Store) -> None:
    append(store.log, [sent("x", type="seat")])
    before = store.log.position()
    made = store.void(draft())
    now = store.log.position()
    for organization, type_, as_of, is_touched, why in (
        (ORGANIZATION, "call", now, True, ""),
        (ORGANIZATION, "call", before, False, "the past"),
        (ORGANIZATION, "seat", now, False, "another type"),
        ("org_b", "call", now, False, "another organization"),
        (ORGANIZATION, None, now, True, "events of any type"),
    ):
        standing = store.index.standing(organization, type_, as_of)
        assert (standing is not None) == is_touched, why
    assert made.types == ("call",)


def test_an_index_made_anew_says_the_same(store: Store) -> None:
    first = store.void(draft())
    revert = msgspec.structs.replace(
        draft("cor_2", CorrectionKind.REVERT), reverts="cor_1", types=first.types
    )
    store.corrections.record_revert(ORGANIZATION, revert)
    anew = CorrectionIndex(store.columnar)
    for as_of in range(store.log.position() + 1):
        assert anew.standing(ORGANIZATION, "call", as_of) == store.index.standing(
            ORGANIZATION, "call", as_of
        )
    assert anew.page(ORGANIZATION, before=2**62, limit=9) == store.index.page(
        ORGANIZATION, before=2**62, limit=9
    )
    assert anew.by_id("org_b", "cor_1") is None, "corrections of one tenant are no other's"
