"""Billing runs: close what is due."""

from __future__ import annotations

from datetime import datetime

import msgspec
from litestar import Router, post
from litestar.params import JSONBody

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.invoicing.billing_run import BillingRun, Stuck
from tallybook.domain.kernel.instants import to_utc
from tallybook.domain.kernel.money import Money, to_major_units
from tallybook.services.close_period import close_due_periods
from tallybook.services.finalize_invoice import finalize_drafts


class BillingOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to close: all that is due by `until`, now if left out.

    With `finalize` the new invoices are numbered and frozen at once; without it they stay drafts.
    """

    until: datetime | None = None
    finalize: bool = False


class BillingRunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the run did. `totals` sums the new invoices, by currency in major units.

    `existed` counts invoices that were there before; `stuck` names the subscriptions that could
    not be closed, and why: they stay due, the others were closed.
    """

    until: datetime
    as_of: int
    opened: int
    closed: int
    ended: int
    invoices: int
    existed: int
    finalized: int
    totals: dict[str, str]
    stuck: list[Stuck]


class FinalizationOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which drafts to finalize: those whose period ended by `until`, now if left out.

    With `recalculate` they first take in what came late.
    """

    until: datetime | None = None
    recalculate: bool = False


class FinalizationAnswer(msgspec.Struct, frozen=True):
    """How many drafts were finalized."""

    finalized: int


@post("/v1/billing-runs", guards=[requires(Scope.WRITE)], status_code=200, sync_to_thread=True)
def post_billing_run(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[BillingOrder]
) -> BillingRunAnswer:
    """Close every period that is due and draw up its invoice.

    Run it as often as you like, also side by side: each period is billed once.
    """
    run = close_due_periods(
        wiring, organization_id, until=_utc(data.until), finalizes=data.finalize
    )
    return shown_run(run)


@post("/v1/finalizations", guards=[requires(Scope.WRITE)], status_code=200, sync_to_thread=True)
def post_finalizations(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[FinalizationOrder]
) -> FinalizationAnswer:
    """Number and freeze every draft whose period is over, the oldest first, without a gap."""
    finalized = finalize_drafts(
        wiring, organization_id, until=_utc(data.until), recalculates=data.recalculate
    )
    return FinalizationAnswer(finalized)


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else to_utc(instant, field="until")


def shown_run(run: BillingRun) -> BillingRunAnswer:
    """A run as it is answered, its totals in major units."""
    totals = {
        currency: format(to_major_units(Money(minor, currency)), "f")
        for currency, minor in sorted(run.totals_minor.items())
    }
    return BillingRunAnswer(
        until=run.until,
        as_of=run.as_of,
        opened=run.opened,
        closed=run.closed,
        ended=run.ended,
        invoices=run.invoices,
        existed=run.existed,
        finalized=run.finalized,
        totals=totals,
        stuck=list(run.stuck),
    )


router = Router(
    path="/", route_handlers=[post_billing_run, post_finalizations], tags=["Billing runs"]
)
