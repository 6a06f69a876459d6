"""How earlier versions told a working, so that what they drew up is verified by what they said.

A line keeps its working as data; sentences are made of it when it is read, so that they may be put
better at any time. Where a later version says more in the data, an invoice from before has not
said it, and is as right as it was. Whoever changes the steps of a working adds here, at the end,
what takes the change back: `verify` accepts a working as it is told now, or whole as one of the
earlier versions told it. Only what is told may differ, never a figure that is charged: a change
that moves money is no change of the working, and does not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tallybook.domain.catalog.usage_need import WINDOWS
from tallybook.domain.catalog.working import ZERO
from tallybook.domain.rating.rated_line import Step
from tallybook.domain.rating.share_wording import SEVERAL

Working = tuple[Step, ...]


def _without_places(working: Working) -> Working:
    """Before coupons said which line of the bill each step comes off."""
    return tuple(
        _without_terms(step, "line") if step.code in {"coupon_amount", "coupon_percent"} else step
        for step in working
    )


def _without_details(working: Working) -> Working:
    """Before a line said so that has nothing to charge for, and usage that sets no demand; before
    windows were called by their length, tiers of money told apart from those of units, and shares
    of several fees said of how many."""
    return tuple(_plainer(step) for step in working if step.code not in {"no_usage", "no_demand"})


def _without_bills(working: Working) -> Working:
    """Before disputed outcomes named the bill that had charged them: all were one step."""
    disputed = [step for step in working if step.code == "disputed"]
    if not any(step.labels for step in disputed):
        return working
    together = Step(
        "disputed",
        sum((step.quantity for step in disputed), ZERO),
        disputed[0].unit_amount,
        sum((step.amount for step in disputed), ZERO),
    )
    place = working.index(disputed[0])
    rest = tuple(step for step in working if step.code != "disputed")
    return (*rest[:place], together, *rest[place:])


def _plainer(step: Step) -> Step:
    if step.code.removeprefix("each_") in WINDOWS:
        return msgspec.structs.replace(step, code="each_window")
    if step.code in {"percent_tier_flat", "percent_beyond_free"}:
        return msgspec.structs.replace(step, code=step.code.removeprefix("percent_"))
    if step.code.endswith(SEVERAL):
        plainer = _without_terms(step, "units", "each")
        return msgspec.structs.replace(plainer, code=step.code.removesuffix(SEVERAL))
    return step


def _without_terms(step: Step, *names: str) -> Step:
    terms = {name: term for name, term in step.terms.items() if name not in names}
    return msgspec.structs.replace(step, terms=terms)


_CHANGES: tuple[Callable[[Working], Working], ...] = (
    _without_places,
    _without_details,
    _without_bills,
)
"""What takes each change of the working back, in the order in which they were made."""


def told_before(working: Working) -> Iterator[Working]:
    """The working as each earlier version told it, the latest of them first."""
    for take_back in reversed(_CHANGES):
        working = take_back(working)
        yield working
