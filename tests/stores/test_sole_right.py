"""Of several servers over one event store, one commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from event_sending import append, everything, sent, verdicts
from tallybook.domain.kernel.errors import Unavailable
from tallybook.stores.columnar import event_table
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.event_table import ClickHouseEvents
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.sole_right import SharedError, SoleRight, sole_right


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    opened = open_database(database_url)
    yield opened
    opened.dispose()


def cut_connections(engine: sa.Engine) -> None:
    """End every connection of the database but the one that says so, and wait until they have."""
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_second_server_is_refused_until_the_first_ends(engine: sa.Engine) -> None:
    with sole_right(engine) as first:
        assert first.is_held()
        with pytest.raises(SharedError, match="Stop it first"), sole_right(engine):
            pass
        assert first.is_held()
    with sole_right(engine) as second:
        assert second.is_held()
    assert not second.is_held()


def test_a_lost_connection_is_a_lost_right(engine: sa.Engine) -> None:
    with sole_right(engine) as right:
        cut_connections(engine)
        assert not right.is_held()
        other = SoleRight(engine)
        assert other.take()
        assert not right.take()
        other.give_up()
        assert right.take()


def test_without_the_right_no_event_is_taken(engine: sa.Engine, columnar: Columnar) -> None:
    with sole_right(engine) as right:
        log = ColumnarEventLog(columnar, right)
        append(log, [sent("1")])
        cut_connections(engine)
        other = SoleRight(engine)
        assert other.take()
        for _ in range(2):
            with pytest.raises(Unavailable) as refused:
                append(log, [sent("2")])
            assert refused.value.code == "not_the_committer"
        theirs = ColumnarEventLog(columnar, other)
        assert append(theirs, [sent("2"), sent("3")]).position == 3
        theirs.close()
        other.give_up()
        assert verdicts(log, sent("2"), sent("4")) == ["duplicate", "accepted"]
        assert [event.id for event in everything(log)] == ["1", "2", "3", "4"]
        assert [event.position for event in everything(log)] == [1, 2, 3, 4]
        log.close()


class Busy:
    """A ClickHouse server that has inserts at work, so many each time it is asked."""

    is_embedded = False

    def __init__(self, *running: int) -> None:
        self.left = list(running)
        self.asked = 0
        self.told_to_stop = 0

    @contextmanager
    def client(self) -> Iterator[Busy]:
        yield self

    def own_client(self) -> Busy:
        return self

    def failed_writes(self, _: Busy) -> int:
        return 0

    def command(self, statement: str, **_: Any) -> None:
        self.told_to_stop += statement.startswith("KILL QUERY WHERE query_id LIKE")

    def query(self, statement: str, **_: Any) -> Any:
        assert "FROM system.processes WHERE query_id LIKE" in statement
        self.asked += 1
        running = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return SimpleNamespace(result_rows=[(running,)])


@pytest.mark.parametrize(
    ("running", "times", "why"),
    [
        ([0], 1, "none is at work: it asks once"),
        ([1, 0], 2, "it waits for the one that is"),
        ([2, 1, 0], 3, "for each, and tells them to stop as often"),
    ],
)
def test_inserts_of_a_dead_committer_are_waited_for(
    running: list[int], times: int, why: str
) -> None:
    server: Any = Busy(*running)
    ClickHouseEvents(server)
    assert (server.asked, server.told_to_stop) == (times, times), why


def test_an_insert_that_does_not_end_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_table, "_PATIENCE_SECONDS", 0.3)
    server: Any = Busy(1)
    with pytest.raises(Unavailable, match="still busy with an insert"):
        ClickHouseEvents(server)
    assert server.asked


def test_the_embedded_engine_has_no_inserts_of_others(
    columnar: Columnar, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ClickHouseEvents(columnar)
    monkeypatch.setattr(event_table, "_PATIENCE_SECONDS", -1)
    table.end_inserts()  # would be refused where it has to ask twice
