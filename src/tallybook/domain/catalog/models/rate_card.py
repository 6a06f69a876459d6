"""`rate_card`: units cost credits, credits cost money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property, partial
from typing import ClassVar

import msgspec

from tallybook.domain.catalog.models.cells import (
    Cell,
    CellIndex,
    cell_labels,
    check_cells,
    check_dimensions,
    find_cell,
    index_cells,
)
from tallybook.domain.catalog.models.dates import check_dates, in_force
from tallybook.domain.catalog.models.rule import PortionRule, check_amount, total, within
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


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a unit costs in credits from a local day on, by dimension values; None: from ever."""

    cells: tuple[Cell, ...]
    starts_on: date | None = None


class RateCard(PortionRule, frozen=True, dict=True, tag="rate_card"):
    """A unit costs the credits that the card of its day says, and a credit costs `credit_amount`.

    A card can be tuned anew from a day on: earlier usage keeps the earlier one, and balances, which
    are in credits, are not touched. Cells are found as in `matrix`.
    """

    dimensions: tuple[str, ...]
    cards: tuple[Card, ...]
    credit_amount: Decimal

    sentences: ClassVar[Sentences] = {
        **NOT_PRICED,
        "credits": {
            "en": (
                "{units} {unit} at {credits_each} {credits_each:credit|credits}{units:| each} = "
                "{quantity} {quantity:credit|credits}, at {unit_amount}{quantity:| each} = "
                "{amount}"
            ),
            "sv": (
                "{units} {unit} à {credits_each} {credits_each:kredit|krediter} = {quantity} "
                "{quantity:kredit|krediter}, à {unit_amount} = {amount}"
            ),
            "de": (
                "{units} {unit} zu{units:| je} {credits_each} {credits_each:Credit|Credits} = "
                "{quantity} {quantity:Credit|Credits}, zu{quantity:| je} {unit_amount} = {amount}"
            ),
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the dimensions, and by days where the card changes on one."""
        is_dated = len(self.cards) > 1
        return UsageNeed(
            group_by=self.dimensions, window="day" if is_dated else None, adds_windows=is_dated
        )

    def check(self) -> None:
        check_dimensions(self.dimensions)
        check_amount(self.credit_amount, "credit_amount")
        check_dates([card.starts_on for card in self.cards], "cards")
        for index, card in enumerate(self.cards):
            within(f"cards/{index}", partial(check_cells, self.dimensions, card.cells))

    @cached_property
    def _indexes(self) -> tuple[CellIndex, ...]:
        return tuple(index_cells(card.cells) for card in self.cards)

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        starts = [card.starts_on for card in self.cards]
        charged: dict[tuple[int | None, tuple[str, ...]], tuple[Cell | None, Decimal]] = {}
        for portion in portions:
            values = tuple([portion.dimensions.get(name, "") for name in self.dimensions])
            card = in_force(starts, circumstances.local_time(portion).date())
            cell = None if card is None else find_cell(self._indexes[card], values)
            key = (card, values if cell is None else cell.values)
            before = charged.get(key, (cell, ZERO))[1]
            charged[key] = (cell, before + portion.quantity)
        steps = []
        for (_, values), (cell, units) in charged.items():
            labels = cell_labels(self.dimensions, values)
            if cell is None:
                if units or labels:
                    steps.append(not_priced(units, labels))
            elif units:
                steps.append(self._step(cell, units, labels))
        return line(total(portions), *steps)

    def _step(self, cell: Cell, units: Decimal, labels: dict[str, str]) -> Step:
        bought = units * cell.unit_amount
        terms = {"units": units, "credits_each": cell.unit_amount}
        return Step(
            "credits", bought, self.credit_amount, bought * self.credit_amount, terms, labels
        )
