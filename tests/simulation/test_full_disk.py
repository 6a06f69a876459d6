"""A disk that takes no more, under a real server: told, and got over without a loss.

The limit on the size of files makes writes fail as a full disk does, and needs no rights. Writing
fails at different places with different limits.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.served import Served, served

from event_sending import sent
from simulation.ingest_faults import Client


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with (
        tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home,
        served(Path(home) / "data") as running,
    ):
        yield running


def ids_of(client: Client) -> list[str]:
    """What is shown, once the engine has looked at its files again."""
    give_up_at = time.monotonic() + 20
    while True:
        status, page = client.ask("GET", "/v1/events?limit=1000")
        if status != 503 or time.monotonic() > give_up_at:
            break
        time.sleep(0.1)
    assert status == 200, page
    return sorted(event["id"] for event in page["results"])


def limit_files(server: Served, size: int) -> None:
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "count", "why"),
    [
        (0, 1, "nothing can be written"),
        (200, 1, "the engine's small files can, the rows cannot"),
        (310, 1, "the rows can, the list of columns cannot"),
        (5_000, 200, "only a short block can"),
    ],
)
def test_a_full_disk(server: Served, size: int, count: int, why: str) -> None:
    client = Client(server.url, server.new_key(f"disk{size}"))
    before, during, after = (_batch(name, count) for name in ("before", "during", "after"))
    assert client.send(before)["counts"]["accepted"] == count
    limit_files(server, size)
    try:
        for _ in range(3):
            status, problem = client.ask("POST", "/v1/events", during)
            assert status == 503, why
            assert problem["code"] in {"event_store_full", "event_store_unwritable"}
            assert "space" in problem["mend"]
    finally:
        limit_files(server, resource.RLIM_INFINITY)
    known = ids_of(client)
    assert known == sorted(event["id"] for event in before), "nothing half written is shown"
    assert client.send([*before, *during, *after])["counts"] == {
        "accepted": 2 * count,
        "duplicate": count,
        "conflict": 0,
        "rejected": 0,
        "quarantined": 0,
    }
    assert ids_of(client) == sorted(event["id"] for event in (*before, *during, *after))


def _batch(name: str, count: int) -> list[dict[str, Any]]:
    text = "0123456789abcdef" * 2
    return [
        sent(f"{name}{number}", properties={"text": f"{hash((name, number))}{text}"})
        for number in range(count)
    ]
