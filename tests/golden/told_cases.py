"""One realistic line of every kind: what is printed on invoices, for `test_told_lines.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.catalog.working import Step
from tallybook.domain.invoicing.charges import Charge, rate_fee
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.plurals import UnitForms
from tallybook.domain.kernel.shares import WHOLE, Share
from tallybook.domain.rating.rate import rate_usage
from tallybook.domain.subscriptions.proration import CountedIn
from tallybook.domain.subscriptions.reckoning import Side

WORDS = {
    "calls": {
        "en": UnitForms(one="call", other="calls"),
        "sv": UnitForms(one="anrop", other="anrop"),
        "de": UnitForms(one="Aufruf", other="Aufrufe"),
    },
    "seats": {
        "sv": UnitForms(one="plats", other="platser"),
        "de": UnitForms(one="Platz", other="Plätze"),
    },
    "hours": {
        "sv": UnitForms(one="timme", other="timmar"),
        "de": UnitForms(one="Stunde", other="Stunden"),
    },
    "tokens": {
        "sv": UnitForms(one="token", other="token"),
        "de": UnitForms(one="Token", other="Token"),
    },
    "thousand tokens": {
        "sv": UnitForms(one="tusen token", other="tusen token"),
        "de": UnitForms(one="Tausend Token", other="Tausend Token"),
    },
}
JULY = Span(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))
AT = Circumstances(timezone="UTC", period=JULY)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A line: what it shows, its working, and the meter's unit."""

    title: str
    working: tuple[Step, ...]
    unit: str = "calls"


def used(quantity: str, *, day: int | None = None, hour: int = 0, **dimensions: str) -> Portion:
    at = None if day is None else datetime(2026, 7, day, hour, tzinfo=UTC)
    return Portion(Decimal(quantity), dimensions, at)


def rated(
    title: str,
    rule: dict[str, Any],
    usage: str | Sequence[Portion],
    unit: str = "calls",
    **around: Any,
) -> Told:
    price = msgspec.convert({"key": "p", "name": "P", "rule": rule, "meter": "m", **around}, Price)
    price.check()
    portions = [used(usage)] if isinstance(usage, str) else usage
    return Told(title=title, working=rate_usage(price, portions, AT).working, unit=unit)


