"""Real traffic and real electricity, from the file to the usage: what their READMEs state, exactly.

The files are not part of the project; without them the stories are skipped, and say so.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tallybook.cli.files.formats import open_file
from tallybook.cli.files.rows import ReadOptions, Row

SHARED = Path(os.environ.get("TALLYBOOK_SHARED", Path(__file__).parents[2].parent / "shared"))


def trace(name: str) -> Path:
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not here: set TALLYBOOK_SHARED to the folder that has data/{name}")
    return path


def applied(tallybook: Any, directory: Path, catalog: str) -> None:
    path = directory / "catalog.toml"
    path.write_text(catalog)
    tallybook("apply", str(path), "--yes")


def rows(tallybook: Any, meter: str, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tallybook("usage", meter, *arguments, "--json").json["results"]
    return found


def used(tallybook: Any, meter: str, *arguments: str) -> Decimal:
    """The quantity of a meter over a span, all customers together."""
    found = rows(tallybook, meter, *arguments)
    return sum((Decimal(row["quantity"]) for row in found), Decimal(0))


TRAFFIC = """
[meters.requests]
name = "Requests"
event_type = "request"
aggregation = { type = "count" }
dimensions = ["status", "client"]

[meters.billable]
name = "Requests that were answered"
event_type = "request"
filter = "number(status) >= 200 && number(status) < 400"
aggregation = { type = "count" }

[meters.bandwidth]
name = "Bandwidth"
event_type = "request"
aggregation = { type = "sum", value = "bytes" }
unit = "B"

[meters.clients]
name = "Clients"
event_type = "request"
aggregation = { type = "unique_count", value = "client" }
"""


def test_an_access_log(tallybook: Any, tmp_path: Path) -> None:
    """10,000 requests to one site; line 8,899 breaks off within its last field, and counts."""
    path = trace("weblog-apache") / "access_log.gz"
    applied(tallybook, tmp_path, TRAFFIC)
    arguments = ("ingest", "--format", "access-log", "--customer", "=site", "--json")
    report = tallybook(*arguments, str(path)).json
    assert (report["rows"], report["verdicts"]) == (10_000, {"accepted": 10_000})
    renamed = tmp_path / "access.log.1"
    renamed.write_bytes(path.read_bytes())
    assert tallybook(*arguments, str(renamed)).json["verdicts"] == {"duplicate": 10_000}

    month = ("--period", "2015-05")
    assert used(tallybook, "bandwidth", *month) == 2_747_282_740
    assert used(tallybook, "clients", *month) == 1_753
    assert used(tallybook, "billable", *month) == 9_780
    by_status = rows(tallybook, "requests", *month, "-g", "status")
    statuses = {row["dimensions"]["status"]: Decimal(row["quantity"]) for row in by_status}
    assert {code: statuses[code] for code in ("200", "304", "404", "500")} == {
        "200": 9_126, "304": 445, "404": 213, "500": 3,
    }  # fmt: skip
    days = rows(tallybook, "requests", *month, "-w", "day")
    assert [Decimal(day["quantity"]) for day in days] == [1_632, 2_893, 2_896, 2_579]
    clients = rows(tallybook, "requests", *month, "-g", "client")
    assert max(Decimal(client["quantity"]) for client in clients) == 482
    [event] = tallybook("events", "list", "--limit", "1", "--json").json
    assert "10.0." not in json.dumps(event), "no address is kept that was not asked for"


INTERVALS = """
[meters.energy]
name = "Energy"
event_type = "energy_interval"
filter = "unit == 'kWh'"
aggregation = { type = "sum", value = "value" }
dimensions = ["suffix"]
unit = "kWh"

[meters.intervals]
name = "Intervals measured"
event_type = "energy_interval"
filter = "has(value)"
aggregation = { type = "count" }
dimensions = ["quality", "suffix"]

