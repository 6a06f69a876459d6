"""Change what is said of a customer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tallybook.domain.customers.customer import Customer, CustomerChange, Where, changed
from tallybook.domain.invoicing.reckoned import plan_versions_of
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.billed_apart import are_billed_apart, closed_until
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.find_customers import check_parent, customer_of
from tallybook.services.ports import Records, Wiring


def change_customer(
    wiring: Wiring, organization_id: str, key: str, change: CustomerChange
) -> Customer:
    """Keep what changed. `Conflicting` for the currency of a customer with a subscription or
    with customers below it, for a parent that is one of those, and for usage that would be charged
    elsewhere in mid-period, and so twice or never."""
    with wiring.books.begin(organization_id) as records:
        customer = customer_of(records, key, locked=True)
        is_subscribed = bool(
            records.subscriptions.of_customer(customer.id)
            or records.customers.family([customer.key])
        )
        after = changed(customer, change, is_subscribed=is_subscribed)
        if after.parent != customer.parent or after.invoiced_at is not customer.invoiced_at:
            check_parent(records, after)
        _check_usage(records, customer, after)
        records.customers.replace(after)
        return after


def _check_usage(records: Records, before: Customer, after: Customer) -> None:
    """Refuse to have usage charged by another's subscriptions that are billed up to another time.

    Both sides' subscriptions are held, so that no run closes one meanwhile.
    """
    if (before.usage_at, before.parent) == (after.usage_at, after.parent):
        return
    since, to = _charged_at(records, before), _charged_at(records, after)
    if since.id == to.id:
        return
    held = records.subscriptions.of_customers([since.id, to.id])
    held = list(records.subscriptions.locked([each.id for each in held]).values())
    metered = dict(_metered(records, held))
    sides = ([each for each in held if each.customer_id == who.id] for who in (since, to))
    for one, other in product(*sides):
        if metered[one.id] & metered[other.id] and are_billed_apart(one, other):
            field = "usage_at" if before.usage_at is not after.usage_at else "parent"
            raise _billed_apart(one, other, field)


def _charged_at(records: Records, customer: Customer) -> Customer:
    """By whose subscriptions a customer's usage is charged."""
    while customer.usage_at is Where.PARENT and customer.parent is not None:
        parent = records.customers.by_key(customer.parent)
        assert parent is not None, "a parent is a customer"
        customer = parent
    return customer


def _metered(
    records: Records, subscriptions: list[Subscription]
) -> Iterator[tuple[str, frozenset[str]]]:
    """The meters that each charges for, by id."""
    changes = records.subscriptions.changes_of(
        [each.id for each in subscriptions if each.change_count]
    )
    versions = {each.id: plan_versions_of(each, changes.get(each.id, ())) for each in subscriptions}
    plans = records.plans.by_ids({name for names in versions.values() for name in names})
    for subscription_id, names in versions.items():
        yield subscription_id, frozenset(meter for name in names for meter in plans[name].meters)


def _billed_apart(one: Subscription, other: Subscription, field: str) -> Conflicting:
    return Conflicting(
        "billed_apart",
        f"Usage that goes from subscription {one.key!r}, billed up to "
        f"{closed_until(one).isoformat()}, to {other.key!r}, billed up to "
        f"{closed_until(other).isoformat()}, would be charged twice or never.",
        field=field,
        mend="Change it when both are billed up to the same time: after the run that closes both, "
        "or once their periods follow one calendar.",
    )
