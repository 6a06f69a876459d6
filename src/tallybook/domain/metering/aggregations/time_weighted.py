"""`time_weighted`: a level integrated over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.kernel.calendar import checked_timezone
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.aggregation import (
    Aggregation,
    Column,
    TimeUnit,
    per_unit,
)
from tallybook.domain.metering.expressions.nodes import Kind


class TimeWeighted(Aggregation, frozen=True, tag="time_weighted"):
    """A level that each event sets, integrated over the span: gigabyte-hours, seats held.

    A level lasts until the next event of its `series` (a disk, a cluster; all are one without it)
    sets another, and the one in force when the span begins is carried in. With `changes`, events
    do not set the level but change it. `per` is the unit of time; `span` gives the mean level.
    With `whole_days`, a change holds from the beginning of its day in `timezone`, and days are
    counted instead of time measured.
    """

    divides: ClassVar[bool] = True

    value: str
    changes: bool = False
    series: str = ""
    per: TimeUnit = TimeUnit.HOUR
    whole_days: bool = False
    timezone: str = "UTC"

    @property
    def looks_back(self) -> bool:
        """To the level in force."""
        return True

    @property
    def columns(self) -> Mapping[str, Column]:
        """The level or the change, and what it is the level of."""
        value = {"value": Column(self.value)}
        return value | {"series": Column(self.series, Kind.TEXT)} if self.series else value

    def check(self) -> None:
        """Changes of several series add up to those of one; whole days are days of changes."""
        checked_timezone(self.timezone)
        if self.changes and self.series:
            raise Invalid(
                "series_of_changes",
                "Changes add up, of whatever they are: they need no series.",
                field="series",
                mend="Leave series out.",
            )

        if self.whole_days and not (self.changes and self.per is TimeUnit.DAY):
            raise Invalid(
                "whole_days_of_levels",
                "Only changes hold for whole days, and they are told in days.",
                field="whole_days",
                mend="Send changes true and per day with it.",
            )

    def quantity(self, parts: Sequence[Decimal], span: Span) -> Decimal:
        """`parts` is the level times microseconds or, of whole days, times days."""
        if self.whole_days:
            return parts[0]
        return per_unit(parts[0], self.per, span)
