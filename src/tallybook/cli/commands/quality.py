"""`tallybook quality`: what arrives, how late, and what is not as it was said to be."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from tallybook.cli.session import AsJson, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show
from tallybook.domain.kernel.plurals import so_many

EPILOG = "Example: [cyan]tallybook quality --days 7 --type completion[/]"

_TYPES = (
    Column("type", "type"),
    Column("plan", lambda type_: type_["status"] or "unknown"),
    Column("events", lambda type_: f"{type_['events']:,}", is_right=True),
    Column("last seen", moment("last_seen")),
    Column("in quarantine", "quarantine"),
    Column("unknown properties", "unknown_properties"),
    Column("never sent", "unused_properties"),
)
_DAYS = (
    Column("type", "type"),
    Column("day", "day"),
    Column("events", lambda day: f"{day.get('events', 0):,}", is_right=True),
    Column("customers", "customers", is_right=True),
    Column("violations", "violations", is_right=True),
    Column("duplicates", "duplicates", is_right=True),
    Column("conflicts", "conflicts", is_right=True),
    Column("half by, s", "lateness_p50", is_right=True),
    Column("95 % by, s", "lateness_p95", is_right=True),
    Column("99 % by, s", "lateness_p99", is_right=True),
    Column("latest, s", "lateness_max", is_right=True),
)
_SILENT = (
    Column("source", "source"),
    Column("type", "type"),
    Column("events", "events", is_right=True),
    Column("last seen", moment("last_seen")),
)


def quality(
    context: typer.Context,
    *,
    days: Annotated[int, typer.Option(min=1, help="Days of arrival, today included.")] = 7,
    silent_days: Annotated[
        int, typer.Option(min=1, help="A source that sent nothing for so many days is silent.")
    ] = 2,
    type_: Annotated[str, typer.Option("--type", help="Only of this type.")] = "",
    as_json: AsJson = False,
) -> None:
    """Report on the quality of events: volume, lateness, violations, and what fell silent."""
    with session_of(context).open() as api:
        report = api.get("/v1/quality", {"days": days, "silent_days": silent_days, "type": type_})
    if as_json:
        print_json(report)
        return
    show(report["types"], _TYPES, as_json=False, title="Event types")
    show(_days(report), _DAYS, as_json=False, title="By day of arrival, and how late (seconds)")
    if report["rejected"]:
        rejected = so_many(report["rejected"], "event|events")
        screen().print(f"{rejected} could not be read: rejected.")
    if report["silent_sources"]:
        title = f"Silent for {so_many(report['silent_days'], 'day|days')} or longer"
        show(report["silent_sources"], _SILENT, as_json=False, title=escape(title))


def _days(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": type_["type"], **day} for type_ in report["types"] for day in type_["days"]]
