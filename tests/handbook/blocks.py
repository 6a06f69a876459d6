"""The code blocks of a Markdown page, and how their output is compared.

The words after a fence's language say what the tests do with a block:

- `sh`, `python`: run, in the order of the page, in one folder and one environment.
  `tallybook serve` runs beside what follows, until a line `# Ctrl-C`; `make` is looked up only.
- `title=plans.toml`: written to that file before the next block runs; any language.
- `text output`: what the block before printed; `…` stands for any text, and alone on a line for
  any lines.
- `unrun`: neither; for what a test must not do, such as cloning from elsewhere.
- `text`, `json`, `toml` by themselves: read only; JSON and TOML have to parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LANGUAGES = frozenset({"sh", "python", "text", "json", "toml", "csv", "html"})

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, its language, the words after that, and its text."""

    line: int
    language: str
    words: tuple[str, ...]
    body: str

    @property
    def title(self) -> str:
        """The file that the block is written to, or nothing."""
        return next((word[6:] for word in self.words if word.startswith("title=")), "")

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block before printed."""
        return "output" in self.words

    @property
    def is_run(self) -> bool:
        """Whether the tests run it."""
        return self.language in {"sh", "python"} and not self.title and "unrun" not in self.words


def blocks_of(page: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    for found in _FENCE.finditer(page):
        language, *words = found["info"].split() or [""]
        indent = len(found["indent"])
        body = "".join(line[indent:] for line in found["body"].splitlines(keepends=True))
        yield Block(page.count("\n", 0, found.start()) + 1, language, tuple(words), body)


def faults(block: Block) -> list[str]:
    """What is wrong with the block's own description."""
    found = []
    if block.language not in LANGUAGES:
        found.append(f"language {block.language!r}: use one of {', '.join(sorted(LANGUAGES))}")
    known = [word in {"output", "unrun"} or word.startswith("title=") for word in block.words]
    if not all(known):
        found.append(f"{block.words}: a block's words are output, unrun or title=file")
    return found


def matches(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; `…` stands for what it leaves out."""
    wanted = [line.rstrip() for line in shown.strip("\n").splitlines() if line.strip()]
    plain = printed.replace("\u00a0", " ").replace("\u202f", " ")
    got = [line.rstrip() for line in plain.splitlines() if line.strip()]
    pattern = "".join(_line_pattern(line) for line in wanted)
    return re.fullmatch(pattern, "".join(line + "\n" for line in got)) is not None


def _line_pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.split("…")) + r"\n"


def links_of(page: str) -> Iterator[str]:
    """Where the page's links lead, those inside code left out."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page))
    yield from (found["target"] for found in _LINK.finditer(prose))


def anchors_of(page: str) -> set[str]:
    """The anchors of a page's headings, as they are made from their words."""
    headings = re.findall(r"^#+ +(.+?) *#*$", _FENCE.sub("", page), re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {word.strip().replace(" ", "-") for word in words}
