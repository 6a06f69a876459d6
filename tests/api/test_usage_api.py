"""Usage over HTTP: one, some or all customers, cut, split, narrowed, the same for ever by as-of."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from litestar import Litestar
from litestar.exceptions import LitestarException
from litestar.testing import TestClient

from event_rows import EventRows, event

Client = TestClient[Litestar]


@pytest.fixture
def usage(metering_api: Client, event_rows: EventRows) -> Client:
    """A meter of tokens by model, and a March of three customers."""
    meter = {
        "key": "tokens",
        "name": "Tokens",
        "event_type": "call",
        "aggregation": {"type": "sum", "value": "tokens"},
        "dimensions": ["model"],
        "unit": "token",
    }
    assert metering_api.post("/v1/meters", json=meter).is_success
    event_rows.keep(
        event(f"2026-03-{day:02d}T{day % 24:02d}:30:00Z", properties, customer=customer)
        for customer, days in (("ann", 31), ("bob", 10), ("cid", 1))
        for day in range(1, days + 1)
        for properties in ({"tokens": day, "model": "large"}, {"tokens": "0.5"})
    )
    event_rows.keep([event("2026-03-01T00:00:00Z", {"tokens": 7}, customer="dan", type_="other")])
    return metering_api


def ask(client: Client, **query: Any) -> Any:
    answered = client.get("/v1/usage", params={"meter": "tokens", "period": "2026-03"} | query)
    assert answered.status_code == 200, answered.text
    return answered.json()


def quantities(answer: Any) -> list[tuple[str, str]]:
    return [(row["customer"], row["quantity"]) for row in answer["results"]]


def test_all_customers_are_answered_a_page_at_a_time(usage: Client) -> None:
    whole = ask(usage)
    assert quantities(whole) == [("ann", "511.5"), ("bob", "60"), ("cid", "1.5")]
    assert (whole["meter"], whole["unit"], whole["next"]) == ("tokens", "token", None)
    first = ask(usage, limit=2)
    assert first["results"] == whole["results"][:2]
    rest = ask(usage, limit=2, after=first["next"], as_of=first["as_of"])
    assert (rest["results"], rest["next"]) == (whole["results"][2:], None)


def test_one_or_several_customers_are_asked_by_name(usage: Client) -> None:
    assert quantities(ask(usage, customer="bob")) == [("bob", "60")]
    assert quantities(ask(usage, customer=["cid", "bob"])) == [("bob", "60"), ("cid", "1.5")]
    assert ask(usage, customer="nobody")["results"] == []


def test_usage_is_cut_by_a_local_clock_and_split_by_a_dimension(usage: Client) -> None:
    answer = ask(
        usage, customer="ann", window="week", timezone="Europe/Stockholm", group_by="model"
    )
    told = [(row["from"], row["dimensions"]["model"], row["quantity"]) for row in answer["results"]]
    assert told[:3] == [
        ("2026-02-28T23:00:00Z", "", "0.5"),
        ("2026-03-01T23:00:00Z", "", "3.5"),
        ("2026-03-08T23:00:00Z", "", "3.5"),
    ], "1 March is a Sunday; the period begins at midnight in Stockholm"
    assert told[5:8] == [
        ("2026-03-29T22:00:00Z", "", "1"),
        ("2026-02-28T23:00:00Z", "large", "1"),
        ("2026-03-01T23:00:00Z", "large", "35"),
    ], "summer time begins on 29 March"


def test_windows_in_which_nothing_was_used_are_answered_if_asked_for(usage: Client) -> None:
    months = ask(usage, customer="cid", period="2026", window="month")
    assert [row["quantity"] for row in months["results"]] == ["1.5"]
    filled = ask(usage, customer=["cid", "eve"], period="2026", window="month", fill=True)
    assert len(filled["results"]) == 24
    assert [row["quantity"] for row in filled["results"]] == ["0", "0", "1.5"] + ["0"] * 21
    starts = [row["from"] for row in filled["results"][:12]]
    assert starts[1:] == [row["to"] for row in filled["results"][:11]]


def test_match_keeps_one_value_of_a_dimension(usage: Client) -> None:
    assert quantities(ask(usage, match="model:large", customer="cid")) == [("cid", "1")]
    assert quantities(ask(usage, match="model:", customer="cid")) == [("cid", "0.5")]
    assert ask(usage, match="model:small")["results"] == []


def test_a_figure_with_an_as_of_stays(usage: Client, event_rows: EventRows) -> None:
    before = ask(usage)
    event_rows.keep([event("2026-03-05T00:00:00Z", {"tokens": 1000}, customer="ann")])
    assert quantities(ask(usage))[0] == ("ann", "1511.5"), "usage is live"
    assert ask(usage, as_of=before["as_of"]) == before, "and with its as-of the same for ever"


def test_the_events_behind_a_row_are_paged(usage: Client) -> None:
    row = ask(usage, customer="ann")["results"][0]
    query = {"meter": "tokens", "customer": "ann", "from": row["from"], "to": row["to"]}
    seen: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = usage.get("/v1/usage/events", params=query | {"limit": 25, "after": after}).json()
        seen += page["results"]
        after = page["next"]
    assert len(seen) == row["event_count"] == 62
    assert len({each["position"] for each in seen}) == 62
    assert seen == sorted(seen, key=lambda each: (each["occurred_at"], each["position"]))
    assert seen[0]["properties"] == {"tokens": "1", "model": "large"}


@pytest.mark.parametrize(
    ("query", "status", "code", "field", "why"),
    [
        ({"meter": "no"}, 404, "no_such_meter", "meter", "there is none"),
        ({"period": ""}, 422, "no_span", "from", "which time"),
        ({"period": "", "from": "2026-03-01T00:00:00Z"}, 422, "no_span", "to", "half a span"),
        ({"from": "2026-03-01T00:00:00Z"}, 422, "no_span", "period", "two spans"),
        ({"period": "2026-13"}, 422, "unknown_period", "period", "no such month"),
        ({"period": "March"}, 422, "unknown_period", "period", "not a name of ours"),
        (
            {"period": "", "from": "2026-03-01T00:00:00", "to": "2026-04-01T00:00:00Z"},
            422,
            "time_without_zone",
            "from",
            "could mean 26 hours",
        ),
        (
            {"period": "", "from": "2026-04-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"},
            422,
            "empty_span",
            "to",
            "no time at all",
        ),
        ({"timezone": "Mars/Base"}, 422, "unknown_timezone", "timezone", "no such zone"),
        ({"window": "second"}, 422, "unknown_window", "window", "no such size"),
        ({"period": "2026", "window": "minute"}, 422, "too_many_windows", "window", "525,600"),
        ({"window": "minute", "customer": ["c"] * 23}, 422, "too_many_rows", "limit", "1,026,720"),
        ({"group_by": "region"}, 422, "unknown_dimension", "group_by", "not of this meter"),
        ({"group_by": "model,model"}, 422, "dimension_twice", "group_by", "once is enough"),
        ({"match": "region:eu"}, 422, "unknown_dimension", "match", "not of this meter"),
        ({"match": "model"}, 422, "bad_match", "match", "which value"),
        ({"as_of": 10**6}, 422, "as_of_ahead", "as_of", "nobody knows that yet"),
        ({"as_of": "soon"}, 422, "wrong_value", "as_of", "a position is a number"),
        ({"limit": 0}, 422, "wrong_value", "limit", "nothing asked for"),
        ({"top": 1, "after": "ann"}, 422, "no_pages", "after", "a ranking is of all"),
        ({"top": 1, "limit": 5}, 422, "no_pages", "limit", "of how many, says top"),
        ({"total": True, "limit": 5}, 422, "no_pages", "limit", "and so is a total"),
        ({"format": "csv", "after": "ann"}, 422, "no_pages", "after", "a file is whole"),
        ({"format": "csv", "limit": 5}, 422, "no_pages", "limit", "of any number"),
        ({"customer": "ann", "after": "ann"}, 422, "no_pages", "after", "nobody is left"),
    ],
)
def test_questions_without_an_answer_are_refused(
    usage: Client, query: dict[str, Any], status: int, code: str, field: str, why: str
) -> None:
    asked = {"meter": "tokens", "period": "2026-03"} | query
    refused = usage.get("/v1/usage", params={k: v for k, v in asked.items() if v != ""})
    assert refused.status_code == status, (refused.text, why)
    assert (refused.json()["code"], refused.json()["field"]) == (code, field), why
    assert refused.json()["mend"], why


@pytest.mark.parametrize("after", ["1; SELECT 1", f"{2**63}.1", f"1.{2**64}", "٣.٣", "-.1"])
def test_a_made_up_cursor_is_refused(usage: Client, after: str) -> None:
    query = {"meter": "tokens", "period": "2026-03", "after": after}
    assert usage.get("/v1/usage/events", params=query).json()["code"] == "bad_cursor"


def test_another_organization_has_no_part_in_it(usage: Client, event_rows: EventRows) -> None:
    before = ask(usage)
    twin = event("2026-03-05T00:00:00Z", {"tokens": 1000}, customer="ann")
    event_rows.keep([twin], organization_id="org_other")
    assert ask(usage)["results"] == before["results"]


def test_the_largest_are_told_and_the_rest_summed(usage: Client) -> None:
    answer = ask(usage, top=1)
    assert [
        (row["customer"], row["quantity"], row.get("rest_of")) for row in answer["results"]
    ] == [
        ("ann", "511.5", None),
        ("", "61.5", 2),
    ]
    split = ask(usage, top=1, group_by="model", total=True)["results"]
    assert [(row["dimensions"]["model"], row["quantity"]) for row in split] == [
        ("large", "552"),
        ("", "21"),
    ]
    assert "rest_of" in split[1], "an event without a model is told from the rest by this"


@pytest.mark.parametrize(
    ("aggregation", "largest", "rest", "total", "why"),
    [
        ({"type": "max", "value": "n"}, ("ann", "8"), "7", "8", "the largest of all others"),
        ({"type": "min", "value": "n"}, ("bob", "5"), "0", "0", "the smallest of ann and cid"),
        ({"type": "average", "value": "n"}, ("ann", "6"), "3.6", "4.5", "not one of averages"),
        ({"type": "latest", "value": "n"}, ("bob", "7"), "0", "0", "of cid, who came last"),
        ({"type": "unique_count", "value": "n"}, ("cid", "3"), "4", "6", "5 is one of two"),
        ({"type": "percentile", "value": "n", "percent": 100, "minutes": 1440}, ("ann", "8"), "10",
         "18", "of the sums of all by day"),
        ({"type": "sum", "value": "n"}, ("ann", "18"), "18", "36", "these do add up"),
    ],
)  # fmt: skip
def test_the_rest_of_what_does_not_add_up_is_measured(
    metering_api: Client,
    event_rows: EventRows,
    aggregation: dict[str, Any],
    largest: tuple[str, str],
    rest: str,
    total: str,
    why: str,
) -> None:
    meter = {"key": "m", "name": "M", "event_type": "e", "aggregation": aggregation}
    assert metering_api.post("/v1/meters", json=meter).is_success
    event_rows.keep(
        event(f"2026-03-{day:02d}T01:00:00Z", {"n": n}, customer=customer, type_="e")
        for customer, values in (
            ("ann", {1: 8, 2: 8, 3: 2}),
            ("bob", {2: 5, 4: 7}),
            ("cid", {2: 5, 5: 1, 6: 0}),
        )
        for day, n in values.items()
    )
    query: dict[str, Any] = {"meter": "m", "period": "2026-03"}
    answer = metering_api.get("/v1/usage", params=query | {"top": 1})
    assert answer.status_code == 200, answer.text
    first, others = answer.json()["results"]
    assert (first["customer"], first["quantity"]) == largest, why
    assert "combined" not in first
    assert (others["customer"], others["rest_of"]) == ("", 2)
    assert others["quantity"] == rest, why
    how = "summed" if aggregation["type"] == "sum" else "together"
    assert others["combined"] == how
    [of_all] = metering_api.get("/v1/usage", params=query | {"total": True}).json()["results"]
    assert (of_all["quantity"], of_all["combined"]) == (total, how)
    assert of_all["event_count"] == first["event_count"] + others["event_count"]


def test_the_rest_is_cut_split_and_compared_like_the_largest(
    metering_api: Client, event_rows: EventRows
) -> None:
    meter = {
        "key": "m", "name": "M", "event_type": "e", "dimensions": ["model"],
        "aggregation": {"type": "max", "value": "n"},
    }  # fmt: skip
    assert metering_api.post("/v1/meters", json=meter).is_success
    event_rows.keep(
        event(f"2026-{month:02d}-05T01:00:00Z", {"n": n, "model": model}, type_="e", customer=who)
        for who, month, model, n in (
            ("ann", 1, "s", 3), ("ann", 2, "s", 4), ("ann", 2, "t", 9), ("bob", 2, "s", 5),
            ("bob", 1, "u", 6), ("cid", 1, "t", 2),
        )
    )  # fmt: skip

    def asked(**query: Any) -> list[tuple[Any, ...]]:
        params: dict[str, Any] = {"meter": "m", "period": "2026-02", "top": 1, "compare": True}
        answer = metering_api.get("/v1/usage", params=params | query)
        assert answer.status_code == 200, answer.text
        return [
            (row["customer"], row["dimensions"].get("model"), row["quantity"],
             row["before"]["quantity"], row.get("rest_of"))
            for row in answer.json()["results"]
        ]  # fmt: skip

    assert asked() == [("ann", None, "9", "3", None), ("", None, "5", "6", 2)]
    assert asked(group_by="model", rank="customers") == [
        ("ann", "s", "4", "3", None), ("ann", "t", "9", "0", None),
        ("", "s", "5", "0", 2), ("", "t", "0", "2", 2), ("", "u", "0", "6", 2),
    ]  # fmt: skip
    assert asked(group_by="model") == [
        ("ann", "t", "9", "0", None), ("ann", "", "4", "3", 1),
        ("bob", "s", "5", "0", None), ("bob", "", "0", "6", 1), ("cid", "t", "0", "2", None),
    ]  # fmt: skip
    assert asked(group_by="model", total=True) == [
        ("", "t", "9", "2", None), ("", "", "5", "6", 2),
    ]  # fmt: skip
    query: dict[str, Any] = {"meter": "m", "period": "2026", "window": "month", "top": 1}
    query |= {"format": "csv"}
    read = list(csv.DictReader(io.StringIO(metering_api.get("/v1/usage", params=query).text)))
    assert [(row["customer"], row["quantity"], row["combined"]) for row in read] == [
        ("ann", "3", ""), ("ann", "9", ""), ("", "6", "together"), ("", "5", "together"),
    ]  # fmt: skip
    filled = metering_api.get("/v1/usage", params=query | {"format": "ndjson", "fill": True})
    rows = [json.loads(line) for line in filled.text.splitlines()]
    assert [row["quantity"] for row in rows] == ["3", "9", *["0"] * 10, "6", "5", *["0"] * 10]
    parquet = metering_api.get("/v1/usage", params=query | {"format": "parquet"})
    combined = pq.read_table(io.BytesIO(parquet.content)).column("combined").to_pylist()
    assert combined == [None, None, "together", "together"]


def test_a_month_is_set_beside_the_one_before(usage: Client) -> None:
    [row] = ask(usage, period="2026-04", customer="ann", compare=True)["results"]
    assert (row["quantity"], row["event_count"]) == ("0", 0)
    assert row["before"] == {
        "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "quantity": "511.5",
    }  # fmt: skip
    first = ask(usage, period="2026-04", compare=True, limit=2)
    rest = ask(usage, period="2026-04", compare=True, limit=2, after=first["next"])
    assert quantities(first) + quantities(rest) == [("ann", "0"), ("bob", "0"), ("cid", "0")]


def test_usage_is_streamed_in_other_forms(usage: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallybook.services.measure_usage._ROWS_AT_ONCE", 2)
    whole = ask(usage, group_by="model", compare=True)
    query: dict[str, Any] = {
        "meter": "tokens", "period": "2026-03", "group_by": "model", "compare": True,
    }  # fmt: skip
    as_lines = usage.get("/v1/usage", params=query, headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in as_lines.text.splitlines()] == whole["results"]
    assert as_lines.headers["tallybook-as-of"] == str(whole["as_of"])

    as_csv = usage.get("/v1/usage", params=query | {"format": "csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    read = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [(row["customer"], row["dimensions.model"], row["quantity"]) for row in read] == [
        (row["customer"], row["dimensions"]["model"], row["quantity"]) for row in whole["results"]
    ]
    assert (read[0]["from"], read[0]["unit"]) == ("2026-03-01T00:00:00Z", "token")

    accept = {"Accept": "application/vnd.apache.parquet, */*;q=0.1"}
    as_parquet = usage.get("/v1/usage", params=query, headers=accept)
    table = pq.read_table(io.BytesIO(as_parquet.content))
    told = [Decimal(row["quantity"]) for row in whole["results"]]
    assert table.column("quantity").to_pylist() == told
    assert str(table.schema.field("quantity").type) == "decimal128(38, 12)"
    assert table.column("checksum").to_pylist() == [row["checksum"] for row in whole["results"]]

    for form in ("csv", "ndjson", "parquet"):
        empty = usage.get("/v1/usage", params=query | {"period": "2020-01", "format": form})
        assert empty.status_code == 200, empty.text
        refused = usage.get("/v1/usage", params=query | {"meter": "none", "format": form})
        assert refused.status_code == 404, "before anything is sent"


def test_rows_that_cannot_be_written_break_the_answer_off(
    usage: Client, event_rows: EventRows
) -> None:
    """27 digits before the point have no place in Parquet; an answer in order would be a lie."""
    many = [event(f"2026-05-0{day}T00:00:00Z", {"tokens": "9e25"}) for day in range(1, 5)]
    event_rows.keep(many)
    query = {"meter": "tokens", "period": "2026-05"}
    assert ask(usage, **query)["results"][0]["quantity"] == "36" + "0" * 25
    told = TestClient(usage.app, raise_server_exceptions=True)
    told.headers["Authorization"] = usage.headers["Authorization"]
    with told, pytest.raises(LitestarException):  # what makes the server drop the connection
        told.get("/v1/usage", params=query | {"format": "parquet"})
