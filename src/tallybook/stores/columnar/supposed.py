"""The log as it would be: without some events, and with what a backfill has staged."""

from __future__ import annotations

from tallybook.domain.events.event import EventQuery
from tallybook.stores.columnar.block import COLUMNS
from tallybook.stores.columnar.rows import Rows
from tallybook.stores.columnar.stage import stage_of
from tallybook.stores.columnar.wanted import placed, told_apart

_OWN = ", ".join(name for name in COLUMNS if name not in ("organization_id", "position"))


def supposed(rows: Rows, wanted: EventQuery, *, as_of: int, backfill_id: str) -> str:
    """What to read instead of the table of events; staged ones have positions after `as_of`."""
    bind, organization_id = rows.parameters, rows.scope.organization_id
    whose = bind.text(organization_id)
    type_ = bind.text(rows.scope.meter.event_type)
    gone = placed(wanted, bind) + told_apart(organization_id, wanted, bind)
    reached = bind.position(as_of)
    columns = f"toString({{}}) AS organization_id, {{}} AS position, {_OWN}"
    kept = (
        f"SELECT {columns.format('organization_id', 'position')} FROM events "
        f"WHERE organization_id = {whose} AND type = {type_} AND position <= {reached} "
        f"AND NOT ({' AND '.join(gone)})"
    )
    if not backfill_id:
        return f"({kept}) AS events"
    stage = bind.text(stage_of(organization_id, backfill_id))
    added = (
        f"SELECT {columns.format(whose, f'position + {reached}')} FROM staged_events "
        f"WHERE staged_events.organization_id = {stage} AND type = {type_}"
    )
    return f"({kept} UNION ALL {added}) AS events"
