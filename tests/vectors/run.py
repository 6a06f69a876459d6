"""Run billing cases with known answers through Tallybook's own rules.

    python tests/vectors/run.py FOLDER [--topic pricing …] [--case pricing-DOC-001 …]

Each `<topic>.json` of the folder is a list of cases `{id, given, expect}`. The adapter of a topic,
`adapters/<topic>.py`, translates `given` into calls of the project's code and gives back what it
answers; it never sees `expect`. Exit status: 0 if nothing failed, 1 if a case did, 2 if the folder
cannot be read.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from vectors.compare import NotSupported, differences  # noqa: E402

__all__ = ["NotSupported", "judge", "load_adapter", "main", "read_cases", "run_topic"]

ADAPTERS = HERE / "adapters"
Adapter = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class UnreadableFolderError(Exception):
    """The folder holds no cases in the format; the message says what is wrong."""


@dataclass(frozen=True)
class Case:
    """One billing case of a topic."""

    topic: str
    id: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a case: the rule it needs, if there is none yet; else what differs."""

    case: Case
    unsupported: str = ""
    differs: tuple[str, ...] = ()


@dataclass
class Tally:
    """The outcomes of one topic."""

    topic: str
    has_adapter: bool
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        """The cases whose answer differs."""
        return [outcome for outcome in self.outcomes if outcome.differs]

    @property
    def unsupported(self) -> list[Outcome]:
        """The cases that need a rule the project does not have yet."""
        return [outcome for outcome in self.outcomes if outcome.unsupported]

    @property
    def passed(self) -> int:
        """How many were answered as expected."""
        return len(self.outcomes) - len(self.failed) - len(self.unsupported)


def read_cases(folder: Path) -> dict[str, list[Case]]:
    """The cases of every topic file in `folder`, by topic in name order."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UnreadableFolderError(f"{folder} has no <topic>.json: give a folder of billing cases")
    return {file.stem: list(_cases_of(file)) for file in files}


def _cases_of(file: Path) -> Iterator[Case]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"), parse_float=str)
    except ValueError as error:
        raise UnreadableFolderError(f"{file.name} is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise UnreadableFolderError(f"{file.name} is not a list of cases")
    for place, row in enumerate(rows, 1):
        try:
            yield Case(file.stem, str(row["id"]), dict(row["given"]), dict(row["expect"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableFolderError(
                f"{file.name}, case {place}: a case has an id, given and expect ({error!r})"
            ) from error


def load_adapter(topic: str, adapters: Path = ADAPTERS) -> Adapter | None:
    """The adapter of `topic`, or None if there is none yet."""
    file = adapters / f"{topic}.py"
    if not file.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"vector_adapter_{topic}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    adapter: Adapter = module.answer
    return adapter


def judge(case: Case, adapter: Adapter) -> Outcome:
    """Run one case. Whatever the adapter raises, other than `NotSupported`, is a failure."""
    given = copy.deepcopy(dict(case.given))
    if "scale" in case.expect:  # to how many decimals to round is part of the question
        given.setdefault("scale", case.expect["scale"])
    try:
        return Outcome(case, differs=tuple(differences(case.expect, adapter(given), case.given)))
    except NotSupported as missing:
        return Outcome(case, unsupported=str(missing) or "a rule not named")
    except Exception as error:
        return Outcome(case, differs=(f"raised {type(error).__name__}: {error}",))


def run_topic(topic: str, cases: Sequence[Case], adapter: Adapter | None) -> Tally:
    """Run the cases of one topic; without an adapter none of them is supported."""
    if adapter is None:
        return Tally(topic, False, [Outcome(case, unsupported="no adapter") for case in cases])
    return Tally(topic, True, [judge(case, adapter) for case in cases])


def _topic_line(tally: Tally) -> str:
    counts = (len(tally.outcomes), tally.passed, len(tally.failed), len(tally.unsupported))
    line = "{:<18}{:>7}{:>9}{:>9}{:>21}".format(tally.topic, *counts)
    return line if tally.has_adapter else f"{line}   NO ADAPTER"


def _print_tallies(tallies: Sequence[Tally]) -> None:
    print(
        "{:<18}{:>7}{:>9}{:>9}{:>21}".format(
            "topic", "cases", "passed", "failed", "not yet supported"
        )
    )
    for tally in tallies:
        print(_topic_line(tally))
    total = Tally("all", True, [outcome for tally in tallies for outcome in tally.outcomes])
    print(_topic_line(total))
    for tally in tallies:
        rules = Counter(outcome.unsupported for outcome in tally.unsupported)
        for rule, count in rules.most_common() if tally.has_adapter else ():
            print(f"NOT YET SUPPORTED {tally.topic}: {rule} ({count})")
    for outcome in total.failed:
        print(f"FAILED {outcome.case.id}")
        for line in outcome.differs:
            print(f"    {line}")


def main(arguments: Sequence[str] | None = None, adapters: Path = ADAPTERS) -> int:
    """Run every topic of a folder and print a line for each; the exit status."""
    parser = argparse.ArgumentParser(description="Run billing cases with known answers.")
    parser.add_argument("folder", type=Path, help="the folder with the <topic>.json files")
    parser.add_argument("--topic", action="append", help="only this topic (repeatable)")
    parser.add_argument("--case", action="append", help="only the case with this id (repeatable)")
    options = parser.parse_args(arguments)
    try:
        topics = read_cases(options.folder)
    except UnreadableFolderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    chosen = {
        topic: [case for case in cases if not options.case or case.id in options.case]
        for topic, cases in topics.items()
        if not options.topic or topic in options.topic
    }
    if not any(chosen.values()):
        print("error: no case has that topic or id", file=sys.stderr)
        return 2
    tallies = [
        run_topic(topic, cases, load_adapter(topic, adapters))
        for topic, cases in chosen.items()
        if cases
    ]
    _print_tallies(tallies)
    return 1 if any(tally.failed for tally in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main())
