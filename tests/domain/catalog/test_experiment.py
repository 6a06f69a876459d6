"""Which arm a customer gets: docs/semantics/plans.md."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.experiment import Arm, assigned, place

ARMS = (
    Arm(key="control", version=1, weight=50),
    Arm(key="cheap", version=2, weight=30),
    Arm(key="bold", version=3, weight=20),
)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-/._", min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("experiment", "customer", "number", "arm", "why"),
    [
        ("pricing-2026", "acme", 4848537326008427570, "control", "below half"),
        ("pricing-2026", "umbrella", 10683702057187393155, "cheap", ""),
        ("pricing-2026", "stark", 383408494040419493, "control", ""),
        ("pricing-2026", "hooli", 1369778112497798578, "control", ""),
        ("pricing-2026", "wayne", 13743304237768429826, "cheap", ""),
        ("other", "umbrella", 15465272342943098375, "bold", "another experiment, another place"),
        ("pricing-2026", "kund-åäö", 2235667586002605837, "control", "UTF-8"),
        ("pricing-2026", "org/7", 16576506838833311403, "bold", "a slash is part of the key"),
    ],
)
def test_published_values(experiment: str, customer: str, number: int, arm: str, why: str) -> None:
    """Anybody who computes the hash elsewhere must come to these."""
    assert place(experiment, customer) == number, why
    assert assigned(experiment, ARMS, customer).key == arm, why


def test_arms_get_their_shares() -> None:
    """Of 20,000 customers each arm gets its weight within a percent and a half: over four sigma."""
    met = Counter(assigned("pricing-2026", ARMS, f"customer-{n}").key for n in range(20_000))
    for arm in ARMS:
        assert abs(met[arm.key] - 200 * arm.weight) < 300, met


def test_experiments_hash_apart() -> None:
    """Half of those in an arm of one experiment are in that arm of another: no more is shared."""
    halves = (Arm(key="a", version=1), Arm(key="b", version=2))
    keys = [f"customer-{n}" for n in range(10_000)]
    same = sum(assigned("one", halves, key) == assigned("two", halves, key) for key in keys)
    assert 4_750 < same < 5_250


@given(KEYS, KEYS, st.lists(st.integers(0, 1_000_000), min_size=1, max_size=20).filter(any))
def test_everybody_is_in_an_arm_that_weighs(
    experiment: str, customer: str, weights: list[int]
) -> None:
    arms = [Arm(key=f"a{n}", version=1, weight=weight) for n, weight in enumerate(weights)]
    arm = assigned(experiment, arms, customer)
    assert arm.weight > 0
    assert arm == assigned(experiment, arms, customer), "asked again, the same"


@given(KEYS, KEYS, st.integers(1, 1000))
def test_weights_are_shares_and_no_more(experiment: str, customer: str, factor: int) -> None:
    larger = [Arm(key=arm.key, version=1, weight=arm.weight * factor) for arm in ARMS]
    assert assigned(experiment, larger, customer).key == assigned(experiment, ARMS, customer).key
