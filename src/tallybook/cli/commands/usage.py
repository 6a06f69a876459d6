"""`tallybook usage`: how much of a meter was used, by whom, when, and by which events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from tallybook.cli.client import Api
from tallybook.cli.session import AsJson, session_of
from tallybook.cli.tables import Column, plain_table, print_json, screen, spell
from tallybook.cli.workings import grouped
from tallybook.domain.kernel.errors import Invalid

EPILOG = """
[cyan]tallybook usage input-tokens --period 2026-03[/]

[cyan]tallybook usage input-tokens --customer acme --period 2026-03 --window day
--timezone Europe/Stockholm --group-by model[/]
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
    as_json: AsJson = False,
) -> None:
    """Show how much was used. What was acknowledged a moment ago is in it."""
    with session_of(context).open() as api:
        query = {
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
        }
        answer = _whole(api, query)
    if as_json:
        print_json(answer)
    else:
        show_usage(answer)


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
        Column("customer", "customer"),
        Column("time", lambda row: spell(row["from"], row["to"], zone=zone)),
        *(Column(name, f"dimensions/{name}") for name in dimensions),
        Column("quantity", lambda row: grouped(row["quantity"]), is_right=True, style="bold"),
        Column("unit", lambda _: answer["unit"]),
        Column("events", lambda row: f"{row['event_count']:,}", is_right=True),
    )
    table = plain_table(*columns)
    for row in rows:
        table.add_row(*(Text(column.of(row)) for column in columns))
    screen().print(table if rows else "[dim]No usage.[/]")
    screen().print(f"[dim]Times in {zone}, as of position {answer['as_of']}.[/]")
