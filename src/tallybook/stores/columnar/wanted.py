"""Which events of the log are wanted, as SQL."""

from __future__ import annotations

from tallybook.domain.events.event import EventQuery
from tallybook.stores.columnar.block import identity_of
from tallybook.stores.columnar.parameters import Parameters, month_of


def placed(wanted: EventQuery, bind: Parameters) -> list[str]:
    """Conditions on what places an event in the table: type, customer, time.

    They hold for the mark of a voided event as well as for the event.
    """
    where = []
    for column in ("type", "customer"):
        text = getattr(wanted, column)
        if text is not None:
            where.append(f"{column} = {bind.text(text)}")
    if wanted.starts is not None:
        where.append(f"occurred_at >= {bind.instant(wanted.starts)}")
        where.append(f"toYYYYMM(occurred_at) >= {bind.whole(month_of(wanted.starts))}")
    if wanted.ends is not None:
        where.append(f"occurred_at < {bind.instant(wanted.ends)}")
        where.append(f"toYYYYMM(occurred_at) <= {bind.whole(month_of(wanted.ends))}")
    return where


def told_apart(organization_id: str, wanted: EventQuery, bind: Parameters) -> list[str]:
    """Conditions on the rest of an event: source, id, actor, properties."""
    where = []
    for column in ("source", "id", "actor"):
        text = getattr(wanted, column)
        if text is not None:
            where.append(f"{column} = {bind.text(text)}")
    if wanted.source is not None and wanted.id is not None:
        identity = identity_of(organization_id, wanted.source, wanted.id)
        where.append(f"identity = {bind.position(identity)}")
    for name, value in wanted.properties.items():
        where.append(f"properties[{bind.text(name)}] = {bind.text(value)}")
        where.append(f"mapContains(properties, {bind.text(name)})")
    return where
