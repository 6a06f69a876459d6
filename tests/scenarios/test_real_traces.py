"""Real usage, from the file to the invoice: the totals and amounts their READMEs state, exactly.

Each story goes the whole way that a user goes: a catalog, a file, a billing run, by the command
line. The files are not part of the project; without them the stories are skipped, and say so.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("TALLYBOOK_SHARED", Path(__file__).parents[2].parent / "shared"))

COMPLETIONS = """
[meters.requests]
name = "Requests"
event_type = "completion"
aggregation = { type = "count" }

[meters.input-tokens]
name = "Input tokens"
event_type = "completion"
aggregation = { type = "sum", value = "input_tokens" }
unit = "tokens"

[meters.output-tokens]
name = "Output tokens"
event_type = "completion"
aggregation = { type = "sum", value = "output_tokens" }
unit = "tokens"
"""
AZURE = (
    COMPLETIONS
    + """
[meters.all-tokens]
name = "Tokens"
event_type = "completion"
aggregation = { type = "sum", value = "input_tokens + output_tokens" }
unit = "tokens"

[meters.long-requests]
name = "Requests with a long context"
event_type = "completion"
filter = "input_tokens > 4096"
aggregation = { type = "count" }

[plans.tokens]
name = "Tokens"
currency = "USD"

[plans.tokens.prices.input]
name = "Input tokens"
meter = "input-tokens"
rule = { model = "per_unit", unit_amount = "0.0000025" }

[plans.tokens.prices.output]
name = "Output tokens"
meter = "output-tokens"
rule = { model = "per_unit", unit_amount = "0.00001" }
"""
)
MOONCAKE = (
    COMPLETIONS
    + """
[meters.cached-tokens]
name = "Cached input tokens"
event_type = "completion"
aggregation = { type = "sum", value = "cached_tokens" }
unit = "tokens"

[meters.fresh-tokens]
name = "Input tokens that were not cached"
event_type = "completion"
aggregation = { type = "sum", value = "input_tokens - cached_tokens" }
unit = "tokens"

[plans.tokens]
name = "Tokens"
currency = "USD"

[plans.tokens.prices.input]
name = "Input tokens"
meter = "fresh-tokens"
rule = { model = "per_unit", unit_amount = "0.0000025" }

[plans.tokens.prices.cached]
name = "Cached input tokens"
meter = "cached-tokens"
rule = { model = "per_unit", unit_amount = "0.00000125" }

[plans.tokens.prices.output]
name = "Output tokens"
meter = "output-tokens"
rule = { model = "per_unit", unit_amount = "0.00001" }
"""
)
RATES = (
    "0.0", "0.02", "4.0E-7", "4.4E-7", "5.0E-6", "0.0036", "5.5E-6", "0.023", "0.3", "0.01",
    "3.0E-5", "1.0", "0.025", "1.0E-6", "1.25E-6",
)  # fmt: skip
AWS = """
[meters.amount]
name = "Usage"
event_type = "Usage"
aggregation = { type = "sum", value = "amount" }
dimensions = ["rate"]

[meters.cost]
name = "Cost"
event_type = "Usage"
aggregation = { type = "sum", value = "cost" }

[meters.rows]
name = "Rows"
event_type = "Usage"
aggregation = { type = "count" }

[meters.tax]
name = "Tax"
event_type = "Tax"
aggregation = { type = "sum", value = "cost" }

[meters.products]
name = "Products used"
event_type = "Usage"
aggregation = { type = "unique_count", value = "product" }

[plans.resale]
name = "At cost"
currency = "USD"

[plans.resale.prices.cost]
name = "Usage, at the cost that the rows say"
meter = "cost"
rule = { model = "per_unit", unit_amount = 1 }

[plans.resale.prices.tax]
name = "Tax, as the rows say"
meter = "tax"
rule = { model = "per_unit", unit_amount = 1 }
""" + "".join(
    f"""
