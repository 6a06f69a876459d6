"""Plans side by side: what each costs and grants, for people who choose between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.feature import Feature, FeatureKind, Grant
from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.tiers import Tier
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price, Timing
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.plurals import unit_for


class RowKind(StrEnum):
    """What a row of the table is about."""

    PRICE = "price"
    FEATURE = "feature"


class TableRow(msgspec.Struct, frozen=True):
    """A price or a feature, and what each plan says of it in short; "" where it has it not."""

    kind: RowKind
    key: str
    name: str
    cells: tuple[str, ...]


def side_by_side(
    versions: Sequence[PlanVersion], features: Mapping[str, Feature]
) -> tuple[TableRow, ...]:
    """A row for each price, then one for each feature, of any of the plans, a cell for each plan.

    Prices of different plans share a row where they have the same key. Rows come in the order of
    the first plan that has them, so that what a larger plan adds comes below.
    """
    names: dict[str, str] = {}
    granted: dict[str, None] = {}
    for version in versions:
        for price in version.prices:
            names.setdefault(price.key, price.name)
        granted |= dict.fromkeys(grant.feature for grant in version.grants)
    return (
        *(
            TableRow(RowKind.PRICE, key, name, tuple(_price_cell(each, key) for each in versions))
            for key, name in names.items()
        ),
        *(
            TableRow(
                RowKind.FEATURE,
                key,
                features[key].name if key in features else key,
                tuple(_grant_cell(each, key, features.get(key)) for each in versions),
            )
            for key in granted
        ),
    )


def _price_cell(version: PlanVersion, key: str) -> str:
    return next((in_short(price, version) for price in version.prices if price.key == key), "")


def in_short(price: Price, version: PlanVersion) -> str:
    """A price in a few words: its amounts where it has one or some tiers, else its model."""
    said = [_rule(price)]
    if price.timing is Timing.ONCE:
        said.append("once")
    elif price.meter is None:
        interval = price.interval or version.interval
        count = version.interval_count if price.interval is None else price.interval_count
        said.append(f"a {interval}" if count == 1 else f"every {count} {interval}s")
    if price.is_optional:
        said.append("(add-on)")
    if price.allowance:
        said.append(f"after {plain(price.allowance)} included")
    return " ".join(said)


def _rule(price: Price) -> str:
    rule = price.rule
    if isinstance(rule, Flat):
        return plain(rule.amount)
    if isinstance(rule, PerUnit):
        return f"{plain(rule.unit_amount)} each"
    tiers = getattr(rule, "tiers", ())
    if tiers and isinstance(tiers[0], Tier):
        return " · ".join(_tier(tier) for tier in tiers)
    return str(type(rule).__struct_config__.tag)


def _tier(tier: Tier) -> str:
    bound = f"≤ {plain(tier.up_to)}" if tier.up_to is not None else "more"
    flat = f" + {plain(tier.flat_amount)}" if tier.flat_amount else ""
    return f"{bound}: {plain(tier.unit_amount)}{flat}"


def _grant_cell(version: PlanVersion, key: str, feature: Feature | None) -> str:
    grant = next((grant for grant in version.grants if grant.feature == key), None)
    return "" if grant is None else grant_in_short(grant, feature)


def grant_in_short(grant: Grant, feature: Feature | None) -> str:
    """What is granted, as in a table: yes, a limit with its unit, unlimited, or the text."""
    if grant.text:
        return grant.text
    if feature is None or feature.kind is not FeatureKind.QUANTITY:
        return "yes"
    return limit_in_short(grant.limit, feature)


def limit_in_short(limit: Decimal | None, feature: Feature) -> str:
    """A limit with its unit, or that there is none."""
    if limit is None:
        return "unlimited"
    return f"{plain(limit)} {unit_for(limit, feature.unit, {}, 'en')}".rstrip()
