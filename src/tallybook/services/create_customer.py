"""Make a customer, once however often it is asked."""

from __future__ import annotations

from tallybook.domain.customers.customer import Customer, Where, checked, refuse_another
from tallybook.domain.kernel.errors import Conflicting
from tallybook.services.find_customers import check_parent
from tallybook.services.ports import Wiring


def create_customer(
    wiring: Wiring,
    organization_id: str,
    *,
    key: str,
    name: str,
    currency: str,
    timezone: str = "UTC",
    locale: str = "en",
    parent: str | None = None,
    invoiced_at: Where = Where.SELF,
    usage_at: Where = Where.SELF,
    has_payment_method: bool = False,
) -> Customer:
    """Keep a new customer, or answer the one of that key if it is the same.

    `Invalid` for a field that cannot be what was meant; `Conflicting`, naming what differs, if the
    key is another customer's.
    """
    wanted = checked(
        Customer(
            id=wiring.new_id("cus"),
            key=key,
            name=name,
            currency=currency,
            timezone=timezone,
            locale=locale,
            parent=parent,
            invoiced_at=invoiced_at,
            usage_at=usage_at,
            has_payment_method=has_payment_method,
            created_at=wiring.now_of(organization_id),
        )
    )
    with wiring.books.begin(organization_id) as records:
        check_parent(records, wanted)
        try:
            records.customers.add(wanted)
        except Conflicting:
            kept = records.customers.by_key(key)
            if kept is None:
                raise
            refuse_another(kept, wanted)
            return kept
    return wanted
