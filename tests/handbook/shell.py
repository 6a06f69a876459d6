"""Runs the blocks of one page: a folder, an environment, and a server where the page starts one."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handbook.blocks import Block

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"(127\.0\.0\.1|localhost):8420\b")
SERVE = re.compile(r"tallybook (-d \S+ )?serve\b")
PATIENCE_SECONDS = 60


class Shell:
    """What a reader does who follows a page from its first block to its last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self.port = _free_port()
        self._names: dict[str, Any] = {"__name__": "page"}
        self._server: subprocess.Popen[bytes] | None = None
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TALLYBOOK_HOME": str(folder / "tallybook-data"),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }

    def follow(self, block: Block) -> None:
        """Do what one block asks; `AssertionError` with all that was printed if it fails."""
        body = ADDRESS.sub(rf"\g<1>:{self.port}", block.body)
        if block.title:
            target = self.folder / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(body, encoding="utf-8")
        elif block.language == "python":
            self._run_python(body, block.line)
        else:
            self._run_commands(body)

    def close(self) -> None:
        """Stop the page's server."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(PATIENCE_SECONDS)
            self._server = None

    def _run_commands(self, body: str) -> None:
        lines: list[str] = []
        for line in body.splitlines():
            if line.startswith("make "):
                _check_target(line)
            elif SERVE.match(line):
                self._printed_by("\n".join(lines))
                lines = []
                self._serve(line.rstrip("& "))
            elif line.startswith("# Ctrl-C"):
                self.close()
            else:
                lines.append(line)
        self.printed = self._printed_by("\n".join(lines))

    def _printed_by(self, script: str) -> str:
        if not script.strip():
            return ""
        state = self.folder / ".environment"
        ran = subprocess.run(
            ["sh", "-aeuc", f"{script}\nenv -0 > '{state}'"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, f"$ {script}\n{ran.stdout}{ran.stderr}"
        kept = [pair.partition("=") for pair in state.read_text().split("\0") if pair]
        self.environment = {name: value for name, _, value in kept}
        return ran.stdout

    def _serve(self, line: str) -> None:
        assert self._server is None, "a page starts one server"
        command = [*line.split(), "--port", str(self.port)]
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program, f"{command[0]} is installed"
        self._server = subprocess.Popen(
            [program, *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _answers(self.port):
            assert self._server.poll() is None, f"{line} ended by itself"
            assert time.monotonic() < deadline, f"{line} did not answer"
            time.sleep(0.1)

    def _run_python(self, body: str, line: int) -> None:
        said = io.StringIO()
        code = compile("\n" * line + body, "page", "exec")
        with (
            contextlib.redirect_stdout(said),
            contextlib.chdir(self.folder),
            _set(self.environment),
        ):
            exec(code, self._names)
        self.printed = said.getvalue()


@contextlib.contextmanager
def _set(environment: Mapping[str, str]) -> Any:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _check_target(line: str) -> None:
    """A make target is not run, but there has to be one: `make -n` finds it."""
    command = [*line.split("#", maxsplit=1)[0].split(), "-n", "-o", ".venv/bin/python"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"$ {line}\n{ran.stderr}"


def _free_port() -> int:
    """A port that nobody listens on, and that nobody is given who asks for any."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
