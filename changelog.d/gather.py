"""Gather the fragments of this folder into the changelog, under a release and its day.

python changelog.d/gather.py VERSION YYYY-MM-DD
"""

from __future__ import annotations

import re
import sys
from datetime import date
from pathlib import Path

MARK = "<!-- releases -->\n"


def gather(fragments: Path, changelog: Path, version: str, day: date) -> int:
    """Write a section for `version` and remove the fragments it was made of; how many they were."""
    files = [file for file in sorted(fragments.glob("*.md")) if file.name != "README.md"]
    entries = [_entry(file.read_text(encoding="utf-8")) for file in files]
    before, mark, after = changelog.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{changelog.name} has no line {MARK.strip()}"
    section = f"\n## {version} ({day.isoformat()})\n\n" + "\n".join(entries) + "\n"
    changelog.write_text(before + mark + section + after, encoding="utf-8")
    for file in files:
        file.unlink()
    return len(files)


def _entry(text: str) -> str:
    """One fragment as list points: a fragment that has none becomes one."""
    lines = [line for line in text.strip().splitlines() if not line.startswith("#")]
    body = "\n".join(lines).strip()
    if re.match(r"[-*] ", body):
        return body
    return "- " + body.replace("\n", "\n  ")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    count = gather(here, here.parent / "CHANGELOG.md", sys.argv[1], date.fromisoformat(sys.argv[2]))
    sys.stdout.write(f"{count} fragments gathered\n")
