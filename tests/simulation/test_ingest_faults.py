"""A few rounds of what `ingest_faults.py` does a hundred times; and that it would tell a fault."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from simulation.ingest_faults import Tally, compare, run
from simulation.killing import WrongError


@pytest.mark.slow
def test_a_server_killed_under_load_loses_nothing_and_counts_nothing_twice() -> None:
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home:
        report = run(Path(home) / "data", rounds=4, seed=1)
    assert report.rounds == 4
    assert report.events > 0


class Answers:
    """A server that counts `quantity` for the customer c1."""

    def __init__(self, quantity: int) -> None:
        self.quantity = quantity

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return 200, {"results": [{"customer": "c1", "quantity": str(self.quantity)}]}


@pytest.mark.parametrize(
    ("counted", "is_right", "why"),
    [(2, True, "as acknowledged"), (1, False, "one lost"), (3, False, "one counted twice")],
)
def test_the_comparison_tells(counted: int, is_right: bool, why: str) -> None:
    tally = Tally()
    event = {"customer": "c1", "properties": {"value": 1}}
    tally.acknowledge([event, event])
    if is_right:
        compare(Answers(counted), tally)
    else:
        with pytest.raises(WrongError, match="differ"):
            compare(Answers(counted), tally)
