"""Cells: a number for each combination of dimension values, found by hash."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.models.rule import check_amount
from tallybook.domain.kernel.errors import Invalid

ANY = "*"


class Cell(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a unit costs with these values, in the order of the dimensions; `*` is any value."""

    values: tuple[str, ...]
    unit_amount: Decimal


CellIndex = list[tuple[tuple[int, ...], dict[tuple[str, ...], Cell]]]
"""Cells by the places at which they name a value, the most specific places first."""


def index_cells(cells: Sequence[Cell]) -> CellIndex:
    """The index in which `find_cell` looks."""
    found: dict[tuple[int, ...], dict[tuple[str, ...], Cell]] = {}
    for cell in cells:
        places = tuple(place for place, value in enumerate(cell.values) if value != ANY)
        named = tuple(cell.values[place] for place in places)
        found.setdefault(places, {})[named] = cell
    return sorted(found.items(), key=lambda entry: (-len(entry[0]), entry[0]))


def find_cell(index: CellIndex, values: Sequence[str]) -> Cell | None:
    """The cell that fits these values most specifically.

    The one that names most values wins; of equals the one that names an earlier dimension.
    """
    for places, cells in index:
        cell = cells.get(tuple([values[place] for place in places]))
        if cell is not None:
            return cell
    return None


def check_dimensions(dimensions: Sequence[str]) -> None:
    """One dimension or more, each once."""
    if not dimensions or len(set(dimensions)) < len(dimensions):
        raise Invalid(
            "no_dimensions",
            "There must be one dimension or more, each once.",
            field="dimensions",
            mend="Name the dimensions of the meter that the price depends on.",
        )


def check_cells(dimensions: Sequence[str], cells: Sequence[Cell]) -> None:
    """A value or `*` for each dimension, and no combination twice."""
    taken: dict[tuple[str, ...], int] = {}
    for place, cell in enumerate(cells):
        check_amount(cell.unit_amount, f"cells/{place}/unit_amount")
        if len(cell.values) != len(dimensions):
            raise Invalid(
                "wrong_cell",
                f"Cell {place} has {len(cell.values)} values for {len(dimensions)} dimensions.",
                field=f"cells/{place}/values",
                mend="Give a value or * for each dimension, in their order.",
            )
        if cell.values in taken:
            raise Invalid(
                "overlapping_cells",
                f"Cells {taken[cell.values]} and {place} are for the same values.",
                field=f"cells/{place}/values",
                mend="Remove one of the two.",
            )
        taken[cell.values] = place


def cell_labels(dimensions: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """The values that are named, by dimension, and all of them as the part's name."""
    labels = {
        name: value
        for name, value in zip(dimensions, values, strict=True)
        if value not in {ANY, ""}
    }
    return {**labels, "part": " ".join(labels.values())} if labels else {}
