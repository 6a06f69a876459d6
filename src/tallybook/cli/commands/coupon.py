"""`tallybook coupon`: discounts that customers redeem by a code."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, show, show_one

commands = typer.Typer(
    no_args_is_help=True, help="Coupons: create, list, redeem, list who has them, take away."
)

Code = Annotated[str, typer.Argument(help="The coupon's code.")]

COLUMNS = (
    Column("code", "offer/key", style="bold"),
    Column("name", "offer/name"),
    Column("off", lambda result: _off(result["offer"])),
    Column("frequency", lambda result: str(result["offer"].get("frequency", "once"))),
    Column("redeemed", "redemptions", is_right=True),
    Column("retired", moment("retired_at")),
)
REDEMPTIONS = (
    Column("id", "id", style="dim"),
    Column("code", "code", style="bold"),
    Column("customer", "customer"),
    Column("subscription", "subscription"),
    Column("redeemed", moment("redeemed_at")),
    Column("used", "used", is_right=True),
    Column("invoices", "used_periods", is_right=True),
    Column("spent", "is_spent"),
    Column("taken away", moment("ended_at")),
)


def _off(offer: dict[str, Any]) -> str:
    if "rate_pct" in offer:
        return f"{offer['rate_pct']} %"
    amounts = [f"{offer['amount']} {offer['currency']}"]
    others = offer.get("in_currency", {})
    amounts += [f"{said['amount']} {currency}" for currency, said in others.items()]
    return ", ".join(amounts)


@commands.command(
    "create",
    epilog="Example: [cyan]tallybook coupon create WELCOME --percent 20 --periods 3[/]",
)
def create(
    context: typer.Context,
    code: Code,
    *,
    name: Annotated[str, typer.Option(help="Printed on invoices; the code without.")] = "",
    percent: Annotated[str, typer.Option(help="A percentage off.")] = "",
    amount: Annotated[str, typer.Option(help="An amount off, in major units.")] = "",
    currency: Annotated[str, typer.Option(help="Of the amount.")] = "",
    in_currency: Annotated[
        list[str] | None, typer.Option(help="The amount in another one, USD=12.00; repeatable.")
    ] = None,
    periods: Annotated[int | None, typer.Option(help="For so many invoices.")] = None,
    is_forever: Annotated[bool, typer.Option("--forever", help="For every invoice.")] = False,
    plan: Annotated[list[str] | None, typer.Option(help="Only of this plan; repeatable.")] = None,
    price: Annotated[list[str] | None, typer.Option(help="Only of this price; repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(help="Redemptions in all.")] = None,
    until: Annotated[str, typer.Option(help="Redeemable until; RFC 3339.")] = "",
    is_exclusive: Annotated[
        bool, typer.Option("--exclusive", help="Stands with no other coupon.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a coupon. The same again is no error."""
    frequency = "recurring" if periods else "forever" if is_forever else "once"
    said = {
        "key": code,
        "name": name or code,
        "rate_pct": percent,
        "amount": amount,
        "currency": currency,
        "in_currency": {
            named: {"amount": other}
            for named, _, other in (each.partition("=") for each in in_currency or ())
        }
        or None,
        "frequency": frequency,
        "periods": periods,
        "only_plans": plan or "",
        "only_prices": price or "",
        "max_redemptions": limit,
        "redeem_until": until,
        "is_exclusive": is_exclusive or None,
    }
    body = {field: value for field, value in said.items() if value not in ("", None)}
    with session_of(context).open() as api:
        show_one(api.post("/v1/coupons", body), COLUMNS, as_json=as_json)


@commands.command("list")
def list_coupons(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List coupons in order of their codes."""
    with session_of(context).open() as api:
        show(api.each("/v1/coupons", limit=limit), COLUMNS, as_json=as_json)


@commands.command("retire")
def retire(context: typer.Context, code: Code, as_json: AsJson = False) -> None:
    """Let nobody redeem it any more; who has it keeps it."""
    with session_of(context).open() as api:
        show_one(api.delete(f"/v1/coupons/{code}"), COLUMNS, as_json=as_json)


@commands.command(
    "redeem", epilog="Example: [cyan]tallybook coupon redeem WELCOME --customer acme[/]"
)
def redeem(
    context: typer.Context,
    code: Code,
    customer: Annotated[str, typer.Option(help="The customer's key.")],
    subscription: Annotated[str, typer.Option(help="For this subscription alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give a customer a coupon. Who has it already is shown what it has."""
    body = {"code": code, "customer": customer, "subscription": subscription or None}
    with session_of(context).open() as api:
        show_one(api.post("/v1/coupon-redemptions", body), REDEMPTIONS, as_json=as_json)


@commands.command("redemptions")
def redemptions(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="The customer's key.")],
    as_json: AsJson = False,
) -> None:
    """List the coupons that a customer redeemed."""
    with session_of(context).open() as api:
        found = api.get("/v1/coupon-redemptions", {"customer": customer})["results"]
        show(found, REDEMPTIONS, as_json=as_json)


@commands.command("take-away")
def take_away(
    context: typer.Context,
    redemption: Annotated[str, typer.Argument(help="The redemption's id, red_….")],
    as_json: AsJson = False,
) -> None:
    """Take a coupon away: it acts on no invoice drawn up from now on."""
    with session_of(context).open() as api:
        ended = api.delete(f"/v1/coupon-redemptions/{redemption}")
        show_one(ended, REDEMPTIONS, as_json=as_json)
