"""Settings, from the environment and the command line."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tallybook.domain.kernel.errors import Invalid

HOST = "127.0.0.1"
PORT = 8420
"""Where `serve` serves unless told otherwise: this machine alone, at a port few others use."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where the engines are. URLs left empty mean: embedded, inside `directory`.

    With `closes_after`, a server closes periods by itself when they have been over that long.
    """

    directory: Path
    database_url: str = ""
    events_url: str = ""
    signing_key: str = ""
    closes_after: timedelta | None = None

    @property
    def events_address(self) -> str:
        """The ClickHouse URL in force."""
        return self.events_url or f"chdb://{self.directory / 'events'}"


def read_config(
    directory: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """`TALLYBOOK_{HOME,DATABASE_URL,EVENTS_URL,SIGNING_KEY,CLOSE_AFTER_SECONDS}`.

    `directory` goes before `HOME`.
    """
    home = directory or Path(environment.get("TALLYBOOK_HOME", "tallybook-data"))
    return Config(
        directory=home.expanduser().resolve(),
        database_url=environment.get("TALLYBOOK_DATABASE_URL", ""),
        events_url=environment.get("TALLYBOOK_EVENTS_URL", ""),
        signing_key=environment.get("TALLYBOOK_SIGNING_KEY", ""),
        closes_after=_seconds("TALLYBOOK_CLOSE_AFTER_SECONDS", environment),
    )


def _seconds(name: str, environment: Mapping[str, str]) -> timedelta | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise Invalid(
            "malformed_setting",
            f"{name} is {text[:40]!r}.",
            field=name,
            mend="Set it to whole seconds, such as 3600, or leave it unset.",
        )
    return timedelta(seconds=int(text))


def read_signing_key(config: Config) -> bytes:
    """The key that signs sessions and links: the one configured, or the data directory's own.

    Servers side by side need one in common; without one configured it is made once and kept in a
    file that only its user can read.
    """
    if config.signing_key:
        return hashlib.sha256(config.signing_key.encode()).digest()
    kept = config.directory / "signing.key"
    if not kept.exists():
        draft = kept.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(32))
        draft.replace(kept)
    return kept.read_bytes()
