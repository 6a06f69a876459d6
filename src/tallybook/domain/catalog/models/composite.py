"""`composite`: one price made of several, each for one value of a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.models.rule import PortionRule, within
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import (
    NOT_PRICED,
    ZERO,
    RatedLine,
    Sentences,
    line,
    not_priced,
    part,
)
from tallybook.domain.kernel.errors import Invalid


class Composite(PortionRule, frozen=True, tag="composite"):
    """The usage of each value of `dimension` is rated by that value's rule; amounts are added.

    A value without usage is not rated. A value that has no rule is not charged; the working says
    so.
    """

    dimension: str
    components: dict[str, QuantityRule]

    sentences: ClassVar[Sentences] = NOT_PRICED

    @property
    def need(self) -> UsageNeed:
        """Usage by the dimension."""
        return UsageNeed(group_by=(self.dimension,))

    def check(self) -> None:
        if not self.components:
            raise Invalid(
                "no_components",
                "A composite price has no component.",
                field="components",
                mend="Send a rule for each value of the dimension.",
            )
        for value, rule in self.components.items():
            within(f"components/{value}", rule.check)

    def prorated(self, within: InForce) -> Self:
        parts = {value: rule.prorated(within) for value, rule in self.components.items()}
        return msgspec.structs.replace(self, components=parts)

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        quantities = dict.fromkeys(self.components, ZERO)
        for portion in portions:
            value = portion.dimensions.get(self.dimension, "")
            quantities[value] = quantities.get(value, ZERO) + portion.quantity
        steps = []
        for value, quantity in quantities.items():
            rule = self.components.get(value)
            if rule is None:
                if quantity or value:
                    steps.append(not_priced(quantity, {self.dimension: value, "part": value}))
            elif quantity:
                steps += part(value, rule.rate(quantity))
        return line(sum(quantities.values(), ZERO), *steps)
