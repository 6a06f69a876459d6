"""Meters from the command line: every aggregation can be said, changed, and is shown whole."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("said", "told", "why"),
    [
        (["-a", "count"], {"type": "count"}, "nothing to say"),
        (["-a", "sum", "--value", "n", "-w", "carries=true"],
         {"type": "sum", "value": "n", "carries": True}, "a truth"),
        (["-a", "counter", "--value", "n", "-w", "decrease=rollover", "-w", "digits=5"],
         {"type": "counter", "value": "n", "decrease": "rollover", "digits": 5}, "a number"),
        (["-a", "percentile", "--value", "n", "-w", "percent=99.9", "-w", "minutes=60"],
         {"type": "percentile", "value": "n", "percent": "99.9", "minutes": 60}, "a decimal"),
        (["-a", "duration", "-w", "session=id", "-w", "operation=a == 'b' ? 'start' : 'stop'"],
         {"type": "duration", "session": "id", "operation": "a == 'b' ? 'start' : 'stop'"},
         "expressions have = of their own"),
        (["-a", "unique_count", "--value", "s", "-w", "operation=op", "-w", "held=days"],
         {"type": "unique_count", "value": "s", "operation": "op", "held": "days"}, "a word"),
        (["-a", "sum", "--value", "5"], {"type": "sum", "value": "5"},
         "an expression stays a text"),
    ],
)  # fmt: skip
def test_any_aggregation_can_be_said(
    tallybook: Any, said: list[str], told: dict[str, Any], why: str
) -> None:
    made = tallybook("meter", "create", "m", "--event-type", "e", *said, "--json").json
    assert made["aggregation"] == told, why
    shown = tallybook("meter", "show", "m").out
    assert all(f"{name}={text}" in shown for name, text in told.items()
               if name not in {"type", "value", "carries"}), shown  # fmt: skip


def test_the_last_step_is_said_too(tallybook: Any) -> None:
    made = tallybook(
        *("meter", "create", "gib", "--event-type", "e", "-a", "sum", "--value", "bytes"),
        *("--divide-by", "1073741824", "--round", "2", "--unit", "GiB", "--json"),
    ).json
    assert made["conversion"] == {"divide_by": "1073741824"}
    assert made["rounding"] == {"scale": 2}
    assert "divide_by=1073741824" in tallybook("meter", "show", "gib").out


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        (["-a", "counter", "--value", "n", "-w", "digits=many"], "digits", "no number"),
        (["-a", "counter", "--value", "n", "-w", "digits"], "with", "of what"),
        (["-a", "sum", "--value", "n", "-w", "digits=5"], "digits", "a sum has none"),
        (["-a", "sum", "--value", "n / 0"], "aggregation/value", "no event has a value"),
    ],
)
def test_what_means_nothing_is_refused(
    tallybook: Any, said: list[str], field: str, why: str
) -> None:
    ran = tallybook("meter", "create", "m", "--event-type", "e", *said, code=1)
    assert field in ran.err, why


def test_a_change_keeps_what_is_not_said(tallybook: Any) -> None:
    tallybook(
        *("meter", "create", "kwh", "--event-type", "reading", "-a", "counter", "--value", "n"),
        *("-w", "decrease=rollover", "-w", "digits=5", "--dimension", "site", "--unit", "kWh"),
        *("--divide-by", "1000", "--filter", "ok"),
    )
    changed = tallybook(
        *("meter", "change", "kwh", "-w", "digits=6", "--dimension", "phase", "--json")
    ).json
    assert changed["version"] == 2
    assert changed["aggregation"] == {
        "type": "counter", "value": "n", "decrease": "rollover", "digits": 6,
    }  # fmt: skip
    assert changed["dimensions"] == ["site", "phase"]
    assert (changed["unit"], changed["filter"]) == ("kWh", "ok")
    assert changed["conversion"] == {"divide_by": "1000"}
    emptied = tallybook("meter", "change", "kwh", "--filter", "", "--json").json
    assert (emptied["version"], emptied["filter"]) == (3, "")
    another = tallybook("meter", "change", "kwh", "-a", "max", "--value", "n", "--json").json
    assert another["aggregation"] == {"type": "max", "value": "n"}, "said as a whole"
    again = tallybook("meter", "change", "kwh", "--json").json
    assert again["version"] == 4, "what says the same changes nothing"
    versions = tallybook("meter", "versions", "kwh", "--json").json
    assert [version["version"] for version in versions] == [1, 2, 3, 4]
    listed = tallybook("meter", "versions", "kwh").out
    assert listed.split()[0] == "version"
    assert "digits=5" in listed


def test_a_register_is_tried_out(tallybook: Any) -> None:
    for number, reading in enumerate((99990, 123456, 5)):
        tallybook(
            *("events", "send", "reading", "--customer", "acme", "--id", f"r{number}"),
            *("-p", f"n={reading}", "--time", f"2026-03-0{number + 1}T00:00:00Z"),
        )
    tried = tallybook(
        *("meter", "try", "--event-type", "reading", "-a", "counter", "--value", "n"),
        *("-w", "decrease=rollover", "-w", "digits=5", "--period", "2026-03"),
    )
    assert "2 " in tried.out.splitlines()[0]
    assert "value is 123456, and must be below 100000" in tried.out
    assert "15" in tried.out
