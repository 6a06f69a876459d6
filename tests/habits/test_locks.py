"""The lock files pin what the project asks for: every version, every hash, no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PINNED = re.compile(r"^(?P<name>[\w.\-]+)(\[[\w,\-]+\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)
LOCKS = ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"]


def _pins(lock: str) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for found in PINNED.finditer((ROOT / lock).read_text("utf-8")):
        pins.setdefault(canonicalize_name(found["name"]), set()).add(found["version"])
    return pins


def _group(name: str) -> list[str]:
    asked = []
    for entry in PROJECT["dependency-groups"][name]:
        asked += [entry] if isinstance(entry, str) else _group(entry["include-group"])
    return asked


ASKED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-build.lock": _group("build") + PROJECT["build-system"]["requires"],
    "requirements-dev.lock": PROJECT["project"]["dependencies"] + _group("dev"),
}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_what_is_asked_for(lock: str) -> None:
    pins = _pins(lock)
    for text in ASKED[lock]:
        asked = Requirement(text)
        versions = pins.get(canonicalize_name(asked.name))
        assert versions, f"{asked.name} is not in {lock}: run `make locks`"
        assert all(version in asked.specifier for version in versions), f"{text}: {versions}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_nothing_else(lock: str) -> None:
    for line in (ROOT / lock).read_text("utf-8").splitlines():
        assert re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$|    # via |\S+==\S+ .*\\$", line), (
            line
        )
    entries = re.split(r"^(?=\S)", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE)
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())


def test_what_runs_is_what_is_tested() -> None:
    tested = _pins("requirements-dev.lock")
    for lock in ("requirements.lock", "requirements-build.lock"):
        assert _pins(lock).items() <= tested.items(), f"{lock} and the one for tests differ"
