"""What is agreed about a subscription, as it is said on the command line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from tallybook.domain.kernel.errors import Invalid

Quantities = Annotated[
    list[str] | None, typer.Option(help="Of a fee, such as seats=5; may be given often.")
]
TrialDays = Annotated[int | None, typer.Option(help="Days of a trial.")]
TrialUsage = Annotated[str, typer.Option(help="A trial until so much is used, such as calls=1000.")]
TrialThen = Annotated[str, typer.Option(help="After it: paid, free or ended.")]
FreePlan = Annotated[str, typer.Option(help="The plan that a free trial ends in.")]
NeedsPaymentMethod = Annotated[
    bool, typer.Option("--trial-needs-payment-method", help="Refused to whom has none.")
]
WithoutPaymentMethod = Annotated[
    str, typer.Option(help="After a trial of who has none: paid, paused or ended.")
]
TrialAgain = Annotated[
    bool, typer.Option("--trial-again", help="Also to whom had one of this plan.")
]
Term = Annotated[
    str, typer.Option("--term", help="Of a contract: year, 2:year, 6:month; none without.")
]
Renewal = Annotated[
    str, typer.Option("--renewal", help="After the term: another_term, open_ended or nothing.")
]
RenewsInto = Annotated[
    str, typer.Option("--renews-into", help="The plan that the term's end leads to.")
]
NoticeDays = Annotated[
    int | None, typer.Option("--notice-days", help="Whole days before the term's end.")
]
Phases = Annotated[
    list[str] | None,
    typer.Option(
        "--phase",
        help="What is different later: after=3,plan=pro,seats=5 (months, or interval=year), or "
        "from=2026-07-01T00:00:00Z,seats=9. May be given often.",
    ),
]
Coupons = Annotated[
    list[str] | None,
    typer.Option(
        "--coupon", help="The code of a coupon, redeemed for this subscription. Repeatable."
    ),
]
OverridesFile = Annotated[
    Path | None,
    typer.Option(
        "--overrides",
        dir_okay=False,
        help="What the contract says otherwise than the plan: a file of JSON.",
    ),
]
BillsNow = Annotated[bool, typer.Option("--bill-now", help="Draw up the invoice for it at once.")]


_EXACTLY = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def overrides_of(path: Path) -> dict[str, Any]:
    """What a file says otherwise than a plan; numbers as they are written."""
    try:
        return _EXACTLY.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(
            "unreadable_overrides", f"{path.name}: {error}", mend="Mend the JSON."
        ) from None


def given(**said: object) -> dict[str, object]:
    """What was said, without what was not."""
    return {
        field: value
        for field, value in said.items()
        if value is not None and value is not False and value != ""
    }


def contract(
    term: str, renewal: str, renews_into: str, notice_days: int | None
) -> dict[str, object] | None:
    """A contract's terms; None where no term is said."""
    if not term:
        return None
    count, _, interval = term.rpartition(":")
    return given(
        interval=interval,
        interval_count=int(count) if count.isdecimal() else count or None,
        renewal=renewal,
        renews_into=renews_into,
        notice_days=notice_days,
    )


def phases(texts: list[str] | None) -> list[dict[str, Any]]:
    """Each `after=3,plan=pro,seats=5` as a phase; what is no field of one is a quantity."""
    return [_phase(text) for text in texts or ()]


def _phase(text: str) -> dict[str, Any]:
    pairs = [part.partition("=")[::2] for part in text.split(",")]
    named = {"after", "interval", "plan", "version", "proration"}
    phase: dict[str, Any] = {name: value for name, value in pairs if name in named}
    for name in ("after", "version"):
        if name in phase and phase[name].isdecimal():
            phase[name] = int(phase[name])
    starts = [value for name, value in pairs if name == "from"]
    if starts:
        phase["starts_at"] = starts[0]
    quantities = {name: value for name, value in pairs if name not in named | {"from"}}
    return phase | ({"quantities": quantities} if quantities else {})


def usage_limit(text: str) -> dict[str, str] | None:
    """`calls=1000` as so much of a meter."""
    meter, _, quantity = text.rpartition("=")
    return {"meter": meter, "quantity": quantity} if text else None
