"""An answer goes to its connection by one write.

uvicorn writes the head of an answer and then its body, and uvloop passes each on at once: two calls
of the system, and two packets for the client to wake up for. Of a short request that was a sixth.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a transport that joins what is written in one go."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop, with the transport of the connection."""
        beneath = cast("asyncio.Transport", transport)  # uvloop's is none by name
        super().connection_made(JoiningTransport(beneath, self.loop))


class JoiningTransport(asyncio.Transport):
    """Passes on what is written once whoever writes lets the event loop go on."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, portion: Any) -> None:
        """Take a portion of an answer; nobody waits."""
        if not self._written:
            self._loop.call_soon(self._pass_on)
        self._written.append(portion)

    def _pass_on(self) -> None:
        if self._written:
            written, self._written = self._written, []
            self._transport.write(written[0] if len(written) == 1 else b"".join(written))

    def close(self) -> None:
        """Pass on what was written, then close."""
        self._pass_on()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._written.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport beneath tells."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self._pass_on()
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol in charge."""
        return self._transport.get_protocol()

    def is_reading(self) -> bool:
        """Whether what comes is received."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Receive nothing for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the protocol is told to pause writing, and to resume."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes that are not sent yet."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._written))

    def can_write_eof(self) -> bool:
        """Whether one side can be closed alone."""
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        """Close the side that is written to."""
        self._pass_on()
        self._transport.write_eof()
