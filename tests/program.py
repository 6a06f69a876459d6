"""The program as its users run it, against an API with real engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from typer.testing import CliRunner

from tallybook.cli.client import Opened
from tallybook.cli.main import compose


@dataclass(frozen=True)
class Ran:
    """What a command answered, said, and ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program:
    """Runs commands; each reaches the same API."""

    def __init__(self, api: TestClient[Litestar]) -> None:
        @contextmanager
        def connect(_directory: Path | None) -> Iterator[Opened]:
            yield Opened(api, "the tests' own server")

        self._app = compose(connect)

    def __call__(self, *arguments: str, code: int = 0, said: str = "") -> Ran:
        """Run with these arguments; fail unless it ends with `code`."""
        result = CliRunner().invoke(self._app, list(arguments), input=said)
        ran = Ran(result.exit_code, result.stdout, result.stderr)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert ran.code == code, f"{arguments} ended with {ran.code}\n{ran.out}\n{ran.err}"
        return ran


@pytest.fixture
def tallybook(
    api: TestClient[Litestar], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Program:
    """`tallybook("customer", "list")` runs the command, its state kept apart."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("TALLYBOOK_URL", "TALLYBOOK_API_KEY", "TALLYBOOK_HOME", "TALLYBOOK_ORGANIZATION"):
        monkeypatch.delenv(name, raising=False)
    return Program(api)
