"""Say what is sold: products, features, and families of plans."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tallybook.domain.catalog.feature import Feature
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.product import Direction, Family, Product, direction
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing, Refusal
from tallybook.services.find_plans import version_of
from tallybook.services.ports import Records, Wiring

_PAGE = 200


class SoldPrice(msgspec.Struct, frozen=True):
    """A price by which a product is sold, in the latest version of a plan."""

    version: PlanVersion
    price: Price


def put_product(wiring: Wiring, organization_id: str, product: Product) -> Product:
    """Keep a product, or change the one of that key. Its meters must be there."""
    product.check()
    with wiring.books.begin(organization_id) as records:
        known = records.meters.by_keys(product.meters)
        for index, meter in enumerate(product.meters):
            if meter not in known:
                raise Invalid(
                    "unknown_meter",
                    f"There is no meter {meter!r}.",
                    field=f"meters/{index}",
                    mend="Make the meter first, or correct its key.",
                )
        kept = records.products.by_key(product.key, locked=True)
        if kept is not None:
            product = msgspec.structs.replace(product, created_at=kept.created_at)
        records.products.put(product)
        return product


def put_feature(wiring: Wiring, organization_id: str, feature: Feature) -> Feature:
    """Keep a feature, or change what is said of the one of that key; its kind stays."""
    feature.check()
    with wiring.books.begin(organization_id) as records:
        if feature.product and records.products.by_key(feature.product) is None:
            raise unknown_product(feature.product, field="product")
        kept = records.features.by_key(feature.key, locked=True)
        if kept is not None:
            if kept.kind is not feature.kind:
                raise Conflicting(
                    "feature_kind_differs",
                    f"Feature {feature.key!r} is a {kept.kind}; plans grant it as one.",
                    field="kind",
                    mend="Give the other feature another key.",
                )
            feature = msgspec.structs.replace(feature, created_at=kept.created_at)
        records.features.put(feature)
        return feature


def put_family(wiring: Wiring, organization_id: str, family: Family) -> Family:
    """Keep a family, or change the one of that key. Its plans must be published."""
    family.check()
    with wiring.books.begin(organization_id) as records:
        for index, plan in enumerate(family.plans):
            try:
                version_of(records, plan, None)
            except Refusal as refusal:
                raise Invalid(
                    refusal.code, refusal.message, field=f"plans/{index}", mend=refusal.mend
                ) from None
        kept = records.families.by_key(family.key, locked=True)
        if kept is not None:
            family = msgspec.structs.replace(family, created_at=kept.created_at)
        records.families.put(family)
        return family


def list_products(wiring: Wiring, organization_id: str, *, after: str, limit: int) -> list[Product]:
    """Products in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.products.page(after=after, limit=limit)


def list_features(wiring: Wiring, organization_id: str, *, after: str, limit: int) -> list[Feature]:
    """Features in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.features.page(after=after, limit=limit)


def list_families(wiring: Wiring, organization_id: str, *, after: str, limit: int) -> list[Family]:
    """Families in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.families.page(after=after, limit=limit)


def find_product(wiring: Wiring, organization_id: str, key: str) -> tuple[Product, list[SoldPrice]]:
    """The product of that key, and the prices of the latest plan versions that sell it."""
    with wiring.books.begin(organization_id) as records:
        product = records.products.by_key(key)
        if product is None:
            raise unknown_product(key)
        sold = [
            SoldPrice(version, price)
            for version in _latest_versions(records)
            for price in version.prices
            if price.product == key
        ]
        return product, sold


def find_feature(wiring: Wiring, organization_id: str, key: str) -> Feature:
    """The feature of that key."""
    with wiring.books.begin(organization_id) as records:
        feature = records.features.by_key(key)
    if feature is None:
        raise Missing(
            "unknown_feature",
            f"There is no feature {key[:140]!r}.",
            mend="Make it by PUT /v1/features/{key}, or name one that GET lists.",
        )
    return feature


def find_family(wiring: Wiring, organization_id: str, key: str) -> Family:
    """The family of that key."""
    with wiring.books.begin(organization_id) as records:
        return family_of(records, key)


def find_direction(
    wiring: Wiring, organization_id: str, before: str, after: str
) -> tuple[Direction, Family | None]:
    """Whether going from one plan to another is up or down, and by which family."""
    with wiring.books.begin(organization_id) as records:
        for key in (before, after):
            version_of(records, key, None)
        families = records.families.page()
    both = (family for family in families if {before, after} <= set(family.plans))
    family = next(both, None)
    return direction(family, before, after), family


def family_of(records: Records, key: str) -> Family:
    """The family of that key, or a refusal."""
    family = records.families.by_key(key)
    if family is None:
        raise Missing(
            "unknown_family",
            f"There is no family of plans {key[:140]!r}.",
            mend="Make it by PUT /v1/plan-families/{key}, or name one that GET lists.",
        )
    return family


def unknown_product(key: str, *, field: str = "") -> Missing:
    """The refusal for a product that is not there."""
    return Missing(
        "unknown_product",
        f"There is no product {key[:140]!r}.",
        field=field,
        mend="Make it by PUT /v1/products/{key}, or name one that GET lists.",
    )


def _latest_versions(records: Records) -> Iterator[PlanVersion]:
    after = ""
    while page := records.plans.page(after=after, limit=_PAGE):
        yield from page
        after = page[-1].plan_key
