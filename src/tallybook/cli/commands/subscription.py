"""`tallybook subscription`: customers' contracts to plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tallybook.cli.commands.agreeing import (
    BillsNow,
    Coupons,
    FreePlan,
    NeedsPaymentMethod,
    NoticeDays,
    OverridesFile,
    Phases,
    Quantities,
    Renewal,
    RenewsInto,
    Term,
    TrialAgain,
    TrialDays,
    TrialThen,
    TrialUsage,
    WithoutPaymentMethod,
    contract,
    given,
    overrides_of,
    phases,
    usage_limit,
)
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, show, show_one, stretch

commands = typer.Typer(
    no_args_is_help=True,
    help="Subscriptions: create, list, show, change, phases, schedule, cancel, keep.",
)

Key = Annotated[str, typer.Argument(help="The subscription's key.")]

COLUMNS = (
    Column("key", "key", style="bold"),
    Column("customer", "customer"),
    Column("plan", lambda result: f"{result['plan']} v{result['version']}"),
    Column("status", "status"),
    Column("period", stretch("period", "timezone")),
)


def _contract(result: Mapping[str, Any]) -> str:
    terms = result["contract"]
    if terms is None:
        return ""
    if terms["term"] is None:
        return "open-ended"
    return f"until {moment('term/ends')(terms)}, then {terms['renewal'].replace('_', ' ')}"


FIELDS = (
    *COLUMNS,
    Column("time zone", "timezone"),
    Column("billed", lambda result: f"every {result['interval_count']} {result['interval']}"),
    Column("quantities", "quantities"),
    Column("trial until", moment("trial_ends_at")),
    Column("contract", _contract),
    Column("notice due", moment("contract/notice_due_at")),
    Column("alignment", "alignment"),
    Column("anchor", moment("anchor")),
    Column("starts", moment("starts_at")),
    Column("ends", moment("ends_at")),
    Column("id", "id", style="dim"),
)


@commands.command(
    "create",
    epilog="Example: [cyan]tallybook subscription create acme-pro --customer acme --plan pro"
    " --starts-at 2026-03-01T00:00:00Z --alignment calendar[/]",
)
def create(
    context: typer.Context,
    key: Key,
    *,
    customer: Annotated[str, typer.Option(help="The customer's key.")],
    plan: Annotated[str, typer.Option(help="The plan's key.")],
    version: Annotated[int | None, typer.Option(help="Its version; the latest without.")] = None,
    starts_at: Annotated[str, typer.Option(help="RFC 3339; now without.")] = "",
    ends_at: Annotated[str, typer.Option(help="RFC 3339; open-ended without.")] = "",
    alignment: Annotated[str, typer.Option(help="anniversary or calendar.")] = "",
    boundary_time: Annotated[str, typer.Option(help="local_midnight or anchor_time.")] = "",
    anchor: Annotated[str, typer.Option(help="RFC 3339; the start without.")] = "",
    quantity: Quantities = None,
    counting: Annotated[str, typer.Option(help="Parts of periods: by_day or by_second.")] = "",
    trial_days: TrialDays = None,
    trial_usage: TrialUsage = "",
    trial_then: TrialThen = "",
    free_plan: FreePlan = "",
    trial_needs_payment_method: NeedsPaymentMethod = False,
    without_payment_method: WithoutPaymentMethod = "",
    trial_again: TrialAgain = False,
    term: Term = "",
    renewal: Renewal = "",
    renews_into: RenewsInto = "",
    notice_days: NoticeDays = None,
    phase: Phases = None,
    overrides: OverridesFile = None,
    coupon: Coupons = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe a customer to a plan. The same again is no error."""
    trial = given(
        days=trial_days,
        usage=usage_limit(trial_usage),
        free_plan=free_plan,
        then=trial_then,
        requires_payment_method=trial_needs_payment_method,
        without_payment_method=without_payment_method,
        again=trial_again,
    )
    said = {
        **{"key": key, "customer": customer, "plan": plan, "version": version},
        **{"starts_at": starts_at, "ends_at": ends_at, "anchor": anchor},
        **{"alignment": alignment, "boundary_time": boundary_time},
        "counting": counting,
        "quantities": dict(map(_pair, quantity or ())) or None,
        "trial": trial or None,
        "contract": contract(term, renewal, renews_into, notice_days),
        "phases": phases(phase) or None,
        "overrides": None if overrides is None else overrides_of(overrides),
        "coupons": coupon or None,
    }
    with session_of(context).open() as api:
        show_one(api.post("/v1/subscriptions", given(**said)), FIELDS, as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    """`seats=5` as a key and a number."""
    key, _, count = text.rpartition("=")
    return key, count


@commands.command("list")
def list_subscriptions(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Only this customer's.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List subscriptions in key order."""
    with session_of(context).open() as api:
        found = api.each("/v1/subscriptions", {"customer": customer}, limit=limit)
        show(found, COLUMNS, as_json=as_json)


@commands.command("show")
def show_subscription(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one subscription."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/subscriptions/{key}"), FIELDS, as_json=as_json)


@commands.command("cancel", epilog="Example: [cyan]tallybook subscription cancel acme-pro --now[/]")
def cancel(
    context: typer.Context,
    key: Key,
    *,
    is_now: Annotated[
        bool, typer.Option("--now", help="At once, not at the end of the period.")
    ] = False,
    at: Annotated[
        str, typer.Option(help="now, period_end or term_end; without, as a contract lets it.")
    ] = "",
    refund: Annotated[
        str, typer.Option(help="Of the period's fees: prorated, full or none.")
    ] = "prorated",
    waives_contract: Annotated[
        bool, typer.Option("--waive-contract", help="Although the term is not over.")
    ] = False,
    bills_now: BillsNow = False,
    as_json: AsJson = False,
) -> None:
    """End a subscription with its period, or by notice. What was used until then is billed."""
    body = given(
        at="now" if is_now else at,
        refund=refund,
        waives_contract=waives_contract,
        bills_at_once=bills_now,
    )
    with session_of(context).open() as api:
        ended = api.post(f"/v1/subscriptions/{key}/cancellation", body)
        show_one(ended, FIELDS, as_json=as_json)


@commands.command("keep")
def keep(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Take a decided end back, as long as it has not come."""
    with session_of(context).open() as api:
        kept = api.delete(f"/v1/subscriptions/{key}/cancellation")
        show_one(kept, FIELDS, as_json=as_json)


_PHASE_COLUMNS = (
    Column("from", moment("starts")),
    Column("to", moment("ends")),
    Column("plan", lambda result: f"{result['plan']} v{result['version']}", style="bold"),
    Column("quantities", "quantities"),
    Column("trial", "is_trial"),
    Column("paused", "is_paused"),
    Column("contract", "is_under_contract"),
)


@commands.command("phases")
def show_phases(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show what a subscription is to, from its start to its end, by all that is decided."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/subscriptions/{key}/phases")["results"]
    show(found, _PHASE_COLUMNS, as_json=as_json)


@commands.command(
    "schedule",
    epilog="Example: [cyan]tallybook subscription schedule acme-pro --phase"
    " from=2026-07-01T00:00:00Z,seats=10 --phase after=12,plan=enterprise[/]",
)
def schedule(
    context: typer.Context, key: Key, phase: Phases = None, as_json: AsJson = False
) -> None:
    """Schedule what is different later, in place of what was scheduled before."""
    with session_of(context).open() as api:
        found = api.put(f"/v1/subscriptions/{key}/phases", {"phases": phases(phase)})["results"]
    show(found, _PHASE_COLUMNS, as_json=as_json)
