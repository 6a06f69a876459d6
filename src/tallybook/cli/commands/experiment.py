"""`tallybook experiment`: a plan sold in several arms."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, show, show_one
from tallybook.domain.kernel.errors import Invalid

commands = typer.Typer(
    no_args_is_help=True, help="Experiments: set, list, show, meet, exposures, end."
)

Key = Annotated[str, typer.Argument(help="The experiment's key.")]


def _arms(result: Any) -> str:
    return " · ".join(
        f"{arm['key']} v{arm['version']} ×{arm['weight']}: {arm['exposed']}"
        for arm in result["arms"]
    )


COLUMNS = (
    Column("key", "key", style="bold"),
    Column("plan", "plan"),
    Column("progress", "progress"),
    Column("winner", "winner"),
    Column("arms, and how many met each", _arms),
    Column("started", moment("started_at")),
    Column("ended", moment("ended_at")),
)
_MET = (
    Column("customer", "customer", style="bold"),
    Column("arm", "arm"),
    Column("version", "version"),
    Column("exposed", moment("exposed_at")),
)


@commands.command(
    "set",
    epilog="Example: [cyan]tallybook experiment set cheaper --plan pro --arm control=1"
    " --arm cheap=2:3[/]",
)
def set_experiment(
    context: typer.Context,
    key: Key,
    *,
    plan: Annotated[str, typer.Option(help="The plan's key.")],
    arm: Annotated[list[str], typer.Option(help="ARM=VERSION or ARM=VERSION:WEIGHT.")],
    name: Annotated[str, typer.Option(help="What is tried out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin an experiment on a plan, or weigh its arms anew."""
    with session_of(context).open() as api:
        body = {"name": name or key, "plan": plan, "arms": [_arm(text) for text in arm]}
        show_one(api.put(f"/v1/experiments/{key}", body), COLUMNS, as_json=as_json)


@commands.command("list")
def list_experiments(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List experiments."""
    with session_of(context).open() as api:
        show(api.each("/v1/experiments", limit=limit), COLUMNS, as_json=as_json)


@commands.command("show")
def show_experiment(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one experiment."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/experiments/{key}"), COLUMNS, as_json=as_json)


@commands.command("meet")
def meet(
    context: typer.Context,
    key: Key,
    customer: Annotated[str, typer.Argument(help="The customer's key.")],
    as_json: AsJson = False,
) -> None:
    """Answer a customer's arm, and record that it was met."""
    with session_of(context).open() as api:
        met = api.post(f"/v1/experiments/{key}/exposures", {"customer": customer})
        show_one(met, _MET, as_json=as_json)


@commands.command("exposures")
def exposures(
    context: typer.Context, key: Key, limit: Limit = 100, as_json: AsJson = False
) -> None:
    """List who met which arm, first when."""
    with session_of(context).open() as api:
        found = api.each(f"/v1/experiments/{key}/exposures", limit=limit)
        show(found, _MET, as_json=as_json)


@commands.command("end")
def end(
    context: typer.Context,
    key: Key,
    *,
    winner: Annotated[str, typer.Option(help="The arm that did best.")] = "",
    retires_others: Annotated[
        bool, typer.Option("--retire-others", help="Sell the other arms' versions no more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End an experiment. Who has met an arm keeps it."""
    body = {"winner": winner, "retires_others": retires_others}
    with session_of(context).open() as api:
        show_one(api.post(f"/v1/experiments/{key}/end", body), COLUMNS, as_json=as_json)


def _arm(text: str) -> dict[str, Any]:
    key, _, sold = text.partition("=")
    version, _, weight = sold.partition(":")
    if not (key and version.isdecimal() and (weight or "1").isdecimal()):
        raise Invalid(
            "malformed_arm",
            f"{text!r} is no arm.",
            field="arm",
            mend="Write ARM=VERSION or ARM=VERSION:WEIGHT, such as cheap=2:3.",
        )
    return {"key": key, "version": int(version), "weight": int(weight or "1")}
