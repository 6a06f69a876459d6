"""The program's commands, put together. Who starts the program adds those that need no API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tallybook.cli.client import Connect
from tallybook.cli.commands import (
    apply,
    bill,
    change,
    clock,
    collective,
    corrections,
    coupon,
    customer,
    demo,
    event_type,
    events,
    events_found,
    experiment,
    ingest,
    invoice,
    key,
    meter,
    migration,
    plan,
    plan_import,
    product,
    quality,
    quarantine,
    restatements,
    subscription,
    unit,
    usage,
)
from tallybook.cli.session import Session

_GROUPS = {
    "events": events.commands,
    "corrections": corrections.commands,
    "event-type": event_type.commands,
    "quarantine": quarantine.commands,
    "meter": meter.commands,
    "customer": customer.commands,
    "plan": plan_import.commands,
    "product": product.commands,
    "feature": product.features,
    "unit": unit.commands,
    "migration": migration.commands,
    "experiment": experiment.commands,
    "subscription": subscription.commands,
    "coupon": coupon.commands,
    "bill": bill.commands,
    "invoice": invoice.commands,
    "restatements": restatements.commands,
    "key": key.commands,
    "clock": clock.commands,
    "collective": collective.commands,
}


subscription.commands.add_typer(change.commands, name="change")
customer.commands.command("entitlements")(product.entitlements)
events.commands.command("search", epilog=events_found.SEARCH_EPILOG)(events_found.search)
events.commands.command("tail", epilog=events_found.TAIL_EPILOG)(events_found.tail)


def compose(connect: Connect) -> typer.Typer:
    """The program, its commands reaching the API through `connect` unless a URL is given.

    The context's `obj` is the `Session`, also for commands that are added later.
    """
    app = typer.Typer(
        name="tallybook",
        help="Usage-based billing you can explain: events in, exact invoices out.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        context: typer.Context,
        *,
        directory: Annotated[
            Path | None,
            typer.Option(
                "--directory", "-d", envvar="TALLYBOOK_HOME", help="The data directory to work on."
            ),
        ] = None,
        url: Annotated[
            str, typer.Option(envvar="TALLYBOOK_URL", help="A server elsewhere, with its API key.")
        ] = "",
        api_key: Annotated[
            str, typer.Option(envvar="TALLYBOOK_API_KEY", help="The key to use with --url.")
        ] = "",
        organization: Annotated[
            str,
            typer.Option(
                "--organization",
                envvar="TALLYBOOK_ORGANIZATION",
                help="Key of the organization to act for; a data directory may keep several.",
            ),
        ] = "",
        is_quiet: Annotated[
            bool, typer.Option("--quiet", "-q", help="Do not say which server is used.")
        ] = False,
    ) -> None:
        context.obj = Session(connect, directory, url.rstrip("/"), api_key, organization, is_quiet)

    for name, commands in _GROUPS.items():
        app.add_typer(commands, name=name)
    app.command(epilog="Example: [cyan]tallybook demo --serve[/]")(demo.demo)
    app.command(epilog=ingest.EPILOG)(ingest.ingest)
    app.command(epilog="Example: [cyan]tallybook apply catalog.toml --dry-run[/]")(apply.apply)
    app.command(epilog=usage.EPILOG)(usage.usage)
    app.command(epilog=plan.PRICE_EPILOG)(plan.price)
    app.command(epilog=quality.EPILOG)(quality.quality)
    app.command("verify")(invoice.verify)
    return app
