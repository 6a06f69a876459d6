"""Published lists of prices made plans on the command line, and rated by."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TALLYBOOK_SHARED", ROOT.parent / "shared")) / "data"
needs_data = pytest.mark.skipif(
    not (SHARED / "prices-litellm").is_dir(),
    reason=f"no price catalogs at {SHARED}: say where by TALLYBOOK_SHARED",
)
METERS = """
[meters.tokens]
name = "Tokens"
event_type = "completion"
aggregation = { type = "sum", value = "tokens" }
dimensions = ["provider", "model", "kind"]

[meters.kwh]
name = "Energy"
event_type = "reading"
aggregation = { type = "sum", value = "kwh" }
"""
MODELS = {
    "sample_spec": {"input_cost_per_token": 0},
    "small": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2.5e-06},
    "drawn": {"output_cost_per_image": 0.04},
}


@pytest.fixture
def metered(tallybook: Any, tmp_path: Path) -> Path:
    """A directory for files; the meters are there."""
    path = tmp_path / "meters.toml"
    path.write_text(METERS)
    tallybook("apply", str(path), "--yes")
    return tmp_path


def test_a_list_becomes_a_draft_and_then_a_plan(tallybook: Any, metered: Path) -> None:
    path = metered / "models.json"
    path.write_text(json.dumps(MODELS))
    made = tallybook("plan", "import", "litellm", str(path), "llm", "--meter", "tokens")
    assert "a draft with 1 price and 2 amounts" in made.out
    assert tallybook("plan", "list", "--json").json == [], "nothing is sold yet"
    tallybook("plan", "publish", "llm")
    path.write_text(json.dumps(MODELS | {"small": {"input_cost_per_token": 2e-06}}))
    tallybook("plan", "import", "litellm", str(path), "llm", "--meter", "tokens")
    assert "0.000002" in tallybook("plan", "draft", "llm").out


@pytest.mark.parametrize(
    ("said", "text", "code", "why"),
    [
        (["litellm"], "{", "unreadable_file", "no JSON"),
        (["litellm"], "[1]", "not_that_list", "another list"),
        (["litellm"], "{}", "not_that_list", "no model in it"),
        (["urdb"], '{"items": []}', "not_that_list", "no tariff in it"),
        (["urdb"], '{"name": "T"}', "no_charges", "a tariff without charges"),
        (["genai", "--only", "a/b"], "[]", "unknown_model", "no such model"),
        (["litellm", "--only", "a/b"], '{"c": {}}', "unknown_model", "no such model"),
        (["urdb", "--only", "a/b"], "{}", "only_of_models", "a tariff has none"),
    ],
)
def test_what_is_no_such_list_is_refused(
    tallybook: Any, metered: Path, said: list[str], text: str, code: str, why: str
) -> None:
    path = metered / "list.json"
    path.write_text(text)
    form, *options = said
    asked = ("plan", "import", form, str(path), "llm", "--meter", "tokens", *options)
    assert code in tallybook(*asked, code=1).err, why
    assert tallybook("plan", "drafts", "--json").json == []


def test_a_meter_that_is_not_there_is_a_warning(tallybook: Any, metered: Path) -> None:
    path = metered / "models.json"
    path.write_text(json.dumps(MODELS))
    made = tallybook("plan", "import", "litellm", str(path), "llm", "--meter", "kwh")
    assert "has no dimension 'model'" in made.out


@needs_data
def test_the_whole_list_prices_usage(tallybook: Any, metered: Path) -> None:
    """A million tokens of gpt-4o each way: 2.50 and 10.00, as its list says."""
    path = SHARED / "prices-litellm" / "model_prices.json.gz"
    made = tallybook("plan", "import", "litellm", str(path), "llm", "--meter", "tokens")
    assert "14,779 amounts" in made.out
    tallybook("plan", "publish", "llm")
    rows = metered / "usage.csv"
    rows.write_text(
        "id,at,who,tokens,model,kind\n"
        "1,2026-03-01T10:00:00Z,acme,1000000,gpt-4o,input\n"
        "2,2026-03-01T10:00:00Z,acme,1000000,gpt-4o,output\n"
    )
    columns = ["--type", "=completion", "--customer", "who", "--time", "at", "--id", "id"]
    tallybook("ingest", str(rows), *columns)
    tallybook("customer", "create", "acme", "--name", "Acme", "--currency", "USD")
    priced = tallybook("price", "llm", "--customer", "acme", "--period", "2026-03", "--json").json
    assert priced["total"] == "12.50"


@needs_data
def test_a_dated_model_and_a_tariff(tallybook: Any, metered: Path) -> None:
    """The plan of o3 has its price before and after 10 June 2025; a house's 3,000 kWh cost what
    the utility's tariff says."""
    path = SHARED / "prices-genai" / "data.json.gz"
    dated = ("plan", "import", "genai", str(path), "o3", "--meter", "tokens")
    tallybook(*dated, "--only", "openai/o3")
    tallybook("plan", "publish", "o3")
    (price,) = tallybook("plan", "show", "o3", "--json").json["prices"]
    assert price["rule"]["model"] == "price_list"
    (path,) = (SHARED / "prices-urdb").glob("Florida_Power_Light_Co_RS_1*")
    tallybook("plan", "import", "urdb", str(path), "rs-1", "--meter", "kwh")
    tallybook("plan", "publish", "rs-1")
    priced = tallybook("price", "rs-1", "energy=3000", "--json").json
    amounts = {line["key"]: Decimal(line["amount"]) for line in priced["lines"]}
    assert (amounts["fixed"], amounts["energy"]) == (Decimal("7.57"), Decimal("303.27"))


