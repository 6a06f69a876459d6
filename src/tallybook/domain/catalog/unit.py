"""Units: what usage is counted in, and what one and several of it are called in each language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import UnitForms, UnitNames, check_unit_names

LONGEST_UNIT = 200


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """Names of a unit, by language. `key` is the unit itself, as meters and prices name it.

    Names are words alone: they change how lines are told, never what they say.
    """

    key: str
    names: dict[str, UnitForms]
    created_at: datetime

    def check(self) -> None:
        """Refuse what nobody could read, or reach."""
        if not self.key.strip() or len(self.key) > LONGEST_UNIT:
            raise Invalid(
                "unreadable_unit",
                f"A unit has 1 to {LONGEST_UNIT} characters.",
                field="key",
                mend="Send it as meters name it, such as calls.",
            )
        if "/" in self.key:
            raise Invalid(
                "unit_with_slash",
                f"{self.key!r} cannot be part of an address.",
                field="key",
                mend="Leave it without names: a symbol such as GB/h is the same for one and many.",
            )
        if not self.names:
            raise Invalid(
                "no_name",
                f"The unit {self.key!r} is given no names.",
                field="names",
                mend='Send them by language, such as {"sv": {"one": "anrop", "other": "anrop"}}.',
            )
        check_unit_names(self.names)


UnitWords = Mapping[str, UnitNames]
"""The names of units, by the unit as meters and prices name it."""

NO_WORDS: UnitWords = {}
