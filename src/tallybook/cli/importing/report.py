"""What became of a file's rows, so far or in all."""

from __future__ import annotations

from collections import Counter

import msgspec

from tallybook.cli.importing.sending import NOT_COUNTED, Answered, Problem

PROBLEMS_SHOWN = 10


class Report(msgspec.Struct):
    """What became of a file's rows.

    `rows` were read; of them `skipped` did not meet the conditions, `unreadable` could not be made
    events; the rest were sent and are in `verdicts`. All of it is of the whole import: `resumed` of
    the rows were answered for by an earlier run that broke off. `files` is how many files there
    were in an archive. `problems` are the first.
    """

    file: str
    rows: int = 0
    skipped: int = 0
    resumed: int = 0
    unreadable: int = 0
    verdicts: dict[str, int] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)
    files: int = 0
    elapsed_seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether every row that was meant to count does."""
        return not (self.unreadable or any(map(self.verdicts.get, NOT_COUNTED)))

    def add(self, answered: Answered) -> tuple[Problem, ...]:
        """Account for the rows of a batch; and its problems, those of its unreadable rows first."""
        batch = answered.batch
        self.rows += batch.read
        self.skipped += batch.skipped
        self.unreadable += len(batch.unreadable)
        self.verdicts = dict(Counter(self.verdicts) + Counter(answered.counts))
        problems = (*batch.unreadable, *answered.problems)
        self.problems += problems[: PROBLEMS_SHOWN - len(self.problems)]
        return problems