[plans.resale.prices.rate-{number}]
name = "Usage at {rate}"
meter = "amount"
match = {{ rate = "{rate}" }}
rule = {{ model = "per_unit", unit_amount = "{rate}" }}
"""
    for number, rate in enumerate(RATES)
)


def trace(name: str) -> Path:
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not here: set TALLYBOOK_SHARED to the folder that has data/{name}")
    return path


@pytest.fixture
def subscribe(tallybook: Any, tmp_path: Path) -> Callable[..., None]:
    """Apply a catalog, with a customer on its only plan from the first of a month for each key."""

    def subscribed(catalog: str, plan: str, starts: str, *keys: str) -> None:
        for key in keys:
            catalog += (
                f'[customers.{key}]\nname = "{key}"\ncurrency = "USD"\n'
                f'[subscriptions.{key}]\ncustomer = "{key}"\nplan = "{plan}"\n'
                f'starts_at = {starts}\nalignment = "calendar"\n'
            )
        path = tmp_path / "catalog.toml"
        path.write_text(catalog)
        tallybook("apply", str(path), "--yes")

    return subscribed


@pytest.fixture
def bill(tallybook: Any) -> Callable[[str], dict[str, Any]]:
    """Close and finalize up to an instant; the invoices by customer, each verified."""

    def billed(until: str) -> dict[str, Any]:
        run = tallybook("bill", "run", "--until", until, "--finalize", "--json").json
        invoices = {}
        for header in tallybook("invoice", "list", "--json").json:
            assert tallybook("verify", header["number"], "--json").json["is_equal"]
            invoice = tallybook("invoice", "show", header["number"], "--json").json
            invoices[invoice["customer"]["key"]] = invoice
        assert run["invoices"] == len(invoices)
        return invoices

    return billed


@pytest.fixture
def used(tallybook: Any) -> Callable[..., Decimal]:
    """The quantity of a meter for one customer and span."""

    def quantity(meter: str, customer: str, starts: str, ends: str) -> Decimal:
        found = tallybook(
            "usage", meter, "--customer", customer, "--from", starts, "--to", ends, "--json"
        ).json["results"]  # fmt: skip
        return Decimal(found[0]["quantity"]) if found else Decimal(0)

    return quantity


def exact(invoice: dict[str, Any]) -> Decimal:
    """What the lines come to before they are rounded."""
    return sum((Decimal(line["exact_amount"]) for line in invoice["lines"]), Decimal(0))


def quantities(invoice: dict[str, Any]) -> dict[str, Decimal]:
    return {line["price_key"]: Decimal(line["quantity"]) for line in invoice["lines"]}


def test_two_services_of_azure_by_the_token(
    tallybook: Any,
    subscribe: Callable[..., None],
    bill: Callable[[str], dict[str, Any]],
    used: Callable[..., Decimal],
) -> None:
    """28,185 requests of one hour of November 2023, with times of seven decimals and no ids."""
    folder = trace("llm-azure-2023")
    subscribe(AZURE, "tokens", "2023-11-01", "code", "conv")
    for service, rows in (("code", 8_819), ("conv", 19_366)):
        arguments = (
            "ingest", str(folder / f"{service}.csv.gz"), "--type", "=completion",
            "--customer", f"={service}", "--time", "TIMESTAMP", "--timezone", "UTC",
            "--id", "@row", "-p", "input_tokens=ContextTokens",
            "-p", "output_tokens=GeneratedTokens", "--json",
        )  # fmt: skip
        assert tallybook(*arguments).json["verdicts"] == {"accepted": rows}
        assert tallybook(*arguments).json["verdicts"] == {"duplicate": rows}, "safe to repeat"

    invoices = bill("2023-12-01T00:00:00Z")
    assert quantities(invoices["code"]) == {"input": 18_059_974, "output": 245_896}
    assert exact(invoices["code"]) == Decimal("47.608895")
    assert [line["amount"] for line in invoices["code"]["lines"]] == ["45.15", "2.46"]
    assert invoices["code"]["total"] == "47.61"
    assert quantities(invoices["conv"]) == {"input": 22_361_870, "output": 4_088_665}
    assert exact(invoices["conv"]) == Decimal("96.791325")
    assert invoices["conv"]["total"] == "96.79"

    ten_minutes = ("code", "2023-11-16T18:20:00Z", "2023-11-16T18:30:00Z")
    month = ("code", "2023-11-01T00:00:00Z", "2023-12-01T00:00:00Z")
    assert used("all-tokens", *ten_minutes) == 3_798_689
    assert used("requests", *month) == 8_819
    assert used("long-requests", *month) == 1_241


def with_cached_tokens(source: Path, prepared: Path) -> None:
    """Add what an unbounded prefix cache would have answered, in file order.

    A request's leading blocks that were seen before are cached, 512 tokens each, though never more
    than its input has. All blocks of a request are known after it.
    """
    known: set[int] = set()
    with gzip.open(source, "rt") as requests, prepared.open("w") as lines:
        for text in requests:
            request = json.loads(text)
            blocks = request.pop("hash_ids")
            leading = next((n for n, b in enumerate(blocks) if b not in known), len(blocks))
            known.update(blocks)
            request["cached"] = min(512 * leading, request["input_length"])
            lines.write(json.dumps(request) + "\n")


def test_mooncake_with_a_price_for_cached_input(
    tallybook: Any,
    tmp_path: Path,
    subscribe: Callable[..., None],
    bill: Callable[[str], dict[str, Any]],
    used: Callable[..., Decimal],
) -> None:
    """12,031 requests of one hour, their times counted in milliseconds from its start."""
    folder = trace("llm-mooncake")
    with_cached_tokens(folder / "conversation_trace.jsonl.gz", tmp_path / "requests.jsonl")
    subscribe(MOONCAKE, "tokens", "2026-03-01", "mooncake")
    report = tallybook(
        "ingest", str(tmp_path / "requests.jsonl"), "--type", "=completion",
        "--customer", "=mooncake", "--time", "timestamp", "--time-format", "millis",
        "--time-base", "2026-03-01T10:00:00Z", "--id", "@row", "-p", "input_tokens=input_length",
        "-p", "output_tokens=output_length", "-p", "cached_tokens=cached", "--json",
    ).json  # fmt: skip
    assert report["verdicts"] == {"accepted": 12_031}

    [invoice] = bill("2026-04-01T00:00:00Z").values()
    fresh, cached = 144_793_823 - 54_098_411, 54_098_411
    assert quantities(invoice) == {"input": fresh, "cached": cached, "output": 4_122_048}
    by_hand = fresh * Decimal("2.5") + cached * Decimal("1.25") + 4_122_048 * Decimal(10)
    assert exact(invoice) == by_hand / 10**6 == Decimal("335.58202375")
    assert [line["amount"] for line in invoice["lines"]] == ["226.74", "67.62", "41.22"]

    starts = [f"2026-03-01T10:{minutes}0:00Z" for minutes in range(6)]
    spans = zip(starts, [*starts[1:], "2026-03-01T11:00:00Z"], strict=True)
    counted = [used("requests", "mooncake", *span) for span in spans]
    assert counted == [1750, 1908, 2061, 2132, 2192, 1988]


def test_a_cost_and_usage_report_of_aws(
    tallybook: Any,
    tmp_path: Path,
    subscribe: Callable[..., None],
    bill: Callable[[str], dict[str, Any]],
    used: Callable[..., Decimal],
) -> None:
    """1,281 rows of November 2023, each with its own amount and rate; their ids are not unique."""
    folder = trace("cloud-aws-cur")
    subscribe(AWS, "resale", "2023-11-01", "cloud")
    mapping = tmp_path / "cur.toml"
    mapping.write_text(
        'type = "lineItem/LineItemType"\ncustomer = "=cloud"\nid = "@row"\n'
        'time = "lineItem/UsageStartDate"\n[properties]\namount = "lineItem/UsageAmount"\n'
        'rate = "lineItem/UnblendedRate"\ncost = "lineItem/UnblendedCost"\n'
        'product = "lineItem/ProductCode"\n'
    )
    arguments = ("ingest", str(folder / "aws_cur.csv.gz"), "--mapping", str(mapping), "--json")
    only_usage = tallybook(*arguments, "--where", "lineItem/LineItemType=Usage").json
    assert (only_usage["verdicts"], only_usage["skipped"]) == ({"accepted": 1_269}, 12)
    everything = tallybook(*arguments).json
    assert everything["verdicts"] == {"accepted": 12, "duplicate": 1_269}

    [invoice] = bill("2023-12-01T00:00:00Z").values()
    amounts = {line["price_key"]: Decimal(line["exact_amount"]) for line in invoice["lines"]}
    assert amounts["cost"] + amounts["tax"] == Decimal("1.68230869740")
    assert amounts["tax"] == Decimal("0.08")
    month = ("cloud", "2023-11-01T00:00:00Z", "2023-12-01T00:00:00Z")
    assert used("rows", *month) == 1_269
    assert used("products", *month) == 13, "and Tax alone has the fourteenth"

    at_rates = [line for line in invoice["lines"] if line["price_key"].startswith("rate-")]
    rated = sum((Decimal(line["exact_amount"]) for line in at_rates), Decimal(0))
    assert rated == Decimal("1.60230869136280"), "each row's amount at its rate, exactly"
    rows = []
    for line in at_rates:
        behind = tallybook(
            "invoice", "events", invoice["number"], str(line["number"]), "--limit", "0", "--json"
        ).json  # fmt: skip
        assert len(behind) == line["evidence"]["event_count"]
        rows += behind
    assert len(rows) == 1_269
    for row in rows:
        said = {name: Decimal(row["properties"][name]) for name in ("amount", "rate", "cost")}
        assert abs(said["amount"] * said["rate"] - said["cost"]) <= Decimal("1e-9")
