"""The right to commit events, held by one server of several that share an event store.

An embedded event store is inside a data directory that one process has open, so it needs none. A
ClickHouse server is open to all: whoever holds an advisory lock in the database of records commits
there. PostgreSQL gives the lock up with the connection, however the server that held it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

_LOCK = 0x7A11_B00C_0000_0001


class SoleRight:
    """An advisory lock on a connection of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None

    def is_held(self) -> bool:
        """Whether the connection that holds the lock still lives. Asks the database: 0.2 ms."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError:
            self.give_up()
            return False
        return True

    def take(self) -> bool:
        """Hold the right, if nobody else does. Whoever regains it reads again what is there."""
        if self.is_held():
            return True
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            is_taken = connection.execute(
                sa.text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}
            ).scalar_one()
        except sa.exc.DBAPIError:
            return False
        if not is_taken:
            connection.close()
            return False
        self._connection = connection
        return True

    def give_up(self) -> None:
        """Let another server have it, from the moment this returns.

        The lock is given back by name: PostgreSQL sees a closed connection only when it next looks.
        """
        if self._connection is not None:
            with suppress(sa.exc.SQLAlchemyError):  # a lost connection has given it back
                self._connection.execute(
                    sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK}
                )
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


class SharedError(RuntimeError):
    """Another server commits to this event store."""


@contextmanager
def sole_right(engine: sa.Engine) -> Iterator[SoleRight]:
    """Hold the right while the block runs; `SharedError` if another server has it."""
    right = SoleRight(engine)
    if not right.take():
        raise SharedError("Another server takes events for this event store. Stop it first.")
    try:
        yield right
    finally:
        right.give_up()
