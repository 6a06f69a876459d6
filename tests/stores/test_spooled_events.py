"""Events that rest in a spool: acknowledged at once, read by all, there after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from event_sending import ARRIVED, append, everything, sent
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.domain.kernel.errors import Unavailable
from tallybook.services.ports import Appended
from tallybook.stores.columnar import spool as spools
from tallybook.stores.columnar import spooled
from tallybook.stores.columnar.block import Appending, Block
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.event_table import ClickHouseEvents
from tallybook.stores.columnar.spooled import MOST_BYTES


@pytest.fixture
def opened(columnar: Columnar, tmp_path: Path) -> Iterator[Callable[[], ColumnarEventLog]]:
    logs: list[ColumnarEventLog] = []

    def open_log() -> ColumnarEventLog:
        logs.append(ColumnarEventLog(columnar, spool=tmp_path / "spool"))
        return logs[-1]

    yield open_log
    for log in logs:
        log.close()


def send(log: ColumnarEventLog, *ids: str) -> Appended:
    return append(log, [sent(each) for each in ids])


def ids_in(log: ColumnarEventLog) -> list[str]:
    return [event.id for event in everything(log)]


def in_table(columnar: Columnar) -> int:
    with columnar.client() as client:
        return int(client.query("SELECT count() FROM events").result_rows[0][0])


def failing(monkeypatch: pytest.MonkeyPatch, *, does_insert_first: bool) -> None:
    """From now on the table's insert fails, before or after it has done its work."""
    insert = ClickHouseEvents.insert

    def fails(self: ClickHouseEvents, rows: bytes, through: int) -> None:
        if does_insert_first:
            insert(self, rows, through)
        raise RuntimeError("the engine is out of order")

    monkeypatch.setattr(ClickHouseEvents, "insert", fails)


def test_what_was_acknowledged_is_seen(opened: Callable[[], ColumnarEventLog]) -> None:
    log = opened()
    for number in range(20):
        assert send(log, f"e{number:02}").position == number + 1
        assert log.position() == number + 1
        assert ids_in(log) == [f"e{each:02}" for each in range(number + 1)]


def test_an_identity_in_the_spool_is_known(opened: Callable[[], ColumnarEventLog]) -> None:
    log = opened()
    send(log, "a", "b")
    assert {each.verdict for each in send(log, "a", "b").exceptions.values()} == {"duplicate"}


@pytest.mark.parametrize("does_insert_first", [False, True])
def test_a_process_that_ends_before_it_carried(
    opened: Callable[[], ColumnarEventLog],
    columnar: Columnar,
    monkeypatch: pytest.MonkeyPatch,
    does_insert_first: bool,
) -> None:
    monkeypatch.setattr(spooled, "PAUSE_SECONDS", 0.05)
    log = opened()
    send(log, "a", "b")
    log.position()
    with monkeypatch.context() as broken:
        failing(broken, does_insert_first=does_insert_first)
        send(log, "c")
        send(log, "d", "e")
        log.close()
    again = opened()
    assert in_table(columnar) == 5
    assert ids_in(again) == ["a", "b", "c", "d", "e"]
    told = send(again, "c", "d", "f")
    assert [each.verdict for each in told.exceptions.values()] == ["duplicate", "duplicate"]
    assert told.position == 6


@pytest.mark.parametrize("does_insert_first", [False, True])
def test_a_table_that_fails_for_a_while(
    opened: Callable[[], ColumnarEventLog],
    columnar: Columnar,
    monkeypatch: pytest.MonkeyPatch,
    does_insert_first: bool,
) -> None:
    monkeypatch.setattr(spooled, "PAUSE_SECONDS", 0.05)
    log = opened()
    with monkeypatch.context() as broken:
        failing(broken, does_insert_first=does_insert_first)
        send(log, "a")
        with pytest.raises(Unavailable):
            log.position()
        assert send(log, "b").position == 2, "what is in the spool is safe, and is acknowledged"
        with pytest.raises(Unavailable):
            ids_in(log)
    wait_until(lambda: is_caught_up(log))
    assert ids_in(log) == ["a", "b"]
    assert in_table(columnar) == 2


