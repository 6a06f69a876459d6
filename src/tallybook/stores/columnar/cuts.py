"""Windows of time as SQL: which one an instant is in, and which ones a stretch of time touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.metering.windows import MOST_WINDOWS, Window, cut, is_cuttable
from tallybook.stores.columnar.parameters import Parameters, microseconds


class Cuts:
    """The windows between boundaries. In SQL a window is known by a whole number, its key.

    Boundaries at equal distances are computed with; others are searched for in a list. In both
    cases they are the ones given, so that the event store's own time zones play no part.
    """

    def __init__(self, boundaries: Sequence[datetime], parameters: Parameters) -> None:
        self._bounds = [microseconds(boundary) for boundary in boundaries]
        self._step = _common_step(self._bounds)
        spans = [Span(starts, ends) for starts, ends in pairwise(boundaries)]
        if self._step is not None:
            first = self._bounds[1] - self._step
            keys = [first + number * self._step for number in range(len(spans))]
            self._first, self._length = parameters.whole(first), parameters.whole(self._step)
        else:
            keys = self._bounds[:-1]
            self._starts = parameters.wholes(self._bounds[:-1])
            self._ends = parameters.wholes(self._bounds[1:])
        self.spans: Mapping[int, Span] = dict(zip(keys, spans, strict=True))
        """Each window by its key."""

    def key(self, at: str) -> str:
        """The key of the window that the instant `at` is in."""
        if self._step is None:
            return f"roundDown({at}, {self._starts})"
        return f"({self._first} + {self._number(at)} * {self._length})"

    def bounds(self, key: str) -> tuple[str, str]:
        """The start and the end of the window with this key."""
        if self._step is None:
            return key, f"arrayElement({self._ends}, indexOf({self._starts}, {key}))"
        opens, closes = self._bounds[0], self._bounds[-1]
        return f"greatest({key}, {opens})", f"least({key} + {self._length}, {closes})"

    def touched(self, begins: str, ends: str) -> str:
        """The windows that `[begins, ends)` touches, as a list of (key, start, end).

        A stretch without length touches the window that it lies in.
        """
        last = f"greatest({begins}, {ends} - 1)"
        if self._step is None:
            return (
                f"arrayFilter(w -> w.2 <= {last} AND w.3 > {begins}, "
                f"arrayZip({self._starts}, {self._starts}, {self._ends}))"
            )
        key = f"{self._first} + n * {self._length}"
        opens, closes = self.bounds(key)
        return (
            f"arrayMap(n -> ({key}, {opens}, {closes}), "
            f"range({self._number(begins)}, {self._number(last)} + 1))"
        )

    def _number(self, at: str) -> str:
        return f"intDiv({at} - {self._first}, {self._length})"


def days_of(span: Span, timezone: str, parameters: Parameters) -> Cuts:
    """The local days of a span, for a meter that counts by them; `Invalid` if they are too many."""
    if not is_cuttable(span, Window.DAY):
        raise Invalid(
            "too_many_days",
            f"The meter counts by days, and the span has more than {MOST_WINDOWS:,} of them.",
            field="to",
            mend="Ask for a shorter span.",
        )
    return Cuts(cut(span, Window.DAY, zone(timezone)), parameters)


def _common_step(bounds: Sequence[int]) -> int | None:
    """The distance of the inner boundaries, if it is one and the outer are no further off."""
    inner = {later - earlier for earlier, later in pairwise(bounds[1:-1])}
    if len(inner) != 1:
        return None
    step = inner.pop()
    outer = max(bounds[1] - bounds[0], bounds[-1] - bounds[-2])
    return step if outer <= step else None
