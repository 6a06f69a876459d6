"""Windows in which nothing was used, answered as such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Evidence, Usage


def filled(
    usage: Sequence[Usage], spans: Sequence[Span], *, customers: Sequence[str] = (), as_of: int
) -> list[Usage]:
    """`usage` with a row for each of `spans`, 0 of no event where there is none.

    So for every customer and its dimension values in `usage`; and of `customers`, for those that
    are not in it, without dimension values. Rows stay in order.
    """
    absent = sorted({*customers} - {row.customer for row in usage})
    rows = [*_filled(usage, spans, as_of)]
    rows += [_nothing(customer, {}, span, as_of) for customer in absent for span in spans]
    rows.sort(key=lambda row: (row.customer, [*row.dimensions.values()], row.span))
    return rows


def _filled(usage: Sequence[Usage], spans: Sequence[Span], as_of: int) -> Iterator[Usage]:
    for (customer, _), rows in groupby(usage, lambda row: (row.customer, row.dimensions)):
        there = {row.span: row for row in rows}
        dimensions = next(iter(there.values())).dimensions
        for span in spans:
            yield there.get(span) or _nothing(customer, dimensions, span, as_of)


def _nothing(customer: str, dimensions: dict[str, str], span: Span, as_of: int) -> Usage:
    return Usage(
        customer=customer,
        span=span,
        dimensions=dimensions,
        quantity=Decimal(0),
        evidence=Evidence(0, as_of, 0),
    )
