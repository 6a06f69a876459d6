"""Commitments, limits and shared allowances in calendar order: docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
SEAT: Answer = {"key": "seat", "rule": {"model": "flat", "amount": "30"}, "timing": "in_advance"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def plan(story: Story, *prices: Answer, **conditions: object) -> None:
    named = [{"name": price["key"].title(), **price} for price in prices]
    body = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": named, **conditions}
    story.post("/v1/plans", body)


def lines(invoice: Answer) -> list[tuple[str, str]]:
    """Of every line whose it is and what it comes to."""
    assert story_total(invoice) == invoice["total"], "the total is the sum of the printed lines"
    return [(line["price_key"], line["amount"]) for line in invoice["lines"]]


def story_total(invoice: Answer) -> str:
    cents = sum(line["amount_minor"] for line in invoice["lines"])
    return f"{cents / 100:.2f}"


def verified(story: Story) -> None:
    for invoice in story.get("/v1/invoices", limit=1000)["results"]:
        verification = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verification["is_equal"], verification["differences"]


def test_a_fee_above_the_maximum_comes_off_the_bill_that_ends_its_period(story: Story) -> None:
    """Also of more that is billed at once: an opening and such a bill say what prices come to."""
    most = {"key": "most", "name": "Most", "maximum": "20"}
    seats = {"key": "seat", "rule": {"model": "per_unit", "unit_amount": "31"}}
    plan(story, {**seats, "timing": "in_advance"}, spend_limits=[most])
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 11))
    more = {"kind": "add_quantity", "price_key": "seat", "quantity": "1"}
    story.post("/v1/subscriptions/acme/changes", {"what": more, "bills_at_once": True})
    story.pass_time(day(2))
    assert [lines(invoice) for invoice in story.proved("acme")] == [
        [("seat", "-21.00"), ("seat", "42.00")],
        [("seat", "31.00")],
        [("seat", "62.00"), ("most", "-32.00")],
    ], "at once, the opening, and the end of January, which came to 52.00"


def test_a_year_of_a_commitment(story: Story) -> None:
    """1,000 a year, drawn down month by month; what goes beyond costs half, what is missing is
    owed with December's bill, and the year after begins anew."""
    commitment = {
        "key": "promise",
        "name": "Committed spend",
        "per": "year",
        "amounts": ["1000", "1200"],
        "overage_factor": "0.5",
    }
    plan(story, CALLS, commitments=[commitment])
    story.subscribe("acme", "pro", day(1))
    for month in range(1, 13):
        story.pass_time(day(month, 5))
        story.call("acme", *[day(month, 2, hour) for hour in range(5)])
    story.pass_time(day(1, 5, year=2027))
    months = story.invoices("acme")
    assert [lines(month) for month in months[:11]] == [[("calls", "50.00")]] * 11
    assert lines(months[11]) == [("calls", "50.00"), ("promise", "400.00")]
    sentence = months[11]["lines"][1]["working"][0]["sentence"]
    assert sentence == "€1,000.00 committed, €600.00 charged; missing: €400.00"
    story.call("acme", *[day(1, 2, hour, year=2027) for hour in range(20)])
    story.call("acme", *[day(1, 3, hour, year=2027) for hour in range(20)])
    for at in range(4, 30):
        story.call("acme", *[day(1, at, hour, year=2027) for hour in range(4)])
    story.pass_time(day(2, 2, year=2027))
    january = story.invoices("acme")[12]
    assert lines(january) == [("calls", "1440.00"), ("promise", "-120.00")], "240 beyond, at half"
    story.call("acme", *[day(2, 1, hour, year=2027) for hour in range(10)])
    story.pass_time(day(3, 2, year=2027))
    february = story.invoices("acme")[13]
    assert lines(february) == [("calls", "100.00"), ("promise", "-50.00")], "all of it beyond"
    verified(story)


def test_no_more_than_a_cap_and_no_less_than_a_minimum(story: Story) -> None:
    limit = {"key": "bounds", "name": "Bounds", "minimum": "100", "maximum": "200"}
    plan(story, SEAT, CALLS, spend_limits=[limit])
    story.subscribe("acme", "pro", day(1))
    story.call("acme", day(1, 2))
    story.pass_time(day(2, 2))
    opening, january = story.invoices("acme")
    assert lines(opening) == [("seat", "30.00")]
    assert lines(january) == [("seat", "30.00"), ("calls", "10.00"), ("bounds", "60.00")], (
        "January's seat was on the bill before it and counts; February's does not yet"
    )
    story.call("acme", *[day(2, 1, hour) for hour in range(24)])
    story.pass_time(day(3, 2))
    february = story.invoices("acme")[2]
    assert lines(february) == [("seat", "30.00"), ("calls", "240.00"), ("bounds", "-70.00")]
    verified(story)


