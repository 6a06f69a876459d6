"""The only module that knows all: makes the `Wiring` that doors hand to services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from tallybook.bootstrap.chance import IdMaker, new_secret, now
from tallybook.bootstrap.config import Config, read_signing_key
from tallybook.bootstrap.embedded import start_postgres
from tallybook.bootstrap.failures import NotStartedError
from tallybook.bootstrap.occupancy import occupied
from tallybook.bootstrap.workers import BoundedWorkers
from tallybook.domain.kernel.errors import Refusal
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.corrections import ColumnarCorrections
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.late_events import ColumnarLateEvents
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.columnar.standing import CorrectionIndex
from tallybook.stores.columnar.tallies import Tallies
from tallybook.stores.columnar.traffic import ColumnarTraffic
from tallybook.stores.columnar.usage import ColumnarUsage
from tallybook.stores.sql.books import SqlBooks
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory
from tallybook.stores.sql.event_counts import SqlEventCounts
from tallybook.stores.sql.event_rules import SqlEventRules
from tallybook.stores.sql.migrate import LaterVersionError, migrate
from tallybook.stores.sql.sole_right import SharedError, SoleRight, sole_right


@contextmanager
def open_wiring(config: Config) -> Iterator[Wiring]:
    """Open the engines and give everything that services need; close them at the end.

    Missing migrations are applied. `OccupiedError` if another process has the directory open.
    """
    with ExitStack() as stack:
        stack.enter_context(occupied(config.directory))
        engine = open_database(stack.enter_context(database_address(config)))
        stack.callback(engine.dispose)
        _migrated(engine)
        columnar = Columnar(config.events_address)
        stack.callback(columnar.close)
        right = None if columnar.is_embedded else stack.enter_context(_right_to_commit(engine))
        spool = config.directory / "spool" if columnar.is_embedded else None
        wiring = wire(
            engine, columnar, signing_key=read_signing_key(config), right=right, spool=spool
        )
        stack.callback(_write_counts, wiring)
        stack.callback(wiring.event_log.close)
        stack.callback(wiring.workers.close)  # what they do may wait for the log
        yield wiring


def _write_counts(wiring: Wiring) -> None:
    with suppress(Refusal):  # a database that is away takes the last counts along
        wiring.event_counts.flush()


def _migrated(engine: sa.Engine) -> None:
    try:
        migrate(engine)
    except LaterVersionError as error:
        raise NotStartedError(f"{error} Run that version, or a later one.") from error


@contextmanager
def database_address(config: Config) -> Iterator[str]:
    """The PostgreSQL URL in force; the embedded server runs while the block does."""
    if config.database_url:
        yield config.database_url
        return
    server = start_postgres(config.directory / "postgres")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def _right_to_commit(engine: sa.Engine) -> Iterator[SoleRight]:
    try:
        with sole_right(engine) as right:
            yield right
    except SharedError as error:
        raise NotStartedError(str(error)) from error


def wire(
    engine: sa.Engine,
    columnar: Columnar,
    *,
    signing_key: bytes = b"",
    right: SoleRight | None = None,
    spool: Path | None = None,
) -> Wiring:
    """Everything that services need, over a migrated database and an open event store.

    Without a `signing_key` one is made up: what is signed is then good for this process. Whoever
    calls this closes the event log in the end.
    """
    with columnar.client() as client:
        for table in TABLES:
            client.command(table)
    Tallies(columnar).forget_broken()
    index = CorrectionIndex(columnar)
    event_log = ColumnarEventLog(columnar, right, index.learn, spool=spool)
    usage = ColumnarUsage(columnar, corrections=index)
    return Wiring(
        books=SqlBooks(engine),
        directory=SqlDirectory(engine),
        event_log=event_log,
        usage=usage,
        corrections=ColumnarCorrections(columnar, event_log, index, usage),
        late_events=ColumnarLateEvents(columnar, index),
        event_rules=SqlEventRules(engine),
        event_counts=SqlEventCounts(engine),
        traffic=ColumnarTraffic(columnar, event_log),
        workers=BoundedWorkers(),
        now=now,
        new_id=IdMaker(),
        new_secret=new_secret,
        signing_key=signing_key or new_secret(32),
    )
