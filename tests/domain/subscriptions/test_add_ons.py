"""What becomes of fees that are of a plan here and an add-on there: docs/semantics/plans.md."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from contracts import AT, fee, plan, subscription
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.subscriptions.add_ons import (
    fees_met,
    fees_met_for_free,
    quantity_owed,
)
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.changes import AnyWhat, ToPlan
from tallybook.domain.subscriptions.changing import decide_change, undo
from tallybook.domain.subscriptions.course import course_of
from tallybook.domain.subscriptions.orders import ChangeOrder, ContractOrder
from tallybook.domain.subscriptions.timeline import Terms, changed_terms

BASE = fee("base", "10")
SUPPORT = fee("support", "50")
ADD_ON = msgspec.structs.replace(SUPPORT, is_optional=True)
WITHOUT, OF_PLAN, OPTIONAL = plan(BASE), plan(BASE, SUPPORT), plan(BASE, ADD_ON)
MONTHS = Cycle(interval=Interval.MONTH, alignment=Alignment.CALENDAR, anchor=AT, timezone="UTC")


WAYS = [
    (OF_PLAN, None, OPTIONAL, 1, "it was charged for before, and nobody gave it up"),
    (OF_PLAN, 3, OPTIONAL, 3, "as many as before"),
    (OF_PLAN, 0, OPTIONAL, 0, "it was given up"),
    (OPTIONAL, 0, OF_PLAN, 1, "nobody took it, and everybody owes it now"),
    (OPTIONAL, None, OF_PLAN, 1, "the same, of a subscription that it was never said of"),
    (OPTIONAL, 3, OF_PLAN, 3, "taken before"),
    (OPTIONAL, 0, OPTIONAL, 0, "not taken, here or there"),
    (OPTIONAL, 3, OPTIONAL, 3, "taken, here and there"),
    (OF_PLAN, 0, OF_PLAN, 0, "a quantity that was said stays"),
    (OF_PLAN, None, OF_PLAN, 1, "a fee is owed once"),
    (WITHOUT, None, OPTIONAL, 0, "met for the first time"),
    (WITHOUT, None, OF_PLAN, 1, "a new fee"),
]


def owed_after(what: AnyWhat, said: int | None, since: PlanVersion, to: PlanVersion) -> Decimal:
    """How often support is owed once a plan was gone to, where so many were said before."""
    quantities = {} if said is None else {"support": Decimal(said)}
    terms = Terms(plan_version_id=since.id, cycle=MONTHS, quantities=quantities)
    [support] = [price for price in to.prices if price.key == "support"]
    return quantity_owed(changed_terms(terms, what), support)


@pytest.mark.parametrize(("since", "said", "to", "owed", "why"), WAYS)
def test_a_fee_on_the_way_from_plan_to_plan(
    since: PlanVersion, said: int | None, to: PlanVersion, owed: int, why: str
) -> None:
    """By what is said when the change comes: it may be decided long before, as a renewal is."""
    change = ToPlan(plan_version_id=to.id, fees=fees_met(since, to))
    assert owed_after(change, said, since, to) == owed, why


@pytest.mark.parametrize(
    ("since", "said", "free", "owed", "why"),
    [
        (OF_PLAN, None, OPTIONAL, 0, "it was tried, and nobody has agreed to pay for it"),
        (OF_PLAN, 3, OPTIONAL, 0, "the same of three"),
        (OPTIONAL, 3, OPTIONAL, 0, "an add-on that was tried is none that was bought"),
        (OPTIONAL, 0, OPTIONAL, 0, "not taken, here or there"),
        (WITHOUT, None, OPTIONAL, 0, "met for the first time"),
        (OPTIONAL, 0, OF_PLAN, 1, "everybody on that plan has it"),
        (OPTIONAL, 3, OF_PLAN, 3, "as many as were tried: it is of the free plan"),
        (OF_PLAN, 2, OF_PLAN, 2, "a quantity that was said stays"),
        (OF_PLAN, None, OF_PLAN, 1, "a fee is owed once"),
    ],
)
def test_where_a_trial_ends_in_a_free_plan(
    since: PlanVersion, said: int | None, free: PlanVersion, owed: int, why: str
) -> None:
    end = ToPlan(plan_version_id=free.id, fees=fees_met_for_free(since, free))
    assert owed_after(end, said, since, free) == owed, why


def test_what_a_renewal_decides_is_kept_with_it_as_one() -> None:
    """Undone, the quantities are as they were; they were never said by themselves."""
    course = course_of(subscription(), ())
    order = ChangeOrder(what=ContractOrder(renews_into="pro-2"))
    to = msgspec.structs.replace(OPTIONAL, id="plan_2", plan_key="pro-2")
    plans = {OF_PLAN.id: OF_PLAN, to.id: to}
    bound = decide_change(course, order, at=AT, now=AT, plans=plans, to=to)
    renewed = bound.line[-1].terms
    assert (renewed.plan_version_id, renewed.quantities) == ("plan_2", {"support": Decimal(1)})
    [number] = [each.number for each in bound.changes if isinstance(each.what, ToPlan)]
    undone = undo(bound, number, now=AT, plans=plans)
    assert undone.line[-1].terms.quantities == {}


def test_changes_recorded_before_are_read_as_they_were() -> None:
    """One that says nothing of fees says so: it is written as it always was."""
    said = ToPlan(plan_version_id="plan_1")
    assert msgspec.json.encode(said) == b'{"kind":"plan","plan_version_id":"plan_1"}'
    assert msgspec.json.decode(msgspec.json.encode(said), type=ToPlan) == said
