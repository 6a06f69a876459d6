"""Products: what is sold, whatever the plan. Families: plans in order, the least first."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.plurals import so_many

MOST_IN_FAMILY = 50


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is sold: it groups meters by naming them, and prices that name it."""

    key: str
    name: str
    description: str = ""
    meters: tuple[str, ...] = ()
    created_at: datetime

    def check(self) -> None:
        """Refuse what could not be named."""
        checked_key(self.key)
        check_named(self.name, "product", "Speech API")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Plans that are alternatives to each other, by key, from the least to the most."""

    key: str
    name: str
    plans: tuple[str, ...]
    created_at: datetime

    def check(self) -> None:
        """Refuse a family that is no order."""
        checked_key(self.key)
        check_named(self.name, "family", "Cloud plans")
        if not 1 <= len(self.plans) <= MOST_IN_FAMILY:
            raise Invalid(
                "family_size_out_of_range",
                f"The family has {so_many(len(self.plans), 'plan|plans')}.",
                field="plans",
                mend=f"Name 1 to {MOST_IN_FAMILY} plans, from the least to the most.",
            )
        for index, plan in enumerate(self.plans):
            if plan in self.plans[:index]:
                raise Invalid(
                    "plan_twice",
                    f"Plan {plan!r} is named twice.",
                    field=f"plans/{index}",
                    mend="Name each plan once.",
                )


class Direction(StrEnum):
    """Which way a change of plan goes. `SIDEWAYS` is between plans of no common family."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    SAME = "same"
    SIDEWAYS = "sideways"


def direction(family: Family | None, before: str, after: str) -> Direction:
    """Whether going from one plan to another, by key, is up or down in the family."""
    if before == after:
        return Direction.SAME
    if family is None or not {before, after} <= set(family.plans):
        return Direction.SIDEWAYS
    is_up = family.plans.index(after) > family.plans.index(before)
    return Direction.UPGRADE if is_up else Direction.DOWNGRADE


def check_named(name: str, kind: str, example: str) -> None:
    """Refuse an empty name."""
    if not name.strip():
        raise Invalid(
            "no_name", f"A {kind} needs a name.", field="name", mend=f"Send one, such as {example}."
        )
