"""Rated lines as people read them: each with the sentences that lead to its amount."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rich.text import Text

from tallybook.cli.tables import Column, plain_table, screen
from tallybook.domain.kernel.plurals import so_many, unit_for

_COLUMNS = (
    Column("#", "number", is_right=True, style="dim"),
    Column("line", "name"),
    Column("quantity", "quantity", is_right=True),
    Column("unit", "unit"),
    Column("amount", "amount", is_right=True, style="bold"),
)


def show_lines(lines: Iterable[Mapping[str, Any]], *, currency: str, total: str) -> None:
    """Lines with their working below each, and the total below all."""
    table = plain_table(*_COLUMNS, show_footer=True)
    table.columns[1].footer = Text(f"Total, {currency}")
    table.columns[4].footer = Text(grouped(total), "bold")
    for number, line in enumerate(lines, 1):
        name = Text(line["name"])
        for step in line["working"]:
            name.append(f"\n  {step['sentence']}", "dim")
        name.append(f"\n  {_origin(line)}", "dim italic")
        table.add_row(
            str(line.get("number", number)),
            name,
            grouped(line["quantity"]),
            unit_for(Decimal(line["quantity"]), line.get("unit", ""), {}, "en"),
            grouped(line["amount"]),
        )
    screen().print(table)


def _origin(line: Mapping[str, Any]) -> str:
    """What the printed amount was rounded from, and how many events it stands on."""
    exact = f"exactly {grouped(line['exact_amount'])}"
    evidence = line.get("evidence")
    if evidence is None:
        return exact
    counted = so_many(evidence["event_count"], "event|events")
    return f"{exact} · {counted}, checksum {evidence['checksum']}"


def grouped(number: str) -> str:
    """A plain decimal with its thousands apart.

    >>> grouped("1234567.50")
    '1,234,567.50'
    """
    return f"{Decimal(number):,f}"
