"""The way from a command to the HTTP API: how it is opened, and refusals as they come back.

Commands know the API and nothing below it. Who starts the program hands `compose` a `Connect`,
which finds the server of a data directory or opens the directory in this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import httpx
import msgspec

from tallybook.domain.kernel.errors import (
    Conflicting,
    Forbidden,
    Invalid,
    Missing,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """An open way to the API: a client with its base URL and key, and in words where it leads."""

    client: httpx.Client
    where: str


class Connect(Protocol):
    """Opens the API of a data directory; None is the directory that is configured."""

    def __call__(self, directory: Path | None, /) -> AbstractContextManager[Opened]: ...


class Problem(msgspec.Struct):
    """The body of a refusal, as in RFC 9457, with the members that Tallybook adds."""

    title: str = ""
    detail: str = ""
    code: str = ""
    field: str = ""
    mend: str = ""


_KINDS: dict[int, type[Refusal]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: Missing,
    409: Conflicting,
    413: TooLarge,
    422: Invalid,
    503: Unavailable,
}


def refusal_of(response: httpx.Response) -> Refusal:
    """The refusal that a response of 400 or more carries, also where its body is not ours."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem()
    message = problem.detail or problem.title or f"The server answered {response.status_code}."
    kind = _KINDS.get(response.status_code, Refusal)
    refusal = kind(problem.code or "refused", message, field=problem.field, mend=problem.mend)
    if isinstance(refusal, Unavailable):
        after = response.headers.get("retry-after", "")
        refusal.retry_after_seconds = int(after) if after.isdigit() else 1
    elif response.status_code >= 500:
        refusal = Unavailable(refusal.code, refusal.message, field=refusal.field, mend=refusal.mend)
    return refusal


class Api:
    """JSON in, JSON out. An answer of 400 or more is raised as its `Refusal`."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str, query: Query | None = None) -> Any:
        """The answer's body."""
        return self._answer(self.client.get(path, params=_given(query)))

    def fetch(self, path: str, query: Query, into: BinaryIO) -> Mapping[str, str]:
        """Write the answer's body to a file as it comes; its headers."""
        with self.client.stream("GET", path, params=_given(query)) as response:
            if response.status_code >= 400:
                response.read()
                raise refusal_of(response)
            into.writelines(response.iter_bytes())
            return response.headers

    def find(self, path: str) -> Any:
        """The answer's body, or None if there is no such thing."""
        try:
            return self.get(path)
        except Missing:
            return None

    def post(self, path: str, body: Any = None, query: Query | None = None) -> Any:
        """The answer's body. Decimals and instants in `body` travel as strings."""
        return self._send("POST", path, body, query)

    def put(self, path: str, body: Any) -> Any:
        """The answer's body."""
        return self._send("PUT", path, body, None)

    def patch(self, path: str, body: Any) -> Any:
        """The answer's body."""
        return self._send("PATCH", path, body, None)

    def delete(self, path: str) -> Any:
        """The answer's body, None where it has none."""
        return self._send("DELETE", path, None, None)

    def each(self, path: str, query: Query | None = None, *, limit: int = 0) -> Iterator[Any]:
        """The results of all pages, or the first `limit` of them."""
        asked: dict[str, Any] = dict(query or {})
        left = limit
        while True:
            asked["limit"] = min(left, 500) if limit else 500
            page = self.get(path, asked)
            yield from page["results"]
            left -= len(page["results"])
            if not page.get("next") or (limit and left <= 0):
                return
            asked["after"] = page["next"]

    def _send(self, method: str, path: str, body: Any, query: Query | None) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        return self._answer(
            self.client.request(
                method, path, content=content, headers=headers, params=_given(query)
            )
        )

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.status_code >= 400:
            raise refusal_of(response)
        return msgspec.json.decode(response.content) if response.content else None


def _given(query: Query | None) -> dict[str, Any]:
    """The parameters that have a value."""
    return {name: value for name, value in (query or {}).items() if value not in (None, "", [])}
