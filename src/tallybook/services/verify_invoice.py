"""Count and rate an invoice again from its events, and say what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.invoicing.assemble import line_item
from tallybook.domain.invoicing.charges import rate_fee, rate_metered
from tallybook.domain.invoicing.invoice import Invoice, LineItem
from tallybook.domain.invoicing.verification import Verification, charge_of, verify
from tallybook.domain.kernel.money import minor_digits
from tallybook.domain.metering.meter import Meter, UsageQuery
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.measure_charges import wanted_by
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_invoice import found


@dataclass(frozen=True, slots=True)
class _Facts:
    """An invoice and what it was drawn up from."""

    invoice: Invoice
    plan: PlanVersion
    subscription: Subscription
    meters: Mapping[str, Meter]


def verify_invoice(wiring: Wiring, organization_id: str, invoice_id: str) -> Verification:
    """Recompute every line as of the invoice's position, from the stored events and the plan.

    Nothing that was kept is trusted: quantities are counted, prices looked up in the plan version,
    amounts and sums calculated anew. Events that came after the position do not matter.
    """
    with wiring.books.begin(organization_id) as records:
        facts = _load(records, invoice_id)
    recomputed = {
        line.number: again
        for line in facts.invoice.lines
        if (again := _recompute(wiring, organization_id, facts, line)) is not None
    }
    return verify(facts.invoice, facts.plan, recomputed)


def _load(records: Records, invoice_id: str) -> _Facts:
    invoice = found(records, invoice_id)
    plan = records.plans.by_ids([invoice.plan_version_id])[invoice.plan_version_id]
    subscription = records.subscriptions.by_ids([invoice.subscription_id])[invoice.subscription_id]
    ids = {line.proof.meter_id for line in invoice.lines if line.proof is not None}
    meters = [meter for meter_id in ids if (meter := records.meters.by_id(meter_id)) is not None]
    return _Facts(invoice, plan, subscription, {meter.id: meter for meter in meters})


def _recompute(
    wiring: Wiring, organization_id: str, facts: _Facts, line: LineItem
) -> LineItem | None:
    """The line anew; None where the plan version has not its price, or its meter is not there."""
    invoice = facts.invoice
    charge = charge_of(line, facts.plan, facts.subscription)
    if charge is None:
        return None
    digits = minor_digits(invoice.currency)
    if charge.price.meter is None:
        return line_item(line.number, rate_fee(charge), digits)
    meter = facts.meters.get(line.proof.meter_id) if line.proof is not None else None
    if meter is None or meter.key != charge.price.meter:
        return None
    wanted = wanted_by(charge.price, meter, invoice.billed_to, line.service_period)
    query = UsageQuery(
        span=line.service_period,
        as_of=invoice.as_of,
        customers=(invoice.billed_to.key,),
        window=wanted.split.window,
        timezone=wanted.split.timezone or "UTC",
        group_by=wanted.split.groups,
    )
    usage = wiring.usage.measure(organization_id, meter, query)
    rated = rate_metered(charge, meter, invoice.billed_to, usage, invoice.as_of)
    return line_item(line.number, rated, digits)
