"""Start a subscription, once however often it is asked."""

from __future__ import annotations

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Missing
from tallybook.domain.subscriptions.changing import check_agreed_quantities
from tallybook.domain.subscriptions.life import Start, agreed, begin, refuse_another
from tallybook.services.find_customers import no_such_customer
from tallybook.services.find_plans import version_of
from tallybook.services.find_subscriptions import FullSubscription, in_full
from tallybook.services.ports import Records, Wiring


def start_subscription(wiring: Wiring, organization_id: str, asked: Start) -> FullSubscription:
    """Subscribe a customer to a plan version, from any time on; or answer the one of that key.

    `Missing` for a customer or plan that is not there, `Invalid` for what cannot be, `Conflicting`
    if the key is that of a subscription asked for otherwise. What is owed for the time gone by is
    billed by the next run.
    """
    asked = asked.checked()
    now = wiring.now_of(organization_id)
    with wiring.books.begin(organization_id) as records:
        customer = records.customers.by_key(asked.customer, locked=True)
        kept = records.subscriptions.by_key(asked.key)
        if kept is not None:
            versions = records.plans.by_ids([kept.plan_version_id])
            refuse_another(kept, asked, customer, versions[kept.plan_version_id])
            return in_full(records, kept, now=now)
        if customer is None:
            raise no_such_customer(asked.customer, field="customer")
        version = version_of(records, asked.plan, asked.version)
        check_agreed_quantities(asked.quantities, version)
        subscription = begin(
            asked, customer, version, subscription_id=wiring.new_id("sub"), now=now
        )
        course = agreed(
            subscription,
            asked,
            version,
            free_version=_free_version(records, asked),
            now=now,
        )
        records.subscriptions.add(course.subscription)
        records.subscriptions.add_changes(subscription.id, course.changes)
        return in_full(records, course.subscription, now=now)


def _free_version(records: Records, asked: Start) -> PlanVersion | None:
    """The plan version that a trial ends in, if it is a free one."""
    if asked.trial is None or asked.trial.free_plan is None:
        return None
    try:
        return version_of(records, asked.trial.free_plan, None)
    except Missing as refusal:
        raise Missing(
            refusal.code, refusal.message, field="trial/free_plan", mend=refusal.mend
        ) from None
