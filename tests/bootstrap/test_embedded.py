"""The embedded PostgreSQL survives what is done to the program around it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tallybook.bootstrap.embedded import EmbeddedPostgres, PostgresFailedError, start_postgres

QUICK = {"fsync": "off"}


@pytest.fixture
def server(engines_home: Path) -> Iterator[EmbeddedPostgres]:
    server = start_postgres(engines_home / f"own-{time.monotonic_ns()}" / "postgres", QUICK)
    yield server
    server.cleanup()


def _one(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.get_uri()) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def test_one_left_running_is_adopted_and_its_old_sessions_end(server: EmbeddedPostgres) -> None:
    """What a killed program left open may hold locks; nothing new starts beside it."""
    left_over = psycopg.connect(server.get_uri(), application_name="tallybook")
    first = server.postmaster()
    again = start_postgres(server.directory, QUICK)
    assert again.postmaster() == first
    with pytest.raises(psycopg.OperationalError):
        left_over.execute("SELECT 1")


def test_a_killed_postgres_starts_again_with_what_was_committed(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.get_uri()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster = server.postmaster()
    assert postmaster is not None
    os.kill(postmaster.pid, signal.SIGKILL)
    start_postgres(server.directory, QUICK)
    assert _one(server, "SELECT answer FROM kept") == 42


def test_a_pid_file_naming_some_other_program_is_no_obstacle(server: EmbeddedPostgres) -> None:
    """After a reboot the number in it may belong to anyone, such as this very test."""
    server.cleanup()
    (server.directory / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.directory}\n1\n5432\n{server.directory}\n\n0 0\nready\n"
    )
    start_postgres(server.directory, QUICK)
    assert _one(server, "SELECT 1") == 1


def test_a_cluster_half_made_is_made_anew(engines_home: Path) -> None:
    directory = engines_home / "half" / "postgres"
    draft = directory.with_name("postgres.new")
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    server = start_postgres(directory, QUICK)
    assert _one(server, "SELECT 1") == 1
    server.cleanup()
    assert not draft.exists()


def test_a_deep_directory_gets_its_socket_elsewhere(engines_home: Path) -> None:
    """A socket's path may have about a hundred bytes."""
    server = start_postgres(engines_home / ("d" * 80) / ("e" * 60) / "postgres", QUICK)
    assert server.socket_directory != server.directory
    assert server.socket_directory.stat().st_mode & 0o077 == 0
    assert _one(server, "SELECT 1") == 1
    server.cleanup()


def test_a_failure_tells_what_postgres_said(engines_home: Path) -> None:
    directory = engines_home / "broken" / "postgres"
    directory.mkdir(parents=True)
    (directory / "PG_VERSION").write_text("18\n")
    with pytest.raises(PostgresFailedError, match="pg_ctl"):
        start_postgres(directory)
