"""What every harness that kills has in common: its rounds, its command line, its last line.

A round is: start the server on the same directory, settle what got no answer, compare, load, kill.
After the last kill the server is started and compared once more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from bench.served import Served, start

MOST_SECONDS_TO_READY = 10
PATIENCE_SECONDS = 120


class WrongError(AssertionError):
    """The server's books and ours differ."""


@dataclass
class Course:
    """What the rounds came to so far; a harness adds what it counts."""

    rounds: int = 0
    kills: int = 0
    differences: int = 0
    slowest_start_seconds: float = 0.0
    slow_starts: int = 0

    def note_start(self, seconds: float) -> None:
        """A start took so long. A slow one is told and no fault: the machine may be busy."""
        self.slowest_start_seconds = max(self.slowest_start_seconds, seconds)
        self.slow_starts += seconds > MOST_SECONDS_TO_READY

    def counts(self) -> Mapping[str, int]:
        """What was sent or made, by its name."""
        return {}

    def summary(self) -> str:
        """One line that says all."""
        counts = {"rounds": self.rounds, "kills": self.kills, **self.counts()}
        counts["differences"] = self.differences
        said = [f"{number:,} {name}" for name, number in counts.items()]
        said.append(f"slowest start {self.slowest_start_seconds:.1f} s")
        if self.slow_starts:
            said.append(f"SLOW: {self.slow_starts} starts above {MOST_SECONDS_TO_READY} s")
        return ", ".join(said)


def wait_until(claim: Callable[[], object], stop: threading.Event) -> None:
    """Go on once so much was done, however slow the machine; or once `stop` says there is no more.

    Without it a slow machine kills a server that was never at work, and finds nothing wrong.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not claim() and not stop.wait(0.01):
        if time.monotonic() > give_up_at:
            raise WrongError(f"nothing was done in {PATIENCE_SECONDS} seconds")


class Trial(Protocol):
    """What a harness does with a server that was just started."""

    def check(self, server: Served, *, is_last: bool) -> None:
        """Settle what got no answer, then compare. `WrongError` if anything is wrong."""

    def load_and_kill(self, server: Served) -> None:
        """Load it, kill it at some moment, and wait for those who loaded it."""


def go_through(directory: Path, rounds: int, trial: Trial, course: Course) -> None:
    """Start, check, load and kill, `rounds` times over. `WrongError` if anything is wrong."""
    for number in range(rounds + 1):
        server = start(directory)
        try:
            course.note_start(server.seconds_to_ready)
            trial.check(server, is_last=number == rounds)
            if number < rounds:
                trial.load_and_kill(server)
                course.rounds += 1
                course.kills += 1
        except WrongError:
            course.differences += 1
            raise
        finally:
            server.kill()


C = TypeVar("C", bound=Course)


def arguments(what: str, rounds: int) -> argparse.ArgumentParser:
    """The command line of every harness."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser


def main(what: str, rounds: int, course: C, run: Callable[[Path, int, int, C], object]) -> None:
    """Run the rounds asked for and say in the last line what they came to; ends with 1 if wrong."""
    wanted = arguments(what, rounds).parse_args()
    print(f"seed {wanted.seed}", flush=True)
    wrong = ""
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home:
        try:
            run(Path(home) / "data", wanted.rounds, wanted.seed, course)
        except WrongError as error:
            wrong = f"WRONG: {error}"
    if wrong:
        print(wrong)
    print(course.summary())
    sys.exit(bool(wrong))
