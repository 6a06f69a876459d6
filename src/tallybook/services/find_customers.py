"""Look customers up."""

from __future__ import annotations

from tallybook.domain.customers.customer import Customer
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


def customer_of(records: Records, key: str, *, locked: bool = False) -> Customer:
    """The customer of that key or id, or a refusal."""
    found = records.customers.by_key(key, locked=locked)
    if found is None:
        named = records.customers.by_ids([key]).get(key)
        found = named and records.customers.by_key(named.key, locked=locked)
    if found is None:
        raise no_such_customer(key)
    return found


def no_such_customer(key: str, *, field: str = "") -> Missing:
    """The refusal for a customer that is not there."""
    return Missing(
        "no_such_customer",
        f"There is no customer {key[:140]!r}.",
        field=field,
        mend="Create it by POST /v1/customers, or name one that GET /v1/customers lists.",
    )
