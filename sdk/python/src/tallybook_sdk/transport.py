"""One batch, posted once, and what that came to."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - else imported by the first look-up of a name, which a fork may cut short
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import msgspec

from tallybook_sdk.pacing import retry_after_seconds
from tallybook_sdk.settings import Destination, Settings

AWAY = frozenset({408, 425, 429, 502, 503, 504})
"""Answers that say: not now."""

CONNECT_SECONDS = 5.0
SMALL_BYTES = 1024  # compressing less costs more than it saves


class Told(msgspec.Struct, frozen=True):
    """What the server says about one event."""

    index: int
    verdict: str
    field: str = ""
    reason: str = ""
    mend: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the server says about a batch: how many of each verdict, and which are not accepted."""

    counts: dict[str, int]
    results: list[Told] = []


class _ProblemBody(msgspec.Struct, frozen=True):
    detail: str = ""
    code: str = ""
    field: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """The server did not take the batch now. It may have got it: ids make sending again safe."""

    reason: str
    retry_after: float = 0.0
    is_fault: bool = False
    """Whether the server failed at this batch, which may be the batch's doing."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The server takes less at once."""

    refusal: Refused


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not have the batch, now or later."""

    status: int
    reason: str
    field: str = ""
    mend: str = ""


Outcome = Answer | Away | TooLarge | Refused

_answer = msgspec.json.Decoder(Answer)
_problem = msgspec.json.Decoder(_ProblemBody)


class Transport:
    """Posts batches over one HTTP client."""

    def __init__(self, destination: Destination, settings: Settings, user_agent: str) -> None:
        self._url = destination.events_url
        self._settings = settings
        self._http: httpx.Client | None = None
        self._headers = {
            "Authorization": f"Bearer {destination.api_key}",
            "Content-Type": "application/x-ndjson",
            "Accept": "application/json",
            "User-Agent": user_agent,
        }

    def post(self, lines: Sequence[bytes]) -> Outcome:
        """Send `lines` in one request. Never raises for what the network or the server does."""
        body = b"\n".join(lines)
        headers = self._headers
        if self._settings.compression and len(body) >= SMALL_BYTES:
            body = zlib.compress(body, self._settings.compression, wbits=31)
            headers = headers | {"Content-Encoding": "gzip"}
        try:
            response = self._client().post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return Away(f"{type(error).__name__}: {error}")
        except RuntimeError as error:  # the client was closed under way
            return Away(f"not sent: {error}")
        return outcome_of(response, len(lines))

    def open(self) -> None:
        """Make the HTTP client now. The modules it needs are imported before a thread and a fork
        can meet in the middle of that."""
        self._client()

    def close(self) -> None:
        """Close connections; the next batch opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def _client(self) -> httpx.Client:
        if self._http is None:
            make = self._settings.http
            if make is not None:
                self._http = make()
            else:
                patience = self._settings.timeout_seconds
                self._http = httpx.Client(
                    timeout=httpx.Timeout(patience, connect=min(patience, CONNECT_SECONDS))
                )
        return self._http


def outcome_of(response: httpx.Response, sent: int) -> Outcome:
    """What an HTTP answer means for a batch of `sent` events.

    Only an answer that accounts for every event counts as one: a proxy's page with status 200 is
    no promise that anything was stored.
    """
    status = response.status_code
    if status in {200, 207}:
        return _read_answer(response, sent)
    if status in AWAY or status >= 520:
        after = retry_after_seconds(response.headers.get("retry-after", ""), datetime.now(UTC))
        return Away(_told(response), after)
    if status >= 500:
        return Away(_told(response), is_fault=True)
    if not 400 <= status < 500:
        location = response.headers.get("location", "")
        return Away(f"{status} leads to {location[:200]!r}" if location else _told(response))
    problem = _problem_of(response)
    reason = f"{status}: {problem.detail or response.reason_phrase}"
    refused = Refused(status, reason, problem.field, problem.mend)
    return TooLarge(refused) if status == 413 else refused


def _read_answer(response: httpx.Response, sent: int) -> Outcome:
    try:
        answer = _answer.decode(response.content)
    except msgspec.DecodeError:
        return Away(f"{response.status_code} without an answer that Tallybook gives")
    told = sum(answer.counts.values())
    if told != sent or any(not 0 <= each.index < sent for each in answer.results):
        return Away(f"an answer for {told} events to a request with {sent}", is_fault=True)
    return answer


def _told(response: httpx.Response) -> str:
    return f"{response.status_code}: {_problem_of(response).detail or response.reason_phrase}"


def _problem_of(response: httpx.Response) -> _ProblemBody:
    try:
        return _problem.decode(response.content)
    except msgspec.DecodeError:
        return _ProblemBody()
