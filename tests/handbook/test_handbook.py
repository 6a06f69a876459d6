"""Every page is true: its code runs, its output is what it shows, its links lead somewhere."""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from handbook.blocks import Block, anchors_of, blocks_of, faults, links_of, matches
from handbook.shell import Shell

ROOT = Path(__file__).resolve().parents[2]
OTHERS = [ROOT / "bench/README.md", ROOT / "sdk/python/README.md", ROOT / "changelog.d/README.md"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *OTHERS])
RUN = [
    page
    for page in PAGES
    if any(block.is_run for block in blocks_of(page.read_text("utf-8")))
    and "sdk" not in page.parts  # its page is run by the SDK's own tests
]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A reader in a folder of its own; not below pytest's, which keeps other users out.

    Started by root, the embedded PostgreSQL runs as another user.
    """
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as folder:
        shell = Shell(Path(folder))
        yield shell
        shell.close()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_blocks_are_well_formed(page: Path) -> None:
    for block in blocks_of(page.read_text("utf-8")):
        assert not faults(block), f"line {block.line}: {faults(block)}"
        if block.language == "json" and not block.is_output:
            json.loads(block.body)
        if block.language == "toml":
            tomllib.loads(block.body)


@pytest.mark.parametrize("page", RUN, ids=_name)
def test_page_does_what_it_says(page: Path, shell: Shell) -> None:
    for block in blocks_of(page.read_text("utf-8")):
        if block.is_output:
            assert matches(block.body, shell.printed), (
                f"line {block.line} shows\n{block.body}\nbut this was printed\n{shell.printed}"
            )
        elif block.is_run or block.title:
            shell.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links_of(page.read_text("utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target.read_text("utf-8")), f"{link}: no such heading"


def test_every_page_can_be_found() -> None:
    """Whoever begins at the README gets to every page by links."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        links = [link.partition("#")[0] for link in links_of(page.read_text("utf-8"))]
        found = [(page.parent / link).resolve() for link in links if link.endswith(".md")]
        waiting += [target for target in found if target.exists()]
    lost = {_name(page) for page in PAGES} - {_name(page) for page in seen}
    assert not lost, f"no page leads to {sorted(lost)}"


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")
    for page in (ROOT / "docs/decisions").glob("0*.md"):
        assert f"({page.name})" in index, f"{page.name} is not in the list of decisions"


PAGE = """
# A page

```toml title=plan.toml
name = "pro"
```

  ```python
  number = 6
  ```

```python
print(number * 7)
print("a", "b")
```
```text output
…
a … b
```
```sh
export WHO=world
cat plan.toml
```
```sh
echo "hello $WHO"
```
```text output
hello world
```
"""


def test_a_page_is_followed(shell: Shell) -> None:
    printed = []
    for block in blocks_of(PAGE):
        if block.is_output:
            assert not matches(block.body, "something else\n")
            printed.append(shell.printed)
        else:
            shell.follow(block)
    assert printed == ["42\na b\n", "hello world\n"]


@pytest.mark.parametrize(
    "body", ["false\n", "tallybook no-such-command\n", "make no-such-target\n"]
)
def test_a_command_that_fails(shell: Shell, body: str) -> None:
    with pytest.raises(AssertionError, match=body.rsplit(maxsplit=1)[-1]):
        shell.follow(Block(1, "sh", (), body))


def test_python_that_fails(shell: Shell) -> None:
    with pytest.raises(ZeroDivisionError):
        shell.follow(Block(1, "python", (), "1 / 0\n"))


@pytest.mark.parametrize(
    ("shown", "printed", "agrees", "why"),
    [
        ("a\nb", "a\n\nb  \n", True, "blank lines and trailing spaces are not shown"),
        ("a", "a\nb\n", False, "a line too many"),
        ("a\n…", "a\nb\nc\n", True, "… alone: any lines"),
        ("a\n…", "a\n", True, "also none"),
        ("id in_… open", "id in_01J9 open\n", True, "… in a line: any text"),
        ("1.00", "1x00\n", False, "a point is a point"),
    ],
)
def test_output_is_compared(shown: str, printed: str, agrees: bool, why: str) -> None:
    assert matches(shown, printed) is agrees, why


def test_faults_are_named() -> None:
    assert "language" in faults(Block(1, "", (), ""))[0]
    assert "'hidden'" in faults(Block(1, "sh", ("hidden",), ""))[0]


def test_anchors() -> None:
    assert anchors_of("# One: two\n## A `b` C\n") == {"one-two", "a-b-c"}