TIERS = [
    {"up_to": "1000", "unit_amount": "0.05", "flat_amount": "10"},
    {"up_to": "10000", "unit_amount": "0.04", "flat_amount": "5"},
    {"unit_amount": "0.03"},
]
GRADUATED = {"model": "graduated", "tiers": TIERS}
BLOCKS = {
    "model": "graduated",
    "tiers": [
        {"up_to": "1000", "unit_amount": "4", "block_size": "100", "cap": "30"},
        {"unit_amount": "3", "block_size": "100"},
    ],
}
VOLUME = {"model": "volume", "tiers": TIERS}
FREE_ABOVE = {
    "model": "volume",
    "tiers": [{"up_to": "1000", "unit_amount": "0.05"}],
    "beyond": "free",
}
STAIRS = {
    "model": "stairstep",
    "tiers": [{"up_to": "10", "amount": "49"}, {"up_to": "50", "amount": "199"}],
    "overage_unit_amount": "5",
}
PACKAGES = {
    "model": "package",
    "package_size": "1000",
    "package_amount": "5",
    "free_units": "1000",
}
OVERAGE = {"model": "overage", "allowance": "1000", "unit_amount": "0.02", "flat_amount": "20"}
TIERED_OVERAGE = {
    "model": "tiered_overage",
    "tiers": [
        {"up_to": "100", "unit_amount": "0.5"},
        {"up_to": "1000", "unit_amount": "0.4"},
    ],
    "overage_unit_amount": "0.6",
}
CARD_FEE = {
    "model": "percentage",
    "rate_pct": "1.4",
    "fixed_amount": "0.25",
    "free_events": 1,
    "event_minimum": "0.5",
    "event_maximum": "20",
}
PERCENT_TIERS = {
    "model": "graduated_percentage",
    "tiers": [
        {"up_to": "1000", "rate_pct": "3"},
        {"up_to": "5000", "rate_pct": "2.5", "flat_amount": "10"},
    ],
    "beyond": "free",
}
MATRIX = {
    "model": "matrix",
    "dimensions": ["model", "region"],
    "cells": [
        {"values": ["large", "eu"], "unit_amount": "0.003"},
        {"values": ["small", "*"], "unit_amount": "0.001"},
    ],
}
TIMES = {
    "model": "time_of_use",
    "bands": [
        {
            "name": "Day",
            "rule": {"model": "per_unit", "unit_amount": "0.32"},
            "when": [{"from_time": "07:00", "until_time": "22:00"}],
        },
        {"name": "Night", "rule": {"model": "per_unit", "unit_amount": "0.18"}},
    ],
}
DEMAND = {
    "model": "demand",
    "bands": [
        {
            "name": "Weekdays",
            "rule": {"model": "per_unit", "unit_amount": "9.5"},
            "when": [{"weekdays": [1, 2, 3, 4, 5]}],
        }
    ],
    "window_minutes": 15,
    "multiplier": "4",
    "unit": "kW",
}
OUTCOMES = {"model": "outcome", "unit_amount": "2", "dispute_days": 14}
UPLIFT = {"model": "uplift", "rate_pct": "10", "baseline_amount": "4000"}
CARD = {
    "model": "rate_card",
    "dimensions": ["model"],
    "cards": [{"cells": [{"values": ["large"], "unit_amount": "3"}]}],
    "credit_amount": "0.01",
}
DATED = {
    "model": "price_list",
    "entries": [
        {"rule": {"model": "per_unit", "unit_amount": "0.05"}},
        {"rule": {"model": "per_unit", "unit_amount": "0.04"}, "starts_on": "2026-07-15"},
    ],
}
DAILY = {"model": "bucketed", "inner": GRADUATED, "window": "day"}
SIZES = {
    "model": "capacity",
    "dimension": "what",
    "sizes": [
        {"amount": "10", "limits": {"rows": "100"}},
        {"amount": "25", "limits": {"rows": "1000"}},
    ],
}
FILTERS = {
    "model": "filtered",
    "filters": [
        {
            "name": "EU",
            "match": {"region": ["eu"]},
            "rule": {"model": "per_unit", "unit_amount": "0.05"},
        }
    ],
}
PARTS = {
    "model": "composite",
    "dimension": "kind",
    "components": {"read": {"model": "per_unit", "unit_amount": "0.01"}, "write": GRADUATED},
}
PER_UNIT = {"model": "per_unit", "unit_amount": "0.02"}


def outcome(day: int, name: str, status: str) -> Portion:
    return used("1", day=day, outcome_id=name, status=status)


def of_one_quantity() -> Iterator[Told]:
    yield rated("flat", {"model": "flat", "amount": "20"}, "5")
    yield rated("per_unit", PER_UNIT, "1250")
    yield rated("per_unit, one", PER_UNIT, "1")
    yield rated("per_unit, a part of one", PER_UNIT, "0.5", "hours")
    yield rated("per_unit, none", PER_UNIT, "0")
    yield rated("graduated with flat amounts", GRADUATED, "12500")
    yield rated("graduated, at the boundary", GRADUATED, "1000")
    yield rated("graduated, one above it", GRADUATED, "1001")
    yield rated("graduated, none", GRADUATED, "0")
    yield rated(
        "graduated, none, the first flat amount all the same",
        {**GRADUATED, "zero_quantity_charges_first_flat_fee": True},
        "0",
    )
    yield rated("graduated by blocks, with a cap", BLOCKS, "1250")
    yield rated("volume", VOLUME, "4200")
    yield rated("volume, in the last tier", VOLUME, "12500")
    yield rated("volume, one", VOLUME, "1")
    yield rated("volume, none", VOLUME, "0")
    yield rated("volume, free above the last tier", FREE_ABOVE, "1200")
    yield rated("stairstep", STAIRS, "7", "seats")
    yield rated("stairstep, past the last step", STAIRS, "51", "seats")
    yield rated("stairstep, none", STAIRS, "0", "seats")
    yield rated("package", PACKAGES, "3400")
    yield rated("package, one", {**PACKAGES, "free_units": "0"}, "1")
    yield rated("package, none", {**PACKAGES, "free_units": "0"}, "0")
    yield rated("overage", OVERAGE, "1500")
    yield rated("overage, without an amount", {**OVERAGE, "flat_amount": "0"}, "400")
    yield rated("overage, none", OVERAGE, "0")
    yield rated("tiered_overage", TIERED_OVERAGE, "1500")
    yield rated("tiered_overage, none", TIERED_OVERAGE, "0")
    yield rated("graduated_percentage", PERCENT_TIERS, "6200", "")
    yield rated("graduated_percentage, none", PERCENT_TIERS, "0", "")
    yield rated("dynamic", {"model": "dynamic"}, "123.456", "")
    yield rated("dynamic, marked up", {"model": "dynamic", "multiplier": "1.2"}, "123.456", "")


