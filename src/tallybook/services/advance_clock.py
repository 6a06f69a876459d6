"""The test clock: let time pass for an organization, with everything that is due in it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tallybook.domain.customers.organization import Organization, check_advance
from tallybook.domain.invoicing.billing_run import BillingRun
from tallybook.services.close_period import close_due_periods
from tallybook.services.create_organization import read_organization
from tallybook.services.ports import Wiring


class Passed(msgspec.Struct, frozen=True):
    """A stretch of time that has passed: what every billing run in it did together, and how often
    the clock stood still for one."""

    organization: Organization
    run: BillingRun
    stops: int


def advance_clock(
    wiring: Wiring, organization_id: str, at: datetime, *, finalizes: bool = False
) -> Passed:
    """Set the clock to `at`; the first time from the time that it is, to any time.

    On the way it stops wherever a subscription begins or a period ends, and closes what is due
    there, in order, as if a punctual run had done it: the invoices are dated so. Two who advance
    it side by side bill nothing twice. `Forbidden` for a live organization, `Conflicting` back.
    """
    organization = read_organization(wiring, organization_id)
    check_advance(organization, at)
    stood_at = organization.clock_at or min(at, wiring.now())
    run = _closed_at(wiring, organization_id, stood_at, finalizes)
    stops = 1
    while (due_at := _next_due_at(wiring, organization_id, stood_at)) is not None and due_at <= at:
        more = _closed_at(wiring, organization_id, due_at, finalizes)
        # What is stuck is tried at every stop; the last one says what still is.
        run = msgspec.structs.replace(
            run.joined(more), until=more.until, as_of=more.as_of, stuck=more.stuck
        )
        stood_at = due_at
        stops += 1
    wiring.directory.set_clock(organization_id, at)
    return Passed(read_organization(wiring, organization_id), run, stops)


def _closed_at(wiring: Wiring, organization_id: str, at: datetime, finalizes: bool) -> BillingRun:
    wiring.directory.set_clock(organization_id, at)
    return close_due_periods(wiring, organization_id, until=at, finalizes=finalizes)


def _next_due_at(wiring: Wiring, organization_id: str, after: datetime) -> datetime | None:
    with wiring.books.begin(organization_id) as records:
        return records.subscriptions.next_due_at(after=after)
