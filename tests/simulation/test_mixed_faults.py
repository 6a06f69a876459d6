"""A few rounds of what `mixed_faults.py` does two hundred times; and that it would tell a fault."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest

from simulation.ingest_faults import Client, compare
from simulation.killing import WrongError
from simulation.mixed_faults import Account, Change, compare_figure, own_event, run


@pytest.mark.slow
def test_a_server_killed_while_it_corrects_has_each_correction_whole_or_not() -> None:
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home:
        report = run(Path(home) / "data", rounds=2, seed=1)
    assert report.rounds == 2
    assert report.corrections > 0


class Answers:
    """A server whose customer k1 has used `quantity`."""

    def __init__(self, quantity: int) -> None:
        self.quantity = quantity

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        del method, path, body
        return 200, {"results": [{"customer": "k1", "quantity": str(self.quantity)}]}


@pytest.mark.parametrize(
    ("counted", "is_right", "why"),
    [(1, True, "one of three is void"), (3, False, "the void is lost"), (0, False, "made twice")],
)
def test_the_account_tells(counted: int, is_right: bool, why: str) -> None:
    del why
    account, chance = Account(), random.Random(1)
    events = [own_event(name, "k1", chance) | {"properties": {"value": 1}} for name in "abc"]
    account.apply(Change("", None, [], events))
    account.apply(Change("", None, events[:2], []))
    if is_right:
        compare(Answers(counted), account.tally)
    else:
        with pytest.raises(WrongError, match="differ"):
            compare(Answers(counted), account.tally)


def test_a_figure_that_changes_is_told() -> None:
    account = Account(figures={("calls", 5): [{"customer": "k1", "quantity": "1"}]})
    compare_figure(cast(Client, Answers(1)), account, ("calls", 5))
    with pytest.raises(WrongError, match="as of 5"):
        compare_figure(cast(Client, Answers(2)), account, ("calls", 5))


def test_nothing_is_void_twice() -> None:
    account = Account()
    event = own_event("a", "k1", random.Random(1))
    account.apply(Change("", None, [], [event]))
    assert account.live([event]) == [event]
    account.apply(Change("", None, [event], []))
    assert account.live([event]) == []
