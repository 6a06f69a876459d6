"""A server on a data directory, as `tallybook serve` runs it, for measuring from outside."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
SERVE = [
    sys.executable,
    "-c",
    "from tallybook.bootstrap.main import main; main()",
]


@dataclass(frozen=True)
class Served:
    """A running server, and how many seconds it took to answer."""

    url: str
    operator_token: str
    process: subprocess.Popen[bytes]
    seconds_to_ready: float

    def new_key(self, organization: str = "bench") -> str:
        """The key of a new organization."""
        made = httpx.post(
            f"{self.url}/v1/organizations",
            json={"key": organization, "name": organization},
            headers={"Authorization": f"Bearer {self.operator_token}"},
        )
        made.raise_for_status()
        key: str = made.json()["api_key"]
        return key

    def resident_mb(self) -> float:
        """The server's resident memory, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1e3

    def kill(self) -> None:
        """End it at once, as a power cut would end the process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def served(directory: Path, *, patience_seconds: float = 60) -> Iterator[Served]:
    """Run a server on `directory` for the block; stopped at the end if it still runs."""
    server = start(directory, patience_seconds=patience_seconds)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            server.process.wait(30)


def start(directory: Path, *, patience_seconds: float = 60) -> Served:
    """Start a server on `directory` and wait until it says where it is."""
    began = time.perf_counter()
    command = [*SERVE, "--directory", str(directory), "serve", "--port", "0"]
    with (directory.parent / f"{directory.name}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    note = directory / "run" / "server.json"
    while time.perf_counter() - began < patience_seconds:
        try:
            told = json.loads(note.read_text())
            if told["pid"] == process.pid:
                took = time.perf_counter() - began
                return Served(told["url"], told["operator_token"], process, took)
        except (FileNotFoundError, json.JSONDecodeError):
            pass
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with {process.returncode}.")
        time.sleep(0.01)
    process.kill()
    raise RuntimeError(f"The server was not ready after {patience_seconds} s.")