def of_split_usage() -> Iterator[Told]:
    transactions = [used(each) for each in ("80", "10", "250", "5000")]
    models = [
        used("1200", model="large", region="eu"),
        used("1", model="small", region="us"),
        used("7", model="huge", region="eu"),
    ]
    yield rated("percentage", {"model": "percentage", "rate_pct": "2.5"}, "1800", "")
    yield rated("percentage, none", {"model": "percentage", "rate_pct": "2.5"}, "0", "")
    yield rated("percentage with a fee, a free part and limits", CARD_FEE, transactions, "")
    yield rated("percentage with a fee, none", CARD_FEE, [], "")
    yield rated("matrix", MATRIX, models)
    yield rated("matrix with a default", {**MATRIX, "default_unit_amount": "0.01"}, models)
    yield rated("matrix, none", MATRIX, [])
    yield rated("composite", PARTS, [used("50", kind="read"), used("1001", kind="write")])
    yield rated("composite, none", PARTS, [])
    yield rated("filtered", FILTERS, [used("50", region="eu"), used("3", region="us")])
    yield rated("filtered, none", FILTERS, [])
    yield rated("capacity", SIZES, [used("450", what="rows")])
    yield rated("capacity, beyond the largest size", SIZES, [used("4500", what="rows")])
    yield rated("rate_card", CARD, [used("40", model="large"), used("2", model="small")])
    yield rated("rate_card, none", CARD, [])
    gained = [used("6500", arm="measured"), used("500", arm="baseline")]
    yield rated("uplift", UPLIFT, gained, "")
    yield rated("uplift, none", UPLIFT, [], "")


def of_times() -> Iterator[Told]:
    hours = [used("30", day=1, hour=8), used("12.5", day=1, hour=23)]
    yield rated("time_of_use", TIMES, hours, "kWh")
    yield rated("time_of_use, none", TIMES, [], "kWh")
    quarters = [used("3", day=1, hour=17), used("2", day=2, hour=9), used("4", day=4, hour=9)]
    yield rated("demand", DEMAND, quarters, "kWh")
    yield rated("demand, none", DEMAND, [], "kWh")
    yield rated("price_list", DATED, [used("400", day=3), used("900", day=20)])
    yield rated("price_list, none", DATED, [])
    yield rated("bucketed", DAILY, [used("1200", day=1), used("500", day=2)])
    yield rated("bucketed, one window", DAILY, [used("500", day=2)])
    yield rated("bucketed, none", DAILY, [])
    events = [
        *(outcome(day, f"o{day}", "confirmed") for day in (2, 3, 4)),
        outcome(5, "o2", "disputed"),
        outcome(30, "o3", "disputed"),
    ]
    yield rated("outcome, one disputed in time, one too late", OUTCOMES, events, "")
    yield Told(
        title="outcome, disputed after it was billed, more than was charged",
        working=(
            step("disputed", "-4", "-2"),
            step("no_more_than_billed", "1", maximum="3"),
        ),
        unit="",
    )
    yield rated("outcome, one", OUTCOMES, events[:1], "")
    yield rated("outcome, none", OUTCOMES, [], "")


