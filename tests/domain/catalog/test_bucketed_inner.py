"""A law of windows: rated one by one, they come to what their parts come to, whatever the tiers."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from tallybook.domain.catalog.models.bucketed import Bucketed
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.tiers import Tier
from tallybook.domain.catalog.usage_need import Circumstances, Portion

MAYBE = st.none() | st.sampled_from([Decimal("7.5"), Decimal(3)])
AMOUNTS = st.sampled_from([Decimal(0), Decimal(5), Decimal(10)])


@st.composite
def graduated(draw: st.DrawFn) -> Graduated:
    bounds = [*sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=3))), None]
    return Graduated(
        tiers=tuple(
            Tier(
                up_to=None if bound is None else Decimal(bound),
                unit_amount=draw(AMOUNTS),
                flat_amount=draw(AMOUNTS),
                block_size=draw(MAYBE),
                cap=draw(MAYBE),
            )
            for bound in bounds
        )
    )


BLOCKS_AND_NONE = Graduated(
    tiers=(
        Tier(up_to=Decimal(16), unit_amount=Decimal(10)),
        Tier(up_to=Decimal(28), unit_amount=Decimal(0), block_size=Decimal(3)),
        Tier(up_to=Decimal(36), unit_amount=Decimal(0)),
        Tier(up_to=None, unit_amount=Decimal(0), block_size=Decimal(3)),
    )
)


@example(BLOCKS_AND_NONE, [Decimal(9), Decimal("55.5"), Decimal("55.5")])
@given(graduated(), st.lists(st.sampled_from([Decimal(9), Decimal("55.5"), Decimal(100)])))
def test_windows_come_to_the_sum_of_their_own_amounts(
    inner: Graduated, windows: list[Decimal]
) -> None:
    portions = [Portion(quantity) for quantity in windows]
    rated = Bucketed(inner=inner).rate_portions(portions, Circumstances())
    assert rated.amount == sum((inner.rate(each).amount for each in windows), Decimal(0))
    assert sum((step.amount for step in rated.working), Decimal(0)) == rated.amount
