"""Close the billing periods that are due: count, rate, draw up the invoices, go on to the next."""

from __future__ import annotations

import decimal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec
import structlog

from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.billing_run import (
    BillingRun,
    Stuck,
    amount_too_long,
    stuck_at,
    totals_of,
    unforeseen,
)
from tallybook.domain.invoicing.invoice import Invoice
from tallybook.domain.kernel.errors import Conflicting, Invalid, Refusal
from tallybook.domain.subscriptions.course import course_of
from tallybook.domain.subscriptions.cycle import End, Open
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.domain.subscriptions.trials import trial_end
from tallybook.services.draw_up_invoices import (
    Boundary,
    Contracts,
    draw_up,
    find_boundary,
    load_contracts,
)
from tallybook.services.hold_back import WAITS_FOR_OTHERS, Holding, whole_customers
from tallybook.services.load_footings import Footings, load_footings
from tallybook.services.measure_charges import UsageSheet, measure_charges
from tallybook.services.ports import Records, Wiring
from tallybook.services.take_turns import Turns, take_turns
from tallybook.services.watch_trials import watch_trials

CHUNK = 2_000
"""Subscriptions closed in one transaction: what a run holds in memory, and what a crash undoes."""

_log = structlog.get_logger("tallybook.closing")

Progress = Callable[[BillingRun], None]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is the same for all that one run closes."""

    organization_id: str
    until: datetime
    as_of: int
    created_at: datetime
    finalizes: bool


def close_due_periods(
    wiring: Wiring,
    organization_id: str,
    *,
    until: datetime | None = None,
    finalizes: bool = False,
    chunk_size: int = CHUNK,
    progress: Progress | None = None,
    customer: Customer | None = None,
) -> BillingRun:
    """Open what has begun and close what has ended by `until` (now, if not given).

    That is of one customer, or of all that live on no clock of their own.

    Usage is counted up to one position for the whole run, by one query a meter and chunk. Each
    chunk is a transaction: a run that dies is completed by the next one, and of two runs side by
    side each leaves alone what the other is closing. A run of many chunks closes two at a time, so
    that the engines work for one while the other is rated. A subscription several periods behind is
    brought up period by period. `finalizes` numbers and freezes the invoices at once; otherwise
    they stay drafts.
    """
    now = (customer and customer.clock_at) or wiring.now_of(organization_id)
    customer_id = None if customer is None else customer.id
    terms = _Terms(
        organization_id=organization_id,
        until=_not_ahead(until, now),
        as_of=wiring.event_log.position(),
        created_at=now,
        finalizes=finalizes,
    )
    watch_trials(wiring, organization_id, until=terms.until, customer_id=customer_id)
    total = _Total(BillingRun(until=terms.until, as_of=terms.as_of), progress)
    close_next = partial(_close_next, wiring, terms, total, chunk_size, customer_id)
    first = close_next(after=_FIRST)
    if first is None or not first.is_full:
        return total.run
    with ThreadPoolExecutor(1, thread_name_prefix="closing") as beside:
        other = beside.submit(_close_rest, close_next, after=first.through)
        _close_rest(close_next, after=first.through)
        other.result()
    if total.forget_stuck():  # one may have waited for what the other had in hand
        _close_rest(close_next, after=_FIRST)
    return total.run


_Place = tuple[str, str]
"""A customer key and a subscription's id: where a run is, in the order in which it closes."""

_FIRST = ("", "")


@dataclass(frozen=True, slots=True)
class _Closed:
    """How far a chunk went, and whether as many were due as it takes: there may be more."""

    through: _Place
    is_full: bool


class _Total:
    """What a run has done so far, counted by two at once."""

    def __init__(self, run: BillingRun, progress: Progress | None) -> None:
        self.run = run
        self._progress = progress
        self._lock = threading.Lock()

    def add(self, done: BillingRun) -> None:
        """Count a chunk."""
        with self._lock:
            self.run = self.run.joined(done)
            if self._progress is not None:
                self._progress(self.run)

    def forget_stuck(self) -> bool:
        """If some were left because others had to come first, forget all that are stuck.

        Whoever goes over what is still due meets them again.
        """
        if all(each.code != WAITS_FOR_OTHERS for each in self.run.stuck):
            return False
        self.run = msgspec.structs.replace(self.run, stuck=())
        return True


def _close_next(
    wiring: Wiring,
    terms: _Terms,
    total: _Total,
    chunk_size: int,
    customer_id: str | None,
    *,
    after: _Place,
) -> _Closed | None:
    """Close the next chunk of what is due beyond `after`; None if nothing is."""
    with wiring.books.begin(terms.organization_id) as records:
        due = records.subscriptions.due(
            until=terms.until, after=after, limit=chunk_size, customer_id=customer_id
        )
        if not due:
            return None
        contracts = load_contracts(records, due)
        chunk = whole_customers(due, contracts, chunk_size)
        done = _close_chunk(wiring, records, terms, contracts, chunk)
    total.add(done)
    through = contracts.customers[chunk[-1].customer_id].key, chunk[-1].id
    return _Closed(through, is_full=len(due) == chunk_size)


def _close_rest(close_next: partial[_Closed | None], *, after: _Place) -> None:
    """Close chunk by chunk all that is due beyond `after`."""
    while (closed := close_next(after=after)) is not None:
        after = closed.through


