"""What benches print: figures beside references and bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.report import COLLECT_IN, Figure, report, spoken, table


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (171234.5, "171 234"),
        (100, "100"),
        (99.96, "100.0"),
        (3.14159, "3.14"),
        (0, "0"),
    ],
)
def test_spoken(number: float | None, text: str) -> None:
    assert spoken(number) == text


@pytest.mark.parametrize(
    ("figure", "holds", "why"),
    [
        (Figure("rate", 150, "events/s", at_least=150), True, "a bound is inclusive"),
        (Figure("rate", 149, "events/s", at_least=150), False, "below what is promised"),
        (Figure("p95", 26, "ms", at_most=25), False, "above what is promised"),
        (Figure("size", 1, "MB"), True, "without a bound it is only told"),
    ],
)
def test_holds(figure: Figure, holds: bool, why: str) -> None:
    assert figure.holds is holds, why


def test_table_and_gathering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [
        Figure(
            "ingest", 200000, "events/s", reference=160000, reference_name="bare", at_least=150000
        ),
        Figure("p95", 30, "ms", at_most=25),
    ]
    monkeypatch.setenv(COLLECT_IN, str(tmp_path / "figures"))
    report(figures)
    assert len((tmp_path / "figures").read_text().splitlines()) == 2
    assert [line.split() for line in table(figures).splitlines()[1:]] == [
        [
            "ingest",
            "200",
            "000",
            "events/s",
            "≥",
            "150",
            "000",
            "160",
            "000",
            "bare",
            "1.25",
            "×",
            "holds",
        ],
        ["p95", "30.0", "ms", "≤", "25.0", "MISSED"],
    ]
