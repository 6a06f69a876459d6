"""Products, features and families of plans; what customers may use."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.catalog.feature import Feature, FeatureKind
from tallybook.domain.catalog.plan_table import TableRow, in_short, limit_in_short
from tallybook.domain.catalog.product import Direction, Family, Product
from tallybook.domain.customers.organization import Scope
from tallybook.domain.entitlements.entitled import Entitlement
from tallybook.domain.kernel.decimals import plain
from tallybook.services.compare_plans import PlanTable, compare_family, compare_keys
from tallybook.services.define_products import (
    find_direction,
    find_family,
    find_feature,
    find_product,
    list_families,
    list_features,
    list_products,
    put_family,
    put_feature,
    put_product,
)
from tallybook.services.find_entitlements import find_entitlements

ProductKey = Annotated[str, PathParameter(description="The product's key.")]
FeatureKey = Annotated[str, PathParameter(description="The feature's key.")]
FamilyKey = Annotated[str, PathParameter(description="The family's key.")]
PlanKey = Annotated[str, PathParameter(description="The plan's key.")]
CustomerKey = Annotated[str, PathParameter(description="The customer's key, or its id.")]
InCurrency = Annotated[
    str, QueryParameter(description="Prices in this currency, of plans that are sold in it.")
]


class ProductRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of a product; `meters` are keys of those that count it."""

    name: str
    description: str = ""
    meters: tuple[str, ...] = ()


class FeatureRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of a feature. `unit` is what the limits of a quantity count."""

    name: str
    kind: FeatureKind = FeatureKind.BOOLEAN
    unit: str = ""
    product: str = ""
    description: str = ""


class FamilyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plans that are alternatives, by key, from the least to the most."""

    name: str
    plans: tuple[str, ...]


class SoldPriceAnswer(msgspec.Struct, frozen=True):
    """A price by which a product is sold, in the latest version of a plan."""

    plan: str
    version: int
    price: str
    name: str
    currency: str
    in_short: str


class ProductAnswer(msgspec.Struct, frozen=True):
    """A product, and how it is sold."""

    product: Product
    prices: list[SoldPriceAnswer]


class PlanColumn(msgspec.Struct, frozen=True):
    """A column of the table: a plan, by the version that is sold."""

    plan: str
    version: int
    name: str
    currency: str


class TableAnswer(msgspec.Struct, frozen=True):
    """Plans side by side: in each row a cell for each column, "" where the plan has it not."""

    columns: list[PlanColumn]
    rows: tuple[TableRow, ...]


class DirectionAnswer(msgspec.Struct, frozen=True):
    """Which way it goes from one plan to another, and the family that says so."""

    direction: Direction
    family: str | None


class EntitlementAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer has of a feature, by which subscriptions. A null `limit` is none.

    `in_short` is what a page would show: yes, a limit with its unit, unlimited, or the text.
    """

    feature: str
    name: str
    kind: FeatureKind
    limit: str | None
    text: str
    in_short: str
    subscriptions: tuple[str, ...]


class EntitlementsAnswer(msgspec.Struct, frozen=True):
    """Everything that a customer may use now, in order of feature key."""

    results: list[EntitlementAnswer]


@put("/v1/products/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def write_product(
    wiring: Wired, organization_id: OrganizationId, key: ProductKey, data: JSONBody[ProductRequest]
) -> Product:
    """Make a product, or change what is said of it."""
    now = wiring.now_of(organization_id)
    product = Product(key=key, created_at=now, **msgspec.structs.asdict(data))
    return put_product(wiring, organization_id, product)


@get("/v1/products", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_products(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[Product]:
    """Products in key order."""
    found = list_products(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/products/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_product(wiring: Wired, organization_id: OrganizationId, key: ProductKey) -> ProductAnswer:
    """One product, with the prices by which the latest versions of plans sell it."""
    product, sold = find_product(wiring, organization_id, key)
    prices = [
        SoldPriceAnswer(
            each.version.plan_key,
            each.version.version,
            each.price.key,
            each.price.name,
            each.version.currency,
            in_short(each.price, each.version),
        )
        for each in sold
    ]
    return ProductAnswer(product, prices)


@put("/v1/features/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def write_feature(
    wiring: Wired, organization_id: OrganizationId, key: FeatureKey, data: JSONBody[FeatureRequest]
) -> Feature:
    """Make a feature, or change what is said of it; its kind stays."""
    now = wiring.now_of(organization_id)
    feature = Feature(key=key, created_at=now, **msgspec.structs.asdict(data))
    return put_feature(wiring, organization_id, feature)


@get("/v1/features", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_features(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[Feature]:
    """Features in key order."""
    found = list_features(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/features/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_feature(wiring: Wired, organization_id: OrganizationId, key: FeatureKey) -> Feature:
    """One feature."""
    return find_feature(wiring, organization_id, key)


@put("/v1/plan-families/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def write_family(
    wiring: Wired, organization_id: OrganizationId, key: FamilyKey, data: JSONBody[FamilyRequest]
) -> Family:
    """Make a family of plans, or change its order."""
    now = wiring.now_of(organization_id)
    family = Family(key=key, created_at=now, **msgspec.structs.asdict(data))
    return put_family(wiring, organization_id, family)


@get("/v1/plan-families", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_families(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[Family]:
    """Families of plans in key order."""
    found = list_families(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/plan-families/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_family(wiring: Wired, organization_id: OrganizationId, key: FamilyKey) -> Family:
    """One family of plans."""
    return find_family(wiring, organization_id, key)


@get("/v1/plan-families/{key:str}/table", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_family_table(
    wiring: Wired, organization_id: OrganizationId, key: FamilyKey, currency: InCurrency = ""
) -> TableAnswer:
    """The plans of a family side by side: prices and features, as for a pricing page."""
    return _table(compare_family(wiring, organization_id, key, currency=currency))


@get("/v1/plan-tables", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_plan_table(
    wiring: Wired,
    organization_id: OrganizationId,
    plan: Annotated[
        list[str], QueryParameter(min_items=1, max_items=50, description="A plan's key; repeat it.")
    ],
    currency: InCurrency = "",
) -> TableAnswer:
    """Any plans side by side."""
    return _table(compare_keys(wiring, organization_id, plan, currency=currency))


@get("/v1/plans/{key:str}/direction", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_direction(
    wiring: Wired,
    organization_id: OrganizationId,
    key: PlanKey,
    to: Annotated[str, QueryParameter(description="The key of the other plan.")],
) -> DirectionAnswer:
    """Whether going from this plan to another is an upgrade or a downgrade, by their family."""
    found, family = find_direction(wiring, organization_id, key, to)
    return DirectionAnswer(found, None if family is None else family.key)


@get("/v1/customers/{key:str}/entitlements", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_entitlements(
    wiring: Wired, organization_id: OrganizationId, key: CustomerKey
) -> EntitlementsAnswer:
    """What a customer may use now: the grants of all its running subscriptions together."""
    found = find_entitlements(wiring, organization_id, key)
    return EntitlementsAnswer([_entitlement(each) for each in found])


def _table(table: PlanTable) -> TableAnswer:
    columns = [
        PlanColumn(each.plan_key, each.version, each.name, each.currency) for each in table.versions
    ]
    return TableAnswer(columns, table.rows)


def _entitlement(entitlement: Entitlement) -> EntitlementAnswer:
    feature = entitlement.feature
    told = entitlement.text or "yes"
    if feature.kind is FeatureKind.QUANTITY:
        told = limit_in_short(entitlement.limit, feature)
    return EntitlementAnswer(
        feature=feature.key,
        name=feature.name,
        kind=feature.kind,
        limit=None if entitlement.limit is None else plain(entitlement.limit),
        text=entitlement.text,
        in_short=told,
        subscriptions=entitlement.subscriptions,
    )


router = Router(
    path="/",
    route_handlers=[
        write_product,
        read_products,
        read_product,
        write_feature,
        read_features,
        read_feature,
        write_family,
        read_families,
        read_family,
        read_family_table,
        read_plan_table,
        read_direction,
        read_entitlements,
    ],
    tags=["Products"],
)