[meters.registers]
name = "Registers"
event_type = "energy_reading"
aggregation = { type = "counter", value = "value", series = "series" }
unit = "kWh"
"""


@pytest.fixture
def industry(tmp_path: Path) -> Any:
    """Finds one file of the archive by its name."""
    path = trace("electricity-nem") / "nem12_nem13_examples.tar.gz"

    def file(name: str) -> str:
        with tarfile.open(path) as tar:
            member = next(one for one in tar if one.name.endswith(name))
            tar.extract(member, tmp_path, filter="data")
            return str(tmp_path / member.name)

    return file


def test_a_month_of_a_house_with_solar_panels(
    tallybook: Any, tmp_path: Path, industry: Any
) -> None:
    applied(tallybook, tmp_path, INTERVALS)
    path = industry("Example_NEM12_month_solar.csv")
    report = tallybook("ingest", path, "--format", "nem", "--json").json
    assert set(report["verdicts"]) == {"accepted"}
    again = tallybook("ingest", path, "--format", "nem", "--json").json
    assert again["verdicts"] == {"duplicate": report["rows"]}

    zone = ("--timezone", "Etc/GMT-10")  # market time
    span = ("--from", "2004-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z", *zone)
    split = rows(tallybook, "energy", *span, "-g", "suffix")
    energy = {row["dimensions"]["suffix"]: Decimal(row["quantity"]) for row in split}
    assert energy == {"E1": Decimal("270.738"), "B1": Decimal("589.172")}
    days = rows(tallybook, "intervals", *span, "-w", "day", "-m", "suffix=E1")
    assert len(days) == 31


def test_two_reads_of_a_register(tallybook: Any, tmp_path: Path, industry: Any) -> None:
    """006342.8 to 007654.9: the difference is what was used, and it counts when it was read."""
    applied(tallybook, tmp_path, INTERVALS)
    path = industry("Example_NEM13_consumption_data.csv")
    assert tallybook("ingest", path, "--format", "nem", "--json").json["verdicts"] == {
        "accepted": 2
    }
    assert used(tallybook, "registers", "--period", "2004-01") == Decimal("1312.1")
    listed = tallybook("events", "list", "--json").json
    assert {event["properties"]["value"] for event in listed} == {"006342.8", "007654.9"}


def test_all_files_of_the_archive(tallybook: Any, tmp_path: Path) -> None:
    """178 files, most in zips within the tar.gz; every one is read or told of."""
    path = trace("electricity-nem") / "nem12_nem13_examples.tar.gz"
    applied(tallybook, tmp_path, INTERVALS)
    kept = tmp_path / "kept.ndjson"
    report = tallybook(
        "ingest", str(path), "--format", "nem", "--source", "file", "--rejected", str(kept),
        "--json", code=1,
    ).json  # fmt: skip
    assert report["files"] == 178
    problems = [json.loads(line) for line in kept.read_text().splitlines()]
    unreadable = {
        (one["file"].rpartition("/")[2], one["row"], one.get("field", ""))
        for one in problems
        if one["verdict"] == "unreadable"
    }
    assert unreadable == {
        ("Example_NEM12_15min_200_30min_300.csv", 3, "values"),
        ("Example_NEM12_15min_200_30min_400.csv", 3, "quality"),
        ("Example_NEM12_30min_200_15min_300.csv", 3, "quality"),
        ("Example_NEM12_30min_200_15min_400.csv", 3, "quality"),
        ("Example_NEM12_incomplete_interval.csv", 3, "values"),
        ("Example_NEM12_missing_header.csv", 2, "record"),
        ("Example_NEM12_powercor.csv", 2, "record"),
        ("Example_NEM12_powercor_missing_fields.csv", 2, "record"),
        ("Example_empty_file.csv", 1, ""),
        ("NEM12#Scenario10#ETSAMDP#NEMMCO.csv", 27, "values"),
        ("NEM12#Scenario10#ETSAMDP#NEMMCO.csv", 28, "record"),
        ("NEM12#Scenario10#ETSAMDP#NEMMCO.csv", 29, "record"),
    }, "the invalid files but the one without readings, and one whose line was torn in three"
    assert report["verdicts"] == {"accepted": 71_498, "duplicate": 24, "conflict": 4}
    assert (report["unreadable"], report["rows"]) == (13, 71_539)
    conflicts = {one["field"] for one in problems if one["verdict"] == "conflict"}
    assert conflicts == {"properties/method"}, "reads of which two records tell other methods"

    decades = ("--from", "2000-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z")
    found = rows(tallybook, "intervals", *decades, "-g", "quality")
    counted: Counter[str] = Counter()
    for row in found:
        counted[row["dimensions"]["quality"]] += int(row["quantity"])
    assert counted == {"A": 64_535, "E": 3_125, "S": 2_667, "F": 881}
    with open_file(path, "nem", ReadOptions()) as reading:
        read = [row for row in reading.rows() if isinstance(row, Row)]
    intervals = [row.cells for row in read if row.cells["kind"] == "energy_interval"]
    unmeasured = [cells for cells in intervals if cells["value"] == ""]
    assert len(intervals) == counted.total() + len(unmeasured)
    assert {cells["quality"] for cells in unmeasured} == {"N"}


HOUSEHOLDS = """
[meters.energy]
name = "Energy"
event_type = "half_hour"
aggregation = { type = "sum", value = "kwh" }
unit = "kWh"

