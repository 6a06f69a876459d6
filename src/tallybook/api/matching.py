"""The parameter `match`: values that are asked for, such as `region:eu`."""

from __future__ import annotations

from collections.abc import Sequence

from tallybook.domain.kernel.errors import Invalid


def matches_of(match: Sequence[str] | None, *, named: str) -> dict[str, str]:
    """The value wanted of each property or dimension; `named` says which of these it is."""
    found = {}
    for sent in match or ():
        name, colon, value = sent.partition(":")
        if not colon:
            raise Invalid(
                "bad_match",
                f"{sent[:60]!r} does not say which value of which {named}.",
                field="match",
                mend=f"Send {named}:value, such as region:eu.",
            )
        found[name] = value
    return found
