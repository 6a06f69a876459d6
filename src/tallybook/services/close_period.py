"""Close the billing periods that are due: count, rate, draw up the invoices, go on to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.assemble import assemble_invoice
from tallybook.domain.invoicing.billing_run import BillingRun, Stuck, stuck_at, totals_of
from tallybook.domain.invoicing.charges import (
    Charge,
    charges_due,
    rate_fee,
    rate_metered,
)
from tallybook.domain.invoicing.invoice import Invoice
from tallybook.domain.kernel.errors import Invalid, Missing, Refusal
from tallybook.domain.metering.meter import Meter
from tallybook.domain.subscriptions.cycle import End, NotDue, Open, Renew, closed, decide_cycle
from tallybook.domain.subscriptions.subscription import Status, Subscription
from tallybook.services.measure_charges import (
    UsageSheet,
    Wanted,
    measure_charges,
    wanted_by,
)
from tallybook.services.ports import Records, Wiring

CHUNK = 2_000
"""Subscriptions closed in one transaction: what a run holds in memory, and what a crash undoes."""

Progress = Callable[[BillingRun], None]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is the same for all that one run closes."""

    organization_id: str
    until: datetime
    as_of: int
    created_at: datetime
    finalizes: bool


@dataclass(frozen=True, slots=True)
class _Contracts:
    """What the subscriptions of a chunk refer to."""

    plans: Mapping[str, PlanVersion]
    customers: Mapping[str, Customer]
    meters: Mapping[str, Meter]


@dataclass(frozen=True, slots=True)
class _Boundary:
    """A subscription at a boundary, and what is owed there."""

    subscription: Subscription
    decision: Open | Renew | End
    plan: PlanVersion
    customer: Customer
    charges: tuple[tuple[Charge, Wanted | None], ...]

    @property
    def wanted(self) -> list[Wanted]:
        """The usage that must be measured before this can be rated."""
        return [wanted for _, wanted in self.charges if wanted is not None]


def close_due_periods(
    wiring: Wiring,
    organization_id: str,
    *,
    until: datetime | None = None,
    finalizes: bool = False,
    chunk_size: int = CHUNK,
    progress: Progress | None = None,
) -> BillingRun:
    """Open what has begun and close what has ended by `until` (now, if not given).

    Usage is counted up to one position for the whole run, by one query a meter and chunk. Each
    chunk is a transaction: a run that dies is completed by the next one, and of two runs side by
    side each leaves alone what the other is closing. A subscription several periods behind is
    brought up period by period. `finalizes` numbers and freezes the invoices at once; otherwise
    they stay drafts.
    """
    now = wiring.now_of(organization_id)
    terms = _Terms(
        organization_id=organization_id,
        until=_not_ahead(until, now),
        as_of=wiring.event_log.position(),
        created_at=now,
        finalizes=finalizes,
    )
    run = BillingRun(until=terms.until, as_of=terms.as_of)
    after = ("", "")
    while True:
        with wiring.books.begin(organization_id) as records:
            chunk = records.subscriptions.due(until=terms.until, after=after, limit=chunk_size)
            if not chunk:
                return run
            contracts = _load_contracts(records, chunk)
            done = _close_chunk(wiring, records, terms, contracts, chunk)
            run = run.joined(done)
            after = contracts.customers[chunk[-1].customer_id].key, chunk[-1].id
        if progress is not None:
            progress(run)


def _not_ahead(until: datetime | None, now: datetime) -> datetime:
    if until is not None and until > now:
        raise Invalid(
            "period_not_over",
            f"{until.isoformat()} has not come yet, so usage up to it is not known.",
            field="until",
            mend="Send a time that has passed, or leave it out for now.",
        )
    return until or now


def _load_contracts(records: Records, chunk: Sequence[Subscription]) -> _Contracts:
    plans = records.plans.by_ids({subscription.plan_version_id for subscription in chunk})
    customers = records.customers.by_ids({subscription.customer_id for subscription in chunk})
    keys = {price.meter for plan in plans.values() for price in plan.prices if price.meter}
    return _Contracts(plans, customers, records.meters.by_keys(keys))


