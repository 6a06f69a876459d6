"""Published catalogs of prices, expressed as plans and compared with their own figures."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tallybook.domain.catalog.imports.model_prices import (
    ListedModel,
    genai_by_time,
    genai_tokens,
    litellm_matrix,
)
from tallybook.domain.catalog.imports.published import Format, Order, import_prices
from tallybook.domain.catalog.imports.urdb import read_tariff
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.models.price_list import PriceList
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.rating.rate import rate_price, rate_usage

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("TALLYBOOK_SHARED", ROOT.parent / "shared")) / "data"
URDB = SHARED / "prices-urdb"
BROKEN = "Seward"
TARIFFS = [path for path in sorted(URDB.glob("*_*.json")) if BROKEN not in path.name]

needs_data = pytest.mark.skipif(
    not TARIFFS, reason=f"no price catalogs at {SHARED}: say where by TALLYBOOK_SHARED"
)
pytestmark = needs_data


def _read(path: Path) -> Any:
    packed = path.read_bytes()
    text = gzip.decompress(packed) if path.suffix == ".gz" else packed
    return json.loads(text, parse_float=Decimal)


def _price(terms: PlanTerms, key: str) -> Price:
    return next(price for price in terms.prices if price.key == key)


def test_the_published_bill_of_a_residential_tariff_comes_out() -> None:
    """24,000 kWh a year, every month at least 1,000: 2,342.88 USD of energy."""
    (path,) = URDB.glob("Florida_Power_Light_Co_RS_1*")
    tariff = read_tariff(_read(path), plan_key="rs-1", meter="kwh")
    tariff.terms.check()
    energy = _price(tariff.terms, "energy")
    months = [Decimal(n) for n in (1000, 3000, 1500, 2500, 1000, 2000, 2000, 2000, 3000, 1000)]
    months += [Decimal(2500), Decimal(2500)]
    assert sum(months) == 24000
    assert sum(rate_price(energy, month).amount for month in months) == Decimal("2342.88")
    assert rate_price(_price(tariff.terms, "fixed"), Decimal(1)).amount == Decimal("7.57")


def _load(year: int, month: int, clock: ZoneInfo) -> Iterator[Portion]:
    """Some kWh for each hour of a month, never twice alike."""
    at = datetime(year, month, 1, tzinfo=clock).astimezone(UTC)
    hour = 0
    while at.astimezone(clock).month == month:
        yield Portion(Decimal(hour * 37 % 1009 + 200 + hour).scaleb(-1), {}, at)
        at += timedelta(hours=1)
        hour += 1


def _by_hand(
    structure: Any,
    weekdays: Any,
    weekends: Any,
    load: list[Portion],
    clock: ZoneInfo,
    *,
    peak: bool,
) -> Decimal:
    """The schedule looked up hour by hour, as the database's own documentation says."""
    sums: dict[int, Decimal] = {}
    for portion in load:
        assert portion.starts_at is not None
        local = portion.starts_at.astimezone(clock)
        schedule = weekends if local.weekday() >= 5 else weekdays
        period = schedule[local.month - 1][local.hour]
        before = sums.get(period, Decimal(0))
        sums[period] = max(before, portion.quantity) if peak else before + portion.quantity
    bill = Decimal(0)
    with exactly():
        for period, quantity in sums.items():
            left, below = quantity, Decimal(0)
            for tier in structure[period]:
                end = tier.get("max")
                share = left if end is None else min(left, Decimal(end) - below)
                bill += share * (Decimal(tier.get("rate", 0)) + Decimal(tier.get("adj", 0)))
                left -= share
                below = Decimal(end or 0)
    return bill


@pytest.mark.parametrize("path", TARIFFS, ids=[path.stem[:40] for path in TARIFFS])
@pytest.mark.parametrize("month", [1, 3, 7, 11])
def test_every_tariff_bills_what_its_schedules_say(path: Path, month: int) -> None:
    tariff = _read(path)
    clock = ZoneInfo("America/New_York")
    load = list(_load(2026, month, clock))
    hourly = tariff | {"demandwindow": 60}
    terms = read_tariff(hourly, plan_key="t", meter="kwh", timezone="America/New_York").terms
    terms.check()
    flat = [[period] * 24 for period in tariff.get("flatdemandmonths", [])]
    parts = {
        "energy": ("energyratestructure", "energyweekdayschedule", "energyweekendschedule"),
        "demand": ("demandratestructure", "demandweekdayschedule", "demandweekendschedule"),
        "flat_demand": ("flatdemandstructure", "", ""),
    }
    for price in terms.prices:
        if price.key not in parts:
            continue
        structure, weekdays, weekends = (tariff.get(name, flat) for name in parts[price.key])
        peak = price.key != "energy"
        expected = _by_hand(structure, weekdays, weekends, load, clock, peak=peak)
        rated = rate_usage(price, load, Circumstances("America/New_York"))
        assert rated.amount == expected, price.key
        assert rated.amount > 0 or peak


def test_a_record_whose_schedule_names_no_rate_is_refused() -> None:
    (path,) = URDB.glob(f"*{BROKEN}*")
    with pytest.raises(Invalid) as refused:
        read_tariff(_read(path), plan_key="t", meter="kwh")
    assert refused.value.code == "unknown_period"


