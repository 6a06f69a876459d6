"""How long things took, exactly, and the client for coroutines."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from sdk_server import KEY, Behaviour, Server, serving
from tallybook_sdk import AsyncClient, Client, Settings, UnsendableError

QUICK = Settings(linger_seconds=0.02, backoff_seconds=0.02, max_backoff_seconds=0.05)


def client_of(server: Server, **given: Any) -> Client:
    given = {"source": "test", "settings": QUICK, **given}
    return Client(server.url, KEY, **given)


def events(server: Server) -> list[dict[str, Any]]:
    return [json.loads(text, parse_float=Decimal) for text in server.books.texts]


def test_a_block_is_measured() -> None:
    with serving() as server, client_of(server) as client:
        began = time.perf_counter_ns()
        with client.measure("job.run", customer="acme", actor="ann", queue="fast") as measured:
            time.sleep(0.02)
            measured["gb"] = Decimal("1.50")
            assert measured["gb"] == Decimal("1.50")
        took = time.perf_counter_ns() - began
        assert client.flush(10)
        (event,) = events(server)
    assert event["id"] == measured.id
    assert (event["type"], event["customer"], event["actor"]) == ("job.run", "acme", "ann")
    properties = event["properties"]
    assert properties.keys() == {"queue", "gb", "duration_seconds"}
    assert Decimal("0.02") <= properties["duration_seconds"] <= Decimal(took).scaleb(-9)
    assert b'"gb":1.50' in server.books.texts[0], "the digits as they were given"


def test_a_block_that_fails() -> None:
    with serving() as server, client_of(server) as client:
        with pytest.raises(KeyError), client.measure("job.run", "acme"):
            raise KeyError("no")
        with pytest.raises(KeyError), client.measure("job.run", "acme", tracks_errors=False):
            raise KeyError("no")
        with client.measure("job.run", "acme") as measured:
            measured.cancel()
        assert client.flush(10)
        (event,) = events(server)
    assert event["properties"]["error"] == "KeyError", "counted, and told apart"


def test_a_strict_client_does_not_hide_the_error_of_a_block() -> None:
    with serving() as server, client_of(server, strict=True) as client:
        with pytest.raises(KeyError), client.measure("t", "acme", bad=float("nan")):
            raise KeyError("the one that matters")
        with pytest.raises(UnsendableError), client.measure("t", "acme") as measured:
            measured["bad"] = float("nan")


def test_each_call_of_a_function_is_measured() -> None:
    with serving() as server, client_of(server) as client:

        @client.measure("call", "acme", kind="plain")
        def double(number: int) -> int:
            """Twice as much."""
            time.sleep(0.005)
            return number * 2

        @client.measure("call", "acme", kind="async")
        async def triple(number: int) -> int:
            await asyncio.sleep(0.02)
            return number * 3

        threads = [threading.Thread(target=double, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        async def both() -> list[int]:
            return [*await asyncio.gather(triple(1), triple(2))]

        assert double(4) == 8
        assert double.__doc__ == "Twice as much."
        assert asyncio.run(both()) == [3, 6]
        assert client.flush(10)
        found = events(server)
    kinds = [event["properties"]["kind"] for event in found]
    assert (kinds.count("plain"), kinds.count("async")) == (6, 2)
    slow = [e["properties"]["duration_seconds"] for e in found if "async" in str(e["properties"])]
    assert min(slow) >= Decimal("0.02"), "to the end of the coroutine"


def test_defaults_and_names() -> None:
    with serving() as server:
        defaults = {"region": "eu", "tier": Decimal("1.5")}
        with client_of(server, defaults=defaults, source="checkout") as client:
            client.track("t", "acme", region="us", actor="ann")
            client.track("t", "acme", properties={"id": 1, "time": 2, "type": 3, "region": "mars"})
            assert client.flush(10)
        first, second = events(server)
    assert first["properties"] == {"region": "us", "tier": Decimal("1.5")}
    assert (first["source"], first["actor"]) == ("checkout", "ann")
    told = {"id": 1, "time": 2, "type": 3, "region": "mars", "tier": Decimal("1.5")}
    assert second["properties"] == told


def test_what_is_tracked_is_what_was_said_then() -> None:
    with serving() as server, client_of(server) as client:
        names = ["a"]
        properties = {"names": names}
        client.track("t", "acme", properties=properties)
        names.append("b")
        properties["names"] = []
        assert client.flush(10)
        assert events(server)[0]["properties"] == {"names": ["a"]}


def test_coroutines() -> None:
    async def story(server: Server) -> None:
        async with AsyncClient(server.url, KEY, source="test", settings=QUICK) as client:
            server.misbehave([Behaviour(seconds=0.5)])
            client.track("t", "acme", n=1)
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.01)

            ticking = asyncio.create_task(tick())
            assert await client.flush(10)
            assert ticks > 10, "others go on while a flush waits"
            ticking.cancel()
            async with client.measure("job", "acme") as measured:
                measured["n"] = 2
            client.track("t", "acme", n=3)
        assert client.stats().accepted == 3

    with serving() as server:
        asyncio.run(story(server))
        assert len(events(server)) == 3


def test_coroutines_are_never_kept_waiting_for_room() -> None:
    with pytest.raises(ValueError, match="would stop the event loop"):
        AsyncClient("https://tallybook.example", KEY, settings=Settings(overflow="block"))
