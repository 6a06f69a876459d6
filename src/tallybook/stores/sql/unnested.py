"""Many rows in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa


def unnested(
    columns: Sequence[sa.Column[Any]], rows: Sequence[Mapping[str, Any]]
) -> sa.TableValuedAlias:
    """`rows` as a table, sent as one array a column, so that their number costs one statement."""
    arrays = [
        sa.bindparam(
            f"{column.name}_column",
            [row[column.name] for row in rows],
            type_=sa.ARRAY(column.type),
        )
        for column in columns
    ]
    named = [sa.column(column.name, column.type) for column in columns]
    return sa.func.unnest(*arrays).table_valued(*named, name="incoming").render_derived()
