"""Lists are answered a page at a time."""

from __future__ import annotations

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