def _close_chunk(
    wiring: Wiring,
    records: Records,
    terms: _Terms,
    contracts: _Contracts,
    chunk: Sequence[Subscription],
) -> BillingRun:
    """Close a boundary of each subscription that has one, and again until none has."""
    done = BillingRun(until=terms.until, as_of=terms.as_of)
    moved: dict[str, Subscription] = {}
    pending = list(chunk)
    while pending:
        boundaries, stuck = _find_boundaries(pending, terms, contracts)
        wanted = [one for boundary in boundaries for one in boundary.wanted]
        sheet = measure_charges(wiring, terms.organization_id, wanted, as_of=terms.as_of)
        invoices = [invoice for b in boundaries if (invoice := _draw_up(b, sheet, terms))]
        done = done.joined(_record(records, terms, boundaries, invoices, stuck))
        pending = [closed(boundary.subscription, boundary.decision) for boundary in boundaries]
        moved |= {subscription.id: subscription for subscription in pending}
    records.subscriptions.replace_many(list(moved.values()))
    return done


def _find_boundaries(
    pending: Sequence[Subscription], terms: _Terms, contracts: _Contracts
) -> tuple[list[_Boundary], list[Stuck]]:
    boundaries: list[_Boundary] = []
    stuck: list[Stuck] = []
    for subscription in pending:
        decision = decide_cycle(subscription, now=terms.until)
        if subscription.status is Status.ENDED or isinstance(decision, NotDue):
            continue
        try:
            boundaries.append(_boundary(subscription, decision, contracts))
        except Refusal as refusal:
            stuck.append(stuck_at(subscription.key, refusal))
    return boundaries, stuck


def _boundary(
    subscription: Subscription, decision: Open | Renew | End, contracts: _Contracts
) -> _Boundary:
    plan = contracts.plans[subscription.plan_version_id]
    customer = contracts.customers[subscription.customer_id]
    charges = charges_due(plan, subscription, decision)
    wanted = tuple(_wanted(charge, customer, contracts) for charge in charges)
    return _Boundary(
        subscription, decision, plan, customer, tuple(zip(charges, wanted, strict=True))
    )


def _wanted(charge: Charge, customer: Customer, contracts: _Contracts) -> Wanted | None:
    """The usage that a charge is for; None for a fee."""
    price = charge.price
    if price.meter is None:
        return None
    meter = contracts.meters.get(price.meter)
    if meter is None:
        raise Missing(
            "no_such_meter",
            f"The price {price.key!r} charges for the meter {price.meter!r}, which is not there.",
            mend="Define the meter; its events are counted also if they came before it.",
        )
    return wanted_by(price, meter, customer, charge.service_period)


def _draw_up(boundary: _Boundary, sheet: UsageSheet, terms: _Terms) -> Invoice | None:
    rated = [
        rate_fee(charge)
        if wanted is None
        else rate_metered(charge, wanted.meter, boundary.customer, sheet.of(wanted), terms.as_of)
        for charge, wanted in boundary.charges
    ]
    return assemble_invoice(
        organization_id=terms.organization_id,
        subscription=boundary.subscription,
        customer=boundary.customer,
        plan=boundary.plan,
        decision=boundary.decision,
        charges=rated,
        as_of=terms.as_of,
        created_at=terms.created_at,
    )


def _record(
    records: Records,
    terms: _Terms,
    boundaries: Sequence[_Boundary],
    invoices: Sequence[Invoice],
    stuck: Sequence[Stuck],
) -> BillingRun:
    """Keep a round's invoices, and say what it did."""
    new = records.invoices.add_many(invoices)
    finalized = 0
    if terms.finalizes:
        ids = [invoice.id for invoice in invoices]
        finalized = records.invoices.finalize_many(ids, at=terms.created_at)
    decisions = [boundary.decision for boundary in boundaries]
    opened = sum(isinstance(decision, Open) for decision in decisions)
    return BillingRun(
        until=terms.until,
        as_of=terms.as_of,
        opened=opened,
        closed=len(decisions) - opened,
        ended=sum(isinstance(decision, End) for decision in decisions),
        invoices=len(new),
        existed=len(invoices) - len(new),
        finalized=finalized,
        totals_minor=totals_of(invoice for invoice in invoices if invoice.id in new),
        stuck=tuple(stuck),
    )