def test_a_portion_of_which_the_table_took_the_half_is_carried_to_its_end(
    opened: Callable[[], ColumnarEventLog],
    columnar: Columnar,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spooled, "PAUSE_SECONDS", 0.05)
    log = opened()
    insert = ClickHouseEvents.insert

    def takes_half(self: ClickHouseEvents, rows: bytes, through: int) -> None:
        lines = rows.split(b"\n")
        insert(self, b"\n".join(lines[: len(lines) // 2]), through)
        raise RuntimeError("the engine went out of order")

    with monkeypatch.context() as broken:
        broken.setattr(ClickHouseEvents, "insert", takes_half)
        send(log, "a", "b", "c", "d")
        with pytest.raises(Unavailable):
            log.position()
    wait_until(lambda: is_caught_up(log))
    assert ids_in(log) == ["a", "b", "c", "d"]
    assert in_table(columnar) == 4


def test_what_is_carried_at_once_is_one_part(columnar: Columnar) -> None:
    """So a crash leaves all of it in the table or nothing, and little is merged afterwards."""
    table = ClickHouseEvents(columnar)
    reading = read_events(msgspec.json.encode([sent(f"{n}") for n in range(10_000)]), Form.JSON)
    block = Block([Appending("org_a", reading.events, reading.texts, ARRIVED)] * 20)
    rows = block.rows(np.ones(len(block), np.bool_), 0)
    assert len(block) == 200_000
    assert len(rows) > MOST_BYTES / 2
    with columnar.client() as client:
        client.command("SYSTEM STOP MERGES events")
        try:
            table.insert(rows, len(block))
            parts = client.query(
                "SELECT count(), sum(rows) FROM system.parts "
                "WHERE active AND database = currentDatabase() AND table = 'events'"
            ).result_rows
        finally:
            client.command("SYSTEM START MERGES events")
    assert parts == [(1, 200_000)]


def test_no_more_is_taken_than_may_wait(
    opened: Callable[[], ColumnarEventLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled, "PAUSE_SECONDS", 0.05)
    log = opened()
    with monkeypatch.context() as broken:
        failing(broken, does_insert_first=False)
        broken.setattr(spooled, "MAX_BACKLOG_BYTES", 1)
        send(log, "a")
        with pytest.raises(Unavailable):
            send(log, "b")
    wait_until(lambda: is_caught_up(log))
    assert send(log, "b").position == 2
    assert ids_in(log) == ["a", "b"]


def is_caught_up(log: ColumnarEventLog) -> bool:
    try:
        log.position()
    except Unavailable:
        return False
    return True


def refused_by(log: ColumnarEventLog) -> str:
    with pytest.raises(Unavailable) as refused:
        log.position()
    return refused.value.code


def wait_until(is_so: Callable[[], Any]) -> None:
    give_up_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_a_segment_that_is_gone_stops_nothing(
    opened: Callable[[], ColumnarEventLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 1)
    log = opened()
    for number in range(3):
        send(log, f"e{number}")
        for segment in (tmp_path / "spool").glob("*.spool"):
            segment.unlink()
    log.position()
    send(log, "e3")
    assert ids_in(log) == ["e0", "e1", "e2", "e3"]


def test_a_table_that_has_lost_events_is_told_of(
    opened: Callable[[], ColumnarEventLog], columnar: Columnar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled, "PAUSE_SECONDS", 0.05)
    log = opened()
    send(log, "a", "b")
    log.position()
    with monkeypatch.context() as broken:
        failing(broken, does_insert_first=False)
        send(log, "c")
        with pytest.raises(Unavailable):
            log.position()
        with columnar.client() as client:
            client.command("ALTER TABLE events DELETE WHERE id = 'a' SETTINGS mutations_sync = 1")
        wait_until(lambda: refused_by(log) == "events_missing")
    assert refused_by(log) == "events_missing", "also once it would take events again"


def test_what_was_learned_late_is_learned_once(
    columnar: Columnar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learning of corrections fails once, after a write whose answer was lost."""
    fails: list[bool] = []

    def learn() -> None:
        if fails and fails.pop():
            raise Unavailable("away", "The event store is away.", mend="Wait.")

    log = ColumnarEventLog(columnar, learn=learn)
    with monkeypatch.context() as broken:
        failing(broken, does_insert_first=True)
        with pytest.raises(Unavailable):
            send(log, "a")
    fails[:] = [True]
    with pytest.raises(Unavailable) as refused:
        send(log, "b")
    assert refused.value.code == "away"
    assert send(log, "a", "b").exceptions[0].verdict == "duplicate"
    assert ids_in(log) == ["a", "b"]
    log.close()
