"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
SPEC = importlib.util.spec_from_file_location("generate_reference", REFERENCE / "generate.py")
assert SPEC is not None
assert SPEC.loader is not None
generating = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generating)


@pytest.mark.parametrize("page", ["api.md", "cli.md"])
def test_reference_is_current(page: str) -> None:
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == generating.pages()[page], f"docs/reference/{page} is behind: run `make docs`"


def test_commands_within_commands_of_commands_are_told() -> None:
    """However deep a command is, its options are in the reference."""
    page = generating.pages()["cli.md"]
    assert "#### `tallybook subscription change plan KEY PLAN`" in page
