"""Look customers up."""

from __future__ import annotations

from datetime import datetime

from tallybook.domain.customers.customer import Customer, refuse_parent
from tallybook.domain.kernel.errors import Missing
from tallybook.services.ports import Records, Wiring


def find_customer(wiring: Wiring, organization_id: str, key: str) -> Customer:
    """The customer of that key or id."""
    with wiring.books.begin(organization_id) as records:
        return customer_of(records, key)


def list_customers(
    wiring: Wiring, organization_id: str, *, after: str = "", limit: int = 100
) -> list[Customer]:
    """Customers in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.customers.page(after=after, limit=limit)


def customer_of(records: Records, key: str, *, locked: bool = False, field: str = "") -> Customer:
    """The customer of that key or id, or a refusal; `field` of the request names it."""
    found = records.customers.by_key(key, locked=locked)
    if found is None:
        named = records.customers.by_ids([key]).get(key)
        found = named and records.customers.by_key(named.key, locked=locked)
    if found is None:
        raise no_such_customer(key, field=field)
    return found


def now_for(wiring: Wiring, records: Records, customer_id: str) -> datetime:
    """The time that a customer lives at: its own test clock's, or else its organization's."""
    return time_of(wiring, records, records.customers.by_ids([customer_id])[customer_id])


def time_of(wiring: Wiring, records: Records, customer: Customer) -> datetime:
    """As `now_for`, of a customer that is at hand."""
    return customer.clock_at or wiring.now_of(records.organization_id)


def check_parent(records: Records, customer: Customer) -> None:
    """Refuse a parent that is not there, is the customer itself or below it, or is billed in
    another currency. It is held until the transaction ends, so that no circle closes meanwhile."""
    if customer.parent is None:
        return
    parent = records.customers.by_key(customer.parent, locked=True)
    below = {each.key for each in records.customers.family([customer.key])}
    refuse_parent(customer, parent, is_below=customer.parent in {customer.key, *below})


def no_such_customer(key: str, *, field: str = "") -> Missing:
    """The refusal for a customer that is not there."""
    return Missing(
        "no_such_customer",
        f"There is no customer {key[:140]!r}.",
        field=field,
        mend="Create it by POST /v1/customers, or name one that GET /v1/customers lists.",
    )
