"""Watch trials: end those whose usage is reached, to the very event, and look for a payment method.

It goes before every closing of periods, so that what a trial turns into is billed as it should be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Meter
from tallybook.domain.subscriptions.course import Course, course_of
from tallybook.domain.subscriptions.recording import Dated, record_dated
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.domain.subscriptions.trial_watch import UsageLimit
from tallybook.domain.subscriptions.trials import trial_end, trial_moved, trial_unpayable
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_each_event import CustomerPeriod

_CHUNK = 2_000
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A trial that is watched, as far as it has come: `span` is the time looked at."""

    course: Course
    customer: Customer
    ends_at: datetime
    span: Span

    @property
    def limit(self) -> UsageLimit | None:
        """The usage by which it ends, if it does."""
        watch = self.course.subscription.trial_watch
        return None if watch is None else watch.limit


def watch_trials(
    wiring: Wiring, organization_id: str, *, until: datetime, customer_id: str | None = None
) -> None:
    """End the trials that were used up by `until`, and settle those that ran out without a payment
    method. Of one customer, if it is named; else of all that live on no clock of their own."""
    for records, chunk in _chunks(wiring, organization_id, customer_id):
        watched = _load(records, chunk, until)
        moments = dict(_used_up(wiring, records, watched))
        for each in watched:
            _settle(records, each, moments.get(each.course.subscription.id), until)


def settle_trial(
    wiring: Wiring, records: Records, subscription: Subscription, *, until: datetime
) -> Subscription:
    """The subscription with its trial watched as `watch_trials` does, if there is one to watch.

    The transaction holds it locked.
    """
    if subscription.trial_watch is None:
        return subscription
    watched = _load(records, [subscription], until)
    moments = dict(_used_up(wiring, records, watched))
    for each in watched:
        _settle(records, each, moments.get(subscription.id), until)
    return records.subscriptions.by_ids([subscription.id])[subscription.id]


def next_used_up(
    wiring: Wiring, organization_id: str, *, until: datetime, customer_id: str | None = None
) -> datetime | None:
    """When the first of the trials that are used up by `until` was; None if none is."""
    first: datetime | None = None
    for records, chunk in _chunks(wiring, organization_id, customer_id):
        for _, moment in _used_up(wiring, records, _load(records, chunk, until)):
            first = moment if first is None else min(first, moment)
    return first


def _chunks(
    wiring: Wiring, organization_id: str, customer_id: str | None
) -> Iterator[tuple[Records, list[Subscription]]]:
    """What is watched, each chunk in a transaction of its own that holds it locked."""
    after = ""
    while True:
        with wiring.books.begin(organization_id) as records:
            chunk = records.subscriptions.watched(
                after=after, limit=_CHUNK, customer_id=customer_id
            )
            if not chunk:
                return
            yield records, chunk
            after = chunk[-1].id


def _load(records: Records, chunk: Sequence[Subscription], until: datetime) -> list[_Watched]:
    changes = records.subscriptions.changes_of([each.id for each in chunk])
    customers = records.customers.by_ids({each.customer_id for each in chunk})
    watched = []
    for subscription in chunk:
        course = course_of(subscription, changes.get(subscription.id, ()))
        ends_at = trial_end(course) or subscription.starts_at
        if subscription.starts_at < until:
            span = Span(subscription.starts_at, max(subscription.starts_at, min(until, ends_at)))
            customer = customers[subscription.customer_id]
            watched.append(_Watched(course, customer, ends_at, span))
    return watched


def _used_up(
    wiring: Wiring, records: Records, watched: Sequence[_Watched]
) -> Iterator[tuple[str, datetime]]:
    """The trials whose limit is reached, by id, and the instant after the event that reached it."""
    by_meter: dict[str, list[tuple[_Watched, UsageLimit]]] = defaultdict(list)
    for each in watched:
        if each.limit is not None and each.span.length:
            by_meter[each.limit.meter].append((each, each.limit))
    meters = records.meters.by_keys(by_meter)
    as_of = wiring.event_log.position() if by_meter else 0
    for key, some in by_meter.items():
        spans = [CustomerPeriod(each.customer.key, each.span) for each, _ in some]
        usage = wiring.usage.measure_spans(records.organization_id, meters[key], spans, as_of=as_of)
        quantities = {(row.customer, row.span): row.quantity for row in usage}
        for each, limit in some:
            quantity = quantities.get((each.customer.key, each.span))
            if quantity is not None and quantity >= limit.quantity:
                moment = _reached_at(wiring, records, meters[key], each, limit=limit, as_of=as_of)
                yield each.course.subscription.id, moment


def _reached_at(
    wiring: Wiring,
    records: Records,
    meter: Meter,
    watched: _Watched,
    *,
    limit: UsageLimit,
    as_of: int,
) -> datetime:
    """The first instant by which the limit is reached, known to be by the end of the span."""
    starts = watched.span.starts
    before, reached = 0, watched.span.length // _TICK
    while reached - before > 1:
        middle = (before + reached) // 2
        span = CustomerPeriod(watched.customer.key, Span(starts, starts + middle * _TICK))
        rows = wiring.usage.measure_spans(records.organization_id, meter, [span], as_of=as_of)
        if rows and rows[0].quantity >= limit.quantity:
            reached = middle
        else:
            before = middle
    return starts + reached * _TICK


def _settle(
    records: Records, watched: _Watched, used_up_at: datetime | None, until: datetime
) -> None:
    """Record how a trial is over, if it is; it is watched no longer then."""
    course, ends_at = watched.course, watched.ends_at
    dated: list[Dated] = []
    if used_up_at is not None and used_up_at < ends_at:
        dated += trial_moved(course, used_up_at)
        ends_at = used_up_at
    if ends_at > until:
        return
    watch = course.subscription.trial_watch
    assert watch is not None, "it is watched"
    if not watched.customer.has_payment_method:
        dated += trial_unpayable(ends_at, watch.without_payment_method)
    changed = record_dated(course, dated, now=until) if dated else course
    over = msgspec.structs.replace(changed.subscription, trial_watch=None)
    records.subscriptions.add_changes(over.id, changed.changes[len(course.changes) :])
    records.subscriptions.replace_many([over])
