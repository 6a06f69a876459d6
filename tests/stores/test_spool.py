"""The spool: blocks that are there whole or not at all, whatever was cut short."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tallybook.stores.columnar import spool as spools
from tallybook.stores.columnar.spool import DamagedSpoolError, Spool

BLOCKS = [b"[1]\n[2]", b"[3]", b"[4]\n[5]\n[6]"]
THROUGH = [2, 3, 6]


def written(directory: Path) -> Path:
    spool = Spool(directory)
    for rows, through in zip(BLOCKS, THROUGH, strict=True):
        spool.append(rows, through)
    spool.close()
    return next(directory.glob("*.spool"))


def left(directory: Path, after: int = 0) -> list[bytes]:
    return list(Spool(directory).left_behind(after))


@pytest.mark.parametrize(
    ("after", "expected", "why"),
    [
        (0, BLOCKS, "nothing of it is elsewhere"),
        (2, BLOCKS[1:], "the first block is"),
        (5, BLOCKS[2:], "a block that goes beyond is given whole"),
        (6, [], "all of it is"),
    ],
)
def test_what_is_left_behind(tmp_path: Path, after: int, expected: list[bytes], why: str) -> None:
    written(tmp_path)
    assert left(tmp_path, after) == expected, why


def test_wherever_it_is_cut_short_what_was_whole_before_is_there(tmp_path: Path) -> None:
    segment = written(tmp_path)
    whole = segment.read_bytes()
    ends = [segment.stat().st_size]
    for rows in reversed(BLOCKS):
        ends.insert(0, ends[0] - len(rows) - spools._HEAD.size)
    for size in range(len(whole)):
        segment.write_bytes(whole[:size])
        expected = sum(end <= size for end in ends[1:])
        assert left(tmp_path) == BLOCKS[:expected], f"cut at byte {size}"


def test_a_byte_that_changed_is_noticed(tmp_path: Path) -> None:
    segment = written(tmp_path)
    whole = bytearray(segment.read_bytes())
    whole[-1] ^= 1
    segment.write_bytes(whole)
    assert left(tmp_path) == BLOCKS[:2], "the last block may have been on its way"
    (tmp_path / "0000000002.spool").write_bytes(b"")
    with pytest.raises(DamagedSpoolError):
        left(tmp_path)


def test_a_write_that_failed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append(BLOCKS[0], 2)
    sync = os.fdatasync

    def fails(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(OSError, match="space"):
        spool.append(BLOCKS[1], 3)
    monkeypatch.setattr(os, "fdatasync", sync)
    spool.append(BLOCKS[2], 6)
    assert left(tmp_path) == [BLOCKS[0], BLOCKS[2]]


def test_segments_go_when_all_in_them_is_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 1)
    spool = Spool(tmp_path)
    for rows, through in zip(BLOCKS, THROUGH, strict=True):
        spool.append(rows, through)
    assert left(tmp_path) == BLOCKS
    spool.forget(2)
    assert left(tmp_path) == BLOCKS[1:]
    spool.forget(6)
    assert left(tmp_path) == BLOCKS[2:], "the one that is written to stays"
    again = Spool(tmp_path)
    again.forget_left_behind()
    assert left(tmp_path) == []
