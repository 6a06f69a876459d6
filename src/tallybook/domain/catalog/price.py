"""Prices: rules from usage to amount. Amounts are in major units of the plan's currency."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.package import Package
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.models.rule import Rule
from tallybook.domain.catalog.models.tiers import Tier
from tallybook.domain.catalog.models.volume import Volume

__all__ = [
    "AnyRule",
    "Flat",
    "Graduated",
    "Package",
    "PerUnit",
    "Price",
    "Rule",
    "Tier",
    "Timing",
    "Volume",
]

AnyRule = QuantityRule
"""Every pricing model, told apart by `model`."""


class Timing(StrEnum):
    """Whether a fee is owed for the period that begins or for the one that ended."""

    IN_ADVANCE = "in_advance"
    IN_ARREARS = "in_arrears"


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a plan charges for: a fee (no meter) or the usage of a meter.

    `key` is unique within the plan and stays the same over its versions. `match` keeps the usage
    with these dimension values only. Usage is always charged in arrears.
    """

    key: str
    name: str
    rule: AnyRule
    meter: str | None = None
    match: dict[str, str] = {}
    timing: Timing = Timing.IN_ARREARS
