"""`tallybook subscription change`: made, tried out, listed, undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tallybook.cli.commands.agreeing import (
    BillsNow,
    NoticeDays,
    Renewal,
    RenewsInto,
    contract,
    given,
    overrides_of,
)
from tallybook.cli.commands.invoice import show_whole
from tallybook.cli.commands.subscription import FIELDS, Key
from tallybook.cli.options import spread
from tallybook.cli.session import AsJson, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one

commands = typer.Typer(
    no_args_is_help=True,
    help="Changes of a subscription: plan, override, quantity, pause, resume, end-trial,"
    " reactivate, contract, calendar, list, undo.",
)

At = Annotated[str, typer.Option("--at", help="now, period_end or term_end.")]
Since = Annotated[str, typer.Option("--effective-at", help="RFC 3339, past or ahead.")]
ProratedBy = Annotated[
    str, typer.Option("--proration", help="Of its period's fees: prorated, none or full.")
]
IsPreview = Annotated[
    bool, typer.Option("--preview", help="Show the next invoice as it would be; record nothing.")
]
OrderKey = Annotated[
    str, typer.Option("--key", help="A key of your own: sent again under it, it is made once.")
]


@dataclass(frozen=True)
class Way:
    """From when a change holds, and how it is billed."""

    at: At = ""
    effective_at: Since = ""
    proration: ProratedBy = ""
    bills_now: BillsNow = False
    is_preview: IsPreview = False
    order_key: OrderKey = ""

    def said(self) -> dict[str, object]:
        """What was said of it."""
        return given(
            at=self.at,
            effective_at=self.effective_at,
            proration=self.proration,
            bills_at_once=self.bills_now,
            key=self.order_key,
        )


def _said(change: Mapping[str, Any]) -> str:
    if change["plan"] is not None:
        return f"{change['plan']} v{change['version']}"
    if change["price"] is not None:
        return f"{change['price']} {change['quantity']}"
    return "" if change["undoes"] is None else f"change {change['undoes']}"


_COLUMNS = (
    Column("number", "number", is_right=True),
    Column("kind", "kind", style="bold"),
    Column("what", _said),
    Column("holds from", moment("effective_at")),
    Column("recorded", moment("recorded_at")),
    Column("proration", "proration"),
    Column("undone", "is_undone"),
)


@commands.command(
    "plan",
    epilog="Example: [cyan]tallybook subscription change plan acme-pro enterprise"
    " --at period_end[/]",
)
@spread
def to_plan(
    context: typer.Context,
    key: Key,
    plan: Annotated[str, typer.Argument(help="The other plan's key.")],
    *,
    version: Annotated[int | None, typer.Option(help="Its version; the latest without.")] = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """To another plan: an upgrade or a downgrade."""
    what = {"kind": "plan", "plan": plan, "version": version}
    _change(context, key, what, way, as_json=as_json)


@commands.command(
    "override",
    epilog="Example: [cyan]tallybook subscription change override acme-pro agreed.json"
    " --at period_end[/]",
)
@spread
def override(
    context: typer.Context,
    key: Key,
    overrides: Annotated[
        Path, typer.Argument(help="What the contract says otherwise, in JSON; {} is nothing.")
    ],
    *,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """To other overrides of the same plan: prices, allowances, discounts, commitments."""
    what = {"kind": "override", "overrides": overrides_of(overrides)}
    _change(context, key, what, way, as_json=as_json)


@commands.command(
    "quantity",
    epilog="Example: [cyan]tallybook subscription change quantity acme-pro seats 5[/]",
)
@spread
def quantity(
    context: typer.Context,
    key: Key,
    price: Annotated[str, typer.Argument(help="The fee's key, such as seats.")],
    count: Annotated[str, typer.Argument(metavar="QUANTITY", help="How many.")],
    *,
    is_added: Annotated[bool, typer.Option("--add", help="So many more.")] = False,
    is_taken: Annotated[bool, typer.Option("--remove", help="So many less.")] = False,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """So many of a fee: seats, licences, add-ons."""
    kind = "add_quantity" if is_added or is_taken else "set_quantity"
    amount = f"-{count}" if is_taken else count
    what = {"kind": kind, "price_key": price, "quantity": amount}
    _change(context, key, what, way, as_json=as_json)


def _add_simple(kind: str, about: str) -> None:
    @commands.command(kind.replace("_", "-"), help=about)
    @spread
    def simple(
        context: typer.Context,
        key: Key,
        *,
        way: Way,
        as_json: AsJson = False,
    ) -> None:
        _change(context, key, {"kind": kind}, way, as_json=as_json)


_add_simple("pause", "No service and no fees until it is resumed.")
_add_simple("resume", "Service and fees again.")
_add_simple("end_trial", "The trial is over; from now on it is paid for.")
_add_simple("reactivate", "One that has ended begins again, on its calendar.")


@commands.command(
    "contract",
    epilog="Example: [cyan]tallybook subscription change contract acme-pro year"
    " --notice-days 30[/]",
)
def to_contract(
    context: typer.Context,
    key: Key,
    term: Annotated[str, typer.Argument(help="How long both are bound: year, 2:year, 6:month.")],
    *,
    renewal: Renewal = "",
    renews_into: RenewsInto = "",
    notice_days: NoticeDays = None,
    at: At = "",
    effective_at: Since = "",
    order_key: OrderKey = "",
    as_json: AsJson = False,
) -> None:
    """Bind both by a contract with a term, in place of one there was."""
    what = {"kind": "contract", **(contract(term, renewal, renews_into, notice_days) or {})}
    _change(context, key, what, Way(at, effective_at, order_key=order_key), as_json=as_json)


@commands.command(
    "calendar",
    epilog="Example: [cyan]tallybook subscription change calendar acme-pro"
    " --anchor 2026-04-15T00:00:00Z[/]",
)
def to_calendar(
    context: typer.Context,
    key: Key,
    *,
    alignment: Annotated[str, typer.Option(help="anniversary or calendar.")] = "",
    anchor: Annotated[str, typer.Option(help="RFC 3339; the change's time without.")] = "",
    at: At = "",
    effective_at: Since = "",
    bills_now: BillsNow = False,
    is_preview: IsPreview = False,
    order_key: OrderKey = "",
    as_json: AsJson = False,
) -> None:
    """Count periods otherwise from then on: from another day, or with the calendar."""
    what = {"kind": "calendar", "alignment": alignment, "anchor": anchor}
    way = Way(at, effective_at, bills_now=bills_now, is_preview=is_preview, order_key=order_key)
    _change(context, key, what, way, as_json=as_json)


@commands.command("list")
def list_changes(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """List every change, also those undone, in the order of recording."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/subscriptions/{key}/changes")["results"]
    show(found, _COLUMNS, as_json=as_json)


