"""Subscriptions: started, listed, ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.plainly import plainly
from tallybook.api.security import requires
from tallybook.domain.catalog.overrides import Overrides, said_otherwise
from tallybook.domain.catalog.plan import Interval
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.binding import Standing
from tallybook.domain.subscriptions.calendar import Alignment, BoundaryTime, boundary
from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.contract import Renewal
from tallybook.domain.subscriptions.life import Start
from tallybook.domain.subscriptions.orders import ChangeAt
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.subscription import Status
from tallybook.domain.subscriptions.trial_watch import UsageLimit
from tallybook.services.cancel_subscription import cancel_subscription, undo_cancel_subscription
from tallybook.services.find_subscriptions import (
    FullSubscription,
    find_subscription,
    list_subscriptions,
)
from tallybook.services.start_subscription import start_subscription

SubscriptionKey = Annotated[str, PathParameter(description="The subscription's key, or its id.")]


class ContractAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The contract that both are bound by, its terms counted from `since`.

    `term` is the one that runs, null once it goes on open-ended; `notice_due_at` by when notice
    must be given to leave with it. Given now, the contract ends at `ends_with_notice_now`.
    """

    since: datetime
    interval: Interval
    interval_count: int
    renewal: Renewal
    notice_days: int
    term: Span | None
    notice_due_at: datetime | None
    ends_with_notice_now: datetime
    terms_renewed: int


class SubscriptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is now. `customer` and `plan` are keys; `period` is not yet billed.

    `ends_at` is the end that was decided, reached or ahead; null if none was. `quantities` are
    those of fees, by price key; a fee that is not named is owed once. `changes` were recorded.
    `overrides` are what its contract says otherwise than the plan; null where it says nothing.
    On a trial, `trial_ends_at` is when it ends, unless `trial_usage` is reached before.
    """

    id: str
    key: str
    customer: str
    plan: str
    version: int
    status: Status
    starts_at: datetime
    ends_at: datetime | None
    cancels_at_period_end: bool
    period: Span
    interval: Interval
    interval_count: int
    alignment: Alignment
    boundary_time: BoundaryTime
    anchor: datetime
    timezone: str
    quantities: dict[str, str]
    counting: Counting
    contract: ContractAnswer | None
    trial_ends_at: datetime | None
    trial_usage: UsageLimit | None
    changes: int
    overrides: Overrides | None
    created_at: datetime


class Cancellation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a subscription shall end, and what is given back of a period that it cuts short.

    Without `at`: by notice, when it is under a contract; else with its period. Before a contract
    lets it end it is refused, unless both sides agree to part (`waives_contract`).
    With `bills_at_once` the final invoice is drawn up at once, as a draft.
    `refund`: `prorated` its unused share, `full` all of the period, `none` nothing.
    """

    at: ChangeAt | None = None
    refund: Proration = Proration.PRORATED
    waives_contract: bool = False
    bills_at_once: bool = False


@post("/v1/subscriptions", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_subscription(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[Start]
) -> SubscriptionAnswer:
    """Subscribe a customer to a plan version: now, from a past or from a future time.

    Repeating it answers the same subscription; a difference is a conflict. Without a version the
    latest is meant, and stays the subscription's own when newer ones are published.
    """
    return shown_subscription(start_subscription(wiring, organization_id, data))


@get("/v1/subscriptions", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_subscriptions(
    wiring: Wired,
    organization_id: OrganizationId,
    customer: Annotated[
        str | None, QueryParameter(description="Only those of the customer with this key.")
    ] = None,
    limit: Limit = 100,
    after: After = "",
) -> Page[SubscriptionAnswer]:
    """Subscriptions in key order."""
    found = list_subscriptions(
        wiring, organization_id, customer=customer, after=after, limit=limit + 1
    )
    return page_of([shown_subscription(full) for full in found], limit, lambda each: each.key)


@get("/v1/subscriptions/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_subscription(
    wiring: Wired, organization_id: OrganizationId, key: SubscriptionKey
) -> SubscriptionAnswer:
    """One subscription."""
    return shown_subscription(find_subscription(wiring, organization_id, key))


@post(
    "/v1/subscriptions/{key:str}/cancellation",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_cancellation(
    wiring: Wired,
    organization_id: OrganizationId,
    key: SubscriptionKey,
    data: JSONBody[Cancellation],
) -> SubscriptionAnswer:
    """End a subscription now or with its period. What was used until then is billed."""
    cancelled = cancel_subscription(
        wiring,
        organization_id,
        key,
        at=data.at,
        refund=data.refund,
        waives_contract=data.waives_contract,
        bills_at_once=data.bills_at_once,
    )
    return shown_subscription(cancelled.full)


@delete(
    "/v1/subscriptions/{key:str}/cancellation",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_cancellation(
    wiring: Wired, organization_id: OrganizationId, key: SubscriptionKey
) -> SubscriptionAnswer:
    """Take the decided end back, as long as it has not come."""
    return shown_subscription(undo_cancel_subscription(wiring, organization_id, key))


def shown_subscription(full: FullSubscription) -> SubscriptionAnswer:
    """A subscription as it is answered."""
    subscription, cycle = full.subscription, full.terms.cycle
    watch = subscription.trial_watch
    return SubscriptionAnswer(
        id=subscription.id,
        key=subscription.key,
        customer=full.customer.key,
        plan=full.version.plan_key,
        version=full.version.version,
        status=full.status,
        starts_at=subscription.starts_at,
        ends_at=subscription.ends_at,
        cancels_at_period_end=subscription.cancels_at_period_end,
        period=subscription.period,
        interval=cycle.interval,
        interval_count=cycle.count,
        alignment=cycle.alignment,
        boundary_time=cycle.boundary_time,
        anchor=cycle.anchor,
        timezone=cycle.timezone,
        quantities={key: plain(count) for key, count in full.terms.quantities.items()},
        counting=subscription.counting,
        contract=None if full.contract is None else _shown_contract(full.contract),
        trial_ends_at=full.trial_ends_at,
        trial_usage=None if full.trial_ends_at is None or watch is None else watch.limit,
        changes=subscription.change_count,
        overrides=plainly(said_otherwise(full.version)),
        created_at=subscription.created_at,
    )


def _shown_contract(standing: Standing) -> ContractAnswer:
    contract = standing.contract
    return ContractAnswer(
        since=boundary(contract.cycle, 0),
        interval=contract.cycle.interval,
        interval_count=contract.cycle.count,
        renewal=contract.renewal,
        notice_days=contract.notice_days,
        term=standing.term,
        notice_due_at=standing.notice_due_at,
        ends_with_notice_now=standing.ends_with_notice_now,
        terms_renewed=standing.terms_renewed,
    )


router = Router(
    path="/",
    route_handlers=[
        post_subscription,
        read_subscriptions,
        read_subscription,
        post_cancellation,
        delete_cancellation,
    ],
    tags=["Subscriptions"],
)
