"""`tallybook usage`: how much of a meter was used, by whom, when, and by which events."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tallybook.cli.client import Api
from tallybook.cli.commands import events
from tallybook.cli.drawing import bar, sparkline
from tallybook.cli.session import AsJson, notes, session_of
from tallybook.cli.tables import Column, plain_table, print_json, screen, show, spell
from tallybook.cli.workings import grouped
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import so_many

_FORMS = ("csv", "ndjson", "parquet")
_OF_EVENTS = ("meter", "customer", "period", "from", "to", "timezone", "match", "as_of")
EPILOG = """
[cyan]tallybook usage input-tokens --period 2026-03 --top 10 --compare[/]

[cyan]tallybook usage input-tokens --customer acme --period 2026-03 --window day
--timezone Europe/Stockholm --group-by model[/]

[cyan]tallybook usage input-tokens --period 2026-03 --output march.parquet[/]
"""

Customers = Annotated[list[str] | None, typer.Option("--customer", "-c", help="All without any.")]
Period = Annotated[str, typer.Option(help="A year, month, week or day: 2026, 2026-03, 2026-W14.")]
From = Annotated[str, typer.Option("--from", help="RFC 3339, instead of a period.")]
To = Annotated[str, typer.Option("--to", help="RFC 3339; itself not part of the span.")]
Timezone = Annotated[str, typer.Option(help="By whose clocks periods and windows are cut.")]
Window = Annotated[str, typer.Option("--window", "-w", help="minute, hour, day, week, month.")]
GroupBy = Annotated[
    list[str] | None, typer.Option("--group-by", "-g", help="A dimension to split by; repeat.")
]
Match = Annotated[
    list[str] | None, typer.Option("--match", "-m", help="DIMENSION=VALUE: only such events.")
]
AsOf = Annotated[int | None, typer.Option(help="A position in the event log: as it was then.")]
Top = Annotated[int | None, typer.Option(min=1, help="The largest so many; the rest as one.")]
Rank = Annotated[str, typer.Option(help="What --top ranks: customers or dimensions.")]
Total = Annotated[bool, typer.Option("--total", help="All customers as one.")]
Compare = Annotated[bool, typer.Option("--compare", help="Beside the period before.")]
Draw = Annotated[
    bool | None,
    typer.Option("--draw/--no-draw", help="Bars and sparklines; drawn in a terminal by default."),
]
Behind = Annotated[
    bool, typer.Option("--events", help="List the very events that are counted, by time.")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write all rows to a .csv, .ndjson or .parquet file."),
]


def usage(
    context: typer.Context,
    meter: Annotated[str, typer.Argument(help="The meter's key.")],
    *,
    customer: Customers = None,
    period: Period = "",
    starts: From = "",
    ends: To = "",
    window: Window = "",
    timezone: Timezone = "UTC",
    group_by: GroupBy = None,
    match: Match = None,
    as_of: AsOf = None,
    top: Top = None,
    rank: Rank = "",
    total: Total = False,
    compare: Compare = False,
    draw: Draw = None,
    output: Output = None,
    lists_events: Behind = False,
    limit: Annotated[int, typer.Option(min=0, help="With --events: so many; 0 is all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show how much was used. What was acknowledged a moment ago is in it."""
    is_drawn = not as_json and (sys.stdout.isatty() if draw is None else draw)
    with session_of(context).open() as api:
        query: dict[str, Any] = {
            "meter": meter,
            "customer": customer,
            "period": period,
            "from": starts,
            "to": ends,
            "window": window,
            "timezone": timezone,
            "group_by": group_by,
            "match": [_match(text) for text in match or ()],
            "as_of": as_of,
            "top": top,
            "rank": rank,
            "total": total or None,
            "compare": compare or None,
            "fill": (is_drawn and bool(window)) or None,
        }
        if output is not None:
            _write(api, query, output)
            return
        if lists_events:
            asked = {name: query[name] for name in _OF_EVENTS}
            found = api.each("/v1/usage/events", asked, limit=limit)
            show(found, events.COLUMNS, as_json=as_json)
            return
        answer = _whole(api, query)
    if as_json:
        print_json(answer)
    elif is_drawn and answer["results"]:
        draw_usage(answer)
    else:
        show_usage(answer)


def _write(api: Api, query: Mapping[str, Any], output: Path) -> None:
    """All rows into a file, in the form that its name says; beside it first, so whole or not."""
    form = output.suffix.removeprefix(".").lower()
    if form not in _FORMS:
        raise Invalid(
            "unknown_form",
            f"{output.name} does not say in which form to write.",
            field="output",
            mend="Name a file that ends with .csv, .ndjson or .parquet.",
        )
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            as_of = api.fetch("/v1/usage", {**query, "format": form}, file)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    notes().print(f"Written to {output}, as of position {as_of.get('tallybook-as-of', '?')}.")


