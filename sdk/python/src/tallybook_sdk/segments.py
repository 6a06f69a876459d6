"""The files of a spool: events in frames, each with its length and checksum.

A frame is a line `#checksum length`, both of eight hexadecimal digits, and then as many bytes of
events, one JSON a line. A process may die, and a machine lose its power, in the middle of a frame;
reading keeps every frame that is whole and tells how much is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

HEADER_BYTES = 19
LINES_IN_FRAME = 256


@dataclass(frozen=True, slots=True)
class Content:
    """What a segment holds: its events, and the bytes of it that cannot be read.

    `torn_bytes` at its end are an unfinished write; `damaged_bytes` before it are not.
    """

    lines: list[bytes]
    torn_bytes: int = 0
    damaged_bytes: int = 0


def frames(lines: Sequence[bytes]) -> Iterator[bytes]:
    """The bytes that keep `lines`, frame by frame."""
    for start in range(0, len(lines), LINES_IN_FRAME):
        body = b"\n".join(lines[start : start + LINES_IN_FRAME]) + b"\n"
        yield _header(crc32(body), len(body)) + body


def read_segment(path: Path) -> Content:
    """The events of a segment that are whole, in order."""
    whole = path.read_bytes()
    lines: list[bytes] = []
    damaged = 0
    place = 0
    while place < len(whole):
        body = _frame_at(whole, place)
        if body is not None:
            lines += body.split(b"\n")[:-1]
            place += HEADER_BYTES + len(body)
            continue
        resumed = _next_frame(whole, place + 1)
        if resumed < 0:
            return Content(lines, torn_bytes=len(whole) - place, damaged_bytes=damaged)
        damaged += resumed - place
        place = resumed
    return Content(lines, damaged_bytes=damaged)


def _header(checksum: int, length: int) -> bytes:
    return b"#%08x %08x\n" % (checksum, length)


def _frame_at(whole: bytes, place: int) -> bytes | None:
    header = whole[place : place + HEADER_BYTES]
    try:
        checksum, length = int(header[1:9], 16), int(header[10:18], 16)
    except ValueError:
        return None
    if header != _header(checksum, length):
        return None
    body = whole[place + HEADER_BYTES : place + HEADER_BYTES + length]
    if len(body) != length or crc32(body) != checksum:
        return None
    return body


def _next_frame(whole: bytes, place: int) -> int:
    """Where the next whole frame begins, or -1. Its checksum tells it from any other `#`."""
    while (place := whole.find(b"#", place)) >= 0:
        if _frame_at(whole, place) is not None:
            return place
        place += 1
    return -1


def write_fully(descriptor: int, content: bytes) -> None:
    """Write all of it; a full disk may take a part only, and then says so at the next."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` as durable as the files they name, where the system can."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return  # Windows opens no directory, and needs no such thing
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
