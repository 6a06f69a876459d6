"""The index of identities against a plain dictionary, through all its merges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.stores.columnar import identity_index
from tallybook.stores.columnar.identity_index import Hashes, IdentityIndex, Sieve, sorted_run

hashes = st.integers(0, 2**64 - 1) | st.integers(0, 3) | st.integers(2**64 - 3, 2**64 - 1)


def column(values: list[int]) -> Hashes:
    return np.array(values, np.uint64)


def check(index: IdentityIndex, known: dict[int, int], others: list[int]) -> None:
    wanted = sorted({*known, *others})
    found, contents = index.find(column(wanted))
    assert found.tolist() == [identity in known for identity in wanted]
    assert [c for c, is_in in zip(contents.tolist(), found, strict=True) if is_in] == [
        known[identity] for identity in wanted if identity in known
    ]
    assert len(index) == len(known)


@given(
    loaded=st.dictionaries(hashes, hashes, max_size=30),
    added=st.lists(st.dictionaries(hashes, hashes, max_size=10), max_size=10),
    others=st.lists(hashes, max_size=10),
)
def test_it_knows_what_it_was_told(
    loaded: dict[int, int], added: list[dict[int, int]], others: list[int]
) -> None:
    index = IdentityIndex()
    index.load([(column(list(loaded)), column(list(loaded.values())))], expected=3)
    known = dict(loaded)
    check(index, known, others)
    for block in added:
        new = {identity: content for identity, content in block.items() if identity not in known}
        index.add(sorted_run(column(list(new)), column(list(new.values()))))
        known |= new
        check(index, known, others)


def test_it_stays_right_while_runs_move_into_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks of all sizes, with a small bound so that moving begins and ends many times."""
    monkeypatch.setattr(identity_index, "ENOUGH_TO_MOVE", 512)
    chance = np.random.default_rng(5)
    index = IdentityIndex()
    known: dict[int, int] = {}
    for size in chance.integers(1, 400, 200).tolist():
        new = chance.integers(0, 2**64, size, dtype=np.uint64)
        index.add(sorted_run(new, ~new))
        known |= dict(zip(new.tolist(), (~new).tolist(), strict=True))
        if size % 7 == 0:
            check(index, known, chance.integers(0, 2**63, 50).tolist())
    check(index, known, [])


def test_loading_in_portions_is_loading_at_once() -> None:
    chance = np.random.default_rng(6)
    every = chance.integers(0, 2**64, 5000, dtype=np.uint64)
    index = IdentityIndex()
    index.load(
        ((every[at : at + 700], every[at : at + 700]) for at in range(0, 5000, 700)), expected=5000
    )
    check(index, {identity: identity for identity in every.tolist()}, [1, 2, 3])


def test_an_identity_known_twice_is_found() -> None:
    """Two events whose identities share a hash: one of the contents is given."""
    index = IdentityIndex()
    index.add(sorted_run(column([7]), column([1])))
    index.add(sorted_run(column([7]), column([2])))
    found, contents = index.find(column([7]))
    assert found.all()
    assert contents[0] in {1, 2}


def test_the_sieve_lets_all_known_and_few_others_through() -> None:
    chance = np.random.default_rng(7)
    known = chance.integers(0, 2**64, 100_000, dtype=np.uint64)
    sieve = Sieve(len(known))
    sieve.add(known)
    assert sieve.has_room_for(len(known))
    assert sieve.lets_through(known).all()
    assert sieve.lets_through(chance.integers(0, 2**64, 100_000, dtype=np.uint64)).mean() < 1 / 8


def test_room_is_16_bytes_and_a_little_for_each() -> None:
    every = np.random.default_rng(8).integers(0, 2**64, 1_000_000, dtype=np.uint64)
    index = IdentityIndex()
    index.load([(every, every)], expected=len(every))
    assert index.size_bytes < 18.5 * len(every)
