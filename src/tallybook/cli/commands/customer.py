"""`tallybook customer`: who pays."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from tallybook.cli.options import spread
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, show, show_one

commands = typer.Typer(no_args_is_help=True, help="Customers: create, list, show, change.")

Key = Annotated[str, typer.Argument(help="The customer's key: its name in your events.")]


@dataclass(frozen=True)
class Ties:
    """Whom a customer belongs to, and what it pays with. What is not said is None."""

    parent: Annotated[
        str | None, typer.Option(help="The key of the customer that it belongs to.")
    ] = None
    invoiced_at: Annotated[
        str | None, typer.Option(help="Whose invoices its lines are on: self or parent.")
    ] = None
    usage_at: Annotated[
        str | None, typer.Option(help="Whose subscriptions charge for its usage: self or parent.")
    ] = None
    has_payment_method: Annotated[
        bool | None,
        typer.Option("--payment-method/--no-payment-method", help="Whether one is on file."),
    ] = None


FIELDS = (
    Column("key", "key", style="bold"),
    Column("name", "name"),
    Column("currency", "currency"),
    Column("time zone", "timezone"),
    Column("locale", "locale"),
    Column("parent", "parent"),
    Column("invoiced at", lambda result: result["invoiced_at"] if result["parent"] else ""),
    Column("usage at", lambda result: result["usage_at"] if result["parent"] else ""),
    Column("clock", moment("clock_at")),
    Column("id", "id", style="dim"),
    Column("created", moment("created_at")),
)


@commands.command(
    "create",
    epilog="Example: [cyan]tallybook customer create acme --name 'Acme AB' --currency EUR"
    " --timezone Europe/Stockholm[/]",
)
@spread
def create(
    context: typer.Context,
    key: Key,
    *,
    name: Annotated[str, typer.Option(help="As it is printed on invoices.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as EUR.")],
    timezone: Annotated[str, typer.Option(help="IANA, such as Europe/Stockholm.")] = "UTC",
    locale: Annotated[str, typer.Option(help="The invoices' language, such as sv.")] = "en",
    ties: Ties,
    as_json: AsJson = False,
) -> None:
    """Create a customer. The same again is no error; something else under its key is."""
    body = _said(
        key=key, name=name, currency=currency, timezone=timezone, locale=locale, **asdict(ties)
    )
    with session_of(context).open() as api:
        show_one(api.post("/v1/customers", body), FIELDS, as_json=as_json)


@commands.command("list")
def list_customers(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List customers in key order."""
    with session_of(context).open() as api:
        show(api.each("/v1/customers", limit=limit), FIELDS[:5], as_json=as_json)


@commands.command("show")
def show_customer(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one customer."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/customers/{key}"), FIELDS, as_json=as_json)


@commands.command("change", epilog="Example: [cyan]tallybook customer change acme --locale sv[/]")
@spread
def change(
    context: typer.Context,
    key: Key,
    *,
    name: Annotated[str | None, typer.Option()] = None,
    currency: Annotated[str | None, typer.Option(help="Only before any subscription.")] = None,
    timezone: Annotated[str | None, typer.Option(help="For subscriptions to come.")] = None,
    locale: Annotated[str | None, typer.Option(help="For invoices to come.")] = None,
    ties: Ties,
    has_no_parent: Annotated[bool, typer.Option("--no-parent", help="On its own.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change what is named; the rest stays."""
    body = _said(name=name, currency=currency, timezone=timezone, locale=locale, **asdict(ties))
    if has_no_parent:
        body["parent"] = None
    with session_of(context).open() as api:
        show_one(api.patch(f"/v1/customers/{key}", body), FIELDS, as_json=as_json)


def _said(**fields: Any) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None}
