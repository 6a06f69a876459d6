"""Batches of events → the API, several at a time, again and again until there is an answer.

Sending twice is harmless: the identity of an event decides whether it counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import httpx
import msgspec

from tallybook.cli.client import refusal_of
from tallybook.domain.kernel.errors import Refusal, TooLarge, Unavailable

EVENTS = "/v1/events"
"""Where events are sent, unless they are to wait for a backfill."""

_PATIENCE_SECONDS = 120
_LONGEST_PAUSE_SECONDS = 10
NOT_COUNTED = frozenset({"rejected", "conflict", "quarantined"})
"""Verdicts on events that do not count."""

_encode_lines = msgspec.json.Encoder().encode_lines


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an event was not counted: the row, the verdict, and what the server said.

    `row` is the line's number, in a format of lines, and `file` its file's name, in an archive.
    """

    row: int
    verdict: str
    field: str = ""
    reason: str = ""
    mend: str = ""
    event: Any = None
    file: str = ""


class Batch(msgspec.Struct, frozen=True):
    """Events to be sent in one request. `rows` are their numbers in the file.

    `files` are the names of their files in an archive, if that is what is read.

    `last_row` is the last row read when the batch was filled: once this and every batch before it
    are answered, the file is done up to there. `body` is NDJSON, made when it is needed.

    `read` rows were read since the batch before; of them `skipped` are not wanted, and `unreadable`
    could not be made events.
    """

    events: Sequence[Any]
    rows: Sequence[int]
    last_row: int
    body: bytes = b""
    files: Sequence[str] = ()
    read: int = 0
    skipped: int = 0
    unreadable: tuple[Problem, ...] = ()


class Answered(msgspec.Struct, frozen=True):
    """What became of a batch: a count per verdict, and the events that do not count."""

    batch: Batch
    counts: dict[str, int]
    problems: tuple[Problem, ...]


def send_all(
    client: httpx.Client, batches: Iterable[Batch], *, connections: int, to: str = EVENTS
) -> Iterator[Answered]:
    """Send `batches` to a path, `connections` at a time, and give the answers as they come.

    No more than twice as many batches are held as there are connections, so memory does not grow
    with the file. A server that is away is waited for; a refusal of a whole request is raised.
    """
    waiting = iter(batches)
    with ThreadPoolExecutor(connections, thread_name_prefix="send") as pool:
        pending: set[Future[Answered]] = set()
        try:
            while True:
                while len(pending) < 2 * connections and (batch := next(waiting, None)) is not None:
                    pending.add(pool.submit(send, client, batch, to))
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for answered in sorted(done, key=_has_failed):
                    yield answered.result()
        finally:
            for unsent in pending:
                unsent.cancel()


def _has_failed(answered: Future[Answered]) -> bool:
    """Answers go before failures, so that what was answered is accounted for first."""
    return answered.exception() is not None


def send(client: httpx.Client, batch: Batch, to: str = EVENTS) -> Answered:
    """Send one batch; what is too large for one request goes in halves."""
    body = batch.body or _encode_lines(batch.events)
    if not body:
        return Answered(batch, {}, ())
    try:
        return _answered(batch, _post(client, body, to))
    except TooLarge as refusal:
        if len(batch.events) == 1:
            problem = Problem(
                batch.rows[0],
                "rejected",
                refusal.field,
                refusal.message,
                refusal.mend,
                batch.events[0],
                batch.files[0] if batch.files else "",
            )
            return Answered(batch, {"rejected": 1}, (problem,))
    half = len(batch.events) // 2
    parts = [send(client, _part(batch, part), to) for part in (slice(half), slice(half, None))]
    verdicts = {verdict for part in parts for verdict in part.counts}
    counts = {name: sum(part.counts.get(name, 0) for part in parts) for name in verdicts}
    return Answered(batch, counts, tuple(p for part in parts for p in part.problems))


def _part(batch: Batch, part: slice) -> Batch:
    return Batch(batch.events[part], batch.rows[part], batch.last_row, files=batch.files[part])


def _post(client: httpx.Client, body: bytes, to: str) -> Any:
    """The answer to one request, asked for until the server is able to give it."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    pauses = deque([0.2, 0.5, 1, 2, 5])
    while True:
        pause: float = pauses.popleft() if pauses else _LONGEST_PAUSE_SECONDS
        try:
            response = client.post(
                to, content=body, headers={"Content-Type": "application/x-ndjson"}
            )
            if response.status_code < 400:
                return msgspec.json.decode(response.content)
            refusal: Refusal = refusal_of(response)
            if not isinstance(refusal, Unavailable):
                raise refusal
            pause = max(pause, min(refusal.retry_after_seconds, _LONGEST_PAUSE_SECONDS))
        except httpx.TransportError as error:
            refusal = Unavailable(
                "unreachable",
                f"The server does not answer: {error}.",
                mend="Once it does, send the file again: what was counted is not counted twice.",
            )
        if time.monotonic() + pause > give_up_at:
            raise refusal
        time.sleep(pause)


def _answered(batch: Batch, answer: Any) -> Answered:
    problems = tuple(
        Problem(
            batch.rows[one["index"]],
            one["verdict"],
            one.get("field", ""),
            one.get("reason", ""),
            one.get("mend", ""),
            batch.events[one["index"]] if batch.events else None,
            batch.files[one["index"]] if batch.files else "",
        )
        for one in answer["results"]
        if one["verdict"] in NOT_COUNTED
    )
    return Answered(batch, answer["counts"], problems)
