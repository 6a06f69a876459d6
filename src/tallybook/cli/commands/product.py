"""`tallybook product` and `tallybook feature`: what is sold. `tallybook apply` makes them."""

from __future__ import annotations

from typing import Annotated

import typer

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, print_json, show, show_one

commands = typer.Typer(
    no_args_is_help=True, help="Products: list, show. `tallybook apply` makes them."
)
features = typer.Typer(no_args_is_help=True, help="Features: list. `tallybook apply` makes them.")

_PRODUCTS = (
    Column("key", "key", style="bold"),
    Column("name", "name"),
    Column("meters", "meters"),
    Column("description", "description"),
)
_PRICES = (
    Column("plan", lambda result: f"{result['plan']} v{result['version']}", style="bold"),
    Column("price", "name"),
    Column("costs", "in_short"),
    Column("currency", "currency"),
)
_FEATURES = (
    Column("key", "key", style="bold"),
    Column("name", "name"),
    Column("kind", "kind"),
    Column("unit", "unit"),
    Column("product", "product"),
)
_ENTITLEMENTS = (
    Column("feature", "name", style="bold"),
    Column("has", "in_short"),
    Column("by", "subscriptions"),
)


@commands.command("list")
def list_products(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List products."""
    with session_of(context).open() as api:
        show(api.each("/v1/products", limit=limit), _PRODUCTS, as_json=as_json)


@commands.command("show")
def show_product(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The product's key.")],
    as_json: AsJson = False,
) -> None:
    """Show a product, and the prices by which plans sell it."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/products/{key}")
    if as_json:
        print_json(found)
        return
    show_one(found["product"], _PRODUCTS, as_json=False)
    show(found["prices"], _PRICES, as_json=False)


@features.command("list")
def list_features(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List features."""
    with session_of(context).open() as api:
        show(api.each("/v1/features", limit=limit), _FEATURES, as_json=as_json)


def entitlements(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The customer's key.")],
    as_json: AsJson = False,
) -> None:
    """Show what a customer may use now."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/customers/{key}/entitlements")["results"]
        show(found, _ENTITLEMENTS, as_json=as_json)
