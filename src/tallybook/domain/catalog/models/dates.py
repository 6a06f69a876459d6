"""What is in force from a day on: entries in the order of their first days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from tallybook.domain.kernel.errors import Invalid


def check_dates(starts: Sequence[date | None], field: str) -> None:
    """One entry or more, each later than the one before; only the first may be from ever."""
    if not starts:
        raise Invalid("no_entries", "There is no entry.", field=field, mend="Send one or more.")
    for index, (before, after) in enumerate(pairwise(starts), start=1):
        if after is None or (before is not None and after <= before):
            raise Invalid(
                "overlapping_dates",
                f"Entry {index} does not begin after entry {index - 1}.",
                field=f"{field}/{index}/starts_on",
                mend="Sort the entries by starts_on; only the first may be without one.",
            )


def in_force(starts: Sequence[date | None], day: date) -> int | None:
    """Which entry is in force on a day; None before the first."""
    found = None
    for index, begins in enumerate(starts):
        if begins is None or begins <= day:
            found = index
    return found