def around_the_rule() -> Iterator[Told]:
    thousands = {"divide_by": "1000", "unit": "thousand tokens"}
    yield rated(
        "conversion, allowance, discount, maximum",
        {"model": "per_unit", "unit_amount": "2"},
        "30000",
        "tokens",
        conversion=thousands,
        allowance="10",
        discount_pct="12.5",
        maximum="30",
    )
    yield rated("an allowance that covers all", PER_UNIT, "400", allowance="1000")
    yield rated("an allowance that covers one", PER_UNIT, "1", allowance="1")
    yield rated("an allowance that covers all, matrix", MATRIX, "400", allowance="1000")
    yield rated("minimum", PER_UNIT, "1", minimum="5")
    yield rated("minimum, none", TIMES, [], "kWh", minimum="5")
    yield Told(
        title="in force for a part of the period",
        working=(step("in_force_all", "0", "0", parts="20", of_parts="30"),),
    )
    yield Told(
        title="a price of two plans, the first of which had a promise",
        working=(
            step("per_unit", "50", "5"),
            msgspec.structs.replace(
                step("used_until", "0", "2", charged="20"), labels={"at": "2026-07-15 00:00"}
            ),
        ),
    )
    yield rated("below zero", PER_UNIT, "-3")
    yield rated("below zero, a credit", PER_UNIT, "-1", negative_quantity="credit")


def step(code: str, amount: str, quantity: str = "1", part: str = "", **terms: str) -> Step:
    number = Decimal(quantity)
    exact = Decimal(amount)
    labels = {"part": part} if part else {}
    each = exact / number if number else exact
    return Step(code, number, each, exact, {k: Decimal(v) for k, v in terms.items()}, labels)


def of_fees() -> Iterator[Told]:
    """Fees as they are charged, for a part of a period, and given back."""

    def fee(title: str, quantity: str, share: Share, **said: Any) -> Told:
        price = Price(key="seats", name="Seats", rule=Flat(Decimal(30)))
        charge = Charge(
            price=price, service_period=JULY, quantity=Decimal(quantity), share=share, **said
        )
        return Told(title=title, working=rate_fee(charge).rated.working, unit="")

    part = Share(10, 31)
    yield fee("a fee", "1", WHOLE)
    yield fee("seats", "5", WHOLE)
    yield fee("a fee for a part of the period", "1", part)
    yield fee("seats for a part of the period", "5", part)
    yield fee("a fee given back", "1", part, side=Side.CREDIT)
    yield fee("seats given back", "5", part, side=Side.CREDIT)
    yield fee("seats given back in full", "5", WHOLE, side=Side.CREDIT)
    yield fee("a fee by the second", "1", Share(3600, 7200), counted_in=CountedIn.SECONDS)


def of_conditions() -> Iterator[Told]:
    def told(title: str, *steps: Step) -> Told:
        return Told(title=title, working=steps)

    yield told(
        "a commitment's overage",
        step("beyond_commitment", "25", "50", promised="100", charged="150", factor="1.5"),
    )
    yield told("a commitment's true-up", step("true_up", "20", promised="100", charged="80"))
    yield told(
        "a true-up of a part of its time, billed before",
        step("true_up_part", "20", promised="50", charged="30", parts="15", of_parts="30"),
        step("billed_before", "-5"),
    )
    yield told(
        "a true-up of one day",
        step("true_up_part", "2", promised="5", charged="3", parts="1", of_parts="1"),
    )
    yield told("most spend", step("spend_maximum", "-50", maximum="500", charged="550"))
    yield told("least spend", step("spend_minimum", "12.5", minimum="50", charged="37.5"))
    yield told(
        "least spend for a part of its time",
        step("spend_minimum_part", "10", minimum="25", charged="15", parts="15", of_parts="30"),
        step("rounded", "0.004"),
    )
    yield told("a coupon", step("coupon_percent", "-20", of="100", percent="20", part="Seats"))
    yield told("a coupon of an amount", step("coupon_amount", "-5", of="30", part="Seats"))
    yield told("a coupon taken back", step("coupon_taken_back", "5", of="30", part="Seats"))
    yield told(
        "a shared allowance",
        step("allowance_granted", "0", "1000"),
        step("allowance_carried", "0", "1"),
        step("allowance_used", "0", "700"),
        step("allowance_kept", "0", "300", periods_left="1"),
        step("allowance_lost", "0", "1"),
    )
    yield told("shared units kept for longer", step("allowance_kept", "0", "1", periods_left="3"))


TOLD = (
    *of_one_quantity(),
    *of_split_usage(),
    *of_times(),
    *around_the_rule(),
    *of_fees(),
    *of_conditions(),
)
