"""Who pays, and what is said of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.customers.organization import named
from tallybook.domain.kernel.calendar import checked_timezone
from tallybook.domain.kernel.errors import Conflicting, Missing
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.locales import checked_locale
from tallybook.domain.kernel.money import minor_digits


class Where(StrEnum):
    """Where something of a customer is dealt with: with itself, or with its parent."""

    SELF = "self"
    PARENT = "parent"


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays. `key` is the name the organization's own systems use, also in events.

    Events may come before their customer: what they say counts from the customer's first day.

    `parent` is the key of the customer that it belongs to. `invoiced_at` says whose invoices its
    lines are on, `usage_at` whose subscriptions its usage is charged by. Of a test organization it
    may live on a clock of its own, which stands at `clock_at`.
    """

    id: str
    key: str
    name: str
    currency: str
    timezone: str = "UTC"
    locale: str = "en"
    created_at: datetime
    parent: str | None = None
    invoiced_at: Where = Where.SELF
    usage_at: Where = Where.SELF
    has_payment_method: bool = False
    clock_at: datetime | None = None


class CustomerChange(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What shall be said of a customer from now on; what is not sent stays as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    currency: str | msgspec.UnsetType = msgspec.UNSET
    timezone: str | msgspec.UnsetType = msgspec.UNSET
    locale: str | msgspec.UnsetType = msgspec.UNSET
    parent: str | msgspec.UnsetType | None = msgspec.UNSET
    invoiced_at: Where | msgspec.UnsetType = msgspec.UNSET
    usage_at: Where | msgspec.UnsetType = msgspec.UNSET
    has_payment_method: bool | msgspec.UnsetType = msgspec.UNSET


def checked(customer: Customer) -> Customer:
    """The customer in its usual spelling; refused where a field cannot be what was meant."""
    checked_key(customer.key, may_have_slash=True)
    minor_digits(customer.currency)
    checked_timezone(customer.timezone)
    return msgspec.structs.replace(
        customer, name=named(customer.name), locale=checked_locale(customer.locale)
    )


def changed(customer: Customer, change: CustomerChange, *, is_subscribed: bool) -> Customer:
    """The customer after a change.

    A currency stays for good once there is a subscription: bills, balances and credits are in it.
    The time zone may change; subscriptions keep the one they began with.
    """
    said = {
        field: value
        for field, value in msgspec.structs.asdict(change).items()
        if value is not msgspec.UNSET
    }
    after = checked(msgspec.structs.replace(customer, **said))
    if is_subscribed and after.currency != customer.currency:
        raise Conflicting(
            "currency_in_use",
            f"Customer {customer.key!r} is billed in {customer.currency}.",
            field="currency",
            mend=f"Make another customer for {after.currency}.",
        )
    return after


def refuse_parent(customer: Customer, parent: Customer | None, *, is_below: bool) -> None:
    """Refuse a parent that cannot be one; `is_below` says whether it is below the customer."""
    if parent is None and not is_below:
        raise Missing(
            "no_such_customer",
            f"There is no customer {customer.parent!r} to be the parent.",
            field="parent",
            mend="Create it first, or name one that GET /v1/customers lists.",
        )
    if is_below or parent is None:
        raise Conflicting(
            "circle_of_customers",
            f"Customer {customer.parent!r} is {customer.key!r} itself, or below it.",
            field="parent",
            mend="Name a customer above it, or none.",
        )
    if parent.currency != customer.currency:
        raise Conflicting(
            "currency_mismatch",
            f"Customer {customer.key!r} is billed in {customer.currency}, and its parent "
            f"{parent.key!r} in {parent.currency}.",
            field="parent",
            mend=f"Name a parent in {customer.currency}.",
        )


_SAID_AT_CREATION = (
    "name",
    "currency",
    "timezone",
    "locale",
    "parent",
    "invoiced_at",
    "usage_at",
    "has_payment_method",
)


def refuse_another(kept: Customer, wanted: Customer) -> None:
    """Refuse to create a customer that exists and is said to be otherwise.

    The same again is no conflict: whoever retries a creation meets what it created.
    """
    differs = [
        field for field in _SAID_AT_CREATION if getattr(kept, field) != getattr(wanted, field)
    ]
    if differs:
        said = ", ".join(
            f"{field} {getattr(kept, field)!r}, not {getattr(wanted, field)!r}" for field in differs
        )
        raise Conflicting(
            "customer_differs",
            f"There is a customer {kept.key!r} already, with {said}.",
            field=differs[0],
            mend="Choose another key, or change that customer by PATCH.",
        )
