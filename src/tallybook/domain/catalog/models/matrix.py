"""`matrix`: a unit amount by the values of one or more dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import msgspec

from tallybook.domain.catalog.models.rule import PortionRule, check_amount
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import (
    NOT_PRICED,
    ZERO,
    RatedLine,
    Sentences,
    Step,
    line,
    not_priced,
)
from tallybook.domain.kernel.errors import Invalid

ANY = "*"

_Pattern = tuple[int, ...]
"""Which places of a cell name a value."""


class Cell(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a unit costs with these values, in the order of the dimensions; `*` is any value."""

    values: tuple[str, ...]
    unit_amount: Decimal


class Matrix(PortionRule, frozen=True, dict=True, tag="matrix"):
    """A unit costs what the cell says that fits its dimension values most specifically.

    Of the cells that fit, the one that names most values wins; of equals the one that names an
    earlier dimension. Where none fits, `default_unit_amount` is charged, or nothing if there is
    none; the working says so. A cell is found by hash, however many there are.
    """

    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    default_unit_amount: Decimal | None = None

    sentences: ClassVar[Sentences] = {
        **NOT_PRICED,
        "cell": {
            "en": "{quantity} {unit} at {unit_amount} each = {amount}",
            "sv": "{quantity} {unit} à {unit_amount} = {amount}",
            "de": "{quantity} {unit} zu je {unit_amount} = {amount}",
        },
        "default_cell": {
            "en": "{quantity} other {unit} at {unit_amount} each = {amount}",
            "sv": "{quantity} övriga {unit} à {unit_amount} = {amount}",
            "de": "{quantity} andere {unit} zu je {unit_amount} = {amount}",
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the dimensions."""
        return UsageNeed(group_by=self.dimensions)

    def check(self) -> None:
        if not self.dimensions or len(set(self.dimensions)) < len(self.dimensions):
            raise Invalid(
                "no_dimensions",
                "A matrix has one dimension or more, each once.",
                field="dimensions",
                mend="Name the dimensions of the meter that the price depends on.",
            )
        if self.default_unit_amount is not None:
            check_amount(self.default_unit_amount, "default_unit_amount")
        taken: dict[tuple[str, ...], int] = {}
        for index, cell in enumerate(self.cells):
            check_amount(cell.unit_amount, f"cells/{index}/unit_amount")
            if len(cell.values) != len(self.dimensions):
                raise Invalid(
                    "wrong_cell",
                    f"Cell {index} has {len(cell.values)} values for "
                    f"{len(self.dimensions)} dimensions.",
                    field=f"cells/{index}/values",
                    mend="Give a value or * for each dimension, in their order.",
                )
            if cell.values in taken:
                raise Invalid(
                    "overlapping_cells",
                    f"Cells {taken[cell.values]} and {index} are for the same values.",
                    field=f"cells/{index}/values",
                    mend="Remove one of the two.",
                )
            taken[cell.values] = index

    def find(self, values: Sequence[str]) -> Cell | None:
        """The cell for these values, in the order of the dimensions."""
        for pattern, cells in self._cells:
            cell = cells.get(tuple(values[place] for place in pattern))
            if cell is not None:
                return cell
        return None

    @cached_property
    def _cells(self) -> list[tuple[_Pattern, dict[tuple[str, ...], Cell]]]:
        """The cells by the places that they name, the most specific places first."""
        found: dict[_Pattern, dict[tuple[str, ...], Cell]] = {}
        for cell in self.cells:
            pattern = tuple(place for place, value in enumerate(cell.values) if value != ANY)
            named = tuple(cell.values[place] for place in pattern)
            found.setdefault(pattern, {})[named] = cell
        return sorted(found.items(), key=lambda entry: (-len(entry[0]), entry[0]))

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        charged: dict[tuple[str, ...], tuple[Cell | None, Decimal]] = {}
        for portion in portions:
            values = tuple(portion.dimensions.get(name, "") for name in self.dimensions)
            cell = self.find(values)
            key = () if cell is None else cell.values
            if cell is None and self.default_unit_amount is None:
                key = ("", *values)
            before = charged.get(key, (cell, ZERO))[1]
            charged[key] = (cell, before + portion.quantity)
        steps = [
            self._step(cell, key, quantity) for key, (cell, quantity) in charged.items() if quantity
        ]
        return line(sum((portion.quantity for portion in portions), ZERO), *steps)

    def _step(self, cell: Cell | None, key: tuple[str, ...], quantity: Decimal) -> Step:
        if cell is not None:
            labels = {
                name: value
                for name, value in zip(self.dimensions, cell.values, strict=True)
                if value != ANY
            }
            labels["part"] = " ".join(labels.values())
            rate = cell.unit_amount
            return Step("cell", quantity, rate, quantity * rate, {}, labels)
        if self.default_unit_amount is None:
            return not_priced(quantity, dict(zip(self.dimensions, key[1:], strict=True)))
        rate = self.default_unit_amount
        return Step("default_cell", quantity, rate, quantity * rate)
