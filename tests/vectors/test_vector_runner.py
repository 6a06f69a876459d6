"""The vector runner: how answers are compared, what it prints, and that it can fail."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vectors import compare, run

ADAPTER_FILES = sorted(run.ADAPTERS.glob("*.py"))


@pytest.mark.parametrize("file", ADAPTER_FILES, ids=[file.stem for file in ADAPTER_FILES])
def test_adapters_never_see_the_answers(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not {"expect", "open", "eval", "__import__"} & names
    assert not {"expect", "read_text", "read_bytes", "load", "loads"} & attributes
    assert "importlib" not in modules


@pytest.mark.parametrize(
    ("expect", "answer", "agrees", "why"),
    [
        ({"amount": "3.0"}, {"amount": Decimal(3)}, True, "decimals compare as decimals"),
        ({"amount": "3"}, {"amount": "3.001"}, False, "without a scale the value is exact"),
        ({"amount": "3.69", "scale": 2}, {"amount": "3.685"}, True, "half goes away from zero"),
        ({"amount": "-3.69", "scale": 2}, {"amount": "-3.685"}, True, "also below zero"),
        ({"amount": "3.685", "scale": 2}, {"amount": "3.685"}, False, "only answers are rounded"),
        ({"amount": "1"}, {"amount": "1", "working": "1 × 1"}, True, "a field not named is free"),
        ({"amount": "1"}, {"total": "1"}, False, "a field named must be answered"),
        ({"group": None}, {}, True, "null is absent"),
        ({"within": True}, {"within": 1}, False, "a claim is no number"),
        ({"numeric": "008"}, {"numeric": "8"}, False, "a code is no number"),
        ({"deltas": ["1", "2"]}, {"deltas": ["1"]}, False, "lists have one length"),
        ({"deltas": ["1", "2"]}, {"deltas": [2, 1]}, False, "and one order"),
        (
            {"groups": [{"value": "1"}, {"value": "2"}]},
            {"groups": [{"value": 2}, {"value": 1}]},
            True,
            "rows are named by their key",
        ),
        (
            {"groups": [{"value": "1"}]},
            {"groups": [{"value": 1}, {"value": 2}]},
            False,
            "a row too many",
        ),
        (
            {"start": "2024-01-01T00:00:00Z"},
            {"start": "2024-01-01T01:00:00+01:00"},
            True,
            "one instant",
        ),
        (
            {"start": "2024-01-01T00:00:00Z"},
            {"start": "2024-01-01T00:00:00"},
            False,
            "no zone, no instant",
        ),
        (
            {"per_fee_5dp": {"a": "1352.94117"}},
            {"per_fee_5dp": {"a": "1352.941176"}},
            True,
            "compared at 4 places",
        ),
        (
            {"precise_6dp": "0.333333"},
            {"precise_6dp": Decimal(1) / 3},
            True,
            "at the places it names",
        ),
        ({"precise_6dp": "0.333334"}, {"precise_6dp": Decimal(1) / 3}, False, "and no fewer"),
    ],
)
def test_comparison(expect: dict[str, Any], answer: dict[str, Any], agrees: bool, why: str) -> None:
    assert (not compare.differences(expect, answer, {})) is agrees, why


def test_claims_on_buckets() -> None:
    new_york = {"bucket": {"size": "day", "tz": "America/New_York"}}
    days = [
        ("2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"),
        ("2025-11-03T05:00:00Z", "2025-11-04T05:00:00Z"),
    ]
    buckets = [{"start": start, "end": end, "value": "1"} for start, end in days]
    claims = {
        "bucket_count": 2,
        "contiguous": True,
        "starts_at_local_midnight": True,
        "contains": [buckets[1]],
    }
    assert compare.differences(claims, {"buckets": buckets}, new_york) == []
    assert len(compare.differences(claims, {"buckets": buckets[:1]}, new_york)) == 2
    assert len(compare.differences(claims, {"buckets": buckets}, {})) == 1


def test_a_float_is_no_answer() -> None:
    with pytest.raises(TypeError, match="float"):
        compare.differences({"amount": "0.3"}, {"amount": 0.3}, {})


CASES = [
    {"id": "sum-1", "given": {"terms": ["1", "2"]}, "expect": {"total": "3"}},
    {"id": "sum-2", "given": {"terms": ["1", "2"]}, "expect": {"total": "4"}},
    {"id": "sum-3", "given": {"terms": []}, "expect": {"total": "0"}},
    {"id": "sum-4", "given": {"wrong": True}, "expect": {"total": "0"}},
]
ADAPTER = """
from decimal import Decimal
from vectors.run import NotSupported

def answer(given):
    terms = given["terms"]
    given.clear()
    if not terms:
        raise NotSupported("empty sums")
    return {"total": sum(map(Decimal, terms))}
"""


@pytest.fixture
def a_folder(tmp_path: Path) -> Path:
    (tmp_path / "sum.json").write_text(json.dumps(CASES))
    (tmp_path / "product.json").write_text(json.dumps(CASES[:1]))
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "sum.py").write_text(ADAPTER)
    return tmp_path


def _run(folder: Path, *more: str) -> int:
    return run.main([str(folder), *more], folder / "adapters")


def test_run_prints_a_line_a_topic(a_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(a_folder) == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()][1:] == [
        ["product", "1", "0", "0", "1", "NO", "ADAPTER"],
        ["sum", "4", "1", "2", "1"],
        ["all", "5", "1", "2", "2"],
        ["NOT", "YET", "SUPPORTED", "sum:", "empty", "sums", "(1)"],
        ["FAILED", "sum-2"],
        ["total:", "expected", "4,", "got", "3"],
        ["FAILED", "sum-4"],
        ["raised", "KeyError:", "'terms'"],
    ]


def test_run_of_what_passes(a_folder: Path) -> None:
    assert _run(a_folder, "--topic", "sum", "--case", "sum-1") == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not JSON"), ("{}", "not a list"), ('[{"id": "x"}]', "case 1"), ("[1]", "case 1")],
)
def test_a_folder_not_of_the_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "sum.json").write_text(text)
    assert run.main([str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_no_folder(tmp_path: Path) -> None:
    assert run.main([str(tmp_path / "nowhere")]) == 2


def test_an_answer_is_a_mapping() -> None:
    def wrong(_given: Mapping[str, Any]) -> Any:
        return 3

    outcome = run.judge(run.Case("sum", "sum-1", {}, {"total": "3"}), wrong)
    assert outcome.differs[0].startswith("raised AssertionError")
