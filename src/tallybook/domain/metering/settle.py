"""The last step to a quantity: conversion into the meter's unit, then rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from tallybook.domain.kernel.decimals import SCALE, widely
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import round_decimal
from tallybook.domain.metering.meter import Meter


def settle(meter: Meter) -> Callable[[Sequence[Decimal], Span], Decimal]:
    """How a meter's aggregated parts, over a span, become its quantity.

    Converted exactly and rounded once: as the meter says, else half away from zero to `SCALE`
    decimal places, which only a quotient can exceed.
    """
    aggregation = meter.aggregation
    if meter.conversion is None and meter.rounding is None and not aggregation.divides:
        return aggregation.quantity

    def settled(parts: Sequence[Decimal], span: Span) -> Decimal:
        quantity = aggregation.quantity(parts, span)
        if meter.conversion is not None:
            with widely():
                quantity = quantity * meter.conversion.multiply_by / meter.conversion.divide_by
        if meter.rounding is not None:
            return round_decimal(quantity, meter.rounding.scale, meter.rounding.mode)
        return _at_scale(quantity)

    return settled


def _at_scale(quantity: Decimal) -> Decimal:
    exponent = quantity.as_tuple().exponent
    assert isinstance(exponent, int), "a quantity is finite"
    return quantity if exponent >= -SCALE else round_decimal(quantity, SCALE)
