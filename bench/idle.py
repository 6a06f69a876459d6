"""A server that nobody asks anything: how soon it answers, and what it holds.

python -m bench.idle
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
from bench.report import Figure, report
from bench.served import served

_SETTLED_SECONDS = 3


def main() -> None:
    """Start on a new directory, on the same again, and once more after `kill -9`."""
    with tempfile.TemporaryDirectory(prefix="tb-") as name:
        directory = Path(name) / "books"
        with served(directory) as server:
            server.new_key()
            first = server.seconds_to_ready
        with served(directory) as server:
            again = server.seconds_to_ready
            time.sleep(_SETTLED_SECONDS)
            resident = server.resident_mb()
            postgres = sum(_private_mb(child) for child in _postgres_of(directory))
            server.kill()
        with served(directory) as server:
            after_kill = server.seconds_to_ready
    report(
        [
            Figure("serve on a new directory", first, "s"),
            Figure("serve on an existing directory", again, "s", at_most=5),
            Figure("serve after kill -9", after_kill, "s", at_most=10),
            Figure("idle server, resident", resident, "MB", at_most=1000),
            Figure("its PostgreSQL, not shared", postgres, "MB"),
        ]
    )


def _postgres_of(directory: Path) -> list[psutil.Process]:
    """The embedded PostgreSQL of a data directory: the postmaster and what it started."""
    number = (directory / "postgres/postmaster.pid").read_text().splitlines()[0]
    postmaster = psutil.Process(int(number))
    return [postmaster, *postmaster.children(recursive=True)]


def _private_mb(process: psutil.Process) -> float:
    return float(process.memory_full_info().uss) / 1e6


if __name__ == "__main__":
    main()
