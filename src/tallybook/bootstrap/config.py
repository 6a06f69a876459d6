"""Settings, from the environment and the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
PORT = 8420
"""Where `serve` serves unless told otherwise: this machine alone, at a port few others use."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where the engines are. URLs left empty mean: embedded, inside `directory`."""

    directory: Path
    database_url: str = ""
    events_url: str = ""

    @property
    def events_address(self) -> str:
        """The ClickHouse URL in force."""
        return self.events_url or f"chdb://{self.directory / 'events'}"


def read_config(
    directory: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """`TALLYBOOK_{HOME,DATABASE_URL,EVENTS_URL}`; a `directory` given goes before `HOME`."""
    home = directory or Path(environment.get("TALLYBOOK_HOME", "tallybook-data"))
    return Config(
        directory=home.expanduser().resolve(),
        database_url=environment.get("TALLYBOOK_DATABASE_URL", ""),
        events_url=environment.get("TALLYBOOK_EVENTS_URL", ""),
    )
