"""Every setting that the program reads is told of, and none that it does not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTING = re.compile(r"\bTALLYBOOK_[A-Z]+(?:_[A-Z]+)*\b")


def test_settings_are_told_of() -> None:
    read = {
        name
        for file in (ROOT / "src").rglob("*.py")
        for name in SETTING.findall(file.read_text(encoding="utf-8"))
    }
    told = set(SETTING.findall((ROOT / "docs/running.md").read_text(encoding="utf-8")))
    assert told == read
