"""Changelog fragments become a section of the changelog, once."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("gather", ROOT / "changelog.d/gather.py")
assert SPEC is not None
assert SPEC.loader is not None
gathering = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gathering)


@pytest.mark.parametrize(
    ("fragment", "entry", "why"),
    [
        ("Invoices print.\n", "- Invoices print.\n", "a line becomes a point"),
        ("One thing,\non two lines.\n", "- One thing,\n  on two lines.\n", "and stays one point"),
        ("- One.\n- Two.\n", "- One.\n- Two.\n", "points stay points"),
        ("# Invoices\n\nThey print.\n", "- They print.\n", "a heading goes"),
    ],
)
def test_gather(tmp_path: Path, fragment: str, entry: str, why: str) -> None:
    fragments = tmp_path / "changelog.d"
    fragments.mkdir()
    (fragments / "README.md").write_text("how")
    (fragments / "invoices.md").write_text(fragment)
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(f"# Changelog\n\n{gathering.MARK}\n## 0.1.0 (2026-01-01)\n")
    assert gathering.gather(fragments, changelog, "0.2.0", date(2026, 2, 1)) == 1
    assert changelog.read_text() == (
        f"# Changelog\n\n{gathering.MARK}\n## 0.2.0 (2026-02-01)\n\n{entry}\n"
        "## 0.1.0 (2026-01-01)\n"
    ), why
    assert [file.name for file in fragments.iterdir()] == ["README.md"]


def test_the_changelog_has_its_mark() -> None:
    assert gathering.MARK in (ROOT / "CHANGELOG.md").read_text("utf-8")
