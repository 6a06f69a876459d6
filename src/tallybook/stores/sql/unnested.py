"""Many rows in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

_encode = msgspec.json.Encoder().encode


def unnested(
    columns: Sequence[sa.Column[Any]], rows: Sequence[Mapping[str, Any]]
) -> sa.TableValuedAlias:
    """`rows` as a table, sent as one JSON document, so that their number costs one statement."""
    document = sa.bindparam("rows", _encode(rows).decode(), type_=sa.Text)
    named = [sa.column(column.name, column.type) for column in columns]
    return (
        sa.func.json_to_recordset(sa.cast(document, sa.JSON))
        .table_valued(*named, name="incoming")
        .render_derived(with_types=True)
    )
