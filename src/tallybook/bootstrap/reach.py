"""How a command reaches the API of a data directory: a running server, or the directory itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tallybook.bootstrap.config import Config, read_config
from tallybook.bootstrap.occupancy import Server, is_occupied, read_server
from tallybook.cli.client import Opened
from tallybook.domain.kernel.errors import Unavailable

_PATIENCE_SECONDS = 10.0


@contextmanager
def connect(directory: Path | None) -> Iterator[Opened]:
    """An open way to the API of `directory`, and in words where it leads.

    The server that has the directory open is spoken to with the operator's token from its note.
    Where none runs, the directory is opened in this process, which serves it to itself.
    """
    config = read_config(directory)
    server = _running_server(config)
    if server is not None:
        with _client(server.url, _Operator(config.directory, server.operator_token)) as client:
            yield Opened(client, f"the server at {server.url} (process {server.pid})")
        return
    # Opening the engines takes their libraries; talking to a server does not.
    from tallybook.bootstrap.application import build_application
    from tallybook.bootstrap.serving import served_beside
    from tallybook.bootstrap.wire import open_wiring

    token = secrets.token_hex(20)
    with (
        open_wiring(config) as wiring,
        served_beside(build_application(wiring, operator_token=token)) as url,
        _client(url, _Operator(config.directory, token)) as client,
    ):
        yield Opened(client, f"{config.directory}, opened by this command: no server is running")


def _running_server(config: Config) -> Server | None:
    """The server that has the directory open, waiting for one that is still starting."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while is_occupied(config.directory):
        server = read_server(config.directory)
        if server is not None:
            return server
        if time.monotonic() > deadline:
            raise Unavailable(
                "directory_in_use",
                f"Another command has {config.directory} open.",
                mend="Wait until it has ended, or run `tallybook serve` and let both talk to it.",
            )
        time.sleep(0.1)
    return None


class _Operator(httpx.Auth):
    """The operator's token; of a server that was started anew meanwhile, the new one."""

    def __init__(self, directory: Path, token: str) -> None:
        self._directory, self._token = directory, token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            server = read_server(self._directory)
            if server is not None and server.operator_token != self._token:
                self._token = server.operator_token
                request.headers["Authorization"] = f"Bearer {self._token}"
                yield request


def _client(url: str, operator: _Operator) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        auth=operator,
        timeout=httpx.Timeout(600, connect=10),
        trust_env=False,
    )
