"""What one contract says otherwise than its plan: negotiated, and kept without a copy of the plan.

A version with overrides is a version of its own, by an id of its own: whatever knows versions,
bills by it. Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tallybook.domain.catalog.in_force import Prorates
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.shared_allowance import SharedAllowance
from tallybook.domain.catalog.spending import Commitment, SpendLimit
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.identifiers import derived_id

PREFIX = "ovr"


class PriceOverride(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a price says otherwise; what is left out is the plan's. A limit of null is none."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    rule: AnyRule | msgspec.UnsetType = msgspec.UNSET
    allowance: Decimal | msgspec.UnsetType = msgspec.UNSET
    discount_pct: Decimal | msgspec.UnsetType = msgspec.UNSET
    maximum: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    minimum: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    prorates: Prorates | msgspec.UnsetType = msgspec.UNSET

    def of(self, price: Price) -> Price:
        """The price as it is by this."""
        said = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not msgspec.UNSET
        }
        return msgspec.structs.replace(price, **said)


class Overrides(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a contract says otherwise: of prices by their keys; of conditions, all of a kind anew.

    `shared_allowances`, `commitments` and `spend_limits` replace the plan's where they are given,
    none of them by an empty list.
    """

    prices: dict[str, PriceOverride] = {}
    shared_allowances: tuple[SharedAllowance, ...] | None = None
    commitments: tuple[Commitment, ...] | None = None
    spend_limits: tuple[SpendLimit, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing otherwise."""
        return self == Overrides()


class NegotiatedVersion(PlanVersion, frozen=True, kw_only=True):
    """A plan version with a contract's overrides; `base_id` is that of the version without."""

    base_id: str
    overrides: Overrides


class KeptOverrides(msgspec.Struct, frozen=True, kw_only=True):
    """Overrides over a version, by the id that the version with them has."""

    id: str
    base_id: str
    overrides: Overrides


def kept_overrides(base: PlanVersion, overrides: Overrides, organization_id: str) -> KeptOverrides:
    """The overrides with the id that they have over this version: the same for the same."""
    said = msgspec.json.encode(overrides, order="deterministic").decode()
    return KeptOverrides(
        id=derived_id(PREFIX, organization_id, base.id, said),
        base_id=base.id,
        overrides=overrides,
    )


def overridden(base: PlanVersion, kept: KeptOverrides) -> NegotiatedVersion:
    """The version as the contract has it."""
    overrides = kept.overrides
    prices = tuple(
        overrides.prices[price.key].of(price) if price.key in overrides.prices else price
        for price in base.prices
    )
    fields = {name: getattr(base, name) for name in PlanVersion.__struct_fields__}
    for name in ("shared_allowances", "commitments", "spend_limits"):
        said = getattr(overrides, name)
        if said is not None:
            fields[name] = said
    return NegotiatedVersion(
        **fields | {"id": kept.id, "prices": prices}, base_id=base.id, overrides=overrides
    )


def check_overrides(base: PlanVersion, kept: KeptOverrides) -> NegotiatedVersion:
    """The version with the overrides; refused, with the path into them, where it could not be."""
    keys = [price.key for price in base.prices]
    for key in kept.overrides.prices:
        if key not in keys:
            raise Invalid(
                "unknown_price",
                f"Plan {base.plan_key!r} has no price {key[:60]!r}.",
                field=f"prices/{key}",
                mend=f"Name one of {', '.join(keys)}.",
            )
    version = overridden(base, kept)
    try:
        PlanTerms.check(version)
    except Refusal as refusal:
        raise _named_by_key(refusal, keys) from None
    for key, price in zip(keys, version.prices, strict=True):
        if price.need != next(each.need for each in base.prices if each.key == key):
            raise Invalid(
                "usage_differs",
                f"The price {key!r} would need usage that is split otherwise.",
                field=f"prices/{key}/rule",
                mend="Use the same dimensions and windows as the plan, or publish a plan.",
            )
    return version


def said_otherwise(version: PlanVersion) -> Overrides | None:
    """What a contract says otherwise; None where it is the plan's own version."""
    return version.overrides if isinstance(version, NegotiatedVersion) else None


def _named_by_key(refusal: Refusal, keys: list[str]) -> Refusal:
    """A refusal of the whole plan as one of the overrides: prices are named by key there."""
    parts = refusal.field.split("/")
    if parts[0] == "prices" and len(parts) > 1 and parts[1].isdecimal():
        parts[1] = keys[int(parts[1])]
    return type(refusal)(refusal.code, refusal.message, field="/".join(parts), mend=refusal.mend)
