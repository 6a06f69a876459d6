"""Faults at each step of a commit, as they were seen elsewhere: usage lost, or counted twice.

The engine is real. What fails is the way to it: an insert that never arrives, one whose answer is
lost, one of which only some months' parts are written.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from event_sending import ARRIVED, append, everything, sent, verdicts
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.domain.kernel.errors import Unavailable
from tallybook.services.ports import Appended, EventLog
from tallybook.stores.columnar import waiting
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog

Insert = Callable[[bytes], None]
_numbers = itertools.count()


class BreakableColumnar(Columnar):
    """The engine, with a fault in the way of inserts while `fault` is set.

    `fault` is given the rows and the true insert, and does with them what it likes.
    """

    fault: Callable[[bytes, Insert], None] | None = None
    is_unreadable = False

    def insert(
        self, client: Client, into: str, rows: bytes, settings: Mapping[str, str | int]
    ) -> None:
        def truly(chosen: bytes) -> None:
            super(BreakableColumnar, self).insert(client, into, chosen, settings)

        if self.fault is None:
            truly(rows)
        else:
            self.fault(rows, truly)

    def _connect(self) -> Client:
        client: Any = super()._connect()
        query = client.query

        def breakable(*args: Any, **named: Any) -> Any:
            if self.is_unreadable:
                raise DatabaseError("the connection is lost")
            return query(*args, **named)

        client.query = breakable
        return client  # type: ignore[no-any-return]


@pytest.fixture
def breakable(engines_home: Path) -> Iterator[BreakableColumnar]:
    name = f"faults{next(_numbers)}"
    store = BreakableColumnar(f"chdb://{engines_home / 'events'}", database=name)
    yield store
    store.is_unreadable = False
    with store.client() as client:
        client.command(f"DROP DATABASE {name} SYNC")
    store.close()


@pytest.fixture
def log(breakable: BreakableColumnar) -> Iterator[ColumnarEventLog]:
    opened = ColumnarEventLog(breakable)
    yield opened
    breakable.fault = None
    opened.close()


def is_lost_before(_: bytes, __: Insert) -> None:
    raise DatabaseError("the connection was refused")


def is_lost_after(rows: bytes, insert: Insert) -> None:
    insert(rows)
    raise DatabaseError("the connection was reset")


def writes_march_only(rows: bytes, insert: Insert) -> None:
    insert(b"\n".join(row for row in rows.split(b"\n") if b'"2026-03' in row))
    raise DatabaseError("Code: 243. DB::Exception: NOT_ENOUGH_SPACE")


def breaks(_: bytes, __: Insert) -> None:
    raise RuntimeError("something nobody thought of")


EVENTS = [sent(f"{n}", time=f"2026-{3 + n % 3:02}-01T00:00:00Z") for n in range(30)]


@pytest.mark.parametrize(
    ("fault", "written", "why"),
    [
        (is_lost_before, 0, "the key is claimed, the write fails, the retry is told it was seen"),
        (is_lost_after, 30, "the event is written, its key is not, the retry counts twice"),
        (writes_march_only, 10, "some months' parts are written, others not"),
        (breaks, 0, "whatever else"),
    ],
)
def test_after_a_failed_insert_a_retry_counts_once(
    log: ColumnarEventLog,
    breakable: BreakableColumnar,
    fault: Callable[[bytes, Insert], None],
    written: int,
    why: str,
) -> None:
    assert set(verdicts(log, sent("before"))) == {"accepted"}
    breakable.fault = fault
    with pytest.raises(Unavailable) as refused:
        append(log, EVENTS)
    assert refused.value.retry_after_seconds >= 1
    breakable.fault = None
    told = verdicts(log, *EVENTS)
    assert told.count("duplicate") == written, why
    assert told.count("accepted") == 30 - written, why
    kept = everything(log)
    assert sorted(event.id for event in kept) == sorted(["before", *map(str, range(30))])
    positions = [event.position for event in kept]
    assert len(set(positions)) == 31
    assert max(positions) == log.position()
    assert set(verdicts(log, *EVENTS)) == {"duplicate"}


@pytest.mark.parametrize("fault", [is_lost_before, is_lost_after, writes_march_only])
def test_after_a_crash_a_retry_counts_once(
    breakable: BreakableColumnar, fault: Callable[[bytes, Insert], None]
) -> None:
    """The process ends with the insert; the next one makes its index from the table."""
    log = ColumnarEventLog(breakable)
    breakable.fault = fault
    with pytest.raises(Unavailable):
        append(log, EVENTS)
    breakable.fault = None
    log.close()
    again = ColumnarEventLog(breakable)
    position = again.position()
    append(again, EVENTS)
    kept = everything(again)
    assert sorted(int(event.id) for event in kept) == list(range(30))
    assert len({event.position for event in kept}) == 30
    assert all(event.position <= again.position() for event in kept)
    assert position <= again.position()
    again.close()


def test_a_full_disk_is_told_and_got_over(
    log: ColumnarEventLog, breakable: BreakableColumnar
) -> None:
    breakable.fault = writes_march_only
    with pytest.raises(Unavailable) as refused:
        append(log, EVENTS)
    assert refused.value.code == "event_store_full"
    assert "space" in refused.value.mend

    def has_no_room(_: bytes, __: Insert) -> None:
        raise OSError(28, "No space left on device")

    breakable.fault = has_no_room
    with pytest.raises(Unavailable) as refused:
        append(log, [sent("x")])
    assert refused.value.code == "event_store_full"
    breakable.fault = None
    assert verdicts(log, sent("x")) == ["accepted"]
    assert sum(answer == "accepted" for answer in verdicts(log, *EVENTS)) == 20


def test_while_it_is_unknown_what_got_in_nothing_is_taken(
    log: ColumnarEventLog, breakable: BreakableColumnar
) -> None:
    breakable.fault = is_lost_after
    breakable.is_unreadable = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            append(log, EVENTS)
        assert log.position() == 0, "no as-of includes what is not known"
    breakable.fault = None
    with pytest.raises(Unavailable):
        append(log, EVENTS)
    breakable.is_unreadable = False
    assert set(verdicts(log, *EVENTS)) == {"duplicate"}
    assert log.position() == 30
    assert len(everything(log)) == 30


def test_when_what_is_kept_cannot_be_compared_nothing_is_taken(
    log: ColumnarEventLog, breakable: BreakableColumnar
) -> None:
    append(log, [sent("1")])
    breakable.is_unreadable = True
    with pytest.raises(Unavailable):
        append(log, [sent("1", customer="other"), sent("2")])
    breakable.is_unreadable = False
    assert verdicts(log, sent("2")) == ["accepted"]
    assert verdicts(log, sent("1", customer="other")) == ["conflict customer"]


def test_a_block_that_fails_fails_all_that_waited_for_it(
    log: ColumnarEventLog, breakable: BreakableColumnar
) -> None:
    is_held, is_let_go = threading.Event(), threading.Event()

    def holds(_: bytes, __: Insert) -> None:
        is_held.set()
        is_let_go.wait(10)
        raise DatabaseError("gone")

    breakable.fault = holds
    first = begin(log, sent("first"))
    assert is_held.wait(10)
    waiting = [begin(log, sent(f"{number}")) for number in range(8)]
    is_let_go.set()
    for future in (first, *waiting):
        assert isinstance(future.exception(10), Unavailable)
    breakable.fault = None
    assert set(verdicts(log, *(sent(f"{number}") for number in range(8)))) == {"accepted"}
    assert len(everything(log)) == 8


@pytest.mark.parametrize("lands", [True, False])
def test_what_is_in_flight_is_known(
    log: ColumnarEventLog, breakable: BreakableColumnar, lands: bool
) -> None:
    """While one block is written the next is decided, as if the first had landed."""
    is_held, is_let_go = threading.Event(), threading.Event()

    def holds(rows: bytes, insert: Insert) -> None:
        is_held.set()
        is_let_go.wait(10)
        if not lands:
            raise DatabaseError("gone")
        insert(rows)

    breakable.fault = holds
    first = begin(log, sent("1", properties={"n": 1}))
    assert is_held.wait(10)
    again = [
        begin(log, sent("1", properties={"n": 1})),
        begin(log, sent("1", properties={"n": msgspec.Raw(b"1.0")})),
        begin(log, sent("1", properties={"n": 2})),
        begin(log, sent("2")),
    ]
    assert not any(future.done() for future in (first, *again)), "nothing is answered before"
    time.sleep(0.1)
    is_let_go.set()
    if lands:
        told = [future.result(10).exceptions.get(0) for future in (first, *again)]
        assert [each and f"{each.verdict.value} {each.field}".strip() for each in told] == [
            None, "duplicate", "duplicate", "conflict properties/n", None,
        ]  # fmt: skip
    else:
        assert all(isinstance(f.exception(10), Unavailable) for f in (first, *again))
        breakable.fault = None
        assert verdicts(log, sent("1", properties={"n": 2}), sent("2")) == ["accepted"] * 2
    assert [event.position for event in everything(log)] == [1, 2]


def test_more_than_can_wait_is_refused_at_once(
    log: ColumnarEventLog, breakable: BreakableColumnar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING_EVENTS", 3)
    is_held, is_let_go = threading.Event(), threading.Event()

    def holds(rows: bytes, insert: Insert) -> None:
        is_held.set()
        is_let_go.wait(10)
        insert(rows)

    breakable.fault = holds
    futures = [begin(log, sent("0"))]
    assert is_held.wait(10)
    futures += [begin(log, sent(f"{number}")) for number in (1, 2, 3)]
    with pytest.raises(Unavailable) as refused:
        begin(log, sent("4"))
    assert refused.value.code == "too_busy"
    is_let_go.set()
    assert all(not future.result(10).exceptions for future in futures)
    assert len(everything(log)) == 4


def test_closing_finishes_what_waits_and_takes_no_more(breakable: BreakableColumnar) -> None:
    log = ColumnarEventLog(breakable)
    futures = [begin(log, sent(f"{number}")) for number in range(20)]
    log.close()
    assert all(future.done() and not future.result().exceptions for future in futures)
    with pytest.raises(Unavailable) as refused:
        begin(log, sent("late"))
    assert refused.value.code == "shutting_down"


def begin(log: EventLog, event: dict[str, Any]) -> Future[Appended]:
    reading = read_events(msgspec.json.encode([event]), Form.JSON)
    return log.append("org_a", reading.events, reading.texts, received_at=ARRIVED)