@needs_data
def test_all_models_of_a_list_with_their_dates(tallybook: Any, metered: Path) -> None:
    """1,442 models of 34 providers: o3 costs 10.00 a million before 10 June 2025, then 2.00; of
    deepseek-chat at noon UTC it is the price of the day."""
    path = SHARED / "prices-genai" / "data.json.gz"
    made = tallybook("plan", "import", "genai", str(path), "llm", "--meter", "tokens")
    assert "a draft with 7 prices" in made.out
    assert "requests_kcount" in made.out, "what is not of tokens is left out, and said"
    tallybook("plan", "publish", "llm")
    rows = metered / "usage.csv"
    rows.write_text(
        "id,at,who,tokens,provider,model,kind\n"
        "1,2025-06-09T10:00:00Z,acme,1000000,openai,o3,input\n"
        "2,2025-06-10T10:00:00Z,acme,1000000,openai,o3,input\n"
        "3,2025-06-10T12:00:00Z,acme,1000000,deepseek,deepseek-chat,input\n"
        "4,2025-06-11T12:00:00Z,acme,1000000,azure,o1,output\n"
    )
    columns = ["--type", "=completion", "--customer", "who", "--time", "at", "--id", "id"]
    tallybook("ingest", str(rows), *columns)
    tallybook("customer", "create", "acme", "--name", "Acme", "--currency", "USD")
    priced = tallybook("price", "llm", "--customer", "acme", "--period", "2025-06", "--json").json
    amounts = {line["key"]: Decimal(line["amount"]) for line in priced["lines"]}
    assert amounts["tokens"] == 12 + 60
    assert amounts["deepseek.deepseek-chat.input"] == Decimal("0.27")


@needs_data
def test_a_chosen_set_of_models(tallybook: Any, metered: Path) -> None:
    path = SHARED / "prices-genai" / "data.json.gz"
    asked = ("plan", "import", "genai", str(path), "some", "--meter", "tokens")
    tallybook(*asked, "--only", "openai/o3", "--only", "anthropic/*")
    (price,) = tallybook("plan", "draft", "some", "--json").json["terms"]["prices"]
    cells = price["rule"]["entries"][-1]["rule"]["cells"]
    assert {cell["values"][0] for cell in cells} == {"openai", "anthropic"}
    refused = tallybook(*asked, "--only", "openai/*", "--only", "nobody/*", code=1)
    assert "only/1" in refused.err
