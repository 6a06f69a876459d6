"""The test clock: time that passes when it is told to."""

from __future__ import annotations

from datetime import datetime

import msgspec
from litestar import Router, get, post
from litestar.params import JSONBody

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.routes.billing import BillingRunAnswer, shown_run
from tallybook.api.routes.customers import CustomerKey
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Mode, Scope
from tallybook.domain.kernel.instants import to_utc
from tallybook.services.advance_clock import advance_clock
from tallybook.services.create_organization import read_organization


class ClockOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time to advance to. With `finalize` invoices are numbered and frozen on the way."""

    at: datetime
    finalize: bool = False


class ClockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the organization goes by: its clock at `at`; null where it goes by the time that it is.

    `now` is that time, or the clock's.
    """

    mode: Mode
    at: datetime | None
    now: datetime


class AdvanceAnswer(ClockAnswer, frozen=True, kw_only=True):
    """The clock, and what happened on the way: `stops` are the times at which something was due."""

    stops: int
    run: BillingRunAnswer


class CustomerAdvanceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's clock, and what happened on the way."""

    customer: str
    at: datetime
    stops: int
    run: BillingRunAnswer


@get("/v1/test-clock", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_clock(wiring: Wired, organization_id: OrganizationId) -> ClockAnswer:
    """What time it is for the organization."""
    organization = read_organization(wiring, organization_id)
    return ClockAnswer(
        mode=organization.mode,
        at=organization.clock_at,
        now=wiring.now_of(organization_id),
    )


@post("/v1/test-clock", guards=[requires(Scope.WRITE)], status_code=200, sync_to_thread=True)
def post_clock(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[ClockOrder]
) -> AdvanceAnswer:
    """Let time pass in a test organization: whatever is due up to then happens, in order.

    The first time it may be set to any time, later only forward. From then on nothing happens by
    itself. A live organization has no clock.
    """
    at = to_utc(data.at, field="at")
    passed = advance_clock(wiring, organization_id, at, finalizes=data.finalize)
    return AdvanceAnswer(
        mode=passed.organization.mode,
        at=passed.organization.clock_at,
        now=wiring.now_of(organization_id),
        stops=passed.stops,
        run=shown_run(passed.run),
    )


@post(
    "/v1/customers/{key:str}/test-clock",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_customer_clock(
    wiring: Wired,
    organization_id: OrganizationId,
    key: CustomerKey,
    data: JSONBody[ClockOrder],
) -> CustomerAdvanceAnswer:
    """Let time pass for one customer of a test organization, and for nobody else.

    From the first time on it lives on that clock: what is due for it happens only when its own is
    advanced, and its changes, invoices and status are dated by it.
    """
    at = to_utc(data.at, field="at")
    passed = advance_clock(wiring, organization_id, at, finalizes=data.finalize, customer=key)
    assert passed.customer is not None, "it was named"
    assert passed.customer.clock_at is not None, "it was just set"
    return CustomerAdvanceAnswer(
        customer=passed.customer.key,
        at=passed.customer.clock_at,
        stops=passed.stops,
        run=shown_run(passed.run),
    )


router = Router(
    path="/",
    route_handlers=[read_clock, post_clock, post_customer_clock],
    tags=["Test clock"],
)
