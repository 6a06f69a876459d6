"""Events on disk: in order, bounded, one process each, and never half an event."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybook_sdk import SpoolError
from tallybook_sdk.segments import frames, read_segment
from tallybook_sdk.spool import Spool

MANY = 1_000_000


def opened(folder: Path, **changed: int) -> Spool:
    sizes = {"max_bytes": MANY, "segment_events": 10, "segment_bytes": MANY} | changed
    return Spool(folder, fsync=False, **sizes)


def lines(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(first, last)]


def emptied(spool: Spool) -> list[bytes]:
    """All events, taken as the courier takes them."""
    found: list[bytes] = []
    while (segment := spool.first()) is not None:
        found += read_segment(segment.path).lines
        spool.remove(segment)
    return found


def test_first_in_first_out(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    assert not spool
    assert spool.append(lines(0, 25), through=25) == 25
    assert spool.append(lines(25, 27), through=27) == 2
    segment = spool.first()
    assert segment is not None
    assert (segment.count, segment.through) == (10, 10), "no segment holds more than a batch"
    assert emptied(spool) == lines(0, 27)
    assert spool.size == 0
    assert not [*spool.directory.glob("*.segment")]


def test_what_could_not_be_sent_goes_before_the_rest(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(lines(5, 8), through=8)
    spool.put_front(lines(0, 5), through=5)
    spool.append(lines(8, 9), through=9)
    assert emptied(spool) == lines(0, 9)
    spool.put_front(lines(0, 2), through=2)
    assert emptied(spool) == lines(0, 2), "also when there is no rest"


def test_events_are_there_at_the_next_start(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(lines(0, 25), through=25)
    spool.close()
    again = opened(tmp_path)
    assert again.recovered_segments == 3
    again.append(lines(25, 30), through=5)
    assert emptied(again) == lines(0, 30)
    assert again.recovered_segments == 0


def test_one_process_one_slot(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert first.directory != second.directory
    second.append(lines(0, 3), through=3)
    second.close()
    third = opened(tmp_path)
    assert third.directory == second.directory, "a slot let go is taken again"
    assert emptied(third) == lines(0, 3)
    third.close()
    first.close()


def test_the_living_send_what_the_dead_left(tmp_path: Path) -> None:
    first, second, third = opened(tmp_path), opened(tmp_path), opened(tmp_path)
    second.append(lines(0, 3), through=3)
    third.append(lines(3, 6), through=3)
    first.close()
    third.close()
    heir = opened(tmp_path)
    assert heir.directory == first.directory
    assert emptied(heir) == lines(3, 6), "of the dead only: the second lives"
    assert second


def test_another_process_cannot_have_it(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    program = (
        "import sys; from pathlib import Path; from tallybook_sdk.slots import take_slot;"
        "print(take_slot(Path(sys.argv[1])).directory.name)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.check_output(command, text=True).strip() == "1"
    spool.close()
    assert subprocess.check_output(command, text=True).strip() == "0"


def test_it_takes_no_more_than_it_may(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=20_000, segment_events=1000)
    batch = [b"x" * 98] * 500
    kept = spool.append(batch, through=500)
    assert kept == 200, "as many as fit"
    assert not spool.has_room
    assert spool.append(batch, through=1000) == 0
    assert spool.size <= 20_000 + 100
    segment = spool.first()
    assert segment is not None
    assert segment.through == 200, "told of those that are in it"
    spool.remove(segment)
    assert spool.has_room


def test_segments_are_no_larger_than_a_request(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_events=1000, segment_bytes=5000)
    spool.append([b"y" * 1000] * 12 + [b"z" * 9000], through=13)
    found = []
    while (segment := spool.first()) is not None:
        found.append(read_segment(segment.path).lines)
        spool.remove(segment)
    assert [len(each) for each in found] == [4, 4, 4, 1], "a lone large event has its own"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000), st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_a_torn_end_costs_only_what_was_not_finished(cut: int, writes: list[int]) -> None:
    """Cut anywhere, what is read is what whole writes put there, in order, and nothing else."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "segment"
        whole, ends = b"", [(0, 0)]
        for number in writes:
            done = ends[-1][1]
            whole += b"".join(frames(lines(done, done + number)))
            ends.append((len(whole), done + number))
        cut = cut % (len(whole) + 1)
        path.write_bytes(whole[:cut])
        content = read_segment(path)
        reached, events = max(end for end in ends if end[0] <= cut)
        assert content.lines == lines(0, events)
        assert content.torn_bytes == cut - reached
        assert content.damaged_bytes == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_damage_costs_only_the_frame_it_is_in(place: int, flip: int) -> None:
    """A byte that changed is noticed, and the frames around it are still read."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "segment"
        parts = [b"".join(frames(lines(start, start + 5))) for start in (0, 5, 10)]
        whole = bytearray(b"".join(parts))
        place %= len(whole)
        whole[place] ^= flip
        path.write_bytes(bytes(whole))
        content = read_segment(path)
        hit = 0 if place < len(parts[0]) else 1 if place < len(parts[0] + parts[1]) else 2
        whole_ones = [lines(start, start + 5) for n, start in enumerate((0, 5, 10)) if n != hit]
        assert content.lines == [line for each in whole_ones for line in each]
        assert content.damaged_bytes + content.torn_bytes == len(parts[hit])


def test_zeros_after_a_power_loss(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(b"".join(frames(lines(0, 3))) + bytes(4096))
    content = read_segment(path)
    assert (content.lines, content.torn_bytes) == (lines(0, 3), 4096)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path)
    spool.append(lines(0, 3), through=3)
    room = 30

    def write(descriptor: int, content: bytes) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = os_write(descriptor, content[:room])
        room -= taken
        return taken

    os_write = os.write
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space"):
        spool.append(lines(3, 8), through=8)
    with pytest.raises(OSError, match="No space"):
        spool.put_front(lines(3, 8), through=8)
    monkeypatch.undo()
    assert spool.append(lines(3, 8), through=8) == 5, "there is space again"
    assert emptied(spool) == lines(0, 8)


def test_refused_events_are_kept(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    assert spool.keep_refused(lines(0, 2))
    assert spool.keep_refused(lines(2, 3))
    assert (spool.directory / "refused.ndjson").read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n'


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(SpoolError, match="cannot be used"):
        opened(file)
