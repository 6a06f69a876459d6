"""Time of use, demand, rate cards, price lists, outcomes: usage that knows when it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.models.bands import BandedRule
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.rate import rate_usage

MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def price(model: str, **fields: Any) -> Price:
    rule: AnyRule = msgspec.convert({"model": model, **fields}, AnyRule)
    made = Price(key="p", name="P", meter="m", rule=rule)
    made.check()
    return made


def amount(made: Price, *portions: Portion, timezone: str = "UTC") -> Decimal:
    line = rate_usage(made, portions, Circumstances(timezone, MARCH))
    assert sum(step.amount for step in line.working) == line.amount
    assert all(step.quantity * step.unit_amount == step.amount for step in line.working)
    return line.amount


def at(text: str, quantity: str = "1", **dimensions: str) -> Portion:
    instant = datetime.fromisoformat(text)
    return Portion(Decimal(quantity), dimensions, instant.replace(tzinfo=instant.tzinfo or UTC))


def per_unit(unit_amount: str) -> dict[str, str]:
    return {"model": "per_unit", "unit_amount": unit_amount}


PEAK_HOURS = {"weekdays": [1, 2, 3, 4, 5], "from_time": "07:00", "until_time": "20:00"}
PEAK = {"name": "peak", "rule": per_unit("5"), "when": [{**PEAK_HOURS, "holidays": False}]}
NIGHT = {
    "name": "night",
    "rule": per_unit("1"),
    "when": [{"from_time": "22:00", "until_time": "06:00"}],
}
REST = {"name": "other", "rule": per_unit("2")}
BANDS = {"bands": [PEAK, NIGHT, REST], "holidays": ["2026-12-25"]}


@pytest.mark.parametrize(
    ("when", "unit_amount", "why"),
    [
        ("2026-03-02T07:00", "5", "a Monday, the first moment of the peak"),
        ("2026-03-02T19:59", "5", "its last minute"),
        ("2026-03-02T20:00", "2", "until is not inside"),
        ("2026-03-01T12:00", "2", "a Sunday"),
        ("2026-03-02T22:00", "1", "the night begins"),
        ("2026-03-02T00:00", "1", "and goes over midnight"),
        ("2026-03-02T05:59", "1", "to the last minute"),
        ("2026-03-02T06:00", "2", "between night and peak"),
        ("2026-12-25T12:00", "2", "a holiday has no peak, though a Friday"),
        ("2026-12-24T12:00", "5", "the day before has"),
    ],
)
def test_bands(when: str, unit_amount: str, why: str) -> None:
    assert amount(price("time_of_use", **BANDS), at(when)) == Decimal(unit_amount), why


def test_bands_go_by_the_customers_clock_or_by_their_own() -> None:
    noon_in_tokyo = at("2026-03-02T03:00")
    made = price("time_of_use", **BANDS)
    assert amount(made, noon_in_tokyo) == 1
    assert amount(made, noon_in_tokyo, timezone="Asia/Tokyo") == 5
    its_own = price("time_of_use", **BANDS, timezone="Asia/Tokyo")
    assert (its_own.need.window, its_own.need.timezone) == ("hour", "Asia/Tokyo")
    assert amount(its_own, noon_in_tokyo, timezone="Europe/Stockholm") == 5


def test_the_hour_that_autumn_repeats_is_in_its_band_twice() -> None:
    band = {
        "name": "two",
        "rule": per_unit("7"),
        "when": [{"from_time": "02:00", "until_time": "03:00"}],
    }
    made = price("time_of_use", bands=[band, REST])
    hours = [
        at(f"2026-10-{day}T{hour:02}:00")
        for day, hour in (("24", 23), ("25", 0), ("25", 1), ("25", 2))
    ]
    assert amount(made, *hours, timezone="Europe/Stockholm") == 2 + 7 + 7 + 2


def test_a_season_may_go_over_new_year() -> None:
    winter = {
        "name": "winter",
        "rule": per_unit("9"),
        "when": [{"from_day": "11-01", "until_day": "03-31"}],
    }
    made = price("time_of_use", bands=[winter, REST])
    days = ("2026-10-31", "2026-11-01", "2026-01-15", "2026-03-31", "2026-04-01")
    assert [amount(made, at(f"{day}T12:00")) for day in days] == [2, 9, 9, 9, 2]


def test_each_band_has_tiers_of_its_own() -> None:
    tiers = {"model": "graduated", "tiers": [{"up_to": "1", "unit_amount": "1"}, {}]}
    made = price("time_of_use", bands=[{**PEAK, "rule": tiers}, {**REST, "rule": tiers}])
    usage = [at(f"2026-03-02T{hour:02}:00") for hour in (6, 7, 8, 21)]
    line = rate_usage(made, usage)
    assert line.amount == 2
    assert [(step.labels["part"], step.code, step.quantity) for step in line.working] == [
        ("peak", "first_tier", 1),
        ("peak", "next_tier", 1),
        ("other", "first_tier", 1),
        ("other", "next_tier", 1),
    ]


@pytest.mark.parametrize(
    ("when", "field", "code"),
    [
        ({"from_time": "7:00"}, "rule/bands/0/when/0/from_time", "unreadable_moment"),
        ({"until_day": "13-01"}, "rule/bands/0/when/0/until_day", "unreadable_moment"),
        ({"weekdays": [0]}, "rule/bands/0/when/0/weekdays", "unreadable_moment"),
        ({"months": [13]}, "rule/bands/0/when/0/months", "unreadable_moment"),
        ({"months": [1, 2]}, "rule/bands", "gap_between_bands"),
        ({"from_time": "00:00", "until_time": "23:00"}, "rule/bands", "gap_between_bands"),
        ({"weekdays": [1, 2, 3, 4, 5, 6]}, "rule/bands", "gap_between_bands"),
        ({"from_day": "01-02"}, "rule/bands", "gap_between_bands"),
        ({"until_day": "12-30"}, "rule/bands", "gap_between_bands"),
    ],
)
def test_bands_that_leave_a_moment_out_are_refused(
    when: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        price("time_of_use", bands=[{**REST, "when": [when]}])
    assert (refused.value.field, refused.value.code) == (field, code)


def test_half_hours_need_minutes() -> None:
    half = {**PEAK, "when": [{"from_time": "07:30", "until_time": "20:00"}]}
    made = price("time_of_use", bands=[half, REST])
    assert isinstance(made.rule, BandedRule)
    assert made.need.window == "minute"
    assert amount(made, at("2026-03-02T07:29"), at("2026-03-02T07:30")) == 7


def test_demand_charges_the_highest_window_of_each_band() -> None:
    tiers = {
        "model": "graduated",
        "tiers": [{"up_to": "10", "unit_amount": "1"}, {"unit_amount": "2"}],
    }
    made = price("demand", bands=[PEAK, {**REST, "rule": tiers}], multiplier="4", window_minutes=15)
    assert made.need.window == "minute"
    usage = [
        at("2026-03-02T08:00", "1"),
        at("2026-03-02T08:14", "1.5"),
        at("2026-03-02T08:15", "2"),
        at("2026-03-02T21:00", "4"),
        at("2026-03-03T21:00", "4"),
    ]
    line = rate_usage(made, usage)
    assert line.amount == 10 * 5 + 10 + 6 * 2
    peaks = [(step.labels["at"], step.quantity) for step in line.working if step.code == "peak"]
    assert peaks == [("2026-03-02 08:00", Decimal("2.5")), ("2026-03-02 21:00", Decimal(4))]
    assert amount(made) == 0


def test_demand_outside_every_band_does_not_count() -> None:
    made = price("demand", bands=[PEAK])
    assert amount(made, at("2026-03-01T12:00", "100"), at("2026-03-02T12:00", "3")) == 15


CARDS = [
    {"cells": [{"values": ["gpt"], "unit_amount": "2"}]},
    {"starts_on": "2026-03-15", "cells": [{"values": ["gpt"], "unit_amount": "3"}]},
]


def test_a_rate_card_tuned_anew_leaves_earlier_usage_as_it_was() -> None:
    made = price("rate_card", dimensions=["model"], cards=CARDS, credit_amount="0.01")
    assert (made.need.group_by, made.need.window) == (("model",), "day")
    assert made.need.adds_windows
    before, after = (
        at("2026-03-14T23:00", "10", model="gpt"),
        at("2026-03-15T00:00", "10", model="gpt"),
    )
    assert amount(made, before) == Decimal("0.20")
    assert amount(made, after) == Decimal("0.30")
    assert amount(made, before, timezone="Europe/Stockholm") == Decimal("0.30")
    line = rate_usage(made, [before, after, at("2026-03-01T00:00", "5", model="other")])
    assert [(step.code, step.quantity) for step in line.working] == [
        ("credits", 20),
        ("credits", 30),
        ("not_priced", 5),
    ]


ENTRIES = [
    {"starts_on": "2026-01-01", "rule": per_unit("1")},
    {
        "starts_on": "2026-03-10",
        "rule": {"model": "package", "package_size": 10, "package_amount": 7},
    },
]


@pytest.mark.parametrize(
    ("price_of", "days", "expected", "why"),
    [
        ("usage", ["2026-03-09", "2026-03-10"], "8", "each by the price of its day"),
        ("usage", ["2026-03-10", "2026-03-11"], "7", "one package for both"),
        ("usage", ["2025-12-31"], "0", "before the first price nothing is charged"),
        ("period_start", ["2026-03-09", "2026-03-11"], "2", "the price of the first of March"),
    ],
)
def test_price_list(price_of: str, days: list[str], expected: str, why: str) -> None:
    made = price("price_list", entries=ENTRIES, price_of=price_of)
    assert made.need.window == ("day" if price_of == "usage" else None)
    assert amount(made, *(at(f"{day}T12:00") for day in days)) == Decimal(expected), why


def test_entries_are_sorted_by_day() -> None:
    for entries in (ENTRIES[::-1], [ENTRIES[0], ENTRIES[0]], [ENTRIES[0], {"rule": per_unit("1")}]):
        with pytest.raises(Invalid) as refused:
            price("price_list", entries=entries)
        assert refused.value.field == "rule/entries/1/starts_on"


def outcome(when: str, name: str, status: str) -> Portion:
    return at(when, outcome_id=name, status=status)


@pytest.mark.parametrize(
    ("events", "expected", "why"),
    [
        ([("03-02", "a", "confirmed"), ("03-03", "b", "confirmed")], "20", "one amount each"),
        ([("03-02", "a", "confirmed"), ("03-03", "a", "confirmed")], "10", "the first counts"),
        ([("03-02", "a", "opened")], "0", "only a confirmation charges"),
        ([("03-02", "a", "confirmed"), ("03-20", "a", "disputed")], "0", "in time"),
        ([("02-20", "a", "confirmed"), ("03-02", "a", "disputed")], "-10", "given back later"),
        ([("02-01", "a", "confirmed"), ("03-08", "a", "disputed")], "0", "too late"),
        ([("03-02", "a", "disputed")], "0", "never confirmed"),
        ([("02-02", "a", "confirmed"), ("02-08", "a", "disputed")], "0", "settled before"),
        ([("03-08", "a", "confirmed"), ("03-02", "a", "disputed")], "10", "disputed before it was"),
    ],
)
def test_outcomes(events: list[tuple[str, str, str]], expected: str, why: str) -> None:
    made = price("outcome", unit_amount="10", dispute_days=30)
    assert (made.need.each_event, made.need.lookback_days) == (True, 30)
    portions = [outcome(f"2026-{day}T12:00", name, status) for day, name, status in events]
    assert amount(made, *portions) == Decimal(expected), why
    assert amount(made, *portions[::-1]) == Decimal(expected), "in any order"


@pytest.mark.parametrize(
    ("measured", "baseline", "expected", "why"),
    [
        ("1000", "800", "20", "a tenth of what was gained"),
        ("700", "800", "0", "a loss costs nothing and pays nothing"),
        ("1000", None, "100", "no baseline: all of it"),
    ],
)
def test_uplift(measured: str, baseline: str | None, expected: str, why: str) -> None:
    made = price("uplift", rate_pct="10")
    usage = [Portion(Decimal(measured), {"arm": "measured"})]
    if baseline is not None:
        usage.append(Portion(Decimal(baseline), {"arm": "baseline"}))
    assert amount(made, *usage) == Decimal(expected), why
    agreed = price("uplift", rate_pct="10", baseline_amount=baseline or 0)
    assert amount(agreed, usage[0]) == Decimal(expected), why


def test_every_hour_of_a_year_is_in_exactly_one_band() -> None:
    made = price("time_of_use", **BANDS)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = [Portion(Decimal(1), {}, start + timedelta(hours=n)) for n in range(8760)]
    for timezone in ("UTC", "America/St_Johns", "Australia/Lord_Howe"):
        line = rate_usage(made, hours, Circumstances(timezone))
        assert sum(step.quantity for step in line.working) == 8760
