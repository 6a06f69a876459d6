"""`matrix`: a unit amount by the values of one or more dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from tallybook.domain.catalog.models.cells import (
    Cell,
    CellIndex,
    cell_labels,
    check_cells,
    check_dimensions,
    find_cell,
    index_cells,
)
from tallybook.domain.catalog.models.rule import PortionRule, check_amount, total
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
            "en": "{quantity} {unit} at {unit_amount}{quantity:| each} = {amount}",
            "sv": "{quantity} {unit} à {unit_amount} = {amount}",
            "de": "{quantity} {unit} zu{quantity:| je} {unit_amount} = {amount}",
        },
        "default_cell": {
            "en": "{quantity} other {unit} at {unit_amount}{quantity:| each} = {amount}",
            "sv": "{quantity} {unit} av övrigt slag à {unit_amount} = {amount}",
            "de": "{quantity} {unit} sonstiger Art zu{quantity:| je} {unit_amount} = {amount}",
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the dimensions."""
        return UsageNeed(group_by=self.dimensions)

    def check(self) -> None:
        check_dimensions(self.dimensions)
        check_cells(self.dimensions, self.cells)
        if self.default_unit_amount is not None:
            check_amount(self.default_unit_amount, "default_unit_amount")

    def find(self, values: Sequence[str]) -> Cell | None:
        """The cell for these values, in the order of the dimensions."""
        return find_cell(self._index, values)

    @cached_property
    def _index(self) -> CellIndex:
        return index_cells(self.cells)

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        charged: dict[tuple[str, ...], tuple[Cell | None, Decimal]] = {}
        for portion in portions:
            values = tuple([portion.dimensions.get(name, "") for name in self.dimensions])
            cell = self.find(values)
            key = () if cell is None else cell.values
            if cell is None and self.default_unit_amount is None:
                key = ("", *values)
            before = charged.get(key, (cell, ZERO))[1]
            charged[key] = (cell, before + portion.quantity)
        steps = [
            self._step(cell, key, quantity) for key, (cell, quantity) in charged.items() if quantity
        ]
        return line(total(portions), *steps)

    def _step(self, cell: Cell | None, key: tuple[str, ...], quantity: Decimal) -> Step:
        if cell is not None:
            labels = cell_labels(self.dimensions, cell.values)
            rate = cell.unit_amount
            return Step("cell", quantity, rate, quantity * rate, {}, labels)
        if self.default_unit_amount is None:
            return not_priced(quantity, cell_labels(self.dimensions, key[1:]))
        rate = self.default_unit_amount
        return Step("default_cell", quantity, rate, quantity * rate)