@commands.command("undo")
def undo(
    context: typer.Context,
    key: Key,
    number: Annotated[int, typer.Argument(help="The change's number.")],
    as_json: AsJson = False,
) -> None:
    """Undo a change, as if it had never been made."""
    with session_of(context).open() as api:
        _show_changed(api.delete(f"/v1/subscriptions/{key}/changes/{number}"), as_json)


def _change(
    context: typer.Context, key: str, what: Mapping[str, Any], way: Way, *, as_json: bool
) -> None:
    body = {"what": given(**what), **way.said()}
    with session_of(context).open() as api:
        if not way.is_preview:
            _show_changed(api.post(f"/v1/subscriptions/{key}/changes", body), as_json)
            return
        preview = api.post(f"/v1/subscriptions/{key}/change-previews", body)
    if as_json:
        print_json(preview)
    elif preview["changed"] is None:
        screen().print("No invoice would follow.")
    else:
        show_whole(preview["changed"])
        if preview["unchanged"] is not None:
            before = preview["unchanged"]
            screen().print(f"Without the change: {before['total']} {before['currency']}")


def _show_changed(changed: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(changed)
        return
    show(changed["changes"], _COLUMNS, as_json=False)
    show_one(changed["subscription"], FIELDS, as_json=False)
    for invoice in changed["invoices"]:
        show_whole(invoice)
