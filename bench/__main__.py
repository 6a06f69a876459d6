"""Run every bench, each in a process of its own, and sum up.

    python -m bench [ingest usage …] [--strict]

With `--strict` the exit status is 1 if a bound was missed. A bench that breaks always fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.report import COLLECT_IN, Figure, table

HERE = Path(__file__).resolve().parent
NOT_BENCHES = frozenset({"__main__", "__init__", "report"})
ORDER = ("ingest", "usage", "rating", "close", "idle")


def benches() -> list[str]:
    """The names of the benches: every module here with a `main`, in the order of the bill."""
    found = [
        file.stem
        for file in HERE.glob("*.py")
        if file.stem not in NOT_BENCHES and "\ndef main(" in file.read_text(encoding="utf-8")
    ]
    return sorted(found, key=lambda name: (name not in ORDER, (*ORDER, name).index(name), name))


def run_bench(name: str) -> tuple[list[Figure], int]:
    """Run one bench, its output passed on; its figures and exit status."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".jsonl", encoding="utf-8") as gathered:
        environment = os.environ | {COLLECT_IN: gathered.name}
        command = [sys.executable, "-m", f"bench.{name}"]
        status = subprocess.run(command, cwd=HERE.parent, env=environment, check=False).returncode
        return [Figure(**json.loads(line)) for line in gathered], status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches named, or all; the exit status."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure, with references.")
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(benches())}; else all")
    parser.add_argument("--strict", action="store_true", help="fail if a bound is missed")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(benches()):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    figures: list[Figure] = []
    broken: list[str] = []
    for name in options.names or benches():
        print(f"\n── {name} ──", flush=True)
        began = time.monotonic()
        measured, status = run_bench(name)
        figures += measured
        if status:
            broken.append(name)
        print(f"({name}: {time.monotonic() - began:.0f} s)", flush=True)
    names = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\n── {names} ──")
    if len(options.names) != 1:
        print(table(figures))
    for name in broken:
        print(f"BROKEN {name}")
    missed = [figure for figure in figures if not figure.holds]
    return 1 if broken or (options.strict and missed) else 0


if __name__ == "__main__":
    raise SystemExit(main())
