"""Customers: created, listed, changed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, get, patch, post
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.customers.customer import Customer, CustomerChange, Where
from tallybook.domain.customers.organization import Scope
from tallybook.services.change_customer import change_customer
from tallybook.services.create_customer import create_customer
from tallybook.services.find_customers import find_customer, list_customers

CustomerKey = Annotated[
    str, PathParameter(description="The customer's key, or its id where the key has a slash.")
]


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who shall be billed. `key` is the name that events give them.

    One with a `parent` is invoiced itself, or at its parent; its usage is charged by its own
    subscriptions, or pooled with its parent's.
    """

    key: str
    name: str
    currency: str
    timezone: str = "UTC"
    locale: str = "en"
    parent: str | None = None
    invoiced_at: Where = Where.SELF
    usage_at: Where = Where.SELF
    has_payment_method: bool = False


@post("/v1/customers", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_customer(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[NewCustomer]
) -> Customer:
    """Create a customer. Repeating it answers the same customer; a difference is a conflict.

    Events may have come before: usage counts them all.
    """
    return create_customer(wiring, organization_id, **msgspec.structs.asdict(data))


@get("/v1/customers", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_customers(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[Customer]:
    """Customers in key order."""
    found = list_customers(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/customers/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_customer(wiring: Wired, organization_id: OrganizationId, key: CustomerKey) -> Customer:
    """One customer."""
    return find_customer(wiring, organization_id, key)


@patch("/v1/customers/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def patch_customer(
    wiring: Wired, organization_id: OrganizationId, key: CustomerKey, data: JSONBody[CustomerChange]
) -> Customer:
    """Change what is sent. The currency stays once there is a subscription.

    A new time zone or locale holds for what begins from now on: a subscription keeps the time zone
    it began with, and a finalized invoice its language.
    """
    return change_customer(wiring, organization_id, key, data)


router = Router(
    path="/",
    route_handlers=[post_customer, read_customers, read_customer, patch_customer],
    tags=["Customers"],
)
