"""`tallybook demo`: a month of a made-up AI company, billed before your eyes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from tallybook.cli.client import Api
from tallybook.cli.commands.bill import show_run
from tallybook.cli.commands.invoice import show_events, show_verification, show_whole
from tallybook.cli.demo import story
from tallybook.cli.demo.company import EVENTS, Month, companies
from tallybook.cli.session import session_of
from tallybook.cli.tables import Column, screen, show, stretch
from tallybook.cli.workings import grouped
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import so_many

_BY_PLAN = (
    Column("plan", "plan"),
    Column("currency", "currency"),
    Column("invoices", "invoices", is_right=True),
    Column("total", "total", is_right=True, style="bold"),
    Column("the largest", "largest", is_right=True),
)


def demo(
    context: typer.Context,
    *,
    into: Annotated[Path, typer.Option(help="The data directory to use.")] = Path("demo-data"),
    month: Annotated[str, typer.Option(help="YYYY-MM; the last one gone by without.")] = "",
    events: Annotated[int, typer.Option(min=1000, help="How many events.")] = EVENTS,
    is_served: Annotated[
        bool, typer.Option("--serve", help="Serve the result until Ctrl-C.")
    ] = False,
) -> None:
    """Bill a month of a made-up AI company: 320 customers, 320,000 events, five plans.

    It works in a data directory of its own, with embedded engines. Run again, it counts nothing
    and bills nothing twice.
    """
    console = screen()
    session = replace(session_of(context), directory=into, url="", organization="")
    for name in ("TALLYBOOK_DATABASE_URL", "TALLYBOOK_EVENTS_URL"):
        os.environ.pop(name, None)  # the demo never writes into books that are elsewhere
    started = time.monotonic()
    with session.open() as api:
        shown = _play(api, console, _month(month), events)
    console.print(f"[dim]All of it took {time.monotonic() - started:,.1f} s.[/]\n")
    _say_what_next(into, shown)
    if is_served:
        serve = [sys.executable, sys.argv[0], "-d", str(into), "serve"]
        os.execv(sys.executable, serve)  # noqa: S606 - this very program, with another command


def _month(text: str) -> Month | None:
    if not text:
        return None
    year, _, number = text.partition("-")
    if not (year.isdigit() and number.isdigit() and 1 <= int(number) <= 12):
        raise typer.BadParameter(f"{text!r}: write a month such as 2026-03.")
    return Month(int(year), int(number))


def _play(api: Api, console: Console, asked: Month | None, count: int) -> Mapping[str, Any]:
    """Every act, told as it happens; the invoice that was shown."""
    story.enter(api)
    added = story.apply_catalog(api)
    console.print(_step("Catalog", f"{added} new entries" if added else "as it was"))
    kept = story.month_kept(api)
    month = kept or asked or story.month_gone_by(api)
    if asked not in (None, month):
        raise Invalid(
            "another_month",
            f"This directory has the demo of {month} already.",
            field="month",
            mend="Leave --month out, or take another directory: --into.",
        )
    console.print(_step("Customers", f"{story.sign_up(api, month)} on five plans, from {month}"))
    verdicts = story.send_events(api, month, count)
    console.print(_step("Events", ", ".join(f"{n:,} {what}" for what, n in verdicts.items() if n)))
    run = story.bill(api, month)
    invoices = story.invoices_of(api, month)
    console.print(_step("Bill", f"{run['invoices']} new invoices, {len(invoices)} for {month}"))
    show_run(run)
    if not run["invoices"]:
        console.print("Nothing was billed twice: every period was closed before.\n")
    show(_by_plan(invoices), _BY_PLAN, as_json=False, title=f"All invoices of {month}")
    return _explain(api, console, invoices)


def _explain(
    api: Api, console: Console, invoices: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """One invoice in full, some of the events behind a line of it, and its verification."""
    pro = [one.key for one in companies() if one.plan == "pro"]
    header = next(one for one in invoices if one["customer"]["key"] == pro[0])
    invoice: Mapping[str, Any] = api.get(f"/v1/invoices/{header['id']}", {"locale": "en"})
    console.rule("One of them, line by line", style="dim")
    show_whole(invoice)
    line = next(one for one in invoice["lines"] if one["price_key"] == "input")
    events = api.each(f"/v1/invoices/{invoice['id']}/lines/{line['number']}/events", limit=5)
    console.print(
        f"The first of the {so_many(line['evidence']['event_count'], 'event|events')} behind line "
        f"{line['number']}, {escape(line['name'])}:"
    )
    show_events(events)
    show_verification(api.post(f"/v1/invoices/{invoice['id']}/verify"))
    return invoice


def _by_plan(invoices: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """How many invoices each plan has, and what they sum to."""
    plans = {company.key: company.plan for company in companies()}
    rows = []
    for plan in dict.fromkeys(plans.values()):
        totals = [
            Decimal(one["total"]) for one in invoices if plans[one["customer"]["key"]] == plan
        ]
        currency = next(o["currency"] for o in invoices if plans[o["customer"]["key"]] == plan)
        rows.append(
            {
                "plan": plan,
                "currency": currency,
                "invoices": f"{len(totals)}",
                "total": grouped(str(sum(totals))),
                "largest": grouped(str(max(totals))),
            }
        )
    return rows


def _step(act: str, what: str) -> str:
    return f"[bold green]✓[/] [bold]{act:<10}[/] {escape(what)}"


def _say_what_next(into: Path, invoice: Mapping[str, Any]) -> None:
    """Where everything is now, and commands to go on with, as they can be typed here."""
    program = "tallybook" if shutil.which("tallybook") else os.path.relpath(sys.argv[0])
    at, number, key = f"{program} -d {into}", invoice["number"], invoice["customer"]["key"]
    month = stretch("period", "customer/timezone")(invoice)[: len("2026-03")]
    commands = (
        (f"{at} serve", "the server: the API, its reference at /docs, the pages"),
        (f"{at} console", f"beside it: the pages, signed in; this one is /invoices/{number}"),
        (f"{at} invoice show {number} --locale sv", "the invoice in Swedish"),
        (f"{at} invoice events {number} 3", "every event behind a line"),
        (f"{at} usage input-tokens -c {key} --period {month} -w day", "its usage by day"),
        (f"{at} plan price pro input=5000000", "what a month would cost"),
        (f"{program} demo --into {into}", "again: nothing counts twice, nothing is billed twice"),
        (f"{program} ingest -h", "the same with a file of yours"),
    )
    console = screen()
    console.print(f"[bold]The books are in {escape(str(into))}. What to try next[/]")
    for command, what in commands:
        console.print(Text(f"  {what}", "dim"))
        console.print(Text(f"    {command}", "cyan"), soft_wrap=True)
