"""`percentile`: of the sums of short windows, the one that so many percent do not exceed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column

MOST_MINUTES = 1440
PLACES = 6


class Percentile(Aggregation, frozen=True, tag="percentile"):
    """The values are summed by windows of `minutes`; of these sums the nearest-rank percentile.

    Windows without events are sums of 0 and count: traffic billed at the 95th percentile is 0 if
    there was some in less than 5 percent of the windows.
    """

    value: str
    percent: Decimal = Decimal(95)
    minutes: int = 5

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}

    @property
    def millionths(self) -> int:
        """`percent` in millionths of one percent, which is as fine as it can be."""
        return int(self.percent.scaleb(PLACES))

    def check(self) -> None:
        """A percentage above 0, and windows that are not longer than a day."""
        with exactly():
            is_fine = self.percent.is_finite() and not self.percent.scaleb(PLACES) % 1
        if not is_fine or not 0 < self.percent <= 100:
            raise Invalid(
                "bad_percentile",
                f"There is no percentile {self.percent}.",
                field="percent",
                mend=f"Send a number above 0 and up to 100, with at most {PLACES} decimals.",
            )
        if not 1 <= self.minutes <= MOST_MINUTES:
            raise Invalid(
                "bad_minutes",
                f"Windows of {self.minutes} minutes cannot be summed.",
                field="minutes",
                mend=f"Send a whole number from 1 to {MOST_MINUTES}.",
            )
