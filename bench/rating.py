"""Rating: a million pairs of a quantity and a price of mixed models, workings included.

The reference is the arithmetic alone: for each pair as many multiplications and additions of exact
decimals as its working has steps, without tiers to choose, steps to keep or adjustments to make.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from bench.report import Figure, peak_memory_mb, report

from tallybook.domain.catalog.models.cells import Cell
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import ANYWHERE, Portion
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.rating.rate import rate_prices

PAIRS = 1_000_000
BATCH = 50_000
MODELS = 4552
TIERS = [
    {"up_to": "1000", "unit_amount": "0.10", "flat_amount": "5"},
    {"up_to": "10000", "unit_amount": "0.05"},
    {"up_to": "50000", "unit_amount": "0.000025"},
    {"unit_amount": "0.01"},
]
PERCENT_TIERS = [{"up_to": "1000", "rate_pct": "2.9", "flat_amount": "0.3"}, {"rate_pct": "1.5"}]
STAIRS = [{"up_to": "1000", "amount": "10"}, {"up_to": "20000", "amount": "80"}, {"amount": "200"}]
RULES: list[dict[str, Any]] = [
    {"rule": {"model": "flat", "amount": "20"}},
    {"rule": {"model": "per_unit", "unit_amount": "0.000003"}},
    {"rule": {"model": "graduated", "tiers": TIERS}},
    {"rule": {"model": "volume", "tiers": TIERS}},
    {"rule": {"model": "package", "package_size": 100, "package_amount": 5, "free_units": 50}},
    {"rule": {"model": "stairstep", "tiers": STAIRS}},
    {"rule": {"model": "overage", "allowance": 1000, "unit_amount": "0.02", "flat_amount": 10}},
    {"rule": {"model": "graduated_percentage", "tiers": PERCENT_TIERS}},
    {"rule": {"model": "per_unit", "unit_amount": "0.02"}, "allowance": 500, "discount_pct": 10},
    {"rule": {"model": "graduated", "tiers": TIERS}, "minimum": 50, "maximum": 500},
]


def mixed_prices() -> list[Price]:
    """A price of every kind above."""
    fields = [{"key": f"p{n}", "name": "P", "meter": "m"} | rule for n, rule in enumerate(RULES)]
    return [msgspec.convert(each, Price) for each in fields]


def bare(pairs: list[tuple[Decimal, Decimal, int]]) -> Decimal:
    """The multiplications and additions of as many steps, and nothing else."""
    total = Decimal(0)
    with exactly():
        for quantity, rate, steps in pairs:
            for _ in range(steps):
                total += quantity * rate
    return total


def matrix_rule() -> Matrix:
    """A price list of as many models as the largest that is published, four kinds of token each."""
    kinds = ("input", "output", "cache_read", "cache_write")
    cells = [
        Cell((f"model-{number}", kind), Decimal(number % 97 + 1).scaleb(-7))
        for number in range(MODELS)
        for kind in kinds
    ]
    return Matrix(("model", "kind"), (*cells, Cell(("*", "input"), Decimal("0.000001"))))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, the garbage of what came before not counted."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rate_mixed(pairs: list[tuple[Price | AnyRule, Decimal]]) -> int:
    """Rate every pair, a batch at a time as a billing run does; the number of steps."""
    steps = 0
    for start in range(0, len(pairs), BATCH):
        for rated in rate_prices(pairs[start : start + BATCH]):
            steps += len(rated.working)
    return steps


def rate_requests(rule: Matrix, portions: list[Portion]) -> Decimal:
    """Price each request by itself in the matrix."""
    total = Decimal(0)
    with exactly():
        for portion in portions:
            total += rule.rate_portions((portion,), ANYWHERE).amount
    return total


def main() -> None:
    """Measure and print."""
    chance = random.Random(20260301)
    prices = mixed_prices()
    pairs: list[tuple[Price | AnyRule, Decimal]] = [
        (prices[n % len(prices)], Decimal(chance.randrange(0, 60_000_000)).scaleb(-3))
        for n in range(PAIRS)
    ]
    sample = rate_prices(pairs[: len(prices) * 100])
    steps = [len(sample[n % len(sample)].working) for n in range(PAIRS)]
    plain = [
        (quantity, Decimal("0.025"), count)
        for (_, quantity), count in zip(pairs, steps, strict=True)
    ]
    taken = seconds(lambda: rate_mixed(pairs))
    reference = seconds(lambda: bare(plain))
    rule = matrix_rule()
    rule.check()
    kinds = ("input", "output", "cache_read", "cache_write")
    portions = [
        Portion(
            Decimal(chance.randrange(1, 100_000)),
            {"model": f"model-{chance.randrange(MODELS)}", "kind": kinds[n % 4]},
        )
        for n in range(PAIRS)
    ]
    looked_up = seconds(lambda: rate_requests(rule, portions))
    once = [(portion.quantity, Decimal("0.0000025"), 1) for portion in portions]
    reference_once = seconds(lambda: bare(once))
    report(
        [
            Figure(
                "rate 1 M pairs of mixed prices, with workings",
                taken,
                "s",
                reference,
                "bare arithmetic",
                at_most=15,
            ),
            Figure(
                f"rate 1 M requests by a matrix of {len(rule.cells):,} cells".replace(",", " "),
                looked_up,
                "s",
                reference_once,
                "bare arithmetic",
                at_most=15,
            ),
            Figure("peak memory of this bench", peak_memory_mb(), "MB"),
        ]
    )


if __name__ == "__main__":
    main()
