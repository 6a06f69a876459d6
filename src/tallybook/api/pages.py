"""Lists are answered a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import Parameter

T = TypeVar("T")

Limit = Annotated[int, Parameter(ge=1, le=1000, description="How many results to answer at most.")]
After = Annotated[
    str, Parameter(max_length=400, description="The `next` of the page before; none for the first.")
]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list, and the cursor `next` to ask for more with `after`; null at the end."""

    results: list[T]
    next: str | None = None


def page_of(found: Sequence[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    """A page of what was found when one more than `limit` was asked for; `next` is the last's key.

    That one more is how it is known that the list goes on. It is not answered.
    """
    results = list(found[:limit])
    return Page(results, key(results[-1]) if len(found) > limit else None)
