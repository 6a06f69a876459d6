"""What becomes of fees that are of a plan here and an add-on there: docs/semantics/plans.md."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from contracts import AT, fee, plan, subscription
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.add_ons import new_add_ons, quantity_owed
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.changing import decide_change
from tallybook.domain.subscriptions.course import course_of
from tallybook.domain.subscriptions.orders import ChangeOrder, ContractOrder
from tallybook.domain.subscriptions.timeline import Terms, changed_terms

BASE = fee("base", "10")
SUPPORT = fee("support", "50")
ADD_ON = msgspec.structs.replace(SUPPORT, is_optional=True)
WITHOUT, OF_PLAN, OPTIONAL = plan(BASE), plan(BASE, SUPPORT), plan(BASE, ADD_ON)
MONTHS = Cycle(interval=Interval.MONTH, alignment=Alignment.CALENDAR, anchor=AT, timezone="UTC")


@pytest.mark.parametrize(
    ("since", "said", "to", "owed", "why"),
    [
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
    ],
)
def test_a_fee_on_the_way_from_plan_to_plan(
    since: PlanVersion, said: int | None, to: PlanVersion, owed: int, why: str
) -> None:
    quantities = {} if said is None else {"support": Decimal(said)}
    terms = Terms(plan_version_id=since.id, cycle=MONTHS, quantities=quantities)
    after = terms
    for what in new_add_ons(terms, since, to):
        after = changed_terms(after, what)
    [support] = [price for price in to.prices if price.key == "support"]
    assert quantity_owed(after, support) == owed, why


def test_a_renewal_that_would_lose_a_fee_is_refused() -> None:
    """A renewal says nothing of quantities, so the support that was paid for would be gone."""
    course = course_of(subscription(), ())
    order = ChangeOrder(what=ContractOrder(renews_into="pro-2"))
    to = msgspec.structs.replace(OPTIONAL, id="plan_2", plan_key="pro-2")
    with pytest.raises(Conflicting) as refused:
        decide_change(course, order, at=AT, now=AT, plans={OF_PLAN.id: OF_PLAN}, to=to)
    assert (refused.value.code, refused.value.field) == ("add_on_differs", "what/renews_into")
