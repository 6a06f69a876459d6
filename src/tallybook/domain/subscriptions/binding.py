"""Binding: the contract that a subscription is under, its terms and what follows them.

Rules: docs/semantics/contracts.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment, Cycle, boundary
from tallybook.domain.subscriptions.changes import (
    Bind,
    Change,
    EndContract,
    ToPlan,
    Undo,
    standing,
)
from tallybook.domain.subscriptions.contract import (
    Contract,
    InTerm,
    Renewal,
    decide_term,
    earliest_end,
    notice_due_at,
    terms_renewed,
)
from tallybook.domain.subscriptions.course import Course, terms_around
from tallybook.domain.subscriptions.orders import ContractOrder
from tallybook.domain.subscriptions.recording import Dated
from tallybook.domain.subscriptions.timeline import Terms

_MOST_INTERVALS = 100
_MOST_NOTICE_DAYS = 3_650


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a contract stands: the term that runs, None where it goes on open-ended; by when notice
    must be given to leave with it; when the contract ends if notice is given now."""

    contract: Contract
    term: Span | None
    notice_due_at: datetime | None
    ends_with_notice_now: datetime
    terms_renewed: int


def contract_of(order: ContractOrder, terms: Terms, at: datetime) -> Contract:
    """The contract that is asked for, its terms counted from `at`."""
    _check(order)
    cycle = msgspec.structs.replace(
        terms.cycle,
        interval=order.interval,
        count=order.interval_count,
        alignment=Alignment.ANNIVERSARY,
        anchor=at,
    )
    return Contract(cycle=cycle, renewal=order.renewal, notice_days=order.notice_days)


def bound(
    course: Course, contract: Contract, at: datetime, into: ToPlan | None = None
) -> Iterator[Dated]:
    """What follows from a contract that holds from `at` on; that of one before is called off.

    `into` is what happens to the plan when its first term ends.
    """
    yield from _called_off(course, at)
    yield at, Bind(contract, None if into is None else into.plan_version_id)
    if into is not None:
        yield first_term_ends(contract), into
    if contract.renewal is Renewal.NOTHING:
        yield first_term_ends(contract), EndContract()


def first_term_ends(contract: Contract) -> datetime:
    """When the first term of a contract is over."""
    return boundary(contract.cycle, 1)


def contract_on(course: Course, at: datetime) -> Contract | None:
    """The contract in force at an instant, or with which it is to begin; None if there is none.

    One that was to end with its term, and was kept, goes on open-ended.
    """
    contract = terms_around(course, at).contract
    if contract is None or contract.renewal is not Renewal.NOTHING:
        return contract
    after_term = course.terms_at(first_term_ends(contract))
    if after_term is None or after_term.contract != contract:
        return contract
    return msgspec.structs.replace(contract, renewal=Renewal.OPEN_ENDED)


def standing_of(course: Course, now: datetime) -> Standing | None:
    """Where the contract of a subscription stands at `now`; None if it is under none."""
    contract = contract_on(course, now)
    if contract is None:
        return None
    at = max(now, boundary(contract.cycle, 0))
    decision = decide_term(contract, now=at)
    term = decision.term if isinstance(decision, InTerm) else None
    return Standing(
        contract=contract,
        term=term,
        notice_due_at=None if term is None else notice_due_at(contract, term),
        ends_with_notice_now=earliest_end(contract, notice_at=at),
        terms_renewed=terms_renewed(contract, at=at),
    )


def term_end(course: Course, now: datetime, *, field: str = "at") -> datetime:
    """When the term that now runs is over; refused where none does."""
    contract = standing_of(course, now)
    if contract is None or contract.term is None:
        raise Conflicting(
            "no_term",
            f"Subscription {course.subscription.key!r} is in no term of a contract.",
            field=field,
            mend="Send now, period_end or a time.",
        )
    return contract.term.ends


def check_free_to_end(course: Course, ends_at: datetime, *, now: datetime) -> None:
    """Refuse an end that comes before a contract lets the customer go."""
    contract = standing_of(course, now)
    if contract is None or ends_at >= contract.ends_with_notice_now:
        return
    until = contract.ends_with_notice_now.isoformat()
    raise Conflicting(
        "bound_by_contract",
        f"Subscription {course.subscription.key!r} is bound until {until}, if notice is given now.",
        field="at",
        mend="Send at: term_end; or waives_contract, if both sides agree to part before.",
    )


def moved(course: Course, bind: Bind, at: datetime) -> Iterator[Dated]:
    """A contract that was to begin at another time begins at `at`, and its term with it."""
    into = None
    for change in decided_by(course, bind):
        yield at, Undo(change.number)
        if isinstance(change.what, ToPlan):
            into = change.what
    contract = msgspec.structs.replace(bind.contract, cycle=_from(bind.contract.cycle, at))
    if into is not None and into.cycle is not None:
        ends = first_term_ends(contract)
        into = msgspec.structs.replace(into, cycle=_from(into.cycle, ends))
    yield from bound(course, contract, at, into)


def decided_by(course: Course, bind: Bind) -> list[Change]:
    """The changes, not undone, that a contract decided for the end of its first term."""
    ends = first_term_ends(bind.contract)
    is_last = bind.contract.renewal is Renewal.NOTHING
    return [
        change
        for change in standing(course.changes)
        if change.effective_at == ends
        and (
            (is_last and isinstance(change.what, EndContract))
            or (isinstance(change.what, ToPlan) and change.what.plan_version_id == bind.renews_into)
        )
    ]


def _called_off(course: Course, at: datetime) -> Iterator[Dated]:
    """The undoing of what a contract in force at `at` has decided for a time that is ahead."""
    terms = course.terms_at(at)
    for change in standing(course.changes):
        if not isinstance(change.what, Bind) or terms is None:
            continue
        if change.what.contract == terms.contract and first_term_ends(terms.contract) > at:
            for decided in decided_by(course, change.what):
                yield at, Undo(decided.number)


def _from(cycle: Cycle, at: datetime) -> Cycle:
    return msgspec.structs.replace(cycle, anchor=at)


def _check(order: ContractOrder) -> None:
    if not 1 <= order.interval_count <= _MOST_INTERVALS:
        raise Invalid(
            "interval_count_out_of_range",
            f"A term of {order.interval_count} intervals cannot be agreed.",
            field="interval_count",
            mend=f"Send 1 to {_MOST_INTERVALS}.",
        )
    if not 0 <= order.notice_days <= _MOST_NOTICE_DAYS:
        raise Invalid(
            "notice_days_out_of_range",
            f"Notice of {order.notice_days} days cannot be agreed.",
            field="notice_days",
            mend=f"Send 0 to {_MOST_NOTICE_DAYS}.",
        )
    if order.renews_into is not None and order.renewal is Renewal.NOTHING:
        raise Invalid(
            "renews_into_nothing",
            "A contract that ends with its term goes to no other plan.",
            field="renews_into",
            mend="Leave it out, or send renewal another_term or open_ended.",
        )
