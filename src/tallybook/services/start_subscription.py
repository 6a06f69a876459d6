"""Start a subscription, once however often it is asked."""

from __future__ import annotations

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.add_ons import with_add_ons
from tallybook.domain.subscriptions.changing import check_agreed_quantities
from tallybook.domain.subscriptions.life import NamedPlans, Start, agreed, begin, refuse_another
from tallybook.domain.subscriptions.trials import TrialOrder, check_entitled, check_limit
from tallybook.services.find_customers import no_such_customer, now_for, time_of
from tallybook.services.find_plans import sold
from tallybook.services.find_subscriptions import FullSubscription, in_full
from tallybook.services.negotiate import negotiated
from tallybook.services.ports import Records, Wiring
from tallybook.services.redeem_coupon import (
    locked_coupons,
    redeem_at_start,
    refuse_other_coupons,
)
from tallybook.services.run_experiment import version_for
from tallybook.services.schedule_phases import phase_plans
from tallybook.services.take_turns import agree_on_limits

_MOST_FAMILIES = 1_000
"""Plan families looked at for an earlier trial."""


def start_subscription(wiring: Wiring, organization_id: str, asked: Start) -> FullSubscription:
    """Subscribe a customer to a plan version, from any time on; or answer the one of that key.

    `Missing` for a customer or plan that is not there, `Invalid` for what cannot be, `Conflicting`
    if the key is that of a subscription asked for otherwise. What is owed for the time gone by is
    billed by the next run. Its coupons are redeemed with it, or nothing is done.
    """
    asked = asked.checked()
    with wiring.books.begin(organization_id) as records:
        _agree_on_limits(records, asked)
        coupons = locked_coupons(records, asked.coupons)
        customer = records.customers.by_key(asked.customer, locked=True)
        kept = records.subscriptions.by_key(asked.key)
        if kept is not None:
            now = now_for(wiring, records, kept.customer_id)
            versions = records.plans.by_ids([kept.plan_version_id])
            agreed_on = versions[kept.plan_version_id]
            refuse_another(kept, _with_add_ons(asked, agreed_on), customer, agreed_on)
            refuse_other_coupons(records, coupons, kept)
            return in_full(records, kept, now=now)
        if customer is None:
            raise no_such_customer(asked.customer, field="customer")
        now = time_of(wiring, records, customer)
        version = version_for(records, asked.plan, asked.version, customer, now=now)
        version = negotiated(records, version, asked.overrides, field="overrides")
        check_agreed_quantities(asked.quantities, version)
        asked = msgspec.structs.replace(asked, quantities=with_add_ons(asked.quantities, version))
        if asked.trial is not None:
            _check_trial(records, asked.trial, customer, version)
        subscription = begin(
            asked, customer, version, subscription_id=wiring.new_id("sub"), now=now
        )
        named = _named_plans(records, asked, version)
        course = agreed(subscription, asked, version, named, now=now)
        records.subscriptions.add(course.subscription)
        records.subscriptions.add_changes(subscription.id, course.changes)
        plans = [each.plan_key for each in named.all(version).values()]
        redeem_at_start(
            wiring, records, coupons, customer, course.subscription, plans=plans, now=now
        )
        return in_full(records, course.subscription, now=now)


def _agree_on_limits(records: Records, asked: Start) -> None:
    plans = [asked.plan, *(phase.plan for phase in asked.phases)]
    if asked.trial is not None:
        plans.append(asked.trial.free_plan)
    if asked.contract is not None:
        plans.append(asked.contract.renews_into)
    agree_on_limits(records, plans, [asked.overrides, *(each.overrides for each in asked.phases)])


def _with_add_ons(asked: Start, version: PlanVersion) -> Start:
    """The same; where it says quantities, also that there is none of the other add-ons."""
    if not asked.quantities:
        return asked
    return msgspec.structs.replace(asked, quantities=with_add_ons(asked.quantities, version))


def _named_plans(records: Records, asked: Start, version: PlanVersion) -> NamedPlans:
    """The plan versions that a start names beside its own."""
    currency = version.currency
    free = None if asked.trial is None else asked.trial.free_plan
    into = None if asked.contract is None else asked.contract.renews_into
    return NamedPlans(
        free=sold(records, free, None, currency=currency, field="trial/free_plan"),
        renews_into=sold(records, into, None, currency=currency, field="contract/renews_into"),
        phases=phase_plans(records, asked.phases, version),
    )


def _check_trial(
    records: Records, trial: TrialOrder, customer: Customer, version: PlanVersion
) -> None:
    """Refuse a trial that the customer may not have, or that could never end."""
    check_entitled(
        requires_payment_method=trial.requires_payment_method,
        has_payment_method=customer.has_payment_method,
    )
    if trial.usage is not None:
        meters = records.meters.by_keys([trial.usage.meter])
        check_limit(trial.usage, meters.get(trial.usage.meter))
    if trial.again:
        return
    had = [each for each in records.subscriptions.of_customer(customer.id) if each.is_trial]
    versions = records.plans.by_ids({each.plan_version_id for each in had})
    alike = {version.plan_key}
    for family in records.families.page(after="", limit=_MOST_FAMILIES):
        if version.plan_key in family.plans:
            alike.update(family.plans)
    before = next((each for each in had if versions[each.plan_version_id].plan_key in alike), None)
    if before is not None:
        raise Conflicting(
            "trial_had_before",
            f"Customer {customer.key!r} had a trial of {version.plan_key!r}, or of a plan of its "
            f"family, with subscription {before.key!r}.",
            field="trial",
            mend="Leave the trial out; or send again: true to allow another one.",
        )