def test_what_it_would_cost_with_conditions_and_a_coupon(story: Story) -> None:
    """A preview is the first bill of a whole period: what a public calculator shows."""
    limit = {"key": "least", "name": "At least", "minimum": "100"}
    shared = {"key": "units", "name": "Included", "units": "5", "prices": ["calls"]}
    plan(story, SEAT, CALLS, spend_limits=[limit], shared_allowances=[shared])
    story.post("/v1/coupons", {"key": "TENTH", "name": "A tenth", "rate_pct": "10"})
    asked = {"plan": "pro", "quantities": {"calls": "8"}, "coupons": ["TENTH"]}
    preview = story.post("/v1/price-previews", asked)
    assert [(line["kind"], line["key"], line["amount"]) for line in preview["lines"]] == [
        ("price", "seat", "30.00"),
        ("price", "calls", "30.00"),
        ("allowance", "units", "0.00"),
        ("minimum", "least", "40.00"),
        ("coupon", "TENTH", "-10.00"),
    ]
    assert preview["total"] == "90.00"


def test_an_allowance_shared_and_kept(story: Story) -> None:
    """Ten a month for two prices together; what is left is good for one more month, up to five."""
    texts = {**CALLS, "key": "texts"}
    shared = {
        "key": "units",
        "name": "Included units",
        "units": "10",
        "prices": ["calls", "texts"],
        "keeps_periods": 1,
        "keeps_at_most": "5",
    }
    story.meter("texts", dimensions=("kind",))
    calls, texts = (
        {**CALLS, "meter": "texts", "match": {"kind": "call"}},
        {
            **texts,
            "meter": "texts",
            "match": {"kind": "text"},
        },
    )
    plan(story, calls, texts, shared_allowances=[shared])
    story.subscribe("acme", "pro", day(1))

    def use(month: int, calls: int, texts: int) -> None:
        story.call("acme", *[day(month, 1, hour) for hour in range(calls)], kind="call")
        story.call("acme", *[day(month, 2, hour) for hour in range(texts)], kind="text")
        story.pass_time(day(month + 1, 2))

    use(1, 2, 1)
    use(2, 8, 9)
    use(3, 7, 4)
    january, february, march = story.invoices("acme")
    assert lines(january) == [("calls", "0.00"), ("texts", "0.00"), ("units", "0.00")]
    assert [step["sentence"] for step in january["lines"][2]["working"]] == [
        "10 units included in the period",
        "3 units used",
        "5 units kept, good for 1 more period",
        "2 units lost",
    ]
    assert lines(february) == [("calls", "0.00"), ("texts", "20.00"), ("units", "0.00")], "17 of 15"
    assert lines(march) == [("calls", "0.00"), ("texts", "10.00"), ("units", "0.00")], "none left"
    verified(story)


def test_a_ramp_of_chosen_prices_and_a_month_cut_short(story: Story) -> None:
    """100, then 200 a month, drawn down by calls alone; half a month is half the promise."""
    promise = {
        "key": "promise",
        "name": "Committed calls",
        "amounts": ["100", "200"],
        "prices": ["calls"],
    }
    plan(story, SEAT, CALLS, commitments=[promise])
    story.subscribe("acme", "pro", day(4, 16))
    story.pass_time(day(4, 20))
    story.call("acme", day(4, 17))
    story.pass_time(day(6, 10))
    story.call("acme", *[day(6, 9, hour) for hour in range(12)])
    ended = {"at": "now", "refund": "prorated"}
    story.pass_time(day(6, 16))
    story.post("/v1/subscriptions/acme/cancellation", ended)
    story.pass_time(day(6, 17))
    _, april, may, june = story.invoices("acme")
    assert lines(april)[1:] == [("calls", "10.00"), ("promise", "40.00")], "15 of 30 days of 100"
    assert lines(may)[1:] == [("calls", "0.00"), ("promise", "200.00")], "the second month's"
    assert ("calls", "120.00") in lines(june), "more than the 100 of half of June"
    assert "promise" not in dict(lines(june))
    verified(story)


def test_a_total_is_owed_when_the_contract_ends(story: Story) -> None:
    promise = {"key": "promise", "name": "In all", "amounts": ["500"], "per": "total"}
    plan(story, CALLS, commitments=[promise])
    story.subscribe("acme", "pro", day(1))
    story.call("acme", *[day(1, 1, hour) for hour in range(20)])
    story.pass_time(day(3, 10))
    story.call("acme", *[day(3, 5, hour) for hour in range(10)])
    story.post("/v1/subscriptions/acme/cancellation", {"at": "period_end"})
    story.pass_time(day(4, 2))
    assert [lines(bill) for bill in story.invoices("acme")] == [
        [("calls", "200.00")],
        [("calls", "0.00")],
        [("calls", "100.00"), ("promise", "200.00")],
    ]
    verified(story)


def test_a_trial_promises_nothing(story: Story) -> None:
    promise = {"key": "promise", "name": "Committed", "amounts": ["310"], "prorates": True}
    plan(story, CALLS, commitments=[promise])
    body = {"key": "acme", "customer": "acme", "plan": "pro", "alignment": "calendar"}
    starts_at = day(1).isoformat()
    story.post("/v1/subscriptions", {**body, "starts_at": starts_at, "trial": {"days": 21}})
    story.pass_time(day(3, 2))
    bills = [lines(bill) for bill in story.invoices("acme") if bill["lines"]]
    owed = [dict(bill).get("promise") for bill in bills]
    assert owed[0] == "100.00", "10 of January's 31 days are paid for"
    verified(story)


