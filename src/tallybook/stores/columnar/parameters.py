"""Values bound to a statement: SQL text never holds one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

DECIMAL = "Decimal(38, 12)"
"""The type of a number in the event store: a domain quantity, exactly."""


class Parameters:
    """The values of one statement, by the name that its text gives them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def text(self, value: str) -> str:
        """A text, as SQL."""
        return self._bind(value, "String")

    def texts(self, values: list[str]) -> str:
        """A list of texts, as SQL."""
        return self._bind(values, "Array(String)")

    def number(self, value: Decimal) -> str:
        """A number of the domain, as SQL."""
        return self._bind(value, DECIMAL)

    def whole(self, value: int) -> str:
        """A whole number of 64 bits, as SQL."""
        return self._bind(value, "Int64")

    def wholes(self, values: list[int]) -> str:
        """A list of whole numbers of 64 bits, as SQL."""
        return self._bind(values, "Array(Int64)")

    def position(self, value: int) -> str:
        """A place in the log, as SQL."""
        return self._bind(value, "UInt64")

    def positions(self, values: list[int]) -> str:
        """A list of whole numbers of 64 bits without a sign, as SQL."""
        return self._bind(values, "Array(UInt64)")

    def instant(self, value: datetime) -> str:
        """An instant, as SQL that compares with the columns of instants."""
        return f"fromUnixTimestamp64Micro({self.whole(microseconds(value))}, 'UTC')"

    def _bind(self, value: Any, kind: str) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{kind}}}"


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def month_of(instant: datetime) -> int:
    """The month of an instant as the key of the events table has it, such as 202603."""
    there = instant.astimezone(UTC)
    return there.year * 100 + there.month


def from_microseconds(count: int) -> datetime:
    """The instant so many microseconds after 1970."""
    return _EPOCH + count * _MICROSECOND
