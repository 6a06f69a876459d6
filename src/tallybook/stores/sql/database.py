"""The PostgreSQL database: its engine, and the types its tables share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from tallybook.domain.kernel.errors import Invalid, Unavailable

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

Instant = sa.DateTime(timezone=True)

APPLICATION = "tallybook"
"""How our sessions are named in PostgreSQL's own lists."""


class Document(TypeDecorator[Any]):
    """A msgspec type kept as JSONB; decimals become strings, so they stay exact."""

    impl = JSONB
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, _dialect: sa.Dialect) -> Any:
        return msgspec.to_builtins(value)

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> Any:
        return msgspec.convert(value, self.kind)


def open_database(url: str) -> sa.Engine:
    """An engine whose connections speak UTC and are checked before use.

    What it says of an error leaves out the values of the statement: they are the users' own.
    """
    plain = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return sa.create_engine(
        plain,
        pool_size=8,
        max_overflow=8,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "options": "-c timezone=UTC -c lock_timeout=30s",
            "application_name": APPLICATION,
        },
    )


@contextmanager
def refusing_outages() -> Iterator[None]:
    """`Unavailable` when the database does not answer, has no room, or a lock is not given.

    `Invalid` for a value that no column of it can hold, such as text with a NUL character.
    Whatever transaction was under way is rolled back by then: nothing was recorded.
    """
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        raise Unavailable(
            "records_unavailable",
            f"The database of records did not carry this out: {_reason(error)}",
            mend="Try again; if it stays so, look at the database's disk and log.",
        ) from error
    except sa.exc.DataError as error:
        raise Invalid(
            "value_cannot_be_kept",
            f"A value in the request cannot be kept: {_reason(error)}",
            mend="Send text without NUL characters, and numbers of a usual size.",
        ) from error


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    """What the database itself said, in a line, without our statement."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0][:300]
