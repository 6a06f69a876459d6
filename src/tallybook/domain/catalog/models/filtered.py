"""`filtered`: a rule for each kind of usage, told apart by dimension values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Literal, Self

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
    Step,
    line,
    not_priced,
    part,
)
from tallybook.domain.kernel.errors import Invalid


class Filter(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Usage whose dimensions have one of the values named, and the rule that charges it.

    `*` stands for any value that is known. With `group_by` each combination of those dimensions is
    rated by itself.
    """

    name: str
    match: dict[str, tuple[str, ...] | Literal["*"]]
    rule: QuantityRule
    group_by: tuple[str, ...] = ()


class Filtered(PortionRule, frozen=True, tag="filtered"):
    """Usage goes to the filter that fits with the most dimensions, of equals the first.

    What no filter takes is charged by `default`, or not at all if there is none; the working says
    so. `known_values` says what `*` means for a dimension; one that it does not name knows every
    value but the empty one. A filter without usage is not rated.
    """

    filters: tuple[Filter, ...]
    default: QuantityRule | None = None
    known_values: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    sentences: ClassVar[Sentences] = NOT_PRICED

    @property
    def need(self) -> UsageNeed:
        """Usage by every dimension that a filter names."""
        names = [name for filter_ in self.filters for name in (*filter_.match, *filter_.group_by)]
        return UsageNeed(group_by=tuple(dict.fromkeys(names)))

    def check(self) -> None:
        taken: set[str] = set()
        if not self.filters and self.default is None:
            raise Invalid(
                "no_filters",
                "There is neither a filter nor a default: nothing would ever be charged.",
                field="filters",
                mend="Send one filter or more, or default.",
            )
        for index, filter_ in enumerate(self.filters):
            field = f"filters/{index}"
            within(f"{field}/rule", filter_.rule.check)
            if not filter_.match or not all(filter_.match.values()):
                raise Invalid(
                    "empty_filter",
                    f"Filter {index} names no value.",
                    field=f"{field}/match",
                    mend="Name dimensions and their values, or use default.",
                )
            if filter_.name in taken:
                raise Invalid(
                    "filter_name_taken",
                    f"Two filters are called {filter_.name!r}.",
                    field=f"{field}/name",
                    mend="Give each filter a name of its own; it is printed.",
                )
            taken.add(filter_.name)
            before = next((one for one in self.filters[:index] if one.match == filter_.match), None)
            if before is not None:
                raise Invalid(
                    "overlapping_filters",
                    f"Filters {before.name!r} and {filter_.name!r} match the same usage: the "
                    "second would never be reached.",
                    field=f"{field}/match",
                    mend="Leave one of them out, or narrow the first.",
                )
        if self.default is not None:
            within("default", self.default.check)

    def choose(self, dimensions: Mapping[str, str]) -> Filter | None:
        """The filter that takes usage with these dimension values."""
        best = None
        for filter_ in self.filters:
            more = best is None or len(filter_.match) > len(best.match)
            if more and all(
                self._fits(name, wanted, dimensions.get(name, ""))
                for name, wanted in filter_.match.items()
            ):
                best = filter_
        return best

    def _fits(self, name: str, wanted: tuple[str, ...] | str, value: str) -> bool:
        if wanted != "*":
            return value in wanted
        known = self.known_values.get(name)
        return bool(value) if known is None else value in known

    def prorated(self, within: InForce) -> Self:
        filters = tuple(
            msgspec.structs.replace(each, rule=each.rule.prorated(within)) for each in self.filters
        )
        default = None if self.default is None else self.default.prorated(within)
        return msgspec.structs.replace(self, filters=filters, default=default)

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        groups: dict[tuple[str, ...], tuple[Filter | None, Decimal]] = {}
        for portion in portions:
            filter_ = self.choose(portion.dimensions)
            key: tuple[str, ...] = ()
            if filter_ is not None:
                by = (portion.dimensions.get(name, "") for name in filter_.group_by)
                key = (filter_.name, *by)
            before = groups.get(key, (filter_, ZERO))[1]
            groups[key] = (filter_, before + portion.quantity)
        steps: list[Step] = []
        for key, (filter_, quantity) in groups.items():
            if not quantity:
                continue
            if filter_ is not None:
                steps += part(" ".join(key), filter_.rule.rate(quantity))
            elif self.default is not None:
                steps += self.default.rate(quantity).working
            else:
                steps.append(not_priced(quantity, {}))
        quantity = sum((portion.quantity for portion in portions), ZERO)
        return line(quantity, *steps)
