"""The text files in a file: itself, or what its gzip, tar or zip holds, one after another."""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, TypeAlias, cast

UNPACKING_ERRORS = (
    OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip
"""What a packed file that is damaged, cut short or locked raises while it is read."""

Buffered: TypeAlias = "io.BufferedReader[Any]"
_DAMAGED = (ValueError, RuntimeError, OverflowError, IndexError, struct.error)
"""What zipfile raises beside its own where an archive leads astray, is encrypted, or is packed in a
way that Python does not know."""

LONGEST_LINE = 1024 * 1024
_DEEPEST = 3
_KEPT_IN_MEMORY_BYTES = 4 * 1024 * 1024


class Line(NamedTuple):
    """A line without its end. Not `is_whole` are one that has none and one that is too long."""

    number: int
    content: bytes
    is_whole: bool = True


def text_files(name: str, stream: Buffered, depth: int = 0) -> Iterator[tuple[str, Buffered]]:
    """Each text file of `stream` with its name, to be read before the next is asked for.

    Packing is known by the first bytes, whatever names say, three layers deep: a tar.gz of zips is
    walked as one. Nothing is unpacked whole into memory.
    """
    head = stream.peek(512) if depth < _DEEPEST else b""
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(stream) as unpacked:
            buffered = io.BufferedReader(cast(Any, unpacked))
            yield from text_files(_without(name, ".gz"), buffered, depth + 1)
    elif head[257:262] == b"ustar":
        yield from _in_tar(stream, depth)
    elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _in_zip(stream, depth)
    else:
        yield name, stream


def _in_tar(stream: Buffered, depth: int) -> Iterator[tuple[str, Buffered]]:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                buffered = io.BufferedReader(cast(Any, content))
                yield from text_files(member.name, buffered, depth + 1)


def _in_zip(stream: Buffered, depth: int) -> Iterator[tuple[str, Buffered]]:
    with tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY_BYTES) as kept:
        shutil.copyfileobj(stream, kept)
        with _archive(kept) as packed:
            for member in packed.infolist():
                if member.filename.endswith("/"):
                    continue
                with _opened(packed, member) as content:
                    buffered = io.BufferedReader(cast(Any, content))
                    yield from text_files(member.filename, buffered, depth + 1)


def _archive(stream: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except _DAMAGED as error:
        raise zipfile.BadZipFile(str(error)) from None


def _opened(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return packed.open(member)
    except _DAMAGED as error:
        raise zipfile.BadZipFile(str(error)) from None


def _without(name: str, ending: str) -> str:
    return name[: -len(ending)] if name.lower().endswith(ending) else name


def lines_of(stream: Buffered) -> Iterator[Line]:
    """The lines, numbered from 1. Of one longer than a mebibyte only that much is kept."""
    number = 0
    while content := stream.readline(LONGEST_LINE):
        number += 1
        if content.endswith(b"\n"):
            yield Line(number, content.rstrip(b"\r\n"))
            continue
        rest = content
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
        yield Line(number, content, is_whole=False)
