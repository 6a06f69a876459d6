"""A command that outlives its server goes on with the token of the next one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tallybook.bootstrap.occupancy import Server, announced
from tallybook.bootstrap.reach import _Operator


def speak(directory: Path, seen: list[str]) -> httpx.Response:
    """One request by a command that was told the first server's token."""

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        is_known = seen[-1] == "Bearer second"
        return httpx.Response(200 if is_known else 401, content=request.read())

    operator = _Operator(directory, "first")
    with httpx.Client(transport=httpx.MockTransport(respond), auth=operator) as client:
        return client.post("http://server/v1/events", content=b"events")


def test_the_next_servers_token_is_taken_from_its_note(tmp_path: Path) -> None:
    seen: list[str] = []
    with announced(tmp_path, Server(pid=1, url="http://server", operator_token="second")):
        response = speak(tmp_path, seen)
    assert (response.status_code, response.content) == (200, b"events"), "sent again, whole"
    assert seen == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("has_note", [True, False])
def test_a_refusal_that_a_new_token_would_not_mend_stays(tmp_path: Path, has_note: bool) -> None:
    seen: list[str] = []
    if has_note:
        with announced(tmp_path, Server(pid=1, url="http://server", operator_token="first")):
            response = speak(tmp_path, seen)
    else:
        response = speak(tmp_path, seen)
    assert response.status_code == 401
    assert seen == ["Bearer first"]
