"""How answers look: tables for people, JSON for programs. Formats only; calculates nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 200
_FRACTION = re.compile(r"\.\d+")


class Column(NamedTuple):
    """A column: its title, where in a result its value is (`billed_to/name`), and its side.

    One that `is_rare` is left out where no result has a value for it.
    """

    title: str
    path: str | Callable[[Mapping[str, Any]], str]
    is_right: bool = False
    style: str = ""
    is_rare: bool = False

    def of(self, result: Mapping[str, Any]) -> str:
        """The cell's text."""
        return self.path(result) if callable(self.path) else text_at(result, self.path)


def text_at(result: Any, path: str) -> str:
    """The value at a path as text; "" where there is none, lists with commas."""
    for name in path.split("/"):
        result = result.get(name) if isinstance(result, Mapping) else None
    match result:
        case None:
            return ""
        case bool():
            return "yes" if result else "no"
        case list():
            return ", ".join(map(str, result))
        case dict():
            return ", ".join(f"{name}={value}" for name, value in result.items())
    return str(result)


def screen() -> Console:
    """Standard output; wide where it is not a terminal, so that nothing is cut."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False)


def show(results: Any, columns: Iterable[Column], *, as_json: bool, title: str = "") -> None:
    """A list of results as a table, or as a JSON array."""
    if as_json:
        print_json(list(results))
        return
    columns = list(columns)
    rows = [[column.of(result) for column in columns] for result in results]
    if not rows:
        screen().print("[dim]None.[/]")
        return
    filled = map(any, zip(*rows, strict=True))
    is_shown = [is_ or not column.is_rare for column, is_ in zip(columns, filled, strict=True)]
    table = plain_table(*compress(columns, is_shown))
    for row in rows:
        table.add_row(*map(Text, compress(row, is_shown)))
    if title:  # as a line of its own: a table's title is folded to the table's width
        screen().print(f"\n[italic]{title}[/]")
    screen().print(table)


def show_one(result: Mapping[str, Any], fields: Iterable[Column], *, as_json: bool) -> None:
    """One result as its fields, one below the other, or as a JSON object."""
    if as_json:
        print_json(result)
        return
    table = Table.grid(padding=(0, 2))
    for field in fields:
        text = field.of(result)
        if text:
            table.add_row(Text(field.title, "dim"), Text(text, field.style))
    screen().print(table)


def plain_table(*columns: Column, **options: Any) -> Table:
    """A table with a line under its head and nothing else."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, **options)
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.is_right else "left",
            style=column.style,
            no_wrap=column.is_right,
        )
    return table


def print_json(value: Any) -> None:
    """JSON on standard output, indented, in UTF-8, whatever the terminal is."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(text.decode() + "\n")


def moment(path: str) -> Callable[[Mapping[str, Any]], str]:
    """The instant at `path`, to the second, as people read it: `2026-03-01 12:30:00Z`."""

    def text(result: Mapping[str, Any]) -> str:
        instant = text_at(result, path)
        return _FRACTION.sub("", instant).replace("T", " ").replace("+00:00", "Z")

    return text


def stretch(span: str, timezone: str) -> Callable[[Mapping[str, Any]], str]:
    """The span at one path by the clocks of the zone at another: `2026-03-01 to 2026-04-01`."""

    def text(result: Mapping[str, Any]) -> str:
        edges = (text_at(result, f"{span}/{edge}") for edge in ("starts", "ends"))
        return spell(*edges, zone=text_at(result, timezone))

    return text


def spell(starts: str, ends: str, *, zone: str) -> str:
    """From an instant to another, itself not part of it; without the time where it is midnight."""
    return f"{_local(starts, ZoneInfo(zone))} to {_local(ends, ZoneInfo(zone))}"


def _local(instant: str, zone: ZoneInfo) -> str:
    there = datetime.fromisoformat(instant).astimezone(zone)
    is_midnight = there.time().isoformat() == "00:00:00"
    return there.date().isoformat() if is_midnight else there.strftime("%Y-%m-%d %H:%M:%S")