def close_subscription(
    wiring: Wiring, records: Records, subscription: Subscription, *, now: datetime
) -> None:
    """Close what is due by `now` of one subscription, which the transaction holds locked."""
    terms = _Terms(
        organization_id=records.organization_id,
        until=now,
        as_of=wiring.event_log.position(),
        created_at=now,
        finalizes=False,
    )
    contracts = load_contracts(records, [subscription])
    run = _close_chunk(wiring, records, terms, contracts, [subscription])
    for stuck in run.stuck:
        raise Conflicting(stuck.code, stuck.message, mend=stuck.mend)


def _not_ahead(until: datetime | None, now: datetime) -> datetime:
    if until is not None and until > now:
        raise Invalid(
            "period_not_over",
            f"{until.isoformat()} has not come yet, so usage up to it is not known.",
            field="until",
            mend="Send a time that has passed, or leave it out for now.",
        )
    return until or now


def _close_chunk(
    wiring: Wiring,
    records: Records,
    terms: _Terms,
    contracts: Contracts,
    chunk: Sequence[Subscription],
) -> BillingRun:
    """Close a boundary of each subscription that has one, and again until none has."""
    done = BillingRun(until=terms.until, as_of=terms.as_of)
    moved: dict[str, Subscription] = {}
    pending = list(chunk)
    # In this order: what others bill of the same customers is done or waits for this; then what is
    # not seen as due any more is closed, and its lines are read afterwards.
    turns = take_turns(records, contracts.customers)
    holding = Holding(records, contracts, chunk, until=terms.until)
    footings = load_footings(records, contracts, chunk, at=terms.created_at, locked=True)
    while pending:
        ready, waiting = holding.ready(pending)
        ready = _without_watched(ready, terms, contracts, holding)
        boundaries, stuck = _find_boundaries(ready, terms, contracts)
        wanted = [one for boundary in boundaries for one in boundary.wanted]
        sheet = measure_charges(wiring, terms.organization_id, wanted, as_of=terms.as_of)
        drawn_up, invoices, unrated = _draw_up_all(boundaries, sheet, terms, footings, turns)
        stuck += unrated
        holding.wait_for(ready, stuck)
        done = done.joined(_record(records, terms, drawn_up, invoices, stuck))
        going_on = [boundary.following for boundary in drawn_up]
        moved |= {subscription.id: subscription for subscription in going_on}
        pending = going_on + waiting
    records.subscriptions.replace_many(list(moved.values()))
    return done.joined(BillingRun(until=terms.until, as_of=terms.as_of, stuck=tuple(holding.stuck)))


def _without_watched(
    ready: Sequence[Subscription], terms: _Terms, contracts: Contracts, holding: Holding
) -> list[Subscription]:
    """Those that can be closed: none whose trial is over by time and was not looked at.

    Others had it in hand when trials were watched. Its end may be dated back, to before a period
    that would be closed now; so it is left to the next run, and what waits for it too.
    """
    left: list[Subscription] = []
    for each in ready:
        if each.trial_watch is not None:
            ends_at = trial_end(course_of(each, contracts.changes.get(each.id, ())))
            if (ends_at or each.starts_at) <= terms.until:
                left.append(each)
    holding.wait_for_all(left)
    return [each for each in ready if each not in left] if left else list(ready)


def _find_boundaries(
    pending: Sequence[Subscription], terms: _Terms, contracts: Contracts
) -> tuple[list[Boundary], list[Stuck]]:
    boundaries: list[Boundary] = []
    stuck: list[Stuck] = []
    for subscription in pending:
        try:
            boundary = find_boundary(subscription, contracts, until=terms.until)
        except Exception as error:
            stuck.append(stuck_at(subscription.key, _reason(error, subscription)))
            continue
        if boundary is not None:
            boundaries.append(boundary)
    return boundaries, stuck


def _draw_up_all(
    boundaries: Sequence[Boundary],
    sheet: UsageSheet,
    terms: _Terms,
    footings: Footings,
    turns: Turns,
) -> tuple[list[Boundary], list[Invoice], list[Stuck]]:
    """The boundaries that could be rated, their drafts, and the subscriptions that could not."""
    drawn_up: list[Boundary] = []
    invoices: list[Invoice] = []
    stuck: list[Stuck] = []
    for boundary in boundaries:
        try:
            invoice = draw_up(
                boundary,
                sheet,
                organization_id=terms.organization_id,
                as_of=terms.as_of,
                created_at=terms.created_at,
                footing=footings.of(boundary),
            )
        except Exception as error:
            reason = _reason(error, boundary.subscription)
            stuck.append(stuck_at(boundary.subscription.key, reason))
            continue
        drawn_up.append(boundary)
        if invoice is not None:
            invoice = turns.numbered(invoice, boundary.subscription.customer_id)
            invoices.append(invoice)
            footings.note(invoice)
    return drawn_up, invoices, stuck


def _reason(error: Exception, subscription: Subscription) -> Refusal:
    """Why a bill cannot be drawn up. A fault of the program in one holds up no other."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, decimal.Inexact):
        return amount_too_long()
    _log.error("drawing_up_failed", subscription=subscription.key, exc_info=error)
    return unforeseen(error)


def _record(
    records: Records,
    terms: _Terms,
    boundaries: Sequence[Boundary],
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
