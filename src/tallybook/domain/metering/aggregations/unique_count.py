"""`unique_count`: how many different texts; or how many are held, as events add and remove them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tallybook.domain.kernel.calendar import checked_timezone
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column
from tallybook.domain.metering.expressions.nodes import Kind


class Held(StrEnum):
    """What is counted of texts that are added and removed.

    Those held when the span ends; those held at any time in it; or for each of them the days on
    which it was held, be it for a moment.
    """

    AT_END = "at_end"
    AT_ANY_TIME = "at_any_time"
    DAYS = "days"


class UniqueCount(Aggregation, frozen=True, tag="unique_count"):
    """How many different texts `value` takes.

    With an `operation`, an expression that is `add` or `remove`, texts are held from their adding
    to their removal, and those held when the span begins are carried in. Days are those of
    `timezone`.
    """

    value: str
    operation: str = ""
    held: Held = Held.AT_END
    timezone: str = "UTC"

    @property
    def looks_back(self) -> bool:
        """What is held was added before."""
        return bool(self.operation)

    @property
    def columns(self) -> Mapping[str, Column]:
        """The text, and what is done with it."""
        value = {"value": Column(self.value, Kind.TEXT)}
        if not self.operation:
            return value
        return value | {"operation": Column(self.operation, Kind.TEXT, ("add", "remove"))}

    def check(self) -> None:
        """Only what is added and removed is held."""
        checked_timezone(self.timezone)
        if not self.operation and self.held is not Held.AT_END:
            raise Invalid(
                "nothing_held",
                "Without an operation no text is held.",
                field="held",
                mend="Send operation, an expression that is add or remove; or leave held out.",
            )
