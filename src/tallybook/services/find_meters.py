"""Find meters."""

from __future__ import annotations

from tallybook.domain.kernel.errors import Missing
from tallybook.domain.metering.meter import Meter
from tallybook.services.ports import Records, Wiring


def find_meter(wiring: Wiring, organization_id: str, key: str) -> Meter:
    """The meter of that key, or a version of it by id; `Missing` where there is none."""
    with wiring.books.begin(organization_id) as records:
        return found_meter(records, key)


def list_meters(wiring: Wiring, organization_id: str, *, after: str, limit: int) -> list[Meter]:
    """Meters in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.meters.page(after=after, limit=limit)


def list_versions(wiring: Wiring, organization_id: str, key: str) -> list[Meter]:
    """Every version of a meter, the first one first; `Missing` where there is none."""
    with wiring.books.begin(organization_id) as records:
        return records.meters.versions(found_meter(records, key).key)


def found_meter(records: Records, key: str, *, field: str = "key") -> Meter:
    """The meter of that key or id; `Missing` where there is none."""
    meter = records.meters.by_key(key) or records.meters.by_id(key)
    if meter is None:
        raise Missing(
            "no_such_meter",
            f"There is no meter {key[:60]!r}.",
            field=field,
            mend="Send the key of one that GET /v1/meters lists.",
        )
    return meter
