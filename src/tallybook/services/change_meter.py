"""Change a meter: what is billed stands on the version it was billed by."""

from __future__ import annotations

import msgspec

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.definition import check_change, check_sense, is_same
from tallybook.domain.metering.meter import Meter
from tallybook.services.define_meter import MeterDefinition, drafted_meter
from tallybook.services.find_meters import found_meter
from tallybook.services.ports import Wiring


def change_meter(
    wiring: Wiring, organization_id: str, key: str, definition: MeterDefinition
) -> Meter:
    """Keep the definition as the meter's next version, or answer the latest if it says the same.

    Periods closed from now on are measured by it, also what was used before; invoices that are
    there stay with theirs. `Invalid` for a change that prices could not follow; `Conflicting` if
    another change was made at the same moment.
    """
    wanted = drafted_meter(wiring, definition)
    if wanted.key != key:
        raise Invalid(
            "key_differs",
            f"The meter {key[:60]!r} cannot become {wanted.key!r}.",
            field="key",
            mend="Send the meter's own key, or define another meter.",
        )
    with wiring.books.begin(organization_id) as records:
        latest = found_meter(records, key)
        if is_same(latest, wanted):
            return latest
        check_change(latest, wanted)
        check_sense(wanted)
        changed = msgspec.structs.replace(wanted, version=latest.version + 1)
        records.meters.add(changed)
    return changed
