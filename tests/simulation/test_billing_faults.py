"""A few rounds of the harness of killed billing runs; by itself it does a hundred."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.billing_faults import race, simulate


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory with a short path."""
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.mark.slow
def test_killed_billing_runs_bill_each_period_once_and_whole(home: Path) -> None:
    outcome = simulate(home, rounds=2, count=300, seed=11)
    assert outcome.faults == []
    assert outcome.kills, "runs were killed, not merely awaited"


@pytest.mark.slow
def test_processes_side_by_side_bill_each_period_once(home: Path) -> None:
    shares, faults = race(home, racers=2, count=300)
    assert faults == []
    assert sum(shares) == 300
