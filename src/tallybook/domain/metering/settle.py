"""The last step to a quantity: conversion into the meter's unit, then rounding."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tallybook.domain.kernel.decimals import SCALE, widely
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import round_decimal
from tallybook.domain.metering.meter import Meter


def settled_quantity(meter: Meter, parts: Sequence[Decimal], span: Span) -> Decimal:
    """The quantity that a meter's aggregated `parts` make of `span`.

    Converted exactly and rounded once: as the meter says, else half away from zero to `SCALE`
    decimal places, which only a quotient can exceed.
    """
    aggregated = meter.aggregation.quantity(parts, span)
    if meter.conversion is not None:
        with widely():
            aggregated = aggregated * meter.conversion.multiply_by / meter.conversion.divide_by
    if meter.rounding is not None:
        return round_decimal(aggregated, meter.rounding.scale, meter.rounding.mode)
    exponent = aggregated.as_tuple().exponent
    assert isinstance(exponent, int), "a quantity is finite"
    return aggregated if exponent >= -SCALE else round_decimal(aggregated, SCALE)
