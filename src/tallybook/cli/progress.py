"""A bar on standard error: how far, how fast, how long still. Silent where nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Tell = Callable[[int, int, int], None]


class _Rate(ProgressColumn):
    """Rows so far, and rows a second."""

    def render(self, task: Task) -> Text:
        rows = task.fields.get("rows", 0)
        elapsed = task.finished_time or task.elapsed or 0
        rate = f" · {rows / elapsed:,.0f}/s" if elapsed else ""
        return Text(f"{rows:,} {task.fields.get('unit', 'rows')}{rate}")


@contextmanager
def progress_bar(what: str, *, unit: str = "rows") -> Iterator[Tell]:
    """A bar that is told (done, total, rows); done and total are in any one unit."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/]"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=None, rows=0, unit=unit)

        def tell(done: int, total: int, rows: int) -> None:
            progress.update(bar, completed=done, total=total, rows=rows)

        yield tell