def _whole(api: Api, query: dict[str, Any]) -> dict[str, Any]:
    """All pages as one, counted up to one position."""
    answer: dict[str, Any] = api.get("/v1/usage", query)
    following = answer["next"]
    while following:
        page = api.get("/v1/usage", query | {"after": following, "as_of": answer["as_of"]})
        answer["results"] += page["results"]
        following = page["next"]
    return answer | {"next": None}


def _match(text: str) -> str:
    dimension, equals, value = text.partition("=")
    if not equals:
        raise Invalid(
            "malformed_match",
            f"{text!r} does not say which value of which dimension.",
            field="match",
            mend="Write DIMENSION=VALUE, such as model=swift.",
        )
    return f"{dimension}:{value}"


def show_usage(answer: Mapping[str, Any]) -> None:
    """Rows of usage as a table, a column for each dimension, and up to where it was counted."""
    rows = answer["results"] if "results" in answer else answer["usage"]
    zone = answer.get("timezone", "UTC")
    dimensions = list(rows[0]["dimensions"]) if rows else []
    columns = (
        Column("customer", _who),
        Column("time", lambda row: spell(row["from"], row["to"], zone=zone)),
        *(Column(name, f"dimensions/{name}") for name in dimensions),
        Column("quantity", lambda row: grouped(row["quantity"]), is_right=True, style="bold"),
        *_before(rows),
        Column("unit", lambda _: answer["unit"]),
        Column("events", lambda row: f"{row['event_count']:,}", is_right=True),
    )
    table = plain_table(*columns)
    for row in rows:
        table.add_row(*(Text(column.of(row)) for column in columns))
    screen().print(table if rows else "[dim]No usage.[/]")
    screen().print(f"[dim]Times in {zone}, as of position {answer['as_of']}.[/]")


def draw_usage(answer: Mapping[str, Any]) -> None:
    """A sparkline for each customer and dimension values, or a bar where it is not cut."""
    rows = answer["results"]
    dimensions = list(rows[0]["dimensions"])
    console = screen()
    is_plain = console.options.ascii_only
    named = (Column("customer", _who), *(Column(name, f"dimensions/{name}") for name in dimensions))
    if answer["window"] is None:
        largest = max((Decimal(row["quantity"]) for row in rows), key=abs)
        quantity = Column(
            f"quantity, {answer['unit']}" if answer["unit"] else "quantity",
            lambda row: grouped(row["quantity"]),
            is_right=True,
            style="bold",
        )
        table = plain_table(*named, quantity, *_before(rows), Column("", "bar", style="cyan"))
        for row in rows:
            drawn = bar(Decimal(row["quantity"]), largest, is_plain=is_plain)
            _add(table, (*named, quantity, *_before(rows)), row, drawn)
    else:
        most = Column("largest", lambda row: grouped(row["quantity"]), is_right=True, style="bold")
        table = plain_table(*named, Column(f"by the {answer['window']}", "", style="cyan"), most)
        for series in _series(rows):
            values = [Decimal(row["quantity"]) for row in series]
            width = max(20, min(72, console.width - 40))
            drawn = sparkline(values, width=width, is_plain=is_plain)
            peak = max(series, key=lambda row: Decimal(row["quantity"]))
            table.add_row(
                *(Text(column.of(series[0])) for column in named), Text(drawn), Text(most.of(peak))
            )
    console.print(table)
    zone = answer["timezone"]
    span = spell(answer["from"], answer["to"], zone=zone)
    console.print(f"[dim]{span} in {zone}, as of position {answer['as_of']}.[/]")


def _add(table: Table, columns: Iterable[Column], row: Mapping[str, Any], drawn: str) -> None:
    table.add_row(*(Text(column.of(row)) for column in columns), Text(drawn))


def _series(rows: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Rows of the same customer and dimension values, in order of time."""
    series: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["customer"], str(row.get("rest_of", 0)), *row["dimensions"].values())
        series.setdefault(key, []).append(row)
    return list(series.values())


def _who(row: Mapping[str, Any]) -> str:
    """The customer; of a row that sums others, how many these are."""
    others = row.get("rest_of", 0)
    if not others:
        return str(row["customer"]) or "(all)"
    return f"{row['customer']} ({so_many(others, 'other|others')})".strip()


def _before(rows: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """A column of what it was before, where that was asked for."""
    if not any("before" in row for row in rows):
        return ()

    def was(row: Mapping[str, Any]) -> str:
        before = row.get("before")
        return grouped(before["quantity"]) if before else ""

    return (Column("before", was, is_right=True, style="dim"),)
