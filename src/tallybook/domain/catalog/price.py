"""Prices: rules from quantity to amount. Amounts are in major units of the plan's currency."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Tier(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a price. `up_to` is inclusive; the last tier has none."""

    up_to: Decimal | None = None
    unit_amount: Decimal = Decimal(0)
    flat_amount: Decimal = Decimal(0)


class Rule(msgspec.Struct, frozen=True, tag_field="model"):
    """From quantity to amount. Base of the union of the pricing models."""


class Flat(Rule, frozen=True, tag="flat"):
    """One amount a period, whatever the quantity."""

    amount: Decimal


class PerUnit(Rule, frozen=True, tag="per_unit"):
    """Every unit costs the same."""

    unit_amount: Decimal


class Graduated(Rule, frozen=True, tag="graduated"):
    """Every unit pays the price of the tier it falls in."""

    tiers: tuple[Tier, ...]


class Volume(Rule, frozen=True, tag="volume"):
    """All units pay the price of the tier that the whole quantity falls in."""

    tiers: tuple[Tier, ...]


class Package(Rule, frozen=True, tag="package"):
    """Units are sold by the started package, after `free_units`."""

    package_size: Decimal
    package_amount: Decimal
    free_units: Decimal = Decimal(0)


AnyRule = Flat | PerUnit | Graduated | Volume | Package


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
