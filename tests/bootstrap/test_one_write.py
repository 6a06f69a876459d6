"""Answers that are written in several parts, and passed on in one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tallybook.bootstrap.one_write import JoiningTransport


class Beneath(asyncio.Transport):
    """A transport that notes what it is asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.asked.append(bytes(data))

    def close(self) -> None:
        self.asked.append("close")

    def abort(self) -> None:
        self.asked.append("abort")

    def get_write_buffer_size(self) -> int:
        return 0


def head_and_body(transport: JoiningTransport) -> None:
    transport.write(b"head ")
    transport.write(b"body")


def closed_at_once(transport: JoiningTransport) -> None:
    head_and_body(transport)
    transport.close()


def given_up(transport: JoiningTransport) -> None:
    head_and_body(transport)
    transport.abort()


@pytest.mark.parametrize(
    ("use", "asked", "why"),
    [
        (head_and_body, [b"head body"], "what is written in one go is one write"),
        (closed_at_once, [b"head body", "close"], "nothing is lost by closing"),
        (given_up, ["abort"], "who gives up sends nothing more"),
    ],
)
def test_what_is_passed_on(
    use: Callable[[JoiningTransport], None], asked: list[bytes | str], why: str
) -> None:
    async def run() -> list[bytes | str]:
        beneath = Beneath()
        use(JoiningTransport(beneath, asyncio.get_running_loop()))
        await asyncio.sleep(0)
        return beneath.asked

    assert asyncio.run(run()) == asked, why


def test_each_go_is_passed_on_in_its_turn() -> None:
    async def run() -> list[bytes | str]:
        beneath = Beneath()
        transport = JoiningTransport(beneath, asyncio.get_running_loop())
        for part in (b"1", b"2", b"3"):
            transport.write(part)
            assert transport.get_write_buffer_size() == 1, "what is held back counts as not sent"
            await asyncio.sleep(0)
        return beneath.asked

    assert asyncio.run(run()) == [b"1", b"2", b"3"]