def test_litellm_is_one_matrix() -> None:
    models = _read(SHARED / "prices-litellm" / "model_prices.json.gz")
    assert len(models) - 1 == 4552
    made = litellm_matrix(models)
    made.check()
    assert sum(1 for cell in made.cells if cell.values[1] == "cache_read") == 1742
    assert sum(1 for cell in made.cells if cell.values[1] == "input_above_200k") == 104
    price = Price(key="tokens", name="Tokens", meter="tokens", rule=made)
    usage = [
        Portion(Decimal(1_000_000), {"model": "gpt-4o", "kind": kind})
        for kind in ("input", "output", "cache_read")
    ]
    rated = rate_usage(price, usage)
    assert [step.amount for step in rated.working] == [Decimal("2.5"), 10, Decimal("1.25")]


def _genai() -> dict[tuple[str, str], ListedModel]:
    providers = _read(SHARED / "prices-genai" / "data.json.gz")
    return {
        (provider["id"], model["id"]): ListedModel(provider["id"], model)
        for provider in providers
        for model in provider["models"]
    }


def test_every_dated_or_timed_model_price_is_a_price() -> None:
    models = _genai()
    assert len(models) == 1442
    by_time = [model for model in models.values() if model.is_by_time]
    rules = [genai_tokens([model]) for model in models.values() if not model.is_by_time]
    for rule in [*rules, *(rule for model in by_time for rule in genai_by_time(model).values())]:
        if rule is not None:
            rule.check()
    assert sum(isinstance(rule, PriceList) for rule in rules) == 7
    assert len(by_time) == 2
    assert sum(isinstance(rule, Matrix) for rule in rules) == 1433 - rules.count(None)


def test_all_models_are_one_plan_that_rates_as_each_by_itself() -> None:
    """On days before, between and after all changes; only two have prices by the time of day."""
    document = _read(SHARED / "prices-genai" / "data.json.gz")
    terms = import_prices(Format.GENAI, document, Order(key="llm", meter="tokens")).terms
    terms.check()
    tokens, *by_time = terms.prices
    assert {price.match["model"] for price in by_time} == {"deepseek-chat", "deepseek-reasoner"}
    for day in ("2025-06-09", "2025-06-10", "2026-02-28", "2026-08-31", "2026-09-01"):
        at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        for (provider, name), model in _genai().items():
            alone = genai_tokens([model])
            if model.is_by_time or alone is None:
                continue
            told = {"provider": provider, "model": name, "kind": "output"}
            usage = [Portion(Decimal(1_000_000), told, at)]
            price = Price(key="p", name="P", meter="tokens", rule=alone)
            assert rate_usage(tokens, usage).amount == rate_usage(price, usage).amount, told


@pytest.mark.parametrize(
    ("only", "models", "dimensions", "why"),
    [
        (("openai/o3",), 1, ("model", "kind"), "one"),
        (("openai/o3", "openai/o3-mini"), 2, ("model", "kind"), "two of one provider"),
        (("anthropic/*",), None, ("model", "kind"), "all of one"),
        (("openai/o3", "anthropic/*"), None, ("provider", "model", "kind"), "of two providers"),
    ],
)
def test_a_chosen_set_of_models(
    only: tuple[str, ...], models: int | None, dimensions: tuple[str, ...], why: str
) -> None:
    document = _read(SHARED / "prices-genai" / "data.json.gz")
    order = Order(key="llm", meter="tokens", only=only)
    (price,) = import_prices(Format.GENAI, document, order).terms.prices
    assert price.need.group_by == dimensions, why
    rule = price.rule
    matrix = rule.entries[-1].rule if isinstance(rule, PriceList) else rule
    assert isinstance(matrix, Matrix)
    named = {cell.values[:-1] for cell in matrix.cells}
    assert len(named) == models if models is not None else len(named) > 5, why


@pytest.mark.parametrize(
    ("when", "dollars", "why"),
    [
        ("2026-03-02T00:29:00+00:00", "0.135", "before the peak"),
        ("2026-03-02T00:30:00+00:00", "0.27", "from 00:30 UTC"),
        ("2026-03-02T16:29:00+00:00", "0.27", "to 16:30"),
        ("2026-03-02T16:30:00+00:00", "0.135", "which is not inside"),
    ],
)
def test_deepseek_by_the_time_of_day(when: str, dollars: str, why: str) -> None:
    rules = genai_by_time(_genai()["deepseek", "deepseek-chat"])
    price = Price(key="input", name="Input", meter="tokens", rule=rules["input"])
    portion = Portion(Decimal(1_000_000), {}, datetime.fromisoformat(when))
    rated = rate_usage(price, [portion], Circumstances("Asia/Shanghai"))
    assert rated.amount == Decimal(dollars), why


@pytest.mark.parametrize(
    ("day", "dollars"), [("2025-06-09", "10"), ("2025-06-10", "2"), ("2026-01-01", "2")]
)
def test_a_model_whose_price_fell_is_billed_by_the_day(day: str, dollars: str) -> None:
    rule = genai_tokens([_genai()["openai", "o3"]])
    assert isinstance(rule, PriceList)
    price = Price(key="o3", name="o3", meter="tokens", rule=rule)
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    usage = [Portion(Decimal(1_000_000), {"model": "o3", "kind": "input"}, at)]
    assert rate_usage(price, usage).amount == Decimal(dollars)
