"""A few rounds of the harness of killed billing runs; by itself it does a hundred."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from simulation.billing_faults import simulate


@pytest.mark.slow
def test_killed_billing_runs_bill_each_period_once_and_whole() -> None:
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home:
        outcome = simulate(Path(home), rounds=3, count=300, seed=11)
    assert outcome.faults == []
    assert outcome.killed >= 2, "runs were killed, not merely awaited"
