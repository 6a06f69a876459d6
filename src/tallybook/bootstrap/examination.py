"""What `tallybook doctor` looks at."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import sqlalchemy as sa

from tallybook import __version__
from tallybook.bootstrap.chance import now
from tallybook.bootstrap.config import Config
from tallybook.bootstrap.embedded import PostgresFailedError
from tallybook.bootstrap.occupancy import OccupiedError, Server, is_occupied, occupied, read_server
from tallybook.bootstrap.wire import database_address
from tallybook.domain.kernel.errors import Refusal
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.migrate import LaterVersionError, missing_revisions

_LEAST_FREE_BYTES = 2_000_000_000
_LEAST_POSTGRES = 15
_CLOCK_TOLERANCE = timedelta(seconds=2)
_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and what to mend if it is not well."""

    what: str
    is_well: bool
    found: str
    mend: str = ""


def examine(config: Config) -> Iterator[Finding]:
    """Look at everything a server needs, and change nothing but start engines that are not up."""
    yield Finding("version", True, f"Tallybook {__version__}, Python {sys.version.split()[0]}")
    yield from _directory(config.directory)
    yield _disk(config.directory)
    yield _clock()
    yield _zones()
    server = read_server(config.directory) if is_occupied(config.directory) else None
    if server is not None:
        yield _server(server)
        return
    try:
        with occupied(config.directory):
            yield Finding("lock", True, "no other process has the directory open")
            yield from _database(config)
            yield _events(config)
    except OccupiedError as error:
        yield Finding("lock", False, str(error), "Run doctor again when that process has ended.")


def _directory(directory: Path) -> Iterator[Finding]:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "data directory",
            False,
            f"{directory} cannot be written",
            f"Give this user the right to write {existing}, or choose another with --directory.",
        )
    elif existing != directory:
        yield Finding("data directory", True, f"{directory} (not yet there; it will be made)")
    else:
        yield Finding("data directory", True, str(directory))


def _disk(directory: Path) -> Finding:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Finding(
        "disk",
        free >= _LEAST_FREE_BYTES,
        f"{free / 1e9:,.1f} GB free",
        "" if free >= _LEAST_FREE_BYTES else "Make room: at least 2 GB are needed to work safely.",
    )


def _clock() -> Finding:
    is_sane = now() > _WRITTEN
    return Finding(
        "clock",
        is_sane,
        f"{now():%Y-%m-%d %H:%M:%S} UTC",
        "" if is_sane else "Set the machine's clock; it is before this program was written.",
    )


def _zones() -> Finding:
    try:
        ZoneInfo("Europe/Stockholm")
    except ZoneInfoNotFoundError:
        return Finding("time zones", False, "not found", "Install the package tzdata.")
    return Finding("time zones", True, "known")


def _server(server: Server) -> Finding:
    try:
        answer = httpx.get(f"{server.url}/v1/health", timeout=10, trust_env=False)
        health = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return Finding(
            "server",
            False,
            f"process {server.pid} has the directory open, but {server.url} does not answer: "
            f"{error}",
            "Look at its log; stop it and start it again.",
        )
    if answer.status_code != 200:
        return Finding("server", False, str(health.get("detail")), str(health.get("mend", "")))
    return Finding(
        "server",
        health["version"] == __version__,
        f"{server.url}, process {server.pid}, version {health['version']}, both engines answer",
        "" if health["version"] == __version__ else "Restart it: another version is installed now.",
    )


def _database(config: Config) -> Iterator[Finding]:
    kind = "at TALLYBOOK_DATABASE_URL" if config.database_url else "embedded"
    try:
        with database_address(config) as address:
            engine = open_database(address)
            try:
                yield from _reached_database(engine, kind)
            finally:
                engine.dispose()
    except (PostgresFailedError, sa.exc.SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        mend = "Check the URL, the network and the password." if config.database_url else ""
        yield Finding(f"PostgreSQL, {kind}", False, reason, mend or "The lines above say why.")


def _reached_database(engine: sa.Engine, kind: str) -> Iterator[Finding]:
    with engine.connect() as connection:
        version, their_now = connection.execute(
            sa.text("SELECT current_setting('server_version'), clock_timestamp()")
        ).one()
        is_new_enough = int(version.split(".")[0]) >= _LEAST_POSTGRES
        yield Finding(
            f"PostgreSQL, {kind}",
            is_new_enough,
            f"version {version}",
            "" if is_new_enough else f"Use PostgreSQL {_LEAST_POSTGRES} or later.",
        )
        apart = abs(now() - their_now)
        agrees = apart <= _CLOCK_TOLERANCE
        yield Finding(
            "clocks agree",
            agrees,
            f"{apart.total_seconds():.3f} s apart",
            "" if agrees else "Let both machines follow a time server.",
        )
        try:
            missing = missing_revisions(connection)
        except LaterVersionError as error:
            yield Finding("tables", False, str(error), "Run that version or a later one.")
            return
        yield Finding(
            "tables",
            not missing,
            f"{len(missing)} migrations missing" if missing else "current",
            "Run `tallybook migrate`; `serve` does it by itself." if missing else "",
        )


def _events(config: Config) -> Finding:
    kind = "at TALLYBOOK_EVENTS_URL" if config.events_url else "embedded"
    try:
        columnar = Columnar(config.events_address)
        with columnar.client() as client:
            version = client.command("SELECT version()")
        columnar.close()
    except (Refusal, OSError, RuntimeError) as error:
        mend = "Check the URL, the network and the password." if config.events_url else ""
        return Finding(
            f"ClickHouse, {kind}",
            False,
            str(error),
            mend or "If its files are damaged, restore the data directory from a backup.",
        )
    return Finding(f"ClickHouse, {kind}", True, f"version {version}")
