"""Name units in the languages that customers read."""

from __future__ import annotations

import msgspec

from tallybook.domain.catalog.unit import Unit, UnitWords
from tallybook.domain.kernel.errors import Missing
from tallybook.services.ports import Wiring


def put_unit(wiring: Wiring, organization_id: str, unit: Unit) -> Unit:
    """Keep a unit's names, in place of those it had. Lines are told by them from now on."""
    unit.check()
    with wiring.books.begin(organization_id) as records:
        kept = records.units.by_key(unit.key, locked=True)
        if kept is not None:
            unit = msgspec.structs.replace(unit, created_at=kept.created_at)
        records.units.put(unit)
        return unit


def list_units(wiring: Wiring, organization_id: str, *, after: str, limit: int) -> list[Unit]:
    """Units that have names, in order, those after `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.units.page(after=after, limit=limit)


def find_unit(wiring: Wiring, organization_id: str, key: str) -> Unit:
    """The names of a unit."""
    with wiring.books.begin(organization_id) as records:
        unit = records.units.by_key(key)
    if unit is None:
        raise Missing(
            "unknown_unit",
            f"The unit {key[:140]!r} has no names of its own.",
            mend="Name it by PUT /v1/units/{unit}, or ask for one that GET lists.",
        )
    return unit


def unit_words(wiring: Wiring, organization_id: str) -> UnitWords:
    """The names of all units, to tell workings by."""
    with wiring.books.begin(organization_id) as records:
        return {unit.key: unit.names for unit in records.units.page()}
