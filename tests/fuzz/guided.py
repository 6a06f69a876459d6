"""Let atheris look for bytes that break a target, guided by which code they reach.

    pip install atheris
    PYTHONPATH=.:tests python -m fuzz.guided [TARGET …] [--seconds 60]

Each target runs in a process of its own. Ends with 1 if one was broken; the bytes are printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HANGS_AFTER_SECONDS = 20
"""An input of 2,000 bytes that takes so long is as good as a fault."""


def run_one(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which atheris ends."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["tallybook"]):  # all there is would take minutes
        from fuzz import targets

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(targets.SEEDS):
            (Path(corpus) / f"seed{number}").write_bytes(seed)
        limits = [f"-max_total_time={seconds}", "-max_len=2000", f"-timeout={HANGS_AFTER_SECONDS}"]
        options = [sys.argv[0], corpus, *limits]
        target = targets.TARGETS[name]

        def take(content: bytes) -> None:
            target(content)

        atheris.Setup(options, take)
        atheris.Fuzz()


def main() -> int:
    """Fuzz the targets named, or all."""
    parser = argparse.ArgumentParser(description="Fuzz what reads bytes of strangers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.here:
        run_one(wanted.targets[0], wanted.seconds)
        return 0
    from fuzz import targets

    broken = []
    for name in wanted.targets or targets.TARGETS:
        command = [sys.executable, "-m", "fuzz.guided", name, "--here"]
        done = subprocess.run(
            [*command, "--seconds", str(wanted.seconds)],
            capture_output=True,
            text=True,
            check=False,
        )
        runs = [line for line in done.stderr.splitlines() if "DONE" in line or "Done" in line]
        print(f"{name}: {'broken' if done.returncode else 'holds'} {runs[-1] if runs else ''}")
        if done.returncode:
            broken.append(name)
            print(done.stdout[-3000:])
            print(done.stderr[-3000:])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
