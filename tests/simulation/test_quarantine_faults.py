"""A few rounds of what `quarantine_faults.py` does fifty times."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from simulation.quarantine_faults import run


@pytest.mark.slow
def test_a_server_killed_while_events_are_held_and_replayed_loses_none() -> None:
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home:
        report = run(Path(home) / "data", rounds=4, seed=1)
    assert report.states["replayed"] > 0
    assert set(report.states) <= {"replayed", "discarded", "waiting"}
