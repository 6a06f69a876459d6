"""The PostgreSQL database: its engine, and the types its tables share."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

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
    """An engine whose connections speak UTC and are checked before use."""
    plain = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return sa.create_engine(
        plain,
        pool_size=8,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC -c lock_timeout=30s"},
    )
