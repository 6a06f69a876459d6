"""`tallybook plan`: what is sold. Plans are published from files, by `tallybook apply`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import (
    Column,
    moment,
    plain_table,
    print_json,
    screen,
    show,
    show_one,
    text_at,
)
from tallybook.cli.workings import show_lines
from tallybook.domain.kernel.errors import Invalid

commands = typer.Typer(
    no_args_is_help=True,
    help="Plans: list, show, versions, diff, compare, price, drafts, copies, retirement, import."
    " `tallybook apply` publishes them.",
)

Key = Annotated[str, typer.Argument(help="The plan's key.")]

_AROUND = ("allowance", "discount_pct", "maximum", "minimum", "prorates")


def _around(price: Mapping[str, Any]) -> str:
    """What is done around a price's rule, by the fields that say so."""
    return ", ".join(f"{name} {text_at(price, name)}" for name in _AROUND if name in price)


COLUMNS = (
    Column("key", "key", style="bold"),
    Column("version", "version", is_right=True),
    Column("name", "name"),
    Column("currency", "currency"),
    Column("billed", lambda plan: f"every {plan['interval_count']} {plan['interval']}"),
    Column("prices", lambda plan: str(len(plan["prices"])), is_right=True),
    Column("published", moment("created_at")),
    Column("retired", moment("retired_at")),
)
_PRICES = (
    Column("price", "key", style="bold"),
    Column("name", "name"),
    Column("meter", "meter"),
    Column("only", "match"),
    Column("model", "rule/model"),
    Column("rule", lambda price: _rule(price["rule"])),
    Column("around it", _around),
)
_GRANTS = (
    Column("grants", "feature", style="bold"),
    Column("how much", lambda grant: grant.get("text") or grant.get("limit") or "no limit"),
)
DIFFERENCES = (
    Column("change", "change"),
    Column("what differs", "sentence"),
    Column("where", "path", style="dim"),
)


