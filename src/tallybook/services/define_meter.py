"""Define a meter, once however often it is asked."""

from __future__ import annotations

import msgspec

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.metering.definition import check_sense, checked_meter, refuse_another
from tallybook.domain.metering.meter import AnyAggregation, Conversion, FinalRounding, Meter
from tallybook.services.ports import Wiring


class MeterDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How events become a quantity. `filter` "" counts all events of the type."""

    key: str
    name: str
    event_type: str
    aggregation: AnyAggregation
    filter: str = ""
    dimensions: tuple[str, ...] = ()
    unit: str = ""
    conversion: Conversion | None = None
    rounding: FinalRounding | None = None


def define_meter(wiring: Wiring, organization_id: str, definition: MeterDefinition) -> Meter:
    """Keep a new meter, or answer the one of that key if it is the same.

    It counts what is stored already, and what comes. `Invalid` for a definition that cannot be
    measured; `Conflicting`, naming what differs, if the key is another meter's.
    """
    wanted = drafted_meter(wiring, definition)
    with wiring.books.begin(organization_id) as records:
        kept = records.meters.by_key(wanted.key)
        if kept is None:
            check_sense(wanted)
            try:
                records.meters.add(wanted)
            except Conflicting:  # by another at the same moment
                kept = records.meters.by_key(wanted.key)
                if kept is None:
                    raise
        if kept is not None:
            refuse_another(kept, wanted)
            return kept
    return wanted


def drafted_meter(wiring: Wiring, definition: MeterDefinition) -> Meter:
    """The meter that a definition makes, checked and not yet kept.

    One that is new is checked by `check_sense`, too.
    """
    return checked_meter(
        Meter(
            id=wiring.new_id("mtr"),
            created_at=wiring.now(),
            **{field: getattr(definition, field) for field in definition.__struct_fields__},
        )
    )
