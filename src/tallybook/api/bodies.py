"""The bytes of a request's body, unpacked, never more than is allowed."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from litestar import Request

from tallybook.api.raw_headers import header_of
from tallybook.domain.kernel.errors import Invalid, TooLarge, UnsupportedForm

_MAX_MEMBERS = 64
_SMALL_BYTES = 16 * 1024


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The whole body, of at most `limit` bytes as it is sent and once more unpacked.

    `TooLarge` as soon as that is known: from the announced length, or when the bytes run over.
    """
    encoding = header_of(request, b"content-encoding").strip().lower() or "identity"
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise UnsupportedForm(
            "unsupported_content_encoding",
            f"Bodies are not unpacked from {encoding[:40]!r}.",
            field="Content-Encoding",
            mend="Send it as it is, or packed with gzip.",
        )
    announced = header_of(request, b"content-length")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    body = await _received(request, limit)
    if encoding == "identity":
        return body
    if len(body) < _SMALL_BYTES:
        return unpacked(body, limit)
    return await asyncio.to_thread(unpacked, body, limit)


async def _received(request: Request[Any, Any, Any], limit: int) -> bytes:
    portions: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Invalid("body_cut_short", "The body broke off.", mend="Send all of it.")
        more = message.get("more_body", False)
        portion = message.get("body", b"")
        portions.append(portion)
        size += len(portion)
        if size > limit:
            raise _too_large(limit)
    return portions[0] if len(portions) == 1 else b"".join(portions)


def unpacked(packed: bytes, limit: int) -> bytes:
    """What gzip packed, if it is whole and has at most `limit` bytes. Never unpacks more."""
    portions: list[bytes] = []
    size = 0
    rest = packed
    try:
        for _ in range(_MAX_MEMBERS):
            member = zlib.decompressobj(wbits=31)
            portions.append(member.decompress(rest, limit - size + 1))
            size += len(portions[-1])
            if size > limit:
                raise _too_large(limit)
            if not member.eof:
                break
            rest = member.unused_data
            if not rest:
                return b"".join(portions)
    except zlib.error:
        pass
    raise Invalid(
        "malformed_gzip",
        "The body says that it is gzip, but does not unpack.",
        field="Content-Encoding",
        mend="Send it packed whole, as one gzip member; or unpacked, without Content-Encoding.",
    )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        "body_too_large",
        f"The body has more than {limit:,} bytes, as sent or unpacked.",
        mend="Send the events in several requests.",
    )