[meters.demand]
name = "Highest half hour"
event_type = "half_hour"
aggregation = { type = "max", value = "kwh" }
unit = "kWh"

[plans.rs-1]
name = "Residential"
currency = "USD"

[plans.rs-1.prices.energy]
name = "Energy"
meter = "energy"
rule = { model = "graduated", tiers = [
  { up_to = 1000, unit_amount = "0.08721" }, { unit_amount = "0.10803" } ] }

[plans.rs-1.prices.customer]
name = "Customer charge"
rule = { model = "flat", amount = "7.57" }

[customers.10006704]
name = "A household"
currency = "USD"

[subscriptions.house]
customer = "10006704"
plan = "rs-1"
starts_at = 2013-01-01
alignment = "calendar"
"""


def test_two_years_of_ten_households(tallybook: Any, tmp_path: Path) -> None:
    """293,874 half hours by local clocks that name no zone: read as UTC, they stay as written."""
    path = trace("electricity-sgsc") / "smart_meter10.csv.gz"
    applied(tallybook, tmp_path, HOUSEHOLDS)
    report = tallybook(
        "ingest", str(path), "--type", "=half_hour", "--customer", "customer_id",
        "--time", "reading_datetime", "--timezone", "UTC", "--id", "customer_id",
        "--id", "reading_datetime", "-p", "kwh=general_supply_kwh", "--batch-size", "10000",
        "--json",
    ).json  # fmt: skip
    assert report["verdicts"] == {"accepted": 293_874}

    span = ("--from", "2012-02-01T00:00:00Z", "--to", "2014-04-01T00:00:00Z")
    by_household = {
        row["customer"]: Decimal(row["quantity"]) for row in rows(tallybook, "energy", *span)
    }
    assert len(by_household) == 10
    assert sum(by_household.values()) == Decimal("61188.696")
    assert by_household["10006704"] == Decimal("14177.947")
    january = ("--customer", "10006414", "--period", "2013-01")
    assert used(tallybook, "energy", *january) == Decimal("235.134")

    highest = rows(tallybook, "demand", *span)
    assert max((Decimal(row["quantity"]), row["customer"]) for row in highest) == (
        Decimal("5.907"), "10006704",
    )  # fmt: skip
    half_hour = ("--from", "2012-06-11T13:30:00Z", "--to", "2012-06-11T14:00:00Z")
    assert used(tallybook, "demand", "-c", "10006704", *half_hour) == Decimal("5.907")

    afternoons = Decimal(0)
    for window in rows(tallybook, "energy", *span, "-w", "hour"):
        starts = datetime.fromisoformat(window["from"])
        if starts.weekday() < 5 and 14 <= starts.hour < 20:
            afternoons += Decimal(window["quantity"])
    assert afternoons == Decimal("11600.576")

    tallybook("bill", "run", "--until", "2014-01-01T00:00:00Z", "--finalize", "--json")
    invoices = tallybook("invoice", "list", "--limit", "0", "--json").json
    assert len(invoices) == 12
    shown = [tallybook("invoice", "show", one["number"], "--json").json for one in invoices]
    assert sum(Decimal(invoice["total"]) for invoice in shown) == Decimal("788.38")
    lines = [line for invoice in shown for line in invoice["lines"]]
    exact = sum(Decimal(line["exact_amount"]) for line in lines)
    assert exact == Decimal("788.35765989"), "what twelve bills are not rounded to"
