"""Batches on their way: several at a time, never lost, never held by the thousand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from tallybook.cli.importing.sending import Batch, send, send_all
from tallybook.domain.kernel.errors import Forbidden

Respond = Callable[[httpx.Request], httpx.Response]


def client(respond: Respond) -> httpx.Client:
    return httpx.Client(base_url="http://server", transport=httpx.MockTransport(respond))


def accepted(request: httpx.Request) -> httpx.Response:
    events = request.content.splitlines()
    results = [{"index": n, "id": f"{n}", "verdict": "accepted"} for n in range(len(events))]
    return httpx.Response(200, json={"counts": {"accepted": len(events)}, "results": results})


def batch(count: int, first: int = 1) -> Batch:
    rows = range(first, first + count)
    return Batch([{"id": f"e{row}"} for row in rows], rows, rows[-1])


def test_a_server_that_is_not_able_is_asked_again() -> None:
    answers = iter([503, 503, 200])

    def respond(request: httpx.Request) -> httpx.Response:
        if next(answers) == 200:
            return accepted(request)
        return httpx.Response(503, headers={"Retry-After": "0"}, json={"code": "busy"})

    assert send(client(respond), batch(3)).counts == {"accepted": 3}


def test_a_connection_that_breaks_is_tried_again_with_the_same_events() -> None:
    bodies: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        if len(bodies) == 1:
            raise httpx.ReadError("connection reset")
        return accepted(request)

    assert send(client(respond), batch(2)).counts == {"accepted": 2}
    assert bodies[0] == bodies[1], "the same identities, so nothing can count twice"


def test_what_is_too_large_for_one_request_goes_in_halves() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        ids = [json.loads(line)["id"] for line in request.content.splitlines()]
        if len(ids) > 2 or "e5" in ids:
            return httpx.Response(413, json={"code": "too_large", "detail": "Too large."})
        return accepted(request)

    answered = send(client(respond), batch(7))
    assert answered.counts == {"accepted": 6, "rejected": 1}
    [problem] = answered.problems
    assert (problem.row, problem.reason, problem.event) == (5, "Too large.", {"id": "e5"})


def test_a_refusal_of_the_request_ends_the_sending() -> None:
    def respond(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"code": "scope_missing", "detail": "Not yours."})

    with pytest.raises(Forbidden, match="Not yours"):
        list(send_all(client(respond), [batch(1)], connections=2))


def test_problems_name_the_row_of_the_file() -> None:
    def respond(_request: httpx.Request) -> httpx.Response:
        results = [
            {"index": 0, "id": "e10", "verdict": "accepted"},
            {"index": 1, "id": "e11", "verdict": "conflict", "reason": "Other content."},
        ]
        body = {"counts": {"accepted": 1, "conflict": 1}, "results": results}
        return httpx.Response(200, json=body)

    [problem] = send(client(respond), batch(2, first=10)).problems
    assert (problem.row, problem.verdict, problem.event) == (11, "conflict", {"id": "e11"})


def test_no_more_batches_are_held_than_are_on_their_way() -> None:
    """However long the file and however slow the server."""
    lock, made, answered = threading.Lock(), 0, 0
    most = 0

    def batches() -> Iterator[Batch]:
        nonlocal made, most
        for number in range(200):
            with lock:
                made += 1
                most = max(most, made - answered)
            yield batch(1, first=number + 1)

    for _ in send_all(client(accepted), batches(), connections=3):
        with lock:
            answered += 1
    assert (made, answered) == (200, 200)
    assert most <= 7, "two for each connection, and the one being taken"
