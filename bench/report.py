"""What a bench tells: figures, each beside its reference measured in the same run and its bound.

A bench is a module run by itself, `python -m bench.ingest`; it measures, makes `Figure`s and ends
with `report(figures)`. `python -m bench` runs all of them, each in a process of its own, and prints
one summary.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

COLLECT_IN = "TALLYBOOK_BENCH_FIGURES"
"""The environment variable that names the file where figures are gathered, one JSON a line."""


@dataclass(frozen=True)
class Figure:
    """One measured number, with what it is held against.

    `reference` is the same work done bare (by the engine alone, or without the rule under test) in
    the same run and unit. `at_least` and `at_most` are bounds; a figure without one is told only.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    reference_name: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """The figure as a multiple of its reference."""
        return self.value / self.reference if self.reference else None

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bounds."""
        low = self.at_least is not None and self.value < self.at_least
        high = self.at_most is not None and self.value > self.at_most
        return not low and not high

    @property
    def bound(self) -> str:
        """The bound in words, or nothing."""
        if self.at_least is not None:
            return f"≥ {spoken(self.at_least)}"
        return f"≤ {spoken(self.at_most)}" if self.at_most is not None else ""


def spoken(number: float | None) -> str:
    """A number as a person reads it: thousands set apart, three significant digits below ten."""
    if number is None:
        return ""
    if abs(number) >= 100:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.3g}" if abs(number) < 10 else f"{number:.1f}"


def peak_memory_mb() -> float:
    """The most memory this process has had resident, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def table(figures: Iterable[Figure]) -> str:
    """The figures as aligned lines: name, value, bound, reference, ratio, verdict."""
    rows = [("", "measured", "unit", "bound", "reference", "ratio", "")]
    for figure in figures:
        verdict = "" if not figure.bound else "holds" if figure.holds else "MISSED"
        reference = f"{spoken(figure.reference)} {figure.reference_name}".strip()
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
        measured = spoken(figure.value)
        rows.append((figure.name, measured, figure.unit, figure.bound, reference, ratio, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    to_the_right = {1, 3, 5}
    cells = [
        cell.rjust(width) if column in to_the_right else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def report(figures: Sequence[Figure]) -> None:
    """Print the figures, and hand them to the run of all benches if there is one."""
    print(table(figures))
    gathering = os.environ.get(COLLECT_IN)
    if gathering:
        with Path(gathering).open("a", encoding="utf-8") as lines:
            lines.writelines(json.dumps(asdict(figure)) + "\n" for figure in figures)
