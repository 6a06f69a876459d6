"""Rate a period again as it grows: what each run adds to what was billed before."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import ANYWHERE, Circumstances, Portion
from tallybook.domain.catalog.working import ZERO
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.money import round_decimal
from tallybook.domain.rating.rate import rate_usage


class MinimumFalls(StrEnum):
    """When the price's minimum is charged: in every run, or in the period's last only."""

    EVERY_RUN = "every_run"
    FINAL_RUN = "final_run"


def rerate(
    price: Price,
    runs: Sequence[Sequence[Portion]],
    *,
    scale: int | None,
    circumstances: Circumstances = ANYWHERE,
    minimum: MinimumFalls = MinimumFalls.EVERY_RUN,
) -> list[Decimal]:
    """What each of successive runs bills for one period. `runs` are the usage so far, cumulative.

    Each run rates all of the period again, rounds that total to `scale` decimals (None: not at all)
    and bills the difference to the total before, so that the deltas add up to the last total
    whatever the number of runs. A delta below zero is given back.
    """
    without_minimum = msgspec.structs.replace(price, minimum=None)
    deltas = []
    billed = ZERO
    for number, portions in enumerate(runs, start=1):
        keeps = minimum is MinimumFalls.EVERY_RUN or number == len(runs)
        rated = rate_usage(price if keeps else without_minimum, portions, circumstances)
        total = rated.amount if scale is None else round_decimal(rated.amount, scale)
        with exactly():
            deltas.append(total - billed)
        billed = total
    return deltas
