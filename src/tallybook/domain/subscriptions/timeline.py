"""The timeline: what a subscription is to, second by second, folded from its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Cycle, period_containing, periods_between
from tallybook.domain.subscriptions.changes import (
    AddQuantity,
    AnyWhat,
    Bind,
    Change,
    EndContract,
    EndTrial,
    Meeting,
    Pause,
    Proration,
    Reactivate,
    Resume,
    SetCycle,
    SetQuantity,
    ToPlan,
    standing,
)
from tallybook.domain.subscriptions.contract import Contract

_NONE, _ONCE = Decimal(0), Decimal(1)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The end of what has no end."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription is to at an instant.

    `quantities` are those of fees, by price key. A fee that is not named there is owed once.
    """

    plan_version_id: str
    cycle: Cycle
    quantities: dict[str, Decimal] = {}
    is_trial: bool = False
    is_paused: bool = False
    contract: Contract | None = None

    def quantity_of(self, price_key: str) -> Decimal:
        """How often a fee is owed."""
        return self.quantities.get(price_key, _ONCE)

    @property
    def is_charged(self) -> bool:
        """Whether fees are owed."""
        return not (self.is_trial or self.is_paused)


class Segment(msgspec.Struct, frozen=True):
    """A stretch of time under the same terms."""

    span: Span
    terms: Terms


Timeline = tuple[Segment, ...]
"""Segments in order. Between two there is a gap only where it had ended and was reactivated."""


def timeline(starts_at: datetime, terms: Terms, changes: Iterable[Change]) -> Timeline:
    """What holds when: the terms agreed at the start, and every change from its own time on.

    A change before the start holds from the start. After the end only a reactivation changes
    anything.
    """
    return _fold(
        starts_at,
        terms,
        [(max(starts_at, change.effective_at), change.what) for change in standing(changes)],
    )


def cycle_of(terms: Terms) -> Cycle:
    """The periods that a fee is owed by which has no clock of its own."""
    return terms.cycle


def billed_timeline(
    starts_at: datetime,
    terms: Terms,
    changes: Iterable[Change],
    clock: Callable[[Terms], Cycle] = cycle_of,
) -> Timeline:
    """What a fee is owed for: as `timeline`, with each change counted from where it is prorated.

    `clock` says by which periods the fee is owed. A change that is counted later than it holds has
    no say any more once another has the last word on the same. What holds nowhere, since it came
    after the end, counts nowhere.
    """
    real = _fold(starts_at, terms, [])
    counted: list[tuple[datetime, AnyWhat]] = []
    happened: list[tuple[datetime, AnyWhat]] = []
    for change in standing(changes):
        at = max(starts_at, change.effective_at)
        if terms_at(real, at) is None and not isinstance(change.what, Reactivate):
            continue
        counts_from = _counts_from(real, at, change.proration, clock)
        counted = [
            (min(since, counts_from) if _is_outdone(what, change.what) else since, what)
            for since, what in counted
        ]
        counted.append((counts_from, change.what))
        happened.append((at, change.what))
        real = _fold(starts_at, terms, happened)
    counted.sort(key=lambda each: each[0])
    return _fold(starts_at, terms, counted)


def terms_at(line: Timeline, at: datetime) -> Terms | None:
    """The terms that hold at an instant; None before the start and after the end."""
    return next((segment.terms for segment in line if at in segment.span), None)


def cut(line: Timeline, span: Span) -> Timeline:
    """The part of a timeline that lies in `span`."""
    pieces = []
    for segment in line:
        starts, ends = max(segment.span.starts, span.starts), min(segment.span.ends, span.ends)
        if starts < ends:
            pieces.append(Segment(Span(starts, ends), segment.terms))
    return tuple(pieces)


def billing_periods(line: Timeline, until: datetime) -> Iterator[Span]:
    """The periods from the start up to `until` or the end: one chain without gap or overlap.

    A trial is a period of its own. Where a change brings another cycle, the period is cut.
    """
    for run in _runs(line):
        span = Span(run[0].span.starts, run[-1].span.ends)
        if run[0].terms.is_trial:
            if span.starts < until:
                yield Span(span.starts, min(span.ends, until))
        elif span.starts < until:
            yield from periods_between(run[0].terms.cycle, Span(span.starts, min(span.ends, until)))


def period_at(line: Timeline, at: datetime) -> Span | None:
    """The billing period that an instant lies in; None before the start and after the end."""
    for run in _runs(line):
        span = Span(run[0].span.starts, run[-1].span.ends)
        if at not in span:
            continue
        if run[0].terms.is_trial:
            return span
        return period_containing(run[0].terms.cycle, at, starts_at=span.starts, ends_at=span.ends)
    return None


def service_from(line: Timeline, at: datetime) -> datetime | None:
    """The first instant from `at` on at which it runs; None if it never does again."""
    return next((max(at, part.span.starts) for part in line if part.span.ends > at), None)


def end_of(line: Timeline) -> datetime | None:
    """When it is over for good; None where it has no end, or never began."""
    if not line or line[-1].span.ends == FOREVER:
        return None
    return line[-1].span.ends


def _runs(line: Timeline) -> Iterator[Sequence[Segment]]:
    """Neighbouring segments whose periods follow one cycle."""
    run: list[Segment] = []
    for segment in line:
        if run and not (
            _continues(run[-1], segment) and _rhythm(run[-1].terms) == _rhythm(segment.terms)
        ):
            yield run
            run = []
        run.append(segment)
    if run:
        yield run


