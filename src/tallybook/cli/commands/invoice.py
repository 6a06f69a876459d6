"""`tallybook invoice`: read, finalized, verified, walked back to the events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from tallybook.cli.commands import events as kept
from tallybook.cli.session import REFUSED, AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one, stretch
from tallybook.cli.workings import grouped, show_lines
from tallybook.domain.kernel.plurals import so_many

commands = typer.Typer(
    no_args_is_help=True, help="Invoices: list, show, finalize, verify, events behind a line."
)

Invoice = Annotated[str, typer.Argument(help="The invoice's number or id.")]

COLUMNS = (
    Column("number", lambda invoice: invoice["number"] or invoice["id"], style="bold"),
    Column("status", "status"),
    Column("customer", "customer/name"),
    Column("period", stretch("period", "customer/timezone")),
    Column("currency", "currency"),
    Column("total", lambda invoice: grouped(invoice["total"]), is_right=True),
)
_FIELDS = (
    Column("invoice", lambda invoice: invoice["number"] or "(draft)", style="bold"),
    Column("status", "status"),
    Column("customer", lambda found: f"{found['customer']['name']} ({found['customer']['key']})"),
    Column("period", stretch("period", "customer/timezone")),
    Column("time zone", "customer/timezone"),
    Column("finalized", moment("finalized_at")),
    Column("id", "id", style="dim"),
)
EVENTS = tuple(column for column in kept.COLUMNS if column.title not in {"customer", "source"})
_LINKS = (
    Column("link", "id", style="bold"),
    Column("made", moment("made_at")),
    Column("by", "made_by"),
    Column("until", moment("ends_at")),
    Column("taken back", moment("revoked_at")),
    Column("opens", "is_open"),
)
_DIFFERENCES = (
    Column("line", "line", is_right=True),
    Column("what", "what"),
    Column("on the invoice", "on_invoice"),
    Column("recomputed", "recomputed"),
)


@commands.command(
    "list", epilog="Example: [cyan]tallybook invoice list --customer acme --status open[/]"
)
def list_invoices(
    context: typer.Context,
    *,
    customer: Annotated[str, typer.Option(help="Only this customer's.")] = "",
    subscription: Annotated[str, typer.Option(help="Only this subscription's.")] = "",
    status: Annotated[str, typer.Option(help="draft, open, paid, void, uncollectible.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List invoices, the newest first."""
    query = {"customer": customer, "subscription": subscription, "status": status}
    with session_of(context).open() as api:
        show(api.each("/v1/invoices", query, limit=limit), COLUMNS, as_json=as_json)


@commands.command("show", epilog="Example: [cyan]tallybook invoice show 2026-000123 --locale sv[/]")
def show_invoice(
    context: typer.Context,
    invoice: Invoice,
    locale: Annotated[str, typer.Option(help="Another language than the customer's.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show an invoice, each line with the working that led to its amount."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/invoices/{invoice}", {"locale": locale})
    if as_json:
        print_json(found)
    else:
        show_whole(found)


def show_whole(invoice: Mapping[str, Any]) -> None:
    """An invoice as its customer reads it."""
    show_one(invoice, _FIELDS, as_json=False)
    show_lines(invoice["lines"], currency=invoice["currency"], total=invoice["total"])


@commands.command("finalize")
def finalize(context: typer.Context, invoice: Invoice, as_json: AsJson = False) -> None:
    """Number a draft and freeze it."""
    with session_of(context).open() as api:
        finalized = api.post(f"/v1/invoices/{invoice}/finalize")
    show_one(finalized, _FIELDS, as_json=as_json)


@commands.command("recalculate")
def recalculate(context: typer.Context, invoice: Invoice, as_json: AsJson = False) -> None:
    """Count and rate a draft again, with every event that has come by now."""
    with session_of(context).open() as api:
        redrawn = api.post(f"/v1/invoices/{invoice}/recalculate")
    if as_json:
        print_json(redrawn)
    else:
        show_whole(redrawn)


@commands.command("verify")
def verify(context: typer.Context, invoice: Invoice, as_json: AsJson = False) -> None:
    """Count and rate every line again from its events; exit code 1 if anything differs."""
    with session_of(context).open() as api:
        verification = api.post(f"/v1/invoices/{invoice}/verify")
    if as_json:
        print_json(verification)
    else:
        show_verification(verification)
    if not verification["is_equal"]:
        raise typer.Exit(REFUSED)


def show_verification(verification: Mapping[str, Any]) -> None:
    """Equal, or what differs."""
    name = escape(verification["number"] or verification["invoice_id"])
    checked = (
        f"{so_many(verification['lines_checked'], 'line|lines')}, counted and rated again from "
        f"{so_many(verification['events_counted'], 'event|events')}"
    )
    if verification["is_equal"]:
        screen().print(f"[bold green]✓[/] {name} is equal: {checked}.")
        return
    screen().print(f"[bold red]✗[/] {name} differs: {checked}.")
    show(verification["differences"], _DIFFERENCES, as_json=False)


@commands.command("events", epilog="Example: [cyan]tallybook invoice events 2026-000123 2[/]")
def events(
    context: typer.Context,
    invoice: Invoice,
    line: Annotated[int, typer.Argument(help="The line's number, from 1.")],
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the very events that a line counted."""
    with session_of(context).open() as api:
        found = api.each(f"/v1/invoices/{invoice}/lines/{line}/events", limit=limit)
        show(found, EVENTS, as_json=as_json)


@commands.command("share", epilog="Example: [cyan]tallybook invoice share 2026-000123[/]")
def share(context: typer.Context, invoice: Invoice, as_json: AsJson = False) -> None:
    """Make a link by which the customer can read the invoice. Its address is told once."""
    with session_of(context).open() as api:
        made = api.post(f"/v1/invoices/{invoice}/links")
    show_one(made, (*_LINKS, Column("address", "url")), as_json=as_json)


@commands.command("links")
def links(context: typer.Context, invoice: Invoice, as_json: AsJson = False) -> None:
    """List the links that were made to an invoice, the last one first."""
    with session_of(context).open() as api:
        show(api.get(f"/v1/invoices/{invoice}/links")["results"], _LINKS, as_json=as_json)


@commands.command("unshare")
def unshare(
    context: typer.Context,
    invoice: Invoice,
    link: Annotated[str, typer.Argument(help="The link's id, lnk_….")],
    as_json: AsJson = False,
) -> None:
    """Take a link back: it opens nothing from now on."""
    with session_of(context).open() as api:
        show_one(api.delete(f"/v1/invoices/{invoice}/links/{link}"), _LINKS, as_json=as_json)


def show_events(events: Iterable[Mapping[str, Any]]) -> None:
    """Events as they are kept."""
    show(events, EVENTS, as_json=False)
