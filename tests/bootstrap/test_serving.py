"""`tallybook serve` as it is lived with: started, found, told to stop, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tallybook.bootstrap import reach
from tallybook.bootstrap.embedded import EmbeddedPostgres
from tallybook.bootstrap.occupancy import occupied, read_server
from tallybook.domain.kernel.errors import Unavailable

PROGRAM = [sys.executable, "-c", "from tallybook.bootstrap.main import main; main()"]
READY_SECONDS = 5.0
"""What a start may take of a processor. The clock on the wall would measure the tests beside."""


class Server:
    """A server of its own process over one data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; the seconds of a processor that it took until it answered."""
        began = time.monotonic()
        self.log = (self.directory.parent / f"{self.directory.name}.out").open("ab")
        self.process = subprocess.Popen(
            [*PROGRAM, "--directory", str(self.directory), "serve", "--port", "0"],
            stdout=self.log,
            stderr=self.log,
        )
        while not self._answers():
            assert self.process.poll() is None, Path(self.log.name).read_text()
            assert time.monotonic() - began < 60, Path(self.log.name).read_text()
            time.sleep(0.02)
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; what it ended with."""
        assert self.process is not None
        self.process.send_signal(number)
        self.log.close()
        return self.process.wait(30)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside it, on the same directory."""
        return subprocess.run(
            [*PROGRAM, "--directory", str(self.directory), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        )

    def _answers(self) -> bool:
        note = read_server(self.directory)
        if note is None or self.process is None or note.pid != self.process.pid:
            return False
        return httpx.get(f"{note.url}/v1/health", trust_env=False, timeout=60).status_code == 200


@pytest.fixture(scope="module")
def server(engines_home: Path) -> Iterator[Server]:
    """Started once; each test leaves it running."""
    server = Server(engines_home / "served")
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()
    EmbeddedPostgres(server.directory / "postgres").cleanup()


def test_its_note_is_for_its_own_user_only(server: Server) -> None:
    note = server.directory / "run" / "server.json"
    assert note.stat().st_mode & 0o077 == 0
    assert note.parent.stat().st_mode & 0o077 == 0
    assert (server.directory / "signing.key").stat().st_mode & 0o077 == 0


def test_a_second_server_is_told_who_has_the_directory(server: Server) -> None:
    second = server.run("serve", "--port", "0")
    note = read_server(server.directory)
    assert note is not None
    assert second.returncode == 3
    assert str(note.pid) in second.stderr
    assert note.url in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_named(server: Server, engines_home: Path) -> None:
    note = read_server(server.directory)
    assert note is not None
    other = Server(engines_home / "elsewhere")
    refused = other.run("serve", "--port", note.url.rpartition(":")[2])
    assert refused.returncode == 3
    assert "--port" in refused.stderr


def test_commands_find_it_and_say_so(server: Server) -> None:
    made = server.run("init", "--key", "acme", "--name", "Acme")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("tb_"), "the key alone is printed on standard output"
    assert "the server at http://127.0.0.1:" in made.stderr
    again = server.run("init", "--key", "acme", "--name", "Acme")
    assert again.returncode == 1
    assert "exists" in again.stderr


def test_the_console_opens_without_a_key_once(server: Server) -> None:
    server.run("init", "--key", "seen")  # whichever other test went before
    link = server.run("console", "--print").stdout.strip()
    with httpx.Client(trust_env=False, timeout=60) as browser:
        entered = browser.get(link)
        assert entered.status_code == 303
        assert "HttpOnly" in entered.headers["set-cookie"]
        assert "samesite=strict" in entered.headers["set-cookie"].lower()
        assert browser.get(link.partition("/enter")[0] + "/invoices").status_code == 200
    assert httpx.get(link, trust_env=False, timeout=60).status_code == 403


def test_doctor_finds_it_well(server: Server) -> None:
    found = server.run("doctor")
    assert found.returncode == 0, found.stdout
    assert "both engines answer" in found.stdout


def test_its_log_is_json_and_keeps_secrets_out(server: Server) -> None:
    key = server.run("init", "--key", "logged").stdout.strip()
    note = read_server(server.directory)
    assert note is not None
    header = {"Authorization": f"Bearer {key}"}
    url = f"{note.url}/v1/meters?after={key}"
    answer = httpx.get(url, headers=header, trust_env=False, timeout=60)
    said: dict[str, object] = {}
    for _ in range(1_000):  # the line is written when the answer has gone out
        log = Path(server.log.name).read_text()
        found = [line for line in log.splitlines() if answer.headers["request-id"] in line]
        if found:
            said = json.loads(found[0])
            break
        time.sleep(0.05)
    assert (said["route"], said["status"]) == ("/v1/meters", 200)
    assert key not in log
    assert note.operator_token not in log


def test_killed_it_starts_again_in_time(server: Server) -> None:
    """Killed alone, and together with its PostgreSQL; the operator's token is another then."""
    before = read_server(server.directory)
    server.stop(signal.SIGKILL)
    assert server.start() < READY_SECONDS
    after = read_server(server.directory)
    assert before is not None
    assert after is not None
    assert before.operator_token != after.operator_token
    postmaster = EmbeddedPostgres(server.directory / "postgres").postmaster()
    assert postmaster is not None
    server.stop(signal.SIGKILL)
    os.kill(postmaster.pid, signal.SIGKILL)
    assert server.start() < READY_SECONDS
    assert server.run("doctor").returncode == 0


def test_told_to_stop_it_leaves_nothing_running(server: Server) -> None:
    assert server.stop(signal.SIGTERM) == 0
    assert read_server(server.directory) is None
    assert EmbeddedPostgres(server.directory / "postgres").postmaster() is None
    assert server.start() < READY_SECONDS


def test_without_a_server_a_command_opens_the_directory_itself(engines_home: Path) -> None:
    alone = Server(engines_home / "opened")
    made = alone.run("init")
    assert made.returncode == 0, made.stderr
    assert "no server is running" in made.stderr
    assert alone.run("doctor").returncode == 0


def test_a_directory_that_a_command_has_open_is_waited_for_then_refused(
    engines_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_PATIENCE_SECONDS", 0.2)
    directory = engines_home / "held"
    with occupied(directory), pytest.raises(Unavailable) as refused, reach.connect(directory):
        pass
    assert refused.value.code == "directory_in_use"


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        ("TALLYBOOK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none", "database of records"),
        ("TALLYBOOK_EVENTS_URL", "clickhouse://127.0.0.1:1", "event store"),
        ("TALLYBOOK_CLOSE_AFTER_SECONDS", "soon", "whole seconds"),
    ],
)
def test_a_start_that_cannot_be_is_told_in_a_sentence(
    engines_home: Path, monkeypatch: pytest.MonkeyPatch, name: str, address: str, said: str
) -> None:
    monkeypatch.setenv(name, address)
    refused = Server(engines_home / "unreachable").run("serve", "--port", "0")
    assert refused.returncode in {1, 3}
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