def test_no_customer_pays_more_or_less_in_all(story: Story) -> None:
    """Two subscriptions: at least 100 and at most 200 a month together, told on one bill."""
    limit = {
        "key": "in_all",
        "name": "In all",
        "minimum": "100",
        "maximum": "200",
        "whose": "customer",
    }
    plan(story, CALLS, spend_limits=[limit])
    story.meter("texts", dimensions=("kind",))
    story.plan("other", {**CALLS, "key": "texts", "meter": "texts", "match": {"kind": "text"}})
    story.subscribe("acme", "pro", day(1))
    body = {"key": "z-other", "customer": "acme", "plan": "other", "alignment": "calendar"}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat()})
    story.call("acme", day(1, 2), day(1, 3), kind="call")
    story.call("acme", day(1, 4), kind="text")
    story.pass_time(day(2, 2))
    story.call("acme", *[day(2, 1, hour) for hour in range(9)], kind="text")
    story.call("acme", *[day(2, 1, hour) for hour in range(9, 20)], kind="call")
    story.pass_time(day(3, 2))
    bills = {
        (invoice["period"]["starts"][5:7], invoice["lines"][0]["price_key"]): lines(invoice)
        for invoice in story.invoices("acme")
    }
    assert bills == {
        ("01", "calls"): [("calls", "30.00"), ("in_all", "60.00")],
        ("01", "texts"): [("texts", "10.00")],
        ("02", "calls"): [("calls", "200.00"), ("in_all", "-90.00")],
        ("02", "texts"): [("texts", "90.00")],
    }, "texts count as calls too; whatever the order of keys, the others' bills come first"
    verified(story)


def test_changes_in_mid_time_keep_the_promise_and_the_coupon(story: Story) -> None:
    """Upgraded in mid-month, billed at once, paused and ended: every bill is what it should be."""
    promise = {"key": "promise", "name": "Committed", "amounts": ["1200"], "per": "year"}
    plan(story, SEAT, CALLS, commitments=[promise])
    big = {**SEAT, "name": "Seat", "rule": {"model": "flat", "amount": "60"}}
    calls = {**CALLS, "name": "Calls"}
    body = {"key": "big", "name": "Big", "currency": "EUR", "commitments": [promise]}
    story.post("/v1/plans", {**body, "prices": [big, calls]})
    story.post(
        "/v1/coupons", {"key": "TENTH", "name": "A tenth", "rate_pct": "10", "frequency": "forever"}
    )
    story.post("/v1/coupon-redemptions", {"code": "TENTH", "customer": "acme"})
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 16))
    upgrade = {"what": {"kind": "plan", "plan": "big"}, "bills_at_once": True}
    at_once = story.post("/v1/subscriptions/acme/changes", upgrade)
    assert at_once["changes"][0]["plan"] == "big"
    story.call("acme", day(1, 20))
    story.pass_time(day(3, 10))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "pause"}})
    story.pass_time(day(5, 10))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "resume"}})
    story.pass_time(day(7, 1))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(7, 2))
    bills = story.invoices("acme")
    verified(story)
    for bill in bills:
        kinds = [line["kind"] for line in bill["lines"]]
        assert kinds == sorted(kinds, key=["price", "true_up", "coupon"].index)
        before = sum(line["amount_minor"] for line in bill["lines"] if line["kind"] != "coupon")
        taken = -sum(line["amount_minor"] for line in bill["lines"] if line["kind"] == "coupon")
        assert abs(taken - before / 10) <= 1, "a tenth of what each bill is, also of a refund"
    charged = sum(
        line["amount_minor"] for bill in bills for line in bill["lines"] if line["kind"] != "coupon"
    )
    days = 31 + 28 + 9 + 22 + 30  # January, February, to 10 March, from 10 May, June
    assert charged == round(120_000 * days / 365), "in all the promise, for the days that it ran"


def test_a_customers_limit_waits_for_a_subscription_that_another_run_holds(story: Story) -> None:
    limit = {"key": "in_all", "name": "In all", "minimum": "100", "whose": "customer"}
    plan(story, CALLS, spend_limits=[limit])
    story.plan("other", {**SEAT, "timing": "in_arrears"})
    story.subscribe("acme", "pro", day(1))
    body = {"key": "other", "customer": "acme", "plan": "other", "alignment": "calendar"}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat()})
    story.pass_time(day(1, 2))
    story.wiring.directory.set_clock(story.organization_id, day(2, 2))
    with story.wiring.books.begin(story.organization_id) as records:
        assert records.subscriptions.by_key("other", locked=True) is not None
        [stuck] = story.bill()["stuck"]
    assert (stuck["subscription_key"], stuck["code"]) == ("acme", "waits_for_others")
    assert story.invoices("acme") == []
    assert story.bill()["stuck"] == []
    told = sorted(lines(invoice) for invoice in story.invoices("acme"))
    assert told == [[("calls", "0.00"), ("in_all", "70.00")], [("seat", "30.00")]]
    verified(story)