def _continues(one: Segment, other: Segment) -> bool:
    return one.span.ends == other.span.starts


def _rhythm(terms: Terms) -> tuple[bool, Cycle]:
    return terms.is_trial, terms.cycle


def _fold(
    starts_at: datetime, terms: Terms, happened: Sequence[tuple[datetime, AnyWhat]]
) -> Timeline:
    segments: list[Segment] = []
    since: datetime | None = starts_at
    for at, what in happened:
        if since is None:
            if isinstance(what, Reactivate):
                since, terms = at, _begun_again(_following(terms, what.cycle))
            continue
        if at > since:
            segments.append(Segment(Span(since, at), terms))
            since = at
        if isinstance(what, EndContract):
            since = None
        else:
            terms = changed_terms(terms, what)
    if since is not None:
        segments.append(Segment(Span(since, FOREVER), terms))
    return _joined(segments)


def changed_terms(terms: Terms, what: AnyWhat) -> Terms:
    """The terms after a change; one that alters none leaves them as they are."""
    match what:
        case ToPlan(plan_version_id=plan_version_id, cycle=cycle, fees=fees):
            terms = _following(terms, cycle)
            if fees:
                terms = msgspec.structs.replace(
                    terms, quantities=quantities_met(terms.quantities, fees)
                )
            return msgspec.structs.replace(terms, plan_version_id=plan_version_id)
        case SetQuantity() | AddQuantity():
            return _with_quantity(terms, what)
        case Pause() | Resume():
            return msgspec.structs.replace(terms, is_paused=isinstance(what, Pause))
        case SetCycle(cycle=cycle):
            terms = _following(terms, cycle)
        case Bind(contract=contract):
            terms = msgspec.structs.replace(terms, contract=contract)
        case EndTrial(cycle=cycle) if terms.is_trial:
            if cycle is not None:
                cycle = msgspec.structs.replace(terms.cycle, anchor=cycle.anchor)
            return _following(msgspec.structs.replace(terms, is_trial=False), cycle)
    return terms


def _begun_again(terms: Terms) -> Terms:
    """What it was when it ended, to be paid for; bound no longer."""
    return msgspec.structs.replace(terms, is_trial=False, is_paused=False, contract=None)


def _following(terms: Terms, cycle: Cycle | None) -> Terms:
    """The terms with periods that follow `cycle`, if there is one."""
    return terms if cycle is None else msgspec.structs.replace(terms, cycle=cycle)


def _with_quantity(terms: Terms, what: SetQuantity | AddQuantity) -> Terms:
    quantity = what.quantity
    if isinstance(what, AddQuantity):
        with exactly():
            quantity += terms.quantity_of(what.price_key)
    quantities = dict(sorted((terms.quantities | {what.price_key: quantity}).items()))
    return msgspec.structs.replace(terms, quantities=quantities)


def quantities_met(
    quantities: Mapping[str, Decimal], fees: Mapping[str, Meeting]
) -> dict[str, Decimal]:
    """Quantities once a plan was gone to that meets fees in this way."""
    met = dict(quantities)
    for key, meeting in fees.items():
        if meeting is Meeting.NONE:
            met[key] = _NONE
        elif meeting is Meeting.OWED:
            met[key] = met.get(key) or _ONCE
        else:
            met.setdefault(key, _NONE if meeting is Meeting.UNTAKEN else _ONCE)
    return dict(sorted(met.items()))


def _joined(segments: Iterable[Segment]) -> Timeline:
    """Neighbours under equal terms as one."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and _continues(joined[-1], segment) and joined[-1].terms == segment.terms:
            span = Span(joined.pop().span.starts, segment.span.ends)
            joined.append(Segment(span, segment.terms))
        else:
            joined.append(segment)
    return tuple(joined)


def _is_outdone(earlier: AnyWhat, later: AnyWhat) -> bool:
    """Whether `later` has the last word on what `earlier` changed. Additions add up instead."""
    match earlier, later:
        case AddQuantity(), AddQuantity():
            return False
        case (
            SetQuantity(price_key=key) | AddQuantity(price_key=key),
            SetQuantity(price_key=other) | AddQuantity(price_key=other),
        ):
            return key == other
    kinds = ((ToPlan,), (Pause, Resume), (EndTrial,), (Bind,), (EndContract, Reactivate))
    return any(isinstance(earlier, kind) and isinstance(later, kind) for kind in kinds)


def _counts_from(
    real: Timeline, at: datetime, proration: Proration, clock: Callable[[Terms], Cycle]
) -> datetime:
    """From when a change counts, by the period that it falls in under the terms before it.

    Of the fee's own period and the subscription's that is the one that begins first, or ends last:
    whichever of them was billed in one.
    """
    if proration is Proration.PRORATED:
        return at
    held = next((run for run in _runs(real) if run[0].span.starts <= at < run[-1].span.ends), None)
    if held is None:
        return at
    starts, ends = held[0].span.starts, held[-1].span.ends
    if held[0].terms.is_trial:
        return starts if proration is Proration.FULL else ends
    terms = next(segment.terms for segment in held if at in segment.span)
    periods = [
        period_containing(cycle, at, starts_at=starts, ends_at=ends)
        for cycle in (terms.cycle, clock(terms))
    ]
    if proration is Proration.FULL:
        return min(period.starts for period in periods)
    return max(at if at == period.starts else period.ends for period in periods)
