"""What a price must be told of a period's usage, and the usage so told.

Most prices need one quantity. Some need it split: by dimensions (a model, a region), by windows of
time (an hour's kWh), or event by event. A price says which by `need`; whoever measures asks the
meter for exactly that and hands over `Portion`s.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, zone

WINDOWS = ("minute", "hour", "day", "week", "month")
"""The windows that usage can be split by."""


class UsageNeed(msgspec.Struct, frozen=True, omit_defaults=True):
    """How usage is to be split before it is rated. The default is one quantity for the period.

    `group_by` names dimensions of the meter. `window` is one of `WINDOWS`, cut in the customer's
    time zone or in `timezone` if one is named. `each_event` asks for the value of every event, in
    the order in which they occurred; with `lookback_days` also of those that many days before the
    period. Where several are asked for, usage is split by all of them. `adds_windows` says that the
    price adds windows up, so that they must be parts of a whole.
    """

    group_by: tuple[str, ...] = ()
    window: str | None = None
    timezone: str = ""
    each_event: bool = False
    lookback_days: int = 0
    adds_windows: bool = False

    @property
    def is_one_quantity(self) -> bool:
        """Whether the plain quantity of the period is all that it takes."""
        return not (self.group_by or self.window or self.each_event)


ONE_QUANTITY = UsageNeed()


def finest_window(windows: Iterable[str | None]) -> str | None:
    """The window from which all of these can be told; None where there is none.

    Weeks and months do not divide each other: both together are told from days.
    """
    asked = {window for window in windows if window is not None}
    if {"week", "month"} <= asked:
        asked.add("day")
    return next((window for window in WINDOWS if window in asked), None)


def check_window(window: str, field: str) -> None:
    """One of `WINDOWS`."""
    if window not in WINDOWS:
        raise Invalid(
            "unknown_window",
            f"Usage cannot be split by {window!r}.",
            field=field,
            mend=f"Send one of {', '.join(WINDOWS)}.",
        )


class Portion(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A part of a period's usage: a quantity, its dimension values, and when its window begins.

    `starts_at` is None where usage was not split by time.
    """

    quantity: Decimal
    dimensions: dict[str, str] = {}
    starts_at: datetime | None = None


class Circumstances(msgspec.Struct, frozen=True):
    """What else a price may depend on: whose clock it goes by, and the period that is rated.

    `billed` are the times that earlier bills charged by the price; None where nobody looked.
    """

    timezone: str = "UTC"
    period: Span | None = None
    billed: tuple[Span, ...] | None = None

    def starts_at(self, portion: Portion) -> datetime:
        """When the portion was used, or the period's start where it does not say."""
        if portion.starts_at is not None:
            return portion.starts_at
        return self.period.starts if self.period is not None else datetime(1970, 1, 1, tzinfo=UTC)

    def local_time(self, portion: Portion, timezone: str = "") -> datetime:
        """`starts_at` by the clock of `timezone`, or of the customer's."""
        return self.starts_at(portion).astimezone(zone(timezone or self.timezone))


ANYWHERE = Circumstances()
