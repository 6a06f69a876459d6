"""Rated charges → an invoice. The one place where an amount is rounded, a line at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.charges import RatedCharge
from tallybook.domain.invoicing.conditions import ConditionLine
from tallybook.domain.invoicing.invoice import (
    BilledTo,
    Invoice,
    InvoiceStatus,
    LineItem,
    Occasion,
    Reckoning,
)
from tallybook.domain.kernel.identifiers import derived_id
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import minor_digits, to_units
from tallybook.domain.subscriptions.cycle import AtOnce, End, Open, Renew
from tallybook.domain.subscriptions.subscription import Subscription


def occasion_of(subscription: Subscription, decision: Open | Renew | End) -> tuple[Occasion, Span]:
    """Why an invoice is drawn up at this boundary, and for which billing period."""
    if isinstance(decision, AtOnce):
        return Occasion.CHANGE, decision.period
    if isinstance(decision, Open):
        return Occasion.OPENING, decision.period
    return Occasion.PERIOD, subscription.period


def invoice_id(
    organization_id: str,
    subscription_id: str,
    occasion: Occasion,
    period: Span,
    reckoning: Reckoning | None = None,
) -> str:
    """The id of the one invoice that there can be for a period, however often it is drawn up.

    The period's start names it, not its end: an end that is moved does not make room for another.
    Only a change does, when the subscription begins again where it had ended.
    """
    start = period.starts.isoformat()
    changes = [str(reckoning.changes)] if reckoning is not None and reckoning.changes else []
    return derived_id("inv", organization_id, subscription_id, occasion.value, start, *changes)


def assemble_invoice(
    *,
    organization_id: str,
    subscription: Subscription,
    customer: Customer,
    payer: Customer | None = None,
    plan: PlanVersion,
    decision: Open | Renew | End,
    charges: Sequence[RatedCharge],
    as_of: int,
    created_at: datetime,
    reckoning: Reckoning | None = None,
    conditions: Sequence[ConditionLine] = (),
) -> Invoice | None:
    """The draft for what is owed at a boundary; None where nothing is charged for.

    `payer` is billed, where that is not the customer whose subscription it is.
    Each line is rounded once; the total is the sum of the lines as printed. Those of `conditions`
    come last.
    """
    if not charges and not conditions:
        return None
    occasion, period = occasion_of(subscription, decision)
    digits = minor_digits(plan.currency)
    lines = tuple(
        line_item(number, charge, digits) for number, charge in enumerate(charges, start=1)
    )
    if conditions:
        numbered = enumerate(conditions, start=len(lines) + 1)
        lines += tuple(condition_item(number, each, digits) for number, each in numbered)
    return Invoice(
        id=invoice_id(organization_id, subscription.id, occasion, period, reckoning),
        number=None,
        status=InvoiceStatus.DRAFT,
        occasion=occasion,
        billed_to=billed_to(payer or customer),
        subscription_id=subscription.id,
        plan_version_id=plan.id,
        period=period,
        currency=plan.currency,
        lines=lines,
        total_minor=sum(line.amount_minor for line in lines),
        as_of=as_of,
        created_at=created_at,
        reckoning=reckoning,
        subscriber=None if payer is None else billed_to(customer),
    )


def billed_to(customer: Customer) -> BilledTo:
    """The customer as it is now, to be kept with the invoice."""
    return BilledTo(
        customer_id=customer.id,
        key=customer.key,
        name=customer.name,
        timezone=customer.timezone,
        locale=customer.locale,
    )


def line_item(number: int, charged: RatedCharge, digits: int) -> LineItem:
    """The printed row of a charge: its exact amount rounded to `digits` decimals."""
    rated = charged.rated
    return LineItem(
        number=number,
        price_key=charged.charge.price.key,
        name=charged.charge.price.name,
        service_period=charged.charge.service_period,
        quantity=rated.quantity,
        unit=charged.unit,
        exact_amount=rated.amount,
        amount_minor=to_units(rated.amount, digits),
        working=rated.working,
        proof=charged.proof,
    )


def condition_item(number: int, condition: ConditionLine, digits: int) -> LineItem:
    """The printed row of a condition."""
    rated = condition.rated
    return LineItem(
        number=number,
        price_key=condition.key,
        name=condition.name,
        service_period=condition.service_period,
        quantity=rated.quantity,
        unit=condition.unit,
        exact_amount=rated.amount,
        amount_minor=to_units(rated.amount, digits),
        working=rated.working,
        kind=condition.kind,
    )