@commands.command("list")
def list_plans(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List plans, each with its latest version."""
    with session_of(context).open() as api:
        show(api.each("/v1/plans", limit=limit), COLUMNS, as_json=as_json)


def _rest(condition: Mapping[str, Any]) -> str:
    said = {name: said for name, said in condition.items() if name not in {"key", "name"}}
    return ", ".join(f"{name} {text_at(said, name)}" for name in said)


_CONDITIONS = (
    Column("condition", "key", style="bold"),
    Column("name", "name"),
    Column("says", _rest),
)


@commands.command("show")
def show_plan(
    context: typer.Context,
    key: Key,
    version: Annotated[int | None, typer.Option(help="Another than the latest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a plan with its prices."""
    path = f"/v1/plans/{key}" if version is None else f"/v1/plans/{key}/versions/{version}"
    with session_of(context).open() as api:
        plan = api.get(path)
    show_one(plan, (*COLUMNS, Column("also in", "currencies")), as_json=as_json)
    if not as_json:
        table = plain_table(*_PRICES)
        for price in plan["prices"]:
            table.add_row(*(Text(column.of(price)) for column in _PRICES))
        screen().print(table)
        if plan["grants"]:
            show(plan["grants"], _GRANTS, as_json=False)
        kinds = ("shared_allowances", "commitments", "spend_limits")
        conditions = [each for kind in kinds for each in plan[kind]]
        if conditions:
            show(conditions, _CONDITIONS, as_json=False)


@commands.command("versions")
def versions(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """List every version of a plan."""
    with session_of(context).open() as api:
        show(api.each(f"/v1/plans/{key}/versions"), COLUMNS, as_json=as_json)


@commands.command("diff", epilog="Example: [cyan]tallybook plan diff pro 1 2[/]")
def diff(
    context: typer.Context,
    key: Key,
    before: Annotated[int, typer.Argument(help="The older version.")],
    after: Annotated[int, typer.Argument(help="The newer version.")],
    as_json: AsJson = False,
) -> None:
    """Show what a version says otherwise than another."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/plans/{key}/differences", {"before": before, "after": after})
        show(found["results"], DIFFERENCES, as_json=as_json)


PRICE_EPILOG = (
    "Example: [cyan]tallybook price pro input=3000000 people=5[/], by model"
    " [cyan]tallybook price payg 'input\\[model=large]=3000000'[/], or what a customer's last month"
    " would cost: [cyan]tallybook price pro --customer acme[/]"
)


@commands.command("price", epilog=PRICE_EPILOG)
def price(
    context: typer.Context,
    key: Key,
    quantity: Annotated[
        list[str] | None,
        typer.Argument(
            help="PRICE=QUANTITY; 0 for what is not named. What a price goes by stands before:"
            " PRICE[DIMENSION=VALUE,…]=QUANTITY, PRICE@TIME=QUANTITY."
        ),
    ] = None,
    *,
    customer: Annotated[str, typer.Option(help="What this customer used, instead.")] = "",
    period: Annotated[str, typer.Option(help="When, such as 2026-03; last month without.")] = "",
    currency: Annotated[str, typer.Option(help="In another currency of the plan.")] = "",
    version: Annotated[int | None, typer.Option(help="Another than the latest.")] = None,
    coupon: Annotated[
        list[str] | None, typer.Option(help="A coupon's code, taken off; repeat it.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Whose clock goes, of what is sent.")] = "",
    locale: Annotated[str, typer.Option(help="The language of the working.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Show what such a period would cost, with the working. Nothing is kept."""
    with session_of(context).open() as api:
        said = {
            "plan": key,
            "version": version,
            **_asked(quantity or []),
            "coupons": coupon,
            "timezone": timezone,
            "customer": customer,
            "period": period,
            "currency": currency,
            "locale": locale,
        }
        body = {name: value for name, value in said.items() if value}
        preview = api.post("/v1/price-previews", body)
    if as_json:
        print_json(preview)
        return
    show_lines(preview["lines"], currency=preview["currency"], total=preview["total"])


_ASKED = re.compile(r"(?P<price>[^\[@=]+)(?:@(?P<at>[^\[]+))?(?:\[(?P<split>.+)\])?")


def _asked(texts: list[str]) -> dict[str, Any]:
    """Quantities by price; of a price that is split, or named more than once, its usage."""
    usage: dict[str, list[dict[str, Any]]] = {}
    for text in texts:
        name, equals, quantity = text.rpartition("=")
        read = _ASKED.fullmatch(name)
        if not equals or read is None:
            raise _malformed(text)
        portion: dict[str, Any] = {"quantity": quantity}
        if read["at"]:
            portion["starts_at"] = _time(read["at"])
        if read["split"]:
            pairs = [each.partition("=") for each in read["split"].split(",")]
            if not all(equals for _, equals, _ in pairs):
                raise _malformed(text)
            portion["dimensions"] = {name: value for name, _, value in pairs}
        usage.setdefault(read["price"], []).append(portion)
    plain = {
        key: portions[0]["quantity"]
        for key, portions in usage.items()
        if len(portions) == 1 and len(portions[0]) == 1
    }
    split = {key: portions for key, portions in usage.items() if key not in plain}
    return {"quantities": plain, "usage": split}


def _time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise Invalid(
            "malformed_time",
            f"{text!r} is no time.",
            field="quantity",
            mend="Write PRICE@TIME=QUANTITY, such as energy@2026-07-01T17:00Z=30.",
        ) from None


def _malformed(text: str) -> Invalid:
    return Invalid(
        "malformed_quantity",
        f"{text!r} does not say how much of what.",
        field="quantity",
        mend="Write PRICE=QUANTITY, such as input=3000000 or 'input[model=large]=3000000'.",
    )


def _rule(rule: Mapping[str, Any]) -> str:
    """A rule's figures in short: `≤ 10: 1.00 · more: 0.50`."""
    if "tiers" in rule:
        return " · ".join(_tier(tier) for tier in rule["tiers"])
    return " · ".join(f"{name} {value}" for name, value in rule.items() if name != "model")


def _tier(tier: Mapping[str, Any]) -> str:
    bound = f"≤ {tier['up_to']}" if tier.get("up_to") is not None else "more"
    flat = f" + {tier['flat_amount']}" if tier.get("flat_amount", "0") != "0" else ""
    return f"{bound}: {tier.get('unit_amount', '0')}{flat}"
