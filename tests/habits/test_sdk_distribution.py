"""The Python SDK stands by itself: light, and without a word of the server."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tallybook_sdk

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk/python"
PROJECT = tomllib.loads((SDK / "pyproject.toml").read_text("utf-8"))["project"]
SERVER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODULES = sorted((SDK / "src").rglob("*.py"))


def test_it_asks_for_little_and_nothing_of_its_own() -> None:
    asked = {Requirement(text).name: text for text in PROJECT["dependencies"]}
    assert asked.keys() == {"httpx", "msgspec"}
    assert set(asked.values()) <= set(SERVER["dependencies"]), "then the lock files hold for both"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_it_imports_nothing_else(module: Path) -> None:
    allowed = {"tallybook_sdk", "httpx", "msgspec"} | sys.stdlib_module_names
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] in allowed, f"{module.name} imports {name}"


def test_it_is_one_version_typed_and_licensed_alike() -> None:
    assert PROJECT["version"] == tallybook_sdk.VERSION
    assert (SDK / "src/tallybook_sdk/py.typed").exists()
    assert (SDK / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert PROJECT["license"] == SERVER["license"]


@pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed here"
)
def test_its_wheel_has_all_of_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=SDK, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    for path in [*MODULES, SDK / "src/tallybook_sdk/py.typed"]:
        assert str(path.relative_to(SDK / "src")) in names
