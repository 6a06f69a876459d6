"""The test clock: let time pass for an organization or one customer, with all that is due in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from tallybook.domain.customers.customer import Customer
from tallybook.domain.customers.organization import Organization, check_advance
from tallybook.domain.invoicing.billing_run import BillingRun
from tallybook.services.close_period import close_due_periods
from tallybook.services.create_organization import read_organization
from tallybook.services.find_customers import customer_of
from tallybook.services.ports import Wiring
from tallybook.services.watch_trials import next_used_up


class Passed(msgspec.Struct, frozen=True):
    """A stretch of time that has passed: what every billing run in it did together, and how often
    the clock stood still for one. `customer` is whose clock it is, None for the organization's."""

    organization: Organization
    run: BillingRun
    stops: int
    customer: Customer | None = None


@dataclass(frozen=True, slots=True)
class _Clock:
    """Whose clock is advanced, and whether invoices are finalized on the way."""

    wiring: Wiring
    organization_id: str
    customer_id: str | None
    finalizes: bool

    def set(self, at: datetime) -> None:
        """Let it stand at `at`, never back."""
        if self.customer_id is None:
            self.wiring.directory.set_clock(self.organization_id, at)
            return
        with self.wiring.books.begin(self.organization_id) as records:
            customer = customer_of(records, self.customer_id, locked=True)
            later = max(at, customer.clock_at or at)
            records.customers.replace(msgspec.structs.replace(customer, clock_at=later))

    def close(self, at: datetime) -> BillingRun:
        """What is due at `at`, as a punctual run then would."""
        self.set(at)
        return close_due_periods(
            self.wiring,
            self.organization_id,
            until=at,
            finalizes=self.finalizes,
            customer=self.customer(),
        )

    def customer(self) -> Customer | None:
        """Whose clock it is, as it stands now."""
        if self.customer_id is None:
            return None
        with self.wiring.books.begin(self.organization_id) as records:
            return records.customers.by_ids([self.customer_id])[self.customer_id]

    def next_stop(self, after: datetime, until: datetime) -> datetime | None:
        """When, later than `after` and by `until`, something is due: a boundary, or a trial that
        is used up before it."""
        with self.wiring.books.begin(self.organization_id) as records:
            due_at = records.subscriptions.next_due_at(after=after, customer_id=self.customer_id)
        if due_at is not None and due_at > until:
            due_at = None
        used_up = next_used_up(
            self.wiring,
            self.organization_id,
            until=due_at or until,
            customer_id=self.customer_id,
        )
        return used_up if used_up is not None and used_up > after else due_at


def advance_clock(
    wiring: Wiring,
    organization_id: str,
    at: datetime,
    *,
    finalizes: bool = False,
    customer: str | None = None,
) -> Passed:
    """Set the clock to `at`; the first time from the time that it is, to any time.

    On the way it stops wherever a subscription begins, a period ends or a trial is used up, and
    closes what is due there, in order, as if a punctual run had done it: the invoices are dated so.
    Two who advance it side by side bill nothing twice. `customer` is the key of one that lives on a
    clock of its own from then on. `Forbidden` for a live organization, `Conflicting` back.
    """
    organization = read_organization(wiring, organization_id)
    whose = None
    if customer is not None:
        with wiring.books.begin(organization_id) as records:
            whose = customer_of(records, customer)
    stands_at = organization.clock_at if whose is None else whose.clock_at
    check_advance(organization, at, stands_at=stands_at)
    clock = _Clock(wiring, organization_id, None if whose is None else whose.id, finalizes)
    stood_at = stands_at or min(at, wiring.now_of(organization_id))
    run = clock.close(stood_at)
    stops = 1
    while (stop := clock.next_stop(stood_at, at)) is not None:
        more = clock.close(stop)
        # What is stuck is tried at every stop; the last one says what still is.
        run = msgspec.structs.replace(
            run.joined(more), until=more.until, as_of=more.as_of, stuck=more.stuck
        )
        stood_at = stop
        stops += 1
    clock.set(at)
    return Passed(read_organization(wiring, organization_id), run, stops, clock.customer())
